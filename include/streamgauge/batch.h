/* batch.h - what crosses from parsing threads to the engine: batches of points, and series seen for
 * the first time.
 *
 * A hot point is 24 bytes: series id, operation, time, value. A series the parsing thread's cache
 * does not know yet is a *birth*: the batch carries its labels, points refer to it by index
 * (SG_SERIES_NEW | index), and the engine answers by storing the id into the birth's cell, which
 * the cache reads on its next use. Until then further batches carry the birth again.
 *
 * Stale ids: when the store expires series it raises `expire_epoch`. A cache that sees a new epoch
 * at the start of a feed forgets its ids. Expired ids rest in quarantine (at least 60 s, far longer
 * than any batch lives) before they are used again, and a point that reaches a resting id brings
 * its series back to life.
 */
#ifndef STREAMGAUGE_BATCH_H
#define STREAMGAUGE_BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/labels.h>
#include <streamgauge/queue.h>
#include <streamgauge/value.h>

#define SG_SERIES_NEW UINT32_C(0x80000000) /* the rest is the index of a birth */
#define SG_SERIES_MAX UINT32_C(0x7ffffff0) /* ids are below */
#define SG_CELL_PENDING UINT32_C(0xffffffff)
/* A series limit is reached; try again after the next expire_epoch. */
#define SG_CELL_REJECTED UINT32_C(0xfffffffe)

enum sg_op {
    SG_OP_SET,       /* sample: value at time */
    SG_OP_COUNT,     /* adds to a cumulative counter kept by the engine; sampled once per tick */
    SG_OP_GAUGE_ADD, /* changes a gauge by value (StatsD "+4|g"); a gauge that is not there starts
                        at 0 */
    SG_OP_GAUGE_SET, /* sets a gauge kept by the engine, so that GAUGE_ADD can follow; sampled once
                        per tick */
    SG_OP_WEIGHT,  /* value = weight of the OBSERVE that follows directly (sample rate); without it
                      the weight is 1 */
    SG_OP_OBSERVE, /* observation into the series' exponential histogram; sampled once per pane */
    SG_OP_MEMBER,  /* bits = sg_hash64_stable of a set member; sampled once per pane */
    SG_OP_HISTOGRAM, /* bits = index into the batch's histograms: a whole histogram sample at time
                      */
};

/* The sample carries no time of its own: it is as old as its arrival. Of several within a
 * millisecond the last one stays. */
#define SG_POINT_ARRIVAL 1u

struct sg_point {
    uint32_t series; /* id, or SG_SERIES_NEW | birth index */
    uint16_t op;     /* enum sg_op */
    uint16_t flags;  /* SG_POINT_ARRIVAL or 0 */
    int64_t time_ms;
    union {
        double value;
        uint64_t bits;
    };
};
_Static_assert(sizeof(struct sg_point) == 24, "a hot point is 24 bytes");

/* Where the engine's answer goes; shared by a cache and the births in flight. */
struct sg_series_cell {
    atomic_uint refs;
    atomic_uint id; /* SG_CELL_PENDING, SG_CELL_REJECTED, or the id */
};

struct sg_birth {
    const struct sg_labels *labels; /* owned by the batch */
    struct sg_series_cell
        *cell; /* one reference owned by the batch; NULL when nobody waits for the id */
};

enum sg_metric_type {
    SG_METRIC_UNKNOWN,
    SG_METRIC_COUNTER,
    SG_METRIC_GAUGE,
    SG_METRIC_HISTOGRAM,
    SG_METRIC_GAUGE_HISTOGRAM,
    SG_METRIC_SUMMARY,
    SG_METRIC_INFO,
    SG_METRIC_STATESET,
};

struct sg_metadata {
    char *metric;      /* family name, NUL-terminated, owned by the batch */
    char *help, *unit; /* NULL: not told */
    enum sg_metric_type type;
};

/* An example behind a sample, with labels of its own (a trace id). Both sets are owned by the
 * batch.
 */
