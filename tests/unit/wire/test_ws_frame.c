/* Incoming frames: every rule of RFC 6455 sections 5 and 7 that a receiver checks, cut at every
 * position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <streamgauge/mem.h>
#include <streamgauge/ws.h>
#include <string.h>

#include "wire/utf8.h"
#include "ws_log.h"

#define MAX_MESSAGE 70000

static const struct sg_ws_config server = {.max_message = MAX_MESSAGE, .max_fragments = 8};
static const struct sg_ws_config client = {
    .max_message = MAX_MESSAGE, .max_fragments = 8, .client = true};

struct fixture {
    struct sg_buf in, log, msg;
};

static int setup(void **state)
{
    static struct fixture f;
    sg_buf_init(&f.in, 1 << 20);
    sg_buf_init(&f.log, 1 << 20);
    sg_buf_init(&f.msg, MAX_MESSAGE);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_buf_deinit(&f->in);
    sg_buf_deinit(&f->log);
    sg_buf_deinit(&f->msg);
    return 0;
}

/* Appends a masked frame with these first byte and payload. */
static void put(struct fixture *f, unsigned first, const char *payload, size_t n)
{
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = f->in.len;
    assert_int_equal(sg_ws_write_masked(&f->in, SG_WS_OP_TEXT, key, sg_str_make(payload, n)), 0);
    f->in.data[at] = (char)first;
}

static void put_s(struct fixture *f, unsigned first, const char *payload)
{
    put(f, first, payload, strlen(payload));
}

static void put_raw(struct fixture *f, const char *bytes, size_t n)
{
    assert_int_equal(sg_buf_append(&f->in, bytes, n), 0);
}

static void run_as(struct fixture *f, const struct sg_ws_config *config, size_t step)
{
    struct sg_ws ws;
    sg_buf_reset(&f->log);
    sg_buf_reset(&f->msg);
    sg_ws_init(&ws, config, &f->msg, NULL);
    ws_log_run(&ws, f->in.data, f->in.len, step, &f->log);
}

/* What the collected bytes give, the same for pieces of every length up to 32 and in one. Empties
 * the input. */
static void expect_as(struct fixture *f, const struct sg_ws_config *config, const char *events)
{
    run_as(f, config, f->in.len);
    assert_string_equal(sg_buf_cstr(&f->log), events);
    for (size_t step = 1; step < 32 && step < f->in.len; step++) {
        run_as(f, config, step);
        assert_string_equal(sg_buf_cstr(&f->log), events);
    }
    sg_buf_reset(&f->in);
}

static void expect(struct fixture *f, const char *events)
{
    expect_as(f, &server, events);
}

