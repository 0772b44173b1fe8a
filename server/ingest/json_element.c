/* json_element.c - one JSON sample, read in one pass without copying; strings are decoded for new
 * series only.
 *
 *     {"metric": "orders", "labels": {"shop": "a"}, "value": 3, "timestamp": 1764000000000}
 *
 * An unknown key is a fault that names it: a label beside "labels" would be lost silently
 * otherwise. value may be the string "NaN", "+Inf", "-Inf" or "Inf". labels and timestamp may be
 * null or missing.
 */
#include <math.h>

#include "json.h"
#include "scan.h"

enum key { KEY_METRIC = 1, KEY_LABELS = 2, KEY_VALUE = 4, KEY_TIME = 8 };

struct element {
    struct sg_str metric; /* raw, with quotes */
    struct sg_str labels; /* raw, from '{' to '}'; n == 0: none */
    double value;
    int64_t time_ms;
    unsigned seen; /* enum key */
};

static const char *skip_space(const char *s, const char *end)
{
    SG_DCHECK(s);
    while (s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
        s++;
    return s;
}

static int expected(struct sg__feed *f, const char *s, const char *end, const char *what)
{
    if (s == end)
        return SG_EMORE;
    return sg__fault_set(f, SG_ESYNTAX, s, "'%.*s', expected %s",
                         (int)(end - s < 12 ? end - s : 12), s, what);
}

/* The raw string at *ps, which becomes what follows it. */
static int raw_string(struct sg__feed *f, const char **ps, const char *end, const char *what,
                      struct sg_str *ret)
{
    const char *start = *ps, *s = start + 1;
    if (start == end || *start != '"')
        return expected(f, start, end, what);
    for (;; s += 2) {
        s = sg__find2(s, end, '"', '\\');
        if (s == end || (*s == '\\' && end - s < 2))
            return SG_EMORE;
        if (*s == '"')
            break;
    }
    *ret = sg_str_make(start, (size_t)(s + 1 - start));
    *ps = s + 1;
    return 0;
}

static int colon(struct sg__feed *f, const char **ps, const char *end)
{
    const char *s = skip_space(*ps, end);
    if (s == end || *s != ':')
        return expected(f, s, end, "':'");
    *ps = skip_space(s + 1, end);
    return *ps == end ? SG_EMORE : 0;
}

/* null at *ps: 1, and *ps is behind it. Not null: 0. */
static int null_value(const char **ps, const char *end)
{
    size_t n = (size_t)(end - *ps);
    if (n < 4)
        return memcmp(*ps, "null", n) == 0 ? SG_EMORE : 0;
    if (memcmp(*ps, "null", 4) != 0)
        return 0;
    *ps += 4;
    return 1;
}

/* Between members: 1 behind a ',', 0 behind the '}'. */
static int next_member(struct sg__feed *f, const char **ps, const char *end)
{
    const char *s = skip_space(*ps, end);
    if (s == end || (*s != ',' && *s != '}'))
        return expected(f, s, end, "',' or '}'");
    *ps = skip_space(s + 1, end);
    if (*s == '}') {
        *ps = s + 1;
        return 0;
    }
    return *ps == end ? SG_EMORE : 1;
}

/* The members of "labels": only their shape is looked at; with `add` they go to the builder. */
static int label_members(struct sg__feed *f, const char **ps, const char *end, bool add)
{
    struct sg_buf *out = &f->b->scratch;
    struct sg_str key, value, name, text;
    const char *s = skip_space(*ps + 1, end);
    int r = 1;
    if (s < end && *s == '}') {
        s++;
        r = 0;
    }
    while (r > 0) {
        const char *at = s;
        r = raw_string(f, &s, end, "a label name or '}'", &key);
        if (r == 0)
            r = colon(f, &s, end);
        if (r == 0)
            r = raw_string(f, &s, end, "a string: label values are strings", &value);
        if (r == 0 && add) {
            sg_buf_reset(out);
            (void)sg_buf_reserve(out, key.n + value.n); /* `name` must not move */
            r = sg__json_string(f, key, out, &name);
            if (r == 0)
                r = sg__json_string(f, value, out, &text);
            if (r == 0 && sg_str_eq(name, SG_METRIC_NAME))
                r = sg__fault_set(f, SG_EINVALID, at,
                                  "label '__name__', the name belongs in \"metric\"");
            if (r == 0)
                r = sg__feed_label(f, name, text, at);
        }
        if (r == 0)
            r = next_member(f, &s, end);
    }
    *ps = s;
    return r;
}

/* The length of a JSON number at s, 0 when it is none. */
static size_t number_length(const char *s, const char *end)
{
    const char *p = s;
    p += p < end && *p == '-';
    if (p == end || !sg__is_digit(*p))
        return 0;
    if (*p == '0' && p + 1 < end && sg__is_digit(p[1]))
        return 0;
    while (p < end && sg__is_digit(*p))
        p++;
    if (p < end && *p == '.') {
        if (++p == end || !sg__is_digit(*p))
            return 0;
        while (p < end && sg__is_digit(*p))
            p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '-' || *p == '+');
        if (p == end || !sg__is_digit(*p))
            return 0;
        while (p < end && sg__is_digit(*p))
            p++;
    }
    return (size_t)(p - s);
}

