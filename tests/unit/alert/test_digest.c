/* test_digest.c - digests: configuration, when they are due, what is recorded for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "alert/digest_priv.h"
#include "digest_rig.h"

/* ---- configuration ---- */

static void test_digests_parse__has_defaults(void **state)
{
    (void)state;
    struct sg_digests *d = NULL;
    struct sg_error err = {0};
    assert_int_equal(rig_parse("digests: [{name: ops, receiver: team}]", &d, &err), 0);
    assert_int_equal(d->n, 1);
    const struct sg_digest *g = sg_digests_find(d, SG_STR("ops"));
    assert_non_null(g);
    assert_string_equal(g->title.p, "ops");
    assert_false(g->weekly);
    assert_int_equal(g->at_min, 8 * 60);
    assert_int_equal(g->offset_s, 0);
    assert_int_equal(g->zone.n, 0);
    assert_int_equal(g->top, 10);
    assert_int_equal(g->n_exprs, 0);
    assert_int_equal(sg_digest_period_ms(g), DAY);
    assert_int_equal(g->n_targets, 2);
    assert_string_equal(g->targets[0].p, "team/email/0");
    assert_string_equal(g->targets[1].p, "team/email/1");
    assert_null(sg_digests_find(d, SG_STR("op")));
    sg_digests_unref(d);
}

static void test_digests_parse__takes_all_keys(void **state)
{
    (void)state;
    struct sg_digests *d = NULL;
    struct sg_error err = {0};
    if (rig_parse(
            "digests:\n"
            "- {name: week, receiver: teams, title: The week, schedule: weekly, at: \"17:30\",\n"
            "   weekday: Friday, location: \"+05:30\", top: 3,\n"
            "   expressions: [{title: Load, expr: sum(load), unit: '%'}, {expr: time()}]}\n"
            "- {name: day, receiver: team, location: Europe/Test}\n",
            &d, &err) < 0)
        fail_msg("%s", err.text);
    const struct sg_digest *g = &d->list[0];
    assert_string_equal(g->title.p, "The week");
    assert_true(g->weekly);
    assert_int_equal(sg_digest_bucket_ms(g), 3 * HOUR + 30 * MINUTE);
    assert_int_equal(g->weekday, 5);
    assert_int_equal(g->at_min, 17 * 60 + 30);
    assert_int_equal(g->offset_s, 5 * 3600 + 1800);
    assert_int_equal(g->top, 3);
    assert_int_equal(g->n_exprs, 2);
    assert_string_equal(g->exprs[0].title.p, "Load");
    assert_string_equal(g->exprs[0].unit.p, "%");
    assert_string_equal(g->exprs[1].title.p, "time()");
    assert_string_equal(d->list[1].zone.p, "Europe/Test");
    sg_digests_unref(d);
}

static void test_digests_parse__none_is_none(void **state)
{
    (void)state;
    struct sg_digests *d = NULL;
    struct sg_error err = {0};
    assert_int_equal(rig_parse("route: {receiver: team}", &d, &err), 0);
    assert_int_equal(d->n, 0);
    sg_digests_unref(d);
}

