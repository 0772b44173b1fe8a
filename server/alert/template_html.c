/* template_html.c - where in HTML an action stands, and its value escaped for that place, as Go's
 * html/template does it. What is written is followed byte by byte, so the place is always known,
 * through definitions, branches and loops. What has no safe form becomes "ZgotmplZ", as in Go. */
#include "template_priv.h"

#include <string.h>
#include <strings.h>

enum {
    TEXT,
    OPEN, /* behind < or </ */
    NAME, /* of a tag */
    TAG,
    ATTR,   /* the name of an attribute */
    AFTER,  /* behind it */
    BEFORE, /* behind its = */
    UNQUOTED,
    SINGLE,
    DOUBLE,
    MARKUP, /* <!…, <?… */
    COMMENT,
    RAW, /* the content of title, textarea, script, style */
};
enum { PLAIN, URL, CODE };
/* A URL: nothing yet; what may be a scheme; behind : or /; behind a ? or # of the template. */
enum { START, SCHEME, PATH, QUERY };

static const char *const raws[] = {"", "title", "textarea", "script", "style"};
#define FIRST_CODE 3

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
    return (char)(c | 0x20) >= 'a' && (char)(c | 0x20) <= 'z';
}

static bool is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

static bool one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* ---- the place ---- */

static void add(struct sg__html *h, char c)
{
    if (h->n + 1U < sizeof(h->name)) /* longer ones are none that matters */
        h->name[h->n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    h->name[h->n] = 0;
}

static void begin(struct sg__html *h, uint8_t state, char c)
{
    h->state = state;
    h->n = 0;
    add(h, c);
}

/* By a name in small letters: URLs, code, or anything else. */
static uint8_t attribute(const char *name)
{
    static const char *const urls[] = {"action", "archive",    "background", "cite",     "classid",
                                       "data",   "formaction", "href",       "longdesc", "manifest",
                                       "poster", "profile",    "codebase",   "icon",     "usemap"};
    const char *colon = strchr(name, ':');
    if (strncmp(name, "data-", 5) == 0)
        name += 5;
    else if (colon && strncmp(name, "xmlns:", 6) == 0)
        return URL;
    else if (colon)
        name = colon + 1;
    for (size_t i = 0; i < SG_ARRAY_LEN(urls); i++)
        if (strcmp(name, urls[i]) == 0)
            return URL;
    if (strncmp(name, "on", 2) == 0 || strcmp(name, "style") == 0 || strcmp(name, "srcdoc") == 0)
        return CODE;
    return strstr(name, "src") || strstr(name, "uri") || strstr(name, "url") ? URL : PLAIN;
}

static void end_tag(struct sg__html *h)
{
    h->state = h->raw ? RAW : TEXT;
    h->n = 0;
}

static void end_name(struct sg__html *h)
{
    for (uint8_t i = 1; i < SG_ARRAY_LEN(raws) && !h->closing; i++)
        if (strcmp(h->name, raws[i]) == 0)
            h->raw = i;
    h->state = TAG;
}

/* A byte of an attribute's value. */
static void in_value(struct sg__html *h, char c, bool literal)
{
    if (h->what != URL)
        return;
    if (literal && c == ',' && strcmp(h->name, "srcset") == 0)
        h->url = START;
    else if (literal && (c == '?' || c == '#'))
        h->url = QUERY;
    else if (h->url < PATH && one_of(c, ":/?#"))
        h->url = PATH;
    else if (h->url == START && !is_space(c))
        h->url = SCHEME;
}

static void in_raw(struct sg__html *h, char c)
{
    const char *name = raws[h->raw];
    size_t n = strlen(name) + 2;
    if (h->n == n && (is_space(c) || one_of(c, "/>"))) {
        h->raw = 0;
        h->closing = true;
        h->state = c == '>' ? TEXT : TAG;
        return;
    }
    char next = h->n == 0 ? '<' : h->n == 1 ? '/' : h->n < n ? name[h->n - 2] : '\0';
    char small = (char)(is_letter(c) ? c | 0x20 : c);
    h->n = (uint8_t)(next && small == next ? h->n + 1 : c == '<');
}

/* In a tag, but in no value. */
static void in_tag(struct sg__html *h, char c)
{
    if (c == '>')
        end_tag(h);
    else if (c == '=' && h->state != TAG)
        h->state = BEFORE;
    else if (c == '/')
        h->state = TAG;
    else if (is_space(c))
        h->state = h->state == ATTR ? AFTER : h->state;
    else if (h->state == ATTR)
        add(h, c);
    else
        begin(h, ATTR, c);
}

static void begin_value(struct sg__html *h)
{
    h->what = attribute(h->name);
    h->url = START;
}

static void before_value(struct sg__html *h, char c, bool literal)
{
    if (is_space(c))
        return;
    begin_value(h);
    h->state = c == '"' ? DOUBLE : c == '\'' ? SINGLE : UNQUOTED;
    if (c == '>')
        end_tag(h);
    else if (h->state == UNQUOTED)
        in_value(h, c, literal);
}

static void open_tag(struct sg__html *h, char c)
{
    if (c == '/' && !h->closing) {
        h->closing = true;
    } else if (is_letter(c)) {
        begin(h, NAME, c);
    } else {
        h->state = c == '<' ? OPEN : one_of(c, "!?/") ? MARKUP : TEXT;
        h->closing = false;
        h->n = c == '!' ? 0 : 3;
    }
}

static void step(struct sg__html *h, char c, bool literal)
{
    switch (h->state) {
    case TEXT:
        h->closing = false;
        h->state = c == '<' ? OPEN : TEXT;
        break;
    case OPEN:
        open_tag(h, c);
        break;
    case NAME:
        if (!is_space(c) && c != '/' && c != '>') {
            add(h, c);
            break;
        }
        end_name(h);
        if (c == '>')
            end_tag(h);
        break;
    case BEFORE:
        before_value(h, c, literal);
        break;
    case UNQUOTED:
    case SINGLE:
    case DOUBLE:
        if (h->state == UNQUOTED && c == '>')
            end_tag(h);
        else if (h->state == UNQUOTED ? is_space(c) : c == (h->state == SINGLE ? '\'' : '"'))
            h->state = TAG;
        else
            in_value(h, c, literal);
        break;
    case MARKUP: /* n counts the dashes that begin it; 3: it is no comment */
        h->n = (uint8_t)(c == '-' && h->n < 2 ? h->n + 1 : 3);
        h->state = c == '>' ? TEXT : h->n == 2 ? COMMENT : MARKUP;
        break;
    case COMMENT: /* n: dashes just before, at most 2 */
        h->state = c == '>' && h->n == 2 ? TEXT : COMMENT;
        h->n = (uint8_t)(c != '-' ? 0 : h->n < 2 ? h->n + 1 : 2);
        break;
    case RAW:
        in_raw(h, c);
        break;
    default:
        in_tag(h, c);
    }
}

void sg__html_follow(struct sg__html *h, struct sg_str s, bool literal)
{
    for (size_t i = 0; i < s.n; i++)
        step(h, s.p[i], literal);
}

/* ---- escaping ---- */

static void put(char c, bool unquoted, struct sg_buf *out)
{
    if (c == '\0')
        sg_buf_puts(out, "\xef\xbf\xbd");
    else if (c == '&')
        sg_buf_puts(out, "&amp;");
    else if (c == '<' || c == '>')
        sg_buf_puts(out, c == '<' ? "&lt;" : "&gt;");
    else if (one_of(c, "\"'+") || (unquoted && one_of(c, " \t\n\v\f\r=`")))
        sg_buf_printf(out, "&#%d;", c);
    else
        sg_buf_putc(out, c);
}

static void put_all(struct sg_str s, bool unquoted, struct sg_buf *out)
{
    for (size_t i = 0; i < s.n && !out->failed; i++)
        put(s.p[i], unquoted, out);
}

/* HTML in an attribute: without its tags; entities stay what they are. */
static void put_stripped(struct sg_str s, bool unquoted, struct sg_buf *out)
{
    struct sg__html inner = {0};
    for (size_t i = 0; i < s.n && !out->failed; i++) {
        uint8_t was = inner.state;
        step(&inner, s.p[i], true);
        if (was == OPEN && inner.state == TEXT)
            sg_buf_puts(out, "&lt;");
        if (inner.state == TEXT && (was == TEXT || was == OPEN) && s.p[i] == '&')
            sg_buf_putc(out, '&');
        else if (inner.state == TEXT && (was == TEXT || was == OPEN))
            put(s.p[i], unquoted, out);
    }
}

/* As a URL has them; `part`: also what has a meaning in URLs is encoded. */
static void put_url(struct sg_str s, bool part, bool unquoted, struct sg_buf *out)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    for (size_t i = 0; i < s.n && !out->failed; i++) {
        bool escape =
            s.p[i] == '%' && i + 2 < s.n && one_of(s.p[i + 1], hex) && one_of(s.p[i + 2], hex);
        if (is_word(s.p[i]) || one_of(s.p[i], "-._~") ||
            (!part && (escape || one_of(s.p[i], "!#$&*+,/:;=?@[]"))))
            put(s.p[i], unquoted, out);
        else
            sg_buf_printf(out, "%%%02x", (unsigned char)s.p[i]);
    }
}

