/* Response heads, and that they read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <streamgauge/http1.h>
#include <string.h>

struct fixture {
    struct sg_buf out;
};

static int setup(void **state)
{
    static struct fixture f;
    sg_buf_init(&f.out, 4096);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_buf_deinit(&f->out);
    return 0;
}

static void test_write__a_small_response(void **state)
{
    struct fixture *f = *state;
    struct sg_http1_head head = {.status = 200,
                                 .keep_alive = true,
                                 .minor = 1,
                                 .date = SG_STR("Sun, 06 Nov 1994 08:49:37 GMT"),
                                 .type = SG_STR("text/plain")};
    head.body_bytes = 2;
    assert_int_equal(sg_http1_write_head(&f->out, &head, NULL), 0);
    assert_int_equal(sg_http1_write_end(&f->out), 0);
    sg_buf_puts(&f->out, "hi");
    assert_string_equal(sg_buf_cstr(&f->out),
                        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                        "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
}

/* The lines after the status line for a framing. */
static void expect_lines(struct fixture *f, struct sg_http1_head head, const char *lines,
                         bool keep_expected)
{
    bool keep = !keep_expected;
    sg_buf_reset(&f->out);
    assert_int_equal(sg_http1_write_head(&f->out, &head, &keep), 0);
    assert_string_equal(strstr(sg_buf_cstr(&f->out), "\r\n") + 2, lines);
    assert_int_equal(keep, keep_expected);
}

static void test_write__framing_and_connection(void **state)
{
    struct fixture *f = *state;
    const char *te = "Transfer-Encoding: chunked\r\n", *close = "Connection: close\r\n";
    struct sg_http1_head h = {.status = 200, .keep_alive = true, .minor = 1};
    h.framing = SG_HTTP1_CHUNKED;
    expect_lines(f, h, te, true);
    h.minor = 0;
    expect_lines(f, h, close, false);
    h.framing = SG_HTTP1_LENGTH;
    expect_lines(f, h, "Content-Length: 0\r\nConnection: keep-alive\r\n", true);
    h.keep_alive = false;
    expect_lines(f, h, "Content-Length: 0\r\nConnection: close\r\n", false);
    h = (struct sg_http1_head){.status = 200, .keep_alive = true, .minor = 1};
    h.framing = SG_HTTP1_UNTIL_CLOSE;
    expect_lines(f, h, close, false);
    h.framing = SG_HTTP1_NO_BODY;
    expect_lines(f, h, close, false);
    h.status = 304;
    expect_lines(f, h, "", true);
    h.status = 204;
    h.framing = SG_HTTP1_LENGTH;
    expect_lines(f, h, "", true);
}

static void test_write__values_cannot_make_headers(void **state)
{
    struct fixture *f = *state;
    struct sg_str x = SG_STR("X");
    assert_int_equal(sg_http1_write_header(&f->out, x, SG_STR("a\r\nY: b")), SG_EINVALID);
    assert_int_equal(sg_http1_write_header(&f->out, x, SG_STR("a\rb")), SG_EINVALID);
    assert_int_equal(sg_http1_write_header(&f->out, x, SG_STR("a\nb")), SG_EINVALID);
    assert_int_equal(sg_http1_write_header(&f->out, x, SG_STR("a\0b")), SG_EINVALID);
    assert_int_equal(sg_http1_write_header(&f->out, SG_STR("X: y\r\nZ"), x), SG_EINVALID);
    assert_int_equal(sg_http1_write_header(&f->out, SG_STR(""), x), SG_EINVALID);
    assert_int_equal(f->out.len, 0);
    struct sg_http1_head head = {.status = 200, .type = SG_STR("a\r\nb")};
    assert_int_equal(sg_http1_write_head(&f->out, &head, NULL), SG_EINVALID);
    assert_int_equal(f->out.len, 0);
    assert_int_equal(sg_http1_write_header(&f->out, x, SG_STR("a\tb \xc3\xa4")), 0);
    assert_string_equal(sg_buf_cstr(&f->out), "X: a\tb \xc3\xa4\r\n");
}

static void test_write__a_full_buffer_takes_nothing(void **state)
{
    (void)state;
    struct sg_http1_head head = {.status = 200};
    for (size_t max = 0; max < 60; max++) {
        SG_AUTO(sg_buf_deinit) struct sg_buf b;
        sg_buf_init(&b, max);
        int r = sg_http1_write_head(&b, &head, NULL);
        if (r == 0)
            assert_true(b.len > 0);
        else
            assert_int_equal(b.len, 0);
        assert_true(r == 0 || r == SG_ELIMIT);
    }
}

static void test_write__chunks_read_back(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sg_http1_write_chunk(&f->out, SG_STR("0123456789abcdef")), 0);
    assert_int_equal(sg_http1_write_chunk(&f->out, SG_STR("")), 0);
    assert_int_equal(sg_http1_write_last_chunk(&f->out), 0);
    assert_string_equal(sg_buf_cstr(&f->out), "10\r\n0123456789abcdef\r\n0\r\n\r\n");
}

static void test_write__heads_read_back(void **state)
{
    struct fixture *f = *state;
    struct sg_http1_head head = {.status = 429, .minor = 1, .keep_alive = true};
    assert_int_equal(sg_http1_write_head(&f->out, &head, NULL), 0);
    assert_int_equal(sg_http1_write_header(&f->out, SG_STR("Retry-After"), SG_STR("1")), 0);
    assert_int_equal(sg_http1_write_end(&f->out), 0);
    struct sg_http1_response rs;
    ssize_t r =
        sg_http1_parse_response(f->out.data, f->out.len, 0, &sg_http1_default_limits, &rs, NULL);
    assert_int_equal(r, f->out.len);
    assert_int_equal(rs.status, 429);
    assert_true(sg_str_eq_c(rs.reason, "Too Many Requests"));
    assert_true(rs.keep_alive && rs.has_length);
}

static void test_write__dates(void **state)
{
    (void)state;
    char dst[30];
    assert_int_equal(sg_http1_date_format(INT64_C(784111777000), dst), 29);
    assert_string_equal(dst, "Sun, 06 Nov 1994 08:49:37 GMT");
    sg_http1_date_format(0, dst);
    assert_string_equal(dst, "Thu, 01 Jan 1970 00:00:00 GMT");
    sg_http1_date_format(INT64_C(1709164800000), dst);
    assert_string_equal(dst, "Thu, 29 Feb 2024 00:00:00 GMT");
}

static void test_write__reasons(void **state)
{
    (void)state;
    assert_string_equal(sg_http1_reason(200), "OK");
    assert_string_equal(sg_http1_reason(426), "Upgrade Required");
    assert_string_equal(sg_http1_reason(299), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write__a_small_response, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write__framing_and_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write__values_cannot_make_headers, setup, teardown),
        cmocka_unit_test(test_write__a_full_buffer_takes_nothing),
        cmocka_unit_test_setup_teardown(test_write__chunks_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write__heads_read_back, setup, teardown),
        cmocka_unit_test(test_write__dates),
        cmocka_unit_test(test_write__reasons),
    };
    return cmocka_run_group_tests_name("wire/http1_write", tests, NULL, NULL);
}
