/* Series and values in Prometheus' test notation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <streamgauge/compiler.h>
#include <streamgauge/series_text.h>
#include <streamgauge/value.h>

#include "near.h"

static void parse(const char *text, struct sg_series_text *ret)
{
    struct sg_error err = {0};
    if (sg_series_text_parse(sg_str_from(text), ret, &err) < 0)
        fail_msg("%s: %s", text, err.text);
}

static void labels_are(const char *text, const char *printed)
{
    struct sg_series_text t;
    struct sg_buf b;
    parse(text, &t);
    sg_buf_init(&b, 1000);
    sg_labels_print(t.labels, &b);
    assert_string_equal(sg_buf_cstr(&b), printed);
    sg_buf_deinit(&b);
    sg_series_text_deinit(&t);
}

static void values_are(const char *text, const double *want, size_t n)
{
    struct sg_series_text t;
    parse(text, &t);
    assert_int_equal(t.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(t.values[i].omitted == isinf(want[i]));
        if (!t.values[i].omitted)
            assert_near(t.values[i].v, want[i], 1e-12);
    }
    sg_series_text_deinit(&t);
}

static void test_labels__names_braces_and_quotes(void **state)
{
    (void)state;
    labels_are("up", "up");
    labels_are("up 1 2", "up");
    labels_are("up{job=\"a\", i='b',} 1", "up{i=\"b\", job=\"a\"}");
    labels_are(" a:b {x=\"1\\n\"}", "a:b{x=\"1\\n\"}");
    labels_are("{\"my.metric\",\"a.b\"=\"c\"} 1", "{\"my.metric\", \"a.b\"=\"c\"}");
    labels_are("{}", "{}");
    labels_are("sum{by=\"x\"} 1", "sum{by=\"x\"}");
    labels_are("h {{sum:1}}", "h");
}

static void test_values__sequences(void **state)
{
    const double omitted = (double)INFINITY;
    (void)state;
    values_are("m 1 2.5 -3", (const double[]){1, 2.5, -3}, 3);
    values_are("m 1+2x3", (const double[]){1, 3, 5, 7}, 4);
    values_are("m 5-2x2 0", (const double[]){5, 3, 1, 0}, 4);
    values_are("m 1x2", (const double[]){1, 1, 1}, 3);
    values_are("m _ 1 _x2 2", (const double[]){omitted, 1, omitted, omitted, 2}, 5);
    values_are("m 7x0", (const double[]){7}, 1);
    values_are("m", NULL, 0);
    values_are("m\n 1\n 2", (const double[]){1, 2}, 2);
}

static void test_values__stale_is_the_marker(void **state)
{
    struct sg_series_text t;
    (void)state;
    parse("m stale NaN -Inf", &t);
    assert_int_equal(t.n, 3);
    assert_true(sg_is_stale(t.values[0].v));
    assert_true(isnan(t.values[1].v) && !sg_is_stale(t.values[1].v));
    assert_true(isinf(t.values[2].v) && t.values[2].v < 0);
    sg_series_text_deinit(&t);
}

static void test_values__histograms_add_up(void **state)
{
    struct sg_series_text t;
    (void)state;
    parse("h {{schema:1 sum:3 count:3 offset:2 buckets:[1 2]}}+{{sum:1 count:1 buckets:[1]}}x2 "
          "{{schema:-53 sum:1 count:1 custom_values:[5 10] buckets:[1] counter_reset_hint:gauge}}",
          &t);
    assert_int_equal(t.n, 4);
    assert_int_equal(t.values[0].h->schema, 1);
    assert_int_equal(t.values[0].h->buckets[0].index, 2);
    assert_near(t.values[2].h->count, 5, 1e-12);
    assert_near(t.values[2].h->sum, 5, 1e-12);
    assert_int_equal(t.values[3].h->n_custom, 2);
    assert_int_equal(t.values[3].h->reset_hint, SG_RESET_GAUGE);
    sg_series_text_deinit(&t);
}

static void test_errors__say_what_was_expected(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "expected a series"},
        {"up{", "inside braces"},
        {"up{a}", "\"=\""},
        {"up{a=b}", "label value"},
        {"up{a=\"b\" c=\"d\"}", "\",\" or \"}\""},
        {"up x", "expected a value"},
        {"up 1 two", "expected a value at \"two\""},
        {"up 1+x", "expected a step"},
        {"up 1+2", "expected \"x\""},
        {"up 1;2", "a blank"},
        {"up {{schema:9}}", "schema"},
        {"up {{offset:1.5}}", "whole numbers"},
        {"up {{sum:1", "\"}}\""},
        {"up {{what:1}}", "histogram's field"},
        {"up {{buckets:[1}}", "\"]\""},
        {"up {{counter_reset_hint:maybe}}", "not_reset"},
        {"up 1x99999999", "more than"},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_series_text t;
        struct sg_error err = {0};
        assert_true(sg_series_text_parse(sg_str_from(cases[i].text), &t, &err) < 0);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s': %s", cases[i].text, err.text);
        sg_series_text_deinit(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels__names_braces_and_quotes),
        cmocka_unit_test(test_values__sequences),
        cmocka_unit_test(test_values__stale_is_the_marker),
        cmocka_unit_test(test_values__histograms_add_up),
        cmocka_unit_test(test_errors__say_what_was_expected),
    };
    return cmocka_run_group_tests_name("series_text", tests, NULL, NULL);
}
