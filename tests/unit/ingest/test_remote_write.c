/* Remote write 1.0 and 2.0: messages built here field by field, and what becomes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "remote_write_cases.h"

/* ---- 1.0 ---- */

static void test_v1__samples_with_every_kind_of_value(void **state)
{
    (void)state;
    struct pb w, s = series_of("up");
    pb_init(&w);
    pb_label(&s, "job", "a");
    pb_sample(&s, 1.5, T);
    pb_sample(&s, 0, 0); /* both fields omitted */
    pb_sample(&s, sg_stale_nan(), 1);
    pb_sample(&s, -0.0, -1000);
    pb_sample(&s, __builtin_inf(), T + 600000);
    pb_message_take(&w, 1, &s);
    s = series_of("other");
    pb_sample(&s, 2, T);
    pb_message_take(&w, 1, &s);
    assert_message(&v1, NULL, &w,
                   "up{job=\"a\"} set now 1.5\nup{job=\"a\"} set 0 0\nup{job=\"a\"} set 1 stale\n"
                   "up{job=\"a\"} set -1000 -0\nup{job=\"a\"} set 1700000600000 +Inf\n"
                   "other set now 2\n204: 6 0 0\n");
}

static void test_v1__an_empty_message_is_fine(void **state)
{
    (void)state;
    struct pb w;
    pb_init(&w);
    assert_message(&v1, NULL, &w, "204: 0 0 0\n");
    pb_init(&w);
    assert_message(&v2, NULL, &w, "204: 0 0 0\n");
}

static void test_v1__labels_may_stand_anywhere_and_unsorted(void **state)
{
    (void)state;
    struct pb w, s = series_of(NULL);
    pb_init(&w);
    pb_sample(&s, 1, T);
    pb_label(&s, "z", "1");
    pb_label(&s, "empty", "");
    pb_sample(&s, 2, T);
    pb_int(&s, 99, 5); /* of the future */
    pb_label(&s, "__name__", "up");
    pb_label(&s, "a", "2");
    pb_message_take(&w, 1, &s);
    assert_message(&v1, NULL, &w,
                   "up{a=\"2\", z=\"1\"} set now 1\nup{a=\"2\", z=\"1\"} set now 2\n204: 2 0 0\n");
}

static void test_v1__sample_fields_in_any_order_with_unknown_ones(void **state)
{
    (void)state;
    struct pb w, s = series_of("up"), x;
    pb_init(&w);
    pb_init(&x);
    pb_int(&x, 2, T);
    pb_text(&x, 7, "new");
    pb_double(&x, 1, 1);
    pb_double(&x, 1, 3); /* the last one counts */
    pb_message_take(&s, 2, &x);
    pb_message_take(&w, 1, &s);
    assert_message(&v1, NULL, &w, "up set now 3\n204: 1 0 0\n");
}

static void test_v1__known_series_need_no_labels_again(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct pb w, s = series_of("up");
    ingest_bench_init(&t, NULL);
    pb_init(&w);
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    send(&t, &v1, &w);
    send(&t, &v1, &w);
    assert_int_equal(t.sink.births, 1);
    assert_printed(&t, "up set now 1\n204: 1 0 0\nup set now 1\n204: 1 0 0\n");
    pb_deinit(&w);
    ingest_bench_deinit(&t);
}

static void test_v1__bad_series_do_not_cost_their_neighbours(void **state)
{
    (void)state;
    static const struct {
        const char *name, *label, *value;
    } bad[] = {{"a", "a", "1"},     {NULL, "job", "x"}, {"b", "", "x"},        {"", "x", "y"},
               {"c", "x\xff", "1"}, {"d", "x", "\xc3"}, {"e", "__name__", "f"}};
    struct pb w, s;
    pb_init(&w);
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        s = series_of(bad[i].name);
        pb_label(&s, bad[i].label, bad[i].value);
        if (i == 0)
            pb_label(&s, "a", "2");
        pb_sample(&s, 1, T);
        pb_sample(&s, 1, T + 1);
        pb_message_take(&w, 1, &s);
    }
    s = series_of("good");
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    assert_message(&v1, NULL, &w,
                   "good set now 1\n"
                   "! 1 a{a=\"1\", a=\"2\"}: label 'a' is given twice, expected each name once\n"
                   "! 2 {job=\"x\"}: expected a metric name\n"
                   "! 3 b{=\"x\"}: empty label name\n"
                   "! 4 {x=\"y\"}: empty metric name\n"
                   "! 5 c{x\xff=\"1\"}: invalid utf-8, byte 0xff\n"
                   "! 6 d{x=\"\xc3\"}: invalid utf-8, byte 0xc3\n"
                   "! 7 e: label '__name__' is given twice, expected each name once\n"
                   "400: 1 0 0 rejected 14\n");
}

