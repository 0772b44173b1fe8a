/* base64.h - base64 and base64url (RFC 4648). */
#ifndef STREAMGAUGE_BASE64_H
#define STREAMGAUGE_BASE64_H

#include <stddef.h>
#include <streamgauge/buf.h>
#include <streamgauge/compiler.h>
#include <streamgauge/str.h>
#include <sys/types.h>

/* Appends n bytes as base64, padded with '='. */
SG_API void sg_base64_put(struct sg_buf *out, const void *p, size_t n);
/* The same in the alphabet for URLs, without padding. */
SG_API void sg_base64url_put(struct sg_buf *out, const void *p, size_t n);
/* Reads either alphabet, padded or not. dst has max bytes, of which 3/4 of s.n are enough, and may
 * be s.p. Returns the bytes written, SG_ESYNTAX, or SG_ELIMIT when they are more than max. */
SG_API SG_NODISCARD ssize_t sg_base64_parse(struct sg_str s, void *dst, size_t max);

#endif
