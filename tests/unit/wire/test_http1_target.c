/* Percent-decoding, paths that must stay inside their tree, query arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <streamgauge/http1.h>
#include <string.h>

#include "guard.h"
#include "wire/http1_parse.h"

static void test_percent_decode__table(void **state)
{
    (void)state;
    static const struct {
        const char *src;
        bool plus;
        const char *out;
        int code; /* when out is NULL */
    } table[] = {
        {"", false, "", 0},
        {"abc", false, "abc", 0},
        {"a%20b%2B%C3%a4", false, "a b+\xc3\xa4", 0},
        {"a+b", false, "a+b", 0},
        {"a+b%2B", true, "a b+", 0},
        {"%", false, NULL, SG_ESYNTAX},
        {"%4", false, NULL, SG_ESYNTAX},
        {"%4g", false, NULL, SG_ESYNTAX},
        {"%g4", false, NULL, SG_ESYNTAX},
        {"%%41", false, NULL, SG_ESYNTAX},
        {"a%00", false, NULL, SG_ESYNTAX},
        {"123456789", false, NULL, SG_ELIMIT},
        {"1234567%41", false, "1234567A", 0},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        struct guard g;
        char dst[8];
        size_t n = strlen(table[i].src);
        struct sg_str src = {guard_put(&g, table[i].src, n), n};
        ssize_t r = sg_http1_percent_decode(src, table[i].plus, dst, sizeof(dst));
        if (table[i].out) {
            assert_int_equal(r, strlen(table[i].out));
            assert_memory_equal(dst, table[i].out, (size_t)r);
        } else {
            assert_int_equal(r, table[i].code);
        }
        guard_free(&g);
    }
}

static void test_path_decode__what_could_leave_the_tree_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *src, *out;
        int code;
    } table[] = {
        {"/", "/", 0},
        {"/a/b.c", "/a/b.c", 0},
        {"/a/...", "/a/...", 0},
        {"/a/..b/.c", "/a/..b/.c", 0},
        {"/a%20b", "/a b", 0},
        {"//", "//", 0},
        {"/..", NULL, SG_EINVALID},
        {"/.", NULL, SG_EINVALID},
        {"/a/../b", NULL, SG_EINVALID},
        {"/a/./b", NULL, SG_EINVALID},
        {"/%2e%2e/x", NULL, SG_EINVALID},
        {"/.%2E/x", NULL, SG_EINVALID},
        {"/a%2fb", NULL, SG_EINVALID},
        {"/a%2Fb", NULL, SG_EINVALID},
        {"/a\\b", NULL, SG_EINVALID},
        {"/a%5cb", NULL, SG_EINVALID},
        {"/a%0d%0ab", NULL, SG_EINVALID},
        {"/a%7f", NULL, SG_EINVALID},
        {"/a%00", NULL, SG_ESYNTAX},
        {"/a%2", NULL, SG_ESYNTAX},
        {"/%252e%252e", "/%2e%2e", 0},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        struct guard g;
        char dst[64];
        size_t n = strlen(table[i].src);
        struct sg_str src = {guard_put(&g, table[i].src, n), n};
        ssize_t r = sg_http1_path_decode(src, dst, sizeof(dst));
        if (table[i].out) {
            assert_int_equal(r, strlen(table[i].out));
            assert_memory_equal(dst, table[i].out, (size_t)r);
        } else {
            assert_int_equal(r, table[i].code);
        }
        guard_free(&g);
    }
}

static void test_percent_decode__works_in_place(void **state)
{
    (void)state;
    char text[] = "%41%42c";
    assert_int_equal(sg_http1_percent_decode(sg_str_make(text, 7), false, text, 7), 3);
    assert_memory_equal(text, "ABc", 3);
}

/* Against the C library, over everything of up to seven characters from a small alphabet and some
 * longer ones. */
