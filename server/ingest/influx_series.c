/* influx_series.c - measurement, tags and field of an Influx series seen for the first time. */
#include "influx.h"

/* Appends s without the backslashes that protect `,`, `=` and a space; others are themselves. */
static struct sg_str unescape(struct sg_buf *out, struct sg_str s)
{
    size_t start = out->len;
    for (size_t i = 0; i < s.n; i++) {
        char next = i + 1 < s.n ? s.p[i + 1] : '\0';
        if (s.p[i] == '\\' && (next == ',' || next == '=' || next == ' '))
            i++;
        (void)sg_buf_putc(out, s.p[i]);
    }
    return sg_str_make(out->data + start, out->len - start);
}

static struct sg_str sanitize(struct sg_buf *out, struct sg_str s)
{
    size_t start = out->len;
    out->len += sg__sanitize(s.p, s.n, false, out->data + start);
    return sg_str_make(out->data + start, out->len - start);
}

/* Room for everything this file does with one label, so that no pointer into scratch moves. */
static int make_scratch(struct sg__feed *f, const char *at, size_t n)
{
    sg_buf_reset(&f->b->scratch);
    if (sg_buf_reserve(&f->b->scratch, 2 * n + 64) == 0)
        return 0;
    return sg__fault_set(f, SG_EINVALID, at, "series is too long");
}

static int check_length(struct sg__feed *f, struct sg_str s, const char *what)
{
    if (s.n <= f->b->config.limits.max_name)
        return 0;
    return sg__fault_set(f, SG_EINVALID, s.p,
                         "%s '%.*s...' is %zu bytes long, limits.label_length is %u", what,
                         SG__TOKEN(s.p, s.n), s.n, f->b->config.limits.max_name);
}

static int add_tag(struct sg__feed *f, struct sg_str key, struct sg_str value)
{
    struct sg_buf *out = &f->b->scratch;
    int r = check_length(f, key, "tag");
    if (r == 0)
        r = make_scratch(f, key.p, key.n + value.n);
    if (r < 0)
        return r;
    struct sg_str name = sanitize(out, unescape(out, key));
    if (sg_str_eq(name, SG_METRIC_NAME))
        return sg__fault_set(f, SG_EINVALID, key.p, "tag '__name__' is reserved");
    return sg__feed_label(f, name, unescape(out, value), key.p);
}

/* The tags behind the measurement; s is at a ',' or at end. */
static int add_tags(struct sg__feed *f, const char *s, const char *end)
{
    while (s < end) {
        struct sg_str key, value;
        const char *equal = sg__influx_find(++s, end, '=', ',');
        key = sg_str_make(s, (size_t)(equal - s));
        if (equal == end || *equal != '=' || !key.n)
            return sg__fault_set(f, SG_ESYNTAX, key.n ? equal : s, "expected tag=value behind ','");
        s = sg__influx_find(equal + 1, end, ',', '=');
        value = sg_str_make(equal + 1, (size_t)(s - equal - 1));
        if (s < end && *s == '=')
            return sg__fault_set(f, SG_ESYNTAX, s, "'=' in a tag value, expected '\\='");
        if (!value.n)
            return sg__fault_set(f, SG_ESYNTAX, s, "expected a value for the tag '%.*s'",
                                 SG__TOKEN(key.p, key.n));
        int r = add_tag(f, key, value);
        if (r < 0)
            return r;
    }
    return 0;
}

/* measurement_field, the measurement alone or the field alone. */
static int add_name(struct sg__feed *f, struct sg_str measurement, struct sg_str field)
{
    struct sg_buf *out = &f->b->scratch;
    int r = check_length(f, measurement, "measurement");
    if (r == 0)
        r = check_length(f, field, "field");
    if (r == 0)
        r = make_scratch(f, measurement.p, measurement.n + field.n);
    if (r < 0)
        return r;
    bool has_measurement = !sg_str_eq_c(measurement, "prometheus") || !field.n;
    bool has_field = !sg_str_eq_c(field, "value") || !has_measurement;
    size_t start = out->len;
    if (has_measurement)
        (void)unescape(out, measurement);
    if (has_measurement && has_field)
        (void)sg_buf_putc(out, '_');
    if (has_field)
        (void)unescape(out, field);
    struct sg_str raw = sg_str_make(out->data + start, out->len - start);
    return sg__feed_label(f, SG_METRIC_NAME, sanitize(out, raw), measurement.p);
}

static int read_series(struct sg__feed *f, struct sg_str series, struct sg_str field)
{
    const char *end = series.p + series.n;
    const char *comma = sg__influx_find(series.p, end, ',', ',');
    struct sg_str measurement = sg_str_make(series.p, (size_t)(comma - series.p));
    sg_labels_builder_reset(&f->b->builder);
    if (!measurement.n)
        return sg__fault_set(f, SG_ESYNTAX, series.p, "expected a measurement");
    int r = sg__feed_utf8(f, series.p, series.n);
    if (r == 0)
        r = sg__feed_utf8(f, field.p, field.n);
    if (r == 0)
        r = add_name(f, measurement, field);
    return r < 0 ? r : add_tags(f, comma, end);
}

int sg__influx_check(struct sg__feed *f, struct sg_str series)
{
    return read_series(f, series, SG_STR("value"));
}

int sg__influx_birth(struct sg__feed *f, struct sg_hash128 key, struct sg_str series,
                     struct sg_str field, uint32_t *ret_series)
{
    int r = read_series(f, series, field);
    return r < 0 ? r : sg__feed_birth(f, key, series.p, false, ret_series);
}
