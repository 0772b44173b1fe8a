/* agg_select.c - aggregations that pick series (topk, bottomk, limitk, limit_ratio), and
 * count_values. */
#include "histogram_math.h"
#include "plan.h"
#include "stats.h"
#include <streamgauge/hash.h>
#include <streamgauge/num.h>

/* ---- topk, bottomk, limitk, limit_ratio: rows pass through, presence is thinned out ---- */

struct state {
    struct sg__groups groups;
    struct sg__rows group_rows;
    /* per group a heap of up to k rows, the worst on top; group g owns heap[start[g] …] */
    uint32_t *heap, *start, *fill;
    size_t cap_heap, cap_start, cap_fill;
    uint32_t *order;
    size_t cap_order;
    double *hash; /* per row, in [0, 1): limit_ratio */
    size_t cap_hash;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg__groups_deinit(&st->groups);
    sg__rows_deinit(&st->group_rows);
    sg_free(st->heap);
    sg_free(st->start);
    sg_free(st->fill);
    sg_free(st->order);
    sg_free(st->hash);
}

static enum sg_aggregation_op op_of(const struct sg__node *n)
{
    return n->expr->u.aggregate.op;
}

/* The same on every run and machine, so that shards and restarts agree. */
static double hash_of(const struct sg_labels *l)
{
    size_t n = 2 * (size_t)l->count * sizeof(l->ends[0]) + l->bytes;
    return (double)sg_hash64_stable(l->ends, n) / 18446744073709551616.0;
}

static int update(struct sg_promql_plan *p, struct sg__node *n)
{
    struct state *st = n->state;
    const struct sg__rows *in = n->child[1]->rows;
    n->rows = in;
    if (!sg__groups_update(&st->groups, in, &st->group_rows))
        return 0;
    (void)p;
    size_t groups = st->group_rows.n;
    st->heap = sg_grow(st->heap, &st->cap_heap, in->n + 1, sizeof(*st->heap));
    st->order = sg_grow(st->order, &st->cap_order, in->n + 1, sizeof(*st->order));
    st->start = sg_grow(st->start, &st->cap_start, groups + 1, sizeof(*st->start));
    st->fill = sg_grow(st->fill, &st->cap_fill, groups + 1, sizeof(*st->fill));
    memset(st->start, 0, (groups + 1) * sizeof(*st->start));
    for (size_t i = 0; i < in->n; i++)
        st->start[st->groups.of[i] + 1]++;
    for (size_t g = 1; g <= groups; g++)
        st->start[g] += st->start[g - 1];
    if (op_of(n) != SG_AGG_LIMIT_RATIO)
        return 0;
    st->hash = sg_grow(st->hash, &st->cap_hash, in->n + 1, sizeof(*st->hash));
    for (size_t i = 0; i < in->n; i++)
        st->hash[i] = hash_of(in->labels[i]);
    return 0;
}

/* Whether value a is kept rather than b. NaN is kept last; of equal ones the earlier row stays. */
static bool better(const struct sg__node *n, double a, double b)
{
    if (isnan(a) || isnan(b))
        return !isnan(a) && isnan(b);
    return op_of(n) == SG_AGG_TOPK ? a > b : a < b;
}

struct heap {
    const struct sg__node *n;
    uint32_t *rows;
    size_t count, step;
};

static bool worse_than(const struct heap *h, uint32_t a, uint32_t b)
{
    const struct sg__cols *in = &h->n->child[1]->out;
    double va = sg__row_v(in, a)[h->step], vb = sg__row_v(in, b)[h->step];
    return better(h->n, vb, va) || (!better(h->n, va, vb) && a > b);
}

static void sift_down(struct heap *h, size_t i)
{
    for (;;) {
        size_t worst = i, left = 2 * i + 1;
        for (size_t c = left; c < left + 2 && c < h->count; c++)
            if (worse_than(h, h->rows[c], h->rows[worst]))
                worst = c;
        if (worst == i)
            return;
        uint32_t t = h->rows[i];
        h->rows[i] = h->rows[worst];
        h->rows[worst] = t;
        i = worst;
    }
}

static void heap_push(struct heap *h, uint32_t row)
{
    size_t i = h->count++;
    h->rows[i] = row;
    while (i && worse_than(h, h->rows[i], h->rows[(i - 1) / 2])) {
        uint32_t t = h->rows[i];
        h->rows[i] = h->rows[(i - 1) / 2];
        h->rows[i = (i - 1) / 2] = t;
    }
}

static void offer(struct state *st, const struct sg__node *n, uint32_t row, size_t step, size_t k)
{
    uint32_t g = st->groups.of[row];
    struct heap h = {n, st->heap + st->start[g], st->fill[g], step};
    if (h.count < k) {
        if (op_of(n) == SG_AGG_LIMITK)
            h.rows[h.count++] = row;
        else
            heap_push(&h, row);
    } else if (op_of(n) != SG_AGG_LIMITK && worse_than(&h, h.rows[0], row)) {
        h.rows[0] = row;
        sift_down(&h, 0);
    }
    st->fill[g] = (uint32_t)h.count;
}

