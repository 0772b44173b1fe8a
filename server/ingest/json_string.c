/* json_string.c - JSON strings to UTF-8. */
#include "json.h"

static int hex4(const char *s, const char *end, uint32_t *ret)
{
    uint32_t v = 0;
    if (end - s < 4)
        return SG_ESYNTAX;
    for (int i = 0; i < 4; i++) {
        int d = sg_hex_digit(s[i]);
        if (d < 0)
            return SG_ESYNTAX;
        v = v * 16 + (uint32_t)d;
    }
    *ret = v;
    return 0;
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
    char utf8[4];
    (void)sg_buf_append(out, utf8, sg_utf8_put(utf8, c));
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
