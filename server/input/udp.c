/* udp.c - StatsD over UDP: blocking recvmmsg on threads of their own, parsed in place.
 *
 * Each thread owns one socket of an SO_REUSEPORT group, so the kernel spreads senders over threads
 * and a socket has one reader. recvmmsg takes up to 64 datagrams; after each burst the batcher is
 * flushed, so a lone sample does not wait and a flood travels in big batches. What the kernel drops
 * before us is counted: SO_RXQ_OVFL tells it with each datagram, SO_MEMINFO when none comes any
 * more, since the end of a burst is what is dropped first.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <streamgauge/input.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#define BURST 64
#define RECEIVE_BUFFER_BYTES (8 << 20)
/* How often a thread looks whether it shall stop, when nothing comes. */
#define STOP_POLL_US 200000

struct receiver {
    struct sg_udp *udp;
    int fd;
    uint32_t kernel_drops; /* as last told by the socket; wraps */
    pthread_t thread;
    struct sg_batcher *batcher;
    struct mmsghdr messages[BURST];
    struct iovec vectors[BURST];
    char controls[BURST][CMSG_SPACE(sizeof(uint32_t))];
    char data[BURST][SG_UDP_MAX_DATAGRAM];
};

struct sg_udp {
    struct sg_udp_stats stats;
    atomic_bool stop;
    uint16_t port;
    unsigned n_receivers;
    struct receiver *receivers[];
};

static int socket_error(struct sg_error *reterr, const char *what, const struct sg_udp_config *c)
{
    return sg_error_set(reterr, SG_EIO, "cannot %s UDP %s port %u: %s", what, c->address,
                        (unsigned)c->port, strerror(errno));
}

static void set_options(int fd, unsigned receive_buffer_bytes)
{
    int one = 1, size = receive_buffer_bytes ? (int)receive_buffer_bytes : RECEIVE_BUFFER_BYTES;
    struct timeval timeout = {.tv_usec = STOP_POLL_US};
    /* FORCE needs privilege; without it the kernel's net.core.rmem_max caps the size. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

/* A bound socket of the group; *port is what the first one got when 0 was asked for. */
static int open_socket(const struct sg_udp_config *c, uint16_t *port, int *ret_fd,
                       struct sg_error *reterr)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
    bool is_v4 = inet_pton(AF_INET, c->address, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, c->address, &v6.sin6_addr) != 1)
        return sg_error_set(reterr, SG_EINVALID, "expected an IP address for UDP, got '%s'",
                            c->address);
    const struct sockaddr *address = is_v4 ? (const void *)&v4 : (const void *)&v6;
    socklen_t length = is_v4 ? sizeof(v4) : sizeof(v6);
    int one = 1, fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return socket_error(reterr, "open", c);
    /* Another process on the same port must be an error, not a silent sharer: SO_REUSEPORT only
     * within our own group. */
    if ((c->threads > 1 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
        bind(fd, address, length) != 0) {
        int rc = socket_error(reterr, "listen on", c);
        close(fd);
        return rc;
    }
    set_options(fd, c->receive_buffer_bytes);
    if (*port == 0) {
        struct sockaddr_in6 got = {0};
        socklen_t n = sizeof(got);
        if (getsockname(fd, (struct sockaddr *)&got, &n) == 0)
            *port = ntohs(got.sin6_port); /* the port lies at the same place in both families */
    }
    *ret_fd = fd;
    return 0;
}

static void prepare_messages(struct receiver *r)
{
    for (unsigned i = 0; i < BURST; i++) {
        r->vectors[i] = (struct iovec){r->data[i], SG_UDP_MAX_DATAGRAM};
        r->messages[i].msg_hdr = (struct msghdr){.msg_iov = &r->vectors[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = r->controls[i],
                                                 .msg_controllen = sizeof(r->controls[i])};
    }
}

/* total: the socket's drop counter as of some moment; it wraps. A datagram tells it as it was when
 * the datagram came in, which may be before what SO_MEMINFO has told since. */
static void count_drops_up_to(struct receiver *r, uint32_t total)
{
    uint32_t lost = total - r->kernel_drops;
    if (lost == 0 || lost > UINT32_MAX / 2)
        return;
    r->kernel_drops = total;
    atomic_fetch_add_explicit(&r->udp->stats.kernel_drops, lost, memory_order_relaxed);
}

/* The counter comes with each datagram once it is not 0; the newest one counts. */
static void count_told_drops(struct receiver *r, struct msghdr *newest)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(newest); c; c = CMSG_NXTHDR(newest, c)) {
        uint32_t total;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
            continue;
        memcpy(&total, CMSG_DATA(c), sizeof(total));
        count_drops_up_to(r, total);
    }
}

/* When nothing comes: what was dropped after the last datagram. */
static void count_silent_drops(struct receiver *r)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof(info);
    if (getsockopt(r->fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 &&
        n > SK_MEMINFO_DROPS * sizeof(uint32_t))
        count_drops_up_to(r, info[SK_MEMINFO_DROPS]);
}

