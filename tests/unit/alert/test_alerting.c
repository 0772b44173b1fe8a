/* The core as a whole: alerts of rules and of the API, restarts, limits, JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include "alerting_rig.h"

#define ROUTE                                                                                      \
    "route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m, "          \
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

static void test_alerting__of_the_api_time_out_unless_told_again(void **state)
{
    (void)state;
    rig_alert_at(&r, "alertname=A", r.wall_ms, 0, true);
    rig_run(&r, 200000);
    rig_alert_at(&r, "alertname=A", r.wall_ms, 0, true);
    rig_run(&r, 290000);
    assert_int_equal(r.n_feed, 1);
    rig_run(&r, 11000);
    assert_int_equal(r.n_feed, 2);
    assert_true(rig_fed_has(&r, "\"status\":\"resolved\""));
}

static void test_alerting__of_the_api_time_out_as_the_configuration_says(void **state)
{
    (void)state;
    rig_load(&r, "global: {resolve_timeout: 10s}\n" ROUTE);
    rig_alert_at(&r, "alertname=A", r.wall_ms, 0, true);
    rig_run(&r, 9000);
    rig_restart(&r, 0); /* from now on as long again */
    rig_run(&r, 9900);
    assert_int_equal(r.n_feed, 1);
    rig_run(&r, 200);
    assert_int_equal(r.n_feed, 2);
    assert_true(rig_fed_has(&r, "\"status\":\"resolved\""));
    rig_load(&r, ROUTE);
    rig_alert_at(&r, "alertname=A", r.wall_ms, 0, true);
    rig_run(&r, 290000);
    assert_int_equal(r.n_feed, 3);
}

static void test_alerting__never_ends_before_it_began(void **state)
{
    (void)state;
    rig_alert_at(&r, "alertname=A", r.wall_ms, 0, true);
    rig_run(&r, 1000);
    /* The clock of who resolves it is slow. */
    rig_alert_at(&r, "alertname=A", r.wall_ms - 9000, r.wall_ms - 5000, true);
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 2);
    assert_true(rig_sent_has(&r, "\"startsAt\":\"2025-11-24T16:00:00.000Z\",\"endsAt\":"
                                 "\"2025-11-24T16:00:00.000Z\""));
}

static void test_alerting__a_clock_that_jumps_ends_nothing(void **state)
{
    (void)state;
    rig_alert_at(&r, "alertname=A", r.wall_ms, r.wall_ms + 60000, true);
    rig_fire(&r, "alertname=B");
    rig_run(&r, 1000);
    r.wall_ms += INT64_C(10) * 365 * 86400000;
    rig_run(&r, 1000);
    r.wall_ms -= INT64_C(20) * 365 * 86400000;
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 2);
    assert_int_equal(r.n_sends, 2);
}

static void test_alerting__keeps_the_start_of_one_that_is_told_again(void **state)
{
    (void)state;
    rig_alert_at(&r, "alertname=A", r.wall_ms, 0, true);
    rig_tick(&r);
    int64_t starts_ms = r.wall_ms;
    rig_run(&r, 10000);
    rig_alert_at(&r, "alertname=A", r.wall_ms, 0, true);
    struct sg_alerting_info *info = sg_alerting_look(r.a, r.wall_ms);
    assert_int_equal(info->n_alerts, 1);
    assert_int_equal(info->alerts[0].alert.starts_ms, starts_ms);
    assert_int_equal(info->n_groups, 1);
    assert_int_equal(info->alerts[0].n_receivers, 1);
    sg_alerting_info_free(info);
    assert_int_equal(r.n_feed, 1);
}

static void test_alerting__begin_and_end_in_one_tick_are_both_told(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_resolve(&r, "alertname=A");
    rig_tick(&r);
    assert_int_equal(r.n_feed, 2);
}

static void test_alerting__without_labels_is_refused(void **state)
{
    (void)state;
    assert_int_equal(rig_fire(&r, ""), SG_EINVALID);
}

static void test_alerting__beyond_its_size_is_refused(void **state)
{
    (void)state;
    char *labels = malloc(200000);
    assert_non_null(labels);
    memset(labels, 'x', 199999);
    memcpy(labels, "alertname=", 10);
    labels[199999] = 0;
    assert_int_equal(rig_fire(&r, labels), SG_EINVALID);
    labels[100000] = 0;
    assert_int_equal(rig_fire(&r, labels), 0);
    free(labels);
    rig_tick(&r);
    assert_int_equal(r.n_sends, 1);
}

