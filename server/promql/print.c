/* print.c - the canonical text of a tree.
 *
 * The tree is canonical already, so printing only has to choose one spelling: single spaces, no
 * parentheses but those that change the meaning, numbers in their shortest form, strings in double
 * quotes, names bare where the lexer would read them back as names. The text is the key under which
 * equal streams are shared: changing it makes old keys strangers.
 */
#include <math.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>
#include <string.h>

#include "lexer.h"

#define UNARY_PRIORITY 5 /* -a ^ b is -(a ^ b), -a * b is (-a) * b */
#define POW_PRIORITY 6
#define HIGHEST 7

/* ---- strings and names ---- */

static void put_escaped(struct sg_buf *b, unsigned char c)
{
    static const char names[] = "\a\b\f\n\r\t\v\\\"";
    static const char escapes[] = "abfnrtv\\\"";
    const char *known = c ? strchr(names, c) : NULL;
    if (known)
        sg_buf_printf(b, "\\%c", escapes[known - names]);
    else
        sg_buf_printf(b, "\\x%02x", c);
}

/* Valid UTF-8 stays, other bytes and control characters are escaped, so every string of bytes comes
 * back as it was. */
static void put_string(struct sg_buf *b, struct sg_str s)
{
    sg_buf_putc(b, '"');
    for (size_t i = 0; i < s.n;) {
        size_t len = sg_utf8_len(s.p + i, s.n - i);
        unsigned char c = (unsigned char)s.p[i];
        if (len == 0 || (len == 1 && (c < ' ' || c == 0x7f || c == '"' || c == '\\'))) {
            put_escaped(b, c);
            len = 1;
        } else {
            sg_buf_append(b, s.p + i, len);
        }
        i += len;
    }
    sg_buf_putc(b, '"');
}

static bool is_word(struct sg_str s, bool with_colon)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(i > 0 && c >= '0' && c <= '9') && !(with_colon && c == ':'))
            return false;
    }
    return s.n > 0;
}

/* Whether a metric name can stand before the braces: no keyword that the grammar keeps for itself.
 */
static bool is_bare_metric(struct sg_str name)
{
    int which = 0;
    if (!is_word(name, true))
        return false;
    switch (sg__keyword(name, &which)) {
    case TOK_BOOL:
    case TOK_ON:
    case TOK_IGNORING:
    case TOK_GROUP_LEFT:
    case TOK_GROUP_RIGHT:
    case TOK_NUMBER:
        return false;
    case TOK_OP:
        return which != SG_OP_ATAN2;
    default:
        return true;
    }
}

/* In label lists the words inf, nan and without are not labels; inside braces all words are. */
static void put_label(struct sg_buf *b, struct sg_str name, bool in_list)
{
    int which = 0;
    enum sg__tok type = in_list ? sg__keyword(name, &which) : TOK_IDENT;
    if (is_word(name, false) && type != TOK_NUMBER && type != TOK_WITHOUT)
        sg_buf_put_str(b, name);
    else
        put_string(b, name);
}

static void put_labels(struct sg_buf *b, const struct sg_str *labels, uint32_t n)
{
    sg_buf_putc(b, '(');
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            sg_buf_puts(b, ", ");
        put_label(b, labels[i], true);
    }
    sg_buf_putc(b, ')');
}

/* ---- numbers and durations ---- */

static void put_number(struct sg_buf *b, double v)
{
    char text[SG_DOUBLE_MAX];
    if (isinf(v) && v > 0) {
        sg_buf_puts(b, "Inf");
        return;
    }
    sg_buf_append(b, text, sg_double_format(v, text));
}

static void put_ms(struct sg_buf *b, int64_t ms)
{
    char text[48];
    if (ms < 0)
        sg_buf_putc(b, '-');
    sg_buf_append(b, text, sg_duration_format(ms < 0 ? -ms : ms, text));
}

static const struct {
    const char *text;
    int priority;
} duration_ops[] = {
    [SG_DUR_NUMBER] = {"", HIGHEST},
    [SG_DUR_STEP] = {"step()", HIGHEST},
    [SG_DUR_RANGE] = {"range()", HIGHEST},
    [SG_DUR_NEG] = {"-", UNARY_PRIORITY},
    [SG_DUR_ADD] = {" + ", 4},
    [SG_DUR_SUB] = {" - ", 4},
    [SG_DUR_MUL] = {" * ", 5},
    [SG_DUR_DIV] = {" / ", 5},
    [SG_DUR_MOD] = {" % ", 5},
    [SG_DUR_POW] = {" ^ ", POW_PRIORITY},
    [SG_DUR_MIN] = {"min_of(", HIGHEST},
    [SG_DUR_MAX] = {"max_of(", HIGHEST},
};

static int duration_priority(const struct sg_duration_expr *d)
{
    if (d->op == SG_DUR_NUMBER && signbit(d->number))
        return UNARY_PRIORITY;
    return duration_ops[d->op].priority;
}

