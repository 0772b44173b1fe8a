/* chunk.c - see chunk.h. */
#include "chunk.h"

#include <streamgauge/mem.h>

#include "bits.h"

static struct sg__point *chunk_points(const struct sg__chunk *c)
{
    return (struct sg__point *)(uintptr_t)c->data;
}

static const void **chunk_objects(const struct sg__chunk *c)
{
    return (const void **)(void *)(chunk_points(c) + c->n);
}

void sg__object_unref(uint8_t kind, const void *obj)
{
    if (kind == SG_KIND_HISTOGRAM)
        sg_histogram_unref(obj);
    else if (kind == SG_KIND_DISTINCT)
        sg_hll_free(obj);
}

size_t sg__object_size(uint8_t kind, const void *obj)
{
    if (!obj)
        return 0;
    return kind == SG_KIND_HISTOGRAM ? sg_histogram_size(obj) : sg_hll_size(obj);
}

bool sg__object_eq(uint8_t kind, const void *a, const void *b)
{
    if (a == b)
        return true;
    return a && b && kind == SG_KIND_HISTOGRAM && sg_histogram_eq(a, b);
}

size_t sg__chunk_size(const struct sg__chunk *c)
{
    return sizeof(*c) + c->size + (c->kind == SG_KIND_FLOAT ? SG__BITS_PAD : 0);
}

static struct sg__chunk *alloc_chunk(size_t size, size_t pad, uint8_t kind)
{
    struct sg__chunk *c = sg_alloc(sizeof(*c) + size + pad);
    *c = (struct sg__chunk){.size = (uint32_t)size, .kind = kind};
    memset(c->data + size, 0, pad);
    return c;
}

static struct sg__chunk *pack_objects(struct sg__column col, uint8_t kind)
{
    struct sg__chunk *c = alloc_chunk(col.n * (sizeof(struct sg__point) + sizeof(void *)), 0, kind);
    c->n = (uint32_t)col.n;
    for (size_t i = 0; i < col.n; i++) {
        chunk_points(c)[i] = (struct sg__point){col.time_ms[i], col.v[i]};
        chunk_objects(c)[i] = col.obj[i];
    }
    return c;
}

struct sg__chunk *sg__chunk_new(struct sg__keeper *k, struct sg__column col, uint8_t kind,
                                struct sg__chunk *older)
{
    struct sg__chunk *c;
    if (kind == SG_KIND_FLOAT) {
        size_t size = sg__codec_encode(k->codec, col.time_ms, col.v, col.n);
        c = alloc_chunk(size, SG__BITS_PAD, kind);
        memcpy(c->data, k->codec->bytes, size);
    } else {
        c = pack_objects(col, kind);
    }
    c->n = (uint32_t)col.n;
    c->first_ms = col.time_ms[0];
    c->last_ms = col.time_ms[col.n - 1];
    atomic_init(&c->older, older);
    sg__stat_add(&k->stats->chunks, 1);
    sg__stat_add(&k->stats->chunk_bytes, sg__chunk_size(c));
    sg__stat_add(&k->stats->bytes, sg__chunk_size(c));
    sg__stat_add(&k->stats->sealed_samples, c->n);
    return c;
}

void sg__chunk_unpack(const struct sg__chunk *c, struct sg__column col)
{
    if (c->kind == SG_KIND_FLOAT) {
        int rc = sg__codec_decode(c->data, c->size, c->n, col.time_ms, col.v);
        SG_ASSERT(rc == 0);
        return;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        col.time_ms[i] = chunk_points(c)[i].time_ms;
        col.v[i] = chunk_points(c)[i].v;
        if (col.obj)
            col.obj[i] = chunk_objects(c)[i];
    }
}

static void free_with_objects(void *p)
{
    struct sg__chunk *c = p;
    if (c->kind != SG_KIND_FLOAT) {
        for (uint32_t i = 0; i < c->n; i++)
            sg__object_unref(c->kind, chunk_objects(c)[i]);
    }
    sg_free(c);
}

void sg__chunk_retire(struct sg__keeper *k, struct sg__chunk *c, bool with_objects)
{
    if (with_objects && c->kind != SG_KIND_FLOAT) {
        for (uint32_t i = 0; i < c->n; i++)
            sg__stat_sub(&k->stats->bytes, sg__object_size(c->kind, chunk_objects(c)[i]));
    }
    sg__stat_sub(&k->stats->chunks, 1);
    sg__stat_sub(&k->stats->chunk_bytes, sg__chunk_size(c));
    sg__stat_sub(&k->stats->bytes, sg__chunk_size(c));
    sg__stat_sub(&k->stats->sealed_samples, c->n);
    sg__epoch_retire(&k->epoch, c, with_objects ? free_with_objects : sg_free);
}
