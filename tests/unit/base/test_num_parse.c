/* test_num_parse.c - decimal text to doubles, against the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/error.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/rand.h>

static uint64_t bits_of(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof(u));
    return u;
}

/* Parses an exact-size heap copy, so that AddressSanitizer sees an over-read, and wants strtod's
 * bits. */
static void check(const char *text)
{
    size_t n = strlen(text);
    char *copy = sg_memdup(text, n), *end;
    double v = 0, expected = strtod(text, &end);
    ssize_t used = sg_double_parse(copy, n, &v);
    sg_free(copy);
    if (used != end - text || bits_of(v) != bits_of(expected))
        fail_msg("'%s': %zd bytes, %.17g; expected %td, %.17g", text, used, v, end - text,
                 expected);
}

static void test_double_parse__edge_values(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "+0",
        "0.0",
        ".5",
        "5.",
        "+.5e1",
        "-.5",
        "42.5",
        "1764000000000",
        "0.1",
        "1e23",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740995",
        "9007199254740993.0000000000000000000000000000000000001",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "2.2250738585072014e-308",
        "5e-324",
        "4.9e-324",
        "2e-324",
        "3e-324",
        "2.4703282292062327208e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1e308",
        "1e309",
        "1e400",
        "1e-400",
        "1e22",
        "1e-22",
        "123456789012345678901234567890",
        "00000000000000000000000000001.5",
        "0.00000000000000000000000000000000000000000000000012345678901234567890123e10",
        "1e99999999999999999999999",
        "0e99999999999999999999999",
        "1e-99999999999999999999999",
        "1234567890123456789.5",
        "12345678901234567890.5",
        "99999999999999999999",
        "18446744073709551616",
        "100000000000000000000000000.000000000000000",
        "8.5e+00",
        "1E5",
        "1.e5",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207"
        "096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817"
        "711531764"
        "475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093"
        "042880",
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(texts); i++)
        check(texts[i]);
}

static void test_double_parse__stops_where_the_number_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ssize_t used;
        double v;
    } cases[] = {
        {"1 2", 1, 1},     {"1e", 1, 1},  {"1e+", 1, 1},      {"1e+x", 1, 1},
        {"1.5.5", 3, 1.5}, {"1-2", 1, 1}, {"0x10", 1, 0},     {"1,5", 1, 1},
        {"1_000", 1, 1},   {"7\n", 1, 7}, {"2e3e4", 3, 2000}, {"1.5|g", 3, 1.5},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        double v = 99;
        assert_int_equal(sg_double_parse(cases[i].text, strlen(cases[i].text), &v), cases[i].used);
        assert_true(v == cases[i].v);
    }
}

static void test_double_parse__refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "-",  "+",  ".",  "-.", "e5", ".e5", " 1", "--1",
                                        "+-1", "in", "na", "x1", "i",  "-n", "\t1", "$",  "x"};
    for (size_t i = 0; i < SG_ARRAY_LEN(texts); i++) {
        double v = 99;
        assert_int_equal(sg_double_parse(texts[i], strlen(texts[i]), &v), SG_ESYNTAX);
        assert_true(v == 99);
    }
}

static void test_double_parse__words_in_any_case(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ssize_t used;
        double v;
    } cases[] = {
        {"Inf", 3, (double)INFINITY},
        {"+Inf", 4, (double)INFINITY},
        {"-inf", 4, -(double)INFINITY},
        {"INFINITY", 8, (double)INFINITY},
        {"-Infinity", 9, -(double)INFINITY},
        {"infinit", 3, (double)INFINITY},
        {"NaN", 3, (double)NAN},
        {"nan", 3, (double)NAN},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        double v = 99;
        assert_int_equal(sg_double_parse(cases[i].text, strlen(cases[i].text), &v), cases[i].used);
        assert_true(isnan(cases[i].v) ? isnan(v) : v == cases[i].v);
    }
}

