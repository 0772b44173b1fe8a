/* regex_syntax.c - reads RE2 syntax and writes the PCRE2 pattern that means the same.
 *
 * One pass, no recursion: open groups are on a small stack. Everything RE2 does not know is refused
 * here, by name where people are likely to try it, so nothing reaches PCRE2 that we have not
 * understood. Where the two engines read the same text differently (\s, \v, \C, octal escapes,
 * '{,3}', "-" in classes, scripts) the meaning is RE2's.
 */
#include "regex_syntax.h"

#include <string.h>

enum last_item {
    LAST_NONE,     /* start of a branch: nothing to repeat */
    LAST_ATOM,     /* may be repeated */
    LAST_REPEATED, /* has been repeated: RE2 refuses "a**" */
};

struct frame {
    size_t open;     /* offset of the '(' */
    uint32_t repeat; /* largest product of repeat counts among the items so far */
};

struct reader {
    struct sg_str s;
    size_t i;
    struct sg__regex_info *info;
    struct sg_error *err;
    enum last_item last;
    size_t last_pos;      /* where the last repetition operator began */
    uint32_t last_repeat; /* product of repeat counts in the last item */
    size_t last_out; /* where the last item begins in the output, if it is one character or class */
    bool last_is_group; /* it is a group or an assertion */
    size_t depth;
    struct frame frames[SG__REGEX_MAX_DEPTH + 1];
};

static int fail(struct reader *r, size_t from, size_t to, const char *what)
{
    int n = (int)(to - from > 40 ? 40 : to - from);
    return sg_error_at(r->err, SG_ESYNTAX, (uint32_t)from, (uint32_t)to,
                       "error parsing regexp: %s: `%.*s`", what, n, r->s.p + from);
}

