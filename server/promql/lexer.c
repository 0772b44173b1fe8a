/* lexer.c - tokens of PromQL 3.x. */
#include "lexer.h"

#include <math.h>
#include <stdio.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
    return is_alpha(c) || is_digit(c);
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(const struct sg__lexer *l, size_t ahead)
{
    return l->i + ahead < l->s.n ? l->s.p[l->i + ahead] : '\0';
}

void sg__lexer_init(struct sg__lexer *l, struct sg_str text)
{
    memset(l, 0, sizeof(*l));
    l->s = text;
}

/* ---- keywords ---- */

static const struct keyword {
    const char *text;
    enum sg__tok type;
    int which;
} keywords[] = {{"and", TOK_OP, SG_OP_AND},
                {"or", TOK_OP, SG_OP_OR},
                {"unless", TOK_OP, SG_OP_UNLESS},
                {"atan2", TOK_OP, SG_OP_ATAN2},
                {"offset", TOK_OFFSET, 0},
                {"smoothed", TOK_SMOOTHED, 0},
                {"anchored", TOK_ANCHORED, 0},
                {"by", TOK_BY, 0},
                {"without", TOK_WITHOUT, 0},
                {"on", TOK_ON, 0},
                {"ignoring", TOK_IGNORING, 0},
                {"group_left", TOK_GROUP_LEFT, 0},
                {"group_right", TOK_GROUP_RIGHT, 0},
                {"fill", TOK_FILL, 0},
                {"fill_left", TOK_FILL, 0},
                {"fill_right", TOK_FILL, 0},
                {"bool", TOK_BOOL, 0},
                {"start", TOK_START, 0},
                {"end", TOK_END, 0},
                {"step", TOK_STEP, 0},
                {"range", TOK_RANGE, 0},
                {"min_of", TOK_MIN_OF, 0},
                {"max_of", TOK_MAX_OF, 0},
                {"inf", TOK_NUMBER, 0},
                {"nan", TOK_NUMBER, 0},
#define AGGREGATION(id, text, param) {text, TOK_AGG, SG_AGG_##id},
                SG_AGGREGATION_MAP(AGGREGATION)
#undef AGGREGATION
};

enum sg__tok sg__keyword(struct sg_str word, int *ret_which)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(keywords); i++) {
        if (sg_str_ieq(word, sg_str_from(keywords[i].text))) {
            *ret_which = keywords[i].which;
            return keywords[i].type;
        }
    }
    return TOK_IDENT;
}

/* ---- numbers and durations ---- */

/* Digits with single underscores between them: D ('_'? D)*. Returns the offset behind them. */
static size_t skip_digits(const struct sg__lexer *l, size_t i, bool (*is)(char))
{
    while (i < l->s.n &&
           (is(l->s.p[i]) || (l->s.p[i] == '_' && i + 1 < l->s.n && is(l->s.p[i + 1]))))
        i++;
    return i;
}

static bool ends_word(const struct sg__lexer *l, size_t i)
{
    return i >= l->s.n || !is_alnum(l->s.p[i]);
}

/* number := '0x' HEX+ | DIGITS ('.' DIGITS?)? EXP? | '.' DIGITS EXP? . Returns its length, 0 when
 * this is none. */
static size_t scan_number(const struct sg__lexer *l)
{
    size_t i = l->i;
    if (peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X')) {
        size_t end = skip_digits(l, i + 2, is_hex);
        return end > i + 2 && ends_word(l, end) && (end >= l->s.n || l->s.p[end] != '.') ? end - i
                                                                                         : 0;
    }
    i = skip_digits(l, i, is_digit);
    if (i < l->s.n && l->s.p[i] == '.') {
        i++;
        if (i < l->s.n && l->s.p[i] != '_')
            i = skip_digits(l, i, is_digit);
    }
    if (i < l->s.n && (l->s.p[i] == 'e' || l->s.p[i] == 'E')) {
        size_t e = i + 1;
        if (e < l->s.n && (l->s.p[e] == '+' || l->s.p[e] == '-'))
            e++;
        if (e >= l->s.n || !is_digit(l->s.p[e]))
            return 0;
        i = skip_digits(l, e, is_digit);
    }
    return ends_word(l, i) && (i >= l->s.n || l->s.p[i] != '.') ? i - l->i : 0;
}

