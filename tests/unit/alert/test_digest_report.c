/* test_digest_report.c - what the mail of a digest says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include "alert/digest_priv.h"
#include "digest_rig.h"

#define FROM "2026-03-02T08:00:00Z"
#define UNTIL "2026-03-03T08:00:00Z"

/* A notification as the feed has it. until: "" while it fires. */
static void note(struct sg_digest_report *r, const char *name, const char *type, const char *from,
                 const char *until)
{
    char json[512], ends[64] = "";
    if (*until)
        snprintf(ends, sizeof(ends), ",\"endsAt\":%lld", (long long)rig_time(until));
    snprintf(json, sizeof(json),
             "{\"id\":\"%s-%s\",\"type\":\"%s\",\"title\":\"t\",\"status\":\"%s\",\"context\":{"
             "\"labels\":{\"alertname\":\"%s\"},\"startsAt\":%lld%s}}",
             name, from, type, *until ? "resolved" : "firing", name, (long long)rig_time(from),
             ends);
    sg_digest_report_note(r, sg_str_from(json));
}

static json_t *printed(struct sg_digest_report *r, const char *url)
{
    struct sg_buf out;
    sg_buf_init(&out, 4 << 20);
    sg_digest_report_print(r, sg_str_from(url), &out);
    json_t *root = json_loads(sg_buf_cstr(&out), 0, NULL);
    if (!root)
        fail_msg("no JSON: %s", sg_buf_cstr(&out));
    sg_buf_deinit(&out);
    return root;
}

static const char *part(const json_t *root, const char *key)
{
    return json_string_value(json_object_get(json_object_get(root, "digest"), key));
}

static void expect_part(struct sg_digest_report *r, const char *key, const char *expected)
{
    json_t *root = printed(r, "");
    if (strcmp(part(root, key), expected) != 0)
        fail_msg("%s:\n%s\nexpected:\n%s", key, part(root, key), expected);
    json_decref(root);
}

static void expect_within(struct sg_digest_report *r, const char *key, const char *expected)
{
    json_t *root = printed(r, "https://gauge.example/?a=1&b=\"2\"");
    if (!strstr(part(root, key), expected))
        fail_msg("%s:\n%s\nexpected therein:\n%s", key, part(root, key), expected);
    json_decref(root);
}

/* A day of the load 0 to 23, and two series of a percentage, of the second half only. */
static void record_day(struct rig *rig)
{
    for (rig->wall_ms = rig_time("2026-03-01T20:00:00Z"); rig->wall_ms < rig_time(UNTIL);
         rig->wall_ms += MINUTE) {
        rig_put(rig, "load", (double)((rig->wall_ms / HOUR + 16) % 24));
        if (rig->wall_ms >= rig_time("2026-03-02T20:00:00Z")) {
            rig_put(rig, "busy{i=\"<a>\"}", 12.5);
            rig_put(rig, "busy{i=\"b\"}", 0);
        }
        rig_tick(rig);
    }
}

static void test_digest_report__says_what_happened(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "digests: [{name: ops, receiver: team, title: Shop, expressions: [\n"
                  "  {title: Load, expr: load, unit: jobs}, {title: Busy, expr: busy, unit: '%'},\n"
                  "  {title: Nothing, expr: nothing}]}]");
    record_day(rig);
    struct sg_digest_report *r = rig_report(rig, FROM, UNTIL);
    note(r, "Slow", "warning", "2026-03-02T09:00:00Z", "");
    note(r, "Slow", "warning", "2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z");
    note(r, "Slow", "warning", "2026-03-02T10:00:00Z", "2026-03-02T10:05:30Z");
    note(r, "Down", "critical", "2026-03-03T07:59:15Z", "");
    expect_part(r, "subject", "[DAILY] Shop: 3 alerts, 1 firing");
    expect_part(r, "text",
                "Shop\n"
                "2026-03-02 08:00 to 2026-03-03 08:00 (UTC)\n"
                "streamgauge was up 100.00 % of the time\n"
                "\nWorst alerts\n"
                "  critical  Down: 1 time, 45s in total, still firing\n"
                "  warning   Slow: 2 times, 35m30s in total, the longest 30m\n"
                "\nLoad\n"
                "  min 0 jobs, avg 11.5 jobs, max 23 jobs, last 23 jobs\n"
                "  ▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▅▅▅▅▅▅▆▆▆▆▆▆▆▆▇▇▇▇▇▇████\n"
                "\nBusy\n"
                "  busy{i=\"<a>\"}\n"
                "  min 12.5%, avg 12.5%, max 12.5%, last 12.5%\n"
                "  ························▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄\n"
                "  busy{i=\"b\"}\n"
                "  min 0%, avg 0%, max 0%, last 0%\n"
                "  ························▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁\n"
                "\nNothing\n"
                "  no values\n");
    sg_digest_report_free(r);
}

