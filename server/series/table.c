/* table.c - see table.h. */
#include "table.h"

#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

enum { PLACES_MIN = 4 };
/* What lies before the text. */
#define TERM_HEAD (sizeof(struct sg__term) + sizeof(struct sg__ids) + sizeof(uint32_t))

/* Stands where a term was removed, so that probing goes on. */
static struct sg__term removed;

uint32_t sg__term_hash(struct sg_str text)
{
    return (uint32_t)sg_hash64(text.p, text.n);
}

size_t sg__term_size(const struct sg__term *t)
{
    return TERM_HEAD + t->len;
}

struct sg__term *sg__term_new(struct sg_str text, uint32_t hash)
{
    struct sg__term *t = sg_alloc(TERM_HEAD + text.n);
    memset(t, 0, TERM_HEAD);
    t->hash = hash;
    t->len = (uint32_t)text.n;
    sg__term_one(t)->cap = 1;
    memcpy((char *)t + TERM_HEAD, text.p, text.n);
    return t;
}

struct sg__terms *sg__terms_new(uint32_t places)
{
    struct sg__terms *t = sg_calloc(1, sizeof(*t) + places * sizeof(t->place[0]));
    t->mask = places - 1;
    return t;
}

size_t sg__terms_size(const struct sg__terms *t)
{
    return sizeof(*t) + ((size_t)t->mask + 1) * sizeof(t->place[0]);
}

struct sg__term *sg__terms_at(const struct sg__terms *t, uint32_t i)
{
    struct sg__term *term = atomic_load_explicit(&t->place[i], memory_order_acquire);
    return term == &removed ? NULL : term;
}

struct sg__term *sg__terms_find(const struct sg__terms *t, struct sg_str text, uint32_t hash)
{
    for (uint32_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        struct sg__term *term = atomic_load_explicit(&t->place[i], memory_order_acquire);
        if (!term)
            return NULL;
        if (term != &removed && term->hash == hash && sg_str_eq(sg__term_text(term), text))
            return term;
    }
}

static void put(struct sg__terms *t, struct sg__term *term)
{
    uint32_t i = term->hash & t->mask;
    while (atomic_load_explicit(&t->place[i], memory_order_relaxed))
        i = (i + 1) & t->mask;
    atomic_store_explicit(&t->place[i], term, memory_order_release);
    t->used++;
    atomic_store_explicit(&t->live, t->used - t->gone, memory_order_relaxed);
}

/* A copy with room for another term at half load, without the removed ones. */
static struct sg__terms *copy(const struct sg__terms *t)
{
    uint32_t live = t->used - t->gone, places = PLACES_MIN;
    while (places < 2 * (live + 1))
        places *= 2;
    struct sg__terms *c = sg__terms_new(places);
    for (uint32_t i = 0; i <= t->mask; i++) {
        struct sg__term *term = sg__terms_at(t, i);
        if (term)
            put(c, term);
    }
    return c;
}

int64_t sg__terms_add(_Atomic(struct sg__terms *) *link, struct sg__term *term,
                      struct sg__epoch *epoch)
{
    struct sg__terms *t = atomic_load_explicit(link, memory_order_relaxed);
    int64_t growth = (int64_t)sg__term_size(term);
    if ((t->used + 1) * 4 > (t->mask + 1) * 3) { /* at most three quarters: a probe always ends */
        struct sg__terms *c = copy(t);
        growth += (int64_t)sg__terms_size(c) - (int64_t)sg__terms_size(t);
        put(c, term);
        atomic_store_explicit(link, c, memory_order_release);
        sg__epoch_retire(epoch, t, sg_free);
        return growth;
    }
    put(t, term);
    return growth;
}

void sg__terms_remove(struct sg__terms *t, struct sg__term *term, struct sg__epoch *epoch)
{
    uint32_t i = term->hash & t->mask;
    while (atomic_load_explicit(&t->place[i], memory_order_relaxed) != term)
        i = (i + 1) & t->mask;
    atomic_store_explicit(&t->place[i], &removed, memory_order_release);
    t->gone++;
    atomic_store_explicit(&t->live, t->used - t->gone, memory_order_relaxed);
    sg__epoch_retire(epoch, term, sg_free);
}
