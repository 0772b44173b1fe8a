/* agg.c - sum, avg, min, max, count, group, stddev, stdvar, quantile by (…) or without (…).
 *
 * Groups are fixed when the input rows are new. Without histograms the simple ones go row by row
 * over dense accumulators, in the order of the rows, so that the additions are the same at every
 * evaluation. Everything else gathers the members of one group at one step.
 */
#include "plan.h"
#include "stats.h"

struct state {
    struct sg__groups groups;
    double *extra; /* compensation terms beside the output */
    size_t cap_extra;
    struct sg__mean *means;
    size_t cap_means;
    uint32_t *members; /* input rows by group; group g has [start[g], start[g + 1]) */
    uint32_t *start;
    size_t cap_members, cap_start;
    double *values; /* gathered floats */
    const struct sg_histogram **hists;
    size_t cap_values, cap_hists;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg__groups_deinit(&st->groups);
    sg_free(st->extra);
    sg_free(st->means);
    sg_free(st->members);
    sg_free(st->start);
    sg_free(st->values);
    sg_free(st->hists);
}

static enum sg_aggregation_op op_of(const struct sg__node *n)
{
    return n->expr->u.aggregate.op;
}

static struct sg__node *input(const struct sg__node *n)
{
    return n->child[n->n_child - 1];
}

/* ---- row by row ---- */

/* One input row added to its group's row. `extra` is the group's, zeroed at first. */
typedef void (*row_fn)(const double *v, const uint64_t *present, size_t k, double *acc,
                       uint64_t *acc_present, double *extra);

#define ROW_FN(name, first, later)                                                                 \
    static void name(const double *v, const uint64_t *present, size_t k, double *acc,              \
                     uint64_t *acc_present, double *extra)                                         \
    {                                                                                              \
        (void)v, (void)extra;                                                                      \
        for (SG__EACH(present, k, s)) {                                                            \
            if (sg__has(acc_present, s)) {                                                         \
                later;                                                                             \
            } else {                                                                               \
                first;                                                                             \
                sg__put(acc_present, s);                                                           \
            }                                                                                      \
        }                                                                                          \
    }
ROW_FN(row_sum, (acc[s] = v[s], extra[s] = 0), sg__kahan_add(v[s], &acc[s], &extra[s]))
ROW_FN(row_count, acc[s] = 1, acc[s] += 1)
ROW_FN(row_group, acc[s] = 1, (void)0)
ROW_FN(row_min, acc[s] = v[s], if (acc[s] > v[s] || isnan(acc[s])) acc[s] = v[s])
ROW_FN(row_max, acc[s] = v[s], if (acc[s] < v[s] || isnan(acc[s])) acc[s] = v[s])

static row_fn row_function(enum sg_aggregation_op op)
{
    switch (op) {
    case SG_AGG_SUM:
        return row_sum;
    case SG_AGG_COUNT:
        return row_count;
    case SG_AGG_GROUP:
        return row_group;
    case SG_AGG_MIN:
        return row_min;
    case SG_AGG_MAX:
        return row_max;
    default:
        return NULL;
    }
}

/* One instant, the common case of live streams: the same additions without a call per row. */
static void sum_instant(struct sg__node *n)
{
    struct state *st = n->state;
    const struct sg__cols *in = &input(n)->out;
    const uint32_t *of = st->groups.of;
    double *acc = n->own.v, *extra = st->extra;
    uint64_t *there = n->own.present;
    for (size_t i = 0; i < in->n; i++) {
        uint32_t g = of[i];
        if (!(in->present[i] & 1))
            continue;
        if (there[g]) {
            sg__kahan_add(in->v[i], &acc[g], &extra[g]);
        } else {
            acc[g] = in->v[i];
            extra[g] = 0;
            there[g] = 1;
        }
    }
    for (size_t g = 0; g < n->own.n; g++)
        if (there[g])
            acc[g] += extra[g];
}

static void compute_rows(struct sg__node *n, row_fn fn, size_t k)
{
    struct state *st = n->state;
    const struct sg__cols *in = &input(n)->out;
    if (fn == row_sum && k == 1 && in->stride == 1 && in->words == 1) {
        sum_instant(n);
        return;
    }
    for (size_t i = 0; i < in->n; i++) {
        uint32_t g = st->groups.of[i];
        fn(sg__row_v(in, i), sg__row_present(in, i), k, sg__row_v(&n->own, g),
           sg__row_present(&n->own, g), st->extra + g * k);
    }
    if (fn != row_sum)
        return;
    for (size_t g = 0; g < n->own.n; g++)
        for (SG__EACH(sg__row_present(&n->own, g), k, s))
            sg__row_v(&n->own, g)[s] += st->extra[g * k + s];
}

