/* test_state.c - the state table: every state with every event before, at and after every time
 * that counts; fingerprints and severities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/alert.h>
#include <string.h>

#define INACTIVE SG_ALERT_INACTIVE
#define PENDING SG_ALERT_PENDING
#define FIRING SG_ALERT_FIRING
#define RESOLVED SG_ALERT_RESOLVED
#define YES SG_ALERT_TRUE
#define NO SG_ALERT_FALSE
#define DONT_KNOW SG_ALERT_UNKNOWN

/* An alert that is active since 1000, was kept since 1000 when `kept`, changed at 1000. */
static const struct row {
    enum sg_alert_state from;
    enum sg_alert_event event;
    int64_t for_ms, keep_ms;
    bool kept;
    int64_t now_ms;
    enum sg_alert_state to;
    bool kept_after;
} table[] = {
    {INACTIVE, YES, 0, 0, false, 5000, FIRING, false},
    {INACTIVE, YES, 1, 0, false, 5000, PENDING, false},
    {INACTIVE, NO, 0, 0, false, 5000, INACTIVE, false},
    {INACTIVE, DONT_KNOW, 0, 0, false, 5000, INACTIVE, false},
    {PENDING, YES, 100, 0, false, 1099, PENDING, false},
    {PENDING, YES, 100, 0, false, 1100, FIRING, false},
    {PENDING, YES, 100, 0, false, 9999, FIRING, false},
    {PENDING, YES, 0, 0, false, 1000, FIRING, false}, /* a reload took `for` away */
    {PENDING, NO, 100, 0, false, 1099, INACTIVE, false},
    {PENDING, NO, 100, 0, false, 1100, INACTIVE, false},
    {PENDING, NO, 100, 100, false, 1050, INACTIVE, false}, /* only what fires is kept */
    {PENDING, DONT_KNOW, 100, 0, false, 1099, PENDING, false},
    {PENDING, DONT_KNOW, 100, 0, false, 9999, PENDING, false},
    {FIRING, YES, 100, 0, false, 1001, FIRING, false},
    {FIRING, YES, 0, 100, true, 1050, FIRING, false},
    {FIRING, YES, 0, 100, true, 9999, FIRING, false},
    {FIRING, NO, 0, 0, false, 1001, RESOLVED, false},
    {FIRING, NO, 0, 100, false, 9999, FIRING, true},
    {FIRING, NO, 0, 100, true, 1099, FIRING, true},
    {FIRING, NO, 0, 100, true, 1100, RESOLVED, false},
    {FIRING, NO, 0, 0, true, 1001, RESOLVED, false}, /* a reload took keep_firing_for away */
    {FIRING, DONT_KNOW, 0, 0, false, 9999, FIRING, false},
    {FIRING, DONT_KNOW, 0, 100, true, 9999, FIRING, true},
    {RESOLVED, YES, 0, 0, false, 2000, FIRING, false},
    {RESOLVED, YES, 100, 0, false, 2000, PENDING, false},
    {RESOLVED, YES, 0, 0, false, 1000 + SG_ALERT_RETENTION_MS + 1, FIRING, false},
    {RESOLVED, NO, 0, 0, false, 2000, RESOLVED, false},
    {RESOLVED, NO, 0, 0, false, 1000 + SG_ALERT_RETENTION_MS, RESOLVED, false},
    {RESOLVED, NO, 0, 0, false, 1000 + SG_ALERT_RETENTION_MS + 1, INACTIVE, false},
    {RESOLVED, DONT_KNOW, 0, 0, false, 1000 + SG_ALERT_RETENTION_MS, RESOLVED, false},
    {RESOLVED, DONT_KNOW, 0, 0, false, 1000 + SG_ALERT_RETENTION_MS + 1, INACTIVE, false},
};

