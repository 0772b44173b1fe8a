/* test_labels.c - label sets: order, equality, projections, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <streamgauge/labels.h>
#include <streamgauge/rand.h>

/* name, value, name, value, …, NULL, added in that order. */
static const struct sg_labels *make(const char *const *texts)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    for (; *texts; texts += 2)
        sg_labels_builder_add(&b, sg_str_from(texts[0]), sg_str_from(texts[1]));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}
#define MAKE(...) make((const char *const[]){__VA_ARGS__, NULL})

static void assert_printed(const struct sg_labels *l, const char *want)
{
    struct sg_buf out;
    sg_buf_init(&out, 10000);
    sg_labels_print(l, &out);
    assert_string_equal(sg_buf_cstr(&out), want);
    sg_buf_deinit(&out);
}

static void test_labels__are_sorted_and_found(void **state)
{
    (void)state;
    const struct sg_labels *l = MAKE("job", "x", "__name__", "up", "a", "1");
    assert_int_equal(l->count, 3);
    assert_true(sg_str_eq_c(sg_labels_at(l, 0).name, "__name__"));
    assert_true(sg_str_eq_c(sg_labels_at(l, 1).name, "a"));
    assert_true(sg_str_eq_c(sg_labels_get(l, SG_STR("job")), "x"));
    assert_null(sg_labels_get(l, SG_STR("jo")).p);
    assert_null(sg_labels_get(l, SG_STR("zz")).p);
    sg_labels_unref(l);
}

static void test_labels__equal_sets_have_equal_hashes_in_any_order(void **state)
{
    (void)state;
    const struct sg_labels *a = MAKE("a", "1", "b", "2", "c", "3");
    const struct sg_labels *b = MAKE("c", "3", "a", "1", "b", "2");
    assert_true(sg_labels_eq(a, b));
    assert_int_equal(a->hash, b->hash);
    assert_int_equal(sg_labels_cmp(a, b), 0);
    sg_labels_unref(a);
    sg_labels_unref(b);
}

static void test_labels__boundaries_matter(void **state)
{
    (void)state;
    const struct sg_labels *a = MAKE("ab", "c"), *b = MAKE("a", "bc");
    assert_false(sg_labels_eq(a, b));
    assert_int_not_equal(a->hash, b->hash);
    sg_labels_unref(a);
    sg_labels_unref(b);
}

static void test_labels__empty_values_and_overwritten_ones_are_dropped(void **state)
{
    (void)state;
    const struct sg_labels *l = MAKE("a", "1", "b", "", "c", "2", "a", "3", "c", "");
    assert_printed(l, "{a=\"3\"}");
    sg_labels_unref(l);
    l = MAKE("a", "");
    assert_ptr_equal(l, sg_labels_empty());
    sg_labels_unref(l);
}

static void test_labels__order_is_that_of_prometheus(void **state)
{
    (void)state;
    const struct sg_labels *sets[] = {sg_labels_empty(), MAKE("a", "1"), MAKE("a", "1", "b", "1"),
                                      MAKE("a", "11"),   MAKE("a", "2"), MAKE("b", "0")};
    for (size_t i = 0; i < SG_ARRAY_LEN(sets); i++) {
        for (size_t k = 0; k < SG_ARRAY_LEN(sets); k++) {
            int c = sg_labels_cmp(sets[i], sets[k]);
            assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
        }
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(sets); i++)
        sg_labels_unref(sets[i]);
}

static void test_labels__checked_build_names_the_double(void **state)
{
    (void)state;
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_add(&b, SG_STR("job"), SG_STR("1"));
    sg_labels_builder_add(&b, SG_STR("a"), SG_STR("1"));
    sg_labels_builder_add(&b, SG_STR("job"), SG_STR("2"));
    struct sg_error err = {0};
    assert_null(sg_labels_builder_build_checked(&b, &err));
    assert_int_equal(err.code, SG_EINVALID);
    assert_non_null(strstr(err.text, "'job'"));
    sg_labels_builder_deinit(&b);
}

static void test_labels_builder__sets_replaces_and_deletes(void **state)
{
    (void)state;
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_STR("a"), SG_STR("1"));
    sg_labels_builder_set(&b, SG_STR("b"), SG_STR("2"));
    sg_labels_builder_set(&b, SG_STR("a"), SG_STR("longer than before"));
    assert_true(sg_str_eq_c(sg_labels_builder_get(&b, SG_STR("a")), "longer than before"));
    sg_labels_builder_set(&b, SG_STR("b"), SG_STR(""));
    assert_null(sg_labels_builder_get(&b, SG_STR("b")).p);
    const struct sg_labels *l = sg_labels_builder_build(&b);
    assert_printed(l, "{a=\"longer than before\"}");
    sg_labels_builder_load(&b, l);
    sg_labels_builder_del(&b, SG_STR("a"));
    const struct sg_labels *none = sg_labels_builder_build(&b);
    assert_int_equal(none->count, 0);
    sg_labels_unref(l);
    sg_labels_unref(none);
    sg_labels_builder_deinit(&b);
}

