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
/* Stops ticking. Nothing is sent to net any more after return. */
void sg_engine_thread_stop(struct sg_engine_thread *t);
/* Frees the engine; senders must be gone. Accepts NULL. */
void sg_engine_thread_free(struct sg_engine_thread *t);

#endif
