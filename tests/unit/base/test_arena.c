/* test_arena.c - bump allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <streamgauge/arena.h>
#include <streamgauge/mem.h>

static void test_arena_alloc__is_aligned_and_disjoint(void **state)
{
    (void)state;
    SG_AUTO(sg_arena_deinit) struct sg_arena a;
    sg_arena_init(&a, 1 << 20);
    unsigned char *p[200];
    for (int i = 0; i < 200; i++) {
        size_t n = (size_t)(i * 7 % 100);
        p[i] = sg_arena_alloc(&a, n);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], i, n);
    }
    for (int i = 0; i < 200; i++) {
        for (int j = 0; j < i * 7 % 100; j++)
            assert_int_equal(p[i][j], i);
    }
}

static void test_arena_alloc__stops_at_the_cap(void **state)
{
    (void)state;
    SG_AUTO(sg_arena_deinit) struct sg_arena a;
    sg_arena_init(&a, 100);
    assert_non_null(sg_arena_alloc(&a, 96));
    assert_null(sg_arena_alloc(&a, 16));
    assert_int_equal(a.used_bytes, 96);
}

static void test_arena_alloc__refuses_absurd_sizes(void **state)
{
    (void)state;
    SG_AUTO(sg_arena_deinit) struct sg_arena a;
    sg_arena_init(&a, SIZE_MAX);
    assert_null(sg_arena_alloc(&a, SIZE_MAX));
    assert_null(sg_arena_alloc(&a, SIZE_MAX - 8));
    assert_null(sg_arena_calloc(&a, SIZE_MAX / 2, 4));
    assert_null(sg_arena_strndup(&a, "x", SIZE_MAX));
    assert_int_equal(a.used_bytes, 0);
}

static void test_arena_alloc__bigger_than_a_block(void **state)
{
    (void)state;
    SG_AUTO(sg_arena_deinit) struct sg_arena a;
    sg_arena_init(&a, 8 << 20);
    char *p = sg_arena_alloc(&a, 3 << 20);
    assert_non_null(p);
    memset(p, 1, 3 << 20);
    assert_non_null(sg_arena_alloc(&a, 1));
}

static void test_arena_alloc__null_without_memory(void **state)
{
    (void)state;
    SG_AUTO(sg_arena_deinit) struct sg_arena a;
    sg_arena_init(&a, 1 << 20);
    sg_mem_fail_after(1);
    assert_null(sg_arena_alloc(&a, 1));
    assert_int_equal(a.used_bytes, 0);
    assert_non_null(sg_arena_alloc(&a, 1));
}

static void test_arena_calloc__zeroes_reused_memory(void **state)
{
    (void)state;
    SG_AUTO(sg_arena_deinit) struct sg_arena a;
    sg_arena_init(&a, 1 << 20);
    memset(sg_arena_alloc(&a, 64), 0xff, 64);
    sg_arena_deinit(&a); /* so that the next block is likely the same */
    unsigned char *p = sg_arena_calloc(&a, 8, 8);
    for (int i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
}

static void test_arena_strndup__terminates(void **state)
{
    (void)state;
    SG_AUTO(sg_arena_deinit) struct sg_arena a;
    sg_arena_init(&a, 1 << 20);
    assert_string_equal(sg_arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(sg_arena_strndup(&a, NULL, 0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_alloc__is_aligned_and_disjoint),
        cmocka_unit_test(test_arena_alloc__stops_at_the_cap),
        cmocka_unit_test(test_arena_alloc__refuses_absurd_sizes),
        cmocka_unit_test(test_arena_alloc__bigger_than_a_block),
        cmocka_unit_test(test_arena_alloc__null_without_memory),
        cmocka_unit_test(test_arena_calloc__zeroes_reused_memory),
        cmocka_unit_test(test_arena_strndup__terminates),
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
