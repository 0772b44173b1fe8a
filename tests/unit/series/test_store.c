/* test_store.c - what the store promises beyond plain samples: accumulators, kinds, limits,
 * quarantine, listings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>

#include "near.h"

#define NOW INT64_C(1764000000000)

static struct sg_source source,
    mute; /* mute: the series of a source that promises a sample every 5 s */

struct fixture {
    struct sg_store_options opt;
    struct sg_store *s;
    struct sg_samples got;
};

static void make(struct fixture *f)
{
    assert_int_equal(sg_store_new(&f->opt, &f->s, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = sg_calloc(1, sizeof(*f));
    sg_store_options_default(&f->opt);
    sg_samples_init(&f->got);
    mute.stale_after_ms = 5000;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_samples_deinit(&f->got);
    sg_store_free(f->s);
    sg_free(f);
    return 0;
}

static const struct sg_labels *labels(const char *metric, int n)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", n);
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_from(metric));
    sg_labels_builder_set(&b, SG_STR("n"), sg_str_from(text));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}

static int try_intern(struct fixture *f, const char *metric, int n, uint32_t *ret)
{
    const struct sg_labels *l = labels(metric, n);
    int rc = sg_store_intern(f->s, l, &source, ret, NULL);
    sg_labels_unref(l);
    return rc;
}

static uint32_t intern(struct fixture *f, const char *metric, int n)
{
    uint32_t id;
    assert_int_equal(try_intern(f, metric, n, &id), 0);
    return id;
}

/* One batch of one point. */
static void point(struct fixture *f, uint32_t id, enum sg_op op, double value, int64_t now)
{
    struct sg_batch *b = sg_batch_new(&source, 1, now);
    sg_batch_add_point(
        b, (struct sg_point){.series = id, .op = (uint16_t)op, .time_ms = now, .value = value});
    sg_store_apply_take(f->s, b, now);
}

static size_t select_all(struct sg_querier *q, const char *metric, struct sg_selection *ret)
{
    struct sg_matcher m;
    assert_int_equal(sg_matcher_init(&m, SG_MATCH_EQ, SG_METRIC_NAME, sg_str_from(metric), NULL),
                     0);
    const struct sg_matcher *list = &m;
    sg_selection_init(ret);
    assert_int_equal(q->ops->select(q, &list, 1, ret, NULL), 0);
    sg_matcher_deinit(&m);
    return ret->n;
}

/* The samples of the one series of a metric; objects are checked by the caller while nothing else
 * happens. */
static void read_one(struct fixture *f, const char *metric)
{
    struct sg_querier q;
    struct sg_selection sel;
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    assert_int_equal(select_all(&q, metric, &sel), 1);
    q.ops->read(&q, sel.series[0].handle, INT64_MIN, INT64_MAX, &f->got);
    sg_selection_deinit(&sel);
    q.ops->close(&q);
}

static size_t selected(struct fixture *f, const char *metric)
{
    struct sg_querier q;
    struct sg_selection sel;
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    size_t n = select_all(&q, metric, &sel);
    sg_selection_deinit(&sel);
    q.ops->close(&q);
    return n;
}

static uint64_t stat(atomic_ullong const *counter)
{
    return atomic_load(counter);
}

/* ---- options ---- */

static void test_store__refuses_options_that_make_no_sense(void **state)
{
    struct fixture *f = *state;
    struct sg_error err = {0};
    f->opt.retention_ms = 0;
    assert_int_equal(sg_store_new(&f->opt, &f->s, &err), SG_EINVALID);
    assert_non_null(strstr(err.text, "retention"));
}

/* ---- accumulators ---- */

static void test_store__counts_add_up_and_are_sampled_once_per_tick(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "c", 0);
    for (int i = 0; i < 10; i++)
        point(f, id, SG_OP_COUNT, 2, NOW);
    sg_store_tick(f->s, NOW + 100);
    sg_store_tick(f->s, NOW + 200); /* untouched: no sample */
    point(f, id, SG_OP_COUNT, 0.5, NOW + 250);
    sg_store_tick(f->s, NOW + 300);
    read_one(f, "c");
    assert_int_equal(f->got.n, 2);
    assert_int_equal(f->got.time_ms[0], NOW + 100);
    assert_near(f->got.v[0], 20, 0);
    assert_int_equal(f->got.time_ms[1], NOW + 300);
    assert_near(f->got.v[1], 20.5, 0);
}

static void test_store__a_gauge_starts_at_zero_and_takes_changes(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "g", 0);
    point(f, id, SG_OP_GAUGE_ADD, -4, NOW);
    sg_store_tick(f->s, NOW + 100);
    point(f, id, SG_OP_GAUGE_SET, 10, NOW + 100);
    point(f, id, SG_OP_GAUGE_ADD, 3, NOW + 100);
    sg_store_tick(f->s, NOW + 200);
    read_one(f, "g");
    assert_int_equal(f->got.n, 2);
    assert_near(f->got.v[0], -4, 0);
    assert_near(f->got.v[1], 13, 0);
}

