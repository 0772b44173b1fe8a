/* remote_write.h - inside the remote write decoder: one request at work. */
#ifndef SG_INGEST_REMOTE_WRITE_H
#define SG_INGEST_REMOTE_WRITE_H

#include "feed.h"
#include "protobuf.h"

enum {
    SG__RW_MAX_SYMBOLS = 1 << 20, /* of a 2.0 message: 24 bytes each */
    SG__RW_MAX_BUCKETS = 1 << 16, /* of a side of a histogram, and custom bounds */
    SG__RW_FLUSH_BYTES = 1 << 20, /* labels and histograms of a batch, so that the queue's cap
                                     holds however little of the wire they took */
    SG__RW_SEEN = 64,             /* descriptions a request remembers */
};

struct sg__rw_symbol {
    uint32_t at, n; /* in the message */
};

struct sg__rw_meta {
    uint32_t name, help, unit; /* symbols */
    uint32_t type;             /* enum sg_metric_type + 1; 0: no entry */
};

struct sg__rw {
    struct sg__feed f;
    struct sg_remote_write_result *result;
    enum sg_remote_write_version version;
    const unsigned char *message;
    uint32_t series_no;           /* 1-based; 0: outside of a series */
    int64_t oldest_ms, newest_ms; /* times between are surely good, both included */
    bool busy;                    /* the queue is full: nothing further is looked at */

    /* What the batch at hand holds; counted as written when it is taken. */
    uint64_t samples, histograms, exemplars;
    size_t bytes;
    uint32_t batch_seq;
    uint64_t dropped;

    /* 2.0 */
    struct sg__rw_symbol *symbols;
    struct sg_hash128 *hashes; /* of the symbols */
    uint32_t n_symbols;
    uint32_t *refs;            /* of the series at hand; room for max_labels pairs */
    struct sg_hash128 *gather; /* as long as refs */
    size_t label_bytes;        /* budget: labels of new series, written out */
    struct sg__rw_meta seen[SG__RW_SEEN];
};

/* One TimeSeries, looked over. */
struct sg__rw_series {
    struct sg__pb labels; /* 1.0: from the first label to behind the last */
    struct sg__pb data;   /* from the first field that is no label */
    uint32_t n_refs;      /* 2.0 */
    struct sg__pb meta;   /* 2.0; p NULL: none */
    struct sg_hash128 key;
    uint64_t samples, histograms, exemplars;
    bool looked_up;
    uint32_t batch_seq, id; /* what points carry, good for that batch */
};

/* remote_write.c */
/* After whatever may have submitted a batch: its elements are written, or lost (SG_EBUSY). */
int sg__rw_settle(struct sg__rw *rw);
int sg__rw_reserve(struct sg__rw *rw);
struct sg_str sg__rw_symbol(const struct sg__rw *rw, uint32_t ref);

/* remote_write_labels.c */
/* Looks over a TimeSeries: its key, where its parts lie, how many there are. 0 or a fault. */
int sg__rw_scan(struct sg__rw *rw, struct sg__pb in, struct sg__rw_series *s);
/* What points of the series carry, into s->id; registers it if need be. The batch has room. 0 or a
 * fault. */
int sg__rw_find(struct sg__rw *rw, struct sg__rw_series *s);
/* The labels of the series, written out; owned, NULL when they are not in order. */
const struct sg_labels *sg__rw_labels(struct sg__rw *rw, const struct sg__rw_series *s);
/* One Label message of 1.0. 0 or SG_ESYNTAX. */
int sg__rw_read_label(struct sg__pb in, struct sg_label *ret);
/* Counts the fault as n refused elements; the text names the series (NULL: none). */
void sg__rw_reject(struct sg__rw *rw, const struct sg__rw_series *s, uint64_t n);

/* remote_write_series.c */
/* One TimeSeries into the batch. 0 or SG_EBUSY; faults are counted. */
int sg__rw_series(struct sg__rw *rw, struct sg__pb in);

/* remote_write_meta.c */
/* MetricMetadata of 1.0. 0 or SG_EBUSY; faults are counted. */
int sg__rw_metadata(struct sg__rw *rw, struct sg__pb in);
/* Metadata of a 2.0 series that is known by now; likewise. */
int sg__rw_series_metadata(struct sg__rw *rw, const struct sg__rw_series *s);

/* remote_write_histogram.c */
/* *ret is owned, or NULL: a staleness marker. 0 or a fault. */
int sg__rw_histogram(struct sg__feed *f, struct sg__pb in, struct sg_histogram **ret,
                     int64_t *ret_time_ms);

#endif
