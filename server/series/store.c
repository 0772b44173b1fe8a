/* store.c - making and freeing a store. */
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "impl.h"

void sg_store_options_default(struct sg_store_options *opt)
{
    *opt = (struct sg_store_options){
        .retention_ms = SG_MS_PER_HOUR,
        .out_of_order_ms = 5 * SG_MS_PER_MIN,
        .max_future_ms = 10 * SG_MS_PER_MIN,
        .idle_expiry_ms = 0,
        .max_series = 1000000,
        .max_series_per_metric = 200000,
        .max_labels = 64,
        .max_exemplars = 100000,
        .histogram_pane_ms = 1000,
        .distinct_pane_ms = 10000,
    };
}

static int check_options(const struct sg_store_options *opt, struct sg_error *reterr)
{
    if (opt->retention_ms <= 0)
        return sg_error_set(reterr, SG_EINVALID, "retention is %lld ms, expected more than 0",
                            (long long)opt->retention_ms);
    if (opt->out_of_order_ms < 0 || opt->max_future_ms < 0 || opt->idle_expiry_ms < 0)
        return sg_error_set(reterr, SG_EINVALID,
                            "out-of-order window, future window and idle expiry must not be "
                            "negative");
    if (opt->histogram_pane_ms <= 0 || opt->distinct_pane_ms <= 0)
        return sg_error_set(reterr, SG_EINVALID, "panes must be longer than 0 ms");
    if (opt->max_series == 0 || opt->max_series > SG_SERIES_MAX)
        return sg_error_set(reterr, SG_EINVALID, "max_series is %u, expected 1 to %u",
                            opt->max_series, SG_SERIES_MAX);
    if (opt->max_series_per_metric == 0 || opt->max_labels == 0)
        return sg_error_set(reterr, SG_EINVALID,
                            "max_series_per_metric and max_labels must be at least 1");
    return 0;
}

/* Twice the series limit: as many may rest as live. */
static uint32_t max_ids(uint32_t max_series)
{
    uint64_t ids = 2 * (uint64_t)max_series + SG__PAGE_SLOTS;
    return ids < SG_SERIES_MAX ? (uint32_t)ids : SG_SERIES_MAX;
}

int sg_store_new(const struct sg_store_options *opt, struct sg_store **ret, struct sg_error *reterr)
{
    int rc = check_options(opt, reterr);
    if (rc < 0)
        return rc;
    struct sg_store *s = sg_calloc(1, sizeof(*s));
    s->opt = *opt;
    s->unlimited = opt->retention_ms >= SG__UNLIMITED_MS;
    s->max_ids = max_ids(opt->max_series);
    size_t pages = s->max_ids / SG__PAGE_SLOTS + 1;
    s->pages = sg_calloc(pages, sizeof(*s->pages));
    s->raw_pages = sg_calloc(pages, sizeof(*s->raw_pages));
    struct sg__keeper *k = &s->keeper;
    sg__epoch_init(&k->epoch);
    k->stats = &s->stats;
    k->codec = sg_alloc(sizeof(*k->codec));
    k->times = sg_alloc(SG__CODEC_MAX * sizeof(*k->times));
    k->values = sg_alloc(SG__CODEC_MAX * sizeof(*k->values));
    k->out_of_order_ms = s->unlimited ? INT64_MAX : opt->out_of_order_ms;
    sg__index_init(&s->index, &k->epoch, &s->stats);
    sg__sets_init(&s->sets);
    s->gate.known = sg__store_knows;
    s->expired_ms = INT64_MIN;
    s->seen_ms = INT64_MAX;
    *ret = s;
    return 0;
}

void sg_store_free(struct sg_store *s)
{
    if (!s)
        return;
    uint32_t n = atomic_load(&s->n_ids);
    for (uint32_t id = 0; id < n; id++) {
        struct sg__slot *slot = sg__slot_at(s, id);
        sg__series_clear(&s->keeper, slot);
        sg__accum_free(s, slot);
        sg_labels_unref(slot->labels);
    }
    sg__store_free_metadata(s);
    sg__store_free_exemplars(s);
    sg__index_deinit(&s->index);
    sg__epoch_deinit(&s->keeper.epoch);
    for (uint32_t i = 0; i < s->max_ids / SG__PAGE_SLOTS + 1; i++)
        sg_free(s->raw_pages[i]);
    sg_free(s->raw_pages);
    sg_free(s->pages);
    sg_free(s->keeper.codec);
    sg_free(s->keeper.times);
    sg_free(s->keeper.values);
    sg_free(s->sets.entry);
    sg_free(s->free_ids.id);
    sg_free(s->due.id);
    sg_free(s->touched_values.id);
    sg_free(s->touched_histograms.id);
    sg_free(s->touched_members.id);
    sg_free(s->resting.ring);
    sg_free(s->birth_ids);
    sg_free(s->journal);
    sg_free(s);
}

struct sg_ingest_gate *sg_store_gate(struct sg_store *s)
{
    return &s->gate;
}

const struct sg_store_stats *sg_store_get_stats(const struct sg_store *s)
{
    return &s->stats;
}

void sg__id_list_push(struct sg__id_list *l, uint32_t id)
{
    if (l->n == l->cap)
        l->id = sg_grow(l->id, &l->cap, l->n + 1, sizeof(*l->id));
    l->id[l->n++] = id;
}

void sg_store_tick(struct sg_store *s, int64_t now_ms)
{
    sg__accum_sample(s, now_ms);
    sg__store_scan(s, now_ms);
    sg__epoch_poll(&s->keeper.epoch);
}
