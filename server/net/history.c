/* history.c - a range query of a stream, as points for the hub. */
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

/* The second: of the ticks that went by while the first was evaluated. */
enum { PARTS = 2 };

struct sg__history {
    struct sg_history_request rq; /* key is ours; end moves on while ticks go by */
    int64_t asked_end_ms, asked_us;
    int rc;
    struct sg_error error;
    struct sg_promql_result part[PARTS];
    uint32_t n_parts, n_series;
    uint32_t *row_of;                /* by series of the second part */
    const struct sg_labels **labels; /* borrowed from the parts */
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
    h->asked_end_ms = rq->end_ms;
    h->asked_us = sg_mono_now_us();
    return h;
}

void sg__history_free(struct sg__history *h)
{
    for (uint32_t i = 0; i < h->n_parts; i++)
        sg_promql_result_deinit(&h->part[i]);
    sg_free((void *)h->labels);
    sg_free(h->row_of);
    sg_free(h->value);
    sg_free((void *)(uintptr_t)h->rq.key.p);
    sg_free(h);
}

void sg__history_fail(struct sg__history *h, enum sg_errc code, const char *text)
{
    h->rc = sg_error_set(&h->error, code, "%s", text);
}

/* The newest tick there has been since the request. */
static int64_t newest_tick(const struct sg__history *h)
{
    int64_t passed_ms = (sg_mono_now_us() - h->asked_us) / 1000;
    return h->asked_end_ms + passed_ms / h->rq.step_ms * h->rq.step_ms;
}

static int evaluate(struct sg__history *h, struct sg_querier *querier,
                    const struct sg_promql_eval_options *eval, struct stop *s,
                    struct sg_promql_grid grid)
{
    struct sg_promql_eval_options opt = eval ? *eval : (struct sg_promql_eval_options){0};
    opt.max_samples = MAX_SAMPLES;
    opt.max_series = MAX_SERIES;
    opt.max_steps = 0;
    opt.stop = should_stop;
    opt.stop_ctx = s;
    struct sg_promql *q = NULL;
    struct sg_promql_plan *plan = NULL;
    int rc = sg_promql_parse(h->rq.key, NULL, &q, &h->error);
    if (rc == 0)
        rc = sg_promql_prepare(q, &opt, &plan, &h->error);
    if (rc == 0)
        rc = sg_promql_eval(plan, querier, grid, &h->part[h->n_parts++], &h->error);
    sg_promql_plan_free(plan);
    sg_promql_free(q);
    return rc;
}

/* Points at their times into a row of the grid; of a histogram its count, as live. */
static void fill_row(double *row, uint32_t n, const struct sg_promql_series *s,
                     const struct sg_history_request *rq)
{
    for (size_t i = 0; i < s->n; i++) {
        int64_t at = (s->time_ms[i] - rq->start_ms) / rq->step_ms;
        if (at >= 0 && at < n)
            row[at] = s->h && s->h[i] ? s->h[i]->count : s->v[i];
    }
}

static const struct sg_labels *labels_of(const struct sg_promql_series *s)
{
    return s->labels ? s->labels : sg_labels_empty();
}

/* Rows of the table: the first part's series, then those that only the second has. Both are sorted
 * by labels. */
static int name_rows(struct sg__history *h)
{
    size_t first = h->part[0].n, second = h->n_parts > 1 ? h->part[1].n : 0;
    h->labels = sg_try_alloc((first + second + 1) * sizeof(h->labels[0]));
    h->row_of = sg_try_alloc((second + 1) * sizeof(*h->row_of));
    if (!h->labels || !h->row_of)
        return sg_error_set(&h->error, SG_ENOMEM, "no memory for the history");
    for (size_t i = 0; i < first; i++)
        h->labels[h->n_series++] = labels_of(&h->part[0].series[i]);
    for (size_t i = 0, k = 0; i < second; i++) {
        const struct sg_labels *l = labels_of(&h->part[1].series[i]);
        while (k < first && sg_labels_cmp(h->labels[k], l) < 0)
            k++;
        bool known = k < first && sg_labels_eq(h->labels[k], l);
        h->row_of[i] = known ? (uint32_t)k : h->n_series;
        if (!known)
            h->labels[h->n_series++] = l;
    }
    return 0;
}

/* The results as a table, made here: the edge that hands it over serves others meanwhile. */
static int tabulate(struct sg__history *h)
{
    size_t points = (size_t)((h->rq.end_ms - h->rq.start_ms) / h->rq.step_ms) + 1;
    int rc = name_rows(h);
    if (rc < 0)
        return rc;
    if (h->n_series > MAX_VALUES / points)
        return sg_error_set(&h->error, SG_ELIMIT,
                            "limit of %zu values of history passed by %u series of %zu points: "
                            "ask for less history, a longer interval or fewer series",
                            MAX_VALUES, h->n_series, points);
    h->value = sg_try_alloc((h->n_series * points + 1) * sizeof(*h->value));
    if (!h->value)
        return sg_error_set(&h->error, SG_ENOMEM, "no memory for the history");
    for (size_t i = 0; i < h->n_series * points; i++)
        h->value[i] = sg_stale_nan();
    for (uint32_t p = 0; p < h->n_parts; p++)
        for (size_t i = 0; i < h->part[p].n; i++)
            fill_row(h->value + (p ? h->row_of[i] : i) * points, (uint32_t)points,
                     &h->part[p].series[i], &h->rq);
    return 0;
}

/* The ticks that went by meanwhile, while there is time; without them when there is not. */
static void evaluate_rest(struct sg__history *h, struct sg_querier *querier,
                          const struct sg_promql_eval_options *eval, struct stop *s)
{
    struct sg_promql_grid grid = {h->rq.end_ms + h->rq.step_ms, newest_tick(h), h->rq.step_ms};
    if (grid.end_ms < grid.start_ms)
        return;
    uint32_t before = h->n_parts;
    if (evaluate(h, querier, eval, s, grid) == 0) {
        h->rq.end_ms = grid.end_ms;
        return;
    }
    h->error = (struct sg_error){0};
    while (h->n_parts > before)
        sg_promql_result_deinit(&h->part[--h->n_parts]);
}

void sg__history_run(struct sg__history *h, struct sg_querier *querier,
                     const struct sg_promql_eval_options *eval, int (*stop)(void *ctx), void *ctx)
{
    struct stop s = {stop, ctx, sg_mono_now_us() + TIMEOUT_US};
    querier->stop = should_stop;
    querier->stop_ctx = &s;
    struct sg_promql_grid grid = {h->rq.start_ms, newest_tick(h), h->rq.step_ms};
    h->rc = evaluate(h, querier, eval, &s, grid);
    h->rq.end_ms = grid.end_ms;
    if (h->rc < 0)
        return;
    evaluate_rest(h, querier, eval, &s);
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
                              .n_series = h->n_series,
                              .labels = h->labels,
                              .value = h->value};
    sg_hub_history_done(hub, h->rq.token, &told, NULL);
}
