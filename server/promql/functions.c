/* functions.c - functions that look at one value at a time: mathematics, clamping, dates, parts of
 * native histograms.
 *
 * A row of the table names the function for floats or the one for histograms; values of the other
 * kind are left out.
 */
#include "plan.h"
#include "stats.h"
#include <streamgauge/time.h>

/* x and the scalar arguments; ts_s is the evaluation time in seconds. False: no output. */
struct element {
    double x, arg[2], ts_s;
};
typedef bool (*float_fn)(const struct element *e, double *ret);
typedef double (*hist_fn)(const struct sg_histogram *h);

/* ---- mathematics ---- */

#define PLAIN(name, expression)                                                                    \
    static bool name(const struct element *e, double *ret)                                         \
    {                                                                                              \
        double x = e->x;                                                                           \
        *ret = (expression);                                                                       \
        return true;                                                                               \
    }
PLAIN(fn_abs, fabs(x))
PLAIN(fn_ceil, ceil(x))
PLAIN(fn_floor, floor(x))
PLAIN(fn_exp, exp(x))
PLAIN(fn_sqrt, sqrt(x))
PLAIN(fn_ln, log(x))
PLAIN(fn_log2, log2(x))
PLAIN(fn_log10, log10(x))
PLAIN(fn_sin, sin(x))
PLAIN(fn_cos, cos(x))
PLAIN(fn_tan, tan(x))
PLAIN(fn_asin, asin(x))
PLAIN(fn_acos, acos(x))
PLAIN(fn_atan, atan(x))
PLAIN(fn_sinh, sinh(x))
PLAIN(fn_cosh, cosh(x))
PLAIN(fn_tanh, tanh(x))
PLAIN(fn_asinh, asinh(x))
PLAIN(fn_acosh, acosh(x))
PLAIN(fn_atanh, atanh(x))
PLAIN(fn_rad, x *M_PI / 180)
PLAIN(fn_deg, x * 180 / M_PI)
PLAIN(fn_sgn, x<0 ? -1 : x> 0 ? 1 : x)
PLAIN(fn_timestamp, ((void)x, e->ts_s))

static bool fn_round(const struct element *e, double *ret)
{
    double inverse = 1.0 / e->arg[0]; /* fewer rounding errors than dividing by it */
    *ret = floor(e->x * inverse + 0.5) / inverse;
    return true;
}

static bool clamp(double x, double min, double max, double *ret)
{
    *ret = sg__max(min, sg__min(max, x));
    return !(max < min);
}
static bool fn_clamp(const struct element *e, double *ret)
{
    return clamp(e->x, e->arg[0], e->arg[1], ret);
}
static bool fn_clamp_min(const struct element *e, double *ret)
{
    return clamp(e->x, e->arg[0], INFINITY, ret);
}
static bool fn_clamp_max(const struct element *e, double *ret)
{
    return clamp(e->x, -INFINITY, e->arg[0], ret);
}

/* ---- dates, UTC ---- */

static bool civil(const struct element *e, struct sg_civil *ret)
{
    const double limit_s = 1e13; /* beyond it a date means nothing, but must not overflow */
    double x = e->x;
    if (isnan(x))
        return false;
    x = x > limit_s ? limit_s : x < -limit_s ? -limit_s : x;
    *ret = sg_civil_from_ms((int64_t)x * 1000);
    return true;
}

#define DATE(name, field)                                                                          \
    static bool name(const struct element *e, double *ret)                                         \
    {                                                                                              \
        struct sg_civil c;                                                                         \
        *ret = civil(e, &c) ? (double)c.field : NAN;                                               \
        return true;                                                                               \
    }
DATE(fn_year, year)
DATE(fn_month, month)
DATE(fn_day_of_month, day)
DATE(fn_day_of_week, weekday)
DATE(fn_day_of_year, yearday)
DATE(fn_days_in_month, days_in_month)
DATE(fn_hour, hour)
DATE(fn_minute, minute)

/* ---- native histograms ---- */

static double h_count(const struct sg_histogram *h)
{
    return h->count;
}
static double h_sum(const struct sg_histogram *h)
{
    return h->sum;
}
static double h_avg(const struct sg_histogram *h)
{
    return h->sum / h->count;
}
static double h_stddev(const struct sg_histogram *h)
{
    return sqrt(sg__histogram_variance(h));
}

