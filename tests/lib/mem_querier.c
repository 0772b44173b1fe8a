/* mem_querier.c - series as sorted arrays, selection by trying every series. */
#include "mem_querier.h"
#include <math.h>
#include <streamgauge/histogram.h>
#include <streamgauge/hll.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

struct mem_series {
    const struct sg_labels *labels;
    struct sg_samples s; /* objects are references */
    uint32_t id;
};

struct sg_mem_store {
    struct mem_series **series;
    size_t n, cap;
    uint64_t generation;
    size_t selects;
};

struct sg_mem_store *sg_mem_store_new(void)
{
    return sg_calloc(1, sizeof(struct sg_mem_store));
}

static void unref_object(enum sg_value_kind kind, const void *obj)
{
    if (kind == SG_KIND_DISTINCT)
        sg_hll_unref(obj);
    else
        sg_histogram_unref(obj);
}

void sg_mem_store_clear(struct sg_mem_store *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct mem_series *one = m->series[i];
        for (size_t j = 0; one->s.obj && j < one->s.n; j++)
            unref_object(one->s.kind, one->s.obj[j]);
        sg_labels_unref(one->labels);
        sg_samples_deinit(&one->s);
        sg_free(one);
    }
    m->n = 0;
    m->generation++;
}

void sg_mem_store_free(struct sg_mem_store *m)
{
    sg_mem_store_clear(m);
    sg_free(m->series);
    sg_free(m);
}

size_t sg_mem_series_take(struct sg_mem_store *m, const struct sg_labels *labels)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->series[i]->labels->hash == labels->hash &&
            sg_labels_eq(m->series[i]->labels, labels)) {
            sg_labels_unref(labels);
            return i;
        }
    }
    struct mem_series *one = sg_calloc(1, sizeof(*one));
    one->labels = labels;
    one->id = (uint32_t)m->n;
    sg_samples_init(&one->s);
    m->series = sg_grow(m->series, &m->cap, m->n + 1, sizeof(struct mem_series *));
    m->series[m->n] = one;
    m->generation++;
    return m->n++;
}

/* First sample whose time is past t. */
static size_t past(const struct sg_samples *s, int64_t t)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->time_ms[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void insert(struct sg_mem_store *m, size_t series, int64_t time_ms, double v,
                   const void *obj, enum sg_value_kind kind)
{
    struct sg_samples *s = &m->series[series]->s;
    size_t at = past(s, time_ms);
    if (obj)
        sg_samples_want_objects(s, kind);
    if (at > 0 && s->time_ms[at - 1] == time_ms) {
        at--;
        if (s->obj)
            unref_object(s->kind, s->obj[at]);
    } else {
        sg_samples_reserve(s, s->n + 1);
        size_t tail = s->n - at;
        memmove(s->time_ms + at + 1, s->time_ms + at, tail * sizeof(*s->time_ms));
        memmove(s->v + at + 1, s->v + at, tail * sizeof(*s->v));
        if (s->obj)
            memmove(s->obj + at + 1, s->obj + at, tail * sizeof(*s->obj));
        s->n++;
    }
    s->time_ms[at] = time_ms;
    s->v[at] = v;
    if (s->obj)
        s->obj[at] = obj;
}

void sg_mem_append(struct sg_mem_store *m, size_t series, int64_t time_ms, double v)
{
    insert(m, series, time_ms, v, NULL, SG_KIND_FLOAT);
}

void sg_mem_append_histogram_take(struct sg_mem_store *m, size_t series, int64_t time_ms,
                                  const struct sg_histogram *h)
{
    insert(m, series, time_ms, h->count, h, SG_KIND_HISTOGRAM);
}

void sg_mem_append_distinct_take(struct sg_mem_store *m, size_t series, int64_t time_ms,
                                 const struct sg_hll *h)
{
    insert(m, series, time_ms, sg_hll_estimate(h), h, SG_KIND_DISTINCT);
}

/* ---- the table ---- */

static bool matches_all(const struct sg_labels *l, const struct sg_matcher *const *matchers,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sg_str v = sg_labels_get(l, matchers[i]->name);
        if (!sg_matcher_matches(matchers[i], v.p ? v : SG_STR("")))
            return false;
    }
    return true;
}

