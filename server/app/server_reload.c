/* server_reload.c - a configuration that changes under a running server. */
#include <streamgauge/log.h>
#include <streamgauge/mem.h>

#include "server_priv.h"

int sg__server_names(const struct sg_config *c, struct sg_live_names **ret, struct sg_error *reterr)
{
    struct sg_live_name *names = sg_calloc(c->n_streams + 1, sizeof(*names));
    for (size_t i = 0; i < c->n_streams; i++)
        names[i] =
            (struct sg_live_name){sg_str_from(c->streams[i].name), sg_str_from(c->streams[i].expr)};
    int rc = sg_live_names_new(names, c->n_streams, ret, reterr);
    sg_free(names);
    return rc;
}

static int reload_tokens(struct sg_server *s, const struct sg_config *c, struct sg_error *reterr)
{
    struct sg_net_token *tokens = sg_calloc(c->n_tokens + 1, sizeof(*tokens));
    for (size_t i = 0; i < c->n_tokens; i++)
        tokens[i] =
            (struct sg_net_token){c->tokens[i].name, c->tokens[i].hash, c->tokens[i].rights};
    int rc = sg_net_reload_tokens(s->net, tokens, c->n_tokens, reterr);
    sg_free(tokens);
    return rc;
}

static bool same_names(const struct sg_live_names *a, const struct sg_live_names *b)
{
    size_t n = sg_live_names_count(a);
    bool same = n == sg_live_names_count(b);
    for (size_t i = 0; same && i < n; i++) {
        struct sg_live_name x = sg_live_names_at(a, i), y = sg_live_names_at(b, i);
        same = sg_str_eq(x.name, y.name) && sg_str_eq(x.expr, y.expr);
    }
    return same;
}

/* The edges take references; ours of the first stays with net's configuration. */
static void reload_names_take(struct sg_server *s, struct sg_live_names *names)
{
    struct sg_live_names *now = s->reloaded_names ? s->reloaded_names : s->names;
    if (same_names(now, names)) {
        sg_live_names_unref(names);
        return;
    }
    sg_net_reload_names(s->net, names);
    sg_live_names_unref(s->reloaded_names);
    s->reloaded_names = names;
}

/* What is different and does not count before a restart is said, else the operator would believe
 * it does. */
static void tell_restart(const struct sg_config *running, const struct sg_config *now,
                         struct sg_buf *ret)
{
    const char *keys[64];
    size_t n = sg_config_needs_restart(running, now, keys, SG_ARRAY_LEN(keys));
    SG_AUTO(sg_buf_deinit) struct sg_buf list;
    sg_buf_init(&list, 65536);
    for (size_t i = 0; i < n; i++)
        sg_buf_printf(&list, "%s%s", i ? "," : "", keys[i]);
    if (n)
        SG_LOG(WARN, "app", "changed keys that count only after a restart", "keys=%s",
               sg_buf_cstr(&list));
    if (!ret)
        return;
    sg_buf_putc(ret, '[');
    for (size_t i = 0; i < n; i++)
        sg_buf_printf(ret, "%s\"%s\"", i ? "," : "", keys[i]);
    sg_buf_putc(ret, ']');
}

static void set_log_level(const struct sg_config *c)
{
    enum sg_log_level level;
    if (sg_log_level_parse(c->log_level, &level) == 0)
        sg_log_set_level(level);
}

/* Of a configuration that was checked as a whole: what can still be refused comes first. */
static int apply(struct sg_server *s, const struct sg_config *c, struct sg_error *reterr)
{
    struct sg_live_names *names = NULL;
    int rc = sg__server_names(c, &names, reterr);
    if (rc == 0)
        rc = sg_alerts_reload(s->alerts, c, reterr);
    if (rc == 0)
        rc = reload_tokens(s, c, reterr);
    if (rc < 0) {
        sg_live_names_unref(names);
        return rc;
    }
    reload_names_take(s, names);
    sg_api_set_external_labels_take(s->api, sg_alert_external_labels(c));
    set_log_level(c);
    return 0;
}

/* The new configuration has been checked as a whole before the first part of it is used. */
int sg_server_reload(struct sg_server *s, struct sg_buf *ret_restart, struct sg_error *reterr)
{
    struct sg_config c = {0};
    pthread_mutex_lock(&s->reloading);
    int rc = s->source ? s->source->load(s->source->ctx, &c, reterr) : 0;
    if (rc == 0 && s->config->tls_cert)
        rc = sg_net_reload_tls(s->net, reterr);
    if (rc == 0 && s->source)
        rc = apply(s, &c, reterr);
    if (rc == 0)
        tell_restart(s->config, s->source ? &c : s->config, ret_restart);
    if (s->source)
        sg_config_deinit(&c);
    pthread_mutex_unlock(&s->reloading);
    return rc;
}