static void test_digests_parse__names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *error;
    } cases[] = {
        {"digests: 3", "expected a list"},
        {"digests: [3]", "expected keys and values"},
        {"digests: [{receiver: team}]", "name: expected 1 to 64"},
        {"digests: [{name: a/b, receiver: team}]", "'a/b'"},
        {"digests: [{name: a, receiver: team}, {name: a, receiver: team}]", "comes twice"},
        {"digests: [{name: a}]", "no receiver ''"},
        {"digests: [{name: a, receiver: chat}]", "no receiver 'chat' with email_configs"},
        {"digests: [{name: a, receiver: tea}]", "no receiver 'tea' with email_configs"},
        {"digests: [{name: a, receiver: team, schedule: hourly}]", "daily or weekly, got 'hourly'"},
        {"digests: [{name: a, receiver: team, at: \"8:00\"}]", "got '8:00'"},
        {"digests: [{name: a, receiver: team, at: \"24:00\"}]", "got '24:00'"},
        {"digests: [{name: a, receiver: team, at: \"08:60\"}]", "got '08:60'"},
        {"digests: [{name: a, receiver: team, at: \"0::00\"}]", "got '0::00'"},
        {"digests: [{name: a, receiver: team, weekday: monday}]", "only a weekly digest"},
        {"digests: [{name: a, receiver: team, schedule: weekly, weekday: mon}]", "got 'mon'"},
        {"digests: [{name: a, receiver: team, top: 101}]", "top: expected 0 to 100"},
        {"digests: [{name: a, receiver: team, every: 1d}]", "every"},
        {"digests: [{name: a, receiver: team, expressions: 1}]", "expected a list"},
        {"digests: [{name: a, receiver: team, expressions: [x]}]", "{title, expr, unit}"},
        {"digests: [{name: a, receiver: team, expressions: [{expr: 'sum('}]}]", "expr: 1:"},
        {"digests: [{name: a, receiver: team, expressions: [{expr: 'x[5m]'}]}]", "range vector"},
        {"digests: [{name: a, receiver: team, expressions: [{title: x}]}]", "expr: 1:"},
        {"digests: [{name: a, receiver: team, expressions: [{expr: x}, {expr: x}]}]",
         "'x' comes twice"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sg_digests *d = NULL;
        struct sg_error err = {0};
        if (rig_parse(cases[i].yaml, &d, &err) == 0)
            fail_msg("accepted: %s", cases[i].yaml);
        if (!strstr(err.text, cases[i].error) || err.line == 0)
            fail_msg("%s: %u: %s", cases[i].yaml, err.line, err.text);
    }
}

/* ---- when ---- */

static void test_digester__sends_once_a_day(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T12:00:00Z");
    rig_run(rig, "2026-03-03T07:59:00Z");
    rig_expect_due(rig, ""); /* a first sight sends nothing */
    rig_run(rig, "2026-03-03T12:00:00Z");
    rig_expect_due(rig, "ops 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z\n");
    rig_run(rig, "2026-03-04T08:00:00Z");
    rig_expect_due(rig, "ops 2026-03-03T08:00:00Z 2026-03-04T08:00:00Z\n");
}

static void test_digester__sends_weekly_on_its_day(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "digests: [{name: w, receiver: team, schedule: weekly, weekday: friday, "
                  "at: \"17:00\", location: \"-02:00\"}]");
    rig->wall_ms = rig_time("2026-03-02T12:00:00Z"); /* a Monday */
    rig_run(rig, "2026-03-06T18:59:00Z");
    rig_expect_due(rig, "");
    rig_run(rig, "2026-03-13T18:59:00Z");
    rig_expect_due(rig, "w 2026-02-27T19:00:00Z 2026-03-06T19:00:00Z\n");
    rig_run(rig, "2026-03-13T19:00:00Z");
    rig_expect_due(rig, "w 2026-03-06T19:00:00Z 2026-03-13T19:00:00Z\n");
}

static void test_digester__restarts_send_nothing_twice(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T12:00:00Z");
    rig_run(rig, "2026-03-02T13:00:00Z");
    rig_restart(rig);
    rig_run(rig, "2026-03-03T08:00:00Z");
    rig_expect_due(rig, "ops 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z\n");
    for (int i = 0; i < 3; i++) {
        rig_restart(rig);
        rig_tick(rig);
    }
    rig_run(rig, "2026-03-03T09:00:00Z");
    rig_expect_due(rig, "");
}

static void test_digester__what_was_missed_is_sent_at_the_start(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T12:00:00Z");
    rig_tick(rig);
    rig->wall_ms = rig_time("2026-03-03T11:00:00Z");
    rig_restart(rig);
    rig_run(rig, "2026-03-03T11:10:00Z");
    rig_expect_due(rig, "ops 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z\n");
    rig->wall_ms = rig_time("2026-03-08T11:00:00Z"); /* of five days, the last one */
    rig_restart(rig);
    rig_run(rig, "2026-03-08T11:10:00Z");
    rig_expect_due(rig, "ops 2026-03-07T08:00:00Z 2026-03-08T08:00:00Z\n");
}