static int mem_select(struct sg_querier *q, const struct sg_matcher *const *matchers, size_t n,
                      struct sg_selection *ret, struct sg_error *reterr)
{
    struct sg_mem_store *m = q->ctx;
    m->selects++;
    for (size_t i = 0; i < m->n; i++) {
        if (!matches_all(m->series[i]->labels, matchers, n))
            continue;
        if (q->max_series && ret->n == q->max_series)
            return sg_error_set(reterr, SG_ELIMIT, "more than %zu series match (max_series)",
                                q->max_series);
        sg_selection_add(
            ret, (struct sg_selected){m->series[i]->id, m->series[i]->labels, m->series[i]});
    }
    return 0;
}

static void mem_read(struct sg_querier *q, const void *handle, int64_t after_ms, int64_t until_ms,
                     struct sg_samples *ret)
{
    const struct sg_samples *s = &((const struct mem_series *)handle)->s;
    (void)q;
    size_t lo = past(s, after_ms), hi = past(s, until_ms), n = hi > lo ? hi - lo : 0;
    sg_samples_reset(ret);
    sg_samples_reserve(ret, n);
    if (s->obj)
        sg_samples_want_objects(ret, s->kind);
    if (n == 0)
        return;
    memcpy(ret->time_ms, s->time_ms + lo, n * sizeof(*s->time_ms));
    memcpy(ret->v, s->v + lo, n * sizeof(*s->v));
    if (s->obj)
        memcpy(ret->obj, s->obj + lo, n * sizeof(*s->obj));
    ret->n = n;
}

static bool mem_last(struct sg_querier *q, const void *handle, int64_t after_ms, int64_t until_ms,
                     struct sg_sample *ret)
{
    const struct sg_samples *s = &((const struct mem_series *)handle)->s;
    (void)q;
    size_t at = past(s, until_ms);
    if (at == 0 || s->time_ms[at - 1] <= after_ms)
        return false;
    *ret = (struct sg_sample){s->time_ms[at - 1], s->v[at - 1], s->obj ? s->obj[at - 1] : NULL};
    return true;
}

static uint64_t mem_generation(struct sg_querier *q)
{
    return ((struct sg_mem_store *)q->ctx)->generation + 1;
}

static void mem_close(struct sg_querier *q)
{
    (void)q;
}

struct sg_querier sg_mem_querier(struct sg_mem_store *m)
{
    static const struct sg_querier_ops ops = {mem_select, mem_read, mem_last, mem_generation,
                                              mem_close};
    return (struct sg_querier){.ops = &ops, .ctx = m};
}

size_t sg_mem_selects(const struct sg_mem_store *m)
{
    return m->selects;
}

/* ---- text ---- */

struct text {
    const char *p, *end;
};

static void skip_space(struct text *t)
{
    while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\r'))
        t->p++;
}

static bool at_end(struct text *t)
{
    skip_space(t);
    return t->p == t->end;
}

static int syntax(struct text *t, const char *expected, struct sg_error *reterr)
{
    int n = t->end - t->p > 20 ? 20 : (int)(t->end - t->p);
    return sg_error_set(reterr, SG_ESYNTAX, "expected %s at \"%.*s\"", expected, n, t->p);
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
}

static struct sg_str word(struct text *t)
{
    const char *start = t->p;
    while (t->p < t->end && is_name(*t->p))
        t->p++;
    return sg_str_make(start, (size_t)(t->p - start));
}

static void put_utf8(struct sg_buf *out, unsigned c)
{
    if (c < 0x80) {
        sg_buf_putc(out, (char)c);
    } else if (c < 0x800) {
        sg_buf_putc(out, (char)(0xc0 | c >> 6));
        sg_buf_putc(out, (char)(0x80 | (c & 63)));
    } else {
        sg_buf_putc(out, (char)(0xe0 | c >> 12));
        sg_buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
        sg_buf_putc(out, (char)(0x80 | (c & 63)));
    }
}

