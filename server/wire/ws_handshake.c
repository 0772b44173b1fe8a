/* ws_handshake.c - opening handshake (RFC 6455 section 4), both sides. */
#include "chars.h"
#include <openssl/evp.h>
#include <streamgauge/ws.h>

#define KEY_LEN 24
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static int refuse(struct sg_ws_handshake *ret, struct sg_error *err, unsigned status,
                  const char *text)
{
    ret->status = (uint16_t)status;
    return sg_error_set(err, status == 426 ? SG_EUNSUPPORTED : SG_EINVALID, "%s", text);
}

bool sg_ws_wanted(const struct sg_http1_request *rq)
{
    return sg_http1_list_has(&rq->headers, SG_HTTP1_H_UPGRADE, SG_STR("websocket"));
}

/* Base64 of 16 bytes: 22 letters and "==". */
static bool key_valid(struct sg_str key)
{
    if (key.n != KEY_LEN || key.p[22] != '=' || key.p[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.p[i], low = (char)(c | 0x20);
        if (!sg__is(c, SG__C_DIGIT) && !(low >= 'a' && low <= 'z') && c != '+' && c != '/')
            return false;
    }
    return true;
}

/* Appends the elements of the protocol lists to seen[]; false when one is no token, comes twice, or
 * there are too many. */
#define MAX_OFFERED 32
struct offered {
    struct sg_str name[MAX_OFFERED];
    size_t count;
};

static bool collect_protocols(const struct sg_http1_headers *h, struct offered *ret)
{
    ret->count = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        struct sg_str rest = h->line[i].value, item;
        if (h->line[i].id != SG_HTTP1_H_WS_PROTOCOL)
            continue;
        while (sg_http1_list_next(&rest, &item)) {
            if (!sg__all(item, SG__C_TOKEN) || ret->count == MAX_OFFERED)
                return false;
            for (size_t k = 0; k < ret->count; k++)
                if (sg_str_eq(ret->name[k], item))
                    return false;
            ret->name[ret->count++] = item;
        }
    }
    return ret->count > 0 || h->lines[SG_HTTP1_H_WS_PROTOCOL] == 0;
}

static int choose_protocol(const struct offered *o, const struct sg_ws_handshake_config *config)
{
    for (size_t i = 0; i < o->count; i++)
        for (size_t k = 0; k < config->protocol_count; k++)
            if (sg_str_eq(o->name[i], config->protocols[k]))
                return (int)k;
    return -1;
}

static int check_version(const struct sg_http1_headers *h, struct sg_ws_handshake *ret,
                         struct sg_error *err)
{
    if (h->lines[SG_HTTP1_H_WS_VERSION] != 1)
        return refuse(ret, err, 400, "expected exactly one Sec-WebSocket-Version header");
    if (!sg_str_eq_c(sg_http1_header(h, SG_HTTP1_H_WS_VERSION), "13"))
        return refuse(ret, err, 426, "unsupported Sec-WebSocket-Version, expected 13");
    return 0;
}

int sg_ws_handshake_check(const struct sg_http1_request *rq,
                          const struct sg_ws_handshake_config *config, struct sg_ws_handshake *ret,
                          struct sg_error *reterr)
{
    const struct sg_http1_headers *h = &rq->headers;
    *ret = (struct sg_ws_handshake){.protocol = -1};
    if (rq->method != SG_HTTP1_GET)
        return refuse(ret, reterr, 400, "a WebSocket handshake must be a GET request");
    if (rq->minor < 1)
        return refuse(ret, reterr, 400, "a WebSocket handshake needs HTTP/1.1");
    if (rq->chunked || rq->content_length > 0)
        return refuse(ret, reterr, 400, "a WebSocket handshake has no body");
    if (!sg_ws_wanted(rq))
        return refuse(ret, reterr, 400, "expected 'websocket' in the Upgrade header");
    if (!rq->upgrade)
        return refuse(ret, reterr, 400, "expected 'Upgrade' in the Connection header");
    int r = check_version(h, ret, reterr);
    if (r < 0)
        return r;
    struct sg_str key = sg_http1_header(h, SG_HTTP1_H_WS_KEY);
    if (h->lines[SG_HTTP1_H_WS_KEY] != 1 || !key_valid(key))
        return refuse(ret, reterr, 400, "expected one Sec-WebSocket-Key of 16 bytes in base64");
    struct offered offered;
    if (!collect_protocols(h, &offered))
        return refuse(ret, reterr, 400, "malformed Sec-WebSocket-Protocol");
    ret->protocol = choose_protocol(&offered, config);
    if (sg_deflate_negotiate(h, config->deflate, &ret->deflate) < 0)
        return refuse(ret, reterr, 400, "malformed Sec-WebSocket-Extensions");
    sg_ws_accept_key(key, ret->accept);
    return 0;
}

