/* ingest.h - sample parsers: StatsD, Prometheus text, OpenMetrics, Influx lines, JSON samples,
 * Prometheus remote write; and the parsing side of batches.
 *
 * A batcher belongs to one parsing thread: it remembers the ids of series (keyed by a hash of their
 * raw bytes), fills batches and hands them to `submit`. HTTP bodies: one parser per request, many
 * parsers share the thread's batcher.
 *
 *     struct sg_ingest_parser *p = sg_ingest_parser_new(batcher, &(struct sg_ingest_options){
 *         .format = SG_INGEST_PROM_TEXT, .source = &http, .now_ms = now});
 *     per piece of body:  if (sg_ingest_feed(p, data, n) < 0) → answer early (429)
 *     at its end:         sg_ingest_finish(p);
 *     r = sg_ingest_parser_result(p);
 *     reply sg_ingest_http_status(r), unless 204 with sg_ingest_result_print(r, &body)
 *
 * UDP: sg_statsd_parse per datagram, sg_batcher_flush after each burst.
 *
 * Good lines are kept, bad ones are named: line, column, reason. No allocation per sample once a
 * series is known. Everything here is used by one thread at a time; a batcher and its parsers by
 * the same one.
 */
#ifndef STREAMGAUGE_INGEST_H
#define STREAMGAUGE_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/batch.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/labels.h>
#include <streamgauge/str.h>

/* Lines that a result names; more are only counted. */
#define SG_INGEST_MAX_ERRORS 10

enum sg_ingest_format {
    SG_INGEST_PROM_TEXT,   /* Prometheus text 0.0.4, with quoted UTF-8 names */
    SG_INGEST_OPENMETRICS, /* OpenMetrics 1.0: timestamps in seconds, "# EOF" required */
    SG_INGEST_INFLUX,      /* Influx line protocol */
    SG_INGEST_JSON,   /* {"metric","labels","value","timestamp"}: one, an array, or one after the
                         other */
    SG_INGEST_STATSD, /* StatsD lines in a body; a datagram goes to sg_statsd_parse instead */
};

/* Unit of Influx timestamps. */
enum sg_ingest_precision {
    SG_PRECISION_NS,
    SG_PRECISION_US,
    SG_PRECISION_MS,
    SG_PRECISION_S,
    SG_PRECISION_M,
    SG_PRECISION_H,
};

/* 0 means the default. */
struct sg_ingest_limits {
    uint32_t max_line;     /* bytes of a line or a JSON element; 65536 */
    uint32_t max_labels;   /* labels of a series, the name included; 64 */
    uint32_t max_name;     /* bytes of a metric or label name; 512 */
    uint32_t max_value;    /* bytes of a label value or a help text; 4096 */
    int64_t max_future_ms; /* timestamps later than now + this are refused; 600000. Negative: any up
                              to year 9999 */
    int64_t max_age_ms; /* timestamps before now - this are refused: nobody would keep them. 0: any
                           from year 1 on */
};

struct sg_batcher_config {
    /* Takes the batch and returns 0, or returns SG_EBUSY and leaves it. A batch that is not taken
     * is freed and its samples are counted as dropped. */
    int (*submit)(void *ctx, struct sg_batch *batch);
    void *ctx;
    struct sg_source *source;    /* for StatsD, and for parsers that name no other; borrowed */
    struct sg_ingest_gate *gate; /* borrowed */
    struct sg_ingest_limits limits;
    uint32_t cache_max;    /* series to remember, 64 B each; 0: 262144. Beyond, those not used for
                              longest are forgotten */
    uint32_t batch_points; /* most points of one batch; 0: 2048 */
};

struct sg_batcher;

SG_API struct sg_batcher *sg_batcher_new(const struct sg_batcher_config *config);
/* Drops what is not flushed. All parsers of this batcher are freed before. Accepts NULL. */
SG_API void sg_batcher_free(struct sg_batcher *b);
/* Submits what is there and publishes counters to the source. 0 or SG_EBUSY (samples dropped and
 * counted). */
SG_API int sg_batcher_flush(struct sg_batcher *b);
/* Describes a family to the engine, once until it changes. NULL strings are allowed for help and
 * unit. */
SG_API void sg_batcher_describe(struct sg_batcher *b, struct sg_str metric,
                                enum sg_metric_type type, struct sg_str help, struct sg_str unit);

struct sg_ingest_line_error {
    enum sg_errc code;
    uint32_t line, column; /* 1-based, column in bytes; StatsD: line within the datagram */
    char text[192];        /* as struct sg_error */
};

struct sg_ingest_result {
    uint64_t accepted; /* samples taken by `submit` */
    uint64_t rejected; /* lines, JSON elements or StatsD samples refused */
    uint64_t dropped;  /* samples lost because the queue was full: send again */
    uint64_t ignored;  /* Influx string fields; StatsD tags without a value */
    uint64_t events;   /* DogStatsD events and service checks */
    bool series_full;  /* a sample was refused because the series limit is reached */
    uint32_t n_errors; /* of errors[] */
    struct sg_ingest_line_error errors[SG_INGEST_MAX_ERRORS]; /* in order; [0] is the first */
};

/* 204, 400 (something was rejected) or 429 (queue or series limit; add Retry-After). */
SG_API int sg_ingest_http_status(const struct sg_ingest_result *r);
/* {"error":…,"line":…,"column":…,"accepted":n,"rejected":n,"dropped":n,"errors":[{"line","column","error"}…]}
 */