static int refuse(struct reader *r, size_t from, size_t to, const char *what)
{
    int n = (int)(to - from > 40 ? 40 : to - from);
    return sg_error_at(r->err, SG_EUNSUPPORTED, (uint32_t)from, (uint32_t)to,
                       "error parsing regexp: %s not supported in RE2 syntax: `%.*s`", what, n,
                       r->s.p + from);
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The byte `ahead` places further, or 0 past the end. */
static char peek(const struct reader *r, size_t ahead)
{
    return r->i + ahead < r->s.n ? r->s.p[r->i + ahead] : '\0';
}

static bool looking_at(const struct reader *r, const char *text)
{
    size_t n = strlen(text);
    return r->s.n - r->i >= n && memcmp(r->s.p + r->i, text, n) == 0;
}

static void put_code_point(struct reader *r, uint32_t c)
{
    if (c < 0x80 && is_alnum((char)c))
        sg_buf_putc(&r->info->out, (char)c);
    else
        sg_buf_printf(&r->info->out, "\\x{%x}", c);
}

static uint32_t decode_utf8(const char *p, size_t len)
{
    const unsigned char *u = (const unsigned char *)p;
    if (len == 1)
        return u[0];
    uint32_t c = u[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (u[i] & 0x3fU);
    return c;
}

/* The character at i, taken literally. The pattern is valid UTF-8. */
static uint32_t take_char(struct reader *r)
{
    size_t len = sg_utf8_len(r->s.p + r->i, r->s.n - r->i);
    uint32_t c = decode_utf8(r->s.p + r->i, len);
    r->i += len;
    return c;
}

/* One character or class is about to be written. */
static void begin_atom(struct reader *r)
{
    r->last = LAST_ATOM;
    r->last_repeat = 1;
    r->last_out = r->info->out.len;
    r->last_is_group = false;
}

/* hex := 'x' HEX HEX | 'x{' HEX+ '}' ; i stands after the x */
static int take_hex(struct reader *r, size_t start, uint32_t *ret)
{
    uint32_t c = 0;
    if (peek(r, 0) != '{') {
        int hi = sg_hex_digit(peek(r, 0)), lo = hi < 0 ? -1 : sg_hex_digit(peek(r, 1));
        if (lo < 0)
            return fail(r, start, r->i, "invalid escape sequence");
        r->i += 2;
        *ret = (uint32_t)(hi * 16 + lo);
        return 0;
    }
    size_t digits = 0;
    for (r->i++; sg_hex_digit(peek(r, 0)) >= 0; r->i++, digits++) {
        c = c * 16 + (uint32_t)sg_hex_digit(peek(r, 0));
        if (c > 0x10ffff)
            return fail(r, start, r->i + 1, "invalid escape sequence");
    }
    if (digits == 0 || peek(r, 0) != '}' || (c >= 0xd800 && c < 0xe000))
        return fail(r, start, r->i, "invalid escape sequence");
    r->i++;
    *ret = c;
    return 0;
}

/* Octal: \0 with up to two more digits; \1 to \7 only with one more, alone they would be
 * back-references. */
static int take_octal(struct reader *r, size_t start, uint32_t *ret)
{
    char first = r->s.p[r->i - 1];
    char next = peek(r, 0);
    if (first != '0' && (next < '0' || next > '7' || first > '7'))
        return refuse(r, start, r->i, "back-references are");
    uint32_t c = (uint32_t)(first - '0');
    for (int k = 0; k < 2 && peek(r, 0) >= '0' && peek(r, 0) <= '7'; k++, r->i++)
        c = c * 8 + (uint32_t)(peek(r, 0) - '0');
    *ret = c;
    return 0;
}

/* An escape that stands for one character; i stands after the backslash. */
static int take_escaped_char(struct reader *r, uint32_t *ret)
{
    static const char names[] = "afnrtv";
    static const uint8_t codes[] = {7, 12, 10, 13, 9, 11};
    size_t start = r->i - 1;
    if (r->i >= r->s.n)
        return fail(r, start, r->i, "trailing backslash at end of expression");
    char c = r->s.p[r->i++];
    const char *simple = c ? strchr(names, c) : NULL;
    if (simple) {
        *ret = codes[simple - names];
        return 0;
    }
    if (c >= '0' && c <= '9')
        return take_octal(r, start, ret);
    if (c == 'x')
        return take_hex(r, start, ret);
    if ((unsigned char)c < 0x80 && !is_alnum(c)) {
        *ret = (uint32_t)c;
        return 0;
    }
    if (c == 'k' || c == 'g')
        return refuse(r, start, r->i, "back-references are");
    r->i = start + 1;
    (void)take_char(r);
    return fail(r, start, r->i, "invalid escape sequence");
}

/* Unicode general categories; every other name is taken as a script. */
static bool is_category(struct sg_str name)
{
    static const char *const known[] = {
        "Any", "C",  "Cc", "Cf", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",
        "Mc",  "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi",
        "Po",  "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs",
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(known); i++)
        if (sg_str_eq_c(name, known[i]))
            return true;
    return false;
}

/* property := ('p' | 'P') (LETTER | '{' '^'? NAME '}') ; i stands on the p */
static int put_property(struct reader *r)
{
    size_t start = r->i - 1;
    bool negated = r->s.p[r->i++] == 'P';
    struct sg_str name = {r->s.p + r->i, r->i < r->s.n ? 1 : 0};
    if (peek(r, 0) == '{') {
        const char *close = memchr(r->s.p + r->i, '}', r->s.n - r->i);
        if (!close)
            return fail(r, start, r->s.n, "invalid character class range");
        name = sg_str_make(r->s.p + r->i + 1, (size_t)(close - r->s.p) - r->i - 1);
        r->i += name.n + 2;
        if (name.n && name.p[0] == '^') {
            negated = !negated;
            name = sg_str_make(name.p + 1, name.n - 1);
        }
    } else {
        r->i += name.n;
    }
    bool valid = name.n > 0;
    for (size_t k = 0; k < name.n; k++)
        valid = valid && (is_alnum(name.p[k]) || name.p[k] == '_');
    if (!valid)
        return fail(r, start, r->i, "invalid character class range");
    /* PCRE2 reads a bare script name as "script extensions", RE2 as the script alone. */
    sg_buf_printf(&r->info->out, "\\%c{%s%.*s}", negated ? 'P' : 'p',
                  is_category(name) ? "" : "sc:", SG_STR_ARG(name));
    return 0;
}

/* \d \w \s and their negations. RE2's \s has no vertical tab, PCRE2's has. Returns whether c was
 * one. */
static bool put_perl_class(struct reader *r, char c, bool in_class)
{
    struct sg_buf *out = &r->info->out;
    if (c == 'd' || c == 'D' || c == 'w' || c == 'W')
        sg_buf_printf(out, "\\%c", c);
    else if (c == 's')
        sg_buf_puts(out, in_class ? "\\t\\n\\f\\r\\x{20}" : "[\\t\\n\\f\\r\\x{20}]");
    else if (c == 'S')
        sg_buf_puts(out, in_class ? "\\S\\x{b}" : "[\\S\\x{b}]");
    else
        return false;
    r->i++;
    return true;
}

/* \Q … \E: everything between is literal; without \E to the end. i stands on the Q. */
static void put_quoted(struct reader *r)
{
    r->i++;
    while (r->i < r->s.n) {
        if (looking_at(r, "\\E")) {
            r->i += 2;
            return;
        }
        begin_atom(r);
        put_code_point(r, take_char(r));
    }
}

/* A zero-width assertion; PCRE2 does not repeat a bare one, RE2 does. */
static void put_assertion(struct reader *r, const char *text)
{
    begin_atom(r);
    r->last_is_group = true;
    sg_buf_printf(&r->info->out, "(?:%s)", text);
}

/* escape := '\' … outside of a class; i stands on the backslash */
static int read_escape(struct reader *r)
{
    size_t start = r->i++;
    char c = peek(r, 0);
    static const char *const assertions[] = {"A\\A", "z\\z", "b\\b", "B\\B"};
    for (size_t k = 0; k < SG_ARRAY_LEN(assertions); k++) {
        if (r->i < r->s.n && c == assertions[k][0]) {
            r->i++;
            put_assertion(r, assertions[k] + 1);
            return 0;
        }
    }
    if (c == 'Q') {
        put_quoted(r);
        return 0;
    }
    if (c == 'C')
        return refuse(r, start, r->i + 1, "\\C is");
    begin_atom(r);
    if (c == 'p' || c == 'P')
        return put_property(r);
    if (put_perl_class(r, c, false))
        return 0;
    uint32_t code;
    int rc = take_escaped_char(r, &code);
    if (rc == 0)
        put_code_point(r, code);
    return rc;
}

/* '[:' '^'? NAME ':]' inside a class. Returns 1 when there was one, 0 when not, or an error. */
static int put_posix_class(struct reader *r)
{
    static const char *const known[] = {"alnum", "alpha", "ascii", "blank", "cntrl",
                                        "digit", "graph", "lower", "print", "punct",
                                        "space", "upper", "word",  "xdigit"};
    if (!looking_at(r, "[:"))
        return 0;
    const char *close = memmem(r->s.p + r->i + 2, r->s.n - r->i - 2, ":]", 2);
    if (!close)
        return 0;
    struct sg_str all = {r->s.p + r->i, (size_t)(close + 2 - r->s.p) - r->i};
    struct sg_str name = {all.p + 2, all.n - 4};
    if (name.n && name.p[0] == '^')
        name = sg_str_make(name.p + 1, name.n - 1);
    for (size_t k = 0; k < SG_ARRAY_LEN(known); k++) {
        if (sg_str_eq_c(name, known[k])) {
            sg_buf_put_str(&r->info->out, all);
            r->i += all.n;
            return 1;
        }
    }
    return fail(r, r->i, r->i + all.n, "invalid character class range");
}

/* One character of a class, for a single or as the end of a range. */
static int take_class_char(struct reader *r, size_t class_start, uint32_t *ret)
{
    if (r->i >= r->s.n)
        return fail(r, class_start, r->s.n, "missing closing ]");
    if (r->s.p[r->i] == '\\') {
        r->i++;
        return take_escaped_char(r, ret);
    }
    *ret = take_char(r);
    return 0;
}

/* class_item := posix | '\d' … | property | CHAR ('-' CHAR)? */
static int read_class_item(struct reader *r, size_t class_start)
{
    int rc = put_posix_class(r);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (peek(r, 0) == '\\') {
        r->i++;
        if (peek(r, 0) == 'p' || peek(r, 0) == 'P')
            return put_property(r);
        if (r->i < r->s.n && put_perl_class(r, peek(r, 0), true))
            return 0;
        r->i--;
    }
    size_t from = r->i;
    uint32_t lo = 0, hi = 0;
    rc = take_class_char(r, class_start, &lo);
    if (rc < 0)
        return rc;
    put_code_point(r, lo);
    if (peek(r, 0) != '-' || r->i + 1 >= r->s.n || peek(r, 1) == ']')
        return 0;
    r->i++;
    rc = take_class_char(r, class_start, &hi);
    if (rc < 0)
        return rc;
    if (hi < lo)
        return fail(r, from, r->i, "invalid character class range");
    sg_buf_putc(&r->info->out, '-');
    put_code_point(r, hi);
    return 0;
}

/* class := '[' '^'? ']'? class_item* ']' ; a ']' in front is a literal */
static int read_class(struct reader *r)
{
    size_t start = r->i++;
    begin_atom(r);
    sg_buf_putc(&r->info->out, '[');
    if (peek(r, 0) == '^') {
        sg_buf_putc(&r->info->out, '^');
        r->i++;
    }
    for (bool first = true; first || peek(r, 0) != ']'; first = false) {
        if (r->i >= r->s.n)
            return fail(r, start, r->s.n, "missing closing ]");
        int rc = read_class_item(r, start);
        if (rc < 0)
            return rc;
    }
    r->i++;
    sg_buf_putc(&r->info->out, ']');
    return 0;
}

static int push_group(struct reader *r, size_t open)
{
    if (r->depth >= SG__REGEX_MAX_DEPTH)
        return sg_error_at(r->err, SG_ELIMIT, (uint32_t)open, (uint32_t)open + 1,
                           "error parsing regexp: groups nest deeper than %d", SG__REGEX_MAX_DEPTH);
    r->depth++;
    r->frames[r->depth] = (struct frame){open, 1};
    r->last = LAST_NONE;
    return 0;
}

static int open_capture(struct reader *r, size_t start)
{
    sg_buf_putc(&r->info->out, '(');
    r->info->group_count++;
    return push_group(r, start);
}

/* '(?P<' NAME '>' or '(?<' NAME '>' ; i stands on the name */
static int open_named(struct reader *r, size_t start)
{
    struct sg__regex_info *info = r->info;
    const char *close = memchr(r->s.p + r->i, '>', r->s.n - r->i);
    size_t end = close ? (size_t)(close - r->s.p) : r->s.n;
    struct sg_str name = {r->s.p + r->i, end - r->i};
    bool valid = close && name.n > 0;
    for (size_t k = 0; k < name.n; k++)
        valid = valid && (is_alnum(name.p[k]) || name.p[k] == '_');
    if (!valid)
        return fail(r, start, close ? end + 1 : end, "invalid named capture");
    for (uint32_t k = 0; k < info->name_count; k++)
        if (sg_str_eq(info->names[k].name, name))
            return fail(r, start, end + 1, "duplicate capture group name");
    if (info->name_count >= SG__REGEX_MAX_NAMES)
        return sg_error_at(r->err, SG_ELIMIT, (uint32_t)start, (uint32_t)end,
                           "error parsing regexp: more than %d named groups", SG__REGEX_MAX_NAMES);
    info->names[info->name_count++] = (struct sg__regex_name){name, info->group_count};
    r->i = end + 1;
    return open_capture(r, start);
}

/* flags := '(?' [imsU]* ('-' [imsU]+)? (')' | ':') ; i stands after the '(?' */
static int read_flags(struct reader *r, size_t start)
{
    bool minus = false, flag_after_minus = false;
    for (; r->i < r->s.n; r->i++) {
        char c = r->s.p[r->i];
        if (c == 'i' || c == 'm' || c == 's' || c == 'U') {
            flag_after_minus = minus;
        } else if (c == '-' && !minus) {
            minus = true;
        } else if ((c == ':' || c == ')') && (!minus || flag_after_minus)) {
            r->i++;
            sg_buf_append(&r->info->out, r->s.p + start, r->i - start);
            if (c == ':')
                return push_group(r, start);
            r->last = LAST_NONE;
            return 0;
        } else {
            break;
        }
    }
    return fail(r, start, r->i < r->s.n ? r->i + 1 : r->i, "invalid or unsupported Perl syntax");
}

/* group := '(' … ; names what is refused as people know it */
static int read_group(struct reader *r)
{
    static const struct {
        const char *text, *what;
    } foreign[] = {
        {"(?=", "look-ahead is"},   {"(?!", "look-ahead is"},     {"(?<=", "look-behind is"},
        {"(?<!", "look-behind is"}, {"(?>", "atomic groups are"}, {"(?|", "branch reset is"},
        {"(?#", "comments are"},    {"(?(", "conditions are"},    {"(?P=", "back-references are"},
        {"(?P>", "recursion is"},   {"(?&", "recursion is"},      {"(?R", "recursion is"},
        {"(?C", "callouts are"},    {"(*", "verbs are"},          {"(?+", "recursion is"},
    };
    size_t start = r->i;
    for (size_t k = 0; k < SG_ARRAY_LEN(foreign); k++)
        if (looking_at(r, foreign[k].text))
            return refuse(r, start, start + strlen(foreign[k].text), foreign[k].what);
    if (looking_at(r, "(?P<") || looking_at(r, "(?<")) {
        r->i += looking_at(r, "(?P<") ? 4 : 3;
        return open_named(r, start);
    }
    if (looking_at(r, "(?")) {
        r->i += 2;
        char c = peek(r, 0);
        if ((c >= '0' && c <= '9') || (c == '-' && peek(r, 1) >= '0' && peek(r, 1) <= '9'))
            return refuse(r, start, r->i + 1, "recursion is");
        return read_flags(r, start);
    }
    r->i++;
    return open_capture(r, start);
}

static void note_repeat(struct reader *r)
{
    struct frame *f = &r->frames[r->depth];
    if (r->last_repeat > f->repeat)
        f->repeat = r->last_repeat;
}

static int close_group(struct reader *r)
{
    if (r->depth == 0)
        return fail(r, r->i, r->i + 1, "unexpected )");
    uint32_t inner = r->frames[r->depth].repeat;
    r->depth--;
    r->i++;
    r->last = LAST_ATOM;
    r->last_repeat = inner;
    r->last_is_group = true;
    note_repeat(r);
    sg_buf_putc(&r->info->out, ')');
    return 0;
}

/* count := '{' N (',' M?)? '}' . Returns its length, 0 when this is no count but a literal brace.
 */
static size_t scan_count(const struct reader *r, uint32_t *ret_min, uint32_t *ret_max)
{
    uint32_t v[2] = {0, 0};
    size_t i = r->i + 1, part = 0, digits = 0;
    for (; i < r->s.n; i++) {
        char c = r->s.p[i];
        if (c >= '0' && c <= '9') {
            v[part] = v[part] > SG_REGEX_MAX_REPEAT ? v[part] : v[part] * 10 + (uint32_t)(c - '0');
            digits++;
        } else if (c == ',' && part == 0 && digits > 0) {
            part = 1;
            digits = 0;
        } else {
            break;
        }
    }
    if (i >= r->s.n || r->s.p[i] != '}' || (part == 0 && digits == 0))
        return 0;
    *ret_min = v[0];
    *ret_max = part == 0 ? v[0] : digits ? v[1] : v[0];
    return i + 1 - r->i;
}

/* Writes the operator that was read from `start`, and the '?' behind it. */
static void put_repeat(struct reader *r, size_t start, size_t len)
{
    struct sg_buf *out = &r->info->out;
    struct sg_str op = {r->s.p + start, len};
    bool plus = !r->last_is_group && (sg_str_eq_c(op, "+") || sg_str_eq_c(op, "{1,}"));
    r->info->has_plus = r->info->has_plus || plus;
    if (plus && r->info->spell_plus && sg_buf_reserve(out, out->len - r->last_out) == 0) {
        sg_buf_append(out, out->data + r->last_out, out->len - r->last_out);
        sg_buf_putc(out, '*');
    } else {
        sg_buf_put_str(out, op);
    }
    if (peek(r, 0) == '?') {
        r->i++;
        sg_buf_putc(out, '?');
    }
}

/* repeat := ('*' | '+' | '?' | count) '?'? */
static int read_repeat(struct reader *r, size_t len, uint32_t min, uint32_t max)
{
    size_t start = r->i;
    if (r->last == LAST_NONE)
        return fail(r, start, start + len, "missing argument to repetition operator");
    if (r->last == LAST_REPEATED) {
        if (r->s.p[start] == '+')
            return refuse(r, r->last_pos, start + len, "possessive repetition is");
        return fail(r, r->last_pos, start + len, "invalid nested repetition operator");
    }
    if (min > SG_REGEX_MAX_REPEAT || max > SG_REGEX_MAX_REPEAT || min > max)
        return fail(r, start, start + len, "invalid repeat count");
    if (max > 1)
        r->last_repeat *= max;
    if (r->last_repeat > SG_REGEX_MAX_REPEAT)
        return fail(r, start, start + len, "invalid repeat count, nested repeats multiply");
    note_repeat(r);
    r->i += len;
    put_repeat(r, start, len);
    r->last = LAST_REPEATED;
    r->last_pos = start;
    return 0;
}

static int read_item(struct reader *r)
{
    uint32_t min = 0, max = 0;
    char c = r->s.p[r->i];
    size_t count_len = c == '{' ? scan_count(r, &min, &max) : 0;
    switch (c) {
    case '(':
        return read_group(r);
    case ')':
        return close_group(r);
    case '[':
        return read_class(r);
    case '\\':
        return read_escape(r);
    case '*':
    case '+':
    case '?':
        return read_repeat(r, 1, 0, 0);
    case '{':
        if (count_len)
            return read_repeat(r, count_len, min, max);
        break;
    case '|':
        r->info->top_alternation = r->info->top_alternation || r->depth == 0;
        r->last = LAST_NONE;
        r->i++;
        sg_buf_putc(&r->info->out, '|');
        return 0;
    case '^':
    case '$':
        r->i++;
        put_assertion(r, c == '^' ? "^" : "$");
        return 0;
    case '.':
        r->i++;
        begin_atom(r);
        sg_buf_putc(&r->info->out, '.');
        return 0;
    default:
        break;
    }
    begin_atom(r);
    put_code_point(r, take_char(r));
    return 0;
}

int sg__regex_translate(struct sg_str pattern, struct sg__regex_info *ret, struct sg_error *reterr)
{
    struct reader r = {.s = pattern, .info = ret, .err = reterr};
    ret->group_count = 1;
    ret->name_count = 0;
    ret->top_alternation = ret->has_plus = false;
    if (pattern.n > SG_REGEX_MAX_PATTERN)
        return sg_error_set(reterr, SG_ELIMIT,
                            "error parsing regexp: pattern has %zu bytes, the limit is %d",
                            pattern.n, SG_REGEX_MAX_PATTERN);
    size_t valid = sg_utf8_valid_prefix(pattern.p, pattern.n);
    if (valid < pattern.n)
        return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)valid, (uint32_t)valid + 1,
                           "error parsing regexp: invalid UTF-8");
    r.frames[0].repeat = 1;
    while (r.i < pattern.n) {
        int rc = read_item(&r);
        if (rc < 0)
            return rc;
    }
    if (r.depth > 0)
        return fail(&r, r.frames[r.depth].open, pattern.n, "missing closing )");
    if (ret->out.failed)
        return sg_error_set(reterr, SG_ELIMIT, "error parsing regexp: expression is too large");
    return 0;
}
