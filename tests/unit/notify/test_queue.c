/* test_queue.c - what waits for one target. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>

#include "notify/kind.h"
#include "notify/queue.h"

#define WALL INT64_C(1795316645000)

struct fixture {
    struct sg__target target;
    struct sg__queue *q;
    struct sg_prng prng;
};

static int setup(void **state)
{
    struct fixture *f = sg_calloc(1, sizeof(*f));
    f->target = (struct sg__target){.kind = &sg__kind_webhook, .concurrency = 2};
    f->q = sg__queue_new(SG_STR("team/webhook/0"));
    f->prng.state = 7;
    sg__queue_aim(f->q, &f->target, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg__queue_free(f->q);
    sg_free(f);
    return 0;
}

static void push(struct fixture *f, uint64_t id, const char *order, int64_t next_in_ms,
                 int64_t mono)
{
    struct sg_outbox_row *row = sg_calloc(1, sizeof(*row));
    *row = (struct sg_outbox_row){.id = id,
                                  .created_ms = WALL,
                                  .next_ms = next_in_ms ? WALL + next_in_ms : 0,
                                  .order_key = sg_str_from(order),
                                  .push = SG_STR("")};
    sg__queue_push_take(f->q, row, WALL, mono);
}

static struct sg__item *next(struct fixture *f, int64_t mono)
{
    int64_t wait;
    return sg__queue_next(f->q, mono, &wait);
}

static uint64_t next_id(struct fixture *f, int64_t mono)
{
    struct sg__item *item = next(f, mono);
    uint64_t id = item ? item->row->id : 0;
    if (item)
        sg__queue_done(f->q, item);
    return id;
}

static void test_queue__rows_of_one_order_key_go_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    push(f, 1, "a", 0, 0);
    push(f, 2, "a", 0, 0);
    struct sg__item *first = next(f, 0);
    assert_int_equal(first->row->id, 1);
    assert_null(next(f, 0));
    sg__queue_done(f->q, first);
    assert_int_equal(next_id(f, 0), 2);
}

static void test_queue__a_row_that_waits_holds_back_its_lane_only(void **state)
{
    struct fixture *f = *state;
    push(f, 1, "a", 0, 0);
    push(f, 2, "a", 0, 0);
    push(f, 3, "b", 0, 0);
    struct sg__item *first = next(f, 0);
    sg__queue_again(f->q, first, 5000);
    assert_int_equal(next_id(f, 0), 3);
    assert_null(next(f, 4999));
    assert_int_equal(next_id(f, 5000), 1);
    assert_int_equal(next_id(f, 5000), 2);
}

static void test_queue__concurrency_is_a_limit(void **state)
{
    struct fixture *f = *state;
    push(f, 1, "a", 0, 0);
    push(f, 2, "b", 0, 0);
    push(f, 3, "c", 0, 0);
    struct sg__item *a = next(f, 0);
    assert_non_null(a);
    assert_non_null(next(f, 0));
    assert_null(next(f, 0));
    assert_int_equal(f->q->in_flight, 2);
    assert_int_equal(f->q->waiting, 1);
    sg__queue_done(f->q, a);
    assert_int_equal(next_id(f, 0), 3);
}

static void test_queue__goes_by_time_then_id(void **state)
{
    struct fixture *f = *state;
    uint64_t ids[100];
    char names[100][8];
    for (uint64_t i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "l%d", (int)i);
        push(f, i + 1, names[i], (int64_t)((i * 37) % 10) * 100, 0);
    }
    for (size_t i = 0; i < 100; i++)
        ids[i] = next_id(f, 1000);
    for (size_t i = 1; i < 100; i++) {
        uint64_t a = (ids[i - 1] - 1) * 37 % 10, b = (ids[i] - 1) * 37 % 10;
        assert_true(a < b || (a == b && ids[i - 1] < ids[i]));
    }
    assert_int_equal(next_id(f, 1000), 0);
}

static void test_queue__says_when_to_ask_again(void **state)
{
    struct fixture *f = *state;
    int64_t wait;
    assert_null(sg__queue_next(f->q, 0, &wait));
    assert_int_equal(wait, -1);
    push(f, 1, "a", 700, 100);
    assert_null(sg__queue_next(f->q, 100, &wait));
    assert_int_equal(wait, 700);
    assert_int_equal(sg__queue_due(f->q), 800);
}

static void test_queue__a_clock_that_jumped_does_not_hold_rows(void **state)
{
    struct fixture *f = *state;
    push(f, 1, "a", INT64_C(365) * 86400000, 0);
    assert_int_equal(next_id(f, SG__RETRY_AFTER_MAX_MS), 1);
}

static void test_queue__rate_spaces_attempts(void **state)
{
    struct fixture *f = *state;
    int64_t wait;
    f->target.rate = 1;
    sg__queue_aim(f->q, &f->target, 0);
    push(f, 1, "a", 0, 0);
    push(f, 2, "b", 0, 0);
    assert_int_equal(next_id(f, 0), 1);
    assert_null(sg__queue_next(f->q, 0, &wait));
    assert_int_equal(wait, 1000);
    assert_int_equal(next_id(f, 1000), 2);
}

static void test_queue__a_pause_holds_all(void **state)
{
    struct fixture *f = *state;
    push(f, 1, "a", 0, 0);
    push(f, 2, "b", 0, 0);
    struct sg__item *a = next(f, 0);
    sg__queue_failed(f->q, 0, 60000, &f->prng);
    sg__queue_again(f->q, a, 500);
    assert_null(next(f, 59999));
    assert_int_equal(next_id(f, 60000), 2);
}

static void test_queue__failures_in_a_row_leave_one_probe(void **state)
{
    struct fixture *f = *state;
    push(f, 1, "a", 0, 0);
    push(f, 2, "b", 0, 0);
    push(f, 3, "c", 0, 0);
    for (int i = 0; i < 3; i++) {
        struct sg__item *item = next(f, i);
        assert_non_null(item);
        sg__queue_failed(f->q, i, 0, &f->prng);
        sg__queue_again(f->q, item, i + 100000);
    }
    assert_true(f->q->paused_until_ms > 2 && f->q->paused_until_ms <= 2 + 30000);
    push(f, 4, "d", 0, 3);
    push(f, 5, "e", 0, 3);
    assert_null(next(f, 3));
    struct sg__item *probe = next(f, 40000);
    assert_int_equal(probe->row->id, 4);
    assert_null(next(f, 40000)); /* one at a time */
}

