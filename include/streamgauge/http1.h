/* http1.h - strict HTTP/1.0 and 1.1 codec (RFC 9110, 9112): request heads, bodies, response heads.
 *
 * Pure and incremental: nothing is allocated, results point into the caller's buffer, time is
 * linear in the bytes that arrive however they are cut. What two readers could understand
 * differently is refused, not repaired.
 *
 *     n += read(fd, buf + n, sizeof(buf) - n);
 *     ssize_t used = sg_http1_parse_head(buf, n, last_n, &limits, &rq, &err);
 *     if (used == SG_EMORE) { last_n = n; wait for more }
 *     else if (used < 0)    answer rq.status and close
 *     else                  buf + used is the body: sg_http1_body_init(&body, &rq, max_bytes)
 *
 * No function here keeps state outside its arguments; any thread.
 */
#ifndef STREAMGAUGE_HTTP1_H
#define STREAMGAUGE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/compiler.h>
#include <streamgauge/error.h>
#include <streamgauge/str.h>
#include <sys/types.h>

/* Header lines per head: the size of the fixed array. */
#define SG_HTTP1_MAX_HEADERS 64

/* A method that is a token but not in this list is SG_HTTP1_OTHER: the router answers 501 (or 405).
 * CONNECT and methods longer than 32 bytes are refused by the parser with 501. */
enum sg_http1_method {
    SG_HTTP1_OTHER,
    SG_HTTP1_GET,
    SG_HTTP1_HEAD,
    SG_HTTP1_POST,
    SG_HTTP1_PUT,
    SG_HTTP1_DELETE,
    SG_HTTP1_OPTIONS,
    SG_HTTP1_PATCH,
    SG_HTTP1_TRACE
};

/* enum constant, name as we write it. */
#define SG_HTTP1_HEADER_MAP(X)                                                                     \
    X(HOST, "Host")                                                                                \
    X(CONTENT_LENGTH, "Content-Length")                                                            \
    X(TRANSFER_ENCODING, "Transfer-Encoding")                                                      \
    X(CONNECTION, "Connection")                                                                    \
    X(UPGRADE, "Upgrade")                                                                          \
    X(WS_KEY, "Sec-WebSocket-Key")                                                                 \
    X(WS_VERSION, "Sec-WebSocket-Version")                                                         \
    X(WS_PROTOCOL, "Sec-WebSocket-Protocol")                                                       \
    X(WS_EXTENSIONS, "Sec-WebSocket-Extensions")                                                   \
    X(WS_ACCEPT, "Sec-WebSocket-Accept")                                                           \
    X(ORIGIN, "Origin")                                                                            \
    X(AUTHORIZATION, "Authorization")                                                              \
    X(COOKIE, "Cookie")                                                                            \
    X(CONTENT_TYPE, "Content-Type")                                                                \
    X(CONTENT_ENCODING, "Content-Encoding")                                                        \
    X(ACCEPT, "Accept")                                                                            \
    X(ACCEPT_ENCODING, "Accept-Encoding")                                                          \
    X(EXPECT, "Expect")                                                                            \
    X(IF_NONE_MATCH, "If-None-Match")                                                              \
    X(LAST_EVENT_ID, "Last-Event-ID")                                                              \
    X(RANGE, "Range")                                                                              \
    X(USER_AGENT, "User-Agent")                                                                    \
    X(X_FORWARDED_FOR, "X-Forwarded-For")                                                          \
    X(ACR_METHOD, "Access-Control-Request-Method")                                                 \
    X(ACR_HEADERS, "Access-Control-Request-Headers")

enum sg_http1_header_id {
    SG_HTTP1_H_OTHER,
#define SG_HTTP1_HEADER_ENUM(id, text) SG_HTTP1_H_##id,
    SG_HTTP1_HEADER_MAP(SG_HTTP1_HEADER_ENUM)
#undef SG_HTTP1_HEADER_ENUM
        SG_HTTP1_H_COUNT
};

struct sg_http1_header {
    struct sg_str name, value; /* value without the white space around it; may be empty */
    uint8_t id;                /* enum sg_http1_header_id */
};

struct sg_http1_limits {
    size_t max_head_bytes; /* request line + headers + empty line; beyond: 431 */
    size_t max_line_bytes; /* request line without CRLF; beyond: 414 */
    uint32_t max_headers;  /* 1 .. SG_HTTP1_MAX_HEADERS; beyond: 431 */
    uint32_t max_blank;    /* empty lines tolerated before the request line; beyond: 400 */
};

/* 16 KiB head, 8 KiB request line, 64 headers, 2 empty lines; also what limits == NULL means. */
extern SG_API const struct sg_http1_limits sg_http1_default_limits;

struct sg_http1_headers {
    struct sg_http1_header line[SG_HTTP1_MAX_HEADERS]; /* in the order of arrival */
    uint32_t count;
    uint8_t first[SG_HTTP1_H_COUNT]; /* index of the first line of a known header + 1; 0 = absent */
    uint8_t lines[SG_HTTP1_H_COUNT]; /* how many lines of it */
};

