/* Request and response heads: what is taken, what is refused and with which status, at once and
 * byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/http1.h>
#include <string.h>

#include "guard.h"

static const struct sg_http1_limits *limits = &sg_http1_default_limits;

/* Parses n bytes before a guard page, first in one piece, then byte by byte; both must agree.
 * Returns the result; the request points into memory that is gone, so only numbers may be looked
 * at. */
static ssize_t parse_n(const char *text, size_t n, struct sg_http1_request *rq)
{
    struct guard g;
    char *p = guard_put(&g, text, n);
    struct sg_error err = {0};
    ssize_t at_once = sg_http1_parse_head(p, n, 0, limits, rq, &err);
    guard_free(&g);
    if (at_once < 0 && at_once != SG_EMORE)
        assert_true(err.code == (enum sg_errc)at_once && err.text[0]);

    struct sg_http1_request step;
    ssize_t r = SG_EMORE;
    for (size_t have = 0, last = 0; have <= n && r == SG_EMORE; last = have, have++) {
        p = guard_put(&g, text, have);
        r = sg_http1_parse_head(p, have, last, limits, &step, NULL);
        guard_free(&g);
    }
    assert_int_equal(r, at_once);
    assert_int_equal(step.status, rq->status);
    return at_once;
}

static ssize_t parse(const char *text, struct sg_http1_request *rq)
{
    return parse_n(text, strlen(text), rq);
}

static void expect_status(const char *text, size_t n, unsigned status)
{
    struct sg_http1_request rq;
    ssize_t r = parse_n(text, n, &rq);
    if (r >= 0 || rq.status != status)
        fail_msg("got %zd, status %u, expected %u for:\n%.*s", r, rq.status, status, (int)n, text);
}

/* Parses in place and keeps the text: string literals stay. */
static struct sg_http1_request good(const char *text)
{
    struct sg_http1_request rq, copy;
    struct sg_error err = {0};
    size_t n = strlen(text);
    assert_int_equal(parse(text, &copy), n);
    assert_int_equal(sg_http1_parse_head(text, n, 0, NULL, &copy, NULL), n);
    ssize_t r = sg_http1_parse_head(text, n, 0, limits, &rq, &err);
    if (r != (ssize_t)n)
        fail_msg("got %zd (%s) for:\n%s", r, err.text, text);
    return rq;
}

static void assert_str(struct sg_str s, const char *expected)
{
    if (!s.p || !sg_str_eq_c(s, expected))
        fail_msg("got '%.*s', expected '%s'", SG_STR_ARG(s), expected);
}

static void test_head__a_curl_request_is_taken_apart(void **state)
{
    (void)state;
    struct sg_http1_request rq =
        good("POST /api/v1/samples?a=b&c HTTP/1.1\r\nHost: localhost:8420\r\n"
             "User-Agent: curl/7.88.1\r\nAccept: */*\r\n"
             "Content-Length:  29 \r\nX-Empty:\r\n\r\n");
    assert_int_equal(rq.method, SG_HTTP1_POST);
    assert_str(rq.method_text, "POST");
    assert_str(rq.path, "/api/v1/samples");
    assert_str(rq.query, "a=b&c");
    assert_str(rq.authority, "localhost:8420");
    assert_int_equal(rq.minor, 1);
    assert_int_equal(rq.content_length, 29);
    assert_true(rq.keep_alive);
    assert_false(rq.upgrade || rq.chunked || rq.expect_continue);
    assert_int_equal(rq.headers.count, 5);
    assert_str(sg_http1_header(&rq.headers, SG_HTTP1_H_USER_AGENT), "curl/7.88.1");
    assert_str(rq.headers.line[4].name, "X-Empty");
    assert_int_equal(rq.headers.line[4].value.n, 0);
    assert_null(sg_http1_header(&rq.headers, SG_HTTP1_H_ORIGIN).p);
}