/* What was received, in one place and before it is passed on: who sees a sample sees it counted. */
static void count_burst(struct sg_udp_stats *stats, unsigned n, unsigned long long bytes,
                        unsigned long long truncated, const struct sg_ingest_result *result)
{
    atomic_fetch_add_explicit(&stats->datagrams, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&stats->bytes, bytes, memory_order_relaxed);
    if (truncated)
        atomic_fetch_add_explicit(&stats->truncated, truncated, memory_order_relaxed);
    if (result->rejected)
        atomic_fetch_add_explicit(&stats->rejected, result->rejected, memory_order_relaxed);
}

static void parse_burst(struct receiver *r, unsigned n, int64_t now_ms)
{
    struct sg_ingest_result result = {0};
    unsigned long long bytes = 0, truncated = 0;
    for (unsigned i = 0; i < n; i++) {
        struct mmsghdr *m = &r->messages[i];
        size_t length = m->msg_len;
        bytes += length;
        if (SG_UNLIKELY(m->msg_hdr.msg_flags & MSG_TRUNC)) {
            /* The last line is cut, and half a value must not pass for a whole one. */
            const char *last = memrchr(r->data[i], '\n', length);
            length = last ? (size_t)(last - r->data[i]) : 0;
            truncated++;
        }
        sg_statsd_parse(r->batcher, r->data[i], length, now_ms, &result);
        m->msg_hdr.msg_controllen = i + 1 == n ? m->msg_hdr.msg_controllen : sizeof(r->controls[i]);
    }
    struct msghdr *newest = &r->messages[n - 1].msg_hdr;
    if (newest->msg_controllen)
        count_told_drops(r, newest);
    newest->msg_controllen = sizeof(r->controls[0]);
    count_burst(&r->udp->stats, n, bytes, truncated, &result);
    (void)sg_batcher_flush(r->batcher); /* what is lost to a full queue is counted in the source */
    if (result.rejected)
        SG_LOG(WARN, "statsd", "lines refused", "count=%llu line=%u column=%u reason=\"%s\"",
               (unsigned long long)result.rejected, result.errors[0].line, result.errors[0].column,
               result.errors[0].text);
}

static void *receive(void *arg)
{
    struct receiver *r = arg;
    prepare_messages(r);
    while (!atomic_load_explicit(&r->udp->stop, memory_order_relaxed)) {
        int n = recvmmsg(r->fd, r->messages, BURST, MSG_WAITFORONE, NULL);
        if (n > 0)
            parse_burst(r, (unsigned)n, sg_wall_now_ms());
        else if (n == 0 || errno == EAGAIN)
            count_silent_drops(r);
        else if (errno != EINTR)
            SG_LOG(ERROR, "statsd", "cannot receive", "error=\"%s\"", strerror(errno));
    }
    return NULL;
}

static int start_receiver(struct sg_udp *u, const struct sg_udp_config *c, struct sg_error *reterr)
{
    struct receiver *r = sg_calloc(1, sizeof(*r));
    int rc = open_socket(c, &u->port, &r->fd, reterr);
    if (rc < 0) {
        sg_free(r);
        return rc;
    }
    r->udp = u;
    r->batcher = sg_batcher_new(&c->batcher);
    rc = pthread_create(&r->thread, NULL, receive, r);
    if (rc != 0) {
        close(r->fd);
        sg_batcher_free(r->batcher);
        sg_free(r);
        return sg_error_set(reterr, SG_EIO, "cannot start a thread: %s", strerror(rc));
    }
    pthread_setname_np(r->thread, "statsd");
    u->receivers[u->n_receivers++] = r;
    return 0;
}

int sg_udp_start(const struct sg_udp_config *config, struct sg_udp **ret, struct sg_error *reterr)
{
    SG_ASSERT(config->threads > 0);
    struct sg_udp *u = sg_calloc(1, sizeof(*u) + config->threads * sizeof(struct receiver *));
    u->port = config->port;
    for (unsigned i = 0; i < config->threads; i++) {
        int rc = start_receiver(u, config, reterr);
        if (rc < 0) {
            sg_udp_stop(u);
            return rc;
        }
    }
    *ret = u;
    return 0;
}

uint16_t sg_udp_port(const struct sg_udp *u)
{
    return u->port;
}

const struct sg_udp_stats *sg_udp_get_stats(const struct sg_udp *u)
{
    return &u->stats;
}

void sg_udp_stop(struct sg_udp *u)
{
    if (!u)
        return;
    atomic_store(&u->stop, true);
    for (unsigned i = 0; i < u->n_receivers; i++) {
        struct receiver *r = u->receivers[i];
        pthread_join(r->thread, NULL);
        close(r->fd);
        sg_batcher_free(r->batcher);
        sg_free(r);
    }
    sg_free(u);
}
