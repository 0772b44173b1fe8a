/* histogram_math.h - numbers out of histograms. Classic ones are buckets with cumulative counts,
 * sorted by bound. */
#ifndef SG_PROMQL_HISTOGRAM_MATH_H
#define SG_PROMQL_HISTOGRAM_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <streamgauge/buf.h>
#include <streamgauge/histogram.h>

struct sg__le {
    double bound, count;
};
/* One of a native histogram: the observations in (lower, upper]. */
struct sg__bucket {
    double lower, upper, count;
};
/* *count > 0; buckets are merged and evened out, *count shrinks with them. *ret_forced: counts had
 * to be made monotonic. */
double sg__bucket_quantile(double q, struct sg__le *b, size_t *count, bool *ret_forced);
double sg__bucket_fraction(double lower, double upper, struct sg__le *b, size_t n);
/* Observations below v in a bucket that holds v: linear in zero and custom buckets, else on the
 * logarithmic scale. */
double sg__part_below(const struct sg__bucket *b, double v, bool linear);
/* Share of observations in (lower, upper], estimated within buckets. */
double sg__histogram_fraction(double lower, double upper, const struct sg_histogram *h);
/* Sum of all buckets: the count without NaN observations. */
double sg__histogram_observed(const struct sg_histogram *h);
/* The observations up to `at`, or those above it; counts within a bucket are estimated, and so is
 * the sum when anything was left out. New, refs 1. */
struct sg_histogram *sg__histogram_trim(const struct sg_histogram *h, double at, bool upper);
/* {count:3, sum:5, [-1,-0.5):1, (0.5,1]:2}, as Prometheus writes it: with Go's %g, and with bounds
 * that do not mind the zero bucket. */
void sg__histogram_text(const struct sg_histogram *h, struct sg_buf *out);

#endif