static void test_store__a_set_sample_is_where_changes_go_on(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "g", 0);
    point(f, id, SG_OP_SET, 100, NOW);
    point(f, id, SG_OP_GAUGE_ADD, 1, NOW + 10);
    sg_store_tick(f->s, NOW + 100);
    point(f, id, SG_OP_SET, 7, NOW + 150);
    point(f, id, SG_OP_GAUGE_ADD, 1, NOW + 160);
    sg_store_tick(f->s, NOW + 200);
    read_one(f, "g");
    assert_int_equal(f->got.n, 4);
    assert_near(f->got.v[1], 101, 0);
    assert_near(f->got.v[3], 8, 0);
}

static void test_store__observations_become_one_cumulative_histogram_per_pane(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "h", 0);
    sg_store_tick(f->s, NOW);
    for (int i = 1; i <= 10; i++)
        point(f, id, SG_OP_OBSERVE, i, NOW + 10);
    sg_store_tick(f->s, NOW + 100); /* the pane of a second still runs */
    sg_store_tick(f->s, NOW + 1000);
    point(f, id, SG_OP_OBSERVE, 5, NOW + 1500);
    sg_store_tick(f->s, NOW + 2000);
    sg_store_tick(f->s, NOW + 3000); /* nothing new: no sample */
    struct sg_querier q;
    struct sg_selection sel;
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    assert_int_equal(select_all(&q, "h", &sel), 1);
    q.ops->read(&q, sel.series[0].handle, INT64_MIN, INT64_MAX, &f->got);
    assert_int_equal(f->got.n, 2);
    assert_int_equal(f->got.kind, SG_KIND_HISTOGRAM);
    assert_int_equal(f->got.time_ms[0], NOW + 1000);
    const struct sg_histogram *first = f->got.obj[0], *second = f->got.obj[1];
    assert_near(first->count, 10, 0);
    assert_near(first->sum, 55, 0);
    assert_near(second->count, 11, 0);
    assert_near(f->got.v[1], 11, 0);
    assert_false(sg_histogram_is_reset(first, second));
    sg_selection_deinit(&sel);
    q.ops->close(&q);
}

static void test_store__a_weight_counts_for_the_next_observation_only(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "h", 0);
    sg_store_tick(f->s, NOW);
    struct sg_batch *b = sg_batch_new(&source, 3, NOW);
    sg_batch_add_point(b, (struct sg_point){.series = id, .op = SG_OP_WEIGHT, .value = 10});
    sg_batch_add_point(b, (struct sg_point){.series = id, .op = SG_OP_OBSERVE, .value = 2});
    sg_batch_add_point(b, (struct sg_point){.series = id, .op = SG_OP_OBSERVE, .value = 3});
    sg_store_apply_take(f->s, b, NOW);
    sg_store_tick(f->s, NOW + 1000);
    read_one(f, "h");
    assert_int_equal(f->got.n, 1);
    assert_near(f->got.v[0], 11, 0);
}

static void test_store__members_are_counted_once_per_pane(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "d", 0);
    int64_t start = sg_time_align(NOW, 10000);
    sg_store_tick(f->s, start);
    for (unsigned i = 0; i < 60; i++) {
        unsigned member = i % 20;
        struct sg_batch *b = sg_batch_new(&source, 1, start);
        sg_batch_add_point(b, (struct sg_point){.series = id,
                                                .op = SG_OP_MEMBER,
                                                .bits = sg_hash64_stable(&member, 4)});
        sg_store_apply_take(f->s, b, start + i);
    }
    sg_store_tick(f->s, start + 10000);
    sg_store_tick(f->s, start + 20000);
    read_one(f, "d");
    assert_int_equal(f->got.n, 1);
    assert_int_equal(f->got.kind, SG_KIND_DISTINCT);
    assert_int_equal(f->got.time_ms[0], start + 10000);
    assert_near(f->got.v[0], 20, 0.02);
}

static void test_store__whole_histograms_are_kept_and_sealed(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "h", 0);
    for (int i = 0; i < 700; i++) {
        struct sg_batch *b = sg_batch_new(&source, 1, NOW + i * 100);
        struct sg_histogram *h = sg_histogram_new(1, 0, 0);
        h->buckets[0] = (struct sg_bucket){3, i};
        h->count = i;
        uint32_t at = sg_batch_add_histogram_take(b, h);
        int64_t t = NOW + (i ^ 1) * 100; /* every second one late */
        sg_batch_add_point(
            b, (struct sg_point){.series = id, .op = SG_OP_HISTOGRAM, .time_ms = t, .bits = at});
        sg_store_apply_take(f->s, b, NOW + i * 100);
    }
    struct sg_querier q;
    struct sg_selection sel;
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    assert_int_equal(select_all(&q, "h", &sel), 1);
    q.ops->read(&q, sel.series[0].handle, INT64_MIN, INT64_MAX, &f->got);
    assert_int_equal(f->got.n, 700);
    for (int i = 0; i < 700; i++) {
        const struct sg_histogram *h = f->got.obj[i];
        assert_int_equal(f->got.time_ms[i], NOW + i * 100);
        assert_near(h->count, i ^ 1, 0);
        assert_near(f->got.v[i], i ^ 1, 0);
    }
    assert_true(stat(&sg_store_get_stats(f->s)->sealed_samples) > 300);
    struct sg_sample last;
    assert_true(q.ops->last(&q, sel.series[0].handle, INT64_MIN, NOW + 12345, &last));
    assert_int_equal(last.time_ms, NOW + 12300);
    assert_near(((const struct sg_histogram *)last.obj)->count, 122, 0);
    sg_selection_deinit(&sel);
    q.ops->close(&q);
}

