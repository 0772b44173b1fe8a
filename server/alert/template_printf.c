/* template_printf.c - printf with Go's verbs and Go's way of saying that an argument does not fit:
 * "%!d(string=hi)". */
#include "template_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_WIDTH 1000

struct spec {
    bool minus, plus, sharp, space, zero;
    int width, precision; /* -1: not given */
    struct sg_str verb;   /* one character */
};

struct printing {
    struct sg__exec *x;
    const struct sg__value *args;
    size_t n, next;
    bool reordered; /* by %[2]d: what is left over is not told */
    bool bad_index; /* in this directive */
    struct sg_buf out;
};

/* ---- reading a directive ---- */

static void read_flags(struct sg_str f, size_t *at, struct spec *s)
{
    for (; *at < f.n; (*at)++) {
        switch (f.p[*at]) {
        case '-':
            s->minus = true;
            break;
        case '+':
            s->plus = true;
            break;
        case '#':
            s->sharp = true;
            break;
        case ' ':
            s->space = true;
            break;
        case '0':
            s->zero = true;
            break;
        default:
            return;
        }
    }
}

/* Digits or *; -1 when there are none. False when it is too large, or no number. */
static bool read_number(struct printing *p, struct sg_str f, size_t *at, int *ret)
{
    bool given = false;
    int v = 0;
    if (*at < f.n && f.p[*at] == '*') {
        (*at)++;
        const struct sg__value *arg = p->next < p->n ? &p->args[p->next++] : NULL;
        bool fits = arg && arg->kind == SG__V_INT && arg->i >= -MAX_WIDTH && arg->i <= MAX_WIDTH;
        *ret = fits ? (int)arg->i : -1;
        return fits;
    }
    for (; *at < f.n && f.p[*at] >= '0' && f.p[*at] <= '9'; (*at)++) {
        given = true;
        v = v <= MAX_WIDTH ? v * 10 + (f.p[*at] - '0') : v;
    }
    *ret = given ? v : -1;
    return v <= MAX_WIDTH;
}

/* ---- padding ---- */

static size_t count_chars(struct sg_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static void put_padded(struct printing *p, const struct spec *s, struct sg_str text)
{
    size_t n = count_chars(text), width = s->width > 0 ? (size_t)s->width : 0;
    for (size_t i = n; !s->minus && i < width; i++)
        sg_buf_putc(&p->out, ' ');
    sg_buf_put_str(&p->out, text);
    for (size_t i = n; s->minus && i < width; i++)
        sg_buf_putc(&p->out, ' ');
}

/* ---- verbs ---- */

static void put_value(struct printing *p, const struct spec *s, const struct sg__value *v);

static void put_mistake(struct printing *p, const struct spec *s, const char *what)
{
    sg_buf_puts(&p->out, "%!");
    sg_buf_put_str(&p->out, s->verb);
    sg_buf_puts(&p->out, what);
}

/* The value as %v has it, with the flags that were given. */
static void bad_verb(struct printing *p, const struct spec *s, const struct sg__value *v)
{
    struct spec plain = *s;
    plain.verb = SG_STR("v");
    put_mistake(p, s, "(");
    if (v->kind == SG__V_NIL) {
        sg_buf_puts(&p->out, "<nil>)");
        return;
    }
    sg_buf_printf(&p->out, "%s=", sg__value_type(v));
    put_value(p, &plain, v);
    sg_buf_putc(&p->out, ')');
}

static void put_number_text(struct printing *p, const struct spec *s, const char *text, size_t n,
                            bool finite)
{
    /* Zeros stand behind the sign, up to the width. */
    size_t sign = n && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
    if (!s->zero || s->minus || !finite || s->width <= 0 || (size_t)s->width <= n) {
        put_padded(p, s, sg_str_make(text, n));
        return;
    }
    sg_buf_append(&p->out, text, sign);
    for (size_t i = n; i < (size_t)s->width; i++)
        sg_buf_putc(&p->out, '0');
    sg_buf_append(&p->out, text + sign, n - sign);
}

static void put_c_float(struct sg_buf *b, char verb, int precision, double v)
{
    switch (verb) {
    case 'e':
        sg_buf_printf(b, "%.*e", precision, v);
        break;
    case 'E':
        sg_buf_printf(b, "%.*E", precision, v);
        break;
    case 'f':
        sg_buf_printf(b, "%.*f", precision, v);
        break;
    case 'G':
        sg_buf_printf(b, "%.*G", precision, v);
        break;
    default:
        sg_buf_printf(b, "%.*g", precision, v);
    }
}

static void put_float(struct printing *p, const struct spec *s, double v)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    char verb = s->verb.p[0] == 'v' ? 'g' : s->verb.p[0] == 'F' ? 'f' : s->verb.p[0];
    bool finite = !isnan(v) && !isinf(v);
    sg_buf_init(&b, 4096);
    if (!signbit(v) && finite && (s->plus || s->space))
        sg_buf_putc(&b, s->plus ? '+' : ' ');
    if (!finite || ((verb == 'g' || verb == 'G') && s->precision < 0)) {
        sg__format_float(v, &b);
    } else {
        put_c_float(&b, verb, s->precision < 0 ? 6 : s->precision, v);
    }
    for (size_t i = 0; verb == 'G' && i < b.len; i++)
        b.data[i] = b.data[i] == 'e' ? 'E' : b.data[i];
    put_number_text(p, s, b.data ? b.data : "", b.len, finite);
}