static void test_digester__a_clock_that_steps_back_sends_nothing_twice(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T12:00:00Z");
    rig_run(rig, "2026-03-03T08:01:00Z");
    rig_expect_due(rig, "ops 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z\n");
    rig->wall_ms = rig_time("2026-03-03T05:00:00Z");
    rig_run(rig, "2026-03-03T09:00:00Z");
    rig->wall_ms = rig_time("2026-03-02T09:00:00Z");
    rig_run(rig, "2026-03-03T09:00:00Z");
    rig_expect_due(rig, "");
    rig_run(rig, "2026-03-04T08:00:00Z");
    rig_expect_due(rig, "ops 2026-03-03T08:00:00Z 2026-03-04T08:00:00Z\n");
}

static void test_digester__a_clock_far_ahead_does_not_silence_it(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2036-03-02T12:00:00Z");
    rig_tick(rig);
    rig->wall_ms = rig_time("2026-03-02T12:00:00Z");
    rig_run(rig, "2026-03-03T08:00:00Z");
    rig_expect_due(rig, "ops 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z\n");
}

static void test_digester__follows_the_clocks_there(void **state)
{
    struct rig *rig = *state;
    rig->summer_ms = rig_time("2026-03-29T01:00:00Z");
    rig->summer_s = 7200;
    rig_load(rig, "digests: [{name: ops, receiver: team, location: Europe/Test}]");
    rig->wall_ms = rig_time("2026-03-27T12:00:00Z");
    rig_run(rig, "2026-03-30T12:00:00Z");
    rig_expect_due(rig, "ops 2026-03-27T07:00:00Z 2026-03-28T07:00:00Z\n"
                        "ops 2026-03-28T06:00:00Z 2026-03-29T06:00:00Z\n"
                        "ops 2026-03-29T06:00:00Z 2026-03-30T06:00:00Z\n");
}

static void test_digester__knows_the_next_one(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "digests: [{name: w, receiver: team, schedule: weekly}, "
                  "{name: d, receiver: team, at: \"00:00\"}]");
    int64_t monday = rig_time("2026-03-02T08:00:00Z");
    const struct sg_digest *week = &rig->digests->list[0], *day = &rig->digests->list[1];
    assert_int_equal(sg_digester_next(rig->digester, week, monday - 1), monday);
    assert_int_equal(sg_digester_next(rig->digester, week, monday), monday + 7 * DAY);
    assert_int_equal(sg_digester_next(rig->digester, day, monday),
                     rig_time("2026-03-03T00:00:00Z"));
}

static void test_digester__one_by_hand_leaves_the_schedule(void **state)
{
    struct rig *rig = *state;
    struct sg_journal *j = sg_journal_new();
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-03T07:00:00Z");
    rig_tick(rig);
    assert_int_equal(sg_digester_send(rig->digester, SG_STR("ops"), rig->wall_ms, j), 0);
    assert_int_equal(sg_digester_send(rig->digester, SG_STR("x"), rig->wall_ms, j), SG_ENOTFOUND);
    rig_write(rig, j);
    rig_expect_due(rig, "ops 2026-03-02T07:00:00Z 2026-03-03T07:00:00Z\n");
    rig_run(rig, "2026-03-03T08:00:00Z");
    rig_expect_due(rig, "ops 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z\n");
}

/* ---- recording ---- */

/* A value a minute from now until then: the number of the hour. */
static void run_hours(struct rig *rig, const char *until)
{
    int64_t end_ms = rig_time(until);
    for (; rig->wall_ms < end_ms; rig->wall_ms += MINUTE) {
        rig_put(rig, "load", (double)(rig->wall_ms / HOUR % 24));
        rig_tick(rig);
    }
}

static void test_digester__covers_the_day_not_the_retention(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    for (int hour = 9; hour < 32; hour++) {
        char until[32];
        snprintf(until, sizeof(until), "2026-03-%02dT%02d:00:00Z", hour < 24 ? 2 : 3, hour % 24);
        run_hours(rig, until);
        sg_mem_store_clear(rig->store);
    }
    run_hours(rig, "2026-03-03T08:00:00Z");
    struct sg_digest_report *r = rig_report(rig, "2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z");
    assert_int_equal(r->n_series, 1);
    const struct sg__report_series *s = r->series[0];
    assert_int_equal(s->n, 1440);
    assert_true(s->min == 0 && s->max == 23 && s->last == 7);
    assert_true(s->sum == 60 * 276.0); /* 0 + 1 + … + 23 */
    for (size_t i = 0; i < SG_DIGEST_BUCKETS; i++) {
        assert_int_equal(s->bucket[i].n, 30);
        assert_true(s->bucket[i].sum == 30 * (double)((8 + i / 2) % 24));
    }
    assert_true(sg__report_uptime(r) == 1);
    sg_digest_report_free(r);
}

