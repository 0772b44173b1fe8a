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
/* Called after the live streams' part of every base tick, before its frames are sent: wall_ms is
 * the tick, mono_ms never steps. Before start. */
typedef void sg_engine_tick_hook(void *ctx, int64_t wall_ms, int64_t mono_ms);
void sg_engine_thread_on_tick(struct sg_engine_thread *t, sg_engine_tick_hook *hook, void *ctx);
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
/* Work on the engine's thread, between two ticks. mono_ms is of the clock of the tick hook. */
typedef void sg_engine_work(void *arg, int64_t wall_ms, int64_t mono_ms);
/* Runs fn there and returns after it: 0. SG_ETIMEOUT when it has not begun within 2 s or the thread
 * does not tick: it never runs then. Any thread but the engine's and the edges'. */
SG_NODISCARD int sg_engine_thread_call(struct sg_engine_thread *t, sg_engine_work *fn, void *arg);
/* Runs fn there some time, in the order of posting; does not wait. SG_EBUSY: too many are waiting,
 * fn never runs. What is posted before the end runs at the latest in sg_engine_thread_stop. Any
 * thread. */
SG_NODISCARD int sg_engine_thread_post(struct sg_engine_thread *t, sg_engine_work *fn, void *arg);
/* Stops ticking. Nothing is sent to net any more after return. */
void sg_engine_thread_stop(struct sg_engine_thread *t);
/* Frees the engine; senders must be gone. Accepts NULL. */
void sg_engine_thread_free(struct sg_engine_thread *t);

#endif
