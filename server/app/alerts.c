/* alerts.c - the life of everything about alerts: opened before the engine, driven by its ticks,
 * reloaded as a whole, written out at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/fault.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/rand.h>
#include <streamgauge/time.h>

#include "alerts_priv.h"

/* Room between the offsets of two processes: more frames than are made between two notes of the
 * feed's place. */
#define OFFSET_STEP (UINT64_C(1) << 32)
#define OFFSET_MAX (UINT64_C(1) << 52) /* numbers stay exact in JavaScript */
#define OFFSET_NOTE_MS SG_MS_PER_HOUR
/* Waiting for a queue that is full, at most that much: while the disk refuses, and while it is only
 * slow. All alerts there may be, firing in one tick, are some 300 MiB of rows. */
#define JOURNAL_MAX ((size_t)32 << 20)
#define JOURNAL_SLOW_MAX ((size_t)768 << 20)
#define CALL_WRITE_MS 1000
#define LATE_TICK_MS 500

/* ---- what is kept about the process itself ---- */

static void put_meta(struct sg_journal *j, const char *key, const char *body)
{
    sg_journal_put(j, SG_TABLE_META, sg_str_from(key), sg_str_from(body), 0);
}

static bool get_meta(struct sg_alerts *a, const char *key, struct sg_buf *out)
{
    sg_buf_reset(out);
    return sg_persist_get(a->persist, SG_TABLE_META, sg_str_from(key), out, NULL) == 0;
}

static void note_offset(struct sg_journal *j, uint64_t offset)
{
    char text[32];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)offset);
    put_meta(j, "offset", text);
}

/* The feed goes on where the last process cannot have been. */
static void read_epoch(struct sg_alerts *a, struct sg_journal *j)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    char hex[24];
    uint64_t epoch = 0, offset = 0; /* no epoch is 0 */
    sg_buf_init(&text, 4096);
    if (get_meta(a, "epoch", &text))
        epoch = strtoull(sg_buf_cstr(&text), NULL, 16);
    bool known =
        get_meta(a, "offset", &text) && sg_u64_parse(sg_buf_cstr(&text), text.len, &offset) == 0;
    a->resumed = epoch && known && offset + OFFSET_STEP < OFFSET_MAX;
    a->epoch = a->resumed ? epoch : sg_rand_u64() | 1;
    a->first_offset = a->resumed ? offset + OFFSET_STEP : 0;
    snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)a->epoch);
    put_meta(j, "epoch", hex);
    note_offset(j, a->first_offset);
}

static int read_vapid(struct sg_alerts *a, struct sg_journal *j, struct sg_error *reterr)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 4096);
    if (get_meta(a, "vapid", &text) &&
        sscanf(sg_buf_cstr(&text), "%63s %127s", a->vapid.private_key, a->vapid.public_key) == 2)
        return 0;
    int rc = sg_vapid_new(&a->vapid, reterr);
    sg_buf_reset(&text);
    sg_buf_printf(&text, "%s %s", a->vapid.private_key, a->vapid.public_key);
    if (rc == 0)
        put_meta(j, "vapid", sg_buf_cstr(&text));
    return rc;
}

/* ---- opening ---- */

static void count_start(struct sg_alerts *a, struct sg_journal *j)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    uint64_t starts = 0;
    char number[32];
    sg_buf_init(&text, 64);
    if (get_meta(a, "starts", &text) && sg_u64_parse(sg_buf_cstr(&text), text.len, &starts) < 0)
        starts = 0;
    snprintf(number, sizeof(number), "%llu", (unsigned long long)starts + 1);
    put_meta(j, "starts", number);
}

/* Other threads may be reading the one before. */
static void set_external_url(struct sg_alerts *a, const struct sg_config *c)
{
    char url[256];
    sg_alert_external_url(c, url);
    if (a->n_external_urls && strcmp(a->external_url, url) == 0)
        return;
    a->external_urls = sg_grow(a->external_urls, &a->cap_external_urls, a->n_external_urls + 1,
                               sizeof(*a->external_urls));
    a->external_urls[a->n_external_urls++] = sg_strdup(url);
    a->external_url = a->external_urls[a->n_external_urls - 1];
}

