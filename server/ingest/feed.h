/* feed.h - what every parser shares: where samples go, how faults are told, and the slow path of a
 * series seen first. */
#ifndef SG_INGEST_FEED_H
#define SG_INGEST_FEED_H

#include <streamgauge/ingest.h>

#include "batcher.h"

/* What is wrong with the line at hand, and where. */
struct sg__fault {
    enum sg_errc code;
    bool mute;      /* enough lines are named already: text is left empty */
    const char *at; /* first offending byte */
    char text[192];
};

struct sg__feed {
    struct sg_batcher *b;
    struct sg_ingest_result *result;
    const struct sg_labels *extra; /* or NULL */
    int64_t now_ms;
    struct sg_hash128 salt; /* of every series key: format and extra labels */
    struct sg__fault fault;
};

/* A token in a message: %.*s, cut to a readable length. */
#define SG__TOKEN_MAX 48
#define SG__TOKEN(p, n) (int)((n) < SG__TOKEN_MAX ? (n) : SG__TOKEN_MAX), (p)

void sg__feed_init(struct sg__feed *f, struct sg_batcher *b, const struct sg_labels *extra,
                   uint64_t format);
/* Notes what is wrong and is `code`, a negative constant: `return sg__fault_set(…)`. The first
 * fault of a line wins. */
#define sg__fault_set(f, code, at, ...)                                                            \
    (sg__fault_note((f), (code), (at), __VA_ARGS__), (int)(code))
void sg__fault_note(struct sg__feed *f, enum sg_errc code, const char *at, const char *fmt, ...)
    SG_PRINTF(4, 5);
/* Counts the fault as one rejected line or sample and clears it; column counts from line_start. */
void sg__feed_reject(struct sg__feed *f, uint32_t line, const char *line_start);
void sg__feed_reject_at(struct sg__feed *f, uint32_t line, uint32_t column);

/* Checks that a timestamp is of this world and not beyond limits.max_future_ms; else SG_EINVALID.
 * `text` is quoted. */
int sg__feed_time(struct sg__feed *f, int64_t time_ms, struct sg_str text);
/* The text is valid UTF-8, else SG_EINVALID at the first bad byte. */
int sg__feed_utf8(struct sg__feed *f, const char *p, size_t n);
/* Length limits of one label; `at` is its place in the line. */
int sg__feed_label(struct sg__feed *f, struct sg_str name, struct sg_str value, const char *at);
/* Registers the series whose labels are in b->builder. SG_EINVALID (duplicate label, no name, too
 * many labels) or SG_ELIMIT. `last_wins`: a label given twice is no fault. The batch has room. */
int sg__feed_birth(struct sg__feed *f, struct sg_hash128 key, const char *at, bool last_wins,
                   uint32_t *ret_series);
/* The labels in b->builder and those of f->extra, owned; NULL when the fault is set. */
const struct sg_labels *sg__feed_labels(struct sg__feed *f, const char *at, bool last_wins);
int sg__feed_series_full(struct sg__feed *f, const char *at);

/* Appends to b->builder name made of [a-zA-Z0-9_]: as statsd_exporter (see sg_statsd_parse).
 * `dashes`: "--" gives one '_'. Writes into dst, which has at least n + 1 bytes; returns the
 * length. */
size_t sg__sanitize(const char *p, size_t n, bool dashes, char *dst);

/* A time of its own that is the very millisecond of its arrival is taken for none. */
static inline void sg__feed_sample(struct sg__feed *f, uint32_t series, enum sg_op op,
                                   int64_t time_ms, double value)
{
    sg__batcher_add(f->b, (struct sg_point){.series = series,
                                            .op = (uint16_t)op,
                                            .flags = time_ms == f->now_ms ? SG_POINT_ARRIVAL : 0,
                                            .time_ms = time_ms,
                                            .value = value});
    f->b->samples++;
}

#endif
