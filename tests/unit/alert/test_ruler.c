/* test_ruler.c - alerting and recording rules over time: states, series, errors, budgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruler_rig.h"

#define STAT(rig, name) ((unsigned)atomic_load(&sg_ruler_get_stats((rig)->ruler)->name))

static void test_ruler__fires_and_resolves(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    labels: {severity: page}\n"
                       "    annotations: {summary: '{{ $labels.i }} is {{ $value }}'}\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_put(rig, "m{i=\"2\"}", 3);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\", i=\"1\", severity=\"page\"} since 0 summary=1 is 7\n");
    assert_int_equal(STAT(rig, firing), 1);
    rig_tick(rig, 1000);
    rig_expect(rig, "");
    rig_put(rig, "m{i=\"1\"}", 1);
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\", i=\"1\", severity=\"page\"} since 0 until 2000 "
                    "summary=1 is 7\n");
    assert_int_equal(STAT(rig, firing), 0);
    rig_expect_journal(rig, "put firing\nput resolved\n");
    rig_put(rig, "m{i=\"1\"}", 8);
    rig_tick(rig, 1000);
    rig_expect(rig,
               "firing{alertname=\"A\", i=\"1\", severity=\"page\"} since 3000 summary=1 is 8\n");
    rig_expect_journal(rig, "put firing\n");
}

static void test_ruler__waits_for_its_time(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    for: 10s\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    assert_int_equal(STAT(rig, pending), 1);
    rig_tick(rig, 9900);
    rig_expect(rig, "");
    rig_expect_journal(rig, "put pending\n");
    rig_tick(rig, 100);
    rig_expect(rig, "firing{alertname=\"A\"} since 10000\n");
    rig_put(rig, "m", 1);
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\"} since 10000 until 11000\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 1000);
    rig_put(rig, "m", 1);
    rig_tick(rig, 1000);
    rig_expect(rig, "");
    rig_expect_journal(rig, "put firing\nput resolved\nput pending\ndelete\n");
}

static void test_ruler__keeps_firing_for_its_time(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    keep_firing_for: 5s\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_put_at(rig, "m", rig->wall_ms + 1000, 1);
    rig_tick(rig, 1000);
    rig_tick(rig, 4000);
    rig_expect(rig, "firing{alertname=\"A\"} since 0\n");
    rig_expect_query(rig, "ALERTS", "ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n");
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\"} since 0 until 6000\n");
}

static void test_ruler__forgets_after_a_while(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_put(rig, "m", 1);
    rig_tick(rig, 1000);
    rig_expect_journal(rig, "put firing\nput resolved\n");
    for (int i = 0; i < 15; i++)
        rig_tick(rig, 60000);
    rig_expect_journal(rig, "");
    rig_tick(rig, 1000);
    rig_expect_journal(rig, "delete\n");
}

static void test_ruler__writes_the_series_of_alerts(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    for: 2s\n    labels: {x: y}\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_tick(rig, 0);
    rig_expect_query(rig, "sort_by_label({__name__=~\"ALERTS.*\"}, \"__name__\")",
                     "ALERTS{alertname=\"A\", alertstate=\"pending\", i=\"1\", x=\"y\"} 1\n"
                     "ALERTS_FOR_STATE{alertname=\"A\", i=\"1\", x=\"y\"} 1764000000\n");
    rig_tick(rig, 2000);
    rig_expect_query(rig, "sort_by_label({__name__=~\"ALERTS.*\"}, \"__name__\")",
                     "ALERTS{alertname=\"A\", alertstate=\"firing\", i=\"1\", x=\"y\"} 1\n"
                     "ALERTS_FOR_STATE{alertname=\"A\", i=\"1\", x=\"y\"} 1764000000\n");
    rig_put(rig, "m{i=\"1\"}", 1);
    rig_tick(rig, 1000);
    rig_expect_query(rig, "sort_by_label({__name__=~\"ALERTS.*\"}, \"__name__\")", "");
    unsigned appends = rig->appends;
    rig_tick(rig, 1000);
    assert_int_equal(rig->appends, appends);
}

static void test_ruler__records(void **state)
{
    struct rig *rig = *state;
    rig_load(rig,
             "groups:\n- name: g\n  labels: {team: ops, drop: x}\n  rules:\n"
             "  - record: job:m:sum\n    expr: sum by (job) (m)\n    labels: {a: b, drop: ''}\n");
    rig_put(rig, "m{job=\"x\",i=\"1\"}", 1);
    rig_put(rig, "m{job=\"x\",i=\"2\"}", 2);
    rig_put(rig, "m{job=\"y\",i=\"1\"}", 5);
    rig_tick(rig, 0);
    rig_expect_query(rig, "job:m:sum",
                     "job:m:sum{a=\"b\", job=\"x\", team=\"ops\"} 3\n"
                     "job:m:sum{a=\"b\", job=\"y\", team=\"ops\"} 5\n");
    rig_put(rig, "m{job=\"y\",i=\"1\"}", sg_stale_nan());
    rig_put(rig, "m{job=\"x\",i=\"1\"}", 10);
    rig_tick(rig, 1000);
    rig_expect_query(rig, "job:m:sum", "job:m:sum{a=\"b\", job=\"x\", team=\"ops\"} 12\n");
    rig_put(rig, "m{job=\"y\",i=\"1\"}", 6);
    rig_tick(rig, 1000);
    rig_expect_query(rig, "job:m:sum{job=\"y\"}",
                     "job:m:sum{a=\"b\", job=\"y\", team=\"ops\"} 6\n");
    assert_int_equal(rig->begins, 0);
}

static void test_ruler__scalars_are_recorded(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - record: answer\n    expr: '42'\n");
    rig_tick(rig, 0);
    rig_expect_query(rig, "answer", "answer 42\n");
}

static void test_ruler__later_rules_see_what_was_recorded(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - record: s\n    expr: sum(m)\n"
                       "  - record: other\n    expr: max(m)\n"
                       "  - alert: A\n    expr: s > 5\n"
                       "  - record: firing\n    expr: count(ALERTS)\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\"} since 0\n");
    rig_expect_query(rig, "firing", "firing 1\n");
    assert_int_equal(rig->begins, 2); /* before A and before the last, not before `other` */
}

