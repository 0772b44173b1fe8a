/* ingest_http.c - bodies of samples into the parsers of ingest, as they come in. */
#include "http.h"

#include <stdio.h>
#include <streamgauge/base64.h>
#include <streamgauge/labels.h>
#include <string.h>

/* One "name/value" or "name@base64/value" of a push gateway's path, still percent-encoded. */
static int add_grouping(struct sg_labels_builder *b, struct sg_str name, struct sg_str value)
{
    char key[512], text[4096];
    ssize_t kn = sg_http1_percent_decode(name, false, key, sizeof(key));
    if (kn <= 0)
        return SG_ESYNTAX;
    struct sg_str k = sg_str_make(key, (size_t)kn);
    bool coded = k.n > 7 && memcmp(k.p + k.n - 7, "@base64", 7) == 0;
    if (coded)
        k.n -= 7;
    ssize_t vn = sg_http1_percent_decode(value, false, text, sizeof(text));
    if (vn >= 0 && coded)
        vn = sg_base64_parse(sg_str_make(text, (size_t)vn), text, sizeof(text));
    /* "__name__" would rename every metric of the body. */
    if (vn < 0 || !sg_label_name_valid(k) || sg_str_starts_with(k, SG_STR("__")) ||
        !sg_utf8_valid(text, (size_t)vn))
        return SG_ESYNTAX;
    sg_labels_builder_add(b, k, sg_str_make(text, (size_t)vn));
    return 0;
}

/* "/metrics/job/<job>{/<label>/<value>}" to labels. NULL: malformed. */
static const struct sg_labels *grouping(struct sg_str path)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    struct sg_str rest = sg_str_make(path.p + strlen("/metrics/"), path.n - strlen("/metrics/"));
    int rc = 0;
    while (rc == 0 && rest.p) {
        struct sg_str name = sg_str_split(&rest, '/');
        if (!rest.p) {
            rc = name.n || b.count == 0 ? SG_ESYNTAX : 0; /* one slash at the end is all right */
            break;
        }
        rc = add_grouping(&b, name, sg_str_split(&rest, '/'));
    }
    const struct sg_labels *l = rc == 0 && sg_labels_builder_get(&b, SG_STR("job")).n
                                    ? sg_labels_builder_build_checked(&b, NULL)
                                    : NULL;
    sg_labels_builder_deinit(&b);
    return l;
}

static int choose_format(struct sg__conn *c, struct sg_ingest_options *o)
{
    struct sg__edge *e = c->edge;
    const struct sg__route *route = c->request->route;
    struct sg_error err = {0};
    char text[16];
    struct sg_str type = sg_http1_header(&e->rq.headers, SG_HTTP1_H_CONTENT_TYPE);
    if (!type.p)
        type = SG_STR("");
    if (sg_ingest_detect(type, (enum sg_ingest_format)route->arg, &o->format, &err) < 0) {
        sg__reply_error(c, 415, true, "%s", err.text);
        return -1;
    }
    if (o->format != SG_INGEST_INFLUX || !e->rq.query.p)
        return 0;
    ssize_t n = sg_http1_arg(e->rq.query, SG_STR("precision"), text, sizeof(text));
    if (n == SG_ENOTFOUND)
        return 0;
    if (n < 0 || sg_ingest_precision_parse(sg_str_make(text, (size_t)n), &o->precision, &err) < 0) {
        sg__reply_error(c, 400, true, "%s", err.code ? err.text : "bad precision argument");
        return -1;
    }
    return 0;
}

/* ---- remote write: collected, then decoded at once ---- */

/* Absent means snappy, as upstream takes it. False: answered. */
static bool remote_write_headers(struct sg__conn *c, enum sg_remote_write_version *ret)
{
    const struct sg_http1_headers *h = &c->edge->rq.headers;
    struct sg_error err = {0};
    struct sg_str coding = sg_http1_header(h, SG_HTTP1_H_CONTENT_ENCODING);
    struct sg_str type = sg_http1_header(h, SG_HTTP1_H_CONTENT_TYPE);
    if (coding.p && (h->lines[SG_HTTP1_H_CONTENT_ENCODING] > 1 ||
                     !sg_str_ieq(sg_str_trim(coding), SG_STR("snappy")))) {
        sg__reply_error(c, 415, true, "Content-Encoding must be snappy");
        return false;
    }
    if (sg_remote_write_detect(type.p ? type : SG_STR(""), ret, &err) == 0)
        return true;
    sg__reply_error(c, 415, true, "%s", err.text);
    return false;
}

