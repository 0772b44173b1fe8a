/* queue.h - what waits for one target: lanes by order key, each one row at a time. Pure.
 *
 * A lane is a FIFO of the rows of one order key (of one browser, for pushes). The lanes that are
 * not in flight wait in a heap by the time their first row is due. A target is paused as a whole
 * when it asked for it (Retry-After), or after several failures in a row, so that a dead one costs
 * a probe now and then instead of an attempt per row; when it answers again, what waited for its
 * sake is due at once.
 *
 * Browsers have nothing to do with each other, but those of one push service share it: a service
 * has at most a quarter of the target's concurrency, one attempt at a time while it fails, so one
 * that hangs leaves room for the others. Its lanes beyond that are parked. Times are monotonic ms
 * unless they say wall. */
#ifndef SG_NOTIFY_QUEUE_H
#define SG_NOTIFY_QUEUE_H

#include "notify/map.h"

#include "notify/receivers.h"
#include "notify/retry.h"

struct sg__lane;
struct sg__service;

struct sg__item {
    struct sg__item *next;
    struct sg__lane *lane;
    struct sg_outbox_row *row; /* owned */
    int64_t due_ms, born_ms;   /* born: when the row was created, by its age on arrival */
    unsigned shrink;
};

struct sg__queue {
    UT_hash_handle hh;
    struct sg_str name;              /* of the target; owned */
    const struct sg__target *target; /* NULL: the configuration has it no more */
    struct sg__lane *lanes;          /* uthash by key */
    struct sg__service *services;    /* uthash by name; of browsers, while a lane is for one */
    struct sg__lane **heap;          /* min by due */
    size_t n_heap, cap_heap;
    uint64_t waiting, in_flight; /* rows; waiting without those in flight */
    struct sg__bucket bucket;
    int64_t paused_until_ms;
    uint32_t failures;                    /* in a row */
    bool dead_told;                       /* a dead letter was told, no success since */
    uint64_t sent, failed, dead, dropped; /* dropped: subscriptions of browsers */
    int64_t last_ok_wall_ms, last_failure_wall_ms;
    char last_error[256];
};

struct sg__queue *sg__queue_new(struct sg_str name);
void sg__queue_free(struct sg__queue *q); /* with its rows; accepts NULL */
/* Sets target and pace. */
void sg__queue_aim(struct sg__queue *q, const struct sg__target *target, int64_t mono_ms);
/* Takes the row. */
void sg__queue_push_take(struct sg__queue *q, struct sg_outbox_row *row, int64_t wall_ms,
                         int64_t mono_ms);
/* The next row that may go now; it is in flight from then on. NULL: none, and *ret_wait_ms (-1:
 * until something changes) says when to ask again. */
struct sg__item *sg__queue_next(struct sg__queue *q, int64_t mono_ms, int64_t *ret_wait_ms);
/* How an attempt ended, before _done or _again: was its push service there? Others: no effect. */
void sg__queue_answered(struct sg__queue *q, struct sg__item *item, bool answered);
/* The row in flight is through: frees it; its lane goes on. */
void sg__queue_done(struct sg__queue *q, struct sg__item *item);
/* It waits again until due_ms. */
void sg__queue_again(struct sg__queue *q, struct sg__item *item, int64_t due_ms);
/* Takes any waiting row out, to be given up; free it with sg__queue_done. NULL: only those in
 * flight are left. */
struct sg__item *sg__queue_any(struct sg__queue *q);
/* After an attempt. pause_ms: the target asked for it; 0: none. */
void sg__queue_failed(struct sg__queue *q, int64_t mono_ms, int64_t pause_ms, struct sg_prng *g);
void sg__queue_succeeded(struct sg__queue *q, int64_t mono_ms);
/* Creation of the oldest row, wall clock; 0: none. O(lanes). */
int64_t sg__queue_oldest(const struct sg__queue *q);
/* When the next attempt is due at the earliest; -1: none waits. */
int64_t sg__queue_due(const struct sg__queue *q);

#endif
