/* wheel.c - slots of a turn, each a list. */
#include "wheel.h"

void sg__wheel_init(struct sg__wheel *w, int64_t now_ms)
{
    for (unsigned i = 0; i < SG__WHEEL_SLOTS; i++)
        sg_list_init(&w->slot[i]);
    w->turned_to = now_ms / SG__WHEEL_SLOT_MS;
    w->armed = 0;
}

void sg__wheel_entry_init(struct sg__wheel_entry *e)
{
    sg_list_init(&e->node);
    e->at_ms = 0;
}

void sg__wheel_cancel(struct sg__wheel *w, struct sg__wheel_entry *e)
{
    if (!e->at_ms)
        return;
    sg_list_remove(&e->node);
    e->at_ms = 0;
    w->armed--;
}

void sg__wheel_set(struct sg__wheel *w, struct sg__wheel_entry *e, int64_t at_ms)
{
    sg__wheel_cancel(w, e);
    /* Rounded up, so that nothing fires early; never into a slot the current turn is through with.
     */
    int64_t n = (at_ms + SG__WHEEL_SLOT_MS - 1) / SG__WHEEL_SLOT_MS;
    if (n <= w->turned_to)
        n = w->turned_to + 1;
    e->at_ms = n * SG__WHEEL_SLOT_MS;
    sg_list_append(&w->slot[(uint64_t)n % SG__WHEEL_SLOTS], &e->node);
    w->armed++;
}

/* The slot's entries move to a list of our own first: whoever is armed anew by `fire` is not met
 * again in this turn, and whoever is cancelled leaves that list as it would leave the slot. */
static uint32_t fire_slot(struct sg__wheel *w, int64_t number, int64_t until_ms,
                          void (*fire)(void *ctx, struct sg__wheel_entry *e), void *ctx)
{
    struct sg_list *slot = &w->slot[(uint64_t)number % SG__WHEEL_SLOTS];
    if (sg_list_empty(slot))
        return 0;
    struct sg_list due = *slot;
    due.next->prev = due.prev->next = &due;
    sg_list_init(slot);
    uint32_t fired = 0;
    while (!sg_list_empty(&due)) {
        struct sg__wheel_entry *e = SG_CONTAINER_OF(due.next, struct sg__wheel_entry, node);
        sg_list_remove(&e->node);
        if (e->at_ms > until_ms) {
            sg_list_append(slot, &e->node); /* a later turn */
            continue;
        }
        e->at_ms = 0;
        w->armed--;
        fired++;
        fire(ctx, e);
    }
    return fired;
}

uint32_t sg__wheel_turn(struct sg__wheel *w, int64_t now_ms,
                        void (*fire)(void *ctx, struct sg__wheel_entry *e), void *ctx)
{
    int64_t target = now_ms / SG__WHEEL_SLOT_MS;
    uint32_t fired = 0;
    /* After a long pause one look at every slot is enough. */
    int64_t first = w->turned_to + 1;
    if (target - w->turned_to > SG__WHEEL_SLOTS)
        first = target - SG__WHEEL_SLOTS + 1;
    for (int64_t n = first; n <= target; n++) {
        w->turned_to = n;
        fired += fire_slot(w, n, target * SG__WHEEL_SLOT_MS, fire, ctx);
    }
    return fired;
}
