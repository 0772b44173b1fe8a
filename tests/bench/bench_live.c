/* bench_live.c - what a tick costs per series: the continuous engine, the ordinary one on the same
 * store, and a bare loop over the same samples in arrays.
 *
 * usage: bench_live [SERIES [TICKS [NAME]]]     10000 series, 60 ticks, all unless told
 *
 * Every series gets one sample per tick (1 s or 15 s apart: 300 or 20 samples per window); storing
 * them is not measured. A figure is a whole live tick, from new samples to the frame, in CPU time:
 * the fastest tenth of the ticks is below it, so that a busy neighbour does not show (the others
 * are the best of some rounds). Lines are `name samples engine ordinary bare bytes`, ns and bytes
 * of windows per series; windows of an hour are measured over a tenth of the series. Last come 1
 * 000 streams over 100 expressions beside 100 streams over the same.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <streamgauge/engine.h>
#include <streamgauge/mem.h>
#include <streamgauge/promql.h>

#define T0 INT64_C(1764000000000)
#define WINDOW_MS INT64_C(300000)

enum { BATCH = 4096, LES = 20, GROUPS = 10, STREAMS = 100, INTERVALS = 10 };

static const struct expression {
    const char *name, *text;
} expressions[] = {
    {"rate", "sum by (l) (rate(m[5m]))"},
    {"max", "sum by (l) (max_over_time(g[5m]))"},
    {"quantile", "sum by (l) (quantile_over_time(0.9, g[5m]))"},
    {"histogram", "histogram_quantile(0.99, sum by (le) (rate(b[5m])))"},
    {"rate_all", "rate(m[5m])"},
    {"max_all", "max_over_time(g[5m])"},
};

/* Over windows of an hour, a sample a second. */
static const struct expression long_expressions[] = {
    {"rate_1h", "rate(m[1h])"},
    {"max_1h", "max_over_time(g[1h])"},
    {"count_1h", "count_over_time(g[1h])"},
    {"sum_1h", "sum_over_time(m[1h])"},
    {"quantile_1h", "quantile_over_time(0.9, g[1h])"},
};

struct bench {
    struct sg_engine *engine;
    struct sg_source source;
    char metric; /* m: counters, b: buckets, g: gauges */
    size_t series, ticks;
    int64_t step_ms, now_ms;
    uint32_t *ids;
    double *last;     /* value of each series */
    size_t window, n; /* samples per window; ticks so far */
    int64_t window_ms;
    double window_bytes; /* after the last tick of an expression */
    uint64_t random;
    uint64_t frames;
};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct bench *b = ctx;
    (void)edge;
    b->frames += f->kind == SG_FRAME_FULL || f->kind == SG_FRAME_UPDATE;
}

static uint32_t intern(struct bench *b, size_t i, size_t le)
{
    char text[3][24], name[] = {b->metric, 0};
    uint32_t id;
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder l;
    sg_labels_builder_init(&l);
    snprintf(text[0], sizeof(text[0]), "%zu", i % GROUPS);
    snprintf(text[1], sizeof(text[1]), "%zu", i);
    snprintf(text[2], sizeof(text[2]), le + 1 < LES ? "%zu" : "+Inf", le);
    sg_labels_builder_set(&l, SG_STR("__name__"), sg_str_from(name));
    sg_labels_builder_set(&l, SG_STR("l"), sg_str_from(text[0]));
    sg_labels_builder_set(&l, SG_STR("i"), sg_str_from(text[1]));
    if (b->metric == 'b')
        sg_labels_builder_set(&l, SG_STR("le"), sg_str_from(text[2]));
    const struct sg_labels *labels = sg_labels_builder_build(&l);
    if (sg_store_intern(sg_engine_get_store(b->engine), labels, &b->source, &id, NULL) < 0)
        abort();
    sg_labels_unref(labels);
    return id;
}

/* A counter that starts again every few thousand ticks, a bucket, or a gauge. */
static double next_value(struct bench *b, size_t i)
{
    b->random = b->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    uint64_t random = b->random >> 32;
    if (b->metric == 'g')
        return (double)(random % 100000) / 100;
    if (b->metric == 'b')
        return b->last[i] + (double)(i % LES + 1);
    return random % 4096 ? b->last[i] + (double)(random % 9) : 0;
}

