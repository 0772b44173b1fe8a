/* alerting_priv.h - the alerting core from inside.
 *
 * An alert has a raw state, as it was told, and an effective one, which flapping may hold. Changes
 * mark it dirty; at the tick dirty alerts are settled (is it suppressed? what does the feed hear?),
 * then the groups whose timer is due are flushed against the notification log, then the rows of
 * what changed go to the journal. So a tick costs what changed and what is due.
 *
 *     alerting.c              alerts: told, timed out, dropped; the tick
 *     alerting_row.c          alerts and logs as rows, and back
 *     alerting_look.c         the copy for other threads
 *     dispatch.c, group.c     routes to groups; flush
 *     dispatch_log.c          what each integration of a group was told last
 *     notification.c          JSON of the feed and of the outbox
 *     silence.c, maintenance.c, inhibit.c, ack.c, flap.c, deadman.c
 */
#ifndef SG_ALERT_ALERTING_PRIV_H
#define SG_ALERT_ALERTING_PRIV_H

#include <streamgauge/hashtab.h>

#include "alerting_timers.h"
#include "routing.h"

#define SG__ALERT_KEEP_MS (15 * INT64_C(60000))      /* resolved ones, for flapping */
#define SG__ALERT_GRACE_MS (5 * INT64_C(60000))      /* restored ones, until they are told again */
#define SG__SILENCE_KEEP_MS (120 * INT64_C(3600000)) /* expired ones, as Alertmanager */
#define SG__LOG_KEEP_MS (120 * INT64_C(3600000))
#define SG__FOREVER INT64_MAX

enum sg__timer_kind {
    SG__TIMER_ALERT,  /* its end, or when a resolved one is dropped */
    SG__TIMER_STABLE, /* it stops to flap */
    SG__TIMER_ACK,
    SG__TIMER_DEADMAN,
    SG__TIMER_GROUP, /* in the heap of groups */
};

struct sg__alert;
struct sg__group;

struct sg__member { /* an alert in a group */
    struct sg__alert *alert;
    struct sg__group *group;
    struct sg__member *next; /* of the alert */
    uint32_t pos;            /* in the group's members */
};

struct sg__silence {
    struct sg_hashlink node; /* by id */
    struct sg_silence s;     /* owned */
    enum sg_silence_state state;
    const struct sg__maintenance *of; /* NULL: not of the configuration */
};

struct sg__inhibit_bucket { /* alerts of one rule with the same values of its `equal` labels */
    struct sg_hashlink node;
    uint32_t rule;
    uint32_t n_links;
    uint32_t n_sources, n_both; /* firing sources that are no targets too; that are */
    struct sg__inhibit_link *links;
};

struct sg__inhibit_link {
    struct sg__alert *alert;
    struct sg__inhibit_bucket *bucket;
    struct sg__inhibit_link *prev, *next; /* in the bucket */
    struct sg__inhibit_link *more;        /* of the alert */
    bool source, target, counted;         /* counted: as a firing source */
};

struct sg__ack {
    struct sg_hashlink node; /* by fingerprint */
    uint64_t fp;
    uint32_t index;    /* in acks */
    int64_t starts_ms; /* the episode it belongs to */
    struct sg_ack ack; /* strings owned */
    struct sg__timer timer;
};

struct sg__flap {
    uint32_t n, head; /* a ring of the last transitions, monotonic ms */
    int64_t at[SG__MAX_TRANSITIONS];
};

struct sg__alert {
    struct sg_hashlink node;   /* by fingerprint */
    uint32_t index, dirty_pos; /* in alerts; in dirty + 1 */
    uint64_t fp;
    const struct sg_labels *labels, *annotations;
    struct sg_str generator_url, rule; /* owned */
    double value;
    int64_t interval_ms, updated_ms, timeout_ms;
    int64_t starts_ms, ends_ms;         /* of the effective episode; ends 0: fires */
    int64_t raw_starts_ms, raw_ends_ms; /* as told */
    int64_t changed_mono_ms;            /* last change of the raw state */
    struct sg__timer timer, stable;
    struct sg__member *members;
    struct sg__inhibit_link *links;
    struct sg__silence **silences;
    size_t n_silences, cap_silences;
    struct sg__ack *ack;
    struct sg__flap *flap;
    uint64_t watches; /* dead man's switches that it holds */
    bool external, firing, raw_firing, flapping;
    bool suppressed;     /* when it was settled last */
    bool fed;            /* the feed was told that it fires */
    bool partial;        /* not in all of its groups: there were too many */
    uint8_t counted;     /* as what, in the statistics */
    bool row, row_dirty; /* it has a row; which is out of date */
};

struct sg__episode { /* of an alert: from one begin to the end that belongs to it */
    uint64_t fp;
    int64_t starts_ms;
};

/* What one integration was told last about a group. */
struct sg__told {
    struct sg_str target; /* owned */
    int64_t time_ms, mono_ms;
    struct sg__episode *firing; /* by fingerprint, each once */
    size_t n_firing, cap_firing;
};

