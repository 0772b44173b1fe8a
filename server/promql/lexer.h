/* lexer.h - PromQL text to tokens, one at a time, each with its bytes. Private to promql.
 *
 * The lexer knows three contexts, as the language does: outside, inside { } where keywords are
 * plain label names, and inside [ ] where only duration arithmetic is allowed. It keeps them
 * itself, so the parser just asks for the next token.
 */
#ifndef SG_PROMQL_LEXER_H
#define SG_PROMQL_LEXER_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/arena.h>
#include <streamgauge/error.h>
#include <streamgauge/promql_ast.h>
#include <streamgauge/str.h>

enum sg__tok {
    TOK_EOF,
    TOK_IDENT,        /* foo */
    TOK_METRIC_IDENT, /* foo:bar, never a label name */
    TOK_NUMBER,       /* value in sg__token.number */
    TOK_DURATION,     /* value in sg__token.number, in seconds */
    TOK_STRING,       /* text includes the quotes; sg__string_unquote */
    TOK_LPAREN,
    TOK_RPAREN,
    TOK_LBRACE,
    TOK_RBRACE,
    TOK_LBRACKET,
    TOK_RBRACKET,
    TOK_COMMA,
    TOK_COLON,
    TOK_ASSIGN,    /* = */
    TOK_RE_MATCH,  /* =~ */
    TOK_RE_NMATCH, /* !~ */
    TOK_AT,
    TOK_OP, /* a binary operator, which in sg__token.which (enum sg_binary_op); != also as a matcher
             */
    TOK_AGG, /* an aggregation, which in sg__token.which (enum sg_aggregation_op) */
    /* keywords */
    TOK_BOOL,
    TOK_BY,
    TOK_WITHOUT,
    TOK_ON,
    TOK_IGNORING,
    TOK_GROUP_LEFT,
    TOK_GROUP_RIGHT,
    TOK_OFFSET,
    TOK_FILL, /* fill, fill_left, fill_right before a parenthesis */
    TOK_ANCHORED,
    TOK_SMOOTHED,
    /* functions of time that the grammar knows */
    TOK_START,
    TOK_END,
    TOK_STEP,
    TOK_RANGE,
    TOK_MIN_OF,
    TOK_MAX_OF,
};

struct sg__token {
    enum sg__tok type;
    uint32_t pos, end; /* bytes in the text */
    struct sg_str text;
    int which;
    double number;
};

struct sg__lexer {
    struct sg_str s;
    size_t i;
    uint32_t paren_depth;
    bool in_braces, in_brackets;
};

void sg__lexer_init(struct sg__lexer *l, struct sg_str text);
/* The next token; comments and spaces are passed over. At the end TOK_EOF, again and again.
 * SG_ESYNTAX with the place. */
int sg__lexer_next(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr);

/* The value of a TOK_STRING that the lexer has given, in the arena; SG_ELIMIT when that is full. */
int sg__string_unquote(struct sg_arena *arena, struct sg_str raw, struct sg_str *ret);
/* Length of the string literal at the start of s with both quotes, or SG_ESYNTAX; `pos` is where s
 * lies in the text. */
int sg__string_scan(struct sg_str s, uint32_t pos, size_t *ret_len, struct sg_error *reterr);

/* Describes a token for "unexpected …": `identifier "foo"`, `<op:+>`, `"("`, `end of input`. dst
 * has 64 bytes. */
const char *sg__token_describe(const struct sg__token *t, char *dst);

/* Whether the word, in any case, is a keyword; TOK_IDENT when not, TOK_NUMBER for inf and nan. */
enum sg__tok sg__keyword(struct sg_str word, int *ret_which);

#endif
