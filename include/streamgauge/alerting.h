/* alerting.h - from alerts to notifications: routes, groups, silences, inhibition, acknowledgement,
 * flapping; Alertmanager's names and meaning.
 *
 * Belongs to the engine's thread, reads no clock, does no I/O. Alerts come from the ruler's hook
 * and from the API; what must be told goes out as journal ops (outbox rows, state) and as
 * notifications of the live feed.
 *
 *     sg_routing_parse(yaml root, &routing, &err);        // any thread
 *     a = sg_alerting_new(&options);  sg_alerting_load_take(a, routing);
 *     sg_alerting_restore(a, table, key, body, now)        // rows of an earlier process
 *     ruler hook:      sg_alerting_alert(a, &alert, state, wall_ms, mono_ms)
 *     every base tick: sg_alerting_tick(a, wall_ms, mono_ms, journal)
 *
 * What is sent: the body of an outbox row is Alertmanager's webhook data, version 4, with further
 * keys that receivers which do not know them ignore:
 *     {"version":"4","groupKey","truncatedAlerts","status":"firing|resolved|acknowledged",
 *      "receiver","groupLabels","commonLabels","commonAnnotations","externalURL",
 *      "alerts":[{"status","labels","annotations","startsAt","endsAt","generatorURL","fingerprint",
 *                 "value","acknowledgedBy"?,"flapping"?,"id"}],
 *      "kind":"alerts|digest|test", "notificationTime": ms, "digest"?: {…}}
 */
#ifndef STREAMGAUGE_ALERTING_H
#define STREAMGAUGE_ALERTING_H

#include <stdatomic.h>
#include <streamgauge/alert.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/journal.h>
#include <streamgauge/matcher.h>
#include <streamgauge/yaml.h>

/* ---- routing: the part of the configuration that has Alertmanager's shape ---- */

struct sg_routing; /* immutable */

/* One way of a receiver, as notify knows it: target "<receiver>/<kind>/<index>". */
struct sg_integration {
    struct sg_str target;
    bool send_resolved;
    bool acknowledges; /* wants to be told of acknowledgements: when all firing alerts of the group
                          are acknowledged; web push: of each */
    bool push;         /* web push: one row per browser */
    bool every;        /* is told of every alert: what is too much for one row goes on in the next;
                          others are told how many were left out */
};

/* Reads route, inhibit_rules, time_intervals, mute_time_intervals, maintenance, dead_mans_switches,
 * flapping and resolve_timeout of global from the root of a configuration (others are ignored).
 * receivers: names that exist. A missing route is one that sends everything to the first receiver,
 * or nowhere. */
SG_API SG_NODISCARD int sg_routing_parse(const struct sg_yaml_node *root,
                                         const struct sg_integration *integrations, size_t n,
                                         const struct sg_str *receivers, size_t n_receivers,
                                         struct sg_routing **ret, struct sg_error *reterr);
SG_API void sg_routing_free(struct sg_routing *r); /* accepts NULL */
/* Receivers that an alert with these labels goes to, in order: how many, of which ret has the first
 * max. For tests of a configuration. */
SG_API size_t sg_routing_receivers(const struct sg_routing *r, const struct sg_labels *labels,
                                   struct sg_str *ret, size_t max);

/* Zones that time intervals name and that are not UTC or a fixed offset ("+02:00"), so that the
 * owner can check that his utc_offset knows them. Returns how many, of which ret has the first max.
 */
SG_API size_t sg_routing_zones(const struct sg_routing *r, struct sg_str *ret, size_t max);

/* ---- the alerting core ---- */

struct sg_alerting;

struct sg_alerting_hooks {
    /* Publishes on the feed: id, type, title, message … as DESIGN section 5 (JSON). */
    void (*notify)(void *ctx, struct sg_str json, const char *severity,
                   const struct sg_labels *labels);
    void (*random_bytes)(void *dst, size_t n); /* ids of silences, idempotency keys */
    /* Seconds east of UTC of a zone ("Europe/Berlin", "Local") at that time; SG_ENOTFOUND. Fixed
     * offsets and UTC are not asked for. NULL: all others count as UTC. */
    int (*utc_offset)(void *ctx, struct sg_str zone, int64_t wall_ms, int32_t *ret_s);
    void *ctx;
};

struct sg_alerting_options {
    struct sg_alerting_hooks hooks;
    struct sg_str external_url; /* copied */
    int64_t resolve_timeout_ms; /* of alerts from the API without endsAt, unless the routing says
                                   otherwise; 5 min */
    uint32_t max_alerts;        /* 100000; beyond: from the API 429, from rules counted and told */
    uint32_t max_silences;      /* 10000 */
    uint32_t max_groups;        /* 100000 */
};

struct sg_alerting_stats {
    atomic_ullong alerts, suppressed, acknowledged, flapping, silences, groups; /* now */
    atomic_ullong notifications, sends, refused; /* to the feed; outbox rows; over a limit */
};

