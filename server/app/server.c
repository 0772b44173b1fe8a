/* server.c - builds everything bottom-up and closes it in reverse: engine, edges, engine thread,
 * inputs. */
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/time.h>

#include "server_priv.h"

/* A retention this long means "any timestamp", also far in the future. */
#define ANY_TIME_MS (50 * SG_MS_PER_YEAR)
#define MAX_METRICS_BYTES (4u << 20)
/* For requests to receivers under way, and for what is to be written. When connections took all
 * their time the end must come soon: SIGTERM promises one within 10 s. */
#define STOP_MS 3000
#define STOP_LATE_MS 1500
#define STOP_LEAST_MS 500

/* ---- hooks of net and inputs ---- */

static int on_ingest(void *ctx, struct sg_batch *batch)
{
    struct sg_server *s = ctx;
    return sg_engine_ingest(sg_engine_thread_engine(s->engine), batch);
}

static int on_control(void *ctx, struct sg_control *control)
{
    struct sg_server *s = ctx;
    return sg_engine_control(sg_engine_thread_engine(s->engine), control);
}

static void on_metrics(void *ctx, struct sg_buf *out)
{
    struct sg_server *s = ctx;
    sg_selfmetrics_print(&s->self, out);
    sg_api_metrics(s->api, out);
    sg_alerts_metrics(s->alerts, out);
}

static int on_ack(void *ctx, struct sg_str notification, struct sg_str comment, struct sg_str by,
                  struct sg_error *reterr)
{
    struct sg_server *s = ctx;
    return sg_alerts_ack(s->alerts, notification, comment, by, reterr);
}

/* POST /-/reload */
static void on_reload(void *ctx, struct sg_net_exchange *x)
{
    struct sg_error err = {0};
    char text[sizeof(err.source) + sizeof(err.text) + 32];
    SG_AUTO(sg_buf_deinit) struct sg_buf restart;
    sg_buf_init(&restart, 65536);
    if (sg_server_reload(ctx, &restart, &err) < 0) {
        sg_net_exchange_error(x, 400, "%s", sg_error_format(&err, text, sizeof(text)));
        return;
    }
    sg_buf_puts(&x->out, "{\"status\":\"success\",\"needsRestart\":");
    sg_buf_put_str(&x->out, sg_buf_str(&restart));
    sg_buf_puts(&x->out, "}\n");
}

static void on_settle(void *ctx)
{
    struct sg_server *s = ctx;
    sg_engine_thread_settle(s->engine);
}

static void on_streams(void *ctx, sg_api_each_stream *each, void *each_ctx)
{
    struct sg_server *s = ctx;
    sg_engine_thread_streams(s->engine, each, each_ctx);
}

static bool on_ready(void *ctx, const char **ret_reason)
{
    struct sg_server *s = ctx;
    *ret_reason = "starting or draining";
    return atomic_load(&s->ready);
}

/* ---- building ---- */

static void init_sources(struct sg_server *s)
{
    static const char *const names[N_SOURCES] = {"http", "statsd", "host", "self"};
    const struct sg_config *c = s->config;
    for (int i = 0; i < N_SOURCES; i++) {
        s->sources[i].name = names[i];
        s->source_list[i] = &s->sources[i];
    }
    s->sources[SOURCE_HTTP].stale_after_ms = c->http_stale_after_ms;
    s->sources[SOURCE_STATSD].stale_after_ms = c->statsd_stale_after_ms;
    /* What we read ourselves stops only when it is gone: a device, an interface. Three readings
     * missed say so. */
    s->sources[SOURCE_HOST].stale_after_ms = 3 * c->host_interval_ms + 1000;
    s->sources[SOURCE_SELF].stale_after_ms = 5000;
}

/* What Prometheus has behind flags and is always on here. */
static bool always_on(struct sg_str name)
{
    static const char *const names[] = {
        "promql-experimental-functions", "promql-duration-expr", "promql-at-modifier",
        "promql-negative-offset",        "native-histograms",    "remote-write-receiver",
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(names); i++)
        if (sg_str_eq_c(name, names[i]))
            return true;
    return false;
}

