/* regex_shape.c - which regexes need no engine: literals, "lit.*", ".*", ".+"; and the literal
 * prefix of the others.
 *
 * Dashboards mostly send alternations of literals ("api|web") and prefixes, so an index can look
 * values up instead of trying them all. Only plain shapes are recognised; anything else is
 * SG_REGEX_GENERAL, which is always right.
 */
#include "regex_syntax.h"

#include <streamgauge/mem.h>
#include <string.h>

/* One literal character at *i: plain, or an escaped punctuation character. Appends it; false when
 * there is none. */
static bool take_literal(struct sg_str s, size_t *i, struct sg_buf *out)
{
    static const char special[] = "\\.+*?()|[]{}^$";
    if (*i >= s.n)
        return false;
    char c = s.p[*i];
    if (c == '\\') {
        if (*i + 1 >= s.n || (unsigned char)s.p[*i + 1] >= 0x80 || s.p[*i + 1] <= ' ')
            return false;
        c = s.p[*i + 1];
        if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            return false;
        sg_buf_putc(out, c);
        *i += 2;
        return true;
    }
    if (c == '\0' || strchr(special, c))
        return false;
    size_t len = sg_utf8_len(s.p + *i, s.n - *i);
    sg_buf_append(out, s.p + *i, len);
    *i += len;
    return true;
}

/* The offset of the parenthesis that closes the one at 0, or n. Knows escapes and classes only as
 * far as plain shapes need: with either in the pattern it may answer wrongly, and then the scan of
 * the inside fails and the shape is general. */
static size_t closing(struct sg_str s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '(')
            depth++;
        else if (s.p[i] == ')' && --depth == 0)
            return i;
    }
    return s.n;
}

/* Takes off anchors and one pair of parentheses around everything; both change nothing, as the
 * whole value is matched. */
static struct sg_str strip(struct sg_str s, bool *ret_group)
{
    *ret_group = false;
    if (s.n && s.p[0] == '^')
        s = sg_str_make(s.p + 1, s.n - 1);
    /* "\$" is a literal dollar, "\\$" an anchor after a backslash: leave both to the engine. */
    if (s.n && s.p[s.n - 1] == '$' && (s.n < 2 || s.p[s.n - 2] != '\\'))
        s.n--;
    if (s.n >= 2 && s.p[0] == '(' && closing(s) == s.n - 1) {
        size_t open = s.n >= 3 && s.p[1] == '?' && s.p[2] == ':' ? 3 : 1;
        *ret_group = open == 1 && s.p[1] != '?';
        if (*ret_group || open == 3)
            s = sg_str_make(s.p + open, s.n - open - 1);
    }
    return s;
}

static void add_end(struct sg__regex_shape *ret)
{
    ret->ends = sg_grow(ret->ends, &ret->end_cap, ret->end_count + 1, sizeof(*ret->ends));
    ret->ends[ret->end_count++] = (uint32_t)ret->text.len;
}

/* literals := LITERAL* ('|' LITERAL*)* and nothing else */
static bool scan_literals(struct sg_str s, struct sg__regex_shape *ret)
{
    size_t i = 0;
    for (;;) {
        while (take_literal(s, &i, &ret->text))
            ;
        add_end(ret);
        if (i >= s.n)
            return true;
        if (s.p[i] != '|')
            return false;
        i++;
    }
}

/* The literal characters in front, without the last one if it is repeated. Returns where they end
 * in the pattern. */
static size_t scan_prefix(struct sg_str s, struct sg__regex_shape *ret)
{
    size_t i = 0, len_before_last = 0, len = 0;
    while (take_literal(s, &i, &ret->text)) {
        len_before_last = len;
        len = ret->text.len;
    }
    if (i < s.n && strchr("*+?{", s.p[i]))
        ret->text.len = len_before_last;
    return i;
}

static void analyse_prefix(struct sg_str s, struct sg__regex_shape *ret)
{
    size_t end = scan_prefix(s, ret);
    struct sg_str rest = {s.p + end, s.n - end};
    if (sg_str_eq_c(rest, ".*"))
        ret->shape = ret->text.len ? SG_REGEX_PREFIX : SG_REGEX_ANY;
    else if (sg_str_eq_c(rest, ".+") && ret->text.len == 0)
        ret->shape = SG_REGEX_NONEMPTY;
}

void sg__regex_analyse(struct sg_str pattern, bool top_alternation, struct sg__regex_shape *ret)
{
    bool group;
    memset(ret, 0, sizeof(*ret));
    sg_buf_init(&ret->text, SG_REGEX_MAX_PATTERN + 1);
    ret->shape = SG_REGEX_GENERAL;
    struct sg_str inner = strip(pattern, &group);
    if (scan_literals(inner, ret)) {
        ret->shape = SG_REGEX_LITERALS;
        ret->group_is_all = group;
        return;
    }
    ret->end_count = 0;
    sg_buf_reset(&ret->text);
    /* Inside a stripped group a '|' would not be seen as one on top: a prefix needs to be sure that
     * there is none. */
    bool stripped = inner.n != pattern.n && memchr(inner.p, '|', inner.n);
    if (top_alternation || stripped)
        return;
    analyse_prefix(inner, ret);
    ret->group_is_all = group;
}

void sg__regex_shape_deinit(struct sg__regex_shape *shape)
{
    sg_buf_deinit(&shape->text);
    sg_free(shape->ends);
}
