/* The whole of net with a fake engine: edge threads, real sockets, our own client codecs. Made for
 * the thread sanitizer as much as for its assertions. `unit_net_test_net_threads --serve PORT
 * [TLSPORT CERT KEY]` runs it as a server to try things on. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fake_engine.h"

#include <poll.h>
#include <signal.h>
#include <streamgauge/log.h>
#include <streamgauge/ws.h>

#define WAIT_MS 60000 /* only so that a failure ends */

struct fixture {
    struct sg_net_listen listen[2];
    struct sg_net_config cfg;
    struct fake_engine engine;
    struct sg_net *net;
    char hash[72];
    struct sg_net_token token;
    atomic_uint slow_calls;
};

static void slow_handler(void *ctx, struct sg_net_exchange *x)
{
    struct fixture *f = ctx;
    atomic_fetch_add(&f->slow_calls, 1);
    usleep(20000);
    sg_buf_puts(&x->out, "{\"tail\":");
    sg_buf_put_json_str(&x->out, x->tail);
    sg_buf_puts(&x->out, ",\"body\":");
    sg_buf_put_json_str(&x->out, x->body);
    sg_buf_puts(&x->out, "}");
}

/* An answer that no socket's buffers hold. */
static void endless_handler(void *ctx, struct sg_net_exchange *x)
{
    static const char text[64 * 1024];
    (void)ctx;
    for (int i = 0; i < 4096 && sg_net_exchange_flush(x) == 0; i++)
        sg_buf_append(&x->out, text, sizeof(text));
}

static struct sg_net_route routes[2];
static const struct sg_net_asset assets[] = {{.path = "/",
                                              .type = "text/html; charset=utf-8",
                                              .etag = "\"v1\"",
                                              .body = {"<h1>x</h1>", 10},
                                              .gzip = {"gz", 2}}};

static void quiet(void *ctx, const char *line, size_t n)
{
    (void)ctx;
    (void)line;
    (void)n;
}

static struct fixture *make(unsigned edges)
{
    struct fixture *f = calloc(1, sizeof(*f));
    sg_log_set_sink(quiet, NULL);
    sg_net_config_default(&f->cfg);
    f->listen[0] = (struct sg_net_listen){.address = "127.0.0.1"};
    f->cfg.listen = f->listen;
    f->cfg.listen_count = 1;
    f->cfg.edges = edges;
    routes[0] = (struct sg_net_route){.path = "/slow/*",
                                      .methods = SG_NET_METHOD(GET) | SG_NET_METHOD(POST),
                                      .right = SG_RIGHT_READ,
                                      .max_body = 1000,
                                      .pooled = true,
                                      .handle = slow_handler,
                                      .ctx = f};
    f->cfg.routes = routes;
    routes[1] = routes[0];
    routes[1].path = "/endless";
    routes[1].handle = endless_handler;
    f->cfg.route_count = 2;
    f->cfg.assets = assets;
    f->cfg.asset_count = 1;
    fake_init(&f->engine, &f->cfg, 20, 3);
    return f;
}

static void start(struct fixture *f)
{
    struct sg_error err = {0};
    if (sg_net_start(&f->cfg, &f->net, &err) < 0)
        fail_msg("%s", err.text);
    fake_start(&f->engine, f->net);
}

static void stop(struct fixture *f)
{
    fake_stop(&f->engine);
    sg_net_free(f->net);
    fake_deinit(&f->engine);
    sg_log_set_sink(NULL, NULL);
    free(f);
}

/* --- a blocking client --- */

static int dial(struct fixture *f)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons(sg_net_port(f->net, 0)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* Reads until `mark` has come, the peer ends, or it takes too long. Returns what came,
 * NUL-terminated. */
static const char *hear(int fd, const char *mark)
{
    static char got[1 << 20];
    size_t n = 0;
    got[0] = 0;
    while (!(mark && memmem(got, n, mark, strlen(mark))) && n < sizeof(got) - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) != 1)
            fail_msg("timeout; got '%s'", got);
        ssize_t r = recv(fd, got + n, sizeof(got) - 1 - n, 0);
        if (r <= 0)
            break;
        n += (size_t)r;
        got[n] = 0;
        for (size_t i = 0; i < n; i++) /* frames' headers must not end the text */
            if (!got[i])
                got[i] = '?';
    }
    return got;
}

