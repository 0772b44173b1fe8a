/* engine_thread.c - ticks on wall-clock multiples of the base tick.
 *
 * Between ticks the thread sleeps on an eventfd, which senders write when a stream is opened or
 * much is queued. The sleep is computed anew from the wall clock each time and never longer than
 * one tick, so a clock that jumps costs at most one tick. Frames are collected per edge and handed
 * over once per tick, one queue node and one wake-up per edge. An edge whose queue is full loses
 * its frames of that tick; as soon as it has room it gets a full frame of every topic.
 */
#include "engine_thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <streamgauge/log.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/net.h>
#include <streamgauge/time.h>

/* How long somebody waits for the queue, and for the state of the streams. */
#define SETTLE_WAIT_MS 1000
#define STREAMS_WAIT_MS 2000
#define CALL_WAIT_MS 2000
#define MAX_WAITING_JOBS 4096
/* Silences, routes and the selectors of streams are matched on this thread, and their expressions
 * come from outside: a match takes some 2 ms at most. */
#define REGEX_BUDGET 400000

/* The streams' figures at one moment; immutable, shared by those who asked. */
struct snapshot {
    atomic_uint refs;
    size_t n, cap;
    struct sg_live_stream_info *streams; /* keys are ours */
};

/* Something to do between two ticks. */
struct job {
    struct sg_list node;
    sg_engine_work *fn;
    void *arg;
    enum { JOB_WAITING, JOB_RUNNING, JOB_DONE } state;
    bool posted; /* nobody waits: ours to free */
};

struct edge_outbox {
    struct sg_frame_batch *pending; /* NULL: nothing yet this round */
    bool lost;                      /* frames were dropped; needs a resync */
};

struct sg_engine_thread {
    struct sg_engine *engine;
    struct sg_net *net;
    int64_t tick_ms;
    int wake_fd;
    bool started;
    atomic_bool stop;
    pthread_t thread;
    unsigned n_edges;
    struct edge_outbox edges[SG_EDGES_MAX];
    atomic_bool asked; /* somebody waits for a snapshot */
    pthread_mutex_t lock;
    pthread_cond_t taken;
    atomic_ullong settle_asked; /* tickets given out to those who wait for the queue */
    uint64_t settled;           /* under lock: the last ticket that has been served */
    pthread_cond_t settling;
    struct snapshot *snapshot; /* under lock, with its number; NULL before the first */
    uint64_t snapshots;
    struct sg_list
        jobs; /* under lock; and how many, and whether there still is somebody to do them */
    size_t n_jobs;
    bool working;
    pthread_cond_t worked;
    sg_engine_tick_hook *on_tick;
    void *on_tick_ctx;
};

static void wake(void *ctx)
{
    struct sg_engine_thread *t = ctx;
    uint64_t one = 1;
    /* Fails only when the counter is full, and then the thread is about to wake anyway. */
    ssize_t n = write(t->wake_fd, &one, sizeof(one));
    (void)n;
}

static uint64_t clock_ns(void *ctx)
{
    (void)ctx;
    return sg_mono_now_ns();
}

static void collect(struct sg_engine_thread *t, unsigned edge, const struct sg_frame *f)
{
    struct edge_outbox *o = &t->edges[edge];
    if (o->lost) /* what comes now would not fit what the edge has; the resync replaces it */
        return;
    if (!o->pending)
        o->pending = sg_frame_batch_new();
    sg_frame_batch_add(o->pending, f);
}

static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct sg_engine_thread *t = ctx;
    if (edge != SG_ALL_EDGES) {
        if (edge < t->n_edges)
            collect(t, edge, f);
        return;
    }
    for (unsigned i = 0; i < t->n_edges; i++)
        collect(t, i, f);
}

static void send_pending(struct sg_engine_thread *t)
{
    for (unsigned i = 0; i < t->n_edges; i++) {
        struct edge_outbox *o = &t->edges[i];
        if (o->lost && sg_net_edge_has_room(t->net, i)) {
            o->lost = false;
            sg_live_resync(sg_engine_get_live(t->engine), i);
        }
        if (!o->pending)
            continue;
        struct sg_frame_batch *batch = o->pending;
        o->pending = NULL;
        if (sg_net_publish_take(t->net, i, batch) < 0) {
            o->lost = true;
            SG_LOG(WARN, "engine", "an edge is too slow, its frames are dropped and replaced later",
                   "edge=%u", i);
        }
    }
}

/* Waits until the wall clock reaches next_ms, or somebody wakes us. */
static void sleep_until(struct sg_engine_thread *t, int64_t next_ms)
{
    int64_t wait_ms = next_ms - sg_wall_now_ms();
    if (wait_ms <= 0)
        return;
    if (wait_ms > t->tick_ms)
        wait_ms = t->tick_ms;
    struct timespec timeout = sg_timespec_ms(wait_ms);
    struct pollfd p = {.fd = t->wake_fd, .events = POLLIN};
    if (ppoll(&p, 1, &timeout, NULL) > 0) {
        uint64_t count;
        ssize_t n = read(t->wake_fd, &count, sizeof(count));
        (void)n;
    }
}

