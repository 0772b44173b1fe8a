/* hub.h - the edge side: mirrors of topics, subscriptions, sessions; what a client is sent, and
 * when.
 *
 * One struct sg_hub per edge thread; everything here is for that thread alone, nothing locks,
 * nothing blocks, nothing reads a clock. Transports (lws sockets, test doubles) reach it through
 * function tables and it reaches them likewise.
 *
 *     hub = sg_hub_new(&options, &err);
 *     on frames from the engine:   sg_hub_apply(hub, f) for each, then sg_hub_flush(hub, now_ms)
 *     on a new connection:         s = sg_session_open(hub, &so, &err); sg_session_start(s);
 *     on a message of the client:  sg_session_receive(s, text);
 *     on RAW_WRITEABLE when lws_partial_buffered() is 0 again:  sg_session_writable(s);
 *     when the connection is gone: sg_session_closed(s);
 *     every 100 ms or so:          sg_hub_flush(hub, now_ms);   (rates, deadlines, comments)
 *
 * A flush writes at most one block per session. Sessions that are up to date and have the same
 * subscriptions form a group; a group's block is built once (or is the frame's own shared encoding)
 * and each member costs one call of write. A session whose transport said SG_EBUSY is *behind*: it
 * gets nothing until sg_session_writable, and then one block that holds a merged update or a `full`
 * for each of its streams, and its notifications in order.
 *
 * Rules for callers:
 * - write() and close() must not call back into the hub. A dead connection is reported by write()
 *   with SG_EIO or, from the loop, by sg_session_closed. After close() was called the hub sends
 *   nothing more; the session lives until sg_session_closed.
 * - hooks may answer later (open_topic by a frame, history by sg_hub_history_done); they must not
 *   call into the hub themselves.
 */
#ifndef STREAMGAUGE_HUB_H
#define STREAMGAUGE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/frame.h>
#include <streamgauge/labels.h>
#include <streamgauge/rights.h>
#include <streamgauge/str.h>

struct sg_hub;
struct sg_session;

/* ---- transports ---- */

struct sg_transport {
    /* Sends n > 0 bytes. data is borrowed until return and has SG_LWS_PRE bytes in front that may
     * be used (lws_write's rule). 0: taken, and more may follow. SG_EBUSY: taken completely, but
     * the connection is behind (partial write): no further call until sg_session_writable. SG_EIO:
     * the connection is dead, nothing was taken. */
    int (*write)(void *ctx, const char *data, size_t n);
    /* Asks to end the connection: WebSocket close code (1000 … 4999) and reason (may be empty, at
     * most 123 bytes). SSE and NDJSON: just end the response. Called at most once. */
    void (*close)(void *ctx, unsigned code, const char *reason);
};

enum sg_wire {
    SG_WIRE_WS,  /* blocks are whole WebSocket frames (server side, unmasked) */
    SG_WIRE_SSE, /* blocks are text/event-stream bytes, unchunked: the response is ended by closing,
                    or net chunks them */
    SG_WIRE_NDJSON, /* blocks are lines */
};

enum sg_dialect {
    SG_DIALECT_SIMPLE, /* /stream without subprotocol; SSE with only `metric` arguments speaks it by
                          itself */
    SG_DIALECT_V1,     /* streamgauge.v1; SSE and NDJSON always use this */
    SG_DIALECT_NOTES,  /* /notifications, simple: every message is one notification; subscribed from
                          the start */
};

/* ---- hooks: what the hub needs from outside ---- */

enum sg_resolve_kind {
    SG_RESOLVE_METRIC, /* simple form: a configured stream's name, else PromQL text */
    SG_RESOLVE_QUERY,  /* PromQL text */
    SG_RESOLVE_STREAM, /* a configured stream's name; SG_ENOTFOUND */
};

struct sg_history_request {
    uint64_t token;    /* for sg_hub_history_done */
    struct sg_str key; /* canonical expression; borrowed for the call */
    int64_t start_ms, end_ms,
        step_ms;         /* aligned to step; end is the newest tick before now; both inclusive */
    uint32_t max_points; /* (end - start) / step + 1, already within the hub's limit; the answer may
                            go on to ticks that went by meanwhile */
};

