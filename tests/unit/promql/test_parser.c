/* test_parser.c - PromQL text to trees: every production, priorities, positions, limits, and the
 * table of refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/promql_ast.h>
#include <string.h>

#include "near.h"

static struct sg_promql *parse(const char *text)
{
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    if (sg_promql_parse(sg_str_from(text), NULL, &q, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return q;
}

/* ---- trees, shown with all their parentheses ---- */

static void show(const struct sg_expr *e, struct sg_buf *b)
{
    if (e->kind == SG_EXPR_BINARY) {
        sg_buf_putc(b, '(');
        show(e->u.binary.lhs, b);
        sg_buf_puts(b, sg_binary_text(e->u.binary.op));
        show(e->u.binary.rhs, b);
        sg_buf_putc(b, ')');
    } else if (e->kind == SG_EXPR_NEGATE) {
        sg_buf_puts(b, "(-");
        show(e->u.negate, b);
        sg_buf_putc(b, ')');
    } else {
        sg_expr_print(e, b);
    }
}

static void test_parser__follows_priorities(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"a or b and c", "(aor(bandc))"},
        {"a and b unless c", "((aandb)unlessc)"},
        {"a or b or c", "((aorb)orc)"},
        {"a == b or c", "((a==b)orc)"},
        {"a + b > c", "((a+b)>c)"},
        {"a > b < c", "((a>b)<c)"},
        {"a + b * c - d", "((a+(b*c))-d)"},
        {"a - b - c", "((a-b)-c)"},
        {"a / b * c % d", "(((a/b)*c)%d)"},
        {"a atan2 b * c", "((aatan2b)*c)"},
        {"a ^ b ^ c", "(a^(b^c))"},
        {"a * b ^ c", "(a*(b^c))"},
        {"(a + b) * c", "((a+b)*c)"},
        {"-a ^ b", "(-(a^b))"},
        {"-a * b", "((-a)*b)"},
        {"a ^ -b", "(a^(-b))"},
        {"a ^ -b ^ c", "(a^(-(b^c)))"},
        {"a ^ -b * c", "((a^(-b))*c)"},
        {"-2 ^ 2", "(-(2^2))"},
        {"(-2) ^ 2", "(-2^2)"},
        {"--a", "(-(-a))"},
        {"-+-1", "1"},
        {"+a", "a"},
        {"a + +b", "(a+b)"},
        {"-1 + 2", "(-1+2)"},
        {"-a offset 5m", "(-a offset 5m)"},
        {"a + b offset 5m", "(a+b offset 5m)"},
        {"a offset 2 ^ 2", "(a offset 2s^2)"},
        {"a offset -2 * 2", "(a offset -2s*2)"},
        {"a @ 5 - 3", "(a @ 5-3)"},
        {"and and and", "(andandand)"},
        {"sum or sum", "(sumorsum)"},
        {"a AND b Or c", "((aandb)orc)"},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q = parse(cases[i].text);
        struct sg_buf b;
        sg_buf_init(&b, 4096);
        show(q->root, &b);
        assert_string_equal(sg_buf_cstr(&b), cases[i].shown);
        sg_buf_deinit(&b);
        sg_promql_free(q);
    }
}

/* ---- nodes ---- */

static void test_parser__reads_numbers_and_strings(void **state)
{
    struct sg_promql *q = parse("-0x10");
    (void)state;
    assert_int_equal(q->root->kind, SG_EXPR_NUMBER);
    assert_int_equal(q->root->type, SG_TYPE_SCALAR);
    assert_near(q->root->u.number, -16, 0);
    sg_promql_free(q);
    q = parse("1h30m");
    assert_near(q->root->u.number, 5400, 0);
    assert_false(q->root->from_duration);
    sg_promql_free(q);
    q = parse("'a\\n\\xff'");
    assert_int_equal(q->root->type, SG_TYPE_STRING);
    assert_true(sg_str_eq_c(q->root->u.string, "a\n\xff"));
    sg_promql_free(q);
}

