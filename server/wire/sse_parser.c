/* sse_parser.c - parser of event streams for our own client (WHATWG HTML 9.2.6). */
#include "chars.h"
#include <streamgauge/error.h>
#include <streamgauge/sse.h>

static const char bom[3] = {(char)0xef, (char)0xbb, (char)0xbf};

void sg_sse_parser_init(struct sg_sse_parser *s, size_t max_bytes)
{
    *s = (struct sg_sse_parser){.max_bytes = max_bytes, .retry_ms = -1};
    sg_buf_init(&s->line, max_bytes);
    sg_buf_init(&s->event, max_bytes);
    sg_buf_init(&s->data, max_bytes);
    sg_buf_init(&s->id, max_bytes);
}

void sg_sse_parser_deinit(struct sg_sse_parser *s)
{
    sg_buf_deinit(&s->line);
    sg_buf_deinit(&s->event);
    sg_buf_deinit(&s->data);
    sg_buf_deinit(&s->id);
}

static int set(struct sg_buf *b, struct sg_str v)
{
    sg_buf_reset(b);
    return sg_buf_put_str(b, v);
}

/* Digits only; a value that does not fit is ignored as the malformed ones are. */
static void set_retry(struct sg_sse_parser *s, struct sg_str v)
{
    if (!sg__all(v, SG__C_DIGIT) || v.n > 15)
        return;
    int64_t ms = 0;
    for (size_t i = 0; i < v.n; i++)
        ms = ms * 10 + (v.p[i] - '0');
    s->retry_ms = ms;
}

static int field(struct sg_sse_parser *s, struct sg_str name, struct sg_str value)
{
    if (sg_str_eq_c(name, "data")) {
        /* The spec appends LF after each line and drops the last; the same with LF between. */
        if (s->has_data && sg_buf_putc(&s->data, '\n') < 0)
            return SG_ELIMIT;
        s->has_data = true;
        return sg_buf_put_str(&s->data, value);
    }
    if (sg_str_eq_c(name, "event"))
        return set(&s->event, value);
    if (sg_str_eq_c(name, "id"))
        return value.n && memchr(value.p, '\0', value.n) ? 0 : set(&s->id, value);
    if (sg_str_eq_c(name, "retry"))
        set_retry(s, value);
    return 0;
}

/* A line without its end. An empty one completes the event, if it has data. */
static int take_line(struct sg_sse_parser *s, struct sg_str line, bool *ret_complete)
{
    if (line.n == 0) {
        *ret_complete = s->has_data;
        s->delivered = true;
        return 0;
    }
    const char *colon = memchr(line.p, ':', line.n);
    if (!colon)
        return field(s, line, SG_STR(""));
    struct sg_str name = {line.p, (size_t)(colon - line.p)};
    struct sg_str value = {colon + 1, line.n - name.n - 1};
    if (value.n > 0 && value.p[0] == ' ')
        value.p++, value.n--;
    return name.n ? field(s, name, value) : 0;
}

/* Bytes of a byte order mark at the very start; a false start of one is given back to the line. */
static int skip_bom(struct sg_sse_parser *s, const char *p, size_t n, size_t *ret_used)
{
    size_t i = 0;
    while (i < n && s->bom < 3 && p[i] == bom[s->bom])
        i++, s->bom++;
    *ret_used = i;
    if (s->bom < 3 && i == n)
        return 0;
    s->started = true;
    return s->bom < 3 ? sg_buf_append(&s->line, bom, s->bom) : 0;
}

/* After an event (or an empty line without data): event name and data start anew; the id stays. */
static void begin(struct sg_sse_parser *s)
{
    sg_buf_reset(&s->event);
    sg_buf_reset(&s->data);
    s->has_data = false;
    s->delivered = false;
}

static void fill(const struct sg_sse_parser *s, struct sg_sse_event *ret)
{
    ret->event = s->event.len ? sg_buf_str(&s->event) : SG_STR("message");
    ret->id = sg_buf_str(&s->id);
    ret->data = sg_buf_str(&s->data);
}

ssize_t sg_sse_feed(struct sg_sse_parser *s, const char *p, size_t n, struct sg_sse_event *ret,
                    bool *ret_complete)
{
    size_t i = 0;
    *ret_complete = false;
    if (!s->started && skip_bom(s, p, n, &i) < 0)
        return SG_ELIMIT;
    while (i < n && !*ret_complete) {
        if (s->delivered)
            begin(s);
        /* The LF of a CRLF whose CR has already ended the line. */
        if (s->cr && p[i] == '\n') {
            s->cr = false;
            i++;
            continue;
        }
        s->cr = false;
        size_t end = i;
        while (end < n && p[end] != '\r' && p[end] != '\n')
            end++;
        if (sg_buf_append(&s->line, p + i, end - i) < 0)
            return SG_ELIMIT;
        if (end == n)
            return (ssize_t)n;
        s->cr = p[end] == '\r';
        i = end + 1;
        if (take_line(s, sg_buf_str(&s->line), ret_complete) < 0)
            return SG_ELIMIT;
        sg_buf_reset(&s->line);
    }
    if (*ret_complete)
        fill(s, ret);
    return (ssize_t)i;
}
