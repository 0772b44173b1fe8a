/* test_codec.c - samples survive encoding bit by bit, and rubbish is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/value.h>

#include "series/bits.h"
#include "series/codec.h"

static struct sg__codec codec;

/* Encodes and decodes; returns the bytes it took. */
static size_t round_trip(const int64_t *t, const double *v, size_t n)
{
    size_t size = sg__codec_encode(&codec, t, v, n);
    uint8_t *copy = sg_calloc(1, size + SG__BITS_PAD);
    memcpy(copy, codec.bytes, size);
    int64_t times[SG__CODEC_MAX];
    double values[SG__CODEC_MAX];
    assert_int_equal(sg__codec_decode(copy, size, n, times, values), 0);
    assert_true(memcmp(times, t, n * sizeof(*t)) == 0);
    assert_true(memcmp(values, v, n * sizeof(*v)) == 0);
    sg_free(copy);
    return size;
}

static void test_codec__keeps_one_sample(void **state)
{
    (void)state;
    static const int64_t times[] = {0, -1, 1, INT64_MIN, INT64_MAX, 1764000000000};
    for (size_t i = 0; i < SG_ARRAY_LEN(times); i++)
        round_trip(&times[i], (double[]){-0.0}, 1);
}

static void test_codec__keeps_every_bit_of_odd_values(void **state)
{
    (void)state;
    static const uint64_t bits[] = {0,
                                    UINT64_C(1) << 63,
                                    SG_STALE_BITS,
                                    SG_NAN_BITS,
                                    UINT64_C(0x7ff0000000000000),
                                    UINT64_C(0xfff0000000000000),
                                    UINT64_C(0xffffffffffffffff),
                                    1,
                                    UINT64_C(0x000fffffffffffff),
                                    UINT64_C(0x7fefffffffffffff),
                                    UINT64_C(0x4340000000000000),
                                    UINT64_C(0xc340000000000000),
                                    UINT64_C(0x7ff4dead0000beef),
                                    UINT64_C(0x3ff0000000000000)};
    int64_t t[SG__CODEC_MAX];
    double v[SG__CODEC_MAX];
    struct sg_prng rng = {7};
    for (int round = 0; round < 300; round++) {
        size_t n = 1 + sg_prng_below(&rng, SG__CODEC_MAX);
        bool mostly_plain = round % 2;
        for (size_t i = 0; i < n; i++) {
            t[i] = 1000 * (int64_t)i;
            v[i] = mostly_plain && sg_prng_below(&rng, 40)
                       ? (double)sg_prng_below(&rng, 500) / 10
                       : sg_double_from_bits(bits[sg_prng_below(&rng, SG_ARRAY_LEN(bits))]);
        }
        round_trip(t, v, n);
    }
}

static void test_codec__keeps_any_times(void **state)
{
    (void)state;
    int64_t t[SG__CODEC_MAX];
    double v[SG__CODEC_MAX];
    struct sg_prng rng = {11};
    for (int round = 0; round < 300; round++) {
        size_t n = 1 + sg_prng_below(&rng, SG__CODEC_MAX);
        for (size_t i = 0; i < n; i++) {
            unsigned width = (unsigned)sg_prng_below(&rng, 64);
            t[i] = (int64_t)(sg_prng_next(&rng) >> width);
            if (round % 3 == 0)
                t[i] = i % 2 ? INT64_C(1) << 62 : -(INT64_C(1) << 62);
            v[i] = sg_double_from_bits(sg_prng_next(&rng) >> sg_prng_below(&rng, 64));
        }
        round_trip(t, v, n);
    }
}

static void test_codec__keeps_walks_at_every_scale(void **state)
{
    (void)state;
    struct sg_prng rng = {13};
    int64_t t[SG__CODEC_MAX];
    double v[SG__CODEC_MAX];
    for (int round = 0; round < 400; round++) {
        int places = round % 12;
        int64_t at = (int64_t)sg_prng_below(&rng, UINT64_C(1) << sg_prng_below(&rng, 55));
        int64_t now = 1764000000000;
        for (size_t i = 0; i < SG__CODEC_MAX; i++) {
            now += 1000 + (round % 2 ? (int64_t)sg_prng_below(&rng, 7) - 3 : 0);
            at += (int64_t)sg_prng_below(&rng, 1 + (UINT64_C(1) << sg_prng_below(&rng, 30))) - 2;
            t[i] = now;
            v[i] = (double)at / pow(10, places);
        }
        round_trip(t, v, 2 + sg_prng_below(&rng, SG__CODEC_MAX - 2));
    }
}