static void test_frame__the_rfc_example(void **state)
{
    struct fixture *f = *state;
    put_raw(f, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    expect(f, "message text \"Hello\"\n");
}

static void test_frame__messages_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    put_s(f, 0x81, "a");
    put_s(f, 0x82, "b\x01");
    put_s(f, 0x81, "");
    put_s(f, 0x89, "p");
    put_s(f, 0x8a, "");
    put_s(f, 0x81, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    expect(f, "message text \"a\"\nmessage binary \"b\\u0001\"\nmessage text \"\"\nping \"p\"\n"
              "pong \"\"\nmessage text \"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\n");
}

static void test_frame__fragments_with_control_frames_between(void **state)
{
    struct fixture *f = *state;
    put_s(f, 0x01, "He");
    put_s(f, 0x89, "x");
    put_s(f, 0x00, "");
    put_s(f, 0x8a, "y");
    put_s(f, 0x80, "llo");
    put_s(f, 0x02, "");
    put_s(f, 0x80, "");
    put_s(f, 0x81, "next");
    expect(f, "ping \"x\"\npong \"y\"\nmessage text \"Hello\"\nmessage binary \"\"\n"
              "message text \"next\"\n");
}

static void test_frame__every_ping_of_a_burst_is_told(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        put_s(f, 0x89, "p");
    expect(f, "ping \"p\"\nping \"p\"\nping \"p\"\nping \"p\"\nping \"p\"\n");
}

static void test_frame__first_bytes_that_are_refused(void **state)
{
    struct fixture *f = *state;
    static const uint8_t bad[] = {0x91, 0xa1, 0xc1, 0xc2, 0xb1, 0x83, 0x84, 0x85, 0x86, 0x87, 0x8b,
                                  0x8c, 0x8d, 0x8e, 0x8f, 0x09, 0x0a, 0x08, 0xc9, 0x80, 0x00, 0xc0};
    for (size_t i = 0; i < sizeof(bad); i++) {
        put_s(f, bad[i], "x");
        put_s(f, 0x81, "never seen");
        expect(f, "error 1002\n");
        /* Already the one byte is enough. */
        put_raw(f, (const char *)&bad[i], 1);
        expect(f, "error 1002\n");
    }
}

static void test_frame__rsv1_on_a_continuation_is_refused(void **state)
{
    struct fixture *f = *state;
    put_s(f, 0x01, "a");
    put_s(f, 0xc0, "b");
    expect(f, "error 1002\n");
}

static void test_frame__a_new_message_inside_a_fragmented_one_is_refused(void **state)
{
    struct fixture *f = *state;
    put_s(f, 0x01, "a");
    put_s(f, 0x81, "b");
    expect(f, "error 1002\n");
    put_s(f, 0x01, "a");
    put_s(f, 0x80, "b");
    put_s(f, 0x80, "c");
    expect(f, "message text \"ab\"\nerror 1002\n");
}

static void test_frame__masking_is_demanded_of_clients_only(void **state)
{
    struct fixture *f = *state;
    put_raw(f, "\x81\x02hi", 4);
    expect(f, "error 1002\n");
    put_raw(f, "\x81\x02hi\x89\x00", 6);
    expect_as(f, &client, "message text \"hi\"\nping \"\"\n");
    put_s(f, 0x81, "hi");
    expect_as(f, &client, "error 1002\n");
}

static void test_frame__control_frames_of_125_at_most(void **state)
{
    struct fixture *f = *state;
    char payload[127], expected[160];
    memset(payload, 'x', sizeof(payload));
    put(f, 0x89, payload, 125);
    snprintf(expected, sizeof(expected), "ping \"%.125s\"\n", payload);
    expect(f, expected);
    put(f, 0x89, payload, 126);
    expect(f, "error 1002\n");
    put_raw(f, "\x88\xff", 2);
    expect(f, "error 1002\n");
}

static void test_frame__lengths_must_be_shortest(void **state)
{
    struct fixture *f = *state;
    put_raw(f, "\x82\xfe\x00\x7d", 4);
    expect(f, "error 1002\n");
    put_raw(f, "\x82\xfe\x00\x00", 4);
    expect(f, "error 1002\n");
    put_raw(f, "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", 10);
    expect(f, "error 1002\n");
    put_raw(f, "\x82\xff\x80\x00\x00\x00\x00\x01\x00\x00", 10);
    expect(f, "error 1002\n");
}

/* Lengths on both sides of each form's limits come through whole. */
static void test_frame__lengths_of_all_three_forms(void **state)
{
    struct fixture *f = *state;
    static const size_t lengths[] = {125, 126, 127, 65535, 65536, MAX_MESSAGE};
    for (size_t i = 0; i < SG_ARRAY_LEN(lengths); i++) {
        for (size_t pieces = 1; pieces <= 3; pieces++) {
            struct sg_ws ws;
            struct sg_ws_event ev = {.type = SG_WS_NONE};
            char *payload = calloc(1, lengths[i]);
            for (size_t k = 0; k < lengths[i]; k++)
                payload[k] = (char)(k * 7);
            sg_buf_reset(&f->in);
            put(f, 0x82, payload, lengths[i]);
            sg_ws_init(&ws, &server, &f->msg, NULL);
            size_t at = 0, step = f->in.len / pieces + 1;
            while (at < f->in.len) {
                size_t n = f->in.len - at < step ? f->in.len - at : step;
                assert_int_equal(ev.type, SG_WS_NONE);
                at += (size_t)sg_ws_feed(&ws, f->in.data + at, n, &ev);
            }
            assert_int_equal(ev.type, SG_WS_MESSAGE);
            assert_int_equal(ev.data.n, lengths[i]);
            assert_memory_equal(ev.data.p, payload, lengths[i]);
            /* In one piece nothing is copied. */
            assert_int_equal(pieces == 1,
                             ev.data.p >= f->in.data && ev.data.p < f->in.data + f->in.len);
            free(payload);
        }
    }
    sg_buf_reset(&f->in);
}

static void test_frame__every_whole_message_goes_out_in_place(void **state)
{
    struct fixture *f = *state;
    struct sg_ws ws;
    for (int i = 0; i < 4; i++)
        put_s(f, i == 2 ? 0x89 : 0x82, "abc");
    sg_ws_init(&ws, &server, &f->msg, NULL);
    for (size_t at = 0, i = 0; at < f->in.len; i++) {
        struct sg_ws_event ev;
        at += (size_t)sg_ws_feed(&ws, f->in.data + at, f->in.len - at, &ev);
        assert_int_equal(ev.type, i == 2 ? SG_WS_PING : SG_WS_MESSAGE);
        assert_true(i == 2 || ev.data.p == f->in.data + at - 3);
    }
    assert_int_equal(f->msg.cap, 0);
}

static void test_frame__size_is_judged_at_the_header(void **state)
{
    struct fixture *f = *state;
    /* MAX_MESSAGE + 1 = 0x11171; not one payload byte, not even the mask, is needed. */
    put_raw(f, "\x82\xff\x00\x00\x00\x00\x00\x01\x11\x71", 10);
    expect(f, "error 1009\n");
    put_raw(f, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10);
    expect(f, "error 1009\n");
    assert_int_equal(f->msg.cap, 0);
    put_s(f, 0x02, "ab");
    put_raw(f, "\x80\xff\x00\x00\x00\x00\x00\x01\x11\x6f", 10);
    expect(f, "error 1009\n");
}

static void test_frame__fragments_are_counted(void **state)
{
    struct fixture *f = *state;
    put_s(f, 0x01, "");
    for (int i = 0; i < 6; i++)
        put_s(f, 0x00, "a");
    put_s(f, 0x80, "b");
    put_s(f, 0x81, "c");
    expect(f, "message text \"aaaaaab\"\nmessage text \"c\"\n");
    put_s(f, 0x01, "");
    for (int i = 0; i < 8; i++)
        put_s(f, 0x00, "");
    expect(f, "error 1008\n");
}

static void test_frame__text_fails_at_the_first_wrong_byte(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"\xff",         "\x80",     "\xc0\x80",     "\xed\xa0\x80",
                                      "\xf4\x90\x80", "\xf5",     "\xe0\x9f",     "\xf0\x8f",
                                      "a\xc3(",       "\xc3\xc3", "\xe2\x82\xe2", "abcdefgh\xfe"};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        put_s(f, 0x81, bad[i]);
        expect(f, "error 1007\n");
        put_s(f, 0x02, bad[i]);
        put_s(f, 0x80, "");
        run_as(f, &server, 3);
        assert_int_equal(strncmp(sg_buf_cstr(&f->log), "message binary", 14), 0);
        sg_buf_reset(&f->in);
        /* The frame announces more than comes; the verdict does not wait for it. */
        put_s(f, 0x01, bad[i]);
        f->in.data[1] = (char)(0x80 | 100);
        expect(f, "error 1007\n");
    }
}

