/* test_alerting_timers.c - the timer heap against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/rand.h>

#include "alert/alerting_timers.h"

static void test_timers__come_in_order_whatever_is_set_moved_and_cleared(void **state)
{
    (void)state;
    struct sg__timers t = {0};
    struct sg__timer timers[100] = {0};
    struct sg_prng g = {7};
    for (int round = 0; round < 20000; round++) {
        struct sg__timer *one = &timers[sg_prng_below(&g, 100)];
        if (sg_prng_below(&g, 4) == 0)
            sg__timers_clear(&t, one);
        else
            sg__timers_set(&t, one, (int64_t)sg_prng_below(&g, 1000));
        if (sg_prng_below(&g, 10))
            continue;
        int64_t now = (int64_t)sg_prng_below(&g, 1000), last = -1;
        size_t due = 0, set = 0;
        for (int i = 0; i < 100; i++)
            due += timers[i].pos && timers[i].due_ms <= now;
        for (struct sg__timer *p; (p = sg__timers_pop(&t, now)); due--) {
            assert_true(p->due_ms >= last && p->due_ms <= now && !p->pos);
            last = p->due_ms;
        }
        assert_int_equal(due, 0);
        for (int i = 0; i < 100; i++)
            set += timers[i].pos != 0;
        assert_int_equal(set, t.n);
    }
    sg__timers_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers__come_in_order_whatever_is_set_moved_and_cleared),
    };
    return cmocka_run_group_tests_name("alerting_timers", tests, NULL, NULL);
}