static void test_labels_builder__sorts_many(void **state)
{
    (void)state;
    struct sg_labels_builder b;
    struct sg_prng rng = {5};
    sg_labels_builder_init(&b);
    for (int i = 0; i < 2000; i++) {
        char name[16], value[16];
        snprintf(name, sizeof(name), "l%llu", (unsigned long long)sg_prng_below(&rng, 300));
        snprintf(value, sizeof(value), "%d", i);
        sg_labels_builder_add(&b, sg_str_from(name), sg_str_from(value));
    }
    const struct sg_labels *l = sg_labels_builder_build(&b);
    for (uint32_t i = 0; i < l->count; i++) {
        struct sg_label one = sg_labels_at(l, i);
        assert_true(i == 0 || sg_str_cmp(sg_labels_at(l, i - 1).name, one.name) < 0);
        assert_true(sg_str_eq(one.value, sg_labels_builder_get(&b, one.name)));
    }
    sg_labels_unref(l);
    sg_labels_builder_deinit(&b);
}

static void test_labels__projection_is_as_if_built(void **state)
{
    (void)state;
    const struct sg_labels *l = MAKE("__name__", "up", "a", "1", "b", "2", "c", "3");
    const struct sg_str names[] = {SG_STR("a"), SG_STR("b0"), SG_STR("c"), SG_STR("zz")};
    for (int keep = 0; keep < 2; keep++) {
        for (size_t n = 0; n <= SG_ARRAY_LEN(names); n++) {
            const struct sg_labels *p = sg_labels_project(l, names, n, keep);
            struct sg_labels_builder b;
            sg_labels_builder_init(&b);
            for (uint32_t i = 0; i < l->count; i++) {
                bool among = false;
                for (size_t k = 0; k < n; k++)
                    among |= sg_str_eq(names[k], sg_labels_at(l, i).name);
                if (among == (keep == 1))
                    sg_labels_builder_add(&b, sg_labels_at(l, i).name, sg_labels_at(l, i).value);
            }
            const struct sg_labels *want = sg_labels_builder_build(&b);
            assert_true(sg_labels_eq(p, want));
            assert_int_equal(p->hash, want->hash);
            sg_labels_unref(p);
            sg_labels_unref(want);
            sg_labels_builder_deinit(&b);
        }
    }
    sg_labels_unref(l);
}

static void test_labels__print_as_promql(void **state)
{
    (void)state;
    static const struct {
        const char *const texts[7];
        const char *want;
    } cases[] = {
        {{NULL}, "{}"},
        {{"__name__", "up", NULL}, "up"},
        {{"__name__", "up", "b", "2", "a", "1", NULL}, "up{a=\"1\", b=\"2\"}"},
        {{"a", "1", NULL}, "{a=\"1\"}"},
        {{"__name__", "my.metric", "a.b", "c", NULL}, "{\"my.metric\", \"a.b\"=\"c\"}"},
        {{"a", "q\"\\\n\t\x01\x7f", NULL}, "{a=\"q\\\"\\\\\\n\\t\\x01\\x7f\"}"},
        {{"a", "\xff\xc3\xa9\xc2\xa0", NULL}, "{a=\"\\xff\xc3\xa9\\u00a0\"}"},
        {{"a", "\xf0\x9f\x98\x80\xf3\xa0\x80\x81", NULL}, "{a=\"\xf0\x9f\x98\x80\\U000e0001\"}"},
        {{"__name__", "a:b", NULL}, "a:b"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        const struct sg_labels *l = make(cases[i].texts);
        assert_printed(l, cases[i].want);
        sg_labels_unref(l);
    }
}

static void test_labels__print_as_json(void **state)
{
    (void)state;
    const struct sg_labels *l = MAKE("__name__", "up", "a\"", "x\ny");
    struct sg_buf out;
    sg_buf_init(&out, 1000);
    sg_labels_print_json(l, &out);
    assert_string_equal(sg_buf_cstr(&out), "{\"__name__\":\"up\",\"a\\\"\":\"x\\ny\"}");
    sg_buf_deinit(&out);
    sg_labels_unref(l);
}

static void test_labels__names_follow_the_legacy_rules(void **state)
{
    (void)state;
    assert_true(sg_metric_name_valid(SG_STR("a:b_9")));
    assert_true(sg_label_name_valid(SG_STR("_a9")));
    assert_false(sg_label_name_valid(SG_STR("a:b")));
    assert_false(sg_metric_name_valid(SG_STR("9a")));
    assert_false(sg_metric_name_valid(SG_STR("")));
    assert_false(sg_label_name_valid(SG_STR("a-b")));
    assert_false(sg_label_name_valid(SG_STR("\xc3\xa9")));
}

static void test_labels__the_empty_set_outlives_any_unref(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        sg_labels_unref(sg_labels_empty());
    assert_int_equal(sg_labels_empty()->count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels__are_sorted_and_found),
        cmocka_unit_test(test_labels__equal_sets_have_equal_hashes_in_any_order),
        cmocka_unit_test(test_labels__boundaries_matter),
        cmocka_unit_test(test_labels__empty_values_and_overwritten_ones_are_dropped),
        cmocka_unit_test(test_labels__order_is_that_of_prometheus),
        cmocka_unit_test(test_labels__checked_build_names_the_double),
        cmocka_unit_test(test_labels_builder__sets_replaces_and_deletes),
        cmocka_unit_test(test_labels_builder__sorts_many),
        cmocka_unit_test(test_labels__projection_is_as_if_built),
        cmocka_unit_test(test_labels__print_as_promql),
        cmocka_unit_test(test_labels__print_as_json),
        cmocka_unit_test(test_labels__names_follow_the_legacy_rules),
        cmocka_unit_test(test_labels__the_empty_set_outlives_any_unref),
    };
    return cmocka_run_group_tests_name("model/labels", tests, NULL, NULL);
}
