/* num_parse.c - decimal text to the nearest double.
 *
 * Happy path: the digits fit a uint64_t and one exact multiplication or division is enough (Clinger
 * 1990). Then the algorithm of Eisel and Lemire ("Number Parsing at a Gigabyte per Second", 2021):
 * multiply with the first 128 bits of the power of ten and round, unless the error of the truncated
 * power could change the rounding. What is left (some exact halfway cases, subnormals, overflow, a
 * few long mantissas) goes through the C library on a bounded copy.
 */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/error.h>
#include <streamgauge/num.h>

#include "pow10.h"

/* The powers of ten a double holds exactly. */
static const double exact_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

enum {
    MAX_DIGITS = 19,  /* that always fit the mantissa */
    EXACT_POW10 = 22, /* last index of exact_pow10 */
    MAX_COPY_DIGITS =
        800, /* no midpoint of two doubles has more than 768 digits; then one sticky digit */
};

/* Exponents beyond it give 0 or infinity for any text that fits into memory; sums of two stay in
 * int64_t. */
#define EXPONENT_CLAMP (INT64_C(1) << 60)

struct decimal {
    uint64_t
        mantissa; /* value = mantissa * 10^exponent; if `many`, the first MAX_DIGITS digits only */
    int64_t exponent;
    const char
        *digits; /* first significant digit, when `many`; may be followed by a point somewhere */
    const char *end;     /* of the digits */
    bool negative, many; /* many: there are more than MAX_DIGITS significant digits */
};

static locale_t c_locale;

__attribute__((constructor(110))) static void init_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    SG_ASSERT(c_locale);
}

static inline unsigned digit_of(char c)
{
    return (unsigned)(unsigned char)c - '0';
}

static double with_sign(double v, bool negative)
{
    return negative ? -v : v;
}

/* Case does not matter; `word` is lower case letters. */
static bool starts_with_word(const char *p, const char *end, const char *word)
{
    for (; *word; p++, word++) {
        if (p == end || ((unsigned char)*p | 0x20) != (unsigned char)*word)
            return false;
    }
    return true;
}

/* Inf, Infinity, NaN at p, behind a sign. Returns the bytes from `start`, or SG_ESYNTAX. */
static ssize_t parse_word(const char *start, const char *p, const char *end, double *ret)
{
    bool negative = p > start && *start == '-';
    if (starts_with_word(p, end, "inf")) {
        *ret = with_sign((double)INFINITY, negative);
        return p - start + (starts_with_word(p, end, "infinity") ? 8 : 3);
    }
    if (starts_with_word(p, end, "nan")) {
        *ret = (double)NAN;
        return p - start + 3;
    }
    return SG_ESYNTAX;
}

/* More than MAX_DIGITS digits were read and the mantissa may have wrapped: reads the first
 * significant ones again. d->exponent is still the one written behind `e`. */
static void reread_digits(struct decimal *d, const char *first, const char *point)
{
    const char *p = first;
    while (p < d->end && (*p == '0' || *p == '.'))
        p++;
    d->digits = p;
    int64_t seen = 0, scale = 0;
    uint64_t m = 0;
    for (; p < d->end; p++) {
        if (*p == '.')
            continue;
        if (seen < MAX_DIGITS)
            m = m * 10 + digit_of(*p);
        else
            scale += p < point;
        seen++;
        if (seen <= MAX_DIGITS)
            scale -= p > point;
    }
    /* Zeros between the point and the first significant digit. */
    if (d->digits > point && point < d->end)
        scale -= d->digits - point - 1;
    d->mantissa = m;
    d->exponent += scale;
    d->many = seen > MAX_DIGITS;
}

/* The exponent at p, which points at `e`; leaves *pp alone when no digit follows. */
static int64_t parse_exponent(const char **pp, const char *end)
{
    const char *p = *pp + 1;
    int64_t v = 0;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || digit_of(*p) > 9)
        return 0;
    for (; p < end && digit_of(*p) <= 9; p++) {
        if (v < EXPONENT_CLAMP / 10)
            v = v * 10 + digit_of(*p);
    }
    *pp = p;
    return negative ? -v : v;
}

/* Assembles the bits of round(mantissa * 10^exponent); false where the first 128 bits of the power
 * do not decide, and for subnormals and overflow. mantissa > 0. */