struct sg_hub_hooks {
    /* Appends the canonical text of what the client named to ret_key. Synchronous (parsing only).
     * Error: code, text and byte position in `text`. sg_live_names_resolve (live.h) does the work.
     */
    int (*resolve)(void *ctx, enum sg_resolve_kind kind, struct sg_str text, struct sg_buf *ret_key,
                   struct sg_error *reterr);
    /* Tells the engine that this edge wants (key, interval): SG_CONTROL_OPEN of live.h. The answer
     * is the topic's FULL frame, or an ERROR frame for the key. SG_EBUSY when the queue is full
     * (the client is told a retryable error). */
    int (*open_topic)(void *ctx, struct sg_str key, int64_t interval_ms, struct sg_error *reterr);
    /* Tells the engine that this edge has no subscriber left. Once per successful open. SG_EBUSY:
     * the hub tries again at the next flush. */
    int (*close_topic)(void *ctx, struct sg_str key, int64_t interval_ms);
    /* Starts evaluating key over [start, end] on the query pool; answer with sg_hub_history_done on
     * this thread, exactly once, never from within this call. An error returned here is final (no
     * done call). NULL: there is no history. */
    int (*history)(void *ctx, const struct sg_history_request *rq, struct sg_error *reterr);
    /* Checks a token (`auth` message). 0 and the session's new rights, or SG_EDENIED. NULL: every
     * token is refused. */
    int (*auth)(void *ctx, struct sg_session *s, struct sg_str token, uint32_t *ret_rights,
                struct sg_error *reterr);
    /* Takes `samples` of a `report` (JSON text, an object or an array, as POST /api/v1/samples).
     * NULL: unsupported. */
    int (*report)(void *ctx, struct sg_session *s, struct sg_str samples_json,
                  struct sg_error *reterr);
    /* Acknowledges a notification. NULL: answers "not available". */
    int (*ack)(void *ctx, struct sg_session *s, struct sg_str notification, struct sg_str comment,
               struct sg_error *reterr);
};

/* ---- the hub ---- */

struct sg_hub_limits {
    uint32_t sessions;                  /* 20000, per hub */
    uint32_t subscriptions_per_session; /* 100 */
    uint32_t topics;                    /* 10000 distinct on this edge */
    uint32_t message_bytes;       /* 65536: a client's message; net uses the same for its codec */
    uint32_t message_depth;       /* 16: nesting of its JSON */
    uint32_t actions_per_message; /* 200 */
    uint32_t
        actions_per_s; /* 100: sustained, per session; beyond: errors; burst of four times that */
    uint32_t expression_bytes; /* 16384 */
    uint32_t id_bytes;         /* 128 */
    uint32_t history_points;   /* 11000 per subscription */
    uint32_t ring_frames;      /* 1024 per topic */
    size_t ring_bytes;         /* 4 MiB per topic, with what is encoded of its frames */
    int64_t ring_age_ms;       /* 5 min */
    size_t total_ring_bytes;   /* 256 MiB per hub; beyond, the topic that adds drops its oldest */
    size_t session_out_bytes;  /* 4 MiB: replies and catch-up text waiting for a session that is
                                  behind; beyond: close 1008 */
    int64_t min_interval_ms;   /* base tick, 100 */
    int64_t max_interval_ms;   /* 1 d */
    int64_t stuck_after_ms;    /* 60000: a session that took nothing that long is closed */
    int64_t auth_deadline_ms;  /* 10000: a session without the right to read is closed with 4001 */
    int64_t comment_ms;        /* 15000: SSE comments */
};
SG_API void sg_hub_limits_default(struct sg_hub_limits *l);