/* Best first, group by group. */
static void order_rows(struct state *st, struct sg__node *n)
{
    size_t at = 0;
    for (size_t g = 0; g < st->group_rows.n; g++) {
        struct heap h = {n, st->heap + st->start[g], st->fill[g], 0};
        size_t count = h.count;
        if (op_of(n) != SG_AGG_LIMITK)
            while (h.count > 1) { /* heap sort: the worst moves to the end */
                uint32_t t = h.rows[0];
                h.rows[0] = h.rows[h.count - 1];
                h.rows[--h.count] = t;
                sift_down(&h, 0);
            }
        for (size_t i = 0; i < count; i++)
            st->order[at++] = h.rows[i];
    }
    n->order = st->order;
    n->n_order = at;
}

static int take(struct sg_promql_plan *p, struct sg__node *n, uint32_t row, size_t step)
{
    const struct sg__cols *in = &n->child[1]->out;
    sg__row_v(&n->own, row)[step] = sg__row_v(in, row)[step];
    sg__put(sg__row_present(&n->own, row), step);
    if (!in->h || !sg__row_h(in, row)[step])
        return 0;
    int rc = sg__cols_want_h(p, n);
    if (rc == 0)
        sg__row_h(&n->own, row)[step] = sg__row_h(in, row)[step];
    return rc;
}

static int select_k(struct sg_promql_plan *p, struct sg__node *n, size_t step, double param)
{
    struct state *st = n->state;
    const struct sg__cols *in = &n->child[1]->out;
    size_t k = param > (double)in->n ? in->n : param >= 1 ? (size_t)param : 0;
    char text[SG_DOUBLE_MAX];
    int rc = 0;
    if (isnan(param))
        return sg__fail(p, n->expr, SG_EEXECUTION, "Parameter value is NaN");
    memset(st->fill, 0, st->group_rows.n * sizeof(*st->fill));
    if (param < 1) /* however small */
        return 0;
    for (size_t i = 0; i < in->n; i++) {
        if (!sg__has(sg__row_present(in, i), step))
            continue;
        if (param >= 9223372036854775808.0)
            return sg__fail(p, n->expr, SG_EEXECUTION, "Scalar value %.*s overflows int64",
                            (int)sg_double_format_g(param, text), text);
        if (op_of(n) != SG_AGG_LIMITK && in->h && sg__row_h(in, i)[step])
            sg__info(p, n->expr, "ignored histogram in %s aggregation",
                     sg_aggregation_text(op_of(n)));
        else
            offer(st, n, (uint32_t)i, step, k);
    }
    for (size_t g = 0; g < st->group_rows.n; g++)
        for (uint32_t i = 0; rc == 0 && i < st->fill[g]; i++)
            rc = take(p, n, st->heap[st->start[g] + i], step);
    return rc;
}

static int select_ratio(struct sg_promql_plan *p, struct sg__node *n, size_t step, double r)
{
    struct state *st = n->state;
    const struct sg__cols *in = &n->child[1]->out;
    const struct sg_expr *at = n->child[0]->expr;
    char text[SG_DOUBLE_MAX];
    int rc = 0;
    if (isnan(r))
        return sg__fail(p, n->expr, SG_EEXECUTION, "Ratio value is NaN");
    if (r > 1 || r < -1) {
        int len = (int)sg_double_format_g(r, text);
        sg__warn(p, at, "ratio value should be between -1 and 1, got %.*s, capping to %d", len,
                 text, r > 1 ? 1 : -1);
    }
    for (size_t i = 0; rc == 0 && i < in->n; i++) {
        if (!sg__has(sg__row_present(in, i), step))
            continue;
        if (r >= 0 ? st->hash[i] < r : st->hash[i] >= 1 + r)
            rc = take(p, n, (uint32_t)i, step);
    }
    return rc;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    int rc = sg__compute(p, n->child[0], s);
    if (rc == 0)
        rc = sg__compute(p, n->child[1], s);
    if (rc == 0)
        rc = update(p, n);
    if (rc == 0)
        rc = sg__cols_reset(p, n, n->rows->n, s->k);
    for (size_t step = 0; rc == 0 && step < s->k; step++) {
        double param = n->child[0]->out.v[step];
        rc = op_of(n) == SG_AGG_LIMIT_RATIO ? select_ratio(p, n, step, param)
                                            : select_k(p, n, step, param);
    }
    if (rc == 0 && s->total == 1 && op_of(n) != SG_AGG_LIMIT_RATIO)
        order_rows(st, n);
    return rc;
}

static const struct sg__op op_select = {"selecting aggregation", compute, deinit};

struct sg__node *sg__agg_select_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    struct sg__node *n = sg__node_new(p, e, &op_select, sizeof(struct state));
    if (!n)
        return NULL;
    struct state *st = n->state;
    return sg__groups_init(p, &st->groups, &e->u.aggregate, sg_str_make("", 0)) < 0 ? NULL : n;
}

/* ---- count_values: the rows hang on the values ---- */

struct count_state {
    struct sg__groups groups;
    struct sg__intern set;
    uint64_t in_version;
    size_t told; /* rows that the version stands for; SIZE_MAX: there is none yet */
};