static void test_v1__bad_samples_do_not_cost_their_neighbours(void **state)
{
    (void)state;
    struct pb w, s = series_of("up");
    pb_init(&w);
    pb_sample(&s, 1, T + 600001);
    pb_sample(&s, 2, INT64_MAX);
    pb_sample(&s, 3, INT64_MIN);
    pb_bytes(&s, 2, "\x09\x01", 2);
    pb_bytes(&s, 2, "\x08\x01", 2); /* a varint as value */
    pb_sample(&s, 4, T);
    pb_message_take(&w, 1, &s);
    assert_message(
        &v1, NULL, &w,
        "up set now 4\n"
        "! 1 up: timestamp '1700000600001' is 600 s in the future, at most 600 s are allowed\n"
        "! 1 up: timestamp '9223372036854775807' is outside the years 1 to 9999: wrong unit?\n"
        "! 1 up: timestamp '-9223372036854775808' is outside the years 1 to 9999: wrong unit?\n"
        "! 1 up: malformed sample\n! 1 up: malformed sample\n400: 1 0 0 rejected 5\n");
}

static void test_v1__limits(void **state)
{
    (void)state;
    static const struct sg_ingest_limits limits = {
        .max_labels = 2, .max_name = 5, .max_value = 4, .max_future_ms = -1};
    struct pb w, s = series_of("up");
    pb_init(&w);
    pb_label(&s, "a", "1");
    pb_label(&s, "b", "1");
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    s = series_of("toolong");
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    s = series_of("up");
    pb_label(&s, "a", "12345");
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    s = series_of("up");
    pb_sample(&s, 1, T * 100);
    pb_message_take(&w, 1, &s);
    assert_message(
        &v1, &limits, &w,
        "up set 170000000000000 1\n"
        "! 1 up{a=\"1\", b=\"1\"}: 3 labels, limits.labels_per_series is 2\n"
        "! 2 toolong: name 'toolong...' is 7 bytes long, limits.label_length is 5\n"
        "! 3 up{a=\"12345\"}: value of label 'a' is 5 bytes long, limits.label_length is 4\n"
        "400: 1 0 0 rejected 3\n");
}

static void test_v1__errors_are_cut_to_what_fits(void **state)
{
    (void)state;
    struct pb w, s = series_of("a_rather_long_metric_name_that_goes_on_and_on_and_on_for_ever");
    pb_init(&w);
    for (char c[] = "a"; *c < 'p'; ++*c)
        pb_label(&s, c, "value");
    pb_label(&s, "b", "again\n");
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    assert_message(&v1, NULL, &w,
                   "! 1 a_rather_long_metric_name_that_goes_on_and_on_an{a=\"value\", b=\"value\", "
                   "c=\"value\", d=\"value\"...: label 'b' is given twice, expected each name "
                   "once\n400: 0 0 0 rejected 1\n");
}

static void test_v1__metadata_describes_families(void **state)
{
    (void)state;
    struct pb w, m;
    pb_init(&w);
    for (int type = 0; type < 9; type += 2) {
        pb_init(&m);
        pb_int(&m, 1, type);
        pb_text(&m, 2, type ? "family" : "");
        pb_text(&m, 4, "what it is");
        if (type == 2)
            pb_text(&m, 5, "seconds");
        pb_message_take(&w, 3, &m);
    }
    pb_init(&m);
    pb_text(&m, 2, "f");
    pb_text(&m, 4, "\xff");
    pb_message_take(&w, 3, &m);
    assert_message(&v1, NULL, &w,
                   "# family gauge what it is|seconds\n# family gaugehistogram what it is|\n"
                   "# family info what it is|\n# family unknown what it is|\n"
                   "! 0 metadata without a family name\n! 0 metadata of 'f': help is not text\n"
                   "400: 0 0 0 rejected 2\n");
}