struct sg_http1_request {
    enum sg_http1_method method;
    struct sg_str method_text;
    struct sg_str target;    /* as it came */
    struct sg_str path;      /* still percent-encoded; starts with '/', or is "*" (OPTIONS only) */
    struct sg_str query;     /* without the '?'; .p == NULL when there was none */
    struct sg_str authority; /* host[:port] that counts: of an absolute-form target, else of Host;
                                may be empty */
    uint8_t minor;           /* HTTP/1.minor: 0 or 1 (1.2 and up count as 1) */
    bool keep_alive;         /* the connection may serve another request after this one */
    bool upgrade;            /* Connection lists "upgrade" and Upgrade is present (1.1 only) */
    bool expect_continue;    /* send "100 Continue" before reading the body */
    bool chunked;            /* body is chunked; else content_length */
    uint64_t content_length; /* 0 when absent */
    uint16_t status;         /* on failure: HTTP status to answer, then close */
    struct sg_http1_headers headers;
};

/* Parses one request head at the start of p..p+n. last_n: the n of the previous call on the same
 * growing buffer that returned SG_EMORE (0 at first), so that bytes are looked at once. Returns
 * bytes consumed (leading empty lines included), SG_EMORE, or SG_ESYNTAX, SG_EINVALID, SG_ELIMIT,
 * SG_EUNSUPPORTED with ret->status set: 400 malformed, 414, 417 (expectation other than
 * 100-continue), 431, 501 (transfer coding, CONNECT, overlong method), 505. A malformed head may be
 * refused before it is complete. ret borrows from p until p moves or changes. */
SG_API SG_NODISCARD ssize_t sg_http1_parse_head(const char *p, size_t n, size_t last_n,
                                                const struct sg_http1_limits *limits,
                                                struct sg_http1_request *ret,
                                                struct sg_error *reterr);

/* For our own clients: one response head. Same contract; no interpretation but status and framing.
 */
struct sg_http1_response {
    uint16_t status; /* 100 .. 599 */
    uint8_t minor;
    bool keep_alive, chunked;
    bool has_length; /* else, if not chunked, the body ends with the connection */
    uint64_t content_length;
    struct sg_str reason;
    struct sg_http1_headers headers;
};
SG_API SG_NODISCARD ssize_t sg_http1_parse_response(const char *p, size_t n, size_t last_n,
                                                    const struct sg_http1_limits *limits,
                                                    struct sg_http1_response *ret,
                                                    struct sg_error *reterr);

/* Value of the first line of a known header; .p NULL when absent. */
static inline struct sg_str sg_http1_header(const struct sg_http1_headers *h,
                                            enum sg_http1_header_id id)
{
    uint8_t i = h->first[id];
    return i ? h->line[i - 1].value : (struct sg_str){NULL, 0};
}
/* First line of any header by name (case ignored), or NULL. O(headers). */
SG_API const struct sg_http1_header *sg_http1_header_find(const struct sg_http1_headers *h,
                                                          struct sg_str name);
/* True when a comma list over all lines of the header holds the token (case ignored; parameters
 * after ';' not cut). */
SG_API bool sg_http1_list_has(const struct sg_http1_headers *h, enum sg_http1_header_id id,
                              struct sg_str token);
/* Takes the next element off a comma list (quoted strings respected, white space trimmed, empty
 * elements skipped). False at the end. */
SG_API bool sg_http1_list_next(struct sg_str *rest, struct sg_str *ret_item);
/* True when Accept-Encoding allows `coding` ("br", "gzip") with q > 0; "*" counts. Absent header:
 * false. */
SG_API bool sg_http1_accepts_encoding(const struct sg_http1_headers *h, struct sg_str coding);
/* One cookie's value; .p NULL when absent. */
SG_API struct sg_str sg_http1_cookie(const struct sg_http1_headers *h, struct sg_str name);

/* --- paths and query arguments --- */

/* Decodes %XX (and '+' as space if plus) of src into dst of cap bytes. Returns the length,
 * SG_ESYNTAX for a bad escape or %00, SG_ELIMIT when it does not fit. dst may be src.p (decoding
 * never grows). */
SG_API SG_NODISCARD ssize_t sg_http1_percent_decode(struct sg_str src, bool plus, char *dst,
                                                    size_t cap);
/* As above for a whole path; refuses with SG_EINVALID what could leave a tree: "." and ".."
 * segments (encoded or not), encoded '/', backslashes, control characters. */
SG_API SG_NODISCARD ssize_t sg_http1_path_decode(struct sg_str path, char *dst, size_t cap);

struct sg_http1_args {
    struct sg_str rest; /* .p NULL: at the end */
};
static inline struct sg_http1_args sg_http1_args_init(struct sg_str query)
{
    return (struct sg_http1_args){query};
}
/* Next name=value of a query or form body, still encoded. "name" alone has an empty value; empty
 * pairs are skipped. False at the end. */
