/* api_query.c - /api/v1/query and /api/v1/query_range: parameters, one evaluation with its limits,
 * the answer. */
#include <sched.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>
#include <string.h>

#include "net/api.h"

#define PASS_US 1000

struct job {
    struct sg_api *api;
    struct sg_net_exchange *x;
    struct sg_str text;
    struct sg_promql_grid grid;
    bool range;
    int64_t lookback_ms, deadline_us;
    size_t limit;
    struct sg_str stats;
    int64_t handled_us, prepared_us, begun_us, evaluated_us; /* in that order */
    int64_t passed_us;                                       /* when it let others pass */
};

#define COUNT(api, field, n)                                                                       \
    atomic_fetch_add_explicit(&(api)->field, (unsigned long long)(n), memory_order_relaxed)

/* ---- parameters; false: answered ---- */

static bool get_span(struct job *j, const struct sg__form *f, const char *name, int64_t *ret_ms)
{
    struct sg_error err = {0};
    struct sg_str text = sg__form_get(f, name);
    if (!text.n || sg__span_parse(text, ret_ms, &err) == 0)
        return true;
    if (strcmp(name, "lookback_delta") == 0)
        sg__api_error(j->x, SG__BAD_DATA, "error parsing lookback delta duration: %s", err.text);
    else
        sg__api_bad_param(j->x, name, &err);
    return false;
}

/* What both kinds have. */
static bool get_common(struct job *j, const struct sg__form *f)
{
    int64_t timeout_ms = j->api->cfg.timeout_ms, asked_ms = timeout_ms;
    if (!get_span(j, f, "timeout", &asked_ms) || !get_span(j, f, "lookback_delta", &j->lookback_ms))
        return false;
    if (asked_ms < timeout_ms)
        timeout_ms = asked_ms;
    j->deadline_us = j->x->arrived_us + timeout_ms * 1000;
    j->stats = sg__form_get(f, "stats");
    j->text = sg__form_get(f, "query");
    return true;
}

static bool get_limit(struct job *j, const struct sg__form *f)
{
    struct sg_error err = {0};
    if (sg__limit_parse(f, "limit", &j->limit, &err) == 0)
        return true;
    sg__api_bad_param(j->x, "limit", &err);
    return false;
}

static bool get_instant(struct job *j, const struct sg__form *f)
{
    struct sg_error err = {0};
    int64_t at = sg_wall_now_ms();
    if (!get_limit(j, f))
        return false;
    if (sg__form_time(f, "time", &at, &err) < 0) {
        sg__api_bad_param(j->x, "time", &err);
        return false;
    }
    j->grid = SG_PROMQL_AT(at);
    return get_common(j, f);
}

static bool get_bound(struct job *j, const struct sg__form *f, const char *name, int64_t *ret)
{
    struct sg_error err = {0};
    if (sg__time_parse(sg__form_get(f, name), ret, &err) == 0)
        return true;
    sg__api_bad_param(j->x, name, &err);
    return false;
}

static bool get_grid(struct job *j, const struct sg__form *f)
{
    struct sg_promql_grid *g = &j->grid;
    struct sg_error err = {0};
    if (!get_bound(j, f, "start", &g->start_ms) || !get_bound(j, f, "end", &g->end_ms))
        return false;
    if (g->end_ms < g->start_ms)
        sg_error_set(&err, SG_EINVALID, "end timestamp must not be before start time");
    if (err.code) {
        sg__api_bad_param(j->x, "end", &err);
        return false;
    }
    if (sg__span_parse(sg__form_get(f, "step"), &g->step_ms, &err) == 0 && g->step_ms <= 0)
        sg_error_set(&err, SG_EINVALID,
                     "zero or negative query resolution step widths are not accepted. Try a "
                     "positive integer");
    if (err.code) {
        sg__api_bad_param(j->x, "step", &err);
        return false;
    }
    if ((g->end_ms - g->start_ms) / g->step_ms > (int64_t)SG_PROMQL_MAX_STEPS) {
        sg__api_error(j->x, SG__BAD_DATA,
                      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing "
                      "the query resolution (?step=XX)");
        return false;
    }
    return true;
}