static void test_frame__characters_may_be_cut_by_fragments_but_not_by_the_end(void **state)
{
    struct fixture *f = *state;
    put_s(f, 0x01, "\xf0\x9f");
    put_s(f, 0x00, "\x98");
    put_s(f, 0x80, "\x80");
    expect(f, "message text \"\xf0\x9f\x98\x80\"\n");
    put_s(f, 0x81, "\xe2\x82");
    expect(f, "error 1007\n");
    put_s(f, 0x01, "\xe2\x82");
    put_s(f, 0x80, "");
    expect(f, "error 1007\n");
}

static void test_close__codes_and_reasons(void **state)
{
    struct fixture *f = *state;
    put_s(f, 0x88, "");
    put_s(f, 0x81, "nothing after it counts");
    expect(f, "close 1005 \"\"\n");
    put(f, 0x88, "\x03\xe8", 2);
    put_raw(f, "\xff\xff\xff", 3);
    expect(f, "close 1000 \"\"\n");
    put(f, 0x88, "\x0f\xa1 bye \xc3\xa4", 9);
    expect(f, "close 4001 \" bye \xc3\xa4\"\n");
    put(f, 0x88, "\x03", 1);
    expect(f, "error 1002\n");
    put(f, 0x88, "\x03\xe8\xff", 3);
    expect(f, "error 1007\n");
    put(f, 0x88, "\x03\xe8\xc3", 3);
    expect(f, "error 1007\n");
}