static void test_digester__a_restart_within_a_bucket_loses_nothing(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    run_hours(rig, "2026-03-02T08:17:00Z");
    rig_restart(rig);
    run_hours(rig, "2026-03-02T09:00:00Z");
    struct sg_digest_report *r = rig_report(rig, "2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z");
    assert_int_equal(r->series[0]->n, 60);
    assert_int_equal(r->minutes, 60);
    assert_int_equal(r->starts, 2);
    assert_int_equal(rig_count(rig, SG_TABLE_DIGEST_POINTS, "ops/up/"), 2);
    sg_digest_report_free(r);
}

static void test_digester__evaluates_once_a_minute(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    for (int i = 0; i < 600; i++, rig->wall_ms += 1000) {
        rig_put(rig, "load", 1);
        rig_tick(rig);
    }
    rig_restart(rig); /* also not when it starts within the minute */
    rig->wall_ms -= 1000;
    rig_tick(rig);
    struct sg_digest_report *r = rig_report(rig, "2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z");
    assert_int_equal(r->minutes, 10);
    assert_in_range(r->series[0]->n, 10, 11);
    assert_in_range(rig->writes, 20, 26);
    sg_digest_report_free(r);
}

static void test_digester__a_round_may_take_longer_than_a_minute(void **state)
{
    struct rig *rig = *state;
    char yaml[2048] = "digests: [{name: many, receiver: team, expressions: [{expr: load}";
    for (int i = 1; i < 12; i++)
        snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml), ", {expr: load + %d}", i);
    snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml), "]}]");
    rig_load(rig, yaml);
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    run_hours(rig, "2026-03-02T09:00:00Z");
    struct sg_digest_report *r = rig_report(rig, "2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z");
    assert_int_equal(r->n_series, 12);
    for (size_t i = 0; i < r->n_series; i++)
        assert_int_equal(r->series[i]->n, 20);
    sg_digest_report_free(r);
}

static void test_digester__records_series_apart_and_not_too_many(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    for (int i = 0; i < 3; i++, rig->wall_ms += MINUTE) {
        for (int k = 0; k < 20; k++) {
            char series[32];
            snprintf(series, sizeof(series), "load{i=\"%02d\"}", k);
            rig_put(rig, series, k);
        }
        rig_tick(rig);
    }
    struct sg_digest_report *r = rig_report(rig, "2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z");
    assert_int_equal(r->n_series, SG_DIGEST_MAX_SERIES);
    for (size_t i = 0; i < r->n_series; i++) {
        assert_int_equal(r->series[i]->n, 3);
        assert_true(r->series[i]->min == r->series[i]->max);
    }
    sg_digest_report_free(r);
}

static void test_digester__only_numbers_are_recorded(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "digests: [{name: ops, receiver: team, expressions: [{expr: load}, "
                  "{expr: vector(2)}, {expr: scalar(load)}, {expr: load / 0}]}]");
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    rig_put(rig, "load", 7);
    rig_tick(rig);
    rig->wall_ms += MINUTE;
    rig_put(rig, "load", NAN);
    rig_tick(rig);
    struct sg_digest_report *r = rig_report(rig, "2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z");
    uint64_t n[4] = {0};
    for (size_t i = 0; i < r->n_series; i++)
        n[r->series[i]->def - rig->digests->list[0].exprs] = r->series[i]->n;
    assert_int_equal(n[0], 1);
    assert_int_equal(n[1], 2);
    assert_int_equal(n[2], 1);
    assert_int_equal(n[3], 0);
    sg_digest_report_free(r);
}

