/* hash.c - digests, MACs and their texts. */
#include "notify/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

void sg__sha256(struct sg_str s, uint8_t ret[32])
{
    SG_ASSERT(EVP_Digest(s.p, s.n, ret, NULL, EVP_sha256(), NULL) == 1);
}

void sg__hmac_sha256(struct sg_str key, struct sg_str s, uint8_t ret[32])
{
    unsigned n = 32;
    SG_ASSERT(HMAC(EVP_sha256(), key.p, (int)key.n, (const uint8_t *)s.p, s.n, ret, &n) != NULL);
}

void sg__hex(const uint8_t *p, size_t n, char *dst)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = digits[p[i] >> 4];
        dst[2 * i + 1] = digits[p[i] & 15];
    }
    dst[2 * n] = 0;
}

void sg__put_base64url(struct sg_buf *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
        v |= i + 2 < n ? p[i + 2] : 0;
        size_t chars = n - i >= 3 ? 4 : n - i + 1;
        for (size_t k = 0; k < chars; k++)
            sg_buf_putc(out, digits[v >> (18 - 6 * k) & 63]);
    }
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

int sg__base64url_parse(struct sg_str s, uint8_t *dst, size_t max)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;
    while (s.n > 0 && s.p[s.n - 1] == '=')
        s.n--;
    for (size_t i = 0; i < s.n; i++) {
        int d = digit_of(s.p[i]);
        if (d < 0)
            return -1;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (n == max)
            return -1;
        dst[n++] = (uint8_t)(bits >> have);
    }
    return s.n % 4 == 1 ? -1 : (int)n;
}
