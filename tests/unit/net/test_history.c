/* test_history.c - what a subscriber wants from before now: evaluated, and handed to a hub. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_rig.h"
#include "mem_querier.c" /* NOLINT: a test program has a single source */
#include "net/history.h"

#include <streamgauge/time.h>

struct fixture {
    struct rig r;
    struct client_model c;
    struct line l;
    struct sg_mem_store *store;
};

static int never(void *ctx)
{
    (void)ctx;
    return 0;
}

/* `series` series with a sample per second, and a subscriber that asks for `history` of x. */
static struct fixture *begin(size_t series, const char *history)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char text[256];
    rig_init(&f->r);
    cm_init(&f->c, CM_WS);
    line_open(&f->r, &f->l, &f->c, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(f->l.session);
    rig_topic(&f->r, "x", 1000)->present[0] = true;
    rig_topic(&f->r, "x", 100)->present[0] = true;
    cm_expect(&f->c, "a");
    snprintf(text, sizeof(text),
             "{\"action\":\"subscribe\",\"id\":\"a\",\"query\":\"x\",\"history\":\"%s\"}", history);
    line_say(&f->l, text);
    rig_step(&f->r);
    assert_int_equal(f->r.histories, 1);
    f->store = sg_mem_store_new();
    for (size_t i = 0; i < series; i++) {
        struct sg_labels_builder b;
        snprintf(text, sizeof(text), "%zu", i);
        sg_labels_builder_init(&b);
        sg_labels_builder_set(&b, SG_METRIC_NAME, SG_STR("x"));
        sg_labels_builder_set(&b, SG_STR("i"), sg_str_from(text));
        size_t at = sg_mem_series_take(f->store, sg_labels_builder_build(&b));
        sg_labels_builder_deinit(&b);
        sg_mem_append(f->store, at, f->r.history.end_ms - 1000, 1.5);
    }
    return f;
}

static void tell(struct fixture *f)
{
    struct sg_querier q = sg_mem_querier(f->store);
    struct sg_history_request rq = f->r.history;
    rq.key = SG_STR("last_over_time(x[1h])");
    struct sg__history *h = sg__history_new(&rq);
    sg__history_run(h, &q, NULL, never, NULL);
    sg__history_hand_over(h, f->r.hub);
    sg__history_free(h);
    rig_flush(&f->r);
}

static void finish(struct fixture *f)
{
    assert_int_equal(f->c.violations, 0);
    sg_mem_store_free(f->store);
    line_cut(&f->l);
    cm_deinit(&f->c);
    rig_deinit(&f->r);
    free(f);
}

static void test_history__comes_with_the_first_full(void **state)
{
    (void)state;
    struct fixture *f = begin(3, "10s");
    tell(f);
    assert_int_equal(f->c.errors, 0);
    assert_int_equal(cm_find(&f->c, "a")->fulls, 1);
    assert_true(cm_find(&f->c, "a")->history_points >= 10);
    finish(f);
}

/* Ends no evaluation, but lets some ticks go by during the first. */
static int linger(void *ctx)
{
    int64_t *until_us = ctx;
    if (!*until_us)
        *until_us = sg_mono_now_us() + 250 * 1000;
    while (sg_mono_now_us() < *until_us)
        ;
    return 0;
}

/* The full is of now, however long the history waited and took: what went by is not missing. */
static void test_history__reaches_up_to_the_ticks_that_went_by(void **state)
{
    (void)state;
    struct fixture *f = begin(3, "10s\",\"interval\":\"100ms");
    struct sg_querier q = sg_mem_querier(f->store);
    struct sg_history_request rq = f->r.history;
    uint32_t asked = rq.max_points;
    rq.key = SG_STR("last_over_time(x[1h])");
    struct sg__history *h = sg__history_new(&rq);
    int64_t until_us = 0;
    linger(&until_us); /* in the queue */
    until_us = 0;
    sg__history_run(h, &q, NULL, linger, &until_us);
    assert_true(until_us > 0);
    for (int i = 0; i < 20; i++)
        rig_step(&f->r);
    sg__history_hand_over(h, f->r.hub);
    sg__history_free(h);
    rig_flush(&f->r);
    assert_int_equal(f->c.errors, 0);
    assert_true(cm_find(&f->c, "a")->history_points >= asked + 4);
    assert_int_equal(cm_find(&f->c, "a")->ended, 3); /* each once, in both parts */
    finish(f);
}

/* The edge's loop would be busy with it for too long, whatever becomes of it. */
static void test_history__of_too_many_values_names_the_limit(void **state)
{
    (void)state;
    struct fixture *f = begin(400, "3000s"); /* 1.2 million */
    tell(f);
    assert_string_equal(f->c.last_error_code, "limit");
    assert_non_null(strstr(f->c.last_error, "limit of 1000000 values of history"));
    assert_int_equal(cm_find(&f->c, "a")->fulls, 1);
    assert_int_equal(cm_find(&f->c, "a")->history_points, 0);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__comes_with_the_first_full),
        cmocka_unit_test(test_history__reaches_up_to_the_ticks_that_went_by),
        cmocka_unit_test(test_history__of_too_many_values_names_the_limit),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
