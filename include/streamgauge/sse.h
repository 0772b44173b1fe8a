/* sse.h - framing of Server-Sent Events (WHATWG HTML 9.2) and of newline-delimited JSON, and a
 * parser for our own client.
 *
 * A payload can never forge a field or an event: CR, LF and CRLF in data all become further data
 * lines. Any thread.
 */
#ifndef STREAMGAUGE_SSE_H
#define STREAMGAUGE_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/compiler.h>
#include <streamgauge/str.h>
#include <sys/types.h>

struct sg_sse_event {
    struct sg_str
        event; /* name; empty: no event line ("message" at the client); CR, LF become spaces */
    struct sg_str id; /* .p NULL: no id line; empty: resets the client's last id; NUL, CR and LF are
                         removed */
    struct sg_str data; /* UTF-8; empty: one empty data line */
};

/* Appends one event with its closing empty line. Returns 0 or SG_ELIMIT. */
SG_API int sg_sse_write(struct sg_buf *out, const struct sg_sse_event *ev);
/* ": text\n\n" (keep-alive); line ends in text make further comment lines. */
SG_API int sg_sse_write_comment(struct sg_buf *out, struct sg_str text);
/* "retry: ms\n\n" */
SG_API int sg_sse_write_retry(struct sg_buf *out, uint32_t ms);

/* One JSON text as one line: raw CR and LF (legal only as white space in JSON) become spaces. */
SG_API int sg_ndjson_write(struct sg_buf *out, struct sg_str json);

/* Client side. Feed bytes, get events; line ends LF, CR, CRLF; a leading BOM is dropped. */
struct sg_sse_parser {
    struct sg_buf line, event, data,
        id;           /* owned; line holds the unfinished line, id the last event id */
    size_t max_bytes; /* cap on a line and on an event's data */
    int64_t retry_ms; /* last retry field, -1 = none */
    uint8_t bom;      /* bytes of the BOM seen; private */
    bool cr, started; /* private */
    bool has_data;
    bool delivered;
};
SG_API void sg_sse_parser_init(struct sg_sse_parser *s, size_t max_bytes);
SG_API void sg_sse_parser_deinit(struct sg_sse_parser *s);
/* Consumes bytes up to and including the first event. ret->event is "message" by default; ret->id
 * the last event id. *ret_complete tells whether there is one; borrowed until the next feed.
 * Returns bytes consumed or SG_ELIMIT. */
SG_API SG_NODISCARD ssize_t sg_sse_feed(struct sg_sse_parser *s, const char *p, size_t n,
                                        struct sg_sse_event *ret, bool *ret_complete);

#endif
