/* group.c - the flush of a group: what its alerts are now against what was told of them. */
#include "alerting_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#define REFRESH_MS SG_MS_PER_DAY /* rows of logs are written again, so that they do not expire */

struct flush {
    struct sg__alert **firing, **resolved; /* not suppressed; by labels */
    size_t n_firing, n_resolved;
    uint64_t *episodes; /* of firing, sorted */
    uint64_t *held;     /* of suppressed alerts, sorted */
    size_t n_held;
    bool all_acked;
};

const struct sg__intervals *sg__group_muted(const struct sg_alerting *a, const struct sg__route *r)
{
    for (size_t i = 0; i < r->n_mute; i++)
        if (sg__intervals_contain(r->mute[i], &a->o.hooks, a->wall_ms))
            return r->mute[i];
    for (size_t i = 0; i < r->n_active; i++)
        if (sg__intervals_contain(r->active[i], &a->o.hooks, a->wall_ms))
            return NULL;
    return r->n_active ? r->active[0] : NULL;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int by_labels(const void *a, const void *b)
{
    return sg_labels_cmp((*(struct sg__alert *const *)a)->labels,
                         (*(struct sg__alert *const *)b)->labels);
}

static void sort(void *list, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
    if (n > 1)
        qsort(list, n, size, cmp);
}

static void collect(const struct sg__group *g, struct flush *f)
{
    size_t n = g->n_members;
    *f = (struct flush){.all_acked = true};
    f->firing = sg_calloc(n + 1, sizeof(struct sg__alert *));
    f->resolved = sg_calloc(n + 1, sizeof(struct sg__alert *));
    f->episodes = sg_calloc(n + 1, sizeof(uint64_t));
    f->held = sg_calloc(n + 1, sizeof(uint64_t));
    for (size_t i = 0; i < n; i++) {
        struct sg__alert *alert = g->members[i]->alert;
        if (alert->suppressed) {
            f->held[f->n_held++] = sg__alert_episode(alert);
        } else if (alert->firing) {
            f->episodes[f->n_firing] = sg__alert_episode(alert);
            f->firing[f->n_firing++] = alert;
            f->all_acked = f->all_acked && alert->ack;
        } else {
            f->resolved[f->n_resolved++] = alert;
        }
    }
    sort(f->firing, f->n_firing, sizeof(struct sg__alert *), by_labels);
    sort(f->resolved, f->n_resolved, sizeof(struct sg__alert *), by_labels);
    sort(f->episodes, f->n_firing, sizeof(uint64_t), by_value);
    sort(f->held, f->n_held, sizeof(uint64_t), by_value);
}

static void free_flush(struct flush *f)
{
    sg_free(f->firing);
    sg_free(f->resolved);
    sg_free(f->episodes);
    sg_free(f->held);
}

static void random_key(const struct sg_alerting *a, char dst[33])
{
    unsigned char bytes[16];
    a->o.hooks.random_bytes(bytes, sizeof(bytes));
    for (int i = 0; i < 16; i++)
        snprintf(dst + 2 * i, 3, "%02x", bytes[i]);
}

void sg__group_send(struct sg_alerting *a, const struct sg__group *g,
                    const struct sg_integration *to, const char *status,
                    struct sg__alert *const *alerts, size_t n)
{
    char key[33], target[512];
    random_key(a, key);
    int len = snprintf(target, sizeof(target), "%s%.*s", to->push ? SG_OUTBOX_PUSH_PREFIX : "",
                       SG_STR_ARG(to->target));
    sg__body_print(a, g, status, alerts, n, &a->scratch);
    if (a->scratch.failed || len < 0 || (size_t)len >= sizeof(target))
        return;
    sg_journal_add(a->journal, &(struct sg_journal_op){.kind = SG_JOURNAL_SEND,
                                                       .extra = SG_STR(""),
                                                       .time_ms = a->wall_ms,
                                                       .order_key = g->order_key,
                                                       .target = sg_str_make(target, (size_t)len),
                                                       .body = sg_buf_str(&a->scratch),
                                                       .key = sg_str_make(key, 32)});
    atomic_fetch_add_explicit(&a->stats.sends, 1, memory_order_relaxed);
}

/* What of `told` is firing now or suppressed (so its end is still to be told), and, when it was
 * sent, what fires now. Ascending. */
static void update_told(struct sg__told *t, const struct flush *f, bool sent)
{
    uint64_t *kept = sg_calloc(f->n_firing + f->n_held + 1, sizeof(*kept));
    struct sg__told firing = {.firing = f->episodes, .n_firing = f->n_firing};
    size_t n = 0;
    for (size_t i = 0; i < f->n_held; i++)
        if (sg__told_has(t, f->held[i]))
            kept[n++] = f->held[i];
    for (size_t i = 0; i < f->n_firing; i++)
        if (sent || sg__told_has(t, firing.firing[i]))
            kept[n++] = f->episodes[i];
    sort(kept, n, sizeof(*kept), by_value);
    sg__told_set(t, kept, n);
    sg_free(kept);
}

static bool all_told(const struct sg__told *t, const struct flush *f)
{
    for (size_t i = 0; i < f->n_firing; i++)
        if (!sg__told_has(t, f->episodes[i]))
            return false;
    return true;
}

/* Tells one integration, if there is something to tell. Returns whether the log changed. */
static bool tell(struct sg_alerting *a, struct sg__group *g, const struct sg_integration *to,
                 struct flush *f)
{
    struct sg__told *t = g->log ? sg__log_told(g->log, to->target) : NULL;
    size_t gone = 0, n = f->n_firing;
    /* Behind the firing ones there is room for those that ended. */
    struct sg__alert **list = sg_calloc(f->n_firing + f->n_resolved + 1, sizeof(*list));
    for (size_t i = 0; i < f->n_firing; i++)
        list[i] = f->firing[i];
    for (size_t i = 0; i < f->n_resolved; i++) {
        if (!sg__told_has(t, sg__alert_episode(f->resolved[i])))
            continue;
        gone++;
        if (to->send_resolved)
            list[n++] = f->resolved[i];
    }
    bool due = t && f->n_firing && !f->all_acked && a->mono_ms - t->mono_ms >= g->route->repeat_ms;
    bool sent = n && (!all_told(t, f) || (gone && to->send_resolved) || due);
    if (sent) {
        sg__group_send(a, g, to, f->n_firing ? "firing" : "resolved", list, n);
        if (!g->log) {
            g->log = sg__log_make(a, g->order_key);
            g->log->n_groups++;
        }
        t = sg__log_told_make(g->log, to->target);
        t->time_ms = a->wall_ms;
        t->mono_ms = a->mono_ms;
    }
    size_t before = t ? t->n_firing : 0;
    if (t)
        update_told(t, f, sent);
    sg_free(list);
    return sent || (t && t->n_firing != before);
}

/* An end that some integration has still to hear of. */
static bool awaited(const struct sg__group *g, const struct sg__alert *alert)
{
    uint64_t episode = sg__alert_episode(alert);
    for (size_t i = 0; g->log && i < g->log->n_told; i++)
        if (sg__told_has(&g->log->told[i], episode))
            return true;
    return false;
}

static void forget_resolved(struct sg_alerting *a, struct sg__group *g)
{
    for (size_t i = g->n_members; i-- > 0;) {
        struct sg__alert *alert = g->members[i]->alert;
        bool held = alert->suppressed || g->muted;
        if (!alert->firing && !(held && awaited(g, alert)))
            sg__member_free(a, g->members[i]);
    }
}

static bool knows_firing(const struct sg__log *log)
{
    for (size_t i = 0; log && i < log->n_told; i++)
        if (log->told[i].n_firing)
            return true;
    return false;
}

static void set_repeat(struct sg__group *g, const struct flush *f)
{
    g->repeat_mono_ms = SG__FOREVER;
    if (!f->n_firing || f->all_acked || !g->log || !g->route->receiver)
        return;
    for (size_t i = 0; i < g->route->receiver->n; i++) {
        const struct sg__told *t = sg__log_told(g->log, g->route->receiver->integrations[i].target);
        if (t && t->mono_ms + g->route->repeat_ms < g->repeat_mono_ms)
            g->repeat_mono_ms = t->mono_ms + g->route->repeat_ms;
    }
}

static void tell_all(struct sg_alerting *a, struct sg__group *g)
{
    struct flush f;
    bool changed = false;
    collect(g, &f);
    for (size_t i = 0; g->route->receiver && i < g->route->receiver->n; i++)
        changed = tell(a, g, &g->route->receiver->integrations[i], &f) || changed;
    set_repeat(g, &f);
    free_flush(&f);
    if (!g->log)
        return;
    if (changed && knows_firing(g->log))
        sg__log_write(a, g->log, g->route->repeat_ms);
    else if (changed && g->log->n_groups == 1) {
        sg__log_remove(a, g->log);
        g->log = NULL;
    }
}

static void attach_log(struct sg_alerting *a, struct sg__group *g)
{
    if (g->log)
        return;
    g->log = sg__log_find(a, g->order_key);
    if (g->log)
        g->log->n_groups++;
}

void sg__alert_group_flush(struct sg_alerting *a, struct sg__group *g)
{
    int64_t interval_ms = g->route->group_interval_ms;
    attach_log(a, g);
    if (!g->flushed && g->log && g->log->flushed && knows_firing(g->log) &&
        g->log->flushed_mono_ms + interval_ms > a->mono_ms) {
        /* It was flushed before a restart or reload: its interval goes on. */
        g->flushed = true;
        sg__timers_set(&a->group_timers, &g->timer, g->log->flushed_mono_ms + interval_ms);
        return;
    }
    g->flushed = true;
    sg__timers_set(&a->group_timers, &g->timer, a->mono_ms + interval_ms);
    g->muted = sg__group_muted(a, g->route);
    if (g->muted) {
        g->dirty = true;
    } else if (g->dirty || a->mono_ms >= g->repeat_mono_ms) {
        g->dirty = false;
        tell_all(a, g);
    } else if (g->log && a->wall_ms - g->log->put_ms > REFRESH_MS) {
        sg__log_write(a, g->log, g->route->repeat_ms);
    }
    forget_resolved(a, g);
    if (g->log) {
        g->log->flushed = true;
        g->log->flushed_mono_ms = a->mono_ms;
    }
    if (!g->n_members)
        sg__group_free(a, g);
}

/* ---- acknowledgements ---- */

/* All that fire and were told, when all of them are acknowledged. */
static size_t acked_firing(const struct sg__group *g, const struct sg__told *t,
                           struct sg__alert **list)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_members; i++) {
        struct sg__alert *alert = g->members[i]->alert;
        if (!alert->firing || alert->suppressed)
            continue;
        if (!alert->ack)
            return 0;
        if (sg__told_has(t, sg__alert_episode(alert)))
            list[n++] = alert;
    }
    sort(list, n, sizeof(struct sg__alert *), by_labels);
    return n;
}

void sg__group_acked(struct sg_alerting *a, struct sg__alert *alert)
{
    for (struct sg__member *m = alert->members; m; m = m->next) {
        struct sg__group *g = m->group;
        const struct sg__receiver *r = g->route->receiver;
        attach_log(a, g);
        if (!g->log || !r || sg__group_muted(a, g->route))
            continue;
        struct sg__alert **list = sg_calloc(g->n_members, sizeof(*list));
        for (size_t i = 0; i < r->n; i++) {
            const struct sg_integration *to = &r->integrations[i];
            const struct sg__told *t = sg__log_told(g->log, to->target);
            if (!to->acknowledges || !sg__told_has(t, sg__alert_episode(alert)))
                continue;
            size_t n = to->push ? 1 : acked_firing(g, t, list);
            list[0] = to->push ? alert : list[0];
            if (n)
                sg__group_send(a, g, to, "acknowledged", list, n);
        }
        sg_free(list);
    }
}
