/* test_check.c - type rules: every function with right and wrong arguments, result types, and what
 * the rules imply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <streamgauge/promql_ast.h>
#include <string.h>

/* An expression of each type. */
static const char *const sample[] = {
    [SG_TYPE_NONE] = "",      [SG_TYPE_SCALAR] = "1",      [SG_TYPE_STRING] = "\"s\"",
    [SG_TYPE_VECTOR] = "foo", [SG_TYPE_RANGE] = "foo[5m]",
};

static int parse(const char *text, struct sg_promql **ret, struct sg_error *err)
{
    *ret = NULL;
    *err = (struct sg_error){0};
    return sg_promql_parse(sg_str_from(text), NULL, ret, err);
}

/* fn(args…) with `count` arguments of the right types, but for the one at `odd` (-1: none), which
 * is of type `type`. */
static void write_call(const struct sg_function *fn, unsigned count, int odd,
                       enum sg_expr_type type, struct sg_buf *b)
{
    sg_buf_printf(b, "%s(", fn->name);
    for (unsigned i = 0; i < count; i++) {
        unsigned typed = i < fn->arg_count ? i : fn->arg_count - 1U;
        enum sg_expr_type t = (int)i == odd || fn->arg_count == 0 ? type : fn->args[typed];
        const char *text = sample[t];
        if (fn->id == SG_FN_INFO && i == 1 && t == SG_TYPE_VECTOR)
            text = "{a=\"b\"}";
        sg_buf_printf(b, "%s%s", i ? ", " : "", text);
    }
    sg_buf_putc(b, ')');
}

static int try_call(const struct sg_function *fn, unsigned count, int odd, enum sg_expr_type type,
                    struct sg_error *err)
{
    struct sg_buf b;
    struct sg_promql *q;
    sg_buf_init(&b, 4096);
    write_call(fn, count, odd, type, &b);
    int rc = parse(sg_buf_cstr(&b), &q, err);
    if (rc == 0) {
        assert_int_equal(q->root->type, fn->ret);
        assert_ptr_equal(q->root->u.call.fn, fn);
    }
    sg_promql_free(q);
    sg_buf_deinit(&b);
    return rc;
}

/* The fewest and the most arguments, -1 for no end. */
static void arity(const struct sg_function *fn, unsigned *least, int *most)
{
    *least = fn->variadic ? fn->arg_count - 1U : fn->arg_count;
    *most = fn->variadic < 0 ? -1 : (int)*least + fn->variadic;
}

static void test_functions__take_their_number_of_arguments(void **state)
{
    (void)state;
    for (int id = 0; id < SG_FN_COUNT; id++) {
        const struct sg_function *fn = sg_function_get((enum sg_function_id)id);
        struct sg_error err;
        unsigned least;
        int most;
        arity(fn, &least, &most);
        unsigned last = most < 0 ? least + 6 : (unsigned)most;
        for (unsigned n = 0; n <= last + 1; n++) {
            bool fits = n >= least && (most < 0 || n <= last);
            int rc = try_call(fn, n, -1, SG_TYPE_SCALAR, &err);
            if ((rc == 0) != fits)
                fail_msg("%s with %u arguments: %d %s", fn->name, n, rc, err.text);
            if (!fits && !strstr(err.text, "argument(s) in call to"))
                fail_msg("%s with %u arguments: %s", fn->name, n, err.text);
        }
    }
}

static void test_functions__refuse_other_types(void **state)
{
    (void)state;
    for (int id = 0; id < SG_FN_COUNT; id++) {
        const struct sg_function *fn = sg_function_get((enum sg_function_id)id);
        for (unsigned i = 0; i < fn->arg_count; i++) {
            for (int t = SG_TYPE_SCALAR; t <= SG_TYPE_RANGE; t++) {
                struct sg_error err;
                if ((enum sg_expr_type)t == fn->args[i])
                    continue;
                int rc = try_call(fn, fn->arg_count, (int)i, (enum sg_expr_type)t, &err);
                if (rc != SG_ESYNTAX || !strstr(err.text, "expected "))
                    fail_msg("%s, argument %u as %s: %d %s", fn->name, i,
                             sg_expr_type_text((enum sg_expr_type)t), rc, err.text);
            }
        }
    }
}

