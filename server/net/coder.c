/* coder.c - gzip and brotli streams behind one face. */
#include "coder.h"

#include <brotli/encode.h>
#include <streamgauge/error.h>
#include <streamgauge/mem.h>
#include <zlib.h>

/* JSON of numbers: higher levels cost several times as much for a few percent. */
#define BR_QUALITY 3
#define BR_WINDOW_BITS 18
#define GZIP_LEVEL 3
#define STEP (32 * 1024)

struct sg__coder {
    BrotliEncoderState *br; /* NULL: gzip */
    z_stream z;
};

const char *sg__coding_text(enum sg__coding coding)
{
    return coding == SG__CODING_BR ? "br" : "gzip";
}

enum sg__coding sg__coding_choose(const struct sg_http1_headers *h)
{
    if (sg_http1_accepts_encoding(h, SG_STR("br")))
        return SG__CODING_BR;
    return sg_http1_accepts_encoding(h, SG_STR("gzip")) ? SG__CODING_GZIP : SG__CODING_NONE;
}

struct sg__coder *sg__coder_new(enum sg__coding coding)
{
    struct sg__coder *c = sg_calloc(1, sizeof(*c));
    bool ok;
    if (coding == SG__CODING_BR) {
        c->br = BrotliEncoderCreateInstance(NULL, NULL, NULL);
        ok = c->br && BrotliEncoderSetParameter(c->br, BROTLI_PARAM_QUALITY, BR_QUALITY) &&
             BrotliEncoderSetParameter(c->br, BROTLI_PARAM_LGWIN, BR_WINDOW_BITS);
    } else {
        ok = deflateInit2(&c->z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    }
    if (ok)
        return c;
    sg__coder_free(c);
    return NULL;
}

void sg__coder_free(struct sg__coder *c)
{
    if (!c)
        return;
    if (c->br)
        BrotliEncoderDestroyInstance(c->br);
    else
        (void)deflateEnd(&c->z);
    sg_free(c);
}

static int feed_br(struct sg__coder *c, struct sg_str in, bool last, struct sg_buf *out)
{
    const uint8_t *next = (const uint8_t *)in.p;
    size_t left = in.n;
    BrotliEncoderOperation op = last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS;
    do {
        size_t room = 0;
        uint8_t *none = NULL;
        if (!BrotliEncoderCompressStream(c->br, op, &left, &next, &room, &none, NULL))
            return SG_ENOMEM;
        size_t n = 0;
        const uint8_t *made = BrotliEncoderTakeOutput(c->br, &n);
        if (sg_buf_append(out, made, n) < 0)
            return SG_ELIMIT;
    } while (left || BrotliEncoderHasMoreOutput(c->br) ||
             (last && !BrotliEncoderIsFinished(c->br)));
    return 0;
}

static int feed_gzip(struct sg__coder *c, struct sg_str in, bool last, struct sg_buf *out)
{
    c->z.next_in = (Bytef *)(uintptr_t)in.p;
    c->z.avail_in = (uInt)in.n;
    int rc;
    do {
        if (sg_buf_reserve(out, STEP) < 0)
            return SG_ELIMIT;
        c->z.next_out = (Bytef *)out->data + out->len;
        c->z.avail_out = STEP;
        rc = deflate(&c->z, last ? Z_FINISH : Z_NO_FLUSH);
        out->len += STEP - c->z.avail_out;
    } while (rc == Z_OK && (c->z.avail_out == 0 || last));
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? 0 : SG_ENOMEM;
}

int sg__coder_feed(struct sg__coder *c, struct sg_str in, bool last, struct sg_buf *out)
{
    /* zlib counts in 32 bits. */
    while (!c->br && in.n > (1u << 30)) {
        int rc = feed_gzip(c, sg_str_make(in.p, 1u << 30), false, out);
        if (rc < 0)
            return rc;
        in = sg_str_make(in.p + (1u << 30), in.n - (1u << 30));
    }
    return c->br ? feed_br(c, in, last, out) : feed_gzip(c, in, last, out);
}
