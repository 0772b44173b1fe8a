/* histogram_fn.c - histogram_quantile, histogram_quantiles, histogram_fraction over classic and
 * native histograms.
 *
 * When rows are new, float rows with a readable `le` are grouped by their other labels and sorted
 * by bound; every other row may hold native histograms and stands alone. Per step a group is a walk
 * over its present rows in order.
 */
#include "histogram_math.h"
#include "plan.h"
#include "stats.h"
#include <stdlib.h>
#include <streamgauge/num.h>

#define LE SG_STR("le")
#define MAX_QUANTILES 16

struct member {
    double bound;
    uint32_t row, group;
};

struct place {
    size_t step;
    uint32_t value; /* which of the quantiles */
};

struct state {
    uint64_t version;
    struct member *members; /* sorted by group, bound */
    size_t n_members, cap_members;
    uint32_t *singles; /* rows without le */
    size_t n_singles, cap_singles;
    uint32_t *rival; /* per single: the group with the same labels, or SG__NO_ROW */
    size_t cap_rival;
    struct sg__rows groups; /* labels without le, name included */
    uint32_t *to;           /* output rows: (groups, then singles) * n_labels */
    size_t cap_to;
    struct sg__le *buckets; /* scratch */
    size_t cap_buckets;
    bool *busy; /* groups with a bucket at this step */
    size_t cap_busy;
    uint32_t n_values; /* quantiles asked for at once */
    uint32_t n_labels; /* different ones of all steps; 1 where there are none */
    char labels[MAX_QUANTILES][SG_DOUBLE_MAX + 3];
    uint8_t *label_of; /* per step and quantile */
    size_t cap_label_of;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg__rows_deinit(&st->groups);
    sg_free(st->members);
    sg_free(st->singles);
    sg_free(st->rival);
    sg_free(st->to);
    sg_free(st->buckets);
    sg_free(st->busy);
    sg_free(st->label_of);
}

static enum sg_function_id id_of(const struct sg__node *n)
{
    return n->expr->u.call.fn->id;
}

/* The vector argument's node; the scalars are the other children. */
static struct sg__node *vector_child(const struct sg__node *n)
{
    return id_of(n) == SG_FN_HISTOGRAM_QUANTILES ? n->child[0] : n->child[n->n_child - 1];
}

static struct sg__node *scalar_child(const struct sg__node *n, uint32_t i)
{
    return n->child[id_of(n) == SG_FN_HISTOGRAM_QUANTILES ? i + 1 : i];
}

static bool bound_of(const struct sg_labels *l, double *ret)
{
    struct sg_str le = sg_labels_get(l, LE);
    return le.p && sg_double_parse_all(le.p, le.n, ret) == 0 && !isnan(*ret);
}

static int by_group(const void *pa, const void *pb)
{
    const struct member *a = pa, *b = pb;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->bound != b->bound)
        return a->bound < b->bound ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static void collect(struct state *st, const struct sg__rows *in)
{
    const struct sg_str le = LE;
    struct sg__intern set;
    sg__intern_init(&set, in->n / 8);
    sg__rows_clear(&st->groups);
    st->n_members = st->n_singles = 0;
    st->members = sg_grow(st->members, &st->cap_members, in->n + 1, sizeof(*st->members));
    st->singles = sg_grow(st->singles, &st->cap_singles, in->n + 1, sizeof(*st->singles));
    st->rival = sg_grow(st->rival, &st->cap_rival, in->n + 1, sizeof(*st->rival));
    for (size_t i = 0; i < in->n; i++) {
        struct member m = {.row = (uint32_t)i};
        if (!bound_of(in->labels[i], &m.bound)) {
            st->singles[st->n_singles++] = (uint32_t)i;
            continue;
        }
        m.group = sg__intern_row_take(&set, &st->groups,
                                      sg_labels_project(in->labels[i], &le, 1, false), false);
        st->members[st->n_members++] = m;
    }
    for (size_t i = 0; i < st->n_singles; i++)
        st->rival[i] = sg__intern_find(&set, &st->groups, in->labels[st->singles[i]]);
    sg__intern_deinit(&set);
    qsort(st->members, st->n_members, sizeof(*st->members), by_group);
}

