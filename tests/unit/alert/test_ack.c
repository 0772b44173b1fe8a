/* Acknowledgements: heard by everybody, ended by time and by the alert's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerting_rig.h"

#define ROUTE                                                                                      \
    "route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m, "          \
    "repeat_interval: 10m}\n"

static struct rig r;
static const struct sg_integration three[] = {{{"team/webhook/0", 14}, true, false, false, false},
                                              {{"team/pagerduty/1", 16}, true, true, false, false},
                                              {{"team/webpush/2", 14}, true, true, true, false}};

static int setup(void **state)
{
    (void)state;
    rig_init_with(&r, ROUTE, three, 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_deinit(&r);
    return 0;
}

/* The id of the notification that the feed was told last. */
static struct sg_str fed_id(void)
{
    static char id[64];
    assert_int_equal(sscanf(r.feed[r.n_feed - 1], "{\"id\":\"%63[^\"]", id), 1);
    return sg_str_from(id);
}

static int ack(struct sg_str id, int64_t expires_ms)
{
    struct sg_ack as = {SG_STR("bob"), SG_STR("on it"), 0, expires_ms};
    return sg_alerting_ack(r.a, id, &as, r.wall_ms, NULL);
}

static void test_ack__is_told_on_the_feed_with_who_and_why(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    struct sg_str id = fed_id();
    assert_int_equal(ack(id, 0), 0);
    assert_int_equal(r.n_feed, 2);
    assert_true(rig_fed_has(&r, "\"status\":\"acknowledged\""));
    assert_true(rig_fed_has(&r, "\"acknowledgedBy\":\"bob\",\"acknowledgeComment\":\"on it\""));
    assert_true(rig_fed_has(&r, id.p));
    rig_tick(&r);
    assert_int_equal(sg_alerting_get_stats(r.a)->acknowledged, 1);
}

static void test_ack__integrations_that_acknowledge_are_told(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A,i=1");
    rig_fire(&r, "alertname=A,i=2");
    rig_tick(&r);
    assert_int_equal(r.n_sends, 3);
    assert_int_equal(ack(fed_id(), 0), 0);
    rig_tick(&r);
    assert_int_equal(r.n_sends, 4); /* browsers: of each */
    assert_string_equal(rig_sent(&r)->target.p, "push:team/webpush/2");
    assert_true(rig_sent_has(&r, "\"status\":\"acknowledged\""));
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    for (size_t i = 0; i < info->n_alerts; i++) {
        char fp[17];
        sg_alert_fingerprint_text(info->alerts[i].fingerprint, fp);
        assert_int_equal(ack(sg_str_from(fp), 0), 0);
    }
    sg_alerting_info_free(info);
    rig_tick(&r);
    bool paged = false;
    for (const struct sg_journal_op *op = r.sends->first; op; op = op->next)
        paged = paged || (strcmp(op->target.p, "team/pagerduty/1") == 0 &&
                          strstr(op->body.p, "\"status\":\"acknowledged\""));
    assert_true(paged); /* when all of the group are */
}

static void test_ack__keeps_from_repeating(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    assert_int_equal(ack(fed_id(), 0), 0);
    rig_tick(&r);
    size_t n = r.n_sends;
    rig_run(&r, 30 * 60000);
    assert_int_equal(r.n_sends, n);
    assert_int_equal(sg_alerting_unack(r.a, fed_id(), r.wall_ms, NULL), 0);
    assert_true(rig_fed_has(&r, "\"status\":\"firing\""));
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, n + 3);
}

static void test_ack__expires(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    assert_int_equal(ack(fed_id(), r.wall_ms + 5000), 0);
    rig_run(&r, 4000);
    assert_int_equal(r.n_feed, 2);
    rig_run(&r, 1200);
    assert_int_equal(r.n_feed, 3);
    assert_true(rig_fed_has(&r, "\"status\":\"firing\""));
    assert_int_equal(sg_alerting_get_stats(r.a)->acknowledged, 0);
}

static void test_ack__ends_with_the_alert(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    assert_int_equal(ack(fed_id(), 0), 0);
    rig_run(&r, 1000);
    rig_resolve(&r, "alertname=A");
    rig_run(&r, 1000);
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    assert_true(rig_fed_has(&r, "\"status\":\"firing\""));
    assert_int_equal(sg_alerting_get_stats(r.a)->acknowledged, 0);
}

static void test_ack__of_an_earlier_episode_or_of_nothing_is_refused(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    char id[64];
    snprintf(id, sizeof(id), "%s", fed_id().p);
    rig_resolve(&r, "alertname=A");
    rig_run(&r, 1000);
    assert_int_equal(ack(sg_str_from(id), 0), SG_ENOTFOUND);
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    assert_int_equal(ack(sg_str_from(id), 0), SG_ENOTFOUND);
    assert_int_equal(ack(SG_STR("0000000000000000"), 0), SG_ENOTFOUND);
    assert_int_equal(ack(SG_STR("../../x"), 0), SG_ENOTFOUND);
    assert_int_equal(ack(SG_STR(""), 0), SG_ENOTFOUND);
    assert_int_equal(ack(fed_id(), r.wall_ms - 1), SG_EINVALID);
}

static void test_ack__survives_a_restart(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_tick(&r);
    assert_int_equal(ack(fed_id(), r.wall_ms + 3600000), 0);
    rig_tick(&r);
    size_t feed = r.n_feed, sends = r.n_sends;
    rig_restart(&r, 10000);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 30 * 60000);
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    assert_true(info->alerts[0].acked);
    assert_memory_equal(info->alerts[0].ack.by.p, "bob", 4);
    sg_alerting_info_free(info);
    assert_int_equal(r.n_feed, feed);
    assert_int_equal(r.n_sends, sends);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_ack__is_told_on_the_feed_with_who_and_why),
        T(test_ack__integrations_that_acknowledge_are_told),
        T(test_ack__keeps_from_repeating),
        T(test_ack__expires),
        T(test_ack__ends_with_the_alert),
        T(test_ack__of_an_earlier_episode_or_of_nothing_is_refused),
        T(test_ack__survives_a_restart),
    };
    return cmocka_run_group_tests_name("ack", tests, NULL, NULL);
}