struct sg_exemplar {
    const struct sg_labels *series; /* of the whole series, so that it needs no birth */
    const struct sg_labels *labels;
    double value;
    int64_t time_ms;
};

/* One input of samples and what it promises. Lives as long as the server. Counters are for
 * /metrics; any thread. */
struct sg_source {
    const char *name;       /* "statsd", "http", "host", … */
    int64_t stale_after_ms; /* silence after which a series gets a staleness marker; 0: never
                               (lookback decides) */
    atomic_ullong samples;  /* points accepted by a parser */
    atomic_ullong rejected; /* lines or samples refused: malformed, over a limit */
    atomic_ullong dropped;  /* lost because a queue was full */
    atomic_ullong bytes;    /* read */
    atomic_ullong events;   /* DogStatsD events and service checks, counted only */
};

struct sg_batch {
    struct sg_mpsc_node node; /* first */
    struct sg_source *source; /* borrowed */
    int64_t received_ms;
    uint32_t n_points, cap_points;
    uint32_t n_births, cap_births;
    uint32_t n_metadata, cap_metadata;
    uint32_t n_histograms, cap_histograms;
    uint32_t n_exemplars, cap_exemplars;
    uint32_t refused_exemplars; /* malformed or too long: for the store to count */
    struct sg_birth *births;
    struct sg_metadata *metadata;
    struct sg_exemplar *exemplars;
    struct sg_histogram **histograms; /* one reference each, owned by the batch until the store
                                         takes it (then NULL) */
    struct sg_point points[];
};

/* cap_points is fixed, the other arrays grow. Aborts without memory. */
SG_API struct sg_batch *sg_batch_new(struct sg_source *source, uint32_t cap_points,
                                     int64_t received_ms);
/* Frees births, metadata and histograms that are still there. Accepts NULL. */
SG_API void sg_batch_free(struct sg_batch *b);
SG_API size_t sg_batch_size(const struct sg_batch *b); /* heap bytes: its weight in a queue */
/* Appends a birth; takes labels and one reference of cell. Returns the index. */
SG_API uint32_t sg_batch_add_birth_take(struct sg_batch *b, const struct sg_labels *labels,
                                        struct sg_series_cell *cell);
/* Copies the strings; help and unit may be {NULL, 0}. */
SG_API void sg_batch_add_metadata(struct sg_batch *b, struct sg_str metric,
                                  enum sg_metric_type type, struct sg_str help, struct sg_str unit);
SG_API uint32_t sg_batch_add_histogram_take(struct sg_batch *b, struct sg_histogram *h);
/* Takes both label sets. */
SG_API void sg_batch_add_exemplar_take(struct sg_batch *b, struct sg_exemplar e);
/* True when nothing is in it. */
static inline bool sg_batch_empty(const struct sg_batch *b)
{
    return b->n_points + b->n_metadata + b->n_exemplars == 0;
}
static inline void sg_batch_add_point(struct sg_batch *b, struct sg_point p)
{
    SG_DCHECK(b->n_points < b->cap_points);
    b->points[b->n_points++] = p;
}

SG_API struct sg_series_cell *sg_series_cell_new(void); /* pending, refs 1 */
SG_API struct sg_series_cell *sg_series_cell_ref(struct sg_series_cell *c);
SG_API void sg_series_cell_unref(struct sg_series_cell *c); /* accepts NULL */

/* What a store tells all parsing threads; written by the engine only. */
struct sg_ingest_gate {
    atomic_uint expire_epoch; /* raised after each expiry of series */
    atomic_bool series_full;  /* the total series limit is reached: new series are refused at the
                                 door (429) */
    /* Tells while series_full whether the store has that series already, so that a cache that has
     * not seen it yet does not refuse it. Any thread; slow (microseconds). NULL: it has none. */
    bool (*known)(const struct sg_ingest_gate *gate, const struct sg_labels *labels);
};

#endif
