/* test_print.c - canonical text: one spelling for equal trees, the tree back from it, and different
 * trees kept apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/promql_ast.h>
#include <string.h>

static struct sg_promql *parse(struct sg_str text)
{
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    if (sg_promql_parse(text, NULL, &q, &err) < 0)
        fail_msg("%.*s: %s", SG_STR_ARG(text), err.text);
    return q;
}

/* Prints what the text means, and checks that reading it again gives the same tree, hash and text.
 */
static void print_round(const char *text, struct sg_buf *ret)
{
    struct sg_buf again;
    sg_buf_init(ret, 1 << 20);
    sg_buf_init(&again, 1 << 20);
    struct sg_promql *q = parse(sg_str_from(text));
    assert_int_equal(sg_expr_print(q->root, ret), 0);
    struct sg_promql *p = parse(sg_buf_str(ret));
    assert_int_equal(sg_expr_print(p->root, &again), 0);
    if (!sg_expr_equal(q->root, p->root) || sg_expr_hash(q->root) != sg_expr_hash(p->root) ||
        !sg_str_eq(sg_buf_str(ret), sg_buf_str(&again)))
        fail_msg("'%s' gives '%s' and then '%s'", text, sg_buf_cstr(ret), sg_buf_cstr(&again));
    sg_promql_free(q);
    sg_promql_free(p);
    sg_buf_deinit(&again);
}

struct print_case {
    const char *text, *canonical;
};

static void run_cases(const struct print_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sg_buf b;
        print_round(cases[i].text, &b);
        assert_string_equal(sg_buf_cstr(&b), cases[i].canonical);
        sg_buf_deinit(&b);
    }
}

static void test_print__spells_literals_one_way(void **state)
{
    static const struct print_case cases[] = {
        {"0x1F", "31"},
        {"1_000", "1000"},
        {"1.50", "1.5"},
        {"1e3", "1000"},
        {"1e21", "1e+21"},
        {"0.0000001", "1e-07"},
        {"5m", "300"},
        {"-0", "-0"},
        {"- 5", "-5"},
        {"+5", "5"},
        {"inf", "Inf"},
        {"-INF", "-Inf"},
        {"nan", "NaN"},
        {"-nan", "NaN"},
        {"'it\\'s'", "\"it's\""},
        {"`a\\n\"`", "\"a\\\\n\\\"\""},
        {"\"\\n\\t\\x00\\x7f\\xff\xc3\xa4\"", "\"\\n\\t\\x00\\x7f\\xff\xc3\xa4\""},
    };
    (void)state;
    run_cases(cases, SG_ARRAY_LEN(cases));
}

static void test_print__sorts_selectors(void **state)
{
    static const struct print_case cases[] = {
        {"foo{}", "foo"},
        {"foo{z='1',a=~\"b\",}", "foo{a=~\"b\", z=\"1\"}"},
        {"foo{a!=\"2\",a!=\"1\",a=\"3\"}", "foo{a=\"3\", a!=\"1\", a!=\"2\"}"},
        {"{__name__=\"foo\",a=\"b\"}", "foo{a=\"b\"}"},
        {"{a=\"b\",\"foo\"}", "foo{a=\"b\"}"},
        {"{\"foo bar\"}", "{\"foo bar\"}"},
        {"{b=\"c\",\"foo.bar\"}", "{\"foo.bar\", b=\"c\"}"},
        {"{__name__=~\"f.*\"}", "{__name__=~\"f.*\"}"},
        {"{__name__=\"a\",__name__=\"b\"}", "{__name__=\"a\", __name__=\"b\"}"},
        {"{__name__=\"\",a=\"b\"}", "{__name__=\"\", a=\"b\"}"},
        {"info(foo, {a=\"b\",__name__=\"bar\"} @ 1)", "info(foo, {\"bar\", a=\"b\"} @ 1)"},
        {"{\"a.b\"=\"c\"}", "{\"a.b\"=\"c\"}"},
        {"{\"x\"=\"c\"}", "{x=\"c\"}"},
        {"{on=\"c\",without=\"1\"}", "{on=\"c\", without=\"1\"}"},
        {"{\"bool\"}", "{\"bool\"}"},
        {"{\"inf\"}", "{\"inf\"}"},
        {"{\"atan2\"}", "{\"atan2\"}"},
        {"{\"Group_Left\"}", "{\"Group_Left\"}"},
        {"{\"1a\"}", "{\"1a\"}"},
        {"{\"by\"}", "by"},
        {"{\"a:b\"}", "a:b"},
        {"{'fill'}", "fill"},
        {"foo{a=\"1\",a=\"1\"}", "foo{a=\"1\", a=\"1\"}"},
    };
    (void)state;
    run_cases(cases, SG_ARRAY_LEN(cases));
}

