/* selector.c - instant selectors: what is selected, and the newest sample within the lookback. */
#include "plan.h"
#include <stdlib.h>

void sg__selector_init(struct sg__selector *s, const struct sg_selector *sel)
{
    *s = (struct sg__selector){.sel = sel};
    sg_selection_init(&s->found);
}

void sg__selector_deinit(struct sg__selector *s)
{
    sg_selection_deinit(&s->found);
    sg__rows_deinit(&s->rows);
}

static int by_id(const void *pa, const void *pb)
{
    const struct sg_selected *a = pa, *b = pb;
    return (a->id > b->id) - (a->id < b->id);
}

/* The store's labels are unique per series, so the pointer tells whether an id was given to another
 * series. */
static bool same_series(const struct sg__rows *r, const struct sg_selection *f)
{
    if (!r->version || r->n != f->n)
        return false;
    for (size_t i = 0; i < f->n; i++)
        if (r->labels[i] != f->series[i].labels)
            return false;
    return true;
}

int sg__selector_update(struct sg_promql_plan *p, struct sg__selector *s, const struct sg_expr *e)
{
    uint64_t generation = p->q->ops->generation(p->q);
    if (s->valid && s->generation == generation)
        return 0;
    s->valid = false;
    s->found.n = 0;
    int rc = p->q->ops->select(p->q, (const struct sg_matcher *const *)s->sel->matchers,
                               s->sel->matcher_count, &s->found, p->err);
    if (rc == SG_ETIMEOUT || rc == SG_ECANCELED)
        return sg__stopped(p, rc);
    if (rc < 0)
        return sg__placed(p, e, rc);
    if (s->found.n > p->opt.max_series)
        return sg__fail(p, e, SG_ELIMIT, "selector matches %zu series, more than %llu (max_series)",
                        s->found.n, (unsigned long long)p->opt.max_series);
    if (s->found.n)
        qsort(s->found.series, s->found.n, sizeof(*s->found.series), by_id);
    if (!same_series(&s->rows, &s->found)) {
        sg__rows_clear(&s->rows);
        for (size_t i = 0; i < s->found.n; i++)
            sg__rows_add_take(&s->rows, sg_labels_ref(s->found.series[i].labels), false);
        s->rows.version = ++p->next_version;
    }
    s->generation = generation;
    s->valid = true;
    return 0;
}

int sg__asof_resolve(struct sg_promql_plan *p, const struct sg_asof *a, bool *ret_fixed,
                     int64_t *ret_at_ms, int64_t *ret_offset_ms)
{
    *ret_fixed = a->at != SG_AT_NONE;
    *ret_at_ms = a->at == SG_AT_START ? p->grid.start_ms
                 : a->at == SG_AT_END ? p->grid.end_ms
                                      : a->at_ms;
    return sg_duration_resolve(&a->offset, p->grid.step_ms, p->grid.end_ms - p->grid.start_ms, true,
                               ret_offset_ms, p->err);
}

/* ---- instant selectors ---- */

struct state {
    struct sg__selector sel;
    struct sg__map map; /* timestamp(): names are dropped */
    bool timestamps;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg__selector_deinit(&st->sel);
    sg__map_deinit(&st->map);
}

static inline int64_t reference(const struct sg__selector *sel, int64_t ts_ms)
{
    return (sel->fixed ? sel->at_ms : ts_ms) - sel->offset_ms;
}

static int put(struct sg_promql_plan *p, struct sg__node *n, struct sg__target *t, size_t step,
               const struct sg_sample *one)
{
    struct state *st = n->state;
    if (sg_is_stale(one->v) && !one->obj)
        return 0;
    sg__put(t->present, step);
    t->v[step] = st->timestamps ? (double)one->time_ms / 1000 : one->v;
    if (!one->obj || st->timestamps || p->raw.kind != SG_KIND_HISTOGRAM)
        return 0;
    int rc = sg__map_target_h(p, n, t);
    if (rc == 0)
        t->h[step] = sg__keep(p, one->obj);
    return rc;
}

