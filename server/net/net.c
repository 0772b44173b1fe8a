/* net.c - the server as a whole: configuration, start, drain, end, and what the engine calls. */
#include "edge.h"
#include "listen.h"

#include <errno.h>
#include <streamgauge/live.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/time.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors besides connections: files, listeners, event loops. */
#define OTHER_FILES 512

void sg_net_config_default(struct sg_net_config *cfg)
{
    *cfg = (struct sg_net_config){.edges = 1, .heartbeat_ms = 5000};
    cfg->limits = (struct sg_net_limits){
        .max_connections = 22000,
        .max_sessions = 20000,
        .max_per_address = 1000,
        .max_unestablished = 1024,
        .accepts_per_turn = 32,
        .max_pool_jobs = 64,
        .max_queue_bytes = 64 * 1024 * 1024,
        .max_body = 32 * 1024 * 1024,
        .max_inflated = 256 * 1024 * 1024,
        .max_collected = 512 * 1024 * 1024,
        .head_ms = 10000,
        .keep_alive_ms = 75000,
        .body_grace_ms = 10000,
        .body_min_rate = 1024,
        .answer_min_rate = 64 * 1024,
        .write_stall_ms = 60000,
        .ping_ms = 25000,
        .close_ms = 2000,
    };
    sg_hub_limits_default(&cfg->hub);
}

static int check(const struct sg_net_config *cfg, struct sg_error *reterr)
{
    if (cfg->edges < 1 || cfg->edges > SG_EDGES_MAX)
        return sg_error_set(reterr, SG_EINVALID, "edges is %u, expected 1 to %d", cfg->edges,
                            SG_EDGES_MAX);
    if (cfg->listen_count == 0)
        return sg_error_set(reterr, SG_EINVALID, "no address to listen on");
    if (!cfg->hooks.ingest)
        return sg_error_set(reterr, SG_EINVALID, "the ingest hook is missing");
    for (size_t i = 0; i < cfg->listen_count; i++) {
        const struct sg_net_listen *l = &cfg->listen[i];
        if (l->tls && (!cfg->tls_cert || !cfg->tls_key))
            return sg_error_set(reterr, SG_EINVALID,
                                "TLS on %s port %u needs a certificate and a key", l->address,
                                l->port);
        if (!sg_net_is_loopback(l->address) && cfg->token_count == 0 && !cfg->anonymous)
            return sg_error_set(reterr, SG_EINVALID,
                                "refusing to listen on '%s' without tokens: everybody who reaches "
                                "it could read and write; configure auth.tokens or say --anonymous",
                                l->address);
    }
    return 0;
}

/* Enough for the connections; and not much more, since lws keeps 16 bytes per possible descriptor
 * and edge. */
static void set_file_limit(const struct sg_net_config *cfg)
{
    struct rlimit r;
    rlim_t need = cfg->limits.max_connections + (rlim_t)OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || (r.rlim_cur >= need && r.rlim_cur <= 4 * need))
        return;
    rlim_t had = r.rlim_cur;
    r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max > need ? need : r.rlim_max;
    if (r.rlim_cur != had && setrlimit(RLIMIT_NOFILE, &r) < 0)
        r.rlim_cur = had;
    if (r.rlim_cur < need)
        SG_LOG(WARN, "net", "fewer file descriptors than connections allowed",
               "descriptors=%llu connections=%u", (unsigned long long)r.rlim_cur,
               cfg->limits.max_connections);
}

static int load_pair(struct sg_net *net, struct sg_error *reterr)
{
    bool tls = false;
    for (size_t i = 0; i < net->cfg.listen_count; i++)
        tls |= net->cfg.listen[i].tls;
    if (!tls)
        return 0;
    net->pair = sg__tls_load(net->cfg.tls_cert, net->cfg.tls_key, false, reterr);
    if (!net->pair)
        return SG_EINVALID;
    if (sg__tls_expires_in_s(net->pair) <= 0)
        SG_LOG(WARN, "net", "the TLS certificate has expired", "file=%s", net->cfg.tls_cert);
    sg_rand_bytes(net->ticket_keys, sizeof(net->ticket_keys));
    return 0;
}