/* Base 8 and 16 as doubles: exact up to 2^53, beyond that rounded. False when a digit does not fit.
 */
static bool based_value(const char *p, size_t n, unsigned base, double *ret)
{
    double v = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned c = (unsigned char)p[i];
        unsigned digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (digit >= base)
            return false;
        v = v * base + digit;
    }
    *ret = v;
    return true;
}

/* Reads a scanned number. A leading 0 before octal digits only makes it octal, as in the reference
 * implementation. */
static int number_value(const struct sg__token *t, double *ret, struct sg_error *reterr)
{
    char digits[512];
    size_t n = 0;
    for (size_t i = 0; i < t->text.n; i++) {
        if (t->text.p[i] == '_')
            continue;
        if (n == sizeof(digits))
            return sg_error_at(reterr, SG_ESYNTAX, t->pos, t->end,
                               "error parsing number: more than %zu digits", sizeof(digits));
        digits[n++] = t->text.p[i];
    }
    if (n > 2 && digits[0] == '0' && (digits[1] | 0x20) == 'x') {
        (void)based_value(digits + 2, n - 2, 16, ret);
        return 0;
    }
    if (n > 1 && digits[0] == '0' && memchr(digits, '.', n) == NULL &&
        based_value(digits, n, 8, ret))
        return 0;
    /* "5." is a number here, so it must be one there as well. */
    if (n > 1 && digits[n - 1] == '.')
        n--;
    if (sg_double_parse_all(digits, n, ret) < 0 || isinf(*ret))
        return sg_error_at(
            reterr, SG_ESYNTAX, t->pos, t->end, "error parsing number: \"%.*s%s\" is out of range",
            (int)(t->text.n > 40 ? 40 : t->text.n), t->text.p, t->text.n > 40 ? "..." : "");
    return 0;
}

/* duration := (DIGITS unit)+ . Returns its length, 0 when this is none; which units may follow is
 * checked by its value. */
static size_t scan_duration(const struct sg__lexer *l)
{
    size_t i = l->i;
    while (i < l->s.n && is_digit(l->s.p[i])) {
        while (i < l->s.n && is_digit(l->s.p[i]))
            i++;
        if (i >= l->s.n || !strchr("smhdwy", l->s.p[i]) || l->s.p[i] == '\0')
            return 0;
        i += l->s.p[i] == 'm' && i + 1 < l->s.n && l->s.p[i + 1] == 's' ? 2 : 1;
    }
    return ends_word(l, i) ? i - l->i : 0;
}

static int set_token(struct sg__lexer *l, struct sg__token *t, enum sg__tok type, size_t len)
{
    t->type = type;
    t->pos = (uint32_t)l->i;
    t->end = (uint32_t)(l->i + len);
    t->text = sg_str_make(l->s.p + l->i, len);
    l->i += len;
    return 0;
}

static int lex_number(struct sg__lexer *l, struct sg__token *t, struct sg_error *reterr)
{
    size_t len = scan_number(l);
    if (len) {
        set_token(l, t, TOK_NUMBER, len);
        return number_value(t, &t->number, reterr);
    }
    len = scan_duration(l);
    if (len) {
        int64_t ms;
        set_token(l, t, TOK_DURATION, len);
        int rc = sg_duration_parse(t->text, &ms, NULL);
        if (rc < 0)
            return sg_error_at(reterr, SG_ESYNTAX, t->pos, t->end, "%s: \"%.*s\"",
                               rc == SG_EINVALID ? "duration out of range"
                                                 : "not a valid duration string",
                               (int)(t->text.n > 60 ? 60 : t->text.n), t->text.p);
        t->number = (double)ms / 1000.0;
        return 0;
    }
    size_t end = l->i;
    while (end < l->s.n && (is_alnum(l->s.p[end]) || l->s.p[end] == '.'))
        end++;
    return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)end,
                       "bad number or duration syntax: \"%.*s\"",
                       (int)(end - l->i > 60 ? 60 : end - l->i), l->s.p + l->i);
}