/* All steps of one row from the samples in p->raw. */
static int walk(struct sg_promql_plan *p, struct sg__node *n, struct sg__target *t,
                const struct sg__span *s)
{
    struct state *st = n->state;
    const struct sg_samples *raw = &p->raw;
    size_t next = 0;
    for (size_t step = 0; step < s->k; step++) {
        int64_t ref = reference(&st->sel, sg__time(s, step));
        while (next < raw->n && raw->time_ms[next] <= ref)
            next++;
        if (next == 0 || raw->time_ms[next - 1] <= ref - p->opt.lookback_ms)
            continue;
        struct sg_sample one = {raw->time_ms[next - 1], raw->v[next - 1],
                                raw->obj ? raw->obj[next - 1] : NULL};
        int rc = put(p, n, t, step, &one);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int compute_row(struct sg_promql_plan *p, struct sg__node *n, size_t row,
                       const struct sg__span *whole)
{
    struct state *st = n->state;
    struct sg__target t;
    sg__map_target(n, &st->map, row, &t);
    int64_t first = reference(&st->sel, whole->start_ms);
    int64_t last = reference(&st->sel, sg__time(whole, whole->k - 1));
    const void *handle = st->sel.found.series[row].handle;
    int rc = 0;
    if (whole->k == 1) {
        struct sg_sample one;
        p->samples++;
        if (p->q->ops->last(p->q, handle, last - p->opt.lookback_ms, last, &one)) {
            if (one.obj) /* only columns tell what objects are */
                p->q->ops->read(p->q, handle, one.time_ms - 1, one.time_ms, &p->raw);
            rc = put(p, n, &t, 0, &one);
        }
    } else {
        p->q->ops->read(p->q, handle, first - p->opt.lookback_ms, last, &p->raw);
        rc = sg__charge_samples(p, n->expr, p->raw.n);
        if (rc == 0)
            rc = walk(p, n, &t, whole);
    }
    return rc < 0 ? rc : sg__map_commit(p, n, &t);
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    if (s->first == 0) {
        struct sg__span whole = {s->start_ms, s->step_ms, s->total, 0, s->total};
        int rc = sg__selector_update(p, &st->sel, n->expr);
        if (rc == 0)
            rc = sg__asof_resolve(p, &st->sel.sel->asof, &st->sel.fixed, &st->sel.at_ms,
                                  &st->sel.offset_ms);
        if (rc == 0)
            rc = sg__map_update(p, n, &st->map, &st->sel.rows,
                                st->timestamps ? SG__NAMES_DROP : SG__NAMES_KEEP);
        if (rc == 0)
            rc = sg__map_start(p, n, &st->map, &whole, whole.k);
        for (size_t i = 0; rc == 0 && i < st->sel.rows.n; i++) {
            rc = sg__check_stop(p, whole.k);
            if (rc == 0)
                rc = compute_row(p, n, i, &whole);
        }
        if (rc < 0)
            return rc;
    }
    sg__cols_window(n, s);
    return 0;
}

static const struct sg__op op_selector = {"selector", compute, deinit};

static struct sg__node *make(struct sg_promql_plan *p, const struct sg_expr *e,
                             const struct sg_selector *sel, bool timestamps)
{
    struct sg__node *n = sg__node_new(p, e, &op_selector, sizeof(struct state));
    if (n) {
        struct state *st = n->state;
        sg__selector_init(&st->sel, sel);
        st->timestamps = timestamps;
    }
    return n;
}

struct sg__node *sg__selector_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    return make(p, e, &e->u.selector, false);
}

struct sg__node *sg__timestamp_node(struct sg_promql_plan *p, const struct sg_expr *call,
                                    const struct sg_expr *selector)
{
    return make(p, call, &selector->u.selector, true);
}
