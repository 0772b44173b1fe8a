/* range_fn.c - what functions make of one window of one series. Histogram windows are in
 * range_hist.c.
 *
 * Windows are left-open; floats and histograms are apart. Most functions look at floats only and
 * tell when histograms were ignored beside them.
 */
#include "plan.h"
#include "stats.h"
#include <stdio.h>
#include <streamgauge/hll.h>

static inline struct sg_str name_of(const struct sg__call *c)
{
    return sg__metric_name(c->labels);
}

/* False when the window has no floats; notes ignored histograms. */
static bool floats_only(struct sg__call *c, const struct sg__window *w)
{
    if (w->n == 0)
        return false;
    if (SG_UNLIKELY(w->hn))
        sg__info_ignored_range(c->p, c->range_at, name_of(c));
    return true;
}

/* As floats_only, for functions that need two points. */
static bool two_floats(struct sg__call *c, const struct sg__window *w)
{
    if (w->n >= 1 && SG_UNLIKELY(w->hn))
        sg__info_ignored_range(c->p, c->range_at, name_of(c));
    return w->n >= 2;
}

/* ---- rate family ---- */

struct ends {
    int64_t first_ms, last_ms;
    size_t n;
    bool zero_floor; /* a counter that cannot have been below zero */
    double first, diff;
};

/* What the difference between first and last sample has to be multiplied by to cover the window. */
static double extrapolation(const struct sg__call *c, const struct ends *e)
{
    double to_start = (double)(e->first_ms - c->from_ms) / 1000;
    double to_end = (double)(c->until_ms - e->last_ms) / 1000;
    double sampled = (double)(e->last_ms - e->first_ms) / 1000;
    double average = sampled / (double)(e->n - 1);
    double threshold = average * 1.1, covered = sampled;
    if (to_start >= threshold)
        to_start = average / 2;
    if (e->zero_floor && e->diff > 0 && e->first >= 0) {
        double to_zero = sampled * (e->first / e->diff);
        if (to_zero < to_start)
            to_start = to_zero;
    }
    covered += to_start;
    if (to_end >= threshold)
        to_end = average / 2;
    covered += to_end;
    return covered / sampled;
}

static bool extrapolated(struct sg__call *c, const struct sg__window *w, bool counter, bool rate,
                         struct sg__point *ret)
{
    if (SG_UNLIKELY(w->hn)) {
        if (w->n) {
            sg__warn_mixed(c->p, c->range_at, name_of(c));
            return false;
        }
        struct sg_histogram *h = w->hn < 2 ? NULL : sg__rate_histograms(c, w, counter), *scaled;
        if (!h)
            return false;
        struct ends e = {w->ht[0], w->ht[w->hn - 1], w->hn, false, 0, 0};
        double factor = extrapolation(c, &e);
        if (rate)
            factor /= c->range_s;
        scaled = sg_histogram_scale(h, factor);
        sg_histogram_unref(h);
        scaled->reset_hint = SG_RESET_GAUGE;
        ret->h = sg__keep_take(c->p, scaled);
        ret->v = scaled->count;
        return true;
    }
    if (w->n < 2)
        return false;
    double diff = w->v[w->n - 1] - w->v[0];
    if (counter && sg__any_drop(w->v, w->n))
        for (size_t i = 1; i < w->n; i++)
            if (w->v[i] < w->v[i - 1])
                diff += w->v[i - 1];
    struct ends e = {w->t[0], w->t[w->n - 1], w->n, counter, w->v[0], diff};
    double factor = extrapolation(c, &e);
    if (rate)
        factor /= c->range_s;
    ret->v = diff * factor;
    return true;
}

static bool fn_rate(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    return extrapolated(c, w, true, true, ret);
}
static bool fn_increase(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    return extrapolated(c, w, true, false, ret);
}
static bool fn_delta(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    return extrapolated(c, w, false, false, ret);
}

static bool last_two(struct sg__call *c, const struct sg__window *w, bool rate,
                     struct sg__point *ret)
{
    if (SG_UNLIKELY(w->hn))
        return sg__instant_delta(c, w, rate, ret);
    if (w->n < 2)
        return false;
    double last = w->v[w->n - 1], before = w->v[w->n - 2];
    int64_t interval = w->t[w->n - 1] - w->t[w->n - 2];
    if (interval == 0)
        return false;
    ret->v = rate && last < before ? last : last - before;
    if (rate)
        ret->v /= (double)interval / 1000;
    return true;
}

static bool fn_irate(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    return last_two(c, w, true, ret);
}
static bool fn_idelta(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    return last_two(c, w, false, ret);
}

/* ---- counting ---- */

static bool fn_changes(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    (void)c;
    size_t changes = 0;
    if (SG_UNLIKELY(w->hn)) {
        ret->v = sg__count_mixed(w, false);
        return true;
    }
    for (size_t i = 1; i < w->n; i++) {
        double a = w->v[i - 1], b = w->v[i];
        changes += a != b && !(isnan(a) && isnan(b));
    }
    ret->v = (double)changes;
    return true;
}

