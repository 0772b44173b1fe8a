/* Prometheus text and OpenMetrics bodies, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest_cases.h"

static const struct sg_ingest_options text_options = {.format = SG_INGEST_PROM_TEXT,
                                                      .now_ms = INGEST_NOW};
static const struct sg_ingest_options open_options = {.format = SG_INGEST_OPENMETRICS,
                                                      .now_ms = INGEST_NOW};

static void test_prom_text__samples(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"plain", BODY("up 1\nup{job=\"a\"} 2 1600000000000\n"),
         "up set now 1\nup{job=\"a\"} set 1600000000000 2\n= accepted 2 rejected 0\n"},
        {"no newline at the end", BODY("up 1"), "up set now 1\n= accepted 1 rejected 0\n"},
        {"blanks and carriage returns",
         BODY("  up\t 1 \r\n\n \t\nup { a = \"b\" , c=\"d\", }  2\t3 \n"),
         "up set now 1\nup{a=\"b\", c=\"d\"} set 3 2\n= accepted 2 rejected 0\n"},
        {"nothing", BODY(""), "= accepted 0 rejected 0\n"},
        {"comments", BODY("# hello\n#\n#HELPless x\nup 1\n# EOF\nup 2\n"),
         "up set now 1\nup set now 2\n= accepted 2 rejected 0\n"},
        {"escapes", BODY("a{b=\"x\\\\y\\\"z\\n}\\q\"} 1\n"),
         "a{b=\"x\\\\y\\\"z\\n}\\\\q\"} set now 1\n= accepted 1 rejected 0\n"},
        {"names with colons, empty label value", BODY("a:b:c{d=\"\"} 1\n:x 2\n"),
         "a:b:c set now 1\n:x set now 2\n= accepted 2 rejected 0\n"},
        {"empty labels", BODY("a{} 1\na{}2\n"),
         "a set now 1\na set now 2\n= accepted 2 rejected 0\n"},
        {"quoted names",
         BODY("{\"my.metric\"} 1\n{\"my.metric\",a=\"b\",\"x y\"=\"z\"} 2\n"
              "ok{\"q.r\"=\"s\"} 3\n{a=\"b\",\"late\"} 4\n"),
         "{\"my.metric\"} set now 1\n{\"my.metric\", a=\"b\", \"x y\"=\"z\"} set now 2\n"
         "ok{\"q.r\"=\"s\"} set now 3\nlate{a=\"b\"} set now 4\n= accepted 4 rejected 0\n"},
        {"utf-8 values", BODY("a{b=\"h\xc3\xa9\xe2\x82\xac\"} 1\n"),
         "a{b=\"h\xc3\xa9\xe2\x82\xac\"} set now 1\n= accepted 1 rejected 0\n"},
        {"same series written differently", BODY("a{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 2\n"),
         "a{b=\"1\", c=\"2\"} set now 1\na{b=\"1\", c=\"2\"} set now 2\n= accepted 2 rejected 0\n"},
        {"exemplars are skipped", BODY("a{le=\"1\"} 5 # {t=\"}\"} 0.5 1600000000.1\na 3 # {} 1\n"),
         "a{le=\"1\"} set now 5\na set now 3\n= accepted 2 rejected 0\n"},
        {"histogram and summary are their series",
         BODY("h_bucket{le=\"0.1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"
              "s{quantile=\"0.5\"} 4\n"),
         "h_bucket{le=\"0.1\"} set now 1\nh_bucket{le=\"+Inf\"} set now 2\nh_sum set now 3\n"
         "h_count set now 2\ns{quantile=\"0.5\"} set now 4\n= accepted 5 rejected 0\n"},
    };
    assert_cases(&text_options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_prom_text__values(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"spellings",
         BODY("a NaN\na nan\na +Inf\na -Inf\na inf\na Infinity\na -0\na 1e3\na 1E-3\n"
              "a .5\na 5.\na +7\na -12345678901234567890\na 0.1\na 5e-324\n"),
         "a set now NaN\na set now NaN\na set now +Inf\na set now -Inf\na set now +Inf\n"
         "a set now +Inf\na set now -0\na set now 1000\na set now 0.001\na set now 0.5\n"
         "a set now 5\na set now 7\na set now -12345678901234567000\na set now 0.1\n"
         "a set now 5e-324\n= accepted 15 rejected 0\n"},
        {"refused", BODY("a\na x\na 1x\na 0x10\na 1e999\na -1e999\na 1,5\na 1_000\n"),
         "! 1:2 value '', expected a number\n! 2:3 value 'x', expected a number\n"
         "! 3:3 value '1x', expected a number\n! 4:3 value '0x10', expected a number\n"
         "! 5:3 value '1e999' is out of range\n! 6:3 value '-1e999' is out of range\n"
         "! 7:3 value '1,5', expected a number\n! 8:3 value '1_000', expected a number\n"
         "= accepted 0 rejected 8\n"},
    };
    assert_cases(&text_options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_prom_text__timestamps(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"taken",
         BODY("a 1 0\na 1 -1\na 1 +5\na 1 1700000600000\na 1 1600000000000\na 1 1600000000000\n"),
         "a set 0 1\na set -1 1\na set 5 1\na set 1700000600000 1\na set 1600000000000 1\n"
         "a set 1600000000000 1\n= accepted 6 rejected 0\n"},
        {"refused",
         BODY("a 1 9223372036854775807\na 1 9223372036854775808\na 1 -9223372036854775808\n"
              "a 1 1600000000000000000\na 1 1700000600001\na 1 2015360000000\na 1 1.5\na 1 x\n"
              "a 1 2 3\n"),
         "! 1:5 timestamp '9223372036854775807' is outside the years 1 to 9999: wrong unit?\n"
         "! 2:5 timestamp '9223372036854775808', expected integer milliseconds since 1970\n"
         "! 3:5 timestamp '-9223372036854775808' is outside the years 1 to 9999: wrong unit?\n"
         "! 4:5 timestamp '1600000000000000000' is outside the years 1 to 9999: wrong unit?\n"
         "! 5:5 timestamp '1700000600001' is 600 s in the future, at most 600 s are allowed\n"
         "! 6:5 timestamp '2015360000000' is 315360000 s in the future, at most 600 s are allowed\n"
         "! 7:5 timestamp '1.5', expected integer milliseconds since 1970\n"
         "! 8:5 timestamp 'x', expected integer milliseconds since 1970\n"
         "! 9:7 '3' behind the sample, expected the end of line\n= accepted 0 rejected 9\n"},
    };
    assert_cases(&text_options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_prom_text__future_limit_can_be_switched_off(void **state)
{
    (void)state;
    static const struct sg_ingest_limits limits = {.max_future_ms = -1};
    static const struct ingest_case cases[] = {
        {"far", BODY("a 1 253402300799999\n"),
         "a set 253402300799999 1\n= accepted 1 rejected 0\n"},
    };
    assert_cases(&text_options, &limits, cases, SG_ARRAY_LEN(cases));
}

static void test_prom_text__bad_lines_do_not_cost_their_neighbours(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"labels",
         BODY("a{b=\"c\" 1\nok 1\na{b=c} 1\na{b} 1\na{b=\"c} 1\na{=\"c\"} 1\na{b=\"c\"d=\"e\"} 1\n"
              "a{b=\"c\",,} 1\na{1b=\"c\"} 1\na{b=\"c\",b=\"d\"} 1\nok 2\n"),
         "ok set now 1\nok set now 2\n"
         "! 1:9 '1', expected ',' or '}'\n! 3:5 'c} 1', expected a quoted label value\n"
         "! 4:4 '} 1', expected '=' behind the label name\n"
         "! 5:5 unterminated string, expected '\"'\n"
         "! 6:3 '=\"c\"} 1', expected a label name or '}'\n"
         "! 7:8 'd=\"e\"} 1', expected ',' or '}'\n! 8:9 ',} 1', expected a label name or '}'\n"
         "! 9:3 '1b=\"c\"} 1', expected a label name or '}'\n"
         "! 10:1 label 'b' is given twice, expected each name once\n= accepted 2 rejected 9\n"},
        {"names",
         BODY("1a 1\na.b 1\n{a=\"b\"} 1\n{} 1\na{__name__=\"b\"} 1\n{\"\"} 1\n- 1\nok 1\n"),
         "ok set now 1\n! 1:1 '1a 1', expected a metric name\n"
         "! 2:2 '.b 1', expected '{' or a space behind the metric name\n"
         "! 3:1 expected a metric name\n! 4:1 expected a metric name\n"
         "! 5:1 label '__name__' is given twice, expected each name once\n"
         "! 6:2 empty metric name\n! 7:1 '- 1', expected a metric name\n"
         "= accepted 1 rejected 7\n"},
        {"utf-8", BODY("a{b=\"\xff\"} 1\na{b=\"x\xe2\x82\"} 1\na{b=\"\xed\xa0\x80\"} 1\nok 1\n"),
         "ok set now 1\n! 1:6 invalid utf-8, byte 0xff\n! 2:7 invalid utf-8, byte 0xe2\n"
         "! 3:6 invalid utf-8, byte 0xed\n= accepted 1 rejected 3\n"},
        {"known series, bad sample", BODY("a{b=\"c\"} 1\na{b=\"c\"} x\na{b=\"c\"}\na{b=\"c\"} 2\n"),
         "a{b=\"c\"} set now 1\na{b=\"c\"} set now 2\n! 2:10 value 'x', expected a number\n"
         "! 3:9 value '', expected a number\n= accepted 2 rejected 2\n"},
        {"nul", BODY("a\0b 1\nok 1\n"),
         "ok set now 1\n! 1:2 '', expected '{' or a space behind the metric name\n"
         "= accepted 1 rejected 1\n"},
    };
    assert_cases(&text_options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_prom_text__families_are_described(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"text",
         BODY("# HELP a some \\\\ text\\nand \\\"more\n# TYPE a counter\na 1\n"
              "# TYPE b gauge\nb 1\n# TYPE c histogram\n# TYPE d summary\n# TYPE e untyped\n"
              "# HELP \"f.g\" quoted\n"),
         "# a counter some \\ text\nand \\\"more|\n# b gauge |\n# c histogram |\n# d summary |\n"
         "# e unknown |\na set now 1\nb set now 1\n# f.g unknown quoted|\n= accepted 2 rejected "
         "0\n"},
        {"told once", BODY("# TYPE a counter\na 1\n# TYPE a counter\na 2\n# TYPE a gauge\na 3\n"),
         "# a counter |\na set now 1\na set now 2\na set now 3\n# a gauge |\n"
         "= accepted 3 rejected 0\n"},
        {"quoted names with escapes",
         BODY("# HELP \"a\\\"b\\n\\\\\" h\n# TYPE \"a\\\"b\\n\\\\\" gauge_histogram\n"
              "{\"a\\\"b\\n\\\\\"} 1\n"),
         "# a\"b\n\\ gaugehistogram h|\n{\"a\\\"b\\n\\\\\"} set now 1\n= accepted 1 rejected 0\n"},
        {"words without a name are comments", BODY("# HELP\n# TYPE \n# UNIT\t\na 1\n"),
         "a set now 1\n= accepted 1 rejected 0\n"},
        {"faults", BODY("# TYPE a meter\na 1\n# TYPE \"\"\n# HELP \"x\n# HELP b \xff\n"),
         "# a unknown |\na set now 1\n# b unknown |\n"
         "! 1:10 type 'meter', expected counter, gauge, histogram, summary or untyped\n"
         "! 3:8 expected a metric name\n! 4:8 unterminated string, expected '\"'\n"
         "! 5:10 invalid utf-8, byte 0xff\n= accepted 1 rejected 4\n"},
    };
    /* Batches follow the pieces, and descriptions are printed per batch: only whole bodies compare.
     */
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++)
        assert_body(&text_options, NULL, &cases[i], 0, cases[i].body.n);
}

