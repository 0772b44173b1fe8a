/* net.h - the edge threads: sockets, TLS, HTTP, WebSocket and SSE over the codecs of wire and the
 * sessions of hub.
 *
 *     struct sg_net_config cfg;
 *     sg_net_config_default(&cfg);
 *     cfg.listen = …; cfg.routes = …; cfg.hooks = …;
 *     if (sg_net_start(&cfg, &net, &err) < 0) …           // all of it serves, or nothing does
 *     engine, per tick: sg_net_publish_take(net, edge, batch) for every edge
 *     sg_net_drain(net, 8000);                            // waits until every client is gone
 *     sg_net_free(net);
 *
 * Each edge is one thread with one uv loop, one hub and its own SO_REUSEPORT listeners. What is
 * given in the configuration is borrowed until sg_net_free. Functions here may be called from any
 * thread but the edges', those marked "engine thread" from one at a time.
 */
#ifndef STREAMGAUGE_NET_H
#define STREAMGAUGE_NET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/compiler.h>
#include <streamgauge/error.h>
#include <streamgauge/frame.h>
#include <streamgauge/http1.h>
#include <streamgauge/hub.h>
#include <streamgauge/ingest.h>
#include <streamgauge/rights.h>
#include <streamgauge/str.h>

struct sg_net;
struct sg_batch;
struct sg_control;
struct sg_live_names;
struct sg_promql_eval_options;
struct sg_source;
struct sg_store;

struct sg_net_token {
    const char *name; /* for logs and metrics; never the token */
    const char *hash; /* "sha256:" + 64 hex digits of SHA-256(token) */
    unsigned rights;  /* mask of enum sg_right */
};

struct sg_net_listen {
    const char *address; /* numeric IPv4 or IPv6 address without brackets */
    uint16_t port;       /* 0: the kernel chooses (sg_net_port tells) */
    bool tls;
};

/* One file served from memory. br and gzip may be {NULL, 0}. */
struct sg_net_asset {
    const char *path; /* "/", "/app.js" */
    const char *type; /* Content-Type */
    const char *etag; /* with quotes, strong, unique per content */
    struct sg_str body, br, gzip;
    bool immutable; /* the name has a hash of the content in it: cached for a year */
};

/* --- further routes, from app --- */

/* A request whose body is complete, and the answer to it. Handlers fill status, type, out and may
 * add header lines. */
struct sg_net_exchange {
    enum sg_http1_method method;
    struct sg_str path;         /* decoded */
    struct sg_str tail;         /* what the '*' at the end of the route's path stands for */
    struct sg_str query;        /* still encoded; .p NULL when there was none */
    struct sg_str content_type; /* empty when absent; likewise accept */
    struct sg_str accept;
    struct sg_str if_match;
    struct sg_str body;    /* decoded from gzip or deflate */
    unsigned rights;       /* what the caller has */
    struct sg_str who;     /* name of his token; empty: none */
    int64_t arrived_us;    /* monotonic; when the request was complete */
    atomic_bool canceled;  /* the client has gone: long work may stop */
    uint16_t status;       /* answer; 200 when the handler starts */
    const char *type;      /* "application/json" when the handler starts; static text */
    struct sg_buf out;     /* body of the answer */
    struct sg_buf headers; /* whole lines "Name: value\r\n" */
    /* Of the implementation: sends `out`. NULL: the answer is kept whole. */
    int (*more)(struct sg_net_exchange *x);
};
typedef void sg_net_handler(void *ctx, struct sg_net_exchange *x);

#define SG_NET_METHOD(m) (1u << SG_HTTP1_##m)

struct sg_net_route {
    const char *path; /* exact, or with a final '*' a prefix; the longest match wins */
    unsigned methods; /* mask of SG_NET_METHOD; HEAD comes with GET */
    unsigned right;   /* one enum sg_right */
    size_t max_body;  /* bytes after inflating; 0: a body is refused (413) */
    bool pooled; /* handle runs on libuv's pool and may take its time; else on the edge loop, where
                    it must stay below 1 ms */
    sg_net_handler *handle;
    void *ctx;
    sg_net_handler
        *busy; /* writes the answer when the pool is full, on the edge loop; NULL: a 503 */
};

