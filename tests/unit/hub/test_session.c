/* test_session.c - sessions: limits, states, keep-alive, deadlines, groups, blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/deflate.h>

#include "hub/hub_priv.h"
#include "hub_rig.h"

struct fixture {
    struct rig r;
    struct client_model c;
    struct line l;
};

static struct fixture *start(enum sg_wire wire, enum sg_dialect dialect)
{
    struct fixture *f = calloc(1, sizeof(*f));
    rig_init(&f->r);
    cm_init(&f->c, (enum cm_wire)wire);
    line_open(&f->r, &f->l, &f->c, wire, dialect);
    return f;
}

static void finish(struct fixture *f)
{
    assert_int_equal(f->c.violations, 0);
    line_cut(&f->l);
    cm_deinit(&f->c);
    rig_deinit(&f->r);
    free(f);
}

static unsigned long long stat(struct fixture *f, size_t offset)
{
    const char *p = (const char *)sg_hub_get_stats(f->r.hub) + offset;
    return atomic_load((atomic_ullong *)(uintptr_t)p);
}
#define STAT(f, field) stat(f, offsetof(struct sg_hub_stats, field))

static void test_session__says_nothing_before_start(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    rig_step(&f->r);
    line_say(&f->l, "{\"action\":\"ping\"}");
    assert_int_equal(f->l.writes, 0);
    assert_int_equal(sg_session_get_state(f->l.session), SG_SESSION_CONNECTING);
    sg_session_start(f->l.session);
    assert_int_equal(f->c.welcomes, 1);
    finish(f);
}

static void test_session__id_names_its_edge_and_is_found(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    const char *id = sg_session_id(f->l.session);
    assert_int_equal(strlen(id), 34);
    assert_int_equal(sg_session_id_edge(sg_str_from(id)), 0);
    assert_ptr_equal(sg_hub_find_session(f->r.hub, sg_str_from(id)), f->l.session);
    assert_null(sg_hub_find_session(f->r.hub, SG_STR("0-00")));
    assert_int_equal(sg_session_id_edge(SG_STR("64-00112233445566778899aabbccddeeff")), SG_ESYNTAX);
    assert_int_equal(sg_session_id_edge(SG_STR("63-00112233445566778899aabbccddeeff")), 63);
    assert_int_equal(sg_session_id_edge(SG_STR("")), SG_ESYNTAX);
    finish(f);
}

static void test_session__subscriptions_are_limited(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_SIMPLE);
    sg_session_start(f->l.session);
    for (int i = 0; i <= 100; i++) {
        char text[64];
        snprintf(text, sizeof(text), "{\"action\":\"subscribe\",\"metric\":\"m%d\"}", i % 101);
        f->r.now_ms += 100;
        rig_flush(&f->r);
        f->r.n_topics = 0; /* the rig has room for few */
        line_say(&f->l, text);
    }
    assert_int_equal(f->c.simple_errors, 1);
    assert_string_equal(f->c.last_error, "limit of 100 subscriptions per session reached");
    finish(f);
}

static void test_session__actions_per_second_are_limited(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    for (int i = 0; i < 405; i++)
        line_say(&f->l, "{\"action\":\"ping\"}");
    assert_int_equal(f->c.pongs, 400);
    assert_int_equal(f->c.errors, 5);
    assert_string_equal(f->c.last_error_code, "busy");
    f->r.now_ms += 1000;
    rig_flush(&f->r);
    for (int i = 0; i < 105; i++)
        line_say(&f->l, "{\"action\":\"ping\"}");
    assert_int_equal(f->c.pongs, 500);
    finish(f);
}

static void test_session__messages_are_limited_in_size_depth_and_number(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    char *big = malloc(70001);
    memset(big, '[', 70000);
    big[70000] = 0;
    line_say(&f->l, big);
    assert_string_equal(f->c.last_error, "limit of 65536 bytes per message passed");
    big[17] = 0;
    line_say(&f->l, big);
    assert_string_equal(f->c.last_error, "limit of 16 levels of nesting passed");
    size_t n = 0;
    n += (size_t)sprintf(big, "[0");
    for (int i = 0; i < 200; i++)
        n += (size_t)sprintf(big + n, ",0");
    strcpy(big + n, "]");
    line_say(&f->l, big);
    assert_string_equal(f->c.last_error, "limit of 200 actions per message passed");
    free(big);
    finish(f);
}

