/* test_epoch.c - nothing is freed under a reader, everything is freed after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <streamgauge/mem.h>

#include "series/epoch.h"

static unsigned freed;

static void count_free(void *p)
{
    freed++;
    sg_free(p);
}

static int setup(void **state)
{
    struct sg__epoch *e = sg_alloc(sizeof(*e));
    sg__epoch_init(e);
    freed = 0;
    *state = e;
    return 0;
}

static int teardown(void **state)
{
    sg__epoch_deinit(*state);
    sg_free(*state);
    return 0;
}

static void test_epoch__frees_at_once_when_nobody_reads(void **state)
{
    sg__epoch_retire(*state, sg_alloc(1), count_free);
    assert_int_equal(freed, 0);
    sg__epoch_poll(*state);
    assert_int_equal(freed, 1);
}

static void test_epoch__keeps_what_a_reader_may_see(void **state)
{
    struct sg__epoch *e = *state;
    int slot = sg__epoch_enter(e, 0, 4);
    sg__epoch_retire(e, sg_alloc(1), count_free);
    for (int i = 0; i < 5; i++)
        sg__epoch_poll(e);
    assert_int_equal(freed, 0);
    sg__epoch_leave(e, slot);
    sg__epoch_poll(e);
    assert_int_equal(freed, 1);
}

static void test_epoch__a_later_reader_does_not_hold_back(void **state)
{
    struct sg__epoch *e = *state;
    sg__epoch_retire(e, sg_alloc(1), count_free);
    int early = sg__epoch_enter(e, 0, 4);
    sg__epoch_poll(e);
    assert_int_equal(freed, 0); /* it entered in the epoch of the retirement */
    int late = sg__epoch_enter(e, 0, 4);
    sg__epoch_leave(e, early);
    sg__epoch_poll(e);
    assert_int_equal(freed, 1);
    sg__epoch_leave(e, late);
}

static void test_epoch__refuses_when_all_slots_are_taken(void **state)
{
    struct sg__epoch *e = *state;
    for (int i = 0; i < SG__EPOCH_QUERIERS; i++)
        assert_int_equal(sg__epoch_enter(e, 0, SG__EPOCH_QUERIERS), i);
    assert_int_equal(sg__epoch_enter(e, 0, SG__EPOCH_QUERIERS), -1);
    sg__epoch_leave(e, 77);
    assert_int_equal(sg__epoch_enter(e, 0, SG__EPOCH_QUERIERS), 77);
}

static void test_epoch__polls_by_itself_when_much_piles_up(void **state)
{
    for (int i = 0; i < 20000; i++)
        sg__epoch_retire(*state, sg_alloc(1), count_free);
    assert_true(freed > 10000);
}

/* ---- threads: a reader checks that what it reached is not poisoned ---- */

enum { READERS = 3, ROUNDS = 20000, ALIVE = 0x600d, DEAD = 0xdead };

struct shared {
    struct sg__epoch epoch;
    _Atomic(int *) head;
    atomic_bool stop;
};

static void poison(void *p)
{
    *(int *)p = DEAD;
    sg_free(p);
}

static void *reader(void *arg)
{
    struct shared *s = arg;
    uintptr_t bad = 0;
    while (!atomic_load(&s->stop)) {
        int slot = sg__epoch_enter(&s->epoch, 0, SG__EPOCH_QUERIERS);
        int *p = atomic_load_explicit(&s->head, memory_order_acquire);
        for (int i = 0; i < 50; i++)
            bad += *p != ALIVE;
        sg__epoch_leave(&s->epoch, slot);
    }
    return (void *)bad;
}

static int *alive(void)
{
    int *p = sg_alloc(sizeof(*p));
    *p = ALIVE;
    return p;
}

static void test_epoch__readers_never_see_freed_memory(void **state)
{
    (void)state;
    static struct shared s;
    sg__epoch_init(&s.epoch);
    atomic_store(&s.head, alive());
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &s), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int *old = atomic_exchange_explicit(&s.head, alive(), memory_order_acq_rel);
        sg__epoch_retire(&s.epoch, old, poison);
        if (i % 8 == 0)
            sg__epoch_poll(&s.epoch);
    }
    atomic_store(&s.stop, true);
    for (int i = 0; i < READERS; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    sg_free(atomic_load(&s.head));
    sg__epoch_deinit(&s.epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_epoch__frees_at_once_when_nobody_reads, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_epoch__keeps_what_a_reader_may_see, setup, teardown),
        cmocka_unit_test_setup_teardown(test_epoch__a_later_reader_does_not_hold_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_epoch__refuses_when_all_slots_are_taken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_epoch__polls_by_itself_when_much_piles_up, setup,
                                        teardown),
        cmocka_unit_test(test_epoch__readers_never_see_freed_memory),
    };
    return cmocka_run_group_tests_name("series/epoch", tests, NULL, NULL);
}