static void remote_write_done(struct sg__conn *c)
{
    struct sg__edge *e = c->edge;
    struct sg__request *q = c->request;
    struct sg_remote_write_options o = {.version = q->message_version,
                                        .source = e->net->source,
                                        .now_ms = e->wall_ms,
                                        .max_message = e->net->cfg.limits.max_inflated};
    struct sg_remote_write_result r;
    struct sg_str body = sg_buf_str(&q->collected);
    sg_remote_write(e->batcher, &o, body.p, body.n, &r);
    sg_buf_deinit(&q->collected);
    if (r.ingest.dropped)
        sg__count(&e->counters, SG__C_REFUSED_QUEUE, 1);
    if (r.ingest.series_full)
        sg__count(&e->counters, SG__C_REFUSED_SERIES, 1);
    int status = sg_remote_write_status(&r);
    char headers[256];
    int n = snprintf(headers, sizeof(headers),
                     "X-Prometheus-Remote-Write-Samples-Written: %llu\r\n"
                     "X-Prometheus-Remote-Write-Histograms-Written: %llu\r\n"
                     "X-Prometheus-Remote-Write-Exemplars-Written: %llu\r\n%s",
                     (unsigned long long)r.samples, (unsigned long long)r.histograms,
                     (unsigned long long)r.exemplars,
                     status == 429 || status == 503 ? "Retry-After: 1\r\n" : "");
    struct sg__reply reply = {.status = (uint16_t)status,
                              .headers = sg_str_make(headers, (size_t)n)};
    if (status != 204) {
        sg_remote_write_print(&r, &q->owned);
        reply.type = "application/json";
        reply.body = sg_buf_str(&q->owned);
    }
    sg__reply(c, &reply);
}

/* ---- */

void sg__ingest_begin(struct sg__conn *c)
{
    struct sg__edge *e = c->edge;
    struct sg__request *q = c->request;
    if (q->route->kind == SG__ROUTE_REMOTE_WRITE) {
        if (remote_write_headers(c, &q->message_version))
            sg__http_begin_body(c, SG__SINK_INGEST, e->net->cfg.limits.max_body);
        return;
    }
    struct sg_ingest_options o = {.source = e->net->source, .now_ms = e->wall_ms};
    if (choose_format(c, &o) < 0)
        return;
    if (q->route->kind == SG__ROUTE_PUSHGATEWAY) {
        o.extra = grouping(e->rq.path);
        if (!o.extra) {
            sg__reply_error(c, 400, true,
                            "path must be /metrics/job/<job>{/<label>/<value>}, values with '/' by "
                            "<label>@base64");
            return;
        }
    }
    q->parser = sg_ingest_parser_new(e->batcher, &o);
    sg_labels_unref(o.extra);
    sg__http_begin_body(c, SG__SINK_INGEST, e->net->cfg.limits.max_body);
}

static void put_result(struct sg__request *q, const struct sg_ingest_result *r, int status)
{
    const struct sg_ingest_line_error *first = r->errors;
    char text[sizeof(first->text) + 64] = "the queue of samples is full";
    if (r->n_errors)
        snprintf(text, sizeof(text), "line %u, column %u: %s", first->line, first->column,
                 first->text);
    sg_ingest_result_print(r, &q->owned);
    q->owned.len--; /* the closing brace */
    sg__put_influx_error(q, (unsigned)status, text, &q->owned);
    sg_buf_putc(&q->owned, '}');
}

static void answer(struct sg__conn *c)
{
    struct sg__edge *e = c->edge;
    struct sg__request *q = c->request;
    const struct sg_ingest_result *r = sg_ingest_parser_result(q->parser);
    int status = sg_ingest_http_status(r);
    if (r->dropped)
        sg__count(&e->counters, SG__C_REFUSED_QUEUE, 1);
    if (r->series_full)
        sg__count(&e->counters, SG__C_REFUSED_SERIES, 1);
    struct sg__reply reply = {.status = (uint16_t)status};
    if (status == 204 && q->route->kind == SG__ROUTE_PUSHGATEWAY) {
        reply.status = 200; /* its clients in Go and PHP take 200 and 202 only */
    } else if (status != 204) {
        put_result(q, r, status);
        reply.type = "application/json";
        reply.body = sg_buf_str(&q->owned);
        if (status == 429)
            reply.headers = SG_STR("Retry-After: 1\r\n");
    }
    sg__reply(c, &reply);
}

bool sg__ingest_data(struct sg__conn *c, const char *p, size_t n)
{
    struct sg__request *q = c->request;
    if (q->route->kind == SG__ROUTE_REMOTE_WRITE)
        return sg__http_collect(c, p, n);
    if (sg_ingest_feed(q->parser, p, n) == 0)
        return true;
    answer(c); /* the queue is full: no use in taking the rest */
    return false;
}

void sg__ingest_done(struct sg__conn *c)
{
    if (c->request->route->kind == SG__ROUTE_REMOTE_WRITE) {
        remote_write_done(c);
        return;
    }
    (void)sg_ingest_finish(c->request->parser);
    answer(c);
}
