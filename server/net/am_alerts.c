/* am_alerts.c - GET /api/v2/alerts and /api/v2/alerts/groups. */
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "net/am.h"

/* A rule's alert has no end of its own: it holds for four of the times it is told again at least,
 * as Prometheus promises to an Alertmanager. */
#define RULE_HOLD_MS (4 * SG_MS_PER_MIN)

static void put_texts(struct sg_buf *b, const char *key, const char *const *texts, size_t n)
{
    sg_buf_printf(b, "\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        sg_buf_puts(b, i ? "," : "");
        sg_buf_put_json_str(b, sg_str_from(texts[i]));
    }
    sg_buf_puts(b, "],");
}

static void put_status(struct sg_buf *b, const struct sg_alert_info *a)
{
    sg_buf_puts(b, ",\"status\":{\"inhibitedBy\":[");
    for (size_t i = 0; i < a->n_inhibited_by; i++)
        sg_buf_printf(b, "%s\"%s\"", i ? "," : "", a->inhibited_by[i]);
    sg_buf_puts(b, "],\"mutedBy\":[");
    for (size_t i = 0; i < a->n_muted_by; i++) {
        sg_buf_puts(b, i ? "," : "");
        sg_buf_put_json_str(b, a->muted_by[i]);
    }
    sg_buf_puts(b, "],");
    put_texts(b, "silencedBy", a->silenced_by, a->n_silenced_by);
    sg_buf_printf(b, "\"state\":\"%s\"}", a->state);
}

/* Beyond what Alertmanager has; its clients pass over it. */
static void put_ack(struct sg_buf *b, const struct sg_alert_info *a)
{
    if (!a->acked)
        return;
    sg_buf_puts(b, ",\"acknowledgement\":{");
    sg__am_text(b, "by", a->ack.by, false);
    sg__am_text(b, "comment", a->ack.comment, true);
    sg__am_time(b, "at", a->ack.at_ms, true);
    if (a->ack.expires_ms)
        sg__am_time(b, "expires", a->ack.expires_ms, true);
    sg_buf_putc(b, '}');
}

static void put_alert(struct sg_buf *b, const struct sg_alert_info *a)
{
    char fingerprint[17];
    int64_t ends_ms = a->alert.ends_ms ? a->alert.ends_ms : a->updated_ms + RULE_HOLD_MS;
    sg_alert_fingerprint_text(a->fingerprint, fingerprint);
    sg_buf_puts(b, "{\"annotations\":");
    sg_labels_print_json(a->alert.annotations, b);
    sg__am_time(b, "endsAt", ends_ms, true);
    sg_buf_printf(b, ",\"fingerprint\":\"%s\",\"receivers\":[", fingerprint);
    for (size_t i = 0; i < a->n_receivers; i++) {
        sg_buf_puts(b, i ? ",{" : "{");
        sg__am_text(b, "name", a->receivers[i], false);
        sg_buf_putc(b, '}');
    }
    sg_buf_putc(b, ']');
    sg__am_time(b, "startsAt", a->alert.starts_ms, true);
    put_status(b, a);
    sg__am_time(b, "updatedAt", a->updated_ms, true);
    if (a->alert.generator_url.n)
        sg__am_text(b, "generatorURL", a->alert.generator_url, true);
    put_ack(b, a);
    sg_buf_puts(b, ",\"labels\":");
    sg_labels_print_json(a->alert.labels, b);
    sg_buf_putc(b, '}');
}

/* ---- the list ---- */

static bool wanted(const struct sg__am_filter *f, const struct sg_alert_info *a, int64_t now_ms)
{
    struct sg_str state = sg_str_from(a->state);
    return sg__am_is_live(a, now_ms) && (f->active || !sg_str_eq_c(state, "active")) &&
           (f->unprocessed || !sg_str_eq_c(state, "unprocessed")) &&
           (f->silenced || !a->n_silenced_by) && (f->inhibited || !a->n_inhibited_by) &&
           sg__am_filter_labels(f, a->alert.labels);
}

