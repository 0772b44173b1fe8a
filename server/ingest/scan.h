/* scan.h - finding delimiters and reading numbers, inline for the hot paths. */
#ifndef SG_INGEST_SCAN_H
#define SG_INGEST_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/num.h>
#include <string.h>

static inline bool sg__is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool sg__is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static inline const char *sg__skip_blanks(const char *p, const char *end)
{
    while (p < end && sg__is_blank(*p))
        p++;
    return p;
}

/* High bit of each byte of x that is zero; exact up to and including the first such byte. */
static inline uint64_t sg__zero_bytes(uint64_t x)
{
    return (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
}

/* First byte equal to a or b, or end. Faster than memchr on the short names of metrics. */
static inline const char *sg__find2(const char *p, const char *end, char a, char b)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t wa = ones * (unsigned char)a, wb = ones * (unsigned char)b;
    for (; end - p >= 8; p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t hit = sg__zero_bytes(w ^ wa) | sg__zero_bytes(w ^ wb);
        if (hit)
            return p + (__builtin_ctzll(hit) >> 3);
    }
#endif
    while (p < end && *p != a && *p != b)
        p++;
    return p;
}

/* v was read from digits at p, which were too many, not from "Inf". */
static inline bool sg__overflowed(const char *p, double v)
{
    p += *p == '-' || *p == '+';
    return __builtin_isinf(v) && (sg__is_digit(*p) || *p == '.');
}

/* Reads a number at p: integers inline, the rest by sg_double_parse. Returns what follows it, or
 * NULL. */
static inline const char *sg__number(const char *p, const char *end, double *ret)
{
    const char *s = p;
    bool negative = s < end && *s == '-';
    s += negative;
    uint64_t v = 0;
    const char *first = s;
    while (s < end && sg__is_digit(*s))
        v = v * 10 + (uint64_t)(*s++ - '0');
    size_t digits = (size_t)(s - first);
    if (digits - 1 < 15 && (s == end || (*s != '.' && (*s | 0x20) != 'e'))) {
        *ret = negative ? -(double)v : (double)v;
        return s;
    }
    ssize_t used = sg_double_parse(p, (size_t)(end - p), ret);
    return used < 0 ? NULL : p + used;
}

/* The whole of p..p+n as an integer: sg_i64_parse with a quick way for timestamps. */
static inline int sg__integer(const char *p, size_t n, int64_t *ret)
{
    int64_t v = 0;
    if (n == 0 || n > 18)
        return sg_i64_parse(p, n, ret);
    for (size_t i = 0; i < n; i++) {
        if (!sg__is_digit(p[i]))
            return sg_i64_parse(p, n, ret);
        v = v * 10 + (p[i] - '0');
    }
    *ret = v;
    return 0;
}

#endif
