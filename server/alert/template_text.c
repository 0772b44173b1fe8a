/* template_text.c - functions on texts: letters, hosts, escaping. */
#include "template_priv.h"

#include <arpa/inet.h>
#include <string.h>

#include "ruler_priv.h"

/* ---- characters ---- */

/* The character at *at, which moves on; an invalid byte stands for itself, negative. */
static int32_t next_char(struct sg_str s, size_t *at)
{
    static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t n = sg_utf8_len(s.p + *at, s.n - *at);
    if (n == 0)
        return -(int32_t)(unsigned char)s.p[(*at)++];
    int32_t c = (unsigned char)s.p[*at] & mask[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s.p[*at + i] & 0x3f);
    *at += n;
    return c;
}

/* `c` as next_char gave it: a byte that is no UTF-8 is negative, and comes out as it was. */
static void put_char(int32_t c, struct sg_buf *out)
{
    char text[4];
    if (c < 0)
        sg_buf_putc(out, (char)-c);
    else
        sg_buf_append(out, text, sg_utf8_put(text, (uint32_t)c));
}

/* Letters of Latin, Greek and Cyrillic: ranges whose capitals are `by` below, or where capital and
 * small letters take turns (by 1: the odd ones are small; 2: the even ones). */
static const struct {
    int32_t from, until, by;
} cases[] = {
    {'a', 'z', 32},     {0xe0, 0xf6, 32},   {0xf8, 0xfe, 32},    {0x101, 0x12f, 1},
    {0x133, 0x137, 1},  {0x13a, 0x148, 2},  {0x14b, 0x177, 1},   {0x17a, 0x17e, 2},
    {0x3b1, 0x3c1, 32}, {0x3c3, 0x3cb, 32}, {0x430, 0x44f, 32},  {0x450, 0x45f, 80},
    {0x461, 0x481, 1},  {0x48b, 0x4bf, 1},  {0x1e01, 0x1e95, 1}, {0x1ea1, 0x1eff, 1},
};

static bool small_in(size_t i, int32_t c)
{
    return c >= cases[i].from && c <= cases[i].until &&
           (cases[i].by > 2 || (c & 1) == (cases[i].by == 1));
}

static int32_t upper(int32_t c)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++)
        if (small_in(i, c))
            return c - (cases[i].by > 2 ? cases[i].by : 1);
    return c == 0xff ? 0x178 : c;
}

static int32_t lower(int32_t c)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int32_t small = c + (cases[i].by > 2 ? cases[i].by : 1);
        if (small_in(i, small))
            return small;
    }
    return c == 0x178 ? 0xff : c;
}

static int map_text(struct sg__exec *x, const struct sg__value *v, int32_t (*map)(int32_t),
                    struct sg__value *ret)
{
    struct sg_str s;
    struct sg_buf b;
    if (sg__arg_text(x, v, &s) < 0)
        return SG_EEXECUTION;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    for (size_t at = 0; at < s.n;)
        put_char(map(next_char(s, &at)), &b);
    return sg__exec_text(x, &b, ret);
}

SG__FN(sg__fn_to_upper)
{
    (void)n;
    return map_text(x, &args[0], upper, ret);
}

SG__FN(sg__fn_to_lower)
{
    (void)n;
    return map_text(x, &args[0], lower, ret);
}

/* As Go's strings.Title: what is no ASCII letter, digit or underscore separates words. */
static bool separates(int32_t c)
{
    if (c < 0 || c > 0x7f)
        return c == 0x85 || c == 0xa0 || c == 0x2028 || c == 0x2029 || c == 0x3000;
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_');
}

SG__FN(sg__fn_title)
{
    struct sg_str s;
    struct sg_buf b;
    int32_t before = ' ';
    (void)n;
    if (sg__arg_text(x, &args[0], &s) < 0)
        return SG_EEXECUTION;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    for (size_t at = 0; at < s.n;) {
        int32_t c = next_char(s, &at);
        put_char(separates(before) ? upper(c) : c, &b);
        before = c;
    }
    return sg__exec_text(x, &b, ret);
}

SG__FN(sg__fn_trim_space)
{
    struct sg_str s;
    (void)n;
    if (sg__arg_text(x, &args[0], &s) < 0)
        return SG_EEXECUTION;
    while (s.n && strchr(" \t\n\v\f\r", s.p[0]) && s.p[0]) {
        s.p++;
        s.n--;
    }
    while (s.n && strchr(" \t\n\v\f\r", s.p[s.n - 1]) && s.p[s.n - 1])
        s.n--;
    *ret = sg__v_text(s);
    return 0;
}

/* ---- hosts ---- */

static bool has(struct sg_str s, char c)
{
    return s.n && memchr(s.p, c, s.n);
}