/* ---- words ---- */

static bool followed_by_paren(const struct sg__lexer *l, size_t i)
{
    while (i < l->s.n && is_space(l->s.p[i]))
        i++;
    return i < l->s.n && l->s.p[i] == '(';
}

static size_t word_length(const struct sg__lexer *l, bool with_colon)
{
    size_t n = 0;
    while (is_alnum(peek(l, n)) || (with_colon && peek(l, n) == ':'))
        n++;
    return n;
}

static int lex_word(struct sg__lexer *l, struct sg__token *t)
{
    size_t n = word_length(l, true);
    struct sg_str word = {l->s.p + l->i, n};
    int which = 0;
    enum sg__tok type = sg__keyword(word, &which);
    if (memchr(word.p, ':', n))
        type = TOK_METRIC_IDENT;
    else if (type == TOK_FILL && !followed_by_paren(l, l->i + n))
        type = TOK_IDENT;
    t->which = which;
    if (type == TOK_NUMBER)
        t->number = (word.p[0] | 0x20) == 'i' ? INFINITY : NAN;
    return set_token(l, t, type, n);
}

/* "unexpected character: 'x'" for the character at i. */
static int unexpected(const struct sg__lexer *l, const char *where, struct sg_error *reterr)
{
    size_t len = sg_utf8_len(l->s.p + l->i, l->s.n - l->i);
    unsigned char c = (unsigned char)l->s.p[l->i];
    char shown[16];
    if (len == 0 || c < ' ' || c == 0x7f)
        snprintf(shown, sizeof(shown), "'\\x%02x'", c);
    else
        snprintf(shown, sizeof(shown), "'%.*s'", (int)len, l->s.p + l->i);
    return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)(l->i + (len ? len : 1)),
                       "unexpected character%s: %s", where, shown);
}

static int lex_string(struct sg__lexer *l, struct sg__token *t, struct sg_error *reterr)
{
    size_t len;
    int rc =
        sg__string_scan(sg_str_make(l->s.p + l->i, l->s.n - l->i), (uint32_t)l->i, &len, reterr);
    return rc < 0 ? rc : set_token(l, t, TOK_STRING, len);
}

/* ---- contexts ---- */

static int lex_in_braces(struct sg__lexer *l, struct sg__token *t, struct sg_error *reterr)
{
    char c = peek(l, 0), next = peek(l, 1);
    if (is_alpha(c))
        return set_token(l, t, TOK_IDENT, word_length(l, false));
    switch (c) {
    case ',':
        return set_token(l, t, TOK_COMMA, 1);
    case '"':
    case '\'':
    case '`':
        return lex_string(l, t, reterr);
    case '=':
        return next == '~' ? set_token(l, t, TOK_RE_MATCH, 2) : set_token(l, t, TOK_ASSIGN, 1);
    case '!':
        t->which = SG_OP_NE;
        if (next == '~' || next == '=')
            return set_token(l, t, next == '~' ? TOK_RE_NMATCH : TOK_OP, 2);
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)l->i + 1,
                           "unexpected character after '!' inside braces, expected '=' or '~'");
    case '{':
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)l->i + 1,
                           "unexpected left brace '{'");
    case '}':
        l->in_braces = false;
        return set_token(l, t, TOK_RBRACE, 1);
    default:
        return unexpected(l, " inside braces", reterr);
    }
}

