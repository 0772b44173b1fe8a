/* str.c - comparing, trimming and splitting borrowed strings; UTF-8. */
#include <streamgauge/mem.h>
#include <streamgauge/str.h>

enum { DISTANCE_MAX_BYTES = 64 };

int sg_str_cmp(struct sg_str a, struct sg_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c)
        return c;
    return (a.n > b.n) - (a.n < b.n);
}

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

bool sg_str_ieq(struct sg_str a, struct sg_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

bool sg_str_starts_with(struct sg_str s, struct sg_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct sg_str sg_str_trim(struct sg_str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct sg_str sg_str_split(struct sg_str *rest, char sep)
{
    struct sg_str part = *rest;
    const char *at = part.n ? memchr(part.p, sep, part.n) : NULL;
    if (!at) {
        *rest = (struct sg_str){NULL, 0};
        return part;
    }
    part.n = (size_t)(at - part.p);
    rest->p += part.n + 1;
    rest->n -= part.n + 1;
    return part;
}

static bool is_tail(const unsigned char *u)
{
    return (*u & 0xc0) == 0x80;
}

/* RFC 3629 section 4: the second byte's range depends on the first, the others are plain tails. */
size_t sg_utf8_len(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] < 0x80)
        return 1;
    if (u[0] < 0xc2 || u[0] > 0xf4)
        return 0;
    if (u[0] < 0xe0)
        return n >= 2 && is_tail(u + 1) ? 2 : 0;
    if (u[0] < 0xf0) {
        if (n < 3 || !is_tail(u + 1) || !is_tail(u + 2))
            return 0;
        if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f))
            return 0; /* overlong, surrogate */
        return 3;
    }
    if (n < 4 || !is_tail(u + 1) || !is_tail(u + 2) || !is_tail(u + 3))
        return 0;
    if ((u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0; /* overlong, past U+10FFFF */
    return 4;
}

size_t sg_utf8_valid_prefix(const char *p, size_t n)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    size_t i = 0;
    while (i < n) {
        uint64_t word;
        while (n - i >= sizeof(word)) {
            memcpy(&word, p + i, sizeof(word));
            if (word & high)
                break;
            i += sizeof(word);
        }
        if (i == n)
            break;
        size_t len = sg_utf8_len(p + i, n - i);
        if (!len)
            return i;
        i += len;
    }
    return n;
}

bool sg_utf8_valid(const char *p, size_t n)
{
    return sg_utf8_valid_prefix(p, n) == n;
}

size_t sg_utf8_put(char *dst, uint32_t c)
{
    if (c < 0x80) {
        dst[0] = (char)c;
        return 1;
    }
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        dst[i] = (char)(0x80 | (c & 0x3f));
    dst[0] = (char)(lead[n] | c);
    return n;
}

int sg_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void sg_hex_format(const void *p, size_t n, char *dst)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = p;
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = digits[bytes[i] >> 4];
        dst[2 * i + 1] = digits[bytes[i] & 15];
    }
    dst[2 * n] = '\0';
}

struct sg_str sg_str_pack(char **at, struct sg_str s)
{
    struct sg_str copy = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    (*at)[s.n] = '\0';
    *at += s.n + 1;
    return copy;
}

char *sg_str_dup(struct sg_str s)
{
    char *copy = sg_alloc(s.n + 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

size_t sg_str_distance(struct sg_str a, struct sg_str b, size_t max)
{
    if (a.n > DISTANCE_MAX_BYTES || b.n > DISTANCE_MAX_BYTES)
        return max + 1;
    size_t row[DISTANCE_MAX_BYTES + 1]; /* distances of a[0..i) to every prefix of b */
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 0; i < a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.n; j++) {
            size_t replace = diagonal + (a.p[i] != b.p[j]);
            diagonal = row[j + 1];
            row[j + 1] = min3(replace, row[j] + 1, row[j + 1] + 1);
        }
    }
    return row[b.n] <= max ? row[b.n] : max + 1;
}
