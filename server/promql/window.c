/* window.c - one function over one window of floats, without a plan around it. */
#include "plan.h"
#include "stats.h"

bool sg_promql_over_window(enum sg_function_id fn, const struct sg_promql_window *w, double *ret)
{
    struct sg_promql_plan p = {0}; /* no result: notes go nowhere; and no kept histograms */
    struct sg__call c = {.p = &p,
                         .ts_ms = w->time_ms,
                         .from_ms = w->from_ms,
                         .until_ms = w->until_ms,
                         .range_s = (double)(w->until_ms - w->from_ms) / 1000,
                         .arg = {w->arg[0], w->arg[1]}};
    struct sg__window floats = {.t = w->t, .v = w->v, .n = w->n};
    struct sg__point pt = {0};
    bool there = true;
    sg_samples_init(&p.raw);
    if (fn == SG_FN_QUANTILE_OVER_TIME) { /* would look at its expression for a note */
        sg_samples_reserve(&p.raw, w->n);
        memcpy(p.raw.v, w->v, w->n * sizeof(*w->v));
        pt.v = sg__quantile(w->arg[0], p.raw.v, w->n);
    } else {
        there = sg__range_function(fn)(&c, &floats, &pt);
    }
    sg_samples_deinit(&p.raw);
    *ret = pt.v;
    return there;
}
