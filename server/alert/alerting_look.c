/* alerting_look.c - a copy of everything that any thread may read. */
#include "alerting_priv.h"

#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>

#define MAX_COPY ((size_t)1 << 32)
#define MAX_INHIBITED 64
#define MAX_RECEIVERS 64
#define MAX_MUTED 16

struct copy {
    struct sg_alerting_info info; /* first */
    struct sg_arena arena;
};

static void *alloc(struct copy *c, size_t n, size_t size)
{
    void *p = sg_arena_calloc(&c->arena, n ? n : 1, size);
    SG_ASSERT(p); /* what is copied has caps far below */
    return p;
}

static struct sg_str copy_str(struct copy *c, struct sg_str s)
{
    char *p = sg_arena_strndup(&c->arena, s.p, s.n);
    SG_ASSERT(p);
    return sg_str_make(p, s.n);
}

static int by_name(const void *a, const void *b)
{
    return sg_str_cmp(*(const struct sg_str *)a, *(const struct sg_str *)b);
}

static size_t unique(struct sg_str *list, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(list, n, sizeof(*list), by_name);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !sg_str_eq(list[i], list[kept - 1]))
            list[kept++] = list[i];
    return kept;
}

static void copy_why(struct copy *c, const struct sg_alerting *a, const struct sg__alert *alert,
                     struct sg_alert_info *to)
{
    uint64_t fps[MAX_INHIBITED];
    struct sg_str receivers[MAX_RECEIVERS] = {{NULL, 0}};
    struct sg_str muted[MAX_MUTED] = {{NULL, 0}};
    to->n_inhibited_by = sg__inhibited_by(alert, fps, MAX_INHIBITED);
    to->inhibited_by = alloc(c, to->n_inhibited_by, sizeof(*to->inhibited_by));
    for (size_t i = 0; i < to->n_inhibited_by; i++)
        sg_alert_fingerprint_text(fps[i], to->inhibited_by[i]);
    to->silenced_by = alloc(c, alert->n_silences, sizeof(*to->silenced_by));
    for (size_t i = 0; i < alert->n_silences; i++)
        to->silenced_by[to->n_silenced_by++] = copy_str(c, sg_str_from(alert->silences[i]->s.id)).p;
    for (const struct sg__member *m = alert->members; m; m = m->next) {
        const struct sg__intervals *by = sg__group_muted(a, m->group->route);
        if (m->group->route->receiver && to->n_receivers < MAX_RECEIVERS)
            receivers[to->n_receivers++] = m->group->route->receiver->name;
        if (by && to->n_muted_by < MAX_MUTED)
            muted[to->n_muted_by++] = by->name;
    }
    to->n_receivers = unique(receivers, to->n_receivers);
    to->n_muted_by = unique(muted, to->n_muted_by);
    to->receivers = alloc(c, to->n_receivers, sizeof(struct sg_str));
    to->muted_by = alloc(c, to->n_muted_by, sizeof(struct sg_str));
    for (size_t i = 0; i < to->n_receivers; i++)
        to->receivers[i] = copy_str(c, receivers[i]);
    for (size_t i = 0; i < to->n_muted_by; i++)
        to->muted_by[i] = copy_str(c, muted[i]);
}

static void copy_alert(struct copy *c, const struct sg_alerting *a, const struct sg__alert *alert,
                       struct sg_alert_info *to)
{
    to->alert = (struct sg_alert){.labels = sg_labels_ref(alert->labels),
                                  .annotations = sg_labels_ref(alert->annotations),
                                  .starts_ms = alert->starts_ms,
                                  .ends_ms = alert->ends_ms,
                                  .value = alert->value,
                                  .generator_url = copy_str(c, alert->generator_url),
                                  .rule = copy_str(c, alert->rule),
                                  .interval_ms = alert->interval_ms,
                                  .external = alert->external};
    if (alert->firing && alert->timeout_ms && alert->external)
        to->alert.ends_ms = alert->updated_ms + alert->timeout_ms;
    to->fingerprint = alert->fp;
    to->updated_ms = alert->updated_ms;
    to->resolved = !alert->firing;
    to->flapping = alert->flapping;
    copy_why(c, a, alert, to);
    bool suppressed = to->n_silenced_by || to->n_inhibited_by;
    to->state = suppressed ? "suppressed" : alert->dirty_pos ? "unprocessed" : "active";
    to->acked = alert->ack != NULL;
    if (alert->ack) {
        to->ack = alert->ack->ack;
        to->ack.by = copy_str(c, to->ack.by);
        to->ack.comment = copy_str(c, to->ack.comment);
    }
}

