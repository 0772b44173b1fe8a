/* digest_priv.h - a report while it is collected, and what it says. */
#ifndef SG_ALERT_DIGEST_PRIV_H
#define SG_ALERT_DIGEST_PRIV_H

#include <streamgauge/digest.h>

#define SG__REPORT_SERIES 256 /* of all expressions */
#define SG__REPORT_EPISODES 10000
#define SG__REPORT_NAMES 256

struct sg__bucket_sum {
    uint64_t n;
    double sum;
};

struct sg__report_series {
    const struct sg_digest_expr *def;
    char *text; /* labels; owned */
    uint64_t n;
    double min, max, sum, last;
    int64_t at_ms; /* of last */
    struct sg__bucket_sum bucket[SG_DIGEST_BUCKETS];
};

struct sg__episode_seen {
    char *id, *name; /* owned */
    uint64_t hash;   /* of id */
    const char *severity;
    int64_t starts_ms, ends_ms; /* 0: it fires */
};

struct sg__worst { /* alerts of one name */
    const char *name, *severity;
    uint64_t times, firing;
    int64_t total_ms, longest_ms;
};

struct sg_digest_report {
    const struct sg_digest *def;
    int64_t from_ms, until_ms;
    int32_t offset_s;
    struct sg__report_series *series[SG__REPORT_SERIES];
    size_t n_series;
    struct sg__episode_seen episodes[SG__REPORT_EPISODES];
    size_t n_episodes;
    uint64_t left_out; /* episodes */
    uint64_t minutes, starts;
    int64_t recorded_ms; /* the first minute that is recorded at all; INT64_MAX: none */
    int64_t counted_ms;  /* end of what minutes are of */
    int64_t noted_ms;    /* earlier notifications are not kept */
};

/* Alerts by urgency and time, at most max; returns how many. */
size_t sg__report_worst(const struct sg_digest_report *r, struct sg__worst *ret, size_t max);
/* Share of the time in which values were recorded, 0 to 1: of the period, or of what is left of it
 * after the first recorded minute. */
double sg__report_uptime(const struct sg_digest_report *r);

/* digest_text.c */
void sg__report_subject(const struct sg_digest_report *r, struct sg_buf *out);
void sg__report_text(const struct sg_digest_report *r, struct sg_buf *out);
void sg__report_html(const struct sg_digest_report *r, struct sg_str external_url,
                     struct sg_buf *out);
/* A line of bars over the period, one per bucket; a dot where there is no value. */
void sg__report_bars(const struct sg__report_series *s, struct sg_buf *out);

#endif
