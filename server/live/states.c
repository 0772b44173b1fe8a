/* states.c - extremes and order of a sliding window. */
#include <string.h>

#include <streamgauge/value.h>

#include "live/cursor.h"

static struct sg__mono_entry *entry(const struct sg__mono *m, uint32_t i)
{
    return &m->entry[(m->at + i) & (m->cap - 1)];
}

size_t sg__queue_push(struct sg__mono *m, double t, double v)
{
    size_t grown = 0;
    if (m->n == m->cap) {
        uint32_t cap = m->cap ? m->cap * 2 : 4;
        struct sg__mono_entry *more = sg_alloc(cap * sizeof(*more));
        for (uint32_t i = 0; i < m->n; i++)
            more[i] = *entry(m, i);
        sg_free(m->entry);
        grown = (cap - m->cap) * sizeof(*more);
        *m = (struct sg__mono){more, cap, 0, m->n};
    }
    *entry(m, m->n++) = (struct sg__mono_entry){t, v};
    return grown;
}

void sg__queue_pop(struct sg__mono *m)
{
    m->at = (m->at + 1) & (m->cap - 1);
    m->n--;
}

/* Values equal to the bit are one entry with the newest time; 0 and -0 are two, as the sign shown
 * is that of the first. */
size_t sg__mono_push(struct sg__mono *m, double t, double v, bool max)
{
    while (m->n) {
        const struct sg__mono_entry *back = entry(m, m->n - 1);
        if (max ? back->v > v : back->v < v)
            break;
        if (back->v == v && sg_double_bits(back->v) != sg_double_bits(v))
            break;
        m->n--;
    }
    return sg__queue_push(m, t, v);
}

void sg__mono_pop(struct sg__mono *m, double until_t)
{
    while (m->n && m->entry[m->at].t <= until_t) {
        m->at = (m->at + 1) & (m->cap - 1);
        m->n--;
    }
}

double sg__mono_last(const struct sg__mono *m)
{
    uint32_t i = 0;
    while (i + 1 < m->n && entry(m, i + 1)->v == entry(m, 0)->v)
        i++;
    return entry(m, i)->t;
}

/* Quarters below 2^40: half a million of them cannot overflow anything. */
static bool quarters(double v, int64_t *ret)
{
    double x = v * 4;
    if (!(fabs(x) < 0x1p42))
        return false;
    *ret = (int64_t)x;
    return (double)*ret == x;
}

void sg__exact_add(struct sg__exact *x, double v)
{
    int64_t k;
    if (!quarters(v, &k)) {
        x->rough++;
        return;
    }
    x->sum += (uint64_t)k;
    x->size += (uint64_t)(k < 0 ? -k : k);
}

void sg__exact_sub(struct sg__exact *x, double v)
{
    int64_t k;
    if (!quarters(v, &k)) {
        x->rough--;
        return;
    }
    x->sum -= (uint64_t)k;
    x->size -= (uint64_t)(k < 0 ? -k : k);
}

/* All partial sums are quarters below 2^51, which doubles hold. */
bool sg__exact_sum(const struct sg__exact *x, uint32_t n, double *ret)
{
    if (x->rough || n >= UINT32_C(1) << 19 || x->size >= UINT64_C(1) << 53)
        return false;
    *ret = (double)(int64_t)x->sum / 4;
    return true;
}

/* First index whose value is not less than v, or greater than v. */
static uint32_t bound(const struct sg__sorted *s, double v, bool after)
{
    const double *base = s->v;
    uint32_t n = s->n;
    while (n > 0) {
        uint32_t half = n / 2;
        bool right = after ? base[half] <= v : base[half] < v;
        base = right ? base + half + 1 : base;
        n = right ? n - half - 1 : half;
    }
    return (uint32_t)(base - s->v);
}

size_t sg__sorted_insert(struct sg__sorted *s, double v)
{
    size_t grown = 0;
    if (s->n == s->cap) {
        uint32_t cap = s->cap ? s->cap + s->cap / 2 : 8;
        grown = (cap - s->cap) * sizeof(*s->v);
        s->v = sg_realloc(s->v, cap * sizeof(*s->v));
        s->cap = cap;
    }
    uint32_t at = bound(s, v, true);
    memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
    s->v[at] = v;
    s->n++;
    return grown;
}

void sg__sorted_remove(struct sg__sorted *s, double v)
{
    uint32_t at = bound(s, v, false), i = at;
    while (i < s->n && s->v[i] == v && sg_double_bits(s->v[i]) != sg_double_bits(v))
        i++; /* 0 and -0 lie side by side */
    if (i < s->n && s->v[i] == v)
        at = i;
    SG_ASSERT(at < s->n);
    memmove(s->v + at, s->v + at + 1, (s->n - at - 1) * sizeof(*s->v));
    s->n--;
}

double sg__sorted_quantile(const struct sg__sorted *s, uint32_t nans, double q)
{
    uint32_t n = s->n + nans;
    if (n == 0 || isnan(q))
        return sg_nan();
    if (q < 0 || q > 1)
        return q < 0 ? -INFINITY : INFINITY;
    double rank = q * (double)(n - 1), weight = rank - floor(rank);
    uint32_t lower = (uint32_t)floor(rank), upper = lower + 1 < n ? lower + 1 : n - 1;
    double a = lower < nans ? sg_nan() : s->v[lower - nans];
    double b = upper < nans ? sg_nan() : s->v[upper - nans];
    return a * (1 - weight) + b * weight;
}
