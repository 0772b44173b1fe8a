/* test_eval.c - plans: reuse between evaluations, limits, cancellation, blocks, views, places of
 * errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <streamgauge/hash.h>
#include <streamgauge/hll.h>
#include <streamgauge/promql.h>

#include "mem_querier.c"
#include "near.h"

struct fixture {
    struct sg_mem_store *store;
    struct sg_querier q;
    struct sg_promql *query;
    struct sg_promql_plan *plan;
    struct sg_promql_result r;
    struct sg_error err;
};

static int setup(void **state)
{
    struct fixture *f = sg_calloc(1, sizeof(*f));
    f->store = sg_mem_store_new();
    f->q = sg_mem_querier(f->store);
    *state = f;
    return 0;
}

static void drop_plan(struct fixture *f)
{
    sg_promql_result_deinit(&f->r);
    sg_promql_plan_free(f->plan);
    sg_promql_free(f->query);
    f->r = (struct sg_promql_result){0};
    f->plan = NULL;
    f->query = NULL;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    drop_plan(f);
    sg_mem_store_free(f->store);
    sg_free(f);
    return 0;
}

static void load(struct fixture *f, const char *text)
{
    assert_int_equal(sg_mem_load(f->store, sg_str_from(text), &f->err), 0);
}

static void prepare(struct fixture *f, const char *expr, const struct sg_promql_eval_options *opt)
{
    drop_plan(f);
    f->err = (struct sg_error){0};
    assert_int_equal(sg_promql_parse(sg_str_from(expr), NULL, &f->query, &f->err), 0);
    assert_int_equal(sg_promql_prepare(f->query, opt, &f->plan, &f->err), 0);
}

static int eval(struct fixture *f, int64_t start, int64_t end, int64_t step)
{
    sg_promql_result_deinit(&f->r);
    f->err = (struct sg_error){0};
    return sg_promql_eval(f->plan, &f->q, (struct sg_promql_grid){start, end, step}, &f->r,
                          &f->err);
}

static double single(struct fixture *f, int64_t t)
{
    assert_int_equal(eval(f, t, t, 0), 0);
    assert_int_equal(f->r.n, 1);
    return f->r.series[0].v[0];
}

/* ---- reuse ---- */

static void test_eval__selects_only_when_series_were_born(void **state)
{
    struct fixture *f = *state;
    load(f, "load 1m\n m{l=\"a\"} 1 2 3\n m{l=\"b\"} 4 5 6\n");
    prepare(f, "sum by (l) (rate(m[2m])) + on (l) group_left sum by (l) (m)", NULL);
    for (int64_t t = 60000; t < 120000; t += 1000)
        assert_int_equal(eval(f, t, t, 0), 0);
    assert_int_equal(sg_mem_selects(f->store), 2);
    load(f, "load 1m\n m{l=\"c\"} 1 2 3\n");
    assert_int_equal(eval(f, 120000, 120000, 0), 0);
    assert_int_equal(sg_mem_selects(f->store), 4);
    assert_int_equal(f->r.n, 3);
}

static void test_eval__view_keeps_rows_while_no_series_is_born(void **state)
{
    struct fixture *f = *state;
    struct sg_promql_view v;
    load(f, "load 1m\n m{l=\"a\"} 1 2 stale\n m{l=\"b\"} 4 5 6\n");
    prepare(f, "sum by (l) (m * 2)", NULL);
    assert_int_equal(sg_promql_eval_view(f->plan, &f->q, 60000, &v, &f->err), 0);
    assert_int_equal(v.n, 2);
    uint64_t version = v.rows_version;
    assert_near(v.v[0], 4, 0);
    assert_near(v.v[1], 10, 0);
    assert_int_equal(v.present[0] & 1, 1);
    assert_int_equal(sg_promql_eval_view(f->plan, &f->q, 120000, &v, &f->err), 0);
    assert_int_equal(v.rows_version, version);
    assert_int_equal(v.present[0] & 1, 0);
    assert_near(v.v[1], 12, 0);
    load(f, "load 1m\n other 1\n"); /* a birth elsewhere changes nothing here */
    assert_int_equal(sg_promql_eval_view(f->plan, &f->q, 120000, &v, &f->err), 0);
    assert_int_equal(v.rows_version, version);
    load(f, "load 1m\n m{l=\"c\"} 1 1 1\n");
    assert_int_equal(sg_promql_eval_view(f->plan, &f->q, 120000, &v, &f->err), 0);
    assert_true(v.rows_version != version);
    assert_int_equal(v.n, 3);
}

