/* histogram_math.c - quantiles and fractions of classic buckets; fractions and variance of native
 * histograms. */
#include "histogram_math.h"
#include "plan.h"
#include "stats.h"
#include <streamgauge/num.h>

/* ---- classic buckets ---- */

/* Merges buckets with equal bounds. */
static size_t coalesce(struct sg__le *b, size_t n)
{
    size_t out = 0;
    for (size_t i = 1; i < n; i++) {
        if (b[i].bound == b[out].bound)
            b[out].count += b[i].count;
        else
            b[++out] = b[i];
    }
    return out + 1;
}

/* Counts have to grow with the bound. Tiny differences are rounding errors; real decreases are
 * flattened and reported. */
static bool make_monotonic(struct sg__le *b, size_t n)
{
    const double tolerance = 1e-12;
    bool forced = false;
    double prev = b[0].count;
    for (size_t i = 1; i < n; i++) {
        double cur = b[i].count;
        if (cur == prev)
            continue;
        if (sg__almost_equal(prev, cur, tolerance)) {
            b[i].count = prev;
        } else if (cur < prev) {
            b[i].count = prev;
            forced = true;
        } else {
            prev = cur;
        }
    }
    return forced;
}

double sg__bucket_quantile(double q, struct sg__le *b, size_t *count, bool *ret_forced)
{
    size_t n = *count;
    *ret_forced = false;
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (b[n - 1].bound != INFINITY)
        return NAN;
    *count = n = coalesce(b, n);
    bool forced = make_monotonic(b, n);
    if (n < 2 || b[n - 1].count == 0)
        return NAN;
    *ret_forced = forced;
    double rank = q * b[n - 1].count;
    size_t i = 0;
    while (i < n - 1 && !(b[i].count >= rank))
        i++;
    if (i == n - 1)
        return b[n - 2].bound;
    if (i == 0 && b[0].bound <= 0)
        return b[0].bound;
    double start = 0, inside = b[i].count;
    if (i > 0) {
        start = b[i - 1].bound;
        inside -= b[i - 1].count;
        rank -= b[i - 1].count;
    }
    return start + (b[i].bound - start) * (rank / inside);
}

/* The rank of one border, found while buckets go by in order. */
struct border {
    double at, rank;
    bool found;
};
struct span {
    double lower, upper;
};

static double finish_fraction(struct border *lo, struct border *hi, double count, double total)
{
    if (!lo->found || lo->rank > count)
        lo->rank = count;
    if (!hi->found || hi->rank > count)
        hi->rank = count;
    return (hi->rank - lo->rank) / total;
}

