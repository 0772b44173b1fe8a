/* statsd.h - one StatsD line between the fast path and the rest of its grammar. */
#ifndef SG_INGEST_STATSD_H
#define SG_INGEST_STATSD_H

#include "feed.h"

enum sg__statsd_type {
    SG__STATSD_COUNTER,
    SG__STATSD_GAUGE,
    SG__STATSD_TIMER,
    SG__STATSD_HISTOGRAM,
    SG__STATSD_DISTRIBUTION,
    SG__STATSD_SET,
    SG__STATSD_TYPES,
};

/* One `value|type|fields` of a line. */
struct sg__statsd_sample {
    struct sg_str name;  /* raw, with Influx, Librato or SignalFx tags if there are any */
    struct sg_str value; /* all values of a packed sample */
    struct sg_str tags;  /* of `|#…`; n == 0: none */
    struct sg_str time_text;
    enum sg__statsd_type type;
    bool has_time;
    bool is_resolved; /* the next two are good */
    uint32_t series;  /* of a point in … */
    uint32_t batch;   /* … this batch */
    double rate;      /* 1: not sampled */
    int64_t time_ms;  /* of |T, or now */
};

/* Key of the series; the tags are part of it. */
struct sg_hash128 sg__statsd_key(const struct sg__feed *f, const struct sg__statsd_sample *s);
/* Sanitises name and tags and registers the series. 0 or a fault. */
int sg__statsd_birth(struct sg__feed *f, struct sg_hash128 key, const struct sg__statsd_sample *s,
                     uint32_t *ret_series);

#endif
