/* Flapping alerts are told once and held; dead man's switches fire when what held them is silent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerting_rig.h"

#define ROUTE "route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n"
#define FLAPPING "flapping: {transitions: 4, window: 1m, stable: 30s}\n"
#define SWITCH                                                                                     \
    "dead_mans_switches: [{name: Silent, matchers: ['alertname=Watchdog'], within: 2m, labels: "   \
    "{team: ops}}]\n"

static struct rig r;

static int setup(void **state)
{
    (void)state;
    rig_init(&r, ROUTE FLAPPING);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_deinit(&r);
    return 0;
}

static void flap(int times)
{
    for (int i = 0; i < times; i++) {
        rig_fire(&r, "alertname=A");
        rig_run(&r, 2000);
        rig_resolve(&r, "alertname=A");
        rig_run(&r, 2000);
    }
}

static void test_flap__is_told_once_and_held(void **state)
{
    (void)state;
    flap(2);
    /* fires, ends, fires; the fourth change is held and told as flapping */
    assert_int_equal(r.n_feed, 4);
    assert_true(rig_fed_has(&r, "\"flapping\":true") && rig_fed_has(&r, "\"status\":\"firing\""));
    size_t sends = r.n_sends;
    flap(10);
    assert_int_equal(r.n_feed, 4);
    assert_int_equal(r.n_sends, sends);
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    assert_true(info->alerts[0].flapping && !info->alerts[0].resolved);
    sg_alerting_info_free(info);
    assert_int_equal(sg_alerting_get_stats(r.a)->flapping, 1);
}

static void test_flap__ends_resolved_when_it_was_quiet(void **state)
{
    (void)state;
    flap(3);
    rig_run(&r, 27000);
    assert_int_equal(r.n_feed, 4);
    rig_run(&r, 5000);
    assert_int_equal(r.n_feed, 5);
    assert_true(rig_fed_has(&r, "\"status\":\"resolved\""));
    assert_true(rig_sent_has(&r, "\"status\":\"resolved\",\"receiver\""));
    assert_int_equal(sg_alerting_get_stats(r.a)->flapping, 0);
}

static void test_flap__ends_firing_when_it_fires_on(void **state)
{
    (void)state;
    flap(2);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 31000);
    assert_int_equal(r.n_feed, 5);
    assert_true(rig_fed_has(&r, "\"status\":\"firing\"") && !rig_fed_has(&r, "flapping"));
    rig_resolve(&r, "alertname=A");
    rig_tick(&r);
    assert_true(rig_fed_has(&r, "\"status\":\"resolved\""));
}

static void test_flap__slow_changes_are_not(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        rig_fire(&r, "alertname=A");
        rig_run(&r, 31000);
        rig_resolve(&r, "alertname=A");
        rig_run(&r, 31000);
    }
    assert_int_equal(r.n_feed, 10);
}

static void test_flap__can_be_switched_off(void **state)
{
    (void)state;
    rig_load(&r, ROUTE "flapping: false\n");
    flap(5);
    assert_int_equal(r.n_feed, 10);
}

static void test_deadman__fires_when_what_held_it_is_silent(void **state)
{
    (void)state;
    rig_load(&r, ROUTE SWITCH);
    for (int i = 0; i < 10; i++) {
        rig_alert_at(&r, "alertname=Watchdog,severity=none", RIG_START, r.wall_ms + 240000, true);
        rig_run(&r, 60000);
    }
    assert_int_equal(r.n_feed, 1);
    rig_run(&r, 58000);
    assert_int_equal(r.n_feed, 1);
    rig_run(&r, 3000);
    assert_int_equal(r.n_feed, 2);
    assert_true(rig_fed_has(&r, "\"alertname\":\"Silent\"") &&
                rig_fed_has(&r, "\"team\":\"ops\"") && rig_fed_has(&r, "\"type\":\"critical\""));
    rig_alert_at(&r, "alertname=Watchdog,severity=none", RIG_START, r.wall_ms + 240000, true);
    rig_tick(&r);
    assert_int_equal(r.n_feed, 3);
    assert_true(rig_fed_has(&r, "\"status\":\"resolved\""));
}

static void test_deadman__has_its_time_after_a_start(void **state)
{
    (void)state;
    rig_load(&r, ROUTE SWITCH);
    rig_run(&r, 119000);
    assert_int_equal(r.n_feed, 0);
    rig_run(&r, 2000);
    assert_int_equal(r.n_feed, 1);
}

static void test_deadman__is_held_by_alerts_that_are_told_again_in_time(void **state)
{
    (void)state;
    rig_load(&r, ROUTE SWITCH);
    rig_fire(&r, "alertname=Watchdog,job=x");
    rig_fire(&r, "alertname=Other");
    const struct sg_labels *holds = rig_labels("alertname=Watchdog,job=x"),
                           *no = rig_labels("alertname=Other");
    assert_int_equal(sg_alerting_resend_ms(r.a, holds), 60000);
    assert_int_equal(sg_alerting_resend_ms(r.a, no), INT64_MAX);
    sg_labels_unref(holds);
    sg_labels_unref(no);
}

static void test_deadman__an_end_does_not_hold_it(void **state)
{
    (void)state;
    rig_load(&r, ROUTE SWITCH);
    rig_fire(&r, "alertname=Watchdog");
    rig_run(&r, 60000);
    rig_resolve(&r, "alertname=Watchdog");
    rig_run(&r, 61000);
    assert_true(rig_fed_has(&r, "\"alertname\":\"Silent\""));
}

static void test_deadman__the_wall_clock_does_not_matter(void **state)
{
    (void)state;
    rig_load(&r, ROUTE SWITCH);
    rig_run(&r, 10000);
    r.wall_ms += 3600000;
    rig_run(&r, 10000);
    assert_int_equal(r.n_feed, 0);
    r.wall_ms -= 7200000;
    rig_run(&r, 101000);
    assert_int_equal(r.n_feed, 1);
}

static void test_deadman__a_reload_keeps_its_time_and_ends_those_that_went(void **state)
{
    (void)state;
    rig_load(&r, ROUTE SWITCH);
    rig_run(&r, 100000);
    rig_load(&r, ROUTE SWITCH);
    rig_run(&r, 21000);
    assert_int_equal(r.n_feed, 1);
    rig_load(&r, ROUTE);
    rig_tick(&r);
    assert_int_equal(r.n_feed, 2);
    assert_true(rig_fed_has(&r, "\"status\":\"resolved\""));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_flap__is_told_once_and_held),
        T(test_flap__ends_resolved_when_it_was_quiet),
        T(test_flap__ends_firing_when_it_fires_on),
        T(test_flap__slow_changes_are_not),
        T(test_flap__can_be_switched_off),
        T(test_deadman__fires_when_what_held_it_is_silent),
        T(test_deadman__has_its_time_after_a_start),
        T(test_deadman__is_held_by_alerts_that_are_told_again_in_time),
        T(test_deadman__an_end_does_not_hold_it),
        T(test_deadman__the_wall_clock_does_not_matter),
        T(test_deadman__a_reload_keeps_its_time_and_ends_those_that_went),
    };
    return cmocka_run_group_tests_name("flap", tests, NULL, NULL);
}