static const struct sg_labels *output_labels(struct sg_promql_plan *p, const struct sg__node *n,
                                             const struct sg_labels *in, uint32_t label)
{
    const struct state *st = n->state;
    const struct sg_labels *l = p->opt.delayed_names ? sg_labels_ref(in) : sg__labels_drop_name(in);
    if (id_of(n) != SG_FN_HISTOGRAM_QUANTILES)
        return l;
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_load(&b, l);
    sg_labels_unref(l);
    sg_labels_builder_set(&b, n->expr->u.call.args[1]->u.string, sg_str_from(st->labels[label]));
    l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}

/* "0.5", "1.0": as OpenMetrics writes numbers. */
static void quantile_label(double q, char *dst)
{
    size_t n = sg_double_format_g(q, dst);
    dst[n] = '\0';
    if (isfinite(q) && !strpbrk(dst, "e."))
        memcpy(dst + n, ".0", 3);
}

/* The index of a label among `labels`, of which there are *n; it is added when it is new. */
static uint32_t take_label(char labels[][SG_DOUBLE_MAX + 3], uint32_t *n, const char *text)
{
    uint32_t i = 0;
    while (i < *n && strcmp(labels[i], text) != 0)
        i++;
    if (i == *n && i < MAX_QUANTILES)
        memcpy(labels[(*n)++], text, strlen(text) + 1);
    return i;
}

/* Labels of histogram_quantiles hang on its arguments, at each step. 1: there are others now. */
static int find_labels(struct sg_promql_plan *p, struct sg__node *n, size_t k)
{
    struct state *st = n->state;
    char labels[MAX_QUANTILES][SG_DOUBLE_MAX + 3] = {""}, text[SG_DOUBLE_MAX + 3];
    uint32_t n_labels = 0, label = 0;
    st->label_of = sg_grow(st->label_of, &st->cap_label_of, k * st->n_values, 1);
    for (uint32_t i = 0; i < st->n_values; i++) {
        const double *v = scalar_child(n, i)->out.v;
        for (size_t step = 0; step < k; step++) {
            if (step == 0 || sg_double_bits(v[step]) != sg_double_bits(v[step - 1])) {
                quantile_label(v[step], text);
                label = take_label(labels, &n_labels, text);
            }
            if (label == MAX_QUANTILES)
                return sg__fail(p, n->expr, SG_ELIMIT, "more than %d quantiles", MAX_QUANTILES);
            st->label_of[step * st->n_values + i] = (uint8_t)label;
        }
    }
    if (n_labels == st->n_labels && memcmp(labels, st->labels, sizeof(labels)) == 0)
        return 0;
    st->n_labels = n_labels;
    memcpy(st->labels, labels, sizeof(labels));
    return 1;
}

static int update(struct sg_promql_plan *p, struct sg__node *n, size_t k)
{
    struct state *st = n->state;
    const struct sg__rows *in = vector_child(n)->rows;
    int relabel = id_of(n) == SG_FN_HISTOGRAM_QUANTILES ? find_labels(p, n, k) : 0;
    if (relabel < 0 || (st->version == in->version && !relabel))
        return relabel;
    st->version = in->version;
    collect(st, in);
    size_t count = (st->groups.n + st->n_singles) * st->n_labels;
    st->to = sg_grow(st->to, &st->cap_to, count + 1, sizeof(*st->to));
    st->busy = sg_grow(st->busy, &st->cap_busy, st->groups.n + 1, sizeof(*st->busy));
    sg__rows_clear(&n->own_rows);
    struct sg__intern set;
    sg__intern_init(&set, count);
    for (size_t i = 0; i < count; i++) {
        size_t which = i / st->n_labels;
        const struct sg_labels *l = which < st->groups.n
                                        ? st->groups.labels[which]
                                        : in->labels[st->singles[which - st->groups.n]];
        st->to[i] = sg__intern_row_take(&set, &n->own_rows,
                                        output_labels(p, n, l, (uint32_t)(i % st->n_labels)),
                                        p->opt.delayed_names);
    }
    sg__intern_deinit(&set);
    int rc = sg__rows_done(p, n);
    if (rc < 0)
        st->version = 0;
    return rc;
}

