/* utf8.c - the automaton. */
#include "utf8.h"
#include <streamgauge/compiler.h>
#include <string.h>

#define NEXT(need, lo, hi)                                                                         \
    ((sg__utf8_state)(need) | (sg__utf8_state)(lo) << 8 | (sg__utf8_state)(hi) << 16)
#define HIGHS UINT64_C(0x8080808080808080)

/* State after a lead byte, 0 when it cannot lead. The tight ranges rule out overlong forms,
 * surrogates and > U+10FFFF. */
static sg__utf8_state lead(unsigned c)
{
    if (c >= 0xc2 && c <= 0xdf)
        return NEXT(1, 0x80, 0xbf);
    if (c == 0xe0)
        return NEXT(2, 0xa0, 0xbf);
    if (c == 0xed)
        return NEXT(2, 0x80, 0x9f);
    if (c >= 0xe1 && c <= 0xef)
        return NEXT(2, 0x80, 0xbf);
    if (c == 0xf0)
        return NEXT(3, 0x90, 0xbf);
    if (c >= 0xf1 && c <= 0xf3)
        return NEXT(3, 0x80, 0xbf);
    if (c == 0xf4)
        return NEXT(3, 0x80, 0x8f);
    return 0;
}

static size_t skip_ascii(const char *p, size_t i, size_t n)
{
    for (; n - i >= 8; i += 8) {
        uint64_t v;
        memcpy(&v, p + i, 8);
        if (v & HIGHS)
            break;
    }
    while (i < n && (unsigned char)p[i] < 0x80)
        i++;
    return i;
}

bool sg__utf8_feed(sg__utf8_state *state, const char *p, size_t n)
{
    sg__utf8_state s = *state;
    for (size_t i = 0; i < n; i++) {
        unsigned c = (unsigned char)p[i];
        if (s) {
            if (c < (s >> 8 & 0xff) || c > s >> 16)
                return false;
            unsigned need = (s & 0xff) - 1;
            s = need ? NEXT(need, 0x80, 0xbf) : 0;
        } else if (c >= 0x80) {
            s = lead(c);
            if (!s)
                return false;
        } else {
            i = skip_ascii(p, i, n) - 1;
        }
    }
    *state = s;
    return true;
}
