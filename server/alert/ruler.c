/* ruler.c - groups of rules: loading, and who is evaluated at a tick. */
#include "ruler_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#define MAX_TEXT 65536
/* The wall clock jumped when it and the monotonic one moved on so differently. */
#define JUMP_MS 2000
#define MAX_HOLD_MS 30000

void sg_ruler_options_default(struct sg_ruler_options *o)
{
    *o = (struct sg_ruler_options){
        .interval_ms = 1000,
        .resend_ms = 60000,
        .grace_ms = 60000,
        .budget_ns = 50000000,
        .max_alerts = 100000,
        .external_url = SG_STR(""),
    };
}

static void drop_external(const struct sg_ruler_options *o)
{
    sg_free((char *)(uintptr_t)o->external_url.p);
    sg_labels_unref(o->external_labels);
}

/* What was there is the caller's to drop. */
static void set_external(struct sg_ruler *r, struct sg_str url, const struct sg_labels *labels)
{
    r->opt.external_url = sg_str_make(sg_str_dup(url), url.n);
    r->opt.external_labels = sg_labels_ref(labels ? labels : sg_labels_empty());
}

struct sg_ruler *sg_ruler_new(const struct sg_ruler_options *o)
{
    struct sg_ruler *r = sg_calloc(1, sizeof(*r));
    r->opt = *o;
    set_external(r, o->external_url, o->external_labels);
    sg_labels_builder_init(&r->builder);
    sg_buf_init(&r->text, (size_t)4 << 20);
    return r;
}

static void free_groups(struct sg_ruler *r, struct sg__group *groups, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < groups[i].n_rules; k++)
            sg__rule_free(r, groups[i].rules[k]);
        sg_free(groups[i].rules);
    }
    sg_free(groups);
}

static void free_gone(struct sg_ruler *r)
{
    for (size_t i = 0; i < r->n_gone; i++)
        sg__rule_free(r, r->gone[i]);
    for (size_t i = 0; i < r->n_gone_rules; i++)
        sg_rules_free(r->gone_rules[i]);
    r->n_gone = r->n_gone_rules = 0;
}

void sg_ruler_free(struct sg_ruler *r)
{
    if (!r)
        return;
    free_groups(r, r->groups, r->n_groups);
    free_gone(r);
    for (size_t i = 0; i < r->n_orphans; i++) {
        sg__instance_free(r->orphans[i].instance);
        sg_free((void *)(uintptr_t)r->orphans[i].source.p);
    }
    sg_free(r->orphans);
    sg_free(r->gone);
    sg_free(r->gone_rules);
    sg_free(r->ended);
    sg_free(r->by_identity);
    sg_rules_free(r->rules);
    drop_external(&r->opt);
    sg_labels_builder_deinit(&r->builder);
    sg_buf_deinit(&r->text);
    sg_free(r);
}

const struct sg_ruler_stats *sg_ruler_get_stats(const struct sg_ruler *r)
{
    return &r->stats;
}

/* ---- which expressions use what rules write ---- */

struct names {
    struct sg_str *at;
    size_t n;
};

static int by_text(const void *a, const void *b)
{
    return sg_str_cmp(*(const struct sg_str *)a, *(const struct sg_str *)b);
}

static struct names recorded_names(const struct sg_rules *rules)
{
    struct names names = {sg_calloc(rules->n_rules + 2, sizeof(struct sg_str)), 0};
    names.at[names.n++] = SG_STR("ALERTS");
    names.at[names.n++] = SG_STR("ALERTS_FOR_STATE");
    for (size_t i = 0; i < rules->n_groups; i++)
        for (size_t k = 0; k < rules->groups[i].n_rules; k++)
            if (rules->groups[i].rules[k].kind == SG_RULE_RECORD)
                names.at[names.n++] = rules->groups[i].rules[k].name;
    qsort(names.at, names.n, sizeof(struct sg_str), by_text);
    return names;
}

static bool reads(const struct sg_expr *e, const struct names *names)
{
    if (e->kind == SG_EXPR_SELECTOR || e->kind == SG_EXPR_RANGE_SELECTOR) {
        const struct sg_str *name = &e->u.selector.name;
        return name->n == 0 || bsearch(name, names->at, names->n, sizeof(struct sg_str), by_text);
    }
    for (uint32_t i = 0;; i++) {
        const struct sg_expr *child = sg_expr_child(e, i);
        if (!child)
            return false;
        if (reads(child, names))
            return true;
    }
}

/* ---- loading ---- */

