/* statsd.c - StatsD and DogStatsD lines.
 *
 * Nearly every line has one value and is read in one pass by quick_line: find ':', read a number,
 * look at the type and the fields, hash name and tags, one probe. Whatever it does not know (packed
 * values, several samples, timestamps, sets) or does not like goes through full_line, which knows
 * the whole grammar and its errors.
 *
 * What becomes of each type: c adds to a cumulative counter (value / rate); g sets a gauge or, with
 * a sign, changes it; ms (in seconds), h and d are observations, weighted 1 / rate; s adds a
 * member. A counter must not decrease and nothing but a gauge may be NaN or infinite: one such
 * value would spoil an aggregate for good. `|T` dates counters and gauges; a dated gauge is a plain
 * sample. The rate of gauges and sets has no meaning and is ignored, as in statsd_exporter.
 */
#include <math.h>

#include "parser.h"
#include "scan.h"
#include "statsd.h"

enum { FORMAT_SALT = SG_INGEST_STATSD + 1 };

/* Least sample rate: one observation stands for a million at most. */
#define MIN_RATE 1e-6

/* What a point of this sample carries, in s->series. Values packed into one line share the look-up.
 */
static int resolve(struct sg__feed *f, struct sg__statsd_sample *s)
{
    if (s->is_resolved && s->batch == f->b->batch_seq)
        return 0;
    struct sg_hash128 key = sg__statsd_key(f, s);
    s->series = sg__batcher_find(f->b, key);
    if (SG_UNLIKELY(s->series >= SG_CELL_REJECTED)) {
        if (s->series == SG_CELL_REJECTED)
            return sg__feed_series_full(f, s->name.p);
        int r = sg__statsd_birth(f, key, s, &s->series);
        if (r < 0)
            return r;
    }
    s->batch = f->b->batch_seq;
    s->is_resolved = true;
    return 0;
}

static int bad_value(struct sg__feed *f, const char *at, struct sg_str value, const char *expected)
{
    return sg__fault_set(f, SG_ESYNTAX, at, "value '%.*s', expected %s",
                         SG__TOKEN(value.p, value.n), expected);
}

/* Checks a number against its type and scales it. */
static int check_number(struct sg__feed *f, const struct sg__statsd_sample *s, struct sg_str text,
                        double *v)
{
    if (s->type == SG__STATSD_GAUGE) {
        bool relative = *text.p == '+' || *text.p == '-';
        if ((relative && !isfinite(*v)) || sg__overflowed(text.p, *v))
            return bad_value(f, text.p, text, "a finite number");
        return 0;
    }
    if (!isfinite(*v))
        return bad_value(f, text.p, text, "a finite number");
    if (s->type == SG__STATSD_TIMER)
        *v /= 1000;
    if (s->type != SG__STATSD_COUNTER)
        return 0;
    if (*v < 0)
        return bad_value(f, text.p, text, "a counter that does not decrease");
    *v /= s->rate;
    return isfinite(*v) ? 0 : bad_value(f, text.p, text, "a finite number");
}

/* One value of a sample whose series is known to be wanted. */
static int emit(struct sg__feed *f, struct sg__statsd_sample *s, struct sg_str text, double v)
{
    int r = check_number(f, s, text, &v);
    if (SG_UNLIKELY(r < 0))
        return r;
    r = sg__batcher_reserve(f->b, 2); /* EBUSY: counted as dropped, there is room again */
    (void)r;
    r = resolve(f, s);
    if (SG_UNLIKELY(r < 0))
        return r;
    switch (s->type) {
    case SG__STATSD_COUNTER:
        sg__feed_sample(f, s->series, SG_OP_COUNT, s->time_ms, v);
        break;
    case SG__STATSD_GAUGE:
        if (*text.p == '+' || *text.p == '-')
            sg__feed_sample(f, s->series, SG_OP_GAUGE_ADD, s->time_ms, v);
        else
            sg__feed_sample(f, s->series, s->has_time ? SG_OP_SET : SG_OP_GAUGE_SET, s->time_ms,
                            isnan(v) ? sg_nan() : v);
        break;
    default:
        if (s->rate != 1) {
            sg__feed_sample(f, s->series, SG_OP_WEIGHT, s->time_ms, 1 / s->rate);
            f->b->samples--;
        }
        sg__feed_sample(f, s->series, SG_OP_OBSERVE, s->time_ms, v);
        break;
    }
    return 0;
}

