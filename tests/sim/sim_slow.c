/* sim_slow.c - sessions whose connection takes bytes only now and then: bounded memory, fresh
 * state, nothing lost in silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_rig.h"

enum { CLIENTS = 6, KEYS = 3 };
static const char *const keys[KEYS] = {"x", "y", "z"};

struct world {
    struct rig r;
    struct client_model c[CLIENTS];
    struct line l[CLIENTS];
    struct sg_prng g;
};

static struct world *world_new(unsigned seed, const struct sg_hub_limits *limits)
{
    struct world *w = calloc(1, sizeof(*w));
    struct sg_hub_options o;
    rig_options(&w->r, &o);
    if (limits)
        o.limits = *limits;
    rig_start(&w->r, &o);
    w->g.state = seed;
    for (int i = 0; i < CLIENTS; i++) {
        cm_init(&w->c[i], (enum cm_wire)(i % 3));
        line_open(&w->r, &w->l[i], &w->c[i], (enum sg_wire)(i % 3), SG_DIALECT_V1);
        w->l[i].prng.state = seed * 100 + (unsigned)i;
        sg_session_start(w->l[i].session);
        for (int k = 0; k < KEYS; k++)
            line_subscribe(&w->l[i], keys[k], keys[k]);
    }
    return w;
}

static void world_free(struct world *w)
{
    for (int i = 0; i < CLIENTS; i++) {
        line_cut(&w->l[i]);
        cm_deinit(&w->c[i]);
    }
    rig_deinit(&w->r);
    free(w);
}

static void world_step(struct world *w)
{
    for (int k = 0; k < KEYS; k++)
        rig_shake(rig_topic(&w->r, keys[k], 100), &w->g, 4);
    rig_step(&w->r);
    for (int i = 0; i < CLIENTS; i++)
        if (sg_prng_below(&w->g, 5) == 0)
            line_drain(&w->l[i]);
}

static void world_settle(struct world *w)
{
    for (int i = 0; i < CLIENTS; i++)
        w->l[i].slow_percent = 0;
    for (int i = 0; i < CLIENTS; i++)
        line_drain(&w->l[i]);
    rig_flush(&w->r);
}

static void world_check(struct world *w)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (w->c[i].violations)
            fail_msg("client %d: %s", i, w->c[i].violation);
        for (int k = 0; k < KEYS; k++) {
            const char *diff =
                rig_compare(&w->r, rig_topic(&w->r, keys[k], 100), cm_find(&w->c[i], keys[k]));
            if (diff)
                fail_msg("client %d: %s", i, diff);
        }
    }
}

static void test_slow__random_stalls_end_in_the_engines_state(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct world *w = world_new(seed, NULL);
        for (int i = 0; i < CLIENTS; i++)
            w->l[i].slow_percent = (unsigned)i * 20;
        for (int step = 0; step < 200; step++)
            world_step(w);
        world_settle(w);
        world_check(w);
        const struct sg_hub_stats *st = sg_hub_get_stats(w->r.hub);
        assert_true(atomic_load(&st->conflated) > 0);
        assert_true(atomic_load(&st->merged) > 0);
        assert_int_equal(atomic_load(&st->behind), 0);
        world_free(w);
    }
}

static void test_slow__with_a_ring_of_three_frames_fulls_take_over(void **state)
{
    (void)state;
    struct sg_hub_limits limits;
    sg_hub_limits_default(&limits);
    limits.ring_frames = 3;
    struct world *w = world_new(5, &limits);
    for (int i = 1; i < CLIENTS; i++)
        w->l[i].slow_percent = 60;
    for (int step = 0; step < 200; step++)
        world_step(w);
    world_settle(w);
    world_check(w);
    assert_true(atomic_load(&sg_hub_get_stats(w->r.hub)->fulls) > 20);
    world_free(w);
}

/* The connection takes one block and then nothing for a long time: what waits does not grow with
 * time. */
static void test_slow__a_stopped_reader_costs_one_block(void **state)
{
    (void)state;
    struct world *w = world_new(9, NULL);
    for (int step = 0; step < 20; step++)
        world_step(w);
    w->l[0].slow_percent = 100;
    for (int step = 0; step < 300; step++) {
        for (int k = 0; k < KEYS; k++)
            rig_shake(rig_topic(&w->r, keys[k], 100), &w->g, 30);
        rig_step(&w->r);
    }
    assert_true(w->l[0].behind);
    assert_true(w->l[0].max_held < 32768);
    assert_int_equal(sg_session_is_behind(w->l[0].session), true);
    unsigned before = w->c[1].messages;
    assert_true(before > 300); /* nobody else noticed */
    unsigned writes = w->l[0].writes;
    world_settle(w);
    assert_int_equal(w->l[0].writes, writes + 1); /* caught up with one write */
    world_check(w);
    world_free(w);
}

