/* am_summary.c - small JSON for scripts: /api/health, /api/summary, /api/alerts. */
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#include "net/am.h"

#define WORST 10

enum severity { INFO, WARNING, CRITICAL, N_SEVERITIES };
enum standing { FIRING, ACKNOWLEDGED, SILENCED, INHIBITED, MUTED, N_STANDINGS };

static const char *const severities[] = {"info", "warning", "critical"};
static const char *const standings[] = {"firing", "acknowledged", "silenced", "inhibited", "muted"};

struct counts {
    size_t n[N_SEVERITIES][N_STANDINGS];
    size_t pending, rules, failing;
};

static enum severity severity_named(struct sg_str text)
{
    enum severity s = CRITICAL;
    while (s > INFO && !sg_str_eq_c(text, severities[s]))
        s--;
    return s;
}

static enum severity severity_of(const struct sg_alert_info *a)
{
    return severity_named(sg_str_from(sg_alert_severity(a->alert.labels)));
}

static enum standing standing_of(const struct sg_alert_info *a)
{
    return a->n_silenced_by    ? SILENCED
           : a->n_inhibited_by ? INHIBITED
           : a->n_muted_by     ? MUTED
           : a->acked          ? ACKNOWLEDGED
                               : FIRING;
}

static void count_rules(struct counts *c, const struct sg_ruler_info *info)
{
    for (size_t i = 0; i < info->n_groups; i++) {
        for (size_t k = 0; k < info->groups[i].group->n_rules; k++) {
            const struct sg_rule_info *r = &info->groups[i].rules[k];
            c->rules++;
            c->failing += sg_str_eq_c(sg_str_from(r->health), "err");
            for (size_t a = 0; a < r->n_alerts; a++)
                c->pending += r->alerts[a].state == SG_ALERT_PENDING;
        }
    }
}

static void count(struct counts *c, const struct sg__am_view *v)
{
    *c = (struct counts){.pending = 0};
    for (size_t i = 0; i < v->alerts->n_alerts; i++) {
        const struct sg_alert_info *a = &v->alerts->alerts[i];
        if (sg__am_is_live(a, v->now_ms))
            c->n[severity_of(a)][standing_of(a)]++;
    }
    count_rules(c, v->rules);
}

/* What nobody silenced speaks for itself; that somebody looks after it does not make it well. */
static size_t audible(const struct counts *c, enum severity s)
{
    return c->n[s][FIRING] + c->n[s][ACKNOWLEDGED];
}

static const char *health(const struct counts *c)
{
    if (audible(c, CRITICAL))
        return "unhealthy";
    return audible(c, WARNING) || c->failing ? "degraded" : "healthy";
}

static void put_head(struct sg_buf *b, const struct sg_api *api, const struct counts *c,
                     int64_t now_ms)
{
    sg_buf_printf(b,
                  "{\"status\":\"%s\",\"version\":\"" SG_VERSION
                  "\",\"time\":%lld,\"started\":%lld,\"uptime\":%lld",
                  health(c), (long long)now_ms, (long long)api->cfg.started_ms,
                  (long long)(now_ms - api->cfg.started_ms));
}

void sg__am_health(void *ctx, struct sg_net_exchange *x)
{
    const struct sg_api *api = ctx;
    struct sg__am_view v;
    struct counts c;
    if (!sg__am_look(ctx, x, SG__AM_ALERTS | SG__AM_RULES, &v))
        return;
    count(&c, &v);
    put_head(&x->out, api, &c, v.now_ms);
    for (enum severity s = N_SEVERITIES; s-- > INFO;)
        sg_buf_printf(&x->out, ",\"%s\":%zu", severities[s], audible(&c, s));
    sg_buf_printf(&x->out, ",\"failingRules\":%zu}\n", c.failing);
    sg__am_view_deinit(&v);
}

/* ---- single alerts ---- */

/* The first of these annotations that is there. */
static struct sg_str annotation(const struct sg_alert_info *a, const char *const *names, size_t n)
{
    struct sg_str text = {NULL, 0};
    for (size_t i = 0; i < n && !text.n; i++)
        text = sg_labels_get(a->alert.annotations, sg_str_from(names[i]));
    return text;
}

