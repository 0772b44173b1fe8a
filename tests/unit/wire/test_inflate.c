/* Compressed request bodies: formats, damage, caps, at every cut of input and output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/inflate.h>
#include <streamgauge/mem.h>
#include <string.h>
#include <zlib.h>

#include "guard.h"

enum { ZLIB = 15, RAW = -15, GZIP = 31 };

/* Appends a compressed copy of p..p+n. */
static void pack(struct sg_buf *out, const char *p, size_t n, int bits)
{
    z_stream z = {.next_in = (z_const Bytef *)p, .avail_in = (uInt)n};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&z, n) + 32;
    assert_int_equal(sg_buf_reserve(out, bound), 0);
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

struct limits {
    uint64_t max_bytes;
    uint32_t max_ratio;
};

/* Inflates in pieces of `step` with `room` bytes of output at a time. Returns 0 or the first error.
 */
static int unpack(const struct sg_buf *in, enum sg_inflate_format format, struct limits lim,
                  size_t step, size_t room, struct sg_buf *out)
{
    struct sg_inflate s;
    int r = 0;
    sg_inflate_init(&s, format, lim.max_bytes, lim.max_ratio);
    sg_buf_reset(out);
    for (size_t at = 0; at < in->len && r == 0; at += step) {
        struct guard g, h;
        size_t len = in->len - at < step ? in->len - at : step, used = 0, got = room;
        char *p = guard_put(&g, in->data + at, len), dst[4096];
        memset(dst, 0, sizeof(dst));
        char *q = guard_put(&h, dst, room);
        while (r == 0 && (used < len || got == room)) {
            ssize_t n = sg_inflate_feed(&s, p + used, len - used, q, room, &got);
            if (n < 0) {
                r = (int)n;
                break;
            }
            assert_true(n > 0 || got > 0 || used == len);
            used += (size_t)n;
            assert_int_equal(sg_buf_append(out, q, got), 0);
        }
        guard_free(&g);
        guard_free(&h);
    }
    if (r == 0)
        r = sg_inflate_finish(&s);
    sg_inflate_deinit(&s);
    return r;
}

struct fixture {
    struct sg_buf in, out;
};

static int setup(void **state)
{
    static struct fixture f;
    sg_buf_init(&f.in, 1 << 24);
    sg_buf_init(&f.out, 1 << 24);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_buf_deinit(&f->in);
    sg_buf_deinit(&f->out);
    return 0;
}

static const struct limits roomy = {1 << 24, 0};

/* The same result for all small steps and rooms. */
static void expect(struct fixture *f, enum sg_inflate_format format, int r, const char *text)
{
    static const size_t rooms[] = {1, 2, 7, 4096};
    for (size_t step = 1; step <= f->in.len; step++)
        for (size_t k = 0; k < SG_ARRAY_LEN(rooms); k++) {
            int got = unpack(&f->in, format, roomy, step, rooms[k], &f->out);
            if (got != r)
                fail_msg("step %zu, room %zu: got %d, expected %d", step, rooms[k], got, r);
            if (r == 0)
                assert_string_equal(sg_buf_cstr(&f->out), text);
        }
    sg_buf_reset(&f->in);
}

static void test_inflate__all_three_formats(void **state)
{
    struct fixture *f = *state;
    pack(&f->in, "hello hello hello", 17, GZIP);
    expect(f, SG_INFLATE_GZIP, 0, "hello hello hello");
    pack(&f->in, "hello hello hello", 17, ZLIB);
    expect(f, SG_INFLATE_DEFLATE, 0, "hello hello hello");
    pack(&f->in, "hello hello hello", 17, RAW);
    expect(f, SG_INFLATE_DEFLATE, 0, "hello hello hello");
    pack(&f->in, "", 0, GZIP);
    expect(f, SG_INFLATE_GZIP, 0, "");
    pack(&f->in, "", 0, RAW);
    expect(f, SG_INFLATE_DEFLATE, 0, "");
}