/* Sets status, type and {"error":"…"} with the message escaped. */
SG_API void sg_net_exchange_error(struct sg_net_exchange *x, uint16_t status, const char *fmt, ...)
    SG_PRINTF(3, 4);

/* From that size on an answer of a pooled handler can be sent while it is made. */
#define SG_NET_PIECE ((size_t)512 * 1024)

/* For pooled handlers, now and then while they write `out`: once there is a piece of it, the piece
 * is sent (encoded as the client accepts) and `out` is empty again. Status, type and headers can
 * then not be changed any more. Waits while the client is slow, so an answer takes bounded memory.
 * SG_ECANCELED: the client is gone, the handler may stop. */
static inline int sg_net_exchange_flush(struct sg_net_exchange *x)
{
    if (atomic_load_explicit(&x->canceled, memory_order_relaxed))
        return SG_ECANCELED;
    return x->out.len < SG_NET_PIECE || !x->more ? 0 : x->more(x);
}

/* --- what net asks of the rest; all called on edge threads --- */

struct sg_net_hooks {
    void *ctx;
    /* Passes a parsed batch to the engine. Returns 0 and takes it, or SG_EBUSY and leaves it. */
    int (*ingest)(void *ctx, struct sg_batch *batch);
    /* Passes the wish for a stream to the engine. Returns 0 and takes it, or SG_EBUSY and leaves
     * it. */
    int (*control)(void *ctx, struct sg_control *c);
    /* Acknowledges a notification for everybody. by: name of the token, may be empty. NULL: there
     * is nothing to acknowledge. */
    int (*ack)(void *ctx, struct sg_str notification, struct sg_str comment, struct sg_str by,
               struct sg_error *reterr);
    /* Appends the text of /metrics that does not come from net. NULL: nothing. */
    void (*metrics)(void *ctx, struct sg_buf *out);
    /* True when /-/ready may say 200; else *ret_reason (static text). NULL: always. */
    bool (*ready)(void *ctx, const char **ret_reason);
};

struct sg_net_limits {
    uint32_t max_connections;   /* all, sessions included */
    uint32_t max_sessions;      /* ws, SSE and NDJSON */
    uint32_t max_per_address;   /* connections per IPv4 address or IPv6 /64; 0: no limit */
    uint32_t max_unestablished; /* per edge: TLS handshake or first head not yet complete */
    uint32_t accepts_per_turn;  /* per listener and loop turn */
    uint32_t max_pool_jobs;     /* per edge: pooled requests and histories in work or waiting */
    size_t max_queue_bytes;     /* per edge: frames from the engine */
    size_t max_body;            /* ingest body as sent, bytes */
    size_t max_inflated;        /* ingest body inflated, bytes */
    size_t max_collected;     /* bytes of bodies that are held whole, of all connections together */
    int64_t head_ms;          /* from accept or the first byte to a complete head */
    int64_t keep_alive_ms;    /* idle between requests */
    int64_t body_grace_ms;    /* a body may take that long, plus what body_min_rate allows */
    uint32_t body_min_rate;   /* bytes per second */
    uint32_t answer_min_rate; /* bytes per second of an answer that is sent while it is made;
                                 besides body_grace_ms for all of it. 0: any */
    int64_t write_stall_ms;   /* a client that takes nothing of its response that long is closed */
    int64_t ping_ms;          /* between WebSocket pings; two unanswered end the session */
    int64_t close_ms;         /* wait for the peer's Close, or for its end after ours */
};