static void test_print__puts_time_modifiers_in_order(void **state)
{
    static const struct print_case cases[] = {
        {"foo offset 60s @ 10", "foo @ 10 offset 1m"},
        {"foo @ 1.5 offset -90", "foo @ 1.5 offset -1m30s"},
        {"foo @ -0.001", "foo @ -0.001"},
        {"foo @ 1e9", "foo @ 1000000000"},
        {"foo @ 1m", "foo @ 60"},
        {"foo @ START()", "foo @ start()"},
        {"foo offset 0", "foo"},
        {"foo[300]", "foo[5m]"},
        {"foo[1d24h]", "foo[2d]"},
        {"foo[0.5]", "foo[500ms]"},
        {"foo[ 5m : ]", "foo[5m:]"},
        {"foo[1h:30] @ end() offset 1m", "foo[1h:30s] @ end() offset 1m"},
        {"foo offset 1m [5m:1m] offset 2m", "foo offset 1m[5m:1m] offset 2m"},
        {"foo[5m*2]", "foo[10m]"},
        {"foo[step()+5m]", "foo[step() + 300]"},
        {"foo[(step()+1)*2]", "foo[(step() + 1) * 2]"},
        {"foo[step()-(1-step())]", "foo[step() - (1 - step())]"},
        {"foo[(step()-1)-step()]", "foo[step() - 1 - step()]"},
        {"foo[(-step())^2]", "foo[(-step()) ^ 2]"},
        {"foo[-step()^2+1h]", "foo[-step() ^ 2 + 3600]"},
        {"foo[2^(3^step())]", "foo[2 ^ 3 ^ step()]"},
        {"foo[(step()^2)^2]", "foo[(step() ^ 2) ^ 2]"},
        {"foo[(-2)^step()]", "foo[(-2) ^ step()]"},
        {"foo[max(1m,step())]", "foo[max_of(60, step())]"},
        {"foo[5m:step()]", "foo[5m:step()]"},
        {"foo offset step()", "foo offset (step())"},
        {"foo offset -(range()+1)", "foo offset (-(range() + 1))"},
        {"foo offset min_of(step(), 1)", "foo offset (min_of(step(), 1))"},
    };
    (void)state;
    run_cases(cases, SG_ARRAY_LEN(cases));
}

static void test_print__keeps_only_parentheses_that_matter(void **state)
{
    static const struct print_case cases[] = {
        {"((foo))", "foo"},
        {"(a + b) + c", "a + b + c"},
        {"a + (b + c)", "a + (b + c)"},
        {"a + (b * c)", "a + b * c"},
        {"(a + b) * c", "(a + b) * c"},
        {"a ^ (b ^ c)", "a ^ b ^ c"},
        {"(a ^ b) ^ c", "(a ^ b) ^ c"},
        {"-(a ^ b)", "-a ^ b"},
        {"(-a) ^ b", "(-a) ^ b"},
        {"(-1) ^ b", "(-1) ^ b"},
        {"a ^ (-1)", "a ^ -1"},
        {"a ^ (-b)", "a ^ -b"},
        {"-(a * b)", "-(a * b)"},
        {"(-a) * b", "-a * b"},
        {"a - (-b)", "a - -b"},
        {"a - (-1)", "a - -1"},
        {"(a ^ -b) * c", "a ^ -b * c"},
        {"a ^ (-b * c)", "a ^ (-b * c)"},
        {"(a ^ -b) ^ c", "(a ^ -b) ^ c"},
        {"a or (b and c)", "a or b and c"},
        {"(a or b) and c", "(a or b) and c"},
        {"a == (b == c)", "a == (b == c)"},
        {"(a + b)[5m:1m]", "(a + b)[5m:1m]"},
        {"(-a)[5m:1m]", "(-a)[5m:1m]"},
        {"(sum(a))[5m:1m]", "sum(a)[5m:1m]"},
        {"(a)[5m:1m]", "a[5m:1m]"},
        {"abs((a))", "abs(a)"},
        {"-(-a)", "--a"},
        {"-(+a)", "-a"},
        {"(+Inf) ^ 2", "Inf ^ 2"},
    };
    (void)state;
    run_cases(cases, SG_ARRAY_LEN(cases));
}

