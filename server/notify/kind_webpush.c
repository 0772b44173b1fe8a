/* kind_webpush.c - Web Push to one browser: RFC 8030 with an encrypted payload.
 *
 * The payload is a Declarative Web Push, which Safari shows without a service worker; ours reads
 * the members beside it, those of a notification of the feed (DESIGN section 5), title and message
 * excepted; `id` is there when the message is of one alert, which can be acknowledged by it. The
 * row's `push` is the subscription as the browser gave it: {"endpoint","keys":{"p256dh","auth"}}.
 */
#include <string.h>

#include <streamgauge/base64.h>

#include "notify/hash.h"
#include "notify/kind.h"
#include "notify/webpush.h"

static const struct sg__opt table[] = {
    {"ttl", SG__OPT_DURATION, 0, "86400000", NULL},
    {"urgency", SG__OPT_TEXT, 0, NULL, NULL},
    {"title", SG__OPT_TEXT, 0, NULL, NULL},
    {"message", SG__OPT_TEXT, 0, NULL, NULL},
    SG__HTTP_OPTS,
    {0},
};

#define VAPID_VALID_S (12 * 3600)
#define MAX_TTL_MS (28 * 86400e3)

struct push {
    json_t *json;
    struct sg_str endpoint;
    struct sg__push_keys keys;
};

static int read_subscription(const struct sg__job *job, struct push *p, struct sg_error *reterr)
{
    p->json = json_loadb(job->row->push.p, job->row->push.n, 0, NULL);
    const json_t *keys = json_object_get(p->json, "keys");
    p->endpoint = sg__json_text(p->json, "endpoint");
    if (p->endpoint.n < 9 || p->endpoint.n > 4096 ||
        sg_base64_parse(sg__json_text(keys, "p256dh"), p->keys.p256dh, 65) != 65 ||
        sg_base64_parse(sg__json_text(keys, "auth"), p->keys.auth, 16) != 16)
        return sg_error_set(reterr, SG_ENOTFOUND,
                            "the subscription is incomplete; expected endpoint, keys.p256dh and "
                            "keys.auth");
    return 0;
}

/* "https://push.example:8443" of the endpoint. */
static struct sg_str origin_of(struct sg_str url)
{
    const char *host = memmem(url.p, url.n, "://", 3);
    const char *slash = host ? memchr(host + 3, '/', url.n - (size_t)(host + 3 - url.p)) : NULL;
    return slash ? (struct sg_str){url.p, (size_t)(slash - url.p)} : url;
}

/* ---- the payload ---- */

static void put_text(struct sg_buf *out, const char *name, struct sg_str text)
{
    sg_buf_printf(out, ",\"%s\":", name);
    sg_buf_put_json_str(out, text);
}

/* Labels as context, as many as fit into a share of the payload. */
static void put_context(const struct sg__note *n, size_t max, struct sg_buf *out)
{
    const char *key;
    json_t *value;
    size_t start = out->len;
    sg_buf_puts(out, ",\"context\":{");
    json_object_foreach(n->common_labels, key, value)
    {
        size_t before = out->len;
        sg_buf_puts(out, out->data[before - 1] == '{' ? "" : ",");
        sg_buf_put_json_str(out, sg_str_from(key));
        sg_buf_putc(out, ':');
        sg_buf_put_json_str(
            out, (struct sg_str){json_string_value(value) ? json_string_value(value) : "",
                                 json_string_length(value)});
        if (out->len - start > max)
            out->len = before;
    }
    sg_buf_putc(out, '}');
}

/* The same in every message of a group: a later one takes the earlier one's place. */
static void make_tag(const struct sg__note *n, struct sg_buf *out)
{
    uint8_t hash[32];
    sg__sha256(n->group_key, hash);
    sg_base64url_put(out, hash, 24); /* 32 characters, the most a Topic may have */
}

struct words {
    struct sg_buf title, text, link, tag;
};

static void put_payload(const struct sg__job *job, const struct words *w, size_t context,
                        struct sg_buf *out)
{
    const struct sg__note *n = job->note;
    bool urgent = n->status == SG__FIRING && strcmp(n->severity, "critical") == 0;
    struct sg__alert_view a = {.id = SG_STR("")};
    if (n->n_alerts == 1)
        sg__note_alert(n, 0, &a);
    struct sg_str link =
        w->link.len ? sg_buf_str(&w->link) : SG_STR("https://streamgauge.invalid/");
    long long at = (long long)json_integer_value(json_object_get(n->root, "notificationTime"));
    sg_buf_puts(out, "{\"web_push\":8030,\"notification\":{\"title\":");
    sg_buf_put_json_str(out, sg_buf_str(&w->title));
    put_text(out, "body", sg_buf_str(&w->text));
    put_text(out, "navigate", link);
    put_text(out, "tag", sg_buf_str(&w->tag));
    sg_buf_printf(out, ",\"requireInteraction\":%s,\"silent\":%s},\"mutable\":true",
                  urgent ? "true" : "false", n->status == SG__FIRING ? "false" : "true");
    if (a.id.n)
        put_text(out, "id", a.id);
    sg_buf_printf(out, ",\"type\":\"%s\",\"status\":\"%s\",\"timestamp\":%lld", n->severity,
                  sg__status_name(n->status), at ? at : (long long)job->wall_ms);
    put_text(out, "source", SG_STR("streamgauge"));
    if (w->link.len)
        put_text(out, "actionUrl", link);
    put_context(n, context, out);
    sg_buf_putc(out, '}');
}

