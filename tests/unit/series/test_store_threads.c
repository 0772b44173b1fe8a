/* test_store_threads.c - one writer at full speed, readers that select and read all the time. Run
 * it under TSan.
 *
 * The value of every sample is a function of its series and its time, so a reader can tell a torn
 * or foreign sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/store.h>

enum { READERS = 3, KINDS = 8, STEPS = 3000, PER_STEP = 40, NAMES = 200 };
#define START INT64_C(1764000000000)

struct shared {
    struct sg_store *store;
    atomic_bool stop;
    atomic_uint read; /* samples the readers have seen */
};

static const struct sg_labels *labels_of(uint64_t n)
{
    char text[24];
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    snprintf(text, sizeof(text), "m%u", (unsigned)(n % KINDS));
    sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_from(text));
    snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    sg_labels_builder_set(&b, SG_STR("n"), sg_str_from(text));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}

static double value_of(uint64_t n, int64_t time_ms)
{
    return (double)(n * 1000) + (double)(time_ms % 997);
}

/* What stands at a time, or what came instead of it. */
static bool is_value(double v, uint64_t n, int64_t time_ms)
{
    return v == value_of(n, time_ms) || v == value_of(n, time_ms) + 0.5;
}

/* Returns how much is wrong with what one selection shows. */
static unsigned check(struct shared *s, struct sg_querier *q, const struct sg_selection *sel,
                      struct sg_samples *got)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < sel->n; i++) {
        struct sg_str text = sg_labels_get(sel->series[i].labels, SG_STR("n"));
        uint64_t n = 0;
        for (size_t k = 0; k < text.n; k++)
            n = n * 10 + (uint64_t)(text.p[k] - '0');
        q->ops->read(q, sel->series[i].handle, INT64_MIN, INT64_MAX, got);
        for (size_t k = 0; k < got->n; k++) {
            wrong += k > 0 && got->time_ms[k] <= got->time_ms[k - 1];
            wrong += !sg_is_stale(got->v[k]) && !is_value(got->v[k], n, got->time_ms[k]);
        }
        struct sg_sample last;
        bool has = q->ops->last(q, sel->series[i].handle, INT64_MIN, INT64_MAX, &last);
        wrong += has && !sg_is_stale(last.v) && !is_value(last.v, n, last.time_ms);
        atomic_fetch_add_explicit(&s->read, (unsigned)got->n, memory_order_relaxed);
    }
    return wrong;
}

static void *reader(void *arg)
{
    struct shared *s = arg;
    uintptr_t wrong = 0;
    struct sg_samples got;
    struct sg_selection sel;
    struct sg_matcher m[2];
    const struct sg_matcher *list[2] = {&m[0], &m[1]};
    wrong += sg_matcher_init(&m[0], SG_MATCH_EQ, SG_METRIC_NAME, SG_STR("m3"), NULL) != 0;
    wrong += sg_matcher_init(&m[1], SG_MATCH_RE, SG_STR("n"), SG_STR("1.*|.*3"), NULL) != 0;
    sg_samples_init(&got);
    sg_selection_init(&sel);
    for (unsigned round = 0; !atomic_load(&s->stop); round++) {
        struct sg_querier q;
        if (sg_store_querier_open(s->store, &q) < 0)
            continue;
        sel.n = 0;
        wrong += q.ops->select(&q, list + round % 2, 1, &sel, NULL) != 0;
        wrong += check(s, &q, &sel, &got);
        q.ops->close(&q);
    }
    sg_samples_deinit(&got);
    sg_selection_deinit(&sel);
    sg_matcher_deinit(&m[0]);
    sg_matcher_deinit(&m[1]);
    return (void *)wrong;
}

/* On-time and late samples to changing series, and some that replace the newest; the series of a
 * while ago fall silent, are marked, expire and come back. */
static void write_all(struct shared *s)
{
    static struct sg_source source = {.stale_after_ms = 3000};
    struct sg_prng rng = {42};
    int64_t now = START;
    for (int step = 0; step < STEPS; step++) {
        struct sg_batch *b = sg_batch_new(&source, PER_STEP, now);
        for (int i = 0; i < PER_STEP; i++) {
            uint64_t n = ((uint64_t)step / 100 * 10 + sg_prng_below(&rng, 30)) % NAMES;
            int64_t t = now - (int64_t)sg_prng_below(&rng, i % 4 ? 2 : 5000);
            uint32_t birth = sg_batch_add_birth_take(b, labels_of(n), NULL);
            sg_batch_add_point(b, (struct sg_point){.series = SG_SERIES_NEW | birth,
                                                    .op = SG_OP_SET,
                                                    .flags = SG_POINT_ARRIVAL,
                                                    .time_ms = t,
                                                    .value = value_of(n, t) + (i % 3 ? 0 : 0.5)});
        }
        sg_store_apply_take(s->store, b, now);
        now += 100;
        sg_store_tick(s->store, now);
    }
}

static void test_store__readers_see_whole_series_while_the_writer_runs(void **state)
{
    (void)state;
    static struct shared s;
    struct sg_store_options opt;
    sg_store_options_default(&opt);
    opt.idle_expiry_ms = 8000;
    opt.retention_ms = 60000;
    assert_int_equal(sg_store_new(&opt, &s.store, NULL), 0);
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &s), 0);
    write_all(&s);
    while (!atomic_load(&s.read)) /* the writer may have been through before a reader's turn came */
        sched_yield();
    atomic_store(&s.stop, true);
    for (int i = 0; i < READERS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    const struct sg_store_stats *t = sg_store_get_stats(s.store);
    assert_true(atomic_load(&t->expired) > 0);
    assert_true(atomic_load(&t->out_of_order) > 0);
    assert_true(atomic_load(&t->replaced) > 1000);
    assert_true(atomic_load(&t->stale_markers) > 0);
    assert_true(atomic_load(&t->chunks) > 0);
    sg_store_free(s.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store__readers_see_whole_series_while_the_writer_runs),
    };
    return cmocka_run_group_tests_name("series/store_threads", tests, NULL, NULL);
}
