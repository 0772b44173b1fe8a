/* transfer.c - attempts: started, collected, and what becomes of their rows. */
#include <stdio.h>
#include <string.h>

#include <streamgauge/fault.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "notify/runtime.h"

#define MAX_SHRINK 3

/* ---- transfers ---- */

struct sg__transfer *sg__transfer_new(struct sg_notify *n, const struct sg__target *t)
{
    struct sg__transfer *x = sg_calloc(1, sizeof(*x));
    sg__call_init(&x->call);
    x->target = t;
    x->receivers = sg__receivers_ref(n->receivers);
    x->next = n->transfers;
    x->link = &n->transfers;
    if (x->next)
        x->next->link = &x->next;
    n->transfers = x;
    n->n_transfers++;
    return x;
}

void sg__transfer_free(struct sg_notify *n, struct sg__transfer *x)
{
    CURL *easy = x->call.easy;
    if (easy) {
        (void)curl_multi_remove_handle(n->multi, easy);
        if (n->n_spare < SG_ARRAY_LEN(n->spare)) {
            curl_easy_reset(easy);
            n->spare[n->n_spare++] = easy;
        } else {
            curl_easy_cleanup(easy);
        }
    }
    *x->link = x->next;
    if (x->next)
        x->next->link = x->link;
    n->n_transfers--;
    sg__call_deinit(&x->call);
    sg__note_deinit(&x->note);
    sg_receivers_free(x->receivers);
    sg_free(x);
}

bool sg__start(struct sg_notify *n, struct sg__transfer *x, struct sg_error *reterr)
{
    CURL *easy = n->n_spare ? n->spare[--n->n_spare] : curl_easy_init();
    if (!easy) {
        (void)sg_error_set(reterr, SG_ENOMEM, "libcurl has no memory");
        return false;
    }
    x->call.easy = easy;
    if (sg__call_prepare(&x->call, easy, x->target, &n->site, &x->receivers->guard, reterr) < 0)
        return false;
    if (curl_multi_add_handle(n->multi, easy) != CURLM_OK) {
        (void)sg_error_set(reterr, SG_ENOMEM, "libcurl takes no further transfer");
        return false;
    }
    return true;
}

/* ---- what becomes of a row ---- */

struct outcome {
    enum sg__verdict verdict;
    int64_t retry_after_ms; /* -1: not said */
    const char *why;
    bool answered; /* with a status */
};

static void mark(struct sg_notify *n, enum sg_journal_kind kind, const struct sg_outbox_row *row,
                 int64_t time_ms, const char *why)
{
    sg_journal_add(n->marks, &(struct sg_journal_op){.kind = kind,
                                                     .number = row->id,
                                                     .attempts = row->attempts,
                                                     .time_ms = time_ms,
                                                     .key = SG_STR(""),
                                                     .target = SG_STR(""),
                                                     .order_key = SG_STR(""),
                                                     .body = sg_str_from(why),
                                                     .extra = SG_STR("")});
}

static void note_failure(struct sg__queue *q, const char *why)
{
    q->failed++;
    q->last_failure_wall_ms = sg_wall_now_ms();
    snprintf(q->last_error, sizeof(q->last_error), "%s", why);
}

/* The endpoint of a row for a browser; dst is emptied first. */
static struct sg_str endpoint_of(const struct sg__item *item, struct sg_buf *dst)
{
    json_t *push =
        item->row->push.n ? json_loadb(item->row->push.p, item->row->push.n, 0, NULL) : NULL;
    sg_buf_init(dst, 8192);
    sg_buf_put_str(dst, sg__json_text(push, "endpoint"));
    json_decref(push);
    return sg_buf_str(dst);
}

static void settle_sent(struct sg_notify *n, struct sg__queue *q, struct sg__item *item)
{
    mark(n, SG_JOURNAL_SENT, item->row, sg_wall_now_ms(), "");
    pthread_mutex_lock(&n->lock);
    bool was_dead = q->dead_told, failed = q->failures > 0;
    q->sent++;
    q->last_ok_wall_ms = sg_wall_now_ms();
    q->dead_told = false;
    sg__queue_succeeded(q, sg_mono_now_ms());
    sg__queue_done(q, item);
    pthread_mutex_unlock(&n->lock);
    if (failed)
        SG_LOG(INFO, "notify", "receiver is well again", "target=\"%s\"", q->name.p);
    if (was_dead && n->cfg.hooks.dead)
        n->cfg.hooks.dead(n->cfg.hooks.ctx, q->name, NULL);
}

