/* api_json.c - values and results as Prometheus writes them. */
#include <streamgauge/num.h>
#include <string.h>

#include "net/api.h"

/* A point takes at most that: a time of 20 digits, a value, brackets. */
#define POINT_MAX 96
/* Points between two looks at how much has gathered. */
#define POINTS_PER_FLUSH 2048

static size_t put_time(char *dst, int64_t ms)
{
    size_t n = 0;
    if (ms < 0)
        dst[n++] = '-';
    uint64_t abs = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    n += sg_u64_format(abs / 1000, dst + n);
    unsigned fraction = (unsigned)(abs % 1000);
    if (fraction) {
        dst[n++] = '.';
        dst[n++] = (char)('0' + fraction / 100);
        dst[n++] = (char)('0' + fraction / 10 % 10);
        dst[n++] = (char)('0' + fraction % 10);
    }
    return n;
}

void sg__json_time(struct sg_buf *b, int64_t ms)
{
    if (sg_buf_reserve(b, 32) == 0)
        b->len += put_time(b->data + b->len, ms);
}

void sg__json_value(struct sg_buf *b, double v)
{
    if (sg_buf_reserve(b, SG_DOUBLE_MAX + 2) < 0)
        return;
    char *p = b->data + b->len;
    size_t n = sg_double_format(v, p + 1);
    p[0] = '"';
    p[n + 1] = '"';
    b->len += n + 2;
}

/* [t,"v"]; room for POINT_MAX is there. */
static void put_point(struct sg_buf *b, int64_t ms, double v)
{
    char *start = b->data + b->len, *p = start;
    *p++ = '[';
    p += put_time(p, ms);
    *p++ = ',';
    *p++ = '"';
    p += sg_double_format(v, p);
    *p++ = '"';
    *p++ = ']';
    b->len += (size_t)(p - start);
}

/* ---- histograms ---- */

struct bucket {
    double lower, upper, count;
    bool lower_included, upper_included;
};

static void put_bucket(struct sg_buf *b, const struct bucket *k, bool *any)
{
    if (k->count == 0)
        return;
    int boundaries = k->lower_included ? (k->upper_included ? 3 : 1) : (k->upper_included ? 0 : 2);
    sg_buf_printf(b, "%s[%d,", *any ? "," : ",\"buckets\":[", boundaries);
    sg__json_value(b, k->lower);
    sg_buf_putc(b, ',');
    sg__json_value(b, k->upper);
    sg_buf_putc(b, ',');
    sg__json_value(b, k->count);
    sg_buf_putc(b, ']');
    *any = true;
}

static double custom_bound(const struct sg_histogram *h, int64_t i)
{
    if (i < 0)
        return -1.0 / 0.0;
    return (uint64_t)i >= h->n_custom ? 1.0 / 0.0 : sg_histogram_custom(h)[i];
}

static void put_custom(struct sg_buf *b, const struct sg_histogram *h, bool *any)
{
    for (uint32_t i = 0; i < h->n_positive; i++) {
        const struct sg_bucket *s = &sg_histogram_positive(h)[i];
        struct bucket k = {.lower = custom_bound(h, (int64_t)s->index - 1),
                           .upper = custom_bound(h, s->index),
                           .count = s->count,
                           .lower_included = s->index == 0,
                           .upper_included = true};
        put_bucket(b, &k, any);
    }
}

/* Buckets next to the zero bucket give way to it. */
static void put_exponential(struct sg_buf *b, const struct sg_histogram *h, bool *any)
{
    double zero = h->zero_threshold;
    for (uint32_t i = h->n_negative; i-- > 0;) {
        const struct sg_bucket *s = &sg_histogram_negative(h)[i];
        struct bucket k = {.lower = -sg_histogram_bound(h->schema, s->index),
                           .upper = -sg_histogram_bound(h->schema, s->index - 1),
                           .count = s->count,
                           .lower_included = true};
        k.upper = k.upper > -zero ? -zero : k.upper;
        put_bucket(b, &k, any);
    }
    if (h->zero_count > 0) {
        struct bucket k = {-zero, zero, h->zero_count, true, true};
        put_bucket(b, &k, any);
    }
    for (uint32_t i = 0; i < h->n_positive; i++) {
        const struct sg_bucket *s = &sg_histogram_positive(h)[i];
        struct bucket k = {.lower = sg_histogram_bound(h->schema, s->index - 1),
                           .upper = sg_histogram_bound(h->schema, s->index),
                           .count = s->count,
                           .upper_included = true};
        k.lower = k.lower < zero ? zero : k.lower;
        put_bucket(b, &k, any);
    }
}