static void test_store__a_series_has_one_kind(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t floats = intern(f, "f", 0), observed = intern(f, "o", 0);
    point(f, floats, SG_OP_SET, 1, NOW);
    point(f, observed, SG_OP_OBSERVE, 1, NOW);
    point(f, floats, SG_OP_OBSERVE, 1, NOW + 1);
    point(f, observed, SG_OP_SET, 1, NOW + 1);
    point(f, observed, SG_OP_COUNT, 1, NOW + 1);
    assert_int_equal(stat(&sg_store_get_stats(f->s)->rejected_kind), 3);
    point(f, observed, SG_OP_SET, sg_stale_nan(), NOW + 1); /* a marker fits everything */
    assert_int_equal(stat(&sg_store_get_stats(f->s)->rejected_kind), 3);
}

/* ---- a clock that is set back ---- */

static void test_store__a_clock_set_back_far_begins_series_anew(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t ahead = intern(f, "ahead", 0), counted = intern(f, "counted", 0);
    point(f, ahead, SG_OP_SET, 1, NOW);
    point(f, counted, SG_OP_COUNT, 1, NOW);
    sg_store_tick(f->s, NOW);
    int64_t now = NOW - SG_MS_PER_HOUR;
    sg_store_tick(f->s, now);
    assert_int_equal(selected(f, "ahead"), 0);
    point(f, ahead, SG_OP_SET, 2, now + 100);
    point(f, counted, SG_OP_COUNT, 1, now + 100);
    assert_int_equal(sg_store_append(f->s, ahead, now + 200, 3, now + 200, NULL), 0);
    sg_store_tick(f->s, now + 1000);
    read_one(f, "ahead");
    assert_int_equal(f->got.n, 2);
    assert_int_equal(f->got.time_ms[0], now + 100);
    read_one(f, "counted");
    assert_int_equal(f->got.n, 1);
    assert_int_equal(stat(&sg_store_get_stats(f->s)->rejected_too_old), 0);
}

/* The step is seen with the first point, too, when no tick was between. */
static void test_store__a_clock_set_back_is_seen_by_whoever_comes_first(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "m", 0);
    point(f, id, SG_OP_SET, 1, NOW);
    point(f, id, SG_OP_SET, 2, NOW - SG_MS_PER_HOUR);
    read_one(f, "m");
    assert_int_equal(f->got.n, 1);
    assert_int_equal(f->got.time_ms[0], NOW - SG_MS_PER_HOUR);
}

static void test_store__a_clock_set_back_a_little_loses_nothing(void **state)
{
    struct fixture *f = *state;
    f->opt.out_of_order_ms = 5 * SG_MS_PER_MIN;
    make(f);
    uint32_t id = intern(f, "m", 0), old = intern(f, "old", 0);
    point(f, id, SG_OP_SET, 1, NOW);
    assert_int_equal(sg_store_append(f->s, old, NOW - 20 * SG_MS_PER_MIN, 1, NOW, NULL), 0);
    point(f, id, SG_OP_SET, 2, NOW - 4 * SG_MS_PER_MIN);
    read_one(f, "m");
    assert_int_equal(f->got.n, 2);
    point(f, id, SG_OP_SET, 3, NOW);
    sg_store_tick(f->s, NOW - 10 * SG_MS_PER_MIN);
    assert_int_equal(selected(f, "m"), 0);
    assert_int_equal(selected(f, "old"), 1); /* it is not ahead */
}

/* ---- silence ---- */

static void silent_series(struct fixture *f, int64_t last_ms)
{
    const struct sg_labels *l = labels("s", 0);
    uint32_t id;
    assert_int_equal(sg_store_intern(f->s, l, &mute, &id, NULL), 0);
    sg_labels_unref(l);
    assert_int_equal(sg_store_append(f->s, id, last_ms, 1, NOW, NULL), 0);
}

static void test_store__a_silent_series_gets_one_marker(void **state)
{
    struct fixture *f = *state;
    make(f);
    silent_series(f, NOW - 300);
    for (int i = 0; i < 100; i++)
        sg_store_tick(f->s, NOW + i * 1000);
    read_one(f, "s");
    assert_int_equal(f->got.n, 2);
    assert_int_equal(f->got.time_ms[1], NOW - 300 + 5000);
    assert_true(sg_is_stale(f->got.v[1]));
    assert_int_equal(stat(&sg_store_get_stats(f->s)->stale_markers), 1);
}

