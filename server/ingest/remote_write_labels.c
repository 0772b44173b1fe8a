/* remote_write_labels.c - what identifies a series: raw label bytes in 1.0, symbols in 2.0. */
#include <stdio.h>

#include "remote_write.h"

/* Fields of a TimeSeries. */
enum { LABELS = 1, V1_SAMPLES = 2, V1_EXEMPLARS = 3, V1_HISTOGRAMS = 4 };
enum { V2_SAMPLES = 2, V2_HISTOGRAMS = 3, V2_EXEMPLARS = 4, V2_METADATA = 5 };
enum { LABEL_NAME = 1, LABEL_VALUE = 2 };

/* ---- looking over ---- */

/* Counts a field of data. */
static void count(const struct sg__rw *rw, uint32_t number, struct sg__rw_series *s)
{
    bool v1 = rw->version == SG_REMOTE_WRITE_1;
    s->samples += number == V1_SAMPLES; /* of both */
    s->histograms += number == (v1 ? V1_HISTOGRAMS : V2_HISTOGRAMS);
    s->exemplars += number == (v1 ? V1_EXEMPLARS : V2_EXEMPLARS);
}

static int add_ref(struct sg__rw *rw, uint64_t ref, struct sg__rw_series *s)
{
    uint32_t max = rw->f.b->config.limits.max_labels;
    if (SG_UNLIKELY(ref >= rw->n_symbols))
        return sg__fault_set(&rw->f, SG_EINVALID, NULL,
                             "label reference %llu, there are %u symbols", (unsigned long long)ref,
                             rw->n_symbols);
    if (SG_UNLIKELY(s->n_refs == 2 * max))
        return sg__fault_set(&rw->f, SG_EINVALID, NULL,
                             "more than %u labels, limits.labels_per_series", max);
    rw->gather[s->n_refs] = rw->hashes[ref];
    rw->refs[s->n_refs++] = (uint32_t)ref;
    return 0;
}

static int add_refs(struct sg__rw *rw, const struct sg__pb_field *f, struct sg__rw_series *s)
{
    struct sg__pb run = f->bytes;
    uint64_t ref;
    int r = 0;
    if (f->type == SG__PB_VARINT)
        return add_ref(rw, f->value, s);
    if (f->type != SG__PB_BYTES)
        r = SG_ESYNTAX;
    while (r == 0 && run.p < run.end) {
        r = sg__pb_varint(&run, &ref);
        if (r == 0 && add_ref(rw, ref, s) < 0)
            return SG_EINVALID;
    }
    return r < 0 ? sg__fault_set(&rw->f, SG_ESYNTAX, NULL, "malformed label references") : 0;
}

/* A label of 1.0: the key is the hash of the bytes from the first to the last of a run of labels;
 * all but odd senders have one run. */
struct run {
    const unsigned char *start, *end;
};

static void end_run(struct run *run, struct sg__rw_series *s)
{
    if (run->start)
        s->key = sg__key_join(s->key, sg_hash128(run->start, (size_t)(run->end - run->start)));
    run->start = NULL;
}

/* Behind the labels that follow each other at p, as far as they are short: they are only stepped
 * over, their bytes are the key. */
static const unsigned char *skip_labels(const unsigned char *p, const unsigned char *end)
{
    const unsigned char tag = LABELS << 3 | SG__PB_BYTES;
    while (end - p >= 2 && p[0] == tag && p[1] < 0x80 && p[1] <= end - p - 2)
        p += 2 + p[1];
    return p;
}

static int wrong_type(struct sg__rw *rw)
{
    return sg__fault_set(&rw->f, SG_ESYNTAX, NULL, "a field of the series has the wrong wire type");
}

/* Labels from `at` to the end of f, in 1.0. */
static int scan_labels(struct sg__rw *rw, const struct sg__pb_field *f, const unsigned char *at,
                       struct run *run, struct sg__rw_series *s)
{
    if (f->type != SG__PB_BYTES)
        return wrong_type(rw);
    if (run->start && run->end != at)
        end_run(run, s);
    if (!run->start)
        run->start = at;
    run->end = f->bytes.end;
    if (!s->labels.p)
        s->labels.p = at;
    s->labels.end = f->bytes.end;
    return 0;
}

