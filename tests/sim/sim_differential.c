/* sim_differential.c - what is pushed equals what is asked: random series and random expressions
 * through a whole engine on a fake clock.
 *
 * At every tick each stream that was due, as the frames tell it, is compared with an instant query
 * at that tick on the same store: the same series, the same bits (any NaN equals any NaN), or the
 * same error. A few functions are compared with loops over the raw samples, too.
 *
 *     sim_differential                     bounded, for every day
 *     sim_differential SECONDS [SEED]      as long as you like; prints the seed it ends with
 *
 * What once differed stays in `kept`, and is open in every run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <streamgauge/engine.h>
#include <streamgauge/mem.h>
#include <streamgauge/promql.h>

#include "frame_table.h"
#include "promql_gen.h"

enum { TICK = 100, OPEN_MAX = 24, SERIES_MAX = 64, ROUND_TICKS = 900 };
#define T0 INT64_C(1764000000000)

/* Expressions that were wrong once, and those that every run must see. */
static const char *const kept[] = {
    "sum by (job) (rate(c_total[10s]))",
    "sum by (job) (rate(c_total[10s])) / sum by (job) (rate(c_total[30s]))",
    "rate(c_total[10s] offset 3s)",
    "max_over_time(g[10s])",
    "quantile_over_time(0.9, odd[10s])",
    "histogram_quantile(0.99, sum by (le) (rate(b_bucket[30s])))",
    "g",
    "timestamp(g)",
    "sum_over_time(q[10s])",
    "avg_over_time(q[10s])",
    "irate(q[30s]) + changes(q[30s])",
    "stdvar by (job) (count_values(\"v\", {job=\"b\"} offset 500ms))",
};

/* ---- what the frames tell ---- */

struct stream {
    char *key;
    int64_t interval_ms;
    uint64_t opened; /* number of the step */
    bool open;
    struct frame_table seen;
};

struct world {
    struct sg_engine *engine;
    struct sg_source source;
    struct sg_prng g;
    struct sg_promql_eval_options eval;
    struct stream streams[OPEN_MAX];
    int64_t now_ms;
    bool stepped_back; /* then streams go on with their next tick */
    uint64_t steps, compared, rows, failures;
};

static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct world *w = ctx;
    (void)edge;
    for (size_t i = 0; f->topic && i < OPEN_MAX; i++) {
        struct stream *s = &w->streams[i];
        if (!s->open || s->interval_ms != f->topic->interval_ms ||
            strcmp(s->key, f->topic->key) != 0)
            continue;
        if (f->kind == SG_FRAME_FULL || f->kind == SG_FRAME_UPDATE || f->kind == SG_FRAME_ERROR)
            frame_table_take(&s->seen, f);
    }
}

/* ---- streams come and go ---- */

static void control(struct world *w, const struct stream *s, enum sg_control_kind kind)
{
    assert_int_equal(
        sg_engine_control(w->engine, sg_control_new(kind, 0, sg_str_from(s->key), s->interval_ms)),
        0);
}

static void close_stream(struct world *w, struct stream *s)
{
    control(w, s, SG_CONTROL_CLOSE);
    frame_table_deinit(&s->seen);
    sg_free(s->key);
    *s = (struct stream){0};
}

/* The canonical text, NULL when the expression is refused. */
static char *canonical(const char *text)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 65536);
    char *key = NULL;
    if (sg_live_names_resolve(NULL, SG_RESOLVE_QUERY, sg_str_from(text), &b, NULL) == 0)
        key = sg_strdup(sg_buf_cstr(&b));
    return key;
}

static void open_stream(struct world *w, struct stream *s, const char *text)
{
    static const int64_t intervals[] = {100, 100, 500, 1000, 2000};
    char *key = canonical(text);
    int64_t interval_ms = intervals[sg_prng_below(&w->g, 5)];
    if (!key)
        return;
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (w->streams[i].open && strcmp(w->streams[i].key, key) == 0) {
            sg_free(key);
            return;
        }
    *s = (struct stream){.key = key, .interval_ms = interval_ms, .opened = w->steps, .open = true};
    control(w, s, SG_CONTROL_OPEN);
}

static void open_and_close(struct world *w)
{
    struct stream *s = &w->streams[sg_prng_below(&w->g, OPEN_MAX)];
    if (s->open) {
        if (sg_prng_below(&w->g, 4) == 0)
            close_stream(w, s);
        return;
    }
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 65536);
    gen_expression(&w->g, &text);
    open_stream(w, s, sg_buf_cstr(&text));
}

/* ---- samples ---- */

