/* plan.c - from the expression tree to nodes; step-invariant subtrees are wrapped so that they run
 * once. */
#include "plan.h"

void *sg__plan_alloc(struct sg_promql_plan *p, size_t count, size_t size)
{
    void *mem = sg_arena_calloc(&p->arena, count ? count : 1, size);
    if (!mem)
        sg_error_set(p->err, SG_ELIMIT, "expression needs too large a plan");
    return mem;
}

struct sg__node *sg__node_new(struct sg_promql_plan *p, const struct sg_expr *e,
                              const struct sg__op *op, size_t state_size)
{
    struct sg__node *n = sg__plan_alloc(p, 1, sizeof(*n));
    void *state = n ? sg__plan_alloc(p, 1, state_size) : NULL;
    if (!state)
        return NULL;
    n->expr = e;
    n->op = op;
    n->state = state;
    n->rows = &n->own_rows;
    p->nodes = sg_grow(p->nodes, &p->cap_nodes, p->n_nodes + 1, sizeof(struct sg__node *));
    p->nodes[p->n_nodes++] = n;
    return n;
}

/* ---- invariant: one evaluation, copied to every step ---- */

static int compute_invariant(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct sg__node *c = n->child[0];
    if (s->first == 0) {
        struct sg__span one = {s->start_ms, s->step_ms, 1, 0, 1};
        int rc = sg__compute(p, c, &one);
        if (rc < 0)
            return rc;
    }
    n->rows = c->rows;
    if (s->total == 1) {
        n->out = c->out;
        n->order = c->order;
        n->n_order = c->n_order;
        return 0;
    }
    int rc = sg__cols_reset(p, n, c->out.n, s->k);
    if (rc == 0 && c->out.h)
        rc = sg__cols_want_h(p, n);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < c->out.n; i++) {
        if (!sg__has(sg__row_present(&c->out, i), 0))
            continue;
        double *v = sg__row_v(&n->own, i), one = sg__row_v(&c->out, i)[0];
        uint64_t *present = sg__row_present(&n->own, i);
        for (size_t step = 0; step < s->k; step++) {
            v[step] = one;
            sg__put(present, step);
            if (c->out.h)
                sg__row_h(&n->own, i)[step] = sg__row_h(&c->out, i)[0];
        }
    }
    return 0;
}

static const struct sg__op op_invariant = {"invariant", compute_invariant, NULL};

static struct sg__node *wrap(struct sg_promql_plan *p, struct sg__node *inner)
{
    struct sg__node *n = sg__node_new(p, inner->expr, &op_invariant, 1);
    struct sg__node **child = n ? sg__plan_alloc(p, 1, sizeof(struct sg__node *)) : NULL;
    if (!child)
        return NULL;
    child[0] = inner;
    n->child = child;
    n->n_child = 1;
    return n;
}

/* ---- numbers ---- */

static int compute_number(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    if (!n->own_rows.version) {
        sg__rows_add_take(&n->own_rows, sg_labels_ref(sg_labels_empty()), false);
        sg__rows_done(p, n);
    }
    int rc = sg__cols_reset(p, n, 1, s->k);
    for (size_t step = 0; rc == 0 && step < s->k; step++) {
        n->own.v[step] = n->expr->u.number;
        sg__put(n->own.present, step);
    }
    return rc;
}

static const struct sg__op op_number = {"number", compute_number, NULL};

/* ---- building ---- */

typedef struct sg__node *(*node_maker)(struct sg_promql_plan *p, const struct sg_expr *e);

/* Builds the children that are values into n->child; strings have no node. *ret_invariant: all
 * children are. */
static int build_children(struct sg_promql_plan *p, const struct sg_expr *e,
                          struct sg__node ***ret_child, uint32_t *ret_n, bool *ret_invariant)
{
    bool invariant[64] = {false};
    uint32_t count = 0;
    *ret_invariant = true;
    while (sg_expr_child(e, count))
        count++;
    struct sg__node **child = sg__plan_alloc(p, count, sizeof(struct sg__node *));
    bool *inv = count <= SG_ARRAY_LEN(invariant) ? invariant : sg__plan_alloc(p, count, 1);
    if (!child || !inv)
        return SG_ELIMIT;
    *ret_n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct sg_expr *c = sg_expr_child(e, i);
        if (c->type != SG_TYPE_SCALAR && c->type != SG_TYPE_VECTOR)
            continue;
        int rc = sg__build(p, c, &child[*ret_n], &inv[*ret_n]);
        if (rc < 0)
            return rc;
        *ret_invariant &= inv[(*ret_n)++];
    }
    for (uint32_t i = 0; !*ret_invariant && i < *ret_n; i++)
        if (inv[i] && child[i]->op != &op_number && !(child[i] = wrap(p, child[i])))
            return SG_ELIMIT;
    *ret_child = child;
    return 0;
}