static void test_prom_text__openmetrics(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"seconds",
         BODY("a 1 1600000000\na 1 1600000000.1234\na 1 1.6e9\na 1 -0.001\na 1 0\n# EOF\n"),
         "a set 1600000000000 1\na set 1600000000123 1\na set 1600000000000 1\na set -1 1\n"
         "a set 0 1\n= accepted 5 rejected 0\n"},
        {"end is required", BODY("a 1\n"),
         "a set now 1\n! 2:1 expected '# EOF' at the end: cut off?\n= accepted 1 rejected 1\n"},
        {"nothing behind the end", BODY("a 1\n# EOF\nb 1\n"),
         "a set now 1\n! 3:1 text behind '# EOF'\n= accepted 1 rejected 1\n"},
        {"end without newline", BODY("a 1\n# EOF"), "a set now 1\n= accepted 1 rejected 0\n"},
        {"exemplars",
         BODY("a_bucket{le=\"1\"} 5 # {trace_id=\"x\"} 0.5\n"
              "a_bucket{le=\"1\"} 6 1600000000 # {trace_id=\"x\"} 0.5 1600000000\n"
              "a_total 7 # {}\na 1 # x\n# EOF\n"),
         "a_bucket{le=\"1\"} set now 5\na_bucket{le=\"1\"} set 1600000000000 6\n"
         "a_total set now 7\n! 4:7 'x' behind the sample, expected the end of line\n"
         "= accepted 3 rejected 1\n"},
        {"bad time", BODY("a 1 NaN\na 1 +Inf\na 1 1e300\na 1 1600000000000\n# EOF\n"),
         "! 1:5 timestamp 'NaN', expected seconds since 1970\n"
         "! 2:5 timestamp '+Inf', expected seconds since 1970\n"
         "! 3:5 timestamp '1e300', expected seconds since 1970\n"
         "! 4:5 timestamp '1600000000000' is outside the years 1 to 9999: wrong unit?\n"
         "= accepted 0 rejected 4\n"},
    };
    assert_cases(&open_options, NULL, cases, SG_ARRAY_LEN(cases));
    static const struct ingest_case described[] = {
        {"metadata",
         BODY("# TYPE a_seconds gaugehistogram\n# UNIT a_seconds seconds\n"
              "# HELP a_seconds \\\"x\\\"\n# TYPE b info\n# TYPE c stateset\n# EOF\n"),
         "# a_seconds gaugehistogram \"x\"|seconds\n# b info |\n# c stateset |\n"
         "= accepted 0 rejected 0\n"},
    };
    assert_body(&open_options, NULL, &described[0], 0, described[0].body.n);
}

