/* epoch.c - see epoch.h. */
#include "epoch.h"

#include <streamgauge/mem.h>

/* Retired objects after which retire polls by itself, so that a store without ticks does not grow.
 */
enum { POLL_EVERY = 4096, RING_MIN = 256 };

void sg__epoch_init(struct sg__epoch *e)
{
    *e = (struct sg__epoch){0};
    e->raw = sg_calloc(SG__EPOCH_SLOTS + 1, sizeof(struct sg__epoch_slot));
    uintptr_t at = ((uintptr_t)e->raw + 63) & ~(uintptr_t)63;
    e->slots = (struct sg__epoch_slot *)at;
    atomic_init(&e->now, 1);
}

static void free_oldest(struct sg__epoch *e)
{
    struct sg__retired r = e->ring[e->head];
    e->head = (e->head + 1) & (e->cap - 1);
    e->count--;
    r.free_fn(r.p);
}

void sg__epoch_deinit(struct sg__epoch *e)
{
    while (e->count)
        free_oldest(e);
    sg_free(e->ring);
    sg_free(e->raw);
    *e = (struct sg__epoch){0};
}

int sg__epoch_enter(struct sg__epoch *e, int first, int end)
{
    for (int i = first; i < end; i++) {
        uint64_t none = 0;
        if (atomic_load_explicit(&e->slots[i].since, memory_order_relaxed) != 0)
            continue;
        if (!atomic_compare_exchange_strong(&e->slots[i].since, &none, atomic_load(&e->now)))
            continue;
        (void)atomic_load(&e->now); /* pairs with the writer's increment, see epoch.h */
        return i;
    }
    return -1;
}

void sg__epoch_leave(struct sg__epoch *e, int slot)
{
    atomic_store_explicit(&e->slots[slot].since, 0, memory_order_release);
}

uint64_t sg__epoch_stamp(const struct sg__epoch *e)
{
    return atomic_load_explicit(&e->now, memory_order_relaxed);
}

uint64_t sg__epoch_oldest(struct sg__epoch *e)
{
    uint64_t oldest = UINT64_MAX;
    for (int i = 0; i < SG__EPOCH_SLOTS; i++) {
        uint64_t since = atomic_load(&e->slots[i].since);
        if (since && since < oldest)
            oldest = since;
    }
    return oldest;
}

void sg__epoch_poll(struct sg__epoch *e)
{
    atomic_fetch_add(&e->now, 1);
    if (!e->count)
        return;
    uint64_t oldest = sg__epoch_oldest(e);
    while (e->count && e->ring[e->head].stamp < oldest)
        free_oldest(e);
}

static void grow(struct sg__epoch *e)
{
    size_t cap = e->cap ? e->cap * 2 : RING_MIN;
    struct sg__retired *ring = sg_alloc(cap * sizeof(*ring));
    for (size_t i = 0; i < e->count; i++)
        ring[i] = e->ring[(e->head + i) & (e->cap - 1)];
    sg_free(e->ring);
    e->ring = ring;
    e->cap = cap;
    e->head = 0;
}

void sg__epoch_retire(struct sg__epoch *e, void *p, void (*free_fn)(void *))
{
    if (!p)
        return;
    if (e->count == e->cap)
        grow(e);
    e->ring[(e->head + e->count++) & (e->cap - 1)] =
        (struct sg__retired){p, free_fn, sg__epoch_stamp(e)};
    if (e->count % POLL_EVERY == 0)
        sg__epoch_poll(e);
}
