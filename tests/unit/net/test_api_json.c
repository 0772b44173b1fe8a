#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "net/api.h"

static struct sg_net_exchange x;

static int setup(void **state)
{
    (void)state;
    x = (struct sg_net_exchange){.status = 200, .type = "application/json"};
    sg_buf_init(&x.out, 1 << 20);
    sg_buf_init(&x.headers, 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sg_buf_deinit(&x.out);
    sg_buf_deinit(&x.headers);
    return 0;
}

static void assert_out(const char *expected)
{
    assert_string_equal(sg_buf_cstr(&x.out), expected);
    sg_buf_reset(&x.out);
}

static void test_time__has_three_digits_or_none(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } all[] = {{0, "0"},
               {1, "0.001"},
               {1500, "1.500"},
               {-1, "-0.001"},
               {-1500, "-1.500"},
               {1000, "1"},
               {1435781451781, "1435781451.781"}};
    for (size_t i = 0; i < SG_ARRAY_LEN(all); i++) {
        sg__json_time(&x.out, all[i].ms);
        assert_out(all[i].text);
    }
}

static void test_value__digits_of_prometheus(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } all[] = {{1, "\"1\""},
               {0.1, "\"0.1\""},
               {-0.0, "\"-0\""},
               {1e-7, "\"1e-07\""},
               {1e-6, "\"0.000001\""},
               {1e21, "\"1e+21\""},
               {1e20, "\"100000000000000000000\""},
               {INFINITY, "\"+Inf\""},
               {-INFINITY, "\"-Inf\""},
               {NAN, "\"NaN\""}};
    for (size_t i = 0; i < SG_ARRAY_LEN(all); i++) {
        sg__json_value(&x.out, all[i].v);
        assert_out(all[i].text);
    }
}

static void test_histogram__buckets_of_both_signs_and_zero(void **state)
{
    (void)state;
    struct sg_histogram *h = sg_histogram_new(3, 1, 0);
    h->schema = 0;
    h->count = 12;
    h->sum = 3.5;
    h->zero_threshold = 0.001;
    h->zero_count = 2;
    h->buckets[0] = (struct sg_bucket){0, 3};
    h->buckets[1] = (struct sg_bucket){1, 0};
    h->buckets[2] = (struct sg_bucket){2, 6};
    h->buckets[3] = (struct sg_bucket){1, 1};
    sg__json_histogram(&x.out, h);
    assert_out("{\"count\":\"12\",\"sum\":\"3.5\",\"buckets\":[[1,\"-2\",\"-1\",\"1\"],"
               "[3,\"-0.001\",\"0.001\",\"2\"],[0,\"0.5\",\"1\",\"3\"],[0,\"2\",\"4\",\"6\"]]}");
    sg_histogram_unref(h);
}

static void test_histogram__own_bounds(void **state)
{
    (void)state;
    struct sg_histogram *h = sg_histogram_new(2, 0, 1);
    h->schema = SG_HISTOGRAM_SCHEMA_CUSTOM;
    h->count = 3;
    h->sum = 5;
    h->buckets[0] = (struct sg_bucket){0, 1};
    h->buckets[1] = (struct sg_bucket){1, 2};
    *(double *)(void *)(h->buckets + 2) = 0.5;
    sg__json_histogram(&x.out, h);
    assert_out("{\"count\":\"3\",\"sum\":\"5\",\"buckets\":[[3,\"-Inf\",\"0.5\",\"1\"],"
               "[0,\"0.5\",\"+Inf\",\"2\"]]}");
    sg_histogram_unref(h);
}

static void test_histogram__empty_has_no_buckets(void **state)
{
    (void)state;
    struct sg_histogram *h = sg_histogram_new(0, 0, 0);
    sg__json_histogram(&x.out, h);
    assert_out("{\"count\":\"0\",\"sum\":\"0\"}");
    sg_histogram_unref(h);
}

static const int64_t times[] = {1000, 2500};
static const double values[] = {1, 2.5};

static struct sg_promql_series series(size_t n)
{
    return (struct sg_promql_series){
        .labels = sg_labels_empty(), .n = n, .time_ms = times, .v = values};
}

static void test_result__vector(void **state)
{
    (void)state;
    struct sg_promql_series s[] = {series(1), series(1)};
    struct sg_promql_result r = {.kind = SG_RESULT_VECTOR, .series = s, .n = 2};
    sg__json_result(&x, &r, 0);
    assert_out("\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1,\"1\"]},"
               "{\"metric\":{},\"value\":[1,\"1\"]}]");
    sg__json_result(&x, &r, 1);
    assert_out("\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1,\"1\"]}]");
    r.n = 0;
    sg__json_result(&x, &r, 0);
    assert_out("\"resultType\":\"vector\",\"result\":[]");
}

static void test_result__matrix_with_floats_and_histograms(void **state)
{
    (void)state;
    struct sg_histogram *h = sg_histogram_new(0, 0, 0);
    const struct sg_histogram *column[] = {NULL, h};
    struct sg_promql_series s = series(2);
    struct sg_promql_result r = {.kind = SG_RESULT_MATRIX, .range = true, .series = &s, .n = 1};
    sg__json_result(&x, &r, 0);
    assert_out("\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[1,\"1\"],"
               "[2.500,\"2.5\"]]}]");
    s.h = column;
    sg__json_result(&x, &r, 0);
    assert_out("\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[1,\"1\"]],"
               "\"histograms\":[[2.500,{\"count\":\"0\",\"sum\":\"0\"}]]}]");
    sg_histogram_unref(h);
}

