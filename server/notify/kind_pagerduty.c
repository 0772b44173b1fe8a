/* kind_pagerduty.c - PagerDuty's Events API v2: trigger, acknowledge, resolve. The dedup key is the
 * hash of the group key, so all that is told of a group is one incident. With a service_key, that
 * of an integration of the type "Prometheus", it is version 1 of the API, as in Alertmanager. */
#include <string.h>

#include "notify/hash.h"
#include "notify/kind.h"

#define MAX_SUMMARY 1024
#define MAX_DETAILS (200u << 10) /* of the event's 512 KB */
#define URL_V1 "https://events.pagerduty.com/generic/2010-04-15/create_event.json"
#define URL_V2 "https://events.pagerduty.com/v2/enqueue"

static const struct sg__opt table[] = {
    {"routing_key", SG__OPT_TEXT, SG__OPT_SECRET | SG__OPT_FILE, NULL, NULL},
    {"service_key", SG__OPT_TEXT, SG__OPT_SECRET | SG__OPT_FILE, NULL, NULL},
    {"url", SG__OPT_URL, 0, URL_V2, "pagerduty_url"},
    {"client", SG__OPT_TEXT, 0, "streamgauge", NULL},
    {"client_url", SG__OPT_TEXT, 0, NULL, NULL},
    {"description", SG__OPT_TEXT, 0, NULL, NULL},
    {"severity", SG__OPT_TEXT, 0, NULL, NULL},
    {"source", SG__OPT_TEXT, 0, NULL, NULL},
    {"class", SG__OPT_TEXT, 0, NULL, NULL},
    {"component", SG__OPT_TEXT, 0, NULL, NULL},
    {"group", SG__OPT_TEXT, 0, NULL, NULL},
    {"details", SG__OPT_TEXTS, SG__OPT_DEEP, NULL, NULL},
    {"images", SG__OPT_MAPS, 0, NULL, NULL},
    {"links", SG__OPT_MAPS, 0, NULL, NULL},
    SG__HTTP_OPTS,
    {0},
};

static int check(const struct sg__target *t, const struct sg_yaml_node *node,
                 struct sg_error *reterr)
{
    bool v1 = sg__opt(t, "service_key")->set, v2 = sg__opt(t, "routing_key")->set;
    if (v1 && v2)
        return sg_yaml_error(node, reterr,
                             "pagerduty_configs: only one of routing_key and service_key may be "
                             "given");
    if (!v1 && !v2)
        return sg_yaml_error(node, reterr, "pagerduty_configs: 'routing_key' is missing");
    return 0;
}

static const char *severity_of(const struct sg__note *n)
{
    return strcmp(n->severity, "critical") == 0  ? "critical"
           : strcmp(n->severity, "warning") == 0 ? "warning"
                                                 : "info";
}

/* critical, error, warning, info; PagerDuty refuses all else. */
static int put_severity(const struct sg__job *job, struct sg_buf *out, struct sg_error *reterr)
{
    static const char *const known[] = {"critical", "error", "warning", "info"};
    struct sg_buf text;
    const char *severity = severity_of(job->note);
    sg_buf_init(&text, 4096);
    int rc = sg__put_option(job, "severity", sg_str_from(severity), &text, reterr);
    for (size_t i = 0; i < SG_ARRAY_LEN(known); i++)
        if (sg_str_ieq(sg_buf_str(&text), sg_str_from(known[i])))
            severity = known[i];
    sg_buf_printf(out, ",\"severity\":\"%s\"", severity);
    sg_buf_deinit(&text);
    return rc;
}

/* Where it comes from: an alert's instance, else us. */
static void put_default_source(const struct sg__job *job, struct sg_buf *out)
{
    struct sg_str instance = sg__json_text(job->note->common_labels, "instance");
    if (instance.n == 0)
        instance = sg_str_from(job->site->external_url);
    sg_buf_put_str(out, instance.n ? instance : SG_STR("streamgauge"));
}

static void put_default_details(const struct sg__note *n, unsigned shrink, struct sg_buf *out)
{
    struct sg_buf text;
    sg_buf_init(&text, MAX_DETAILS);
    sg__note_text(n, SG__PLAIN, false, (size_t)(MAX_DETAILS / 2) >> (2 * shrink), &text);
    sg_buf_puts(out, "{\"alerts\":");
    sg_buf_put_json_str(out, sg_buf_str(&text));
    sg_buf_printf(out, ",\"num_firing\":\"%zu\",\"num_resolved\":\"%zu\"}", n->n_firing,
                  n->n_resolved);
    sg_buf_deinit(&text);
}

static int put_details(const struct sg__job *job, struct sg_buf *out, struct sg_error *reterr)
{
    const struct sg__texts *own = &sg__opt(job->target, "details")->texts;
    size_t start = out->len;
    int rc = 0;
    if (own->n && job->shrink == 0)
        rc = sg__put_json_texts(job, own, NULL, out, reterr);
    if (out->len == start || out->len - start > MAX_DETAILS) {
        out->len = start;
        put_default_details(job->note, job->shrink, out);
    }
    return rc;
}

