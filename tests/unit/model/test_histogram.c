/* test_histogram.c - exponential histograms: bounds, arithmetic, resets, quantiles, the
 * accumulator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/histogram.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>

#include "near.h"

/* Positive buckets from a list of index, count pairs. */
static struct sg_histogram *make(int8_t schema, double zero, const struct sg_bucket *b, uint32_t n)
{
    struct sg_histogram *h = sg_histogram_new(n, 0, 0);
    h->schema = schema;
    h->zero_count = zero;
    h->count = zero;
    for (uint32_t i = 0; i < n; i++) {
        h->buckets[i] = b[i];
        h->count += b[i].count;
    }
    h->sum = h->count;
    return h;
}
#define BUCKETS(...)                                                                               \
    (const struct sg_bucket[])                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static struct sg_histogram *combine(const struct sg_histogram *a, const struct sg_histogram *b,
                                    double factor)
{
    struct sg_histogram *sum = NULL;
    assert_int_equal(sg_histogram_combine(a, b, factor, &sum), 0);
    return sum;
}

static double total(const struct sg_histogram *h)
{
    double n = h->zero_count;
    for (uint32_t i = 0; i < h->n_positive + h->n_negative; i++)
        n += h->buckets[i].count;
    return n;
}

static void test_histogram__every_value_lies_within_its_bucket(void **state)
{
    (void)state;
    struct sg_prng rng = {3};
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = sg_prng_next(&rng) >> 1;
        double v;
        memcpy(&v, &bits, sizeof(v));
        if (!(v > 0) || isinf(v))
            continue;
        int8_t schema = (int8_t)(i % 13 - 4);
        int32_t index = sg_histogram_index(schema, v);
        assert_true(sg_histogram_bound(schema, index) >= v);
        assert_true(sg_histogram_bound(schema, index - 1) < v || v == DBL_TRUE_MIN);
    }
}

static void test_histogram__a_bound_belongs_to_the_bucket_it_ends(void **state)
{
    (void)state;
    for (int8_t schema = -4; schema <= 8; schema++) {
        for (int32_t index = -60; index <= 60; index++)
            assert_int_equal(sg_histogram_index(schema, sg_histogram_bound(schema, index)), index);
    }
    assert_near(sg_histogram_bound(0, 3), 8, 0);
    assert_near(sg_histogram_bound(1, 1), sqrt(2), 1e-15);
    assert_near(sg_histogram_bound(-2, 1), 16, 0);
}

static void test_histogram__infinity_has_a_bucket_of_its_own(void **state)
{
    (void)state;
    for (int8_t schema = -4; schema <= 8; schema++) {
        int32_t last = sg_histogram_index(schema, DBL_MAX);
        assert_int_equal(sg_histogram_index(schema, INFINITY), last + 1);
        assert_near(sg_histogram_bound(schema, last), DBL_MAX, 0);
        assert_true(isinf(sg_histogram_bound(schema, last + 1)));
    }
    assert_true(isinf(sg_histogram_bound(-4, INT32_MAX)));
    assert_near(sg_histogram_bound(-4, INT32_MIN), 0, 0);
}

static void test_histogram__sums_meet_at_the_lower_schema(void **state)
{
    (void)state;
    struct sg_histogram *a = make(1, 1, BUCKETS({-1, 1}, {0, 2}, {1, 4}, {2, 8}), 4);
    struct sg_histogram *b = make(0, 2, BUCKETS({0, 10}, {5, 20}), 2);
    struct sg_histogram *sum = combine(a, b, 1);
    struct sg_histogram *want = make(0, 3, BUCKETS({0, 13}, {1, 12}, {5, 20}), 3);
    assert_true(sg_histogram_eq(sum, want));
    struct sg_histogram *back = combine(sum, b, -1);
    assert_near(total(back), total(a), 1e-12);
    assert_near(back->buckets[2].count, 0, 0);
    sg_histogram_unref(a);
    sg_histogram_unref(b);
    sg_histogram_unref(sum);
    sg_histogram_unref(want);
    sg_histogram_unref(back);
}

