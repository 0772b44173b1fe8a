/* Silences and maintenance windows: what they suppress, from when to when, and who may change them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerting_rig.h"

#define ROUTE "route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m}\n"

static struct rig r;

static int setup(void **state)
{
    (void)state;
    rig_init(&r, ROUTE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_deinit(&r);
    return 0;
}

/* Silences what a matcher matches. */
static int silence(const char *id, const char *matcher, int64_t starts_ms, int64_t ends_ms,
                   char ret_id[37], struct sg_error *err)
{
    struct sg_matcher m;
    struct sg_silence s = {.matchers = &m,
                           .n_matchers = 1,
                           .starts_ms = starts_ms,
                           .ends_ms = ends_ms,
                           .created_by = SG_STR("ann"),
                           .comment = SG_STR("quiet \"please\"")};
    snprintf(s.id, sizeof(s.id), "%s", id);
    assert_int_equal(sg_matcher_parse(sg_str_from(matcher), &m, NULL), 0);
    int rc = sg_alerting_silence(r.a, &s, r.wall_ms, ret_id, err);
    sg_matcher_deinit(&m);
    return rc;
}

static void test_silence__keeps_feed_and_receivers_from_hearing(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "alertname=A", r.wall_ms, r.wall_ms + 60000, id, NULL), 0);
    assert_int_equal(strlen(id), 36);
    rig_fire(&r, "alertname=A");
    rig_fire(&r, "alertname=B");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 1);
    assert_int_equal(r.n_sends, 1);
    assert_true(rig_fed_has(&r, "\"alertname\":\"B\""));
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    assert_int_equal(info->n_silences, 1);
    for (size_t i = 0; i < info->n_alerts; i++) {
        bool silenced = strcmp(info->alerts[i].state, "suppressed") == 0;
        assert_int_equal(info->alerts[i].n_silenced_by, silenced);
    }
    sg_alerting_info_free(info);
    assert_int_equal(sg_alerting_get_stats(r.a)->suppressed, 1);
}

static void test_silence__when_it_ends_what_still_fires_is_told(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "alertname=A", r.wall_ms, r.wall_ms + 30000, id, NULL), 0);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 29000);
    assert_int_equal(r.n_feed, 0);
    rig_run(&r, 1100);
    assert_int_equal(r.n_feed, 1);
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 1);
}

static void test_silence__begins_when_it_says(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "alertname=A", r.wall_ms + 10000, r.wall_ms + 600000, id, NULL),
                     0);
    rig_run(&r, 11000);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 0);
}

static void test_silence__an_end_under_it_is_told_to_receivers_after_it(void **state)
{
    (void)state;
    char id[37];
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    assert_int_equal(silence("", "alertname=A", r.wall_ms, r.wall_ms + 600000, id, NULL), 0);
    rig_run(&r, 1000);
    rig_resolve(&r, "alertname=A");
    assert_true(rig_fed_has(&r, "\"status\":\"resolved\"")); /* displays are told at once */
    rig_run(&r, 540000);
    assert_int_equal(r.n_sends, 1);
    rig_run(&r, 180000);
    assert_int_equal(r.n_sends, 2);
    assert_true(rig_sent_has(&r, "\"status\":\"resolved\",\"receiver\""));
}

static void test_silence__expired_by_hand_ends_at_once(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "alertname=A", r.wall_ms, r.wall_ms + 600000, id, NULL), 0);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 1000);
    assert_int_equal(sg_alerting_expire(r.a, sg_str_from(id), r.wall_ms, NULL), 0);
    rig_tick(&r);
    assert_int_equal(r.n_feed, 1);
    struct sg_error err = {0};
    assert_int_equal(sg_alerting_expire(r.a, sg_str_from(id), r.wall_ms, &err), SG_EINVALID);
    assert_int_equal(sg_alerting_expire(r.a, SG_STR("nobody"), r.wall_ms, NULL), SG_ENOTFOUND);
}

