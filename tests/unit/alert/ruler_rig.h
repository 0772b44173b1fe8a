/* ruler_rig.h - a ruler on a small store, a real graph and a fake clock; what it tells is a text.
 */
#ifndef TESTS_UNIT_ALERT_RULER_RIG_H
#define TESTS_UNIT_ALERT_RULER_RIG_H

#include <stdio.h>
#include <streamgauge/mem.h>
#include <streamgauge/ruler.h>
#include <streamgauge/time.h>
#include <string.h>

#include "mem_querier.c"

#define T0 INT64_C(1764000000000)
#define HEAD "groups:\n- name: g\n  rules:\n"

struct rig {
    struct sg_mem_store *store;
    struct sg_promql_graph *graph;
    struct sg_ruler *ruler;
    struct sg_journal *journal;
    int64_t wall_ms, mono_ms;
    unsigned begins, appends, queries;
    uint64_t clock_ns, clock_step_ns;
    bool refuse; /* appends fail */
    struct {
        int64_t time_ms;
        double v;
    } last[1024]; /* what was appended to each series */
    struct sg_buf told;
    struct sg_ruler_options opt;
};

static int rig_add(void *ctx, struct sg_promql *q, struct sg_promql_root **ret,
                   struct sg_error *reterr)
{
    struct rig *rig = ctx;
    return sg_promql_graph_add_take(rig->graph, q, ret, reterr);
}

static void rig_remove(void *ctx, struct sg_promql_root *root)
{
    (void)ctx;
    sg_promql_graph_remove(root);
}

static void rig_begin(void *ctx)
{
    struct rig *rig = ctx;
    rig->begins++;
    sg_promql_graph_begin(rig->graph);
}

static int rig_eval(void *ctx, struct sg_promql_root *root, int64_t time_ms,
                    struct sg_promql_view *ret, struct sg_error *reterr)
{
    struct rig *rig = ctx;
    struct sg_querier q = sg_mem_querier(rig->store);
    return sg_promql_graph_eval(root, &q, time_ms, ret, reterr);
}

static int rig_query(void *ctx, struct sg_str expr, int64_t time_ms, struct sg_promql_result *ret,
                     struct sg_error *reterr)
{
    struct rig *rig = ctx;
    struct sg_promql *q;
    struct sg_promql_plan *plan;
    rig->queries++;
    int rc = sg_promql_parse(expr, NULL, &q, reterr);
    if (rc < 0)
        return rc;
    rc = sg_promql_prepare(q, NULL, &plan, reterr);
    if (rc == 0) {
        struct sg_querier querier = sg_mem_querier(rig->store);
        rc = sg_promql_eval(plan, &querier, SG_PROMQL_AT(time_ms), ret, reterr);
        sg_promql_plan_free(plan);
    }
    sg_promql_free(q);
    return rc;
}

static int rig_append(void *ctx, const struct sg_labels *labels, uint64_t *id, int64_t time_ms,
                      double v, struct sg_error *reterr)
{
    struct rig *rig = ctx;
    if (rig->refuse)
        return sg_error_set(reterr, SG_ELIMIT, "the store is full");
    if (!*id)
        *id = sg_mem_series_take(rig->store, sg_labels_ref(labels)) + 1;
    size_t at = *id - 1;
    if (at < SG_ARRAY_LEN(rig->last)) {
        if (rig->last[at].time_ms == time_ms &&
            sg_double_bits(rig->last[at].v) != sg_double_bits(v))
            return sg_error_set(reterr, SG_EEXISTS, "another value is stored at this time");
        rig->last[at].time_ms = time_ms;
        rig->last[at].v = v;
    }
    rig->appends++;
    sg_mem_append(rig->store, *id - 1, time_ms, v);
    return 0;
}

/* "firing{…} starts +3s value 1 summary=…\n"; starts counts from T0. */
static void rig_alert(void *ctx, const struct sg_alert *a, enum sg_alert_state state)
{
    struct rig *rig = ctx;
    sg_buf_puts(&rig->told, sg_alert_state_name(state));
    sg_labels_print(a->labels, &rig->told);
    sg_buf_printf(&rig->told, " since %lld", (long long)(a->starts_ms - T0));
    if (state == SG_ALERT_RESOLVED)
        sg_buf_printf(&rig->told, " until %lld", (long long)(a->ends_ms - T0));
    for (uint32_t i = 0; i < a->annotations->count; i++) {
        struct sg_label l = sg_labels_at(a->annotations, i);
        sg_buf_printf(&rig->told, " %.*s=%.*s", SG_STR_ARG(l.name), SG_STR_ARG(l.value));
    }
    sg_buf_putc(&rig->told, '\n');
}

static uint64_t rig_clock(void *ctx)
{
    struct rig *rig = ctx;
    rig->clock_ns += rig->clock_step_ns;
    return rig->clock_ns;
}

static void rig_start(struct rig *rig)
{
    rig->opt.hooks = (struct sg_ruler_hooks){.add = rig_add,
                                             .remove = rig_remove,
                                             .begin = rig_begin,
                                             .eval = rig_eval,
                                             .query = rig_query,
                                             .append = rig_append,
                                             .alert = rig_alert,
                                             .clock_ns = rig_clock,
                                             .ctx = rig};
    rig->ruler = sg_ruler_new(&rig->opt);
}