static void test_parser__reads_a_selector(void **state)
{
    struct sg_promql *q =
        parse(" http:reqs{job=~\"a|b\", \"x.y\"!='1', env=\"p\",} offset -1h @ 12.5");
    const struct sg_selector *s = &q->root->u.selector;
    (void)state;
    assert_int_equal(q->root->kind, SG_EXPR_SELECTOR);
    assert_int_equal(q->root->type, SG_TYPE_VECTOR);
    assert_true(sg_str_eq_c(s->name, "http:reqs"));
    assert_int_equal(s->matcher_count, 4);
    assert_true(sg_str_eq_c(s->matchers[0]->name, "__name__"));
    assert_true(sg_str_eq_c(s->matchers[1]->name, "env"));
    assert_true(sg_str_eq_c(s->matchers[2]->name, "job"));
    assert_int_equal(s->matchers[2]->type, SG_MATCH_RE);
    assert_true(sg_matcher_matches(s->matchers[2], SG_STR("b")));
    assert_true(sg_str_eq_c(s->matchers[3]->name, "x.y"));
    assert_int_equal(s->asof.at, SG_AT_TIME);
    assert_int_equal(s->asof.at_ms, 12500);
    assert_int_equal(s->asof.offset.ms, -3600000);
    assert_int_equal(s->range.ms, 0);
    assert_int_equal(q->root->pos, 1);
    assert_int_equal(q->root->end, q->text.n);
    sg_promql_free(q);
}

static void test_parser__knows_the_name_wherever_it_stands(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"foo", "foo"},
        {"{__name__=\"foo\"}", "foo"},
        {"{\"foo bar\"}", "foo bar"},
        {"{a=\"b\",'foo'}", "foo"},
        {"{__name__=~\"foo\"}", ""},
        {"{__name__=\"foo\",__name__=~\"f.*\"}", ""},
        {"{\"foo\",\"bar\"}", ""},
        {"{\"\",a=\"b\"}", ""},
        {"by", "by"},
        {"OFFSET", "OFFSET"},
        {"start{}", "start"},
        {"sum", "sum"},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q = parse(cases[i].text);
        assert_int_equal(q->root->kind, SG_EXPR_SELECTOR);
        if (!sg_str_eq_c(q->root->u.selector.name, cases[i].name))
            fail_msg("%s: name '%.*s'", cases[i].text, SG_STR_ARG(q->root->u.selector.name));
        sg_promql_free(q);
    }
}

static void test_parser__reads_a_range_selector(void **state)
{
    struct sg_promql *q = parse("foo{a=\"b\"}[1h30m] @ end() offset 5m");
    (void)state;
    assert_int_equal(q->root->kind, SG_EXPR_RANGE_SELECTOR);
    assert_int_equal(q->root->type, SG_TYPE_RANGE);
    assert_int_equal(q->root->u.selector.range.ms, 5400000);
    assert_int_equal(q->root->u.selector.asof.at, SG_AT_END);
    assert_int_equal(q->root->u.selector.asof.offset.ms, 300000);
    sg_promql_free(q);
}

static void test_parser__reads_a_subquery(void **state)
{
    struct sg_promql *q = parse("rate(foo[5m])[1h:30s] offset 1d @ start()");
    const struct sg_subquery *s = &q->root->u.subquery;
    (void)state;
    assert_int_equal(q->root->kind, SG_EXPR_SUBQUERY);
    assert_int_equal(q->root->type, SG_TYPE_RANGE);
    assert_int_equal(s->expr->kind, SG_EXPR_CALL);
    assert_int_equal(s->range.ms, 3600000);
    assert_int_equal(s->step.ms, 30000);
    assert_int_equal(s->asof.at, SG_AT_START);
    assert_int_equal(s->asof.offset.ms, 86400000);
    sg_promql_free(q);
    q = parse("foo[1h:]");
    assert_int_equal(q->root->u.subquery.step.ms, 0);
    assert_null(q->root->u.subquery.step.expr);
    sg_promql_free(q);
}

