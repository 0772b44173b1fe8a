/* identity.c - which series there are: label sets to ids, births, expiry, quarantine, revival. */
#include <streamgauge/mem.h>

#include "impl.h"

enum { SETS_MIN = 1024, RING_MIN = 1024 };

/* ---- label set -> id ---- */

void sg__sets_init(struct sg__sets *sets)
{
    *sets = (struct sg__sets){.mask = SETS_MIN - 1};
    sets->entry = sg_alloc(SETS_MIN * sizeof(*sets->entry));
    memset(sets->entry, 0xff, SETS_MIN * sizeof(*sets->entry));
}

static uint32_t high(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static void sets_put(struct sg__sets *sets, uint64_t hash, uint32_t id)
{
    size_t i = hash & sets->mask;
    while (sets->entry[i].id != SG__SET_EMPTY)
        i = (i + 1) & sets->mask;
    sets->entry[i] = (struct sg__set_entry){high(hash), id};
    sets->used++;
}

/* Makes room for one more at no more than two thirds load, dropping what is gone. */
static void sets_reserve(struct sg_store *s)
{
    struct sg__sets *old = &s->sets;
    if ((old->used + 1) * 3 <= (old->mask + 1) * 2)
        return;
    size_t places = SETS_MIN;
    while (places < 2 * (old->used - old->gone + 1))
        places *= 2;
    struct sg__sets sets = {.mask = places - 1};
    sets.entry = sg_alloc(places * sizeof(*sets.entry));
    memset(sets.entry, 0xff, places * sizeof(*sets.entry));
    for (size_t i = 0; i <= old->mask; i++) {
        uint32_t id = old->entry[i].id;
        if (id != SG__SET_EMPTY && id != SG__SET_GONE)
            sets_put(&sets, sg__slot_at(s, id)->labels->hash, id);
    }
    sg__stat_add(&s->stats.bytes, (sets.mask - old->mask) * sizeof(*sets.entry));
    sg_free(old->entry);
    *old = sets;
}

static struct sg__slot *sets_find(const struct sg_store *s, const struct sg_labels *labels)
{
    const struct sg__sets *sets = &s->sets;
    for (size_t i = labels->hash & sets->mask; sets->entry[i].id != SG__SET_EMPTY;
         i = (i + 1) & sets->mask) {
        struct sg__set_entry e = sets->entry[i];
        if (e.id == SG__SET_GONE || e.hash != high(labels->hash))
            continue;
        struct sg__slot *slot = sg__slot_at(s, e.id);
        if (sg_labels_eq(slot->labels, labels))
            return slot;
    }
    return NULL;
}

const struct sg_labels *sg__store_known(const struct sg_store *s, const struct sg_labels *labels)
{
    struct sg__slot *slot = sets_find(s, labels);
    return slot && sg__slot_state(slot) == SG__LIVE ? slot->labels : NULL;
}

static void sets_remove(struct sg_store *s, const struct sg__slot *slot)
{
    struct sg__sets *sets = &s->sets;
    size_t i = slot->labels->hash & sets->mask;
    while (sets->entry[i].id != slot->id)
        i = (i + 1) & sets->mask;
    sets->entry[i].id = SG__SET_GONE;
    sets->gone++;
}

/* ---- slots ---- */

static void add_page(struct sg_store *s, uint32_t page)
{
    size_t size = SG__PAGE_SLOTS * sizeof(struct sg__slot);
    s->raw_pages[page] = sg_calloc(1, size + 63);
    uintptr_t at = ((uintptr_t)s->raw_pages[page] + 63) & ~(uintptr_t)63;
    atomic_store_explicit(&s->pages[page], (struct sg__slot *)at, memory_order_release);
    sg__stat_add(&s->stats.bytes, size + 63);
}

/* A free id with its slot; false when none is left (too many rest). */
static bool take_id(struct sg_store *s, uint32_t *ret)
{
    if (s->free_ids.n) {
        *ret = s->free_ids.id[--s->free_ids.n];
        return true;
    }
    uint32_t n = atomic_load_explicit(&s->n_ids, memory_order_relaxed);
    if (n >= s->max_ids)
        return false;
    if (n % SG__PAGE_SLOTS == 0)
        add_page(s, n >> SG__PAGE_BITS);
    sg__slot_at(s, n)->id = n;
    *ret = n;
    return true;
}

/* ---- limits ---- */

static int check_limits(struct sg_store *s, const struct sg_labels *labels, struct sg_error *reterr)
{
    if (labels->count > s->opt.max_labels)
        return sg_error_set(reterr, SG_ELIMIT, "series has %u labels, max_labels is %u",
                            labels->count, s->opt.max_labels);
    if (atomic_load_explicit(&s->stats.series, memory_order_relaxed) >= s->opt.max_series) {
        atomic_store_explicit(&s->gate.series_full, true, memory_order_relaxed);
        return sg_error_set(reterr, SG_ELIMIT, "max_series %u is reached", s->opt.max_series);
    }
    struct sg_str metric = sg_labels_get(labels, SG_METRIC_NAME);
    if (metric.p &&
        sg__index_count(&s->index, SG_METRIC_NAME, metric) >= s->opt.max_series_per_metric)
        return sg_error_set(reterr, SG_ELIMIT, "metric '%.*s' has reached max_series_per_metric %u",
                            (int)(metric.n < 100 ? metric.n : 100), metric.p,
                            s->opt.max_series_per_metric);
    return 0;
}

/* ---- birth and revival ---- */

static void make_live(struct sg_store *s, struct sg__slot *slot)
{
    slot->arrival_ms = s->seen_ms;
    slot->kind = SG__KIND_NONE;
    slot->flags = 0;
    slot->cut_ms = INT64_MAX;
    slot->last_ms = INT64_MIN;
    atomic_store_explicit(&slot->state, SG__LIVE, memory_order_release);
    sg__index_add(&s->index, slot->id, slot->labels);
    sg__stat_add(&s->stats.series, 1);
    sg__stat_add(&s->stats.births, 1);
    atomic_fetch_add_explicit(&s->generation, 1, memory_order_release);
    sg__store_note(s, SG_STORE_BORN, slot->id, 0);
    if (atomic_load_explicit(&s->stats.series, memory_order_relaxed) >= s->opt.max_series)
        atomic_store_explicit(&s->gate.series_full, true, memory_order_relaxed);
}

int sg__store_revive(struct sg_store *s, struct sg__slot *slot, struct sg_error *reterr)
{
    int rc = check_limits(s, slot->labels, reterr);
    if (rc == 0)
        make_live(s, slot);
    return rc;
}

static int bear(struct sg_store *s, const struct sg_labels *labels, struct sg_source *source,
                struct sg__slot **ret, struct sg_error *reterr)
{
    int rc = check_limits(s, labels, reterr);
    if (rc < 0)
        return rc;
    uint32_t id;
    if (!take_id(s, &id))
        return sg_error_set(reterr, SG_ELIMIT, "no series id is free, %zu rest after expiry",
                            s->resting.count);
    sets_reserve(s);
    struct sg__slot *slot = sg__slot_at(s, id);
    slot->labels = sg_labels_ref(labels);
    slot->source = source;
    sets_put(&s->sets, labels->hash, id);
    sg__stat_add(&s->stats.label_bytes, sg_labels_size(labels));
    make_live(s, slot);
    if (id == atomic_load_explicit(&s->n_ids, memory_order_relaxed))
        atomic_store_explicit(&s->n_ids, id + 1, memory_order_release);
    *ret = slot;
    return 0;
}

int sg__store_identify(struct sg_store *s, const struct sg_labels *labels, struct sg_source *source,
                       uint32_t *ret_id, struct sg_error *reterr)
{
    struct sg__slot *slot = sets_find(s, labels);
    int rc = 0;
    if (!slot)
        rc = bear(s, labels, source, &slot, reterr);
    else if (sg__slot_state(slot) == SG__RESTING)
        rc = sg__store_revive(s, slot, reterr);
    if (rc < 0)
        return rc;
    slot->source = source;
    *ret_id = slot->id;
    return 0;
}

int sg_store_intern(struct sg_store *s, const struct sg_labels *labels, struct sg_source *source,
                    uint32_t *ret_id, struct sg_error *reterr)
{
    return sg__store_identify(s, labels, source, ret_id, reterr);
}

/* ---- expiry ---- */

static void rest(struct sg__resting_queue *q, struct sg__resting r)
{
    if (q->count == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : RING_MIN;
        struct sg__resting *ring = sg_alloc(cap * sizeof(*ring));
        for (size_t i = 0; i < q->count; i++)
            ring[i] = q->ring[(q->head + i) & (q->cap - 1)];
        sg_free(q->ring);
        *q = (struct sg__resting_queue){ring, 0, q->count, cap};
    }
    q->ring[(q->head + q->count++) & (q->cap - 1)] = r;
}

static bool is_resting(void *ctx, uint32_t id)
{
    return sg__slot_state(sg__slot_at(ctx, id)) == SG__RESTING;
}

void sg__store_expire(struct sg_store *s, const uint32_t *ids, size_t n, int64_t now_ms)
{
    const struct sg_labels **labels = sg_alloc(n * sizeof(const struct sg_labels *));
    for (size_t i = 0; i < n; i++) {
        struct sg__slot *slot = sg__slot_at(s, ids[i]);
        labels[i] = slot->labels;
        atomic_store_explicit(&slot->state, SG__RESTING, memory_order_release);
        sg__series_clear(&s->keeper, slot);
        sg__accum_free(s, slot);
        slot->arrival_ms = now_ms; /* of the rest; tells an old queue entry from the current */
    }
    struct sg__removal removal = {labels, n, is_resting, s};
    sg__index_remove(&s->index, &removal);
    sg_free(labels);
    /* Stamped now that no list leads to them: a reader that enters later cannot find them. */
    for (size_t i = 0; i < n; i++) {
        rest(&s->resting, (struct sg__resting){ids[i], now_ms, sg__epoch_stamp(&s->keeper.epoch)});
        sg__store_note(s, SG_STORE_EXPIRED, ids[i], 0);
    }
    sg__stat_sub(&s->stats.series, n);
    sg__stat_add(&s->stats.expired, n);
    atomic_fetch_add_explicit(&s->generation, 1, memory_order_release);
    atomic_store_explicit(&s->gate.series_full, false, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->gate.expire_epoch, 1, memory_order_release);
}

static void set_free(struct sg_store *s, struct sg__slot *slot)
{
    sets_remove(s, slot);
    sg__stat_sub(&s->stats.label_bytes, sg_labels_size(slot->labels));
    atomic_store_explicit(&slot->state, SG__FREE, memory_order_release);
    sg_labels_unref(slot->labels);
    slot->labels = NULL;
    sg__id_list_push(&s->free_ids, slot->id);
}

void sg__store_release(struct sg_store *s, int64_t now_ms, size_t budget)
{
    struct sg__resting_queue *q = &s->resting;
    if (!q->count || sg__sub_sat(now_ms, q->ring[q->head].since_ms) < SG__QUARANTINE_MS)
        return;
    uint64_t oldest = sg__epoch_oldest(&s->keeper.epoch);
    for (; q->count && budget; budget--) {
        struct sg__resting r = q->ring[q->head];
        if (sg__sub_sat(now_ms, r.since_ms) < SG__QUARANTINE_MS || r.stamp >= oldest)
            break;
        q->head = (q->head + 1) & (q->cap - 1);
        q->count--;
        struct sg__slot *slot = sg__slot_at(s, r.id);
        if (sg__slot_state(slot) == SG__RESTING && slot->arrival_ms == r.since_ms)
            set_free(s, slot);
    }
}
