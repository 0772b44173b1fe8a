/* bench_bare.c - baselines: what the same system calls cost with nothing around them.
 *
 * usage: bench_bare send BYTES SENDS        accepts on a loopback port; each line "go" on standard
 * input sends BYTES SENDS times to every connection with send() in an epoll program, then prints
 * "done" bench_bare ssl BYTES SENDS CERT KEY   the same with SSL_write over TLS 1.3 bench_bare udp
 * recvmmsg on a loopback UDP port, counts lines; "go" prints "lines N datagrams M" Prints "port N"
 * first. One thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
    int fd;
    SSL *ssl;
    bool ready; /* handshake done */
};

static struct peer *peers;
static unsigned n_peers, cap_peers;
static SSL_CTX *tls;
static int epoll_fd;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int open_loopback(int type)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, type, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        die("bind");
    if (type == SOCK_STREAM && listen(fd, 4096) != 0)
        die("listen");
    printf("port %u\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int fd, uint32_t id)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = id};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        die("epoll_ctl");
}

static void accept_one(int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (n_peers == cap_peers) {
        cap_peers = cap_peers ? cap_peers * 2 : 1024;
        peers = realloc(peers, cap_peers * sizeof(*peers));
        if (!peers)
            die("realloc");
    }
    struct peer *p = &peers[n_peers];
    *p = (struct peer){.fd = fd, .ready = !tls};
    if (tls) {
        p->ssl = SSL_new(tls);
        SSL_set_fd(p->ssl, fd);
        SSL_set_accept_state(p->ssl);
    }
    watch(fd, 2 + n_peers++);
}

static void read_peer(struct peer *p)
{
    char junk[4096];
    if (p->ssl && !p->ready) {
        p->ready = SSL_do_handshake(p->ssl) == 1;
        return;
    }
    if (!p->ssl)
        while (recv(p->fd, junk, sizeof(junk), 0) > 0) {
        }
}

static void send_all(const char *message, size_t bytes, unsigned sends)
{
    for (unsigned i = 0; i < n_peers; i++) {
        for (unsigned k = 0; k < sends; k++) {
            ssize_t done = peers[i].ssl ? SSL_write(peers[i].ssl, message, (int)bytes)
                                        : send(peers[i].fd, message, bytes, MSG_NOSIGNAL);
            if (done != (ssize_t)bytes)
                die("send");
        }
    }
    puts("done");
    fflush(stdout);
}

static int run_send(size_t bytes, unsigned sends)
{
    char *message = malloc(bytes);
    if (!message)
        die("malloc");
    memset(message, 'x', bytes);
    int listener = open_loopback(SOCK_STREAM);
    watch(listener, 0);
    watch(STDIN_FILENO, 1);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            char line[64];
            uint32_t id = events[i].data.u32;
            if (id == 0) {
                accept_one(listener);
            } else if (id == 1) {
                ssize_t got = read(STDIN_FILENO, line, sizeof(line));
                if (got <= 0 || line[0] != 'g')
                    return 0;
                send_all(message, bytes, sends);
            } else {
                read_peer(&peers[id - 2]);
            }
        }
    }
}

#define BURST 64
#define SLOT 8192

static int run_udp(void)
{
    static char data[BURST][SLOT];
    static struct mmsghdr messages[BURST];
    static struct iovec vectors[BURST];
    uint64_t lines = 0, datagrams = 0;
    int size = 8 << 20, fd = open_loopback(SOCK_DGRAM);
    struct timeval timeout = {.tv_usec = 50000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    for (int i = 0; i < BURST; i++) {
        vectors[i] = (struct iovec){data[i], SLOT};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    for (;;) {
        int n = recvmmsg(fd, messages, BURST, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++) {
            const char *p = data[i], *end = p + messages[i].msg_len;
            datagrams++;
            lines++;
            while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL && ++p < end)
                lines++;
        }
        if (n < 0) { /* idle: look for a command */
            char line[64];
            ssize_t got = read(STDIN_FILENO, line, sizeof(line));
            if (got == 0 || (got > 0 && line[0] != 'g'))
                return 0;
            if (got > 0) {
                printf("lines %llu datagrams %llu\n", (unsigned long long)lines,
                       (unsigned long long)datagrams);
                fflush(stdout);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(0);
    if (argc == 2 && strcmp(argv[1], "udp") == 0)
        return run_udp();
    if (argc == 6 && strcmp(argv[1], "ssl") == 0) {
        tls = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
        if (SSL_CTX_use_certificate_chain_file(tls, argv[4]) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, argv[5], SSL_FILETYPE_PEM) != 1)
            die("certificate");
    } else if (argc != 4 || strcmp(argv[1], "send") != 0) {
        fputs("usage: bench_bare send BYTES SENDS | ssl BYTES SENDS CERT KEY | udp\n", stderr);
        return 2;
    }
    return run_send((size_t)atoi(argv[2]), (unsigned)atoi(argv[3]));
}
