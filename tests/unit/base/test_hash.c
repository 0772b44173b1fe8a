/* test_hash.c - hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/hash.h>

static void test_hash64__depends_on_every_byte(void **state)
{
    (void)state;
    char text[300] = {0};
    for (size_t n = 1; n <= sizeof(text); n += 13) {
        uint64_t h = sg_hash64(text, n);
        struct sg_hash128 w = sg_hash128(text, n);
        assert_true(h == sg_hash64(text, n));
        for (size_t i = 0; i < n; i++) {
            text[i] = 1;
            struct sg_hash128 v = sg_hash128(text, n);
            assert_true(sg_hash64(text, n) != h);
            assert_true(v.lo != w.lo && v.hi != w.hi);
            text[i] = 0;
        }
    }
}

static void test_hash64__is_keyed(void **state)
{
    (void)state;
    assert_true(sg_hash64("abc", 3) != sg_hash64_stable("abc", 3));
}

static void test_hash64_stable__is_xxh3(void **state)
{
    (void)state;
    assert_true(sg_hash64_stable("", 0) == UINT64_C(0x2d06800538d394c2));
}

static void test_hash_mix__separates_neighbours(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        assert_in_range(__builtin_popcountll(sg_hash_mix(i) ^ sg_hash_mix(i + 1)), 8, 56);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash64__depends_on_every_byte),
        cmocka_unit_test(test_hash64__is_keyed),
        cmocka_unit_test(test_hash64_stable__is_xxh3),
        cmocka_unit_test(test_hash_mix__separates_neighbours),
    };
    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