static void step(struct bench *b)
{
    b->now_ms += b->step_ms;
    b->n++;
    for (size_t from = 0; from < b->series; from += BATCH) {
        size_t n = b->series - from < BATCH ? b->series - from : BATCH;
        struct sg_batch *batch = sg_batch_new(&b->source, BATCH, b->now_ms);
        for (size_t i = from; i < from + n; i++) {
            struct sg_point p = {.series = b->ids[i], .op = SG_OP_SET, .time_ms = b->now_ms - 10};
            p.value = b->last[i] = next_value(b, i);
            sg_batch_add_point(batch, p);
        }
        sg_store_apply_take(sg_engine_get_store(b->engine), batch, b->now_ms);
    }
    sg_store_tick(sg_engine_get_store(b->engine), b->now_ms);
}

static struct bench *bench_new(char metric, size_t series, size_t ticks, size_t window,
                               int64_t window_ms)
{
    struct bench *b = sg_calloc(1, sizeof(*b));
    struct sg_engine_options o;
    sg_engine_options_default(&o);
    o.live.hooks.publish = publish;
    o.live.hooks.ctx = b;
    o.live.max_series = 1000000;
    o.live.budget_ns = 0;
    o.live.heartbeat_ms = 0;
    o.live.linger_ms = 1;
    if (window_ms * 2 > o.store.retention_ms)
        o.store.retention_ms = window_ms * 2;
    *b = (struct bench){.source = {.name = "bench"},
                        .metric = metric,
                        .series = series,
                        .ticks = ticks,
                        .step_ms = window_ms / (int64_t)window,
                        .window_ms = window_ms,
                        .now_ms = T0,
                        .window = window,
                        .random = 1};
    if (sg_engine_new(&o, &b->engine, NULL) < 0)
        abort();
    b->ids = sg_alloc(series * sizeof(*b->ids));
    b->last = sg_calloc(series, sizeof(*b->last));
    for (size_t i = 0; i < series; i++)
        b->ids[i] = metric == 'b' ? intern(b, i / LES, i % LES) : intern(b, i, 0);
    while (b->n < window + 5)
        step(b);
    return b;
}

static void bench_free(struct bench *b)
{
    sg_engine_free(b->engine);
    sg_free(b->ids);
    sg_free(b->last);
    sg_free(b);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double part(double *v, size_t n, size_t of)
{
    qsort(v, n, sizeof(*v), compare);
    return v[n / of];
}

static void control(struct bench *b, enum sg_control_kind kind, const char *text,
                    int64_t interval_ms)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf key;
    sg_buf_init(&key, 4096);
    if (sg_live_names_resolve(NULL, SG_RESOLVE_QUERY, sg_str_from(text), &key, NULL) < 0)
        abort();
    sg_live_control_take(sg_engine_get_live(b->engine),
                         sg_control_new(kind, 0, sg_str_make(key.data, key.len), interval_ms),
                         b->now_ms);
}

/* ---- a bare loop over the same samples ---- */

static volatile double sink;

static double bare_one(const struct bench *b, const char *name, const double *v, double *scratch)
{
    double x = v[0];
    if (name[0] == 'm') {
        for (size_t k = 1; k < b->window; k++)
            x = v[k] > x ? v[k] : x;
        return x;
    }
    if (name[0] == 'q') {
        memcpy(scratch, v, b->window * sizeof(*v));
        return part(scratch, b->window, 2);
    }
    x = v[b->window - 1] - v[0];
    for (size_t k = 1; k < b->window; k++)
        if (v[k] < v[k - 1])
            x += v[k - 1];
    return x / 300;
}

/* The newest samples of every series, window by window. */
static double *arrays(struct bench *b)
{
    double *all = sg_calloc(b->series * b->window, sizeof(*all));
    struct sg_querier q;
    struct sg_samples s;
    sg_samples_init(&s);
    if (sg_store_querier_open(sg_engine_get_store(b->engine), &q) < 0)
        abort();
    for (size_t i = 0; i < b->series; i++) {
        struct sg_selected one;
        if (!sg_store_series(sg_engine_get_store(b->engine), b->ids[i], &one))
            abort();
        q.ops->read(&q, one.handle, b->now_ms - b->window_ms, b->now_ms, &s);
        memcpy(all + i * b->window, s.v, (s.n < b->window ? s.n : b->window) * sizeof(*all));
    }
    q.ops->close(&q);
    sg_samples_deinit(&s);
    return all;
}

static double bare(struct bench *b, const char *name)
{
    double *scratch = sg_alloc(b->window * sizeof(*scratch)), *all = arrays(b), best = INFINITY;
    for (int round = 0; round < 3; round++) {
        double sum[GROUPS] = {0}, t = now_ns();
        for (size_t i = 0; i < b->series; i++)
            sum[i % GROUPS] += bare_one(b, name, all + i * b->window, scratch);
        t = now_ns() - t;
        sink = sum[0];
        best = t < best ? t : best;
    }
    sg_free(scratch);
    sg_free(all);
    return best;
}

/* ---- the two engines ---- */