/* ---- the streams' state, for others ---- */

static void snapshot_unref(struct snapshot *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    for (size_t i = 0; i < s->n; i++)
        sg_free((void *)(uintptr_t)s->streams[i].key.p);
    sg_free(s->streams);
    sg_free(s);
}

static void add_stream(void *ctx, const struct sg_live_stream_info *info)
{
    struct snapshot *s = ctx;
    s->streams = sg_grow(s->streams, &s->cap, s->n + 1, sizeof(*s->streams));
    s->streams[s->n] = *info;
    s->streams[s->n++].key.p = sg_str_dup(info->key);
}

/* On the engine's thread; the lock is held for a few instructions only. */
static void take_snapshot(struct sg_engine_thread *t)
{
    struct snapshot *s = sg_calloc(1, sizeof(*s));
    atomic_init(&s->refs, 1);
    sg_live_each(sg_engine_get_live(t->engine), add_stream, s);
    pthread_mutex_lock(&t->lock);
    struct snapshot *old = t->snapshot;
    t->snapshot = s;
    t->snapshots++;
    pthread_cond_broadcast(&t->taken);
    pthread_mutex_unlock(&t->lock);
    snapshot_unref(old);
}

void sg_engine_thread_streams(struct sg_engine_thread *t,
                              void (*each)(void *ctx, const struct sg_live_stream_info *info),
                              void *ctx)
{
    struct timespec until = sg_timespec_ms(sg_mono_now_ms() + STREAMS_WAIT_MS);
    pthread_mutex_lock(&t->lock);
    uint64_t before = t->snapshots;
    int rc = 0;
    atomic_store(&t->asked, true);
    while (t->snapshots == before && rc == 0)
        rc = pthread_cond_timedwait(&t->taken, &t->lock, &until);
    struct snapshot *s = t->snapshot;
    if (s)
        atomic_fetch_add(&s->refs, 1);
    pthread_mutex_unlock(&t->lock);
    for (size_t i = 0; s && i < s->n; i++)
        each(ctx, &s->streams[i]);
    snapshot_unref(s);
}

/* ---- waiting for the queue ---- */

void sg_engine_thread_settle(struct sg_engine_thread *t)
{
    if (!sg_engine_pending(t->engine))
        return;
    struct timespec until = sg_timespec_ms(sg_mono_now_ms() + SETTLE_WAIT_MS);
    uint64_t ticket = atomic_fetch_add(&t->settle_asked, 1) + 1;
    wake(t);
    int rc = 0;
    pthread_mutex_lock(&t->lock);
    while (t->settled < ticket && rc == 0)
        rc = pthread_cond_timedwait(&t->settling, &t->lock, &until);
    pthread_mutex_unlock(&t->lock);
}

/* The queue was emptied after ticket was read. */
static void settle(struct sg_engine_thread *t, uint64_t ticket)
{
    if (ticket == t->settled) /* only this thread writes it */
        return;
    pthread_mutex_lock(&t->lock);
    t->settled = ticket;
    pthread_cond_broadcast(&t->settling);
    pthread_mutex_unlock(&t->lock);
}

/* ---- work that others hand in ---- */

static void run_jobs(struct sg_engine_thread *t)
{
    pthread_mutex_lock(&t->lock);
    /* No more than are there now: who posts all the time must not hold the tick up. */
    for (size_t left = t->n_jobs; left > 0 && !sg_list_empty(&t->jobs); left--) {
        struct job *j = SG_CONTAINER_OF(t->jobs.next, struct job, node);
        sg_list_remove(&j->node);
        t->n_jobs--;
        j->state = JOB_RUNNING;
        pthread_mutex_unlock(&t->lock);
        j->fn(j->arg, sg_wall_now_ms(), sg_mono_now_ms());
        pthread_mutex_lock(&t->lock);
        if (j->posted) {
            sg_free(j);
            continue;
        }
        j->state = JOB_DONE;
        pthread_cond_broadcast(&t->worked);
    }
    pthread_mutex_unlock(&t->lock);
}

/* Under lock. */
static int add_job(struct sg_engine_thread *t, struct job *j)
{
    if (!t->working || t->n_jobs >= MAX_WAITING_JOBS)
        return SG_EBUSY;
    sg_list_append(&t->jobs, &j->node);
    t->n_jobs++;
    return 0;
}

int sg_engine_thread_call(struct sg_engine_thread *t, sg_engine_work *fn, void *arg)
{
    struct job j = {.fn = fn, .arg = arg, .state = JOB_WAITING};
    struct timespec until = sg_timespec_ms(sg_mono_now_ms() + CALL_WAIT_MS);
    pthread_mutex_lock(&t->lock);
    int rc = add_job(t, &j), timed = 0;
    if (rc == 0)
        wake(t);
    while (rc == 0 && j.state == JOB_WAITING && timed == 0)
        timed = pthread_cond_timedwait(&t->worked, &t->lock, &until);
    while (j.state == JOB_RUNNING) /* it looks at arg: there is no way back */
        pthread_cond_wait(&t->worked, &t->lock);
    if (rc == 0 && j.state == JOB_WAITING) {
        sg_list_remove(&j.node);
        t->n_jobs--;
    }
    pthread_mutex_unlock(&t->lock);
    return j.state == JOB_DONE ? 0 : SG_ETIMEOUT;
}

