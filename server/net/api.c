/* api.c - the table of paths, and what every request has in common. */
#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/am.h"

/* Longest form body: an expression of the greatest length, percent-encoded, and many selectors. */
#define MAX_FORM ((size_t)1 << 20)
/* How much the pool's threads step back behind those that tick. */
#define POOL_NICE 10
/* A match of a client's regex takes some 20 ms at most: it cannot be stopped. */
#define POOL_REGEX_BUDGET 4000000

#define GET SG_NET_METHOD(GET)
#define POST SG_NET_METHOD(POST)
#define DELETE SG_NET_METHOD(DELETE)
#define GET_POST (SG_NET_METHOD(GET) | SG_NET_METHOD(POST))

static const struct {
    const char *path;
    unsigned methods, right;
    sg_net_handler *handle;
} paths[] = {
    {"/api/v1/query", GET_POST, SG_RIGHT_READ, sg__api_query},
    {"/api/v1/query_range", GET_POST, SG_RIGHT_READ, sg__api_query_range},
    {"/api/v1/query_exemplars", GET_POST, SG_RIGHT_READ, sg__api_exemplars},
    {"/api/v1/format_query", GET_POST, SG_RIGHT_READ, sg__api_format_query},
    {"/api/v1/parse_query", GET_POST, SG_RIGHT_READ, sg__api_parse_query},
    {"/api/v1/series", GET_POST, SG_RIGHT_READ, sg__api_series},
    {"/api/v1/labels", GET_POST, SG_RIGHT_READ, sg__api_labels},
    {"/api/v1/label/*", GET, SG_RIGHT_READ, sg__api_label_values},
    {"/api/v1/metadata", GET, SG_RIGHT_READ, sg__api_metadata},
    {"/api/v1/targets", GET, SG_RIGHT_READ, sg__api_targets},
    {"/api/v1/rules", GET, SG_RIGHT_READ, sg__am_get_rules},
    {"/api/v1/alerts", GET, SG_RIGHT_READ, sg__am_get_rule_alerts},
    {"/api/v1/alerts", POST, SG_RIGHT_INGEST, sg__am_post_alerts_v1},
    {"/api/v1/alerts/webhook", POST, SG_RIGHT_INGEST, sg__am_post_webhook},
    {"/api/v1/acks", GET, SG_RIGHT_READ, sg__am_get_acks},
    {"/api/v1/acks", POST, SG_RIGHT_ALERT, sg__am_post_acks},
    {"/api/v1/acks/*", DELETE, SG_RIGHT_ALERT, sg__am_delete_ack},
    {"/api/v2/alerts", GET, SG_RIGHT_READ, sg__am_get_alerts},
    {"/api/v2/alerts", POST, SG_RIGHT_INGEST, sg__am_post_alerts},
    {"/api/v2/alerts/groups", GET, SG_RIGHT_READ, sg__am_get_groups},
    {"/api/v2/silences", GET, SG_RIGHT_READ, sg__am_get_silences},
    {"/api/v2/silences", POST, SG_RIGHT_ALERT, sg__am_post_silences},
    {"/api/v2/silence/*", GET, SG_RIGHT_READ, sg__am_get_silence},
    {"/api/v2/silence/*", DELETE, SG_RIGHT_ALERT, sg__am_delete_silence},
    {"/api/v2/receivers", GET, SG_RIGHT_READ, sg__am_get_receivers},
    {"/api/v2/status", GET, SG_RIGHT_READ, sg__am_get_status},
    {"/api/health", GET, SG_RIGHT_READ, sg__am_health},
    {"/api/summary", GET, SG_RIGHT_READ, sg__am_summary},
    {"/api/alerts", GET, SG_RIGHT_READ, sg__am_list},
    {"/api/v1/status/buildinfo", GET, SG_RIGHT_READ, sg__api_buildinfo},
    {"/api/v1/status/runtimeinfo", GET, SG_RIGHT_READ, sg__api_runtimeinfo},
    {"/api/v1/status/tsdb", GET, SG_RIGHT_READ, sg__api_tsdb},
    {"/api/v1/streams", GET, SG_RIGHT_ADMIN, sg__api_streams},
    {"/federate", GET, SG_RIGHT_READ, sg__api_federate},
};
_Static_assert(SG_ARRAY_LEN(paths) <= SG__API_ROUTES, "all paths have room");

/* Handlers are found by their place in the table: the pool runs `handle`, which steps back first.
 */
struct bound {
    struct sg_api *api;
    sg_net_handler *handle;
};

/* On a small machine a long query must not take the core from a tick. Linux counts threads as
 * processes here; a thread of the pool stays there for good. */
static void step_back(void)
{
    static _Thread_local bool done;
    if (!done)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), POOL_NICE);
    done = true;
}

static void on_pool(void *ctx, struct sg_net_exchange *x)
{
    const struct bound *b = ctx;
    step_back();
    sg_regex_set_budget(POOL_REGEX_BUDGET); /* each time: other work of the pool has its own */
    b->handle(b->api, x);
}

