/* cache.c - two generations of an open-addressing table. */
#include <streamgauge/mem.h>

#include "cache.h"

enum { MIN_CAP = 256 };

static void table_init(struct sg__table *t, uint32_t cap)
{
    t->entries = sg_calloc(cap, sizeof(*t->entries));
    t->mask = cap - 1;
    t->count = 0;
}

static void table_free(struct sg__table *t)
{
    for (uint32_t i = 0; t->entries && i <= t->mask; i++)
        sg_series_cell_unref(t->entries[i].cell);
    sg_free(t->entries);
    *t = (struct sg__table){0};
}

static struct sg__entry *table_slot(struct sg__table *t, struct sg_hash128 key)
{
    uint32_t i = (uint32_t)key.lo & t->mask;
    while (t->entries[i].key.lo | t->entries[i].key.hi) {
        if (t->entries[i].key.lo == key.lo && t->entries[i].key.hi == key.hi)
            break;
        i = (i + 1) & t->mask;
    }
    return &t->entries[i];
}

static void table_grow(struct sg__table *t)
{
    struct sg__table bigger;
    table_init(&bigger, (t->mask + 1) * 2);
    for (uint32_t i = 0; i <= t->mask; i++) {
        if (t->entries[i].key.lo | t->entries[i].key.hi)
            *table_slot(&bigger, t->entries[i].key) = t->entries[i];
    }
    bigger.count = t->count;
    sg_free(t->entries);
    *t = bigger;
}

void sg__cache_init(struct sg__cache *c, uint32_t max_series)
{
    *c = (struct sg__cache){.max_young = max_series / 2 ? max_series / 2 : 1};
    table_init(&c->young, MIN_CAP);
}

void sg__cache_clear(struct sg__cache *c)
{
    uint32_t max_young = c->max_young;
    table_free(&c->young);
    table_free(&c->old);
    *c = (struct sg__cache){.max_young = max_young};
    table_init(&c->young, MIN_CAP);
}

/* The young table is full: those of its entries that nobody asks for until it is full again are
 * forgotten. */
static void next_generation(struct sg__cache *c)
{
    uint32_t cap = c->young.mask + 1;
    table_free(&c->old);
    c->old = c->young;
    table_init(&c->young, cap);
}

struct sg__entry *sg__cache_insert(struct sg__cache *c, struct sg_hash128 key)
{
    if (c->young.count >= c->max_young)
        next_generation(c);
    if ((uint64_t)(c->young.count + 1) * 3 > (uint64_t)(c->young.mask + 1) * 2)
        table_grow(&c->young);
    struct sg__entry *e = table_slot(&c->young, key);
    SG_DCHECK((e->key.lo | e->key.hi) == 0);
    *e = (struct sg__entry){.key = key};
    c->young.count++;
    return e;
}

struct sg__entry *sg__cache_find_old(struct sg__cache *c, struct sg_hash128 key)
{
    struct sg__entry *e = table_slot(&c->old, key);
    if ((e->key.lo | e->key.hi) == 0)
        return NULL;
    /* The copy in the old table keeps its place in the probe chain but owns nothing any more. */
    struct sg__entry moved = *e;
    e->cell = NULL;
    struct sg__entry *young = sg__cache_insert(c, key);
    *young = moved;
    return young;
}
