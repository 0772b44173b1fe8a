/* test_str.c - strings and UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <streamgauge/mem.h>
#include <streamgauge/str.h>

static void test_str_cmp__orders_by_bytes_then_length(void **state)
{
    (void)state;
    assert_int_equal(sg_str_cmp(SG_STR("abc"), SG_STR("abc")), 0);
    assert_true(sg_str_cmp(SG_STR("ab"), SG_STR("abc")) < 0);
    assert_true(sg_str_cmp(SG_STR("abd"), SG_STR("abc")) > 0);
    assert_true(sg_str_cmp(SG_STR("\xff"), SG_STR("a")) > 0);
    assert_true(sg_str_cmp(SG_STR(""), SG_STR("a")) < 0);
    assert_true(sg_str_cmp(SG_STR("a"), SG_STR("")) > 0);
}

static void test_str_ieq__ignores_ascii_case_only(void **state)
{
    (void)state;
    assert_true(sg_str_ieq(SG_STR("Upgrade"), SG_STR("uPGRADE")));
    assert_false(sg_str_ieq(SG_STR("abc"), SG_STR("abd")));
    assert_false(sg_str_ieq(SG_STR("abc"), SG_STR("ab")));
    assert_false(sg_str_ieq(SG_STR("["), SG_STR("{")));
    assert_false(sg_str_ieq(SG_STR("\xc4"), SG_STR("\xe4")));
}

static void test_str_starts_with__needs_the_whole_prefix(void **state)
{
    (void)state;
    assert_true(sg_str_starts_with(SG_STR("abc"), SG_STR("ab")));
    assert_true(sg_str_starts_with(SG_STR("abc"), SG_STR("")));
    assert_false(sg_str_starts_with(SG_STR("ab"), SG_STR("abc")));
    assert_false(sg_str_starts_with(SG_STR("abc"), SG_STR("b")));
}

static void test_str_trim__removes_blanks_at_both_ends(void **state)
{
    (void)state;
    assert_true(sg_str_eq_c(sg_str_trim(SG_STR(" \ta b\t ")), "a b"));
    assert_true(sg_str_eq_c(sg_str_trim(SG_STR(" \t ")), ""));
    assert_true(sg_str_eq_c(sg_str_trim(SG_STR("\na\n")), "\na\n"));
}

static void test_str_split__walks_all_parts(void **state)
{
    (void)state;
    struct sg_str rest = SG_STR("a,,bc,");
    assert_true(sg_str_eq_c(sg_str_split(&rest, ','), "a"));
    assert_true(sg_str_eq_c(sg_str_split(&rest, ','), ""));
    assert_true(sg_str_eq_c(sg_str_split(&rest, ','), "bc"));
    assert_non_null(rest.p);
    assert_true(sg_str_eq_c(sg_str_split(&rest, ','), ""));
    assert_null(rest.p);
}

static void test_utf8_len__takes_exactly_rfc3629(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n, len;
    } cases[] = {
        {"a", 1, 1},
        {"\x7f", 1, 1},
        {"\x80", 1, 0},
        {"\xc1\xbf", 2, 0},
        {"\xc2\x80", 2, 2},
        {"\xdf\xbf", 2, 2},
        {"\xc2", 1, 0},
        {"\xc2\x41", 2, 0},
        {"\xe0\x9f\xbf", 3, 0},
        {"\xe0\xa0\x80", 3, 3},
        {"\xed\x9f\xbf", 3, 3},
        {"\xed\xa0\x80", 3, 0},
        {"\xee\x80\x80", 3, 3},
        {"\xef\xbf\xbf", 3, 3},
        {"\xe2\x82", 2, 0},
        {"\xe2\x82\x41", 3, 0},
        {"\xf0\x8f\xbf\xbf", 4, 0},
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xf4\x90\x80\x80", 4, 0},
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xf0\x90\x80", 3, 0},
        {"\xff", 1, 0},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++)
        assert_int_equal(sg_utf8_len(cases[i].text, cases[i].n), cases[i].len);
}

static void test_utf8_valid__finds_a_bad_byte_anywhere(void **state)
{
    (void)state;
    char text[40];
    memset(text, 'x', sizeof(text));
    assert_true(sg_utf8_valid(text, sizeof(text)));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)0x80;
        assert_false(sg_utf8_valid(text, sizeof(text)));
        assert_int_equal(sg_utf8_valid_prefix(text, sizeof(text)), i);
        text[i] = 'x';
    }
}

static void test_utf8_valid__accepts_empty_and_mixed(void **state)
{
    (void)state;
    assert_true(sg_utf8_valid("", 0));
    assert_true(sg_utf8_valid("12345678\xe2\x82\xac"
                              "12345678\xf0\x9f\x98\x80",
                              23));
}

static void test_utf8_valid_prefix__stops_at_a_cut_sequence(void **state)
{
    (void)state;
    assert_int_equal(sg_utf8_valid_prefix("ab\xe2\x82", 4), 2);
}

static void test_str_dup__terminates(void **state)
{
    (void)state;
    char *s = sg_str_dup(sg_str_make("abcdef", 2));
    assert_string_equal(s, "ab");
    sg_free(s);
}

static void test_str_distance__is_levenshtein(void **state)
{
    (void)state;
    assert_int_equal(sg_str_distance(SG_STR("kitten"), SG_STR("sitting"), 10), 3);
    assert_int_equal(sg_str_distance(SG_STR(""), SG_STR("abc"), 10), 3);
    assert_int_equal(sg_str_distance(SG_STR("rate"), SG_STR("rate"), 10), 0);
    assert_int_equal(sg_str_distance(SG_STR("rat"), SG_STR("rate"), 10), 1);
}

static void test_str_distance__is_bounded(void **state)
{
    (void)state;
    char big[65];
    memset(big, 'a', sizeof(big));
    assert_int_equal(sg_str_distance(SG_STR("abc"), SG_STR("xyz"), 2), 3);
    assert_int_equal(sg_str_distance(sg_str_make(big, 65), SG_STR("a"), 2), 3);
    assert_int_equal(sg_str_distance(sg_str_make(big, 64), sg_str_make(big, 64), 2), 0);
}

static void test_utf8_put__is_read_back_by_utf8_len(void **state)
{
    static const uint32_t points[] = {0,      0x7f,   0x80,   0x7ff,   0x800,
                                      0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
    static const size_t bytes[] = {1, 1, 2, 2, 3, 3, 3, 3, 4, 4};
    char text[4];
    (void)state;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        assert_int_equal(sg_utf8_put(text, points[i]), bytes[i]);
        assert_int_equal(sg_utf8_len(text, bytes[i]), bytes[i]);
    }
    assert_int_equal(sg_utf8_put(text, 0x20ac), 3);
    assert_memory_equal(text, "\xe2\x82\xac", 3);
}

static void test_hex_digit__takes_exactly_its_22_characters(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    int found = 0;
    (void)state;
    for (int c = -128; c < 128; c++)
        found += sg_hex_digit((char)c) >= 0;
    assert_int_equal(found, 22);
    for (int i = 0; i < 22; i++)
        assert_int_equal(sg_hex_digit(digits[i]), i < 16 ? i : i - 6);
}

static void test_hex_format__writes_two_digits_a_byte_and_terminates(void **state)
{
    (void)state;
    char text[9];
    sg_hex_format("\x00\x9f\xa0\xff", 4, text);
    assert_string_equal(text, "009fa0ff");
    sg_hex_format("", 0, text);
    assert_string_equal(text, "");
}

static void test_str_pack__puts_one_text_behind_the_other(void **state)
{
    (void)state;
    char block[8], *at = block;
    memset(block, 'x', sizeof(block));
    struct sg_str a = sg_str_pack(&at, SG_STR("ab")), b = sg_str_pack(&at, SG_STR(""));
    struct sg_str c = sg_str_pack(&at, SG_STR("c"));
    assert_memory_equal(block, "ab\0\0c\0xx", 8);
    assert_true(sg_str_eq_c(a, "ab") && sg_str_eq_c(b, "") && sg_str_eq_c(c, "c"));
    assert_ptr_equal(at, block + 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str_cmp__orders_by_bytes_then_length),
        cmocka_unit_test(test_str_ieq__ignores_ascii_case_only),
        cmocka_unit_test(test_str_starts_with__needs_the_whole_prefix),
        cmocka_unit_test(test_str_trim__removes_blanks_at_both_ends),
        cmocka_unit_test(test_str_split__walks_all_parts),
        cmocka_unit_test(test_utf8_len__takes_exactly_rfc3629),
        cmocka_unit_test(test_utf8_valid__finds_a_bad_byte_anywhere),
        cmocka_unit_test(test_utf8_valid__accepts_empty_and_mixed),
        cmocka_unit_test(test_utf8_valid_prefix__stops_at_a_cut_sequence),
        cmocka_unit_test(test_utf8_put__is_read_back_by_utf8_len),
        cmocka_unit_test(test_hex_digit__takes_exactly_its_22_characters),
        cmocka_unit_test(test_hex_format__writes_two_digits_a_byte_and_terminates),
        cmocka_unit_test(test_str_pack__puts_one_text_behind_the_other),
        cmocka_unit_test(test_str_dup__terminates),
        cmocka_unit_test(test_str_distance__is_levenshtein),
        cmocka_unit_test(test_str_distance__is_bounded),
    };
    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
