/* ruler_priv.h - a ruler's groups and rules as they are evaluated. */
#ifndef SG_ALERT_RULER_PRIV_H
#define SG_ALERT_RULER_PRIV_H

#include <streamgauge/ruler.h>

#include "instance.h"

/* One more owner of the rules; sg_rules_free gives it up. Any thread. */
struct sg_rules *sg__rules_ref(struct sg_rules *r);

/* A row of the expression's view, as long as its rows_version stays the same. */
struct sg__row {
    const struct sg_labels *labels; /* first, see sg__keyed */
    void *to; /* its instance or series; NULL: it was never present, or is forgotten */
};

/* A series that a recording rule writes. */
struct sg__series {
    const struct sg_labels *labels; /* first, see sg__keyed */
    uint64_t id;                    /* of the store's hook */
    uint64_t seen;                  /* number of the evaluation that had it last */
    uint32_t index;                 /* in the rule's items */
    bool dead;
    double value;
};

struct sg__rule {
    const struct sg_rule *rule;
    const struct sg_rule_group *group;
    uint64_t identity;    /* of file, group, kind, name and labels: the same in every process */
    struct sg_str source; /* "<file>;<group>;<name>", owned */
    struct sg_str url;    /* generator URL, owned */
    struct sg_promql_root *root;
    struct sg_promql_root *judge; /* while some are restored; see ruler_restore.c; may be NULL */
    const struct sg_rule_text **labels; /* of group and rule, by name */
    size_t n_labels;
    bool labels_vary; /* with the value, or with queries: expanded anew each time */
    bool annotations_vary;
    bool reads_recorded; /* the expression uses what rules write */
    struct sg__row *rows;
    size_t n_rows;
    uint64_t rows_version;       /* 0: none yet */
    struct sg__instances row_of; /* rows by the labels of the expression */
    void **items;                /* struct sg__instance, or struct sg__series */
    size_t n_items, cap_items;
    struct sg__instances item_of; /* items by their labels */
    size_t n_dead;
    uint64_t evaluation; /* number of the current one, from 1 */
    enum { SG__UNKNOWN, SG__OK, SG__ERR } health;
    char error[256];
    int64_t last_ms;
    uint64_t last_ns;
};

struct sg__group {
    const struct sg_rule_group *group;
    int64_t interval_ms;
    int64_t slot_ms; /* the tick evaluated last; INT64_MIN: none */
    int64_t last_ms;
    uint64_t last_ns;
    struct sg__rule **rules;
    size_t n_rules;
};

struct sg__orphan { /* a row whose rule is gone */
    char key[64];
    struct sg__instance *instance;
    struct sg_str source; /* owned; of the row */
};

struct sg__ended { /* a series ALERTS that ends unless another alert of the rule goes on with it */
    const struct sg_labels *labels;
    uint64_t id;
    bool goes_on;
};

struct sg_ruler {
    struct sg_ruler_options opt;
    struct sg_ruler_stats stats;
    struct sg_rules *rules;
    struct sg__group *groups;
    size_t n_groups, next_group; /* where the next tick begins */
    struct sg__rule **by_identity;
    size_t n_rules;
    struct sg__rule **gone; /* rules of an earlier load, to be retired at the next tick */
    size_t n_gone, cap_gone;
    struct sg_rules **gone_rules; /* what they point into */
    size_t n_gone_rules, cap_gone_rules;
    struct sg__orphan *orphans;
    size_t n_orphans, cap_orphans;
    size_t n_instances;
    bool dirty;       /* recorded since the graph's last begin */
    bool ticked;      /* a tick has been */
    bool restored;    /* there are instances whose monotonic times are not set yet */
    int64_t alive_ms; /* wall clock: when the earlier process was last known to live; 0: unknown */
    int64_t next_alive_ms, grace_until_ms, hold_until_ms; /* monotonic */
    /* of the current tick */
    int64_t wall_ms, mono_ms;
    struct sg_journal *journal;
    struct sg__ended *ended; /* of the current rule */
    size_t n_ended, cap_ended;
    struct sg_labels_builder builder;
    struct sg_buf text;
};

/* ---- ruler_rule.c ---- */
/* borrowed: rule and group. *ret even on errors NULL. Takes the parsed expression. */
int sg__rule_new(struct sg_ruler *r, struct sg_rule *rule, const struct sg_rule_group *g,
                 struct sg__rule **ret, struct sg_error *reterr);
/* Without telling anybody. */
void sg__rule_free(struct sg_ruler *r, struct sg__rule *u);
/* Takes over the items of an earlier form of the rule. */
void sg__rule_adopt(struct sg__rule *u, struct sg__rule *old);
/* Fits the rows to a view. */
void sg__rule_bind(struct sg__rule *u, const struct sg_promql_view *view);
/* Rows forget what is dead. */
void sg__rule_sweep_rows(struct sg__rule *u);
void sg__rule_add_item(struct sg__rule *u, void *item);
/* Appends the text, expanded. */
void sg__rule_expand(struct sg_ruler *r, const struct sg_rule_text *text,
                     const struct sg_labels *labels, double value, struct sg_buf *out);
/* Stores; a failure is the rule's error. */
void sg__rule_append(struct sg_ruler *r, struct sg__rule *u, const struct sg_labels *labels,
                     uint64_t *id, int64_t time_ms, double v);

/* ---- ruler_alert.c, ruler_record.c ---- */
int sg__record(struct sg_ruler *r, struct sg__rule *u, const struct sg_promql_view *view,
               int64_t at_ms, struct sg_error *reterr);
void sg__record_retire(struct sg_ruler *r, struct sg__rule *u);
int sg__alerts(struct sg_ruler *r, struct sg__rule *u, const struct sg_promql_view *view,
               int64_t at_ms, struct sg_error *reterr);
/* Nothing is known about them this time. */
void sg__alerts_unknown(struct sg_ruler *r, struct sg__rule *u, int64_t at_ms);
void sg__alerts_retire(struct sg_ruler *r, struct sg__rule *u);
/* An instance that may be looked at now has annotations. */
void sg__alert_annotate(struct sg_ruler *r, const struct sg__rule *u, struct sg__instance *i);
/* The labels of the alert of a row; a reference. */
const struct sg_labels *sg__alert_labels(struct sg_ruler *r, const struct sg__rule *u,
                                         const struct sg_labels *row, double value);
/* The labels it is told with; a reference. */
const struct sg_labels *sg__alert_with_external(struct sg_ruler *r, const struct sg_labels *labels);
void sg__alert_tell(struct sg_ruler *r, const struct sg__rule *u, struct sg__instance *i,
                    enum sg_alert_state state);
/* Adds or takes away one in the counters of a state. */
void sg__alert_count(struct sg_ruler *r, enum sg_alert_state state, int by);
void sg__alert_key(const struct sg__rule *u, const struct sg__instance *i, char key[64]);

/* ---- ruler_restore.c ---- */
bool sg__restore_is_alive(struct sg_str key);
int64_t sg__restore_alive_ms(struct sg_str body);
/* Notes of restored instances whether there are samples that tell of them. */
void sg__restore_judge(struct sg_ruler *r, struct sg__rule *u, int64_t at_ms);
/* At the first tick: sets monotonic times, tells what fires, forgets what is too old. */
void sg__restore_finish(struct sg_ruler *r);
/* Writes now and then that this process lives. */
void sg__restore_alive(struct sg_ruler *r);

/* ---- escape.c ---- */
/* As Go's url.QueryEscape. */
void sg__query_escape(struct sg_str s, struct sg_buf *out);

#endif