static size_t put_digits(uint64_t v, unsigned base, bool capital, char *end)
{
    const char *digits = capital ? "0123456789ABCDEF" : "0123456789abcdef";
    size_t n = 0;
    do {
        *--end = digits[v % base];
        v /= base;
        n++;
    } while (v);
    return n;
}

static void put_int(struct printing *p, const struct spec *s, int64_t v, unsigned base)
{
    char text[160], *end = text + sizeof(text);
    bool capital = s->verb.p[0] == 'X';
    size_t n = put_digits(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, base, capital, end);
    for (; s->precision > 0 && n < (size_t)s->precision && n < 128; n++)
        *(end - n - 1) = '0';
    const char *prefix = !s->sharp    ? ""
                         : base == 16 ? (capital ? "0X" : "0x")
                         : base == 8  ? "0"
                         : base == 2  ? "0b"
                                      : "";
    for (size_t i = strlen(prefix); i > 0; i--)
        *(end - ++n) = prefix[i - 1];
    if (v < 0 || s->plus || s->space)
        *(end - ++n) = v < 0 ? '-' : s->plus ? '+' : ' ';
    put_number_text(p, s, end - n, n, s->precision < 0);
}

static void put_quoted(struct printing *p, const struct spec *s, struct sg_str text)
{
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 5 * (size_t)SG__TEMPLATE_MAX_OUTPUT);
    bool raw = s->sharp && !(text.n && memchr(text.p, '`', text.n));
    sg_buf_putc(&b, raw ? '`' : '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        const char *at = c && !raw ? strchr(from, text.p[i]) : NULL;
        if (at)
            sg_buf_printf(&b, "\\%c", to[at - from]);
        else if (!raw &&
                 (c < 0x20 || c == 0x7f ||
                  (c >= 0x80 && (c & 0xc0) != 0x80 && !sg_utf8_len(text.p + i, text.n - i))))
            sg_buf_printf(&b, "\\x%02x", c);
        else
            sg_buf_putc(&b, text.p[i]);
    }
    sg_buf_putc(&b, raw ? '`' : '"');
    put_padded(p, s, sg_buf_str(&b));
}

static void put_hex(struct printing *p, const struct spec *s, struct sg_str text)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 3 * (size_t)SG__TEMPLATE_MAX_OUTPUT);
    for (size_t i = 0; i < text.n; i++)
        sg_buf_printf(&b, s->verb.p[0] == 'X' ? "%02X" : "%02x", (unsigned char)text.p[i]);
    put_padded(p, s, sg_buf_str(&b));
}