static void test_parser__reads_calls(void **state)
{
    struct sg_promql *q = parse("label_join(foo, \"a\", \"-\", \"b\", \"c\")");
    (void)state;
    assert_int_equal(q->root->kind, SG_EXPR_CALL);
    assert_int_equal(q->root->u.call.fn->id, SG_FN_LABEL_JOIN);
    assert_int_equal(q->root->u.call.arg_count, 5);
    assert_true(sg_str_eq_c(q->root->u.call.args[4]->u.string, "c"));
    assert_null(sg_expr_child(q->root, 5));
    sg_promql_free(q);
    q = parse("start() + end() + step() + range() + min_of(1, 2) + max_of(time(), pi())");
    assert_int_equal(q->root->type, SG_TYPE_SCALAR);
    sg_promql_free(q);
}

static void test_parser__reads_aggregations(void **state)
{
    static const char *const same[] = {
        "topk by (b, a) (5, foo)",
        "topk(5, foo) by (a, b)",
        "TOPK BY(b,a,)(5,foo)",
        "topk by (a, b, \"a\") ((5), (foo))",
    };
    struct sg_promql *first = parse(same[0]);
    const struct sg_aggregate *a = &first->root->u.aggregate;
    (void)state;
    assert_int_equal(first->root->kind, SG_EXPR_AGGREGATE);
    assert_int_equal(a->op, SG_AGG_TOPK);
    assert_false(a->without);
    assert_int_equal(a->label_count, 2);
    assert_true(sg_str_eq_c(a->labels[0], "a"));
    assert_near(a->param->u.number, 5, 0);
    assert_ptr_equal(sg_expr_child(first->root, 0), a->param);
    assert_ptr_equal(sg_expr_child(first->root, 1), a->expr);
    for (size_t i = 1; i < SG_ARRAY_LEN(same); i++) {
        struct sg_promql *q = parse(same[i]);
        assert_true(sg_expr_equal(first->root, q->root));
        assert_true(sg_expr_hash(first->root) == sg_expr_hash(q->root));
        sg_promql_free(q);
    }
    sg_promql_free(first);
    first = parse("sum without () (foo)");
    assert_true(first->root->u.aggregate.without);
    sg_promql_free(first);
}

static void test_parser__takes_keywords_as_labels(void **state)
{
    struct sg_promql *q =
        parse("sum by (and, by, avg, offset, on, bool, atan2, start, group_left, "
              "fill, step, \"with space\") (foo{without=\"1\", inf=\"2\", by=\"3\"})");
    (void)state;
    assert_int_equal(q->root->u.aggregate.label_count, 12);
    assert_int_equal(q->root->u.aggregate.expr->u.selector.matcher_count, 4);
    sg_promql_free(q);
}

static void test_parser__reads_vector_matching(void **state)
{
    struct sg_promql *q = parse("a <= bool on(y, x) group_left(z,) b");
    const struct sg_binary *b = &q->root->u.binary;
    (void)state;
    assert_int_equal(b->op, SG_OP_LE);
    assert_true(b->return_bool);
    assert_true(b->matching.on);
    assert_int_equal(b->matching.card, SG_CARD_MANY_TO_ONE);
    assert_int_equal(b->matching.label_count, 2);
    assert_true(sg_str_eq_c(b->matching.labels[0], "x"));
    assert_int_equal(b->matching.include_count, 1);
    assert_int_equal(b->op_pos, 2);
    assert_int_equal(b->op_end, 33);
    sg_promql_free(q);
    q = parse("a * ignoring(x) group_right b");
    assert_int_equal(q->root->u.binary.matching.card, SG_CARD_ONE_TO_MANY);
    assert_false(q->root->u.binary.matching.on);
    sg_promql_free(q);
    q = parse("a unless on() b");
    assert_int_equal(q->root->u.binary.matching.card, SG_CARD_MANY_TO_MANY);
    assert_true(q->root->u.binary.matching.on);
    sg_promql_free(q);
    q = parse("a + on() 1");
    assert_false(q->root->u.binary.matching.on);
    sg_promql_free(q);
}

