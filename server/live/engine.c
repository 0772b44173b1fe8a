/* engine.c - store, live streams and their queues, driven by one thread. */
#include <streamgauge/engine.h>
#include <streamgauge/mem.h>

/* Wakes the engine between ticks once that part of the ingest queue is in use, so that a flood is
 * worked off evenly. */
#define WAKE_FRACTION 16

struct sg_engine {
    struct sg_store *store;
    struct sg_live *live;
    struct sg_publisher publisher;
    struct sg_mpsc ingest, control;
    struct sg_mpsc_node *controls, **last_control; /* taken from the queue; still weigh there */
    struct sg_engine_options options;
    struct sg_engine_stats stats;
    int64_t last_tick_ms;
    atomic_bool woken; /* a wake is under way; further senders need not */
};

static int open_querier(void *ctx, struct sg_querier *ret)
{
    struct sg_engine *e = ctx;
    return sg_store_querier_open(e->store, ret);
}

/* The hooks' context is the embedder's; the engine's own hook needs the engine. So publish and
 * clock are passed on. */
static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct sg_engine *e = ctx;
    if (e->options.live.hooks.publish)
        e->options.live.hooks.publish(e->options.live.hooks.ctx, edge, f);
}

static uint64_t clock_ns(void *ctx)
{
    struct sg_engine *e = ctx;
    return e->options.live.hooks.clock_ns(e->options.live.hooks.ctx);
}

void sg_engine_options_default(struct sg_engine_options *o)
{
    *o = (struct sg_engine_options){0};
    sg_store_options_default(&o->store);
    sg_live_options_default(&o->live);
    o->epoch = 1;
    o->ingest_queue_bytes = (size_t)128 << 20;
    o->control_queue_bytes = (size_t)16 << 20;
}

int sg_engine_new(const struct sg_engine_options *o, struct sg_engine **ret,
                  struct sg_error *reterr)
{
    struct sg_engine *e = sg_calloc(1, sizeof(*e));
    struct sg_live_options live = o->live;
    e->options = *o;
    e->last_control = &e->controls;
    sg_mpsc_init(&e->ingest, o->ingest_queue_bytes);
    sg_mpsc_init(&e->control, o->control_queue_bytes);
    sg_publisher_init(&e->publisher, o->epoch);
    e->publisher.offset = o->first_offset;
    live.hooks = (struct sg_live_hooks){.publish = publish,
                                        .open_querier = open_querier,
                                        .clock_ns = o->live.hooks.clock_ns ? clock_ns : NULL,
                                        .ctx = e};
    int rc = sg_store_new(&o->store, &e->store, reterr);
    live.store = e->store;
    if (rc == 0)
        rc = sg_live_new(&live, &e->publisher, &e->live, reterr);
    if (rc < 0) {
        sg_engine_free(e);
        return rc;
    }
    *ret = e;
    return 0;
}

static void take_controls(struct sg_engine *e)
{
    *e->last_control = sg_mpsc_take(&e->control);
    while (*e->last_control)
        e->last_control = &(*e->last_control)->next;
}

void sg_engine_free(struct sg_engine *e)
{
    if (!e)
        return;
    for (struct sg_mpsc_node *n = sg_mpsc_take(&e->ingest), *next; n; n = next) {
        next = n->next;
        sg_batch_free(SG_CONTAINER_OF(n, struct sg_batch, node));
    }
    take_controls(e);
    for (struct sg_mpsc_node *n = e->controls, *next; n; n = next) {
        next = n->next;
        sg_control_free(SG_CONTAINER_OF(n, struct sg_control, node));
    }
    sg_live_free(e->live);
    sg_store_free(e->store);
    sg_free(e);
}

static void wake(struct sg_engine *e)
{
    if (e->options.wake && !atomic_exchange_explicit(&e->woken, true, memory_order_acq_rel))
        e->options.wake(e->options.wake_ctx);
}

