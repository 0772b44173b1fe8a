/* hashtab.h - a chained hash table of intrusive links: the owner embeds the link, compares itself,
 * and frees itself.
 *
 *     struct sg_hashtab t = {0};
 *     sg_hashtab_add(&t, &x->link, hash);
 *     for (struct sg_hashlink *l = sg_hashtab_first(&t, hash); l; l = sg_hashtab_next(l))
 *         struct x *x = SG_CONTAINER_OF(l, struct x, link);   // same hash: compare
 *
 * Buckets go by the low bits, so a hash must be spread well there. One thread at a time. Adding,
 * finding and removing are O(1).
 */
#ifndef STREAMGAUGE_HASHTAB_H
#define STREAMGAUGE_HASHTAB_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>

struct sg_hashlink {
    struct sg_hashlink *next; /* of its bucket */
    uint64_t hash;
};

struct sg_hashtab {
    struct sg_hashlink **buckets; /* mask + 1 of them; NULL until the first is added */
    size_t n, mask;
};

/* The links are the owner's. */
SG_API void sg_hashtab_deinit(struct sg_hashtab *t);
SG_API void sg_hashtab_add(struct sg_hashtab *t, struct sg_hashlink *link, uint64_t hash);
/* The link must be in the table. */
SG_API void sg_hashtab_remove(struct sg_hashtab *t, struct sg_hashlink *link);
/* First and further links with that hash, the newest first; NULL at the end. */
SG_API struct sg_hashlink *sg_hashtab_first(const struct sg_hashtab *t, uint64_t hash);
SG_API struct sg_hashlink *sg_hashtab_next(const struct sg_hashlink *link);
/* Any link that is in the table, NULL when it is empty; for emptying it. O(buckets). */
SG_API struct sg_hashlink *sg_hashtab_any(const struct sg_hashtab *t);

#endif
