/* stream.c - a stream's root in the graph of expressions, its evaluation at a tick, and the frame
 * that comes of it. */
#include <string.h>

#include <streamgauge/histogram.h>
#include <streamgauge/mem.h>

#include "live/stream.h"

/* Who did not fit into the graph tries again after that time. */
#define AGAIN_MS 60000

static int make_root(struct sg__stream *s, struct sg_str key, struct sg_error *reterr)
{
    struct sg_promql *query;
    int rc = sg_promql_parse(key, NULL, &query, reterr);
    return rc < 0 ? rc : sg_promql_graph_add_take(s->graph, query, &s->root, reterr);
}

int sg__stream_new(const struct sg__stream_options *opt, struct sg_str key, int64_t interval_ms,
                   struct sg__stream **ret, struct sg_error *reterr)
{
    struct sg__stream *s = sg_calloc(1, sizeof(*s));
    s->interval_ms = interval_ms;
    s->graph = opt->graph;
    int rc = make_root(s, key, reterr);
    if (rc < 0) {
        sg__stream_free(s);
        return rc;
    }
    struct sg_topic *topic = sg_publisher_topic(opt->publisher, key, interval_ms);
    s->track = sg_track_new(opt->publisher, topic, opt->max_series, opt->forget_ms);
    sg_topic_unref(topic);
    *ret = s;
    return 0;
}

void sg__stream_free(struct sg__stream *s)
{
    if (!s)
        return;
    sg_track_free(s->track);
    sg_promql_graph_remove(s->root);
    sg_free(s->scratch);
    sg_free(s);
}

struct sg_str sg__stream_key(const struct sg__stream *s)
{
    return sg_topic_key(sg_track_topic(s->track));
}

/* A histogram has no single value; its count of observations stands for it, as in the other text
 * forms. */
static const double *values(struct sg__stream *s, const struct sg_promql_view *view)
{
    if (!view->h)
        return view->v;
    s->scratch = sg_grow(s->scratch, &s->cap_scratch, view->n, sizeof(*s->scratch));
    for (size_t i = 0; i < view->n; i++)
        s->scratch[i] = view->h[i] ? view->h[i]->count : view->v[i];
    return s->scratch;
}

/* An error is told once, and again only when its words change. */
static struct sg_frame *failed(struct sg__stream *s, int64_t tick_ms, const struct sg_error *err)
{
    s->errors++;
    if (s->failing && strcmp(s->error_text, err->text) == 0)
        return NULL;
    s->failing = true;
    memcpy(s->error_text, err->text, sizeof(s->error_text));
    return sg_track_error(s->track, tick_ms, err);
}

/* Whoever made the graph too large leaves it, so that there is room for the others. */
static void leave_graph(struct sg__stream *s, int64_t tick_ms)
{
    sg_promql_graph_remove(s->root);
    s->root = NULL;
    s->again_ms = tick_ms + AGAIN_MS;
}

struct sg_frame *sg__stream_eval(struct sg__stream *s, struct sg_querier *q, int64_t tick_ms)
{
    struct sg_promql_view view = {0};
    struct sg_error err = {0};
    s->evaluations++;
    s->timed_out = false;
    if (!s->root && tick_ms < s->again_ms && s->again_ms <= tick_ms + AGAIN_MS)
        return NULL; /* its error was told; further away it is when the clock stepped back */
    int rc = s->root ? 0 : make_root(s, sg__stream_key(s), &err);
    if (rc == 0) {
        rc = sg_promql_graph_eval(s->root, q, tick_ms, &view, &err);
        s->samples = sg_promql_root_samples(s->root);
    }
    s->timed_out = rc == SG_ETIMEOUT;
    if (rc == SG_ELIMIT && (!s->root || sg_promql_graph_full(s->graph)))
        leave_graph(s, tick_ms);
    if (rc < 0) {
        sg_error_set(&err, (enum sg_errc)rc, "the evaluation failed");
        return failed(s, tick_ms, &err);
    }
    s->failing = false;
    struct sg_rows rows = {.n = view.n,
                           .version = view.rows_version + 1, /* 0 would mean unknown */
                           .labels = view.labels,
                           .value = values(s, &view),
                           .present = view.present};
    return sg_track_update(s->track, tick_ms, &rows, &s->left_out);
}
