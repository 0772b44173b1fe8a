/* assets.c - content types, entity tags and compressed variants of the embedded files. */
#include "assets.h"

#include <brotli/encode.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

static const struct {
    const char *suffix, *type;
    bool text; /* worth compressing */
} types[] = {
    {".html", "text/html; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".json", "application/json", true},
    {".webmanifest", "application/manifest+json", true},
    {".svg", "image/svg+xml", true},
    {".png", "image/png", false},
    {".ico", "image/x-icon", false},
    {".woff2", "font/woff2", false},
};

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n >= m && strcmp(name + n - m, suffix) == 0;
}

/* A variant is kept only when it is smaller. */
static struct sg_str keep_if_smaller(unsigned char *data, size_t n, size_t original)
{
    if (n > 0 && n < original)
        return sg_str_make((char *)data, n);
    sg_free(data);
    return (struct sg_str){0};
}

static struct sg_str compress_brotli(const struct sg_embedded_file *f)
{
    size_t n = BrotliEncoderMaxCompressedSize(f->n);
    unsigned char *out = sg_alloc(n);
    if (!BrotliEncoderCompress(BROTLI_MAX_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, f->n,
                               f->data, &n, out))
        n = 0;
    return keep_if_smaller(out, n, f->n);
}

static struct sg_str compress_gzip(const struct sg_embedded_file *f)
{
    z_stream z = {0};
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return (struct sg_str){0};
    size_t n = deflateBound(&z, (uLong)f->n);
    unsigned char *out = sg_alloc(n);
    z.next_in = (unsigned char *)(uintptr_t)f->data;
    z.avail_in = (uInt)f->n;
    z.next_out = out;
    z.avail_out = (uInt)n;
    n = deflate(&z, Z_FINISH) == Z_STREAM_END ? (size_t)z.total_out : 0;
    deflateEnd(&z);
    return keep_if_smaller(out, n, f->n);
}

static struct sg_net_asset make_asset(const struct sg_embedded_file *f)
{
    char etag[32];
    struct sg_net_asset a = {.path = f->path,
                             .type = "application/octet-stream",
                             .body = sg_str_make((const char *)f->data, f->n),
                             .br = sg_str_make((const char *)f->br, f->n_br),
                             .gzip = sg_str_make((const char *)f->gzip, f->n_gzip),
                             .immutable = f->immutable};
    bool text = false;
    for (size_t i = 0; i < SG_ARRAY_LEN(types); i++) {
        if (has_suffix(f->name, types[i].suffix)) {
            a.type = types[i].type;
            text = types[i].text;
        }
    }
    snprintf(etag, sizeof(etag), "\"%016llx\"",
             (unsigned long long)sg_hash64_stable(f->data, f->n));
    a.etag = sg_strdup(etag);
    if (text && !f->br && !f->gzip) {
        a.br = compress_brotli(f);
        a.gzip = compress_gzip(f);
    }
    return a;
}

void sg_assets_init(struct sg_assets *a)
{
    a->n = sg_n_embedded_files;
    a->items = sg_calloc(a->n + 1, sizeof(*a->items));
    for (size_t i = 0; i < a->n; i++)
        a->items[i] = make_asset(&sg_embedded_files[i]);
}

void sg_assets_deinit(struct sg_assets *a)
{
    for (size_t i = 0; i < a->n; i++) {
        sg_free((void *)(uintptr_t)a->items[i].etag);
        if (a->items[i].br.p != (const char *)sg_embedded_files[i].br)
            sg_free((void *)(uintptr_t)a->items[i].br.p);
        if (a->items[i].gzip.p != (const char *)sg_embedded_files[i].gzip)
            sg_free((void *)(uintptr_t)a->items[i].gzip.p);
    }
    sg_free(a->items);
    *a = (struct sg_assets){0};
}

void sg_assets_graph(void *ctx, struct sg_net_exchange *x)
{
    const struct sg_assets *a = ctx;
    const char *page = ".";
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i].path, "/simple/") == 0)
            page = "simple";
    x->status = 302;
    sg_buf_printf(&x->headers, "Location: %s/?%.*s\r\n", page, SG_STR_ARG(x->query));
}
