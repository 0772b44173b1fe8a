/* Opening handshake on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <streamgauge/ws.h>
#include <string.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define BASE                                                                                       \
    "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY              \
    "\r\nSec-WebSocket-Version: 13\r\n"

static const struct sg_str protocols[] = {{"streamgauge.v1", 14}, {"streamgauge.v2", 14}};
static const struct sg_deflate_config deflate_config = {.server_bits = 12};
static const struct sg_ws_handshake_config config = {protocols, 2, &deflate_config};

struct outcome {
    char text[1024]; /* the request, which rq borrows */
    struct sg_http1_request rq;
    struct sg_ws_handshake hs;
    int r;
};

static void check(struct outcome *o, const char *line, const char *headers)
{
    struct sg_error err = {0};
    snprintf(o->text, sizeof(o->text), "%s\r\n%s\r\n", line, headers);
    ssize_t used =
        sg_http1_parse_head(o->text, strlen(o->text), 0, &sg_http1_default_limits, &o->rq, &err);
    if (used != (ssize_t)strlen(o->text))
        fail_msg("%s: %s", err.text, o->text);
    o->r = sg_ws_handshake_check(&o->rq, &config, &o->hs, &err);
    assert_int_equal(o->r < 0, err.text[0] != 0);
}

static void expect(const char *line, const char *headers, unsigned status)
{
    struct outcome o;
    check(&o, line, headers);
    if (status ? o.r == 0 || o.hs.status != status : o.r != 0)
        fail_msg("got %d, status %u, expected %u for:\n%s", o.r, o.hs.status, status, o.text);
}

static void test_handshake__the_rfc_example_is_accepted(void **state)
{
    (void)state;
    struct outcome o;
    check(&o, "GET /chat HTTP/1.1", BASE);
    assert_int_equal(o.r, 0);
    assert_string_equal(o.hs.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_int_equal(o.hs.protocol, -1);
    assert_false(o.hs.deflate.agreed);
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&out, 1024);
    assert_int_equal(sg_ws_handshake_write(&o.hs, &config, SG_STR("Set-Cookie: a=b\r\n"), &out), 0);
    assert_string_equal(sg_buf_cstr(&out),
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                        "Set-Cookie: a=b\r\n\r\n");
}

static void test_handshake__lists_and_case(void **state)
{
    (void)state;
    expect("GET / HTTP/1.1",
           "Host: h\r\nupgrade: h2c, WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n"
           "sec-websocket-key: " KEY "\r\nsec-websocket-version: 13\r\n",
           0);
    expect("GET http://h/x?y HTTP/1.1", BASE, 0);
}

static void test_handshake__what_is_malformed_gets_400(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "Host: h\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY
        "\r\nSec-WebSocket-Version: 13\r\n",
        "Host: h\r\nUpgrade: websocket\r\nSec-WebSocket-Key: " KEY
        "\r\nSec-WebSocket-Version: 13\r\n",
        "Host: h\r\nUpgrade: websockets\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY
        "\r\nSec-WebSocket-Version: 13\r\n",
        "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
        "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\n",
        BASE "Sec-WebSocket-Key: " KEY "\r\n",
        BASE "Sec-WebSocket-Version: 13\r\n",
        BASE "Content-Length: 3\r\n",
        BASE "Transfer-Encoding: chunked\r\n",
        BASE "Sec-WebSocket-Protocol: a, a\r\n",
        BASE "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n",
        BASE "Sec-WebSocket-Protocol: a b\r\n",
        BASE "Sec-WebSocket-Protocol:\r\n",
        BASE "Sec-WebSocket-Protocol: \"a\"\r\n",
        BASE "Sec-WebSocket-Extensions: a b\r\n",
        BASE "Sec-WebSocket-Extensions:\r\n",
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(headers); i++)
        expect("GET / HTTP/1.1", headers[i], 400);
    expect("POST / HTTP/1.1", BASE, 400);
    expect("HEAD / HTTP/1.1", BASE, 400);
    expect("GET / HTTP/1.0", BASE, 400);
}

static void test_handshake__keys(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        unsigned status;
    } table[] = {
        {KEY, 0},
        {"+/AZaz09AAAAAAAAAAAAAA==", 0},
        {"", 400},
        {"dGhlIHNhbXBsZSBub25jZQ=", 400},
        {"dGhlIHNhbXBsZSBub25jZQ", 400},
        {"dGhlIHNhbXBsZSBub25jZQ===", 400},
        {"dGhlIHNhbXBsZSBub25jZQAA", 400},
        {"dGhlIHNhbXBsZSBub25jZ===", 400},
        {"dGhlIHNhbXBsZSBub25-ZQ==", 400},
        {"AAAA", 400},
        {KEY "," KEY, 400},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char headers[512];
        snprintf(headers, sizeof(headers),
                 "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
                 table[i].key);
        expect("GET / HTTP/1.1", headers, table[i].status);
    }
}