static void test_queue__what_waited_for_a_dead_target_is_due_when_it_is_back(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        static const char *const names[] = {"", "a", "b", "c"};
        push(f, i, names[i], 0, 0);
        struct sg__item *item = next(f, 0);
        sg__queue_failed(f->q, 0, 0, &f->prng);
        sg__queue_again(f->q, item, 250000);
    }
    assert_null(next(f, 40000));
    sg__queue_succeeded(f->q, 40000);
    assert_int_equal(next_id(f, 40000), 1);
    assert_int_equal(next_id(f, 40000), 2);
    assert_int_equal(next_id(f, 40000), 3);
}

/* ---- ten minutes without an answer, on a clock of its own ---- */

#define LANES 20
#define DOWN_MS INT64_C(600000)

struct outage {
    struct fixture *f;
    uint64_t pushed, delivered, attempts_down;
    uint64_t last[LANES]; /* delivered of each lane */
    int64_t last_delivery_ms;
};

static void attempt(struct outage *o, int64_t now)
{
    for (struct sg__item *item; (item = next(o->f, now));) {
        uint64_t id = item->row->id, lane = (id - 1) % LANES;
        if (now < DOWN_MS) {
            o->attempts_down++;
            sg__queue_failed(o->f->q, now, 0, &o->f->prng);
            sg__queue_again(o->f->q, item,
                            now + sg__backoff_ms(++item->row->attempts, &o->f->prng));
            continue;
        }
        assert_int_equal(id, o->last[lane] ? o->last[lane] + LANES : lane + 1);
        o->last[lane] = id;
        o->delivered++;
        o->last_delivery_ms = now;
        sg__queue_succeeded(o->f->q, now);
        sg__queue_done(o->f->q, item);
    }
}