static void enable(struct sg_server *s, struct sg_str list)
{
    for (struct sg_str rest = list; rest.p;) {
        struct sg_str name = sg_str_trim(sg_str_split(&rest, ','));
        if (sg_str_eq_c(name, "promql-delayed-name-removal"))
            s->eval.delayed_names = true;
        else if (sg_str_eq_c(name, "type-and-unit-labels"))
            s->eval.type_labels = true;
        else if (name.n && !always_on(name))
            SG_LOG(WARN, "config", "unknown feature, ignored", "feature=\"%.*s\"",
                   SG_STR_ARG(name));
    }
}

static void init_eval(struct sg_server *s)
{
    const struct sg_config *c = s->config;
    struct sg_api_config defaults;
    sg_api_config_default(&defaults);
    s->eval = defaults.eval;
    s->eval.lookback_ms = c->query.lookback_ms;
    s->eval.max_samples = c->query.max_samples;
    s->eval.max_series = c->query.max_series;
    for (size_t i = 0; i < c->features.n; i++)
        enable(s, sg_str_from(c->features.items[i]));
    s->live_eval = s->eval;
}

static int make_engine(struct sg_server *s, struct sg_error *reterr)
{
    const struct sg_config *c = s->config;
    struct sg_engine_options o;
    sg_engine_options_default(&o);
    bool resumed;
    sg_alerts_epoch(s->alerts, &o.epoch, &o.first_offset, &resumed);
    o.ingest_queue_bytes = (size_t)c->limits.queue_bytes;
    o.store.retention_ms = c->retention_ms;
    o.store.out_of_order_ms = c->out_of_order_ms;
    o.store.idle_expiry_ms = c->idle_expiry_ms;
    o.store.max_series = (uint32_t)c->limits.series;
    o.store.max_series_per_metric = (uint32_t)c->limits.series_per_metric;
    o.store.max_exemplars = (uint32_t)c->limits.exemplars;
    o.store.max_labels = (uint32_t)c->limits.labels_per_series;
    if (c->retention_ms >= ANY_TIME_MS)
        o.store.max_future_ms = ANY_TIME_MS;
    o.live.tick_ms = c->tick_ms;
    o.live.max_streams = (uint32_t)c->limits.streams;
    o.live.max_graph_bytes = c->limits.stream_bytes;
    o.live.max_series = (uint32_t)c->limits.series_per_stream;
    o.live.eval = &s->live_eval;
    return sg_engine_thread_new(&o, &s->engine, reterr);
}

static int add_listen(struct sg_server *s, const char *text, bool tls, struct sg_error *reterr)
{
    size_t i = s->n_listen;
    uint16_t port;
    int rc = sg_address_parse(text, s->hosts[i], &port, reterr);
    if (rc < 0)
        return rc;
    s->listen[i] = (struct sg_net_listen){.address = s->hosts[i], .port = port, .tls = tls};
    s->n_listen++;
    return 0;
}

/* True when there is an address ::1: the default one is left out where IPv6 is not there, or is
 * switched off, as in most containers. */
static bool have_loopback6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool have = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return have;
}

static int make_listen(struct sg_server *s, struct sg_error *reterr)
{
    const struct sg_config *c = s->config;
    bool tls = c->tls_cert && !c->tls_listen;
    size_t room = c->listen.n + 3;
    int rc = 0;
    s->hosts = sg_calloc(room, sizeof(*s->hosts));
    s->listen = sg_calloc(room, sizeof(*s->listen));
    for (size_t i = 0; i < c->listen.n && rc == 0; i++)
        rc = add_listen(s, c->listen.items[i], tls, reterr);
    if (c->listen.n == 0) {
        rc = add_listen(s, "127.0.0.1:8420", tls, reterr);
        if (rc == 0 && have_loopback6())
            rc = add_listen(s, "[::1]:8420", tls, reterr);
    }
    if (c->tls_listen && rc == 0)
        rc = add_listen(s, c->tls_listen, true, reterr);
    return rc;
}

static struct sg_ingest_limits ingest_limits(const struct sg_config *c)
{
    return (struct sg_ingest_limits){.max_line = (uint32_t)c->limits.line_bytes,
                                     .max_labels = (uint32_t)c->limits.labels_per_series,
                                     .max_name = (uint32_t)c->limits.label_length,
                                     .max_value = (uint32_t)c->limits.label_length,
                                     .max_future_ms = c->retention_ms >= ANY_TIME_MS ? -1 : 0};
}