static void test_head__every_known_name_finds_its_id_in_any_case(void **state)
{
    (void)state;
    static const char *const names[] = {"",
#define NAME(id, text) text,
                                        SG_HTTP1_HEADER_MAP(NAME)
#undef NAME
    };
    for (unsigned id = 1; id < SG_HTTP1_H_COUNT; id++) {
        char text[256], name[64];
        for (size_t i = 0; i <= strlen(names[id]); i++)
            name[i] = (char)(i % 2 && names[id][i] >= 'a' ? names[id][i] - 32 : names[id][i]);
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s: 1\r\nX%s: 1\r\n\r\n", name, name + 1);
        if (id == SG_HTTP1_H_TRANSFER_ENCODING)
            snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s: chunked\r\nX: 1\r\n\r\n", name);
        struct sg_http1_response rs;
        assert_true(sg_http1_parse_response(text, strlen(text), 0, limits, &rs, NULL) > 0);
        assert_int_equal(rs.headers.line[0].id, id);
        assert_int_equal(rs.headers.first[id], 1);
        if (names[id][0] != 'X')
            assert_int_equal(rs.headers.line[1].id, SG_HTTP1_H_OTHER);
    }
}

static void test_head__an_incomplete_head_asks_for_more_at_every_cut(void **state)
{
    (void)state;
    const char *text = "\r\nGET / HTTP/1.1\r\nHost: a\r\nCookie: x=1\ty\r\n\r\n";
    struct sg_http1_request rq;
    for (size_t n = 0; n < strlen(text); n++)
        assert_int_equal(parse_n(text, n, &rq), SG_EMORE);
    assert_int_equal(parse(text, &rq), strlen(text));
}

static void test_head__pipelined_bytes_are_left_alone(void **state)
{
    (void)state;
    const char *text = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\0\n";
    struct sg_http1_request rq;
    assert_int_equal(parse_n(text, strlen(text) + 2, &rq), 28);
}

static void test_head__target_forms(void **state)
{
    (void)state;
    static const struct {
        const char *line, *path, *query, *authority;
    } table[] = {
        {"GET / HTTP/1.1", "/", NULL, "h"},
        {"GET /? HTTP/1.1", "/", "", "h"},
        {"GET /a?b?c HTTP/1.1", "/a", "b?c", "h"},
        {"GET //x HTTP/1.1", "//x", NULL, "h"},
        {"GET /e?q=up{a=\"b\"} HTTP/1.1", "/e", "q=up{a=\"b\"}", "h"},
        {"OPTIONS * HTTP/1.1", "*", NULL, "h"},
        {"OPTIONS http://o HTTP/1.1", "*", NULL, "o"},
        {"OPTIONS /x HTTP/1.1", "/x", NULL, "h"},
        {"GET http://other:81/p?q HTTP/1.1", "/p", "q", "other:81"},
        {"GET HTTPS://[::1]:443 HTTP/1.1", "/", NULL, "[::1]:443"},
        {"GET http://o?x=1 HTTP/1.1", "/", "x=1", "o"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s\r\nHost: h\r\n\r\n", table[i].line);
        struct sg_http1_request rq = good(text);
        assert_str(rq.path, table[i].path);
        assert_str(rq.authority, table[i].authority);
        if (table[i].query)
            assert_str(rq.query, table[i].query);
        else
            assert_null(rq.query.p);
    }
}

static void test_head__bad_request_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned status;
    } table[] = {
        {"GET /", 400},
        {"GET", 400},
        {"GET ", 400},
        {" GET / HTTP/1.1", 400},
        {"GET  / HTTP/1.1", 400},
        {"GET /  HTTP/1.1", 400},
        {"GET / HTTP/1.1 ", 400},
        {"GET\t/ HTTP/1.1", 400},
        {"GET /a b HTTP/1.1", 400},
        {"GET /#f HTTP/1.1", 400},
        {"GET /\x80 HTTP/1.1", 400},
        {"GET / http/1.1", 400},
        {"GET / HTTP/1", 400},
        {"GET / HTTP/1.10", 400},
        {"GET / HTTP/a.1", 400},
        {"GET / HTTP/2.0", 505},
        {"GET / HTTP/0.9", 505},
        {"PRI * HTTP/2.0", 505},
        {"G(T / HTTP/1.1", 400},
        {"GET * HTTP/1.1", 400},
        {"GET foo HTTP/1.1", 400},
        {"GET ftp://a/ HTTP/1.1", 400},
        {"GET http:/// HTTP/1.1", 400},
        {"GET http://u@a/ HTTP/1.1", 400},
        {"GET http://a:b/ HTTP/1.1", 400},
        {"CONNECT a:443 HTTP/1.1", 501},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1", 501},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s\r\nHost: h\r\n\r\n", table[i].line);
        expect_status(text, strlen(text), table[i].status);
    }
}