static void test_session__a_busy_engine_is_a_retryable_error(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    f->r.busy = true;
    line_subscribe(&f->l, "a", "x");
    assert_string_equal(f->c.last_error_code, "busy");
    f->r.busy = false;
    line_subscribe(&f->l, "a", "x");
    rig_step(&f->r);
    assert_int_equal(cm_find(&f->c, "a")->fulls, 1);
    finish(f);
}

static void test_session__the_last_one_to_leave_closes_the_topic(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    line_subscribe(&f->l, "a", "x");
    line_subscribe(&f->l, "b", "x");
    rig_step(&f->r);
    assert_int_equal(f->r.opens, 1);
    line_say(&f->l, "{\"action\":\"unsubscribe\",\"id\":\"a\"}");
    assert_int_equal(f->r.closes, 0);
    f->r.busy = true;
    line_say(&f->l, "{\"action\":\"unsubscribe\",\"id\":\"b\"}");
    assert_int_equal(f->r.closes, 0);
    f->r.busy = false;
    rig_step(&f->r); /* a close that was refused is tried again */
    assert_int_equal(f->r.closes, 1);
    rig_step(&f->r);
    assert_int_equal(f->r.closes, 1);
    assert_int_equal(STAT(f, subscriptions), 0);
    finish(f);
}

static void test_session__a_topic_closed_and_opened_anew_is_announced_again(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    struct rig_topic *t = rig_topic(&f->r, "x", 100);
    t->present[0] = true;
    line_subscribe(&f->l, "a", "x");
    rig_step(&f->r);
    rig_send_take(&f->r, sg_track_closed(t->track, f->r.now_ms));
    sg_track_free(t->track);
    t->track = NULL;
    t->value[0] = 9;
    rig_step(&f->r);
    struct cm_sub *s = cm_find(&f->c, "a");
    assert_int_equal(s->subscribed, 2);
    assert_int_equal(s->stream, 2);
    assert_null(rig_compare(&f->r, t, s));
    finish(f);
}

static void test_session__a_topic_that_does_not_come_is_asked_for_again(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    f->r.hold = true;
    line_subscribe(&f->l, "a", "x");
    for (int i = 0; i < 70; i++)
        rig_step(&f->r);
    assert_int_equal(f->r.opens, 2);
    f->r.hold = false;
    rig_step(&f->r);
    assert_int_equal(cm_find(&f->c, "a")->fulls, 1);
    finish(f);
}

static void test_session__a_dead_connection_is_left_alone(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    line_subscribe(&f->l, "a", "x");
    rig_step(&f->r);
    f->l.dead = true;
    rig_topic(&f->r, "x", 100)->present[1] = true;
    unsigned writes = f->l.writes;
    rig_step(&f->r);
    rig_step(&f->r);
    assert_int_equal(sg_session_get_state(f->l.session), SG_SESSION_CLOSING);
    assert_int_equal(f->l.writes, writes);
    assert_false(f->l.closed); /* it was the transport that said so */
    line_say(&f->l, "{\"action\":\"ping\"}");
    sg_session_writable(f->l.session);
    finish(f);
}

static void test_session__drain_says_goodbye_and_lets_nobody_in(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    struct sg_session_options so = {.transport = &line_transport, .ctx = &f->l};
    struct sg_session *late = NULL;
    struct sg_error err = {0};
    sg_session_start(f->l.session);
    sg_hub_drain(f->r.hub, 4000);
    assert_true(f->l.closed);
    assert_int_equal(f->l.close_code, 1001);
    unsigned ms = 0;
    assert_int_equal(sscanf(f->l.close_reason, "{\"retryAfter\":%u}", &ms), 1);
    assert_in_range(ms, 2000, 6000);
    assert_int_equal(sg_session_open(f->r.hub, &so, &late, &err), SG_EBUSY);
    finish(f);
}

static void test_session__sse_gets_comments_and_ws_does_not(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_SSE, SG_DIALECT_V1);
    struct client_model ws;
    struct line l;
    cm_init(&ws, CM_WS);
    line_open(&f->r, &l, &ws, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    sg_session_start(l.session);
    unsigned sse_before = f->l.writes, ws_before = l.writes;
    for (int i = 0; i < 310; i++)
        rig_step(&f->r);
    assert_int_equal(f->l.writes - sse_before, 2); /* 31 s */
    assert_int_equal(l.writes - ws_before, 0);
    line_cut(&l);
    cm_deinit(&ws);
    finish(f);
}

