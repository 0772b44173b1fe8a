/* test_time.c - durations, RFC 3339 and civil time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include <streamgauge/rand.h>
#include <streamgauge/time.h>

static void test_duration_parse__reads_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"100ms", 100},
        {"5m", 300000},
        {"1h30m", 5400000},
        {"1y", SG_MS_PER_YEAR},
        {"1y2w3d4h5m6s7ms", SG_MS_PER_YEAR + 17 * SG_MS_PER_DAY + 4 * SG_MS_PER_HOUR + 306007},
        {"1m5ms", 60005},
        {"007s", 7000},
        {"9223372036854775807ms", INT64_MAX},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        assert_int_equal(sg_duration_parse(sg_str_from(cases[i].text), &ms, NULL), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void test_duration_parse__names_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        uint32_t pos, end;
    } cases[] = {
        {"", SG_ESYNTAX, 0, 0},
        {"5", SG_ESYNTAX, 0, 1},
        {"00", SG_ESYNTAX, 0, 2},
        {"m", SG_ESYNTAX, 0, 1},
        {"-5m", SG_ESYNTAX, 0, 1},
        {"1.5h", SG_ESYNTAX, 0, 2},
        {"5x", SG_ESYNTAX, 0, 2},
        {"5M", SG_ESYNTAX, 0, 2},
        {"1m1h", SG_ESYNTAX, 2, 4},
        {"1h1h", SG_ESYNTAX, 2, 4},
        {"1ms1s", SG_ESYNTAX, 3, 5},
        {"1h ", SG_ESYNTAX, 2, 3},
        {"1h5", SG_ESYNTAX, 2, 3},
        {"9223372036854775808ms", SG_EINVALID, 0, 21},
        {"99999999999999999999y", SG_EINVALID, 0, 21},
        {"292471208y300d", SG_EINVALID, 0, 14},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_error err = {0};
        int64_t ms = -1;
        assert_int_equal(sg_duration_parse(sg_str_from(cases[i].text), &ms, &err), cases[i].code);
        assert_int_equal(ms, -1);
        assert_int_equal(err.pos, cases[i].pos);
        assert_int_equal(err.end, cases[i].end);
    }
}

static void test_duration_parse__quotes_the_text(void **state)
{
    (void)state;
    struct sg_error err = {0};
    int64_t ms;
    assert_int_equal(sg_duration_parse(SG_STR("5parsecs"), &ms, &err), SG_ESYNTAX);
    assert_non_null(strstr(err.text, "\"5parsecs\""));
}

static void test_duration_format__is_canonical(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ms"},
        {1500, "1s500ms"},
        {5400000, "1h30m"},
        {7 * SG_MS_PER_DAY, "1w"},
        {8 * SG_MS_PER_DAY, "8d"},
        {SG_MS_PER_YEAR, "1y"},
        {SG_MS_PER_YEAR + 1000, "365d1s"},
        {-300000, "-5m"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        char text[48];
        assert_int_equal(sg_duration_format(cases[i].ms, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void test_duration_format__reads_back(void **state)
{
    (void)state;
    struct sg_prng g = {1};
    for (int i = 0; i < 10000; i++) {
        int64_t ms = (int64_t)(sg_prng_next(&g) >> (1 + sg_prng_below(&g, 62))), back = -1;
        char text[48];
        size_t n = sg_duration_format(ms, text);
        assert_int_equal(sg_duration_parse(sg_str_make(text, n), &back, NULL), 0);
        assert_int_equal(back, ms);
    }
    char text[48];
    assert_in_range(sg_duration_format(INT64_MIN, text), 10, 47);
}

static void test_rfc3339_parse__reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00.001Z", 1},
        {"2026-11-22T03:04:05.678Z", INT64_C(1795316645678)},
        {"2026-11-22T05:04:05.678+02:00", INT64_C(1795316645678)},
        {"2026-11-21T21:34:05.678-05:30", INT64_C(1795316645678)},
        {"1969-12-31T23:59:59.9Z", -100},
        {"1970-01-01T00:00:00.0004Z", 0},
        {"1970-01-01T00:00:00.0005Z", 1},
        {"1970-01-01T00:00:00.999999999Z", 1000},
        {"1969-12-31T23:59:59.9995Z", 0},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int64_t ms = 42;
        assert_int_equal(sg_rfc3339_parse(sg_str_from(cases[i].text), &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void test_rfc3339_parse__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", SG_ESYNTAX},
        {"2026-11-22", SG_ESYNTAX},
        {"2026-11-22T03:04:05", SG_ESYNTAX},
        {"2026-11-22T03:04:05.Z", SG_ESYNTAX},
        {"2026-11-22T03:04:05Zx", SG_ESYNTAX},
        {"2026-11-22T03:04:05+0200", SG_ESYNTAX},
        {"2026-11-22T03:04:05+02:0", SG_ESYNTAX},
        {"26-11-22T03:04:05Z", SG_ESYNTAX},
        {"2026-11-22x03:04:05Z", SG_ESYNTAX},
        {"2026-00-22T03:04:05Z", SG_EINVALID},
        {"2026-13-22T03:04:05Z", SG_EINVALID},
        {"2026-02-29T03:04:05Z", SG_EINVALID},
        {"1900-02-29T03:04:05Z", SG_EINVALID},
        {"2026-11-00T03:04:05Z", SG_EINVALID},
        {"2026-11-22T24:00:00Z", SG_EINVALID},
        {"2026-11-22T23:60:00Z", SG_EINVALID},
        {"2026-11-22T23:00:60Z", SG_EINVALID},
        {"2026-11-22T23:00:00+24:00", SG_EINVALID},
        {"2026-11-22T23:00:00+00:60", SG_EINVALID},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int64_t ms = 42;
        assert_int_equal(sg_rfc3339_parse(sg_str_from(cases[i].text), &ms), cases[i].code);
        assert_int_equal(ms, 42);
    }
    int64_t ms;
    assert_int_equal(sg_rfc3339_parse(SG_STR("2026-11-22\00003:04:05Z"), &ms), SG_ESYNTAX);
}

static void test_rfc3339_format__reads_back(void **state)
{
    (void)state;
    char text[40];
    assert_int_equal(sg_rfc3339_format(INT64_C(1795316645678), text), 24);
    assert_string_equal(text, "2026-11-22T03:04:05.678Z");
    struct sg_prng g = {2};
    for (int i = 0; i < 10000; i++) {
        int64_t ms = INT64_C(-62167219200000) + (int64_t)sg_prng_below(&g, 315569520000000), back;
        size_t n = sg_rfc3339_format(ms, text);
        assert_int_equal(sg_rfc3339_parse(sg_str_make(text, n), &back), 0);
        assert_int_equal(back, ms);
    }
    assert_in_range(sg_rfc3339_format(INT64_MIN, text), 24, 39);
    assert_in_range(sg_rfc3339_format(INT64_MAX, text), 24, 39);
}

static void test_civil__agrees_with_gmtime(void **state)
{
    (void)state;
    struct sg_prng g = {3};
    for (int i = 0; i < 20000; i++) {
        int64_t s = (int64_t)sg_prng_below(&g, UINT64_C(2000000000000)) - INT64_C(1000000000000);
        int64_t ms = s * 1000 + (int64_t)sg_prng_below(&g, 1000);
        time_t t = (time_t)s;
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        struct sg_civil c = sg_civil_from_ms(ms);
        assert_int_equal(c.year, tm.tm_year + INT64_C(1900));
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.hour, tm.tm_hour);
        assert_int_equal(c.minute, tm.tm_min);
        assert_int_equal(c.second, tm.tm_sec);
        assert_int_equal(c.weekday, tm.tm_wday);
        assert_int_equal(c.yearday, tm.tm_yday + 1);
        int64_t whole = sg_ms_from_civil(c.year, c.month, c.day, c.hour, c.minute, c.second);
        assert_int_equal(whole + c.ms, ms);
    }
}

static void test_civil__knows_month_lengths(void **state)
{
    (void)state;
    static const struct {
        int64_t year;
        int month, days;
    } cases[] = {{2000, 2, 29}, {1900, 2, 28},  {2024, 2, 29}, {2023, 2, 28},
                 {2023, 4, 30}, {2023, 12, 31}, {-400, 2, 29}, {-1, 2, 28}};
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int64_t ms = sg_ms_from_civil(cases[i].year, cases[i].month, 1, 0, 0, 0);
        assert_int_equal(sg_civil_from_ms(ms).days_in_month, cases[i].days);
    }
}

static void test_civil__saturates_outside_the_range(void **state)
{
    (void)state;
    assert_int_equal(sg_ms_from_civil(INT64_MAX, 1, 1, 0, 0, 0), INT64_MAX);
    assert_int_equal(sg_ms_from_civil(INT64_MIN, 1, 1, 0, 0, 0), INT64_MIN);
    assert_int_equal(sg_ms_from_civil(299999999, 1, 1, 0, 0, 0), INT64_MAX);
    struct sg_civil last = sg_civil_from_ms(INT64_MAX), first = sg_civil_from_ms(INT64_MIN);
    assert_int_equal(last.year, 292278994);
    assert_int_equal(first.year, -292275055);
}

static void test_time_align__rounds_down(void **state)
{
    (void)state;
    assert_int_equal(sg_time_align(1999, 1000), 1000);
    assert_int_equal(sg_time_align(2000, 1000), 2000);
    assert_int_equal(sg_time_align(-1, 1000), -1000);
    assert_int_equal(sg_time_align(-1000, 1000), -1000);
}

static void test_clocks__go_forward(void **state)
{
    (void)state;
    int64_t a = sg_mono_now_us(), b = sg_mono_now_us();
    assert_true(b >= a);
    assert_true(sg_wall_now_ms() > INT64_C(1600000000000));
}

static void test_timespec__splits_ms_and_us(void **state)
{
    (void)state;
    struct timespec ms = sg_timespec_ms(1764000000123), us = sg_timespec_us(5000007);
    assert_int_equal(ms.tv_sec, 1764000000);
    assert_int_equal(ms.tv_nsec, 123000000);
    assert_int_equal(us.tv_sec, 5);
    assert_int_equal(us.tv_nsec, 7000);
    assert_int_equal(sg_timespec_ms(999).tv_nsec, 999000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration_parse__reads_units),
        cmocka_unit_test(test_duration_parse__names_the_place),
        cmocka_unit_test(test_duration_parse__quotes_the_text),
        cmocka_unit_test(test_duration_format__is_canonical),
        cmocka_unit_test(test_duration_format__reads_back),
        cmocka_unit_test(test_rfc3339_parse__reads),
        cmocka_unit_test(test_rfc3339_parse__refuses),
        cmocka_unit_test(test_rfc3339_format__reads_back),
        cmocka_unit_test(test_civil__agrees_with_gmtime),
        cmocka_unit_test(test_civil__knows_month_lengths),
        cmocka_unit_test(test_civil__saturates_outside_the_range),
        cmocka_unit_test(test_time_align__rounds_down),
        cmocka_unit_test(test_timespec__splits_ms_and_us),
        cmocka_unit_test(test_clocks__go_forward),
    };
    return cmocka_run_group_tests_name("base/time", tests, NULL, NULL);
}
