/* alerting_row.c - alerts as rows of SG_TABLE_ALERTS, and what an earlier process left behind.
 *
 * There is a row while an alert fires, and after that until everybody has been told. The rows make
 * the core independent of who told it: what is not told again after a restart ends by its timeout,
 * and that is told like any other end. */
#include "alerting_priv.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include <streamgauge/time.h>

#define KEY_PREFIX "api/"

/* A JSON double may be anything but NaN and infinities, which are strings. */
static void put_time(struct sg_buf *b, const char *name, int64_t ms)
{
    sg_buf_printf(b, ",\"%s\":%lld", name, (long long)ms);
}

void sg__alert_write(struct sg_alerting *a, struct sg__alert *alert)
{
    char fp[17], key[24] = KEY_PREFIX;
    bool wanted = alert->firing || alert->members;
    alert->row_dirty = false;
    if (!wanted && !alert->row)
        return;
    sg_alert_fingerprint_text(alert->fp, fp);
    memcpy(key + strlen(KEY_PREFIX), fp, sizeof(fp));
    alert->row = wanted;
    if (!wanted) {
        sg_journal_delete(a->journal, SG_TABLE_ALERTS, sg_str_from(key));
        return;
    }
    struct sg_buf *b = &a->scratch;
    sg_buf_reset(b);
    sg_buf_puts(b, "{\"labels\":");
    sg_labels_print_json(alert->labels, b);
    sg_buf_puts(b, ",\"annotations\":");
    sg_labels_print_json(alert->annotations, b);
    sg_buf_puts(b, ",\"generatorURL\":");
    sg_buf_put_json_str(b, alert->generator_url);
    sg_buf_puts(b, ",\"rule\":");
    sg_buf_put_json_str(b, alert->rule);
    sg_buf_puts(b, ",\"value\":");
    sg_buf_put_json_double(b, alert->value);
    put_time(b, "startsAt", alert->starts_ms);
    put_time(b, "endsAt", alert->ends_ms);
    put_time(b, "updatedAt", alert->updated_ms);
    put_time(b, "timeout", alert->timeout_ms);
    put_time(b, "interval", alert->interval_ms);
    sg_buf_printf(b, ",\"external\":%s,\"fed\":%s}", alert->external ? "true" : "false",
                  alert->fed ? "true" : "false");
    if (!b->failed)
        sg_journal_put(a->journal, SG_TABLE_ALERTS, sg_str_from(key), sg_buf_str(b), 0);
}

/* ---- restoring ---- */

static const struct sg_labels *read_labels(const json_t *object)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    const char *name;
    json_t *value;
    sg_labels_builder_init(&b);
    json_object_foreach((json_t *)object, name, value) if (json_is_string(value))
    {
        sg_labels_builder_set(&b, sg_str_from(name),
                              sg_str_make(json_string_value(value), json_string_length(value)));
    }
    return sg_labels_builder_build(&b);
}

static int64_t read_ms(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static struct sg_str read_str(const json_t *object, const char *name)
{
    const json_t *s = json_object_get(object, name);
    return json_is_string(s) ? sg_str_make(json_string_value(s), json_string_length(s))
                             : SG_STR("");
}

static double read_value(const json_t *v)
{
    if (json_is_number(v))
        return json_number_value(v);
    const char *text = json_is_string(v) ? json_string_value(v) : "NaN";
    return strcmp(text, "+Inf") == 0 ? INFINITY : strcmp(text, "-Inf") == 0 ? -INFINITY : NAN;
}

static void make_firing(struct sg_alerting *a, struct sg__alert *alert, const json_t *row)
{
    int64_t timeout_ms = read_ms(row, "timeout");
    alert->raw_firing = true;
    sg__alert_begin(a, alert, alert->raw_starts_ms);
    alert->fed = json_is_true(json_object_get(row, "fed"));
    alert->timeout_ms = timeout_ms;
    if (!alert->external || timeout_ms < sg__resolve_timeout_ms(a))
        timeout_ms = alert->external ? sg__resolve_timeout_ms(a) : SG__ALERT_GRACE_MS;
    sg__timers_set(&a->timers, &alert->timer, a->mono_ms + timeout_ms);
}

static void restore_alert(struct sg_alerting *a, const json_t *row)
{
    struct sg_alert as = {.starts_ms = read_ms(row, "startsAt"),
                          .ends_ms = read_ms(row, "endsAt"),
                          .value = read_value(json_object_get(row, "value")),
                          .generator_url = read_str(row, "generatorURL"),
                          .rule = read_str(row, "rule"),
                          .interval_ms = read_ms(row, "interval"),
                          .external = json_is_true(json_object_get(row, "external"))};
    const struct sg_labels *labels = read_labels(json_object_get(row, "labels"));
    const struct sg_labels *notes = read_labels(json_object_get(row, "annotations"));
    uint64_t fp = sg_alert_fingerprint(labels);
    as.labels = labels;
    as.annotations = notes;
    if (labels->count && !sg__alert_find(a, fp)) {
        struct sg__alert *alert = sg__alert_new(a, &as, fp);
        alert->updated_ms = read_ms(row, "updatedAt");
        alert->raw_starts_ms = alert->starts_ms = as.starts_ms;
        alert->raw_ends_ms = alert->ends_ms = as.ends_ms;
        alert->row = true;
        if (as.ends_ms) {
            sg__timers_set(&a->timers, &alert->timer, a->mono_ms + SG__ALERT_KEEP_MS);
            sg__dispatch(a, alert);
            sg__alert_row(a, alert);
        } else {
            make_firing(a, alert, row);
        }
    }
    sg_labels_unref(labels);
    sg_labels_unref(notes);
}

void sg_alerting_restore(struct sg_alerting *a, enum sg_table table, struct sg_str key,
                         struct sg_str body, int64_t wall_ms, int64_t mono_ms)
{
    a->wall_ms = wall_ms;
    a->mono_ms = mono_ms;
    switch (table) {
    case SG_TABLE_ALERTS:
        break;
    case SG_TABLE_SILENCES:
        sg__silence_restore(a, key, body);
        return;
    case SG_TABLE_ACKS:
        sg__ack_restore(a, key, body);
        return;
    case SG_TABLE_NFLOG:
        sg__log_restore(a, key, body);
        return;
    default:
        return;
    }
    json_t *row = json_loadb(body.p, body.n, 0, NULL);
    if (json_is_object(row) && sg_str_starts_with(key, SG_STR(KEY_PREFIX)))
        restore_alert(a, row);
    json_decref(row);
}