static void test_histogram__zero_buckets_widen_to_a_bound_that_cuts_nothing(void **state)
{
    (void)state;
    /* Schema 0: (1,2] holds 3, (2,4] holds 5. The other's zero bucket reaches to 1.5, inside (1,2].
     */
    struct sg_histogram *a = make(0, 1, BUCKETS({1, 3}, {2, 5}), 2);
    struct sg_histogram *b = make(0, 7, BUCKETS({2, 1}), 1);
    b->zero_threshold = 1.5;
    struct sg_histogram *sum = combine(a, b, 1);
    assert_near(sum->zero_threshold, 2, 0);
    assert_near(sum->zero_count, 11, 0);
    assert_int_equal(sum->n_positive, 1);
    assert_near(sum->buckets[0].count, 6, 0);
    sg_histogram_unref(sum);
    sg_histogram_unref(a);
    sg_histogram_unref(b);
}

static void test_histogram__no_observation_is_lost_in_random_sums(void **state)
{
    (void)state;
    struct sg_prng rng = {9};
    for (int round = 0; round < 500; round++) {
        struct sg_histogram_acc *x = sg_histogram_acc_new(), *y = sg_histogram_acc_new();
        for (int i = 0; i < 60; i++) {
            double spread = round % 2 ? 40 : 6;
            sg_histogram_acc_observe(x, exp(spread * (double)sg_prng_below(&rng, 1000) / 1000) - 1,
                                     1);
            sg_histogram_acc_observe(y, 1 - exp((double)sg_prng_below(&rng, 9000) / 1000), 1);
        }
        struct sg_histogram *a = sg_histogram_acc_snapshot(x), *b = sg_histogram_acc_snapshot(y);
        if (round % 3 == 0)
            b->zero_threshold = (double)sg_prng_below(&rng, 100) / 10;
        struct sg_histogram *sum = combine(a, b, 1), *other = combine(b, a, 1);
        assert_near(total(sum), total(a) + total(b), 1e-12);
        assert_true(sg_histogram_eq(sum, other));
        assert_int_equal(sg_histogram_validate(sum, NULL), 0);
        sg_histogram_unref(a);
        sg_histogram_unref(b);
        sg_histogram_unref(sum);
        sg_histogram_unref(other);
        sg_histogram_acc_free(x);
        sg_histogram_acc_free(y);
    }
}

static struct sg_histogram *make_custom(double bound)
{
    struct sg_histogram *h = sg_histogram_new(3, 0, 2);
    h->schema = SG_HISTOGRAM_SCHEMA_CUSTOM;
    for (int i = 0; i < 3; i++)
        h->buckets[i] = (struct sg_bucket){i, 10};
    double bounds[] = {1, bound};
    memcpy(h->buckets + 3, bounds, sizeof(bounds));
    h->count = 30;
    return h;
}

static void test_histogram__custom_bounds_must_agree(void **state)
{
    (void)state;
    struct sg_histogram *a = make_custom(5), *b = make_custom(6);
    struct sg_histogram *e = make(0, 0, BUCKETS({1, 1}), 1), *sum = NULL;
    assert_int_equal(sg_histogram_combine(a, b, 1, &sum), SG_EINVALID);
    assert_int_equal(sg_histogram_combine(a, e, 1, &sum), SG_EINVALID);
    assert_null(sum);
    sum = combine(a, a, 1);
    assert_near(sum->buckets[1].count, 20, 0);
    assert_near(sg_histogram_custom(sum)[1], 5, 0);
    assert_true(sg_histogram_is_reset(a, b));
    assert_false(sg_histogram_is_reset(a, sum));
    sg_histogram_unref(a);
    sg_histogram_unref(b);
    sg_histogram_unref(e);
    sg_histogram_unref(sum);
}

