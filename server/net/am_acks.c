/* am_acks.c - /api/v1/acks: who has taken which alert on. */
#include <math.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "net/am.h"

#define MAX_COMMENT 4096
#define MAX_BY 256

/* ---- listing ---- */

static void put_ack(struct sg_buf *b, const struct sg_alert_info *a)
{
    char fingerprint[17];
    sg_alert_fingerprint_text(a->fingerprint, fingerprint);
    sg_buf_printf(b, "{\"id\":\"%s-%llx\",\"fingerprint\":\"%s\"", fingerprint,
                  (unsigned long long)a->alert.starts_ms, fingerprint);
    sg__am_text(b, "by", a->ack.by, true);
    sg__am_text(b, "comment", a->ack.comment, true);
    sg_buf_printf(b, ",\"at\":%lld,\"expires\":", (long long)a->ack.at_ms);
    if (a->ack.expires_ms)
        sg_buf_put_i64(b, a->ack.expires_ms);
    else
        sg_buf_puts(b, "null");
    sg_buf_puts(b, ",\"labels\":");
    sg_labels_print_json(a->alert.labels, b);
    sg_buf_putc(b, '}');
}

void sg__am_get_acks(void *ctx, struct sg_net_exchange *x)
{
    struct sg__am_view v;
    size_t n = 0;
    if (!sg__am_look(ctx, x, SG__AM_ALERTS, &v))
        return;
    sg__api_begin(x);
    sg_buf_puts(&x->out, "{\"acks\":[");
    for (size_t i = 0; i < v.alerts->n_alerts; i++) {
        if (!v.alerts->alerts[i].acked || !sg__am_is_live(&v.alerts->alerts[i], v.now_ms))
            continue;
        sg_buf_puts(&x->out, n++ ? "," : "");
        put_ack(&x->out, &v.alerts->alerts[i]);
        if (sg_net_exchange_flush(x) < 0)
            break;
    }
    sg_buf_puts(&x->out, "]}");
    sg__api_end(x, NULL);
    sg__am_view_deinit(&v);
}

/* ---- changing ---- */

struct wish {
    struct sg_str id;
    struct sg_ack ack;
    int64_t lasts_ms; /* from now; 0: as ack says */
    struct sg_error err;
    int rc;
};

static void on_ack(void *arg, struct sg_alerting *a, struct sg_ruler *r, int64_t wall_ms,
                   int64_t mono_ms)
{
    struct wish *w = arg;
    (void)r;
    (void)mono_ms;
    w->ack.at_ms = wall_ms;
    if (w->lasts_ms)
        w->ack.expires_ms = wall_ms + w->lasts_ms;
    if (w->ack.expires_ms && w->ack.expires_ms <= wall_ms)
        w->rc = sg_error_set(&w->err, SG_EINVALID, "\"expires\" is in the past");
    else
        w->rc = sg_alerting_ack(a, w->id, &w->ack, wall_ms, &w->err);
}

static void on_unack(void *arg, struct sg_alerting *a, struct sg_ruler *r, int64_t wall_ms,
                     int64_t mono_ms)
{
    struct wish *w = arg;
    (void)r;
    (void)mono_ms;
    w->rc = sg_alerting_unack(a, w->id, wall_ms, &w->err);
}

/* ms since the epoch, RFC 3339, or a duration from now: "2h". */
static int read_expires(const json_t *v, struct wish *w)
{
    if (!v || json_is_null(v))
        return 0;
    if (json_is_number(v)) {
        double ms = json_number_value(v);
        if (!(ms >= 0 && ms < (double)SG__TIME_MAX_MS))
            return sg_error_set(&w->err, SG_EINVALID, "\"expires\" is no time in ms");
        w->ack.expires_ms = (int64_t)ms;
        return 0;
    }
    struct sg_str text = sg_str_make(json_is_string(v) ? json_string_value(v) : "",
                                     json_is_string(v) ? json_string_length(v) : 0);
    if (sg_rfc3339_parse(text, &w->ack.expires_ms) == 0)
        return 0;
    if (text.n && sg_duration_parse(text, &w->lasts_ms, NULL) == 0)
        return 0;
    return sg_error_set(&w->err, SG_EINVALID,
                        "\"expires\": expected ms since the epoch, RFC 3339, or a duration like "
                        "\"2h\" from now");
}

static int read_wish(struct wish *w, const json_t *json)
{
    const char *const ids[] = {"id", "fingerprint", "notification"};
    for (size_t i = 0; i < SG_ARRAY_LEN(ids) && !w->id.n; i++)
        w->id = sg__am_member(json, ids[i]);
    struct sg_str by = sg__am_member(json, "by");
    if (by.p)
        w->ack.by = by;
    w->ack.comment = sg__am_member(json, "comment");
    if (!w->ack.by.n)
        w->ack.by = SG_STR("api");
    if (!w->ack.comment.p)
        w->ack.comment = SG_STR("");
    if (!w->id.n)
        return sg_error_set(&w->err, SG_EINVALID,
                            "expected {\"id\":…, \"comment\":…}: a notification's id or a "
                            "fingerprint");
    if (w->ack.by.n > MAX_BY || w->ack.comment.n > MAX_COMMENT)
        return sg_error_set(&w->err, SG_ELIMIT, "\"by\" may have %d bytes, \"comment\" %d", MAX_BY,
                            MAX_COMMENT);
    return read_expires(json_object_get(json, "expires"), w);
}

static void answer(struct sg_net_exchange *x, const struct wish *w)
{
    if (w->rc == SG_ENOTFOUND)
        sg__api_error(x, SG__NOT_FOUND, "%s", w->err.text);
    else if (w->rc < 0)
        sg__api_error(x, SG__BAD_DATA, "%s", w->err.text);
    else
        sg_buf_puts(&x->out, "{\"status\":\"success\"}\n");
}

void sg__am_post_acks(void *ctx, struct sg_net_exchange *x)
{
    struct wish w = {.id = SG_STR(""), .ack.by = x->who};
    json_error_t e;
    json_t *json = json_loadb(x->body.p ? x->body.p : "", x->body.n, 0, &e);
    if (!json)
        sg__api_error(x, SG__BAD_DATA, "the body is no JSON: %s", e.text);
    else if (read_wish(&w, json) < 0)
        sg__api_error(x, SG__BAD_DATA, "%s", w.err.text);
    else if (sg__am_call(ctx, x, on_ack, &w))
        answer(x, &w);
    json_decref(json);
}

void sg__am_delete_ack(void *ctx, struct sg_net_exchange *x)
{
    struct wish w = {.id = x->tail};
    if (sg__am_call(ctx, x, on_unack, &w))
        answer(x, &w);
}