static int rig_setup(void **state)
{
    struct rig *rig = sg_calloc(1, sizeof(*rig));
    rig->store = sg_mem_store_new();
    rig->graph = sg_promql_graph_new(NULL, NULL);
    rig->journal = sg_journal_new();
    rig->wall_ms = T0;
    rig->mono_ms = 5000;
    sg_buf_init(&rig->told, (size_t)1 << 20);
    sg_ruler_options_default(&rig->opt);
    rig_start(rig);
    *state = rig;
    return 0;
}

static int rig_teardown(void **state)
{
    struct rig *rig = *state;
    sg_ruler_free(rig->ruler);
    sg_promql_graph_free(rig->graph);
    sg_mem_store_free(rig->store);
    sg_journal_free(rig->journal);
    sg_buf_deinit(&rig->told);
    sg_free(rig);
    return 0;
}

static void rig_load(struct rig *rig, const char *text)
{
    struct sg_error err = {0};
    struct sg_rules *rules = sg_rules_new();
    if (sg_rules_add(rules, "r.yml", sg_str_from(text), NULL, NULL, &err) < 0 ||
        sg_ruler_load_take(rig->ruler, rules, &err) < 0)
        fail_msg("%s\n%u:%u: %s", text, err.line, err.column, err.text);
}

/* Stores a sample now of a series written as in PromQL. */
static void rig_put_at(struct rig *rig, const char *series, int64_t time_ms, double v)
{
    struct sg_series_text line;
    assert_int_equal(sg_series_text_parse(sg_str_from(series), &line, NULL), 0);
    sg_mem_append(rig->store, sg_mem_series_take(rig->store, sg_labels_ref(line.labels)), time_ms,
                  v);
    sg_series_text_deinit(&line);
}

static void rig_put(struct rig *rig, const char *series, double v)
{
    rig_put_at(rig, series, rig->wall_ms, v);
}

/* One tick after both clocks have moved on. */
static void rig_tick(struct rig *rig, int64_t ms)
{
    rig->wall_ms += ms;
    rig->mono_ms += ms;
    sg_promql_graph_begin(rig->graph);
    sg_ruler_tick(rig->ruler, rig->wall_ms, rig->mono_ms, rig->journal);
}

/* What was told since the last time. */
static void rig_expect(struct rig *rig, const char *expected)
{
    const char *told = sg_buf_cstr(&rig->told);
    if (strcmp(told, expected) != 0)
        fail_msg("told:\n%s\nexpected:\n%s", told, expected);
    sg_buf_reset(&rig->told);
}

/* The result of a query now: "{…} 1\n", in the order of series. */
static void rig_expect_query(struct rig *rig, const char *expr, const char *expected)
{
    struct sg_promql_result r = {0};
    struct sg_error err = {0};
    struct sg_buf text;
    sg_buf_init(&text, 1 << 20);
    if (rig_query(rig, sg_str_from(expr), rig->wall_ms, &r, &err) < 0)
        fail_msg("%s: %s", expr, err.text);
    for (size_t i = 0; i < r.n; i++) {
        sg_labels_print(r.series[i].labels, &text);
        sg_buf_putc(&text, ' ');
        sg_buf_put_double(&text, r.series[i].v[0]);
        sg_buf_putc(&text, '\n');
    }
    if (strcmp(sg_buf_cstr(&text), expected) != 0)
        fail_msg("%s:\n%s\nexpected:\n%s", expr, sg_buf_cstr(&text), expected);
    sg_buf_deinit(&text);
    sg_promql_result_deinit(&r);
}

/* "put <state>\n" and "delete\n" of what was written since the last time. */
static void rig_expect_journal(struct rig *rig, const char *expected)
{
    char text[1024] = "";
    for (struct sg_journal_op *op = rig->journal->first; op; op = op->next) {
        size_t used = strlen(text);
        const char *state = strstr(op->body.p, "\"state\":\"");
        if (sg_str_eq_c(op->key, "~alive"))
            continue;
        if (op->kind == SG_JOURNAL_PUT && state)
            snprintf(text + used, sizeof(text) - used, "put %.*s\n",
                     (int)(strchr(state + 9, '"') - state - 9), state + 9);
        else
            snprintf(text + used, sizeof(text) - used, "delete\n");
    }
    if (strcmp(text, expected) != 0)
        fail_msg("journal:\n%s\nexpected:\n%s", text, expected);
    sg_journal_free(rig->journal);
    rig->journal = sg_journal_new();
}

/* Health and error of the first rule of the first group. */
static inline void rig_expect_health(struct rig *rig, const char *health, const char *error)
{
    struct sg_ruler_info *info = sg_ruler_look(rig->ruler);
    const struct sg_rule_info *u = &info->groups[0].rules[0];
    if (strcmp(u->health, health) != 0 || !strstr(u->error, error))
        fail_msg("%s: %s", u->health, u->error);
    sg_ruler_info_free(info);
}

#endif
