/* expiry.c - the amortised scan: staleness markers, retention, idle series. A tick looks at a
 * sixteenth of the slots, so a series is visited about every second and a half at the base tick,
 * and never more than 65 536 of them at once. */
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "impl.h"

enum { SCAN_MIN = 2048, SCAN_MAX = 65536, SCAN_PARTS = 16, RELEASE_MAX = 4096 };
#define STEP_MIN_MS SG_MS_PER_MIN /* smaller steps back are waited out */

/* Marks a silent series: one staleness marker where its source's patience ended, in the time of its
 * own samples. Viewers saw the last value until then, so history and what was shown agree. */
static void mark_stale(struct sg_store *s, struct sg__slot *slot)
{
    slot->flags |= SG__QUIET;
    struct sg_sample newest;
    if (!sg__series_newest(slot, &newest) || sg_is_stale(newest.v))
        return;
    int64_t at = sg__add_sat(newest.time_ms, slot->source->stale_after_ms);
    if (at == newest.time_ms)
        return;
    sg__series_append_slow(&s->keeper, slot, (struct sg_sample){at, sg_stale_nan(), NULL});
    slot->flags |= SG__MARKED;
    sg__stat_add(&s->stats.stale_markers, 1);
}

static bool is_due(const struct sg_store *s, const struct sg__slot *slot, int64_t now_ms)
{
    int64_t silent = sg__sub_sat(now_ms, slot->arrival_ms);
    if (s->opt.idle_expiry_ms)
        return silent > s->opt.idle_expiry_ms;
    if (s->unlimited)
        return false;
    if (!atomic_load_explicit(&slot->open, memory_order_relaxed))
        return silent > s->opt.retention_ms;
    return slot->last_ms < sg__sub_sat(now_ms, s->opt.retention_ms);
}

static void visit(struct sg_store *s, struct sg__slot *slot, int64_t now_ms, int64_t before_ms)
{
    if (sg__slot_state(slot) != SG__LIVE)
        return;
    if (slot->arrival_ms == INT64_MAX)
        slot->arrival_ms = now_ms; /* interned before anybody told the time */
    if (!(slot->flags & SG__QUIET) && slot->source && slot->source->stale_after_ms > 0 &&
        sg__sub_sat(now_ms, slot->arrival_ms) > slot->source->stale_after_ms)
        mark_stale(s, slot);
    if (slot->cut_ms < before_ms) {
        int64_t dropped_ms = sg__series_cut(&s->keeper, slot, before_ms);
        if (dropped_ms != INT64_MIN)
            sg__store_note(s, SG_STORE_CUT, slot->id, dropped_ms);
    }
    if (s->due.n < SG__EXPIRE_MAX && !(slot->flags & SG__LISTED_DUE) && is_due(s, slot, now_ms)) {
        slot->flags |= SG__LISTED_DUE;
        sg__id_list_push(&s->due, slot->id);
    }
}

/* All that are still due, in one go: the lists of the index are rebuilt once for all of them. */
static void expire_due(struct sg_store *s, int64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < s->due.n; i++) {
        struct sg__slot *slot = sg__slot_at(s, s->due.id[i]);
        slot->flags &= (uint8_t)~SG__LISTED_DUE;
        if (sg__slot_state(slot) == SG__LIVE && is_due(s, slot, now_ms))
            s->due.id[n++] = s->due.id[i];
    }
    if (n)
        sg__store_expire(s, s->due.id, n, now_ms);
    s->due.n = 0;
    s->expired_ms = now_ms;
}

/* The clock was set back by more than the out-of-order window: what came just before would be in
 * front of all that comes from now on, which would be refused as too old until the clock is there
 * again. Such series begin anew; their samples are of times that have not been. */
static void rewind_clock(struct sg_store *s, int64_t now_ms)
{
    int64_t ahead_ms = sg__add_sat(now_ms, s->keeper.out_of_order_ms);
    struct sg__id_list ahead = {0};
    uint32_t n = atomic_load_explicit(&s->n_ids, memory_order_relaxed);
    for (uint32_t id = 0; id < n; id++) {
        const struct sg__slot *slot = sg__slot_at(s, id);
        if (sg__slot_state(slot) == SG__LIVE &&
            atomic_load_explicit(&slot->open, memory_order_relaxed) && slot->last_ms > ahead_ms)
            sg__id_list_push(&ahead, id);
    }
    if (ahead.n)
        sg__store_expire(s, ahead.id, ahead.n, now_ms);
    sg_free(ahead.id);
    s->expired_ms = now_ms; /* else none would expire until the clock is there again */
}

void sg__store_see(struct sg_store *s, int64_t now_ms)
{
    int64_t window_ms = s->keeper.out_of_order_ms;
    bool back = s->seen_ms != INT64_MAX && sg__sub_sat(s->seen_ms, now_ms) >
                                               (window_ms > STEP_MIN_MS ? window_ms : STEP_MIN_MS);
    s->seen_ms = now_ms;
    if (back)
        rewind_clock(s, now_ms);
}

void sg__store_scan(struct sg_store *s, int64_t now_ms)
{
    sg__store_see(s, now_ms);
    uint32_t n = atomic_load_explicit(&s->n_ids, memory_order_relaxed);
    uint32_t budget = n / SCAN_PARTS + 1;
    budget = budget < SCAN_MIN ? SCAN_MIN : budget > SCAN_MAX ? SCAN_MAX : budget;
    budget = budget < n ? budget : n;
    int64_t before_ms = s->unlimited ? INT64_MIN : sg__sub_sat(now_ms, s->opt.retention_ms);
    for (uint32_t i = 0; i < budget; i++) {
        if (s->scan_at >= n)
            s->scan_at = 0;
        visit(s, sg__slot_at(s, s->scan_at++), now_ms, before_ms);
    }
    bool time = sg__sub_sat(now_ms, s->expired_ms) >= SG__EXPIRE_EVERY_MS;
    if (s->due.n && time)
        expire_due(s, now_ms);
    sg__store_release(s, now_ms, RELEASE_MAX);
}
