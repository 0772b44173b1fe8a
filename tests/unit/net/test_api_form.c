#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/api.h"

static struct sg_net_exchange request(const char *query, const char *type, const char *body)
{
    return (struct sg_net_exchange){.query = query ? sg_str_from(query) : (struct sg_str){NULL, 0},
                                    .content_type = sg_str_from(type),
                                    .body = sg_str_from(body)};
}

static void assert_str(struct sg_str got, const char *expected)
{
    assert_int_equal(got.n, strlen(expected));
    assert_memory_equal(got.p, expected, got.n);
}

static void test_form__decodes_the_query(void **state)
{
    (void)state;
    struct sg__form f;
    struct sg_net_exchange x = request("query=a%2Bb+c&time=&x", "", "");
    assert_int_equal(sg__form_init(&f, &x, NULL), 0);
    assert_int_equal(f.n, 3);
    assert_str(sg__form_get(&f, "query"), "a+b c");
    assert_str(sg__form_get(&f, "time"), "");
    assert_str(sg__form_get(&f, "absent"), "");
    sg__form_deinit(&f);
}

static void test_form__body_comes_before_the_query(void **state)
{
    (void)state;
    struct sg__form f;
    struct sg_net_exchange x =
        request("match%5B%5D=q&time=1", "application/x-www-form-urlencoded; charset=utf-8",
                "match[]=b1&match[]=b2&time=2");
    struct sg_str one;
    size_t at = 0;
    assert_int_equal(sg__form_init(&f, &x, NULL), 0);
    assert_str(sg__form_get(&f, "time"), "2");
    assert_true(sg__form_next(&f, "match[]", &at, &one));
    assert_str(one, "b1");
    assert_true(sg__form_next(&f, "match[]", &at, &one));
    assert_str(one, "b2");
    assert_true(sg__form_next(&f, "match[]", &at, &one));
    assert_str(one, "q");
    assert_false(sg__form_next(&f, "match[]", &at, &one));
    sg__form_deinit(&f);
}

static void test_form__body_of_another_type_is_not_looked_at(void **state)
{
    (void)state;
    struct sg__form f;
    struct sg_net_exchange x = request(NULL, "text/plain", "time=2");
    assert_int_equal(sg__form_init(&f, &x, NULL), 0);
    assert_int_equal(f.n, 0);
    sg__form_deinit(&f);
}

static void test_form__bad_escape_is_an_error(void **state)
{
    (void)state;
    struct sg__form f;
    struct sg_error err = {0};
    struct sg_net_exchange x = request("query=%zz", "", "");
    assert_int_equal(sg__form_init(&f, &x, &err), SG_ESYNTAX);
    assert_non_null(strstr(err.text, "error parsing form values"));
    sg__form_deinit(&f);
}

static void test_form__number_of_values_is_bounded(void **state)
{
    (void)state;
    struct sg__form f;
    struct sg_error err = {0};
    char query[4 * (SG__FORM_PAIRS + 1) + 1];
    for (size_t i = 0; i < SG__FORM_PAIRS + 1; i++)
        memcpy(query + 4 * i, "a=b&", 4);
    query[4 * (SG__FORM_PAIRS + 1)] = '\0';
    struct sg_net_exchange x = request(query, "", "");
    assert_int_equal(sg__form_init(&f, &x, &err), SG_ELIMIT);
    sg__form_deinit(&f);
}

static void test_time__float_seconds_and_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"0", 0},
        {"1.5", 1500},
        {"-1.001", -1001},
        {"1435781451.781", 1435781451781},
        {"1e3", 1000000},
        {"2015-07-01T20:10:51.781Z", 1435781451781},
        {"2015-07-01T22:10:51.781+02:00", 1435781451781},
        {"-292273086-05-16T16:47:06Z", -SG__TIME_MAX_MS},
        {"+292277025-08-18T07:12:54.999999999Z", SG__TIME_MAX_MS},
        {"1e300", SG__TIME_MAX_MS},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(good); i++) {
        int64_t ms = 1;
        assert_int_equal(sg__time_parse(sg_str_from(good[i].text), &ms, NULL), 0);
        assert_int_equal(ms, good[i].ms);
    }
}

static void test_time__what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "NaN", "Inf", "5m", "2015-07-01", "1 "};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        int64_t ms = 7;
        struct sg_error err = {0};
        assert_int_equal(sg__time_parse(sg_str_from(bad[i]), &ms, &err), SG_EINVALID);
        assert_non_null(strstr(err.text, "to a valid timestamp"));
        assert_int_equal(ms, 7);
    }
}

static void test_span__float_seconds_and_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1", 1000},    {"0.001", 1},     {"0.0001", 0},    {"-2", -2000},
                {"15s", 15000}, {"1m30s", 90000}, {"1d", 86400000}, {"0.29", 290}};
    for (size_t i = 0; i < SG_ARRAY_LEN(good); i++) {
        int64_t ms = -1;
        assert_int_equal(sg__span_parse(sg_str_from(good[i].text), &ms, NULL), 0);
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {"", "x", "1 m", "NaN", "1e12", "-1e12", "Inf"};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        int64_t ms;
        assert_int_equal(sg__span_parse(sg_str_from(bad[i]), &ms, NULL), SG_EINVALID);
    }
}

static void test_limit__absent_is_none_and_negative_is_refused(void **state)
{
    (void)state;
    struct sg__form f;
    struct sg_net_exchange x = request("limit=12&low=-1&word=x", "", "");
    size_t n = 9;
    assert_int_equal(sg__form_init(&f, &x, NULL), 0);
    assert_int_equal(sg__limit_parse(&f, "limit", &n, NULL), 0);
    assert_int_equal(n, 12);
    assert_int_equal(sg__limit_parse(&f, "absent", &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(sg__limit_parse(&f, "low", &n, NULL), SG_EINVALID);
    assert_int_equal(sg__limit_parse(&f, "word", &n, NULL), SG_EINVALID);
    sg__form_deinit(&f);
}

static void test_selectors__need_something_that_is_not_empty(void **state)
{
    (void)state;
    static const char *const bad[] = {"match[]={}", "match[]={a%3D~\".*\"}", "match[]=sum(x)",
                                      "match[]=x[5m]", "match[]=x&match[]={a!%3D\"b\"}"};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        struct sg__form f;
        struct sg__selectors s;
        struct sg_net_exchange x = request(bad[i], "", "");
        struct sg_error err = {0};
        assert_int_equal(sg__form_init(&f, &x, NULL), 0);
        assert_true(sg__selectors_init(&s, &f, &err) < 0);
        assert_int_not_equal(err.code, SG_OK);
        sg__selectors_deinit(&s);
        sg__form_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form__decodes_the_query),
        cmocka_unit_test(test_form__body_comes_before_the_query),
        cmocka_unit_test(test_form__body_of_another_type_is_not_looked_at),
        cmocka_unit_test(test_form__bad_escape_is_an_error),
        cmocka_unit_test(test_form__number_of_values_is_bounded),
        cmocka_unit_test(test_time__float_seconds_and_rfc_3339),
        cmocka_unit_test(test_time__what_is_none_is_refused),
        cmocka_unit_test(test_span__float_seconds_and_durations),
        cmocka_unit_test(test_limit__absent_is_none_and_negative_is_refused),
        cmocka_unit_test(test_selectors__need_something_that_is_not_empty),
    };
    return cmocka_run_group_tests_name("api_form", tests, NULL, NULL);
}