static void test_v1__exemplars_are_counted(void **state)
{
    (void)state;
    struct pb w, s = series_of("up"), x;
    pb_init(&w);
    pb_sample(&s, 1, T);
    pb_init(&x);
    pb_label(&x, "trace_id", "abc");
    pb_double(&x, 2, 1);
    pb_int(&x, 3, T);
    pb_message_take(&s, 3, &x);
    pb_bytes(&s, 3, "\x0a\x05x", 3);
    pb_message_take(&w, 1, &s);
    assert_message(&v1, NULL, &w,
                   "up set now 1\n! 1 up: malformed exemplar\n400: 1 0 1 rejected 1\n");
}

/* ---- the message as a whole ---- */

static void assert_body(const struct sg_remote_write_options *o, const char *p, size_t n,
                        const char *expected)
{
    struct ingest_bench t;
    struct sg_remote_write_result r;
    struct guard g;
    ingest_bench_init(&t, NULL);
    sg_remote_write(t.batcher, o, guard_put(&g, p, n), n, &r);
    guard_free(&g);
    print(&r, &t.sink.out);
    assert_printed(&t, expected);
    assert_int_equal(t.sink.batches, 0);
    ingest_bench_deinit(&t);
}

static void test_body__is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const struct sg_remote_write_options small = {.max_message = 100, .now_ms = T};
    assert_body(&v1, "", 0, "! 0 body is not in snappy's block format\n400: 0 0 0 rejected 1\n");
    assert_body(&v1, "\xff\xff\xff\xff\x0f", 5,
                "! 0 message has 4294967295 bytes uncompressed, at most 33554432 are taken\n"
                "413: 0 0 0 rejected 1\n");
    assert_body(&v1, "\x80\x80\x80\x08", 4,
                "! 0 snappy announces 16777216 bytes, more than 4 compressed ones can hold\n"
                "400: 0 0 0 rejected 1\n");
    assert_body(&small, "\x65", 1,
                "! 0 message has 101 bytes uncompressed, at most 100 are taken\n"
                "413: 0 0 0 rejected 1\n");
    assert_body(&v1, "\x10\x0cwxyz", 6,
                "! 0 body is not in snappy's block format, or is cut off\n"
                "400: 0 0 0 rejected 1\n");
    assert_body(&v1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10,
                "! 0 body is not in snappy's block format\n400: 0 0 0 rejected 1\n");
}

static void test_body__without_memory_is_to_be_sent_again(void **state)
{
    (void)state;
    sg_mem_fail_after(1);
    assert_body(&v1, "\x04\x0cwxyz", 6, "! 0 no memory for 4 bytes\n503: 0 0 0 rejected 1\n");
    sg_mem_fail_after(0);
}

static void test_body__copies_are_followed(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct pb w;
    ingest_bench_init(&t, NULL);
    pb_init(&w);
    for (int i = 0; i < 100; i++) {
        struct pb s = series_of("up");
        pb_sample(&s, 1, T);
        pb_message_take(&w, 1, &s);
    }
    struct guard g;
    size_t n;
    (void)pb_snappy(&w, &g, &n);
    guard_free(&g);
    assert_true(n < w.out.len / 4);
    send(&t, &v1, &w);
    assert_int_equal(t.sink.points, 100);
    assert_int_equal(t.sink.births, 1);
    pb_deinit(&w);
    ingest_bench_deinit(&t);
}

