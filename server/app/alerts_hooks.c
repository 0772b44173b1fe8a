/* alerts_hooks.c - what ruler, alerting, persist and notify ask of the rest. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/live.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/time.h>

#include "alerts_priv.h"

#define ALIVE_MS 10000 /* the engine counts as alive so long after a tick */
#define FEED_KEPT 256  /* what the live feed takes back */
#define DEAD_LETTER "StreamgaugeDeadLetter"
#define DEAD_METRIC "streamgauge_notifications_dead_total"
#define GIVEN_UP "Notifications are given up"
#define DEAD_KEY "dead:" /* and the target: in SG_TABLE_META */
#define DEAD_AGAIN_MS (10 * SG_MS_PER_MIN)
#define OVERFLOW_AGAIN_MS SG_MS_PER_MIN

/* ---- of the ruler: the graph of the live streams, the store ---- */

static int on_add(void *ctx, struct sg_promql *q, struct sg_promql_root **ret,
                  struct sg_error *reterr)
{
    struct sg_alerts *a = ctx;
    return sg_live_root_add(a->live, q, ret, reterr);
}

static void on_remove(void *ctx, struct sg_promql_root *root)
{
    struct sg_alerts *a = ctx;
    sg_live_root_remove(a->live, root);
}

static void on_begin(void *ctx)
{
    struct sg_alerts *a = ctx;
    sg_live_roots_begin(a->live);
}

static int on_eval(void *ctx, struct sg_promql_root *root, int64_t time_ms,
                   struct sg_promql_view *ret, struct sg_error *reterr)
{
    struct sg_alerts *a = ctx;
    return sg_live_root_eval(a->live, root, time_ms, ret, reterr);
}

static int on_query(void *ctx, struct sg_str expr, int64_t time_ms, struct sg_promql_result *ret,
                    struct sg_error *reterr)
{
    struct sg_alerts *a = ctx;
    return sg_live_query(a->live, expr, time_ms, ret, reterr);
}

/* *id holds the store's id and, above it, the epoch of expiry it is known from: ids of series that
 * have expired since may have been given to others. */
static int on_append(void *ctx, const struct sg_labels *labels, uint64_t *id, int64_t time_ms,
                     double v, struct sg_error *reterr)
{
    struct sg_alerts *a = ctx;
    uint32_t series = (uint32_t)*id - 1;
    uint32_t epoch = atomic_load(&sg_store_gate(a->store)->expire_epoch);
    if ((uint32_t)*id == 0 || (uint32_t)(*id >> 32) != epoch) {
        int rc = sg_store_intern(a->store, labels, &a->source, &series, reterr);
        if (rc < 0)
            return rc;
        *id = (uint64_t)epoch << 32 | (series + 1);
    }
    atomic_fetch_add_explicit(&a->source.samples, 1, memory_order_relaxed);
    return sg_store_append(a->store, series, time_ms, v, a->wall_ms, reterr);
}

static void on_alert(void *ctx, const struct sg_alert *alert, enum sg_alert_state state)
{
    struct sg_alerts *a = ctx;
    (void)state; /* ends_ms says it */
    struct sg_error err = {0};
    if (sg_alerting_alert(a->alerting, alert, a->wall_ms, a->mono_ms, &err) < 0)
        SG_LOG(WARN, "alerts", "an alert is not taken", "rule=\"%.*s\" reason=\"%s\"",
               SG_STR_ARG(alert->rule), err.text);
}

static int64_t on_resend(void *ctx, const struct sg_labels *labels)
{
    const struct sg_alerts *a = ctx;
    return sg_alerting_resend_ms(a->alerting, labels);
}

static uint64_t on_clock_ns(void *ctx)
{
    (void)ctx;
    return sg_mono_now_ns();
}

struct sg_ruler_hooks sg__ruler_hooks(struct sg_alerts *a)
{
    return (struct sg_ruler_hooks){.add = on_add,
                                   .remove = on_remove,
                                   .begin = on_begin,
                                   .eval = on_eval,
                                   .query = on_query,
                                   .append = on_append,
                                   .alert = on_alert,
                                   .resend = on_resend,
                                   .clock_ns = on_clock_ns,
                                   .ctx = a};
}

