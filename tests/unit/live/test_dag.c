/* Streams share what they have in common: counted nodes, one computation per tick, freed with the
 * last user. */
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
#define STAT(f, field) atomic_load(&sg_live_get_stats(sg_engine_get_live((f)->engine))->field)

struct fixture {
    struct sg_engine *engine;
    struct sg_source source;
    uint32_t id[4];
    int64_t now_ms;
    double value;    /* of the newest frame's first value */
    char labels[64]; /* of the newest series */
    char error[sizeof(((struct sg_error *)NULL)->text)];
    uint32_t error_pos;
};

static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct fixture *x = ctx;
    (void)edge;
    if (f->n_values)
        x->value = f->value[0];
    if (f->n_add) {
        SG_AUTO(sg_buf_deinit) struct sg_buf b;
        sg_buf_init(&b, 4096);
        sg_labels_print(f->add[f->n_add - 1].labels, &b);
        snprintf(x->labels, sizeof(x->labels), "%s", sg_buf_cstr(&b));
    }
    if (f->error) {
        snprintf(x->error, sizeof(x->error), "%s", f->error->text);
        x->error_pos = f->error->pos;
    }
}

static uint32_t intern(struct fixture *f, const char *name, const char *i)
{
    uint32_t id = 0;
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_from(name));
    sg_labels_builder_set(&b, SG_STR("i"), sg_str_from(i));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    assert_int_equal(sg_store_intern(sg_engine_get_store(f->engine), l, &f->source, &id, NULL), 0);
    sg_labels_unref(l);
    return id;
}

static void put(struct fixture *f, uint32_t id, int64_t time_ms, double v)
{
    (void)sg_store_append(sg_engine_get_store(f->engine), id, time_ms, v, f->now_ms, NULL);
}

static struct fixture *start_as(uint64_t max_window_bytes,
                                const struct sg_promql_eval_options *eval)
{
    struct fixture *f = sg_calloc(1, sizeof(*f));
    struct sg_engine_options o;
    sg_engine_options_default(&o);
    o.live.hooks.publish = publish;
    o.live.hooks.ctx = f;
    o.live.linger_ms = 1;
    o.live.heartbeat_ms = 0;
    if (max_window_bytes)
        o.live.max_window_bytes = max_window_bytes;
    o.live.eval = eval;
    f->now_ms = T0;
    assert_int_equal(sg_engine_new(&o, &f->engine, NULL), 0);
    f->id[0] = intern(f, "m", "0");
    f->id[1] = intern(f, "m", "1");
    f->id[2] = intern(f, "n", "0");
    return f;
}

static struct fixture *start_with(uint64_t max_window_bytes)
{
    return start_as(max_window_bytes, NULL);
}

static struct fixture *start(void)
{
    return start_with(0);
}

static void finish(struct fixture *f)
{
    sg_engine_free(f->engine);
    sg_free(f);
}

static void tick(struct fixture *f)
{
    f->now_ms += 1000;
    sg_engine_tick(f->engine, f->now_ms, f->now_ms);
}

static void control(struct fixture *f, enum sg_control_kind kind, const char *text,
                    int64_t interval)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf key;
    sg_buf_init(&key, 4096);
    assert_int_equal(sg_live_names_resolve(NULL, SG_RESOLVE_QUERY, sg_str_from(text), &key, NULL),
                     0);
    sg_live_control_take(sg_engine_get_live(f->engine),
                         sg_control_new(kind, 0, sg_str_make(key.data, key.len), interval),
                         f->now_ms);
}

static void want(struct fixture *f, const char *text)
{
    control(f, SG_CONTROL_OPEN, text, 1000);
}

static void test_dag__equal_subtrees_are_one_node(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "sum(rate(m[10s]))");
    tick(f);
    assert_int_equal(STAT(f, nodes), 2); /* the sum, the rate */
    want(f, "avg(rate(m[10s]))");
    want(f, "(sum(rate(m[10s]))) / 2");
    tick(f);
    assert_int_equal(STAT(f, nodes), 4); /* and the average, the quotient */
    finish(f);
}

static void test_dag__a_node_runs_once_per_tick(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "sum(rate(m[10s]))");
    want(f, "avg(rate(m[10s]))");
    want(f, "sum(rate(m[10s])) / 2");
    tick(f);
    unsigned long long evaluations = STAT(f, node_evaluations), shared = STAT(f, node_shared);
    tick(f);
    assert_int_equal(STAT(f, node_evaluations) - evaluations, 4);
    assert_int_equal(STAT(f, node_shared) - shared, 2);
    finish(f);
}