/* SO_REUSEPORT would let a second server of the same user share the port in silence. */
static int check_free(const struct sg_net *net, size_t i, struct sg_error *reterr)
{
    if (net->ports[i] == 0)
        return 0;
    int fd = sg__listen_probe(net->cfg.listen[i].address, net->ports[i], reterr);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

/* All sockets before any thread: an address in use stops the start with nothing to undo but
 * descriptors. */
static int open_sockets(struct sg_net *net, int *fds, struct sg_error *reterr)
{
    size_t n = net->cfg.listen_count;
    for (size_t k = 0; k < n * net->edge_count; k++)
        fds[k] = -1;
    for (size_t i = 0; i < n; i++) {
        net->ports[i] = net->cfg.listen[i].port;
        int rc = check_free(net, i, reterr);
        if (rc < 0)
            return rc;
    }
    for (size_t k = 0; k < n * net->edge_count; k++) {
        fds[k] = sg__listen_open(net->cfg.listen[k % n].address, &net->ports[k % n], reterr);
        if (fds[k] < 0)
            return fds[k];
    }
    return 0;
}

static void free_net(struct sg_net *net)
{
    sg__auth_deinit(&net->auth);
    sg__routes_deinit(&net->routes);
    sg__peers_deinit(&net->peers);
    SSL_CTX_free(net->pair);
    sg_free(net->ports);
    pthread_mutex_destroy(&net->lock);
    pthread_cond_destroy(&net->changed);
    sg_free(net);
}

static struct sg__message *message(enum sg__message_kind kind)
{
    struct sg__message *m = sg_calloc(1, sizeof(*m));
    m->kind = kind;
    return m;
}

static int start_edges(struct sg_net *net, struct sg_error *reterr)
{
    size_t n = net->cfg.listen_count, total = n * net->edge_count;
    int *fds = sg_calloc(total, sizeof(*fds));
    int rc = open_sockets(net, fds, reterr);
    unsigned given = 0;
    while (rc == 0 && given < net->edge_count) {
        rc = sg__edge_start(net, given, fds + given * n, reterr);
        given++;
    }
    for (size_t k = given * n; rc < 0 && k < total; k++)
        if (fds[k] >= 0)
            close(fds[k]);
    for (unsigned i = 0; rc == 0 && i < net->edge_count; i++)
        (void)sg__edge_tell(net->edge[i], message(SG__MSG_SERVE), 0);
    sg_free(fds);
    return rc;
}

int sg_net_start(const struct sg_net_config *cfg, struct sg_net **ret, struct sg_error *reterr)
{
    int rc = check(cfg, reterr);
    if (rc < 0)
        return rc;
    struct sg_net *net = sg_calloc(1, sizeof(*net));
    net->cfg = *cfg;
    net->edge_count = cfg->edges;
    if (net->cfg.limits.max_collected < cfg->limits.max_body) /* one must be possible */
        net->cfg.limits.max_collected = cfg->limits.max_body;
    net->http_source.name = "http";
    net->source = cfg->source ? cfg->source : &net->http_source;
    net->ports = sg_calloc(cfg->listen_count, sizeof(*net->ports));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&net->lock, NULL);
    pthread_cond_init(&net->changed, &attr);
    pthread_condattr_destroy(&attr);
    sg__peers_init(&net->peers, cfg->limits.max_per_address);
    set_file_limit(cfg);
    rc = sg__auth_init(&net->auth, cfg, reterr);
    if (rc == 0)
        rc = sg__routes_init(&net->routes, cfg, reterr);
    if (rc == 0)
        rc = load_pair(net, reterr);
    if (rc == 0)
        rc = start_edges(net, reterr);
    if (rc < 0) {
        sg_net_free(net);
        return rc;
    }
    *ret = net;
    return 0;
}

