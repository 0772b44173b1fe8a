/* kind_heartbeat.c - a dead man's switch somewhere else: pinged as long as we evaluate rules, so
 * that its silence tells. */
#include "notify/kind.h"

#include <string.h>

static const struct sg__opt table[] = {
    {"url", SG__OPT_URL, SG__OPT_REQUIRED | SG__OPT_SECRET | SG__OPT_FILE, NULL, NULL},
    {"interval", SG__OPT_DURATION, 0, "60000", NULL},
    {"method", SG__OPT_STR, 0, "GET", NULL},
    SG__HTTP_OPTS,
    {0},
};

static int check(const struct sg__target *t, const struct sg_yaml_node *node,
                 struct sg_error *reterr)
{
    struct sg_str method = sg__opt(t, "method")->one.text;
    if (sg_str_eq_c(method, "GET") || sg_str_eq_c(method, "POST"))
        return 0;
    return sg_yaml_error(node, reterr, "heartbeat_configs: method: expected GET or POST, got '%s'",
                         method.p);
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    (void)reterr;
    r->method = sg_str_eq_c(sg__opt(job->target, "method")->one.text, "GET") ? "GET" : "POST";
    sg_buf_put_str(&r->url, sg__opt(job->target, "url")->one.text);
    return 0;
}

const struct sg__kind sg__kind_heartbeat = {
    .name = "heartbeat",
    .table = table,
    .no_rows = true,
    .check = check,
    .build = build,
};