static void test_inflate__gzip_members_are_joined(void **state)
{
    struct fixture *f = *state;
    pack(&f->in, "one ", 4, GZIP);
    pack(&f->in, "", 0, GZIP);
    pack(&f->in, "two", 3, GZIP);
    expect(f, SG_INFLATE_GZIP, 0, "one two");
}

static void test_inflate__gzip_members_are_bounded(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < SG_INFLATE_MAX_MEMBERS; i++)
        pack(&f->in, "a", 1, GZIP);
    assert_int_equal(unpack(&f->in, SG_INFLATE_GZIP, roomy, f->in.len, 4096, &f->out), 0);
    assert_int_equal(f->out.len, SG_INFLATE_MAX_MEMBERS);
    pack(&f->in, "a", 1, GZIP);
    assert_int_equal(unpack(&f->in, SG_INFLATE_GZIP, roomy, f->in.len, 4096, &f->out), SG_ELIMIT);
}

static void test_inflate__trailing_garbage_is_an_error(void **state)
{
    struct fixture *f = *state;
    pack(&f->in, "abc", 3, GZIP);
    sg_buf_putc(&f->in, 'x');
    sg_buf_putc(&f->in, 'y');
    expect(f, SG_INFLATE_GZIP, SG_ESYNTAX, NULL);
    pack(&f->in, "abc", 3, GZIP);
    sg_buf_putc(&f->in, '\0');
    expect(f, SG_INFLATE_GZIP, SG_ESYNTAX, NULL);
    pack(&f->in, "abc", 3, ZLIB);
    sg_buf_putc(&f->in, 'x');
    expect(f, SG_INFLATE_DEFLATE, SG_ESYNTAX, NULL);
    pack(&f->in, "abc", 3, RAW);
    sg_buf_putc(&f->in, 'x');
    expect(f, SG_INFLATE_DEFLATE, SG_ESYNTAX, NULL);
}

static void test_inflate__cut_streams_are_found_at_the_end(void **state)
{
    struct fixture *f = *state;
    static const int bits[] = {GZIP, ZLIB, RAW};
    for (size_t k = 0; k < 3; k++) {
        pack(&f->in, "hello hello hello", 17, bits[k]);
        for (f->in.len--; f->in.len > 0; f->in.len--)
            assert_int_equal(unpack(&f->in, bits[k] == GZIP ? SG_INFLATE_GZIP : SG_INFLATE_DEFLATE,
                                    roomy, 3, 4096, &f->out),
                             SG_ESYNTAX);
    }
}

static void test_inflate__a_flipped_checksum_is_an_error(void **state)
{
    struct fixture *f = *state;
    pack(&f->in, "hello", 5, GZIP);
    f->in.data[f->in.len - 6] ^= 1;
    expect(f, SG_INFLATE_GZIP, SG_ESYNTAX, NULL);
    pack(&f->in, "hello", 5, ZLIB);
    f->in.data[f->in.len - 1] ^= 1;
    expect(f, SG_INFLATE_DEFLATE, SG_ESYNTAX, NULL);
    sg_buf_puts(&f->in, "not gzip");
    expect(f, SG_INFLATE_GZIP, SG_ESYNTAX, NULL);
}

static void test_inflate__an_empty_body_is_empty(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(unpack(&f->in, SG_INFLATE_GZIP, roomy, 1, 1, &f->out), 0);
    assert_int_equal(unpack(&f->in, SG_INFLATE_DEFLATE, roomy, 1, 1, &f->out), 0);
}

static void test_inflate__the_size_cap_holds_to_the_byte(void **state)
{
    struct fixture *f = *state;
    pack(&f->in, "0123456789", 10, GZIP);
    static const size_t steps[] = {1, 5, 1000}, rooms[] = {1, 3, 10, 11, 4096};
    for (size_t i = 0; i < SG_ARRAY_LEN(steps); i++)
        for (size_t k = 0; k < SG_ARRAY_LEN(rooms); k++) {
            const struct limits fits = {10, 0}, tight = {9, 0};
            assert_int_equal(unpack(&f->in, SG_INFLATE_GZIP, fits, steps[i], rooms[k], &f->out), 0);
            assert_int_equal(unpack(&f->in, SG_INFLATE_GZIP, tight, steps[i], rooms[k], &f->out),
                             SG_ELIMIT);
            assert_true(f->out.len <= 9);
        }
}

