/* escape.c - texts as parts of URLs. */
#include "ruler_priv.h"

void sg__query_escape(struct sg_str s, struct sg_buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (plain || c == '-' || c == '_' || c == '.' || c == '~') {
            sg_buf_putc(out, (char)c);
        } else if (c == ' ') {
            sg_buf_putc(out, '+');
        } else {
            sg_buf_putc(out, '%');
            sg_buf_putc(out, hex[c >> 4]);
            sg_buf_putc(out, hex[c & 15]);
        }
    }
}
