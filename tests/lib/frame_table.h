/* frame_table.h - a stream as its frames tell it: what a client that applies each of them would
 * show.
 */
#ifndef TESTS_FRAME_TABLE_H
#define TESTS_FRAME_TABLE_H

#include <math.h>
#include <streamgauge/frame.h>
#include <streamgauge/labels.h>
#include <streamgauge/mem.h>
#include <streamgauge/value.h>

struct frame_slot {
    const struct sg_labels *labels; /* a reference, or NULL */
    double v;
};

struct frame_table {
    struct frame_slot *slots;
    size_t n, cap;
    bool full;             /* one has come */
    struct sg_error error; /* code SG_OK: none */
};

static inline void frame_table_clear(struct frame_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        sg_labels_unref(t->slots[i].labels);
    t->n = 0;
}

static inline void frame_table_deinit(struct frame_table *t)
{
    frame_table_clear(t);
    sg_free(t->slots);
}

static inline struct frame_slot *frame_table_at(struct frame_table *t, uint32_t i)
{
    while (t->n <= i) {
        t->slots = sg_grow(t->slots, &t->cap, t->n + 1, sizeof(*t->slots));
        t->slots[t->n++] = (struct frame_slot){NULL, sg_stale_nan()};
    }
    return &t->slots[i];
}

static inline void frame_table_take(struct frame_table *t, const struct sg_frame *f)
{
    if (f->kind == SG_FRAME_FULL)
        frame_table_clear(t);
    t->full |= f->kind == SG_FRAME_FULL;
    t->error = f->error ? *f->error : (struct sg_error){0};
    for (uint32_t i = 0; i < f->n_del; i++) {
        struct frame_slot *slot = frame_table_at(t, f->del[i]);
        sg_labels_unref(slot->labels);
        *slot = (struct frame_slot){NULL, sg_stale_nan()};
    }
    for (uint32_t i = 0; i < f->n_add; i++)
        frame_table_at(t, f->add[i].index)->labels = sg_labels_ref(f->add[i].labels);
    for (uint32_t i = 0; i < f->n_values; i++)
        frame_table_at(t, f->index ? f->index[i] : i)->v = f->value[i];
}

/* NULL: not there. */
static inline const struct frame_slot *frame_table_find(const struct frame_table *t,
                                                        const struct sg_labels *labels)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->slots[i].labels && sg_labels_eq(t->slots[i].labels, labels))
            return &t->slots[i];
    return NULL;
}

/* Series with a value. */
static inline size_t frame_table_shown(const struct frame_table *t)
{
    size_t shown = 0;
    for (size_t i = 0; i < t->n; i++)
        shown += t->slots[i].labels && !sg_is_stale(t->slots[i].v);
    return shown;
}

/* To the bit; any NaN is any NaN. */
static inline bool frame_value_same(double a, double b)
{
    return sg_double_bits(a) == sg_double_bits(b) || (isnan(a) && isnan(b));
}

#endif