static unsigned hex(const char *p, int n)
{
    unsigned v = 0;
    for (int i = 0; i < n; i++)
        v = v * 16 + (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    return v;
}

/* A quoted string with the usual escapes. */
static int quoted(struct text *t, struct sg_buf *out, struct sg_error *reterr)
{
    char quote = *t->p++;
    sg_buf_reset(out);
    for (; t->p < t->end && *t->p != quote; t->p++) {
        if (*t->p != '\\' || quote == '`' || t->p + 1 == t->end) {
            sg_buf_putc(out, *t->p);
            continue;
        }
        t->p++;
        if (*t->p == 'x' && t->end - t->p > 2) {
            sg_buf_putc(out, (char)hex(t->p + 1, 2));
            t->p += 2;
        } else if (*t->p == 'u' && t->end - t->p > 4) {
            put_utf8(out, hex(t->p + 1, 4));
            t->p += 4;
        } else {
            sg_buf_putc(out, *t->p == 'n' ? '\n' : *t->p == 't' ? '\t' : *t->p);
        }
    }
    if (t->p == t->end)
        return syntax(t, "a closing quote", reterr);
    t->p++;
    return 0;
}

static int label(struct text *t, struct sg_labels_builder *b, struct sg_buf *name,
                 struct sg_buf *value, struct sg_error *reterr)
{
    int rc = 0;
    if (*t->p == '"' || *t->p == '\'') {
        rc = quoted(t, name, reterr);
    } else {
        sg_buf_reset(name);
        sg_buf_put_str(name, word(t));
    }
    skip_space(t);
    if (rc < 0)
        return rc;
    if (t->p < t->end && *t->p != '=') { /* {"metric"} */
        sg_labels_builder_set(b, SG_METRIC_NAME, sg_buf_str(name));
        return 0;
    }
    if (t->p == t->end || !name->len)
        return syntax(t, "a label", reterr);
    t->p++;
    skip_space(t);
    if (t->p == t->end || (*t->p != '"' && *t->p != '\'' && *t->p != '`'))
        return syntax(t, "a label value", reterr);
    rc = quoted(t, value, reterr);
    if (rc == 0)
        sg_labels_builder_set(b, sg_buf_str(name), sg_buf_str(value));
    return rc;
}

static int labels(struct text *t, const struct sg_labels **ret, struct sg_error *reterr)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    SG_AUTO(sg_buf_deinit) struct sg_buf name, value;
    sg_labels_builder_init(&b);
    sg_buf_init(&name, 1 << 16);
    sg_buf_init(&value, 1 << 16);
    int rc = 0;
    skip_space(t);
    struct sg_str metric = word(t);
    if (metric.n)
        sg_labels_builder_set(&b, SG_METRIC_NAME, metric);
    else if (t->p == t->end || *t->p != '{')
        return syntax(t, "a series", reterr);
    if (t->p < t->end && *t->p == '{') {
        t->p++;
        for (;;) {
            skip_space(t);
            if (t->p < t->end && *t->p == ',')
                t->p++, skip_space(t);
            if (t->p == t->end)
                return syntax(t, "'}'", reterr);
            if (*t->p == '}')
                break;
            rc = label(t, &b, &name, &value, reterr);
            if (rc < 0)
                return rc;
        }
        t->p++;
    }
    *ret = sg_labels_builder_build(&b);
    return 0;
}

/* ---- values ---- */

static bool number(struct text *t, double *ret)
{
    ssize_t n = sg_double_parse(t->p, (size_t)(t->end - t->p), ret);
    if (n <= 0)
        return false;
    t->p += n;
    return true;
}

/* [1 2 3] into at most 256 numbers. */
static size_t number_list(struct text *t, double *dst)
{
    size_t n = 0;
    if (t->p < t->end && *t->p == '[')
        t->p++;
    for (skip_space(t); t->p < t->end && *t->p != ']' && n < 256; skip_space(t)) {
        if (!number(t, &dst[n++]))
            return 0;
        if (t->p < t->end && *t->p == ',')
            t->p++;
    }
    if (t->p < t->end)
        t->p++;
    return n;
}

struct hist_text {
    double schema, sum, count, z_bucket, z_bucket_w, offset, n_offset;
    double pos[256], neg[256], custom[256];
    size_t n_pos, n_neg, n_custom;
    int hint;
};