static void test_eval__view_refuses_range_vectors(void **state)
{
    struct fixture *f = *state;
    struct sg_promql_view v;
    prepare(f, "m[5m]", NULL);
    assert_int_equal(sg_promql_eval_view(f->plan, &f->q, 0, &v, &f->err), SG_EINVALID);
}

static void test_eval__plan_survives_a_failed_evaluation(void **state)
{
    struct fixture *f = *state;
    load(f, "load 1m\n a{x=\"1\"} 1 stale\n a{x=\"2\"} 1 1\n b 1 1\n");
    prepare(f, "b + on () a", NULL);
    assert_int_equal(eval(f, 0, 0, 0), SG_EEXECUTION);
    assert_near(single(f, 60000), 2, 0);
    assert_int_equal(eval(f, 0, 0, 0), SG_EEXECUTION);
}

static void test_eval__result_outlives_plan_and_store(void **state)
{
    struct fixture *f = *state;
    load(f, "load 1m\n m{l=\"a\"} {{schema:0 count:2 sum:3 buckets:[2]}}\n");
    prepare(f, "sum without () (m)", NULL);
    assert_int_equal(eval(f, 0, 0, 0), 0);
    struct sg_promql_result r = f->r;
    f->r = (struct sg_promql_result){0};
    drop_plan(f);
    sg_mem_store_clear(f->store);
    assert_int_equal(r.n, 1);
    assert_near(r.series[0].h[0]->count, 2, 0);
    assert_true(sg_str_eq_c(sg_labels_get(r.series[0].labels, SG_STR("l")), "a"));
    sg_promql_result_deinit(&r);
}

/* ---- limits and cancellation ---- */

static void test_eval__limits_name_themselves(void **state)
{
    struct fixture *f = *state;
    struct sg_promql_eval_options few_samples = {.max_samples = 100};
    struct sg_promql_eval_options few_series = {.max_series = 1};
    struct sg_promql_eval_options few_steps = {.max_steps = 10};
    load(f, "load 1s\n m{l=\"a\"} 0+1x300\n m{l=\"b\"} 0+1x300\n");
    prepare(f, "sum_over_time(m[5m])", &few_samples);
    assert_int_equal(eval(f, 300000, 300000, 0), SG_ELIMIT);
    assert_non_null(strstr(f->err.text, "max_samples"));
    prepare(f, "m", &few_samples);
    assert_int_equal(eval(f, 0, 300000, 1000), SG_ELIMIT);
    prepare(f, "m", &few_series);
    assert_int_equal(eval(f, 0, 0, 0), SG_ELIMIT);
    assert_non_null(strstr(f->err.text, "max_series"));
    prepare(f, "m", &few_steps);
    assert_int_equal(eval(f, 0, 10000, 1000), SG_ELIMIT);
    assert_non_null(strstr(f->err.text, "max_steps"));
    assert_int_equal(eval(f, 0, 9000, 1000), 0);
    prepare(f, "sum_over_time(m[1h:1s])", &few_steps);
    assert_int_equal(eval(f, 0, 0, 0), SG_ELIMIT);
    assert_non_null(strstr(f->err.text, "max_steps"));
}