static void test_dag__intervals_share_their_common_ticks(void **state)
{
    (void)state;
    struct fixture *f = start();
    for (int64_t interval = 100; interval <= 1000; interval *= 10)
        control(f, SG_CONTROL_OPEN, "sum(m)", interval);
    tick(f);
    unsigned long long evaluations = STAT(f, node_evaluations);
    tick(f);
    assert_int_equal(STAT(f, node_evaluations) - evaluations, 2);
    finish(f);
}

static void test_dag__the_last_user_takes_a_node_along(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "sum(rate(m[10s]))");
    want(f, "max(rate(m[10s]))");
    put(f, f->id[0], T0 + 1, 1);
    tick(f);
    assert_int_equal(STAT(f, nodes), 3);
    assert_int_equal(STAT(f, nodes_incremental), 1);
    control(f, SG_CONTROL_CLOSE, "sum(rate(m[10s]))", 1000);
    tick(f);
    tick(f);
    assert_int_equal(STAT(f, nodes), 2);
    control(f, SG_CONTROL_CLOSE, "max(rate(m[10s]))", 1000);
    tick(f);
    tick(f);
    assert_int_equal(STAT(f, nodes), 0);
    assert_int_equal(STAT(f, nodes_incremental), 0);
    assert_int_equal(STAT(f, window_bytes), 0);
    finish(f);
}

static void test_dag__an_error_has_its_place_in_each_expression(void **state)
{
    (void)state;
    struct fixture *f = start();
    put(f, f->id[0], T0 + 1, 1);
    put(f, f->id[1], T0 + 1, 1);
    put(f, f->id[2], T0 + 1, 1);
    f->now_ms += 1000;
    want(f, "n + on () m");
    assert_non_null(strstr(f->error, "duplicate series"));
    assert_int_equal(f->error_pos, 0);
    f->error[0] = 0;
    want(f, "abs(n + on () m)");
    assert_non_null(strstr(f->error, "duplicate series"));
    assert_int_equal(f->error_pos, 4);
    finish(f);
}

static void test_dag__names_go_at_the_end_where_that_is_asked(void **state)
{
    (void)state;
    static const struct sg_promql_eval_options eval = {.delayed_names = true};
    struct fixture *f = start_as(0, &eval);
    want(f, "count(sum by (__name__) (rate({__name__=~\"m|n\"}[10s])))");
    for (int i = 0; i < 4; i++) {
        put(f, f->id[0], f->now_ms + 500, i);
        put(f, f->id[2], f->now_ms + 500, i);
        tick(f);
    }
    assert_true(f->value == 2);
    f->error[0] = 0;
    want(f, "rate({__name__=~\"m|n\"}[10s])"); /* two of them become equal at the end */
    assert_string_equal(f->error, "vector cannot contain metrics with the same labelset");
    f->error[0] = 0;
    for (int i = 0; i < 12; i++) {
        put(f, f->id[2], f->now_ms + 500, 4 + i * 2);
        tick(f);
    }
    assert_true(f->value == 2); /* one has left: the other is shown, without its name */
    assert_string_equal(f->labels, "{i=\"0\"}");
    finish(f);
}

static void test_dag__what_a_subquery_holds_is_its_own(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "max_over_time(rate(m[2s])[5s:1s])");
    want(f, "rate(m[2s])");
    for (int i = 0; i < 10; i++) {
        put(f, f->id[0], f->now_ms + 500, i * i);
        tick(f);
    }
    assert_int_equal(STAT(f, nodes), 2);
    finish(f);
}

static void each(void *ctx, const struct sg_live_stream_info *info)
{
    uint32_t *sum = ctx;
    sum[0] += info->nodes;
    sum[1] += info->shared_nodes;
}

static void test_dag__a_stream_tells_what_it_shares(void **state)
{
    (void)state;
    struct fixture *f = start();
    uint32_t sum[2] = {0};
    want(f, "sum(rate(m[10s]))");
    want(f, "avg(rate(m[10s]))");
    sg_live_each(sg_engine_get_live(f->engine), each, sum);
    assert_int_equal(sum[0], 4);
    assert_int_equal(sum[1], 2);
    finish(f);
}

/* ---- windows ---- */

static void test_window__a_late_sample_counts(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "sum_over_time(m{i=\"0\"}[10s])");
    put(f, f->id[0], T0 + 100, 1);
    put(f, f->id[0], T0 + 900, 2);
    tick(f);
    assert_true(f->value == 3);
    put(f, f->id[0], T0 + 500, 4);
    tick(f);
    assert_true(f->value == 7);
    assert_int_equal(STAT(f, window_rebuilds), 1);
    finish(f);
}

