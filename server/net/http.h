/* http.h - one request and its answer, shared by the http files. Edge thread only, but what a
 * pooled handler gets. */
#ifndef SG_NET_HTTP_H
#define SG_NET_HTTP_H

#include "edge.h"

#include <streamgauge/inflate.h>

#include "pieces.h"

enum sg__sink { SG__SINK_NONE, SG__SINK_INGEST, SG__SINK_COLLECT };

/* Lives from the first byte of a head that is not complete, or from a complete head, to the end of
 * its answer. */
struct sg__request {
    struct sg__conn *conn; /* NULL: the client went while somebody worked on it */
    struct sg__edge *edge;
    struct sg_buf carry; /* a head that is not complete; later: bytes behind the request */
    size_t last_n;       /* of carry at the last try */
    const struct sg__route *route;
    unsigned rights;
    uint8_t minor;
    bool keep_alive, head_only, in_work;
    bool api_v1;          /* errors have the form of Prometheus' API */
    struct sg_buf origin; /* allowed foreign Origin to name in the answer; empty: none */

    struct sg_http1_body body;
    enum sg__sink sink;
    bool inflating;
    struct sg_inflate inflate;
    struct sg_ingest_parser *parser;
    enum sg_remote_write_version message_version;
    struct sg_buf collected;
    size_t counted; /* of collected, in net->collected */

    struct sg_buf owned; /* body of the answer, when it is ours */
    struct sg_str rest;  /* not sent yet */

    struct sg_net_exchange x;  /* user routes and forwarded actions */
    struct sg_buf strings;     /* what x points to */
    enum sg__coding coding;    /* the client would like for the answer */
    struct sg__pieces *pieces; /* NULL: not on the pool */
    uv_work_t work;
    struct sg__message message; /* to another edge */
};

struct sg__reply {
    uint16_t status;
    const char *type;      /* NULL: none */
    struct sg_str body;    /* borrowed until it is sent: static, or request->owned */
    struct sg_str headers; /* further whole lines */
    bool page;             /* with the headers of a page instead of no-store */
    bool chunked;          /* the body follows in pieces */
};

/* http.c */
struct sg__request *sg__request_of(struct sg__conn *c); /* made if need be */
void sg__request_free(struct sg__request *q);
/* Begins to take the body; limit on it as sent. Answers by itself when it is too large. */
void sg__http_begin_body(struct sg__conn *c, enum sg__sink sink, uint64_t max_bytes);
/* Keeps bytes of the body in q->collected. False: answered. */
bool sg__http_collect(struct sg__conn *c, const char *p, size_t n);
/* After an answer that came later: goes on with what the client sent meanwhile. */
void sg__http_resume(struct sg__conn *c);

/* reply.c */
void sg__reply(struct sg__conn *c, const struct sg__reply *r);
/* {"error": text}; close: the connection ends behind it. */
void sg__reply_error(struct sg__conn *c, unsigned status, bool close, const char *fmt, ...)
    SG_PRINTF(4, 5);
/* As reply_error, with "line" and "column" where err has a place, and with what was taken of an
 * ingest body before. */
void sg__reply_error_at(struct sg__conn *c, unsigned status, bool close,
                        const struct sg_error *err);
/* As reply_error, with further header lines. */
void sg__reply_error_with(struct sg__conn *c, unsigned status, const char *headers,
                          const char *text);
/* On paths of InfluxDB's, in the object `out` is: what clients of its version 2 look for. */
void sg__put_influx_error(const struct sg__request *q, unsigned status, const char *text,
                          struct sg_buf *out);
void sg__reply_count(struct sg__edge *e, unsigned status);
struct sg_str sg__date(struct sg__edge *e);
/* The lines that every answer to an allowed foreign origin has. */
void sg__reply_cors(const struct sg__request *q, struct sg_buf *out);

/* access.c: judges e->rq and sends it on its way */
void sg__http_handle(struct sg__conn *c);

/* ingest_http.c */
void sg__ingest_begin(struct sg__conn *c);
/* Bytes of the (inflated) body. False: answered. */
bool sg__ingest_data(struct sg__conn *c, const char *p, size_t n);
void sg__ingest_done(struct sg__conn *c);

/* static.c */
void sg__static_serve(struct sg__conn *c, const struct sg_net_asset *a);

/* login.c */
void sg__login(struct sg__conn *c);

/* exchange.c */
void sg__exchange_begin(struct sg__conn *c);
void sg__exchange_run(struct sg__conn *c);
/* There are pieces of an answer, or its end. */
void sg__exchange_pieces(struct sg__conn *c);

#endif
