/* exemplars.c - the newest exemplars of all series together: a ring of immutable entries, in which
 * a new one takes the place of the oldest.
 *
 * Only the engine writes. Readers load entries within an epoch; what left the ring is freed after
 * the last of them. To know a series' newest exemplar, entries whose series hash alike are chained,
 * newest first; a link to a number that has left the ring ends the chain.
 */
#include <math.h>

#include <streamgauge/mem.h>

#include "impl.h"

/* Characters of all names and values, as OpenMetrics has it. */
#define MAX_CHARS 128

struct sg__exemplar {
    struct sg_exemplar e;
    uint64_t before; /* number of the next older one in the chain; 0: none */
};

static void free_entry(void *p)
{
    struct sg__exemplar *x = p;
    if (!x)
        return;
    sg_labels_unref(x->e.series);
    sg_labels_unref(x->e.labels);
    sg_free(x);
}

static _Atomic(struct sg__exemplar *) *place(struct sg__exemplars *r, uint64_t number)
{
    return &r->ring[number % r->cap];
}

static struct sg__exemplar *at(struct sg__exemplars *r, uint64_t number)
{
    if (number == 0 || number + r->cap < r->next)
        return NULL;
    return atomic_load_explicit(place(r, number), memory_order_relaxed);
}

static const struct sg__exemplar *newest_of(struct sg__exemplars *r, const struct sg_labels *series)
{
    struct sg__exemplar *x = at(r, r->bucket[series->hash & r->mask]);
    while (x && x->e.series != series)
        x = at(r, x->before);
    return x;
}

static size_t characters(const struct sg_labels *l)
{
    size_t n = 0;
    const char *p = sg_labels_bytes(l);
    for (uint32_t i = 0; i < l->bytes; i++)
        n += (p[i] & 0xc0) != 0x80; /* not in the midst of one */
    return n;
}

static void open_ring(struct sg_store *s)
{
    struct sg__exemplars *r = &s->exemplars;
    size_t buckets = 16;
    r->cap = s->opt.max_exemplars;
    r->next = 1;
    while (buckets < r->cap)
        buckets *= 2;
    r->mask = buckets - 1;
    r->bucket = sg_calloc(buckets, sizeof(*r->bucket));
    struct sg__ring_of_exemplars *ring = sg_calloc(1, sizeof(*ring) + r->cap * sizeof(ring->at[0]));
    ring->cap = r->cap;
    r->ring = ring->at;
    atomic_store_explicit(&s->exemplar_ring, ring, memory_order_release);
}

/* Whether it is one to keep; as upstream: of a series that is there, newer than its last one, and
 * no longer than the format allows. *ret_same: it is that one again. */
static bool wanted(struct sg_store *s, const struct sg_exemplar *e, const struct sg_labels *series,
                   bool *ret_same)
{
    const struct sg__exemplar *last = newest_of(&s->exemplars, series);
    *ret_same = last && last->e.time_ms == e->time_ms && sg_labels_eq(last->e.labels, e->labels) &&
                sg_double_bits(last->e.value) == sg_double_bits(e->value);
    return (!last || last->e.time_ms < e->time_ms) && characters(e->labels) <= MAX_CHARS;
}

void sg__store_keep_exemplar(struct sg_store *s, struct sg_exemplar *e)
{
    struct sg__exemplars *r = &s->exemplars;
    const struct sg_labels *series = sg__store_known(s, e->series);
    bool same = false;
    if (series && s->opt.max_exemplars && !r->ring)
        open_ring(s);
    if (!series || !r->ring || !wanted(s, e, series, &same)) {
        sg__stat_add(&s->stats.exemplars_dropped, !same);
        return;
    }
    uint64_t number = r->next++, *bucket = &r->bucket[series->hash & r->mask];
    struct sg__exemplar *x = sg_alloc(sizeof(*x));
    *x = (struct sg__exemplar){.e = *e, .before = *bucket};
    x->e.series = sg_labels_ref(series); /* the store's own set: one object per series */
    e->labels = NULL;                    /* taken */
    *bucket = number;
    struct sg__exemplar *old = atomic_exchange_explicit(place(r, number), x, memory_order_release);
    if (old)
        sg__epoch_retire(&s->keeper.epoch, old, free_entry);
    sg__stat_add(&s->stats.exemplars, 1);
}

void sg__store_free_exemplars(struct sg_store *s)
{
    for (size_t i = 0; s->exemplars.ring && i < s->exemplars.cap; i++)
        free_entry(atomic_load_explicit(&s->exemplars.ring[i], memory_order_relaxed));
    sg_free(atomic_load_explicit(&s->exemplar_ring, memory_order_relaxed));
    sg_free(s->exemplars.bucket);
}

void sg__store_exemplars_each(struct sg_store *s,
                              void (*each)(void *ctx, const struct sg_exemplar *e), void *ctx)
{
    struct sg__ring_of_exemplars *ring =
        atomic_load_explicit(&s->exemplar_ring, memory_order_acquire);
    for (size_t i = 0; ring && i < ring->cap; i++) {
        const struct sg__exemplar *x = atomic_load_explicit(&ring->at[i], memory_order_acquire);
        if (x)
            each(ctx, &x->e);
    }
}
