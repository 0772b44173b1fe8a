/* batcher.c - filling and submitting batches.
 *
 * Sizes: a batch starts as large as the last two flushes suggest and grows fourfold while one flush
 * goes on, so a request of three samples costs 64 points of memory and a large body few
 * submissions.
 */
#include <streamgauge/ingest.h>
#include <streamgauge/mem.h>

#include "batcher.h"

enum {
    MIN_POINTS = 64,
    MAX_POINTS = 2048,
    MAX_METADATA = 1024, /* descriptions in one batch */
    CACHE_MAX = 262144,
};

static const struct sg_ingest_limits default_limits = {
    .max_line = 65536,
    .max_labels = 64,
    .max_name = 512,
    .max_value = 4096,
    .max_future_ms = 600000,
};

static void fill_limits(struct sg_ingest_limits *l)
{
    if (!l->max_line)
        l->max_line = default_limits.max_line;
    if (!l->max_labels)
        l->max_labels = default_limits.max_labels;
    if (!l->max_name)
        l->max_name = default_limits.max_name;
    if (!l->max_value)
        l->max_value = default_limits.max_value;
    if (!l->max_future_ms)
        l->max_future_ms = default_limits.max_future_ms;
}

struct sg_batcher *sg_batcher_new(const struct sg_batcher_config *config)
{
    struct sg_batcher *b = sg_calloc(1, sizeof(*b));
    b->config = *config;
    fill_limits(&b->config.limits);
    if (!b->config.cache_max)
        b->config.cache_max = CACHE_MAX;
    if (!b->config.batch_points)
        b->config.batch_points = MAX_POINTS;
    if (b->config.batch_points < 2) /* a weight and its observation stay together */
        b->config.batch_points = 2;
    sg__cache_init(&b->cache, b->config.cache_max);
    b->epoch = atomic_load_explicit(&config->gate->expire_epoch, memory_order_acquire);
    b->source = config->source;
    sg_labels_builder_init(&b->builder);
    sg_buf_init(&b->scratch, (size_t)b->config.limits.max_line * 2 + 1024);
    return b;
}

void sg_batcher_free(struct sg_batcher *b)
{
    if (!b)
        return;
    sg_batch_free(b->batch);
    sg__cache_clear(&b->cache);
    sg_free(b->cache.young.entries);
    sg_labels_builder_deinit(&b->builder);
    sg_buf_deinit(&b->scratch);
    sg_free(b);
}

static uint32_t first_cap(const struct sg_batcher *b)
{
    uint64_t guess = b->since_flush < b->last_flush ? b->since_flush : b->last_flush;
    uint32_t cap = MIN_POINTS;
    while (cap < guess && cap < b->config.batch_points)
        cap *= 2;
    return cap < b->config.batch_points ? cap : b->config.batch_points;
}

