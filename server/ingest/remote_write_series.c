/* remote_write_series.c - samples, histograms and exemplars of one TimeSeries. */
#include <inttypes.h>
#include <stdio.h>

#include "remote_write.h"

/* Fields of a TimeSeries (samples: the same in both). */
enum { SAMPLES = 2 };
enum { V1_EXEMPLARS = 3, V1_HISTOGRAMS = 4, V2_HISTOGRAMS = 3, V2_EXEMPLARS = 4 };
/* Sample and Exemplar. */
enum { SAMPLE_VALUE = 1, SAMPLE_TIME = 2 };
enum { EXEMPLAR_LABELS = 1, EXEMPLAR_VALUE = 2, EXEMPLAR_TIME = 3 };
/* 128 characters, their framing or offsets, and then some. */
enum { EXEMPLAR_MAX_BYTES = 2048 };

static int sample_slow(struct sg__pb in, uint64_t *ret_bits, int64_t *ret_time_ms)
{
    struct sg__pb_field f;
    int r;
    *ret_bits = 0;
    *ret_time_ms = 0;
    while ((r = sg__pb_next(&in, &f)) > 0) {
        if (f.number == SAMPLE_VALUE && f.type == SG__PB_FIXED64)
            *ret_bits = f.value;
        else if (f.number == SAMPLE_TIME && f.type == SG__PB_VARINT)
            *ret_time_ms = (int64_t)f.value;
        else if (f.number <= SAMPLE_TIME)
            return SG_ESYNTAX;
    }
    return r;
}

/* Value, then time, and nothing else: as senders write it. The bits of a NaN are kept. */
static inline int sample(struct sg__pb in, uint64_t *ret_bits, int64_t *ret_time_ms)
{
    size_t n = (size_t)(in.end - in.p);
    if (SG_LIKELY(n >= 11 && in.p[0] == (SAMPLE_VALUE << 3 | SG__PB_FIXED64) &&
                  in.p[9] == (SAMPLE_TIME << 3 | SG__PB_VARINT))) {
        struct sg__pb time = {in.p + 10, in.end};
        uint64_t v = 0;
        *ret_bits = sg__pb_load64(in.p + 1);
        if (SG_LIKELY(sg__pb_varint(&time, &v) == 0 && time.p == time.end)) {
            *ret_time_ms = (int64_t)v;
            return 0;
        }
    }
    return sample_slow(in, ret_bits, ret_time_ms);
}

static int check_time(struct sg__rw *rw, int64_t time_ms)
{
    if (SG_LIKELY(time_ms >= rw->oldest_ms && time_ms <= rw->newest_ms))
        return 0;
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, time_ms);
    return sg__feed_time(&rw->f, time_ms, sg_str_make(text, (size_t)n));
}

static int take_sample(struct sg__rw *rw, struct sg__rw_series *s, struct sg__pb in)
{
    struct sg_point p = {.op = SG_OP_SET};
    if (sample(in, &p.bits, &p.time_ms) < 0)
        return sg__fault_set(&rw->f, SG_ESYNTAX, NULL, "malformed sample");
    int r = check_time(rw, p.time_ms);
    if (r == 0)
        r = sg__rw_find(rw, s);
    if (r < 0)
        return r;
    p.series = s->id;
    sg__batcher_add(rw->f.b, p);
    rw->f.b->samples++;
    rw->samples++;
    return 0;
}

static int take_histogram(struct sg__rw *rw, struct sg__rw_series *s, struct sg__pb in)
{
    struct sg_histogram *h;
    struct sg_point p = {.op = SG_OP_HISTOGRAM};
    int r = sg__rw_histogram(&rw->f, in, &h, &p.time_ms);
    if (r < 0)
        return r;
    r = check_time(rw, p.time_ms);
    if (r == 0)
        r = sg__rw_find(rw, s);
    if (r < 0) {
        sg_histogram_unref(h);
        return r;
    }
    p.series = s->id;
    if (h) {
        rw->bytes += sg_histogram_size(h);
        p.bits = sg_batch_add_histogram_take(rw->f.b->batch, h);
    } else {
        p.op = SG_OP_SET;
        p.bits = SG_STALE_BITS;
    }
    sg__batcher_add(rw->f.b, p);
    rw->f.b->samples++;
    rw->histograms++;
    return 0;
}

/* A label of 1.0, or references of 2.0. */
static int check_exemplar_labels(struct sg__rw *rw, const struct sg__pb_field *f)
{
    uint64_t ref = f->value;
    if (rw->version == SG_REMOTE_WRITE_1) {
        struct sg__pb in = f->bytes;
        struct sg__pb_field part;
        int r;
        if (f->type != SG__PB_BYTES)
            return SG_ESYNTAX;
        while ((r = sg__pb_next(&in, &part)) > 0) {
            struct sg_str text = part.type == SG__PB_BYTES ? sg__pb_str(part.bytes) : SG_STR("");
            if (!sg_utf8_valid(text.p, text.n))
                return SG_EINVALID;
        }
        return r;
    }
    struct sg__pb_list list = {.type = SG__PB_VARINT};
    int r = f->type == SG__PB_VARINT ? 1 : SG_ESYNTAX;
    if (f->type == SG__PB_BYTES) {
        list.run = f->bytes;
        r = sg__pb_list_next(&list, &ref);
    }
    for (; r > 0; r = sg__pb_list_next(&list, &ref)) {
        if (ref >= rw->n_symbols)
            return SG_EINVALID;
    }
    return r;
}

