/* test_buf.c - the byte buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/mem.h>

static void assert_buf(struct sg_buf *b, const char *expected)
{
    assert_false(b->failed);
    assert_string_equal(sg_buf_cstr(b), expected);
    assert_int_equal(b->len, strlen(expected));
}

static void test_buf_append__grows_to_the_maximum(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sg_buf_putc(&b, (char)('a' + i % 26)), 0);
    assert_int_equal(b.len, 1000);
    assert_true(b.cap <= 1000);
    assert_int_equal(b.data[999], 'a' + 999 % 26);
    assert_int_equal(strlen(sg_buf_cstr(&b)), 1000);
}

static void test_buf_append__past_the_maximum_appends_nothing_ever_after(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 5);
    assert_int_equal(sg_buf_puts(&b, "abc"), 0);
    assert_int_equal(sg_buf_puts(&b, "def"), SG_ELIMIT);
    assert_true(b.failed);
    assert_int_equal(sg_buf_puts(&b, "d"), SG_ELIMIT);
    assert_int_equal(sg_buf_printf(&b, "d"), SG_ELIMIT);
    assert_int_equal(b.len, 3);
    assert_string_equal(sg_buf_cstr(&b), "abc");
    sg_buf_reset(&b);
    assert_int_equal(sg_buf_puts(&b, "defgh"), 0);
    assert_buf(&b, "defgh");
}

static void test_buf_append__fails_without_memory(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 1000);
    sg_mem_fail_after(1);
    assert_int_equal(sg_buf_puts(&b, "abc"), SG_ELIMIT);
    assert_true(b.failed);
    assert_string_equal(sg_buf_cstr(&b), "");
}

static void test_buf_append__empty_needs_no_memory(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 0);
    assert_int_equal(sg_buf_append(&b, NULL, 0), 0);
    assert_null(b.data);
    assert_string_equal(sg_buf_cstr(&b), "");
    assert_true(sg_str_eq_c(sg_buf_str(&b), ""));
    assert_int_equal(sg_buf_putc(&b, 'x'), SG_ELIMIT);
}

static void test_buf_reserve__refuses_absurd_sizes(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, SIZE_MAX);
    assert_int_equal(sg_buf_puts(&b, "abc"), 0);
    assert_int_equal(sg_buf_reserve(&b, SIZE_MAX), SG_ELIMIT);
}

static void test_buf_printf__grows_as_needed(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 4000);
    assert_int_equal(sg_buf_printf(&b, "%d-", 42), 0);
    assert_int_equal(sg_buf_printf(&b, "%0300d", 7), 0);
    assert_int_equal(b.len, 303);
    assert_int_equal(b.data[302], '7');
    assert_int_equal(sg_buf_printf(&b, "%04000d", 7), SG_ELIMIT);
    assert_int_equal(b.len, 303);
}

static void test_buf_printf__fills_to_the_last_byte(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 10);
    assert_int_equal(sg_buf_printf(&b, "%s", "0123456789"), 0);
    assert_buf(&b, "0123456789");
}

static void test_buf_put__numbers(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 1000);
    sg_buf_put_double(&b, 42.5);
    sg_buf_putc(&b, ' ');
    sg_buf_put_double(&b, (double)INFINITY);
    sg_buf_putc(&b, ' ');
    sg_buf_put_i64(&b, INT64_MIN);
    sg_buf_putc(&b, ' ');
    sg_buf_put_u64(&b, UINT64_MAX);
    assert_buf(&b, "42.5 +Inf -9223372036854775808 18446744073709551615");
}

static void test_buf_put_json_double__quotes_what_json_cannot_say(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 1000);
    const double values[] = {1e-7, -0.0, (double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < SG_ARRAY_LEN(values); i++) {
        sg_buf_put_json_double(&b, values[i]);
        sg_buf_putc(&b, ' ');
    }
    assert_buf(&b, "1e-07 -0 \"NaN\" \"+Inf\" \"-Inf\" ");
}

static void assert_json_str(struct sg_str in, const char *expected)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 1000);
    assert_int_equal(sg_buf_put_json_str(&b, in), 0);
    assert_buf(&b, expected);
}

static void test_buf_put_json_str__escapes(void **state)
{
    (void)state;
    assert_json_str(SG_STR(""), "\"\"");
    assert_json_str(SG_STR("plain text, long enough for words /"),
                    "\"plain text, long enough for words /\"");
    assert_json_str(SG_STR("a\"b\\c\b\f\n\r\t"), "\"a\\\"b\\\\c\\b\\f\\n\\r\\t\"");
    assert_json_str(SG_STR("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"");
}

static void test_buf_put_json_str__finds_every_special_at_every_place(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        for (size_t at = 0; at < 20; at++) {
            SG_AUTO(sg_buf_deinit) struct sg_buf b;
            char text[20];
            memset(text, ' ', sizeof(text));
            text[at] = (char)c;
            sg_buf_init(&b, 1000);
            sg_buf_put_json_str(&b, sg_str_make(text, sizeof(text)));
            assert_int_equal(b.len == sizeof(text) + 2, plain);
            assert_int_equal(b.data[b.len - 1], '"');
            assert_int_equal(memchr(b.data + 1, '"', b.len - 2) != NULL, c == '"');
        }
    }
}

static void test_buf_put_json_str__keeps_utf8_and_replaces_the_rest(void **state)
{
    (void)state;
    assert_json_str(SG_STR("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
                    "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
    assert_json_str(SG_STR("a\xff"
                           "b\xed\xa0\x80"),
                    "\"a\xef\xbf\xbd"
                    "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json_str(SG_STR("cut \xe2\x82"), "\"cut \xef\xbf\xbd\xef\xbf\xbd\"");
}

static void test_buf_put_json_str__is_all_or_nothing(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 8);
    sg_buf_puts(&b, "ab");
    assert_int_equal(sg_buf_put_json_str(&b, SG_STR("cd\n\n")), SG_ELIMIT);
    assert_true(b.failed);
    assert_int_equal(b.len, 2);
}

static void test_buf_consume__drops_the_front(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 100);
    sg_buf_consume(&b, 0);
    sg_buf_puts(&b, "abcdef");
    sg_buf_consume(&b, 2);
    assert_buf(&b, "cdef");
    sg_buf_consume(&b, 4);
    assert_buf(&b, "");
}

static void test_buf_steal__hands_over(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    size_t n = 0;
    sg_buf_init(&b, 100);
    assert_null(sg_buf_steal(&b, &n));
    sg_buf_puts(&b, "abc");
    char *p = sg_buf_steal(&b, &n);
    assert_int_equal(n, 3);
    assert_string_equal(p, "abc");
    assert_null(b.data);
    assert_int_equal(sg_buf_puts(&b, "again"), 0);
    sg_free(p);
}

static void test_buf_put_html__escapes_what_begins_or_ends_markup(void **state)
{
    struct sg_buf b;
    (void)state;
    sg_buf_init(&b, 40);
    assert_int_equal(sg_buf_put_html(&b, SG_STR("<a b=\"c\">&'é")), 0);
    assert_string_equal(sg_buf_cstr(&b), "&lt;a b=&quot;c&quot;&gt;&amp;'é");
    size_t len = b.len;
    assert_int_equal(sg_buf_put_html(&b, SG_STR("<<")), SG_ELIMIT);
    assert_int_equal(b.len, len); /* nothing of it */
    sg_buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_append__grows_to_the_maximum),
        cmocka_unit_test(test_buf_append__past_the_maximum_appends_nothing_ever_after),
        cmocka_unit_test(test_buf_append__fails_without_memory),
        cmocka_unit_test(test_buf_append__empty_needs_no_memory),
        cmocka_unit_test(test_buf_reserve__refuses_absurd_sizes),
        cmocka_unit_test(test_buf_printf__grows_as_needed),
        cmocka_unit_test(test_buf_printf__fills_to_the_last_byte),
        cmocka_unit_test(test_buf_put__numbers),
        cmocka_unit_test(test_buf_put_json_double__quotes_what_json_cannot_say),
        cmocka_unit_test(test_buf_put_json_str__escapes),
        cmocka_unit_test(test_buf_put_html__escapes_what_begins_or_ends_markup),
        cmocka_unit_test(test_buf_put_json_str__finds_every_special_at_every_place),
        cmocka_unit_test(test_buf_put_json_str__keeps_utf8_and_replaces_the_rest),
        cmocka_unit_test(test_buf_put_json_str__is_all_or_nothing),
        cmocka_unit_test(test_buf_consume__drops_the_front),
        cmocka_unit_test(test_buf_steal__hands_over),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