static const struct entry {
    float_fn on_float;
    hist_fn on_hist;
} table[SG_FN_COUNT] = {
    [SG_FN_ABS] = {fn_abs, NULL},
    [SG_FN_CEIL] = {fn_ceil, NULL},
    [SG_FN_FLOOR] = {fn_floor, NULL},
    [SG_FN_EXP] = {fn_exp, NULL},
    [SG_FN_SQRT] = {fn_sqrt, NULL},
    [SG_FN_LN] = {fn_ln, NULL},
    [SG_FN_LOG2] = {fn_log2, NULL},
    [SG_FN_LOG10] = {fn_log10, NULL},
    [SG_FN_SIN] = {fn_sin, NULL},
    [SG_FN_COS] = {fn_cos, NULL},
    [SG_FN_TAN] = {fn_tan, NULL},
    [SG_FN_ASIN] = {fn_asin, NULL},
    [SG_FN_ACOS] = {fn_acos, NULL},
    [SG_FN_ATAN] = {fn_atan, NULL},
    [SG_FN_SINH] = {fn_sinh, NULL},
    [SG_FN_COSH] = {fn_cosh, NULL},
    [SG_FN_TANH] = {fn_tanh, NULL},
    [SG_FN_ASINH] = {fn_asinh, NULL},
    [SG_FN_ACOSH] = {fn_acosh, NULL},
    [SG_FN_ATANH] = {fn_atanh, NULL},
    [SG_FN_RAD] = {fn_rad, NULL},
    [SG_FN_DEG] = {fn_deg, NULL},
    [SG_FN_SGN] = {fn_sgn, NULL},
    [SG_FN_ROUND] = {fn_round, NULL},
    [SG_FN_CLAMP] = {fn_clamp, NULL},
    [SG_FN_CLAMP_MIN] = {fn_clamp_min, NULL},
    [SG_FN_CLAMP_MAX] = {fn_clamp_max, NULL},
    [SG_FN_TIMESTAMP] = {fn_timestamp, NULL}, /* of anything but a selector: selector.c */
    [SG_FN_YEAR] = {fn_year, NULL},
    [SG_FN_MONTH] = {fn_month, NULL},
    [SG_FN_DAY_OF_MONTH] = {fn_day_of_month, NULL},
    [SG_FN_DAY_OF_WEEK] = {fn_day_of_week, NULL},
    [SG_FN_DAY_OF_YEAR] = {fn_day_of_year, NULL},
    [SG_FN_DAYS_IN_MONTH] = {fn_days_in_month, NULL},
    [SG_FN_HOUR] = {fn_hour, NULL},
    [SG_FN_MINUTE] = {fn_minute, NULL},
    [SG_FN_HISTOGRAM_COUNT] = {NULL, h_count},
    [SG_FN_HISTOGRAM_SUM] = {NULL, h_sum},
    [SG_FN_HISTOGRAM_AVG] = {NULL, h_avg},
    [SG_FN_HISTOGRAM_STDDEV] = {NULL, h_stddev},
    [SG_FN_HISTOGRAM_STDVAR] = {NULL, sg__histogram_variance},
};

/* ---- the node ---- */

struct state {
    const struct entry *entry;
    struct sg__map map;
    bool any_kind; /* timestamp(): histograms have a time too */
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg__map_deinit(&st->map);
}

static void compute_row(const struct sg__node *n, size_t row, const struct sg__span *s,
                        struct sg__target *t)
{
    const struct state *st = n->state;
    const struct sg__cols *in = &n->child[0]->out;
    const double *v = sg__row_v(in, row);
    const struct sg_histogram *const *h = sg__row_h(in, row);
    struct element e = {.arg = {1, 0}}; /* round's default */
    for (SG__EACH(sg__row_present(in, row), s->k, step)) {
        const struct sg_histogram *hist = h ? h[step] : NULL;
        if (st->entry->on_hist) {
            if (!hist)
                continue;
            t->v[step] = st->entry->on_hist(hist);
            sg__put(t->present, step);
            continue;
        }
        if (hist && !st->any_kind)
            continue;
        e.x = v[step];
        e.ts_s = (double)sg__time(s, step) / 1000;
        for (uint32_t i = 1; i < n->n_child; i++)
            e.arg[i - 1] = n->child[i]->out.v[step];
        if (st->entry->on_float(&e, &t->v[step]))
            sg__put(t->present, step);
    }
}