SG_API void sg_alerting_options_default(struct sg_alerting_options *o);
SG_API struct sg_alerting *sg_alerting_new(const struct sg_alerting_options *o);
SG_API void sg_alerting_free(struct sg_alerting *a); /* accepts NULL */
/* For notifications to come. Copied. */
SG_API void sg_alerting_set_external_url(struct sg_alerting *a, struct sg_str url);
/* Takes the routing; groups, notification log and alerts are kept. Also for a reload. */
SG_API void sg_alerting_load_take(struct sg_alerting *a, struct sg_routing *routing);
/* A row of an earlier process: SG_TABLE_ALERTS (keys "api/…" are alerting's own, others are
 * ignored), SILENCES, ACKS, NFLOG; in any order, after the first load and before the first tick. */
SG_API void sg_alerting_restore(struct sg_alerting *a, enum sg_table table, struct sg_str key,
                                struct sg_str body, int64_t wall_ms, int64_t mono_ms);
/* An alert of the ruler or of the API. Resolved when its ends_ms is set and not after wall_ms.
 * Copies. SG_ELIMIT; SG_EINVALID: it has no labels, its fingerprint belongs to another one, or
 * labels and annotations take more than 128 KiB. */
SG_API int sg_alerting_alert(struct sg_alerting *a, const struct sg_alert *alert, int64_t wall_ms,
                             int64_t mono_ms, struct sg_error *reterr);
/* How soon an alert must be told again to hold its dead man's switches, ms; INT64_MAX: it holds
 * none. */
SG_API int64_t sg_alerting_resend_ms(const struct sg_alerting *a, const struct sg_labels *labels);
/* Ends what has timed out, sends the groups that are due, publishes what changed. Fills journal. */
SG_API void sg_alerting_tick(struct sg_alerting *a, int64_t wall_ms, int64_t mono_ms,
                             struct sg_journal *journal);
SG_API const struct sg_alerting_stats *sg_alerting_get_stats(const struct sg_alerting *a);

/* ---- silences and acknowledgements; changes go out with the next tick's journal ---- */

enum sg_silence_state { SG_SILENCE_PENDING, SG_SILENCE_ACTIVE, SG_SILENCE_EXPIRED };

struct sg_silence {
    char id[37]; /* UUID; empty: a new one */
    struct sg_matcher *matchers;
    size_t n_matchers;
    int64_t starts_ms, ends_ms, updated_ms;
    struct sg_str created_by, comment;
};
/* Creates, or changes the one with that id (as Alertmanager: an incompatible change expires it and
 * makes a new one). Copies. ret_id has 37 bytes. SG_EINVALID, SG_ENOTFOUND, SG_ELIMIT. */
SG_API SG_NODISCARD int sg_alerting_silence(struct sg_alerting *a, const struct sg_silence *s,
                                            int64_t wall_ms, char *ret_id, struct sg_error *reterr);
SG_API SG_NODISCARD int sg_alerting_expire(struct sg_alerting *a, struct sg_str id, int64_t wall_ms,
                                           struct sg_error *reterr);

struct sg_ack {
    struct sg_str by, comment;
    int64_t at_ms, expires_ms; /* 0: until it resolves */
};
/* id: of a notification ("<fingerprint>-<start>") or a fingerprint. Acknowledges a firing alert for
 * everybody: published on the feed, repeats stop, integrations that acknowledge are told.
 * SG_ENOTFOUND: it does not fire (any more). */
SG_API SG_NODISCARD int sg_alerting_ack(struct sg_alerting *a, struct sg_str id,
                                        const struct sg_ack *ack, int64_t wall_ms,
                                        struct sg_error *reterr);
SG_API SG_NODISCARD int sg_alerting_unack(struct sg_alerting *a, struct sg_str id, int64_t wall_ms,
                                          struct sg_error *reterr);

/* ---- looking at it: a copy that any thread may read ---- */

struct sg_alert_info {
    struct sg_alert alert; /* strings and labels owned by the copy */
    uint64_t fingerprint;
    int64_t updated_ms;
    bool resolved, flapping;
    const char *state;        /* "active", "suppressed", "unprocessed" */
    const char **silenced_by; /* ids */
    char (*inhibited_by)[17]; /* fingerprints */
    struct sg_str *muted_by;  /* names of time intervals */
    size_t n_silenced_by, n_inhibited_by, n_muted_by;
    struct sg_str *receivers;
    size_t n_receivers;
    bool acked;
    struct sg_ack ack;
};
struct sg_silence_info {
    struct sg_silence silence;
    enum sg_silence_state state;
    bool maintenance; /* of the configuration: cannot be changed */
};
struct sg_alert_group_info {
    struct sg_str receiver, key;
    const struct sg_labels *labels;
    uint32_t *alerts; /* indexes */
    size_t n_alerts;
};
struct sg_alerting_info {
    struct sg_alert_info *alerts; /* by fingerprint */
    size_t n_alerts;
    struct sg_silence_info *silences;
    size_t n_silences;
    struct sg_alert_group_info *groups;
    size_t n_groups;
    struct sg_str *receivers; /* all names */
    size_t n_receivers;
    void *priv;
};
SG_API struct sg_alerting_info *sg_alerting_look(struct sg_alerting *a, int64_t wall_ms);
SG_API void sg_alerting_info_free(struct sg_alerting_info *info); /* accepts NULL */

#endif
