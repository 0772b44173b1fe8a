/* reply.c - answers: heads with their fixed headers, bodies, errors. */
#include "http.h"

#include <stdarg.h>
#include <stdio.h>
#include <streamgauge/mem.h>
#include <string.h>

static void format(char *dst, size_t size, const char *fmt, va_list ap) SG_PRINTF(3, 0);

static void format(char *dst, size_t size, const char *fmt, va_list ap)
{
    if (vsnprintf(dst, size, fmt, ap) < 0)
        dst[0] = 0;
}

#define API_HEADERS                                                                                \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
#define PAGE_HEADERS                                                                               \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "X-Frame-Options: DENY\r\n"                                                                    \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                  \
    "Content-Security-Policy: default-src 'self'; img-src 'self' data:; object-src 'none'; "       \
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n"

struct sg_str sg__date(struct sg__edge *e)
{
    int64_t s = e->wall_ms / 1000;
    if (s != e->date_s) {
        e->date_s = s;
        sg_http1_date_format(e->wall_ms, e->date);
    }
    return sg_str_from(e->date);
}

void sg__reply_count(struct sg__edge *e, unsigned status)
{
    static const enum sg__counter by_class[] = {SG__C_HTTP_1XX, SG__C_HTTP_2XX, SG__C_HTTP_3XX,
                                                SG__C_HTTP_4XX, SG__C_HTTP_5XX};
    if (status >= 100 && status < 600)
        sg__count(&e->counters, by_class[status / 100 - 1], 1);
}

void sg__reply_cors(const struct sg__request *q, struct sg_buf *out)
{
    if (q->origin.len == 0)
        return;
    sg_buf_puts(out, "Access-Control-Allow-Origin: ");
    sg_buf_put_str(out, sg_buf_str(&q->origin));
    if (sg_str_eq(sg_buf_str(&q->origin), SG_STR("*")))
        sg_buf_puts(out, "\r\nVary: Origin\r\n");
    else
        sg_buf_puts(out, "\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n");
}

static void write_head(struct sg__conn *c, const struct sg__reply *r)
{
    struct sg__edge *e = c->edge;
    struct sg__request *q = c->request;
    bool bodyless = r->status == 204 || r->status == 304 || r->status < 200;
    struct sg_http1_head head = {
        .status = r->status,
        .framing = bodyless     ? SG_HTTP1_NO_BODY
                   : r->chunked ? SG_HTTP1_CHUNKED
                                : SG_HTTP1_LENGTH,
        .body_bytes = r->body.n,
        .keep_alive = q->keep_alive,
        .minor = q->minor,
        .date = sg__date(e),
        .type = r->type ? sg_str_from(r->type) : SG_STR(""),
    };
    sg_buf_reset(&e->out);
    int rc = sg_http1_write_head(&e->out, &head, &q->keep_alive);
    sg_buf_puts(&e->out, r->page ? PAGE_HEADERS : API_HEADERS);
    if (!r->page)
        sg_buf_puts(&e->out, "Cache-Control: no-store\r\n");
    sg_buf_put_str(&e->out, r->headers);
    sg__reply_cors(q, &e->out);
    if (sg_http1_write_end(&e->out) < 0 || rc < 0 || e->out.failed)
        sg__conn_doom(c, SG__C_CLOSED_WRITE); /* a route's own headers are too large: its mistake */
}

void sg__reply(struct sg__conn *c, const struct sg__reply *r)
{
    struct sg__edge *e = c->edge;
    struct sg__request *q = c->request;
    if (e->draining || (c->state == SG__CONN_BODY && !q->body.done))
        q->keep_alive = false;
    write_head(c, r);
    sg__reply_count(e, r->status);
    if (c->doomed)
        return;
    q->rest = r->body;
    if (q->head_only || r->status == 204 || r->status == 304)
        q->rest.n = 0;
    if (q->rest.n && e->out.len + q->rest.n <= SG__OUT_MAX) {
        sg_buf_put_str(&e->out, q->rest);
        q->rest.n = 0;
    }
    bool later = c->state == SG__CONN_BUSY;
    c->state = SG__CONN_SENDING;
    c->since_ms = e->now_ms;
    int rc = c->partial ? SG_EIO : sg__conn_send(c, e->out.data, e->out.len);
    if (rc == SG_EIO) {
        sg__conn_doom(c, SG__C_CLOSED_WRITE);
        return;
    }
    if (rc == 0 && q->rest.n == 0 && q->keep_alive && !later) {
        c->state = SG__CONN_HEAD; /* the caller's loop goes on with the bytes behind this request */
        c->progress = 0;
        sg__http_free(c);
        sg__conn_arm(c, e->net->cfg.limits.keep_alive_ms);
        return;
    }
    sg__conn_arm(c, 5000);
    if (rc == 0)
        sg__http_writeable(c);
}

