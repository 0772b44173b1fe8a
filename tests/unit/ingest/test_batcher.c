/* The batcher: births, ids, limits, full queues, and its cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ingest_cases.h"

#include <ingest/cache.h>

static const struct sg_ingest_options text_options = {.format = SG_INGEST_PROM_TEXT,
                                                      .now_ms = INGEST_NOW};

static void body(struct ingest_bench *t, const char *text)
{
    ingest_body(t, &text_options, sg_str_from(text), 0, SIZE_MAX / 2);
}

static void test_batcher__a_series_is_born_once_per_batch_and_then_known(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    body(&t, "a 1\na 2\nb 3\na 4\n");
    assert_int_equal(t.sink.batches, 1);
    assert_int_equal(t.sink.births, 2);
    body(&t, "a 5\nb 6\n");
    assert_int_equal(t.sink.births, 2);
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "a set now 1\na set now 2\nb set now 3\na set now 4\n"
                        "= accepted 4 rejected 0\n"
                        "a set now 5\nb set now 6\n= accepted 2 rejected 0\n");
    assert_int_equal(atomic_load(&t.source.samples), 6);
    assert_int_equal(atomic_load(&t.source.bytes), 24);
    ingest_bench_deinit(&t);
}

static void test_batcher__births_repeat_until_the_engine_answers(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    t.sink.never_resolve = true;
    body(&t, "a 1\n");
    body(&t, "a 2\n");
    assert_int_equal(t.sink.births, 2);
    t.sink.never_resolve = false;
    body(&t, "a 3\n");
    body(&t, "a 4\n");
    assert_int_equal(t.sink.births, 3);
    ingest_bench_deinit(&t);
}

static void test_batcher__expiry_makes_it_forget(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    body(&t, "# TYPE a gauge\na 1\n");
    atomic_fetch_add(&t.gate.expire_epoch, 1);
    body(&t, "# TYPE a gauge\na 2\n");
    assert_int_equal(t.sink.births, 2);
    body(&t, "# TYPE a gauge\na 3\n");
    assert_int_equal(t.sink.births, 2);
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "# a gauge |\na set now 1\n= accepted 1 rejected 0\n"
                        "# a gauge |\na set now 2\n= accepted 1 rejected 0\n"
                        "a set now 3\n= accepted 1 rejected 0\n");
    ingest_bench_deinit(&t);
}

static void test_batcher__a_full_store_refuses_unseen_series_only(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    body(&t, "a 1\n");
    atomic_store(&t.gate.series_full, true);
    body(&t, "a 2\nb 3\na 4\n");
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "a set now 1\n= accepted 1 rejected 0\n"
                        "a set now 2\na set now 4\n"
                        "! 2:1 new series refused, limit series is reached\n"
                        "= accepted 2 rejected 1\n");
    atomic_store(&t.gate.series_full, false);
    sg_buf_reset(&t.sink.out);
    body(&t, "b 5\n");
    assert_string_equal(sg_buf_cstr(&t.sink.out), "b set now 5\n= accepted 1 rejected 0\n");
    ingest_bench_deinit(&t);
}

static bool knows_b(const struct sg_ingest_gate *gate, const struct sg_labels *labels)
{
    (void)gate;
    return sg_str_eq_c(sg_labels_get(labels, SG_METRIC_NAME), "b");
}

static void test_batcher__a_full_store_is_asked_whether_it_knows_a_series(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    t.gate.known = knows_b; /* another thread's cache brought it in */
    atomic_store(&t.gate.series_full, true);
    body(&t, "b 1\nc 2\nb 3\n");
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "b set now 1\nb set now 3\n"
                        "! 2:1 new series refused, limit series is reached\n"
                        "= accepted 2 rejected 1\n");
    ingest_bench_deinit(&t);
}

static void test_batcher__a_rejected_series_is_refused_until_something_expires(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    t.sink.reject_births = true;
    body(&t, "a 1\n");
    t.sink.reject_births = false;
    sg_buf_reset(&t.sink.out);
    body(&t, "a 2\n");
    assert_string_equal(
        sg_buf_cstr(&t.sink.out),
        "! 1:1 new series refused, limit series is reached\n= accepted 0 rejected 1\n");
    atomic_fetch_add(&t.gate.expire_epoch, 1);
    sg_buf_reset(&t.sink.out);
    body(&t, "a 3\n");
    assert_string_equal(sg_buf_cstr(&t.sink.out), "a set now 3\n= accepted 1 rejected 0\n");
    ingest_bench_deinit(&t);
}

/* n lines "s<i % series> <i>". Free with free. */
static struct sg_str many_lines(unsigned n, unsigned series)
{
    char *text = malloc((size_t)n * 32);
    assert_non_null(text);
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += (size_t)sprintf(text + len, "s%u %u\n", i % series, i);
    return sg_str_make(text, len);
}

