/* append.c - samples and batches into the store: the rules of time and kind, counted. */
#include <math.h>

#include <streamgauge/mem.h>

#include "impl.h"

/* Points ahead whose slots are fetched early: the ids of a batch lie anywhere. */
enum { AHEAD = 12 };

/* One batch: its times, and counters that reach the statistics at its end. */
struct applying {
    struct sg_store *store;
    struct sg_batch *batch;
    int64_t now_ms, oldest_ms, newest_ms; /* accepted times, both included */
    double weight;                        /* of the next observation */
    bool arrival;                         /* SG_POINT_ARRIVAL of this point */
    uint64_t samples, late, instead, same, conflict, old, future, limit, kind;
};

static struct applying begin(struct sg_store *s, int64_t now_ms)
{
    struct applying a = {.store = s, .now_ms = now_ms, .weight = 1};
    a.oldest_ms = s->unlimited ? INT64_MIN : sg__sub_sat(now_ms, s->opt.retention_ms);
    a.newest_ms = s->unlimited ? INT64_MAX : sg__add_sat(now_ms, s->opt.max_future_ms);
    sg__store_see(s, now_ms);
    return a;
}

static void end(const struct applying *a)
{
    struct sg_store_stats *t = &a->store->stats;
    sg__stat_add(&t->samples, a->samples + a->late);
    sg__stat_add(&t->out_of_order, a->late);
    sg__stat_add(&t->replaced, a->instead);
    sg__stat_add(&t->duplicates, a->same);
    sg__stat_add(&t->rejected_duplicate, a->conflict);
    sg__stat_add(&t->rejected_too_old, a->old);
    sg__stat_add(&t->rejected_future, a->future);
    sg__stat_add(&t->rejected_limit, a->limit);
    sg__stat_add(&t->rejected_kind, a->kind);
}

/* ---- one sample ---- */

/* In front of a marker of ours: the series went on, so the marker was early and goes; unless the
 * sample is refused. */
static enum sg__put put_before_marker(struct sg_store *s, struct sg__slot *slot,
                                      struct sg_sample sample)
{
    struct sg_sample marker;
    SG_ASSERT(sg__series_newest(slot, &marker));
    sg__store_note(s, SG_STORE_PAST, slot->id, marker.time_ms);
    sg__series_unmark(&s->keeper, slot);
    enum sg__put put = sg__series_put(&s->keeper, slot, sample);
    if (put == SG__PUT_OLD) {
        sg__series_append_slow(&s->keeper, slot, marker);
        slot->flags |= SG__MARKED;
    }
    return put;
}

enum sg__put sg__store_put(struct sg_store *s, struct sg__slot *slot, struct sg_sample sample)
{
    if ((slot->flags & SG__MARKED) && sample.time_ms <= slot->last_ms)
        return put_before_marker(s, slot, sample);
    enum sg__put put = sg__series_put(&s->keeper, slot, sample);
    if (put == SG__PUT_STORED)
        slot->flags &= (uint8_t)~SG__MARKED;
    else if (put == SG__PUT_LATE)
        sg__store_note(s, SG_STORE_PAST, slot->id, sample.time_ms);
    return put;
}

/* The kind a series takes with its first sample. A staleness marker fits every kind. */
static bool kind_fits(struct sg__slot *slot, struct sg_sample sample, uint8_t kind)
{
    if (slot->kind == SG__KIND_NONE)
        slot->kind = kind;
    return slot->kind == kind || (kind == SG_KIND_FLOAT && sg_is_stale(sample.v));
}

static void count_put(struct applying *a, enum sg__put put)
{
    switch (put) {
    case SG__PUT_STORED:
        a->samples++;
        break;
    case SG__PUT_LATE:
        a->late++;
        break;
    case SG__PUT_INSTEAD:
        a->instead++;
        break;
    case SG__PUT_SAME:
        a->same++;
        break;
    case SG__PUT_CONFLICT:
        a->conflict++;
        break;
    case SG__PUT_OLD:
        a->old++;
        break;
    }
}

/* Dated by its arrival and not the first of its millisecond: what was sent last is what is so. */
static enum sg__put put_instead(struct applying *a, struct sg__slot *slot, struct sg_sample sample)
{
    struct sg_sample newest;
    if (slot->kind != SG_KIND_FLOAT || !sg__series_newest(slot, &newest) ||
        newest.time_ms != sample.time_ms)
        return SG__PUT_CONFLICT;
    sg__store_note(a->store, SG_STORE_PAST, slot->id, sample.time_ms);
    sg__series_replace(slot, sample.v);
    return SG__PUT_INSTEAD;
}

