/* parser_duration.c - durations in brackets and after offset: literals, and arithmetic on them.
 *
 * Constant parts are folded while they are read, so a tree stays behind only where step() or
 * range() is in it, which depend on the query. Literals are rounded to the millisecond, results of
 * arithmetic are cut off, as in the reference implementation.
 */
#include <math.h>

#include "parser.h"

/* 2^63 ns in seconds: no duration may be longer. */
#define MAX_SECONDS 9223372036.854775

/* How tightly duration operators bind; a sign binds like a product. */
static int priority(const struct sg__token *t)
{
    if (t->type != TOK_OP)
        return 0;
    switch (t->which) {
    case SG_OP_ADD:
    case SG_OP_SUB:
    case SG_OP_MUL:
    case SG_OP_DIV:
    case SG_OP_MOD:
    case SG_OP_POW:
        return sg_binary_priority((enum sg_binary_op)t->which);
    default:
        return 0;
    }
}
#define SIGN_PRIORITY 6

static enum sg_duration_op duration_op(int which)
{
    switch (which) {
    case SG_OP_ADD:
        return SG_DUR_ADD;
    case SG_OP_SUB:
        return SG_DUR_SUB;
    case SG_OP_MUL:
        return SG_DUR_MUL;
    case SG_OP_DIV:
        return SG_DUR_DIV;
    case SG_OP_MOD:
        return SG_DUR_MOD;
    default:
        return SG_DUR_POW;
    }
}

static struct sg_duration_expr *node(struct sg__parser *p, enum sg_duration_op op, uint32_t pos,
                                     uint32_t end)
{
    struct sg_duration_expr *d = sg_arena_calloc(&p->q->arena, 1, sizeof(*d));
    if (!d) {
        sg__parser_full(p);
        return NULL;
    }
    d->op = op;
    d->pos = pos;
    d->end = end;
    return d;
}

/* Value of an operator on two constants. SG_EEXECUTION with the place for what has none. */
static int apply(const struct sg_duration_expr *d, double a, double b, double *ret,
                 struct sg_error *reterr)
{
    double v = 0;
    switch (d->op) {
    case SG_DUR_NEG:
        v = -b;
        break;
    case SG_DUR_ADD:
        v = a + b;
        break;
    case SG_DUR_SUB:
        v = a - b;
        break;
    case SG_DUR_MUL:
        v = a * b;
        break;
    case SG_DUR_DIV:
        if (b == 0)
            return sg_error_at(reterr, SG_EEXECUTION, d->pos, d->end, "division by zero");
        v = a / b;
        break;
    case SG_DUR_MOD:
        if (b == 0)
            return sg_error_at(reterr, SG_EEXECUTION, d->pos, d->end, "modulo by zero");
        v = fmod(a, b);
        break;
    case SG_DUR_POW:
        v = pow(a, b);
        break;
    case SG_DUR_MIN:
        v = fmin(a, b);
        break;
    case SG_DUR_MAX:
        v = fmax(a, b);
        break;
    case SG_DUR_NUMBER:
    case SG_DUR_STEP:
    case SG_DUR_RANGE:
        v = d->number;
        break;
    }
    if (!isfinite(v))
        return sg_error_at(reterr, SG_EEXECUTION, d->pos, d->end, "duration out of range");
    *ret = v;
    return 0;
}

/* Turns an operator whose operands are constants into a constant; the others are counted, for
 * recursion over them. */
static int fold(struct sg__parser *p, struct sg_duration_expr *d)
{
    struct sg_error err = {.code = SG_OK};
    double v;
    bool variable = (d->lhs && d->lhs->op != SG_DUR_NUMBER) || d->rhs->op != SG_DUR_NUMBER;
    bool divides = d->op == SG_DUR_DIV || d->op == SG_DUR_MOD;
    if (variable && !(divides && d->rhs->op == SG_DUR_NUMBER && d->rhs->number == 0)) {
        if (++p->duration_ops > SG_PROMQL_MAX_HEIGHT)
            return sg_error_at(p->err, SG_ELIMIT, d->pos, d->end,
                               "expression has more than %d operators in durations",
                               SG_PROMQL_MAX_HEIGHT);
        return 0;
    }
    if (apply(d, d->lhs ? d->lhs->number : 0, d->rhs->number, &v, &err) < 0)
        return sg__parser_error(p, err.pos, err.end, "%s", err.text);
    d->op = SG_DUR_NUMBER;
    d->number = v;
    d->lhs = d->rhs = NULL;
    return 0;
}

static int parse_duration(struct sg__parser *p, int min_priority, struct sg_duration_expr **ret);

