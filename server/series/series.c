/* series.c - the writer's half of a series: appending, sealing, late samples, cutting. */
#include "series.h"

#include <streamgauge/mem.h>

#include "chunk.h"

static struct sg__block *block_of(const struct sg__slot *s)
{
    return atomic_load_explicit(&s->open, memory_order_relaxed);
}

static uint32_t count_of(const struct sg__block *b)
{
    return atomic_load_explicit(&b->n, memory_order_relaxed);
}

static struct sg__chunk *older_of(const struct sg__block *b)
{
    return atomic_load_explicit(&b->older, memory_order_relaxed);
}

static struct sg__block *block_new(struct sg__keeper *k, uint32_t cap, uint8_t kind,
                                   struct sg__chunk *older)
{
    struct sg__block *b = sg_alloc(sg__block_size(cap, kind));
    atomic_init(&b->n, 0);
    b->cap = (uint16_t)cap;
    b->kind = kind;
    atomic_init(&b->older, older);
    sg__stat_add(&k->stats->bytes, sg__block_size(cap, kind));
    return b;
}

static void free_with_objects(void *p)
{
    struct sg__block *b = p;
    for (uint32_t i = 0; b->kind != SG_KIND_FLOAT && i < count_of(b); i++)
        sg__object_unref(b->kind, sg__block_objects(b)[i]);
    sg_free(b);
}

static void block_retire(struct sg__keeper *k, struct sg__block *b, bool with_objects)
{
    sg__stat_sub(&k->stats->bytes, sg__block_size(b->cap, b->kind));
    for (uint32_t i = 0; with_objects && b->kind != SG_KIND_FLOAT && i < count_of(b); i++)
        sg__stat_sub(&k->stats->bytes, sg__object_size(b->kind, sg__block_objects(b)[i]));
    sg__epoch_retire(&k->epoch, b, with_objects ? free_with_objects : sg_free);
}

static void block_set(struct sg__block *b, uint32_t i, struct sg_sample sample)
{
    b->points[i] = (struct sg__point){sample.time_ms, sample.v};
    if (b->kind != SG_KIND_FLOAT)
        sg__block_objects(b)[i] = sample.obj;
}

/* Samples from … from + n - 1 of src to index `at` of dst. */
static void block_copy(struct sg__block *dst, uint32_t at, struct sg__block *src, uint32_t from,
                       uint32_t n)
{
    memcpy(dst->points + at, src->points + from, n * sizeof(*dst->points));
    if (dst->kind != SG_KIND_FLOAT)
        memcpy(sg__block_objects(dst) + at, sg__block_objects(src) + from,
               n * sizeof(const void *));
}

/* Makes the block with its n samples the one readers see, instead of the one before. */
static void block_publish(struct sg__keeper *k, struct sg__slot *s, struct sg__block *b, uint32_t n)
{
    struct sg__block *before = block_of(s);
    atomic_store_explicit(&b->n, n, memory_order_relaxed);
    atomic_store_explicit(&s->open, b, memory_order_release);
    if (before)
        block_retire(k, before, false);
}

static void object_counted(struct sg__keeper *k, uint8_t kind, const void *obj)
{
    if (obj)
        sg__stat_add(&k->stats->bytes, sg__object_size(kind, obj));
}

/* ---- growing and sealing ---- */

static uint32_t next_cap(uint32_t n)
{
    uint32_t cap = SG__BLOCK_MIN;
    while (cap <= n)
        cap *= 2;
    return cap < SG__BLOCK_MAX ? cap : SG__BLOCK_MAX;
}

/* A chunk of the oldest n samples of b. */
static struct sg__chunk *seal(struct sg__keeper *k, struct sg__block *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        k->times[i] = b->points[i].time_ms;
        k->values[i] = b->points[i].v;
    }
    const void **objects = b->kind == SG_KIND_FLOAT ? NULL : sg__block_objects(b);
    struct sg__column col = {k->times, k->values, objects, n};
    return sg__chunk_new(k, col, b->kind, older_of(b));
}

/* Replaces a full block by one with room: twice as big, or, at the largest, with the oldest samples
 * sealed. */
static struct sg__block *make_room(struct sg__keeper *k, struct sg__slot *s)
{
    struct sg__block *b = block_of(s);
    if (!b) {
        b = block_new(k, SG__BLOCK_MIN, s->kind, NULL);
        block_publish(k, s, b, 0);
        return b;
    }
    uint32_t n = count_of(b), sealed = n < SG__BLOCK_MAX ? 0 : n - SG__BLOCK_KEEP;
    struct sg__chunk *older = sealed ? seal(k, b, sealed) : older_of(b);
    struct sg__block *room = block_new(k, next_cap(n - sealed), s->kind, older);
    block_copy(room, 0, b, sealed, n - sealed);
    block_publish(k, s, room, n - sealed);
    if (sealed && s->cut_ms == INT64_MAX)
        s->cut_ms = older->last_ms;
    return room;
}

