/* http1_parse.h - what the pieces of the head parser share. */
#ifndef SG_WIRE_HTTP1_PARSE_H
#define SG_WIRE_HTTP1_PARSE_H

#include <streamgauge/http1.h>

/* One parse: where the buffer starts, and where failures are told. */
struct sg__http1_ctx {
    const char *base;
    const struct sg_http1_limits *limits;
    uint16_t *status; /* set on failure */
    struct sg_error *err;
};

/* Sets the status and the error text "<what> '<at>'" and returns the matching code. */
int sg__http1_fail(const struct sg__http1_ctx *c, unsigned status, struct sg_str at,
                   const char *what);
/* Looks at bytes last_n.. of p..p+n: finds the end of the head (returned) and its start after empty
 * lines, and refuses control characters and overlong heads as soon as they show. SG_EMORE while the
 * end is not there. */
ssize_t sg__http1_scan(const struct sg__http1_ctx *c, size_t n, size_t last_n, size_t *ret_start);
/* Header lines from p to end (the end of the empty line) into h. */
int sg__http1_parse_fields(const struct sg__http1_ctx *c, const char *p, const char *end,
                           struct sg_http1_headers *h);
/* Content-Length of the one line there is. */
int sg__http1_content_length(const struct sg__http1_ctx *c, const struct sg_http1_headers *h,
                             uint64_t *ret);
/* Transfer-Encoding: sets *ret_chunked, or fails. */
int sg__http1_transfer_encoding(const struct sg__http1_ctx *c, const struct sg_http1_headers *h,
                                bool *ret_chunked);
/* Splits rq->target into path, query and authority. */
int sg__http1_parse_target(const struct sg__http1_ctx *c, struct sg_http1_request *rq);
/* host [":" port] with a host that is not empty. */
bool sg__http1_authority_valid(struct sg_str s);
/* "HTTP/1.x" at s; minor 0 or 1. 400 or 505. */
int sg__http1_parse_version(const struct sg__http1_ctx *c, struct sg_str s, uint8_t *ret_minor);

#endif
