/* receivers.c - `receivers`, `global` and `notify` of the configuration. */
#include "notify/receivers.h"

#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "notify/kind.h"

#define ARENA_BYTES (64u << 20)
#define MAX_RECEIVERS 10000
#define MAX_TARGETS 20000
#define MAX_PRINTED (16u << 20)

/* `global` as of Alertmanager; what belongs to integrations we do not have is accepted. */
static const char *const global_keys[] = {"resolve_timeout",
                                          "http_config",
                                          "smtp_from",
                                          "smtp_hello",
                                          "smtp_smarthost",
                                          "smtp_auth_username",
                                          "smtp_auth_password",
                                          "smtp_auth_password_file",
                                          "smtp_auth_secret",
                                          "smtp_auth_secret_file",
                                          "smtp_auth_identity",
                                          "smtp_require_tls",
                                          "smtp_force_implicit_tls",
                                          "smtp_tls_config",
                                          "slack_api_url",
                                          "slack_api_url_file",
                                          "pagerduty_url",
                                          "telegram_api_url",
                                          "telegram_bot_token",
                                          "telegram_bot_token_file",
                                          "opsgenie_api_url",
                                          "opsgenie_api_key",
                                          "opsgenie_api_key_file",
                                          "victorops_api_url",
                                          "victorops_api_key",
                                          "victorops_api_key_file",
                                          "wechat_api_url",
                                          "wechat_api_secret",
                                          "wechat_api_secret_file",
                                          "wechat_api_corp_id",
                                          "webex_api_url",
                                          "jira_api_url",
                                          "rocketchat_api_url",
                                          "rocketchat_token",
                                          "rocketchat_token_file",
                                          "rocketchat_token_id",
                                          "rocketchat_token_id_file",
                                          "mattermost_webhook_url",
                                          "mattermost_webhook_url_file",
                                          NULL};

static const struct sg__opt notify_table[] = {
    {"allow", SG__OPT_NODE, 0, NULL, NULL},
    {"give_up", SG__OPT_DURATION, 0, "86400000", NULL},
    {"concurrency", SG__OPT_NUMBER, 0, "4", NULL},
    {"rate", SG__OPT_NUMBER, 0, "0", NULL},
    {"timeout", SG__OPT_DURATION, 0, "30000", NULL},
    {0},
};
#define N_NOTIFY 6

struct reading {
    struct sg_receivers *r;
    const struct sg_yaml_node *global;
    struct sg_template_set *templates;
    struct sg__value notify[N_NOTIFY];
    struct sg_error *reterr;
};

/* One entry of a list `slack_configs`. */
struct entry {
    const struct sg__kind *kind;
    const struct sg_yaml_node *node;
    struct sg_str receiver;
    size_t index;
    char what[200];
};

static double notify_number(const struct reading *rd, const char *name)
{
    return sg__opt_find(notify_table, rd->notify, name)->number;
}

static int read_notify(struct reading *rd, const struct sg_yaml_node *root)
{
    struct sg__opt_source from = {.node = sg_yaml_get(root, "notify"), .what = "notify"};
    int rc = sg__opts_read(notify_table, &from, &rd->r->arena, rd->notify, rd->reterr);
    if (rc == 0)
        rc = sg__guard_read(from.node ? sg_yaml_get(from.node, "allow") : NULL, &rd->r->arena,
                            &rd->r->guard, rd->reterr);
    if (rc < 0)
        return rc;
    rd->r->give_up_ms = (int64_t)notify_number(rd, "give_up");
    return sg_yaml_check_keys(rd->global, "global", global_keys, rd->reterr);
}

/* ---- targets ---- */

static double or_default(const struct sg__value *v, double preset)
{
    return v->set ? v->number : preset;
}

