/* access.c - what happens between a request's head and its handler: route, limits, host, origin,
 * rights; and the answers that need no more than a head. */
#include "http.h"

#include <streamgauge/mem.h>

/* The connection's standing for this request. */
struct caller {
    unsigned rights;
    enum sg__credential credential;
};

static void refuse_full(struct sg__conn *c)
{
    c->request->keep_alive = false;
    c->reason = SG__C_CLOSED_DONE;
    sg__reply_error_with(c, 503, "Retry-After: 5\r\n", "too many connections, try again later");
}

static void not_found(struct sg__conn *c, unsigned allow)
{
    if (!allow) {
        sg__reply_error(c, 404, false, "no such path");
        return;
    }
    char methods[96];
    struct sg_buf line;
    sg_buf_init(&line, 128);
    sg_buf_printf(&line, "Allow: %s\r\n",
                  sg__methods_text(allow | SG_NET_METHOD(OPTIONS), methods));
    sg__reply_error_with(c, 405, sg_buf_cstr(&line), "method not allowed here");
    sg_buf_deinit(&line);
}

/* OPTIONS: what may be done, and a browser's question whether a foreign page may do it. */
static void options(struct sg__conn *c, unsigned allow)
{
    const struct sg_http1_request *rq = &c->edge->rq;
    char methods[96];
    struct sg_buf lines;
    sg_buf_init(&lines, 1024);
    sg__methods_text(allow | SG_NET_METHOD(OPTIONS), methods);
    sg_buf_printf(&lines, "Allow: %s\r\n", methods);
    if (c->request->origin.len && sg_http1_header(&rq->headers, SG_HTTP1_H_ACR_METHOD).p)
        sg_buf_printf(&lines,
                      "Access-Control-Allow-Methods: %s\r\n"
                      "Access-Control-Allow-Headers: Authorization, Content-Type, "
                      "Content-Encoding, Accept, If-Match, Last-Event-ID\r\n"
                      "Access-Control-Max-Age: 600\r\n",
                      methods);
    sg__reply(c, &(struct sg__reply){.status = 204, .headers = sg_buf_str(&lines)});
    sg_buf_deinit(&lines);
}

/* Where being on this machine is the credential, a page that made its own name point to us (DNS
 * rebinding) must not have it. */
static bool host_ok(struct sg__conn *c)
{
    const struct sg__auth *a = &c->edge->net->auth;
    return sg__auth_guarded(a) || a->anonymous || sg__host_trusted(a, c->edge->rq.authority);
}

static bool says(const struct sg_http1_headers *h, const char *name, const char *value)
{
    const struct sg_http1_header *line = sg_http1_header_find(h, sg_str_from(name));
    return line && sg_str_ieq(line->value, sg_str_from(value));
}

/* A page of an origin that nothing but "*" allows. What a page embeds without CORS (a picture, a
 * frame) comes without Origin, but browsers tell that it is another site's; that somebody followed
 * a link from there is no harm. */
static bool unknown_page(const struct sg__conn *c)
{
    const struct sg_http1_request *rq = &c->edge->rq;
    const struct sg_http1_headers *h = &rq->headers;
    struct sg_str origin = sg_http1_header(h, SG_HTTP1_H_ORIGIN);
    if (!origin.p)
        return says(h, "Sec-Fetch-Site", "cross-site") && !says(h, "Sec-Fetch-Dest", "document");
    return !sg__origin_known(&c->edge->net->auth, origin, rq->authority, c->tls);
}

/* False: answered with 403. Keeps an allowed foreign origin for the answer's CORS lines. */
static bool origin_ok(struct sg__conn *c, const struct sg__route *route)
{
    struct sg__edge *e = c->edge;
    const struct sg_http1_headers *h = &e->rq.headers;
    const struct sg__auth *a = &e->net->auth;
    struct sg_str origin = sg_http1_header(h, SG_HTTP1_H_ORIGIN);
    bool socket =
        route && (route->kind == SG__ROUTE_STREAM || route->kind == SG__ROUTE_NOTIFICATIONS);
    bool ok = h->lines[SG_HTTP1_H_ORIGIN] <= 1 &&
              sg__origin_allowed(a, origin, e->rq.authority, c->tls, socket && a->require_origin);
    if (ok) {
        if (origin.p)
            sg_buf_put_str(&c->request->origin, unknown_page(c) ? SG_STR("*") : origin);
        return true;
    }
    /* A picture or a script may be fetched from anywhere; without CORS lines the foreign page
     * cannot read it. */
    if (route && route->right == SG_RIGHT_NONE && e->rq.method != SG_HTTP1_POST)
        return true;
    sg__count(&e->counters, SG__C_DENIED_ORIGIN, 1);
    sg__reply_error(c, 403, true, "origin not allowed");
    return false;
}