static void test_alerting__a_restart_tells_nothing_again(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_alert_at(&r, "alertname=B", r.wall_ms, 0, true);
    rig_run(&r, 10000);
    size_t feed = r.n_feed, sends = r.n_sends;
    rig_restart(&r, 30000);
    rig_run(&r, 200000);
    assert_int_equal(r.n_feed, feed);
    assert_int_equal(r.n_sends, sends);
}

static void test_alerting__what_ended_while_down_is_told_after(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 10000);
    rig_restart(&r, 30000);
    rig_run(&r, 2000);
    rig_resolve(&r, "alertname=A");
    assert_int_equal(r.n_feed, 2);
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 2);
    assert_true(rig_sent_has(&r, "\"status\":\"resolved\",\"receiver\""));
}

static void test_alerting__what_nobody_tells_again_after_a_restart_ends(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 10000);
    rig_restart(&r, 30000);
    rig_run(&r, 290000);
    assert_int_equal(r.n_feed, 1);
    rig_run(&r, 80000);
    assert_int_equal(r.n_feed, 2);
    assert_int_equal(r.n_sends, 2);
}

static void test_alerting__an_end_that_was_not_sent_before_a_restart_is_sent_after(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 10000);
    rig_resolve(&r, "alertname=A");
    rig_tick(&r);
    rig_restart(&r, 1000);
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 2);
    assert_int_equal(r.n_feed, 2);
    assert_int_equal(r.n_rows, 0);
}

static void test_alerting__repetition_counts_on_over_a_restart(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=A");
    rig_run(&r, 30 * 60000);
    rig_restart(&r, 60000);
    rig_fire(&r, "alertname=A");
    rig_run(&r, 28 * 60000);
    assert_int_equal(r.n_sends, 1);
    rig_run(&r, 3 * 60000);
    assert_int_equal(r.n_sends, 2);
}

static void test_alerting__broken_rows_are_ignored(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "{",
        "[]",
        "{}",
        "null",
        "{\"labels\":7}",
        "{\"labels\":{\"a\":1}}",
        "{\"told\":[1,{}]}",
        "{\"matchers\":[{\"name\":\"a\",\"value\":\"(\",\"isRegex\":true}]}"};
    for (int t = 0; t < SG_N_TABLES; t++)
        for (size_t i = 0; i < SG_ARRAY_LEN(bodies); i++)
            sg_alerting_restore(r.a, (enum sg_table)t, SG_STR("api/x"), sg_str_from(bodies[i]),
                                r.wall_ms, r.mono_ms);
    rig_run(&r, 1000);
    assert_int_equal(r.n_feed, 0);
}

static void limited(uint32_t max)
{
    sg_alerting_free(r.a);
    sg_alerting_options_default(&r.o);
    r.o.hooks.notify = rig_notify;
    r.o.hooks.ctx = &r;
    r.o.max_alerts = max;
    r.a = sg_alerting_new(&r.o);
    rig_load(&r, ROUTE);
}

static void test_alerting__too_many_are_refused_and_that_is_told_once(void **state)
{
    (void)state;
    char name[32];
    limited(10);
    rig_tick(&r);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "alertname=A%d", i);
        assert_int_equal(rig_fire(&r, name), i < 10 ? 0 : SG_ELIMIT);
    }
    rig_tick(&r);
    assert_int_equal(r.n_feed, 11);
    assert_int_equal(sg_alerting_get_stats(r.a)->refused, 10);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "alertname=A%d", i);
        rig_resolve(&r, name);
    }
    rig_run(&r, 62000);
    assert_int_equal(rig_fire(&r, "alertname=New"), 0); /* what is over makes room */
    rig_run(&r, 1000);
    bool over = false;
    for (size_t i = 0; i < r.n_feed; i++)
        over = over || (strstr(r.feed[i], "StreamgaugeAlertLimit") &&
                        strstr(r.feed[i], "\"status\":\"resolved\""));
    assert_true(over);
}

/* ---- JSON ---- */

