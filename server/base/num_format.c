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

#include "num_digits.h"
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

static void strip_zeros(struct shortest *r)
{
    if (r->digits % 100000000 == 0) {
        r->digits /= 100000000;
        r->exponent += 8;
    }
    if (r->digits % 10000 == 0) {
        r->digits /= 10000;
        r->exponent += 4;
    }
    while (r->digits % 10 == 0) {
        r->digits /= 10;
        r->exponent++;
    }
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
    if (r.digits % 10 == 0)
        strip_zeros(&r);
    return r;
}

static const uint64_t integer_pow10[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
};

/* Decimal digits of v, 0 < v < 10^17. */
static int count_digits(uint64_t v)
{
    int n = (64 - __builtin_clzll(v)) * 1233 >> 12; /* by log10(2), perhaps one too low */
    return n + (v >= integer_pow10[n]);
}

/* Digits on both sides of the point. `whole` is the value truncated; it equals that of the shortest
 * digits, because an integer between the two would be a shorter text of the same value. Never
 * writes past 26 bytes. */
static size_t put_split(char *dst, uint64_t whole, struct shortest r)
{
    int decimals = -r.exponent; /* 1 to 16, as there is a digit before the point */
    SG_DCHECK(decimals >= 1 && decimals <= 16);
    uint64_t fraction = (r.digits - whole * integer_pow10[decimals]) * integer_pow10[16 - decimals];
    size_t n = sg_u64_format(whole, dst);
    dst[n++] = '.';
    sg__put_8_digits(fraction / 100000000, dst + n);
    if (decimals > 8)
        sg__put_8_digits(fraction % 100000000, dst + n + 8);
    return n + (size_t)decimals;
}

/* 0 < value < 1, with the first digit `zeros` places behind the point. */
static size_t put_small(char *dst, uint64_t digits, int zeros)
{
    memcpy(dst, "0.000000", 8);
    if (zeros > 6)
        memset(dst + 8, '0', (size_t)zeros - 6);
    return (size_t)(2 + zeros) + sg_u64_format(digits, dst + 2 + zeros);
}

static size_t put_big(char *dst, struct shortest r)
{
    size_t n = sg_u64_format(r.digits, dst);
    memset(dst + n, '0', (size_t)r.exponent);
    return n + (size_t)r.exponent;
}

/* `exponent` is that of the first digit. */
static size_t put_exponent_form(char *dst, uint64_t digits, int exponent)
{
    size_t len = 1 + sg_u64_format(digits, dst + 1);
    dst[0] = dst[1];
    dst[1] = '.';
    if (len == 2)
        len = 1;
    dst[len++] = 'e';
    dst[len++] = exponent < 0 ? '-' : '+';
    if (exponent < 0)
        exponent = -exponent;
    if (exponent >= 100)
        dst[len++] = (char)('0' + exponent / 100);
    dst[len++] = (char)('0' + exponent / 10 % 10);
    dst[len++] = (char)('0' + exponent % 10);
    return len;
}

/* Values with few decimals, as most metrics have, without the search: v * 10^k is an integer below
 * 10^15, and divided again (one correctly rounded operation on exact operands) it gives v. Two
 * decimals of at most 15 digits are never the same double, so this is the shortest. `whole` is v
 * truncated; v is not an integer. Below 10^-6 the form
 * depends. Returns 0 when v is no such value. */
static size_t put_few_decimals(double v, uint64_t whole, char *dst)
{
    static const struct tier {
        double scale;
        uint64_t unit, pad; /* unit * pad = 10^8 */
    } tiers[] = {{1e8, 100000000, 1}, {1e6, 1000000, 100}, {1e3, 1000, 100000}};
    if (v >= 1e12 || v < 1e-6)
        return 0;
    const struct tier *t = &tiers[(v >= 1e7) + (v >= 1e9)];
    double scaled = v * t->scale;
    uint64_t m = (uint64_t)scaled;
    if ((double)m != scaled || scaled / t->scale != v)
        return 0;
    size_t n = sg_u64_format(whole, dst);
    dst[n++] = '.';
    return n + sg__put_fraction((m - whole * t->unit) * t->pad, dst + n);
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

static size_t format_shortest(double v, char *dst, struct fixed_range fixed)
{
    struct shortest r = find_shortest(v);
    int point = count_digits(r.digits) + r.exponent; /* digits before it */
    if (point < fixed.min || point > fixed.max)
        return put_exponent_form(dst, r.digits, point - 1);
    if (r.exponent >= 0)
        return put_big(dst, r);
    return point > 0 ? put_split(dst, (uint64_t)v, r) : put_small(dst, r.digits, -point);
}

static size_t format(double v, char *dst, struct fixed_range fixed)
{
    size_t sign = 0, n;
    if (SG_UNLIKELY(isnan(v)))
        return put_constant(dst, "NaN");
    if (signbit(v)) {
        v = -v;
        dst[sign++] = '-';
    }
    if (v < 9007199254740992.0) {
        uint64_t whole = (uint64_t)v;
        if ((double)whole == v)
            return sign + sg_u64_format(whole, dst + sign);
        n = put_few_decimals(v, whole, dst + sign);
        if (n)
            return sign + n;
    } else if (SG_UNLIKELY(isinf(v))) {
        return put_constant(dst, sign ? "-Inf" : "+Inf");
    }
    return sign + format_shortest(v, dst + sign, fixed);
}

size_t sg_double_format(double v, char *dst)
{
    return format(v, dst, (struct fixed_range){-5, 21});
}

size_t sg_double_format_f(double v, char *dst)
{
    return format(v, dst, (struct fixed_range){-400, 400});
}

size_t sg_double_format_g(double v, char *dst)
{
    size_t sign = signbit(v) ? 1 : 0;
    if (v == 0 || !isfinite(v))
        return format(v, dst, (struct fixed_range){0, 0});
    dst[0] = '-';
    return sign + format_shortest(fabs(v), dst + sign, (struct fixed_range){-3, 6});
}