static void settle_dead(struct sg_notify *n, struct sg__queue *q, struct sg__item *item,
                        const char *why)
{
    SG_LOG(WARN, "notify", "notification given up",
           "target=\"%s\" row=%llu attempts=%u error=\"%s\"", q->name.p,
           (unsigned long long)item->row->id, (unsigned)item->row->attempts, why);
    mark(n, SG_JOURNAL_DEAD, item->row, sg_wall_now_ms(), why);
    pthread_mutex_lock(&n->lock);
    bool tell = !q->dead_told;
    q->dead++;
    q->dead_told = true;
    note_failure(q, why);
    sg__queue_done(q, item);
    pthread_mutex_unlock(&n->lock);
    if (tell && n->cfg.hooks.dead)
        n->cfg.hooks.dead(n->cfg.hooks.ctx, q->name, why);
}

static void settle_retry(struct sg_notify *n, struct sg__queue *q, struct sg__item *item,
                         const struct outcome *o)
{
    int64_t now = sg_mono_now_ms(), delay = sg__backoff_ms(item->row->attempts, &n->prng);
    if (o->retry_after_ms > delay)
        delay = o->retry_after_ms;
    if (now + delay - item->born_ms > n->receivers->give_up_ms) {
        settle_dead(n, q, item, o->why);
        return;
    }
    mark(n, SG_JOURNAL_RETRY, item->row, sg_wall_now_ms() + delay, o->why);
    pthread_mutex_lock(&n->lock);
    bool first = q->failures == 0;
    note_failure(q, o->why);
    sg__queue_failed(q, now, o->retry_after_ms > 0 ? o->retry_after_ms : 0, &n->prng);
    sg__queue_again(q, item, now + delay);
    pthread_mutex_unlock(&n->lock);
    if (first)
        SG_LOG(WARN, "notify", "delivery failed, trying again",
               "target=\"%s\" attempts=%u retry_ms=%lld error=\"%s\"", q->name.p,
               (unsigned)item->row->attempts, (long long)delay, o->why);
}

static void note_taken(struct sg_notify *n, const struct sg__item *item)
{
    if (!n->refusals.all)
        return;
    SG_AUTO(sg_buf_deinit) struct sg_buf endpoint;
    struct sg_str text = endpoint_of(item, &endpoint);
    sg__refusals_forget(&n->refusals, text);
}

static void drop_subscription(struct sg_notify *n, struct sg__queue *q, struct sg_str endpoint)
{
    sg_journal_delete(n->marks, SG_TABLE_PUSH, endpoint);
    pthread_mutex_lock(&n->lock);
    q->dropped++;
    pthread_mutex_unlock(&n->lock);
}

/* The browser has unsubscribed: its row counts as done, its subscription goes. */
static void settle_gone(struct sg_notify *n, struct sg__queue *q, struct sg__item *item)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    struct sg_str endpoint = endpoint_of(item, &text);
    if (endpoint.n)
        drop_subscription(n, q, endpoint);
    settle_sent(n, q, item);
}

/* One browser's row is given up, and after some its subscription. Nobody is alarmed: whoever may
 * read could do that. What stands behind the host of an endpoint is a secret. */
static void settle_unwanted(struct sg_notify *n, struct sg__queue *q, struct sg__item *item,
                            const char *why)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    struct sg_str endpoint = endpoint_of(item, &text);
    char service[SG__PUSH_SERVICE_SIZE];
    (void)sg__push_service(item->row->push, service);
    mark(n, SG_JOURNAL_DEAD, item->row, sg_wall_now_ms(), why);
    if (endpoint.n && sg__refusals_add(&n->refusals, endpoint)) {
        SG_LOG(WARN, "notify", "a browser's subscription is dropped: it was refused too often",
               "target=\"%s\" service=\"%s\" refusals=%d error=\"%s\"", q->name.p, service,
               SG__PUSH_REFUSALS, why);
        drop_subscription(n, q, endpoint);
    }
    pthread_mutex_lock(&n->lock);
    q->dead++;
    note_failure(q, why);
    sg__queue_done(q, item);
    pthread_mutex_unlock(&n->lock);
}

