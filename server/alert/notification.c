/* notification.c - how an alert looks on the feed (DESIGN section 5), and how a group does in the
 * outbox (Alertmanager's webhook data). */
#include "alerting_priv.h"

#include <stdio.h>

#include <streamgauge/time.h>

#define MAX_ALERTS 1000     /* of one body */
#define MAX_BODY (1u << 20) /* bytes; further alerts are truncated */
#define MAX_TITLE_LABELS 6

static const char *const status_names[] = {"firing", "resolved", "acknowledged"};

void sg__alert_id(const struct sg__alert *alert, int64_t starts_ms, char *dst)
{
    char fp[17];
    sg_alert_fingerprint_text(alert->fp, fp);
    snprintf(dst, 40, "%s-%llx", fp, (unsigned long long)starts_ms);
}

static void put_key_str(struct sg_buf *out, const char *key, struct sg_str value)
{
    sg_buf_puts(out, key);
    sg_buf_put_json_str(out, value);
}

/* Annotations' first that is there. */
static struct sg_str first_of(const struct sg_labels *notes, const char *const *names)
{
    for (; *names; names++) {
        struct sg_str s = sg_labels_get(notes, sg_str_from(*names));
        if (s.p && s.n)
            return s;
    }
    return SG_STR("");
}

/* `HighLatency (instance=a, job=b)`: the name and what tells it from its like. */
static void put_made_title(struct sg_buf *out, const struct sg_labels *labels)
{
    char text[512];
    size_t len = 0;
    int shown = 0;
    struct sg_str name = sg_labels_get(labels, SG_STR("alertname"));
    int rc =
        snprintf(text, sizeof(text), "%.*s", name.p ? (int)name.n : 5, name.p ? name.p : "alert");
    for (uint32_t i = 0; rc >= 0 && i < labels->count && shown < MAX_TITLE_LABELS; i++) {
        struct sg_label l = sg_labels_at(labels, i);
        len += (size_t)rc;
        rc = 0;
        if (len >= sizeof(text) - 1)
            break;
        if (sg_str_eq_c(l.name, "alertname") || sg_str_eq_c(l.name, "severity"))
            continue;
        rc = snprintf(text + len, sizeof(text) - len, "%s%.*s=%.*s", shown++ ? ", " : " (",
                      SG_STR_ARG(l.name), SG_STR_ARG(l.value));
    }
    len += rc > 0 ? (size_t)rc : 0;
    len = len < sizeof(text) - 2 ? len : sizeof(text) - 2;
    len = sg_utf8_valid_prefix(text, len);
    if (shown)
        text[len++] = ')';
    sg_buf_put_json_str(out, sg_str_make(text, len));
}

static struct sg_str source_of(const struct sg__alert *alert)
{
    return alert->rule.n ? alert->rule : alert->external ? SG_STR("api") : SG_STR("streamgauge");
}

/* Where a click leads: never anything but the web. */
static struct sg_str action_url(const struct sg__alert *alert)
{
    static const char *const names[] = {"runbook_url", "dashboard_url", "link", NULL};
    struct sg_str s = {"", 0};
    for (size_t i = 0; i <= 3; i++) {
        const char *const one[] = {names[i], NULL};
        s = names[i] ? first_of(alert->annotations, one) : alert->generator_url;
        if (sg_str_starts_with(s, SG_STR("https://")) || sg_str_starts_with(s, SG_STR("http://")))
            return s;
    }
    return SG_STR("");
}

static void put_ms(struct sg_buf *out, const char *key, int64_t ms)
{
    sg_buf_puts(out, key);
    sg_buf_put_i64(out, ms);
}

static void put_context(const struct sg__alert *alert, struct sg_buf *out)
{
    char fp[17];
    sg_alert_fingerprint_text(alert->fp, fp);
    sg_buf_puts(out, ",\"context\":{\"labels\":");
    sg_labels_print_json(alert->labels, out);
    sg_buf_puts(out, ",\"annotations\":");
    sg_labels_print_json(alert->annotations, out);
    sg_buf_puts(out, ",\"value\":");
    sg_buf_put_json_double(out, alert->value);
    put_ms(out, ",\"startsAt\":", alert->starts_ms);
    if (!alert->firing)
        put_ms(out, ",\"endsAt\":", alert->ends_ms);
    put_key_str(out, ",\"generatorURL\":", alert->generator_url);
    put_key_str(out, ",\"fingerprint\":", sg_str_from(fp));
    if (alert->flapping)
        sg_buf_puts(out, ",\"flapping\":true");
    if (alert->ack) {
        put_key_str(out, ",\"acknowledgedBy\":", alert->ack->ack.by);
        put_key_str(out, ",\"acknowledgeComment\":", alert->ack->ack.comment);
        put_ms(out, ",\"acknowledgedAt\":", alert->ack->ack.at_ms);
        if (alert->ack->ack.expires_ms)
            put_ms(out, ",\"acknowledgedUntil\":", alert->ack->ack.expires_ms);
    }
    sg_buf_putc(out, '}');
}

void sg__notification_print(const struct sg_alerting *a, const struct sg__alert *alert,
                            enum sg__status status, struct sg_buf *out)
{
    static const char *const titles[] = {"summary", "title", NULL};
    static const char *const messages[] = {"description", "message", NULL};
    char id[40];
    struct sg_str title = first_of(alert->annotations, titles), url = action_url(alert);
    sg__alert_id(alert, alert->starts_ms, id);
    sg_buf_reset(out);
    put_key_str(out, "{\"id\":", sg_str_from(id));
    put_key_str(out, ",\"type\":", sg_str_from(sg_alert_severity(alert->labels)));
    sg_buf_puts(out, ",\"title\":");
    if (title.n)
        sg_buf_put_json_str(out, title);
    else
        put_made_title(out, alert->labels);
    put_key_str(out, ",\"message\":", first_of(alert->annotations, messages));
    put_ms(out, ",\"timestamp\":", a->wall_ms);
    put_key_str(out, ",\"source\":", source_of(alert));
    put_context(alert, out);
    if (url.n)
        put_key_str(out, ",\"actionUrl\":", url);
    put_key_str(out, ",\"status\":", sg_str_from(status_names[status]));
    sg_buf_putc(out, '}');
}

