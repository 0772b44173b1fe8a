/* feed.h - a live selector: the series that match, each in a dense slot, and their newest
 * samples decoded in rings.
 *
 * Slots are given in order of birth and kept for life; rows are the slots in order of series ids,
 * which is the order of the ordinary engine, so that sums add up in the same order. Everything
 * here is a cache over the store: a series whose past changed is read anew.
 *
 * Rings are laid out in tiles of 8 to 1024 slots. A row of a tile holds one sample of each slot,
 * times one cache line, values in the next: series that are sampled together are appended and left
 * behind together, eight per miss. Samples are numbered per slot (ordinals); sample k of a slot
 * lies in row k modulo the rows of its tile. Staleness markers are not in the ring.
 *
 * Engine thread only.
 */
#ifndef SG_LIVE_FEED_H
#define SG_LIVE_FEED_H

#include <streamgauge/hashtab.h>
#include <streamgauge/mem.h>
#include <streamgauge/promql.h>
#include <streamgauge/store.h>

#define SG__LANES 8u  /* slots of the smallest tile: a cache line */
#define SG__BLOCK 128 /* slots that are worked on at a time; even */
#define SG__NO_ROW UINT32_MAX
/* Times beyond are no exact doubles. */
#define SG__TIME_MAX (INT64_C(1) << 52)

struct sg__cursor;
struct sg__catalog;

struct sg__tile {
    double
        *row; /* at the beginning of a cache line, inside raw; times, ms and exact, then values */
    void *raw;
    uint32_t rows; /* a power of two, or 0 */
};

struct sg__ring {
    double newest;        /* value of the newest sample taken in, markers included */
    uint32_t first, head; /* ordinals kept: [first, head) */
};

struct sg__feed {
    struct sg_hashlink link;       /* in the catalog's feeds */
    struct sg__feed *next, **from; /* in its list of the catalog, and what points to it there */
    struct sg__catalog *catalog;
    struct sg_promql *query; /* owned: the selector alone */
    const struct sg_selector *sel;
    uint32_t refs;
    bool loaded;        /* slots are what the store has */
    bool any_empty;     /* some slots have taken in nothing yet */
    bool reorder;       /* rows are to be made anew */
    bool stopped;       /* too much memory, or a regex too costly: it is not loaded any more */
    uint64_t session;   /* in which samples were taken in last */
    uint32_t odd;       /* slots that hold something else than floats */
    int64_t cut_max_ms; /* of all slots */

    /* slots, arrays of cap entries */
    size_t n, cap; /* cap is a multiple of SG__LANES */
    const void **handle;
    const struct sg_labels **labels; /* references; NULL: the slot is free */
    uint32_t *id, *row_of;
    int64_t *since_ms; /* of the newest sample taken in, markers included; INT64_MAX: free */
    struct sg__ring *ring;
    int64_t *cut_ms;       /* samples up to here were dropped from the store; INT64_MIN: none */
    uint8_t *odd_slot;     /* bool */
    struct sg__tile *tile; /* cap / SG__LANES */
    uint32_t shift;      /* a tile has 1 << shift slots: the more, the fewer pages a tick touches */
    uint32_t *free_slot; /* slots to be used again */
    size_t n_free;
    uint32_t *by_id; /* slot + 1 by id, open addressing; 0 free */
    size_t mask, used;

    /* rows */
    size_t n_rows, cap_rows;
    uint32_t *slot_of;
    const struct sg_labels **row_labels; /* borrowed from the slots */
    uint64_t version;
    uint64_t extends; /* version whose rows are the first extends_n of these; 0: none */
    size_t extends_n;
    bool only_births; /* since the rows were made */
    bool identity;    /* row i is slot i */

    struct sg__cursor **windows;
    size_t n_windows, cap_windows;
    struct sg_samples samples; /* scratch */
};

static inline double *sg__ring_t(const struct sg__feed *s, size_t slot, uint32_t ordinal)
{
    const struct sg__tile *tile = &s->tile[slot >> s->shift];
    size_t lanes = (size_t)1 << s->shift;
    return tile->row + (ordinal & (tile->rows - 1)) * (2 * lanes) + (slot & (lanes - 1));
}
static inline double *sg__ring_v(const struct sg__feed *s, size_t slot, uint32_t ordinal)
{
    return sg__ring_t(s, slot, ordinal) + ((size_t)1 << s->shift);
}

/* Shares a selector with equal matchers. e: selector or range selector. NULL: cannot be had. */
struct sg__feed *sg__feed_get(struct sg__catalog *c, const struct sg_expr *e);
void sg__feed_unref(struct sg__feed *s);
/* Brings slots and rows up to date. Then, where sg__feed_stale, every slot is to be taken in, in
 * blocks, and sg__feed_end closes the round. So whoever works on a block finds it in the cache.
 * SG_EUNSUPPORTED: the ordinary engine has to do it. */
int sg__feed_begin(struct sg__feed *s, struct sg_querier *q, int64_t time_ms);
bool sg__feed_stale(const struct sg__feed *s);
/* New samples of slots [from, from + n), n <= SG__BLOCK. */
void sg__feed_take(struct sg__feed *s, struct sg_querier *q, size_t from, size_t n);
int sg__feed_end(struct sg__feed *s);
/* Everything is to be read anew at the next update. */
static inline void sg__feed_forget(struct sg__feed *s)
{
    s->loaded = false;
}
/* Events of the store. */
void sg__feed_born(struct sg__feed *s, const struct sg_selected *one);
void sg__feed_expired(struct sg__feed *s, uint32_t id);
void sg__feed_past(struct sg__feed *s, uint32_t id, int64_t time_ms);
void sg__feed_cut(struct sg__feed *s, uint32_t id, int64_t time_ms);
/* Reads a slot's samples, markers left out, into the feed's scratch. What is no float makes the
 * slot odd. Valid until the next call. */
const struct sg_samples *sg__feed_read(struct sg__feed *s, struct sg_querier *q, size_t slot,
                                       int64_t after_ms, int64_t until_ms);

/* ---- catalog.c: all live selectors ---- */

#define SG__CATALOG_BUCKETS 256

struct sg__catalog {
    struct sg_store *store; /* borrowed */
    uint64_t position;      /* in its journal */
    uint64_t session;
    bool synced; /* the journal has been read in this session */
    int64_t lookback_ms;
    int64_t long_ms;           /* longer windows are not kept decoded */
    uint64_t bytes, max_bytes; /* of all windows and rings */
    uint64_t rebuilds;         /* states of single series read anew */
    uint64_t label_work;       /* series looked at by matchers after birth */
    struct sg_hashtab feeds;   /* all, by their expressions */
    struct sg__feed *named[SG__CATALOG_BUCKETS];
    struct sg__feed *nameless;
};

/* The list a selector is in. */
struct sg__feed **sg__catalog_list(struct sg__catalog *c, struct sg_str name);
/* New samples may have come. */
void sg__catalog_begin(struct sg__catalog *c);
/* Reads the journal, once per session. */
void sg__catalog_sync(struct sg__catalog *c);

#endif