static void test_silence__its_end_can_be_moved(void **state)
{
    (void)state;
    char id[37], again[37];
    int64_t starts_ms = r.wall_ms;
    assert_int_equal(silence("", "alertname=A", starts_ms, r.wall_ms + 10000, id, NULL), 0);
    rig_run(&r, 5000);
    assert_int_equal(silence(id, "alertname=A", starts_ms, r.wall_ms + 600000, again, NULL), 0);
    assert_string_equal(id, again);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 60000);
    assert_int_equal(r.n_feed, 0);
}

static void test_silence__a_start_without_its_fraction_is_the_same_start(void **state)
{
    (void)state;
    char id[37], same[37];
    int64_t starts_ms = r.wall_ms + 345;
    r.wall_ms += 345;
    assert_int_equal(silence("", "alertname=A", starts_ms, r.wall_ms + 60000, id, NULL), 0);
    rig_run(&r, 5000);
    assert_int_equal(silence(id, "alertname=A", starts_ms - 345, r.wall_ms + 90000, same, NULL), 0);
    assert_string_equal(id, same);
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    assert_int_equal(info->n_silences, 1);
    assert_int_equal(info->silences[0].silence.starts_ms, starts_ms);
    assert_int_equal(info->silences[0].silence.ends_ms, r.wall_ms + 90000);
    sg_alerting_info_free(info);
}

static void test_silence__other_matchers_make_another_one(void **state)
{
    (void)state;
    char id[37], other[37];
    assert_int_equal(silence("", "alertname=A", r.wall_ms, r.wall_ms + 600000, id, NULL), 0);
    rig_tick(&r);
    assert_int_equal(silence(id, "alertname=B", r.wall_ms, r.wall_ms + 600000, other, NULL), 0);
    assert_string_not_equal(id, other);
    rig_fire(&r, "alertname=A");
    rig_fire(&r, "alertname=B");
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 1);
    assert_true(rig_fed_has(&r, "\"alertname\":\"A\""));
}

static void test_silence__nonsense_is_refused(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "a=~\".*\"", r.wall_ms, r.wall_ms + 1000, id, NULL), SG_EINVALID);
    assert_int_equal(silence("", "a=b", r.wall_ms, r.wall_ms - 1000, id, NULL), SG_EINVALID);
    assert_int_equal(silence("", "a=b", r.wall_ms - 9000, r.wall_ms - 1000, id, NULL), SG_EINVALID);
    assert_int_equal(silence("no-such", "a=b", r.wall_ms, r.wall_ms + 1000, id, NULL),
                     SG_ENOTFOUND);
}

static void test_silence__may_be_of_all_but_some(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "alertname!=B", r.wall_ms, r.wall_ms + 60000, id, NULL), 0);
    assert_int_equal(silence("", "a!~\"x|y\"", r.wall_ms, r.wall_ms + 60000, id, NULL), 0);
    rig_fire(&r, "alertname=A");
    rig_fire(&r, "alertname=B,a=x");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 1);
    assert_true(rig_fed_has(&r, "\"alertname\":\"B\""));
}

static void test_silence__survives_a_restart(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "alertname=~\"A|X\"", r.wall_ms, r.wall_ms + 600000, id, NULL), 0);
    rig_tick(&r);
    rig_restart(&r, 1000);
    rig_fire(&r, "alertname=A");
    rig_fire(&r, "alertname=B");
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 1);
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    assert_int_equal(info->n_silences, 1);
    assert_string_equal(info->silences[0].silence.id, id);
    assert_int_equal(info->silences[0].silence.matchers[0].type, SG_MATCH_RE);
    assert_memory_equal(info->silences[0].silence.comment.p, "quiet \"please\"", 14);
    sg_alerting_info_free(info);
}

static void test_silence__is_forgotten_after_five_days(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "alertname=A", r.wall_ms, r.wall_ms + 1000, id, NULL), 0);
    rig_run(&r, 2000);
    assert_int_equal(r.n_rows, 1);
    r.wall_ms += INT64_C(121) * 3600000;
    rig_tick(&r);
    assert_int_equal(r.n_rows, 0);
}

static void test_silence__a_clock_that_steps_back_makes_it_hold_again(void **state)
{
    (void)state;
    char id[37];
    assert_int_equal(silence("", "alertname=A", r.wall_ms, r.wall_ms + 10000, id, NULL), 0);
    rig_run(&r, 11000);
    r.wall_ms -= 5000;
    rig_tick(&r);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 0);
}