static void test_message__garbled_outside_of_series_leaves_no_trace(void **state)
{
    (void)state;
    static const struct {
        const char *tail;
        size_t n;
    } tails[] = {{"\x0a", 1},
                 {"\x0a\x05x", 3},
                 {"\x0b", 1},     /* a group */
                 {"\x02\x00", 2}, /* field 0 */
                 {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
                 {"\x98\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 12}, /* 65 bits */
                 {"\x98\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13},
                 {"\x99\x06wxyz", 6}};
    for (size_t i = 0; i < SG_ARRAY_LEN(tails); i++) {
        struct pb w, s = series_of("up");
        pb_init(&w);
        pb_sample(&s, 1, T);
        pb_message_take(&w, 1, &s);
        (void)sg_buf_append(&w.out, tails[i].tail, tails[i].n);
        assert_message(&v1, NULL, &w,
                       "! 0 malformed message: not protobuf, or cut off\n400: 0 0 0 rejected 1\n");
    }
    struct pb w;
    pb_init(&w);
    pb_int(&w, 1, 1);
    assert_message(
        &v1, NULL, &w,
        "! 0 malformed message: a field has the wrong wire type\n400: 0 0 0 rejected 1\n");
}

static void test_message__garbled_inside_of_a_series_costs_only_this(void **state)
{
    (void)state;
    struct pb w, s;
    pb_init(&w);
    s = series_of("cut");
    pb_sample(&s, 1, T);
    (void)sg_buf_append(&s.out, "\x12\x20x", 3);
    pb_message_take(&w, 1, &s);
    s = series_of("type");
    pb_int(&s, 2, 1);
    pb_message_take(&w, 1, &s);
    s = series_of("label");
    pb_bytes(&s, 1, "\x0a\x09x", 3);
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    s = series_of("good");
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    assert_message(&v1, NULL, &w,
                   "good set now 1\n! 1 cut: malformed series\n"
                   "! 2 type: a field of the series has the wrong wire type\n"
                   "! 3 label: malformed label\n400: 1 0 0 rejected 3\n");
}

/* ---- 2.0 ---- */

static void test_v2__samples(void **state)
{
    (void)state;
    static const uint32_t refs[] = {1, 2, 3, 4};
    struct pb w, s = series_v2(refs, 4), x;
    pb_init(&w);
    pb_sample(&s, 1, T);
    pb_init(&x);
    pb_double(&x, 1, 2);
    pb_int(&x, 2, T + 1);
    pb_int(&x, 3, T - 5000); /* start timestamp */
    pb_message_take(&s, 2, &x);
    pb_message_take(&w, 5, &s);
    /* References one by one, and symbols behind the series that need them. */
    pb_init(&s);
    pb_int(&s, 1, 1);
    pb_int(&s, 1, 4);
    pb_sample(&s, 3, T);
    pb_message_take(&w, 5, &s);
    symbols(&w, some_symbols, SG_ARRAY_LEN(some_symbols));
    assert_message(&v2, NULL, &w,
                   "up{job=\"api\"} set now 1\nup{job=\"api\"} set 1700000000001 2\napi set now 3\n"
                   "204: 3 0 0\n");
}

static void test_v2__the_same_labels_by_other_symbols_are_the_same_series(void **state)
{
    (void)state;
    static const uint32_t one[] = {1, 2}, other[] = {2, 1};
    static const char *const swapped[] = {"", "up", "__name__"};
    struct ingest_bench t;
    struct pb w, s;
    ingest_bench_init(&t, NULL);
    for (int i = 0; i < 2; i++) {
        pb_init(&w);
        symbols(&w, i ? swapped : some_symbols, 3);
        s = series_v2(i ? other : one, 2);
        pb_sample(&s, i, T);
        pb_message_take(&w, 5, &s);
        send(&t, &v2, &w);
        pb_deinit(&w);
    }
    assert_int_equal(t.sink.births, 1);
    assert_printed(&t, "up set now 0\n204: 1 0 0\nup set now 1\n204: 1 0 0\n");
    ingest_bench_deinit(&t);
}

static void test_v2__bad_references(void **state)
{
    (void)state;
    static const struct {
        uint32_t refs[8];
        size_t n;
    } bad[] = {{{1, 2, 3}, 3},          {{1, 9}, 2}, {{1, 0xffffffff}, 2}, {{1, 2, 3, 4, 3, 4}, 6},
               {{1, 2, 3, 4, 5, 6}, 6}, {{0}, 0},    {{1, 2, 0, 4}, 4}};
    static const struct sg_ingest_limits limits = {.max_labels = 3};
    struct pb w, s;
    pb_init(&w);
    symbols(&w, some_symbols, SG_ARRAY_LEN(some_symbols));
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        s = series_v2(bad[i].refs, bad[i].n);
        pb_sample(&s, 1, T);
        pb_message_take(&w, 5, &s);
    }
    static const uint32_t many[] = {1, 2, 3, 4, 3, 4, 3, 4};
    s = series_v2(many, 8);
    pb_sample(&s, 1, T);
    pb_message_take(&w, 5, &s);
    assert_message(
        &v2, &limits, &w,
        "up{\"help me\"=\"seconds\", job=\"api\"} set now 1\n"
        "! 1 up: 3 label references, expected pairs of name and value\n"
        "! 2 {}: label reference 9, there are 8 symbols\n"
        "! 3 {}: label reference 4294967295, there are 8 symbols\n"
        "! 4 up{job=\"api\", job=\"api\"}: label 'job' is given twice, expected each name once\n"
        "! 6 {}: expected a metric name\n"
        "! 7 up{=\"api\"}: empty label name\n"
        "! 8 up{job=\"api\", job=\"api\"}: more than 3 labels, limits.labels_per_series\n"
        "400: 1 0 0 rejected 7\n");
}

static void test_v2__a_series_without_samples_is_refused(void **state)
{
    (void)state;
    static const uint32_t refs[] = {1, 2};
    struct pb w, s = series_v2(refs, 2);
    pb_init(&w);
    symbols(&w, some_symbols, 3);
    pb_message_take(&w, 5, &s);
    assert_message(&v2, NULL, &w,
                   "! 1 up: neither samples nor histograms\n400: 0 0 0 rejected 1\n");
}

static void test_v2__metadata_of_every_series(void **state)
{
    (void)state;
    static const uint32_t up[] = {1, 2}, bucket[] = {1, 7};
    struct pb w, s;
    pb_init(&w);
    symbols(&w, some_symbols, SG_ARRAY_LEN(some_symbols));
    for (int i = 0; i < 3; i++) {
        s = series_v2(up, 2);
        metadata_v2(&s, 1, 5, 0);
        pb_sample(&s, i, T);
        pb_message_take(&w, 5, &s);
    }
    s = series_v2(bucket, 2);
    pb_sample(&s, 1, T);
    metadata_v2(&s, 3, 5, 6);
    pb_message_take(&w, 5, &s);
    s = series_v2(up, 2);
    pb_sample(&s, 3, T);
    metadata_v2(&s, 0, 0, 0);
    pb_message_take(&w, 5, &s);
    s = series_v2(up, 2);
    pb_sample(&s, 4, T);
    metadata_v2(&s, 2, 8, 0);
    pb_message_take(&w, 5, &s);
    assert_message(&v2, NULL, &w,
                   "# up counter help me|\n# lat histogram help me|seconds\nup set now 0\n"
                   "up set now 1\nup set now 2\nlat_bucket set now 1\nup set now 3\nup set now 4\n"
                   "! 6 up: malformed metadata\n400: 6 0 0 rejected 1\n");
}

static void test_v2__exemplars_are_counted(void **state)
{
    (void)state;
    static const uint32_t refs[] = {1, 2}, beyond[] = {1, 3};
    struct pb w, s = series_v2(refs, 2), x;
    pb_init(&w);
    symbols(&w, some_symbols, 3);
    pb_sample(&s, 1, T);
    x = series_v2(refs, 2);
    pb_double(&x, 2, 1);
    pb_message_take(&s, 4, &x);
    x = series_v2(beyond, 2);
    pb_message_take(&s, 4, &x);
    pb_message_take(&w, 5, &s);
    assert_message(&v2, NULL, &w,
                   "up set now 1\n! 1 up: malformed exemplar\n400: 1 0 1 rejected 1\n");
}

static void test_v2__a_message_of_1_0_is_empty(void **state)
{
    (void)state;
    struct pb w, s = series_of("up");
    pb_init(&w);
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    assert_message(&v2, NULL, &w, "204: 0 0 0\n");
}

static void test_v2__symbols_do_not_multiply(void **state)
{
    (void)state;
    /* 4 KB of label for a few bytes each: the labels written out would be 40 MB. */
    enum { SERIES = 200, LABELS = 50, LEN = 4000 };
    struct ingest_bench t;
    struct pb w, s;
    char *text = sg_alloc(LEN + 1);
    uint32_t refs[2 * LABELS];
    ingest_bench_init(&t, NULL);
    t.sink.never_resolve = true;
    pb_init(&w);
    symbols(&w, some_symbols, 3);
    memset(text, 'x', LEN);
    text[LEN] = 0;
    pb_text(&w, 4, text);
    for (uint32_t i = 0; i < LABELS + SERIES; i++) {
        snprintf(text, LEN, "n%u", i);
        pb_text(&w, 4, text);
    }
    for (uint32_t i = 0; i < SERIES; i++) {
        refs[0] = 1;
        refs[1] = 4 + i;
        for (uint32_t k = 1; k < LABELS; k++) {
            refs[2 * k] = 4 + k;
            refs[2 * k + 1] = 3;
        }
        s = series_v2(refs, 2 * LABELS);
        pb_sample(&s, 1, T);
        pb_message_take(&w, 5, &s);
    }
    sg_buf_reset(&t.sink.out);
    send(&t, &v2, &w);
    assert_true(t.sink.births > 100 && t.sink.births < SERIES);
    assert_true(t.sink.batches > 20); /* none of them large */
    const char *out = sg_buf_cstr(&t.sink.out);
    assert_non_null(strstr(out, "labels of the message's new series, written out, are too large"));
    assert_non_null(strstr(out, "\n400: "));
    sg_free(text);
    pb_deinit(&w);
    ingest_bench_deinit(&t);
}

/* ---- refused for the moment ---- */

static struct pb many_series(uint32_t n)
{
    struct pb w, s;
    char name[16];
    pb_init(&w);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "m%u", i);
        s = series_of(name);
        pb_sample(&s, i, T);
        pb_message_take(&w, 1, &s);
    }
    return w;
}

