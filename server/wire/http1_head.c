/* http1_head.c - request and response heads: start line, then what the header lines mean together
 * (RFC 9112 sections 3, 6, 9). */
#include "chars.h"
#include "http1_parse.h"

#define MAX_METHOD 32

const struct sg_http1_limits sg_http1_default_limits = {
    .max_head_bytes = 16384,
    .max_line_bytes = 8192,
    .max_headers = SG_HTTP1_MAX_HEADERS,
    .max_blank = 2,
};

static enum sg_http1_method method_of(struct sg_str m)
{
    static const struct {
        struct sg_str text;
        enum sg_http1_method method;
    } table[] = {
        {{"GET", 3}, SG_HTTP1_GET},       {{"POST", 4}, SG_HTTP1_POST},
        {{"HEAD", 4}, SG_HTTP1_HEAD},     {{"PUT", 3}, SG_HTTP1_PUT},
        {{"DELETE", 6}, SG_HTTP1_DELETE}, {{"OPTIONS", 7}, SG_HTTP1_OPTIONS},
        {{"PATCH", 5}, SG_HTTP1_PATCH},   {{"TRACE", 5}, SG_HTTP1_TRACE},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++)
        if (sg_str_eq(m, table[i].text))
            return table[i].method;
    return SG_HTTP1_OTHER;
}

int sg__http1_parse_version(const struct sg__http1_ctx *c, struct sg_str s, uint8_t *ret_minor)
{
    if (s.n != 8 || memcmp(s.p, "HTTP/", 5) != 0 || !sg__is(s.p[5], SG__C_DIGIT) || s.p[6] != '.' ||
        !sg__is(s.p[7], SG__C_DIGIT))
        return sg__http1_fail(c, 400, s, "malformed version, expected HTTP/1.1, got");
    if (s.p[5] != '1')
        return sg__http1_fail(c, 505, s, "unsupported version, expected HTTP/1.1, got");
    *ret_minor = s.p[7] == '0' ? 0 : 1;
    return 0;
}

static int parse_request_line(const struct sg__http1_ctx *c, struct sg_str line,
                              struct sg_http1_request *rq)
{
    size_t m = sg__span(line, SG__C_TOKEN);
    if (m == 0 || m == line.n || line.p[m] != ' ')
        return sg__http1_fail(c, 400, line, "malformed request line");
    rq->method_text = sg_str_make(line.p, m);
    struct sg_str rest = {line.p + m + 1, line.n - m - 1};
    size_t t = sg__span(rest, SG__C_TARGET);
    if (t == 0 || t == rest.n || rest.p[t] != ' ')
        return sg__http1_fail(c, 400, rest, "malformed request target");
    rq->target = sg_str_make(rest.p, t);
    int r = sg__http1_parse_version(c, sg_str_make(rest.p + t + 1, rest.n - t - 1), &rq->minor);
    if (r < 0)
        return r;
    if (m > MAX_METHOD)
        return sg__http1_fail(c, 501, rq->method_text, "unknown method");
    if (sg_str_eq_c(rq->method_text, "CONNECT"))
        return sg__http1_fail(c, 501, rq->method_text, "unsupported method");
    rq->method = method_of(rq->method_text);
    return sg__http1_parse_target(c, rq);
}

/* Fields of which two lines would leave open which one counts. */
static int check_single(const struct sg__http1_ctx *c, const struct sg_http1_headers *h)
{
    static const uint8_t single[] = {SG_HTTP1_H_AUTHORIZATION, SG_HTTP1_H_CONTENT_TYPE,
                                     SG_HTTP1_H_ORIGIN};
    for (size_t i = 0; i < SG_ARRAY_LEN(single); i++)
        if (h->lines[single[i]] > 1)
            return sg__http1_fail(c, 400, h->line[h->first[single[i]] - 1].name,
                                  "more than one line of");
    return 0;
}

static int check_host(const struct sg__http1_ctx *c, struct sg_http1_request *rq)
{
    const struct sg_http1_headers *h = &rq->headers;
    unsigned lines = h->lines[SG_HTTP1_H_HOST];
    if (lines == 0)
        return rq->minor == 0
                   ? 0
                   : sg__http1_fail(c, 400, rq->target, "no Host header in the request of");
    struct sg_str host = sg_http1_header(h, SG_HTTP1_H_HOST);
    if (lines > 1)
        return sg__http1_fail(c, 400, host, "more than one Host header, first");
    if (!sg__http1_authority_valid(host))
        return sg__http1_fail(c, 400, host, "malformed Host");
    /* RFC 9112 3.2.2: the authority of an absolute-form target wins. */
    if (rq->authority.n == 0)
        rq->authority = host;
    return 0;
}

static int check_framing(const struct sg__http1_ctx *c, struct sg_http1_request *rq)
{
    const struct sg_http1_headers *h = &rq->headers;
    bool length = h->lines[SG_HTTP1_H_CONTENT_LENGTH] > 0;
    if (h->lines[SG_HTTP1_H_TRANSFER_ENCODING] > 0) {
        struct sg_str te = sg_http1_header(h, SG_HTTP1_H_TRANSFER_ENCODING);
        if (length)
            return sg__http1_fail(c, 400, te, "Transfer-Encoding beside Content-Length:");
        if (rq->minor == 0)
            return sg__http1_fail(c, 400, te, "Transfer-Encoding in HTTP/1.0:");
        return sg__http1_transfer_encoding(c, h, &rq->chunked);
    }
    return length ? sg__http1_content_length(c, h, &rq->content_length) : 0;
}