static int build_inner(struct sg_promql_plan *p, const struct sg_expr *e, node_maker make,
                       struct sg__node **ret, bool *ret_invariant)
{
    struct sg__node **child = NULL;
    uint32_t n_child = 0;
    int rc = build_children(p, e, &child, &n_child, ret_invariant);
    if (rc < 0)
        return rc;
    struct sg__node *n = make(p, e);
    if (!n)
        return p->err->code ? (int)p->err->code : SG_ELIMIT;
    n->child = child;
    n->n_child = n_child;
    *ret = n;
    return 0;
}

static node_maker aggregate_maker(const struct sg_aggregate *a)
{
    switch (a->op) {
    case SG_AGG_TOPK:
    case SG_AGG_BOTTOMK:
    case SG_AGG_LIMITK:
    case SG_AGG_LIMIT_RATIO:
        return sg__agg_select_node;
    case SG_AGG_COUNT_VALUES:
        return sg__count_values_node;
    default:
        return sg__agg_node;
    }
}

static node_maker binary_maker(const struct sg_binary *b)
{
    if (b->lhs->type == SG_TYPE_SCALAR || b->rhs->type == SG_TYPE_SCALAR)
        return sg__binary_node;
    return sg_binary_class(b->op) == SG_BINARY_SET ? sg__set_node : sg__match_node;
}

/* Their value hangs on the evaluation time even where their arguments do not. */
static bool time_dependent(enum sg_function_id id)
{
    switch (id) {
    case SG_FN_DAYS_IN_MONTH:
    case SG_FN_DAY_OF_MONTH:
    case SG_FN_DAY_OF_WEEK:
    case SG_FN_DAY_OF_YEAR:
    case SG_FN_HOUR:
    case SG_FN_MINUTE:
    case SG_FN_MONTH:
    case SG_FN_YEAR:
    case SG_FN_PREDICT_LINEAR:
    case SG_FN_TIME:
    case SG_FN_TIMESTAMP:
    case SG_FN_START_TIMESTAMP:
        return true;
    default:
        return false;
    }
}

/* A value without one is the same at each step, but nothing fixes when it is. */
static bool has_selector(const struct sg_expr *e)
{
    const struct sg_expr *child;
    bool found = e->kind == SG_EXPR_SELECTOR || e->kind == SG_EXPR_RANGE_SELECTOR;
    for (uint32_t i = 0; !found && (child = sg_expr_child(e, i)) != NULL; i++)
        found = has_selector(child);
    return found;
}

static node_maker call_maker(enum sg_function_id id)
{
    switch (id) {
    case SG_FN_LABEL_REPLACE:
    case SG_FN_LABEL_JOIN:
        return sg__label_node;
    case SG_FN_HISTOGRAM_QUANTILE:
    case SG_FN_HISTOGRAM_QUANTILES:
    case SG_FN_HISTOGRAM_FRACTION:
        return sg__histogram_node;
    case SG_FN_SORT:
    case SG_FN_SORT_DESC:
    case SG_FN_SORT_BY_LABEL:
    case SG_FN_SORT_BY_LABEL_DESC:
        return sg__sort_node;
    case SG_FN_TIME:
    case SG_FN_PI:
    case SG_FN_START:
    case SG_FN_END:
    case SG_FN_STEP:
    case SG_FN_RANGE:
    case SG_FN_SCALAR:
    case SG_FN_VECTOR:
    case SG_FN_MIN_OF:
    case SG_FN_MAX_OF:
    case SG_FN_ABSENT:
        return sg__scalar_node;
    default:
        return sg__element_node;
    }
}

int sg__call_build(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret,
                   bool *ret_invariant)
{
    const struct sg_call *call = &e->u.call;
    enum sg_function_id id = call->fn->id;
    int rc = 0;
    if (id == SG_FN_TIMESTAMP && call->args[0]->kind == SG_EXPR_SELECTOR) {
        *ret = sg__timestamp_node(p, e, call->args[0]);
        *ret_invariant = false;
        return *ret ? 0 : SG_ELIMIT;
    }
    if (id == SG_FN_INFO) { /* the second argument is no value */
        struct sg__node *n = sg__info_node(p, e);
        *ret = n;
        rc = n ? sg__build_one(p, n, call->args[0], ret_invariant) : SG_ELIMIT;
        *ret_invariant &= has_selector(call->args[0]); /* else info series are read at each step */
        return rc;
    }
    if (id == SG_FN_START_TIMESTAMP)
        return sg__fail(p, e, SG_EUNSUPPORTED, "start timestamps are not kept");
    if (sg__range_function(id) || id == SG_FN_ABSENT_OVER_TIME) {
        bool source_invariant = false;
        *ret = sg__range_node(p, e, &source_invariant);
        struct sg__node *n = *ret;
        if (!n)
            return p->err->code ? (int)p->err->code : SG_ELIMIT;
        rc = build_children(p, e, &n->child, &n->n_child, ret_invariant);
        *ret_invariant &= source_invariant;
    } else {
        rc = build_inner(p, e, call_maker(id), ret, ret_invariant);
    }
    *ret_invariant &= !time_dependent(id);
    return rc;
}

