/* test_reference.c - range functions and aggregations on random data against a second, naive
 * implementation.
 *
 * The naive side knows nothing of plans, blocks or cursors: for every series and step it collects
 * the window from the raw points and applies the definition. Data has gaps, resets, staleness
 * markers, NaN and infinities.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/promql.h>
#include <streamgauge/rand.h>

#include "mem_querier.c"
#include "near.h"

enum { SERIES = 6, POINTS = 120, RANGE_MS = 60000 };

struct data {
    int64_t t[SERIES][POINTS];
    double v[SERIES][POINTS];
    size_t n[SERIES];
};

static double random_value(struct sg_prng *g, double before, int kind)
{
    switch (kind) {
    case 0: /* a counter that is sometimes reset */
        return sg_prng_below(g, 20) == 0 ? 0 : before + (double)sg_prng_below(g, 50);
    case 1: /* a gauge with fractions */
        return before + ((double)sg_prng_below(g, 2001) - 1000) / 7;
    case 2: /* steps, often equal */
        return sg_prng_below(g, 3) ? before : (double)sg_prng_below(g, 4);
    default:
        switch (sg_prng_below(g, 12)) {
        case 0:
            return NAN;
        case 1:
            return INFINITY;
        case 2:
            return -INFINITY;
        case 3:
            return 1e300;
        default:
            return (double)sg_prng_below(g, 1000) / 3;
        }
    }
}

static struct sg_mem_store *make(struct data *d, uint64_t seed)
{
    struct sg_prng g = {seed};
    struct sg_mem_store *m = sg_mem_store_new();
    for (int s = 0; s < SERIES; s++) {
        char text[64];
        struct sg_series_text l;
        snprintf(text, sizeof(text), "m_total{i=\"%d\", odd=\"%d\"}", s, s % 2);
        assert_int_equal(sg_series_text_parse(sg_str_from(text), &l, NULL), 0);
        size_t id = sg_mem_series_take(m, sg_labels_ref(l.labels));
        sg_series_text_deinit(&l);
        int64_t t = (int64_t)sg_prng_below(&g, 10000);
        double v = 0;
        d->n[s] = 0;
        for (int i = 0; i < POINTS; i++) {
            v = random_value(&g, isfinite(v) ? v : 0, s % 4);
            t += 1 + (int64_t)sg_prng_below(&g, sg_prng_below(&g, 10) ? 8000 : 90000);
            if (sg_prng_below(&g, 25) == 0) {
                sg_mem_append(m, id, t, sg_stale_nan());
                continue;
            }
            sg_mem_append(m, id, t, v);
            d->t[s][d->n[s]] = t;
            d->v[s][d->n[s]++] = v;
        }
    }
    return m;
}

/* ---- the naive side ---- */

struct window {
    int64_t t[POINTS], from, until;
    double v[POINTS];
    size_t n;
};
typedef bool (*naive_fn)(const struct window *w, double *ret);

static bool n_sum(const struct window *w, double *ret)
{
    long double sum = 0;
    for (size_t i = 0; i < w->n; i++)
        sum += (long double)w->v[i];
    *ret = (double)sum;
    return true;
}
static bool n_avg(const struct window *w, double *ret)
{
    long double sum = 0;
    for (size_t i = 0; i < w->n; i++)
        sum += (long double)w->v[i];
    *ret = (double)(sum / (long double)w->n);
    return true;
}
static bool n_count(const struct window *w, double *ret)
{
    *ret = (double)w->n;
    return true;
}
static bool n_max(const struct window *w, double *ret)
{
    *ret = NAN;
    for (size_t i = 0; i < w->n; i++)
        *ret = fmax(*ret, w->v[i]);
    return true;
}
static bool n_min(const struct window *w, double *ret)
{
    *ret = NAN;
    for (size_t i = 0; i < w->n; i++)
        *ret = fmin(*ret, w->v[i]);
    return true;
}
static bool n_last(const struct window *w, double *ret)
{
    *ret = w->v[w->n - 1];
    return true;
}
static bool n_changes(const struct window *w, double *ret)
{
    *ret = 0;
    for (size_t i = 1; i < w->n; i++)
        if (!(isnan(w->v[i]) && isnan(w->v[i - 1])) && w->v[i] != w->v[i - 1])
            *ret += 1;
    return true;
}
static bool n_resets(const struct window *w, double *ret)
{
    *ret = 0;
    for (size_t i = 1; i < w->n; i++)
        *ret += w->v[i] < w->v[i - 1];
    return true;
}
static bool n_stdvar(const struct window *w, double *ret)
{
    long double mean = 0, sum = 0;
    for (size_t i = 0; i < w->n; i++)
        mean += (long double)w->v[i] / (long double)w->n;
    for (size_t i = 0; i < w->n; i++)
        sum += ((long double)w->v[i] - mean) * ((long double)w->v[i] - mean);
    *ret = (double)(sum / (long double)w->n);
    return true;
}

