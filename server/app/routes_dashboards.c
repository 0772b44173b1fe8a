/* routes_dashboards.c - dashboards people have made: JSON documents with a version. The shipped
 * ones are files of the page.
 *
 * GET lists or gives one, PUT makes or replaces one (If-Match: the version it was made from; "*":
 * it must be there), DELETE takes it away. A stored row is
 * {"version":n,"changed":ms,"dashboard":…}.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#include "alerts_priv.h"

#define MAX_DASHBOARD (1u << 20)
#define MAX_UID 64

static bool good_uid(struct sg_str uid)
{
    if (uid.n == 0 || uid.n > MAX_UID)
        return false;
    for (size_t i = 0; i < uid.n; i++) {
        char c = uid.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_')
            return false;
    }
    return true;
}

/* ---- listing ---- */

struct listing {
    struct sg_net_exchange *x;
    size_t n;
};

static void put_value(struct sg_buf *b, const char *name, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    sg_buf_printf(b, ",\"%s\":%s", name, text ? text : "null");
    free(text);
}

static void put_entry(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    struct listing *l = ctx;
    struct sg_buf *b = &l->x->out;
    json_t *row = json_loadb(body.p, body.n, 0, NULL);
    const json_t *dashboard = json_object_get(row, "dashboard");
    (void)expires_ms;
    sg_buf_printf(b, "%s{\"uid\":", l->n++ ? "," : "");
    sg_buf_put_json_str(b, key);
    put_value(b, "title", json_object_get(dashboard, "title"));
    put_value(b, "tags", json_object_get(dashboard, "tags"));
    put_value(b, "version", json_object_get(row, "version"));
    put_value(b, "changed", json_object_get(row, "changed"));
    sg_buf_putc(b, '}');
    json_decref(row);
}

static void on_list(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    struct listing l = {.x = x};
    struct sg_error err = {0};
    sg_buf_puts(&x->out, "{\"dashboards\":[");
    if (sg_persist_each_of(a->persist, SG_TABLE_DASHBOARDS, SG_STR(""), put_entry, &l, &err) < 0)
        sg_net_exchange_error(x, 500, "%s", err.text);
    else
        sg_buf_puts(&x->out, "]}\n");
}

/* ---- one ---- */

/* 0: there is none; -1: it cannot be read, and that is answered. */
static json_int_t version_of(struct sg_alerts *a, struct sg_net_exchange *x, struct sg_buf *row)
{
    struct sg_error err = {0};
    json_int_t version = 0;
    int rc = sg_persist_get(a->persist, SG_TABLE_DASHBOARDS, x->tail, row, &err);
    if (rc == SG_ENOTFOUND)
        return 0;
    if (rc < 0) {
        sg_net_exchange_error(x, 500, "%s", err.text);
        return -1;
    }
    json_t *json = json_loadb(row->data, row->len, 0, NULL);
    version = json_integer_value(json_object_get(json, "version"));
    json_decref(json);
    return version > 0 ? version : 1;
}

static void put_etag(struct sg_net_exchange *x, json_int_t version)
{
    sg_buf_printf(&x->headers, "ETag: \"%lld\"\r\n", (long long)version);
}

static void get_one(struct sg_alerts *a, struct sg_net_exchange *x)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf row;
    sg_buf_init(&row, 2 * MAX_DASHBOARD);
    json_int_t version = version_of(a, x, &row);
    if (version < 0)
        return;
    if (version == 0) {
        sg_net_exchange_error(x, 404, "there is no dashboard '%.*s'", SG_STR_ARG(x->tail));
        return;
    }
    put_etag(x, version);
    sg_buf_put_str(&x->out, sg_buf_str(&row));
}

/* True when If-Match allows a change of that version (0: there is none). */
static bool matches(struct sg_net_exchange *x, json_int_t version)
{
    struct sg_str want = x->if_match;
    uint64_t n = 0;
    if (want.n == 0)
        return true;
    bool good = version > 0 && sg_str_eq(want, SG_STR("*"));
    if (want.n > 2 && want.p[0] == '"' && want.p[want.n - 1] == '"')
        want = sg_str_make(want.p + 1, want.n - 2);
    if (!good)
        good = sg_u64_parse(want.p, want.n, &n) == 0 && (json_int_t)n == version;
    if (good)
        return true;
    sg_net_exchange_error(x, 412, "the dashboard has version %lld now", (long long)version);
    if (version)
        put_etag(x, version);
    return false;
}