static void test_store__a_sample_before_the_marker_takes_it_away(void **state)
{
    struct fixture *f = *state;
    make(f);
    silent_series(f, NOW);
    sg_store_tick(f->s, NOW + 6000);
    uint32_t id = intern(f, "s", 0);
    assert_int_equal(sg_store_append(f->s, id, NOW + 4000, 2, NOW + 6100, NULL), 0);
    read_one(f, "s");
    assert_int_equal(f->got.n, 2);
    assert_int_equal(f->got.time_ms[1], NOW + 4000);
    assert_near(f->got.v[1], 2, 0);
}

static void test_store__a_sample_after_the_marker_leaves_the_gap(void **state)
{
    struct fixture *f = *state;
    make(f);
    silent_series(f, NOW);
    sg_store_tick(f->s, NOW + 6000);
    uint32_t id = intern(f, "s", 0);
    assert_int_equal(sg_store_append(f->s, id, NOW + 7000, 2, NOW + 7000, NULL), 0);
    read_one(f, "s");
    assert_int_equal(f->got.n, 3);
    assert_true(sg_is_stale(f->got.v[1]));
}

/* ---- retention, expiry, limits ---- */

static void test_store__retention_frees_sealed_chunks(void **state)
{
    struct fixture *f = *state;
    f->opt.retention_ms = 100000;
    make(f);
    uint32_t id = intern(f, "r", 0);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(sg_store_append(f->s, id, NOW + i * 1000, i, NOW + i * 1000, NULL), 0);
        sg_store_tick(f->s, NOW + i * 1000);
    }
    const struct sg_store_stats *t = sg_store_get_stats(f->s);
    assert_true(stat(&t->sealed_samples) <= 100 + 2 * 160);
    read_one(f, "r");
    assert_true(f->got.n >= 100 && f->got.n <= 100 + 192 + 160);
    assert_int_equal(f->got.time_ms[f->got.n - 1], NOW + 4999000);
}

static void test_store__an_idle_series_goes_and_comes_back_under_its_id(void **state)
{
    struct fixture *f = *state;
    f->opt.idle_expiry_ms = 10000;
    make(f);
    uint32_t id = intern(f, "i", 0);
    point(f, id, SG_OP_COUNT, 5, NOW);
    sg_store_tick(f->s, NOW + 100);
    unsigned epoch = atomic_load(&sg_store_gate(f->s)->expire_epoch);
    sg_store_tick(f->s, NOW + 20000);
    assert_int_equal(selected(f, "i"), 0);
    assert_int_equal(atomic_load(&sg_store_gate(f->s)->expire_epoch), epoch + 1);
    point(f, id, SG_OP_COUNT, 5, NOW + 40000);
    sg_store_tick(f->s, NOW + 40000);
    read_one(f, "i");
    assert_int_equal(f->got.n, 1);
    assert_near(f->got.v[0], 5, 0); /* its past is forgotten */
}

static void test_store__an_id_is_used_again_only_after_quarantine_and_readers(void **state)
{
    struct fixture *f = *state;
    f->opt.idle_expiry_ms = 1000;
    make(f);
    uint32_t id = intern(f, "q", 0);
    sg_store_tick(f->s, NOW);
    struct sg_querier q;
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    sg_store_tick(f->s, NOW + 5000);
    sg_store_tick(f->s, NOW + 5100);
    assert_int_not_equal(intern(f, "q", 1), id);
    sg_store_tick(f->s, NOW + 90000);
    assert_int_not_equal(intern(f, "q", 2), id); /* the reader is still there */
    q.ops->close(&q);
    sg_store_tick(f->s, NOW + 90100);
    assert_int_equal(intern(f, "q", 3), id);
}

static void test_store__a_full_store_says_so_until_series_expire(void **state)
{
    struct fixture *f = *state;
    f->opt.max_series = 3;
    f->opt.idle_expiry_ms = 1000;
    make(f);
    for (int i = 0; i < 3; i++)
        intern(f, "m", i);
    assert_true(atomic_load(&sg_store_gate(f->s)->series_full));
    uint32_t id;
    assert_int_equal(try_intern(f, "m", 4, &id), SG_ELIMIT);
    /* A parser whose cache is new asks; only what is really new is refused at the door. */
    struct sg_ingest_gate *gate = sg_store_gate(f->s);
    const struct sg_labels *old = labels("m", 1), *unseen = labels("m", 4);
    assert_true(gate->known(gate, old));
    assert_false(gate->known(gate, unseen));
    sg_labels_unref(old);
    sg_labels_unref(unseen);
    sg_store_tick(f->s, NOW);
    sg_store_tick(f->s, NOW + 5000);
    assert_false(atomic_load(&sg_store_gate(f->s)->series_full));
    assert_int_equal(try_intern(f, "m", 4, &id), 0);
}

