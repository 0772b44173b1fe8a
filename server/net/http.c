/* http.c - requests: from bytes to a complete head, from there to a complete body, and the time
 * that may take. */
#include "http.h"

#include <stdarg.h>
#include <stdio.h>
#include <streamgauge/mem.h>

/* Room for what a client sends behind a request that is still in work: pipelining. Reading stops at
 * the first such bytes, so this is one or two reads. */
#define STASH_MAX (256 * 1024)
#define CARRY_MAX (STASH_MAX + 32 * 1024)
#define STALL_LOOK_MS 5000
#define BODY_LOOK_MS 1000

struct sg__request *sg__request_of(struct sg__conn *c)
{
    if (c->request)
        return c->request;
    struct sg__request *q = sg_calloc(1, sizeof(*q));
    q->conn = c;
    q->edge = c->edge;
    q->minor = 1;
    sg_buf_init(&q->carry, CARRY_MAX);
    sg_buf_init(&q->origin, 512);
    sg_buf_init(&q->collected, SIZE_MAX / 2);
    sg_buf_init(&q->owned, SIZE_MAX / 2);
    sg_buf_init(&q->strings, 64 * 1024);
    sg_buf_init(&q->x.out, SIZE_MAX / 2);
    sg_buf_init(&q->x.headers, 16 * 1024);
    c->request = q;
    return q;
}

void sg__request_free(struct sg__request *q)
{
    if (!q)
        return;
    sg_buf_deinit(&q->carry);
    sg_buf_deinit(&q->origin);
    sg_buf_deinit(&q->collected);
    sg_buf_deinit(&q->owned);
    sg_buf_deinit(&q->strings);
    sg_buf_deinit(&q->x.out);
    sg_buf_deinit(&q->x.headers);
    sg__pieces_leave(q->pieces);
    atomic_fetch_sub_explicit(&q->edge->net->collected, q->counted, memory_order_relaxed);
    if (q->inflating)
        sg_inflate_deinit(&q->inflate);
    sg_ingest_parser_free(q->parser);
    sg_free(q);
}

void sg__http_free(struct sg__conn *c)
{
    struct sg__request *q = c->request;
    c->request = NULL;
    if (q && q->in_work) {
        q->conn = NULL;
        atomic_store_explicit(&q->x.canceled, true, memory_order_relaxed);
        sg__pieces_cancel(q->pieces);
        return;
    }
    sg__request_free(q);
}

/* --- head --- */

/* The head lies whole at p, or behind what is carried. Returns bytes of p used, 0 when more are
 * needed. */
static ssize_t parse(struct sg__conn *c, const char *p, size_t n, size_t *ret_taken,
                     struct sg_error *reterr)
{
    const struct sg_http1_limits *limits = &sg_http1_default_limits;
    struct sg_http1_request *rq = &c->edge->rq;
    struct sg__request *q = c->request;
    *ret_taken = n;
    if (!q || q->carry.len == 0) {
        ssize_t used = sg_http1_parse_head(p, n, 0, limits, rq, reterr);
        if (used == SG_EMORE) {
            q = sg__request_of(c);
            sg_buf_append(&q->carry, p, n);
            q->last_n = n;
        } else if (used < 0) {
            sg_error_locate(reterr, p, n);
        }
        return used;
    }
    size_t had = q->carry.len, room = limits->max_head_bytes + 64;
    size_t take = n < room - had ? n : room - had;
    sg_buf_append(&q->carry, p, take);
    *ret_taken = take;
    ssize_t used = sg_http1_parse_head(q->carry.data, q->carry.len, q->last_n, limits, rq, reterr);
    if (used == SG_EMORE)
        q->last_n = q->carry.len;
    else if (used >= 0)
        used -= (ssize_t)had; /* of p: the head was not complete without it */
    else
        sg_error_locate(reterr, q->carry.data, q->carry.len);
    return used;
}

