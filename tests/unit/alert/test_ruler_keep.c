/* test_ruler_keep.c - what a ruler keeps: through a reload, a restart, a clock that jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ruler_rig.h"

#define STAT(rig, name) ((unsigned)atomic_load(&sg_ruler_get_stats((rig)->ruler)->name))
#define RULE_A HEAD "  - alert: A\n    expr: m > 5\n    for: 10s\n"

/* A new process: another ruler with the rows that were written, a monotonic clock of its own and
 * an empty store. */
static void restart(struct rig *rig, const char *rules, int64_t stopped_ms)
{
    sg_ruler_free(rig->ruler);
    sg_mem_store_clear(rig->store);
    rig_start(rig);
    rig_load(rig, rules);
    rig->wall_ms += stopped_ms;
    rig->mono_ms = 77;
    struct sg_journal *rows = rig->journal;
    for (struct sg_journal_op *op = rows->first; op; op = op->next) {
        bool last = op->kind == SG_JOURNAL_PUT;
        for (struct sg_journal_op *later = op->next; later; later = later->next)
            last = last && !sg_str_eq(later->key, op->key);
        if (last)
            sg_ruler_restore(rig->ruler, op->key, op->body, rig->wall_ms);
    }
    sg_journal_free(rows);
    rig->journal = sg_journal_new();
}

static void test_reload__keeps_what_stays(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    for: 10s\n  - record: r\n    expr: m\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_tick(rig, 6000);
    rig_load(rig, HEAD "  - record: new\n    expr: m\n"
                       "  - alert: A\n    expr: m > 4\n    for: 8s\n    annotations: {a: b}\n");
    rig_tick(rig, 1000);
    rig_expect(rig, "");
    rig_expect_query(rig, "r", "");
    rig_expect_query(rig, "new", "new 7\n");
    rig_tick(rig, 1000);
    rig_expect(rig, "firing{alertname=\"A\"} since 8000 a=b\n");
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 4\n    annotations: {a: c}\n");
    rig_tick(rig, 1000);
    rig_expect(rig, "firing{alertname=\"A\"} since 8000 a=c\n");
    rig_expect_journal(rig, "put pending\nput firing\n");
}

static void test_reload__resolves_what_went(void **state)
{
    struct rig *rig = *state;
    rig_load(rig,
             HEAD "  - alert: A\n    expr: m > 5\n  - alert: B\n    expr: m > 5\n    for: 5s\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\"} since 0\n");
    rig_load(rig, HEAD "  - alert: C\n    expr: m > 100\n");
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\"} since 0 until 1000\n");
    rig_expect_journal(rig, "put firing\nput pending\ndelete\ndelete\n");
    rig_expect_query(rig, "ALERTS", "");
    assert_int_equal(STAT(rig, firing) + STAT(rig, pending), 0);
}

static void test_reload__other_labels_are_another_rule(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    labels: {x: y}\n"
                       "  - alert: A\n    expr: m > 6\n    labels: {x: z}\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n    labels: {x: z}\n");
    sg_buf_reset(&rig->told);
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\", x=\"y\"} since 0 until 1000\n"
                    "firing{alertname=\"A\", x=\"z\"} since 0\n");
}

static void test_reload__twins_keep_their_own(void **state)
{
    struct rig *rig = *state;
    rig_load(rig,
             HEAD "  - alert: A\n    expr: m > 5\n    for: 5s\n  - alert: A\n    expr: n > 5\n");
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_put(rig, "n{i=\"2\"}", 7);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\", i=\"2\"} since 0\n");
    rig_load(rig,
             HEAD "  - alert: A\n    expr: m > 5\n    for: 5s\n  - alert: A\n    expr: n > 5\n");
    rig_tick(rig, 5000);
    rig_expect(rig, "firing{alertname=\"A\", i=\"1\"} since 5000\n"
                    "firing{alertname=\"A\", i=\"2\"} since 0\n");
}

static void test_restart__pending_goes_on(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, RULE_A);
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_tick(rig, 4000);
    restart(rig, RULE_A, 3000);
    rig_tick(rig, 0);
    rig_expect(rig, "");
    assert_int_equal(STAT(rig, pending), 1);
    rig_put(rig, "m", 7);
    rig_tick(rig, 2900);
    rig_expect(rig, "");
    rig_tick(rig, 100);
    rig_expect(rig, "firing{alertname=\"A\"} since 10000\n");
}

