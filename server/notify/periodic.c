/* periodic.c - what is sent by the clock, outside of the outbox: heartbeats, and what fires, again,
 * to Alertmanagers.
 *
 * An Alertmanager keeps alerts in memory and takes one that is not told again for resolved. So what
 * was delivered as firing is held here and posted every `refresh`, until it is told as resolved.
 * The endsAt we give is `hold` from now, not a few minutes: after a restart of ours nothing is held
 * until the outbox tells it again, and that must not look like the end of the alert. A refresh that
 * fails is not tried again before the next one. */
#include <stdio.h>
#include <string.h>

#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "notify/alertmanager.h"
#include "notify/runtime.h"

#define MAX_HELD 10000
#define PER_REQUEST 500

static void forget(struct sg__periodic *p, struct sg__alert_held *a)
{
    HASH_DEL(p->alerts, a);
    sg_free(a->json);
    sg_free(a);
}

void sg__periodic_free(struct sg__periodic *p)
{
    struct sg__alert_held *a, *next;
    HASH_ITER(hh, p->alerts, a, next)
    {
        forget(p, a);
    }
    sg_free((char *)(uintptr_t)p->name.p);
    sg_free(p);
}

/* ---- following the configuration ---- */

static int64_t interval_of(const struct sg__target *t)
{
    if (t->kind == &sg__kind_heartbeat)
        return (int64_t)sg__opt(t, "interval")->number;
    return t->kind == &sg__kind_alertmanager ? (int64_t)sg__opt(t, "refresh")->number : 0;
}

static struct sg__periodic *find(const struct sg_notify *n, struct sg_str name)
{
    for (struct sg__periodic *p = n->periodics; p; p = p->next)
        if (sg_str_eq(p->name, name))
            return p;
    return NULL;
}

void sg__periodics_load(struct sg_notify *n)
{
    for (struct sg__periodic *p = n->periodics; p; p = p->next)
        p->target = NULL;
    for (size_t i = 0; i < n->receivers->n_targets; i++) {
        const struct sg__target *t = n->receivers->targets[i];
        if (interval_of(t) <= 0)
            continue;
        struct sg__periodic *p = find(n, t->name);
        if (!p) {
            p = sg_calloc(1, sizeof(*p));
            p->name = (struct sg_str){sg_str_dup(t->name), t->name.n};
            p->next = n->periodics;
            n->periodics = p;
            p->next_ms = sg_mono_now_ms() + (t->kind == &sg__kind_heartbeat ? 0 : interval_of(t));
        }
        p->target = t;
        p->interval_ms = interval_of(t);
    }
    for (struct sg__periodic **link = &n->periodics, *p; (p = *link);) {
        if (p->target || p->in_flight) {
            link = &p->next;
            continue;
        }
        *link = p->next;
        sg__periodic_free(p);
    }
}

/* ---- sending ---- */

static int build_beat(struct sg_notify *n, struct sg__transfer *x, struct sg_error *err)
{
    struct sg__job job = {.target = x->target, .site = &n->site, .wall_ms = sg_wall_now_ms()};
    return x->target->kind->build(&job, &x->call.request, err);
}

static void build_refresh(struct sg__transfer *x, struct sg__periodic *p)
{
    struct sg__alert_held *a, *next;
    int64_t hold = (int64_t)sg__opt(x->target, "hold")->number;
    size_t count = 0, all = HASH_COUNT(p->alerts);
    sg__alertmanager_begin(x->target, &x->call.request);
    HASH_ITER(hh, p->alerts, a, next)
    {
        if (count == PER_REQUEST || count == all)
            break;
        sg__alertmanager_put(&x->call.request.body, a->json, sg_wall_now_ms() + hold);
        count++;
        HASH_DEL(p->alerts, a); /* to the end: the next request goes on with the others */
        HASH_ADD_KEYPTR(hh, p->alerts, a->key, strlen(a->key), a);
    }
    sg__alertmanager_end(&x->call.request);
}

