/* stats.c - compensated sums, quantiles, regression. Sources: Neumaier 1974; Welford 1962; Hoare's
 * quickselect. */
#include "stats.h"
#include <streamgauge/value.h>
#include <string.h>

void sg__mean_add(struct sg__mean *m, double x)
{
    m->n += 1;
    if (m->n == 1) {
        m->sum = x;
        m->c = 0;
        m->incremental = false;
        return;
    }
    if (!m->incremental) {
        double sum = m->sum, c = m->c;
        sg__kahan_add(x, &sum, &c);
        if (!isinf(sum)) {
            m->sum = sum, m->c = c;
            return;
        }
        m->incremental = true;
        m->mean = m->sum / (m->n - 1);
        m->c /= m->n - 1;
    }
    double q = (m->n - 1) / m->n;
    double mean = q * m->mean, c = q * m->c;
    sg__kahan_add(x / m->n, &mean, &c);
    m->mean = mean, m->c = c;
}

double sg__mean_value(const struct sg__mean *m)
{
    return m->incremental ? m->mean + m->c : m->sum / m->n + m->c / m->n;
}

/* Two values at a time, which every 64-bit machine has registers for (GNU vector extension). */
typedef double double2 __attribute__((vector_size(16)));
typedef int64_t mask2 __attribute__((vector_size(16)));

static inline double2 load2(const double *v)
{
    double2 x;
    memcpy(&x, v, sizeof(x));
    return x;
}

bool sg__any_nan(const double *v, size_t n)
{
    mask2 found = {0}, more = {0};
    size_t i = 0;
    bool any = false;
    for (; i + 4 <= n; i += 4) {
        double2 x = load2(v + i), y = load2(v + i + 2);
        found |= x != x;
        more |= y != y;
    }
    for (; i < n; i++)
        any |= v[i] != v[i];
    found |= more;
    return any || (found[0] | found[1]);
}

bool sg__any_drop(const double *v, size_t n)
{
    mask2 found = {0}, more = {0};
    size_t i = 1;
    bool any = false;
    for (; i + 4 <= n; i += 4) {
        found |= load2(v + i) < load2(v + i - 1);
        more |= load2(v + i + 2) < load2(v + i + 1);
    }
    for (; i < n; i++)
        any |= v[i] < v[i - 1];
    found |= more;
    return any || (found[0] | found[1]);
}

double sg__sum(const double *v, size_t n)
{
    double sum = 0, c = 0;
    for (size_t i = 0; i < n; i++)
        sg__kahan_add(v[i], &sum, &c);
    return isinf(sum) ? sum : sum + c;
}

double sg__variance(const double *v, size_t n)
{
    double count = 0, mean = 0, mean_c = 0, aux = 0, aux_c = 0;
    for (size_t i = 0; i < n; i++) {
        count += 1;
        double delta = v[i] - (mean + mean_c);
        sg__kahan_add(delta / count, &mean, &mean_c);
        sg__kahan_add(delta * (v[i] - (mean + mean_c)), &aux, &aux_c);
    }
    return (aux + aux_c) / count;
}

static inline void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

/* Moves NaNs to the front; returns how many. */
static size_t nan_first(double *v, size_t n)
{
    size_t nans = 0;
    for (size_t i = 0; i < n; i++)
        if (isnan(v[i]))
            swap(&v[i], &v[nans++]);
    return nans;
}

/* Puts the k-th smallest of v[0..n) (no NaN) at v[k], smaller ones before it. */
static void quickselect(double *v, size_t n, size_t k)
{
    size_t lo = 0, hi = n;
    while (hi - lo > 16) {
        double a = v[lo], b = v[lo + (hi - lo) / 2], c = v[hi - 1];
        double pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        size_t i = lo, lt = lo, gt = hi;
        while (i < gt) { /* three-way partition, so equal values cost nothing */
            if (v[i] < pivot)
                swap(&v[i++], &v[lt++]);
            else if (v[i] > pivot)
                swap(&v[i], &v[--gt]);
            else
                i++;
        }
        if (k < lt)
            hi = lt;
        else if (k >= gt)
            lo = gt;
        else
            return;
    }
    for (size_t i = lo + 1; i < hi; i++)
        for (size_t j = i; j > lo && v[j - 1] > v[j]; j--)
            swap(&v[j - 1], &v[j]);
}

