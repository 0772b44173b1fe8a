/* sse.c - writers of event streams and of JSON lines. */
#include <streamgauge/error.h>
#include <streamgauge/sse.h>

static bool is_eol(char c)
{
    return c == '\r' || c == '\n';
}

/* Length of the first line of s, without its end. */
static size_t line_len(struct sg_str s)
{
    const char *lf = memchr(s.p, '\n', s.n);
    size_t n = lf ? (size_t)(lf - s.p) : s.n;
    const char *cr = memchr(s.p, '\r', n);
    return cr ? (size_t)(cr - s.p) : n;
}

/* Takes the first line off; false when it was the last one. */
static bool next_line(struct sg_str *rest, struct sg_str *ret)
{
    size_t n = line_len(*rest);
    *ret = sg_str_make(rest->p, n);
    if (n == rest->n)
        return false;
    size_t eol = rest->p[n] == '\r' && n + 1 < rest->n && rest->p[n + 1] == '\n' ? 2 : 1;
    rest->p += n + eol;
    rest->n -= n + eol;
    return true;
}

/* Each line of text after the prefix. */
static void put_lines(struct sg_buf *out, struct sg_str prefix, struct sg_str text)
{
    bool more = true;
    while (more) {
        struct sg_str line;
        more = next_line(&text, &line);
        (void)sg_buf_put_str(out, prefix);
        (void)sg_buf_put_str(out, line);
        (void)sg_buf_putc(out, '\n');
    }
}

/* text with its line ends replaced by one character, or removed along with NUL (as = '\0'). */
static void put_flat(struct sg_buf *out, struct sg_str text, char as)
{
    size_t run = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!is_eol(text.p[i]) && (text.p[i] != '\0' || as != '\0'))
            continue;
        (void)sg_buf_append(out, text.p + run, i - run);
        if (as)
            (void)sg_buf_putc(out, as);
        run = i + 1;
    }
    (void)sg_buf_append(out, text.p + run, text.n - run);
}

int sg_sse_write(struct sg_buf *out, const struct sg_sse_event *ev)
{
    if (ev->event.n) {
        (void)sg_buf_puts(out, "event: ");
        put_flat(out, ev->event, ' ');
        (void)sg_buf_putc(out, '\n');
    }
    if (ev->id.p) {
        (void)sg_buf_puts(out, "id: ");
        put_flat(out, ev->id, '\0');
        (void)sg_buf_putc(out, '\n');
    }
    put_lines(out, SG_STR("data: "), ev->data);
    return sg_buf_putc(out, '\n') < 0 ? SG_ELIMIT : 0;
}

int sg_sse_write_comment(struct sg_buf *out, struct sg_str text)
{
    put_lines(out, SG_STR(": "), text);
    return sg_buf_putc(out, '\n') < 0 ? SG_ELIMIT : 0;
}

int sg_sse_write_retry(struct sg_buf *out, uint32_t ms)
{
    (void)sg_buf_puts(out, "retry: ");
    (void)sg_buf_put_u64(out, ms);
    return sg_buf_puts(out, "\n\n") < 0 ? SG_ELIMIT : 0;
}

int sg_ndjson_write(struct sg_buf *out, struct sg_str json)
{
    if (line_len(json) == json.n)
        (void)sg_buf_put_str(out, json);
    else
        put_flat(out, json, ' ');
    return sg_buf_putc(out, '\n') < 0 ? SG_ELIMIT : 0;
}