static void test_session__equals_share_one_group_and_one_block(void **state)
{
    (void)state;
    enum { CLIENTS = 20 };
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    struct client_model *c = calloc(CLIENTS, sizeof(*c));
    struct line l[CLIENTS];
    sg_session_start(f->l.session);
    for (int i = 0; i < CLIENTS; i++) {
        cm_init(&c[i], CM_WS);
        line_open(&f->r, &l[i], &c[i], SG_WIRE_WS, SG_DIALECT_V1);
        sg_session_start(l[i].session);
        /* The order of subscribing does not matter. */
        line_subscribe(&l[i], "a", i % 2 ? "x" : "y");
        line_subscribe(&l[i], "b", i % 2 ? "y" : "x");
    }
    rig_step(&f->r);
    assert_int_equal(STAT(f, groups), 2); /* and the one without subscriptions */
    rig_topic(&f->r, "x", 100)->present[0] = true;
    rig_topic(&f->r, "y", 100)->present[0] = true;
    unsigned writes = l[3].writes;
    rig_step(&f->r);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(c[i].violations, 0);
        assert_int_equal(cm_find(&c[i], "a")->updates, 1);
        assert_int_equal(cm_find(&c[i], "b")->updates, 1);
    }
    assert_int_equal(l[3].writes, writes + 1); /* both frames in one block */
    for (int i = 0; i < CLIENTS; i++) {
        line_cut(&l[i]);
        cm_deinit(&c[i]);
    }
    free(c);
    assert_int_equal(STAT(f, groups), 1);
    finish(f);
}

/* A heartbeat at now_ms, while the stream was last evaluated at the rig's time. */
static void beat(struct fixture *f, int64_t now_ms)
{
    rig_send_take(&f->r, sg_publisher_heartbeat(&f->r.pub, now_ms));
    rig_flush(&f->r);
}

static void test_session__heartbeats_name_streams_that_were_put_off(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    line_subscribe(&f->l, "a", "x"); /* at 100 ms */
    for (int i = 0; i < 3; i++)
        rig_step(&f->r);
    int64_t tick = f->r.now_ms - 100;
    beat(f, tick + 99);
    assert_int_equal(f->c.late, -1);
    beat(f, tick + 100);
    assert_int_equal(f->c.heartbeat_ms, tick + 100);
    assert_int_equal(f->c.late, f->c.subs[0].stream);
    rig_step(&f->r);
    beat(f, tick + 100);
    assert_int_equal(f->c.late, -1);
    finish(f);
}

static void test_session__heartbeats_come_with_the_frames_of_a_slow_rate(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    line_subscribe(&f->l, "a", "x");
    rig_step(&f->r);
    line_say(&f->l, "{\"action\":\"rate\",\"max\":0.25}"); /* faster than heartbeats */
    beat(f, 1000);
    assert_int_equal(f->c.heartbeats, 1);
    line_say(&f->l, "{\"action\":\"rate\",\"max\":0.1}");
    unsigned writes = f->l.writes;
    beat(f, 2000);
    beat(f, 3000);
    int steps = 0;
    while (f->l.writes == writes && steps++ < 200)
        rig_step(&f->r);
    assert_in_range(steps, 99, 102); /* of 100 ms */
    assert_int_equal(f->c.heartbeats, 2);
    assert_int_equal(f->c.heartbeat_ms, 3000);
    beat(f, 4000);
    assert_int_equal(f->c.heartbeats, 2);
    line_say(&f->l, "{\"action\":\"rate\",\"max\":null}"); /* somebody looks: at once */
    assert_int_equal(f->c.heartbeat_ms, 4000);
    beat(f, 5000);
    assert_int_equal(f->c.heartbeat_ms, 5000);
    assert_int_equal(f->c.heartbeats, 4);
    finish(f);
}

static bool judge(void *ctx, uint32_t rights, uint32_t *ret_rights)
{
    const int *verdict = ctx;
    *ret_rights = *verdict == 4003 ? rights & ~(uint32_t)SG_RIGHT_READ : rights;
    return *verdict != 4001;
}

static void test_session__judging_ends_those_who_may_not_read_any_more(void **state)
{
    (void)state;
    for (int verdict = 4000; verdict <= 4003; verdict++) {
        struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
        sg_session_start(f->l.session);
        sg_hub_judge(f->r.hub, judge, &verdict);
        bool stays = verdict != 4001 && verdict != 4003;
        assert_int_equal(sg_session_get_state(f->l.session),
                         stays ? SG_SESSION_OPEN : SG_SESSION_CLOSING);
        assert_int_equal(f->l.close_code, stays ? 0 : verdict);
        finish(f);
    }
}

