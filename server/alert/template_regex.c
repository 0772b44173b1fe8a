/* template_regex.c - match and reReplaceAll: regexes that may match anywhere in a text.
 *
 * Ours match whole values, so a pattern is wrapped: "(?s:.*?)(pattern)(?s:.*)" finds the leftmost
 * match as Go's engine does. The search goes on behind a match with the rest of the text; where the
 * pattern looks at what is before it (^ or \b) the part that is done becomes a literal in front. */
#include "template_priv.h"

#include <string.h>

#include <streamgauge/matcher.h>

#define MAX_MATCHES 10000

static bool looks_back(struct sg_str pattern)
{
    for (size_t i = 0; i < pattern.n; i++) {
        char next = i + 1 < pattern.n ? pattern.p[i + 1] : '\0';
        if (pattern.p[i] == '^' || (pattern.p[i] == '\\' && next && strchr("AbB", next)))
            return true;
        i += pattern.p[i] == '\\';
    }
    return false;
}

static void put_literal(struct sg_str s, struct sg_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("\\.+*?()|[]{}^$", s.p[i]) && s.p[i])
            sg_buf_putc(out, '\\');
        sg_buf_putc(out, s.p[i]);
    }
}

static int compile(struct sg__exec *x, struct sg_str pattern, struct sg_str before,
                   struct sg_regex **ret)
{
    struct sg_error err = {0};
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, SG_REGEX_MAX_PATTERN);
    /* Alone first: parentheses must balance without the wrapping. */
    if (sg_regex_new(pattern, ret, &err) < 0)
        return sg__exec_fail(x, "%.300s", err.text);
    sg_regex_unref(*ret);
    *ret = NULL;
    put_literal(before, &b);
    sg_buf_puts(&b, "(?s:.*?)((?-s:");
    sg_buf_put_str(&b, pattern);
    sg_buf_puts(&b, "))(?s:.*)");
    if (b.failed)
        return sg__exec_fail(x, "the text is too long for this regex");
    if (sg_regex_new(sg_buf_str(&b), ret, &err) < 0)
        return sg__exec_fail(x, "%.300s", err.text);
    return 0;
}

SG__FN(sg__fn_match)
{
    struct sg_str pattern, text, groups[2];
    struct sg_regex *re;
    (void)n;
    if (sg__arg_text(x, &args[0], &pattern) < 0 || sg__arg_text(x, &args[1], &text) < 0 ||
        compile(x, pattern, SG_STR(""), &re) < 0)
        return SG_EEXECUTION;
    int rc = sg_regex_capture(re, text, groups, 2);
    sg_regex_unref(re);
    *ret = sg__v_bool(rc > 0);
    return rc < 0 ? sg__exec_fail(x, "the match is too expensive") : 0;
}

/* ---- replacing ---- */

struct replacing {
    struct sg__exec *x;
    struct sg_str pattern, with, text;
    bool back;
    struct sg_regex *re; /* of the whole or the rest; NULL: to be made */
    struct sg_str groups[SG_REGEX_MAX_GROUPS];
    int n_groups;
};

/* The next match at or behind `from`: its groups are in r->groups, from index 1. */
static int find(struct replacing *r, size_t from, bool *ret_found)
{
    struct sg_str subject = r->text;
    if (!r->back) {
        subject.p += from;
        subject.n -= from;
    } else if (from > 0) {
        sg_regex_unref(r->re);
        r->re = NULL;
    }
    if (!r->re &&
        compile(r->x, r->pattern, r->back ? sg_str_make(r->text.p, from) : SG_STR(""), &r->re) < 0)
        return SG_EEXECUTION;
    r->n_groups = sg_regex_capture(r->re, subject, r->groups, SG_REGEX_MAX_GROUPS);
    *ret_found = r->n_groups > 0;
    return r->n_groups < 0 ? sg__exec_fail(r->x, "the match is too expensive") : 0;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Group 0 of the pattern is group 1 of what we compiled, and so on; -1: there is none. 01 is no
 * number. */
static int group_of(const struct replacing *r, struct sg_str name)
{
    int number = 0;
    if (name.n > 1 && name.p[0] == '0')
        return sg_regex_group_index(r->re, name);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] < '0' || name.p[i] > '9')
            return sg_regex_group_index(r->re, name);
        number = number < 1000 ? number * 10 + (name.p[i] - '0') : number;
    }
    return number + 1;
}

/* "$name" or "${name}" at s.p[at]; returns how long it is, 0 when it is none. */
static size_t reference(struct sg_str s, size_t at, struct sg_str *ret_name)
{
    bool brace = at + 1 < s.n && s.p[at + 1] == '{';
    size_t from = at + 1 + brace, end = from;
    while (end < s.n && is_word(s.p[end]))
        end++;
    *ret_name = sg_str_make(s.p + from, end - from);
    if (end == from || (brace && (end >= s.n || s.p[end] != '}')))
        return 0;
    return end + brace - at;
}

static void put_replacement(const struct replacing *r, struct sg_buf *out)
{
    struct sg_str w = r->with, name;
    for (size_t i = 0; i < w.n;) {
        size_t len = w.p[i] == '$' ? reference(w, i, &name) : 0;
        if (w.p[i] == '$' && i + 1 < w.n && w.p[i + 1] == '$') {
            sg_buf_putc(out, '$');
            i += 2;
        } else if (len) {
            int group = group_of(r, name);
            if (group >= 0 && group < r->n_groups && r->groups[group].p)
                sg_buf_put_str(out, r->groups[group]);
            i += len;
        } else {
            sg_buf_putc(out, w.p[i++]);
        }
    }
}

/* As Go: an empty match right behind another one is none. */
static int replace_all(struct replacing *r, struct sg_buf *out)
{
    size_t search = 0, done = 0;
    bool found;
    for (unsigned n = 0; search <= r->text.n; n++) {
        int rc = n < MAX_MATCHES ? find(r, search, &found)
                                 : sg__exec_fail(r->x, "more than %d matches", MAX_MATCHES);
        if (rc < 0)
            return rc;
        if (!found)
            break;
        size_t from = (size_t)(r->groups[1].p - r->text.p), end = from + r->groups[1].n;
        sg_buf_append(out, r->text.p + done, from - done);
        if (end > done || from == 0)
            put_replacement(r, out);
        done = end;
        size_t width = search < r->text.n ? sg_utf8_len(r->text.p + search, r->text.n - search) : 1;
        search = search + (width ? width : 1) > end ? search + (width ? width : 1) : end;
    }
    sg_buf_append(out, r->text.p + done, r->text.n - done);
    return 0;
}

SG__FN(sg__fn_replace)
{
    struct sg_buf b;
    struct replacing r = {.x = x};
    (void)n;
    if (sg__arg_text(x, &args[0], &r.pattern) < 0 || sg__arg_text(x, &args[1], &r.with) < 0 ||
        sg__arg_text(x, &args[2], &r.text) < 0)
        return SG_EEXECUTION;
    r.back = looks_back(r.pattern);
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    int rc = replace_all(&r, &b);
    sg_regex_unref(r.re);
    if (rc < 0) {
        sg_buf_deinit(&b);
        return rc;
    }
    return sg__exec_text(x, &b, ret);
}
