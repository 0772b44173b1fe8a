/* sort_fn.c - sort, sort_desc, sort_by_label(_desc): values pass through, instants get an order. */
#include "plan.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

struct state {
    uint32_t *order;
    size_t cap;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg_free(st->order);
}

struct context {
    const struct sg__node *n;
    bool desc;
};

/* NaN goes last either way. */
static int by_value(const void *pa, const void *pb, void *ctx)
{
    const struct context *c = ctx;
    uint32_t i = *(const uint32_t *)pa, j = *(const uint32_t *)pb;
    double a = sg__row_v(&c->n->out, i)[0], b = sg__row_v(&c->n->out, j)[0];
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b) ? (i > j) - (i < j) : isnan(a) ? 1 : -1;
    if (a == b)
        return (i > j) - (i < j);
    return (a < b) == c->desc ? 1 : -1;
}

/* Runs of digits compare as numbers, the rest bytewise. */
static int natural_cmp(struct sg_str a, struct sg_str b)
{
    size_t i = 0, j = 0;
    while (i < a.n && j < b.n) {
        if (!isdigit((unsigned char)a.p[i]) || !isdigit((unsigned char)b.p[j])) {
            if (a.p[i] != b.p[j])
                return (unsigned char)a.p[i] < (unsigned char)b.p[j] ? -1 : 1;
            i++, j++;
            continue;
        }
        while (i < a.n && a.p[i] == '0')
            i++;
        while (j < b.n && b.p[j] == '0')
            j++;
        size_t ei = i, ej = j;
        while (ei < a.n && isdigit((unsigned char)a.p[ei]))
            ei++;
        while (ej < b.n && isdigit((unsigned char)b.p[ej]))
            ej++;
        if (ei - i != ej - j)
            return ei - i < ej - j ? -1 : 1;
        int cmp = memcmp(a.p + i, b.p + j, ei - i);
        if (cmp)
            return cmp;
        i = ei, j = ej;
    }
    if (a.n - i != b.n - j)
        return a.n - i < b.n - j ? -1 : 1;
    return sg_str_cmp(a, b);
}

static struct sg_str value_of(const struct sg_labels *l, struct sg_str name)
{
    struct sg_str v = sg_labels_get(l, name);
    return v.p ? v : SG_STR("");
}

static int by_label(const void *pa, const void *pb, void *ctx)
{
    const struct context *c = ctx;
    const struct sg_labels *a = c->n->rows->labels[*(const uint32_t *)pa];
    const struct sg_labels *b = c->n->rows->labels[*(const uint32_t *)pb];
    const struct sg_call *call = &c->n->expr->u.call;
    int cmp = 0;
    for (uint32_t i = 1; cmp == 0 && i < call->arg_count; i++)
        cmp =
            natural_cmp(value_of(a, call->args[i]->u.string), value_of(b, call->args[i]->u.string));
    if (cmp == 0)
        cmp = sg_labels_cmp(a, b);
    return c->desc ? -cmp : cmp;
}

/* Values are sorted without histograms, labels with them. */
static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    enum sg_function_id id = n->expr->u.call.fn->id;
    bool values = id == SG_FN_SORT || id == SG_FN_SORT_DESC;
    struct sg__node *c = n->child[0];
    int rc = sg__compute(p, c, s);
    if (rc < 0)
        return rc;
    n->rows = c->rows;
    n->out = c->out;
    if (values && c->out.h) { /* bits of histograms go: own presence over the child's values */
        rc = sg__cols_reset(p, n, c->out.n, s->k);
        for (size_t i = 0; rc == 0 && i < c->out.n; i++)
            for (SG__EACH(sg__row_present(&c->out, i), s->k, step))
                if (!sg__row_h(&c->out, i)[step]) {
                    sg__row_v(&n->own, i)[step] = sg__row_v(&c->out, i)[step];
                    sg__put(sg__row_present(&n->own, i), step);
                }
    }
    n->order = NULL;
    if (rc < 0 || s->total != 1 || !n->out.n || p->grid.step_ms > 0)
        return rc;
    st->order = sg_grow(st->order, &st->cap, n->out.n, sizeof(*st->order));
    size_t count = 0;
    for (size_t i = 0; i < n->out.n; i++)
        if (sg__has(sg__row_present(&n->out, i), 0))
            st->order[count++] = (uint32_t)i;
    struct context ctx = {n, id == SG_FN_SORT_DESC || id == SG_FN_SORT_BY_LABEL_DESC};
    qsort_r(st->order, count, sizeof(*st->order), values ? by_value : by_label, &ctx);
    n->order = st->order;
    n->n_order = count;
    return 0;
}

static const struct sg__op op_sort = {"sort", compute, deinit};

struct sg__node *sg__sort_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    const struct sg_call *call = &e->u.call;
    for (uint32_t i = 1; i < call->arg_count; i++) {
        if (call->args[i]->u.string.n == 0) {
            sg__fail(p, call->args[i], SG_EEXECUTION, "invalid label name in %s(): \"\"",
                     call->fn->name);
            return NULL;
        }
    }
    return sg__node_new(p, e, &op_sort, sizeof(struct state));
}