static bool add_refs(struct sg__rw *rw, const struct sg__pb_field *f)
{
    struct sg__pb_list list = {.run = f->bytes, .type = SG__PB_VARINT};
    uint64_t name, value;
    if (f->type != SG__PB_BYTES)
        return false; /* one reference by itself is no pair */
    while (sg__pb_list_next(&list, &name) > 0 && sg__pb_list_next(&list, &value) > 0) {
        struct sg_str n = sg__rw_symbol(rw, (uint32_t)name), v = sg__rw_symbol(rw, (uint32_t)value);
        if (!sg_utf8_valid(n.p, n.n) || !sg_utf8_valid(v.p, v.n) || n.n + v.n > EXEMPLAR_MAX_BYTES)
            return false;
        sg_labels_builder_add(&rw->f.b->builder, n, v);
    }
    return true;
}

/* Of an exemplar that was checked. Labels too long for any exemplar are not gathered. */
static const struct sg_labels *exemplar_labels(struct sg__rw *rw, struct sg__pb in,
                                               struct sg_exemplar *ret)
{
    struct sg__pb_field f;
    struct sg_label l;
    if ((size_t)(in.end - in.p) > EXEMPLAR_MAX_BYTES)
        return NULL;
    sg_labels_builder_reset(&rw->f.b->builder);
    while (sg__pb_next(&in, &f) > 0) {
        if (f.number == EXEMPLAR_VALUE)
            ret->value = sg_double_from_bits(f.value);
        else if (f.number == EXEMPLAR_TIME)
            ret->time_ms = (int64_t)f.value;
        else if (f.number == EXEMPLAR_LABELS && rw->version == SG_REMOTE_WRITE_2) {
            if (!add_refs(rw, &f))
                return NULL;
        } else if (f.number == EXEMPLAR_LABELS && sg__rw_read_label(f.bytes, &l) == 0)
            sg_labels_builder_add(&rw->f.b->builder, l.name, l.value);
    }
    return sg_labels_builder_build_checked(&rw->f.b->builder, NULL);
}

static void keep_exemplar(struct sg__rw *rw, const struct sg__rw_series *s, struct sg__pb in)
{
    struct sg_exemplar e = {0};
    e.labels = exemplar_labels(rw, in, &e);
    if (e.labels && sg_labels_size(e.labels) <= EXEMPLAR_MAX_BYTES)
        e.series = sg__rw_labels(rw, s);
    if (!e.series) {
        sg_labels_unref(e.labels);
        rw->f.b->batch->refused_exemplars++;
        return;
    }
    rw->bytes += sizeof(e) + sg_labels_size(e.labels) + sg_labels_size(e.series);
    sg_batch_add_exemplar_take(rw->f.b->batch, e);
}

static int take_exemplar(struct sg__rw *rw, const struct sg__rw_series *s, struct sg__pb in)
{
    struct sg__pb whole = in;
    struct sg__pb_field f;
    int r;
    while ((r = sg__pb_next(&in, &f)) > 0) {
        if (f.number == EXEMPLAR_LABELS)
            r = check_exemplar_labels(rw, &f);
        else if ((f.number == EXEMPLAR_VALUE && f.type != SG__PB_FIXED64) ||
                 (f.number == EXEMPLAR_TIME && f.type != SG__PB_VARINT))
            r = SG_ESYNTAX;
        if (r < 0)
            break;
    }
    if (r < 0)
        return sg__fault_set(&rw->f, SG_EINVALID, NULL, "malformed exemplar");
    rw->exemplars++;
    keep_exemplar(rw, s, whole);
    return 0;
}

static int take(struct sg__rw *rw, struct sg__rw_series *s, const struct sg__pb_field *f)
{
    bool v1 = rw->version == SG_REMOTE_WRITE_1;
    if (f->number == SAMPLES)
        return take_sample(rw, s, f->bytes);
    if (f->number == (v1 ? V1_HISTOGRAMS : V2_HISTOGRAMS))
        return take_histogram(rw, s, f->bytes);
    if (f->number == (v1 ? V1_EXEMPLARS : V2_EXEMPLARS))
        return take_exemplar(rw, s, f->bytes);
    return 0;
}

/* Refuses the whole series. */
static int refuse(struct sg__rw *rw, const struct sg__rw_series *s)
{
    uint64_t n = s->samples + s->histograms;
    sg__rw_reject(rw, s, n ? n : 1);
    return 0;
}

int sg__rw_series(struct sg__rw *rw, struct sg__pb in)
{
    struct sg__rw_series s;
    struct sg__pb_field f;
    if (sg__rw_scan(rw, in, &s) < 0)
        return refuse(rw, &s);
    if (s.samples + s.histograms == 0) {
        if (rw->version == SG_REMOTE_WRITE_1 && s.exemplars == 0)
            return 0;
        if (rw->version == SG_REMOTE_WRITE_2) {
            (void)sg__fault_set(&rw->f, SG_EINVALID, NULL, "neither samples nor histograms");
            return refuse(rw, &s);
        }
    } else {
        /* The labels first: when they are wrong, nothing of the series is looked at. */
        if (sg__rw_reserve(rw) < 0)
            return SG_EBUSY;
        if (sg__rw_find(rw, &s) < 0)
            return refuse(rw, &s);
    }
    /* The scan has walked all of it: no more malformed fields here. */
    while (sg__pb_next(&s.data, &f) > 0) {
        if (f.type != SG__PB_BYTES)
            continue;
        if (sg__rw_reserve(rw) < 0)
            return SG_EBUSY;
        if (take(rw, &s, &f) < 0)
            sg__rw_reject(rw, &s, 1);
    }
    return s.meta.p ? sg__rw_series_metadata(rw, &s) : 0;
}
