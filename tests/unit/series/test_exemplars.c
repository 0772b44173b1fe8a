/* Exemplars: whose, in what order, how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>

#define T0 INT64_C(1764000000000)

struct fixture {
    struct sg_store *store;
    struct sg_source source;
    struct sg_exemplar found[16];
    size_t n;
};

static int setup(void **state)
{
    static struct fixture f;
    struct sg_store_options o;
    f = (struct fixture){.source = {.name = "test"}};
    sg_store_options_default(&o);
    o.max_exemplars = 4;
    *state = &f;
    return sg_store_new(&o, &f.store, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_store_free(f->store);
    return 0;
}

static const struct sg_labels *set(const char *name, const char *value)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, sg_str_from(name), sg_str_from(value));
    return sg_labels_builder_build(&b);
}

static void born(struct fixture *f, const char *name)
{
    uint32_t id;
    const struct sg_labels *l = set("__name__", name);
    assert_int_equal(sg_store_intern(f->store, l, &f->source, &id, NULL), 0);
    sg_labels_unref(l);
}

static void put(struct fixture *f, const char *name, const char *trace, double v, int64_t t)
{
    struct sg_batch *b = sg_batch_new(&f->source, 1, T0);
    struct sg_exemplar e = {set("__name__", name), set("trace_id", trace), v, t};
    sg_batch_add_exemplar_take(b, e);
    assert_false(sg_batch_empty(b));
    sg_store_apply_take(f->store, b, T0);
}

static void note(void *ctx, const struct sg_exemplar *e)
{
    struct fixture *f = ctx;
    assert_true(f->n < SG_ARRAY_LEN(f->found));
    f->found[f->n++] = *e;
}

static size_t count(struct fixture *f)
{
    f->n = 0;
    sg_store_exemplars_each(f->store, note, f);
    return f->n;
}

static unsigned long long dropped(const struct fixture *f)
{
    return atomic_load(&sg_store_get_stats(f->store)->exemplars_dropped);
}

static void test_exemplars__of_a_series_that_is_there_are_kept(void **state)
{
    struct fixture *f = *state;
    born(f, "m");
    put(f, "m", "abc", 2.5, T0);
    put(f, "nobody", "abc", 1, T0);
    assert_int_equal(count(f), 1);
    assert_true(f->found[0].value == 2.5 && f->found[0].time_ms == T0);
    struct sg_str trace = sg_labels_get(f->found[0].labels, SG_STR("trace_id"));
    assert_true(sg_str_eq_c(trace, "abc"));
    assert_int_equal(dropped(f), 1);
}

static void test_exemplars__only_newer_ones_of_a_series_are_kept(void **state)
{
    struct fixture *f = *state;
    born(f, "m");
    put(f, "m", "a", 1, T0);
    put(f, "m", "a", 1, T0); /* the same again is no loss */
    assert_int_equal(dropped(f), 0);
    put(f, "m", "b", 1, T0);
    put(f, "m", "c", 1, T0 - 1);
    assert_int_equal(dropped(f), 2);
    put(f, "m", "d", 1, T0 + 1);
    assert_int_equal(count(f), 2);
}

static void test_exemplars__the_oldest_give_way(void **state)
{
    struct fixture *f = *state;
    char trace[16];
    born(f, "m");
    born(f, "n");
    for (int i = 0; i < 50; i++) {
        snprintf(trace, sizeof(trace), "%d", i);
        put(f, i % 2 ? "m" : "n", trace, i, T0 + i);
    }
    assert_int_equal(count(f), 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(f->found[i].value >= 46);
    assert_int_equal(dropped(f), 0);
    /* Whose last one has left the ring begins anew, with any time. */
    for (int i = 0; i < 4; i++)
        put(f, "m", "x", i, T0 + 100 + i);
    put(f, "n", "y", 7, T0);
    assert_int_equal(dropped(f), 0);
    assert_int_equal(atomic_load(&sg_store_get_stats(f->store)->exemplars), 55);
}

static void test_exemplars__too_long_ones_are_dropped(void **state)
{
    struct fixture *f = *state;
    char trace[400];
    born(f, "m");
    memset(trace, 'x', sizeof(trace));
    trace[128 - 8 + 1] = 0; /* 8: "trace_id" */
    put(f, "m", trace, 1, T0);
    assert_int_equal(dropped(f), 1);
    trace[128 - 8] = 0;
    put(f, "m", trace, 1, T0);
    for (int i = 0; i < 120; i++) /* characters count, not bytes */
        memcpy(trace + 2 * i, "é", 2);
    trace[240] = 0;
    put(f, "m", trace, 1, T0 + 1);
    assert_int_equal(count(f), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exemplars__of_a_series_that_is_there_are_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_exemplars__only_newer_ones_of_a_series_are_kept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_exemplars__the_oldest_give_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exemplars__too_long_ones_are_dropped, setup, teardown),
    };
    return cmocka_run_group_tests_name("series/exemplars", tests, NULL, NULL);
}
