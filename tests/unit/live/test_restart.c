/* What alerts need of the live engine: rules that share its graph, and a feed that goes on after a
 * restart. A real store, a real hub. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <streamgauge/engine.h>
#include <streamgauge/mem.h>
#include <streamgauge/promql.h>

#define T0 INT64_C(1764000000000)
#define EPOCH UINT64_C(0xabcdef)

struct fixture {
    struct sg_engine *engine;
    struct sg_live *live;
    struct sg_source source;
    struct sg_frame_batch *frames; /* published to edge 0 */
    uint32_t series;
    uint64_t clock_ns;
    uint64_t look_ns; /* of each look at the clock */
};

static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct fixture *x = ctx;
    if (edge == 0 || edge == SG_ALL_EDGES)
        sg_frame_batch_add(x->frames, f);
}

static uint64_t clock_ns(void *ctx)
{
    struct fixture *x = ctx;
    return x->clock_ns += x->look_ns;
}

static void start(struct fixture *x, uint64_t first_offset)
{
    struct sg_engine_options o;
    struct sg_error err = {0};
    sg_engine_options_default(&o);
    o.epoch = EPOCH;
    o.first_offset = first_offset;
    o.live.hooks.publish = publish;
    o.live.hooks.clock_ns = clock_ns;
    o.live.hooks.ctx = x;
    o.live.heartbeat_ms = 0;
    x->frames = sg_frame_batch_new();
    if (sg_engine_new(&o, &x->engine, &err) < 0)
        fail_msg("%s", err.text);
    x->live = sg_engine_get_live(x->engine);
}

static void stop(struct fixture *x)
{
    sg_engine_free(x->engine);
    sg_frame_batch_free(x->frames);
}

static int setup(void **state)
{
    struct fixture *x = sg_calloc(1, sizeof(*x));
    x->source.name = "test";
    start(x, 0);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    stop(x);
    sg_free(x);
    return 0;
}

static void append(struct fixture *x, const char *name, int64_t time_ms, double v)
{
    struct sg_store *store = sg_engine_get_store(x->engine);
    struct sg_labels_builder b;
    uint32_t id;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_STR("__name__"), sg_str_from(name));
    const struct sg_labels *labels = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    assert_int_equal(sg_store_intern(store, labels, &x->source, &id, NULL), 0);
    assert_int_equal(sg_store_append(store, id, time_ms, v, time_ms, NULL), 0);
    sg_labels_unref(labels);
}

static struct sg_promql_root *root(struct fixture *x, const char *expr)
{
    struct sg_promql *q;
    struct sg_promql_root *r;
    assert_int_equal(sg_promql_parse(sg_str_from(expr), NULL, &q, NULL), 0);
    assert_int_equal(sg_live_root_add(x->live, q, &r, NULL), 0);
    return r;
}