static void test_function_find__knows_every_function(void **state)
{
    (void)state;
    for (int id = 0; id < SG_FN_COUNT; id++) {
        const struct sg_function *fn = sg_function_get((enum sg_function_id)id);
        assert_int_equal(fn->id, id);
        assert_ptr_equal(sg_function_find(sg_str_from(fn->name)), fn);
    }
    assert_null(sg_function_find(SG_STR("Rate")));
    assert_null(sg_function_find(SG_STR("rat")));
    assert_null(sg_function_find(SG_STR("sum")));
    assert_null(sg_function_find(SG_STR("")));
    assert_int_equal(sg_function_find(SG_STR("distinct_over_time"))->args[0], SG_TYPE_RANGE);
}

static void test_aggregations__check_parameter_and_expression(void **state)
{
    static const enum sg_expr_type types[] = {SG_TYPE_SCALAR, SG_TYPE_STRING, SG_TYPE_VECTOR,
                                              SG_TYPE_RANGE};
    (void)state;
    for (int op = 0; op < SG_AGG_COUNT_OF_OPS; op++) {
        enum sg_expr_type want = sg_aggregation_param_type((enum sg_aggregation_op)op);
        const char *name = sg_aggregation_text((enum sg_aggregation_op)op);
        for (size_t p = 0; p < SG_ARRAY_LEN(types); p++) {
            for (size_t e = 0; e < SG_ARRAY_LEN(types); e++) {
                char text[128];
                struct sg_promql *q;
                struct sg_error err;
                if (want == SG_TYPE_NONE)
                    snprintf(text, sizeof(text), "%s(%s)", name, sample[types[e]]);
                else
                    snprintf(text, sizeof(text), "%s(%s, %s)", name, sample[types[p]],
                             sample[types[e]]);
                bool fits =
                    types[e] == SG_TYPE_VECTOR && (want == SG_TYPE_NONE || types[p] == want);
                int rc = parse(text, &q, &err);
                if ((rc == 0) != fits)
                    fail_msg("%s: %d %s", text, rc, err.text);
                sg_promql_free(q);
            }
        }
    }
}

/* What a binary operator says about operands of these types. */
static bool operands_fit(enum sg_binary_class class, bool with_bool, enum sg_expr_type a,
                         enum sg_expr_type b)
{
    bool va = a == SG_TYPE_VECTOR, vb = b == SG_TYPE_VECTOR;
    if ((!va && a != SG_TYPE_SCALAR) || (!vb && b != SG_TYPE_SCALAR))
        return false;
    if (with_bool && class != SG_BINARY_COMPARE)
        return false;
    if (class == SG_BINARY_SET)
        return va && vb;
    if (class == SG_BINARY_TRIM)
        return va || vb;
    return class != SG_BINARY_COMPARE || va || vb || with_bool;
}

static void test_operators__check_their_operands(void **state)
{
    (void)state;
    for (int op = 0; op < SG_BINARY_OP_COUNT; op++) {
        for (int a = SG_TYPE_SCALAR; a <= SG_TYPE_RANGE; a++) {
            for (int b = SG_TYPE_SCALAR; b <= SG_TYPE_RANGE; b++) {
                for (int with_bool = 0; with_bool < 2; with_bool++) {
                    char text[128];
                    struct sg_promql *q;
                    struct sg_error err;
                    snprintf(text, sizeof(text), "%s %s%s %s", sample[a],
                             sg_binary_text((enum sg_binary_op)op), with_bool ? " bool" : "",
                             sample[b]);
                    int rc = parse(text, &q, &err);
                    if ((rc == 0) != operands_fit(sg_binary_class((enum sg_binary_op)op), with_bool,
                                                  (enum sg_expr_type)a, (enum sg_expr_type)b))
                        fail_msg("%s: %d %s", text, rc, err.text);
                    if (rc == 0)
                        assert_int_equal(q->root->type, a == SG_TYPE_SCALAR && b == SG_TYPE_SCALAR
                                                            ? SG_TYPE_SCALAR
                                                            : SG_TYPE_VECTOR);
                    sg_promql_free(q);
                }
            }
        }
    }
}