static int nan_first(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;
    if (isnan(a) || isnan(b))
        return !isnan(b) ? -1 : !isnan(a) ? 1 : 0;
    return (a > b) - (a < b);
}
static bool n_median(const struct window *w, double *ret)
{
    double v[POINTS];
    memcpy(v, w->v, w->n * sizeof(*v));
    qsort(v, w->n, sizeof(*v), nan_first);
    double rank = 0.3 * (double)(w->n - 1);
    size_t lo = (size_t)rank, hi = lo + 1 < w->n ? lo + 1 : lo;
    double weight = rank - (double)lo;
    *ret = v[lo] * (1 - weight) + v[hi] * weight;
    return true;
}

/* The definition in promql.md, section 4. */
static bool n_extrapolate(const struct window *w, bool counter, bool rate, double *ret)
{
    if (w->n < 2)
        return false;
    double diff = w->v[w->n - 1] - w->v[0];
    for (size_t i = 1; counter && i < w->n; i++)
        if (w->v[i] < w->v[i - 1])
            diff += w->v[i - 1];
    double covered = (double)(w->t[w->n - 1] - w->t[0]) / 1000;
    double left = (double)(w->t[0] - w->from) / 1000, avg = covered / (double)(w->n - 1);
    double right = (double)(w->until - w->t[w->n - 1]) / 1000;
    left = left < avg * 1.1 ? left : avg / 2;
    right = right < avg * 1.1 ? right : avg / 2;
    if (counter && diff > 0 && w->v[0] >= 0)
        left = fmin(left, covered * (w->v[0] / diff));
    *ret = diff * (covered + left + right) / covered;
    if (rate)
        *ret /= RANGE_MS / 1000;
    return true;
}
static bool n_rate(const struct window *w, double *ret)
{
    return n_extrapolate(w, true, true, ret);
}
static bool n_increase(const struct window *w, double *ret)
{
    return n_extrapolate(w, true, false, ret);
}
static bool n_delta(const struct window *w, double *ret)
{
    return n_extrapolate(w, false, false, ret);
}
static bool n_irate(const struct window *w, double *ret)
{
    if (w->n < 2)
        return false;
    double a = w->v[w->n - 2], b = w->v[w->n - 1];
    *ret = (b < a ? b : b - a) / ((double)(w->t[w->n - 1] - w->t[w->n - 2]) / 1000);
    return true;
}
static bool n_deriv(const struct window *w, double *ret)
{
    if (w->n < 2)
        return false;
    long double x = 0, y = 0, xx = 0, xy = 0, n = (long double)w->n;
    bool constant = true;
    for (size_t i = 0; i < w->n; i++) {
        long double s = (long double)(w->t[i] - w->t[0]) / 1000;
        constant &= w->v[i] == w->v[0];
        x += s, y += (long double)w->v[i];
        xx += s * s, xy += s * (long double)w->v[i];
    }
    *ret = constant ? (isinf(w->v[0]) ? NAN : 0) : (double)((xy - x * y / n) / (xx - x * x / n));
    return true;
}

static const struct {
    const char *expr;
    naive_fn fn;
    double tolerance;
    bool finite_only; /* infinities: the two ways of adding differ, and both are right */
} table[] = {
    {"rate(m_total[1m])", n_rate, 1e-12, false},
    {"increase(m_total[1m])", n_increase, 1e-12, false},
    {"delta(m_total[1m])", n_delta, 1e-12, false},
    {"irate(m_total[1m])", n_irate, 0, false},
    {"sum_over_time(m_total[1m])", n_sum, 1e-12, false},
    {"avg_over_time(m_total[1m])", n_avg, 1e-12, false},
    {"count_over_time(m_total[1m])", n_count, 0, false},
    {"max_over_time(m_total[1m])", n_max, 0, false},
    {"min_over_time(m_total[1m])", n_min, 0, false},
    {"last_over_time(m_total[1m])", n_last, 0, false},
    {"changes(m_total[1m])", n_changes, 0, false},
    {"resets(m_total[1m])", n_resets, 0, false},
    {"stdvar_over_time(m_total[1m])", n_stdvar, 1e-6, true},
    {"quantile_over_time(0.3, m_total[1m])", n_median, 1e-12, false},
    {"deriv(m_total[1m])", n_deriv, 1e-5, true},
};

static void collect(const struct data *d, int s, int64_t until, struct window *w)
{
    w->n = 0;
    w->until = until;
    w->from = until - RANGE_MS;
    for (size_t i = 0; i < d->n[s]; i++) {
        if (d->t[s][i] <= w->from || d->t[s][i] > until)
            continue;
        w->t[w->n] = d->t[s][i];
        w->v[w->n++] = d->v[s][i];
    }
}

