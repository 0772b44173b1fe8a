/* api_expr.c - /api/v1/parse_query and /api/v1/format_query: an expression as a tree, and on
 * several lines.
 *
 * The tree is the one that was written, with its parentheses; matchers are sorted, and comments are
 * gone. Of an expression too high for that it is the canonical one.
 */
#include <streamgauge/num.h>
#include <string.h>

#include "net/api.h"

/* ---- the tree, keys in alphabetical order ---- */

static void put_strings(struct sg_buf *b, const struct sg_str *items, uint32_t n)
{
    sg_buf_putc(b, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            sg_buf_putc(b, ',');
        sg_buf_put_json_str(b, items[i]);
    }
    sg_buf_putc(b, ']');
}

static const char *bool_text(bool v)
{
    return v ? "true" : "false";
}

static const char *type_text(enum sg_expr_type type)
{
    switch (type) {
    case SG_TYPE_SCALAR:
        return "scalar";
    case SG_TYPE_STRING:
        return "string";
    case SG_TYPE_VECTOR:
        return "vector";
    case SG_TYPE_RANGE:
        return "matrix";
    case SG_TYPE_NONE:
        break;
    }
    return "none";
}

static void put_matchers(struct sg_buf *b, const struct sg_selector *s)
{
    sg_buf_puts(b, "\"matchers\":[");
    for (uint32_t i = 0; i < s->matcher_count; i++) {
        const struct sg_matcher *m = s->matchers[i];
        sg_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
        sg_buf_put_json_str(b, m->name);
        sg_buf_printf(b, ",\"type\":\"%s\",\"value\":", sg_match_type_text(m->type));
        sg_buf_put_json_str(b, m->value);
        sg_buf_putc(b, '}');
    }
    sg_buf_puts(b, "],");
}

static void put_start_or_end(struct sg_buf *b, const struct sg_asof *a)
{
    sg_buf_printf(b, "\"startOrEnd\":%s,",
                  a->at == SG_AT_START ? "\"start\""
                  : a->at == SG_AT_END ? "\"end\""
                                       : "null");
}

static void put_timestamp(struct sg_buf *b, const struct sg_asof *a)
{
    if (a->at == SG_AT_TIME)
        sg_buf_printf(b, "\"timestamp\":%lld,", (long long)a->at_ms);
    else
        sg_buf_puts(b, "\"timestamp\":null,");
}

static void put_selector(struct sg_buf *b, const struct sg_expr *e)
{
    const struct sg_selector *s = &e->u.selector;
    bool range = e->kind == SG_EXPR_RANGE_SELECTOR;
    sg_buf_putc(b, '{');
    put_matchers(b, s);
    sg_buf_puts(b, "\"name\":");
    sg_buf_put_json_str(b, s->name.n ? s->name : SG_STR(""));
    sg_buf_printf(b, ",\"offset\":%lld,", (long long)s->asof.offset.ms);
    if (range)
        sg_buf_printf(b, "\"range\":%lld,", (long long)s->range.ms);
    put_start_or_end(b, &s->asof);
    put_timestamp(b, &s->asof);
    sg_buf_printf(b, "\"type\":\"%s\"}", range ? "matrixSelector" : "vectorSelector");
}

static void put_subquery(struct sg_buf *b, const struct sg_subquery *s)
{
    sg_buf_puts(b, "{\"expr\":");
    sg__json_expr(b, s->expr);
    sg_buf_printf(b, ",\"offset\":%lld,\"range\":%lld,", (long long)s->asof.offset.ms,
                  (long long)s->range.ms);
    put_start_or_end(b, &s->asof);
    sg_buf_printf(b, "\"step\":%lld,", (long long)s->step.ms);
    put_timestamp(b, &s->asof);
    sg_buf_puts(b, "\"type\":\"subquery\"}");
}