static void set_pace(const struct reading *rd, struct sg__target *t)
{
    double concurrency =
        t->kind->concurrency ? t->kind->concurrency : notify_number(rd, "concurrency");
    double rate = t->kind->rate > 0 ? t->kind->rate : notify_number(rd, "rate");
    concurrency = or_default(sg__opt(t, "concurrency"), concurrency);
    t->concurrency = concurrency < 1 ? 1 : concurrency > 256 ? 256 : (uint32_t)concurrency;
    t->rate = or_default(sg__opt(t, "rate"), rate);
    t->timeout_ms = (int64_t)or_default(sg__opt(t, "timeout"), notify_number(rd, "timeout"));
}

static int read_entry(struct reading *rd, const struct entry *e, struct sg__target *t)
{
    struct sg__opt_source from = {.node = e->node,
                                  .global = rd->global,
                                  .templates = rd->templates,
                                  .kind = t->kind->name,
                                  .what = e->what};
    if (sg_yaml_kind(e->node) != SG_YAML_MAP && sg_yaml_kind(e->node) != SG_YAML_NULL)
        return sg_yaml_error(e->node, rd->reterr, "%s: expected keys and values", e->what);
    int rc = sg__opts_read(t->table, &from, &rd->r->arena, t->values, rd->reterr);
    if (rc == 0 && t->kind->transport)
        rc = t->kind->transport(t, &rd->r->arena, rd->reterr);
    else if (rc == 0)
        rc = sg__http_read(sg__opt(t, "http_config")->node, &rd->r->arena, &t->http, rd->reterr);
    if (rc == 0)
        set_pace(rd, t);
    if (rc == 0 && t->kind->check)
        rc = t->kind->check(t, e->node, rd->reterr);
    return rc;
}

static struct sg__target *add_target(struct sg_receivers *r, const struct entry *e, size_t index)
{
    struct sg__target *t = sg_arena_calloc(&r->arena, 1, sizeof(*t));
    char name[512];
    SG_ASSERT(t);
    int n =
        snprintf(name, sizeof(name), "%.*s/%s/%zu", SG_STR_ARG(e->receiver), e->kind->name, index);
    t->name = sg__notify_keep(&r->arena, (struct sg_str){name, (size_t)n});
    t->receiver = e->receiver;
    t->kind = e->kind;
    t->table = e->kind->table;
    t->url = SG_STR("");
    r->targets = sg_grow(r->targets, &r->cap_targets, r->n_targets + 1, sizeof(*r->targets));
    r->targets[r->n_targets++] = t;
    return t;
}

static void add_integration(struct sg_receivers *r, const struct sg__target *t)
{
    const struct sg__kind *k = t->kind;
    if (k->no_rows)
        return;
    r->integrations = sg_grow(r->integrations, &r->cap_integrations, r->n_integrations + 1,
                              sizeof(*r->integrations));
    r->integrations[r->n_integrations++] = (struct sg_integration){
        .target = t->name,
        .send_resolved = or_default(sg__opt(t, "send_resolved"), !k->silent_resolved) != 0,
        .acknowledges = or_default(sg__opt(t, "send_acknowledged"), k->acknowledges) != 0,
        .push = k->push,
        .every = k->every && k->every(t),
    };
}

/* A target for each URL of a list; they share their options. */
static int add_list(struct reading *rd, const struct entry *e, struct sg__target *first,
                    size_t *index)
{
    const struct sg__texts *urls = &sg__opt(first, e->kind->list)->texts;
    struct sg__target *t = first;
    if (urls->n == 0)
        return sg_yaml_error(e->node, rd->reterr, "%s: '%s' is empty", e->what, e->kind->list);
    for (size_t i = 0; i < urls->n; i++) {
        if (i > 0) {
            t = add_target(rd->r, e, ++*index);
            struct sg_str name = t->name;
            *t = *first;
            t->name = name;
        }
        t->url = urls->items[i].text;
        if (!sg__url_is_good(t->url))
            return sg_yaml_error(e->node, rd->reterr, "%s: expected a URL as http://host:9093",
                                 e->what);
        add_integration(rd->r, t);
    }
    return 0;
}

