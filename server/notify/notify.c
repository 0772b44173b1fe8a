/* notify.c - the notifier's thread and what others call. */
#include <streamgauge/notify.h>

#include <stdio.h>
#include <string.h>

#include <streamgauge/log.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "notify/runtime.h"

/* Wakes at least that often: what could be waiting for a clock that jumped. */
#define MAX_WAIT_MS 1000
/* When the journal of marks was refused. */
#define BUSY_WAIT_MS 20
#define KEPT_CONNECTIONS 128L
/* Browsers' filters are matched on this thread: a match takes some 20 ms at most. */
#define REGEX_BUDGET 4000000

void sg_notify_config_default(struct sg_notify_config *cfg)
{
    *cfg = (struct sg_notify_config){
        .vapid_subject = "https://streamgauge.invalid",
        .user_agent = "streamgauge/" SG_VERSION,
        .external_url = "",
    };
}

/* ---- rows come in ---- */

static struct sg__queue *queue_of(struct sg_notify *n, struct sg_str name)
{
    struct sg__queue *q = NULL;
    if (sg_str_starts_with(name, SG_STR(SG_OUTBOX_PUSH_PREFIX))) {
        name.p += sizeof(SG_OUTBOX_PUSH_PREFIX) - 1;
        name.n -= sizeof(SG_OUTBOX_PUSH_PREFIX) - 1;
    }
    HASH_FIND(hh, n->queues, name.p, name.n, q);
    if (!q) {
        q = sg__queue_new(name);
        sg__queue_aim(q, sg__receivers_find(n->receivers, name), sg_mono_now_ms());
        HASH_ADD_KEYPTR(hh, n->queues, q->name.p, q->name.n, q);
    }
    return q;
}

static void take_inbox(struct sg_notify *n)
{
    for (size_t i = 0; i < n->n_inbox; i++)
        sg__queue_push_take(queue_of(n, n->inbox[i]->target), n->inbox[i], sg_wall_now_ms(),
                            sg_mono_now_ms());
    n->n_inbox = 0;
}

static void reload(struct sg_notify *n)
{
    struct sg_receivers *old = n->receivers;
    n->receivers = n->incoming;
    n->incoming = NULL;
    for (struct sg__queue *q = n->queues; q; q = q->hh.next)
        sg__queue_aim(q, sg__receivers_find(n->receivers, q->name), sg_mono_now_ms());
    sg__periodics_load(n);
    sg_receivers_free(old);
}

/* ---- the thread ---- */

static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static struct sg__item *next_of(struct sg_notify *n, struct sg__queue *q, int64_t *wait)
{
    int64_t w;
    pthread_mutex_lock(&n->lock);
    struct sg__item *item = sg__queue_next(q, sg_mono_now_ms(), &w);
    pthread_mutex_unlock(&n->lock);
    *wait = sooner(*wait, w);
    return item;
}

/* Starts what is due; ms until more is, -1: not by time. */
static int64_t start_due(struct sg_notify *n)
{
    int64_t wait = -1;
    for (struct sg__queue *q = n->queues; q; q = q->hh.next) {
        struct sg__item *item;
        if (!q->target) {
            sg__give_up_all(n, q, "the configuration has this receiver no more");
            continue;
        }
        /* One it may always have, else those that hang would keep it from the others. */
        while ((n->n_transfers < SG__MAX_TRANSFERS || q->in_flight == 0) &&
               (item = next_of(n, q, &wait)))
            (void)sg__start_row(n, q, item);
    }
    return sooner(wait, sg__periodics_run(n));
}

/* False: the marks have to wait. */
static bool submit_marks(struct sg_notify *n)
{
    if (sg_journal_empty(n->marks))
        return true;
    if (!n->cfg.hooks.marked) {
        sg_journal_free(n->marks);
    } else if (n->cfg.hooks.marked(n->cfg.hooks.ctx, n->marks) < 0) {
        return false;
    }
    n->marks = sg_journal_new();
    return true;
}

static bool take_orders(struct sg_notify *n)
{
    pthread_mutex_lock(&n->lock);
    if (n->incoming)
        reload(n);
    take_inbox(n);
    bool stopping = n->stopping;
    pthread_mutex_unlock(&n->lock);
    return !stopping;
}

