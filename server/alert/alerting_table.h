/* alerting_table.h - the hash table and the timer heap of the alerting core; both intrusive, so
 * that neither allocates per element. */
#ifndef SG_ALERT_ALERTING_TABLE_H
#define SG_ALERT_ALERTING_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sg__hnode {
    struct sg__hnode *next;
    uint64_t hash;
};

struct sg__htab {
    struct sg__hnode **slots; /* a power of two of them; NULL while empty */
    size_t n_slots, count;
};

void sg__htab_deinit(struct sg__htab *t); /* the elements are the owner's */
void sg__htab_add(struct sg__htab *t, struct sg__hnode *node, uint64_t hash);
void sg__htab_remove(struct sg__htab *t, struct sg__hnode *node);
/* First and further nodes with that hash; NULL at the end. */
struct sg__hnode *sg__htab_first(const struct sg__htab *t, uint64_t hash);
struct sg__hnode *sg__htab_next(const struct sg__hnode *node);

struct sg__timer {
    int64_t due_ms; /* monotonic */
    uint32_t pos;   /* place in the heap + 1; 0: not set */
    uint8_t kind;   /* the owner's */
};

struct sg__timers {
    struct sg__timer **heap;
    size_t n, cap;
};

void sg__timers_deinit(struct sg__timers *t);
/* Sets, or moves. O(log n). */
void sg__timers_set(struct sg__timers *t, struct sg__timer *timer, int64_t due_ms);
void sg__timers_clear(struct sg__timers *t, struct sg__timer *timer); /* also one that is not set */
/* Takes out the earliest that is due; NULL: none is. */
struct sg__timer *sg__timers_pop(struct sg__timers *t, int64_t mono_ms);

#endif
