/* Outgoing frames, masking, close frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <streamgauge/ws.h>
#include <string.h>

#include "guard.h"

static void test_header__all_three_length_forms(void **state)
{
    (void)state;
    static const struct {
        uint64_t len;
        size_t n;
        const char *bytes;
    } table[] = {
        {0, 2, "\x81\x00"},
        {125, 2, "\x81\x7d"},
        {126, 4, "\x81\x7e\x00\x7e"},
        {65535, 4, "\x81\x7e\xff\xff"},
        {65536, 10, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
        {INT64_MAX, 10, "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char dst[14];
        size_t n = sg_ws_frame_header(dst, SG_WS_OP_TEXT, true, false, table[i].len);
        assert_int_equal(n, table[i].n);
        assert_int_equal(n, sg_ws_frame_header_len(table[i].len));
        assert_memory_equal(dst, table[i].bytes, n);
    }
}

static void test_header__flags(void **state)
{
    (void)state;
    char dst[14];
    sg_ws_frame_header(dst, SG_WS_OP_BINARY, true, true, 1);
    assert_int_equal((uint8_t)dst[0], 0xc2);
    sg_ws_frame_header(dst, SG_WS_OP_CONT, false, false, 1);
    assert_int_equal((uint8_t)dst[0], 0x00);
}

static void test_unmask__every_length_and_rotation(void **state)
{
    (void)state;
    static const uint8_t key[4] = {0x12, 0x34, 0x56, 0x78};
    char plain[200];
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (char)(i * 31);
    for (size_t n = 0; n <= sizeof(plain); n++) {
        struct guard g;
        char *p = guard_put(&g, plain, n);
        uint8_t mask[4];
        memcpy(mask, key, 4);
        sg_ws_unmask(p, n, mask);
        for (size_t i = 0; i < n; i++)
            assert_int_equal((uint8_t)p[i], (uint8_t)plain[i] ^ key[i & 3]);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(mask[i], key[(n + i) & 3]);
        guard_free(&g);
    }
}

static void test_close__frames(void **state)
{
    (void)state;
    char dst[127];
    assert_int_equal(sg_ws_close_frame(dst, 0, SG_STR("x")), 2);
    assert_memory_equal(dst, "\x88\x00", 2);
    assert_int_equal(sg_ws_close_frame(dst, 1001, SG_STR("bye")), 7);
    assert_memory_equal(dst,
                        "\x88\x05\x03\xe9"
                        "bye",
                        7);
}

static void test_close__long_reasons_are_cut_between_characters(void **state)
{
    (void)state;
    char reason[200], dst[127];
    memset(reason, 'a', sizeof(reason));
    memcpy(reason + 122, "\xc3\xa4", 2);
    assert_int_equal(sg_ws_close_frame(dst, 1000, sg_str_make(reason, sizeof(reason))), 126);
    assert_int_equal(dst[1], 124);
    memcpy(reason + 121, "\xc3\xa4", 2);
    assert_int_equal(sg_ws_close_frame(dst, 1000, sg_str_make(reason, sizeof(reason))), 127);
    assert_int_equal(dst[1], 125);
}

static void test_close__replies(void **state)
{
    (void)state;
    char dst[127];
    struct sg_ws_event ev = {.type = SG_WS_CLOSE, .code = 1005, .data = SG_STR("")};
    assert_int_equal(sg_ws_close_reply(dst, &ev), 2);
    ev = (struct sg_ws_event){.type = SG_WS_CLOSE, .code = 4000, .data = SG_STR("peer's reason")};
    assert_int_equal(sg_ws_close_reply(dst, &ev), 4);
    assert_memory_equal(dst, "\x88\x02\x0f\xa0", 4);
    ev = (struct sg_ws_event){.type = SG_WS_ERROR, .code = 1002, .data = SG_STR("no")};
    assert_int_equal(sg_ws_close_reply(dst, &ev), 6);
    assert_memory_equal(dst,
                        "\x88\x04\x03\xea"
                        "no",
                        6);
}

static void test_write__client_frames_are_read_by_the_server(void **state)
{
    (void)state;
    static const struct sg_ws_config config = {.max_message = 70000, .max_fragments = 1};
    static const uint8_t key[4] = {1, 2, 3, 4};
    static char payload[66000];
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    SG_AUTO(sg_buf_deinit) struct sg_buf msg;
    sg_buf_init(&out, 70000);
    sg_buf_init(&msg, 70000);
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536};
    for (size_t i = 0; i < SG_ARRAY_LEN(lengths); i++) {
        struct sg_ws ws;
        struct sg_ws_event ev;
        sg_buf_reset(&out);
        memset(payload, 'x', sizeof(payload));
        assert_int_equal(
            sg_ws_write_masked(&out, SG_WS_OP_TEXT, key, sg_str_make(payload, lengths[i])), 0);
        sg_ws_init(&ws, &config, &msg, NULL);
        assert_int_equal(sg_ws_feed(&ws, out.data, out.len, &ev), out.len);
        assert_int_equal(ev.type, SG_WS_MESSAGE);
        assert_int_equal(ev.data.n, lengths[i]);
        assert_memory_equal(ev.data.p, payload, lengths[i]);
    }
}

static void test_write__server_frames(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&out, 8);
    assert_int_equal(sg_ws_write_frame(&out, SG_WS_OP_PONG, false, SG_STR("abc")), 0);
    assert_memory_equal(out.data,
                        "\x8a\x03"
                        "abc",
                        5);
    assert_int_equal(sg_ws_write_frame(&out, SG_WS_OP_PONG, false, SG_STR("abc")), SG_ELIMIT);
    assert_int_equal(out.len, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header__all_three_length_forms),
        cmocka_unit_test(test_header__flags),
        cmocka_unit_test(test_unmask__every_length_and_rotation),
        cmocka_unit_test(test_close__frames),
        cmocka_unit_test(test_close__long_reasons_are_cut_between_characters),
        cmocka_unit_test(test_close__replies),
        cmocka_unit_test(test_write__client_frames_are_read_by_the_server),
        cmocka_unit_test(test_write__server_frames),
    };
    return cmocka_run_group_tests_name("wire/ws_write", tests, NULL, NULL);
}
