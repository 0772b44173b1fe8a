/* rule_rig.c - a store, a graph of expressions and a ruler without any thread or clock. */
#include "rule_rig.h"

#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/series_text.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>

#define MAX_SERIES 1000000

struct input {
    struct sg_series_text text; /* labels and values */
    uint32_t id;
    size_t next; /* value to store */
};

struct sg_rule_rig {
    struct sg_rule_rig_options opt;
    struct sg_promql_eval_options eval;
    struct sg_source source;
    struct sg_store *store;
    struct sg_promql_graph *graph;
    struct sg_rules *rules; /* until the first step */
    struct sg_ruler *ruler;
    struct input *inputs;
    size_t n_inputs, cap_inputs;
    struct sg_querier querier; /* of the last evaluation: its view borrows from it */
    bool querying;
    int64_t now_ms;
};

/* ---- hooks of the ruler ---- */

static int on_add(void *ctx, struct sg_promql *q, struct sg_promql_root **ret,
                  struct sg_error *reterr)
{
    struct sg_rule_rig *r = ctx;
    return sg_promql_graph_add_take(r->graph, q, ret, reterr);
}

static void on_remove(void *ctx, struct sg_promql_root *root)
{
    (void)ctx;
    sg_promql_graph_remove(root);
}

static void on_begin(void *ctx)
{
    struct sg_rule_rig *r = ctx;
    sg_promql_graph_begin(r->graph);
}

static void close_querier(struct sg_rule_rig *r)
{
    if (r->querying)
        r->querier.ops->close(&r->querier);
    r->querying = false;
}

static int on_eval(void *ctx, struct sg_promql_root *root, int64_t time_ms,
                   struct sg_promql_view *ret, struct sg_error *reterr)
{
    struct sg_rule_rig *r = ctx;
    close_querier(r);
    if (sg_store_querier_open(r->store, &r->querier) < 0)
        return sg_error_set(reterr, SG_EBUSY, "the store takes no more readers");
    r->querying = true;
    return sg_promql_graph_eval(root, &r->querier, time_ms, ret, reterr);
}

static int on_query(void *ctx, struct sg_str expr, int64_t time_ms, struct sg_promql_result *ret,
                    struct sg_error *reterr)
{
    return sg_rule_rig_query(ctx, expr, time_ms, ret, reterr);
}

static int on_append(void *ctx, const struct sg_labels *labels, uint64_t *id, int64_t time_ms,
                     double v, struct sg_error *reterr)
{
    struct sg_rule_rig *r = ctx;
    uint32_t series = (uint32_t)(*id - 1);
    if (*id == 0) {
        int rc = sg_store_intern(r->store, labels, &r->source, &series, reterr);
        if (rc < 0)
            return rc;
        *id = (uint64_t)series + 1;
    }
    return sg_store_append(r->store, series, time_ms, v, r->now_ms, reterr);
}

static void on_alert(void *ctx, const struct sg_alert *a, enum sg_alert_state state)
{
    (void)ctx;
    (void)a;
    (void)state;
}

/* ---- life ---- */

static void make_store(struct sg_rule_rig *r)
{
    struct sg_store_options o;
    struct sg_error err = {0};
    sg_store_options_default(&o);
    o.retention_ms = 100 * SG_MS_PER_YEAR; /* any time, also 1970 */
    o.max_future_ms = 100 * SG_MS_PER_YEAR;
    o.max_series = o.max_series_per_metric = MAX_SERIES;
    int rc = sg_store_new(&o, &r->store, &err);
    SG_ASSERT(rc == 0);
}

static void make_ruler(struct sg_rule_rig *r)
{
    struct sg_ruler_options o;
    sg_ruler_options_default(&o);
    o.hooks = (struct sg_ruler_hooks){
        .add = on_add,
        .remove = on_remove,
        .begin = on_begin,
        .eval = on_eval,
        .query = on_query,
        .append = on_append,
        .alert = on_alert,
        .ctx = r,
    };
    o.grace_ms = 0;
    o.budget_ns = 0;
    o.external_url = r->opt.external_url;
    o.external_labels = r->opt.external_labels;
    r->ruler = sg_ruler_new(&o);
}

struct sg_rule_rig *sg_rule_rig_new(const struct sg_rule_rig_options *o)
{
    struct sg_rule_rig *r = sg_calloc(1, sizeof(*r));
    r->opt = *o;
    r->source.name = "test";
    r->eval.resolution_ms = o->interval_ms;
    make_store(r);
    r->graph = sg_promql_graph_new(&r->eval, NULL);
    r->rules = sg_rules_new();
    make_ruler(r);
    return r;
}

void sg_rule_rig_free(struct sg_rule_rig *r)
{
    if (!r)
        return;
    sg_ruler_free(r->ruler);
    sg_rules_free(r->rules);
    close_querier(r);
    sg_promql_graph_free(r->graph);
    for (size_t i = 0; i < r->n_inputs; i++)
        sg_series_text_deinit(&r->inputs[i].text);
    sg_free(r->inputs);
    sg_store_free(r->store);
    sg_free(r);
}

/* ---- samples ---- */

