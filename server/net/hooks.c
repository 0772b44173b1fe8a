/* hooks.c - what the hub asks of its edge: names, streams from the engine, history from the pool,
 * tokens, samples. */
#include "edge.h"
#include "history.h"

#include <streamgauge/live.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>

static int on_resolve(void *ctx, enum sg_resolve_kind kind, struct sg_str text,
                      struct sg_buf *ret_key, struct sg_error *reterr)
{
    struct sg__edge *e = ctx;
    const struct sg_live_names *names = e->names ? e->names : e->net->cfg.names;
    return sg_live_names_resolve((void *)(uintptr_t)names, kind, text, ret_key, reterr);
}

static int tell_engine(struct sg__edge *e, enum sg_control_kind kind, struct sg_str key,
                       int64_t interval_ms)
{
    const struct sg_net_hooks *h = &e->net->cfg.hooks;
    if (!h->control)
        return SG_EUNSUPPORTED;
    struct sg_control *m = sg_control_new(kind, e->number, key, interval_ms);
    int rc = h->control(h->ctx, m);
    if (rc < 0)
        sg_control_free(m);
    return rc;
}

static int on_open_topic(void *ctx, struct sg_str key, int64_t interval_ms, struct sg_error *reterr)
{
    int rc = tell_engine(ctx, SG_CONTROL_OPEN, key, interval_ms);
    return rc < 0 ? sg_error_set(reterr, (enum sg_errc)rc, "the engine is busy, try again") : 0;
}

static int on_close_topic(void *ctx, struct sg_str key, int64_t interval_ms)
{
    return tell_engine(ctx, SG_CONTROL_CLOSE, key, interval_ms);
}

static int on_auth(void *ctx, struct sg_session *s, struct sg_str token, uint32_t *ret_rights,
                   struct sg_error *reterr)
{
    struct sg__edge *e = ctx;
    unsigned rights = 0;
    if (!sg__auth_guarded(&e->net->auth)) {
        *ret_rights = sg_session_rights(s); /* there is nothing to check it against */
        return 0;
    }
    if (!sg__auth_token(&e->net->auth, token, &rights)) {
        sg__count(&e->counters, SG__C_DENIED_TOKEN, 1);
        return sg_error_set(reterr, SG_EDENIED, "token not accepted");
    }
    *ret_rights = rights | sg__auth_default(&e->net->auth, false);
    return 0;
}

static int on_report(void *ctx, struct sg_session *s, struct sg_str samples,
                     struct sg_error *reterr)
{
    struct sg__edge *e = ctx;
    if (!(sg_session_rights(s) & SG_RIGHT_INGEST))
        return sg_error_set(reterr, SG_EDENIED, "this token has not the right 'ingest'");
    struct sg_ingest_options o = {
        .format = SG_INGEST_JSON, .source = e->net->source, .now_ms = e->wall_ms};
    struct sg_ingest_parser *p = sg_ingest_parser_new(e->batcher, &o);
    int rc = sg_ingest_feed(p, samples.p, samples.n);
    if (rc == 0)
        rc = sg_ingest_finish(p);
    const struct sg_ingest_result *r = sg_ingest_parser_result(p);
    if (rc < 0)
        rc = sg_error_set(reterr, SG_EBUSY, "the ingest queue is full, try again");
    else if (r->n_errors)
        rc = sg_error_set(reterr, r->errors[0].code, "%s", r->errors[0].text);
    sg_ingest_parser_free(p);
    return rc;
}

static int on_ack(void *ctx, struct sg_session *s, struct sg_str notification,
                  struct sg_str comment, struct sg_error *reterr)
{
    struct sg__edge *e = ctx;
    const struct sg_net_hooks *h = &e->net->cfg.hooks;
    if (!(sg_session_rights(s) & SG_RIGHT_ALERT))
        return sg_error_set(reterr, SG_EDENIED, "this token has not the right 'alert'");
    if (!h->ack)
        return sg_error_set(reterr, SG_ENOTFOUND, "there is nothing to acknowledge");
    struct sg_str by = sg__auth_name(&e->net->auth, sg_session_rights(s));
    return h->ack(h->ctx, notification, comment, by, reterr);
}

/* --- history on the pool --- */

/* A match takes some 20 ms at most: it cannot be stopped. */
#define HISTORY_REGEX_BUDGET 4000000

struct history_job {
    uv_work_t work;
    struct sg__edge *edge;
    struct sg__history *history;
};

/* For history.c, on the pool: should this evaluation end? */
static int should_stop(void *ctx)
{
    struct history_job *j = ctx;
    return atomic_load_explicit(&j->edge->hurry, memory_order_relaxed) ? SG_ECANCELED : 0;
}

static void on_history_work(uv_work_t *work)
{
    struct history_job *j = work->data;
    struct sg_querier querier;
    sg_regex_set_budget(HISTORY_REGEX_BUDGET);
    if (sg_store_querier_open(j->edge->net->cfg.store, &querier) < 0) {
        sg__history_fail(j->history, SG_EBUSY, "too many queries at work, try again");
        return;
    }
    sg__history_run(j->history, &querier, j->edge->net->cfg.eval, should_stop, j);
    querier.ops->close(&querier);
}

static void after_history(uv_work_t *work, int status)
{
    struct history_job *j = work->data;
    (void)status;
    j->edge->jobs--;
    sg__edge_update_clock(j->edge);
    sg__history_hand_over(j->history, j->edge->hub);
    sg__history_free(j->history);
    sg_free(j);
}

static int on_history(void *ctx, const struct sg_history_request *rq, struct sg_error *reterr)
{
    struct sg__edge *e = ctx;
    if (e->jobs >= e->net->cfg.limits.max_pool_jobs) {
        sg__count(&e->counters, SG__C_REFUSED_POOL, 1);
        return sg_error_set(reterr, SG_EBUSY, "too many queries at work, try again");
    }
    struct history_job *j = sg_calloc(1, sizeof(*j));
    j->edge = e;
    j->work.data = j;
    j->history = sg__history_new(rq);
    if (uv_queue_work(&e->loop, &j->work, on_history_work, after_history) != 0) {
        sg__history_free(j->history);
        sg_free(j);
        return sg_error_set(reterr, SG_EBUSY, "the pool takes no work");
    }
    e->jobs++;
    sg__count(&e->counters, SG__C_POOL_JOBS, 1);
    return 0;
}

int sg__hooks_open(struct sg__edge *e, struct sg_error *reterr)
{
    const struct sg_net_config *cfg = &e->net->cfg;
    e->hub_hooks = (struct sg_hub_hooks){
        .resolve = on_resolve,
        .open_topic = on_open_topic,
        .close_topic = on_close_topic,
        .history = cfg->store ? on_history : NULL,
        .auth = on_auth,
        .report = on_report,
        .ack = on_ack,
    };
    struct sg_hub_options o = {
        .hooks = &e->hub_hooks,
        .hooks_ctx = e,
        .limits = cfg->hub,
        .edge = e->number,
        .epoch = cfg->epoch,
        .await_feed = cfg->await_feed,
        .server = "streamgauge/" SG_VERSION,
        .heartbeat_ms = cfg->heartbeat_ms,
        .retry_ms = 2000,
        .deflate_bits = 15,
        .deflate_level = 1,
        .now_ms = e->wall_ms,
    };
    return sg_hub_new(&o, &e->hub, reterr);
}
