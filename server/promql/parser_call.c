/* parser_call.c - label lists, function calls and aggregations. */
#include <stdlib.h>
#include <string.h>

#include "parser.h"

/* ---- label lists ---- */

static bool is_label(const struct sg__token *t)
{
    switch (t->type) {
    case TOK_IDENT:
    case TOK_METRIC_IDENT:
    case TOK_AGG:
    case TOK_BOOL:
    case TOK_BY:
    case TOK_ON:
    case TOK_IGNORING:
    case TOK_GROUP_LEFT:
    case TOK_GROUP_RIGHT:
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
        return t->which == SG_OP_AND || t->which == SG_OP_OR || t->which == SG_OP_UNLESS ||
               t->which == SG_OP_ATAN2;
    default:
        return false;
    }
}

/* label := IDENT | KEYWORD | STRING */
static int parse_label(struct sg__parser *p, struct sg_str **ret)
{
    struct sg_str *label = sg_arena_alloc(&p->q->arena, sizeof(*label));
    if (!label)
        return sg__parser_full(p);
    if (p->tok.type == TOK_STRING) {
        if (sg__string_unquote(&p->q->arena, p->tok.text, label) < 0)
            return sg__parser_full(p);
        if (label->n == 0 || !sg_utf8_valid(label->p, label->n))
            return sg__parser_error(p, p->tok.pos, p->tok.end,
                                    "invalid label name for grouping: %.*s",
                                    (int)(p->tok.text.n > 60 ? 60 : p->tok.text.n), p->tok.text.p);
    } else if (is_label(&p->tok)) {
        *label = p->tok.text;
    } else {
        return sg__parser_unexpected(p, "grouping opts", "label");
    }
    *ret = label;
    return sg__parser_advance(p);
}

static int cmp_label(const void *a, const void *b)
{
    return sg_str_cmp(*(const struct sg_str *)a, *(const struct sg_str *)b);
}

static int keep_labels(struct sg__parser *p, const struct sg__list *list, struct sg_str **ret,
                       uint32_t *ret_count)
{
    struct sg_str *labels = sg_arena_calloc(&p->q->arena, list->count + 1, sizeof(*labels));
    uint32_t n = 0;
    if (!labels)
        return sg__parser_full(p);
    for (size_t i = 0; i < list->count; i++)
        labels[i] = *(const struct sg_str *)sg__list_get(list, i);
    if (!p->as_written)
        qsort(labels, list->count, sizeof(*labels), cmp_label);
    for (size_t i = 0; i < list->count; i++)
        if (n == 0 || p->as_written || !sg_str_eq(labels[n - 1], labels[i]))
            labels[n++] = labels[i];
    *ret = labels;
    *ret_count = n;
    return 0;
}

/* labels := '(' (label (',' label)* ','?)? ')' */
int sg__parse_labels(struct sg__parser *p, struct sg_str **ret, uint32_t *ret_count)
{
    SG_AUTO(sg__list_deinit) struct sg__list list = {.count = 0};
    struct sg_str *label = NULL;
    if (p->tok.type != TOK_LPAREN)
        return sg__parser_unexpected(p, "grouping opts", "\"(\"");
    int rc = sg__parser_advance(p);
    while (rc == 0 && p->tok.type != TOK_RPAREN) {
        rc = parse_label(p, &label);
        if (rc < 0)
            return rc;
        sg__list_add(&list, label);
        if (p->tok.type == TOK_COMMA)
            rc = sg__parser_advance(p);
        else if (p->tok.type != TOK_RPAREN)
            return sg__parser_unexpected(p, "grouping opts", "\",\" or \")\"");
    }
    if (rc == 0)
        rc = sg__parser_advance(p);
    return rc < 0 ? rc : keep_labels(p, &list, ret, ret_count);
}

/* ---- calls and aggregations ---- */

/* args := '(' (expr (',' expr)*)? ')' ; a comma before the ')' is an error of its own */
static int parse_args(struct sg__parser *p, struct sg_expr ***ret, uint32_t *ret_count)
{
    SG_AUTO(sg__list_deinit) struct sg__list list = {.count = 0};
    struct sg_expr *arg;
    int rc = sg__parser_advance(p);
    while (rc == 0 && p->tok.type != TOK_RPAREN) {
        rc = sg__parse_expr(p, 0, &arg);
        if (rc < 0)
            return rc;
        sg__list_add(&list, arg);
        if (p->tok.type == TOK_RPAREN)
            break;
        if (p->tok.type != TOK_COMMA)
            return sg__parser_unexpected(p, NULL, "\",\" or \")\"");
        uint32_t pos = p->tok.pos;
        rc = sg__parser_advance(p);
        if (rc == 0 && p->tok.type == TOK_RPAREN)
            return sg__parser_error(p, pos, pos + 1,
                                    "trailing commas not allowed in function call args");
    }
    if (rc == 0)
        rc = sg__parser_advance(p);
    if (rc < 0)
        return rc;
    struct sg_expr **args = sg_arena_calloc(&p->q->arena, list.count + 1, sizeof(struct sg_expr *));
    if (!args)
        return sg__parser_full(p);
    for (size_t i = 0; i < list.count; i++)
        args[i] = sg__list_get(&list, i);
    *ret = args;
    *ret_count = (uint32_t)list.count;
    return 0;
}

