/* table.h - a chained hash table of intrusive links: the owner embeds the link, compares itself,
 * and frees itself.
 *
 *     for (struct sg__link *l = sg__table_first(&t, hash); l; l = sg__table_next(l))
 *         struct x *x = SG_CONTAINER_OF(l, struct x, link);   // same hash: compare
 */
#ifndef SG_HUB_TABLE_H
#define SG_HUB_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct sg__link {
    struct sg__link *next;
    uint64_t hash;
};

struct sg__table {
    struct sg__link **buckets;
    size_t n, mask;
};

void sg__table_deinit(struct sg__table *t); /* the links are the owner's */
void sg__table_add(struct sg__table *t, struct sg__link *link, uint64_t hash);
void sg__table_remove(struct sg__table *t, struct sg__link *link);
struct sg__link *sg__table_first(const struct sg__table *t, uint64_t hash);
struct sg__link *sg__table_next(const struct sg__link *link);
/* Any link that is in the table, NULL when it is empty; for emptying it. */
struct sg__link *sg__table_any(const struct sg__table *t);

#endif
