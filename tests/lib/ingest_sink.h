/* ingest_sink.h - an engine in small for tests of parsers: resolves births and prints what arrives,
 * one line per point:
 *
 *     name{labels} OP time value
 *
 * ingest_run prints a whole body with its errors ("! line:column text"), descriptions ("# name type
 * help|unit") and counts.
 */
#ifndef TESTS_LIB_INGEST_SINK_H
#define TESTS_LIB_INGEST_SINK_H

#include <guard.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <streamgauge/ingest.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/value.h>
#include <string.h>

#define INGEST_NOW INT64_C(1700000000000)

struct ingest_sink {
    struct sg_buf out;
    const struct sg_labels **series; /* by id */
    size_t n_series, cap_series;
    bool never_resolve;  /* births stay unanswered */
    bool reject_births;  /* answer SG_CELL_REJECTED */
    bool keep_metadata;  /* print descriptions */
    uint32_t busy_after; /* batches taken before SG_EBUSY, UINT32_MAX: all */
    uint32_t batches, births, points;
};

static inline void ingest_sink_init(struct ingest_sink *s)
{
    *s = (struct ingest_sink){.busy_after = UINT32_MAX, .keep_metadata = true};
    sg_buf_init(&s->out, 64 << 20);
}

static inline void ingest_sink_deinit(struct ingest_sink *s)
{
    for (size_t i = 0; i < s->n_series; i++)
        sg_labels_unref(s->series[i]);
    sg_free(s->series);
    sg_buf_deinit(&s->out);
}

static inline uint32_t ingest_sink_id(struct ingest_sink *s, const struct sg_labels *l)
{
    for (size_t i = 0; i < s->n_series; i++) {
        if (sg_labels_eq(s->series[i], l))
            return (uint32_t)i;
    }
    s->series = sg_grow(s->series, &s->cap_series, s->n_series + 1, sizeof(s->series[0]));
    s->series[s->n_series] = sg_labels_ref(l);
    return (uint32_t)s->n_series++;
}

/* schema reset zero_count@threshold index:count… / negative index:count… (bounds…) count sum */
static inline void ingest_sink_histogram(struct ingest_sink *s, const struct sg_histogram *h)
{
    static const char *const resets[] = {"", " reset", " no-reset", " gauge"};
    (void)sg_buf_printf(&s->out, "schema %d%s, %.17g@%.17g", h->schema, resets[h->reset_hint],
                        h->zero_count, h->zero_threshold);
    for (uint32_t i = 0; i < h->n_positive + h->n_negative; i++)
        (void)sg_buf_printf(&s->out, "%s %d:%.17g", i == h->n_positive ? " /" : "",
                            (int)h->buckets[i].index, h->buckets[i].count);
    for (uint32_t i = 0; i < h->n_custom; i++)
        (void)sg_buf_printf(&s->out, "%s%.17g", i ? " " : " (", sg_histogram_custom(h)[i]);
    (void)sg_buf_printf(&s->out, "%s, %.17g %.17g", h->n_custom ? ")" : "", h->count, h->sum);
}

static inline void ingest_sink_point(struct ingest_sink *s, const struct sg_batch *b,
                                     const struct sg_point *p)
{
    static const char *const ops[] = {"set",    "count",   "gadd",   "gset",
                                      "weight", "observe", "member", "histogram"};
    if (p->series & SG_SERIES_NEW) {
        SG_ASSERT((p->series & ~SG_SERIES_NEW) < b->n_births);
        sg_labels_print(b->births[p->series & ~SG_SERIES_NEW].labels, &s->out);
    } else {
        SG_ASSERT(p->series < s->n_series);
        sg_labels_print(s->series[p->series], &s->out);
    }
    (void)sg_buf_printf(&s->out, " %s ", ops[p->op]);
    if (p->time_ms == INGEST_NOW)
        (void)sg_buf_puts(&s->out, "now");
    else
        (void)sg_buf_put_i64(&s->out, p->time_ms);
    (void)sg_buf_putc(&s->out, ' ');
    if (p->op == SG_OP_HISTOGRAM)
        ingest_sink_histogram(s, b->histograms[p->bits]);
    else if (p->bits == SG_STALE_BITS)
        (void)sg_buf_puts(&s->out, "stale");
    else if (p->op == SG_OP_MEMBER)
        (void)sg_buf_printf(&s->out, "%016llx", (unsigned long long)p->bits);
    else
        (void)sg_buf_put_double(&s->out, p->value);
    (void)sg_buf_putc(&s->out, '\n');
}

