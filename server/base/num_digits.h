/* num_digits.h - eight digits at a time, without a loop. Private to server/base.
 *
 * All functions write eight bytes, whatever they return.
 */
#ifndef SERVER_BASE_NUM_DIGITS_H
#define SERVER_BASE_NUM_DIGITS_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The eight digits of v < 10^8, one per byte, first digit in the lowest byte: halves are split side
 * by side. The factors are 2^20 / 100 and 2^10 / 10 rounded up, exact for the four and two digits
 * they divide. */
static inline uint64_t sg__spread_digits(uint64_t v)
{
    uint64_t fours = v / 10000 | v % 10000 << 32;
    uint64_t hundreds = (fours * 10486) >> 20 & UINT64_C(0x0000007f0000007f);
    uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
    uint64_t tens = (twos * 103) >> 10 & UINT64_C(0x000f000f000f000f);
    return tens | (twos - 10 * tens) << 8;
}

static inline void sg__put_spread(char *dst, uint64_t digits)
{
    digits = htole64(digits | UINT64_C(0x3030303030303030));
    memcpy(dst, &digits, sizeof(digits));
}

/* With leading zeros; v < 10^8. */
static inline void sg__put_8_digits(uint64_t v, char *dst)
{
    sg__put_spread(dst, sg__spread_digits(v));
}

/* The digits of v / 10^8 behind the point, without trailing zeros; 0 < v < 10^8. Returns their
 * number. */
static inline size_t sg__put_fraction(uint64_t v, char *dst)
{
    uint64_t digits = sg__spread_digits(v);
    sg__put_spread(dst, digits);
    return 8 - (size_t)__builtin_clzll(digits) / 8;
}

#endif