double sg__bucket_fraction(double lower, double upper, struct sg__le *b, size_t n)
{
    if (b[n - 1].bound != INFINITY)
        return NAN;
    n = coalesce(b, n);
    double total = b[n - 1].count, rank = 0;
    if (total == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    struct border borders[2] = {{lower, 0, false}, {upper, 0, false}};
    /* As for quantiles: when the first bound is positive, all observations are taken to be. */
    double first = b[0].bound > 0 ? 0 : -INFINITY;
    for (size_t i = 0; i < n && !(borders[0].found && borders[1].found); i++) {
        struct span s = {i ? b[i - 1].bound : first, b[i].bound};
        for (int j = 0; j < 2; j++) {
            struct border *at = &borders[j];
            if (at->found || s.upper <= at->at)
                continue;
            at->found = true;
            at->rank = rank;
            if (s.lower == -INFINITY && s.lower < at->at)
                at->rank = b[i].count; /* no telling where they are: none is above */
            else if (s.lower < at->at)
                at->rank += (b[i].count - rank) * (at->at - s.lower) / (s.upper - s.lower);
        }
        rank = b[i].count;
    }
    return finish_fraction(&borders[0], &borders[1], total, total);
}

/* ---- native histograms ---- */

/* All buckets in ascending order. */
struct walk {
    const struct sg_histogram *h;
    uint32_t negative, positive;
    bool zero_done;
    bool as_stored; /* bounds that the zero bucket overlaps are left as they are */
};

static bool next_bucket(struct walk *w, struct sg__bucket *ret)
{
    const struct sg_histogram *h = w->h;
    double zero = h->zero_threshold, reach = w->as_stored ? 0 : zero;
    if (w->negative < h->n_negative) {
        const struct sg_bucket *b = sg_histogram_negative(h) + (h->n_negative - ++w->negative);
        *ret = (struct sg__bucket){-sg_histogram_bound(h->schema, b->index),
                                   -sg_histogram_bound(h->schema, b->index - 1), b->count};
        if (ret->upper < 0 && ret->upper > -reach)
            ret->upper = -reach;
        return true;
    }
    if (!w->zero_done) {
        w->zero_done = true;
        if (h->zero_count > 0 || w->as_stored) { /* negated ones are written, too */
            *ret = (struct sg__bucket){-zero, zero, h->zero_count};
            return true;
        }
    }
    if (w->positive == h->n_positive)
        return false;
    const struct sg_bucket *b = sg_histogram_positive(h) + w->positive++;
    if (h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM) {
        const double *bounds = sg_histogram_custom(h);
        int64_t i = b->index, n = h->n_custom;
        *ret = (struct sg__bucket){i <= 0 ? -INFINITY : bounds[(i > n ? n : i) - 1],
                                   i < 0 || i >= n ? INFINITY : bounds[i], b->count};
        return true;
    }
    *ret = (struct sg__bucket){sg_histogram_bound(h->schema, b->index - 1),
                               sg_histogram_bound(h->schema, b->index), b->count};
    if (ret->lower > 0 && ret->lower < reach)
        ret->lower = reach;
    return true;
}

double sg__histogram_variance(const struct sg_histogram *h)
{
    double mean = h->sum / h->count, sum = 0, c = 0;
    struct walk w = {.h = h};
    struct sg__bucket b;
    while (next_bucket(&w, &b)) {
        if (b.count == 0)
            continue;
        double middle;
        if (h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM)
            middle = (b.upper + b.lower) / 2;
        else if (b.lower <= 0 && b.upper >= 0)
            middle = 0;
        else
            middle = copysign(sqrt(b.upper * b.lower), b.upper);
        double delta = middle - mean;
        sg__kahan_add(b.count * delta * delta, &sum, &c);
    }
    return (sum + c) / h->count;
}

double sg__part_below(const struct sg__bucket *b, double v, bool linear)
{
    if (linear)
        return b->count * (v - b->lower) / (b->upper - b->lower);
    double lower = log2(fabs(b->lower)), upper = log2(fabs(b->upper)), at = log2(fabs(v));
    double fraction = v > 0 ? (at - lower) / (upper - lower) : 1 - (at - upper) / (lower - upper);
    return b->count * fraction;
}

double sg__histogram_observed(const struct sg_histogram *h)
{
    struct walk w = {.h = h};
    struct sg__bucket b;
    double count = 0;
    while (next_bucket(&w, &b))
        count += b.count;
    return count;
}

double sg__histogram_fraction(double lower, double upper, const struct sg_histogram *h)
{
    if (h->count == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    bool custom = h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM;
    struct border borders[2] = {{lower, 0, false}, {upper, 0, false}};
    struct walk w = {.h = h};
    struct sg__bucket b;
    double rank = 0;
    while (!(borders[0].found && borders[1].found) && next_bucket(&w, &b)) {
        bool zero = b.lower <= 0 && b.upper >= 0;
        if (zero && !h->n_negative && h->n_positive)
            b.lower = 0;
        else if (zero && !h->n_positive && h->n_negative)
            b.upper = 0;
        for (int j = 0; j < 2; j++) {
            struct border *at = &borders[j];
            if (at->found || (b.upper <= at->at && b.lower < at->at))
                continue;
            at->found = true;
            at->rank = rank;
            if (b.lower == -INFINITY && b.lower < at->at)
                at->rank += b.count;
            else if (b.lower < at->at)
                at->rank += sg__part_below(&b, at->at, custom || zero);
        }
        rank += b.count;
    }
    double count = isnan(h->sum) ? sg__histogram_observed(h) : h->count;
    return finish_fraction(&borders[0], &borders[1], count, h->count);
}

static void put_number(struct sg_buf *out, double v)
{
    char text[SG_DOUBLE_MAX];
    sg_buf_append(out, text, sg_double_format_g(v, text));
}

static void put_bucket(const struct sg__bucket *b, const char *open, const char *close,
                       struct sg_buf *out)
{
    if (b->count == 0)
        return;
    sg_buf_puts(out, ", ");
    sg_buf_puts(out, open);
    put_number(out, b->lower);
    sg_buf_putc(out, ',');
    put_number(out, b->upper);
    sg_buf_puts(out, close);
    sg_buf_putc(out, ':');
    put_number(out, b->count);
}

void sg__histogram_text(const struct sg_histogram *h, struct sg_buf *out)
{
    struct walk w = {.h = h, .as_stored = true};
    struct sg__bucket b;
    bool custom = h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM;
    sg_buf_puts(out, "{count:");
    put_number(out, h->count);
    sg_buf_puts(out, ", sum:");
    put_number(out, h->sum);
    while (next_bucket(&w, &b)) {
        bool zero = !custom && b.lower <= 0 && b.upper >= 0;
        bool below = b.upper <= 0 && !zero && !custom;
        bool first = custom && isinf(b.lower); /* (-Inf, x] is written closed */
        put_bucket(&b, zero || below || first ? "[" : "(", below ? ")" : "]", out);
    }
    sg_buf_putc(out, '}');
}
