/* num.c - integers and text. Floats: num_parse.c and num_format.c. */
#include <string.h>

#include <streamgauge/error.h>
#include <streamgauge/num.h>

/* "00" to "99": two digits per division when printing. */
static const char digit_pairs[201] = "00010203040506070809101112131415161718192021222324"
                                     "25262728293031323334353637383940414243444546474849"
                                     "50515253545556575859606162636465666768697071727374"
                                     "75767778798081828384858687888990919293949596979899";

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

size_t sg_u64_format(uint64_t v, char *dst)
{
    char text[20];
    size_t at = sizeof(text);
    while (v >= 100) {
        at -= 2;
        memcpy(text + at, digit_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(text + at, digit_pairs + 2 * v, 2);
    } else {
        text[--at] = (char)('0' + v);
    }
    memcpy(dst, text + at, sizeof(text) - at);
    return sizeof(text) - at;
}

size_t sg_i64_format(int64_t v, char *dst)
{
    if (v >= 0)
        return sg_u64_format((uint64_t)v, dst);
    dst[0] = '-';
    return 1 + sg_u64_format(0 - (uint64_t)v, dst + 1);
}
