/* sim_resume.c - connections that are cut and come back with epoch and offset: no gap and no double
 * while the ring holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_rig.h"

/* A counter stream: one series whose value is the number of the tick, so that every missed or
 * doubled frame shows. */
static void count_up(struct rig *r)
{
    struct rig_topic *t = rig_topic(r, "x", 100);
    t->present[0] = true;
    t->value[0] += 1;
}

static void resume(struct rig *r, struct line *l, struct client_model *c, const char *id,
                   const char *query)
{
    char text[512];
    struct cm_sub *s = cm_expect(c, id);
    if (!s->has_state) { /* nothing was seen, so there is nothing to go on after */
        line_subscribe(l, id, query);
        return;
    }
    snprintf(text, sizeof(text),
             "{\"action\":\"subscribe\",\"id\":\"%s\",\"query\":\"%s\",\"interval\":\"100ms\","
             "\"epoch\":\"%s\",\"offset\":%lld}",
             id, query, c->epoch, (long long)s->offset);
    (void)r;
    line_say(l, text);
}

static void cuts(unsigned seed)
{
    struct rig r;
    struct line l;
    struct client_model *c = calloc(1, sizeof(*c));
    struct sg_prng g = {seed};
    rig_init(&r);
    cm_init(c, CM_WS);
    line_open(&r, &l, c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(l.session);
    line_subscribe(&l, "x", "x");
    for (int cut = 0; cut < 20; cut++) {
        int alive = (int)sg_prng_below(&g, 8), away = (int)sg_prng_below(&g, 8);
        l.slow_percent = (unsigned)sg_prng_below(&g, 2) * 50;
        for (int i = 0; i < alive; i++)
            count_up(&r), rig_step(&r);
        line_cut(&l); /* a slow line loses what it held: the client never saw it */
        for (int i = 0; i < away; i++)
            count_up(&r), rig_step(&r);
        cm_reconnect(c);
        line_open(&r, &l, c, SG_WIRE_WS, SG_DIALECT_V1);
        sg_session_start(l.session);
        resume(&r, &l, c, "x", "x");
    }
    count_up(&r);
    rig_step(&r);
    if (c->violations)
        fail_msg("%s", c->violation);
    struct cm_sub *s = cm_find(c, "x");
    assert_null(rig_compare(&r, rig_topic(&r, "x", 100), s));
    assert_int_equal(s->gaps, 0);
    assert_int_equal(s->dropped, 0);
    assert_true(s->fulls <= 2); /* the first, and one more if the first connection had not got it */
    line_cut(&l);
    cm_deinit(c);
    free(c);
    rig_deinit(&r);
}

static void test_resume__twenty_cuts_without_gap_or_double(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 30; seed++)
        cuts(seed);
}

