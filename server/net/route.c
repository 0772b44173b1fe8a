/* route.c - building the table, and the longest match in it. */
#include "route.h"

#include <stdlib.h>
#include <streamgauge/ingest.h>
#include <streamgauge/mem.h>
#include <string.h>

#define GET (SG_NET_METHOD(GET) | SG_NET_METHOD(HEAD))
#define POST SG_NET_METHOD(POST)
#define PUT SG_NET_METHOD(PUT)
#define DELETE SG_NET_METHOD(DELETE)

static const struct {
    const char *path;
    unsigned methods, right;
    enum sg__route_kind kind;
    int arg;
} builtin[] = {
    {"/-/healthy", GET, SG_RIGHT_NONE, SG__ROUTE_HEALTHY, 0},
    {"/-/ready", GET, SG_RIGHT_NONE, SG__ROUTE_READY, 0},
    {"/metrics", GET, SG_RIGHT_READ, SG__ROUTE_METRICS, 0},
    {"/ping", GET, SG_RIGHT_NONE, SG__ROUTE_PING, 0},
    {"/api/v1/samples", POST, SG_RIGHT_INGEST, SG__ROUTE_INGEST, SG_INGEST_JSON},
    {"/api/v1/import/prometheus", POST, SG_RIGHT_INGEST, SG__ROUTE_INGEST, SG_INGEST_PROM_TEXT},
    {"/metrics/job/*", POST | PUT, SG_RIGHT_INGEST, SG__ROUTE_PUSHGATEWAY, SG_INGEST_PROM_TEXT},
    {"/metrics/job@base64/*", POST | PUT, SG_RIGHT_INGEST, SG__ROUTE_PUSHGATEWAY,
     SG_INGEST_PROM_TEXT},
    {"/api/v1/write", POST, SG_RIGHT_INGEST, SG__ROUTE_REMOTE_WRITE, 0},
    {"/write", POST, SG_RIGHT_INGEST, SG__ROUTE_INGEST, SG_INGEST_INFLUX},
    {"/api/v2/write", POST, SG_RIGHT_INGEST, SG__ROUTE_INGEST, SG_INGEST_INFLUX},
    {"/stream", SG_NET_METHOD(GET), SG_RIGHT_READ, SG__ROUTE_STREAM, 0},
    {"/notifications", SG_NET_METHOD(GET), SG_RIGHT_READ, SG__ROUTE_NOTIFICATIONS, 0},
    {"/events", GET, SG_RIGHT_READ, SG__ROUTE_EVENTS, 0},
    {"/events/*", POST, SG_RIGHT_READ, SG__ROUTE_EVENTS_POST, 0},
    {"/api/v1/login", POST, SG_RIGHT_READ, SG__ROUTE_LOGIN, 0},
    {"/api/v1/login", DELETE, SG_RIGHT_NONE, SG__ROUTE_LOGIN, 0},
};

static struct sg__route make(const char *path, unsigned methods, unsigned right,
                             enum sg__route_kind kind)
{
    size_t n = strlen(path);
    bool prefix = n > 0 && path[n - 1] == '*';
    if (methods & SG_NET_METHOD(GET) && kind != SG__ROUTE_STREAM && kind != SG__ROUTE_NOTIFICATIONS)
        methods |= SG_NET_METHOD(HEAD);
    return (struct sg__route){.path = path,
                              .path_len = prefix ? n - 1 : n,
                              .prefix = prefix,
                              .methods = methods,
                              .right = right,
                              .kind = kind};
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct sg__route *)a)->path, ((const struct sg__route *)b)->path);
}

static int check_doubles(const struct sg__routes *r, struct sg_error *reterr)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct sg__route *a = &r->route[i];
        if (a->path[0] != '/')
            return sg_error_set(reterr, SG_EINVALID, "route '%s' must start with '/'", a->path);
        for (size_t j = i + 1; j < r->count && strcmp(r->route[j].path, a->path) == 0; j++)
            if (a->methods & r->route[j].methods)
                return sg_error_set(reterr, SG_EEXISTS, "route '%s' is there twice", a->path);
    }
    return 0;
}

int sg__routes_init(struct sg__routes *r, const struct sg_net_config *cfg, struct sg_error *reterr)
{
    size_t n = SG_ARRAY_LEN(builtin) + cfg->asset_count + cfg->route_count;
    r->route = sg_calloc(n, sizeof(*r->route));
    r->count = 0;
    for (size_t i = 0; i < SG_ARRAY_LEN(builtin); i++) {
        struct sg__route t =
            make(builtin[i].path, builtin[i].methods, builtin[i].right, builtin[i].kind);
        t.arg = builtin[i].arg;
        r->route[r->count++] = t;
    }
    for (size_t i = 0; i < cfg->asset_count; i++) {
        struct sg__route t = make(cfg->assets[i].path, GET, SG_RIGHT_NONE, SG__ROUTE_ASSET);
        t.asset = &cfg->assets[i];
        r->route[r->count++] = t;
    }
    for (size_t i = 0; i < cfg->route_count; i++) {
        const struct sg_net_route *u = &cfg->routes[i];
        struct sg__route t = make(u->path, u->methods, u->right, SG__ROUTE_USER);
        t.user = u;
        t.max_body = u->max_body;
        r->route[r->count++] = t;
    }
    qsort(r->route, r->count, sizeof(*r->route), by_path);
    int rc = check_doubles(r, reterr);
    if (rc < 0)
        sg__routes_deinit(r);
    return rc;
}

void sg__routes_deinit(struct sg__routes *r)
{
    sg_free(r->route);
    *r = (struct sg__routes){0};
}

static bool matches(const struct sg__route *t, struct sg_str path)
{
    if (t->prefix ? path.n <= t->path_len : path.n != t->path_len)
        return false;
    return memcmp(path.p, t->path, t->path_len) == 0;
}

/* A few dozen routes: a walk over them costs less than the head's parsing. */
const struct sg__route *sg__routes_find(const struct sg__routes *r, struct sg_str path,
                                        unsigned method, unsigned *ret_allow)
{
    const struct sg__route *best = NULL;
    size_t longest = 0;
    unsigned allow = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct sg__route *t = &r->route[i];
        if (!matches(t, path))
            continue;
        size_t n = t->path_len + !t->prefix; /* the exact one beats the prefix of equal length */
        if (n > longest) {
            longest = n;
            allow = 0;
            best = NULL;
        } else if (n < longest) {
            continue;
        }
        allow |= t->methods;
        if (t->methods & method)
            best = t;
    }
    *ret_allow = allow;
    return best;
}

const char *sg__methods_text(unsigned methods, char *dst)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{SG_NET_METHOD(GET), "GET"},        {SG_NET_METHOD(HEAD), "HEAD"},
                 {SG_NET_METHOD(POST), "POST"},      {SG_NET_METHOD(PUT), "PUT"},
                 {SG_NET_METHOD(DELETE), "DELETE"},  {SG_NET_METHOD(PATCH), "PATCH"},
                 {SG_NET_METHOD(OPTIONS), "OPTIONS"}};
    char *at = dst;
    for (size_t i = 0; i < SG_ARRAY_LEN(names); i++) {
        if (!(methods & names[i].bit))
            continue;
        if (at != dst)
            at = stpcpy(at, ", ");
        at = stpcpy(at, names[i].name);
    }
    *at = 0;
    return dst;
}