static void test_slow__who_takes_nothing_for_a_minute_is_closed(void **state)
{
    (void)state;
    struct world *w = world_new(3, NULL);
    w->l[0].slow_percent = 100;
    for (int step = 0; step < 590; step++)
        world_step(w), w->l[0].behind = true;
    /* It did drain now and then above, as far as the hub was told. */
    for (int i = 0; i < CLIENTS; i++)
        assert_false(w->l[i].closed);
    sg_session_writable(w->l[0].session);
    for (int step = 0; step < 620; step++)
        rig_step(&w->r);
    assert_true(w->l[0].closed);
    assert_int_equal(w->l[0].close_code, 1008);
    assert_int_equal(sg_session_get_state(w->l[0].session), SG_SESSION_CLOSING);
    assert_false(w->l[1].closed);
    world_free(w);
}

/* Notifications are told one by one and in order, however slow the session; when the ring has
 * overrun, the gap is told. */
static void notes(unsigned seed, uint32_t ring, unsigned slow, bool gaps)
{
    struct sg_hub_limits limits;
    sg_hub_limits_default(&limits);
    limits.ring_frames = ring;
    struct world *w = world_new(seed, &limits);
    for (int i = 0; i < CLIENTS; i++) {
        cm_expect(&w->c[i], "n");
        line_say(&w->l[i], "{\"action\":\"subscribe\",\"id\":\"n\",\"topic\":\"notifications\"}");
    }
    w->l[1].slow_percent = slow;
    for (int step = 0; step < 300; step++) {
        if (step % 3 == 0)
            rig_note(&w->r, step, "warning");
        world_step(w);
    }
    world_settle(w);
    world_check(w);
    for (int i = 0; i < CLIENTS; i++)
        for (size_t k = 1; k < w->c[i].n_notes; k++)
            assert_true(w->c[i].notes[k] > w->c[i].notes[k - 1]);
    assert_int_equal(w->c[0].n_notes, 100);
    if (gaps) {
        assert_true(w->c[1].n_notes < 100);
        assert_true(cm_find(&w->c[1], "n")->gaps > 0);
    } else {
        assert_int_equal(w->c[1].n_notes, 100);
        assert_int_equal(cm_find(&w->c[1], "n")->gaps, 0);
    }
    world_free(w);
}

static void test_slow__notifications_come_all_and_in_order(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 10; seed++)
        notes(seed, 1024, 70, false);
}

static void test_slow__an_overrun_ring_is_told_as_a_gap(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 10; seed++)
        notes(seed, 2, 100, true);
}

/* Frames are lost between engine and edge; the engine repairs with fulls. Fast and slow sessions
 * end right. */
static void test_slow__frames_lost_on_the_way_to_the_edge_are_repaired(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 10; seed++) {
        struct world *w = world_new(seed, NULL);
        w->l[2].slow_percent = 50;
        for (int step = 0; step < 200; step++) {
            bool was = w->r.drop;
            w->r.drop = sg_prng_below(&w->g, 100) < (was ? 70 : 10);
            if (was && !w->r.drop) {
                if (sg_prng_below(&w->g, 2))
                    world_step(w); /* the repair itself may come late */
                rig_resync(&w->r);
            }
            world_step(w);
        }
        w->r.drop = false;
        rig_resync(&w->r);
        rig_flush(&w->r);
        world_settle(w);
        world_check(w);
        assert_true(atomic_load(&sg_hub_get_stats(w->r.hub)->broken_mirrors) > 0);
        world_free(w);
    }
}

/* A session with a rate gets its streams at that pace and ends with the newest state; another pays
 * nothing for it. */
static void test_slow__a_rate_is_kept_and_conflates(void **state)
{
    (void)state;
    struct world *w = world_new(4, NULL);
    line_say(&w->l[0], "{\"action\":\"rate\",\"max\":0.5}");
    unsigned before = w->l[0].writes;
    for (int step = 0; step < 400; step++)
        world_step(w);
    /* 40 s at one frame per 2 s, and heartbeats are not frames (the rig sends none). */
    assert_in_range(w->l[0].writes - before, 18, 21);
    line_say(&w->l[0], "{\"action\":\"rate\",\"max\":null}");
    world_settle(w);
    world_check(w);
    struct sg_session_stats st;
    sg_session_get_stats(w->l[0].session, &st);
    assert_true(st.conflated > 300);
    world_free(w);
}

/* ---- many large streams ---- */

enum { LARGE = 40, OUT_BYTES = 16000, LARGE_TEXT = 4000 };

struct large {
    struct rig r;
    struct client_model c[3];
    struct line l[3];
    struct sg_prng g;
};

static struct rig_topic *large_topic(struct large *w, int i, char *id)
{
    snprintf(id, 16, "s%d", i);
    return rig_topic(&w->r, id, 100);
}

static struct large *large_new(unsigned seed)
{
    struct large *w = calloc(1, sizeof(*w));
    struct sg_hub_options o;
    char id[16];
    rig_options(&w->r, &o);
    o.limits.session_out_bytes = OUT_BYTES;
    rig_start(&w->r, &o);
    w->g.state = seed;
    for (int k = 0; k < 3; k++) {
        cm_init(&w->c[k], (enum cm_wire)k);
        line_open(&w->r, &w->l[k], &w->c[k], (enum sg_wire)k, SG_DIALECT_V1);
        w->l[k].prng.state = seed * 10 + (unsigned)k;
        sg_session_start(w->l[k].session);
        for (int i = 0; i < LARGE; i++) {
            memset(large_topic(w, i, id)->present, true, RIG_SERIES);
            line_subscribe(&w->l[k], id, id);
        }
    }
    rig_step(&w->r);
    return w;
}

