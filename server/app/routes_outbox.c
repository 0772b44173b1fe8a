/* routes_outbox.c - /api/v1/outbox and /api/v1/receivers: what is to be told to people, what became
 * of it, how the receivers are. And what the routes of alerts share. */
#include <jansson.h>
#include <string.h>

#include <streamgauge/http1.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#include "alerts_priv.h"

#define MAX_ROWS 1000
#define MAX_BODY 65536
#define MAX_REPORT (256u << 10)
#define TEST_MS 15000
/* How long an answer waits for the disk at most, since its request came: those that wait behind
 * each other must not hold all threads of the pool. A disk that refuses is waited for a moment. One
 * that does not is still given a chance when the pool was what took long. */
#define WRITE_MS 5000
#define WRITE_REFUSED_MS 1000
#define WRITE_LEAST_MS 100

/* ---- shared ---- */

void sg__alerts_route(struct sg_alerts *a, const char *path, unsigned methods, unsigned right,
                      sg_net_handler *handle)
{
    SG_ASSERT(a->n_routes < SG__N_ALERT_ROUTES);
    bool reads = methods == SG_NET_METHOD(GET);
    a->routes[a->n_routes++] = (struct sg_net_route){.path = path,
                                                     .methods = methods,
                                                     .right = right,
                                                     .max_body = reads ? 0 : MAX_BODY,
                                                     .pooled = true,
                                                     .handle = handle,
                                                     .ctx = a};
}

char *sg__query_text(const struct sg_net_exchange *x, const char *name)
{
    if (!x->query.p)
        return NULL;
    char *text = sg_alloc(x->query.n + 1);
    ssize_t n = sg_http1_arg(x->query, sg_str_from(name), text, x->query.n + 1);
    if (n < 0) {
        sg_free(text);
        return NULL;
    }
    text[n < (ssize_t)x->query.n ? n : (ssize_t)x->query.n] = 0;
    return text;
}

int sg__query_number(struct sg_net_exchange *x, const char *name, int64_t min, int64_t max,
                     int64_t *ret)
{
    uint64_t v;
    SG_AUTO(sg_free_ptr) char *text = sg__query_text(x, name);
    if (!text)
        return 0;
    if (sg_u64_parse(text, strlen(text), &v) < 0 || v > INT64_MAX || (int64_t)v < min ||
        (int64_t)v > max) {
        sg_net_exchange_error(x, 400, "%s: expected a whole number from %lld to %lld, got '%s'",
                              name, (long long)min, (long long)max, text);
        return SG_EINVALID;
    }
    *ret = (int64_t)v;
    return 0;
}

int sg__alerts_write(struct sg_alerts *a, struct sg_net_exchange *x, struct sg_journal *j)
{
    struct sg_error err = {0};
    bool refuses = atomic_load(&sg_persist_get_stats(a->persist)->failing);
    int64_t waited_ms = (sg_mono_now_us() - x->arrived_us) / 1000;
    int64_t left_ms = (refuses ? WRITE_REFUSED_MS : WRITE_MS) - waited_ms;
    int64_t least_ms = refuses ? 0 : WRITE_LEAST_MS;
    int rc = sg_persist_submit_wait(a->persist, j, left_ms > least_ms ? left_ms : least_ms, &err);
    if (rc == SG_ETIMEOUT)
        sg_net_exchange_error(x, 507, "%s", err.text);
    else if (rc < 0)
        sg_net_exchange_error(x, 503, "%s", err.text);
    return rc;
}

/* ---- the outbox ---- */

struct listing {
    struct sg_alerts *a;
    struct sg_net_exchange *x;
    size_t n;
};

/* Bodies are JSON objects of ours. */
static void put_row(void *ctx, const struct sg_persist_row *r)
{
    static const char *const states[] = {"waiting", "sent", "dead"};
    struct listing *l = ctx;
    struct sg_buf *b = &l->x->out;
    sg_buf_printf(b,
                  "%s{\"row\":%llu,\"state\":\"%s\",\"attempts\":%u,\"created\":%lld,"
                  "\"next\":%lld,\"changed\":%lld,\"target\":",
                  l->n++ ? "," : "", (unsigned long long)r->row.id, states[r->state],
                  r->row.attempts, (long long)r->row.created_ms, (long long)r->row.next_ms,
                  (long long)r->changed_ms);
    sg_buf_put_json_str(b, r->row.target);
    sg_buf_puts(b, ",\"key\":");
    sg_buf_put_json_str(b, r->row.key);
    sg_buf_puts(b, ",\"error\":");
    sg_buf_put_json_str(b, r->error);
    sg_buf_puts(b, ",\"body\":");
    sg_buf_put_str(b, r->row.body.n ? r->row.body : SG_STR("null"));
    sg_buf_putc(b, '}');
}