static void put_text(struct printing *p, const struct spec *s, struct sg_str text)
{
    if (s->precision >= 0) { /* that many characters */
        size_t n = 0, i = 0;
        for (; i < text.n; i++)
            if (((unsigned char)text.p[i] & 0xc0) != 0x80 && n++ == (size_t)s->precision)
                break;
        text.n = i;
    }
    if (s->verb.p[0] == 'q')
        put_quoted(p, s, text);
    else if (s->verb.p[0] == 'x' || s->verb.p[0] == 'X')
        put_hex(p, s, text);
    else
        put_padded(p, s, text);
}

static void put_code(struct printing *p, const struct spec *s, int64_t v)
{
    char text[8];
    uint32_t c = v < 0 || v > 0x10ffff ? 0xfffd : (uint32_t)v;
    size_t n = 0;
    if (s->verb.p[0] == 'U') {
        char name[16];
        int len = snprintf(name, sizeof(name), "U+%04X", c);
        put_padded(p, s, sg_str_make(name, (size_t)len));
        return;
    }
    if (s->verb.p[0] == 'q')
        text[n++] = '\'';
    n += sg_utf8_put(text + n, c);
    if (s->verb.p[0] == 'q')
        text[n++] = '\'';
    put_padded(p, s, sg_str_make(text, n));
}

static void put_int_verb(struct printing *p, const struct spec *s, const struct sg__value *v)
{
    switch (s->verb.p[0]) {
    case 'v':
    case 'd':
        put_int(p, s, v->i, 10);
        break;
    case 'b':
        put_int(p, s, v->i, 2);
        break;
    case 'o':
        put_int(p, s, v->i, 8);
        break;
    case 'x':
    case 'X':
        put_int(p, s, v->i, 16);
        break;
    case 'c':
    case 'q':
    case 'U':
        put_code(p, s, v->i);
        break;
    default:
        bad_verb(p, s, v);
    }
}

static void put_other(struct printing *p, const struct spec *s, const struct sg__value *v)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    if (v->kind == SG__V_NIL)
        sg_buf_puts(&b, s->verb.p[0] == 'v' ? "<nil>" : "%!s(<nil>)");
    else
        sg__value_print(p->x, v, &b);
    put_padded(p, s, sg_buf_str(&b));
    p->out.failed = p->out.failed || b.failed;
}

static void put_value(struct printing *p, const struct spec *s, const struct sg__value *v)
{
    char verb = s->verb.p[0];
    bool fits = s->verb.n == 1;
    if (s->verb.n == 1 && verb == 'T') {
        put_padded(p, s, sg_str_from(sg__value_type(v)));
        return;
    }
    switch (v->kind) {
    case SG__V_INT:
        if (fits && v->text.n && strchr("vs", verb))
            put_text(p, s, v->text);
        else
            put_int_verb(p, s, v);
        return;
    case SG__V_DURATION:
        if (fits && strchr("vs", verb))
            break;
        put_int_verb(p, s, v);
        return;
    case SG__V_FLOAT:
        fits = fits && strchr("veEfFgG", verb);
        break;
    case SG__V_STRING:
        fits = fits && strchr("vsqxX", verb);
        break;
    case SG__V_BOOL:
        fits = fits && strchr("vt", verb);
        break;
    default:
        fits = fits && strchr("vs", verb);
        break;
    }
    if (!fits)
        bad_verb(p, s, v);
    else if (v->kind == SG__V_FLOAT)
        put_float(p, s, v->f);
    else if (v->kind == SG__V_STRING)
        put_text(p, s, v->text);
    else
        put_other(p, s, v);
}