/* A limit that was hit is hit again, though labels are only worked out when series are new. */
static void test_eval__row_limits_hold_on_every_evaluation(void **state)
{
    struct fixture *f = *state;
    struct sg_promql_eval_options opt = {.max_series = 3};
    load(f, "load 1m\n m{l=\"a\"} 1\n m{l=\"b\"} 2\n n{l=\"c\"} 3\n n{l=\"d\"} 4\n");
    prepare(f, "m or n", &opt);
    for (int i = 0; i < 3; i++)
        assert_int_equal(eval(f, 0, 0, 0), SG_ELIMIT);
    prepare(f, "count_values(\"v\", m or on () n)", &opt);
    assert_int_equal(eval(f, 0, 0, 0), SG_ELIMIT);
}

/* Rows of values that are gone do not count, and those beyond the limit are not even made. */
static void test_eval__row_limits_hold_for_values(void **state)
{
    struct fixture *f = *state;
    struct sg_promql_eval_options opt = {.max_series = 3};
    load(f, "load 1m\n m{l=\"a\"} 0+1x100\n m{l=\"b\"} 1000+1x100\n");
    prepare(f, "count_values(\"v\", m)", &opt);
    for (int64_t t = 0; t < 20; t++)
        assert_int_equal(eval(f, t * 60000, t * 60000, 0), 0);
    assert_int_equal(f->r.n, 2);
    assert_int_equal(eval(f, 0, 60000, 60000), SG_ELIMIT);
    assert_non_null(strstr(f->err.text, "max_series"));
    assert_int_equal(eval(f, 60000, 60000, 0), 0);
    assert_int_equal(f->r.n, 2);
}

static void test_eval__labels_cannot_be_doubled_without_end(void **state)
{
    struct fixture *f = *state;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 8192);
    load(f, "load 1m\n m{l=\"aaaaaaaaaaaaaaaa\"} 1\n");
    for (int i = 0; i < 40; i++)
        sg_buf_puts(&text, "label_join(");
    sg_buf_puts(&text, "m");
    for (int i = 0; i < 40; i++)
        sg_buf_puts(&text, ", \"l\", \"\", \"l\", \"l\")");
    prepare(f, sg_buf_cstr(&text), NULL);
    assert_int_equal(eval(f, 0, 0, 0), SG_ELIMIT);
    assert_int_equal(eval(f, 0, 0, 0), SG_ELIMIT);
}

static void test_eval__histograms_count_as_samples(void **state)
{
    struct fixture *f = *state;
    struct sg_promql_eval_options opt = {.max_samples = 2000};
    load(f, "load 1m\n m {{schema:0 count:8 sum:9 buckets:[1 1 1 1 1 1 1 1]}}x100\n");
    prepare(f, "m * 2", &opt);
    assert_int_equal(eval(f, 0, 0, 0), 0);
    assert_int_equal(eval(f, 0, 6000000, 60000), SG_ELIMIT);
}

static int stop_once(void *ctx)
{
    return ++*(int *)ctx == 1 ? SG_ETIMEOUT : 0;
}

static void test_eval__stops_when_told(void **state)
{
    struct fixture *f = *state;
    int asked = 0;
    struct sg_promql_eval_options opt = {.stop = stop_once, .stop_ctx = &asked};
    load(f, "load 1m\n m 1\n");
    prepare(f, "m", &opt);
    assert_int_equal(eval(f, 0, 0, 0), SG_ETIMEOUT);
    assert_int_equal(asked, 1);
    assert_near(single(f, 0), 1, 0);
}

static int stop_later(void *ctx)
{
    return ++*(int *)ctx == 20 ? SG_ECANCELED : 0;
}

/* Few series with many steps are as much work as many series. */
static void test_eval__one_long_series_can_be_stopped(void **state)
{
    static const char *const queries[] = {"sum_over_time(m[10m])", "sum_over_time(m[10m:15s])",
                                          "absent_over_time(m[10m]) or sum_over_time(m[1m])"};
    struct fixture *f = *state;
    load(f, "load 15s\n m 1+1x8000\n");
    for (size_t i = 0; i < SG_ARRAY_LEN(queries); i++) {
        int asked = 0;
        struct sg_promql_eval_options opt = {.stop = stop_later, .stop_ctx = &asked};
        drop_plan(f);
        prepare(f, queries[i], &opt);
        assert_int_equal(eval(f, 0, 15000 * 8000, 15000), SG_ECANCELED);
        assert_int_equal(asked, 20);
    }
}