/* RFC 9110 10.1.1: 1.0 clients cannot expect anything; other expectations are refused. */
static int check_expect(const struct sg__http1_ctx *c, struct sg_http1_request *rq)
{
    const struct sg_http1_headers *h = &rq->headers;
    if (h->lines[SG_HTTP1_H_EXPECT] == 0 || rq->minor == 0)
        return 0;
    for (uint32_t i = 0; i < h->count; i++)
        if (h->line[i].id == SG_HTTP1_H_EXPECT &&
            !sg_str_ieq(h->line[i].value, SG_STR("100-continue")))
            return sg__http1_fail(c, 417, h->line[i].value, "unknown expectation");
    rq->expect_continue = rq->chunked || rq->content_length > 0;
    return 0;
}

static bool keeps_alive(const struct sg_http1_headers *h, uint8_t minor)
{
    if (sg_http1_list_has(h, SG_HTTP1_H_CONNECTION, SG_STR("close")))
        return false;
    return minor >= 1 || sg_http1_list_has(h, SG_HTTP1_H_CONNECTION, SG_STR("keep-alive"));
}

static int parse_request(const struct sg__http1_ctx *c, const char *p, const char *end,
                         struct sg_http1_request *rq)
{
    const char *cr = memchr(p, '\r', (size_t)(end - p));
    int r = parse_request_line(c, sg_str_make(p, (size_t)(cr - p)), rq);
    if (r < 0 || (r = sg__http1_parse_fields(c, cr + 2, end, &rq->headers)) < 0 ||
        (r = check_host(c, rq)) < 0 || (r = check_framing(c, rq)) < 0 ||
        (r = check_single(c, &rq->headers)) < 0 || (r = check_expect(c, rq)) < 0)
        return r;
    rq->keep_alive = keeps_alive(&rq->headers, rq->minor);
    rq->upgrade = rq->minor >= 1 && rq->headers.lines[SG_HTTP1_H_UPGRADE] > 0 &&
                  sg_http1_list_has(&rq->headers, SG_HTTP1_H_CONNECTION, SG_STR("upgrade"));
    return 0;
}

ssize_t sg_http1_parse_head(const char *p, size_t n, size_t last_n,
                            const struct sg_http1_limits *limits, struct sg_http1_request *ret,
                            struct sg_error *reterr)
{
    /* The array of header lines (2.5 KB) is left as it is; count says how much of it holds. */
    memset(ret, 0, offsetof(struct sg_http1_request, headers));
    ret->headers.count = 0;
    struct sg__http1_ctx c = {p, limits ? limits : &sg_http1_default_limits, &ret->status, reterr};
    size_t start = 0;
    ssize_t end = sg__http1_scan(&c, n, last_n, &start);
    if (end < 0)
        return end;
    int r = parse_request(&c, p + start, p + end, ret);
    return r < 0 ? r : end;
}

static int parse_status_line(const struct sg__http1_ctx *c, struct sg_str line,
                             struct sg_http1_response *rs)
{
    struct sg_str version = {line.p, line.n < 8 ? line.n : 8};
    int r = sg__http1_parse_version(c, version, &rs->minor);
    if (r < 0)
        return r;
    struct sg_str code = {line.p + 9, 3};
    if (line.n < 12 || line.p[8] != ' ' || !sg__all(code, SG__C_DIGIT) ||
        (line.n > 12 && line.p[12] != ' '))
        return sg__http1_fail(c, 400, line, "malformed status line");
    rs->status = (uint16_t)((code.p[0] - '0') * 100 + (code.p[1] - '0') * 10 + (code.p[2] - '0'));
    if (rs->status < 100 || rs->status > 599) {
        rs->status = 0;
        return sg__http1_fail(c, 400, line, "malformed status line");
    }
    if (line.n > 13)
        rs->reason = sg_str_make(line.p + 13, line.n - 13);
    return 0;
}

static int parse_response(const struct sg__http1_ctx *c, const char *p, const char *end,
                          struct sg_http1_response *rs)
{
    const char *cr = memchr(p, '\r', (size_t)(end - p));
    const struct sg_http1_headers *h = &rs->headers;
    int r = parse_status_line(c, sg_str_make(p, (size_t)(cr - p)), rs);
    if (r < 0 || (r = sg__http1_parse_fields(c, cr + 2, end, &rs->headers)) < 0)
        return r;
    rs->keep_alive = keeps_alive(h, rs->minor);
    if (h->lines[SG_HTTP1_H_TRANSFER_ENCODING] > 0) {
        if (h->lines[SG_HTTP1_H_CONTENT_LENGTH] > 0 || rs->minor == 0)
            return sg__http1_fail(c, 400, sg_str_make(p, 0), "ambiguous body length");
        return sg__http1_transfer_encoding(c, h, &rs->chunked);
    }
    rs->has_length = h->lines[SG_HTTP1_H_CONTENT_LENGTH] > 0;
    return rs->has_length ? sg__http1_content_length(c, h, &rs->content_length) : 0;
}

ssize_t sg_http1_parse_response(const char *p, size_t n, size_t last_n,
                                const struct sg_http1_limits *limits, struct sg_http1_response *ret,
                                struct sg_error *reterr)
{
    memset(ret, 0, offsetof(struct sg_http1_response, headers));
    ret->headers.count = 0;
    uint16_t ignored;
    struct sg__http1_ctx c = {p, limits ? limits : &sg_http1_default_limits, &ignored, reterr};
    size_t start = 0;
    ssize_t end = sg__http1_scan(&c, n, last_n, &start);
    if (end < 0)
        return end;
    int r = parse_response(&c, p + start, p + end, ret);
    return r < 0 ? r : end;
}
