/* Compressing and inflating messages: RFC 7692's examples, bounds, memory, and the frame decoder on
 * compressed messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <streamgauge/error.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/ws.h>
#include <string.h>
#include <zlib.h>

#include "ws_log.h"

#define MAX 100000

static const struct sg_deflate_params no_takeover = {
    .agreed = true, .client_no_takeover = true, .server_bits = 15, .client_bits = 15};
static const struct sg_deflate_params takeover = {
    .agreed = true, .server_bits = 15, .client_bits = 15};

struct fixture {
    struct sg_inflater in;
    struct sg_deflater de;
    struct sg_buf packed, out;
};

static int setup(void **state)
{
    static struct fixture f;
    sg_inflater_init(&f.in, &no_takeover, 0);
    sg_deflater_init(&f.de, 15, -1);
    sg_buf_init(&f.packed, 1 << 22);
    sg_buf_init(&f.out, MAX);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_inflater_deinit(&f->in);
    sg_deflater_deinit(&f->de);
    sg_buf_deinit(&f->packed);
    sg_buf_deinit(&f->out);
    return 0;
}

/* Inflates p..p+n as one message in pieces; the result is in f->out. */
static int inflate_message(struct fixture *f, const char *p, size_t n, size_t step)
{
    sg_buf_reset(&f->out);
    int r = 0;
    for (size_t at = 0; at < n && r == 0; at += step) {
        struct guard g;
        size_t len = n - at < step ? n - at : step;
        char *piece = guard_put(&g, p + at, len);
        r = sg_inflater_feed(&f->in, piece, len, &f->out, MAX);
        guard_free(&g);
    }
    return r == 0 ? sg_inflater_finish(&f->in, &f->out, MAX) : r;
}

static void expect_text(struct fixture *f, const char *bytes, size_t n, const char *text)
{
    for (size_t step = 1; step <= n; step++) {
        assert_int_equal(inflate_message(f, bytes, n, step), 0);
        assert_string_equal(sg_buf_cstr(&f->out), text);
    }
}

