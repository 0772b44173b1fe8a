/* test_retry.c - back-off, Retry-After, rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "notify/retry.h"

/* Sun, 22 Nov 2026 03:04:05 GMT */
#define NOW_MS INT64_C(1795316645000)

static void test_backoff__stays_in_its_window_and_fills_it(void **state)
{
    (void)state;
    static const int64_t windows[] = {1000,  2000,   4000,   8000,   16000, 32000,
                                      64000, 128000, 256000, 300000, 300000};
    struct sg_prng g = {42};
    for (uint32_t attempts = 1; attempts <= SG_ARRAY_LEN(windows); attempts++) {
        int64_t window = windows[attempts - 1], least = INT64_MAX, most = 0;
        for (int i = 0; i < 2000; i++) {
            int64_t ms = sg__backoff_ms(attempts, &g);
            assert_true(ms >= 100 && ms <= window);
            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        assert_true(least < 100 + window / 20);
        assert_true(most > window - window / 20);
    }
    assert_true(sg__backoff_ms(UINT32_MAX, &g) <= SG__RETRY_MAX_MS);
    assert_true(sg__backoff_ms(0, &g) <= SG__RETRY_FIRST_MS);
}

static void test_retry_after__reads_seconds(void **state)
{
    (void)state;
    assert_int_equal(sg__retry_after_ms(SG_STR("0"), NOW_MS), 0);
    assert_int_equal(sg__retry_after_ms(SG_STR("120"), NOW_MS), 120000);
    assert_int_equal(sg__retry_after_ms(SG_STR(" 7 "), NOW_MS), 7000);
    assert_int_equal(sg__retry_after_ms(SG_STR("3600"), NOW_MS), 3600000);
}

static void test_retry_after__is_at_most_an_hour(void **state)
{
    (void)state;
    assert_int_equal(sg__retry_after_ms(SG_STR("3601"), NOW_MS), 3600000);
    assert_int_equal(sg__retry_after_ms(SG_STR("99999999999999999999999"), NOW_MS), 3600000);
    assert_int_equal(sg__retry_after_ms(SG_STR("Mon, 23 Nov 2026 03:04:05 GMT"), NOW_MS), 3600000);
}

static void test_retry_after__reads_dates(void **state)
{
    (void)state;
    assert_int_equal(sg__retry_after_ms(SG_STR("Sun, 22 Nov 2026 03:05:05 GMT"), NOW_MS), 60000);
    assert_int_equal(sg__retry_after_ms(SG_STR("Sunday, 22-Nov-26 03:04:35 GMT"), NOW_MS), 30000);
    assert_int_equal(sg__retry_after_ms(SG_STR("Sun, 22 Nov 2026 03:00:00 GMT"), NOW_MS), 0);
}

static void test_retry_after__ignores_nonsense(void **state)
{
    (void)state;
    char zeros[71];
    memset(zeros, '0', sizeof(zeros) - 1);
    zeros[sizeof(zeros) - 1] = 0;
    const char *const bad[] = {"", "  ", "-5", "soon", "1.5", "1e3", zeros};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++)
        assert_int_equal(sg__retry_after_ms(sg_str_from(bad[i]), NOW_MS), -1);
}

static void test_bucket__gives_its_rate(void **state)
{
    (void)state;
    struct sg__bucket b;
    int given = 0;
    sg__bucket_init(&b, 10, 0);
    for (int64_t ms = 0; ms <= 10000; ms++)
        given += sg__bucket_take(&b, ms) == 0;
    assert_in_range(given, 108, 111); /* ten at once, ten a second */
}

static void test_bucket__says_when_there_is_one(void **state)
{
    (void)state;
    struct sg__bucket b;
    sg__bucket_init(&b, 1, 1000);
    assert_int_equal(sg__bucket_take(&b, 1000), 0);
    assert_int_equal(sg__bucket_take(&b, 1000), 1000);
    assert_int_equal(sg__bucket_take(&b, 1600), 400);
    assert_int_equal(sg__bucket_take(&b, 2000), 0);
}

static void test_bucket__without_a_rate_is_open(void **state)
{
    (void)state;
    struct sg__bucket b;
    sg__bucket_init(&b, 0, 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sg__bucket_take(&b, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff__stays_in_its_window_and_fills_it),
        cmocka_unit_test(test_retry_after__reads_seconds),
        cmocka_unit_test(test_retry_after__is_at_most_an_hour),
        cmocka_unit_test(test_retry_after__reads_dates),
        cmocka_unit_test(test_retry_after__ignores_nonsense),
        cmocka_unit_test(test_bucket__gives_its_rate),
        cmocka_unit_test(test_bucket__says_when_there_is_one),
        cmocka_unit_test(test_bucket__without_a_rate_is_open),
    };
    return cmocka_run_group_tests_name("notify/retry", tests, NULL, NULL);
}
