/* queue.h - the bounded queues between threads, and an intrusive list within one.
 *
 * sg_mpsc: many producers, one consumer, of nodes embedded in what is sent (a batch, a request).
 * Each node has a weight (bytes, say); a push past the cap is refused with SG_EBUSY and the sender
 * keeps its node: never unbounded, never silent. The consumer takes everything at once, in the
 * order of pushing per producer.
 *
 *     struct sg_mpsc q;  sg_mpsc_init(&q, 64 << 20);
 *     producer: if (sg_mpsc_push(&q, &batch->node, bytes) < 0) → 429
 *     consumer: for (n = sg_mpsc_take(&q); n; n = next) { next = n->next; …; }
 *               sg_mpsc_done(&q, bytes);
 */
#ifndef STREAMGAUGE_QUEUE_H
#define STREAMGAUGE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <streamgauge/compiler.h>

struct sg_mpsc_node {
    struct sg_mpsc_node *next;
    size_t weight;
};

struct sg_mpsc {
    _Atomic(struct sg_mpsc_node *) head; /* newest first */
    atomic_size_t weight;                /* of all nodes pushed and not yet done */
    size_t max_weight;
};

SG_API void sg_mpsc_init(struct sg_mpsc *q, size_t max_weight);
/* Returns 0 and owns the node until it is taken, or SG_EBUSY and has not touched it. *ret_was_empty
 * (NULL allowed) tells that the consumer may have to be woken. Lock-free; any thread. */
SG_API SG_NODISCARD int sg_mpsc_push(struct sg_mpsc *q, struct sg_mpsc_node *node, size_t weight,
                                     bool *ret_was_empty);
/* All nodes, oldest first, linked by next; NULL when empty. Consumer only. Frees no weight: call
 * sg_mpsc_done. */
SG_API struct sg_mpsc_node *sg_mpsc_take(struct sg_mpsc *q);
/* Gives weight back, after the consumer is through with nodes of that total weight. Any thread. */
SG_API void sg_mpsc_done(struct sg_mpsc *q, size_t weight);
static inline bool sg_mpsc_empty(struct sg_mpsc *q)
{
    return atomic_load_explicit(&q->head, memory_order_acquire) == NULL;
}

/* Doubly linked intrusive list with a sentinel; a node that is not in a list points to itself. */
struct sg_list {
    struct sg_list *next, *prev;
};

static inline void sg_list_init(struct sg_list *l)
{
    l->next = l->prev = l;
}
static inline bool sg_list_empty(const struct sg_list *l)
{
    return l->next == l;
}
static inline void sg_list_append(struct sg_list *head, struct sg_list *node)
{
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}
static inline void sg_list_remove(struct sg_list *node)
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
    sg_list_init(node);
}
#define SG_LIST_FOREACH(it, head)                                                                  \
    for (struct sg_list *it = (head)->next; it != (head); it = it->next)
/* Allows removal of `it` inside the body. */
#define SG_LIST_FOREACH_SAFE(it, tmp, head)                                                        \
    for (struct sg_list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

#endif