static int read_state(struct sg_net_exchange *x, enum sg_row_state *ret)
{
    SG_AUTO(sg_free_ptr) char *text = sg__query_text(x, "state");
    *ret = SG_ROW_WAITING;
    if (!text || strcmp(text, "waiting") == 0)
        return 0;
    if (strcmp(text, "sent") == 0)
        *ret = SG_ROW_SENT;
    else if (strcmp(text, "dead") == 0)
        *ret = SG_ROW_DEAD;
    else
        sg_net_exchange_error(x, 400, "state: expected waiting, sent or dead, got '%s'", text);
    return x->status == 200 ? 0 : SG_EINVALID;
}

static void on_outbox(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    struct sg_error err = {0};
    struct listing l = {.x = x};
    enum sg_row_state state;
    int64_t limit = 100;
    if (read_state(x, &state) < 0 || sg__query_number(x, "limit", 1, MAX_ROWS, &limit) < 0)
        return;
    sg_buf_puts(&x->out, "{\"rows\":[");
    if (sg_persist_rows(a->persist, state, (size_t)limit, put_row, &l, &err) < 0) {
        sg_net_exchange_error(x, 500, "%s", err.text);
        return;
    }
    const struct sg_persist_stats *st = sg_persist_get_stats(a->persist);
    sg_buf_printf(&x->out, "],\"waiting\":%llu,\"dead\":%llu,\"oldest\":%lld,\"failing\":%s}\n",
                  atomic_load(&st->outbox), atomic_load(&st->dead),
                  (long long)atomic_load(&st->oldest_ms),
                  atomic_load(&st->failing) ? "true" : "false");
}

/* False: there is none to be sent after all, which is said. */
static bool is_dead(struct sg_alerts *a, struct sg_net_exchange *x, uint64_t row)
{
    enum sg_row_state state;
    struct sg_error err = {0};
    int rc = sg_persist_row_state(a->persist, row, &state, &err);
    if (rc == SG_ENOTFOUND)
        sg_net_exchange_error(x, 404, "%s", err.text);
    else if (rc < 0)
        sg_net_exchange_error(x, 500, "%s", err.text);
    else if (state != SG_ROW_DEAD)
        sg_net_exchange_error(x, 409, "row %llu is no dead letter: it %s", (unsigned long long)row,
                              state == SG_ROW_SENT ? "was delivered" : "still waits");
    return rc == 0 && state == SG_ROW_DEAD;
}

/* {"row": n}, or all dead letters when there is no body. */
static void on_retry(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    json_error_t where;
    json_int_t row = 0;
    json_t *json = x->body.n ? json_loadb(x->body.p, x->body.n, 0, &where) : json_object();
    bool one = json_object_size(json) > 0;
    if (!json || json_unpack(json, "{s?I!}", "row", &row) != 0 || row < 0) {
        sg_net_exchange_error(x, 400, "expected {\"row\": number}, or no body for all");
        json_decref(json);
        return;
    }
    json_decref(json);
    if (one && !is_dead(a, x, (uint64_t)row))
        return;
    struct sg_journal *j = sg_journal_new();
    sg_journal_add(j, &(struct sg_journal_op){.kind = SG_JOURNAL_REVIVE, .number = (uint64_t)row});
    if (sg__alerts_write(a, x, j) == 0)
        sg_buf_puts(&x->out, "{\"status\":\"success\"}\n");
}

/* ---- receivers ---- */

/* The notifier holds a part of those of a target that is behind, and some that have been given up
 * meanwhile; the database knows all. */
static uint64_t waiting_of(const struct sg_alerts *a, const struct sg_target_info *t)
{
    uint64_t all = 0, held = t->waiting + t->in_flight;
    if (!held || atomic_load(&sg_persist_get_stats(a->persist)->failing) ||
        sg_persist_waiting(a->persist, t->target, &all, NULL) < 0)
        return t->waiting;
    return all > t->in_flight ? all - t->in_flight : 0;
}