static void test_window__births_come_in_between_the_others(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "sum(count_over_time({__name__=~\"m|q\"}[10s]))");
    put(f, f->id[0], T0 + 100, 1);
    tick(f);
    assert_true(f->value == 1);
    put(f, intern(f, "q", "7"), f->now_ms, 1);
    put(f, intern(f, "r", "7"), f->now_ms, 1);
    tick(f);
    assert_true(f->value == 2);
    assert_int_equal(STAT(f, node_fallbacks), 0);
    finish(f);
}

static void test_window__samples_from_the_future_wait(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "max_over_time(m{i=\"0\"}[3s])");
    put(f, f->id[0], T0 + 500, 1);
    put(f, f->id[0], T0 + 2500, 9);
    tick(f);
    assert_true(f->value == 1);
    tick(f);
    assert_true(f->value == 1);
    tick(f);
    assert_true(f->value == 9);
    finish(f);
}

static void test_window__histograms_are_left_to_the_ordinary_engine(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "count(count_over_time(m[10s]))");
    put(f, f->id[0], T0 + 100, 1);
    struct sg_batch *b = sg_batch_new(&f->source, 1, f->now_ms);
    sg_batch_add_point(
        b, (struct sg_point){
               .series = f->id[1], .op = SG_OP_OBSERVE, .time_ms = T0 + 200, .value = 3});
    assert_int_equal(sg_engine_ingest(f->engine, b), 0);
    for (int i = 0; i < 3; i++)
        tick(f);
    assert_true(f->value == 2);
    assert_true(STAT(f, node_fallbacks) > 0);
    finish(f);
}

static void test_window__a_forgotten_journal_is_made_up_for(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "count_over_time(m{i=\"0\"}[5m])");
    put(f, f->id[0], T0 + 900, 1);
    tick(f);
    for (int i = 0; i < 40000; i++)
        put(f, f->id[1], f->now_ms - i, 1); /* all but one are late */
    put(f, f->id[0], T0 + 800, 1);
    tick(f);
    assert_true(f->value == 2);
    assert_int_equal(STAT(f, node_fallbacks), 0);
    finish(f);
}

static void test_window__without_memory_every_tick_reads(void **state)
{
    (void)state;
    struct fixture *f = start_with(1);
    want(f, "count_over_time(m{i=\"0\"}[10s])");
    for (int i = 1; i <= 12; i++) {
        put(f, f->id[0], f->now_ms + 500, 1);
        tick(f);
        assert_true(f->value == (i < 10 ? i : 10));
    }
    assert_true(STAT(f, node_fallbacks) > 10);
    assert_true(STAT(f, window_bytes) < 100000);
    finish(f);
}

static void test_window__a_clock_that_steps_back_is_followed(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "count_over_time(m{i=\"0\"}[10s])");
    for (int i = 0; i < 30; i++) {
        put(f, f->id[0], f->now_ms + 500, 1);
        tick(f);
    }
    f->now_ms = T0 + 5000;
    for (int i = 0; i < 12; i++)
        tick(f);
    assert_true(f->value == 10);
    unsigned long long fallbacks = STAT(f, node_fallbacks);
    tick(f);
    assert_int_equal(STAT(f, node_fallbacks), fallbacks);
    finish(f);
}

static void test_window__functions_over_one_range_share_it(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "rate(m[10s])");
    for (int i = 0; i < 10; i++) {
        put(f, f->id[0], f->now_ms + 500, i);
        tick(f);
    }
    unsigned long long bytes = STAT(f, window_bytes);
    want(f, "increase(m[10s])");
    want(f, "count_over_time(m[10s])");
    tick(f);
    assert_int_equal(STAT(f, window_bytes), bytes);
    finish(f);
}

/* Each sample would look at all windows; beyond the limit they are read. */
static void test_window__of_one_selector_there_are_only_so_many(void **state)
{
    (void)state;
    struct fixture *f = start();
    for (int i = 0; i < 10; i++) {
        put(f, f->id[0], f->now_ms + 500, i);
        tick(f);
    }
    for (int i = 1; i <= 200; i++) {
        char expr[64];
        snprintf(expr, sizeof(expr), "count_over_time(m{i=\"0\"}[%dms])", 3000 + i);
        want(f, expr);
    }
    tick(f);
    assert_int_equal(STAT(f, nodes_incremental), 128);
    unsigned long long fallbacks = STAT(f, node_fallbacks);
    put(f, f->id[0], f->now_ms + 500, 1);
    tick(f);
    assert_int_equal(STAT(f, node_fallbacks), fallbacks);
    finish(f);
}

/* A sample each second, the tick behind it. */
static void run_for(struct fixture *f, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        int64_t k = (f->now_ms - T0) / 1000 + 1;
        put(f, f->id[0], f->now_ms + 1000, (double)(k % 1000));
        tick(f);
    }
}