static void put_duration_expr(struct sg_buf *b, const struct sg_duration_expr *d);

/* An operand in parentheses if it binds less tightly than `min`. A sign may stand on any right
 * side. */
static void put_duration_operand(struct sg_buf *b, const struct sg_duration_expr *d, int min,
                                 bool right)
{
    bool sign = d->op == SG_DUR_NEG || d->op == SG_DUR_NUMBER;
    bool parens = duration_priority(d) < min && !(right && sign);
    if (parens)
        sg_buf_putc(b, '(');
    put_duration_expr(b, d);
    if (parens)
        sg_buf_putc(b, ')');
}

static void put_duration_expr(struct sg_buf *b, const struct sg_duration_expr *d)
{
    int priority = duration_ops[d->op].priority;
    bool pow = d->op == SG_DUR_POW;
    if (d->op == SG_DUR_NUMBER) {
        put_number(b, d->number);
    } else if (d->op == SG_DUR_STEP || d->op == SG_DUR_RANGE) {
        sg_buf_puts(b, duration_ops[d->op].text);
    } else if (d->op == SG_DUR_MIN || d->op == SG_DUR_MAX) {
        sg_buf_puts(b, duration_ops[d->op].text);
        put_duration_expr(b, d->lhs);
        sg_buf_puts(b, ", ");
        put_duration_expr(b, d->rhs);
        sg_buf_putc(b, ')');
    } else if (d->op == SG_DUR_NEG) {
        sg_buf_putc(b, '-');
        put_duration_operand(b, d->rhs, POW_PRIORITY, true);
    } else {
        put_duration_operand(b, d->lhs, pow ? priority + 1 : priority, false);
        sg_buf_puts(b, duration_ops[d->op].text);
        put_duration_operand(b, d->rhs, pow ? priority : priority + 1, true);
    }
}

static void put_duration(struct sg_buf *b, const struct sg_duration *d)
{
    if (d->expr)
        put_duration_expr(b, d->expr);
    else
        put_ms(b, d->ms);
}

/* Milliseconds as seconds with up to three decimals, exactly. */
static void put_seconds(struct sg_buf *b, int64_t ms)
{
    uint64_t u = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    unsigned fraction = (unsigned)(u % 1000);
    int digits = 3;
    if (ms < 0)
        sg_buf_putc(b, '-');
    sg_buf_put_u64(b, u / 1000);
    for (; digits > 0 && fraction % 10 == 0; digits--)
        fraction /= 10;
    if (digits)
        sg_buf_printf(b, ".%0*u", digits, fraction);
}

static void put_asof(struct sg_buf *b, const struct sg_asof *a)
{
    if (a->at == SG_AT_TIME) {
        sg_buf_puts(b, " @ ");
        put_seconds(b, a->at_ms);
    } else if (a->at != SG_AT_NONE) {
        sg_buf_puts(b, a->at == SG_AT_START ? " @ start()" : " @ end()");
    }
    if (a->offset.expr) {
        sg_buf_puts(b, " offset (");
        put_duration_expr(b, a->offset.expr);
        sg_buf_putc(b, ')');
    } else if (a->offset.ms) {
        sg_buf_puts(b, " offset ");
        put_ms(b, a->offset.ms);
    }
}

/* ---- selectors ---- */

/* name{a="b", c=~"d"} ; a name that cannot stand alone is the first string in the braces. */
/* nameless: no name in front of the braces. */
static void put_selector(struct sg_buf *b, const struct sg_selector *s, bool nameless)
{
    bool bare = !nameless && is_bare_metric(s->name), first = true;
    if (bare)
        sg_buf_put_str(b, s->name);
    if (bare && s->matcher_count == 1)
        return;
    sg_buf_putc(b, '{');
    if (!bare && s->name.n) {
        put_string(b, s->name);
        first = false;
    }
    for (uint32_t i = 0; i < s->matcher_count; i++) {
        const struct sg_matcher *m = s->matchers[i];
        if (s->name.n && sg_str_eq_c(m->name, "__name__"))
            continue;
        if (!first)
            sg_buf_puts(b, ", ");
        first = false;
        put_label(b, m->name, false);
        sg_buf_puts(b, sg_match_type_text(m->type));
        put_string(b, m->value);
    }
    sg_buf_putc(b, '}');
}

static void put_range(struct sg_buf *b, const struct sg_duration *range)
{
    sg_buf_putc(b, '[');
    put_duration(b, range);
}

/* ---- operators ---- */

static int priority_of(const struct sg_expr *e)
{
    if (e->kind == SG_EXPR_BINARY)
        return sg_binary_priority(e->u.binary.op);
    if (e->kind == SG_EXPR_NEGATE || e->kind == SG_EXPR_PLUS ||
        (e->kind == SG_EXPR_NUMBER && signbit(e->u.number) && !isnan(e->u.number)))
        return UNARY_PRIORITY;
    return HIGHEST;
}

