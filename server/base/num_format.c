/* num_format.c - doubles to the shortest text that reads back.
 *
 * The algorithm is Schubfach (Raffaele Giulietti, "The Schubfach way to render doubles", 2020):
 * scale the value and the ends of its rounding interval by a power of ten such that the interval is
 * between 1 and 10 units long, rounding to odd so that comparisons stay exact, and choose among at
 * most four candidates.
 */
#include <math.h>
#include <string.h>

#include <streamgauge/num.h>

#include "pow10.h"

/* value = digits * 10^exponent */
struct shortest {
    uint64_t digits;
    int exponent;
};

/* floor(g * x / 2^128) where the lowest bit also says "there is a rest". */
static uint64_t scale_to_odd(struct sg__pow10 g, uint64_t x)
{
    sg__u128 low = (sg__u128)g.lo * x;
    sg__u128 sum = (sg__u128)g.hi * x + (uint64_t)(low >> 64);
    return (uint64_t)(sum >> 64) | ((uint64_t)sum > 1);
}

/* The power of ten rounded up, as the proof of the algorithm wants it. */
static struct sg__pow10 pow10_up(int e)
{
    struct sg__pow10 g = sg__pow10_get(e);
    if (e < 0 || e > SG__POW10_EXACT_MAX) {
        g.lo++;
        g.hi += g.lo == 0;
    }
    return g;
}

/* c * 2^q is the value, c > 0; lower_closer: the next smaller double is only half as far away as
 * the next bigger. */
static struct shortest schubfach(uint64_t c, int q, bool lower_closer)
{
    bool odd = c & 1;
    int k = (q * 1262611 - (lower_closer ? 524031 : 0)) >> 22; /* floor(log10(interval length)) */
    int shift = q + sg__pow10_log2(-k) + 1;
    struct sg__pow10 g = pow10_up(-k);
    /* In quarters of a unit; the ends belong to the interval only when c is even (ties to even). */
    uint64_t lower = scale_to_odd(g, (4 * c - 2 + lower_closer) << shift) + odd;
    uint64_t value = scale_to_odd(g, 4 * c << shift);
    uint64_t upper = scale_to_odd(g, (4 * c + 2) << shift) - odd;
    uint64_t s = value / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above)
            return (struct shortest){tens + above, k + 1};
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    if (below != above)
        return (struct shortest){s + above, k};
    bool up = value > 4 * s + 2 || (value == 4 * s + 2 && (s & 1));
    return (struct shortest){s + up, k};
}

static struct shortest find_shortest(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7ff);
    struct shortest r;
    if (biased)
        r = schubfach(fraction | UINT64_C(1) << 52, biased - 1075, fraction == 0 && biased > 1);
    else
        r = schubfach(fraction, -1074, false);
    while (r.digits % 10 == 0) {
        r.digits /= 10;
        r.exponent++;
    }
    return r;
}

/* Writes n digits with the point behind the `point`-th; point may be outside [0, n]. */
static size_t put_fixed(char *dst, const char *digits, int n, int point)
{
    if (point >= n) {
        memcpy(dst, digits, (size_t)n);
        memset(dst + n, '0', (size_t)(point - n));
        return (size_t)point;
    }
    if (point > 0) {
        memcpy(dst, digits, (size_t)point);
        dst[point] = '.';
        memcpy(dst + point + 1, digits + point, (size_t)(n - point));
        return (size_t)n + 1;
    }
    dst[0] = '0';
    dst[1] = '.';
    memset(dst + 2, '0', (size_t)-point);
    memcpy(dst + 2 - point, digits, (size_t)n);
    return (size_t)(2 - point + n);
}

static size_t put_exponent_form(char *dst, const char *digits, int n, int exponent)
{
    size_t len = 0;
    dst[len++] = digits[0];
    if (n > 1) {
        dst[len++] = '.';
        memcpy(dst + len, digits + 1, (size_t)n - 1);
        len += (size_t)n - 1;
    }
    dst[len++] = 'e';
    dst[len++] = exponent < 0 ? '-' : '+';
    if (exponent < 0)
        exponent = -exponent;
    if (exponent < 10)
        dst[len++] = '0';
    return len + sg_u64_format((uint64_t)exponent, dst + len);
}

static size_t put_constant(char *dst, const char *text)
{
    size_t n = strlen(text);
    memcpy(dst, text, n);
    return n;
}

/* `point`s of the texts in fixed form: 1e-6 is "0.000001" (-5), the last before 1e21 has 21 digits
 * before the point. */
struct fixed_range {
    int min, max;
};

static size_t format(double v, char *dst, struct fixed_range fixed)
{
    size_t len = 0;
    if (SG_UNLIKELY(isnan(v)))
        return put_constant(dst, "NaN");
    if (signbit(v)) {
        v = -v;
        dst[len++] = '-';
    }
    if (v < 9007199254740992.0) {
        uint64_t whole = (uint64_t)v;
        if ((double)whole == v)
            return len + sg_u64_format(whole, dst + len);
    } else if (SG_UNLIKELY(isinf(v))) {
        return put_constant(dst, len ? "-Inf" : "+Inf");
    }
    struct shortest r = find_shortest(v);
    char digits[20];
    int n = (int)sg_u64_format(r.digits, digits), point = n + r.exponent;
    if (point >= fixed.min && point <= fixed.max)
        return len + put_fixed(dst + len, digits, n, point);
    return len + put_exponent_form(dst + len, digits, n, point - 1);
}

size_t sg_double_format(double v, char *dst)
{
    return format(v, dst, (struct fixed_range){-5, 21});
}

size_t sg_double_format_f(double v, char *dst)
{
    return format(v, dst, (struct fixed_range){-400, 400});
}
