/* http_config.c - http_config and tls_config, as Prometheus' common library reads them. */
#include "notify/receivers.h"

#include <string.h>

static const struct sg__opt tls_table[] = {
    {"ca", SG__OPT_STR, SG__OPT_SECRET, NULL, NULL},
    {"ca_file", SG__OPT_STR, 0, NULL, NULL},
    {"cert", SG__OPT_STR, SG__OPT_SECRET, NULL, NULL},
    {"cert_file", SG__OPT_STR, 0, NULL, NULL},
    {"key", SG__OPT_STR, SG__OPT_SECRET, NULL, NULL},
    {"key_file", SG__OPT_STR, 0, NULL, NULL},
    {"server_name", SG__OPT_STR, 0, NULL, NULL},
    {"insecure_skip_verify", SG__OPT_BOOL, 0, "false", NULL},
    {"min_version", SG__OPT_STR, 0, NULL, NULL},
    {"max_version", SG__OPT_STR, 0, NULL, NULL},
    {0},
};

static const struct sg__opt basic_table[] = {
    {"username", SG__OPT_STR, SG__OPT_FILE, NULL, NULL},
    {"password", SG__OPT_STR, SG__OPT_FILE | SG__OPT_SECRET, NULL, NULL},
    {0},
};

static const struct sg__opt authorization_table[] = {
    {"type", SG__OPT_STR, 0, "Bearer", NULL},
    {"credentials", SG__OPT_STR, SG__OPT_FILE | SG__OPT_SECRET | SG__OPT_REQUIRED, NULL, NULL},
    {0},
};

/* follow_redirects, enable_http2 and proxies are Alertmanager's: redirects are never followed and
 * HTTP/1.1 is spoken whatever they say; a proxy would undo the check of addresses. */
static const struct sg__opt http_table[] = {
    {"basic_auth", SG__OPT_NODE, 0, NULL, NULL},
    {"authorization", SG__OPT_NODE, 0, NULL, NULL},
    {"bearer_token", SG__OPT_STR, SG__OPT_FILE | SG__OPT_SECRET, NULL, NULL},
    {"tls_config", SG__OPT_NODE, 0, NULL, NULL},
    {"headers", SG__OPT_TEXTS, SG__OPT_SECRET, NULL, NULL},
    {"http_headers", SG__OPT_NODE, SG__OPT_SECRET, NULL, NULL},
    {"follow_redirects", SG__OPT_BOOL, 0, NULL, NULL},
    {"enable_http2", SG__OPT_BOOL, 0, NULL, NULL},
    {"oauth2", SG__OPT_NODE, 0, NULL, NULL},
    {"proxy_url", SG__OPT_STR, SG__OPT_SECRET, NULL, NULL},
    {"proxy_from_environment", SG__OPT_BOOL, 0, NULL, NULL},
    {0},
};

#define MAX_TABLE 12

struct sub {
    const struct sg__opt *table;
    const struct sg_yaml_node *node;
    const char *what;
    struct sg__value values[MAX_TABLE];
};

static int read_sub(struct sub *s, struct sg_arena *arena, struct sg_error *reterr)
{
    struct sg__opt_source from = {.node = s->node, .what = s->what};
    SG_ASSERT(sg__opt_count(s->table) <= MAX_TABLE);
    return sg__opts_read(s->table, &from, arena, s->values, reterr);
}

static struct sg_str text_of(const struct sub *s, const char *name)
{
    return sg__opt_find(s->table, s->values, name)->one.text;
}

static int tls_version(const struct sub *s, const char *name, unsigned *ret,
                       struct sg_error *reterr)
{
    static const char *const names[] = {"TLS10", "TLS11", "TLS12", "TLS13"};
    struct sg_str text = text_of(s, name);
    for (unsigned i = 0; i < SG_ARRAY_LEN(names); i++) {
        if (sg_str_eq_c(text, names[i])) {
            *ret = 10 + i;
            return 0;
        }
    }
    if (text.n == 0)
        return 0;
    return sg_yaml_error(s->node, reterr, "%s: %s: expected TLS10, TLS11, TLS12 or TLS13", s->what,
                         name);
}

int sg__tls_read(const struct sg_yaml_node *node, struct sg_arena *arena,
                 struct sg__http_config *ret, struct sg_error *reterr)
{
    struct sub s = {.table = tls_table, .node = node, .what = "tls_config"};
    if (!node || sg_yaml_kind(node) == SG_YAML_NULL)
        return 0;
    int rc = read_sub(&s, arena, reterr);
    if (rc == 0)
        rc = tls_version(&s, "min_version", &ret->min_tls, reterr);
    if (rc == 0)
        rc = tls_version(&s, "max_version", &ret->max_tls, reterr);
    if (rc == 0 && ret->max_tls && ret->max_tls < ret->min_tls)
        rc = sg_yaml_error(s.node, reterr, "tls_config: max_version is below min_version");
    if (rc < 0)
        return rc;
    ret->ca = text_of(&s, "ca");
    ret->ca_file = text_of(&s, "ca_file");
    ret->cert = text_of(&s, "cert");
    ret->cert_file = text_of(&s, "cert_file");
    ret->key = text_of(&s, "key");
    ret->key_file = text_of(&s, "key_file");
    ret->server_name = text_of(&s, "server_name");
    ret->insecure_skip_verify =
        sg__opt_find(tls_table, s.values, "insecure_skip_verify")->number != 0;
    return 0;
}

static size_t count_of(const struct sg_yaml_node *list)
{
    return list ? sg_yaml_count(list) : 0;
}

