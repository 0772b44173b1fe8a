/* pb_write.h - writes protobuf messages for tests, wrong ones too, and the snappy that carries
 * them.
 *
 * Nested messages are written into a buffer of their own and then put into their parent. */
#ifndef TESTS_LIB_PB_WRITE_H
#define TESTS_LIB_PB_WRITE_H

#include <guard.h>
#include <snappy-c.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/mem.h>
#include <streamgauge/value.h>

struct pb {
    struct sg_buf out;
};

static inline void pb_init(struct pb *w)
{
    sg_buf_init(&w->out, 64 << 20);
}

static inline void pb_deinit(struct pb *w)
{
    sg_buf_deinit(&w->out);
}

static inline void pb_varint(struct pb *w, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        (void)sg_buf_putc(&w->out, (char)(v | 0x80));
    (void)sg_buf_putc(&w->out, (char)v);
}

static inline void pb_int(struct pb *w, uint32_t field, int64_t v)
{
    pb_varint(w, field << 3);
    pb_varint(w, (uint64_t)v);
}

static inline void pb_sint(struct pb *w, uint32_t field, int64_t v)
{
    pb_int(w, field, (int64_t)((uint64_t)v << 1 ^ (uint64_t)(v >> 63)));
}

static inline void pb_bits(struct pb *w, uint32_t field, uint64_t bits)
{
    pb_varint(w, field << 3 | 1);
    for (unsigned i = 0; i < 8; i++)
        (void)sg_buf_putc(&w->out, (char)(bits >> 8 * i));
}

static inline void pb_double(struct pb *w, uint32_t field, double v)
{
    pb_bits(w, field, sg_double_bits(v));
}

static inline void pb_bytes(struct pb *w, uint32_t field, const void *p, size_t n)
{
    pb_varint(w, field << 3 | 2);
    pb_varint(w, n);
    (void)sg_buf_append(&w->out, p, n);
}

static inline void pb_text(struct pb *w, uint32_t field, const char *text)
{
    pb_bytes(w, field, text, strlen(text));
}

/* Puts the nested message into w and frees it. */
static inline void pb_message_take(struct pb *w, uint32_t field, struct pb *nested)
{
    pb_bytes(w, field, nested->out.data, nested->out.len);
    pb_deinit(nested);
}

/* Packed sint64. */
static inline void pb_sints(struct pb *w, uint32_t field, const int64_t *v, size_t n)
{
    struct pb run;
    pb_init(&run);
    for (size_t i = 0; i < n; i++)
        pb_varint(&run, (uint64_t)v[i] << 1 ^ (uint64_t)(v[i] >> 63));
    pb_message_take(w, field, &run);
}

static inline void pb_doubles(struct pb *w, uint32_t field, const double *v, size_t n)
{
    pb_bytes(w, field, v, n * sizeof(*v)); /* a little-endian machine's */
}

static inline void pb_uints(struct pb *w, uint32_t field, const uint32_t *v, size_t n)
{
    struct pb run;
    pb_init(&run);
    for (size_t i = 0; i < n; i++)
        pb_varint(&run, v[i]);
    pb_message_take(w, field, &run);
}

static inline void pb_span(struct pb *w, uint32_t field, int32_t offset, uint32_t length)
{
    struct pb span;
    pb_init(&span);
    if (offset)
        pb_sint(&span, 1, offset);
    if (length)
        pb_int(&span, 2, length);
    pb_message_take(w, field, &span);
}

/* ---- remote write ---- */

/* Label of 1.0. */
static inline void pb_label(struct pb *w, const char *name, const char *value)
{
    struct pb label;
    pb_init(&label);
    pb_text(&label, 1, name);
    pb_text(&label, 2, value);
    pb_message_take(w, 1, &label);
}

static inline void pb_sample(struct pb *w, double v, int64_t time_ms)
{
    struct pb sample;
    pb_init(&sample);
    if (sg_double_bits(v)) /* as proto3 does */
        pb_double(&sample, 1, v);
    if (time_ms)
        pb_int(&sample, 2, time_ms);
    pb_message_take(w, 2, &sample);
}

/* Compressed, the last byte before a page that must not be touched. */
static inline char *pb_snappy(const struct pb *w, struct guard *g, size_t *ret_n)
{
    size_t n = snappy_max_compressed_length(w->out.len);
    char *out = sg_alloc(n);
    if (snappy_compress(w->out.data ? w->out.data : "", w->out.len, out, &n) != SNAPPY_OK)
        abort();
    char *copy = guard_put(g, out, n);
    sg_free(out);
    *ret_n = n;
    return copy;
}

#endif
