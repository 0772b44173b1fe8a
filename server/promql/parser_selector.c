/* parser_selector.c - selectors, and what may follow an expression: ranges, subqueries, offset, @.
 */
#include <math.h>
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <string.h>

#include "parser.h"

/* Times beyond ±2^51 ms (71 000 years) do not survive being printed in seconds and read again. */
#define AT_LIMIT_MS 2251799813685248.0

/* ---- matchers ---- */

static int keep_matcher(struct sg__parser *p, enum sg_match_type type, struct sg_str name,
                        struct sg_str value, const struct sg_error *place, struct sg_matcher **ret)
{
    struct sg_promql *q = p->q;
    struct sg_error err = {.code = SG_OK};
    struct sg_matcher *m = sg_arena_alloc(&q->arena, sizeof(*m));
    if (!m)
        return sg__parser_full(p);
    int rc = sg_matcher_init(m, type, name, value, &err);
    if (rc < 0)
        return sg_error_at(p->err, err.code, place->pos, place->end, "%s", err.text);
    q->matchers = sg_grow(q->matchers, &q->matcher_cap, q->matcher_count + 1, sizeof(*q->matchers));
    q->matchers[q->matcher_count++] = m;
    *ret = m;
    return 0;
}

static int limit_regexes(struct sg__parser *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->q->matcher_count; i++)
        n += p->q->matchers[i]->regex != NULL;
    if (n < SG_PROMQL_MAX_REGEXES)
        return 0;
    return sg_error_at(p->err, SG_ELIMIT, p->tok.pos, p->tok.end,
                       "expression has more than %d regular expressions", SG_PROMQL_MAX_REGEXES);
}

/* match_op := '=' | '!=' | '=~' | '!~' */
static bool match_op(const struct sg__token *t, enum sg_match_type *ret)
{
    switch (t->type) {
    case TOK_ASSIGN:
        *ret = SG_MATCH_EQ;
        return true;
    case TOK_OP:
        *ret = SG_MATCH_NE;
        return t->which == SG_OP_NE;
    case TOK_RE_MATCH:
        *ret = SG_MATCH_RE;
        return true;
    case TOK_RE_NMATCH:
        *ret = SG_MATCH_NRE;
        return true;
    default:
        return false;
    }
}

/* matcher_value := match_op STRING ; the name has been read */
static int parse_matcher_value(struct sg__parser *p, struct sg_str name, struct sg_error *place,
                               enum sg_match_type type, struct sg_matcher **ret)
{
    struct sg_str value;
    int rc = sg__parser_advance(p);
    if (rc < 0)
        return rc;
    if (p->tok.type != TOK_STRING)
        return sg__parser_unexpected(p, "label matching", "string");
    if (sg__string_unquote(&p->q->arena, p->tok.text, &value) < 0)
        return sg__parser_full(p);
    place->end = p->tok.end;
    if (type == SG_MATCH_RE || type == SG_MATCH_NRE)
        rc = limit_regexes(p);
    if (rc == 0)
        rc = keep_matcher(p, type, name, value, place, ret);
    return rc < 0 ? rc : sg__parser_advance(p);
}

/* matcher := (IDENT | STRING) matcher_value | STRING ; a string alone is the metric name */
static int parse_matcher(struct sg__parser *p, struct sg_matcher **ret)
{
    struct sg_error place = {.pos = p->tok.pos, .end = p->tok.end};
    struct sg_str name = p->tok.text;
    enum sg_match_type type = SG_MATCH_EQ;
    bool quoted = p->tok.type == TOK_STRING;
    if (!quoted && p->tok.type != TOK_IDENT)
        return sg__parser_unexpected(p, "label matching", "identifier or \"}\"");
    if (quoted && sg__string_unquote(&p->q->arena, p->tok.text, &name) < 0)
        return sg__parser_full(p);
    int rc = sg__parser_advance(p);
    if (rc < 0)
        return rc;
    if (match_op(&p->tok, &type))
        return parse_matcher_value(p, name, &place, type, ret);
    if (quoted)
        return keep_matcher(p, SG_MATCH_EQ, SG_STR("__name__"), name, &place, ret);
    return sg__parser_unexpected(p, "label matching", "label matching operator");
}

