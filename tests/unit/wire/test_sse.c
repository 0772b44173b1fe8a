/* Event streams and JSON lines: nothing in a payload can forge a field; what is written reads back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <streamgauge/error.h>
#include <streamgauge/sse.h>
#include <string.h>

#include "guard.h"

struct fixture {
    struct sg_buf out, log;
};

static int setup(void **state)
{
    static struct fixture f;
    sg_buf_init(&f.out, 1 << 16);
    sg_buf_init(&f.log, 1 << 16);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_buf_deinit(&f->out);
    sg_buf_deinit(&f->log);
    return 0;
}

static struct sg_str str(const char *s)
{
    return s ? sg_str_from(s) : (struct sg_str){NULL, 0};
}

static void test_write__events(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *event, *id, *data, *out;
    } table[] = {
        {"", NULL, "x", "data: x\n\n"},
        {"", NULL, "", "data: \n\n"},
        {"update", "e-1", "{}", "event: update\nid: e-1\ndata: {}\n\n"},
        {"", "", "x", "id: \ndata: x\n\n"},
        {"", NULL, "a\nb", "data: a\ndata: b\n\n"},
        {"", NULL, "a\rb", "data: a\ndata: b\n\n"},
        {"", NULL, "a\r\nb", "data: a\ndata: b\n\n"},
        {"", NULL, "a\n\rb", "data: a\ndata: \ndata: b\n\n"},
        {"", NULL, "a\n", "data: a\ndata: \n\n"},
        {"", NULL, "\r\n", "data: \ndata: \n\n"},
        {"", NULL, "a\r", "data: a\ndata: \n\n"},
        {"", NULL, "a\n\nevent: forged\ndata: y",
         "data: a\ndata: \ndata: event: forged\n"
         "data: data: y\n\n"},
        {"a\nb\r", "1\r\n2\n", "x", "event: a b \nid: 12\ndata: x\n\n"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        const struct sg_sse_event ev = {str(table[i].event), str(table[i].id), str(table[i].data)};
        sg_buf_reset(&f->out);
        assert_int_equal(sg_sse_write(&f->out, &ev), 0);
        assert_string_equal(sg_buf_cstr(&f->out), table[i].out);
    }
}

static void test_write__nul_is_removed_from_ids(void **state)
{
    struct fixture *f = *state;
    const struct sg_sse_event ev = {SG_STR(""), SG_STR("a\0b"), SG_STR("x")};
    assert_int_equal(sg_sse_write(&f->out, &ev), 0);
    assert_string_equal(sg_buf_cstr(&f->out), "id: ab\ndata: x\n\n");
}

static void test_write__comments_and_retry(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sg_sse_write_comment(&f->out, SG_STR("a\rdata: b")), 0);
    assert_int_equal(sg_sse_write_comment(&f->out, SG_STR("")), 0);
    assert_int_equal(sg_sse_write_retry(&f->out, 3000), 0);
    assert_string_equal(sg_buf_cstr(&f->out), ": a\n: data: b\n\n: \n\nretry: 3000\n\n");
}

static void test_write__a_full_buffer_is_told(void **state)
{
    (void)state;
    const struct sg_sse_event ev = {SG_STR("e"), SG_STR("i"), SG_STR("data")};
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 10);
    assert_int_equal(sg_sse_write(&b, &ev), SG_ELIMIT);
    assert_true(b.failed);
}

static void test_ndjson__a_line_is_one_line(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sg_ndjson_write(&f->out, SG_STR("{\"a\":1}")), 0);
    assert_int_equal(sg_ndjson_write(&f->out, SG_STR("{\n\r\"a\":\r\n1}\n")), 0);
    assert_int_equal(sg_ndjson_write(&f->out, SG_STR("")), 0);
    assert_string_equal(sg_buf_cstr(&f->out), "{\"a\":1}\n{  \"a\":  1} \n\n");
}

/* "event|id|data;" of each event, the text being fed in pieces. */
static void read_events(struct fixture *f, const char *text, size_t n, size_t step)
{
    struct sg_sse_parser s;
    sg_sse_parser_init(&s, 1000);
    sg_buf_reset(&f->log);
    for (size_t at = 0; at < n; at += step) {
        struct guard g;
        size_t len = n - at < step ? n - at : step;
        char *p = guard_put(&g, text + at, len);
        for (size_t i = 0; i < len;) {
            struct sg_sse_event ev;
            bool complete;
            ssize_t used = sg_sse_feed(&s, p + i, len - i, &ev, &complete);
            assert_true(used > 0);
            i += (size_t)used;
            if (complete)
                sg_buf_printf(&f->log, "%.*s|%.*s|%.*s;", SG_STR_ARG(ev.event), SG_STR_ARG(ev.id),
                              SG_STR_ARG(ev.data));
        }
        guard_free(&g);
    }
    if (s.retry_ms >= 0)
        sg_buf_printf(&f->log, "retry %d", (int)s.retry_ms);
    sg_sse_parser_deinit(&s);
}

