/* parser.c - bodies in pieces: lines that a chunk cuts wait in a bounded buffer.
 *
 * A line may be longer than limits.max_line only to be refused: it is skipped to its end without
 * being kept. Where the cut between two chunks lies never changes the result.
 */
#include <streamgauge/ingest.h>
#include <streamgauge/mem.h>

#include "parser.h"

static const int64_t unit_ns[] = {
    [SG_PRECISION_NS] = 1,         [SG_PRECISION_US] = 1000,       [SG_PRECISION_MS] = 1000000,
    [SG_PRECISION_S] = 1000000000, [SG_PRECISION_M] = 60000000000, [SG_PRECISION_H] = 3600000000000,
};

struct sg_ingest_parser *sg_ingest_parser_new(struct sg_batcher *b,
                                              const struct sg_ingest_options *o)
{
    struct sg_ingest_parser *p = sg_calloc(1, sizeof(*p));
    p->options = *o;
    if (!p->options.source)
        p->options.source = b->config.source;
    if (o->extra)
        (void)sg_labels_ref(o->extra);
    sg__feed_init(&p->f, b, o->extra, (uint64_t)o->format + 1);
    p->f.result = &p->result;
    p->f.now_ms = o->now_ms;
    p->line = 1;
    sg_buf_init(&p->carry, (size_t)b->config.limits.max_line + 1);
    switch (o->format) {
    case SG_INGEST_PROM_TEXT:
    case SG_INGEST_OPENMETRICS:
        p->prom.openmetrics = o->format == SG_INGEST_OPENMETRICS;
        sg_buf_init(&p->prom.family, b->config.limits.max_name);
        sg_buf_init(&p->prom.help, b->config.limits.max_value);
        sg_buf_init(&p->prom.unit, b->config.limits.max_name);
        break;
    case SG_INGEST_INFLUX:
        p->influx.unit_ns = unit_ns[o->precision];
        break;
    case SG_INGEST_JSON:
    case SG_INGEST_STATSD:
        break;
    }
    return p;
}

void sg_ingest_parser_free(struct sg_ingest_parser *p)
{
    if (!p)
        return;
    if (p->f.b->result == &p->result) {
        (void)sg_batcher_flush(p->f.b);
        p->f.b->result = NULL;
    }
    switch (p->options.format) {
    case SG_INGEST_PROM_TEXT:
    case SG_INGEST_OPENMETRICS:
        sg_buf_deinit(&p->prom.family);
        sg_buf_deinit(&p->prom.help);
        sg_buf_deinit(&p->prom.unit);
        break;
    case SG_INGEST_INFLUX:
        sg_free(p->influx.fields);
        break;
    case SG_INGEST_JSON:
    case SG_INGEST_STATSD:
        break;
    }
    sg_labels_unref(p->options.extra);
    sg_buf_deinit(&p->carry);
    sg_free(p);
}

const struct sg_ingest_result *sg_ingest_parser_result(const struct sg_ingest_parser *p)
{
    return &p->result;
}

/* One physical line or one whole record. 0 or SG_EBUSY; with `attempt` a fault is returned, nothing
 * is counted. */
static int one_line(struct sg_ingest_parser *p, const char *s, const char *end, bool attempt)
{
    int r = 0;
    if (end > s && end[-1] == '\r' && p->options.format != SG_INGEST_STATSD)
        end--;
    switch (p->options.format) {
    case SG_INGEST_PROM_TEXT:
    case SG_INGEST_OPENMETRICS:
        r = sg__prom_line(p, s, end);
        break;
    case SG_INGEST_INFLUX:
        r = sg__influx_line(p, s, end);
        break;
    case SG_INGEST_STATSD:
        r = sg__statsd_line(p, s, end);
        break;
    case SG_INGEST_JSON:
        break;
    }
    if (r == SG_EBUSY)
        return r;
    if (r < 0 && attempt)
        return r;
    if (r < 0)
        sg__feed_reject(&p->f, p->line, s);
    return 0;
}

/* Every newline ends a line now, quoted or not. *ret_rest (NULL: all of it is to be handled) gets
 * the unfinished tail. */
static int physical_lines(struct sg_ingest_parser *p, const char *s, const char *end,
                          const char **ret_rest)
{
    for (const char *nl; (nl = memchr(s, '\n', (size_t)(end - s))); s = nl + 1) {
        int r = one_line(p, s, nl, false);
        p->line++;
        if (r < 0)
            return r;
    }
    if (ret_rest) {
        *ret_rest = s;
        return 0;
    }
    return one_line(p, s, end, false);
}

/* A record without its final newline. A string may hold newlines; when such a record is wrong, most
 * likely a quote is missing in its first line, so its lines are taken one by one: the neighbours do
 * not pay. */