static void test_parser__gives_byte_ranges(void **state)
{
    struct sg_promql *q = parse("  sum ( rate(x[5m]) ) by (a) / -y ");
    const struct sg_binary *b = &q->root->u.binary;
    (void)state;
    assert_int_equal(q->root->pos, 2);
    assert_int_equal(q->root->end, 33);
    assert_int_equal(b->lhs->pos, 2);
    assert_int_equal(b->lhs->end, 28);
    assert_int_equal(b->lhs->u.aggregate.expr->pos, 8);
    assert_int_equal(b->lhs->u.aggregate.expr->end, 19);
    assert_int_equal(b->rhs->pos, 31);
    assert_int_equal(q->root->height, 4);
    sg_promql_free(q);
}

/* ---- durations ---- */

static void test_parser__folds_constant_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"m[5m]", 300000},
        {"m[300]", 300000},
        {"m[0.5]", 500},
        {"m[1.0005]", 1001},
        {"m[5m*2]", 600000},
        {"m[-5m+35m]", 1800000},
        {"m[30m1s-30m1s % 1m]", 1800000},
        {"m[24m+((1.5*2m)+2m)]", 1740000},
        {"m[1h/2]", 1800000},
        {"m[2^3^0]", 2000},
        {"m[--5]", 5000},
        {"m[10--2^2]", 14000},
        {"m[min(5m, 1m)]", 60000},
        {"m[max_of(5m, 1m+1)]", 300000},
        {"m[+5m]", 300000},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q = parse(cases[i].text);
        assert_null(q->root->u.selector.range.expr);
        if (q->root->u.selector.range.ms != cases[i].ms)
            fail_msg("%s: %lld ms", cases[i].text, (long long)q->root->u.selector.range.ms);
        sg_promql_free(q);
    }
}

static void test_parser__folds_constant_offsets(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"m offset 5m", 300000},          {"m offset -5m", -300000},
        {"m offset +50", 50000},          {"m offset (100 + 2)", 102000},
        {"m offset -(1m)", -60000},       {"m offset (-2 ^ 2)", -4000},
        {"m offset --5", 5000},           {"m offset 0", 0},
        {"m offset min_of(1,-2)", -2000},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q = parse(cases[i].text);
        if (q->root->u.selector.asof.offset.ms != cases[i].ms)
            fail_msg("%s: %lld ms", cases[i].text, (long long)q->root->u.selector.asof.offset.ms);
        sg_promql_free(q);
    }
}

static void test_duration_resolve__uses_step_and_range(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"m[step()]", 15000},
        {"m[range()]", 3600000},
        {"m[step()*2+1m]", 90000},
        {"m[max_of(step(), 1m)]", 60000},
        {"m[min_of(step(), 1m)]", 15000},
        {"m[range()/step()]", 240000},
        {"m[range() % 7]", 2000},
        {"m[(step()-10)^2]", 25000},
        {"m[-step()+1h]", 3585000},
        {"m[0.0001+step()]", 15000},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q = parse(cases[i].text);
        struct sg_error err = {0};
        int64_t ms = 0;
        assert_non_null(q->root->u.selector.range.expr);
        if (sg_duration_resolve(&q->root->u.selector.range, 15000, 3600000, false, &ms, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        if (ms != cases[i].ms)
            fail_msg("%s: %lld ms", cases[i].text, (long long)ms);
        sg_promql_free(q);
    }
}

