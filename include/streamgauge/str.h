/* str.h - pointer + length strings by value. Borrowed bytes, not NUL-terminated, may hold any byte.
 */
#ifndef STREAMGAUGE_STR_H
#define STREAMGAUGE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <string.h>

struct sg_str {
    const char *p; /* never NULL in a valid string */
    size_t n;
};

#define SG_STR(literal) ((struct sg_str){"" literal, sizeof(literal) - 1})
/* For printf("%.*s", SG_STR_ARG(s)). */
#define SG_STR_ARG(s) (int)(s).n, (s).p

static inline struct sg_str sg_str_make(const char *p, size_t n)
{
    return (struct sg_str){p, n};
}

static inline struct sg_str sg_str_from(const char *cstr)
{
    return (struct sg_str){cstr, strlen(cstr)};
}

static inline bool sg_str_eq(struct sg_str a, struct sg_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool sg_str_eq_c(struct sg_str a, const char *b)
{
    return sg_str_eq(a, sg_str_from(b));
}

/* Byte order, as Prometheus sorts labels: memcmp, then length. */
SG_API int sg_str_cmp(struct sg_str a, struct sg_str b);
SG_API bool sg_str_ieq(struct sg_str a, struct sg_str b); /* ASCII case is ignored */
SG_API bool sg_str_starts_with(struct sg_str s, struct sg_str prefix);
/* Without spaces and tabs at both ends. */
SG_API struct sg_str sg_str_trim(struct sg_str s);
/* Splits at the first `sep`: returns what is before it and leaves the rest in *rest. Without `sep`:
 * all, and *rest.p NULL. */
SG_API struct sg_str sg_str_split(struct sg_str *rest, char sep);
/* True when the bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF).
 * O(n), ASCII fast. */
SG_API bool sg_utf8_valid(const char *p, size_t n);
/* Length in bytes of the valid UTF-8 sequence at p (1 to 4), 0 when it is invalid or cut off. n >
 * 0. */
SG_API size_t sg_utf8_len(const char *p, size_t n);
/* Length of the longest valid prefix. */
SG_API size_t sg_utf8_valid_prefix(const char *p, size_t n);
/* Writes the code point c (at most U+10FFFF) as 1 to 4 bytes; returns their number. Surrogates are
 * the caller's to refuse. */
SG_API size_t sg_utf8_put(char *dst, uint32_t c);
/* 0 to 15, or -1 for what is no hexadecimal digit. */
SG_API int sg_hex_digit(char c);
/* n bytes as lower-case hexadecimal digits: dst has 2n + 1 bytes, NUL-terminated. */
SG_API void sg_hex_format(const void *p, size_t n, char *dst);
/* Copies s and a NUL to *at, which moves on behind them: several texts in one block. Returns the
 * copy. */
SG_API struct sg_str sg_str_pack(char **at, struct sg_str s);
/* NUL-terminated copy; free with sg_free. */
SG_API char *sg_str_dup(struct sg_str s);
/* Edit distance (Levenshtein), for "did you mean"; at most `max` + 1 is returned. Inputs up to 64
 * bytes, longer: max + 1. */
SG_API size_t sg_str_distance(struct sg_str a, struct sg_str b, size_t max);

#endif
