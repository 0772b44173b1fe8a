/* test_hll.c - distinct counts: small ones nearly exact, large ones within five standard errors,
 * merges as unions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include <streamgauge/hash.h>
#include <streamgauge/hll.h>
#include <streamgauge/rand.h>

#include "near.h"

static void add_range(struct sg_hll *h, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        sg_hll_add(h, sg_hash64_stable(&i, sizeof(i)));
}

static void assert_estimate(const struct sg_hll *h, double n)
{
    assert_near(sg_hll_estimate(h), n, 5 * 1.04 / sqrt(SG_HLL_REGISTERS));
}

static void test_hll__an_empty_one_counts_zero(void **state)
{
    (void)state;
    struct sg_hll *h = sg_hll_new();
    assert_near(sg_hll_estimate(h), 0, 0);
    sg_hll_free(h);
}

static void test_hll__small_counts_are_nearly_exact(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 20; n++) {
        struct sg_hll *h = sg_hll_new();
        add_range(h, n * 1000, n * 1000 + n);
        assert_true(fabs(sg_hll_estimate(h) - (double)n) < 1.1); /* two may share a register */
        sg_hll_free(h);
    }
}

static void test_hll__estimates_within_five_sigma(void **state)
{
    (void)state;
    static const uint64_t counts[] = {100, 500, 1000, 3000, 8000, 20000, 100000, 500000};
    for (size_t i = 0; i < SG_ARRAY_LEN(counts); i++) {
        for (uint64_t set = 0; set < 4; set++) {
            struct sg_hll *h = sg_hll_new();
            add_range(h, set << 40, (set << 40) + counts[i]);
            assert_estimate(h, (double)counts[i]);
            sg_hll_free(h);
        }
    }
}

static void test_hll__repeated_members_count_once(void **state)
{
    (void)state;
    struct sg_hll *h = sg_hll_new();
    add_range(h, 0, 300);
    double once = sg_hll_estimate(h);
    add_range(h, 0, 300);
    assert_near(sg_hll_estimate(h), once, 0);
    sg_hll_free(h);
}

static void check_merge(uint64_t a_end, uint64_t b_start, uint64_t b_end)
{
    struct sg_hll *a = sg_hll_new(), *b = sg_hll_new(), *both = sg_hll_new();
    add_range(a, 0, a_end);
    add_range(b, b_start, b_end);
    add_range(both, 0, a_end);
    add_range(both, b_start, b_end);
    sg_hll_merge(a, b);
    assert_near(sg_hll_estimate(a), sg_hll_estimate(both), 0);
    sg_hll_free(a);
    sg_hll_free(b);
    sg_hll_free(both);
}

static void test_hll__a_merge_is_the_union_sparse_and_dense(void **state)
{
    (void)state;
    check_merge(10, 5, 15);
    check_merge(10, 5, 5000);
    check_merge(5000, 4990, 5000);
    check_merge(5000, 3000, 20000);
    check_merge(0, 0, 5000);
    check_merge(400, 300, 800);
}

static void test_hll__small_sets_are_small(void **state)
{
    (void)state;
    struct sg_hll *h = sg_hll_new();
    add_range(h, 0, 10);
    assert_true(sg_hll_size(h) <= 120);
    add_range(h, 0, 100000);
    assert_true(sg_hll_size(h) <= SG_HLL_REGISTERS + 64);
    sg_hll_free(h);
}

static void test_hll__takes_the_extreme_hashes(void **state)
{
    (void)state;
    struct sg_hll *h = sg_hll_new();
    sg_hll_add(h, 0);
    sg_hll_add(h, UINT64_MAX);
    sg_hll_add(h, UINT64_C(0xfff0000000000000));
    assert_true(isfinite(sg_hll_estimate(h)) && sg_hll_estimate(h) > 1);
    sg_hll_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hll__an_empty_one_counts_zero),
        cmocka_unit_test(test_hll__small_counts_are_nearly_exact),
        cmocka_unit_test(test_hll__estimates_within_five_sigma),
        cmocka_unit_test(test_hll__repeated_members_count_once),
        cmocka_unit_test(test_hll__a_merge_is_the_union_sparse_and_dense),
        cmocka_unit_test(test_hll__small_sets_are_small),
        cmocka_unit_test(test_hll__takes_the_extreme_hashes),
    };
    return cmocka_run_group_tests_name("model/hll", tests, NULL, NULL);
}