/* matchers := '{' (matcher (',' matcher)* ','?)? '}' */
static int parse_matchers(struct sg__parser *p, struct sg__list *list)
{
    struct sg_matcher *m = NULL;
    int rc = sg__parser_advance(p);
    while (rc == 0 && p->tok.type != TOK_RBRACE) {
        rc = parse_matcher(p, &m);
        if (rc < 0)
            return rc;
        sg__list_add(list, m);
        if (p->tok.type == TOK_COMMA)
            rc = sg__parser_advance(p);
        else if (p->tok.type != TOK_RBRACE)
            return sg__parser_unexpected(p, "label matching", "\",\" or \"}\"");
    }
    return rc < 0 ? rc : sg__parser_advance(p);
}

static int cmp_matcher(const void *a, const void *b)
{
    return sg_matcher_cmp(*(struct sg_matcher *const *)a, *(struct sg_matcher *const *)b);
}

/* Sorted, and with the name known by itself where there is exactly one matcher on it and that is an
 * equality. */
static int keep_matchers(struct sg__parser *p, const struct sg__list *list, struct sg_expr *e)
{
    struct sg_selector *s = &e->u.selector;
    size_t on_name = 0;
    s->matchers = sg_arena_calloc(&p->q->arena, list->count + 1, sizeof(struct sg_matcher *));
    if (!s->matchers)
        return sg__parser_full(p);
    s->matcher_count = (uint32_t)list->count;
    s->name = SG_STR("");
    for (size_t i = 0; i < list->count; i++)
        s->matchers[i] = sg__list_get(list, i);
    if (s->matcher_count > 1)
        qsort(s->matchers, s->matcher_count, sizeof(struct sg_matcher *), cmp_matcher);
    for (size_t i = 0; i < s->matcher_count; i++) {
        const struct sg_matcher *m = s->matchers[i];
        if (!sg_str_eq_c(m->name, "__name__"))
            continue;
        s->name = on_name++ == 0 && m->type == SG_MATCH_EQ ? m->value : SG_STR("");
    }
    return 0;
}

/* selector := NAME matchers? | matchers */
int sg__parse_selector(struct sg__parser *p, const struct sg__token *name, struct sg_expr **ret)
{
    SG_AUTO(sg__list_deinit) struct sg__list list = {.count = 0};
    struct sg_matcher *m = NULL;
    uint32_t pos = name ? name->pos : p->tok.pos;
    struct sg_expr *e = sg__parser_node(p, SG_EXPR_SELECTOR, SG_TYPE_VECTOR, pos, 0);
    int rc = e ? 0 : SG_ELIMIT;
    if (rc == 0 && name) {
        struct sg_error place = {.pos = name->pos, .end = name->end};
        rc = keep_matcher(p, SG_MATCH_EQ, SG_STR("__name__"), name->text, &place, &m);
        if (rc == 0)
            sg__list_add(&list, m);
    }
    if (rc == 0 && p->tok.type == TOK_LBRACE)
        rc = parse_matchers(p, &list);
    if (rc == 0)
        rc = keep_matchers(p, &list, e);
    if (rc < 0)
        return rc;
    e->end = p->last_end;
    sg__check_selector(&p->check, e, name ? &name->text : NULL);
    *ret = e;
    return 0;
}

bool sg__token_is_metric_name(enum sg__tok type, int which)
{
    switch (type) {
    case TOK_IDENT:
    case TOK_METRIC_IDENT:
    case TOK_AGG:
    case TOK_BY:
    case TOK_WITHOUT:
    case TOK_OFFSET:
    case TOK_FILL:
    case TOK_ANCHORED:
    case TOK_SMOOTHED:
    case TOK_START:
    case TOK_END:
    case TOK_STEP:
    case TOK_RANGE:
    case TOK_MIN_OF:
    case TOK_MAX_OF:
        return true;
    case TOK_OP:
        return which == SG_OP_AND || which == SG_OP_OR || which == SG_OP_UNLESS;
    default:
        return false;
    }
}