static void test_close__which_codes_may_be_on_the_wire(void **state)
{
    struct fixture *f = *state;
    static const uint16_t bad[] = {0,    1,    999,  1004, 1005, 1006, 1015,
                                   1016, 1100, 2000, 2999, 5000, 65535};
    static const uint16_t fine[] = {1000, 1001, 1002, 1003, 1007, 1008, 1011, 1014, 3000, 4999};
    char code[2], expected[32];
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        code[0] = (char)(bad[i] >> 8), code[1] = (char)bad[i];
        put(f, 0x88, code, 2);
        expect(f, "error 1002\n");
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(fine); i++) {
        code[0] = (char)(fine[i] >> 8), code[1] = (char)fine[i];
        put(f, 0x88, code, 2);
        snprintf(expected, sizeof(expected), "close %u \"\"\n", fine[i]);
        expect(f, expected);
    }
}

static void test_close__inside_a_fragmented_message(void **state)
{
    struct fixture *f = *state;
    put_s(f, 0x01, "a");
    put_s(f, 0x88, "");
    put_s(f, 0x80, "b");
    expect(f, "close 1005 \"\"\n");
}

static void test_frame__memory_of_a_big_message_is_given_back(void **state)
{
    struct fixture *f = *state;
    struct sg_ws ws;
    struct sg_ws_event ev;
    static char payload[10000];
    put(f, 0x02, payload, sizeof(payload));
    put_s(f, 0x80, "");
    sg_ws_init(&ws, &server, &f->msg, NULL);
    size_t used = (size_t)sg_ws_feed(&ws, f->in.data, f->in.len, &ev);
    assert_int_equal(used, f->in.len);
    assert_int_equal(ev.data.n, sizeof(payload));
    assert_true(f->msg.cap >= sizeof(payload));
    sg_ws_release(&ws);
    assert_int_equal(f->msg.cap, 0);
    assert_int_equal(f->msg.max, MAX_MESSAGE);
}

static void test_frame__a_message_buffer_that_is_too_small_is_1009(void **state)
{
    struct fixture *f = *state;
    struct sg_ws ws;
    struct sg_ws_event ev = {.type = SG_WS_NONE};
    SG_AUTO(sg_buf_deinit) struct sg_buf small;
    sg_buf_init(&small, 4);
    put_s(f, 0x01, "12345");
    sg_ws_init(&ws, &server, &small, NULL);
    (void)sg_ws_feed(&ws, f->in.data, f->in.len, &ev);
    assert_int_equal(ev.type, SG_WS_ERROR);
    assert_int_equal(ev.code, 1009);
    char more[] = "\x81\x01x";
    assert_int_equal(sg_ws_feed(&ws, more, 3, &ev), 3);
    assert_int_equal(ev.type, SG_WS_NONE);
}

