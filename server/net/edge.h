/* edge.h - the insides of net, shared by its files: the server, its edges, their connections.
 *
 * One thread per edge. Everything of an edge is touched by its own thread only, but the queues, the
 * counters and `wake`. The order within a turn of the loop: socket events, frames and messages of
 * other threads, the 100 ms timer (wheel, hub), and before the loop sleeps the connections that are
 * doomed are closed. Nothing closes a connection in the midst of a callback.
 */
#ifndef SG_NET_EDGE_H
#define SG_NET_EDGE_H

#include "auth.h"
#include "counters.h"
#include "peers.h"
#include "route.h"
#include "tls.h"
#include "wheel.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <streamgauge/http1.h>
#include <streamgauge/hub.h>
#include <streamgauge/ingest.h>
#include <streamgauge/net.h>
#include <streamgauge/queue.h>
#include <streamgauge/ws.h>
#include <uv.h>

#define SG__PATH_MAX 8192
/* Connections over max_connections that are still taken in, to be told 503 properly. */
#define SG__REFUSAL_ROOM 64
/* Largest response head, and largest response that is sent in one piece with it. */
#define SG__OUT_MAX (64 * 1024)
#define SG__INFLATE_STEP (32 * 1024)

struct sg__edge;
struct sg__request;
struct sg__ws;
struct sg__stream;

enum sg__conn_state {
    SG__CONN_HEAD,    /* waits for, or is within, a request's head */
    SG__CONN_BODY,    /* takes a request's body */
    SG__CONN_BUSY,    /* somebody works on the answer */
    SG__CONN_SENDING, /* the answer is on its way, the socket is full */
    SG__CONN_WS,
    SG__CONN_STREAM, /* SSE or NDJSON */
    SG__CONN_LINGER  /* all is said; waits for the peer's end */
};

/* One accepted socket. Small: an idle session is this, its session in the hub and lws's part. */
struct sg__conn {
    struct lws *wsi;
    struct sg__edge *edge;
    struct sg__wheel_entry timer; /* meaning by state */
    struct sg_list all;           /* in edge->conns */
    struct sg_list pending;       /* in edge->fresh until the first head; in doomed or ending */
    struct sg__peer_key peer;
    int64_t since_ms;  /* monotonic; start of the state, of the stall, of the ping period */
    uint64_t progress; /* body bytes, or what the peer had acknowledged at the last look */
    union {
        struct sg__request *request; /* NULL between requests */
        struct sg__ws *ws;
        struct sg__stream *stream;
    };
    SSL *ssl;       /* of wsi, known after the first write; NULL when plain */
    int fd;         /* of wsi; what we write goes there, or through ssl, without lws */
    uint8_t state;  /* enum sg__conn_state */
    uint8_t reason; /* enum sg__counter: why it was closed; 0: the peer did */
    bool tls : 1;
    bool loopback : 1;
    bool counted : 1;     /* in peers */
    bool established : 1; /* the first head is complete */
    bool doomed : 1;
    bool partial : 1; /* lws holds bytes the socket did not take */
    bool paused : 1;  /* we do not read */
    bool ending : 1;  /* shut down as soon as the socket has drained */
    bool refused : 1; /* over a limit: everything but health is told 503 */
    bool heard : 1;   /* since the last ping */
    bool spoke : 1;   /* any byte has come */
    bool was_ws : 1, was_sse : 1, was_ndjson : 1; /* gauges to take back */
    bool in_session_count : 1;
    uint8_t missed; /* pings */
};

struct sg__listener {
    struct sg__edge *edge;
    uv_poll_t poll;
    int fd;
    bool tls, polling;
};

enum sg__message_kind {
    SG__MSG_SERVE, /* all edges are there: accept */
    SG__MSG_DRAIN,
    SG__MSG_STOP,
    SG__MSG_RELOAD_TLS, /* pair: one reference of an SSL_CTX */
    SG__MSG_JUDGE,      /* the tokens were replaced */
    SG__MSG_NAMES,      /* names: one reference of the configured streams */
    SG__MSG_FORWARD,    /* an action for a session of this edge, within a struct sg__request */
    SG__MSG_FORWARDED,  /* its answer */
    SG__MSG_PIECES,     /* of an answer that the pool makes: see pieces.h */
};