/* ---- per step ---- */

/* A value of a group or, behind them, of a single. */
static int put(struct sg_promql_plan *p, struct sg__node *n, size_t which, struct place at,
               double v)
{
    struct state *st = n->state;
    size_t step = at.step, label = st->label_of ? st->label_of[step * st->n_values + at.value] : 0;
    uint32_t row = st->to[which * st->n_labels + label];
    uint64_t *present = sg__row_present(&n->own, row);
    if (sg__has(present, step))
        return sg__fail(p, n->expr, SG_EEXECUTION,
                        "vector cannot contain metrics with the same labelset");
    sg__put(present, step);
    sg__row_v(&n->own, row)[step] = v;
    return 0;
}

/* Present buckets of the group that begins at member *at, which moves to the next group. */
static size_t gather(struct state *st, const struct sg__cols *in, size_t *at, size_t step)
{
    size_t count = 0;
    uint32_t group = st->members[*at].group;
    for (; *at < st->n_members && st->members[*at].group == group; ++*at) {
        uint32_t row = st->members[*at].row;
        if (!sg__has(sg__row_present(in, row), step) || (in->h && sg__row_h(in, row)[step]))
            continue;
        st->buckets = sg_grow(st->buckets, &st->cap_buckets, count + 1, sizeof(*st->buckets));
        st->buckets[count++] = (struct sg__le){st->members[*at].bound, sg__row_v(in, row)[step]};
    }
    return count;
}

static int put_classic(struct sg_promql_plan *p, struct sg__node *n, uint32_t group, size_t count,
                       size_t step)
{
    struct state *st = n->state;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < st->n_values; i++) {
        bool forced = false;
        double v, arg = scalar_child(n, i)->out.v[step];
        if (id_of(n) == SG_FN_HISTOGRAM_FRACTION)
            v = sg__bucket_fraction(arg, n->child[1]->out.v[step], st->buckets, count);
        else
            v = sg__bucket_quantile(arg, st->buckets, &count, &forced);
        if (forced)
            sg__info(p, vector_child(n)->expr,
                     "input to histogram_quantile needed to be fixed for monotonicity (see "
                     "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                     "#histogram_quantile) for metric name \"%.*s\"",
                     SG_STR_ARG(sg__metric_name(st->groups.labels[group])));
        rc = put(p, n, group, (struct place){step, i}, v);
    }
    return rc;
}

static void note_nan(struct sg_promql_plan *p, struct sg__node *n, const struct sg_histogram *h,
                     double v, struct sg_str name)
{
    if (!isnan(h->sum) || sg__histogram_observed(h) >= h->count)
        return;
    if (id_of(n) == SG_FN_HISTOGRAM_FRACTION)
        sg__info(p, n->expr->u.call.args[0],
                 "input to histogram_fraction has NaN observations, which are excluded from all "
                 "fractions for metric name \"%.*s\"",
                 SG_STR_ARG(name));
    else
        sg__info(p, n->expr->u.call.args[0],
                 "input to histogram_quantile has NaN observations, result is %s for metric name "
                 "\"%.*s\"",
                 isnan(v) ? "NaN" : "skewed higher", SG_STR_ARG(name));
}