int sg__rw_scan(struct sg__rw *rw, struct sg__pb in, struct sg__rw_series *s)
{
    struct sg__pb_field f;
    struct run run = {NULL, NULL};
    *s = (struct sg__rw_series){.data = {in.end, in.end}};
    for (;;) {
        const unsigned char *at = in.p;
        int r = sg__pb_next(&in, &f);
        if (r == 0)
            break;
        if (r < 0)
            return sg__fault_set(&rw->f, SG_ESYNTAX, NULL, "malformed series");
        if (f.number == LABELS) {
            if (rw->version == SG_REMOTE_WRITE_2) {
                r = add_refs(rw, &f, s);
            } else {
                in.p = f.bytes.end = skip_labels(in.p, in.end);
                r = scan_labels(rw, &f, at, &run, s);
            }
            if (r < 0)
                return r;
            continue;
        }
        if (s->data.p == in.end)
            s->data.p = at;
        if (f.number > V2_METADATA)
            continue;
        if (f.type != SG__PB_BYTES)
            return wrong_type(rw);
        count(rw, f.number, s);
        if (rw->version == SG_REMOTE_WRITE_2 && f.number == V2_METADATA)
            s->meta = f.bytes;
    }
    end_run(&run, s);
    if (rw->version == SG_REMOTE_WRITE_2) {
        if (s->n_refs % 2)
            return sg__fault_set(&rw->f, SG_EINVALID, NULL,
                                 "%u label references, expected pairs of name and value",
                                 s->n_refs);
        s->key = sg_hash128(rw->gather, s->n_refs * sizeof(*rw->gather));
    }
    s->key = sg__key(s->key, rw->f.salt);
    return 0;
}

/* ---- label by label ---- */

struct cursor {
    struct sg__pb in; /* 1.0 */
    uint32_t ref;     /* 2.0 */
};

int sg__rw_read_label(struct sg__pb in, struct sg_label *ret)
{
    struct sg__pb_field f;
    int r;
    *ret = (struct sg_label){SG_STR(""), SG_STR("")};
    while ((r = sg__pb_next(&in, &f)) > 0) {
        if (f.number != LABEL_NAME && f.number != LABEL_VALUE)
            continue;
        if (f.type != SG__PB_BYTES)
            return SG_ESYNTAX;
        *(f.number == LABEL_NAME ? &ret->name : &ret->value) = sg__pb_str(f.bytes);
    }
    return r;
}

/* 1, 0 behind the last, or SG_ESYNTAX. */
static int next_label(const struct sg__rw *rw, const struct sg__rw_series *s, struct cursor *c,
                      struct sg_label *ret)
{
    struct sg__pb_field f;
    int r;
    if (rw->version == SG_REMOTE_WRITE_2) {
        if (c->ref + 1 >= s->n_refs)
            return 0;
        *ret = (struct sg_label){sg__rw_symbol(rw, rw->refs[c->ref]),
                                 sg__rw_symbol(rw, rw->refs[c->ref + 1])};
        c->ref += 2;
        return 1;
    }
    while ((r = sg__pb_next(&c->in, &f)) > 0) {
        if (f.number == LABELS && f.type == SG__PB_BYTES)
            return sg__rw_read_label(f.bytes, ret) < 0 ? SG_ESYNTAX : 1;
    }
    return r;
}

static int add_label(struct sg__rw *rw, struct sg_label l)
{
    struct sg__feed *f = &rw->f;
    int r = sg__feed_utf8(f, l.name.p, l.name.n);
    if (r == 0)
        r = sg__feed_utf8(f, l.value.p, l.value.n);
    if (r < 0)
        return r;
    size_t n = l.name.n + l.value.n;
    r = sg__feed_label(f, l.name, l.value, NULL);
    if (r == 0 && n > rw->label_bytes)
        r = sg__fault_set(f, SG_EINVALID, NULL,
                          "labels of the message's new series, written out, are too large");
    if (r < 0)
        return r;
    rw->label_bytes -= n;
    rw->bytes += n;
    return 0;
}