void sg__series_append_slow(struct sg__keeper *k, struct sg__slot *s, struct sg_sample sample)
{
    struct sg__block *b = block_of(s);
    if (!b || count_of(b) == b->cap)
        b = make_room(k, s);
    uint32_t n = count_of(b);
    block_set(b, n, sample);
    object_counted(k, s->kind, sample.obj);
    atomic_store_explicit(&b->n, n + 1, memory_order_release);
    s->last_ms = sample.time_ms;
}

/* ---- late samples ---- */

static enum sg__put compare(uint8_t kind, struct sg_sample a, struct sg_sample b)
{
    bool same = sg_double_bits(a.v) == sg_double_bits(b.v) && sg__object_eq(kind, a.obj, b.obj);
    return same ? SG__PUT_SAME : SG__PUT_CONFLICT;
}

static struct sg_sample block_get(struct sg__block *b, uint32_t i)
{
    return (struct sg_sample){b->points[i].time_ms, b->points[i].v,
                              b->kind == SG_KIND_FLOAT ? NULL : sg__block_objects(b)[i]};
}

/* Into the open block, whose first sample is not newer, or which has no chunk before it. */
static enum sg__put insert_open(struct sg__keeper *k, struct sg__slot *s, struct sg_sample sample)
{
    struct sg__block *b = block_of(s);
    uint32_t n = count_of(b), at = n;
    while (at > 0 && b->points[at - 1].time_ms > sample.time_ms)
        at--;
    if (at > 0 && b->points[at - 1].time_ms == sample.time_ms)
        return compare(s->kind, block_get(b, at - 1), sample);
    if (n == b->cap) {
        struct sg__block *room = make_room(k, s);
        if (room->points[0].time_ms > sample.time_ms)
            return sg__series_put(k, s, sample); /* its place has just been sealed */
        at -= n - count_of(room);
        n = count_of(room);
        b = room;
    }
    struct sg__block *copy = block_new(k, b->cap, b->kind, older_of(b));
    block_copy(copy, 0, b, 0, at);
    block_set(copy, at, sample);
    block_copy(copy, at + 1, b, at, n - at);
    object_counted(k, s->kind, sample.obj);
    block_publish(k, s, copy, n + 1);
    return SG__PUT_LATE;
}

/* Where a sealed sample belongs: the newest chunk that does not begin after it, else the oldest,
 * and the link to it. */
static _Atomic(struct sg__chunk *) *find_chunk(struct sg__block *b, int64_t time_ms)
{
    _Atomic(struct sg__chunk *) *link = &b->older;
    for (;;) {
        struct sg__chunk *c = atomic_load_explicit(link, memory_order_relaxed);
        struct sg__chunk *older = atomic_load_explicit(&c->older, memory_order_relaxed);
        if (c->first_ms <= time_ms || !older)
            return link;
        link = &c->older;
    }
}

/* The columns as one chunk, or as two when they are many. Returns the newer one. */
static struct sg__chunk *pack(struct sg__keeper *k, struct sg__column col, uint8_t kind,
                              struct sg__chunk *older)
{
    if (col.n <= SG__CHUNK_SPLIT)
        return sg__chunk_new(k, col, kind, older);
    size_t half = col.n / 2;
    struct sg__column first = {col.time_ms, col.v, col.obj, half};
    struct sg__column rest = {col.time_ms + half, col.v + half, col.obj ? col.obj + half : NULL,
                              col.n - half};
    return sg__chunk_new(k, rest, kind, sg__chunk_new(k, first, kind, older));
}