/* ---- ranges and subqueries ---- */

/* range := selector '[' duration ']' ; the duration has been read, the current token is the ']' */
static int finish_range(struct sg__parser *p, bool bare, uint32_t open,
                        const struct sg_duration *range, struct sg_expr *e)
{
    const char *wrong = NULL;
    if (!bare || e->kind != SG_EXPR_SELECTOR)
        wrong = "ranges only allowed for vector selectors";
    else if (e->u.selector.asof.offset.ms || e->u.selector.asof.offset.expr)
        wrong = "no offset modifiers allowed before range";
    else if (e->u.selector.asof.at != SG_AT_NONE)
        wrong = "no @ modifiers allowed before range";
    if (wrong)
        return sg__parser_error(p, open, p->tok.end, "%s", wrong);
    e->kind = SG_EXPR_RANGE_SELECTOR;
    e->type = SG_TYPE_RANGE;
    e->u.selector.range = *range;
    e->end = p->tok.end;
    return sg__parser_advance(p);
}

/* subquery := expr '[' duration ':' duration? ']' ; the current token is the ':' */
static int finish_subquery(struct sg__parser *p, const struct sg_duration *range,
                           struct sg_expr **io)
{
    struct sg_expr *inner = *io;
    struct sg_expr *e = sg__parser_node(p, SG_EXPR_SUBQUERY, SG_TYPE_RANGE, inner->pos, 0);
    if (!e)
        return SG_ELIMIT;
    e->u.subquery.expr = inner;
    e->u.subquery.range = *range;
    int rc = sg__parser_advance(p);
    if (rc == 0 && p->tok.type != TOK_RBRACKET)
        rc = sg__parse_range_duration(p, &e->u.subquery.step);
    if (rc == 0 && p->tok.type != TOK_RBRACKET)
        return sg__parser_unexpected(p, "subquery selector", "\"]\"");
    if (rc < 0)
        return rc;
    e->end = p->tok.end;
    e->height = inner->height + 1;
    if (e->height > SG_PROMQL_MAX_HEIGHT)
        return sg_error_at(p->err, SG_ELIMIT, e->pos, e->end, "expression has too many subqueries");
    sg__check_subquery(&p->check, e);
    *io = e;
    return sg__parser_advance(p);
}

/* brackets := '[' duration (':' duration?)? ']' */
static int parse_brackets(struct sg__parser *p, bool bare, struct sg_expr **io)
{
    struct sg_duration range;
    uint32_t open = p->tok.pos;
    int rc = sg__parser_advance(p);
    if (rc == 0)
        rc = sg__parse_range_duration(p, &range);
    if (rc < 0)
        return rc;
    if (p->tok.type == TOK_COLON)
        return finish_subquery(p, &range, io);
    if (p->tok.type == TOK_RBRACKET)
        return finish_range(p, bare, open, &range, *io);
    return sg__parser_unexpected(p, "subquery or range", "\":\" or \"]\"");
}

/* ---- offset and @ ---- */

static struct sg_asof *asof_of(bool bare, struct sg_expr *e)
{
    if (!bare)
        return NULL;
    if (e->kind == SG_EXPR_SELECTOR || e->kind == SG_EXPR_RANGE_SELECTOR)
        return &e->u.selector.asof;
    return e->kind == SG_EXPR_SUBQUERY ? &e->u.subquery.asof : NULL;
}

/* offset := (selector | range | subquery) 'offset' offset_duration */
static int parse_offset(struct sg__parser *p, bool bare, struct sg_expr *e)
{
    struct sg_asof *asof = asof_of(bare, e);
    struct sg_duration offset = {0};
    int rc = sg__parser_advance(p);
    if (rc == 0)
        rc = sg__parse_offset_duration(p, &offset);
    if (rc < 0)
        return rc;
    if (!asof)
        return sg__parser_error(p, e->pos, e->end,
                                "offset modifier must be preceded by an instant vector selector or "
                                "range vector selector or a subquery");
    if (asof->offset.ms || asof->offset.expr)
        return sg__parser_error(p, e->pos, e->end, "offset may not be set multiple times");
    asof->offset = offset;
    e->end = p->last_end;
    return 0;
}

