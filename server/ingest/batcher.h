/* batcher.h - the current batch of a parsing thread, and the way from a series key to what a point
 * carries.
 *
 * The order per sample: sg__batcher_reserve (may change the batch), then sg__batcher_find, on
 * SG_CELL_PENDING build the labels and sg__batcher_birth, then sg__batcher_add. A birth index is
 * good for the batch it was given in only.
 */
#ifndef SG_INGEST_BATCHER_H
#define SG_INGEST_BATCHER_H

#include <streamgauge/ingest.h>

#include "cache.h"

struct sg_batcher {
    struct sg_batcher_config config; /* limits: all set */
    struct sg__cache cache;
    struct sg_batch *batch;           /* never NULL after the first reserve; may be empty */
    uint32_t room;                    /* points that fit the batch */
    uint32_t batch_seq;               /* number of the batch, for births */
    uint32_t cap;                     /* points of the batch */
    uint64_t since_flush, last_flush; /* points, to guess the size of the next batch */
    uint32_t epoch;                   /* gate->expire_epoch the cache belongs to */
    uint64_t described;               /* changes when descriptions have to be told again */
    int64_t received_ms;
    struct sg_source *source;         /* of the batch */
    struct sg_ingest_result *result;  /* where accepted and dropped go; NULL: nobody asks */
    uint64_t samples;                 /* in the batch; weights are no samples */
    uint64_t rejected, events, bytes; /* not yet published to the source */
    struct sg_labels_builder builder; /* scratch of the parsers' slow paths */
    struct sg_buf scratch;            /* likewise, for unescaped text */
};

/* Start of a feed or datagram: flushes what belongs to another source or result, and forgets ids
 * when series expired. */
void sg__batcher_begin(struct sg_batcher *b, struct sg_source *source,
                       struct sg_ingest_result *result, int64_t received_ms);
int sg__batcher_make_room(struct sg_batcher *b, uint32_t points);
uint32_t sg__batcher_find_slow(struct sg_batcher *b, struct sg__entry *e);
/* Registers a series in the batch, takes labels. Returns what the point carries, or
 * SG_CELL_REJECTED. */
uint32_t sg__batcher_birth(struct sg_batcher *b, struct sg_hash128 key,
                           const struct sg_labels *labels);

/* Room for that many points in the batch. SG_EBUSY: a batch was dropped, but there is room. */
static inline int sg__batcher_reserve(struct sg_batcher *b, uint32_t points)
{
    return SG_LIKELY(b->room >= points) ? 0 : sg__batcher_make_room(b, points);
}

/* What a point of this series carries; SG_CELL_PENDING: the labels are needed; SG_CELL_REJECTED: a
 * limit is reached. */
static inline uint32_t sg__batcher_find(struct sg_batcher *b, struct sg_hash128 key)
{
    struct sg__entry *e = sg__cache_find(&b->cache, key);
    if (SG_LIKELY(e && e->id < SG_SERIES_NEW))
        return e->id;
    return sg__batcher_find_slow(b, e);
}

static inline void sg__batcher_add(struct sg_batcher *b, struct sg_point point)
{
    struct sg_batch *batch = b->batch;
    SG_DCHECK(b->room > 0 && batch->n_points < batch->cap_points);
    batch->points[batch->n_points++] = point;
    b->room--;
}

#endif