static bool get_range(struct job *j, const struct sg__form *f)
{
    return get_limit(j, f) && get_grid(j, f) && get_common(j, f);
}

/* ---- evaluation ---- */

static int should_stop(void *ctx)
{
    struct job *j = ctx;
    if (atomic_load_explicit(&j->x->canceled, memory_order_relaxed))
        return SG_ECANCELED;
    return sg_mono_now_us() > j->deadline_us ? SG_ETIMEOUT : 0;
}

/* Asked every millisecond or more often during an evaluation, which lets others pass: a kernel that
 * preempts at its own ticks only would make the engine's thread wait up to 4 ms for a core. Who
 * passes much more often than that gets next to nothing of a busy machine. */
static int pass_and_stop(void *ctx)
{
    struct job *j = ctx;
    if (sg_mono_now_us() - j->passed_us >= PASS_US) {
        (void)sched_yield();
        j->passed_us = sg_mono_now_us();
    }
    return should_stop(ctx);
}

/* How often one who waits looks whether it still should. */
#define GATE_LOOK_MS 50

/* 0, or why the query ended before it was its turn. */
static int enter_gate(struct job *j)
{
    struct sg_api *api = j->api;
    int rc;
    pthread_mutex_lock(&api->gate);
    while ((rc = should_stop(j)) == 0 && api->evaluating >= api->cfg.concurrency) {
        struct timespec until = sg_timespec_ms(sg_mono_now_ms() + GATE_LOOK_MS);
        (void)pthread_cond_timedwait(&api->passed, &api->gate, &until);
    }
    if (rc == 0)
        api->evaluating++;
    pthread_mutex_unlock(&api->gate);
    return rc;
}

static void leave_gate(struct sg_api *api)
{
    pthread_mutex_lock(&api->gate);
    api->evaluating--;
    pthread_cond_signal(&api->passed);
    pthread_mutex_unlock(&api->gate);
}

static int evaluate(struct job *j, struct sg_promql_plan *plan, struct sg_querier *q,
                    struct sg_promql_result *ret, struct sg_error *reterr)
{
    int rc = enter_gate(j);
    j->begun_us = sg_mono_now_us();
    if (rc < 0) { /* it waited so long */
        *ret = (struct sg_promql_result){0};
        return sg_error_set(reterr, (enum sg_errc)rc, "query %s",
                            rc == SG_ETIMEOUT
                                ? "timed out in query queue (query.timeout, or the request's)"
                                : "was canceled in query queue");
    }
    rc = sg_promql_eval(plan, q, j->grid, ret, reterr);
    leave_gate(j->api);
    if (rc == SG_ETIMEOUT && reterr) { /* as there, and the limit's name */
        struct sg_error err = {0};
        sg_error_set(&err, SG_ETIMEOUT,
                     "query timed out in expression evaluation (query.timeout, or the request's)");
        *reterr = err;
    }
    return rc;
}

/* The timings we have; preparing includes parsing, waiting both the pool's queue and the gate. */
static void put_stats(struct job *j, const struct sg_promql_result *r)
{
    struct sg_buf *b = &j->x->out;
    double prepared = (double)(j->prepared_us - j->handled_us) / 1e6,
           waited = (double)(j->begun_us - j->x->arrived_us) / 1e6 - prepared,
           evaluated = (double)(j->evaluated_us - j->begun_us) / 1e6;
    sg_buf_printf(b,
                  ",\"stats\":{\"timings\":{\"evalTotalTime\":%.9g,\"resultSortTime\":0,"
                  "\"queryPreparationTime\":%.9g,\"innerEvalTime\":%.9g,\"execQueueTime\":%.9g,"
                  "\"execTotalTime\":%.9g},\"samples\":{\"totalQueryableSamples\":%llu,"
                  "\"peakSamples\":%llu}}",
                  prepared + evaluated, prepared, evaluated, waited, waited + prepared + evaluated,
                  (unsigned long long)r->samples, (unsigned long long)r->samples);
}