static void test_digester__a_reload_goes_on_with_what_is_equal(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    run_hours(rig, "2026-03-02T08:10:00Z");
    rig_load(rig, "digests: [{name: new, receiver: team}, {name: ops, receiver: team, title: Other,"
                  " expressions: [{expr: load * 2}, {title: Other, expr: load}]}]");
    run_hours(rig, "2026-03-02T08:20:00Z");
    rig_load(rig, DAILY);
    run_hours(rig, "2026-03-02T08:30:00Z");
    struct sg_digest_report *r = rig_report(rig, "2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z");
    assert_int_equal(r->n_series, 1);
    assert_int_equal(r->series[0]->n, 30);
    assert_int_equal(r->minutes, 30);
    assert_int_equal(r->starts, 1);
    sg_digest_report_free(r);
    rig_run(rig, "2026-03-03T08:00:00Z");
    rig_expect_due(rig, "ops 2026-03-02T08:00:00Z 2026-03-03T08:00:00Z\n");
}

static void test_digester__a_refused_load_changes_nothing(void **state)
{
    struct rig *rig = *state;
    struct sg_digests *bad = NULL;
    struct sg_error err = {0};
    rig_load(rig, DAILY);
    assert_int_equal(rig_parse(DAILY, &bad, &err), 0);
    bad->list[0].exprs[0].expr = SG_STR("sum(");
    assert_true(sg_digester_load_take(rig->digester, bad, &err) < 0);
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    run_hours(rig, "2026-03-02T08:05:00Z");
    assert_int_equal(rig_count(rig, SG_TABLE_DIGEST_POINTS, "ops/"), 2);
}

static void test_digester__rows_outlive_two_periods(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    run_hours(rig, "2026-03-02T08:01:00Z");
    for (size_t i = 0; i < rig->n_rows; i++)
        if (rig->rows[i].table == SG_TABLE_DIGEST_POINTS)
            assert_in_range(rig->rows[i].expires_ms, rig->wall_ms + 2 * DAY,
                            rig->wall_ms + 15 * DAY);
        else
            assert_int_equal(rig->rows[i].expires_ms, 0);
    assert_int_equal(rig->n_rows, 4); /* a start, up, a value, when it was sent last */
}

static void test_digester__survives_rows_that_are_no_such(void **state)
{
    struct rig *rig = *state;
    static const char *const keys[] = {"",          "ops",          "ops/",         "ops/up",
                                       "ops/up/x/", "ops/up/-1/00", "!start/x",     "ops/0/0/0",
                                       "other/up",  "ops/up//",     "ops/up/1/0/2", "!start/"};
    static const char *const bodies[] = {"", "{", "[]", "{}", "{\"n\":\"x\"}", "{\"n\":-5}"};
    rig_load(rig, DAILY);
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        for (size_t k = 0; k < sizeof(bodies) / sizeof(*bodies); k++) {
            sg_digester_restore(rig->digester, SG_TABLE_DIGEST_POINTS, sg_str_from(keys[i]),
                                sg_str_from(bodies[k]), 1000);
            sg_digester_restore(rig->digester, SG_TABLE_DIGESTS, sg_str_from(keys[i]),
                                sg_str_from(bodies[k]), 1000);
        }
    rig->wall_ms = rig_time("2026-03-02T08:00:00Z");
    run_hours(rig, "2026-03-02T08:01:00Z");
    assert_int_equal(rig_count(rig, SG_TABLE_DIGEST_POINTS, "ops/up/"), 1);
}

/* ---- uptime ---- */

static void test_digester__always_up_is_all_of_the_time(void **state)
{
    struct rig *rig = *state;
    static const char *const at[] = {"08:00", "08:10", "08:20", "23:59"};
    for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
        char yaml[128], from[32], until[32];
        snprintf(yaml, sizeof(yaml), "digests: [{name: d%zu, receiver: team, at: \"%s\"}]", i,
                 at[i]);
        snprintf(from, sizeof(from), "2026-03-02T%s:00Z", at[i]);
        snprintf(until, sizeof(until), "2026-03-03T%s:00Z", at[i]);
        rig_load(rig, yaml);
        rig->wall_ms = rig_time("2026-03-02T00:00:00Z");
        rig_run(rig, until);
        struct sg_digest_report *r = rig_report(rig, from, until);
        if (sg__report_uptime(r) < 1)
            fail_msg("%s: %g", at[i], sg__report_uptime(r));
        sg_digest_report_free(r);
    }
}

