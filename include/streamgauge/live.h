/* live.h - continuously evaluated expressions: shared streams, their ticks, and the messages edges
 * send about them.
 *
 * A stream is one canonical expression at one interval, evaluated once per tick for all its
 * subscribers on all edges. sg_live belongs to the engine thread; it reads no clock and sends
 * nothing by itself: time, samples and delivery come as arguments and functions.
 *
 *     engine loop, every base tick:
 *         apply batches;  sg_store_tick(store, now);
 *         for each control message:  sg_live_control_take(live, c, now);
 *         sg_live_tick(live, now);          // publish(ctx, edge, frame) for what changed
 *
 *     when frames were dropped for an edge whose queue was full, and there is room again:
 *         sg_live_resync(live, edge);       // the state of every topic, for that edge only
 *
 * Ticks lie on multiples of the interval in wall-clock time. A stream is evaluated at the newest
 * tick that has come; ticks missed (clock stepped forward, overload) are skipped, never caught up.
 * When the clock steps back, a stream goes on at once with the next tick of the new time: its
 * frames' times may then go back, their offsets never.
 */
#ifndef STREAMGAUGE_LIVE_H
#define STREAMGAUGE_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/frame.h>
#include <streamgauge/hub.h>
#include <streamgauge/querier.h>
#include <streamgauge/queue.h>
#include <streamgauge/str.h>

struct sg_promql_eval_options;
struct sg_store;

/* ---- named streams from the configuration ---- */

/* Immutable after sg_live_names_new; any thread may read. Replaced as a whole on reload (shared by
 * references). */
struct sg_live_names;

struct sg_live_name {
    struct sg_str name; /* [a-zA-Z_][a-zA-Z0-9_:.-]*, unique */
    struct sg_str expr; /* PromQL, scalar or instant vector */
};

/* Parses and checks every expression. SG_EINVALID/SG_ESYNTAX: the text names the stream, pos is in
 * its expression. Copies. */
SG_API SG_NODISCARD int sg_live_names_new(const struct sg_live_name *names, size_t n,
                                          struct sg_live_names **ret, struct sg_error *reterr);
SG_API struct sg_live_names *sg_live_names_ref(struct sg_live_names *names);
SG_API void sg_live_names_unref(struct sg_live_names *names); /* accepts NULL */
SG_API size_t sg_live_names_count(const struct sg_live_names *names);
/* The i-th in order of names; key is the canonical expression. Borrowed as long as names. */
SG_API struct sg_live_name sg_live_names_at(const struct sg_live_names *names, size_t i);

/* What the hub's resolve hook does (hub.h): ctx is a struct sg_live_names (NULL: no named streams).
 * METRIC: configured name, else PromQL; QUERY: PromQL; STREAM: configured name. Appends the
 * canonical text. Range vectors and strings are refused: a stream needs a scalar or an instant
 * vector. Any thread. */
SG_API int sg_live_names_resolve(void *ctx, enum sg_resolve_kind kind, struct sg_str text,
                                 struct sg_buf *ret_key, struct sg_error *reterr);

/* ---- from an edge to the engine ---- */

enum sg_control_kind {
    SG_CONTROL_OPEN,  /* edge wants the stream (key, interval); counted once per edge */
    SG_CONTROL_CLOSE, /* edge does not want it any more */
};

struct sg_control {
    struct sg_mpsc_node node; /* first */
    enum sg_control_kind kind;
    uint32_t edge; /* < SG_EDGES_MAX */
    int64_t interval_ms;
    uint32_t key_len;
    char key[]; /* canonical text, NUL-terminated */
};
/* Copies key. Weight for the queue: sg_control_weight. */
SG_API struct sg_control *sg_control_new(enum sg_control_kind kind, uint32_t edge,
                                         struct sg_str key, int64_t interval_ms);
SG_API size_t sg_control_weight(const struct sg_control *c);
SG_API void sg_control_free(struct sg_control *c); /* accepts NULL */

/* ---- the engine's side ---- */

struct sg_live;

