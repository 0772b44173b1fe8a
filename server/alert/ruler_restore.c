/* ruler_restore.c - instances of an earlier process go on with their clocks. */
#include "ruler_priv.h"

#include <jansson.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

/* Sorted among the rows of alerts, but not one. */
#define ALIVE_KEY "~alive"
#define ALIVE_EVERY_MS 30000
/* Pending alerts of a process that stopped longer ago begin anew, as in Prometheus. */
#define MAX_OUTAGE_MS SG_MS_PER_HOUR

bool sg__restore_is_alive(struct sg_str key)
{
    return sg_str_eq_c(key, ALIVE_KEY);
}

int64_t sg__restore_alive_ms(struct sg_str body)
{
    json_t *root = json_loadb(body.p, body.n, 0, NULL);
    int64_t at_ms = json_integer_value(json_object_get(root, "at"));
    json_decref(root);
    return at_ms;
}

/* The monotonic time of a moment of the wall clock; one that lies ahead is now. */
static int64_t to_mono(const struct sg_ruler *r, int64_t wall_ms)
{
    int64_t ago_ms = r->wall_ms - wall_ms;
    return r->mono_ms - (ago_ms > 0 ? ago_ms : 0);
}

static int64_t newest_moment(const struct sg__instance *i)
{
    int64_t t = i->active_wall_ms;
    if (i->fired_wall_ms > t)
        t = i->fired_wall_ms;
    return i->resolved_wall_ms > t ? i->resolved_wall_ms : t;
}

static void resume(struct sg_ruler *r, struct sg__rule *u, struct sg__instance *i)
{
    int64_t alive_ms = r->alive_ms > newest_moment(i) ? r->alive_ms : newest_moment(i);
    i->t.active_ms = to_mono(r, i->active_wall_ms);
    i->t.true_ms = to_mono(r, alive_ms);
    i->t.changed_ms = to_mono(r, newest_moment(i));
    if (i->state == SG_ALERT_PENDING && r->wall_ms - alive_ms > MAX_OUTAGE_MS) {
        i->active_wall_ms = r->wall_ms;
        i->t.active_ms = i->t.changed_ms = r->mono_ms;
    }
    if (i->state == SG_ALERT_FIRING || i->state == SG_ALERT_RESOLVED)
        sg__alert_tell(r, u, i, i->state);
}

static void end_orphan(struct sg_ruler *r, struct sg__orphan *o)
{
    struct sg__instance *i = o->instance;
    if (i && i->state == SG_ALERT_FIRING) {
        const struct sg_labels *labels = sg__alert_with_external(r, i->labels);
        struct sg_alert a = {.labels = labels,
                             .annotations = i->annotations ? i->annotations : sg_labels_empty(),
                             .starts_ms = i->fired_wall_ms,
                             .ends_ms = r->wall_ms,
                             .value = i->value,
                             .generator_url = SG_STR(""),
                             .rule = o->source,
                             .interval_ms = r->opt.resend_ms};
        r->opt.hooks.alert(r->opt.hooks.ctx, &a, SG_ALERT_RESOLVED);
        sg_labels_unref(labels);
    }
    if (r->journal)
        sg_journal_delete(r->journal, SG_TABLE_ALERTS, sg_str_from(o->key));
    sg__instance_free(i);
    sg_free((void *)(uintptr_t)o->source.p);
}

void sg__restore_finish(struct sg_ruler *r)
{
    for (size_t g = 0; g < r->n_groups; g++) {
        for (size_t k = 0; k < r->groups[g].n_rules; k++) {
            struct sg__rule *u = r->groups[g].rules[k];
            if (u->rule->kind != SG_RULE_ALERT)
                continue;
            for (size_t n = 0; n < u->n_items; n++) {
                struct sg__instance *i = u->items[n];
                if (i->restored && i->t.changed_ms == 0)
                    resume(r, u, i);
            }
        }
    }
    for (size_t n = 0; n < r->n_orphans; n++)
        end_orphan(r, &r->orphans[n]);
    r->n_orphans = 0;
    r->restored = false;
}

void sg__restore_alive(struct sg_ruler *r)
{
    char body[48];
    if (!r->journal || r->mono_ms < r->next_alive_ms)
        return;
    r->next_alive_ms = r->mono_ms + ALIVE_EVERY_MS;
    if (r->n_instances == 0)
        return;
    int n = snprintf(body, sizeof(body), "{\"at\":%lld}", (long long)r->wall_ms);
    sg_journal_put(r->journal, SG_TABLE_ALERTS, SG_STR(ALIVE_KEY), sg_str_make(body, (size_t)n), 0);
}