SG_API void sg_ingest_result_print(const struct sg_ingest_result *r, struct sg_buf *out);

struct sg_ingest_options {
    enum sg_ingest_format format;
    enum sg_ingest_precision precision; /* Influx */
    struct sg_source *source;           /* NULL: that of the batcher; borrowed */
    const struct sg_labels
        *extra;     /* NULL or labels set on every series, they win over its own; shared */
    int64_t now_ms; /* time of samples without timestamp */
};

struct sg_ingest_parser;

SG_API struct sg_ingest_parser *sg_ingest_parser_new(struct sg_batcher *b,
                                                     const struct sg_ingest_options *o);
SG_API void sg_ingest_parser_free(struct sg_ingest_parser *p); /* accepts NULL */
/* Takes the next bytes, cut anywhere, and flushes the batcher. 0, or SG_EBUSY: the queue is full,
 * the rest of the body is not looked at any more (later calls return SG_EBUSY too). Bad lines are
 * no failure: see the result. */
SG_API int sg_ingest_feed(struct sg_ingest_parser *p, const char *data, size_t n);
/* End of the body: the last line needs no newline. Once. 0 or SG_EBUSY. */
SG_API int sg_ingest_finish(struct sg_ingest_parser *p);
/* Borrowed while the parser lives. */
SG_API const struct sg_ingest_result *sg_ingest_parser_result(const struct sg_ingest_parser *p);

/* One datagram, complete in itself. Adds to *result, which must stay valid until sg_batcher_flush
 * (accepted and dropped are known only then). When the queue is full the batch is dropped, counted,
 * and parsing goes on.
 *
 * name:value[:value…]|type[|@rate][|#tag:value,…][|Tseconds][|other…]; types c g ms h d s. Names
 * and tag keys as statsd_exporter makes them: every character outside [a-zA-Z0-9_] becomes '_', a
 * leading digit gets '_' in front. Tags without value are ignored (counted). Influx (name,k=v),
 * Librato (name#k=v) and SignalFx (name[k=v]) tags too. */
SG_API void sg_statsd_parse(struct sg_batcher *b, const char *p, size_t n, int64_t now_ms,
                            struct sg_ingest_result *result);

/* ---- Prometheus remote write: one message per body, known only when it is whole ---- */

enum sg_remote_write_version {
    SG_REMOTE_WRITE_1, /* prometheus.WriteRequest */
    SG_REMOTE_WRITE_2, /* io.prometheus.write.v2.Request */
};

struct sg_remote_write_options {
    enum sg_remote_write_version version;
    struct sg_source *source; /* NULL: that of the batcher; borrowed */
    int64_t now_ms;
    size_t max_message; /* bytes uncompressed; 0: 32 MiB; at most 1 GiB */
};

struct sg_remote_write_result {
    int code; /* 0, or why nothing was taken: SG_ESYNTAX (snappy or message malformed), SG_ELIMIT
                 (larger than max_message), SG_ENOMEM */
    /* Elements handed to the engine. */
    uint64_t samples, histograms, exemplars;
    /* accepted: samples and histograms; rejected: those refused, at least one per refused series;
     * errors: line is the 1-based number of the TimeSeries (0: the message), column 0. */
    struct sg_ingest_result ingest;
};

/* Message of a Content-Type: application/x-protobuf[;proto=…]; an empty one is 1.0, as upstream.
 * SG_EUNSUPPORTED (answer 415) for others. */
SG_API SG_NODISCARD int sg_remote_write_detect(struct sg_str content_type,
                                               enum sg_remote_write_version *ret,
                                               struct sg_error *reterr);
/* Takes the body of a request (snappy block format) and flushes the batcher. The length that snappy
 * announces is checked against max_message, and against what so many bytes can hold, before memory
 * is taken. Good series are kept, bad ones named; what lies outside of a series must be right.
 *
 * Late and duplicate samples are judged by the store, after the answer: they are not named here.
 * Labels may come unsorted; an empty value means no label, as in Prometheus. Start timestamps are
 * ignored. Histograms of schemas 9 to 52 are brought to 8; a histogram whose sum is the staleness
 * marker becomes a marker of the series. */
SG_API void sg_remote_write(struct sg_batcher *b, const struct sg_remote_write_options *o,
                            const void *body, size_t n, struct sg_remote_write_result *ret);
/* 204, 400, 413, 429 (series limit: senders drop) or 503 (queue full: senders try again; add
 * Retry-After to both). */
SG_API int sg_remote_write_status(const struct sg_remote_write_result *r);
/* {"error":…,"series":n,"samples":n,"histograms":n,"exemplars":n,"rejected":n,"dropped":n,
 * "errors":[{"series","error"}…]} in one line: senders log the first. */
SG_API void sg_remote_write_print(const struct sg_remote_write_result *r, struct sg_buf *out);

/* Format of a body from its Content-Type; `fallback` is what the endpoint speaks, used for absent,
 * form and plain text types. SG_EUNSUPPORTED (answer 415) names a type or charset we do not read.
 */
SG_API SG_NODISCARD int sg_ingest_detect(struct sg_str content_type, enum sg_ingest_format fallback,
                                         enum sg_ingest_format *ret, struct sg_error *reterr);
/* n ns u us µ ms s m h; empty is ns. SG_EINVALID for others. */
SG_API SG_NODISCARD int sg_ingest_precision_parse(struct sg_str text, enum sg_ingest_precision *ret,
                                                  struct sg_error *reterr);

#endif
