/* impl.h - the store's inside, shared by the files of this folder.
 *
 * Life of an id: free -> live (born) -> resting (expired, quarantined) -> live (revived) or free.
 * Only the engine thread changes anything here; what other threads load is atomic or was published
 * before.
 */
#ifndef SERIES_IMPL_H
#define SERIES_IMPL_H

#include <stdatomic.h>
#include <streamgauge/store.h>

#include "index.h"
#include "series.h"

enum {
    SG__PAGE_BITS = 10, /* slots of a page: 1024 */
    SG__PAGE_SLOTS = 1 << SG__PAGE_BITS,
    SG__META_BUCKETS = 1024,
    SG__EXPIRE_MAX = 8192, /* series that expire at once */
    SG__JOURNAL = 32768,   /* events kept; a power of two */
};
#define SG__QUARANTINE_MS INT64_C(60000)
#define SG__EXPIRE_EVERY_MS INT64_C(1000)
/* From here on retention means "for ever", and then nothing is too old, too late or too far ahead.
 */
#define SG__UNLIMITED_MS (50 * INT64_C(31536000000))

/* Label set -> id: open addressing; engine only. */
struct sg__set_entry {
    uint32_t hash; /* upper half of the set's hash */
    uint32_t id;   /* or one of the two below */
};
#define SG__SET_EMPTY UINT32_MAX
#define SG__SET_GONE (UINT32_MAX - 1)

struct sg__sets {
    struct sg__set_entry *entry;
    size_t mask, used, gone;
};

/* Expired ids in the order of their expiry. */
struct sg__resting {
    uint32_t id;
    int64_t since_ms;
    uint64_t stamp; /* epoch in which it left the index */
};

struct sg__resting_queue {
    struct sg__resting *ring;
    size_t head, count, cap; /* cap is a power of two */
};

struct sg__id_list {
    uint32_t *id;
    size_t n, cap;
};

struct sg__accum {
    double value; /* COUNT, GAUGE_* */
    struct sg_histogram_acc *observed;
    struct sg_hll *members; /* of the running pane */
    bool touched;           /* its id is in one of the store's lists */
};

struct sg__meta {
    _Atomic(struct sg__meta *) next;
    uint64_t hash;
    struct sg_metadata m;
};

struct sg__exemplar;

struct sg__ring_of_exemplars {
    size_t cap;
    _Atomic(struct sg__exemplar *) at[];
};

/* Engine only, but for what exemplar_ring of the store points to. */
struct sg__exemplars {
    _Atomic(struct sg__exemplar *) *ring; /* NULL until the first one */
    size_t cap, mask;
    uint64_t next;    /* number of the next one, from 1 */
    uint64_t *bucket; /* numbers of the newest by hash of the series; 0: none */
};

struct sg_store {
    struct sg_store_options opt;
    struct sg_store_stats stats;
    struct sg_ingest_gate gate;
    struct sg__keeper keeper;
    struct sg__index index;
    _Atomic uint64_t generation;
    bool unlimited;
    int64_t seen_ms; /* the latest now_ms told; INT64_MAX: none yet */

    _Atomic(struct sg__slot *) *pages; /* aligned views of raw_pages */
    void **raw_pages;
    uint32_t max_ids;
    _Atomic uint32_t n_ids; /* ids 0 … n_ids - 1 have a slot */
    struct sg__sets sets;
    struct sg__id_list free_ids;
    struct sg__resting_queue resting;

    uint32_t scan_at; /* next id of the amortised scan */
    struct sg__id_list due;
    int64_t expired_ms; /* time of the last expiry */

    struct sg_store_event *journal; /* ring of SG__JOURNAL; NULL: nobody asked for it */
    uint64_t journal_next;          /* position of the next event */

    struct sg__id_list touched_values, touched_histograms, touched_members;
    int64_t histogram_pane, distinct_pane; /* number of the running pane */
    bool panes_known;

