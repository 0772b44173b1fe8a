/* chars.h - character classes of RFC 9110 and RFC 3986, one table. */
#ifndef SG_WIRE_CHARS_H
#define SG_WIRE_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/str.h>

enum {
    SG__C_TOKEN = 1,  /* tchar, RFC 9110 5.6.2 */
    SG__C_FIELD = 2,  /* field-vchar, SP, HTAB: what a field value may hold */
    SG__C_TARGET = 4, /* visible ASCII but '#': what we take in a request target */
    SG__C_HOST = 8,   /* unreserved and sub-delims, RFC 3986 */
    SG__C_HEX = 16,
    SG__C_DIGIT = 32
};

extern const uint8_t sg__char_class[256];

static inline bool sg__is(char c, unsigned cls)
{
    return (sg__char_class[(unsigned char)c] & cls) != 0;
}

static inline unsigned sg__hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/* Length of the run of class cls at the start of s. */
static inline size_t sg__span(struct sg_str s, unsigned cls)
{
    size_t i = 0;
    while (i < s.n && sg__is(s.p[i], cls))
        i++;
    return i;
}

/* True when s is not empty and wholly of class cls. */
static inline bool sg__all(struct sg_str s, unsigned cls)
{
    return s.n > 0 && sg__span(s, cls) == s.n;
}

#endif
