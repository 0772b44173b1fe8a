/* fuzz_chunk.c - the sample codec: arbitrary bytes never hurt the decoder, and what is encoded
 * comes back bit by bit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/compiler.h>

#include "series/bits.h"
#include "series/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sg__codec codec;

static void round_trip(const int64_t *t, const double *v, size_t n)
{
    int64_t times[SG__CODEC_MAX];
    double values[SG__CODEC_MAX];
    size_t size = sg__codec_encode(&codec, t, v, n);
    SG_ASSERT(size + SG__BITS_PAD <= sizeof(codec.bytes));
    SG_ASSERT(sg__codec_decode(codec.bytes, size, n, times, values) == 0);
    SG_ASSERT(memcmp(times, t, n * sizeof(*t)) == 0);
    SG_ASSERT(memcmp(values, v, n * sizeof(*v)) == 0);
}

/* The bytes as a chunk of n samples; if they are one, its samples survive another trip. */
static void decode(const uint8_t *data, size_t size, size_t n)
{
    int64_t t[SG__CODEC_MAX];
    double v[SG__CODEC_MAX];
    uint8_t *copy = malloc(size + SG__BITS_PAD);
    SG_ASSERT(copy);
    memcpy(copy, data, size);
    memset(copy + size, 0xa5, SG__BITS_PAD);
    if (sg__codec_decode(copy, size, n, t, v) == 0)
        round_trip(t, v, n);
    free(copy);
}

/* The bytes as samples: times and values of raw bits, or small steps and decimals. */
static void encode(const uint8_t *data, size_t size, int shape)
{
    int64_t t[SG__CODEC_MAX];
    double v[SG__CODEC_MAX];
    size_t n = 0, step = shape & 1 ? 4 : 16;
    uint64_t at = 0, value = 0;
    for (; size >= step && n < SG__CODEC_MAX; data += step, size -= step, n++) {
        if (step == 16) {
            memcpy(&t[n], data, 8);
            memcpy(&v[n], data + 8, 8);
            continue;
        }
        at += data[0] + 256u * data[1];
        value += data[2];
        t[n] = (int64_t)at;
        v[n] = data[3] < 250 ? (double)(int64_t)value / (shape & 2 ? 100 : 1) : -0.0 / data[3];
    }
    if (n)
        round_trip(t, v, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    int shape = data[0];
    if (shape & 4)
        decode(data + 3, size - 3, 1 + (data[1] + 256u * data[2]) % SG__CODEC_MAX);
    else
        encode(data + 3, size - 3, shape);
    return 0;
}
