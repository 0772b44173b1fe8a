/* parser.c - PromQL text to a checked, canonical tree: a Pratt parser, one token ahead.
 *
 * Happy path: sg__parse_expr reads a unary expression and then, as long as the next operator binds
 * tightly enough, the right side of it. Priorities are a table (SG_BINARY_MAP); each production
 * stands above its function. Failure modes: the first syntax error stops everything; type errors
 * are collected on the way and reported only if there is no syntax error; nesting and height are
 * bounded, so that no text can exhaust the stack, here or later.
 */
#include "parser.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <streamgauge/mem.h>
#include <string.h>

/* Unary signs bind as multiplication does: -2^2 is -(2^2), -2*3 is (-2)*3. */
#define UNARY_PRIORITY 6

/* Cap of the arena: the largest tree a 64 KiB text can give is near 10 MiB; longer texts in
 * proportion. */
#define ARENA_BYTES_PER_BYTE 256
#define ARENA_BYTES_MIN 65536

/* ---- helpers ---- */

int sg__parser_error(struct sg__parser *p, uint32_t pos, uint32_t end, const char *fmt, ...)
{
    char text[sizeof(p->err->text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return sg_error_at(p->err, SG_ESYNTAX, pos, end, "%s", text);
}

int sg__parser_full(struct sg__parser *p)
{
    return sg_error_at(p->err, SG_ELIMIT, p->tok.pos, p->tok.end, "expression is too large");
}

int sg__parser_advance(struct sg__parser *p)
{
    p->last_end = p->tok.end;
    return sg__lexer_next(&p->lexer, &p->tok, p->err);
}

int sg__parser_unexpected(struct sg__parser *p, const char *context, const char *expected)
{
    char token[64];
    return sg__parser_error(p, p->tok.pos, p->tok.end, "unexpected %s%s%s%s%s",
                            sg__token_describe(&p->tok, token), context ? " in " : "",
                            context ? context : "", expected ? ", expected " : "",
                            expected ? expected : "");
}

struct sg_expr *sg__parser_node(struct sg__parser *p, enum sg_expr_kind kind,
                                enum sg_expr_type type, uint32_t pos, uint32_t end)
{
    struct sg_expr *e = sg_arena_calloc(&p->q->arena, 1, sizeof(*e));
    if (!e) {
        sg__parser_full(p);
        return NULL;
    }
    e->kind = kind;
    e->type = type;
    e->pos = pos;
    e->end = end;
    e->height = 1;
    return e;
}

int sg__parser_enter(struct sg__parser *p, const struct sg__token *at)
{
    if (++p->nesting > p->max_nesting)
        return sg_error_at(p->err, SG_ELIMIT, at->pos, at->end,
                           "expression nests deeper than %u levels", p->max_nesting);
    return 0;
}

void sg__list_add(struct sg__list *l, void *item)
{
    if (l->count < SG_ARRAY_LEN(l->items)) {
        l->items[l->count++] = item;
        return;
    }
    size_t at = l->count - SG_ARRAY_LEN(l->items);
    l->more = sg_grow(l->more, &l->cap, at + 1, sizeof(*l->more));
    l->more[at] = item;
    l->count++;
}

void *sg__list_get(const struct sg__list *l, size_t i)
{
    return i < SG_ARRAY_LEN(l->items) ? l->items[i] : l->more[i - SG_ARRAY_LEN(l->items)];
}

void sg__list_deinit(struct sg__list *l)
{
    sg_free(l->more);
}

int sg__parser_set_height(struct sg__parser *p, struct sg_expr *e)
{
    struct sg_expr *child;
    for (uint32_t i = 0; (child = sg_expr_child(e, i)); i++)
        if (child->height >= e->height)
            e->height = child->height + 1;
    if (e->height > SG_PROMQL_MAX_HEIGHT)
        return sg_error_at(p->err, SG_ELIMIT, e->pos, e->end,
                           "expression has more than %d operators in a row", SG_PROMQL_MAX_HEIGHT);
    return 0;
}

/* ---- primary expressions ---- */

static int parse_number(struct sg__parser *p, struct sg_expr **ret)
{
    struct sg_expr *e = sg__parser_node(p, SG_EXPR_NUMBER, SG_TYPE_SCALAR, p->tok.pos, p->tok.end);
    if (!e)
        return SG_ELIMIT;
    e->u.number = p->tok.number;
    e->from_duration = p->as_written && p->tok.type == TOK_DURATION;
    *ret = e;
    return sg__parser_advance(p);
}

static int parse_string(struct sg__parser *p, struct sg_expr **ret)
{
    struct sg_expr *e = sg__parser_node(p, SG_EXPR_STRING, SG_TYPE_STRING, p->tok.pos, p->tok.end);
    if (!e)
        return SG_ELIMIT;
    if (sg__string_unquote(&p->q->arena, p->tok.text, &e->u.string) < 0)
        return sg__parser_full(p);
    *ret = e;
    return sg__parser_advance(p);
}

/* Puts a node of one operand around *io. */
static int wrap(struct sg__parser *p, enum sg_expr_kind kind, uint32_t pos, uint32_t end,
                struct sg_expr **io)
{
    struct sg_expr *e = sg__parser_node(p, kind, (*io)->type, pos, end);
    if (!e)
        return SG_ELIMIT;
    e->u.negate = *io;
    *io = e;
    return sg__parser_set_height(p, e);
}

/* paren := '(' expr ')' */
static int parse_paren(struct sg__parser *p, struct sg_expr **ret)
{
    uint32_t pos = p->tok.pos;
    int rc = sg__parser_enter(p, &p->tok);
    if (rc == 0)
        rc = sg__parser_advance(p);
    if (rc == 0)
        rc = sg__parse_expr(p, 0, ret);
    if (rc == 0 && p->tok.type != TOK_RPAREN)
        rc = sg__parser_unexpected(p, NULL, NULL);
    p->nesting--;
    if (rc == 0)
        rc = sg__parser_advance(p);
    return rc == 0 && p->as_written ? wrap(p, SG_EXPR_PAREN, pos, p->last_end, ret) : rc;
}

static bool names_function(enum sg__tok type)
{
    return type == TOK_IDENT || type == TOK_START || type == TOK_END || type == TOK_STEP ||
           type == TOK_RANGE || type == TOK_MIN_OF || type == TOK_MAX_OF;
}

/* named := AGG… aggregation | NAME '(' … call | NAME … selector ; which one, the token after the
 * name tells */
static int parse_named(struct sg__parser *p, struct sg_expr **ret)
{
    struct sg__token name = p->tok;
    int rc = sg__parser_advance(p);
    if (rc < 0)
        return rc;
    if (name.type == TOK_AGG && (p->tok.type == TOK_LPAREN || sg__parser_at_grouping(p)))
        return sg__parse_aggregation(p, &name, ret);
    if (names_function(name.type) && p->tok.type == TOK_LPAREN)
        return sg__parse_call(p, &name, ret);
    return sg__parse_selector(p, &name, ret);
}

/* primary := (NUMBER | DURATION | STRING | paren | named | selector) postfix* */
static int parse_primary(struct sg__parser *p, struct sg_expr **ret)
{
    bool bare = p->tok.type != TOK_LPAREN;
    int rc;
    if (p->tok.type == TOK_NUMBER || p->tok.type == TOK_DURATION)
        rc = parse_number(p, ret);
    else if (p->tok.type == TOK_STRING)
        rc = parse_string(p, ret);
    else if (p->tok.type == TOK_LPAREN)
        rc = parse_paren(p, ret);
    else if (p->tok.type == TOK_LBRACE)
        rc = sg__parse_selector(p, NULL, ret);
    else if (p->tok.type == TOK_EOF && p->last_end == 0)
        return sg__parser_error(p, 0, p->tok.end, "no expression found in input");
    else if (sg__token_is_metric_name(p->tok.type, p->tok.which))
        rc = parse_named(p, ret);
    else
        return sg__parser_unexpected(p, NULL, NULL);
    return rc < 0 ? rc : sg__parse_postfix(p, bare, ret);
}

/* ---- unary and binary ---- */

static bool is_sign(const struct sg__token *t)
{
    return t->type == TOK_OP && (t->which == SG_OP_ADD || t->which == SG_OP_SUB);
}

/* A minus before a number makes a negative number, before anything else a node; a plus leaves no
 * trace. */
static int apply_sign(struct sg__parser *p, const struct sg__token *sign, struct sg_expr **io)
{
    struct sg_expr *operand = *io;
    sg__check_unary(&p->check, operand, sign->pos);
    if (sign->which == SG_OP_ADD)
        return p->as_written && operand->kind != SG_EXPR_NUMBER
                   ? wrap(p, SG_EXPR_PLUS, sign->pos, operand->end, io)
                   : 0;
    if (operand->kind == SG_EXPR_NUMBER) {
        if (!isnan(operand->u.number))
            operand->u.number = -operand->u.number;
        operand->pos = sign->pos;
        return 0;
    }
    return wrap(p, SG_EXPR_NEGATE, sign->pos, operand->end, io);
}

/* unary := ('+' | '-') expr[UNARY_PRIORITY] | primary */
static int parse_unary(struct sg__parser *p, struct sg_expr **ret)
{
    if (!is_sign(&p->tok))
        return parse_primary(p, ret);
    struct sg__token sign = p->tok;
    int rc = sg__parser_enter(p, &sign);
    if (rc == 0)
        rc = sg__parser_advance(p);
    if (rc == 0)
        rc = sg__parse_expr(p, UNARY_PRIORITY, ret);
    p->nesting--;
    return rc < 0 ? rc : apply_sign(p, &sign, ret);
}

/* group := ('group_left' | 'group_right') labels? */
static int parse_group(struct sg__parser *p, struct sg_matching *m)
{
    m->card = p->tok.type == TOK_GROUP_LEFT ? SG_CARD_MANY_TO_ONE : SG_CARD_ONE_TO_MANY;
    int rc = sg__parser_advance(p);
    if (rc < 0 || p->tok.type != TOK_LPAREN)
        return rc;
    return sg__parse_labels(p, &m->include, &m->include_count);
}

/* modifiers := 'bool'? (('on' | 'ignoring') labels group?)? */
static int parse_modifiers(struct sg__parser *p, struct sg_binary *b)
{
    int rc = 0;
    if (p->tok.type == TOK_BOOL) {
        b->return_bool = true;
        rc = sg__parser_advance(p);
    }
    if (rc == 0 && (p->tok.type == TOK_ON || p->tok.type == TOK_IGNORING)) {
        b->matching.on = p->tok.type == TOK_ON;
        rc = sg__parser_advance(p);
        if (rc == 0)
            rc = sg__parse_labels(p, &b->matching.labels, &b->matching.label_count);
        if (rc == 0 && (p->tok.type == TOK_GROUP_LEFT || p->tok.type == TOK_GROUP_RIGHT))
            rc = parse_group(p, &b->matching);
    }
    if (rc == 0 && p->tok.type == TOK_FILL)
        return sg_error_at(p->err, SG_EUNSUPPORTED, p->tok.pos, p->tok.end,
                           "binop fill modifiers are not supported");
    return rc;
}

/* All operators but ^ are left-associative: what follows on the right must bind tighter. The power
 * operator lets its own priority follow, so it is the only one that nests to the right without
 * limit. */
static int parse_right_side(struct sg__parser *p, const struct sg__token *op, struct sg_expr **ret)
{
    int priority = sg_binary_priority((enum sg_binary_op)op->which);
    if (op->which != SG_OP_POW)
        return sg__parse_expr(p, priority + 1, ret);
    int rc = sg__parser_enter(p, op);
    if (rc == 0)
        rc = sg__parse_expr(p, priority, ret);
    p->nesting--;
    return rc;
}

/* binary := expr OP modifiers expr ; the current token is the OP and *io the left side */
static int parse_binary(struct sg__parser *p, struct sg_expr **io)
{
    struct sg__token op = p->tok;
    struct sg_expr *e = sg__parser_node(p, SG_EXPR_BINARY, SG_TYPE_NONE, (*io)->pos, 0);
    if (!e)
        return SG_ELIMIT;
    e->u.binary.op = (enum sg_binary_op)op.which;
    e->u.binary.lhs = *io;
    e->u.binary.op_pos = op.pos;
    int rc = sg__parser_advance(p);
    if (rc == 0)
        rc = parse_modifiers(p, &e->u.binary);
    e->u.binary.op_end = p->last_end;
    if (rc == 0)
        rc = parse_right_side(p, &op, &e->u.binary.rhs);
    if (rc < 0)
        return rc;
    e->end = e->u.binary.rhs->end;
    sg__check_binary(&p->check, e);
    *io = e;
    return sg__parser_set_height(p, e);
}

/* expr[min] := unary (OP[priority >= min] … )* */
int sg__parse_expr(struct sg__parser *p, int min_priority, struct sg_expr **ret)
{
    int rc = parse_unary(p, ret);
    while (rc == 0) {
        if (p->tok.type != TOK_OP ||
            sg_binary_priority((enum sg_binary_op)p->tok.which) < min_priority)
            return 0;
        rc = parse_binary(p, ret);
    }
    return rc;
}

/* ---- entry ---- */

static struct sg_promql *promql_new(struct sg_str text)
{
    struct sg_promql *q = sg_calloc(1, sizeof(*q));
    sg_arena_init(&q->arena, ARENA_BYTES_MIN + ARENA_BYTES_PER_BYTE * text.n);
    char *copy = sg_arena_strndup(&q->arena, text.p, text.n);
    q->text = copy ? sg_str_make(copy, text.n) : SG_STR("");
    if (!copy) {
        sg_promql_free(q);
        return NULL;
    }
    return q;
}

/* The whole text as one expression. */
static int parse_all(struct sg__parser *p)
{
    int rc = sg__parser_advance(p);
    p->last_end = 0;
    if (rc == 0)
        rc = sg__parse_expr(p, 0, &p->q->root);
    if (rc == 0 && p->tok.type != TOK_EOF)
        rc = sg__parser_unexpected(p, NULL, NULL);
    return rc;
}

static int parse_only_selector(struct sg__parser *p)
{
    int rc = parse_all(p);
    const struct sg_expr *e = p->q->root;
    if (rc < 0)
        return rc;
    if (e->kind != SG_EXPR_SELECTOR || e->u.selector.asof.at != SG_AT_NONE ||
        e->u.selector.asof.offset.ms || e->u.selector.asof.offset.expr)
        return sg__parser_error(p, e->pos, e->end,
                                "expected a series selector such as name{label=\"value\"}");
    return 0;
}

/* Hands the error to the caller with its place as line and column. */
static int report(struct sg_error *err, struct sg_str text, struct sg_error *reterr)
{
    sg_error_locate(err, text.p, text.n);
    int rc = sg_error_wrap(err, "parse error");
    if (reterr && reterr->code == SG_OK)
        *reterr = *err;
    return rc;
}

static int parse_text(struct sg_str text, const struct sg_promql_options *opt,
                      int (*parse)(struct sg__parser *p), struct sg_promql **ret_q,
                      struct sg_error *reterr)
{
    struct sg_error err = {.code = SG_OK};
    uint32_t max_bytes = opt && opt->max_bytes ? opt->max_bytes : SG_PROMQL_MAX_BYTES;
    uint32_t max_nesting = opt && opt->max_nesting ? opt->max_nesting : SG_PROMQL_MAX_NESTING;
    if (text.n > max_bytes) {
        sg_error_at(&err, SG_ELIMIT, max_bytes, max_bytes + 1,
                    "expression has %zu bytes, the limit is %u", text.n, max_bytes);
        return report(&err, text, reterr);
    }
    struct sg_promql *q = promql_new(text);
    if (!q) {
        sg_error_at(&err, SG_ENOMEM, 0, 0, "out of memory for an expression of %zu bytes", text.n);
        return report(&err, text, reterr);
    }
    struct sg__parser p = {.q = q, .err = &err, .as_written = opt && opt->as_written};
    p.max_nesting = max_nesting < SG_PROMQL_MAX_NESTING ? max_nesting : SG_PROMQL_MAX_NESTING;
    sg__lexer_init(&p.lexer, q->text);
    int rc = parse(&p);
    if (rc == 0 && p.check.err.code != SG_OK) {
        err = p.check.err;
        rc = err.code;
    }
    if (rc == 0) {
        *ret_q = q;
        return 0;
    }
    rc = report(&err, text, reterr);
    sg_promql_free(q);
    return rc;
}

int sg_promql_parse(struct sg_str text, const struct sg_promql_options *opt,
                    struct sg_promql **ret_q, struct sg_error *reterr)
{
    return parse_text(text, opt, parse_all, ret_q, reterr);
}

int sg_promql_parse_selector(struct sg_str text, const struct sg_promql_options *opt,
                             struct sg_promql **ret_q, struct sg_error *reterr)
{
    return parse_text(text, opt, parse_only_selector, ret_q, reterr);
}

void sg_promql_free(struct sg_promql *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->matcher_count; i++)
        sg_matcher_deinit(q->matchers[i]);
    sg_free(q->matchers);
    sg_arena_deinit(&q->arena);
    sg_free(q);
}
