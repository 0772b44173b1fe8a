/* codec.c - see codec.h. */
#include "codec.h"

#include <math.h>

#include <streamgauge/error.h>
#include <streamgauge/value.h>

#include "bits.h"

enum value_mode { MODE_XOR, MODE_DELTA, MODE_DELTA2, MODE_UNKNOWN };
enum { PLACES_MAX = 9, WIDTH_BITS = 7 };

static const double powers[PLACES_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
/* Integers up to here are exact as doubles. */
#define SCALED_MAX 0x1p53

/* ---- residuals with a prefix code ---- */

struct widths {
    unsigned w1, w2, w3; /* w1 <= w2 <= w3; w3 is that of the longest residual, 0: all are zero */
    size_t bits;         /* that the residuals take */
};

static unsigned bit_length(uint64_t x)
{
    return x ? 64 - (unsigned)__builtin_clzll(x) : 0;
}

/* The widths with the fewest bits in total; tries all pairs, of which there are few as residuals
 * are short. */
static struct widths plan_widths(const uint64_t *residuals, size_t n)
{
    unsigned at_most[65] = {0}; /* residuals of at most that length */
    unsigned longest = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned length = bit_length(residuals[i]);
        at_most[length]++;
        longest = length > longest ? length : longest;
    }
    if (longest == 0)
        return (struct widths){0};
    for (unsigned i = 1; i <= longest; i++)
        at_most[i] += at_most[i - 1];
    struct widths best = {longest, longest, longest, SIZE_MAX};
    for (unsigned a = 1; a <= longest; a++) {
        size_t head = at_most[0] + (size_t)(at_most[a] - at_most[0]) * (2 + a);
        for (unsigned b = a; b <= longest; b++) {
            size_t bits = head + (size_t)(at_most[b] - at_most[a]) * (3 + b) +
                          (size_t)(at_most[longest] - at_most[b]) * (3 + longest);
            if (bits < best.bits)
                best = (struct widths){a, b, longest, bits};
        }
    }
    return best;
}

static void put_residuals(struct sg__bit_writer *w, const uint64_t *residuals, size_t n,
                          struct widths k)
{
    sg__bits_put56(w, k.w3, WIDTH_BITS);
    if (k.w3 == 0)
        return;
    sg__bits_put56(w, k.w1, WIDTH_BITS);
    sg__bits_put56(w, k.w2, WIDTH_BITS);
    for (size_t i = 0; i < n; i++) {
        uint64_t x = residuals[i];
        unsigned length = bit_length(x);
        if (length == 0) {
            sg__bits_put56(w, 0, 1);
        } else if (length <= k.w1) {
            sg__bits_put56(w, 2, 2);
            sg__bits_put(w, x, k.w1);
        } else if (length <= k.w2) {
            sg__bits_put56(w, 6, 3);
            sg__bits_put(w, x, k.w2);
        } else {
            sg__bits_put56(w, 7, 3);
            sg__bits_put(w, x, k.w3);
        }
    }
}

static struct widths get_widths(struct sg__bit_reader *r)
{
    struct widths k = {.w3 = (unsigned)sg__bits_get(r, WIDTH_BITS)};
    if (k.w3 == 0)
        return k;
    k.w1 = (unsigned)sg__bits_get(r, WIDTH_BITS);
    k.w2 = (unsigned)sg__bits_get(r, WIDTH_BITS);
    if (k.w3 > 64 || k.w2 > k.w3 || k.w1 > k.w2 || k.w1 == 0)
        r->failed = true;
    return k;
}

/* One residual, still zigzag. Never called when w3 is 0. */
static inline uint64_t get_residual(struct sg__bit_reader *r, const struct widths *k)
{
    uint64_t x = sg__bits_peek(r);
    if (!(x >> 63)) {
        sg__bits_skip(r, 1);
        return 0;
    }
    unsigned prefix = 2, width = k->w1;
    if (x >> 62 == 3) {
        prefix = 3;
        width = x >> 61 == 7 ? k->w3 : k->w2;
    }
    if (prefix + width <= 56) {
        sg__bits_skip(r, prefix + width);
        return x << prefix >> (64 - width);
    }
    sg__bits_skip(r, prefix);
    return sg__bits_get(r, width);
}

/* ---- times ---- */

static void put_times(struct sg__codec *c, struct sg__bit_writer *w, const int64_t *t, size_t n)
{
    sg__bits_put_varint(w, sg__zigzag((uint64_t)t[0]));
    if (n < 2)
        return;
    uint64_t delta = (uint64_t)t[1] - (uint64_t)t[0];
    sg__bits_put_varint(w, sg__zigzag(delta));
    for (size_t i = 2; i < n; i++) {
        uint64_t next = (uint64_t)t[i] - (uint64_t)t[i - 1];
        c->residuals[i - 2] = sg__zigzag(next - delta);
        delta = next;
    }
    if (n > 2)
        put_residuals(w, c->residuals, n - 2, plan_widths(c->residuals, n - 2));
}

