/* range.c - functions over range selectors and subqueries: every series is decoded once, windows
 * are two moving indices. */
#include "plan.h"
#include "stats.h"
#include <streamgauge/time.h>

/* ---- where windows come from ---- */

struct sg__source *sg__source_new(struct sg_promql_plan *p, const struct sg_expr *e,
                                  bool *ret_invariant)
{
    struct sg__source *src = sg__plan_alloc(p, 1, sizeof(*src));
    if (!src)
        return NULL;
    src->expr = e;
    sg_samples_init(&src->series.floats);
    if (e->kind == SG_EXPR_RANGE_SELECTOR) {
        sg__selector_init(&src->sel, &e->u.selector);
        src->rows = &src->sel.rows;
        *ret_invariant = e->u.selector.asof.at != SG_AT_NONE;
        return src;
    }
    sg__selector_init(&src->sel, NULL);
    *ret_invariant = e->u.subquery.asof.at != SG_AT_NONE;
    p->alone++; /* its steps are not the instants of others */
    int rc = sg__build_wrapped(p, e->u.subquery.expr, &src->inner);
    p->alone--;
    return rc < 0 ? NULL : src;
}

void sg__source_deinit(struct sg__source *src)
{
    sg__selector_deinit(&src->sel);
    sg_samples_deinit(&src->series.floats);
    sg_free(src->series.ht);
    sg_free(src->series.h);
}

static int open_subquery(struct sg_promql_plan *p, struct sg__source *src, const struct sg__span *s)
{
    const struct sg_subquery *sub = &src->expr->u.subquery;
    int64_t step = p->opt.resolution_ms;
    if (sub->step.ms || sub->step.expr) {
        int rc = sg_duration_resolve(&sub->step, p->grid.step_ms, p->grid.end_ms - p->grid.start_ms,
                                     false, &step, p->err);
        if (rc < 0)
            return rc;
    }
    int64_t after = sg__source_end(src, s->start_ms) - src->range_ms;
    int64_t until = sg__source_end(src, sg__time(s, s->total - 1));
    int64_t start = sg_time_align(after, step) + step;
    src->empty = start > until;
    src->rows = src->inner->rows;
    if (src->empty)
        return 0;
    uint64_t steps = (uint64_t)(until - start) / (uint64_t)step + 1;
    if (steps > p->opt.max_steps * 100)
        return sg__fail(p, src->expr, SG_ELIMIT,
                        "subquery has more than %llu steps (100 * max_steps)",
                        (unsigned long long)p->opt.max_steps * 100);
    src->inner_span = (struct sg__span){start, step, steps, 0, steps};
    int rc = sg__compute(p, src->inner, &src->inner_span);
    src->rows = src->inner->rows;
    return rc;
}

int sg__source_open(struct sg_promql_plan *p, struct sg__source *src, const struct sg__span *s)
{
    bool sub = src->expr->kind == SG_EXPR_SUBQUERY;
    const struct sg_asof *asof = sub ? &src->expr->u.subquery.asof : &src->sel.sel->asof;
    const struct sg_duration *range = sub ? &src->expr->u.subquery.range : &src->sel.sel->range;
    int rc = sg__asof_resolve(p, asof, &src->fixed, &src->at_ms, &src->offset_ms);
    if (rc == 0)
        rc = sg_duration_resolve(range, p->grid.step_ms, p->grid.end_ms - p->grid.start_ms, false,
                                 &src->range_ms, p->err);
    if (rc < 0)
        return rc;
    return sub ? open_subquery(p, src, s) : sg__selector_update(p, &src->sel, src->expr);
}

static void want_hist(struct sg__series *r, size_t n)
{
    if (n <= r->cap_h)
        return;
    r->cap_h = n + n / 2;
    r->ht = sg_realloc(r->ht, r->cap_h * sizeof(*r->ht));
    r->h = sg_realloc(r->h, r->cap_h * sizeof(*r->h));
}

static void finish(struct sg__series *r, size_t n, size_t hn, bool sketches)
{
    struct sg_samples *f = &r->floats;
    r->all = (struct sg__window){f->time_ms, f->v,  sketches ? f->obj : NULL,
                                 n,          r->ht, (const struct sg_histogram *const *)r->h,
                                 hn};
}

