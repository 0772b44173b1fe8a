/* series.h - one series: its slot, the open block of decoded samples, the chain of sealed chunks.
 *
 * A reader loads `open` once and has everything: the block's samples up to its published count, and
 * through `older` the chunks before it, newest first. The writer only ever (1) appends behind the
 * published count, (2) publishes a new block or chunk in place of an old one, which it retires. So
 * a reader sees all samples of some moment, in time order.
 *
 *   slot.open -> block{n, older, samples} -> chunk{older} -> chunk{older} -> NULL
 *
 * Sealing moves the oldest samples of a full block to a chunk and keeps the newest ones decoded:
 * what is asked for now is found without decoding. Objects (histograms, distinct counts) are
 * referenced once by whichever block or chunk holds them.
 */
#ifndef SERIES_SERIES_H
#define SERIES_SERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/batch.h>
#include <streamgauge/store.h>
#include <streamgauge/value.h>

#include "codec.h"
#include "epoch.h"

enum {
    SG__BLOCK_MIN = 4,    /* samples of a new block */
    SG__BLOCK_MAX = 192,  /* a full block of that size is sealed … */
    SG__BLOCK_KEEP = 32,  /* … but for its newest samples */
    SG__CHUNK_SPLIT = 320 /* a chunk that grows past this by late samples becomes two */
};

struct sg__point {
    int64_t time_ms;
    double v;
};

struct sg__chunk;

/* Decoded samples; behind `cap` points follow `cap` object pointers when kind is not float. */
struct sg__block {
    _Atomic uint32_t n;
    uint16_t cap;
    uint8_t kind;
    _Atomic(struct sg__chunk *) older;
    struct sg__point points[];
};

/* Sealed samples. Float: codec bytes and padding. Objects: n points, then n object pointers. */
struct sg__chunk {
    _Atomic(struct sg__chunk *) older;
    int64_t first_ms, last_ms;
    uint32_t n;
    uint32_t size; /* bytes of data */
    uint8_t kind;
    _Alignas(8) uint8_t data[];
};

enum sg__state {
    SG__FREE,    /* no series; readers never come here */
    SG__LIVE,    /* in the index */
    SG__RESTING, /* expired, out of the index; id and labels kept for a while */
};

enum sg__flag {
    SG__MARKED = 1,     /* the newest sample is a staleness marker of ours */
    SG__QUIET = 2,      /* it is known to be silent: nothing to mark until the next point */
    SG__LISTED_DUE = 4, /* it is in the list of those that may expire */
};

#define SG__KIND_NONE 0xff /* no sample yet */

struct sg__accum;

/* One cache line. Written by the engine; readers load state and open, and labels of live series. */
struct sg__slot {
    const struct sg_labels *labels;
    _Atomic(struct sg__block *) open; /* NULL: no samples */
    int64_t last_ms;                  /* of the newest sample, when there is one */
    int64_t arrival_ms;               /* engine's time of the last point */
    int64_t cut_ms;           /* newest time of the oldest chunk; INT64_MAX without chunks */
    struct sg_source *source; /* NULL: nobody promises anything */
    struct sg__accum *accum;  /* NULL: plain samples only */
    uint32_t id;
    _Atomic uint8_t state; /* enum sg__state */
    uint8_t kind;          /* enum sg_value_kind or SG__KIND_NONE */
    uint8_t flags;         /* enum sg__flag */
};
_Static_assert(sizeof(struct sg__slot) == 64, "a slot is one cache line");

enum sg__put {
    SG__PUT_STORED,
    SG__PUT_INSTEAD, /* of the newest, which had the same time */
    SG__PUT_LATE,    /* stored in front of newer ones */
    SG__PUT_SAME,    /* it is there already */
    SG__PUT_CONFLICT,
    SG__PUT_OLD,
};

/* What the functions on a series need of their store. */
struct sg__keeper {
    struct sg__epoch epoch;
    struct sg_store_stats *stats;
    struct sg__codec *codec;
    int64_t *times; /* SG__CODEC_MAX each, for rewriting chunks */
    double *values;
    int64_t out_of_order_ms; /* INT64_MAX: any */
};

static inline const void **sg__block_objects(struct sg__block *b)
{
    return (const void **)(void *)(b->points + b->cap);
}

static inline uint64_t sg__block_size(uint32_t cap, uint8_t kind)
{
    return sizeof(struct sg__block) +
           cap * (sizeof(struct sg__point) + (kind == SG_KIND_FLOAT ? 0 : sizeof(void *)));
}

static inline void sg__stat_add(atomic_ullong *counter, uint64_t n)
{
    /* One writer: no need of a locked instruction. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
static inline void sg__stat_sub(atomic_ullong *counter, uint64_t n)
{
    sg__stat_add(counter, 0 - n);
}

/* Appends the newest sample; time_ms > last_ms or the series is empty. Takes the reference of obj.
 * Amortised O(1). */
void sg__series_append_slow(struct sg__keeper *k, struct sg__slot *s, struct sg_sample sample);
/* Any sample: newest, late, or there already. Takes the reference of sample.obj when it is stored,
 * else not. */
enum sg__put sg__series_put(struct sg__keeper *k, struct sg__slot *s, struct sg_sample sample);
/* Drops chunks whose samples are all older than before_ms. Returns the time of the newest sample
 * dropped; INT64_MIN: none. O(chunks). */
int64_t sg__series_cut(struct sg__keeper *k, struct sg__slot *s, int64_t before_ms);
/* A value as any thread may read it: the newest one may just be replaced. */
static inline double sg__point_value(const struct sg__point *p)
{
    double v;
    __atomic_load(&p->v, &v, __ATOMIC_RELAXED);
    return v;
}

/* Drops all samples. */
void sg__series_clear(struct sg__keeper *k, struct sg__slot *s);
/* Removes the newest sample, a marker of ours. */
void sg__series_unmark(struct sg__keeper *k, struct sg__slot *s);
/* Gives the newest sample, a number, another value. */
void sg__series_replace(struct sg__slot *s, double v);
/* The newest sample, if it has any. */
bool sg__series_newest(const struct sg__slot *s, struct sg_sample *ret);

/* Any thread within an epoch. As the querier's read and last. */
void sg__series_read(const struct sg__slot *s, int64_t after_ms, int64_t until_ms,
                     struct sg_samples *ret);
bool sg__series_last(const struct sg__slot *s, int64_t after_ms, int64_t until_ms,
                     struct sg_sample *ret);

/* Object samples, whatever they are. */
void sg__object_unref(uint8_t kind, const void *obj);
size_t sg__object_size(uint8_t kind, const void *obj);
bool sg__object_eq(uint8_t kind, const void *a, const void *b);

/* The hot path: 0 branches that miss when the sample is the newest and there is room. Floats of a
 * live series only. */
static inline bool sg__series_append_fast(struct sg__slot *s, int64_t time_ms, double v)
{
    struct sg__block *b = atomic_load_explicit(&s->open, memory_order_relaxed);
    if (SG_UNLIKELY(!b || s->kind != SG_KIND_FLOAT || time_ms <= s->last_ms))
        return false;
    uint32_t n = atomic_load_explicit(&b->n, memory_order_relaxed);
    if (SG_UNLIKELY(n == b->cap))
        return false;
    b->points[n] = (struct sg__point){time_ms, v};
    atomic_store_explicit(&b->n, n + 1, memory_order_release);
    s->last_ms = time_ms;
    return true;
}

#endif