static void on_busy(void *ctx, struct sg_net_exchange *x)
{
    const struct bound *b = ctx;
    atomic_fetch_add_explicit(&b->api->refused, 1, memory_order_relaxed);
    sg__api_error(x, SG__UNAVAILABLE,
                  "too many queries at work (query.concurrency %u), try again later",
                  b->api->cfg.concurrency);
}

void sg__api_settle(struct sg_api *api)
{
    if (api->cfg.settle)
        api->cfg.settle(api->cfg.settle_ctx);
}

void sg_api_config_default(struct sg_api_config *c)
{
    *c = (struct sg_api_config){
        .timeout_ms = 2 * SG_MS_PER_MIN, .concurrency = 20, .result_bytes = (size_t)1 << 30};
    /* The API counts intervals, the evaluator instants. */
    c->eval.max_steps = SG_PROMQL_MAX_STEPS + 1;
    c->eval.max_series = SG_PROMQL_MAX_SERIES;
    c->eval.max_samples = SG_PROMQL_MAX_SAMPLES;
}

struct whole {
    struct sg_api api; /* first */
    struct bound bound[SG_ARRAY_LEN(paths)];
};

struct sg_api *sg_api_new(const struct sg_api_config *c)
{
    struct whole *w = sg_calloc(1, sizeof(*w));
    w->api.cfg = *c;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->api.gate, NULL);
    pthread_cond_init(&w->api.passed, &monotonic);
    pthread_cond_init(&w->api.turn, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (size_t i = 0; i < SG_ARRAY_LEN(paths); i++) {
        size_t max_body = paths[i].methods & GET ? MAX_FORM : SG__AM_MAX_BODY;
        bool body = paths[i].methods & POST;
        w->bound[i] = (struct bound){&w->api, paths[i].handle};
        w->api.routes[w->api.n_routes++] = (struct sg_net_route){.path = paths[i].path,
                                                                 .methods = paths[i].methods,
                                                                 .right = paths[i].right,
                                                                 .max_body = body ? max_body : 0,
                                                                 .pooled = true,
                                                                 .handle = on_pool,
                                                                 .ctx = &w->bound[i],
                                                                 .busy = on_busy};
    }
    return &w->api;
}

const struct sg_net_route *sg_api_routes(const struct sg_api *api, size_t *ret_count)
{
    *ret_count = api->n_routes;
    return api->routes;
}

static void put_held(struct sg_api *api, struct sg_buf *out)
{
    pthread_mutex_lock(&api->gate);
    unsigned sending = api->sending;
    size_t held = api->held_bytes;
    pthread_mutex_unlock(&api->gate);
    sg_buf_printf(out,
                  "# HELP streamgauge_query_answers_sending Big answers under way.\n"
                  "# TYPE streamgauge_query_answers_sending gauge\n"
                  "streamgauge_query_answers_sending %u\n"
                  "# HELP streamgauge_query_answers_bytes Memory of their results.\n"
                  "# TYPE streamgauge_query_answers_bytes gauge\n"
                  "streamgauge_query_answers_bytes %zu\n",
                  sending, held);
}

void sg_api_metrics(struct sg_api *api, struct sg_buf *out)
{
    const struct {
        const char *name, *help;
        const atomic_ullong *value;
    } counters[] = {
        {"streamgauge_queries_total", "Queries over HTTP.", &api->queries},
        {"streamgauge_queries_failed_total", "Those that failed.", &api->failed},
        {"streamgauge_queries_timed_out_total", "Those that took too long.", &api->timeouts},
        {"streamgauge_queries_canceled_total", "Those whose client went away.", &api->canceled},
        {"streamgauge_queries_refused_total", "Those refused since too many were at work.",
         &api->refused},
        {"streamgauge_query_answers_refused_total",
         "Big answers refused since those to slow clients held too much.", &api->refused_answers},
        {"streamgauge_query_samples_total", "Samples they read.", &api->samples},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(counters); i++)
        sg_buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", counters[i].name,
                      counters[i].help, counters[i].name, counters[i].name,
                      atomic_load_explicit(counters[i].value, memory_order_relaxed));
    sg_buf_printf(out,
                  "# HELP streamgauge_query_seconds_total Time they took.\n"
                  "# TYPE streamgauge_query_seconds_total counter\n"
                  "streamgauge_query_seconds_total %.6f\n",
                  (double)atomic_load_explicit(&api->eval_us, memory_order_relaxed) / 1e6);
    put_held(api, out);
}

void sg_api_set_external_labels_take(struct sg_api *api, const struct sg_labels *labels)
{
    pthread_mutex_lock(&api->gate);
    const struct sg_labels *before = api->external;
    api->external = labels;
    pthread_mutex_unlock(&api->gate);
    sg_labels_unref(before);
}

void sg_api_free(struct sg_api *api)
{
    if (!api)
        return;
    sg_labels_unref(api->external);
    pthread_cond_destroy(&api->passed);
    pthread_cond_destroy(&api->turn);
    pthread_mutex_destroy(&api->gate);
    sg_free(api);
}