static void test_histogram__scaling_scales_all(void **state)
{
    (void)state;
    struct sg_histogram *h = make(2, 3, BUCKETS({1, 2}), 1), *s = sg_histogram_scale(h, -0.5);
    assert_near(s->count, -2.5, 0);
    assert_near(s->zero_count, -1.5, 0);
    assert_near(s->buckets[0].count, -1, 0);
    assert_near(s->sum, -2.5, 0);
    assert_int_equal(s->reset_hint, SG_RESET_GAUGE);
    sg_histogram_unref(h);
    sg_histogram_unref(s);
}

static void test_histogram__a_fallen_bucket_is_a_reset(void **state)
{
    (void)state;
    struct sg_histogram *a = make(1, 1, BUCKETS({1, 3}, {4, 5}), 2);
    struct sg_histogram *more = make(1, 1, BUCKETS({1, 3}, {3, 1}, {4, 6}), 3);
    struct sg_histogram *moved = make(1, 1, BUCKETS({1, 9}, {4, 4}), 2);
    struct sg_histogram *coarse = make(0, 1, BUCKETS({1, 4}, {2, 5}), 2);
    struct sg_histogram *fine = make(2, 100, BUCKETS({1, 100}), 1);
    assert_false(sg_histogram_is_reset(a, a));
    assert_false(sg_histogram_is_reset(a, more));
    assert_true(sg_histogram_is_reset(more, a));
    assert_true(sg_histogram_is_reset(a, moved));
    assert_false(sg_histogram_is_reset(a, coarse)); /* resolution may fall */
    assert_true(sg_histogram_is_reset(a, fine));    /* but never rise */
    moved->reset_hint = SG_RESET_NO;
    assert_false(sg_histogram_is_reset(a, moved));
    more->reset_hint = SG_RESET_YES;
    assert_true(sg_histogram_is_reset(a, more));
    sg_histogram_unref(a);
    sg_histogram_unref(more);
    sg_histogram_unref(moved);
    sg_histogram_unref(coarse);
    sg_histogram_unref(fine);
}

static void test_histogram__quantiles_interpolate_exponentially(void **state)
{
    (void)state;
    struct sg_histogram *h = make(0, 0, BUCKETS({1, 10}), 1); /* all within (1, 2] */
    assert_near(sg_histogram_quantile(h, 0.5), sqrt(2), 1e-12);
    assert_near(sg_histogram_quantile(h, 0), 1, 1e-12);
    assert_near(sg_histogram_quantile(h, 1), 2, 1e-12);
    assert_true(isinf(sg_histogram_quantile(h, -0.1)) && sg_histogram_quantile(h, -0.1) < 0);
    assert_true(isinf(sg_histogram_quantile(h, 1.1)));
    assert_true(isnan(sg_histogram_quantile(h, NAN)));
    h->count = 0;
    assert_true(isnan(sg_histogram_quantile(h, 0.5)));
    sg_histogram_unref(h);
}

static void test_histogram__quantiles_in_the_zero_bucket_are_linear(void **state)
{
    (void)state;
    struct sg_histogram *h = make(0, 10, BUCKETS({1, 10}), 1);
    h->zero_threshold = 0.5;
    assert_near(sg_histogram_quantile(h, 0.25), 0.25, 1e-12); /* no negative ones: from 0 up */
    sg_histogram_unref(h);
    h = make(0, 10, NULL, 0);
    h->zero_threshold = 0.5;
    assert_near(sg_histogram_quantile(h, 0.25), -0.25, 1e-12);
    sg_histogram_unref(h);
}

static void test_histogram__quantiles_of_negative_values(void **state)
{
    (void)state;
    struct sg_histogram *h = sg_histogram_new(0, 2, 0);
    h->buckets[0] = (struct sg_bucket){1, 10}; /* [-2, -1) */
    h->buckets[1] = (struct sg_bucket){2, 10}; /* [-4, -2) */
    h->count = 20;
    assert_near(sg_histogram_quantile(h, 0.25), -exp2(1.5), 1e-12);
    assert_near(sg_histogram_quantile(h, 0.75), -sqrt(2), 1e-12);
    sg_histogram_unref(h);
}

