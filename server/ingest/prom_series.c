/* prom_series.c - name and labels of an exposition line, read properly.
 *
 *     series = name [ labels ] | "{" quoted-name { "," label } [ "," ] "}"
 *     labels = "{" [ label { "," label } [ "," ] ] "}"        label = name "=" quoted | quoted-name
 * "=" quoted
 */
#include "parser.h"
#include "scan.h"

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static const char *bare_name_end(const char *s, const char *end, bool colons)
{
    if (s < end && !is_name_start(*s) && !(colons && *s == ':'))
        return s;
    while (s < end && (is_name_start(*s) || sg__is_digit(*s) || (colons && *s == ':')))
        s++;
    return s;
}

int sg__prom_quoted(struct sg__feed *f, const char **ps, const char *end, struct sg_str *ret)
{
    const char *s = *ps + 1, *e = s;
    struct sg_buf *out = &f->b->scratch;
    bool escapes = false;
    for (; e < end && *e != '"'; e++) {
        if (*e == '\\') {
            escapes = true;
            if (++e == end)
                break;
        }
    }
    if (e >= end)
        return sg__fault_set(f, SG_ESYNTAX, *ps, "unterminated string, expected '\"'");
    *ps = e + 1;
    *ret = sg_str_make(s, (size_t)(e - s));
    if (!escapes)
        return 0;
    size_t start = out->len;
    for (; s < e; s++) {
        char c = *s;
        if (c == '\\' && (s[1] == '\\' || s[1] == '"' || s[1] == 'n'))
            c = *++s == 'n' ? '\n' : *s;
        (void)sg_buf_putc(out, c);
    }
    if (out->failed)
        return sg__fault_set(f, SG_EINVALID, s, "string is too long");
    *ret = sg_str_make(out->data + start, out->len - start);
    return 0;
}

static int expected(struct sg__feed *f, const char *s, const char *end, const char *what)
{
    if (s >= end)
        return sg__fault_set(f, SG_ESYNTAX, s, "end of line, expected %s", what);
    return sg__fault_set(f, SG_ESYNTAX, s, "'%.*s', expected %s",
                         SG__TOKEN(s, (size_t)(end - s < 12 ? end - s : 12)), what);
}

/* Name of a label, or, quoted and not followed by '=', the metric's. */
static int one_label(struct sg__feed *f, const char **ps, const char *end, bool *named)
{
    const char *s = *ps, *at = s;
    struct sg_str name = {at, 0}, value;
    bool is_quoted = *s == '"';
    int r = 0;
    if (is_quoted) {
        r = sg__prom_quoted(f, &s, end, &name);
    } else {
        s = bare_name_end(s, end, false);
        name = sg_str_make(at, (size_t)(s - at));
        if (s == at)
            r = expected(f, s, end, "a label name or '}'");
    }
    if (r < 0)
        return r;
    s = sg__skip_blanks(s, end);
    if (is_quoted && !*named && (s == end || *s != '=')) {
        *named = true;
        *ps = s;
        return sg__feed_label(f, SG_METRIC_NAME, name, at);
    }
    if (s == end || *s != '=')
        return expected(f, s, end, "'=' behind the label name");
    s = sg__skip_blanks(s + 1, end);
    if (s == end || *s != '"')
        return expected(f, s, end, "a quoted label value");
    /* The name may lie in scratch: a reallocation would move it. Both fit, the line is shorter than
     * scratch. */
    r = sg__prom_quoted(f, &s, end, &value);
    if (r == 0)
        r = sg__feed_label(f, name, value, at);
    *ps = s;
    return r;
}

static int labels(struct sg__feed *f, const char **ps, const char *end, bool named)
{
    const char *s = sg__skip_blanks(*ps + 1, end);
    while (s < end && *s != '}') {
        int r = one_label(f, &s, end, &named);
        if (r < 0)
            return r;
        s = sg__skip_blanks(s, end);
        if (s < end && *s == ',')
            s = sg__skip_blanks(s + 1, end);
        else if (s == end || *s != '}')
            return expected(f, s, end, "',' or '}'");
    }
    if (s == end)
        return expected(f, s, end, "'}'");
    *ps = s + 1;
    return 0;
}

int sg__prom_label_set(struct sg__feed *f, const char **ps, const char *end)
{
    return labels(f, ps, end, true);
}

int sg__prom_series(struct sg__feed *f, const char *s, const char *end, const char **ret_end)
{
    const char *start = s;
    sg_labels_builder_reset(&f->b->builder);
    sg_buf_reset(&f->b->scratch);
    (void)sg_buf_reserve(&f->b->scratch, (size_t)(end - s)); /* pointers into it stay */
    s = bare_name_end(s, end, true);
    bool named = s > start;
    int r = 0;
    if (named)
        r = sg__feed_label(f, SG_METRIC_NAME, sg_str_make(start, (size_t)(s - start)), start);
    else if (*s != '{')
        r = expected(f, s, end, "a metric name");
    if (r < 0)
        return r;
    const char *brace = sg__skip_blanks(s, end);
    if (brace < end && *brace == '{') {
        s = brace;
        r = labels(f, &s, end, named);
        if (r < 0)
            return r;
    } else if (s < end && !sg__is_blank(*s)) {
        return expected(f, s, end, "'{' or a space behind the metric name");
    }
    *ret_end = s;
    return sg__feed_utf8(f, start, (size_t)(s - start));
}
