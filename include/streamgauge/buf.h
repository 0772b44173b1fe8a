/* buf.h - growable byte buffer with a mandatory maximum.
 *
 * Appending past the maximum (or out of memory) appends nothing, sets `failed` and returns
 * SG_ELIMIT; later appends do nothing either, so a writer may check once at the end. Not
 * NUL-terminated unless sg_buf_cstr is called.
 *
 *     SG_AUTO(sg_buf_deinit) struct sg_buf b;
 *     sg_buf_init(&b, 64 * 1024);
 *     sg_buf_puts(&b, "{\"value\":");
 *     sg_buf_put_double(&b, v);
 *     if (b.failed) …
 */
#ifndef STREAMGAUGE_BUF_H
#define STREAMGAUGE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/str.h>
#include <string.h>

struct sg_buf {
    char *data;      /* NULL while empty */
    size_t len, cap; /* bytes used, bytes allocated */
    size_t max;      /* cap never grows past this */
    bool failed;     /* an append did not fit */
};

SG_API void sg_buf_init(struct sg_buf *b, size_t max);
SG_API void sg_buf_deinit(struct sg_buf *b);
/* Empties and clears `failed`; keeps the memory. */
SG_API void sg_buf_reset(struct sg_buf *b);
/* Makes room for n more bytes. Returns 0 or SG_ELIMIT (and sets failed). */
SG_API int sg_buf_reserve(struct sg_buf *b, size_t n);
SG_API int sg_buf_append_slow(struct sg_buf *b, const void *p, size_t n);
SG_API int sg_buf_printf(struct sg_buf *b, const char *fmt, ...) SG_PRINTF(2, 3);
/* Shortest digits that read back to the same double (see num.h); not JSON safe for NaN and
 * infinities. */
SG_API int sg_buf_put_double(struct sg_buf *b, double v);
SG_API int sg_buf_put_i64(struct sg_buf *b, int64_t v);
SG_API int sg_buf_put_u64(struct sg_buf *b, uint64_t v);
/* A JSON number, or "NaN", "+Inf", "-Inf" as JSON strings (DESIGN section 5). */
SG_API int sg_buf_put_json_double(struct sg_buf *b, double v);
/* A quoted JSON string; control characters escaped, invalid UTF-8 replaced by U+FFFD, so output is
 * always valid. */
SG_API int sg_buf_put_json_str(struct sg_buf *b, struct sg_str s);
/* Text for HTML, also between double quotes: & < > " as entities, the rest as it is. */
SG_API int sg_buf_put_html(struct sg_buf *b, struct sg_str s);
/* Drops the first n bytes, n <= len. O(len - n). */
SG_API void sg_buf_consume(struct sg_buf *b, size_t n);
/* Terminates and returns the text; "" when it is empty or out of memory. Borrowed until the next
 * change. */
SG_API const char *sg_buf_cstr(struct sg_buf *b);
/* Hands the memory to the caller (free with sg_free) and leaves the buffer empty. May return NULL
 * for empty. */
SG_API char *sg_buf_steal(struct sg_buf *b, size_t *ret_len);

static inline int sg_buf_append(struct sg_buf *b, const void *p, size_t n)
{
    if (SG_UNLIKELY(b->failed || b->cap - b->len < n))
        return sg_buf_append_slow(b, p, n);
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    return 0;
}

static inline int sg_buf_putc(struct sg_buf *b, char c)
{
    return sg_buf_append(b, &c, 1);
}

static inline int sg_buf_puts(struct sg_buf *b, const char *s)
{
    return sg_buf_append(b, s, strlen(s));
}

static inline int sg_buf_put_str(struct sg_buf *b, struct sg_str s)
{
    return sg_buf_append(b, s.p, s.n);
}

static inline struct sg_str sg_buf_str(const struct sg_buf *b)
{
    return (struct sg_str){b->data ? b->data : "", b->len};
}

#endif