    uint32_t *birth_ids; /* of the batch being applied */
    size_t birth_cap;

    _Atomic(struct sg__meta *) meta[SG__META_BUCKETS];
    uint32_t n_meta;

    struct sg__exemplars exemplars;
    _Atomic(struct sg__ring_of_exemplars *) exemplar_ring;
};

/* Any thread, for an id a list gave within the epoch, or below n_ids. */
static inline struct sg__slot *sg__slot_at(const struct sg_store *s, uint32_t id)
{
    struct sg__slot *page =
        atomic_load_explicit(&s->pages[id >> SG__PAGE_BITS], memory_order_acquire);
    return &page[id & (SG__PAGE_SLOTS - 1)];
}

static inline uint8_t sg__slot_state(const struct sg__slot *slot)
{
    return atomic_load_explicit(&slot->state, memory_order_acquire);
}

static inline int64_t sg__add_sat(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

static inline int64_t sg__sub_sat(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return b < 0 ? INT64_MAX : INT64_MIN;
    return difference;
}

void sg__id_list_push(struct sg__id_list *l, uint32_t id);

/* Notes an event for evaluators that keep state. */
static inline void sg__store_note(struct sg_store *s, enum sg_store_event_kind kind, uint32_t id,
                                  int64_t time_ms)
{
    if (s->journal)
        s->journal[s->journal_next & (SG__JOURNAL - 1)] =
            (struct sg_store_event){kind, id, time_ms};
    s->journal_next++;
}

/* identity.c: the live series of these labels, born or revived if need be. SG_ELIMIT. */
int sg__store_identify(struct sg_store *s, const struct sg_labels *labels, struct sg_source *source,
                       uint32_t *ret_id, struct sg_error *reterr);
/* The label set of a live series that is equal to this one; NULL: there is none. */
const struct sg_labels *sg__store_known(const struct sg_store *s, const struct sg_labels *labels);
/* A resting series lives again. SG_ELIMIT. */
int sg__store_revive(struct sg_store *s, struct sg__slot *slot, struct sg_error *reterr);
/* Live series stop living: out of the index, samples gone, ids at rest. */
void sg__store_expire(struct sg_store *s, const uint32_t *ids, size_t n, int64_t now_ms);
/* Gives ids free whose quarantine is over. At most `budget`. */
void sg__store_release(struct sg_store *s, int64_t now_ms, size_t budget);
void sg__sets_init(struct sg__sets *sets);

/* append.c: one sample at the engine's own hand; takes the reference of obj when it is stored. */
enum sg__put sg__store_put(struct sg_store *s, struct sg__slot *slot, struct sg_sample sample);

/* accum.c */
struct sg__accum *sg__accum_of(struct sg_store *s, struct sg__slot *slot);
void sg__accum_free(struct sg_store *s, struct sg__slot *slot);
void sg__accum_sample(struct sg_store *s, int64_t now_ms);

/* expiry.c */
/* Told the time; series that are ahead of a clock that was set back expire at once. */
void sg__store_see(struct sg_store *s, int64_t now_ms);
void sg__store_scan(struct sg_store *s, int64_t now_ms);

/* metadata.c */
void sg__store_keep_metadata(struct sg_store *s, const struct sg_metadata *m);
void sg__store_free_metadata(struct sg_store *s);

/* exemplars.c */
/* Takes the reference of e->labels (then NULL) or counts it as dropped. */
void sg__store_keep_exemplar(struct sg_store *s, struct sg_exemplar *e);
void sg__store_free_exemplars(struct sg_store *s);
/* Any thread, within an epoch. */
void sg__store_exemplars_each(struct sg_store *s,
                              void (*each)(void *ctx, const struct sg_exemplar *e), void *ctx);

/* querier.c: what the gate asks while the store is full; any thread. */
bool sg__store_knows(const struct sg_ingest_gate *gate, const struct sg_labels *labels);

#endif
