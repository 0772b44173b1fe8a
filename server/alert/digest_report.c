/* digest_report.c - what happened in a period: episodes of alerts, values, uptime. */
#include "digest_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#define MAX_PART (1u << 20)

struct sg_digest_report *sg_digest_report_new(const struct sg_digest *digest,
                                              const struct sg_journal_op *op)
{
    struct sg_digest_report *r = sg_calloc(1, sizeof(*r));
    json_t *body = json_loadb(op->body.n ? op->body.p : "{}", op->body.n ? op->body.n : 2, 0, NULL);
    r->def = digest;
    r->from_ms = (int64_t)op->number;
    r->until_ms = op->time_ms;
    r->recorded_ms = INT64_MAX;
    r->counted_ms = r->until_ms;
    r->noted_ms = INT64_MIN;
    r->offset_s = (int32_t)json_integer_value(json_object_get(body, "offset"));
    json_decref(body);
    return r;
}

void sg_digest_report_free(struct sg_digest_report *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_series; i++) {
        sg_free(r->series[i]->text);
        sg_free(r->series[i]);
    }
    for (size_t i = 0; i < r->n_episodes; i++) {
        sg_free(r->episodes[i].id);
        sg_free(r->episodes[i].name);
    }
    sg_free(r);
}

/* ---- points ---- */

static struct sg__report_series *series_of(struct sg_digest_report *r,
                                           const struct sg_digest_expr *def, const char *text)
{
    for (size_t i = 0; i < r->n_series; i++)
        if (r->series[i]->def == def && strcmp(r->series[i]->text, text) == 0)
            return r->series[i];
    if (r->n_series == SG__REPORT_SERIES)
        return NULL;
    struct sg__report_series *s = sg_calloc(1, sizeof(*s));
    s->def = def;
    s->text = sg_strdup(text);
    s->at_ms = INT64_MIN;
    r->series[r->n_series++] = s;
    return s;
}

static void add_bucket(struct sg__report_series *s, size_t place, const json_t *row)
{
    uint64_t n = (uint64_t)json_integer_value(json_object_get(row, "n"));
    double min = json_number_value(json_object_get(row, "min"));
    double max = json_number_value(json_object_get(row, "max"));
    double sum = json_number_value(json_object_get(row, "sum"));
    int64_t at_ms = json_integer_value(json_object_get(row, "at"));
    s->min = s->n && s->min < min ? s->min : min;
    s->max = s->n && s->max > max ? s->max : max;
    s->sum += sum;
    s->n += n;
    if (at_ms >= s->at_ms) {
        s->at_ms = at_ms;
        s->last = json_number_value(json_object_get(row, "last"));
    }
    s->bucket[place].n += n;
    s->bucket[place].sum += sum;
}

static void add_point(struct sg_digest_report *r, struct sg_str id, int64_t start_ms,
                      const json_t *row)
{
    int64_t width = sg_digest_bucket_ms(r->def);
    int64_t place = (start_ms + width / 2 - r->from_ms) / width;
    const char *text = json_string_value(json_object_get(row, "series"));
    uint64_t n = (uint64_t)json_integer_value(json_object_get(row, "n"));
    char hash[20];
    if (!text || !n)
        return;
    place = place < 0 ? 0 : place >= SG_DIGEST_BUCKETS ? SG_DIGEST_BUCKETS - 1 : place;
    for (size_t i = 0; i < r->def->n_exprs; i++) {
        snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)r->def->exprs[i].hash);
        if (!sg_str_eq_c(id, hash))
            continue;
        struct sg__report_series *s = series_of(r, &r->def->exprs[i], text);
        if (s)
            add_bucket(s, (size_t)place, row);
    }
}

/* A bucket belongs to the period that has the greater part of it; one that is still being filled,
 * to the period that ends now. */
static bool belongs(const struct sg_digest_report *r, int64_t start_ms, int64_t at_ms)
{
    int64_t middle_ms = start_ms + sg_digest_bucket_ms(r->def) / 2;
    return middle_ms >= r->from_ms && start_ms < r->until_ms &&
           (middle_ms < r->until_ms || at_ms <= r->until_ms);
}

static void add_up(struct sg_digest_report *r, int64_t start_ms, const json_t *row)
{
    int64_t width = sg_digest_bucket_ms(r->def), most = width / SG_MS_PER_MIN;
    int64_t n = json_integer_value(json_object_get(row, "n"));
    int64_t at_ms = json_integer_value(json_object_get(row, "at"));
    bool mine = belongs(r, start_ms, at_ms);
    n = n < 0 ? 0 : n > most ? most : n;
    int64_t first_ms = sg_time_align(at_ms, SG_MS_PER_MIN) - (n - 1) * SG_MS_PER_MIN;
    if (n && first_ms < r->recorded_ms)
        r->recorded_ms = first_ms;
    /* It went on after the end: the whole of it counts, or nothing. */
    if (start_ms < r->until_ms && start_ms + width > r->until_ms && at_ms > r->until_ms)
        r->counted_ms = mine ? start_ms + width : start_ms;
    r->minutes += mine ? (uint64_t)n : 0;
}