static void test_store__limits_series_per_metric_and_labels(void **state)
{
    struct fixture *f = *state;
    f->opt.max_series_per_metric = 2;
    f->opt.max_labels = 2;
    make(f);
    intern(f, "m", 0);
    intern(f, "m", 1);
    uint32_t id;
    assert_int_equal(try_intern(f, "m", 2, &id), SG_ELIMIT);
    assert_int_equal(try_intern(f, "other", 2, &id), 0);
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_STR("a"), SG_STR("1"));
    sg_labels_builder_set(&b, SG_STR("b"), SG_STR("1"));
    sg_labels_builder_set(&b, SG_STR("c"), SG_STR("1"));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    struct sg_error err = {0};
    assert_int_equal(sg_store_intern(f->s, l, &source, &id, &err), SG_ELIMIT);
    assert_non_null(strstr(err.text, "max_labels"));
    sg_labels_unref(l);
    sg_labels_builder_deinit(&b);
}

static void test_store__append_names_the_reason(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "a", 0);
    assert_int_equal(sg_store_append(f->s, id, NOW, 1, NOW, NULL), 0);
    assert_int_equal(sg_store_append(f->s, id, NOW, 1, NOW, NULL), 0); /* the same again */
    struct sg_error err = {0};
    assert_int_equal(sg_store_append(f->s, id, NOW, 2, NOW, &err), SG_EINVALID);
    assert_non_null(strstr(err.text, "another value"));
    err = (struct sg_error){0};
    assert_int_equal(sg_store_append(f->s, id, INT64_MAX, 2, NOW, &err), SG_EINVALID);
    assert_non_null(strstr(err.text, "future"));
    err = (struct sg_error){0};
    assert_int_equal(sg_store_append(f->s, id, INT64_MIN, 2, NOW, &err), SG_EINVALID);
    assert_non_null(strstr(err.text, "too old"));
    assert_int_equal(sg_store_append(f->s, 12345, NOW, 2, NOW, NULL), SG_EINVALID);
}

/* A sample without a time of its own. */
static void arrive(struct fixture *f, uint32_t id, double value, int64_t now)
{
    struct sg_batch *b = sg_batch_new(&source, 1, now);
    sg_batch_add_point(b, (struct sg_point){.series = id,
                                            .op = SG_OP_SET,
                                            .flags = SG_POINT_ARRIVAL,
                                            .time_ms = now,
                                            .value = value});
    sg_store_apply_take(f->s, b, now);
}

static void test_store__of_what_arrives_within_a_millisecond_the_last_stays(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "a", 0);
    const struct sg_store_stats *stats = sg_store_get_stats(f->s);
    arrive(f, id, 9, NOW - 1);
    arrive(f, id, 0, NOW);
    arrive(f, id, 1, NOW);
    arrive(f, id, 1, NOW); /* nothing new */
    arrive(f, id, 0, NOW);
    arrive(f, id, 5, NOW - 1); /* not the newest any more */
    read_one(f, "a");
    assert_int_equal(f->got.n, 2);
    assert_near(f->got.v[0], 9, 0);
    assert_int_equal(f->got.time_ms[1], NOW);
    assert_near(f->got.v[1], 0, 0);
    assert_int_equal(stat(&stats->samples), 2);
    assert_int_equal(stat(&stats->replaced), 2);
    assert_int_equal(stat(&stats->duplicates), 1);
    assert_int_equal(stat(&stats->rejected_duplicate), 1);
    point(f, id, SG_OP_SET, 5, NOW); /* a dated one replaces nothing */
    assert_int_equal(stat(&stats->rejected_duplicate), 2);
}

static void test_store__changes_go_on_from_what_stayed(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "a", 0);
    point(f, id, SG_OP_GAUGE_SET, 1, NOW - 1);
    sg_store_tick(f->s, NOW - 1);
    arrive(f, id, 10, NOW);
    arrive(f, id, 20, NOW);
    point(f, id, SG_OP_GAUGE_ADD, 3, NOW + 1);
    sg_store_tick(f->s, NOW + 100);
    read_one(f, "a");
    assert_int_equal(f->got.n, 3);
    assert_near(f->got.v[2], 23, 0);
}

static void test_store__a_reader_sees_one_value_or_the_other(void **state)
{
    struct fixture *f = *state;
    make(f);
    uint32_t id = intern(f, "a", 0);
    struct sg_querier q;
    struct sg_selection sel;
    for (int i = 0; i < 200; i++) /* a full block */
        arrive(f, id, i, NOW + i);
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    assert_int_equal(select_all(&q, "a", &sel), 1);
    for (int i = 0; i < 1000; i++) {
        struct sg_sample one;
        arrive(f, id, i, NOW + 199);
        assert_true(q.ops->last(&q, sel.series[0].handle, INT64_MIN, INT64_MAX, &one));
        assert_near(one.v, i, 0);
    }
    sg_selection_deinit(&sel);
    q.ops->close(&q);
    read_one(f, "a");
    assert_int_equal(f->got.n, 200);
}

