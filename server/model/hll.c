/* hll.c - HyperLogLog with 4096 registers, sparse while small.
 *
 * A sparse entry is index << 8 | rank, sorted, one per register. Ranks come from the 52 hash bits
 * below the index, so they are 1 to 53. The estimator is Ertl's improved raw one (arXiv 1702.01284,
 * algorithm 6): unbiased from 0 to 2^64 without tables. */
#include <math.h>
#include <string.h>

#include <streamgauge/hll.h>
#include <streamgauge/mem.h>

enum {
    RANK_BITS = 64 - SG_HLL_PRECISION, /* 52 */
    RANK_MAX = RANK_BITS + 1,
    SPARSE_MAX = 512, /* entries; 2 KB, half of the dense form */
    SPARSE_MIN = 4,
};

struct sg_hll {
    uint32_t n, cap;  /* sparse entries; cap 0: dense */
    uint32_t *sparse; /* NULL when dense */
    uint8_t *dense;   /* NULL while sparse */
};

struct sg_hll *sg_hll_new(void)
{
    return sg_calloc(1, sizeof(struct sg_hll));
}

void sg_hll_free(const struct sg_hll *h)
{
    if (!h)
        return;
    sg_free(h->sparse);
    sg_free(h->dense);
    sg_free((void *)(uintptr_t)h);
}

size_t sg_hll_size(const struct sg_hll *h)
{
    return sizeof(*h) + h->cap * sizeof(*h->sparse) + (h->dense ? SG_HLL_REGISTERS : 0);
}

static void make_dense(struct sg_hll *h)
{
    h->dense = sg_calloc(SG_HLL_REGISTERS, 1);
    for (uint32_t i = 0; i < h->n; i++)
        h->dense[h->sparse[i] >> 8] = (uint8_t)h->sparse[i];
    sg_free(h->sparse);
    h->sparse = NULL;
    h->n = h->cap = 0;
}

/* First sparse entry of that register or a later one. */
static uint32_t sparse_find(const struct sg_hll *h, uint32_t index)
{
    uint32_t lo = 0, hi = h->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (h->sparse[mid] >> 8 < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void sparse_raise(struct sg_hll *h, uint32_t index, uint8_t rank)
{
    uint32_t at = sparse_find(h, index);
    if (at < h->n && h->sparse[at] >> 8 == index) {
        if ((uint8_t)h->sparse[at] < rank)
            h->sparse[at] = index << 8 | rank;
        return;
    }
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : SPARSE_MIN;
        h->sparse = sg_realloc(h->sparse, h->cap * sizeof(*h->sparse));
    }
    memmove(h->sparse + at + 1, h->sparse + at, (h->n - at) * sizeof(*h->sparse));
    h->sparse[at] = index << 8 | rank;
    h->n++;
}

static void raise_register(struct sg_hll *h, uint32_t index, uint8_t rank)
{
    if (!h->dense && h->n == SPARSE_MAX)
        make_dense(h);
    if (!h->dense)
        sparse_raise(h, index, rank);
    else if (h->dense[index] < rank)
        h->dense[index] = rank;
}

void sg_hll_add(struct sg_hll *h, uint64_t hash)
{
    uint64_t rest = hash << SG_HLL_PRECISION; /* the top bits choose the register */
    uint8_t rank = rest ? (uint8_t)(__builtin_clzll(rest) + 1) : RANK_MAX;
    raise_register(h, (uint32_t)(hash >> RANK_BITS), rank);
}

void sg_hll_merge(struct sg_hll *into, const struct sg_hll *from)
{
    for (uint32_t i = 0; i < from->n; i++)
        raise_register(into, from->sparse[i] >> 8, (uint8_t)from->sparse[i]);
    if (!from->dense)
        return;
    if (!into->dense)
        make_dense(into);
    for (uint32_t i = 0; i < SG_HLL_REGISTERS; i++) {
        if (into->dense[i] < from->dense[i])
            into->dense[i] = from->dense[i];
    }
}

/* x + sum of x^(2^k) * 2^(k-1), k >= 1 (Ertl, equation 13). */
static double sigma(double x)
{
    if (x >= 1)
        return INFINITY;
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z > before);
    return z;
}

/* (1 - x - sum of (1 - x^(2^-k))^2 * 2^-k) / 3 (Ertl, equation 15). */
static double tau(double x)
{
    if (x <= 0 || x >= 1)
        return 0;
    double y = 1, z = 1 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z < before);
    return z / 3;
}

double sg_hll_estimate(const struct sg_hll *h)
{
    const double m = SG_HLL_REGISTERS;
    uint32_t count[RANK_MAX + 1] = {0};
    if (h->dense) {
        for (uint32_t i = 0; i < SG_HLL_REGISTERS; i++)
            count[h->dense[i]]++;
    } else {
        count[0] = SG_HLL_REGISTERS - h->n;
        for (uint32_t i = 0; i < h->n; i++)
            count[(uint8_t)h->sparse[i]]++;
    }
    double z = m * tau(1 - count[RANK_MAX] / m);
    for (int k = RANK_BITS; k >= 1; k--)
        z = 0.5 * (z + count[k]);
    z += m * sigma(count[0] / m);
    return round(m * m / (2 * M_LN2 * z)); /* nobody has 3.001 visitors */
}
