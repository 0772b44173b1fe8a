/* value.h - sample values and columns of samples, and the rules for NaN.
 *
 * A staleness marker is one particular NaN; every comparison with it is by bits. Ordinary NaN is a
 * value like others.
 */
#ifndef STREAMGAUGE_VALUE_H
#define STREAMGAUGE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/histogram.h>
#include <streamgauge/hll.h>
#include <string.h>

#define SG_STALE_BITS UINT64_C(0x7ff0000000000002)
#define SG_NAN_BITS UINT64_C(0x7ff8000000000001)

static inline uint64_t sg_double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}
static inline double sg_double_from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}
static inline bool sg_is_stale(double v)
{
    return sg_double_bits(v) == SG_STALE_BITS;
}
static inline double sg_stale_nan(void)
{
    return sg_double_from_bits(SG_STALE_BITS);
}
static inline double sg_nan(void)
{
    return sg_double_from_bits(SG_NAN_BITS);
}

/* What a series holds. A float sample in a histogram or distinct series is a staleness marker. */
enum sg_value_kind {
    SG_KIND_FLOAT,
    SG_KIND_HISTOGRAM, /* obj is a struct sg_histogram */
    SG_KIND_DISTINCT,  /* obj is a struct sg_hll; v is its estimate */
};

struct sg_sample {
    int64_t time_ms;
    double v; /* float value; histogram: count; distinct: estimate; or the staleness marker */
    const void *obj; /* NULL for floats and staleness markers; borrowed */
};

/* Samples of one series in time order, as columns. obj is NULL while every sample is a float.
 * Reused between reads. */
struct sg_samples {
    int64_t *time_ms;
    double *v;
    const void **obj;        /* borrowed as long as the querier is open; NULL: all floats */
    enum sg_value_kind kind; /* of the entries with obj */
    size_t n, cap;
};

SG_API void sg_samples_init(struct sg_samples *s);
SG_API void sg_samples_deinit(struct sg_samples *s);
/* Room for n entries in every column there is; new object entries are NULL. */
SG_API void sg_samples_reserve(struct sg_samples *s, size_t n);
/* Empties; keeps the memory of times and values, drops the object column. */
SG_API void sg_samples_reset(struct sg_samples *s);
/* Makes the object column exist, NULL in all entries so far. */
SG_API void sg_samples_want_objects(struct sg_samples *s, enum sg_value_kind kind);

#endif
