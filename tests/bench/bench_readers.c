/* bench_readers.c - many loopback readers for the benchmarks: WebSocket, SSE or plain, optionally
 * over TLS.
 *
 * usage: bench_readers PORT COUNT KIND [tls] [REQUEST…]
 *
 *     KIND: raw (reads only), ws (handshake, then every REQUEST as a text message), v1 (the same
 *     with the subprotocol streamgauge.v1), sse (GET of the one REQUEST, a path)
 *
 * Then obeys lines on standard input and answers each with one line:
 *
 *     drain BYTES MS   reads until every reader has BYTES more, or MS have gone;
 *                      answers "bytes TOTAL full READERS ms M"
 *     latency MS       reads for MS, noting for each text `"value":N` when it came;
 *                      answers "lat N us…" lines, then "end"
 *     quit
 *
 * In between nothing is read, so the readers sleep while the server sends.
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
#include <time.h>
#include <unistd.h>

struct reader {
    int fd;
    SSL *ssl;
    uint64_t bytes; /* since the last command */
};

static struct reader *readers;
static unsigned count;
static int epoll_fd;
static SSL_CTX *tls;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static ssize_t reader_read(struct reader *r, char *p, size_t n)
{
    if (!r->ssl)
        return recv(r->fd, p, n, 0);
    int got = SSL_read(r->ssl, p, (int)n);
    if (got <= 0)
        errno = SSL_get_error(r->ssl, got) == SSL_ERROR_WANT_READ ? EAGAIN : EIO;
    return got > 0 ? got : -1;
}

static void reader_write(struct reader *r, const char *p, size_t n)
{
    ssize_t done = r->ssl ? SSL_write(r->ssl, p, (int)n) : send(r->fd, p, n, 0);
    if (done != (ssize_t)n)
        die("write");
}

static void open_reader(struct reader *r, uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    r->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (r->fd < 0 || connect(r->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        die("connect");
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (tls) {
        r->ssl = SSL_new(tls);
        SSL_set_fd(r->ssl, r->fd);
        if (SSL_connect(r->ssl) != 1)
            die("SSL_connect");
    }
}

/* Reads up to and including the end of the response head. */
static void skip_head(struct reader *r)
{
    char c, last[4] = "";
    while (memcmp(last, "\r\n\r\n", 4) != 0) {
        if (reader_read(r, &c, 1) != 1)
            die("head");
        memmove(last, last + 1, 3);
        last[3] = c;
    }
}

static void start_ws(struct reader *r, const char *protocol, char **requests, int n)
{
    char head[512];
    int length = snprintf(
        head, sizeof(head),
        "GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
        protocol);
    reader_write(r, head, (size_t)length);
    skip_head(r);
    for (int i = 0; i < n; i++) {
        char frame[1024];
        size_t len = strlen(requests[i]), at = 0;
        frame[at++] = (char)0x81;
        if (len < 126) {
            frame[at++] = (char)(0x80 | len);
        } else {
            frame[at++] = (char)(0x80 | 126);
            frame[at++] = (char)(len >> 8);
            frame[at++] = (char)len;
        }
        memset(frame + at, 0, 4); /* a mask of zeros */
        at += 4;
        memcpy(frame + at, requests[i], len);
        reader_write(r, frame, at + len);
    }
}

static void start_sse(struct reader *r, const char *path)
{
    char head[1024];
    int n =
        snprintf(head, sizeof(head),
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", path);
    reader_write(r, head, (size_t)n);
    skip_head(r);
}

static void watch_all(void)
{
    epoll_fd = epoll_create1(0);
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};
        fcntl(readers[i].fd, F_SETFL, fcntl(readers[i].fd, F_GETFL) | O_NONBLOCK);
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, readers[i].fd, &ev) != 0)
            die("epoll_ctl");
    }
}

static char chunk[1 << 18];

