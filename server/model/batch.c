/* batch.c - batches of points and the cells that carry ids back. */
#include <streamgauge/batch.h>
#include <streamgauge/mem.h>

struct sg_batch *sg_batch_new(struct sg_source *source, uint32_t cap_points, int64_t received_ms)
{
    struct sg_batch *b = sg_alloc(sizeof(*b) + (size_t)cap_points * sizeof(struct sg_point));
    *b = (struct sg_batch){.source = source, .cap_points = cap_points, .received_ms = received_ms};
    return b;
}

static void free_metadata(struct sg_metadata *m)
{
    sg_free(m->metric);
    sg_free(m->help);
    sg_free(m->unit);
}

void sg_batch_free(struct sg_batch *b)
{
    if (!b)
        return;
    for (uint32_t i = 0; i < b->n_births; i++) {
        sg_labels_unref(b->births[i].labels);
        sg_series_cell_unref(b->births[i].cell);
    }
    for (uint32_t i = 0; i < b->n_metadata; i++)
        free_metadata(&b->metadata[i]);
    for (uint32_t i = 0; i < b->n_histograms; i++)
        sg_histogram_unref(b->histograms[i]);
    for (uint32_t i = 0; i < b->n_exemplars; i++) {
        sg_labels_unref(b->exemplars[i].series);
        sg_labels_unref(b->exemplars[i].labels);
    }
    sg_free(b->exemplars);
    sg_free(b->births);
    sg_free(b->metadata);
    sg_free(b->histograms);
    sg_free(b);
}

static size_t text_size(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

size_t sg_batch_size(const struct sg_batch *b)
{
    size_t size = sizeof(*b) + (size_t)b->cap_points * sizeof(struct sg_point) +
                  b->cap_births * sizeof(*b->births) + b->cap_metadata * sizeof(*b->metadata) +
                  b->cap_histograms * sizeof(struct sg_histogram *) +
                  b->cap_exemplars * sizeof(*b->exemplars);
    for (uint32_t i = 0; i < b->n_births; i++)
        size += b->births[i].labels ? sg_labels_size(b->births[i].labels) : 0;
    for (uint32_t i = 0; i < b->n_metadata; i++) {
        const struct sg_metadata *m = &b->metadata[i];
        size += text_size(m->metric) + text_size(m->help) + text_size(m->unit);
    }
    for (uint32_t i = 0; i < b->n_histograms; i++)
        size += b->histograms[i] ? sg_histogram_size(b->histograms[i]) : 0;
    for (uint32_t i = 0; i < b->n_exemplars; i++)
        size += sg_labels_size(b->exemplars[i].series) + sg_labels_size(b->exemplars[i].labels);
    return size;
}

/* sg_grow for the 32-bit capacities of a batch. */
static void *grow(void *array, uint32_t *cap, uint32_t n, size_t size)
{
    if (n < *cap)
        return array;
    SG_ASSERT(n < SG_SERIES_NEW - 1);
    size_t wide = *cap;
    array = sg_grow(array, &wide, (size_t)n + 1, size);
    *cap = wide > UINT32_MAX ? UINT32_MAX : (uint32_t)wide;
    return array;
}

uint32_t sg_batch_add_birth_take(struct sg_batch *b, const struct sg_labels *labels,
                                 struct sg_series_cell *cell)
{
    b->births = grow(b->births, &b->cap_births, b->n_births, sizeof(*b->births));
    b->births[b->n_births] = (struct sg_birth){labels, cell};
    return b->n_births++;
}

static char *dup_text(struct sg_str s)
{
    return s.p ? sg_str_dup(s) : NULL;
}

void sg_batch_add_metadata(struct sg_batch *b, struct sg_str metric, enum sg_metric_type type,
                           struct sg_str help, struct sg_str unit)
{
    b->metadata = grow(b->metadata, &b->cap_metadata, b->n_metadata, sizeof(*b->metadata));
    b->metadata[b->n_metadata++] = (struct sg_metadata){
        .metric = sg_str_dup(metric), .help = dup_text(help), .unit = dup_text(unit), .type = type};
}

void sg_batch_add_exemplar_take(struct sg_batch *b, struct sg_exemplar e)
{
    b->exemplars = grow(b->exemplars, &b->cap_exemplars, b->n_exemplars, sizeof(*b->exemplars));
    b->exemplars[b->n_exemplars++] = e;
}

uint32_t sg_batch_add_histogram_take(struct sg_batch *b, struct sg_histogram *h)
{
    b->histograms =
        grow(b->histograms, &b->cap_histograms, b->n_histograms, sizeof(struct sg_histogram *));
    b->histograms[b->n_histograms] = h;
    return b->n_histograms++;
}

struct sg_series_cell *sg_series_cell_new(void)
{
    struct sg_series_cell *c = sg_alloc(sizeof(*c));
    atomic_init(&c->refs, 1);
    atomic_init(&c->id, SG_CELL_PENDING);
    return c;
}

struct sg_series_cell *sg_series_cell_ref(struct sg_series_cell *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void sg_series_cell_unref(struct sg_series_cell *c)
{
    if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        sg_free(c);
}
