/* test_hashtab.c - chained hash table of intrusive links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/hashtab.h>

static void test_hashtab__finds_all_of_one_hash_and_only_those(void **state)
{
    (void)state;
    struct sg_hashtab t = {0};
    struct sg_hashlink nodes[500];
    for (uint64_t i = 0; i < 500; i++)
        sg_hashtab_add(&t, &nodes[i], i % 100 * 64); /* they share few buckets */
    for (uint64_t i = 0; i < 250; i++)
        sg_hashtab_remove(&t, &nodes[i]);
    for (uint64_t h = 0; h < 101; h++) {
        size_t n = 0;
        for (const struct sg_hashlink *p = sg_hashtab_first(&t, h * 64); p;
             p = sg_hashtab_next(p), n++)
            assert_int_equal(p->hash, h * 64);
        assert_int_equal(n, h == 100 ? 0 : h < 50 ? 2 : 3);
    }
    sg_hashtab_deinit(&t);
}

static void test_hashtab__gives_the_newest_of_a_hash_first(void **state)
{
    (void)state;
    struct sg_hashtab t = {0};
    struct sg_hashlink links[3];
    for (size_t i = 0; i < 3; i++)
        sg_hashtab_add(&t, &links[i], 7);
    struct sg_hashlink *l = sg_hashtab_first(&t, 7);
    assert_ptr_equal(l, &links[2]);
    assert_ptr_equal(l = sg_hashtab_next(l), &links[1]);
    assert_ptr_equal(l = sg_hashtab_next(l), &links[0]);
    assert_null(sg_hashtab_next(l));
    sg_hashtab_deinit(&t);
}

static void test_hashtab__is_emptied_by_any(void **state)
{
    (void)state;
    struct sg_hashtab t = {0};
    struct sg_hashlink links[100], *l;
    size_t n = 0;
    assert_null(sg_hashtab_any(&t));
    assert_null(sg_hashtab_first(&t, 0));
    for (uint64_t i = 0; i < 100; i++)
        sg_hashtab_add(&t, &links[i], i);
    for (; (l = sg_hashtab_any(&t)); n++)
        sg_hashtab_remove(&t, l);
    assert_int_equal(n, 100);
    assert_int_equal(t.n, 0);
    sg_hashtab_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashtab__finds_all_of_one_hash_and_only_those),
        cmocka_unit_test(test_hashtab__gives_the_newest_of_a_hash_first),
        cmocka_unit_test(test_hashtab__is_emptied_by_any),
    };
    return cmocka_run_group_tests_name("base/hashtab", tests, NULL, NULL);
}