static void test_digest_report__is_html_too(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "digests: [{name: ops, receiver: team, title: 'A & <b>', expressions: [\n"
                  "  {title: 'Busy > 1', expr: busy, unit: '\"'}, {expr: nothing}]}]");
    record_day(rig);
    struct sg_digest_report *r = rig_report(rig, FROM, UNTIL);
    note(r, "<script>", "critical", "2026-03-02T09:00:00Z", "");
    expect_within(r, "html", "<h2 style=\"font-size:18px;margin:0\">A &amp; &lt;b&gt;</h2>");
    expect_within(r, "html", "<b>&lt;script&gt;</b> (critical) 1 time, 23h in total, still firing");
    expect_within(r, "html", "Busy &gt; 1</h3>");
    expect_within(r, "html", "<code>busy{i=&quot;&lt;a&gt;&quot;}</code>");
    expect_within(r, "html", "min 12.5 &quot;, avg 12.5 &quot;");
    expect_within(r, "html", "···▄▄▄");
    expect_within(r, "html", "<p>No values.</p>");
    expect_within(r, "html", "<a href=\"https://gauge.example/?a=1&amp;b=&quot;2&quot;\"");
    json_t *root = printed(r, "javascript:alert(1)");
    assert_null(strstr(part(root, "html"), "javascript"));
    assert_null(strstr(part(root, "html"), "<script"));
    json_decref(root);
    sg_digest_report_free(r);
}

static void test_digest_report__is_a_row_of_the_outbox(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    struct sg_digest_report *r = rig_report(rig, FROM, UNTIL);
    json_t *root = printed(r, "https://gauge.example");
    assert_string_equal(json_string_value(json_object_get(root, "kind")), "digest");
    assert_string_equal(json_string_value(json_object_get(root, "receiver")), "team");
    assert_string_equal(json_string_value(json_object_get(root, "externalURL")),
                        "https://gauge.example");
    assert_int_equal(json_array_size(json_object_get(root, "alerts")), 0);
    assert_string_equal(part(root, "name"), "ops");
    assert_string_equal(part(root, "subject"), "[DAILY] ops: no alerts");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "digest"), "from")),
                     rig_time(FROM));
    assert_int_equal(json_integer_value(json_object_get(root, "notificationTime")),
                     rig_time(UNTIL));
    json_decref(root);
    sg_digest_report_free(r);
}

static void test_digest_report__nothing_was_recorded(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    struct sg_digest_report *r = rig_report(rig, FROM, UNTIL);
    expect_part(r, "text",
                "ops\n2026-03-02 08:00 to 2026-03-03 08:00 (UTC)\n"
                "streamgauge was up 0.00 % of the time\n"
                "\nWorst alerts\n  none\n\nLoad\n  no values\n");
    sg_digest_report_free(r);
}

static void test_digest_report__time_is_of_the_place(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, "digests: [{name: ops, receiver: team, schedule: weekly}]");
    struct sg_digest_report *r = sg_digest_report_new(
        &rig->digests->list[0], &(struct sg_journal_op){.number = (uint64_t)rig_time(FROM),
                                                        .time_ms = rig_time(FROM) + 7 * DAY,
                                                        .body = SG_STR("{\"offset\":-12600}")});
    expect_within(r, "text", "2026-03-02 04:30 to 2026-03-09 04:30 (UTC-03:30)\n");
    expect_part(r, "subject", "[WEEKLY] ops: no alerts");
    sg_digest_report_free(r);
}

static void test_digest_report__a_young_server_says_since_when(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-03T06:20:00Z");
    rig_run(rig, "2026-03-03T07:59:00Z");
    struct sg_digest_report *r = rig_report(rig, FROM, UNTIL);
    expect_within(r, "text", "was up 100.00 % of the time since 2026-03-03 06:20, 1 start\n");
    sg_digest_report_free(r);
}

static void test_digest_report__not_quite_always_is_not_100(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, DAILY);
    rig->wall_ms = rig_time("2026-03-01T08:00:00Z");
    rig_run(rig, "2026-03-02T12:00:00Z");
    rig->wall_ms += 2 * MINUTE; /* a minute is missing */
    rig_run(rig, "2026-03-03T07:59:00Z");
    struct sg_digest_report *r = rig_report(rig, FROM, UNTIL);
    expect_within(r, "text", "was up 99.93 % of the time\n");
    sg_digest_report_free(r);
}