static void count_deinit(struct sg__node *n)
{
    struct count_state *st = n->state;
    sg__intern_deinit(&st->set);
}

static uint32_t count_row(struct sg_promql_plan *p, struct sg__node *n, size_t row, double v,
                          const struct sg_histogram *h, struct sg_labels_builder *b)
{
    struct count_state *st = n->state;
    char text[512];
    SG_AUTO(sg_buf_deinit) struct sg_buf long_text;
    struct sg_str value;
    (void)p;
    sg_buf_init(&long_text, 1 << 20);
    if (h) {
        sg__histogram_text(h, &long_text);
        value = sg_buf_str(&long_text);
    } else {
        value = sg_str_make(text, sg_double_format_f(v, text));
    }
    sg_labels_builder_load(b, n->child[0]->rows->labels[row]);
    sg_labels_builder_set(b, n->expr->u.aggregate.param->u.string, value);
    const struct sg_labels *all = sg_labels_builder_build(b);
    const struct sg_labels *l = sg__group_labels(&st->groups, all);
    sg_labels_unref(all);
    return sg__intern_row_take(&st->set, &n->own_rows, l, false);
}

/* The row of each value, input row by input row. Values can be many more than series. */
static int count_rows(struct sg_promql_plan *p, struct sg__node *n, size_t k, uint32_t *ret)
{
    enum { WORK = 16 }; /* of one value */
    const struct sg__cols *in = &n->child[0]->out;
    struct sg_labels_builder b;
    int rc = 0;
    sg_labels_builder_init(&b);
    for (size_t i = 0; rc == 0 && i < in->n; i++)
        for (size_t s = sg__next_step(sg__row_present(in, i), k, 0); rc == 0 && s < k;
             s = sg__next_step(sg__row_present(in, i), k, s + 1)) {
            *ret++ =
                count_row(p, n, i, sg__row_v(in, i)[s], in->h ? sg__row_h(in, i)[s] : NULL, &b);
            rc = n->own_rows.n > p->opt.max_series ? sg__rows_done(p, n) : sg__check_stop(p, WORK);
        }
    sg_labels_builder_deinit(&b);
    return rc;
}

/* Whether rows of earlier values have to go: there are many, or they could be those that make it
 * too many. */
static bool is_full(const struct sg_promql_plan *p, const struct sg__node *n, size_t values)
{
    size_t rows = n->own_rows.n;
    return rows > 4 * n->child[0]->out.n + 64 || (rows && rows + values > p->opt.max_series);
}

/* Two passes: the rows, then the counts, since columns are made for a known number of rows. */
static int count_compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct count_state *st = n->state;
    struct sg__node *c = n->child[0];
    size_t cells = 0, at = 0;
    int rc = sg__compute(p, c, s);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < c->out.n; i++)
        for (SG__EACH(sg__row_present(&c->out, i), s->k, step))
            cells++;
    if (st->in_version != c->rows->version || !st->set.slot || is_full(p, n, cells)) {
        st->in_version = c->rows->version;
        sg__rows_clear(&n->own_rows);
        sg__intern_deinit(&st->set);
        sg__intern_init(&st->set, c->out.n);
        st->told = SIZE_MAX;
    }
    uint32_t *row = sg_alloc((cells + 1) * sizeof(*row));
    rc = count_rows(p, n, s->k, row);
    if (rc == 0 && n->own_rows.n != st->told) {
        rc = sg__rows_settle(p, n, &st->set, row, cells);
        st->told = rc == 0 ? n->own_rows.n : SIZE_MAX;
    }
    if (rc == 0)
        rc = sg__cols_reset(p, n, n->own_rows.n, s->k);
    for (size_t i = 0; rc == 0 && i < c->out.n; i++)
        for (SG__EACH(sg__row_present(&c->out, i), s->k, step)) {
            double *v = &sg__row_v(&n->own, row[at])[step];
            uint64_t *present = sg__row_present(&n->own, row[at++]);
            *v = sg__has(present, step) ? *v + 1 : 1;
            sg__put(present, step);
        }
    sg_free(row);
    return rc;
}

static const struct sg__op op_count_values = {"count_values", count_compute, count_deinit};

struct sg__node *sg__count_values_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    const struct sg_aggregate *a = &e->u.aggregate;
    struct sg_str label = a->param->u.string;
    if (label.n == 0 || !sg_utf8_valid(label.p, label.n)) {
        SG_AUTO(sg_buf_deinit) struct sg_buf quoted;
        sg_buf_init(&quoted, 1024);
        sg_expr_print(a->param, &quoted);
        sg__fail(p, a->param, SG_EEXECUTION, "invalid label name %s", sg_buf_cstr(&quoted));
        return NULL;
    }
    struct sg__node *n = sg__node_new(p, e, &op_count_values, sizeof(struct count_state));
    if (!n)
        return NULL;
    struct count_state *st = n->state;
    p->single_block = true;
    return sg__groups_init(p, &st->groups, a, label) < 0 ? NULL : n;
}