/* Each row of label_replace runs a regex, which may take long. */
static void test_eval__label_replace_can_be_stopped(void **state)
{
    struct fixture *f = *state;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    int asked = 0;
    struct sg_promql_eval_options opt = {.stop = stop_later, .stop_ctx = &asked};
    sg_buf_init(&text, 8192);
    sg_buf_puts(&text, "load 1m\n");
    for (int i = 0; i < 40; i++)
        sg_buf_printf(&text, " m{l=\"%d\"} 1\n", i);
    load(f, sg_buf_cstr(&text));
    prepare(f, "label_replace(m, \"x\", \"$1\", \"l\", \"(.).*\")", &opt);
    assert_int_equal(eval(f, 0, 0, 0), SG_ECANCELED);
    assert_int_equal(asked, 20);
    assert_int_equal(eval(f, 0, 0, 0), 0);
}

/* As does each value of count_values. */
static void test_eval__count_values_can_be_stopped(void **state)
{
    struct fixture *f = *state;
    int asked = 0;
    struct sg_promql_eval_options opt = {.stop = stop_later, .stop_ctx = &asked};
    load(f, "load 15s\n m{l=\"a\"} 0+1x8000\n m{l=\"b\"} 10000+1x8000\n m{l=\"c\"} 20000+1x8000\n"
            " m{l=\"d\"} 0+1x8000\n m{l=\"e\"} 10000+1x8000\n m{l=\"f\"} 20000+1x8000\n");
    prepare(f, "count_values(\"v\", m)", &opt);
    assert_int_equal(eval(f, 0, 15000 * 8000, 15000), SG_ECANCELED);
    assert_int_equal(asked, 20);
    assert_int_equal(eval(f, 0, 15000, 15000), 0);
    assert_int_equal(f->r.n, 6);
}

static void test_eval__label_replace_tells_what_costs_too_much(void **state)
{
    struct fixture *f = *state;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 8192);
    sg_buf_printf(&text, "load 1m\n m{l=\"%0*d\"} 1\n", 1000, 0);
    load(f, sg_buf_cstr(&text));
    prepare(f, "label_replace(m, \"x\", \"$1\", \"l\", \"(0|00|000)*(b|c)\")", NULL);
    assert_int_equal(eval(f, 0, 0, 0), 0);
    drop_plan(f);
    prepare(f, "label_replace(m, \"x\", \"$1\", \"l\", \"(0|00|000)*(b|c)\")", NULL);
    sg_regex_set_budget(1000);
    assert_int_equal(eval(f, 0, 0, 0), SG_ELIMIT);
    assert_non_null(strstr(f->err.text, "regular expression"));
    sg_regex_set_budget(UINT64_MAX);
}

static void test_eval__refuses_grids_that_run_backwards(void **state)
{
    struct fixture *f = *state;
    prepare(f, "1", NULL);
    assert_int_equal(eval(f, 10, 0, 1), SG_EINVALID);
    assert_int_equal(eval(f, 0, 10, 0), SG_EINVALID);
}

static void test_eval__ranges_need_scalars_or_vectors(void **state)
{
    struct fixture *f = *state;
    prepare(f, "m[5m]", NULL);
    assert_int_equal(eval(f, 0, 0, 1000), SG_EINVALID);
    assert_non_null(strstr(f->err.text, "\"range vector\""));
    prepare(f, "\"text\"", NULL);
    assert_int_equal(eval(f, 0, 1000, 1000), SG_EINVALID);
    assert_non_null(strstr(f->err.text, "\"string\""));
    assert_int_equal(eval(f, 0, 0, 0), 0);
}

/* ---- errors ---- */

static void test_eval__errors_have_a_place(void **state)
{
    struct fixture *f = *state;
    load(f, "load 1m\n a{x=\"1\"} 1\n a{x=\"2\"} 1\n b 1\n");
    prepare(f, "1 +\n  (b + on () a)", NULL);
    assert_int_equal(eval(f, 0, 0, 0), SG_EEXECUTION);
    assert_int_equal(f->err.line, 2);
    assert_int_equal(f->err.column, 4);
    assert_non_null(strstr(f->err.text, "found duplicate series for the match group {}"));
}