SG_API bool sg_http1_args_next(struct sg_http1_args *it, struct sg_str *ret_name,
                               struct sg_str *ret_value);
/* Next pair, decoded into dst (cap bytes; both share it). Returns 1, 0 at the end, or the errors of
 * percent_decode. */
SG_API SG_NODISCARD int sg_http1_args_next_decoded(struct sg_http1_args *it, char *dst, size_t cap,
                                                   struct sg_str *ret_name,
                                                   struct sg_str *ret_value);
/* The first argument of that (plain) name, decoded. Returns its length, SG_ENOTFOUND, or the errors
 * of percent_decode. */
SG_API SG_NODISCARD ssize_t sg_http1_arg(struct sg_str query, struct sg_str name, char *dst,
                                         size_t cap);

/* --- bodies --- */

/* Caps on chunk extensions per chunk and on all trailers, bytes. */
#define SG_HTTP1_MAX_CHUNK_EXT 256
#define SG_HTTP1_MAX_TRAILERS 4096

struct sg_http1_body {
    uint64_t left;  /* bytes still to come of the length or of the chunk */
    uint64_t total; /* body bytes given out so far */
    uint64_t max_bytes;
    uint32_t line_bytes; /* of the current chunk line or of all trailers */
    uint16_t status;     /* on failure: 400, 413 */
    uint8_t state;       /* private */
    uint8_t digits;
    bool until_close; /* response without a length */
    bool done;        /* the body is complete */
};

/* Returns 0, or SG_ELIMIT (status 413) when the announced length is above max_bytes. `done` is at
 * once true for an empty body. */
SG_API SG_NODISCARD int sg_http1_body_init(struct sg_http1_body *b,
                                           const struct sg_http1_request *rq, uint64_t max_bytes);
SG_API SG_NODISCARD int sg_http1_body_init_response(struct sg_http1_body *b,
                                                    const struct sg_http1_response *rs,
                                                    uint64_t max_bytes);
/* Consumes up to n bytes and gives at most one span of data inside p (may be empty). Call again
 * while bytes are left and !b->done; what is left when done belongs to the next request. Makes
 * progress whenever n > 0 and !done. Returns bytes consumed, SG_ESYNTAX (status 400) or SG_ELIMIT
 * (413). */
SG_API SG_NODISCARD ssize_t sg_http1_body_feed(struct sg_http1_body *b, const char *p, size_t n,
                                               struct sg_str *ret_data);

/* --- responses --- */

/* "OK", "Not Found", …; "Unknown" for codes not known. */
SG_API const char *sg_http1_reason(unsigned status);

enum sg_http1_framing {
    SG_HTTP1_LENGTH,  /* Content-Length: body_bytes */
    SG_HTTP1_CHUNKED, /* Transfer-Encoding: chunked; falls back to UNTIL_CLOSE for a 1.0 client */
    SG_HTTP1_UNTIL_CLOSE, /* no length: implies Connection: close */
    SG_HTTP1_NO_BODY      /* 1xx, 204, 304, and 101 */
};

struct sg_http1_head {
    uint16_t status;
    enum sg_http1_framing framing;
    uint64_t body_bytes; /* SG_HTTP1_LENGTH; for HEAD the length GET would have */
    bool keep_alive;     /* false writes Connection: close (not for 1xx) */
    uint8_t minor;       /* of the request: 0 gets Connection: keep-alive spelled out */
    struct sg_str date;  /* IMF-fixdate; empty: none */
    struct sg_str type;  /* Content-Type; empty: none */
};

/* Starts a response head: status line, Date, Content-Type, framing and Connection. Further headers
 * follow by sg_http1_write_header, then sg_http1_write_end. Returns 0, SG_ELIMIT (buffer full), or
 * SG_EINVALID for a CR, LF or NUL in a value; on error what was written is taken back. Ends
 * keep-alive when the framing demands it: *ret_keep_alive (NULL allowed). */
SG_API SG_NODISCARD int sg_http1_write_head(struct sg_buf *out, const struct sg_http1_head *head,
                                            bool *ret_keep_alive);
/* Name must be a token; the value must have no control characters but tab. SG_EINVALID appends
 * nothing. */
SG_API SG_NODISCARD int sg_http1_write_header(struct sg_buf *out, struct sg_str name,
                                              struct sg_str value);
SG_API int sg_http1_write_end(struct sg_buf *out);
/* "<hex>\r\n" data "\r\n"; an empty chunk is not written (it would end the body). */
SG_API int sg_http1_write_chunk(struct sg_buf *out, struct sg_str data);
/* "0\r\n\r\n" */
SG_API int sg_http1_write_last_chunk(struct sg_buf *out);
/* "HTTP/1.1 100 Continue\r\n\r\n" */
extern SG_API const struct sg_str sg_http1_continue;
/* "Sun, 06 Nov 1994 08:49:37 GMT" of a wall time in ms; dst has 30 bytes, NUL-terminated.
 * Returns 29. */
SG_API size_t sg_http1_date_format(int64_t wall_ms, char *dst);

#endif