const struct sg_labels *sg__rw_labels(struct sg__rw *rw, const struct sg__rw_series *s)
{
    struct sg_labels_builder *b = &rw->f.b->builder;
    struct cursor c = {.in = s->labels};
    struct sg_label l;
    int r;
    sg_labels_builder_reset(b);
    while ((r = next_label(rw, s, &c, &l)) > 0) {
        if (!sg_utf8_valid(l.name.p, l.name.n) || !sg_utf8_valid(l.value.p, l.value.n))
            return NULL;
        sg_labels_builder_add(b, l.name, l.value);
    }
    return r < 0 ? NULL : sg_labels_builder_build_checked(b, NULL);
}

static int birth(struct sg__rw *rw, struct sg__rw_series *s)
{
    struct cursor c = {.in = s->labels};
    struct sg_label l;
    int r;
    sg_labels_builder_reset(&rw->f.b->builder);
    while ((r = next_label(rw, s, &c, &l)) > 0) {
        r = add_label(rw, l);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return sg__fault_set(&rw->f, SG_ESYNTAX, NULL, "malformed label");
    return sg__feed_birth(&rw->f, s->key, NULL, false, &s->id);
}

int sg__rw_find(struct sg__rw *rw, struct sg__rw_series *s)
{
    struct sg_batcher *b = rw->f.b;
    if (s->looked_up && (s->id < SG_SERIES_NEW || s->batch_seq == b->batch_seq))
        return 0;
    s->batch_seq = b->batch_seq;
    s->id = sg__batcher_find(b, s->key);
    int r = 0;
    if (s->id == SG_CELL_PENDING)
        r = birth(rw, s);
    if (r == 0 && s->id == SG_CELL_REJECTED)
        r = sg__feed_series_full(&rw->f, NULL);
    s->looked_up = r == 0;
    return r;
}

/* ---- what is refused ---- */

static void print_label(struct sg_buf *out, struct sg_label l, bool *first)
{
    (void)sg_buf_printf(out, "%s%.*s=\"%.*s\"", *first ? "{" : ", ", SG__TOKEN(l.name.p, l.name.n),
                        SG__TOKEN(l.value.p, l.value.n));
    *first = false;
}

/* As much of name{label="value", …} as fits. */
static void print_series(const struct sg__rw *rw, const struct sg__rw_series *s, struct sg_buf *out)
{
    struct cursor c = {.in = s->labels};
    struct sg_label l;
    bool first = true;
    while (next_label(rw, s, &c, &l) > 0) {
        if (sg_str_eq(l.name, SG_METRIC_NAME)) {
            (void)sg_buf_printf(out, "%.*s", SG__TOKEN(l.value.p, l.value.n));
            break;
        }
    }
    c = (struct cursor){.in = s->labels};
    while (!out->failed && next_label(rw, s, &c, &l) > 0) {
        if (!sg_str_eq(l.name, SG_METRIC_NAME))
            print_label(out, l, &first);
    }
    if (!first)
        (void)sg_buf_putc(out, '}');
    if (!out->len)
        (void)sg_buf_puts(out, "{}");
}

static void name_series(struct sg__rw *rw, const struct sg__rw_series *s)
{
    struct sg__fault *fault = &rw->f.fault;
    char reason[sizeof(fault->text)];
    struct sg_buf out;
    sg_buf_init(&out, 100);
    print_series(rw, s, &out);
    memcpy(reason, fault->text, sizeof(reason));
    (void)snprintf(fault->text, sizeof(fault->text), "%.*s%s: %.85s", (int)out.len,
                   out.data ? out.data : "", out.failed ? "..." : "", reason);
    sg_buf_deinit(&out);
}

void sg__rw_reject(struct sg__rw *rw, const struct sg__rw_series *s, uint64_t n)
{
    if (s && !rw->f.fault.mute)
        name_series(rw, s);
    if (n > 1) {
        rw->result->ingest.rejected += n - 1;
        rw->f.b->rejected += n - 1;
    }
    sg__feed_reject_at(&rw->f, rw->series_no, 0);
}
