/* feed.c - faults, checks and first sight of a series. */
#include <stdarg.h>
#include <stdio.h>

#include "feed.h"

/* Years 1 to 9999: what a date library of a client can show. */
#define TIME_MIN INT64_C(-62135596800000)
#define TIME_MAX INT64_C(253402300799999)

void sg__feed_init(struct sg__feed *f, struct sg_batcher *b, const struct sg_labels *extra,
                   uint64_t format)
{
    *f = (struct sg__feed){.b = b, .extra = extra};
    f->salt = (struct sg_hash128){sg_hash_mix(format), sg_hash_mix(~format)};
    if (extra && extra->count) {
        size_t n = 2 * (size_t)extra->count * sizeof(extra->ends[0]) + extra->bytes;
        f->salt = sg__key_join(f->salt, sg_hash128(extra->ends, n));
    }
}

SG_PRINTF(2, 0) static void set_text(struct sg__fault *fault, const char *fmt, va_list args)
{
    (void)vsnprintf(fault->text, sizeof(fault->text), fmt, args);
}

void sg__fault_note(struct sg__feed *f, enum sg_errc code, const char *at, const char *fmt, ...)
{
    if (f->fault.code != SG_OK)
        return;
    f->fault.code = code;
    f->fault.at = at;
    f->fault.text[0] = '\0';
    if (f->fault.mute)
        return;
    va_list args;
    va_start(args, fmt);
    set_text(&f->fault, fmt, args);
    va_end(args);
}

void sg__feed_reject_at(struct sg__feed *f, uint32_t line, uint32_t column)
{
    struct sg_ingest_result *r = f->result;
    SG_DCHECK(f->fault.code != SG_OK);
    r->rejected++;
    f->b->rejected++;
    r->series_full |= f->fault.code == SG_ELIMIT;
    if (r->n_errors < SG_INGEST_MAX_ERRORS) {
        struct sg_ingest_line_error *e = &r->errors[r->n_errors++];
        *e = (struct sg_ingest_line_error){f->fault.code, line, column, ""};
        memcpy(e->text, f->fault.text, sizeof(e->text));
        /* One line, whatever the peer sent: it may end up in a log. */
        for (char *c = e->text; *c; c++) {
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
        }
    }
    f->fault.code = SG_OK;
    f->fault.mute = r->n_errors >= SG_INGEST_MAX_ERRORS;
}

void sg__feed_reject(struct sg__feed *f, uint32_t line, const char *line_start)
{
    const char *at = f->fault.at;
    sg__feed_reject_at(f, line, at > line_start ? (uint32_t)(at - line_start) + 1 : 1);
}

int sg__feed_time(struct sg__feed *f, int64_t time_ms, struct sg_str text)
{
    if (time_ms < TIME_MIN || time_ms > TIME_MAX)
        return sg__fault_set(f, SG_EINVALID, text.p,
                             "timestamp '%.*s' is outside the years 1 to 9999: wrong unit?",
                             SG__TOKEN(text.p, text.n));
    int64_t max = f->b->config.limits.max_future_ms;
    if (max >= 0 && time_ms - f->now_ms > max)
        return sg__fault_set(f, SG_EINVALID, text.p,
                             "timestamp '%.*s' is %lld s in the future, at most %lld s are allowed",
                             SG__TOKEN(text.p, text.n), (long long)((time_ms - f->now_ms) / 1000),
                             (long long)(max / 1000));
    int64_t age = f->b->config.limits.max_age_ms;
    if (age > 0 && f->now_ms - time_ms > age)
        return sg__fault_set(f, SG_EINVALID, text.p,
                             "timestamp '%.*s' is %lld s old, samples are kept for %lld s",
                             SG__TOKEN(text.p, text.n), (long long)((f->now_ms - time_ms) / 1000),
                             (long long)(age / 1000));
    return 0;
}

int sg__feed_utf8(struct sg__feed *f, const char *p, size_t n)
{
    size_t good = sg_utf8_valid_prefix(p, n);
    if (good == n)
        return 0;
    return sg__fault_set(f, SG_EINVALID, p + good, "invalid utf-8, byte 0x%02x",
                         (unsigned char)p[good]);
}

