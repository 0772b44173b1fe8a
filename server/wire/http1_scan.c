/* http1_scan.c - first pass over a head: control characters, line ends, limits, and where the head
 * ends.
 *
 * It runs over each byte once however the bytes arrive, and what it says of a prefix never depends
 * on what follows, so that byte-by-byte arrival and arrival in one piece end in the same answer.
 * After it, the second pass (http1_head.c) may rely on every CR being followed by LF and every LF
 * being preceded by CR.
 */
#include "chars.h"
#include "http1_parse.h"
#include <streamgauge/compiler.h>

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

int sg__http1_fail(const struct sg__http1_ctx *c, unsigned status, struct sg_str at,
                   const char *what)
{
    enum sg_errc code = SG_ESYNTAX;
    if (status == 413 || status == 414 || status == 431)
        code = SG_ELIMIT;
    else if (status == 501 || status == 505)
        code = SG_EUNSUPPORTED;
    else if (status == 417)
        code = SG_EINVALID;
    *c->status = (uint16_t)status;
    /* Peer's bytes go into messages: printable ASCII only, and not many of them. */
    char quoted[49];
    size_t n = at.n < sizeof(quoted) - 1 ? at.n : sizeof(quoted) - 1;
    for (size_t i = 0; i < n; i++)
        quoted[i] = at.p[i] >= 0x20 && at.p[i] < 0x7f ? at.p[i] : '?';
    quoted[n] = '\0';
    uint32_t pos = (uint32_t)(at.p - c->base);
    return sg_error_at(c->err, code, pos, pos + (uint32_t)at.n, "%s '%s'%s", what, quoted,
                       n < at.n ? "..." : "");
}

/* First index in [i, end) of a control character other than tab, or end. */
static size_t find_control(const char *p, size_t i, size_t end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    /* Eight bytes at a time; the lowest flagged byte is exact, higher ones may be false after a
     * borrow. */
    while (end - i >= 8) {
        uint64_t v;
        memcpy(&v, p + i, 8);
        uint64_t del = v ^ (ONES * 0x7f);
        uint64_t hit = (((v - ONES * 0x20) & ~v) | ((del - ONES) & ~del)) & HIGHS;
        if (hit) {
            i += (size_t)__builtin_ctzll(hit) / 8;
            if (p[i] != '\t')
                return i;
            i++;
        } else {
            i += 8;
        }
    }
#endif
    while (i < end && sg__is(p[i], SG__C_FIELD))
        i++;
    return i;
}

/* Empty lines in front. Returns where the head starts, SG_EMORE when that is not clear yet, or
 * fails. */
static ssize_t skip_blank(const struct sg__http1_ctx *c, size_t n)
{
    const char *p = c->base;
    size_t i = 0;
    for (uint32_t blank = 0;; blank++) {
        if (i == n)
            return SG_EMORE;
        if (p[i] != '\r')
            return (ssize_t)i;
        if (i + 1 == n)
            return SG_EMORE;
        if (p[i + 1] != '\n')
            return sg__http1_fail(c, 400, sg_str_make(p + i, 1), "bare CR before the start line");
        if (blank == c->limits->max_blank)
            return sg__http1_fail(c, 400, sg_str_make(p + i, 2), "too many empty lines");
        i += 2;
    }
}

/* Goes over [from, to), where n bytes may be looked at. Returns the end of the head, 0 when it is
 * not in there, or fails. */
static ssize_t scan_range(const struct sg__http1_ctx *c, size_t start, size_t from, size_t to)
{
    const char *p = c->base;
    for (size_t i = from; (i = find_control(p, i, to)) < to; i++) {
        if (p[i] == '\r') {
            /* Judged when its successor is there. */
            if (i + 1 < to && p[i + 1] != '\n')
                return sg__http1_fail(c, 400, sg_str_make(p + i, 1), "bare CR");
        } else if (p[i] == '\n') {
            if (i == start || p[i - 1] != '\r')
                return sg__http1_fail(c, 400, sg_str_make(p + i, 1), "bare LF");
            if (i - start >= 3 && p[i - 2] == '\n')
                return (ssize_t)i + 1;
        } else {
            return sg__http1_fail(c, 400, sg_str_make(p + i, 1), "control character");
        }
    }
    return 0;
}

ssize_t sg__http1_scan(const struct sg__http1_ctx *c, size_t n, size_t last_n, size_t *ret_start)
{
    ssize_t first = skip_blank(c, n);
    if (first < 0)
        return first;
    size_t start = (size_t)first;
    *ret_start = start;
    /* The last byte of the previous call may be a CR that waits for its LF. */
    size_t from = last_n > start ? last_n - 1 : start;
    size_t line_end = start + c->limits->max_line_bytes + 2;
    if (from < line_end) {
        size_t to = n < line_end ? n : line_end;
        ssize_t end = scan_range(c, start, from, to);
        if (end)
            return end;
        if (n >= line_end && !memchr(c->base + start, '\n', line_end - start))
            return sg__http1_fail(c, 414, sg_str_make(c->base + start, line_end - start),
                                  "start line too long");
        from = to > start ? to - 1 : start;
    }
    size_t head_end = start + c->limits->max_head_bytes;
    ssize_t end = scan_range(c, start, from, n < head_end ? n : head_end);
    if (end)
        return end;
    if (n >= head_end)
        return sg__http1_fail(c, 431, sg_str_make(c->base + start, 0), "header section too large");
    return SG_EMORE;
}
