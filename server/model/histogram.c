/* histogram.c - exponential histograms as values: bounds, arithmetic, resets, quantiles.
 *
 * Two histograms meet after `fit`: at the lower of their schemas and with the wider zero bucket,
 * which is first moved to a bucket bound so that no populated bucket is cut (Prometheus native
 * histogram specification, "compatibility"). */
#include <float.h>
#include <math.h>
#include <string.h>

#include <streamgauge/histogram.h>
#include <streamgauge/mem.h>
#include <streamgauge/value.h>

enum { TABLE_SCHEMA = 8, TABLE_SIZE = 1 << TABLE_SCHEMA };

/* All doubles lie within ±275 200 at schema 8; what is far beyond cannot be a bucket. */
enum { INDEX_MAX = 1 << 20 };

/* 2^(i/256) / 2: where frexp's fraction changes bucket at schema 8; coarser schemas stride through
 * it. */
static double fractions[TABLE_SIZE + 1];

__attribute__((constructor(111))) static void init_fractions(void)
{
    for (int i = 0; i <= TABLE_SIZE; i++)
        fractions[i] = exp2((double)i / TABLE_SIZE) / 2;
}

/* ---- life ---- */

struct sg_histogram *sg_histogram_new(uint32_t n_positive, uint32_t n_negative, uint32_t n_custom)
{
    struct sg_histogram *h =
        sg_try_alloc(sizeof(*h) + ((size_t)n_positive + n_negative) * sizeof(struct sg_bucket) +
                     n_custom * sizeof(double));
    if (!h)
        return NULL;
    *h = (struct sg_histogram){
        .n_positive = n_positive, .n_negative = n_negative, .n_custom = n_custom};
    atomic_init(&h->refs, 1);
    return h;
}

/* The count of references is the one field of a shared histogram that changes. */
static struct sg_histogram *counted(const struct sg_histogram *h)
{
    return (struct sg_histogram *)(uintptr_t)h;
}

const struct sg_histogram *sg_histogram_ref(const struct sg_histogram *h)
{
    atomic_fetch_add_explicit(&counted(h)->refs, 1, memory_order_relaxed);
    return h;
}

void sg_histogram_unref(const struct sg_histogram *h)
{
    if (h && atomic_fetch_sub_explicit(&counted(h)->refs, 1, memory_order_acq_rel) == 1)
        sg_free(counted(h));
}

static size_t bucket_count(const struct sg_histogram *h)
{
    return (size_t)h->n_positive + h->n_negative;
}

size_t sg_histogram_size(const struct sg_histogram *h)
{
    return sizeof(*h) + bucket_count(h) * sizeof(struct sg_bucket) + h->n_custom * sizeof(double);
}

static bool is_custom(const struct sg_histogram *h)
{
    return h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM;
}

struct sg_histogram *sg_histogram_like(const struct sg_histogram *h, uint32_t n_positive,
                                       uint32_t n_negative)
{
    struct sg_histogram *c = sg_histogram_new(n_positive, n_negative, h->n_custom);
    if (!c)
        return NULL;
    c->schema = h->schema;
    c->reset_hint = h->reset_hint;
    c->zero_threshold = h->zero_threshold;
    c->zero_count = h->zero_count;
    c->count = h->count;
    c->sum = h->sum;
    if (h->n_custom)
        memcpy(c->buckets + bucket_count(c), sg_histogram_custom(h), h->n_custom * sizeof(double));
    return c;
}

/* Same shape and content; the caller may then change the copy. */
static struct sg_histogram *copy(const struct sg_histogram *h)
{
    struct sg_histogram *c = sg_histogram_like(h, h->n_positive, h->n_negative);
    if (c)
        memcpy(c->buckets, h->buckets, bucket_count(h) * sizeof(*h->buckets));
    return c;
}

/* ---- bounds ---- */

/* The bound 2^1024 does not exist; the bucket below it ends at the largest finite value, the one
 * above holds ±Inf. */
