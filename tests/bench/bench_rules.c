/* bench_rules.c - what alerting rules cost per active instance and tick: evaluation, states, the
 * series ALERTS and ALERTS_FOR_STATE, telling again every minute.
 *
 * usage: bench_rules [INSTANCES [TICKS]]     10000 instances, 120 ticks of 1 s
 *
 * Storing the samples that rules read is not measured. Lines are `name ns share first`: CPU time of
 * a tick of the ruler per instance (median), the mean share of one core at one tick a second, and
 * what the tick cost per instance in which all of them came. `firing` is a threshold on a gauge,
 * `rate` one on a rate over 5 minutes, `pending` never comes to fire, `recording` writes as many
 * series. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <streamgauge/engine.h>
#include <streamgauge/mem.h>
#include <streamgauge/ruler.h>

#define T0 INT64_C(1764000000000)

struct bench {
    struct sg_engine *engine;
    struct sg_ruler *ruler;
    struct sg_source source;
    uint32_t *ids;
    size_t n;
    int64_t now_ms;
    uint64_t told;
};

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    (void)ctx;
    (void)edge;
    (void)f;
}

static int on_add(void *ctx, struct sg_promql *q, struct sg_promql_root **ret,
                  struct sg_error *reterr)
{
    struct bench *b = ctx;
    return sg_live_root_add(sg_engine_get_live(b->engine), q, ret, reterr);
}

static void on_remove(void *ctx, struct sg_promql_root *root)
{
    struct bench *b = ctx;
    sg_live_root_remove(sg_engine_get_live(b->engine), root);
}

static void on_begin(void *ctx)
{
    struct bench *b = ctx;
    sg_live_roots_begin(sg_engine_get_live(b->engine));
}

static int on_eval(void *ctx, struct sg_promql_root *root, int64_t time_ms,
                   struct sg_promql_view *ret, struct sg_error *reterr)
{
    struct bench *b = ctx;
    return sg_live_root_eval(sg_engine_get_live(b->engine), root, time_ms, ret, reterr);
}

static int on_append(void *ctx, const struct sg_labels *labels, uint64_t *id, int64_t time_ms,
                     double v, struct sg_error *reterr)
{
    struct bench *b = ctx;
    struct sg_store *store = sg_engine_get_store(b->engine);
    uint32_t series = (uint32_t)(*id - 1);
    if (*id == 0) {
        int rc = sg_store_intern(store, labels, &b->source, &series, reterr);
        if (rc < 0)
            return rc;
        *id = (uint64_t)series + 1;
    }
    return sg_store_append(store, series, time_ms, v, b->now_ms, reterr);
}

static void on_alert(void *ctx, const struct sg_alert *a, enum sg_alert_state state)
{
    struct bench *b = ctx;
    (void)a;
    (void)state;
    b->told++;
}

static void make_series(struct bench *b)
{
    struct sg_labels_builder builder;
    sg_labels_builder_init(&builder);
    b->ids = sg_calloc(b->n, sizeof(*b->ids));
    for (size_t i = 0; i < b->n; i++) {
        char text[32];
        snprintf(text, sizeof(text), "host-%zu", i);
        sg_labels_builder_reset(&builder);
        sg_labels_builder_set(&builder, SG_METRIC_NAME, SG_STR("m"));
        sg_labels_builder_set(&builder, SG_STR("instance"), sg_str_from(text));
        sg_labels_builder_set(&builder, SG_STR("job"), SG_STR("node"));
        const struct sg_labels *l = sg_labels_builder_build(&builder);
        if (sg_store_intern(sg_engine_get_store(b->engine), l, &b->source, &b->ids[i], NULL) < 0)
            abort();
        sg_labels_unref(l);
    }
    sg_labels_builder_deinit(&builder);
}

static void start(struct bench *b, const char *rule)
{
    struct sg_engine_options o;
    struct sg_ruler_options r;
    struct sg_error err = {0};
    char text[1024];
    sg_engine_options_default(&o);
    o.live.hooks.publish = publish;
    o.live.hooks.ctx = b;
    b->now_ms = T0;
    if (sg_engine_new(&o, &b->engine, &err) < 0)
        abort();
    make_series(b);
    sg_ruler_options_default(&r);
    r.hooks = (struct sg_ruler_hooks){.add = on_add,
                                      .remove = on_remove,
                                      .begin = on_begin,
                                      .eval = on_eval,
                                      .append = on_append,
                                      .alert = on_alert,
                                      .ctx = b};
    b->ruler = sg_ruler_new(&r);
    struct sg_rules *rules = sg_rules_new();
    snprintf(text, sizeof(text), "groups:\n- name: g\n  rules:\n  - %s\n", rule);
    if (sg_rules_add(rules, "bench.yml", sg_str_from(text), NULL, NULL, &err) < 0 ||
        sg_ruler_load_take(b->ruler, rules, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

/* CPU time of the ruler at one tick. */
static double tick(struct bench *b, size_t k)
{
    struct sg_live *live = sg_engine_get_live(b->engine);
    b->now_ms += 1000;
    for (size_t i = 0; i < b->n; i++)
        (void)sg_store_append(sg_engine_get_store(b->engine), b->ids[i], b->now_ms,
                              (double)(10 * k + i % 7), b->now_ms, NULL);
    sg_engine_tick(b->engine, b->now_ms, b->now_ms);
    struct sg_journal *j = sg_journal_new();
    double before = cpu_ns();
    sg_live_roots_begin(live);
    sg_ruler_tick(b->ruler, b->now_ms, b->now_ms, j);
    sg_live_roots_end(live);
    double ns = cpu_ns() - before;
    sg_journal_free(j);
    return ns;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void run(const char *name, const char *rule, size_t n, size_t ticks)
{
    struct bench b = {.n = n, .source = {.name = "bench"}};
    double *ns = sg_calloc(ticks, sizeof(*ns)), sum = 0;
    start(&b, rule);
    double first = tick(&b, 1);
    for (size_t k = 1; k < 10; k++)
        (void)tick(&b, k + 1);
    for (size_t k = 0; k < ticks; k++)
        sum += ns[k] = tick(&b, k + 11);
    qsort(ns, ticks, sizeof(*ns), by_size);
    printf("%s %.0f %.4f %.0f\n", name, ns[ticks / 2] / (double)n, sum / (double)ticks / 1e9,
           first / (double)n);
    sg_ruler_free(b.ruler);
    sg_engine_free(b.engine);
    sg_free(b.ids);
    sg_free(ns);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    size_t ticks = argc > 2 ? strtoul(argv[2], NULL, 10) : 120;
    static const char annotations[] =
        "\n    labels: {severity: page, host: '{{ $labels.instance | toUpper }}'}"
        "\n    annotations: {summary: '{{ $labels.instance }} is at {{ $value | humanize }}'}";
    char rule[512];
    snprintf(rule, sizeof(rule), "alert: A\n    expr: m > 5%s", annotations);
    run("firing", rule, n, ticks);
    snprintf(rule, sizeof(rule), "alert: A\n    expr: rate(m[5m]) > 0%s", annotations);
    run("rate", rule, n, ticks);
    snprintf(rule, sizeof(rule), "alert: A\n    expr: m > 5\n    for: 1h%s", annotations);
    run("pending", rule, n, ticks);
    run("recording", "record: r\n    expr: m * 2", n, ticks);
    return 0;
}
