/* inflate.h - request bodies with Content-Encoding gzip or deflate, incrementally, under a size and
 * a ratio cap.
 *
 *     sg_inflate_init(&z, SG_INFLATE_GZIP, max_bytes, 0);
 *     per piece:  while (n > 0 || more) {
 *                     used = sg_inflate_feed(&z, p, n, out, sizeof(out), &got);
 *                     … use out[0..got)
 *                 }
 *     at the end: sg_inflate_finish(&z)
 *
 * Holds zlib's 40 KB at most, whatever the input says. One user at a time.
 */
#ifndef STREAMGAUGE_INFLATE_H
#define STREAMGAUGE_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/str.h>
#include <sys/types.h>

struct z_stream_s;

enum sg_inflate_format {
    SG_INFLATE_GZIP,   /* RFC 1952, several members allowed */
    SG_INFLATE_DEFLATE /* zlib (RFC 1950) as HTTP means it, or raw deflate as some send it: told by
                          the first two bytes */
};

/* Output up to this many bytes is free of the ratio cap. */
#define SG_INFLATE_RATIO_FREE 65536
/* Members of a gzip body; beyond: SG_ELIMIT. */
#define SG_INFLATE_MAX_MEMBERS 1024

struct sg_inflate {
    struct z_stream_s *z;
    uint64_t in_bytes, out_bytes;
    uint64_t max_bytes; /* cap on out_bytes */
    uint32_t max_ratio; /* out : in beyond SG_INFLATE_RATIO_FREE */
    uint32_t members;
    enum sg_inflate_format format;
    uint8_t probe[2]; /* first bytes of SG_INFLATE_DEFLATE */
    uint8_t probe_len;
    uint8_t state; /* private */
};

/* Content-Encoding value to format. Returns 0 (also for "identity" or empty: *ret_identity), or
 * SG_EUNSUPPORTED (answer 415). */
SG_API SG_NODISCARD int sg_inflate_format_of(struct sg_str content_encoding,
                                             enum sg_inflate_format *ret, bool *ret_identity);
/* max_ratio 0 = 100. Allocates nothing yet. */
SG_API void sg_inflate_init(struct sg_inflate *s, enum sg_inflate_format format, uint64_t max_bytes,
                            uint32_t max_ratio);
SG_API void sg_inflate_deinit(struct sg_inflate *s);
/* Inflates from p..p+n into dst (cap > 0). Returns input bytes consumed; *ret_out is the output
 * length. Output may be pending even when all input is consumed: call with n = 0 again while
 * *ret_out == cap. Errors: SG_ESYNTAX (400), SG_ELIMIT (413), SG_ENOMEM (503). */
SG_API SG_NODISCARD ssize_t sg_inflate_feed(struct sg_inflate *s, const char *p, size_t n,
                                            char *dst, size_t cap, size_t *ret_out);
/* At the end of the body: 0, or SG_ESYNTAX when the stream is cut off. */
SG_API SG_NODISCARD int sg_inflate_finish(struct sg_inflate *s);

#endif