static void copy_silence(struct copy *c, const struct sg__silence *s, struct sg_silence_info *to)
{
    to->silence = s->s;
    to->silence.created_by = copy_str(c, s->s.created_by);
    to->silence.comment = copy_str(c, s->s.comment);
    to->silence.matchers = alloc(c, s->s.n_matchers, sizeof(*s->s.matchers));
    to->silence.n_matchers = 0;
    for (size_t i = 0; i < s->s.n_matchers; i++)
        if (sg_matcher_copy(&to->silence.matchers[to->silence.n_matchers], &s->s.matchers[i]) == 0)
            to->silence.n_matchers++;
    to->state = s->state;
    to->maintenance = s->of != NULL;
}

static int by_fingerprint(const void *a, const void *b)
{
    uint64_t x = ((const struct sg_alert_info *)a)->fingerprint;
    uint64_t y = ((const struct sg_alert_info *)b)->fingerprint;
    return (x > y) - (x < y);
}

static uint32_t place_of(const struct sg_alerting_info *info, uint64_t fp)
{
    size_t lo = 0, hi = info->n_alerts;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (info->alerts[mid].fingerprint < fp)
            lo = mid + 1;
        else
            hi = mid;
    }
    return (uint32_t)lo;
}

static void copy_group(struct copy *c, const struct sg__group *g, struct sg_alert_group_info *to)
{
    to->receiver =
        g->route->receiver ? copy_str(c, g->route->receiver->name) : copy_str(c, SG_STR(""));
    to->key = copy_str(c, g->key);
    to->labels = sg_labels_ref(g->labels);
    to->alerts = alloc(c, g->n_members, sizeof(*to->alerts));
    for (size_t i = 0; i < g->n_members; i++)
        to->alerts[to->n_alerts++] = place_of(&c->info, g->members[i]->alert->fp);
}

static void copy_receivers(struct copy *c, const struct sg_routing *r)
{
    if (!r)
        return;
    c->info.receivers = alloc(c, r->n_receivers, sizeof(struct sg_str));
    for (size_t i = 0; i < r->n_receivers; i++)
        c->info.receivers[c->info.n_receivers++] = copy_str(c, r->receivers[i].name);
}

struct sg_alerting_info *sg_alerting_look(struct sg_alerting *a, int64_t wall_ms)
{
    struct copy *c = sg_calloc(1, sizeof(*c));
    struct sg_alerting_info *info = &c->info;
    sg_arena_init(&c->arena, MAX_COPY);
    if (wall_ms > a->wall_ms)
        a->wall_ms = wall_ms;
    if (a->silence_due_ms <= a->wall_ms) /* set since the last tick */
        sg__silences_refresh(a);
    info->n_alerts = a->n_alerts;
    info->alerts = alloc(c, a->n_alerts, sizeof(*info->alerts));
    for (size_t i = 0; i < a->n_alerts; i++)
        copy_alert(c, a, a->alerts[i], &info->alerts[i]);
    if (info->n_alerts > 1)
        qsort(info->alerts, info->n_alerts, sizeof(*info->alerts), by_fingerprint);
    info->n_silences = a->n_silences;
    info->silences = alloc(c, a->n_silences, sizeof(*info->silences));
    for (size_t i = 0; i < a->n_silences; i++)
        copy_silence(c, a->silences[i], &info->silences[i]);
    info->n_groups = a->n_groups;
    info->groups = alloc(c, a->n_groups, sizeof(*info->groups));
    for (size_t i = 0; i < a->n_groups; i++)
        copy_group(c, a->groups[i], &info->groups[i]);
    copy_receivers(c, a->routing);
    info->priv = c;
    return info;
}

void sg_alerting_info_free(struct sg_alerting_info *info)
{
    if (!info)
        return;
    struct copy *c = info->priv;
    for (size_t i = 0; i < info->n_alerts; i++) {
        sg_labels_unref(info->alerts[i].alert.labels);
        sg_labels_unref(info->alerts[i].alert.annotations);
    }
    for (size_t i = 0; i < info->n_silences; i++)
        for (size_t k = 0; k < info->silences[i].silence.n_matchers; k++)
            sg_matcher_deinit(&info->silences[i].silence.matchers[k]);
    for (size_t i = 0; i < info->n_groups; i++)
        sg_labels_unref(info->groups[i].labels);
    sg_arena_deinit(&c->arena);
    sg_free(c);
}
