/* engine.h - the pure core in one piece: series store, live streams and the queues into them.
 *
 * This is what an embedder links (libstreamgauge) and what the server runs on its engine thread. It
 * has no thread, reads no clock and does no I/O: whoever owns it calls sg_engine_tick at every base
 * tick and gets frames through the publish hook.
 *
 *     struct sg_engine_options o;
 *     sg_engine_options_default(&o);
 *     o.live.hooks.publish = my_publish;
 *     sg_engine_new(&o, &engine, &err);
 *     any thread:     sg_engine_ingest(engine, batch);  sg_engine_control(engine, control);
 *     engine thread:  sg_engine_tick(engine, now_ms);
 *
 * sg_engine_ingest, sg_engine_control and the sg_engine_get_* functions are for any thread, all
 * else for the engine's.
 */
#ifndef STREAMGAUGE_ENGINE_H
#define STREAMGAUGE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/batch.h>
#include <streamgauge/error.h>
#include <streamgauge/live.h>
#include <streamgauge/store.h>

struct sg_engine;

struct sg_engine_options {
    struct sg_store_options store;
    struct sg_live_options live; /* hooks.open_querier is set by the engine */
    uint64_t epoch;              /* random; incarnation of the frames' history */
    uint64_t first_offset;       /* frames are numbered from the one after it; 0 */
    size_t ingest_queue_bytes;   /* batches waiting; beyond: SG_EBUSY */
    size_t control_queue_bytes;
    /* Called on the sending thread when the engine should look at its queues before the next tick.
     * May be NULL. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

/* Relaxed atomics written by the engine's thread and the senders. */
struct sg_engine_stats {
    atomic_ullong ticks, late_ticks; /* done; begun more than one base tick too late */
    atomic_ullong batches, points;   /* applied */
    atomic_ullong refused_batches;   /* SG_EBUSY */
    atomic_ullong queue_bytes;       /* at the last drain */
};

SG_API void sg_engine_options_default(struct sg_engine_options *o);
SG_API SG_NODISCARD int sg_engine_new(const struct sg_engine_options *o, struct sg_engine **ret,
                                      struct sg_error *reterr);
/* Frees what is still queued too. Accepts NULL. */
SG_API void sg_engine_free(struct sg_engine *e);

/* Takes the batch (0) or leaves it (SG_EBUSY: the queue is full). Any thread. */
SG_API SG_NODISCARD int sg_engine_ingest(struct sg_engine *e, struct sg_batch *batch);
SG_API SG_NODISCARD int sg_engine_control(struct sg_engine *e, struct sg_control *control);

/* True while batches are queued or being applied. Any thread. */
SG_API bool sg_engine_pending(const struct sg_engine *e);

/* Applies what is queued; new streams are evaluated at once. Between ticks, after wake. */
SG_API void sg_engine_drain(struct sg_engine *e, int64_t now_ms);
/* Drains, ticks the store, evaluates what is due at tick_ms (a multiple of the base tick, at most
 * now_ms). */
SG_API void sg_engine_tick(struct sg_engine *e, int64_t tick_ms, int64_t now_ms);

SG_API struct sg_store *sg_engine_get_store(struct sg_engine *e);
SG_API struct sg_live *sg_engine_get_live(struct sg_engine *e);
SG_API const struct sg_engine_stats *sg_engine_get_stats(const struct sg_engine *e);
/* Of the newest frame; engine's thread. */
SG_API uint64_t sg_engine_get_offset(const struct sg_engine *e);

#endif
