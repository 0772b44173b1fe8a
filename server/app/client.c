/* client.c - a blocking HTTP and WebSocket client, small because it talks to our own server. */
#include "client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <streamgauge/http1.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/rand.h>
#include <streamgauge/ws.h>

#define CONNECT_TIMEOUT_S 10
#define MAX_ANSWER (1u << 20)

struct sg_client {
    int fd;
    SSL_CTX *ctx; /* NULL: plain */
    SSL *ssl;
};

int sg_client_url_parse(const char *text, struct sg_client_url *ret, struct sg_error *reterr)
{
    static const struct {
        const char *scheme;
        bool tls;
    } schemes[] = {{"http://", false}, {"https://", true}, {"ws://", false}, {"wss://", true}};
    *ret = (struct sg_client_url){0};
    const char *host = text;
    for (size_t i = 0; i < SG_ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i].scheme);
        if (strncmp(text, schemes[i].scheme, n) == 0) {
            host = text + n;
            ret->tls = schemes[i].tls;
        }
    }
    size_t n = strcspn(host, "/?#");
    const char *end = host + n, *colon = memrchr(host, ':', n);
    if (*host == '[') {
        const char *close = memchr(host, ']', n);
        if (!close)
            return sg_error_set(reterr, SG_EINVALID, "expected ']' in address '%s'", text);
        colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
        host++;
        n = (size_t)(close - host);
    } else if (colon) {
        n = (size_t)(colon - host);
    }
    uint64_t port = ret->tls ? 443 : 8420;
    if (colon && sg_u64_parse(colon + 1, (size_t)(end - colon - 1), &port) < 0)
        port = 0;
    if (n == 0 || n >= sizeof(ret->host) || port == 0 || port > 65535 || strstr(text, "@"))
        return sg_error_set(reterr, SG_EINVALID, "expected an address as %s, got '%s'",
                            SG_CLIENT_URL, text);
    memcpy(ret->host, host, n);
    snprintf(ret->port, sizeof(ret->port), "%u", (unsigned)port);
    return 0;
}

static int connect_one(const struct addrinfo *a)
{
    struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_S};
    int one = 1, fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int connect_any(const struct sg_client_url *url, struct sg_error *reterr)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int rc = getaddrinfo(url->host, url->port, &hints, &list), fd = -1;
    if (rc != 0)
        return sg_error_set(reterr, SG_EIO, "cannot resolve '%s': %s", url->host, gai_strerror(rc));
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_one(a);
    int saved = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return sg_error_set(reterr, SG_EIO, "cannot connect to %s port %s: %s", url->host,
                            url->port, strerror(saved));
    return fd;
}

static int tls_error(struct sg_error *reterr, const char *what)
{
    char text[160] = "connection lost";
    unsigned long code = ERR_get_error();
    if (code)
        ERR_error_string_n(code, text, sizeof(text));
    return sg_error_set(reterr, SG_EIO, "%s: %s", what, text);
}

static int start_tls(struct sg_client *c, const struct sg_client_url *url, struct sg_error *reterr)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    if (!c->ctx || SSL_CTX_set_default_verify_paths(c->ctx) != 1 ||
        SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) != 1)
        return tls_error(reterr, "cannot set up TLS");
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    c->ssl = SSL_new(c->ctx);
    if (!c->ssl || SSL_set1_host(c->ssl, url->host) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, url->host) != 1 || SSL_set_fd(c->ssl, c->fd) != 1)
        return tls_error(reterr, "cannot set up TLS");
    if (SSL_connect(c->ssl) != 1) {
        long verify = SSL_get_verify_result(c->ssl);
        if (verify != X509_V_OK)
            return sg_error_set(reterr, SG_EIO, "the certificate of %s is not trusted: %s",
                                url->host, X509_verify_cert_error_string(verify));
        return tls_error(reterr, "TLS handshake failed");
    }
    return 0;
}