static struct sg_str part(struct sg_str s, size_t from, size_t until)
{
    return sg_str_make(s.p + from, until - from);
}

/* As Go's net.SplitHostPort; false for what is no host and port. */
static bool split_host_port(struct sg_str s, struct sg_str *host, struct sg_str *port)
{
    const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
    if (!colon)
        return false;
    size_t i = (size_t)(colon - s.p), open = 0, close = 0;
    if (s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.n);
        if (!end || (size_t)(end - s.p) + 1 != i)
            return false;
        open = 1;
        close = i;
        *host = part(s, 1, i - 1);
    } else {
        *host = part(s, 0, i);
        if (has(*host, ':'))
            return false;
    }
    *port = part(s, i + 1, s.n);
    return !has(part(s, open, s.n), '[') && !has(part(s, close, s.n), ']');
}

static bool is_address(struct sg_str s)
{
    char text[64];
    unsigned char address[16];
    if (s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return strlen(text) == s.n &&
           (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1);
}

SG__FN(sg__fn_strip_port)
{
    struct sg_str s, host, port;
    (void)n;
    if (sg__arg_text(x, &args[0], &s) < 0)
        return SG_EEXECUTION;
    *ret = sg__v_text(split_host_port(s, &host, &port) ? host : s);
    return 0;
}

SG__FN(sg__fn_strip_domain)
{
    struct sg_str s, host, port = SG_STR("");
    struct sg_buf b;
    (void)n;
    if (sg__arg_text(x, &args[0], &s) < 0)
        return SG_EEXECUTION;
    if (!split_host_port(s, &host, &port)) {
        host = s;
        port = SG_STR("");
    }
    if (is_address(host)) {
        *ret = args[0];
        return 0;
    }
    const char *dot = host.n ? memchr(host.p, '.', host.n) : NULL;
    if (dot)
        host.n = (size_t)(dot - host.p);
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    bool brackets = port.n && (has(host, ':') || has(host, '%'));
    sg_buf_puts(&b, brackets ? "[" : "");
    sg_buf_put_str(&b, host);
    sg_buf_puts(&b, brackets ? "]" : "");
    if (port.n) {
        sg_buf_putc(&b, ':');
        sg_buf_put_str(&b, port);
    }
    return sg__exec_text(x, &b, ret);
}

/* ---- escaping ---- */

/* A single text as it is, else all arguments as print has them. */
static int printed(struct sg__exec *x, const struct sg__value *args, size_t n, struct sg_str *ret)
{
    struct sg_buf b;
    struct sg__value text;
    *ret = n ? args[0].text : SG_STR("");
    if (n == 1 && args[0].kind == SG__V_STRING)
        return 0;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    sg__print_all(x, args, n, false, &b);
    int rc = sg__exec_text(x, &b, &text);
    *ret = text.text;
    return rc;
}

/* As Go's html: quotes of both kinds, too. */
static void put_html(struct sg_str s, struct sg_buf *out)
{
    static const char from[] = "&<>\"'";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;"};
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] ? strchr(from, s.p[i]) : NULL;
        if (at)
            sg_buf_puts(out, to[at - from]);
        else if (s.p[i] == '\0')
            sg_buf_puts(out, "\xef\xbf\xbd");
        else
            sg_buf_putc(out, s.p[i]);
    }
}

static void put_js(struct sg_str s, struct sg_buf *out)
{
    for (size_t at = 0; at < s.n;) {
        int32_t c = next_char(s, &at);
        if (c == '\\' || c == '\'' || c == '"')
            sg_buf_printf(out, "\\%c", (char)c);
        else if (c == '<' || c == '>' || c == '&' || c == '=' || (c >= 0 && c < ' ') ||
                 (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            sg_buf_printf(out, "\\u%04X", (unsigned)c);
        else
            put_char(c, out);
    }
}

static int escape(struct sg__exec *x, const struct sg__value *args, size_t n,
                  void (*put)(struct sg_str s, struct sg_buf *out), struct sg__value *ret)
{
    struct sg_str plain;
    struct sg_buf b;
    int rc = printed(x, args, n, &plain);
    if (rc < 0)
        return rc;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    put(plain, &b);
    rc = sg__exec_text(x, &b, ret);
    ret->more = plain;
    return rc;
}

SG__FN(sg__fn_html)
{
    int rc = escape(x, args, n, put_html, ret);
    ret->safe = SG__ESCAPED;
    return rc;
}

SG__FN(sg__fn_js)
{
    return escape(x, args, n, put_js, ret);
}

SG__FN(sg__fn_urlquery)
{
    int rc = escape(x, args, n, sg__query_escape, ret);
    ret->safe = SG__SAFE_URL; /* not to be escaped twice */
    return rc;
}
