/* test_num.c - integers and text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/error.h>
#include <streamgauge/num.h>
#include <streamgauge/rand.h>

static void test_i64_parse__reads_the_whole_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t v;
    } cases[] = {{"0", 0},
                 {"-0", 0},
                 {"+7", 7},
                 {"007", 7},
                 {"-42", -42},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int64_t v = 99;
        assert_int_equal(sg_i64_parse(cases[i].text, strlen(cases[i].text), &v), 0);
        assert_true(v == cases[i].v);
    }
}

static void test_i64_parse__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } cases[] = {{"", SG_ESYNTAX},
                 {"-", SG_ESYNTAX},
                 {"+-1", SG_ESYNTAX},
                 {" 1", SG_ESYNTAX},
                 {"1 ", SG_ESYNTAX},
                 {"1.0", SG_ESYNTAX},
                 {"0x1", SG_ESYNTAX},
                 {"9223372036854775808", SG_EINVALID},
                 {"-9223372036854775809", SG_EINVALID},
                 {"99999999999999999999999", SG_EINVALID},
                 {"99999999999999999999999x", SG_ESYNTAX}};
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int64_t v = 99;
        assert_int_equal(sg_i64_parse(cases[i].text, strlen(cases[i].text), &v), cases[i].code);
        assert_true(v == 99);
    }
}

static void test_u64_parse__has_its_own_range(void **state)
{
    (void)state;
    uint64_t v = 99;
    assert_int_equal(sg_u64_parse("18446744073709551615", 20, &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(sg_u64_parse("18446744073709551616", 20, &v), SG_EINVALID);
    assert_int_equal(sg_u64_parse("-1", 2, &v), SG_EINVALID);
    assert_int_equal(sg_u64_parse("-0", 2, &v), 0);
    assert_true(v == 0);
}

static void test_i64_format__agrees_with_printf(void **state)
{
    (void)state;
    struct sg_prng g = {1};
    for (int i = 0; i < 100000; i++) {
        uint64_t u = sg_prng_next(&g) >> sg_prng_below(&g, 64);
        int64_t s = (int64_t)(i % 2 ? u : 0 - u), back;
        char text[20], expected[32];
        int n = snprintf(expected, sizeof(expected), "%" PRIu64, u);
        assert_int_equal(sg_u64_format(u, text), n);
        assert_memory_equal(text, expected, (size_t)n);
        n = snprintf(expected, sizeof(expected), "%" PRId64, s);
        assert_int_equal(sg_i64_format(s, text), n);
        assert_memory_equal(text, expected, (size_t)n);
        assert_int_equal(sg_i64_parse(text, (size_t)n, &back), 0);
        assert_true(back == s);
    }
}

static void test_u64_format__powers_of_ten_and_their_neighbours(void **state)
{
    (void)state;
    for (uint64_t p = 1;; p *= 10) {
        for (uint64_t v = p - 1; v <= p + 1; v++) {
            char text[20], expected[32];
            int n = snprintf(expected, sizeof(expected), "%" PRIu64, v);
            assert_int_equal(sg_u64_format(v, text), n);
            assert_memory_equal(text, expected, (size_t)n);
        }
        if (p > UINT64_MAX / 10)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i64_parse__reads_the_whole_range),
        cmocka_unit_test(test_i64_parse__refuses),
        cmocka_unit_test(test_u64_parse__has_its_own_range),
        cmocka_unit_test(test_i64_format__agrees_with_printf),
        cmocka_unit_test(test_u64_format__powers_of_ten_and_their_neighbours),
    };
    return cmocka_run_group_tests_name("base/num", tests, NULL, NULL);
}
