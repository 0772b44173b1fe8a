/* host.c - this machine's metrics: threads that read /proc and /sys at every wall-clock multiple
 * of the interval.
 *
 * The collectors write Prometheus text and the ordinary parser reads it: so host metrics take the
 * same way as pushed ones, and known series cost a hash look-up each. Threads of their own, one of
 * them for file systems alone: statvfs on a dead network mount hangs, and the rest goes on.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <streamgauge/input.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "host.h"

#define MAX_TEXT_BYTES (4u << 20)
/* A dead mount must not keep the process from ending in time. */
#define STOP_WAIT_S 1

static sg__host_collector *const machine[] = {
    sg__host_stat,     sg__host_load,  sg__host_memory,  sg__host_vmstat,
    sg__host_pressure, sg__host_disk,  sg__host_network, sg__host_sockstat,
    sg__host_files,    sg__host_uname, sg__host_time,
};
static sg__host_collector *const mounts[] = {sg__host_filesystem};

struct reader {
    struct sg_host *host;
    sg__host_collector *const *collectors;
    size_t n_collectors;
    struct sg_batcher *batcher;
    struct sg__host_env env;
    struct sg_buf text;
    pthread_t thread;
    bool started;
};

struct sg_host {
    struct sg_host_config config;
    const struct sg_labels *identity; /* job and instance, as if scraped */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under lock */
    struct reader readers[2];
};

static bool stopping(struct sg_host *h)
{
    pthread_mutex_lock(&h->lock);
    bool stop = h->stop;
    pthread_mutex_unlock(&h->lock);
    return stop;
}

static void read_once(struct reader *r, int64_t now_ms)
{
    struct sg_ingest_options options = {
        .format = SG_INGEST_PROM_TEXT, .extra = r->host->identity, .now_ms = now_ms};
    sg_buf_reset(&r->text);
    r->env.now_ms = now_ms;
    for (size_t i = 0; i < r->n_collectors; i++)
        r->collectors[i](&r->env);
    if (stopping(r->host)) /* it may have hung, and whom it would be given to be gone */
        return;
    struct sg_ingest_parser *p = sg_ingest_parser_new(r->batcher, &options);
    (void)sg_ingest_feed(p, r->text.data, r->text.len);
    (void)sg_ingest_finish(p);
    const struct sg_ingest_result *result = sg_ingest_parser_result(p);
    if (result->rejected)
        SG_LOG(WARN, "host", "lines refused", "count=%llu line=%u reason=\"%s\"",
               (unsigned long long)result->rejected, result->errors[0].line,
               result->errors[0].text);
    sg_ingest_parser_free(p);
}

/* Sleeps until the next multiple of the interval; false when it is time to stop. */
static bool wait_for_next(struct sg_host *h)
{
    int64_t next = sg_time_align(sg_wall_now_ms(), h->config.interval_ms) + h->config.interval_ms;
    struct timespec until = sg_timespec_ms(next);
    int rc = 0;
    pthread_mutex_lock(&h->lock);
    while (!h->stop && rc == 0)
        rc = pthread_cond_timedwait(&h->wake, &h->lock, &until);
    bool go_on = !h->stop;
    pthread_mutex_unlock(&h->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct reader *r = arg;
    read_once(r, sg_wall_now_ms());
    while (wait_for_next(r->host))
        read_once(r, sg_time_align(sg_wall_now_ms(), r->host->config.interval_ms));
    return NULL;
}

static const struct sg_labels *identity(void)
{
    char name[256] = "localhost";
    struct sg_labels_builder b;
    (void)gethostname(name, sizeof(name) - 1);
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_STR("job"), SG_STR("node"));
    sg_labels_builder_set(&b, SG_STR("instance"), sg_str_from(name));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}

static void destroy(struct sg_host *h)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(h->readers); i++) {
        struct reader *r = &h->readers[i];
        sg_batcher_free(r->batcher);
        sg__host_env_deinit(&r->env);
        sg_buf_deinit(&r->text);
    }
    sg_labels_unref(h->identity);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    sg_free(h);
}

static void prepare(struct sg_host *h, struct reader *r, sg__host_collector *const *collectors,
                    size_t n)
{
    const struct sg_host_config *c = &h->config;
    r->host = h;
    r->collectors = collectors;
    r->n_collectors = n;
    r->batcher = sg_batcher_new(&c->batcher);
    r->env.proc = c->proc ? c->proc : "/proc";
    r->env.sys = c->sys ? c->sys : "/sys";
    r->env.out = &r->text;
    sg_buf_init(&r->env.file, 1u << 20);
    sg_buf_init(&r->text, MAX_TEXT_BYTES);
}

int sg_host_start(const struct sg_host_config *config, struct sg_host **ret,
                  struct sg_error *reterr)
{
    static const char *const names[] = {"host", "host-mounts"};
    struct sg_host *h = sg_calloc(1, sizeof(*h));
    int rc = 0;
    h->config = *config;
    h->identity = identity();
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->wake, NULL);
    prepare(h, &h->readers[0], machine, SG_ARRAY_LEN(machine));
    prepare(h, &h->readers[1], mounts, SG_ARRAY_LEN(mounts));
    for (size_t i = 0; i < SG_ARRAY_LEN(h->readers) && rc == 0; i++) {
        struct reader *r = &h->readers[i];
        rc = pthread_create(&r->thread, NULL, run, r);
        r->started = rc == 0;
        if (r->started)
            pthread_setname_np(r->thread, names[i]);
    }
    if (rc != 0) {
        sg_host_stop(h);
        return sg_error_set(reterr, SG_EIO, "cannot start the host metrics thread: error %d", rc);
    }
    *ret = h;
    return 0;
}

void sg_host_stop(struct sg_host *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->lock);
    struct timespec until = sg_timespec_ms(sg_wall_now_ms() + STOP_WAIT_S * SG_MS_PER_S);
    bool all = true;
    for (size_t i = 0; i < SG_ARRAY_LEN(h->readers); i++) {
        struct reader *r = &h->readers[i];
        if (!r->started || pthread_timedjoin_np(r->thread, NULL, &until) == 0)
            continue;
        SG_LOG(WARN, "host", "a file or mount does not answer, its reader is left behind",
               "waited_s=%d", STOP_WAIT_S);
        pthread_detach(r->thread);
        all = false;
    }
    if (all) /* else what they use stays */
        destroy(h);
}