/* May it stand where a URL begins, or go on with what may be a scheme? */
static bool is_safe_url(struct sg_str s, bool begins)
{
    static const char *const schemes[] = {"http", "https", "mailto"};
    const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    size_t n = colon ? (size_t)(colon - s.p) : 0;
    if (!colon || (n && memchr(s.p, '/', n)))
        return true;
    for (size_t i = 0; begins && i < SG_ARRAY_LEN(schemes); i++)
        if (n == strlen(schemes[i]) && strncasecmp(s.p, schemes[i], n) == 0)
            return true;
    return false;
}

/* In style sheets and scripts: words, numbers, colours; nothing that ends or calls something. */
static bool is_safe_code(struct sg_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_word(s.p[i]) &&
            (!one_of(s.p[i], " #%.,_+-") || (s.p[i] == '-' && i && s.p[i - 1] == '-')))
            return false;
    return !(s.n >= 10 && memmem(s.p, s.n, "expression", 10));
}

static void put_name(const struct sg__html *h, struct sg_str s, struct sg_buf *out)
{
    struct sg__html name = {0};
    bool safe = s.n > 0;
    for (size_t i = 0; i < s.n && safe; i++) {
        safe = is_word(s.p[i]);
        add(&name, s.p[i]);
    }
    if (safe && h->state != NAME)
        safe = attribute(name.name) == PLAIN;
    sg_buf_put_str(out, safe ? s : SG_STR("ZgotmplZ"));
}