struct sg_hub_options {
    const struct sg_hub_hooks *hooks; /* borrowed as long as the hub lives */
    void *hooks_ctx;
    struct sg_hub_limits limits;
    uint32_t edge;      /* number of this edge, part of session ids */
    uint64_t epoch;     /* the publisher's */
    bool await_feed;    /* notifications of an earlier process follow with the first resync: until
                           then the feed waits */
    const char *server; /* "streamgauge/0.1.0", for welcome; borrowed */
    int64_t
        heartbeat_ms; /* told in welcome: how often the engine publishes SG_FRAME_HEARTBEAT; 5000 */
    uint32_t retry_ms;    /* SSE `retry:`; 2000 */
    uint8_t deflate_bits; /* window of compressed frames, 9..15; 15 */
    int8_t deflate_level; /* 1..9; 1 */
    void (*random_bytes)(void *dst,
                         size_t n); /* unpredictable, for session ids; NULL: the kernel's */
    int64_t now_ms;                 /* wall clock at creation */
};

/* Counters for /metrics; relaxed atomics written by the edge thread, any thread may read. */
struct sg_hub_stats {
    atomic_ullong sessions, behind, subscriptions, topics, groups; /* now */
    atomic_ullong ring_bytes;                                      /* now */
    atomic_ullong frames_in,
        broken_mirrors; /* applied; mirrors that lost a frame and waited for a full */
    atomic_ullong blocks, bytes, messages; /* handed to transports: blocks, bytes, frames in them */
    atomic_ullong fell_behind,
        conflated; /* times a session fell behind; frames that were merged away or skipped */
    atomic_ullong merged, fulls; /* catch-up by merged update, by full */
    atomic_ullong gaps, resumed; /* resume attempts: refused with a gap, served */
    atomic_ullong errors,
        stuck_closed;         /* error messages sent; sessions closed because they took nothing */
    atomic_ullong max_lag_ms; /* oldest session that is behind, at the last flush */
};

SG_API SG_NODISCARD int sg_hub_new(const struct sg_hub_options *opt, struct sg_hub **ret,
                                   struct sg_error *reterr);
/* Sessions still there are dropped without a word (close them before). Accepts NULL. */
SG_API void sg_hub_free(struct sg_hub *hub);
SG_API const struct sg_hub_stats *sg_hub_get_stats(const struct sg_hub *hub);

/* Takes in one frame; shares it. Sends nothing yet. */
SG_API void sg_hub_apply(struct sg_hub *hub, const struct sg_frame *f);
/* Applies and frees a batch (its weight is the caller's to give back to the queue). */
SG_API void sg_hub_apply_batch_take(struct sg_hub *hub, struct sg_frame_batch *b);
/* Sends what there is. now_ms: wall clock (it may step; deadlines then err by the step). Call after
 * every apply and at least every 100 ms or so. */
SG_API void sg_hub_flush(struct sg_hub *hub, int64_t now_ms);
/* Asks every session to close: 1001 with the reason {"retryAfter":ms}. SSE: a `retry:` line, then
 * the end. retry_ms is spread by ± 50 % over the sessions. */
SG_API void sg_hub_drain(struct sg_hub *hub, uint32_t retry_ms);

/* A range of points of several series. */
struct sg_history {
    int64_t start_ms, step_ms; /* time of the first point; distance */
    uint32_t n_points, n_series;
    const struct sg_labels *const *labels; /* n_series */
    const double *value; /* series-major: n_series rows of n_points; stale marker = absent */
};
/* Answers a history hook; h is borrowed for the call. h NULL: it failed, error tells why: the
 * subscriber gets its `full` without history and the error. A token whose session is gone is
 * ignored. */
SG_API void sg_hub_history_done(struct sg_hub *hub, uint64_t token, const struct sg_history *h,
                                const struct sg_error *error);

/* ---- sessions ----
 *
 *          open              start        close asked, or dead
 *   (none) ────► connecting ───────► open ────────────────────► closing
 *
 * sg_session_closed frees it in any of them.
 */
enum sg_session_state {
    SG_SESSION_CONNECTING, /* may be given subscriptions; nothing is sent */
    SG_SESSION_OPEN,
    SG_SESSION_CLOSING, /* nothing is sent any more */
};