static int add_entry(struct reading *rd, const struct entry *e, size_t *index)
{
    struct sg__target *t = add_target(rd->r, e, *index);
    if (rd->r->n_targets > MAX_TARGETS)
        return sg_yaml_error(e->node, rd->reterr, "receivers: more than %d integrations",
                             MAX_TARGETS);
    t->values = sg_arena_calloc(&rd->r->arena, sg__opt_count(t->table), sizeof(*t->values));
    SG_ASSERT(t->values);
    int rc = read_entry(rd, e, t);
    if (rc < 0)
        return rc;
    if (e->kind->list)
        return add_list(rd, e, t, index);
    add_integration(rd->r, t);
    return 0;
}

static int add_configs(struct reading *rd, const struct sg__kind *kind,
                       const struct sg_yaml_node *list, struct sg_str receiver)
{
    size_t index = 0;
    if (sg_yaml_kind(list) == SG_YAML_NULL)
        return 0;
    if (sg_yaml_kind(list) != SG_YAML_LIST)
        return sg_yaml_error(list, rd->reterr, "receivers: %s_configs: expected a list",
                             kind->name);
    for (size_t i = 0; i < sg_yaml_count(list); i++, index++) {
        struct entry e = {kind, sg_yaml_at(list, i), receiver, i, ""};
        snprintf(e.what, sizeof(e.what), "%s_configs of '%.100s'", kind->name, receiver.p);
        int rc = add_entry(rd, &e, &index);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- receivers ---- */

static const struct sg__kind *kind_of(struct sg_str key)
{
    for (const struct sg__kind *const *k = sg__kinds; *k; k++) {
        size_t n = strlen((*k)->name);
        if (key.n == n + 8 && memcmp(key.p, (*k)->name, n) == 0 &&
            memcmp(key.p + n, "_configs", 8) == 0)
            return *k;
    }
    return NULL;
}

static int unknown_key(struct reading *rd, const struct sg_yaml_node *node, size_t i)
{
    struct sg_str key = sg_yaml_key(node, i);
    struct sg_buf known;
    int rc;
    sg_buf_init(&known, 1024);
    for (const struct sg__kind *const *k = sg__kinds; *k; k++)
        sg_buf_printf(&known, "%s%s", k == sg__kinds ? "" : ", ", (*k)->name);
    bool configs = key.n > 8 && memcmp(key.p + key.n - 8, "_configs", 8) == 0;
    rc = sg_yaml_error(sg_yaml_key_node(node, i), rd->reterr,
                       configs ? "receivers: '%.*s' is not supported; there are _configs of %s"
                               : "receivers: unknown key '%.*s', expected name or _configs of %s",
                       SG_STR_ARG(key), sg_buf_cstr(&known));
    sg_buf_deinit(&known);
    return rc;
}

static int read_name(struct reading *rd, const struct sg_yaml_node *node, struct sg_str *ret)
{
    struct sg_str name = SG_STR("");
    struct sg_receivers *r = rd->r;
    if (sg_yaml_kind(node) != SG_YAML_MAP)
        return sg_yaml_error(node, rd->reterr, "receivers: expected keys and values");
    int rc = sg_yaml_read_str(sg_yaml_get(node, "name"), "receivers: name", &name, rd->reterr);
    if (rc < 0)
        return rc;
    if (name.n == 0 || name.n > 200)
        return sg_yaml_error(node, rd->reterr,
                             "receivers: expected a name of 1 to 200 bytes for each");
    for (size_t i = 0; i < r->n_names; i++)
        if (sg_str_eq(r->names[i], name))
            return sg_yaml_error(node, rd->reterr, "receivers: the name '%.*s' comes twice",
                                 SG_STR_ARG(name));
    *ret = sg__notify_keep(&r->arena, name);
    r->names = sg_grow(r->names, &r->cap_names, r->n_names + 1, sizeof(*r->names));
    r->names[r->n_names++] = *ret;
    return 0;
}

static int read_receiver(struct reading *rd, const struct sg_yaml_node *node)
{
    struct sg_str name;
    int rc = read_name(rd, node, &name);
    for (size_t i = 0; i < sg_yaml_count(node) && rc == 0; i++) {
        struct sg_str key = sg_yaml_key(node, i);
        const struct sg__kind *kind = kind_of(key);
        if (sg_str_eq_c(key, "name"))
            continue;
        rc = kind ? add_configs(rd, kind, sg_yaml_at(node, i), name) : unknown_key(rd, node, i);
    }
    return rc;
}

static int read_receivers(struct reading *rd, const struct sg_yaml_node *list)
{
    if (!list || sg_yaml_kind(list) == SG_YAML_NULL)
        return 0;
    if (sg_yaml_kind(list) != SG_YAML_LIST)
        return sg_yaml_error(list, rd->reterr, "receivers: expected a list");
    if (sg_yaml_count(list) > MAX_RECEIVERS)
        return sg_yaml_error(list, rd->reterr, "receivers: more than %d", MAX_RECEIVERS);
    for (size_t i = 0; i < sg_yaml_count(list); i++) {
        int rc = read_receiver(rd, sg_yaml_at(list, i));
        if (rc < 0)
            return rc;
    }
    return 0;
}

int sg_receivers_parse(const struct sg_yaml_node *root, struct sg_template_set *templates,
                       struct sg_receivers **ret, struct sg_error *reterr)
{
    struct sg_receivers *r = sg_calloc(1, sizeof(*r));
    struct reading rd = {
        .r = r, .global = sg_yaml_get(root, "global"), .templates = templates, .reterr = reterr};
    atomic_init(&r->refs, 1);
    sg_arena_init(&r->arena, ARENA_BYTES);
    sg_buf_init(&r->printed, MAX_PRINTED);
    int rc = read_notify(&rd, root);
    if (rc == 0)
        rc = read_receivers(&rd, sg_yaml_get(root, "receivers"));
    sg__opts_free(notify_table, rd.notify);
    if (rc < 0) {
        sg_receivers_free(r);
        return rc;
    }
    sg__receivers_print_root(root, &r->printed);
    *ret = r;
    return 0;
}

/* ---- looking ---- */

bool sg__target_is_many(const struct sg__target *t)
{
    return t->kind->push;
}

struct sg_receivers *sg__receivers_ref(struct sg_receivers *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void sg_receivers_free(struct sg_receivers *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    const struct sg__value *freed = NULL; /* targets of one list share theirs and are neighbours */
    for (size_t i = 0; i < r->n_targets; i++) {
        if (r->targets[i]->values != freed)
            sg__opts_free(r->targets[i]->table, r->targets[i]->values);
        freed = r->targets[i]->values;
    }
    sg_arena_deinit(&r->arena);
    sg_buf_deinit(&r->printed);
    sg_free(r->targets);
    sg_free(r->integrations);
    sg_free(r->names);
    sg_free(r);
}

const struct sg__target *sg__receivers_find(const struct sg_receivers *r, struct sg_str target)
{
    if (sg_str_starts_with(target, SG_STR(SG_OUTBOX_PUSH_PREFIX))) {
        target.p += sizeof(SG_OUTBOX_PUSH_PREFIX) - 1;
        target.n -= sizeof(SG_OUTBOX_PUSH_PREFIX) - 1;
    }
    for (size_t i = 0; i < r->n_targets; i++)
        if (sg_str_eq(r->targets[i]->name, target))
            return r->targets[i];
    return NULL;
}

const struct sg_integration *sg_receivers_integrations(const struct sg_receivers *r, size_t *ret_n)
{
    *ret_n = r->n_integrations;
    return r->integrations;
}

const struct sg_str *sg_receivers_names(const struct sg_receivers *r, size_t *ret_n)
{
    *ret_n = r->n_names;
    return r->names;
}

void sg_receivers_print(const struct sg_receivers *r, struct sg_buf *out)
{
    sg_buf_put_str(out, sg_buf_str(&r->printed));
}