int sg_rule_rig_add_series(struct sg_rule_rig *r, struct sg_str labels, struct sg_str values,
                           struct sg_error *reterr)
{
    struct sg_series_text head;
    struct input in = {.next = 0};
    int rc = sg_series_text_parse(labels, &head, reterr);
    if (rc == 0 && head.n)
        rc = sg_error_set(reterr, SG_ESYNTAX, "expected a series without values, got \"%.*s\"",
                          labels.n < 200 ? (int)labels.n : 200, labels.p);
    if (rc == 0)
        rc = sg_series_text_values(values, &in.text, reterr);
    if (rc == 0)
        rc = sg_store_intern(r->store, head.labels, &r->source, &in.id, reterr);
    sg_series_text_deinit(&head);
    if (rc < 0) {
        sg_series_text_deinit(&in.text);
        return rc;
    }
    r->inputs = sg_grow(r->inputs, &r->cap_inputs, r->n_inputs + 1, sizeof(in));
    r->inputs[r->n_inputs++] = in;
    return 0;
}

static void store_histogram(struct sg_rule_rig *r, const struct input *in, int64_t time_ms,
                            const struct sg_histogram *h)
{
    struct sg_batch *b = sg_batch_new(&r->source, 1, r->now_ms);
    struct sg_histogram *copy = sg_histogram_scale(h, 1);
    copy->reset_hint = h->reset_hint;
    struct sg_point p = {.series = in->id, .op = SG_OP_HISTOGRAM, .time_ms = time_ms};
    p.bits = sg_batch_add_histogram_take(b, copy);
    sg_batch_add_point(b, p);
    sg_store_apply_take(r->store, b, r->now_ms);
}

static int store_until_now(struct sg_rule_rig *r, struct input *in, struct sg_error *reterr)
{
    for (; in->next < in->text.n; in->next++) {
        const struct sg_series_value *v = &in->text.values[in->next];
        int64_t time_ms = r->opt.start_ms + (int64_t)in->next * r->opt.step_ms;
        if (time_ms > r->now_ms)
            return 0;
        if (v->h)
            store_histogram(r, in, time_ms, v->h);
        if (v->h || v->omitted)
            continue;
        int rc = sg_store_append(r->store, in->id, time_ms, v->v, r->now_ms, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- rules ---- */

int sg_rule_rig_load(struct sg_rule_rig *r, const char *file, struct sg_str text,
                     void (*each)(void *ctx, const struct sg_error *err), void *ctx,
                     struct sg_error *reterr)
{
    return sg_rules_add(r->rules, file, text, each, ctx, reterr);
}

struct ranked {
    struct sg_rule_group group;
    size_t rank, place;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

void sg_rule_rig_order(struct sg_rule_rig *r, const struct sg_str *names, size_t n)
{
    size_t count = r->rules->n_groups;
    struct ranked *list = sg_calloc(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct ranked){r->rules->groups[i], 0, i};
        for (size_t k = 0; k < n; k++)
            if (sg_str_eq(names[k], list[i].group.name))
                list[i].rank = k + 1;
    }
    if (count)
        qsort(list, count, sizeof(*list), by_rank);
    for (size_t i = 0; i < count; i++)
        r->rules->groups[i] = list[i].group;
    sg_free(list);
}

static int start(struct sg_rule_rig *r, struct sg_error *reterr)
{
    struct sg_rules *rules = r->rules;
    /* With the shortest interval there is every group is due at every step, at its very time. */
    for (size_t i = 0; i < rules->n_groups; i++)
        rules->groups[i].interval_ms = 1;
    r->rules = NULL;
    return sg_ruler_load_take(r->ruler, rules, reterr);
}

int sg_rule_rig_step(struct sg_rule_rig *r, int64_t time_ms, struct sg_error *reterr)
{
    r->now_ms = time_ms;
    int rc = r->rules ? start(r, reterr) : 0;
    for (size_t i = 0; i < r->n_inputs && rc == 0; i++)
        rc = store_until_now(r, &r->inputs[i], reterr);
    if (rc < 0)
        return rc;
    sg_store_tick(r->store, time_ms);
    sg_promql_graph_begin(r->graph);
    sg_ruler_tick(r->ruler, time_ms, time_ms - r->opt.start_ms, NULL);
    return 0;
}

struct sg_ruler_info *sg_rule_rig_look(struct sg_rule_rig *r)
{
    return sg_ruler_look(r->ruler);
}

int sg_rule_rig_query(struct sg_rule_rig *r, struct sg_str expr, int64_t time_ms,
                      struct sg_promql_result *ret, struct sg_error *reterr)
{
    struct sg_promql *q = NULL;
    struct sg_promql_plan *plan = NULL;
    struct sg_querier querier;
    *ret = (struct sg_promql_result){0};
    int rc = sg_promql_parse(expr, NULL, &q, reterr);
    if (rc == 0)
        rc = sg_promql_prepare(q, &r->eval, &plan, reterr);
    if (rc == 0 && sg_store_querier_open(r->store, &querier) < 0)
        rc = sg_error_set(reterr, SG_EBUSY, "the store takes no more readers");
    if (rc == 0) {
        rc = sg_promql_eval(plan, &querier, SG_PROMQL_AT(time_ms), ret, reterr);
        querier.ops->close(&querier);
    }
    sg_promql_plan_free(plan);
    sg_promql_free(q);
    return rc;
}