static void answer(struct job *j, const struct sg_promql_result *r)
{
    struct sg__api_notes notes = {.result = r};
    bool vector = r->range || r->kind == SG_RESULT_VECTOR || r->kind == SG_RESULT_MATRIX;
    if (j->limit && vector && r->n > j->limit)
        notes.further[notes.n_further++] = sg__truncated;
    sg__api_begin(j->x);
    sg_buf_putc(&j->x->out, '{');
    sg__json_result(j->x, r, j->limit);
    if (j->stats.n)
        put_stats(j, r);
    sg_buf_putc(&j->x->out, '}');
    sg__api_end(j->x, &notes);
}

/* Whether the expression is of a type that has a value at every step; else answered. */
static bool rangeable(struct job *j, const struct sg_expr *e)
{
    struct sg_error err = {0};
    if (e->type == SG_TYPE_SCALAR || e->type == SG_TYPE_VECTOR)
        return true;
    sg_error_set(&err, SG_EINVALID,
                 "invalid expression type \"%s\" for range query, must be Scalar or instant Vector",
                 sg_expr_type_text(e->type));
    sg__api_bad_param(j->x, "query", &err);
    return false;
}

static void count(struct job *j, const struct sg_promql_result *r, int rc)
{
    COUNT(j->api, queries, 1);
    COUNT(j->api, eval_us, sg_mono_now_us() - j->begun_us);
    COUNT(j->api, samples, r->samples);
    if (rc == SG_ETIMEOUT)
        COUNT(j->api, timeouts, 1);
    else if (rc == SG_ECANCELED)
        COUNT(j->api, canceled, 1);
    else if (rc < 0)
        COUNT(j->api, failed, 1);
}

/* Closes the querier: the result stands by itself, and a client that takes its answer slowly must
 * not keep the store from freeing what it has replaced meanwhile. */
static void run(struct job *j, const struct sg_promql *query, struct sg_querier *querier)
{
    struct sg_promql_eval_options opt = j->api->cfg.eval;
    struct sg_promql_plan *plan = NULL;
    struct sg_promql_result r = {0};
    struct sg_error err = {0};
    opt.stop = querier->stop = pass_and_stop;
    opt.stop_ctx = querier->stop_ctx = j;
    if (j->lookback_ms > 0)
        opt.lookback_ms = j->lookback_ms;
    int rc = sg_promql_prepare(query, &opt, &plan, &err);
    j->prepared_us = sg_mono_now_us();
    if (rc == 0)
        rc = evaluate(j, plan, querier, &r, &err);
    j->evaluated_us = sg_mono_now_us();
    count(j, &r, rc);
    sg_promql_plan_free(plan); /* its memory need not wait for a slow client */
    querier->ops->close(querier);
    if (rc == 0) {
        struct sg__answer_size size = sg__answer_size(&r);
        if (sg__api_hold(j->api, j->x, &size))
            answer(j, &r);
        sg__api_release(j->api, &size);
    } else {
        sg_error_set(&err, (enum sg_errc)rc, "the evaluation failed: %s", sg_errc_name(rc));
        sg__api_failed(j->x, &err);
    }
    sg_promql_result_deinit(&r);
}

static void parse_and_run(struct job *j)
{
    struct sg_promql *query = NULL;
    struct sg_querier querier;
    struct sg_error err = {0};
    if (sg_promql_parse(j->text, NULL, &query, &err) < 0)
        sg__api_bad_param(j->x, "query", &err);
    else if ((!j->range || rangeable(j, query->root)) && sg__api_open(j->api, j->x, &querier))
        run(j, query, &querier);
    sg_promql_free(query);
}

static void handle(struct sg_api *api, struct sg_net_exchange *x, bool range)
{
    struct job j = {.api = api, .x = x, .range = range, .handled_us = sg_mono_now_us()};
    j.begun_us = j.handled_us;
    struct sg__form f;
    struct sg_error err = {0};
    if (sg__form_init(&f, x, &err) < 0)
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
    else if (range ? get_range(&j, &f) : get_instant(&j, &f))
        parse_and_run(&j);
    sg__form_deinit(&f);
}

void sg__api_query(void *ctx, struct sg_net_exchange *x)
{
    handle(ctx, x, false);
}

void sg__api_query_range(void *ctx, struct sg_net_exchange *x)
{
    handle(ctx, x, true);
}