static void set_limits(const struct sg_config *c, struct sg_net_config *n)
{
    const struct sg_config_limits *l = &c->limits;
    n->limits.max_sessions = (uint32_t)l->sessions;
    n->limits.max_connections =
        (uint32_t)l->sessions + 1000; /* requests find room while sessions are full */
    n->limits.max_pool_jobs = (uint32_t)(4 * c->query.concurrency);
    n->limits.max_per_address = (uint32_t)l->sessions_per_address;
    n->limits.max_body = (size_t)l->body_bytes;
    n->limits.max_inflated = (size_t)l->body_bytes;
    n->ingest = ingest_limits(c);
    /* Of StatsD, whose times are of no use but for gauges, the store judges. */
    n->ingest.max_age_ms = c->retention_ms >= ANY_TIME_MS ? 0 : c->retention_ms;
    n->hub.sessions = (uint32_t)l->sessions;
    n->hub.subscriptions_per_session = (uint32_t)l->subscriptions_per_session;
    n->hub.topics = (uint32_t)l->streams;
    n->hub.message_bytes = (uint32_t)l->message_bytes;
    n->hub.history_points = (uint32_t)l->history_points;
    n->hub.min_interval_ms = c->tick_ms;
}

static unsigned edge_count(const struct sg_config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = c->edges ? (unsigned)c->edges : cores > 0 ? (unsigned)cores : 1;
    return n > SG_EDGES_MAX ? SG_EDGES_MAX : n;
}

static void make_api(struct sg_server *s)
{
    const struct sg_config *c = s->config;
    struct sg_api_config a;
    sg_api_config_default(&a);
    a.store = sg_engine_get_store(sg_engine_thread_engine(s->engine));
    a.eval = s->eval;
    a.timeout_ms = c->query.timeout_ms;
    a.concurrency = (unsigned)c->query.concurrency;
    a.result_bytes = (size_t)c->query.result_bytes;
    a.started_ms = sg_wall_now_ms();
    a.retention_ms = c->retention_ms;
    a.streams = on_streams;
    a.streams_ctx = s;
    a.settle = on_settle;
    a.settle_ctx = s;
    a.call = sg_alerts_call;
    a.call_ctx = s->alerts;
    a.alert_config = sg_alerts_print_config;
    a.alert_config_ctx = s->alerts;
    s->api = sg_api_new(&a);
    sg_api_set_external_labels_take(s->api, sg_alert_external_labels(c));
}

/* Those of the API, of alerts, and our own. */
static const struct sg_net_route *make_routes(struct sg_server *s, size_t *ret_n)
{
    size_t api, alerts;
    const struct sg_net_route *of_api = sg_api_routes(s->api, &api);
    const struct sg_net_route *of_alerts = sg_alerts_routes(s->alerts, &alerts);
    *ret_n = api + alerts + 2;
    s->routes = sg_calloc(*ret_n, sizeof(*s->routes));
    memcpy(s->routes, of_api, api * sizeof(*s->routes));
    memcpy(s->routes + api, of_alerts, alerts * sizeof(*s->routes));
    s->routes[api + alerts] =
        (struct sg_net_route){.path = "/-/reload",
                              .methods = SG_NET_METHOD(POST) | SG_NET_METHOD(PUT),
                              .right = SG_RIGHT_ADMIN,
                              .max_body = 4096,
                              .pooled = true,
                              .handle = on_reload,
                              .ctx = s};
    s->routes[api + alerts + 1] = (struct sg_net_route){.path = "/graph",
                                                        .methods = SG_NET_METHOD(GET),
                                                        .handle = sg_assets_graph,
                                                        .ctx = &s->assets};
    return s->routes;
}