static bool eisel_lemire(uint64_t mantissa, int64_t exponent, double *ret)
{
    if (exponent < SG__POW10_MIN || exponent > SG__POW10_MAX)
        return false;
    struct sg__pow10 power = sg__pow10_get((int)exponent);
    int shift = __builtin_clzll(mantissa);
    uint64_t m = mantissa << shift;
    sg__u128 product = (sg__u128)m * power.hi;
    uint64_t hi = (uint64_t)(product >> 64), lo = (uint64_t)product;
    /* All bits below the 54 we need are ones and the missing part (less than m) could carry: add
     * the next 64 bits. */
    if ((hi & 0x1ff) == 0x1ff && lo + m < m) {
        sg__u128 more = (sg__u128)m * power.lo;
        uint64_t sum = lo + (uint64_t)(more >> 64);
        hi += sum < lo;
        lo = sum;
        if ((hi & 0x1ff) == 0x1ff && lo == UINT64_MAX && (uint64_t)more + m < m)
            return false;
    }
    unsigned top = (unsigned)(hi >> 63);
    uint64_t bits = hi >> (top + 9); /* 54 bits: the mantissa and one for rounding */
    if (lo == 0 && (hi & 0x1ff) == 0 && (bits & 3) == 1)
        return false; /* looks like exactly half: ties to even only if it really is */
    bits = (bits + (bits & 1)) >> 1;
    int64_t biased = sg__pow10_log2((int)exponent) + 1023 + 63 - shift + (int)top;
    if (bits >> 53) {
        bits >>= 1;
        biased++;
    }
    if (biased < 1 || biased > 2046)
        return false;
    bits = (uint64_t)biased << 52 | (bits & ((UINT64_C(1) << 52) - 1));
    memcpy(ret, &bits, sizeof(*ret));
    return true;
}

/* Copies the significant digits, cut with a sticky digit behind the 800th, and lets the C library
 * round. */
static double parse_exactly(const struct decimal *d)
{
    char text[MAX_COPY_DIGITS + 32];
    size_t n = 0;
    int64_t exponent = d->exponent;
    if (!d->many) {
        n = sg_u64_format(d->mantissa, text);
    } else {
        int64_t dropped = -MAX_DIGITS;
        bool sticky = false;
        for (const char *p = d->digits; p < d->end; p++) {
            if (*p == '.')
                continue;
            if (n < MAX_COPY_DIGITS) {
                text[n++] = *p;
                dropped++; /* the exponent belongs to the first MAX_DIGITS digits */
            } else {
                sticky = sticky || *p != '0';
            }
        }
        exponent -= dropped;
        if (sticky) {
            text[n++] = '1';
            exponent--;
        }
    }
    if (exponent < -100000 || exponent > 100000)
        return exponent < 0 ? 0 : (double)INFINITY;
    text[n++] = 'e';
    n += sg_i64_format(exponent, text + n);
    text[n] = '\0';
    return strtod_l(text, NULL, c_locale);
}

static double to_double(const struct decimal *d)
{
    double v, next;
    if (d->mantissa == 0)
        return 0;
    if (SG_LIKELY(!d->many)) {
        if (d->mantissa <= UINT64_C(1) << 53 && d->exponent >= -EXACT_POW10 &&
            d->exponent <= EXACT_POW10) {
            v = (double)d->mantissa;
            return d->exponent < 0 ? v / exact_pow10[-d->exponent] : v * exact_pow10[d->exponent];
        }
        if (eisel_lemire(d->mantissa, d->exponent, &v))
            return v;
    } else if (eisel_lemire(d->mantissa, d->exponent, &v) &&
               eisel_lemire(d->mantissa + 1, d->exponent, &next) && v == next) {
        return v; /* the digits that were cut off cannot matter */
    }
    return parse_exactly(d);
}

ssize_t sg_double_parse(const char *text, size_t n, double *ret)
{
    const char *p = text, *end = text + n;
    struct decimal d = {.negative = n && *p == '-'};
    if (n && (*p == '-' || *p == '+'))
        p++;
    const char *first = p;
    uint64_t m = 0;
    for (; p < end && digit_of(*p) <= 9; p++)
        m = m * 10 + digit_of(*p);
    const char *point = p;
    int64_t digits = p - first, scale = 0;
    if (p < end && *p == '.') {
        for (p++; p < end && digit_of(*p) <= 9; p++)
            m = m * 10 + digit_of(*p);
        scale = point + 1 - p;
        digits -= scale;
    }
    if (SG_UNLIKELY(digits == 0))
        return parse_word(text, first, end, ret);
    d.mantissa = m;
    d.end = p;
    if (p < end && (*p | 0x20) == 'e')
        d.exponent = parse_exponent(&p, end);
    if (SG_UNLIKELY(digits > MAX_DIGITS))
        reread_digits(&d, first, point);
    else
        d.exponent += scale;
    *ret = with_sign(to_double(&d), d.negative);
    return p - text;
}

int sg_double_parse_all(const char *p, size_t n, double *ret)
{
    double v;
    ssize_t used = sg_double_parse(p, n, &v);
    if (used < 0 || (size_t)used != n)
        return SG_ESYNTAX;
    *ret = v;
    return 0;
}
