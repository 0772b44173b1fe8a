/* test_publisher.c - slots and what changed: frames of a track. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/frame.h>
#include <streamgauge/rand.h>

enum { N = 8 };

struct fixture {
    struct sg_publisher pub;
    struct sg_topic *topic;
    struct sg_track *track;
    const struct sg_labels *labels[N];
    int64_t now_ms;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    sg_publisher_init(&f->pub, 7);
    sg_topic_unref(sg_publisher_topic(&f->pub, SG_STR(""), 0));
    f->topic = sg_publisher_topic(&f->pub, SG_STR("up"), 1000);
    f->track = sg_track_new(&f->pub, f->topic, 4, 5000);
    for (int i = 0; i < N; i++) {
        char v[2] = {(char)('a' + i), 0};
        SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
        sg_labels_builder_init(&b);
        sg_labels_builder_set(&b, SG_STR("l"), sg_str_from(v));
        f->labels[i] = sg_labels_builder_build(&b);
    }
    f->now_ms = 1000;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_track_free(f->track);
    sg_topic_unref(f->topic);
    for (int i = 0; i < N; i++)
        sg_labels_unref(f->labels[i]);
    free(f);
    return 0;
}

/* Result of a tick as text: "b=2 a=1", '-' for an absent row. Version 0: rows come as they like. */
static struct sg_frame *tick_v(struct fixture *f, const char *rows, uint64_t version,
                               uint32_t *left_out)
{
    const struct sg_labels *labels[N];
    double value[N];
    uint64_t present[N] = {0};
    size_t n = 0;
    for (const char *p = rows; *p;) {
        char *end;
        labels[n] = f->labels[*p - 'a'];
        value[n] = 0;
        if (p[2] == '-' && (p[3] == ' ' || !p[3])) {
            end = (char *)(uintptr_t)p + 3;
        } else {
            value[n] = strtod(p + 2, &end);
            present[n] = 1;
        }
        n++;
        p = end + (*end == ' ');
    }
    struct sg_rows r = {
        .n = n, .version = version, .labels = labels, .value = value, .present = present};
    f->now_ms += 1000;
    return sg_track_update(f->track, f->now_ms, &r, left_out);
}

/* The frame of such a tick as text; "" when there is none. */
static const char *tick(struct fixture *f, const char *rows)
{
    static char text[1024];
    struct sg_frame *frame = tick_v(f, rows, 0, NULL);
    text[0] = 0;
    if (!frame)
        return text;
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 100000);
    sg_frame_json(frame, &b);
    snprintf(text, sizeof(text), "%s", sg_buf_cstr(&b));
    sg_frame_unref(frame);
    return text;
}

static void test_track__opens_with_a_full(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(tick(f, "a=1 b=2.5"),
                        "{\"type\":\"full\",\"s\":1,\"o\":1,\"t\":2000,\"series\":[{\"l\":\"a\"},{"
                        "\"l\":\"b\"}],\"points\":[[2000,[1,2.5]]]}");
}

static void test_track__an_empty_result_opens_too(void **state)
{
    assert_string_equal(tick(*state, ""), "{\"type\":\"full\",\"s\":1,\"o\":1,\"t\":2000,"
                                          "\"series\":[],\"points\":[[2000,[]]]}");
}

static void test_track__tells_only_what_changed(void **state)
{
    struct fixture *f = *state;
    tick(f, "a=1 b=2");
    assert_string_equal(tick(f, "a=1 b=3"), "{\"s\":1,\"o\":2,\"t\":3000,\"d\":[1,3]}");
    assert_string_equal(tick(f, "a=1 b=3"), "");
    assert_string_equal(tick(f, "b=3 a=1"), ""); /* another order is no change */
}

static void test_track__nan_is_a_value_and_equals_itself(void **state)
{
    struct fixture *f = *state;
    tick(f, "a=1");
    assert_string_equal(tick(f, "a=nan"), "{\"s\":1,\"o\":2,\"t\":3000,\"d\":[0,\"NaN\"]}");
    assert_string_equal(tick(f, "a=nan"), "");
    assert_string_equal(tick(f, "a=-inf"), "{\"s\":1,\"o\":3,\"t\":5000,\"d\":[0,\"-Inf\"]}");
    assert_string_equal(tick(f, "a=-0"), "{\"s\":1,\"o\":4,\"t\":6000,\"d\":[0,-0]}");
}

