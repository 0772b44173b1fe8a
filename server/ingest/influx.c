/* influx.c - Influx line protocol.
 *
 *     measurement[,tag=value…] field=value[,field=value…] [timestamp]
 *
 * One series per field, named measurement_field; the field "value" gives just the measurement, and
 * the measurement "prometheus" (what Telegraf makes of scraped metrics) just the field, as
 * Telegraf's Prometheus outputs do. Names and tag keys become [a-zA-Z0-9_] like StatsD's. Floats,
 * integers (i, u) and booleans (1, 0) are samples; strings are counted and ignored. A line with a
 * fault gives no sample at all.
 */
#include <math.h>
#include <streamgauge/mem.h>

#include "influx.h"
#include "scan.h"

enum { MAX_FIELDS = 4096 };

const char *sg__influx_find(const char *s, const char *end, char a, char b)
{
    for (const char *at = s;; at++) {
        at = sg__find2(at, end, a, b);
        if (at == end || at == s || at[-1] != '\\')
            return at;
    }
}

static int add_field(struct sg__feed *f, struct sg__influx *x, struct sg_str key, double value)
{
    if (x->n_fields >= MAX_FIELDS)
        return sg__fault_set(f, SG_EINVALID, key.p, "more than %d fields in a line", MAX_FIELDS);
    if (x->n_fields == x->cap_fields)
        x->fields = sg_grow(x->fields, &x->cap_fields, x->n_fields + 1, sizeof(*x->fields));
    x->fields[x->n_fields++] = (struct sg__influx_field){key, value};
    return 0;
}

static const char *string_end(const char *s, const char *end)
{
    for (; s < end && *s != '"'; s++) {
        if (*s == '\\' && s + 1 < end)
            s++;
    }
    return s;
}

static bool parse_bool(struct sg_str text, double *ret)
{
    static const char *const yes[] = {"t", "T", "true", "True", "TRUE"};
    static const char *const no[] = {"f", "F", "false", "False", "FALSE"};
    for (size_t i = 0; i < SG_ARRAY_LEN(yes); i++) {
        if (sg_str_eq_c(text, yes[i]) || sg_str_eq_c(text, no[i])) {
            *ret = sg_str_eq_c(text, yes[i]);
            return true;
        }
    }
    return false;
}

static int bad_value(struct sg__feed *f, struct sg_str text)
{
    return sg__fault_set(f, SG_ESYNTAX, text.p,
                         "field value '%.*s', expected a number, 1i, 1u, true, false or \"text\"",
                         SG__TOKEN(text.p, text.n));
}

/* Integers by their own range: 64 bits are checked, then rounded to a double. */
static int parse_integer(struct sg__feed *f, struct sg_str text, double *ret)
{
    struct sg_str digits = sg_str_make(text.p, text.n - 1);
    int64_t i = 0;
    uint64_t u = 0;
    bool is_signed = text.p[text.n - 1] == 'i';
    int r = is_signed ? sg_i64_parse(digits.p, digits.n, &i) : sg_u64_parse(digits.p, digits.n, &u);
    if (r == SG_EINVALID)
        return sg__fault_set(f, SG_EINVALID, text.p, "integer '%.*s' does not fit 64 bits",
                             SG__TOKEN(text.p, text.n));
    if (r < 0)
        return bad_value(f, text);
    *ret = is_signed ? (double)i : (double)u;
    return 0;
}

/* A value that is no string, at s. *ret_end is behind it: at ',' or ' ' or end. */
static int parse_number(struct sg__feed *f, const char *s, const char *end, double *ret,
                        const char **ret_end)
{
    const char *stop = sg__number(s, end, ret);
    if (SG_LIKELY(stop && (stop == end || *stop == ',' || *stop == ' ') && isfinite(*ret))) {
        *ret_end = stop;
        return 0;
    }
    stop = sg__find2(s, end, ',', ' ');
    struct sg_str text = sg_str_make(s, (size_t)(stop - s));
    *ret_end = stop;
    if (text.n > 1 && (stop[-1] == 'i' || stop[-1] == 'u') && (sg__is_digit(*s) || *s == '-'))
        return parse_integer(f, text, ret);
    if (parse_bool(text, ret))
        return 0;
    if (text.n && sg__overflowed(s, *ret) && sg_double_parse_all(text.p, text.n, ret) == 0)
        return sg__fault_set(f, SG_EINVALID, s, "field value '%.*s' is out of range",
                             SG__TOKEN(text.p, text.n));
    return bad_value(f, text);
}

