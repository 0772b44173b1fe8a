/* exchange.c - requests that others answer: routes of the application, on the loop or on the pool,
 * and actions for sessions, here or at another edge. */
#include "http.h"

#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <string.h>

static struct sg_str keep(struct sg__request *q, struct sg_str s)
{
    size_t at = q->strings.len;
    sg_buf_append(&q->strings, s.p ? s.p : "", s.n);
    return s.p ? sg_str_make(q->strings.data + at, s.n) : s;
}

static struct sg_str header_or_empty(const struct sg_http1_headers *h, enum sg_http1_header_id id)
{
    struct sg_str v = sg_http1_header(h, id);
    return v.p ? v : SG_STR("");
}

void sg__exchange_begin(struct sg__conn *c)
{
    struct sg__edge *e = c->edge;
    struct sg__request *q = c->request;
    const struct sg_http1_request *rq = &e->rq;
    struct sg_net_exchange *x = &q->x;
    struct sg_str path = sg_str_from(""),
                  type = header_or_empty(&rq->headers, SG_HTTP1_H_CONTENT_TYPE);
    struct sg_str accept = header_or_empty(&rq->headers, SG_HTTP1_H_ACCEPT);
    const struct sg_http1_header *match = sg_http1_header_find(&rq->headers, SG_STR("If-Match"));
    struct sg_str if_match = match ? match->value : SG_STR("");
    ssize_t n = sg_http1_path_decode(rq->path, e->path, sizeof(e->path));
    if (n > 0)
        path = sg_str_make(e->path, (size_t)n);
    /* All at once: the texts must not move while x points to them. */
    sg_buf_reserve(&q->strings, path.n + rq->query.n + type.n + accept.n + if_match.n + 1);
    x->method = rq->method;
    x->path = keep(q, path);
    x->tail = sg_str_make(x->path.p + q->route->path_len, x->path.n - q->route->path_len);
    x->query = keep(q, rq->query);
    x->content_type = keep(q, type);
    x->accept = keep(q, accept);
    x->if_match = keep(q, if_match);
    x->rights = q->rights;
    x->who = sg__auth_name(&e->net->auth, q->rights);
    q->coding = sg__coding_choose(&rq->headers);
    x->status = 200;
    x->type = "application/json";
    size_t max =
        q->route->kind == SG__ROUTE_USER ? q->route->max_body : e->net->cfg.hub.message_bytes;
    q->collected.max = max;
    sg__http_begin_body(c, SG__SINK_COLLECT, max);
}

static void answer(struct sg__conn *c)
{
    struct sg__request *q = c->request;
    struct sg__reply r = {.status = q->x.status,
                          .type = q->x.status == 204 ? NULL : q->x.type,
                          .body = sg_buf_str(&q->x.out),
                          .headers = sg_buf_str(&q->x.headers)};
    if (q->x.out.failed || q->x.headers.failed)
        sg__reply_error(c, 500, false, "the answer is too large");
    else
        sg__reply(c, &r);
}

void sg__exchange_pieces(struct sg__conn *c)
{
    struct sg__request *q = c->request;
    struct sg__reply head = {.status = q->x.status,
                             .type = q->x.type,
                             .body = SG_STR(""),
                             .headers = sg_buf_str(&q->x.headers),
                             .chunked = true};
    if (c->state == SG__CONN_BUSY)
        sg__reply(c, &head);
    else if (!c->partial)
        sg__http_writeable(c);
}

/* The work is done, the client may have gone meanwhile. */
static void come_home(struct sg__request *q)
{
    struct sg__conn *c = q->conn;
    q->in_work = false;
    if (!c) {
        sg__request_free(q);
        return;
    }
    sg__edge_update_clock(c->edge);
    if (!q->pieces || !sg__pieces_used(q->pieces))
        answer(c);
    else if (atomic_load_explicit(&q->x.canceled, memory_order_relaxed))
        sg__conn_doom(c, SG__C_CLOSED_WRITE); /* it could not be completed */
    else
        sg__exchange_pieces(c);
}

