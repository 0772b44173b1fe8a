/* histogram.h - the exponential (native) histogram: one type for every distribution.
 *
 * StatsD timers, DogStatsD histograms and distributions, OTLP exponential histograms and Prometheus
 * native histograms all map to it. Bucket i of schema s holds values in (2^((i-1)*2^-s),
 * 2^(i*2^-s)], negative values mirrored; |v| <= zero_threshold count as zero. Schemas -4 … 8 as in
 * Prometheus; -53 means custom bounds (classic buckets carried natively). Counts are doubles (float
 * histograms), so rates and sums are histograms again.
 *
 * A value is immutable and reference-counted once it is a sample; readers on any thread share it.
 * sg_histogram_acc is the writer's accumulator behind it. Sources: OTel metrics data model
 * (exponential histogram), Prometheus native histogram specification.
 */
#ifndef STREAMGAUGE_HISTOGRAM_H
#define STREAMGAUGE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/error.h>

#define SG_HISTOGRAM_SCHEMA_MIN (-4)
#define SG_HISTOGRAM_SCHEMA_MAX 8
#define SG_HISTOGRAM_SCHEMA_CUSTOM (-53)
/* Buckets an accumulator keeps per sign before it halves its resolution (as OTel's default). */
#define SG_HISTOGRAM_ACC_BUCKETS 160

enum sg_counter_reset { SG_RESET_UNKNOWN, SG_RESET_YES, SG_RESET_NO, SG_RESET_GAUGE };

struct sg_bucket {
    int32_t index;
    double count; /* absolute, not a delta to its neighbour */
};

struct sg_histogram {
    _Atomic uint32_t refs;
    int8_t schema;
    uint8_t reset_hint; /* enum sg_counter_reset */
    uint32_t n_positive, n_negative, n_custom;
    double zero_threshold, zero_count;
    double count, sum; /* count includes NaN observations, buckets do not */
    /* n_positive, then n_negative buckets, each sorted by index, zero counts allowed; then n_custom
     * upper bounds. */
    struct sg_bucket buckets[];
};

static inline const struct sg_bucket *sg_histogram_positive(const struct sg_histogram *h)
{
    return h->buckets;
}
static inline const struct sg_bucket *sg_histogram_negative(const struct sg_histogram *h)
{
    return h->buckets + h->n_positive;
}
static inline const double *sg_histogram_custom(const struct sg_histogram *h)
{
    return (const double *)(const void *)(h->buckets + h->n_positive + h->n_negative);
}

/* Uninitialised buckets, refs 1, everything else 0. NULL when memory is out. Callers cap the counts
 * first. */
SG_API struct sg_histogram *sg_histogram_new(uint32_t n_positive, uint32_t n_negative,
                                             uint32_t n_custom);
/* The same with all of h but its buckets, which may be of other counts. */
SG_API struct sg_histogram *sg_histogram_like(const struct sg_histogram *h, uint32_t n_positive,
                                              uint32_t n_negative);
SG_API const struct sg_histogram *sg_histogram_ref(const struct sg_histogram *h);
SG_API void sg_histogram_unref(const struct sg_histogram *h);  /* accepts NULL */
SG_API size_t sg_histogram_size(const struct sg_histogram *h); /* heap bytes */
/* Upper bound of bucket `index`; the lower one is that of index - 1. Negative buckets: negate. */
SG_API double sg_histogram_bound(int8_t schema, int32_t index);
/* Index of the bucket that holds v > 0 (finite or +Inf). */
SG_API int32_t sg_histogram_index(int8_t schema, double v);
/* New histograms, refs 1; operands are brought to the lower schema and wider zero bucket first.
 * SG_EINVALID when custom and exponential schemas are mixed or custom bounds differ; SG_ENOMEM.
 * factor multiplies b: +1 add, -1 subtract. */
SG_API SG_NODISCARD int sg_histogram_combine(const struct sg_histogram *a,
                                             const struct sg_histogram *b, double factor,
                                             struct sg_histogram **ret);
/* A new one; NULL when memory is out. */
SG_API struct sg_histogram *sg_histogram_scale(const struct sg_histogram *h, double factor);
/* True when, as counters, `later` cannot follow `earlier` without a reset in between. */
SG_API bool sg_histogram_is_reset(const struct sg_histogram *earlier,
                                  const struct sg_histogram *later);
/* Quantile q as Prometheus' histogram_quantile on native histograms (exponential interpolation). */
SG_API double sg_histogram_quantile(const struct sg_histogram *h, double q);
/* The same schema, buckets, bounds and sums, bit by bit (a NaN equals itself). O(buckets). */
SG_API bool sg_histogram_eq(const struct sg_histogram *a, const struct sg_histogram *b);
/* SG_EINVALID names what cannot be: the schema, counts below 0, an order of buckets or bounds. */
SG_API int sg_histogram_validate(const struct sg_histogram *h, struct sg_error *reterr);

/* ---- accumulator: observations in, snapshots out; one owner ---- */
struct sg_histogram_acc;

/* Starts at schema 5 (relative bucket width 2.2 %). Memory: about 2.6 KB when both signs are in
 * use. */
SG_API struct sg_histogram_acc *sg_histogram_acc_new(void);
SG_API void sg_histogram_acc_free(struct sg_histogram_acc *a); /* accepts NULL */
/* Counts v `weight` times (1/sample rate; > 0). NaN counts only in count and sum. O(1) amortised.
 */
SG_API void sg_histogram_acc_observe(struct sg_histogram_acc *a, double v, double weight);
/* Cumulative state as an immutable value, refs 1. O(buckets). */
SG_API struct sg_histogram *sg_histogram_acc_snapshot(const struct sg_histogram_acc *a);

#endif