/* ---- what fires, for those who want to acknowledge it ---- */

static size_t firing_place(const struct sg__firing *f, uint64_t fingerprint)
{
    size_t i = (size_t)sg_hash_mix(fingerprint) & f->mask;
    while (f->fingerprint[i] && f->fingerprint[i] != fingerprint)
        i = (i + 1) & f->mask;
    return i;
}

static void firing_grow(struct sg__firing *f)
{
    struct sg__firing old = *f;
    f->mask = old.fingerprint ? old.mask * 2 + 1 : 63;
    f->fingerprint = sg_calloc(f->mask + 1, sizeof(*f->fingerprint));
    for (size_t i = 0; old.fingerprint && i <= old.mask; i++)
        if (old.fingerprint[i])
            f->fingerprint[firing_place(f, old.fingerprint[i])] = old.fingerprint[i];
    sg_free(old.fingerprint);
}

/* Entries after the hole move up while that brings them nearer to their place. */
static void firing_remove(struct sg__firing *f, size_t hole)
{
    for (size_t i = hole;;) {
        i = (i + 1) & f->mask;
        if (!f->fingerprint[i])
            break;
        size_t home = (size_t)sg_hash_mix(f->fingerprint[i]) & f->mask;
        if (((i - home) & f->mask) >= ((i - hole) & f->mask)) {
            f->fingerprint[hole] = f->fingerprint[i];
            hole = i;
        }
    }
    f->fingerprint[hole] = 0;
    f->n--;
}

void sg__firing_set(struct sg__firing *f, uint64_t fingerprint, bool firing)
{
    if (!fingerprint || (!firing && !f->n))
        return;
    if (firing && (!f->fingerprint || f->n * 2 >= f->mask))
        firing_grow(f);
    size_t i = firing_place(f, fingerprint);
    if (firing && !f->fingerprint[i]) {
        f->fingerprint[i] = fingerprint;
        f->n++;
    } else if (!firing && f->fingerprint[i]) {
        firing_remove(f, i);
    }
}

bool sg__firing_has(const struct sg__firing *f, uint64_t fingerprint)
{
    return f->n && fingerprint && f->fingerprint[firing_place(f, fingerprint)] == fingerprint;
}

/* The fingerprint in an id of a notification, or the fingerprint itself; 0: it is neither. */
static uint64_t fingerprint_of(struct sg_str id)
{
    uint64_t fp = 0;
    size_t i = 0;
    for (; i < id.n && i < 16; i++) {
        const char *digits = "0123456789abcdef", *d = id.p[i] ? strchr(digits, id.p[i]) : NULL;
        if (!d)
            return 0;
        fp = fp << 4 | (uint64_t)(d - digits);
    }
    return i == 16 && (id.n == 16 || id.p[16] == '-') ? fp : 0;
}

/* ---- of alerting: the feed ---- */

static void note_firing(struct sg_alerts *a, struct sg_str json)
{
    json_t *note = json_loadb(json.p, json.n, 0, NULL);
    const char *id = json_string_value(json_object_get(note, "id"));
    const char *status = json_string_value(json_object_get(note, "status"));
    if (id && status) {
        pthread_mutex_lock(&a->lock);
        sg__firing_set(&a->firing, fingerprint_of(sg_str_from(id)),
                       strcmp(status, "resolved") != 0);
        pthread_mutex_unlock(&a->lock);
    }
    json_decref(note);
}

static void on_notify(void *ctx, struct sg_str json, const char *severity,
                      const struct sg_labels *labels)
{
    struct sg_alerts *a = ctx;
    struct sg_buf text;
    sg_buf_init(&text, 1u << 20);
    sg_labels_print_json(labels ? labels : sg_labels_empty(), &text);
    uint64_t offset = sg_live_notify(a->live, a->wall_ms, json, sg_str_from(severity), labels);
    sg_journal_add(a->journal, &(struct sg_journal_op){.kind = SG_JOURNAL_FEED,
                                                       .number = offset,
                                                       .time_ms = a->wall_ms,
                                                       .key = sg_str_from(severity),
                                                       .body = json,
                                                       .extra = sg_buf_str(&text)});
    note_firing(a, json);
    sg_buf_deinit(&text);
}