static bool any_receiver(const struct sg__am_filter *f, const struct sg_alert_info *a)
{
    bool any = !f->receiver;
    for (size_t i = 0; i < a->n_receivers && !any; i++)
        any = sg__am_filter_receiver(f, a->receivers[i]);
    return any;
}

void sg__am_get_alerts(void *ctx, struct sg_net_exchange *x)
{
    struct sg__am_filter f;
    struct sg__am_view v = {0};
    size_t n = 0;
    if (sg__am_filter_init(&f, x) && sg__am_look(ctx, x, SG__AM_ALERTS, &v)) {
        sg_buf_putc(&x->out, '[');
        for (size_t i = 0; i < v.alerts->n_alerts; i++) {
            const struct sg_alert_info *a = &v.alerts->alerts[i];
            if (!wanted(&f, a, v.now_ms) || !any_receiver(&f, a))
                continue;
            sg_buf_puts(&x->out, n++ ? "," : "");
            put_alert(&x->out, a);
            if (sg_net_exchange_flush(x) < 0)
                break;
        }
        sg_buf_puts(&x->out, "]\n");
    }
    sg__am_filter_deinit(&f);
    sg__am_view_deinit(&v);
}

/* ---- groups ---- */

static int by_labels(const void *a, const void *b)
{
    const struct sg_alert_group_info *x = *(const struct sg_alert_group_info *const *)a;
    const struct sg_alert_group_info *y = *(const struct sg_alert_group_info *const *)b;
    int order = sg_labels_cmp(x->labels, y->labels);
    return order ? order : sg_str_cmp(x->receiver, y->receiver);
}

static bool all_muted(const struct sg_alerting_info *info, const struct sg_alert_group_info *g)
{
    for (size_t i = 0; i < g->n_alerts; i++)
        if (!info->alerts[g->alerts[i]].n_muted_by)
            return false;
    return true;
}

/* A group without an alert that is asked for is left out. */
static void put_group(struct sg_net_exchange *x, const struct sg__am_filter *f,
                      const struct sg__am_view *v, const struct sg_alert_group_info *g, size_t *n)
{
    size_t shown = 0;
    struct sg_buf *b = &x->out;
    for (size_t i = 0; i < g->n_alerts; i++) {
        const struct sg_alert_info *a = &v->alerts->alerts[g->alerts[i]];
        if (!wanted(f, a, v->now_ms))
            continue;
        if (shown++ == 0)
            sg_buf_puts(b, (*n)++ ? ",{\"alerts\":[" : "{\"alerts\":[");
        else
            sg_buf_putc(b, ',');
        put_alert(b, a);
    }
    if (!shown)
        return;
    sg_buf_puts(b, "],\"labels\":");
    sg_labels_print_json(g->labels, b);
    sg_buf_puts(b, ",\"routeLabels\":{},\"receiver\":{");
    sg__am_text(b, "name", g->receiver, false);
    sg_buf_puts(b, "}}");
}

static void put_groups(struct sg_net_exchange *x, const struct sg__am_filter *f,
                       const struct sg__am_view *v)
{
    size_t n = 0, n_groups = v->alerts->n_groups;
    const struct sg_alert_group_info **groups = sg_calloc(n_groups + 1, sizeof(*groups));
    for (size_t i = 0; i < n_groups; i++)
        groups[i] = &v->alerts->groups[i];
    if (n_groups)
        qsort(groups, n_groups, sizeof(*groups), by_labels);
    sg_buf_putc(&x->out, '[');
    for (size_t i = 0; i < n_groups && sg_net_exchange_flush(x) == 0; i++)
        if (sg__am_filter_receiver(f, groups[i]->receiver) &&
            (f->muted || !all_muted(v->alerts, groups[i])))
            put_group(x, f, v, groups[i], &n);
    sg_buf_puts(&x->out, "]\n");
    sg_free(groups);
}

void sg__am_get_groups(void *ctx, struct sg_net_exchange *x)
{
    struct sg__am_filter f;
    struct sg__am_view v = {0};
    if (sg__am_filter_init(&f, x) && sg__am_look(ctx, x, SG__AM_ALERTS, &v))
        put_groups(x, &f, &v);
    sg__am_filter_deinit(&f);
    sg__am_view_deinit(&v);
}