static bool fn_resets(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    (void)c;
    size_t resets = 0;
    if (SG_UNLIKELY(w->hn)) {
        ret->v = sg__count_mixed(w, true);
        return true;
    }
    for (size_t i = 1; i < w->n; i++)
        resets += w->v[i] < w->v[i - 1];
    ret->v = (double)resets;
    return true;
}

static bool fn_count(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    (void)c;
    ret->v = (double)(w->n + w->hn);
    return true;
}

static bool fn_present(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    (void)c;
    (void)w;
    ret->v = 1;
    return true;
}

static bool fn_distinct(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    (void)c;
    if (!w->obj)
        return false;
    struct sg_hll *all = sg_hll_new();
    bool any = false;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->obj[i])
            continue;
        sg_hll_merge(all, w->obj[i]);
        any = true;
    }
    ret->v = sg_hll_estimate(all);
    sg_hll_free(all);
    return any;
}

/* ---- sums and moments ---- */

static bool sum_or_avg(struct sg__call *c, const struct sg__window *w, bool avg,
                       struct sg__point *ret)
{
    if (SG_UNLIKELY(w->hn)) {
        if (!w->n)
            return avg ? sg__avg_histograms(c, w, ret) : sg__sum_histograms(c, w, ret);
        sg__warn_mixed(c->p, c->range_at, name_of(c));
        return false;
    }
    if (!avg) {
        ret->v = sg__sum(w->v, w->n);
        return true;
    }
    struct sg__mean m = {0};
    for (size_t i = 0; i < w->n; i++)
        sg__mean_add(&m, w->v[i]);
    ret->v = sg__mean_value(&m);
    return true;
}

static bool fn_sum(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    return sum_or_avg(c, w, false, ret);
}
static bool fn_avg(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    return sum_or_avg(c, w, true, ret);
}

static bool fn_stdvar(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    if (!floats_only(c, w))
        return false;
    ret->v = sg__variance(w->v, w->n);
    return true;
}

static bool fn_stddev(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    if (!fn_stdvar(c, w, ret))
        return false;
    ret->v = sqrt(ret->v);
    return true;
}

/* ---- extremes and ends ---- */

/* Index of the extreme; of equal ones the first, or the last if asked for. NaN only if all are. */
static size_t extreme(const struct sg__window *w, bool max, bool last)
{
    size_t best = 0;
    for (size_t i = 0; i < w->n; i++) {
        double a = w->v[i], b = w->v[best];
        if (isnan(b) || (max ? a > b : a < b) || (last && a == b))
            best = i;
    }
    return best;
}

static bool fn_max(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    if (!floats_only(c, w))
        return false;
    ret->v = w->v[extreme(w, true, false)];
    return true;
}
static bool fn_min(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    if (!floats_only(c, w))
        return false;
    ret->v = w->v[extreme(w, false, false)];
    return true;
}
static bool fn_ts_of_max(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    if (!floats_only(c, w))
        return false;
    ret->v = (double)w->t[extreme(w, true, true)] / 1000;
    return true;
}
static bool fn_ts_of_min(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    if (!floats_only(c, w))
        return false;
    ret->v = (double)w->t[extreme(w, false, true)] / 1000;
    return true;
}

/* Whether the last (first) sample of the window is a histogram. */
static bool end_is_histogram(const struct sg__window *w, bool last)
{
    if (!w->n || !w->hn)
        return w->hn > 0;
    return last ? w->ht[w->hn - 1] >= w->t[w->n - 1] : w->ht[0] < w->t[0];
}

static bool end_point(const struct sg__window *w, bool last, struct sg__point *ret)
{
    if (SG_UNLIKELY(end_is_histogram(w, last))) {
        ret->h = w->h[last ? w->hn - 1 : 0];
        ret->v = ret->h->count;
    } else {
        ret->v = w->v[last ? w->n - 1 : 0];
    }
    return true;
}

static bool fn_last(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    end_point(w, true, ret);
    if (ret->h)
        sg__keep(c->p, ret->h);
    return true;
}
static bool fn_first(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    end_point(w, false, ret);
    if (ret->h)
        sg__keep(c->p, ret->h);
    return true;
}
static bool fn_ts_of_last(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    (void)c;
    int64_t t = end_is_histogram(w, true) ? w->ht[w->hn - 1] : w->t[w->n - 1];
    ret->v = (double)t / 1000;
    return true;
}
static bool fn_ts_of_first(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    (void)c;
    ret->v = (double)(end_is_histogram(w, false) ? w->ht[0] : w->t[0]) / 1000;
    return true;
}

/* ---- order statistics ---- */

