/* prom_text.c - Prometheus text 0.0.4 and OpenMetrics 1.0, line by line.
 *
 * A line is `series value [timestamp] [# exemplar]`. The bytes of the series as they came are its
 * key. They end at the last
 * '}' of the line (a value or timestamp has none), found from behind without looking at the labels;
 * only an exemplar breaks that, and then, or when the series is new, the labels are read properly
 * and tell the true end.
 */
#include <math.h>

#include "parser.h"
#include "scan.h"

static const char *token_end(const char *s, const char *end)
{
    while (s < end && !sg__is_blank(*s))
        s++;
    return s;
}

static int parse_value(struct sg__feed *f, const char **ps, const char *end, double *ret)
{
    const char *s = *ps, *stop = s < end ? sg__number(s, end, ret) : NULL;
    if (SG_UNLIKELY(!stop || (stop < end && !sg__is_blank(*stop)))) {
        const char *e = token_end(s, end);
        return sg__fault_set(f, SG_ESYNTAX, s, "value '%.*s', expected a number",
                             SG__TOKEN(s, (size_t)(e - s)));
    }
    if (SG_UNLIKELY(!isfinite(*ret))) {
        if (sg__overflowed(s, *ret))
            return sg__fault_set(f, SG_EINVALID, s, "value '%.*s' is out of range",
                                 SG__TOKEN(s, (size_t)(stop - s)));
        if (isnan(*ret))
            *ret = sg_nan(); /* never a staleness marker */
    }
    *ps = stop;
    return 0;
}

/* Whole seconds and up to three decimals. False: something else. */
static bool plain_seconds(struct sg_str text, int64_t *ret_ms)
{
    const char *s = text.p, *end = s + text.n;
    int64_t v = 0, scale = 1000;
    if (text.n == 0 || text.n > 15)
        return false;
    while (s < end && sg__is_digit(*s))
        v = v * 10 + (*s++ - '0');
    if (s > text.p && s < end && *s == '.') {
        for (s++; s < end && sg__is_digit(*s) && scale > 1; scale /= 10)
            v = v * 10 + (*s++ - '0');
    }
    *ret_ms = v * scale;
    return s == end;
}

/* OpenMetrics: seconds, with fraction. */
static int parse_seconds(struct sg_str text, int64_t *ret_ms)
{
    if (SG_LIKELY(plain_seconds(text, ret_ms)))
        return 0;
    double seconds;
    if (sg_double_parse_all(text.p, text.n, &seconds) < 0 || !isfinite(seconds))
        return SG_ESYNTAX;
    double ms = floor(seconds * 1000 + 0.5);
    if (!(fabs(ms) < 9e18))
        return SG_ESYNTAX;
    *ret_ms = (int64_t)ms;
    return 0;
}

static int parse_timestamp(struct sg_ingest_parser *p, const char **ps, const char *end,
                           int64_t *ret_ms)
{
    const char *s = *ps, *e = token_end(s, end);
    struct sg_str text = sg_str_make(s, (size_t)(e - s));
    int r = p->prom.openmetrics ? parse_seconds(text, ret_ms) : sg__integer(text.p, text.n, ret_ms);
    if (r < 0)
        return sg__fault_set(&p->f, SG_ESYNTAX, s, "timestamp '%.*s', expected %s since 1970",
                             SG__TOKEN(s, text.n),
                             p->prom.openmetrics ? "seconds" : "integer milliseconds");
    *ps = e;
    return sg__feed_time(&p->f, *ret_ms, text);
}

/* What follows the series: value, timestamp, exemplar. */
static int parse_sample(struct sg_ingest_parser *p, const char *s, const char *end, double *ret_v,
                        int64_t *ret_ms)
{
    s = sg__skip_blanks(s, end);
    int r = parse_value(&p->f, &s, end, ret_v);
    if (r < 0)
        return r;
    *ret_ms = p->f.now_ms;
    p->prom.exemplar = NULL;
    s = sg__skip_blanks(s, end);
    if (s < end && *s != '#') {
        r = parse_timestamp(p, &s, end, ret_ms);
        if (r < 0)
            return r;
        s = sg__skip_blanks(s, end);
    }
    if (s == end)
        return 0;
    if (*s == '#' && (s = sg__skip_blanks(s + 1, end)) < end && *s == '{') {
        p->prom.exemplar = s;
        return 0;
    }
    return sg__fault_set(&p->f, SG_ESYNTAX, s, "'%.*s' behind the sample, expected the end of line",
                         SG__TOKEN(s, (size_t)(end - s)));
}

/* Where the series at s probably ends: exact for every valid line without exemplar. */
static const char *series_end(const char *s, const char *end)
{
    const char *brace = memrchr(s, '}', (size_t)(end - s));
    return brace ? brace + 1 : token_end(s, end);
}