static void test_inflate__examples_of_rfc_7692(void **state)
{
    struct fixture *f = *state;
    expect_text(f, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    /* stored block */
    expect_text(f, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello");
    /* BFINAL set, then an empty block */
    expect_text(f, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello");
    /* two blocks */
    expect_text(f, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello");
    /* BFINAL at the very end, and twice over */
    expect_text(f, "\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    expect_text(f, "\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 15,
                "HelloHello");
    expect_text(f, "\x00", 1, "");
    assert_int_equal(inflate_message(f, "", 0, 1), 0);
    assert_int_equal(f->out.len, 0);
}

static void test_inflate__context_takeover_of_the_client(void **state)
{
    struct fixture *f = *state;
    sg_inflater_init(&f->in, &takeover, 0);
    assert_int_equal(inflate_message(f, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 7), 0);
    assert_non_null(f->in.z);
    /* RFC 7692 7.2.3.2: the second Hello refers to the first. */
    assert_int_equal(inflate_message(f, "\xf2\x00\x11\x00\x00", 5, 2), 0);
    assert_string_equal(sg_buf_cstr(&f->out), "Hello");
}

static void test_inflate__a_reference_to_an_earlier_message_is_damage_without_takeover(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(inflate_message(f, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 7), 0);
    assert_null(f->in.z);
    assert_int_equal(inflate_message(f, "\xf2\x00\x11\x00\x00", 5, 5), SG_ESYNTAX);
}

static void test_inflate__damage(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t n;
    } table[] = {
        {"\x06", 1},                   /* reserved block type */
        {"\x00\x05\x00\xfa\xfe", 5},   /* length and its complement differ */
        {"\xf2\x48\xcd", 3},           /* cut inside a block */
        {"\x00\x05\x00\xfa\xffHe", 7}, /* cut inside a stored block */
        {"\xff\xff\xff\xff", 4},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++)
        for (size_t step = 1; step <= table[i].n; step++)
            assert_int_equal(inflate_message(f, table[i].bytes, table[i].n, step), SG_ESYNTAX);
}

static void test_inflate__the_limit_holds_to_the_byte(void **state)
{
    struct fixture *f = *state;
    struct sg_prng g = {7};
    static char text[MAX + 1];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)sg_prng_next(&g);
    for (size_t n = MAX - 1; n <= MAX + 1; n++) {
        sg_buf_reset(&f->packed);
        assert_int_equal(sg_deflate_compress(&f->de, text, n, &f->packed), 0);
        for (size_t step = 1000; step <= f->packed.len; step += f->packed.len - 1000) {
            int r = inflate_message(f, f->packed.data, f->packed.len, step);
            assert_int_equal(r, n <= MAX ? 0 : SG_ELIMIT);
            assert_true(f->out.cap <= MAX);
            if (r == 0)
                assert_memory_equal(f->out.data, text, n);
            sg_inflater_deinit(&f->in);
        }
    }
}

static void test_inflate__a_bomb_stops_at_the_ratio(void **state)
{
    struct fixture *f = *state;
    char *zeros = sg_calloc(1, 1 << 24);
    assert_int_equal(sg_deflate_compress(&f->de, zeros, 1 << 24, &f->packed), 0);
    sg_free(zeros);
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&out, 1 << 25);
    assert_int_equal(sg_inflater_feed(&f->in, f->packed.data, f->packed.len, &out, (size_t)1 << 25),
                     SG_ELIMIT);
    assert_true(out.cap < 4 << 20);
}

static void test_inflate__a_long_run_of_one_character_is_an_honest_message(void **state)
{
    struct fixture *f = *state;
    char *run = sg_calloc(1, MAX);
    assert_int_equal(sg_deflate_compress(&f->de, run, MAX, &f->packed), 0);
    assert_true(f->packed.len < MAX / 500);
    assert_int_equal(inflate_message(f, f->packed.data, f->packed.len, f->packed.len), 0);
    assert_int_equal(f->out.len, MAX);
    assert_memory_equal(f->out.data, run, MAX);
    sg_free(run);
}

static void test_inflate__without_memory(void **state)
{
    struct fixture *f = *state;
    for (uint64_t k = 1; k <= 3; k++) {
        sg_mem_fail_after(k);
        int r = inflate_message(f, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 7);
        sg_mem_fail_after(0);
        sg_inflater_deinit(&f->in);
        assert_true(r == SG_ENOMEM || r == SG_ELIMIT || r == 0);
        assert_true(k > 2 || r == SG_ENOMEM);
    }
}

static void test_compress__round_trips_at_every_window_and_level(void **state)
{
    struct fixture *f = *state;
    static char text[20000];
    struct sg_prng g = {3};
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + sg_prng_below(&g, 4));
    for (unsigned bits = 9; bits <= 15; bits++) {
        for (int level = -1; level <= 9; level += 5) {
            struct sg_deflater d;
            sg_deflater_init(&d, bits, level);
            for (size_t n = 0; n <= sizeof(text); n = n * 7 + 1) {
                sg_buf_reset(&f->packed);
                assert_int_equal(sg_deflate_compress(&d, text, n, &f->packed), 0);
                struct sg_deflate_params params = no_takeover;
                params.client_bits = (uint8_t)bits;
                sg_inflater_init(&f->in, &params, 0);
                assert_int_equal(inflate_message(f, f->packed.data, f->packed.len, 100), 0);
                assert_int_equal(f->out.len, n);
                assert_memory_equal(f->out.data, text, n);
            }
            sg_deflater_deinit(&d);
        }
    }
}

static void test_compress__is_the_rfcs_hello_and_the_same_each_time(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        sg_buf_reset(&f->packed);
        assert_int_equal(sg_deflate_compress(&f->de, "Hello", 5, &f->packed), 0);
        assert_int_equal(f->packed.len, 7);
        assert_memory_equal(f->packed.data, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    }
    sg_buf_reset(&f->packed);
    assert_int_equal(sg_deflate_compress(&f->de, "", 0, &f->packed), 0);
    assert_int_equal(f->packed.len, 1);
    assert_int_equal(f->packed.data[0], 0);
}

static void test_compress__a_full_buffer_is_as_before(void **state)
{
    struct fixture *f = *state;
    for (size_t max = 3; max < 20; max++) {
        SG_AUTO(sg_buf_deinit) struct sg_buf b;
        sg_buf_init(&b, max);
        (void)sg_buf_puts(&b, "xyz");
        int r = sg_deflate_compress(&f->de, "Hello", 5, &b);
        assert_true(r == 0 || r == SG_ELIMIT);
        assert_int_equal(b.len, r == 0 ? 10 : 3);
        assert_false(b.failed);
        assert_true(r == 0 || max < 15);
    }
}

/* --- through the frame decoder --- */

static const struct sg_ws_config config = {.max_message = MAX, .max_fragments = 100};

/* The events of masked frames with these first bytes and payloads, at every cut. */
static void expect_frames(struct fixture *f, const struct sg_str *payloads, const uint8_t *firsts,
                          size_t count, const char *events)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf in;
    SG_AUTO(sg_buf_deinit) struct sg_buf log;
    sg_buf_init(&in, 1 << 22);
    sg_buf_init(&log, 1 << 22);
    for (size_t i = 0; i < count; i++) {
        size_t at = in.len;
        assert_int_equal(
            sg_ws_write_masked(&in, SG_WS_OP_TEXT, (const uint8_t *)"mask", payloads[i]), 0);
        in.data[at] = (char)firsts[i];
    }
    for (size_t step = 1; step <= in.len && step < 80; step++) {
        struct sg_ws ws;
        sg_buf_reset(&log);
        sg_inflater_deinit(&f->in);
        sg_ws_init(&ws, &config, &f->out, &f->in);
        ws_log_run(&ws, in.data, in.len, step == 79 ? in.len : step, &log);
        assert_string_equal(sg_buf_cstr(&log), events);
    }
}