static void test_session__heartbeats_go_to_v1_only(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    struct client_model simple;
    struct line l;
    cm_init(&simple, CM_WS);
    line_open(&f->r, &l, &simple, SG_WIRE_WS, SG_DIALECT_SIMPLE);
    sg_session_start(f->l.session);
    sg_session_start(l.session);
    rig_send_take(&f->r, sg_publisher_heartbeat(&f->r.pub, 777));
    rig_flush(&f->r);
    assert_int_equal(f->c.heartbeats, 1);
    assert_int_equal(f->c.heartbeat_ms, 777);
    assert_int_equal(l.writes, 0);
    line_cut(&l);
    cm_deinit(&simple);
    finish(f);
}

static void test_session__arguments_are_checked_as_a_whole(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_SSE, SG_DIALECT_V1);
    struct sg_error err = {0};
    struct sg_str none = {NULL, 0};
    const struct sg_arg bad[] = {{SG_STR("query"), SG_STR("x")}, {SG_STR("query"), SG_STR("bad(")}};
    assert_int_equal(sg_session_subscribe_args(f->l.session, bad, 2, none, &err), SG_ESYNTAX);
    assert_string_equal(err.text, "query: parse error: unexpected end of input");
    assert_int_equal(err.pos, 3);
    assert_int_equal(STAT(f, subscriptions), 0);
    memset(&err, 0, sizeof(err));
    const struct sg_arg nothing[] = {{SG_STR("color"), SG_STR("red")}};
    assert_int_equal(sg_session_subscribe_args(f->l.session, nothing, 1, none, &err), SG_EINVALID);
    memset(&err, 0, sizeof(err));
    const struct sg_arg soon[] = {{SG_STR("query"), SG_STR("x")},
                                  {SG_STR("interval"), SG_STR("soon")}};
    assert_int_equal(sg_session_subscribe_args(f->l.session, soon, 2, none, &err), SG_ESYNTAX);
    assert_int_equal(strncmp(err.text, "interval: ", 10), 0);
    assert_int_equal(f->l.writes, 0);
    finish(f);
}

/* A large frame is compressed once for those who agreed on it, and comes out as it went in. */
static void test_session__deflate_compresses_large_frames(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    struct rig_topic *t = rig_topic(&f->r, "x", 100);
    t->wanted = true;
    for (int i = 0; i < RIG_SERIES; i++)
        t->present[i] = true;
    rig_step(&f->r);
    struct sg_frame *full = sg_track_full(t->track);
    struct sg_deflater z;
    sg_deflater_init(&z, 15, 1);
    const struct sg_block *plain = sg_frame_encode(full, SG_ENC_WS, NULL);
    const struct sg_block *packed = sg_frame_encode(full, SG_ENC_WS_Z, &z);
    assert_ptr_equal(packed, sg_frame_encode(full, SG_ENC_WS_Z, &z));
    assert_true(packed->n < plain->n / 2);
    assert_int_equal((uint8_t)packed->data[0], 0xc1);
    struct sg_inflater in;
    struct sg_deflate_params params = {
        .agreed = true, .client_no_takeover = true, .server_bits = 15, .client_bits = 15};
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&out, 1 << 20);
    sg_inflater_init(&in, &params, 0);
    assert_int_equal(sg_inflater_feed(&in, packed->data + 4, packed->n - 4, &out, 1 << 20), 0);
    assert_int_equal(sg_inflater_finish(&in, &out, 1 << 20), 0);
    assert_int_equal(out.len, plain->n - 4);
    assert_memory_equal(out.data, plain->data + 4, out.len);
    sg_inflater_deinit(&in);
    sg_deflater_deinit(&z);
    sg_frame_unref(full);
    finish(f);
}

/* A subscription with history, answered with this many series of 61 points, of which the first is
 * live; one session may have `room` bytes. */
