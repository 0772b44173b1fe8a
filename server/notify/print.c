/* print.c - the configuration as Alertmanager's tools read it, without secrets.
 *
 * amtool parses what /api/v2/status says, and strictly: what Alertmanager does not know (our kinds
 * of integrations, our options) is there for people, as comments. Of a secret URL the host is told,
 * so that it stays a URL. */
#include <string.h>

#include "notify/kind.h"

enum place { IN_PLAIN, IN_RECEIVER, IN_CONFIG, IN_GLOBAL, IN_HTTP };

struct printer {
    struct sg_buf *out;
    enum place place;
    const struct sg__kind *kind; /* IN_CONFIG */
    unsigned indent;
    bool comment;
};

static const char *const root_keys[] = {"global",        "route",     "receivers",
                                        "inhibit_rules", "templates", "mute_time_intervals",
                                        "time_intervals"};
static const char *const http_secrets[] = {
    "password", "credentials", "bearer_token", "proxy_url", "key", "cert", "ca"};
static const char *const http_own[] = {"headers", "http_headers"};
static const char *const global_secrets[] = {
    "smtp_auth_password",  "smtp_auth_secret",      "slack_api_url",      "opsgenie_api_key",
    "victorops_api_key",   "wechat_api_secret",     "telegram_bot_token", "rocketchat_token",
    "rocketchat_token_id", "mattermost_webhook_url"};
/* Of versions after Debian's: its amtool does not know them. */
static const char *const global_newer[] = {
    "smtp_auth_secret_file",      "smtp_force_implicit_tls",  "telegram_bot_token",
    "telegram_bot_token_file",    "wechat_api_secret_file",   "jira_api_url",
    "rocketchat_api_url",         "rocketchat_token",         "rocketchat_token_file",
    "rocketchat_token_id",        "rocketchat_token_id_file", "mattermost_webhook_url",
    "mattermost_webhook_url_file"};
static const char *const config_newer[] = {"secret_file", "auth_secret_file", "chat_id_file"};

static bool among(struct sg_str key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sg_str_eq_c(key, names[i]))
            return true;
    return false;
}

static unsigned flags_of(const struct printer *p, struct sg_str key)
{
    if (p->place == IN_CONFIG) {
        if (among(key, config_newer, SG_ARRAY_LEN(config_newer)))
            return SG__OPT_OWN;
        for (const struct sg__opt *o = p->kind->table; o->name; o++)
            if (sg_str_eq_c(key, o->name) && o->type != SG__OPT_NODE)
                return o->flags;
    } else if (p->place == IN_GLOBAL) {
        return (among(key, global_secrets, SG_ARRAY_LEN(global_secrets)) ? SG__OPT_SECRET : 0) |
               (among(key, global_newer, SG_ARRAY_LEN(global_newer)) ? SG__OPT_OWN : 0);
    } else if (p->place == IN_HTTP) {
        if (among(key, http_own, SG_ARRAY_LEN(http_own)))
            return SG__OPT_SECRET | SG__OPT_OWN;
        return among(key, http_secrets, SG_ARRAY_LEN(http_secrets)) ? SG__OPT_SECRET : 0;
    }
    return 0;
}

static void begin_line(const struct printer *p)
{
    if (p->comment)
        sg_buf_puts(p->out, "# ");
    for (unsigned i = 0; i < p->indent; i++)
        sg_buf_puts(p->out, "  ");
}

static void put_scalar(const struct sg_yaml_node *node, struct sg_buf *out)
{
    struct sg_str text = sg_yaml_text(node);
    bool plain = !sg_yaml_quoted(node) && text.n > 0;
    for (size_t i = 0; i < text.n && plain; i++)
        plain = (text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'z') ||
                (text.p[i] >= 'A' && text.p[i] <= 'Z') || (i > 0 && strchr("_.+/-", text.p[i])) ||
                (i == 0 && text.p[i] == '-' && text.n > 1 && strchr("0123456789", text.p[1]));
    if (sg_yaml_kind(node) == SG_YAML_NULL)
        sg_buf_puts(out, "null");
    else if (plain)
        sg_buf_put_str(out, text);
    else
        sg_buf_put_json_str(out, text);
}