double sg_histogram_bound(int8_t schema, int32_t index)
{
    if (schema < SG_HISTOGRAM_SCHEMA_MIN || schema > SG_HISTOGRAM_SCHEMA_MAX)
        return NAN;
    int64_t exponent;
    double fraction = 1;
    if (schema <= 0) {
        exponent = (int64_t)index * (INT64_C(1) << -schema);
    } else {
        exponent = index >> schema;
        fraction = 2 * fractions[(index & ((1 << schema) - 1)) << (TABLE_SCHEMA - schema)];
    }
    if (exponent == DBL_MAX_EXP && fraction == 1)
        return DBL_MAX;
    if (exponent > 2 * DBL_MAX_EXP || exponent < -2 * DBL_MAX_EXP)
        exponent = exponent > 0 ? 2 * DBL_MAX_EXP : -2 * DBL_MAX_EXP;
    return ldexp(fraction, (int)exponent);
}

/* Smallest i with fractions at stride `step` >= fraction. */
static int32_t search_fraction(double fraction, int schema)
{
    int32_t lo = 0, hi = 1 << schema;
    while (lo < hi) {
        int32_t mid = (lo + hi) / 2;
        if (fractions[mid << (TABLE_SCHEMA - schema)] < fraction)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int32_t sg_histogram_index(int8_t schema, double v)
{
    int exponent;
    double fraction = frexp(isinf(v) ? DBL_MAX : v, &exponent);
    int32_t beyond = isinf(v) ? 1 : 0;
    if (schema > 0)
        return search_fraction(fraction, schema) + (exponent - 1) * (1 << schema) + beyond;
    if (fraction == 0.5)
        exponent--; /* exact powers of two belong to the bucket they end */
    return ((exponent + (1 << -schema) - 1) >> -schema) + beyond;
}

/* ---- fitting two histograms to each other ---- */

static double settle_side(const struct sg_bucket *b, uint32_t n, int8_t schema, double threshold)
{
    for (uint32_t i = 0; i < n; i++) {
        if (b[i].count == 0 || sg_histogram_bound(schema, b[i].index - 1) >= threshold)
            continue;
        double upper = sg_histogram_bound(schema, b[i].index);
        if (upper > threshold)
            threshold = upper;
    }
    return threshold;
}

/* The smallest threshold >= the given one that cuts no populated bucket of h. */
static double settle(const struct sg_histogram *h, double threshold)
{
    if (threshold <= h->zero_threshold)
        return threshold;
    double before;
    do {
        before = threshold;
        threshold = settle_side(sg_histogram_positive(h), h->n_positive, h->schema, threshold);
        threshold = settle_side(sg_histogram_negative(h), h->n_negative, h->schema, threshold);
    } while (threshold > before);
    return threshold;
}

static double common_threshold(const struct sg_histogram *a, const struct sg_histogram *b)
{
    double t = a->zero_threshold > b->zero_threshold ? a->zero_threshold : b->zero_threshold;
    double before;
    do {
        before = t;
        t = settle(b, settle(a, t));
    } while (t > before);
    return t;
}

/* Index of the coarser bucket, `shift` schemas lower. */
static int32_t coarser(int32_t index, int shift)
{
    return (int32_t)(((int64_t)index - 1) >> shift) + 1;
}

/* Reduces one side in place; what lies below the threshold goes to *zero_count. Returns the buckets
 * left. */
static uint32_t fit_side(struct sg_bucket *b, uint32_t n, const struct sg_histogram *h, int shift,
                         double *zero_count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (sg_histogram_bound(h->schema, b[i].index) <= h->zero_threshold) {
            *zero_count += b[i].count;
            continue;
        }
        int32_t index = coarser(b[i].index, shift);
        if (kept && b[kept - 1].index == index)
            b[kept - 1].count += b[i].count;
        else
            b[kept++] = (struct sg_bucket){index, b[i].count};
    }
    return kept;
}

/* A copy of h at a lower or equal schema with a settled, wider or equal zero bucket. */
static struct sg_histogram *fit(const struct sg_histogram *h, int8_t schema, double threshold)
{
    struct sg_histogram *c = copy(h);
    if (!c || is_custom(h) || (schema == h->schema && threshold == h->zero_threshold))
        return c;
    struct sg_bucket *negative = c->buckets + c->n_positive;
    int shift = h->schema - schema;
    c->zero_threshold = threshold;
    uint32_t n_positive = fit_side(c->buckets, c->n_positive, c, shift, &c->zero_count);
    uint32_t n_negative = fit_side(negative, c->n_negative, c, shift, &c->zero_count);
    memmove(c->buckets + n_positive, negative, n_negative * sizeof(*negative));
    c->schema = schema;
    c->n_positive = n_positive;
    c->n_negative = n_negative;
    return c;
}

static bool same_bounds(const struct sg_histogram *a, const struct sg_histogram *b)
{
    return a->n_custom == b->n_custom && memcmp(sg_histogram_custom(a), sg_histogram_custom(b),
                                                a->n_custom * sizeof(double)) == 0;
}

/* ---- arithmetic ---- */

/* a + factor * b of one side, into dst. Returns its length. */
static uint32_t merge_side(struct sg_bucket *dst, const struct sg_bucket *a, uint32_t n_a,
                           const struct sg_bucket *b, uint32_t n_b)
{
    uint32_t n = 0, i = 0, k = 0;
    while (i < n_a || k < n_b) {
        if (k == n_b || (i < n_a && a[i].index < b[k].index)) {
            dst[n++] = a[i++];
        } else if (i == n_a || b[k].index < a[i].index) {
            dst[n++] = b[k++];
        } else {
            dst[n++] = (struct sg_bucket){a[i].index, a[i].count + b[k].count};
            i++;
            k++;
        }
    }
    return n;
}

static uint8_t merge_hints(uint8_t a, uint8_t b)
{
    if (a == b)
        return a;
    return a == SG_RESET_GAUGE || b == SG_RESET_GAUGE ? SG_RESET_GAUGE : SG_RESET_UNKNOWN;
}

static void scale_in_place(struct sg_histogram *h, double factor)
{
    for (size_t i = 0; i < bucket_count(h); i++)
        h->buckets[i].count *= factor;
    h->zero_count *= factor;
    h->count *= factor;
    h->sum *= factor;
}

/* Both are fitted to each other. NULL when memory is out. */
static struct sg_histogram *add_fitted(const struct sg_histogram *a, const struct sg_histogram *b)
{
    struct sg_histogram *sum =
        sg_histogram_new(a->n_positive + b->n_positive, a->n_negative + b->n_negative, a->n_custom);
    if (!sum)
        return NULL;
    sum->n_positive = merge_side(sum->buckets, sg_histogram_positive(a), a->n_positive,
                                 sg_histogram_positive(b), b->n_positive);
    sum->n_negative = merge_side(sum->buckets + sum->n_positive, sg_histogram_negative(a),
                                 a->n_negative, sg_histogram_negative(b), b->n_negative);
    memcpy(sum->buckets + bucket_count(sum), sg_histogram_custom(a), a->n_custom * sizeof(double));
    sum->schema = a->schema;
    sum->reset_hint = merge_hints(a->reset_hint, b->reset_hint);
    sum->zero_threshold = a->zero_threshold;
    sum->zero_count = a->zero_count + b->zero_count;
    sum->count = a->count + b->count;
    sum->sum = a->sum + b->sum;
    return sum;
}

int sg_histogram_combine(const struct sg_histogram *a, const struct sg_histogram *b, double factor,
                         struct sg_histogram **ret)
{
    if (is_custom(a) != is_custom(b) || (is_custom(a) && !same_bounds(a, b)))
        return SG_EINVALID;
    int8_t schema = a->schema < b->schema ? a->schema : b->schema;
    double threshold = is_custom(a) ? 0 : common_threshold(a, b);
    struct sg_histogram *x = fit(a, schema, threshold), *y = fit(b, schema, threshold);
    struct sg_histogram *sum = NULL;
    if (x && y) {
        if (factor != 1)
            scale_in_place(y, factor);
        sum = add_fitted(x, y);
    }
    sg_histogram_unref(x);
    sg_histogram_unref(y);
    if (!sum)
        return SG_ENOMEM;
    *ret = sum;
    return 0;
}

struct sg_histogram *sg_histogram_scale(const struct sg_histogram *h, double factor)
{
    struct sg_histogram *c = copy(h);
    if (!c)
        return NULL;
    scale_in_place(c, factor);
    if (factor < 0)
        c->reset_hint = SG_RESET_GAUGE; /* negative counts cannot be a counter's */
    return c;
}

/* ---- resets ---- */

/* Whether a bucket of `earlier` holds more than the same bucket of `later`. */
static bool side_fell(const struct sg_bucket *earlier, uint32_t n_earlier,
                      const struct sg_bucket *later, uint32_t n_later)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n_earlier; i++) {
        while (k < n_later && later[k].index < earlier[i].index)
            k++;
        double now = k < n_later && later[k].index == earlier[i].index ? later[k].count : 0;
        if (now < earlier[i].count)
            return true;
    }
    return false;
}