/* Rules of a group that say the same of themselves are told apart by their order. */
static void number_twins(struct sg__group *g)
{
    uint64_t *plain = sg_calloc(g->n_rules + 1, sizeof(uint64_t));
    for (size_t i = 0; i < g->n_rules; i++) {
        uint64_t twins = 0;
        plain[i] = g->rules[i]->identity;
        for (size_t k = 0; k < i; k++)
            twins += plain[k] == plain[i];
        if (twins)
            g->rules[i]->identity = sg_hash_mix(plain[i] + twins);
    }
    sg_free(plain);
}

static int load_group(struct sg_ruler *r, struct sg_rule_group *from, const struct names *names,
                      struct sg__group *g, struct sg_error *reterr)
{
    g->group = from;
    g->interval_ms = from->interval_ms ? from->interval_ms : r->opt.interval_ms;
    g->slot_ms = INT64_MIN;
    g->rules = sg_calloc(from->n_rules + 1, sizeof(struct sg__rule *));
    for (size_t i = 0; i < from->n_rules; i++) {
        struct sg_rule *rule = &from->rules[i];
        bool reads_recorded = reads(rule->parsed->root, names);
        int rc = sg__rule_new(r, rule, from, &g->rules[i], reterr);
        if (rc < 0)
            return rc;
        g->rules[i]->reads_recorded = reads_recorded;
        g->n_rules++;
    }
    number_twins(g);
    return 0;
}

static int by_identity(const void *a, const void *b)
{
    const struct sg__rule *const *x = a, *const *y = b;
    return ((*x)->identity > (*y)->identity) - ((*x)->identity < (*y)->identity);
}

static struct sg__rule *find_rule(const struct sg_ruler *r, uint64_t identity)
{
    size_t lo = 0, hi = r->n_rules;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->by_identity[mid]->identity == identity)
            return r->by_identity[mid];
        if (r->by_identity[mid]->identity < identity)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static void index_rules(struct sg_ruler *r)
{
    size_t n = 0;
    sg_free(r->by_identity);
    r->by_identity = sg_calloc(r->rules->n_rules + 1, sizeof(struct sg__rule *));
    for (size_t i = 0; i < r->n_groups; i++)
        for (size_t k = 0; k < r->groups[i].n_rules; k++)
            r->by_identity[n++] = r->groups[i].rules[k];
    r->n_rules = n;
    qsort(r->by_identity, n, sizeof(struct sg__rule *), by_identity);
}

static struct sg__group *find_group(struct sg_ruler *r, const struct sg__group *like)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        struct sg__group *g = &r->groups[i];
        if (sg_str_eq(g->group->file, like->group->file) &&
            sg_str_eq(g->group->name, like->group->name))
            return g;
    }
    return NULL;
}

/* What the old groups know goes over to the new ones; what is left is to be retired. */
static void take_over(struct sg_ruler *r, struct sg__group *old, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sg__group *g = find_group(r, &old[i]);
        if (g && g->interval_ms == old[i].interval_ms)
            g->slot_ms = old[i].slot_ms;
        if (g) {
            g->last_ms = old[i].last_ms;
            g->last_ns = old[i].last_ns;
        }
        for (size_t k = 0; k < old[i].n_rules; k++) {
            struct sg__rule *u = find_rule(r, old[i].rules[k]->identity);
            if (u && u->n_items == 0)
                sg__rule_adopt(u, old[i].rules[k]);
            if (old[i].rules[k]->n_items) {
                r->gone = sg_grow(r->gone, &r->cap_gone, r->n_gone + 1, sizeof(struct sg__rule *));
                r->gone[r->n_gone++] = old[i].rules[k];
            } else {
                sg__rule_free(r, old[i].rules[k]);
            }
        }
        sg_free(old[i].rules);
    }
    sg_free(old);
}

int sg_ruler_load_take(struct sg_ruler *r, struct sg_rules *rules, struct sg_error *reterr)
{
    struct sg__group *old = r->groups, *groups = sg_calloc(rules->n_groups + 1, sizeof(*groups));
    size_t n_old = r->n_groups, done = 0;
    struct names names = recorded_names(rules);
    int rc = 0;
    for (; rc == 0 && done < rules->n_groups; done++)
        rc = load_group(r, &rules->groups[done], &names, &groups[done], reterr);
    sg_free(names.at);
    if (rc < 0) {
        free_groups(r, groups, done);
        sg_rules_free(rules);
        return rc;
    }
    if (r->rules) {
        r->gone_rules = sg_grow(r->gone_rules, &r->cap_gone_rules, r->n_gone_rules + 1,
                                sizeof(struct sg_rules *));
        r->gone_rules[r->n_gone_rules++] = r->rules;
    }
    r->rules = rules;
    r->groups = groups;
    r->n_groups = rules->n_groups;
    r->next_group = 0;
    index_rules(r);
    take_over(r, old, n_old);
    atomic_store_explicit(&r->stats.groups, r->n_groups, memory_order_relaxed);
    atomic_store_explicit(&r->stats.rules, r->n_rules, memory_order_relaxed);
    return 0;
}