static void test_histogram__quantiles_of_custom_bounds_are_linear(void **state)
{
    (void)state;
    struct sg_histogram *h = make_custom(5);
    assert_near(sg_histogram_quantile(h, 0.5), 3, 1e-12);
    assert_near(sg_histogram_quantile(h, 1.0 / 6), 0.5, 1e-12);
    assert_near(sg_histogram_quantile(h, 0.9), 5, 1e-12);
    sg_histogram_unref(h);
}

static void test_histogram__nan_observations_lie_above_all(void **state)
{
    (void)state;
    struct sg_histogram_acc *a = sg_histogram_acc_new();
    for (int i = 0; i < 6; i++)
        sg_histogram_acc_observe(a, 1.5, 1);
    for (int i = 0; i < 4; i++)
        sg_histogram_acc_observe(a, NAN, 1);
    struct sg_histogram *h = sg_histogram_acc_snapshot(a);
    assert_near(h->count, 10, 0);
    assert_near(total(h), 6, 0);
    assert_near(sg_histogram_quantile(h, 0.3), 1.5, 0.03);
    assert_true(isnan(sg_histogram_quantile(h, 0.9)));
    sg_histogram_unref(h);
    sg_histogram_acc_free(a);
}

static void test_histogram__validate_names_what_is_wrong(void **state)
{
    (void)state;
    struct sg_histogram *h = make(0, 0, BUCKETS({1, 1}, {1, 1}), 2);
    struct sg_error err = {0};
    assert_int_equal(sg_histogram_validate(h, &err), SG_EINVALID);
    assert_non_null(strstr(err.text, "ascending"));
    h->buckets[1].index = 2;
    assert_int_equal(sg_histogram_validate(h, NULL), 0);
    h->buckets[1].count = -1;
    assert_int_equal(sg_histogram_validate(h, NULL), SG_EINVALID);
    h->buckets[1] = (struct sg_bucket){INT32_MAX, 1};
    assert_int_equal(sg_histogram_validate(h, NULL), SG_EINVALID);
    h->buckets[1] = (struct sg_bucket){2, NAN};
    assert_int_equal(sg_histogram_validate(h, NULL), SG_EINVALID);
    h->buckets[1].count = 1;
    h->schema = 9;
    assert_int_equal(sg_histogram_validate(h, NULL), SG_EINVALID);
    sg_histogram_unref(h);
    h = make_custom(0.5);
    assert_int_equal(sg_histogram_validate(h, NULL), SG_EINVALID);
    sg_histogram_unref(h);
    h = make_custom(5);
    assert_int_equal(sg_histogram_validate(h, NULL), 0);
    sg_histogram_unref(h);
}