static void test_head__an_unknown_method_is_for_the_router(void **state)
{
    (void)state;
    struct sg_http1_request rq = good("BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(rq.method, SG_HTTP1_OTHER);
    assert_str(rq.method_text, "BREW");
    rq = good("get / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(rq.method, SG_HTTP1_OTHER);
}

static void test_head__minor_versions_above_one_count_as_one(void **state)
{
    (void)state;
    assert_int_equal(good("GET / HTTP/1.7\r\nHost: h\r\n\r\n").minor, 1);
}

static void test_head__malformed_header_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Host : h",
        "Host: h\r\n folded: x",
        "Host: h\r\n\tfolded",
        " Host: h",
        "Host: h\r\n: empty",
        "Host: h\r\nnocolon",
        "Host: h\r\nb@d: x",
        "Host: h\r\nna me: x",
        "Host: h\r\nX: a\rb",
        "Host: h\r\nX: a\rbY: c",
        "Host: h\r\nX: a\nY: b",
        "Host: h\r\nX: a\x01",
        "Host: h\r\nX: a\x7f",
        "Host: h\r\nX: a\r\r\n",
        "Host: h\r\nX\xc3\xa4: a",
        "Host: h\n",
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(lines); i++) {
        char text[256];
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n\r\n", lines[i]);
        expect_status(text, strlen(text), 400);
    }
    static const char nul[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n";
    expect_status(nul, sizeof(nul) - 1, 400);
}

static void test_head__obs_text_in_values_is_opaque(void **state)
{
    (void)state;
    struct sg_http1_request rq = good("GET / HTTP/1.1\r\nHost: h\r\nX: \xc3\xa4\xff\r\n\r\n");
    assert_str(rq.headers.line[1].value, "\xc3\xa4\xff");
}

static void test_head__bare_line_ends_are_refused_before_the_head_is_complete(void **state)
{
    (void)state;
    expect_status("GET / HTTP/1.1\nHost: h\n\n", 24, 400);
    expect_status("\nGET", 4, 400);
    expect_status("\rGET", 4, 400);
    expect_status("\x16\x03\x01", 3, 400);
}

static void test_head__host_rules(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "X: y",        "Host: a\r\nHost: a", "Host: a\r\nhost: b", "Host:",
        "Host: a b",   "Host: a,b",          "Host: a/b",          "Host: a@b",
        "Host: a:x",   "Host: a:65536",      "Host: [::1",         "Host: [::g]",
        "Host: ::1",   "Host: [::1]x",       "Host: a%",           "Host: a%4",
        "Host: a%zz",  "Host: :80",          "Host: http://a",     "Host: a:80:80",
        "Host: [v1.]", "Host: [fe80::1%lo]", "Host: a#",           "Host: \"a\"",
        "Host: a\\b",  "Host: [1.2.3.4]",    "Host: a?b",          "Host: a\xc3\xa4",
        "Host: []",
    };
    static const char *const fine[] = {"a",         "a:",       "a:80",      "a.b-c_d~e",
                                       "127.0.0.1", "[::1]:80", "[v1.x:y]",  "a%41",
                                       "a:0",       "a:65535",  "A.EXAMPLE", "[::ffff:1.2.3.4]"};
    char text[256];
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n\r\n", bad[i]);
        expect_status(text, strlen(text), 400);
        /* An absolute-form target does not excuse it. */
        snprintf(text, sizeof(text), "GET http://a/ HTTP/1.1\r\n%s\r\n\r\n", bad[i]);
        expect_status(text, strlen(text), 400);
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(fine); i++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", fine[i]);
        assert_str(good(text).authority, fine[i]);
    }
    assert_int_equal(good("GET / HTTP/1.0\r\n\r\n").authority.n, 0);
    expect_status("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 36, 400);
}