static void test_double_parse_all__wants_the_whole_text(void **state)
{
    (void)state;
    double v = 99;
    assert_int_equal(sg_double_parse_all("1.5", 3, &v), 0);
    assert_true(v == 1.5);
    assert_int_equal(sg_double_parse_all("2.5 ", 4, &v), SG_ESYNTAX);
    assert_int_equal(sg_double_parse_all("", 0, &v), SG_ESYNTAX);
    assert_true(v == 1.5);
}

static void test_double_parse__random_bits_in_many_lengths(void **state)
{
    (void)state;
    struct sg_prng g = {42};
    for (int i = 0; i < 100000; i++) {
        uint64_t u = sg_prng_next(&g);
        char text[1200];
        double v;
        memcpy(&v, &u, sizeof(v));
        if (!isfinite(v))
            continue;
        static const int digits[] = {16, 15, 18, 19, 20, 25, 5, 0, 40};
        int precision = i % 100 == 0 ? (int)(u % 1000) : digits[i % (int)SG_ARRAY_LEN(digits)];
        snprintf(text, sizeof(text), "%.*e", precision, v);
        check(text);
    }
}

static void test_double_parse__random_decimals(void **state)
{
    (void)state;
    struct sg_prng g = {43};
    for (int i = 0; i < 100000; i++) {
        char text[200];
        unsigned long long whole = sg_prng_next(&g) >> sg_prng_below(&g, 64);
        unsigned long long fraction = sg_prng_next(&g) >> sg_prng_below(&g, 64);
        int width = (int)sg_prng_below(&g, 30), exponent = (int)sg_prng_below(&g, 700) - 350;
        if (i % 2)
            snprintf(text, sizeof(text), "%llu.%0*llu", whole, width, fraction);
        else
            snprintf(text, sizeof(text), "%llu.%0*llue%d", whole, width, fraction, exponent);
        check(text);
    }
}

/* Exactly half way between two doubles, and a hair beside it, decided by a digit up to 1000 places
 * behind. */
static void test_double_parse__halfway_cases(void **state)
{
    (void)state;
    struct sg_prng g = {44};
    for (int i = 0; i < 5000; i++) {
        char text[2400];
        uint64_t c = UINT64_C(1) << 52 | sg_prng_next(&g) >> 12;
        int zeros = (int)sg_prng_below(&g, 1000);
        int n = snprintf(text, sizeof(text), "%llu.5", (unsigned long long)c);
        check(text);
        snprintf(text + n, sizeof(text) - (size_t)n, "%0*d", zeros + 1, 1);
        check(text);
        n = snprintf(text, sizeof(text), "%llu.4", (unsigned long long)c);
        memset(text + n, '9', (size_t)zeros);
        text[n + zeros] = '\0';
        check(text);
    }
}

/* The longest midpoints: between subnormals, 768 significant digits; then a digit far beyond the
 * copied ones. */
static void test_double_parse__longest_midpoints(void **state)
{
    (void)state;
    struct sg_prng g = {45};
    for (int i = 0; i < 300; i++) {
        char text[2600];
        uint64_t u = sg_prng_next(&g) >> (11 + i % 40);
        long double mid;
        double v;
        memcpy(&v, &u, sizeof(v));
        mid = (long double)v + ldexpl(1.0L, -1075);
        int n = snprintf(text, sizeof(text), "%.1075Lf", mid);
        check(text);
        snprintf(text + n, sizeof(text) - (size_t)n, "%0900d", 1);
        check(text);
        snprintf(text + n, sizeof(text) - (size_t)n, "%0900d", 0);
        check(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_parse__edge_values),
        cmocka_unit_test(test_double_parse__stops_where_the_number_ends),
        cmocka_unit_test(test_double_parse__refuses),
        cmocka_unit_test(test_double_parse__words_in_any_case),
        cmocka_unit_test(test_double_parse_all__wants_the_whole_text),
        cmocka_unit_test(test_double_parse__random_bits_in_many_lengths),
        cmocka_unit_test(test_double_parse__random_decimals),
        cmocka_unit_test(test_double_parse__halfway_cases),
        cmocka_unit_test(test_double_parse__longest_midpoints),
    };
    return cmocka_run_group_tests_name("base/num_parse", tests, NULL, NULL);
}