struct sg_live_hooks {
    /* Hands a frame to one edge or to SG_ALL_EDGES. The frame is borrowed: ref it to keep it.
     * Called on the engine thread, from within sg_live_* calls; must not call back. */
    void (*publish)(void *ctx, uint32_t edge, const struct sg_frame *f);
    /* Opens a querier for one tick (sg_store_querier_open does). */
    int (*open_querier)(void *ctx, struct sg_querier *ret);
    /* Monotonic time in ns, for costs and the budget. NULL: costs are 0 and there is no budget. */
    uint64_t (*clock_ns)(void *ctx);
    void *ctx;
};

struct sg_live_options {
    struct sg_live_hooks hooks;
    int64_t tick_ms;   /* base tick; intervals are at least this; 100 */
    int64_t linger_ms; /* a stream nobody wants is evaluated that much longer, for those who resume;
                          60000 */
    int64_t heartbeat_ms;  /* 5000; 0: none */
    int64_t forget_min_ms; /* an absent series keeps its slot max(this, 10 intervals); 60000 */
    uint32_t max_streams;  /* distinct, beyond: refused with SG_ELIMIT; 1000 */
    uint32_t max_series;   /* per stream; further ones are left out and counted; 10000 */
    uint64_t budget_ns; /* evaluation time per base tick; streams over it wait for their next tick;
                           0: none; 80 ms */
    /* One evaluation; longer ones end with an error that the subscribers are told. 0: no limit; 1
     * s. An evaluation that took more than half the budget is *heavy*: heavy ones together get a
     * fifth of the thread's time, in turn. */
    uint64_t max_eval_ns;
    const struct sg_promql_eval_options *eval; /* borrowed as long as sg_live; NULL: defaults */
    /* What open_querier opens, borrowed: windows over it are then kept up to date sample by sample
     * instead of being read at every tick. NULL: every tick reads. */
    struct sg_store *store;
    uint64_t max_window_bytes; /* memory for that; selectors beyond are read; 1 GiB */
    uint64_t max_graph_bytes;  /* memory of expressions and their intermediate results, all
                                  together; a stream that goes beyond fails; 1 GiB; 0: no limit */
    int64_t long_window_ms; /* windows longer than this are not kept decoded: what goes out of them
                               is read from the store again; 15 min */
};
SG_API void sg_live_options_default(struct sg_live_options *opt);

/* Counters for /metrics; relaxed atomics written by the engine thread. */
struct sg_live_stats {
    atomic_ullong streams, series;      /* now */
    atomic_ullong evaluations, eval_ns; /* done; time they took */
    atomic_ullong eval_errors;
    atomic_ullong ticks_missed; /* ticks of streams that were never evaluated: overload or clock */
    atomic_ullong timeouts;     /* evaluations ended by max_eval_ns */
    atomic_ullong over_budget;  /* streams put off because the tick's budget was used up */
    atomic_ullong
        series_left_out; /* beyond max_series, at the last evaluations, summed over streams */
    atomic_ullong frames, refused; /* published; opens refused */
    atomic_ullong last_tick_ns;    /* evaluation time of the last base tick */
    /* the graph that all streams share, see promql.h */
    atomic_ullong nodes, nodes_incremental;      /* now; of them kept up to date sample by sample */
    atomic_ullong node_evaluations, node_shared; /* computed; asked for again in the same tick */
    atomic_ullong node_fallbacks;  /* incremental ones that had to be computed by reading */
    atomic_ullong graph_bytes;     /* memory of expressions and intermediate results now */
    atomic_ullong window_bytes;    /* memory of windows now */
    atomic_ullong window_rebuilds; /* states of single series read anew from the store */
};

/* publisher: borrowed as long as sg_live. */
SG_API SG_NODISCARD int sg_live_new(const struct sg_live_options *opt,
                                    struct sg_publisher *publisher, struct sg_live **ret,
                                    struct sg_error *reterr);
SG_API void sg_live_free(struct sg_live *live); /* accepts NULL */

