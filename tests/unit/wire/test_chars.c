/* The character classes, derived anew from the RFCs' lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "wire/chars.h"

static bool one_of(int c, const char *list)
{
    return c != 0 && strchr(list, c) != NULL;
}

static bool alnum(int c)
{
    return c < 128 && isalnum(c);
}

static void test_chars__token_is_tchar_of_rfc_9110(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        assert_int_equal(sg__is((char)c, SG__C_TOKEN), alnum(c) || one_of(c, "!#$%&'*+-.^_`|~"));
}

static void test_chars__field_takes_everything_but_controls(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        assert_int_equal(sg__is((char)c, SG__C_FIELD), c == '\t' || (c >= 0x20 && c != 0x7f));
}

static void test_chars__target_is_visible_ascii_without_fragment(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        assert_int_equal(sg__is((char)c, SG__C_TARGET), c > 0x20 && c < 0x7f && c != '#');
}

static void test_chars__host_is_unreserved_and_sub_delims(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        assert_int_equal(sg__is((char)c, SG__C_HOST), alnum(c) || one_of(c, "-._~!$&'()*+,;="));
}

static void test_chars__digits_and_hex(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        assert_int_equal(sg__is((char)c, SG__C_DIGIT), c < 128 && isdigit(c) != 0);
        assert_int_equal(sg__is((char)c, SG__C_HEX), c < 128 && isxdigit(c) != 0);
        if (sg__is((char)c, SG__C_HEX))
            assert_int_equal(sg__hex_value((char)c), strtol((char[]){(char)c, 0}, NULL, 16));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chars__token_is_tchar_of_rfc_9110),
        cmocka_unit_test(test_chars__field_takes_everything_but_controls),
        cmocka_unit_test(test_chars__target_is_visible_ascii_without_fragment),
        cmocka_unit_test(test_chars__host_is_unreserved_and_sub_delims),
        cmocka_unit_test(test_chars__digits_and_hex),
    };
    return cmocka_run_group_tests_name("wire/chars", tests, NULL, NULL);
}
