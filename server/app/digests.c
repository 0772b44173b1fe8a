/* digests.c - digests wired: recorded on the engine's graph, composed on persist's thread from what
 * it keeps, sent on demand by the API. */
#include <string.h>

#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "alerts_priv.h"

#define MAX_MAIL (4u << 20)

struct sg_digester *sg__digester_new(struct sg_alerts *a)
{
    struct sg_alerting_hooks alerting = sg__alerting_hooks(a);
    struct sg_digester_hooks hooks = {
        .graph = sg__ruler_hooks(a), .utc_offset = alerting.utc_offset, .ctx = alerting.ctx};
    return sg_digester_new(&hooks);
}

int sg__digests_load_take(struct sg_alerts *a, struct sg_digests *digests, struct sg_error *reterr)
{
    struct sg_digests *composed = sg_digests_ref(digests), *old;
    int rc = sg_digester_load_take(a->digester, digests, reterr);
    if (rc < 0) {
        sg_digests_unref(composed);
        return rc;
    }
    pthread_mutex_lock(&a->lock);
    old = a->digests;
    a->digests = composed;
    pthread_mutex_unlock(&a->lock);
    sg_digests_unref(old);
    return 0;
}

static struct sg_digests *digests_of(struct sg_alerts *a)
{
    pthread_mutex_lock(&a->lock);
    struct sg_digests *d = a->digests ? sg_digests_ref(a->digests) : NULL;
    pthread_mutex_unlock(&a->lock);
    return d;
}

/* ---- composing ---- */

static void add_point(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    (void)expires_ms;
    sg_digest_report_point(ctx, key, body);
}

static void add_alert(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    (void)expires_ms;
    sg_digest_report_alert(ctx, key, body);
}

struct notes {
    struct sg_digest_report *report;
    size_t n;
    int64_t first_ms;
};

static void add_note(void *ctx, const struct sg_persist_note *n)
{
    struct notes *notes = ctx;
    if (notes->n++ == 0)
        notes->first_ms = n->time_ms;
    sg_digest_report_note(notes->report, n->json);
}

static int collect(struct sg_persist *p, const struct sg_digest *def,
                   const struct sg_journal_op *op, struct sg_digest_report *report,
                   struct sg_error *reterr)
{
    char prefix[128];
    struct notes notes = {.report = report};
    snprintf(prefix, sizeof(prefix), "%s/", def->name.p);
    int rc = sg_persist_each_of(p, SG_TABLE_DIGEST_POINTS, sg_str_from(prefix), add_point, report,
                                reterr);
    if (rc == 0)
        rc = sg_persist_each_of(p, SG_TABLE_DIGEST_POINTS, SG_STR(SG_DIGEST_STARTS), add_point,
                                report, reterr);
    if (rc == 0)
        rc = sg_persist_feed(p, 0, op->time_ms, SG__FEED_KEPT, add_note, &notes, reterr);
    if (notes.n >= SG__FEED_KEPT)
        sg_digest_report_since(report, notes.first_ms);
    if (rc == 0)
        rc = sg_persist_each_of(p, SG_TABLE_ALERTS, SG_STR(SG_DIGEST_ALERTS), add_alert, report,
                                reterr);
    return rc;
}

/* The key is the same whenever the same digest is composed again. */
static void add_mail(const struct sg_digest *def, struct sg_str target, int64_t until_ms,
                     struct sg_str body, struct sg_journal *out)
{
    char key[512], order[128];
    snprintf(key, sizeof(key), "digest-%s-%llx-%.*s", def->name.p, (unsigned long long)until_ms,
             SG_STR_ARG(target));
    snprintf(order, sizeof(order), "digest:%s", def->name.p);
    sg_journal_add(out, &(struct sg_journal_op){.kind = SG_JOURNAL_SEND,
                                                .key = sg_str_from(key),
                                                .target = target,
                                                .order_key = sg_str_from(order),
                                                .body = body,
                                                .time_ms = sg_wall_now_ms()});
}