/* What is wrong with the head, and where; closes. */
static void refuse_head(struct sg__conn *c, struct sg_error *err)
{
    const struct sg_http1_limits *l = &sg_http1_default_limits;
    unsigned status = c->edge->rq.status ? c->edge->rq.status : 400;
    c->reason = SG__C_CLOSED_PROTOCOL;
    if (status == 431)
        sg__reply_error(c, status, true,
                        "request head too large, at most %zu bytes and %u lines "
                        "are taken",
                        l->max_head_bytes, l->max_headers);
    else if (status == 414)
        sg__reply_error(c, status, true, "request line too long, at most %zu bytes are taken",
                        l->max_line_bytes);
    else
        sg__reply_error_at(c, status, true, err);
}

static size_t feed_head(struct sg__conn *c, const char *p, size_t n)
{
    struct sg__edge *e = c->edge;
    if (c->established && !c->request) { /* first byte of a further request */
        c->since_ms = e->now_ms;
        sg__conn_arm(c, e->net->cfg.limits.head_ms);
    }
    size_t taken;
    struct sg_error err; /* a request that is all right does not pay for its texts */
    err.code = SG_OK;
    err.pos = err.line = 0;
    err.text[0] = '\0';
    ssize_t used = parse(c, p, n, &taken, &err);
    if (used == SG_EMORE)
        return taken;
    struct sg__request *q = sg__request_of(c);
    sg__conn_established(c);
    sg__wheel_cancel(&e->wheel, &c->timer);
    if (used < 0) {
        refuse_head(c, &err);
        return n;
    }
    q->minor = e->rq.minor;
    q->keep_alive = e->rq.keep_alive;
    q->head_only = e->rq.method == SG_HTTP1_HEAD;
    /* What is carried is this head, and rq points into it; from now on it is what comes behind the
     * request. The head is ours meanwhile: the request may be answered and freed within the call.
     */
    struct sg_buf head = q->carry;
    sg_buf_init(&q->carry, CARRY_MAX);
    sg__http_handle(c);
    sg_buf_deinit(&head);
    return (size_t)used;
}

/* --- body --- */

void sg__http_begin_body(struct sg__conn *c, enum sg__sink sink, uint64_t max_bytes)
{
    struct sg__edge *e = c->edge;
    struct sg__request *q = c->request;
    const struct sg_http1_request *rq = &e->rq;
    if (sg_http1_body_init(&q->body, rq, max_bytes) < 0) {
        sg__reply_error(c, 413, true, "body too large, at most %llu bytes are taken",
                        (unsigned long long)max_bytes);
        return;
    }
    enum sg_inflate_format format;
    bool identity = true;
    struct sg_str coding = sg_http1_header(&rq->headers, SG_HTTP1_H_CONTENT_ENCODING);
    bool own_coding = q->route->kind == SG__ROUTE_REMOTE_WRITE; /* its decoder undoes it */
    if (coding.p && !own_coding &&
        (rq->headers.lines[SG_HTTP1_H_CONTENT_ENCODING] > 1 ||
         sg_inflate_format_of(coding, &format, &identity) < 0)) {
        sg__reply_error(c, 415, true, "Content-Encoding must be gzip or deflate");
        return;
    }
    q->sink = sink;
    if (!identity) {
        uint64_t most = sink == SG__SINK_INGEST ? e->net->cfg.limits.max_inflated : max_bytes;
        q->inflating = true;
        sg_inflate_init(&q->inflate, format, most, 0);
    }
    if (rq->expect_continue && !q->body.done) {
        sg__reply_count(e, 100);
        if (sg__conn_send(c, sg_http1_continue.p, sg_http1_continue.n) == SG_EIO)
            return;
    }
    c->state = SG__CONN_BODY;
    c->since_ms = e->now_ms;
    c->progress = 0;
    sg__conn_arm(c, e->net->cfg.limits.body_grace_ms);
}

