/* alerting.c - alerts as they are told, their ends, and the tick. */
#include "alerting_priv.h"

#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/time.h>

#define MAX_SCRATCH (8u << 20)
#define SWEEP_MS SG_MS_PER_HOUR
#define MAX_LABELS (128u << 10) /* bytes of labels and annotations of one alert */
#define MAX_URL 8192            /* longer ones are left out */
#define COUNT_FIRING 1
#define COUNT_SUPPRESSED 2
#define COUNT_FLAPPING 4

void sg_alerting_options_default(struct sg_alerting_options *o)
{
    *o = (struct sg_alerting_options){
        .hooks.random_bytes = sg_rand_bytes,
        .external_url = SG_STR(""),
        .resolve_timeout_ms = 5 * SG_MS_PER_MIN,
        .max_alerts = 100000,
        .max_silences = 10000,
        .max_groups = 100000,
    };
}

struct sg_str sg__str_own(struct sg_str s)
{
    return sg_str_make(sg_str_dup(s), s.n);
}

struct sg_alerting *sg_alerting_new(const struct sg_alerting_options *o)
{
    struct sg_alerting *a = sg_calloc(1, sizeof(*a));
    a->o = *o;
    a->o.external_url = sg__str_own(o->external_url);
    if (!a->o.hooks.random_bytes)
        a->o.hooks.random_bytes = sg_rand_bytes;
    a->journal = sg_journal_new();
    sg_buf_init(&a->scratch, MAX_SCRATCH);
    return a;
}

const struct sg_alerting_stats *sg_alerting_get_stats(const struct sg_alerting *a)
{
    return &a->stats;
}

static void set_str(struct sg_str *to, struct sg_str s)
{
    if (s.n > MAX_URL)
        s = SG_STR("");
    if (to->p && sg_str_eq(*to, s))
        return;
    sg_free((char *)to->p);
    *to = sg__str_own(s.p ? s : SG_STR(""));
}

void sg_alerting_set_external_url(struct sg_alerting *a, struct sg_str url)
{
    set_str(&a->o.external_url, url);
}

int64_t sg__resolve_timeout_ms(const struct sg_alerting *a)
{
    int64_t own_ms = a->routing ? a->routing->resolve_timeout_ms : 0;
    return own_ms ? own_ms : a->o.resolve_timeout_ms;
}

struct sg__alert *sg__alert_find(const struct sg_alerting *a, uint64_t fp)
{
    return (struct sg__alert *)sg_hashtab_first(&a->by_fp, fp);
}

void sg__alert_dirty(struct sg_alerting *a, struct sg__alert *alert)
{
    if (alert->dirty_pos)
        return;
    SG__PUSH(a->dirty, a->n_dirty, a->cap_dirty, alert);
    alert->dirty_pos = (uint32_t)a->n_dirty;
}

void sg__alert_row(struct sg_alerting *a, struct sg__alert *alert)
{
    alert->row_dirty = true;
    sg__alert_dirty(a, alert);
}

static void undirty(struct sg_alerting *a, struct sg__alert *alert)
{
    if (!alert->dirty_pos)
        return;
    struct sg__alert *last = a->dirty[--a->n_dirty];
    a->dirty[alert->dirty_pos - 1] = last;
    last->dirty_pos = alert->dirty_pos;
    alert->dirty_pos = 0;
}

/* ---- one alert ---- */

struct sg__alert *sg__alert_new(struct sg_alerting *a, const struct sg_alert *as, uint64_t fp)
{
    struct sg__alert *alert = sg_calloc(1, sizeof(*alert));
    alert->fp = fp;
    alert->labels = sg_labels_ref(as->labels);
    alert->annotations = sg_labels_ref(as->annotations ? as->annotations : sg_labels_empty());
    set_str(&alert->generator_url, as->generator_url);
    set_str(&alert->rule, as->rule);
    alert->external = as->external;
    alert->value = as->value;
    alert->interval_ms = as->interval_ms;
    alert->changed_mono_ms = a->mono_ms;
    alert->timer.kind = SG__TIMER_ALERT;
    alert->stable.kind = SG__TIMER_STABLE;
    alert->index = (uint32_t)a->n_alerts;
    SG__PUSH(a->alerts, a->n_alerts, a->cap_alerts, alert);
    sg_hashtab_add(&a->by_fp, &alert->node, fp);
    alert->watches = sg__deadman_watches(a, alert->labels);
    sg__silences_match(a, alert);
    sg__inhibit_add(a, alert);
    return alert;
}