static int make_words(const struct sg__job *job, struct words *w, struct sg_error *reterr)
{
    struct sg_buf text;
    sg_buf_init(&text, 64u << 10);
    sg_buf_init(&w->title, 64u << 10);
    sg_buf_init(&w->text, 64u << 10);
    sg_buf_init(&w->link, 8192);
    sg_buf_init(&w->tag, 64);
    sg__note_text(job->note, SG__PLAIN, false, 1200, &text);
    sg__note_link(job->note, job->site->external_url, &w->link);
    if (w->link.len > 1024)
        sg_buf_reset(&w->link);
    make_tag(job->note, &w->tag);
    int rc = sg__put_option(job, "title", sg_str_from(job->note->title), &w->title, reterr);
    if (rc == 0)
        rc = sg__put_option(job, "message", sg_buf_str(&text), &w->text, reterr);
    sg__cut(&w->title, 240);
    sg_buf_deinit(&text);
    return rc;
}

static void free_words(struct words *w)
{
    sg_buf_deinit(&w->title);
    sg_buf_deinit(&w->text);
    sg_buf_deinit(&w->link);
    sg_buf_deinit(&w->tag);
}

/* Shortens the text until all of it fits; escapes make JSON longer than the text. */
static int make_payload(const struct sg__job *job, struct sg_buf *out, struct sg_error *reterr)
{
    struct words w = {0};
    size_t max = (size_t)SG__PUSH_MAX_PLAIN >> job->shrink, room = 1400 >> job->shrink;
    int rc = make_words(job, &w, reterr);
    for (; rc == 0; room /= 2) {
        sg__cut(&w.text, room);
        sg_buf_reset(out);
        put_payload(job, &w, room, out);
        if (out->len <= max || room < 16)
            break;
    }
    if (rc == 0 && out->len > SG__PUSH_MAX_PLAIN)
        rc = sg_error_set(reterr, SG_EINVALID, "the notification is too long for web push");
    free_words(&w);
    return rc;
}

/* ---- the request ---- */

static int put_urgency(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    static const char *const known[] = {"very-low", "low", "normal", "high"};
    const struct sg__note *n = job->note;
    const char *urgency = n->status != SG__FIRING                ? "normal"
                          : strcmp(n->severity, "critical") == 0 ? "high"
                          : strcmp(n->severity, "warning") == 0  ? "normal"
                                                                 : "low";
    struct sg_buf own;
    sg_buf_init(&own, 4096);
    int rc = sg__put_option(job, "urgency", SG_STR(""), &own, reterr);
    for (size_t i = 0; i < SG_ARRAY_LEN(known); i++)
        if (sg_str_eq_c(sg_buf_str(&own), known[i]))
            urgency = known[i];
    sg__request_header(r, "Urgency: %s", urgency);
    sg_buf_deinit(&own);
    return rc;
}

static int put_headers(const struct sg__job *job, const struct push *p, struct sg__request *r,
                       struct sg_error *reterr)
{
    struct sg_buf text;
    sg_buf_init(&text, 32768);
    int rc = sg__vapid_header(&job->site->vapid, origin_of(p->endpoint),
                              job->wall_ms / 1000 + VAPID_VALID_S, job->site->vapid_subject, &text,
                              reterr);
    if (rc == 0) {
        sg__request_header(r, "Authorization: %s", sg_buf_cstr(&text));
        sg__request_header(r, "TTL: %.0f", sg__opt(job->target, "ttl")->number / 1000);
        sg__request_header(r, "Content-Encoding: aes128gcm");
        sg__request_header(r, "Content-Type: application/octet-stream");
        sg_buf_reset(&text);
        make_tag(job->note, &text);
        sg__request_header(r, "Topic: %s", sg_buf_cstr(&text));
        rc = put_urgency(job, r, reterr);
    }
    sg_buf_deinit(&text);
    return rc;
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    struct push p = {0};
    struct sg__push_secrets secrets;
    struct sg_buf plain;
    sg_buf_init(&plain, 64u << 10);
    int rc = read_subscription(job, &p, reterr);
    if (rc == 0 && !sg__push_wanted(json_object_get(p.json, "filter"), job->note))
        rc = sg_error_set(reterr, SG_ECANCELED, "the browser's filter does not want it");
    if (rc == 0)
        rc = make_payload(job, &plain, reterr);
    if (rc == 0)
        rc = sg__push_secrets_new(&secrets, reterr);
    if (rc == 0)
        rc = sg__push_encrypt(sg_buf_str(&plain), &p.keys, &secrets, &r->body, reterr);
    if (rc == 0)
        rc = put_headers(job, &p, r, reterr);
    if (rc == 0) {
        r->foreign = true;
        sg_buf_put_str(&r->url, p.endpoint);
    }
    json_decref(p.json);
    sg_buf_deinit(&plain);
    return rc;
}

/* Longer than push services take, each message would be refused. */
static int check(const struct sg__target *t, const struct sg_yaml_node *node,
                 struct sg_error *reterr)
{
    if (sg__opt(t, "ttl")->number > MAX_TTL_MS)
        return sg_yaml_error(node, reterr, "webpush_configs: ttl: expected at most 28d");
    return 0;
}

static enum sg__verdict judge(enum sg__verdict by_status, struct sg__reply *reply)
{
    if (reply->status == 404 || reply->status == 410)
        return SG__GONE;
    if (reply->status == 413)
        return SG__SHRINK;
    /* Anyone who may read may subscribe, with any endpoint: what it refuses is its own affair. Our
     * key is not, for all browsers of a service. */
    bool our_fault = reply->status == 401 || reply->status == 403;
    return by_status == SG__REFUSED && !our_fault ? SG__UNWANTED : by_status;
}

const struct sg__kind sg__kind_webpush = {
    .name = "webpush",
    .table = table,
    .acknowledges = true,
    .push = true,
    .concurrency = 64, /* a push service has a quarter of it */
    .check = check,
    .build = build,
    .judge = judge,
};
