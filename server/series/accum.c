/* accum.c - series the engine accumulates: counters and gauges sampled once per tick, distributions
 * once per pane.
 *
 * Only touched ones are visited, from lists of ids (a series may expire in between, an id cannot
 * dangle). */
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "impl.h"

struct sg__accum *sg__accum_of(struct sg_store *s, struct sg__slot *slot)
{
    if (slot->accum)
        return slot->accum;
    struct sg__accum *a = sg_calloc(1, sizeof(*a));
    struct sg_sample newest;
    /* A plain series that is counted from now on goes on where it stands. */
    if (slot->kind == SG_KIND_FLOAT && sg__series_newest(slot, &newest) && newest.v == newest.v)
        a->value = newest.v;
    slot->accum = a;
    sg__stat_add(&s->stats.bytes, sizeof(*a));
    return a;
}

void sg__accum_free(struct sg_store *s, struct sg__slot *slot)
{
    if (!slot->accum)
        return;
    sg_histogram_acc_free(slot->accum->observed);
    sg_hll_free(slot->accum->members);
    sg_free(slot->accum);
    slot->accum = NULL;
    sg__stat_sub(&s->stats.bytes, sizeof(struct sg__accum));
}

/* Whether a sample at that time would be the newest; a marker of ours does not count. */
static bool is_newest(const struct sg__slot *slot, int64_t time_ms)
{
    struct sg_sample newest;
    return (slot->flags & SG__MARKED) || !sg__series_newest(slot, &newest) ||
           time_ms > newest.time_ms;
}

/* The accumulator of a listed id that is still touched; NULL if the series expired meanwhile. */
static struct sg__accum *touched(struct sg__slot *slot)
{
    if (sg__slot_state(slot) != SG__LIVE || !slot->accum || !slot->accum->touched)
        return NULL;
    return slot->accum;
}

static struct sg_sample take_sample(struct sg__slot *slot, int64_t time_ms)
{
    struct sg__accum *a = slot->accum;
    struct sg_sample sample = {.time_ms = time_ms, .v = a->value};
    if (slot->kind == SG_KIND_HISTOGRAM) {
        struct sg_histogram *h = sg_histogram_acc_snapshot(a->observed);
        sample.v = h->count;
        sample.obj = h;
    } else if (slot->kind == SG_KIND_DISTINCT) {
        sample.v = sg_hll_estimate(a->members);
        sample.obj = a->members;
        a->members = NULL;
    }
    return sample;
}

/* Samples all listed series at that time; the ones that hold a newer sample already stay listed. */
static void sample_list(struct sg_store *s, struct sg__id_list *list, int64_t time_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct sg__slot *slot = sg__slot_at(s, list->id[i]);
        struct sg__accum *a = touched(slot);
        if (!a)
            continue;
        if (!is_newest(slot, time_ms)) {
            list->id[kept++] = list->id[i];
            continue;
        }
        struct sg_sample sample = take_sample(slot, time_ms);
        if (sg__store_put(s, slot, sample) <= SG__PUT_LATE)
            sg__stat_add(&s->stats.samples, 1);
        else
            sg__object_unref(slot->kind, sample.obj);
        a->touched = false;
    }
    list->n = kept;
}

void sg__accum_sample(struct sg_store *s, int64_t now_ms)
{
    sample_list(s, &s->touched_values, now_ms);
    int64_t histogram = sg_time_align(now_ms, s->opt.histogram_pane_ms);
    int64_t distinct = sg_time_align(now_ms, s->opt.distinct_pane_ms);
    if (!s->panes_known) {
        s->histogram_pane = histogram;
        s->distinct_pane = distinct;
        s->panes_known = true;
    }
    if (histogram != s->histogram_pane) {
        s->histogram_pane = histogram;
        sample_list(s, &s->touched_histograms, histogram);
    }
    if (distinct != s->distinct_pane) {
        s->distinct_pane = distinct;
        sample_list(s, &s->touched_members, distinct);
    }
}