static void test_batcher__a_full_queue_stops_a_body_and_counts(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    t.sink.busy_after = 2;
    struct sg_str text = many_lines(5000, 10);
    struct sg_ingest_parser *p = sg_ingest_parser_new(t.batcher, &text_options);
    assert_int_equal(sg_ingest_feed(p, text.p, text.n), SG_EBUSY);
    const struct sg_ingest_result *r = sg_ingest_parser_result(p);
    assert_true(r->accepted > 0);
    assert_int_equal(r->accepted, t.sink.points);
    assert_true(r->dropped > 0);
    assert_true(r->accepted + r->dropped < 5000); /* it did not go on */
    assert_int_equal(atomic_load(&t.source.dropped), r->dropped);
    assert_int_equal(sg_ingest_http_status(r), 429);
    t.sink.busy_after = UINT32_MAX;
    uint64_t accepted = r->accepted;
    assert_int_equal(sg_ingest_feed(p, "a 1\n", 4), SG_EBUSY);
    assert_int_equal(sg_ingest_finish(p), SG_EBUSY);
    assert_int_equal(r->accepted, accepted);
    sg_ingest_parser_free(p);
    body(&t, "s1 1\n"); /* others go on */
    assert_int_equal(t.sink.points, accepted + 1);
    free((char *)(uintptr_t)text.p);
    ingest_bench_deinit(&t);
}

static void test_batcher__a_full_queue_drops_datagrams_and_goes_on(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    ingest_bench_init(&t, NULL);
    t.sink.busy_after = 0;
    for (int i = 0; i < 1000; i++)
        sg_statsd_parse(t.batcher, "a:1|c\nb:1|h|@0.5", 16, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), SG_EBUSY);
    assert_int_equal(r.accepted, 0);
    assert_int_equal(r.dropped, 2000);
    assert_int_equal(atomic_load(&t.source.dropped), 2000);
    t.sink.busy_after = UINT32_MAX;
    sg_statsd_parse(t.batcher, "a:2|c", 5, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    /* The description was lost with the first batches: it is told again. */
    assert_string_equal(sg_buf_cstr(&t.sink.out), "# a counter |\na count now 2\n");
    ingest_bench_deinit(&t);
}

static void test_batcher__batches_grow_with_the_load(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    struct sg_str text = many_lines(20000, 3);
    ingest_body(&t, &text_options, text, 0, SIZE_MAX / 2);
    assert_int_equal(t.sink.points, 20000);
    assert_true(t.sink.batches <= 3 + 20000 / 2048 + 1);
    free((char *)(uintptr_t)text.p);
    ingest_bench_deinit(&t);
}

static void test_batcher__weights_stay_with_their_observation(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    ingest_bench_init(&t, NULL);
    t.sink.keep_metadata = false;
    /* An odd number of points in front, so that a pair would fall on the end of a batch. */
    sg_statsd_parse(t.batcher, "a:1|c", 5, INGEST_NOW, &r);
    for (int i = 0; i < 3000; i++)
        sg_statsd_parse(t.batcher, "b:1|h|@0.5", 10, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    assert_int_equal(r.accepted, 3001);
    assert_int_equal(t.sink.points, 6001);
    const char *p = sg_buf_cstr(&t.sink.out);
    assert_memory_equal(p, "a count now 1\n", 14);
    p += 14;
    for (int i = 0; i < 3000; i++) {
        static const char pair[] = "b weight now 2\nb observe now 1\n";
        assert_memory_equal(p, pair, sizeof(pair) - 1);
        p += sizeof(pair) - 1;
    }
    ingest_bench_deinit(&t);
}

static void test_batcher__formats_do_not_share_keys(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    ingest_bench_init(&t, NULL);
    t.sink.keep_metadata = false;
    body(&t, "a:b 1\n"); /* a name with a colon */
    sg_statsd_parse(t.batcher, "a,b=c:1|c", 9, INGEST_NOW, &r);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    struct sg_ingest_options influx = {.format = SG_INGEST_INFLUX, .now_ms = INGEST_NOW};
    ingest_body(&t, &influx, SG_STR("a,b=c value=2\n"), 0, 100);
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "a:b set now 1\n= accepted 1 rejected 0\na{b=\"c\"} count now 1\n"
                        "a{b=\"c\"} set now 2\n= accepted 1 rejected 0\n");
    ingest_bench_deinit(&t);
}

static void test_batcher__sources_are_kept_apart(void **state)
{
    (void)state;
    struct ingest_bench t;
    struct sg_source other = {.name = "other"};
    struct sg_ingest_result r = {0};
    ingest_bench_init(&t, NULL);
    sg_statsd_parse(t.batcher, "a:1|c\nb:1|c", 11, INGEST_NOW, &r);
    struct sg_ingest_options o = text_options;
    o.source = &other;
    ingest_body(&t, &o, SG_STR("a 1\nbad\n"), 0, 100);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(atomic_load(&t.source.samples), 2);
    assert_int_equal(atomic_load(&t.source.rejected), 0);
    assert_int_equal(atomic_load(&other.samples), 1);
    assert_int_equal(atomic_load(&other.rejected), 1);
    assert_int_equal(atomic_load(&other.bytes), 8);
    ingest_bench_deinit(&t);
}