static int hist_field(struct text *t, struct hist_text *h, struct sg_error *reterr)
{
    const struct {
        const char *name;
        double *to;
    } numbers[] = {{"schema", &h->schema},    {"sum", &h->sum},
                   {"count", &h->count},      {"z_bucket", &h->z_bucket},
                   {"offset", &h->offset},    {"z_bucket_w", &h->z_bucket_w},
                   {"n_offset", &h->n_offset}};
    const char *const hints[] = {"unknown", "reset", "not_reset", "gauge"};
    struct sg_str name = word(t);
    if (name.n && name.p[name.n - 1] == ':') {
        name.n--; /* ':' counts as a name's character */
        t->p--;
    } else { /* "sum:5": the number was swallowed too */
        const char *colon = memchr(name.p, ':', name.n);
        if (!colon)
            return syntax(t, "a histogram field", reterr);
        t->p = colon;
        name.n = (size_t)(colon - name.p);
    }
    t->p++;
    if (sg_str_eq_c(name, "buckets"))
        return (h->n_pos = number_list(t, h->pos)), 0;
    if (sg_str_eq_c(name, "n_buckets"))
        return (h->n_neg = number_list(t, h->neg)), 0;
    if (sg_str_eq_c(name, "custom_values"))
        return (h->n_custom = number_list(t, h->custom)), 0;
    if (sg_str_eq_c(name, "counter_reset_hint")) {
        struct sg_str hint = word(t);
        for (int i = 0; i < 4; i++)
            if (sg_str_eq_c(hint, hints[i]))
                return (h->hint = i), 0;
        return syntax(t, "a counter reset hint", reterr);
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(numbers); i++)
        if (sg_str_eq_c(name, numbers[i].name))
            return number(t, numbers[i].to) ? 0 : syntax(t, "a number", reterr);
    return syntax(t, "a histogram field", reterr);
}

static struct sg_histogram *make_histogram(const struct hist_text *h)
{
    struct sg_histogram *r =
        sg_histogram_new((uint32_t)h->n_pos, (uint32_t)h->n_neg, (uint32_t)h->n_custom);
    r->schema = (int8_t)h->schema;
    r->reset_hint = (uint8_t)h->hint;
    r->sum = h->sum;
    r->count = h->count;
    r->zero_count = h->z_bucket;
    r->zero_threshold = h->z_bucket_w;
    for (size_t i = 0; i < h->n_pos; i++)
        r->buckets[i] = (struct sg_bucket){(int32_t)h->offset + (int32_t)i, h->pos[i]};
    for (size_t i = 0; i < h->n_neg; i++)
        r->buckets[h->n_pos + i] = (struct sg_bucket){(int32_t)h->n_offset + (int32_t)i, h->neg[i]};
    if (h->n_custom)
        memcpy(r->buckets + h->n_pos + h->n_neg, h->custom, h->n_custom * sizeof(double));
    return r;
}

static int histogram(struct text *t, struct sg_histogram **ret, struct sg_error *reterr)
{
    struct hist_text h = {0};
    t->p += 2;
    for (skip_space(t); t->p < t->end && *t->p != '}'; skip_space(t)) {
        int rc = hist_field(t, &h, reterr);
        if (rc < 0)
            return rc;
    }
    if (t->end - t->p < 2)
        return syntax(t, "'}}'", reterr);
    t->p += 2;
    *ret = make_histogram(&h);
    return 0;
}

static void add_value(struct sg_mem_line *l, bool omitted, double v, struct sg_histogram *h)
{
    l->values = sg_grow(l->values, &l->cap, l->n + 1, sizeof(*l->values));
    l->values[l->n++] = (struct sg_mem_value){omitted, v, h};
}

/* "x10" after a value: true and how often. */
static bool times(struct text *t, size_t *ret)
{
    double n;
    if (t->p == t->end || *t->p != 'x')
        return false;
    t->p++;
    if (!number(t, &n) || n < 0 || n > 1e6)
        return false;
    *ret = (size_t)n;
    return true;
}

