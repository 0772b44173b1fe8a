/* fake_engine.h - an engine for tests of net: takes batches and wishes for streams, and publishes
 * frames for whatever was asked, tick by tick, on its own thread. Every stream has `series` series
 * whose values count the ticks. */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <streamgauge/batch.h>
#include <streamgauge/frame.h>
#include <streamgauge/labels.h>
#include <streamgauge/live.h>
#include <streamgauge/net.h>
#include <streamgauge/time.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAKE_STREAMS 64
#define FAKE_SERIES_MAX 1000

struct fake_engine {
    struct sg_net *net;
    pthread_t thread;
    pthread_mutex_t lock;
    struct sg_control *queue; /* chained by node.next, newest first */
    atomic_bool stop;
    atomic_ullong points, batches, opens;
    atomic_bool full; /* ingest answers SG_EBUSY */
    int64_t tick_ms;
    unsigned series;
    struct sg_publisher publisher;
    struct sg_track *track[FAKE_STREAMS];
    unsigned tracks;
    const struct sg_labels *labels[FAKE_SERIES_MAX];
    unsigned long long ticks;
};

static int fake_ingest(void *ctx, struct sg_batch *batch)
{
    struct fake_engine *f = ctx;
    if (atomic_load(&f->full))
        return SG_EBUSY;
    atomic_fetch_add(&f->points, batch->n_points);
    atomic_fetch_add(&f->batches, 1);
    sg_batch_free(batch);
    return 0;
}

static int fake_control(void *ctx, struct sg_control *c)
{
    struct fake_engine *f = ctx;
    pthread_mutex_lock(&f->lock);
    c->node.next = f->queue ? &f->queue->node : NULL;
    f->queue = c;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static void fake_publish(struct fake_engine *f, struct sg_frame *const *frames, unsigned n)
{
    for (unsigned e = 0; n && e < sg_net_edges(f->net); e++) {
        struct sg_frame_batch *b = sg_frame_batch_new();
        for (unsigned i = 0; i < n; i++)
            sg_frame_batch_add(b, frames[i]);
        (void)sg_net_publish_take(f->net, e, b);
    }
}

static struct sg_frame *fake_update(struct fake_engine *f, struct sg_track *t, int64_t now)
{
    double value[FAKE_SERIES_MAX];
    struct sg_rows rows = {.n = f->series, .version = 1, .labels = f->labels, .value = value};
    for (unsigned i = 0; i < f->series; i++)
        value[i] = (double)(f->ticks * 1000 + i);
    return sg_track_update(t, now, &rows, NULL);
}

static void fake_open(struct fake_engine *f, const struct sg_control *c)
{
    struct sg_str key = {c->key, c->key_len};
    for (unsigned i = 0; i < f->tracks; i++)
        if (sg_str_eq(sg_topic_key(sg_track_topic(f->track[i])), key))
            return;
    if (f->tracks == FAKE_STREAMS)
        return;
    struct sg_topic *topic = sg_publisher_topic(&f->publisher, key, c->interval_ms);
    f->track[f->tracks++] = sg_track_new(&f->publisher, topic, FAKE_SERIES_MAX, 60000);
    sg_topic_unref(topic);
    atomic_fetch_add(&f->opens, 1);
}

static void fake_tick(struct fake_engine *f)
{
    struct sg_frame *frames[FAKE_STREAMS];
    unsigned n = 0;
    pthread_mutex_lock(&f->lock);
    struct sg_control *c = f->queue;
    f->queue = NULL;
    pthread_mutex_unlock(&f->lock);
    while (c) {
        struct sg_control *next = (struct sg_control *)c->node.next;
        if (c->kind == SG_CONTROL_OPEN)
            fake_open(f, c);
        sg_control_free(c);
        c = next;
    }
    f->ticks++;
    for (unsigned i = 0; i < f->tracks; i++) {
        struct sg_frame *frame = fake_update(f, f->track[i], sg_wall_now_ms());
        if (frame)
            frames[n++] = frame;
    }
    fake_publish(f, frames, n);
    for (unsigned i = 0; i < n; i++)
        sg_frame_unref(frames[i]);
}

static void *fake_main(void *arg)
{
    struct fake_engine *f = arg;
    while (!atomic_load(&f->stop)) {
        struct timespec ts = {f->tick_ms / 1000, f->tick_ms % 1000 * 1000000};
        nanosleep(&ts, NULL);
        fake_tick(f);
    }
    return NULL;
}

/* Before the net is started: hooks and epoch into cfg. */
static void fake_init(struct fake_engine *f, struct sg_net_config *cfg, int64_t tick_ms,
                      unsigned series)
{
    memset(f, 0, sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    f->tick_ms = tick_ms;
    f->series = series;
    sg_publisher_init(&f->publisher, 4711);
    f->publisher.next_topic = SG_TOPIC_NOTIFICATIONS + 1; /* that one nobody opens */
    for (unsigned i = 0; i < series; i++) {
        struct sg_labels_builder b;
        char text[16];
        sg_labels_builder_init(&b);
        int n = snprintf(text, sizeof(text), "%u", i);
        sg_labels_builder_set(&b, SG_STR("i"), sg_str_make(text, (size_t)n));
        f->labels[i] = sg_labels_builder_build(&b);
        sg_labels_builder_deinit(&b);
    }
    cfg->hooks.ctx = f;
    cfg->hooks.ingest = fake_ingest;
    cfg->hooks.control = fake_control;
    cfg->epoch = f->publisher.epoch;
}

static void fake_start(struct fake_engine *f, struct sg_net *net)
{
    f->net = net;
    pthread_create(&f->thread, NULL, fake_main, f);
}

/* Before the net is freed. */
static void fake_stop(struct fake_engine *f)
{
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
}

/* After the net was freed. */
static void fake_deinit(struct fake_engine *f)
{
    for (struct sg_control *c = f->queue, *next; c; c = next) {
        next = (struct sg_control *)c->node.next;
        sg_control_free(c);
    }
    for (unsigned i = 0; i < f->tracks; i++)
        sg_track_free(f->track[i]);
    for (unsigned i = 0; i < f->series; i++)
        sg_labels_unref(f->labels[i]);
    pthread_mutex_destroy(&f->lock);
}

#endif
