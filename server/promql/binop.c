/* binop.c - operators with a scalar on at least one side, and what an operator makes of two points.
 */
#include "histogram_math.h"
#include "plan.h"
#include "stats.h"

/* ---- two points ---- */

static bool bad_types(struct sg_promql_plan *p, const struct sg_expr *e, bool a_hist, bool b_hist)
{
    const char *op = sg_binary_text(e->u.binary.op);
    const char *a = a_hist ? "histogram" : "float", *b = b_hist ? "histogram" : "float";
    sg__info(p, e, "incompatible sample types encountered for binary operator \"%s\": %s %s %s", op,
             a, op, b);
    return false;
}

static bool put_hist(struct sg_promql_plan *p, struct sg__point *ret, struct sg_histogram *h)
{
    ret->h = sg__keep_take(p, h);
    ret->v = h->count;
    return true;
}

static bool two_histograms(struct sg_promql_plan *p, const struct sg_expr *e,
                           const struct sg_histogram *a, const struct sg_histogram *b,
                           struct sg__point *ret)
{
    enum sg_binary_op op = e->u.binary.op;
    struct sg_histogram *sum;
    switch (op) {
    case SG_OP_ADD:
    case SG_OP_SUB:
        if (sg_histogram_combine(a, b, op == SG_OP_ADD ? 1 : -1, &sum) == 0)
            return put_hist(p, ret, sum);
        sg__warn(p, e, "incompatible bucket layout encountered for binary operator %s",
                 sg_binary_text(op));
        return false;
    case SG_OP_EQ:
    case SG_OP_NE:
        *ret = (struct sg__point){a->count, a};
        return sg_histogram_eq(a, b) == (op == SG_OP_EQ);
    default:
        return bad_types(p, e, true, true);
    }
}

bool sg__operate(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__point a,
                 struct sg__point b, struct sg__point *ret)
{
    enum sg_binary_op op = e->u.binary.op;
    bool trim = sg_binary_class(op) == SG_BINARY_TRIM;
    *ret = (struct sg__point){0, NULL};
    if (SG_LIKELY(!a.h && !b.h && !trim)) {
        if (sg_binary_class(op) == SG_BINARY_ARITHMETIC) {
            ret->v = sg__arith(op, a.v, b.v);
            return true;
        }
        ret->v = a.v;
        return sg__compare(op, a.v, b.v);
    }
    if (a.h && b.h)
        return two_histograms(p, e, a.h, b.h, ret);
    if (op == SG_OP_MUL)
        return put_hist(p, ret, sg_histogram_scale(a.h ? a.h : b.h, a.h ? b.v : a.v));
    if (op == SG_OP_DIV && a.h)
        return put_hist(p, ret, sg__histogram_divide(a.h, b.v));
    if (trim && a.h)
        return put_hist(p, ret, sg__histogram_trim(a.h, b.v, op == SG_OP_TRIM_UPPER));
    return bad_types(p, e, a.h != NULL, b.h != NULL);
}

/* h / divisor. Divided by zero, only count, sum and zero bucket are left: buckets would be
 * infinitely many infinities. */
struct sg_histogram *sg__histogram_divide(const struct sg_histogram *h, double divisor)
{
    struct sg_histogram *r = divisor == 0 ? sg_histogram_like(h, 0, 0) : sg_histogram_scale(h, 1);
    for (uint32_t i = 0; i < r->n_positive + r->n_negative; i++)
        r->buckets[i].count = h->buckets[i].count / divisor;
    r->zero_count = h->zero_count / divisor;
    r->count = h->count / divisor;
    r->sum = h->sum / divisor;
    return r;
}

/* ---- vector and scalar ---- */

struct state {
    struct sg__map map;
    bool scalar_left, scalars;
    enum sg__names names;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg__map_deinit(&st->map);
}