static void compute_avg(struct sg__node *n, size_t k)
{
    struct state *st = n->state;
    const struct sg__cols *in = &input(n)->out;
    st->means = sg_grow(st->means, &st->cap_means, n->own.n * k + 1, sizeof(*st->means));
    memset(st->means, 0, n->own.n * k * sizeof(*st->means));
    for (size_t i = 0; i < in->n; i++) {
        uint32_t g = st->groups.of[i];
        for (SG__EACH(sg__row_present(in, i), k, s)) {
            sg__mean_add(&st->means[g * k + s], sg__row_v(in, i)[s]);
            sg__put(sg__row_present(&n->own, g), s);
        }
    }
    for (size_t g = 0; g < n->own.n; g++)
        for (SG__EACH(sg__row_present(&n->own, g), k, s))
            sg__row_v(&n->own, g)[s] = sg__mean_value(&st->means[g * k + s]);
}

/* ---- group by group ---- */

static void sort_members(struct state *st, size_t rows, size_t groups)
{
    st->members = sg_grow(st->members, &st->cap_members, rows + 1, sizeof(*st->members));
    st->start = sg_grow(st->start, &st->cap_start, groups + 2, sizeof(*st->start));
    st->values = sg_grow(st->values, &st->cap_values, rows + 1, sizeof(*st->values));
    st->hists = sg_grow(st->hists, &st->cap_hists, rows + 1, sizeof(*st->hists));
    memset(st->start, 0, (groups + 2) * sizeof(*st->start));
    for (size_t i = 0; i < rows; i++)
        st->start[st->groups.of[i] + 2]++;
    for (size_t g = 2; g < groups + 2; g++)
        st->start[g] += st->start[g - 1];
    for (size_t i = 0; i < rows; i++)
        st->members[st->start[st->groups.of[i] + 1]++] = (uint32_t)i;
}

static double variance(const double *v, size_t n)
{
    double mean = 0, sum = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        count += 1;
        double delta = v[i] - mean;
        mean += delta / count;
        sum += delta * (v[i] - mean);
    }
    return n && (isnan(v[0]) || isinf(v[0])) ? NAN : sum / count;
}

static struct sg_str name_of(const struct sg__node *n, uint32_t row)
{
    return sg__metric_name(input(n)->rows->labels[row]);
}

/* Sum of histograms, divided; NULL with a warning when they do not fit. Returns owned. */
static struct sg_histogram *add_up(struct sg_promql_plan *p, struct sg__node *n,
                                   const struct sg_histogram *const *h, size_t count, uint32_t row)
{
    struct sg_histogram *sum = sg_histogram_scale(h[0], 1), *next;
    for (size_t i = 1; i < count; i++) {
        if (sg_histogram_combine(sum, h[i], 1, &next) < 0) {
            sg__warn_combine(p, input(n)->expr, name_of(n, row), sum, h[i]);
            next = NULL;
        }
        sg_histogram_unref(sum);
        sum = next;
        if (!sum)
            return NULL;
    }
    if (op_of(n) != SG_AGG_AVG)
        return sum;
    next = sg_histogram_scale(sum, 1 / (double)count);
    sg_histogram_unref(sum);
    return next;
}

struct gathered {
    double *v;
    size_t n;
    const struct sg_histogram **h;
    size_t hn;
    uint32_t row; /* a member, for its name */
};

/* False: the group has no value at this step. */
static bool reduce_floats(struct sg__node *n, const struct gathered *g, double q, double *ret)
{
    struct sg__mean m = {0};
    if (g->n == 0 && op_of(n) != SG_AGG_COUNT && op_of(n) != SG_AGG_GROUP)
        return false;
    *ret = g->v[0];
    switch (op_of(n)) {
    case SG_AGG_SUM:
        *ret = sg__sum(g->v, g->n);
        break;
    case SG_AGG_AVG:
        for (size_t i = 0; i < g->n; i++)
            sg__mean_add(&m, g->v[i]);
        *ret = sg__mean_value(&m);
        break;
    case SG_AGG_COUNT:
        *ret = (double)(g->n + g->hn);
        break;
    case SG_AGG_GROUP:
        *ret = 1;
        break;
    case SG_AGG_STDVAR:
        *ret = variance(g->v, g->n);
        break;
    case SG_AGG_STDDEV:
        *ret = sqrt(variance(g->v, g->n));
        break;
    case SG_AGG_QUANTILE:
        *ret = sg__quantile(q, g->v, g->n);
        break;
    case SG_AGG_MIN:
    case SG_AGG_MAX:
        for (size_t i = 1; i < g->n; i++)
            if (isnan(*ret) || (op_of(n) == SG_AGG_MIN ? *ret > g->v[i] : *ret < g->v[i]))
                *ret = g->v[i];
        break;
    default:
        break;
    }
    return true;
}