static void test_ruler__same_labels_twice_are_an_error(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    labels: {i: ''}\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\"} since 0\n");
    rig_expect_health(rig, "ok", "");
    rig_put(rig, "m{i=\"2\"}", 7);
    rig_tick(rig, 1000);
    rig_expect_health(rig, "err", "same labelset after applying alert labels");
    rig_expect(rig, "");
    assert_int_equal(STAT(rig, firing), 1);
    /* Another series may take over without any change. */
    rig_put(rig, "m{i=\"1\"}", 1);
    rig_tick(rig, 1000);
    rig_expect_health(rig, "ok", "");
    rig_expect(rig, "");
    assert_int_equal(STAT(rig, firing), 1);
}

static void test_ruler__rules_that_say_the_same_have_their_own_time(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    for: 2s\n"
                       "  - alert: A\n    expr: m > 5\n    for: 4s\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_tick(rig, 2000);
    rig_expect(rig, "firing{alertname=\"A\"} since 2000\n");
    rig_tick(rig, 2000);
    rig_expect(rig, "firing{alertname=\"A\"} since 4000\n");
    rig_put(rig, "m", 1);
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\"} since 2000 until 5000\n"
                    "resolved{alertname=\"A\"} since 4000 until 5000\n");
    assert_int_equal(STAT(rig, firing), 0);
}

static void test_ruler__records_same_labels_twice_are_an_error(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - record: r\n    expr: m\n    labels: {i: ''}\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_put(rig, "m{i=\"2\"}", 7);
    rig_tick(rig, 0);
    rig_expect_health(rig, "err", "same labelset after applying rule labels");
    rig_expect_query(rig, "r", "");
}

static void test_ruler__limits_results(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "groups:\n- name: g\n  limit: 1\n  rules:\n"
                  "  - alert: A\n    expr: m > 5\n  - record: r\n    expr: m\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_tick(rig, 0);
    rig_put(rig, "m{i=\"2\"}", 7);
    rig_tick(rig, 1000);
    rig_expect(rig, "firing{alertname=\"A\", i=\"1\"} since 0\n");
    rig_expect_health(rig, "err", "exceeded limit of 1 with 2 alerts");
    assert_int_equal(STAT(rig, failures), 2);
}

static void test_ruler__has_at_most_so_many_alerts(void **state)
{
    struct rig *rig = *state;
    sg_ruler_free(rig->ruler);
    rig->opt.max_alerts = 2;
    rig_start(rig);
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_put(rig, "m{i=\"2\"}", 7);
    rig_tick(rig, 0);
    assert_int_equal(STAT(rig, firing), 2);
    rig_put(rig, "m{i=\"3\"}", 7);
    rig_tick(rig, 1000);
    rig_expect_health(rig, "err", "more than 2 alerts");
    assert_int_equal(STAT(rig, firing), 2);
}

