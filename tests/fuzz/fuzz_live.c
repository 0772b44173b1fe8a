/* fuzz_live.c - a whole engine under any order of samples, streams that come and go, ticks, and
 * steps of the clock: what is pushed is what an instant query gives at that tick.
 *
 * Input: one byte of options, then operations, each a byte and what it needs (0 when the input is
 * at its end). tests/sim/sim_differential.c does the same at length with data that looks more like
 * life.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/engine.h>
#include <streamgauge/mem.h>
#include <streamgauge/promql.h>

#include "frame_table.h"
#include "promql_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TICK = 100, STREAMS = 6, TICKS_MAX = 150, OPS_MAX = 3000 };
#define T0 INT64_C(1764000000000)

/* A stream as its frames tell it. */
struct stream {
    char *key; /* NULL: closed */
    int64_t interval_ms;
    bool fresh; /* opened since the last tick */
    struct frame_table seen;
};

struct world {
    const uint8_t *at, *end;
    struct sg_engine *engine;
    struct sg_source source;
    struct stream streams[STREAMS];
    int64_t now_ms, last_tick_ms;
};

static uint8_t byte(struct world *w)
{
    return w->at < w->end ? *w->at++ : 0;
}

/* ---- frames ---- */

static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct world *w = ctx;
    (void)edge;
    if (f->kind != SG_FRAME_FULL && f->kind != SG_FRAME_UPDATE && f->kind != SG_FRAME_ERROR)
        return;
    for (size_t i = 0; f->topic && i < STREAMS; i++) {
        struct stream *s = &w->streams[i];
        if (s->key && s->interval_ms == f->topic->interval_ms && strcmp(s->key, f->topic->key) == 0)
            frame_table_take(&s->seen, f);
    }
}

/* ---- operations ---- */

static void control(struct world *w, const struct stream *s, enum sg_control_kind kind)
{
    if (sg_engine_control(w->engine, sg_control_new(kind, 0, sg_str_from(s->key), s->interval_ms)) <
        0)
        abort();
}

static void close_stream(struct world *w, struct stream *s)
{
    if (!s->key)
        return;
    control(w, s, SG_CONTROL_CLOSE);
    frame_table_deinit(&s->seen);
    sg_free(s->key);
    *s = (struct stream){0};
}

static bool is_open(const struct world *w, const char *key)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (w->streams[i].key && strcmp(w->streams[i].key, key) == 0)
            return true;
    return false;
}

static void open_stream(struct world *w)
{
    static const int64_t intervals[] = {100, 200, 500, 1000};
    struct stream *s = &w->streams[byte(w) % STREAMS];
    int64_t interval_ms = intervals[byte(w) % 4];
    struct sg_prng g = {.state = (uint64_t)byte(w) << 8};
    g.state |= byte(w);
    SG_AUTO(sg_buf_deinit) struct sg_buf text, key;
    sg_buf_init(&text, 65536);
    sg_buf_init(&key, 65536);
    gen_expression(&g, &text);
    if (s->key ||
        sg_live_names_resolve(NULL, SG_RESOLVE_QUERY, sg_buf_str(&text), &key, NULL) < 0 ||
        is_open(w, sg_buf_cstr(&key)))
        return;
    *s = (struct stream){
        .key = sg_strdup(sg_buf_cstr(&key)), .interval_ms = interval_ms, .fresh = true};
    control(w, s, SG_CONTROL_OPEN);
}

static const struct sg_labels *labels_of(unsigned which)
{
    static const struct {
        const char *name, *job, *label, *value;
    } known[] = {
        {"c_total", "a", "i", ""},
        {"c_total", "a", "i", "1"},
        {"c_total", "b", "i", "2"},
        {"g", "a", "i", ""},
        {"g", "a", "i", "1"},
        {"g", "b", "i", ""},
        {"odd", "a", "i", ""},
        {"odd", "b", "i", "3"},
        {"b_bucket", "a", "le", "0.1"},
        {"b_bucket", "a", "le", "1"},
        {"b_bucket", "a", "le", "+Inf"},
        {"h", "a", "i", ""},
        {"target_info", "a", "i", ""},
    };
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    which %= SG_ARRAY_LEN(known);
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_from(known[which].name));
    sg_labels_builder_set(&b, SG_STR("job"), sg_str_from(known[which].job));
    sg_labels_builder_set(&b, sg_str_from(known[which].label), sg_str_from(known[which].value));
    return sg_labels_builder_build(&b);
}

/* Times around now, most of them in order; values of every kind. */
static void feed(struct world *w)
{
    static const double odd[] = {0, 1, -1, 0.1, 1e300, -1e300, NAN, INFINITY, -INFINITY, 1e-300};
    unsigned n = 1 + byte(w) % 16u;
    struct sg_batch *b = sg_batch_new(&w->source, n, w->now_ms);
    for (unsigned i = 0; i < n; i++) {
        uint8_t which = byte(w), when = byte(w), what = byte(w);
        struct sg_point p = {.op = which % 13 == 11 ? SG_OP_OBSERVE : SG_OP_SET};
        p.series = SG_SERIES_NEW | sg_batch_add_birth_take(b, labels_of(which), NULL);
        p.time_ms = when < 200   ? w->now_ms - when / 2
                    : when < 240 ? w->now_ms - (int64_t)(when - 200) * 1000
                                 : w->now_ms + (int64_t)(when - 239) * 250;
        p.flags = p.time_ms == w->now_ms && when % 2 ? SG_POINT_ARRIVAL : 0;
        p.value = what < 230 ? what : what < 240 ? sg_stale_nan() : odd[what % 10];
        if (p.op == SG_OP_OBSERVE && sg_is_stale(p.value))
            p.value = 2;
        sg_batch_add_point(b, p);
    }
    if (sg_engine_ingest(w->engine, b) < 0)
        sg_batch_free(b);
}

