/* ws.h - WebSocket codec (RFC 6455): handshake, incoming frames to events, outgoing frame headers.
 * Server and client side.
 *
 *     struct sg_ws_event ev;
 *     while (n > 0) {
 *         size_t used = (size_t)sg_ws_feed(&ws, p, n, &ev);
 *         p += used, n -= used;
 *         switch (ev.type) { case SG_WS_MESSAGE: … case SG_WS_PING: … case SG_WS_CLOSE: … }
 *     }
 *
 * Every byte given is consumed; nothing has to be kept by the caller. A message that lies whole in
 * the bytes given is handed out in place (after unmasking there); others are gathered in the
 * caller's sg_buf, which is given back between messages when it has grown. No allocation per frame.
 * After Close or an error all further bytes are swallowed.
 */
#ifndef STREAMGAUGE_WS_H
#define STREAMGAUGE_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/compiler.h>
#include <streamgauge/deflate.h>
#include <streamgauge/error.h>
#include <streamgauge/http1.h>
#include <sys/types.h>

/* --- handshake, server side --- */

struct sg_ws_handshake_config {
    const struct sg_str
        *protocols; /* subprotocols we speak; the client's order of preference decides */
    size_t protocol_count;
    const struct sg_deflate_config *deflate; /* NULL: permessage-deflate is off */
};

struct sg_ws_handshake {
    char accept[29]; /* Sec-WebSocket-Accept, NUL-terminated */
    int protocol;    /* index into config's protocols, -1 = none agreed */
    struct sg_deflate_params deflate;
    uint16_t status; /* on failure: 400 or 426 (the answer then needs Sec-WebSocket-Version: 13) */
};

/* True when the request asks for a WebSocket: Upgrade lists "websocket". Everything else is
 * sg_ws_handshake_check's to judge. */
SG_API bool sg_ws_wanted(const struct sg_http1_request *rq);
/* RFC 6455 4.2.1. Returns 0, or SG_EINVALID/SG_EUNSUPPORTED with ret->status and a text. Origin and
 * rights are the caller's to check. */
SG_API SG_NODISCARD int sg_ws_handshake_check(const struct sg_http1_request *rq,
                                              const struct sg_ws_handshake_config *config,
                                              struct sg_ws_handshake *ret, struct sg_error *reterr);
/* The 101 response. Further headers (set-cookie, say) may be given as whole lines "Name:
 * value\r\n", or empty. */
SG_API SG_NODISCARD int sg_ws_handshake_write(const struct sg_ws_handshake *hs,
                                              const struct sg_ws_handshake_config *config,
                                              struct sg_str more, struct sg_buf *out);

/* --- handshake, client side --- */

/* Sec-WebSocket-Key of 16 random bytes; dst has 25 bytes. */
SG_API void sg_ws_client_key(const uint8_t random[16], char *dst);
/* Sec-WebSocket-Accept that answers a key; dst has 29 bytes. */
SG_API void sg_ws_accept_key(struct sg_str key, char *dst);
/* Checks a 101 response against the key we sent. Returns 0 or SG_EINVALID; *ret_protocol (NULL
 * allowed) is the chosen one. */
SG_API SG_NODISCARD int sg_ws_client_check(const struct sg_http1_response *rs, const char *key,
                                           struct sg_str *ret_protocol, struct sg_error *reterr);

/* --- frames --- */

enum sg_ws_opcode {
    SG_WS_OP_CONT = 0,
    SG_WS_OP_TEXT = 1,
    SG_WS_OP_BINARY = 2,
    SG_WS_OP_CLOSE = 8,
    SG_WS_OP_PING = 9,
    SG_WS_OP_PONG = 10
};

#define SG_WS_MAX_CONTROL 125

enum sg_ws_event_type {
    SG_WS_NONE,    /* bytes consumed, nothing complete yet */
    SG_WS_MESSAGE, /* text tells the kind; data */
    SG_WS_PING,    /* data: to be sent back as Pong (of a burst the last may do, RFC 6455 5.5.3) */
    SG_WS_PONG,
    SG_WS_CLOSE, /* code (1005 = none given) and reason in data; answer with sg_ws_close_reply */
    SG_WS_ERROR  /* fail the connection: send Close(code), then end it; data has the reason text */
};

