/* Bodies: lengths, chunks, trailers, limits; cut at every position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <streamgauge/buf.h>
#include <streamgauge/http1.h>
#include <string.h>

#include "guard.h"

struct outcome {
    char data[512];
    size_t n, used;
    int code; /* 0, or what feed returned */
    unsigned status;
    bool done;
};

static struct sg_http1_body make(bool chunked, uint64_t length, uint64_t max)
{
    struct sg_http1_request rq = {.chunked = chunked, .content_length = length};
    struct sg_http1_body b;
    assert_int_equal(sg_http1_body_init(&b, &rq, max), 0);
    return b;
}

/* Feeds pieces of `step` bytes, each before a guard page. */
static struct outcome run(struct sg_http1_body b, const char *text, size_t n, size_t step)
{
    struct outcome o = {.n = 0};
    for (size_t at = 0; at < n && !b.done && !o.code; at += step) {
        struct guard g;
        size_t len = n - at < step ? n - at : step;
        char *p = guard_put(&g, text + at, len);
        for (size_t i = 0; i < len && !b.done;) {
            struct sg_str data;
            ssize_t r = sg_http1_body_feed(&b, p + i, len - i, &data);
            if (r < 0) {
                o.code = (int)r;
                break;
            }
            assert_true(r > 0);
            assert_true(data.p >= p && data.p + data.n <= p + len);
            assert_true(o.n + data.n <= sizeof(o.data));
            memcpy(o.data + o.n, data.p, data.n);
            o.n += data.n;
            i += (size_t)r;
            o.used += (size_t)r;
        }
        guard_free(&g);
    }
    o.status = b.status;
    o.done = b.done;
    return o;
}

/* The same whatever the pieces. */
static struct outcome run_all(struct sg_http1_body b, const char *text, size_t n)
{
    struct outcome whole = run(b, text, n, n ? n : 1);
    for (size_t step = 1; step < n; step++) {
        struct outcome o = run(b, text, n, step);
        assert_int_equal(o.code, whole.code);
        assert_int_equal(o.done, whole.done);
        assert_int_equal(o.status, whole.status);
        if (whole.code == 0) {
            assert_int_equal(o.used, whole.used);
            assert_int_equal(o.n, whole.n);
            assert_memory_equal(o.data, whole.data, whole.n);
        }
    }
    return whole;
}

static void test_body__a_length_ends_where_it_says(void **state)
{
    (void)state;
    struct outcome o = run_all(make(false, 5, 5), "helloGET /", 10);
    assert_true(o.done);
    assert_int_equal(o.used, 5);
    assert_memory_equal(o.data, "hello", 5);
    assert_true(make(false, 0, 0).done);
    assert_false(run_all(make(false, 5, 5), "hell", 4).done);
}

static void test_body__a_length_above_the_cap_is_413_before_any_byte(void **state)
{
    (void)state;
    struct sg_http1_request rq = {.content_length = 6};
    struct sg_http1_body b;
    assert_int_equal(sg_http1_body_init(&b, &rq, 5), SG_ELIMIT);
    assert_int_equal(b.status, 413);
    rq.content_length = INT64_MAX;
    assert_int_equal(sg_http1_body_init(&b, &rq, 5), SG_ELIMIT);
}