struct sg_net_config {
    const struct sg_net_listen *listen;
    size_t listen_count;
    unsigned edges;                 /* 1 .. SG_EDGES_MAX */
    const char *tls_cert, *tls_key; /* PEM files; needed when a listen has tls */
    const struct sg_net_token *tokens;
    size_t token_count;
    bool anonymous; /* without a token everybody may read and ingest; needed for a public address
                       without tokens. Without tokens loopback clients may do everything */
    const char *const *origins; /* allowed beside the own: "https://ops.example"; "*": all */
    size_t origin_count;
    bool require_origin; /* WebSockets without Origin are refused */
    bool deflate;        /* agree to permessage-deflate */
    struct sg_net_limits limits;
    struct sg_ingest_limits ingest; /* of a sample's parts; 0: the default */
    const struct sg_net_asset *assets;
    size_t asset_count;
    const struct sg_net_route *routes;
    size_t route_count;
    struct sg_net_hooks hooks;
    struct sg_store *store; /* ingest gate, history of subscriptions; NULL: neither */
    /* Lookback and features of histories; NULL: defaults. Limits are net's own. */
    const struct sg_promql_eval_options *eval;
    const struct sg_live_names *names; /* configured streams; NULL: none */
    struct sg_source *source;          /* of samples over HTTP; NULL: net's own, named "http" */
    uint64_t epoch;                    /* the publisher's */
    bool await_feed;                   /* as in hub.h: sg_live_resync follows for every edge */
    struct sg_hub_limits hub;          /* min_interval_ms is the base tick */
    int64_t heartbeat_ms;              /* how often the engine publishes heartbeats */
};

/* Everything zero but the limits, the hub's limits, one edge and heartbeat 5 s. */
SG_API void sg_net_config_default(struct sg_net_config *cfg);
/* True for 127.0.0.0/8 and ::1 as text. */
SG_API bool sg_net_is_loopback(const char *address);
/* "sha256:<hex>" of a token; dst has 72 bytes, NUL-terminated. */
SG_API void sg_net_token_hash(struct sg_str token, char *dst);

/* Binds, loads certificates and starts the threads; returns when all serve. SG_EIO (address in use
 * …), SG_EINVALID (address, token hash, certificate; public address without tokens and without
 * `anonymous`), SG_EEXISTS (a route twice). Raises RLIMIT_NOFILE when it is too low for
 * max_connections. */
SG_API SG_NODISCARD int sg_net_start(const struct sg_net_config *cfg, struct sg_net **ret,
                                     struct sg_error *reterr);
SG_API unsigned sg_net_edges(const struct sg_net *net);
/* The port the i-th listen of the configuration got. */
SG_API uint16_t sg_net_port(const struct sg_net *net, size_t i);
/* Reads certificate and key again. They are checked first, expiry included; the old pair stays when
 * they are not acceptable. */
SG_API SG_NODISCARD int sg_net_reload_tls(struct sg_net *net, struct sg_error *reterr);

/* Replaces the tokens. Sessions get the rights their tokens have now; those whose token is gone are
 * closed with 4001, those that may not read any more with 4003. Copied. SG_EINVALID: a hash;
 * nothing changes then. */
SG_API SG_NODISCARD int sg_net_reload_tokens(struct sg_net *net, const struct sg_net_token *tokens,
                                             size_t n, struct sg_error *reterr);

/* Replaces the configured streams. Sessions that are subscribed to a name that stands for something
 * else now are closed with 1001, so that they subscribe again. Takes no reference. */
SG_API void sg_net_reload_names(struct sg_net *net, struct sg_live_names *names);

/* Hands a tick's frames to an edge and wakes it. Returns 0, or SG_EBUSY when the edge's queue is
 * full: the frames are dropped and counted, and once sg_net_edge_has_room says so the edge needs
 * sg_live_resync. Takes the batch either way. Engine thread. */
SG_API int sg_net_publish_take(struct sg_net *net, unsigned edge, struct sg_frame_batch *batch);
/* True when less than half of the edge's queue is in use. Engine thread. */
SG_API bool sg_net_edge_has_room(struct sg_net *net, unsigned edge);

/* Appends the exposition text of net's and the hubs' counters (part of GET /metrics already). */
SG_API void sg_net_metrics(struct sg_net *net, struct sg_buf *out);

/* Stops listening, ends every session (WebSocket Close 1001 with {"retryAfter":…}, SSE end), lets
 * requests in work finish, and waits up to timeout_ms for the clients to go. */
SG_API void sg_net_drain(struct sg_net *net, int64_t timeout_ms);
/* Ends the threads, cutting what is left, and frees. The hooks' contexts must live until then.
 * Accepts NULL. */
SG_API void sg_net_free(struct sg_net *net);

#endif