static void put_call(struct sg_buf *b, const struct sg_call *c)
{
    sg_buf_puts(b, "{\"args\":[");
    for (uint32_t i = 0; i < c->arg_count; i++) {
        if (i)
            sg_buf_putc(b, ',');
        sg__json_expr(b, c->args[i]);
    }
    sg_buf_puts(b, "],\"func\":{\"argTypes\":[");
    for (unsigned i = 0; i < c->fn->arg_count; i++)
        sg_buf_printf(b, "%s\"%s\"", i ? "," : "", type_text(c->fn->args[i]));
    sg_buf_printf(b, "],\"name\":\"%s\",\"returnType\":\"%s\",\"variadic\":%d},\"type\":\"call\"}",
                  c->fn->name, type_text(c->fn->ret), c->fn->variadic);
}

static void put_aggregate(struct sg_buf *b, const struct sg_aggregate *a)
{
    sg_buf_puts(b, "{\"expr\":");
    sg__json_expr(b, a->expr);
    sg_buf_puts(b, ",\"grouping\":");
    put_strings(b, a->labels, a->label_count);
    sg_buf_printf(b, ",\"op\":\"%s\",\"param\":", sg_aggregation_text(a->op));
    if (a->param)
        sg__json_expr(b, a->param);
    else
        sg_buf_puts(b, "null");
    sg_buf_printf(b, ",\"type\":\"aggregation\",\"without\":%s}", bool_text(a->without));
}

static void put_matching(struct sg_buf *b, const struct sg_binary *n)
{
    static const char *const cards[] = {[SG_CARD_ONE_TO_ONE] = "one-to-one",
                                        [SG_CARD_MANY_TO_ONE] = "many-to-one",
                                        [SG_CARD_ONE_TO_MANY] = "one-to-many",
                                        [SG_CARD_MANY_TO_MANY] = "many-to-many"};
    const struct sg_matching *m = &n->matching;
    if (n->lhs->type != SG_TYPE_VECTOR || n->rhs->type != SG_TYPE_VECTOR) {
        sg_buf_puts(b, "null");
        return;
    }
    sg_buf_printf(b, "{\"card\":\"%s\",\"include\":", cards[m->card]);
    put_strings(b, m->include, m->include_count);
    sg_buf_puts(b, ",\"labels\":");
    put_strings(b, m->labels, m->label_count);
    sg_buf_printf(b, ",\"on\":%s}", bool_text(m->on));
}

static void put_binary(struct sg_buf *b, const struct sg_binary *n)
{
    sg_buf_printf(b, "{\"bool\":%s,\"lhs\":", bool_text(n->return_bool));
    sg__json_expr(b, n->lhs);
    sg_buf_puts(b, ",\"matching\":");
    put_matching(b, n);
    sg_buf_printf(b, ",\"op\":\"%s\",\"rhs\":", sg_binary_text(n->op));
    sg__json_expr(b, n->rhs);
    sg_buf_puts(b, ",\"type\":\"binaryExpr\"}");
}

static void put_number(struct sg_buf *b, double v)
{
    char text[400];
    sg_buf_puts(b, "{\"type\":\"numberLiteral\",\"val\":\"");
    sg_buf_append(b, text, sg_double_format_f(v, text));
    sg_buf_puts(b, "\"}");
}

static void put_inner(struct sg_buf *b, const struct sg_expr *e)
{
    sg_buf_puts(b, "{\"expr\":");
    sg__json_expr(b, e->u.negate);
    if (e->kind == SG_EXPR_PAREN)
        sg_buf_puts(b, ",\"type\":\"parenExpr\"}");
    else
        sg_buf_printf(b, ",\"op\":\"%c\",\"type\":\"unaryExpr\"}",
                      e->kind == SG_EXPR_PLUS ? '+' : '-');
}