static void test_store__without_end_takes_every_timestamp(void **state)
{
    struct fixture *f = *state;
    f->opt.retention_ms = 100 * SG_MS_PER_YEAR;
    make(f);
    uint32_t id = intern(f, "u", 0);
    static const int64_t times[] = {0, NOW, -1, 1, INT64_MAX, INT64_MIN + 1, 1000, NOW - 1};
    for (size_t i = 0; i < SG_ARRAY_LEN(times); i++)
        assert_int_equal(sg_store_append(f->s, id, times[i], (double)i, NOW, NULL), 0);
    sg_store_tick(f->s, NOW);
    read_one(f, "u");
    assert_int_equal(f->got.n, SG_ARRAY_LEN(times));
    for (size_t i = 1; i < f->got.n; i++)
        assert_true(f->got.time_ms[i - 1] < f->got.time_ms[i]);
}

static void test_store__points_to_unknown_ids_are_counted(void **state)
{
    struct fixture *f = *state;
    make(f);
    point(f, 4711, SG_OP_SET, 1, NOW);
    point(f, SG_SERIES_NEW | 3, SG_OP_SET, 1, NOW);
    point(f, SG_CELL_PENDING, SG_OP_SET, 1, NOW);
    assert_int_equal(stat(&sg_store_get_stats(f->s)->rejected_limit), 3);
}

/* ---- querier and listings ---- */

static void test_store__select_stops_at_its_limit(void **state)
{
    struct fixture *f = *state;
    make(f);
    for (int i = 0; i < 5; i++)
        intern(f, "m", i);
    struct sg_querier q;
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    q.max_series = 4;
    struct sg_selection sel;
    sg_selection_init(&sel);
    struct sg_error err = {0};
    assert_int_equal(q.ops->select(&q, NULL, 0, &sel, &err), SG_ELIMIT);
    assert_non_null(strstr(err.text, "(max_series)"));
    q.max_series = 5;
    sel.n = 0;
    assert_int_equal(q.ops->select(&q, NULL, 0, &sel, NULL), 0);
    assert_int_equal(sel.n, 5);
    sg_selection_deinit(&sel);
    q.ops->close(&q);
}

static int stop_at_third(void *ctx)
{
    return ++*(int *)ctx < 3 ? 0 : SG_ETIMEOUT;
}

/* By a walk over the values of a label, and by one over all series. */
static void test_store__select_asks_before_each_try_of_a_regex(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum sg_match_type type;
        const char *pattern;
    } cases[] = {{SG_MATCH_RE, "[0-9]x"}, {SG_MATCH_NRE, "[0-9]"}};
    make(f);
    for (int i = 0; i < 9; i++)
        intern(f, "m", i);
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_matcher m;
        const struct sg_matcher *list = &m;
        struct sg_querier q;
        struct sg_selection sel;
        int asked = 0;
        assert_int_equal(
            sg_matcher_init(&m, cases[i].type, SG_STR("n"), sg_str_from(cases[i].pattern), NULL),
            0);
        sg_selection_init(&sel);
        assert_int_equal(sg_store_querier_open(f->s, &q), 0);
        q.stop = stop_at_third;
        q.stop_ctx = &asked;
        assert_int_equal(q.ops->select(&q, &list, 1, &sel, NULL), SG_ETIMEOUT);
        assert_int_equal(asked, 3);
        q.ops->close(&q);
        sg_selection_deinit(&sel);
        sg_matcher_deinit(&m);
    }
}

/* A selection that may lack something is none. */
static void test_store__select_tells_of_a_regex_that_was_given_up(void **state)
{
    struct fixture *f = *state;
    struct sg_querier q;
    struct sg_selection sel;
    struct sg_error err = {0};
    struct sg_matcher m;
    const struct sg_matcher *list = &m;
    char metric[1001];
    memset(metric, 'a', 1000);
    metric[1000] = 0;
    make(f);
    intern(f, metric, 1);
    assert_int_equal(
        sg_matcher_init(&m, SG_MATCH_RE, SG_METRIC_NAME, SG_STR("(a|aa|aaa)*(b|c)"), NULL), 0);
    sg_selection_init(&sel);
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    assert_int_equal(q.ops->select(&q, &list, 1, &sel, &err), 0);
    sg_regex_set_budget(1000);
    assert_int_equal(q.ops->select(&q, &list, 1, &sel, &err), SG_ELIMIT);
    assert_non_null(strstr(err.text, "regular expression"));
    sg_regex_set_budget(UINT64_MAX);
    q.ops->close(&q);
    sg_selection_deinit(&sel);
    sg_matcher_deinit(&m);
}

static void test_store__the_generation_tells_births_and_expiry(void **state)
{
    struct fixture *f = *state;
    f->opt.idle_expiry_ms = 1000;
    make(f);
    struct sg_querier q;
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    uint64_t g0 = q.ops->generation(&q);
    uint32_t id = intern(f, "m", 0);
    uint64_t g1 = q.ops->generation(&q);
    assert_int_not_equal(g0, g1);
    (void)sg_store_append(f->s, id, NOW, 1, NOW, NULL);
    sg_store_tick(f->s, NOW + 10);
    assert_int_equal(g1, q.ops->generation(&q));
    sg_store_tick(f->s, NOW + 5000);
    assert_int_not_equal(g1, q.ops->generation(&q));
    q.ops->close(&q);
}