bool sg__http_collect(struct sg__conn *c, const char *p, size_t n)
{
    struct sg__request *q = c->request;
    struct sg_net *net = c->edge->net;
    size_t before = atomic_fetch_add_explicit(&net->collected, n, memory_order_relaxed);
    q->counted += n;
    if (before + n > net->cfg.limits.max_collected)
        sg__reply_error(c, 503, true, "too many bodies at once, try again later");
    else if (sg_buf_append(&q->collected, p, n) == 0)
        return true;
    else if (n <= q->collected.max - q->collected.len)
        sg__reply_error(c, 503, true, "no memory for the body, try again later");
    else
        sg__reply_error(c, 413, true, "body too large, at most %zu bytes are taken",
                        q->collected.max);
    return false;
}

/* False: the request was answered. */
static bool to_sink(struct sg__conn *c, const char *p, size_t n)
{
    if (c->request->sink == SG__SINK_INGEST)
        return sg__ingest_data(c, p, n);
    return sg__http_collect(c, p, n);
}

/* A body is refused after a part of it has been worked on. What was good in that part has been
 * taken, and whoever sends it again should know. The rest of it is not waited for. */
static void refuse_body(struct sg__conn *c, unsigned status, const char *fmt, ...) SG_PRINTF(3, 4);

static void refuse_body(struct sg__conn *c, unsigned status, const char *fmt, ...)
{
    struct sg_error err = {.code = SG_EINVALID};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err.text, sizeof(err.text), fmt, ap);
    va_end(ap);
    sg__reply_error_at(c, status, !c->request->body.done, &err);
}

static bool inflate_to_sink(struct sg__conn *c, const char *p, size_t n)
{
    struct sg__request *q = c->request;
    char *dst = c->edge->inflated;
    size_t got = 0;
    do {
        ssize_t used = sg_inflate_feed(&q->inflate, p, n, dst, SG__INFLATE_STEP, &got);
        if (used < 0) {
            if (used == SG_ELIMIT)
                refuse_body(c, 413,
                            "body inflates to more than %llu bytes, or than %u times its size",
                            (unsigned long long)q->inflate.max_bytes, q->inflate.max_ratio);
            else if (used == SG_ENOMEM)
                refuse_body(c, 503, "no memory to inflate the body");
            else
                refuse_body(c, 400, "body is not what its Content-Encoding says, at byte %llu",
                            (unsigned long long)q->inflate.in_bytes);
            return false;
        }
        if (got && !to_sink(c, dst, got))
            return false;
        p += used;
        n -= (size_t)used;
    } while (n > 0 || got == SG__INFLATE_STEP);
    return true;
}

static void body_done(struct sg__conn *c)
{
    struct sg__request *q = c->request;
    sg__wheel_cancel(&c->edge->wheel, &c->timer);
    if (q->inflating && sg_inflate_finish(&q->inflate) < 0) {
        refuse_body(c, 400, "compressed body is cut off");
        return;
    }
    if (q->sink == SG__SINK_INGEST)
        sg__ingest_done(c);
    else
        sg__exchange_run(c);
}

static size_t feed_body(struct sg__conn *c, const char *p, size_t n)
{
    struct sg__request *q = c->request;
    struct sg_str data = {NULL, 0};
    ssize_t used = sg_http1_body_feed(&q->body, p, n, &data);
    if (used < 0) {
        if (used == SG_ELIMIT)
            refuse_body(c, 413, "body too large, at most %llu bytes are taken",
                        (unsigned long long)q->body.max_bytes);
        else
            refuse_body(c, 400, "malformed chunk behind %llu bytes of the body",
                        (unsigned long long)q->body.total);
        return n;
    }
    c->progress += (uint64_t)used;
    bool open = true;
    if (data.n)
        open = q->inflating ? inflate_to_sink(c, data.p, data.n) : to_sink(c, data.p, data.n);
    if (open && q->body.done)
        body_done(c);
    return (size_t)used;
}