static int make_net(struct sg_server *s, struct sg_error *reterr)
{
    const struct sg_config *c = s->config;
    struct sg_net_config n;
    int rc = make_listen(s, reterr);
    if (rc < 0)
        return rc;
    sg_net_config_default(&n);
    s->tokens = sg_calloc(c->n_tokens + 1, sizeof(*s->tokens));
    for (size_t i = 0; i < c->n_tokens; i++)
        s->tokens[i] =
            (struct sg_net_token){c->tokens[i].name, c->tokens[i].hash, c->tokens[i].rights};
    sg_assets_init(&s->assets);
    n.listen = s->listen;
    n.listen_count = s->n_listen;
    n.edges = edge_count(c);
    n.tls_cert = c->tls_cert;
    n.tls_key = c->tls_key;
    n.tokens = s->tokens;
    n.token_count = c->n_tokens;
    n.anonymous = c->anonymous;
    n.origins = (const char *const *)c->origins.items;
    n.origin_count = c->origins.n;
    n.require_origin = !c->absent_origin;
    n.deflate = c->deflate;
    n.assets = s->assets.items;
    n.asset_count = s->assets.n;
    n.hooks = (struct sg_net_hooks){.ctx = s,
                                    .ingest = on_ingest,
                                    .control = on_control,
                                    .ack = on_ack,
                                    .metrics = on_metrics,
                                    .ready = on_ready};
    n.store = sg_engine_get_store(sg_engine_thread_engine(s->engine));
    n.names = s->names;
    make_api(s);
    n.eval = &s->live_eval;
    n.routes = make_routes(s, &n.route_count);
    n.source = &s->sources[SOURCE_HTTP];
    uint64_t first;
    sg_alerts_epoch(s->alerts, &n.epoch, &first, &n.await_feed);
    set_limits(c, &n);
    return sg_net_start(&n, &s->net, reterr);
}

static struct sg_batcher_config batcher_config(struct sg_server *s, struct sg_source *source)
{
    return (struct sg_batcher_config){
        .submit = on_ingest,
        .ctx = s,
        .source = source,
        .gate = sg_store_gate(sg_engine_get_store(sg_engine_thread_engine(s->engine))),
        .limits = ingest_limits(s->config),
    };
}

static int start_statsd(struct sg_server *s, struct sg_error *reterr)
{
    const struct sg_config *c = s->config;
    char host[64];
    struct sg_udp_config u = {.address = host,
                              .threads = (unsigned)c->statsd_threads,
                              .batcher = batcher_config(s, &s->sources[SOURCE_STATSD])};
    if (strcmp(c->statsd_listen, "off") == 0)
        return 0;
    int rc = sg_address_parse(c->statsd_listen, host, &u.port, reterr);
    return rc < 0 ? rc : sg_udp_start(&u, &s->udp, reterr);
}

static int start_host(struct sg_server *s, struct sg_error *reterr)
{
    struct sg_host_config h = {.interval_ms = s->config->host_interval_ms,
                               .batcher = batcher_config(s, &s->sources[SOURCE_HOST])};
    return s->config->host ? sg_host_start(&h, &s->host, reterr) : 0;
}

static void make_self(struct sg_server *s)
{
    char name[256] = "localhost";
    struct sg_batcher_config b = batcher_config(s, &s->sources[SOURCE_SELF]);
    struct sg_labels_builder labels;
    (void)gethostname(name, sizeof(name) - 1);
    sg_labels_builder_init(&labels);
    sg_labels_builder_set(&labels, SG_STR("job"), SG_STR("streamgauge"));
    sg_labels_builder_set(&labels, SG_STR("instance"), sg_str_from(name));
    s->self_labels = sg_labels_builder_build(&labels);
    sg_labels_builder_deinit(&labels);
    s->self_batcher = sg_batcher_new(&b);
    s->self = (struct sg_selfmetrics){.engine = sg_engine_thread_engine(s->engine),
                                      .udp = s->udp,
                                      .sources = s->source_list,
                                      .n_sources = N_SOURCES,
                                      .started_ms = sg_wall_now_ms()};
}

