/* listen.c - making listening sockets, and their options. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
/* A dead peer is noticed after keep-alive 30 s + 3 * 10 s, or 30 s after unacknowledged data. */
#define KEEP_IDLE_S 30
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 3
#define USER_TIMEOUT_MS 30000
/* What the kernel may hold unsent per connection before it says "not writable": a slow reader costs
 * this in the kernel, and gets fresh frames instead of old ones. */
#define NOTSENT_LOWAT_BYTES (128 * 1024)

static int make_address(const char *address, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)ret;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return (int)sizeof(*v4);
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return (int)sizeof(*v6);
    }
    return SG_EINVALID;
}

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Inherited by accepted sockets, so that accepting costs no further system calls. */
static int set_options(int fd, int family)
{
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0)
        return -1;
    if (family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
        return -1;
    (void)set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    (void)set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
    (void)set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
    (void)set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
    (void)set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    (void)set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES);
    return 0;
}

static int bind_and_listen(int fd, struct sockaddr_storage *sa, socklen_t len, uint16_t *port)
{
    if (bind(fd, (struct sockaddr *)sa, len) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)sa, &len) < 0)
        return -1;
    *port = ntohs(sa->ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)sa)->sin6_port
                                            : ((struct sockaddr_in *)(void *)sa)->sin_port);
    return 0;
}

static int bind_only(int fd, const struct sockaddr_storage *sa, socklen_t len)
{
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
        (sa->ss_family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0))
        return -1;
    return bind(fd, (const struct sockaddr *)sa, len);
}

static int open_socket(const char *address, uint16_t *port, bool probe, struct sg_error *reterr)
{
    struct sockaddr_storage sa;
    int len = make_address(address, *port, &sa);
    if (len < 0)
        return sg_error_set(reterr, SG_EINVALID,
                            "listen address '%s' is not a numeric IPv4 or IPv6 address", address);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && probe && bind_only(fd, &sa, (socklen_t)len) == 0)
        return fd;
    if (fd >= 0 && !probe && set_options(fd, sa.ss_family) == 0 &&
        bind_and_listen(fd, &sa, (socklen_t)len, port) == 0)
        return fd;
    int e = errno;
    if (fd >= 0)
        close(fd);
    return sg_error_set(reterr, SG_EIO, "cannot listen on %s port %u: %s", address, *port,
                        strerror(e));
}

int sg__listen_open(const char *address, uint16_t *port, struct sg_error *reterr)
{
    return open_socket(address, port, false, reterr);
}

int sg__listen_probe(const char *address, uint16_t port, struct sg_error *reterr)
{
    return open_socket(address, &port, true, reterr);
}

bool sg_net_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