static int put_payload(const struct sg__job *job, struct sg_buf *out, struct sg_error *reterr)
{
    static const char *const plain[] = {"class", "component", "group"};
    struct sg_buf text, source;
    sg_buf_init(&text, 64u << 10);
    sg_buf_init(&source, 8192);
    int rc = sg__put_option(job, "description", sg_str_from(job->note->title), &text, reterr);
    sg__cut(&text, MAX_SUMMARY);
    sg_buf_puts(out, ",\"payload\":{\"summary\":");
    sg_buf_put_json_str(out, text.len ? sg_buf_str(&text) : SG_STR("alert"));
    put_default_source(job, &source);
    if (rc == 0)
        rc = sg__put_option(job, "source", sg_buf_str(&source), &text, reterr);
    sg_buf_puts(out, ",\"source\":");
    sg_buf_put_json_str(out, sg_buf_str(&text));
    if (rc == 0)
        rc = put_severity(job, out, reterr);
    for (size_t i = 0; i < SG_ARRAY_LEN(plain) && rc == 0; i++)
        rc = sg__put_json_option(job, plain[i], plain[i], out, reterr);
    sg_buf_puts(out, ",\"custom_details\":");
    if (rc == 0)
        rc = put_details(job, out, reterr);
    sg_buf_putc(out, '}');
    sg_buf_deinit(&text);
    sg_buf_deinit(&source);
    return rc;
}

static int put_maps(const struct sg__job *job, const char *option, struct sg_buf *out,
                    struct sg_error *reterr)
{
    const struct sg__value *v = sg__opt(job->target, option);
    int rc = 0;
    if (v->n_maps == 0)
        return 0;
    sg_buf_printf(out, ",\"%s\":[", option);
    for (size_t i = 0; i < v->n_maps && rc == 0; i++) {
        sg_buf_puts(out, i ? "," : "");
        rc = sg__put_json_texts(job, &v->maps[i], NULL, out, reterr);
    }
    sg_buf_putc(out, ']');
    return rc;
}

static void put_links(const struct sg__job *job, const char *client_url, struct sg_buf *out)
{
    if (!client_url[0] || sg__opt(job->target, "links")->n_maps)
        return;
    sg_buf_puts(out, ",\"links\":[{\"href\":");
    sg_buf_put_json_str(out, sg_str_from(client_url));
    sg_buf_puts(out, ",\"text\":\"streamgauge\"}]");
}

static const char *const actions[] = {"trigger", "resolve", "acknowledge"};

static void put_incident(const struct sg__job *job, char ret_hex[65])
{
    uint8_t hash[32];
    sg__sha256(job->note->group_key, hash);
    sg_hex_format(hash, sizeof(hash), ret_hex);
}

static int put_client(const struct sg__job *job, struct sg_str link, struct sg_buf *out,
                      struct sg_error *reterr)
{
    int rc = sg__put_json_option(job, "client", "client", out, reterr);
    if (rc == 0 && sg__opt(job->target, "client_url")->set) {
        rc = sg__put_json_option(job, "client_url", "client_url", out, reterr);
    } else if (rc == 0 && link.n) {
        sg_buf_puts(out, ",\"client_url\":");
        sg_buf_put_json_str(out, link);
    }
    return rc;
}

static int build_v1(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    struct sg_buf *out = &r->body, link, text;
    char hex[65];
    struct sg_str url = sg__opt(job->target, "url")->one.text;
    sg_buf_init(&link, 8192);
    sg_buf_init(&text, 64u << 10);
    sg_buf_put_str(&r->url, sg_str_eq_c(url, URL_V2) ? SG_STR(URL_V1) : url);
    sg__note_link(job->note, job->site->external_url, &link);
    put_incident(job, hex);
    sg_buf_printf(out, "{\"event_type\":\"%s\",\"incident_key\":\"%s\"", actions[job->note->status],
                  hex);
    int rc = sg__put_json_option(job, "service_key", "service_key", out, reterr);
    if (rc == 0)
        rc = sg__put_option(job, "description", sg_str_from(job->note->title), &text, reterr);
    sg__cut(&text, MAX_SUMMARY);
    sg_buf_puts(out, ",\"description\":");
    sg_buf_put_json_str(out, text.len ? sg_buf_str(&text) : SG_STR("alert"));
    if (rc == 0)
        rc = put_client(job, sg_buf_str(&link), out, reterr);
    sg_buf_puts(out, ",\"details\":");
    if (rc == 0)
        rc = put_details(job, out, reterr);
    sg_buf_putc(out, '}');
    sg_buf_deinit(&link);
    sg_buf_deinit(&text);
    return rc;
}

static int build_v2(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    struct sg_buf *out = &r->body, link;
    char hex[65];
    sg_buf_init(&link, 8192);
    sg_buf_put_str(&r->url, sg__opt(job->target, "url")->one.text);
    put_incident(job, hex);
    sg__note_link(job->note, job->site->external_url, &link);
    sg_buf_printf(out, "{\"event_action\":\"%s\",\"dedup_key\":\"%s\"", actions[job->note->status],
                  hex);
    int rc = sg__put_json_option(job, "routing_key", "routing_key", out, reterr);
    if (rc == 0)
        rc = put_client(job, sg_buf_str(&link), out, reterr);
    if (rc == 0)
        rc = put_payload(job, out, reterr);
    if (rc == 0)
        rc = put_maps(job, "images", out, reterr);
    if (rc == 0)
        rc = put_maps(job, "links", out, reterr);
    put_links(job, sg_buf_cstr(&link), out);
    sg_buf_putc(out, '}');
    sg_buf_deinit(&link);
    return rc;
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    bool v1 = sg__opt(job->target, "service_key")->set;
    sg__request_header(r, "Content-Type: application/json");
    return (v1 ? build_v1 : build_v2)(job, r, reterr);
}

/* 413 and 400 "event too large": again with less. 403 is how version 1 says "too many". */
static enum sg__verdict judge(enum sg__verdict by_status, struct sg__reply *reply)
{
    bool too_many = reply->status == 403 && sg__opt(reply->from, "service_key")->set;
    return reply->status == 413 ? SG__SHRINK : too_many ? SG__RETRY : by_status;
}

const struct sg__kind sg__kind_pagerduty = {
    .name = "pagerduty",
    .table = table,
    .alertmanagers = true,
    .acknowledges = true,
    .check = check,
    .build = build,
    .judge = judge,
};
