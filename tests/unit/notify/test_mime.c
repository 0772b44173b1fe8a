/* test_mime.c - mails as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "notify/mime.h"

static struct sg_buf out;

static int setup(void **state)
{
    (void)state;
    sg_buf_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sg_buf_deinit(&out);
    return 0;
}

static void test_field__plain_text_stays_as_it_is(void **state)
{
    (void)state;
    sg__mime_field(&out, "Subject", SG_STR("[FIRING:1] Boom: it's broken"));
    assert_string_equal(sg_buf_cstr(&out), "Subject: [FIRING:1] Boom: it's broken\r\n");
}

static void test_field__other_text_becomes_encoded_words(void **state)
{
    (void)state;
    sg__mime_field(&out, "Subject", SG_STR("Ärger"));
    assert_string_equal(sg_buf_cstr(&out), "Subject: =?UTF-8?B?w4RyZ2Vy?=\r\n");
}

static void test_field__what_looks_encoded_is_encoded(void **state)
{
    (void)state;
    sg__mime_field(&out, "X", SG_STR("=?UTF-8?B?eA==?="));
    assert_null(strstr(sg_buf_cstr(&out) + 3, "?B?eA==?="));
}

static void test_field__line_breaks_begin_nothing(void **state)
{
    (void)state;
    sg__mime_field(&out, "Subject", SG_STR("a\r\nBcc: x@y"));
    assert_null(strstr(sg_buf_cstr(&out), "\r\nBcc"));
    assert_string_equal(sg_buf_cstr(&out), "Subject: =?UTF-8?B?YSAgQmNjOiB4QHk=?=\r\n");
}

static void test_field__long_text_is_folded_between_characters(void **state)
{
    (void)state;
    struct sg_buf text;
    sg_buf_init(&text, 4096);
    for (int i = 0; i < 100; i++)
        sg_buf_puts(&text, "温a");
    sg__mime_field(&out, "Subject", sg_buf_str(&text));
    struct sg_str rest = sg_buf_str(&out);
    while (rest.p && rest.n) {
        struct sg_str line = sg_str_split(&rest, '\n');
        assert_true(line.n <= 78);
    }
    sg_buf_deinit(&text);
}

static void test_quoted__keeps_text_and_breaks_lines(void **state)
{
    (void)state;
    sg__mime_quoted(&out, SG_STR("a=b \nc\ttab\r\né"));
    assert_string_equal(sg_buf_cstr(&out), "a=3Db=20\r\nc=09tab\r\n=C3=A9\r\n");
}

static void test_quoted__lines_are_short(void **state)
{
    (void)state;
    struct sg_buf text;
    sg_buf_init(&text, 1 << 16);
    for (int i = 0; i < 2000; i++)
        sg_buf_puts(&text, i % 3 ? "x" : "ü");
    sg__mime_quoted(&out, sg_buf_str(&text));
    struct sg_str rest = sg_buf_str(&out);
    while (rest.p && rest.n) {
        struct sg_str line = sg_str_split(&rest, '\n');
        assert_true(line.n <= 77); /* with the CR */
    }
    sg_buf_deinit(&text);
}

static void test_quoted__of_nothing_is_nothing(void **state)
{
    (void)state;
    sg__mime_quoted(&out, SG_STR(""));
    assert_int_equal(out.len, 0);
}

static void test_date__is_rfc_5322(void **state)
{
    (void)state;
    sg__mime_date(&out, INT64_C(1795316645000));
    assert_string_equal(sg_buf_cstr(&out), "Sun, 22 Nov 2026 03:04:05 +0000");
}

static void test_addresses__with_and_without_names(void **state)
{
    (void)state;
    struct sg__address list[SG__MAX_ADDRESSES];
    size_t n;
    assert_int_equal(
        sg__addresses_parse(SG_STR("a@x.org, Ops Team <ops@x.org>,\"Last, First\" <l@x.org>,"),
                            list, &n, NULL),
        0);
    assert_int_equal(n, 3);
    sg__mime_addresses(&out, "To", list, n);
    assert_string_equal(sg_buf_cstr(&out), "To: a@x.org,\r\n \"Ops Team\" <ops@x.org>,\r\n "
                                           "\"Last, First\" <l@x.org>\r\n");
}

static void test_addresses__names_of_all_languages(void **state)
{
    (void)state;
    struct sg__address list[SG__MAX_ADDRESSES];
    size_t n;
    assert_int_equal(sg__addresses_parse(SG_STR("Jürgen <j@x.org>"), list, &n, NULL), 0);
    sg__mime_addresses(&out, "To", list, n);
    assert_string_equal(sg_buf_cstr(&out), "To: =?UTF-8?B?SsO8cmdlbg==?= <j@x.org>\r\n");
}

static void test_addresses__refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " , ",
                                      "a b@x.org",
                                      "a@",
                                      "@x.org",
                                      "<a@x.org",
                                      "a@x.org\nBcc: b@x.org",
                                      "N <a@x.org> <b@x.org",
                                      "a@x.org;b@x.org",
                                      "<>"};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        struct sg__address list[SG__MAX_ADDRESSES];
        struct sg_error err = {0};
        size_t n;
        if (sg__addresses_parse(sg_str_from(bad[i]), list, &n, &err) != SG_EINVALID)
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(strstr(err.text, "mail address"));
    }
}

static void test_addresses__are_not_endless(void **state)
{
    (void)state;
    struct sg__address list[SG__MAX_ADDRESSES];
    size_t n;
    for (int i = 0; i <= SG__MAX_ADDRESSES; i++)
        sg_buf_puts(&out, "a@x.org,");
    assert_int_equal(sg__addresses_parse(sg_buf_str(&out), list, &n, NULL), SG_ELIMIT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_field__plain_text_stays_as_it_is),
        T(test_field__other_text_becomes_encoded_words),
        T(test_field__what_looks_encoded_is_encoded),
        T(test_field__line_breaks_begin_nothing),
        T(test_field__long_text_is_folded_between_characters),
        T(test_quoted__keeps_text_and_breaks_lines),
        T(test_quoted__lines_are_short),
        T(test_quoted__of_nothing_is_nothing),
        T(test_date__is_rfc_5322),
        T(test_addresses__with_and_without_names),
        T(test_addresses__names_of_all_languages),
        T(test_addresses__refuses_what_is_none),
        T(test_addresses__are_not_endless),
    };
    return cmocka_run_group_tests_name("notify/mime", tests, NULL, NULL);
}