static void test_batcher__two_bodies_interleaved(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    struct sg_ingest_parser *a = sg_ingest_parser_new(t.batcher, &text_options);
    struct sg_ingest_parser *b = sg_ingest_parser_new(t.batcher, &text_options);
    assert_int_equal(sg_ingest_feed(a, "x{a=\"", 5), 0);
    assert_int_equal(sg_ingest_feed(b, "x{a=\"c\"} 2\ny", 12), 0);
    assert_int_equal(sg_ingest_feed(a, "b\"} 1\n", 6), 0);
    assert_int_equal(sg_ingest_finish(a), 0);
    assert_int_equal(sg_ingest_feed(b, " 3", 2), 0);
    assert_int_equal(sg_ingest_finish(b), 0);
    assert_int_equal(sg_ingest_parser_result(a)->accepted, 1);
    assert_int_equal(sg_ingest_parser_result(b)->accepted, 2);
    sg_ingest_parser_free(a);
    sg_ingest_parser_free(b);
    assert_string_equal(sg_buf_cstr(&t.sink.out),
                        "x{a=\"c\"} set now 2\nx{a=\"b\"} set now 1\ny set now 3\n");
    ingest_bench_deinit(&t);
}

static void test_batcher__nothing_flushed_is_nothing_submitted(void **state)
{
    (void)state;
    struct ingest_bench t;
    ingest_bench_init(&t, NULL);
    assert_int_equal(sg_batcher_flush(t.batcher), 0);
    body(&t, "bad\n");
    assert_int_equal(t.sink.batches, 0);
    assert_int_equal(atomic_load(&t.source.rejected), 1);
    ingest_bench_deinit(&t);
}

/* ---- the cache on its own ---- */

static struct sg_hash128 key_of(uint64_t i)
{
    return sg__key((struct sg_hash128){sg_hash_mix(i), i + 1}, (struct sg_hash128){0, 0});
}

static void test_cache__finds_what_was_put_in_while_it_grows(void **state)
{
    (void)state;
    struct sg__cache c;
    sg__cache_init(&c, 1 << 20);
    for (uint32_t i = 0; i < 20000; i++)
        sg__cache_insert(&c, key_of(i))->id = i;
    for (uint32_t i = 0; i < 20000; i++) {
        struct sg__entry *e = sg__cache_find(&c, key_of(i));
        assert_non_null(e);
        assert_int_equal(e->id, i);
    }
    assert_null(sg__cache_find(&c, key_of(20000)));
    sg__cache_clear(&c);
    assert_null(sg__cache_find(&c, key_of(0)));
    sg_free(c.young.entries);
}

static void test_cache__keeps_what_is_used_and_stays_bounded(void **state)
{
    (void)state;
    enum { MAX = 1000 };
    struct sg__cache c;
    sg__cache_init(&c, MAX);
    sg__cache_insert(&c, key_of(0))->id = 42;
    for (uint32_t i = 1; i < 50 * MAX; i++) {
        struct sg__entry *hot = sg__cache_find(&c, key_of(0));
        assert_non_null(hot);
        assert_int_equal(hot->id, 42);
        struct sg__entry *e = sg__cache_insert(&c, key_of(i));
        e->id = i;
        e->cell = sg_series_cell_new(); /* a leak check of what is forgotten */
        assert_true(c.young.count + c.old.count <= MAX + 1);
    }
    assert_null(sg__cache_find(&c, key_of(1)));
    sg__cache_clear(&c);
    sg_free(c.young.entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batcher__a_series_is_born_once_per_batch_and_then_known),
        cmocka_unit_test(test_batcher__births_repeat_until_the_engine_answers),
        cmocka_unit_test(test_batcher__expiry_makes_it_forget),
        cmocka_unit_test(test_batcher__a_full_store_refuses_unseen_series_only),
        cmocka_unit_test(test_batcher__a_full_store_is_asked_whether_it_knows_a_series),
        cmocka_unit_test(test_batcher__a_rejected_series_is_refused_until_something_expires),
        cmocka_unit_test(test_batcher__a_full_queue_stops_a_body_and_counts),
        cmocka_unit_test(test_batcher__a_full_queue_drops_datagrams_and_goes_on),
        cmocka_unit_test(test_batcher__batches_grow_with_the_load),
        cmocka_unit_test(test_batcher__weights_stay_with_their_observation),
        cmocka_unit_test(test_batcher__formats_do_not_share_keys),
        cmocka_unit_test(test_batcher__sources_are_kept_apart),
        cmocka_unit_test(test_batcher__two_bodies_interleaved),
        cmocka_unit_test(test_batcher__nothing_flushed_is_nothing_submitted),
        cmocka_unit_test(test_cache__finds_what_was_put_in_while_it_grows),
        cmocka_unit_test(test_cache__keeps_what_is_used_and_stays_bounded),
    };
    return cmocka_run_group_tests_name("ingest/batcher", tests, NULL, NULL);
}