static void test_queue__after_ten_minutes_without_an_answer_all_is_delivered_in_order(void **state)
{
    static const char names[LANES][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                         "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
    struct outage o = {.f = *state};
    for (int64_t now = 0; now < DOWN_MS + 120000; now += 10) {
        if (now % 1000 == 0 && now < DOWN_MS) {
            push(o.f, o.pushed + 1, names[o.pushed % LANES], 0, now);
            o.pushed++;
        }
        attempt(&o, now);
    }
    assert_int_equal(o.pushed, 600);
    assert_int_equal(o.delivered, o.pushed);
    /* A probe now and then, not an attempt per row; and back within the longest pause. */
    assert_in_range(o.attempts_down, 20, 200);
    assert_true(o.last_delivery_ms <= DOWN_MS + 31000);
}

static void test_queue__one_failure_pauses_nobody(void **state)
{
    struct fixture *f = *state;
    push(f, 1, "a", 0, 0);
    push(f, 2, "b", 0, 0);
    struct sg__item *a = next(f, 0);
    sg__queue_failed(f->q, 0, 0, &f->prng);
    sg__queue_again(f->q, a, 250000);
    assert_int_equal(next_id(f, 0), 2);
    sg__queue_succeeded(f->q, 0);
    assert_int_equal(next_id(f, 249999), 0); /* its own back-off holds */
}

static void test_queue__browsers_do_not_pause_each_other(void **state)
{
    struct fixture *f = *state;
    f->target.kind = &sg__kind_webpush;
    for (int i = 0; i < 10; i++)
        sg__queue_failed(f->q, 0, 60000, &f->prng);
    push(f, 1, "a", 0, 0);
    assert_int_equal(next_id(f, 0), 1);
}

static void push_to(struct fixture *f, uint64_t id, const char *endpoint)
{
    char text[256];
    int n = snprintf(text, sizeof(text), "{\"endpoint\":\"%s/%llu\"}", endpoint,
                     (unsigned long long)id);
    struct sg_outbox_row *row = sg_calloc(1, sizeof(*row) + sizeof(text));
    char *copy = memcpy(row + 1, text, sizeof(text));
    *row = (struct sg_outbox_row){
        .id = id, .created_ms = WALL, .order_key = SG_STR("g"), .push = {copy, (size_t)n}};
    sg__queue_push_take(f->q, row, WALL, 0);
}

static void test_queue__a_push_service_that_hangs_leaves_room_for_others(void **state)
{
    struct fixture *f = *state;
    struct sg__item *hanging[2];
    f->target.kind = &sg__kind_webpush;
    f->target.concurrency = 8;
    for (uint64_t i = 1; i <= 50; i++)
        push_to(f, i, i % 2 ? "https://a.evil.example" : "https://b.evil.example:444");
    push_to(f, 51, "https://good.example");
    push_to(f, 52, "https://good.example");
    hanging[0] = next(f, 0);
    hanging[1] = next(f, 0);
    assert_int_equal(hanging[0]->row->id, 1);
    assert_int_equal(hanging[1]->row->id, 2); /* names below one domain are one service */
    assert_int_equal(next_id(f, 0), 51);
    assert_int_equal(next_id(f, 0), 52);
    assert_null(next(f, 0));
    assert_int_equal(f->q->waiting, 48);
    sg__queue_answered(f->q, hanging[0], true);
    sg__queue_done(f->q, hanging[0]);
    hanging[0] = next(f, 0);
    assert_int_equal(hanging[0]->row->id, 3); /* the first that waited */
    assert_null(next(f, 0));
}

static void test_queue__a_push_service_that_fails_has_one_attempt_at_a_time(void **state)
{
    struct fixture *f = *state;
    f->target.kind = &sg__kind_webpush;
    f->target.concurrency = 16;
    for (uint64_t i = 1; i <= 20; i++)
        push_to(f, i, "https://evil.example");
    for (int i = 0; i < 3; i++) {
        struct sg__item *item = next(f, 0);
        sg__queue_answered(f->q, item, false);
        sg__queue_again(f->q, item, 100000);
    }
    struct sg__item *probe = next(f, 0);
    assert_int_equal(probe->row->id, 4);
    assert_null(next(f, 0));
    sg__queue_answered(f->q, probe, true);
    sg__queue_done(f->q, probe);
    for (uint64_t i = 5; i <= 8; i++)
        assert_int_equal(next(f, 0)->row->id, i);
    assert_null(next(f, 0));
}

static void test_queue__parked_rows_are_given_up_too(void **state)
{
    struct fixture *f = *state;
    f->target.kind = &sg__kind_webpush;
    for (uint64_t i = 1; i <= 5; i++)
        push_to(f, i, "https://evil.example");
    struct sg__item *item = next(f, 0);
    assert_null(next(f, 0));
    unsigned n = 0;
    for (struct sg__item *one; (one = sg__queue_any(f->q)); n++)
        sg__queue_done(f->q, one);
    assert_int_equal(n, 4);
    sg__queue_done(f->q, item);
    assert_int_equal(f->q->waiting, 0);
    assert_null(f->q->services);
}

static void test_queue__without_a_target_nothing_goes(void **state)
{
    struct fixture *f = *state;
    push(f, 1, "a", 0, 0);
    sg__queue_aim(f->q, NULL, 0);
    assert_null(next(f, 0));
    struct sg__item *item = sg__queue_any(f->q);
    assert_int_equal(item->row->id, 1);
    sg__queue_done(f->q, item);
    assert_null(sg__queue_any(f->q));
}

static void test_queue__knows_its_oldest(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sg__queue_oldest(f->q), 0);
    push(f, 1, "a", 0, 0);
    assert_int_equal(sg__queue_oldest(f->q), WALL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_queue__rows_of_one_order_key_go_one_after_the_other),
        T(test_queue__a_row_that_waits_holds_back_its_lane_only),
        T(test_queue__concurrency_is_a_limit),
        T(test_queue__goes_by_time_then_id),
        T(test_queue__says_when_to_ask_again),
        T(test_queue__a_clock_that_jumped_does_not_hold_rows),
        T(test_queue__rate_spaces_attempts),
        T(test_queue__a_pause_holds_all),
        T(test_queue__failures_in_a_row_leave_one_probe),
        T(test_queue__what_waited_for_a_dead_target_is_due_when_it_is_back),
        T(test_queue__after_ten_minutes_without_an_answer_all_is_delivered_in_order),
        T(test_queue__one_failure_pauses_nobody),
        T(test_queue__browsers_do_not_pause_each_other),
        T(test_queue__a_push_service_that_hangs_leaves_room_for_others),
        T(test_queue__a_push_service_that_fails_has_one_attempt_at_a_time),
        T(test_queue__parked_rows_are_given_up_too),
        T(test_queue__without_a_target_nothing_goes),
        T(test_queue__knows_its_oldest),
    };
    return cmocka_run_group_tests_name("notify/queue", tests, NULL, NULL);
}
