/* range_hist.c - windows of native histograms: rate, sum, average, last difference, counts of
 * changes. */
#include "plan.h"

static inline struct sg_str name_of(const struct sg__call *c)
{
    return sg__metric_name(c->labels);
}

static inline bool is_custom(const struct sg_histogram *h)
{
    return h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM;
}

static inline bool is_gauge(const struct sg_histogram *h)
{
    return h->reset_hint == SG_RESET_GAUGE;
}

static void warn_not_counter(struct sg__call *c)
{
    sg__warn(c->p, c->range_at, "this native histogram metric is not a counter: \"%.*s\"",
             SG_STR_ARG(name_of(c)));
}

static void warn_not_gauge(struct sg__call *c)
{
    sg__warn(c->p, c->range_at, "this native histogram metric is not a gauge: \"%.*s\"",
             SG_STR_ARG(name_of(c)));
}

/* *a + factor * b takes the place of *a. False with a warning when they do not fit; *a is gone
 * then. */
static bool combine(struct sg__call *c, struct sg_histogram **a, const struct sg_histogram *b,
                    double factor)
{
    struct sg_histogram *sum = NULL;
    bool fit = sg_histogram_combine(*a, b, factor, &sum) == 0;
    if (!fit)
        sg__warn_combine(c->p, c->range_at, name_of(c), *a, b);
    sg_histogram_unref(*a);
    *a = fit ? sum : NULL;
    return fit;
}

/* Keeps the result of a window as *ret; takes h. */
static bool put_take(struct sg__call *c, struct sg_histogram *h, struct sg__point *ret)
{
    ret->h = sg__keep_take(c->p, h);
    ret->v = h->count;
    return true;
}

static void warn_mixed_schemas(struct sg__call *c)
{
    sg__warn(c->p, c->range_at,
             "vector contains a mix of histograms with exponential and custom buckets schemas for "
             "metric name \"%.*s\"",
             SG_STR_ARG(name_of(c)));
}

/* Notes about kinds, and whether all of them fit together. */
static bool check_kinds(struct sg__call *c, const struct sg__window *w, size_t from, bool counter)
{
    const struct sg_histogram *last = w->h[w->hn - 1];
    bool gauges = true;
    for (size_t i = 0; i < w->hn; i++) {
        if (counter && is_gauge(w->h[i]))
            warn_not_counter(c);
        if (i >= from && (counter || i + 1 == w->hn || i == 0) &&
            is_custom(w->h[i]) != is_custom(last)) {
            warn_mixed_schemas(c);
            return false;
        }
    }
    gauges = is_gauge(w->h[0]) && is_gauge(last);
    if (!counter && !gauges)
        warn_not_gauge(c);
    return true;
}

struct sg_histogram *sg__rate_histograms(struct sg__call *c, const struct sg__window *w,
                                         bool counter)
{
    /* With a reset between the first two, the first is not looked at, whatever its buckets. */
    bool skip_first = counter && sg_histogram_is_reset(w->h[0], w->h[1]);
    if (!check_kinds(c, w, skip_first ? 1 : 0, counter))
        return NULL;
    struct sg_histogram *sum = sg_histogram_scale(w->h[w->hn - 1], 1);
    if (!skip_first && !combine(c, &sum, w->h[0], -1))
        return NULL;
    for (size_t i = skip_first ? 2 : 1; counter && i < w->hn; i++)
        if (sg_histogram_is_reset(w->h[i - 1], w->h[i]) && !combine(c, &sum, w->h[i - 1], 1))
            return NULL;
    return sum;
}

/* The two newest samples of a window with histograms, floats among them or not. */
struct newest {
    int64_t t;
    double v;
    const struct sg_histogram *h;
};
static bool newest_two(const struct sg__window *w, struct newest two[2])
{
    size_t n = w->n, hn = w->hn;
    if (n + hn < 2)
        return false;
    for (int i = 1; i >= 0; i--) {
        bool hist = n == 0 || (hn > 0 && w->ht[hn - 1] >= w->t[n - 1]);
        if (hist)
            hn--, two[i] = (struct newest){w->ht[hn], 0, w->h[hn]};
        else
            n--, two[i] = (struct newest){w->t[n], w->v[n], NULL};
    }
    return true;
}

bool sg__instant_delta(struct sg__call *c, const struct sg__window *w, bool rate,
                       struct sg__point *ret)
{
    struct newest two[2];
    if (!newest_two(w, two) || two[1].t == two[0].t)
        return false;
    double seconds = (double)(two[1].t - two[0].t) / 1000;
    if (!two[0].h && !two[1].h) {
        ret->v = rate && two[1].v < two[0].v ? two[1].v : two[1].v - two[0].v;
        if (rate)
            ret->v /= seconds;
        return true;
    }
    if (!two[0].h || !two[1].h) {
        sg__warn_mixed(c->p, c->range_at, name_of(c));
        return false;
    }
    if (rate && (is_gauge(two[0].h) || is_gauge(two[1].h)))
        warn_not_counter(c);
    if (!rate && !(is_gauge(two[0].h) && is_gauge(two[1].h)))
        warn_not_gauge(c);
    struct sg_histogram *diff = sg_histogram_scale(two[1].h, 1);
    if (!(rate && sg_histogram_is_reset(two[0].h, two[1].h)) && !combine(c, &diff, two[0].h, -1))
        return false;
    struct sg_histogram *gauge = sg_histogram_scale(diff, rate ? 1 / seconds : 1);
    sg_histogram_unref(diff);
    gauge->reset_hint = SG_RESET_GAUGE;
    return put_take(c, gauge, ret);
}

static struct sg_histogram *add_up(struct sg__call *c, const struct sg__window *w)
{
    struct sg_histogram *sum = sg_histogram_scale(w->h[0], 1);
    for (size_t i = 1; i < w->hn; i++)
        if (!combine(c, &sum, w->h[i], 1))
            return NULL;
    return sum;
}

bool sg__sum_histograms(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    struct sg_histogram *sum = add_up(c, w);
    return sum && put_take(c, sum, ret);
}

bool sg__avg_histograms(struct sg__call *c, const struct sg__window *w, struct sg__point *ret)
{
    struct sg_histogram *sum = add_up(c, w);
    if (!sum)
        return false;
    struct sg_histogram *avg = sg_histogram_scale(sum, 1 / (double)w->hn);
    sg_histogram_unref(sum);
    return put_take(c, avg, ret);
}

double sg__count_mixed(const struct sg__window *w, bool resets)
{
    size_t i = 0, j = 0, count = 0;
    struct newest prev = {0}, cur;
    for (bool first = true; i < w->n || j < w->hn; first = false, prev = cur) {
        if (j >= w->hn || (i < w->n && w->t[i] < w->ht[j]))
            cur = (struct newest){w->t[i], w->v[i], NULL}, i++;
        else
            cur = (struct newest){w->ht[j], 0, w->h[j]}, j++;
        if (first)
            continue;
        if (!prev.h != !cur.h)
            count++;
        else if (cur.h)
            count +=
                resets ? sg_histogram_is_reset(prev.h, cur.h) : !sg_histogram_eq(prev.h, cur.h);
        else if (resets)
            count += cur.v < prev.v;
        else
            count += cur.v != prev.v && !(cur.v != cur.v && prev.v != prev.v);
    }
    return (double)count;
}
