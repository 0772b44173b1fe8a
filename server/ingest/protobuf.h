/* protobuf.h - reads protobuf's wire format in place: no schema, no allocation, never past the end.
 *
 *     struct sg__pb in = {p, p + n};
 *     struct sg__pb_field f;
 *     int r;
 *     while ((r = sg__pb_next(&in, &f)) > 0)
 *         if (f.number == 1 && f.type == SG__PB_BYTES) …
 *     if (r < 0) malformed
 *
 * Malformed, always SG_ESYNTAX: a varint of more than 10 bytes or 64 bits, field number 0, a length
 * behind the end, groups (deprecated before any message we read was invented). Unknown fields are
 * the caller's to skip.
 */
#ifndef SG_INGEST_PROTOBUF_H
#define SG_INGEST_PROTOBUF_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/str.h>
#include <string.h>

enum sg__pb_type { SG__PB_VARINT = 0, SG__PB_FIXED64 = 1, SG__PB_BYTES = 2, SG__PB_FIXED32 = 5 };

struct sg__pb {
    const unsigned char *p, *end;
};

struct sg__pb_field {
    uint32_t number;
    uint32_t type;       /* enum sg__pb_type */
    uint64_t value;      /* varint, fixed64, fixed32; else 0 */
    struct sg__pb bytes; /* of SG__PB_BYTES; else empty */
};

/* One element after the other of a repeated scalar, packed or not, in as many pieces as the sender
 * likes. */
struct sg__pb_list {
    struct sg__pb message; /* what is not read yet */
    struct sg__pb run;     /* of a packed piece */
    uint32_t number, type; /* of the field; type of its elements: varint or fixed64 */
};

int sg__pb_varint_slow(struct sg__pb *in, uint64_t *ret);
/* 1, 0 at the end, or SG_ESYNTAX. */
int sg__pb_next_slow(struct sg__pb *in, struct sg__pb_field *f);
/* 1 and the next element, 0 behind the last, or SG_ESYNTAX. */
int sg__pb_list_next(struct sg__pb_list *l, uint64_t *ret);
/* Adds the elements of f, whose elements have this type, to *count. 0 or SG_ESYNTAX. */
int sg__pb_count(const struct sg__pb_field *f, uint32_t type, uint64_t *count);

/* 0 or SG_ESYNTAX. */
static inline int sg__pb_varint(struct sg__pb *in, uint64_t *ret)
{
    if (SG_LIKELY(in->p < in->end && *in->p < 0x80)) {
        *ret = *in->p++;
        return 0;
    }
    if (SG_LIKELY(in->end - in->p >= 2 && in->p[1] < 0x80)) {
        *ret = (in->p[0] & 0x7fu) | (uint64_t)in->p[1] << 7;
        in->p += 2;
        return 0;
    }
    return sg__pb_varint_slow(in, ret);
}

static inline uint64_t sg__pb_load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* 1, 0 at the end, or SG_ESYNTAX. Short fields of bytes with a small number are the usual case. */
static inline int sg__pb_next(struct sg__pb *in, struct sg__pb_field *f)
{
    size_t left = (size_t)(in->end - in->p);
    if (SG_LIKELY(left >= 2 && in->p[0] < 0x80 && (in->p[0] & 7) == SG__PB_BYTES && in->p[0] >= 8 &&
                  in->p[1] < 0x80 && in->p[1] <= left - 2)) {
        f->number = in->p[0] >> 3;
        f->type = SG__PB_BYTES;
        f->value = 0;
        f->bytes.p = in->p + 2;
        f->bytes.end = f->bytes.p + in->p[1];
        in->p = f->bytes.end;
        return 1;
    }
    return left ? sg__pb_next_slow(in, f) : 0;
}

static inline struct sg_str sg__pb_str(struct sg__pb b)
{
    return sg_str_make((const char *)b.p, (size_t)(b.end - b.p));
}

/* sint64 from its zigzag form. */
static inline int64_t sg__pb_zigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* sint32 from its zigzag form: the low 32 bits count. */
static inline int32_t sg__pb_zigzag32(uint64_t v)
{
    uint32_t u = (uint32_t)v;
    return (int32_t)((u >> 1) ^ (0u - (u & 1)));
}

#endif
