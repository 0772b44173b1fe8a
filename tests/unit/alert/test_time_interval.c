/* Recurring times: what they contain, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <streamgauge/time.h>

#include "alert/time_interval.h"

/* An hour east of UTC before 2026, two from then on. */
static int zone(void *ctx, struct sg_str name, int64_t wall_ms, int32_t *ret_s)
{
    (void)ctx;
    if (!sg_str_eq_c(name, "Europe/Test"))
        return SG_ENOTFOUND;
    *ret_s = wall_ms < sg_ms_from_civil(2026, 1, 1, 0, 0, 0) ? 3600 : 7200;
    return 0;
}

static int parse(const char *text, struct sg_arena *arena, struct sg__intervals *ret,
                 struct sg_error *err)
{
    struct sg_yaml *y = NULL;
    assert_int_equal(sg_yaml_parse("t", text, strlen(text), &y, err), 0);
    int rc = sg__intervals_parse(sg_yaml_root(y), arena, ret, err);
    sg_yaml_free(y);
    return rc;
}

static bool contains(const char *text, const char *when)
{
    const struct sg_alerting_hooks hooks = {.utc_offset = zone};
    struct sg_arena arena;
    struct sg__intervals t = {0};
    struct sg_error err = {0};
    int64_t ms = 0;
    sg_arena_init(&arena, 1 << 20);
    assert_int_equal(sg_rfc3339_parse(sg_str_from(when), &ms), 0);
    if (parse(text, &arena, &t, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    bool inside = sg__intervals_contain(&t, &hooks, ms);
    sg_arena_deinit(&arena);
    return inside;
}

static void refused(const char *text)
{
    struct sg_arena arena;
    struct sg__intervals t = {0};
    struct sg_error err = {0};
    sg_arena_init(&arena, 1 << 20);
    if (parse(text, &arena, &t, &err) == 0)
        fail_msg("accepted: %s", text);
    assert_true(err.text[0] != 0 && err.line > 0);
    sg_arena_deinit(&arena);
}

static void test_interval__times_end_before_their_end(void **state)
{
    (void)state;
    const char *t = "[{times: [{start_time: '09:00', end_time: '17:00'}]}]";
    assert_true(contains(t, "2025-11-24T09:00:00Z"));
    assert_true(contains(t, "2025-11-24T16:59:59Z"));
    assert_false(contains(t, "2025-11-24T17:00:00Z"));
    assert_false(contains(t, "2025-11-24T08:59:59Z"));
    assert_true(
        contains("[{times: [{start_time: '23:00', end_time: '24:00'}]}]", "2025-11-24T23:59:59Z"));
}

static void test_interval__weekdays(void **state)
{
    (void)state;
    assert_true(contains("[{weekdays: ['monday:friday']}]", "2025-11-28T00:00:00Z"));
    assert_false(contains("[{weekdays: ['Monday:Friday']}]", "2025-11-29T00:00:00Z"));
    assert_true(contains("[{weekdays: [saturday, sunday]}]", "2025-11-30T00:00:00Z"));
}

static void test_interval__days_of_the_month_count_from_its_end_too(void **state)
{
    (void)state;
    assert_true(contains("[{days_of_month: ['-1']}]", "2024-02-29T12:00:00Z"));
    assert_false(contains("[{days_of_month: ['-1']}]", "2024-02-28T12:00:00Z"));
    assert_true(contains("[{days_of_month: ['-3:-1']}]", "2025-02-26T12:00:00Z"));
    assert_true(contains("[{days_of_month: ['1:5', '20']}]", "2025-02-20T12:00:00Z"));
    assert_false(contains("[{days_of_month: ['31']}]", "2025-02-28T12:00:00Z"));
    assert_true(contains("[{days_of_month: ['25:31']}]", "2025-02-28T12:00:00Z"));
}

static void test_interval__months_and_years(void **state)
{
    (void)state;
    assert_true(
        contains("[{months: ['november:december'], years: ['2025']}]", "2025-11-01T00:00:00Z"));
    assert_true(contains("[{months: ['1:3', '11']}]", "2025-11-01T00:00:00Z"));
    assert_false(contains("[{months: ['may']}]", "2025-11-01T00:00:00Z"));
    assert_false(contains("[{years: ['2026:2030']}]", "2025-11-01T00:00:00Z"));
}

static void test_interval__all_parts_must_agree_and_any_interval_does(void **state)
{
    (void)state;
    assert_false(contains("[{weekdays: [monday], months: [may]}]", "2025-11-24T00:00:00Z"));
    assert_true(contains("[{months: [may]}, {weekdays: [monday]}]", "2025-11-24T00:00:00Z"));
    assert_true(contains("[{}]", "2025-11-24T00:00:00Z"));
    assert_false(contains("[]", "2025-11-24T00:00:00Z"));
}

static void test_interval__has_a_place_on_earth(void **state)
{
    (void)state;
    const char *named =
        "[{times: [{start_time: '09:00', end_time: '10:00'}], location: Europe/Test}]";
    assert_true(contains(named, "2025-11-24T08:30:00Z"));
    assert_true(contains(named, "2026-11-24T07:30:00Z"));
    assert_false(contains(named, "2026-11-24T09:30:00Z"));
    assert_true(
        contains("[{times: [{start_time: '09:00', end_time: '10:00'}], location: '+05:30'}]",
                 "2025-11-24T03:45:00Z"));
    assert_true(contains("[{weekdays: [sunday], location: '-01:00'}]", "2025-11-24T00:30:00Z"));
    assert_true(contains("[{weekdays: [monday], location: UTC}]", "2025-11-24T00:30:00Z"));
}

static void test_interval__nonsense_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[{times: [{start_time: '9:00', end_time: '17:00'}]}]",
        "[{times: [{start_time: '17:00', end_time: '09:00'}]}]",
        "[{times: [{start_time: '17:00'}]}]",
        "[{times: [{start_time: '23:00', end_time: '24:01'}]}]",
        "[{times: [{start_time: '23:60', end_time: '24:00'}]}]",
        "[{weekdays: ['friday:monday']}]",
        "[{weekdays: [someday]}]",
        "[{weekdays: ['1']}]",
        "[{days_of_month: ['0']}]",
        "[{days_of_month: ['32']}]",
        "[{days_of_month: ['-5:5']}]",
        "[{days_of_month: ['-1:-5']}]",
        "[{days_of_month: ['10:5']}]",
        "[{months: ['13']}]",
        "[{months: ['december:may']}]",
        "[{years: ['2030:2020']}]",
        "[{years: ['x']}]",
        "[{location: '/etc/passwd'}]",
        "[{location: 'a/../../b'}]",
        "[{hours: []}]",
        "[{weekdays: monday}]",
        "x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval__times_end_before_their_end),
        cmocka_unit_test(test_interval__weekdays),
        cmocka_unit_test(test_interval__days_of_the_month_count_from_its_end_too),
        cmocka_unit_test(test_interval__months_and_years),
        cmocka_unit_test(test_interval__all_parts_must_agree_and_any_interval_does),
        cmocka_unit_test(test_interval__has_a_place_on_earth),
        cmocka_unit_test(test_interval__nonsense_is_refused_with_its_place),
    };
    return cmocka_run_group_tests_name("time_interval", tests, NULL, NULL);
}
