/* leaf.c - a leaf that is somebody else's: its values come from the graph's provider, or, when the
 * provider would rather not, from the ordinary node behind it. */
#include "plan.h"

struct state {
    const struct sg_promql_leaves *leaves;
    struct sg_promql_graph_stats *stats;
    void *leaf;
    struct sg__node *ordinary;
    struct sg__rows rows; /* the series' */
    uint64_t version;     /* of the provider's rows */
    struct sg__map map;
    enum sg__names names;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    if (st->leaf) {
        st->leaves->close(st->leaves->ctx, st->leaf);
        st->stats->incremental--;
    }
    sg__rows_deinit(&st->rows);
    sg__map_deinit(&st->map);
}

static void take_rows(struct sg_promql_plan *p, struct state *st,
                      const struct sg_promql_leaf_view *view)
{
    if (st->version == view->version)
        return;
    size_t from = 0;
    if (view->extends && view->extends == st->version && view->extends_n == st->rows.n) {
        from = st->rows.n;
        st->rows.extends = st->rows.version;
        st->rows.extends_n = from;
    } else {
        sg__rows_clear(&st->rows);
    }
    st->version = view->version;
    for (size_t i = from; i < view->n; i++)
        sg__rows_add_take(&st->rows, sg_labels_ref(view->labels[i]), false);
    st->rows.version = ++p->next_version;
}

/* Several series lead to one row: as the ordinary node does it. */
static int merge(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s,
                 const struct sg_promql_leaf_view *view)
{
    struct state *st = n->state;
    int rc = sg__map_start(p, n, &st->map, s, 1);
    for (size_t i = 0; rc == 0 && i < view->n; i++) {
        struct sg__target t;
        if (!(view->present[i] & 1))
            continue;
        sg__map_target(n, &st->map, i, &t);
        t.v[0] = view->v[i];
        t.present[0] = 1;
        rc = sg__map_commit(p, n, &t);
    }
    return rc;
}

static int compute_ordinary(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    st->stats->fallbacks++;
    int rc = st->ordinary->op->compute(p, st->ordinary, s);
    n->rows = st->ordinary->rows;
    n->out = st->ordinary->out;
    return rc;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    struct sg__node *o = st->ordinary;
    struct sg_promql_leaf_view view;
    double arg[2] = {0, 0};
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < o->n_child; i++) {
        rc = sg__compute(p, o->child[i], s);
        if (rc == 0 && i < SG_ARRAY_LEN(arg))
            arg[i] = o->child[i]->out.v[0];
    }
    if (rc < 0)
        return rc;
    rc = st->leaves->eval(st->leaves->ctx, st->leaf, p->q, s->start_ms, arg, &view);
    if (rc == SG_EUNSUPPORTED || (rc == 0 && view.n > p->opt.max_series))
        return compute_ordinary(p, n, s);
    if (rc < 0)
        return sg_error_set(p->err, (enum sg_errc)rc, "live evaluation failed");
    take_rows(p, st, &view);
    n->rows = &n->own_rows; /* unless the map says otherwise */
    if (st->names == SG__NAMES_KEEP)
        n->rows = &st->rows;
    rc = sg__map_update(p, n, &st->map, &st->rows, st->names);
    if (rc < 0 || !st->map.identity)
        return rc < 0 ? rc : merge(p, n, s, &view);
    n->out = (struct sg__cols){.n = view.n, .k = 1, .stride = 1, .words = 1};
    n->out.v = view.v;
    n->out.present = view.present;
    return 0;
}

static const struct sg__op op_leaf = {"leaf", compute, deinit};

static bool may_be_leaf(const struct sg_expr *e, enum sg__names *ret_names)
{
    *ret_names = SG__NAMES_KEEP;
    if (e->kind == SG_EXPR_SELECTOR)
        return true;
    if (e->kind != SG_EXPR_CALL)
        return false;
    enum sg_function_id id = e->u.call.fn->id;
    if (id != SG_FN_LAST_OVER_TIME && id != SG_FN_FIRST_OVER_TIME)
        *ret_names = SG__NAMES_DROP;
    for (uint32_t i = 0; i < e->u.call.arg_count; i++)
        if (e->u.call.args[i]->kind == SG_EXPR_RANGE_SELECTOR)
            return sg__range_function(id) != NULL;
    return id == SG_FN_TIMESTAMP && e->u.call.args[0]->kind == SG_EXPR_SELECTOR;
}

int sg__leaf_wrap(struct sg_promql_plan *p, const struct sg_promql_leaves *leaves,
                  struct sg_promql_graph_stats *stats, struct sg__node **n)
{
    enum sg__names names;
    if (!may_be_leaf((*n)->expr, &names))
        return 0;
    void *leaf = leaves->open(leaves->ctx, (*n)->expr);
    if (!leaf)
        return 0;
    struct sg__node *front = sg__node_new(p, (*n)->expr, &op_leaf, sizeof(struct state));
    if (!front) {
        leaves->close(leaves->ctx, leaf);
        return SG_ELIMIT;
    }
    struct state *st = front->state;
    *st = (struct state){.leaves = leaves,
                         .stats = stats,
                         .leaf = leaf,
                         .ordinary = *n,
                         .names = names,
                         .map = {.strict = true}};
    stats->incremental++;
    *n = front;
    return 0;
}