int sg_client_open(const struct sg_client_url *url, struct sg_client **ret, struct sg_error *reterr)
{
    int fd = connect_any(url, reterr);
    if (fd < 0)
        return fd;
    struct sg_client *c = sg_calloc(1, sizeof(*c));
    c->fd = fd;
    int rc = url->tls ? start_tls(c, url, reterr) : 0;
    if (rc < 0) {
        sg_client_close(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void sg_client_close(struct sg_client *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
    sg_free(c);
}

int sg_client_fd(const struct sg_client *c)
{
    return c->fd;
}

bool sg_client_pending(const struct sg_client *c)
{
    return c->ssl && SSL_pending(c->ssl) > 0;
}

int sg_client_write(struct sg_client *c, const char *p, size_t n, struct sg_error *reterr)
{
    while (n > 0) {
        ssize_t done = c->ssl ? SSL_write(c->ssl, p, n > 16384 ? 16384 : (int)n)
                              : send(c->fd, p, n, MSG_NOSIGNAL);
        if (done <= 0 && !c->ssl && errno == EINTR)
            continue;
        if (done <= 0)
            return c->ssl ? tls_error(reterr, "cannot send")
                          : sg_error_set(reterr, SG_EIO, "cannot send: %s", strerror(errno));
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

ssize_t sg_client_read(struct sg_client *c, char *p, size_t n, struct sg_error *reterr)
{
    ssize_t got = c->ssl ? SSL_read(c->ssl, p, n > 16384 ? 16384 : (int)n) : recv(c->fd, p, n, 0);
    if (got > 0)
        return got;
    if (c->ssl)
        return SSL_get_error(c->ssl, (int)got) == SSL_ERROR_ZERO_RETURN
                   ? 0
                   : tls_error(reterr, "cannot read");
    if (got == 0)
        return 0;
    return sg_error_set(reterr, SG_EIO, "cannot read: %s", strerror(errno));
}

static int send_head(struct sg_client *c, const struct sg_client_url *url,
                     const struct sg_client_request *rq, const char *more, struct sg_error *reterr)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    bool v6 = strchr(url->host, ':') != NULL;
    sg_buf_init(&b, (size_t)64 << 20);
    sg_buf_printf(&b, "%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\n", rq->method, rq->path, v6 ? "[" : "",
                  url->host, v6 ? "]" : "", url->port);
    if (rq->token)
        sg_buf_printf(&b, "Authorization: Bearer %s\r\n", rq->token);
    if (rq->content_type)
        sg_buf_printf(&b, "Content-Type: %s\r\nContent-Length: %zu\r\n", rq->content_type,
                      rq->body.n);
    sg_buf_printf(&b, "%s\r\n", more);
    sg_buf_append(&b, rq->body.p ? rq->body.p : "", rq->body.n);
    if (b.failed)
        return sg_error_set(reterr, SG_ELIMIT, "the request is too large");
    return sg_client_write(c, b.data, b.len, reterr);
}

/* Reads until the head is complete; `in` then holds it and maybe more. Returns the head's length.
 */
static ssize_t read_head(struct sg_client *c, struct sg_buf *in, struct sg_http1_response *ret,
                         struct sg_error *reterr)
{
    size_t last = 0;
    for (;;) {
        if (in->len > last) {
            ssize_t used = sg_http1_parse_response(in->data, in->len, last, NULL, ret, reterr);
            if (used != SG_EMORE)
                return used;
            last = in->len;
        }
        if (sg_buf_reserve(in, 16384) < 0)
            return sg_error_set(reterr, SG_ELIMIT, "the answer is too large");
        ssize_t n = sg_client_read(c, in->data + in->len, 16384, reterr);
        if (n <= 0)
            return n < 0 ? n
                         : sg_error_set(reterr, SG_EIO,
                                        "the server closed the connection without an answer");
        in->len += (size_t)n;
    }
}

/* Feeds what is in `in`, then what comes, to the body decoder. */
static int read_body(struct sg_client *c, struct sg_buf *in, struct sg_http1_body *body,
                     struct sg_buf *ret_body, struct sg_error *reterr)
{
    while (!body->done) {
        size_t at = 0;
        while (at < in->len && !body->done) {
            struct sg_str data;
            ssize_t used = sg_http1_body_feed(body, in->data + at, in->len - at, &data);
            if (used < 0)
                return sg_error_set(reterr, SG_ESYNTAX, "the server's answer is malformed");
            sg_buf_put_str(ret_body, data);
            at += (size_t)used;
        }
        sg_buf_reset(in);
        if (body->done || sg_buf_reserve(in, 16384) < 0)
            break;
        ssize_t n = sg_client_read(c, in->data, 16384, reterr);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        in->len = (size_t)n;
    }
    return 0;
}

int sg_client_exchange(struct sg_client *c, const struct sg_client_url *url,
                       const struct sg_client_request *rq, struct sg_buf *ret_body,
                       struct sg_error *reterr)
{
    struct sg_http1_response rs;
    struct sg_http1_body body;
    SG_AUTO(sg_buf_deinit) struct sg_buf in;
    sg_buf_init(&in, MAX_ANSWER);
    int rc = send_head(c, url, rq, "Connection: close\r\n", reterr);
    if (rc < 0)
        return rc;
    ssize_t head = read_head(c, &in, &rs, reterr);
    if (head < 0)
        return (int)head;
    int status = rs.status;
    rc = sg_http1_body_init_response(&body, &rs, ret_body->max);
    if (rc < 0)
        return sg_error_set(reterr, SG_ELIMIT, "the server's answer is too large");
    sg_buf_consume(&in, (size_t)head);
    rc = read_body(c, &in, &body, ret_body, reterr);
    return rc < 0 ? rc : status;
}

int sg_client_upgrade(struct sg_client *c, const struct sg_client_url *url,
                      const struct sg_client_request *rq, const char *protocol, struct sg_buf *rest,
                      struct sg_error *reterr)
{
    uint8_t random[16];
    char key[25], more[256];
    struct sg_http1_response rs;
    sg_rand_bytes(random, sizeof(random));
    sg_ws_client_key(random, key);
    snprintf(more, sizeof(more),
             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n",
             key, protocol);
    int rc = send_head(c, url, rq, more, reterr);
    if (rc < 0)
        return rc;
    ssize_t head = read_head(c, rest, &rs, reterr);
    if (head < 0)
        return (int)head;
    if (rs.status != 101)
        return sg_error_set(reterr, rs.status == 401 || rs.status == 403 ? SG_EDENIED : SG_EIO,
                            "the server answered %u %.*s%s", rs.status, SG_STR_ARG(rs.reason),
                            rs.status == 401 ? "; give a token with --token or STREAMGAUGE_TOKEN"
                                             : "");
    rc = sg_ws_client_check(&rs, key, NULL, reterr);
    if (rc == 0)
        sg_buf_consume(rest, (size_t)head);
    return rc;
}
