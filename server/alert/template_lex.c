/* template_lex.c - template texts as tokens, with trimming and comments. */
#include "template_priv.h"

#include <string.h>

#include <streamgauge/num.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           (unsigned char)c >= 0x80;
}

static char peek(const struct sg__lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static bool starts(const struct sg__lexer *l, const char *word)
{
    size_t n = strlen(word);
    return l->text.n - l->at >= n && memcmp(l->text.p + l->at, word, n) == 0;
}

static int fail(const struct sg__lexer *l, size_t pos, const char *text, struct sg_error *reterr)
{
    size_t end = pos < l->text.n ? pos + 1 : pos;
    return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)pos, (uint32_t)end, "%s", text);
}

/* ---- texts between actions ---- */

static bool find_open(const struct sg__lexer *l, size_t *ret)
{
    for (size_t i = l->at; i + 1 < l->text.n; i++) {
        if (l->text.p[i] == '{' && l->text.p[i + 1] == '{') {
            *ret = i;
            return true;
        }
    }
    *ret = l->text.n;
    return false;
}

static bool left_trims(const struct sg__lexer *l, size_t open)
{
    return open + 3 < l->text.n && l->text.p[open + 2] == '-' && is_space(l->text.p[open + 3]);
}

/* A comment, with its braces; *ret_trims: it ends with -}}. 0: there is none at `at`. */
static int comment(const struct sg__lexer *l, size_t at, size_t *ret_end, bool *ret_trims,
                   struct sg_error *reterr)
{
    size_t i = at + (left_trims(l, at) ? 3 : 2);
    while (left_trims(l, at) && i < l->text.n && is_space(l->text.p[i]))
        i++;
    if (i + 1 >= l->text.n || l->text.p[i] != '/' || l->text.p[i + 1] != '*')
        return 0;
    for (i += 2; i + 1 < l->text.n && !(l->text.p[i] == '*' && l->text.p[i + 1] == '/'); i++) {
    }
    if (i + 1 >= l->text.n)
        return fail(l, at, "unclosed comment: expected */", reterr);
    i += 2;
    *ret_trims = false;
    if (i < l->text.n && is_space(l->text.p[i])) {
        while (i < l->text.n && is_space(l->text.p[i]))
            i++;
        *ret_trims = i < l->text.n && l->text.p[i] == '-';
        i += *ret_trims;
    }
    if (i + 1 >= l->text.n || l->text.p[i] != '}' || l->text.p[i + 1] != '}')
        return fail(l, at, "a comment must end with its action: expected }} behind */", reterr);
    *ret_end = i + 2;
    return 1;
}

static void trim(struct sg_str *s, bool left, bool right)
{
    while (left && s->n && is_space(s->p[0])) {
        s->p++;
        s->n--;
    }
    while (right && s->n && is_space(s->p[s->n - 1]))
        s->n--;
}

/* The text up to the next action or comment. */
static int lex_text(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    size_t open, end = 0;
    bool more = find_open(l, &open), trims = false;
    struct sg_str s = sg_str_make(l->text.p + l->at, open - l->at);
    trim(&s, l->trim_next, more && left_trims(l, open));
    *ret = (struct sg__token){
        .kind = SG__T_TEXT, .pos = (uint32_t)l->at, .end = (uint32_t)open, .text = s};
    l->trim_next = false;
    l->at = open;
    if (!more) {
        if (s.n == 0)
            ret->kind = SG__T_END;
        return 0;
    }
    int rc = comment(l, open, &end, &trims, reterr);
    if (rc < 0)
        return rc;
    if (rc > 0) {
        l->at = end;
        l->trim_next = trims;
        return 0;
    }
    l->inside = true;
    l->action = open;
    l->at += left_trims(l, open) ? 3 : 2;
    return 0;
}

/* ---- inside actions ---- */