static void large_step(struct large *w)
{
    char id[16];
    for (int i = 0; i < LARGE; i++)
        rig_shake(large_topic(w, i, id), &w->g, 100);
    rig_step(&w->r);
}

static void large_settle_and_check(struct large *w)
{
    char id[16];
    for (int k = 0; k < 3; k++) {
        w->l[k].slow_percent = 0;
        line_drain(&w->l[k]);
        assert_false(sg_session_is_behind(w->l[k].session));
    }
    rig_flush(&w->r);
    large_step(w); /* in their groups again */
    for (int k = 0; k < 3; k++) {
        if (w->c[k].violations)
            fail_msg("client %d: %s", k, w->c[k].violation);
        for (int i = 0; i < LARGE; i++) {
            const struct rig_topic *topic = large_topic(w, i, id);
            const char *diff = rig_compare(&w->r, topic, cm_find(&w->c[k], id));
            if (diff)
                fail_msg("client %d: %s", k, diff);
            assert_int_equal(cm_find(&w->c[k], id)->dropped, 0); /* none came twice */
        }
        line_cut(&w->l[k]);
        cm_deinit(&w->c[k]);
    }
    rig_deinit(&w->r);
    free(w);
}

/* Who was away for long gets as much at a time as may lie in memory for it, not everything. */
static void test_slow__large_streams_are_caught_up_in_portions(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 5; seed++) {
        struct large *w = large_new(seed);
        for (int k = 0; k < 3; k++)
            w->l[k].slow_percent = 100;
        large_step(w); /* the blocks of their groups */
        for (int step = 0; step < 20; step++)
            large_step(w);
        for (int k = 0; k < 3; k++) {
            assert_true(w->l[k].behind);
            w->l[k].max_held = 0;
        }
        unsigned writes = w->l[0].writes;
        for (int step = 0; step < 60; step++) {
            if (step % 4 == 0)
                large_step(w);
            line_drain(&w->l[step % 3]);
        }
        assert_in_range(w->l[0].writes - writes, 15, 25);
        for (int k = 0; k < 3; k++)
            assert_in_range(w->l[k].max_held, 1, OUT_BYTES + LARGE_TEXT);
        large_settle_and_check(w);
    }
}

/* However busy the first streams are, the last ones get their turn. */
static void test_slow__every_large_stream_gets_its_turn(void **state)
{
    (void)state;
    struct large *w = large_new(3);
    char id[16];
    w->l[0].slow_percent = 100;
    large_step(w);
    large_step(w);
    for (int step = 0; step < 60; step++) {
        large_step(w);
        line_drain(&w->l[0]);
    }
    for (int i = 0; i < LARGE; i++) {
        (void)large_topic(w, i, id);
        assert_true(cm_find(&w->c[0], id)->fulls + cm_find(&w->c[0], id)->updates > 3);
    }
    large_settle_and_check(w);
}

/* Random stalls in the midst of it all; a rate changes nothing in that. */
static void test_slow__portions_lose_and_double_nothing(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        struct large *w = large_new(seed);
        if (seed % 2 == 0)
            line_say(&w->l[0], "{\"action\":\"rate\",\"max\":2}");
        for (int k = 0; k < 3; k++)
            w->l[k].slow_percent = 60;
        for (int step = 0; step < 100; step++) {
            if (step % 10 < 6)
                large_step(w);
            else
                rig_step(&w->r);
            for (int k = 0; k < 3; k++)
                if (sg_prng_below(&w->g, 3) == 0)
                    line_drain(&w->l[k]);
        }
        for (int k = 0; k < 3; k++)
            w->l[k].slow_percent = 0, line_drain(&w->l[k]);
        line_say(&w->l[0], "{\"action\":\"rate\",\"max\":null}");
        large_settle_and_check(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow__random_stalls_end_in_the_engines_state),
        cmocka_unit_test(test_slow__with_a_ring_of_three_frames_fulls_take_over),
        cmocka_unit_test(test_slow__a_stopped_reader_costs_one_block),
        cmocka_unit_test(test_slow__who_takes_nothing_for_a_minute_is_closed),
        cmocka_unit_test(test_slow__notifications_come_all_and_in_order),
        cmocka_unit_test(test_slow__an_overrun_ring_is_told_as_a_gap),
        cmocka_unit_test(test_slow__frames_lost_on_the_way_to_the_edge_are_repaired),
        cmocka_unit_test(test_slow__a_rate_is_kept_and_conflates),
        cmocka_unit_test(test_slow__large_streams_are_caught_up_in_portions),
        cmocka_unit_test(test_slow__every_large_stream_gets_its_turn),
        cmocka_unit_test(test_slow__portions_lose_and_double_nothing),
    };
    return cmocka_run_group_tests_name("sim_slow", tests, NULL, NULL);
}