static void test_track__a_missing_series_goes_stale_then_away(void **state)
{
    struct fixture *f = *state;
    tick(f, "a=1 b=2");
    assert_string_equal(tick(f, "b=2"), "{\"s\":1,\"o\":2,\"t\":3000,\"d\":[0,null]}");
    for (int i = 0; i < 4; i++)
        assert_string_equal(tick(f, "b=2"), "");
    assert_string_equal(tick(f, "b=2"), "{\"s\":1,\"o\":3,\"t\":8000,\"d\":[],\"del\":[0]}");
    assert_int_equal(sg_track_series(f->track), 1);
    /* Its slot is given to the next one. */
    assert_string_equal(tick(f, "b=2 c=9"),
                        "{\"s\":1,\"o\":4,\"t\":9000,\"d\":[0,9],\"add\":[[0,{\"l\":\"c\"}]]}");
}

static void test_track__a_series_that_comes_back_keeps_its_slot(void **state)
{
    struct fixture *f = *state;
    tick(f, "a=1 b=2");
    tick(f, "b=2");
    assert_string_equal(tick(f, "a=1 b=2"), "{\"s\":1,\"o\":3,\"t\":4000,\"d\":[0,1]}");
}

static void test_track__the_cap_leaves_out_and_counts(void **state)
{
    struct fixture *f = *state;
    uint32_t left_out = 0;
    sg_frame_unref(tick_v(f, "a=1 b=1 c=1 d=1 e=1 f=1", 0, &left_out));
    assert_int_equal(left_out, 2);
    assert_int_equal(sg_track_series(f->track), 4);
    struct sg_frame *full = sg_track_full(f->track);
    struct sg_buf text;
    sg_buf_init(&text, 4096);
    sg_frame_json(full, &text);
    assert_non_null(strstr(sg_buf_cstr(&text), "[1,1,1,1]]],\"leftOut\":2}"));
    sg_buf_deinit(&text);
    sg_frame_unref(full);
}

/* The simple form's number is the sum of the result, not of the part that fits. */
static void test_track__the_sum_is_of_those_left_out_too(void **state)
{
    struct fixture *f = *state;
    struct sg_frame *frame = tick_v(f, "a=1 b=1 c=1 d=1 e=10 f=20", 0, NULL);
    assert_true(frame->sum == 34);
    sg_frame_unref(frame);
    frame = tick_v(f, "a=1 b=1 c=1 d=1 e=10 f=21", 0, NULL);
    assert_non_null(frame);
    assert_true(frame->sum == 35 && frame->sum_changed && frame->n_values == 0);
    sg_frame_unref(frame);
    assert_null(tick_v(f, "a=1 b=1 c=1 d=1 e=11 f=20", 0, NULL)); /* nobody sees a difference */
    frame = tick_v(f, "a=1 b=1 c=1 d=1", 0, NULL);
    assert_non_null(frame);
    assert_true(frame->sum == 4 && frame->sum_changed);
    sg_frame_unref(frame);
    assert_null(tick_v(f, "a=1 b=1 c=1 d=1", 0, NULL));
}

static void test_track__at_the_cap_stale_slots_make_room_at_once(void **state)
{
    struct fixture *f = *state;
    tick(f, "a=1 b=1 c=1 d=1");
    tick(f, "b=1 c=1 d=1 e=1"); /* a goes stale, e has to wait */
    assert_string_equal(tick(f, "b=1 c=1 d=1 e=1"),
                        "{\"s\":1,\"o\":3,\"t\":4000,\"d\":[],\"del\":[0],\"leftOut\":1}");
    assert_string_equal(tick(f, "b=1 c=1 d=1 e=1"), "{\"s\":1,\"o\":4,\"t\":5000,\"d\":[0,1],"
                                                    "\"add\":[[0,{\"l\":\"e\"}]],\"leftOut\":0}");
    assert_string_equal(tick(f, "b=2 c=1 d=1 e=1"), "{\"s\":1,\"o\":5,\"t\":6000,\"d\":[1,2]}");
}