static void test_full_queue__is_503_and_counts_what_was_taken(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct sg_remote_write_result r;
    struct guard g;
    size_t n;
    struct pb w = many_series(5000);
    ingest_bench_init(&t, NULL);
    t.sink.busy_after = 2;
    char *body = pb_snappy(&w, &g, &n);
    sg_remote_write(t.batcher, &v1, body, n, &r);
    assert_int_equal(sg_remote_write_status(&r), 503);
    assert_int_equal(r.samples, t.sink.points);
    assert_int_equal(r.samples, r.ingest.accepted);
    assert_true(r.ingest.dropped > 0 && r.samples + r.ingest.dropped < 5000);
    assert_int_equal(r.ingest.rejected, 0);
    /* Sent again, it is all there. */
    t.sink.busy_after = UINT32_MAX;
    sg_remote_write(t.batcher, &v1, body, n, &r);
    assert_int_equal(sg_remote_write_status(&r), 204);
    assert_int_equal(r.samples, 5000);
    assert_int_equal(t.sink.n_series, 5000);
    guard_free(&g);
    pb_deinit(&w);
    ingest_bench_deinit(&t);
}

static void test_series_limit__is_429_and_known_series_go_on(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct pb one = many_series(1), three = many_series(3);
    ingest_bench_init(&t, NULL);
    send(&t, &v1, &one);
    atomic_store(&t.gate.series_full, true);
    send(&t, &v1, &three);
    assert_printed(&t, "m0 set now 0\n204: 1 0 0\nm0 set now 0\n"
                       "! 2 m1: new series refused, limit series is reached\n"
                       "! 3 m2: new series refused, limit series is reached\n"
                       "429: 1 0 0 rejected 2\n");
    pb_deinit(&one);
    pb_deinit(&three);
    ingest_bench_deinit(&t);
}