static bool has(const char *text, const char *part)
{
    if (strstr(text, part))
        return true;
    print_error("missing '%s' in '%.600s'\n", part, text);
    return false;
}

static void upgrade(int fd, const char *path, const char *lines)
{
    char head[1024];
    snprintf(head, sizeof(head),
             "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
             path, lines);
    say(fd, head);
}

static void ws_say(int fd, enum sg_ws_opcode op, const char *text)
{
    static const uint8_t key[4] = {1, 2, 3, 4};
    struct sg_buf b;
    sg_buf_init(&b, 1 << 20);
    assert_int_equal(sg_ws_write_masked(&b, op, key, sg_str_from(text)), 0);
    assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), (ssize_t)b.len);
    sg_buf_deinit(&b);
}

/* --- requests --- */

static void test_net__answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    struct fixture *f = make(2);
    start(f);
    int fd = dial(f);
    say(fd, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
            "GET /slow/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
            "POST /slow/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
            "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"
            "GET /nope HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const char *got = hear(fd, NULL);
    const char *a = strstr(got, "healthy"), *b = strstr(got, "{\"tail\":\"a\",\"body\":\"\"}"),
               *c = strstr(got, "{\"tail\":\"b\",\"body\":\"hi\"}"),
               *d = strstr(got, "Content-Length: 10"), *e = strstr(got, "404 Not Found");
    assert_true(a && b > a && c > b && d > c && e > d);
    assert_null(strstr(got, "<h1>"));
    close(fd);
    stop(f);
}

static void test_net__samples_reach_the_engine(void **state)
{
    (void)state;
    struct fixture *f = make(2);
    start(f);
    int fd = dial(f);
    say(fd, "POST /api/v1/samples HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
            "1d\r\n{\"metric\":\"orders\",\"value\":3}\r\n0\r\n\r\n");
    assert_true(has(hear(fd, "\r\n\r\n"), "204 No Content"));
    say(fd, "POST /api/v1/samples HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{\"me}");
    assert_true(has(hear(fd, "\"error\""), "400 Bad Request"));
    close(fd);
    assert_int_equal(atomic_load(&f->engine.points), 1);
    stop(f);
}

static void test_net__full_queue_says_429(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    atomic_store(&f->engine.full, true);
    start(f);
    int fd = dial(f);
    say(fd,
        "POST /api/v1/import/prometheus HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n"
        "up 42\n");
    const char *got = hear(fd, "dropped");
    assert_true(has(got, "429 ") && has(got, "Retry-After: 1"));
    close(fd);
    stop(f);
}

static void test_net__oversized_and_smuggled_requests_close(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status;
    } cases[] = {
        {"POST /slow/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n", "413 "},
        {"POST /-/healthy HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", "405 "},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n", "400 "},
        {"GET / HTTP/1.1\r\n\r\n", "400 "},
        {"POST /slow/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "400 "},
        {"GET /%2e%2e/x HTTP/1.0\r\nHost: localhost\r\n\r\n", "400 "},
        {"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405 "},
        {"GET / HTTP/3.0\r\n\r\n", "505 "},
        {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403 "},
        {"POST /api/v1/samples HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\n"
         "Content-Length: 2\r\n\r\n{}",
         "403 "},
    };
    struct fixture *f = make(1);
    start(f);
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int fd = dial(f);
        say(fd, cases[i].request);
        assert_true(has(hear(fd, NULL), cases[i].status)); /* NULL: until the server ends it */
        close(fd);
    }
    stop(f);
}