/* "https://host/<secret>" of a URL, "<secret>" of all else. */
static void put_masked(const struct sg_yaml_node *node, struct sg_buf *out)
{
    struct sg_str text = sg_yaml_text(node);
    const char *host =
        sg_yaml_kind(node) == SG_YAML_SCALAR ? memmem(text.p, text.n, "://", 3) : NULL;
    if (!host) {
        sg_buf_puts(out, "\"<secret>\"");
        return;
    }
    struct sg_str shown = {text.p, (size_t)(host + 3 - text.p)};
    host += 3;
    size_t rest = text.n - shown.n, authority = 0;
    while (authority < rest && !strchr("/?#", host[authority]))
        authority++;
    const char *at = memrchr(host, '@', authority);
    size_t skip = at ? (size_t)(at + 1 - host) : 0;
    struct sg_buf url;
    sg_buf_init(&url, 64u << 10);
    sg_buf_put_str(&url, shown);
    sg_buf_append(&url, host + skip, authority - skip);
    sg_buf_puts(&url, authority < rest ? "/<secret>" : "");
    sg_buf_put_json_str(out, sg_buf_str(&url));
    sg_buf_deinit(&url);
}

static void put_node(const struct printer *p, const struct sg_yaml_node *node);

/* What stands below a key. */
static struct printer below(const struct printer *p, struct sg_str key)
{
    static const char suffix[] = "_configs";
    struct printer q = *p;
    q.indent++;
    if (sg_str_eq_c(key, "http_config") || sg_str_eq_c(key, "tls_config") ||
        sg_str_eq_c(key, "smtp_tls_config"))
        q.place = IN_HTTP;
    if (p->place != IN_RECEIVER || key.n < sizeof(suffix))
        return q;
    for (const struct sg__kind *const *k = sg__kinds; *k; k++) {
        if (key.n == strlen((*k)->name) + sizeof(suffix) - 1 &&
            memcmp(key.p, (*k)->name, strlen((*k)->name)) == 0) {
            q.place = IN_CONFIG;
            q.kind = *k;
            q.comment = p->comment || !(*k)->alertmanagers;
        }
    }
    return q;
}

static void put_entry(const struct printer *p, const struct sg_yaml_node *map, size_t i)
{
    struct sg_str key = sg_yaml_key(map, i);
    const struct sg_yaml_node *value = sg_yaml_at(map, i);
    unsigned flags = flags_of(p, key);
    struct printer q = below(p, key);
    if (flags & SG__OPT_OWN)
        q.comment = true;
    struct printer line = *p;
    line.comment = q.comment;
    begin_line(&line);
    put_scalar(sg_yaml_key_node(map, i), p->out);
    sg_buf_puts(p->out, ":");
    if (flags & SG__OPT_SECRET && sg_yaml_kind(value) != SG_YAML_NULL) {
        sg_buf_putc(p->out, ' ');
        put_masked(value, p->out);
        sg_buf_putc(p->out, '\n');
    } else {
        put_node(&q, value);
    }
}

static void put_item(const struct printer *p, const struct sg_yaml_node *item)
{
    struct printer q = *p;
    begin_line(p);
    sg_buf_puts(p->out, "-");
    q.indent++;
    put_node(&q, item);
}

/* Behind "key:" or "-": scalars on the same line, the rest below. */
static void put_node(const struct printer *p, const struct sg_yaml_node *node)
{
    size_t n = sg_yaml_count(node);
    enum sg_yaml_kind kind = sg_yaml_kind(node);
    if (kind == SG_YAML_LIST || kind == SG_YAML_MAP) {
        sg_buf_puts(p->out, n ? "\n" : kind == SG_YAML_LIST ? " []\n" : " {}\n");
        for (size_t i = 0; i < n; i++) {
            if (kind == SG_YAML_LIST)
                put_item(p, sg_yaml_at(node, i));
            else
                put_entry(p, node, i);
        }
        return;
    }
    sg_buf_putc(p->out, ' ');
    put_scalar(node, p->out);
    sg_buf_putc(p->out, '\n');
}

void sg__receivers_print_root(const struct sg_yaml_node *root, struct sg_buf *out)
{
    for (size_t i = 0; i < sg_yaml_count(root); i++) {
        struct sg_str key = sg_yaml_key(root, i);
        struct printer p = {.out = out, .indent = 1};
        if (!among(key, root_keys, SG_ARRAY_LEN(root_keys)))
            continue;
        if (sg_str_eq_c(key, "receivers"))
            p.place = IN_RECEIVER;
        else if (sg_str_eq_c(key, "global"))
            p.place = IN_GLOBAL;
        sg_buf_put_str(out, key);
        sg_buf_putc(out, ':');
        put_node(&p, sg_yaml_at(root, i));
    }
}