static int lex_paren(struct sg__lexer *l, struct sg__token *t, char c, struct sg_error *reterr)
{
    if (c == '(') {
        l->paren_depth++;
        return set_token(l, t, TOK_LPAREN, 1);
    }
    if (l->paren_depth == 0)
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)l->i + 1,
                           "unexpected right parenthesis ')'");
    l->paren_depth--;
    return set_token(l, t, TOK_RPAREN, 1);
}

/* Words of duration arithmetic. min and max are what 3.6 to 3.12 called min_of and max_of. */
static int lex_duration_word(struct sg__lexer *l, struct sg__token *t, struct sg_error *reterr)
{
    static const char *const known[] = {"step", "range", "min_of", "max_of", "min", "max"};
    static const enum sg__tok types[] = {TOK_STEP,   TOK_RANGE,  TOK_MIN_OF,
                                         TOK_MAX_OF, TOK_MIN_OF, TOK_MAX_OF};
    struct sg_str word = {l->s.p + l->i, word_length(l, false)};
    for (size_t i = 0; i < SG_ARRAY_LEN(known); i++)
        if (sg_str_ieq(word, sg_str_from(known[i])))
            return set_token(l, t, types[i], word.n);
    return unexpected(l, " in duration expression", reterr);
}

static int operator_at(const struct sg__lexer *l, enum sg_binary_op *ret)
{
    static const struct {
        char text[3];
        enum sg_binary_op op;
    } operators[] = {{"==", SG_OP_EQ}, {"!=", SG_OP_NE},         {"<=", SG_OP_LE},
                     {">=", SG_OP_GE}, {"</", SG_OP_TRIM_UPPER}, {">/", SG_OP_TRIM_LOWER},
                     {"<", SG_OP_LT},  {">", SG_OP_GT},          {"+", SG_OP_ADD},
                     {"-", SG_OP_SUB}, {"*", SG_OP_MUL},         {"/", SG_OP_DIV},
                     {"%", SG_OP_MOD}, {"^", SG_OP_POW}};
    for (size_t i = 0; i < SG_ARRAY_LEN(operators); i++) {
        const char *text = operators[i].text;
        if (peek(l, 0) == text[0] && (!text[1] || peek(l, 1) == text[1])) {
            *ret = operators[i].op;
            return text[1] ? 2 : 1;
        }
    }
    return 0;
}

static int lex_operator(struct sg__lexer *l, struct sg__token *t, struct sg_error *reterr)
{
    enum sg_binary_op op;
    char c = peek(l, 0), next = peek(l, 1);
    int len = operator_at(l, &op);
    if (len) {
        t->which = (int)op;
        return set_token(l, t, TOK_OP, (size_t)len);
    }
    if (c == '=' && next == '~')
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)l->i + 2,
                           "unexpected character after '=': '~'");
    if (c == '=')
        return set_token(l, t, TOK_ASSIGN, 1);
    if (c == '!')
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)l->i + 1,
                           "unexpected character after '!', expected '='");
    return unexpected(l, "", reterr);
}

/* What may stand in brackets: arithmetic on durations and one colon. */
static int lex_in_brackets(struct sg__lexer *l, struct sg__token *t, struct sg_error *reterr)
{
    char c = peek(l, 0);
    if (is_alpha(c))
        return lex_duration_word(l, t, reterr);
    switch (c) {
    case '(':
    case ')':
        return lex_paren(l, t, c, reterr);
    case ']':
        l->in_brackets = false;
        return set_token(l, t, TOK_RBRACKET, 1);
    case ':':
        return set_token(l, t, TOK_COLON, 1);
    case ',':
        return set_token(l, t, TOK_COMMA, 1);
    case '[':
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)l->i + 1,
                           "unexpected left bracket '['");
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
        return lex_operator(l, t, reterr);
    default:
        return unexpected(l, " in duration expression", reterr);
    }
}