int sg_alerts_open(const struct sg_config *config, struct sg_alerts **ret, struct sg_error *reterr)
{
    struct sg_alerts *a = sg_calloc(1, sizeof(*a));
    struct sg_persist_config p;
    a->config = config;
    a->kept = config->data;
    a->source = (struct sg_source){.name = "rules"};
    pthread_mutex_init(&a->lock, NULL);
    pthread_mutex_init(&a->editing, NULL);
    pthread_mutex_init(&a->reloading, NULL);
    a->journal = sg_journal_new();
    a->zones = sg_zones_new(NULL);
    a->text_zones = sg_zones_new(NULL);
    pthread_mutex_init(&a->text_zones_lock, NULL);
    set_external_url(a, config);
    sg_persist_config_default(&p);
    p.folder = config->data;
    p.max_rows = config->limits.outbox_rows;
    p.max_feed = SG__FEED_KEPT;
    p.hooks = sg__persist_hooks(a);
    int rc = sg_persist_open(&p, &a->persist, reterr);
    if (rc == 0) {
        struct sg_journal *j = sg_journal_new();
        read_epoch(a, j);
        count_start(a, j);
        rc = read_vapid(a, j, reterr);
        if (rc == 0)
            rc = sg_persist_write_take(a->persist, j, reterr);
        else
            sg_journal_free(j);
    }
    if (rc < 0) {
        sg_alerts_free(a);
        return rc;
    }
    *ret = a;
    return 0;
}

void sg_alerts_epoch(const struct sg_alerts *a, uint64_t *ret_epoch, uint64_t *ret_first_offset,
                     bool *ret_resumed)
{
    *ret_epoch = a->epoch;
    *ret_first_offset = a->first_offset;
    *ret_resumed = a->resumed;
}

/* ---- putting back ---- */

struct restoring {
    struct sg_alerts *a;
    enum sg_table table;
    int64_t wall_ms, mono_ms;
};

static void restore_row(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    struct restoring *r = ctx;
    (void)expires_ms;
    if (r->table == SG_TABLE_DIGESTS || r->table == SG_TABLE_DIGEST_POINTS)
        sg_digester_restore(r->a->digester, r->table, key, body, r->wall_ms);
    else if (r->table == SG_TABLE_ALERTS && !sg_str_starts_with(key, SG_STR("api/")))
        sg_ruler_restore(r->a->ruler, key, body, r->wall_ms);
    else
        sg_alerting_restore(r->a->alerting, r->table, key, body, r->wall_ms, r->mono_ms);
}

static int restore(struct sg_alerts *a, struct sg_error *reterr)
{
    static const enum sg_table tables[] = {SG_TABLE_ALERTS,  SG_TABLE_SILENCES,
                                           SG_TABLE_ACKS,    SG_TABLE_NFLOG,
                                           SG_TABLE_DIGESTS, SG_TABLE_DIGEST_POINTS};
    struct restoring r = {.a = a, .wall_ms = sg_wall_now_ms(), .mono_ms = sg_mono_now_ms()};
    int rc = 0;
    for (size_t i = 0; i < SG_ARRAY_LEN(tables) && rc == 0; i++) {
        r.table = tables[i];
        rc = sg_persist_each_of(a->persist, r.table, SG_STR(""), restore_row, &r, reterr);
    }
    if (rc == 0)
        rc = sg__alerts_restore_dead(a, reterr);
    return rc == 0 && a->resumed ? sg__alerts_restore_feed(a, reterr) : rc;
}

/* ---- starting ---- */

const struct sg_labels *sg_alert_external_labels(const struct sg_config *c)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    for (size_t i = 0; i < c->n_external_labels; i++)
        sg_labels_builder_set(&b, sg_str_from(c->external_labels[i].name),
                              sg_str_from(c->external_labels[i].value));
    const struct sg_labels *labels = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return labels;
}