/* What cannot be read is missing in the mail, which is sent all the same. */
void sg__digest_compose(void *ctx, struct sg_persist *p, const struct sg_journal_op *op,
                        struct sg_journal *out)
{
    struct sg_alerts *a = ctx;
    struct sg_error err = {0};
    SG_AUTO(sg_buf_deinit) struct sg_buf body;
    struct sg_digests *all = digests_of(a);
    const struct sg_digest *def = all ? sg_digests_find(all, op->key) : NULL;
    sg_buf_init(&body, MAX_MAIL);
    if (def) {
        struct sg_digest_report *report = sg_digest_report_new(def, op);
        if (collect(p, def, op, report, &err) < 0)
            SG_LOG(WARN, "alerts", "a digest is not complete", "name=%s reason=\"%s\"", def->name.p,
                   err.text);
        sg_digest_report_print(report, sg_str_from(a->external_url), &body);
        sg_digest_report_free(report);
        if (body.failed)
            SG_LOG(ERROR, "alerts", "a digest is too large", "name=%s", def->name.p);
        for (size_t i = 0; i < def->n_targets && !body.failed; i++)
            add_mail(def, def->targets[i], op->time_ms, sg_buf_str(&body), out);
    }
    sg_digests_unref(all);
}

/* ---- /api/v1/digests ---- */

struct asking {
    struct sg_alerts *a;
    struct sg_str name; /* to be sent */
    int rc;
    int64_t next_ms[SG_DIGEST_MAX];
};

static void ask_next(void *arg, struct sg_alerting *alerting, struct sg_ruler *ruler,
                     int64_t wall_ms, int64_t mono_ms)
{
    struct asking *w = arg;
    (void)alerting;
    (void)ruler;
    (void)mono_ms;
    /* What is composed is the digester's own: only this thread replaces it. */
    for (size_t i = 0; i < w->a->digests->n; i++)
        w->next_ms[i] = sg_digester_next(w->a->digester, &w->a->digests->list[i], wall_ms);
}

static void on_list(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    struct asking w = {.a = a};
    struct sg_buf *b = &x->out;
    if (sg_alerts_call(a, ask_next, &w) < 0) {
        sg_net_exchange_error(x, 503, "the engine is too busy, try again");
        return;
    }
    struct sg_digests *all = digests_of(a);
    sg_buf_puts(b, "{\"digests\":[");
    for (size_t i = 0; i < all->n; i++) {
        const struct sg_digest *d = &all->list[i];
        sg_buf_printf(b, "%s{\"name\":\"%s\",\"title\":", i ? "," : "", d->name.p);
        sg_buf_put_json_str(b, d->title);
        sg_buf_puts(b, ",\"receiver\":");
        sg_buf_put_json_str(b, d->receiver);
        sg_buf_printf(b, ",\"schedule\":\"%s\",\"next\":%lld,\"expressions\":%zu}",
                      d->weekly ? "weekly" : "daily", (long long)w.next_ms[i], d->n_exprs);
    }
    sg_buf_puts(b, "]}\n");
    sg_digests_unref(all);
}

static void ask_send(void *arg, struct sg_alerting *alerting, struct sg_ruler *ruler,
                     int64_t wall_ms, int64_t mono_ms)
{
    struct asking *w = arg;
    (void)alerting;
    (void)ruler;
    (void)mono_ms;
    w->rc = sg_digester_send(w->a->digester, w->name, wall_ms, w->a->journal);
}

static void on_send(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    struct asking w = {.a = a, .name = x->tail};
    if (sg_alerts_call(a, ask_send, &w) < 0)
        sg_net_exchange_error(x, 503, "the engine is too busy, try again");
    else if (w.rc < 0)
        sg_net_exchange_error(x, 404, "there is no digest '%.*s'",
                              x->tail.n < 64 ? (int)x->tail.n : 64, x->tail.p);
    else
        sg_buf_puts(&x->out, "{\"status\":\"success\"}\n");
}

void sg__routes_digests(struct sg_alerts *a)
{
    sg__alerts_route(a, "/api/v1/digests", SG_NET_METHOD(GET), SG_RIGHT_READ, on_list);
    sg__alerts_route(a, "/api/v1/digests/*", SG_NET_METHOD(POST), SG_RIGHT_ADMIN, on_send);
}
