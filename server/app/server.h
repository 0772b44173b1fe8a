/* server.h - the whole server: the only place where parts are wired.
 *
 *     sg_server_start(&config, &server, &err);
 *     … sg_server_reload(server, &err) on SIGHUP, sg_server_second(server) about once a second …
 *     sg_server_stop(server, 8000);
 *
 * Threads: one engine, N edges (net), M StatsD receivers, one for host metrics. Started bottom-up,
 * stopped in reverse.
 */
#ifndef STREAMGAUGE_APP_SERVER_H
#define STREAMGAUGE_APP_SERVER_H

#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>

#include "config.h"

struct sg_server;

/* Reads the configuration anew and checks it; for reloads. */
struct sg_config_source {
    int (*load)(void *ctx, struct sg_config *ret, struct sg_error *reterr);
    void *ctx;
};

/* All sockets are bound and all threads run, or nothing does. The configuration is borrowed until
 * sg_server_stop, source (NULL: a reload reads certificates only) as well. */
SG_NODISCARD int sg_server_start(const struct sg_config *config,
                                 const struct sg_config_source *source, struct sg_server **ret,
                                 struct sg_error *reterr);
/* Port of the i-th listening address. */
uint16_t sg_server_port(const struct sg_server *s, size_t i);
size_t sg_server_listeners(const struct sg_server *s);
/* UDP port, 0 when StatsD is off. */
uint16_t sg_server_statsd_port(const struct sg_server *s);
/* Reads the configuration, rule files and certificates again; everything about alerts, named
 * streams, tokens and certificates are replaced. What else changed needs a restart: its keys are
 * logged, and appended as a JSON array to ret_restart (may be NULL). On errors nothing changes. Any
 * thread but the engine's and the edges'. */
SG_NODISCARD int sg_server_reload(struct sg_server *s, struct sg_buf *ret_restart,
                                  struct sg_error *reterr);
/* Feeds the server's own metrics into its own series. */
void sg_server_second(struct sg_server *s, int64_t now_ms);
/* Ends sessions politely, waits for them up to drain_ms, stops all threads, frees. */
void sg_server_stop(struct sg_server *s, int64_t drain_ms);

#endif
