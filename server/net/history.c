#include "history.h"

#include <streamgauge/mem.h>
#include <streamgauge/promql.h>
#include <streamgauge/time.h>
#include <string.h>

/* An evaluation that takes longer is given up: the subscriber goes on without. */
#define TIMEOUT_US (10 * 1000 * 1000)
#define MAX_SAMPLES UINT64_C(10000000)
#define MAX_SERIES UINT64_C(10000)
/* Series times points of one history: the edge's loop goes through all of them in one go. */
#define MAX_VALUES ((size_t)1000000)

struct sg__history {
    struct sg_history_request rq; /* key is ours */
    int rc;
    struct sg_error error;
    struct sg_promql_result result;
    bool has_result;
    const struct sg_labels **labels; /* borrowed from the result */
    double *value;
};

struct stop {
    int (*stop)(void *ctx);
    void *ctx;
    int64_t give_up_us;
};

static int should_stop(void *ctx)
{
    struct stop *s = ctx;
    int rc = s->stop(s->ctx);
    if (rc < 0)
        return rc;
    return sg_mono_now_us() > s->give_up_us ? SG_ETIMEOUT : 0;
}

struct sg__history *sg__history_new(const struct sg_history_request *rq)
{
    struct sg__history *h = sg_calloc(1, sizeof(*h));
    h->rq = *rq;
    h->rq.key = sg_str_make(sg_str_dup(rq->key), rq->key.n);
    return h;
}

void sg__history_free(struct sg__history *h)
{
    if (h->has_result)
        sg_promql_result_deinit(&h->result);
    sg_free((void *)h->labels);
    sg_free(h->value);
    sg_free((void *)(uintptr_t)h->rq.key.p);
    sg_free(h);
}

void sg__history_fail(struct sg__history *h, enum sg_errc code, const char *text)
{
    h->rc = sg_error_set(&h->error, code, "%s", text);
}

static int evaluate(struct sg__history *h, struct sg_querier *querier,
                    const struct sg_promql_eval_options *eval, struct stop *s)
{
    struct sg_promql_eval_options opt = eval ? *eval : (struct sg_promql_eval_options){0};
    opt.max_samples = MAX_SAMPLES;
    opt.max_series = MAX_SERIES;
    opt.max_steps = 0;
    opt.stop = should_stop;
    opt.stop_ctx = s;
    struct sg_promql_grid grid = {h->rq.start_ms, h->rq.end_ms, h->rq.step_ms};
    struct sg_promql *q = NULL;
    struct sg_promql_plan *plan = NULL;
    int rc = sg_promql_parse(h->rq.key, NULL, &q, &h->error);
    if (rc == 0)
        rc = sg_promql_prepare(q, &opt, &plan, &h->error);
    if (rc == 0) {
        h->has_result = true;
        rc = sg_promql_eval(plan, querier, grid, &h->result, &h->error);
    }
    sg_promql_plan_free(plan);
    sg_promql_free(q);
    return rc;
}

/* Points at their times into a row of the grid; what has no float there is absent. */
static void fill_row(double *row, uint32_t n, const struct sg_promql_series *s,
                     const struct sg_history_request *rq)
{
    for (uint32_t i = 0; i < n; i++)
        row[i] = sg_stale_nan();
    for (size_t i = 0; i < s->n; i++) {
        int64_t at = (s->time_ms[i] - rq->start_ms) / rq->step_ms;
        if (at >= 0 && at < n && !(s->h && s->h[i]))
            row[at] = s->v[i];
    }
}

/* The result as a table, made here: the edge that hands it over serves others meanwhile. */
static int tabulate(struct sg__history *h)
{
    const struct sg_promql_result *r = &h->result;
    size_t points = (size_t)((h->rq.end_ms - h->rq.start_ms) / h->rq.step_ms) + 1;
    if (r->n > MAX_VALUES / points)
        return sg_error_set(&h->error, SG_ELIMIT,
                            "limit of %zu values of history passed by %zu series of %zu points: "
                            "ask for less history, a longer interval or fewer series",
                            MAX_VALUES, r->n, points);
    h->labels = sg_try_alloc((r->n + 1) * sizeof(h->labels[0]));
    h->value = sg_try_alloc((r->n * points + 1) * sizeof(*h->value));
    if (!h->labels || !h->value)
        return sg_error_set(&h->error, SG_ENOMEM, "no memory for the history");
    for (size_t i = 0; i < r->n; i++) {
        h->labels[i] = r->series[i].labels ? r->series[i].labels : sg_labels_empty();
        fill_row(h->value + i * points, (uint32_t)points, &r->series[i], &h->rq);
    }
    return 0;
}

void sg__history_run(struct sg__history *h, struct sg_querier *querier,
                     const struct sg_promql_eval_options *eval, int (*stop)(void *ctx), void *ctx)
{
    h->rc = evaluate(h, querier, eval, &(struct stop){stop, ctx, sg_mono_now_us() + TIMEOUT_US});
    if (h->rc == 0)
        h->rc = tabulate(h);
}

void sg__history_hand_over(const struct sg__history *h, struct sg_hub *hub)
{
    if (h->rc < 0) {
        struct sg_error err = h->error;
        sg_error_set(&err, (enum sg_errc)h->rc, "history cannot be evaluated"); /* unless told */
        sg_hub_history_done(hub, h->rq.token, NULL, &err);
        return;
    }
    struct sg_history told = {.start_ms = h->rq.start_ms,
                              .step_ms = h->rq.step_ms,
                              .n_points =
                                  (uint32_t)((h->rq.end_ms - h->rq.start_ms) / h->rq.step_ms + 1),
                              .n_series = (uint32_t)h->result.n,
                              .labels = h->labels,
                              .value = h->value};
    sg_hub_history_done(hub, h->rq.token, &told, NULL);
}