static int record(struct sg_ingest_parser *p, const char *s, const char *end)
{
    const char *nl = NULL;
    if (p->options.format == SG_INGEST_INFLUX)
        nl = memchr(s, '\n', (size_t)(end - s));
    if (SG_LIKELY(!nl)) {
        int r = one_line(p, s, end, false);
        p->line++;
        return r;
    }
    int r = one_line(p, s, end, true);
    if (r == 0) {
        for (; nl; nl = memchr(nl + 1, '\n', (size_t)(end - nl - 1)))
            p->line++;
    } else if (r != SG_EBUSY) {
        p->f.fault.code = SG_OK;
        r = physical_lines(p, s, end, NULL);
    }
    p->line++;
    return r;
}

static const char *find_eol(struct sg_ingest_parser *p, const char *s, const char *end)
{
    if (p->options.format == SG_INGEST_INFLUX)
        return sg__influx_find_eol(p, s, end);
    return memchr(s, '\n', (size_t)(end - s));
}

static void restart_scan(struct sg_ingest_parser *p)
{
    if (p->options.format == SG_INGEST_INFLUX)
        p->influx.scan = 0;
}

/* The carry buffer holds max_line bytes and more follow: refuses the line, or what of it is
 * finished. */
static int too_long(struct sg_ingest_parser *p)
{
    const char *s = sg_buf_str(&p->carry).p, *end = s + p->carry.len, *rest = s;
    int r = physical_lines(p, s, end, &rest);
    if (rest == s) {
        uint32_t max = p->f.b->config.limits.max_line;
        (void)sg__fault_set(&p->f, SG_EINVALID, s,
                            "line is longer than %u bytes, limits.line_bytes", max);
        sg__feed_reject(&p->f, p->line, s);
        sg_buf_reset(&p->carry);
        p->skipping = true;
        return r;
    }
    sg_buf_consume(&p->carry, (size_t)(rest - s));
    restart_scan(p);
    /* The state of the scan over what remains; it has no newline. */
    struct sg_str tail = sg_buf_str(&p->carry);
    (void)find_eol(p, tail.p, tail.p + tail.n);
    return r;
}

/* Handles one record, or takes all that is there. Returns what is left. */
static const char *next_record(struct sg_ingest_parser *p, const char *s, const char *end, int *ret)
{
    size_t room = p->f.b->config.limits.max_line - p->carry.len;
    size_t have = (size_t)(end - s);
    const char *look_end = have > room ? s + room + 1 : end;
    const char *nl = find_eol(p, s, look_end);
    if (!nl) {
        size_t keep = have > room ? room : have;
        (void)sg_buf_append(&p->carry, s, keep);
        if (have > room)
            *ret = too_long(p);
        return s + keep;
    }
    if (p->carry.len) {
        (void)sg_buf_append(&p->carry, s, (size_t)(nl - s));
        struct sg_str text = sg_buf_str(&p->carry);
        *ret = record(p, text.p, text.p + text.n);
        sg_buf_reset(&p->carry);
    } else {
        *ret = record(p, s, nl);
    }
    restart_scan(p);
    return nl + 1;
}

static int feed_lines(struct sg_ingest_parser *p, const char *s, size_t n)
{
    const char *end = s + n;
    int r = 0;
    while (s < end && r == 0) {
        if (p->skipping) {
            const char *nl = memchr(s, '\n', (size_t)(end - s));
            if (!nl)
                return 0;
            p->skipping = false;
            p->line++;
            restart_scan(p);
            s = nl + 1;
            continue;
        }
        s = next_record(p, s, end, &r);
    }
    return r;
}

static int finish_lines(struct sg_ingest_parser *p)
{
    int r = 0;
    if (p->carry.len) {
        struct sg_str text = sg_buf_str(&p->carry);
        r = record(p, text.p, text.p + text.n);
        sg_buf_reset(&p->carry);
    }
    if (r == 0 &&
        (p->options.format == SG_INGEST_PROM_TEXT || p->options.format == SG_INGEST_OPENMETRICS))
        r = sg__prom_finish(p);
    return r;
}

/* Ends a feed: all samples of this parser leave the batcher, so that others can use it. */
static int leave(struct sg_ingest_parser *p, int r)
{
    int flushed = sg_batcher_flush(p->f.b);
    if (r == SG_EBUSY || flushed == SG_EBUSY || p->result.dropped)
        p->busy = true;
    p->f.b->result = NULL;
    return p->busy ? SG_EBUSY : 0;
}

int sg_ingest_feed(struct sg_ingest_parser *p, const char *data, size_t n)
{
    SG_ASSERT(!p->finished);
    if (p->busy)
        return SG_EBUSY;
    sg__batcher_begin(p->f.b, p->options.source, &p->result, p->options.now_ms);
    p->f.b->bytes += n;
    int r =
        p->options.format == SG_INGEST_JSON ? sg__json_feed(p, data, n) : feed_lines(p, data, n);
    return leave(p, r);
}

int sg_ingest_finish(struct sg_ingest_parser *p)
{
    SG_ASSERT(!p->finished);
    p->finished = true;
    if (p->busy)
        return SG_EBUSY;
    sg__batcher_begin(p->f.b, p->options.source, &p->result, p->options.now_ms);
    int r = p->options.format == SG_INGEST_JSON ? sg__json_finish(p) : finish_lines(p);
    return leave(p, r);
}