/* at_time := '+'? '-'? (NUMBER | DURATION) */
static int parse_at_time(struct sg__parser *p, const struct sg_expr *e, struct sg_asof *ret)
{
    double sign = 1;
    int rc = 0;
    if (p->tok.type == TOK_OP && (p->tok.which == SG_OP_ADD || p->tok.which == SG_OP_SUB)) {
        sign = p->tok.which == SG_OP_SUB ? -1 : 1;
        rc = sg__parser_advance(p);
    }
    if (rc < 0)
        return rc;
    if (p->tok.type != TOK_NUMBER && p->tok.type != TOK_DURATION)
        return sg__parser_unexpected(p, "@", "timestamp");
    double ms = round(sign * p->tok.number * 1000.0);
    if (!(fabs(ms) < AT_LIMIT_MS)) {
        char shown[SG_DOUBLE_MAX];
        int n = (int)sg_double_format(sign * p->tok.number, shown);
        return sg__parser_error(p, e->pos, p->tok.end,
                                "timestamp out of bounds for @ modifier: %.*s", n, shown);
    }
    ret->at = SG_AT_TIME;
    ret->at_ms = (int64_t)ms;
    return sg__parser_advance(p);
}

/* at_function := ('start' | 'end') '(' ')' */
static int parse_at_function(struct sg__parser *p, struct sg_asof *ret)
{
    ret->at = p->tok.type == TOK_START ? SG_AT_START : SG_AT_END;
    int rc = sg__parser_advance(p);
    if (rc == 0 && p->tok.type != TOK_LPAREN)
        return sg__parser_unexpected(p, "@", "\"(\"");
    if (rc == 0)
        rc = sg__parser_advance(p);
    if (rc == 0 && p->tok.type != TOK_RPAREN)
        return sg__parser_unexpected(p, "@", "\")\"");
    return rc < 0 ? rc : sg__parser_advance(p);
}

/* at := (selector | range | subquery) '@' (at_time | at_function) */
static int parse_at(struct sg__parser *p, bool bare, struct sg_expr *e)
{
    struct sg_asof *asof = asof_of(bare, e), read = {.at = SG_AT_NONE};
    int rc = sg__parser_advance(p);
    if (rc == 0 && (p->tok.type == TOK_START || p->tok.type == TOK_END))
        rc = parse_at_function(p, &read);
    else if (rc == 0)
        rc = parse_at_time(p, e, &read);
    if (rc < 0)
        return rc;
    if (!asof)
        return sg__parser_error(
            p, e->pos, e->end,
            "@ modifier must be preceded by an instant vector selector or range "
            "vector selector or a subquery");
    if (asof->at != SG_AT_NONE)
        return sg__parser_error(p, e->pos, e->end, "@ <timestamp> may not be set multiple times");
    asof->at = read.at;
    asof->at_ms = read.at_ms;
    e->end = p->last_end;
    return 0;
}

/* postfix := brackets | offset | at */
int sg__parse_postfix(struct sg__parser *p, bool bare, struct sg_expr **io)
{
    int rc = 0;
    while (rc == 0) {
        switch (p->tok.type) {
        case TOK_LBRACKET:
            rc = parse_brackets(p, bare, io);
            bare = true;
            break;
        case TOK_OFFSET:
            rc = parse_offset(p, bare, *io);
            break;
        case TOK_AT:
            rc = parse_at(p, bare, *io);
            break;
        case TOK_ANCHORED:
        case TOK_SMOOTHED:
            return sg_error_at(p->err, SG_EUNSUPPORTED, p->tok.pos, p->tok.end,
                               "%.*s modifier is not supported", SG_STR_ARG(p->tok.text));
        default:
            return 0;
        }
    }
    return rc;
}
