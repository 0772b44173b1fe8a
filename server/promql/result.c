/* result.c - from the root's columns to a result that outlives the plan. */
#include "plan.h"
#include <stdlib.h>

static int too_large(struct sg_promql_plan *p)
{
    return sg_error_set(p->err, SG_ENOMEM, "out of memory for the result");
}

int sg__collect_block(struct sg_promql_plan *p, struct sg__collect *c, const struct sg__span *s)
{
    if (c->direct)
        return 0;
    const struct sg__cols *out = &p->root->out;
    size_t words = sg__words(s->total), cells = out->n * s->total;
    if (s->first == 0) {
        c->n = out->n;
        c->total = s->total;
        p->cells += cells;
        int rc = sg__charge_samples(p, p->query->root, 0);
        if (rc < 0)
            return rc;
        c->v = sg_try_alloc(cells * sizeof(*c->v) + 8);
        c->present = sg_calloc(out->n * words + 1, sizeof(*c->present));
        if (!c->v)
            return too_large(p);
    }
    SG_ASSERT(out->n == c->n);
    if (out->h && !c->h)
        c->h = sg_calloc(cells + 1, sizeof(*c->h));
    for (size_t i = 0; i < out->n; i++) {
        memcpy(c->v + i * s->total + s->first, sg__row_v(out, i), s->k * sizeof(*c->v));
        for (size_t w = 0; w < sg__words(s->k); w++) /* rows of windows may hold more bits */
            c->present[i * words + s->first / 64 + w] =
                sg__row_present(out, i)[w] & sg__full_word(s->k, w);
        if (out->h)
            memcpy(c->h + i * s->total + s->first, sg__row_h(out, i), s->k * sizeof(*c->h));
    }
    return 0;
}

void sg__collect_deinit(struct sg__collect *c)
{
    sg_free(c->v);
    sg_free(c->present);
    sg_free(c->h);
}

int sg__result_reserve(struct sg_promql_plan *p, struct sg_promql_result *ret, size_t n)
{
    ret->kind = SG_RESULT_MATRIX;
    ret->series = sg_arena_calloc(&ret->arena, n + 1, sizeof(*ret->series));
    return ret->series ? 0 : too_large(p);
}

/* Room for n points of a new series; labels are referenced. */
struct points {
    int64_t *time_ms;
    double *v;
    const struct sg_histogram **h;
};
static int add_series(struct sg_promql_plan *p, struct sg_promql_result *ret,
                      const struct sg_labels *labels, size_t n, bool histograms, struct points *to)
{
    struct sg_promql_series *one = &ret->series[ret->n];
    to->time_ms = sg_arena_alloc(&ret->arena, n * sizeof(*to->time_ms));
    to->v = sg_arena_alloc(&ret->arena, n * sizeof(*to->v));
    to->h = histograms ? sg_arena_calloc(&ret->arena, n, sizeof(*to->h)) : NULL;
    if (!to->time_ms || !to->v || (histograms && !to->h))
        return too_large(p);
    one->labels = sg_labels_ref(labels);
    one->n = n;
    one->time_ms = to->time_ms;
    one->v = to->v;
    one->h = to->h;
    ret->n++;
    return 0;
}

static int series_cmp(const void *pa, const void *pb)
{
    const struct sg_promql_series *a = pa, *b = pb;
    return sg_labels_cmp(a->labels, b->labels);
}

void sg__result_sort(struct sg_promql_result *ret)
{
    if (ret->n)
        qsort(ret->series, ret->n, sizeof(*ret->series), series_cmp);
}

