/* protobuf.c - the wire format: https://protobuf.dev/programming-guides/encoding */
#include "protobuf.h"

enum { FIELD_MAX = (1 << 29) - 1 };

int sg__pb_varint_slow(struct sg__pb *in, uint64_t *ret)
{
    uint64_t v = 0;
    const unsigned char *p = in->p;
    for (unsigned shift = 0; shift < 64 && p < in->end; shift += 7) {
        uint64_t byte = *p++;
        if (shift == 63 && byte > 1)
            return SG_ESYNTAX;
        v |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            in->p = p;
            *ret = v;
            return 0;
        }
    }
    return SG_ESYNTAX;
}

static int fixed(struct sg__pb *in, size_t n, uint64_t *ret)
{
    if ((size_t)(in->end - in->p) < n)
        return SG_ESYNTAX;
    unsigned char bytes[8] = {0};
    memcpy(bytes, in->p, n);
    *ret = sg__pb_load64(bytes);
    in->p += n;
    return 0;
}

int sg__pb_next_slow(struct sg__pb *in, struct sg__pb_field *f)
{
    uint64_t tag, n;
    if (in->p == in->end)
        return 0;
    if (sg__pb_varint(in, &tag) < 0 || tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
        return SG_ESYNTAX;
    f->number = (uint32_t)(tag >> 3);
    f->type = (uint32_t)tag & 7;
    f->value = 0;
    f->bytes = (struct sg__pb){in->p, in->p};
    switch (f->type) {
    case SG__PB_VARINT:
        return sg__pb_varint(in, &f->value) < 0 ? SG_ESYNTAX : 1;
    case SG__PB_FIXED64:
        return fixed(in, 8, &f->value) < 0 ? SG_ESYNTAX : 1;
    case SG__PB_FIXED32:
        return fixed(in, 4, &f->value) < 0 ? SG_ESYNTAX : 1;
    case SG__PB_BYTES:
        if (sg__pb_varint(in, &n) < 0 || n > (uint64_t)(in->end - in->p))
            return SG_ESYNTAX;
        f->bytes = (struct sg__pb){in->p, in->p + n};
        in->p += n;
        return 1;
    default:
        return SG_ESYNTAX;
    }
}

static int element(struct sg__pb *run, uint32_t type, uint64_t *ret)
{
    int r = type == SG__PB_VARINT ? sg__pb_varint(run, ret) : fixed(run, 8, ret);
    return r < 0 ? r : 1;
}

int sg__pb_list_next(struct sg__pb_list *l, uint64_t *ret)
{
    struct sg__pb_field f;
    while (l->run.p == l->run.end) {
        int r = sg__pb_next(&l->message, &f);
        if (r <= 0)
            return r;
        if (f.number != l->number)
            continue;
        if (f.type == l->type) {
            *ret = f.value;
            return 1;
        }
        if (f.type != SG__PB_BYTES)
            return SG_ESYNTAX;
        l->run = f.bytes;
    }
    return element(&l->run, l->type, ret);
}

int sg__pb_count(const struct sg__pb_field *f, uint32_t type, uint64_t *count)
{
    if (f->type == type) {
        ++*count;
        return 0;
    }
    if (f->type != SG__PB_BYTES)
        return SG_ESYNTAX;
    size_t n = (size_t)(f->bytes.end - f->bytes.p);
    if (type == SG__PB_FIXED64) {
        *count += n / 8;
        return n % 8 ? SG_ESYNTAX : 0;
    }
    for (size_t i = 0; i < n; i++) /* the last byte of each varint */
        *count += f->bytes.p[i] < 0x80;
    return 0;
}