static void test_restart__pending_begins_anew_after_a_long_stop(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, RULE_A);
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    restart(rig, RULE_A, SG_MS_PER_HOUR + 1000);
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_tick(rig, 9000);
    rig_expect(rig, "");
    rig_tick(rig, 1000);
    rig_expect(rig, "firing{alertname=\"A\"} since 3611000\n");
}

static void test_restart__firing_is_the_same_alert(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, RULE_A);
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_tick(rig, 10000);
    rig_expect(rig, "firing{alertname=\"A\"} since 10000\n");
    restart(rig, RULE_A, 7200000);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\"} since 10000\n");
    rig_tick(rig, 30000); /* no data yet, and nothing resolves */
    rig_expect_query(rig, "ALERTS", "ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 1000);
    rig_put(rig, "m", 1);
    rig_expect(rig, "");
    rig_tick(rig, 1000); /* seen true once: what is false now counts */
    rig_expect(rig, "resolved{alertname=\"A\"} since 10000 until 7242000\n");
    rig_expect_journal(rig, "put resolved\n");
}

static void test_restart__annotations_are_those_of_before(void **state)
{
    struct rig *rig = *state;
    static const char rules[] =
        HEAD "  - alert: A\n    expr: m > 5\n    labels: {i: x}\n"
             "    annotations: {a: '{{ $labels.i }} {{ query \"n\" | first | value }}'}\n";
    rig_load(rig, rules);
    rig_put(rig, "m{i=\"1\"}", 7);
    rig_put(rig, "n", 3);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\", i=\"x\"} since 0 a=1 3\n");
    restart(rig, rules, 1000);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\", i=\"x\"} since 0 a=1 3\n");
    rig_put(rig, "m{i=\"2\"}", 7);
    rig_put(rig, "n", 4);
    for (int i = 0; i < 60; i++)
        rig_tick(rig, 1000);
    rig_expect(rig, "firing{alertname=\"A\", i=\"x\"} since 0 a=2 4\n");
}

static void test_restart__grace_ends(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    restart(rig, HEAD "  - alert: A\n    expr: m > 5\n", 1000);
    rig_tick(rig, 0);
    rig_tick(rig, 59000);
    sg_buf_reset(&rig->told);
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\"} since 0 until 61000\n");
}

#define ALERT_ON(expr) HEAD "  - alert: A\n    expr: " expr "\n"

/* Fires for i="a", and starts anew. */
static void fire_and_restart(struct rig *rig, const char *rules)
{
    rig_load(rig, rules);
    rig_put(rig, "m{i=\"a\"}", 7);
    rig_tick(rig, 1000);
    restart(rig, rules, 1000);
    rig_tick(rig, 0);
    sg_buf_reset(&rig->told);
}

static void test_restart__a_sample_that_says_no_resolves_at_once(void **state)
{
    struct rig *rig = *state;
    static const char rules[] = ALERT_ON("1024 * 5 < -m * -1024 > 0");
    fire_and_restart(rig, rules);
    rig_put(rig, "m{i=\"b\"}", 1); /* another one's says nothing */
    rig_tick(rig, 1000);
    rig_expect(rig, "");
    rig_put(rig, "m{i=\"a\"}", 1);
    rig_tick(rig, 1000);
    rig_expect(rig, "resolved{alertname=\"A\", i=\"a\"} since 1000 until 4000\n");
}

static void test_restart__parts_of_the_data_resolve_nothing(void **state)
{
    struct rig *rig = *state;
    static const char *const rules[] = {
        ALERT_ON("sum by (i) (m) > 5"), ALERT_ON("max_over_time(m[5m]) > 5"),
        ALERT_ON("m > 5 and m > 6"),    ALERT_ON("m > scalar(n) or m > 5"),
        ALERT_ON("(m > bool 5) == 1"),
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(rules); i++) {
        fire_and_restart(rig, rules[i]);
        rig_put(rig, "m{i=\"a\"}", 1);
        rig_tick(rig, 1000);
        rig_expect(rig, "");
        rig_tick(rig, 60000);
        if (!strstr(sg_buf_cstr(&rig->told), "resolved{"))
            fail_msg("%s: told %s", rules[i], sg_buf_cstr(&rig->told));
        restart(rig, HEAD "  - {record: r, expr: m}\n", 1000);
        rig_tick(rig, 0);
    }
}