static void test_duration_resolve__refuses_what_has_no_length(void **state)
{
    static const struct {
        const char *text, *error;
        uint32_t pos;
    } cases[] = {
        {"m[step()]", "duration must be greater than 0", 2},
        {"m[-step()]", "duration must be greater than 0", 2},
        {"m[1/step()]", "division by zero", 3},
        {"m[1%step()]", "modulo by zero", 3},
        {"m[step()+1e9*1e9]", "duration out of range", 8},
        {"m[(step()-4)^0.5]", "duration out of range", 12},
        {"m[step()+0.0001]", "duration out of range", 8},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_promql *q = parse(cases[i].text);
        struct sg_error err = {0};
        int64_t ms;
        assert_int_equal(sg_duration_resolve(&q->root->u.selector.range, 0, 0, false, &ms, &err),
                         SG_EEXECUTION);
        assert_string_equal(err.text, cases[i].error);
        assert_int_equal(err.pos, cases[i].pos);
        sg_promql_free(q);
    }
    struct sg_promql *q = parse("m offset -step()");
    int64_t ms = 0;
    assert_int_equal(
        sg_duration_resolve(&q->root->u.selector.asof.offset, 5000, 0, true, &ms, NULL), 0);
    assert_int_equal(ms, -5000);
    sg_promql_free(q);
}

/* ---- refusals ---- */

static char *read_table(void)
{
    FILE *f = fopen(SG_TEST_DATA "/../promql/parse_errors.txt", "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 1000);
    fclose(f);
    return text;
}

/* One row: expression, arrow, begin-end, message. */
static bool row_holds(const char *row, size_t n)
{
    static const char arrow[] = "  \xe2\x86\x92  ";
    const char *at = memmem(row, n, arrow, sizeof(arrow) - 1);
    struct sg_error err = {0};
    struct sg_promql *q = NULL;
    char got[512];
    if (!at)
        return false;
    struct sg_str text = {row, (size_t)(at - row)};
    const char *want = at + sizeof(arrow) - 1;
    if (sg_promql_parse(text, NULL, &q, &err) == 0) {
        print_error("'%.*s' was accepted\n", SG_STR_ARG(text));
        sg_promql_free(q);
        return false;
    }
    const char *message = strncmp(err.text, "parse error: ", 13) == 0 ? err.text + 13 : err.text;
    int len = snprintf(got, sizeof(got), "%u-%u %s", err.pos, err.end, message);
    if ((size_t)len == n - (size_t)(want - row) && memcmp(got, want, (size_t)len) == 0)
        return true;
    print_error("'%.*s': %s\n", SG_STR_ARG(text), got);
    return false;
}

static void test_parser__refuses_with_place_and_reason(void **state)
{
    char *table = read_table();
    struct sg_str rest = sg_str_from(table);
    size_t rows = 0, wrong = 0;
    (void)state;
    while (rest.p) {
        struct sg_str row = sg_str_split(&rest, '\n');
        if (row.n == 0 || sg_str_starts_with(row, SG_STR("##")))
            continue;
        rows++;
        wrong += !row_holds(row.p, row.n);
    }
    free(table);
    assert_true(rows > 200);
    assert_int_equal(wrong, 0);
}

static void test_parser__tells_line_and_column(void **state)
{
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    char text[320];
    (void)state;
    assert_int_equal(sg_promql_parse(SG_STR("sum(\n  foo\n    bar)"), NULL, &q, &err), SG_ESYNTAX);
    assert_string_equal(sg_error_format(&err, text, sizeof(text)),
                        "3:5: parse error: unexpected identifier \"bar\", expected \",\" or \")\"");
}

static void test_parser__reports_syntax_before_types(void **state)
{
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    (void)state;
    assert_int_equal(sg_promql_parse(SG_STR("1 == 2 + abs(5) )"), NULL, &q, &err), SG_ESYNTAX);
    assert_string_equal(err.text, "parse error: unexpected right parenthesis ')'");
    err = (struct sg_error){0};
    assert_int_equal(sg_promql_parse(SG_STR("abs(5) + (1 == 2)"), NULL, &q, &err), SG_ESYNTAX);
    assert_int_equal(err.pos, 4);
    assert_int_equal(sg_promql_parse(SG_STR("abs(5)"), NULL, &q, NULL), SG_ESYNTAX);
}

static void test_parser__finds_no_expression(void **state)
{
    static const char *const texts[] = {"", "  ", "# comment", "\n\n"};
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(texts); i++) {
        struct sg_promql *q = NULL;
        struct sg_error err = {0};
        assert_int_equal(sg_promql_parse(sg_str_from(texts[i]), NULL, &q, &err), SG_ESYNTAX);
        assert_string_equal(err.text, "parse error: no expression found in input");
    }
}

