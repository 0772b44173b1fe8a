/* hashtab.c - chained hash table of intrusive links. */
#include <streamgauge/hashtab.h>
#include <streamgauge/mem.h>

void sg_hashtab_deinit(struct sg_hashtab *t)
{
    sg_free(t->buckets);
    *t = (struct sg_hashtab){0};
}

static void grow(struct sg_hashtab *t)
{
    size_t size = t->buckets ? (t->mask + 1) * 2 : 16;
    struct sg_hashlink **buckets = sg_calloc(size, sizeof(*buckets));
    for (size_t i = 0; t->buckets && i <= t->mask; i++) {
        for (struct sg_hashlink *l = t->buckets[i], *next; l; l = next) {
            next = l->next;
            l->next = buckets[l->hash & (size - 1)];
            buckets[l->hash & (size - 1)] = l;
        }
    }
    sg_free(t->buckets);
    t->buckets = buckets;
    t->mask = size - 1;
}

void sg_hashtab_add(struct sg_hashtab *t, struct sg_hashlink *link, uint64_t hash)
{
    if (!t->buckets || t->n > t->mask)
        grow(t);
    link->hash = hash;
    link->next = t->buckets[hash & t->mask];
    t->buckets[hash & t->mask] = link;
    t->n++;
}

void sg_hashtab_remove(struct sg_hashtab *t, struct sg_hashlink *link)
{
    struct sg_hashlink **at = &t->buckets[link->hash & t->mask];
    while (*at != link) {
        SG_ASSERT(*at);
        at = &(*at)->next;
    }
    *at = link->next;
    t->n--;
}

struct sg_hashlink *sg_hashtab_next(const struct sg_hashlink *link)
{
    struct sg_hashlink *l = link->next;
    while (l && l->hash != link->hash)
        l = l->next;
    return l;
}

struct sg_hashlink *sg_hashtab_first(const struct sg_hashtab *t, uint64_t hash)
{
    if (!t->buckets)
        return NULL;
    struct sg_hashlink *l = t->buckets[hash & t->mask];
    while (l && l->hash != hash)
        l = l->next;
    return l;
}

struct sg_hashlink *sg_hashtab_any(const struct sg_hashtab *t)
{
    for (size_t i = 0; t->n && i <= t->mask; i++)
        if (t->buckets[i])
            return t->buckets[i];
    return NULL;
}