static void test_state__follows_the_table(void **state)
{
    bool seen[SG_N_ALERT_STATES][SG_N_ALERT_EVENTS] = {{false}};
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        const struct row *r = &table[i];
        struct sg_alert_times t = {.for_ms = r->for_ms,
                                   .keep_ms = r->keep_ms,
                                   .active_ms = 1000,
                                   .kept_ms = 1000,
                                   .changed_ms = 1000,
                                   .kept = r->kept};
        enum sg_alert_state to = sg_alert_next(r->from, r->event, &t, r->now_ms);
        if (to != r->to || t.kept != r->kept_after)
            fail_msg("row %zu: %s, kept %d", i, sg_alert_state_name(to), t.kept);
        assert_int_equal(t.changed_ms, to == r->from ? 1000 : r->now_ms);
        bool begins = r->event == YES && (r->from == INACTIVE || r->from == RESOLVED);
        assert_int_equal(t.active_ms, begins ? r->now_ms : 1000);
        assert_int_equal(t.for_ms, r->for_ms);
        assert_int_equal(t.keep_ms, r->keep_ms);
        seen[r->from][r->event] = true;
    }
    for (int s = 0; s < SG_N_ALERT_STATES; s++)
        for (int e = 0; e < SG_N_ALERT_EVENTS; e++)
            assert_true(seen[s][e]);
}

static void test_state__keeping_begins_anew_after_it_was_true(void **state)
{
    struct sg_alert_times t = {.keep_ms = 100};
    (void)state;
    enum sg_alert_state s = sg_alert_next(INACTIVE, YES, &t, 0);
    s = sg_alert_next(s, NO, &t, 10);
    s = sg_alert_next(s, NO, &t, 109);
    assert_int_equal(s, FIRING);
    s = sg_alert_next(s, YES, &t, 110);
    s = sg_alert_next(s, NO, &t, 120);
    s = sg_alert_next(s, NO, &t, 219);
    assert_int_equal(s, FIRING);
    assert_int_equal(sg_alert_next(s, NO, &t, 220), RESOLVED);
}

static const struct sg_labels *labels(const char *const *pairs)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    for (; *pairs; pairs += 2)
        sg_labels_builder_set(&b, sg_str_from(pairs[0]), sg_str_from(pairs[1]));
    return sg_labels_builder_build(&b);
}

/* As Prometheus' common library computes them, by hand: FNV-1a with 0xff behind names and values.
 */
static void test_alert__fingerprint_is_alertmanagers(void **state)
{
    char text[17];
    (void)state;
    assert_int_equal(sg_alert_fingerprint(sg_labels_empty()), UINT64_C(14695981039346656037));
    uint64_t h = UINT64_C(14695981039346656037);
    const unsigned char bytes[] = {'a', 0xff, 'b', 0xff, 'c', 0xff, 'd', 0xff};
    for (size_t i = 0; i < sizeof(bytes); i++)
        h = (h ^ bytes[i]) * UINT64_C(1099511628211);
    const struct sg_labels *l = labels((const char *const[]){"c", "d", "a", "b", NULL});
    assert_true(sg_alert_fingerprint(l) == h);
    sg_labels_unref(l);
    sg_alert_fingerprint_text(0xabc, text);
    assert_string_equal(text, "0000000000000abc");
}

static void test_alert__severity_is_one_of_three(void **state)
{
    static const char *const cases[][2] = {
        {"critical", "critical"}, {"PAGE", "critical"}, {"fatal", "critical"},
        {"error", "critical"},    {"high", "critical"}, {"emergency", "critical"},
        {"info", "info"},         {"none", "info"},     {"low", "info"},
        {"debug", "info"},        {"notice", "info"},   {"warning", "warning"},
        {"whatever", "warning"},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        const struct sg_labels *l = labels((const char *const[]){"severity", cases[i][0], NULL});
        assert_string_equal(sg_alert_severity(l), cases[i][1]);
        sg_labels_unref(l);
    }
    assert_string_equal(sg_alert_severity(sg_labels_empty()), "warning");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state__follows_the_table),
        cmocka_unit_test(test_state__keeping_begins_anew_after_it_was_true),
        cmocka_unit_test(test_alert__fingerprint_is_alertmanagers),
        cmocka_unit_test(test_alert__severity_is_one_of_three),
    };
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
