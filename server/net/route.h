/* route.h - which request goes where. The table is built once at start and read by all edges. */
#ifndef SG_NET_ROUTE_H
#define SG_NET_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <streamgauge/net.h>

enum sg__route_kind {
    SG__ROUTE_USER, /* of the configuration */
    SG__ROUTE_ASSET,
    SG__ROUTE_HEALTHY,
    SG__ROUTE_READY,
    SG__ROUTE_METRICS,
    SG__ROUTE_PING,
    SG__ROUTE_INGEST,      /* arg: enum sg_ingest_format */
    SG__ROUTE_PUSHGATEWAY, /* labels in the path */
    SG__ROUTE_REMOTE_WRITE,
    SG__ROUTE_STREAM, /* WebSocket */
    SG__ROUTE_NOTIFICATIONS,
    SG__ROUTE_EVENTS,
    SG__ROUTE_EVENTS_POST,
    SG__ROUTE_LOGIN,
};

struct sg__route {
    const char *path;
    size_t path_len; /* without the '*' */
    bool prefix;
    unsigned methods, right;
    enum sg__route_kind kind;
    int arg;
    size_t max_body;
    const struct sg_net_route *user;
    const struct sg_net_asset *asset;
};

struct sg__routes {
    struct sg__route *route; /* sorted by path */
    size_t count;
};

/* Built-in routes, assets and those of the configuration. A path that is there twice with a common
 * method: SG_EEXISTS. */
int sg__routes_init(struct sg__routes *r, const struct sg_net_config *cfg, struct sg_error *reterr);
void sg__routes_deinit(struct sg__routes *r);
/* The longest match whose methods have `method` (one bit); NULL otherwise, then *ret_allow is the
 * union of the methods of the longest match, 0 when there is none. */
const struct sg__route *sg__routes_find(const struct sg__routes *r, struct sg_str path,
                                        unsigned method, unsigned *ret_allow);
/* "GET, HEAD, OPTIONS" of a mask; dst has 80 bytes. */
const char *sg__methods_text(unsigned methods, char *dst);

#endif
