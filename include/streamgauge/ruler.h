/* ruler.h - Prometheus rule files: parsed, checked, evaluated; alert instances and their state.
 *
 * Parsing is for any thread; a ruler belongs to the engine's thread. It reads no clock and sends
 * nothing: evaluation, storing and telling are functions of its owner.
 *
 *     sg_rules_new(&rules); for each file: sg_rules_add(rules, name, text, n, &err);
 *     ruler = sg_ruler_new(&options);
 *     sg_ruler_load_take(ruler, rules, &err);     // also at a reload: state of equal rules is kept
 *     every base tick:  sg_ruler_tick(ruler, wall_ms, mono_ms);
 */
#ifndef STREAMGAUGE_RULER_H
#define STREAMGAUGE_RULER_H

#include <stdatomic.h>
#include <streamgauge/alert.h>
#include <streamgauge/error.h>
#include <streamgauge/journal.h>
#include <streamgauge/promql.h>

/* ---- rule files ---- */

struct sg_template; /* template.h */

enum sg_rule_kind { SG_RULE_RECORD, SG_RULE_ALERT };

struct sg_rule_text { /* a label or annotation: name and template */
    struct sg_str name, text;
    struct sg_template *template; /* NULL: plain text */
};

struct sg_rule {
    enum sg_rule_kind kind;
    struct sg_str name;       /* of the series, or the alert */
    struct sg_str expr;       /* as written */
    struct sg_promql *parsed; /* until a ruler takes it */
    int64_t for_ms, keep_ms;  /* keep_firing_for */
    struct sg_rule_text *labels, *annotations;
    size_t n_labels, n_annotations;
    uint32_t line; /* in its file */
};

struct sg_rule_group {
    struct sg_str file, name;
    int64_t interval_ms; /* 0: the ruler's default */
    int64_t offset_ms;   /* query_offset */
    uint64_t limit;      /* series or alerts a rule may give; 0: any */
    struct sg_rule *rules;
    size_t n_rules;
    struct sg_rule_text *labels; /* of the group, added to every rule */
    size_t n_labels;
};

struct sg_rules {
    struct sg_rule_group *groups; /* in the order of files */
    size_t n_groups;
    size_t n_rules;
    void *priv;
};

SG_API struct sg_rules *sg_rules_new(void);
SG_API void sg_rules_free(struct sg_rules *r); /* accepts NULL */
/* Adds a file's groups. Strict as promtool: unknown keys, bad expressions, templates, names,
 * durations and doubles are errors with line and column; `each` (may be NULL) gets every one of
 * them, reterr the first. Nothing is added on error. */
SG_API SG_NODISCARD int sg_rules_add(struct sg_rules *r, const char *file, struct sg_str text,
                                     void (*each)(void *ctx, const struct sg_error *err), void *ctx,
                                     struct sg_error *reterr);

/* ---- the ruler ---- */

struct sg_ruler;

struct sg_ruler_hooks {
    /* The graph that live streams share too: add a parsed expression (taken in any case), remove,
     * evaluate at one instant (view borrowed until the next call). `begin`: samples were appended,
     * results computed so far are not used again. As sg_promql_graph_* (promql.h). */
    int (*add)(void *ctx, struct sg_promql *q, struct sg_promql_root **ret,
               struct sg_error *reterr);
    void (*remove)(void *ctx, struct sg_promql_root *root);
    void (*begin)(void *ctx);
    int (*eval)(void *ctx, struct sg_promql_root *root, int64_t time_ms, struct sg_promql_view *ret,
                struct sg_error *reterr);
    /* An instant query for templates' `query`. */
    int (*query)(void *ctx, struct sg_str expr, int64_t time_ms, struct sg_promql_result *ret,
                 struct sg_error *reterr);
    /* Stores samples of one rule at one time; v may be the staleness marker (value.h). Series are
     * found again by `id`: 0 before the first time, set by the callee, kept by the ruler. */
    int (*append)(void *ctx, const struct sg_labels *labels, uint64_t *id, int64_t time_ms,
                  double v, struct sg_error *reterr);
    /* An alert began to fire, resolved, or fires on (at least every resend_ms; its annotations are
     * expanded for each). Restored ones are told at the first tick. */
    void (*alert)(void *ctx, const struct sg_alert *a, enum sg_alert_state state);
    /* How soon an alert that was just told as firing must be told again, when that is sooner than
     * resend_ms; INT64_MAX: it need not. NULL: none need. */
    int64_t (*resend)(void *ctx, const struct sg_labels *labels);
    uint64_t (*clock_ns)(void *ctx); /* for costs; NULL: 0 */
    void *ctx;
};

