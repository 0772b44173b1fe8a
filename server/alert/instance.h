/* instance.h - one alert of a rule: its state, times and series; and tables of what has labels. */
#ifndef SG_ALERT_INSTANCE_H
#define SG_ALERT_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/alert.h>
#include <streamgauge/buf.h>
#include <streamgauge/labels.h>

/* ---- a table of things that begin with their labels; open addressing, nothing is owned ---- */

struct sg__keyed {
    const struct sg_labels *labels;
};
struct sg__instances {
    struct sg__keyed **slot;
    size_t mask, n; /* mask: size - 1; slot NULL while empty */
};
void sg__instances_deinit(struct sg__instances *t);
/* NULL when there is none. */
void *sg__instances_find(const struct sg__instances *t, const struct sg_labels *labels);
/* There must be none with these labels. */
void sg__instances_add(struct sg__instances *t, void *item);
void sg__instances_remove(struct sg__instances *t, void *item);

/* ---- instances ---- */

struct sg__instance {
    const struct sg_labels *labels; /* of the alert, alertname included; first, see sg__keyed */
    const struct sg_labels *told;   /* with the external labels too: what others see */
    const struct sg_labels *source; /* of the expression's row; NULL: restored, not seen */
    const struct sg_labels *annotations; /* NULL: never expanded */
    const struct sg_labels *alerts;      /* of the ALERTS series in this state; NULL: none yet */
    const struct sg_labels *for_state;   /* of the ALERTS_FOR_STATE series; NULL: none yet */
    uint64_t alerts_id, for_state_id;
    uint64_t data;  /* number of the evaluation that had samples to judge it by; see judge */
    uint64_t seen;  /* number of the evaluation that saw it last */
    uint32_t index; /* in the rule's items */
    enum sg_alert_state state;
    bool restored; /* of an earlier process and not seen true since */
    bool dead;     /* to be freed at the end of the evaluation */
    bool writing;  /* its series have a sample that is not stale */
    struct sg_alert_times t;
    double value;
    uint64_t expanded;    /* number of the evaluation its annotations were expanded at */
    int64_t next_tell_ms; /* monotonic */
    int64_t active_wall_ms, fired_wall_ms, resolved_wall_ms, kept_wall_ms;
};

void sg__instance_free(struct sg__instance *i);
/* The body of its row: labels, annotations, state and times by the wall clock. */
void sg__instance_write(const struct sg__instance *i, struct sg_str rule, struct sg_buf *out);
/* What a row says; a new instance, or NULL when it says nothing that can be used. */
struct sg__instance *sg__instance_read(struct sg_str body);
/* The name of its rule; owned, may be empty. */
struct sg_str sg__instance_rule(struct sg_str body);

#endif