int sg__build_one(struct sg_promql_plan *p, struct sg__node *n, const struct sg_expr *arg,
                  bool *ret_invariant)
{
    n->child = sg__plan_alloc(p, 1, sizeof(struct sg__node *));
    if (!n->child)
        return SG_ELIMIT;
    n->n_child = 1;
    return sg__build(p, arg, &n->child[0], ret_invariant);
}

int sg__build(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret,
              bool *ret_invariant)
{
    return p->graph && !p->alone ? sg__graph_build(p, e, ret, ret_invariant)
                                 : sg__build_own(p, e, ret, ret_invariant);
}

int sg__build_own(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret,
                  bool *ret_invariant)
{
    switch (e->kind) {
    case SG_EXPR_NUMBER:
        *ret = sg__node_new(p, e, &op_number, 1);
        *ret_invariant = true;
        return *ret ? 0 : SG_ELIMIT;
    case SG_EXPR_SELECTOR:
        *ret = sg__selector_node(p, e);
        *ret_invariant = e->u.selector.asof.at != SG_AT_NONE;
        return *ret ? 0 : SG_ELIMIT;
    case SG_EXPR_CALL:
        return sg__call_build(p, e, ret, ret_invariant);
    case SG_EXPR_AGGREGATE:
        return build_inner(p, e, aggregate_maker(&e->u.aggregate), ret, ret_invariant);
    case SG_EXPR_BINARY:
        return build_inner(p, e, binary_maker(&e->u.binary), ret, ret_invariant);
    case SG_EXPR_NEGATE:
        return build_inner(p, e, sg__negate_node, ret, ret_invariant);
    default:
        return sg__fail(p, e, SG_EINVALID, "a %s cannot be evaluated here",
                        sg_expr_type_text(e->type));
    }
}

int sg__build_wrapped(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret)
{
    bool invariant = false;
    int rc = sg__build(p, e, ret, &invariant);
    if (rc == 0 && invariant && (*ret)->op != &op_number && !(*ret = wrap(p, *ret)))
        rc = SG_ELIMIT;
    return rc;
}

static void fill_defaults(struct sg_promql_eval_options *o)
{
    if (o->lookback_ms <= 0)
        o->lookback_ms = SG_PROMQL_LOOKBACK_MS;
    if (o->resolution_ms <= 0)
        o->resolution_ms = SG_PROMQL_RESOLUTION_MS;
    if (!o->max_samples)
        o->max_samples = SG_PROMQL_MAX_SAMPLES;
    if (!o->max_series || o->max_series > SG__NO_ROW / 2)
        o->max_series = SG_PROMQL_MAX_SERIES;
    if (!o->max_steps)
        o->max_steps = SG_PROMQL_MAX_STEPS;
}

void sg__plan_init(struct sg_promql_plan *p, const struct sg_promql_eval_options *opt)
{
    if (opt)
        p->opt = *opt;
    fill_defaults(&p->opt);
    sg_arena_init(&p->arena, (size_t)64 << 20);
    sg_samples_init(&p->raw);
}

void sg__plan_deinit(struct sg_promql_plan *p)
{
    for (size_t i = 0; i < p->n_nodes; i++)
        sg__node_deinit(p->nodes[i]);
    if (p->source)
        sg__source_deinit(p->source);
    sg__drop_kept(p);
    sg_free(p->kept);
    sg_free(p->nodes);
    sg_samples_deinit(&p->raw);
    sg__final_deinit(&p->final);
    sg_arena_deinit(&p->arena);
}

int sg_promql_prepare(const struct sg_promql *q, const struct sg_promql_eval_options *opt,
                      struct sg_promql_plan **ret, struct sg_error *reterr)
{
    struct sg_error local = {0};
    struct sg_promql_plan *p = sg_calloc(1, sizeof(*p));
    sg__plan_init(p, opt);
    p->query = q;
    p->err = reterr ? reterr : &local;
    int rc = 0;
    if (q->root->type == SG_TYPE_RANGE) {
        bool invariant = false;
        p->source = sg__source_new(p, q->root, &invariant);
        rc = p->source ? 0 : p->err->code ? (int)p->err->code : SG_ELIMIT;
    } else if (q->root->type != SG_TYPE_STRING) {
        rc = sg__build_wrapped(p, q->root, &p->root);
    }
    p->err = NULL;
    if (rc < 0) {
        sg_promql_plan_free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

void sg_promql_plan_free(struct sg_promql_plan *p)
{
    if (!p)
        return;
    sg__plan_deinit(p);
    sg_free(p);
}
