/* read.c - the readers' half of a series; any thread within an epoch. */
#include <streamgauge/mem.h>

#include "chunk.h"

/* Chunks of one read that need no allocation; an hour at one sample a second is 23. */
enum { NEAR_CHUNKS = 64 };

/* The chunks a read needs, newest first: taken down once, since the chain may change between two
 * walks. */
struct chain {
    const struct sg__chunk **chunks;
    size_t n, cap, samples;
    const struct sg__chunk *near[NEAR_CHUNKS];
};

static void chain_collect(struct chain *chain, const struct sg__block *b, int64_t after_ms,
                          int64_t until_ms)
{
    chain->chunks = chain->near;
    chain->n = chain->samples = 0;
    chain->cap = NEAR_CHUNKS;
    const struct sg__chunk *c = atomic_load_explicit(&b->older, memory_order_acquire);
    for (; c && c->last_ms > after_ms; c = atomic_load_explicit(&c->older, memory_order_acquire)) {
        if (c->first_ms > until_ms)
            continue;
        if (chain->n == chain->cap) {
            chain->cap *= 2;
            const struct sg__chunk **more = sg_alloc(chain->cap * sizeof(const struct sg__chunk *));
            memcpy(more, chain->chunks, chain->n * sizeof(const struct sg__chunk *));
            if (chain->chunks != chain->near)
                sg_free(chain->chunks);
            chain->chunks = more;
        }
        chain->chunks[chain->n++] = c;
        chain->samples += c->n;
    }
}

/* First index whose time is > t. */
static size_t after(const int64_t *times, size_t n, int64_t t)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (times[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static uint32_t points_after(const struct sg__point *p, uint32_t n, int64_t t)
{
    uint32_t lo = 0, hi = n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (p[mid].time_ms <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Drops what the first and the last chunk hold outside the range. */
static void trim(struct sg_samples *s, int64_t after_ms, int64_t until_ms)
{
    size_t from = after(s->time_ms, s->n, after_ms), to = after(s->time_ms, s->n, until_ms);
    if (from && to > from) {
        memmove(s->time_ms, s->time_ms + from, (to - from) * sizeof(*s->time_ms));
        memmove(s->v, s->v + from, (to - from) * sizeof(*s->v));
        if (s->obj)
            memmove(s->obj, s->obj + from, (to - from) * sizeof(*s->obj));
    }
    s->n = to > from ? to - from : 0;
}

static void read_chunks(const struct chain *chain, struct sg_samples *ret)
{
    for (size_t i = chain->n; i > 0; i--) {
        const struct sg__chunk *c = chain->chunks[i - 1];
        sg__chunk_unpack(c, (struct sg__column){ret->time_ms + ret->n, ret->v + ret->n,
                                                ret->obj ? ret->obj + ret->n : NULL, c->n});
        ret->n += c->n;
    }
}

void sg__series_read(const struct sg__slot *s, int64_t after_ms, int64_t until_ms,
                     struct sg_samples *ret)
{
    sg_samples_reset(ret);
    struct sg__block *b = atomic_load_explicit(&s->open, memory_order_acquire);
    if (!b || after_ms >= until_ms)
        return;
    uint32_t n = atomic_load_explicit(&b->n, memory_order_acquire);
    uint32_t from = points_after(b->points, n, after_ms);
    uint32_t to = points_after(b->points, n, until_ms);
    struct chain chain = {.chunks = NULL};
    if (from == 0)
        chain_collect(&chain, b, after_ms, until_ms);
    sg_samples_reserve(ret, chain.samples + (to - from));
    if (b->kind != SG_KIND_FLOAT)
        sg_samples_want_objects(ret, (enum sg_value_kind)b->kind);
    if (chain.n) {
        read_chunks(&chain, ret);
        trim(ret, after_ms, until_ms);
        if (chain.chunks != chain.near)
            sg_free(chain.chunks);
    }
    for (uint32_t i = from; i < to; i++) {
        ret->time_ms[ret->n] = b->points[i].time_ms;
        ret->v[ret->n] = sg__point_value(&b->points[i]);
        if (ret->obj)
            ret->obj[ret->n] = sg__block_objects(b)[i];
        ret->n++;
    }
}

static bool last_sealed(const struct sg__block *b, int64_t after_ms, int64_t until_ms,
                        struct sg_sample *ret)
{
    const struct sg__chunk *c = atomic_load_explicit(&b->older, memory_order_acquire);
    while (c && c->first_ms > until_ms)
        c = atomic_load_explicit(&c->older, memory_order_acquire);
    if (!c || c->last_ms <= after_ms)
        return false;
    int64_t times[SG__CODEC_MAX];
    double values[SG__CODEC_MAX];
    const void *objects[SG__CODEC_MAX];
    struct sg__column col = {times, values, c->kind == SG_KIND_FLOAT ? NULL : objects, c->n};
    sg__chunk_unpack(c, col);
    size_t i = after(times, c->n, until_ms);
    if (i == 0 || times[i - 1] <= after_ms)
        return false;
    *ret = (struct sg_sample){times[i - 1], values[i - 1], col.obj ? objects[i - 1] : NULL};
    return true;
}

bool sg__series_last(const struct sg__slot *s, int64_t after_ms, int64_t until_ms,
                     struct sg_sample *ret)
{
    struct sg__block *b = atomic_load_explicit(&s->open, memory_order_acquire);
    if (!b || after_ms >= until_ms)
        return false;
    uint32_t n = atomic_load_explicit(&b->n, memory_order_acquire);
    uint32_t i = n;
    if (i > 0 && b->points[i - 1].time_ms > until_ms)
        i = points_after(b->points, n, until_ms);
    if (i == 0)
        return last_sealed(b, after_ms, until_ms, ret);
    if (b->points[i - 1].time_ms <= after_ms)
        return false;
    *ret = (struct sg_sample){b->points[i - 1].time_ms, sg__point_value(&b->points[i - 1]),
                              b->kind == SG_KIND_FLOAT ? NULL : sg__block_objects(b)[i - 1]};
    return true;
}