static void test_ws__compressed_messages(void **state)
{
    struct fixture *f = *state;
    const struct sg_str hello = {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7};
    expect_frames(f, &hello, (const uint8_t *)"\xc1", 1, "message text \"Hello\"\n");
    expect_frames(f, &hello, (const uint8_t *)"\xc2", 1, "message binary \"Hello\"\n");
    const struct sg_str parts[] = {
        {"\xf2\x48\xcd", 3}, {"ping", 4}, {"", 0},    {"\xc9\xc9\x07\x00", 4},
        {"plain", 5},        {"", 0},     {"\x00", 1}};
    expect_frames(f, parts, (const uint8_t *)"\x41\x89\x00\x80\x81\xc1\xc2", 7,
                  "ping \"ping\"\nmessage text \"Hello\"\nmessage text \"plain\"\n"
                  "message text \"\"\nmessage binary \"\"\n");
}

static void test_ws__compressed_damage_and_bad_text(void **state)
{
    struct fixture *f = *state;
    const struct sg_str bad = {"\x06", 1};
    expect_frames(f, &bad, (const uint8_t *)"\xc1", 1, "error 1007\n");
    const struct sg_str cut = {"\xf2\x48\xcd", 3};
    expect_frames(f, &cut, (const uint8_t *)"\xc1", 1, "error 1007\n");
    assert_int_equal(sg_deflate_compress(&f->de, "ok \xff", 4, &f->packed), 0);
    const struct sg_str text = sg_buf_str(&f->packed);
    expect_frames(f, &text, (const uint8_t *)"\xc1", 1, "error 1007\n");
    const struct sg_str two[] = {{"\xf2\x48\xcd", 3}, {"\xc9\xc9\x07\x00", 4}};
    expect_frames(f, two, (const uint8_t *)"\x41\xc0", 2, "error 1002\n");
    const struct sg_str ping = {"x", 1};
    expect_frames(f, &ping, (const uint8_t *)"\xc9", 1, "error 1002\n");
}

static void test_ws__a_compressed_message_beyond_the_limit_is_1009(void **state)
{
    struct fixture *f = *state;
    char *text = sg_calloc(1, MAX + 1);
    assert_int_equal(sg_deflate_compress(&f->de, text, MAX + 1, &f->packed), 0);
    sg_free(text);
    const struct sg_str payload = sg_buf_str(&f->packed);
    expect_frames(f, &payload, (const uint8_t *)"\xc2", 1, "error 1009\n");
}

static void test_ws__memory_is_held_only_while_a_message_is_in_flight(void **state)
{
    struct fixture *f = *state;
    struct sg_ws ws;
    struct sg_ws_event ev;
    char frame[] = "\x41\x83\0\0\0\0\xf2\x48\xcd\x80\x84\0\0\0\0\xc9\xc9\x07\x00";
    sg_ws_init(&ws, &config, &f->out, &f->in);
    assert_int_equal(sg_ws_feed(&ws, frame, 9, &ev), 9);
    assert_non_null(f->in.z);
    assert_int_equal(sg_ws_feed(&ws, frame + 9, 10, &ev), 10);
    assert_int_equal(ev.type, SG_WS_MESSAGE);
    assert_null(f->in.z);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_inflate__examples_of_rfc_7692),
        T(test_inflate__context_takeover_of_the_client),
        T(test_inflate__a_reference_to_an_earlier_message_is_damage_without_takeover),
        T(test_inflate__damage),
        T(test_inflate__the_limit_holds_to_the_byte),
        T(test_inflate__a_bomb_stops_at_the_ratio),
        T(test_inflate__a_long_run_of_one_character_is_an_honest_message),
        T(test_inflate__without_memory),
        T(test_compress__round_trips_at_every_window_and_level),
        T(test_compress__is_the_rfcs_hello_and_the_same_each_time),
        T(test_compress__a_full_buffer_is_as_before),
        T(test_ws__compressed_messages),
        T(test_ws__compressed_damage_and_bad_text),
        T(test_ws__a_compressed_message_beyond_the_limit_is_1009),
        T(test_ws__memory_is_held_only_while_a_message_is_in_flight),
    };
    return cmocka_run_group_tests_name("wire/deflate", tests, NULL, NULL);
}
