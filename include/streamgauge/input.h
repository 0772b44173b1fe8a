/* input.h - inputs with threads of their own: StatsD over UDP, and this machine.
 *
 * Each input is started with where its batches go (as in sg_batcher_config) and stopped before that
 * goes away. Start and stop from one thread; stats from any.
 */
#ifndef STREAMGAUGE_INPUT_H
#define STREAMGAUGE_INPUT_H

#include <stdatomic.h>
#include <stdint.h>
#include <streamgauge/batch.h>
#include <streamgauge/compiler.h>
#include <streamgauge/error.h>
#include <streamgauge/ingest.h>

/* ---- StatsD and DogStatsD over UDP ---- */

struct sg_udp;

struct sg_udp_config {
    const char *address; /* numeric, without brackets */
    uint16_t port;       /* 0: the kernel chooses */
    unsigned threads;    /* each with its own socket of one SO_REUSEPORT group; at least 1 */
    unsigned receive_buffer_bytes;    /* of each socket; 0: 8 MiB. The kernel may cap it */
    struct sg_batcher_config batcher; /* copied; each thread makes a batcher of its own */
};

struct sg_udp_stats {
    atomic_ullong datagrams, bytes;
    /* Lost in the socket's buffer: we were too slow. Right within a quarter of a second. */
    atomic_ullong kernel_drops;
    /* Longer than SG_UDP_MAX_DATAGRAM; their last, cut line is not counted. */
    atomic_ullong truncated;
    atomic_ullong rejected; /* lines refused */
};

#define SG_UDP_MAX_DATAGRAM 8192

/* Binds all sockets and starts the threads, or does nothing. SG_EIO names address and reason. */
SG_API SG_NODISCARD int sg_udp_start(const struct sg_udp_config *config, struct sg_udp **ret,
                                     struct sg_error *reterr);
SG_API uint16_t sg_udp_port(const struct sg_udp *u);
SG_API const struct sg_udp_stats *sg_udp_get_stats(const struct sg_udp *u);
/* Stops within a quarter of a second; what had been received is flushed. Accepts NULL. */
SG_API void sg_udp_stop(struct sg_udp *u);

/* ---- this machine, from /proc and /sys, under node_exporter's names and labels ---- */

struct sg_host;

struct sg_host_config {
    const char *proc, *sys;           /* NULL: "/proc", "/sys"; tests point elsewhere */
    int64_t interval_ms;              /* aligned to the wall clock */
    struct sg_batcher_config batcher; /* copied */
};

/* Starts the thread; the first reading happens at once. */
SG_API SG_NODISCARD int sg_host_start(const struct sg_host_config *config, struct sg_host **ret,
                                      struct sg_error *reterr);
SG_API void sg_host_stop(struct sg_host *h); /* accepts NULL */

#endif