static const char *api_error_type(unsigned status)
{
    switch (status) {
    case 404:
        return "not_found";
    case 406:
        return "not_acceptable";
    case 429:
    case 503:
        return "unavailable";
    default:
        return status < 500 ? "bad_data" : "internal";
    }
}

static const char *influx_code(unsigned status)
{
    switch (status) {
    case 401:
        return "unauthorized";
    case 403:
        return "forbidden";
    case 413:
        return "request too large";
    case 415:
        return "unsupported media type";
    case 429:
        return "too many requests";
    case 503:
        return "unavailable";
    default:
        return status < 500 ? "invalid" : "internal error";
    }
}

void sg__put_influx_error(const struct sg__request *q, unsigned status, const char *text,
                          struct sg_buf *out)
{
    const struct sg__route *r = q->route;
    if (!r || r->kind != SG__ROUTE_INGEST || r->arg != SG_INGEST_INFLUX)
        return;
    sg_buf_printf(out, ",\"code\":\"%s\",\"message\":", influx_code(status));
    sg_buf_put_json_str(out, sg_str_from(text));
}

/* Where the mistake is, and what was taken of the body before. */
static void put_place(const struct sg__request *q, const struct sg_error *err, struct sg_buf *out)
{
    if (err->line)
        sg_buf_printf(out, ",\"line\":%u,\"column\":%u", err->line, err->column);
    if (q->parser) {
        const struct sg_ingest_result *r = sg_ingest_parser_result(q->parser);
        sg_buf_printf(out, ",\"accepted\":%llu,\"rejected\":%llu", (unsigned long long)r->accepted,
                      (unsigned long long)r->rejected);
    }
}

/* err: NULL, or more about it than its text. */
static void reply_error_text(struct sg__conn *c, unsigned status, const char *headers,
                             const char *text, const struct sg_error *err)
{
    struct sg_buf out;
    sg_buf_init(&out, 4096);
    sg_buf_putc(&out, '{');
    if (c->request->api_v1)
        sg_buf_printf(&out, "\"status\":\"error\",\"errorType\":\"%s\",", api_error_type(status));
    sg_buf_puts(&out, "\"error\":");
    sg_buf_put_json_str(&out, sg_str_from(text));
    if (err)
        put_place(c->request, err, &out);
    sg__put_influx_error(c->request, status, text, &out);
    sg_buf_puts(&out, "}\n");
    struct sg_str body = sg_buf_str(&out);
    struct sg__reply r = {.status = (uint16_t)status,
                          .type = "application/json",
                          .body = body,
                          .headers = sg_str_from(headers)};
    sg__reply(c, &r); /* small: sent or copied at once */
    sg_buf_deinit(&out);
}

void sg__reply_error_with(struct sg__conn *c, unsigned status, const char *headers,
                          const char *text)
{
    reply_error_text(c, status, headers, text, NULL);
}

static const char *retry_line(unsigned status)
{
    return status == 503 || status == 429 ? "Retry-After: 1\r\n" : "";
}

void sg__reply_error_at(struct sg__conn *c, unsigned status, bool close, const struct sg_error *err)
{
    if (close)
        sg__request_of(c)->keep_alive = false;
    reply_error_text(c, status, retry_line(status), err->text, err);
}

void sg__reply_error(struct sg__conn *c, unsigned status, bool close, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    format(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct sg__request *q = sg__request_of(c);
    if (close)
        q->keep_alive = false;
    reply_error_text(c, status, retry_line(status), text, NULL);
}

void sg_net_exchange_error(struct sg_net_exchange *x, uint16_t status, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    format(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->status = status;
    x->type = "application/json";
    sg_buf_reset(&x->out);
    sg_buf_puts(&x->out, "{\"error\":");
    sg_buf_put_json_str(&x->out, sg_str_from(text));
    sg_buf_puts(&x->out, "}\n");
}
