/* bits.h - writing and reading bit strings, most significant bit first. Header-only: these are
 * inner loops. */
#ifndef SERIES_BITS_H
#define SERIES_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that must be readable behind the end of what a reader reads (their content does not
 * matter). */
#define SG__BITS_PAD 8

struct sg__bit_writer {
    uint8_t *p;     /* next byte; the caller has made sure of the room, and 8 bytes more */
    uint64_t acc;   /* pending bits, left-aligned */
    unsigned count; /* of them, < 8 after each put */
};

/* The low `n` bits of x, n <= 56. Higher bits of x must be 0. */
static inline void sg__bits_put56(struct sg__bit_writer *w, uint64_t x, unsigned n)
{
    if (n == 0)
        return;
    w->acc |= x << (64 - n) >> w->count;
    w->count += n;
    uint64_t be = __builtin_bswap64(w->acc);
    memcpy(w->p, &be, sizeof(be));
    unsigned whole = w->count / 8;
    w->p += whole;
    w->acc = whole == 8 ? 0 : w->acc << (whole * 8);
    w->count %= 8;
}

/* n <= 64. */
static inline void sg__bits_put(struct sg__bit_writer *w, uint64_t x, unsigned n)
{
    if (n > 56) {
        sg__bits_put56(w, x >> 32, n - 32);
        sg__bits_put56(w, x & UINT32_MAX, 32);
    } else {
        sg__bits_put56(w, x, n);
    }
}

/* Bytes 7 bits at a time, low ones first, the top bit says that more follow. */
static inline void sg__bits_put_varint(struct sg__bit_writer *w, uint64_t x)
{
    for (; x >= 0x80; x >>= 7)
        sg__bits_put56(w, (x & 0x7f) | 0x80, 8);
    sg__bits_put56(w, x, 8);
}

/* One past the last byte touched. */
static inline uint8_t *sg__bits_end(const struct sg__bit_writer *w)
{
    return w->p + (w->count > 0);
}

struct sg__bit_reader {
    const uint8_t *p;
    size_t pos, limit; /* bits; pos > limit never happens, `failed` is set instead */
    bool failed;
};

/* At least 57 bits from the position, left-aligned; what lies behind the limit is arbitrary. */
static inline uint64_t sg__bits_peek(const struct sg__bit_reader *r)
{
    uint64_t be;
    memcpy(&be, r->p + (r->pos >> 3), sizeof(be));
    return __builtin_bswap64(be) << (r->pos & 7);
}

static inline bool sg__bits_skip(struct sg__bit_reader *r, unsigned n)
{
    if (r->limit - r->pos < n) {
        r->failed = true;
        return false;
    }
    r->pos += n;
    return true;
}

/* n <= 64; 0 behind the end, with `failed` set. */
static inline uint64_t sg__bits_get(struct sg__bit_reader *r, unsigned n)
{
    if (n == 0)
        return 0;
    if (n > 56) {
        uint64_t high = sg__bits_get(r, n - 32);
        return high << 32 | sg__bits_get(r, 32);
    }
    uint64_t x = sg__bits_peek(r) >> (64 - n);
    return sg__bits_skip(r, n) ? x : 0;
}

static inline uint64_t sg__bits_get_varint(struct sg__bit_reader *r)
{
    uint64_t x = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = sg__bits_get(r, 8);
        x |= (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return x;
}

static inline uint64_t sg__zigzag(uint64_t x)
{
    return (x << 1) ^ (uint64_t)((int64_t)x >> 63);
}

static inline uint64_t sg__unzigzag(uint64_t x)
{
    return (x >> 1) ^ (0 - (x & 1));
}

#endif