static int lex_outside(struct sg__lexer *l, struct sg__token *t, struct sg_error *reterr)
{
    char c = peek(l, 0);
    if (is_alpha(c) || c == ':')
        return lex_word(l, t);
    switch (c) {
    case ',':
        return set_token(l, t, TOK_COMMA, 1);
    case '(':
    case ')':
        return lex_paren(l, t, c, reterr);
    case '{':
        l->in_braces = true;
        return set_token(l, t, TOK_LBRACE, 1);
    case '[':
        l->in_brackets = true;
        return set_token(l, t, TOK_LBRACKET, 1);
    case ']':
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->i, (uint32_t)l->i + 1,
                           "unexpected right bracket ']'");
    case '"':
    case '\'':
    case '`':
        return lex_string(l, t, reterr);
    case '@':
        return set_token(l, t, TOK_AT, 1);
    default:
        return lex_operator(l, t, reterr);
    }
}

/* Comments run to the end of the line and are allowed between any two tokens. */
static void skip_blank(struct sg__lexer *l)
{
    while (l->i < l->s.n) {
        if (is_space(l->s.p[l->i])) {
            l->i++;
        } else if (l->s.p[l->i] == '#') {
            while (l->i < l->s.n && l->s.p[l->i] != '\n' && l->s.p[l->i] != '\r')
                l->i++;
        } else {
            return;
        }
    }
}

static int lex_end(struct sg__lexer *l, struct sg__token *t, struct sg_error *reterr)
{
    const char *open = NULL;
    if (l->in_braces)
        open = "unexpected end of input inside braces";
    else if (l->in_brackets)
        open = "unexpected end of input in duration expression";
    else if (l->paren_depth)
        open = "unclosed left parenthesis";
    if (open)
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->s.n, (uint32_t)l->s.n, "%s", open);
    return set_token(l, t, TOK_EOF, 0);
}

int sg__lexer_next(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    skip_blank(l);
    *ret = (struct sg__token){0};
    if (l->i >= l->s.n)
        return lex_end(l, ret, reterr);
    char c = peek(l, 0);
    if (!l->in_braces && (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))))
        return lex_number(l, ret, reterr);
    if (l->in_braces)
        return lex_in_braces(l, ret, reterr);
    return l->in_brackets ? lex_in_brackets(l, ret, reterr) : lex_outside(l, ret, reterr);
}

/* ---- descriptions ---- */

const char *sg__token_describe(const struct sg__token *t, char *dst)
{
    static const char *const kinds[] = {[TOK_IDENT] = "identifier ",
                                        [TOK_METRIC_IDENT] = "metric identifier ",
                                        [TOK_NUMBER] = "number ",
                                        [TOK_DURATION] = "duration ",
                                        [TOK_STRING] = "string "};
    const char *open = "\"", *close = "\"", *kind = "";
    size_t max = 40, n = t->text.n;
    if (t->type == TOK_EOF) {
        snprintf(dst, 64, "end of input");
        return dst;
    }
    if (t->type < SG_ARRAY_LEN(kinds) && kinds[t->type])
        kind = kinds[t->type];
    if (t->type == TOK_STRING) {
        open = close = "";
    } else if (t->type == TOK_OP || t->type == TOK_AT || t->type == TOK_RE_MATCH ||
               t->type == TOK_RE_NMATCH) {
        open = "<op:";
        close = ">";
    } else if (t->type == TOK_AGG) {
        open = "<aggr:";
        close = ">";
    } else if (t->type >= TOK_BOOL && t->type <= TOK_SMOOTHED) {
        open = "<";
        close = ">";
    }
    if (n > max)
        n = sg_utf8_valid_prefix(t->text.p, max - 3);
    snprintf(dst, 64, "%s%s%.*s%s%s", kind, open, (int)n, t->text.p, n < t->text.n ? "..." : "",
             close);
    return dst;
}