/* As on the notification feed. */
static void put_context(struct sg_buf *b, const struct sg_alert_info *a, const char *fingerprint)
{
    sg_buf_puts(b, ",\"context\":{\"labels\":");
    sg_labels_print_json(a->alert.labels, b);
    sg_buf_puts(b, ",\"annotations\":");
    sg_labels_print_json(a->alert.annotations, b);
    sg_buf_puts(b, ",\"value\":");
    sg_buf_put_json_double(b, a->alert.value);
    sg_buf_printf(b, ",\"startsAt\":%lld", (long long)a->alert.starts_ms);
    sg__am_text(b, "generatorURL", a->alert.generator_url, true);
    sg__am_text(b, "fingerprint", sg_str_from(fingerprint), true);
    if (a->flapping)
        sg_buf_puts(b, ",\"flapping\":true");
    if (a->acked) {
        sg__am_text(b, "acknowledgedBy", a->ack.by, true);
        sg__am_text(b, "acknowledgeComment", a->ack.comment, true);
        sg_buf_printf(b, ",\"acknowledgedAt\":%lld", (long long)a->ack.at_ms);
    }
    sg_buf_putc(b, '}');
}

static void put_alert(struct sg_buf *b, const struct sg_alert_info *a)
{
    static const char *const titles[] = {"summary", "title"};
    static const char *const messages[] = {"description", "message"};
    char fingerprint[17];
    struct sg_str title = annotation(a, titles, SG_ARRAY_LEN(titles));
    struct sg_str name = sg_labels_get(a->alert.labels, SG_STR("alertname"));
    sg_alert_fingerprint_text(a->fingerprint, fingerprint);
    sg_buf_printf(b, "{\"id\":\"%s-%llx\",\"type\":\"%s\",\"status\":\"%s\"", fingerprint,
                  (unsigned long long)a->alert.starts_ms, severities[severity_of(a)],
                  standings[standing_of(a)]);
    sg__am_text(b, "name", name, true);
    sg__am_text(b, "title", title.n ? title : name, true);
    sg__am_text(b, "message", annotation(a, messages, SG_ARRAY_LEN(messages)), true);
    sg_buf_printf(b, ",\"timestamp\":%lld", (long long)a->alert.starts_ms);
    put_context(b, a, fingerprint);
    sg_buf_putc(b, '}');
}

/* The worst first: by severity, then what is loudest, then what has lasted longest. */
static int by_badness(const void *pa, const void *pb)
{
    const struct sg_alert_info *a = *(const struct sg_alert_info *const *)pa;
    const struct sg_alert_info *b = *(const struct sg_alert_info *const *)pb;
    int order = (int)severity_of(b) - (int)severity_of(a);
    if (order == 0)
        order = (int)standing_of(a) - (int)standing_of(b);
    if (order == 0)
        order =
            (a->alert.starts_ms > b->alert.starts_ms) - (a->alert.starts_ms < b->alert.starts_ms);
    return order ? order : (a->fingerprint > b->fingerprint) - (a->fingerprint < b->fingerprint);
}

struct choice {
    const struct sg__am_filter *filter; /* NULL: any */
    enum severity least;
    enum standing most;        /* of the standings in their order */
    size_t max;                /* 0: all */
    struct sg_str fingerprint; /* empty: any */
};

static bool chosen(const struct choice *c, const struct sg_alert_info *a)
{
    char fingerprint[17];
    if (severity_of(a) < c->least || standing_of(a) > c->most ||
        (c->filter && !sg__am_filter_labels(c->filter, a->alert.labels)))
        return false;
    sg_alert_fingerprint_text(a->fingerprint, fingerprint);
    return c->fingerprint.n == 0 || sg_str_ieq(c->fingerprint, sg_str_from(fingerprint));
}

