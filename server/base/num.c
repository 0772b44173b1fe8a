/* num.c - integers and text. Floats: num_parse.c and num_format.c. */
#include <string.h>

#include <streamgauge/error.h>
#include <streamgauge/num.h>

#include "num_digits.h"

#define E8 UINT64_C(100000000)

/* [+-] digits, all of it. Sets *ret_negative and the magnitude. */
static int parse_magnitude(const char *p, size_t n, bool *ret_negative, uint64_t *ret)
{
    size_t i = n && (p[0] == '-' || p[0] == '+');
    uint64_t v = 0;
    bool overflow = false;
    if (i == n)
        return SG_ESYNTAX;
    *ret_negative = p[0] == '-';
    for (; i < n; i++) {
        unsigned d = (unsigned)(unsigned char)p[i] - '0';
        if (d > 9)
            return SG_ESYNTAX;
        overflow = overflow || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
                   __builtin_add_overflow(v, (uint64_t)d, &v);
    }
    *ret = v;
    return overflow ? SG_EINVALID : 0;
}

int sg_i64_parse(const char *p, size_t n, int64_t *ret)
{
    bool negative;
    uint64_t v;
    int rc = parse_magnitude(p, n, &negative, &v);
    if (rc < 0)
        return rc;
    if (v > (uint64_t)INT64_MAX + negative)
        return SG_EINVALID;
    *ret = (int64_t)(negative ? 0 - v : v);
    return 0;
}

int sg_u64_parse(const char *p, size_t n, uint64_t *ret)
{
    bool negative;
    uint64_t v;
    int rc = parse_magnitude(p, n, &negative, &v);
    if (rc < 0)
        return rc;
    if (negative && v)
        return SG_EINVALID;
    *ret = v;
    return 0;
}

/* v < 10^8 without leading zeros; writes eight bytes whatever the length. */
static size_t put_first(char *dst, uint64_t v)
{
    uint64_t digits = sg__spread_digits(v);
    unsigned skip = v ? (unsigned)__builtin_ctzll(digits) / 8 : 7;
    sg__put_spread(dst, digits >> 8 * skip);
    return 8 - skip;
}

size_t sg_u64_format(uint64_t v, char *dst)
{
    if (v < E8)
        return put_first(dst, v);
    uint64_t high = v / E8, low = v % E8;
    size_t n;
    if (high < E8) {
        n = put_first(dst, high);
    } else {
        n = put_first(dst, high / E8);
        sg__put_spread(dst + n, sg__spread_digits(high % E8));
        n += 8;
    }
    sg__put_spread(dst + n, sg__spread_digits(low));
    return n + 8;
}

size_t sg_i64_format(int64_t v, char *dst)
{
    if (v >= 0)
        return sg_u64_format((uint64_t)v, dst);
    dst[0] = '-';
    return 1 + sg_u64_format(0 - (uint64_t)v, dst + 1);
}
