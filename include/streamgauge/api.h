/* api.h - the Prometheus HTTP API: routes for net that answer from a series store.
 *
 *     struct sg_api_config c;
 *     sg_api_config_default(&c);
 *     c.store = store;
 *     struct sg_api *api = sg_api_new(&c);
 *     net_config.routes = sg_api_routes(api, &net_config.route_count);
 *     … after sg_net_free: sg_api_free(api);
 *
 * Paths, parameters, status codes and JSON are those of Prometheus 3.5 under /api/v1, and
 * /federate; /api/v1/streams is ours. Handlers run on libuv's pool, at a lower priority than the
 * threads that tick, and hold nothing of the store but an epoch. A query ends with the limit that
 * it ran into by name, with its deadline, or when its client has gone.
 */
#ifndef STREAMGAUGE_API_H
#define STREAMGAUGE_API_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/live.h>
#include <streamgauge/net.h>
#include <streamgauge/promql.h>

struct sg_api;

typedef void sg_api_each_stream(void *ctx, const struct sg_live_stream_info *info);

struct sg_alerting;
struct sg_ruler;
typedef void sg_api_work(void *arg, struct sg_alerting *a, struct sg_ruler *r, int64_t wall_ms,
                         int64_t mono_ms);
typedef int sg_api_call(void *ctx, sg_api_work *fn, void *arg);

struct sg_api_config {
    struct sg_store *store; /* borrowed as long as the API */
    /* Lookback, limits and features of queries; its stop is not used. */
    struct sg_promql_eval_options eval;
    int64_t timeout_ms; /* of one query, from its arrival; 2 min */
    /* Queries that are evaluated at a time; 20. The pool should have more threads than that: one
     * whose client reads slowly waits for it, and does not count. */
    unsigned concurrency;
    /* Of results whose clients take them slowly, all together; 1 GiB. Also, no more than twice
     * `concurrency` of such are sent at a time. */
    size_t result_bytes;
    int64_t started_ms;   /* wall time; for status/runtimeinfo */
    int64_t retention_ms; /* of the store; for status */
    /* Calls `each` for every live stream with a recent state; may wait for it up to about two
     * seconds. Called on the pool. NULL: /api/v1/streams is empty. */
    void (*streams)(void *ctx, sg_api_each_stream *each, void *each_ctx);
    void *streams_ctx;
    /* Returns when what had been accepted before the call is in the store, or soon anyway. Called
     * on the pool before anything is read, so that whoever wrote before asking is answered from
     * what they wrote. NULL: what is there counts. */
    void (*settle)(void *ctx);
    void *settle_ctx;
    /* Runs fn on the engine's thread between two ticks and waits for it, at most 2 s: 0, or
     * SG_ETIMEOUT, and then fn never runs and arg stays the caller's. fn only copies
     * (sg_ruler_look, sg_alerting_look) or changes; JSON is made on the pool. Called on the pool.
     * NULL: there are no alerts. */
    sg_api_call *call;
    void *call_ctx;
    /* Appends the configuration of routes and receivers, without secrets, as YAML; for
     * /api/v2/status. Called on the pool. NULL: none. */
    void (*alert_config)(void *ctx, struct sg_buf *out);
    void *alert_config_ctx;
};

SG_API void sg_api_config_default(struct sg_api_config *c);
SG_API struct sg_api *sg_api_new(const struct sg_api_config *c);
/* Borrowed as long as the API. */
SG_API const struct sg_net_route *sg_api_routes(const struct sg_api *api, size_t *ret_count);
/* Labels that /federate gives to series without labels of these names. Any thread. */
SG_API void sg_api_set_external_labels_take(struct sg_api *api, const struct sg_labels *labels);
/* Appends the text of /metrics about queries. Any thread. */
SG_API void sg_api_metrics(struct sg_api *api, struct sg_buf *out);
/* No handler may run any more. Accepts NULL. */
SG_API void sg_api_free(struct sg_api *api);

#endif
