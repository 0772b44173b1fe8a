/* queue.c - the bounded queue between threads.
 *
 * Producers push onto a stack with one compare-and-swap; the consumer takes the whole stack with
 * one exchange and reverses it. Nothing is ever popped singly, so there is no ABA problem. The
 * weight is reserved before the push and given back by the consumer when it is through, so that it
 * bounds what is queued and what is being worked on together.
 */
#include <streamgauge/error.h>
#include <streamgauge/queue.h>

void sg_mpsc_init(struct sg_mpsc *q, size_t max_weight)
{
    atomic_init(&q->head, NULL);
    atomic_init(&q->weight, 0);
    q->max_weight = max_weight;
}

static bool reserve(struct sg_mpsc *q, size_t weight)
{
    size_t now = atomic_load_explicit(&q->weight, memory_order_relaxed);
    do {
        if (now > q->max_weight || weight > q->max_weight - now)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&q->weight, &now, now + weight,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

int sg_mpsc_push(struct sg_mpsc *q, struct sg_mpsc_node *node, size_t weight, bool *ret_was_empty)
{
    if (!reserve(q, weight))
        return SG_EBUSY;
    node->weight = weight;
    struct sg_mpsc_node *head = atomic_load_explicit(&q->head, memory_order_relaxed);
    do {
        node->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&q->head, &head, node, memory_order_release,
                                                    memory_order_relaxed));
    /* From here on the node may be gone already: only the local `head` is looked at. */
    if (ret_was_empty)
        *ret_was_empty = head == NULL;
    return 0;
}

struct sg_mpsc_node *sg_mpsc_take(struct sg_mpsc *q)
{
    struct sg_mpsc_node *newest = atomic_exchange_explicit(&q->head, NULL, memory_order_acquire);
    struct sg_mpsc_node *oldest = NULL;
    while (newest) {
        struct sg_mpsc_node *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

void sg_mpsc_done(struct sg_mpsc *q, size_t weight)
{
    size_t before = atomic_fetch_sub_explicit(&q->weight, weight, memory_order_release);
    SG_ASSERT(before >= weight);
}