static struct cm_sub *ask_history(struct fixture *f, size_t room, uint32_t n_series)
{
    enum { POINTS = 61 };
    struct sg_hub_options o;
    rig_options(&f->r, &o);
    o.limits.session_out_bytes = room;
    rig_start(&f->r, &o);
    cm_init(&f->c, CM_WS);
    line_open(&f->r, &f->l, &f->c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    rig_topic(&f->r, "x", 1000)->present[0] = true;
    cm_expect(&f->c, "a");
    line_say(&f->l, "{\"action\":\"subscribe\",\"id\":\"a\",\"query\":\"x\",\"history\":\"1m\"}");
    rig_step(&f->r);
    assert_int_equal(f->r.history.max_points, POINTS);
    double value[4 * POINTS] = {0};
    assert_true(n_series <= 4);
    struct sg_history h = {.start_ms = f->r.history.start_ms,
                           .step_ms = 1000,
                           .n_points = POINTS,
                           .n_series = n_series,
                           .labels = f->r.labels,
                           .value = value};
    sg_hub_history_done(f->r.hub, f->r.history_token, &h, NULL);
    rig_flush(&f->r);
    assert_false(f->l.closed);
    struct cm_sub *sub = cm_find(&f->c, "a");
    assert_int_equal(sub->fulls, 1);
    return sub;
}

/* History of more bytes than may wait for a session: told, and the full comes without. */
static void test_session__too_much_history_is_an_error_not_the_end(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof(*f));
    struct cm_sub *sub = ask_history(f, 1000, 1);
    assert_string_equal(f->c.last_error_code, "limit");
    assert_int_equal(sub->history_points, 0);
    finish(f);
}

static void test_session__history_has_series_that_ended(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof(*f));
    struct cm_sub *sub = ask_history(f, 4096, 4);
    assert_string_equal(f->c.last_error_code, "");
    assert_int_equal(sub->history_points, 60);
    assert_int_equal(sub->ended, 3);
    finish(f);
}

/* Whatever the room: the session goes on, gets its full, and is told before when it is not whole.
 */
static void test_session__series_that_ended_are_left_out_when_there_is_no_room(void **state)
{
    (void)state;
    bool some = false, none = false;
    for (size_t room = 1000; room < 4096; room += 37) {
        struct fixture *f = calloc(1, sizeof(*f));
        struct cm_sub *sub = ask_history(f, room, 4);
        if (sub->ended < 3) {
            assert_string_equal(f->c.last_error_code, "limit");
            assert_int_equal(sub->fulls_at_error, 0);
        }
        some |= sub->ended > 0 && sub->ended < 3;
        none |= sub->ended == 0 && sub->history_points == 60;
        finish(f);
    }
    assert_true(some && none);
}

static void test_session__what_waits_for_a_slow_one_is_capped(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof(*f));
    struct sg_hub_options o;
    rig_options(&f->r, &o);
    o.limits.session_out_bytes = 2000;
    rig_start(&f->r, &o);
    cm_init(&f->c, CM_WS);
    line_open(&f->r, &f->l, &f->c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    f->l.slow_percent = 100;
    for (int i = 0; i < 200; i++)
        line_say(&f->l, "{\"action\":\"ping\",\"time\":123456}");
    assert_true(f->l.closed);
    assert_int_equal(f->l.close_code, 1008);
    finish(f);
}

/* After an error a stream may come back smaller than the updates before it, which are still in the
 * ring: the net change of all of them is none, and what is shown is the new state. */
static void test_session__a_slow_one_survives_a_stream_that_shrinks(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    struct rig_topic *t = rig_topic(&f->r, "x", 100);
    const struct sg_error err = {.code = SG_EEXECUTION, .text = "many-to-many"};
    sg_session_start(f->l.session);
    for (int i = 0; i < RIG_SERIES; i++)
        t->present[i] = true;
    line_subscribe(&f->l, "a", "x");
    rig_step(&f->r);
    f->l.slow_percent = 100;
    for (int k = 1; k < 3; k++) { /* the first leaves it behind, the second waits in the ring */
        for (int i = 0; i < RIG_SERIES; i++)
            t->value[i] = k;
        rig_step(&f->r);
    }
    memset(t->present, 0, sizeof(t->present));
    for (int k = 0; k < 15; k++) /* all series are forgotten */
        rig_step(&f->r);
    rig_send_take(&f->r, sg_track_error(t->track, f->r.now_ms, &err));
    f->r.now_ms += 100;
    t->present[0] = true;
    rig_step(&f->r);
    f->l.slow_percent = 0;
    line_drain(&f->l);
    assert_null(rig_compare(&f->r, t, cm_find(&f->c, "a")));
    finish(f);
}

/* Many large streams at once: a slow session is given them one after the other, and has all in the
 * end. */