static void test_body__good_chunked_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *text, *data;
    } table[] = {
        {"0\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"},
        {"A\r\n0123456789\r\n00\r\n\r\n", "0123456789"},
        {"00000000000000a\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
        {"3;x\r\nabc\r\n0;last\r\n\r\n", "abc"},
        {"3 ;\tx = \"a b;\\\"c\"\r\nabc\r\n0\r\n\r\n", "abc"},
        {"1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", "\r\n"},
        {"1\r\na\r\n0\r\nX: y\r\nContent-Length: 5\r\n\r\n", "a"},
        {"1\r\na\r\n0\r\nX:\r\n\r\n", "a"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        char text[256];
        int n = snprintf(text, sizeof(text), "%sNEXT", table[i].text);
        struct outcome o = run_all(make(true, 0, 100), text, (size_t)n);
        assert_true(o.done);
        assert_int_equal(o.code, 0);
        assert_int_equal(o.used, n - 4);
        assert_int_equal(o.n, strlen(table[i].data));
        assert_memory_equal(o.data, table[i].data, o.n);
    }
}

static void test_body__bad_chunked_bodies_are_400(void **state)
{
    (void)state;
    static const char *const table[] = {
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "0x1\r\na",
        " 1\r\na\r\n",
        "1 \r\na\r\n",
        "1\na\n",
        "1\r\nab\r\n",
        "1\r\na\n0\r\n",
        "1\r\na\r0\r\n",
        "1\r\na\r\n\r\n",
        ";x\r\n",
        "1;a\nb\r\nx",
        "1;a\x01\r\n",
        "1;a\rb",
        "1234567890abcdef\r\n",
        "0000000000000000\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\n: y\r\n\r\n",
        "0\r\nX : y\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: \x7f",
        "0\r\n\n",
        "0\r\n\rX",
        "0\r\nX: y\r\n\tz\r\n",
        "1\r\n\r\n0\r\n",
        "+1\r\na",
        "1,1\r\na",
        "g\r\n",
        "1\r\na\r\n0\n\n",
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        struct outcome o = run_all(make(true, 0, UINT64_MAX), table[i], strlen(table[i]));
        if (o.code != SG_ESYNTAX || o.status != 400)
            fail_msg("case %zu: code %d status %u", i, o.code, o.status);
    }
}

static void test_body__a_failed_body_stays_failed(void **state)
{
    (void)state;
    struct sg_http1_body b = make(true, 0, 10);
    struct sg_str data;
    assert_int_equal(sg_http1_body_feed(&b, "x", 1, &data), SG_ESYNTAX);
    assert_int_equal(sg_http1_body_feed(&b, "1\r\n", 3, &data), SG_ESYNTAX);
}

static void test_body__chunks_above_the_cap_are_413_at_their_size(void **state)
{
    (void)state;
    assert_int_equal(run_all(make(true, 0, 10), "b", 1).status, 413);
    assert_int_equal(run_all(make(true, 0, 10), "fffffffffffffff", 15).status, 413);
    assert_int_equal(run_all(make(true, 0, 4), "3\r\nabc\r\n2", 9).status, 413);
    struct outcome o = run_all(make(true, 0, 4), "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", 19);
    assert_true(o.done);
}

static void test_body__extensions_and_trailers_are_bounded(void **state)
{
    (void)state;
    char text[SG_HTTP1_MAX_TRAILERS + 64];
    for (size_t over = 0; over < 2; over++) {
        size_t n = (size_t)sprintf(text, "1;");
        memset(text + n, 'x', SG_HTTP1_MAX_CHUNK_EXT - 1 + over);
        n += SG_HTTP1_MAX_CHUNK_EXT - 1 + over;
        n += (size_t)sprintf(text + n, "\r\na\r\n0\r\n\r\n");
        struct outcome o = run(make(true, 0, 9), text, n, n);
        assert_int_equal(o.done, over == 0);
        assert_int_equal(o.status, over ? 400 : 0);

        n = (size_t)sprintf(text, "0\r\nX:");
        memset(text + n, 'x', SG_HTTP1_MAX_TRAILERS - 3 + over);
        n += SG_HTTP1_MAX_TRAILERS - 3 + over;
        n += (size_t)sprintf(text + n, "\r\n\r\n");
        o = run(make(true, 0, 9), text, n, n);
        assert_int_equal(o.done, over == 0);
        assert_int_equal(o.status, over ? 400 : 0);
    }
}

static void test_body__a_response_without_length_runs_until_close(void **state)
{
    (void)state;
    struct sg_http1_response rs = {.status = 200};
    struct sg_http1_body b;
    assert_int_equal(sg_http1_body_init_response(&b, &rs, 4), 0);
    struct outcome o = run_all(b, "abcd", 4);
    assert_false(o.done);
    assert_int_equal(o.n, 4);
    assert_int_equal(run_all(b, "abcde", 5).status, 413);
    rs.chunked = true;
    assert_int_equal(sg_http1_body_init_response(&b, &rs, 4), 0);
    assert_true(run_all(b, "1\r\na\r\n0\r\n\r\n", 11).done);
    rs = (struct sg_http1_response){.status = 200, .has_length = true, .content_length = 5};
    assert_int_equal(sg_http1_body_init_response(&b, &rs, 4), SG_ELIMIT);
    rs.status = 204;
    assert_int_equal(sg_http1_body_init_response(&b, &rs, 4), 0);
    assert_true(b.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body__a_length_ends_where_it_says),
        cmocka_unit_test(test_body__a_length_above_the_cap_is_413_before_any_byte),
        cmocka_unit_test(test_body__good_chunked_bodies),
        cmocka_unit_test(test_body__bad_chunked_bodies_are_400),
        cmocka_unit_test(test_body__a_failed_body_stays_failed),
        cmocka_unit_test(test_body__chunks_above_the_cap_are_413_at_their_size),
        cmocka_unit_test(test_body__extensions_and_trailers_are_bounded),
        cmocka_unit_test(test_body__a_response_without_length_runs_until_close),
    };
    return cmocka_run_group_tests_name("wire/http1_body", tests, NULL, NULL);
}