/* ---- limits ---- */

/* head, n times middle, foo, n times tail: refused with this text. */
static void check_limit(const char *middle, const char *tail, size_t n, const char *text)
{
    struct sg_buf b;
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    sg_buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++)
        sg_buf_puts(&b, middle);
    sg_buf_puts(&b, "foo");
    for (size_t i = 0; i < n; i++)
        sg_buf_puts(&b, tail);
    int rc = sg_promql_parse(sg_buf_str(&b), NULL, &q, &err);
    if (rc != (text ? SG_ELIMIT : 0) || (text && !strstr(err.text, text)))
        fail_msg("%zu x '%s': %d %s", n, middle, rc, err.text);
    sg_promql_free(q);
    sg_buf_deinit(&b);
}

static void test_parser__bounds_nesting(void **state)
{
    static const char deep[] = "expression nests deeper than 256 levels";
    (void)state;
    check_limit("(", ")", 256, NULL);
    check_limit("(", ")", 257, deep);
    check_limit("-", "", 256, NULL);
    check_limit("-", "", 257, deep);
    check_limit("abs(", ")", 256, NULL);
    check_limit("abs(", ")", 20000 / 5, deep);
    check_limit("sum(", ")", 257, deep);
    check_limit("foo ^ ", "", 256, NULL);
    check_limit("foo ^ ", "", 257, deep);
}

static void test_parser__bounds_height(void **state)
{
    static const char high[] = "expression has more than 1024 operators in a row";
    (void)state;
    check_limit("foo + ", "", 1023, NULL);
    check_limit("foo + ", "", 1024, high);
    check_limit("", "[5m:1m]", 1, NULL);
    check_limit("foo or ", "", 9000, high);
    check_limit("", " offset 0", 5000, NULL);
}

static void test_parser__bounds_durations(void **state)
{
    struct sg_buf b;
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    (void)state;
    sg_buf_init(&b, 1 << 20);
    sg_buf_puts(&b, "foo[step()");
    for (int i = 0; i < 1025; i++)
        sg_buf_puts(&b, "+step()");
    sg_buf_puts(&b, "]");
    assert_int_equal(sg_promql_parse(sg_buf_str(&b), NULL, &q, &err), SG_ELIMIT);
    assert_non_null(strstr(err.text, "operators in durations"));
    sg_buf_deinit(&b);
}

static void test_parser__bounds_regexes(void **state)
{
    struct sg_buf b;
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    (void)state;
    sg_buf_init(&b, 1 << 20);
    sg_buf_puts(&b, "foo{");
    for (int i = 0; i < SG_PROMQL_MAX_REGEXES + 1; i++)
        sg_buf_puts(&b, "a=~\"b\",");
    sg_buf_puts(&b, "}");
    assert_int_equal(sg_promql_parse(sg_buf_str(&b), NULL, &q, &err), SG_ELIMIT);
    assert_non_null(strstr(err.text, "more than 128 regular expressions"));
    sg_buf_deinit(&b);
}

static void test_parser__bounds_length(void **state)
{
    struct sg_promql_options opt = {.max_bytes = 10};
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    (void)state;
    assert_int_equal(sg_promql_parse(SG_STR("abcdefghij"), &opt, &q, &err), 0);
    sg_promql_free(q);
    assert_int_equal(sg_promql_parse(SG_STR("abcdefghijk"), &opt, &q, &err), SG_ELIMIT);
    assert_string_equal(err.text, "parse error: expression has 11 bytes, the limit is 10");
    assert_int_equal(err.pos, 10);
    opt = (struct sg_promql_options){.max_nesting = 2};
    err = (struct sg_error){0};
    assert_int_equal(sg_promql_parse(SG_STR("(((a)))"), &opt, &q, &err), SG_ELIMIT);
    assert_int_equal(err.pos, 2);
}

