/* counters.h - what net counts, per edge: relaxed atomics, written by the edge, summed by whoever
 * renders /metrics. */
#ifndef SG_NET_COUNTERS_H
#define SG_NET_COUNTERS_H

#include <stdatomic.h>
#include <streamgauge/buf.h>

/* enum constant, family, labels or "", kind. Rows of one family stand together. */
#define SG__COUNTER_MAP(X)                                                                         \
    X(CONNECTIONS, "streamgauge_net_connections", "", "gauge")                                     \
    X(SESSIONS_WS, "streamgauge_net_sessions", "kind=\"ws\"", "gauge")                             \
    X(SESSIONS_SSE, "streamgauge_net_sessions", "kind=\"sse\"", "gauge")                           \
    X(SESSIONS_NDJSON, "streamgauge_net_sessions", "kind=\"ndjson\"", "gauge")                     \
    X(ACCEPTED, "streamgauge_net_connections_total", "", "counter")                                \
    X(OPENED_WS, "streamgauge_net_sessions_total", "kind=\"ws\"", "counter")                       \
    X(OPENED_SSE, "streamgauge_net_sessions_total", "kind=\"sse\"", "counter")                     \
    X(OPENED_NDJSON, "streamgauge_net_sessions_total", "kind=\"ndjson\"", "counter")               \
    X(BYTES_IN, "streamgauge_net_received_bytes_total", "", "counter")                             \
    X(BYTES_OUT, "streamgauge_net_sent_bytes_total", "", "counter")                                \
    X(BLOCKS, "streamgauge_net_session_writes_total", "", "counter")                               \
    X(PARTIAL, "streamgauge_net_partial_writes_total", "", "counter")                              \
    X(HTTP_1XX, "streamgauge_net_http_responses_total", "class=\"1xx\"", "counter")                \
    X(HTTP_2XX, "streamgauge_net_http_responses_total", "class=\"2xx\"", "counter")                \
    X(HTTP_3XX, "streamgauge_net_http_responses_total", "class=\"3xx\"", "counter")                \
    X(HTTP_4XX, "streamgauge_net_http_responses_total", "class=\"4xx\"", "counter")                \
    X(HTTP_5XX, "streamgauge_net_http_responses_total", "class=\"5xx\"", "counter")                \
    X(REFUSED_CONNECTIONS, "streamgauge_net_refused_total", "limit=\"connections\"", "counter")    \
    X(REFUSED_SESSIONS, "streamgauge_net_refused_total", "limit=\"sessions\"", "counter")          \
    X(REFUSED_ADDRESS, "streamgauge_net_refused_total", "limit=\"address\"", "counter")            \
    X(REFUSED_FILES, "streamgauge_net_refused_total", "limit=\"files\"", "counter")                \
    X(REFUSED_POOL, "streamgauge_net_refused_total", "limit=\"pool\"", "counter")                  \
    X(REFUSED_QUEUE, "streamgauge_net_refused_total", "limit=\"ingest_queue\"", "counter")         \
    X(REFUSED_SERIES, "streamgauge_net_refused_total", "limit=\"series\"", "counter")              \
    X(DENIED_TOKEN, "streamgauge_net_denied_total", "reason=\"token\"", "counter")                 \
    X(DENIED_RIGHT, "streamgauge_net_denied_total", "reason=\"right\"", "counter")                 \
    X(DENIED_ORIGIN, "streamgauge_net_denied_total", "reason=\"origin\"", "counter")               \
    X(DENIED_HOST, "streamgauge_net_denied_total", "reason=\"host\"", "counter")                   \
    X(CLOSED_PEER, "streamgauge_net_closed_total", "reason=\"peer\"", "counter")                   \
    X(CLOSED_DONE, "streamgauge_net_closed_total", "reason=\"done\"", "counter")                   \
    X(CLOSED_HEAD, "streamgauge_net_closed_total", "reason=\"head_timeout\"", "counter")           \
    X(CLOSED_IDLE, "streamgauge_net_closed_total", "reason=\"idle\"", "counter")                   \
    X(CLOSED_BODY, "streamgauge_net_closed_total", "reason=\"body_timeout\"", "counter")           \
    X(CLOSED_STALL, "streamgauge_net_closed_total", "reason=\"stall\"", "counter")                 \
    X(CLOSED_PING, "streamgauge_net_closed_total", "reason=\"ping_timeout\"", "counter")           \
    X(CLOSED_PROTOCOL, "streamgauge_net_closed_total", "reason=\"protocol\"", "counter")           \
    X(CLOSED_AUTH, "streamgauge_net_closed_total", "reason=\"auth\"", "counter")                   \
    X(CLOSED_WRITE, "streamgauge_net_closed_total", "reason=\"write_error\"", "counter")           \
    X(CLOSED_TLS, "streamgauge_net_closed_total", "reason=\"tls\"", "counter")                     \
    X(CLOSED_DRAIN, "streamgauge_net_closed_total", "reason=\"drain\"", "counter")                 \
    X(PINGS, "streamgauge_net_pings_total", "", "counter")                                         \
    X(BATCHES, "streamgauge_net_frame_batches_total", "", "counter")                               \
    X(BATCHES_DROPPED, "streamgauge_net_frame_batches_dropped_total", "", "counter")               \
    X(POOL_JOBS, "streamgauge_net_pool_jobs_total", "", "counter")

enum sg__counter {
#define SG__COUNTER_ENUM(id, family, labels, kind) SG__C_##id,
    SG__COUNTER_MAP(SG__COUNTER_ENUM)
#undef SG__COUNTER_ENUM
        SG__COUNTERS
};

struct sg__counters {
    atomic_llong v[SG__COUNTERS];
};

/* By the edge's own thread only: one writer needs no locked instruction, and this runs for every
 * message. */
static inline void sg__count(struct sg__counters *c, enum sg__counter id, long long n)
{
    long long v = atomic_load_explicit(&c->v[id], memory_order_relaxed);
    atomic_store_explicit(&c->v[id], v + n, memory_order_relaxed);
}

/* By any thread; for counters that are never counted by sg__count. */
static inline void sg__count_shared(struct sg__counters *c, enum sg__counter id, long long n)
{
    atomic_fetch_add_explicit(&c->v[id], n, memory_order_relaxed);
}

static inline long long sg__counted(struct sg__counters *c, enum sg__counter id)
{
    return atomic_load_explicit(&c->v[id], memory_order_relaxed);
}

/* Exposition text of sums[SG__COUNTERS]. */
void sg__counters_print(const long long *sums, struct sg_buf *out);

#endif