static void test_ruler__looks_back_by_the_offset(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "groups:\n- name: g\n  query_offset: 10s\n  rules:\n"
                  "  - alert: A\n    expr: m > 5\n  - record: r\n    expr: m\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 9000);
    rig_expect(rig, "");
    rig_tick(rig, 1000);
    rig_expect(rig, "firing{alertname=\"A\"} since 10000\n");
    rig_expect_query(rig, "timestamp(r)", "{} 1764000000\n");
    rig_expect_query(rig, "timestamp(ALERTS)",
                     "{alertname=\"A\", alertstate=\"firing\"} 1764000000\n");
}

static void test_ruler__expands_labels(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n"
                       "    labels: {who: '{{ $labels.i | toUpper }}', bad: '{{ query \"none\" | "
                       "first }}', i: '{{ \"\" }}'}\n");
    rig_put(rig, "m{i=\"x\"}", 7);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\", bad=\"<error expanding template: 1:19: error calling "
                    "first: first() called on vector with no elements>\", who=\"X\"} since 0\n");
}

static void test_ruler__labels_that_follow_the_value_are_new_alerts(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    labels: {v: '{{ $value }}'}\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_tick(rig, 1000);
    rig_expect(rig, "firing{alertname=\"A\", v=\"7\"} since 0\n");
    rig_put(rig, "m", 8);
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\", v=\"7\"} since 0 until 2000\n"
                    "firing{alertname=\"A\", v=\"8\"} since 2000\n");
}

static void test_ruler__a_failed_evaluation_changes_nothing(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m * on () group_left () n > 5\n    for: 2s\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_put(rig, "n{i=\"1\"}", 1);
    rig_tick(rig, 0);
    rig_tick(rig, 2000);
    rig_expect(rig, "firing{alertname=\"A\", i=\"1\"} since 2000\n");
    rig_put(rig, "n{i=\"2\"}", 1);
    rig_tick(rig, 1000);
    rig_expect_health(rig, "err", "duplicate series");
    rig_expect(rig, "");
    assert_int_equal(STAT(rig, firing), 1);
    rig_expect_query(rig, "ALERTS", "ALERTS{alertname=\"A\", alertstate=\"firing\", i=\"1\"} 1\n");
    rig_put(rig, "n{i=\"2\"}", sg_stale_nan());
    rig_put(rig, "m{i=\"1\"}", 1);
    rig_tick(rig, 1000);
    rig_expect_health(rig, "ok", "");
    rig_expect(rig, "resolved{alertname=\"A\", i=\"1\"} since 2000 until 4000\n");
}

static void test_ruler__alerts_about_alerts_may_share_a_series(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "groups:\n- name: g\n  rules:\n"
                  "  - alert: B\n    expr: ALERTS{alertname=\"A\"}\n    for: 1m\n"
                  "- name: h\n  rules:\n  - alert: A\n    expr: m > 5\n    for: 2s\n");
    rig_put(rig, "m", 7);
    for (int i = 0; i < 6; i++) {
        rig_tick(rig, 1000);
        rig_expect_health(rig, "ok", "");
        /* one B goes, when A fires, and another one comes */
        rig_expect_query(rig, "ALERTS{alertname=\"B\"}",
                         i ? "ALERTS{alertname=\"B\", alertstate=\"pending\"} 1\n" : "");
    }
    rig_put(rig, "m", 1);
    rig_tick(rig, 1000);
    rig_tick(rig, 1000);
    rig_expect_query(rig, "ALERTS", "");
}

static void test_ruler__says_when_the_store_refuses(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - record: r\n    expr: m\n  - alert: A\n    expr: m > 5\n");
    rig_put(rig, "m", 7);
    rig->refuse = true;
    rig_tick(rig, 0);
    rig_expect_health(rig, "err", "not stored: the store is full");
    rig_expect(rig, "firing{alertname=\"A\"} since 0\n"); /* it fires all the same */
    rig->refuse = false;
    rig_tick(rig, 1000);
    rig_expect_health(rig, "ok", "");
}

static void test_ruler__tells_again(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    annotations: {v: '{{ $value }}'}\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_put(rig, "m", 8);
    rig_expect(rig, "firing{alertname=\"A\"} since 0 v=7\n");
    unsigned times = 0;
    for (int i = 0; i < 120; i++) {
        rig_tick(rig, 1000);
        times += rig->told.len > 0;
        if (rig->told.len)
            rig_expect(rig, "firing{alertname=\"A\"} since 0 v=8\n");
    }
    assert_in_range(times, 2, 3);
}