static void make_core(struct sg_alerts *a)
{
    const struct sg_config *c = a->config;
    struct sg_ruler_options r;
    struct sg_alerting_options o;
    const struct sg_labels *labels = sg_alert_external_labels(c);
    sg_ruler_options_default(&r);
    r.hooks = sg__ruler_hooks(a);
    r.interval_ms = c->evaluation_ms;
    r.grace_ms = c->restart_grace_ms;
    r.max_alerts = (uint32_t)c->limits.alerts;
    r.external_url = sg_str_from(a->external_url);
    r.external_labels = labels;
    a->ruler = sg_ruler_new(&r);
    sg_labels_unref(labels);
    sg_alerting_options_default(&o);
    o.hooks = sg__alerting_hooks(a);
    o.external_url = sg_str_from(a->external_url);
    o.max_alerts = (uint32_t)c->limits.alerts;
    o.max_silences = (uint32_t)c->limits.silences;
    a->alerting = sg_alerting_new(&o);
    a->digester = sg__digester_new(a);
}

static char *config_text(const struct sg_receivers *receivers)
{
    struct sg_buf text;
    sg_buf_init(&text, 4u << 20);
    sg_receivers_print(receivers, &text);
    sg_buf_putc(&text, '\0');
    char *s = text.failed ? NULL : sg_buf_steal(&text, NULL);
    sg_buf_deinit(&text);
    return s;
}

/* Threads of requests may read it. */
static void keep_config_take(struct sg_alerts *a, char *text)
{
    pthread_mutex_lock(&a->lock);
    char *old = a->config_text;
    a->config_text = text;
    pthread_mutex_unlock(&a->lock);
    sg_free(old);
}

static int start_notify(struct sg_alerts *a, struct sg_receivers *receivers,
                        struct sg_error *reterr)
{
    struct sg_notify_config n;
    sg_notify_config_default(&n);
    n.hooks = sg__notify_hooks(a);
    n.vapid = a->vapid;
    n.vapid_subject = strncmp(a->external_url, "https://", 8) == 0 ? a->external_url
                                                                   : "mailto:streamgauge@localhost";
    n.user_agent = "streamgauge/" SG_VERSION;
    n.external_url = a->external_url;
    return sg_notify_start(&n, receivers, &a->notify, reterr);
}

static void on_tick(void *ctx, int64_t wall_ms, int64_t mono_ms);

int sg_alerts_start(struct sg_alerts *a, struct sg_engine_thread *engine, struct sg_error *reterr)
{
    struct sg_alert_config ac;
    a->thread = engine;
    a->engine = sg_engine_thread_engine(engine);
    a->live = sg_engine_get_live(a->engine);
    a->store = sg_engine_get_store(a->engine);
    int rc = sg_alert_config_load(a->config, &ac, reterr);
    if (rc < 0)
        return rc;
    make_core(a);
    keep_config_take(a, config_text(ac.receivers));
    sg_alerting_load_take(a->alerting, ac.routing);
    rc = sg_ruler_load_take(a->ruler, ac.rules, reterr);
    ac.routing = NULL;
    ac.rules = NULL;
    if (rc == 0) {
        rc = sg__digests_load_take(a, ac.digests, reterr);
        ac.digests = NULL;
    }
    if (rc == 0)
        rc = restore(a, reterr);
    if (rc == 0) {
        if (!a->kept && (ac.n_receivers || ac.n_rule_files))
            SG_LOG(WARN, "alerts", "alerts do not survive a restart without --data",
                   "receivers=%zu rule_files=%zu", ac.n_receivers, ac.n_rule_files);
        rc = start_notify(a, ac.receivers, reterr);
        ac.receivers = NULL;
    }
    sg_alert_config_deinit(&ac);
    if (rc == 0)
        rc = sg_persist_start(a->persist, reterr);
    sg__routes_outbox(a);
    sg__routes_push(a);
    sg__routes_dashboards(a);
    sg__routes_feed(a);
    sg__routes_digests(a);
    sg_engine_thread_on_tick(engine, on_tick, a);
    return rc;
}