static const char *text_at(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static void fire_annotated(double value, const char *generator)
{
    const struct sg_labels *l = rig_labels("alertname=Hi\"gh,severity=page,instance=a\\b,job=é");
    const struct sg_labels *n =
        rig_labels("summary=It is \"high\",description=line\ntwo,"
                   "runbook_url=javascript:alert(1),dashboard_url=https://d/x");
    struct sg_alert alert = {.labels = l,
                             .annotations = n,
                             .starts_ms = r.wall_ms,
                             .value = value,
                             .generator_url = sg_str_from(generator),
                             .rule = SG_STR("a.yml;g;High")};
    assert_int_equal(sg_alerting_alert(r.a, &alert, r.wall_ms, r.mono_ms, NULL), 0);
    sg_labels_unref(l);
    sg_labels_unref(n);
    rig_tick(&r);
}

static void test_notification__has_the_fields_of_the_feed(void **state)
{
    (void)state;
    fire_annotated(0.25, "http://g");
    json_t *o = json_loads(r.feed[0], 0, NULL);
    assert_non_null(o);
    assert_string_equal(text_at(o, "type"), "critical");
    assert_string_equal(text_at(o, "title"), "It is \"high\"");
    assert_string_equal(text_at(o, "message"), "line\ntwo");
    assert_string_equal(text_at(o, "source"), "a.yml;g;High");
    assert_string_equal(text_at(o, "status"), "firing");
    assert_string_equal(text_at(o, "actionUrl"), "https://d/x"); /* never a script */
    assert_int_equal(json_integer_value(json_object_get(o, "timestamp")), r.wall_ms);
    const json_t *context = json_object_get(o, "context");
    char id[64];
    snprintf(id, sizeof(id), "%s-%llx", text_at(context, "fingerprint"),
             (unsigned long long)r.wall_ms);
    assert_string_equal(text_at(o, "id"), id);
    assert_true(json_real_value(json_object_get(context, "value")) == 0.25);
    assert_string_equal(text_at(json_object_get(context, "labels"), "job"), "é");
    assert_string_equal(text_at(context, "generatorURL"), "http://g");
    json_decref(o);
}

static void test_notification__without_annotations_makes_a_title(void **state)
{
    (void)state;
    rig_fire(&r, "alertname=Slow,severity=info,instance=a,job=b");
    rig_tick(&r);
    json_t *o = json_loads(r.feed[0], 0, NULL);
    assert_string_equal(text_at(o, "title"), "Slow (instance=a, job=b)");
    assert_string_equal(text_at(o, "type"), "info");
    assert_null(json_object_get(o, "actionUrl"));
    json_decref(o);
}

static void test_notification__a_long_title_is_cut_at_a_character(void **state)
{
    (void)state;
    char labels[900];
    int n = snprintf(labels, sizeof(labels), "alertname=A,x=");
    for (int i = 0; i < 400; i++)
        n += snprintf(labels + n, sizeof(labels) - (size_t)n, "é");
    rig_fire(&r, labels);
    rig_tick(&r);
    json_t *o = json_loads(r.feed[0], 0, NULL);
    assert_non_null(o);
    assert_true(json_string_length(json_object_get(o, "title")) < 520);
    assert_null(strstr(text_at(o, "title"), "\xef\xbf\xbd"));
    json_decref(o);
}

static void test_body__is_alertmanagers(void **state)
{
    (void)state;
    fire_annotated(NAN, "http://g");
    json_t *o = json_loadb(rig_sent(&r)->body.p, rig_sent(&r)->body.n, 0, NULL);
    assert_non_null(o);
    assert_string_equal(text_at(o, "version"), "4");
    assert_string_equal(text_at(o, "kind"), "alerts");
    assert_string_equal(text_at(o, "status"), "firing");
    assert_string_equal(text_at(o, "receiver"), "team");
    assert_string_equal(text_at(o, "groupKey"), "{}:{alertname=\"Hi\\\"gh\"}");
    assert_string_equal(text_at(o, "externalURL"), "http://here");
    assert_int_equal(json_integer_value(json_object_get(o, "truncatedAlerts")), 0);
    assert_int_equal(json_object_size(json_object_get(o, "groupLabels")), 1);
    assert_int_equal(json_object_size(json_object_get(o, "commonLabels")), 4);
    const json_t *alert = json_array_get(json_object_get(o, "alerts"), 0);
    assert_string_equal(text_at(alert, "startsAt"), "2025-11-24T16:00:00.000Z");
    assert_string_equal(text_at(alert, "endsAt"), "0001-01-01T00:00:00Z");
    assert_string_equal(text_at(alert, "value"), "NaN");
    assert_string_equal(text_at(json_object_get(alert, "labels"), "instance"), "a\\b");
    json_decref(o);
}

static void test_body__has_at_most_a_thousand_alerts(void **state)
{
    (void)state;
    char labels[64];
    for (int i = 0; i < 1005; i++) {
        snprintf(labels, sizeof(labels), "alertname=A,i=%d", i);
        rig_fire(&r, labels);
    }
    rig_tick(&r);
    assert_int_equal(r.n_sends, 1);
    json_t *o = json_loadb(rig_sent(&r)->body.p, rig_sent(&r)->body.n, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(o, "alerts")), 1000);
    assert_int_equal(json_integer_value(json_object_get(o, "truncatedAlerts")), 5);
    assert_int_equal(json_object_size(json_object_get(o, "commonLabels")), 1);
    json_decref(o);
}

