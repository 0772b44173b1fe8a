/* engine_thread.h - the thread that drives the engine: wall-clock ticks, wakes in between, frames
 * to the edges. */
#ifndef STREAMGAUGE_APP_ENGINE_THREAD_H
#define STREAMGAUGE_APP_ENGINE_THREAD_H

#include <streamgauge/engine.h>

struct sg_net;
struct sg_engine_thread;

/* Creates the engine; no thread yet, so that net can be started with it first. options' hooks and
 * wake are set here. */
SG_NODISCARD int sg_engine_thread_new(const struct sg_engine_options *options,
                                      struct sg_engine_thread **ret, struct sg_error *reterr);
struct sg_engine *sg_engine_thread_engine(struct sg_engine_thread *t);
/* Starts ticking; frames go to the edges of net. */
SG_NODISCARD int sg_engine_thread_start(struct sg_engine_thread *t, struct sg_net *net,
                                        struct sg_error *reterr);
/* Calls `each` for every live stream, with the state after a tick that comes after the call (about
 * two seconds old at most when the engine is busy). Any thread but the engine's, while it ticks. */
void sg_engine_thread_streams(struct sg_engine_thread *t,
                              void (*each)(void *ctx, const struct sg_live_stream_info *info),
                              void *ctx);
/* Returns when every batch that was queued before the call has been applied, at once when none is
 * queued; after a second in any case. Any thread but the engine's, while it ticks. */
void sg_engine_thread_settle(struct sg_engine_thread *t);
/* Stops ticking. Nothing is sent to net any more after return. */
void sg_engine_thread_stop(struct sg_engine_thread *t);
/* Frees the engine; senders must be gone. Accepts NULL. */
void sg_engine_thread_free(struct sg_engine_thread *t);

#endif
