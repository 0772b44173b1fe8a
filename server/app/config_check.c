/* config_check.c - what values must look like, and what must hold over all keys. */
#include <stdarg.h>
#include <streamgauge/str.h>
#include <string.h>

#include "config.h"

/* ---- one value ---- */

static int check_address(const char *text, struct sg_error *reterr)
{
    char host[64];
    uint16_t port;
    return sg_address_parse(text, host, &port, reterr);
}

static int check_address_or_off(const char *text, struct sg_error *reterr)
{
    return strcmp(text, "off") == 0 ? 0 : check_address(text, reterr);
}

static int check_level(const char *text, struct sg_error *reterr)
{
    enum sg_log_level level;
    if (sg_log_level_parse(text, &level) == 0)
        return 0;
    return sg_error_set(reterr, SG_EINVALID, "expected error, warn, info or debug, got '%s'", text);
}

/* An origin with a path, or without a scheme, is one that no browser ever sends. */
static int check_origin(const char *text, struct sg_error *reterr)
{
    if (strcmp(text, "*") == 0)
        return 0;
    const char *rest = strstr(text, "://");
    size_t scheme = rest ? (size_t)(rest - text) : 0;
    if (scheme > 0 && rest[3] && !strpbrk(rest + 3, "/?#@ "))
        return 0;
    return sg_error_set(reterr, SG_EINVALID,
                        "expected an origin as https://ops.example or http://ops.example:8080, "
                        "without a path, or *; got '%s'",
                        text);
}

static const struct {
    const char *key;
    int (*check)(const char *text, struct sg_error *reterr);
} text_checks[] = {
    {"listen", check_address},
    {"tls.listen", check_address},
    {"inputs.statsd.listen", check_address_or_off},
    {"log_level", check_level},
    {"auth.origins", check_origin},
};

int sg__config_check_text(const struct sg_option *o, const char *text, struct sg_error *reterr)
{
    if (!*text)
        return sg_error_set(reterr, SG_EINVALID, "expected a value, got nothing");
    for (size_t i = 0; i < SG_ARRAY_LEN(text_checks); i++)
        if (strcmp(o->key, text_checks[i].key) == 0)
            return text_checks[i].check(text, reterr);
    return 0;
}

/* ---- all of them ---- */

/* Where in the file this value of a dotted key stands; NULL: it comes from a flag or a default. */
static const struct sg_yaml_node *find_node(const struct sg_config *c, const char *key,
                                            const char *text)
{
    const struct sg_yaml_node *node = c->yaml ? sg_yaml_root(c->yaml) : NULL;
    char part[64];
    for (size_t n; node && *key; key += n + (key[n] == '.')) {
        n = strcspn(key, ".");
        snprintf(part, sizeof(part), "%.*s", (int)n, key);
        node = sg_yaml_get(node, part);
    }
    for (size_t i = 0; i < sg_yaml_count(node); i++)
        if (sg_str_eq_c(sg_yaml_text(sg_yaml_at(node, i)), text))
            return sg_yaml_at(node, i);
    return node && sg_str_eq_c(sg_yaml_text(node), text) ? node : NULL;
}

SG_PRINTF(5, 6)
static int fail_at(const struct sg_config *c, const char *key, const char *text,
                   struct sg_error *reterr, const char *fmt, ...)
{
    const struct sg_yaml_node *node = find_node(c, key, text);
    char said[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(said, sizeof(said), fmt, args);
    va_end(args);
    return node ? sg_yaml_error(node, reterr, "%s", said)
                : sg_error_set(reterr, SG_EINVALID, "%s", said);
}

static int check_public(const struct sg_config *c, const char *key, const char *text,
                        struct sg_error *reterr)
{
    char host[64];
    uint16_t port;
    struct sg_error err = {0};
    if (sg_address_parse(text, host, &port, &err) < 0)
        return fail_at(c, key, text, reterr, "%s: %s", key, err.text);
    if (sg_address_is_loopback(host) || c->n_tokens > 0 || c->anonymous)
        return 0;
    return fail_at(c, key, text, reterr,
                   "%s: '%s' is a public address, which needs auth.tokens or --anonymous", key,
                   text);
}

static int check_tls(const struct sg_config *c, struct sg_error *reterr)
{
    const char *have = c->tls_cert ? c->tls_cert : c->tls_key;
    if (!c->tls_cert != !c->tls_key)
        return fail_at(c, c->tls_cert ? "tls.cert" : "tls.key", have, reterr,
                       "tls.%s is missing: TLS needs both cert and key",
                       c->tls_cert ? "key" : "cert");
    if (c->tls_listen && !c->tls_cert)
        return fail_at(c, "tls.listen", c->tls_listen, reterr,
                       "tls.listen needs tls.cert and tls.key");
    return 0;
}

int sg_config_check(const struct sg_config *c, struct sg_error *reterr)
{
    for (size_t i = 0; i < c->listen.n; i++)
        if (check_public(c, "listen", c->listen.items[i], reterr) < 0)
            return SG_EINVALID;
    if (c->tls_listen && check_public(c, "tls.listen", c->tls_listen, reterr) < 0)
        return SG_EINVALID;
    /* A datagram carries no token: who opens this port should have thought of the rest. */
    if (strcmp(c->statsd_listen, "off") != 0 &&
        check_public(c, "inputs.statsd.listen", c->statsd_listen, reterr) < 0)
        return SG_EINVALID;
    return check_tls(c, reterr);
}