struct sg_ruler_options {
    struct sg_ruler_hooks hooks;
    int64_t interval_ms; /* of groups that give none; 1000 */
    int64_t resend_ms;   /* firing alerts are told again; 60000 */
    int64_t grace_ms;    /* after a start, alerts restored as active are not resolved by
                            missing data before that; 60000. Data that is there and says no
                            resolves at once, where one sample is enough to tell (m > 5). Half of it,
                            at most 30 s, no state changes after the wall clock has jumped */
    uint64_t budget_ns;  /* per tick; groups over it wait, counted and told; 50 ms */
    uint32_t max_alerts; /* instances in total; beyond: the rule fails with SG_ELIMIT; 100000 */
    struct sg_str external_url;              /* $externalURL, generator URLs; copied */
    const struct sg_labels *external_labels; /* $externalLabels; may be NULL; referenced */
};

/* Relaxed atomics written by the engine's thread. */
struct sg_ruler_stats {
    atomic_ullong groups, rules;                  /* now */
    atomic_ullong evaluations, failures, eval_ns; /* of rules; those that failed; time they took */
    atomic_ullong missed; /* evaluations of groups left out: too slow, or the clock was set */
    atomic_ullong pending, firing; /* instances now */
};

SG_API void sg_ruler_options_default(struct sg_ruler_options *o);
SG_API struct sg_ruler *sg_ruler_new(const struct sg_ruler_options *o);
SG_API void sg_ruler_free(struct sg_ruler *r); /* accepts NULL */
/* Replaces all groups; instances, timers and series of rules that stay the same (file, group, name
 * and labels, as in Prometheus) are kept, also when their expression or durations changed; those
 * that went are resolved and their series marked stale at the next tick. On error nothing changes
 * and rules is freed. */
SG_API SG_NODISCARD int sg_ruler_load_take(struct sg_ruler *r, struct sg_rules *rules,
                                           struct sg_error *reterr);
/* The same, with other settings from then on. Alerts that fire and would be told with other
 * external labels than before end under the old ones first. Copied. */
struct sg_ruler_settings {
    int64_t interval_ms;
    struct sg_str external_url;
    const struct sg_labels *external_labels; /* may be NULL */
};
SG_API SG_NODISCARD int sg_ruler_reload_take(struct sg_ruler *r, struct sg_rules *rules,
                                             const struct sg_ruler_settings *settings,
                                             struct sg_error *reterr);
/* Evaluates what is due: wall_ms is the tick (a multiple of the base tick), mono_ms never steps.
 * Changed instances go to journal as SG_TABLE_ALERTS (one put per change, not per evaluation). */
SG_API void sg_ruler_tick(struct sg_ruler *r, int64_t wall_ms, int64_t mono_ms,
                          struct sg_journal *journal);
/* A row of SG_TABLE_ALERTS of an earlier process, in any order. Call after the first load and
 * before the first tick. Rows of rules that are gone are deleted at the next tick, and told as
 * resolved if they fired. Pending time goes on as if there had been no restart when the stop was
 * shorter than 1 h. */
SG_API void sg_ruler_restore(struct sg_ruler *r, struct sg_str key, struct sg_str body,
                             int64_t wall_ms);
SG_API const struct sg_ruler_stats *sg_ruler_get_stats(const struct sg_ruler *r);

/* ---- looking at it: a copy that any thread may read ---- */

struct sg_rule_alert_info {
    const struct sg_labels *labels, *annotations;
    enum sg_alert_state state;
    int64_t active_ms, fired_ms, keep_since_ms; /* wall clock; 0: not */
    double value;
};
struct sg_rule_info {
    const struct sg_rule *rule;
    const char *health; /* "ok", "err", "unknown" */
    char error[256];
    int64_t last_ms; /* wall clock of the last evaluation; 0: never */
    uint64_t last_ns;
    enum sg_alert_state state;
    struct sg_rule_alert_info *alerts; /* pending and firing; empty for recording rules */
    size_t n_alerts;
};
struct sg_group_info {
    const struct sg_rule_group *group;
    int64_t interval_ms, last_ms;
    uint64_t last_ns;
    struct sg_rule_info *rules;
};
struct sg_ruler_info {
    struct sg_group_info *groups;
    size_t n_groups;
    void *priv;
};
/* On the engine's thread; keeps rules and labels alive until freed (any thread). */
SG_API struct sg_ruler_info *sg_ruler_look(struct sg_ruler *r);
SG_API void sg_ruler_info_free(struct sg_ruler_info *info); /* accepts NULL */

#endif