int sg_engine_thread_post(struct sg_engine_thread *t, sg_engine_work *fn, void *arg)
{
    struct job *j = sg_calloc(1, sizeof(*j));
    *j = (struct job){.fn = fn, .arg = arg, .posted = true};
    pthread_mutex_lock(&t->lock);
    int rc = add_job(t, j);
    pthread_mutex_unlock(&t->lock);
    if (rc < 0)
        sg_free(j);
    else
        wake(t);
    return rc;
}

/* The last jobs, and none after them. */
static void end_jobs(struct sg_engine_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->working = false;
    pthread_mutex_unlock(&t->lock);
    run_jobs(t);
}

static void *run(void *arg)
{
    struct sg_engine_thread *t = arg;
    sg_regex_set_budget(REGEX_BUDGET);
    int64_t last = sg_time_align(sg_wall_now_ms(), t->tick_ms);
    while (!atomic_load_explicit(&t->stop, memory_order_relaxed)) {
        sleep_until(t, last + t->tick_ms);
        uint64_t ticket = atomic_load(&t->settle_asked);
        int64_t now = sg_wall_now_ms(), tick = sg_time_align(now, t->tick_ms);
        if (tick != last) { /* forward as usual, or backward when the clock was set */
            sg_engine_tick(t->engine, tick, now);
            if (t->on_tick)
                t->on_tick(t->on_tick_ctx, tick, sg_mono_now_ms());
            last = tick;
        } else {
            sg_engine_drain(t->engine, now);
        }
        settle(t, ticket);
        run_jobs(t);
        send_pending(t);
        if (atomic_load_explicit(&t->asked, memory_order_relaxed) &&
            atomic_exchange(&t->asked, false))
            take_snapshot(t);
    }
    end_jobs(t);
    return NULL;
}

int sg_engine_thread_new(const struct sg_engine_options *options, struct sg_engine_thread **ret,
                         struct sg_error *reterr)
{
    struct sg_engine_thread *t = sg_calloc(1, sizeof(*t));
    struct sg_engine_options o = *options;
    t->tick_ms = o.live.tick_ms;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->taken, &monotonic);
    pthread_cond_init(&t->settling, &monotonic);
    pthread_cond_init(&t->worked, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sg_list_init(&t->jobs);
    t->working = true;
    t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->wake_fd < 0) {
        sg_free(t);
        return sg_error_set(reterr, SG_EIO, "cannot make an eventfd: %s", strerror(errno));
    }
    o.live.hooks = (struct sg_live_hooks){.publish = publish, .clock_ns = clock_ns, .ctx = t};
    o.wake = wake;
    o.wake_ctx = t;
    int rc = sg_engine_new(&o, &t->engine, reterr);
    if (rc < 0) {
        sg_engine_thread_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

struct sg_engine *sg_engine_thread_engine(struct sg_engine_thread *t)
{
    return t->engine;
}

void sg_engine_thread_on_tick(struct sg_engine_thread *t, sg_engine_tick_hook *hook, void *ctx)
{
    t->on_tick = hook;
    t->on_tick_ctx = ctx;
}

int sg_engine_thread_start(struct sg_engine_thread *t, struct sg_net *net, struct sg_error *reterr)
{
    t->net = net;
    t->n_edges = sg_net_edges(net);
    for (unsigned i = 0; i < t->n_edges; i++)
        t->edges[i].lost = true; /* the first they get is what there was before them */
    int rc = pthread_create(&t->thread, NULL, run, t);
    if (rc != 0)
        return sg_error_set(reterr, SG_EIO, "cannot start the engine thread: %s", strerror(rc));
    pthread_setname_np(t->thread, "engine");
    t->started = true;
    return 0;
}

void sg_engine_thread_stop(struct sg_engine_thread *t)
{
    if (t->started) {
        atomic_store(&t->stop, true);
        wake(t);
        pthread_join(t->thread, NULL);
        t->started = false;
    }
    end_jobs(t); /* of a thread that never ran */
}

void sg_engine_thread_free(struct sg_engine_thread *t)
{
    if (!t)
        return;
    sg_engine_thread_stop(t);
    for (unsigned i = 0; i < t->n_edges; i++)
        sg_frame_batch_free(t->edges[i].pending);
    sg_engine_free(t->engine);
    close(t->wake_fd);
    snapshot_unref(t->snapshot);
    pthread_cond_destroy(&t->taken);
    pthread_cond_destroy(&t->settling);
    pthread_cond_destroy(&t->worked);
    pthread_mutex_destroy(&t->lock);
    sg_free(t);
}
