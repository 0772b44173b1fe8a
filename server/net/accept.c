/* accept.c - an edge's listeners: bounded work per turn, limits, and what happens when descriptors
 * run out. */
#include "edge.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <sys/socket.h>
#include <unistd.h>

/* Rest of the listeners after descriptors ran out. */
#define BACK_OFF_MS 200

static void on_listener(uv_poll_t *poll, int status, int events);

static void start(struct sg__listener *l)
{
    if (!l->polling && uv_poll_start(&l->poll, UV_READABLE, on_listener) == 0)
        l->polling = true;
}

static void stop(struct sg__listener *l)
{
    if (l->polling)
        uv_poll_stop(&l->poll);
    l->polling = false;
}

/* No descriptor left: the one in reserve is given up to accept and close the next connection, so
 * that the client learns of it; then the listeners rest, else a level-triggered loop would spin. */
static void out_of_files(struct sg__edge *e, struct sg__listener *l)
{
    if (e->reserve_fd >= 0) {
        close(e->reserve_fd);
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            close(fd);
        e->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    sg__count(&e->counters, SG__C_REFUSED_FILES, 1);
    SG_LOG(WARN, "net", "out of file descriptors, connections wait", "edge=%u", e->number);
    for (size_t i = 0; i < e->listener_count; i++)
        stop(&e->listener[i]);
    e->accept_resume_ms = e->now_ms + BACK_OFF_MS;
}

/* Exactly the addresses a proxy on this host comes from: the limit per address would hit all its
 * clients. */
static bool is_local_proxy(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr ==
               htonl(INADDR_LOOPBACK);
    return sa->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

static bool is_loopback(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24 == 127;
    return is_local_proxy(sa);
}

/* Too many connections without a request: the oldest makes room, it had the most time. */
static void make_room(struct sg__edge *e)
{
    if (e->fresh_count < e->net->cfg.limits.max_unestablished || sg_list_empty(&e->fresh))
        return;
    struct sg__conn *oldest = SG_CONTAINER_OF(e->fresh.next, struct sg__conn, pending);
    sg__conn_doom(oldest, SG__C_CLOSED_HEAD);
}

static void take_in(struct sg__listener *l, int fd, const struct sockaddr *sa)
{
    struct sg__edge *e = l->edge;
    struct sg_net *net = e->net;
    unsigned now = atomic_load_explicit(&net->connections, memory_order_relaxed);
    unsigned max = net->cfg.limits.max_connections;
    if (now >= max + SG__REFUSAL_ROOM) {
        sg__count(&e->counters, SG__C_REFUSED_CONNECTIONS, 1);
        close(fd);
        return;
    }
    make_room(e);
    struct sg__conn *c = sg__conn_new(e, l->tls);
    c->loopback = is_loopback(sa);
    c->peer = sg__peer_key_of(sa);
    if (!is_local_proxy(sa))
        c->counted = sg__peers_enter(&net->peers, c->peer);
    if (now >= max) {
        sg__count(&e->counters, SG__C_REFUSED_CONNECTIONS, 1);
        c->refused = true;
    } else if (!c->counted && !is_local_proxy(sa)) {
        sg__count(&e->counters, SG__C_REFUSED_ADDRESS, 1);
        c->refused = true;
    }
    if (sg__lws_adopt(e, c, fd))
        sg__conn_arm(c, net->cfg.limits.head_ms);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct sg__listener *l = poll->data;
    struct sg__edge *e = l->edge;
    (void)status;
    (void)events;
    sg__edge_update_clock(e);
    for (uint32_t i = 0; i < e->net->cfg.limits.accepts_per_turn; i++) {
        struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof(sa);
        int fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            sg__count(&e->counters, SG__C_ACCEPTED, 1);
            take_in(l, fd, (const struct sockaddr *)&sa);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            out_of_files(e, l);
            return;
        }
        /* ECONNABORTED, EPROTO and network errors concern that one connection only. */
    }
}

int sg__accept_open(struct sg__edge *e, const int *fds)
{
    e->listener_count = e->net->cfg.listen_count;
    e->listener = sg_calloc(e->listener_count, sizeof(*e->listener));
    e->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int rc = 0;
    for (size_t i = 0; i < e->listener_count; i++) {
        struct sg__listener *l = &e->listener[i];
        l->fd = fds[i];
        l->tls = e->net->cfg.listen[i].tls;
        l->poll.data = l;
        if (uv_poll_init(&e->loop, &l->poll, l->fd) == 0) {
            l->edge = e;
            continue;
        }
        close(l->fd);
        rc = SG_EIO;
    }
    return rc;
}

static void on_poll_closed(uv_handle_t *h)
{
    struct sg__listener *l = h->data;
    close(l->fd);
    l->fd = -1;
}

void sg__accept_close(struct sg__edge *e)
{
    for (size_t i = 0; i < e->listener_count; i++) {
        struct sg__listener *l = &e->listener[i];
        if (l->edge && !uv_is_closing((uv_handle_t *)&l->poll)) {
            stop(l);
            uv_close((uv_handle_t *)&l->poll, on_poll_closed);
        }
    }
    if (e->reserve_fd >= 0)
        close(e->reserve_fd);
    e->reserve_fd = -1;
    e->accept_resume_ms = 0;
}

void sg__accept_start(struct sg__edge *e)
{
    for (size_t i = 0; i < e->listener_count; i++)
        start(&e->listener[i]);
}

void sg__accept_resume(struct sg__edge *e)
{
    if (!e->accept_resume_ms || e->now_ms < e->accept_resume_ms)
        return;
    e->accept_resume_ms = 0;
    if (e->reserve_fd < 0)
        e->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sg__accept_start(e);
}