static void put_target(void *ctx, const struct sg_target_info *t)
{
    struct listing *l = ctx;
    struct sg_buf *b = &l->x->out;
    sg_buf_printf(b, "%s{\"target\":", l->n++ ? "," : "");
    sg_buf_put_json_str(b, t->target);
    sg_buf_printf(
        b,
        ",\"kind\":\"%s\",\"healthy\":%s,\"waiting\":%llu,\"sending\":%llu,"
        "\"sent\":%llu,\"failed\":%llu,\"dead\":%llu,\"oldest\":%lld,\"lastSuccess\":%lld,"
        "\"lastFailure\":%lld,\"nextAttempt\":%lld,\"lastError\":",
        t->kind, t->healthy ? "true" : "false", (unsigned long long)waiting_of(l->a, t),
        (unsigned long long)t->in_flight, (unsigned long long)t->sent,
        (unsigned long long)t->failed, (unsigned long long)t->dead, (long long)t->oldest_ms,
        (long long)t->last_ok_ms, (long long)t->last_failure_ms, (long long)t->next_ms);
    sg_buf_put_json_str(b, sg_str_from(t->last_error));
    sg_buf_putc(b, '}');
}

static void on_receivers(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    struct listing l = {.a = a, .x = x};
    sg_buf_puts(&x->out, "{\"receivers\":[");
    sg_notify_each(a->notify, put_target, &l);
    sg_buf_puts(&x->out, "]}\n");
}

/* What a test sends: one alert that says so. */
static void put_test(struct sg_alerts *a, struct sg_str target, struct sg_buf *out)
{
    char now[40];
    int64_t wall_ms = sg_wall_now_ms();
    struct sg_str rest = target, receiver = sg_str_split(&rest, '/');
    sg_rfc3339_format(wall_ms, now);
    sg_buf_puts(out, "{\"version\":\"4\",\"groupKey\":\"test\",\"truncatedAlerts\":0,"
                     "\"status\":\"firing\",\"receiver\":");
    sg_buf_put_json_str(out, receiver);
    sg_buf_puts(out, ",\"groupLabels\":{\"alertname\":\"StreamgaugeTest\"},\"commonLabels\":"
                     "{\"alertname\":\"StreamgaugeTest\",\"severity\":\"info\"},"
                     "\"commonAnnotations\":{\"summary\":\"A test of this receiver\"},"
                     "\"externalURL\":");
    sg_buf_put_json_str(out, sg_str_from(a->external_url));
    sg_buf_printf(out,
                  ",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":"
                  "\"StreamgaugeTest\",\"severity\":\"info\"},\"annotations\":{\"summary\":"
                  "\"A test of this receiver\"},\"startsAt\":\"%s\",\"endsAt\":"
                  "\"0001-01-01T00:00:00Z\",\"generatorURL\":\"\",\"fingerprint\":"
                  "\"0000000000000000\",\"value\":0,"
                  "\"id\":\"0000000000000000-%llx\"}],\"kind\":\"test\",\"notificationTime\":%lld}",
                  now, (unsigned long long)wall_ms, (long long)wall_ms);
}

static void on_test(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    struct sg_error err = {0};
    SG_AUTO(sg_buf_deinit) struct sg_buf body, report;
    sg_buf_init(&body, MAX_BODY);
    sg_buf_init(&report, MAX_REPORT);
    json_t *json = json_loadb(x->body.p ? x->body.p : "", x->body.n, 0, NULL);
    const char *target = json_string_value(json_object_get(json, "target"));
    if (!target) {
        sg_net_exchange_error(x, 400, "expected {\"target\": \"<receiver>/<kind>/<index>\"}");
        json_decref(json);
        return;
    }
    put_test(a, sg_str_from(target), &body);
    int rc =
        sg_notify_test(a->notify, sg_str_from(target), sg_buf_str(&body), TEST_MS, &report, &err);
    if (rc == SG_ENOTFOUND) {
        sg_net_exchange_error(x, 404, "there is no target '%.200s'", target);
    } else {
        sg_buf_printf(&x->out, "{\"delivered\":%s,\"error\":", rc == 0 ? "true" : "false");
        sg_buf_put_json_str(&x->out, sg_str_from(rc == 0 ? "" : err.text));
        sg_buf_puts(&x->out, ",\"report\":");
        sg_buf_put_json_str(&x->out, sg_buf_str(&report));
        sg_buf_puts(&x->out, "}\n");
    }
    json_decref(json);
}

void sg__routes_outbox(struct sg_alerts *a)
{
    sg__alerts_route(a, "/api/v1/outbox", SG_NET_METHOD(GET), SG_RIGHT_READ, on_outbox);
    sg__alerts_route(a, "/api/v1/outbox/retry", SG_NET_METHOD(POST), SG_RIGHT_ADMIN, on_retry);
    sg__alerts_route(a, "/api/v1/receivers", SG_NET_METHOD(GET), SG_RIGHT_READ, on_receivers);
    sg__alerts_route(a, "/api/v1/receivers/test", SG_NET_METHOD(POST), SG_RIGHT_ADMIN, on_test);
}