/* Applies and frees a control message. OPEN of a new stream evaluates it at once at the newest tick
 * and publishes its FULL to all edges; a bad expression or a limit publishes an ERROR with topic
 * number UINT32_MAX to that edge. OPEN of a stream that lives already: its
 * FULL is published to that edge again, which ignores it when it has it. */
SG_API void sg_live_control_take(struct sg_live *live, struct sg_control *c, int64_t now_ms);
/* False: making streams has taken its share of this tick (half the budget), and further control
 * messages should wait for the next one, in their order. */
SG_API bool sg_live_takes_controls(const struct sg_live *live);
/* Evaluates what is due. Call once per base tick. */
SG_API void sg_live_tick(struct sg_live *live, int64_t now_ms);
/* Publishes RESYNC_BEGIN, every topic's FULL, the last notifications and RESYNC_END to one edge. */
SG_API void sg_live_resync(struct sg_live *live, uint32_t edge);
/* Publishes a notification on topic 0. json: one object as in DESIGN section 5; severity: "info",
 * "warning" or "critical"; labels may be NULL. Returns its offset. */
SG_API uint64_t sg_live_notify(struct sg_live *live, int64_t now_ms, struct sg_str json,
                               struct sg_str severity, const struct sg_labels *labels);
/* A notification of an earlier process of the same epoch, oldest first, before the first tick; the
 * last 256 are kept. prev: offset of the one before it, used of the first. They reach an edge with
 * the next sg_live_resync. */
struct sg_live_note {
    uint64_t offset, prev;
    int64_t time_ms;
    struct sg_str json, severity;
    const struct sg_labels *labels; /* may be NULL */
};
SG_API void sg_live_restore(struct sg_live *live, const struct sg_live_note *note);
SG_API const struct sg_live_stats *sg_live_get_stats(const struct sg_live *live);

/* ---- the streams' graph, for rules ----
 *
 * Roots share nodes with the streams and with each other. Between sg_live_roots_begin and
 * sg_live_roots_end (a querier stays open from the first evaluation on), after sg_live_tick. */

struct sg_promql;
struct sg_promql_result;
struct sg_promql_root;
struct sg_promql_view;

/* Takes the query in any case. */
SG_API SG_NODISCARD int sg_live_root_add(struct sg_live *live, struct sg_promql *q,
                                         struct sg_promql_root **ret, struct sg_error *reterr);
SG_API void sg_live_root_remove(struct sg_live *live, struct sg_promql_root *root);
/* Samples were appended: what was computed so far is not used again. */
SG_API void sg_live_roots_begin(struct sg_live *live);
/* At one instant; ended by max_eval_ns. The view is borrowed until the next call. */
SG_API SG_NODISCARD int sg_live_root_eval(struct sg_live *live, struct sg_promql_root *root,
                                          int64_t time_ms, struct sg_promql_view *ret,
                                          struct sg_error *reterr);
/* An instant query that shares nothing; within the same session and limit. */
SG_API SG_NODISCARD int sg_live_query(struct sg_live *live, struct sg_str expr, int64_t time_ms,
                                      struct sg_promql_result *ret, struct sg_error *reterr);
/* Closes the querier. */
SG_API void sg_live_roots_end(struct sg_live *live);

/* One stream's figures, for the operator. */
struct sg_live_stream_info {
    struct sg_str key; /* borrowed for the call */
    uint32_t number;
    int64_t interval_ms;
    uint32_t series, edges; /* slots in use; edges that want it */
    uint32_t viewers;       /* subscriptions on all edges */
    uint64_t evaluations, eval_ns, last_ns, missed, errors;
    int64_t lag_ms;   /* what viewers have is so much older than the newest due tick */
    uint64_t samples; /* looked at by the last evaluation */
    bool failing;
    uint32_t nodes, shared_nodes; /* of its expression; used by other streams too */
};
SG_API void sg_live_each(const struct sg_live *live,
                         void (*each)(void *ctx, const struct sg_live_stream_info *info),
                         void *ctx);

#endif
