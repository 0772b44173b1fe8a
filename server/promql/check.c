/* check.c - type rules of PromQL, one function per kind of node; called bottom-up by the parser. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#define ERROR(c, pos, end, ...) (void)sg_error_at(&(c)->err, SG_ESYNTAX, pos, end, __VA_ARGS__)

/* ---- selectors ---- */

/* The name before the braces is one matcher on __name__; any other one contradicts or repeats it.
 */
static void name_given_twice(struct sg__check *c, const struct sg_expr *e, struct sg_str name)
{
    const struct sg_matcher *other = NULL;
    bool seen = false;
    for (uint32_t i = 0; i < e->u.selector.matcher_count; i++) {
        const struct sg_matcher *m = e->u.selector.matchers[i];
        if (!sg_str_eq_c(m->name, "__name__"))
            continue;
        if (!seen && m->type == SG_MATCH_EQ && sg_str_eq(m->value, name))
            seen = true;
        else
            other = other ? other : m;
    }
    if (other)
        ERROR(c, e->pos, e->end, "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
              (int)(name.n > 60 ? 60 : name.n), name.p,
              (int)(other->value.n > 60 ? 60 : other->value.n), other->value.p);
}

void sg__check_selector(struct sg__check *c, struct sg_expr *e, const struct sg_str *name)
{
    if (name) {
        c->named_selector = e;
        name_given_twice(c, e, *name);
        return;
    }
    for (uint32_t i = 0; i < e->u.selector.matcher_count; i++)
        if (!e->u.selector.matchers[i]->matches_empty)
            return;
    if (c->err.code == SG_OK)
        c->empty_selector = e;
    ERROR(c, e->pos, e->end, "vector selector must contain at least one non-empty matcher");
}

void sg__check_subquery(struct sg__check *c, struct sg_expr *e)
{
    const struct sg_expr *inner = e->u.subquery.expr;
    if (inner->type != SG_TYPE_VECTOR)
        ERROR(c, e->pos, e->end, "subquery is only allowed on instant vector, got %s instead",
              sg_expr_type_text(inner->type));
}

/* ---- calls ---- */

static void check_arg_count(struct sg__check *c, const struct sg_expr *e)
{
    const struct sg_function *fn = e->u.call.fn;
    uint32_t given = e->u.call.arg_count, typed = fn->arg_count;
    if (fn->variadic == 0) {
        if (given != typed)
            ERROR(c, e->pos, e->end, "expected %u argument(s) in call to \"%s\", got %u", typed,
                  fn->name, given);
        return;
    }
    uint32_t surplus = fn->variadic > 0 ? (uint32_t)fn->variadic : 0;
    uint32_t least = typed - 1, most = least + surplus;
    if (given < least)
        ERROR(c, e->pos, e->end, "expected at least %u argument(s) in call to \"%s\", got %u",
              least, fn->name, given);
    else if (fn->variadic > 0 && given > most)
        ERROR(c, e->pos, e->end, "expected at most %u argument(s) in call to \"%s\", got %u", most,
              fn->name, given);
}

/* info(v, {…}): the second argument is a set of matchers in the guise of a selector, and may match
 * everything. */
static void check_info(struct sg__check *c, const struct sg_expr *e)
{
    const struct sg_expr *arg = e->u.call.args[1];
    if (c->empty_selector && c->empty_selector == arg) {
        memset(&c->err, 0, sizeof(c->err));
        c->empty_selector = NULL;
    }
    if (arg->kind != SG_EXPR_SELECTOR)
        ERROR(c, arg->pos, arg->end, "expected label selectors only");
    else if (c->named_selector == arg)
        ERROR(c, arg->pos, arg->end, "expected label selectors only, got vector selector instead");
}

void sg__check_call(struct sg__check *c, struct sg_expr *e)
{
    const struct sg_call *call = &e->u.call;
    const struct sg_function *fn = call->fn;
    uint32_t typed = fn->arg_count;
    check_arg_count(c, e);
    if (fn->id == SG_FN_INFO && call->arg_count > 1)
        check_info(c, e);
    for (uint32_t i = 0; i < call->arg_count && typed > 0; i++) {
        if (i >= typed && fn->variadic == 0)
            return;
        enum sg_expr_type want = fn->args[i < typed ? i : typed - 1];
        const struct sg_expr *arg = call->args[i];
        if (arg->type != want)
            ERROR(c, arg->pos, arg->end, "expected type %s in call to function \"%s\", got %s",
                  sg_expr_type_text(want), fn->name, sg_expr_type_text(arg->type));
    }
}