static void test_eval__a_clash_names_its_series(void **state)
{
    struct fixture *f = *state;
    load(f, "load 1m\n a{x=\"1\"} 1\n a{x=\"2\"} 1\n b 1\n");
    prepare(f, "b + on () a", NULL);
    assert_int_equal(eval(f, 0, 0, 0), SG_EEXECUTION);
    assert_string_equal(f->err.text,
                        "found duplicate series for the match group {} on the right hand-side of "
                        "the operation: [a{x=\"2\"}, a{x=\"1\"}];many-to-many matching not "
                        "allowed: matching labels must be unique on one side");
}

static void test_eval__a_clash_of_long_series_ends_between_labels(void **state)
{
    struct fixture *f = *state;
    struct sg_buf text;
    sg_buf_init(&text, 4096);
    for (int x = 1; x <= 2; x++) {
        sg_buf_printf(&text, x == 1 ? "load 1m\n b 1\n a{" : " a{");
        for (int i = 10; i < 60; i++)
            sg_buf_printf(&text, "l%d=\"value\",", i);
        sg_buf_printf(&text, "x=\"%d\"} 1\n", x);
    }
    load(f, sg_buf_cstr(&text));
    sg_buf_deinit(&text);
    prepare(f, "b + on () a", NULL);
    assert_int_equal(eval(f, 0, 0, 0), SG_EEXECUTION);
    assert_non_null(strstr(f->err.text, "[a{l10=\"value\", l11="));
    assert_non_null(strstr(f->err.text, "=\"value\", ...}, a{l10=\"value\", "));
    assert_non_null(strstr(f->err.text, "=\"value\", ...}];many-to-many matching not allowed: "
                                        "matching labels must be unique on one side"));
}

static void test_eval__bad_regex_is_refused_before_data(void **state)
{
    struct fixture *f = *state;
    drop_plan(f);
    assert_int_equal(sg_promql_parse(SG_STR("label_replace(m, \"a\", \"b\", \"c\", \"(\")"), NULL,
                                     &f->query, &f->err),
                     0);
    assert_int_equal(sg_promql_prepare(f->query, NULL, &f->plan, &f->err), SG_EEXECUTION);
    assert_int_equal(f->err.line, 1);
}

static void test_eval__notes_are_told_once_with_place(void **state)
{
    struct fixture *f = *state;
    load(f, "load 1m\n m{l=\"a\"} 1 2 3\n m{l=\"b\"} 1 2 3\n");
    prepare(f, "1 + rate(m[2m])", NULL);
    assert_int_equal(eval(f, 0, 120000, 60000), 0);
    assert_int_equal(f->r.n_notes, 1);
    assert_false(f->r.notes[0].warning);
    assert_non_null(strstr(f->r.notes[0].text, "PromQL info: metric might not be a counter"));
    assert_non_null(strstr(f->r.notes[0].text, "\"m\" (1:10)"));
}

/* ---- blocks ---- */