struct sg_session_options {
    enum sg_wire wire;
    enum sg_dialect dialect;
    const struct sg_transport *transport; /* borrowed as long as the session lives */
    void *ctx;                            /* handed to the transport */
    uint32_t rights; /* SG_RIGHT_… known already (header, cookie, anonymous) */
    bool deflate;    /* permessage-deflate agreed with server_bits >= the hub's deflate_bits */
};

#define SG_SESSION_ID_MAX 48
/* Returns 0, or SG_ELIMIT naming the limit (net answers 503 or 1013). Sends nothing. */
SG_API SG_NODISCARD int sg_session_open(struct sg_hub *hub, const struct sg_session_options *opt,
                                        struct sg_session **ret, struct sg_error *reterr);

/* Subscriptions from the arguments of GET /events, before start: metric, query, stream, topic (each
 * repeatable), interval, history, last_event_id; others are ignored. Already percent-decoded.
 * last_event_id: the header's value, wins over the argument; {NULL, 0} when absent; one that does
 * not parse counts as an unknown epoch (gap, then full). On error nothing is subscribed and the
 * caller answers the request with it (and ends the session): SG_ESYNTAX/SG_EINVALID 400, SG_EDENIED
 * 403, SG_ENOTFOUND 404, SG_ELIMIT 429, SG_EBUSY 503. */
struct sg_arg {
    struct sg_str name, value;
};
SG_API SG_NODISCARD int sg_session_subscribe_args(struct sg_session *s, const struct sg_arg *args,
                                                  size_t n, struct sg_str last_event_id,
                                                  struct sg_error *reterr);

/* connecting → open: writes welcome (or `retry:`) and whatever full frames are there already. The
 * response head must be out. */
SG_API void sg_session_start(struct sg_session *s);
/* One whole message of the client (WebSocket text message, or body of POST /events/<session>).
 * Mistakes are answered with error messages through the transport, never returned. A message over
 * message_bytes is refused with an error. */
SG_API void sg_session_receive(struct sg_session *s, struct sg_str message);
/* The transport has drained after SG_EBUSY. */
SG_API void sg_session_writable(struct sg_session *s);
/* The connection is gone. Frees the session. */
SG_API void sg_session_closed(struct sg_session *s);

/* Judges every session's rights anew, after tokens were replaced. `judge` gives the rights a
 * session with those has now, or false when what it came with is not known any more. That one is
 * closed with 4001, one that loses the right to read with 4003. */
SG_API void sg_hub_judge(struct sg_hub *hub,
                         bool (*judge)(void *ctx, uint32_t rights, uint32_t *ret_rights),
                         void *ctx);

/* Names stand for other expressions now: sessions that are subscribed to one of those by its name
 * are closed with 1001 and subscribe again, spread over retry_ms. */
SG_API void sg_hub_renamed(struct sg_hub *hub, uint32_t retry_ms);

SG_API enum sg_session_state sg_session_get_state(const struct sg_session *s);
SG_API bool sg_session_is_behind(const struct sg_session *s);
SG_API uint32_t sg_session_rights(const struct sg_session *s);
/* "<edge>-<32 hexadecimal digits>", unguessable; NUL-terminated, borrowed as long as the session
 * lives. */
SG_API const char *sg_session_id(const struct sg_session *s);
/* The session with that id on this hub; NULL. */
SG_API struct sg_session *sg_hub_find_session(struct sg_hub *hub, struct sg_str id);
/* The edge a session id names, or SG_ESYNTAX. Any thread. */
SG_API int sg_session_id_edge(struct sg_str id);

struct sg_session_stats {
    uint32_t subscriptions;
    uint64_t blocks,
        conflated; /* blocks written one by one (not in a group); frames merged away or skipped */
    int64_t behind_since_ms; /* 0: not behind */
};
SG_API void sg_session_get_stats(const struct sg_session *s, struct sg_session_stats *ret);

#endif