static void get_times(struct sg__bit_reader *r, int64_t *t, size_t n)
{
    uint64_t at = sg__unzigzag(sg__bits_get_varint(r));
    t[0] = (int64_t)at;
    if (n < 2)
        return;
    uint64_t delta = sg__unzigzag(sg__bits_get_varint(r));
    t[1] = (int64_t)(at += delta);
    if (n == 2)
        return;
    struct widths k = get_widths(r);
    if (r->failed)
        return;
    if (k.w3 == 0) {
        for (size_t i = 2; i < n; i++)
            t[i] = (int64_t)(at += delta);
        return;
    }
    for (size_t i = 2; i < n; i++) {
        delta += sg__unzigzag(get_residual(r, &k));
        t[i] = (int64_t)(at += delta);
    }
}

/* ---- values as scaled integers ---- */

/* Whether v is exactly m / 10^places for an integer m; -0 and NaN are not. */
static bool scales(double v, int places, int64_t *ret)
{
    double x = v * powers[places];
    if (!(fabs(x) < SCALED_MAX))
        return false;
    int64_t m = (int64_t)(x + (x < 0 ? -0.5 : 0.5));
    *ret = m;
    return sg_double_bits((double)m / powers[places]) == sg_double_bits(v);
}

/* Finds the places all values need but the exceptions. Returns them, or -1 when too many values do
 * not fit. */
static int find_places(struct sg__codec *c, const double *v, size_t n, size_t *ret_exceptions)
{
    size_t exceptions = 0, allowed = n / 16 + 1;
    int places = 0;
    for (size_t i = 0; i < n; i++) {
        int p = places;
        while (p <= PLACES_MAX && !scales(v[i], p, &c->scaled[i]))
            p++;
        if (p <= PLACES_MAX)
            places = p;
        else if (++exceptions > allowed)
            return -1;
    }
    *ret_exceptions = exceptions;
    return places;
}

/* Fills scaled and exceptions for these places; an exception repeats the integer before it. False
 * when too many do not fit. */
static bool scale_all(struct sg__codec *c, const double *v, size_t n, int places, size_t *ret_n)
{
    size_t exceptions = 0, allowed = n / 16 + 1;
    for (size_t i = 0; i < n; i++) {
        if (scales(v[i], places, &c->scaled[i]))
            continue;
        if (exceptions == allowed)
            return false;
        int64_t before = i > 0 ? c->scaled[i - 1] : 0;
        c->scaled[i] = i > 1 ? before + (before - c->scaled[i - 2]) : before;
        c->exceptions[exceptions++] = (uint16_t)i;
    }
    *ret_n = exceptions;
    return true;
}

/* Deltas of the scaled values, and deltas of those, as zigzag without the bits that are zero in all
 * of them. */
static unsigned fill_residuals(struct sg__codec *c, size_t n)
{
    uint64_t any = 0;
    for (size_t i = 1; i < n; i++) {
        c->residuals[i - 1] = (uint64_t)c->scaled[i] - (uint64_t)c->scaled[i - 1];
        any |= c->residuals[i - 1];
    }
    unsigned shift = any ? (unsigned)__builtin_ctzll(any) : 0;
    for (size_t i = 0; i + 1 < n; i++)
        c->residuals[i] = (uint64_t)((int64_t)c->residuals[i] >> shift);
    for (size_t i = 1; i + 1 < n; i++)
        c->second[i - 1] = sg__zigzag(c->residuals[i] - c->residuals[i - 1]);
    for (size_t i = 0; i + 1 < n; i++)
        c->residuals[i] = sg__zigzag(c->residuals[i]);
    return shift;
}

static bool put_integers(struct sg__codec *c, struct sg__bit_writer *w, const double *v, size_t n)
{
    size_t exceptions = 0;
    int places = find_places(c, v, n, &exceptions);
    if (places < 0 || !scale_all(c, v, n, places, &exceptions))
        return false;
    unsigned shift = fill_residuals(c, n);
    size_t n1 = n - 1, n2 = n > 2 ? n - 2 : 0;
    struct widths k1 = plan_widths(c->residuals, n1), k2 = plan_widths(c->second, n2);
    bool twice = n2 > 0 && k2.bits + 16 < k1.bits;
    sg__bits_put56(w, twice ? MODE_DELTA2 : MODE_DELTA, 2);
    sg__bits_put56(w, (uint64_t)places, 4);
    sg__bits_put56(w, shift, 6);
    sg__bits_put_varint(w, exceptions);
    sg__bits_put_varint(w, sg__zigzag((uint64_t)c->scaled[0]));
    if (twice) {
        sg__bits_put_varint(w, c->residuals[0]);
        put_residuals(w, c->second, n2, k2);
    } else {
        put_residuals(w, c->residuals, n1, k1);
    }
    for (size_t i = 0; i < exceptions; i++) {
        sg__bits_put_varint(w, c->exceptions[i]);
        sg__bits_put(w, sg_double_bits(v[c->exceptions[i]]), 64);
    }
    return true;
}

