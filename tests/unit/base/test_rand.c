/* test_rand.c - random bytes and the seeded generator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <streamgauge/rand.h>

static void test_rand_bytes__fills_all_of_it_and_no_more(void **state)
{
    (void)state;
    unsigned char seen[64] = {0}, bytes[66];
    for (int round = 0; round < 64; round++) {
        memset(bytes, 0, sizeof(bytes));
        sg_rand_bytes(bytes + 1, 64);
        assert_int_equal(bytes[0], 0);
        assert_int_equal(bytes[65], 0);
        for (int i = 0; i < 64; i++)
            seen[i] |= bytes[i + 1];
    }
    for (int i = 0; i < 64; i++)
        assert_int_not_equal(seen[i], 0);
    sg_rand_bytes(NULL, 0);
}

static void test_rand_u64__does_not_repeat(void **state)
{
    (void)state;
    assert_true(sg_rand_u64() != sg_rand_u64());
}

static void test_prng__is_reproducible(void **state)
{
    (void)state;
    struct sg_prng a = {5}, b = {5}, c = {6};
    for (int i = 0; i < 100; i++) {
        uint64_t x = sg_prng_next(&a);
        assert_true(x == sg_prng_next(&b));
        assert_true(x != sg_prng_next(&c));
    }
}

static void test_prng_below__stays_below_and_hits_all(void **state)
{
    (void)state;
    struct sg_prng g = {5};
    unsigned hits[7] = {0};
    for (int i = 0; i < 7000; i++)
        hits[sg_prng_below(&g, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(hits[i], 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rand_bytes__fills_all_of_it_and_no_more),
        cmocka_unit_test(test_rand_u64__does_not_repeat),
        cmocka_unit_test(test_prng__is_reproducible),
        cmocka_unit_test(test_prng_below__stays_below_and_hits_all),
    };
    return cmocka_run_group_tests_name("base/rand", tests, NULL, NULL);
}