bool sg_histogram_is_reset(const struct sg_histogram *earlier, const struct sg_histogram *later)
{
    if (later->reset_hint == SG_RESET_YES || later->reset_hint == SG_RESET_NO)
        return later->reset_hint == SG_RESET_YES;
    if (later->count < earlier->count || is_custom(later) != is_custom(earlier))
        return true;
    if (is_custom(later) && !same_bounds(later, earlier))
        return true;
    if (later->schema > earlier->schema || later->zero_threshold < earlier->zero_threshold)
        return true; /* resolution only ever falls while a histogram lives */
    if (!is_custom(later) && settle(earlier, later->zero_threshold) != later->zero_threshold)
        return true;
    struct sg_histogram *e = fit(earlier, later->schema, later->zero_threshold);
    if (!e)
        return true;
    bool fell = later->zero_count < e->zero_count ||
                side_fell(sg_histogram_positive(e), e->n_positive, sg_histogram_positive(later),
                          later->n_positive) ||
                side_fell(sg_histogram_negative(e), e->n_negative, sg_histogram_negative(later),
                          later->n_negative);
    sg_histogram_unref(e);
    return fell;
}

/* ---- quantiles ---- */

struct span {
    double lower, upper, count;
};

static struct span custom_span(const struct sg_histogram *h, struct sg_bucket b)
{
    const double *bounds = sg_histogram_custom(h);
    uint32_t i = b.index < 0 ? 0 : (uint32_t)b.index;
    return (struct span){
        .lower = i > 0 && i <= h->n_custom ? bounds[i - 1]
                 : i == 0                  ? -INFINITY
                                           : INFINITY,
        .upper = i < h->n_custom ? bounds[i] : INFINITY,
        .count = b.count,
    };
}

