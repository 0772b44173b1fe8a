/* ws_frame.c - incoming frames (RFC 6455 sections 5, 7, 8.1).
 *
 * Happy path: header bytes are read in place when all are there, else gathered in ws->header; the
 * payload is unmasked where it lies; an unfragmented, uncompressed message that is whole goes out
 * in place, everything else through ws->msg. Control frames are gathered in ws->control, since they
 * may come between the fragments of a message. Failures: the first offending byte decides, in the
 * order of the bytes, so how the bytes are cut never changes the outcome.
 */
#include "utf8.h"
#include <streamgauge/ws.h>

enum state { ST_HEADER, ST_PAYLOAD, ST_CLOSED };

enum { FIN = 0x80, RSV1 = 0x40, RSV23 = 0x30, OPCODE = 0x0f, MASKED = 0x80, LEN = 0x7f };

/* A gathering buffer that has grown past this is given back between messages. */
#define KEEP_BYTES 4096

void sg_ws_init(struct sg_ws *ws, const struct sg_ws_config *config, struct sg_buf *msg,
                struct sg_inflater *inflater)
{
    *ws = (struct sg_ws){.config = config, .msg = msg, .inflater = inflater};
    sg_buf_reset(msg);
}

static bool is_control(unsigned opcode)
{
    return opcode >= 8;
}

static int fail(struct sg_ws *ws, struct sg_ws_event *ret, unsigned code, const char *text)
{
    ws->state = ST_CLOSED;
    ret->type = SG_WS_ERROR;
    ret->code = (uint16_t)code;
    ret->data = sg_str_from(text);
    return -1;
}

static void release_msg(struct sg_ws *ws)
{
    ws->delivered = false;
    if (ws->msg->cap > KEEP_BYTES) {
        size_t max = ws->msg->max;
        sg_buf_deinit(ws->msg);
        sg_buf_init(ws->msg, max);
    } else {
        sg_buf_reset(ws->msg);
    }
}

void sg_ws_release(struct sg_ws *ws)
{
    if (ws->delivered)
        release_msg(ws);
}

/* --- headers --- */

static int check_first(struct sg_ws *ws, unsigned b, struct sg_ws_event *ret)
{
    unsigned opcode = b & OPCODE;
    bool data = opcode == SG_WS_OP_TEXT || opcode == SG_WS_OP_BINARY;
    if (b & RSV23)
        return fail(ws, ret, 1002, "reserved bit set");
    if ((b & RSV1) && !(data && ws->inflater))
        return fail(ws, ret, 1002, "RSV1 set without a compressed message");
    if (!data && opcode != SG_WS_OP_CONT && (opcode < SG_WS_OP_CLOSE || opcode > SG_WS_OP_PONG))
        return fail(ws, ret, 1002, "reserved opcode");
    if (is_control(opcode))
        return b & FIN ? 0 : fail(ws, ret, 1002, "fragmented control frame");
    if (opcode == SG_WS_OP_CONT && !ws->msg_opcode)
        return fail(ws, ret, 1002, "continuation without a message");
    if (data && ws->msg_opcode)
        return fail(ws, ret, 1002, "new message inside a fragmented one");
    if (ws->fragments >= ws->config->max_fragments)
        return fail(ws, ret, 1008, "too many fragments");
    return 0;
}

static int check_second(struct sg_ws *ws, unsigned first, unsigned b, struct sg_ws_event *ret)
{
    bool masked = (b & MASKED) != 0;
    if (masked == ws->config->client)
        return fail(ws, ret, 1002, masked ? "masked frame from server" : "unmasked frame");
    if (is_control(first & OPCODE) && (b & LEN) > SG_WS_MAX_CONTROL)
        return fail(ws, ret, 1002, "control frame longer than 125 bytes");
    return 0;
}

/* Bytes of the header, as far as its first two tell. */
static size_t header_need(const struct sg_ws *ws, const uint8_t *h)
{
    unsigned len = h[1] & LEN;
    return 2u + (len == 126 ? 2 : len == 127 ? 8 : 0) + (ws->config->client ? 0 : 4);
}

