/* remote_write_cases.h - messages of remote write and what must become of them. */
#ifndef TESTS_UNIT_REMOTE_WRITE_CASES_H
#define TESTS_UNIT_REMOTE_WRITE_CASES_H

#include <cmocka.h>
#include <ingest_sink.h>
#include <pb_write.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define T INGEST_NOW

static const struct sg_remote_write_options v1 = {.version = SG_REMOTE_WRITE_1,
                                                  .now_ms = INGEST_NOW};
static const struct sg_remote_write_options v2 = {.version = SG_REMOTE_WRITE_2,
                                                  .now_ms = INGEST_NOW};

static inline void print(const struct sg_remote_write_result *r, struct sg_buf *out)
{
    for (uint32_t i = 0; i < r->ingest.n_errors; i++)
        (void)sg_buf_printf(out, "! %u %s\n", r->ingest.errors[i].line, r->ingest.errors[i].text);
    (void)sg_buf_printf(out, "%d: %llu %llu %llu", sg_remote_write_status(r),
                        (unsigned long long)r->samples, (unsigned long long)r->histograms,
                        (unsigned long long)r->exemplars);
    if (r->ingest.rejected)
        (void)sg_buf_printf(out, " rejected %llu", (unsigned long long)r->ingest.rejected);
    if (r->ingest.dropped)
        (void)sg_buf_printf(out, " dropped %llu", (unsigned long long)r->ingest.dropped);
    (void)sg_buf_putc(out, '\n');
}

/* Sends the message over a batcher that may know series already. */
static inline void send(struct ingest_bench *t, const struct sg_remote_write_options *o,
                        const struct pb *message)
{
    struct sg_remote_write_result r;
    struct guard g;
    size_t n;
    char *body = pb_snappy(message, &g, &n);
    sg_remote_write(t->batcher, o, body, n, &r);
    guard_free(&g);
    assert_int_equal(r.samples + r.histograms, r.ingest.accepted);
    print(&r, &t->sink.out);
}

static inline void assert_printed(struct ingest_bench *t, const char *expected)
{
    const char *got = sg_buf_cstr(&t->sink.out);
    if (strcmp(got, expected) != 0)
        fail_msg("got:\n%s\nexpected:\n%s", got, expected);
    sg_buf_reset(&t->sink.out);
}

/* Frees the message. */
static inline void assert_message(const struct sg_remote_write_options *o,
                                  const struct sg_ingest_limits *limits, struct pb *message,
                                  const char *expected)
{
    struct ingest_bench t;
    ingest_bench_init(&t, limits);
    send(&t, o, message);
    assert_printed(&t, expected);
    ingest_bench_deinit(&t);
    pb_deinit(message);
}

/* A TimeSeries of 1.0 with a name; more fields may follow before it is put into its message. */
static inline struct pb series_of(const char *name)
{
    struct pb s;
    pb_init(&s);
    if (name)
        pb_label(&s, "__name__", name);
    return s;
}

static inline void symbols(struct pb *w, const char *const *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pb_text(w, 4, text[i]);
}

/* A TimeSeries of 2.0. */
static inline struct pb series_v2(const uint32_t *refs, size_t n)
{
    struct pb s;
    pb_init(&s);
    pb_uints(&s, 1, refs, n);
    return s;
}

static const char *const some_symbols[] = {"",    "__name__", "up",      "job",
                                           "api", "help me",  "seconds", "lat_bucket"};

static inline void metadata_v2(struct pb *s, int64_t type, int64_t help, int64_t unit)
{
    struct pb m;
    pb_init(&m);
    if (type)
        pb_int(&m, 1, type);
    if (help)
        pb_int(&m, 3, help);
    if (unit)
        pb_int(&m, 4, unit);
    pb_message_take(s, 5, &m);
}

#endif