static void test_store__handles_stay_valid_over_expiry(void **state)
{
    struct fixture *f = *state;
    f->opt.idle_expiry_ms = 1000;
    make(f);
    uint32_t id = intern(f, "m", 0);
    (void)sg_store_append(f->s, id, NOW, 1, NOW, NULL);
    struct sg_querier q;
    struct sg_selection sel;
    assert_int_equal(sg_store_querier_open(f->s, &q), 0);
    assert_int_equal(select_all(&q, "m", &sel), 1);
    for (int i = 1; i < 200; i++)
        sg_store_tick(f->s, NOW + i * 1000);
    assert_true(sg_str_eq_c(sg_labels_get(sel.series[0].labels, SG_METRIC_NAME), "m"));
    q.ops->read(&q, sel.series[0].handle, INT64_MIN, INT64_MAX, &f->got);
    assert_int_equal(f->got.n, 0);
    sg_selection_deinit(&sel);
    q.ops->close(&q);
}

static void test_store__opens_256_queriers(void **state)
{
    struct fixture *f = *state;
    make(f);
    struct sg_querier q[257];
    for (int i = 0; i < 256; i++)
        assert_int_equal(sg_store_querier_open(f->s, &q[i]), 0);
    assert_int_equal(sg_store_querier_open(f->s, &q[256]), SG_EBUSY);
    for (int i = 0; i < 256; i++)
        q[i].ops->close(&q[i]);
}

static void collect(void *ctx, struct sg_str text)
{
    char *all = ctx;
    size_t n = strlen(all);
    snprintf(all + n, 200 - n, "%.*s,", SG_STR_ARG(text));
}

static void test_store__lists_names_values_and_counts(void **state)
{
    struct fixture *f = *state;
    make(f);
    intern(f, "a", 0);
    intern(f, "a", 1);
    intern(f, "b", 1);
    char text[200] = "";
    sg_store_label_names(f->s, collect, text);
    assert_non_null(strstr(text, "__name__,"));
    assert_non_null(strstr(text, "n,"));
    text[0] = '\0';
    sg_store_label_values(f->s, SG_STR("n"), collect, text);
    assert_true(strcmp(text, "0,1,") == 0 || strcmp(text, "1,0,") == 0);
    assert_int_equal(sg_store_count(f->s, SG_METRIC_NAME, SG_STR("a")), 2);
    assert_int_equal(sg_store_count(f->s, SG_STR("n"), SG_STR("1")), 2);
    assert_int_equal(sg_store_count(f->s, SG_STR("x"), SG_STR("1")), 0);
}

static void last_metadata(void *ctx, const struct sg_metadata *m)
{
    char *text = ctx;
    snprintf(text, 200, "%s %s %s %d", m->metric, m->help ? m->help : "-", m->unit ? m->unit : "-",
             (int)m->type);
}

static void test_store__keeps_metadata_and_what_was_told_before(void **state)
{
    struct fixture *f = *state;
    make(f);
    struct sg_batch *b = sg_batch_new(&source, 0, NOW);
    sg_batch_add_metadata(b, SG_STR("up"), SG_METRIC_GAUGE, SG_STR("is it up"),
                          (struct sg_str){NULL, 0});
    sg_batch_add_metadata(b, SG_STR("up"), SG_METRIC_UNKNOWN, (struct sg_str){NULL, 0},
                          SG_STR("bool"));
    sg_store_apply_take(f->s, b, NOW);
    char text[200] = "";
    sg_store_metadata_each(f->s, last_metadata, text);
    assert_string_equal(text, "up is it up bool 2");
}

static void test_store__metadata_of_too_many_metrics_is_refused_and_counted(void **state)
{
    struct fixture *f = *state;
    const struct sg_str none = {NULL, 0};
    make(f);
    for (int i = 0; i < SG_METADATA_MAX + 3; i++) {
        char name[16];
        int n = snprintf(name, sizeof(name), "m%d", i < SG_METADATA_MAX + 2 ? i : 0);
        struct sg_batch *b = sg_batch_new(&source, 0, NOW);
        sg_batch_add_metadata(b, sg_str_make(name, (size_t)n), SG_METRIC_GAUGE, none, none);
        sg_store_apply_take(f->s, b, NOW);
    }
    assert_int_equal(stat(&sg_store_get_stats(f->s)->metadata_refused), 2);
}

static void test_store__idle_series_are_small(void **state)
{
    struct fixture *f = *state;
    make(f);
    for (int i = 0; i < 20000; i++)
        (void)sg_store_append(f->s, intern(f, "m", i), NOW, i, NOW, NULL);
    assert_true(stat(&sg_store_get_stats(f->s)->bytes) / 20000 <= 400);
}

