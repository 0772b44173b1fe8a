/* bench_sink.c - a webhook that takes everything and does nothing, so that the sender is measured.
 *
 * usage: bench_sink
 *
 * Prints "port N", then answers every request on it with 200. Obeys lines on standard input, until
 * that ends:
 *
 *     count      answers "requests N connections M"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define MAX_REQUEST (1u << 20)

struct connection {
    char *text; /* what has come of the request, and maybe of the next */
    size_t n;
};

static struct connection connections[MAX_CONNECTIONS]; /* by file descriptor */
static unsigned long long requests, accepted;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Bytes of the first request; 0: not all of it is there. */
static size_t request_bytes(const struct connection *c)
{
    const char *end = memmem(c->text, c->n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end + 4 - c->text), body = 0;
    for (const char *line = c->text; line < end;) {
        if (strncasecmp(line, "content-length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
        line = (const char *)memmem(line, (size_t)(end + 2 - line), "\r\n", 2) + 2;
    }
    return c->n >= head + body ? head + body : 0;
}

static void hang_up(int fd)
{
    connections[fd].n = 0;
    close(fd);
}

static void answer(int fd)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct connection *c = &connections[fd];
    ssize_t got = recv(fd, c->text + c->n, MAX_REQUEST - c->n, 0);
    if (got <= 0) {
        hang_up(fd);
        return;
    }
    c->n += (size_t)got;
    for (size_t bytes; (bytes = request_bytes(c)) > 0;) {
        requests++;
        c->n -= bytes;
        memmove(c->text, c->text + bytes, c->n);
        if (send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL) < 0) {
            hang_up(fd);
            return;
        }
    }
}

static int listen_anywhere(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        die("listen");
    printf("port %d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int epoll_fd, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        die("epoll_ctl");
}

static void take_connection(int epoll_fd, int listener)
{
    int one = 1, fd = accept(listener, NULL, NULL);
    if (fd < 0)
        return;
    if (fd >= MAX_CONNECTIONS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (!connections[fd].text && !(connections[fd].text = malloc(MAX_REQUEST + 1)))
        die("malloc");
    accepted++;
    watch(epoll_fd, fd);
}

/* False: whoever asks has gone. */
static int obey(void)
{
    char line[64];
    ssize_t n = read(STDIN_FILENO, line, sizeof(line));
    if (n <= 0)
        return 0;
    printf("requests %llu connections %llu\n", requests, accepted);
    fflush(stdout);
    return 1;
}

int main(void)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC), listener = listen_anywhere();
    watch(epoll_fd, listener);
    watch(epoll_fd, STDIN_FILENO);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                take_connection(epoll_fd, listener);
            else if (events[i].data.fd != STDIN_FILENO)
                answer(events[i].data.fd);
            else if (!obey())
                return 0;
        }
    }
}