/* `digits` digits of base 8 or 16 at *at. */
static int code(const struct sg__lexer *l, size_t *at, int digits, uint32_t base, uint32_t *ret)
{
    *ret = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        int d = *at < l->text.n ? sg_hex_digit(l->text.p[*at]) : -1;
        if (d < 0 || (uint32_t)d >= base)
            return SG_ESYNTAX;
        *ret = *ret * base + (uint32_t)d;
    }
    return 0;
}

/* What stands behind a backslash, as bytes at dst (up to 4); *at is at the character behind it. */
static int escape(const struct sg__lexer *l, size_t *at, char *dst, size_t *ret_n)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = *at < l->text.n ? l->text.p[*at] : '\0';
    const char *known = c ? strchr(from, c) : NULL;
    uint32_t value;
    *ret_n = 1;
    if (known) {
        dst[0] = to[known - from];
        (*at)++;
        return 0;
    }
    if (c >= '0' && c <= '7') {
        int rc = code(l, at, 3, 8, &value);
        dst[0] = (char)value;
        return rc < 0 || value > 255 ? SG_ESYNTAX : 0;
    }
    if (c != 'x' && c != 'u' && c != 'U')
        return SG_ESYNTAX;
    (*at)++;
    int rc = code(l, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &value);
    if (rc < 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return SG_ESYNTAX;
    if (c == 'x')
        dst[0] = (char)value;
    else
        *ret_n = sg_utf8_put(dst, value);
    return 0;
}

static int lex_string(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    size_t from = l->at, at = l->at + 1, n = 0;
    char *dst = sg_arena_alloc(l->arena, l->text.n - l->at + 4);
    if (!dst)
        return fail(l, from, "the template is too large", reterr);
    while (at < l->text.n && l->text.p[at] != '"') {
        size_t bytes = 1;
        if (l->text.p[at] == '\n')
            break;
        if (l->text.p[at] == '\\') {
            at++;
            if (escape(l, &at, dst + n, &bytes) < 0)
                return fail(l, at, "bad escape in a string, expected one of Go's", reterr);
        } else {
            dst[n] = l->text.p[at++];
        }
        n += bytes;
    }
    if (at >= l->text.n || l->text.p[at] != '"')
        return fail(l, from, "unterminated quoted string", reterr);
    ret->kind = SG__T_STRING;
    ret->text = sg_str_make(dst, n);
    l->at = at + 1;
    return 0;
}

static int lex_raw(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    const char *from = l->text.p + l->at + 1;
    const char *end = memchr(from, '`', l->text.n - l->at - 1);
    if (!end)
        return fail(l, l->at, "unterminated raw quoted string", reterr);
    ret->kind = SG__T_STRING;
    ret->text = sg_str_make(from, (size_t)(end - from));
    l->at += ret->text.n + 2;
    return 0;
}

static int lex_char(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    size_t from = l->at, at = l->at + 1, n = 0;
    char bytes[4];
    if (at < l->text.n && l->text.p[at] == '\\') {
        at++;
        if (escape(l, &at, bytes, &n) < 0)
            return fail(l, from, "bad character constant", reterr);
    } else if (at < l->text.n && (n = sg_utf8_len(l->text.p + at, l->text.n - at)) > 0) {
        memcpy(bytes, l->text.p + at, n);
        at += n;
    }
    if (n == 0 || at >= l->text.n || l->text.p[at] != '\'')
        return fail(l, from, "unterminated character constant", reterr);
    static const unsigned char mask[] = {0, 0xff, 0x1f, 0x0f, 0x07};
    ret->number = (unsigned char)bytes[0] & mask[n];
    for (size_t i = 1; i < n; i++)
        ret->number = ret->number << 6 | ((unsigned char)bytes[i] & 0x3f);
    ret->kind = SG__T_CHAR;
    l->at = at + 1;
    return 0;
}