static void test_session__a_slow_one_begins_its_streams_by_and_by(void **state)
{
    (void)state;
    enum { STREAMS = 40 };
    struct fixture *f = calloc(1, sizeof(*f));
    struct sg_hub_options o;
    char id[16];
    rig_options(&f->r, &o);
    o.limits.session_out_bytes = 16000;
    rig_start(&f->r, &o);
    cm_init(&f->c, CM_WS);
    line_open(&f->r, &f->l, &f->c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    f->l.slow_percent = 100;
    for (int i = 0; i < STREAMS; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        memset(rig_topic(&f->r, id, 100)->present, true, RIG_SERIES);
        line_subscribe(&f->l, id, id);
    }
    for (int i = 0; i < STREAMS; i++) {
        rig_step(&f->r);
        line_drain(&f->l);
    }
    for (int i = 0; i < STREAMS; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        assert_null(rig_compare(&f->r, rig_topic(&f->r, id, 100), cm_find(&f->c, id)));
        assert_int_equal(cm_find(&f->c, id)->fulls, 1);
    }
    assert_in_range(f->l.max_held, 1, 16000);
    finish(f);
}

/* What the frames of all rings weigh, with all that is made of them. */
static size_t ring_weight(const struct sg_hub *hub)
{
    size_t bytes = 0;
    for (size_t i = 0; i <= hub->mirrors_by_key.mask; i++) {
        for (struct sg_hashlink *l = hub->mirrors_by_key.buckets[i]; l; l = l->next) {
            const struct sg__mirror *m = SG_CONTAINER_OF(l, struct sg__mirror, by_key);
            for (uint32_t k = 0; k < m->count; k++)
                bytes += sg_frame_weight(sg__ring_at(m, k));
        }
    }
    return bytes;
}

/* Receivers on all wires: a frame's encodings weigh more than the frame. */
static void test_hub__the_cap_on_rings_counts_encodings(void **state)
{
    (void)state;
    enum { CAP = 200000, WIRES = 3 };
    struct fixture *f = calloc(1, sizeof(*f));
    struct client_model c[WIRES];
    struct line l[WIRES];
    struct sg_hub_options o;
    rig_options(&f->r, &o);
    o.limits.total_ring_bytes = CAP;
    rig_start(&f->r, &o);
    for (int i = 0; i < WIRES; i++) {
        cm_init(&c[i], (enum cm_wire)i);
        line_open(&f->r, &l[i], &c[i], (enum sg_wire)i, SG_DIALECT_V1);
        sg_session_start(l[i].session);
        line_subscribe(&l[i], "x", "x");
    }
    struct rig_topic *x = rig_topic(&f->r, "x", 100);
    size_t counted = 0, real = 0;
    for (int step = 0; step < 500; step++) {
        for (int i = 0; i < RIG_SERIES; i++)
            x->present[i] = true, x->value[i] = step + i / 8.0;
        rig_step(&f->r);
        counted = f->r.hub->ring_bytes;
        real = ring_weight(f->r.hub);
        assert_true(real < CAP + CAP / 5);
    }
    assert_true(real > CAP / 2);
    assert_in_range(counted, real / 2, CAP);
    for (int i = 0; i < WIRES; i++) {
        assert_int_equal(c[i].violations, 0);
        line_cut(&l[i]);
        cm_deinit(&c[i]);
    }
    rig_deinit(&f->r);
    free(f);
}

/* The state as one frame lies in memory as long as nothing changes; it counts, and goes when there
 * is too much. */
static void test_hub__cached_fulls_count_and_go_when_there_is_too_much(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof(*f));
    rig_init(&f->r);
    cm_init(&f->c, CM_WS);
    line_open(&f->r, &f->l, &f->c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    memset(rig_topic(&f->r, "x", 100)->present, true, RIG_SERIES);
    memset(rig_topic(&f->r, "y", 100)->present, true, RIG_SERIES);
    line_subscribe(&f->l, "x", "x");
    rig_step(&f->r);
    size_t one = f->r.hub->ring_bytes;
    assert_true(one > RIG_SERIES * sizeof(double));
    line_subscribe(&f->l, "y", "y");
    rig_step(&f->r);
    assert_true(f->r.hub->ring_bytes > one);
    f->r.hub->limits.total_ring_bytes = one;
    for (int step = 0; step < 25; step++)
        rig_step(&f->r);
    assert_true(f->r.hub->ring_bytes <= one);
    finish(f);
}

/* Filters are shared by their text; a matcher must not pass for a severity. */
static void test_session__filters_that_look_alike_are_two(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    struct client_model c;
    struct line l;
    cm_init(&c, CM_WS);
    line_open(&f->r, &l, &c, SG_WIRE_WS, SG_DIALECT_V1);
    cm_expect(&f->c, "n");
    cm_expect(&c, "n");
    sg_session_start(f->l.session);
    sg_session_start(l.session);
    line_say(&f->l, "{\"action\":\"subscribe\",\"id\":\"n\",\"topic\":\"notifications\","
                    "\"filter\":{\"severity\":\"info\"}}");
    line_say(&l, "{\"action\":\"subscribe\",\"id\":\"n\",\"topic\":\"notifications\","
                 "\"filter\":{\"matchers\":[\"severity=info\"]}}");
    rig_note(&f->r, 1, "info"); /* that is no label of its */
    rig_step(&f->r);
    assert_int_equal(f->c.n_notes, 1);
    assert_int_equal(c.n_notes, 0);
    line_cut(&l);
    cm_deinit(&c);
    finish(f);
}

static void test_session__arguments_filter_notifications(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_SSE, SG_DIALECT_V1);
    struct sg_error err = {0};
    struct sg_str none = {NULL, 0};
    cm_expect(&f->c, "1");
    const struct sg_arg bad[] = {{SG_STR("topic"), SG_STR("notifications")},
                                 {SG_STR("severity"), SG_STR("bad")}};
    assert_int_equal(sg_session_subscribe_args(f->l.session, bad, 2, none, &err), SG_EINVALID);
    assert_int_equal(STAT(f, subscriptions), 0);
    const struct sg_arg args[] = {{SG_STR("topic"), SG_STR("notifications")},
                                  {SG_STR("severity"), SG_STR("warning")},
                                  {SG_STR("severity"), SG_STR("critical")}};
    assert_int_equal(sg_session_subscribe_args(f->l.session, args, 3, none, NULL), 0);
    sg_session_start(f->l.session);
    rig_note(&f->r, 1, "info");
    rig_note(&f->r, 2, "critical");
    rig_step(&f->r);
    assert_int_equal(f->c.n_notes, 1);
    finish(f);
}