/* The i-th bucket from the most negative value upwards, the zero bucket in the middle. */
static struct span span_at(const struct sg_histogram *h, size_t i)
{
    if (i < h->n_negative) {
        struct sg_bucket b = sg_histogram_negative(h)[h->n_negative - 1 - i];
        return (struct span){-sg_histogram_bound(h->schema, b.index),
                             -sg_histogram_bound(h->schema, b.index - 1), b.count};
    }
    if (i == h->n_negative)
        return (struct span){-h->zero_threshold, h->zero_threshold, h->zero_count};
    struct sg_bucket b = sg_histogram_positive(h)[i - h->n_negative - 1];
    if (is_custom(h))
        return custom_span(h, b);
    return (struct span){sg_histogram_bound(h->schema, b.index - 1),
                         sg_histogram_bound(h->schema, b.index), b.count};
}

/* The populated bucket in which the rank falls, counted from below or from above; *ret_count: all
 * up to and with it. */
static struct span find_rank(const struct sg_histogram *h, double rank, bool from_above,
                             double *ret_count)
{
    size_t n = bucket_count(h) + 1;
    struct span found = {0, 0, 0};
    double count = 0;
    for (size_t i = 0; i < n; i++) {
        struct span s = span_at(h, from_above ? n - 1 - i : i);
        if (s.count == 0)
            continue;
        found = s;
        count += s.count;
        if (count >= rank)
            break;
    }
    *ret_count = count;
    return found;
}

/* A part of an exponential bucket, as if finer buckets in it were filled evenly. */
static double interpolate(const struct sg_histogram *h, struct span s, double part)
{
    if (is_custom(h) || (s.lower <= 0 && s.upper >= 0))
        return s.lower + (s.upper - s.lower) * part;
    double low = log2(fabs(s.lower)), high = log2(fabs(s.upper));
    if (s.lower > 0)
        return exp2(low + (high - low) * part);
    return -exp2(high + (low - high) * (1 - part));
}

double sg_histogram_quantile(const struct sg_histogram *h, double q)
{
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (h->count == 0 || isnan(q))
        return NAN;
    /* NaN observations count, but lie in no bucket: then only ranks from below are right. */
    bool from_above = !isnan(h->sum) && q >= 0.5;
    double rank = (from_above ? 1 - q : q) * h->count, count;
    struct span s = find_rank(h, rank, from_above, &count);
    if (!is_custom(h) && s.lower < 0 && s.upper > 0) {
        if (h->n_negative == 0 && h->n_positive > 0)
            s.lower = 0;
        else if (h->n_positive == 0 && h->n_negative > 0)
            s.upper = 0;
    } else if (is_custom(h) && isinf(s.lower) && s.lower < 0) {
        if (s.upper <= 0)
            return s.upper;
        s.lower = 0;
    } else if (is_custom(h) && isinf(s.upper)) {
        return s.lower;
    }
    if (count > h->count)
        count = h->count;
    if (count < rank)
        return isnan(h->sum) ? NAN : s.upper;
    double within = from_above ? count - rank : rank - (count - s.count);
    return interpolate(h, s, within / s.count);
}