static void test_digester__the_bucket_of_now_belongs_to_now(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-03T08:01:20Z");
    run_hours(rig, "2026-03-03T08:03:20Z");
    struct sg_digest_report *r = rig_report(rig, "2026-03-02T08:03:20Z", "2026-03-03T08:03:20Z");
    assert_int_equal(r->minutes, 2);
    assert_true(sg__report_uptime(r) > 0.8);
    assert_int_equal(r->n_series, 1);
    assert_int_equal(r->series[0]->n, 2);
    assert_int_equal(r->series[0]->bucket[SG_DIGEST_BUCKETS - 1].n, 2);
    sg_digest_report_free(r);
}

/* Composed late, of rows that have gone on since. */
static void test_digester__what_came_after_the_end_does_not_count(void **state)
{
    struct rig *rig = *state;
    static const char *const ends[] = {"2026-03-03T08:00:00Z", "2026-03-03T08:10:00Z",
                                       "2026-03-03T08:20:00Z"};
    static const char *const begins[] = {"2026-03-02T08:00:00Z", "2026-03-02T08:10:00Z",
                                         "2026-03-02T08:20:00Z"};
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-02T00:00:00Z");
    run_hours(rig, "2026-03-02T20:00:00Z");
    rig->wall_ms = rig_time("2026-03-03T02:00:00Z");
    run_hours(rig, "2026-03-03T11:00:00Z");
    for (size_t i = 0; i < 3; i++) {
        struct sg_digest_report *r = rig_report(rig, begins[i], ends[i]);
        assert_int_equal(r->minutes, 18 * 60);
        assert_int_equal(r->series[0]->n, 18 * 60);
        assert_true(fabs(sg__report_uptime(r) - 0.75) < 1e-9);
        sg_digest_report_free(r);
    }
}

static void test_digester__time_that_was_down_is_missing(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-01T08:00:00Z");
    rig_run(rig, "2026-03-02T14:00:00Z");
    rig->wall_ms = rig_time("2026-03-03T02:00:00Z");
    rig_restart(rig);
    rig_run(rig, "2026-03-03T07:59:00Z");
    struct sg_digest_report *r = rig_report(rig, "2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z");
    assert_int_equal(r->minutes, 12 * 60 + 1);
    assert_int_equal(r->starts, 1);
    assert_true(fabs(sg__report_uptime(r) - 0.5) < 0.001);
    sg_digest_report_free(r);
}

static void test_digester__time_before_the_first_start_does_not_count(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-03T06:20:00Z");
    rig_run(rig, "2026-03-03T07:59:00Z");
    struct sg_digest_report *r = rig_report(rig, "2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z");
    assert_int_equal(r->recorded_ms, rig_time("2026-03-03T06:20:00Z"));
    assert_true(sg__report_uptime(r) == 1);
    sg_digest_report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests_parse__has_defaults),
        cmocka_unit_test(test_digests_parse__takes_all_keys),
        cmocka_unit_test(test_digests_parse__none_is_none),
        cmocka_unit_test(test_digests_parse__names_what_is_wrong),
#define RIG(name) cmocka_unit_test_setup_teardown(test_digester__##name, rig_setup, rig_teardown)
        RIG(sends_once_a_day),
        RIG(sends_weekly_on_its_day),
        RIG(restarts_send_nothing_twice),
        RIG(what_was_missed_is_sent_at_the_start),
        RIG(a_clock_that_steps_back_sends_nothing_twice),
        RIG(a_clock_far_ahead_does_not_silence_it),
        RIG(follows_the_clocks_there),
        RIG(knows_the_next_one),
        RIG(one_by_hand_leaves_the_schedule),
        RIG(covers_the_day_not_the_retention),
        RIG(a_restart_within_a_bucket_loses_nothing),
        RIG(evaluates_once_a_minute),
        RIG(a_round_may_take_longer_than_a_minute),
        RIG(records_series_apart_and_not_too_many),
        RIG(only_numbers_are_recorded),
        RIG(a_reload_goes_on_with_what_is_equal),
        RIG(a_refused_load_changes_nothing),
        RIG(rows_outlive_two_periods),
        RIG(survives_rows_that_are_no_such),
        RIG(always_up_is_all_of_the_time),
        RIG(the_bucket_of_now_belongs_to_now),
        RIG(what_came_after_the_end_does_not_count),
        RIG(time_that_was_down_is_missing),
        RIG(time_before_the_first_start_does_not_count),
#undef RIG
    };
    return cmocka_run_group_tests_name("alert/digest", tests, NULL, NULL);
}