/* Nobody knows whether such a notification is wanted, and the edge has others to serve. */
static void test_session__a_filter_that_costs_too_much_lets_pass(void **state)
{
    (void)state;
    static const char *const filters[] = {"team=~\\\"(a|aa|aaa)*(b|c)\\\"",
                                          "team!~\\\"(a|aa|aaa)*b|a*\\\""};
    char team[1001];
    memset(team, 'a', 1000);
    team[1000] = 0;
    for (size_t i = 0; i < SG_ARRAY_LEN(filters); i++) {
        struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
        char text[256];
        struct sg_labels_builder b;
        sg_labels_builder_init(&b);
        sg_labels_builder_set(&b, SG_STR("team"), sg_str_from(team));
        const struct sg_labels *before = f->r.labels[1];
        cm_expect(&f->c, "n");
        sg_session_start(f->l.session);
        snprintf(text, sizeof(text),
                 "{\"action\":\"subscribe\",\"id\":\"n\",\"topic\":\"notifications\","
                 "\"filter\":{\"matchers\":[\"%s\"]}}",
                 filters[i]);
        line_say(&f->l, text);
        f->r.labels[1] = sg_labels_builder_build(&b);
        rig_note(&f->r, 1, "info"); /* it does not match, which is found out */
        rig_step(&f->r);
        assert_int_equal(f->c.n_notes, 0);
        sg_regex_set_budget(1000);
        rig_note(&f->r, 1, "info");
        rig_step(&f->r);
        assert_int_equal(f->c.n_notes, 1);
        sg_regex_set_budget(UINT64_MAX);
        sg_labels_unref(f->r.labels[1]);
        f->r.labels[1] = before;
        sg_labels_builder_deinit(&b);
        finish(f);
    }
}