/* {X-Name: {values: [a], secrets: [b]}} becomes header lines. */
static int read_http_headers(const struct sg_yaml_node *node, struct sg_arena *arena,
                             struct sg__texts *ret, struct sg_error *reterr)
{
    static const char *const parts[] = {"values", "secrets"};
    static const char *const known[] = {"values", "secrets", NULL};
    size_t n = 0, max = 0;
    for (size_t i = 0; i < sg_yaml_count(node); i++)
        for (size_t p = 0; p < 2; p++)
            max += count_of(sg_yaml_get(sg_yaml_at(node, i), parts[p]));
    ret->items = sg_arena_calloc(arena, max + 1, sizeof(*ret->items));
    SG_ASSERT(ret->items);
    for (size_t i = 0; i < sg_yaml_count(node); i++) {
        const struct sg_yaml_node *header = sg_yaml_at(node, i);
        int rc = sg_yaml_check_keys(header, "http_headers", known, reterr);
        for (size_t p = 0; p < 2 && rc == 0; p++) {
            const struct sg_yaml_node *list = sg_yaml_get(header, parts[p]);
            for (size_t k = 0; k < count_of(list) && rc == 0; k++) {
                struct sg_str text = SG_STR("");
                rc = sg_yaml_read_str(sg_yaml_at(list, k), "http_headers", &text, reterr);
                ret->items[n++] =
                    (struct sg__text){.name = sg__notify_keep(arena, sg_yaml_key(node, i)),
                                      .text = sg__notify_keep(arena, text)};
            }
        }
        if (rc < 0)
            return rc;
    }
    ret->n = n;
    return 0;
}

static bool is_token(struct sg_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return s.n > 0;
}

static int check_headers(const struct sg_yaml_node *node, const struct sg__texts *headers,
                         struct sg_error *reterr)
{
    for (size_t i = 0; i < headers->n; i++) {
        const struct sg__text *h = &headers->items[i];
        if (!is_token(h->name))
            return sg_yaml_error(node, reterr, "http_config: '%.*s' is no name of a header",
                                 SG_STR_ARG(h->name));
        for (size_t k = 0; k < h->text.n; k++)
            if ((unsigned char)h->text.p[k] < ' ')
                return sg_yaml_error(node, reterr,
                                     "http_config: the value of '%.*s' has a control character",
                                     SG_STR_ARG(h->name));
    }
    return 0;
}

static int read_authorization(const struct sub *s, struct sg_arena *arena,
                              struct sg__http_config *ret, struct sg_error *reterr)
{
    struct sub basic = {.table = basic_table, .what = "basic_auth"};
    struct sub auth = {.table = authorization_table, .what = "authorization"};
    basic.node = sg_yaml_get(s->node, "basic_auth");
    auth.node = sg_yaml_get(s->node, "authorization");
    int rc = basic.node ? read_sub(&basic, arena, reterr) : 0;
    if (rc == 0 && auth.node)
        rc = read_sub(&auth, arena, reterr);
    if (rc < 0)
        return rc;
    struct sg_str bearer = text_of(s, "bearer_token");
    if ((basic.node != NULL) + (auth.node != NULL) + (bearer.n > 0) > 1)
        return sg_yaml_error(s->node, reterr,
                             "http_config: only one of basic_auth, authorization and bearer_token "
                             "may be given");
    if (basic.node) {
        ret->username = text_of(&basic, "username");
        ret->password = text_of(&basic, "password");
    }
    ret->auth_type = auth.node ? text_of(&auth, "type") : SG_STR("Bearer");
    ret->credentials = auth.node ? text_of(&auth, "credentials") : bearer;
    return 0;
}

void sg__http_clear(struct sg__http_config *h)
{
    const struct sg_str none = SG_STR("");
    *h = (struct sg__http_config){.username = none, .password = none, .auth_type = none};
    h->identity = none;
    h->credentials = h->server_name = none;
    h->ca_file = h->cert_file = h->key_file = h->ca = h->cert = h->key = none;
}

int sg__http_read(const struct sg_yaml_node *node, struct sg_arena *arena,
                  struct sg__http_config *ret, struct sg_error *reterr)
{
    static const char *const unsupported[] = {"oauth2", "proxy_url", "proxy_from_environment"};
    struct sub s = {.table = http_table, .what = "http_config"};
    sg__http_clear(ret);
    s.node = node;
    if (!s.node || sg_yaml_kind(s.node) == SG_YAML_NULL)
        return 0;
    int rc = read_sub(&s, arena, reterr);
    for (size_t i = 0; i < SG_ARRAY_LEN(unsupported) && rc == 0; i++) {
        const struct sg_yaml_node *bad = sg_yaml_get(s.node, unsupported[i]);
        if (bad)
            rc = sg_yaml_error(bad, reterr, "http_config: %s is not supported", unsupported[i]);
    }
    if (rc == 0)
        rc = read_authorization(&s, arena, ret, reterr);
    if (rc == 0)
        rc = sg__tls_read(sg_yaml_get(s.node, "tls_config"), arena, ret, reterr);
    ret->headers = sg__opt_find(http_table, s.values, "headers")->texts;
    for (size_t i = 0; i < ret->headers.n; i++) { /* headers are no templates */
        sg_template_free(ret->headers.items[i].template);
        ret->headers.items[i].template = NULL;
    }
    if (rc == 0 && ret->headers.n == 0 && sg_yaml_get(s.node, "http_headers"))
        rc = read_http_headers(sg_yaml_get(s.node, "http_headers"), arena, &ret->headers, reterr);
    return rc < 0 ? rc : check_headers(s.node, &ret->headers, reterr);
}
