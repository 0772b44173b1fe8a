#include "history.h"

#include <streamgauge/mem.h>
#include <streamgauge/promql.h>
#include <streamgauge/time.h>
#include <string.h>

/* An evaluation that takes longer is given up: the subscriber goes on without. */
#define TIMEOUT_US (10 * 1000 * 1000)
#define MAX_SAMPLES UINT64_C(10000000)
#define MAX_SERIES UINT64_C(10000)

struct sg__history {
    struct sg_history_request rq; /* key is ours */
    int rc;
    struct sg_error error;
    struct sg_promql_result result;
    bool has_result;
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
    sg_free((void *)(uintptr_t)h->rq.key.p);
    sg_free(h);
}

void sg__history_fail(struct sg__history *h, enum sg_errc code, const char *text)
{
    h->rc = sg_error_set(&h->error, code, "%s", text);
}

void sg__history_run(struct sg__history *h, struct sg_querier *querier,
                     const struct sg_promql_eval_options *eval, int (*stop)(void *ctx), void *ctx)
{
    struct stop s = {stop, ctx, sg_mono_now_us() + TIMEOUT_US};
    struct sg_promql_eval_options opt = eval ? *eval : (struct sg_promql_eval_options){0};
    opt.max_samples = MAX_SAMPLES;
    opt.max_series = MAX_SERIES;
    opt.max_steps = 0;
    opt.stop = should_stop;
    opt.stop_ctx = &s;
    struct sg_promql_grid grid = {h->rq.start_ms, h->rq.end_ms, h->rq.step_ms};
    struct sg_promql *q = NULL;
    struct sg_promql_plan *plan = NULL;
    h->rc = sg_promql_parse(h->rq.key, NULL, &q, &h->error);
    if (h->rc == 0)
        h->rc = sg_promql_prepare(q, &opt, &plan, &h->error);
    if (h->rc == 0) {
        h->has_result = true;
        h->rc = sg_promql_eval(plan, querier, grid, &h->result, &h->error);
    }
    sg_promql_plan_free(plan);
    sg_promql_free(q);
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

static void fail(const struct sg__history *h, struct sg_hub *hub, enum sg_errc code,
                 const char *text)
{
    struct sg_error err = h->error;
    sg_error_set(&err, code, "%s", text); /* unless it says something already */
    sg_hub_history_done(hub, h->rq.token, NULL, &err);
}

void sg__history_hand_over(const struct sg__history *h, struct sg_hub *hub)
{
    const struct sg_promql_result *r = &h->result;
    if (h->rc < 0) {
        fail(h, hub, (enum sg_errc)h->rc, "history cannot be evaluated");
        return;
    }
    size_t points = (size_t)((h->rq.end_ms - h->rq.start_ms) / h->rq.step_ms) + 1;
    if (r->n > MAX_SERIES || r->n * points > MAX_SAMPLES) {
        fail(h, hub, SG_ELIMIT, "history is too large, ask for fewer series or a shorter time");
        return;
    }
    const struct sg_labels **labels = sg_try_alloc((r->n + 1) * sizeof(labels[0]));
    double *value = sg_try_alloc((r->n * points + 1) * sizeof(*value));
    if (!labels || !value) {
        fail(h, hub, SG_ENOMEM, "no memory for the history");
    } else {
        for (size_t i = 0; i < r->n; i++) {
            labels[i] = r->series[i].labels ? r->series[i].labels : sg_labels_empty();
            fill_row(value + i * points, (uint32_t)points, &r->series[i], &h->rq);
        }
        struct sg_history told = {.start_ms = h->rq.start_ms,
                                  .step_ms = h->rq.step_ms,
                                  .n_points = (uint32_t)points,
                                  .n_series = (uint32_t)r->n,
                                  .labels = labels,
                                  .value = value};
        sg_hub_history_done(hub, h->rq.token, &told, NULL);
    }
    sg_free((void *)labels);
    sg_free(value);
}