static void free_alert(struct sg__alert *alert)
{
    sg_labels_unref(alert->labels);
    sg_labels_unref(alert->annotations);
    sg_free((char *)alert->generator_url.p);
    sg_free((char *)alert->rule.p);
    sg_free(alert->silences);
    sg_free(alert->flap);
    sg_free(alert);
}

/* Keeps the numbers of alerts that are so and so. */
static void count(struct sg_alerting *a, struct sg__alert *alert, uint8_t now)
{
    uint8_t was = alert->counted;
    alert->counted = now;
    a->n_firing += (now & COUNT_FIRING) != 0;
    a->n_firing -= (was & COUNT_FIRING) != 0;
    a->n_suppressed += (now & COUNT_SUPPRESSED) != 0;
    a->n_suppressed -= (was & COUNT_SUPPRESSED) != 0;
    a->n_flapping += (now & COUNT_FLAPPING) != 0;
    a->n_flapping -= (was & COUNT_FLAPPING) != 0;
}

static void recount(struct sg_alerting *a, struct sg__alert *alert)
{
    count(a, alert,
          (uint8_t)((alert->firing ? COUNT_FIRING : 0) |
                    (alert->firing && alert->suppressed ? COUNT_SUPPRESSED : 0) |
                    (alert->flapping ? COUNT_FLAPPING : 0)));
}

static void drop_alert(struct sg_alerting *a, struct sg__alert *alert)
{
    while (alert->members)
        sg__member_free(a, alert->members);
    count(a, alert, 0);
    alert->row_dirty = true;
    sg__alert_write(a, alert);
    sg__timers_clear(&a->timers, &alert->timer);
    sg__timers_clear(&a->timers, &alert->stable);
    sg__inhibit_remove(a, alert);
    undirty(a, alert); /* last: the others may make it dirty */
    sg_hashtab_remove(&a->by_fp, &alert->node);
    struct sg__alert *last = a->alerts[--a->n_alerts];
    a->alerts[alert->index] = last;
    last->index = alert->index;
    free_alert(alert);
}

/* Is it suppressed, and what has the feed to hear of that? */
static void settle(struct sg_alerting *a, struct sg__alert *alert)
{
    bool suppressed = alert->n_silences > 0 || sg__inhibited(alert);
    bool released = alert->suppressed && !suppressed;
    if (alert->suppressed != suppressed) {
        alert->suppressed = suppressed;
        sg__groups_dirty(alert);
    }
    recount(a, alert);
    if (!alert->firing || suppressed || (alert->fed && !released))
        return;
    alert->fed = true;
    alert->row_dirty = true;
    sg__feed(a, alert, alert->ack ? SG__ACKED : SG__FIRING);
}

void sg__alert_begin(struct sg_alerting *a, struct sg__alert *alert, int64_t starts_ms)
{
    alert->firing = true;
    alert->fed = false;
    alert->starts_ms = starts_ms;
    alert->ends_ms = 0;
    sg__ack_attach(a, alert);
    sg__dispatch(a, alert);
    sg__groups_dirty(alert);
    sg__inhibit_changed(a, alert);
    sg__alert_row(a, alert);
}

void sg__alert_end(struct sg_alerting *a, struct sg__alert *alert, int64_t ends_ms)
{
    if (alert->dirty_pos)
        settle(a, alert); /* what began in this tick is told before it ends */
    alert->firing = false;
    alert->ends_ms = ends_ms;
    if (alert->fed)
        sg__feed(a, alert, SG__RESOLVED);
    alert->fed = false;
    sg__ack_end(a, alert);
    sg__groups_dirty(alert);
    sg__inhibit_changed(a, alert);
    sg__alert_row(a, alert);
}

/* When it ends by itself. Rules tell when theirs end; those of an earlier process must be told
 * again for that. */
static void set_timer(struct sg_alerting *a, struct sg__alert *alert, int64_t ends_ms)
{
    if (!alert->raw_firing)
        sg__timers_set(&a->timers, &alert->timer, a->mono_ms + SG__ALERT_KEEP_MS);
    else if (alert->external)
        sg__timers_set(&a->timers, &alert->timer, a->mono_ms + ends_ms - a->wall_ms);
    else
        sg__timers_clear(&a->timers, &alert->timer);
}