int sg__feed_label(struct sg__feed *f, struct sg_str name, struct sg_str value, const char *at)
{
    const struct sg_ingest_limits *l = &f->b->config.limits;
    bool is_metric = sg_str_eq(name, SG_METRIC_NAME);
    if (name.n == 0 || (is_metric && value.n == 0))
        return sg__fault_set(f, SG_EINVALID, at, "empty %s name", is_metric ? "metric" : "label");
    struct sg_str told = is_metric ? value : name;
    if (told.n > l->max_name)
        return sg__fault_set(f, SG_EINVALID, at,
                             "name '%.*s...' is %zu bytes long, limits.label_length is %u",
                             SG__TOKEN(told.p, told.n), told.n, l->max_name);
    if (!is_metric && value.n > l->max_value)
        return sg__fault_set(f, SG_EINVALID, at,
                             "value of label '%.*s' is %zu bytes long, limits.label_length is %u",
                             SG__TOKEN(name.p, name.n), value.n, l->max_value);
    if (f->b->builder.count > l->max_labels)
        return sg__fault_set(f, SG_EINVALID, at, "more than %u labels, limits.labels_per_series",
                             l->max_labels);
    sg_labels_builder_add(&f->b->builder, name, value);
    return 0;
}

int sg__feed_series_full(struct sg__feed *f, const char *at)
{
    return sg__fault_set(f, SG_ELIMIT, at, "new series refused, limit series is reached");
}

const struct sg_labels *sg__feed_labels(struct sg__feed *f, const char *at, bool last_wins)
{
    struct sg_batcher *b = f->b;
    struct sg_error err = {0};
    const struct sg_labels *labels = last_wins ? sg_labels_builder_build(&b->builder)
                                               : sg_labels_builder_build_checked(&b->builder, &err);
    if (!labels) {
        (void)sg__fault_set(f, SG_EINVALID, at, "%s", err.text);
        return NULL;
    }
    if (f->extra && f->extra->count) {
        sg_labels_builder_load(&b->builder, labels);
        sg_labels_unref(labels);
        for (uint32_t i = 0; i < f->extra->count; i++) {
            struct sg_label l = sg_labels_at(f->extra, i);
            sg_labels_builder_set(&b->builder, l.name, l.value);
        }
        labels = sg_labels_builder_build(&b->builder);
    }
    return labels;
}

int sg__feed_birth(struct sg__feed *f, struct sg_hash128 key, const char *at, bool last_wins,
                   uint32_t *ret_series)
{
    struct sg_batcher *b = f->b;
    const struct sg_labels *labels = sg__feed_labels(f, at, last_wins);
    int r = 0;
    if (!labels)
        return SG_EINVALID;
    if (!sg_labels_get(labels, SG_METRIC_NAME).n)
        r = sg__fault_set(f, SG_EINVALID, at, "expected a metric name");
    else if (labels->count > b->config.limits.max_labels)
        r = sg__fault_set(f, SG_EINVALID, at, "%u labels, limits.labels_per_series is %u",
                          labels->count, b->config.limits.max_labels);
    if (r < 0) {
        sg_labels_unref(labels);
        return r;
    }
    *ret_series = sg__batcher_birth(b, key, labels);
    return *ret_series == SG_CELL_REJECTED ? sg__feed_series_full(f, at) : 0;
}

static bool is_name_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

size_t sg__sanitize(const char *p, size_t n, bool dashes, char *dst)
{
    size_t out = 0;
    bool dash = false; /* the last '_' stands for '-' */
    if (n && *p >= '0' && *p <= '9')
        dst[out++] = '_';
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)p[i];
        if (is_name_char(c)) {
            dst[out++] = (char)c;
            dash = false;
            i++;
            continue;
        }
        size_t len = sg_utf8_len(p + i, n - i);
        i += len ? len : 1; /* one '_' per character, not per byte */
        if (c == '-' && dash && dashes)
            continue;
        dst[out++] = '_';
        dash = c == '-';
    }
    return out;
}
