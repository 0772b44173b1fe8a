/* parser.h - what the files of the parser share. Private to promql. */
#ifndef SG_PROMQL_PARSER_H
#define SG_PROMQL_PARSER_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/promql_ast.h>

#include "check.h"
#include "lexer.h"

struct sg__parser {
    struct sg__lexer lexer;
    struct sg__token tok;   /* the token to be read next */
    uint32_t last_end;      /* end of the token read last */
    struct sg_promql *q;    /* what is being built */
    struct sg_error *err;   /* the first error of the grammar */
    struct sg__check check; /* type errors count only when the grammar is satisfied */
    uint32_t nesting, max_nesting;
    bool as_written;
    uint32_t duration_ops; /* operators in durations that depend on the query */
};

/* A list that grows while it is read and ends up in the arena. */
struct sg__list {
    void *items[64]; /* the first ones; the rest on the heap */
    void **more;
    size_t count, cap;
};

/* Reads the next token into p->tok. */
int sg__parser_advance(struct sg__parser *p);
/* "unexpected <token> in <context>, expected <expected>"; either may be NULL. Returns SG_ESYNTAX.
 */
int sg__parser_unexpected(struct sg__parser *p, const char *context, const char *expected);
/* SG_ESYNTAX with a place. */
int sg__parser_error(struct sg__parser *p, uint32_t pos, uint32_t end, const char *fmt, ...)
    SG_PRINTF(4, 5);
/* SG_ELIMIT: the tree does not fit. */
int sg__parser_full(struct sg__parser *p);
/* A zeroed node of this kind over [pos, end); NULL when the arena is full. */
struct sg_expr *sg__parser_node(struct sg__parser *p, enum sg_expr_kind kind,
                                enum sg_expr_type type, uint32_t pos, uint32_t end);
/* Counts one level of nesting; the caller takes it back with p->nesting--. */
int sg__parser_enter(struct sg__parser *p, const struct sg__token *at);

void sg__list_deinit(struct sg__list *l);
void sg__list_add(struct sg__list *l, void *item);
void *sg__list_get(const struct sg__list *l, size_t i);

/* parser.c */
int sg__parse_expr(struct sg__parser *p, int min_priority, struct sg_expr **ret);
/* Sets the height of a node above its children; SG_ELIMIT past SG_PROMQL_MAX_HEIGHT. */
int sg__parser_set_height(struct sg__parser *p, struct sg_expr *e);

/* parser_call.c */
/* "(a, b)" after by, without, on, ignoring, group_left, group_right: sorted, without duplicates. */
int sg__parse_labels(struct sg__parser *p, struct sg_str **ret, uint32_t *ret_count);
/* name(args); the current token is the '('. */
int sg__parse_call(struct sg__parser *p, const struct sg__token *name, struct sg_expr **ret);
/* op by (a) (args) and op(args) by (a); the current token follows the operation. */
int sg__parse_aggregation(struct sg__parser *p, const struct sg__token *op, struct sg_expr **ret);
bool sg__parser_at_grouping(const struct sg__parser *p);

/* parser_selector.c */
/* name{…} or {…}; `name` is NULL without one. The current token is what follows the name. */
int sg__parse_selector(struct sg__parser *p, const struct sg__token *name, struct sg_expr **ret);
/* What may follow an expression: [range], [range:step], offset, @. `bare`: no parentheses around
 * it. */
int sg__parse_postfix(struct sg__parser *p, bool bare, struct sg_expr **io);
bool sg__token_is_metric_name(enum sg__tok type, int which);

/* parser_duration.c */
/* What stands in brackets before ']' or ':': a duration above 0. */
int sg__parse_range_duration(struct sg__parser *p, struct sg_duration *ret);
/* What stands after `offset`: one signed operand, parentheses for more. */
int sg__parse_offset_duration(struct sg__parser *p, struct sg_duration *ret);

#endif