static void count_one(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    (void)key;
    (void)body;
    (void)expires_ms;
    ++*(uint64_t *)ctx;
}

static bool has_room(struct sg_alerts *a, struct sg_net_exchange *x)
{
    uint64_t n = 0, max = a->config->limits.dashboards;
    struct sg_error err = {0};
    if (sg_persist_each_of(a->persist, SG_TABLE_DASHBOARDS, SG_STR(""), count_one, &n, &err) < 0)
        sg_net_exchange_error(x, 500, "%s", err.text);
    else if (n >= max)
        sg_net_exchange_error(x, 429, "limits.dashboards: there are %llu", (unsigned long long)n);
    else
        return true;
    return false;
}

static void put_one(struct sg_alerts *a, struct sg_net_exchange *x)
{
    json_error_t where;
    json_t *dashboard =
        json_loadb(x->body.p ? x->body.p : "", x->body.n, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(dashboard)) {
        sg_net_exchange_error(x, 400, "expected a dashboard as a JSON object%s%s",
                              dashboard ? "" : ": ", dashboard ? "" : where.text);
        json_decref(dashboard);
        return;
    }
    json_decref(dashboard);
    SG_AUTO(sg_buf_deinit) struct sg_buf row;
    sg_buf_init(&row, 2 * MAX_DASHBOARD);
    pthread_mutex_lock(&a->editing);
    json_int_t version = version_of(a, x, &row);
    if (version >= 0 && matches(x, version) && (version > 0 || has_room(a, x))) {
        struct sg_journal *j = sg_journal_new();
        sg_buf_reset(&row);
        sg_buf_printf(&row,
                      "{\"version\":%lld,\"changed\":%lld,\"dashboard\":", (long long)version + 1,
                      (long long)sg_wall_now_ms());
        sg_buf_put_str(&row, x->body);
        sg_buf_putc(&row, '}');
        sg_journal_put(j, SG_TABLE_DASHBOARDS, x->tail, sg_buf_str(&row), 0);
        if (sg__alerts_write(a, x, j) == 0) {
            x->status = version ? 200 : 201;
            put_etag(x, version + 1);
            sg_buf_printf(&x->out, "{\"version\":%lld}\n", (long long)version + 1);
        }
    }
    pthread_mutex_unlock(&a->editing);
}

static void delete_one(struct sg_alerts *a, struct sg_net_exchange *x)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf row;
    sg_buf_init(&row, 2 * MAX_DASHBOARD);
    pthread_mutex_lock(&a->editing);
    json_int_t version = version_of(a, x, &row);
    if (version == 0) {
        sg_net_exchange_error(x, 404, "there is no dashboard '%.*s'", SG_STR_ARG(x->tail));
    } else if (version > 0 && matches(x, version)) {
        struct sg_journal *j = sg_journal_new();
        sg_journal_delete(j, SG_TABLE_DASHBOARDS, x->tail);
        if (sg__alerts_write(a, x, j) == 0)
            x->status = 204;
    }
    pthread_mutex_unlock(&a->editing);
}

static void on_one(void *ctx, struct sg_net_exchange *x)
{
    if (!good_uid(x->tail))
        sg_net_exchange_error(x, 400, "a uid has 1 to %d letters, digits, - and _", MAX_UID);
    else if (x->method == SG_HTTP1_PUT)
        put_one(ctx, x);
    else if (x->method == SG_HTTP1_DELETE)
        delete_one(ctx, x);
    else
        get_one(ctx, x);
}

void sg__routes_dashboards(struct sg_alerts *a)
{
    sg__alerts_route(a, "/api/v1/dashboards", SG_NET_METHOD(GET), SG_RIGHT_READ, on_list);
    sg__alerts_route(a, "/api/v1/dashboards/*", SG_NET_METHOD(GET), SG_RIGHT_READ, on_one);
    sg__alerts_route(a, "/api/v1/dashboards/*", SG_NET_METHOD(PUT) | SG_NET_METHOD(DELETE),
                     SG_RIGHT_ADMIN, on_one);
    a->routes[a->n_routes - 1].max_body = MAX_DASHBOARD;
}
