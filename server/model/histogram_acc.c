/* histogram_acc.c - the accumulator: a window of at most 160 buckets per sign that halves its
 * resolution when the observed range outgrows it. At schema -4 the whole range of doubles takes 132
 * buckets, so the halving ends. */
#include <math.h>
#include <string.h>

#include <streamgauge/histogram.h>
#include <streamgauge/mem.h>

enum { START_SCHEMA = 5 };
/* |v| up to this counts as zero, as in Prometheus' client libraries: 2^-128. */
#define ZERO_THRESHOLD 0x1p-128

/* Buckets low … low + n - 1 are in use; counts[0] is `low`. */
struct side {
    int32_t low;
    uint32_t n;
    double counts[SG_HISTOGRAM_ACC_BUCKETS];
};

struct sg_histogram_acc {
    int8_t schema;
    double zero_count, count, sum;
    struct side *sides[2]; /* positive, negative; NULL until used */
};

struct sg_histogram_acc *sg_histogram_acc_new(void)
{
    struct sg_histogram_acc *a = sg_calloc(1, sizeof(*a));
    a->schema = START_SCHEMA;
    return a;
}

void sg_histogram_acc_free(struct sg_histogram_acc *a)
{
    if (!a)
        return;
    sg_free(a->sides[0]);
    sg_free(a->sides[1]);
    sg_free(a);
}

static int32_t halve(int32_t index)
{
    return ((index - 1) >> 1) + 1;
}

static void halve_side(struct side *s)
{
    if (!s || s->n == 0)
        return;
    int32_t low = halve(s->low), high = halve(s->low + (int32_t)s->n - 1);
    double counts[SG_HISTOGRAM_ACC_BUCKETS] = {0};
    for (uint32_t i = 0; i < s->n; i++)
        counts[halve(s->low + (int32_t)i) - low] += s->counts[i];
    memcpy(s->counts, counts, sizeof(counts));
    s->low = low;
    s->n = (uint32_t)(high - low + 1);
}

/* Widens the window to hold index. False when it would not fit. */
static bool cover(struct side *s, int32_t index)
{
    if (s->n == 0) {
        s->low = index;
        s->n = 1;
        return true;
    }
    int32_t high = s->low + (int32_t)s->n - 1;
    if (index >= s->low && index <= high)
        return true;
    int32_t new_low = index < s->low ? index : s->low, new_high = index > high ? index : high;
    if (new_high - new_low >= SG_HISTOGRAM_ACC_BUCKETS)
        return false;
    uint32_t shift = (uint32_t)(s->low - new_low);
    if (shift) {
        memmove(s->counts + shift, s->counts, s->n * sizeof(double));
        memset(s->counts, 0, shift * sizeof(double));
    }
    s->low = new_low;
    s->n = (uint32_t)(new_high - new_low + 1);
    return true;
}

void sg_histogram_acc_observe(struct sg_histogram_acc *a, double v, double weight)
{
    a->count += weight;
    a->sum += v * weight;
    if (isnan(v))
        return;
    double magnitude = fabs(v);
    if (magnitude <= ZERO_THRESHOLD) {
        a->zero_count += weight;
        return;
    }
    struct side **s = &a->sides[v < 0];
    if (!*s)
        *s = sg_calloc(1, sizeof(**s));
    int32_t index = sg_histogram_index(a->schema, magnitude);
    while (!cover(*s, index)) {
        SG_ASSERT(a->schema > SG_HISTOGRAM_SCHEMA_MIN);
        a->schema--;
        halve_side(a->sides[0]);
        halve_side(a->sides[1]);
        index = halve(index);
    }
    (*s)->counts[index - (*s)->low] += weight;
}

static uint32_t populated(const struct side *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; s && i < s->n; i++)
        n += s->counts[i] != 0;
    return n;
}

static struct sg_bucket *put_side(struct sg_bucket *dst, const struct side *s)
{
    for (uint32_t i = 0; s && i < s->n; i++) {
        if (s->counts[i] != 0)
            *dst++ = (struct sg_bucket){s->low + (int32_t)i, s->counts[i]};
    }
    return dst;
}

struct sg_histogram *sg_histogram_acc_snapshot(const struct sg_histogram_acc *a)
{
    struct sg_histogram *h = sg_histogram_new(populated(a->sides[0]), populated(a->sides[1]), 0);
    SG_ASSERT(h); /* a few KB at most */
    h->schema = a->schema;
    h->zero_threshold = ZERO_THRESHOLD;
    h->zero_count = a->zero_count;
    h->count = a->count;
    h->sum = a->sum;
    put_side(put_side(h->buckets, a->sides[0]), a->sides[1]);
    return h;
}