/* Floats without a filter: a plain loop per operator, so that it vectorises. */
static bool arith_row(const struct sg__node *n, const double *v, const double *scalar, size_t k,
                      double *dst)
{
    const struct state *st = n->state;
    bool left = st->scalar_left;
#define LOOP(op)                                                                                   \
    for (size_t i = 0; i < k; i++)                                                                 \
        dst[i] = left ? scalar[i] op v[i] : v[i] op scalar[i];                                     \
    return true
    switch (n->expr->u.binary.op) {
    case SG_OP_ADD:
        LOOP(+);
    case SG_OP_SUB:
        LOOP(-);
    case SG_OP_MUL:
        LOOP(*);
    case SG_OP_DIV:
        LOOP(/);
    default:
        return false;
    }
#undef LOOP
}

static bool all_present(const uint64_t *present, size_t k)
{
    for (size_t w = 0; w < sg__words(k); w++)
        if ((present[w] & sg__full_word(k, w)) != sg__full_word(k, w))
            return false;
    return true;
}

static int compute_row(struct sg_promql_plan *p, struct sg__node *n, size_t row, size_t k,
                       struct sg__target *t)
{
    struct state *st = n->state;
    const struct sg_binary *b = &n->expr->u.binary;
    const struct sg__cols *in = &n->child[st->scalar_left ? 1 : 0]->out;
    const double *scalar = n->child[st->scalar_left ? 0 : 1]->out.v, *v = sg__row_v(in, row);
    const struct sg_histogram *const *h = sg__row_h(in, row);
    const uint64_t *present = sg__row_present(in, row);
    bool compare = sg_binary_class(b->op) == SG_BINARY_COMPARE;
    if (!h && !compare && all_present(present, k) && arith_row(n, v, scalar, k, t->v)) {
        for (size_t w = 0; w < sg__words(k); w++)
            t->present[w] = sg__full_word(k, w);
        return 0;
    }
    for (SG__EACH(present, k, step)) {
        struct sg__point vec = {v[step], h ? h[step] : NULL}, sca = {scalar[step], NULL}, out;
        bool keep =
            sg__operate(p, n->expr, st->scalar_left ? sca : vec, st->scalar_left ? vec : sca, &out);
        if (compare && vec.h && !b->return_bool)
            keep = false; /* a histogram does not compare with a number */
        else if (compare && vec.h)
            continue;
        if (b->return_bool)
            out = (struct sg__point){keep ? 1 : 0, NULL};
        else if (!keep)
            continue;
        else if (compare)
            out = vec;
        int rc = sg__map_put(p, n, t, step, &out);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int compute_scalars(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    n->rows = n->child[0]->rows;
    int rc = sg__cols_reset(p, n, 1, s->k);
    const double *a = n->child[0]->out.v, *b = n->child[1]->out.v;
    for (size_t step = 0; rc == 0 && step < s->k; step++) {
        n->own.v[step] = sg__arith(n->expr->u.binary.op, a[step], b[step]);
        sg__put(n->own.present, step);
    }
    return rc;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    int rc = sg__compute(p, n->child[0], s);
    if (rc == 0)
        rc = sg__compute(p, n->child[1], s);
    if (rc == 0 && st->scalars)
        return compute_scalars(p, n, s);
    struct sg__node *vec = n->child[st->scalar_left ? 1 : 0];
    if (rc == 0)
        rc = sg__map_update(p, n, &st->map, vec->rows, st->names);
    if (rc == 0)
        rc = sg__map_start(p, n, &st->map, s, s->k);
    for (size_t i = 0; rc == 0 && i < vec->out.n; i++) {
        struct sg__target t;
        sg__map_target(n, &st->map, i, &t);
        rc = compute_row(p, n, i, s->k, &t);
        if (rc == 0)
            rc = sg__map_commit(p, n, &t);
    }
    return rc;
}

static const struct sg__op op_binary = {"operator with scalar", compute, deinit};

struct sg__node *sg__binary_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    const struct sg_binary *b = &e->u.binary;
    struct sg__node *n = sg__node_new(p, e, &op_binary, sizeof(struct state));
    if (!n)
        return NULL;
    struct state *st = n->state;
    st->scalar_left = b->lhs->type == SG_TYPE_SCALAR;
    st->scalars = st->scalar_left && b->rhs->type == SG_TYPE_SCALAR;
    st->names = b->return_bool || sg_binary_class(b->op) == SG_BINARY_ARITHMETIC ? SG__NAMES_DROP
                                                                                 : SG__NAMES_KEEP;
    return n;
}
