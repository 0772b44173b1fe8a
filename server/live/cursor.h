/* cursor.h - a window cursor: per slot of a selector the samples in (t - offset - range, t -
 * offset], as two ordinals into its ring and what most functions need of them, in dense arrays.
 *
 * Shared by all functions over the same range and offset of a selector. Moving on costs nothing for
 * a series no sample of which comes in or goes out. Extremes and sorted values are kept only while
 * somebody asks for them.
 */
#ifndef SG_LIVE_CURSOR_H
#define SG_LIVE_CURSOR_H

#include <math.h>

#include "live/feed.h"

/* A monotonic deque: what can still become the extreme, best first. */
struct sg__mono_entry {
    double t, v;
};
struct sg__mono {
    struct sg__mono_entry *entry; /* ring of cap, a power of two */
    uint32_t cap, at, n;
};
/* Values in order; NaN is only counted. */
struct sg__sorted {
    double *v;
    uint32_t n, cap;
};

/* A sum without a rounding error, whatever the order: quarters, as long as they are few enough. */
struct sg__exact {
    uint64_t sum;   /* of the values that are quarters, times 4; modulo 2^64 */
    uint64_t size;  /* of their absolute values, times 4 */
    uint32_t rough; /* values that are not */
};

/* What goes out of a long window next, read from the store some samples at a time. */
enum { SG__TRAIL = 128 };
#define SG__TRAIL_BYTES (SG__TRAIL * sizeof(struct sg__mono_entry))
struct sg__trail {
    struct sg__mono_entry *entry; /* SG__TRAIL, or NULL; [at, n) follow the window's first sample */
    uint32_t at, n;
    double before_t, before_v; /* the sample before the last, while there are two */
};

enum sg__extra { SG__MAX, SG__MIN, SG__SORTED, SG__CHANGES, SG__SUM, SG__DROPPED, SG__EXTRAS };

/* What one slot's window is: a cache line. Arrays of each field would all want the same few places
 * of the cache. */
struct sg__cell {
    double first_t, first_v; /* first_t is INFINITY while empty */
    double last_t, last_v;
    double next_t;    /* of the first sample behind the window; INFINITY: none */
    uint32_t lo, hi;  /* ordinals [lo, hi) are in */
    uint32_t drops;   /* neighbours of which the second is smaller */
    uint32_t changes; /* neighbours that differ, while somebody asks */
    uint32_t nans;    /* while somebody asks for order */
    uint32_t due;     /* a long window is to be read from the store */
};
_Static_assert(sizeof(struct sg__cell) == 64, "a cell is one cache line");

struct sg__cursor {
    struct sg__feed *selector;
    int64_t range_ms, offset_ms;
    uint32_t refs;
    int64_t until_ms; /* where it stands; INT64_MIN: nowhere */
    uint64_t session;
    bool is_long;    /* the ring holds only what has not come in yet */
    uint32_t behind; /* evaluations in a row that were asked for an earlier time */

    /* per slot; grow with the selector's */
    size_t cap;
    struct sg__cell *cell; /* at the beginning of a cache line, inside raw */
    void *raw;
    struct sg__mono *dropped; /* a queue of the values before drops, in order; as the next four */
    struct sg__mono *mono[2]; /* SG__MAX, SG__MIN; NULL: nobody asks */
    struct sg__sorted *sorted;
    struct sg__exact *exact;
    struct sg__trail *trail;     /* of a long window */
    uint32_t wanted[SG__EXTRAS]; /* leaves that ask */
};

struct sg__cursor *sg__cursor_get(struct sg__feed *s, int64_t range_ms, int64_t offset_ms);
void sg__cursor_unref(struct sg__cursor *w); /* the selector stays */
/* Asked for from now on; what is there is read anew. */
void sg__cursor_want(struct sg__cursor *w, enum sg__extra extra);
void sg__cursor_unwant(struct sg__cursor *w, enum sg__extra extra);
/* Sets out for an instant; *ret_move: all slots are to be moved, block by block, after their feed's
 * news. SG_EUNSUPPORTED: it stands later already. */
int sg__cursor_begin(struct sg__cursor *w, int64_t time_ms, bool *ret_move);
void sg__cursor_move(struct sg__cursor *w, struct sg_querier *q, size_t from, size_t n);

/* For the selector. */
/* Gives all memory of slots back; the cursor can only be freed then. */
void sg__cursor_release(struct sg__cursor *w);
void sg__cursor_grow(struct sg__cursor *w, size_t cap);
/* Empties a slot; what the ring holds from `first` on comes in at the next advance. */
void sg__cursor_reset(struct sg__cursor *w, size_t slot);
/* The store has dropped a slot's samples up to t. */
void sg__cursor_cut(struct sg__cursor *w, size_t slot, double t);
/* Samples up to this time are in it no more. */
static inline int64_t sg__cursor_starts_after(const struct sg__cursor *w)
{
    return w->until_ms == INT64_MIN ? INT64_MIN : w->until_ms - w->range_ms;
}
/* Samples up to this time it does not need in rings. */
static inline int64_t sg__cursor_needs_after(const struct sg__cursor *w)
{
    return w->is_long ? w->until_ms : sg__cursor_starts_after(w);
}
uint64_t sg__cursor_bytes(const struct sg__cursor *w);

/* states.c */
/* Returns the growth in bytes, as do the other two. */
size_t sg__mono_push(struct sg__mono *m, double t, double v, bool max);
void sg__mono_pop(struct sg__mono *m, double until_t);
/* As a plain queue: behind the last; the first goes. */
size_t sg__queue_push(struct sg__mono *m, double t, double v);
void sg__queue_pop(struct sg__mono *m);
/* Time of the last of the best values. */
double sg__mono_last(const struct sg__mono *m);
void sg__exact_add(struct sg__exact *x, double v);
void sg__exact_sub(struct sg__exact *x, double v);
/* The sum of n values, if it is what any order of adding gives. */
bool sg__exact_sum(const struct sg__exact *x, uint32_t n, double *ret);
size_t sg__sorted_insert(struct sg__sorted *s, double v);
void sg__sorted_remove(struct sg__sorted *s, double v);
/* As the ordinary engine's quantile of the values and `nans` NaNs in front of them. */
double sg__sorted_quantile(const struct sg__sorted *s, uint32_t nans, double q);

#endif