struct sg_ws_event {
    enum sg_ws_event_type type;
    bool text;          /* MESSAGE: valid UTF-8 text, else binary */
    uint16_t code;      /* CLOSE, ERROR */
    struct sg_str data; /* borrowed until the next feed, or until the bytes given change */
};

struct sg_ws_config {
    size_t max_message;     /* bytes after inflating; checked at the frame header; beyond: 1009 */
    uint32_t max_fragments; /* frames per message; beyond: 1008 */
    bool client;            /* we are the client: incoming frames must not be masked */
};

struct sg_ws {
    const struct sg_ws_config *config; /* borrowed, shared by all sessions */
    struct sg_buf *msg;                /* borrowed: gathers messages that come in pieces */
    struct sg_inflater *inflater;      /* borrowed; NULL = deflate was not agreed */
    uint64_t left;                     /* payload bytes of the current frame still to come */
    uint64_t seen;                     /* payload bytes of the current message (before inflating) */
    uint32_t fragments;                /* frames of the current message */
    uint32_t utf8;                     /* state of the UTF-8 automaton */
    uint8_t mask[4];                   /* rotated to the next payload byte */
    uint8_t header[14];
    uint8_t header_len; /* bytes in header so far */
    uint8_t state;      /* private */
    uint8_t opcode;     /* of the current frame */
    uint8_t msg_opcode; /* of the message in flight; 0 = none */
    uint8_t control_len;
    bool fin, compressed; /* of the frame; of the message */
    bool delivered;       /* msg holds a message already given out */
    uint8_t control[SG_WS_MAX_CONTROL];
};

/* msg (emptied here) is this session's alone and must allow max_message bytes; what fits no more
 * ends in 1009. inflater comes with sg_inflater_init. */
SG_API void sg_ws_init(struct sg_ws *ws, const struct sg_ws_config *config, struct sg_buf *msg,
                       struct sg_inflater *inflater);
/* Consumes bytes up to and including the first event. n > 0. Returns bytes consumed, 1..n, never
 * negative; the bytes may be changed (unmasked) in place. */
SG_API ssize_t sg_ws_feed(struct sg_ws *ws, char *p, size_t n, struct sg_ws_event *ret);
/* Gives back memory of a message that has been handled; the next feed does it otherwise. Worth a
 * call before the session goes idle. */
SG_API void sg_ws_release(struct sg_ws *ws);

/* --- outgoing --- */

/* Server's frame header. dst has 14 bytes. Returns 2, 4 or 10. */
SG_API size_t sg_ws_frame_header(char *dst, enum sg_ws_opcode opcode, bool fin, bool rsv1,
                                 uint64_t len);
/* Bytes the header of a server's frame of that length takes: 2, 4 or 10. */
static inline size_t sg_ws_frame_header_len(uint64_t len)
{
    return len < 126 ? 2 : len < 65536 ? 4 : 10;
}
/* Appends a whole server's frame, fin set. */
SG_API int sg_ws_write_frame(struct sg_buf *out, enum sg_ws_opcode opcode, bool rsv1,
                             struct sg_str payload);
/* Appends a whole client's frame masked with that key. */
SG_API int sg_ws_write_masked(struct sg_buf *out, enum sg_ws_opcode opcode, const uint8_t key[4],
                              struct sg_str payload);
/* Builds a server's Close frame; the reason is cut at a character boundary to 123 bytes. code 0 (or
 * 1005): an empty Close. dst has 127 bytes. Returns the length. */
SG_API size_t sg_ws_close_frame(char *dst, uint16_t code, struct sg_str reason);
/* The Close frame that answers what a feed returned as SG_WS_CLOSE (echoes its code) or
 * SG_WS_ERROR. dst as above. */
SG_API size_t sg_ws_close_reply(char *dst, const struct sg_ws_event *ev);
/* XORs n bytes with the mask, 8 at a time, and rotates the mask to the next byte. */
SG_API void sg_ws_unmask(char *p, size_t n, uint8_t mask[4]);
/* True for codes that may be on the wire: 1000-1003, 1007-1014, 3000-4999. */
SG_API bool sg_ws_close_code_valid(unsigned code);

#endif
