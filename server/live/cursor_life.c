/* cursor_life.c - a cursor's making and end, its memory, and what of it is kept only while somebody
 * asks for it. */
#include "live/cursor.h"

/* Of one feed: each of its samples looks at all of them. */
#define MAX_WINDOWS 128

/* What is kept for each slot beside its cell, while somebody asks for it. */
#define PER_SLOT(X) X(dropped) X(mono[SG__MAX]) X(mono[SG__MIN]) X(sorted) X(exact) X(trail)

uint64_t sg__cursor_bytes(const struct sg__cursor *w)
{
    uint64_t size = sizeof(*w->cell);
#define ADD(field) size += w->field ? sizeof(*w->field) : 0;
    PER_SLOT(ADD)
#undef ADD
    return w->cap * size;
}

static void grow_cells(struct sg__cursor *w, size_t cap)
{
    void *raw = sg_alloc((cap + 1) * sizeof(*w->cell) - 1);
    uintptr_t at = ((uintptr_t)raw + sizeof(*w->cell) - 1) & ~(uintptr_t)(sizeof(*w->cell) - 1);
    if (w->cap)
        memcpy((void *)at, w->cell, w->cap * sizeof(*w->cell));
    sg_free(w->raw);
    w->raw = raw;
    w->cell = (struct sg__cell *)at;
}

static void *more_states(void *p, size_t old, size_t cap, size_t size)
{
    char *q = sg_realloc(p, cap * size);
    memset(q + old * size, 0, (cap - old) * size);
    return q;
}

void sg__cursor_grow(struct sg__cursor *w, size_t cap)
{
    size_t old = w->cap;
    uint64_t before = sg__cursor_bytes(w);
    if (cap <= old)
        return;
    grow_cells(w, cap);
    if (w->is_long && !w->trail)
        w->trail = sg_calloc(cap, sizeof(*w->trail));
#define MORE(field)                                                                                \
    if (w->field)                                                                                  \
        w->field = more_states(w->field, old, cap, sizeof(*w->field));
    PER_SLOT(MORE)
#undef MORE
    w->cap = cap;
    w->selector->catalog->bytes += sg__cursor_bytes(w) - before;
    for (size_t i = old; i < cap; i++)
        sg__cursor_reset(w, i);
}

struct sg__cursor *sg__cursor_get(struct sg__feed *s, int64_t range_ms, int64_t offset_ms)
{
    for (size_t i = 0; i < s->n_windows; i++) {
        struct sg__cursor *w = s->windows[i];
        if (w->range_ms == range_ms && w->offset_ms == offset_ms) {
            w->refs++;
            return w;
        }
    }
    if (s->n_windows == MAX_WINDOWS)
        return NULL;
    struct sg__cursor *w = sg_calloc(1, sizeof(*w));
    *w = (struct sg__cursor){.selector = s,
                             .range_ms = range_ms,
                             .offset_ms = offset_ms,
                             .refs = 1,
                             .is_long = range_ms > s->catalog->long_ms,
                             .until_ms = INT64_MIN};
    s->windows = sg_grow(s->windows, &s->cap_windows, s->n_windows + 1, sizeof(*s->windows));
    s->windows[s->n_windows++] = w;
    sg__feed_forget(s); /* the ring may not reach back far enough */
    return w;
}

static void drop_queues(struct sg__cursor *w, struct sg__mono **queues)
{
    for (size_t i = 0; *queues && i < w->cap; i++) {
        w->selector->catalog->bytes -= (*queues)[i].cap * sizeof(struct sg__mono_entry);
        sg_free((*queues)[i].entry);
    }
    sg_free(*queues);
    *queues = NULL;
}

static void drop_sorted(struct sg__cursor *w)
{
    for (size_t i = 0; w->sorted && i < w->cap; i++) {
        w->selector->catalog->bytes -= w->sorted[i].cap * sizeof(double);
        sg_free(w->sorted[i].v);
    }
    sg_free(w->sorted);
    w->sorted = NULL;
}

static void drop_exact(struct sg__cursor *w)
{
    sg_free(w->exact);
    w->exact = NULL;
}

static void drop_trails(struct sg__cursor *w)
{
    for (size_t i = 0; w->trail && i < w->cap; i++) {
        w->selector->catalog->bytes -= w->trail[i].entry ? SG__TRAIL_BYTES : 0;
        sg_free(w->trail[i].entry);
    }
    sg_free(w->trail);
    w->trail = NULL;
}

void sg__cursor_release(struct sg__cursor *w)
{
    w->selector->catalog->bytes -= sg__cursor_bytes(w);
    drop_queues(w, &w->mono[SG__MAX]);
    drop_queues(w, &w->mono[SG__MIN]);
    drop_queues(w, &w->dropped);
    drop_sorted(w);
    drop_trails(w);
    drop_exact(w);
    sg_free(w->raw);
    w->raw = w->cell = NULL;
    w->cap = 0;
}

void sg__cursor_unref(struct sg__cursor *w)
{
    struct sg__feed *s = w->selector;
    if (--w->refs)
        return;
    size_t at = 0;
    while (s->windows[at] != w)
        at++;
    s->windows[at] = s->windows[--s->n_windows];
    sg__cursor_release(w);
    sg_free(w);
}

void sg__cursor_want(struct sg__cursor *w, enum sg__extra extra)
{
    if (w->wanted[extra]++)
        return;
    size_t cap = w->cap ? w->cap : 1;
    uint64_t before = sg__cursor_bytes(w);
    if (extra == SG__SORTED)
        w->sorted = sg_calloc(cap, sizeof(*w->sorted));
    else if (extra == SG__SUM)
        w->exact = sg_calloc(cap, sizeof(*w->exact));
    else if (extra == SG__DROPPED)
        w->dropped = sg_calloc(cap, sizeof(*w->dropped));
    else if (extra != SG__CHANGES)
        w->mono[extra] = sg_calloc(cap, sizeof(*w->mono[extra]));
    w->selector->catalog->bytes += sg__cursor_bytes(w) - before;
    sg__feed_forget(w->selector);
}

void sg__cursor_unwant(struct sg__cursor *w, enum sg__extra extra)
{
    if (--w->wanted[extra])
        return;
    uint64_t before = sg__cursor_bytes(w);
    if (extra == SG__SORTED)
        drop_sorted(w);
    else if (extra == SG__SUM)
        drop_exact(w);
    else if (extra == SG__DROPPED)
        drop_queues(w, &w->dropped);
    else if (extra != SG__CHANGES)
        drop_queues(w, &w->mono[extra]);
    w->selector->catalog->bytes += sg__cursor_bytes(w) - before;
}