static uint64_t read_be(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* Payload length with its limits; the length bytes are all there. */
static int check_length(struct sg_ws *ws, const uint8_t *h, uint64_t *ret_len,
                        struct sg_ws_event *ret)
{
    uint64_t len = h[1] & LEN, least = 0;
    if (len == 126)
        len = read_be(h + 2, 2), least = 126;
    else if (len == 127)
        len = read_be(h + 2, 8), least = 65536;
    if (len < least)
        return fail(ws, ret, 1002, "length not in its shortest form");
    if (len >> 63)
        return fail(ws, ret, 1002, "length with its highest bit set");
    *ret_len = len;
    if (is_control(h[0] & OPCODE))
        return 0;
    /* What a compressed message may take more than its content: stored blocks and flushes. */
    uint64_t max = ws->config->max_message;
    bool compressed = (h[0] & OPCODE) == SG_WS_OP_CONT ? ws->compressed : (h[0] & RSV1) != 0;
    if (compressed)
        max += max / 8 + 64;
    uint64_t seen = (h[0] & OPCODE) == SG_WS_OP_CONT ? ws->seen : 0;
    return len > max - seen ? fail(ws, ret, 1009, "message too big") : 0;
}

/* A whole header: the frame begins. */
static void begin_frame(struct sg_ws *ws, const uint8_t *h, size_t need, uint64_t len)
{
    ws->opcode = h[0] & OPCODE;
    ws->fin = (h[0] & FIN) != 0;
    ws->left = len;
    if (!ws->config->client)
        memcpy(ws->mask, h + need - 4, 4);
    ws->state = ST_PAYLOAD;
    ws->header_len = 0;
    if (is_control(ws->opcode)) {
        ws->control_len = 0;
        return;
    }
    if (ws->opcode != SG_WS_OP_CONT) {
        ws->msg_opcode = ws->opcode;
        ws->compressed = (h[0] & RSV1) != 0;
        ws->seen = 0;
        ws->utf8 = 0;
    }
    ws->fragments++;
    ws->seen += len;
}

/* Takes header bytes from p. Returns how many; fails with -1. */
static ssize_t feed_header(struct sg_ws *ws, const char *p, size_t n, struct sg_ws_event *ret)
{
    const uint8_t *h = (const uint8_t *)p;
    size_t have = n, used = 0;
    bool gathered = ws->header_len > 0 || n < sizeof(ws->header);
    if (gathered) {
        used = sizeof(ws->header) - ws->header_len;
        used = used < n ? used : n;
        memcpy(ws->header + ws->header_len, p, used);
        h = ws->header;
        have = ws->header_len + used;
    }
    if (check_first(ws, h[0], ret) < 0 || (have >= 2 && check_second(ws, h[0], h[1], ret) < 0))
        return -1;
    size_t need = have >= 2 ? header_need(ws, h) : 2;
    /* The length is judged before the mask is there. */
    size_t length_end = need - (have >= 2 && !ws->config->client ? 4 : 0);
    uint64_t len = 0;
    if (have >= 2 && have >= length_end && check_length(ws, h, &len, ret) < 0)
        return -1;
    if (have < 2 || have < need) {
        ws->header_len = (uint8_t)have;
        return (ssize_t)used;
    }
    used = need - (gathered ? ws->header_len : 0u);
    begin_frame(ws, h, need, len);
    return (ssize_t)used;
}

/* --- payload --- */

static int finish_close(struct sg_ws *ws, struct sg_ws_event *ret)
{
    size_t n = ws->control_len;
    if (n == 1)
        return fail(ws, ret, 1002, "close frame of one byte");
    unsigned code = 1005;
    sg__utf8_state utf8 = 0;
    if (n >= 2) {
        code = (unsigned)read_be(ws->control, 2);
        if (!sg_ws_close_code_valid(code))
            return fail(ws, ret, 1002, "close code not allowed");
        if (!sg__utf8_feed(&utf8, (const char *)ws->control + 2, n - 2) || utf8)
            return fail(ws, ret, 1007, "close reason is not UTF-8");
    }
    ws->state = ST_CLOSED;
    ret->type = SG_WS_CLOSE;
    ret->code = (uint16_t)code;
    ret->data = n > 2 ? sg_str_make((const char *)ws->control + 2, n - 2) : SG_STR("");
    return 0;
}

static int finish_control(struct sg_ws *ws, struct sg_ws_event *ret)
{
    ws->state = ST_HEADER;
    if (ws->opcode == SG_WS_OP_CLOSE)
        return finish_close(ws, ret);
    ret->type = ws->opcode == SG_WS_OP_PING ? SG_WS_PING : SG_WS_PONG;
    ret->data = sg_str_make((const char *)ws->control, ws->control_len);
    return 0;
}

static int check_text(struct sg_ws *ws, const char *p, size_t n, struct sg_ws_event *ret)
{
    if (ws->msg_opcode == SG_WS_OP_TEXT && !sg__utf8_feed(&ws->utf8, p, n))
        return fail(ws, ret, 1007, "text is not UTF-8");
    return 0;
}

/* What came out of the inflater since msg was `before` long, and its own verdict r: the text goes
 * first, since it came first. */
static int check_inflated(struct sg_ws *ws, size_t before, int r, struct sg_ws_event *ret)
{
    size_t n = ws->msg->len - before;
    if (n > 0 && check_text(ws, ws->msg->data + before, n, ret) < 0)
        return -1;
    switch (r) {
    case 0:
        return 0;
    case SG_ELIMIT:
        return fail(ws, ret, 1009, "message too big after inflating");
    case SG_ENOMEM:
        return fail(ws, ret, 1011, "out of memory");
    default:
        return fail(ws, ret, 1007, "compressed data is damaged");
    }
}

/* The message is complete: whole at p, or in msg (p == NULL). */
static int finish_message(struct sg_ws *ws, const char *p, size_t n, struct sg_ws_event *ret)
{
    if (ws->compressed) {
        size_t before = ws->msg->len;
        int r = sg_inflater_finish(ws->inflater, ws->msg, ws->config->max_message);
        if (check_inflated(ws, before, r, ret) < 0)
            return -1;
    }
    if (ws->utf8)
        return fail(ws, ret, 1007, "text ends inside a UTF-8 character");
    ret->type = SG_WS_MESSAGE;
    ret->text = ws->msg_opcode == SG_WS_OP_TEXT;
    ret->data = p ? sg_str_make(p, n) : sg_buf_str(ws->msg);
    ws->delivered = !p;
    ws->msg_opcode = 0;
    ws->fragments = 0;
    return 0;
}

/* n unmasked payload bytes of a data frame. */
static int feed_data(struct sg_ws *ws, const char *p, size_t n, struct sg_ws_event *ret)
{
    bool whole = ws->fin && ws->fragments == 1 && !ws->compressed && n == ws->seen;
    ws->left -= n;
    if (ws->compressed) {
        size_t before = ws->msg->len;
        int r = n ? sg_inflater_feed(ws->inflater, p, n, ws->msg, ws->config->max_message) : 0;
        if (check_inflated(ws, before, r, ret) < 0)
            return -1;
    } else {
        if (check_text(ws, p, n, ret) < 0)
            return -1;
        if (!whole && sg_buf_append(ws->msg, p, n) < 0)
            return fail(ws, ret, 1009, "message does not fit");
    }
    if (ws->left > 0)
        return 0;
    ws->state = ST_HEADER;
    return ws->fin ? finish_message(ws, whole ? p : NULL, n, ret) : 0;
}

static int feed_payload(struct sg_ws *ws, char *p, size_t n, struct sg_ws_event *ret)
{
    if (!ws->config->client)
        sg_ws_unmask(p, n, ws->mask);
    if (!is_control(ws->opcode))
        return feed_data(ws, p, n, ret);
    memcpy(ws->control + ws->control_len, p, n);
    ws->control_len = (uint8_t)(ws->control_len + n);
    ws->left -= n;
    return ws->left == 0 ? finish_control(ws, ret) : 0;
}

ssize_t sg_ws_feed(struct sg_ws *ws, char *p, size_t n, struct sg_ws_event *ret)
{
    *ret = (struct sg_ws_event){.type = SG_WS_NONE, .data = {"", 0}};
    sg_ws_release(ws);
    size_t used = 0;
    while (used < n && ret->type == SG_WS_NONE) {
        if (ws->state == ST_CLOSED)
            return (ssize_t)n;
        if (ws->state == ST_HEADER) {
            ssize_t r = feed_header(ws, p + used, n - used, ret);
            if (r < 0)
                return (ssize_t)n;
            used += (size_t)r;
            if (ws->state == ST_HEADER)
                continue;
        }
        size_t take = ws->left < n - used ? (size_t)ws->left : n - used;
        if (take == 0 && ws->left > 0)
            break;
        char *payload = p + used;
        used += take;
        if (feed_payload(ws, payload, take, ret) < 0)
            return (ssize_t)n;
    }
    return (ssize_t)used;
}
