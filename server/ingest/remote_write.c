/* remote_write.c - Prometheus remote write 1.0 and 2.0: from a compressed body to points.
 *
 * Everything outside of a TimeSeries (compression, the framing of the message, the symbols) is
 * checked before anything is taken, so a garbled body leaves no trace. Then each TimeSeries stands
 * for itself: one that is wrong is refused whole when its labels or its framing are, and sample by
 * sample otherwise.
 *
 * Specifications: prometheus.io/docs/specs/prw/remote_write_spec and remote_write_spec_2_0.
 */
#include <snappy-c.h>
#include <stdio.h>
#include <streamgauge/mem.h>

#include "remote_write.h"

enum {
    MAX_MESSAGE_DEFAULT = 32 << 20,
    MAX_MESSAGE = 1 << 30,
    /* A copy of 3 bytes gives at most 64. */
    SNAPPY_OUT = 64,
    SNAPPY_IN = 3,
};

/* Fields of both messages; 2.0 keeps clear of those of 1.0. */
enum { V1_SERIES = 1, V1_METADATA = 3, V2_SYMBOLS = 4, V2_SERIES = 5 };

struct sg_str sg__rw_symbol(const struct sg__rw *rw, uint32_t ref)
{
    struct sg__rw_symbol s = rw->symbols[ref];
    return sg_str_make((const char *)rw->message + s.at, s.n);
}

int sg__rw_settle(struct sg__rw *rw)
{
    if (rw->batch_seq == rw->f.b->batch_seq)
        return rw->busy ? SG_EBUSY : 0;
    rw->batch_seq = rw->f.b->batch_seq;
    if (rw->dropped != rw->result->ingest.dropped) {
        rw->dropped = rw->result->ingest.dropped;
        rw->busy = true;
    } else {
        rw->result->samples += rw->samples;
        rw->result->histograms += rw->histograms;
        rw->result->exemplars += rw->exemplars;
    }
    rw->samples = rw->histograms = rw->exemplars = 0;
    rw->bytes = 0;
    return rw->busy ? SG_EBUSY : 0;
}

int sg__rw_reserve(struct sg__rw *rw)
{
    if (SG_UNLIKELY(rw->bytes > SG__RW_FLUSH_BYTES)) {
        (void)sg_batcher_flush(rw->f.b);
        if (sg__rw_settle(rw) < 0)
            return SG_EBUSY;
    }
    (void)sg__batcher_reserve(rw->f.b, 1);
    return sg__rw_settle(rw);
}

/* ---- the message as a whole ---- */

static bool is_message(const struct sg__pb_field *f, uint32_t number)
{
    return f->number == number && f->type == SG__PB_BYTES;
}

static int malformed(struct sg__rw *rw, const char *what)
{
    return sg__fault_set(&rw->f, SG_ESYNTAX, NULL, "%s", what);
}

/* First pass: the framing, and the number of symbols. */
static int check(struct sg__rw *rw, struct sg__pb in, uint32_t *ret_symbols)
{
    struct sg__pb_field f;
    uint32_t symbols = 0;
    int r;
    while ((r = sg__pb_next(&in, &f)) > 0) {
        bool ours = rw->version == SG_REMOTE_WRITE_1
                        ? f.number == V1_SERIES || f.number == V1_METADATA
                        : f.number == V2_SYMBOLS || f.number == V2_SERIES;
        if (ours && f.type != SG__PB_BYTES)
            return malformed(rw, "malformed message: a field has the wrong wire type");
        symbols += rw->version == SG_REMOTE_WRITE_2 && f.number == V2_SYMBOLS;
        if (symbols > SG__RW_MAX_SYMBOLS)
            return malformed(rw, "more than 1048576 symbols in a message");
    }
    *ret_symbols = symbols;
    return r < 0 ? malformed(rw, "malformed message: not protobuf, or cut off") : 0;
}

static int read_symbols(struct sg__rw *rw, struct sg__pb in, uint32_t n)
{
    struct sg__pb_field f;
    size_t max_refs = 2 * (size_t)rw->f.b->config.limits.max_labels;
    rw->symbols = sg_try_alloc((n + 1) * sizeof(*rw->symbols));
    rw->hashes = sg_try_alloc((n + 1) * sizeof(*rw->hashes));
    rw->refs = sg_try_alloc(max_refs * sizeof(*rw->refs));
    rw->gather = sg_try_alloc(max_refs * sizeof(*rw->gather));
    if (!rw->symbols || !rw->hashes || !rw->refs || !rw->gather)
        return sg__fault_set(&rw->f, SG_ENOMEM, NULL, "no memory for %u symbols", n);
    while (rw->n_symbols < n && sg__pb_next(&in, &f) > 0) {
        if (!is_message(&f, V2_SYMBOLS))
            continue;
        size_t len = (size_t)(f.bytes.end - f.bytes.p);
        rw->symbols[rw->n_symbols] =
            (struct sg__rw_symbol){(uint32_t)(f.bytes.p - rw->message), (uint32_t)len};
        rw->hashes[rw->n_symbols++] = sg_hash128(f.bytes.p, len);
    }
    return 0;
}