/* --- the pool --- */

static void on_work(uv_work_t *work)
{
    struct sg__request *q = work->data;
    const struct sg_net_route *user = q->route->user;
    if (!atomic_load_explicit(&q->x.canceled, memory_order_relaxed))
        user->handle(user->ctx, &q->x);
    sg__pieces_end(q->pieces);
}

static void after_work(uv_work_t *work, int status)
{
    struct sg__request *q = work->data;
    (void)status;
    q->edge->jobs--;
    come_home(q);
}

static void run_pooled(struct sg__conn *c)
{
    struct sg__edge *e = c->edge;
    struct sg__request *q = c->request;
    if (e->jobs >= e->net->cfg.limits.max_pool_jobs) {
        sg__count(&e->counters, SG__C_REFUSED_POOL, 1);
        if (q->route->user->busy) {
            q->route->user->busy(q->route->user->ctx, &q->x);
            answer(c);
        } else {
            sg__reply_error(c, 503, false, "too many queries at work, try again later");
        }
        return;
    }
    q->work.data = q;
    q->x.more = sg__pieces_more;
    q->x.arrived_us = sg_mono_now_us();
    q->pieces = sg__pieces_new(q, q->coding);
    if (uv_queue_work(&e->loop, &q->work, on_work, after_work) != 0) {
        sg__reply_error(c, 503, false, "the pool takes no work");
        return;
    }
    e->jobs++;
    sg__count(&e->counters, SG__C_POOL_JOBS, 1);
    q->in_work = true;
    c->state = SG__CONN_BUSY;
}

/* --- actions for a session: POST /events/<session> --- */

static void deliver(struct sg__edge *e, struct sg__request *q)
{
    struct sg_session *s = sg_hub_find_session(e->hub, q->x.tail);
    if (!s) {
        sg_net_exchange_error(&q->x, 404, "no such session");
        return;
    }
    q->x.status = 204;
    sg_session_receive(s, q->x.body);
}

static void to_session(struct sg__conn *c)
{
    struct sg__request *q = c->request;
    struct sg_net *net = c->edge->net;
    int edge = sg_session_id_edge(q->x.tail);
    if (edge < 0 || (unsigned)edge >= net->edge_count) {
        sg__reply_error(c, 404, false, "no such session");
    } else if ((unsigned)edge == c->edge->number) {
        deliver(c->edge, q);
        answer(c);
    } else {
        q->message.kind = SG__MSG_FORWARD;
        if (sg__edge_tell(net->edge[edge], &q->message, q->x.body.n + 1) < 0) {
            sg__reply_error(c, 503, false, "edge is busy, try again later");
            return;
        }
        q->in_work = true;
        c->state = SG__CONN_BUSY;
    }
}

void sg__http_forward(struct sg__edge *e, struct sg__message *m)
{
    struct sg__request *q = SG_CONTAINER_OF(m, struct sg__request, message);
    deliver(e, q);
    m->kind = SG__MSG_FORWARDED;
    (void)sg__edge_tell(q->edge, m, 0);
}

void sg__http_forwarded(struct sg__edge *e, struct sg__message *m)
{
    (void)e;
    come_home(SG_CONTAINER_OF(m, struct sg__request, message));
}

void sg__http_forward_drop(struct sg__message *m)
{
    sg__request_free(SG_CONTAINER_OF(m, struct sg__request, message));
}

void sg__exchange_run(struct sg__conn *c)
{
    struct sg__request *q = c->request;
    q->x.body = sg_buf_str(&q->collected);
    if (q->route->kind == SG__ROUTE_EVENTS_POST) {
        to_session(c);
    } else if (q->route->user->pooled) {
        run_pooled(c);
    } else {
        q->route->user->handle(q->route->user->ctx, &q->x);
        answer(c);
    }
}