unsigned sg_net_edges(const struct sg_net *net)
{
    return net->edge_count;
}

uint16_t sg_net_port(const struct sg_net *net, size_t i)
{
    return i < net->cfg.listen_count ? net->ports[i] : 0;
}

int sg_net_publish_take(struct sg_net *net, unsigned edge, struct sg_frame_batch *batch)
{
    struct sg__edge *e = net->edge[edge];
    if (sg_mpsc_push(&e->frames, &batch->node, sg_frame_batch_weight(batch), NULL) < 0) {
        sg__count_shared(&e->counters, SG__C_BATCHES_DROPPED, 1);
        sg_frame_batch_free(batch);
        return SG_EBUSY;
    }
    uv_async_send(&e->wake);
    return 0;
}

bool sg_net_edge_has_room(struct sg_net *net, unsigned edge)
{
    struct sg_mpsc *q = &net->edge[edge]->frames;
    return atomic_load_explicit(&q->weight, memory_order_relaxed) < q->max_weight / 2;
}

int sg_net_reload_tls(struct sg_net *net, struct sg_error *reterr)
{
    if (!net->pair)
        return sg_error_set(reterr, SG_EINVALID, "TLS is not configured");
    SSL_CTX *pair = sg__tls_load(net->cfg.tls_cert, net->cfg.tls_key, true, reterr);
    if (!pair)
        return SG_EINVALID;
    for (unsigned i = 0; i < net->edge_count; i++) {
        struct sg__message *m = message(SG__MSG_RELOAD_TLS);
        SSL_CTX_up_ref(pair);
        m->pair = pair;
        (void)sg__edge_tell(net->edge[i], m, 0);
    }
    pthread_mutex_lock(&net->lock);
    SSL_CTX_free(net->pair);
    net->pair = pair;
    pthread_mutex_unlock(&net->lock);
    return 0;
}

int sg_net_reload_tokens(struct sg_net *net, const struct sg_net_token *tokens, size_t n,
                         struct sg_error *reterr)
{
    pthread_mutex_lock(&net->lock);
    int rc = sg__auth_set_tokens(&net->auth, tokens, n, reterr);
    pthread_mutex_unlock(&net->lock);
    for (unsigned i = 0; rc == 0 && i < net->edge_count; i++)
        (void)sg__edge_tell(net->edge[i], message(SG__MSG_JUDGE), 0);
    return rc;
}

void sg_net_reload_names(struct sg_net *net, struct sg_live_names *names)
{
    for (unsigned i = 0; i < net->edge_count; i++) {
        struct sg__message *m = message(SG__MSG_NAMES);
        m->names = sg_live_names_ref(names);
        (void)sg__edge_tell(net->edge[i], m, 0);
    }
}

void sg_net_drain(struct sg_net *net, int64_t timeout_ms)
{
    struct timespec until = sg_timespec_us(sg_mono_now_us() + timeout_ms * 1000);
    atomic_store(&net->draining, true);
    for (unsigned i = 0; i < net->edge_count; i++)
        (void)sg__edge_tell(net->edge[i], message(SG__MSG_DRAIN), 0);
    pthread_mutex_lock(&net->lock);
    while (atomic_load_explicit(&net->connections, memory_order_relaxed) > 0)
        if (pthread_cond_timedwait(&net->changed, &net->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&net->lock);
}

void sg_net_free(struct sg_net *net)
{
    if (!net)
        return;
    for (unsigned i = 0; i < net->edge_count; i++)
        if (net->edge[i] && net->edge[i]->state == SG__EDGE_SERVING)
            (void)sg__edge_tell(net->edge[i], message(SG__MSG_STOP), 0);
    for (unsigned i = 0; i < net->edge_count; i++)
        if (net->edge[i])
            sg__edge_join(net->edge[i]);
    for (unsigned i = 0; i < net->edge_count; i++)
        if (net->edge[i])
            sg__edge_free(net->edge[i]);
    free_net(net);
}
