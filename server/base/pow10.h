/* pow10.h - powers of ten to 128 bits, for parsing and printing doubles. Private to server/base. */
#ifndef SERVER_BASE_POW10_H
#define SERVER_BASE_POW10_H

#include <stdint.h>

/* 1e-342 * (2^64 - 1) is below half the smallest subnormal; 1e324 scales the smallest subnormal to
 * an integer. */
enum { SG__POW10_MIN = -342, SG__POW10_MAX = 324, SG__POW10_EXACT_MAX = 55 };

__extension__ typedef unsigned __int128 sg__u128;

/* hi * 2^64 + lo = floor(10^e / 2^(floor(log2(10^e)) - 127)): the first 128 bits of 10^e,
 * truncated. Exact for 0 <= e <= SG__POW10_EXACT_MAX. */
struct sg__pow10 {
    uint64_t hi, lo;
};

extern const struct sg__pow10 sg__pow10_table[SG__POW10_MAX - SG__POW10_MIN + 1];

/* e in [SG__POW10_MIN, SG__POW10_MAX]. */
static inline struct sg__pow10 sg__pow10_get(int e)
{
    return sg__pow10_table[e - SG__POW10_MIN];
}

/* floor(log2(10^e)) for |e| <= 1233. */
static inline int sg__pow10_log2(int e)
{
    return (e * 1741647) >> 19;
}

#endif