/* ---- alerts ---- */

static struct sg_digest_report *report(struct rig *rig, const char *yaml)
{
    rig_load(rig, yaml);
    return rig_report(rig, FROM, UNTIL);
}

static void expect_worst(struct sg_digest_report *r, const char *expected)
{
    struct sg__worst worst[8];
    char text[1024] = "";
    size_t n = sg__report_worst(r, worst, 8);
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s %s %llu/%llu %lldm %lldm\n",
                 worst[i].severity, worst[i].name, (unsigned long long)worst[i].times,
                 (unsigned long long)worst[i].firing, (long long)(worst[i].total_ms / MINUTE),
                 (long long)(worst[i].longest_ms / MINUTE));
    }
    if (strcmp(text, expected) != 0)
        fail_msg("worst:\n%s\nexpected:\n%s", text, expected);
}

static void test_digest_report__the_worst_are_first(void **state)
{
    struct sg_digest_report *r = report(*state, DAILY);
    note(r, "Info", "info", "2026-03-02T08:00:00Z", "2026-03-03T07:00:00Z");
    note(r, "Short", "warning", "2026-03-02T09:00:00Z", "2026-03-02T09:01:00Z");
    note(r, "Long", "warning", "2026-03-02T09:00:00Z", "2026-03-02T11:00:00Z");
    note(r, "Crit", "critical", "2026-03-02T09:00:00Z", "2026-03-02T09:02:00Z");
    note(r, "Mixed", "info", "2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z");
    note(r, "Mixed", "critical", "2026-03-02T14:00:00Z", "");
    expect_worst(r, "critical Mixed 2/1 1140m 1080m\n"
                    "critical Crit 1/0 2m 2m\n"
                    "warning Long 1/0 120m 120m\n"
                    "warning Short 1/0 1m 1m\n"
                    "info Info 1/0 1380m 1380m\n");
    sg_digest_report_free(r);
}

static void test_digest_report__only_the_period_counts(void **state)
{
    struct sg_digest_report *r = report(*state, DAILY);
    note(r, "Before", "warning", "2026-03-02T06:00:00Z", "2026-03-02T08:00:00Z");
    note(r, "Into", "warning", "2026-03-01T06:00:00Z", "");
    note(r, "Into", "warning", "2026-03-01T06:00:00Z", "2026-03-02T09:00:00Z");
    note(r, "Old", "critical", "2026-02-20T06:00:00Z", "");
    note(r, "After", "warning", "2026-03-03T08:00:00Z", "");
    expect_worst(r, "critical Old 1/1 1440m 1440m\nwarning Into 1/0 60m 60m\n");
    sg_digest_report_free(r);
}

/* As alerting writes its rows. */
static void alert_row(struct sg_digest_report *r, const char *key, const char *name,
                      const char *from, const char *more)
{
    char body[512];
    snprintf(body, sizeof(body),
             "{\"labels\":{\"alertname\":\"%s\",\"severity\":\"page\"},\"startsAt\":%lld,%s}", name,
             (long long)rig_time(from), more);
    sg_digest_report_alert(r, sg_str_from(key), sg_str_from(body));
}

static void test_digest_report__what_fires_for_ever_is_not_forgotten(void **state)
{
    struct sg_digest_report *r = report(*state, DAILY);
    char json[256];
    snprintf(json, sizeof(json),
             "{\"id\":\"0b-%llx\",\"type\":\"info\",\"status\":\"firing\",\"context\":{\"labels\":"
             "{\"alertname\":\"Known\"},\"startsAt\":%lld}}",
             (unsigned long long)rig_time("2026-03-02T09:00:00Z"),
             (long long)rig_time("2026-03-02T09:00:00Z"));
    sg_digest_report_note(r, sg_str_from(json));
    alert_row(r, "api/0a", "Old", "2026-01-02T06:00:00Z", "\"endsAt\":0,\"fed\":true");
    alert_row(r, "api/0b", "Known", "2026-03-02T09:00:00Z", "\"endsAt\":0,\"fed\":true");
    alert_row(r, "api/0c", "Silenced", "2026-01-02T06:00:00Z", "\"endsAt\":0,\"fed\":false");
    alert_row(r, "api/0d", "Ended", "2026-01-02T06:00:00Z", "\"endsAt\":1,\"fed\":true");
    alert_row(r, "api/0e", "After", "2026-03-03T09:00:00Z", "\"endsAt\":0,\"fed\":true");
    sg_digest_report_alert(r, SG_STR("api/"), SG_STR("{"));
    sg_digest_report_alert(r, SG_STR("api/x"), SG_STR("[]"));
    expect_worst(r, "critical Old 1/1 1440m 1440m\ninfo Known 1/1 1380m 1380m\n");
    sg_digest_report_free(r);
}