static int emit_member(struct sg__feed *f, struct sg__statsd_sample *s)
{
    if (!s->value.n)
        return bad_value(f, s->value.p, s->value, "a member of the set");
    (void)sg__batcher_reserve(f->b, 2);
    int r = resolve(f, s);
    if (r < 0)
        return r;
    sg__batcher_add(f->b, (struct sg_point){.series = s->series,
                                            .op = SG_OP_MEMBER,
                                            .time_ms = s->time_ms,
                                            .bits = sg_hash64_stable(s->value.p, s->value.n)});
    f->b->samples++;
    return 0;
}

/* The values of one sample, packed or not. The good ones count even when there is a bad one among
 * them. */
static int emit_values(struct sg__feed *f, struct sg__statsd_sample *s)
{
    int first = 0;
    if (s->type == SG__STATSD_SET)
        return emit_member(f, s);
    for (struct sg_str rest = s->value; rest.p;) {
        struct sg_str text = sg_str_split(&rest, ':');
        double v;
        int r;
        if (!text.n || sg__number(text.p, text.p + text.n, &v) != text.p + text.n)
            r = bad_value(f, text.p, text, "a number");
        else
            r = emit(f, s, text, v);
        first = first < 0 ? first : r;
    }
    return first;
}

static int parse_type(struct sg__feed *f, struct sg_str text, enum sg__statsd_type *ret)
{
    static const char one[] = "cghds";
    static const uint8_t types[] = {SG__STATSD_COUNTER, SG__STATSD_GAUGE, SG__STATSD_HISTOGRAM,
                                    SG__STATSD_DISTRIBUTION, SG__STATSD_SET};
    if (text.n == 2 && text.p[0] == 'm' && text.p[1] == 's') {
        *ret = SG__STATSD_TIMER;
        return 0;
    }
    const char *at = text.n == 1 ? memchr(one, *text.p, sizeof(one) - 1) : NULL;
    if (!at)
        return sg__fault_set(f, SG_ESYNTAX, text.p, "type '%.*s', expected c, g, ms, h, d or s",
                             SG__TOKEN(text.p, text.n));
    *ret = (enum sg__statsd_type)types[at - one];
    return 0;
}

static int parse_rate(struct sg__feed *f, struct sg_str text, double *ret)
{
    double rate;
    if (sg_double_parse_all(text.p, text.n, &rate) < 0 || !(rate >= MIN_RATE && rate <= 1))
        return sg__fault_set(f, SG_EINVALID, text.p,
                             "sample rate '%.*s', expected a number between 0.000001 and 1",
                             SG__TOKEN(text.p, text.n));
    *ret = rate;
    return 0;
}

static int parse_time(struct sg__feed *f, struct sg_str text, struct sg__statsd_sample *s)
{
    int64_t seconds, ms;
    if (sg_i64_parse(text.p, text.n, &seconds) < 0 ||
        __builtin_mul_overflow(seconds, INT64_C(1000), &ms))
        return sg__fault_set(f, SG_EINVALID, text.p,
                             "timestamp '%.*s', expected seconds since 1970",
                             SG__TOKEN(text.p, text.n));
    s->time_ms = ms;
    s->has_time = true;
    return sg__feed_time(f, ms, text);
}

/* One `|field` behind the type. Unknown ones are skipped: newer clients add some. */
static int parse_field(struct sg__feed *f, struct sg_str field, struct sg__statsd_sample *s)
{
    struct sg_str rest = sg_str_make(field.p + 1, field.n ? field.n - 1 : 0);
    if (!field.n)
        return 0;
    switch (*field.p) {
    case '@':
        return parse_rate(f, rest, &s->rate);
    case '#':
        s->tags = rest;
        return 0;
    case 'T':
        return parse_time(f, rest, s);
    default:
        return 0;
    }
}