int sg_engine_ingest(struct sg_engine *e, struct sg_batch *batch)
{
    int rc = sg_mpsc_push(&e->ingest, &batch->node, sg_batch_size(batch), NULL);
    if (rc < 0)
        atomic_fetch_add_explicit(&e->stats.refused_batches, 1, memory_order_relaxed);
    else if (atomic_load_explicit(&e->ingest.weight, memory_order_relaxed) >
             e->options.ingest_queue_bytes / WAKE_FRACTION)
        wake(e);
    return rc;
}

int sg_engine_control(struct sg_engine *e, struct sg_control *control)
{
    int rc = sg_mpsc_push(&e->control, &control->node, sg_control_weight(control), NULL);
    if (rc == 0)
        wake(e);
    return rc;
}

bool sg_engine_pending(const struct sg_engine *e)
{
    return atomic_load_explicit(&e->ingest.weight, memory_order_acquire) > 0;
}

static void drain_batches(struct sg_engine *e, int64_t now_ms)
{
    atomic_store_explicit(&e->stats.queue_bytes,
                          atomic_load_explicit(&e->ingest.weight, memory_order_relaxed),
                          memory_order_relaxed);
    for (struct sg_mpsc_node *n = sg_mpsc_take(&e->ingest), *next; n; n = next) {
        struct sg_batch *batch = SG_CONTAINER_OF(n, struct sg_batch, node);
        size_t weight = n->weight;
        next = n->next;
        atomic_fetch_add_explicit(&e->stats.batches, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&e->stats.points, batch->n_points, memory_order_relaxed);
        sg_store_apply_take(e->store, batch, now_ms);
        sg_mpsc_done(&e->ingest, weight);
    }
}

/* As many as this tick has time for; the others wait for the next, and keep the queue full. */
static void drain_controls(struct sg_engine *e, int64_t now_ms)
{
    take_controls(e);
    while (e->controls && sg_live_takes_controls(e->live)) {
        struct sg_mpsc_node *n = e->controls;
        size_t weight = n->weight;
        e->controls = n->next;
        if (!e->controls)
            e->last_control = &e->controls;
        sg_live_control_take(e->live, SG_CONTAINER_OF(n, struct sg_control, node), now_ms);
        sg_mpsc_done(&e->control, weight);
    }
}

void sg_engine_drain(struct sg_engine *e, int64_t now_ms)
{
    /* Cleared before the queues are emptied: who pushes from now on wakes again. */
    atomic_store_explicit(&e->woken, false, memory_order_release);
    drain_batches(e, now_ms);
    drain_controls(e, now_ms);
}

void sg_engine_tick(struct sg_engine *e, int64_t tick_ms, int64_t now_ms)
{
    /* The caller aligns to the clock, so what came too late shows as ticks left out before it. */
    if (e->last_tick_ms && tick_ms - e->last_tick_ms > e->options.live.tick_ms)
        atomic_fetch_add_explicit(&e->stats.late_ticks, 1, memory_order_relaxed);
    e->last_tick_ms = tick_ms;
    atomic_store_explicit(&e->woken, false, memory_order_release);
    drain_batches(e, now_ms);
    sg_store_tick(e->store, tick_ms);
    /* After the store's tick, so that a new stream's first result holds what accumulators were
     * sampled just now. */
    drain_controls(e, now_ms);
    sg_live_tick(e->live, tick_ms);
    atomic_fetch_add_explicit(&e->stats.ticks, 1, memory_order_relaxed);
}

struct sg_store *sg_engine_get_store(struct sg_engine *e)
{
    return e->store;
}

struct sg_live *sg_engine_get_live(struct sg_engine *e)
{
    return e->live;
}

const struct sg_engine_stats *sg_engine_get_stats(const struct sg_engine *e)
{
    return &e->stats;
}

uint64_t sg_engine_get_offset(const struct sg_engine *e)
{
    return e->publisher.offset;
}