/* function := ('step' | 'range') '(' ')' | ('min_of' | 'max_of') '(' duration ',' duration ')' */
static int parse_function(struct sg__parser *p, struct sg_duration_expr *d)
{
    struct sg_duration_expr *lhs = NULL, *rhs = NULL;
    int rc = sg__parser_advance(p);
    if (rc == 0 && p->tok.type != TOK_LPAREN)
        return sg__parser_unexpected(p, "duration expression", "\"(\"");
    if (rc == 0)
        rc = sg__parser_advance(p);
    if (rc == 0 && (d->op == SG_DUR_MIN || d->op == SG_DUR_MAX)) {
        rc = parse_duration(p, 0, &lhs);
        if (rc == 0 && p->tok.type != TOK_COMMA)
            return sg__parser_unexpected(p, "duration expression", "\",\"");
        if (rc == 0)
            rc = sg__parser_advance(p);
        if (rc == 0)
            rc = parse_duration(p, 0, &rhs);
        if (rc < 0)
            return rc;
        d->lhs = lhs;
        d->rhs = rhs;
    }
    if (rc == 0 && p->tok.type != TOK_RPAREN)
        return sg__parser_unexpected(p, "duration expression", "\")\"");
    if (rc == 0)
        rc = sg__parser_advance(p);
    d->end = p->last_end;
    return rc < 0 || !d->rhs ? rc : fold(p, d);
}

/* paren := '(' duration ')' */
static int parse_paren(struct sg__parser *p, struct sg_duration_expr **ret)
{
    int rc = sg__parser_advance(p);
    if (rc == 0)
        rc = parse_duration(p, 0, ret);
    if (rc == 0 && p->tok.type != TOK_RPAREN)
        return sg__parser_unexpected(p, "duration expression", "\")\"");
    return rc < 0 ? rc : sg__parser_advance(p);
}

static int parse_literal(struct sg__parser *p, struct sg_duration_expr *d)
{
    d->number = p->tok.number;
    if (!(fabs(d->number) <= MAX_SECONDS))
        return sg__parser_error(p, p->tok.pos, p->tok.end, "duration out of range");
    return sg__parser_advance(p);
}

/* operand := NUMBER | DURATION | function | paren */
static int parse_operand(struct sg__parser *p, struct sg_duration_expr **ret)
{
    static const enum sg_duration_op ops[] = {[TOK_STEP] = SG_DUR_STEP,
                                              [TOK_RANGE] = SG_DUR_RANGE,
                                              [TOK_MIN_OF] = SG_DUR_MIN,
                                              [TOK_MAX_OF] = SG_DUR_MAX};
    enum sg__tok type = p->tok.type;
    bool literal = type == TOK_NUMBER || type == TOK_DURATION;
    bool function =
        type == TOK_STEP || type == TOK_RANGE || type == TOK_MIN_OF || type == TOK_MAX_OF;
    bool in_brackets = p->lexer.in_brackets || type == TOK_RBRACKET;
    if (!literal && !function && type != TOK_LPAREN)
        return sg__parser_unexpected(p, in_brackets ? "subquery or range selector" : "offset",
                                     "number, duration, step(), or range()");
    int rc = sg__parser_enter(p, &p->tok);
    if (rc == 0 && type == TOK_LPAREN) {
        rc = parse_paren(p, ret);
    } else if (rc == 0) {
        *ret = node(p, literal ? SG_DUR_NUMBER : ops[type], p->tok.pos, p->tok.end);
        rc = !*ret ? SG_ELIMIT : literal ? parse_literal(p, *ret) : parse_function(p, *ret);
    }
    p->nesting--;
    return rc;
}

/* signed := ('+' | '-') duration[operand_priority] | operand */
static int parse_signed(struct sg__parser *p, int operand_priority, struct sg_duration_expr **ret)
{
    struct sg__token sign = p->tok;
    if (sign.type != TOK_OP || (sign.which != SG_OP_ADD && sign.which != SG_OP_SUB))
        return parse_operand(p, ret);
    int rc = sg__parser_enter(p, &sign);
    if (rc == 0)
        rc = sg__parser_advance(p);
    if (rc == 0)
        rc = operand_priority ? parse_duration(p, operand_priority, ret) : parse_signed(p, 0, ret);
    p->nesting--;
    if (rc < 0 || sign.which == SG_OP_ADD)
        return rc;
    SG_ASSERT(*ret);
    struct sg_duration_expr *d = node(p, SG_DUR_NEG, sign.pos, (*ret)->end);
    if (!d)
        return SG_ELIMIT;
    d->rhs = *ret;
    *ret = d;
    return fold(p, d);
}