static void put_alerts(struct sg_net_exchange *x, const struct sg__am_view *v,
                       const struct choice *c)
{
    size_t n = 0;
    const struct sg_alert_info **list = sg_calloc(v->alerts->n_alerts + 1, sizeof(*list));
    for (size_t i = 0; i < v->alerts->n_alerts; i++) {
        const struct sg_alert_info *a = &v->alerts->alerts[i];
        if (sg__am_is_live(a, v->now_ms) && chosen(c, a))
            list[n++] = a;
    }
    if (n)
        qsort(list, n, sizeof(*list), by_badness);
    sg_buf_putc(&x->out, '[');
    for (size_t i = 0; i < n && (!c->max || i < c->max) && sg_net_exchange_flush(x) == 0; i++) {
        sg_buf_puts(&x->out, i ? "," : "");
        put_alert(&x->out, list[i]);
    }
    sg_buf_putc(&x->out, ']');
    sg_free(list);
}

static void put_counts(struct sg_buf *b, const struct counts *c)
{
    sg_buf_puts(b, ",\"alerts\":{");
    for (enum severity s = N_SEVERITIES; s-- > INFO;) {
        sg_buf_printf(b, "\"%s\":{", severities[s]);
        for (enum standing k = FIRING; k < N_STANDINGS; k++)
            sg_buf_printf(b, "%s\"%s\":%zu", k ? "," : "", standings[k], c->n[s][k]);
        sg_buf_puts(b, "},");
    }
    sg_buf_printf(b, "\"pending\":%zu},\"rules\":{\"total\":%zu,\"failing\":%zu}", c->pending,
                  c->rules, c->failing);
}

void sg__am_summary(void *ctx, struct sg_net_exchange *x)
{
    const struct sg_api *api = ctx;
    const struct choice choice = {.least = INFO, .most = ACKNOWLEDGED, .max = WORST};
    struct sg__am_view v;
    struct counts c;
    size_t silences = 0;
    if (!sg__am_look(ctx, x, SG__AM_ALERTS | SG__AM_RULES, &v))
        return;
    count(&c, &v);
    for (size_t i = 0; i < v.alerts->n_silences; i++)
        silences += v.alerts->silences[i].state == SG_SILENCE_ACTIVE;
    put_head(&x->out, api, &c, v.now_ms);
    put_counts(&x->out, &c);
    sg_buf_printf(&x->out, ",\"activeSilences\":%zu,\"worst\":", silences);
    put_alerts(x, &v, &choice);
    sg_buf_puts(&x->out, "}\n");
    sg__am_view_deinit(&v);
}

/* ---- the list ---- */

/* Arguments severity (at least), all=true (those that are suppressed too), fingerprint, limit. The
 * form is filled, for what c borrows. */
static bool read_choice(struct choice *c, struct sg__form *form, struct sg_net_exchange *x)
{
    struct sg_error err = {0};
    int rc = sg__form_init(form, x, &err);
    if (rc == 0)
        rc = sg__limit_parse(form, "limit", &c->max, &err);
    if (rc == 0) {
        struct sg_str least = sg__form_get(form, "severity"), all = sg__form_get(form, "all");
        c->fingerprint = sg__form_get(form, "fingerprint");
        c->least = severity_named(least);
        c->most = sg_str_ieq(all, SG_STR("true")) || sg_str_eq_c(all, "1") ? MUTED : ACKNOWLEDGED;
        if (least.n && !sg_str_eq_c(least, severities[c->least]))
            rc = sg_error_set(&err, SG_EINVALID,
                              "severity: expected info, warning or critical, got \"%.*s\"",
                              least.n < 50 ? (int)least.n : 50, least.p);
    }
    if (rc < 0)
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
    return rc == 0;
}

void sg__am_list(void *ctx, struct sg_net_exchange *x)
{
    struct sg__am_filter f = {.n = 0};
    struct choice c = {.filter = &f};
    struct sg__am_view v = {0};
    struct sg__form form = {0};
    if (read_choice(&c, &form, x) && sg__am_filter_init(&f, x) &&
        sg__am_look(ctx, x, SG__AM_ALERTS, &v)) {
        sg_buf_printf(&x->out, "{\"time\":%lld,\"alerts\":", (long long)v.now_ms);
        put_alerts(x, &v, &c);
        sg_buf_puts(&x->out, "}\n");
    }
    sg__form_deinit(&form);
    sg__am_filter_deinit(&f);
    sg__am_view_deinit(&v);
}
