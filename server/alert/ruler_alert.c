/* ruler_alert.c - alerting rules: instances follow the rows of the expression.
 *
 * A row keeps its index while the view's rows_version is unchanged, and a row's instance hangs at
 * the row, so in the steady state nothing is hashed, compared or allocated: one walk over the rows
 * marks who was seen, one over the instances moves states and writes samples.
 */
#include "ruler_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include <streamgauge/mem.h>
#include <streamgauge/value.h>

#define MAX_ANNOTATION_BYTES ((size_t)1 << 20)

void sg__alert_count(struct sg_ruler *r, enum sg_alert_state state, int by)
{
    unsigned long long delta = by < 0 ? 0 - 1ull : 1ull; /* wraps, as the counters are unsigned */
    if (state == SG_ALERT_PENDING)
        atomic_fetch_add_explicit(&r->stats.pending, delta, memory_order_relaxed);
    if (state == SG_ALERT_FIRING)
        atomic_fetch_add_explicit(&r->stats.firing, delta, memory_order_relaxed);
}

/* ---- labels and annotations ---- */

const struct sg_labels *sg__alert_labels(struct sg_ruler *r, const struct sg__rule *u,
                                         const struct sg_labels *row, double value)
{
    struct sg_labels_builder *b = &r->builder;
    sg_labels_builder_load(b, row);
    sg_labels_builder_del(b, SG_METRIC_NAME);
    for (size_t i = 0; i < u->n_labels; i++) {
        sg_buf_reset(&r->text);
        sg__rule_expand(r, u->labels[i], row, value, &r->text);
        sg_labels_builder_set(b, u->labels[i]->name, sg_buf_str(&r->text));
    }
    sg_labels_builder_set(b, SG_STR("alertname"), u->rule->name);
    return sg_labels_builder_build(b);
}

const struct sg_labels *sg__alert_with_external(struct sg_ruler *r, const struct sg_labels *labels)
{
    const struct sg_labels *external = r->opt.external_labels;
    if (!external->count)
        return sg_labels_ref(labels);
    sg_labels_builder_load(&r->builder, external);
    for (uint32_t i = 0; i < labels->count; i++) {
        struct sg_label l = sg_labels_at(labels, i);
        sg_labels_builder_set(&r->builder, l.name, l.value);
    }
    return sg_labels_builder_build(&r->builder);
}

void sg__alert_annotate(struct sg_ruler *r, const struct sg__rule *u, struct sg__instance *i)
{
    const struct sg_labels *labels = i->source ? i->source : i->labels;
    bool news = i->seen == u->evaluation && i->expanded != u->evaluation;
    /* Until a restored one is seen again there may be no data to expand them with; neither when it
     * has ended. */
    if (i->annotations && (i->restored || !u->annotations_vary || !news))
        return;
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    for (size_t k = 0; k < u->rule->n_annotations; k++) {
        sg_buf_reset(&r->text);
        sg__rule_expand(r, &u->rule->annotations[k], labels, i->value, &r->text);
        if (b.bytes.len + r->text.len <= MAX_ANNOTATION_BYTES)
            sg_labels_builder_add(&b, u->rule->annotations[k].name, sg_buf_str(&r->text));
    }
    sg_labels_unref(i->annotations);
    i->annotations = sg_labels_builder_build(&b);
    i->expanded = u->evaluation;
}

/* ---- the series ALERTS and ALERTS_FOR_STATE ---- */

static const struct sg_labels *series_labels(struct sg_ruler *r, const struct sg__instance *i,
                                             const char *name, const char *state)
{
    sg_labels_builder_load(&r->builder, i->labels);
    sg_labels_builder_set(&r->builder, SG_METRIC_NAME, sg_str_from(name));
    if (state)
        sg_labels_builder_set(&r->builder, SG_STR("alertstate"), sg_str_from(state));
    return sg_labels_builder_build(&r->builder);
}

static void write_series(struct sg_ruler *r, struct sg__rule *u, struct sg__instance *i,
                         int64_t at_ms)
{
    if (!i->alerts)
        i->alerts = series_labels(r, i, "ALERTS", sg_alert_state_name(i->state));
    if (!i->for_state)
        i->for_state = series_labels(r, i, "ALERTS_FOR_STATE", NULL);
    int64_t active_s = i->active_wall_ms / 1000;
    sg__rule_append(r, u, i->alerts, &i->alerts_id, at_ms, 1);
    sg__rule_append(r, u, i->for_state, &i->for_state_id, at_ms, (double)active_s);
    i->writing = true;
}

