/* StatsD and DogStatsD datagrams: what each line becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ingest_cases.h"

#include <guard.h>

#include <streamgauge/hash.h>

/* What one datagram gives, printed. Free with sg_free. */
static char *datagram(struct sg_str text)
{
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    ingest_bench_init(&t, NULL);
    t.sink.keep_metadata = false;
    struct guard g;
    sg_statsd_parse(t.batcher, guard_put(&g, text.p, text.n), text.n, INGEST_NOW, &r);
    guard_free(&g);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    ingest_print_result(&r, &t.sink.out);
    (void)sg_buf_cstr(&t.sink.out);
    char *out = sg_buf_steal(&t.sink.out, NULL);
    ingest_bench_deinit(&t);
    return out;
}

static void assert_datagram(struct sg_str text, const char *expected)
{
    char *got = datagram(text);
    if (strcmp(got, expected) != 0)
        fail_msg("'%.*s' gives\n%s\nexpected\n%s", SG_STR_ARG(text), got, expected);
    sg_free(got);
}

#define D(text, expected) assert_datagram(SG_STR(text), expected)
#define ONE "= accepted 1 rejected 0\n"
#define NONE "= accepted 0 rejected 1\n"

static void test_statsd__each_type_has_its_operation(void **state)
{
    (void)state;
    D("a:1|c", "a count now 1\n" ONE);
    D("a:1.5|g", "a gset now 1.5\n" ONE);
    D("a:320|ms", "a observe now 0.32\n" ONE);
    D("a:320|h", "a observe now 320\n" ONE);
    D("a:0.25|d", "a observe now 0.25\n" ONE);
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "a member now %016llx\n" ONE,
                   (unsigned long long)sg_hash64_stable("user:7", 6));
    D("a:user:7|s", expected);
}

static void test_statsd__lines_of_a_datagram_are_independent(void **state)
{
    (void)state;
    D("a:1|c\nb:2|c\n", "a count now 1\nb count now 2\n= accepted 2 rejected 0\n");
    D("a:1|c\r\n\nb:2|c\r\n", "a count now 1\nb count now 2\n= accepted 2 rejected 0\n");
    D("a:1|c\nbroken\nb:2|c", "a count now 1\nb count now 2\n! 2:7 'broken', expected "
                              "name:value|type\n= accepted 2 rejected 1\n");
    D("", "= accepted 0 rejected 0\n");
    D("\n\n", "= accepted 0 rejected 0\n");
}

static void test_statsd__sample_rate_scales_counters_and_weights_observations(void **state)
{
    (void)state;
    D("a:3|c|@0.1", "a count now 30\n" ONE);
    D("a:3|c|@1", "a count now 3\n" ONE);
    D("a:3|h|@0.5", "a weight now 2\na observe now 3\n" ONE);
    D("a:3|ms|@0.25", "a weight now 4\na observe now 0.003\n" ONE);
    D("a:3|g|@0.5", "a gset now 3\n" ONE);
    D("a:3|c|@0", "! 1:8 sample rate '0', expected a number between 0.000001 and 1\n" NONE);
    D("a:3|c|@2", "! 1:8 sample rate '2', expected a number between 0.000001 and 1\n" NONE);
    D("a:3|c|@nan", "! 1:8 sample rate 'nan', expected a number between 0.000001 and 1\n" NONE);
    D("a:3|c|@", "! 1:8 sample rate '', expected a number between 0.000001 and 1\n" NONE);
}

static void test_statsd__packed_values_are_one_sample_each(void **state)
{
    (void)state;
    D("a:1:2:3|h", "a observe now 1\na observe now 2\na observe now 3\n= accepted 3 rejected 0\n");
    D("a:1:2|c|@0.5|#k:v",
      "a{k=\"v\"} count now 2\na{k=\"v\"} count now 4\n= accepted 2 rejected 0\n");
    D("a:1:x:3|h", "a observe now 1\na observe now 3\n! 1:5 value 'x', expected a number\n"
                   "= accepted 2 rejected 1\n");
}