static void put_expr(struct sg_buf *b, const struct sg_expr *e);

/* An operand in parentheses if it binds less tightly than `min`. A sign may stand on any right
 * side. */
static void put_operand(struct sg_buf *b, const struct sg_expr *e, int min, bool right)
{
    bool sign = e->kind != SG_EXPR_BINARY;
    bool parens = priority_of(e) < min && !(right && sign);
    if (parens)
        sg_buf_putc(b, '(');
    put_expr(b, e);
    if (parens)
        sg_buf_putc(b, ')');
}

static void put_matching(struct sg_buf *b, const struct sg_matching *m)
{
    bool group = m->card == SG_CARD_MANY_TO_ONE || m->card == SG_CARD_ONE_TO_MANY;
    if (m->on || m->label_count || group) {
        sg_buf_puts(b, m->on ? " on " : " ignoring ");
        put_labels(b, m->labels, m->label_count);
    }
    if (group) {
        sg_buf_puts(b, m->card == SG_CARD_MANY_TO_ONE ? " group_left " : " group_right ");
        put_labels(b, m->include, m->include_count);
    }
}

static void put_binary(struct sg_buf *b, const struct sg_binary *n)
{
    int priority = sg_binary_priority(n->op);
    bool right_associative = n->op == SG_OP_POW;
    put_operand(b, n->lhs, right_associative ? priority + 1 : priority, false);
    sg_buf_putc(b, ' ');
    sg_buf_puts(b, sg_binary_text(n->op));
    if (n->return_bool)
        sg_buf_puts(b, " bool");
    put_matching(b, &n->matching);
    sg_buf_putc(b, ' ');
    put_operand(b, n->rhs, right_associative ? priority : priority + 1, true);
}

static void put_aggregate(struct sg_buf *b, const struct sg_aggregate *a)
{
    sg_buf_puts(b, sg_aggregation_text(a->op));
    if (a->without || a->label_count) {
        sg_buf_puts(b, a->without ? " without " : " by ");
        put_labels(b, a->labels, a->label_count);
        sg_buf_putc(b, ' ');
    }
    sg_buf_putc(b, '(');
    if (a->param) {
        put_expr(b, a->param);
        sg_buf_puts(b, ", ");
    }
    put_expr(b, a->expr);
    sg_buf_putc(b, ')');
}

static void put_call(struct sg_buf *b, const struct sg_call *c)
{
    sg_buf_puts(b, c->fn->name);
    sg_buf_putc(b, '(');
    for (uint32_t i = 0; i < c->arg_count; i++) {
        const struct sg_expr *arg = c->args[i];
        if (i > 0)
            sg_buf_puts(b, ", ");
        if (c->fn->id == SG_FN_INFO && i == 1 && arg->kind == SG_EXPR_SELECTOR) {
            put_selector(b, &arg->u.selector, true);
            put_asof(b, &arg->u.selector.asof);
        } else {
            put_expr(b, arg);
        }
    }
    sg_buf_putc(b, ')');
}

static void put_subquery(struct sg_buf *b, const struct sg_subquery *s)
{
    put_operand(b, s->expr, HIGHEST, false);
    put_range(b, &s->range);
    sg_buf_putc(b, ':');
    if (s->step.expr || s->step.ms)
        put_duration(b, &s->step);
    sg_buf_putc(b, ']');
    put_asof(b, &s->asof);
}

static void put_expr(struct sg_buf *b, const struct sg_expr *e)
{
    switch (e->kind) {
    case SG_EXPR_NUMBER:
        if (e->from_duration && signbit(e->u.number))
            sg_buf_putc(b, '-');
        if (e->from_duration)
            put_ms(b, llround(fabs(e->u.number) * 1000));
        else
            put_number(b, e->u.number);
        break;
    case SG_EXPR_STRING:
        put_string(b, e->u.string);
        break;
    case SG_EXPR_SELECTOR:
        put_selector(b, &e->u.selector, false);
        put_asof(b, &e->u.selector.asof);
        break;
    case SG_EXPR_RANGE_SELECTOR:
        put_selector(b, &e->u.selector, false);
        put_range(b, &e->u.selector.range);
        sg_buf_putc(b, ']');
        put_asof(b, &e->u.selector.asof);
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
        sg_buf_putc(b, e->kind == SG_EXPR_PLUS ? '+' : '-');
        put_operand(b, e->u.negate, POW_PRIORITY, true);
        break;
    case SG_EXPR_PAREN:
        sg_buf_putc(b, '(');
        put_expr(b, e->u.negate);
        sg_buf_putc(b, ')');
        break;
    }
}

int sg_expr_print(const struct sg_expr *e, struct sg_buf *b)
{
    put_expr(b, e);
    return b->failed ? SG_ELIMIT : 0;
}
