/* Content types, precisions, and the reply to a body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest_cases.h"

static void assert_detects(const char *type, enum sg_ingest_format fallback,
                           enum sg_ingest_format expected)
{
    enum sg_ingest_format got;
    struct sg_error err = {0};
    if (sg_ingest_detect(sg_str_from(type), fallback, &got, &err) < 0)
        fail_msg("'%s': %s", type, err.text);
    if (got != expected)
        fail_msg("'%s' is %d, expected %d", type, (int)got, (int)expected);
}

static void test_detect__the_type_decides_or_the_endpoint(void **state)
{
    (void)state;
    assert_detects("", SG_INGEST_INFLUX, SG_INGEST_INFLUX);
    assert_detects("text/plain; charset=utf-8", SG_INGEST_INFLUX, SG_INGEST_INFLUX);
    assert_detects("text/plain; version=0.0.4", SG_INGEST_INFLUX, SG_INGEST_PROM_TEXT);
    assert_detects("Text/Plain;Version=\"0.0.4\" ; Charset=\"UTF-8\"", SG_INGEST_JSON,
                   SG_INGEST_PROM_TEXT);
    assert_detects("application/x-www-form-urlencoded", SG_INGEST_JSON, SG_INGEST_JSON);
    assert_detects("application/openmetrics-text; version=1.0.0; charset=utf-8",
                   SG_INGEST_PROM_TEXT, SG_INGEST_OPENMETRICS);
    assert_detects("application/json", SG_INGEST_PROM_TEXT, SG_INGEST_JSON);
    assert_detects("application/x-ndjson", SG_INGEST_JSON, SG_INGEST_JSON);
}

static void test_detect__others_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *type, *text;
    } cases[] = {
        {"application/x-protobuf",
         "content type 'application/x-protobuf' is not supported, expected text/plain, "
         "application/openmetrics-text or application/json"},
        {"text/plain; charset=latin1", "charset 'latin1' is not supported, expected utf-8"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        enum sg_ingest_format got;
        struct sg_error err = {0};
        int r = sg_ingest_detect(sg_str_from(cases[i].type), SG_INGEST_JSON, &got, &err);
        assert_int_equal(r, SG_EUNSUPPORTED);
        assert_string_equal(err.text, cases[i].text);
    }
}

static void test_detect__precisions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sg_ingest_precision expected;
    } cases[] = {
        {"", SG_PRECISION_NS},   {"n", SG_PRECISION_NS},  {"ns", SG_PRECISION_NS},
        {"u", SG_PRECISION_US},  {"us", SG_PRECISION_US}, {"\xc2\xb5", SG_PRECISION_US},
        {"ms", SG_PRECISION_MS}, {"s", SG_PRECISION_S},   {"m", SG_PRECISION_M},
        {"h", SG_PRECISION_H},
    };
    enum sg_ingest_precision got;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        assert_int_equal(sg_ingest_precision_parse(sg_str_from(cases[i].text), &got, NULL), 0);
        assert_int_equal(got, cases[i].expected);
    }
    struct sg_error err = {0};
    assert_int_equal(sg_ingest_precision_parse(SG_STR("d"), &got, &err), SG_EINVALID);
    assert_string_equal(err.text, "precision 'd', expected ns, us, ms, s, m or h");
}

static void test_result__status_and_reply(void **state)
{
    (void)state;
    struct sg_ingest_result r = {.accepted = 3};
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&out, 65536);
    assert_int_equal(sg_ingest_http_status(&r), 204);
    sg_ingest_result_print(&r, &out);
    assert_string_equal(sg_buf_cstr(&out), "{\"error\":null,\"accepted\":3,\"rejected\":0,"
                                           "\"dropped\":0,\"errors\":[]}");
    r.rejected = 2;
    r.n_errors = 2;
    r.errors[0] = (struct sg_ingest_line_error){SG_ESYNTAX, 7, 3, "value '\xff\"', expected"};
    r.errors[1] = (struct sg_ingest_line_error){SG_ESYNTAX, 9, 1, "x"};
    assert_int_equal(sg_ingest_http_status(&r), 400);
    sg_buf_reset(&out);
    sg_ingest_result_print(&r, &out);
    assert_string_equal(
        sg_buf_cstr(&out),
        "{\"error\":\"value '\xef\xbf\xbd\\\"', expected\",\"line\":7,\"column\":3,"
        "\"accepted\":3,\"rejected\":2,\"dropped\":0,\"errors\":["
        "{\"line\":7,\"column\":3,\"error\":\"value '\xef\xbf\xbd\\\"', expected\"},"
        "{\"line\":9,\"column\":1,\"error\":\"x\"}]}");
    r.series_full = true;
    assert_int_equal(sg_ingest_http_status(&r), 429);
    r = (struct sg_ingest_result){.dropped = 1};
    assert_int_equal(sg_ingest_http_status(&r), 429);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detect__the_type_decides_or_the_endpoint),
        cmocka_unit_test(test_detect__others_are_refused_by_name),
        cmocka_unit_test(test_detect__precisions),
        cmocka_unit_test(test_result__status_and_reply),
    };
    return cmocka_run_group_tests_name("ingest/detect", tests, NULL, NULL);
}