/* Cycle after cycle other series are born, filled, and expire. Returns the bytes in use at the end.
 */
static uint64_t churn(struct fixture *f, int64_t *now, int cycles)
{
    for (int c = 0; c < cycles; c++) {
        for (int i = 0; i < 2000; i++) {
            uint32_t id = intern(f, i % 2 ? "a" : "b", (int)(*now / 1000 % 100000) * 2000 + i);
            for (int k = 0; k < (i % 100 ? 2 : 300); k++)
                assert_int_equal(sg_store_append(f->s, id, *now + k * 10, k, *now, NULL), 0);
        }
        for (int k = 0; k < 100; k++)
            sg_store_tick(f->s, *now += 1000);
    }
    return stat(&sg_store_get_stats(f->s)->bytes);
}

static void test_store__churn_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    f->opt.idle_expiry_ms = 5000;
    make(f);
    int64_t now = NOW;
    uint64_t settled = churn(f, &now, 3);
    assert_true(churn(f, &now, 10) <= settled + 1024); /* tables may have another size by now */
    const struct sg_store_stats *t = sg_store_get_stats(f->s);
    assert_int_equal(stat(&t->series), 0);
    assert_int_equal(stat(&t->expired), 13 * 2000);
    assert_int_equal(stat(&t->label_bytes), 0);
    assert_int_equal(stat(&t->chunks), 0);
    assert_int_equal(stat(&t->chunk_bytes), 0);
    char text[200] = "";
    sg_store_label_names(f->s, collect, text);
    assert_string_equal(text, "");
}

static void test_store__a_bomb_of_label_sets_stops_at_the_limit(void **state)
{
    struct fixture *f = *state;
    f->opt.max_series = 1000;
    make(f);
    for (int i = 0; i < 1000; i++)
        intern(f, "m", i);
    uint64_t full = stat(&sg_store_get_stats(f->s)->bytes);
    for (int k = 0; k < 20; k++) {
        struct sg_batch *b = sg_batch_new(&source, 1000, NOW);
        for (int i = 0; i < 1000; i++) {
            uint32_t birth = sg_batch_add_birth_take(b, labels("m", 1000 * (k + 1) + i), NULL);
            sg_batch_add_point(b, (struct sg_point){.series = SG_SERIES_NEW | birth});
        }
        sg_store_apply_take(f->s, b, NOW);
    }
    assert_int_equal(stat(&sg_store_get_stats(f->s)->bytes), full);
    assert_int_equal(stat(&sg_store_get_stats(f->s)->rejected_limit), 20000);
    point(f, 17, SG_OP_SET, 1, NOW); /* those that are in go on */
    assert_int_equal(stat(&sg_store_get_stats(f->s)->samples), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_store__##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_options_that_make_no_sense),
        TEST(counts_add_up_and_are_sampled_once_per_tick),
        TEST(a_gauge_starts_at_zero_and_takes_changes),
        TEST(a_set_sample_is_where_changes_go_on),
        TEST(observations_become_one_cumulative_histogram_per_pane),
        TEST(a_weight_counts_for_the_next_observation_only),
        TEST(members_are_counted_once_per_pane),
        TEST(whole_histograms_are_kept_and_sealed),
        TEST(a_series_has_one_kind),
        TEST(a_clock_set_back_far_begins_series_anew),
        TEST(a_clock_set_back_is_seen_by_whoever_comes_first),
        TEST(a_clock_set_back_a_little_loses_nothing),
        TEST(a_silent_series_gets_one_marker),
        TEST(a_sample_before_the_marker_takes_it_away),
        TEST(a_sample_after_the_marker_leaves_the_gap),
        TEST(retention_frees_sealed_chunks),
        TEST(an_idle_series_goes_and_comes_back_under_its_id),
        TEST(an_id_is_used_again_only_after_quarantine_and_readers),
        TEST(a_full_store_says_so_until_series_expire),
        TEST(limits_series_per_metric_and_labels),
        TEST(append_names_the_reason),
        TEST(of_what_arrives_within_a_millisecond_the_last_stays),
        TEST(changes_go_on_from_what_stayed),
        TEST(a_reader_sees_one_value_or_the_other),
        TEST(without_end_takes_every_timestamp),
        TEST(points_to_unknown_ids_are_counted),
        TEST(select_stops_at_its_limit),
        TEST(select_asks_before_each_try_of_a_regex),
        TEST(select_tells_of_a_regex_that_was_given_up),
        TEST(the_generation_tells_births_and_expiry),
        TEST(handles_stay_valid_over_expiry),
        TEST(opens_256_queriers),
        TEST(lists_names_values_and_counts),
        TEST(keeps_metadata_and_what_was_told_before),
        TEST(metadata_of_too_many_metrics_is_refused_and_counted),
        TEST(idle_series_are_small),
        TEST(churn_leaves_nothing_behind),
        TEST(a_bomb_of_label_sets_stops_at_the_limit),
    };
    return cmocka_run_group_tests_name("series/store", tests, NULL, NULL);
}