void sg__json_expr(struct sg_buf *b, const struct sg_expr *e)
{
    switch (e->kind) {
    case SG_EXPR_NUMBER:
        put_number(b, e->u.number);
        break;
    case SG_EXPR_STRING:
        sg_buf_puts(b, "{\"type\":\"stringLiteral\",\"val\":");
        sg_buf_put_json_str(b, e->u.string);
        sg_buf_putc(b, '}');
        break;
    case SG_EXPR_SELECTOR:
    case SG_EXPR_RANGE_SELECTOR:
        put_selector(b, e);
        break;
    case SG_EXPR_SUBQUERY:
        put_subquery(b, &e->u.subquery);
        break;
    case SG_EXPR_CALL:
        put_call(b, &e->u.call);
        break;
    case SG_EXPR_AGGREGATE:
        put_aggregate(b, &e->u.aggregate);
        break;
    case SG_EXPR_BINARY:
        put_binary(b, &e->u.binary);
        break;
    case SG_EXPR_NEGATE:
    case SG_EXPR_PLUS:
    case SG_EXPR_PAREN:
        put_inner(b, e);
        break;
    }
}

/* ---- several lines ---- */

#define LINE_MAX_BYTES 100
/* Nodes deeper than that stay on their line: each level prints its part of the text once more. */
#define SPLIT_DEPTH 32
#define TEXT_MAX (1u << 20)

static void put_indent(struct sg_buf *b, unsigned level)
{
    for (unsigned i = 0; i < level; i++)
        sg_buf_puts(b, "  ");
}

static void pretty(struct sg_buf *b, const struct sg_expr *e, unsigned level);

/* `head` up to the bracket, the children on lines of their own, the closing bracket. */
static void put_block(struct sg_buf *b, struct sg_str head, const struct sg_expr *e, unsigned level)
{
    put_indent(b, level);
    sg_buf_put_str(b, head);
    sg_buf_putc(b, '\n');
    for (uint32_t i = 0; sg_expr_child(e, i); i++) {
        if (i)
            sg_buf_puts(b, ",\n");
        pretty(b, sg_expr_child(e, i), level + 1);
    }
    sg_buf_putc(b, '\n');
    put_indent(b, level);
    sg_buf_putc(b, ')');
}

static void put_operand(struct sg_buf *b, const struct sg_expr *e, bool brackets, unsigned level)
{
    if (!brackets) {
        pretty(b, e, level + 1);
        return;
    }
    put_indent(b, level + 1);
    sg_buf_puts(b, "(\n");
    pretty(b, e, level + 2);
    sg_buf_putc(b, '\n');
    put_indent(b, level + 1);
    sg_buf_putc(b, ')');
}

/* The operator with its modifiers is what stands between the operands in the text; where an
 * operand does not stand there as it is, it is in brackets. */
static void put_operation(struct sg_buf *b, struct sg_str text, const struct sg_binary *n,
                          unsigned level)
{
    struct sg_buf lhs, rhs;
    sg_buf_init(&lhs, TEXT_MAX);
    sg_buf_init(&rhs, TEXT_MAX);
    sg_expr_print(n->lhs, &lhs);
    sg_expr_print(n->rhs, &rhs);
    bool open = !sg_str_starts_with(text, sg_buf_str(&lhs));
    bool close = text.n < rhs.len || memcmp(text.p + text.n - rhs.len, rhs.data, rhs.len) != 0;
    size_t from = lhs.len + (open ? 2 : 0), until = text.n - rhs.len - (close ? 2 : 0);
    put_operand(b, n->lhs, open, level);
    sg_buf_putc(b, '\n');
    put_indent(b, level);
    sg_buf_put_str(b, sg_str_trim(sg_str_make(text.p + from, until - from)));
    sg_buf_putc(b, '\n');
    put_operand(b, n->rhs, close, level);
    sg_buf_deinit(&lhs);
    sg_buf_deinit(&rhs);
}

/* Whether the text of `e` stands in `whole` from byte `at` on. Its length goes to *ret. */
static bool stands_at(struct sg_str whole, size_t at, const struct sg_expr *e, size_t *ret)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, TEXT_MAX);
    sg_expr_print(e, &text);
    *ret = text.len;
    return sg_str_starts_with(sg_str_make(whole.p + at, whole.n - at), sg_buf_str(&text));
}

/* The sign stands at the first line of what it belongs to. */
static void put_signed(struct sg_buf *b, char sign, const struct sg_expr *e, unsigned level)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 16 * TEXT_MAX);
    pretty(&text, e, level);
    put_indent(b, level);
    sg_buf_putc(b, sign);
    sg_buf_put_str(b, sg_str_trim(sg_buf_str(&text)));
}

