/* labels_print.c - label sets as text: the PromQL form, JSON, and which names need no quotes. */
#include <streamgauge/labels.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool name_valid(struct sg_str s, bool colon)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!is_letter(c) && !(colon && c == ':') && !(i > 0 && is_digit(c)))
            return false;
    }
    return s.n > 0;
}

bool sg_metric_name_valid(struct sg_str s)
{
    return name_valid(s, true);
}

bool sg_label_name_valid(struct sg_str s)
{
    return name_valid(s, false);
}

/* Code points above ASCII that Go's strconv.IsPrint refuses and that occur in the wild: controls,
 * spaces, marks without a shape, private use, noncharacters. Not the whole Unicode table:
 * unassigned points are printed as they are. */
static bool is_printable(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } hidden[] = {
        {0x80, 0xa0},        {0xad, 0xad},     {0x600, 0x605},   {0x61c, 0x61c},
        {0x6dd, 0x6dd},      {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f},
        {0x2028, 0x202f},    {0x205f, 0x206f}, {0x3000, 0x3000}, {0xe000, 0xf8ff},
        {0xfeff, 0xfeff},    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff},
        {0xf0000, 0x10ffff},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(hidden); i++) {
        if (c >= hidden[i].from && c <= hidden[i].to)
            return false;
    }
    return true;
}

static uint32_t decode(const char *p, size_t len)
{
    static const unsigned char first_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *u = (const unsigned char *)p;
    uint32_t c = u[0] & first_mask[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (u[i] & 0x3f);
    return c;
}

static void put_ascii(struct sg_buf *out, char c)
{
    static const char letters[] = "abtnvfr"; /* \a is 7, \r is 13 */
    if (c == '"' || c == '\\')
        sg_buf_append(out, (char[]){'\\', c}, 2);
    else if (c >= 7 && c <= 13)
        sg_buf_append(out, (char[]){'\\', letters[c - 7]}, 2);
    else if (c < 0x20 || c == 0x7f)
        sg_buf_printf(out, "\\x%02x", (unsigned)c);
    else
        sg_buf_putc(out, c);
}

/* As Go's %q. */
static void put_quoted(struct sg_buf *out, struct sg_str s)
{
    sg_buf_putc(out, '"');
    for (size_t i = 0; i < s.n;) {
        size_t len = sg_utf8_len(s.p + i, s.n - i);
        if (len == 1) {
            put_ascii(out, s.p[i]);
        } else if (len == 0) {
            sg_buf_printf(out, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
            len = 1;
        } else {
            uint32_t c = decode(s.p + i, len);
            if (is_printable(c))
                sg_buf_append(out, s.p + i, len);
            else
                sg_buf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        }
        i += len;
    }
    sg_buf_putc(out, '"');
}

void sg_labels_print(const struct sg_labels *l, struct sg_buf *out)
{
    struct sg_str metric = sg_labels_get(l, SG_METRIC_NAME);
    bool bare = metric.p && sg_metric_name_valid(metric);
    if (bare)
        sg_buf_put_str(out, metric);
    if (bare && l->count == 1)
        return;
    sg_buf_putc(out, '{');
    bool first = true;
    if (metric.p && !bare) {
        put_quoted(out, metric);
        first = false;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        struct sg_label label = sg_labels_at(l, i);
        if (sg_str_eq(label.name, SG_METRIC_NAME))
            continue;
        if (!first)
            sg_buf_append(out, ", ", 2);
        first = false;
        if (sg_label_name_valid(label.name))
            sg_buf_put_str(out, label.name);
        else
            put_quoted(out, label.name);
        sg_buf_putc(out, '=');
        put_quoted(out, label.value);
    }
    sg_buf_putc(out, '}');
}

void sg_labels_print_json(const struct sg_labels *l, struct sg_buf *out)
{
    sg_buf_putc(out, '{');
    for (uint32_t i = 0; i < l->count; i++) {
        struct sg_label label = sg_labels_at(l, i);
        if (i)
            sg_buf_putc(out, ',');
        sg_buf_put_json_str(out, label.name);
        sg_buf_putc(out, ':');
        sg_buf_put_json_str(out, label.value);
    }
    sg_buf_putc(out, '}');
}