static bool all_moderate(const struct window *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (!(fabs(w->v[i]) < 1e6))
            return false;
    return true;
}

static const double *point_of(const struct sg_promql_result *r, int series, int64_t t)
{
    char id[8];
    snprintf(id, sizeof(id), "%d", series);
    for (size_t i = 0; i < r->n; i++) {
        if (!sg_str_eq_c(sg_labels_get(r->series[i].labels, SG_STR("i")), id))
            continue;
        for (size_t j = 0; j < r->series[i].n; j++)
            if (r->series[i].time_ms[j] == t)
                return &r->series[i].v[j];
    }
    return NULL;
}

static void compare(const struct data *d, const struct sg_promql_result *r, size_t f, int64_t t)
{
    for (int s = 0; s < SERIES; s++) {
        struct window w;
        double want;
        collect(d, s, t, &w);
        bool has = w.n > 0 && table[f].fn(&w, &want);
        const double *got = point_of(r, s, t);
        assert_true(has == (got != NULL));
        if (!has || (table[f].finite_only && !all_moderate(&w)))
            continue;
        /* near zero, sums of large terms cancel: there the difference counts */
        if (!near_rel(*got, want, table[f].tolerance) && !(fabs(*got - want) <= 1e-9))
            fail_msg("%s series %d at %lld: %.17g, naive %.17g", table[f].expr, s, (long long)t,
                     *got, want);
    }
}

static void check(size_t f, uint64_t seed)
{
    static struct data d;
    struct sg_mem_store *m = make(&d, seed);
    struct sg_querier q = sg_mem_querier(m);
    struct sg_promql *query;
    struct sg_promql_plan *plan;
    struct sg_promql_result r;
    struct sg_error err = {0};
    assert_int_equal(sg_promql_parse(sg_str_from(table[f].expr), NULL, &query, &err), 0);
    assert_int_equal(sg_promql_prepare(query, NULL, &plan, &err), 0);
    struct sg_promql_grid grid = {0, 900000, 3000};
    assert_int_equal(sg_promql_eval(plan, &q, grid, &r, &err), 0);
    for (int64_t t = 0; t <= grid.end_ms; t += grid.step_ms)
        compare(&d, &r, f, t);
    sg_promql_result_deinit(&r);
    for (int64_t t = 1; t <= grid.end_ms; t += 37777) { /* instants, with the same plan */
        assert_int_equal(sg_promql_eval(plan, &q, SG_PROMQL_AT(t), &r, &err), 0);
        compare(&d, &r, f, t);
        sg_promql_result_deinit(&r);
    }
    sg_promql_plan_free(plan);
    sg_promql_free(query);
    sg_mem_store_free(m);
}

static void test_reference__range_functions_equal_their_definitions(void **state)
{
    (void)state;
    for (size_t f = 0; f < SG_ARRAY_LEN(table); f++)
        for (uint64_t seed = 1; seed <= 4; seed++)
            check(f, seed);
}

/* Group sums and means from the raw points. */
static void test_reference__aggregations_equal_their_definitions(void **state)
{
    static struct data d;
    struct sg_mem_store *m = make(&d, 99);
    struct sg_querier q = sg_mem_querier(m);
    struct sg_promql *query;
    struct sg_promql_plan *plan;
    struct sg_promql_result r;
    struct sg_error err = {0};
    const char expr[] = "sum by (odd) (last_over_time(m_total[1m]))";
    (void)state;
    assert_int_equal(sg_promql_parse(sg_str_from(expr), NULL, &query, &err), 0);
    assert_int_equal(sg_promql_prepare(query, NULL, &plan, &err), 0);
    for (int64_t t = 0; t <= 600000; t += 1000) {
        assert_int_equal(sg_promql_eval(plan, &q, SG_PROMQL_AT(t), &r, &err), 0);
        for (int odd = 0; odd < 2; odd++) {
            long double sum = 0;
            size_t n = 0;
            for (int s = odd; s < SERIES; s += 2) {
                struct window w;
                collect(&d, s, t, &w);
                if (w.n)
                    sum += (long double)w.v[w.n - 1], n++;
            }
            const struct sg_promql_series *got = NULL;
            for (size_t i = 0; i < r.n; i++)
                if (sg_str_eq_c(sg_labels_get(r.series[i].labels, SG_STR("odd")), odd ? "1" : "0"))
                    got = &r.series[i];
            assert_true((n > 0) == (got != NULL));
            if (got)
                assert_near(got->v[0], (double)sum, 1e-12);
        }
        sg_promql_result_deinit(&r);
    }
    sg_promql_plan_free(plan);
    sg_promql_free(query);
    sg_mem_store_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference__range_functions_equal_their_definitions),
        cmocka_unit_test(test_reference__aggregations_equal_their_definitions),
    };
    return cmocka_run_group_tests_name("promql reference", tests, NULL, NULL);
}