static void test_rejected_births__are_429_the_next_time(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct pb w = many_series(1);
    ingest_bench_init(&t, NULL);
    t.sink.reject_births = true;
    send(&t, &v1, &w);
    send(&t, &v1, &w);
    assert_printed(&t, "m0 set now 0\n204: 1 0 0\n"
                       "! 1 m0: new series refused, limit series is reached\n"
                       "429: 0 0 0 rejected 1\n");
    pb_deinit(&w);
    ingest_bench_deinit(&t);
}

static void test_batches__split_a_series_in_the_middle(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct pb w, s = series_of("up");
    ingest_bench_init(&t, NULL);
    t.sink.never_resolve = true;
    pb_init(&w);
    for (int i = 0; i < 5000; i++)
        pb_sample(&s, i, T + i);
    pb_message_take(&w, 1, &s);
    sg_buf_reset(&t.sink.out);
    send(&t, &v1, &w);
    assert_int_equal(t.sink.points, 5000);
    assert_int_equal(t.sink.births, t.sink.batches);
    assert_true(t.sink.batches > 2);
    pb_deinit(&w);
    ingest_bench_deinit(&t);
}

/* ---- around it ---- */

static void test_detect__content_types(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int version; /* -1: refused */
    } cases[] = {
        {"", SG_REMOTE_WRITE_1},
        {"application/x-protobuf", SG_REMOTE_WRITE_1},
        {"Application/X-Protobuf; charset=utf-8", SG_REMOTE_WRITE_1},
        {"application/x-protobuf;proto=prometheus.WriteRequest", SG_REMOTE_WRITE_1},
        {"application/x-protobuf;proto=io.prometheus.write.v2.Request", SG_REMOTE_WRITE_2},
        {"application/x-protobuf; Proto=\"io.prometheus.write.v2.Request\"", SG_REMOTE_WRITE_2},
        {"application/x-protobuf;proto=", -1},
        {"application/x-protobuf;proto=io.prometheus.write.v3.Request", -1},
        {"application/x-protobuf;proto", -1},
        {"application/json", -1},
        {"text/plain;proto=prometheus.WriteRequest", -1},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        enum sg_remote_write_version version = SG_REMOTE_WRITE_1;
        struct sg_error err = {0};
        int r = sg_remote_write_detect(sg_str_from(cases[i].type), &version, &err);
        assert_int_equal(r, cases[i].version < 0 ? SG_EUNSUPPORTED : 0);
        if (r == 0)
            assert_int_equal(version, cases[i].version);
        else
            assert_non_null(strstr(err.text, "expected"));
    }
}

