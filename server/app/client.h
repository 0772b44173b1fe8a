/* client.h - what the client commands (watch, send) need of HTTP: one blocking connection, plain or
 * TLS.
 *
 * An address is http://HOST[:PORT][/], https://…, or ws(s)://…; without port 8420 for plain and 443
 * for TLS. The token comes from
 * --token or STREAMGAUGE_TOKEN and is sent as a bearer token.
 */
#ifndef STREAMGAUGE_APP_CLIENT_H
#define STREAMGAUGE_APP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <sys/types.h>

#define SG_CLIENT_URL "http://127.0.0.1:8420"

struct sg_client_url {
    bool tls;
    char host[256], port[8];
};

struct sg_client;

SG_NODISCARD int sg_client_url_parse(const char *text, struct sg_client_url *ret,
                                     struct sg_error *reterr);
/* Connects within 10 s; TLS is verified against the system's CAs and the host name. */
SG_NODISCARD int sg_client_open(const struct sg_client_url *url, struct sg_client **ret,
                                struct sg_error *reterr);
void sg_client_close(struct sg_client *c); /* accepts NULL */
int sg_client_fd(const struct sg_client *c);
/* True when bytes are buffered already, so that poll would sleep for nothing. */
bool sg_client_pending(const struct sg_client *c);
/* Writes everything. */
SG_NODISCARD int sg_client_write(struct sg_client *c, const char *p, size_t n,
                                 struct sg_error *reterr);
/* At least one byte; 0 at the end of the connection; negative on error. */
SG_NODISCARD ssize_t sg_client_read(struct sg_client *c, char *p, size_t n,
                                    struct sg_error *reterr);

/* "METHOD path" with Host, Authorization and body; reads the whole answer (at most what it
 * may hold) into `body`. Returns the status or an error. */
struct sg_client_request {
    const char *method, *path, *content_type,
        *token; /* content_type, token: NULL when there is none */
    struct sg_str body;
};
SG_NODISCARD int sg_client_exchange(struct sg_client *c, const struct sg_client_url *url,
                                    const struct sg_client_request *rq, struct sg_buf *ret_body,
                                    struct sg_error *reterr);
/* Upgrades to a WebSocket on `path` with `protocol`; what came behind the answer is appended to
 * `rest`. */
SG_NODISCARD int sg_client_upgrade(struct sg_client *c, const struct sg_client_url *url,
                                   const struct sg_client_request *rq, const char *protocol,
                                   struct sg_buf *rest, struct sg_error *reterr);

#endif