static void test_ruler__tells_again_what_queries_say_now(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n"
                       "    annotations: {v: '{{ query \"n\" | first | value }}'}\n");
    rig_put(rig, "m", 7);
    rig_put(rig, "n", 1);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\"} since 0 v=1\n");
    rig_put(rig, "n", 2);
    for (int i = 0; i < 60; i++)
        rig_tick(rig, 1000);
    rig_expect(rig, "firing{alertname=\"A\"} since 0 v=2\n");
    rig_put(rig, "m", 1);
    rig_put(rig, "n", 3);
    rig_tick(rig, 1000); /* as it was last */
    rig_expect(rig, "resolved{alertname=\"A\"} since 0 until 61000 v=2\n");
}

static void test_ruler__asks_queries_once_per_evaluation(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n"
                       "    annotations: {v: '{{ query \"m\" | first | value }}'}\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    assert_int_equal(rig->queries, 1);
    rig_tick(rig, 1000);
    assert_int_equal(rig->queries, 1); /* nobody wants to know */
    sg_ruler_info_free(sg_ruler_look(rig->ruler));
    sg_ruler_info_free(sg_ruler_look(rig->ruler));
    assert_int_equal(rig->queries, 2);
}

static int64_t soon(void *ctx, const struct sg_labels *labels)
{
    (void)ctx;
    assert_int_equal(labels->count, 1);
    return 5000;
}

static void test_ruler__tells_again_as_soon_as_is_asked(void **state)
{
    struct rig *rig = *state;
    sg_ruler_free(rig->ruler);
    rig->opt.hooks.resend = soon;
    rig->ruler = sg_ruler_new(&rig->opt);
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n");
    rig_put(rig, "m", 7);
    unsigned times = 0;
    for (int i = 0; i < 20; i++) {
        rig_tick(rig, i ? 1000 : 0);
        times += rig->told.len > 0;
        sg_buf_reset(&rig->told);
    }
    assert_int_equal(times, 4);
}

static void test_ruler__adds_external_labels(void **state)
{
    struct rig *rig = *state;
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_STR("dc"), SG_STR("x"));
    sg_labels_builder_set(&b, SG_STR("i"), SG_STR("external"));
    const struct sg_labels *external = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    sg_ruler_free(rig->ruler);
    rig->opt.external_labels = external;
    rig_start(rig);
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n"
                       "    annotations: {dc: '{{ $externalLabels.dc }}'}\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\", dc=\"x\", i=\"1\"} since 0 dc=x\n");
    rig_expect_query(rig, "ALERTS", "ALERTS{alertname=\"A\", alertstate=\"firing\", i=\"1\"} 1\n");
    sg_ruler_free(rig->ruler);
    rig->ruler = NULL;
    sg_labels_unref(external);
}

static void test_ruler__groups_have_their_intervals(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "groups:\n- name: a\n  interval: 5s\n  rules: [{record: a, expr: time()}]\n"
                  "- name: b\n  rules: [{record: b, expr: time()}]\n");
    rig_tick(rig, 2300); /* at once, then at multiples */
    rig_expect_query(rig, "a", "a 1764000002.3\n");
    rig_tick(rig, 700);
    rig_expect_query(rig, "a", "a 1764000002.3\n");
    rig_expect_query(rig, "b", "b 1764000003\n");
    rig_tick(rig, 2100);
    rig_expect_query(rig, "a", "a 1764000005\n");
    rig_expect_query(rig, "b", "b 1764000005\n");
    assert_int_equal(STAT(rig, missed), 1); /* b at 4 s */
    assert_int_equal(STAT(rig, evaluations), 5);
}

static void test_ruler__groups_wait_when_time_is_up(void **state)
{
    struct rig *rig = *state;
    sg_ruler_free(rig->ruler);
    rig->opt.budget_ns = 1000;
    rig_start(rig);
    rig_load(rig, "groups:\n- name: a\n  rules: [{record: a, expr: time()}]\n"
                  "- name: b\n  rules: [{record: b, expr: time()}]\n"
                  "- name: c\n  rules: [{record: c, expr: time()}]\n");
    rig->clock_step_ns = 1000;
    rig_tick(rig, 0);
    assert_int_equal(STAT(rig, evaluations), 1);
    rig_tick(rig, 100);
    rig_tick(rig, 100);
    assert_int_equal(STAT(rig, evaluations), 3);
    rig_tick(rig, 100);
    assert_int_equal(STAT(rig, evaluations), 3);
    rig_tick(rig, 700);
    rig_tick(rig, 100);
    rig_expect_query(rig, "{__name__=~\"a|b|c\"}", "a 1764000001\nb 1764000001\nc 1764000000.2\n");
}