/* ---- the engine's thread ---- */

static void submit(struct sg_alerts *a)
{
    if (sg_journal_empty(a->journal))
        return;
    SG_FAULT("evaluated");
    if (sg_persist_submit_take(a->persist, a->journal) == 0) {
        a->journal = sg_journal_new();
        return;
    }
    if (a->journal->done)
        a->journal->done(a->journal->done_ctx, SG_EBUSY);
    a->journal->done = NULL;
    bool failing =
        atomic_load_explicit(&sg_persist_get_stats(a->persist)->failing, memory_order_relaxed);
    if (a->journal->bytes > (failing ? JOURNAL_MAX : JOURNAL_SLOW_MAX)) {
        SG_LOG(ERROR, "alerts", "cannot be written for too long, changes are lost", "ops=%zu",
               a->journal->n);
        atomic_fetch_add_explicit(&a->lost, a->journal->n, memory_order_relaxed);
        sg_journal_free(a->journal);
        a->journal = sg_journal_new();
    }
}

static void on_tick(void *ctx, int64_t wall_ms, int64_t mono_ms)
{
    struct sg_alerts *a = ctx;
    int64_t alive_ms = atomic_load_explicit(&a->alive_ms, memory_order_relaxed);
    a->wall_ms = wall_ms;
    a->mono_ms = mono_ms;
    /* What was to be told while this tick was late is told as it was then: what fires and ends
     * between two ticks would otherwise never be told to receivers. */
    if (alive_ms && mono_ms - alive_ms > LATE_TICK_MS)
        sg_alerting_tick(a->alerting, wall_ms, mono_ms, a->journal);
    sg_ruler_tick(a->ruler, wall_ms, mono_ms, a->journal);
    sg_digester_tick(a->digester, wall_ms, a->journal);
    sg_live_roots_end(a->live);
    sg_alerting_tick(a->alerting, wall_ms, mono_ms, a->journal);
    if (mono_ms >= a->offset_due_ms) {
        a->offset_due_ms = mono_ms + OFFSET_NOTE_MS;
        note_offset(a->journal, sg_engine_get_offset(a->engine));
    }
    submit(a);
    atomic_store_explicit(&a->alive_ms, mono_ms, memory_order_relaxed);
}

struct call {
    struct sg_alerts *a;
    sg_api_work *fn;
    void *arg;
    struct sg_persist_waiter *written; /* what fn changed; NULL: nothing */
};

/* What it changed is told and handed to be written at once, so that it can be waited for. */
static void run_call(void *arg, int64_t wall_ms, int64_t mono_ms)
{
    struct call *c = arg;
    struct sg_alerts *a = c->a;
    a->wall_ms = wall_ms;
    a->mono_ms = mono_ms;
    c->fn(c->arg, a->alerting, a->ruler, wall_ms, mono_ms);
    sg_alerting_tick(a->alerting, wall_ms, mono_ms, a->journal);
    if (sg_journal_empty(a->journal))
        return;
    c->written = sg_persist_waiter_new(a->journal);
    submit(a);
}

/* Who is answered can rely on it: a disk that refuses is not waited for longer than a moment. */
int sg_alerts_call(void *ctx, sg_api_work *fn, void *arg)
{
    struct sg_alerts *a = ctx;
    struct call c = {.a = a, .fn = fn, .arg = arg};
    int rc = sg_engine_thread_call(a->thread, run_call, &c);
    if (c.written)
        (void)sg_persist_waiter_wait_free(c.written, CALL_WRITE_MS);
    return rc;
}

/* ---- reload ---- */

struct reloading {
    struct sg_alerts *a;
    struct sg_alert_config *ac;
    struct sg_ruler_settings settings;
    int rc;
    struct sg_error err;
};

/* Rules first: they alone can still be refused. Receivers before routes, so that no row names a
 * target that is not there yet. */
