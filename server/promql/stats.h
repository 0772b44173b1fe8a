/* stats.h - numbers: compensated sums, quantiles, regression, scalar operators. No state. */
#ifndef SG_PROMQL_STATS_H
#define SG_PROMQL_STATS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/promql_ast.h>

/* Kahan-Neumaier step: *sum + *c is the compensated sum. An infinite sum carries no compensation.
 */
static inline void sg__kahan_add(double x, double *sum, double *c)
{
    double t = *sum + x;
    if (isinf(t))
        *c = 0;
    else if (fabs(*sum) >= fabs(x))
        *c += (*sum - t) + x;
    else
        *c += (x - t) + *sum;
    *sum = t;
}

/* Running mean: a compensated sum divided at the end, or an incremental mean once the sum would
 * overflow. */
struct sg__mean {
    double sum, c, mean, n;
    bool incremental;
};
void sg__mean_add(struct sg__mean *m, double x);
double sg__mean_value(const struct sg__mean *m);

/* Whether any of n values is NaN; whether any is smaller than the one before it. Without branches,
 * so wide windows are cheap. */
bool sg__any_nan(const double *v, size_t n);
bool sg__any_drop(const double *v, size_t n);
double sg__sum(const double *v, size_t n);
/* Population variance of n > 0 values, compensated Welford. */
double sg__variance(const double *v, size_t n);
/* Quantile of n values, which get reordered. NaN for n = 0 or q NaN; ±Inf outside [0, 1]. NaN sorts
 * first. O(n) expected. */
double sg__quantile(double q, double *v, size_t n);
/* Least squares over (t, v), n >= 2; intercept at time at_ms. */
void sg__regression(const int64_t *t, const double *v, size_t n, int64_t at_ms, double *ret_slope,
                    double *ret_intercept);
/* As the operator on two scalars; comparisons give 0 or 1. */
double sg__arith(enum sg_binary_op op, double a, double b);
bool sg__compare(enum sg_binary_op op, double a, double b);
/* NaN wins over numbers, infinities in their own direction over NaN. */
double sg__min(double a, double b);
double sg__max(double a, double b);
/* True when both are equal within a relative tolerance. */
bool sg__almost_equal(double a, double b, double epsilon);

#endif