static void test_parser__survives_wide_expressions(void **state)
{
    static const struct {
        const char *head, *item, *tail;
    } cases[] = {
        {"sum by (", "a,", ") (x)"},
        {"x{", "a=\"\",", "}"},
        {"sort_by_label(x", ",\"\"", ")"},
        {"label_join(x,\"\",\"\"", ",''", ")"},
        {"x[5m", "+0", "]"},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_buf b;
        struct sg_error err = {0};
        struct sg_promql *q = NULL;
        sg_buf_init(&b, 1 << 20);
        sg_buf_puts(&b, cases[i].head);
        while (b.len < 65000)
            sg_buf_puts(&b, cases[i].item);
        sg_buf_puts(&b, cases[i].tail);
        if (sg_promql_parse(sg_buf_str(&b), NULL, &q, &err) < 0)
            fail_msg("%s%s…: %s", cases[i].head, cases[i].item, err.text);
        sg_promql_free(q);
        sg_buf_deinit(&b);
    }
}

/* ---- selectors alone ---- */

static void test_parse_selector__takes_selectors_only(void **state)
{
    static const char *const good[] = {"foo", "{a=\"b\"}", "foo{a=~\"b.*\"}", "{\"a b\"}"};
    static const char *const bad[] = {"foo[5m]",   "sum(foo)", "foo offset 5m", "foo @ 5", "1",
                                      "foo + foo", "\"a\"",    "-foo",          "{}",      "foo{"};
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(good); i++) {
        struct sg_promql *q = NULL;
        assert_int_equal(sg_promql_parse_selector(sg_str_from(good[i]), NULL, &q, NULL), 0);
        assert_int_equal(q->root->kind, SG_EXPR_SELECTOR);
        sg_promql_free(q);
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        struct sg_promql *q = NULL;
        struct sg_error err = {0};
        if (sg_promql_parse_selector(sg_str_from(bad[i]), NULL, &q, &err) != SG_ESYNTAX)
            fail_msg("'%s' was taken", bad[i]);
        assert_null(q);
    }
    sg_promql_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parser__follows_priorities),
        cmocka_unit_test(test_parser__reads_numbers_and_strings),
        cmocka_unit_test(test_parser__reads_a_selector),
        cmocka_unit_test(test_parser__knows_the_name_wherever_it_stands),
        cmocka_unit_test(test_parser__reads_a_range_selector),
        cmocka_unit_test(test_parser__reads_a_subquery),
        cmocka_unit_test(test_parser__reads_calls),
        cmocka_unit_test(test_parser__reads_aggregations),
        cmocka_unit_test(test_parser__takes_keywords_as_labels),
        cmocka_unit_test(test_parser__reads_vector_matching),
        cmocka_unit_test(test_parser__gives_byte_ranges),
        cmocka_unit_test(test_parser__folds_constant_durations),
        cmocka_unit_test(test_parser__folds_constant_offsets),
        cmocka_unit_test(test_duration_resolve__uses_step_and_range),
        cmocka_unit_test(test_duration_resolve__refuses_what_has_no_length),
        cmocka_unit_test(test_parser__refuses_with_place_and_reason),
        cmocka_unit_test(test_parser__tells_line_and_column),
        cmocka_unit_test(test_parser__reports_syntax_before_types),
        cmocka_unit_test(test_parser__finds_no_expression),
        cmocka_unit_test(test_parser__bounds_nesting),
        cmocka_unit_test(test_parser__bounds_height),
        cmocka_unit_test(test_parser__bounds_durations),
        cmocka_unit_test(test_parser__bounds_regexes),
        cmocka_unit_test(test_parser__bounds_length),
        cmocka_unit_test(test_parser__survives_wide_expressions),
        cmocka_unit_test(test_parse_selector__takes_selectors_only),
    };
    return cmocka_run_group_tests_name("promql/parser", tests, NULL, NULL);
}