struct maker {
    const char *name;
    const char *extra; /* label le, or none */
    int kind; /* 0 counter, 1 gauge, 2 odd values, 3 observations, 4 constant, 5 quarters, 6 set
                 members, 7 increments */
};
static const struct maker makers[] = {
    {"c_total", NULL, 0}, {"g", NULL, 1},          {"odd", NULL, 2},     {"b_bucket", "0.1", 0},
    {"b_bucket", "1", 0}, {"b_bucket", "+Inf", 0}, {"h", NULL, 3},       {"target_info", NULL, 4},
    {"q", NULL, 5},       {"u", NULL, 6},          {"e_total", NULL, 7},
};

static const struct sg_labels *labels_of(const struct maker *m, size_t job, size_t i)
{
    static const char *const jobs[] = {"a", "b"}, *const is[] = {"", "1", "2", "3"};
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_STR("__name__"), sg_str_from(m->name));
    sg_labels_builder_set(&b, SG_STR("job"), sg_str_from(jobs[job]));
    if (!m->extra && m->kind != 3)
        sg_labels_builder_set(&b, SG_STR("i"), sg_str_from(is[i]));
    if (m->extra)
        sg_labels_builder_set(&b, SG_STR("le"), sg_str_from(m->extra));
    return sg_labels_builder_build(&b);
}

static double value_of(struct world *w, int kind, int64_t t)
{
    static const double odd[] = {0, 2, 1, -1, 1e300, -1e300, 1e-300, 7};
    uint64_t dice = sg_prng_below(&w->g, 60);
    if (kind == 0)
        return dice == 0 ? 0 : (double)((t - T0) % 20000) / 7 + (double)dice / 10;
    if (kind == 1)
        return (double)dice - 20 + (dice % 3 ? 0.1 : 0);
    if (kind == 4)
        return 1;
    if (kind == 5) /* whose sums are exact, now and then not */
        return dice || sg_prng_below(&w->g, 9) ? (double)dice / 4 - 7
               : sg_prng_below(&w->g, 2)       ? 0.1
                                               : NAN;
    return dice == 0 ? NAN : dice == 1 ? INFINITY : dice == 2 ? -INFINITY : odd[dice % 8];
}

/* One series at this moment: silent for a while now and then, late, twice, stale, far ahead. */
static void feed_one(struct world *w, struct sg_batch *b, const struct maker *m, size_t series)
{
    size_t job = series % 2, i = series / 2 % 4;
    uint64_t life = (uint64_t)(w->now_ms - T0) / 15000 + series * 7 + (uint64_t)m->kind;
    uint64_t dice = sg_prng_below(&w->g, 100);
    int64_t t = w->now_ms - (int64_t)sg_prng_below(&w->g, 90);
    if (life * 2654435761u >> 7 & 3 ? dice > 30 : dice > 1)
        return;
    if (dice == 3)
        t -= (int64_t)sg_prng_below(&w->g, 8000);
    else if (dice == 4)
        t += (int64_t)sg_prng_below(&w->g, 3000);
    else if (dice == 5)
        t -= (int64_t)sg_prng_below(&w->g, 70000);
    uint32_t birth = sg_batch_add_birth_take(b, labels_of(m, job, i), NULL);
    struct sg_point p = {.series = SG_SERIES_NEW | birth, .op = SG_OP_SET, .time_ms = t};
    p.value = value_of(w, m->kind, t);
    if (m->kind == 3)
        p.op = SG_OP_OBSERVE;
    else if (m->kind == 6)
        p = (struct sg_point){.series = p.series, .op = SG_OP_MEMBER, .time_ms = t, .bits = dice};
    else if (m->kind == 7)
        p.op = SG_OP_COUNT, p.value = (double)(dice % 7);
    else if (dice == 6)
        p.value = sg_stale_nan();
    sg_batch_add_point(b, p);
    if (dice == 7)
        sg_batch_add_point(b, p);
}

static void feed(struct world *w)
{
    struct sg_batch *b = sg_batch_new(&w->source, 512, w->now_ms);
    for (size_t k = 0; k < SG_ARRAY_LEN(makers); k++)
        for (size_t series = 0; series < 8; series++)
            feed_one(w, b, &makers[k], series);
    assert_int_equal(sg_engine_ingest(w->engine, b), 0);
}

/* ---- the comparison ---- */

static void different(struct world *w, const struct stream *s, const char *what)
{
    w->failures++;
    fail_msg("%s (interval %lld) at T0+%lld: %s", s->key, (long long)s->interval_ms,
             (long long)(w->now_ms - T0), what);
}

