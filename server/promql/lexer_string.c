/* lexer_string.c - string literals: "…" and '…' with Go's escapes, `…` raw. */
#include "lexer.h"

#include <string.h>

/* How an escape with digits goes on. */
struct numeric {
    int digits, base;
    uint32_t max;
    size_t skip; /* bytes before the digits, backslash included */
};

static bool numeric_escape(char c, struct numeric *ret)
{
    switch (c) {
    case 'x':
        *ret = (struct numeric){2, 16, 255, 2};
        return true;
    case 'u':
        *ret = (struct numeric){4, 16, 0x10ffff, 2};
        return true;
    case 'U':
        *ret = (struct numeric){8, 16, 0x10ffff, 2};
        return true;
    default:
        *ret = (struct numeric){3, 8, 255, 1};
        return c >= '0' && c <= '7';
    }
}

/* The value of a numeric escape at s, which starts with a backslash. Returns its length, 0 when it
 * is malformed. */
static size_t numeric_value(struct sg_str s, const struct numeric *e, uint32_t *ret)
{
    uint32_t v = 0;
    if (s.n < e->skip + (size_t)e->digits)
        return 0;
    for (size_t i = 0; i < (size_t)e->digits; i++) {
        int d = sg_hex_digit(s.p[e->skip + i]);
        if (d < 0 || d >= e->base)
            return 0;
        v = v * (uint32_t)e->base + (uint32_t)d;
    }
    *ret = v;
    return e->skip + (size_t)e->digits;
}

static const char simple_names[] = "abfnrtv\\";
static const char simple_codes[] = "\a\b\f\n\r\t\v\\";

/* Length of the escape at the start of s, or SG_ESYNTAX. */
static int scan_escape(struct sg_str s, char quote, uint32_t pos, size_t *ret_len,
                       struct sg_error *reterr)
{
    struct numeric e;
    uint32_t v = 0;
    if (s.n < 2)
        return sg_error_at(reterr, SG_ESYNTAX, pos, pos + 1, "escape sequence not terminated");
    char c = s.p[1];
    *ret_len = 2;
    if (c == quote || (c && strchr(simple_names, c)))
        return 0;
    if (!numeric_escape(c, &e)) {
        size_t len = sg_utf8_len(s.p + 1, s.n - 1);
        return sg_error_at(reterr, SG_ESYNTAX, pos, pos + 1 + (uint32_t)(len ? len : 1),
                           "unknown escape sequence '\\%.*s' in string", (int)len, s.p + 1);
    }
    *ret_len = numeric_value(s, &e, &v);
    if (*ret_len == 0) {
        size_t want = e.skip + (size_t)e.digits;
        return sg_error_at(reterr, SG_ESYNTAX, pos, pos + (uint32_t)(want < s.n ? want : s.n),
                           "illegal escape sequence in string, '\\%c' needs %d %s digits",
                           e.base == 8 ? '0' : c, e.digits, e.base == 8 ? "octal" : "hexadecimal");
    }
    if (v > e.max || (v >= 0xd800 && v < 0xe000))
        return sg_error_at(reterr, SG_ESYNTAX, pos, pos + (uint32_t)*ret_len,
                           "escape sequence is an invalid Unicode code point: '%.*s'",
                           (int)*ret_len, s.p);
    return 0;
}

/* string := '"' (CHAR | escape)* '"' | "'" … "'" | '`' CHAR* '`' */
int sg__string_scan(struct sg_str s, uint32_t pos, size_t *ret_len, struct sg_error *reterr)
{
    char quote = s.p[0];
    bool raw = quote == '`';
    size_t i = 1;
    while (i < s.n && s.p[i] != quote) {
        size_t len = sg_utf8_len(s.p + i, s.n - i);
        if (len == 0)
            return sg_error_at(reterr, SG_ESYNTAX, pos + (uint32_t)i, pos + (uint32_t)i + 1,
                               "invalid UTF-8 in string");
        if (!raw && s.p[i] == '\n')
            break;
        if (!raw && s.p[i] == '\\') {
            int rc =
                scan_escape(sg_str_make(s.p + i, s.n - i), quote, pos + (uint32_t)i, &len, reterr);
            if (rc < 0)
                return rc;
        }
        i += len;
    }
    if (i >= s.n || s.p[i] != quote)
        return sg_error_at(reterr, SG_ESYNTAX, pos, pos + (uint32_t)i, "unterminated %s string",
                           raw ? "raw" : "quoted");
    *ret_len = i + 1;
    return 0;
}

/* Writes what the escape at s stands for. Returns the bytes written; *used gets the bytes read. */
static size_t unescape(struct sg_str s, char *dst, size_t *used)
{
    struct numeric e;
    uint32_t v = 0;
    char c = s.p[1];
    *used = 2;
    if (!numeric_escape(c, &e)) {
        const char *simple = strchr(simple_names, c);
        dst[0] = simple && *simple ? simple_codes[simple - simple_names] : c;
        return 1;
    }
    *used = numeric_value(s, &e, &v);
    if (e.max > 255)
        return sg_utf8_put(dst, v);
    dst[0] = (char)v;
    return 1;
}

int sg__string_unquote(struct sg_arena *arena, struct sg_str raw, struct sg_str *ret)
{
    char *dst = sg_arena_alloc(arena, raw.n); /* never longer than what was written */
    size_t n = 0;
    if (!dst)
        return SG_ELIMIT;
    struct sg_str body = {raw.p + 1, raw.n - 2};
    for (size_t i = 0; i < body.n;) {
        size_t used = 1;
        if (raw.p[0] != '`' && body.p[i] == '\\')
            n += unescape(sg_str_make(body.p + i, body.n - i), dst + n, &used);
        else
            dst[n++] = body.p[i];
        i += used;
    }
    dst[n] = '\0';
    *ret = sg_str_make(dst, n);
    return 0;
}
