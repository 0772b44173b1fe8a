/* setop.c - and, or, unless: per match group the union of presence, then bits. */
#include "plan.h"

struct state {
    uint64_t left_version, right_version;
    uint32_t *left_group, *right_group; /* per row */
    size_t cap_left, cap_right;
    size_t n_groups;
    uint32_t *right_to; /* or: output row per right row */
    size_t cap_to;
    uint64_t *mask; /* per group: steps at which the other side has a row */
    size_t cap_mask;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg_free(st->left_group);
    sg_free(st->right_group);
    sg_free(st->right_to);
    sg_free(st->mask);
}

static int update(struct sg_promql_plan *p, struct sg__node *n)
{
    struct state *st = n->state;
    const struct sg__rows *l = n->child[0]->rows, *r = n->child[1]->rows;
    bool is_or = n->expr->u.binary.op == SG_OP_OR;
    if (!is_or)
        n->rows = l;
    if (st->left_version == l->version && st->right_version == r->version && l->version &&
        r->version)
        return 0;
    st->left_version = l->version;
    st->right_version = r->version;
    st->left_group = sg_grow(st->left_group, &st->cap_left, l->n + 1, sizeof(*st->left_group));
    st->right_group = sg_grow(st->right_group, &st->cap_right, r->n + 1, sizeof(*st->right_group));
    st->n_groups =
        sg__match_groups(p, &n->expr->u.binary.matching, l, st->left_group, r, st->right_group);
    if (!is_or)
        return 0;
    struct sg__intern set;
    sg__intern_init(&set, l->n + r->n);
    set.by_drop = true;
    sg__rows_clear(&n->own_rows);
    st->right_to = sg_grow(st->right_to, &st->cap_to, r->n + 1, sizeof(*st->right_to));
    for (size_t i = 0; i < l->n; i++)
        sg__intern_row_take(&set, &n->own_rows, sg_labels_ref(l->labels[i]), l->drop[i]);
    for (size_t i = 0; i < r->n; i++)
        st->right_to[i] =
            sg__intern_row_take(&set, &n->own_rows, sg_labels_ref(r->labels[i]), r->drop[i]);
    sg__intern_deinit(&set);
    int rc = sg__rows_done(p, n);
    if (rc < 0)
        st->left_version = 0;
    return rc;
}

static void make_mask(struct state *st, const struct sg__cols *c, const uint32_t *group,
                      size_t words)
{
    st->mask = sg_grow(st->mask, &st->cap_mask, st->n_groups * words + 1, sizeof(*st->mask));
    memset(st->mask, 0, st->n_groups * words * sizeof(*st->mask));
    for (size_t i = 0; i < c->n; i++)
        for (size_t w = 0; w < words; w++)
            st->mask[group[i] * words + w] |= sg__row_present(c, i)[w];
}

/* Copies the steps of a row that are in its group's mask, or not in it. */
static int copy_row(struct sg_promql_plan *p, struct sg__node *n, size_t to,
                    const struct sg__cols *in, size_t row, const uint64_t *mask, bool inside)
{
    const struct sg_histogram *const *h = sg__row_h(in, row);
    double *v = sg__row_v(&n->own, to);
    uint64_t *present = sg__row_present(&n->own, to);
    for (SG__EACH(sg__row_present(in, row), n->own.k, s)) {
        if (mask && sg__has(mask, s) != inside)
            continue;
        v[s] = sg__row_v(in, row)[s];
        sg__put(present, s);
        if (!h || !h[s])
            continue;
        int rc = sg__cols_want_h(p, n);
        if (rc < 0)
            return rc;
        sg__row_h(&n->own, to)[s] = h[s];
    }
    return 0;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    struct sg__node *l = n->child[0], *r = n->child[1];
    int rc = sg__compute(p, l, s);
    if (rc == 0)
        rc = sg__compute(p, r, s);
    if (rc == 0)
        rc = update(p, n);
    if (rc == 0)
        rc = sg__cols_reset(p, n, n->rows->n, s->k);
    if (rc < 0)
        return rc;
    bool is_or = n->expr->u.binary.op == SG_OP_OR;
    size_t words = n->own.words;
    if (is_or)
        make_mask(st, &l->out, st->left_group, words);
    else
        make_mask(st, &r->out, st->right_group, words);
    for (size_t i = 0; rc == 0 && i < l->out.n; i++)
        rc = copy_row(p, n, i, &l->out, i, is_or ? NULL : st->mask + st->left_group[i] * words,
                      n->expr->u.binary.op == SG_OP_AND);
    for (size_t i = 0; rc == 0 && is_or && i < r->out.n; i++)
        rc = copy_row(p, n, st->right_to[i], &r->out, i, st->mask + st->right_group[i] * words,
                      false);
    return rc;
}

static const struct sg__op op_set = {"set operator", compute, deinit};

struct sg__node *sg__set_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    return sg__node_new(p, e, &op_set, sizeof(struct state));
}
