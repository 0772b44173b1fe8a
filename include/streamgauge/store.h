/* store.h - the series store: identities, windows of samples, index. Single writer, readers on any
 * thread.
 *
 * Everything here is for the engine thread, except sg_store_querier_open (and what it opens),
 * sg_store_gate, sg_store_get_stats and the listings, which any thread may use. Readers pin an
 * epoch and never block the writer; what the writer unlinks is freed after the last reader that
 * could see it has closed. The store reads no clock: now_ms is told.
 *
 * A sample is stored when it is not older than now - retention, not further ahead than max_future,
 * and not older than its series' newest sample by more than out_of_order. Of two samples at one
 * time the first stays. From a retention of 50 years on all these limits are off. A series that is
 * silent for its source's stale_after (by the engine's clock) gets one staleness marker at the time
 * of its newest sample + stale_after; a sample that still arrives at or before that takes the
 * marker away. When now_ms goes back by more than out_of_order (and a minute), series whose newest
 * sample would make all further ones too old expire, and begin anew.
 */
#ifndef STREAMGAUGE_STORE_H
#define STREAMGAUGE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/batch.h>
#include <streamgauge/querier.h>

struct sg_store;

struct sg_store_options {
    int64_t retention_ms;    /* samples older than now - retention are dropped; > 0 */
    int64_t out_of_order_ms; /* how much older than its series' newest sample one may be */
    int64_t max_future_ms;   /* how far ahead of now a sample may be */
    int64_t idle_expiry_ms;  /* a series without samples for that long is forgotten; 0: retention
                                decides */
    uint32_t max_series;     /* in total */
    uint32_t max_series_per_metric;
    uint32_t max_labels;       /* per series, the name included */
    uint32_t max_exemplars;    /* kept, of all series together; 0: none */
    int64_t histogram_pane_ms; /* sampling period of OBSERVE accumulators; 1000 */
    int64_t distinct_pane_ms;  /* sampling period of MEMBER accumulators; 10000 */
};

/* Metric families whose help, unit and type are kept. */
#define SG_METADATA_MAX 65536

/* Monotonic counters and gauges for /metrics; relaxed atomics, written by the engine. */
struct sg_store_stats {
    atomic_ullong samples;            /* stored */
    atomic_ullong out_of_order;       /* stored late, within the window */
    atomic_ullong replaced;           /* by a later one of their millisecond, both without a time */
    atomic_ullong duplicates;         /* same time and value: ignored */
    atomic_ullong rejected_duplicate; /* same time, other value */
    atomic_ullong rejected_too_old, rejected_future, rejected_limit, rejected_kind;
    atomic_ullong births, expired, stale_markers;
    atomic_ullong series;              /* live now */
    atomic_ullong chunks, chunk_bytes; /* sealed now */
    atomic_ullong sealed_samples;      /* in sealed chunks now */
    atomic_ullong bytes; /* heap bytes of series, chunks and index now, labels not included */
    atomic_ullong label_bytes;
    atomic_ullong exemplars; /* kept, all in all */
    /* Of no series that is there, older than its last one, too long, or malformed. */
    atomic_ullong exemplars_dropped;
    atomic_ullong metadata_refused; /* of further metric families than SG_METADATA_MAX */
};

SG_API void sg_store_options_default(struct sg_store_options *opt);
/* SG_EINVALID names the option that cannot be. */
SG_API SG_NODISCARD int sg_store_new(const struct sg_store_options *opt, struct sg_store **ret,
                                     struct sg_error *reterr);
/* No querier may be open. Accepts NULL. */
SG_API void sg_store_free(struct sg_store *s);

/* Applies and frees a batch: births answered, points appended, metadata kept. Never fails as a
 * whole; refusals are counted. */
SG_API void sg_store_apply_take(struct sg_store *s, struct sg_batch *batch, int64_t now_ms);
/* Id of a label set, born if need be. SG_ELIMIT. Shares labels. For rules and embedders. */
SG_API SG_NODISCARD int sg_store_intern(struct sg_store *s, const struct sg_labels *labels,
                                        struct sg_source *source, uint32_t *ret_id,
                                        struct sg_error *reterr);