int sg__result_add_raw(struct sg_promql_plan *p, struct sg_promql_result *ret,
                       const struct sg__source *src, size_t row, int64_t after, int64_t until)
{
    const struct sg__window *w = &src->series.all;
    size_t lo = 0, hi = 0, hlo = 0, hhi = 0;
    while (hi < w->n && w->t[hi] <= until)
        lo += w->t[hi++] <= after;
    while (hhi < w->hn && w->ht[hhi] <= until)
        hlo += w->ht[hhi++] <= after;
    size_t n = hi - lo + hhi - hlo;
    if (!n)
        return 0;
    struct points to;
    int rc = add_series(p, ret, src->rows->labels[row], n, hhi > hlo, &to);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        bool hist = lo == hi || (hlo < hhi && w->ht[hlo] < w->t[lo]);
        to.time_ms[i] = hist ? w->ht[hlo] : w->t[lo];
        if (hist) {
            to.v[i] = w->h[hlo]->count;
            to.h[i] = sg_histogram_ref(w->h[hlo++]);
        } else {
            to.v[i] = w->v[lo++];
        }
    }
    return rc;
}

static size_t count_points(const uint64_t *present, size_t k)
{
    size_t n = 0;
    for (size_t w = 0; w < sg__words(k); w++)
        n += (size_t)__builtin_popcountll(present[w] & sg__full_word(k, w));
    return n;
}

/* Owned. */
static const struct sg_labels *final_labels(const struct sg_promql_plan *p, size_t row)
{
    const struct sg__rows *rows = p->root->rows;
    return rows->drop[row] ? sg__labels_drop_name(rows->labels[row])
                           : sg_labels_ref(rows->labels[row]);
}

static int same_labels(struct sg_promql_plan *p)
{
    return sg__fail(p, p->query->root, SG_EEXECUTION,
                    "vector cannot contain metrics with the same labelset");
}

static int add_row(struct sg_promql_plan *p, struct sg_promql_result *ret, const struct sg__cols *c,
                   size_t i)
{
    const uint64_t *present = sg__row_present(c, i);
    const struct sg_histogram **h = sg__row_h(c, i);
    size_t n = count_points(present, c->k), j = 0;
    if (!n)
        return 0;
    bool histograms = false;
    if (h)
        for (SG__EACH(present, c->k, s))
            histograms |= h[s] != NULL;
    const struct sg_labels *labels = final_labels(p, i);
    struct points to;
    int rc = add_series(p, ret, labels, n, histograms, &to);
    sg_labels_unref(labels);
    if (rc < 0)
        return rc;
    for (SG__EACH(present, c->k, s)) {
        to.time_ms[j] = p->grid.start_ms + (int64_t)s * p->grid.step_ms;
        to.v[j] = sg__row_v(c, i)[s];
        if (histograms && h[s])
            to.h[j] = sg_histogram_ref(h[s]);
        j++;
    }
    return 0;
}

/* Names that go at the end may make two series equal. */
static int check_names(struct sg_promql_plan *p, const struct sg_promql_result *ret)
{
    if (!p->opt.delayed_names)
        return 0;
    struct sg__rows seen = {0};
    struct sg__intern in;
    int rc = 0;
    sg__intern_init(&in, ret->n);
    for (size_t i = 0; rc == 0 && i < ret->n; i++)
        if (sg__intern_row_take(&in, &seen, sg_labels_ref(ret->series[i].labels), false) != i)
            rc = same_labels(p);
    sg__intern_deinit(&in);
    sg__rows_deinit(&seen);
    return rc;
}

/* Rows that are equal in the end, as lists. */
struct folding {
    struct sg__rows rows; /* the different ones */
    uint32_t *head;       /* of each of them */
    uint32_t *next;       /* per row of the root; SG__NO_ROW at the end */
};

static void folding_init(struct folding *f, const struct sg_promql_plan *p, size_t n)
{
    struct sg__intern in;
    *f = (struct folding){.head = sg_alloc((n + 1) * sizeof(*f->head)),
                          .next = sg_alloc((n + 1) * sizeof(*f->next))};
    sg__intern_init(&in, n);
    for (size_t i = 0; i < n; i++) {
        size_t before = f->rows.n;
        uint32_t to = sg__intern_row_take(&in, &f->rows, final_labels(p, i), false);
        f->next[i] = f->rows.n > before ? SG__NO_ROW : f->head[to];
        f->head[to] = (uint32_t)i;
    }
    sg__intern_deinit(&in);
}

