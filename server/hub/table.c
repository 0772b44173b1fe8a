/* table.c - chained hash table of intrusive links. */
#include <streamgauge/compiler.h>
#include <streamgauge/mem.h>

#include "hub/table.h"

void sg__table_deinit(struct sg__table *t)
{
    sg_free(t->buckets);
    *t = (struct sg__table){0};
}

static void grow(struct sg__table *t)
{
    size_t size = t->buckets ? (t->mask + 1) * 2 : 16;
    struct sg__link **buckets = sg_calloc(size, sizeof(*buckets));
    for (size_t i = 0; t->buckets && i <= t->mask; i++) {
        for (struct sg__link *l = t->buckets[i], *next; l; l = next) {
            next = l->next;
            l->next = buckets[l->hash & (size - 1)];
            buckets[l->hash & (size - 1)] = l;
        }
    }
    sg_free(t->buckets);
    t->buckets = buckets;
    t->mask = size - 1;
}

void sg__table_add(struct sg__table *t, struct sg__link *link, uint64_t hash)
{
    if (!t->buckets || t->n > t->mask)
        grow(t);
    link->hash = hash;
    link->next = t->buckets[hash & t->mask];
    t->buckets[hash & t->mask] = link;
    t->n++;
}

void sg__table_remove(struct sg__table *t, struct sg__link *link)
{
    struct sg__link **at = &t->buckets[link->hash & t->mask];
    while (*at != link) {
        SG_ASSERT(*at);
        at = &(*at)->next;
    }
    *at = link->next;
    t->n--;
}

struct sg__link *sg__table_next(const struct sg__link *link)
{
    struct sg__link *l = link->next;
    while (l && l->hash != link->hash)
        l = l->next;
    return l;
}

struct sg__link *sg__table_first(const struct sg__table *t, uint64_t hash)
{
    if (!t->buckets)
        return NULL;
    struct sg__link *l = t->buckets[hash & t->mask];
    while (l && l->hash != hash)
        l = l->next;
    return l;
}

struct sg__link *sg__table_any(const struct sg__table *t)
{
    for (size_t i = 0; t->n && i <= t->mask; i++)
        if (t->buckets[i])
            return t->buckets[i];
    return NULL;
}