/* Every frame arrives exactly once over a cut, not just the final state. */
static void test_resume__each_frame_comes_once(void **state)
{
    (void)state;
    struct rig r;
    struct line l;
    struct client_model *c = calloc(1, sizeof(*c));
    rig_init(&r);
    cm_init(c, CM_WS);
    line_open(&r, &l, c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(l.session);
    line_subscribe(&l, "x", "x");
    for (int i = 0; i < 10; i++)
        count_up(&r), rig_step(&r);
    line_cut(&l);
    for (int i = 0; i < 50; i++)
        count_up(&r), rig_step(&r);
    cm_reconnect(c);
    line_open(&r, &l, c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(l.session);
    resume(&r, &l, c, "x", "x");
    struct cm_sub *s = cm_find(c, "x");
    assert_true(s->recovered);
    assert_int_equal(s->fulls, 1);
    assert_int_equal(s->updates, 9 + 50);
    line_cut(&l);
    cm_deinit(c);
    free(c);
    rig_deinit(&r);
}

static void too_late(const char *epoch, uint32_t ring, unsigned expected_gaps)
{
    struct rig r;
    struct line l;
    struct client_model *c = calloc(1, sizeof(*c));
    struct sg_hub_options o;
    rig_options(&r, &o);
    o.limits.ring_frames = ring;
    rig_start(&r, &o);
    cm_init(c, CM_WS);
    line_open(&r, &l, c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(l.session);
    line_subscribe(&l, "x", "x");
    for (int i = 0; i < 5; i++)
        count_up(&r), rig_step(&r);
    line_cut(&l);
    for (int i = 0; i < 50; i++)
        count_up(&r), rig_step(&r);
    cm_reconnect(c);
    if (epoch)
        snprintf(c->epoch, sizeof(c->epoch), "%s", epoch);
    line_open(&r, &l, c, SG_WIRE_WS, SG_DIALECT_V1);
    char keep[20];
    snprintf(keep, sizeof(keep), "%s", c->epoch);
    sg_session_start(l.session);
    snprintf(c->epoch, sizeof(c->epoch), "%s", keep);
    resume(&r, &l, c, "x", "x");
    struct cm_sub *s = cm_find(c, "x");
    assert_false(s->recovered);
    assert_int_equal(s->gaps, expected_gaps);
    assert_int_equal(s->fulls, 2);
    assert_null(rig_compare(&r, rig_topic(&r, "x", 100), s));
    assert_int_equal(c->violations, 0);
    line_cut(&l);
    cm_deinit(c);
    free(c);
    rig_deinit(&r);
}

static void test_resume__past_the_ring_a_gap_is_told_and_a_full_follows(void **state)
{
    (void)state;
    too_late(NULL, 10, 1);
}

static void test_resume__another_epoch_is_a_gap_and_a_full(void **state)
{
    (void)state;
    too_late("00000000deadbeef", 1024, 1);
    too_late("nonsense", 1024, 1);
}

/* ---- SSE: one id for all subscriptions ---- */

static void sse_open(struct rig *r, struct line *l, struct client_model *c, const char *last_id)
{
    struct sg_error err = {0};
    const struct sg_arg args[] = {{SG_STR("query"), SG_STR("x")},
                                  {SG_STR("query"), SG_STR("y")},
                                  {SG_STR("topic"), SG_STR("notifications")},
                                  {SG_STR("interval"), SG_STR("100ms")}};
    line_open(r, l, c, SG_WIRE_SSE, SG_DIALECT_V1);
    cm_expect(c, "1");
    cm_expect(c, "2");
    cm_expect(c, "3");
    struct sg_str id = last_id && last_id[0] ? sg_str_from(last_id) : (struct sg_str){NULL, 0};
    int rc = sg_session_subscribe_args(l->session, args, SG_ARRAY_LEN(args), id, &err);
    if (rc < 0)
        fail_msg("%s", err.text);
    sg_session_start(l->session);
}

static void sse_check(struct rig *r, struct client_model *c)
{
    static const char *const names[] = {"x", "y"}, *const ids[] = {"1", "2"};
    if (c->violations)
        fail_msg("%s", c->violation);
    for (int i = 0; i < 2; i++) {
        const char *diff = rig_compare(r, rig_topic(r, names[i], 100), cm_find(c, ids[i]));
        if (diff)
            fail_msg("%s", diff);
    }
}

/* Cut at random moments, on slow and fast lines, also in the middle of a block: the last id the
 * client has seen brings back every stream's state and every notification once. */
static void sse_cuts(unsigned seed, bool drops)
{
    struct rig r;
    struct line l;
    struct client_model *c = calloc(1, sizeof(*c));
    struct sg_prng g = {seed};
    int notes = 0;
    bool owed = false; /* frames were lost and the engine has not repeated its state yet */
    rig_init(&r);
    cm_init(c, CM_SSE);
    sse_open(&r, &l, c, NULL);
    rig_step(&r);
    assert_true(c->last_event_id[0]); /* from here on it can resume */
    for (int cut = 0; cut < 20; cut++) {
        l.slow_percent = (unsigned)sg_prng_below(&g, 3) * 30;
        int steps = (int)sg_prng_below(&g, 12);
        for (int i = 0; i < steps; i++) {
            rig_shake(rig_topic(&r, "x", 100), &g, 3);
            if (sg_prng_below(&g, 2))
                rig_shake(rig_topic(&r, "y", 100), &g, 3);
            if (!drops && sg_prng_below(&g, 3) == 0)
                rig_note(&r, ++notes, "info");
            r.drop = drops && sg_prng_below(&g, 100) < 15;
            owed = owed || r.drop;
            if (owed && !r.drop && sg_prng_below(&g, 3) == 0) { /* the repair comes late */
                rig_resync(&r);
                owed = false;
            }
            rig_tick(&r);
            if (sg_prng_below(&g, 3))
                rig_flush(&r);
            r.now_ms += 100;
            if (sg_prng_below(&g, 3) == 0)
                line_drain(&l);
        }
        /* Some of what was held did arrive. */
        if (l.behind && l.held.len)
            cm_feed(c, l.held.data, sg_prng_below(&g, l.held.len));
        line_cut(&l);
        cm_reconnect(c);
        char last[64];
        snprintf(last, sizeof(last), "%s", c->last_event_id);
        sse_open(&r, &l, c, last);
    }
    r.drop = false;
    if (drops)
        rig_resync(&r);
    rig_flush(&r);
    sse_check(&r, c);
    /* Notifications: all since the first id was seen, none twice (the client drops what it has by
     * its offset). */
    size_t distinct = 0;
    int64_t newest = 0;
    for (size_t i = 0; i < c->n_notes; i++)
        if (c->notes[i] > newest)
            newest = c->notes[i], distinct++;
    assert_int_equal(distinct, notes);
    line_cut(&l);
    cm_deinit(c);
    free(c);
    rig_deinit(&r);
}

static void test_resume__sse_ids_cover_all_subscriptions(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 60; seed++)
        sse_cuts(seed, false);
}

/* While frames are missing on this edge no id may promise them. */
static void test_resume__sse_ids_promise_nothing_that_was_lost_on_the_way(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 60; seed++)
        sse_cuts(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume__twenty_cuts_without_gap_or_double),
        cmocka_unit_test(test_resume__each_frame_comes_once),
        cmocka_unit_test(test_resume__past_the_ring_a_gap_is_told_and_a_full_follows),
        cmocka_unit_test(test_resume__another_epoch_is_a_gap_and_a_full),
        cmocka_unit_test(test_resume__sse_ids_cover_all_subscriptions),
        cmocka_unit_test(test_resume__sse_ids_promise_nothing_that_was_lost_on_the_way),
    };
    return cmocka_run_group_tests_name("sim_resume", tests, NULL, NULL);
}
