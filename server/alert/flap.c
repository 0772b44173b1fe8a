/* flap.c - alerts that change too often are told once as flapping and held as firing until they
 * have been quiet for a while. */
#include "alerting_priv.h"

#include <streamgauge/mem.h>

static void push(struct sg__flap *f, int64_t mono_ms)
{
    f->at[f->head] = mono_ms;
    f->head = (f->head + 1) % SG__MAX_TRANSITIONS;
    f->n += f->n < SG__MAX_TRANSITIONS;
}

/* Transitions since then. */
static uint32_t count(const struct sg__flap *f, int64_t since_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n; i++)
        n += f->at[i] > since_ms;
    return n;
}

static void hold(struct sg_alerting *a, struct sg__alert *alert)
{
    alert->flapping = true;
    if (!alert->firing)
        sg__alert_begin(a, alert, alert->raw_starts_ms);
    alert->fed = false; /* it is told once more, now as flapping */
    sg__groups_dirty(alert);
    sg__alert_row(a, alert);
}

bool sg__flap_changed(struct sg_alerting *a, struct sg__alert *alert)
{
    const struct sg__flapping *cfg = a->routing ? &a->routing->flapping : NULL;
    int64_t before_ms = alert->changed_mono_ms;
    alert->changed_mono_ms = a->mono_ms;
    if (!cfg || (!cfg->transitions && !alert->flapping))
        return false;
    if (!alert->flap) {
        if (alert->raw_firing) /* an alert that never ended takes no memory for this */
            return false;
        alert->flap = sg_calloc(1, sizeof(*alert->flap));
        push(alert->flap, before_ms);
    }
    push(alert->flap, a->mono_ms);
    if (!alert->flapping) {
        if (count(alert->flap, a->mono_ms - cfg->window_ms) < cfg->transitions)
            return false;
        hold(a, alert);
    }
    sg__timers_set(&a->timers, &alert->stable, a->mono_ms + cfg->stable_ms);
    return true;
}

void sg__flap_stable(struct sg_alerting *a, struct sg__alert *alert)
{
    alert->flapping = false;
    alert->flap->n = alert->flap->head = 0; /* what is past counts no more */
    sg__alert_row(a, alert);
    sg__groups_dirty(alert);
    if (alert->raw_firing)
        alert->fed = false; /* it fires on, told once without the mark */
    else
        sg__alert_end(a, alert, alert->raw_ends_ms);
}