/* An Alertmanager that we forward to knows only what it was told: ends beyond the first thousand
 * lines, too. */
static void test_body__goes_on_in_another_for_who_is_told_of_every_alert(void **state)
{
    (void)state;
    static const struct sg_integration all[] = {
        {{"team/alertmanager/0", 19}, true, false, false, true}};
    const struct sg_journal_op *op;
    char labels[64];
    size_t n[2] = {0, 0};
    rig_deinit(&r);
    rig_init_with(&r, r.config, all, 1);
    for (int i = 0; i < 1300; i++) {
        snprintf(labels, sizeof(labels), "alertname=A,i=%d", i);
        rig_fire(&r, labels);
    }
    rig_tick(&r);
    assert_int_equal(r.n_sends, 2);
    for (int i = 0; i < 1200; i++) {
        snprintf(labels, sizeof(labels), "alertname=A,i=%d", i);
        rig_resolve(&r, labels);
    }
    rig_run(&r, 61000);
    assert_int_equal(r.n_sends, 4);
    for (op = r.sends->first; op; op = op->next) {
        json_t *o = json_loadb(op->body.p, op->body.n, 0, NULL);
        assert_string_equal(text_at(o, "status"), "firing");
        assert_int_equal(json_integer_value(json_object_get(o, "truncatedAlerts")), 0);
        for (size_t i = 0; i < json_array_size(json_object_get(o, "alerts")); i++)
            n[strcmp(text_at(json_array_get(json_object_get(o, "alerts"), i), "status"),
                     "firing") != 0]++;
        json_decref(o);
    }
    assert_int_equal(n[0], 1300 + 100);
    assert_int_equal(n[1], 1200);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_alerting__of_the_api_time_out_unless_told_again),
        T(test_alerting__of_the_api_time_out_as_the_configuration_says),
        T(test_alerting__never_ends_before_it_began),
        T(test_alerting__a_clock_that_jumps_ends_nothing),
        T(test_alerting__keeps_the_start_of_one_that_is_told_again),
        T(test_alerting__begin_and_end_in_one_tick_are_both_told),
        T(test_alerting__without_labels_is_refused),
        T(test_alerting__beyond_its_size_is_refused),
        T(test_alerting__a_restart_tells_nothing_again),
        T(test_alerting__what_ended_while_down_is_told_after),
        T(test_alerting__what_nobody_tells_again_after_a_restart_ends),
        T(test_alerting__an_end_that_was_not_sent_before_a_restart_is_sent_after),
        T(test_alerting__repetition_counts_on_over_a_restart),
        T(test_alerting__broken_rows_are_ignored),
        T(test_alerting__too_many_are_refused_and_that_is_told_once),
        T(test_notification__has_the_fields_of_the_feed),
        T(test_notification__without_annotations_makes_a_title),
        T(test_notification__a_long_title_is_cut_at_a_character),
        T(test_body__is_alertmanagers),
        T(test_body__has_at_most_a_thousand_alerts),
        T(test_body__goes_on_in_another_for_who_is_told_of_every_alert),
    };
    return cmocka_run_group_tests_name("alerting", tests, NULL, NULL);
}