static int parse_args_nested(struct sg__parser *p, struct sg_expr ***ret, uint32_t *ret_count)
{
    int rc = sg__parser_enter(p, &p->tok);
    if (rc == 0)
        rc = parse_args(p, ret, ret_count);
    p->nesting--;
    return rc;
}

/* call := NAME args ; the current token is the '(' */
int sg__parse_call(struct sg__parser *p, const struct sg__token *name, struct sg_expr **ret)
{
    const struct sg_function *fn = sg_function_find(name->text);
    if (!fn) {
        char hint[64] = "";
        sg__suggest(name->text, hint, sizeof(hint));
        return sg__parser_error(p, name->pos, name->end, "unknown function with name \"%.*s\"%s",
                                (int)(name->text.n > 80 ? 80 : name->text.n), name->text.p, hint);
    }
    struct sg_expr *e = sg__parser_node(p, SG_EXPR_CALL, fn->ret, name->pos, 0);
    if (!e)
        return SG_ELIMIT;
    e->u.call.fn = fn;
    int rc = parse_args_nested(p, &e->u.call.args, &e->u.call.arg_count);
    if (rc < 0)
        return rc;
    e->end = p->last_end;
    sg__check_call(&p->check, e);
    *ret = e;
    return sg__parser_set_height(p, e);
}

/* grouping := ('by' | 'without') labels */
static int parse_grouping(struct sg__parser *p, struct sg_aggregate *a)
{
    a->without = p->tok.type == TOK_WITHOUT;
    int rc = sg__parser_advance(p);
    return rc < 0 ? rc : sg__parse_labels(p, &a->labels, &a->label_count);
}

/* Sorts the arguments into parameter and expression. */
static int assign_args(struct sg__parser *p, struct sg_expr *e, struct sg_expr **args, uint32_t n)
{
    struct sg_aggregate *a = &e->u.aggregate;
    uint32_t want = sg_aggregation_param_type(a->op) == SG_TYPE_NONE ? 1 : 2;
    if (n == 0)
        return sg__parser_error(p, e->pos, e->end,
                                "no arguments for aggregate expression provided");
    if (n != want)
        return sg__parser_error(p, e->pos, e->end,
                                "wrong number of arguments for aggregate expression provided, "
                                "expected %u, got %u",
                                want, n);
    a->param = want == 2 ? args[0] : NULL;
    a->expr = args[want - 1];
    return 0;
}

bool sg__parser_at_grouping(const struct sg__parser *p)
{
    return p->tok.type == TOK_BY || p->tok.type == TOK_WITHOUT;
}

/* aggregation := AGG grouping args | AGG args grouping? ; the current token follows the AGG */
int sg__parse_aggregation(struct sg__parser *p, const struct sg__token *op, struct sg_expr **ret)
{
    struct sg_expr *e = sg__parser_node(p, SG_EXPR_AGGREGATE, SG_TYPE_VECTOR, op->pos, 0);
    struct sg_expr **args = NULL;
    uint32_t n = 0;
    int rc = 0;
    if (!e)
        return SG_ELIMIT;
    e->u.aggregate.op = (enum sg_aggregation_op)op->which;
    bool before = sg__parser_at_grouping(p);
    if (before)
        rc = parse_grouping(p, &e->u.aggregate);
    if (rc == 0 && p->tok.type != TOK_LPAREN)
        return sg__parser_unexpected(p, "aggregation", "\"(\"");
    if (rc == 0)
        rc = parse_args_nested(p, &args, &n);
    if (rc == 0 && !before && sg__parser_at_grouping(p))
        rc = parse_grouping(p, &e->u.aggregate);
    if (rc < 0)
        return rc;
    e->end = p->last_end;
    rc = assign_args(p, e, args, n);
    if (rc < 0)
        return rc;
    sg__check_aggregate(&p->check, e);
    *ret = e;
    return sg__parser_set_height(p, e);
}