static void compare_rows(struct world *w, const struct stream *s, const struct sg_promql_result *r)
{
    char text[400];
    size_t shown = frame_table_shown(&s->seen);
    for (size_t i = 0; i < r->n; i++) {
        const struct sg_promql_series *x = &r->series[i];
        double v = x->h && x->h[0] ? x->h[0]->count : x->v[0];
        const struct frame_slot *have = frame_table_find(&s->seen, x->labels);
        if (have && frame_value_same(have->v, v))
            continue;
        SG_AUTO(sg_buf_deinit) struct sg_buf labels;
        sg_buf_init(&labels, 4096);
        sg_labels_print(x->labels, &labels);
        snprintf(text, sizeof(text), "%.200s is pushed as %.17g, the query gives %.17g",
                 sg_buf_cstr(&labels), have ? have->v : sg_stale_nan(), v);
        different(w, s, text);
    }
    if (shown != r->n) {
        snprintf(text, sizeof(text), "%zu series are pushed, the query gives %zu", shown, r->n);
        different(w, s, text);
    }
    w->rows += r->n;
}

static void compare(struct world *w, const struct stream *s)
{
    struct sg_promql *q;
    struct sg_promql_plan *plan;
    struct sg_promql_result r;
    struct sg_querier querier;
    struct sg_error err = {0};
    assert_int_equal(sg_promql_parse(sg_str_from(s->key), NULL, &q, NULL), 0);
    assert_int_equal(sg_promql_prepare(q, &w->eval, &plan, NULL), 0);
    assert_int_equal(sg_store_querier_open(sg_engine_get_store(w->engine), &querier), 0);
    int rc = sg_promql_eval(plan, &querier, SG_PROMQL_AT(w->now_ms), &r, &err);
    if (!s->seen.full)
        different(w, s, "no frame has come");
    /* An error is told again when its words change, not its place. */
    if ((rc < 0) != (s->seen.error.code != SG_OK) ||
        (rc < 0 && strcmp(err.text, s->seen.error.text) != 0))
        different(w, s, rc < 0 ? err.text : s->seen.error.text);
    if (rc == 0)
        compare_rows(w, s, &r);
    w->compared++;
    sg_promql_result_deinit(&r);
    querier.ops->close(&querier);
    sg_promql_plan_free(plan);
    sg_promql_free(q);
}

/* ---- loops over raw samples ---- */

/* count, sum and max over (t - range, t] of one series, as naive as can be. */
static void naive(struct sg_querier *q, const void *handle, int64_t t, double ret[3])
{
    struct sg_samples s;
    sg_samples_init(&s);
    q->ops->read(q, handle, INT64_MIN / 2, INT64_MAX / 2, &s);
    ret[0] = ret[1] = 0;
    ret[2] = NAN;
    for (size_t i = 0; i < s.n; i++) {
        if (s.time_ms[i] <= t - 10000 || s.time_ms[i] > t || sg_is_stale(s.v[i]))
            continue;
        ret[0] += 1;
        ret[1] += s.v[i];
        if (isnan(ret[2]) || s.v[i] > ret[2])
            ret[2] = s.v[i];
    }
    sg_samples_deinit(&s);
}

static void check_naive(struct world *w, const struct stream *s)
{
    static const char *const keys[] = {"count_over_time(g[10s])", "sum_over_time(g[10s])",
                                       "max_over_time(g[10s])"};
    struct sg_promql *q;
    struct sg_querier querier;
    struct sg_selection found;
    size_t which = 0;
    while (which < 3 && strcmp(keys[which], s->key) != 0)
        which++;
    if (which == 3)
        return;
    assert_int_equal(sg_promql_parse(SG_STR("g"), NULL, &q, NULL), 0);
    assert_int_equal(sg_store_querier_open(sg_engine_get_store(w->engine), &querier), 0);
    sg_selection_init(&found);
    const struct sg_selector *sel = &q->root->u.selector;
    assert_int_equal(querier.ops->select(&querier, (const struct sg_matcher *const *)sel->matchers,
                                         sel->matcher_count, &found, NULL),
                     0);
    for (size_t i = 0; i < found.n; i++) {
        double want[3];
        naive(&querier, found.series[i].handle, w->now_ms, want);
        const struct sg_labels *l =
            sg_labels_project(found.series[i].labels, (struct sg_str[]){SG_METRIC_NAME}, 1, false);
        const struct frame_slot *have = frame_table_find(&s->seen, l);
        bool there = have && !sg_is_stale(have->v);
        if (there != (want[0] > 0) ||
            (there && fabs(have->v - want[which]) > 1e-12 * (1 + fabs(want[which]))))
            different(w, s, "differs from a loop over the samples");
        sg_labels_unref(l);
    }
    sg_selection_deinit(&found);
    querier.ops->close(&querier);
    sg_promql_free(q);
}

