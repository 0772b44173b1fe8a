/* http1_body.c - message bodies: Content-Length, chunked (RFC 9112 7.1), until close.
 *
 * The chunked decoder is a byte automaton except for data, which is given out in spans. Extensions
 * and trailers are checked for form, bounded and dropped.
 */
#include "chars.h"
#include <streamgauge/http1.h>

enum state {
    ST_LENGTH, /* Content-Length or until close */
    ST_SIZE,
    ST_SIZE_BLANK, /* white space after the size: an extension must follow */
    ST_EXT,
    ST_SIZE_LF,
    ST_DATA,
    ST_DATA_CR,
    ST_DATA_LF,
    ST_TRAILER,      /* at the start of a line */
    ST_TRAILER_NAME, /* past the name's first byte */
    ST_TRAILER_VALUE,
    ST_TRAILER_LF,
    ST_END_LF
};

#define MAX_SIZE_DIGITS 15

static void init(struct sg_http1_body *b, uint64_t max_bytes)
{
    *b = (struct sg_http1_body){.max_bytes = max_bytes};
}

static int init_length(struct sg_http1_body *b, uint64_t length)
{
    b->state = ST_LENGTH;
    b->left = length;
    b->done = length == 0;
    if (length > b->max_bytes) {
        b->status = 413;
        return SG_ELIMIT;
    }
    return 0;
}

int sg_http1_body_init(struct sg_http1_body *b, const struct sg_http1_request *rq,
                       uint64_t max_bytes)
{
    init(b, max_bytes);
    if (!rq->chunked)
        return init_length(b, rq->content_length);
    b->state = ST_SIZE;
    return 0;
}

int sg_http1_body_init_response(struct sg_http1_body *b, const struct sg_http1_response *rs,
                                uint64_t max_bytes)
{
    init(b, max_bytes);
    if (rs->status < 200 || rs->status == 204 || rs->status == 304)
        return init_length(b, 0);
    if (rs->chunked) {
        b->state = ST_SIZE;
        return 0;
    }
    if (rs->has_length)
        return init_length(b, rs->content_length);
    b->state = ST_LENGTH;
    b->until_close = true;
    b->left = max_bytes;
    return 0;
}

static int bad(struct sg_http1_body *b)
{
    b->status = 400;
    return SG_ESYNTAX;
}

static int too_large(struct sg_http1_body *b)
{
    b->status = 413;
    return SG_ELIMIT;
}

static int size_digit(struct sg_http1_body *b, char c)
{
    if (b->digits == MAX_SIZE_DIGITS)
        return bad(b);
    b->digits++;
    b->left = b->left << 4 | sg__hex_value(c);
    return b->left > b->max_bytes - b->total ? too_large(b) : 0;
}

/* A byte of a chunk's size line. */
static int size_byte(struct sg_http1_body *b, char c)
{
    if (b->state == ST_SIZE && sg__is(c, SG__C_HEX))
        return size_digit(b, c);
    if (b->digits == 0)
        return bad(b);
    if (c == '\r' && b->state != ST_SIZE_BLANK) {
        b->state = ST_SIZE_LF;
        return 0;
    }
    if (++b->line_bytes > SG_HTTP1_MAX_CHUNK_EXT)
        return bad(b);
    if (b->state == ST_EXT)
        return sg__is(c, SG__C_FIELD) ? 0 : bad(b);
    if (c == ';')
        b->state = ST_EXT;
    else if (c == ' ' || c == '\t')
        b->state = ST_SIZE_BLANK;
    else
        return bad(b);
    return 0;
}

/* A byte of the trailer section; its lines are counted together. */
static int trailer_byte(struct sg_http1_body *b, char c)
{
    if (c == '\r' && b->state == ST_TRAILER) {
        b->state = ST_END_LF;
        return 0;
    }
    if (++b->line_bytes > SG_HTTP1_MAX_TRAILERS)
        return bad(b);
    if (b->state == ST_TRAILER_VALUE) {
        if (c == '\r')
            b->state = ST_TRAILER_LF;
        return c == '\r' || sg__is(c, SG__C_FIELD) ? 0 : bad(b);
    }
    if (c == ':' && b->state == ST_TRAILER_NAME) {
        b->state = ST_TRAILER_VALUE;
        return 0;
    }
    b->state = ST_TRAILER_NAME;
    return sg__is(c, SG__C_TOKEN) ? 0 : bad(b);
}

static void start_chunk(struct sg_http1_body *b)
{
    b->line_bytes = 0;
    b->digits = 0;
    b->state = b->left ? ST_DATA : ST_TRAILER;
}

static int chunk_byte(struct sg_http1_body *b, char c)
{
    switch ((enum state)b->state) {
    case ST_SIZE:
    case ST_SIZE_BLANK:
    case ST_EXT:
        return size_byte(b, c);
    case ST_TRAILER:
    case ST_TRAILER_NAME:
    case ST_TRAILER_VALUE:
        return trailer_byte(b, c);
    case ST_DATA_CR:
        b->state = ST_DATA_LF;
        return c == '\r' ? 0 : bad(b);
    case ST_SIZE_LF:
        start_chunk(b);
        return c == '\n' ? 0 : bad(b);
    case ST_DATA_LF:
        b->state = ST_SIZE;
        return c == '\n' ? 0 : bad(b);
    case ST_TRAILER_LF:
        b->state = ST_TRAILER;
        return c == '\n' ? 0 : bad(b);
    case ST_END_LF:
        b->done = true;
        return c == '\n' ? 0 : bad(b);
    case ST_LENGTH:
    case ST_DATA:
        break;
    }
    return bad(b);
}

/* Gives out what there is of the current length or chunk. */
static size_t take_data(struct sg_http1_body *b, const char *p, size_t n, struct sg_str *ret)
{
    size_t take = b->left < n ? (size_t)b->left : n;
    *ret = sg_str_make(p, take);
    b->left -= take;
    b->total += take;
    if (b->left == 0 && b->state == ST_DATA)
        b->state = ST_DATA_CR;
    else if (b->left == 0 && !b->until_close)
        b->done = true;
    return take;
}

ssize_t sg_http1_body_feed(struct sg_http1_body *b, const char *p, size_t n,
                           struct sg_str *ret_data)
{
    *ret_data = sg_str_make(p, 0);
    if (b->status)
        return b->status == 413 ? SG_ELIMIT : SG_ESYNTAX;
    size_t i = 0;
    while (i < n && !b->done) {
        if (b->state == ST_LENGTH || b->state == ST_DATA) {
            if (b->until_close && b->left == 0)
                return too_large(b);
            return (ssize_t)(i + take_data(b, p + i, n - i, ret_data));
        }
        int r = chunk_byte(b, p[i]);
        if (r < 0)
            return r;
        i++;
    }
    return (ssize_t)i;
}