static void test_head__framing_rules(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        unsigned status; /* 0: accepted */
        bool chunked;
        uint64_t length;
    } table[] = {
        {"Content-Length: 0", 0, false, 0},
        {"Content-Length: 007", 0, false, 7},
        {"Content-Length: 9223372036854775807", 0, false, INT64_MAX},
        {"Content-Length: 9223372036854775808", 400, false, 0},
        {"Content-Length: 18446744073709551617", 400, false, 0},
        {"Content-Length: 99999999999999999999999", 400, false, 0},
        {"Content-Length:", 400, false, 0},
        {"Content-Length: +1", 400, false, 0},
        {"Content-Length: -1", 400, false, 0},
        {"Content-Length: 1 2", 400, false, 0},
        {"Content-Length: 5, 5", 400, false, 0},
        {"Content-Length: 0x5", 400, false, 0},
        {"Content-Length: 5;", 400, false, 0},
        {"Content-Length: 1e3", 400, false, 0},
        {"Content-Length: 5\r\nContent-Length: 5", 400, false, 0},
        {"Content-Length: 5\r\ncontent-length: 6", 400, false, 0},
        {"Transfer-Encoding: chunked", 0, true, 0},
        {"transfer-encoding:\tChunked ", 0, true, 0},
        {"Transfer-Encoding: chunked\r\nContent-Length: 5", 400, false, 0},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked", 400, false, 0},
        {"Content-Length: 5\r\nTransfer-Encoding: identity", 400, false, 0},
        {"Transfer-Encoding: identity", 501, false, 0},
        {"Transfer-Encoding: gzip", 501, false, 0},
        {"Transfer-Encoding: gzip, chunked", 501, false, 0},
        {"Transfer-Encoding: gzip;q=1", 501, false, 0},
        {"Transfer-Encoding: xchunked", 501, false, 0},
        {"Transfer-Encoding: chunked, gzip", 400, false, 0},
        {"Transfer-Encoding: chunked, identity", 400, false, 0},
        {"Transfer-Encoding: chunked, chunked", 400, false, 0},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400, false, 0},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400, false, 0},
        {"Transfer-Encoding: chunked;a=b", 400, false, 0},
        {"Transfer-Encoding: chunked x", 400, false, 0},
        {"Transfer-Encoding: \"chunked\"", 400, false, 0},
        {"Transfer-Encoding: ,chunked", 400, false, 0},
        {"Transfer-Encoding:", 400, false, 0},
        {"Transfer-Encoding: ,", 400, false, 0},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char text[256];
        snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", table[i].lines);
        if (table[i].status) {
            expect_status(text, strlen(text), table[i].status);
            continue;
        }
        struct sg_http1_request rq = good(text);
        assert_int_equal(rq.chunked, table[i].chunked);
        assert_true(rq.content_length == table[i].length);
    }
}

static void test_head__transfer_encoding_in_1_0_is_refused(void **state)
{
    (void)state;
    const char *text = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect_status(text, strlen(text), 400);
}

static void test_head__double_singletons_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"Authorization", "Content-Type", "Origin"};
    for (size_t i = 0; i < SG_ARRAY_LEN(names); i++) {
        char text[256];
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n%s: a\r\n%s: a\r\n\r\n",
                 names[i], names[i]);
        expect_status(text, strlen(text), 400);
    }
}

static void test_head__keep_alive_follows_version_and_connection(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep;
    } table[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x, ,CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", false},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++)
        assert_int_equal(good(table[i].text).keep_alive, table[i].keep);
}

static void test_head__upgrade_needs_both_headers_and_1_1(void **state)
{
    (void)state;
    assert_true(good("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n"
                     "Upgrade: websocket\r\n\r\n")
                    .upgrade);
    assert_false(good("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n").upgrade);
    assert_false(good("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n\r\n").upgrade);
    assert_false(
        good("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").upgrade);
}