/* Who was told of alerts knows them by labels that none will have any more. */
static void end_told(struct sg_ruler *r, struct sg__rule *u)
{
    for (size_t k = 0; u->rule->kind == SG_RULE_ALERT && k < u->n_items; k++) {
        struct sg__instance *i = u->items[k];
        if (i->told && i->state == SG_ALERT_FIRING) {
            i->resolved_wall_ms = r->wall_ms;
            sg__alert_tell(r, u, i, SG_ALERT_RESOLVED);
        }
        sg_labels_unref(i->told);
        i->told = NULL;
        i->next_tell_ms = INT64_MIN;
    }
}

int sg_ruler_reload_take(struct sg_ruler *r, struct sg_rules *rules,
                         const struct sg_ruler_settings *settings, struct sg_error *reterr)
{
    struct sg_ruler_options old = r->opt;
    r->opt.interval_ms = settings->interval_ms;
    set_external(r, settings->external_url, settings->external_labels);
    int rc = sg_ruler_load_take(r, rules, reterr);
    if (rc < 0) {
        drop_external(&r->opt);
        r->opt = old;
        return rc;
    }
    bool same = sg_labels_eq(old.external_labels, r->opt.external_labels);
    for (size_t i = 0; !same && i < r->n_groups; i++)
        for (size_t k = 0; k < r->groups[i].n_rules; k++)
            end_told(r, r->groups[i].rules[k]);
    drop_external(&old);
    return 0;
}

static bool read_identity(struct sg_str key, uint64_t *ret)
{
    *ret = 0;
    if (key.n != 33 || key.p[16] != '-')
        return false;
    for (size_t i = 0; i < 16; i++) {
        char c = key.p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *ret = *ret << 4 | (unsigned)digit;
    }
    return true;
}

static void restore_orphan(struct sg_ruler *r, struct sg_str key, struct sg_str body,
                           struct sg__instance *i)
{
    struct sg__orphan o = {.instance = i, .source = sg__instance_rule(body)};
    snprintf(o.key, sizeof(o.key), "%.*s", SG_STR_ARG(key));
    r->orphans = sg_grow(r->orphans, &r->cap_orphans, r->n_orphans + 1, sizeof(o));
    r->orphans[r->n_orphans++] = o;
}

void sg_ruler_restore(struct sg_ruler *r, struct sg_str key, struct sg_str body, int64_t wall_ms)
{
    uint64_t identity;
    (void)wall_ms; /* the first tick tells the time, and comes with the monotonic one */
    if (sg__restore_is_alive(key)) {
        r->alive_ms = sg__restore_alive_ms(body);
        return;
    }
    struct sg__instance *i = sg__instance_read(body);
    struct sg__rule *u = read_identity(key, &identity) ? find_rule(r, identity) : NULL;
    if (!i || !u || u->rule->kind != SG_RULE_ALERT || sg__instances_find(&u->item_of, i->labels) ||
        r->n_instances >= r->opt.max_alerts) {
        restore_orphan(r, key, body, i);
        return;
    }
    i->index = (uint32_t)u->n_items;
    i->t.for_ms = u->rule->for_ms;
    i->t.keep_ms = u->rule->keep_ms;
    i->next_tell_ms = INT64_MIN;
    sg__rule_add_item(u, i);
    sg__alert_count(r, i->state, 1);
    r->n_instances++;
    r->restored = true;
}

/* ---- evaluation ---- */

static uint64_t clock_ns(const struct sg_ruler *r)
{
    return r->opt.hooks.clock_ns ? r->opt.hooks.clock_ns(r->opt.hooks.ctx) : 0;
}

static void set_error(struct sg_ruler *r, struct sg__rule *u, const struct sg_error *err)
{
    u->health = SG__ERR;
    snprintf(u->error, sizeof(u->error), "%.*s", (int)sizeof(u->error) - 1, err->text);
    atomic_fetch_add_explicit(&r->stats.failures, 1, memory_order_relaxed);
}

