/* journal.c - for evaluators that keep state between ticks: what happened to series, and what is
 * new in them. Engine thread only, so nothing here is atomic beyond what readers need anyway. */
#include <streamgauge/mem.h>

#include "impl.h"

/* Series of sg_store_tails whose memory is fetched together. */
enum { GROUP = 32 };

uint64_t sg_store_journal_open(struct sg_store *s)
{
    if (!s->journal)
        s->journal = sg_calloc(SG__JOURNAL, sizeof(*s->journal));
    return s->journal_next;
}

int sg_store_journal_next(struct sg_store *s, uint64_t *pos, struct sg_store_event *ret)
{
    if (*pos == s->journal_next)
        return 0;
    if (s->journal_next - *pos > SG__JOURNAL) {
        *pos = s->journal_next;
        return SG_ELIMIT;
    }
    *ret = s->journal[(*pos)++ & (SG__JOURNAL - 1)];
    return 1;
}

bool sg_store_series(struct sg_store *s, uint32_t id, struct sg_selected *ret)
{
    if (id >= atomic_load_explicit(&s->n_ids, memory_order_relaxed))
        return false;
    const struct sg__slot *slot = sg__slot_at(s, id);
    if (sg__slot_state(slot) == SG__FREE)
        return false;
    *ret = (struct sg_selected){id, slot->labels, slot};
    return true;
}

/* Whether the sample before the newest one is newer than since_ms, too. */
static bool more_than_one(const struct sg__block *b, uint32_t n, int64_t since_ms)
{
    if (n > 1)
        return b->points[n - 2].time_ms > since_ms;
    const struct sg__chunk *c = atomic_load_explicit(&b->older, memory_order_relaxed);
    return c && c->last_ms > since_ms;
}

static void fetch_points(const struct sg__block *b)
{
    uint32_t n = atomic_load_explicit(&b->n, memory_order_relaxed);
    if (n)
        __builtin_prefetch(&b->points[n - 1]);
}

static void fill(const struct sg__slot *slot, const struct sg__block *b, int64_t since_ms,
                 struct sg_tail *ret)
{
    uint32_t n = atomic_load_explicit(&b->n, memory_order_relaxed);
    ret->time_ms = b->points[n - 1].time_ms;
    ret->v = sg__point_value(&b->points[n - 1]);
    ret->kind = slot->kind;
    ret->newer = more_than_one(b, n, since_ms) ? 2 : 1;
}

/* Three rounds over a group, so that the misses of many series are under way at a time: slots,
 * heads of blocks, last samples. */
static void group_tails(const void *const *handle, const int64_t *since_ms, size_t n,
                        struct sg_tail *ret)
{
    const struct sg__block *block[GROUP];
    for (size_t i = 0; i < n; i++) {
        const struct sg__slot *slot = handle[i];
        block[i] = atomic_load_explicit(&slot->open, memory_order_relaxed);
        if (!block[i] || slot->last_ms <= since_ms[i])
            block[i] = NULL;
        else
            __builtin_prefetch(block[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (block[i])
            fetch_points(block[i]);
    for (size_t i = 0; i < n; i++) {
        ret[i].time_ms = INT64_MIN;
        ret[i].newer = 0;
        if (block[i] && atomic_load_explicit(&block[i]->n, memory_order_relaxed))
            fill(handle[i], block[i], since_ms[i], &ret[i]);
    }
}

void sg_store_tails(const void *const *handle, const int64_t *since_ms, size_t n,
                    struct sg_tail *ret)
{
    for (size_t i = 0; i < n; i += GROUP) {
        size_t count = n - i < GROUP ? n - i : GROUP;
        for (size_t k = i + count; k < n && k < i + 2 * GROUP; k++)
            __builtin_prefetch(handle[k]);
        group_tails(handle + i, since_ms + i, count, ret + i);
    }
}
