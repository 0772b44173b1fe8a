/* sim_store.c - the series store against a naive model: arrays, linear search, no chunks, no index.
 *
 * Random samples (on time, late, twice, too old, too far ahead, stale), ticks, silence, expiry,
 * revival and limits, from fixed seeds on a fake clock. After every few steps everything a querier
 * can say is compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/store.h>

enum { SETS = 60, STEPS = 4000, SAMPLES_MAX = 20000, NO_ID = -1 };

struct model_series {
    const struct sg_labels *labels;
    bool live, marked, quiet, listed;
    int64_t id;
    int64_t arrival_ms, rested_ms;
    struct sg_source *source;
    int64_t t[SAMPLES_MAX];
    uint64_t bits[SAMPLES_MAX];
    size_t n;
};

struct world {
    struct sg_prng rng;
    struct sg_store *store;
    struct sg_store_options opt;
    struct sg_source source[2]; /* the second one promises samples every 20 s */
    struct model_series series[SETS];
    int64_t now, expired_ms;
    unsigned epoch;
    struct {
        uint64_t samples, late, same, conflict, old, future, limit, stale, expired, births;
    } want;
};

static uint64_t below(struct world *w, uint64_t n)
{
    return sg_prng_below(&w->rng, n);
}

static bool unlimited(const struct world *w)
{
    return w->opt.retention_ms > INT64_C(1000) * 1000 * 1000 * 1000;
}

/* ---- the model ---- */

static size_t live_count(const struct world *w, struct sg_str metric)
{
    size_t n = 0;
    for (size_t i = 0; i < SETS; i++) {
        const struct model_series *s = &w->series[i];
        n += s->live && (!metric.p || sg_str_eq(sg_labels_get(s->labels, SG_METRIC_NAME), metric));
    }
    return n;
}

static bool model_may_live(const struct world *w, const struct model_series *s)
{
    struct sg_str metric = sg_labels_get(s->labels, SG_METRIC_NAME);
    return live_count(w, (struct sg_str){NULL, 0}) < w->opt.max_series &&
           live_count(w, metric) < w->opt.max_series_per_metric;
}

static void model_live(struct world *w, struct model_series *s)
{
    s->live = true;
    s->marked = s->quiet = s->listed = false;
    s->n = 0;
    s->arrival_ms = w->now;
    w->want.births++;
}

static void model_insert(struct model_series *s, size_t at, int64_t t, uint64_t bits)
{
    assert_true(s->n < SAMPLES_MAX);
    memmove(s->t + at + 1, s->t + at, (s->n - at) * sizeof(*s->t));
    memmove(s->bits + at + 1, s->bits + at, (s->n - at) * sizeof(*s->bits));
    s->t[at] = t;
    s->bits[at] = bits;
    s->n++;
}

static void model_set(struct world *w, struct model_series *s, int64_t t, uint64_t bits)
{
    s->arrival_ms = w->now;
    if (!unlimited(w) && t < w->now - w->opt.retention_ms) {
        w->want.old++;
        return;
    }
    if (!unlimited(w) && t > w->now + w->opt.max_future_ms) {
        w->want.future++;
        return;
    }
    bool before_marker = s->marked && t <= s->t[s->n - 1];
    size_t n = s->n - before_marker;
    if (!unlimited(w) && n && s->t[n - 1] - t > w->opt.out_of_order_ms) {
        w->want.old++;
        return;
    }
    s->quiet = false;
    s->n = n;
    s->marked = s->marked && !before_marker;
    if (s->n == 0 || t > s->t[s->n - 1]) {
        model_insert(s, s->n, t, bits);
        s->marked = false;
        s->quiet = bits == SG_STALE_BITS;
        w->want.samples++;
        return;
    }
    size_t at = s->n;
    while (at > 0 && s->t[at - 1] > t)
        at--;
    if (at > 0 && s->t[at - 1] == t) {
        *(s->bits[at - 1] == bits ? &w->want.same : &w->want.conflict) += 1;
        return;
    }
    model_insert(s, at, t, bits);
    w->want.samples++;
    w->want.late++;
}