static void evaluate_rule(struct sg_ruler *r, struct sg__rule *u, int64_t at_ms)
{
    struct sg_error err = {0};
    struct sg_promql_view view = {0};
    uint64_t began_ns = clock_ns(r);
    int64_t sample_ms = at_ms - u->group->offset_ms;
    if (r->dirty && u->reads_recorded) {
        r->opt.hooks.begin(r->opt.hooks.ctx);
        r->dirty = false;
    }
    u->evaluation++;
    u->health = SG__OK;
    u->error[0] = 0;
    int rc = r->opt.hooks.eval(r->opt.hooks.ctx, u->root, sample_ms, &view, &err);
    if (rc == 0)
        rc = u->rule->kind == SG_RULE_RECORD ? sg__record(r, u, &view, sample_ms, &err)
                                             : sg__alerts(r, u, &view, at_ms, &err);
    if (rc < 0) {
        set_error(r, u, &err);
        if (u->rule->kind == SG_RULE_ALERT)
            sg__alerts_unknown(r, u, at_ms);
    }
    u->last_ms = at_ms;
    u->last_ns = clock_ns(r) - began_ns;
    atomic_fetch_add_explicit(&r->stats.evaluations, 1, memory_order_relaxed);
}

static void evaluate_group(struct sg_ruler *r, struct sg__group *g, int64_t at_ms)
{
    uint64_t began_ns = clock_ns(r);
    for (size_t i = 0; i < g->n_rules; i++)
        evaluate_rule(r, g->rules[i], at_ms);
    g->last_ms = at_ms;
    g->last_ns = clock_ns(r) - began_ns;
    atomic_fetch_add_explicit(&r->stats.eval_ns, g->last_ns, memory_order_relaxed);
}

/* Groups are evaluated at multiples of their interval, so that they share with streams; a new one
 * at once. One that had to wait is evaluated for the multiple it missed. */
static bool evaluate_due(struct sg_ruler *r, struct sg__group *g)
{
    int64_t slot_ms = sg_time_align(r->wall_ms, g->interval_ms);
    if (slot_ms == g->slot_ms)
        return false;
    bool first = g->slot_ms == INT64_MIN;
    if (!first && slot_ms > g->slot_ms + g->interval_ms && r->mono_ms >= r->hold_until_ms)
        atomic_fetch_add_explicit(&r->stats.missed,
                                  (unsigned long long)((slot_ms - g->slot_ms) / g->interval_ms - 1),
                                  memory_order_relaxed);
    g->slot_ms = slot_ms;
    evaluate_group(r, g, first ? r->wall_ms : slot_ms);
    return true;
}

/* A clock that jumped leaves windows without samples for a while: what expressions say then is no
 * reason to fire or to resolve. */
static void watch_clocks(struct sg_ruler *r, int64_t wall_ms, int64_t mono_ms)
{
    int64_t drift = (wall_ms - r->wall_ms) - (mono_ms - r->mono_ms);
    if (r->ticked && (drift > JUMP_MS || drift < -JUMP_MS)) {
        int64_t hold_ms = r->opt.grace_ms / 2 < MAX_HOLD_MS ? r->opt.grace_ms / 2 : MAX_HOLD_MS;
        r->hold_until_ms = mono_ms + hold_ms;
    }
    if (!r->ticked) {
        r->grace_until_ms = mono_ms + r->opt.grace_ms;
        r->hold_until_ms = mono_ms;
        r->next_alive_ms = mono_ms;
    }
    r->wall_ms = wall_ms;
    r->mono_ms = mono_ms;
}

static void retire(struct sg_ruler *r)
{
    for (size_t i = 0; i < r->n_gone; i++) {
        if (r->gone[i]->rule->kind == SG_RULE_ALERT) {
            sg__alerts_retire(r, r->gone[i]);
        } else {
            sg__record_retire(r, r->gone[i]);
        }
    }
    r->dirty = r->dirty || r->n_gone > 0;
    free_gone(r);
}

void sg_ruler_tick(struct sg_ruler *r, int64_t wall_ms, int64_t mono_ms, struct sg_journal *journal)
{
    uint64_t began_ns = clock_ns(r);
    watch_clocks(r, wall_ms, mono_ms);
    r->journal = journal;
    r->dirty = false;
    if (!r->ticked || r->restored)
        sg__restore_finish(r);
    r->ticked = true;
    if (r->n_gone || r->n_gone_rules)
        retire(r);
    size_t first = r->next_group;
    for (size_t k = 0; k < r->n_groups; k++) {
        size_t i = (first + k) % r->n_groups;
        if (!evaluate_due(r, &r->groups[i]))
            continue;
        r->next_group = (i + 1) % r->n_groups;
        if (r->opt.budget_ns && clock_ns(r) - began_ns > r->opt.budget_ns)
            break;
    }
    sg__restore_alive(r);
    r->journal = NULL;
}