/* The labels are in the builder. What comment lines said goes first, and may begin another batch.
 */
static int new_series(struct sg_ingest_parser *p, const char *s, struct sg_hash128 key,
                      uint32_t *ret_series)
{
    sg__prom_describe(p);
    int r = sg__batcher_reserve(p->f.b, 1);
    return r < 0 ? r : sg__feed_birth(&p->f, key, s, false, ret_series);
}

static struct sg_hash128 key_of(const struct sg_ingest_parser *p, const char *s, const char *end)
{
    return sg__key(sg_hash128(s, (size_t)(end - s)), p->f.salt);
}

/* "{labels} value [timestamp]" into *ret, the labels too. */
static int parse_exemplar(struct sg_ingest_parser *p, const char *s, const char *end,
                          struct sg_exemplar *ret)
{
    sg_labels_builder_reset(&p->f.b->builder);
    sg_buf_reset(&p->f.b->scratch);
    (void)sg_buf_reserve(&p->f.b->scratch, (size_t)(end - s));
    int r = sg__prom_label_set(&p->f, &s, end);
    if (r < 0)
        return r;
    s = sg__skip_blanks(s, end);
    r = parse_value(&p->f, &s, end, &ret->value);
    s = sg__skip_blanks(s, end);
    if (r == 0 && s < end)
        r = parse_timestamp(p, &s, end, &ret->time_ms);
    if (r == 0 && sg__skip_blanks(s, end) != end)
        r = SG_ESYNTAX;
    if (r == 0)
        ret->labels = sg_labels_builder_build_checked(&p->f.b->builder, NULL);
    return ret->labels ? 0 : SG_EINVALID;
}

/* The sample is taken already; an exemplar that is wrong is counted, and costs nothing else. */
static void keep_exemplar(struct sg_ingest_parser *p, const char *s, const char *end,
                          int64_t time_ms)
{
    struct sg_exemplar e = {.time_ms = time_ms};
    const char *series_end;
    if (parse_exemplar(p, p->prom.exemplar, end, &e) == 0 &&
        sg__prom_series(&p->f, s, end, &series_end) == 0)
        e.series = sg__feed_labels(&p->f, s, false);
    p->f.fault = (struct sg__fault){.mute = p->f.fault.mute};
    if (e.series) {
        sg_batch_add_exemplar_take(p->f.b->batch, e);
        return;
    }
    sg_labels_unref(e.labels);
    p->f.b->batch->refused_exemplars++;
}

static int sample_line(struct sg_ingest_parser *p, const char *s, const char *end)
{
    struct sg_batcher *b = p->f.b;
    const char *key_end = series_end(s, end);
    struct sg_hash128 key = key_of(p, s, key_end);
    int r = sg__batcher_reserve(b, 1);
    if (SG_UNLIKELY(r < 0))
        return r;
    uint32_t series = sg__batcher_find(b, key);
    if (SG_UNLIKELY(series >= SG_CELL_REJECTED)) {
        r = sg__prom_series(&p->f, s, end, &key_end);
        if (r < 0)
            return r;
        key = key_of(p, s, key_end);
        series = sg__batcher_find(b, key);
    }
    double value;
    int64_t time_ms;
    r = parse_sample(p, key_end, end, &value, &time_ms);
    if (SG_UNLIKELY(r < 0))
        return r;
    if (SG_UNLIKELY(series == SG_CELL_PENDING)) {
        r = new_series(p, s, key, &series);
        if (r < 0)
            return r;
    } else if (SG_UNLIKELY(series == SG_CELL_REJECTED)) {
        return sg__feed_series_full(&p->f, s);
    }
    sg__feed_sample(&p->f, series, SG_OP_SET, time_ms, value);
    if (SG_UNLIKELY(p->prom.exemplar))
        keep_exemplar(p, s, end, time_ms);
    return 0;
}

int sg__prom_line(struct sg_ingest_parser *p, const char *line, const char *end)
{
    const char *s = sg__skip_blanks(line, end);
    if (s == end)
        return 0;
    if (SG_UNLIKELY(p->prom.eof))
        return sg__fault_set(&p->f, SG_ESYNTAX, s, "text behind '# EOF'");
    if (*s == '#')
        return sg__prom_comment(p, s, end);
    return sample_line(p, s, end);
}

int sg__prom_finish(struct sg_ingest_parser *p)
{
    sg__prom_describe(p);
    if (p->prom.openmetrics && !p->prom.eof) {
        (void)sg__fault_set(&p->f, SG_ESYNTAX, NULL, "expected '# EOF' at the end: cut off?");
        sg__feed_reject_at(&p->f, p->line, 1);
    }
    return 0;
}