static void test_track__rows_of_one_version_need_no_labels(void **state)
{
    struct fixture *f = *state;
    sg_frame_unref(tick_v(f, "a=1 b=-", 5, NULL));
    struct sg_frame *frame = tick_v(f, "a=1 b=4", 5, NULL);
    assert_int_equal(frame->n_add, 1);
    assert_int_equal(frame->index[0], 1);
    sg_frame_unref(frame);
    /* New version: row 0 is another series now, and row 1 is absent; then it comes under the same
     * version. */
    frame = tick_v(f, "c=7 d=-", 6, NULL);
    assert_int_equal(frame->add[0].index, 2);
    sg_frame_unref(frame);
    frame = tick_v(f, "c=7 d=8", 6, NULL);
    assert_int_equal(frame->n_add, 1);
    assert_true(sg_labels_eq(frame->add[0].labels, f->labels[3]));
    assert_int_equal(frame->n_values, 1);
    assert_true(frame->value[0] == 8);
    sg_frame_unref(frame);
}

static void test_track__an_error_is_ended_by_a_full(void **state)
{
    struct fixture *f = *state;
    struct sg_error err = {.code = SG_EEXECUTION, .text = "no"};
    tick(f, "a=1");
    struct sg_frame *e = sg_track_error(f->track, 2500, &err);
    assert_int_equal(e->kind, SG_FRAME_ERROR);
    assert_int_equal(e->prev, 1);
    assert_true(e->sum_changed && sg_is_stale(e->sum));
    sg_frame_unref(e);
    struct sg_frame *full = sg_track_full(f->track);
    assert_string_equal(full->error->text, "no");
    sg_frame_unref(full);
    struct sg_frame *next = tick_v(f, "a=1", 0, NULL);
    assert_int_equal(next->kind, SG_FRAME_FULL);
    assert_int_equal(next->prev, 2);
    assert_null(next->error);
    sg_frame_unref(next);
}

static void test_track__a_first_evaluation_that_fails_opens_with_the_error(void **state)
{
    struct fixture *f = *state;
    struct sg_error err = {.code = SG_EEXECUTION, .text = "no"};
    struct sg_frame *e = sg_track_error(f->track, 2500, &err);
    assert_int_equal(e->kind, SG_FRAME_FULL);
    assert_int_equal(e->n_slots, 0);
    assert_non_null(e->error);
    sg_frame_unref(e);
}

static void test_track__a_full_is_as_new_as_the_last_evaluation(void **state)
{
    struct fixture *f = *state;
    assert_null(sg_track_full(f->track));
    tick(f, "a=1"); /* 2000 */
    assert_string_equal(tick(f, "a=1"), "");
    struct sg_frame *full = sg_track_full(f->track);
    assert_int_equal(full->time_ms, 3000);
    assert_int_equal(full->offset, 1);
    sg_frame_unref(full);
    struct sg_error err = {.code = SG_EEXECUTION, .text = "no"};
    sg_frame_unref(sg_track_error(f->track, 3500, &err));
    full = sg_track_full(f->track);
    assert_int_equal(full->time_ms, 3500);
    sg_frame_unref(full);
}

static void test_track__the_sum_follows(void **state)
{
    struct fixture *f = *state;
    struct sg_frame *a = tick_v(f, "a=1 b=2", 0, NULL);
    assert_true(a->sum == 3 && a->sum_changed);
    sg_frame_unref(a);
    a = tick_v(f, "a=2 b=1", 0, NULL);
    assert_true(a->sum == 3 && !a->sum_changed);
    sg_frame_unref(a);
    a = tick_v(f, "", 0, NULL);
    assert_true(sg_is_stale(a->sum) && a->sum_changed);
    sg_frame_unref(a);
}

/* Random results; replaying the frames gives the rows again, whatever the order, arrivals and
 * departures. */