static void test_digest_report__an_episode_counts_once(void **state)
{
    struct sg_digest_report *r = report(*state, DAILY);
    for (int i = 0; i < 5; i++)
        note(r, "A", "warning", "2026-03-02T09:00:00Z", "");
    note(r, "A", "warning", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z");
    expect_worst(r, "warning A 1/0 60m 60m\n");
    sg_digest_report_free(r);
}

static void test_digest_report__top_bounds_the_list(void **state)
{
    struct sg_digest_report *r = report(*state, "digests: [{name: ops, receiver: team, top: 1}]");
    note(r, "Long", "warning", "2026-03-02T09:00:00Z", "2026-03-02T11:00:00Z");
    note(r, "Short", "warning", "2026-03-02T09:00:00Z", "2026-03-02T09:01:00Z");
    expect_part(r, "subject", "[DAILY] ops: 2 alerts");
    expect_within(r, "text", "Worst alerts\n  warning   Long: 1 time, 2h in total\n");
    json_t *root = printed(r, "");
    assert_null(strstr(part(root, "text"), "Short"));
    assert_null(strstr(part(root, "html"), "Short"));
    json_decref(root);
    sg_digest_report_free(r);
}

static void test_digest_report__what_is_not_known_is_said(void **state)
{
    struct sg_digest_report *r = report(*state, DAILY);
    sg_digest_report_since(r, rig_time("2026-03-02T20:15:00Z"));
    expect_within(r, "text", "of the time before 2026-03-02 20:15 notifications are not kept\n");
    expect_within(r, "html", "before 2026-03-02 20:15 notifications are not kept</p>");
    sg_digest_report_free(r);
    r = report(*state, DAILY);
    sg_digest_report_since(r, rig_time(FROM));
    json_t *root = printed(r, "");
    assert_null(strstr(part(root, "text"), "not kept"));
    json_decref(root);
    sg_digest_report_free(r);
}

static void test_digest_report__has_a_bound_on_episodes(void **state)
{
    struct sg_digest_report *r = report(*state, DAILY);
    for (int i = 0; i < SG__REPORT_EPISODES + 3; i++) {
        char json[160];
        snprintf(json, sizeof(json),
                 "{\"id\":\"%d\",\"type\":\"info\",\"status\":\"firing\",\"context\":{\"startsAt\":"
                 "%lld}}",
                 i, (long long)rig_time(FROM));
        sg_digest_report_note(r, sg_str_from(json));
    }
    assert_int_equal(r->n_episodes, SG__REPORT_EPISODES);
    expect_within(r, "text", "  3 alerts more are not counted\n");
    sg_digest_report_free(r);
}

static void test_digest_report__survives_what_is_no_note(void **state)
{
    static const char *const notes[] = {"",
                                        "{",
                                        "[]",
                                        "{}",
                                        "{\"id\":1}",
                                        "{\"id\":\"a\",\"status\":3}",
                                        "1",
                                        "{\"id\":\"\"}",
                                        "{\"id\":\"a\",\"status\":\"firing\",\"context\":[]}"};
    struct sg_digest_report *r = report(*state, DAILY);
    for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++)
        sg_digest_report_note(r, sg_str_from(notes[i]));
    expect_worst(r, "warning alert 1/1 1440m 1440m\n");
    sg_digest_report_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define RIG(name)                                                                                  \
    cmocka_unit_test_setup_teardown(test_digest_report__##name, rig_setup, rig_teardown)
        RIG(says_what_happened),          RIG(is_html_too),
        RIG(is_a_row_of_the_outbox),      RIG(nothing_was_recorded),
        RIG(time_is_of_the_place),        RIG(a_young_server_says_since_when),
        RIG(not_quite_always_is_not_100), RIG(the_worst_are_first),
        RIG(only_the_period_counts),      RIG(what_fires_for_ever_is_not_forgotten),
        RIG(an_episode_counts_once),      RIG(top_bounds_the_list),
        RIG(what_is_not_known_is_said),   RIG(has_a_bound_on_episodes),
        RIG(survives_what_is_no_note),
#undef RIG
    };
    return cmocka_run_group_tests_name("alert/digest_report", tests, NULL, NULL);
}
