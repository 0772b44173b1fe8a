/* host.c - this machine's metrics: a thread that reads /proc and /sys at every wall-clock multiple
 * of the interval.
 *
 * The collectors write Prometheus text and the ordinary parser reads it: so host metrics take the
 * same way as pushed ones, and known series cost a hash look-up each. A thread of its own, since
 * statvfs on a dead network mount may hang.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include <streamgauge/input.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "host.h"

#define MAX_TEXT_BYTES (4u << 20)
/* A dead mount must not keep the process from ending in time. */
#define STOP_WAIT_S 1

static sg__host_collector *const collectors[] = {
    sg__host_stat,     sg__host_load,  sg__host_memory,     sg__host_vmstat,
    sg__host_pressure, sg__host_disk,  sg__host_filesystem, sg__host_network,
    sg__host_sockstat, sg__host_files, sg__host_uname,
};

struct sg_host {
    struct sg_host_config config;
    struct sg_batcher *batcher;
    const struct sg_labels *identity; /* job and instance, as if scraped */
    struct sg__host_env env;
    struct sg_buf text;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under lock */
};

static bool stopping(struct sg_host *h)
{
    pthread_mutex_lock(&h->lock);
    bool stop = h->stop;
    pthread_mutex_unlock(&h->lock);
    return stop;
}

static void read_once(struct sg_host *h, int64_t now_ms)
{
    struct sg_ingest_options options = {
        .format = SG_INGEST_PROM_TEXT, .extra = h->identity, .now_ms = now_ms};
    sg_buf_reset(&h->text);
    for (size_t i = 0; i < SG_ARRAY_LEN(collectors); i++)
        collectors[i](&h->env);
    sg__host_family(&h->env, "node_time_seconds", "gauge",
                    "System time in seconds since epoch (1970).");
    sg__host_sample(&h->env, "node_time_seconds", NULL, 0, (double)now_ms / 1000);
    if (stopping(h)) /* it may have hung, and whom it would be given to be gone */
        return;
    struct sg_ingest_parser *p = sg_ingest_parser_new(h->batcher, &options);
    (void)sg_ingest_feed(p, h->text.data, h->text.len);
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
    struct timespec until = {.tv_sec = next / 1000, .tv_nsec = next % 1000 * 1000000};
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
    struct sg_host *h = arg;
    read_once(h, sg_wall_now_ms());
    while (wait_for_next(h))
        read_once(h, sg_time_align(sg_wall_now_ms(), h->config.interval_ms));
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
    sg_batcher_free(h->batcher);
    sg_labels_unref(h->identity);
    sg__host_env_deinit(&h->env);
    sg_buf_deinit(&h->text);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    sg_free(h);
}

int sg_host_start(const struct sg_host_config *config, struct sg_host **ret,
                  struct sg_error *reterr)
{
    struct sg_host *h = sg_calloc(1, sizeof(*h));
    h->config = *config;
    h->batcher = sg_batcher_new(&config->batcher);
    h->identity = identity();
    h->env.proc = config->proc ? config->proc : "/proc";
    h->env.sys = config->sys ? config->sys : "/sys";
    h->env.out = &h->text;
    sg_buf_init(&h->env.file, 1u << 20);
    sg_buf_init(&h->text, MAX_TEXT_BYTES);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->wake, NULL);
    int rc = pthread_create(&h->thread, NULL, run, h);
    if (rc != 0) {
        destroy(h);
        return sg_error_set(reterr, SG_EIO, "cannot start the host metrics thread: error %d", rc);
    }
    pthread_setname_np(h->thread, "host");
    *ret = h;
    return 0;
}

void sg_host_stop(struct sg_host *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_cond_signal(&h->wake);
    pthread_mutex_unlock(&h->lock);
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_WAIT_S;
    if (pthread_timedjoin_np(h->thread, NULL, &until) == 0) {
        destroy(h);
        return;
    }
    SG_LOG(WARN, "host", "a file or mount does not answer, its reader is left behind",
           "waited_s=%d", STOP_WAIT_S);
    pthread_detach(h->thread); /* what it uses stays */
}