static void test_track__frames_add_up_to_the_rows(void **state)
{
    struct fixture *f = *state;
    struct sg_prng g = {3};
    const struct sg_labels *have[16] = {0};
    double value[16] = {0};
    for (int step = 0; step < 3000; step++) {
        char rows[128] = "";
        double want[N];
        for (int i = 0, used = 0; i < N; i++) {
            int k = (i + step) % N;
            want[k] = sg_stale_nan();
            if (used == 4 || sg_prng_below(&g, 3) == 0)
                continue;
            want[k] = (double)sg_prng_below(&g, 4);
            used++;
            snprintf(rows + strlen(rows), sizeof(rows) - strlen(rows), "%s%c=%g",
                     rows[0] ? " " : "", 'a' + k, want[k]);
        }
        uint32_t left_out = 0;
        struct sg_frame *frame = tick_v(f, rows, 0, &left_out);
        for (uint32_t i = 0; frame && i < frame->n_del; i++)
            have[frame->del[i]] = NULL;
        for (uint32_t i = 0; frame && i < frame->n_add; i++)
            have[frame->add[i].index] = frame->add[i].labels;
        for (uint32_t i = 0; frame && i < frame->n_values; i++)
            value[frame->index ? frame->index[i] : i] = frame->value[i];
        uint32_t shown = 0, wanted = 0;
        for (int i = 0; i < N; i++)
            wanted += sg_is_stale(want[i]) ? 0 : 1;
        for (int s = 0; s < 16; s++) {
            for (int i = 0; have[s] && i < N; i++)
                if (sg_labels_eq(have[s], f->labels[i])) {
                    have[s] = f->labels[i]; /* outlives the frame */
                    shown += sg_is_stale(value[s]) ? 0 : 1;
                    assert_int_equal(sg_double_bits(value[s]), sg_double_bits(want[i]));
                }
        }
        assert_int_equal(shown + left_out, wanted);
        sg_frame_unref(frame);
    }
}

static void test_event_id__reads_back(void **state)
{
    (void)state;
    char id[SG_EVENT_ID_MAX];
    uint64_t epoch = 0, offset = 0;
    size_t n = sg_event_id_format(UINT64_C(0x5f3a9c1e00c0ffee), 8813, id);
    assert_int_equal(n, 21);
    assert_memory_equal(id, "5f3a9c1e00c0ffee-8813", 21);
    assert_int_equal(sg_event_id_parse(sg_str_make(id, n), &epoch, &offset), 0);
    assert_true(epoch == UINT64_C(0x5f3a9c1e00c0ffee) && offset == 8813);
    static const char *const bad[] = {"",
                                      "5f3a9c1e00c0ffee",
                                      "5f3a9c1e00c0ffee-",
                                      "5F3a9c1e00c0ffee-1",
                                      "5f3a9c1e00c0ffee-+1",
                                      "5f3a9c1e00c0ffee-1x",
                                      "5f3a9c1e00c0ffee-99999999999999999999999"};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++)
        assert_int_equal(sg_event_id_parse(sg_str_from(bad[i]), &epoch, &offset), SG_ESYNTAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_track__opens_with_a_full),
        T(test_track__an_empty_result_opens_too),
        T(test_track__tells_only_what_changed),
        T(test_track__nan_is_a_value_and_equals_itself),
        T(test_track__a_missing_series_goes_stale_then_away),
        T(test_track__a_series_that_comes_back_keeps_its_slot),
        T(test_track__the_cap_leaves_out_and_counts),
        T(test_track__the_sum_is_of_those_left_out_too),
        T(test_track__at_the_cap_stale_slots_make_room_at_once),
        T(test_track__rows_of_one_version_need_no_labels),
        T(test_track__an_error_is_ended_by_a_full),
        T(test_track__a_first_evaluation_that_fails_opens_with_the_error),
        T(test_track__a_full_is_as_new_as_the_last_evaluation),
        T(test_track__the_sum_follows),
        T(test_track__frames_add_up_to_the_rows),
        cmocka_unit_test(test_event_id__reads_back),
    };
    return cmocka_run_group_tests_name("hub/publisher", tests, NULL, NULL);
}
