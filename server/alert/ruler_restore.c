/* ruler_restore.c - instances of an earlier process go on with their clocks. */
#include "ruler_priv.h"

#include <jansson.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

/* Sorted among the rows of alerts, but not one. */
#define ALIVE_KEY "~alive"
#define ALIVE_EVERY_MS 30000
/* Pending alerts of a process that stopped longer ago begin anew, as in Prometheus. */
#define MAX_OUTAGE_MS SG_MS_PER_HOUR

bool sg__restore_is_alive(struct sg_str key)
{
    return sg_str_eq_c(key, ALIVE_KEY);
}

int64_t sg__restore_alive_ms(struct sg_str body)
{
    json_t *root = json_loadb(body.p, body.n, 0, NULL);
    int64_t at_ms = json_integer_value(json_object_get(root, "at"));
    json_decref(root);
    return at_ms;
}

/* The monotonic time of a moment of the wall clock; one that lies ahead is now. */
static int64_t to_mono(const struct sg_ruler *r, int64_t wall_ms)
{
    int64_t ago_ms = r->wall_ms - wall_ms;
    return r->mono_ms - (ago_ms > 0 ? ago_ms : 0);
}

static int64_t newest_moment(const struct sg__instance *i)
{
    int64_t t = i->active_wall_ms;
    if (i->fired_wall_ms > t)
        t = i->fired_wall_ms;
    return i->resolved_wall_ms > t ? i->resolved_wall_ms : t;
}

static void resume(struct sg_ruler *r, struct sg__rule *u, struct sg__instance *i)
{
    int64_t alive_ms = r->alive_ms > newest_moment(i) ? r->alive_ms : newest_moment(i);
    i->t.active_ms = to_mono(r, i->active_wall_ms);
    i->t.changed_ms = to_mono(r, newest_moment(i));
    if (i->state == SG_ALERT_PENDING && r->wall_ms - alive_ms > MAX_OUTAGE_MS) {
        i->active_wall_ms = r->wall_ms;
        i->t.active_ms = i->t.changed_ms = r->mono_ms;
    }
    if (i->state == SG_ALERT_FIRING || i->state == SG_ALERT_RESOLVED)
        sg__alert_tell(r, u, i, i->state);
}

static void end_orphan(struct sg_ruler *r, struct sg__orphan *o)
{
    struct sg__instance *i = o->instance;
    if (i && i->state == SG_ALERT_FIRING) {
        const struct sg_labels *labels = sg__alert_with_external(r, i->labels);
        struct sg_alert a = {.labels = labels,
                             .annotations = i->annotations ? i->annotations : sg_labels_empty(),
                             .starts_ms = i->fired_wall_ms,
                             .ends_ms = r->wall_ms,
                             .value = i->value,
                             .generator_url = SG_STR(""),
                             .rule = o->source,
                             .interval_ms = r->opt.resend_ms};
        r->opt.hooks.alert(r->opt.hooks.ctx, &a, SG_ALERT_RESOLVED);
        sg_labels_unref(labels);
    }
    if (r->journal)
        sg_journal_delete(r->journal, SG_TABLE_ALERTS, sg_str_from(o->key));
    sg__instance_free(i);
    sg_free((void *)(uintptr_t)o->source.p);
}

/* ---- what is false, and what is not known yet ----
 *
 * After a start there are no samples, so that an expression gives nothing says nothing. Of a
 * comparison with a constant we know more: what is compared has a row once there are samples of its
 * series. Where each row depends on the newest sample of one series alone, that row without the
 * alert's is a reason to resolve. Windows, aggregations and what rules record would be judged by
 * parts of their data; those wait for the end of the grace. */

static bool is_constant(const struct sg_expr *e)
{
    if (e->kind == SG_EXPR_NEGATE)
        return is_constant(e->u.negate);
    if (e->kind == SG_EXPR_BINARY)
        return is_constant(e->u.binary.lhs) && is_constant(e->u.binary.rhs);
    return e->kind == SG_EXPR_NUMBER;
}

