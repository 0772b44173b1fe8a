#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/wheel.h"

struct probe {
    struct sg__wheel wheel;
    struct sg__wheel_entry entry[8];
    unsigned fired[8];
    int64_t now;
    int again;  /* entry to arm anew when it fires, -1: none */
    int cancel; /* entry to cancel when another fires, -1: none */
};

static int set_up(void **state)
{
    static struct probe p;
    p = (struct probe){.now = 1000000, .again = -1, .cancel = -1};
    sg__wheel_init(&p.wheel, p.now);
    for (int i = 0; i < 8; i++)
        sg__wheel_entry_init(&p.entry[i]);
    *state = &p;
    return 0;
}

static void fire(void *ctx, struct sg__wheel_entry *e)
{
    struct probe *p = ctx;
    int i = (int)(e - p->entry);
    p->fired[i]++;
    if (i == p->again)
        sg__wheel_set(&p->wheel, e, p->now);
    if (p->cancel >= 0)
        sg__wheel_cancel(&p->wheel, &p->entry[p->cancel]);
}

static uint32_t turn(struct probe *p, int64_t ms)
{
    p->now += ms;
    return sg__wheel_turn(&p->wheel, p->now, fire, p);
}

static void test_wheel__fires_within_a_slot_and_never_early(void **state)
{
    struct probe *p = *state;
    sg__wheel_set(&p->wheel, &p->entry[0], p->now + 250);
    turn(p, 200);
    assert_int_equal(p->fired[0], 0);
    turn(p, 49);
    assert_int_equal(p->fired[0], 0);
    turn(p, SG__WHEEL_SLOT_MS + 1);
    assert_int_equal(p->fired[0], 1);
    assert_false(sg__wheel_armed(&p->entry[0]));
}

static void test_wheel__waits_more_than_a_turn(void **state)
{
    struct probe *p = *state;
    int64_t round = (int64_t)SG__WHEEL_SLOTS * SG__WHEEL_SLOT_MS;
    sg__wheel_set(&p->wheel, &p->entry[0], p->now + 2 * round + 500);
    for (int i = 0; i < 2 * SG__WHEEL_SLOTS; i++)
        turn(p, SG__WHEEL_SLOT_MS);
    assert_int_equal(p->fired[0], 0);
    for (int i = 0; i < 6; i++)
        turn(p, SG__WHEEL_SLOT_MS);
    assert_int_equal(p->fired[0], 1);
}

static void test_wheel__past_deadline_fires_at_the_next_turn(void **state)
{
    struct probe *p = *state;
    sg__wheel_set(&p->wheel, &p->entry[0], p->now - 5000);
    turn(p, SG__WHEEL_SLOT_MS);
    assert_int_equal(p->fired[0], 1);
}

static void test_wheel__moved_entry_fires_once_at_the_new_time(void **state)
{
    struct probe *p = *state;
    sg__wheel_set(&p->wheel, &p->entry[0], p->now + 300);
    sg__wheel_set(&p->wheel, &p->entry[0], p->now + 900);
    turn(p, 600);
    assert_int_equal(p->fired[0], 0);
    turn(p, 500);
    assert_int_equal(p->fired[0], 1);
    assert_int_equal(p->wheel.armed, 0);
}

static void test_wheel__cancelled_entry_is_silent(void **state)
{
    struct probe *p = *state;
    sg__wheel_set(&p->wheel, &p->entry[0], p->now + 300);
    sg__wheel_cancel(&p->wheel, &p->entry[0]);
    sg__wheel_cancel(&p->wheel, &p->entry[0]);
    turn(p, 5000);
    assert_int_equal(p->fired[0], 0);
}

static void test_wheel__firing_may_cancel_a_neighbour_of_the_same_slot(void **state)
{
    struct probe *p = *state;
    p->cancel = 1;
    sg__wheel_set(&p->wheel, &p->entry[0], p->now + 300);
    sg__wheel_set(&p->wheel, &p->entry[1], p->now + 300);
    sg__wheel_set(&p->wheel, &p->entry[2], p->now + 300);
    turn(p, 1000);
    assert_int_equal(p->fired[0], 1);
    assert_int_equal(p->fired[1], 0);
    assert_int_equal(p->fired[2], 1);
    assert_int_equal(p->wheel.armed, 0);
}

static void test_wheel__rearming_within_fire_does_not_loop(void **state)
{
    struct probe *p = *state;
    p->again = 0;
    sg__wheel_set(&p->wheel, &p->entry[0], p->now + 100);
    turn(p, 300);
    assert_in_range(p->fired[0], 1, 3);
    unsigned before = p->fired[0];
    turn(p, SG__WHEEL_SLOT_MS);
    assert_int_equal(p->fired[0], before + 1);
}

static void test_wheel__long_pause_fires_everything_due_once(void **state)
{
    struct probe *p = *state;
    for (int i = 0; i < 8; i++)
        sg__wheel_set(&p->wheel, &p->entry[i], p->now + 100 + 7000 * i);
    assert_int_equal(turn(p, 10 * (int64_t)SG__WHEEL_SLOTS * SG__WHEEL_SLOT_MS), 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(p->fired[i], 1);
    assert_int_equal(p->wheel.armed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_wheel__fires_within_a_slot_and_never_early, set_up),
        cmocka_unit_test_setup(test_wheel__waits_more_than_a_turn, set_up),
        cmocka_unit_test_setup(test_wheel__past_deadline_fires_at_the_next_turn, set_up),
        cmocka_unit_test_setup(test_wheel__moved_entry_fires_once_at_the_new_time, set_up),
        cmocka_unit_test_setup(test_wheel__cancelled_entry_is_silent, set_up),
        cmocka_unit_test_setup(test_wheel__firing_may_cancel_a_neighbour_of_the_same_slot, set_up),
        cmocka_unit_test_setup(test_wheel__rearming_within_fire_does_not_loop, set_up),
        cmocka_unit_test_setup(test_wheel__long_pause_fires_everything_due_once, set_up),
    };
    return cmocka_run_group_tests_name("net/wheel", tests, NULL, NULL);
}
