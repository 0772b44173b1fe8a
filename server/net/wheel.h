/* wheel.h - hashed timing wheel: one deadline per connection, O(1) to arm, move and cancel.
 *
 * The caller brings the clock. Entries fire up to one slot late, never early; an entry further away
 * than one turn of the wheel stays in its slot and is looked at once per turn. One thread.
 */
#ifndef SG_NET_WHEEL_H
#define SG_NET_WHEEL_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/queue.h>

#define SG__WHEEL_SLOTS 512
#define SG__WHEEL_SLOT_MS 100

struct sg__wheel_entry {
    struct sg_list node;
    int64_t at_ms; /* due; 0: not armed */
};

struct sg__wheel {
    struct sg_list slot[SG__WHEEL_SLOTS];
    int64_t turned_to; /* last slot number that was looked at, absolute */
    uint32_t armed;
};

void sg__wheel_init(struct sg__wheel *w, int64_t now_ms);
void sg__wheel_entry_init(struct sg__wheel_entry *e);
/* Arms or moves. at_ms in the past fires at the next turn. */
void sg__wheel_set(struct sg__wheel *w, struct sg__wheel_entry *e, int64_t at_ms);
/* Accepts entries that are not armed. */
void sg__wheel_cancel(struct sg__wheel *w, struct sg__wheel_entry *e);
/* Fires everything due at now_ms. `fire` gets disarmed entries and may arm, cancel or free any
 * entry. Returns how many. */
uint32_t sg__wheel_turn(struct sg__wheel *w, int64_t now_ms,
                        void (*fire)(void *ctx, struct sg__wheel_entry *e), void *ctx);

static inline bool sg__wheel_armed(const struct sg__wheel_entry *e)
{
    return e->at_ms != 0;
}

#endif