static int histogram_values(struct text *t, struct sg_mem_line *l, struct sg_error *reterr)
{
    struct sg_histogram *first, *step = NULL, *next;
    size_t n;
    double sign = 1;
    int rc = histogram(t, &first, reterr);
    if (rc < 0)
        return rc;
    if (t->end - t->p > 2 && (*t->p == '+' || *t->p == '-')) {
        sign = *t->p++ == '+' ? 1 : -1;
        rc = histogram(t, &step, reterr);
    }
    add_value(l, false, first->count, first);
    if (rc == 0 && times(t, &n)) {
        for (size_t i = 0; i < n; i++) {
            if (!step)
                next = sg_histogram_scale(first, 1);
            else if (sg_histogram_combine(first, step, sign, &next) < 0)
                return syntax(t, "histograms that add up", reterr);
            if (step)
                next->reset_hint = step->reset_hint;
            else
                next->reset_hint = first->reset_hint;
            first = next;
            add_value(l, false, next->count, next);
        }
    }
    sg_histogram_unref(step);
    return rc;
}

static int value(struct text *t, struct sg_mem_line *l, struct sg_error *reterr)
{
    size_t n = 0;
    double v, step = 0;
    if (t->end - t->p > 2 && t->p[0] == '{' && t->p[1] == '{')
        return histogram_values(t, l, reterr);
    if (*t->p == '_') {
        t->p++;
        if (!times(t, &n))
            n = 1;
        for (size_t i = 0; i < n; i++)
            add_value(l, true, 0, NULL);
        return 0;
    }
    if (t->end - t->p >= 5 && !memcmp(t->p, "stale", 5)) {
        t->p += 5;
        add_value(l, false, sg_stale_nan(), NULL);
        return 0;
    }
    if (!number(t, &v))
        return syntax(t, "a value", reterr);
    if (t->p < t->end && (*t->p == '+' || *t->p == '-')) {
        double sign = *t->p++ == '-' ? -1 : 1;
        if (!number(t, &step))
            return syntax(t, "a step", reterr);
        step *= sign;
    }
    if (times(t, &n)) {
        for (size_t i = 0; i <= n; i++, v += step)
            add_value(l, false, v, NULL);
        return 0;
    }
    add_value(l, false, v, NULL);
    return 0;
}

int sg_mem_line_parse(struct sg_str text, struct sg_mem_line *ret, struct sg_error *reterr)
{
    struct text t = {text.p, text.p + text.n};
    *ret = (struct sg_mem_line){0};
    int rc = labels(&t, &ret->labels, reterr);
    while (rc == 0 && !at_end(&t))
        rc = value(&t, ret, reterr);
    return rc;
}

void sg_mem_line_deinit(struct sg_mem_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        sg_histogram_unref(l->values[i].h);
    sg_free(l->values);
    sg_labels_unref(l->labels);
    *l = (struct sg_mem_line){0};
}

void sg_mem_add_line(struct sg_mem_store *m, const struct sg_mem_line *l, int64_t start_ms,
                     int64_t step_ms)
{
    size_t series = sg_mem_series_take(m, sg_labels_ref(l->labels));
    for (size_t i = 0; i < l->n; i++) {
        int64_t t = start_ms + (int64_t)i * step_ms;
        if (l->values[i].omitted)
            continue;
        if (l->values[i].h)
            sg_mem_append_histogram_take(m, series, t, sg_histogram_ref(l->values[i].h));
        else
            sg_mem_append(m, series, t, l->values[i].v);
    }
}

int sg_mem_load(struct sg_mem_store *m, struct sg_str text, struct sg_error *reterr)
{
    int64_t step_ms = 60000;
    uint32_t line_no = 0;
    while (text.p) {
        struct sg_str line = sg_str_trim(sg_str_split(&text, '\n'));
        struct sg_mem_line l;
        line_no++;
        if (!line.n || line.p[0] == '#')
            continue;
        int rc = 0;
        if (sg_str_starts_with(line, SG_STR("load "))) {
            rc = sg_duration_parse(sg_str_trim(sg_str_make(line.p + 5, line.n - 5)), &step_ms,
                                   reterr);
        } else {
            rc = sg_mem_line_parse(line, &l, reterr);
            if (rc == 0)
                sg_mem_add_line(m, &l, 0, step_ms);
            sg_mem_line_deinit(&l);
        }
        if (rc < 0)
            return sg_error_wrap(reterr, "line %u", line_no);
    }
    return 0;
}