static void test_print__spells_clauses_one_way(void **state)
{
    static const struct print_case cases[] = {
        {"SUM(a)BY(x,b)", "sum by (b, x) (a)"},
        {"sum by () (a)", "sum(a)"},
        {"sum without () (a)", "sum without () (a)"},
        {"sum by (a, \"a\", b) (x)", "sum by (a, b) (x)"},
        {"sum by (\"a.b\", 'without', \"Inf\", \"on\") (x)",
         "sum by (\"Inf\", \"a.b\", on, \"without\") (x)"},
        {"sum by (a:b) (x)", "sum by (\"a:b\") (x)"},
        {"quantile(.9,a)without(b)", "quantile without (b) (0.9, a)"},
        {"count_values('v',a)", "count_values(\"v\", a)"},
        {"a+on(y,x)b", "a + on (x, y) b"},
        {"a+on()b", "a + on () b"},
        {"a+ignoring()b", "a + b"},
        {"a*on(x)group_left b", "a * on (x) group_left () b"},
        {"a*on(x)group_left()(b)", "a * on (x) group_left () b"},
        {"a*ignoring(x)group_right(z,y,z)b", "a * ignoring (x) group_right (y, z) b"},
        {"a*ignoring()group_left(y)b", "a * ignoring () group_left (y) b"},
        {"a>=BOOL b", "a >= bool b"},
        {"a AND ON(x) b", "a and on (x) b"},
        {"a UNLESS b", "a unless b"},
        {"a ATAN2 b", "a atan2 b"},
        {"a # comment\n + # more\n b", "a + b"},
        {"round(a,1)", "round(a, 1)"},
        {"time( )", "time()"},
        {"b + a", "b + a"},
    };
    (void)state;
    run_cases(cases, SG_ARRAY_LEN(cases));
}

/* What was written in brackets or as a duration stays so; it still reads as the same expression. */
static void test_print__shows_trees_as_written(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"(a)", "(a)"},
        {"((a+b))*c", "((a + b)) * c"},
        {"a+(b*c)", "a + (b * c)"},
        {"+a", "+a"},
        {"-(a)", "-(a)"},
        {"+5", "5"},
        {"a > 10m", "a > 10m"},
        {"-1h30m", "-1h30m"},
        {"-0s", "-0s"},
        {"a + 90", "a + 90"},
        {"sum by(z,a)(b)", "sum by (z, a) (b)"},
        {"a * on(z,b) group_left(y,c) (d)", "a * on (z, b) group_left (y, c) (d)"},
        {"(rate(a[5m]))[1h:]", "(rate(a[5m]))[1h:]"},
        {"f{b='1',a='2'}", "f{a=\"2\", b=\"1\"}"},
        {"topk((3), (a))", "topk((3), (a))"},
    };
    const struct sg_promql_options as_written = {.as_written = true};
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q, *canonical, *again;
        struct sg_buf b;
        struct sg_error err = {0};
        sg_buf_init(&b, 1000);
        assert_int_equal(sg_promql_parse(sg_str_from(cases[i].text), &as_written, &q, &err), 0);
        assert_int_equal(sg_expr_print(q->root, &b), 0);
        assert_string_equal(sg_buf_cstr(&b), cases[i].shown);
        assert_int_equal(sg_promql_parse(sg_str_from(cases[i].text), NULL, &canonical, &err), 0);
        assert_int_equal(sg_promql_parse(sg_buf_str(&b), NULL, &again, &err), 0);
        assert_true(sg_expr_equal(canonical->root, again->root));
        sg_buf_deinit(&b);
        sg_promql_free(again);
        sg_promql_free(canonical);
        sg_promql_free(q);
    }
}