static void drop_old(struct sg__periodic *p, int64_t now)
{
    struct sg__alert_held *a, *next;
    HASH_ITER(hh, p->alerts, a, next)
    {
        if (a->until_ms <= now)
            forget(p, a);
    }
}

static void start(struct sg_notify *n, struct sg__periodic *p)
{
    bool beat = p->target->kind == &sg__kind_heartbeat;
    struct sg_error err = {0};
    if (beat && n->cfg.hooks.alive && !n->cfg.hooks.alive(n->cfg.hooks.ctx))
        return;
    drop_old(p, sg_mono_now_ms());
    if (!beat && !p->alerts)
        return;
    struct sg__transfer *x = sg__transfer_new(n, p->target);
    x->purpose = beat ? SG__FOR_BEAT : SG__FOR_REFRESH;
    x->periodic = p;
    p->in_flight = true;
    if (!beat)
        build_refresh(x, p);
    if ((!beat || build_beat(n, x, &err) == 0) && sg__start(n, x, &err))
        return;
    sg__periodic_finished(n, x, false, err.text);
    sg__transfer_free(n, x);
}

/* More alerts than a request takes: the rest follows soon, so that all are told in an interval. */
static int64_t step_of(const struct sg__periodic *p)
{
    unsigned requests = HASH_COUNT(p->alerts) / PER_REQUEST + 1;
    return p->interval_ms / requests;
}

int64_t sg__periodics_run(struct sg_notify *n)
{
    int64_t wait = -1, now = sg_mono_now_ms();
    for (struct sg__periodic *p = n->periodics; p; p = p->next) {
        if (!p->target)
            continue;
        if (p->next_ms <= now) {
            p->next_ms = now + step_of(p);
            if (!p->in_flight)
                start(n, p);
        }
        if (wait < 0 || p->next_ms - now < wait)
            wait = p->next_ms - now;
    }
    return wait;
}

void sg__periodic_finished(struct sg_notify *n, struct sg__transfer *x, bool ok, const char *why)
{
    struct sg__periodic *p = x->periodic;
    pthread_mutex_lock(&n->lock);
    bool before = p->failing;
    p->in_flight = false;
    p->failing = !ok;
    if (ok) {
        p->sent++;
        p->last_ok_wall_ms = sg_wall_now_ms();
    } else {
        p->failed++;
        p->last_failure_wall_ms = sg_wall_now_ms();
        snprintf(p->last_error, sizeof(p->last_error), "%s", why);
    }
    pthread_mutex_unlock(&n->lock);
    if (!ok && !before)
        SG_LOG(WARN, "notify", "regular sending failed", "target=\"%s\" error=\"%s\"", p->name.p,
               why);
}

/* ---- what fires ---- */

void sg__periodic_learn(struct sg_notify *n, const struct sg__target *t,
                        const struct sg__note *note)
{
    struct sg__periodic *p = t->kind == &sg__kind_alertmanager ? find(n, t->name) : NULL;
    if (!p || !p->target || note->digest)
        return;
    int64_t until = sg_mono_now_ms() + (int64_t)sg__opt(t, "hold")->number;
    for (size_t i = 0; i < note->n_alerts; i++) {
        struct sg__alert_view a;
        struct sg__alert_held *held = NULL;
        sg__note_alert(note, i, &a);
        HASH_FIND(hh, p->alerts, a.fingerprint.p, a.fingerprint.n, held);
        if (held)
            forget(p, held);
        if (a.status == SG__RESOLVED || a.fingerprint.n == 0 || HASH_COUNT(p->alerts) >= MAX_HELD)
            continue;
        held = sg_calloc(1, sizeof(*held) + a.fingerprint.n + 1);
        memcpy(held->key, a.fingerprint.p, a.fingerprint.n);
        char *json = json_dumps(a.json, JSON_COMPACT);
        held->json = sg_strdup(json ? json : "{}");
        held->until_ms = until;
        free(json);
        HASH_ADD_KEYPTR(hh, p->alerts, held->key, a.fingerprint.n, held);
    }
}