/* The side that is no constant, of an operator of that class between one and something else. */
static const struct sg_expr *operand(const struct sg_expr *e, enum sg_binary_class class)
{
    if (e->kind != SG_EXPR_BINARY || sg_binary_class(e->u.binary.op) != class)
        return NULL;
    const struct sg_binary *b = &e->u.binary;
    return is_constant(b->rhs) ? b->lhs : is_constant(b->lhs) ? b->rhs : NULL;
}

static bool is_instant(const struct sg_expr *e)
{
    if (e->kind == SG_EXPR_SELECTOR)
        return true;
    const struct sg_expr *in =
        e->kind == SG_EXPR_NEGATE ? e->u.negate : operand(e, SG_BINARY_ARITHMETIC);
    return in && is_instant(in);
}

/* What is compared; NULL: the expression is no such comparison. */
static const struct sg_expr *compared(const struct sg_expr *e)
{
    const struct sg_expr *in, *found = NULL;
    while ((in = operand(e, SG_BINARY_COMPARE)) && !e->u.binary.return_bool)
        e = found = in;
    return found && is_instant(found) ? found : NULL;
}

static void make_judge(struct sg_ruler *r, struct sg__rule *u)
{
    struct sg_promql *q = NULL, *part = NULL;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, (size_t)1 << 20);
    if (u->judge || u->labels_vary || u->reads_recorded ||
        sg_promql_parse(u->rule->expr, NULL, &q, NULL) < 0)
        return;
    const struct sg_expr *e = compared(q->root);
    if (e && sg_expr_print(e, &text) == 0 &&
        sg_promql_parse(sg_buf_str(&text), NULL, &part, NULL) == 0 &&
        r->opt.hooks.add(r->opt.hooks.ctx, part, &u->judge, NULL) < 0)
        u->judge = NULL;
    sg_promql_free(q);
}

static bool any_restored(const struct sg__rule *u)
{
    for (size_t k = 0; k < u->n_items; k++)
        if (((const struct sg__instance *)u->items[k])->restored)
            return true;
    return false;
}

void sg__restore_judge(struct sg_ruler *r, struct sg__rule *u, int64_t at_ms)
{
    struct sg_promql_view view = {0};
    if (r->mono_ms >= r->grace_until_ms || !any_restored(u)) {
        r->opt.hooks.remove(r->opt.hooks.ctx, u->judge);
        u->judge = NULL;
        return;
    }
    if (r->opt.hooks.eval(r->opt.hooks.ctx, u->judge, at_ms - u->group->offset_ms, &view, NULL) < 0)
        return;
    for (size_t k = 0; k < view.n; k++) {
        if (!(view.present[k] & 1))
            continue;
        const struct sg_labels *labels = sg__alert_labels(r, u, view.labels[k], view.v[k]);
        struct sg__instance *i = sg__instances_find(&u->item_of, labels);
        if (i)
            i->data = u->evaluation;
        sg_labels_unref(labels);
    }
}

/* ---- the first tick ---- */

void sg__restore_finish(struct sg_ruler *r)
{
    for (size_t g = 0; g < r->n_groups; g++) {
        for (size_t k = 0; k < r->groups[g].n_rules; k++) {
            struct sg__rule *u = r->groups[g].rules[k];
            if (u->rule->kind != SG_RULE_ALERT)
                continue;
            if (any_restored(u))
                make_judge(r, u);
            for (size_t n = 0; n < u->n_items; n++) {
                struct sg__instance *i = u->items[n];
                if (i->restored && i->t.changed_ms == 0)
                    resume(r, u, i);
            }
        }
    }
    for (size_t n = 0; n < r->n_orphans; n++)
        end_orphan(r, &r->orphans[n]);
    r->n_orphans = 0;
    r->restored = false;
}

void sg__restore_alive(struct sg_ruler *r)
{
    char body[48];
    if (!r->journal || r->mono_ms < r->next_alive_ms)
        return;
    r->next_alive_ms = r->mono_ms + ALIVE_EVERY_MS;
    if (r->n_instances == 0)
        return;
    int n = snprintf(body, sizeof(body), "{\"at\":%lld}", (long long)r->wall_ms);
    sg_journal_put(r->journal, SG_TABLE_ALERTS, SG_STR(ALIVE_KEY), sg_str_make(body, (size_t)n), 0);
}