/* Many blocks of steps give what single instants give, for nodes of every kind. */
static void test_eval__blocks_equal_instants(void **state)
{
    static const char *const exprs[] = {
        "m",
        "rate(m[90s])",
        "sum by (l) (m) / count by (l) (m offset 1m)",
        "topk(1, m)",
        "m > 500 or m * 2",
        "m{l=\"a\"} unless on () (m{l=\"b\"} > 300)",
        "quantile(0.3, m) + scalar(m{l=\"a\"})",
        "max_over_time((m * 2)[2m:30s])",
        "absent(m) or vector(time())",
        "label_replace(m, \"l\", \"x$1\", \"l\", \"(.)\") + ignoring (x) m * 0 or m",
        "count_values(\"v\", m % 3)",
        "m @ 600 + m",
        "clamp(m, 100, time() / 10)",
    };
    struct fixture *f = *state;
    load(f, "load 7s\n m{l=\"a\"} 0+1x400 _x40 stale 5+3x300\n m{l=\"b\"} 900-1x600\n");
    for (size_t e = 0; e < SG_ARRAY_LEN(exprs); e++) {
        struct fixture one = {.store = f->store, .q = f->q};
        prepare(f, exprs[e], NULL);
        prepare(&one, exprs[e], NULL);
        assert_int_equal(eval(f, 0, 5990000, 10000), 0); /* 600 steps: three blocks */
        size_t points = 0, found = 0;
        for (size_t i = 0; i < f->r.n; i++)
            points += f->r.series[i].n;
        for (int64_t t = 0; t <= 5990000; t += 10000) {
            assert_int_equal(eval(&one, t, t, 0), 0);
            for (size_t i = 0; i < one.r.n; i++) {
                const struct sg_promql_series *s = NULL;
                for (size_t j = 0; j < f->r.n; j++)
                    if (sg_labels_eq(f->r.series[j].labels, one.r.series[i].labels))
                        s = &f->r.series[j];
                assert_non_null(s);
                size_t at = 0;
                while (at < s->n && s->time_ms[at] < t)
                    at++;
                assert_true(at < s->n && s->time_ms[at] == t);
                assert_true(sg_double_bits(s->v[at]) == sg_double_bits(one.r.series[i].v[0]));
                found++;
            }
        }
        assert_int_equal(points, found);
        drop_plan(&one);
    }
}

/* ---- distinct counts ---- */

static const struct sg_hll *members(int from, int to)
{
    struct sg_hll *h = sg_hll_new();
    for (int i = from; i < to; i++)
        sg_hll_add(h, sg_hash64_stable(&i, sizeof(i)));
    return h;
}

static void test_eval__distinct_over_time_merges_panes(void **state)
{
    struct fixture *f = *state;
    load(f, "load 1m\n users\n");
    sg_mem_append_distinct_take(f->store, 0, 60000, members(0, 100));
    sg_mem_append_distinct_take(f->store, 0, 120000, members(50, 150));
    prepare(f, "distinct_over_time(users[5m])", NULL);
    assert_near(single(f, 120000), 150, 5);
    prepare(f, "users", NULL); /* read as the number it stands for */
    assert_near(single(f, 120000), 100, 4);
    prepare(f, "max_over_time(users[5m])", NULL);
    assert_near(single(f, 120000), 100, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_eval__selects_only_when_series_were_born),
        TEST(test_eval__view_keeps_rows_while_no_series_is_born),
        TEST(test_eval__view_refuses_range_vectors),
        TEST(test_eval__plan_survives_a_failed_evaluation),
        TEST(test_eval__result_outlives_plan_and_store),
        TEST(test_eval__limits_name_themselves),
        TEST(test_eval__row_limits_hold_on_every_evaluation),
        TEST(test_eval__row_limits_hold_for_values),
        TEST(test_eval__labels_cannot_be_doubled_without_end),
        TEST(test_eval__histograms_count_as_samples),
        TEST(test_eval__stops_when_told),
        TEST(test_eval__one_long_series_can_be_stopped),
        TEST(test_eval__label_replace_can_be_stopped),
        TEST(test_eval__count_values_can_be_stopped),
        TEST(test_eval__label_replace_tells_what_costs_too_much),
        TEST(test_eval__refuses_grids_that_run_backwards),
        TEST(test_eval__ranges_need_scalars_or_vectors),
        TEST(test_eval__errors_have_a_place),
        TEST(test_eval__a_clash_names_its_series),
        TEST(test_eval__a_clash_of_long_series_ends_between_labels),
        TEST(test_eval__bad_regex_is_refused_before_data),
        TEST(test_eval__notes_are_told_once_with_place),
        TEST(test_eval__blocks_equal_instants),
        TEST(test_eval__distinct_over_time_merges_panes),
    };
    return cmocka_run_group_tests_name("promql eval", tests, NULL, NULL);
}