static void test_silence__too_many_are_refused_unless_old_ones_can_go(void **state)
{
    (void)state;
    char id[37];
    sg_alerting_free(r.a);
    sg_alerting_options_default(&r.o);
    r.o.max_silences = 2;
    r.a = sg_alerting_new(&r.o);
    rig_load(&r, ROUTE);
    assert_int_equal(silence("", "a=1", r.wall_ms, r.wall_ms + 1000, id, NULL), 0);
    assert_int_equal(silence("", "a=2", r.wall_ms, r.wall_ms + 99000, id, NULL), 0);
    assert_int_equal(silence("", "a=3", r.wall_ms, r.wall_ms + 99000, id, NULL), SG_ELIMIT);
    rig_run(&r, 2000);
    assert_int_equal(silence("", "a=3", r.wall_ms, r.wall_ms + 99000, id, NULL), 0);
}

static void test_maintenance__suppresses_in_its_time_and_cannot_be_changed(void **state)
{
    (void)state;
    char id[37];
    rig_load(&r, ROUTE "maintenance: [{name: m, matchers: ['alertname=A'], starts_at: "
                       "2025-11-24T16:01:00Z, ends_at: 2025-11-24T16:02:00Z, comment: c}]\n");
    rig_run(&r, 61000);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 0);
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    assert_int_equal(info->n_silences, 1);
    assert_true(info->silences[0].maintenance);
    assert_int_equal(info->silences[0].state, SG_SILENCE_ACTIVE);
    snprintf(id, sizeof(id), "%s", info->silences[0].silence.id);
    sg_alerting_info_free(info);
    assert_int_equal(sg_alerting_expire(r.a, sg_str_from(id), r.wall_ms, NULL), SG_EINVALID);
    rig_run(&r, 60000);
    assert_int_equal(r.n_feed, 1);
}

static void test_maintenance__by_time_intervals_begins_and_ends_with_the_minute(void **state)
{
    (void)state;
    rig_load(&r, ROUTE "time_intervals: [{name: t, time_intervals: [{times: [{start_time: '16:02', "
                       "end_time: '16:04'}]}]}]\n"
                       "maintenance: [{name: m, matchers: ['alertname=~\"A|B\"'], time_intervals: "
                       "[t]}]\n");
    rig_fire(&r, "alertname=A");
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 1);
    rig_run(&r, 121000);
    rig_fire(&r, "alertname=B");
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 1);
    rig_run(&r, 120000);
    assert_int_equal(r.n_feed, 3); /* both of them */
}

static void test_maintenance__goes_with_a_reload(void **state)
{
    (void)state;
    rig_load(&r, ROUTE "maintenance: [{name: m, matchers: ['alertname=A'], ends_at: "
                       "2030-01-01T00:00:00Z}]\n");
    rig_fire(&r, "alertname=A");
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 0);
    rig_load(&r, ROUTE);
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_silence__keeps_feed_and_receivers_from_hearing),
        T(test_silence__when_it_ends_what_still_fires_is_told),
        T(test_silence__begins_when_it_says),
        T(test_silence__an_end_under_it_is_told_to_receivers_after_it),
        T(test_silence__expired_by_hand_ends_at_once),
        T(test_silence__its_end_can_be_moved),
        T(test_silence__a_start_without_its_fraction_is_the_same_start),
        T(test_silence__other_matchers_make_another_one),
        T(test_silence__nonsense_is_refused),
        T(test_silence__may_be_of_all_but_some),
        T(test_silence__survives_a_restart),
        T(test_silence__is_forgotten_after_five_days),
        T(test_silence__a_clock_that_steps_back_makes_it_hold_again),
        T(test_silence__too_many_are_refused_unless_old_ones_can_go),
        T(test_maintenance__suppresses_in_its_time_and_cannot_be_changed),
        T(test_maintenance__by_time_intervals_begins_and_ends_with_the_minute),
        T(test_maintenance__goes_with_a_reload),
    };
    return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
