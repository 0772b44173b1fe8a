/* final.c - delayed name removal at the root of a view: labels without the names that go at the end
 * of the query. Work on labels is done once per version of the rows. */
#include "plan.h"

void sg__final_deinit(struct sg__final *f)
{
    sg__rows_deinit(&f->rows);
    sg_free(f->to);
    sg_free(f->v);
    sg_free(f->present);
    sg_free(f->h);
    *f = (struct sg__final){0};
}

static void make_rows(struct sg__final *f, const struct sg__rows *in)
{
    struct sg__intern set;
    size_t cap = f->cap;
    f->to = sg_grow(f->to, &f->cap, in->n ? in->n : 1, sizeof(*f->to));
    if (f->cap != cap) {
        f->v = sg_realloc(f->v, f->cap * sizeof(*f->v));
        f->present = sg_realloc(f->present, f->cap * sizeof(*f->present));
        f->h = sg_realloc(f->h, f->cap * sizeof(*f->h));
    }
    sg__rows_clear(&f->rows);
    sg__intern_init(&set, in->n);
    for (size_t i = 0; i < in->n; i++) {
        const struct sg_labels *l =
            in->drop[i] ? sg__labels_drop_name(in->labels[i]) : sg_labels_ref(in->labels[i]);
        f->to[i] = sg__intern_row_take(&set, &f->rows, l, false);
    }
    sg__intern_deinit(&set);
    f->version = in->version;
}

/* Rows that became equal are one; only one of them may have a value at a time. */
static int fold(struct sg_promql_plan *p, struct sg__final *f, struct sg_promql_view *view)
{
    memset(f->present, 0, f->rows.n * sizeof(*f->present));
    memset(f->h, 0, f->rows.n * sizeof(*f->h));
    for (size_t i = 0; i < view->n; i++) {
        uint32_t to = f->to[i];
        if (!(view->present[i] & 1))
            continue;
        if (f->present[to])
            return sg__fail(p, p->query->root, SG_EEXECUTION,
                            "vector cannot contain metrics with the same labelset");
        f->present[to] = 1;
        f->v[to] = view->v[i];
        f->h[to] = view->h ? view->h[i] : NULL;
    }
    view->n = f->rows.n;
    view->v = f->v;
    view->present = f->present;
    view->h = view->h ? f->h : NULL;
    return 0;
}

int sg__final_view(struct sg_promql_plan *p, struct sg__final *f, const struct sg__node *n,
                   struct sg_promql_view *ret)
{
    SG_DCHECK(n->out.k == 1 && n->out.stride == 1 && n->out.words == 1);
    *ret = (struct sg_promql_view){n->out.n, n->rows->version, n->rows->labels,
                                   n->out.v, n->out.present,   n->out.h};
    if (!p->opt.delayed_names)
        return 0;
    if (!f->version || f->version != n->rows->version)
        make_rows(f, n->rows);
    ret->labels = f->rows.labels;
    return f->rows.n < n->rows->n ? fold(p, f, ret) : 0;
}