void sg__alert_told(struct sg_alerting *a, struct sg__alert *alert, bool firing,
                    const struct sg_alert *as)
{
    int64_t starts_ms = as->starts_ms > 0 ? as->starts_ms : a->wall_ms;
    int64_t ends_ms = as->ends_ms ? as->ends_ms : a->wall_ms + sg__resolve_timeout_ms(a);
    bool changed = alert->raw_firing != firing;
    if (!firing && alert->firing && ends_ms < alert->starts_ms)
        ends_ms = alert->starts_ms; /* by another clock: nobody takes an end before the start */
    alert->raw_firing = firing;
    alert->updated_ms = a->wall_ms;
    alert->timeout_ms = firing ? ends_ms - a->wall_ms : 0;
    if (firing)
        sg__deadman_seen(a, alert->watches);
    if (changed) {
        alert->raw_starts_ms = starts_ms;
        alert->raw_ends_ms = firing ? 0 : ends_ms;
    }
    set_timer(a, alert, ends_ms);
    if (!changed || sg__flap_changed(a, alert))
        return;
    if (firing)
        sg__alert_begin(a, alert, starts_ms);
    else
        sg__alert_end(a, alert, ends_ms);
}

/* The timer of an alert: it timed out, or is forgotten. */
static void alert_due(struct sg_alerting *a, struct sg__alert *alert)
{
    if (alert->raw_firing) {
        struct sg_alert as = {.starts_ms = alert->raw_starts_ms, .ends_ms = a->wall_ms};
        sg__alert_told(a, alert, false, &as);
    } else if (alert->members || alert->firing) { /* held back by a silence, or flapping */
        sg__timers_set(&a->timers, &alert->timer, a->mono_ms + SG_MS_PER_MIN);
    } else {
        drop_alert(a, alert);
    }
}

/* ---- telling ---- */

static void update(struct sg__alert *alert, const struct sg_alert *as)
{
    const struct sg_labels *notes = as->annotations ? as->annotations : sg_labels_empty();
    alert->value = as->value;
    alert->interval_ms = as->interval_ms;
    alert->external = as->external;
    set_str(&alert->generator_url, as->generator_url);
    set_str(&alert->rule, as->rule);
    if (notes == alert->annotations)
        return;
    sg_labels_unref(alert->annotations);
    alert->annotations = sg_labels_ref(notes);
}

/* Makes room by forgetting resolved alerts that everybody has been told of. O(alerts), but after it
 * there is room for many. */
static bool make_room(struct sg_alerting *a)
{
    size_t dropped = 0;
    if (a->mono_ms < a->room_mono_ms)
        return false;
    a->room_mono_ms = a->mono_ms + SG_MS_PER_S;
    for (size_t i = a->n_alerts; i-- > 0;) {
        struct sg__alert *alert = a->alerts[i];
        if (alert->firing || alert->raw_firing || alert->members)
            continue;
        drop_alert(a, alert);
        dropped++;
    }
    return dropped > 0;
}

static const struct sg_labels *two_labels(const char *n1, const char *v1, const char *n2,
                                          const char *v2)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, sg_str_from(n1), sg_str_from(v1));
    sg_labels_builder_set(&b, sg_str_from(n2), sg_str_from(v2));
    return sg_labels_builder_build(&b);
}

static void tell_limit(struct sg_alerting *a, bool *told, bool full, const char *name,
                       const char *summary)
{
    if (*told == full)
        return;
    *told = full;
    const struct sg_labels *labels = two_labels("alertname", name, "severity", "warning");
    const struct sg_labels *notes =
        two_labels("summary", summary, "description", "Further ones are refused and counted.");
    sg__alert_internal(a, labels, notes, full);
    sg_labels_unref(labels);
    sg_labels_unref(notes);
}

static void check_limits(struct sg_alerting *a)
{
    if (a->alerts_full && a->n_alerts < a->o.max_alerts - a->o.max_alerts / 10)
        tell_limit(a, &a->alerts_full, false, "StreamgaugeAlertLimit", "too many alerts");
    bool partial = a->n_groups >= a->o.max_groups;
    if (a->groups_full && !partial && a->n_groups <= a->o.max_groups - a->o.max_groups / 10)
        tell_limit(a, &a->groups_full, false, "StreamgaugeGroupLimit", "too many groups of alerts");
    else if (partial && !a->groups_full)
        tell_limit(a, &a->groups_full, true, "StreamgaugeGroupLimit", "too many groups of alerts");
}

static int refuse(struct sg_alerting *a, struct sg_error *reterr)
{
    atomic_fetch_add_explicit(&a->stats.refused, 1, memory_order_relaxed);
    tell_limit(a, &a->alerts_full, true, "StreamgaugeAlertLimit", "too many alerts");
    return sg_error_set(reterr, SG_ELIMIT, "the limit of %u alerts is reached", a->o.max_alerts);
}

