/* Native histograms of remote write: spans and deltas to buckets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "remote_write_cases.h"

static struct pb histogram_int(uint64_t count, double sum, int32_t schema)
{
    struct pb h;
    pb_init(&h);
    pb_int(&h, 1, (int64_t)count);
    pb_double(&h, 3, sum);
    pb_sint(&h, 4, schema);
    return h;
}

/* Puts the histogram into a message of 1.0 and sends it. */
static void assert_histogram(struct pb *h, const char *expected)
{
    struct pb w, s = series_of("h");
    pb_init(&w);
    pb_message_take(&s, 4, h);
    pb_message_take(&w, 1, &s);
    assert_message(&v1, NULL, &w, expected);
}

static void test_histogram__integers(void **state)
{
    (void)state;
    static const int64_t positive[] = {3, -2, 4, 0}, negative[] = {1};
    struct pb h = histogram_int(23, 12.5, 3);
    pb_double(&h, 5, 0.001);
    pb_int(&h, 6, 8);
    pb_span(&h, 8, -2, 1);
    pb_sints(&h, 9, negative, 1);
    pb_span(&h, 11, -1, 2);
    pb_span(&h, 11, 0, 0);
    pb_span(&h, 11, 3, 2);
    pb_sints(&h, 12, positive, 4);
    pb_int(&h, 14, 1);
    pb_int(&h, 15, T);
    assert_histogram(&h,
                     "h histogram now schema 3 reset, 8@0.001 -1:3 0:1 4:5 5:5 / -2:1, 23 12.5\n"
                     "204: 0 1 0\n");
}

static void test_histogram__floats(void **state)
{
    (void)state;
    static const double counts[] = {0.5, 2.25};
    struct pb h;
    pb_init(&h);
    pb_double(&h, 13, 1.5); /* not packed, and before its span */
    pb_doubles(&h, 13, counts, 2);
    pb_span(&h, 11, 0, 3);
    pb_double(&h, 2, 5);
    pb_double(&h, 3, -1);
    pb_sint(&h, 4, -4);
    pb_double(&h, 7, 0.75);
    pb_int(&h, 14, 3);
    pb_int(&h, 17, 5); /* start timestamp */
    assert_histogram(&h, "h histogram 0 schema -4 gauge, 0.75@0 0:1.5 1:0.5 2:2.25, 5 -1\n"
                         "204: 0 1 0\n");
}

static void test_histogram__custom_bounds(void **state)
{
    (void)state;
    static const int64_t deltas[] = {2, 1};
    static const double bounds[] = {0.1, 1, 10};
    struct pb h = histogram_int(5, 7, -53);
    pb_span(&h, 11, 1, 1);
    pb_span(&h, 11, 1, 1);
    pb_sints(&h, 12, deltas, 2);
    pb_int(&h, 15, T);
    pb_doubles(&h, 16, bounds, 3);
    assert_histogram(&h, "h histogram now schema -53, 0@0 1:2 3:3 (0.10000000000000001 1 10), 5 7\n"
                         "204: 0 1 0\n");
}

static void test_histogram__finer_schemas_are_made_coarser(void **state)
{
    (void)state;
    static const int64_t deltas[] = {1, 1, 1, 1, 1};
    struct pb h = histogram_int(15, 1, 10);
    pb_span(&h, 11, -1, 5); /* -1 0 1 2 3 in steps of four: 0 0 1 1 1 */
    pb_sints(&h, 12, deltas, 5);
    assert_histogram(&h, "h histogram 0 schema 8, 0@0 0:3 1:12, 15 1\n204: 0 1 0\n");
}

static void test_histogram__empty_and_stale(void **state)
{
    (void)state;
    struct pb h = histogram_int(0, 0, 0);
    assert_histogram(&h, "h histogram 0 schema 0, 0@0, 0 0\n204: 0 1 0\n");
    h = histogram_int(0, sg_stale_nan(), 0);
    pb_int(&h, 15, T);
    assert_histogram(&h, "h set now stale\n204: 0 1 0\n");
    pb_init(&h); /* no field at all */
    assert_histogram(&h, "h histogram 0 schema 0, 0@0, 0 0\n204: 0 1 0\n");
}

static void test_histogram__observed_nan_is_in_no_bucket(void **state)
{
    (void)state;
    static const int64_t one[] = {1};
    struct pb h = histogram_int(3, sg_nan(), 0);
    pb_span(&h, 11, 0, 1);
    pb_sints(&h, 12, one, 1);
    assert_histogram(&h, "h histogram 0 schema 0, 0@0 0:1, 3 nan\n204: 0 1 0\n");
}

