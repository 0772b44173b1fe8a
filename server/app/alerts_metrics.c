/* alerts_metrics.c - /metrics of rules, alerts, the database and the receivers. */
#include <math.h>
#include <string.h>

#include <streamgauge/mem.h>

#include "alerts_priv.h"
#include "metric_rows.h"

/* clang-format off */
#define AT(member) offsetof(struct sg_ruler_stats, member)
static const struct sg_metric_row ruler_rows[] = {
    {"streamgauge_rule_groups", NULL, "gauge", "Rule groups.", AT(groups), 0},
    {"streamgauge_rules", NULL, "gauge", "Rules.", AT(rules), 0},
    {"streamgauge_rule_evaluations_total", NULL, "counter", "Evaluations of rules.", AT(evaluations), 0},
    {"streamgauge_rule_evaluation_failures_total", NULL, "counter", "Those that failed.", AT(failures), 0},
    {"streamgauge_rule_group_iterations_missed_total", NULL, "counter", "Evaluations of groups left out: too slow, or the clock was set.", AT(missed), 0},
    {"streamgauge_rule_evaluation_seconds_total", NULL, "counter", "Time they took.", AT(eval_ns), 1e-9},
    {"streamgauge_rule_alerts", "{state=\"pending\"}", "gauge", "Instances of alerting rules.", AT(pending), 0},
    {"streamgauge_rule_alerts", "{state=\"firing\"}", NULL, NULL, AT(firing), 0},
};
#undef AT
#define AT(member) offsetof(struct sg_alerting_stats, member)
static const struct sg_metric_row alerting_rows[] = {
    {"streamgauge_alerts", NULL, "gauge", "Alerts that are not resolved.", AT(alerts), 0},
    {"streamgauge_alerts_suppressed", NULL, "gauge", "Of them silenced, inhibited or muted.", AT(suppressed), 0},
    {"streamgauge_alerts_acknowledged", NULL, "gauge", "Of them acknowledged.", AT(acknowledged), 0},
    {"streamgauge_alerts_flapping", NULL, "gauge", "Of them flapping.", AT(flapping), 0},
    {"streamgauge_silences", NULL, "gauge", "Silences that have not expired.", AT(silences), 0},
    {"streamgauge_alert_groups", NULL, "gauge", "Groups of alerts.", AT(groups), 0},
    {"streamgauge_feed_notifications_total", NULL, "counter", "Notifications published on the feed.", AT(notifications), 0},
    {"streamgauge_outbox_rows_total", NULL, "counter", "Notifications handed to the outbox.", AT(sends), 0},
    {"streamgauge_alerts_refused_total", NULL, "counter", "Alerts refused by a limit.", AT(refused), 0},
};
#undef AT
#define AT(member) offsetof(struct sg_persist_stats, member)
static const struct sg_metric_row persist_rows[] = {
    {"streamgauge_persist_commits_total", NULL, "counter", "Transactions written.", AT(commits), 0},
    {"streamgauge_persist_ops_total", NULL, "counter", "Changes in them.", AT(ops), 0},
    {"streamgauge_persist_failures_total", NULL, "counter", "Transactions the disk refused.", AT(failures), 0},
    {"streamgauge_persist_refused_total", NULL, "counter", "Changes held back since too much waited.", AT(refused), 0},
    {"streamgauge_persist_waiting_bytes", NULL, "gauge", "Bytes waiting to be written.", AT(waiting_bytes), 0},
    {"streamgauge_outbox_waiting", NULL, "gauge", "Notifications not yet delivered.", AT(outbox), 0},
    {"streamgauge_outbox_dead", NULL, "gauge", "Notifications given up, kept for looking at.", AT(dead), 0},
};
#undef AT
/* clang-format on */

/* ---- targets: collected once, printed family by family ---- */

struct target {
    struct sg_buf labels;
    double values[7]; /* NaN: it has none */
};

struct targets {
    struct target *all;
    size_t n, cap;
};