/* Splits what was read into floats and histograms, in place; staleness markers go. */
static void split(struct sg__series *r)
{
    struct sg_samples *f = &r->floats;
    size_t n = 0, hn = 0;
    bool histograms = f->obj && f->kind == SG_KIND_HISTOGRAM;
    if (!histograms && !sg__any_nan(f->v, f->n)) { /* so no marker either */
        finish(r, f->n, 0, f->obj && f->kind == SG_KIND_DISTINCT);
        return;
    }
    if (histograms)
        want_hist(r, f->n);
    for (size_t i = 0; i < f->n; i++) {
        if (SG_UNLIKELY(sg_is_stale(f->v[i])))
            continue;
        if (histograms && f->obj[i]) {
            r->ht[hn] = f->time_ms[i];
            r->h[hn++] = f->obj[i];
            continue;
        }
        if (n != i) {
            f->time_ms[n] = f->time_ms[i];
            f->v[n] = f->v[i];
            if (f->obj)
                f->obj[n] = f->obj[i];
        }
        n++;
    }
    finish(r, n, hn, f->obj && f->kind == SG_KIND_DISTINCT);
}

/* Counter-reset hints of a subquery's points mean nothing: points may be left out or repeated. */
static const struct sg_histogram *without_hint(struct sg_promql_plan *p,
                                               const struct sg_histogram *h)
{
    if (h->reset_hint == SG_RESET_UNKNOWN || h->reset_hint == SG_RESET_GAUGE)
        return h;
    struct sg_histogram *copy = sg_histogram_scale(h, 1);
    copy->reset_hint = SG_RESET_UNKNOWN;
    return sg__keep_take(p, copy);
}

static void load_subquery(struct sg_promql_plan *p, struct sg__source *src, size_t i)
{
    struct sg__series *r = &src->series;
    const struct sg__cols *c = &src->inner->out;
    const double *v = sg__row_v(c, i);
    const struct sg_histogram *const *h = sg__row_h(c, i);
    size_t n = 0, hn = 0;
    sg_samples_reserve(&r->floats, c->k);
    if (h)
        want_hist(r, c->k);
    for (SG__EACH(sg__row_present(c, i), c->k, s)) {
        int64_t t = sg__time(&src->inner_span, s);
        if (h && h[s]) {
            r->ht[hn] = t;
            r->h[hn++] = without_hint(p, h[s]);
        } else {
            r->floats.time_ms[n] = t;
            r->floats.v[n++] = v[s];
        }
    }
    finish(r, n, hn, false);
}

int sg__source_load(struct sg_promql_plan *p, struct sg__source *src, size_t i,
                    const struct sg__span *s)
{
    if (src->inner) {
        if (src->empty)
            finish(&src->series, 0, 0, false);
        else
            load_subquery(p, src, i);
        return sg__charge_samples(p, src->expr, src->series.all.n + src->series.all.hn);
    }
    int64_t after = sg__source_end(src, s->start_ms) - src->range_ms;
    int64_t until = sg__source_end(src, sg__time(s, s->k - 1));
    p->q->ops->read(p->q, src->sel.found.series[i].handle, after, until, &src->series.floats);
    split(&src->series);
    return sg__charge_samples(p, src->expr, src->series.all.n + src->series.all.hn);
}

/* ---- the node of a range function ---- */

struct state {
    struct sg__source *src;
    sg__range_fn fn;
    struct sg__map map;
    bool keeps_name, counter, absent;
    const struct sg_labels *absent_labels;
    /* rate and increase: rows whose name is no counter's, for the info */
    uint64_t judged;
    uint32_t *suspect; /* row indices */
    size_t n_suspect, cap_suspect;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    if (st->src)
        sg__source_deinit(st->src);
    sg__map_deinit(&st->map);
    sg_labels_unref(st->absent_labels);
    sg_free(st->suspect);
}

/* First sample at or after `from` whose time is past t. */
static inline size_t past(const int64_t *time_ms, size_t n, size_t from, int64_t t)
{
    while (from < n && time_ms[from] <= t)
        from++;
    return from;
}

struct cursor {
    size_t lo, hi, hlo, hhi;
};