/* Any sample by the rules. True when the reference of its object is taken. */
static bool put_checked(struct applying *a, struct sg__slot *slot, struct sg_sample sample,
                        uint8_t kind)
{
    if (sample.time_ms < a->oldest_ms) {
        a->old++;
        return false;
    }
    if (sample.time_ms > a->newest_ms) {
        a->future++;
        return false;
    }
    if (!kind_fits(slot, sample, kind)) {
        a->kind++;
        return false;
    }
    enum sg__put put = sg__store_put(a->store, slot, sample);
    if (put == SG__PUT_CONFLICT && a->arrival)
        put = put_instead(a, slot, sample);
    count_put(a, put);
    if (put == SG__PUT_OLD)
        return false;
    slot->flags &= (uint8_t)~SG__QUIET;
    if (put == SG__PUT_STORED && sg_is_stale(sample.v))
        slot->flags |= SG__QUIET;
    if (put <= SG__PUT_INSTEAD && slot->accum && kind == SG_KIND_FLOAT && !isnan(sample.v))
        slot->accum->value = sample.v; /* changes go on from here */
    return put == SG__PUT_STORED || put == SG__PUT_LATE;
}

/* ---- points of a batch ---- */

/* A live slot for the point's series, or NULL, counted. */
static struct sg__slot *resolve(struct applying *a, uint32_t series)
{
    struct sg_store *s = a->store;
    if (series & SG_SERIES_NEW) {
        uint32_t birth = series & ~SG_SERIES_NEW;
        series = birth < a->batch->n_births ? s->birth_ids[birth] : SG_CELL_REJECTED;
    }
    if (series < atomic_load_explicit(&s->n_ids, memory_order_relaxed)) {
        struct sg__slot *slot = sg__slot_at(s, series);
        uint8_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);
        if (SG_LIKELY(state == SG__LIVE))
            return slot;
        if (state == SG__RESTING && sg__store_revive(s, slot, NULL) == 0)
            return slot;
    }
    a->limit++;
    return NULL;
}

static void count_up(struct applying *a, struct sg__slot *slot, struct sg_point p)
{
    if (SG_UNLIKELY(slot->kind != SG_KIND_FLOAT)) {
        if (slot->kind != SG__KIND_NONE) {
            a->kind++;
            return;
        }
        slot->kind = SG_KIND_FLOAT;
    }
    struct sg__accum *accum = slot->accum ? slot->accum : sg__accum_of(a->store, slot);
    accum->value = p.op == SG_OP_GAUGE_SET ? p.value : accum->value + p.value;
    if (!accum->touched) {
        accum->touched = true;
        sg__id_list_push(&a->store->touched_values, slot->id);
    }
}

static void observe(struct applying *a, struct sg__slot *slot, struct sg_point p)
{
    uint8_t kind = p.op == SG_OP_OBSERVE ? SG_KIND_HISTOGRAM : SG_KIND_DISTINCT;
    if (slot->kind == SG__KIND_NONE)
        slot->kind = kind;
    if (slot->kind != kind) {
        a->kind++;
        return;
    }
    struct sg__accum *accum = slot->accum ? slot->accum : sg__accum_of(a->store, slot);
    if (kind == SG_KIND_HISTOGRAM) {
        if (!accum->observed)
            accum->observed = sg_histogram_acc_new();
        sg_histogram_acc_observe(accum->observed, p.value, a->weight);
    } else {
        if (!accum->members)
            accum->members = sg_hll_new();
        sg_hll_add(accum->members, p.bits);
    }
    if (!accum->touched) {
        accum->touched = true;
        sg__id_list_push(kind == SG_KIND_HISTOGRAM ? &a->store->touched_histograms
                                                   : &a->store->touched_members,
                         slot->id);
    }
}

static void put_histogram(struct applying *a, struct sg__slot *slot, struct sg_point p)
{
    const struct sg_histogram *h =
        p.bits < a->batch->n_histograms ? a->batch->histograms[p.bits] : NULL;
    if (!h) {
        a->kind++;
        return;
    }
    struct sg_sample sample = {p.time_ms, h->count, sg_histogram_ref(h)};
    if (!put_checked(a, slot, sample, SG_KIND_HISTOGRAM))
        sg_histogram_unref(h);
}

/* Everything but the newest plain sample of a live series. */
static void apply_slow(struct applying *a, struct sg_point p)
{
    if (p.op == SG_OP_WEIGHT) {
        a->weight = isfinite(p.value) && p.value > 0 ? p.value : 1;
        return;
    }
    struct sg__slot *slot = resolve(a, p.series);
    a->arrival = p.flags & SG_POINT_ARRIVAL;
    if (slot) {
        slot->arrival_ms = a->now_ms;
        slot->source = a->batch->source;
        switch (p.op) {
        case SG_OP_SET:
            put_checked(a, slot, (struct sg_sample){p.time_ms, p.value, NULL}, SG_KIND_FLOAT);
            break;
        case SG_OP_COUNT:
        case SG_OP_GAUGE_ADD:
        case SG_OP_GAUGE_SET:
            slot->flags &= (uint8_t)~SG__QUIET;
            count_up(a, slot, p);
            break;
        case SG_OP_OBSERVE:
        case SG_OP_MEMBER:
            slot->flags &= (uint8_t)~SG__QUIET;
            observe(a, slot, p);
            break;
        case SG_OP_HISTOGRAM:
            put_histogram(a, slot, p);
            break;
        default:
            a->kind++;
        }
    }
    a->weight = 1;
}

