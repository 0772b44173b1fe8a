/* state.c - the life of one instance of an alerting rule, as a table of states and events.
 *
 *                TRUE                          FALSE                     UNKNOWN
 *   inactive     pending, or firing at for 0   inactive                  inactive
 *   pending      firing after `for`            inactive                  pending
 *   firing       firing                        firing while kept, else   firing
 *                                              resolved
 *   resolved     as inactive: a new episode    inactive after 15 min     as FALSE
 *
 * Durations are compared as Prometheus does: `for` has passed at its end, the retention only after
 * its end.
 */
#include <streamgauge/alert.h>

static enum sg_alert_state enter(enum sg_alert_state next, struct sg_alert_times *t, int64_t now_ms)
{
    t->changed_ms = now_ms;
    t->kept = false;
    return next;
}

static enum sg_alert_state begin(enum sg_alert_state s, enum sg_alert_event e,
                                 struct sg_alert_times *t, int64_t now_ms)
{
    if (e != SG_ALERT_TRUE)
        return s;
    t->active_ms = now_ms;
    return enter(t->for_ms > 0 ? SG_ALERT_PENDING : SG_ALERT_FIRING, t, now_ms);
}

static enum sg_alert_state when_pending(enum sg_alert_event e, struct sg_alert_times *t,
                                        int64_t now_ms)
{
    if (e == SG_ALERT_FALSE)
        return enter(SG_ALERT_INACTIVE, t, now_ms);
    if (e == SG_ALERT_UNKNOWN)
        return SG_ALERT_PENDING;
    return now_ms - t->active_ms >= t->for_ms ? enter(SG_ALERT_FIRING, t, now_ms)
                                              : SG_ALERT_PENDING;
}

static enum sg_alert_state when_firing(enum sg_alert_event e, struct sg_alert_times *t,
                                       int64_t now_ms)
{
    if (e == SG_ALERT_UNKNOWN)
        return SG_ALERT_FIRING;
    if (e == SG_ALERT_TRUE) {
        t->kept = false;
        return SG_ALERT_FIRING;
    }
    if (t->keep_ms > 0 && !t->kept) {
        t->kept = true;
        t->kept_ms = now_ms;
    }
    return t->kept && now_ms - t->kept_ms < t->keep_ms ? SG_ALERT_FIRING
                                                       : enter(SG_ALERT_RESOLVED, t, now_ms);
}

enum sg_alert_state sg_alert_next(enum sg_alert_state s, enum sg_alert_event e,
                                  struct sg_alert_times *t, int64_t mono_ms)
{
    switch (s) {
    case SG_ALERT_PENDING:
        return when_pending(e, t, mono_ms);
    case SG_ALERT_FIRING:
        return when_firing(e, t, mono_ms);
    case SG_ALERT_RESOLVED:
        if (e != SG_ALERT_TRUE && mono_ms - t->changed_ms > SG_ALERT_RETENTION_MS)
            return enter(SG_ALERT_INACTIVE, t, mono_ms);
        return begin(s, e, t, mono_ms);
    case SG_ALERT_INACTIVE:
    case SG_N_ALERT_STATES:
        break;
    }
    return begin(SG_ALERT_INACTIVE, e, t, mono_ms);
}

const char *sg_alert_state_name(enum sg_alert_state s)
{
    static const char *const names[SG_N_ALERT_STATES] = {"inactive", "pending", "firing",
                                                         "resolved"};
    return s < SG_N_ALERT_STATES ? names[s] : "unknown";
}