static int put_histogram(struct sg_promql_plan *p, struct sg__node *n, size_t group, size_t step,
                         const struct gathered *g)
{
    const struct sg_histogram *sum = sg__keep_take(p, add_up(p, n, g->h, g->hn, g->row));
    if (!sum)
        return 0;
    int rc = sg__cols_want_h(p, n);
    if (rc == 0)
        rc = sg__charge_samples(p, n->expr, 0);
    if (rc < 0)
        return rc;
    sg__row_h(&n->own, group)[step] = sum;
    sg__row_v(&n->own, group)[step] = sum->count;
    sg__put(sg__row_present(&n->own, group), step);
    return 0;
}

static int reduce(struct sg_promql_plan *p, struct sg__node *n, size_t group, size_t step,
                  const struct gathered *g)
{
    enum sg_aggregation_op op = op_of(n);
    bool adds = op == SG_AGG_SUM || op == SG_AGG_AVG;
    if (g->hn && adds && g->n) {
        sg__warn(p, input(n)->expr, "encountered a mix of histograms and floats for aggregation");
        return 0;
    }
    if (g->hn && adds)
        return put_histogram(p, n, group, step, g);
    if (g->hn && op != SG_AGG_COUNT && op != SG_AGG_GROUP)
        sg__info(p, input(n)->expr, "ignored histogram in %s aggregation", sg_aggregation_text(op));
    double q = op == SG_AGG_QUANTILE ? n->child[0]->out.v[step] : 0;
    if (reduce_floats(n, g, q, &sg__row_v(&n->own, group)[step]))
        sg__put(sg__row_present(&n->own, group), step);
    return 0;
}

static int compute_groups(struct sg_promql_plan *p, struct sg__node *n, size_t k)
{
    struct state *st = n->state;
    const struct sg__cols *in = &input(n)->out;
    int rc = 0;
    sort_members(st, in->n, n->own.n);
    for (size_t group = 0; group < n->own.n; group++) {
        for (size_t step = 0; rc == 0 && step < k; step++) {
            struct gathered g = {.v = st->values, .h = st->hists};
            for (uint32_t m = st->start[group]; m < st->start[group + 1]; m++) {
                uint32_t row = st->members[m];
                const struct sg_histogram *const *h = sg__row_h(in, row);
                if (!sg__has(sg__row_present(in, row), step))
                    continue;
                g.row = row;
                if (h && h[step])
                    g.h[g.hn++] = h[step];
                else
                    g.v[g.n++] = sg__row_v(in, row)[step];
            }
            if (g.n + g.hn)
                rc = reduce(p, n, group, step, &g);
        }
    }
    return rc;
}

/* ---- ---- */

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n->n_child; i++)
        rc = sg__compute(p, n->child[i], s);
    bool changed = false;
    if (rc == 0 && !sg__groups_extend(&st->groups, input(n)->rows, &n->own_rows, &changed))
        changed = sg__groups_update(&st->groups, input(n)->rows, &n->own_rows);
    if (rc == 0 && changed && (rc = sg__rows_done(p, n)) < 0)
        st->groups.version = 0;
    if (rc == 0)
        rc = sg__cols_reset(p, n, n->rows->n, s->k);
    if (rc < 0)
        return rc;
    if (op_of(n) == SG_AGG_QUANTILE)
        for (size_t step = 0; step < s->k; step++)
            sg__warn_quantile(p, n->child[0]->expr, n->child[0]->out.v[step]);
    row_fn fn = input(n)->out.h ? NULL : row_function(op_of(n));
    if (fn) {
        st->extra = sg_grow(st->extra, &st->cap_extra, n->own.n * s->k + 1, sizeof(*st->extra));
        compute_rows(n, fn, s->k);
        return 0;
    }
    if (op_of(n) == SG_AGG_AVG && !input(n)->out.h) {
        compute_avg(n, s->k);
        return 0;
    }
    return compute_groups(p, n, s->k);
}

static const struct sg__op op_agg = {"aggregation", compute, deinit};

struct sg__node *sg__agg_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    struct sg__node *n = sg__node_new(p, e, &op_agg, sizeof(struct state));
    if (!n)
        return NULL;
    struct state *st = n->state;
    return sg__groups_init(p, &st->groups, &e->u.aggregate, sg_str_make("", 0)) < 0 ? NULL : n;
}