static inline void ingest_sink_metadata(struct ingest_sink *s, const struct sg_metadata *m)
{
    static const char *const types[] = {"unknown",        "counter", "gauge", "histogram",
                                        "gaugehistogram", "summary", "info",  "stateset"};
    (void)sg_buf_printf(&s->out, "# %s %s %s|%s\n", m->metric, types[m->type],
                        m->help ? m->help : "", m->unit ? m->unit : "");
}

static inline int ingest_sink_submit(void *ctx, struct sg_batch *b)
{
    struct ingest_sink *s = ctx;
    if (s->batches >= s->busy_after)
        return SG_EBUSY;
    s->batches++;
    s->births += b->n_births;
    s->points += b->n_points;
    for (uint32_t i = 0; s->keep_metadata && i < b->n_metadata; i++)
        ingest_sink_metadata(s, &b->metadata[i]);
    for (uint32_t i = 0; i < b->n_points; i++)
        ingest_sink_point(s, b, &b->points[i]);
    for (uint32_t i = 0; !s->never_resolve && i < b->n_births; i++)
        atomic_store(&b->births[i].cell->id,
                     s->reject_births ? SG_CELL_REJECTED : ingest_sink_id(s, b->births[i].labels));
    sg_batch_free(b);
    return 0;
}

/* A batcher with its sink, gate and source. */
struct ingest_bench {
    struct ingest_sink sink;
    struct sg_ingest_gate gate;
    struct sg_source source;
    struct sg_batcher *batcher;
};

static inline void ingest_bench_init(struct ingest_bench *t, const struct sg_ingest_limits *limits)
{
    *t = (struct ingest_bench){.source = {.name = "test"}};
    ingest_sink_init(&t->sink);
    struct sg_batcher_config config = {
        .submit = ingest_sink_submit, .ctx = &t->sink, .source = &t->source, .gate = &t->gate};
    if (limits)
        config.limits = *limits;
    t->batcher = sg_batcher_new(&config);
}

static inline void ingest_bench_deinit(struct ingest_bench *t)
{
    sg_batcher_free(t->batcher);
    ingest_sink_deinit(&t->sink);
}

static inline void ingest_print_result(const struct sg_ingest_result *r, struct sg_buf *out)
{
    for (uint32_t i = 0; i < r->n_errors; i++)
        (void)sg_buf_printf(out, "! %u:%u %s\n", r->errors[i].line, r->errors[i].column,
                            r->errors[i].text);
    (void)sg_buf_printf(out, "= accepted %llu rejected %llu", (unsigned long long)r->accepted,
                        (unsigned long long)r->rejected);
    if (r->ignored)
        (void)sg_buf_printf(out, " ignored %llu", (unsigned long long)r->ignored);
    if (r->events)
        (void)sg_buf_printf(out, " events %llu", (unsigned long long)r->events);
    if (r->dropped)
        (void)sg_buf_printf(out, " dropped %llu", (unsigned long long)r->dropped);
    (void)sg_buf_putc(out, '\n');
}

/* Feeds a copy that ends at a page nobody may touch: one byte of over-read is a crash. */
static inline int ingest_feed_copy(struct sg_ingest_parser *p, const char *data, size_t n)
{
    struct guard g;
    int r = sg_ingest_feed(p, guard_put(&g, data, n), n);
    guard_free(&g);
    return r;
}

/* One body in pieces of `piece` bytes, the first one of `first` bytes (0: none). Prints into
 * t->sink.out. */
static inline void ingest_body(struct ingest_bench *t, const struct sg_ingest_options *o,
                               struct sg_str body, size_t first, size_t piece)
{
    struct sg_ingest_parser *p = sg_ingest_parser_new(t->batcher, o);
    int r = 0;
    for (size_t pos = 0; pos < body.n && r == 0;) {
        size_t n = pos == 0 && first ? first : piece;
        if (n > body.n - pos)
            n = body.n - pos;
        r = ingest_feed_copy(p, body.p + pos, n);
        pos += n;
    }
    (void)sg_ingest_finish(p);
    ingest_print_result(sg_ingest_parser_result(p), &t->sink.out);
    sg_ingest_parser_free(p);
}

/* Prints what a body gives on a fresh batcher. Free with sg_free. */
static inline char *ingest_run(const struct sg_ingest_options *o,
                               const struct sg_ingest_limits *limits, struct sg_str body,
                               size_t first, size_t piece)
{
    struct ingest_bench t;
    ingest_bench_init(&t, limits);
    ingest_body(&t, o, body, first, piece);
    (void)sg_buf_cstr(&t.sink.out);
    char *text = sg_buf_steal(&t.sink.out, NULL);
    ingest_bench_deinit(&t);
    return text;
}

#endif