/* duration[min] := signed (OP[priority >= min] duration[…])* */
static int parse_duration(struct sg__parser *p, int min_priority, struct sg_duration_expr **ret)
{
    int rc = parse_signed(p, SIGN_PRIORITY, ret);
    while (rc == 0 && priority(&p->tok) > 0 && priority(&p->tok) >= min_priority) {
        struct sg__token op = p->tok;
        struct sg_duration_expr *rhs, *d;
        rc = sg__parser_enter(p, &op);
        if (rc == 0)
            rc = sg__parser_advance(p);
        if (rc == 0)
            rc = parse_duration(p, op.which == SG_OP_POW ? priority(&op) : priority(&op) + 1, &rhs);
        p->nesting--;
        d = rc == 0 ? node(p, duration_op(op.which), op.pos, op.end) : NULL;
        if (!d)
            return rc < 0 ? rc : SG_ELIMIT;
        d->lhs = *ret;
        d->rhs = rhs;
        *ret = d;
        rc = fold(p, d);
    }
    return rc;
}

/* Seconds to ms. Literals carry nanoseconds, which are rounded; arithmetic is cut. */
static int to_ms(double seconds, bool literal, int64_t *ret)
{
    if (!(fabs(seconds) <= MAX_SECONDS))
        return SG_EINVALID;
    double ms = seconds * 1000.0;
    *ret = (int64_t)(literal ? round(ms) : trunc(ms));
    return 0;
}

static int finish(struct sg__parser *p, const struct sg_duration_expr *d, bool literal,
                  uint32_t pos, struct sg_duration *ret)
{
    SG_ASSERT(d);
    *ret = (struct sg_duration){0, NULL};
    if (d->op != SG_DUR_NUMBER) {
        ret->expr = d;
        return 0;
    }
    if (to_ms(d->number, literal, &ret->ms) < 0)
        return sg__parser_error(p, pos, p->last_end, "duration out of range");
    return 0;
}

/* A lone literal, perhaps with signs, ends where it started plus its token: nothing else was read.
 */
static bool is_literal(const struct sg__parser *p, const struct sg__token *first)
{
    return (first->type == TOK_NUMBER || first->type == TOK_DURATION) && p->last_end == first->end;
}

int sg__parse_range_duration(struct sg__parser *p, struct sg_duration *ret)
{
    struct sg_duration_expr *d = NULL;
    struct sg__token first = p->tok;
    int rc = parse_duration(p, 0, &d);
    if (rc == 0)
        rc = finish(p, d, is_literal(p, &first), first.pos, ret);
    if (rc == 0 && !ret->expr && ret->ms <= 0)
        return sg__parser_error(p, first.pos, p->last_end, "duration must be greater than 0");
    return rc;
}

int sg__parse_offset_duration(struct sg__parser *p, struct sg_duration *ret)
{
    struct sg_duration_expr *d = NULL;
    struct sg__token first = p->tok;
    int rc = parse_signed(p, 0, &d);
    bool literal = first.type != TOK_LPAREN && first.type != TOK_MIN_OF && first.type != TOK_MAX_OF;
    return rc < 0 ? rc : finish(p, d, literal, first.pos, ret);
}

/* ---- at query time ---- */

static int evaluate(const struct sg_duration_expr *d, double step, double range, double *ret,
                    struct sg_error *reterr)
{
    double a = 0, b = 0;
    int rc = 0;
    if (d->op == SG_DUR_STEP || d->op == SG_DUR_RANGE) {
        *ret = d->op == SG_DUR_STEP ? step : range;
        return 0;
    }
    if (d->lhs)
        rc = evaluate(d->lhs, step, range, &a, reterr);
    if (rc == 0 && d->rhs)
        rc = evaluate(d->rhs, step, range, &b, reterr);
    return rc < 0 ? rc : apply(d, a, b, ret, reterr);
}

int sg_duration_resolve(const struct sg_duration *d, int64_t step_ms, int64_t range_ms,
                        bool may_be_negative, int64_t *ret_ms, struct sg_error *reterr)
{
    double seconds;
    if (!d->expr) {
        *ret_ms = d->ms;
        return 0;
    }
    int rc =
        evaluate(d->expr, (double)step_ms / 1000.0, (double)range_ms / 1000.0, &seconds, reterr);
    if (rc < 0)
        return rc;
    if (seconds <= 0 && !may_be_negative)
        return sg_error_at(reterr, SG_EEXECUTION, d->expr->pos, d->expr->end,
                           "duration must be greater than 0");
    if (to_ms(seconds, false, ret_ms) < 0 || (*ret_ms == 0 && !may_be_negative))
        return sg_error_at(reterr, SG_EEXECUTION, d->expr->pos, d->expr->end,
                           "duration out of range");
    return 0;
}
