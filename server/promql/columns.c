/* columns.c - the memory of node outputs: grown when needed, kept between evaluations, counted
 * against max_samples. */
#include "plan.h"

#define CHARGE_TEXT                                                                                \
    "query processing would load too many samples into memory in query execution "                 \
    "(max_samples %llu)"

static int charge(struct sg_promql_plan *p, struct sg__node *n, uint64_t cells)
{
    p->cells = p->cells - n->charged + cells;
    n->charged = cells;
    if (p->cells > p->opt.max_samples)
        return sg__fail(p, n->expr, SG_ELIMIT, CHARGE_TEXT, (unsigned long long)p->opt.max_samples);
    return 0;
}

int sg__charge_samples(struct sg_promql_plan *p, const struct sg_expr *e, size_t n)
{
    p->samples += n;
    if (p->cells + n > p->opt.max_samples)
        return sg__fail(p, e, SG_ELIMIT, CHARGE_TEXT, (unsigned long long)p->opt.max_samples);
    return 0;
}

/* Grows without copying: what is in the columns is about to be overwritten. */
static void *grow_fresh(void *old, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap && old)
        return old;
    size_t want = need + need / 4 + 8;
    sg_free(old);
    void *fresh = sg_try_alloc(want * size);
    *cap = fresh ? want : 0;
    return fresh;
}

int sg__cols_reset(struct sg_promql_plan *p, struct sg__node *n, size_t rows, size_t k)
{
    struct sg__cols *c = &n->own;
    size_t words = sg__words(k), cells;
    if (__builtin_mul_overflow(rows, k, &cells) || cells > p->opt.max_samples)
        cells = SIZE_MAX / 2; /* refused below */
    int rc = charge(p, n, cells);
    if (rc < 0)
        return rc;
    c->n = rows, c->k = k, c->stride = k, c->words = words;
    c->v = grow_fresh(c->v, &n->cap_v, cells, sizeof(*c->v));
    c->present = grow_fresh(c->present, &n->cap_present, rows * words, sizeof(*c->present));
    if (!c->v || !c->present)
        return sg__fail(p, n->expr, SG_ENOMEM, "out of memory for %zu values", cells);
    memset(c->present, 0, rows * words * sizeof(*c->present));
    c->h = NULL;
    n->out = *c;
    n->order = NULL;
    return 0;
}

int sg__cols_want_h(struct sg_promql_plan *p, struct sg__node *n)
{
    if (n->own.h) {
        n->out.h = n->own.h;
        return 0;
    }
    /* The memory of an earlier evaluation hides behind cap_h; own.h is only set while there are
     * histograms. */
    size_t cells = n->own.n * n->own.k;
    if (cells > n->cap_h || !n->spare_h) {
        n->spare_h = grow_fresh(n->spare_h, &n->cap_h, cells, sizeof(*n->spare_h));
        if (!n->spare_h)
            return sg__fail(p, n->expr, SG_ENOMEM, "out of memory for %zu values", cells);
    }
    memset(n->spare_h, 0, cells * sizeof(*n->spare_h));
    n->own.h = n->out.h = n->spare_h;
    return 0;
}

void sg__cols_window(struct sg__node *n, const struct sg__span *s)
{
    n->out = n->own;
    n->out.k = s->k;
    n->out.v = n->own.v + s->first;
    n->out.present = n->own.present + s->first / 64;
    if (n->own.h)
        n->out.h = n->own.h + s->first;
}

void sg__node_deinit(struct sg__node *n)
{
    if (n->op->deinit)
        n->op->deinit(n);
    sg__rows_deinit(&n->own_rows);
    sg_free(n->own.v);
    sg_free(n->own.present);
    sg_free(n->spare_h);
}