/* A copy of the window's floats that may be reordered, valid until the next call. */
static double *scratch(struct sg__call *c, const struct sg__window *w)
{
    sg_samples_reserve(&c->p->raw, w->n);
    memcpy(c->p->raw.v, w->v, w->n * sizeof(*w->v));
    return c->p->raw.v;
}

static bool fn_quantile(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    if (w->n == 0)
        return false;
    sg__warn_quantile(c->p, c->expr->u.call.args[0], c->arg[0]);
    floats_only(c, w);
    ret->v = sg__quantile(c->arg[0], scratch(c, w), w->n);
    return true;
}

static bool fn_mad(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    if (!floats_only(c, w))
        return false;
    double *v = scratch(c, w), median;
    for (size_t i = 0; i < w->n; i++) {
        if (isnan(v[i])) { /* else it would count as the smallest of all */
            ret->v = NAN;
            return true;
        }
    }
    median = sg__quantile(0.5, v, w->n);
    for (size_t i = 0; i < w->n; i++)
        v[i] = fabs(v[i] - median);
    ret->v = sg__quantile(0.5, v, w->n);
    return true;
}

/* ---- trends ---- */

static bool fn_deriv(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    double intercept;
    if (!two_floats(c, w))
        return false;
    sg__regression(w->t, w->v, w->n, w->t[0], &ret->v, &intercept);
    return true;
}

static bool fn_predict(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    double slope, intercept;
    if (!two_floats(c, w))
        return false;
    sg__regression(w->t, w->v, w->n, c->ts_ms, &slope, &intercept);
    ret->v = slope * c->arg[0] + intercept;
    return true;
}

static bool factor_ok(struct sg__call *c, const char *what, const char *name, double f)
{
    if (!(f <= 0 || f >= 1)) /* NaN yields NaN */
        return true;
    char got[400] = "+Inf";
    if (!(f > 0 && isinf(f)))
        snprintf(got, sizeof(got), isinf(f) ? "-Inf" : "%f", f);
    c->rc = sg__fail(c->p, c->expr, SG_EEXECUTION,
                     "invalid %s factor. Expected: 0 < %s < 1, got: %s", what, name, got);
    return false;
}

static bool fn_smooth(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    double sf = c->arg[0], tf = c->arg[1];
    if (!factor_ok(c, "smoothing", "sf", sf) || !factor_ok(c, "trend", "tf", tf) ||
        !two_floats(c, w))
        return false;
    double before = 0, level = w->v[0], trend = w->v[1] - w->v[0];
    for (size_t i = 1; i < w->n; i++) {
        if (i > 1)
            trend = tf * (level - before) + (1 - tf) * trend;
        double next = sf * w->v[i] + (1 - sf) * (level + trend);
        before = level;
        level = next;
    }
    ret->v = level;
    return true;
}

sg__range_fn sg__range_function(enum sg_function_id id)
{
    static const sg__range_fn table[SG_FN_COUNT] = {
        [SG_FN_RATE] = fn_rate,
        [SG_FN_INCREASE] = fn_increase,
        [SG_FN_DELTA] = fn_delta,
        [SG_FN_IRATE] = fn_irate,
        [SG_FN_IDELTA] = fn_idelta,
        [SG_FN_CHANGES] = fn_changes,
        [SG_FN_RESETS] = fn_resets,
        [SG_FN_COUNT_OVER_TIME] = fn_count,
        [SG_FN_PRESENT_OVER_TIME] = fn_present,
        [SG_FN_DISTINCT_OVER_TIME] = fn_distinct,
        [SG_FN_SUM_OVER_TIME] = fn_sum,
        [SG_FN_AVG_OVER_TIME] = fn_avg,
        [SG_FN_STDVAR_OVER_TIME] = fn_stdvar,
        [SG_FN_STDDEV_OVER_TIME] = fn_stddev,
        [SG_FN_MAX_OVER_TIME] = fn_max,
        [SG_FN_MIN_OVER_TIME] = fn_min,
        [SG_FN_TS_OF_MAX_OVER_TIME] = fn_ts_of_max,
        [SG_FN_TS_OF_MIN_OVER_TIME] = fn_ts_of_min,
        [SG_FN_LAST_OVER_TIME] = fn_last,
        [SG_FN_FIRST_OVER_TIME] = fn_first,
        [SG_FN_TS_OF_LAST_OVER_TIME] = fn_ts_of_last,
        [SG_FN_TS_OF_FIRST_OVER_TIME] = fn_ts_of_first,
        [SG_FN_QUANTILE_OVER_TIME] = fn_quantile,
        [SG_FN_MAD_OVER_TIME] = fn_mad,
        [SG_FN_DERIV] = fn_deriv,
        [SG_FN_PREDICT_LINEAR] = fn_predict,
        [SG_FN_DOUBLE_EXPONENTIAL_SMOOTHING] = fn_smooth,
    };
    return table[id];
}