/* Everything there is for one reader. */
static void read_out(struct reader *r, void (*each)(const char *p, size_t n))
{
    ssize_t n;
    while ((n = reader_read(r, chunk, sizeof(chunk))) > 0) {
        r->bytes += (uint64_t)n;
        if (each)
            each(chunk, (size_t)n);
        if (!r->ssl && (size_t)n < sizeof(chunk))
            return;
    }
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        fprintf(stderr, "bench_readers: a connection ended\n");
        exit(1);
    }
}

static void drain(uint64_t bytes, int64_t ms)
{
    int64_t start = now_us(), end = start + ms * 1000;
    unsigned full = 0;
    uint64_t total = 0;
    for (unsigned i = 0; i < count; i++)
        readers[i].bytes = 0;
    while (full < count && now_us() < end) {
        struct epoll_event events[512];
        int n = epoll_wait(epoll_fd, events, 512, (int)((end - now_us()) / 1000) + 1);
        for (int i = 0; i < n; i++) {
            struct reader *r = &readers[events[i].data.u32];
            uint64_t before = r->bytes;
            read_out(r, NULL);
            full += bytes > 0 && before < bytes && r->bytes >= bytes;
        }
    }
    for (unsigned i = 0; i < count; i++)
        total += readers[i].bytes;
    printf("bytes %llu full %u ms %lld\n", (unsigned long long)total, full,
           (long long)(now_us() - start) / 1000);
}

/* Kept until the end: printing at once would block on the pipe, and the reader would be what is
 * measured. */
#define MAX_NOTES (1u << 20)
static struct {
    long value;
    int64_t at_us;
} notes[MAX_NOTES];
static unsigned n_notes;

static void note_values(const char *p, size_t n)
{
    int64_t now = now_us();
    const char *end = p + n;
    while ((p = memmem(p, (size_t)(end - p), "\"value\":", 8)) != NULL) {
        p += 8;
        if (n_notes < MAX_NOTES) {
            notes[n_notes].value = strtol(p, NULL, 10);
            notes[n_notes++].at_us = now;
        }
    }
}

static void latency(int64_t ms)
{
    int64_t end = now_us() + ms * 1000;
    while (now_us() < end) {
        struct epoll_event events[512];
        int n = epoll_wait(epoll_fd, events, 512, (int)((end - now_us()) / 1000) + 1);
        for (int i = 0; i < n; i++)
            read_out(&readers[events[i].data.u32], note_values);
    }
    for (unsigned i = 0; i < n_notes; i++)
        printf("lat %ld %lld\n", notes[i].value, (long long)notes[i].at_us);
    n_notes = 0;
    puts("end");
}

static void obey(void)
{
    char line[256];
    while (fgets(line, sizeof(line), stdin)) {
        unsigned long long bytes;
        long long ms;
        if (sscanf(line, "drain %llu %lld", &bytes, &ms) == 2)
            drain(bytes, ms);
        else if (sscanf(line, "latency %lld", &ms) == 1)
            latency(ms);
        else
            return;
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("usage: bench_readers PORT COUNT raw|ws|sse [tls] [REQUEST…]\n", stderr);
        return 2;
    }
    uint16_t port = (uint16_t)atoi(argv[1]);
    count = (unsigned)atoi(argv[2]);
    const char *kind = argv[3];
    int first = 4;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (argc > 4 && strcmp(argv[4], "tls") == 0) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
        first = 5;
    }
    readers = calloc(count, sizeof(*readers));
    if (!readers)
        die("calloc");
    for (unsigned i = 0; i < count; i++) {
        open_reader(&readers[i], port);
        if (strcmp(kind, "ws") == 0)
            start_ws(&readers[i], "", argv + first, argc - first);
        else if (strcmp(kind, "v1") == 0)
            start_ws(&readers[i], "Sec-WebSocket-Protocol: streamgauge.v1\r\n", argv + first,
                     argc - first);
        else if (strcmp(kind, "sse") == 0)
            start_sse(&readers[i], argc > first ? argv[first] : "/events");
    }
    watch_all();
    puts("ready");
    fflush(stdout);
    obey();
    return 0;
}
