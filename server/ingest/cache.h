/* cache.h - from the hash of a series' raw bytes to its id, or to the cell the engine will write
 * the id into.
 *
 * Open addressing, linear probing, 32 bytes per entry. Two generations bound it without bookkeeping
 * on the hit path: when the young table is full it becomes the old one, and what is still used is
 * moved over on its next hit.
 */
#ifndef SG_INGEST_CACHE_H
#define SG_INGEST_CACHE_H

#include <stdint.h>
#include <streamgauge/batch.h>
#include <streamgauge/hash.h>

struct sg__entry {
    struct sg_hash128 key;       /* {0, 0}: free */
    struct sg_series_cell *cell; /* one reference while the id is pending, else NULL */
    uint32_t id;    /* an id, SG_CELL_REJECTED, or SG_SERIES_NEW | index of its birth in `batch` */
    uint32_t batch; /* number of the batch that carried the last birth */
};
_Static_assert(sizeof(struct sg__entry) == 32, "two entries share a cache line");

struct sg__table {
    struct sg__entry *entries; /* NULL while empty */
    uint32_t mask, count;
};

struct sg__cache {
    struct sg__table young, old;
    uint32_t max_young;
};

void sg__cache_init(struct sg__cache *c, uint32_t max_series);
/* Forgets everything and gives its memory back. */
void sg__cache_clear(struct sg__cache *c);
/* Looks into the old generation and moves what it finds; NULL when it is not there. */
struct sg__entry *sg__cache_find_old(struct sg__cache *c, struct sg_hash128 key);
/* A new entry without cell; the key must not be there. Valid until the next call that changes the
 * cache. */
struct sg__entry *sg__cache_insert(struct sg__cache *c, struct sg_hash128 key);

/* Borrowed until the next change; NULL when unknown. The all-zero key is none (sg__key avoids it).
 */
static inline struct sg__entry *sg__cache_find(struct sg__cache *c, struct sg_hash128 key)
{
    uint32_t mask = c->young.mask;
    for (uint32_t i = (uint32_t)key.lo & mask;; i = (i + 1) & mask) {
        struct sg__entry *e = &c->young.entries[i];
        if (e->key.lo == key.lo && e->key.hi == key.hi)
            return e;
        if ((e->key.lo | e->key.hi) == 0)
            return c->old.count ? sg__cache_find_old(c, key) : NULL;
    }
}

/* Adds a salt (format, type, extra labels) to a hash. */
static inline struct sg_hash128 sg__key(struct sg_hash128 h, struct sg_hash128 salt)
{
    h.lo ^= salt.lo;
    h.hi ^= salt.hi;
    if ((h.lo | h.hi) == 0)
        h.lo = 1;
    return h;
}

/* One hash of two parts in order. */
static inline struct sg_hash128 sg__key_join(struct sg_hash128 a, struct sg_hash128 b)
{
    struct sg_hash128 h;
    h.lo = (a.lo ^ ((b.lo << 23) | (b.lo >> 41))) * UINT64_C(0x9e3779b97f4a7c15) + b.hi;
    h.hi = (a.hi ^ ((b.hi << 41) | (b.hi >> 23))) * UINT64_C(0xc2b2ae3d27d4eb4f) + b.lo;
    h.lo ^= h.lo >> 29;
    return h;
}

#endif