double sg__quantile(double q, double *v, size_t n)
{
    if (n == 0 || isnan(q))
        return sg_nan();
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    double rank = q * (double)(n - 1);
    size_t lower = (size_t)floor(rank), upper = lower + 1 < n ? lower + 1 : n - 1;
    double weight = rank - floor(rank);
    size_t nans = nan_first(v, n);
    if (upper >= nans) {
        quickselect(v + nans, n - nans, upper - nans);
        if (lower >= nans && lower < upper) { /* the largest of those before */
            size_t best = nans;
            for (size_t i = nans; i < upper; i++)
                if (v[i] > v[best])
                    best = i;
            swap(&v[best], &v[lower]);
        }
    }
    return v[lower] * (1 - weight) + v[upper] * weight;
}

void sg__regression(const int64_t *t, const double *v, size_t n, int64_t at_ms, double *ret_slope,
                    double *ret_intercept)
{
    double sx = 0, cx = 0, sy = 0, cy = 0, sxy = 0, cxy = 0, sxx = 0, cxx = 0;
    bool constant = true;
    for (size_t i = 0; i < n; i++) {
        if (v[i] != v[0])
            constant = false;
        double x = (double)(t[i] - at_ms) / 1e3;
        sg__kahan_add(x, &sx, &cx);
        sg__kahan_add(v[i], &sy, &cy);
        sg__kahan_add(x * v[i], &sxy, &cxy);
        sg__kahan_add(x * x, &sxx, &cxx);
    }
    if (constant) {
        bool inf = isinf(v[0]);
        *ret_slope = inf ? sg_nan() : 0;
        *ret_intercept = inf ? sg_nan() : v[0];
        return;
    }
    double count = (double)n;
    sx += cx, sy += cy, sxy += cxy, sxx += cxx;
    double cov = sxy - sx * sy / count, var = sxx - sx * sx / count;
    *ret_slope = cov / var;
    *ret_intercept = sy / count - *ret_slope * sx / count;
}

double sg__min(double a, double b)
{
    if (a == -INFINITY || b == -INFINITY)
        return -INFINITY;
    if (isnan(a) || isnan(b))
        return NAN;
    if (a == 0 && b == 0)
        return signbit(a) ? a : b;
    return a < b ? a : b;
}

double sg__max(double a, double b)
{
    if (a == INFINITY || b == INFINITY)
        return INFINITY;
    if (isnan(a) || isnan(b))
        return NAN;
    if (a == 0 && b == 0)
        return signbit(a) ? b : a;
    return a > b ? a : b;
}

double sg__arith(enum sg_binary_op op, double a, double b)
{
    switch (op) {
    case SG_OP_ADD:
        return a + b;
    case SG_OP_SUB:
        return a - b;
    case SG_OP_MUL:
        return a * b;
    case SG_OP_DIV:
        return a / b;
    case SG_OP_MOD:
        return fmod(a, b);
    case SG_OP_POW:
        return pow(a, b);
    case SG_OP_ATAN2:
        return atan2(a, b);
    default:
        return sg__compare(op, a, b) ? 1 : 0;
    }
}

bool sg__compare(enum sg_binary_op op, double a, double b)
{
    switch (op) {
    case SG_OP_EQ:
        return a == b;
    case SG_OP_NE:
        return a != b;
    case SG_OP_GT:
        return a > b;
    case SG_OP_LT:
        return a < b;
    case SG_OP_GE:
        return a >= b;
    case SG_OP_LE:
        return a <= b;
    default:
        return false;
    }
}

bool sg__almost_equal(double a, double b, double epsilon)
{
    if (sg_is_stale(a) || sg_is_stale(b))
        return sg_is_stale(a) && sg_is_stale(b);
    if (isnan(a) && isnan(b))
        return true;
    if (a == b)
        return true;
    double sum = fabs(a) + fabs(b), diff = fabs(a - b);
    const double min_normal = 2.2250738585072014e-308;
    if (a == 0 || b == 0 || sum < min_normal)
        return diff < epsilon * min_normal;
    return diff / fmin(sum, 1.7976931348623157e308) < epsilon;
}
