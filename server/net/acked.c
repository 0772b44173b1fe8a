/* acked.c - how far a TCP peer has got. Alone, because <linux/tcp.h> knows more than libc's header
 * and excludes it. */
#include <linux/in.h>
#include <linux/tcp.h>
#include <stdint.h>
#include <sys/socket.h>

uint64_t sg__socket_acked(int fd);

uint64_t sg__socket_acked(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return 0;
    return info.tcpi_bytes_acked;
}