static bool move(struct cursor *c, const struct sg__window *all, int64_t after, int64_t until,
                 struct sg__window *ret)
{
    c->hi = past(all->t, all->n, c->hi, until);
    c->lo = past(all->t, c->hi, c->lo, after);
    *ret = (struct sg__window){.n = c->hi - c->lo};
    if (SG_LIKELY(all->n)) { /* there is an array to point into */
        ret->t = all->t + c->lo;
        ret->v = all->v + c->lo;
        ret->obj = all->obj ? all->obj + c->lo : NULL;
    }
    if (SG_UNLIKELY(all->hn)) {
        c->hhi = past(all->ht, all->hn, c->hhi, until);
        c->hlo = past(all->ht, c->hhi, c->hlo, after);
        ret->ht = all->ht + c->hlo;
        ret->h = all->h + c->hlo;
        ret->hn = c->hhi - c->hlo;
    }
    return ret->n + ret->hn > 0;
}

static int compute_row(struct sg_promql_plan *p, struct sg__node *n, size_t row,
                       const struct sg__span *s)
{
    struct state *st = n->state;
    struct sg__source *src = st->src;
    int rc = sg__source_load(p, src, row, s);
    if (rc < 0 || src->series.all.n + src->series.all.hn == 0)
        return rc;
    struct sg__target t;
    sg__map_target(n, &st->map, row, &t);
    struct sg__call c = {.p = p,
                         .expr = n->expr,
                         .range_at = src->expr,
                         .labels = src->rows->labels[row],
                         .range_s = (double)src->range_ms / 1000};
    struct cursor cur = {0};
    bool exact = s->k == 1 && !src->inner; /* what was read is the window */
    for (size_t step = 0; step < s->k; step++) {
        struct sg__window w;
        struct sg__point pt = {0};
        c.ts_ms = sg__time(s, step);
        c.until_ms = sg__source_end(src, c.ts_ms);
        c.from_ms = c.until_ms - src->range_ms;
        if (exact)
            w = src->series.all;
        else if (!move(&cur, &src->series.all, c.from_ms, c.until_ms, &w))
            continue;
        rc = sg__check_stop(p, w.n + w.hn);
        for (uint32_t i = 0; i < n->n_child; i++)
            c.arg[i] = n->child[i]->out.v[step];
        if (rc == 0 && st->fn(&c, &w, &pt))
            rc = sg__map_put(p, n, &t, step, &pt);
        if (c.rc < 0 || rc < 0)
            return c.rc < 0 ? c.rc : rc;
    }
    return sg__map_commit(p, n, &t);
}

/* ---- "metric might not be a counter" ---- */

static bool ends_with(struct sg_str s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.n >= n && !memcmp(s.p + s.n - n, suffix, n);
}

static bool looks_like_counter(const struct sg_promql_plan *p, const struct sg_labels *l)
{
    struct sg_str name = sg__metric_name(l);
    if (!name.n)
        return true;
    if (p->opt.type_labels) {
        struct sg_str type = sg_labels_get(l, SG_STR("__type__"));
        return type.p && sg_str_eq_c(type, "counter");
    }
    return ends_with(name, "_total") || ends_with(name, "_sum") || ends_with(name, "_count") ||
           ends_with(name, "_bucket");
}

static void judge(struct sg_promql_plan *p, struct state *st)
{
    const struct sg__rows *rows = st->src->rows;
    if (st->judged == rows->version)
        return;
    st->judged = rows->version;
    st->n_suspect = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (looks_like_counter(p, rows->labels[i]))
            continue;
        st->suspect =
            sg_grow(st->suspect, &st->cap_suspect, st->n_suspect + 1, sizeof(*st->suspect));
        st->suspect[st->n_suspect++] = (uint32_t)i;
    }
}