/* Reads `value[:value…]|type[|field…]` at p. Plain StatsD puts further samples of the name behind
 * another ':'; *ret_next is then where the next one starts, else NULL. A ':' ends a sample only
 * while `several` (no tags in this line). */
static int parse_sample(struct sg__feed *f, const char *p, const char *end, bool several,
                        struct sg__statsd_sample *s, const char **ret_next)
{
    const char *bar = memchr(p, '|', (size_t)(end - p));
    *ret_next = NULL;
    s->value = sg_str_make(p, (size_t)((bar ? bar : end) - p));
    if (!bar)
        return sg__fault_set(f, SG_ESYNTAX, end, "expected '|' and a type behind the value '%.*s'",
                             SG__TOKEN(s->value.p, s->value.n));
    const char *stop = end;
    if (several) {
        stop = memchr(bar, ':', (size_t)(end - bar));
        *ret_next = stop ? stop + 1 : NULL;
        stop = stop ? stop : end;
    }
    struct sg_str rest = sg_str_make(bar + 1, (size_t)(stop - bar - 1));
    int r = parse_type(f, sg_str_split(&rest, '|'), &s->type);
    while (r == 0 && rest.p)
        r = parse_field(f, sg_str_split(&rest, '|'), s);
    return r;
}

/* True when a ':' behind the first `|type` or `|type|@rate` starts another sample of the name. With
 * tags it never does. */
static bool has_several(const char *p, const char *end)
{
    const char *bar = memchr(p, '|', (size_t)(end - p));
    const char *colon = bar ? memchr(bar, ':', (size_t)(end - bar)) : NULL;
    if (!colon || memmem(bar, (size_t)(end - bar), "|#", 2))
        return false;
    const char *field = memchr(bar + 1, '|', (size_t)(colon - bar - 1));
    return !field || (field[1] == '@' && !memchr(field + 1, '|', (size_t)(colon - field - 1)));
}

static void full_line(struct sg__feed *f, const char *s, const char *end, uint32_t line)
{
    const char *colon = memchr(s, ':', (size_t)(end - s));
    if (!colon || colon == s) {
        (void)sg__fault_set(f, SG_ESYNTAX, colon ? s : end, "'%.*s', expected name:value|type",
                            SG__TOKEN(s, end - s));
        sg__feed_reject(f, line, s);
        return;
    }
    const char *next = colon + 1;
    bool several = has_several(next, end);
    while (next) {
        struct sg__statsd_sample sample = {.name = sg_str_make(s, (size_t)(colon - s)),
                                           .tags = {s, 0},
                                           .rate = 1,
                                           .time_ms = f->now_ms};
        int r = parse_sample(f, next, end, several, &sample, &next);
        if (r == 0)
            r = emit_values(f, &sample);
        if (r < 0)
            sg__feed_reject(f, line, s);
    }
}

/* The type behind q, which is at '|'. Returns what follows it; NULL: none that the quick way knows.
 */
static inline const char *quick_type(const char *q, const char *end, enum sg__statsd_type *ret)
{
    if (end - q < 2)
        return NULL;
    switch (q[1]) {
    case 'c':
        *ret = SG__STATSD_COUNTER;
        return q + 2;
    case 'g':
        *ret = SG__STATSD_GAUGE;
        return q + 2;
    case 'h':
        *ret = SG__STATSD_HISTOGRAM;
        return q + 2;
    case 'd':
        *ret = SG__STATSD_DISTRIBUTION;
        return q + 2;
    case 'm':
        *ret = SG__STATSD_TIMER;
        return end - q > 2 && q[2] == 's' ? q + 3 : NULL;
    default:
        return NULL;
    }
}

/* Rate, tags and fields without meaning behind q, up to the end of the line; NULL: something else.
 */