static void set_time(struct sg_alerting *a, int64_t wall_ms, int64_t mono_ms)
{
    a->wall_ms = wall_ms;
    a->mono_ms = mono_ms > a->mono_ms ? mono_ms : a->mono_ms;
    sg__deadman_arm(a);
}

/* So that every text made of an alert has a bound. */
static int check_size(const struct sg_alert *as, struct sg_error *reterr)
{
    size_t bytes = as->labels->bytes + (as->annotations ? as->annotations->bytes : 0);
    if (as->labels->count == 0)
        return sg_error_set(reterr, SG_EINVALID, "an alert needs at least one label");
    if (bytes > MAX_LABELS)
        return sg_error_set(reterr, SG_EINVALID,
                            "labels and annotations of an alert take more than %u bytes",
                            MAX_LABELS);
    return 0;
}

static int tell(struct sg_alerting *a, const struct sg_alert *as, bool firing, bool unlimited,
                struct sg_error *reterr)
{
    uint64_t fp = sg_alert_fingerprint(as->labels);
    struct sg__alert *alert = sg__alert_find(a, fp);
    int rc = check_size(as, reterr);
    if (rc < 0)
        return rc;
    if (alert && !sg_labels_eq(alert->labels, as->labels))
        return sg_error_set(reterr, SG_EINVALID, "another alert has the same fingerprint");
    if (!alert) {
        if (!unlimited && a->n_alerts >= a->o.max_alerts && !make_room(a))
            return refuse(a, reterr);
        alert = sg__alert_new(a, as, fp);
        if (!firing) { /* perhaps the log remembers that it fired */
            alert->starts_ms = as->starts_ms;
            alert->ends_ms = as->ends_ms;
            sg__dispatch(a, alert);
            sg__alert_dirty(a, alert);
        }
    } else {
        update(alert, as);
        if (alert->partial && firing)
            sg__dispatch(a, alert);
    }
    sg__alert_told(a, alert, firing, as);
    return 0;
}

int sg_alerting_alert(struct sg_alerting *a, const struct sg_alert *alert, int64_t wall_ms,
                      int64_t mono_ms, struct sg_error *reterr)
{
    set_time(a, wall_ms, mono_ms);
    return tell(a, alert, !alert->ends_ms || alert->ends_ms > wall_ms, false, reterr);
}

int64_t sg_alerting_resend_ms(const struct sg_alerting *a, const struct sg_labels *labels)
{
    const struct sg__alert *alert = sg__alert_find(a, sg_alert_fingerprint(labels));
    int64_t within_ms = alert ? sg__deadman_within_ms(a, alert->watches) : INT64_MAX;
    return within_ms == INT64_MAX ? within_ms : within_ms / 2;
}

void sg__alert_internal(struct sg_alerting *a, const struct sg_labels *labels,
                        const struct sg_labels *annotations, bool firing)
{
    struct sg_alert as = {.labels = labels,
                          .annotations = annotations,
                          .starts_ms = a->wall_ms,
                          .ends_ms = firing ? 0 : a->wall_ms,
                          .value = 1,
                          .generator_url = SG_STR(""),
                          .rule = SG_STR("")};
    const struct sg__alert *alert = sg__alert_find(a, sg_alert_fingerprint(labels));
    if (firing || (alert && alert->raw_firing))
        (void)tell(a, &as, firing, true, NULL);
}

/* ---- the tick ---- */

static void timer_due(struct sg_alerting *a, struct sg__timer *timer)
{
    switch ((enum sg__timer_kind)timer->kind) {
    case SG__TIMER_ALERT:
        alert_due(a, SG_CONTAINER_OF(timer, struct sg__alert, timer));
        return;
    case SG__TIMER_STABLE:
        sg__flap_stable(a, SG_CONTAINER_OF(timer, struct sg__alert, stable));
        return;
    case SG__TIMER_ACK:
        sg__ack_expired(a, SG_CONTAINER_OF(timer, struct sg__ack, timer));
        return;
    case SG__TIMER_DEADMAN:
        sg__deadman_due(a, SG_CONTAINER_OF(timer, struct sg__switch, timer));
        return;
    case SG__TIMER_GROUP:
        break;
    }
    SG_ASSERT(false);
}