size_t sg__http_feed(struct sg__conn *c, char *p, size_t n)
{
    if (c->state == SG__CONN_BODY)
        return feed_body(c, p, n);
    size_t used = feed_head(c, p, n);
    /* An empty body is complete before another byte comes. */
    if (c->state == SG__CONN_BODY && c->request->body.done)
        body_done(c);
    return used;
}

/* --- meanwhile and afterwards --- */

void sg__http_stash(struct sg__conn *c, const char *p, size_t n)
{
    if (sg_buf_append(&c->request->carry, p, n) < 0)
        sg__conn_doom(c, SG__C_CLOSED_PROTOCOL);
    else
        sg__conn_pause(c, true);
}

/* The answer is out. */
static void finish(struct sg__conn *c, struct sg_buf *ret_behind)
{
    struct sg__request *q = c->request;
    *ret_behind = q->carry;
    sg_buf_init(&q->carry, 0);
    sg__http_free(c);
    c->state = SG__CONN_HEAD;
    c->since_ms = c->edge->now_ms;
    c->progress = 0;
    sg__conn_arm(c, c->edge->net->cfg.limits.keep_alive_ms);
}

void sg__http_resume(struct sg__conn *c)
{
    struct sg_buf behind;
    finish(c, &behind);
    sg__conn_pause(c, false);
    if (behind.len)
        (void)sg__conn_rx(c, behind.data, behind.len);
    sg_buf_deinit(&behind);
}

/* Sends what is left of an answer, in pieces that lws need not copy when the socket is full. */
void sg__http_writeable(struct sg__conn *c)
{
    struct sg__request *q = c->request;
    if (c->state != SG__CONN_SENDING)
        return;
    while (q->rest.n || (q->pieces && sg__pieces_next(q->pieces, &q->rest))) {
        size_t n = q->rest.n < 256 * 1024 ? q->rest.n : 256 * 1024;
        int rc = sg__conn_send(c, q->rest.p, n);
        if (rc == SG_EIO)
            return;
        q->rest.p += n;
        q->rest.n -= n;
        if (rc == SG_EBUSY)
            return;
    }
    if (q->in_work) /* more of it is being made */
        return;
    if (q->keep_alive && !c->edge->draining)
        sg__http_resume(c);
    else
        sg__conn_end(c, SG__C_CLOSED_DONE);
}

static void body_timer(struct sg__conn *c)
{
    const struct sg_net_limits *l = &c->edge->net->cfg.limits;
    int64_t late_ms = c->edge->now_ms - c->since_ms - l->body_grace_ms;
    if (late_ms > 0 && (int64_t)c->progress * 1000 < late_ms * l->body_min_rate) {
        c->reason = SG__C_CLOSED_BODY;
        refuse_body(c, 408, "body comes too slowly");
        return;
    }
    sg__conn_arm(c, BODY_LOOK_MS);
}

void sg__http_timer(struct sg__conn *c)
{
    const struct sg_net_limits *l = &c->edge->net->cfg.limits;
    if (c->state == SG__CONN_BODY) {
        body_timer(c);
    } else if (c->state == SG__CONN_SENDING) {
        bool waits_for_pool = c->request->in_work && !c->partial;
        if (sg__conn_progressed(c) || waits_for_pool)
            c->since_ms = c->edge->now_ms;
        if (c->edge->now_ms - c->since_ms >= l->write_stall_ms)
            sg__conn_doom(c, SG__C_CLOSED_STALL);
        else
            sg__conn_arm(c, l->write_stall_ms < STALL_LOOK_MS ? l->write_stall_ms : STALL_LOOK_MS);
    } else if (c->state == SG__CONN_HEAD) {
        if (c->established && !c->request)
            sg__conn_end(c, SG__C_CLOSED_IDLE);
        else if (c->request) { /* it began to speak: tell why */
            c->reason = SG__C_CLOSED_HEAD;
            sg__conn_established(c);
            sg__reply_error(c, 408, true, "request head comes too slowly");
        } else {
            sg__conn_doom(c, SG__C_CLOSED_HEAD);
        }
    }
}