static enum sg__put insert_sealed(struct sg__keeper *k, struct sg__slot *s, struct sg_sample sample)
{
    _Atomic(struct sg__chunk *) *link = find_chunk(block_of(s), sample.time_ms);
    struct sg__chunk *c = atomic_load_explicit(link, memory_order_relaxed);
    struct sg__chunk *older = atomic_load_explicit(&c->older, memory_order_relaxed);
    const void *objects[SG__CODEC_MAX];
    struct sg__column col = {k->times, k->values, c->kind == SG_KIND_FLOAT ? NULL : objects, c->n};
    sg__chunk_unpack(c, col);
    size_t at = col.n;
    while (at > 0 && col.time_ms[at - 1] > sample.time_ms)
        at--;
    if (at > 0 && col.time_ms[at - 1] == sample.time_ms) {
        struct sg_sample there = {sample.time_ms, col.v[at - 1], col.obj ? objects[at - 1] : NULL};
        return compare(s->kind, there, sample);
    }
    memmove(col.time_ms + at + 1, col.time_ms + at, (col.n - at) * sizeof(*col.time_ms));
    memmove(col.v + at + 1, col.v + at, (col.n - at) * sizeof(*col.v));
    col.time_ms[at] = sample.time_ms;
    col.v[at] = sample.v;
    if (col.obj) {
        memmove(objects + at + 1, objects + at, (col.n - at) * sizeof(*objects));
        objects[at] = sample.obj;
    }
    col.n++;
    object_counted(k, s->kind, sample.obj);
    struct sg__chunk *packed = pack(k, col, c->kind, older);
    atomic_store_explicit(link, packed, memory_order_release);
    sg__chunk_retire(k, c, false);
    if (!older) {
        struct sg__chunk *oldest = atomic_load_explicit(&packed->older, memory_order_relaxed);
        s->cut_ms = oldest ? oldest->last_ms : packed->last_ms;
    }
    return SG__PUT_LATE;
}

enum sg__put sg__series_put(struct sg__keeper *k, struct sg__slot *s, struct sg_sample sample)
{
    struct sg__block *b = block_of(s);
    if (!b || count_of(b) == 0 || sample.time_ms > s->last_ms) {
        sg__series_append_slow(k, s, sample);
        return SG__PUT_STORED;
    }
    if (k->out_of_order_ms != INT64_MAX &&
        (uint64_t)s->last_ms - (uint64_t)sample.time_ms > (uint64_t)k->out_of_order_ms)
        return SG__PUT_OLD;
    if (sample.time_ms >= b->points[0].time_ms || !older_of(b))
        return insert_open(k, s, sample);
    return insert_sealed(k, s, sample);
}

/* ---- removing ---- */

static void retire_chain(struct sg__keeper *k, struct sg__chunk *c)
{
    while (c) {
        struct sg__chunk *older = atomic_load_explicit(&c->older, memory_order_relaxed);
        sg__chunk_retire(k, c, true);
        c = older;
    }
}

int64_t sg__series_cut(struct sg__keeper *k, struct sg__slot *s, int64_t before_ms)
{
    struct sg__block *b = block_of(s);
    if (!b || s->cut_ms >= before_ms)
        return INT64_MIN;
    _Atomic(struct sg__chunk *) *link = &b->older;
    struct sg__chunk *c;
    int64_t oldest_kept = INT64_MAX;
    while ((c = atomic_load_explicit(link, memory_order_relaxed)) && c->last_ms >= before_ms) {
        oldest_kept = c->last_ms;
        link = &c->older;
    }
    int64_t newest_dropped = c ? c->last_ms : INT64_MIN;
    atomic_store_explicit(link, NULL, memory_order_release);
    retire_chain(k, c);
    s->cut_ms = oldest_kept;
    return newest_dropped;
}

void sg__series_clear(struct sg__keeper *k, struct sg__slot *s)
{
    struct sg__block *b = block_of(s);
    if (!b)
        return;
    struct sg__chunk *older = older_of(b);
    atomic_store_explicit(&s->open, NULL, memory_order_release);
    block_retire(k, b, true);
    retire_chain(k, older);
    s->cut_ms = INT64_MAX;
    s->flags &= (uint8_t)~SG__MARKED;
}

void sg__series_unmark(struct sg__keeper *k, struct sg__slot *s)
{
    struct sg__block *b = block_of(s);
    uint32_t n = count_of(b);
    SG_ASSERT((s->flags & SG__MARKED) && n > 1);
    struct sg__block *copy = block_new(k, b->cap, b->kind, older_of(b));
    block_copy(copy, 0, b, 0, n - 1);
    s->last_ms = b->points[n - 2].time_ms;
    s->flags &= (uint8_t)~SG__MARKED;
    block_publish(k, s, copy, n - 1);
}

void sg__series_replace(struct sg__slot *s, double v)
{
    struct sg__block *b = block_of(s);
    uint32_t n = count_of(b);
    SG_ASSERT(n && b->kind == SG_KIND_FLOAT);
    __atomic_store(&b->points[n - 1].v, &v, __ATOMIC_RELAXED); /* see sg__point_value */
}

bool sg__series_newest(const struct sg__slot *s, struct sg_sample *ret)
{
    struct sg__block *b = block_of(s);
    if (!b || count_of(b) == 0)
        return false;
    *ret = block_get(b, count_of(b) - 1);
    return true;
}