static void test_head__expectations(void **state)
{
    (void)state;
    assert_true(good("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                     "Expect: 100-Continue\r\n\r\n")
                    .expect_continue);
    assert_false(good("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").expect_continue);
    assert_false(good("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: x\r\n\r\n").expect_continue);
    const char *text = "POST / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n";
    expect_status(text, strlen(text), 417);
    text = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue, x\r\n\r\n";
    expect_status(text, strlen(text), 417);
}

static void test_head__empty_lines_in_front_are_tolerated_twice(void **state)
{
    (void)state;
    good("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_status("\r\n\r\n\r\n", 6, 400);
}

/* A head with a request line of `line` bytes and one padding header so that the whole is `head`
 * bytes. */
static char *sized_head(size_t line, size_t head)
{
    char *p = malloc(head + 1);
    size_t target = line - strlen("GET / HTTP/1.1");
    char *at = p + sprintf(p, "GET /");
    memset(at, 'a', target);
    at += target;
    at += sprintf(at, " HTTP/1.1\r\nHost: h\r\nX: ");
    size_t pad = head - (size_t)(at - p) - 4;
    memset(at, 'b', pad);
    memcpy(at + pad, "\r\n\r\n", 5);
    return p;
}

static void test_head__limits_hold_to_the_byte(void **state)
{
    (void)state;
    static const struct sg_http1_limits small = {
        .max_head_bytes = 200, .max_line_bytes = 100, .max_headers = 3, .max_blank = 0};
    limits = &small;
    static const struct {
        size_t line, head;
        unsigned status;
    } table[] = {{100, 200, 0}, {99, 199, 0}, {101, 200, 414}, {100, 201, 431}, {150, 250, 414}};
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char *text = sized_head(table[i].line, table[i].head);
        struct sg_http1_request rq;
        if (table[i].status)
            expect_status(text, table[i].head, table[i].status);
        else
            assert_int_equal(parse(text, &rq), table[i].head);
        /* Refused as soon as the limit is passed, not when the head is complete. */
        if (table[i].status == 414)
            expect_status(text, 102, 414);
        if (table[i].status == 431)
            expect_status(text, 200, 431);
        free(text);
    }
    struct sg_http1_request rq;
    assert_true(parse("GET / HTTP/1.1\r\nHost: h\r\na: b\r\nc: d\r\n\r\n", &rq) > 0);
    const char *four = "GET / HTTP/1.1\r\nHost: h\r\na: b\r\nc: d\r\ne: f\r\n\r\n";
    expect_status(four, strlen(four), 431);
    limits = &sg_http1_default_limits;
}

static void test_head__sixty_four_headers_fit_and_no_more(void **state)
{
    (void)state;
    char text[1024];
    for (int extra = 63; extra <= 64; extra++) {
        char *at = text + sprintf(text, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (int i = 0; i < extra; i++)
            at += sprintf(at, "a:b\r\n");
        sprintf(at, "\r\n");
        if (extra == 63)
            assert_int_equal(good(text).headers.count, 64);
        else
            expect_status(text, strlen(text), 431);
    }
}

static void test_head__long_names_are_unknown_names(void **state)
{
    (void)state;
    struct sg_http1_request rq =
        good("GET / HTTP/1.1\r\nHost: h\r\nAccess-Control-Request-Headers-And-More: x\r\n\r\n");
    assert_int_equal(rq.headers.line[1].id, SG_HTTP1_H_OTHER);
}

static void test_head__errors_name_the_token_and_its_place(void **state)
{
    (void)state;
    const char *text = "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5x\x01\r\n\r\n";
    struct sg_http1_request rq;
    struct sg_error err = {0};
    assert_int_equal(sg_http1_parse_head(text, strlen(text), 0, limits, &rq, &err), SG_ESYNTAX);
    assert_int_equal(err.pos, 43);
    text = "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5x\r\n\r\n";
    err = (struct sg_error){0};
    assert_int_equal(sg_http1_parse_head(text, strlen(text), 0, limits, &rq, &err), SG_ESYNTAX);
    assert_int_equal(err.pos, 41);
    assert_int_equal(err.end, 43);
    assert_non_null(strstr(err.text, "'5x'"));
}

static void test_fields__lists_skip_empties_and_respect_quotes(void **state)
{
    (void)state;
    struct sg_str rest = SG_STR(" a ,, b;x=\"1,\\\"2\" ,\tc,"), item;
    assert_true(sg_http1_list_next(&rest, &item));
    assert_str(item, "a");
    assert_true(sg_http1_list_next(&rest, &item));
    assert_str(item, "b;x=\"1,\\\"2\"");
    assert_true(sg_http1_list_next(&rest, &item));
    assert_str(item, "c");
    assert_false(sg_http1_list_next(&rest, &item));
}

static void test_fields__accept_encoding_weights(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool gzip, br;
    } table[] = {
        {"gzip, deflate, br", true, true},
        {"gzip;q=0", false, false},
        {"gzip;q=0.000, *", false, true},
        {"*;q=0", false, false},
        {"*", true, true},
        {"br; q=0.001,gzip ; Q=1.0", true, true},
        {"", false, false},
        {"gzipx, xbr", false, false},
        {"*;q=0, gzip", true, false},
        {"gzip;q=x", false, false},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char text[256];
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: %s\r\n\r\n",
                 table[i].value);
        struct sg_http1_request rq = good(text);
        assert_int_equal(sg_http1_accepts_encoding(&rq.headers, SG_STR("gzip")), table[i].gzip);
        assert_int_equal(sg_http1_accepts_encoding(&rq.headers, SG_STR("br")), table[i].br);
    }
}