static double live(struct bench *b, const char *text)
{
    const struct sg_live_stats *st = sg_live_get_stats(sg_engine_get_live(b->engine));
    double *cost = sg_alloc(b->ticks * sizeof(*cost));
    control(b, SG_CONTROL_OPEN, text, b->step_ms);
    for (size_t i = 0; i < b->ticks; i++) {
        step(b);
        double t = now_ns();
        sg_live_tick(sg_engine_get_live(b->engine), b->now_ms);
        cost[i] = now_ns() - t;
    }
    b->window_bytes = (double)atomic_load(&st->window_bytes);
    control(b, SG_CONTROL_CLOSE, text, b->step_ms);
    step(b);
    sg_live_tick(sg_engine_get_live(b->engine), b->now_ms);
    double result = part(cost, b->ticks, 10);
    sg_free(cost);
    return result;
}

static double ordinary(struct bench *b, const char *text)
{
    struct sg_querier q;
    struct sg_promql *query;
    struct sg_promql_plan *plan;
    struct sg_promql_view view;
    double best = INFINITY;
    if (sg_promql_parse(sg_str_from(text), NULL, &query, NULL) < 0 ||
        sg_promql_prepare(query, NULL, &plan, NULL) < 0 ||
        sg_store_querier_open(sg_engine_get_store(b->engine), &q) < 0)
        abort();
    for (int round = 0; round < 4; round++) {
        double t = now_ns();
        if (sg_promql_eval_view(plan, &q, b->now_ms, &view, NULL) < 0)
            abort();
        t = now_ns() - t;
        best = t < best ? t : best;
    }
    q.ops->close(&q);
    sg_promql_plan_free(plan);
    sg_promql_free(query);
    return best;
}

static void each_expression(size_t series, size_t ticks, size_t window, const char *only)
{
    bool hour = window == 3600;
    const struct expression *all = hour ? long_expressions : expressions;
    size_t count = hour ? SG_ARRAY_LEN(long_expressions) : SG_ARRAY_LEN(expressions);
    for (size_t i = 0; i < count; i++) {
        const struct expression *e = &all[i];
        double n = (double)series;
        if (only && strcmp(only, e->name) != 0)
            continue;
        struct bench *b = bench_new(*(strchr(e->text, '[') - 1), series, ticks, window,
                                    hour ? 3600000 : WINDOW_MS);
        double engine = live(b, e->text);
        printf("%s %zu %.1f %.1f %.1f %.0f\n", e->name, window, engine / n,
               ordinary(b, e->text) / n, bare(b, e->name) / n, b->window_bytes / n);
        fflush(stdout);
        bench_free(b);
    }
}

/* ---- many streams, few expressions ---- */

static void many(struct bench *b, int intervals)
{
    const struct sg_live_stats *st = sg_live_get_stats(sg_engine_get_live(b->engine));
    /* Different intervals, all due at the same ticks. */
    static const int divisors[INTERVALS] = {1, 2, 3, 4, 5, 6, 10, 12, 15, 20};
    char text[128];
    double *cost = sg_alloc(b->ticks * sizeof(*cost));
    for (int i = 0; i < STREAMS * intervals; i++) {
        snprintf(text, sizeof(text), "sum by (l) (rate(m{l=\"%d\"}[5m])) * %d", i % 10,
                 i % STREAMS);
        control(b, SG_CONTROL_OPEN, text, b->step_ms / divisors[i / STREAMS]);
    }
    unsigned long long before = atomic_load(&st->node_evaluations);
    for (size_t i = 0; i < b->ticks; i++) {
        step(b);
        double t = now_ns();
        sg_live_tick(sg_engine_get_live(b->engine), b->now_ms);
        cost[i] = now_ns() - t;
    }
    double result = part(cost, b->ticks, 10);
    printf("streams %llu nodes %llu evaluations_per_tick %.1f us_per_tick %.1f\n",
           atomic_load(&st->streams), atomic_load(&st->nodes),
           (double)(atomic_load(&st->node_evaluations) - before) / (double)b->ticks, result / 1000);
    sg_free(cost);
}

int main(int argc, char **argv)
{
    size_t series = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 10000;
    size_t ticks = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 60;
    const char *only = argc > 3 ? argv[3] : NULL;
    each_expression(series, ticks, 20, only);
    each_expression(series, ticks, 300, only);
    each_expression(series / 10, ticks, 3600, only);
    for (int intervals = 1; !only && intervals <= INTERVALS; intervals += INTERVALS - 1) {
        struct bench *b = bench_new('m', series, ticks, 20, WINDOW_MS);
        many(b, intervals);
        bench_free(b);
    }
    return 0;
}