static void test_codec__takes_next_to_nothing_for_a_constant(void **state)
{
    (void)state;
    int64_t t[160];
    double v[160];
    for (size_t i = 0; i < 160; i++) {
        t[i] = 1764000000000 + 1000 * (int64_t)i;
        v[i] = 0.25;
    }
    assert_true(round_trip(t, v, 160) <= 20);
}

static void test_codec__takes_about_a_byte_for_a_cpu_counter(void **state)
{
    (void)state;
    struct sg_prng rng = {17};
    int64_t t[160];
    double v[160];
    int64_t ticks = 123456789;
    for (size_t i = 0; i < 160; i++) {
        ticks += 90 + (int64_t)sg_prng_below(&rng, 10);
        t[i] = 1764000000000 + 1000 * (int64_t)i;
        v[i] = (double)ticks / 100;
    }
    assert_true(round_trip(t, v, 160) <= 160 * 3 / 2);
}

static void test_codec__a_staleness_marker_does_not_spoil_a_decimal_chunk(void **state)
{
    (void)state;
    int64_t t[160];
    double v[160];
    for (size_t i = 0; i < 160; i++) {
        t[i] = 1764000000000 + 1000 * (int64_t)i;
        v[i] = (double)i / 100;
    }
    size_t plain = round_trip(t, v, 160);
    v[159] = sg_stale_nan();
    assert_true(round_trip(t, v, 160) <= plain + 12);
}

static void test_codec__refuses_cut_off_bytes(void **state)
{
    (void)state;
    struct sg_prng rng = {19};
    int64_t t[100];
    double v[100];
    for (size_t i = 0; i < 100; i++) {
        t[i] = (int64_t)sg_prng_below(&rng, 100000);
        v[i] = sg_double_from_bits(sg_prng_next(&rng));
    }
    size_t size = sg__codec_encode(&codec, t, v, 100);
    uint8_t bytes[4096];
    int64_t times[SG__CODEC_MAX];
    double values[SG__CODEC_MAX];
    for (size_t cut = 0; cut < size; cut++) {
        memcpy(bytes, codec.bytes, cut);
        memset(bytes + cut, 0xff, SG__BITS_PAD);
        assert_int_equal(sg__codec_decode(bytes, cut, 100, times, values), SG_EINVALID);
    }
}

static void test_codec__survives_random_bytes(void **state)
{
    (void)state;
    struct sg_prng rng = {23};
    int64_t times[SG__CODEC_MAX];
    double values[SG__CODEC_MAX];
    for (int round = 0; round < 20000; round++) {
        size_t size = sg_prng_below(&rng, 200);
        uint8_t *p = sg_calloc(1, size + SG__BITS_PAD);
        for (size_t i = 0; i < size; i++)
            p[i] = (uint8_t)sg_prng_next(&rng);
        int rc = sg__codec_decode(p, size, 1 + sg_prng_below(&rng, SG__CODEC_MAX), times, values);
        assert_true(rc == 0 || rc == SG_EINVALID);
        sg_free(p);
    }
}

static void test_codec__refuses_impossible_counts(void **state)
{
    (void)state;
    uint8_t p[16 + SG__BITS_PAD] = {0};
    int64_t t[1];
    double v[1];
    assert_int_equal(sg__codec_decode(p, 16, 0, t, v), SG_EINVALID);
    assert_int_equal(sg__codec_decode(p, 16, SG__CODEC_MAX + 1, t, v), SG_EINVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec__keeps_one_sample),
        cmocka_unit_test(test_codec__keeps_every_bit_of_odd_values),
        cmocka_unit_test(test_codec__keeps_any_times),
        cmocka_unit_test(test_codec__keeps_walks_at_every_scale),
        cmocka_unit_test(test_codec__takes_next_to_nothing_for_a_constant),
        cmocka_unit_test(test_codec__takes_about_a_byte_for_a_cpu_counter),
        cmocka_unit_test(test_codec__a_staleness_marker_does_not_spoil_a_decimal_chunk),
        cmocka_unit_test(test_codec__refuses_cut_off_bytes),
        cmocka_unit_test(test_codec__survives_random_bytes),
        cmocka_unit_test(test_codec__refuses_impossible_counts),
    };
    return cmocka_run_group_tests_name("series/codec", tests, NULL, NULL);
}