/* Settling may make others dirty; rows are written once per round. */
static void settle_dirty(struct sg_alerting *a)
{
    for (size_t i = 0; i < a->n_dirty; i++)
        settle(a, a->dirty[i]);
    while (a->n_dirty) {
        struct sg__alert *alert = a->dirty[a->n_dirty - 1];
        undirty(a, alert);
        if (alert->row_dirty)
            sg__alert_write(a, alert);
    }
}

static void set_stats(struct sg_alerting *a)
{
    struct sg_alerting_stats *st = &a->stats;
    atomic_store_explicit(&st->alerts, a->n_firing, memory_order_relaxed);
    atomic_store_explicit(&st->suppressed, a->n_suppressed, memory_order_relaxed);
    atomic_store_explicit(&st->flapping, a->n_flapping, memory_order_relaxed);
    atomic_store_explicit(&st->silences, a->n_active, memory_order_relaxed);
    atomic_store_explicit(&st->acknowledged, a->n_acked, memory_order_relaxed);
    atomic_store_explicit(&st->groups, a->n_groups, memory_order_relaxed);
}

void sg_alerting_tick(struct sg_alerting *a, int64_t wall_ms, int64_t mono_ms,
                      struct sg_journal *journal)
{
    struct sg__timer *timer;
    bool stepped_back = wall_ms < a->wall_ms;
    set_time(a, wall_ms, mono_ms);
    while ((timer = sg__timers_pop(&a->timers, a->mono_ms)))
        timer_due(a, timer);
    if (stepped_back || wall_ms >= a->silence_due_ms)
        sg__silences_refresh(a);
    settle_dirty(a);
    while ((timer = sg__timers_pop(&a->group_timers, a->mono_ms)))
        sg__alert_group_flush(a, SG_CONTAINER_OF(timer, struct sg__group, timer));
    settle_dirty(a);
    if (a->mono_ms >= a->sweep_mono_ms) {
        sg__log_sweep(a);
        a->sweep_mono_ms = a->mono_ms + SWEEP_MS;
    }
    check_limits(a);
    set_stats(a);
    if (!sg_journal_empty(a->journal)) {
        sg_journal_join_take(journal, a->journal);
        a->journal = sg_journal_new();
    }
}

/* ---- loading ---- */

void sg_alerting_load_take(struct sg_alerting *a, struct sg_routing *routing)
{
    struct sg_routing *old = a->routing;
    while (a->n_groups)
        sg__group_free(a, a->groups[a->n_groups - 1]);
    for (size_t i = 0; i < a->n_alerts; i++)
        sg__inhibit_remove(a, a->alerts[i]);
    a->routing = routing;
    sg__deadman_load(a);
    sg__maintenance_load(a);
    for (size_t i = 0; i < a->n_alerts; i++) {
        struct sg__alert *alert = a->alerts[i];
        alert->watches = sg__deadman_watches(a, alert->labels);
        sg__inhibit_add(a, alert);
        sg__alert_dirty(a, alert);
    }
    sg__silences_refresh(a);
    sg__dispatch_all(a);
    sg_routing_free(old);
}

static void free_all_alerts(struct sg_alerting *a)
{
    while (a->n_groups)
        sg__group_free(a, a->groups[a->n_groups - 1]);
    for (size_t i = 0; i < a->n_alerts; i++) {
        sg__inhibit_remove(a, a->alerts[i]);
        free_alert(a->alerts[i]);
    }
    for (size_t i = 0; i < a->n_acks; i++)
        sg__ack_free(a->acks[i]);
    for (size_t i = 0; i < a->n_logs; i++)
        sg__log_free(a->logs[i]);
    for (size_t i = 0; i < a->n_silences; i++)
        sg__silence_free(a->silences[i]);
}

void sg_alerting_free(struct sg_alerting *a)
{
    if (!a)
        return;
    free_all_alerts(a);
    sg_hashtab_deinit(&a->by_fp);
    sg_hashtab_deinit(&a->by_silence);
    sg_hashtab_deinit(&a->by_ack);
    sg_hashtab_deinit(&a->by_group);
    sg_hashtab_deinit(&a->by_log);
    sg_hashtab_deinit(&a->by_inhibit);
    sg__timers_deinit(&a->timers);
    sg__timers_deinit(&a->group_timers);
    sg_free(a->alerts);
    sg_free(a->dirty);
    sg_free(a->silences);
    sg_free(a->acks);
    sg_free(a->groups);
    sg_free(a->logs);
    sg_free(a->switches);
    sg_journal_free(a->journal);
    sg_buf_deinit(&a->scratch);
    sg_routing_free(a->routing);
    sg_free((char *)a->o.external_url.p);
    sg_free(a);
}
