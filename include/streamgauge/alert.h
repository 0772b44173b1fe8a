/* alert.h - an alert: what rules, dispatcher and API hand each other.
 *
 * An alert is identified by its labels. Its labels' fingerprint is Alertmanager's (FNV-1a over
 * names and values, 64 bit), so it is the same in every process and for amtool.
 */
#ifndef STREAMGAUGE_ALERT_H
#define STREAMGAUGE_ALERT_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/labels.h>
#include <streamgauge/str.h>

/* Of one instance of an alerting rule. Prometheus' three, and the time after firing in which it is
 * still told as resolved. */
enum sg_alert_state {
    SG_ALERT_INACTIVE,
    SG_ALERT_PENDING,  /* the expression has been true for less than `for` */
    SG_ALERT_FIRING,   /* or kept firing by keep_firing_for */
    SG_ALERT_RESOLVED, /* not true any more after it fired; forgotten after 15 min */
    SG_N_ALERT_STATES
};
SG_API const char *sg_alert_state_name(enum sg_alert_state s); /* "inactive", "pending" … */

/* What happened at one evaluation. */
enum sg_alert_event {
    SG_ALERT_TRUE,    /* the expression has this series */
    SG_ALERT_FALSE,   /* it has not */
    SG_ALERT_UNKNOWN, /* the evaluation failed, or data is missing just after a start */
    SG_N_ALERT_EVENTS
};

/* How long an alert that resolved is kept as such, as in Prometheus. */
#define SG_ALERT_RETENTION_MS (15 * 60 * INT64_C(1000))

struct sg_alert_times {      /* monotonic ms, of the owner's clock */
    int64_t for_ms, keep_ms; /* of the rule */
    int64_t active_ms;       /* pending since */
    int64_t kept_ms;         /* while kept: kept firing since, the first time it was not seen */
    int64_t changed_ms;      /* last change of state */
    bool kept;               /* fires only because of keep_firing_for */
};

/* The state table: the state that follows. Pure; every pair is defined. t's fields are updated. */
SG_API enum sg_alert_state sg_alert_next(enum sg_alert_state s, enum sg_alert_event e,
                                         struct sg_alert_times *t, int64_t mono_ms);

/* What the dispatcher is told about an instance. Borrowed for the call. */
struct sg_alert {
    const struct sg_labels *labels;      /* alertname included */
    const struct sg_labels *annotations; /* expanded; may be the empty set */
    int64_t starts_ms;                   /* wall clock, when it began to fire */
    int64_t ends_ms;                     /* when it resolved, or when it will have unless it is told
                                            again (from the API); 0: fires until told otherwise */
    double value;                        /* of the expression; NaN when unknown */
    struct sg_str generator_url;
    struct sg_str rule;  /* "<file>;<group>;<name>", empty from the API */
    int64_t interval_ms; /* how often it is told at least; 0: unknown */
    bool external;       /* came through the API */
};

SG_API uint64_t sg_alert_fingerprint(const struct sg_labels *labels);
/* 16 hexadecimal digits and a NUL. */
SG_API void sg_alert_fingerprint_text(uint64_t fp, char dst[17]);

/* "info", "warning" or "critical" from the label `severity`: critical, page, emergency, fatal,
 * error, high → critical; info, none, low, debug, notice → info; all else → warning. Static text.
 */
SG_API const char *sg_alert_severity(const struct sg_labels *labels);

#endif