static void test_types__come_from_the_outermost_node(void **state)
{
    static const struct {
        const char *text;
        enum sg_expr_type type;
    } cases[] = {
        {"1", SG_TYPE_SCALAR},           {"-(1 + 2)", SG_TYPE_SCALAR},
        {"time()", SG_TYPE_SCALAR},      {"\"a\"", SG_TYPE_STRING},
        {"foo", SG_TYPE_VECTOR},         {"-foo", SG_TYPE_VECTOR},
        {"1 + foo", SG_TYPE_VECTOR},     {"foo[5m]", SG_TYPE_RANGE},
        {"foo[5m:]", SG_TYPE_RANGE},     {"sum(foo)", SG_TYPE_VECTOR},
        {"vector(1)", SG_TYPE_VECTOR},   {"(foo[5m])", SG_TYPE_RANGE},
        {"scalar(foo)", SG_TYPE_SCALAR}, {"1 == bool 2", SG_TYPE_SCALAR},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q;
        struct sg_error err;
        assert_int_equal(parse(cases[i].text, &q, &err), 0);
        if (q->root->type != cases[i].type)
            fail_msg("%s: %s", cases[i].text, sg_expr_type_text(q->root->type));
        sg_promql_free(q);
    }
}

static void test_selectors__need_one_matcher_that_is_not_empty(void **state)
{
    static const char *const good[] = {
        "{a=\"b\"}",
        "{a!=\"\"}",
        "{a=~\".+\"}",
        "{a!~\".*\"}",
        "{a=~\"b|c\"}",
        "{a=\"\",b=\"c\"}",
        "{__name__=~\"a.+\"}",
        "foo{a=\"\"}",
        "{\"foo\"}",
        "info(foo, {})",
        "info(foo, {a=~\".*\"})",
    };
    static const char *const bad[] = {
        "{}",           "{a=\"\"}",        "{a!=\"b\"}",          "{a=~\".*\"}",
        "{a=~\"|b\"}",  "{__name__=\"\"}", "info(foo, (1 + {}))", "sum({})",
        "info({}, {})",
    };
    struct sg_promql *q;
    struct sg_error err;
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(good); i++) {
        if (parse(good[i], &q, &err) < 0)
            fail_msg("%s: %s", good[i], err.text);
        sg_promql_free(q);
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++)
        if (parse(bad[i], &q, &err) == 0)
            fail_msg("%s was taken", bad[i]);
}

static void test_matching__is_dropped_where_it_says_nothing(void **state)
{
    static const struct {
        const char *text, *same;
    } cases[] = {
        {"foo + ignoring() bar", "foo + bar"},
        {"1 + on() foo", "1 + foo"},
        {"foo > bool ignoring() 1", "foo > bool 1"},
        {"foo and ignoring() bar", "foo and bar"},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *a, *b;
        struct sg_error err;
        assert_int_equal(parse(cases[i].text, &a, &err), 0);
        assert_int_equal(parse(cases[i].same, &b, &err), 0);
        assert_true(sg_expr_equal(a->root, b->root));
        sg_promql_free(a);
        sg_promql_free(b);
    }
}

static void test_suggestions__are_near_or_absent(void **state)
{
    static const struct {
        const char *text, *hint; /* NULL: none */
    } cases[] = {
        {"rat(x)", "rate"},
        {"raet(x)", "rate"},
        {"Rate(x)", "rate"},
        {"sun(x)", "sum"},
        {"avgovertime(x)", "avg_over_time"},
        {"histogram_quantile_(x)", "histogram_quantile"},
        {"labelreplace(x)", "label_replace"},
        {"mean(x)", NULL},
        {"percentile(x)", NULL},
        {"x(x)", NULL},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q;
        struct sg_error err;
        char want[64] = "";
        assert_int_equal(parse(cases[i].text, &q, &err), SG_ESYNTAX);
        const char *hint = strstr(err.text, ", did you mean");
        if (cases[i].hint)
            snprintf(want, sizeof(want), ", did you mean '%s'?", cases[i].hint);
        assert_string_equal(hint ? hint : "", want);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions__take_their_number_of_arguments),
        cmocka_unit_test(test_functions__refuse_other_types),
        cmocka_unit_test(test_function_find__knows_every_function),
        cmocka_unit_test(test_aggregations__check_parameter_and_expression),
        cmocka_unit_test(test_operators__check_their_operands),
        cmocka_unit_test(test_types__come_from_the_outermost_node),
        cmocka_unit_test(test_selectors__need_one_matcher_that_is_not_empty),
        cmocka_unit_test(test_matching__is_dropped_where_it_says_nothing),
        cmocka_unit_test(test_suggestions__are_near_or_absent),
    };
    return cmocka_run_group_tests_name("promql/check", tests, NULL, NULL);
}