static void count(atomic_ullong *counter, uint64_t n)
{
    if (n)
        atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Hands the batch over, or drops it. The caller makes the next one. */
static int submit(struct sg_batcher *b)
{
    struct sg_batch *batch = b->batch;
    uint64_t samples = b->samples;
    b->since_flush += batch->n_points;
    b->batch = NULL;
    b->room = 0;
    b->samples = 0;
    b->batch_seq++;
    if (b->config.submit(b->config.ctx, batch) == 0) {
        count(&b->source->samples, samples);
        if (b->result)
            b->result->accepted += samples;
        return 0;
    }
    sg_batch_free(batch);
    b->described++; /* descriptions in it are lost too */
    count(&b->source->dropped, samples);
    if (b->result)
        b->result->dropped += samples;
    return SG_EBUSY;
}

static void new_batch(struct sg_batcher *b, uint32_t cap)
{
    b->cap = cap;
    b->batch = sg_batch_new(b->source, cap, b->received_ms);
    b->room = cap;
}

int sg__batcher_make_room(struct sg_batcher *b, uint32_t points)
{
    SG_ASSERT(points <= b->config.batch_points);
    int r = 0;
    uint32_t cap = b->cap ? b->cap : first_cap(b);
    if (b->batch) {
        r = submit(b);
        cap = b->cap > b->config.batch_points / 4 ? b->config.batch_points : b->cap * 4;
    }
    new_batch(b, cap < points ? points : cap);
    return r;
}

int sg_batcher_flush(struct sg_batcher *b)
{
    count(&b->source->rejected, b->rejected);
    count(&b->source->events, b->events);
    count(&b->source->bytes, b->bytes);
    b->rejected = b->events = b->bytes = 0;
    if (!b->batch || sg_batch_empty(b->batch))
        return 0;
    int r = submit(b);
    b->cap = first_cap(b);
    b->last_flush = b->since_flush;
    b->since_flush = 0;
    return r;
}

void sg__batcher_begin(struct sg_batcher *b, struct sg_source *source,
                       struct sg_ingest_result *result, int64_t received_ms)
{
    if (SG_UNLIKELY(source != b->source || result != b->result)) {
        (void)sg_batcher_flush(b); /* a drop is counted where it belongs */
        b->source = source;
        b->result = result;
    }
    b->received_ms = received_ms;
    if (b->batch && sg_batch_empty(b->batch)) {
        b->batch->source = source;
        b->batch->received_ms = received_ms;
    }
    uint32_t epoch = atomic_load_explicit(&b->config.gate->expire_epoch, memory_order_acquire);
    if (SG_UNLIKELY(epoch != b->epoch)) {
        b->epoch = epoch;
        sg__cache_clear(&b->cache);
    }
}

uint32_t sg__batcher_find_slow(struct sg_batcher *b, struct sg__entry *e)
{
    if (!e)
        return SG_CELL_PENDING;
    if (!e->cell)
        return SG_CELL_REJECTED;
    uint32_t id = atomic_load_explicit(&e->cell->id, memory_order_acquire);
    if (id == SG_CELL_PENDING)
        return e->batch == b->batch_seq && b->batch ? e->id : SG_CELL_PENDING;
    e->id = id;
    sg_series_cell_unref(e->cell);
    e->cell = NULL;
    return id;
}

/* A full store takes no new series, but this cache may only have forgotten an old one. */
static bool admits(const struct sg_batcher *b, const struct sg_labels *labels)
{
    const struct sg_ingest_gate *gate = b->config.gate;
    return SG_LIKELY(!atomic_load_explicit(&gate->series_full, memory_order_relaxed)) ||
           (gate->known && gate->known(gate, labels));
}

uint32_t sg__batcher_birth(struct sg_batcher *b, struct sg_hash128 key,
                           const struct sg_labels *labels)
{
    if (!admits(b, labels)) {
        sg_labels_unref(labels);
        return SG_CELL_REJECTED;
    }
    struct sg__entry *e = sg__cache_find(&b->cache, key);
    if (!e) {
        e = sg__cache_insert(&b->cache, key);
        e->cell = sg_series_cell_new();
    }
    SG_DCHECK(e->cell && b->batch);
    uint32_t index = sg_batch_add_birth_take(b->batch, labels, sg_series_cell_ref(e->cell));
    e->id = SG_SERIES_NEW | index;
    e->batch = b->batch_seq;
    return e->id;
}

void sg_batcher_describe(struct sg_batcher *b, struct sg_str metric, enum sg_metric_type type,
                         struct sg_str help, struct sg_str unit)
{
    uint64_t seed[2] = {b->described, (uint64_t)type};
    struct sg_hash128 key = sg_hash128(seed, sizeof(seed));
    key = sg__key_join(key, sg_hash128(metric.p, metric.n));
    key = sg__key_join(key, sg_hash128(help.p ? help.p : "", help.n));
    key = sg__key_join(key, sg_hash128(unit.p ? unit.p : "", unit.n));
    key = sg__key(key, (struct sg_hash128){0, 0});
    if (sg__cache_find(&b->cache, key))
        return;
    /* An id of no series: it marks "told". The key is never looked up as a series. */
    sg__cache_insert(&b->cache, key)->id = SG_SERIES_MAX;
    if (!b->batch || b->batch->n_metadata >= MAX_METADATA)
        (void)sg__batcher_make_room(b, 2); /* as much as any sample needs */
    sg_batch_add_metadata(b->batch, metric, type, help, unit);
}
