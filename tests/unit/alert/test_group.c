/* Groups: when they are told, of what, and what the notification log keeps from being told twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerting_rig.h"

#define ROUTE                                                                                      \
    "route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m, "         \
    "repeat_interval: 1h}\n"

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

static void test_group__waits_for_others_before_it_is_told_first(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A,i=1");
    rig_run(&r, 9900);
    rig_fire(&r, "alertname=A,i=2");
    assert_int_equal(r.n_sends, 0);
    rig_run(&r, 200);
    assert_int_equal(r.n_sends, 1);
    assert_true(rig_sent_has(&r, "\"i\":\"1\"") && rig_sent_has(&r, "\"i\":\"2\""));
    assert_string_equal(rig_sent(&r)->target.p, "team/webhook/0");
    assert_string_equal(rig_sent(&r)->order_key.p, "team:{}:{alertname=\"A\"}");
    assert_int_equal(rig_sent(&r)->key.n, 32);
}

static void test_group__of_an_alert_that_fires_for_longer_is_told_at_once(void **state)
{
    (void)state;
    rig_alert_at(&r, "alertname=A", r.wall_ms - 60000, 0, false);
    rig_tick(&r);
    assert_int_equal(r.n_sends, 1);
}

static void test_group__waits_no_longer_for_one_that_fires_for_longer(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A,i=1");
    rig_run(&r, 2000);
    assert_int_equal(r.n_sends, 0);
    rig_alert_at(&r, "alertname=A,i=2", r.wall_ms - 60000, 0, false);
    rig_tick(&r);
    assert_int_equal(r.n_sends, 1);
    assert_true(rig_sent_has(&r, "\"i\":\"1\"") && rig_sent_has(&r, "\"i\":\"2\""));
    rig_alert_at(&r, "alertname=A,i=3", r.wall_ms - 60000, 0, false);
    rig_run(&r, 59000); /* from now on by its interval */
    assert_int_equal(r.n_sends, 1);
    rig_run(&r, 1100);
    assert_int_equal(r.n_sends, 2);
}

static void test_group__tells_a_new_member_after_the_interval(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A,i=1");
    rig_run(&r, 10000);
    rig_fire(&r, "alertname=A,i=2");
    rig_run(&r, 59900);
    assert_int_equal(r.n_sends, 1);
    rig_run(&r, 200);
    assert_int_equal(r.n_sends, 2);
    assert_true(rig_sent_has(&r, "\"i\":\"2\""));
}

static void test_group__says_nothing_while_nothing_changes_until_the_repetition(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 10000);
    rig_run(&r, 3590000);
    assert_int_equal(r.n_sends, 1);
    rig_run(&r, 120000);
    assert_int_equal(r.n_sends, 2);
}

static void test_group__tells_the_end_of_what_it_told(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 10000);
    rig_resolve(&r, "alertname=A");
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 2);
    assert_true(rig_sent_has(&r, "\"status\":\"resolved\",\"receiver\""));
    rig_run(&r, 120000);
    assert_int_equal(r.n_sends, 2);
    assert_int_equal(r.n_rows, 0); /* neither log nor alert is left behind */
}

static void test_group__does_not_tell_the_end_of_what_nobody_knew(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 1000);
    rig_resolve(&r, "alertname=A");
    rig_run(&r, 120000);
    assert_int_equal(r.n_sends, 0);
}

static void test_group__tells_a_part_that_ended_among_those_that_fire(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A,i=1");
    rig_fire(&r, "alertname=A,i=2");
    rig_run(&r, 10000);
    rig_resolve(&r, "alertname=A,i=1");
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 2);
    assert_true(rig_sent_has(&r, "\"status\":\"firing\",\"receiver\""));
    assert_true(rig_sent_has(&r, "{\"status\":\"resolved\",\"labels\""));
    rig_run(&r, 120000);
    assert_int_equal(r.n_sends, 2);
}

static void test_group__an_integration_may_not_want_to_hear_of_ends(void **state)
{
    (void)state;
    static const struct sg_integration quiet[] = {
        {{"team/webhook/0", 14}, false, false, false, false}};
    rig_deinit(&r);
    rig_init_with(&r, ROUTE, quiet, 1);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 10000);
    rig_resolve(&r, "alertname=A");
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 1);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 2); /* but of it firing again */
}

static void test_group__firing_again_is_told_again_though_the_end_was_not(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 10000);
    rig_resolve(&r, "alertname=A");
    rig_run(&r, 1000);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 2);
    assert_true(rig_sent_has(&r, "\"status\":\"firing\",\"receiver\""));
}

static void test_group__by_three_dots_is_of_one_alert(void **state)
{
    (void)state;
    rig_load(&r, "route: {receiver: team, group_by: ['...'], group_wait: 0s}\n");
    rig_fire(&r, "alertname=A,i=1");
    rig_fire(&r, "alertname=A,i=2");
    rig_tick(&r);
    assert_int_equal(r.n_sends, 2);
    assert_int_equal(sg_alerting_get_stats(r.a)->groups, 2);
}