/* Alerts about ALERTS have a label alertstate, which is another one in their own ALERTS: those that
 * differ in nothing else share that series. */
static bool may_share(const struct sg__instance *i)
{
    return sg_labels_get(i->labels, SG_STR("alertstate")).p != NULL;
}

static void end_alerts(struct sg_ruler *r, struct sg__rule *u, struct sg__instance *i,
                       int64_t at_ms)
{
    if (i->writing && i->alerts && may_share(i)) {
        r->ended = sg_grow(r->ended, &r->cap_ended, r->n_ended + 1, sizeof(*r->ended));
        r->ended[r->n_ended++] = (struct sg__ended){.labels = i->alerts, .id = i->alerts_id};
        return;
    }
    if (i->writing)
        sg__rule_append(r, u, i->alerts, &i->alerts_id, at_ms, sg_stale_nan());
    sg_labels_unref(i->alerts);
}

static int by_hash(const void *pa, const void *pb)
{
    const struct sg__ended *a = pa, *b = pb;
    return (a->labels->hash > b->labels->hash) - (a->labels->hash < b->labels->hash);
}

/* Shared ALERTS that no alert has gone on with end here. */
static void end_shared(struct sg_ruler *r, struct sg__rule *u, int64_t at_ms)
{
    if (!r->n_ended)
        return;
    qsort(r->ended, r->n_ended, sizeof(*r->ended), by_hash);
    for (size_t k = 0; k < u->n_items; k++) {
        const struct sg__instance *i = u->items[k];
        if (!i->writing || !i->alerts || !may_share(i))
            continue;
        struct sg__ended key = {.labels = i->alerts}, *found;
        found = bsearch(&key, r->ended, r->n_ended, sizeof(key), by_hash);
        if (found)
            found->goes_on = true;
    }
    for (size_t k = 0; k < r->n_ended; k++) {
        struct sg__ended *e = &r->ended[k];
        bool again = k + 1 < r->n_ended && by_hash(e, e + 1) == 0;
        if (again)
            e[1].goes_on = e[1].goes_on || e->goes_on;
        else if (!e->goes_on)
            sg__rule_append(r, u, e->labels, &e->id, at_ms, sg_stale_nan());
        sg_labels_unref(e->labels);
    }
    r->n_ended = 0;
}

/* ALERTS of the state that was, and when nothing follows ALERTS_FOR_STATE too, end here. */
static void end_series(struct sg_ruler *r, struct sg__rule *u, struct sg__instance *i,
                       int64_t at_ms, bool both)
{
    end_alerts(r, u, i, at_ms);
    i->alerts = NULL;
    i->alerts_id = 0;
    if (!both)
        return;
    if (i->writing)
        sg__rule_append(r, u, i->for_state, &i->for_state_id, at_ms, sg_stale_nan());
    sg_labels_unref(i->for_state);
    i->for_state = NULL;
    i->for_state_id = 0;
    i->writing = false;
}

/* ---- instances ---- */

void sg__alert_key(const struct sg__rule *u, const struct sg__instance *i, char key[64])
{
    snprintf(key, 64, "%016llx-%016llx", (unsigned long long)u->identity,
             (unsigned long long)sg_alert_fingerprint(i->labels));
}

static void keep(struct sg_ruler *r, const struct sg__rule *u, const struct sg__instance *i)
{
    char key[64];
    if (!r->journal)
        return;
    sg__alert_key(u, i, key);
    if (i->state == SG_ALERT_INACTIVE) {
        sg_journal_delete(r->journal, SG_TABLE_ALERTS, sg_str_from(key));
        return;
    }
    sg_buf_reset(&r->text);
    sg__instance_write(i, u->source, &r->text);
    sg_journal_put(r->journal, SG_TABLE_ALERTS, sg_str_from(key), sg_buf_str(&r->text), 0);
}

