/* kind_webhook.c - a POST of Alertmanager's webhook body, version 4.
 *
 * With `secret` the body is signed: X-Streamgauge-Signature is "sha256=" and the HMAC-SHA256, in
 * hex, of "<X-Streamgauge-Timestamp>.<body>" under the secret. A receiver checks it and refuses
 * timestamps (seconds since the epoch) that are old. Idempotency-Key is the same for every attempt
 * of one notification. */
#include <string.h>

#include "notify/hash.h"
#include "notify/kind.h"

static const struct sg__opt table[] = {
    {"url", SG__OPT_URL, SG__OPT_REQUIRED | SG__OPT_SECRET | SG__OPT_FILE, NULL, NULL},
    {"max_alerts", SG__OPT_NUMBER, 0, "0", NULL},
    {"secret", SG__OPT_STR, SG__OPT_SECRET | SG__OPT_FILE | SG__OPT_OWN, NULL, NULL},
    {"body", SG__OPT_TEXT, SG__OPT_OWN, NULL, NULL},
    {"content_type", SG__OPT_STR, SG__OPT_OWN, "application/json", NULL},
    SG__HTTP_OPTS,
    {0},
};

/* The value's JSON, as it came. */
static void put_member(struct sg_buf *out, const char *name, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (!text)
        return;
    sg_buf_printf(out, "%s\"%s\":%s", out->len && out->data[out->len - 1] != '{' ? "," : "", name,
                  text);
    free(text);
}

static void put_alert(struct sg_buf *out, const json_t *alert)
{
    static const char *const members[] = {"status", "labels",       "annotations", "startsAt",
                                          "endsAt", "generatorURL", "fingerprint"};
    sg_buf_putc(out, '{');
    for (size_t i = 0; i < SG_ARRAY_LEN(members); i++)
        put_member(out, members[i], json_object_get(alert, members[i]));
    sg_buf_putc(out, '}');
}

/* Exactly the keys of Alertmanager, in its order. */
static void put_body(const struct sg__job *job, struct sg_buf *out)
{
    static const char *const members[] = {"groupLabels", "commonLabels", "commonAnnotations",
                                          "externalURL", "version",      "groupKey"};
    const struct sg__note *n = job->note;
    size_t max = (size_t)sg__opt(job->target, "max_alerts")->number, left = 0;
    uint64_t truncated = (uint64_t)json_integer_value(json_object_get(n->root, "truncatedAlerts"));
    if (max && n->n_alerts > max)
        left = n->n_alerts - max;
    sg_buf_puts(out, "{");
    put_member(out, "receiver", json_object_get(n->root, "receiver"));
    put_member(out, "status", json_object_get(n->root, "status"));
    sg_buf_puts(out, ",\"alerts\":[");
    for (size_t i = 0; i < n->n_alerts - left; i++) {
        sg_buf_puts(out, i ? "," : "");
        put_alert(out, json_array_get(n->alerts, i));
    }
    sg_buf_putc(out, ']');
    for (size_t i = 0; i < SG_ARRAY_LEN(members); i++)
        put_member(out, members[i], json_object_get(n->root, members[i]));
    sg_buf_printf(out, ",\"truncatedAlerts\":%lld}", (long long)truncated + (long long)left);
}

static void sign(const struct sg__job *job, struct sg__request *r, struct sg_str secret)
{
    struct sg_buf text;
    uint8_t mac[32];
    char hex[65];
    sg_buf_init(&text, r->body.max + 64);
    sg_buf_printf(&text, "%lld.", (long long)(job->wall_ms / 1000));
    sg_buf_put_str(&text, sg_buf_str(&r->body));
    sg__hmac_sha256(secret, sg_buf_str(&text), mac);
    sg_hex_format(mac, sizeof(mac), hex);
    sg__request_header(r, "X-Streamgauge-Timestamp: %lld", (long long)(job->wall_ms / 1000));
    sg__request_header(r, "X-Streamgauge-Signature: sha256=%s", hex);
    sg_buf_deinit(&text);
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    const struct sg__value *body = sg__opt(job->target, "body");
    struct sg_str secret = sg__opt(job->target, "secret")->one.text;
    int rc = 0;
    sg_buf_put_str(&r->url, sg__opt(job->target, "url")->one.text);
    if (body->set)
        rc = sg__put_text(job, &body->one, &r->body, reterr);
    else if (job->note->digest)
        sg_buf_put_str(&r->body, job->note->body);
    else
        put_body(job, &r->body);
    sg__request_header(r, "Content-Type: %s", sg__opt(job->target, "content_type")->one.text.p);
    sg__request_header(r, "Idempotency-Key: %.*s", SG_STR_ARG(job->row->key));
    if (secret.n)
        sign(job, r, secret);
    return rc;
}

/* As Alertmanager's, which has no limit of its own; a text of one's own is a message. */
static bool every(const struct sg__target *t)
{
    return sg__opt(t, "max_alerts")->number < 1 && !sg__opt(t, "body")->set;
}

const struct sg__kind sg__kind_webhook = {
    .name = "webhook",
    .table = table,
    .alertmanagers = true,
    .every = every,
    .build = build,
};
