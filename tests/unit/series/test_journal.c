/* What the store tells those who keep state: events, and what is new. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include <streamgauge/store.h>

#define T0 INT64_C(1764000000000)

static struct sg_store *store_new(int64_t idle_ms)
{
    struct sg_store_options o;
    struct sg_store *s;
    sg_store_options_default(&o);
    o.idle_expiry_ms = idle_ms;
    assert_int_equal(sg_store_new(&o, &s, NULL), 0);
    return s;
}

static uint32_t intern(struct sg_store *s, int i)
{
    char text[16];
    uint32_t id;
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    snprintf(text, sizeof(text), "m%d", i);
    sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_from(text));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    assert_int_equal(sg_store_intern(s, l, NULL, &id, NULL), 0);
    sg_labels_unref(l);
    return id;
}

static void put(struct sg_store *s, uint32_t id, int64_t time_ms, double v)
{
    (void)sg_store_append(s, id, time_ms, v, T0 + 100000, NULL);
}

static void test_journal__tells_births_late_samples_and_expiries(void **state)
{
    (void)state;
    struct sg_store *s = store_new(5000);
    struct sg_store_event e;
    uint64_t pos = sg_store_journal_open(s);
    uint32_t id = intern(s, 1);
    put(s, id, T0, 1);
    put(s, id, T0 + 10, 2);
    put(s, id, T0 + 5, 3);
    put(s, id, T0 + 5, 3); /* there already */
    assert_int_equal(sg_store_journal_next(s, &pos, &e), 1);
    assert_int_equal(e.kind, SG_STORE_BORN);
    assert_int_equal(e.id, id);
    assert_int_equal(sg_store_journal_next(s, &pos, &e), 1);
    assert_int_equal(e.kind, SG_STORE_PAST);
    assert_true(e.time_ms == T0 + 5);
    assert_int_equal(sg_store_journal_next(s, &pos, &e), 0);
    for (int i = 0; i < 4; i++)
        sg_store_tick(s, T0 + 110000 + i * 1000);
    assert_int_equal(sg_store_journal_next(s, &pos, &e), 1);
    assert_int_equal(e.kind, SG_STORE_EXPIRED);
    sg_store_free(s);
}

/* What is read afterwards begins right behind the time that was told. */
static void test_journal__tells_what_retention_dropped(void **state)
{
    (void)state;
    struct sg_store_options o;
    struct sg_store *s;
    struct sg_store_event e;
    struct sg_selected one;
    struct sg_querier q;
    struct sg_samples found;
    sg_store_options_default(&o);
    o.retention_ms = 600000;
    assert_int_equal(sg_store_new(&o, &s, NULL), 0);
    uint32_t id = intern(s, 1);
    for (int i = 0; i < 1000; i++)
        put(s, id, T0 + i * 100, i);
    uint64_t pos = sg_store_journal_open(s);
    sg_store_tick(s, T0 + 600000 + 50000);
    assert_int_equal(sg_store_journal_next(s, &pos, &e), 1);
    assert_int_equal(e.kind, SG_STORE_CUT);
    assert_true(e.time_ms >= T0 && e.time_ms < T0 + 50000);
    assert_int_equal(sg_store_journal_next(s, &pos, &e), 0);
    assert_true(sg_store_series(s, id, &one));
    assert_int_equal(sg_store_querier_open(s, &q), 0);
    sg_samples_init(&found);
    q.ops->read(&q, one.handle, INT64_MIN / 2, INT64_MAX / 2, &found);
    assert_true(found.n > 0 && found.n < 1000);
    assert_true(found.time_ms[0] == e.time_ms + 100);
    sg_samples_deinit(&found);
    q.ops->close(&q);
    sg_store_free(s);
}

static void test_journal__says_when_it_has_forgotten(void **state)
{
    (void)state;
    struct sg_store *s = store_new(0);
    struct sg_store_event e;
    uint64_t pos = sg_store_journal_open(s);
    uint32_t id = intern(s, 1);
    put(s, id, T0 + 40000, 0);
    for (int i = 0; i < 33000; i++)
        put(s, id, T0 + i, 1);
    assert_int_equal(sg_store_journal_next(s, &pos, &e), SG_ELIMIT);
    assert_int_equal(sg_store_journal_next(s, &pos, &e), 0);
    sg_store_free(s);
}

static void test_tails__tell_nothing_one_or_more(void **state)
{
    (void)state;
    struct sg_store *s = store_new(0);
    struct sg_tail tail;
    struct sg_selected one;
    int64_t since = INT64_MIN;
    uint32_t id = intern(s, 1);
    assert_true(sg_store_series(s, id, &one));
    assert_false(sg_store_series(s, id + 1, &one));
    sg_store_tails(&one.handle, &since, 1, &tail);
    assert_int_equal(tail.newer, 0);
    put(s, id, T0, 4);
    sg_store_tails(&one.handle, &since, 1, &tail);
    assert_int_equal(tail.newer, 1);
    assert_int_equal(tail.kind, SG_KIND_FLOAT);
    assert_true(tail.time_ms == T0 && tail.v == 4);
    put(s, id, T0 + 1, 5);
    sg_store_tails(&one.handle, &since, 1, &tail);
    assert_int_equal(tail.newer, 2);
    since = T0;
    sg_store_tails(&one.handle, &since, 1, &tail);
    assert_int_equal(tail.newer, 1);
    since = T0 + 1;
    sg_store_tails(&one.handle, &since, 1, &tail);
    assert_int_equal(tail.newer, 0);
    sg_store_free(s);
}

/* Through blocks that grow and are sealed, one sample at a time is one. */
static void test_tails__follow_sealing(void **state)
{
    (void)state;
    struct sg_store *s = store_new(0);
    struct sg_selected one;
    uint32_t id = intern(s, 1);
    int64_t since = INT64_MIN;
    assert_true(sg_store_series(s, id, &one));
    for (int i = 0; i < 1000; i++) {
        struct sg_tail tail;
        put(s, id, T0 + i, i);
        sg_store_tails(&one.handle, &since, 1, &tail);
        assert_int_equal(tail.newer, 1);
        assert_true(tail.v == i);
        since = T0 + i;
    }
    sg_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_journal__tells_births_late_samples_and_expiries),
        cmocka_unit_test(test_journal__tells_what_retention_dropped),
        cmocka_unit_test(test_journal__says_when_it_has_forgotten),
        cmocka_unit_test(test_tails__tell_nothing_one_or_more),
        cmocka_unit_test(test_tails__follow_sealing),
    };
    return cmocka_run_group_tests_name("series/journal", tests, NULL, NULL);
}