static int on_utc_offset(void *ctx, struct sg_str zone, int64_t wall_ms, int32_t *ret_s)
{
    struct sg_alerts *a = ctx;
    return sg_zones_offset(a->zones, zone, wall_ms, ret_s);
}

/* Of texts to receivers: on notify's thread, and on those that try a receiver. */
static int on_text_offset(void *ctx, struct sg_str zone, int64_t wall_ms, int32_t *ret_s)
{
    struct sg_alerts *a = ctx;
    pthread_mutex_lock(&a->text_zones_lock);
    int rc = sg_zones_offset(a->text_zones, zone, wall_ms, ret_s);
    pthread_mutex_unlock(&a->text_zones_lock);
    return rc;
}

struct sg_alerting_hooks sg__alerting_hooks(struct sg_alerts *a)
{
    return (struct sg_alerting_hooks){
        .notify = on_notify, .random_bytes = sg_rand_bytes, .utc_offset = on_utc_offset, .ctx = a};
}

static const struct sg_labels *parse_labels(struct sg_str text)
{
    struct sg_labels_builder b;
    json_t *json = json_loadb(text.p, text.n, 0, NULL), *value;
    const char *name;
    sg_labels_builder_init(&b);
    json_object_foreach(json, name, value)
    {
        if (json_is_string(value))
            sg_labels_builder_set(&b, sg_str_from(name),
                                  sg_str_make(json_string_value(value), json_string_length(value)));
    }
    const struct sg_labels *labels = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    json_decref(json);
    return labels;
}

static void restore_note(void *ctx, const struct sg_persist_note *n)
{
    struct sg_alerts *a = ctx;
    if (n->prev >= n->offset || n->offset > a->first_offset)
        return; /* of an epoch that ended */
    const struct sg_labels *labels = parse_labels(n->labels);
    sg_live_restore(a->live, &(struct sg_live_note){.offset = n->offset,
                                                    .prev = n->prev,
                                                    .time_ms = n->time_ms,
                                                    .json = n->json,
                                                    .severity = n->severity,
                                                    .labels = labels});
    sg_labels_unref(labels);
    note_firing(a, n->json);
}

int sg__alerts_restore_feed(struct sg_alerts *a, struct sg_error *reterr)
{
    return sg_persist_feed(a->persist, INT64_MIN, INT64_MAX, FEED_KEPT, restore_note, a, reterr);
}

/* ---- acknowledging ---- */

struct acking {
    struct sg_alerts *a;
    size_t n_id, n_comment, n_by;
    char text[]; /* id, comment, by: each NUL-terminated */
};

static void run_ack(void *arg, int64_t wall_ms, int64_t mono_ms)
{
    struct acking *w = arg;
    struct sg_error err = {0};
    struct sg_ack ack = {
        .by = SG_STR("viewer"), .comment = sg_str_from(w->text + w->n_id + 1), .at_ms = wall_ms};
    w->a->wall_ms = wall_ms;
    w->a->mono_ms = mono_ms;
    if (sg_alerting_ack(w->a->alerting, sg_str_make(w->text, w->n_id), &ack, wall_ms, &err) < 0)
        SG_LOG(INFO, "alerts", "an acknowledgement came too late", "id=\"%s\" reason=\"%s\"",
               w->text, err.text);
    sg_free(w);
}

