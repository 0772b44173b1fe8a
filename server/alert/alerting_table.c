/* alerting_table.c - hash table with chains, binary heap of timers. */
#include "alerting_table.h"

#include <streamgauge/compiler.h>
#include <streamgauge/mem.h>

#define MIN_SLOTS 64

void sg__htab_deinit(struct sg__htab *t)
{
    sg_free(t->slots);
    *t = (struct sg__htab){0};
}

static void grow(struct sg__htab *t)
{
    size_t n = t->n_slots ? t->n_slots * 2 : MIN_SLOTS;
    struct sg__hnode **slots = sg_calloc(n, sizeof(*slots));
    for (size_t i = 0; i < t->n_slots; i++) {
        for (struct sg__hnode *node = t->slots[i], *next; node; node = next) {
            next = node->next;
            node->next = slots[node->hash & (n - 1)];
            slots[node->hash & (n - 1)] = node;
        }
    }
    sg_free(t->slots);
    t->slots = slots;
    t->n_slots = n;
}

void sg__htab_add(struct sg__htab *t, struct sg__hnode *node, uint64_t hash)
{
    if (t->count >= t->n_slots)
        grow(t);
    node->hash = hash;
    node->next = t->slots[hash & (t->n_slots - 1)];
    t->slots[hash & (t->n_slots - 1)] = node;
    t->count++;
}

void sg__htab_remove(struct sg__htab *t, struct sg__hnode *node)
{
    struct sg__hnode **at = &t->slots[node->hash & (t->n_slots - 1)];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    t->count--;
}

static struct sg__hnode *same(struct sg__hnode *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct sg__hnode *sg__htab_first(const struct sg__htab *t, uint64_t hash)
{
    return t->n_slots ? same(t->slots[hash & (t->n_slots - 1)], hash) : NULL;
}

struct sg__hnode *sg__htab_next(const struct sg__hnode *node)
{
    return same(node->next, node->hash);
}

/* ---- timers ---- */

void sg__timers_deinit(struct sg__timers *t)
{
    sg_free(t->heap);
    *t = (struct sg__timers){0};
}

static void place(struct sg__timers *t, size_t i, struct sg__timer *timer)
{
    t->heap[i] = timer;
    timer->pos = (uint32_t)i + 1;
}

static void sift_up(struct sg__timers *t, size_t i, struct sg__timer *timer)
{
    while (i > 0 && t->heap[(i - 1) / 2]->due_ms > timer->due_ms) {
        place(t, i, t->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(t, i, timer);
}

static void sift_down(struct sg__timers *t, size_t i, struct sg__timer *timer)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < t->n && t->heap[child + 1]->due_ms < t->heap[child]->due_ms)
            child++;
        if (child >= t->n || t->heap[child]->due_ms >= timer->due_ms)
            break;
        place(t, i, t->heap[child]);
        i = child;
    }
    place(t, i, timer);
}

void sg__timers_set(struct sg__timers *t, struct sg__timer *timer, int64_t due_ms)
{
    if (timer->pos && timer->due_ms == due_ms)
        return;
    sg__timers_clear(t, timer);
    timer->due_ms = due_ms;
    t->heap = sg_grow(t->heap, &t->cap, t->n + 1, sizeof(struct sg__timer *));
    t->n++;
    sift_up(t, t->n - 1, timer);
}

void sg__timers_clear(struct sg__timers *t, struct sg__timer *timer)
{
    if (!timer->pos)
        return;
    size_t i = timer->pos - 1;
    timer->pos = 0;
    struct sg__timer *last = t->heap[--t->n];
    if (last == timer)
        return;
    if (last->due_ms < timer->due_ms)
        sift_up(t, i, last);
    else
        sift_down(t, i, last);
}

struct sg__timer *sg__timers_pop(struct sg__timers *t, int64_t mono_ms)
{
    if (!t->n || t->heap[0]->due_ms > mono_ms)
        return NULL;
    struct sg__timer *timer = t->heap[0];
    sg__timers_clear(t, timer);
    return timer;
}