static void test_result__scalar_and_string_have_printers_of_their_own(void **state)
{
    (void)state;
    double tiny = 1e-7;
    struct sg_promql_series s = series(1);
    struct sg_promql_result r = {.kind = SG_RESULT_SCALAR, .series = &s, .n = 1, .time_ms = 1500};
    s.v = &tiny;
    s.time_ms = &times[1];
    sg__json_result(&x, &r, 0);
    assert_out("\"resultType\":\"scalar\",\"result\":[2.5,\"0.0000001\"]");
    r.range = true;
    sg__json_result(&x, &r, 0);
    assert_out("\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":"
               "[[2.500,\"1e-07\"]]}]");
    struct sg_promql_result t = {
        .kind = SG_RESULT_STRING, .string = SG_STR("a\"b"), .time_ms = 1500};
    sg__json_result(&x, &t, 0);
    assert_out("\"resultType\":\"string\",\"result\":[1.5,\"a\\\"b\"]");
}

static void test_envelope__errors(void **state)
{
    (void)state;
    static const struct {
        enum sg__api_error_type type;
        uint16_t status;
        const char *name;
    } all[] = {{SG__BAD_DATA, 400, "bad_data"},      {SG__EXECUTION, 422, "execution"},
               {SG__TIMEOUT, 503, "timeout"},        {SG__CANCELED, 499, "canceled"},
               {SG__INTERNAL, 500, "internal"},      {SG__NOT_FOUND, 404, "not_found"},
               {SG__UNAVAILABLE, 503, "unavailable"}};
    for (size_t i = 0; i < SG_ARRAY_LEN(all); i++) {
        char expected[128];
        sg__api_error(&x, all[i].type, "a \"%s\"", "b");
        assert_int_equal(x.status, all[i].status);
        snprintf(expected, sizeof(expected),
                 "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":\"a \\\"b\\\"\"}",
                 all[i].name);
        assert_out(expected);
    }
}

static void test_envelope__errors_of_parameters_have_their_place(void **state)
{
    (void)state;
    struct sg_error err = {.code = SG_ESYNTAX, .line = 1, .column = 5, .text = "parse error: x"};
    sg__api_bad_param(&x, "query", &err);
    assert_int_equal(x.status, 400);
    assert_out("{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":"
               "\"invalid parameter \\\"query\\\": 1:5: parse error: x\"}");
}

static void test_envelope__errors_of_evaluations_have_their_status(void **state)
{
    (void)state;
    static const struct {
        enum sg_errc code;
        uint16_t status;
    } all[] = {{SG_ETIMEOUT, 503},   {SG_ECANCELED, 499}, {SG_ELIMIT, 422},
               {SG_EEXECUTION, 422}, {SG_ENOMEM, 500},    {SG_EBUSY, 503}};
    for (size_t i = 0; i < SG_ARRAY_LEN(all); i++) {
        struct sg_error err = {.code = all[i].code, .text = "x"};
        sg__api_failed(&x, &err);
        assert_int_equal(x.status, all[i].status);
    }
}

static void test_envelope__notes_are_told_ten_at_most(void **state)
{
    (void)state;
    char warning[] = "w", info[] = "i";
    struct sg_promql_note notes[13];
    for (size_t i = 0; i < 12; i++)
        notes[i] = (struct sg_promql_note){false, info};
    notes[12] = (struct sg_promql_note){true, warning};
    struct sg_promql_result r = {.notes = notes, .n_notes = 13};
    struct sg__api_notes all = {.result = &r, .further = {sg__truncated}, .n_further = 1};
    sg__api_begin(&x);
    sg_buf_puts(&x.out, "1");
    sg__api_end(&x, &all);
    assert_out("{\"status\":\"success\",\"data\":1,"
               "\"warnings\":[\"results truncated due to limit\",\"w\"],"
               "\"infos\":[\"i\",\"i\",\"i\",\"i\",\"i\",\"i\",\"i\",\"i\",\"i\",\"i\","
               "\"2 more info annotations omitted\"]}");
}

static void test_envelope__without_notes_there_are_no_lists(void **state)
{
    (void)state;
    struct sg__api_notes none = {0};
    sg__api_begin(&x);
    sg_buf_puts(&x.out, "[]");
    sg__api_end(&x, &none);
    assert_out("{\"status\":\"success\",\"data\":[]}");
}

static int pieces_sent;
static int send_piece(struct sg_net_exchange *one)
{
    pieces_sent++;
    sg_buf_reset(&one->out);
    return 0;
}

static void test_flush__sends_whole_pieces_only(void **state)
{
    (void)state;
    static char bytes[SG_NET_PIECE];
    x.more = send_piece;
    pieces_sent = 0;
    sg_buf_append(&x.out, bytes, sizeof(bytes) - 1);
    assert_int_equal(sg_net_exchange_flush(&x), 0);
    assert_int_equal(pieces_sent, 0);
    sg_buf_putc(&x.out, 'x');
    assert_int_equal(sg_net_exchange_flush(&x), 0);
    assert_int_equal(pieces_sent, 1);
    atomic_store(&x.canceled, true);
    assert_int_equal(sg_net_exchange_flush(&x), SG_ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_time__has_three_digits_or_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_value__digits_of_prometheus, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histogram__buckets_of_both_signs_and_zero, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_histogram__own_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histogram__empty_has_no_buckets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_result__vector, setup, teardown),
        cmocka_unit_test_setup_teardown(test_result__matrix_with_floats_and_histograms, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_result__scalar_and_string_have_printers_of_their_own,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope__errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope__errors_of_parameters_have_their_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_envelope__errors_of_evaluations_have_their_status,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope__notes_are_told_ten_at_most, setup, teardown),
        cmocka_unit_test_setup_teardown(test_envelope__without_notes_there_are_no_lists, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_flush__sends_whole_pieces_only, setup, teardown),
    };
    return cmocka_run_group_tests_name("api_json", tests, NULL, NULL);
}