static void test_authority__ipv6_agrees_with_inet_pton(void **state)
{
    (void)state;
    static const char alphabet[] = "01:.";
    static const char *const longer[] = {
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:1.2.3.4",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5::1.2.3.4",
        "::1.2.3.256",
        "::1.2.3.04",
        "::255.255.255.255",
        "1::2::3",
        "12345::",
        "::ffff:1.2.3",
        "1:2:3:4::6:7:8:9",
        "::1.2.3.4:5",
        "1:2:3:4:5:6::1.2.3.4",
        "abcd:EF01::",
        "1:2:3:4:5:6:7",
        "::g",
        "1:2:3:4:5:6:7:",
    };
    struct in6_addr addr;
    char text[32], host[40];
    for (size_t i = 0; i < 16384 * 4 + SG_ARRAY_LEN(longer); i++) {
        size_t n = i % 4 + 4, k = i / 4;
        for (size_t j = 0; j < n; j++, k /= 4)
            text[j] = alphabet[k % 4];
        text[n] = '\0';
        if (i >= 16384 * 4)
            snprintf(text, sizeof(text), "%s", longer[i - 16384 * 4]);
        snprintf(host, sizeof(host), "[%s]", text);
        if (sg__http1_authority_valid(sg_str_from(host)) != (inet_pton(AF_INET6, text, &addr) == 1))
            fail_msg("%s", host);
    }
}

static void test_args__pairs_in_order(void **state)
{
    (void)state;
    struct sg_http1_args it = sg_http1_args_init(SG_STR("&a=1&&b&=v&c=x%3Dy+z&"));
    static const char *const expected[][2] = {{"a", "1"}, {"b", ""}, {"", "v"}, {"c", "x=y z"}};
    struct sg_str name, value;
    char dst[32];
    for (size_t i = 0; i < SG_ARRAY_LEN(expected); i++) {
        assert_int_equal(sg_http1_args_next_decoded(&it, dst, sizeof(dst), &name, &value), 1);
        assert_true(sg_str_eq_c(name, expected[i][0]) && sg_str_eq_c(value, expected[i][1]));
    }
    assert_int_equal(sg_http1_args_next_decoded(&it, dst, sizeof(dst), &name, &value), 0);
}

static void test_args__bad_escapes_are_told(void **state)
{
    (void)state;
    struct sg_http1_args it = sg_http1_args_init(SG_STR("%=1&a=%0&long=value"));
    struct sg_str name, value;
    char dst[8];
    assert_int_equal(sg_http1_args_next_decoded(&it, dst, 8, &name, &value), SG_ESYNTAX);
    assert_int_equal(sg_http1_args_next_decoded(&it, dst, 8, &name, &value), SG_ESYNTAX);
    assert_int_equal(sg_http1_args_next_decoded(&it, dst, 8, &name, &value), SG_ELIMIT);
    assert_int_equal(sg_http1_args_next_decoded(&it, dst, 8, &name, &value), 0);
}

static void test_args__no_query_has_no_arguments(void **state)
{
    (void)state;
    struct sg_http1_args it = sg_http1_args_init((struct sg_str){NULL, 0});
    struct sg_str name, value;
    assert_false(sg_http1_args_next(&it, &name, &value));
}

static void test_arg__finds_the_first_of_its_name(void **state)
{
    (void)state;
    struct sg_str q = SG_STR("ab=0&a=%31&a=2&bad=%");
    char dst[4];
    assert_int_equal(sg_http1_arg(q, SG_STR("a"), dst, sizeof(dst)), 1);
    assert_int_equal(dst[0], '1');
    assert_int_equal(sg_http1_arg(q, SG_STR("b"), dst, sizeof(dst)), SG_ENOTFOUND);
    assert_int_equal(sg_http1_arg(q, SG_STR("bad"), dst, sizeof(dst)), SG_ESYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent_decode__table),
        cmocka_unit_test(test_path_decode__what_could_leave_the_tree_is_refused),
        cmocka_unit_test(test_percent_decode__works_in_place),
        cmocka_unit_test(test_authority__ipv6_agrees_with_inet_pton),
        cmocka_unit_test(test_args__pairs_in_order),
        cmocka_unit_test(test_args__bad_escapes_are_told),
        cmocka_unit_test(test_args__no_query_has_no_arguments),
        cmocka_unit_test(test_arg__finds_the_first_of_its_name),
    };
    return cmocka_run_group_tests_name("wire/http1_target", tests, NULL, NULL);
}