static void test_session__a_long_filter_is_refused(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    char text[8192];
    sg_session_start(f->l.session);
    for (int n = 4000; n <= 5000; n += 1000) {
        snprintf(text, sizeof(text),
                 "{\"action\":\"subscribe\",\"id\":\"n\",\"topic\":\"notifications\","
                 "\"filter\":{\"matchers\":[\"a=%0*d\"]}}",
                 n, 1);
        cm_expect(&f->c, "n");
        line_say(&f->l, text);
        assert_int_equal(f->c.errors, n > 4096);
        assert_int_equal(STAT(f, subscriptions), n < 4096);
        if (n < 4096)
            line_say(&f->l, "{\"action\":\"unsubscribe\",\"id\":\"n\"}");
    }
    finish(f);
}

/* The id of the simple form is its expression: the limit on ids is not for it. */
static void test_session__a_metric_may_be_longer_than_an_id(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_SIMPLE);
    char text[256];
    snprintf(text, sizeof(text), "{\"action\":\"subscribe\",\"metric\":\"m%0*d\"}", 120 + 20, 1);
    sg_session_start(f->l.session);
    f->r.hold = true; /* the rig's own keys are short */
    line_say(&f->l, text);
    assert_int_equal(f->c.simple_errors, 0);
    assert_int_equal(f->r.opens, 1);
    finish(f);
}

/* A token with fewer rights takes away what the one before allowed. */
static void test_session__a_token_without_read_ends_what_was_read(void **state)
{
    (void)state;
    struct fixture *f = start(SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    rig_topic(&f->r, "x", 100)->present[0] = true;
    line_subscribe(&f->l, "a", "x");
    rig_step(&f->r);
    assert_int_equal(cm_find(&f->c, "a")->fulls, 1);
    line_say(&f->l, "{\"action\":\"auth\",\"token\":\"blind\"}");
    assert_true(f->l.closed);
    assert_int_equal(f->l.close_code, 4003);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session__says_nothing_before_start),
        cmocka_unit_test(test_session__id_names_its_edge_and_is_found),
        cmocka_unit_test(test_session__subscriptions_are_limited),
        cmocka_unit_test(test_session__actions_per_second_are_limited),
        cmocka_unit_test(test_session__messages_are_limited_in_size_depth_and_number),
        cmocka_unit_test(test_session__a_busy_engine_is_a_retryable_error),
        cmocka_unit_test(test_session__the_last_one_to_leave_closes_the_topic),
        cmocka_unit_test(test_session__a_topic_closed_and_opened_anew_is_announced_again),
        cmocka_unit_test(test_session__a_topic_that_does_not_come_is_asked_for_again),
        cmocka_unit_test(test_session__a_dead_connection_is_left_alone),
        cmocka_unit_test(test_session__drain_says_goodbye_and_lets_nobody_in),
        cmocka_unit_test(test_session__sse_gets_comments_and_ws_does_not),
        cmocka_unit_test(test_session__equals_share_one_group_and_one_block),
        cmocka_unit_test(test_session__heartbeats_go_to_v1_only),
        cmocka_unit_test(test_session__heartbeats_name_streams_that_were_put_off),
        cmocka_unit_test(test_session__heartbeats_come_with_the_frames_of_a_slow_rate),
        cmocka_unit_test(test_session__judging_ends_those_who_may_not_read_any_more),
        cmocka_unit_test(test_session__arguments_are_checked_as_a_whole),
        cmocka_unit_test(test_session__deflate_compresses_large_frames),
        cmocka_unit_test(test_session__too_much_history_is_an_error_not_the_end),
        cmocka_unit_test(test_session__history_has_series_that_ended),
        cmocka_unit_test(test_session__series_that_ended_are_left_out_when_there_is_no_room),
        cmocka_unit_test(test_session__what_waits_for_a_slow_one_is_capped),
        cmocka_unit_test(test_session__a_slow_one_survives_a_stream_that_shrinks),
        cmocka_unit_test(test_session__a_slow_one_begins_its_streams_by_and_by),
        cmocka_unit_test(test_hub__the_cap_on_rings_counts_encodings),
        cmocka_unit_test(test_hub__cached_fulls_count_and_go_when_there_is_too_much),
        cmocka_unit_test(test_session__filters_that_look_alike_are_two),
        cmocka_unit_test(test_session__arguments_filter_notifications),
        cmocka_unit_test(test_session__a_filter_that_costs_too_much_lets_pass),
        cmocka_unit_test(test_session__a_long_filter_is_refused),
        cmocka_unit_test(test_session__a_metric_may_be_longer_than_an_id),
        cmocka_unit_test(test_session__a_token_without_read_ends_what_was_read),
    };
    return cmocka_run_group_tests_name("hub/session", tests, NULL, NULL);
}
