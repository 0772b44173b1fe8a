/* group.c - the flush of a group: what its alerts are now against what was told of them. */
#include "alerting_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#define REFRESH_MS SG_MS_PER_DAY /* rows of logs are written again, so that they do not expire */

struct flush {
    struct sg__alert **firing, **resolved; /* not suppressed; by labels */
    struct sg__alert **held;               /* suppressed */
    size_t n_firing, n_resolved, n_held;
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

static int by_fp(const void *a, const void *b)
{
    uint64_t x = ((const struct sg__episode *)a)->fp, y = ((const struct sg__episode *)b)->fp;
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
    f->held = sg_calloc(n + 1, sizeof(struct sg__alert *));
    for (size_t i = 0; i < n; i++) {
        struct sg__alert *alert = g->members[i]->alert;
        if (alert->suppressed) {
            f->held[f->n_held++] = alert;
        } else if (alert->firing) {
            f->firing[f->n_firing++] = alert;
            f->all_acked = f->all_acked && alert->ack;
        } else {
            f->resolved[f->n_resolved++] = alert;
        }
    }
    sort(f->firing, f->n_firing, sizeof(struct sg__alert *), by_labels);
    sort(f->resolved, f->n_resolved, sizeof(struct sg__alert *), by_labels);
}

static void free_flush(struct flush *f)
{
    sg_free(f->firing);
    sg_free(f->resolved);
    sg_free(f->held);
}

static void random_key(const struct sg_alerting *a, char dst[33])
{
    unsigned char bytes[16];
    a->o.hooks.random_bytes(bytes, sizeof(bytes));
    sg_hex_format(bytes, sizeof(bytes), dst);
}

/* Returns how many lines are in it. */
static size_t send_one(struct sg_alerting *a, const struct sg__group *g,
                       const struct sg_integration *to, const struct sg__message *m)
{
    char key[33], target[512];
    random_key(a, key);
    int len = snprintf(target, sizeof(target), "%s%.*s", to->push ? SG_OUTBOX_PUSH_PREFIX : "",
                       SG_STR_ARG(to->target));
    size_t sent = sg__body_print(a, g, m, &a->scratch);
    if (a->scratch.failed || len < 0 || (size_t)len >= sizeof(target))
        return sent;
    sg_journal_add(a->journal, &(struct sg_journal_op){.kind = SG_JOURNAL_SEND,
                                                       .extra = SG_STR(""),
                                                       .time_ms = a->wall_ms,
                                                       .order_key = g->order_key,
                                                       .target = sg_str_make(target, (size_t)len),
                                                       .body = sg_buf_str(&a->scratch),
                                                       .key = sg_str_make(key, 32)});
    atomic_fetch_add_explicit(&a->stats.sends, 1, memory_order_relaxed);
    return sent;
}

void sg__group_send(struct sg_alerting *a, const struct sg__group *g,
                    const struct sg_integration *to, const struct sg__message *m)
{
    struct sg__message rest = *m;
    rest.every = to->every;
    do {
        size_t sent = send_one(a, g, to, &rest);
        rest.lines += sent;
        rest.n -= sent;
    } while (rest.every && rest.n);
}

/* What of `told` is firing now or suppressed (so its end is still to be told), and, when it was
 * sent, what fires now. */
static void update_told(struct sg__told *t, const struct flush *f, bool sent)
{
    struct sg__episode *kept = sg_calloc(f->n_firing + f->n_held + 1, sizeof(*kept));
    size_t n = 0;
    for (size_t i = 0; i < f->n_held; i++) {
        const struct sg__episode *e = sg__told_find(t, f->held[i]->fp);
        if (e)
            kept[n++] = *e;
    }
    for (size_t i = 0; i < f->n_firing; i++) {
        const struct sg__alert *alert = f->firing[i];
        if (sent || sg__told_has(t, alert))
            kept[n++] = (struct sg__episode){alert->fp, alert->starts_ms};
    }
    sort(kept, n, sizeof(*kept), by_fp);
    sg__told_set(t, kept, n);
    sg_free(kept);
}

/* What one integration is to be told: all that fires, and the ends of what it was told fires. */
struct telling {
    struct sg__line *lines;
    size_t n, n_ends; /* n_ends: whether it wants to hear of them or not */
    bool news;        /* something fires of which it was not told */
};

static struct telling compare(const struct sg__told *t, const struct sg_integration *to,
                              const struct flush *f)
{
    struct telling c = {.lines = sg_calloc(f->n_firing + f->n_resolved + 1, sizeof(*c.lines))};
    for (size_t i = 0; i < f->n_firing; i++) {
        c.lines[c.n++] = (struct sg__line){f->firing[i], f->firing[i]->starts_ms};
        c.news = c.news || !sg__told_has(t, f->firing[i]);
    }
    for (size_t i = 0; i < f->n_resolved; i++) {
        const struct sg__episode *e = sg__told_find(t, f->resolved[i]->fp);
        if (!e)
            continue;
        c.n_ends++;
        if (to->send_resolved)
            c.lines[c.n++] = (struct sg__line){f->resolved[i], e->starts_ms};
    }
    return c;
}

/* Tells one integration, if there is something to tell. Returns whether the log changed. */
static bool tell(struct sg_alerting *a, struct sg__group *g, const struct sg_integration *to,
                 const struct flush *f)
{
    struct sg__told *t = g->log ? sg__log_told(g->log, to->target) : NULL;
    struct telling c = compare(t, to, f);
    bool due = t && f->n_firing && !f->all_acked && a->mono_ms - t->mono_ms >= g->route->repeat_ms;
    bool sent = c.n && (c.news || c.n > f->n_firing || due);
    if (sent) {
        const char *status = f->n_firing ? "firing" : "resolved";
        sg__group_send(a, g, to,
                       &(struct sg__message){.status = status, .lines = c.lines, .n = c.n});
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
    sg_free(c.lines);
    return sent || (t && t->n_firing != before);
}

/* An end that some integration has still to hear of. */
static bool awaited(const struct sg__group *g, const struct sg__alert *alert)
{
    for (size_t i = 0; g->log && i < g->log->n_told; i++)
        if (sg__told_find(&g->log->told[i], alert->fp))
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
        forget_resolved(a, g);
        g->dirty = true; /* to be told when that is over */
    } else if (g->dirty || a->mono_ms >= g->repeat_mono_ms) {
        g->dirty = false;
        tell_all(a, g);
        forget_resolved(a, g);
    } else if (g->log && a->wall_ms - g->log->put_ms > REFRESH_MS) {
        sg__log_write(a, g->log, g->route->repeat_ms);
    }
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
                           struct sg__line *lines)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_members; i++) {
        const struct sg__alert *alert = g->members[i]->alert;
        if (!alert->firing || alert->suppressed)
            continue;
        if (!alert->ack)
            return 0;
        if (sg__told_has(t, alert))
            lines[n++] = (struct sg__line){alert, alert->starts_ms};
    }
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
        struct sg__line *lines = sg_calloc(g->n_members, sizeof(*lines));
        for (size_t i = 0; i < r->n; i++) {
            const struct sg_integration *to = &r->integrations[i];
            const struct sg__told *t = sg__log_told(g->log, to->target);
            if (!to->acknowledges || !sg__told_has(t, alert))
                continue;
            size_t n = to->push ? 1 : acked_firing(g, t, lines);
            if (to->push)
                lines[0] = (struct sg__line){alert, alert->starts_ms};
            if (n)
                sg__group_send(
                    a, g, to,
                    &(struct sg__message){.status = "acknowledged", .lines = lines, .n = n});
        }
        sg_free(lines);
    }
}