static void test_net__page_has_its_headers_and_tags(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    start(f);
    int fd = dial(f);
    say(fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const char *got = hear(fd, "</h1>");
    assert_true(has(got, "200 OK") && has(got, "ETag: \"v1\"\r\n") &&
                has(got, "Content-Security-Policy: default-src 'self'") &&
                has(got, "X-Content-Type-Options: nosniff"));
    say(fd, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_true(has(hear(fd, "\r\n\r\n"), "ETag: \"v1-gzip\""));
    say(fd, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n"
            "If-None-Match: \"v0\", W/\"v1-gzip\"\r\nConnection: close\r\n\r\n");
    assert_true(has(hear(fd, NULL), "304 Not Modified"));
    close(fd);
    stop(f);
}

/* The head comes in two reads and the answer goes out in two writes, all within one callback: what
 * was carried of the head must not be taken for the next request. */
static void test_net__large_answer_to_a_head_in_pieces_comes_once(void **state)
{
    (void)state;
    static char page[66 * 1024];
    static const struct sg_net_asset large = {.path = "/",
                                              .type = "text/html; charset=utf-8",
                                              .etag = "\"v1\"",
                                              .body = {page, sizeof(page)}};
    memset(page, 'x', sizeof(page));
    memcpy(page + sizeof(page) - 4, "end!", 4);
    struct fixture *f = make(1);
    f->cfg.assets = &large;
    start(f);
    int fd = dial(f);
    say(fd, "GET / HTTP/1.1\r\nHo");
    usleep(50000); /* merged all the same, the test proves less */
    say(fd, "st: localhost\r\n\r\n");
    assert_true(has(hear(fd, "end!"), "200 OK"));
    say(fd, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const char *got = hear(fd, NULL);
    assert_true(has(got, "healthy\n"));
    assert_null(strstr(got, "end!"));
    close(fd);
    stop(f);
}

/* Each body is small enough, all together are not: what many slow senders hold is bounded. */
static void test_net__bodies_that_are_held_are_bounded_together(void **state)
{
    (void)state;
    char body[901] = "";
    struct fixture *f = make(1);
    f->cfg.limits.max_body = 1000;
    f->cfg.limits.max_collected = 1500;
    memset(body, 'b', sizeof(body) - 1);
    start(f);
    int a = dial(f), b = dial(f);
    say(a, "POST /slow/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 901\r\n\r\n");
    say(a, body);
    say(b, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"); /* behind it, a's is there */
    hear(b, "healthy\n");
    say(b, "POST /slow/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 901\r\n\r\n");
    say(b, body);
    assert_true(has(hear(b, NULL), "503 "));
    close(b);
    say(a, "!");
    assert_true(has(hear(a, "b!"), "200 OK"));
    b = dial(f);
    say(b, "POST /slow/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n");
    say(b, body);
    assert_true(has(hear(b, "bb\"}"), "200 OK"));
    close(a);
    close(b);
    stop(f);
}

/* As many as the pool has threads, and some: none of them reads. */
static void test_net__who_reads_nothing_does_not_keep_the_pool(void **state)
{
    (void)state;
    int fds[8];
    struct fixture *f = make(1);
    f->cfg.limits.body_grace_ms = 200;
    start(f);
    for (size_t i = 0; i < SG_ARRAY_LEN(fds); i++) {
        fds[i] = dial(f);
        say(fds[i], "GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    int fd = dial(f);
    say(fd, "GET /slow/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(has(hear(fd, "}"), "200 OK"));
    close(fd);
    for (size_t i = 0; i < SG_ARRAY_LEN(fds); i++)
        close(fds[i]);
    stop(f);
}

/* Each wait for it is short, all together are not. */
static void test_net__who_reads_slowly_does_not_keep_the_pool(void **state)
{
    (void)state;
    static char text[64 * 1024];
    struct fixture *f = make(1);
    f->cfg.limits.body_grace_ms = 500;
    f->cfg.limits.answer_min_rate = 1 << 30;
    start(f);
    int fd = dial(f);
    say(fd, "GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n");
    size_t heard = 0;
    ssize_t n;
    while ((n = recv(fd, text, sizeof(text), 0)) > 0) {
        heard += (size_t)n;
        usleep(4000);
    }
    assert_in_range(heard, 1, (size_t)128 << 20); /* of 256 MB */
    close(fd);
    stop(f);
}

/* --- sessions --- */

static void test_net__simple_websocket_gets_its_metric(void **state)
{
    (void)state;
    struct fixture *f = make(2);
    start(f);
    int fd = dial(f);
    upgrade(fd, "/stream", "");
    assert_true(has(hear(fd, "\r\n\r\n"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    ws_say(fd, SG_WS_OP_TEXT, "{\"action\":\"subscribe\",\"metric\":\"up\"}");
    assert_true(has(hear(fd, "\"timestamp\""), "{\"metric\":\"up\",\"value\":"));
    ws_say(fd, SG_WS_OP_PING, "hello");
    assert_true(has(hear(fd, "hello"), "hello"));
    ws_say(fd, SG_WS_OP_CLOSE, "\x03\xe8");
    hear(fd, NULL);
    close(fd);
    stop(f);
}

static void test_net__binary_message_closes_with_1003(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    start(f);
    int fd = dial(f);
    upgrade(fd, "/stream", "");
    hear(fd, "\r\n\r\n");
    ws_say(fd, SG_WS_OP_BINARY, "x");
    const char *got = hear(fd, "understood");
    assert_true(has(got, "\x88"));
    assert_true(has(got, "\x03\xeb"));
    close(fd);
    stop(f);
}

static void test_net__foreign_page_gets_no_websocket(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    start(f);
    int fd = dial(f);
    upgrade(fd, "/stream", "Origin: http://evil.example\r\n");
    assert_true(has(hear(fd, NULL), "403 Forbidden"));
    close(fd);
    stop(f);
}

static void test_net__events_stream_and_take_actions_at_any_edge(void **state)
{
    (void)state;
    struct fixture *f = make(4);
    start(f);
    int fd = dial(f);
    say(fd, "GET /events?query=up HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const char *got = hear(fd, "event: update");
    assert_true(has(got, "text/event-stream") && has(got, "X-Accel-Buffering: no"));
    const char *at = strstr(got, "\"session\":\"");
    assert_non_null(at);
    char id[64] = "";
    sscanf(at, "\"session\":\"%63[^\"]\"", id);
    for (int i = 0; i < 12; i++) { /* lands on all edges sooner or later */
        char request[512], body[128];
        int n = snprintf(body, sizeof(body),
                         "{\"action\":\"subscribe\",\"id\":\"x%d\",\"query\":\"up + %d\"}", i, i);
        snprintf(request, sizeof(request),
                 "POST /events/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", id,
                 n, body);
        int other = dial(f);
        say(other, request);
        assert_true(has(hear(other, "\r\n\r\n"), "204 No Content"));
        close(other);
    }
    assert_true(has(hear(fd, "\"x11\""), "subscribed"));
    int lost = dial(f);
    say(lost, "POST /events/1-00000000000000000000000000000000 HTTP/1.1\r\nHost: localhost\r\n"
              "Content-Length: 2\r\n\r\n{}");
    assert_true(has(hear(lost, "\r\n\r\n"), "404 "));
    close(lost);
    close(fd);
    stop(f);
}

static void test_net__tokens_open_what_they_say(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    sg_net_token_hash(SG_STR("s3cret"), f->hash);
    f->token = (struct sg_net_token){"wall", f->hash, SG_RIGHT_READ};
    f->cfg.tokens = &f->token;
    f->cfg.token_count = 1;
    start(f);
    int fd = dial(f);
    say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(has(hear(fd, "}"), "401 "));
    say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nope\r\n\r\n");
    assert_true(has(hear(fd, "}"), "WWW-Authenticate: Bearer"));
    say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\n\r\n");
    assert_true(has(hear(fd, "streamgauge_net_edges 1\n"), "200 OK"));
    say(fd, "POST /api/v1/samples HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\n"
            "Content-Length: 2\r\n\r\n[]");
    assert_true(has(hear(fd, "}"), "403 "));
    close(fd);
    fd = dial(f);
    upgrade(fd, "/stream", "");
    hear(fd, "\r\n\r\n");
    ws_say(fd, SG_WS_OP_TEXT, "{\"action\":\"subscribe\",\"metric\":\"up\"}");
    assert_true(has(hear(fd, "error"), "error"));
    ws_say(fd, SG_WS_OP_TEXT, "{\"action\":\"auth\",\"token\":\"s3cret\"}");
    ws_say(fd, SG_WS_OP_TEXT, "{\"action\":\"subscribe\",\"metric\":\"up\"}");
    assert_true(has(hear(fd, "\"timestamp\""), "\"value\""));
    close(fd);
    stop(f);
}

/* A request by whoever the lines say, for what only the administrator may. */
static const char *ask_admin(struct fixture *f, const char *lines)
{
    char text[512];
    int fd = dial(f);
    snprintf(text, sizeof(text), "GET /slow/x HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n", lines);
    say(fd, text);
    const char *got = hear(fd, NULL);
    close(fd);
    return got;
}

/* Being on this machine is worth nothing under a name that anybody may bring here: a proxy's, or a
 * rebound page's. */
static void test_net__anonymous_is_no_administrator_under_a_foreign_name(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    routes[0].right = SG_RIGHT_ADMIN;
    f->cfg.anonymous = true;
    start(f);
    assert_true(has(ask_admin(f, "Host: localhost"), "200 OK"));
    assert_true(has(ask_admin(f, "Host: metrics.example"), "401 "));
    stop(f);
}

/* "*" lets every page in, but only with what the page itself knows. */
static void test_net__any_origin_has_nothing_that_comes_by_itself(void **state)
{
    (void)state;
    static const char *const any[] = {"*"};
    struct fixture *f = make(1);
    f->cfg.origins = any;
    f->cfg.origin_count = 1;
    start(f);
    const char *got = ask_admin(f, "Host: localhost\r\nOrigin: http://evil.example");
    assert_true(has(got, "401 ") && has(got, "Access-Control-Allow-Origin: *\r\n"));
    assert_null(strstr(got, "Allow-Credentials"));
    stop(f);
    f = make(1);
    sg_net_token_hash(SG_STR("s3cret"), f->hash);
    f->token = (struct sg_net_token){"wall", f->hash, SG_RIGHT_READ};
    f->cfg.tokens = &f->token;
    f->cfg.token_count = f->cfg.origin_count = 1;
    f->cfg.origins = any;
    start(f);
    got =
        ask_admin(f, "Host: x\r\nOrigin: http://evil.example\r\nCookie: streamgauge_token=s3cret");
    assert_true(has(got, "401 "));
    got = ask_admin(f, "Host: x\r\nOrigin: http://evil.example\r\nAuthorization: Bearer s3cret");
    assert_true(has(got, "200 OK"));
    got = ask_admin(f, "Host: x\r\nOrigin: http://x\r\nCookie: streamgauge_token=s3cret");
    assert_true(has(got, "200 OK") && has(got, "Allow-Origin: http://x\r\n"));
    stop(f);
}

static void test_net__over_the_limit_is_told_and_health_answers(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    f->cfg.limits.max_connections = 2;
    start(f);
    int a = dial(f), b = dial(f);
    say(a, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(a, "healthy\n");
    say(b, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(b, "healthy\n");
    int c = dial(f);
    say(c, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(has(hear(c, "healthy\n"), "200 OK"));
    hear(c, NULL); /* and that is all: a place that stays taken would be no limit */
    close(c);
    c = dial(f);
    say(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const char *got = hear(c, NULL);
    assert_true(has(got, "503 ") && has(got, "Retry-After: "));
    int d = dial(f);
    upgrade(d, "/stream", "");
    got = hear(d, "retryAfter");
    assert_true(has(got, "\x03\xf5")); /* 1013 */
    close(a);
    close(b);
    close(c);
    close(d);
    stop(f);
}

/* A reader that stops costs a bounded amount, and gets the newest state when it reads again. */
static void test_net__stopped_reader_skips_to_the_newest(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    fake_deinit(&f->engine);
    fake_init(&f->engine, &f->cfg, 2, 1000);
    start(f);
    int fd = dial(f), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    upgrade(fd, "/stream", "Sec-WebSocket-Protocol: streamgauge.v1\r\n");
    hear(fd, "welcome");
    ws_say(fd, SG_WS_OP_TEXT,
           "{\"action\":\"subscribe\",\"id\":\"a\",\"query\":\"up\",\"interval\":\"100ms\"}");
    bool behind = false;
    for (int i = 0; i < WAIT_MS / 10 && !behind; i++) {
        usleep(10000);
        struct sg_buf out;
        sg_buf_init(&out, 1 << 20);
        sg_net_metrics(f->net, &out);
        behind = strstr(sg_buf_cstr(&out), "streamgauge_hub_sessions_behind 1") != NULL;
        sg_buf_deinit(&out);
    }
    assert_true(behind);
    for (int i = 0; i < 50; i++)
        hear(fd, "\"s\":");
    close(fd);
    stop(f);
}

static void *churn(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < 40; i++) {
        int fd = dial(f);
        upgrade(fd, i % 3 ? "/stream" : "/notifications",
                i % 2 ? "Sec-WebSocket-Protocol: streamgauge.v1\r\n" : "");
        if (i % 5)
            ws_say(fd, SG_WS_OP_TEXT,
                   "{\"action\":\"subscribe\",\"id\":\"a\",\"metric\":\"up\",\"query\":\"up\"}");
        if (i % 4)
            usleep(3000);
        if (i % 7 == 0) { /* leave with a reset */
            struct linger l = {1, 0};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        }
        close(fd);
    }
    return NULL;
}

static void test_net__many_clients_come_and_go_on_all_edges(void **state)
{
    (void)state;
    struct fixture *f = make(3);
    start(f);
    pthread_t t[6];
    for (int i = 0; i < 6; i++)
        pthread_create(&t[i], NULL, churn, f);
    for (int i = 0; i < 6; i++)
        pthread_join(t[i], NULL);
    stop(f);
}

static void test_net__drain_tells_clients_when_to_come_back(void **state)
{
    (void)state;
    struct fixture *f = make(2);
    start(f);
    int ws = dial(f), sse = dial(f), idle = dial(f), stuck = dial(f);
    upgrade(ws, "/stream", "");
    hear(ws, "\r\n\r\n");
    upgrade(stuck, "/stream", "");
    hear(stuck, "\r\n\r\n");
    say(sse, "GET /events?query=up HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(sse, "event: update");
    say(idle, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hear(idle, "healthy\n");
    sg_net_drain(f->net, 1);
    const char *got = hear(ws, "retryAfter");
    assert_true(has(got, "\x03\xe9")); /* 1001 */
    ws_say(ws, SG_WS_OP_CLOSE, "\x03\xe9");
    hear(ws, NULL);
    hear(sse, NULL);
    hear(idle, NULL);
    close(ws);
    close(sse);
    close(idle);
    sg_net_drain(f->net, WAIT_MS); /* the stuck one is given up after close_ms, twice */
    struct sg_buf out;
    sg_buf_init(&out, 1 << 20);
    sg_net_metrics(f->net, &out);
    assert_true(has(sg_buf_cstr(&out), "streamgauge_net_connections 0\n"));
    sg_buf_deinit(&out);
    close(stuck);
    stop(f);
}

static void test_net__public_address_needs_tokens(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    struct sg_error err = {0};
    f->listen[0].address = "0.0.0.0";
    assert_int_equal(sg_net_start(&f->cfg, &f->net, &err), SG_EINVALID);
    assert_non_null(strstr(err.text, "--anonymous"));
    fake_deinit(&f->engine);
    free(f);
}

static void test_net__taken_port_is_told(void **state)
{
    (void)state;
    struct fixture *f = make(1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&sa, &len);
    f->listen[0].port = ntohs(sa.sin_port);
    struct sg_error err = {0};
    assert_int_equal(sg_net_start(&f->cfg, &f->net, &err), SG_EIO);
    assert_non_null(strstr(err.text, "cannot listen on 127.0.0.1"));
    close(fd);
    fake_deinit(&f->engine);
    free(f);
}

static void test_net__second_server_does_not_share_the_port(void **state)
{
    (void)state;
    struct fixture *f = make(2);
    start(f);
    struct sg_net *second;
    struct sg_error err = {0};
    struct sg_net_listen same = {.address = "127.0.0.1", .port = sg_net_port(f->net, 0)};
    struct sg_net_config cfg = f->cfg;
    cfg.listen = &same;
    assert_int_equal(sg_net_start(&cfg, &second, &err), SG_EIO);
    assert_non_null(strstr(err.text, "in use"));
    stop(f);
}

/* --- as a server --- */

static volatile sig_atomic_t ended;

static void on_signal(int s)
{
    (void)s;
    ended = 1;
}

static int serve(int argc, char **argv)
{
    struct fixture *f = make((unsigned)(getenv("EDGES") ? atoi(getenv("EDGES")) : 1));
    sg_log_set_sink(NULL, NULL);
    fake_deinit(&f->engine);
    fake_init(&f->engine, &f->cfg, 100, (unsigned)(getenv("SERIES") ? atoi(getenv("SERIES")) : 3));
    f->listen[0].port = (uint16_t)atoi(argv[2]);
    if (argc > 5) {
        f->listen[1] = (struct sg_net_listen){"127.0.0.1", (uint16_t)atoi(argv[3]), true};
        f->cfg.listen_count = 2;
        f->cfg.tls_cert = argv[4];
        f->cfg.tls_key = argv[5];
    }
    f->cfg.deflate = getenv("DEFLATE") != NULL;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    start(f);
    while (!ended)
        pause();
    sg_net_drain(f->net, 8000);
    stop(f);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--serve") == 0)
        return serve(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net__answers_pipelined_requests_in_order),
        cmocka_unit_test(test_net__samples_reach_the_engine),
        cmocka_unit_test(test_net__full_queue_says_429),
        cmocka_unit_test(test_net__oversized_and_smuggled_requests_close),
        cmocka_unit_test(test_net__page_has_its_headers_and_tags),
        cmocka_unit_test(test_net__large_answer_to_a_head_in_pieces_comes_once),
        cmocka_unit_test(test_net__bodies_that_are_held_are_bounded_together),
        cmocka_unit_test(test_net__who_reads_nothing_does_not_keep_the_pool),
        cmocka_unit_test(test_net__who_reads_slowly_does_not_keep_the_pool),
        cmocka_unit_test(test_net__simple_websocket_gets_its_metric),
        cmocka_unit_test(test_net__binary_message_closes_with_1003),
        cmocka_unit_test(test_net__foreign_page_gets_no_websocket),
        cmocka_unit_test(test_net__events_stream_and_take_actions_at_any_edge),
        cmocka_unit_test(test_net__tokens_open_what_they_say),
        cmocka_unit_test(test_net__anonymous_is_no_administrator_under_a_foreign_name),
        cmocka_unit_test(test_net__any_origin_has_nothing_that_comes_by_itself),
        cmocka_unit_test(test_net__over_the_limit_is_told_and_health_answers),
        cmocka_unit_test(test_net__stopped_reader_skips_to_the_newest),
        cmocka_unit_test(test_net__many_clients_come_and_go_on_all_edges),
        cmocka_unit_test(test_net__drain_tells_clients_when_to_come_back),
        cmocka_unit_test(test_net__public_address_needs_tokens),
        cmocka_unit_test(test_net__taken_port_is_told),
        cmocka_unit_test(test_net__second_server_does_not_share_the_port),
    };
    return cmocka_run_group_tests_name("net/threads", tests, NULL, NULL);
}