static void test_utf8__agrees_with_base_on_all_short_sequences(void **state)
{
    (void)state;
    static const uint8_t tail[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                   0xa0, 0xbf, 0xc2, 0xe0, 0xf0, 0xff};
    for (unsigned a = 0; a < 256; a++)
        for (size_t k = 0; k < 13 * 13 * 13; k++) {
            char s[4] = {(char)a, (char)tail[k % 13], (char)tail[k / 13 % 13], (char)tail[k / 169]};
            for (size_t n = 1; n <= 4; n++) {
                sg__utf8_state whole = 0, step = 0;
                bool ok = sg__utf8_feed(&whole, s, n), each = true;
                for (size_t i = 0; i < n && each; i++)
                    each = sg__utf8_feed(&step, s + i, 1);
                assert_int_equal(ok, each);
                assert_int_equal(ok && whole == 0, sg_utf8_valid(s, n));
            }
        }
}

static void test_utf8__wrong_bytes_are_found_at_every_offset(void **state)
{
    (void)state;
    char text[40];
    for (size_t n = 1; n <= sizeof(text); n++)
        for (size_t at = 0; at < n; at++) {
            sg__utf8_state s = 0;
            memset(text, 'a', sizeof(text));
            assert_true(sg__utf8_feed(&s, text, n) && s == 0);
            text[at] = (char)0xff;
            assert_false(sg__utf8_feed(&s, text, n));
            text[at] = (char)0xc3;
            s = 0;
            assert_int_equal(sg__utf8_feed(&s, text, n), at == n - 1);
        }
}

static void test_frame__no_memory_for_inflating_is_1011(void **state)
{
    struct fixture *f = *state;
    const struct sg_deflate_params params = {.client_no_takeover = true, .client_bits = 15};
    struct sg_inflater inflater;
    struct sg_ws ws;
    struct sg_ws_event ev = {.type = SG_WS_NONE};
    sg_inflater_init(&inflater, &params, 0);
    put(f, 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    sg_ws_init(&ws, &server, &f->msg, &inflater);
    sg_mem_fail_after(1);
    (void)sg_ws_feed(&ws, f->in.data, f->in.len, &ev);
    sg_mem_fail_after(0);
    assert_int_equal(ev.type, SG_WS_ERROR);
    assert_int_equal(ev.code, 1011);
    sg_inflater_deinit(&inflater);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_frame__the_rfc_example),
        T(test_frame__messages_one_after_the_other),
        T(test_frame__fragments_with_control_frames_between),
        T(test_frame__every_ping_of_a_burst_is_told),
        T(test_frame__first_bytes_that_are_refused),
        T(test_frame__rsv1_on_a_continuation_is_refused),
        T(test_frame__a_new_message_inside_a_fragmented_one_is_refused),
        T(test_frame__masking_is_demanded_of_clients_only),
        T(test_frame__control_frames_of_125_at_most),
        T(test_frame__lengths_must_be_shortest),
        T(test_frame__lengths_of_all_three_forms),
        T(test_frame__every_whole_message_goes_out_in_place),
        T(test_frame__size_is_judged_at_the_header),
        T(test_frame__fragments_are_counted),
        T(test_frame__text_fails_at_the_first_wrong_byte),
        T(test_frame__characters_may_be_cut_by_fragments_but_not_by_the_end),
        T(test_close__codes_and_reasons),
        T(test_close__which_codes_may_be_on_the_wire),
        T(test_close__inside_a_fragmented_message),
        T(test_frame__memory_of_a_big_message_is_given_back),
        T(test_frame__a_message_buffer_that_is_too_small_is_1009),
        T(test_utf8__agrees_with_base_on_all_short_sequences),
        T(test_utf8__wrong_bytes_are_found_at_every_offset),
        T(test_frame__no_memory_for_inflating_is_1011),
    };
    return cmocka_run_group_tests_name("wire/ws_frame", tests, NULL, NULL);
}
