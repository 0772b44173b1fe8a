/* epoch.h - memory that readers may still see is freed after the last of them has left.
 *
 * One writer, any number of reader threads. A reader enters (claims a slot that shows since which
 * epoch it reads) and leaves. The writer unlinks something, retires it, and polls now and then:
 * what was retired before every reader now inside had entered is freed. Readers never wait for the
 * writer, the writer never waits for readers.
 *
 *     int slot = sg__epoch_enter(&e, 0, 256);  … read …  sg__epoch_leave(&e, slot);
 *     atomic_store(&head, new); sg__epoch_retire(&e, old, sg_free);  …  sg__epoch_poll(&e);
 *
 * Why it is right, without fences: the writer's unlinking comes before its increment of `now`
 * (seq_cst), that before its look at the slots (seq_cst). A reader claims its slot (seq_cst) and
 * then loads `now` (seq_cst). A writer that did not see the claim incremented before that load, so
 * the reader sees the unlinking and cannot reach the object. A writer that saw it keeps everything
 * stamped with the reader's epoch or a later one.
 */
#ifndef SERIES_EPOCH_H
#define SERIES_EPOCH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>

#define SG__EPOCH_QUERIERS 256 /* slots of queriers */
#define SG__EPOCH_SLOTS 264    /* the rest serves short listings */

struct sg__epoch_slot {
    _Alignas(64) _Atomic uint64_t since; /* 0: free */
};

struct sg__retired {
    void *p;
    void (*free_fn)(void *);
    uint64_t stamp;
};

struct sg__epoch {
    struct sg__epoch_slot *slots; /* within `raw`, aligned to cache lines */
    void *raw;
    _Atomic uint64_t now;     /* from 1 */
    struct sg__retired *ring; /* writer only; oldest at head */
    size_t head, count, cap;  /* cap is a power of two */
};

void sg__epoch_init(struct sg__epoch *e);
/* Frees everything retired; no reader may be inside. */
void sg__epoch_deinit(struct sg__epoch *e);
/* Claims one of the slots first … end - 1. Returns it, or -1 when all are taken. Any thread. */
int sg__epoch_enter(struct sg__epoch *e, int first, int end);
void sg__epoch_leave(struct sg__epoch *e, int slot);
/* Writer only; p must be unreachable for new readers. free_fn runs in a later poll. Polls by itself
 * when much has piled up. */
void sg__epoch_retire(struct sg__epoch *e, void *p, void (*free_fn)(void *));
/* Writer only. Starts a new epoch and frees what no reader can see. O(slots + freed). */
void sg__epoch_poll(struct sg__epoch *e);
/* Writer only: stamp for something unlinked now, and whether all readers of that time have left
 * (after a later poll). */
uint64_t sg__epoch_stamp(const struct sg__epoch *e);
uint64_t sg__epoch_oldest(struct sg__epoch *e);

#endif