void sg_digest_report_point(struct sg_digest_report *r, struct sg_str key, struct sg_str body)
{
    uint64_t start;
    struct sg_str rest = key, name = sg_str_split(&rest, '/');
    if (sg_str_starts_with(key, SG_STR(SG_DIGEST_STARTS))) {
        if (sg_u64_parse(rest.p, rest.n, &start) == 0 && (int64_t)start >= r->from_ms &&
            (int64_t)start < r->until_ms)
            r->starts++;
        return;
    }
    struct sg_str id = sg_str_split(&rest, '/'), at = sg_str_split(&rest, '/');
    if (!sg_str_eq(name, r->def->name) || sg_u64_parse(at.p, at.n, &start) < 0 ||
        start > (uint64_t)r->until_ms)
        return;
    json_t *row = json_loadb(body.p, body.n, 0, NULL);
    if (json_is_object(row) && sg_str_eq_c(id, "up"))
        add_up(r, (int64_t)start, row);
    else if (json_is_object(row) &&
             belongs(r, (int64_t)start, json_integer_value(json_object_get(row, "at"))))
        add_point(r, id, (int64_t)start, row);
    json_decref(row);
}

/* Of the first bucket that belongs to the period. */
static int64_t first_bucket_ms(const struct sg_digest_report *r)
{
    int64_t width = sg_digest_bucket_ms(r->def);
    return sg_time_align(r->from_ms - width / 2 + width - 1, width);
}

double sg__report_uptime(const struct sg_digest_report *r)
{
    int64_t begin_ms = first_bucket_ms(r);
    if (r->recorded_ms > begin_ms && r->recorded_ms < INT64_MAX)
        begin_ms = r->recorded_ms;
    double minutes = (double)(r->counted_ms - begin_ms) / (double)SG_MS_PER_MIN;
    return (double)r->minutes < minutes ? (double)r->minutes / minutes : r->minutes > 0;
}

/* ---- alerts ---- */

static const char *severity_of(const json_t *note)
{
    const char *s = json_string_value(json_object_get(note, "type"));
    return s && strcmp(s, "critical") == 0 ? "critical"
           : s && strcmp(s, "info") == 0   ? "info"
                                           : "warning";
}

static struct sg__episode_seen *episode_of(struct sg_digest_report *r, const char *id)
{
    uint64_t hash = sg_hash64_stable(id, strlen(id));
    for (size_t i = r->n_episodes; i-- > 0;)
        if (r->episodes[i].hash == hash && strcmp(r->episodes[i].id, id) == 0)
            return &r->episodes[i];
    if (r->n_episodes == SG__REPORT_EPISODES) {
        r->left_out++;
        return NULL;
    }
    r->episodes[r->n_episodes] = (struct sg__episode_seen){.id = sg_strdup(id), .hash = hash};
    return &r->episodes[r->n_episodes++];
}

void sg_digest_report_note(struct sg_digest_report *r, struct sg_str json)
{
    json_t *note = json_loadb(json.p, json.n, 0, NULL);
    const json_t *context = json_object_get(note, "context");
    const char *id = json_string_value(json_object_get(note, "id"));
    const char *status = json_string_value(json_object_get(note, "status"));
    const char *name =
        json_string_value(json_object_get(json_object_get(context, "labels"), "alertname"));
    struct sg__episode_seen *e = id && status ? episode_of(r, id) : NULL;
    if (e) {
        if (!e->name)
            e->name = sg_strdup(name ? name : "alert");
        e->severity = severity_of(note);
        e->starts_ms = json_integer_value(json_object_get(context, "startsAt"));
        e->ends_ms = strcmp(status, "resolved") == 0
                         ? json_integer_value(json_object_get(context, "endsAt"))
                         : 0;
    }
    json_decref(note);
}

static const char *severity_by(const json_t *labels)
{
    const char *severity = json_string_value(json_object_get(labels, "severity"));
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    if (severity)
        sg_labels_builder_set(&b, SG_STR("severity"), sg_str_from(severity));
    const struct sg_labels *built = sg_labels_builder_build(&b);
    const char *type = sg_alert_severity(built);
    sg_labels_unref(built);
    sg_labels_builder_deinit(&b);
    return type;
}