/* The end of a scalar that is no string. */
static const char *token_end(const char *s, const char *end)
{
    while (s < end && *s != ',' && *s != '}' && *s != ']' && (unsigned char)*s > ' ')
        s++;
    return s;
}

static int special_value(struct sg__feed *f, const char **ps, const char *end, double *ret)
{
    const char *at = *ps;
    struct sg_str raw = {at, 0};
    int r = raw_string(f, ps, end, "a number", &raw);
    if (r < 0)
        return r;
    if (sg_str_eq_c(raw, "\"NaN\""))
        *ret = sg_nan();
    else if (sg_str_eq_c(raw, "\"+Inf\"") || sg_str_eq_c(raw, "\"Inf\""))
        *ret = (double)INFINITY;
    else if (sg_str_eq_c(raw, "\"-Inf\""))
        *ret = -(double)INFINITY;
    else
        return sg__fault_set(f, SG_EINVALID, at,
                             "value %.*s, expected a number or \"NaN\", \"+Inf\", \"-Inf\"",
                             SG__TOKEN(raw.p, raw.n));
    return 0;
}

static int read_value(struct sg__feed *f, const char **ps, const char *end, double *ret)
{
    const char *s = *ps;
    if (*s == '"')
        return special_value(f, ps, end, ret);
    const char *e = token_end(s, end);
    if (e == end)
        return SG_EMORE;
    size_t n = (size_t)(e - s);
    if (n == 0 || number_length(s, e) != n || sg__number(s, e, ret) != e)
        return sg__fault_set(f, SG_ESYNTAX, s, "value '%.*s', expected a number",
                             SG__TOKEN(s, n ? n : 1));
    if (!isfinite(*ret))
        return sg__fault_set(f, SG_EINVALID, s, "value '%.*s' is out of range", SG__TOKEN(s, n));
    *ps = e;
    return 0;
}

static int read_time(struct sg__feed *f, const char **ps, const char *end, int64_t *ret)
{
    const char *s = *ps, *e = token_end(s, end);
    int r = null_value(ps, end);
    if (r != 0)
        return r < 0 ? r : 0;
    if (e == end)
        return SG_EMORE;
    size_t n = (size_t)(e - s);
    if (number_length(s, e) != n || sg__integer(s, n, ret) < 0)
        return sg__fault_set(f, SG_ESYNTAX, s,
                             "timestamp '%.*s', expected integer milliseconds since 1970",
                             SG__TOKEN(s, n ? n : 1));
    *ps = e;
    return sg__feed_time(f, *ret, sg_str_make(s, n));
}

static int read_labels(struct sg__feed *f, const char **ps, const char *end, struct sg_str *ret)
{
    const char *start = *ps;
    int r = null_value(ps, end);
    if (r != 0)
        return r < 0 ? r : 0;
    if (*start != '{')
        return expected(f, start, end, "an object of labels");
    r = label_members(f, ps, end, false);
    *ret = sg_str_make(start, (size_t)(*ps - start));
    return r;
}

static bool is_key(struct sg_str raw, struct sg_str key)
{
    return memcmp(raw.p, key.p, key.n) == 0;
}