/* ---- comparing and checking ---- */

static bool same_bits(double a, double b)
{
    return sg_double_bits(a) == sg_double_bits(b);
}

bool sg_histogram_eq(const struct sg_histogram *a, const struct sg_histogram *b)
{
    if (a == b)
        return true;
    if (a->schema != b->schema || a->n_positive != b->n_positive ||
        a->n_negative != b->n_negative || !same_bits(a->count, b->count) ||
        !same_bits(a->sum, b->sum) || !same_bits(a->zero_count, b->zero_count) ||
        a->zero_threshold != b->zero_threshold || !same_bounds(a, b))
        return false;
    for (size_t i = 0; i < bucket_count(a); i++) {
        if (a->buckets[i].index != b->buckets[i].index ||
            !same_bits(a->buckets[i].count, b->buckets[i].count))
            return false;
    }
    return true;
}

static int check_side(const struct sg_bucket *b, uint32_t n, const char *side,
                      struct sg_error *reterr)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i && b[i].index <= b[i - 1].index)
            return sg_error_set(reterr, SG_EINVALID,
                                "%s bucket %d follows bucket %d, expected ascending indexes", side,
                                (int)b[i].index, (int)b[i - 1].index);
        if (b[i].index > INDEX_MAX || b[i].index < -INDEX_MAX)
            return sg_error_set(reterr, SG_EINVALID, "%s bucket %d, expected -%d to %d", side,
                                (int)b[i].index, INDEX_MAX, INDEX_MAX);
        if (!(b[i].count >= 0))
            return sg_error_set(reterr, SG_EINVALID,
                                "%s bucket %d has count %g, expected 0 or more", side,
                                (int)b[i].index, b[i].count);
    }
    return 0;
}

static int check_custom(const struct sg_histogram *h, struct sg_error *reterr)
{
    const double *bounds = sg_histogram_custom(h);
    if (h->n_negative || h->zero_count != 0 || h->zero_threshold != 0)
        return sg_error_set(reterr, SG_EINVALID,
                            "custom buckets have no negative side and no zero bucket");
    for (uint32_t i = 0; i < h->n_custom; i++) {
        if (!isfinite(bounds[i]) || (i && bounds[i] <= bounds[i - 1]))
            return sg_error_set(reterr, SG_EINVALID,
                                "custom bound %g at %u, expected finite ascending bounds",
                                bounds[i], i);
    }
    if (h->n_positive &&
        (h->buckets[0].index < 0 || (uint32_t)h->buckets[h->n_positive - 1].index > h->n_custom))
        return sg_error_set(reterr, SG_EINVALID, "bucket index outside the %u custom bounds",
                            h->n_custom);
    return 0;
}

int sg_histogram_validate(const struct sg_histogram *h, struct sg_error *reterr)
{
    if (!is_custom(h) &&
        (h->schema < SG_HISTOGRAM_SCHEMA_MIN || h->schema > SG_HISTOGRAM_SCHEMA_MAX))
        return sg_error_set(reterr, SG_EINVALID, "histogram schema %d, expected -4 to 8 or -53",
                            h->schema);
    if (!is_custom(h) && h->n_custom)
        return sg_error_set(reterr, SG_EINVALID, "exponential schema %d has custom bounds",
                            h->schema);
    if (!(h->count >= 0) || !(h->zero_count >= 0) || !(h->zero_threshold >= 0))
        return sg_error_set(reterr, SG_EINVALID,
                            "histogram count %g, zero count %g, zero threshold %g, expected 0 or "
                            "more",
                            h->count, h->zero_count, h->zero_threshold);
    int rc = check_side(sg_histogram_positive(h), h->n_positive, "positive", reterr);
    if (rc == 0)
        rc = check_side(sg_histogram_negative(h), h->n_negative, "negative", reterr);
    if (rc == 0 && is_custom(h))
        rc = check_custom(h, reterr);
    return rc;
}