/* Silenced alerts are not on the feed, so they are not counted here either. */
void sg_digest_report_alert(struct sg_digest_report *r, struct sg_str key, struct sg_str body)
{
    char id[64];
    json_t *row = json_loadb(body.p, body.n, 0, NULL);
    const json_t *labels = json_object_get(row, "labels");
    const char *name = json_string_value(json_object_get(labels, "alertname"));
    int64_t starts_ms = json_integer_value(json_object_get(row, "startsAt"));
    bool firing = json_is_integer(json_object_get(row, "endsAt")) &&
                  json_integer_value(json_object_get(row, "endsAt")) == 0 &&
                  json_is_true(json_object_get(row, "fed"));
    size_t skip = strlen(SG_DIGEST_ALERTS);
    if (firing && starts_ms > 0 && starts_ms < r->until_ms && key.n > skip && key.n < 32) {
        snprintf(id, sizeof(id), "%.*s-%llx", (int)(key.n - skip), key.p + skip,
                 (unsigned long long)starts_ms);
        struct sg__episode_seen *e = episode_of(r, id);
        if (e && !e->name) { /* not on the feed */
            e->name = sg_strdup(name ? name : "alert");
            e->severity = severity_by(labels);
            e->starts_ms = starts_ms;
        }
    }
    json_decref(row);
}

void sg_digest_report_since(struct sg_digest_report *r, int64_t time_ms)
{
    r->noted_ms = time_ms;
}

static int rank(const char *severity)
{
    return strcmp(severity, "critical") == 0 ? 2 : strcmp(severity, "warning") == 0;
}

static int by_weight(const void *a, const void *b)
{
    const struct sg__worst *x = a, *y = b;
    if (rank(x->severity) != rank(y->severity))
        return rank(y->severity) - rank(x->severity);
    if (x->total_ms != y->total_ms)
        return x->total_ms < y->total_ms ? 1 : -1;
    return strcmp(x->name, y->name);
}

static struct sg__worst *worst_of(struct sg__worst *list, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    if (*n == SG__REPORT_NAMES)
        return NULL;
    list[*n] = (struct sg__worst){.name = name, .severity = "info"};
    return &list[(*n)++];
}

size_t sg__report_worst(const struct sg_digest_report *r, struct sg__worst *ret, size_t max)
{
    struct sg__worst *list = sg_calloc(SG__REPORT_NAMES, sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < r->n_episodes; i++) {
        const struct sg__episode_seen *e = &r->episodes[i];
        int64_t begin = e->starts_ms > r->from_ms ? e->starts_ms : r->from_ms;
        int64_t end = e->ends_ms && e->ends_ms < r->until_ms ? e->ends_ms : r->until_ms;
        struct sg__worst *w = end > begin ? worst_of(list, &n, e->name) : NULL;
        if (!w)
            continue;
        w->times++;
        w->firing += e->ends_ms == 0 || e->ends_ms >= r->until_ms;
        w->total_ms += end - begin;
        w->longest_ms = w->longest_ms > end - begin ? w->longest_ms : end - begin;
        if (rank(e->severity) > rank(w->severity))
            w->severity = e->severity;
    }
    qsort(list, n, sizeof(*list), by_weight);
    n = n < max ? n : max;
    if (n)
        memcpy(ret, list, n * sizeof(*ret));
    sg_free(list);
    return n;
}

/* ---- the row ---- */

static int by_place(const void *a, const void *b)
{
    const struct sg__report_series *x = *(struct sg__report_series *const *)a;
    const struct sg__report_series *y = *(struct sg__report_series *const *)b;
    if (x->def != y->def)
        return x->def < y->def ? -1 : 1;
    return strcmp(x->text, y->text);
}

static void put_part(struct sg_buf *out, const char *key, const struct sg_buf *part)
{
    sg_buf_printf(out, ",\"%s\":", key);
    sg_buf_put_json_str(out, sg_buf_str(part));
}

void sg_digest_report_print(struct sg_digest_report *r, struct sg_str external_url,
                            struct sg_buf *out)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf subject, text, html;
    sg_buf_init(&subject, 4096);
    sg_buf_init(&text, MAX_PART);
    sg_buf_init(&html, MAX_PART);
    qsort(r->series, r->n_series, sizeof(struct sg__report_series *), by_place);
    sg__report_subject(r, &subject);
    sg__report_text(r, &text);
    sg__report_html(r, external_url, &html);
    /* The name needs no escapes. */
    sg_buf_printf(out, "{\"version\":\"4\",\"kind\":\"digest\",\"groupKey\":\"digest:%s\"",
                  r->def->name.p);
    sg_buf_puts(out, ",\"status\":\"resolved\",\"receiver\":");
    sg_buf_put_json_str(out, r->def->receiver);
    sg_buf_puts(out, ",\"groupLabels\":{},\"commonLabels\":{},\"commonAnnotations\":{},"
                     "\"truncatedAlerts\":0,\"alerts\":[],\"externalURL\":");
    sg_buf_put_json_str(out, external_url);
    sg_buf_printf(out, ",\"notificationTime\":%lld,\"digest\":{\"from\":%lld,\"until\":%lld",
                  (long long)r->until_ms, (long long)r->from_ms, (long long)r->until_ms);
    sg_buf_puts(out, ",\"name\":");
    sg_buf_put_json_str(out, r->def->name);
    put_part(out, "subject", &subject);
    put_part(out, "text", &text);
    put_part(out, "html", &html);
    sg_buf_puts(out, "}}");
}