static void run_reload(void *arg, struct sg_alerting *alerting, struct sg_ruler *ruler,
                       int64_t wall_ms, int64_t mono_ms)
{
    struct reloading *r = arg;
    (void)wall_ms;
    (void)mono_ms;
    r->rc = sg_ruler_reload_take(ruler, r->ac->rules, &r->settings, &r->err);
    r->ac->rules = NULL;
    if (r->rc < 0)
        return;
    r->rc = sg__digests_load_take(r->a, r->ac->digests, &r->err);
    r->ac->digests = NULL;
    if (r->rc < 0)
        return;
    sg_alerting_set_external_url(alerting, r->settings.external_url);
    sg_notify_reload_take(r->a->notify, r->ac->receivers);
    sg_alerting_load_take(alerting, r->ac->routing);
    r->ac->receivers = NULL;
    r->ac->routing = NULL;
}

int sg_alerts_reload(struct sg_alerts *a, const struct sg_config *c, struct sg_error *reterr)
{
    struct sg_alert_config ac;
    struct reloading r = {.a = a, .ac = &ac};
    char url[256];
    sg_alert_external_url(c, url);
    pthread_mutex_lock(&a->reloading);
    int rc = sg_alert_config_load(c, &ac, reterr);
    if (rc == 0) {
        const struct sg_labels *labels = sg_alert_external_labels(c);
        r.settings = (struct sg_ruler_settings){.interval_ms = c->evaluation_ms,
                                                .external_url = sg_str_from(url),
                                                .external_labels = labels};
        char *text = config_text(ac.receivers);
        rc = sg_alerts_call(a, run_reload, &r);
        if (rc < 0)
            rc = sg_error_set(reterr, SG_ETIMEOUT, "the engine is too busy, try again");
        else if (r.rc < 0)
            rc = sg_error_set(reterr, (enum sg_errc)r.rc, "%s", r.err.text);
        sg_labels_unref(labels);
        if (rc == 0) {
            set_external_url(a, c);
            sg_notify_set_external_url(a->notify, url);
            keep_config_take(a, text);
        } else {
            sg_free(text);
        }
        sg_alert_config_deinit(&ac);
    }
    pthread_mutex_unlock(&a->reloading);
    return rc;
}

void sg_alerts_print_config(void *ctx, struct sg_buf *out)
{
    struct sg_alerts *a = ctx;
    pthread_mutex_lock(&a->lock);
    if (a->config_text)
        sg_buf_puts(out, a->config_text);
    pthread_mutex_unlock(&a->lock);
}

const struct sg_net_route *sg_alerts_routes(const struct sg_alerts *a, size_t *ret_n)
{
    *ret_n = a->n_routes;
    return a->routes;
}

/* ---- the end ---- */

void sg_alerts_hurry(struct sg_alerts *a)
{
    sg_notify_end_tests(a->notify);
}

void sg_alerts_stop(struct sg_alerts *a, int64_t timeout_ms)
{
    if (!a->journal || !a->thread)
        return;
    note_offset(a->journal, sg_engine_get_offset(a->engine));
    submit(a);
    if (a->notify)
        sg_notify_stop(a->notify, timeout_ms / 2);
    sg_persist_stop(a->persist, timeout_ms / 2);
}

void sg_alerts_free(struct sg_alerts *a)
{
    if (!a)
        return;
    sg_notify_free(a->notify);
    sg_persist_free(a->persist);
    sg_alerting_free(a->alerting);
    sg_digester_free(a->digester);
    sg_digests_unref(a->digests);
    sg_ruler_free(a->ruler);
    for (size_t i = 0; i < a->n_external_urls; i++)
        sg_free(a->external_urls[i]);
    sg_free(a->external_urls);
    sg_journal_free(a->journal);
    sg_zones_free(a->zones);
    sg_zones_free(a->text_zones);
    pthread_mutex_destroy(&a->text_zones_lock);
    sg_free(a->config_text);
    sg_free(a->firing.fingerprint);
    pthread_mutex_destroy(&a->lock);
    pthread_mutex_destroy(&a->editing);
    pthread_mutex_destroy(&a->reloading);
    sg_free(a);
}