static double value(struct fixture *x, struct sg_promql_root *r, int64_t time_ms)
{
    struct sg_promql_view v;
    struct sg_error err = {0};
    if (sg_live_root_eval(x->live, r, time_ms, &v, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(v.n, 1);
    return v.v[0];
}

/* ---- rules ---- */

static void test_roots__share_nodes_with_streams(void **state)
{
    struct fixture *x = *state;
    append(x, "m", T0, 2);
    struct sg_control *c = sg_control_new(SG_CONTROL_OPEN, 0, SG_STR("m * 3"), 1000);
    sg_live_control_take(x->live, c, T0);
    struct sg_promql_root *r = root(x, "m * 3 > 5");
    uint32_t nodes, shared;
    sg_promql_root_nodes(r, &nodes, &shared);
    assert_true(shared >= 2);
    sg_engine_tick(x->engine, T0 + 1000, T0 + 1000);
    uint64_t before = atomic_load(&sg_live_get_stats(x->live)->node_shared);
    assert_true(value(x, r, T0 + 1000) == 6);
    sg_live_roots_end(x->live);
    sg_engine_tick(x->engine, T0 + 1100, T0 + 1100);
    assert_true(atomic_load(&sg_live_get_stats(x->live)->node_shared) > before);
    sg_live_root_remove(x->live, r);
}

static void test_roots__see_what_was_appended_after_begin(void **state)
{
    struct fixture *x = *state;
    append(x, "m", T0, 2);
    struct sg_promql_root *first = root(x, "m + 1"), *second = root(x, "n * 2");
    sg_engine_tick(x->engine, T0, T0);
    double v = value(x, first, T0);
    append(x, "n", T0, v); /* what a recording rule does */
    sg_live_roots_begin(x->live);
    assert_true(value(x, second, T0) == 6);
    sg_live_roots_end(x->live);
    sg_live_root_remove(x->live, first);
    sg_live_root_remove(x->live, second);
}

static void test_roots__see_every_tick_anew(void **state)
{
    struct fixture *x = *state;
    struct sg_promql_root *r = root(x, "m");
    for (int i = 0; i < 5; i++) { /* no stream is there to be due */
        int64_t now = T0 + i * 100;
        append(x, "m", now, i);
        sg_engine_tick(x->engine, now, now);
        assert_true(value(x, r, now) == i);
        sg_live_roots_end(x->live);
    }
    sg_live_root_remove(x->live, r);
}

static void test_query__gives_a_result_or_says_why_not(void **state)
{
    struct fixture *x = *state;
    struct sg_promql_result result;
    struct sg_error err = {0};
    append(x, "m", T0, 7);
    sg_engine_tick(x->engine, T0, T0);
    assert_int_equal(sg_live_query(x->live, SG_STR("m - 2"), T0, &result, &err), 0);
    assert_int_equal(result.n, 1);
    assert_true(result.series[0].v[0] == 5);
    sg_promql_result_deinit(&result);
    assert_true(sg_live_query(x->live, SG_STR("m -"), T0, &result, &err) < 0);
    assert_non_null(strstr(err.text, "parse error"));
    sg_promql_result_deinit(&result);
    sg_live_roots_end(x->live);
}

/* ---- the feed ---- */

static void restore(struct fixture *x, uint64_t prev, uint64_t offset, const char *json)
{
    sg_live_restore(x->live, &(struct sg_live_note){.offset = offset,
                                                    .prev = prev,
                                                    .time_ms = T0,
                                                    .json = sg_str_from(json),
                                                    .severity = SG_STR("info")});
}

static void test_restore__new_offsets_are_above_the_old_ones(void **state)
{
    struct fixture *x = *state;
    stop(x);
    start(x, 1000);
    restore(x, 3, 5, "{\"id\":\"a\"}");
    restore(x, 5, 900, "{\"id\":\"b\"}");
    uint64_t offset = sg_live_notify(x->live, T0, SG_STR("{\"id\":\"c\"}"), SG_STR("info"), NULL);
    assert_int_equal(offset, 1001);
    assert_int_equal(sg_engine_get_offset(x->engine), 1001);
    assert_int_equal(x->frames->n, 1);
    assert_int_equal(x->frames->frames[0]->prev, 900);
}

static void test_restore__a_resync_repeats_the_past(void **state)
{
    struct fixture *x = *state;
    stop(x);
    start(x, 1000);
    restore(x, 3, 5, "{\"id\":\"a\"}");
    restore(x, 5, 900, "{\"id\":\"b\"}");
    assert_int_equal(x->frames->n, 0);
    sg_live_resync(x->live, 0);
    assert_int_equal(x->frames->n, 4);
    assert_int_equal(x->frames->frames[0]->kind, SG_FRAME_RESYNC_BEGIN);
    assert_int_equal(x->frames->frames[1]->offset, 5);
    assert_int_equal(x->frames->frames[1]->prev, 3);
    assert_int_equal(x->frames->frames[1]->epoch, EPOCH);
    assert_int_equal(x->frames->frames[2]->offset, 900);
    assert_int_equal(x->frames->frames[2]->prev, 5);
    assert_int_equal(x->frames->frames[3]->kind, SG_FRAME_RESYNC_END);
    assert_int_equal(x->frames->frames[3]->offset, 1000);
}

/* ---- the same, as a client of a hub sees it ---- */

struct client {
    struct sg_hub *hub;
    struct sg_hub_hooks hooks;
    struct sg_session *session;
    struct sg_buf got;
};

static int resolve(void *ctx, enum sg_resolve_kind kind, struct sg_str text, struct sg_buf *ret_key,
                   struct sg_error *reterr)
{
    (void)ctx, (void)kind, (void)reterr;
    return sg_buf_put_str(ret_key, text);
}

static int open_topic(void *ctx, struct sg_str key, int64_t interval_ms, struct sg_error *reterr)
{
    (void)ctx, (void)key, (void)interval_ms, (void)reterr;
    return 0;
}

static int on_write(void *ctx, const char *data, size_t n)
{
    struct client *c = ctx;
    return sg_buf_append(&c->got, data, n);
}

static void on_close(void *ctx, unsigned code, const char *reason)
{
    (void)ctx, (void)code, (void)reason;
}

static void connect_client(struct client *c, const char *last_event_id)
{
    static const struct sg_transport transport = {on_write, on_close};
    const struct sg_arg args[] = {{SG_STR("topic"), SG_STR("notifications")}};
    memset(c, 0, sizeof(*c));
    c->hooks = (struct sg_hub_hooks){.resolve = resolve, .open_topic = open_topic};
    struct sg_hub_options o = {.hooks = &c->hooks,
                               .epoch = EPOCH,
                               .await_feed = true,
                               .server = "test",
                               .heartbeat_ms = 5000,
                               .now_ms = T0};
    sg_hub_limits_default(&o.limits);
    struct sg_session_options so = {.wire = SG_WIRE_NDJSON,
                                    .dialect = SG_DIALECT_V1,
                                    .transport = &transport,
                                    .ctx = c,
                                    .rights = SG_RIGHT_READ};
    sg_buf_init(&c->got, 1 << 20);
    assert_int_equal(sg_hub_new(&o, &c->hub, NULL), 0);
    assert_int_equal(sg_session_open(c->hub, &so, &c->session, NULL), 0);
    assert_int_equal(
        sg_session_subscribe_args(c->session, args, 1, sg_str_from(last_event_id), NULL), 0);
    sg_session_start(c->session);
    sg_hub_flush(c->hub, T0);
}

static void feed_client(struct fixture *x, struct client *c)
{
    sg_hub_apply_batch_take(c->hub, x->frames);
    x->frames = sg_frame_batch_new();
    sg_hub_flush(c->hub, T0 + 100);
}

static void disconnect(struct client *c)
{
    sg_session_closed(c->session);
    sg_hub_free(c->hub);
    sg_buf_deinit(&c->got);
}

static bool has(struct client *c, const char *text)
{
    return strstr(sg_buf_cstr(&c->got), text) != NULL;
}

static void restart(struct fixture *x)
{
    stop(x);
    start(x, 1000);
    restore(x, 3, 5, "{\"id\":\"a\"}");
    restore(x, 5, 900, "{\"id\":\"b\"}");
}

static void test_resume__goes_on_where_the_client_was_without_a_gap(void **state)
{
    struct fixture *x = *state;
    struct client c;
    restart(x);
    connect_client(&c, "0000000000abcdef-5");
    assert_false(has(&c, "subscribed")); /* the past is not there yet: it waits */
    sg_live_resync(x->live, 0);
    feed_client(x, &c);
    assert_true(has(&c, "\"recovered\":true"));
    assert_false(has(&c, "gap"));
    assert_false(has(&c, "\"id\":\"a\""));
    assert_true(has(&c, "\"id\":\"b\""));
    sg_live_notify(x->live, T0, SG_STR("{\"id\":\"c\"}"), SG_STR("info"), NULL);
    feed_client(x, &c);
    assert_true(has(&c, "\"id\":\"c\""));
    disconnect(&c);
}

static void test_resume__who_missed_more_than_is_kept_is_told_a_gap(void **state)
{
    struct fixture *x = *state;
    struct client c;
    restart(x);
    connect_client(&c, "0000000000abcdef-1");
    sg_live_resync(x->live, 0);
    feed_client(x, &c);
    assert_true(has(&c, "\"recovered\":false"));
    assert_true(has(&c, "\"type\":\"gap\""));
    assert_true(has(&c, "\"from\":2,\"to\":3"));
    assert_true(has(&c, "\"id\":\"a\""));
    disconnect(&c);
}

static void test_resume__an_empty_past_is_no_gap(void **state)
{
    struct fixture *x = *state;
    struct client c;
    stop(x);
    start(x, 1000);
    connect_client(&c, "0000000000abcdef-5");
    sg_live_resync(x->live, 0);
    feed_client(x, &c);
    assert_true(has(&c, "\"recovered\":true"));
    assert_false(has(&c, "gap"));
    disconnect(&c);
}

static void test_resume__of_another_epoch_is_a_gap(void **state)
{
    struct fixture *x = *state;
    struct client c;
    restart(x);
    connect_client(&c, "00000000deadbeef-5");
    sg_live_resync(x->live, 0);
    feed_client(x, &c);
    assert_true(has(&c, "\"recovered\":false"));
    assert_true(has(&c, "\"type\":\"gap\""));
    disconnect(&c);
}

/* ---- controls ---- */

/* Behind the many that somebody opens at once, the tick comes all the same; and none is lost. */
static void test_controls__that_take_long_go_on_in_the_next_ticks(void **state)
{
    struct fixture *x = *state;
    const struct sg_live_stats *stats = sg_live_get_stats(x->live);
    x->look_ns = 60 * 1000 * 1000; /* half the budget is 40 ms */
    for (int i = 0; i < 5; i++) {
        char key[16];
        snprintf(key, sizeof(key), "m + %d", i);
        assert_int_equal(sg_engine_control(
                             x->engine, sg_control_new(SG_CONTROL_OPEN, 0, sg_str_from(key), 1000)),
                         0);
    }
    for (int i = 1; i <= 7; i++) {
        sg_engine_tick(x->engine, T0 + 100 * i, T0 + 100 * i);
        sg_engine_drain(x->engine, T0 + 100 * i + 50); /* no further one between ticks */
        assert_true(atomic_load(&stats->streams) <= (unsigned)i * 2);
        assert_true(atomic_load(&stats->streams) >= (unsigned)(i < 5 ? i : 5));
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(sg_engine_control(x->engine, sg_control_new(SG_CONTROL_OPEN, 0,
                                                                     SG_STR("x"), 1000 + 100 * i)),
                         0);
    sg_engine_drain(x->engine, T0 + 800); /* what waits goes with the engine */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_roots__share_nodes_with_streams),
        T(test_roots__see_what_was_appended_after_begin),
        T(test_roots__see_every_tick_anew),
        T(test_query__gives_a_result_or_says_why_not),
        T(test_restore__new_offsets_are_above_the_old_ones),
        T(test_restore__a_resync_repeats_the_past),
        T(test_resume__goes_on_where_the_client_was_without_a_gap),
        T(test_resume__who_missed_more_than_is_kept_is_told_a_gap),
        T(test_resume__an_empty_past_is_no_gap),
        T(test_resume__of_another_epoch_is_a_gap),
        T(test_controls__that_take_long_go_on_in_the_next_ticks),
    };
    return cmocka_run_group_tests_name("restart", tests, NULL, NULL);
}
