/* test_names.c - configured streams and what a client's words resolve to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <streamgauge/live.h>

static struct sg_live_names *two(void)
{
    struct sg_live_names *names = NULL;
    struct sg_error err = {0};
    const struct sg_live_name list[] = {
        {SG_STR("p99"), SG_STR("sum by (a) ( rate( x [1m] ) )")},
        {SG_STR("active"), SG_STR("users{z=\"1\",a=\"2\"}")},
    };
    if (sg_live_names_new(list, 2, &names, &err) < 0)
        fail_msg("%s", err.text);
    return names;
}

static int resolve(struct sg_live_names *names, enum sg_resolve_kind kind, const char *text,
                   char *dst, size_t size, struct sg_error *err)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf key;
    sg_buf_init(&key, 65536);
    memset(err, 0, sizeof(*err));
    int rc = sg_live_names_resolve(names, kind, sg_str_from(text), &key, err);
    snprintf(dst, size, "%s", sg_buf_cstr(&key));
    return rc;
}

static void test_names__are_sorted_and_canonical(void **state)
{
    (void)state;
    struct sg_live_names *names = two();
    assert_int_equal(sg_live_names_count(names), 2);
    struct sg_live_name a = sg_live_names_at(names, 0);
    assert_true(sg_str_eq_c(a.name, "active"));
    assert_true(sg_str_eq_c(a.expr, "users{a=\"2\", z=\"1\"}"));
    sg_live_names_unref(names);
}

static void test_names__a_metric_is_a_name_first_then_promql(void **state)
{
    (void)state;
    struct sg_live_names *names = two();
    struct sg_error err;
    char key[200];
    assert_int_equal(resolve(names, SG_RESOLVE_METRIC, "active", key, sizeof(key), &err), 0);
    assert_string_equal(key, "users{a=\"2\", z=\"1\"}");
    assert_int_equal(resolve(names, SG_RESOLVE_METRIC, " up ", key, sizeof(key), &err), 0);
    assert_string_equal(key, "up");
    assert_int_equal(resolve(names, SG_RESOLVE_QUERY, "active", key, sizeof(key), &err), 0);
    assert_string_equal(key, "active");
    assert_int_equal(resolve(names, SG_RESOLVE_STREAM, "p99", key, sizeof(key), &err), 0);
    assert_int_equal(resolve(names, SG_RESOLVE_STREAM, "up", key, sizeof(key), &err), SG_ENOTFOUND);
    assert_string_equal(err.text, "there is no stream named 'up'");
    assert_int_equal(resolve(NULL, SG_RESOLVE_METRIC, "up", key, sizeof(key), &err), 0);
    sg_live_names_unref(names);
}

static void test_names__a_metric_may_have_a_name_that_needs_quotes(void **state)
{
    (void)state;
    static const char *const keys[][2] = {
        {"http.requests", "{\"http.requests\"}"},
        {"température", "{\"température\"}"},
        {"a.5", "{\"a.5\"}"},
        {"sum", "sum"},
        {"a:b_c1", "a:b_c1"},
        {"{\"http.requests\"}", "{\"http.requests\"}"},
    };
    struct sg_error err;
    char key[200];
    for (size_t i = 0; i < SG_ARRAY_LEN(keys); i++) {
        assert_int_equal(resolve(NULL, SG_RESOLVE_METRIC, keys[i][0], key, sizeof(key), &err), 0);
        assert_string_equal(key, keys[i][1]);
    }
    /* Mistakes in expressions stay mistakes, and v1's queries are PromQL only. */
    assert_true(resolve(NULL, SG_RESOLVE_METRIC, "a b", key, sizeof(key), &err) < 0);
    assert_true(resolve(NULL, SG_RESOLVE_METRIC, "a.b[5m]", key, sizeof(key), &err) < 0);
    assert_true(resolve(NULL, SG_RESOLVE_METRIC, ".a", key, sizeof(key), &err) < 0);
    assert_true(resolve(NULL, SG_RESOLVE_METRIC, "a\xff", key, sizeof(key), &err) < 0);
    assert_true(resolve(NULL, SG_RESOLVE_METRIC, "", key, sizeof(key), &err) < 0);
    assert_true(resolve(NULL, SG_RESOLVE_QUERY, "http.requests", key, sizeof(key), &err) < 0);
}

static void test_names__equal_expressions_have_one_key(void **state)
{
    (void)state;
    struct sg_error err;
    char a[200], b[200];
    assert_int_equal(resolve(NULL, SG_RESOLVE_QUERY, "sum(rate(x{b=\"1\",a=\"2\"}[60s]))by(j)", a,
                             sizeof(a), &err),
                     0);
    assert_int_equal(resolve(NULL, SG_RESOLVE_QUERY,
                             "sum by (j) ((rate({a='2', b=\"1\", __name__=\"x\"}[1m])))", b,
                             sizeof(b), &err),
                     0);
    assert_string_equal(a, b);
}

static void test_names__mistakes_have_their_place(void **state)
{
    (void)state;
    struct sg_error err;
    char key[200];
    assert_int_equal(resolve(NULL, SG_RESOLVE_QUERY, "sum(", key, sizeof(key), &err), SG_ESYNTAX);
    assert_true(err.line > 0);
    assert_int_equal(resolve(NULL, SG_RESOLVE_QUERY, "up[5m]", key, sizeof(key), &err),
                     SG_EINVALID);
    assert_string_equal(
        err.text, "the expression gives a range vector, expected an instant vector or a scalar");
    assert_int_equal(resolve(NULL, SG_RESOLVE_QUERY, "\"text\"", key, sizeof(key), &err),
                     SG_EINVALID);
}

static void refused(const char *name, const char *expr, const char *name2, const char *start)
{
    struct sg_live_names *names = NULL;
    struct sg_error err = {0};
    const struct sg_live_name list[] = {{sg_str_from(name), sg_str_from(expr)},
                                        {sg_str_from(name2), SG_STR("up")}};
    assert_true(sg_live_names_new(list, 2, &names, &err) < 0);
    if (strncmp(err.text, start, strlen(start)) != 0)
        fail_msg("'%s' does not start with '%s'", err.text, start);
}

static void test_names__bad_ones_are_named(void **state)
{
    (void)state;
    refused("a", "sum(", "b", "stream 'a': ");
    refused("9", "up", "b", "stream '9': a name starts");
    refused("a b", "up", "b", "stream 'a b': a name starts");
    refused("a", "up", "a", "stream 'a' is there twice");
    refused("a", "up[1m]", "b", "stream 'a': the expression gives a range vector");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names__are_sorted_and_canonical),
        cmocka_unit_test(test_names__a_metric_is_a_name_first_then_promql),
        cmocka_unit_test(test_names__a_metric_may_have_a_name_that_needs_quotes),
        cmocka_unit_test(test_names__equal_expressions_have_one_key),
        cmocka_unit_test(test_names__mistakes_have_their_place),
        cmocka_unit_test(test_names__bad_ones_are_named),
    };
    return cmocka_run_group_tests_name("live/names", tests, NULL, NULL);
}