static void test_histogram__refused(void **state)
{
    (void)state;
    static const int64_t one[] = {1}, two[] = {1, 1}, less[] = {1, -2}, huge[] = {INT64_MAX, 1},
                         most[] = {INT64_MAX, 0, 0};
    static const double bounds[] = {1, 1}, ascending[] = {1, 2}, minus[] = {-1};
    static const struct {
        const char *error;
        int32_t schema;
        uint64_t count;
        const int64_t *deltas;
        size_t n;
        int32_t offset;
        uint32_t length;
        const double *custom, *counts;
    } bad[] = {
        {"histogram schema 53, expected -4 to 52 or -53", 53, 1, one, 1, 0, 1, NULL, NULL},
        {"histogram schema -9, expected -4 to 52 or -53", -9, 1, one, 1, 0, 1, NULL, NULL},
        {"histogram spans have more buckets than there are counts", 0, 1, one, 1, 0, 2, NULL, NULL},
        {"histogram spans have more buckets than there are counts", 0, 1, one, 1, 0, UINT32_MAX,
         NULL, NULL},
        {"histogram spans have fewer buckets than there are counts", 0, 3, two, 2, 0, 1, NULL,
         NULL},
        {"a histogram bucket counts less than 0 or too much", 0, 1, less, 2, 0, 2, NULL, NULL},
        {"a histogram bucket counts less than 0 or too much", 0, 1, huge, 2, 0, 2, NULL, NULL},
        {"a histogram bucket counts less than 0 or too much", 0, 1, most, 3, 0, 3, NULL, NULL},
        {"histogram counts 2 observations, its buckets 1", 0, 2, one, 1, 0, 1, NULL, NULL},
        {"custom bound 1 at 1, expected finite ascending bounds", -53, 1, one, 1, 0, 1, bounds,
         NULL},
        {"bucket index outside the 2 custom bounds", -53, 1, one, 1, 3, 1, ascending, NULL},
        {"exponential schema 0 has custom bounds", 0, 1, one, 1, 0, 1, bounds, NULL},
        {"positive bucket 2147483647, expected -1048576 to 1048576", 0, 1, one, 1, INT32_MAX, 1,
         NULL, NULL},
        {"positive bucket 0 has count -1, expected 0 or more", 0, 0, NULL, 1, 0, 1, NULL, minus},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        struct pb h;
        char expected[200];
        pb_init(&h);
        if (bad[i].counts) {
            pb_double(&h, 2, 0);
            pb_doubles(&h, 13, bad[i].counts, bad[i].n);
        } else {
            pb_int(&h, 1, (int64_t)bad[i].count);
            pb_sints(&h, 12, bad[i].deltas, bad[i].n);
        }
        pb_sint(&h, 4, bad[i].schema);
        pb_span(&h, 11, bad[i].offset, bad[i].length);
        if (bad[i].custom)
            pb_doubles(&h, 16, bad[i].custom, 2);
        snprintf(expected, sizeof(expected), "! 1 h: %s\n400: 0 0 0 rejected 1\n", bad[i].error);
        assert_histogram(&h, expected);
    }
}

static void test_histogram__malformed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {{"\x09wwwwxxxx", 9},    /* count_int as a double */
               {"\x6a\x07wwwwxxx", 9}, /* seven eighths of a double: only of a float histogram */
               {"\x5a\x02\x0d\x01", 4},
               {"\x58\x01", 2},
               {"\x62\x02\x80\x80", 4}};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        struct pb h;
        pb_init(&h);
        if (i == 1)
            pb_double(&h, 2, 0);
        (void)sg_buf_append(&h.out, bad[i].bytes, bad[i].n);
        assert_histogram(&h, "! 1 h: malformed histogram\n400: 0 0 0 rejected 1\n");
    }
}

static void test_histogram__v2(void **state)
{
    (void)state;
    static const uint32_t refs[] = {1, 2};
    static const int64_t deltas[] = {1};
    struct pb w, s = series_v2(refs, 2), h = histogram_int(1, 1, 0);
    pb_init(&w);
    symbols(&w, some_symbols, SG_ARRAY_LEN(some_symbols));
    pb_span(&h, 11, 0, 1);
    pb_sints(&h, 12, deltas, 1);
    pb_int(&h, 15, T);
    pb_message_take(&s, 3, &h);
    metadata_v2(&s, 3, 5, 6);
    pb_message_take(&w, 5, &s);
    assert_message(&v2, NULL, &w,
                   "# up histogram help me|seconds\nup histogram now schema 0, 0@0 0:1, 1 1\n"
                   "204: 0 1 0\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram__integers),
        cmocka_unit_test(test_histogram__floats),
        cmocka_unit_test(test_histogram__custom_bounds),
        cmocka_unit_test(test_histogram__finer_schemas_are_made_coarser),
        cmocka_unit_test(test_histogram__empty_and_stale),
        cmocka_unit_test(test_histogram__observed_nan_is_in_no_bucket),
        cmocka_unit_test(test_histogram__refused),
        cmocka_unit_test(test_histogram__malformed),
        cmocka_unit_test(test_histogram__v2),
    };
    return cmocka_run_group_tests_name("remote_write_histogram", tests, NULL, NULL);
}