static void test_window__a_long_one_takes_little_memory(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "sum(rate(m[14m])) + sum(max_over_time(m[14m]))");
    run_for(f, 1500);
    unsigned long long kept = STAT(f, window_bytes);
    assert_true(kept > 840 * 2 * sizeof(double));
    finish(f);
    f = start();
    want(f, "sum(rate(m[16m])) + sum(max_over_time(m[16m]))");
    run_for(f, 1500);
    assert_int_equal(STAT(f, node_fallbacks), 0);
    assert_true(STAT(f, window_bytes) + 960 * sizeof(double) < kept);
    finish(f);
}

static void test_window__a_long_one_is_right_at_both_ends(void **state)
{
    static const struct {
        const char *text;
        double value; /* after 1500 s of k modulo 1000 */
    } cases[] = {{"count_over_time(m[20m])", 1200},
                 {"first_over_time(m[20m])", 301},
                 {"last_over_time(m[20m])", 500},
                 {"max_over_time(m[20m])", 999},
                 {"min_over_time(m[20m])", 0},
                 {"resets(m[20m])", 1},
                 {"changes(m[20m])", 1199},
                 {"idelta(m[20m])", 1},
                 {"quantile_over_time(0, m[20m])", 0},
                 /* 301 … 999 and 0 … 500 */
                 {"sum_over_time(m[20m])", (301 + 999) * 699 / 2 + 500 * 501 / 2},
                 {"ts_of_first_over_time(m[20m]) - 1764000000", 301}};
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct fixture *f = start();
        want(f, cases[i].text);
        run_for(f, 1500);
        if (f->value != cases[i].value)
            fail_msg("%s: %.17g", cases[i].text, f->value);
        assert_int_equal(STAT(f, node_fallbacks), 0);
        finish(f);
    }
}

static void test_window__sums_of_quarters_are_exact(void **state)
{
    (void)state;
    struct fixture *f = start();
    want(f, "sum_over_time(m[10s]) + avg_over_time(m[10s])");
    for (int i = 0; i < 40; i++) {
        put(f, f->id[0], f->now_ms + 1000, i == 12 ? 0.1 : i + 0.25);
        tick(f);
        if (i == 39)
            assert_true(f->value == 347.5 + 34.75);
    }
    finish(f);
}

static void test_window__what_retention_drops_is_not_read_anew(void **state)
{
    (void)state;
    struct fixture *f = start_with(0);
    struct sg_engine_options o;
    sg_engine_free(f->engine);
    sg_engine_options_default(&o);
    o.store.retention_ms = 600000;
    o.live.hooks.publish = publish;
    o.live.hooks.ctx = f;
    assert_int_equal(sg_engine_new(&o, &f->engine, NULL), 0);
    f->id[0] = intern(f, "m", "0");
    want(f, "count_over_time(m[10m])");
    run_for(f, 3000);
    assert_true(f->value == 600);
    assert_int_equal(STAT(f, window_rebuilds), 0);
    assert_int_equal(STAT(f, node_fallbacks), 0);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dag__equal_subtrees_are_one_node),
        cmocka_unit_test(test_dag__a_node_runs_once_per_tick),
        cmocka_unit_test(test_dag__intervals_share_their_common_ticks),
        cmocka_unit_test(test_dag__the_last_user_takes_a_node_along),
        cmocka_unit_test(test_dag__an_error_has_its_place_in_each_expression),
        cmocka_unit_test(test_dag__names_go_at_the_end_where_that_is_asked),
        cmocka_unit_test(test_dag__what_a_subquery_holds_is_its_own),
        cmocka_unit_test(test_dag__a_stream_tells_what_it_shares),
        cmocka_unit_test(test_window__a_late_sample_counts),
        cmocka_unit_test(test_window__births_come_in_between_the_others),
        cmocka_unit_test(test_window__samples_from_the_future_wait),
        cmocka_unit_test(test_window__a_forgotten_journal_is_made_up_for),
        cmocka_unit_test(test_window__without_memory_every_tick_reads),
        cmocka_unit_test(test_window__a_clock_that_steps_back_is_followed),
        cmocka_unit_test(test_window__of_one_selector_there_are_only_so_many),
        cmocka_unit_test(test_window__functions_over_one_range_share_it),
        cmocka_unit_test(test_window__a_long_one_takes_little_memory),
        cmocka_unit_test(test_window__a_long_one_is_right_at_both_ends),
        cmocka_unit_test(test_window__sums_of_quarters_are_exact),
        cmocka_unit_test(test_window__what_retention_drops_is_not_read_anew),
        cmocka_unit_test(test_window__histograms_are_left_to_the_ordinary_engine),
    };
    return cmocka_run_group_tests_name("live/dag", tests, NULL, NULL);
}