static int lex_number(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    size_t from = l->at;
    if (peek(l, 0) == '+' || peek(l, 0) == '-')
        l->at++;
    while (is_name(peek(l, 0)) || peek(l, 0) == '.' ||
           ((peek(l, 0) == '+' || peek(l, 0) == '-') &&
            (l->text.p[l->at - 1] == 'e' || l->text.p[l->at - 1] == 'E')))
        l->at++;
    ret->kind = SG__T_NUMBER;
    ret->text = sg_str_make(l->text.p + from, l->at - from);
    return ret->text.n ? 0 : fail(l, from, "expected a number", reterr);
}

static void lex_name(struct sg__lexer *l, struct sg__token *ret, enum sg__token_kind kind,
                     size_t skip)
{
    size_t from = l->at;
    l->at += skip;
    while (is_name(peek(l, 0)))
        l->at++;
    size_t drop = kind == SG__T_FIELD ? 1 : 0;
    ret->kind = kind;
    ret->text = sg_str_make(l->text.p + from + drop, l->at - from - drop);
}

static int lex_unknown(struct sg__lexer *l, struct sg_error *reterr)
{
    char c = peek(l, 0);
    size_t n = sg_utf8_len(l->text.p + l->at, l->text.n - l->at);
    if (c > ' ' && c < 0x7f)
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->at, (uint32_t)l->at + 1,
                           "unexpected '%c' in an action", c);
    return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)l->at, (uint32_t)(l->at + (n ? n : 1)),
                       "unrecognized character in an action");
}

static int lex_sign(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    static const char signs[] = "|(),=";
    static const enum sg__token_kind kinds[] = {SG__T_PIPE, SG__T_OPEN, SG__T_CLOSE, SG__T_COMMA,
                                                SG__T_ASSIGN};
    const char *sign = strchr(signs, peek(l, 0));
    if (starts(l, ":=")) {
        ret->kind = SG__T_DECLARE;
        l->at += 2;
        return 0;
    }
    if (!peek(l, 0) || !sign)
        return lex_unknown(l, reterr);
    ret->kind = kinds[sign - signs];
    l->at++;
    return 0;
}

/* The end of the action, with or without trimming. */
static bool lex_right(struct sg__lexer *l, struct sg__token *ret, bool space)
{
    bool trims = space && starts(l, "-}}");
    if (!trims && !starts(l, "}}"))
        return false;
    ret->kind = SG__T_RIGHT;
    l->at += trims ? 3 : 2;
    l->inside = false;
    l->trim_next = trims;
    return true;
}

static int lex_inside(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    size_t before = l->at;
    while (is_space(peek(l, 0)))
        l->at++;
    *ret = (struct sg__token){.pos = (uint32_t)l->at, .space = l->at > before};
    char c = peek(l, 0), next = peek(l, 1);
    int rc = 0;
    if (l->at >= l->text.n)
        rc = fail(l, l->action, "unclosed action: expected }}", reterr);
    else if (lex_right(l, ret, ret->space))
        rc = 0;
    else if (c == '"')
        rc = lex_string(l, ret, reterr);
    else if (c == '`')
        rc = lex_raw(l, ret, reterr);
    else if (c == '\'')
        rc = lex_char(l, ret, reterr);
    else if (c == '.' && is_name(next) && !is_digit(next))
        lex_name(l, ret, SG__T_FIELD, 1);
    else if (is_digit(c) || ((c == '.' || c == '+' || c == '-') && (is_digit(next) || next == '.')))
        rc = lex_number(l, ret, reterr);
    else if (c == '.')
        ret->kind = SG__T_DOT, l->at++;
    else if (c == '$')
        lex_name(l, ret, SG__T_VAR, 1);
    else if (is_name(c) && sg_utf8_len(l->text.p + l->at, l->text.n - l->at) == 1)
        lex_name(l, ret, SG__T_WORD, 0);
    else
        rc = lex_sign(l, ret, reterr);
    ret->end = (uint32_t)l->at;
    return rc;
}

int sg__lex(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr)
{
    return l->inside ? lex_inside(l, ret, reterr) : lex_text(l, ret, reterr);
}