static void test_statsd__packed_values_outlast_a_batch(void **state)
{
    (void)state;
    enum { VALUES = 5000 };
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    SG_AUTO(sg_buf_deinit) struct sg_buf line;
    sg_buf_init(&line, 65536);
    (void)sg_buf_puts(&line, "new");
    for (int i = 0; i < VALUES; i++)
        (void)sg_buf_puts(&line, ":7");
    (void)sg_buf_puts(&line, "|h|@0.5");
    ingest_bench_init(&t, NULL);
    t.sink.never_resolve = true;
    sg_statsd_parse(t.batcher, line.data, line.len, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    assert_int_equal(r.accepted, VALUES);
    assert_int_equal(t.sink.points, 2 * VALUES);
    assert_true(t.sink.batches > 1);
    assert_int_equal(t.sink.births, t.sink.batches);
    ingest_bench_deinit(&t);
}

static void test_statsd__several_samples_of_one_name_in_a_line(void **state)
{
    (void)state;
    D("a:1|c:2|g", "a count now 1\na gset now 2\n= accepted 2 rejected 0\n");
    D("a:1|c|@0.5:2|g", "a count now 2\na gset now 2\n= accepted 2 rejected 0\n");
    D("a:1|c|c:83c0a99c", "a count now 1\n" ONE);
    D("a:1|c|@0.5|c:83c0a99c", "a count now 2\n" ONE);
    D("a:1|c|#x:1|c:2|g", "a{x=\"1\"} count now 1\n" ONE);
}

static void test_statsd__signed_gauges_are_changes(void **state)
{
    (void)state;
    D("a:+4|g\na:-3|g\na:3|g",
      "a gadd now 4\na gadd now -3\na gset now 3\n= accepted 3 rejected 0\n");
    D("a:-1:+2|g", "a gadd now -1\na gadd now 2\n= accepted 2 rejected 0\n");
}

static void test_statsd__tags_become_labels(void **state)
{
    (void)state;
    D("a:1|c|#env:prod,host:h1", "a{env=\"prod\", host=\"h1\"} count now 1\n" ONE);
    D("a:1|c|#url:http://x/y", "a{url=\"http://x/y\"} count now 1\n" ONE);
    D("a:1|c|#k:1,k:2", "a{k=\"2\"} count now 1\n" ONE);
    D("a:1|c|#bare,k:,:v,ok:1", "a{ok=\"1\"} count now 1\n= accepted 1 rejected 0 ignored 3\n");
    D("a:1|c|#__name__:b", "a count now 1\n= accepted 1 rejected 0 ignored 1\n");
    D("a#bare,k=v:1|c|#x:y", "! 1:17 tags both in the name and behind '|#'\n" NONE);
    D("a:1|c|#k:v\r\nb:1|c|#k:v\r",
      "a{k=\"v\"} count now 1\nb{k=\"v\"} count now 1\n= accepted 2 rejected 0\n");
    D("a:1|c|#", "a count now 1\n" ONE);
    D("a:1|c|#k:\xc3\xa9", "a{k=\"\xc3\xa9\"} count now 1\n" ONE);
}

static void test_statsd__tags_in_the_name(void **state)
{
    (void)state;
    D("a,b=c,d=e:1|c", "a{b=\"c\", d=\"e\"} count now 1\n" ONE);
    D("a#b=c:1|c", "a{b=\"c\"} count now 1\n" ONE);
    D("a.[b=c]z:1|c", "a_z{b=\"c\"} count now 1\n" ONE);
    D("a,b=c:1|c|#d:e", "! 1:12 tags both in the name and behind '|#'\n" NONE);
}

static void test_statsd__names_are_sanitised_as_statsd_exporter_does(void **state)
{
    (void)state;
    D("a.b/c d:1|c", "a_b_c_d count now 1\n" ONE);
    D("9lives:1|c", "_9lives count now 1\n" ONE);
    D("a--b---c-d:1|c", "a_b_c_d count now 1\n" ONE);
    D("caf\xc3\xa9.x:1|c", "caf__x count now 1\n" ONE);
    D("a:1|c|#1.k-x:v", "a{_1_k_x=\"v\"} count now 1\n" ONE);
    D("_a:1|c", "_a count now 1\n" ONE);
}

static void test_statsd__timestamps_date_counters_and_gauges(void **state)
{
    (void)state;
    D("a:5|g|T1600000000", "a set 1600000000000 5\n" ONE);
    D("a:5|c|T1600000000", "a count 1600000000000 5\n" ONE);
    D("a:5|g|Tsoon", "! 1:8 timestamp 'soon', expected seconds since 1970\n" NONE);
    D("a:5|g|T99999999999999999",
      "! 1:8 timestamp '99999999999999999', expected seconds since 1970\n" NONE);
    D("a:5|g|T1600000000000",
      "! 1:8 timestamp '1600000000000' is outside the years 1 to 9999: wrong unit?\n" NONE);
    D("a:5|g|T1800000000", "! 1:8 timestamp '1800000000' is 100000000 s in the future, at most 600 "
                           "s are allowed\n" NONE);
}

static void test_statsd__unknown_fields_are_skipped(void **state)
{
    (void)state;
    D("a:1|c|#k:v|c:in-123|e:it-false|card:low|whatever", "a{k=\"v\"} count now 1\n" ONE);
    D("a:1|c||#k:v", "a{k=\"v\"} count now 1\n" ONE);
}

static void test_statsd__events_and_service_checks_are_counted(void **state)
{
    (void)state;
    D("_e{5,4}:title|text|p:low\n_sc|db|0|m:5|c\na:1|c\n_e{1,1}:5|c",
      "a count now 1\n= accepted 1 rejected 0 events 3\n");
}

static void test_statsd__bad_lines_say_what_is_wrong(void **state)
{
    (void)state;
    D("a:|c", "! 1:3 value '', expected a number\n" NONE);
    D("a:x|c", "! 1:3 value 'x', expected a number\n" NONE);
    D("a:1x|c", "! 1:3 value '1x', expected a number\n" NONE);
    D("a:1", "! 1:4 expected '|' and a type behind the value '1'\n" NONE);
    D("a:1|", "! 1:5 type '', expected c, g, ms, h, d or s\n" NONE);
    D("a:1|m", "! 1:5 type 'm', expected c, g, ms, h, d or s\n" NONE);
    D("a:1|cc", "! 1:5 type 'cc', expected c, g, ms, h, d or s\n" NONE);
    D(":1|c", "! 1:1 ':1|c', expected name:value|type\n" NONE);
    D("a:|s", "! 1:3 value '', expected a member of the set\n" NONE);
    D("\xff:1|c", "! 1:1 invalid utf-8, byte 0xff\n" NONE);
    D("a:1|c|#k:\xc3", "! 1:10 invalid utf-8, byte 0xc3\n" NONE);
    D("a\x1b:x\x01|c", "! 1:4 value 'x?', expected a number\n" NONE);
}

static void test_statsd__values_that_spoil_aggregates_are_refused(void **state)
{
    (void)state;
    D("a:nan|c", "! 1:3 value 'nan', expected a finite number\n" NONE);
    D("a:inf|ms", "! 1:3 value 'inf', expected a finite number\n" NONE);
    D("a:1e999|h", "! 1:3 value '1e999', expected a finite number\n" NONE);
    D("a:1e999|g", "! 1:3 value '1e999', expected a finite number\n" NONE);
    D("a:+inf|g", "! 1:3 value '+inf', expected a finite number\n" NONE);
    D("a:-5|c", "! 1:3 value '-5', expected a counter that does not decrease\n" NONE);
    D("a:1e308|c|@0.01", "! 1:3 value '1e308', expected a finite number\n" NONE);
    D("a:nan|g", "a gset now NaN\n" ONE);
    D("a:-0|c\nb:1e-310|h", "a count now -0\nb observe now 1e-310\n= accepted 2 rejected 0\n");
}

static void test_statsd__families_are_described_once(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    struct sg_str text = SG_STR("a:1|c|#k:1\na:1|c|#k:2\nb:1|ms");
    ingest_bench_init(&t, NULL);
    sg_statsd_parse(t.batcher, text.p, text.n, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    sg_statsd_parse(t.batcher, text.p, text.n, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "# a counter |\n# b histogram |\n"
                        "a{k=\"1\"} count now 1\na{k=\"2\"} count now 1\nb observe now 0.001\n"
                        "a{k=\"1\"} count now 1\na{k=\"2\"} count now 1\nb observe now 0.001\n");
    ingest_bench_deinit(&t);
}

static void test_statsd__over_long_names_and_lines_are_refused(void **state)
{
    (void)state;
    static const struct sg_ingest_limits limits = {
        .max_line = 64, .max_name = 8, .max_value = 8, .max_labels = 3};
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    struct sg_str text =
        SG_STR("123456789:1|c\na:1|c|#123456789:v\na:1|c|#k:123456789\na:1|c|#a:1,b:2\na:1|c|#a:1,"
               "b:2,c:3\n"
               "a:1|c|#aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    ingest_bench_init(&t, &limits);
    t.sink.keep_metadata = false;
    sg_statsd_parse(t.batcher, text.p, text.n, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    ingest_print_result(&r, &t.sink.out);
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "a{a=\"1\", b=\"2\"} count now 1\n"
                        "! 1:1 name '123456789...' is 9 bytes long, limits.label_length is 8\n"
                        "! 2:8 tag '123456789...' is 9 bytes long, limits.label_length is 8\n"
                        "! 3:8 value of label 'k' is 9 bytes long, limits.label_length is 8\n"
                        "! 5:1 4 labels, limits.labels_per_series is 3\n"
                        "! 6:1 line is longer than 64 bytes, limits.line_bytes\n"
                        "= accepted 1 rejected 5\n");
    ingest_bench_deinit(&t);
}

static void test_statsd__only_the_first_errors_are_named(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    ingest_bench_init(&t, NULL);
    for (int i = 0; i < 30; i++)
        sg_statsd_parse(t.batcher, "x", 1, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    assert_int_equal(r.rejected, 30);
    assert_int_equal(r.n_errors, SG_INGEST_MAX_ERRORS);
    assert_int_equal(atomic_load(&t.source.rejected), 30);
    assert_int_equal(atomic_load(&t.source.bytes), 30);
    ingest_bench_deinit(&t);
}

static void test_statsd__cut_off_anywhere_it_stays_inside_the_datagram(void **state)
{
    (void)state;
    static const char text[] =
        "abc.def:12.5:3|ms|@0.5|#k:v,l:w|c:x|T1600000000\n_e{1,1}:a|b\ng:+1|g";
    for (size_t n = 0; n < sizeof(text); n++)
        sg_free(datagram(sg_str_make(text, n)));
}

static void test_statsd__a_body_of_lines_may_be_cut(void **state)
{
    (void)state;
    static const struct sg_ingest_options o = {.format = SG_INGEST_STATSD, .now_ms = INGEST_NOW};
    struct sg_str body = SG_STR("a:1|c\nbad\r\nb:2|h|@0.5\r\n");
    static const char expected[] =
        "a count now 1\nb weight now 2\nb observe now 2\n"
        "! 2:4 'bad', expected name:value|type\n= accepted 2 rejected 1\n";
    for (size_t cut = 1; cut < body.n; cut++) {
        struct ingest_bench t;
        ingest_bench_init(&t, NULL);
        t.sink.keep_metadata = false;
        ingest_body(&t, &o, body, cut, body.n);
        assert_string_equal(sg_buf_cstr(&t.sink.out), expected);
        ingest_bench_deinit(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statsd__each_type_has_its_operation),
        cmocka_unit_test(test_statsd__lines_of_a_datagram_are_independent),
        cmocka_unit_test(test_statsd__sample_rate_scales_counters_and_weights_observations),
        cmocka_unit_test(test_statsd__packed_values_are_one_sample_each),
        cmocka_unit_test(test_statsd__packed_values_outlast_a_batch),
        cmocka_unit_test(test_statsd__several_samples_of_one_name_in_a_line),
        cmocka_unit_test(test_statsd__signed_gauges_are_changes),
        cmocka_unit_test(test_statsd__tags_become_labels),
        cmocka_unit_test(test_statsd__tags_in_the_name),
        cmocka_unit_test(test_statsd__names_are_sanitised_as_statsd_exporter_does),
        cmocka_unit_test(test_statsd__timestamps_date_counters_and_gauges),
        cmocka_unit_test(test_statsd__unknown_fields_are_skipped),
        cmocka_unit_test(test_statsd__events_and_service_checks_are_counted),
        cmocka_unit_test(test_statsd__bad_lines_say_what_is_wrong),
        cmocka_unit_test(test_statsd__values_that_spoil_aggregates_are_refused),
        cmocka_unit_test(test_statsd__families_are_described_once),
        cmocka_unit_test(test_statsd__over_long_names_and_lines_are_refused),
        cmocka_unit_test(test_statsd__only_the_first_errors_are_named),
        cmocka_unit_test(test_statsd__cut_off_anywhere_it_stays_inside_the_datagram),
        cmocka_unit_test(test_statsd__a_body_of_lines_may_be_cut),
    };
    return cmocka_run_group_tests_name("ingest/statsd", tests, NULL, NULL);
}