static bool model_due(const struct world *w, const struct model_series *s)
{
    if (w->opt.idle_expiry_ms)
        return w->now - s->arrival_ms > w->opt.idle_expiry_ms;
    if (unlimited(w))
        return false;
    if (s->n == 0)
        return w->now - s->arrival_ms > w->opt.retention_ms;
    return s->t[s->n - 1] < w->now - w->opt.retention_ms;
}

static void model_tick(struct world *w)
{
    bool any = false;
    for (size_t i = 0; i < SETS; i++) {
        struct model_series *s = &w->series[i];
        if (!s->live)
            continue;
        int64_t patience = s->source->stale_after_ms;
        if (!s->quiet && patience && w->now - s->arrival_ms > patience) {
            s->quiet = true;
            if (s->n && s->bits[s->n - 1] != SG_STALE_BITS) {
                model_insert(s, s->n, s->t[s->n - 1] + patience, SG_STALE_BITS);
                s->marked = true;
                w->want.stale++;
            }
        }
        s->listed |= model_due(w, s);
        any |= s->listed;
    }
    if (!any || w->now - w->expired_ms < 1000)
        return;
    w->expired_ms = w->now;
    bool raised = false;
    for (size_t i = 0; i < SETS; i++) {
        struct model_series *s = &w->series[i];
        if (s->live && s->listed && model_due(w, s)) {
            s->live = false;
            s->n = 0;
            s->rested_ms = w->now;
            w->want.expired++;
            raised = true;
        }
        s->listed = false;
    }
    w->epoch += raised;
}

/* ---- driving both ---- */

static int64_t random_time(struct world *w, const struct model_series *s)
{
    int64_t last = s->n ? s->t[s->n - 1] : w->now;
    if (unlimited(w) && below(w, 4) == 0)
        return (int64_t)below(w, 2000000000000) - 1000;
    switch (below(w, 12)) {
    case 0:
        return s->n ? s->t[below(w, s->n)] : last; /* a time that is taken */
    case 1:
        return last - (int64_t)below(w, (uint64_t)w->opt.out_of_order_ms);
    case 2:
        return last - w->opt.out_of_order_ms - (int64_t)below(w, 3) + 1;
    case 3:
        return w->now + w->opt.max_future_ms - 1 + (int64_t)below(w, 3);
    case 4:
        return w->now - w->opt.retention_ms - 1 + (int64_t)below(w, 3);
    default:
        return w->now - (int64_t)below(w, 50);
    }
}

static uint64_t random_bits(struct world *w)
{
    switch (below(w, 16)) {
    case 0:
        return SG_STALE_BITS;
    case 1:
        return sg_prng_next(&w->rng);
    case 2:
        return SG_NAN_BITS;
    default:
        return sg_double_bits((double)below(w, 1000) / 100);
    }
}

/* One point to one series, by id when the cache may still hold it, else by birth. */
static void step_point(struct world *w)
{
    struct model_series *s = &w->series[below(w, SETS)];
    struct sg_batch *b = sg_batch_new(&w->source[below(w, 2)], 1, w->now);
    bool by_id = s->id != NO_ID && (s->live || w->now - s->rested_ms < 50000);
    struct sg_series_cell *cell = NULL;
    uint32_t ref = (uint32_t)s->id;
    if (!by_id || below(w, 20) == 0) {
        cell = sg_series_cell_new();
        ref = SG_SERIES_NEW |
              sg_batch_add_birth_take(b, sg_labels_ref(s->labels), sg_series_cell_ref(cell));
    }
    bool lives = s->live || model_may_live(w, s);
    if (!s->live && lives)
        model_live(w, s);
    int64_t t = random_time(w, s);
    uint64_t bits = random_bits(w);
    sg_batch_add_point(
        b, (struct sg_point){.series = ref, .op = SG_OP_SET, .time_ms = t, .bits = bits});
    if (lives) {
        s->source = b->source;
        model_set(w, s, t, bits);
    } else {
        w->want.limit++;
    }
    sg_store_apply_take(w->store, b, w->now);
    if (cell) {
        uint32_t id = atomic_load(&cell->id);
        assert_int_equal(lives, id != SG_CELL_REJECTED);
        s->id = lives ? (int64_t)id : NO_ID;
        sg_series_cell_unref(cell);
    }
}