/* "[n]": the next argument is the n-th. Whether one was read. */
static bool read_index(struct printing *p, struct sg_str f, size_t *at)
{
    size_t i = *at + 1, n = 0;
    if (*at >= f.n || f.p[*at] != '[')
        return false;
    p->reordered = true;
    const char *close = memchr(f.p + *at, ']', f.n - *at);
    size_t end = close ? (size_t)(close - f.p) : 0;
    for (; i < end && f.p[i] >= '0' && f.p[i] <= '9' && n < 1000; i++)
        n = n * 10 + (size_t)(f.p[i] - '0');
    *at = close ? end + 1 : *at + 1;
    if (!close || i != end || n == 0 || n > p->n) {
        p->bad_index = true;
        return false;
    }
    p->next = n - 1;
    return true;
}

/* Width and precision, each perhaps an argument. An index stands right before what takes it. */
static void read_size(struct printing *p, struct sg_str f, size_t *at, struct spec *s)
{
    bool indexed = read_index(p, f, at), star = *at < f.n && f.p[*at] == '*';
    if (!read_number(p, f, at, &s->width))
        sg_buf_puts(&p->out, "%!(BADWIDTH)");
    if (star && s->width < -1) { /* to the left */
        s->minus = true;
        s->width = -s->width;
    }
    p->bad_index = p->bad_index || (indexed && !star && s->width >= 0);
    indexed = indexed && !star;
    if (*at < f.n && f.p[*at] == '.') {
        (*at)++;
        p->bad_index = p->bad_index || indexed;
        indexed = read_index(p, f, at);
        star = *at < f.n && f.p[*at] == '*';
        if (!read_number(p, f, at, &s->precision) || (star && s->precision < 0))
            sg_buf_puts(&p->out, "%!(BADPREC)");
        else if (s->precision < 0)
            s->precision = 0;
        indexed = indexed && !star;
    }
    if (s->width > MAX_WIDTH)
        s->width = -1;
    if (s->precision > MAX_WIDTH)
        s->precision = -1;
    if (!indexed)
        (void)read_index(p, f, at);
}

/* One directive; *at is behind its %. */
static void put_directive(struct printing *p, struct sg_str f, size_t *at)
{
    struct spec s = {.width = -1, .precision = -1};
    p->bad_index = false;
    read_flags(f, at, &s);
    read_size(p, f, at, &s);
    if (*at >= f.n) {
        sg_buf_puts(&p->out, "%!(NOVERB)");
        return;
    }
    size_t len = sg_utf8_len(f.p + *at, f.n - *at);
    s.verb = sg_str_make(f.p + *at, len ? len : 1);
    *at += s.verb.n;
    s.plus = s.plus && !sg_str_eq_c(s.verb, "v"); /* there it is about fields of structures */
    if (s.verb.p[0] == '%')
        sg_buf_putc(&p->out, '%');
    else if (p->bad_index)
        put_mistake(p, &s, "(BADINDEX)");
    else if (p->next >= p->n)
        put_mistake(p, &s, "(MISSING)");
    else
        put_value(p, &s, &p->args[p->next++]);
}

static void put_extra(struct printing *p)
{
    sg_buf_puts(&p->out, "%!(EXTRA ");
    for (size_t i = p->next; i < p->n; i++) {
        if (i > p->next)
            sg_buf_puts(&p->out, ", ");
        if (p->args[i].kind == SG__V_NIL) {
            sg_buf_puts(&p->out, "<nil>");
            continue;
        }
        sg_buf_printf(&p->out, "%s=", sg__value_type(&p->args[i]));
        sg__value_print(p->x, &p->args[i], &p->out);
    }
    sg_buf_putc(&p->out, ')');
}

SG__FN(sg__fn_printf)
{
    struct sg_str f;
    struct printing p = {.x = x, .args = args + 1, .n = n - 1};
    if (sg__arg_text(x, &args[0], &f) < 0)
        return SG_EEXECUTION;
    sg_buf_init(&p.out, SG__TEMPLATE_MAX_OUTPUT);
    for (size_t at = 0; at < f.n;) {
        if (f.p[at++] == '%')
            put_directive(&p, f, &at);
        else
            sg_buf_putc(&p.out, f.p[at - 1]);
    }
    if (p.next < p.n && !p.reordered)
        put_extra(&p);
    return sg__exec_text(x, &p.out, ret);
}