struct sg__log {
    struct sg_hashlink node; /* by key */
    uint32_t index;          /* in logs */
    struct sg_str key;       /* "<receiver>:<group key>", owned */
    struct sg__told *told;
    size_t n_told;
    int64_t flushed_mono_ms, put_ms, expires_ms;
    bool flushed;
    uint32_t n_groups;
};

struct sg__group {
    struct sg_hashlink node; /* by key */
    const struct sg__route *route;
    const struct sg_labels *labels;
    struct sg_str key, order_key; /* owned; of the body; "<receiver>:<key>" */
    struct sg__member **members;
    size_t n_members, cap_members;
    uint32_t index; /* in groups */
    struct sg__timer timer;
    struct sg__log *log;
    int64_t repeat_mono_ms; /* earliest repetition */
    bool flushed, dirty;
    const struct sg__intervals *muted; /* at the last flush */
};

struct sg__switch {
    const struct sg__deadman *def;
    struct sg__timer timer;
    bool armed;
};

struct sg_alerting {
    struct sg_alerting_options o;
    struct sg_routing *routing; /* never NULL after the first load */
    struct sg_journal *journal; /* collected since the last tick, and during it */
    int64_t wall_ms, mono_ms;   /* as told last */
    struct sg_alerting_stats stats;

    struct sg_hashtab by_fp, by_silence, by_ack, by_group, by_log, by_inhibit;
    struct sg__alert **alerts;
    size_t n_alerts, cap_alerts;
    struct sg__alert **dirty;
    size_t n_dirty, cap_dirty;
    struct sg__silence **silences;
    size_t n_silences, cap_silences;
    struct sg__ack **acks;
    size_t n_acks, cap_acks;
    struct sg__group **groups;
    size_t n_groups, cap_groups;
    struct sg__log **logs;
    size_t n_logs, cap_logs;
    struct sg__switch *switches;
    size_t n_switches;
    struct sg__timers timers, group_timers;
    int64_t silence_due_ms; /* wall clock: when a silence changes next */
    int64_t sweep_mono_ms, room_mono_ms;
    size_t n_firing, n_suppressed, n_flapping, n_active,
        n_acked;                   /* alerts; silences; acks in use */
    bool alerts_full, groups_full; /* told */
    struct sg_buf scratch;
};

/* Puts s into the array and returns its place. */
#define SG__PUSH(array, n, cap, s)                                                                 \
    ((array) = sg_grow((array), &(cap), (n) + 1, sizeof(*(array))), (array)[(n)++] = (s))

/* ---- alerting.c ---- */
struct sg__alert *sg__alert_find(const struct sg_alerting *a, uint64_t fp);
void sg__alert_dirty(struct sg_alerting *a, struct sg__alert *alert);
/* The row is to be written, or deleted. */
void sg__alert_row(struct sg_alerting *a, struct sg__alert *alert);
/* The effective state changes. */
void sg__alert_begin(struct sg_alerting *a, struct sg__alert *alert, int64_t starts_ms);
void sg__alert_end(struct sg_alerting *a, struct sg__alert *alert, int64_t ends_ms);
/* The raw state changes, or is confirmed. */
void sg__alert_told(struct sg_alerting *a, struct sg__alert *alert, bool firing,
                    const struct sg_alert *as);
/* Makes one; takes nothing. Its state is to be set. */
struct sg__alert *sg__alert_new(struct sg_alerting *a, const struct sg_alert *as, uint64_t fp);
/* Of our own: bypasses limits. */
void sg__alert_internal(struct sg_alerting *a, const struct sg_labels *labels,
                        const struct sg_labels *annotations, bool firing);
int64_t sg__resolve_timeout_ms(const struct sg_alerting *a);
struct sg_str sg__str_own(struct sg_str s);

/* ---- alerting_row.c ---- */
void sg__alert_write(struct sg_alerting *a, struct sg__alert *alert);

/* ---- dispatch.c, group.c ---- */
void sg__dispatch(struct sg_alerting *a, struct sg__alert *alert);
void sg__dispatch_all(struct sg_alerting *a);
void sg__groups_dirty(struct sg__alert *alert);
void sg__member_free(struct sg_alerting *a, struct sg__member *m);
void sg__group_free(struct sg_alerting *a, struct sg__group *g); /* with its members */
void sg__alert_group_flush(struct sg_alerting *a, struct sg__group *g);
struct sg__line { /* of a row: an alert, and the start of the episode that is told */
    const struct sg__alert *alert;
    int64_t starts_ms;
};
struct sg__message {
    const char *status; /* of the group */
    const struct sg__line *lines;
    size_t n;
    bool every; /* what does not fit follows: nothing is left out */
};
/* Appends outbox rows: one, or as many as it takes to tell of every alert. */
void sg__group_send(struct sg_alerting *a, const struct sg__group *g,
                    const struct sg_integration *to, const struct sg__message *m);