static int make_data_folder(const char *path, struct sg_error *reterr)
{
    struct stat st;
    if (!path || mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return sg_error_set(reterr, SG_EIO, "cannot use '%s' as data folder: %s", path,
                            errno == EEXIST || errno == 0 ? "not a folder" : strerror(errno));
    return 0;
}

int sg_server_start(const struct sg_config *config, const struct sg_config_source *source,
                    struct sg_server **ret, struct sg_error *reterr)
{
    struct sg_server *s = sg_calloc(1, sizeof(*s));
    s->config = config;
    s->source = source;
    pthread_mutex_init(&s->reloading, NULL);
    char threads[16];
    /* Some may wait for slow clients, and histories need threads too. */
    unsigned pool = (unsigned)config->query.concurrency * 4;
    snprintf(threads, sizeof(threads), "%u", pool < 1024 ? pool : 1024);
    (void)setenv("UV_THREADPOOL_SIZE", threads, 1); /* no other thread runs yet */
    init_eval(s);
    init_sources(s);
    int rc = make_data_folder(config->data, reterr);
    if (rc == 0)
        rc = sg_alerts_open(config, &s->alerts, reterr);
    if (rc == 0)
        rc = sg__server_names(config, &s->names, reterr);
    if (rc == 0)
        rc = make_engine(s, reterr);
    /* UDP first: a port that is taken must not leave edges half started. Its batches wait in the
     * engine's queue. */
    if (rc == 0)
        rc = start_statsd(s, reterr);
    if (rc == 0)
        rc = sg_alerts_start(s->alerts, s->engine, reterr);
    if (rc == 0) {
        make_self(s);
        rc = make_net(s, reterr);
    }
    if (rc == 0)
        rc = sg_engine_thread_start(s->engine, s->net, reterr);
    if (rc == 0)
        rc = start_host(s, reterr);
    if (rc < 0) {
        sg_server_stop(s, 0);
        return rc;
    }
    atomic_store(&s->ready, true);
    *ret = s;
    return 0;
}

uint16_t sg_server_port(const struct sg_server *s, size_t i)
{
    return sg_net_port(s->net, i);
}

size_t sg_server_listeners(const struct sg_server *s)
{
    return s->n_listen;
}

uint16_t sg_server_statsd_port(const struct sg_server *s)
{
    return s->udp ? sg_udp_port(s->udp) : 0;
}

void sg_server_second(struct sg_server *s, int64_t now_ms)
{
    struct sg_ingest_options o = {
        .format = SG_INGEST_PROM_TEXT, .extra = s->self_labels, .now_ms = now_ms};
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, MAX_METRICS_BYTES);
    sg_selfmetrics_print(&s->self, &text);
    sg_net_metrics(s->net, &text);
    sg_api_metrics(s->api, &text);
    sg_alerts_metrics(s->alerts, &text);
    struct sg_ingest_parser *p = sg_ingest_parser_new(s->self_batcher, &o);
    (void)sg_ingest_feed(p, text.data, text.len);
    (void)sg_ingest_finish(p); /* a full queue is counted in the source */
    const struct sg_ingest_result *r = sg_ingest_parser_result(p);
    /* Every second the same words would fill the log: the counters go on to tell. */
    if (r->rejected && !s->self_refused)
        SG_LOG(WARN, "self", "own metrics refused", "line=%u reason=\"%s\"", r->errors[0].line,
               r->errors[0].text);
    s->self_refused = r->rejected > 0;
    sg_ingest_parser_free(p);
}

static int64_t stop_ms(int64_t latest_ms)
{
    int64_t left_ms = latest_ms - sg_mono_now_ms();
    if (left_ms > STOP_MS)
        return STOP_MS;
    return left_ms > STOP_LEAST_MS ? left_ms : STOP_LEAST_MS;
}

void sg_server_stop(struct sg_server *s, int64_t drain_ms)
{
    if (!s)
        return;
    int64_t latest_ms = sg_mono_now_ms() + drain_ms + STOP_LATE_MS;
    atomic_store(&s->ready, false);
    sg_host_stop(s->host);
    if (s->alerts)
        sg_alerts_hurry(s->alerts);
    if (s->net)
        sg_net_drain(s->net, drain_ms);
    if (s->engine)
        sg_engine_thread_stop(s->engine);
    sg_net_free(s->net);
    sg_udp_stop(s->udp); /* the edges' /metrics look at its counters to the end */
    sg_api_free(s->api);
    sg_batcher_free(s->self_batcher);
    if (s->alerts)
        sg_alerts_stop(s->alerts, stop_ms(latest_ms));
    sg_alerts_free(s->alerts);
    sg_engine_thread_free(s->engine);
    sg_labels_unref(s->self_labels);
    sg_live_names_unref(s->names);
    sg_live_names_unref(s->reloaded_names);
    sg_assets_deinit(&s->assets);
    sg_free(s->listen);
    sg_free(s->hosts);
    sg_free(s->tokens);
    sg_free(s->routes);
    pthread_mutex_destroy(&s->reloading);
    sg_free(s);
}