static int parse_field(struct sg__feed *f, struct sg__influx *x, const char **ps, const char *end)
{
    const char *s = *ps, *equal = sg__influx_find(s, end, '=', ' ');
    struct sg_str key = sg_str_make(s, (size_t)(equal - s));
    if (equal == end || *equal != '=')
        return sg__fault_set(f, SG_ESYNTAX, equal, "expected '=' behind the field '%.*s'",
                             SG__TOKEN(key.p, key.n));
    if (!key.n)
        return sg__fault_set(f, SG_ESYNTAX, s, "expected a field name in front of '='");
    s = equal + 1;
    if (s < end && *s == '"') {
        *ps = string_end(s + 1, end);
        if (*ps == end)
            return sg__fault_set(f, SG_ESYNTAX, s, "unterminated string, expected '\"'");
        ++*ps;
        x->n_strings++;
        return 0;
    }
    double value = 0;
    int r = parse_number(f, s, end, &value, ps);
    return r < 0 ? r : add_field(f, x, key, value);
}

static int parse_fields(struct sg__feed *f, struct sg__influx *x, const char **ps, const char *end)
{
    x->n_fields = 0;
    x->n_strings = 0;
    for (;; ++*ps) {
        int r = parse_field(f, x, ps, end);
        if (r < 0)
            return r;
        if (*ps == end || **ps == ' ')
            return 0;
        if (**ps != ',')
            return sg__fault_set(f, SG_ESYNTAX, *ps, "'%.*s', expected ',' or a space", 1, *ps);
    }
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int parse_time(struct sg_ingest_parser *p, const char *s, const char *end, int64_t *ret_ms)
{
    static const int64_t ns_per_ms = 1000000;
    s = sg__skip_blanks(s, end);
    while (end > s && sg__is_blank(end[-1]))
        end--;
    *ret_ms = p->f.now_ms;
    if (s == end)
        return 0;
    struct sg_str text = sg_str_make(s, (size_t)(end - s));
    int64_t t, unit = p->influx.unit_ns;
    if (sg__integer(text.p, text.n, &t) < 0)
        return sg__fault_set(&p->f, SG_ESYNTAX, s, "timestamp '%.*s', expected an integer",
                             SG__TOKEN(text.p, text.n));
    if (unit < ns_per_ms)
        *ret_ms = floor_div(t, ns_per_ms / unit);
    else if (__builtin_mul_overflow(t, unit / ns_per_ms, ret_ms))
        *ret_ms = INT64_MAX; /* the check below names it */
    return sg__feed_time(&p->f, *ret_ms, text);
}

static int emit(struct sg_ingest_parser *p, struct sg_str series, struct sg_hash128 series_hash,
                const struct sg__influx_field *field, int64_t time_ms)
{
    struct sg_hash128 h = sg__key_join(series_hash, sg_hash128(field->key.p, field->key.n));
    struct sg_hash128 key = sg__key(h, p->f.salt);
    int r = sg__batcher_reserve(p->f.b, 1);
    if (SG_UNLIKELY(r < 0))
        return r;
    uint32_t id = sg__batcher_find(p->f.b, key);
    if (SG_UNLIKELY(id >= SG_CELL_REJECTED)) {
        if (id == SG_CELL_REJECTED)
            return sg__feed_series_full(&p->f, series.p);
        r = sg__influx_birth(&p->f, key, series, field->key, &id);
        if (r < 0)
            return r;
    }
    sg__feed_sample(&p->f, id, SG_OP_SET, time_ms, field->value);
    return 0;
}

int sg__influx_line(struct sg_ingest_parser *p, const char *line, const char *end)
{
    struct sg__influx *x = &p->influx;
    const char *s = sg__skip_blanks(line, end);
    if (s == end || *s == '#')
        return 0;
    const char *key_end = sg__influx_find(s, end, ' ', ' ');
    struct sg_str series = sg_str_make(s, (size_t)(key_end - s));
    while (key_end < end && *key_end == ' ')
        key_end++;
    if (key_end == end)
        return sg__fault_set(&p->f, SG_ESYNTAX, end, "expected fields behind the measurement");
    const char *at = key_end;
    int64_t time_ms = p->f.now_ms;
    int r = parse_fields(&p->f, x, &at, end);
    if (r == 0)
        r = parse_time(p, at, end, &time_ms);
    if (r == 0 && x->n_fields == 0)
        r = sg__influx_check(&p->f, series); /* only strings: still no excuse for a bad series */
    if (r < 0)
        return r;
    p->result.ignored += x->n_strings;
    struct sg_hash128 hash = sg_hash128(series.p, series.n);
    for (size_t i = 0; r == 0 && i < x->n_fields; i++)
        r = emit(p, series, hash, &x->fields[i], time_ms);
    return r;
}
