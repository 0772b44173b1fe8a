/* ruler_look.c - a copy of what a ruler knows, for other threads.
 *
 * It is made on the engine's thread, so it takes references and copies numbers; annotations are
 * those of the last time an alert was told, for the first REFRESH of them as they would be now. */
#include "ruler_priv.h"

#include <string.h>

#include <streamgauge/mem.h>

#define REFRESH 1000

static bool active(const struct sg__instance *i)
{
    return i->state == SG_ALERT_PENDING || i->state == SG_ALERT_FIRING;
}

static void look_alerts(struct sg_ruler *r, struct sg__rule *u, struct sg_rule_info *to,
                        size_t *fresh)
{
    for (size_t k = 0; k < u->n_items; k++)
        to->n_alerts += active(u->items[k]);
    to->alerts = sg_calloc(to->n_alerts + 1, sizeof(*to->alerts));
    to->n_alerts = 0;
    for (size_t k = 0; k < u->n_items; k++) {
        struct sg__instance *i = u->items[k];
        if (!active(i))
            continue;
        if (!i->annotations || (*fresh)++ < REFRESH)
            sg__alert_annotate(r, u, i);
        to->alerts[to->n_alerts++] = (struct sg_rule_alert_info){
            .labels = sg_labels_ref(i->labels),
            .annotations = sg_labels_ref(i->annotations),
            .state = i->state,
            .active_ms = i->active_wall_ms,
            .fired_ms = i->state == SG_ALERT_FIRING ? i->fired_wall_ms : 0,
            .keep_since_ms = i->t.kept ? i->kept_wall_ms : 0,
            .value = i->value,
        };
        if (i->state > to->state)
            to->state = i->state;
    }
}

static void look_rule(struct sg_ruler *r, struct sg__rule *u, struct sg_rule_info *to,
                      size_t *fresh)
{
    static const char *const health[] = {"unknown", "ok", "err"};
    to->rule = u->rule;
    to->health = health[u->health];
    memcpy(to->error, u->error, sizeof(to->error));
    to->last_ms = u->last_ms;
    to->last_ns = u->last_ns;
    if (u->rule->kind == SG_RULE_ALERT)
        look_alerts(r, u, to, fresh);
}

struct sg_ruler_info *sg_ruler_look(struct sg_ruler *r)
{
    struct sg_ruler_info *info = sg_calloc(1, sizeof(*info));
    size_t fresh = 0;
    info->groups = sg_calloc(r->n_groups + 1, sizeof(*info->groups));
    info->n_groups = r->n_groups;
    info->priv = r->rules ? sg__rules_ref(r->rules) : NULL;
    for (size_t g = 0; g < r->n_groups; g++) {
        const struct sg__group *from = &r->groups[g];
        struct sg_group_info *to = &info->groups[g];
        to->group = from->group;
        to->interval_ms = from->interval_ms;
        to->last_ms = from->last_ms;
        to->last_ns = from->last_ns;
        to->rules = sg_calloc(from->n_rules + 1, sizeof(*to->rules));
        for (size_t k = 0; k < from->n_rules; k++)
            look_rule(r, from->rules[k], &to->rules[k], &fresh);
    }
    return info;
}

void sg_ruler_info_free(struct sg_ruler_info *info)
{
    if (!info)
        return;
    for (size_t g = 0; g < info->n_groups; g++) {
        for (size_t k = 0; k < info->groups[g].group->n_rules; k++) {
            struct sg_rule_info *u = &info->groups[g].rules[k];
            for (size_t i = 0; i < u->n_alerts; i++) {
                sg_labels_unref(u->alerts[i].labels);
                sg_labels_unref(u->alerts[i].annotations);
            }
            sg_free(u->alerts);
        }
        sg_free(info->groups[g].rules);
    }
    sg_free(info->groups);
    sg_rules_free(info->priv);
    sg_free(info);
}