static void test_inflate__the_ratio_cap_stops_bombs_and_spares_small_bodies(void **state)
{
    struct fixture *f = *state;
    char *zeros = sg_calloc(1, 1 << 22);
    pack(&f->in, zeros, SG_INFLATE_RATIO_FREE, GZIP);
    assert_int_equal(unpack(&f->in, SG_INFLATE_GZIP, roomy, 1 << 20, 4096, &f->out), 0);
    sg_buf_reset(&f->in);
    pack(&f->in, zeros, 1 << 22, GZIP);
    assert_int_equal(unpack(&f->in, SG_INFLATE_GZIP, roomy, 1 << 20, 4096, &f->out), SG_ELIMIT);
    assert_true(f->out.len < 1 << 20);
    const struct limits lax = {1 << 24, 2000};
    assert_int_equal(unpack(&f->in, SG_INFLATE_GZIP, lax, 1 << 20, 4096, &f->out), 0);
    sg_free(zeros);
}

static void test_inflate__a_failed_stream_stays_failed(void **state)
{
    (void)state;
    struct sg_inflate s;
    char dst[8];
    size_t got;
    sg_inflate_init(&s, SG_INFLATE_GZIP, 100, 0);
    assert_int_equal(sg_inflate_feed(&s, "xx", 2, dst, 8, &got), SG_ESYNTAX);
    assert_int_equal(sg_inflate_feed(&s, "\x1f\x8b", 2, dst, 8, &got), SG_ESYNTAX);
    assert_int_equal(sg_inflate_finish(&s), SG_ESYNTAX);
    sg_inflate_deinit(&s);
}

static void test_inflate__without_memory(void **state)
{
    struct fixture *f = *state;
    pack(&f->in, "hello", 5, GZIP);
    for (uint64_t k = 1; k <= 2; k++) {
        sg_mem_fail_after(k);
        struct sg_inflate s;
        char dst[8];
        size_t got;
        sg_inflate_init(&s, SG_INFLATE_GZIP, 100, 0);
        assert_int_equal(sg_inflate_feed(&s, f->in.data, f->in.len, dst, 8, &got), SG_ENOMEM);
        sg_inflate_deinit(&s);
        sg_mem_fail_after(0);
    }
}

static void test_format__of_content_encoding(void **state)
{
    (void)state;
    enum sg_inflate_format format = SG_INFLATE_GZIP;
    bool identity;
    assert_int_equal(sg_inflate_format_of(SG_STR("Deflate"), &format, &identity), 0);
    assert_true(format == SG_INFLATE_DEFLATE && !identity);
    assert_int_equal(sg_inflate_format_of(SG_STR("x-gzip"), &format, &identity), 0);
    assert_true(format == SG_INFLATE_GZIP && !identity);
    assert_int_equal(sg_inflate_format_of(SG_STR("identity"), &format, &identity), 0);
    assert_true(identity);
    assert_int_equal(sg_inflate_format_of(SG_STR("br"), &format, &identity), SG_EUNSUPPORTED);
    assert_int_equal(sg_inflate_format_of(SG_STR("gzip, gzip"), &format, &identity),
                     SG_EUNSUPPORTED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_inflate__all_three_formats),
        T(test_inflate__gzip_members_are_joined),
        T(test_inflate__gzip_members_are_bounded),
        T(test_inflate__trailing_garbage_is_an_error),
        T(test_inflate__cut_streams_are_found_at_the_end),
        T(test_inflate__a_flipped_checksum_is_an_error),
        T(test_inflate__an_empty_body_is_empty),
        T(test_inflate__the_size_cap_holds_to_the_byte),
        T(test_inflate__the_ratio_cap_stops_bombs_and_spares_small_bodies),
        T(test_inflate__a_failed_stream_stays_failed),
        T(test_inflate__without_memory),
        T(test_format__of_content_encoding),
    };
    return cmocka_run_group_tests_name("wire/inflate", tests, NULL, NULL);
}