static void note_suspects(struct sg_promql_plan *p, struct sg__node *n)
{
    struct state *st = n->state;
    struct sg_str last = SG_STR("");
    judge(p, st);
    for (size_t i = 0; i < st->n_suspect; i++) {
        size_t row = st->suspect[i];
        const struct sg_labels *l = st->src->rows->labels[row];
        struct sg_str name = sg__metric_name(l), type = sg_labels_get(l, SG_STR("__type__"));
        size_t to = st->map.identity ? row : st->map.to[row];
        size_t at = sg__next_step(sg__row_present(&n->own, to), n->own.k, 0);
        if (sg_str_eq(last, name) || at == n->own.k || (n->own.h && sg__row_h(&n->own, to)[at]))
            continue;
        last = name;
        if (p->opt.type_labels)
            sg__info(p, st->src->expr,
                     "metric might not be a counter, __type__ label is not set to \"counter\", "
                     "got \"%.*s\": \"%.*s\"",
                     type.p ? (int)type.n : 0, type.p ? type.p : "", SG_STR_ARG(name));
        else
            sg__info(p, st->src->expr,
                     "metric might not be a counter, name does not end in "
                     "_total/_sum/_count/_bucket: \"%.*s\"",
                     SG_STR_ARG(name));
    }
}

/* ---- absent_over_time ---- */

static int compute_absent(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    struct sg__source *src = st->src;
    if (!n->own_rows.version) {
        sg__rows_add_take(&n->own_rows, sg_labels_ref(st->absent_labels), p->opt.delayed_names);
        sg__rows_done(p, n);
    }
    int rc = sg__cols_reset(p, n, 1, s->k);
    for (size_t i = 0; rc == 0 && i < src->rows->n; i++) {
        struct cursor cur = {0};
        struct sg__window w;
        rc = sg__check_stop(p, s->k);
        if (rc == 0)
            rc = sg__source_load(p, src, i, s);
        for (size_t step = 0; rc == 0 && step < s->k; step++) {
            int64_t until = sg__source_end(src, sg__time(s, step));
            if (move(&cur, &src->series.all, until - src->range_ms, until, &w))
                sg__put(n->own.present, step);
        }
    }
    for (size_t w = 0; rc == 0 && w < n->own.words; w++)
        n->own.present[w] = ~n->own.present[w] & sg__full_word(s->k, w);
    for (size_t step = 0; rc == 0 && step < s->k; step++)
        n->own.v[step] = 1;
    return rc;
}

/* ---- ---- */

static int compute_whole(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    int rc = sg__source_open(p, st->src, s);
    for (uint32_t i = 0; rc == 0 && i < n->n_child; i++)
        rc = sg__compute(p, n->child[i], s);
    if (rc < 0)
        return rc;
    if (st->absent)
        return compute_absent(p, n, s);
    rc = sg__map_update(p, n, &st->map, st->src->rows,
                        st->keeps_name ? SG__NAMES_KEEP : SG__NAMES_DROP);
    if (rc == 0)
        rc = sg__map_start(p, n, &st->map, s, s->k);
    for (size_t i = 0; rc == 0 && i < st->src->rows->n; i++) {
        rc = sg__check_stop(p, s->k);
        if (rc == 0)
            rc = compute_row(p, n, i, s);
    }
    if (rc == 0 && st->counter && p->result)
        note_suspects(p, n);
    return rc;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    if (s->first == 0) {
        struct sg__span whole = {s->start_ms, s->step_ms, s->total, 0, s->total};
        int rc = compute_whole(p, n, &whole);
        if (rc < 0)
            return rc;
    }
    sg__cols_window(n, s);
    return 0;
}

static const struct sg__op op_range = {"range function", compute, deinit};

struct sg__node *sg__range_node(struct sg_promql_plan *p, const struct sg_expr *e,
                                bool *ret_invariant)
{
    const struct sg_call *call = &e->u.call;
    struct sg__node *n = sg__node_new(p, e, &op_range, sizeof(struct state));
    if (!n)
        return NULL;
    struct state *st = n->state;
    const struct sg_expr *arg = NULL;
    for (uint32_t i = 0; i < call->arg_count; i++)
        if (call->args[i]->type == SG_TYPE_RANGE)
            arg = call->args[i];
    SG_ASSERT(arg); /* the checker saw to it */
    enum sg_function_id id = call->fn->id;
    st->fn = sg__range_function(id);
    st->keeps_name = id == SG_FN_LAST_OVER_TIME || id == SG_FN_FIRST_OVER_TIME;
    st->counter = id == SG_FN_RATE || id == SG_FN_INCREASE;
    st->map.strict = true;
    if (id == SG_FN_ABSENT_OVER_TIME) {
        st->absent = true;
        st->absent_labels = sg__absent_labels(arg);
    }
    st->src = sg__source_new(p, arg, ret_invariant);
    return st->src ? n : NULL;
}