int sg_alerts_ack(void *ctx, struct sg_str id, struct sg_str comment, struct sg_str by,
                  struct sg_error *reterr)
{
    struct sg_alerts *a = ctx;
    pthread_mutex_lock(&a->lock);
    bool known = sg__firing_has(&a->firing, fingerprint_of(id));
    pthread_mutex_unlock(&a->lock);
    if (!known)
        return sg_error_set(reterr, SG_ENOTFOUND, "there is no firing notification '%.*s'",
                            id.n < 64 ? (int)id.n : 64, id.p ? id.p : "");
    if (!by.n)
        by = SG_STR("viewer");
    struct acking *w = sg_calloc(1, sizeof(*w) + id.n + comment.n + by.n + 3);
    *w = (struct acking){.a = a, .n_id = id.n, .n_comment = comment.n, .n_by = by.n};
    memcpy(w->text, id.p, id.n);
    if (comment.n)
        memcpy(w->text + id.n + 1, comment.p, comment.n);
    memcpy(w->text + id.n + comment.n + 2, by.p, by.n);
    if (sg_engine_thread_post(a->thread, run_ack, w) == 0)
        return 0;
    sg_free(w);
    return sg_error_set(reterr, SG_EBUSY, "the engine is busy, try again");
}

/* ---- alerts about ourselves ---- */

struct telling {
    struct sg_alerts *a;
    const char *name, *summary, *metric; /* metric: which shows it; a name, needs no escapes */
    char *target, *text;                 /* text NULL: well again */
    int64_t lasts_ms;                    /* ends by itself after that; 0: when it is told */
};

static void set_c(struct sg_labels_builder *b, const char *name, const char *value)
{
    sg_labels_builder_set(b, sg_str_from(name), sg_str_from(value));
}

static const struct sg_labels *own_labels(const struct telling *w)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    set_c(&b, "alertname", w->name);
    set_c(&b, "job", "streamgauge");
    set_c(&b, "severity", "critical");
    if (*w->target)
        set_c(&b, "target", w->target);
    const struct sg_labels *labels = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return labels;
}

static const struct sg_labels *own_annotations(const struct telling *w)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    set_c(&b, "summary", w->summary);
    set_c(&b, "description", w->text ? w->text : "");
    const struct sg_labels *labels = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return labels;
}

static void run_tell(void *arg, int64_t wall_ms, int64_t mono_ms)
{
    struct telling *w = arg;
    struct sg_error err = {0};
    SG_AUTO(sg_buf_deinit) struct sg_buf url;
    sg_buf_init(&url, 4096);
    sg_buf_printf(&url, "%s/graph?g0.expr=%s&g0.tab=0", w->a->external_url, w->metric);
    struct sg_alert alert = {.labels = own_labels(w),
                             .annotations = own_annotations(w),
                             .starts_ms = wall_ms,
                             .ends_ms = w->text && !w->lasts_ms ? 0 : wall_ms + w->lasts_ms,
                             .value = (double)NAN,
                             .generator_url = sg_buf_str(&url),
                             .rule = SG_STR("streamgauge")};
    w->a->wall_ms = wall_ms;
    w->a->mono_ms = mono_ms;
    if (sg_alerting_alert(w->a->alerting, &alert, wall_ms, mono_ms, &err) < 0)
        SG_LOG(WARN, "alerts", "an alert about ourselves is not taken", "name=%s reason=\"%s\"",
               w->name, err.text);
    sg_labels_unref(alert.labels);
    sg_labels_unref(alert.annotations);
    sg_free(w->target);
    sg_free(w->text);
    sg_free(w);
}

static void tell(const struct telling *what, struct sg_str target, const char *text)
{
    struct telling *w = sg_memdup(what, sizeof(*what));
    w->target = sg_str_dup(target);
    w->text = text ? sg_strdup(text) : NULL;
    if (sg_engine_thread_post(w->a->thread, run_tell, w) == 0)
        return;
    sg_free(w->target);
    sg_free(w->text);
    sg_free(w);
}

static void restore_dead(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    struct telling *w = ctx;
    SG_AUTO(sg_free_ptr) char *text = sg_str_dup(body);
    (void)expires_ms;
    tell(w, sg_str_make(key.p + sizeof(DEAD_KEY) - 1, key.n - (sizeof(DEAD_KEY) - 1)), text);
}