static void *run(void *arg)
{
    struct sg_notify *n = arg;
    sg_regex_set_budget(REGEX_BUDGET);
    for (;;) {
        int running;
        int64_t wait = MAX_WAIT_MS;
        bool going = take_orders(n);
        if (going) {
            wait = sooner(wait, start_due(n));
        } else if (n->n_transfers == 0 || sg_mono_now_ms() >= n->stop_at_ms) {
            break;
        }
        (void)curl_multi_perform(n->multi, &running);
        bool collected = sg__collect(n);
        if (!submit_marks(n))
            wait = sooner(wait, BUSY_WAIT_MS);
        if (collected) /* others may start at once */
            wait = 0;
        else if (!going)
            wait = sooner(wait, 20);
        (void)curl_multi_poll(n->multi, NULL, 0, (int)wait, NULL);
    }
    while (n->transfers)
        sg__transfer_free(n, n->transfers);
    while (!submit_marks(n) && sg_mono_now_ms() < n->stop_at_ms)
        (void)curl_multi_poll(n->multi, NULL, 0, BUSY_WAIT_MS, NULL);
    return NULL;
}

/* ---- life ---- */

static void init_libcurl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Says in time what would only come out when something is to be told. */
static void warn_of_refused(const struct sg_receivers *r)
{
    for (size_t i = 0; i < r->n_targets; i++) {
        const struct sg__target *t = r->targets[i];
        char why[256] = "";
        if (t->kind->push)
            continue;
        if (!sg__target_allowed(t, &r->guard, why, sizeof(why)))
            SG_LOG(WARN, "notify", "receiver cannot be reached", "target=\"%s\" error=\"%s\"",
                   t->name.p, why);
    }
}

void sg_notify_set_external_url(struct sg_notify *n, const char *url)
{
    const char *was = n->site.external_url;
    if (was && strcmp(was, url) == 0)
        return;
    char *copy = sg_strdup(url);
    n->external_urls = sg_grow(n->external_urls, &n->cap_external_urls, n->n_external_urls + 1,
                               sizeof(*n->external_urls));
    n->external_urls[n->n_external_urls++] = copy;
    n->site.external_url = copy;
}

static void copy_config(struct sg_notify *n, const struct sg_notify_config *cfg)
{
    n->cfg = *cfg;
    n->vapid_subject = sg_strdup(cfg->vapid_subject ? cfg->vapid_subject : "");
    n->user_agent = sg_strdup(cfg->user_agent ? cfg->user_agent : "");
    n->site.user_agent = n->user_agent;
    n->site.vapid = cfg->vapid;
    n->site.vapid_subject = n->vapid_subject;
    n->site.utc_offset = cfg->hooks.utc_offset;
    n->site.utc_offset_ctx = cfg->hooks.ctx;
    sg_notify_set_external_url(n, cfg->external_url ? cfg->external_url : "");
}

int sg_notify_start(const struct sg_notify_config *cfg, struct sg_receivers *receivers_take,
                    struct sg_notify **ret, struct sg_error *reterr)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sg_notify *n = sg_calloc(1, sizeof(*n));
    (void)pthread_once(&once, init_libcurl);
    copy_config(n, cfg);
    n->receivers = receivers_take;
    n->prng.state = sg_rand_u64();
    n->marks = sg_journal_new();
    (void)pthread_mutex_init(&n->lock, NULL);
    n->multi = curl_multi_init();
    sg__periodics_load(n);
    warn_of_refused(n->receivers);
    if (n->multi)
        (void)curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    if (!n->multi || pthread_create(&n->thread, NULL, run, n) != 0) {
        sg_notify_free(n);
        return sg_error_set(reterr, SG_EIO, "cannot start the thread that sends notifications");
    }
    n->started = true;
    *ret = n;
    return 0;
}

void sg_notify_stop(struct sg_notify *n, int64_t timeout_ms)
{
    if (!n || !n->started)
        return;
    pthread_mutex_lock(&n->lock);
    n->stopping = true;
    n->stop_at_ms = sg_mono_now_ms() + timeout_ms;
    pthread_mutex_unlock(&n->lock);
    (void)curl_multi_wakeup(n->multi);
    (void)pthread_join(n->thread, NULL);
    n->started = false;
}

