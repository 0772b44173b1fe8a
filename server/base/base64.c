/* base64.c - groups of three bytes as four characters. */
#include <stdbool.h>

#include <streamgauge/base64.h>
#include <streamgauge/error.h>

static void put(struct sg_buf *out, const uint8_t *p, size_t n, const char *digits, bool pad)
{
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
        v |= i + 2 < n ? p[i + 2] : 0;
        size_t chars = n - i >= 3 ? 4 : n - i + 1;
        for (size_t k = 0; k < chars; k++)
            sg_buf_putc(out, digits[v >> (18 - 6 * k) & 63]);
        for (size_t k = chars; pad && k < 4; k++)
            sg_buf_putc(out, '=');
    }
}

void sg_base64_put(struct sg_buf *out, const void *p, size_t n)
{
    put(out, p, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

void sg_base64url_put(struct sg_buf *out, const void *p, size_t n)
{
    put(out, p, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-' || c == '+')
        return 62;
    return c == '_' || c == '/' ? 63 : -1;
}

ssize_t sg_base64_parse(struct sg_str s, void *dst, size_t max)
{
    uint8_t *to = dst;
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;
    while (s.n > 0 && s.p[s.n - 1] == '=')
        s.n--;
    if (s.n % 4 == 1)
        return SG_ESYNTAX;
    for (size_t i = 0; i < s.n; i++) {
        int d = digit_of(s.p[i]);
        if (d < 0)
            return SG_ESYNTAX;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (n == max)
            return SG_ELIMIT;
        to[n++] = (uint8_t)(bits >> have);
    }
    return (ssize_t)n;
}