static void check_series(struct world *w, struct sg_querier *q, const struct sg_selected *one,
                         const struct model_series *s, struct sg_samples *got)
{
    int64_t floor_ms = unlimited(w) ? INT64_MIN : w->now - w->opt.retention_ms;
    int64_t after = floor_ms, until = INT64_MAX;
    if (s->n && below(w, 3)) {
        after = s->t[below(w, s->n)] - (int64_t)below(w, 2);
        until = s->t[below(w, s->n)] + (int64_t)below(w, 2);
        after = after < floor_ms ? floor_ms : after;
    }
    q->ops->read(q, one->handle, after, until, got);
    size_t k = 0;
    int64_t last = -1;
    for (size_t i = 0; i < s->n; i++) {
        if (s->t[i] <= after || s->t[i] > until)
            continue;
        assert_true(k < got->n);
        assert_int_equal(got->time_ms[k], s->t[i]);
        assert_int_equal(sg_double_bits(got->v[k]), s->bits[i]);
        last = (int64_t)i;
        k++;
    }
    assert_int_equal(got->n, k);
    struct sg_sample sample;
    bool has = q->ops->last(q, one->handle, after, until, &sample);
    assert_int_equal(has, last >= 0);
    if (has) {
        assert_int_equal(sample.time_ms, s->t[last]);
        assert_int_equal(sg_double_bits(sample.v), s->bits[last]);
    }
}

static struct sg_matcher random_matcher(struct world *w)
{
    static const char *const names[] = {"__name__", "job", "n", "odd", "nobody"};
    static const char *const exact[] = {"m0", "m1", "a", "b", "7", "", "x"};
    static const char *const regex[] = {"m.*", "a|b", "1.*|2", ".+", ".*", "[0-9]+", "m0|m2|a"};
    enum sg_match_type type = (enum sg_match_type)below(w, 4);
    const char *value = type <= SG_MATCH_NE ? exact[below(w, SG_ARRAY_LEN(exact))]
                                            : regex[below(w, SG_ARRAY_LEN(regex))];
    struct sg_matcher m;
    assert_int_equal(sg_matcher_init(&m, type, sg_str_from(names[below(w, SG_ARRAY_LEN(names))]),
                                     sg_str_from(value), NULL),
                     0);
    return m;
}

static bool model_matches(const struct model_series *s, const struct sg_matcher *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sg_str value = sg_labels_get(s->labels, m[i].name);
        if (!sg_matcher_matches(&m[i], value.p ? value : SG_STR("")))
            return false;
    }
    return s->live;
}

static void check_selection(struct world *w)
{
    struct sg_matcher m[3];
    const struct sg_matcher *list[3] = {&m[0], &m[1], &m[2]};
    size_t n = below(w, 4);
    for (size_t i = 0; i < n; i++)
        m[i] = random_matcher(w);
    struct sg_querier q;
    assert_int_equal(sg_store_querier_open(w->store, &q), 0);
    struct sg_selection sel;
    sg_selection_init(&sel);
    assert_int_equal(q.ops->select(&q, list, n, &sel, NULL), 0);
    struct sg_samples got;
    sg_samples_init(&got);
    size_t found = 0;
    for (size_t i = 0; i < SETS; i++) {
        const struct model_series *s = &w->series[i];
        const struct sg_selected *one = NULL;
        for (size_t k = 0; k < sel.n; k++) {
            if (sg_labels_eq(sel.series[k].labels, s->labels)) {
                assert_null(one);
                one = &sel.series[k];
            }
        }
        assert_int_equal(one != NULL, model_matches(s, m, n));
        found += one != NULL;
        if (one)
            check_series(w, &q, one, s, &got);
    }
    assert_int_equal(found, sel.n);
    sg_samples_deinit(&got);
    sg_selection_deinit(&sel);
    q.ops->close(&q);
    for (size_t i = 0; i < n; i++)
        sg_matcher_deinit(&m[i]);
}