/* ---- accumulator ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_histogram_acc__quantiles_stay_within_a_bucket(void **state)
{
    (void)state;
    enum { N = 5000 };
    double *values = sg_alloc(N * sizeof(*values));
    struct sg_prng rng = {21};
    struct sg_histogram_acc *a = sg_histogram_acc_new();
    for (int i = 0; i < N; i++) {
        values[i] = 0.001 + (double)sg_prng_below(&rng, 20000) / 1000;
        sg_histogram_acc_observe(a, values[i], 1);
    }
    qsort(values, N, sizeof(*values), by_value);
    struct sg_histogram *h = sg_histogram_acc_snapshot(a);
    double width = sg_histogram_bound(h->schema, 1) - 1;
    for (double q = 0.05; q < 1; q += 0.05)
        assert_near(sg_histogram_quantile(h, q), values[(int)(q * N)], width + 0.01);
    sg_histogram_unref(h);
    sg_histogram_acc_free(a);
    sg_free(values);
}

static void test_histogram_acc__halves_its_resolution_and_loses_nothing(void **state)
{
    (void)state;
    struct sg_histogram_acc *a = sg_histogram_acc_new();
    double n = 0;
    for (int e = -1074; e <= 1023; e += 3) {
        sg_histogram_acc_observe(a, ldexp(1, e), 1);
        sg_histogram_acc_observe(a, -ldexp(1, e), 2);
        n += 3;
    }
    sg_histogram_acc_observe(a, INFINITY, 1);
    struct sg_histogram *h = sg_histogram_acc_snapshot(a);
    assert_near(total(h), n + 1, 0);
    assert_near(h->count, n + 1, 0);
    assert_true(h->n_positive <= SG_HISTOGRAM_ACC_BUCKETS);
    assert_int_equal(sg_histogram_validate(h, NULL), 0);
    sg_histogram_unref(h);
    sg_histogram_acc_free(a);
}

static void test_histogram_acc__the_same_as_observing_at_the_final_schema(void **state)
{
    (void)state;
    struct sg_prng rng = {31};
    for (int round = 0; round < 50; round++) {
        struct sg_histogram_acc *a = sg_histogram_acc_new();
        double values[200];
        for (int i = 0; i < 200; i++) {
            values[i] = exp((double)sg_prng_below(&rng, 2000 * (1 + (uint64_t)round)) / 2000);
            sg_histogram_acc_observe(a, values[i], 1);
        }
        struct sg_histogram *h = sg_histogram_acc_snapshot(a);
        for (uint32_t k = 0; k < h->n_positive; k++) {
            double n = 0;
            for (int i = 0; i < 200; i++)
                n += sg_histogram_index(h->schema, values[i]) == h->buckets[k].index;
            assert_near(h->buckets[k].count, n, 0);
        }
        sg_histogram_unref(h);
        sg_histogram_acc_free(a);
    }
}

static void test_histogram_acc__later_snapshots_are_no_resets(void **state)
{
    (void)state;
    struct sg_prng rng = {41};
    struct sg_histogram_acc *a = sg_histogram_acc_new();
    struct sg_histogram *before = sg_histogram_acc_snapshot(a);
    for (int i = 0; i < 300; i++) {
        double v = exp((double)sg_prng_below(&rng, (uint64_t)i * 100 + 1) / 1000) - 3;
        sg_histogram_acc_observe(a, v, 0.5);
        struct sg_histogram *now = sg_histogram_acc_snapshot(a);
        assert_false(sg_histogram_is_reset(before, now));
        sg_histogram_unref(before);
        before = now;
    }
    sg_histogram_unref(before);
    sg_histogram_acc_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram__every_value_lies_within_its_bucket),
        cmocka_unit_test(test_histogram__a_bound_belongs_to_the_bucket_it_ends),
        cmocka_unit_test(test_histogram__infinity_has_a_bucket_of_its_own),
        cmocka_unit_test(test_histogram__sums_meet_at_the_lower_schema),
        cmocka_unit_test(test_histogram__zero_buckets_widen_to_a_bound_that_cuts_nothing),
        cmocka_unit_test(test_histogram__no_observation_is_lost_in_random_sums),
        cmocka_unit_test(test_histogram__custom_bounds_must_agree),
        cmocka_unit_test(test_histogram__scaling_scales_all),
        cmocka_unit_test(test_histogram__a_fallen_bucket_is_a_reset),
        cmocka_unit_test(test_histogram__quantiles_interpolate_exponentially),
        cmocka_unit_test(test_histogram__quantiles_in_the_zero_bucket_are_linear),
        cmocka_unit_test(test_histogram__quantiles_of_negative_values),
        cmocka_unit_test(test_histogram__quantiles_of_custom_bounds_are_linear),
        cmocka_unit_test(test_histogram__nan_observations_lie_above_all),
        cmocka_unit_test(test_histogram__validate_names_what_is_wrong),
        cmocka_unit_test(test_histogram_acc__quantiles_stay_within_a_bucket),
        cmocka_unit_test(test_histogram_acc__halves_its_resolution_and_loses_nothing),
        cmocka_unit_test(test_histogram_acc__the_same_as_observing_at_the_final_schema),
        cmocka_unit_test(test_histogram_acc__later_snapshots_are_no_resets),
    };
    return cmocka_run_group_tests_name("model/histogram", tests, NULL, NULL);
}
