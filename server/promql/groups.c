/* groups.c - by (…) and without (…): which rows belong together. */
#include "plan.h"
#include <stdlib.h>

static int name_cmp(const void *a, const void *b)
{
    return sg_str_cmp(*(const struct sg_str *)a, *(const struct sg_str *)b);
}

int sg__groups_init(struct sg_promql_plan *p, struct sg__groups *g, const struct sg_aggregate *a,
                    struct sg_str extra)
{
    g->keep = !a->without;
    g->names = sg__plan_alloc(p, a->label_count + 2, sizeof(*g->names));
    if (!g->names)
        return SG_ELIMIT;
    for (uint32_t i = 0; i < a->label_count; i++)
        g->names[g->n_names++] = a->labels[i];
    struct sg_str more = a->without ? SG_METRIC_NAME : extra;
    bool known = !more.n;
    for (size_t i = 0; i < g->n_names; i++)
        known |= sg_str_eq(g->names[i], more);
    if (!known)
        g->names[g->n_names++] = more;
    qsort(g->names, g->n_names, sizeof(*g->names), name_cmp);
    return 0;
}

const struct sg_labels *sg__group_labels(const struct sg__groups *g, const struct sg_labels *l)
{
    return sg_labels_project(l, g->names, g->n_names, g->keep);
}

bool sg__groups_update(struct sg__groups *g, const struct sg__rows *in, struct sg__rows *rows)
{
    if (g->version && g->version == in->version)
        return false;
    g->version = in->version;
    g->of = sg_grow(g->of, &g->cap, in->n + 1, sizeof(*g->of));
    sg__rows_clear(rows);
    struct sg__intern set;
    sg__intern_init(&set, 16);
    for (size_t i = 0; i < in->n; i++)
        g->of[i] = sg__intern_row_take(&set, rows, sg__group_labels(g, in->labels[i]), in->drop[i]);
    sg__intern_deinit(&set);
    return true;
}

bool sg__groups_extend(struct sg__groups *g, const struct sg__rows *in, struct sg__rows *rows,
                       bool *ret_new)
{
    if (!g->version || in->extends != g->version || !rows->version)
        return false;
    size_t before = rows->n;
    g->version = in->version;
    g->of = sg_grow(g->of, &g->cap, in->n + 1, sizeof(*g->of));
    struct sg__intern set;
    sg__intern_init(&set, rows->n);
    sg__intern_load(&set, rows);
    for (size_t i = in->extends_n; i < in->n; i++)
        g->of[i] = sg__intern_row_take(&set, rows, sg__group_labels(g, in->labels[i]), in->drop[i]);
    sg__intern_deinit(&set);
    *ret_new = rows->n > before;
    if (*ret_new) {
        rows->extends = rows->version;
        rows->extends_n = before;
    }
    return true;
}

void sg__groups_deinit(struct sg__groups *g)
{
    sg_free(g->of);
}
