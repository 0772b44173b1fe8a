/* merge.c - frames made on the edge: the state as a full, and the net change since an offset.
 *
 * A merged update is right for every state between `after` and now, not only for the one at
 * `after`: values are absolute, every slot that was deleted on the way is deleted first, and what
 * exists at the end is added again. So a client that already has part of it ends up right, too.
 */
#include <string.h>

#include <streamgauge/mem.h>

#include "hub/frame_alloc.h"
#include "hub/hub_priv.h"

enum { TOUCHED = 1, ADDED = 2, DELETED = 4 };

int64_t sg__mirror_time(struct sg__mirror *m)
{
    if (m->fresh_round != m->hub->round) {
        m->fresh_ms = sg_topic_confirmed(m->topic, m->offset, m->fresh_ms);
        m->fresh_round = m->hub->round;
    }
    return m->fresh_ms;
}

static void stamp(const struct sg__mirror *m, struct sg_frame *f)
{
    f->epoch = m->hub->opt.epoch;
    f->offset = m->offset;
    f->time_ms = m->time_ms;
    f->sum = m->sum;
    f->sum_changed = true;
    f->left_out = m->left_out;
    f->left_out_told = m->ever_left_out;
}

const struct sg_frame *sg__mirror_full(struct sg__mirror *m)
{
    int64_t time_ms = sg__mirror_time(m);
    if (m->full && m->full->time_ms == time_ms) {
        sg__mirror_weigh_caches(m);
        return m->full;
    }
    uint32_t n_slots = m->n_slots;
    while (n_slots && !m->labels[n_slots - 1])
        n_slots--;
    struct sg_frame_columns col;
    struct sg_frame *f = sg__frame_new(
        &(struct sg_frame_shape){
            .kind = SG_FRAME_FULL, .n_values = n_slots, .n_add = m->n_labels, .dense = true},
        m->topic, &col);
    f->n_slots = n_slots;
    for (uint32_t i = 0, k = 0; i < n_slots; i++) {
        col.value[i] = m->value[i];
        if (m->labels[i])
            col.add[k++] = (struct sg_frame_add){i, sg_labels_ref(m->labels[i])};
    }
    stamp(m, f);
    f->time_ms = time_ms;
    f->error = m->error ? sg_memdup(m->error, sizeof(*m->error)) : NULL;
    sg_frame_unref(m->full);
    m->full = f;
    sg__mirror_weigh_caches(m);
    return f;
}

/* Marks what the frames from ring index `first` touched. flags has n_slots entries. False: not all
 * are updates. */
static bool mark(const struct sg__mirror *m, uint32_t first, uint8_t *flags)
{
    /* All first: a full may have fewer slots than the updates before it speak of. */
    for (uint32_t i = first; i < m->count; i++)
        if (sg__ring_at(m, i)->kind != SG_FRAME_UPDATE)
            return false;
    for (uint32_t i = first; i < m->count; i++) {
        const struct sg_frame *f = sg__ring_at(m, i);
        for (uint32_t k = 0; k < f->n_del; k++)
            if (f->del[k] < m->n_slots)
                flags[f->del[k]] |= DELETED;
        for (uint32_t k = 0; k < f->n_add; k++)
            flags[f->add[k].index] |= ADDED;
        for (uint32_t k = 0; k < f->n_values; k++)
            if (f->index[k] < m->n_slots)
                flags[f->index[k]] |= TOUCHED;
    }
    return true;
}

/* Rough bytes of text: an index and a value 14, labels 80, an index alone 6. */
static bool larger_than_full(const struct sg__mirror *m, const struct sg_frame_shape *shape)
{
    return (size_t)shape->n_values * 14 + (size_t)shape->n_add * 80 + (size_t)shape->n_del * 6 >=
           (size_t)m->n_slots * 8 + (size_t)m->n_labels * 80;
}

static struct sg_frame *build(struct sg__mirror *m, const uint8_t *flags)
{
    struct sg_frame_shape shape = {.kind = SG_FRAME_UPDATE};
    for (uint32_t i = 0; i < m->n_slots; i++) {
        bool there = m->labels[i] != NULL;
        shape.n_del += flags[i] & DELETED ? 1 : 0;
        shape.n_add += flags[i] & ADDED && there ? 1 : 0;
        shape.n_values += flags[i] & (TOUCHED | ADDED) && there ? 1 : 0;
    }
    if (larger_than_full(m, &shape))
        return NULL;
    struct sg_frame_columns col;
    struct sg_frame *f = sg__frame_new(&shape, m->topic, &col);
    uint32_t v = 0, a = 0, d = 0;
    for (uint32_t i = 0; i < m->n_slots; i++) {
        bool there = m->labels[i] != NULL;
        if (flags[i] & DELETED)
            col.del[d++] = i;
        if (flags[i] & ADDED && there)
            col.add[a++] = (struct sg_frame_add){i, sg_labels_ref(m->labels[i])};
        if (flags[i] & (TOUCHED | ADDED) && there) {
            col.index[v] = i;
            col.value[v++] = m->value[i];
        }
    }
    stamp(m, f);
    return f;
}

const struct sg_frame *sg__mirror_merged(struct sg__mirror *m, uint64_t after)
{
    if (after < m->floor.seq)
        return NULL;
    for (int i = 0; i < SG__MERGED_CACHE; i++)
        if (m->merged[i] && m->merged_from[i] == after)
            return m->merged[i];
    uint8_t *flags = sg_calloc(m->n_slots ? m->n_slots : 1, 1);
    struct sg_frame *f = mark(m, sg__ring_after(m, after), flags) ? build(m, flags) : NULL;
    sg_free(flags);
    if (!f)
        return NULL;
    uint32_t at = m->merged_next++ % SG__MERGED_CACHE;
    sg_frame_unref(m->merged[at]);
    m->merged[at] = f;
    m->merged_from[at] = after;
    sg__mirror_weigh_caches(m);
    return f;
}
