/* scalar_fn.c - functions that yield one row: time and friends, scalar(), vector(), absent(),
 * min_of(), max_of(). */
#include "plan.h"
#include "stats.h"
#include <streamgauge/value.h>

struct state {
    int (*fill)(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s);
    const struct sg_labels *labels;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg_labels_unref(st->labels);
}

static void set(struct sg__node *n, size_t step, double v)
{
    n->own.v[step] = v;
    sg__put(n->own.present, step);
}

static int fill_time(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    (void)p;
    for (size_t step = 0; step < s->k; step++)
        set(n, step, (double)sg__time(s, step) / 1000);
    return 0;
}

/* pi() and what the query's grid says. */
static int fill_constant(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    double v = M_PI;
    switch (n->expr->u.call.fn->id) {
    case SG_FN_START:
        v = (double)p->grid.start_ms / 1000;
        break;
    case SG_FN_END:
        v = (double)p->grid.end_ms / 1000;
        break;
    case SG_FN_STEP:
        v = (double)p->grid.step_ms / 1000;
        break;
    case SG_FN_RANGE:
        v = (double)(p->grid.end_ms - p->grid.start_ms) / 1000;
        break;
    default:
        break;
    }
    for (size_t step = 0; step < s->k; step++)
        set(n, step, v);
    return 0;
}

static int fill_min_max(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    (void)p;
    bool min = n->expr->u.call.fn->id == SG_FN_MIN_OF;
    const double *a = n->child[0]->out.v, *b = n->child[1]->out.v;
    for (size_t step = 0; step < s->k; step++)
        set(n, step, min ? sg__min(a[step], b[step]) : sg__max(a[step], b[step]));
    return 0;
}

/* The only float of a step, or NaN. */
static int fill_scalar(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    (void)p;
    const struct sg__cols *in = &n->child[0]->out;
    for (size_t step = 0; step < s->k; step++) {
        size_t found = 0;
        double v = sg_nan();
        for (size_t i = 0; i < in->n && found < 2; i++) {
            if (!sg__has(sg__row_present(in, i), step) || (in->h && sg__row_h(in, i)[step]))
                continue;
            v = sg__row_v(in, i)[step];
            found++;
        }
        set(n, step, found == 1 ? v : sg_nan());
    }
    return 0;
}

static int fill_vector(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    (void)p;
    for (size_t step = 0; step < s->k; step++)
        set(n, step, n->child[0]->out.v[step]);
    return 0;
}

static int fill_absent(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    (void)p;
    const struct sg__cols *in = &n->child[0]->out;
    for (size_t w = 0; w < n->own.words; w++) {
        uint64_t any = 0;
        for (size_t i = 0; i < in->n; i++)
            any |= sg__row_present(in, i)[w];
        n->own.present[w] = ~any & sg__full_word(s->k, w);
    }
    for (size_t step = 0; step < s->k; step++)
        n->own.v[step] = 1;
    return 0;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n->n_child; i++)
        rc = sg__compute(p, n->child[i], s);
    if (rc == 0 && !n->own_rows.version) {
        sg__rows_add_take(&n->own_rows, sg_labels_ref(st->labels), false);
        rc = sg__rows_done(p, n);
    }
    if (rc == 0)
        rc = sg__cols_reset(p, n, 1, s->k);
    return rc < 0 ? rc : st->fill(p, n, s);
}

static const struct sg__op op_scalar = {"one-row function", compute, deinit};

struct sg__node *sg__scalar_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    static int (*const table[SG_FN_COUNT])(struct sg_promql_plan *, struct sg__node *,
                                           const struct sg__span *) = {
        [SG_FN_TIME] = fill_time,      [SG_FN_PI] = fill_constant,    [SG_FN_START] = fill_constant,
        [SG_FN_END] = fill_constant,   [SG_FN_STEP] = fill_constant,  [SG_FN_RANGE] = fill_constant,
        [SG_FN_SCALAR] = fill_scalar,  [SG_FN_VECTOR] = fill_vector,  [SG_FN_ABSENT] = fill_absent,
        [SG_FN_MIN_OF] = fill_min_max, [SG_FN_MAX_OF] = fill_min_max,
    };
    struct sg__node *n = sg__node_new(p, e, &op_scalar, sizeof(struct state));
    if (!n)
        return NULL;
    struct state *st = n->state;
    enum sg_function_id id = e->u.call.fn->id;
    st->fill = table[id];
    st->labels = id == SG_FN_ABSENT ? sg__absent_labels(e->u.call.args[0])
                                    : sg_labels_ref(sg_labels_empty());
    return n;
}

/* What `=` matchers say, except for labels that are matched in more than one way. */
const struct sg_labels *sg__absent_labels(const struct sg_expr *arg)
{
    if (arg->kind != SG_EXPR_SELECTOR && arg->kind != SG_EXPR_RANGE_SELECTOR)
        return sg_labels_ref(sg_labels_empty());
    const struct sg_selector *sel = &arg->u.selector;
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    for (uint32_t i = 0; i < sel->matcher_count; i++) {
        const struct sg_matcher *m = sel->matchers[i];
        bool alone =
            (i == 0 || !sg_str_eq(sel->matchers[i - 1]->name, m->name)) &&
            (i + 1 == sel->matcher_count || !sg_str_eq(sel->matchers[i + 1]->name, m->name));
        if (alone && m->type == SG_MATCH_EQ && !sg_str_eq(m->name, SG_METRIC_NAME))
            sg_labels_builder_set(&b, m->name, m->value);
    }
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}