/* Second pass. 0 or SG_EBUSY. */
static int read_message(struct sg__rw *rw, struct sg__pb in)
{
    struct sg__pb_field f;
    uint32_t series = rw->version == SG_REMOTE_WRITE_1 ? V1_SERIES : V2_SERIES, n = 0;
    int r = 0;
    while (r == 0 && sg__pb_next(&in, &f) > 0) {
        rw->series_no = 0;
        if (is_message(&f, series)) {
            rw->series_no = ++n;
            r = sg__rw_series(rw, f.bytes);
        } else if (rw->version == SG_REMOTE_WRITE_1 && is_message(&f, V1_METADATA)) {
            r = sg__rw_metadata(rw, f.bytes);
        }
    }
    return r;
}

static int decode(struct sg__rw *rw, const unsigned char *p, size_t n)
{
    struct sg__pb in = {p, p + n};
    uint32_t symbols;
    rw->message = p;
    rw->label_bytes = n > MAX_MESSAGE_DEFAULT ? n : MAX_MESSAGE_DEFAULT;
    int r = check(rw, in, &symbols);
    if (r == 0 && rw->version == SG_REMOTE_WRITE_2)
        r = read_symbols(rw, in, symbols);
    if (r < 0)
        return r;
    (void)read_message(rw, in);
    return 0;
}

/* ---- compression ---- */

/* *ret is to be freed. 0 or a fault. */
static int uncompress(struct sg__rw *rw, struct sg_str body, size_t max, unsigned char **ret,
                      size_t *ret_n)
{
    size_t n;
    if (snappy_uncompressed_length(body.p, body.n, &n) != SNAPPY_OK)
        return malformed(rw, "body is not in snappy's block format");
    if (n > max)
        return sg__fault_set(&rw->f, SG_ELIMIT, NULL,
                             "message has %zu bytes uncompressed, at most %zu are taken", n, max);
    if (n / SNAPPY_OUT > body.n / SNAPPY_IN + 1)
        return sg__fault_set(&rw->f, SG_ESYNTAX, NULL,
                             "snappy announces %zu bytes, more than %zu compressed ones can hold",
                             n, body.n);
    unsigned char *p = sg_try_alloc(n + 1);
    if (!p)
        return sg__fault_set(&rw->f, SG_ENOMEM, NULL, "no memory for %zu bytes", n);
    if (snappy_uncompress(body.p, body.n, (char *)p, &n) != SNAPPY_OK) {
        sg_free(p);
        return malformed(rw, "body is not in snappy's block format, or is cut off");
    }
    *ret = p;
    *ret_n = n;
    return 0;
}

/* ---- the request ---- */

static void init(struct sg__rw *rw, struct sg_batcher *b, const struct sg_remote_write_options *o,
                 struct sg_remote_write_result *result)
{
    *rw = (struct sg__rw){.result = result, .version = o->version, .batch_seq = b->batch_seq};
    sg__feed_init(&rw->f, b, NULL, UINT64_C(0x7277) + (uint64_t)o->version);
    rw->f.result = &result->ingest;
    rw->f.now_ms = o->now_ms;
    int64_t ahead_ms = b->config.limits.max_future_ms;
    int64_t age_ms = b->config.limits.max_age_ms;
    rw->oldest_ms = age_ms > 0 && age_ms < o->now_ms ? o->now_ms - age_ms : 0;
    rw->newest_ms = ahead_ms < 0 ? o->now_ms : o->now_ms + ahead_ms;
}

static void finish(struct sg__rw *rw)
{
    struct sg_batcher *b = rw->f.b;
    (void)sg_batcher_flush(b);
    if (sg__rw_settle(rw) == 0) /* exemplars of series without samples are in no batch */
        rw->result->exemplars += rw->exemplars;
    b->result = NULL;
    sg_free(rw->symbols);
    sg_free(rw->hashes);
    sg_free(rw->refs);
    sg_free(rw->gather);
}

void sg_remote_write(struct sg_batcher *b, const struct sg_remote_write_options *o,
                     const void *body, size_t n, struct sg_remote_write_result *ret)
{
    struct sg__rw rw;
    unsigned char *p = NULL;
    size_t len = 0, max = o->max_message ? o->max_message : MAX_MESSAGE_DEFAULT;
    *ret = (struct sg_remote_write_result){0};
    sg__batcher_begin(b, o->source ? o->source : b->config.source, &ret->ingest, o->now_ms);
    b->bytes += n;
    init(&rw, b, o, ret);
    int r = uncompress(&rw, sg_str_make(body, n), max < MAX_MESSAGE ? max : MAX_MESSAGE, &p, &len);
    if (r == 0)
        r = decode(&rw, p, len);
    if (r < 0) {
        ret->code = r;
        sg__rw_reject(&rw, NULL, 1);
        ret->ingest.series_full = false; /* SG_ELIMIT was the size */
    }
    finish(&rw);
    sg_free(p);
}
