/* ws.c - WebSocket sessions: handshake, frames in, blocks of the hub out, pings, the closing
 * handshake.
 *
 * Nothing is sent behind our Close. The hub's transport calls only write and mark; a connection
 * ends from the loop.
 */
#include "http.h"

#include <stdio.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/ws.h>
#include <string.h>

#define RETRY_WHEN_FULL_MS 5000

struct sg__ws {
    struct sg_ws codec;
    struct sg_buf msg;
    struct sg_session *session; /* NULL: refused, only the closing handshake is left */
    struct sg_inflater *inflater;
    bool close_sent;
};

static const struct sg_str stream_protocols[] = {{"streamgauge.v1", 14}};

static int ws_write(void *ctx, const char *data, size_t n)
{
    struct sg__conn *c = ctx;
    if (c->doomed || c->ws->close_sent)
        return SG_EIO;
    sg__count(&c->edge->counters, SG__C_BLOCKS, 1);
    if (!c->partial)
        return sg__conn_send(c, data, n);
    sg__conn_send_last(c, data, n); /* a Pong found the socket full, the hub does not know yet */
    return c->doomed ? SG_EIO : SG_EBUSY;
}

static void send_close(struct sg__conn *c, unsigned code, struct sg_str reason)
{
    char frame[SG_LWS_PRE + 127];
    if (c->ws->close_sent)
        return;
    c->ws->close_sent = true;
    size_t n = sg_ws_close_frame(frame + SG_LWS_PRE, (uint16_t)code, reason);
    sg__conn_send_last(c, frame + SG_LWS_PRE, n);
    sg__conn_arm(c, c->edge->net->cfg.limits.close_ms);
}

static void ws_close(void *ctx, unsigned code, const char *reason)
{
    struct sg__conn *c = ctx;
    if (c->doomed)
        return;
    if (!c->reason)
        c->reason = code == 1001                   ? SG__C_CLOSED_DRAIN
                    : code == 4001 || code == 4003 ? SG__C_CLOSED_AUTH
                    : code == 1008                 ? SG__C_CLOSED_STALL
                                                   : SG__C_CLOSED_PROTOCOL;
    send_close(c, code, sg_str_from(reason ? reason : ""));
}

static const struct sg_transport ws_transport = {.write = ws_write, .close = ws_close};

/* --- opening --- */

static void refuse(struct sg__conn *c, const struct sg_ws_handshake *hs, const struct sg_error *err)
{
    sg__reply_error_with(c, hs->status ? hs->status : 400,
                         hs->status == 426 ? "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n"
                                           : "",
                         err->text[0] ? err->text : "not a WebSocket handshake");
}

static int open_session(struct sg__conn *c, const struct sg_ws_handshake *hs,
                        const struct sg__route *route, unsigned rights)
{
    struct sg_session_options so = {
        .wire = SG_WIRE_WS,
        .dialect = route->kind == SG__ROUTE_NOTIFICATIONS ? SG_DIALECT_NOTES
                   : hs->protocol == 0                    ? SG_DIALECT_V1
                                                          : SG_DIALECT_SIMPLE,
        .transport = &ws_transport,
        .ctx = c,
        .rights = rights,
        .deflate = hs->deflate.agreed,
    };
    if (!sg__conn_enter_session(c))
        return SG_ELIMIT;
    return sg_session_open(c->edge->hub, &so, &c->ws->session, NULL);
}

/* From here on the connection speaks frames. */
static void become_ws(struct sg__conn *c, const struct sg_ws_handshake *hs)
{
    struct sg__edge *e = c->edge;
    sg__http_free(c);
    struct sg__ws *ws = sg_calloc(1, sizeof(*ws));
    sg_buf_init(&ws->msg, e->net->cfg.hub.message_bytes + 64);
    if (hs->deflate.agreed) {
        ws->inflater = sg_alloc(sizeof(*ws->inflater));
        sg_inflater_init(ws->inflater, &hs->deflate, 0);
    }
    sg_ws_init(&ws->codec, &e->ws_config, &ws->msg, ws->inflater);
    c->ws = ws;
    c->state = SG__CONN_WS;
    c->was_ws = true;
    sg__count(&e->counters, SG__C_SESSIONS_WS, 1);
    sg__count(&e->counters, SG__C_OPENED_WS, 1);
}

void sg__ws_upgrade(struct sg__conn *c, const struct sg__route *route, unsigned rights)
{
    static const struct sg_deflate_config deflate = {.server_bits = 15, .min_server_bits = 15};
    struct sg__edge *e = c->edge;
    struct sg_ws_handshake hs;
    struct sg_error err = {0};
    struct sg_ws_handshake_config config = {
        .protocols = stream_protocols,
        .protocol_count = route->kind == SG__ROUTE_STREAM ? 1 : 0,
        .deflate = e->net->cfg.deflate ? &deflate : NULL,
    };
    memset(&hs, 0, sizeof(hs));
    if (sg_ws_handshake_check(&e->rq, &config, &hs, &err) < 0) {
        refuse(c, &hs, &err);
        return;
    }
    sg_buf_reset(&e->out);
    if (sg_ws_handshake_write(&hs, &config, SG_STR(""), &e->out) < 0) {
        sg__reply_error(c, 400, true, "handshake not acceptable");
        return;
    }
    sg__reply_count(e, 101);
    become_ws(c, &hs);
    if (sg__conn_send(c, e->out.data, e->out.len) == SG_EIO)
        return;
    if (e->draining || open_session(c, &hs, route, rights) < 0) {
        char reason[48];
        snprintf(reason, sizeof(reason), "{\"retryAfter\":%d}", RETRY_WHEN_FULL_MS);
        c->reason = SG__C_CLOSED_DONE;
        send_close(c, e->draining ? 1001 : 1013, sg_str_from(reason));
        return;
    }
    /* The first ping comes somewhere within a period, so that those who came together do not stay
     * together. */
    sg__conn_arm(c, 1 + (int64_t)(sg_rand_u64() % (uint64_t)e->net->cfg.limits.ping_ms));
    sg_session_start(c->ws->session);
}