/* Nobody knows whether they are well by now: if no more is given up, they are. */
int sg__alerts_restore_dead(struct sg_alerts *a, struct sg_error *reterr)
{
    struct telling w = {.a = a,
                        .name = DEAD_LETTER,
                        .summary = GIVEN_UP,
                        .metric = DEAD_METRIC,
                        .lasts_ms = DEAD_AGAIN_MS};
    return sg_persist_each_of(a->persist, SG_TABLE_META, SG_STR(DEAD_KEY), restore_dead, &w,
                              reterr);
}

/* ---- of persist and notify ---- */

static void on_rows(void *ctx, struct sg_outbox_row **rows, size_t n)
{
    struct sg_alerts *a = ctx;
    sg_notify_send_take(a->notify, rows, n);
}

static void on_health(void *ctx, const char *text)
{
    tell(&(struct telling){.a = ctx,
                           .name = "StreamgaugePersistFailing",
                           .summary = "streamgauge cannot write its state",
                           .metric = "streamgauge_persist_failing"},
         SG_STR(""), text);
}

/* Not for every commit of a storm: the alert makes rows itself. */
static void on_given_up(void *ctx, uint64_t n)
{
    struct sg_alerts *a = ctx;
    int64_t now_ms = sg_mono_now_ms();
    char text[160];
    if (a->overflow_ms && now_ms - a->overflow_ms < OVERFLOW_AGAIN_MS)
        return;
    a->overflow_ms = now_ms;
    snprintf(
        text, sizeof(text),
        "More than %llu were waiting (limits.outbox_rows): the oldest are dead letters, %llu of "
        "them just now; see /api/v1/outbox?state=dead",
        (unsigned long long)a->config->limits.outbox_rows, (unsigned long long)n);
    tell(&(struct telling){.a = a,
                           .name = "StreamgaugeOutboxFull",
                           .summary = GIVEN_UP,
                           .metric = "streamgauge_outbox_waiting",
                           .lasts_ms = 2 * OVERFLOW_AGAIN_MS},
         SG_STR(""), text);
}

struct sg_persist_hooks sg__persist_hooks(struct sg_alerts *a)
{
    return (struct sg_persist_hooks){.rows = on_rows,
                                     .health = on_health,
                                     .given_up = on_given_up,
                                     .digest = sg__digest_compose,
                                     .ctx = a};
}

static int on_marked(void *ctx, struct sg_journal *j)
{
    struct sg_alerts *a = ctx;
    return sg_persist_submit_take(a->persist, j);
}

/* Kept, so that the alert is there again after a restart. */
static void on_dead(void *ctx, struct sg_str target, const char *text)
{
    struct sg_alerts *a = ctx;
    SG_AUTO(sg_buf_deinit) struct sg_buf key;
    struct sg_journal *j = sg_journal_new();
    sg_buf_init(&key, 4096);
    sg_buf_puts(&key, DEAD_KEY);
    sg_buf_put_str(&key, target);
    if (text)
        sg_journal_put(j, SG_TABLE_META, sg_buf_str(&key), sg_str_from(text),
                       sg_wall_now_ms() + SG_MS_PER_DAY);
    else
        sg_journal_delete(j, SG_TABLE_META, sg_buf_str(&key));
    if (sg_persist_submit_take(a->persist, j) < 0)
        sg_journal_free(j);
    tell(&(struct telling){.a = a, .name = DEAD_LETTER, .summary = GIVEN_UP, .metric = DEAD_METRIC},
         target, text);
}

static bool on_alive(void *ctx)
{
    const struct sg_alerts *a = ctx;
    return sg_mono_now_ms() - atomic_load(&a->alive_ms) < ALIVE_MS;
}

struct sg_notify_hooks sg__notify_hooks(struct sg_alerts *a)
{
    /* Persist keeps what is handed over within bounds, so notify need not ask for more. */
    return (struct sg_notify_hooks){.marked = on_marked,
                                    .dead = on_dead,
                                    .alive = on_alive,
                                    .utc_offset = on_text_offset,
                                    .ctx = a};
}