/* The hot ones: another increment in this tick, or a newest sample of a live float series whose
 * block has room. */
static inline bool apply_fast(struct applying *a, struct sg_point p, uint32_t n_ids)
{
    if (p.series >= n_ids)
        return false;
    struct sg__slot *slot = sg__slot_at(a->store, p.series);
    if (p.op == SG_OP_COUNT && slot->accum && slot->accum->touched &&
        slot->kind == SG_KIND_FLOAT) { /* touched: so it is live, and listed */
        slot->accum->value += p.value;
        slot->arrival_ms = a->now_ms;
        slot->source = a->batch->source;
        slot->flags &= SG__LISTED_DUE | SG__MARKED;
        return true;
    }
    if (p.op != SG_OP_SET || atomic_load_explicit(&slot->state, memory_order_relaxed) != SG__LIVE ||
        slot->accum || p.time_ms < a->oldest_ms || p.time_ms > a->newest_ms ||
        sg_is_stale(p.value) || !sg__series_append_fast(slot, p.time_ms, p.value))
        return false;
    slot->arrival_ms = a->now_ms;
    slot->source = a->batch->source;
    slot->flags &= SG__LISTED_DUE;
    a->samples++;
    return true;
}

static void apply_births(struct applying *a)
{
    struct sg_store *s = a->store;
    struct sg_batch *b = a->batch;
    if (b->n_births > s->birth_cap)
        s->birth_ids = sg_grow(s->birth_ids, &s->birth_cap, b->n_births, sizeof(*s->birth_ids));
    for (uint32_t i = 0; i < b->n_births; i++) {
        uint32_t id;
        int rc = sg__store_identify(s, b->births[i].labels, b->source, &id, NULL);
        if (rc < 0)
            id = SG_CELL_REJECTED;
        s->birth_ids[i] = id;
        if (b->births[i].cell)
            atomic_store_explicit(&b->births[i].cell->id, id, memory_order_release);
    }
}

static inline void prefetch(const struct applying *a, uint32_t i, uint32_t n_ids)
{
    const struct sg_batch *b = a->batch;
    if (i + AHEAD < b->n_points && b->points[i + AHEAD].series < n_ids)
        __builtin_prefetch(sg__slot_at(a->store, b->points[i + AHEAD].series), 1);
}

static void apply_points(struct applying *a)
{
    const struct sg_batch *b = a->batch;
    for (uint32_t i = 0; i < b->n_points; i++) {
        uint32_t n_ids = atomic_load_explicit(&a->store->n_ids, memory_order_relaxed);
        prefetch(a, i, n_ids);
        if (SG_LIKELY(apply_fast(a, b->points[i], n_ids)))
            a->weight = 1;
        else
            apply_slow(a, b->points[i]);
    }
}

void sg_store_apply_take(struct sg_store *s, struct sg_batch *batch, int64_t now_ms)
{
    struct applying a = begin(s, now_ms);
    a.batch = batch;
    apply_births(&a);
    apply_points(&a);
    for (uint32_t i = 0; i < batch->n_metadata; i++)
        sg__store_keep_metadata(s, &batch->metadata[i]);
    for (uint32_t i = 0; i < batch->n_exemplars; i++)
        sg__store_keep_exemplar(s, &batch->exemplars[i]);
    sg__stat_add(&s->stats.exemplars_dropped, batch->refused_exemplars);
    end(&a);
    sg_batch_free(batch);
}

/* ---- for embedders ---- */

static int refusal(const struct applying *a, struct sg_error *reterr)
{
    if (a->conflict)
        return sg_error_set(reterr, SG_EINVALID,
                            "another value is stored at this time already, expected a new time");
    if (a->old)
        return sg_error_set(reterr, SG_EINVALID,
                            "sample is too old, expected it within the retention and the "
                            "out-of-order window");
    if (a->future)
        return sg_error_set(reterr, SG_EINVALID,
                            "sample is too far in the future, at most %lld ms ahead are accepted",
                            (long long)a->store->opt.max_future_ms);
    if (a->kind)
        return sg_error_set(reterr, SG_EINVALID,
                            "series holds histograms or distinct counts, expected no float");
    return 0;
}

int sg_store_append(struct sg_store *s, uint32_t id, int64_t time_ms, double v, int64_t now_ms,
                    struct sg_error *reterr)
{
    if (id >= atomic_load_explicit(&s->n_ids, memory_order_relaxed) ||
        sg__slot_state(sg__slot_at(s, id)) == SG__FREE)
        return sg_error_set(reterr, SG_EINVALID, "series id %u is not in use", id);
    struct applying a = begin(s, now_ms);
    struct sg__slot *slot = sg__slot_at(s, id);
    int rc = 0;
    if (sg__slot_state(slot) == SG__RESTING)
        rc = sg__store_revive(s, slot, reterr);
    if (rc == 0) {
        slot->arrival_ms = now_ms;
        put_checked(&a, slot, (struct sg_sample){time_ms, v, NULL}, SG_KIND_FLOAT);
        rc = refusal(&a, reterr);
    } else {
        a.limit++;
    }
    end(&a);
    return rc;
}
