/* json_string.c - JSON strings to UTF-8. */
#include "json.h"

static int hex4(const char *s, const char *end, uint32_t *ret)
{
    uint32_t v = 0;
    if (end - s < 4)
        return SG_ESYNTAX;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)s[i];
        uint32_t digit = (uint32_t)c - '0';
        if (digit > 9) {
            digit = ((uint32_t)c | 0x20) - 'a';
            if (digit > 5)
                return SG_ESYNTAX;
            digit += 10;
        }
        v = v * 16 + digit;
    }
    *ret = v;
    return 0;
}

static void put_utf8(struct sg_buf *out, uint32_t c)
{
    if (c < 0x80) {
        (void)sg_buf_putc(out, (char)c);
        return;
    }
    int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    (void)sg_buf_putc(out, (char)(lead[tail] | c >> (6 * tail)));
    while (tail-- > 0)
        (void)sg_buf_putc(out, (char)(0x80 | (c >> (6 * tail) & 0x3f)));
}

/* \uXXXX at s (behind the 'u'), with its second half when it is a surrogate. Returns what follows,
 * or NULL. */
static const char *unicode(const char *s, const char *end, struct sg_buf *out)
{
    uint32_t c, low;
    if (hex4(s, end, &c) < 0)
        return NULL;
    s += 4;
    if (c >= 0xdc00 && c <= 0xdfff)
        return NULL;
    if (c >= 0xd800 && c <= 0xdbff) {
        if (end - s < 6 || s[0] != '\\' || s[1] != 'u' || hex4(s + 2, end, &low) < 0 ||
            low < 0xdc00 || low > 0xdfff)
            return NULL;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        s += 6;
    }
    put_utf8(out, c);
    return s;
}

/* The escape at s (behind the backslash). Returns what follows, or NULL. */
static const char *escape(const char *s, const char *end, struct sg_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (s == end)
        return NULL;
    if (*s == 'u')
        return unicode(s + 1, end, out);
    const char *at = memchr(from, *s, sizeof(from) - 1);
    if (!at)
        return NULL;
    (void)sg_buf_putc(out, to[at - from]);
    return s + 1;
}

int sg__json_string(struct sg__feed *f, struct sg_str raw, struct sg_buf *out, struct sg_str *ret)
{
    const char *s = raw.p + 1, *end = raw.p + raw.n - 1;
    size_t start = out->len;
    int r = sg__feed_utf8(f, s, (size_t)(end - s));
    if (r < 0)
        return r;
    if (sg_buf_reserve(out, raw.n) < 0)
        return sg__fault_set(f, SG_EINVALID, raw.p, "string is too long");
    while (s < end) {
        if ((unsigned char)*s < 0x20)
            return sg__fault_set(f, SG_ESYNTAX, s,
                                 "control character 0x%02x in a string, expected \\u%04x",
                                 (unsigned char)*s, (unsigned char)*s);
        if (*s != '\\') {
            (void)sg_buf_putc(out, *s++);
            continue;
        }
        const char *next = escape(s + 1, end, out);
        if (!next)
            return sg__fault_set(f, SG_ESYNTAX, s, "'%.*s' is no escape or half a surrogate pair",
                                 (int)(end - s < 6 ? end - s : 6), s);
        s = next;
    }
    *ret = sg_str_make(out->data + start, out->len - start);
    return 0;
}