void sg_notify_free(struct sg_notify *n)
{
    struct sg__queue *q, *next;
    if (!n)
        return;
    sg_notify_stop(n, 0);
    HASH_ITER(hh, n->queues, q, next)
    {
        HASH_DEL(n->queues, q);
        sg__queue_free(q);
    }
    for (struct sg__periodic *p = n->periodics, *after; p; p = after) {
        after = p->next;
        sg__periodic_free(p);
    }
    for (size_t i = 0; i < n->n_inbox; i++)
        sg_free(n->inbox[i]);
    while (n->n_spare)
        curl_easy_cleanup(n->spare[--n->n_spare]);
    if (n->multi)
        (void)curl_multi_cleanup(n->multi);
    sg_free(n->inbox);
    sg_receivers_free(n->receivers);
    sg_receivers_free(n->incoming);
    sg_journal_free(n->marks);
    sg__refusals_deinit(&n->refusals);
    (void)pthread_mutex_destroy(&n->lock);
    sg_free(n->vapid_subject);
    sg_free(n->user_agent);
    for (size_t i = 0; i < n->n_external_urls; i++)
        sg_free(n->external_urls[i]);
    sg_free(n->external_urls);
    sg_free(n);
}

/* ---- for other threads ---- */

void sg_notify_reload_take(struct sg_notify *n, struct sg_receivers *receivers)
{
    warn_of_refused(receivers);
    pthread_mutex_lock(&n->lock);
    struct sg_receivers *skipped = n->incoming;
    n->incoming = receivers;
    pthread_mutex_unlock(&n->lock);
    sg_receivers_free(skipped);
    (void)curl_multi_wakeup(n->multi);
}

void sg_notify_send_take(struct sg_notify *n, struct sg_outbox_row **rows, size_t n_rows)
{
    pthread_mutex_lock(&n->lock);
    n->inbox =
        sg_grow(n->inbox, &n->cap_inbox, n->n_inbox + n_rows, sizeof(struct sg_outbox_row *));
    memcpy(n->inbox + n->n_inbox, rows, n_rows * sizeof(struct sg_outbox_row *));
    n->n_inbox += n_rows;
    pthread_mutex_unlock(&n->lock);
    (void)curl_multi_wakeup(n->multi);
}

static void fill_info(const struct sg__queue *q, struct sg_target_info *t)
{
    int64_t due = sg__queue_due(q);
    t->waiting = q->waiting;
    t->in_flight = q->in_flight;
    t->sent = q->sent;
    t->failed = q->failed;
    t->dead = q->dead;
    t->dropped = q->dropped;
    t->oldest_ms = sg__queue_oldest(q);
    t->last_ok_ms = q->last_ok_wall_ms;
    t->last_failure_ms = q->last_failure_wall_ms;
    t->next_ms = due < 0 ? 0 : sg_wall_now_ms() + (due - sg_mono_now_ms());
    t->healthy = q->failures == 0 && !q->dead_told;
    snprintf(t->last_error, sizeof(t->last_error), "%s", q->last_error);
}

static void fill_periodic(const struct sg_notify *n, struct sg_target_info *t)
{
    for (const struct sg__periodic *p = n->periodics; p; p = p->next) {
        if (!sg_str_eq(p->name, t->target) || !p->target->kind->no_rows)
            continue;
        t->sent = p->sent;
        t->failed = p->failed;
        t->healthy = !p->failing;
        t->last_ok_ms = p->last_ok_wall_ms;
        t->last_failure_ms = p->last_failure_wall_ms;
        snprintf(t->last_error, sizeof(t->last_error), "%s", p->last_error);
    }
}

void sg_notify_each(struct sg_notify *n, void (*each)(void *ctx, const struct sg_target_info *t),
                    void *ctx)
{
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->receivers->n_targets; i++) {
        const struct sg__target *target = n->receivers->targets[i];
        struct sg_target_info t = {
            .target = target->name, .kind = target->kind->name, .healthy = true};
        struct sg__queue *q = NULL;
        HASH_FIND(hh, n->queues, target->name.p, target->name.n, q);
        if (q)
            fill_info(q, &t);
        fill_periodic(n, &t);
        each(ctx, &t);
    }
    pthread_mutex_unlock(&n->lock);
}

struct sg_receivers *sg__notify_receivers(struct sg_notify *n)
{
    pthread_mutex_lock(&n->lock);
    struct sg_receivers *r = sg__receivers_ref(n->receivers);
    pthread_mutex_unlock(&n->lock);
    return r;
}