static void get_exceptions(struct sg__bit_reader *r, double *v, size_t n, uint64_t count)
{
    for (uint64_t i = 0; i < count && !r->failed; i++) {
        uint64_t at = sg__bits_get_varint(r);
        uint64_t bits = sg__bits_get(r, 64);
        if (at < n)
            v[at] = sg_double_from_bits(bits);
        else
            r->failed = true;
    }
}

static double unscale(uint64_t scaled, double power)
{
    return (double)(int64_t)scaled / power;
}

static void get_integers(struct sg__bit_reader *r, double *v, size_t n, bool twice)
{
    uint64_t places = sg__bits_get(r, 4);
    unsigned shift = (unsigned)sg__bits_get(r, 6);
    uint64_t exceptions = sg__bits_get_varint(r);
    uint64_t at = sg__unzigzag(sg__bits_get_varint(r));
    uint64_t delta = twice ? sg__unzigzag(sg__bits_get_varint(r)) : 0;
    struct widths k = get_widths(r);
    if (r->failed || places > PLACES_MAX || exceptions > n || (twice && n < 3)) {
        r->failed = true;
        return;
    }
    double power = powers[places];
    size_t i = 0;
    v[i++] = unscale(at, power);
    if (twice)
        v[i++] = unscale(at += delta << shift, power);
    for (; i < n; i++) {
        uint64_t x = k.w3 ? sg__unzigzag(get_residual(r, &k)) : 0;
        delta = twice ? delta + x : x;
        at += delta << shift;
        v[i] = unscale(at, power);
    }
    get_exceptions(r, v, n, exceptions);
}

/* ---- values as XOR with their predecessor (Gorilla, Pelkonen et al. 2015, section 4.1.2) ---- */

static void put_xor(struct sg__bit_writer *w, const double *v, size_t n)
{
    sg__bits_put56(w, MODE_XOR, 2);
    uint64_t before = sg_double_bits(v[0]);
    sg__bits_put(w, before, 64);
    unsigned lead = 64, length = 0; /* the window in use; none yet */
    for (size_t i = 1; i < n; i++) {
        uint64_t bits = sg_double_bits(v[i]), x = bits ^ before;
        before = bits;
        if (x == 0) {
            sg__bits_put56(w, 0, 1);
            continue;
        }
        unsigned l = (unsigned)__builtin_clzll(x), t = (unsigned)__builtin_ctzll(x);
        unsigned need = 64 - l - t;
        if (length && l >= lead && 64 - lead - length <= t && length < need + 12) {
            sg__bits_put56(w, 2, 2);
        } else {
            lead = l;
            length = need;
            sg__bits_put56(w, 3, 2);
            sg__bits_put56(w, lead, 6);
            sg__bits_put56(w, length - 1, 6);
        }
        sg__bits_put(w, x >> (64 - lead - length), length);
    }
}

static void get_xor(struct sg__bit_reader *r, double *v, size_t n)
{
    uint64_t bits = sg__bits_get(r, 64);
    v[0] = sg_double_from_bits(bits);
    unsigned lead = 0, length = 0;
    for (size_t i = 1; i < n; i++) {
        uint64_t x = sg__bits_peek(r);
        if (!(x >> 63)) {
            sg__bits_skip(r, 1);
        } else {
            if (x >> 62 == 3) {
                lead = (unsigned)(x >> 56) & 63;
                length = ((unsigned)(x >> 50) & 63) + 1;
                sg__bits_skip(r, 14);
            } else {
                sg__bits_skip(r, 2);
            }
            if (length == 0 || lead + length > 64) {
                r->failed = true;
                return;
            }
            bits ^= sg__bits_get(r, length) << (64 - lead - length);
        }
        v[i] = sg_double_from_bits(bits);
    }
}

/* ---- both ---- */

size_t sg__codec_encode(struct sg__codec *c, const int64_t *time_ms, const double *v, size_t n)
{
    SG_ASSERT(n > 0 && n <= SG__CODEC_MAX);
    struct sg__bit_writer w = {.p = c->bytes};
    put_times(c, &w, time_ms, n);
    if (!put_integers(c, &w, v, n))
        put_xor(&w, v, n);
    return (size_t)(sg__bits_end(&w) - c->bytes);
}

int sg__codec_decode(const uint8_t *p, size_t size, size_t n, int64_t *time_ms, double *v)
{
    if (n == 0 || n > SG__CODEC_MAX || size > SIZE_MAX / 8)
        return SG_EINVALID;
    struct sg__bit_reader r = {.p = p, .limit = size * 8};
    get_times(&r, time_ms, n);
    uint64_t mode = r.failed ? MODE_UNKNOWN : sg__bits_get(&r, 2);
    if (mode == MODE_XOR)
        get_xor(&r, v, n);
    else if (mode != MODE_UNKNOWN)
        get_integers(&r, v, n, mode == MODE_DELTA2);
    return r.failed || mode == MODE_UNKNOWN ? SG_EINVALID : 0;
}
