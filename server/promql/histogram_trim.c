/* histogram_trim.c - the operators </ and >/: a native histogram without what is above or below a
 * number.
 *
 * A bucket on the wrong side goes, one that holds the number is split where the number would be if
 * its observations were spread evenly (on the bucket's own scale). A bucket without an end cannot
 * be split like that, so it is kept or goes as a whole. What is left has a new sum: each part's
 * observations are taken to be in its middle.
 */
#include "histogram_math.h"
#include "plan.h"
#include <math.h>

struct trim {
    double at;
    bool upper;    /* keep what is below, else what is above */
    bool custom;   /* own bounds: linear */
    bool negative; /* the side at work */
    bool changed;
    double count, sum; /* of what is left */
};

/* Part of a bucket: how many, and where their middle is. */
struct part {
    double count, middle;
};

/* The middle of (lower, upper]. Of an interval without an end that is its other end; one from
 * -Inf to a positive number is taken to begin at 0. */
static double middle(const struct trim *t, double lower, double upper)
{
    if (isinf(lower) && isinf(upper))
        return 0;
    if (isinf(lower))
        return upper > 0 ? upper / 2 : upper;
    if (isinf(upper))
        return lower;
    if (t->custom)
        return (lower + upper) / 2;
    double mean = sqrt(fabs(lower * upper));
    return t->negative ? -mean : mean;
}

/* b holds the number and has no lower end. */
static struct part split_first(const struct trim *t, const struct sg__bucket *b)
{
    bool from_zero = b->upper > 0 && !isinf(b->upper);
    if (t->upper && b->upper <= 0)
        return (struct part){b->count, t->at};
    if (t->upper && from_zero && t->at > 0)
        return (struct part){b->count * t->at / b->upper, t->at / 2};
    if (!t->upper && from_zero && t->at >= 0)
        return (struct part){b->count * (1 - t->at / b->upper), (t->at + b->upper) / 2};
    return (struct part){0, 0};
}

static struct part split(const struct trim *t, const struct sg__bucket *b)
{
    if (isinf(b->lower))
        return split_first(t, b);
    if (isinf(b->upper)) /* no telling how far up they go */
        return (struct part){t->upper ? 0 : b->count, t->upper ? 0 : t->at};
    double below = sg__part_below(b, t->at, t->custom);
    if (t->upper)
        return (struct part){below, middle(t, b->lower, t->at)};
    return (struct part){b->count - below, middle(t, t->at, b->upper)};
}

static struct part keep(const struct trim *t, const struct sg__bucket *b)
{
    if (t->upper ? b->upper <= t->at : b->lower >= t->at)
        return (struct part){b->count, middle(t, b->lower, b->upper)};
    if (t->upper ? b->lower < t->at : b->upper > t->at)
        return split(t, b);
    return (struct part){0, 0};
}

/* The zero bucket: from 0 on when everything else is on one side of it. Linear. */
static struct part keep_zero(const struct trim *t, double lower, double upper, double count)
{
    double from = t->upper ? lower : fmax(lower, t->at), to = t->upper ? fmin(upper, t->at) : upper;
    if (t->upper ? t->at <= lower : t->at >= upper && t->at > lower)
        return (struct part){0, 0};
    if (from == lower && to == upper)
        return (struct part){count, (lower + upper) / 2};
    return (struct part){count * ((to - from) / (upper - lower)), (from + to) / 2};
}

static void take(struct trim *t, double *count, struct part kept)
{
    t->changed |= *count != kept.count;
    *count = kept.count;
    t->count += kept.count;
    t->sum += kept.middle * kept.count;
}

static struct sg__bucket bucket_at(const struct sg_histogram *h, int32_t i, bool negative,
                                   double count)
{
    if (h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM) {
        const double *bounds = sg_histogram_custom(h);
        int64_t n = h->n_custom;
        return (struct sg__bucket){i <= 0 ? -INFINITY : bounds[(i > n ? n : i) - 1],
                                   i < 0 || i >= n ? INFINITY : bounds[i], count};
    }
    double inner = sg_histogram_bound(h->schema, i - 1), outer = sg_histogram_bound(h->schema, i);
    return negative ? (struct sg__bucket){-outer, -inner, count}
                    : (struct sg__bucket){inner, outer, count};
}

/* Returns whether the side held any observations. */
static bool trim_side(struct trim *t, const struct sg_histogram *h, struct sg_bucket *b, uint32_t n,
                      bool negative)
{
    bool any = false;
    t->negative = negative;
    for (uint32_t i = 0; i < n; i++) {
        if (b[i].count == 0)
            continue;
        struct sg__bucket whole = bucket_at(h, b[i].index, negative, b[i].count);
        take(t, &b[i].count, keep(t, &whole));
        any = true;
    }
    return any;
}

static uint32_t put_filled(struct sg_bucket *dst, const struct sg_bucket *b, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (b[i].count == 0)
            continue;
        if (dst)
            dst[kept] = b[i];
        kept++;
    }
    return kept;
}

/* Without empty buckets: histograms are compared bucket by bucket. Takes h. */
static struct sg_histogram *compact(struct sg_histogram *h)
{
    uint32_t positive = put_filled(NULL, sg_histogram_positive(h), h->n_positive),
             negative = put_filled(NULL, sg_histogram_negative(h), h->n_negative);
    struct sg_histogram *r = sg_histogram_like(h, positive, negative);
    if (!r) /* out of memory; empty buckets do no harm but to such comparisons */
        return h;
    put_filled(r->buckets, sg_histogram_positive(h), h->n_positive);
    put_filled(r->buckets + positive, sg_histogram_negative(h), h->n_negative);
    sg_histogram_unref(h);
    return r;
}

struct sg_histogram *sg__histogram_trim(const struct sg_histogram *h, double at, bool upper)
{
    struct sg_histogram *r = sg_histogram_scale(h, 1);
    struct trim t = {.at = at, .upper = upper, .custom = h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM};
    bool positive = trim_side(&t, h, r->buckets, r->n_positive, false);
    bool negative = trim_side(&t, h, r->buckets + r->n_positive, r->n_negative, true);
    if (r->zero_count > 0) {
        double zero = r->zero_threshold;
        take(&t, &r->zero_count,
             keep_zero(&t, positive && !negative ? 0 : -zero, negative && !positive ? 0 : zero,
                       r->zero_count));
    }
    if (!t.changed)
        return r;
    r->count = t.count;
    r->sum = t.sum;
    return compact(r);
}
