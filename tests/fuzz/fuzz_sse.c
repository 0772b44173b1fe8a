/* Event streams: whatever the data, exactly one event comes out at the client, with the data's line
 * ends normalised; and the parser's outcome must not depend on the cuts. */
#include <stdint.h>
#include <stdlib.h>
#include <streamgauge/error.h>
#include <streamgauge/sse.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX (1 << 20)

/* Events as text; the count of them in *ret_events. */
static void read_all(struct sg_str in, size_t step, struct sg_buf *log, unsigned *ret_events)
{
    struct sg_sse_parser s;
    *ret_events = 0;
    sg_sse_parser_init(&s, MAX);
    sg_buf_reset(log);
    for (size_t at = 0; at < in.n; at += step) {
        size_t len = in.n - at < step ? in.n - at : step;
        char *p = malloc(len);
        memcpy(p, in.p + at, len);
        for (size_t i = 0; i < len;) {
            struct sg_sse_event ev;
            bool complete;
            ssize_t used = sg_sse_feed(&s, p + i, len - i, &ev, &complete);
            SG_ASSERT(used > 0);
            i += (size_t)used;
            if (!complete)
                continue;
            ++*ret_events;
            sg_buf_put_str(log, ev.event);
            sg_buf_putc(log, '\0');
            sg_buf_put_str(log, ev.id);
            sg_buf_putc(log, '\0');
            sg_buf_put_str(log, ev.data);
            sg_buf_putc(log, '\0');
        }
        free(p);
    }
    sg_sse_parser_deinit(&s);
}

static void check_cuts(struct sg_str in, struct sg_buf *a, struct sg_buf *b)
{
    unsigned events, again;
    read_all(in, in.n, a, &events);
    for (size_t step = 1; step < in.n && step < 40; step = step * 2 + 1) {
        read_all(in, step, b, &again);
        SG_ASSERT(events == again && sg_str_eq(sg_buf_str(a), sg_buf_str(b)));
    }
}

/* The data as the client must see it: every line end is LF. */
static void put_normal(struct sg_buf *out, struct sg_str data)
{
    for (size_t i = 0; i < data.n; i++) {
        if (data.p[i] == '\r' && i + 1 < data.n && data.p[i + 1] == '\n')
            continue;
        sg_buf_putc(out, data.p[i] == '\r' ? '\n' : data.p[i]);
    }
}

static void check_written(struct sg_str in, struct sg_buf *a, struct sg_buf *b)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    unsigned events;
    sg_buf_init(&out, MAX);
    const struct sg_sse_event ev = {in, in, in};
    sg_sse_write_comment(&out, in);
    sg_sse_write(&out, &ev);
    read_all(sg_buf_str(&out), out.len, a, &events);
    SG_ASSERT(events == 1);
    sg_buf_reset(b);
    put_normal(b, in);
    sg_buf_putc(b, '\0');
    SG_ASSERT(a->len >= b->len && memcmp(a->data + a->len - b->len, b->data, b->len) == 0);

    sg_buf_reset(&out);
    sg_ndjson_write(&out, in);
    SG_ASSERT(memchr(out.data, '\n', out.len) == out.data + out.len - 1);
    SG_ASSERT(!memchr(out.data, '\r', out.len) && out.len == in.n + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096)
        return 0;
    struct sg_str in = {(const char *)data, size};
    SG_AUTO(sg_buf_deinit) struct sg_buf a;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&a, MAX);
    sg_buf_init(&b, MAX);
    check_cuts(in, &a, &b);
    check_written(in, &a, &b);
    return 0;
}
