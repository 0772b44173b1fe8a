/* ruler_record.c - recording rules: the result of an expression as series of another name. */
#include "ruler_priv.h"

#include <streamgauge/mem.h>
#include <streamgauge/value.h>

static const struct sg_labels *output_labels(struct sg_ruler *r, const struct sg__rule *u,
                                             const struct sg_labels *row)
{
    struct sg_labels_builder *b = &r->builder;
    sg_labels_builder_load(b, row);
    sg_labels_builder_set(b, SG_METRIC_NAME, u->rule->name);
    for (size_t i = 0; i < u->n_labels; i++)
        sg_labels_builder_set(b, u->labels[i]->name, u->labels[i]->text);
    return sg_labels_builder_build(b);
}

static struct sg__series *find_series(struct sg_ruler *r, struct sg__rule *u,
                                      const struct sg_labels *row)
{
    const struct sg_labels *labels = output_labels(r, u, row);
    struct sg__series *s = sg__instances_find(&u->item_of, labels);
    if (s) {
        sg_labels_unref(labels);
        return s;
    }
    s = sg_calloc(1, sizeof(*s));
    s->labels = labels;
    s->index = (uint32_t)u->n_items;
    sg__rule_add_item(u, s);
    return s;
}

static int mark(struct sg_ruler *r, struct sg__rule *u, const struct sg_promql_view *view,
                struct sg_error *reterr)
{
    uint64_t n = 0;
    for (size_t i = 0; i < view->n; i++) {
        if (!(view->present[i] & 1))
            continue;
        if (view->h && view->h[i])
            return sg_error_set(reterr, SG_EUNSUPPORTED,
                                "the result holds histograms, expected numbers to record");
        struct sg__series *s = u->rows[i].to;
        if (!s)
            u->rows[i].to = s = find_series(r, u, u->rows[i].labels);
        if (s->seen == u->evaluation)
            return sg_error_set(
                reterr, SG_EEXECUTION,
                "vector contains metrics with the same labelset after applying rule labels");
        s->seen = u->evaluation;
        s->value = view->v[i];
        n++;
    }
    if (u->group->limit && n > u->group->limit)
        return sg_error_set(reterr, SG_ELIMIT, "exceeded limit of %llu with %llu series",
                            (unsigned long long)u->group->limit, (unsigned long long)n);
    return 0;
}

static void forget(struct sg__rule *u, struct sg__series *s)
{
    struct sg__series *last = u->items[u->n_items - 1];
    sg__instances_remove(&u->item_of, s);
    u->items[s->index] = last;
    last->index = s->index;
    u->n_items--;
    sg_labels_unref(s->labels);
    sg_free(s);
}

static void sweep(struct sg__rule *u)
{
    sg__rule_sweep_rows(u);
    for (size_t i = u->n_items; i-- > 0;) {
        struct sg__series *s = u->items[i];
        if (s->dead)
            forget(u, s);
    }
    u->n_dead = 0;
}

int sg__record(struct sg_ruler *r, struct sg__rule *u, const struct sg_promql_view *view,
               int64_t at_ms, struct sg_error *reterr)
{
    sg__rule_bind(u, view);
    int rc = mark(r, u, view, reterr);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < u->n_items; i++) {
        struct sg__series *s = u->items[i];
        bool seen = s->seen == u->evaluation;
        sg__rule_append(r, u, s->labels, &s->id, at_ms, seen ? s->value : sg_stale_nan());
        if (!seen) {
            s->dead = true;
            u->n_dead++;
        }
    }
    r->dirty = r->dirty || u->n_items > 0;
    if (u->n_dead)
        sweep(u);
    return 0;
}

void sg__record_retire(struct sg_ruler *r, struct sg__rule *u)
{
    for (size_t i = 0; i < u->n_items; i++) {
        struct sg__series *s = u->items[i];
        sg__rule_append(r, u, s->labels, &s->id, r->wall_ms - u->group->offset_ms, sg_stale_nan());
    }
}