static void test_fields__cookies(void **state)
{
    (void)state;
    struct sg_http1_request rq =
        good("GET / HTTP/1.1\r\nHost: h\r\nCookie: xsg=0; sg=a=b;q=\"v\"\r\n"
             "Cookie: late=1\r\n\r\n");
    assert_str(sg_http1_cookie(&rq.headers, SG_STR("sg")), "a=b");
    assert_str(sg_http1_cookie(&rq.headers, SG_STR("q")), "v");
    assert_str(sg_http1_cookie(&rq.headers, SG_STR("late")), "1");
    assert_null(sg_http1_cookie(&rq.headers, SG_STR("s")).p);
    assert_str(sg_http1_header_find(&rq.headers, SG_STR("COOKIE"))->name, "Cookie");
    assert_null(sg_http1_header_find(&rq.headers, SG_STR("nope")));
}

static void test_response__heads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status; /* -1: refused */
        uint64_t length;
    } table[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, 3},
        {"HTTP/1.1 101 \r\n\r\n", 101, 0},
        {"HTTP/1.0 404\r\n\r\n", 404, 0},
        {"HTTP/1.1 600 x\r\n\r\n", -1, 0},
        {"HTTP/1.1 20 x\r\n\r\n", -1, 0},
        {"HTTP/1.1 2000 x\r\n\r\n", -1, 0},
        {"HTTP/1.1  200 x\r\n\r\n", -1, 0},
        {"HTTP/2.0 200 x\r\n\r\n", -1, 0},
        {"HTTP/1.1\r\n\r\n", -1, 0},
        {"x\r\n\r\n", -1, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", -1, 0},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        struct guard g;
        size_t n = strlen(table[i].text);
        char *p = guard_put(&g, table[i].text, n);
        struct sg_http1_response rs;
        ssize_t r = sg_http1_parse_response(p, n, 0, limits, &rs, NULL);
        if (table[i].status < 0) {
            assert_int_equal(r, r < 0 && r != SG_EMORE ? r : 0);
            assert_true(r < 0);
        } else {
            assert_int_equal(r, n);
            assert_int_equal(rs.status, table[i].status);
            assert_int_equal(rs.content_length, table[i].length);
        }
        guard_free(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head__a_curl_request_is_taken_apart),
        cmocka_unit_test(test_head__every_known_name_finds_its_id_in_any_case),
        cmocka_unit_test(test_head__an_incomplete_head_asks_for_more_at_every_cut),
        cmocka_unit_test(test_head__pipelined_bytes_are_left_alone),
        cmocka_unit_test(test_head__target_forms),
        cmocka_unit_test(test_head__bad_request_lines),
        cmocka_unit_test(test_head__an_unknown_method_is_for_the_router),
        cmocka_unit_test(test_head__minor_versions_above_one_count_as_one),
        cmocka_unit_test(test_head__malformed_header_lines_are_refused),
        cmocka_unit_test(test_head__obs_text_in_values_is_opaque),
        cmocka_unit_test(test_head__bare_line_ends_are_refused_before_the_head_is_complete),
        cmocka_unit_test(test_head__host_rules),
        cmocka_unit_test(test_head__framing_rules),
        cmocka_unit_test(test_head__transfer_encoding_in_1_0_is_refused),
        cmocka_unit_test(test_head__double_singletons_are_refused),
        cmocka_unit_test(test_head__keep_alive_follows_version_and_connection),
        cmocka_unit_test(test_head__upgrade_needs_both_headers_and_1_1),
        cmocka_unit_test(test_head__expectations),
        cmocka_unit_test(test_head__empty_lines_in_front_are_tolerated_twice),
        cmocka_unit_test(test_head__limits_hold_to_the_byte),
        cmocka_unit_test(test_head__sixty_four_headers_fit_and_no_more),
        cmocka_unit_test(test_head__long_names_are_unknown_names),
        cmocka_unit_test(test_head__errors_name_the_token_and_its_place),
        cmocka_unit_test(test_fields__lists_skip_empties_and_respect_quotes),
        cmocka_unit_test(test_fields__accept_encoding_weights),
        cmocka_unit_test(test_fields__cookies),
        cmocka_unit_test(test_response__heads),
    };
    return cmocka_run_group_tests_name("wire/http1_head", tests, NULL, NULL);
}