/* What comes by itself (a cookie, being on this machine) is not for pages that nobody listed, nor
 * for names that a proxy or a rebound page brought here. */
static struct caller who(struct sg__conn *c)
{
    const struct sg__auth *a = &c->edge->net->auth;
    const struct sg_http1_request *rq = &c->edge->rq;
    bool unknown = unknown_page(c);
    bool here = c->loopback && !unknown && sg__host_trusted(a, rq->authority);
    struct caller w = {.rights = sg__auth_default(a, here)};
    unsigned granted = 0;
    if (unknown && !sg_http1_header(&rq->headers, SG_HTTP1_H_AUTHORIZATION).p)
        w.credential = SG__CRED_NONE; /* a cookie is the browser's doing, not the page's */
    else
        w.credential = sg__auth_request(a, &rq->headers, &granted);
    if (w.credential == SG__CRED_OK)
        w.rights |= granted;
    return w;
}

/* False: answered with 401 or 403. A WebSocket may still bring its token in a message. */
static bool rights_ok(struct sg__conn *c, const struct sg__route *route, const struct caller *w)
{
    struct sg__edge *e = c->edge;
    bool socket = route->kind == SG__ROUTE_STREAM || route->kind == SG__ROUTE_NOTIFICATIONS;
    unsigned need = route->right;
    if (need == SG_RIGHT_NONE)
        return true;
    if (w->credential == SG__CRED_BAD ||
        (w->credential == SG__CRED_NONE && (w->rights & need) != need && !socket)) {
        sg__count(&e->counters, SG__C_DENIED_TOKEN, 1);
        sg__reply_error_with(c, 401, "WWW-Authenticate: Bearer realm=\"streamgauge\"\r\n",
                             w->credential == SG__CRED_BAD ? "token not accepted"
                                                           : "a token is needed");
        return false;
    }
    if ((w->rights & need) == need || (socket && w->credential == SG__CRED_NONE))
        return true;
    sg__count(&e->counters, SG__C_DENIED_RIGHT, 1);
    sg__reply_error(c, 403, false, "this token has not the right '%s'",
                    need == SG_RIGHT_INGEST  ? "ingest"
                    : need == SG_RIGHT_READ  ? "read"
                    : need == SG_RIGHT_ALERT ? "alert"
                                             : "admin");
    return false;
}

static void ready(struct sg__conn *c)
{
    const struct sg_net_hooks *h = &c->edge->net->cfg.hooks;
    const char *reason = "draining";
    bool ok = !atomic_load(&c->edge->net->draining) && (!h->ready || h->ready(h->ctx, &reason));
    struct sg__reply r = {.status = ok ? 200 : 503,
                          .type = "text/plain; charset=utf-8",
                          .body = ok ? SG_STR("ready\n") : sg_str_from(reason)};
    sg__reply(c, &r);
}

static void metrics(struct sg__conn *c)
{
    const struct sg_net_hooks *h = &c->edge->net->cfg.hooks;
    struct sg_buf *out = &c->request->owned;
    if (h->metrics)
        h->metrics(h->ctx, out);
    sg_net_metrics(c->edge->net, out);
    sg__reply(c, &(struct sg__reply){.status = 200,
                                     .type = "text/plain; version=0.0.4; charset=utf-8",
                                     .body = sg_buf_str(out)});
}

