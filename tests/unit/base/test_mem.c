/* test_mem.c - allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include <streamgauge/mem.h>

static void test_try_alloc__zero_bytes_is_a_pointer(void **state)
{
    (void)state;
    void *p = sg_try_alloc(0), *q = sg_alloc(0), *r = sg_calloc(0, 8);
    assert_non_null(p);
    assert_non_null(q);
    assert_non_null(r);
    q = sg_realloc(q, 0);
    assert_non_null(q);
    sg_free(p);
    sg_free(q);
    sg_free(r);
    sg_free(NULL);
}

static void test_try_alloc__too_big_is_null(void **state)
{
    (void)state;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
    volatile size_t huge = SIZE_MAX / 2;
    void *p = sg_try_alloc(huge);
    assert_null(p);
#endif
#endif
}

static void test_calloc__zeroes(void **state)
{
    (void)state;
    unsigned char *p = sg_calloc(100, 3);
    for (int i = 0; i < 300; i++)
        assert_int_equal(p[i], 0);
    sg_free(p);
}

static void test_mem_fail_after__fails_the_nth_once(void **state)
{
    (void)state;
    sg_mem_fail_after(2);
    void *a = sg_try_alloc(1), *b = sg_try_realloc(a, 10), *c = sg_try_alloc(1);
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    sg_free(a); /* a failed realloc leaves it */
    sg_free(c);
}

static void test_mem_fail_after__zero_switches_off(void **state)
{
    (void)state;
    sg_mem_fail_after(1);
    sg_mem_fail_after(0);
    void *p = sg_try_alloc(1);
    assert_non_null(p);
    sg_free(p);
}

static void test_mem_fail_after__spares_sizes_we_choose(void **state)
{
    (void)state;
    sg_mem_fail_after(1);
    void *p = sg_alloc(1);
    assert_non_null(p);
    sg_free(p);
    assert_null(sg_try_alloc(1));
}

static void *alloc_in_thread(void *arg)
{
    (void)arg;
    return sg_try_alloc(1);
}

static void test_mem_fail_after__is_per_thread(void **state)
{
    (void)state;
    pthread_t t;
    void *p = NULL;
    sg_mem_fail_after(1);
    assert_int_equal(pthread_create(&t, NULL, alloc_in_thread, NULL), 0);
    assert_int_equal(pthread_join(t, &p), 0);
    assert_non_null(p);
    sg_free(p);
    assert_null(sg_try_alloc(1));
}

static void test_strdup__copies(void **state)
{
    (void)state;
    char *s = sg_strdup("abc");
    assert_string_equal(s, "abc");
    char *m = sg_memdup("a\0b", 3);
    assert_memory_equal(m, "a\0b", 3);
    sg_free(s);
    sg_free(m);
}

static void test_grow__doubles_and_keeps_contents(void **state)
{
    (void)state;
    size_t cap = 0, grown = 0;
    uint32_t *a = NULL;
    for (uint32_t i = 0; i < 1000; i++) {
        size_t before = cap;
        a = sg_grow(a, &cap, i + 1, sizeof(*a));
        grown += cap != before;
        a[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(a[i], i);
    assert_in_range(cap, 1000, 2000);
    assert_in_range(grown, 1, 10);
    sg_free(a);
}

static void test_grow__jumps_to_a_big_need(void **state)
{
    (void)state;
    size_t cap = 0;
    char *a = sg_grow(NULL, &cap, 12345, 1);
    assert_true(cap >= 12345);
    a[12344] = 1;
    sg_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_try_alloc__zero_bytes_is_a_pointer),
        cmocka_unit_test(test_try_alloc__too_big_is_null),
        cmocka_unit_test(test_calloc__zeroes),
        cmocka_unit_test(test_mem_fail_after__fails_the_nth_once),
        cmocka_unit_test(test_mem_fail_after__zero_switches_off),
        cmocka_unit_test(test_mem_fail_after__spares_sizes_we_choose),
        cmocka_unit_test(test_mem_fail_after__is_per_thread),
        cmocka_unit_test(test_strdup__copies),
        cmocka_unit_test(test_grow__doubles_and_keeps_contents),
        cmocka_unit_test(test_grow__jumps_to_a_big_need),
    };
    return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
