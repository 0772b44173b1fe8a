/* events.c - sessions over a plain response that does not end: Server-Sent Events, and lines of
 * JSON. */
#include "http.h"

#include <streamgauge/mem.h>
#include <string.h>

#define MAX_ARGS 256

struct sg__stream {
    struct sg_session *session;
};

static int stream_write(void *ctx, const char *data, size_t n)
{
    struct sg__conn *c = ctx;
    if (c->doomed)
        return SG_EIO;
    sg__count(&c->edge->counters, SG__C_BLOCKS, 1);
    if (!c->partial)
        return sg__conn_send(c, data, n);
    sg__conn_send_last(c, data, n);
    return c->doomed ? SG_EIO : SG_EBUSY;
}

static void stream_close(void *ctx, unsigned code, const char *reason)
{
    struct sg__conn *c = ctx;
    (void)reason;
    sg__conn_end_later(c, code == 1001                   ? SG__C_CLOSED_DRAIN
                          : code == 4001 || code == 4003 ? SG__C_CLOSED_AUTH
                          : code == 1008                 ? SG__C_CLOSED_STALL
                                                         : SG__C_CLOSED_PROTOCOL);
}

static const struct sg_transport stream_transport = {.write = stream_write, .close = stream_close};

static bool wants_lines(const struct sg_http1_headers *h)
{
    struct sg_str rest = sg_http1_header(h, SG_HTTP1_H_ACCEPT), item;
    while (rest.p && sg_http1_list_next(&rest, &item)) {
        struct sg_str type = sg_str_trim(sg_str_split(&item, ';'));
        if (sg_str_ieq(type, SG_STR("application/x-ndjson")) ||
            sg_str_ieq(type, SG_STR("application/jsonl")))
            return true;
    }
    return false;
}

static unsigned status_of(int rc)
{
    switch (rc) {
    case SG_EDENIED:
        return 403;
    case SG_ENOTFOUND:
        return 404;
    case SG_EBUSY:
    case SG_ENOMEM:
        return 503;
    default: /* limits of what was asked for, too: 429 would promise that it will do later */
        return 400;
    }
}

/* Decodes the query's arguments and hands them to the session. */
static int subscribe(struct sg__conn *c, struct sg_session *s, struct sg_error *reterr)
{
    struct sg_http1_request *rq = &c->edge->rq;
    struct sg_http1_args it = sg_http1_args_init(rq->query);
    size_t n = 0, at = 0, cap = rq->query.n + 1;
    struct sg_arg *args = sg_calloc(MAX_ARGS, sizeof(*args));
    char *text = sg_alloc(cap);
    int rc;
    while ((rc = sg_http1_args_next_decoded(&it, text + at, cap - at, &args[n].name,
                                            &args[n].value)) > 0) {
        at += args[n].name.n + args[n].value.n;
        if (++n == MAX_ARGS) {
            rc = sg_error_set(reterr, SG_ELIMIT, "at most %d arguments are taken", MAX_ARGS - 1);
            break;
        }
    }
    if (rc == 0)
        rc = sg_session_subscribe_args(
            s, args, n, sg_http1_header(&rq->headers, SG_HTTP1_H_LAST_EVENT_ID), reterr);
    else if (rc != SG_ELIMIT || !reterr->code)
        rc = sg_error_set(reterr, SG_ESYNTAX, "malformed percent escape in the arguments");
    sg_free(args);
    sg_free(text);
    return rc;
}

static int send_head(struct sg__conn *c, bool lines)
{
    struct sg__edge *e = c->edge;
    struct sg_http1_head head = {
        .status = 200,
        .framing = SG_HTTP1_UNTIL_CLOSE,
        .minor = c->request->minor,
        .date = sg__date(e),
        .type = lines ? SG_STR("application/x-ndjson") : SG_STR("text/event-stream"),
    };
    sg_buf_reset(&e->out);
    int rc = sg_http1_write_head(&e->out, &head, NULL);
    sg_buf_puts(&e->out, "Cache-Control: no-store\r\n"
                         "X-Accel-Buffering: no\r\n"
                         "X-Content-Type-Options: nosniff\r\n");
    sg__reply_cors(c->request, &e->out);
    if (rc < 0 || sg_http1_write_end(&e->out) < 0)
        return SG_EIO;
    sg__reply_count(e, 200);
    return sg__conn_send(c, e->out.data, e->out.len);
}

static struct sg_session *open_session(struct sg__conn *c, bool lines, unsigned rights)
{
    struct sg_error err = {0};
    struct sg_session *s = NULL;
    struct sg_session_options so = {
        .wire = lines ? SG_WIRE_NDJSON : SG_WIRE_SSE,
        .dialect = SG_DIALECT_V1,
        .transport = &stream_transport,
        .ctx = c,
        .rights = rights,
    };
    if (c->edge->draining || !sg__conn_enter_session(c) ||
        sg_session_open(c->edge->hub, &so, &s, &err) < 0) {
        c->request->keep_alive = false;
        sg__reply_error(c, 503, true, "too many sessions, try again later");
        return NULL;
    }
    int rc = subscribe(c, s, &err);
    if (rc >= 0)
        return s;
    sg_session_closed(s);
    char text[sizeof(err.text) + 64];
    sg__reply_error(c, status_of(rc), true, "%s", sg_error_format(&err, text, sizeof(text)));
    return NULL;
}

void sg__events_open(struct sg__conn *c, unsigned rights)
{
    struct sg__edge *e = c->edge;
    bool lines = wants_lines(&e->rq.headers);
    if (c->request->head_only) {
        sg__reply(c,
                  &(struct sg__reply){.status = 200,
                                      .type = lines ? "application/x-ndjson" : "text/event-stream",
                                      .headers = SG_STR("X-Accel-Buffering: no\r\n")});
        return;
    }
    struct sg_session *s = open_session(c, lines, rights);
    if (!s)
        return;
    int rc = send_head(c, lines);
    sg__http_free(c);
    c->stream = sg_calloc(1, sizeof(*c->stream));
    c->stream->session = s;
    c->state = SG__CONN_STREAM;
    c->was_sse = !lines;
    c->was_ndjson = lines;
    sg__count(&e->counters, lines ? SG__C_SESSIONS_NDJSON : SG__C_SESSIONS_SSE, 1);
    sg__count(&e->counters, lines ? SG__C_OPENED_NDJSON : SG__C_OPENED_SSE, 1);
    if (rc != SG_EIO)
        sg_session_start(s);
}

void sg__events_free(struct sg__conn *c)
{
    if (!c->stream)
        return;
    sg_session_closed(c->stream->session);
    sg_free(c->stream);
    c->stream = NULL;
}

void sg__events_writeable(struct sg__conn *c)
{
    sg_session_writable(c->stream->session);
}

void sg__events_timer(struct sg__conn *c)
{
    (void)c; /* comments and the end of stuck sessions are the hub's, dead peers the kernel's */
}
