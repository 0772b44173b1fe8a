/* template_parse.h - the parser of templates: what its files share. */
#ifndef SG_ALERT_TEMPLATE_PARSE_H
#define SG_ALERT_TEMPLATE_PARSE_H

#include "template_priv.h"

struct sg__parser {
    struct sg_template *t;
    struct sg__lexer lexer;
    struct sg__token tok; /* the current one */
    struct sg_error *reterr;
    struct sg_str vars[SG__TEMPLATE_MAX_VARS]; /* those in scope, and those of outer texts */
    uint32_t first_var, n_vars;                /* a slot is the index from first_var */
    unsigned depth, ranges;
    struct sg__token stopped; /* the last end or else */
    struct sg__def *def;      /* that is being read; NULL: the text itself */
    uint32_t n_defs;
};

/* All return 0 or the error's code. */

int sg__parse_fail(struct sg__parser *p, const struct sg__token *t, const char *fmt, ...)
    SG_PRINTF(3, 4);
/* "unexpected '}}' in <where>" */
int sg__parse_unexpected(struct sg__parser *p, const char *where);
int sg__parse_advance(struct sg__parser *p);
/* As it stands in the text. */
struct sg_str sg__parse_token(const struct sg__parser *p, const struct sg__token *t);
/* Zeroed; NULL and an error: the template is too large. */
void *sg__parse_alloc(struct sg__parser *p, size_t n);
/* A pipeline up to the token `end`, which stays current. */
int sg__parse_pipe(struct sg__parser *p, enum sg__token_kind end, const char *where,
                   struct sg__pipe **ret);

#endif