static void check_stats(const struct world *w)
{
    const struct sg_store_stats *t = sg_store_get_stats(w->store);
    assert_int_equal(atomic_load(&t->samples), w->want.samples);
    assert_int_equal(atomic_load(&t->out_of_order), w->want.late);
    assert_int_equal(atomic_load(&t->duplicates), w->want.same);
    assert_int_equal(atomic_load(&t->rejected_duplicate), w->want.conflict);
    assert_int_equal(atomic_load(&t->rejected_too_old), w->want.old);
    assert_int_equal(atomic_load(&t->rejected_future), w->want.future);
    assert_int_equal(atomic_load(&t->rejected_limit), w->want.limit);
    assert_int_equal(atomic_load(&t->stale_markers), w->want.stale);
    assert_int_equal(atomic_load(&t->expired), w->want.expired);
    assert_int_equal(atomic_load(&t->births), w->want.births);
    assert_int_equal(atomic_load(&t->series), live_count(w, (struct sg_str){NULL, 0}));
    assert_int_equal(atomic_load(&sg_store_gate(w->store)->expire_epoch), w->epoch);
}

static void make_labels(struct world *w)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    for (size_t i = 0; i < SETS; i++) {
        char text[16];
        sg_labels_builder_reset(&b);
        snprintf(text, sizeof(text), "m%zu", i % 3);
        sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_from(text));
        snprintf(text, sizeof(text), "%zu", i);
        sg_labels_builder_set(&b, SG_STR("n"), sg_str_from(text));
        sg_labels_builder_set(&b, SG_STR("job"), i % 2 ? SG_STR("a") : SG_STR("b"));
        if (i % 5 == 0)
            sg_labels_builder_set(&b, SG_STR("odd"), SG_STR("x"));
        w->series[i].labels = sg_labels_builder_build(&b);
        w->series[i].id = NO_ID;
    }
    sg_labels_builder_deinit(&b);
}

static void run(uint64_t seed, const struct sg_store_options *opt)
{
    struct world *w = sg_calloc(1, sizeof(*w));
    w->rng.state = seed;
    w->opt = *opt;
    w->now = INT64_C(1764000000000);
    w->expired_ms = w->now - 10000;
    w->source[1].stale_after_ms = 20000;
    make_labels(w);
    assert_int_equal(sg_store_new(opt, &w->store, NULL), 0);
    for (int step = 0; step < STEPS; step++) {
        for (uint64_t i = below(w, 30); i > 0; i--)
            step_point(w);
        w->now += below(w, 40) == 0 ? (int64_t)below(w, 70000) : (int64_t)below(w, 200);
        model_tick(w);
        sg_store_tick(w->store, w->now);
        check_stats(w);
        if (step % 4 == 0)
            check_selection(w);
    }
    for (size_t i = 0; i < SETS; i++)
        sg_labels_unref(w->series[i].labels);
    sg_store_free(w->store);
    sg_free(w);
}

static struct sg_store_options options(void)
{
    struct sg_store_options opt;
    sg_store_options_default(&opt);
    opt.retention_ms = 600000;
    opt.out_of_order_ms = 60000;
    opt.max_future_ms = 5000;
    return opt;
}

static void test_store__agrees_with_the_model(void **state)
{
    (void)state;
    struct sg_store_options opt = options();
    run(1, &opt);
}

static void test_store__agrees_when_series_expire(void **state)
{
    (void)state;
    struct sg_store_options opt = options();
    opt.idle_expiry_ms = 15000;
    run(2, &opt);
}

static void test_store__agrees_at_its_limits(void **state)
{
    (void)state;
    struct sg_store_options opt = options();
    opt.idle_expiry_ms = 15000;
    opt.max_series = 30;
    opt.max_series_per_metric = 14;
    run(3, &opt);
}

static void test_store__agrees_without_retention(void **state)
{
    (void)state;
    struct sg_store_options opt = options();
    opt.retention_ms = 100 * INT64_C(31536000000);
    run(4, &opt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store__agrees_with_the_model),
        cmocka_unit_test(test_store__agrees_when_series_expire),
        cmocka_unit_test(test_store__agrees_at_its_limits),
        cmocka_unit_test(test_store__agrees_without_retention),
    };
    return cmocka_run_group_tests_name("sim_store", tests, NULL, NULL);
}