/* The lines that depend on what was agreed. */
static int write_agreed(const struct sg_ws_handshake *hs,
                        const struct sg_ws_handshake_config *config, struct sg_buf *out)
{
    char extensions[160];
    int r = 0;
    if (hs->protocol >= 0)
        r = sg_http1_write_header(out, SG_STR("Sec-WebSocket-Protocol"),
                                  config->protocols[hs->protocol]);
    size_t n = sg_deflate_answer(&hs->deflate, extensions);
    if (r == 0 && n)
        r = sg_http1_write_header(out, SG_STR("Sec-WebSocket-Extensions"),
                                  sg_str_make(extensions, n));
    return r;
}

int sg_ws_handshake_write(const struct sg_ws_handshake *hs,
                          const struct sg_ws_handshake_config *config, struct sg_str more,
                          struct sg_buf *out)
{
    size_t before = out->len;
    (void)sg_buf_puts(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    (void)sg_buf_puts(out, hs->accept);
    (void)sg_buf_puts(out, "\r\n");
    int r = write_agreed(hs, config, out);
    (void)sg_buf_put_str(out, more);
    (void)sg_buf_puts(out, "\r\n");
    if (r < 0 || out->failed) {
        out->len = before;
        return r < 0 ? r : SG_ELIMIT;
    }
    return 0;
}

void sg_ws_client_key(const uint8_t random[16], char *dst)
{
    EVP_EncodeBlock((unsigned char *)dst, random, 16);
}

void sg_ws_accept_key(struct sg_str key, char *dst)
{
    unsigned char text[KEY_LEN + sizeof(GUID)], digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    size_t len = key.n < KEY_LEN ? key.n : KEY_LEN;
    memcpy(text, key.p, len);
    memcpy(text + len, GUID, sizeof(GUID) - 1);
    SG_ASSERT(EVP_Digest(text, len + sizeof(GUID) - 1, digest, &n, EVP_sha1(), NULL) == 1);
    SG_ASSERT(n == 20);
    EVP_EncodeBlock((unsigned char *)dst, digest, 20);
}

int sg_ws_client_check(const struct sg_http1_response *rs, const char *key,
                       struct sg_str *ret_protocol, struct sg_error *reterr)
{
    const struct sg_http1_headers *h = &rs->headers;
    char accept[29];
    if (rs->status != 101)
        return sg_error_set(reterr, SG_EINVALID, "the server answered %u, expected 101",
                            rs->status);
    if (!sg_str_ieq(sg_http1_header(h, SG_HTTP1_H_UPGRADE), SG_STR("websocket")) ||
        !sg_http1_list_has(h, SG_HTTP1_H_CONNECTION, SG_STR("upgrade")))
        return sg_error_set(reterr, SG_EINVALID, "the server's 101 does not upgrade to websocket");
    sg_ws_accept_key(sg_str_from(key), accept);
    if (h->lines[SG_HTTP1_H_WS_ACCEPT] != 1 ||
        !sg_str_eq_c(sg_http1_header(h, SG_HTTP1_H_WS_ACCEPT), accept))
        return sg_error_set(reterr, SG_EINVALID, "wrong Sec-WebSocket-Accept in the answer");
    if (h->lines[SG_HTTP1_H_WS_EXTENSIONS] || h->lines[SG_HTTP1_H_WS_PROTOCOL] > 1)
        return sg_error_set(reterr, SG_EINVALID, "the server chose what was not offered");
    if (ret_protocol)
        *ret_protocol = sg_http1_header(h, SG_HTTP1_H_WS_PROTOCOL);
    return 0;
}