/* ---- ---- */

static uint64_t clock_ns(void *ctx)
{
    (void)ctx;
    return 0;
}

static struct world *world_new(uint64_t seed)
{
    struct world *w = sg_calloc(1, sizeof(*w));
    struct sg_engine_options o;
    w->g.state = seed;
    w->now_ms = T0;
    w->source.name = "test";
    w->source.stale_after_ms = 4000;
    sg_engine_options_default(&o);
    o.store.retention_ms = seed % 4 == 0 ? 20000 : seed % 4 == 1 ? 60000 : 200000;
    if (seed % 4 == 2)
        o.live.max_window_bytes = 250000;
    o.live.long_window_ms = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 12000 : o.live.long_window_ms;
    o.store.out_of_order_ms = 40000;
    o.store.idle_expiry_ms = 20000;
    o.live.hooks.publish = publish;
    o.live.hooks.clock_ns = clock_ns;
    o.live.hooks.ctx = w;
    w->eval.delayed_names = seed % 5 == 0;
    o.live.eval = &w->eval;
    o.live.linger_ms = 3000;
    o.live.forget_min_ms = 2000;
    assert_int_equal(sg_engine_new(&o, &w->engine, NULL), 0);
    _Static_assert(SG_ARRAY_LEN(kept) <= OPEN_MAX / 2, "others need room, too");
    for (size_t i = 0; i < SG_ARRAY_LEN(kept); i++)
        open_stream(w, &w->streams[i], kept[i]);
    return w;
}

static void world_free(struct world *w)
{
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (w->streams[i].open)
            close_stream(w, &w->streams[i]);
    sg_engine_free(w->engine);
    sg_free(w);
}

/* The clock goes on by a tick; at times it jumps, also back. */
static void advance(struct world *w)
{
    uint64_t dice = sg_prng_below(&w->g, 3000);
    w->now_ms += TICK;
    w->stepped_back = false;
    if (dice == 0)
        w->now_ms += TICK * (int64_t)sg_prng_below(&w->g, 300);
    if (dice != 1 && dice != 2)
        return;
    w->now_ms -= TICK * (int64_t)(2 + sg_prng_below(&w->g, 50));
    if (dice == 2) /* by more than samples may be late */
        w->now_ms -= 100000;
    w->stepped_back = true;
}

static void step(struct world *w)
{
    w->steps++;
    if (sg_prng_below(&w->g, 6) == 0)
        open_and_close(w);
    feed(w);
    sg_engine_tick(w->engine, w->now_ms, w->now_ms);
    for (size_t i = 0; i < OPEN_MAX; i++) {
        struct stream *s = &w->streams[i];
        if (!s->open || w->now_ms % s->interval_ms || (w->stepped_back && s->opened != w->steps))
            continue;
        compare(w, s);
        check_naive(w, s);
    }
    advance(w);
}

static void run(uint64_t seed)
{
    struct world *w = world_new(seed);
    for (int i = 0; i < ROUND_TICKS; i++)
        step(w);
    const struct sg_live_stats *st = sg_live_get_stats(sg_engine_get_live(w->engine));
    assert_true(w->compared > 1000 && w->rows > 5000);
    assert_true(atomic_load(&st->node_shared) > 0);
    assert_true(atomic_load(&st->window_rebuilds) > 0);
    print_message("%llu comparisons, %llu rows; nodes evaluated %llu, shared %llu, incremental "
                  "leaves put off %llu, series read anew %llu, windows %llu bytes\n",
                  (unsigned long long)w->compared, (unsigned long long)w->rows,
                  atomic_load(&st->node_evaluations), atomic_load(&st->node_shared),
                  atomic_load(&st->node_fallbacks), atomic_load(&st->window_rebuilds),
                  atomic_load(&st->window_bytes));
    world_free(w);
}

static uint64_t first_seed = 1;
static long seconds;

static void test_differential__what_is_pushed_is_what_is_asked(void **state)
{
    (void)state;
    uint64_t seed = first_seed;
    time_t end = time(NULL) + seconds;
    do {
        print_message("seed %llu\n", (unsigned long long)seed);
        run(seed++);
    } while (seed < first_seed + 4 || (seconds && time(NULL) < end));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seconds = strtol(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differential__what_is_pushed_is_what_is_asked),
    };
    return cmocka_run_group_tests_name("sim_differential", tests, NULL, NULL);
}
