/* Inhibition: who keeps whom from being told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerting_rig.h"

#define ROUTE "route: {receiver: team, group_by: [alertname], group_wait: 5s, group_interval: 1m}\n"
#define RULE                                                                                       \
    "inhibit_rules: [{source_matchers: ['severity=critical'], target_match: {severity: warning}, " \
    "equal: [node]}]\n"

static struct rig r;

static int setup(void **state)
{
    (void)state;
    rig_init(&r, ROUTE RULE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_deinit(&r);
    return 0;
}

static void test_inhibit__a_source_suppresses_targets_with_equal_labels(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=Slow,severity=warning,node=1"); /* before its source, in one tick */
    rig_fire(&r, "alertname=Down,severity=critical,node=1");
    rig_fire(&r, "alertname=Slow,severity=warning,node=2");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 2);
    rig_run(&r, 6000);
    assert_int_equal(r.n_sends, 2);
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    size_t inhibited = 0;
    for (size_t i = 0; i < info->n_alerts; i++)
        inhibited += info->alerts[i].n_inhibited_by;
    assert_int_equal(inhibited, 1);
    sg_alerting_info_free(info);
}

static void test_inhibit__ends_with_its_source(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=Down,severity=critical,node=1");
    rig_fire(&r, "alertname=Slow,severity=warning,node=1");
    rig_run(&r, 10000);
    assert_int_equal(r.n_feed, 1);
    rig_resolve(&r, "alertname=Down,severity=critical,node=1");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 3);
    assert_true(rig_fed_has(&r, "Slow"));
}

static void test_inhibit__lasts_until_the_last_source_ends(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=Down,severity=critical,node=1");
    rig_fire(&r, "alertname=Burning,severity=critical,node=1");
    rig_fire(&r, "alertname=Slow,severity=warning,node=1");
    rig_tick(&r);
    rig_resolve(&r, "alertname=Down,severity=critical,node=1");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 3);
    rig_resolve(&r, "alertname=Burning,severity=critical,node=1");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 5);
}

static void test_inhibit__absent_labels_are_equal(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=Down,severity=critical");
    rig_fire(&r, "alertname=Slow,severity=warning");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 1);
}

static void test_inhibit__alerts_that_are_both_do_not_inhibit_each_other(void **state)
{
    (void)state;
    rig_load(&r, ROUTE "inhibit_rules: [{source_matchers: ['alertname=~\"A|B\"'], "
                       "target_matchers: ['alertname=~\"B|C|D\"']}]\n");
    rig_fire(&r, "alertname=B,i=1");
    rig_fire(&r, "alertname=B,i=2");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 2); /* nor itself */
    rig_fire(&r, "alertname=C");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 2); /* one that is only a target is inhibited by them */
    rig_fire(&r, "alertname=A");
    rig_fire(&r, "alertname=B,i=3");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 3);
    assert_true(rig_fed_has(&r, "\"alertname\":\"A\""));
}

static void test_inhibit__a_reload_may_end_it(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=Down,severity=critical");
    rig_fire(&r, "alertname=Slow,severity=warning");
    rig_tick(&r);
    rig_load(&r, ROUTE);
    rig_tick(&r);
    assert_int_equal(r.n_feed, 2);
    rig_load(&r, ROUTE RULE);
    rig_fire(&r, "alertname=Slow2,severity=warning");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 2);
}

static void test_inhibit__a_silenced_source_inhibits_all_the_same(void **state)
{
    (void)state;
    char id[37];
    struct sg_matcher m;
    assert_int_equal(sg_matcher_parse(SG_STR("alertname=Down"), &m, NULL), 0);
    struct sg_silence s = {.matchers = &m,
                           .n_matchers = 1,
                           .starts_ms = r.wall_ms,
                           .ends_ms = r.wall_ms + 60000,
                           .created_by = SG_STR(""),
                           .comment = SG_STR("")};
    assert_int_equal(sg_alerting_silence(r.a, &s, r.wall_ms, id, NULL), 0);
    sg_matcher_deinit(&m);
    rig_fire(&r, "alertname=Down,severity=critical");
    rig_fire(&r, "alertname=Slow,severity=warning");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_inhibit__a_source_suppresses_targets_with_equal_labels),
        T(test_inhibit__ends_with_its_source),
        T(test_inhibit__lasts_until_the_last_source_ends),
        T(test_inhibit__absent_labels_are_equal),
        T(test_inhibit__alerts_that_are_both_do_not_inhibit_each_other),
        T(test_inhibit__a_reload_may_end_it),
        T(test_inhibit__a_silenced_source_inhibits_all_the_same),
    };
    return cmocka_run_group_tests_name("inhibit", tests, NULL, NULL);
}