static void dispatch(struct sg__conn *c, const struct sg__route *route, const struct caller *w)
{
    switch (route->kind) {
    case SG__ROUTE_ASSET:
        sg__static_serve(c, route->asset);
        break;
    case SG__ROUTE_HEALTHY:
        sg__reply(c, &(struct sg__reply){.status = 200,
                                         .type = "text/plain; charset=utf-8",
                                         .body = SG_STR("healthy\n")});
        break;
    case SG__ROUTE_READY:
        ready(c);
        break;
    case SG__ROUTE_METRICS:
        metrics(c);
        break;
    case SG__ROUTE_PING:
        sg__reply(c, &(struct sg__reply){
                         .status = 204,
                         .headers = SG_STR("X-Influxdb-Build: OSS\r\n"
                                           "X-Influxdb-Version: streamgauge-" SG_VERSION "\r\n")});
        break;
    case SG__ROUTE_INGEST:
    case SG__ROUTE_PUSHGATEWAY:
    case SG__ROUTE_REMOTE_WRITE:
        sg__ingest_begin(c);
        break;
    case SG__ROUTE_STREAM:
    case SG__ROUTE_NOTIFICATIONS:
        sg__ws_upgrade(c, route, w->rights);
        break;
    case SG__ROUTE_EVENTS:
        sg__events_open(c, w->rights);
        break;
    case SG__ROUTE_LOGIN:
        sg__login(c);
        break;
    case SG__ROUTE_EVENTS_POST:
    case SG__ROUTE_USER:
        sg__exchange_begin(c);
        break;
    }
}

static bool takes_body(const struct sg__route *route)
{
    return route->kind == SG__ROUTE_INGEST || route->kind == SG__ROUTE_PUSHGATEWAY ||
           route->kind == SG__ROUTE_REMOTE_WRITE || route->kind == SG__ROUTE_EVENTS_POST ||
           (route->kind == SG__ROUTE_USER && route->max_body > 0);
}

/* The decoded path lies in e->path. False: answered. */
static bool decode_path(struct sg__conn *c, struct sg_str *ret)
{
    struct sg__edge *e = c->edge;
    if (sg_str_eq(e->rq.path, SG_STR("*"))) {
        *ret = e->rq.path;
        return true;
    }
    ssize_t n = sg_http1_path_decode(e->rq.path, e->path, sizeof(e->path));
    if (n < 0) {
        sg__reply_error(c, n == SG_ELIMIT ? 414 : 400, false, "path not acceptable");
        return false;
    }
    *ret = sg_str_make(e->path, (size_t)n);
    return true;
}

void sg__http_handle(struct sg__conn *c)
{
    struct sg__edge *e = c->edge;
    struct sg_http1_request *rq = &e->rq;
    struct sg__request *q = c->request;
    bool has_body = rq->chunked || rq->content_length > 0;
    bool wanted = q->keep_alive;
    q->api_v1 = sg_str_starts_with(rq->path, SG_STR("/api/v1/"));
    /* Until somebody takes a body, an answer ends the connection. And whoever is over a limit is
     * answered once: a place that stays taken would be no limit. */
    if (has_body || c->refused)
        q->keep_alive = false;
    struct sg_str path;
    unsigned allow = 0;
    if (!decode_path(c, &path))
        return;
    const struct sg__route *route =
        sg__routes_find(&e->net->routes, path, 1u << rq->method, &allow);
    q->route = route;
    bool socket =
        route && (route->kind == SG__ROUTE_STREAM || route->kind == SG__ROUTE_NOTIFICATIONS);
    if (c->refused && !(route && route->kind == SG__ROUTE_HEALTHY) &&
        !(socket && sg_ws_wanted(rq))) { /* a WebSocket is told by 1013 */
        refuse_full(c);
        return;
    }
    if (!host_ok(c)) {
        sg__count(&e->counters, SG__C_DENIED_HOST, 1);
        sg__reply_error(c, 403, true,
                        "host not allowed: use a token, or list this host among the origins");
        return;
    }
    if (!origin_ok(c, route))
        return;
    if (!route) {
        if (rq->method == SG_HTTP1_OPTIONS && (allow || sg_str_eq(path, SG_STR("*"))))
            options(c, allow);
        else
            not_found(c, allow);
        return;
    }
    struct caller w = who(c);
    q->rights = w.rights;
    if (!rights_ok(c, route, &w))
        return;
    if (takes_body(route))
        q->keep_alive = wanted;
    else if (has_body && route->kind == SG__ROUTE_USER) {
        sg__reply_error(c, 413, true, "no body is taken here");
        return;
    }
    dispatch(c, route, &w);
}