/* A date function without argument: of the evaluation time. */
static int compute_now(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    if (!n->own_rows.version) {
        sg__rows_add_take(&n->own_rows, sg_labels_ref(sg_labels_empty()), false);
        sg__rows_done(p, n);
    }
    int rc = sg__cols_reset(p, n, 1, s->k);
    for (size_t step = 0; rc == 0 && step < s->k; step++) {
        struct element e = {.x = floor((double)sg__time(s, step) / 1000)};
        if (st->entry->on_float(&e, &n->own.v[step]))
            sg__put(n->own.present, step);
    }
    return rc;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    int rc = 0;
    if (n->n_child == 0)
        return compute_now(p, n, s);
    for (uint32_t i = 0; rc == 0 && i < n->n_child; i++)
        rc = sg__compute(p, n->child[i], s);
    if (rc == 0)
        rc = sg__map_update(p, n, &st->map, n->child[0]->rows, SG__NAMES_DROP);
    if (rc == 0)
        rc = sg__map_start(p, n, &st->map, s, s->k);
    for (size_t i = 0; rc == 0 && i < n->child[0]->out.n; i++) {
        struct sg__target t;
        sg__map_target(n, &st->map, i, &t);
        compute_row(n, i, s, &t);
        rc = sg__map_commit(p, n, &t);
    }
    return rc;
}

static const struct sg__op op_element = {"element function", compute, deinit};

struct sg__node *sg__element_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    enum sg_function_id id = e->u.call.fn->id;
    if (!table[id].on_float && !table[id].on_hist) {
        sg__fail(p, e, SG_EUNSUPPORTED, "function \"%s\" cannot be evaluated", e->u.call.fn->name);
        return NULL;
    }
    struct sg__node *n = sg__node_new(p, e, &op_element, sizeof(struct state));
    if (n) {
        struct state *st = n->state;
        st->entry = &table[id];
        st->any_kind = id == SG_FN_TIMESTAMP;
    }
    return n;
}

/* ---- unary minus ---- */

static int negate_row(struct sg_promql_plan *p, struct sg__node *n, size_t k, struct sg__target *t)
{
    const struct sg__cols *in = &n->child[0]->out;
    const double *v = sg__row_v(in, t->row);
    const struct sg_histogram *const *h = sg__row_h(in, t->row);
    for (SG__EACH(sg__row_present(in, t->row), k, step)) {
        sg__put(t->present, step);
        t->v[step] = -v[step];
        if (!h || !h[step])
            continue;
        int rc = sg__map_target_h(p, n, t);
        if (rc == 0)
            rc = sg__charge_samples(p, n->expr, 0);
        if (rc < 0)
            return rc;
        t->h[step] = sg__keep_take(p, sg_histogram_scale(h[step], -1));
    }
    return 0;
}

static int compute_negate(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    struct sg__node *c = n->child[0];
    int rc = sg__compute(p, c, s);
    if (rc == 0 && c->expr->type == SG_TYPE_SCALAR)
        rc = sg__map_update(p, n, &st->map, c->rows, SG__NAMES_KEEP);
    else if (rc == 0)
        rc = sg__map_update(p, n, &st->map, c->rows, SG__NAMES_DROP);
    if (rc == 0)
        rc = sg__map_start(p, n, &st->map, s, s->k);
    for (size_t i = 0; rc == 0 && i < c->out.n; i++) {
        struct sg__target t;
        sg__map_target(n, &st->map, i, &t);
        rc = negate_row(p, n, s->k, &t);
        if (rc == 0)
            rc = sg__map_commit(p, n, &t);
    }
    return rc;
}

static const struct sg__op op_negate = {"negate", compute_negate, deinit};

struct sg__node *sg__negate_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    return sg__node_new(p, e, &op_negate, sizeof(struct state));
}
