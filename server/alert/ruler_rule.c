/* ruler_rule.c - one rule: its identity, its rows, and what it has in common with others. */
#include "ruler_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>
#include <streamgauge/template.h>

static int by_name(const void *a, const void *b)
{
    const struct sg_rule_text *const *x = a, *const *y = b;
    return sg_str_cmp((*x)->name, (*y)->name);
}

static bool among(const struct sg_rule_text *texts, size_t n, struct sg_str name)
{
    for (size_t i = 0; i < n; i++)
        if (sg_str_eq(texts[i].name, name))
            return true;
    return false;
}

/* The group's labels, and over them the rule's. */
static void merge_labels(struct sg__rule *u)
{
    const struct sg_rule_group *g = u->group;
    const struct sg_rule *rule = u->rule;
    u->labels = sg_calloc(g->n_labels + rule->n_labels + 1, sizeof(struct sg_rule_text *));
    for (size_t i = 0; i < g->n_labels; i++)
        if (!among(rule->labels, rule->n_labels, g->labels[i].name))
            u->labels[u->n_labels++] = &g->labels[i];
    for (size_t i = 0; i < rule->n_labels; i++)
        u->labels[u->n_labels++] = &rule->labels[i];
    qsort(u->labels, u->n_labels, sizeof(struct sg_rule_text *), by_name);
    for (size_t i = 0; i < u->n_labels; i++)
        if (u->labels[i]->template && sg_template_depends_on_value(u->labels[i]->template))
            u->labels_vary = true;
    for (size_t i = 0; i < rule->n_annotations; i++)
        if (rule->annotations[i].template &&
            sg_template_depends_on_value(rule->annotations[i].template))
            u->annotations_vary = true;
}

static void put_part(struct sg_buf *b, struct sg_str s)
{
    sg_buf_put_str(b, s);
    sg_buf_putc(b, 0);
}

static uint64_t identify(const struct sg__rule *u)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, SIZE_MAX);
    put_part(&b, u->group->file);
    put_part(&b, u->group->name);
    sg_buf_putc(&b, u->rule->kind == SG_RULE_ALERT ? 'a' : 'r');
    put_part(&b, u->rule->name);
    for (size_t i = 0; i < u->n_labels; i++) {
        put_part(&b, u->labels[i]->name);
        put_part(&b, u->labels[i]->text);
    }
    return sg_hash64_stable(b.data, b.len);
}

static void describe(struct sg_ruler *r, struct sg__rule *u)
{
    struct sg_buf b;
    sg_buf_init(&b, SIZE_MAX);
    sg_buf_put_str(&b, u->group->file);
    sg_buf_putc(&b, ';');
    sg_buf_put_str(&b, u->group->name);
    sg_buf_putc(&b, ';');
    sg_buf_put_str(&b, u->rule->name);
    u->source.p = sg_buf_steal(&b, &u->source.n);
    sg_buf_init(&b, SIZE_MAX);
    sg_buf_put_str(&b, r->opt.external_url);
    sg_buf_puts(&b, "/graph?g0.expr=");
    sg__query_escape(u->rule->expr, &b);
    sg_buf_puts(&b, "&g0.tab=1");
    u->url.p = sg_buf_steal(&b, &u->url.n);
}

int sg__rule_new(struct sg_ruler *r, struct sg_rule *rule, const struct sg_rule_group *g,
                 struct sg__rule **ret, struct sg_error *reterr)
{
    struct sg__rule *u = sg_calloc(1, sizeof(*u));
    struct sg_promql *parsed = rule->parsed;
    u->rule = rule;
    u->group = g;
    merge_labels(u);
    u->identity = identify(u);
    describe(r, u);
    rule->parsed = NULL;
    int rc = r->opt.hooks.add(r->opt.hooks.ctx, parsed, &u->root, reterr);
    if (rc < 0) {
        u->root = NULL;
        sg_error_wrap(reterr, "group '%.*s', rule '%.*s'", SG_STR_ARG(g->name),
                      SG_STR_ARG(rule->name));
        sg__rule_free(r, u);
        return rc;
    }
    *ret = u;
    return 0;
}

static void drop_rows(struct sg__rule *u)
{
    for (size_t i = 0; i < u->n_rows; i++)
        sg_labels_unref(u->rows[i].labels);
    sg_free(u->rows);
    sg__instances_deinit(&u->row_of);
    u->rows = NULL;
    u->n_rows = 0;
    u->rows_version = 0;
}