/* One float sample. SG_EINVALID with the reason when it is refused. */
SG_API int sg_store_append(struct sg_store *s, uint32_t id, int64_t time_ms, double v,
                           int64_t now_ms, struct sg_error *reterr);
/* Once per base tick, before evaluation: samples the accumulators, sets due staleness markers, and
 * does a bounded piece of sealing, retention and expiry work. */
SG_API void sg_store_tick(struct sg_store *s, int64_t now_ms);

/* Borrowed as long as the store, as are the stats. */
SG_API struct sg_ingest_gate *sg_store_gate(struct sg_store *s);
SG_API const struct sg_store_stats *sg_store_get_stats(const struct sg_store *s);
/* Opens a querier, to be closed before the store is freed; at most 256 are open at a time, SG_EBUSY
 * beyond. */
SG_API SG_NODISCARD int sg_store_querier_open(struct sg_store *s, struct sg_querier *ret);

/* Metadata of a metric family, copied under the store's own rules; any thread. The callback borrows
 * its arguments. */
SG_API void sg_store_metadata_each(struct sg_store *s,
                                   void (*each)(void *ctx, const struct sg_metadata *m), void *ctx);

/* The newest max_exemplars exemplars of all series, in no order; any thread. Borrowed for the call.
 */
SG_API void sg_store_exemplars_each(struct sg_store *s,
                                    void (*each)(void *ctx, const struct sg_exemplar *e),
                                    void *ctx);

/* Listings for the HTTP API; any thread. Order is arbitrary, each text once; borrowed for the call.
 */
SG_API void sg_store_label_names(struct sg_store *s, void (*each)(void *ctx, struct sg_str name),
                                 void *ctx);
SG_API void sg_store_label_values(struct sg_store *s, struct sg_str name,
                                  void (*each)(void *ctx, struct sg_str value), void *ctx);
/* Live series that have this label value; with SG_METRIC_NAME: of a metric. O(1). */
SG_API uint32_t sg_store_count(struct sg_store *s, struct sg_str name, struct sg_str value);

/* ---- for evaluators that keep state between ticks; engine thread only ---- */

enum sg_store_event_kind {
    SG_STORE_BORN,    /* a series lives, for the first time or again; it has no samples */
    SG_STORE_EXPIRED, /* a series is no longer selected */
    SG_STORE_PAST,    /* its samples at or before time_ms are not what they were: a late one came, a
                         marker went */
    SG_STORE_CUT,     /* its samples up to time_ms were dropped, all of them and no others */
};
struct sg_store_event {
    enum sg_store_event_kind kind;
    uint32_t id;
    int64_t time_ms; /* SG_STORE_PAST, SG_STORE_CUT */
};
/* Starts to keep the last 32768 events, if that was not done before. Returns the position of the
 * next one. */
SG_API uint64_t sg_store_journal_open(struct sg_store *s);
/* The event at *pos, which moves on. 0: there is none yet; 1: an event; SG_ELIMIT: it is forgotten,
 * *pos is now that of the next event to come. */
SG_API int sg_store_journal_next(struct sg_store *s, uint64_t *pos, struct sg_store_event *ret);
/* A series that lives or rests. False when the id is in nobody's use. Labels are borrowed until the
 * next sg_store_tick or birth; the handle stays valid as long as the store. */
SG_API bool sg_store_series(struct sg_store *s, uint32_t id, struct sg_selected *ret);

/* What is newer than some time. */
struct sg_tail {
    int64_t time_ms; /* of the newest sample; INT64_MIN: none */
    double v;        /* its value, when newer == 1 */
    uint8_t newer;   /* 0: nothing; 1: one sample, in time_ms and v; 2: more, to be read */
    uint8_t kind;    /* enum sg_value_kind, when newer > 0 */
};
/* Of n series, by the handles of a selection of this store. */
SG_API void sg_store_tails(const void *const *handle, const int64_t *since_ms, size_t n,
                           struct sg_tail *ret);

#endif