void sg__alert_tell(struct sg_ruler *r, const struct sg__rule *u, struct sg__instance *i,
                    enum sg_alert_state state)
{
    sg__alert_annotate(r, u, i);
    if (!i->told)
        i->told = sg__alert_with_external(r, i->labels);
    struct sg_alert a = {
        .labels = i->told,
        .annotations = i->annotations,
        .starts_ms = i->fired_wall_ms,
        .ends_ms = state == SG_ALERT_RESOLVED ? i->resolved_wall_ms : 0,
        .value = i->value,
        .generator_url = u->url,
        .rule = u->source,
        .interval_ms = r->opt.resend_ms,
    };
    /* After the first time each alert has its own phase, so that they do not come in bursts. */
    int64_t phase = i->next_tell_ms == INT64_MIN
                        ? (int64_t)(sg_alert_fingerprint(i->labels) % 512) * r->opt.resend_ms / 1024
                        : 0;
    int64_t resend_ms = r->opt.resend_ms - phase;
    r->opt.hooks.alert(r->opt.hooks.ctx, &a, state);
    if (r->opt.hooks.resend) {
        int64_t sooner_ms = r->opt.hooks.resend(r->opt.hooks.ctx, i->told);
        resend_ms = sooner_ms < resend_ms ? sooner_ms : resend_ms;
    }
    i->next_tell_ms = r->mono_ms + resend_ms;
}

static struct sg__instance *find_instance(struct sg_ruler *r, struct sg__rule *u,
                                          const struct sg_labels *row, double value,
                                          struct sg_error *reterr)
{
    const struct sg_labels *labels = sg__alert_labels(r, u, row, value);
    struct sg__instance *i = sg__instances_find(&u->item_of, labels);
    if (i) {
        sg_labels_unref(labels);
        return i;
    }
    if (r->n_instances >= r->opt.max_alerts) {
        sg_labels_unref(labels);
        sg_error_set(reterr, SG_ELIMIT, "more than %u alerts in total", r->opt.max_alerts);
        return NULL;
    }
    i = sg_calloc(1, sizeof(*i));
    i->labels = labels;
    i->index = (uint32_t)u->n_items;
    i->t.for_ms = u->rule->for_ms;
    i->t.keep_ms = u->rule->keep_ms;
    i->next_tell_ms = INT64_MIN;
    sg__rule_add_item(u, i);
    r->n_instances++;
    return i;
}

static void forget(struct sg_ruler *r, struct sg__rule *u, struct sg__instance *i)
{
    struct sg__instance *last = u->items[u->n_items - 1];
    sg__instances_remove(&u->item_of, i);
    u->items[i->index] = last;
    last->index = i->index;
    u->n_items--;
    r->n_instances--;
    sg__instance_free(i);
}

static void sweep(struct sg_ruler *r, struct sg__rule *u)
{
    sg__rule_sweep_rows(u);
    for (size_t k = u->n_items; k-- > 0;) {
        struct sg__instance *i = u->items[k];
        if (i->dead)
            forget(r, u, i);
    }
    u->n_dead = 0;
}

/* ---- one evaluation ---- */

static void set_source(struct sg__instance *i, const struct sg_labels *source)
{
    if (i->source == source)
        return;
    sg_labels_unref(i->source);
    i->source = sg_labels_ref(source);
}

static int mark(struct sg_ruler *r, struct sg__rule *u, const struct sg_promql_view *view,
                struct sg_error *reterr)
{
    uint64_t n = 0;
    for (size_t k = 0; k < view->n; k++) {
        if (!(view->present[k] & 1))
            continue;
        struct sg__row *row = &u->rows[k];
        struct sg__instance *i = row->to;
        if (!i || u->labels_vary)
            row->to = i = find_instance(r, u, row->labels, view->v[k], reterr);
        if (!i)
            return SG_ELIMIT;
        if (i->seen == u->evaluation)
            return sg_error_set(
                reterr, SG_EEXECUTION,
                "vector contains metrics with the same labelset after applying alert labels");
        i->seen = u->evaluation;
        i->value = view->v[k];
        set_source(i, row->labels);
        n++;
    }
    if (u->group->limit && n > u->group->limit)
        return sg_error_set(reterr, SG_ELIMIT, "exceeded limit of %llu with %llu alerts",
                            (unsigned long long)u->group->limit, (unsigned long long)n);
    return 0;
}