static void folding_deinit(struct folding *f)
{
    sg__rows_deinit(&f->rows);
    sg_free(f->head);
    sg_free(f->next);
}

/* One series of a list of rows, of which at most one may have a value at a time. */
static int add_list(struct sg_promql_plan *p, struct sg_promql_result *ret,
                    const struct sg__cols *c, const struct folding *f, size_t which)
{
    size_t n = 0, j = 0;
    for (uint32_t i = f->head[which]; i != SG__NO_ROW; i = f->next[i])
        n += count_points(sg__row_present(c, i), c->k);
    struct points to;
    int rc = n ? add_series(p, ret, f->rows.labels[which], n, c->h != NULL, &to) : 0;
    for (size_t s = 0; rc == 0 && j < n && s < c->k; s++) {
        bool any = false;
        for (uint32_t i = f->head[which]; rc == 0 && i != SG__NO_ROW; i = f->next[i]) {
            if (!sg__has(sg__row_present(c, i), s))
                continue;
            if (any) {
                ret->series[ret->n - 1].n = j;
                return same_labels(p);
            }
            any = true;
            to.time_ms[j] = p->grid.start_ms + (int64_t)s * p->grid.step_ms;
            to.v[j] = sg__row_v(c, i)[s];
            if (c->h && sg__row_h(c, i)[s])
                to.h[j] = sg_histogram_ref(sg__row_h(c, i)[s]);
            j++;
        }
    }
    return rc;
}

/* A range of which names are dropped at its end: rows that never have a value at the same time may
 * become one series. */
static int add_folded(struct sg_promql_plan *p, struct sg_promql_result *ret,
                      const struct sg__cols *c)
{
    struct folding f;
    int rc = 0;
    folding_init(&f, p, c->n);
    for (size_t i = 0; rc == 0 && i < f.rows.n; i++)
        rc = add_list(p, ret, c, &f, i);
    folding_deinit(&f);
    return rc;
}

int sg__collect_finish(struct sg_promql_plan *p, struct sg__collect *c,
                       struct sg_promql_result *ret)
{
    struct sg__node *root = p->root;
    struct sg__cols cols = root->out;
    if (!c->direct)
        cols = (struct sg__cols){c->n, c->total,   c->total, sg__words(c->total),
                                 c->v, c->present, c->h};
    int rc = sg__result_reserve(p, ret, cols.n);
    bool ordered = !ret->range && root->order;
    size_t n = ordered ? root->n_order : cols.n;
    bool fold = p->opt.delayed_names && ret->range;
    if (rc == 0 && fold)
        rc = add_folded(p, ret, &cols);
    for (size_t i = 0; rc == 0 && !fold && i < n; i++)
        rc = add_row(p, ret, &cols, ordered ? root->order[i] : i);
    if (rc == 0 && !fold)
        rc = check_names(p, ret);
    if (rc < 0)
        return rc;
    if (ret->range)
        sg__result_sort(ret);
    else
        ret->kind = root->expr->type == SG_TYPE_SCALAR ? SG_RESULT_SCALAR : SG_RESULT_VECTOR;
    return 0;
}

void sg_promql_result_deinit(struct sg_promql_result *r)
{
    for (size_t i = 0; i < r->n; i++) {
        sg_labels_unref(r->series[i].labels);
        for (size_t j = 0; r->series[i].h && j < r->series[i].n; j++)
            sg_histogram_unref(r->series[i].h[j]);
    }
    sg_arena_deinit(&r->arena);
    r->series = NULL;
    r->n = 0;
    r->notes = NULL;
    r->n_notes = 0;
}