/* No two of these mean the same. */
static const char *const different[] = {
    "a",
    "b",
    "a + b",
    "b + a",
    "a - b",
    "a + on() b",
    "a + on(x) b",
    "a + ignoring(x) b",
    "a + on(x) group_left b",
    "a + on(x) group_right b",
    "a + on(x) group_left(y) b",
    "a > b",
    "a > bool b",
    "a + b + c",
    "a + (b + c)",
    "a{x=\"1\"}",
    "a{x!=\"1\"}",
    "a{x=~\"1\"}",
    "a{x=\"2\"}",
    "a{y=\"1\"}",
    "a{x=\"1\",x=\"1\"}",
    "a offset 5m",
    "a offset 6m",
    "a @ 5",
    "a @ start()",
    "a @ end()",
    "a[5m]",
    "a[6m]",
    "a[step()]",
    "a[range()]",
    "a[step()+1]",
    "a[step()+2]",
    "a[step()-1]",
    "a[5m:]",
    "a[5m:1m]",
    "a[5m:step()]",
    "a[5m:1m] offset 1m",
    "a[5m:1m] @ 1",
    "sum(a)",
    "sum(b)",
    "avg(a)",
    "sum by (x) (a)",
    "sum without (x) (a)",
    "sum without () (a)",
    "sum by (x, y) (a)",
    "topk(1, a)",
    "topk(2, a)",
    "-a",
    "--a",
    "abs(a)",
    "ceil(a)",
    "round(a)",
    "round(a, 1)",
    "1",
    "2",
    "0",
    "-0",
    "NaN",
    "Inf",
    "-Inf",
    "\"1\"",
    "\"2\"",
    "rate(a[5m])",
    "rate(a[5m:])",
};

static void test_equal__tells_different_trees_apart(void **state)
{
    struct sg_promql *q[SG_ARRAY_LEN(different)];
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(different); i++)
        q[i] = parse(sg_str_from(different[i]));
    for (size_t i = 0; i < SG_ARRAY_LEN(different); i++) {
        for (size_t k = 0; k < SG_ARRAY_LEN(different); k++) {
            if (sg_expr_equal(q[i]->root, q[k]->root) != (i == k))
                fail_msg("'%s' and '%s'", different[i], different[k]);
            if ((sg_expr_hash(q[i]->root) == sg_expr_hash(q[k]->root)) != (i == k))
                fail_msg("hashes of '%s' and '%s'", different[i], different[k]);
        }
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(different); i++)
        sg_promql_free(q[i]);
}

static void test_equal__ignores_how_it_was_written(void **state)
{
    static const char *const pairs[][2] = {
        {"5m", "300"},
        {"a{x=\"1\",y=\"2\"}", "a{y='2', x=`1`,}"},
        {"{__name__=\"a\"}", "a"},
        {"sum by (x, y) (a)", "sum(a) by (y, x)"},
        {"a @ 5 offset 1m", "a offset 60 @ 5"},
        {"a[5m]", "a[150*2]"},
        {"((a)) + (b)", "a+b"},
        {"NaN", "-NaN"},
        {"+a", "a"},
        {"-1", "-(1)"},
        {"a[min(step(),1)]", "a[min_of(step(),1s)]"},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(pairs); i++) {
        struct sg_promql *a = parse(sg_str_from(pairs[i][0]));
        struct sg_promql *b = parse(sg_str_from(pairs[i][1]));
        if (!sg_expr_equal(a->root, b->root) || sg_expr_hash(a->root) != sg_expr_hash(b->root))
            fail_msg("'%s' and '%s'", pairs[i][0], pairs[i][1]);
        sg_promql_free(a);
        sg_promql_free(b);
    }
}

static void test_print__says_when_the_buffer_is_full(void **state)
{
    struct sg_promql *q = parse(SG_STR("sum by (a) (rate(foo[5m]))"));
    struct sg_buf b;
    (void)state;
    sg_buf_init(&b, 10);
    assert_int_equal(sg_expr_print(q->root, &b), SG_ELIMIT);
    sg_buf_deinit(&b);
    sg_promql_free(q);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print__shows_trees_as_written),
        cmocka_unit_test(test_print__spells_literals_one_way),
        cmocka_unit_test(test_print__sorts_selectors),
        cmocka_unit_test(test_print__puts_time_modifiers_in_order),
        cmocka_unit_test(test_print__keeps_only_parentheses_that_matter),
        cmocka_unit_test(test_print__spells_clauses_one_way),
        cmocka_unit_test(test_equal__tells_different_trees_apart),
        cmocka_unit_test(test_equal__ignores_how_it_was_written),
        cmocka_unit_test(test_print__says_when_the_buffer_is_full),
    };
    return cmocka_run_group_tests_name("promql/print", tests, NULL, NULL);
}
