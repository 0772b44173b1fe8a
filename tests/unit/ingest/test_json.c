/* JSON samples, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest_cases.h"

static const struct sg_ingest_options options = {.format = SG_INGEST_JSON, .now_ms = INGEST_NOW};

static void test_json__shapes_of_a_body(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"one", BODY("{\"metric\":\"orders\",\"value\":3}"),
         "orders set now 3\n= accepted 1 rejected 0\n"},
        {"all keys, any order",
         BODY(" { \"timestamp\" : 1600000000000 , \"labels\" : { \"a\" : \"b\", \"c\":\"d\" } ,\n"
              "\"value\":-1.5e3,\"metric\":\"m\" } \n"),
         "m{a=\"b\", c=\"d\"} set 1600000000000 -1500\n= accepted 1 rejected 0\n"},
        {"array", BODY("[{\"metric\":\"a\",\"value\":1},\n {\"metric\":\"b\",\"value\":2}]"),
         "a set now 1\nb set now 2\n= accepted 2 rejected 0\n"},
        {"empty array", BODY("[ ]"), "= accepted 0 rejected 0\n"},
        {"lines",
         BODY("{\"metric\":\"a\",\"value\":1}\n{\"metric\":\"b\",\"value\":2}\n[{\"metric\":\"c\","
              "\"value\":3}]"),
         "a set now 1\nb set now 2\nc set now 3\n= accepted 3 rejected 0\n"},
        {"side by side", BODY("{\"metric\":\"a\",\"value\":1}{\"metric\":\"b\",\"value\":2}[][]"),
         "a set now 1\nb set now 2\n= accepted 2 rejected 0\n"},
        {"null is nothing",
         BODY("{\"metric\":\"a\",\"value\":1,\"labels\":null,\"timestamp\":null}"),
         "a set now 1\n= accepted 1 rejected 0\n"},
        {"empty labels",
         BODY("{\"metric\":\"a\",\"value\":1,\"labels\":{}}{\"metric\":\"a\",\"value\":2,"
              "\"labels\":{\"x\":\"\"}}"),
         "a set now 1\na set now 2\n= accepted 2 rejected 0\n"},
        {"values",
         BODY("[{\"metric\":\"a\",\"value\":\"NaN\"},{\"metric\":\"a\",\"value\":\"+Inf\"},"
              "{\"metric\":\"a\",\"value\":\"-Inf\"},{\"metric\":\"a\",\"value\":\"Inf\"},"
              "{\"metric\":\"a\",\"value\":-0},{\"metric\":\"a\",\"value\":0.1E+2},"
              "{\"metric\":\"a\",\"value\":9007199254740993},{\"metric\":\"a\",\"value\":5e-324}]"),
         "a set now NaN\na set now +Inf\na set now -Inf\na set now +Inf\na set now -0\n"
         "a set now 10\na set now 9007199254740992\na set now 5e-324\n= accepted 8 rejected 0\n"},
        {"names and escapes",
         BODY("{\"metric\":\"my "
              "\\\"m\\\"\",\"value\":1,\"labels\":{\"a\\/b\":\"\\u00e9\\ud83d\\ude00\\n\\\\\"}}"),
         "{\"my \\\"m\\\"\", \"a/b\"=\"\xc3\xa9\xf0\x9f\x98\x80\\n\\\\\"} set now 1\n"
         "= accepted 1 rejected 0\n"},
        {"times",
         BODY("[{\"metric\":\"a\",\"value\":1,\"timestamp\":0},{\"metric\":\"a\",\"value\":1,"
              "\"timestamp\":-1}]"),
         "a set 0 1\na set -1 1\n= accepted 2 rejected 0\n"},
    };
    assert_cases(&options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_json__bad_elements_do_not_cost_their_neighbours(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"keys",
         BODY("[{\"metric\":\"a\",\"value\":1},\n{\"metrics\":\"b\",\"value\":1},{\"value\":1},"
              "{\"metric\":\"c\"},{},\n{\"metric\":\"d\",\"metric\":\"e\",\"value\":1},"
              "{\"metric\":\"f\",\"value\":2}]"),
         "a set now 1\nf set now 2\n"
         "! 2:2 unknown key \"metrics\", expected \"metric\", \"labels\", \"value\" or "
         "\"timestamp\"\n"
         "! 2:27 expected the key \"metric\"\n"
         "! 2:39 expected the key \"value\" (metric \"c\")\n! 2:54 expected the key \"metric\"\n"
         "! 3:15 key \"metric\" is given twice\n= accepted 2 rejected 5\n"},
        {"values",
         BODY("[{\"metric\":\"a\",\"value\":null},{\"metric\":\"a\",\"value\":true},"
              "{\"metric\":\"a\",\"value\":\"1\"},{\"metric\":\"a\",\"value\":01},"
              "{\"metric\":\"a\",\"value\":.5},{\"metric\":\"a\",\"value\":+1},"
              "{\"metric\":\"a\",\"value\":1e999},{\"metric\":\"a\",\"value\":NaN},"
              "{\"metric\":\"a\",\"value\":[1]},{\"metric\":\"ok\",\"value\":1}]"),
         "ok set now 1\n! 1:24 value 'null', expected a number\n! 1:52 value 'true', expected a "
         "number\n"
         "! 1:80 value \"1\", expected a number or \"NaN\", \"+Inf\", \"-Inf\"\n"
         "! 1:107 value '01', expected a number\n! 1:133 value '.5', expected a number\n"
         "! 1:159 value '+1', expected a number\n! 1:185 value '1e999' is out of range\n"
         "! 1:214 value 'NaN', expected a number\n! 1:241 value '[1', expected a number\n"
         "= accepted 1 rejected 9\n"},
        {"times",
         BODY("[{\"metric\":\"a\",\"value\":1,\"timestamp\":1.5},{\"metric\":\"a\",\"value\":1,"
              "\"timestamp\":\"now\"},"
              "{\"metric\":\"a\",\"value\":1,\"timestamp\":9223372036854775808},"
              "{\"metric\":\"a\",\"value\":1,\"timestamp\":1600000000000000000},"
              "{\"metric\":\"ok\",\"value\":1}]"),
         "ok set now 1\n! 1:38 timestamp '1.5', expected integer milliseconds since 1970\n"
         "! 1:79 timestamp '\"now\"', expected integer milliseconds since 1970\n"
         "! 1:122 timestamp '9223372036854775808', expected integer milliseconds since 1970\n"
         "! 1:179 timestamp '1600000000000000000' is outside the years 1 to 9999: wrong unit?\n"
         "= accepted 1 rejected 4\n"},
        {"labels",
         BODY(
             "[{\"metric\":\"a\",\"labels\":{\"x\":1},\"value\":1},{\"metric\":\"a\",\"labels\":[],"
             "\"value\":1},"
             "{\"metric\":\"a\",\"labels\":{\"x\":\"1\",\"x\":\"2\"},\"value\":1},"
             "{\"metric\":\"a\",\"labels\":{\"__name__\":\"b\"},\"value\":1},"
             "{\"metric\":\"a\",\"labels\":{\"\":\"b\"},\"value\":1},{\"metric\":\"\",\"value\":1},"
             "{\"metric\":\"a\",\"labels\":{\"x\":{\"y\":{}}},\"value\":1},{\"metric\":\"ok\","
             "\"value\":1}]"),
         "ok set now 1\n! 1:30 '1},\"value\":1', expected a string: label values are strings\n"
         "! 1:67 '[],\"value\":1', expected an object of labels\n"
         "! 1:91 label 'x' is given twice, expected each name once\n"
         "! 1:157 label '__name__', the name belongs in \"metric\"\n"
         "! 1:208 empty label name\n! 1:237 empty metric name\n"
         "! 1:279 '{\"y\":{}}},\"v', expected a string: label values are strings\n"
         "= accepted 1 rejected 7\n"},
        {"strings",
         BODY("[{\"metric\":\"a\\x\",\"value\":1},{\"metric\":\"\\ud800\",\"value\":1},"
              "{\"metric\":\"\\udc00x\",\"value\":1},{\"metric\":\"\xff\",\"value\":1},"
              "{\"metric\":\"a\x01\",\"value\":1},{\"metric\":\"\\u12\",\"value\":1},"
              "{\"metric\":\"\\ud800\\u0041\",\"value\":1},{\"metric\":\"ok\",\"value\":1}]"),
         "ok set now 1\n! 1:14 '\\x' is no escape or half a surrogate pair\n"
         "! 1:40 '\\ud800' is no escape or half a surrogate pair\n"
         "! 1:70 '\\udc00' is no escape or half a surrogate pair\n! 1:101 invalid utf-8, byte "
         "0xff\n"
         "! 1:127 control character 0x01 in a string, expected \\u0001\n"
         "! 1:152 '\\u12' is no escape or half a surrogate pair\n"
         "! 1:180 '\\ud800' is no escape or half a surrogate pair\n= accepted 1 rejected 7\n"},
    };
    assert_cases(&options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_json__what_is_no_element_is_skipped(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"not elements",
         BODY("[1,\"x\",null,{\"metric\":\"a\",\"value\":1} {\"metric\":\"b\",\"value\":2},,]"),
         "a set now 1\nb set now 2\n! 1:2 '1', expected an object\n! 1:4 '\"', expected an object\n"
         "! 1:8 'n', expected an object\n! 1:38 '{', expected ',' or ']'\n"
         "! 1:63 ',', expected an object\n! 1:64 ']', expected an object\n= accepted 2 rejected "
         "6\n"},
        {"lines",
         BODY("hello\n{\"metric\":\"a\",\"value\":1}\n}\n[]]\n{\"metric\":\"b\",\"value\":2}x\n"),
         "a set now 1\nb set now 2\n! 1:1 'h', expected an object or an array of objects\n"
         "! 3:1 '}', expected an object or an array of objects\n"
         "! 4:3 ']', expected an object or an array of objects\n"
         "! 5:25 'x', expected an object or an array of objects\n= accepted 2 rejected 4\n"},
        {"a quote is missing",
         BODY("[{\"metric\":\"a,\"value\":1},\n{\"metric\":\"b\",\"value\":2}]"),
         "b set now 2\n! 1:16 'value\":1},?', expected ',' or '}'\n= accepted 1 rejected 1\n"},
    };
    assert_cases(&options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_json__cut_off_bodies(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"empty", BODY(""),
         "! 1:1 empty body, expected an object or an array of objects\n= accepted 0 rejected 1\n"},
        {"blank", BODY(" \n "),
         "! 2:2 empty body, expected an object or an array of objects\n= accepted 0 rejected 1\n"},
        {"array", BODY("[{\"metric\":\"a\",\"value\":1}"),
         "a set now 1\n! 1:26 end of body, expected ']'\n= accepted 1 rejected 1\n"},
        {"element", BODY("{\"metric\":\"a\",\"value\":1}\n {\"metric\":\"b\",\"va"),
         "a set now 1\n! 2:2 the element is not complete\n= accepted 1 rejected 1\n"},
        {"wrong and cut", BODY("{\"metric\":\"a\",\n \"val\":1"),
         "! 2:2 unknown key \"val\", expected \"metric\", \"labels\", \"value\" or \"timestamp\"\n"
         "= accepted 0 rejected 1\n"},
    };
    assert_cases(&options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_json__limits(void **state)
{
    (void)state;
    static const struct sg_ingest_limits limits = {
        .max_line = 48, .max_value = 4, .max_labels = 2, .max_name = 5};
    static const struct ingest_case cases[] = {
        {"48 bytes",
         BODY("[{\"metric\":\"a\",\"value\":1,\"labels\":{\"x\":     "
              "\"y\"}},{\"metric\":\"b\",\"value\":1}]"),
         "a{x=\"y\"} set now 1\nb set now 1\n= accepted 2 rejected 0\n"},
        {"49 bytes",
         BODY("[{\"metric\":\"a\",\"value\":1,\"labels\":{\"x\":      "
              "\"y\"}},{\"metric\":\"b\",\"value\":1}]"),
         "b set now 1\n! 1:2 element is longer than 48 bytes, limits.line_bytes\n"
         "= accepted 1 rejected 1\n"},
        {"long and wrong",
         BODY("{\"metric\":1,\"value\":1,\"labels\":{\"x\":        "
              "\"y\"}}\n{\"metric\":\"b\",\"value\":1}"),
         "b set now 1\n! 1:1 element is longer than 48 bytes, limits.line_bytes\n"
         "= accepted 1 rejected 1\n"},
        {"labels",
         BODY("{\"metric\":\"a\",\"value\":1,\"labels\":{\"x\":\"12345\"}}\n"
              "{\"metric\":\"abcdef\",\"value\":1}\n"
              "{\"metric\":\"a\",\"value\":1,\"labels\":{\"x\":\"1\",\"y\":\"2\"\n}}"),
         "! 1:35 value of label 'x' is 5 bytes long, limits.label_length is 4\n"
         "! 2:11 name 'abcdef...' is 6 bytes long, limits.label_length is 5\n"
         "! 3:1 element is longer than 48 bytes, limits.line_bytes\n= accepted 0 rejected 3\n"},
    };
    assert_cases(&options, &limits, cases, SG_ARRAY_LEN(cases));
}

static void test_json__deep_nesting_costs_no_stack(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    static const char tail[] = "{\"metric\":\"a\",\"value\":1}";
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    struct sg_ingest_parser *p = sg_ingest_parser_new(t.batcher, &options);
    char *text = malloc(DEPTH);
    assert_non_null(text);
    memset(text, '{', DEPTH);
    assert_int_equal(sg_ingest_feed(p, text, DEPTH), 0);
    memset(text, '}', DEPTH);
    assert_int_equal(sg_ingest_feed(p, text, DEPTH), 0);
    memset(text, '[', DEPTH);
    assert_int_equal(sg_ingest_feed(p, text, DEPTH), 0);
    assert_int_equal(sg_ingest_feed(p, tail, sizeof(tail) - 1), 0);
    assert_int_equal(sg_ingest_finish(p), 0);
    assert_int_equal(sg_ingest_parser_result(p)->accepted, 1);
    assert_true(sg_ingest_parser_result(p)->rejected >= 2);
    sg_ingest_parser_free(p);
    free(text);
    ingest_bench_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__shapes_of_a_body),
        cmocka_unit_test(test_json__bad_elements_do_not_cost_their_neighbours),
        cmocka_unit_test(test_json__what_is_no_element_is_skipped),
        cmocka_unit_test(test_json__cut_off_bodies),
        cmocka_unit_test(test_json__limits),
        cmocka_unit_test(test_json__deep_nesting_costs_no_stack),
    };
    return cmocka_run_group_tests_name("ingest/json", tests, NULL, NULL);
}