static void test_group__muted_by_time_is_told_when_that_is_over(void **state)
{
    (void)state;
    rig_load(&r, "time_intervals: [{name: t, time_intervals: [{times: [{start_time: '16:00', "
                 "end_time: '16:30'}]}]}]\n"
                 "route: {receiver: team, routes: [{mute_time_intervals: [t], group_wait: 1s, "
                 "group_interval: 1m}]}\n");
    rig_fire(&r, "alertname=A");
    rig_run(&r, 29 * 60000);
    assert_int_equal(r.n_sends, 0);
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    assert_int_equal(info->alerts[0].n_muted_by, 1);
    sg_alerting_info_free(info);
    rig_run(&r, 3 * 60000);
    assert_int_equal(r.n_sends, 1);
}

static void test_group__an_end_while_muted_is_told_after(void **state)
{
    (void)state;
    rig_load(&r, "time_intervals: [{name: t, time_intervals: [{times: [{start_time: '16:10', "
                 "end_time: '16:30'}]}]}]\n"
                 "route: {receiver: team, routes: [{mute_time_intervals: [t], group_wait: 1s, "
                 "group_interval: 1m}]}\n");
    rig_fire(&r, "alertname=A");
    rig_run(&r, 15 * 60000);
    assert_int_equal(r.n_sends, 1);
    rig_resolve(&r, "alertname=A");
    rig_run(&r, 10 * 60000);
    assert_int_equal(r.n_sends, 1);
    rig_run(&r, 10 * 60000);
    assert_int_equal(r.n_sends, 2);
    assert_true(rig_sent_has(&r, "\"status\":\"resolved\",\"receiver\""));
}

static void test_group__outside_of_its_active_times_is_silent(void **state)
{
    (void)state;
    rig_load(&r, "time_intervals: [{name: t, time_intervals: [{weekdays: [tuesday]}]}]\n"
                 "route: {receiver: team, routes: [{active_time_intervals: [t], group_wait: 1s, "
                 "group_interval: 1m}]}\n");
    rig_fire(&r, "alertname=A");
    rig_run(&r, 60 * 60000);
    assert_int_equal(r.n_sends, 0);
    r.wall_ms += 8 * 3600000;
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 1);
}

static void test_group__continue_sends_to_both(void **state)
{
    (void)state;
    static const struct sg_integration two[] = {{{"team/webhook/0", 14}, true, false, false, false},
                                                {{"boss/email/0", 12}, true, false, false, false},
                                                {{"boss/webpush/1", 14}, true, false, true, false}};
    rig_deinit(&r);
    rig_init_with(&r,
                  "route: {receiver: team, group_wait: 0s, routes: [{receiver: boss, matchers: "
                  "['severity=page'], continue: true}, {receiver: team}]}\n",
                  two, 3);
    rig_fire(&r, "alertname=A,severity=page");
    rig_tick(&r);
    assert_int_equal(r.n_sends, 3);
    bool push = false;
    for (const struct sg_journal_op *op = r.sends->first; op; op = op->next)
        push = push || strcmp(op->target.p, "push:boss/webpush/1") == 0;
    assert_true(push);
}

static void test_group__a_reload_tells_nothing_twice(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 10000);
    rig_load(&r, ROUTE);
    rig_run(&r, 180000);
    assert_int_equal(r.n_sends, 1);
    rig_resolve(&r, "alertname=A");
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 2);
}

static void test_group__a_reload_does_not_shorten_the_interval(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A,i=1");
    rig_run(&r, 10000);
    rig_fire(&r, "alertname=A,i=2");
    rig_load(&r, ROUTE);
    rig_run(&r, 50000);
    assert_int_equal(r.n_sends, 1);
    rig_run(&r, 11000);
    assert_int_equal(r.n_sends, 2);
}

static void test_group__too_many_are_counted_and_told(void **state)
{
    (void)state;
    sg_alerting_free(r.a);
    sg_alerting_options_default(&r.o);
    r.o.hooks.notify = rig_notify;
    r.o.hooks.ctx = &r;
    r.o.max_groups = 2;
    r.a = sg_alerting_new(&r.o);
    rig_load(&r, ROUTE);
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof(name), "alertname=A%d", i);
        rig_fire(&r, name);
    }
    rig_tick(&r);
    assert_true(sg_alerting_get_stats(r.a)->refused >= 2);
    rig_tick(&r);
    assert_true(rig_fed_has(&r, "StreamgaugeGroupLimit"));
    size_t n = r.n_feed;
    rig_run(&r, 5000);
    assert_int_equal(r.n_feed, n);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_group__waits_for_others_before_it_is_told_first),
        T(test_group__of_an_alert_that_fires_for_longer_is_told_at_once),
        T(test_group__waits_no_longer_for_one_that_fires_for_longer),
        T(test_group__tells_a_new_member_after_the_interval),
        T(test_group__says_nothing_while_nothing_changes_until_the_repetition),
        T(test_group__tells_the_end_of_what_it_told),
        T(test_group__does_not_tell_the_end_of_what_nobody_knew),
        T(test_group__tells_a_part_that_ended_among_those_that_fire),
        T(test_group__an_integration_may_not_want_to_hear_of_ends),
        T(test_group__firing_again_is_told_again_though_the_end_was_not),
        T(test_group__by_three_dots_is_of_one_alert),
        T(test_group__muted_by_time_is_told_when_that_is_over),
        T(test_group__an_end_while_muted_is_told_after),
        T(test_group__outside_of_its_active_times_is_silent),
        T(test_group__continue_sends_to_both),
        T(test_group__a_reload_tells_nothing_twice),
        T(test_group__a_reload_does_not_shorten_the_interval),
        T(test_group__too_many_are_counted_and_told),
    };
    return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