/* An address instead of a name that may not be called is no outage of ours. */
static bool unwanted(const struct sg__item *item, const struct outcome *o)
{
    char service[SG__PUSH_SERVICE_SIZE];
    if (o->verdict != SG__REFUSED || o->answered || !item->row->push.n)
        return o->verdict == SG__UNWANTED;
    (void)sg__push_service(item->row->push, service);
    return sg__push_service_is_address(service);
}

static void settle(struct sg_notify *n, struct sg__queue *q, struct sg__item *item,
                   const struct outcome *o)
{
    if (o->verdict == SG__SHRINK && item->shrink < MAX_SHRINK) {
        item->shrink++;
        pthread_mutex_lock(&n->lock);
        sg__queue_again(q, item, sg_mono_now_ms());
        pthread_mutex_unlock(&n->lock);
        return;
    }
    item->row->attempts++;
    pthread_mutex_lock(&n->lock);
    sg__queue_answered(q, item, o->verdict != SG__RETRY);
    pthread_mutex_unlock(&n->lock);
    if (o->answered && (o->verdict == SG__SENT || o->verdict == SG__GONE))
        note_taken(n, item);
    if (unwanted(item, o))
        settle_unwanted(n, q, item, o->why);
    else if (o->verdict == SG__SENT)
        settle_sent(n, q, item);
    else if (o->verdict == SG__GONE)
        settle_gone(n, q, item);
    else if (o->verdict == SG__RETRY)
        settle_retry(n, q, item, o);
    else
        settle_dead(n, q, item, o->why);
}

void sg__give_up_all(struct sg_notify *n, struct sg__queue *q, const char *why)
{
    for (;;) {
        pthread_mutex_lock(&n->lock);
        struct sg__item *item = sg__queue_any(q);
        pthread_mutex_unlock(&n->lock);
        if (!item)
            return;
        settle_dead(n, q, item, why);
    }
}

/* ---- starting ---- */

static int build(struct sg_notify *n, struct sg__transfer *x, struct sg_error *err)
{
    int rc = sg__note_read(x->item->row->body, &x->note, err);
    if (rc < 0)
        return rc;
    struct sg__job job = {
        .target = x->target,
        .site = &n->site,
        .row = x->item->row,
        .note = &x->note,
        .wall_ms = sg_wall_now_ms(),
        .shrink = x->item->shrink,
    };
    return x->target->kind->build(&job, &x->call.request, err);
}

bool sg__start_row(struct sg_notify *n, struct sg__queue *q, struct sg__item *item)
{
    struct sg__transfer *x = sg__transfer_new(n, q->target);
    struct sg_error err = {0};
    x->purpose = SG__FOR_ROW;
    x->queue = q;
    x->item = item;
    if (build(n, x, &err) == 0 && sg__start(n, x, &err))
        return true;
    struct outcome o = {.verdict = SG__REFUSED, .retry_after_ms = -1, .why = err.text};
    if (err.code == SG_ENOMEM)
        o.verdict = SG__RETRY;
    else if (err.code == SG_ECANCELED)
        o.verdict = SG__SENT;
    else if (err.code == SG_ENOTFOUND)
        o.verdict = SG__UNWANTED;
    settle(n, q, item, &o);
    sg__transfer_free(n, x);
    return false;
}

/* ---- collecting ---- */

static void finish(struct sg_notify *n, struct sg__transfer *x, CURLcode code)
{
    struct sg__reply reply;
    char why[512];
    struct outcome o = {.why = why};
    o.verdict = sg__call_finish(&x->call, code, x->target, sg_wall_now_ms(), &reply, why);
    o.retry_after_ms = reply.retry_after_ms;
    o.answered = reply.status > 0;
    if (x->purpose == SG__FOR_ROW) {
        SG_FAULT("reply-read");
        if (o.verdict == SG__SENT)
            sg__periodic_learn(n, x->target, &x->note);
        settle(n, x->queue, x->item, &o);
    } else {
        sg__periodic_finished(n, x, o.verdict == SG__SENT, why);
    }
    sg__transfer_free(n, x);
}

bool sg__collect(struct sg_notify *n)
{
    CURLMsg *m;
    bool any = false;
    int left;
    while ((m = curl_multi_info_read(n->multi, &left))) {
        struct sg__call *c = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result; /* m dies with the handle */
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        finish(n, SG_CONTAINER_OF(c, struct sg__transfer, call), code);
        any = true;
    }
    return any;
}
