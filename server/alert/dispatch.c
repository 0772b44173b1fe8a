/* dispatch.c - from alerts to groups: which routes an alert ends in, and the group of each. */
#include "alerting_priv.h"

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

static void make_key(const struct sg__route *route, const struct sg_labels *labels,
                     struct sg_buf *out)
{
    sg_buf_reset(out);
    sg_buf_put_str(out, route->key);
    sg_buf_putc(out, ':');
    sg_buf_putc(out, '{');
    for (uint32_t i = 0; i < labels->count; i++) {
        struct sg_label l = sg_labels_at(labels, i);
        if (i)
            sg_buf_puts(out, ", ");
        sg_buf_put_str(out, l.name);
        sg_buf_putc(out, '=');
        sg_buf_put_json_str(out, l.value);
    }
    sg_buf_putc(out, '}');
}

static struct sg__group *find(const struct sg_alerting *a, const struct sg__route *route,
                              const struct sg_labels *labels)
{
    struct sg_hashlink *node =
        sg_hashtab_first(&a->by_group, labels->hash ^ sg_hash_mix(route->index));
    for (; node; node = sg_hashtab_next(node)) {
        struct sg__group *g = (struct sg__group *)node;
        if (g->route == route && sg_labels_eq(g->labels, labels))
            return g;
    }
    return NULL;
}

static struct sg__group *make(struct sg_alerting *a, const struct sg__route *route,
                              const struct sg_labels *labels)
{
    struct sg__group *g = sg_calloc(1, sizeof(*g));
    struct sg_str receiver = route->receiver ? route->receiver->name : SG_STR("");
    g->route = route;
    g->labels = sg_labels_ref(labels);
    make_key(route, labels, &a->scratch);
    g->key = sg__str_own(sg_buf_str(&a->scratch));
    sg_buf_reset(&a->scratch);
    sg_buf_put_str(&a->scratch, receiver);
    sg_buf_putc(&a->scratch, ':');
    sg_buf_put_str(&a->scratch, g->key);
    g->order_key = sg__str_own(sg_buf_str(&a->scratch));
    g->log = sg__log_find(a, g->order_key);
    if (g->log)
        g->log->n_groups++;
    g->index = (uint32_t)a->n_groups;
    SG__PUSH(a->groups, a->n_groups, a->cap_groups, g);
    sg_hashtab_add(&a->by_group, &g->node, labels->hash ^ sg_hash_mix(route->index));
    g->timer.kind = SG__TIMER_GROUP;
    sg__timers_set(&a->group_timers, &g->timer, a->mono_ms + route->group_wait_ms);
    return g;
}

static bool is_member(const struct sg__alert *alert, const struct sg__group *g)
{
    for (const struct sg__member *m = alert->members; m; m = m->next)
        if (m->group == g)
            return true;
    return false;
}

static void join(struct sg__group *g, struct sg__alert *alert)
{
    struct sg__member *m = sg_calloc(1, sizeof(*m));
    m->alert = alert;
    m->group = g;
    m->next = alert->members;
    m->pos = (uint32_t)g->n_members;
    alert->members = m;
    SG__PUSH(g->members, g->n_members, g->cap_members, m);
    g->dirty = true;
}

/* A group is flushed first after group_wait, and at once when an alert of it fires for longer than
 * that already. (The flush itself looks whether it had an interval before a restart or reload.) */
static void hurry(struct sg_alerting *a, struct sg__group *g, const struct sg__alert *alert)
{
    if (!g->flushed && alert->starts_ms + g->route->group_wait_ms < a->wall_ms)
        sg__timers_set(&a->group_timers, &g->timer, a->mono_ms);
}

struct dispatching {
    struct sg_alerting *a;
    struct sg__alert *alert;
};

static void into_route(void *ctx, const struct sg__route *route)
{
    struct sg_alerting *a = ((struct dispatching *)ctx)->a;
    struct sg__alert *alert = ((struct dispatching *)ctx)->alert;
    const struct sg_labels *labels = sg__route_group_labels(route, alert->labels);
    struct sg__group *g = find(a, route, labels);
    if (!g && a->n_groups >= a->o.max_groups) {
        atomic_fetch_add_explicit(&a->stats.refused, 1, memory_order_relaxed);
        alert->partial = true;
    } else {
        if (!g)
            g = make(a, route, labels);
        if (!is_member(alert, g))
            join(g, alert);
        hurry(a, g, alert);
    }
    sg_labels_unref(labels);
}

void sg__dispatch(struct sg_alerting *a, struct sg__alert *alert)
{
    struct dispatching d = {a, alert};
    alert->partial = false;
    if (a->routing)
        sg__route_match(&a->routing->root, alert->labels, into_route, &d);
}

/* After a reload: whatever may still have to be told. */
void sg__dispatch_all(struct sg_alerting *a)
{
    for (size_t i = 0; i < a->n_alerts; i++)
        if (a->alerts[i]->firing || a->alerts[i]->ends_ms)
            sg__dispatch(a, a->alerts[i]);
}

void sg__groups_dirty(struct sg__alert *alert)
{
    for (struct sg__member *m = alert->members; m; m = m->next)
        m->group->dirty = true;
}

void sg__member_free(struct sg_alerting *a, struct sg__member *m)
{
    struct sg__member **at = &m->alert->members;
    struct sg__group *g = m->group;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    struct sg__member *last = g->members[--g->n_members];
    g->members[m->pos] = last;
    last->pos = m->pos;
    if (!m->alert->firing && !m->alert->members)
        sg__alert_row(a, m->alert);
    sg_free(m);
}

void sg__group_free(struct sg_alerting *a, struct sg__group *g)
{
    while (g->n_members)
        sg__member_free(a, g->members[g->n_members - 1]);
    if (g->log)
        g->log->n_groups--;
    sg__timers_clear(&a->group_timers, &g->timer);
    sg_hashtab_remove(&a->by_group, &g->node);
    struct sg__group *last = a->groups[--a->n_groups];
    a->groups[g->index] = last;
    last->index = g->index;
    sg_labels_unref(g->labels);
    sg_free((char *)g->key.p);
    sg_free((char *)g->order_key.p);
    sg_free(g->members);
    sg_free(g);
}