/* From another thread to an edge. */
struct sg__message {
    struct sg_mpsc_node node; /* first */
    enum sg__message_kind kind;
    SSL_CTX *pair;
    struct sg_live_names *names;
};

enum sg__edge_state { SG__EDGE_STARTING, SG__EDGE_SERVING, SG__EDGE_FAILED, SG__EDGE_ENDED };

struct sg__edge {
    struct sg_net *net;
    unsigned number;
    pthread_t thread;
    enum sg__edge_state state; /* under net->lock */
    struct sg_error error;     /* FAILED: why */

    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    uv_prepare_t before_sleep;
    struct lws_context *lws;
    struct lws_vhost *plain, *secure;
    SSL_CTX *tls;                /* of `secure`; borrowed */
    struct sg_live_names *names; /* of a reload, one reference; NULL: the configuration's */
    struct sg__listener *listener;
    size_t listener_count;
    int reserve_fd;            /* given up for a moment to refuse a connection when fds are out */
    int64_t accept_resume_ms;  /* listeners rest until then; 0: they do not */
    struct sg__conn *adopting; /* given to lws, not yet owned by a wsi */

    struct sg_mpsc frames, messages;
    struct sg_hub *hub;
    struct sg_hub_hooks hub_hooks;
    struct sg_ws_config ws_config;
    struct sg_batcher *batcher;
    struct sg__wheel wheel;
    struct sg_list conns, fresh, doomed, ending;
    uint32_t fresh_count;
    uint32_t jobs;     /* on the pool, or waiting for it */
    atomic_bool hurry; /* jobs of this edge should stop */
    bool draining, stopping;
    struct sg__counters counters;

    int64_t now_ms;  /* monotonic, of this turn */
    int64_t wall_ms; /* of this turn */
    int64_t date_s;
    char date[32];
    struct sg_http1_request rq; /* scratch of the request being looked at */
    char path[SG__PATH_MAX];    /* its decoded path */
    struct sg_buf out;          /* scratch: response heads and small responses */
    char inflated[SG__INFLATE_STEP];
};

struct sg_net {
    struct sg_net_config cfg; /* as given; pointers borrowed */
    struct sg__auth auth;
    struct sg__routes routes;
    struct sg__peers peers;
    struct sg_source http_source;
    struct sg_source *source;
    uint16_t *ports;
    SSL_CTX *pair; /* certificate and key as last loaded; under lock */
    unsigned char ticket_keys[SG__TICKET_KEYS];
    atomic_uint connections, sessions;
    atomic_size_t collected; /* bytes of bodies that are held whole */
    atomic_bool draining;
    pthread_mutex_t lock;
    pthread_cond_t changed;              /* an edge's state, or its last connection went */
    unsigned edge_count, serving, ended; /* serving, ended: under lock */
    struct sg__edge *edge[SG_EDGES_MAX];
};

/* --- lws.c --- */
/* On the edge's thread. Fills lws, plain, secure, tls. */
int sg__lws_open(struct sg__edge *e, struct sg_error *reterr);
/* Hands a socket to lws; takes fd. False: it is closed and the connection is gone. */
bool sg__lws_adopt(struct sg__edge *e, struct sg__conn *c, int fd);

/* --- edge.c --- */
/* Takes the fds, also when it fails. The edge serves when it is told SG__MSG_SERVE. */
int sg__edge_start(struct sg_net *net, unsigned number, const int *fds, struct sg_error *reterr);
/* An edge's hub is looked at by the others (metrics): free none before all are joined. */
void sg__edge_join(struct sg__edge *e);
void sg__edge_free(struct sg__edge *e);
/* Any thread. Returns 0 and takes the message, or SG_EBUSY. Weight 0 is never refused. */
int sg__edge_tell(struct sg__edge *e, struct sg__message *m, size_t weight);
void sg__edge_update_clock(struct sg__edge *e);