static void expect(struct fixture *f, const char *text, size_t n, const char *events)
{
    for (size_t step = 1; step <= n; step++) {
        read_events(f, text, n, step);
        assert_string_equal(sg_buf_cstr(&f->log), events);
    }
}

static void test_parser__the_specs_examples(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *events;
    } table[] = {
        {"data: YHOO\ndata: +2\ndata: 10\n\n", "message||YHOO\n+2\n10;"},
        {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
         "message|1|first event;message||second event;message|| third;"},
        {"data\n\ndata\ndata\n\ndata:", "message||;message||\n;"},
        {"data:test\n\ndata: test\n\n", "message||test;message||test;"},
        {"event: add\rdata: 1\r\rdata: 2\r\n\r\ndata: 3\n\n", "add||1;message||2;message||3;"},
        {"event: x\n\ndata: 1\n\n", "message||1;"},
        {"data: a\r\ndata: b\r\n\r\n", "message||a\nb;"},
        {"id: 7\n\ndata: 1\n\n", "message|7|1;"},
        {"retry: 250\nretry: x\nretry: -1\nretry:\n\n", "retry 250"},
        {"foo: bar\nDATA: x\n data: y\ndata : z\n\n", ""},
        {"data: a: b\n\n", "message||a: b;"},
        {"\xef\xbb\xbf"
         "data: 1\n\n\xef\xbb\xbf"
         "data: 2\n\n",
         "message||1;"},
        {"\xef\xbb: x\ndata: 1\n\n", "message||1;"},
        {"\ndata: 1\n\n", "message||1;"},
        {"data: never finished\n", ""},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++)
        expect(f, table[i].text, strlen(table[i].text), table[i].events);
    static const char nul[] = "id: 1\nid: a\0b\ndata: x\n\n";
    expect(f, nul, sizeof(nul) - 1, "message|1|x;");
}

static void test_parser__lines_and_data_are_bounded(void **state)
{
    (void)state;
    struct sg_sse_parser s;
    struct sg_sse_event ev;
    bool complete;
    sg_sse_parser_init(&s, 16);
    assert_int_equal(sg_sse_feed(&s, "data: 0123456789abcdef", 22, &ev, &complete), SG_ELIMIT);
    sg_sse_parser_deinit(&s);
    sg_sse_parser_init(&s, 16);
    assert_int_equal(sg_sse_feed(&s, "data: 01234567\ndata: 01234567\n", 30, &ev, &complete),
                     SG_ELIMIT);
    sg_sse_parser_deinit(&s);
}

static void test_parser__reads_what_the_writer_wrote(void **state)
{
    struct fixture *f = *state;
    const struct sg_sse_event ev = {SG_STR("update"), SG_STR("e-9"), SG_STR(" {\"a\":\n1}\n")};
    assert_int_equal(sg_sse_write_retry(&f->out, 9), 0);
    assert_int_equal(sg_sse_write(&f->out, &ev), 0);
    assert_int_equal(sg_sse_write_comment(&f->out, SG_STR("x")), 0);
    assert_int_equal(sg_sse_write(&f->out, &ev), 0);
    expect(f, f->out.data, f->out.len,
           "update|e-9| {\"a\":\n1}\n;update|e-9| {\"a\":\n1}\n;retry 9");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_write__events),
        T(test_write__nul_is_removed_from_ids),
        T(test_write__comments_and_retry),
        T(test_write__a_full_buffer_is_told),
        T(test_ndjson__a_line_is_one_line),
        T(test_parser__the_specs_examples),
        T(test_parser__lines_and_data_are_bounded),
        T(test_parser__reads_what_the_writer_wrote),
    };
    return cmocka_run_group_tests_name("wire/sse", tests, NULL, NULL);
}
