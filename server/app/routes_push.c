/* routes_push.c - browsers that want Web Push: the server's key, and their subscriptions as
 * PushSubscription.toJSON() gives them. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/base64.h>
#include <streamgauge/time.h>

#include "alerts_priv.h"

#define MAX_ENDPOINT 2048
#define MAX_FILTER 4096
#define P256DH_BYTES 65
#define AUTH_BYTES 16

static void on_key(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    sg_buf_puts(&x->out, "{\"key\":");
    sg_buf_put_json_str(&x->out, sg_str_from(a->vapid.public_key));
    sg_buf_puts(&x->out, "}\n");
}

/* Only what notify would call: else each notification for it would be a dead letter. Its guard
 * decides about the address. */
static bool good_endpoint(const char *url)
{
    static const char start[] = "https://";
    size_t n = strlen(url);
    if (n > MAX_ENDPOINT || n <= sizeof(start) || strncmp(url, start, sizeof(start) - 1) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (url[i] <= ' ' || url[i] == '"' || url[i] == '\\' || (unsigned char)url[i] >= 0x7f)
            return false;
    return true;
}

static bool good_keys(const char *p256dh, const char *auth)
{
    uint8_t point[P256DH_BYTES], secret[AUTH_BYTES];
    return p256dh && auth &&
           sg_base64_parse(sg_str_from(p256dh), point, P256DH_BYTES) == P256DH_BYTES &&
           point[0] == 4 && sg_base64_parse(sg_str_from(auth), secret, AUTH_BYTES) == AUTH_BYTES;
}

/* The row's body: what was sent, without what we do not know. NULL: refused. */
static char *subscription(json_t *json, struct sg_net_exchange *x, struct sg_str *ret_endpoint)
{
    const char *endpoint = json_string_value(json_object_get(json, "endpoint"));
    json_t *keys = json_object_get(json, "keys"), *filter = json_object_get(json, "filter");
    const char *p256dh = json_string_value(json_object_get(keys, "p256dh"));
    const char *auth = json_string_value(json_object_get(keys, "auth"));
    if (!endpoint || !good_endpoint(endpoint)) {
        sg_net_exchange_error(x, 400, "endpoint: expected an https URL of at most %d bytes",
                              MAX_ENDPOINT);
        return NULL;
    }
    if (!good_keys(p256dh, auth)) {
        sg_net_exchange_error(x, 400,
                              "keys: expected p256dh of %d and auth of %d bytes in base64url",
                              P256DH_BYTES, AUTH_BYTES);
        return NULL;
    }
    json_t *row = json_pack("{s:s, s:{s:s, s:s}, s:I}", "endpoint", endpoint, "keys", "p256dh",
                            p256dh, "auth", auth, "created", (json_int_t)sg_wall_now_ms());
    if (json_is_object(filter))
        json_object_set(row, "filter", filter);
    char *text = json_dumps(row, JSON_COMPACT);
    json_decref(row);
    if (text && strlen(text) > MAX_ENDPOINT + MAX_FILTER) {
        free(text);
        text = NULL;
        sg_net_exchange_error(x, 400, "filter: expected at most %d bytes", MAX_FILTER);
    }
    *ret_endpoint = sg_str_from(endpoint);
    return text;
}

struct counting {
    struct sg_str endpoint;
    size_t n;
    bool known;
};

static void count_sub(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    struct counting *c = ctx;
    (void)body;
    (void)expires_ms;
    c->n++;
    c->known = c->known || sg_str_eq(key, c->endpoint);
}

static void subscribe(struct sg_alerts *a, struct sg_net_exchange *x, struct sg_str endpoint,
                      const char *row)
{
    struct counting c = {.endpoint = endpoint};
    struct sg_error err = {0};
    uint64_t max = a->config->limits.push_subscriptions;
    pthread_mutex_lock(&a->editing);
    int rc = sg_persist_each_of(a->persist, SG_TABLE_PUSH, SG_STR(""), count_sub, &c, &err);
    if (rc < 0) {
        sg_net_exchange_error(x, 500, "%s", err.text);
    } else if (!c.known && c.n >= max) {
        sg_net_exchange_error(x, 429, "limits.push_subscriptions: %llu browsers have subscribed",
                              (unsigned long long)max);
    } else {
        struct sg_journal *j = sg_journal_new();
        sg_journal_put(j, SG_TABLE_PUSH, endpoint, sg_str_from(row), 0);
        if (sg__alerts_write(a, x, j) == 0) {
            x->status = c.known ? 200 : 201;
            sg_buf_puts(&x->out, "{\"status\":\"success\"}\n");
        }
    }
    pthread_mutex_unlock(&a->editing);
}

static void on_subscribe(void *ctx, struct sg_net_exchange *x)
{
    struct sg_str endpoint;
    json_error_t where;
    json_t *json = json_loadb(x->body.p ? x->body.p : "", x->body.n, 0, &where);
    if (!json_is_object(json)) {
        sg_net_exchange_error(x, 400, "expected a push subscription as a JSON object: %s",
                              json ? "it is none" : where.text);
        json_decref(json);
        return;
    }
    char *row = subscription(json, x, &endpoint);
    if (row)
        subscribe(ctx, x, endpoint, row);
    free(row);
    json_decref(json);
}

static void on_unsubscribe(struct sg_alerts *a, struct sg_net_exchange *x)
{
    json_t *json = json_loadb(x->body.p ? x->body.p : "", x->body.n, 0, NULL);
    const char *endpoint = json_string_value(json_object_get(json, "endpoint"));
    if (!endpoint || !good_endpoint(endpoint)) {
        sg_net_exchange_error(x, 400, "expected {\"endpoint\": …}");
    } else {
        struct sg_journal *j = sg_journal_new();
        sg_journal_delete(j, SG_TABLE_PUSH, sg_str_from(endpoint));
        if (sg__alerts_write(a, x, j) == 0)
            x->status = 204;
    }
    json_decref(json);
}

static void on_subscriptions(void *ctx, struct sg_net_exchange *x)
{
    if (x->method == SG_HTTP1_DELETE)
        on_unsubscribe(ctx, x);
    else
        on_subscribe(ctx, x);
}

void sg__routes_push(struct sg_alerts *a)
{
    sg__alerts_route(a, "/api/v1/push/key", SG_NET_METHOD(GET), SG_RIGHT_READ, on_key);
    sg__alerts_route(a, "/api/v1/push/subscriptions", SG_NET_METHOD(POST) | SG_NET_METHOD(DELETE),
                     SG_RIGHT_READ, on_subscriptions);
}
