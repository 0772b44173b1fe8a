/* ingest_fuzz.h - what must hold for any body: pieces give what the whole gives, labels are clean,
 * counts add up.
 *
 * The first two bytes of an input choose limits and the cutting.
 */
#ifndef TESTS_LIB_INGEST_FUZZ_H
#define TESTS_LIB_INGEST_FUZZ_H

#include <ingest_sink.h>
#include <stdio.h>

static inline void fuzz_check(bool ok, const char *what, const char *a, const char *b)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n--- whole\n%s\n--- pieces\n%s\n", what, a, b);
    abort();
}

static inline void fuzz_check_labels(const struct ingest_sink *s, const struct sg_ingest_limits *l)
{
    for (size_t i = 0; i < s->n_series; i++) {
        const struct sg_labels *labels = s->series[i];
        SG_ASSERT(sg_labels_get(labels, SG_METRIC_NAME).n > 0);
        SG_ASSERT(!l->max_labels || labels->count <= l->max_labels);
        for (uint32_t k = 0; k < labels->count; k++) {
            struct sg_label x = sg_labels_at(labels, k);
            SG_ASSERT(x.name.n > 0 && x.value.n > 0);
            SG_ASSERT(sg_utf8_valid(x.name.p, x.name.n) && sg_utf8_valid(x.value.p, x.value.n));
        }
    }
}

/* Cuts by a small generator seeded with `seed`; 0: one piece. Free with sg_free. */
static inline char *fuzz_body(const struct sg_ingest_options *o, const struct sg_ingest_limits *l,
                              struct sg_str body, uint32_t seed)
{
    struct ingest_bench t;
    ingest_bench_init(&t, l);
    t.sink.keep_metadata = false;
    struct sg_ingest_parser *p = sg_ingest_parser_new(t.batcher, o);
    uint32_t x = seed;
    for (size_t pos = 0; pos < body.n;) {
        x = x * 1664525u + 1013904223u;
        size_t n = seed ? 1 + (x >> 16) % (x & 64 ? 4 : 64) : body.n;
        if (n > body.n - pos)
            n = body.n - pos;
        SG_ASSERT(ingest_feed_copy(p, body.p + pos, n) == 0);
        pos += n;
    }
    SG_ASSERT(sg_ingest_finish(p) == 0);
    const struct sg_ingest_result *r = sg_ingest_parser_result(p);
    SG_ASSERT(r->dropped == 0 && r->n_errors <= SG_INGEST_MAX_ERRORS);
    SG_ASSERT((r->rejected > 0) == (r->n_errors > 0));
    for (uint32_t i = 0; i < r->n_errors; i++)
        SG_ASSERT(r->errors[i].line > 0 && r->errors[i].column > 0 && r->errors[i].text[0]);
    SG_ASSERT(atomic_load(&t.source.samples) == r->accepted);
    SG_ASSERT(atomic_load(&t.source.rejected) == r->rejected);
    SG_ASSERT(atomic_load(&t.source.bytes) == body.n);
    fuzz_check_labels(&t.sink, l);
    ingest_print_result(r, &t.sink.out);
    sg_ingest_parser_free(p);
    (void)sg_buf_cstr(&t.sink.out);
    char *text = sg_buf_steal(&t.sink.out, NULL);
    ingest_bench_deinit(&t);
    return text;
}

static inline int fuzz_format(struct sg_ingest_options o, const uint8_t *data, size_t size)
{
    static const struct sg_ingest_limits all[] = {
        {0},
        {.max_line = 32, .max_labels = 3, .max_name = 12, .max_value = 12},
        {.max_line = 100, .max_labels = 5, .max_name = 30, .max_value = 20, .max_future_ms = -1},
    };
    if (size < 2)
        return 0;
    const struct sg_ingest_limits *l = &all[data[0] % 3];
    o.now_ms = INGEST_NOW;
    o.precision = (enum sg_ingest_precision)(data[0] / 3 % 6);
    struct sg_str body = sg_str_make((const char *)data + 2, size - 2);
    char *whole = fuzz_body(&o, l, body, 0);
    char *pieces = fuzz_body(&o, l, body, data[1] + 1u);
    fuzz_check(strcmp(whole, pieces) == 0, "pieces differ", whole, pieces);
    sg_free(whole);
    sg_free(pieces);
    return 0;
}

#endif