void sg__json_histogram(struct sg_buf *b, const struct sg_histogram *h)
{
    bool any = false;
    sg_buf_puts(b, "{\"count\":");
    sg__json_value(b, h->count);
    sg_buf_puts(b, ",\"sum\":");
    sg__json_value(b, h->sum);
    if (h->schema == SG_HISTOGRAM_SCHEMA_CUSTOM)
        put_custom(b, h, &any);
    else
        put_exponential(b, h, &any);
    sg_buf_puts(b, any ? "]}" : "}");
}

static void put_histogram_point(struct sg_buf *b, int64_t ms, const struct sg_histogram *h)
{
    sg_buf_putc(b, '[');
    sg__json_time(b, ms);
    sg_buf_putc(b, ',');
    sg__json_histogram(b, h);
    sg_buf_putc(b, ']');
}

/* ---- results ---- */

static void put_sample(struct sg_buf *b, const struct sg_promql_series *s)
{
    const struct sg_histogram *h = s->h ? s->h[0] : NULL;
    sg_buf_puts(b, "{\"metric\":");
    sg_labels_print_json(s->labels ? s->labels : sg_labels_empty(), b);
    sg_buf_puts(b, h ? ",\"histogram\":" : ",\"value\":");
    if (h)
        put_histogram_point(b, s->time_ms[0], h);
    else if (sg_buf_reserve(b, POINT_MAX) == 0)
        put_point(b, s->time_ms[0], s->v[0]);
    sg_buf_putc(b, '}');
}

/* "values":[…] or "histograms":[…]: the points that are the one or the other. */
static void put_points(struct sg_net_exchange *x, const struct sg_promql_series *s, bool histograms)
{
    struct sg_buf *b = &x->out;
    bool any = false;
    for (size_t i = 0; i < s->n && !b->failed; i++) {
        const struct sg_histogram *h = s->h ? s->h[i] : NULL;
        if (!h == histograms)
            continue;
        if (any)
            sg_buf_putc(b, ',');
        else
            sg_buf_puts(b, histograms ? ",\"histograms\":[" : ",\"values\":[");
        any = true;
        if (h)
            put_histogram_point(b, s->time_ms[i], h);
        else if (sg_buf_reserve(b, POINT_MAX) == 0)
            put_point(b, s->time_ms[i], s->v[i]);
        if (i % POINTS_PER_FLUSH == POINTS_PER_FLUSH - 1 && sg_net_exchange_flush(x) < 0)
            return;
    }
    if (any)
        sg_buf_putc(b, ']');
}

static void put_series(struct sg_net_exchange *x, const struct sg_promql_series *s)
{
    sg_buf_puts(&x->out, "{\"metric\":");
    sg_labels_print_json(s->labels ? s->labels : sg_labels_empty(), &x->out);
    put_points(x, s, false);
    if (s->h)
        put_points(x, s, true);
    sg_buf_putc(&x->out, '}');
}

/* [t,"v"] of a scalar, whose time and value come by other printers there: 1.5 and never 1e-07. */
static void put_scalar(struct sg_buf *b, const struct sg_promql_series *s)
{
    char text[400];
    sg_buf_putc(b, '[');
    sg_buf_put_double(b, (double)s->time_ms[0] / 1000);
    sg_buf_puts(b, ",\"");
    sg_buf_append(b, text, sg_double_format_f(s->v[0], text));
    sg_buf_puts(b, "\"]");
}

static void put_string(struct sg_buf *b, const struct sg_promql_result *r)
{
    sg_buf_putc(b, '[');
    sg_buf_put_double(b, (double)r->time_ms / 1000);
    sg_buf_putc(b, ',');
    sg_buf_put_json_str(b, r->string);
    sg_buf_putc(b, ']');
}

static const char *kind_text(const struct sg_promql_result *r)
{
    if (r->range)
        return "matrix";
    switch (r->kind) {
    case SG_RESULT_SCALAR:
        return "scalar";
    case SG_RESULT_STRING:
        return "string";
    case SG_RESULT_VECTOR:
        return "vector";
    case SG_RESULT_MATRIX:
        break;
    }
    return "matrix";
}

void sg__json_result(struct sg_net_exchange *x, const struct sg_promql_result *r, size_t limit)
{
    struct sg_buf *b = &x->out;
    size_t n = limit && limit < r->n ? limit : r->n;
    sg_buf_printf(b, "\"resultType\":\"%s\",\"result\":", kind_text(r));
    if (r->kind == SG_RESULT_STRING && !r->range) {
        put_string(b, r);
        return;
    }
    if (r->kind == SG_RESULT_SCALAR && !r->range) {
        put_scalar(b, &r->series[0]);
        return;
    }
    sg_buf_putc(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            sg_buf_putc(b, ',');
        if (r->range || r->kind == SG_RESULT_MATRIX)
            put_series(x, &r->series[i]);
        else
            put_sample(b, &r->series[i]);
        if (sg_net_exchange_flush(x) < 0)
            return;
    }
    sg_buf_putc(b, ']');
}
