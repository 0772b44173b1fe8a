/* Heads and bodies: the outcome must not depend on how the bytes are cut, and what is accepted must
 * keep the promises of http1.h. */
#include <stdint.h>
#include <stdlib.h>
#include <streamgauge/http1.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sg_http1_limits limits = {
    .max_head_bytes = 2048, .max_line_bytes = 512, .max_headers = 16, .max_blank = 2};

/* Heap copies of exactly the bytes known so far, so that AddressSanitizer sees over-reads. */
static ssize_t parse_steps(const char *p, size_t n, size_t step, uint16_t *ret_status)
{
    static struct sg_http1_request rq;
    size_t last = 0;
    ssize_t r = SG_EMORE;
    for (size_t have = step < n ? step : n;; have = n - have < step ? n : have + step) {
        char *copy = malloc(have + 1);
        memcpy(copy + 1, p, have);
        r = sg_http1_parse_head(copy + 1, have, last, &limits, &rq, NULL);
        free(copy);
        last = have;
        if (r != SG_EMORE || have == n)
            break;
    }
    *ret_status = rq.status;
    return r;
}

static void check_str(struct sg_str s, const char *p, size_t n)
{
    SG_ASSERT(s.p >= p && s.n <= n && s.p + s.n <= p + n);
    for (size_t i = 0; i < s.n; i++)
        SG_ASSERT(s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0');
}

static void check_accepted(const struct sg_http1_request *rq, const char *p, size_t n)
{
    const struct sg_http1_headers *h = &rq->headers;
    check_str(rq->target, p, n);
    check_str(rq->method_text, p, n);
    SG_ASSERT(h->count <= limits.max_headers);
    for (uint32_t i = 0; i < h->count; i++) {
        check_str(h->line[i].name, p, n);
        check_str(h->line[i].value, p, n);
        SG_ASSERT(h->line[i].name.n > 0);
    }
    SG_ASSERT(h->lines[SG_HTTP1_H_HOST] == 1 || (rq->minor == 0 && !h->lines[SG_HTTP1_H_HOST]));
    SG_ASSERT(!rq->chunked || (rq->content_length == 0 && rq->minor == 1));
    SG_ASSERT(h->lines[SG_HTTP1_H_CONTENT_LENGTH] + h->lines[SG_HTTP1_H_TRANSFER_ENCODING] <= 1);
    SG_ASSERT(rq->path.n > 0 && (rq->path.p[0] == '/' || rq->method == SG_HTTP1_OPTIONS));
    char dst[2048], seg[2050];
    ssize_t len = sg_http1_path_decode(rq->path, dst, sizeof(dst));
    if (len >= 0) {
        SG_ASSERT((size_t)len <= rq->path.n && !memchr(dst, '\0', (size_t)len));
        memcpy(seg, dst, (size_t)len);
        seg[len] = '/', seg[len + 1] = '\0';
        SG_ASSERT(!strstr(seg, "/../") && !strstr(seg, "/./"));
    }
    struct sg_http1_args it = sg_http1_args_init(rq->query);
    struct sg_str name, value;
    while (sg_http1_args_next_decoded(&it, dst, sizeof(dst), &name, &value) > 0)
        SG_ASSERT(name.n + value.n <= rq->query.n);
    (void)sg_http1_accepts_encoding(h, SG_STR("gzip"));
    (void)sg_http1_cookie(h, SG_STR("sg"));
}

struct decoded {
    uint64_t hash, n;
    int code;
    bool done;
    size_t used;
};

static struct decoded decode(const struct sg_http1_request *rq, const char *p, size_t n,
                             size_t step)
{
    struct decoded d = {.hash = 14695981039346656037u};
    struct sg_http1_body b;
    d.code = sg_http1_body_init(&b, rq, 1 << 16);
    while (d.code == 0 && !b.done && d.used < n) {
        size_t len = n - d.used < step ? n - d.used : step;
        char *copy = malloc(len);
        memcpy(copy, p + d.used, len);
        struct sg_str data;
        ssize_t r = sg_http1_body_feed(&b, copy, len, &data);
        if (r < 0) {
            d.code = (int)r;
        } else {
            SG_ASSERT(r > 0 && data.p >= copy && data.p + data.n <= copy + len);
            for (size_t i = 0; i < data.n; i++)
                d.hash = (d.hash ^ (uint8_t)data.p[i]) * 1099511628211u;
            d.n += data.n;
            d.used += (size_t)r;
        }
        free(copy);
    }
    d.done = b.done;
    SG_ASSERT(d.n <= 1 << 16);
    return d;
}

static void check_body(const struct sg_http1_request *rq, const char *p, size_t n)
{
    struct decoded a = decode(rq, p, n, n ? n : 1);
    for (size_t step = 1; step < n && step < 20; step = step * 2 + 1) {
        struct decoded b = decode(rq, p, n, step);
        SG_ASSERT(a.code == b.code && a.done == b.done);
        SG_ASSERT(a.code || (a.hash == b.hash && a.n == b.n && a.used == b.used));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sg_http1_request rq;
    static struct sg_http1_response rs;
    struct sg_error err = {.code = SG_OK};
    const char *p = (const char *)data;
    ssize_t r = sg_http1_parse_head(p, size, 0, &limits, &rq, &err);
    SG_ASSERT((r < 0 && r != SG_EMORE) == (rq.status != 0) && (int)err.code == (rq.status ? r : 0));
    for (size_t step = 1; step < size && step < 40; step = step * 3 + 1) {
        uint16_t status;
        SG_ASSERT(parse_steps(p, size, step, &status) == r && status == rq.status);
    }
    if (r > 0) {
        check_accepted(&rq, p, size);
        check_body(&rq, p + r, size - (size_t)r);
    }
    /* The body decoder on its own: the whole input as chunks. */
    const struct sg_http1_request chunked = {.chunked = true};
    check_body(&chunked, p, size);
    r = sg_http1_parse_response(p, size, 0, &limits, &rs, NULL);
    SG_ASSERT(r <= (ssize_t)size && (r <= 0 || (rs.status >= 100 && rs.status < 600)));
    return 0;
}