static enum key key_of(struct sg_str raw)
{
    switch (raw.n) {
    case 7:
        return is_key(raw, SG_STR("\"value\"")) ? KEY_VALUE : 0;
    case 8:
        if (is_key(raw, SG_STR("\"metric\"")))
            return KEY_METRIC;
        return is_key(raw, SG_STR("\"labels\"")) ? KEY_LABELS : 0;
    case 11:
        return is_key(raw, SG_STR("\"timestamp\"")) ? KEY_TIME : 0;
    default:
        return 0;
    }
}

static int read_member(struct sg__feed *f, const char **ps, const char *end, struct element *e)
{
    const char *at = *ps;
    struct sg_str raw = {at, 0};
    int r = raw_string(f, ps, end, "a key or '}'", &raw);
    if (r < 0)
        return r;
    enum key key = key_of(raw);
    if (!key)
        return sg__fault_set(f, SG_EINVALID, at,
                             "unknown key %.*s, expected \"metric\", \"labels\", \"value\" or "
                             "\"timestamp\"",
                             SG__TOKEN(raw.p, raw.n));
    if (e->seen & key)
        return sg__fault_set(f, SG_EINVALID, at, "key %.*s is given twice",
                             SG__TOKEN(raw.p, raw.n));
    e->seen |= key;
    r = colon(f, ps, end);
    if (r < 0)
        return r;
    switch (key) {
    case KEY_METRIC:
        return raw_string(f, ps, end, "a string: the metric's name", &e->metric);
    case KEY_LABELS:
        return read_labels(f, ps, end, &e->labels);
    case KEY_VALUE:
        return read_value(f, ps, end, &e->value);
    default:
        return read_time(f, ps, end, &e->time_ms);
    }
}

static int birth(struct sg__feed *f, struct sg_hash128 key, const struct element *e,
                 uint32_t *ret_series)
{
    struct sg_str name;
    sg_labels_builder_reset(&f->b->builder);
    sg_buf_reset(&f->b->scratch);
    int r = sg__json_string(f, e->metric, &f->b->scratch, &name);
    if (r == 0)
        r = sg__feed_label(f, SG_METRIC_NAME, name, e->metric.p);
    if (r == 0 && e->labels.n) {
        const char *s = e->labels.p;
        r = label_members(f, &s, s + e->labels.n, true);
    }
    return r < 0 ? r : sg__feed_birth(f, key, e->metric.p, false, ret_series);
}

static int emit(struct sg_ingest_parser *p, const struct element *e)
{
    struct sg_hash128 key = sg_hash128(e->metric.p, e->metric.n);
    if (e->labels.n)
        key = sg__key_join(key, sg_hash128(e->labels.p, e->labels.n));
    key = sg__key(key, p->f.salt);
    int r = sg__batcher_reserve(p->f.b, 1);
    if (r < 0)
        return r;
    uint32_t series = sg__batcher_find(p->f.b, key);
    if (SG_UNLIKELY(series >= SG_CELL_REJECTED)) {
        if (series == SG_CELL_REJECTED)
            return sg__feed_series_full(&p->f, e->metric.p);
        r = birth(&p->f, key, e, &series);
        if (r < 0)
            return r;
    }
    sg__feed_sample(&p->f, series, SG_OP_SET, e->time_ms, e->value);
    return 0;
}

int sg__json_element(struct sg_ingest_parser *p, const char *s, const char *end,
                     const char **ret_end)
{
    struct element e = {.labels = {s, 0}, .time_ms = p->f.now_ms};
    const char *start = s;
    s = skip_space(s + 1, end);
    int r = 1;
    if (s < end && *s == '}') {
        s++;
        r = 0;
    }
    while (r > 0) {
        r = read_member(&p->f, &s, end, &e);
        if (r == 0)
            r = next_member(&p->f, &s, end);
    }
    if (r < 0)
        return r;
    if (!(e.seen & KEY_METRIC))
        return sg__fault_set(&p->f, SG_EINVALID, start, "expected the key \"metric\"");
    if (!(e.seen & KEY_VALUE))
        return sg__fault_set(&p->f, SG_EINVALID, start, "expected the key \"value\" (metric %.*s)",
                             SG__TOKEN(e.metric.p, e.metric.n));
    *ret_end = s;
    return emit(p, &e);
}