static const struct {
    const char *name, *type, *help;
} target_families[] = {
    {"streamgauge_notifications_sent_total", "counter", "Notifications delivered."},
    {"streamgauge_notifications_failed_total", "counter", "Attempts that failed."},
    {"streamgauge_notifications_dead_total", "counter", "Notifications given up."},
    {"streamgauge_notifications_waiting", "gauge", "Notifications waiting or under way."},
    {"streamgauge_notifications_oldest_timestamp_seconds", "gauge",
     "When the oldest of them was made; 0: there is none."},
    {"streamgauge_receiver_healthy", "gauge", "1 unless the last attempt failed."},
    {"streamgauge_push_subscriptions_dropped_total", "counter",
     "Subscriptions of browsers dropped: gone, or refused several times in a row."},
};

static void add_target(void *ctx, const struct sg_target_info *t)
{
    struct targets *all = ctx;
    all->all = sg_grow(all->all, &all->cap, all->n + 1, sizeof(*all->all));
    struct target *to = &all->all[all->n++];
    *to = (struct target){
        .values = {(double)t->sent, (double)t->failed, (double)t->dead,
                   (double)(t->waiting + t->in_flight), (double)t->oldest_ms / 1000,
                   t->healthy ? 1 : 0,
                   strcmp(t->kind, "webpush") == 0 ? (double)t->dropped : (double)NAN}};
    sg_buf_init(&to->labels, 8192);
    sg_buf_puts(&to->labels, "{target=");
    sg_buf_put_json_str(&to->labels, t->target); /* names have no characters that differ */
    sg_buf_printf(&to->labels, ",kind=\"%s\"}", t->kind);
}

static void print_targets(struct sg_alerts *a, struct sg_buf *out)
{
    struct targets all = {0};
    if (a->notify)
        sg_notify_each(a->notify, add_target, &all);
    for (size_t f = 0; f < SG_ARRAY_LEN(target_families) && all.n; f++) {
        sg_metric_family(out, target_families[f].name, target_families[f].type,
                         target_families[f].help);
        for (size_t i = 0; i < all.n; i++) {
            if (isnan(all.all[i].values[f]))
                continue;
            sg_buf_printf(out, "%s%s ", target_families[f].name, sg_buf_cstr(&all.all[i].labels));
            sg_buf_put_double(out, all.all[i].values[f]);
            sg_buf_putc(out, '\n');
        }
    }
    for (size_t i = 0; i < all.n; i++)
        sg_buf_deinit(&all.all[i].labels);
    sg_free(all.all);
}

void sg_alerts_metrics(struct sg_alerts *a, struct sg_buf *out)
{
    const struct sg_persist_stats *p = sg_persist_get_stats(a->persist);
    sg_metric_rows_print(out, ruler_rows, SG_ARRAY_LEN(ruler_rows), sg_ruler_get_stats(a->ruler));
    sg_metric_rows_print(out, alerting_rows, SG_ARRAY_LEN(alerting_rows),
                         sg_alerting_get_stats(a->alerting));
    sg_metric_rows_print(out, persist_rows, SG_ARRAY_LEN(persist_rows), p);
    sg_metric_family(out, "streamgauge_persist_failing", "gauge", "1 while the disk refuses.");
    sg_buf_printf(out, "streamgauge_persist_failing %d\n", atomic_load(&p->failing) ? 1 : 0);
    sg_metric_family(out, "streamgauge_persist_lost_total", "counter",
                     "Changes given up since they could not be written for too long.");
    sg_buf_printf(out, "streamgauge_persist_lost_total %llu\n", atomic_load(&a->lost));
    sg_metric_family(out, "streamgauge_outbox_oldest_timestamp_seconds", "gauge",
                     "When the oldest notification not yet delivered was made; 0: there is none.");
    sg_buf_printf(out, "streamgauge_outbox_oldest_timestamp_seconds %.3f\n",
                  (double)atomic_load(&p->oldest_ms) / 1000);
    print_targets(a, out);
}