/* ---- the property ---- */

static void different(const struct world *w, const struct stream *s, const char *what,
                      double pushed, double asked)
{
    fprintf(stderr, "%s (interval %lld) at T0+%lld: %s: pushed %.17g, asked %.17g\n", s->key,
            (long long)s->interval_ms, (long long)(w->now_ms - T0), what, pushed, asked);
    abort();
}

static void compare_rows(const struct world *w, const struct stream *s,
                         const struct sg_promql_result *r)
{
    size_t shown = frame_table_shown(&s->seen);
    for (size_t i = 0; i < r->n; i++) {
        const struct sg_promql_series *x = &r->series[i];
        double v = x->h && x->h[0] ? x->h[0]->count : x->v[0];
        const struct frame_slot *have = frame_table_find(&s->seen, x->labels);
        if (!have || !frame_value_same(have->v, v))
            different(w, s, "a value", have ? have->v : sg_stale_nan(), v);
    }
    if (shown != r->n)
        different(w, s, "number of series", (double)shown, (double)r->n);
}

static void compare(struct world *w, const struct stream *s)
{
    struct sg_promql *q;
    struct sg_promql_plan *plan;
    struct sg_promql_result r;
    struct sg_querier querier;
    struct sg_error err = {0};
    if (sg_promql_parse(sg_str_from(s->key), NULL, &q, NULL) < 0 ||
        sg_promql_prepare(q, NULL, &plan, NULL) < 0 ||
        sg_store_querier_open(sg_engine_get_store(w->engine), &querier) < 0)
        abort();
    int rc = sg_promql_eval(plan, &querier, SG_PROMQL_AT(w->now_ms), &r, &err);
    if (!s->seen.full)
        different(w, s, "no frame has come", 0, 0);
    if ((rc < 0) != (s->seen.error.code != SG_OK) ||
        (rc < 0 && strcmp(err.text, s->seen.error.text) != 0))
        different(w, s, rc < 0 ? err.text : s->seen.error.text, s->seen.error.code, rc);
    if (rc == 0)
        compare_rows(w, s, &r);
    sg_promql_result_deinit(&r);
    querier.ops->close(&querier);
    sg_promql_plan_free(plan);
    sg_promql_free(q);
}

/* A stream is due at multiples of its interval. When the clock has stepped back it goes on with the
 * next tick of the new time; a new one is evaluated at once in any case. */
static void tick(struct world *w)
{
    bool back = w->now_ms <= w->last_tick_ms;
    sg_engine_tick(w->engine, w->now_ms, w->now_ms);
    for (size_t i = 0; i < STREAMS; i++) {
        struct stream *s = &w->streams[i];
        if (s->key && w->now_ms % s->interval_ms == 0 && (!back || s->fresh))
            compare(w, s);
        s->fresh = false;
    }
    w->last_tick_ms = w->now_ms;
}

static uint64_t clock_ns(void *ctx)
{
    (void)ctx;
    return 0;
}

static void start(struct world *w, uint8_t options)
{
    static const int64_t retention_ms[] = {10000, 20000, 60000, 200000};
    struct sg_engine_options o;
    sg_engine_options_default(&o);
    o.store.retention_ms = retention_ms[options % 4];
    o.store.out_of_order_ms = options & 4 ? 40000 : 2000;
    o.store.idle_expiry_ms = options & 8 ? 5000 : 20000;
    if (options & 16)
        o.live.max_window_bytes = 20000;
    o.live.long_window_ms = options & 32 ? 0 : options & 64 ? 12000 : o.live.long_window_ms;
    o.live.hooks = (struct sg_live_hooks){.publish = publish, .clock_ns = clock_ns, .ctx = w};
    o.live.linger_ms = 1000;
    o.live.forget_min_ms = 1000;
    w->source = (struct sg_source){.name = "fuzz", .stale_after_ms = options & 128 ? 3000 : 0};
    w->now_ms = T0;
    if (sg_engine_new(&o, &w->engine, NULL) < 0)
        abort();
}

static void step(struct world *w, uint8_t op, unsigned *ticks)
{
    if (op < 90) {
        feed(w);
    } else if (op < 120) {
        open_stream(w);
    } else if (op < 130) {
        close_stream(w, &w->streams[byte(w) % STREAMS]);
    } else if (op < 140) {
        sg_engine_drain(w->engine, w->now_ms);
        w->last_tick_ms = w->now_ms; /* what was opened has been evaluated */
        for (size_t i = 0; i < STREAMS; i++)
            w->streams[i].fresh = false;
    } else {
        if (op >= 250) /* the clock jumps, in either direction */
            w->now_ms += TICK * ((int64_t)byte(w) - 128) * (op == 255 ? 10 : 1);
        else
            w->now_ms += op < 220 ? TICK : TICK * (op - 218);
        tick(w);
        ++*ticks;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    unsigned ticks = 0;
    if (size < 2)
        return 0;
    w = (struct world){.at = data + 1, .end = data + size};
    start(&w, data[0]);
    for (unsigned ops = 0; w.at < w.end && ops < OPS_MAX && ticks < TICKS_MAX; ops++)
        step(&w, byte(&w), &ticks);
    for (size_t i = 0; i < STREAMS; i++)
        close_stream(&w, &w.streams[i]);
    sg_engine_free(w.engine);
    return 0;
}
