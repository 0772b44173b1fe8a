/* test_queue.c - the bounded queue between threads, and the list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include <streamgauge/error.h>
#include <streamgauge/mem.h>
#include <streamgauge/queue.h>

struct item {
    struct sg_mpsc_node node;
    unsigned producer, number;
};

static void test_mpsc_push__keeps_order(void **state)
{
    (void)state;
    struct sg_mpsc q;
    struct item items[5];
    sg_mpsc_init(&q, 100);
    assert_true(sg_mpsc_empty(&q));
    for (unsigned i = 0; i < 5; i++) {
        bool was_empty = i != 0;
        assert_int_equal(sg_mpsc_push(&q, &items[i].node, i, &was_empty), 0);
        assert_int_equal(was_empty, i == 0);
    }
    assert_false(sg_mpsc_empty(&q));
    struct sg_mpsc_node *n = sg_mpsc_take(&q);
    for (unsigned i = 0; i < 5; i++, n = n->next) {
        assert_ptr_equal(n, &items[i].node);
        assert_int_equal(n->weight, i);
    }
    assert_null(n);
    assert_null(sg_mpsc_take(&q));
    sg_mpsc_done(&q, 10);
    assert_int_equal(atomic_load(&q.weight), 0);
}

static void test_mpsc_push__refuses_past_the_cap_until_done(void **state)
{
    (void)state;
    struct sg_mpsc q;
    struct item a, b = {.node = {.weight = 77}};
    sg_mpsc_init(&q, 10);
    assert_int_equal(sg_mpsc_push(&q, &a.node, 6, NULL), 0);
    assert_int_equal(sg_mpsc_push(&q, &b.node, 5, NULL), SG_EBUSY);
    assert_int_equal(b.node.weight, 77);
    assert_ptr_equal(sg_mpsc_take(&q), &a.node);
    assert_int_equal(sg_mpsc_push(&q, &b.node, 5, NULL), SG_EBUSY);
    sg_mpsc_done(&q, 6);
    assert_int_equal(sg_mpsc_push(&q, &b.node, 10, NULL), 0);
}

static void test_mpsc_push__refuses_what_can_never_fit(void **state)
{
    (void)state;
    struct sg_mpsc q;
    struct item a;
    sg_mpsc_init(&q, 10);
    assert_int_equal(sg_mpsc_push(&q, &a.node, 11, NULL), SG_EBUSY);
    assert_int_equal(sg_mpsc_push(&q, &a.node, SIZE_MAX, NULL), SG_EBUSY);
    assert_true(sg_mpsc_empty(&q));
    assert_int_equal(atomic_load(&q.weight), 0);
}

enum { PRODUCERS = 4, PER_PRODUCER = 5000, CAP = 64 };

struct producer {
    pthread_t thread;
    struct sg_mpsc *q;
    unsigned id;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (unsigned i = 0; i < PER_PRODUCER; i++) {
        struct item *item = sg_alloc(sizeof(*item));
        item->producer = p->id;
        item->number = i;
        while (sg_mpsc_push(p->q, &item->node, 1, NULL) < 0)
            sched_yield();
    }
    return NULL;
}

static void test_mpsc__threads_lose_and_reorder_nothing(void **state)
{
    (void)state;
    struct sg_mpsc q;
    struct producer producers[PRODUCERS];
    unsigned next[PRODUCERS] = {0}, total = 0;
    sg_mpsc_init(&q, CAP);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.q = &q, .id = i};
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    while (total < PRODUCERS * PER_PRODUCER) {
        size_t taken = 0;
        struct sg_mpsc_node *n = sg_mpsc_take(&q), *following;
        for (; n; n = following) {
            following = n->next;
            struct item *item = SG_CONTAINER_OF(n, struct item, node);
            assert_int_equal(item->number, next[item->producer]);
            next[item->producer]++;
            sg_free(item);
            taken++;
        }
        assert_in_range(taken, 0, CAP);
        sg_mpsc_done(&q, taken);
        total += (unsigned)taken;
        if (!taken)
            sched_yield();
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
    assert_true(sg_mpsc_empty(&q));
    assert_int_equal(atomic_load(&q.weight), 0);
}

static void test_list__appends_and_removes(void **state)
{
    (void)state;
    struct sg_list head, a, b;
    sg_list_init(&head);
    sg_list_init(&a);
    sg_list_init(&b);
    assert_true(sg_list_empty(&head));
    sg_list_append(&head, &a);
    sg_list_append(&head, &b);
    unsigned count = 0;
    SG_LIST_FOREACH(it, &head)
    assert_ptr_equal(it, count++ ? &b : &a);
    assert_int_equal(count, 2);
    SG_LIST_FOREACH_SAFE(it, tmp, &head)
    sg_list_remove(it);
    assert_true(sg_list_empty(&head));
    assert_true(sg_list_empty(&a));
    sg_list_remove(&a); /* a second time does no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mpsc_push__keeps_order),
        cmocka_unit_test(test_mpsc_push__refuses_past_the_cap_until_done),
        cmocka_unit_test(test_mpsc_push__refuses_what_can_never_fit),
        cmocka_unit_test(test_mpsc__threads_lose_and_reorder_nothing),
        cmocka_unit_test(test_list__appends_and_removes),
    };
    return cmocka_run_group_tests_name("base/queue", tests, NULL, NULL);
}
