/* server_priv.h - what the files of server share. */
#ifndef STREAMGAUGE_APP_SERVER_PRIV_H
#define STREAMGAUGE_APP_SERVER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <streamgauge/api.h>
#include <streamgauge/input.h>
#include <streamgauge/live.h>
#include <streamgauge/net.h>

#include "alerts.h"
#include "assets.h"
#include "engine_thread.h"
#include "selfmetrics.h"
#include "server.h"

enum { SOURCE_HTTP, SOURCE_STATSD, SOURCE_HOST, SOURCE_SELF, N_SOURCES };

struct sg_server {
    const struct sg_config *config;
    const struct sg_config_source *source;
    pthread_mutex_t reloading;
    struct sg_alerts *alerts;
    struct sg_net_route *routes; /* all that are not net's own */
    struct sg_source sources[N_SOURCES];
    struct sg_source *source_list[N_SOURCES];
    struct sg_live_names *names, *reloaded_names; /* the second: NULL before there are some */
    struct sg_engine_thread *engine;
    struct sg_assets assets;
    struct sg_net_listen *listen;
    size_t n_listen;
    char (*hosts)[64]; /* texts of listen */
    struct sg_net_token *tokens;
    struct sg_net *net;
    struct sg_promql_eval_options eval; /* of queries and streams */
    struct sg_promql_eval_options live_eval;
    struct sg_api *api;
    struct sg_udp *udp;
    struct sg_host *host;
    struct sg_selfmetrics self;
    struct sg_batcher *self_batcher;
    bool self_refused; /* the last time */
    const struct sg_labels *self_labels;
    atomic_bool ready;
};

/* server_reload.c: the named streams of a configuration, owned by the caller. */
SG_NODISCARD int sg__server_names(const struct sg_config *c, struct sg_live_names **ret,
                                  struct sg_error *reterr);

#endif