void sg__ws_free(struct sg__conn *c)
{
    struct sg__ws *ws = c->ws;
    if (!ws)
        return;
    if (ws->session)
        sg_session_closed(ws->session);
    if (ws->inflater) {
        sg_inflater_deinit(ws->inflater);
        sg_free(ws->inflater);
    }
    sg_buf_deinit(&ws->msg);
    sg_free(ws);
    c->ws = NULL;
}

/* --- in --- */

struct burst {
    size_t n; /* of the last ping; only that one is answered (RFC 6455 5.5.3) */
    bool ping;
    char payload[SG_WS_MAX_CONTROL];
};

static void send_pong(struct sg__conn *c, struct burst *b)
{
    char frame[SG_LWS_PRE + 2 + SG_WS_MAX_CONTROL];
    if (!b->ping || c->ws->close_sent || c->doomed)
        return;
    b->ping = false;
    size_t h = sg_ws_frame_header(frame + SG_LWS_PRE, SG_WS_OP_PONG, true, false, b->n);
    memcpy(frame + SG_LWS_PRE + h, b->payload, b->n);
    sg__conn_send_last(c, frame + SG_LWS_PRE, h + b->n);
}

/* The peer said Close, or what it sent was no WebSocket. */
static void answer_close(struct sg__conn *c, const struct sg_ws_event *ev)
{
    char frame[SG_LWS_PRE + 127];
    if (!c->ws->close_sent) {
        c->ws->close_sent = true;
        size_t n = sg_ws_close_reply(frame + SG_LWS_PRE, ev);
        sg__conn_send_last(c, frame + SG_LWS_PRE, n);
    }
    sg__conn_end(c, ev->type == SG_WS_ERROR ? SG__C_CLOSED_PROTOCOL : SG__C_CLOSED_PEER);
}

static void message(struct sg__conn *c, const struct sg_ws_event *ev)
{
    struct sg__ws *ws = c->ws;
    if (ws->close_sent || !ws->session)
        return;
    if (ev->text) {
        sg_session_receive(ws->session, ev->data);
        return;
    }
    c->reason = SG__C_CLOSED_PROTOCOL;
    send_close(c, 1003, SG_STR("only text messages are understood"));
}

void sg__ws_rx(struct sg__conn *c, char *p, size_t n)
{
    struct burst burst = {.n = 0};
    while (n > 0 && !c->doomed) {
        struct sg_ws_event ev;
        size_t used = (size_t)sg_ws_feed(&c->ws->codec, p, n, &ev);
        p += used;
        n -= used;
        if (ev.type == SG_WS_PING) {
            burst.ping = true;
            burst.n = ev.data.n;
            memcpy(burst.payload, ev.data.p, ev.data.n);
        } else if (ev.type == SG_WS_MESSAGE) {
            send_pong(c, &burst);
            message(c, &ev);
            sg_ws_release(&c->ws->codec); /* the next bytes may be long in coming */
        } else if (ev.type == SG_WS_CLOSE || ev.type == SG_WS_ERROR) {
            send_pong(c, &burst);
            answer_close(c, &ev);
            return;
        }
    }
    send_pong(c, &burst);
}

/* --- out --- */

void sg__ws_writeable(struct sg__conn *c)
{
    if (!c->ws->close_sent && c->ws->session)
        sg_session_writable(c->ws->session);
}

static void ping(struct sg__conn *c)
{
    static const char memory[SG_LWS_PRE + 4] = {[SG_LWS_PRE] = (char)0x89, 1, '.'};
    sg__count(&c->edge->counters, SG__C_PINGS, 1);
    (void)sg__conn_send(c, memory + SG_LWS_PRE, 3);
}

void sg__ws_timer(struct sg__conn *c)
{
    if (c->ws->close_sent) {
        if (c->partial)
            sg__conn_doom(c, SG__C_CLOSED_STALL);
        else
            sg__conn_end(c, SG__C_CLOSED_DONE);
        return;
    }
    if (c->partial) {
        /* Nothing can be asked of it now; the hub ends it when it takes nothing for too long. */
    } else if (c->heard) {
        c->missed = 0;
    } else if (c->missed >= 2) {
        sg__conn_doom(c, SG__C_CLOSED_PING);
        return;
    } else {
        c->missed++;
        ping(c);
    }
    c->heard = false;
    if (!c->doomed)
        sg__conn_arm(c, c->edge->net->cfg.limits.ping_ms);
}