static void test_handshake__other_versions_get_426(void **state)
{
    (void)state;
    static const char *const versions[] = {"8", "0", "14", "113", "13, 8", "013", "x", ""};
    for (size_t i = 0; i < SG_ARRAY_LEN(versions); i++) {
        char headers[512];
        snprintf(headers, sizeof(headers),
                 "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: %s\r\n",
                 versions[i]);
        expect("GET / HTTP/1.1", headers, 426);
    }
}

static void test_handshake__subprotocols_in_the_clients_order(void **state)
{
    (void)state;
    static const struct {
        const char *offer;
        int chosen;
    } table[] = {
        {"streamgauge.v1", 0},
        {"x, streamgauge.v2, streamgauge.v1", 1},
        {"x,,\tstreamgauge.v1 ,", 0},
        {"STREAMGAUGE.V1", -1},
        {"other", -1},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char headers[512];
        struct outcome o;
        snprintf(headers, sizeof(headers), BASE "Sec-WebSocket-Protocol: %s\r\n", table[i].offer);
        check(&o, "GET / HTTP/1.1", headers);
        assert_int_equal(o.r, 0);
        assert_int_equal(o.hs.protocol, table[i].chosen);
    }
}

static void test_handshake__deflate_and_protocol_are_answered(void **state)
{
    (void)state;
    struct outcome o;
    check(&o, "GET / HTTP/1.1",
          BASE "Sec-WebSocket-Protocol: streamgauge.v1\r\n"
               "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    assert_int_equal(o.r, 0);
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&out, 1024);
    assert_int_equal(sg_ws_handshake_write(&o.hs, &config, SG_STR(""), &out), 0);
    assert_non_null(strstr(sg_buf_cstr(&out), "\r\nSec-WebSocket-Protocol: streamgauge.v1\r\n"));
    assert_non_null(strstr(sg_buf_cstr(&out),
                           "\r\nSec-WebSocket-Extensions: permessage-deflate; "
                           "server_no_context_takeover; client_no_context_takeover\r\n"));
}

static void test_handshake__a_full_buffer_takes_nothing(void **state)
{
    (void)state;
    struct outcome o;
    check(&o, "GET / HTTP/1.1", BASE "Sec-WebSocket-Protocol: streamgauge.v2\r\n");
    SG_AUTO(sg_buf_deinit) struct sg_buf whole;
    sg_buf_init(&whole, 1024);
    assert_int_equal(sg_ws_handshake_write(&o.hs, &config, SG_STR(""), &whole), 0);
    for (size_t max = 0; max < 300; max++) {
        SG_AUTO(sg_buf_deinit) struct sg_buf out;
        sg_buf_init(&out, max);
        int r = sg_ws_handshake_write(&o.hs, &config, SG_STR(""), &out);
        assert_true(r == 0 || (r == SG_ELIMIT && out.len == 0));
        assert_int_equal(r == 0, max >= whole.len);
    }
}

static void test_handshake__without_deflate_offers_are_still_read(void **state)
{
    (void)state;
    static const struct sg_ws_handshake_config plain = {.protocols = NULL};
    struct outcome o;
    check(&o, "GET / HTTP/1.1", BASE "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    assert_int_equal(sg_ws_handshake_check(&o.rq, &plain, &o.hs, NULL), 0);
    assert_false(o.hs.deflate.agreed);
}

static void test_client__key_and_check(void **state)
{
    (void)state;
    char key[25];
    sg_ws_client_key((const uint8_t *)"the sample nonce", key);
    assert_string_equal(key, KEY);
    static const struct {
        const char *text;
        int r;
    } table[] = {
        {"HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
         "Sec-WebSocket-Protocol: streamgauge.v1\r\n\r\n",
         0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SG_EINVALID},
        {"HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n",
         SG_EINVALID},
        {"HTTP/1.1 101 x\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         SG_EINVALID},
        {"HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Extensions: permessage-deflate\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         SG_EINVALID},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        struct sg_http1_response rs;
        struct sg_str protocol;
        assert_true(sg_http1_parse_response(table[i].text, strlen(table[i].text), 0,
                                            &sg_http1_default_limits, &rs, NULL) > 0);
        assert_int_equal(sg_ws_client_check(&rs, key, &protocol, NULL), table[i].r);
        if (table[i].r == 0)
            assert_true(sg_str_eq_c(protocol, "streamgauge.v1"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake__the_rfc_example_is_accepted),
        cmocka_unit_test(test_handshake__lists_and_case),
        cmocka_unit_test(test_handshake__what_is_malformed_gets_400),
        cmocka_unit_test(test_handshake__keys),
        cmocka_unit_test(test_handshake__other_versions_get_426),
        cmocka_unit_test(test_handshake__subprotocols_in_the_clients_order),
        cmocka_unit_test(test_handshake__deflate_and_protocol_are_answered),
        cmocka_unit_test(test_handshake__a_full_buffer_takes_nothing),
        cmocka_unit_test(test_handshake__without_deflate_offers_are_still_read),
        cmocka_unit_test(test_client__key_and_check),
    };
    return cmocka_run_group_tests_name("wire/ws_handshake", tests, NULL, NULL);
}