const struct sg__intervals *sg__group_muted(const struct sg_alerting *a, const struct sg__route *r);
/* Rows of acknowledgement. */
void sg__group_acked(struct sg_alerting *a, struct sg__alert *alert);

/* ---- dispatch_log.c ---- */
struct sg__log *sg__log_find(const struct sg_alerting *a, struct sg_str key);
struct sg__log *sg__log_make(struct sg_alerting *a, struct sg_str key);
void sg__log_remove(struct sg_alerting *a, struct sg__log *log); /* and its row */
void sg__log_free(struct sg__log *log);
struct sg__told *sg__log_told(const struct sg__log *log, struct sg_str target); /* or NULL */
struct sg__told *sg__log_told_make(struct sg__log *log, struct sg_str target);
/* The episode of that alert which it was told is firing; NULL: none. t may be NULL. */
const struct sg__episode *sg__told_find(const struct sg__told *t, uint64_t fp);
bool sg__told_has(const struct sg__told *t, const struct sg__alert *alert); /* this episode */
/* firing is sorted by fingerprint. */
void sg__told_set(struct sg__told *t, const struct sg__episode *firing, size_t n);
void sg__log_write(struct sg_alerting *a, struct sg__log *log, int64_t repeat_ms);
void sg__log_restore(struct sg_alerting *a, struct sg_str key, struct sg_str body);
/* Forgets those without a group that have expired. */
void sg__log_sweep(struct sg_alerting *a);

/* ---- notification.c ---- */
enum sg__status { SG__FIRING, SG__RESOLVED, SG__ACKED };
void sg__feed(struct sg_alerting *a, struct sg__alert *alert, enum sg__status status);
void sg__notification_print(const struct sg_alerting *a, const struct sg__alert *alert,
                            enum sg__status status, struct sg_buf *out);
/* Returns how many lines are in it: at least one. */
size_t sg__body_print(const struct sg_alerting *a, const struct sg__group *g,
                      const struct sg__message *m, struct sg_buf *out);
/* "<fingerprint>-<start>"; dst has 40 bytes. */
void sg__alert_id(const struct sg__alert *alert, int64_t starts_ms, char *dst);

/* ---- silence.c, maintenance.c ---- */
/* States by the clock; call when it may have passed silence_due_ms. */
void sg__silences_refresh(struct sg_alerting *a);
void sg__silences_match(struct sg_alerting *a, struct sg__alert *alert); /* a new alert */
void sg__silence_free(struct sg__silence *s);
void sg__silence_restore(struct sg_alerting *a, struct sg_str key, struct sg_str body);
struct sg__silence *sg__silence_add(struct sg_alerting *a, const struct sg_silence *s,
                                    const struct sg__maintenance *of);
void sg__maintenance_load(struct sg_alerting *a);
enum sg_silence_state sg__maintenance_state(const struct sg_alerting *a,
                                            const struct sg__maintenance *m, int64_t *next_ms);

/* ---- inhibit.c ---- */
void sg__inhibit_add(struct sg_alerting *a, struct sg__alert *alert);
void sg__inhibit_remove(struct sg_alerting *a, struct sg__alert *alert);
void sg__inhibit_changed(struct sg_alerting *a, struct sg__alert *alert); /* fires, or not */
bool sg__inhibited(const struct sg__alert *alert);
/* Fingerprints of one firing source for each rule that inhibits it. */
size_t sg__inhibited_by(const struct sg__alert *alert, uint64_t *ret, size_t max);

/* ---- ack.c ---- */
void sg__ack_end(struct sg_alerting *a, struct sg__alert *alert); /* it resolved */
void sg__ack_expired(struct sg_alerting *a, struct sg__ack *ack);
void sg__ack_free(struct sg__ack *ack);
void sg__ack_restore(struct sg_alerting *a, struct sg_str key, struct sg_str body);
/* An alert began to fire: one of an earlier process may belong to it. */
void sg__ack_attach(struct sg_alerting *a, struct sg__alert *alert);
bool sg__ack_parse_id(struct sg_str id, uint64_t *ret_fp, int64_t *ret_starts_ms);

/* ---- flap.c ---- */
/* A raw transition; true: the effective state is held. */
bool sg__flap_changed(struct sg_alerting *a, struct sg__alert *alert);
void sg__flap_stable(struct sg_alerting *a, struct sg__alert *alert);

/* ---- deadman.c ---- */
void sg__deadman_load(struct sg_alerting *a);
void sg__deadman_arm(struct sg_alerting *a); /* those that wait for the first time */
uint64_t sg__deadman_watches(const struct sg_alerting *a, const struct sg_labels *labels);
void sg__deadman_seen(struct sg_alerting *a, uint64_t watches);
int64_t sg__deadman_within_ms(const struct sg_alerting *a, uint64_t watches); /* the shortest */
void sg__deadman_due(struct sg_alerting *a, struct sg__switch *s);

#endif
