/* bench_udp_send.c - sends StatsD datagrams to a loopback port in bounded bursts.
 *
 * usage: bench_udp_send PORT DATAGRAMS LINES SERIES
 * Each datagram has LINES counter lines over SERIES names. A pause after every 256 datagrams lets
 * the receiver empty its buffer, so that nothing is dropped and every run handles the same number
 * of lines.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST 64
#define VARIANTS 64

static char data[VARIANTS][8192];
static size_t length[VARIANTS];

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: bench_udp_send PORT DATAGRAMS LINES SERIES\n", stderr);
        return 2;
    }
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(argv[1])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    long datagrams = atol(argv[2]);
    int lines = atoi(argv[3]), series = atoi(argv[4]), next = 0;
    for (int v = 0; v < VARIANTS; v++) {
        for (int i = 0; i < lines; i++) {
            int n = snprintf(data[v] + length[v], sizeof(data[v]) - length[v],
                             "bench.requests.%d:%d|c%s", next % series, next % 97,
                             i + 1 < lines ? "\n" : "");
            length[v] += (size_t)n;
            next++;
        }
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("connect");
        return 1;
    }
    struct mmsghdr messages[BURST];
    struct iovec vectors[BURST];
    memset(messages, 0, sizeof(messages));
    for (long sent = 0; sent < datagrams;) {
        int n = datagrams - sent < BURST ? (int)(datagrams - sent) : BURST;
        for (int i = 0; i < n; i++) {
            int v = (int)((sent + i) % VARIANTS);
            vectors[i] = (struct iovec){data[v], length[v]};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        int done = sendmmsg(fd, messages, (unsigned)n, 0);
        if (done <= 0) {
            perror("sendmmsg");
            return 1;
        }
        sent += done;
        if (sent % 256 == 0) {
            struct timespec pause = {.tv_nsec = 300000};
            nanosleep(&pause, NULL);
        }
    }
    return 0;
}