void sg__rule_free(struct sg_ruler *r, struct sg__rule *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < u->n_items; i++) {
        if (u->rule->kind == SG_RULE_ALERT) {
            struct sg__instance *one = u->items[i];
            sg__alert_count(r, one->state, -1);
            r->n_instances--;
            sg__instance_free(one);
        } else {
            struct sg__series *one = u->items[i];
            sg_labels_unref(one->labels);
            sg_free(one);
        }
    }
    drop_rows(u);
    sg__instances_deinit(&u->item_of);
    sg_free(u->items);
    if (u->root)
        r->opt.hooks.remove(r->opt.hooks.ctx, u->root);
    if (u->judge)
        r->opt.hooks.remove(r->opt.hooks.ctx, u->judge);
    sg_free(u->labels);
    sg_free((void *)(uintptr_t)u->source.p);
    sg_free((void *)(uintptr_t)u->url.p);
    sg_free(u);
}

void sg__rule_adopt(struct sg__rule *u, struct sg__rule *old)
{
    u->items = old->items;
    u->n_items = old->n_items;
    u->cap_items = old->cap_items;
    u->item_of = old->item_of;
    u->evaluation = old->evaluation;
    u->health = old->health;
    u->last_ms = old->last_ms;
    u->last_ns = old->last_ns;
    memcpy(u->error, old->error, sizeof(u->error));
    old->items = NULL;
    old->n_items = old->cap_items = 0;
    old->item_of = (struct sg__instances){0};
    for (size_t i = 0; u->rule->kind == SG_RULE_ALERT && i < u->n_items; i++) {
        struct sg__instance *one = u->items[i];
        one->t.for_ms = u->rule->for_ms;
        one->t.keep_ms = u->rule->keep_ms;
        one->next_tell_ms = INT64_MIN; /* with the annotations as they are now */
        if (one->restored)
            continue; /* nothing to expand them with yet */
        sg_labels_unref(one->annotations);
        one->annotations = NULL;
    }
}

void sg__rule_bind(struct sg__rule *u, const struct sg_promql_view *view)
{
    if (u->rows_version == view->rows_version && u->n_rows == view->n && u->rows_version)
        return;
    struct sg__row *rows = sg_calloc(view->n + 1, sizeof(*rows));
    for (size_t i = 0; i < view->n; i++) {
        const struct sg__row *old = sg__instances_find(&u->row_of, view->labels[i]);
        rows[i] = (struct sg__row){sg_labels_ref(view->labels[i]), old ? old->to : NULL};
    }
    drop_rows(u);
    u->rows = rows;
    u->n_rows = view->n;
    u->rows_version = view->rows_version;
    for (size_t i = 0; i < view->n; i++)
        sg__instances_add(&u->row_of, &rows[i]);
}

void sg__rule_add_item(struct sg__rule *u, void *item)
{
    u->items = sg_grow(u->items, &u->cap_items, u->n_items + 1, sizeof(void *));
    u->items[u->n_items++] = item;
    sg__instances_add(&u->item_of, item);
}

void sg__rule_sweep_rows(struct sg__rule *u)
{
    for (size_t i = 0; i < u->n_rows; i++) {
        void *to = u->rows[i].to;
        if (!to)
            continue;
        bool dead = u->rule->kind == SG_RULE_ALERT ? ((struct sg__instance *)to)->dead
                                                   : ((struct sg__series *)to)->dead;
        if (dead)
            u->rows[i].to = NULL;
    }
}

void sg__rule_expand(struct sg_ruler *r, const struct sg_rule_text *text,
                     const struct sg_labels *labels, double value, struct sg_buf *out)
{
    if (!text->template) {
        sg_buf_put_str(out, text->text);
        return;
    }
    struct sg_error err = {0};
    struct sg_template_data data = {.labels = labels,
                                    .external_labels = r->opt.external_labels,
                                    .value = value,
                                    .external_url = r->opt.external_url,
                                    .time_ms = r->wall_ms,
                                    .query = r->opt.hooks.query,
                                    .query_ctx = r->opt.hooks.ctx};
    size_t before = out->len;
    if (sg_template_expand(text->template, &data, out, &err) < 0 || out->failed) {
        char place[1024];
        out->failed = false;
        out->len = before;
        sg_buf_printf(out, "<error expanding template: %s>",
                      sg_error_format(&err, place, sizeof(place)));
    }
}

void sg__rule_append(struct sg_ruler *r, struct sg__rule *u, const struct sg_labels *labels,
                     uint64_t *id, int64_t time_ms, double v)
{
    struct sg_error err = {0};
    if (r->opt.hooks.append(r->opt.hooks.ctx, labels, id, time_ms, v, &err) < 0 &&
        u->health != SG__ERR) {
        u->health = SG__ERR;
        snprintf(u->error, sizeof(u->error), "not stored: %.200s", err.text);
    }
}
