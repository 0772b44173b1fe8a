/* eval.c - running a plan: steps in blocks, limits, errors with their place. */
#include "plan.h"
#include <stdarg.h>
#include <stdio.h>
#include <streamgauge/buf.h>

int sg__fail(struct sg_promql_plan *p, const struct sg_expr *e, enum sg_errc code, const char *fmt,
             ...)
{
    char text[sizeof(p->err->text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (p->err && p->err->code == SG_OK) {
        sg_error_at(p->err, code, e->pos, e->end, "%s", text);
        sg_error_locate(p->err, p->query->text.p, p->query->text.n);
        p->failed_at = e;
    }
    return code;
}

int sg__placed(struct sg_promql_plan *p, const struct sg_expr *e, int rc)
{
    if (p->err && p->err->code == rc && p->err->line == 0) {
        p->err->pos = e->pos;
        p->err->end = e->end;
        sg_error_locate(p->err, p->query->text.p, p->query->text.n);
    }
    return rc;
}

/* Errors of others have a range of bytes, but no line yet. */
static void locate(struct sg_promql_plan *p)
{
    if (p->err->code != SG_OK && p->err->line == 0 && p->err->end > 0)
        sg_error_locate(p->err, p->query->text.p, p->query->text.n);
}

int sg__stop_now(struct sg_promql_plan *p)
{
    p->work = 0;
    if (!p->opt.stop)
        return 0;
    int rc = p->opt.stop(p->opt.stop_ctx);
    return rc == 0 ? 0 : sg__stopped(p, rc);
}

int sg__stopped(struct sg_promql_plan *p, int rc)
{
    return sg_error_set(p->err, rc, "query %s in expression evaluation",
                        rc == SG_ETIMEOUT ? "timed out" : "was canceled");
}

const struct sg_histogram *sg__keep_take(struct sg_promql_plan *p, const struct sg_histogram *h)
{
    if (!h)
        return NULL;
    p->kept = sg_grow(p->kept, &p->cap_kept, p->n_kept + 1, sizeof(*p->kept));
    p->kept[p->n_kept++] = h;
    p->cells += 1 + sg_histogram_size(h) / 16;
    return h;
}

const struct sg_histogram *sg__keep(struct sg_promql_plan *p, const struct sg_histogram *h)
{
    return sg__keep_take(p, sg_histogram_ref(h));
}

void sg__drop_kept(struct sg_promql_plan *p)
{
    for (size_t i = 0; i < p->n_kept; i++)
        sg_histogram_unref(p->kept[i]);
    p->n_kept = 0;
}

size_t sg__grid_steps(const struct sg_promql_grid *g)
{
    return g->step_ms <= 0 ? 1 : (size_t)((g->end_ms - g->start_ms) / g->step_ms) + 1;
}

int sg__compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    return n->unit ? sg__graph_compute(p, n, s) : sg__compute_own(p, n, s);
}

int sg__compute_own(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    int rc = sg__stop_now(p);
    if (rc < 0)
        return rc;
    rc = n->op->compute(p, n, s);
    if (rc == 0)
        p->samples += n->out.n * n->out.k;
    return rc;
}

static int begin(struct sg_promql_plan *p, struct sg_querier *q, struct sg_promql_grid grid)
{
    sg__drop_kept(p);
    p->q = q;
    p->grid = grid;
    p->cells = p->samples = 0;
    p->work = 0;
    for (size_t i = 0; i < p->n_nodes; i++)
        p->nodes[i]->charged = 0;
    if (grid.end_ms < grid.start_ms || (grid.end_ms > grid.start_ms && grid.step_ms <= 0))
        return sg_error_set(p->err, SG_EINVALID,
                            "end must not be before start and step must be positive");
    if (sg__grid_steps(&grid) > p->opt.max_steps)
        return sg_error_set(p->err, SG_ELIMIT, "query has more than %llu steps (max_steps)",
                            (unsigned long long)p->opt.max_steps);
    return 0;
}

static int run_blocks(struct sg_promql_plan *p, struct sg_promql_result *ret)
{
    struct sg__collect c = {0};
    size_t total = sg__grid_steps(&p->grid), block = p->single_block ? total : SG__BLOCK;
    int rc = 0;
    c.direct = total <= block;
    for (size_t first = 0; rc == 0 && first < total; first += block) {
        struct sg__span s = {p->grid.start_ms, p->grid.step_ms, total, first,
                             total - first < block ? total - first : block};
        rc = sg__compute(p, p->root, &s);
        if (rc == 0)
            rc = sg__collect_block(p, &c, &s);
    }
    if (rc == 0)
        rc = sg__collect_finish(p, &c, ret);
    sg__collect_deinit(&c);
    return rc;
}

static int not_for_ranges(struct sg_promql_plan *p)
{
    return sg__fail(p, p->query->root, SG_EINVALID,
                    "invalid expression type \"%s\" for range query, must be scalar or instant "
                    "vector",
                    sg_expr_type_text(p->query->root->type));
}

/* A range selector or subquery as the whole expression: its raw samples. */
static int run_raw(struct sg_promql_plan *p, struct sg_promql_result *ret)
{
    struct sg__source *src = p->source;
    struct sg__span s = {p->grid.start_ms, 1, 1, 0, 1};
    if (ret->range)
        return not_for_ranges(p);
    int rc = sg__source_open(p, src, &s);
    if (rc == 0)
        rc = sg__result_reserve(p, ret, src->rows->n);
    int64_t until = sg__source_end(src, p->grid.start_ms), after = until - src->range_ms;
    for (size_t i = 0; rc == 0 && i < src->rows->n; i++) {
        rc = sg__source_load(p, src, i, &s);
        if (rc == 0)
            rc = sg__result_add_raw(p, ret, src, i, after, until);
    }
    if (rc == 0)
        sg__result_sort(ret);
    return rc;
}

static int run_string(struct sg_promql_plan *p, struct sg_promql_result *ret)
{
    struct sg_str text = p->query->root->u.string;
    if (ret->range)
        return not_for_ranges(p);
    char *copy = sg_arena_strndup(&ret->arena, text.p, text.n);
    if (!copy)
        return sg_error_set(p->err, SG_ELIMIT, "result is too large");
    ret->kind = SG_RESULT_STRING;
    ret->string = sg_str_make(copy, text.n);
    return 0;
}

int sg_promql_eval(struct sg_promql_plan *p, struct sg_querier *q, struct sg_promql_grid grid,
                   struct sg_promql_result *ret, struct sg_error *reterr)
{
    struct sg_error local = {0};
    *ret = (struct sg_promql_result){.range = grid.step_ms > 0, .time_ms = grid.end_ms};
    sg_arena_init(&ret->arena, SIZE_MAX / 2);
    p->err = reterr ? reterr : &local;
    p->result = ret;
    int rc = begin(p, q, grid);
    if (rc == 0)
        rc = p->root ? run_blocks(p, ret) : p->source ? run_raw(p, ret) : run_string(p, ret);
    if (rc < 0)
        locate(p);
    ret->samples = p->samples;
    sg__drop_kept(p);
    p->result = NULL;
    p->err = NULL;
    return rc;
}

int sg_promql_eval_view(struct sg_promql_plan *p, struct sg_querier *q, int64_t time_ms,
                        struct sg_promql_view *ret, struct sg_error *reterr)
{
    struct sg_error local = {0};
    p->err = reterr ? reterr : &local;
    p->result = NULL;
    struct sg__span s = {time_ms, 0, 1, 0, 1};
    int rc = begin(p, q, SG_PROMQL_AT(time_ms));
    if (rc == 0 && !p->root)
        rc = sg__fail(p, p->query->root, SG_EINVALID,
                      "expression is a %s, expected a scalar or an instant vector",
                      sg_expr_type_text(p->query->root->type));
    if (rc == 0)
        rc = sg__compute(p, p->root, &s);
    if (rc == 0)
        rc = sg__final_view(p, &p->final, p->root, ret);
    p->err = NULL;
    return rc;
}