static int put_native(struct sg_promql_plan *p, struct sg__node *n, size_t single, size_t step)
{
    struct state *st = n->state;
    const struct sg__node *c = vector_child(n);
    uint32_t row = st->singles[single];
    struct sg_str name = sg__metric_name(c->rows->labels[row]);
    struct sg_str le = sg_labels_get(c->rows->labels[row], LE);
    const struct sg_histogram *h = c->out.h ? sg__row_h(&c->out, row)[step] : NULL;
    if (!h) {
        sg__warn(p, c->expr,
                 "bucket label \"le\" is missing or has a malformed value of \"%.*s\" for metric "
                 "name \"%.*s\"",
                 le.p ? (int)le.n : 0, le.p ? le.p : "", SG_STR_ARG(name));
        return 0;
    }
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < st->n_values; i++) {
        double arg = scalar_child(n, i)->out.v[step];
        double v = id_of(n) == SG_FN_HISTOGRAM_FRACTION
                       ? sg__histogram_fraction(arg, n->child[1]->out.v[step], h)
                       : sg_histogram_quantile(h, arg);
        note_nan(p, n, h, v, name);
        rc = put(p, n, st->groups.n + single, (struct place){step, i}, v);
    }
    return rc;
}

/* A native histogram beside classic buckets of the same name and labels: neither is used. */
static bool clash(struct sg_promql_plan *p, struct sg__node *n, size_t single, size_t step)
{
    struct state *st = n->state;
    const struct sg__node *c = vector_child(n);
    uint32_t row = st->singles[single], group = st->rival[single];
    if (group == SG__NO_ROW || !st->busy[group] || !c->out.h || !sg__row_h(&c->out, row)[step])
        return false;
    sg__warn(p, c->expr,
             "vector contains a mix of classic and native histograms for metric name \"%.*s\"",
             SG_STR_ARG(sg__metric_name(c->rows->labels[row])));
    return true;
}

static int compute_step(struct sg_promql_plan *p, struct sg__node *n, size_t step)
{
    struct state *st = n->state;
    const struct sg__cols *in = &vector_child(n)->out;
    int rc = 0;
    for (uint32_t i = 0; id_of(n) != SG_FN_HISTOGRAM_FRACTION && i < st->n_values; i++)
        sg__warn_quantile(p, scalar_child(n, i)->expr, scalar_child(n, i)->out.v[step]);
    if (in->h && st->n_singles && st->groups.n) {
        memset(st->busy, 0, st->groups.n * sizeof(*st->busy));
        for (size_t at = 0; at < st->n_members;) {
            uint32_t group = st->members[at].group;
            st->busy[group] = gather(st, in, &at, step) > 0;
        }
    } else {
        memset(st->busy, 0, st->groups.n * sizeof(*st->busy));
    }
    for (size_t i = 0; rc == 0 && i < st->n_singles; i++) {
        if (!sg__has(sg__row_present(in, st->singles[i]), step))
            continue;
        if (clash(p, n, i, step))
            st->busy[st->rival[i]] = false; /* and its buckets are left out below */
        else
            rc = put_native(p, n, i, step);
    }
    bool mixed = in->h && st->n_singles;
    for (size_t at = 0; rc == 0 && at < st->n_members;) {
        uint32_t group = st->members[at].group;
        size_t count = gather(st, in, &at, step);
        if (count && (!mixed || st->busy[group]))
            rc = put_classic(p, n, group, count, step);
    }
    return rc;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n->n_child; i++)
        rc = sg__compute(p, n->child[i], s);
    if (rc == 0)
        rc = update(p, n, s->k);
    if (rc == 0)
        rc = sg__cols_reset(p, n, n->rows->n, s->k);
    for (size_t step = 0; rc == 0 && step < s->k; step++)
        rc = compute_step(p, n, step);
    return rc;
}

static const struct sg__op op_histogram = {"histogram function", compute, deinit};

struct sg__node *sg__histogram_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    struct sg__node *n = sg__node_new(p, e, &op_histogram, sizeof(struct state));
    if (!n)
        return NULL;
    struct state *st = n->state;
    st->n_values = st->n_labels = 1;
    if (e->u.call.fn->id == SG_FN_HISTOGRAM_QUANTILES) {
        st->n_values = e->u.call.arg_count - 2;
        if (st->n_values > MAX_QUANTILES) {
            sg__fail(p, e, SG_ELIMIT, "more than %d quantiles", MAX_QUANTILES);
            return NULL;
        }
        p->single_block = true;
    }
    return n;
}
