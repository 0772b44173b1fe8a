/* stream.h - one continuously evaluated expression at one interval. */
#ifndef SG_LIVE_STREAM_H
#define SG_LIVE_STREAM_H

#include <streamgauge/hashtab.h>
#include <streamgauge/live.h>
#include <streamgauge/promql.h>

struct sg__stream {
    struct sg_hashlink by_key; /* in the owner's table, by key and interval */
    struct sg_track *track;
    struct sg_promql_graph *graph;
    struct sg_promql_root *root; /* in the graph of all streams; NULL: it was too large there */
    int64_t again_ms;            /* then: when it tries again */
    int64_t interval_ms;
    int64_t next_ms;      /* tick it is due for */
    int64_t evaluated_ms; /* tick of the last evaluation */
    int64_t linger_ms;    /* while edges == 0: when it ends */
    uint64_t edges;       /* bit per edge that wants it */
    bool failing;
    bool heavy;     /* its last evaluation took more than half the budget */
    bool timed_out; /* the last evaluation was ended by the deadline */
    char error_text[sizeof(((struct sg_error *)NULL)->text)]; /* what was told last */
    uint32_t left_out;                                        /* series beyond the cap, last time */
    uint64_t evaluations, eval_ns, last_ns, missed, errors, samples;
    double *scratch; /* values when some are histograms */
    size_t cap_scratch;
};

struct sg__stream_options {
    struct sg_publisher *publisher;
    struct sg_promql_graph *graph; /* borrowed as long as the stream */
    uint32_t max_series;
    int64_t forget_ms;
};

/* Parses and plans. On error nothing is left. */
int sg__stream_new(const struct sg__stream_options *opt, struct sg_str key, int64_t interval_ms,
                   struct sg__stream **ret, struct sg_error *reterr);
void sg__stream_free(struct sg__stream *s); /* accepts NULL */
struct sg_str sg__stream_key(const struct sg__stream *s);
/* Evaluates at a tick. Returns an owned frame, or NULL when there is nothing to tell. */
struct sg_frame *sg__stream_eval(struct sg__stream *s, struct sg_querier *q, int64_t tick_ms);

#endif
