/* deflate.c - compression and bounded decompression of WebSocket messages (RFC 7692 section 7.2).
 *
 * The raw deflate stream of a message ends with an empty stored block whose last four bytes, 00 00
 * ff ff, are not sent.
 */
#include "zmem.h"
#include <streamgauge/deflate.h>
#include <streamgauge/error.h>
#include <streamgauge/mem.h>

#define TAIL_LEN 4
#define DEFAULT_RATIO 200
/* Output room asked for at once. */
#define STEP 4096

/* --- outgoing --- */

void sg_deflater_init(struct sg_deflater *d, unsigned bits, int level)
{
    SG_ASSERT(bits >= 9 && bits <= 15 && level >= -1 && level <= 9);
    *d = (struct sg_deflater){.bits = (uint8_t)bits, .level = (int8_t)level};
}

void sg_deflater_deinit(struct sg_deflater *d)
{
    if (!d->z)
        return;
    (void)deflateEnd(d->z);
    sg_free(d->z);
    d->z = NULL;
}

static int deflater_start(struct sg_deflater *d)
{
    if (d->z)
        return deflateReset(d->z) == Z_OK ? 0 : SG_ENOMEM;
    z_stream *z = sg__z_new();
    if (!z)
        return SG_ENOMEM;
    /* The hash table is cleared for each message: no larger than the window is worth. */
    int mem_level = d->bits <= 10 ? 4 : d->bits <= 12 ? 6 : 8;
    if (deflateInit2(z, d->level, Z_DEFLATED, -(int)d->bits, mem_level, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        sg_free(z);
        return SG_ENOMEM;
    }
    d->z = z;
    return 0;
}

/* Makes room for `want` bytes, or for as many as out may still take. False when there is none. */
static bool make_room(struct sg_buf *out, size_t want)
{
    if (out->failed || out->len >= out->max)
        return false;
    size_t left = out->max - out->len;
    return sg_buf_reserve(out, want < left ? want : left) == 0;
}

/* Runs the whole input through and flushes. Returns 0 or SG_ELIMIT. */
static int deflate_all(z_stream *z, const void *p, size_t n, struct sg_buf *out)
{
    z->next_in = (z_const Bytef *)p;
    do {
        z->avail_in = sg__z_piece(n);
        n -= z->avail_in;
        do {
            size_t bound = n ? STEP : deflateBound(z, z->avail_in) + TAIL_LEN + 2;
            if (!make_room(out, bound))
                return SG_ELIMIT;
            size_t room = out->cap - out->len;
            z->next_out = (Bytef *)out->data + out->len;
            z->avail_out = sg__z_piece(room);
            uInt before = z->avail_out;
            (void)deflate(z, n ? Z_NO_FLUSH : Z_SYNC_FLUSH);
            out->len += before - z->avail_out;
        } while (z->avail_out == 0);
    } while (n > 0);
    return 0;
}

int sg_deflate_compress(struct sg_deflater *d, const void *p, size_t n, struct sg_buf *out)
{
    size_t before = out->len;
    if (n == 0) {
        int r = sg_buf_putc(out, '\0'); /* RFC 7692 7.2.3.6 */
        out->failed = false;
        return r < 0 ? SG_ELIMIT : 0;
    }
    int r = deflater_start(d);
    if (r == 0)
        r = deflate_all(d->z, p, n, out);
    if (r < 0) {
        out->len = before;
        out->failed = false;
        return r;
    }
    SG_ASSERT(out->len - before > TAIL_LEN);
    out->len -= TAIL_LEN;
    return 0;
}

/* --- incoming --- */

void sg_inflater_init(struct sg_inflater *s, const struct sg_deflate_params *params,
                      uint32_t max_ratio)
{
    *s = (struct sg_inflater){
        /* Clients that agree to 8 use 9 inside zlib; a larger window than needed is always right.
         */
        .bits = params->client_bits < 9 ? 9 : params->client_bits,
        .takeover = !params->client_no_takeover,
        .max_ratio = max_ratio ? max_ratio : DEFAULT_RATIO,
    };
}

void sg_inflater_deinit(struct sg_inflater *s)
{
    if (!s->z)
        return;
    (void)inflateEnd(s->z);
    sg_free(s->z);
    s->z = NULL;
}

static int inflater_start(struct sg_inflater *s)
{
    if (s->z)
        return 0;
    z_stream *z = sg__z_new();
    if (!z)
        return SG_ENOMEM;
    if (inflateInit2(z, -(int)s->bits) != Z_OK) {
        sg_free(z);
        return SG_ENOMEM;
    }
    s->z = z;
    return 0;
}

/* One call of inflate with at most max_bytes - out->len of room; at the cap one byte of scratch
 * tells whether more would come. */
static int inflate_step(struct sg_inflater *s, struct sg_buf *out, size_t max_bytes)
{
    z_stream *z = s->z;
    Bytef scratch;
    size_t room = max_bytes - out->len;
    if (room > 0) {
        if (out->len == out->cap && sg_buf_reserve(out, room < STEP ? room : STEP) < 0)
            return SG_ELIMIT;
        size_t have = out->cap - out->len;
        z->next_out = (Bytef *)out->data + out->len;
        z->avail_out = sg__z_piece(have < room ? have : room);
    } else {
        z->next_out = &scratch;
        z->avail_out = 1;
    }
    uInt avail_in = z->avail_in, avail_out = z->avail_out;
    int rc = inflate(z, Z_SYNC_FLUSH);
    s->in_bytes += avail_in - z->avail_in;
    if (room == 0 && z->avail_out == 0)
        return SG_ELIMIT;
    if (room > 0)
        out->len += avail_out - z->avail_out;
    if (rc == Z_STREAM_END)
        s->ended = true;
    else if (rc == Z_MEM_ERROR)
        return SG_ENOMEM;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return SG_ESYNTAX;
    if (out->len > SG_DEFLATE_RATIO_FREE && out->len / s->max_ratio > s->in_bytes)
        return SG_ELIMIT;
    return 0;
}

static int inflate_piece(struct sg_inflater *s, const char *p, size_t n, struct sg_buf *out,
                         size_t max_bytes)
{
    z_stream *z = s->z;
    z->next_in = (z_const Bytef *)p;
    z->avail_in = (uInt)n;
    for (;;) {
        if (s->ended && z->avail_in > 0) {
            /* Blocks after a final one are a stream of their own, without a window. */
            if (inflateReset(z) != Z_OK)
                return SG_ESYNTAX;
            s->ended = false;
        }
        int r = inflate_step(s, out, max_bytes);
        if (r < 0)
            return r;
        /* Room left over means that zlib has given all it had. */
        if (z->avail_in == 0 && (z->avail_out > 0 || s->ended))
            return 0;
    }
}

int sg_inflater_feed(struct sg_inflater *s, const char *p, size_t n, struct sg_buf *out,
                     size_t max_bytes)
{
    int r = inflater_start(s);
    while (r == 0 && n > 0) {
        uInt piece = sg__z_piece(n);
        r = inflate_piece(s, p, piece, out, max_bytes);
        p += piece;
        n -= piece;
    }
    return r;
}

int sg_inflater_finish(struct sg_inflater *s, struct sg_buf *out, size_t max_bytes)
{
    static const char tail[TAIL_LEN] = {0, 0, (char)0xff, (char)0xff};
    /* RFC 7692 7.2.3.6 sends an empty message as one byte; none at all is taken for the same. */
    if (s->in_bytes == 0 && !s->ended)
        return 0;
    int r = inflater_start(s);
    if (r == 0 && !s->ended) {
        r = inflate_piece(s, tail, TAIL_LEN, out, max_bytes);
        /* zlib says with bit 7 that a block has just ended; else the message stopped inside one. */
        if (r == 0 && !s->ended && !(s->z->data_type & 128))
            r = SG_ESYNTAX;
    }
    s->in_bytes = 0;
    if (!s->takeover || r < 0)
        sg_inflater_deinit(s);
    else if (s->ended && inflateReset(s->z) != Z_OK)
        r = SG_ESYNTAX;
    s->ended = false;
    return r;
}
