/* static.c - files from memory: content coding, conditional requests, caching. */
#include "http.h"

#include <string.h>

/* True when If-None-Match names the tag (weak comparison, RFC 9110 8.8.3.2). */
static bool none_match_hits(const struct sg_http1_headers *h, struct sg_str etag)
{
    if (h->lines[SG_HTTP1_H_IF_NONE_MATCH] != 1)
        return false;
    struct sg_str rest = sg_http1_header(h, SG_HTTP1_H_IF_NONE_MATCH), item;
    while (sg_http1_list_next(&rest, &item)) {
        if (sg_str_eq(item, SG_STR("*")))
            return true;
        if (sg_str_starts_with(item, SG_STR("W/")))
            item = sg_str_make(item.p + 2, item.n - 2);
        if (sg_str_eq(item, etag))
            return true;
    }
    return false;
}

void sg__static_serve(struct sg__conn *c, const struct sg_net_asset *a)
{
    const struct sg_http1_headers *h = &c->edge->rq.headers;
    const char *coding = NULL;
    struct sg_str body = a->body;
    if (a->br.p && sg_http1_accepts_encoding(h, SG_STR("br"))) {
        coding = "br";
        body = a->br;
    } else if (a->gzip.p && sg_http1_accepts_encoding(h, SG_STR("gzip"))) {
        coding = "gzip";
        body = a->gzip;
    }
    struct sg_buf lines, tag;
    sg_buf_init(&lines, 1024);
    sg_buf_init(&tag, 256);
    size_t n = strlen(a->etag);
    sg_buf_append(&tag, a->etag, n - 1); /* each coding is a representation of its own */
    if (coding)
        sg_buf_printf(&tag, "-%s", coding);
    sg_buf_puts(&tag, "\"");
    sg_buf_printf(&lines, "ETag: %s\r\nCache-Control: %s\r\n", sg_buf_cstr(&tag),
                  a->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (a->br.p || a->gzip.p)
        sg_buf_puts(&lines, "Vary: Accept-Encoding\r\n");
    bool same = none_match_hits(h, sg_buf_str(&tag));
    if (coding && !same)
        sg_buf_printf(&lines, "Content-Encoding: %s\r\n", coding);
    struct sg__reply r = {.status = same ? 304 : 200,
                          .type = same ? NULL : a->type,
                          .body = same ? SG_STR("") : body,
                          .headers = sg_buf_str(&lines),
                          .page = true};
    sg__reply(c, &r);
    sg_buf_deinit(&lines);
    sg_buf_deinit(&tag);
}
