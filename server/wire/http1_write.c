/* http1_write.c - response heads. A value with CR, LF or NUL is never written: no header can be
 * made out of data.
 */
#include "chars.h"
#include <stdio.h>
#include <streamgauge/http1.h>
#include <streamgauge/time.h>

const struct sg_str sg_http1_continue = {"HTTP/1.1 100 Continue\r\n\r\n", 25};

const char *sg_http1_reason(unsigned status)
{
    static const struct {
        uint16_t status;
        const char *text;
    } table[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++)
        if (table[i].status == status)
            return table[i].text;
    return "Unknown";
}

int sg_http1_write_header(struct sg_buf *out, struct sg_str name, struct sg_str value)
{
    if (!sg__all(name, SG__C_TOKEN) || sg__span(value, SG__C_FIELD) != value.n)
        return SG_EINVALID;
    if (sg_buf_reserve(out, name.n + value.n + 4) < 0)
        return SG_ELIMIT;
    (void)sg_buf_put_str(out, name);
    (void)sg_buf_puts(out, ": ");
    (void)sg_buf_put_str(out, value);
    return sg_buf_puts(out, "\r\n");
}

/* Content-Length or Transfer-Encoding. RFC 9110 8.6: none of them on 1xx and 204. */
static int write_framing(struct sg_buf *out, enum sg_http1_framing framing, uint64_t body_bytes)
{
    switch (framing) {
    case SG_HTTP1_LENGTH:
        (void)sg_buf_puts(out, "Content-Length: ");
        (void)sg_buf_put_u64(out, body_bytes);
        return sg_buf_puts(out, "\r\n");
    case SG_HTTP1_CHUNKED:
        return sg_buf_puts(out, "Transfer-Encoding: chunked\r\n");
    case SG_HTTP1_UNTIL_CLOSE:
    case SG_HTTP1_NO_BODY:
        break;
    }
    return 0;
}

static int write_lines(struct sg_buf *out, const struct sg_http1_head *head,
                       enum sg_http1_framing framing, bool keep)
{
    int r = 0;
    (void)sg_buf_puts(out, "HTTP/1.1 ");
    (void)sg_buf_put_u64(out, head->status);
    (void)sg_buf_putc(out, ' ');
    (void)sg_buf_puts(out, sg_http1_reason(head->status));
    (void)sg_buf_puts(out, "\r\n");
    if (head->date.n)
        r = sg_http1_write_header(out, SG_STR("Date"), head->date);
    if (r == 0 && head->type.n)
        r = sg_http1_write_header(out, SG_STR("Content-Type"), head->type);
    if (r < 0)
        return r;
    r = write_framing(out, framing, head->body_bytes);
    if (head->status >= 200) {
        if (!keep)
            r = sg_buf_puts(out, "Connection: close\r\n");
        else if (head->minor == 0)
            r = sg_buf_puts(out, "Connection: keep-alive\r\n");
    }
    return r;
}

int sg_http1_write_head(struct sg_buf *out, const struct sg_http1_head *head, bool *ret_keep_alive)
{
    enum sg_http1_framing framing = head->framing;
    size_t before = out->len;
    if (head->status < 200 || head->status == 204)
        framing = SG_HTTP1_NO_BODY;
    else if (framing == SG_HTTP1_CHUNKED && head->minor == 0)
        framing = SG_HTTP1_UNTIL_CLOSE;
    /* A 304 has no body whatever its framing says; every other answer needs one of its own. */
    else if (framing == SG_HTTP1_NO_BODY && head->status != 304)
        framing = SG_HTTP1_UNTIL_CLOSE;
    bool keep = head->keep_alive && framing != SG_HTTP1_UNTIL_CLOSE;
    int r = write_lines(out, head, framing, keep);
    if (r < 0 || out->failed) {
        out->len = before;
        return r < 0 ? r : SG_ELIMIT;
    }
    if (ret_keep_alive)
        *ret_keep_alive = keep;
    return 0;
}

int sg_http1_write_end(struct sg_buf *out)
{
    return sg_buf_puts(out, "\r\n");
}

int sg_http1_write_chunk(struct sg_buf *out, struct sg_str data)
{
    char size[20];
    if (data.n == 0)
        return 0;
    int n = snprintf(size, sizeof(size), "%zx\r\n", data.n);
    if (sg_buf_reserve(out, (size_t)n + data.n + 2) < 0)
        return SG_ELIMIT;
    (void)sg_buf_append(out, size, (size_t)n);
    (void)sg_buf_put_str(out, data);
    return sg_buf_puts(out, "\r\n");
}

int sg_http1_write_last_chunk(struct sg_buf *out)
{
    return sg_buf_puts(out, "0\r\n\r\n");
}

size_t sg_http1_date_format(int64_t wall_ms, char *dst)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct sg_civil t = sg_civil_from_ms(wall_ms);
    /* Years of four digits are all the format has; a clock beyond them is shown at the edge. */
    unsigned year = t.year < 0 ? 0 : t.year > 9999 ? 9999 : (unsigned)t.year;
    (void)snprintf(dst, 30, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                   days + 3 * (unsigned)t.weekday % 21, (unsigned)t.day % 100,
                   months + 3 * ((unsigned)t.month - 1) % 36, year, (unsigned)t.hour % 100,
                   (unsigned)t.minute % 100, (unsigned)t.second % 100);
    return 29;
}