static void changed(struct sg_ruler *r, struct sg__rule *u, struct sg__instance *i,
                    enum sg_alert_state from, int64_t at_ms)
{
    int64_t sample_ms = at_ms - u->group->offset_ms;
    bool active = i->state == SG_ALERT_PENDING || i->state == SG_ALERT_FIRING;
    sg__alert_count(r, from, -1);
    sg__alert_count(r, i->state, 1);
    if (i->alerts)
        end_series(r, u, i, sample_ms, !active);
    if (active && from != SG_ALERT_PENDING)
        i->active_wall_ms = at_ms;
    if (i->state == SG_ALERT_FIRING) {
        i->fired_wall_ms = at_ms;
        i->next_tell_ms = INT64_MIN;
    }
    if (i->state == SG_ALERT_RESOLVED)
        i->resolved_wall_ms = at_ms;
    if (i->state == SG_ALERT_FIRING || i->state == SG_ALERT_RESOLVED)
        sg__alert_annotate(r, u, i);
    keep(r, u, i);
    if (i->state == SG_ALERT_RESOLVED)
        sg__alert_tell(r, u, i, SG_ALERT_RESOLVED);
    if (i->state == SG_ALERT_INACTIVE) {
        i->dead = true;
        u->n_dead++;
    }
}

/* The rule may have other annotations now than in the earlier process. */
static void seen_again(struct sg__instance *i)
{
    i->restored = false;
    sg_labels_unref(i->annotations);
    i->annotations = NULL;
}

static void step(struct sg_ruler *r, struct sg__rule *u, struct sg__instance *i,
                 enum sg_alert_event e, int64_t at_ms)
{
    enum sg_alert_state from = i->state;
    bool kept = i->t.kept;
    if (e == SG_ALERT_FALSE && i->restored && i->data != u->evaluation &&
        r->mono_ms < r->grace_until_ms)
        e = SG_ALERT_UNKNOWN;
    if (e == SG_ALERT_TRUE && i->restored)
        seen_again(i);
    i->state = sg_alert_next(from, e, &i->t, r->mono_ms);
    if (i->t.kept && !kept)
        i->kept_wall_ms = at_ms;
    if (i->state != from)
        changed(r, u, i, from, at_ms);
    else if (i->state == SG_ALERT_INACTIVE && !i->dead) {
        i->dead = true; /* made by an evaluation that failed */
        u->n_dead++;
    }
    if (i->state != SG_ALERT_PENDING && i->state != SG_ALERT_FIRING)
        return;
    write_series(r, u, i, at_ms - u->group->offset_ms);
    if (i->state == SG_ALERT_FIRING && r->mono_ms >= i->next_tell_ms)
        sg__alert_tell(r, u, i, SG_ALERT_FIRING);
}

static void step_all(struct sg_ruler *r, struct sg__rule *u, bool known, int64_t at_ms)
{
    for (size_t k = 0; k < u->n_items; k++) {
        struct sg__instance *i = u->items[k];
        enum sg_alert_event e = i->seen == u->evaluation ? SG_ALERT_TRUE : SG_ALERT_FALSE;
        step(r, u, i, known ? e : SG_ALERT_UNKNOWN, at_ms);
    }
    end_shared(r, u, at_ms - u->group->offset_ms);
    r->dirty = r->dirty || u->n_items > 0;
    if (u->n_dead)
        sweep(r, u);
}

int sg__alerts(struct sg_ruler *r, struct sg__rule *u, const struct sg_promql_view *view,
               int64_t at_ms, struct sg_error *reterr)
{
    if (r->mono_ms < r->hold_until_ms) {
        sg__alerts_unknown(r, u, at_ms);
        return 0;
    }
    sg__rule_bind(u, view);
    int rc = mark(r, u, view, reterr);
    if (rc < 0)
        return rc;
    if (u->judge)
        sg__restore_judge(r, u, at_ms);
    step_all(r, u, true, at_ms);
    return 0;
}

void sg__alerts_unknown(struct sg_ruler *r, struct sg__rule *u, int64_t at_ms)
{
    step_all(r, u, false, at_ms);
}

void sg__alerts_retire(struct sg_ruler *r, struct sg__rule *u)
{
    for (size_t k = 0; k < u->n_items; k++) {
        struct sg__instance *i = u->items[k];
        enum sg_alert_state from = i->state;
        end_series(r, u, i, r->wall_ms - u->group->offset_ms, true);
        if (from == SG_ALERT_FIRING) {
            i->resolved_wall_ms = r->wall_ms;
            sg__alert_tell(r, u, i, SG_ALERT_RESOLVED);
        }
        sg__alert_count(r, from, -1);
        i->state = SG_ALERT_INACTIVE;
        if (from != SG_ALERT_INACTIVE)
            keep(r, u, i);
    }
    end_shared(r, u, r->wall_ms - u->group->offset_ms);
}