static void test_restart__resolved_is_told_again(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_put(rig, "m", 1);
    rig_tick(rig, 1000);
    sg_buf_reset(&rig->told);
    restart(rig, HEAD "  - alert: A\n    expr: m > 5\n", 1000);
    rig_tick(rig, 0);
    rig_expect(rig, "resolved{alertname=\"A\"} since 0 until 1000\n");
    rig_tick(rig, SG_ALERT_RETENTION_MS);
    rig_expect(rig, "");
    rig_expect_journal(rig, "delete\n");
}

static void test_restart__rules_that_went_are_resolved(void **state)
{
    struct rig *rig = *state;
    rig_load(rig,
             HEAD "  - alert: A\n    expr: m > 5\n  - alert: B\n    expr: m > 5\n    for: 1h\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    sg_buf_reset(&rig->told);
    restart(rig, HEAD "  - alert: C\n    expr: m > 5\n", 1000);
    rig_tick(rig, 0);
    rig_expect(rig, "resolved{alertname=\"A\"} since 0 until 1000\n");
    rig_expect_journal(rig, "delete\ndelete\n");
}

static void test_restart__bad_rows_are_deleted(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n");
    sg_ruler_restore(rig->ruler, SG_STR("x"), SG_STR("{"), T0);
    sg_ruler_restore(rig->ruler, SG_STR("0123456789abcdef-0123456789abcdef"),
                     SG_STR("{\"state\":\"firing\"}"), T0);
    sg_ruler_restore(rig->ruler, SG_STR("~alive"), SG_STR("[]"), T0);
    rig_tick(rig, 0);
    rig_expect(rig, "resolved{} since -1764000000000 until 0\n");
    rig_expect_journal(rig, "delete\ndelete\n");
}

static void test_clock__forward_resolves_and_fires_nothing(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n  - alert: Gone\n    expr: absent(m)\n"
                       "  - alert: P\n    expr: m > 5\n    for: 20s\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\"} since 0\n");
    rig->wall_ms += SG_MS_PER_HOUR;
    rig_tick(rig, 1000);
    rig_expect(rig, "");
    rig_tick(rig, 1000);
    rig_expect(rig, "");
    rig_put(rig, "m", 7);
    rig_tick(rig, 17900);
    rig_expect(rig, "");
    rig_tick(rig, 11100); /* by the monotonic clock `for` is over, and the hold too */
    rig_expect(rig, "firing{alertname=\"P\"} since 3631000\n");
}

static void test_clock__backward_changes_nothing(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n  - alert: Gone\n    expr: absent(m)\n");
    rig_put(rig, "m", 7);
    rig_tick(rig, 0);
    rig_expect(rig, "firing{alertname=\"A\"} since 0\n");
    rig->wall_ms -= SG_MS_PER_HOUR;
    for (int i = 0; i < 29; i++) {
        rig_tick(rig, 1000);
        rig_expect(rig, "");
    }
    rig_put(rig, "m", 7);
    for (int i = 0; i < 20; i++)
        rig_tick(rig, 1000);
    assert_null(strstr(sg_buf_cstr(&rig->told), "resolved"));
    assert_null(strstr(sg_buf_cstr(&rig->told), "Gone"));
}

static void test_clock__small_steps_are_no_jump(void **state)
{
    struct rig *rig = *state;
    rig_load(rig, HEAD "  - alert: A\n    expr: m > 5\n");
    rig_tick(rig, 0);
    rig->wall_ms += 900;
    rig_put(rig, "m", 7);
    rig_tick(rig, 1100);
    rig_expect(rig, "firing{alertname=\"A\"} since 2000\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reload__keeps_what_stays),
        TEST(test_reload__resolves_what_went),
        TEST(test_reload__other_labels_are_another_rule),
        TEST(test_reload__twins_keep_their_own),
        TEST(test_restart__pending_goes_on),
        TEST(test_restart__pending_begins_anew_after_a_long_stop),
        TEST(test_restart__firing_is_the_same_alert),
        TEST(test_restart__annotations_are_those_of_before),
        TEST(test_restart__grace_ends),
        TEST(test_restart__a_sample_that_says_no_resolves_at_once),
        TEST(test_restart__parts_of_the_data_resolve_nothing),
        TEST(test_restart__resolved_is_told_again),
        TEST(test_restart__rules_that_went_are_resolved),
        TEST(test_restart__bad_rows_are_deleted),
        TEST(test_clock__forward_resolves_and_fires_nothing),
        TEST(test_clock__backward_changes_nothing),
        TEST(test_clock__small_steps_are_no_jump),
    };
    return cmocka_run_group_tests_name("ruler_keep", tests, NULL, NULL);
}
