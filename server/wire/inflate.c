/* inflate.c - compressed request bodies (RFC 9110 8.4.1), bounded in output and in ratio. */
#include "zmem.h"
#include <streamgauge/error.h>
#include <streamgauge/inflate.h>
#include <streamgauge/mem.h>

enum state {
    ST_PROBE, /* nothing or one byte of a deflate body seen */
    ST_RUN,
    ST_MEMBER, /* between gzip members */
    ST_END,
    ST_FAILED
};

#define DEFAULT_RATIO 100

int sg_inflate_format_of(struct sg_str content_encoding, enum sg_inflate_format *ret,
                         bool *ret_identity)
{
    *ret_identity = false;
    if (content_encoding.n == 0 || sg_str_ieq(content_encoding, SG_STR("identity")))
        *ret_identity = true;
    else if (sg_str_ieq(content_encoding, SG_STR("gzip")) ||
             sg_str_ieq(content_encoding, SG_STR("x-gzip")))
        *ret = SG_INFLATE_GZIP;
    else if (sg_str_ieq(content_encoding, SG_STR("deflate")))
        *ret = SG_INFLATE_DEFLATE;
    else
        return SG_EUNSUPPORTED;
    return 0;
}

void sg_inflate_init(struct sg_inflate *s, enum sg_inflate_format format, uint64_t max_bytes,
                     uint32_t max_ratio)
{
    *s = (struct sg_inflate){.format = format,
                             .max_bytes = max_bytes,
                             .max_ratio = max_ratio ? max_ratio : DEFAULT_RATIO,
                             .state = ST_PROBE};
}

void sg_inflate_deinit(struct sg_inflate *s)
{
    if (!s->z)
        return;
    (void)inflateEnd(s->z);
    sg_free(s->z);
    s->z = NULL;
}

/* RFC 1950 2.2: method 8, window up to 32 KiB, no preset dictionary, check bits. */
static bool looks_like_zlib(const uint8_t b[2])
{
    return (b[0] & 0x0f) == 8 && b[0] >> 4 <= 7 && (b[0] * 256u + b[1]) % 31 == 0 && !(b[1] & 0x20);
}

static int start(struct sg_inflate *s)
{
    int bits = 15;
    if (s->format == SG_INFLATE_GZIP)
        bits = 15 + 16;
    else if (!looks_like_zlib(s->probe))
        bits = -15;
    z_stream *z = sg__z_new();
    if (!z)
        return SG_ENOMEM;
    if (inflateInit2(z, bits) != Z_OK) {
        sg_free(z);
        return SG_ENOMEM;
    }
    s->z = z;
    s->members = 1;
    s->state = ST_RUN;
    return 0;
}

/* Runs zlib over p..p+n into what is left of dst. Returns input consumed. */
static ssize_t run(struct sg_inflate *s, const uint8_t *p, size_t n, char *dst, size_t *room)
{
    z_stream *z = s->z;
    /* One byte more than allowed may come out, to see that there is more. */
    uint64_t allowed = s->max_bytes - s->out_bytes + 1;
    size_t cap = *room < allowed ? *room : (size_t)allowed;
    z->next_in = (z_const Bytef *)p;
    z->avail_in = sg__z_piece(n);
    z->next_out = (Bytef *)dst;
    z->avail_out = sg__z_piece(cap);
    uInt avail_in = z->avail_in, avail_out = z->avail_out;
    int rc = inflate(z, Z_NO_FLUSH);
    size_t used = avail_in - z->avail_in, got = avail_out - z->avail_out;
    s->in_bytes += used;
    s->out_bytes += got;
    *room -= got;
    if (s->out_bytes > s->max_bytes)
        return SG_ELIMIT;
    if (s->out_bytes > SG_INFLATE_RATIO_FREE && s->out_bytes / s->max_ratio > s->in_bytes)
        return SG_ELIMIT;
    if (rc == Z_STREAM_END)
        s->state = s->format == SG_INFLATE_GZIP ? ST_MEMBER : ST_END;
    else if (rc == Z_MEM_ERROR)
        return SG_ENOMEM;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return SG_ESYNTAX;
    return (ssize_t)used;
}

/* More input after a gzip member: it must be another one. */
static int next_member(struct sg_inflate *s)
{
    if (s->members >= SG_INFLATE_MAX_MEMBERS)
        return SG_ELIMIT;
    s->members++;
    s->state = ST_RUN;
    return inflateReset(s->z) == Z_OK ? 0 : SG_ESYNTAX;
}

/* Starts zlib once the format is known. Returns input bytes taken for that. */
static ssize_t probe(struct sg_inflate *s, const char *p, size_t n, char **dst, size_t *room)
{
    size_t used = 0;
    if (s->format == SG_INFLATE_DEFLATE) {
        while (s->probe_len < 2 && used < n)
            s->probe[s->probe_len++] = (uint8_t)p[used++];
        if (s->probe_len < 2)
            return (ssize_t)used;
    } else if (n == 0) {
        return 0;
    }
    int r = start(s);
    if (r < 0)
        return r;
    size_t before = *room;
    for (size_t at = 0; at < s->probe_len && s->state == ST_RUN;) {
        ssize_t took = run(s, s->probe + at, s->probe_len - at, *dst, room);
        if (took < 0)
            return took;
        at += (size_t)took;
        /* A raw stream may be over after its first byte. */
        if (s->state == ST_END && at < s->probe_len)
            return SG_ESYNTAX;
    }
    *dst += before - *room;
    return (ssize_t)used;
}

static ssize_t feed(struct sg_inflate *s, const char *p, size_t n, char *dst, size_t *room)
{
    size_t used = 0;
    if (s->state == ST_PROBE) {
        ssize_t r = probe(s, p, n, &dst, room);
        if (r < 0 || s->state == ST_PROBE)
            return r;
        used = (size_t)r;
    }
    for (;;) {
        if (s->state == ST_END)
            return used < n ? SG_ESYNTAX : (ssize_t)used;
        if (s->state == ST_MEMBER) {
            if (used == n)
                return (ssize_t)used;
            int r = next_member(s);
            if (r < 0)
                return r;
        }
        size_t before = *room;
        ssize_t took = run(s, (const uint8_t *)p + used, n - used, dst, room);
        if (took < 0)
            return took;
        used += (size_t)took;
        dst += before - *room;
        /* Out of room, or out of input with nothing left to give. */
        if (s->state == ST_RUN && (*room == 0 || used == n))
            return (ssize_t)used;
        if (*room == 0)
            return (ssize_t)used;
    }
}

ssize_t sg_inflate_feed(struct sg_inflate *s, const char *p, size_t n, char *dst, size_t cap,
                        size_t *ret_out)
{
    size_t room = cap;
    *ret_out = 0;
    if (s->state == ST_FAILED)
        return SG_ESYNTAX;
    ssize_t r = feed(s, p, n, dst, &room);
    if (r < 0) {
        s->state = ST_FAILED;
        return r;
    }
    *ret_out = cap - room;
    return r;
}

int sg_inflate_finish(struct sg_inflate *s)
{
    /* No byte at all is an empty body, which some senders label. */
    if (s->state == ST_PROBE && s->probe_len == 0)
        return 0;
    return s->state == ST_END || s->state == ST_MEMBER ? 0 : SG_ESYNTAX;
}
