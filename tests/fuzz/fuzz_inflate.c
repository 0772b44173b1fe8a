/* Compressed bodies: output and verdict must not depend on the cuts, and never pass the cap. The
 * first byte chooses the format. */
#include <stdint.h>
#include <stdlib.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/inflate.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES 100000

static int unpack(const uint8_t *data, size_t n, enum sg_inflate_format format, size_t step,
                  size_t room, struct sg_buf *out)
{
    struct sg_inflate s;
    int r = 0;
    sg_inflate_init(&s, format, MAX_BYTES, 5000);
    sg_buf_reset(out);
    for (size_t at = 0; at < n && r == 0; at += step) {
        size_t len = n - at < step ? n - at : step, used = 0, got = room;
        char *p = malloc(len), *q = malloc(room);
        memcpy(p, data + at, len);
        while (used < len || got == room) {
            ssize_t took = sg_inflate_feed(&s, p + used, len - used, q, room, &got);
            if (took < 0) {
                r = (int)took;
                break;
            }
            SG_ASSERT((size_t)took <= len - used && got <= room && (took || got || used == len));
            used += (size_t)took;
            sg_buf_append(out, q, got);
        }
        free(p);
        free(q);
    }
    SG_ASSERT(!out->failed && out->len <= MAX_BYTES);
    if (r == 0)
        r = sg_inflate_finish(&s);
    sg_inflate_deinit(&s);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t cuts[][2] = {{1, 4096}, {7, 100}, {100, 13}};
    if (size < 1)
        return 0;
    enum sg_inflate_format format = data[0] & 1 ? SG_INFLATE_GZIP : SG_INFLATE_DEFLATE;
    SG_AUTO(sg_buf_deinit) struct sg_buf whole;
    SG_AUTO(sg_buf_deinit) struct sg_buf cut;
    sg_buf_init(&whole, MAX_BYTES);
    sg_buf_init(&cut, MAX_BYTES);
    int r = unpack(data + 1, size - 1, format, size, 1 << 16, &whole);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        int again = unpack(data + 1, size - 1, format, cuts[i][0], cuts[i][1], &cut);
        SG_ASSERT(r == again);
        SG_ASSERT(r < 0 || sg_str_eq(sg_buf_str(&whole), sg_buf_str(&cut)));
    }
    return 0;
}