/* Calls and aggregations. */
static void pretty_call(struct sg_buf *b, const struct sg_expr *e, struct sg_str whole,
                        unsigned level)
{
    if (e->kind == SG_EXPR_CALL) {
        put_block(b, sg_str_make(whole.p, strlen(e->u.call.fn->name) + 1), e, level);
        return;
    }
    struct sg_buf args; /* what stands in the last brackets */
    sg_buf_init(&args, TEXT_MAX);
    for (uint32_t i = 0; sg_expr_child(e, i); i++) {
        if (i)
            sg_buf_puts(&args, ", ");
        sg_expr_print(sg_expr_child(e, i), &args);
    }
    put_block(b, sg_str_make(whole.p, whole.n - args.len - 1), e, level);
    sg_buf_deinit(&args);
}

/* False: it stays on its line, like what has nothing inside. */
static bool pretty_split(struct sg_buf *b, const struct sg_expr *e, struct sg_str whole,
                         unsigned level)
{
    size_t n;
    switch (e->kind) {
    case SG_EXPR_BINARY:
        put_operation(b, whole, &e->u.binary, level);
        return true;
    case SG_EXPR_CALL:
    case SG_EXPR_AGGREGATE:
        if (!sg_expr_child(e, 0))
            return false;
        pretty_call(b, e, whole, level);
        return true;
    case SG_EXPR_PAREN:
        put_block(b, SG_STR("("), e, level);
        return true;
    case SG_EXPR_NEGATE:
    case SG_EXPR_PLUS:
        if (!stands_at(whole, 1, e->u.negate, &n)) /* in brackets that were not written */
            return false;
        put_signed(b, whole.p[0], e->u.negate, level);
        return true;
    case SG_EXPR_SUBQUERY:
        if (!stands_at(whole, 0, e->u.subquery.expr, &n))
            return false;
        pretty(b, e->u.subquery.expr, level);
        sg_buf_put_str(b, sg_str_make(whole.p + n, whole.n - n));
        return true;
    default:
        return false;
    }
}

static void pretty(struct sg_buf *b, const struct sg_expr *e, unsigned level)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, TEXT_MAX);
    sg_expr_print(e, &text);
    struct sg_str whole = sg_buf_str(&text);
    if (whole.n > LINE_MAX_BYTES && level < SPLIT_DEPTH && pretty_split(b, e, whole, level))
        return;
    put_indent(b, level);
    sg_buf_put_str(b, whole);
}

/* ---- the requests ---- */

static void with_expr(struct sg_net_exchange *x,
                      void (*put)(struct sg_buf *b, const struct sg_expr *e))
{
    const struct sg_promql_options as_written = {.as_written = true};
    struct sg__form f;
    struct sg_promql *q = NULL, *shown = NULL;
    struct sg_error err = {0};
    if (sg__form_init(&f, x, &err) < 0) {
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
    } else if (sg_promql_parse(sg__form_get(&f, "query"), NULL, &q, &err) < 0) {
        sg__api_bad_param(x, "query", &err);
    } else {
        if (sg_promql_parse(q->text, &as_written, &shown, NULL) < 0)
            shown = NULL;
        sg__api_begin(x);
        put(&x->out, shown ? shown->root : q->root);
        sg__api_end(x, NULL);
    }
    sg_promql_free(shown);
    sg_promql_free(q);
    sg__form_deinit(&f);
}

static void put_formatted(struct sg_buf *b, const struct sg_expr *e)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 16 * TEXT_MAX);
    pretty(&text, e, 0);
    sg_buf_put_json_str(b, sg_buf_str(&text));
}

void sg__api_format_query(void *ctx, struct sg_net_exchange *x)
{
    (void)ctx;
    with_expr(x, put_formatted);
}

void sg__api_parse_query(void *ctx, struct sg_net_exchange *x)
{
    (void)ctx;
    with_expr(x, sg__json_expr);
}
