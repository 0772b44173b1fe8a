/* Extremes and order of a sliding window against looking at all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include <streamgauge/rand.h>
#include <streamgauge/value.h>

#include "live/cursor.h"

enum { N = 4000, WIDTH = 50 };

static double value(struct sg_prng *g)
{
    static const double few[] = {0, -0.0, 1, 2, INFINITY, -INFINITY};
    uint64_t dice = sg_prng_below(g, 12);
    return dice < 6 ? few[dice] : (double)sg_prng_below(g, 1000) / 3;
}

/* As the ordinary engine finds it: the first of the best, and the time of the last of them. */
static void naive(const double *v, int from, int to, bool max, double *ret, double *ret_t)
{
    int first = from, last = from;
    for (int i = from; i < to; i++) {
        if (max ? v[i] > v[first] : v[i] < v[first])
            first = i;
        if ((max ? v[i] > v[last] : v[i] < v[last]) || v[i] == v[last])
            last = i;
    }
    *ret = v[first];
    *ret_t = last;
}

static void check_extreme(bool max)
{
    struct sg_prng g = {7};
    struct sg__mono m = {0};
    static double v[N];
    for (int i = 0; i < N; i++) {
        double want, want_t;
        v[i] = value(&g);
        sg__mono_push(&m, i, v[i], max);
        int from = i < WIDTH ? 0 : i - WIDTH;
        sg__mono_pop(&m, from - 1);
        naive(v, from, i + 1, max, &want, &want_t);
        assert_true(sg_double_bits(m.entry[m.at].v) == sg_double_bits(want));
        assert_true(sg__mono_last(&m) == want_t);
    }
    sg_free(m.entry);
}

static void test_mono__is_the_extreme_of_the_window(void **state)
{
    (void)state;
    check_extreme(true);
    check_extreme(false);
}

static void test_mono__a_constant_is_one_entry(void **state)
{
    (void)state;
    struct sg__mono m = {0};
    for (int i = 0; i < 100; i++)
        sg__mono_push(&m, i, 5, true);
    assert_int_equal(m.n, 1);
    sg__mono_pop(&m, 99);
    assert_int_equal(m.n, 0);
    sg_free(m.entry);
}

static void test_queue__goes_in_order(void **state)
{
    (void)state;
    struct sg__mono m = {0};
    for (int i = 0; i < 20; i++) {
        sg__queue_push(&m, i, 20 - i);
        if (i % 2)
            sg__queue_pop(&m);
    }
    assert_int_equal(m.n, 10);
    assert_true(m.entry[m.at].v == 10);
    sg_free(m.entry);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_sorted__has_the_quantiles_of_the_window(void **state)
{
    (void)state;
    struct sg_prng g = {3};
    struct sg__sorted s = {0};
    static double v[N];
    for (int i = 0; i < N; i++) {
        double copy[WIDTH];
        v[i] = value(&g);
        sg__sorted_insert(&s, v[i]);
        if (i >= WIDTH)
            sg__sorted_remove(&s, v[i - WIDTH]);
        if (i + 1 < WIDTH)
            continue;
        memcpy(copy, v + i + 1 - WIDTH, sizeof(copy));
        qsort(copy, WIDTH, sizeof(*copy), compare);
        for (int k = 0; k < WIDTH; k++)
            assert_true(s.v[k] == copy[k]);
        assert_true(sg__sorted_quantile(&s, 0, 1) == copy[WIDTH - 1] || isinf(copy[WIDTH - 1]));
    }
    sg_free(s.v);
}

static void test_sorted__removes_the_zero_of_the_right_sign(void **state)
{
    (void)state;
    struct sg__sorted s = {0};
    sg__sorted_insert(&s, 0);
    sg__sorted_insert(&s, -0.0);
    sg__sorted_insert(&s, 0);
    sg__sorted_remove(&s, -0.0);
    assert_true(!signbit(s.v[0]) && !signbit(s.v[1]));
    sg_free(s.v);
}

static void test_sorted__nan_comes_first(void **state)
{
    (void)state;
    struct sg__sorted s = {0};
    sg__sorted_insert(&s, 4);
    assert_true(isnan(sg__sorted_quantile(&s, 1, 0)));
    assert_true(sg__sorted_quantile(&s, 1, 1) == 4 || isnan(sg__sorted_quantile(&s, 1, 1)));
    assert_true(isnan(sg__sorted_quantile(&s, 0, NAN)));
    assert_true(sg__sorted_quantile(&s, 0, -1) == -INFINITY);
    assert_true(sg__sorted_quantile(&s, 0, 2) == INFINITY);
    sg_free(s.v);
}

/* What rounds is refused; what does not is the sum in any order. */
static void test_exact__is_the_sum_or_nothing(void **state)
{
    (void)state;
    static const double rough[] = {0.1, NAN, INFINITY, -INFINITY, 0x1p41, 0x1p-3};
    struct sg_prng g = {3};
    struct sg__exact x = {0};
    double window[WIDTH] = {0}, have;
    for (int i = 0; i < N; i++) {
        double v = (double)sg_prng_below(&g, 100000) / 4 - 10000, sum = 0;
        bool odd = false;
        if (i >= WIDTH)
            sg__exact_sub(&x, window[i % WIDTH]);
        if (sg_prng_below(&g, 60) == 0)
            v = rough[sg_prng_below(&g, SG_ARRAY_LEN(rough))];
        sg__exact_add(&x, window[i % WIDTH] = v);
        for (int k = 0; k < WIDTH && k <= i; k++) {
            sum += window[k];
            odd |= !(fabs(window[k]) < 1e6) || floor(window[k] * 4) != window[k] * 4;
        }
        assert_int_equal(sg__exact_sum(&x, WIDTH, &have), !odd);
        assert_true(odd || have == sum);
    }
}

/* Sums that a double could not hold on the way. */
static void test_exact__refuses_what_could_round(void **state)
{
    (void)state;
    struct sg__exact x = {0};
    double have;
    for (int i = 0; i < 2047; i++)
        sg__exact_add(&x, i % 2 ? 0x1p39 + 0.25 : -0x1p39);
    assert_true(sg__exact_sum(&x, 2047, &have));
    for (int i = 0; i < 2048; i++)
        sg__exact_add(&x, i % 2 ? 0x1p39 + 0.25 : -0x1p39);
    sg__exact_add(&x, 0x1p39);
    assert_false(sg__exact_sum(&x, 4096, &have));
    assert_false(sg__exact_sum(&x, 1u << 20, &have));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mono__is_the_extreme_of_the_window),
        cmocka_unit_test(test_mono__a_constant_is_one_entry),
        cmocka_unit_test(test_queue__goes_in_order),
        cmocka_unit_test(test_sorted__has_the_quantiles_of_the_window),
        cmocka_unit_test(test_sorted__removes_the_zero_of_the_right_sign),
        cmocka_unit_test(test_sorted__nan_comes_first),
        cmocka_unit_test(test_exact__is_the_sum_or_nothing),
        cmocka_unit_test(test_exact__refuses_what_could_round),
    };
    return cmocka_run_group_tests_name("live/states", tests, NULL, NULL);
}
