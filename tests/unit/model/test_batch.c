/* test_batch.c - batches own what they carry; sample columns and selections grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/batch.h>
#include <streamgauge/mem.h>
#include <streamgauge/querier.h>

static void test_batch__frees_what_it_carries(void **state)
{
    (void)state;
    struct sg_source source = {0};
    struct sg_batch *b = sg_batch_new(&source, 4, 123);
    struct sg_series_cell *cell = sg_series_cell_new();
    size_t empty = sg_batch_size(b);
    for (uint32_t i = 0; i < 50; i++) {
        struct sg_labels_builder lb;
        sg_labels_builder_init(&lb);
        sg_labels_builder_set(&lb, SG_STR("a"), SG_STR("b"));
        assert_int_equal(sg_batch_add_birth_take(b, sg_labels_builder_build(&lb),
                                                 i % 2 ? sg_series_cell_ref(cell) : NULL),
                         i);
        sg_labels_builder_deinit(&lb);
        sg_batch_add_metadata(b, SG_STR("m"), SG_METRIC_GAUGE, SG_STR("help"),
                              (struct sg_str){NULL, 0});
        assert_int_equal(sg_batch_add_histogram_take(b, sg_histogram_new(3, 2, 0)), i);
    }
    sg_batch_add_point(b, (struct sg_point){.series = 1});
    assert_int_equal(b->n_points, 1);
    assert_string_equal(b->metadata[49].metric, "m");
    assert_string_equal(b->metadata[49].help, "help");
    assert_null(b->metadata[49].unit);
    assert_true(sg_batch_size(b) > empty + 50 * 100);
    sg_batch_free(b);
    assert_int_equal(atomic_load(&cell->refs), 1);
    assert_int_equal(atomic_load(&cell->id), SG_CELL_PENDING);
    sg_series_cell_unref(cell);
    sg_batch_free(NULL);
}

static void test_samples__grow_with_objects_and_forget_them(void **state)
{
    (void)state;
    struct sg_samples s;
    sg_samples_init(&s);
    sg_samples_reserve(&s, 3);
    s.n = 3;
    assert_null(s.obj);
    sg_samples_want_objects(&s, SG_KIND_HISTOGRAM);
    assert_int_equal(s.kind, SG_KIND_HISTOGRAM);
    sg_samples_reserve(&s, 1000);
    for (size_t i = 0; i < s.cap; i++)
        assert_null(s.obj[i]);
    sg_samples_reset(&s);
    assert_int_equal(s.n, 0);
    assert_null(s.obj);
    assert_true(s.cap >= 1000);
    sg_samples_deinit(&s);
}

static void test_selection__keeps_what_is_added(void **state)
{
    (void)state;
    struct sg_selection sel;
    sg_selection_init(&sel);
    for (uint32_t i = 0; i < 100; i++)
        sg_selection_add(&sel, (struct sg_selected){.id = i});
    assert_int_equal(sel.n, 100);
    assert_int_equal(sel.series[99].id, 99);
    sg_selection_deinit(&sel);
    assert_int_equal(sel.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch__frees_what_it_carries),
        cmocka_unit_test(test_samples__grow_with_objects_and_forget_them),
        cmocka_unit_test(test_selection__keeps_what_is_added),
    };
    return cmocka_run_group_tests_name("model/batch", tests, NULL, NULL);
}
