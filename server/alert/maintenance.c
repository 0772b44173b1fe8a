/* maintenance.c - maintenance windows of the configuration: silences that nobody can change. */
#include "alerting_priv.h"

#include <string.h>

#include <streamgauge/time.h>

/* The end of an open one, for those who look at it. */
#define FAR_MS INT64_C(253402300799000) /* 9999-12-31 */

enum sg_silence_state sg__maintenance_state(const struct sg_alerting *a,
                                            const struct sg__maintenance *m, int64_t *next_ms)
{
    bool inside = m->n_intervals == 0;
    *next_ms = SG__FOREVER;
    if (m->ends_ms && a->wall_ms >= m->ends_ms)
        return SG_SILENCE_EXPIRED;
    if (m->starts_ms && a->wall_ms < m->starts_ms) {
        *next_ms = m->starts_ms;
        return SG_SILENCE_PENDING;
    }
    if (m->ends_ms)
        *next_ms = m->ends_ms;
    for (size_t i = 0; i < m->n_intervals && !inside; i++)
        inside = sg__intervals_contain(m->intervals[i], &a->o.hooks, a->wall_ms);
    /* Intervals change with a minute at the earliest. */
    int64_t minute_ms = sg_time_align(a->wall_ms, SG_MS_PER_MIN) + SG_MS_PER_MIN;
    if (m->n_intervals && minute_ms < *next_ms)
        *next_ms = minute_ms;
    return inside ? SG_SILENCE_ACTIVE : SG_SILENCE_PENDING;
}

/* The windows of the old configuration go, without their effect on alerts being told; those of the
 * new one come. */
static void drop_old(struct sg_alerting *a)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->n_alerts; i++) {
        struct sg__alert *alert = a->alerts[i];
        for (size_t k = alert->n_silences; k-- > 0;)
            if (alert->silences[k]->of)
                alert->silences[k] = alert->silences[--alert->n_silences];
    }
    for (size_t i = 0; i < a->n_silences; i++) {
        struct sg__silence *s = a->silences[i];
        if (!s->of) {
            a->silences[kept++] = s;
            continue;
        }
        a->n_active -= s->state == SG_SILENCE_ACTIVE;
        sg_hashtab_remove(&a->by_silence, &s->node);
        sg__silence_free(s);
    }
    a->n_silences = kept;
}

void sg__maintenance_load(struct sg_alerting *a)
{
    drop_old(a);
    for (size_t i = 0; i < a->routing->n_maintenance; i++) {
        const struct sg__maintenance *m = &a->routing->maintenance[i];
        struct sg_silence s = {.matchers = m->matchers.list,
                               .n_matchers = m->matchers.n,
                               .starts_ms = m->starts_ms,
                               .ends_ms = m->ends_ms ? m->ends_ms : FAR_MS,
                               .updated_ms = a->wall_ms,
                               .created_by = SG_STR("configuration"),
                               .comment = m->comment.n ? m->comment : m->name};
        memcpy(s.id, m->id, sizeof(s.id));
        sg__silence_add(a, &s, m);
    }
}
