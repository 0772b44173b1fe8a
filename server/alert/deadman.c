/* deadman.c - dead man's switches: an alert that must keep coming, and the one that is raised when
 * it does not. Monotonic clock; after a start and a reload the time begins anew. */
#include "alerting_priv.h"

#include <streamgauge/mem.h>

static const struct sg__switch *find(const struct sg__switch *list, size_t n,
                                     const struct sg_labels *labels)
{
    for (size_t i = 0; i < n; i++)
        if (sg_labels_eq(list[i].def->labels, labels))
            return &list[i];
    return NULL;
}

/* The old routing still lives. Switches that stay keep their time; alerts of those that went end.
 */
void sg__deadman_load(struct sg_alerting *a)
{
    struct sg__switch *old = a->switches;
    size_t n_old = a->n_switches, n = a->routing->n_deadmen;
    a->switches = sg_calloc(n + 1, sizeof(*a->switches));
    a->n_switches = n;
    for (size_t i = 0; i < n; i++) {
        struct sg__switch *s = &a->switches[i];
        s->def = &a->routing->deadmen[i];
        s->timer.kind = SG__TIMER_DEADMAN;
        const struct sg__switch *was = find(old, n_old, s->def->labels);
        /* A due switch has raised its alert, which goes on. */
        if (was && was->armed) {
            int64_t seen_ms = was->timer.due_ms - was->def->within_ms;
            s->armed = true;
            sg__timers_set(&a->timers, &s->timer, seen_ms + s->def->within_ms);
        }
    }
    for (size_t i = 0; i < n_old; i++) {
        sg__timers_clear(&a->timers, &old[i].timer);
        if (!find(a->switches, n, old[i].def->labels))
            sg__alert_internal(a, old[i].def->labels, old[i].def->annotations, false);
    }
    sg_free(old);
}

void sg__deadman_arm(struct sg_alerting *a)
{
    for (size_t i = 0; i < a->n_switches; i++) {
        struct sg__switch *s = &a->switches[i];
        if (s->armed)
            continue;
        s->armed = true;
        sg__timers_set(&a->timers, &s->timer, a->mono_ms + s->def->within_ms);
    }
}

uint64_t sg__deadman_watches(const struct sg_alerting *a, const struct sg_labels *labels)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < a->n_switches; i++)
        if (sg__matchers_match(&a->switches[i].def->matchers, labels))
            mask |= UINT64_C(1) << i;
    return mask;
}

void sg__deadman_seen(struct sg_alerting *a, uint64_t watches)
{
    for (size_t i = 0; watches; i++, watches >>= 1) {
        if (!(watches & 1))
            continue;
        struct sg__switch *s = &a->switches[i];
        s->armed = true;
        sg__timers_set(&a->timers, &s->timer, a->mono_ms + s->def->within_ms);
        sg__alert_internal(a, s->def->labels, s->def->annotations, false);
    }
}

int64_t sg__deadman_within_ms(const struct sg_alerting *a, uint64_t watches)
{
    int64_t ret = INT64_MAX;
    for (size_t i = 0; watches; i++, watches >>= 1)
        if (watches & 1 && a->switches[i].def->within_ms < ret)
            ret = a->switches[i].def->within_ms;
    return ret;
}

void sg__deadman_due(struct sg_alerting *a, struct sg__switch *s)
{
    sg__alert_internal(a, s->def->labels, s->def->annotations, true);
}