static void test_prom_text__extra_labels_win(void **state)
{
    (void)state;
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_STR("job"), SG_STR("push"));
    sg_labels_builder_set(&b, SG_STR("instance"), SG_STR(""));
    sg_labels_builder_set(&b, SG_STR("zone"), SG_STR("eu"));
    const struct sg_labels *extra = sg_labels_builder_build(&b);
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    struct sg_ingest_options o = text_options;
    struct sg_str body = SG_STR("a{job=\"own\",x=\"y\"} 1\na{job=\"own\",x=\"y\"} 2\n");
    o.extra = extra;
    ingest_body(&t, &o, body, 0, body.n);
    o.extra = NULL; /* the same bytes are another series without them */
    ingest_body(&t, &o, body, 0, body.n);
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "a{job=\"push\", x=\"y\", zone=\"eu\"} set now 1\n"
                        "a{job=\"push\", x=\"y\", zone=\"eu\"} set now 2\n= accepted 2 rejected 0\n"
                        "a{job=\"own\", x=\"y\"} set now 1\na{job=\"own\", x=\"y\"} set now 2\n"
                        "= accepted 2 rejected 0\n");
    ingest_bench_deinit(&t);
    sg_labels_unref(extra);
}

static void test_prom_text__limits(void **state)
{
    (void)state;
    static const struct sg_ingest_limits limits = {
        .max_line = 40, .max_name = 6, .max_value = 8, .max_labels = 3};
    static const struct ingest_case cases[] = {
        {"labels",
         BODY("a{b=\"1\",c=\"2\"} 1\na{b=\"1\",c=\"2\",d=\"3\"} 1\na{b=\"123456789\"} 1\n"
              "abcdefg 1\na{abcdefg=\"\"} 1\n"),
         "a{b=\"1\", c=\"2\"} set now 1\n! 2:1 4 labels, limits.labels_per_series is 3\n"
         "! 3:3 value of label 'b' is 9 bytes long, limits.label_length is 8\n"
         "! 4:1 name 'abcdefg...' is 7 bytes long, limits.label_length is 6\n"
         "! 5:3 name 'abcdefg...' is 7 bytes long, limits.label_length is 6\n"
         "= accepted 1 rejected 4\n"},
        {"line of 40 bytes", BODY("a{b=\"12345678\"} 1                      1\nb 1\n"),
         "a{b=\"12345678\"} set 1 1\nb set now 1\n= accepted 2 rejected 0\n"},
        {"line of 41 bytes", BODY("c 1\na{b=\"12345678\"} 1                       1\nb 1\n"),
         "c set now 1\nb set now 1\n! 2:1 line is longer than 40 bytes, limits.line_bytes\n"
         "= accepted 2 rejected 1\n"},
        {"long to the end", BODY("b 1\na{b=\"12345678\"} 1                         1"),
         "b set now 1\n! 2:1 line is longer than 40 bytes, limits.line_bytes\n"
         "= accepted 1 rejected 1\n"},
        {"help", BODY("# HELP a 123456789\na 1\n"),
         "# a unknown |\na set now 1\n! 1:10 help text is 9 bytes long, limits.label_length is 8\n"
         "= accepted 1 rejected 1\n"},
    };
    assert_cases(&text_options, &limits, cases, SG_ARRAY_LEN(cases) - 1);
    assert_body(&text_options, &limits, &cases[SG_ARRAY_LEN(cases) - 1], 0, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prom_text__samples),
        cmocka_unit_test(test_prom_text__values),
        cmocka_unit_test(test_prom_text__timestamps),
        cmocka_unit_test(test_prom_text__future_limit_can_be_switched_off),
        cmocka_unit_test(test_prom_text__bad_lines_do_not_cost_their_neighbours),
        cmocka_unit_test(test_prom_text__families_are_described),
        cmocka_unit_test(test_prom_text__openmetrics),
        cmocka_unit_test(test_prom_text__extra_labels_win),
        cmocka_unit_test(test_prom_text__limits),
    };
    return cmocka_run_group_tests_name("ingest/prom_text", tests, NULL, NULL);
}