void sg__check_aggregate(struct sg__check *c, struct sg_expr *e)
{
    const struct sg_aggregate *a = &e->u.aggregate;
    enum sg_expr_type want = sg_aggregation_param_type(a->op);
    if (a->expr->type != SG_TYPE_VECTOR)
        ERROR(c, a->expr->pos, a->expr->end, "expected type %s in aggregation expression, got %s",
              sg_expr_type_text(SG_TYPE_VECTOR), sg_expr_type_text(a->expr->type));
    if (a->param && a->param->type != want)
        ERROR(c, a->param->pos, a->param->end, "expected type %s in aggregation parameter, got %s",
              sg_expr_type_text(want), sg_expr_type_text(a->param->type));
}

/* ---- operators ---- */

static bool is_number_like(enum sg_expr_type type)
{
    return type == SG_TYPE_SCALAR || type == SG_TYPE_VECTOR;
}

/* Both lists are sorted, so one walk over the two finds what they share. */
static void check_overlap(struct sg__check *c, const struct sg_binary *b)
{
    const struct sg_matching *m = &b->matching;
    uint32_t i = 0, k = 0;
    while (m->on && i < m->label_count && k < m->include_count) {
        int cmp = sg_str_cmp(m->labels[i], m->include[k]);
        if (cmp == 0) {
            ERROR(c, b->op_pos, b->op_end,
                  "label \"%.*s\" must not occur in ON and GROUP clause at once",
                  (int)(m->labels[i].n > 80 ? 80 : m->labels[i].n), m->labels[i].p);
            return;
        }
        if (cmp < 0)
            i++;
        else
            k++;
    }
}

static void check_operands(struct sg__check *c, const struct sg_binary *b)
{
    static const char text[] =
        "binary expression must contain only scalar and instant vector types";
    if (!is_number_like(b->lhs->type))
        ERROR(c, b->lhs->pos, b->lhs->end, "%s", text);
    if (!is_number_like(b->rhs->type))
        ERROR(c, b->rhs->pos, b->rhs->end, "%s", text);
}

/* Matching between vectors; beside a scalar it must not say anything and is forgotten. */
static void check_matching(struct sg__check *c, const struct sg_expr *e, struct sg_binary *b)
{
    struct sg_matching *m = &b->matching;
    bool set = sg_binary_class(b->op) == SG_BINARY_SET;
    if (b->lhs->type != SG_TYPE_VECTOR || b->rhs->type != SG_TYPE_VECTOR) {
        if (m->label_count)
            ERROR(c, e->pos, e->end, "vector matching only allowed between instant vectors");
        if (set)
            ERROR(c, e->pos, e->end, "set operator \"%s\" not allowed in binary scalar expression",
                  sg_binary_text(b->op));
        memset(m, 0, sizeof(*m));
        return;
    }
    if (!set)
        return;
    if (m->card != SG_CARD_ONE_TO_ONE)
        ERROR(c, e->pos, e->end, "no grouping allowed for \"%s\" operation", sg_binary_text(b->op));
    m->card = SG_CARD_MANY_TO_MANY;
}

void sg__check_binary(struct sg__check *c, struct sg_expr *e)
{
    struct sg_binary *b = &e->u.binary;
    bool compare = sg_binary_class(b->op) == SG_BINARY_COMPARE;
    bool scalars = b->lhs->type == SG_TYPE_SCALAR && b->rhs->type == SG_TYPE_SCALAR;
    if (b->return_bool && !compare)
        ERROR(c, b->op_pos, b->op_end, "bool modifier can only be used on comparison operators");
    if (compare && scalars && !b->return_bool)
        ERROR(c, b->op_pos, b->op_end, "comparisons between scalars must use BOOL modifier");
    if (scalars && sg_binary_class(b->op) == SG_BINARY_TRIM)
        ERROR(c, b->op_pos, b->op_end,
              "operator \"%s\" not allowed between scalars, it trims histograms",
              sg_binary_text(b->op));
    check_overlap(c, b);
    check_operands(c, b);
    check_matching(c, e, b);
    e->type = scalars ? SG_TYPE_SCALAR : SG_TYPE_VECTOR;
}

void sg__check_unary(struct sg__check *c, const struct sg_expr *operand, uint32_t pos)
{
    if (!is_number_like(operand->type))
        ERROR(c, pos, operand->end,
              "unary expression only allowed on expressions of type scalar or instant vector, "
              "got \"%s\"",
              sg_expr_type_text(operand->type));
}
