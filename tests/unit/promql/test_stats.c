/* test_stats.c - sums, means, quantiles, regression on inputs where the naive way goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <streamgauge/compiler.h>
#include <streamgauge/rand.h>
#include <string.h>

#include "near.h"
#include "promql/stats.h"

static void test_stats__sum_is_compensated(void **state)
{
    const double v[] = {1, 1e100, 1, -1e100};
    (void)state;
    assert_near(sg__sum(v, 4), 2, 0);
}

static void test_stats__infinite_sum_stays_infinite(void **state)
{
    const double v[] = {1, INFINITY, 5}, both[] = {INFINITY, -INFINITY};
    (void)state;
    assert_near(sg__sum(v, 3), INFINITY, 0);
    assert_true(isnan(sg__sum(both, 2)));
}

static void test_stats__mean_survives_overflow(void **state)
{
    const double v[] = {1.7e308, 1.7e308, 1.7e308};
    struct sg__mean m = {0};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        sg__mean_add(&m, v[i]);
    assert_near(sg__mean_value(&m), 1.7e308, 1e-12);
}

static void test_stats__variance_of_large_offsets(void **state)
{
    const double v[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
    (void)state;
    assert_near(sg__variance(v, 4), 22.5, 1e-12);
}

static int cmp(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

/* Against sorting, for sizes around the switch to insertion sort and with many equal values. */
static void test_stats__quantile_equals_sorting(void **state)
{
    struct sg_prng g = {7};
    (void)state;
    for (size_t n = 1; n < 200; n++) {
        double v[200], sorted[200];
        for (size_t i = 0; i < n; i++)
            v[i] = sorted[i] = (double)sg_prng_below(&g, 1 + n / 2) / 3;
        qsort(sorted, n, sizeof(*sorted), cmp);
        double q = (double)sg_prng_below(&g, 1001) / 1000, rank = q * (double)(n - 1);
        size_t lo = (size_t)rank, hi = lo + 1 < n ? lo + 1 : lo;
        double w = rank - (double)lo, want = sorted[lo] * (1 - w) + sorted[hi] * w;
        assert_near(sg__quantile(q, v, n), want, 0);
    }
}

static void test_stats__quantile_outside_and_nan(void **state)
{
    double v[] = {3, NAN, 1};
    (void)state;
    assert_near(sg__quantile(-0.1, v, 3), -INFINITY, 0);
    assert_near(sg__quantile(1.1, v, 3), INFINITY, 0);
    assert_true(isnan(sg__quantile(NAN, v, 3)));
    assert_true(isnan(sg__quantile(0.5, v, 0)));
    assert_true(isnan(sg__quantile(0, v, 3))); /* NaN sorts first */
    assert_near(sg__quantile(0.5, v, 3), 1, 0);
    assert_near(sg__quantile(1, v, 3), 3, 0);
}

/* Every place in arrays of every small length, so that blocks and their rests are met. */
static void test_stats__any_nan_and_any_drop_look_everywhere(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        double v[40];
        for (size_t i = 0; i < n; i++)
            v[i] = (double)i;
        assert_false(sg__any_nan(v, n));
        assert_false(sg__any_drop(v, n));
        for (size_t i = 0; i < n; i++) {
            v[i] = NAN;
            assert_true(sg__any_nan(v, n));
            assert_false(sg__any_drop(v, n));
            v[i] = (double)i - 1.5;
            assert_true(sg__any_drop(v, n) == (i > 0));
            v[i] = (double)i;
        }
    }
}

static void test_stats__regression_of_a_line(void **state)
{
    const int64_t t[] = {1000, 3000, 4000, 9000};
    const double v[] = {7, 11, 13, 23};
    double slope, intercept;
    (void)state;
    sg__regression(t, v, 4, 0, &slope, &intercept);
    assert_near(slope, 2, 1e-12);
    assert_near(intercept, 5, 1e-12);
}

static void test_stats__regression_of_a_constant_is_exact(void **state)
{
    const int64_t t[] = {1, 2, 5};
    const double v[] = {0.1, 0.1, 0.1}, inf[] = {INFINITY, INFINITY, INFINITY};
    double slope, intercept;
    (void)state;
    sg__regression(t, v, 3, 0, &slope, &intercept);
    assert_true(slope == 0 && intercept == 0.1);
    sg__regression(t, inf, 3, 0, &slope, &intercept);
    assert_true(isnan(slope) && isnan(intercept));
}

static void test_stats__min_and_max_follow_the_rules_of_nan(void **state)
{
    (void)state;
    assert_true(isnan(sg__min(NAN, 1)) && isnan(sg__max(1, NAN)));
    assert_near(sg__min(NAN, -INFINITY), -INFINITY, 0);
    assert_near(sg__max(NAN, INFINITY), INFINITY, 0);
    assert_true(signbit(sg__min(0.0, -0.0)) && !signbit(sg__max(0.0, -0.0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats__sum_is_compensated),
        cmocka_unit_test(test_stats__infinite_sum_stays_infinite),
        cmocka_unit_test(test_stats__mean_survives_overflow),
        cmocka_unit_test(test_stats__variance_of_large_offsets),
        cmocka_unit_test(test_stats__quantile_equals_sorting),
        cmocka_unit_test(test_stats__quantile_outside_and_nan),
        cmocka_unit_test(test_stats__any_nan_and_any_drop_look_everywhere),
        cmocka_unit_test(test_stats__regression_of_a_line),
        cmocka_unit_test(test_stats__regression_of_a_constant_is_exact),
        cmocka_unit_test(test_stats__min_and_max_follow_the_rules_of_nan),
    };
    return cmocka_run_group_tests_name("promql stats", tests, NULL, NULL);
}