static const char *quick_fields(const char *q, const char *end, struct sg__statsd_sample *s)
{
    while (q < end && *q == '|' && end - q > 1) {
        const char *field = ++q;
        switch (*field) {
        case '@':
            q = sg__number(field + 1, end, &s->rate);
            if (!q || !(s->rate >= MIN_RATE && s->rate <= 1))
                return NULL;
            break;
        case '#':
            q = sg__find2(field, end, '|', '\n');
            s->tags = sg_str_make(field + 1, (size_t)(q - field - 1));
            break;
        case 'T':
        case '|':
        case '\n':
            return NULL;
        default:
            q = sg__find2(field, end, '|', '\n');
            break;
        }
    }
    return (q == end || *q == '\n') && q[-1] != '\r' ? q : NULL;
}

/* Reads a line with one value the quick way: name:number|type[|@rate][|#tags][|…]. False: it is not
 * like that or has a fault; nothing was done, and full_line will tell. *ret_end is behind the line.
 */
static bool quick_line(struct sg__feed *f, const char *s, const char *end, const char **ret_end)
{
    const char *colon = sg__find2(s, end, ':', '\n');
    if (SG_UNLIKELY(end - colon < 4 || *colon != ':' || colon == s || *s == '_'))
        return false; /* '_': perhaps an event */
    struct sg__statsd_sample sample = {
        .name = sg_str_make(s, (size_t)(colon - s)), .rate = 1, .time_ms = f->now_ms};
    const char *text = colon + 1;
    double v;
    const char *q = sg__number(text, end, &v);
    if (SG_UNLIKELY(!q || q == end || *q != '|'))
        return false;
    q = quick_type(q, end, &sample.type);
    if (q && q < end && *q != '\n')
        q = quick_fields(q, end, &sample);
    if (SG_UNLIKELY(!q || (uint64_t)(q - s) > f->b->config.limits.max_line))
        return false;
    if (SG_UNLIKELY(emit(f, &sample, sg_str_make(text, (size_t)(q - text)), v) < 0)) {
        f->fault.code = SG_OK;
        return false;
    }
    *ret_end = q;
    return true;
}

/* Events and service checks carry no number; they are counted. */
static bool is_event(const char *s, const char *end)
{
    size_t n = (size_t)(end - s);
    return n >= 4 && (memcmp(s, "_e{", 3) == 0 || memcmp(s, "_sc|", 4) == 0);
}

static void other_line(struct sg__feed *f, const char *s, const char *end, uint32_t line)
{
    uint64_t length = (uint64_t)(end - s);
    if (end > s && end[-1] == '\r')
        end--;
    if (s == end)
        return;
    if (length > f->b->config.limits.max_line) {
        (void)sg__fault_set(f, SG_EINVALID, s, "line is longer than %u bytes, limits.line_bytes",
                            f->b->config.limits.max_line);
        sg__feed_reject(f, line, s);
    } else if (is_event(s, end)) {
        f->result->events++;
        f->b->events++;
    } else {
        full_line(f, s, end, line);
    }
}

int sg__statsd_line(struct sg_ingest_parser *p, const char *line, const char *end)
{
    uint64_t dropped = p->result.dropped;
    other_line(&p->f, line, end, p->line);
    return p->result.dropped > dropped ? SG_EBUSY : 0;
}

void sg_statsd_parse(struct sg_batcher *b, const char *p, size_t n, int64_t now_ms,
                     struct sg_ingest_result *result)
{
    struct sg__feed f;
    const char *end = p + n;
    sg__feed_init(&f, b, NULL, FORMAT_SALT);
    f.result = result;
    f.now_ms = now_ms;
    f.fault.mute = result->n_errors >= SG_INGEST_MAX_ERRORS;
    sg__batcher_begin(b, b->config.source, result, now_ms);
    b->bytes += n;
    uint32_t line = 1;
    for (const char *s = p; s < end; line++) {
        const char *line_end;
        if (SG_UNLIKELY(!quick_line(&f, s, end, &line_end))) {
            line_end = memchr(s, '\n', (size_t)(end - s));
            line_end = line_end ? line_end : end;
            other_line(&f, s, line_end, line);
        }
        s = line_end < end ? line_end + 1 : end;
    }
}
