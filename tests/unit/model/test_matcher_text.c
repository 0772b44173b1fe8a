/* Matchers as people write them for Alertmanager. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <streamgauge/compiler.h>
#include <streamgauge/matcher.h>

static void good(const char *text, const char *name, enum sg_match_type type, const char *value)
{
    struct sg_matcher m;
    struct sg_error err = {0};
    if (sg_matcher_parse(sg_str_from(text), &m, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(m.name.p, name);
    assert_string_equal(m.value.p, value);
    assert_int_equal(m.type, type);
    sg_matcher_deinit(&m);
}

static void bad(const char *text)
{
    struct sg_matcher m;
    struct sg_error err = {0};
    if (sg_matcher_parse(sg_str_from(text), &m, &err) == 0)
        fail_msg("'%s' was taken", text);
    assert_true(err.text[0]);
}

static void test_parse__the_four_operators(void **state)
{
    (void)state;
    good("foo=bar", "foo", SG_MATCH_EQ, "bar");
    good("foo!=bar", "foo", SG_MATCH_NE, "bar");
    good("foo=~bar.*", "foo", SG_MATCH_RE, "bar.*");
    good("foo!~bar|baz", "foo", SG_MATCH_NRE, "bar|baz");
}

static void test_parse__quotes_blanks_and_escapes(void **state)
{
    (void)state;
    good(" foo = \"b a r\" ", "foo", SG_MATCH_EQ, "b a r");
    good("foo=", "foo", SG_MATCH_EQ, "");
    good("foo=\"\"", "foo", SG_MATCH_EQ, "");
    good("foo=b a r", "foo", SG_MATCH_EQ, "b a r");
    good("foo=\"a\\\"b\\\\c\\nd\"", "foo", SG_MATCH_EQ, "a\"b\\c\nd");
    good("foo=~\"\\d+\"", "foo", SG_MATCH_RE, "\\d+");
    good("a:b=c", "a:b", SG_MATCH_EQ, "c");
    good("\"my name\"=c", "my name", SG_MATCH_EQ, "c");
    good("foo==", "foo", SG_MATCH_EQ, "=");
}

static void test_parse__what_is_no_matcher_is_an_error(void **state)
{
    static const char *const texts[] = {"",        "foo",       "=bar",    "1foo=bar",
                                        "foo bar", "foo=\"bar", "foo=b\"", "foo=\"b\"c",
                                        "foo=~(",  "foo!bar",   "\"\"=x"};
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(texts); i++)
        bad(texts[i]);
}

static void test_list__braces_and_commas(void **state)
{
    struct sg_matcher m[4];
    (void)state;
    assert_int_equal(
        sg_matcher_parse_list(SG_STR("{a=\"x,y\", b=~z.*,c!=\"}\",}"), m, SG_ARRAY_LEN(m), NULL),
        3);
    assert_string_equal(m[0].value.p, "x,y");
    assert_string_equal(m[1].name.p, "b");
    assert_string_equal(m[2].value.p, "}");
    for (size_t i = 0; i < 3; i++)
        sg_matcher_deinit(&m[i]);
    assert_int_equal(sg_matcher_parse_list(SG_STR("a=b"), m, SG_ARRAY_LEN(m), NULL), 1);
    sg_matcher_deinit(&m[0]);
    assert_int_equal(sg_matcher_parse_list(SG_STR("{}"), m, SG_ARRAY_LEN(m), NULL), 0);
    assert_int_equal(sg_matcher_parse_list(SG_STR(""), m, SG_ARRAY_LEN(m), NULL), 0);
}

static void test_list__errors_leave_nothing_behind(void **state)
{
    struct sg_matcher m[2];
    struct sg_error err = {0};
    (void)state;
    assert_int_equal(sg_matcher_parse_list(SG_STR("a=b,c=d,e=f"), m, 2, &err), SG_ELIMIT);
    assert_true(sg_matcher_parse_list(SG_STR("{a=b"), m, 2, NULL) < 0);
    assert_true(sg_matcher_parse_list(SG_STR("a=~b.*,,c=d"), m, 2, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse__the_four_operators),
        cmocka_unit_test(test_parse__quotes_blanks_and_escapes),
        cmocka_unit_test(test_parse__what_is_no_matcher_is_an_error),
        cmocka_unit_test(test_list__braces_and_commas),
        cmocka_unit_test(test_list__errors_leave_nothing_behind),
    };
    return cmocka_run_group_tests_name("matcher_text", tests, NULL, NULL);
}
