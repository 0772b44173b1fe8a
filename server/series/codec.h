/* codec.h - columns of times and doubles as few bits, and back, exactly.
 *
 * Times are the deltas of deltas. Values are either Gorilla's XOR (any bits), or, when nearly all
 * of them are decimals with at most nine places (counters in seconds, bytes, percentages: most of
 * what hosts report), integers after scaling by a power of ten, stored as deltas or deltas of
 * deltas without their common trailing zeros; the few values that do not fit (staleness markers,
 * NaN, -0) follow as exceptions. Integer residuals share a prefix code whose three widths are
 * chosen for each chunk: 0 -> zero, 10 -> w1 bits, 110 -> w2 bits, 111 -> w3 bits. When all
 * residuals are zero they take no bits at all.
 *
 * Layout, most significant bit first: varint zigzag(time[0]); if n > 1 varint zigzag(delta); if n >
 * 2 widths and n - 2 residuals; then 2 bits of value mode and the values. All arithmetic wraps, so
 * any times round-trip.
 */
#ifndef SERIES_CODEC_H
#define SERIES_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>

#define SG__CODEC_MAX 512 /* samples in one go */
/* Worst case: a time of 67 bits and an XOR value of 78, or an exception of 80 bits and an integer
 * of 67; and the heads. */
#define SG__CODEC_BYTES (SG__CODEC_MAX * 28 + 128)

/* Scratch memory of one encoder. */
struct sg__codec {
    int64_t scaled[SG__CODEC_MAX];
    uint64_t residuals[SG__CODEC_MAX];
    uint64_t second[SG__CODEC_MAX];
    uint16_t exceptions[SG__CODEC_MAX];
    uint8_t bytes[SG__CODEC_BYTES];
};

/* Encodes 1 <= n <= SG__CODEC_MAX samples into c->bytes. Returns the length. O(n). */
size_t sg__codec_encode(struct sg__codec *c, const int64_t *time_ms, const double *v, size_t n);
/* Decodes n samples. The SG__BITS_PAD bytes behind p + size must be readable. SG_EINVALID when the
 * bytes are not a chunk of n samples; then the columns hold rubbish. Safe for arbitrary bytes. */
SG_NODISCARD int sg__codec_decode(const uint8_t *p, size_t size, size_t n, int64_t *time_ms,
                                  double *v);

#endif
