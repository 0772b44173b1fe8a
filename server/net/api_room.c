/* api_room.c - room for answers that are made faster than their clients take them.
 *
 * An answer of less than ANSWER_SMALL bytes never waits: it fits what may
 * queue for a connection (pieces.h). A bigger one may keep its thread of the pool and what it was
 * made of for as long as its client's patience lasts, so there is a limit for both, all together,
 * and it is told with 503 before the first byte has gone. Beyond 2 * concurrency of them nobody
 * else begins, and no more than `concurrency` wait a moment for their turn, so of the pool's
 * 4 * concurrency threads some are always there for whoever asks little.
 */
#include <streamgauge/histogram.h>
#include <streamgauge/time.h>
#include <string.h>

#include "net/api.h"

/* Less than the queue of a connection holds (QUEUE_MAX in pieces.c), however it is encoded. */
#define ANSWER_SMALL ((size_t)768 * 1024)
#define TURN_WAIT_MS 1000
/* A point as text, and what is around the labels of a series; rather too much. */
#define POINT_TEXT 48
#define SERIES_TEXT 64
#define BUCKET_TEXT 64

static void add_histograms(const struct sg_promql_series *s, struct sg__answer_size *size)
{
    for (size_t i = 0; s->h && i < s->n; i++) {
        if (!s->h[i])
            continue;
        size->held += sg_histogram_size(s->h[i]);
        size->text += BUCKET_TEXT * ((size_t)s->h[i]->n_positive + s->h[i]->n_negative + 2);
    }
}

struct sg__answer_size sg__answer_size(const struct sg_promql_result *r)
{
    struct sg__answer_size size = {.held = r->arena.used_bytes};
    for (size_t i = 0; i < r->n; i++) {
        const struct sg_promql_series *s = &r->series[i];
        size_t labels = s->labels ? s->labels->bytes : 0;
        size.held += labels + sizeof(struct sg_labels);
        size.text += SERIES_TEXT + 2 * labels + POINT_TEXT * s->n;
        add_histograms(s, &size);
    }
    return size;
}

/* Under lock. Answers to quick clients are soon gone, so one waits a little; but no more at a time
 * than `concurrency`, so that there are threads left. */
static void wait_for_turn(struct sg_api *api)
{
    int rc = 0;
    if (api->waiting >= api->cfg.concurrency)
        return;
    struct timespec until = sg_timespec_ms(sg_mono_now_ms() + TURN_WAIT_MS);
    api->waiting++;
    while (api->sending >= 2 * api->cfg.concurrency && rc == 0)
        rc = pthread_cond_timedwait(&api->turn, &api->gate, &until);
    api->waiting--;
}

/* What is wanted, under lock. NULL: there is room, and it is taken. */
static const char *take(struct sg_api *api, size_t held)
{
    if (held <= api->cfg.result_bytes - api->held_bytes && api->sending >= 2 * api->cfg.concurrency)
        wait_for_turn(api);
    if (api->sending >= 2 * api->cfg.concurrency)
        return "too many big answers are being sent to slow clients (twice query.concurrency), "
               "try again later";
    if (held > api->cfg.result_bytes - api->held_bytes)
        return "too much memory is held by big answers to slow clients (query.result_bytes), "
               "try again later";
    api->sending++;
    api->held_bytes += held;
    return NULL;
}

bool sg__api_hold(struct sg_api *api, struct sg_net_exchange *x, struct sg__answer_size *size)
{
    if (size->text < ANSWER_SMALL) {
        size->held = 0;
        return true;
    }
    if (size->held > api->cfg.result_bytes) { /* there never will be room */
        sg__api_error(x, SG__EXECUTION,
                      "the result takes %zu bytes, at most %zu are allowed "
                      "(query.result_bytes)",
                      size->held, api->cfg.result_bytes);
        size->held = 0;
        return false;
    }
    pthread_mutex_lock(&api->gate);
    const char *full = take(api, size->held);
    pthread_mutex_unlock(&api->gate);
    if (!full)
        return true;
    size->held = 0;
    atomic_fetch_add_explicit(&api->refused_answers, 1, memory_order_relaxed);
    sg__api_error(x, SG__UNAVAILABLE, "%s", full);
    return false;
}

void sg__api_release(struct sg_api *api, const struct sg__answer_size *size)
{
    if (!size->held)
        return;
    pthread_mutex_lock(&api->gate);
    api->sending--;
    api->held_bytes -= size->held;
    pthread_cond_signal(&api->turn);
    pthread_mutex_unlock(&api->gate);
}
