/* matcher_text.c - matchers as people write them for Alertmanager: foo=bar, foo=~"a|b", {a=b,c!=d}.
 */
#include <streamgauge/buf.h>
#include <streamgauge/labels.h>
#include <streamgauge/matcher.h>

#define MAX_VALUE SG_REGEX_MAX_PATTERN

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct sg_str trim(struct sg_str s)
{
    while (s.n && is_space(s.p[0]))
        s = sg_str_make(s.p + 1, s.n - 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

static int shown(struct sg_str s)
{
    return s.n < 100 ? (int)s.n : 100;
}

static int bad_format(struct sg_str text, struct sg_error *reterr)
{
    return sg_error_set(reterr, SG_ESYNTAX,
                        "bad matcher format: '%.*s', expected name=value, name!=value, "
                        "name=~regex or name!~regex",
                        shown(text), text.p);
}

/* Bytes of the quoted text at s, both quotes included; 0: it does not end. */
static size_t quoted_length(struct sg_str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The text between quotes, or without any; \n, \\ and \" are read, other escapes stay. */
static int unescape(struct sg_str s, bool quotes, struct sg_buf *out, struct sg_error *reterr)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : 0;
        if (c == '\\' && (next == '"' || next == '\\' || next == 'n')) {
            sg_buf_putc(out, next == 'n' ? '\n' : next);
            i++;
        } else if (c == '"' && !quotes) {
            return sg_error_set(reterr, SG_ESYNTAX,
                                "matcher value contains an unescaped double quote: '%.*s'",
                                shown(s), s.p);
        } else {
            sg_buf_putc(out, c);
        }
    }
    return out->failed ? sg_error_set(reterr, SG_ELIMIT, "matcher value is too long") : 0;
}

static int read_value(struct sg_str s, struct sg_buf *out, struct sg_error *reterr)
{
    if (!s.n || s.p[0] != '"')
        return unescape(s, false, out, reterr);
    if (quoted_length(s) != s.n)
        return sg_error_set(reterr, SG_ESYNTAX,
                            "matcher value '%.*s' must end with its closing quote", shown(s), s.p);
    return unescape(sg_str_make(s.p + 1, s.n - 2), true, out, reterr);
}

/* Name, then *rest begins with the operator. */
static int read_name(struct sg_str text, struct sg_buf *name, struct sg_str *rest,
                     struct sg_error *reterr)
{
    size_t n = 0;
    if (text.n && text.p[0] == '"') {
        n = quoted_length(text);
        if (n < 3)
            return bad_format(text, reterr);
        int rc = unescape(sg_str_make(text.p + 1, n - 2), true, name, reterr);
        if (rc < 0)
            return rc;
    } else {
        while (n < text.n && text.p[n] != '=' && text.p[n] != '!' && !is_space(text.p[n]))
            n++;
        /* As in metric names, a colon is allowed. */
        if (!sg_metric_name_valid(sg_str_make(text.p, n)))
            return bad_format(text, reterr);
        sg_buf_append(name, text.p, n);
    }
    *rest = trim(sg_str_make(text.p + n, text.n - n));
    return 0;
}

static bool read_operator(struct sg_str *rest, enum sg_match_type *ret)
{
    char a = rest->n > 0 ? rest->p[0] : 0, b = rest->n > 1 ? rest->p[1] : 0;
    size_t n = 2;
    if (a == '=' && b == '~')
        *ret = SG_MATCH_RE;
    else if (a == '!' && b == '=')
        *ret = SG_MATCH_NE;
    else if (a == '!' && b == '~')
        *ret = SG_MATCH_NRE;
    else if (a == '=') {
        *ret = SG_MATCH_EQ;
        n = 1;
    } else
        return false;
    *rest = trim(sg_str_make(rest->p + n, rest->n - n));
    return true;
}

int sg_matcher_parse(struct sg_str text, struct sg_matcher *ret, struct sg_error *reterr)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf name;
    SG_AUTO(sg_buf_deinit) struct sg_buf value;
    struct sg_str rest = {"", 0};
    enum sg_match_type type = SG_MATCH_EQ;
    *ret = (struct sg_matcher){0};
    sg_buf_init(&name, MAX_VALUE);
    sg_buf_init(&value, MAX_VALUE);
    int rc = read_name(trim(text), &name, &rest, reterr);
    if (rc < 0)
        return rc;
    if (!read_operator(&rest, &type))
        return bad_format(text, reterr);
    rc = read_value(rest, &value, reterr);
    return rc < 0 ? rc : sg_matcher_init(ret, type, sg_buf_str(&name), sg_buf_str(&value), reterr);
}

/* Bytes up to the next comma outside of quotes. */
static size_t item_length(struct sg_str s)
{
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (s.p[i] == ',' && !quoted)
            return i;
    }
    return s.n;
}

ssize_t sg_matcher_parse_list(struct sg_str text, struct sg_matcher *ret, size_t max,
                              struct sg_error *reterr)
{
    struct sg_str rest = trim(text);
    size_t n = 0;
    int rc = 0;
    bool open = rest.n && rest.p[0] == '{', close = rest.n && rest.p[rest.n - 1] == '}';
    if (open != close)
        return bad_format(text, reterr);
    if (open)
        rest = trim(sg_str_make(rest.p + 1, rest.n - 2));
    while (rest.n && rc == 0) {
        size_t len = item_length(rest);
        if (n == max)
            rc = sg_error_set(reterr, SG_ELIMIT, "more than %zu matchers", max);
        else
            rc = sg_matcher_parse(sg_str_make(rest.p, len), &ret[n++], reterr);
        size_t used = len < rest.n ? len + 1 : len;
        rest = trim(sg_str_make(rest.p + used, rest.n - used)); /* a comma at the end is allowed */
    }
    for (size_t i = 0; rc < 0 && i < n; i++)
        sg_matcher_deinit(&ret[i]);
    return rc < 0 ? rc : (ssize_t)n;
}
