/* test_num_format.c - doubles to shortest text, against the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/num.h>
#include <streamgauge/rand.h>

static void assert_text(double v, const char *expected)
{
    char text[SG_DOUBLE_MAX + 1];
    text[sg_double_format(v, text)] = '\0';
    assert_string_equal(text, expected);
}

static void test_double_format__edge_values(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-42.5, "-42.5"},
        {100, "100"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {3.141592653589793, "3.141592653589793"},
        {1764000000000.0, "1764000000000"},
        {1764000000.123, "1764000000.123"},
        {1e-6, "0.000001"},
        {1.5e-6, "0.0000015"},
        {9.99999999999999e-7, "9.99999999999999e-07"},
        {1e-7, "1e-07"},
        {1.25e-10, "1.25e-10"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {999999999999999900000.0, "999999999999999900000"},
        {1e21, "1e+21"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {-1.5e300, "-1.5e+300"},
        {9007199254740991.0, "9007199254740991"},
        {9007199254740992.0, "9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {18014398509481984.0, "18014398509481984"},
        {4503599627370495.5, "4503599627370495.5"},
        {5e-324, "5e-324"},
        {-5e-324, "-5e-324"},
        {1e-323, "1e-323"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {-2.2250738585072014e-308, "-2.2250738585072014e-308"},
        {2.2250738585072011e-308, "2.225073858507201e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {5.9604644775390625e-08, "5.960464477539063e-08"},
        {9.5367431640625e-07, "9.5367431640625e-07"},
        {(double)NAN, "NaN"},
        {-(double)NAN, "NaN"},
        {(double)INFINITY, "+Inf"},
        {-(double)INFINITY, "-Inf"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++)
        assert_text(cases[i].v, cases[i].text);
}

static size_t significant(const char *text)
{
    size_t n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n + zeros == 0 && *text == '0'))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        n++;
    }
    return n - zeros;
}

/* Reads back to the same bits, and no text of fewer digits does. */
static void check_shortest(double v)
{
    char text[SG_DOUBLE_MAX + 1], other[64];
    size_t n = sg_double_format(v, text);
    assert_in_range(n, 1, SG_DOUBLE_MAX);
    text[n] = '\0';
    double back = strtod(text, NULL);
    if (memcmp(&back, &v, sizeof(v)) != 0)
        fail_msg("%.17g printed as %s", v, text);
    size_t digits = significant(text);
    if (digits < 2)
        return;
    snprintf(other, sizeof(other), "%.*e", (int)digits - 2, v);
    if (strtod(other, NULL) == v)
        fail_msg("%.17g printed as %s, but %s is enough", v, text, other);
    /* Of its length it is the nearest, if the nearest reads back at all (beside powers of two it
     * need not). */
    snprintf(other, sizeof(other), "%.*e", (int)digits - 1, v);
    if (strtod(other, NULL) == v && strtold(other, NULL) != strtold(text, NULL) &&
        fabsl(strtold(other, NULL) - (long double)v) < fabsl(strtold(text, NULL) - (long double)v))
        fail_msg("%.17g printed as %s, but %s is nearer", v, text, other);
}

static void test_double_format__random_bits_are_shortest(void **state)
{
    (void)state;
    struct sg_prng g = {42};
    for (int i = 0; i < 100000; i++) {
        uint64_t u = sg_prng_next(&g);
        double v;
        memcpy(&v, &u, sizeof(v));
        if (isfinite(v) && v != 0)
            check_shortest(v);
    }
}

static void test_double_format__decimals_are_shortest(void **state)
{
    (void)state;
    struct sg_prng g = {43};
    for (int i = 0; i < 50000; i++) {
        double whole = (double)(sg_prng_next(&g) >> (11 + sg_prng_below(&g, 50)));
        double v = whole / pow(10, (double)sg_prng_below(&g, 22));
        if (v != 0)
            check_shortest(v);
    }
}

static void test_double_format__powers_of_two_and_their_neighbours(void **state)
{
    (void)state;
    for (int e = -1074; e <= 1023; e++) {
        double v = ldexp(1, e);
        check_shortest(v);
        check_shortest(nextafter(v, 4));
        check_shortest(nextafter(v, 2 * v));
    }
}

static void test_double_format__powers_of_ten_are_one_digit(void **state)
{
    (void)state;
    for (int e = -323; e <= 308; e++) {
        char text[16];
        snprintf(text, sizeof(text), "1e%d", e);
        double v = strtod(text, NULL);
        check_shortest(v);
        check_shortest(nextafter(v, 0));
    }
}

static void test_double_format__reads_back_with_our_parser(void **state)
{
    (void)state;
    struct sg_prng g = {44};
    for (int i = 0; i < 200000; i++) {
        uint64_t u = sg_prng_next(&g);
        double v, back = 0;
        char text[SG_DOUBLE_MAX];
        memcpy(&v, &u, sizeof(v));
        if (!isfinite(v))
            continue;
        assert_int_equal(sg_double_parse_all(text, sg_double_format(v, text), &back), 0);
        assert_memory_equal(&back, &v, sizeof(v));
    }
}

static void test_double_format_f__never_uses_an_exponent(void **state)
{
    (void)state;
    static const double values[] = {5e-324, 1.7976931348623157e308, -2.2250738585072014e-308, 1e21,
                                    1e-7,   -1.7976931348623157e308};
    for (size_t i = 0; i < SG_ARRAY_LEN(values); i++) {
        char text[401];
        size_t n = sg_double_format_f(values[i], text);
        assert_in_range(n, 1, 400);
        text[n] = '\0';
        assert_null(strchr(text, 'e'));
        assert_true(strtod(text, NULL) == values[i]);
    }
    char text[400];
    assert_int_equal(sg_double_format_f(1e21, text), 22);
    assert_memory_equal(text, "1000000000000000000000", 22);
    assert_int_equal(sg_double_format_f(1e-7, text), 9);
    assert_memory_equal(text, "0.0000001", 9);
    assert_int_equal(sg_double_format_f((double)INFINITY, text), 4);
}

/* As shortest as %.*e can be, and in the form that the exponent asks for. */
static void test_double_format_g__has_an_exponent_from_a_million_on(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-7, "-7"},
        {0.1, "0.1"},
        {123456, "123456"},
        {999999, "999999"},
        {1e6, "1e+06"},
        {-1234567.5, "-1.2345675e+06"},
        {9007199254740992, "9.007199254740992e+15"},
        {1e20, "1e+20"},
        {1e300, "1e+300"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {1.52587890625e-05, "1.52587890625e-05"},
        {5e-324, "5e-324"},
        {(double)INFINITY, "+Inf"},
        {-(double)INFINITY, "-Inf"},
        {(double)NAN, "NaN"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[SG_DOUBLE_MAX + 1];
        text[sg_double_format_g(cases[i].v, text)] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_format__edge_values),
        cmocka_unit_test(test_double_format__random_bits_are_shortest),
        cmocka_unit_test(test_double_format__decimals_are_shortest),
        cmocka_unit_test(test_double_format__powers_of_two_and_their_neighbours),
        cmocka_unit_test(test_double_format__powers_of_ten_are_one_digit),
        cmocka_unit_test(test_double_format__reads_back_with_our_parser),
        cmocka_unit_test(test_double_format_f__never_uses_an_exponent),
        cmocka_unit_test(test_double_format_g__has_an_exponent_from_a_million_on),
    };
    return cmocka_run_group_tests_name("base/num_format", tests, NULL, NULL);
}
