/* kind_alertmanager.c - forwards alerts to Alertmanagers, each URL a target of its own; see
 * periodic.c for what happens between notifications. */
#include <string.h>

#include <streamgauge/time.h>

#include "notify/alertmanager.h"

static const struct sg__opt table[] = {
    {"urls", SG__OPT_STRS, SG__OPT_REQUIRED | SG__OPT_SECRET, NULL, NULL},
    {"refresh", SG__OPT_DURATION, 0, "60000", NULL},
    {"hold", SG__OPT_DURATION, 0, "21600000", NULL},
    SG__HTTP_OPTS,
    {0},
};

void sg__alertmanager_begin(const struct sg__target *t, struct sg__request *r)
{
    struct sg_str url = t->url;
    while (url.n > 0 && url.p[url.n - 1] == '/')
        url.n--;
    sg_buf_put_str(&r->url, url);
    sg_buf_puts(&r->url, "/api/v2/alerts");
    sg__request_header(r, "Content-Type: application/json");
    sg_buf_putc(&r->body, '[');
}

static void put_alert(struct sg_buf *body, const json_t *alert, int64_t ends_ms)
{
    static const char *const members[] = {"labels", "annotations", "startsAt", "generatorURL"};
    bool resolved = sg_str_eq_c(sg__json_text(alert, "status"), "resolved");
    char ends[40];
    struct sg_str own = sg__json_text(alert, "endsAt");
    if (!resolved || own.n == 0)
        own = (struct sg_str){ends, sg_rfc3339_format(ends_ms, ends)};
    sg_buf_puts(body, body->len > 1 ? ",{" : "{");
    for (size_t i = 0; i < SG_ARRAY_LEN(members); i++) {
        const json_t *value = json_object_get(alert, members[i]);
        char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        if (text)
            sg_buf_printf(body, "\"%s\":%s,", members[i], text);
        free(text);
    }
    sg_buf_puts(body, "\"endsAt\":");
    sg_buf_put_json_str(body, own);
    sg_buf_putc(body, '}');
}

void sg__alertmanager_put(struct sg_buf *body, const char *json, int64_t ends_ms)
{
    json_t *alert = json_loads(json, 0, NULL);
    put_alert(body, alert, ends_ms);
    json_decref(alert);
}

void sg__alertmanager_end(struct sg__request *r)
{
    sg_buf_putc(&r->body, ']');
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    int64_t hold = (int64_t)sg__opt(job->target, "hold")->number;
    (void)reterr;
    sg__alertmanager_begin(job->target, r);
    for (size_t i = 0; i < job->note->n_alerts; i++)
        put_alert(&r->body, json_array_get(job->note->alerts, i), job->wall_ms + hold);
    sg__alertmanager_end(r);
    sg__request_header(r, "Idempotency-Key: %.*s", SG_STR_ARG(job->row->key));
    return 0;
}

/* An alert that it is not told of does not exist for it, an end neither. */
static bool every(const struct sg__target *t)
{
    (void)t;
    return true;
}

const struct sg__kind sg__kind_alertmanager = {
    .name = "alertmanager",
    .table = table,
    .list = "urls",
    .every = every,
    .build = build,
};