static void test_print__is_one_line_of_json(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct sg_remote_write_result r;
    struct guard g;
    size_t n;
    struct pb w, s = series_of("up");
    ingest_bench_init(&t, NULL);
    pb_init(&w);
    pb_label(&s, "x", "\n\xff");
    pb_sample(&s, 1, T);
    pb_message_take(&w, 1, &s);
    char *body = pb_snappy(&w, &g, &n);
    sg_remote_write(t.batcher, &v1, body, n, &r);
    guard_free(&g);
    sg_remote_write_print(&r, &t.sink.out);
    assert_printed(&t, "{\"error\":\"up{x=\\\"?\xef\xbf\xbd\\\"}: invalid utf-8, byte "
                       "0xff\",\"series\":1,\"samples\":0,\"histograms\":0,\"exemplars\":0,"
                       "\"rejected\":1,\"dropped\":0,\"errors\":[{\"series\":1,\"error\":\"up{x="
                       "\\\"?\xef\xbf\xbd\\\"}: invalid utf-8, byte 0xff\"}]}");
    pb_deinit(&w);
    ingest_bench_deinit(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v1__samples_with_every_kind_of_value),
        cmocka_unit_test(test_v1__an_empty_message_is_fine),
        cmocka_unit_test(test_v1__labels_may_stand_anywhere_and_unsorted),
        cmocka_unit_test(test_v1__sample_fields_in_any_order_with_unknown_ones),
        cmocka_unit_test(test_v1__known_series_need_no_labels_again),
        cmocka_unit_test(test_v1__bad_series_do_not_cost_their_neighbours),
        cmocka_unit_test(test_v1__bad_samples_do_not_cost_their_neighbours),
        cmocka_unit_test(test_v1__limits),
        cmocka_unit_test(test_v1__errors_are_cut_to_what_fits),
        cmocka_unit_test(test_v1__metadata_describes_families),
        cmocka_unit_test(test_v1__exemplars_are_counted),
        cmocka_unit_test(test_body__is_refused_before_memory_is_taken),
        cmocka_unit_test(test_body__without_memory_is_to_be_sent_again),
        cmocka_unit_test(test_body__copies_are_followed),
        cmocka_unit_test(test_message__garbled_outside_of_series_leaves_no_trace),
        cmocka_unit_test(test_message__garbled_inside_of_a_series_costs_only_this),
        cmocka_unit_test(test_v2__samples),
        cmocka_unit_test(test_v2__the_same_labels_by_other_symbols_are_the_same_series),
        cmocka_unit_test(test_v2__bad_references),
        cmocka_unit_test(test_v2__a_series_without_samples_is_refused),
        cmocka_unit_test(test_v2__metadata_of_every_series),
        cmocka_unit_test(test_v2__exemplars_are_counted),
        cmocka_unit_test(test_v2__a_message_of_1_0_is_empty),
        cmocka_unit_test(test_v2__symbols_do_not_multiply),
        cmocka_unit_test(test_full_queue__is_503_and_counts_what_was_taken),
        cmocka_unit_test(test_series_limit__is_429_and_known_series_go_on),
        cmocka_unit_test(test_rejected_births__are_429_the_next_time),
        cmocka_unit_test(test_batches__split_a_series_in_the_middle),
        cmocka_unit_test(test_detect__content_types),
        cmocka_unit_test(test_print__is_one_line_of_json),
    };
    return cmocka_run_group_tests_name("remote_write", tests, NULL, NULL);
}