static void test_ruler__can_be_looked_at(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    for: 2s\n"
                       "    annotations: {v: '{{ $value }}'}\n  - record: r\n    expr: m\n");
    struct sg_ruler_info *info = sg_ruler_look(rig->ruler);
    assert_string_equal(info->groups[0].rules[0].health, "unknown");
    sg_ruler_info_free(info);
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_tick(rig, 0);
    rig_tick(rig, 2000);
    rig_put(rig, "m{i=\"2\"}", 9);
    rig_tick(rig, 1000);
    info = sg_ruler_look(rig->ruler);
    rig_load(rig, "groups: []"); /* the copy lives on */
    rig_tick(rig, 1000);
    assert_int_equal(info->n_groups, 1);
    const struct sg_group_info *g = &info->groups[0];
    assert_int_equal(g->interval_ms, 1000);
    assert_true(g->last_ms == T0 + 3000);
    const struct sg_rule_info *u = &g->rules[0];
    assert_true(sg_str_eq_c(u->rule->name, "A"));
    assert_int_equal(u->state, SG_ALERT_FIRING);
    assert_int_equal(u->n_alerts, 2);
    assert_int_equal(u->alerts[0].state, SG_ALERT_FIRING);
    assert_true(u->alerts[0].active_ms == T0 && u->alerts[0].fired_ms == T0 + 2000);
    assert_int_equal(u->alerts[1].state, SG_ALERT_PENDING);
    assert_true(u->alerts[1].value > 8.9 && u->alerts[1].value < 9.1);
    assert_true(sg_str_eq_c(sg_labels_get(u->alerts[1].annotations, SG_STR("v")), "9"));
    assert_int_equal(g->rules[1].n_alerts, 0);
    sg_ruler_info_free(info);
}

static void test_ruler__many_series_come_and_go(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n  - record: r\n    expr: m > 5\n");
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 40; i++) {
            char series[32];
            snprintf(series, sizeof(series), "m{i=\"%d\"}", i);
            rig_put(rig, series, (i * 7 + round * 3) % 11);
        }
        rig_tick(rig, 1000);
        rig_expect_query(rig, "count(ALERTS) - count(m > 5)", "{} 0\n");
        rig_expect_query(rig, "count(r == on (i) m) - count(m > 5)", "{} 0\n");
    }
    assert_int_equal(STAT(rig, failures), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ruler__fires_and_resolves),
        TEST(test_ruler__waits_for_its_time),
        TEST(test_ruler__keeps_firing_for_its_time),
        TEST(test_ruler__forgets_after_a_while),
        TEST(test_ruler__writes_the_series_of_alerts),
        TEST(test_ruler__records),
        TEST(test_ruler__scalars_are_recorded),
        TEST(test_ruler__later_rules_see_what_was_recorded),
        TEST(test_ruler__same_labels_twice_are_an_error),
        TEST(test_ruler__rules_that_say_the_same_have_their_own_time),
        TEST(test_ruler__records_same_labels_twice_are_an_error),
        TEST(test_ruler__limits_results),
        TEST(test_ruler__has_at_most_so_many_alerts),
        TEST(test_ruler__looks_back_by_the_offset),
        TEST(test_ruler__expands_labels),
        TEST(test_ruler__labels_that_follow_the_value_are_new_alerts),
        TEST(test_ruler__a_failed_evaluation_changes_nothing),
        TEST(test_ruler__alerts_about_alerts_may_share_a_series),
        TEST(test_ruler__says_when_the_store_refuses),
        TEST(test_ruler__tells_again),
        TEST(test_ruler__tells_again_what_queries_say_now),
        TEST(test_ruler__asks_queries_once_per_evaluation),
        TEST(test_ruler__tells_again_as_soon_as_is_asked),
        TEST(test_ruler__adds_external_labels),
        TEST(test_ruler__groups_have_their_intervals),
        TEST(test_ruler__groups_wait_when_time_is_up),
        TEST(test_ruler__can_be_looked_at),
        TEST(test_ruler__many_series_come_and_go),
    };
    return cmocka_run_group_tests_name("ruler", tests, NULL, NULL);
}