/* --- accept.c --- */
/* Takes the fds, one per listen. Does not accept yet. */
int sg__accept_open(struct sg__edge *e, const int *fds);
void sg__accept_start(struct sg__edge *e);
void sg__accept_close(struct sg__edge *e);
/* From the timer: wakes listeners that rest. */
void sg__accept_resume(struct sg__edge *e);

/* --- conn.c --- */
struct sg__conn *sg__conn_new(struct sg__edge *e, bool tls);
/* Before lws has it, or when lws says it is closed. */
void sg__conn_free(struct sg__conn *c);
/* From lws. RX: p may be changed. Both return -1 when the connection has to go. */
int sg__conn_rx(struct sg__conn *c, char *p, size_t n);
int sg__conn_writeable(struct sg__conn *c);
/* Sends; not while partial. 0, SG_EBUSY (taken, but the socket is full), SG_EIO (doomed). */
int sg__conn_send(struct sg__conn *c, const char *p, size_t n);
/* Sends even while partial: at most a control frame. */
void sg__conn_send_last(struct sg__conn *c, const char *p, size_t n);
/* Closes at the end of the turn, what is unsent is lost. The first reason counts. */
void sg__conn_doom(struct sg__conn *c, enum sg__counter reason);
/* Ends in order: what was sent arrives, then our end, then the peer's or the end of close_ms. */
void sg__conn_end(struct sg__conn *c, enum sg__counter reason);
void sg__conn_arm(struct sg__conn *c, int64_t after_ms);
void sg__conn_timer(void *edge, struct sg__wheel_entry *entry);
void sg__conn_pause(struct sg__conn *c, bool pause);
/* The first head is complete: it no longer counts as slow. */
void sg__conn_established(struct sg__conn *c);
/* Counts one more session of the whole server; false at the limit. Taken back by conn_free. */
bool sg__conn_enter_session(struct sg__conn *c);
/* Ends it (as conn_end) before the loop sleeps: for use within a call of the hub. */
void sg__conn_end_later(struct sg__conn *c, enum sg__counter reason);
/* True when the peer acknowledged bytes since the last call. */
bool sg__conn_progressed(struct sg__conn *c);

/* --- acked.c --- */
/* Bytes the peer of a TCP socket has acknowledged so far; 0 when that is not known. */
uint64_t sg__socket_acked(int fd);

/* --- http.c: see http.h for the rest --- */
size_t sg__http_feed(struct sg__conn *c, char *p, size_t n); /* HEAD, BODY: bytes used, > 0 */
void sg__http_writeable(struct sg__conn *c);
void sg__http_timer(struct sg__conn *c);
void sg__http_free(struct sg__conn *c);
/* While busy: keeps bytes for later. */
void sg__http_stash(struct sg__conn *c, const char *p, size_t n);
void sg__http_forward(struct sg__edge *e, struct sg__message *m);   /* on the session's edge */
void sg__http_forwarded(struct sg__edge *e, struct sg__message *m); /* back home */
void sg__http_forward_drop(struct sg__message *m);                  /* nobody is home any more */

/* --- ws.c --- */
void sg__ws_upgrade(struct sg__conn *c, const struct sg__route *route, unsigned rights);
void sg__ws_rx(struct sg__conn *c, char *p, size_t n);
void sg__ws_writeable(struct sg__conn *c);
void sg__ws_timer(struct sg__conn *c);
void sg__ws_free(struct sg__conn *c);

/* --- events.c: SSE and NDJSON --- */
void sg__events_open(struct sg__conn *c, unsigned rights);
void sg__events_writeable(struct sg__conn *c);
void sg__events_timer(struct sg__conn *c);
void sg__events_free(struct sg__conn *c);

/* --- hooks.c: what the hub asks of its edge --- */
int sg__hooks_open(struct sg__edge *e, struct sg_error *reterr);

#endif