void sg__feed(struct sg_alerting *a, struct sg__alert *alert, enum sg__status status)
{
    atomic_fetch_add_explicit(&a->stats.notifications, 1, memory_order_relaxed);
    if (!a->o.hooks.notify)
        return;
    sg__notification_print(a, alert, status, &a->scratch);
    if (!a->scratch.failed)
        a->o.hooks.notify(a->o.hooks.ctx, sg_buf_str(&a->scratch), sg_alert_severity(alert->labels),
                          alert->labels);
}

/* ---- the outbox ---- */

static void put_rfc3339(struct sg_buf *out, const char *key, int64_t ms)
{
    char text[40];
    sg_rfc3339_format(ms, text);
    put_key_str(out, key, sg_str_from(text));
}

static void put_alert(const struct sg__line *line, struct sg_buf *out)
{
    const struct sg__alert *alert = line->alert;
    char fp[17], id[40];
    sg_alert_fingerprint_text(alert->fp, fp);
    sg__alert_id(alert, line->starts_ms, id);
    put_key_str(out, "{\"status\":", sg_str_from(alert->firing ? "firing" : "resolved"));
    sg_buf_puts(out, ",\"labels\":");
    sg_labels_print_json(alert->labels, out);
    sg_buf_puts(out, ",\"annotations\":");
    sg_labels_print_json(alert->annotations, out);
    put_rfc3339(out, ",\"startsAt\":", line->starts_ms);
    if (alert->firing)
        sg_buf_puts(out, ",\"endsAt\":\"0001-01-01T00:00:00Z\"");
    else
        put_rfc3339(out, ",\"endsAt\":", alert->ends_ms);
    put_key_str(out, ",\"generatorURL\":", alert->generator_url);
    put_key_str(out, ",\"fingerprint\":", sg_str_from(fp));
    sg_buf_puts(out, ",\"value\":");
    sg_buf_put_json_double(out, alert->value);
    if (alert->ack)
        put_key_str(out, ",\"acknowledgedBy\":", alert->ack->ack.by);
    if (alert->flapping)
        sg_buf_puts(out, ",\"flapping\":true");
    put_key_str(out, ",\"id\":", sg_str_from(id));
    sg_buf_putc(out, '}');
}

static const struct sg_labels *labels_of(const struct sg__alert *alert, bool annotations)
{
    return annotations ? alert->annotations : alert->labels;
}

/* What all of them have in common: {"name":"value",…}. */
static void put_common(struct sg_buf *out, const struct sg__line *lines, size_t n, bool annotations)
{
    const struct sg_labels *first = labels_of(lines[0].alert, annotations);
    const char *comma = "";
    sg_buf_putc(out, '{');
    for (uint32_t i = 0; i < first->count; i++) {
        struct sg_label l = sg_labels_at(first, i);
        bool common = true;
        for (size_t k = 1; common && k < n; k++) {
            struct sg_str other = sg_labels_get(labels_of(lines[k].alert, annotations), l.name);
            common = other.p && sg_str_eq(other, l.value);
        }
        if (!common)
            continue;
        sg_buf_puts(out, comma);
        comma = ",";
        sg_buf_put_json_str(out, l.name);
        put_key_str(out, ":", l.value);
    }
    sg_buf_putc(out, '}');
}

/* How many of the alerts fit behind what is there already; they are appended. */
static size_t put_alerts(const struct sg__line *lines, size_t n, struct sg_buf *out)
{
    size_t shown = 0;
    while (shown < n && shown < MAX_ALERTS && (shown == 0 || out->len < MAX_BODY)) {
        if (shown)
            sg_buf_putc(out, ',');
        put_alert(&lines[shown++], out);
    }
    return shown;
}

size_t sg__body_print(const struct sg_alerting *a, const struct sg__group *g,
                      const struct sg__message *m, struct sg_buf *out)
{
    size_t n = m->every && m->n > MAX_ALERTS ? MAX_ALERTS : m->n; /* whom "common" is of */
    sg_buf_reset(out);
    sg_buf_puts(out, "{\"version\":\"4\",\"kind\":\"alerts\"");
    put_key_str(out, ",\"groupKey\":", g->key);
    put_key_str(out, ",\"status\":", sg_str_from(m->status));
    put_key_str(out, ",\"receiver\":", g->route->receiver ? g->route->receiver->name : SG_STR(""));
    sg_buf_puts(out, ",\"groupLabels\":");
    sg_labels_print_json(g->labels, out);
    sg_buf_puts(out, ",\"commonLabels\":");
    put_common(out, m->lines, n, false);
    sg_buf_puts(out, ",\"commonAnnotations\":");
    put_common(out, m->lines, n, true);
    put_key_str(out, ",\"externalURL\":", a->o.external_url);
    put_ms(out, ",\"notificationTime\":", a->wall_ms);
    sg_buf_puts(out, ",\"alerts\":[");
    size_t shown = put_alerts(m->lines, n, out);
    sg_buf_printf(out, "],\"truncatedAlerts\":%zu}", m->every ? 0 : m->n - shown);
    return shown;
}
