/* check.h - type rules of PromQL, node by node, bottom-up, as the parser makes them. Private to
 * promql.
 *
 * Type errors are kept apart from syntax errors: the first one is reported only when the whole text
 * satisfies the grammar.
 */
#ifndef SG_PROMQL_CHECK_H
#define SG_PROMQL_CHECK_H

#include <streamgauge/error.h>
#include <streamgauge/promql_ast.h>

struct sg__check {
    struct sg_error err; /* the first type error */
    const struct sg_expr
        *empty_selector; /* the selector `err` complains about for matching everything */
    const struct sg_expr *named_selector; /* the last selector whose name stood before the braces */
};

/* Each may record an error in c->err and finishes the node: its type and what the rules imply. */
/* `name` is what stood before the braces, NULL without. */
void sg__check_selector(struct sg__check *c, struct sg_expr *e, const struct sg_str *name);
void sg__check_subquery(struct sg__check *c, struct sg_expr *e);
void sg__check_call(struct sg__check *c, struct sg_expr *e);
void sg__check_aggregate(struct sg__check *c, struct sg_expr *e);
void sg__check_binary(struct sg__check *c, struct sg_expr *e);
/* For both signs; `pos` is the sign's. */
void sg__check_unary(struct sg__check *c, const struct sg_expr *operand, uint32_t pos);

/* Appends ", did you mean 'x'?" to dst (at most size bytes with the NUL) when a function or
 * aggregation is close. */
void sg__suggest(struct sg_str name, char *dst, size_t size);

#endif