static void put_value(const struct sg__html *h, struct sg_str s, enum sg__safe safe,
                      struct sg_buf *out)
{
    bool unquoted = h->state == UNQUOTED;
    if (h->what == CODE && !is_safe_code(s))
        s = SG_STR("ZgotmplZ");
    if (h->what == URL && safe != SG__SAFE_URL && h->url < PATH && !is_safe_url(s, h->url == START))
        s = SG_STR("#ZgotmplZ");
    if (unquoted && s.n == 0) /* what follows must not become the value */
        s = SG_STR("ZgotmplZ");
    if (h->what == URL)
        put_url(s, h->url == QUERY && safe != SG__SAFE_URL, unquoted, out);
    else if (h->what == PLAIN && safe == SG__SAFE_HTML)
        put_stripped(s, unquoted, out);
    else
        put_all(s, unquoted, out);
}

void sg__html_put(struct sg__html *h, const struct sg__value *v, struct sg_buf *out)
{
    size_t before = out->len;
    struct sg_str plain = v->safe == SG__ESCAPED ? v->more : v->text;
    if (h->state == BEFORE) {
        begin_value(h);
        h->state = UNQUOTED;
    }
    if (h->state == OPEN && out->len > h->closing) { /* a value makes no tags */
        out->len -= h->closing ? 2 : 1;
        sg_buf_puts(out, h->closing ? "&lt;/" : "&lt;");
        *h = (struct sg__html){0};
        before = out->len;
    }
    switch (h->state) {
    case TEXT:
        if (v->safe == SG__SAFE_HTML || v->safe == SG__ESCAPED)
            sg_buf_put_str(out, v->text);
        else
            put_all(plain, false, out);
        break;
    case RAW:
        if (h->raw < FIRST_CODE)
            put_all(plain, false, out);
        else
            sg_buf_put_str(out, is_safe_code(plain) ? plain : SG_STR("ZgotmplZ"));
        break;
    case UNQUOTED:
    case SINGLE:
    case DOUBLE:
        put_value(h, plain, v->safe, out);
        break;
    case MARKUP:
    case COMMENT:
        break;
    default:
        put_name(h, plain, out);
    }
    if (!out->failed && out->len > before)
        sg__html_follow(h, sg_str_make(out->data + before, out->len - before), false);
}
