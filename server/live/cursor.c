/* cursor.c - moving windows over a selector's rings. */
#include "live/cursor.h"

/* Slots ahead of which ring rows are fetched. */
enum { AHEAD = 12 * SG__LANES, SOON = 12 };
/* A window that is asked for earlier times again and again is taken back there. */
enum { BEHIND_MAX = 4 };

/* ---- life ---- */

uint64_t sg__cursor_bytes(const struct sg__cursor *w)
{
    return w->cap * (sizeof(*w->cell) + sizeof(*w->dropped));
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
    for (int k = 0; k < 2; k++)
        if (w->mono[k])
            w->mono[k] = more_states(w->mono[k], old, cap, sizeof(*w->mono[k]));
    w->dropped = more_states(w->dropped, old, cap, sizeof(*w->dropped));
    if (w->sorted)
        w->sorted = more_states(w->sorted, old, cap, sizeof(*w->sorted));
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
    struct sg__cursor *w = sg_calloc(1, sizeof(*w));
    *w = (struct sg__cursor){.selector = s,
                             .range_ms = range_ms,
                             .offset_ms = offset_ms,
                             .refs = 1,
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

void sg__cursor_release(struct sg__cursor *w)
{
    w->selector->catalog->bytes -= sg__cursor_bytes(w);
    drop_queues(w, &w->mono[SG__MAX]);
    drop_queues(w, &w->mono[SG__MIN]);
    drop_queues(w, &w->dropped);
    drop_sorted(w);
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
    if (extra == SG__SORTED)
        w->sorted = sg_calloc(cap, sizeof(*w->sorted));
    else if (extra != SG__CHANGES)
        w->mono[extra] = sg_calloc(cap, sizeof(*w->mono[extra]));
    sg__feed_forget(w->selector);
}

void sg__cursor_unwant(struct sg__cursor *w, enum sg__extra extra)
{
    if (--w->wanted[extra])
        return;
    if (extra == SG__SORTED)
        drop_sorted(w);
    else if (extra != SG__CHANGES)
        drop_queues(w, &w->mono[extra]);
}

/* ---- samples come and go ---- */

static double next_time(const struct sg__cursor *w, size_t slot)
{
    const struct sg__feed *s = w->selector;
    return w->cell[slot].hi == s->ring[slot].head ? INFINITY
                                                  : *sg__ring_t(s, slot, w->cell[slot].hi);
}

void sg__cursor_reset(struct sg__cursor *w, size_t slot)
{
    const struct sg__feed *s = w->selector;
    w->cell[slot].lo = w->cell[slot].hi = slot < s->n ? s->ring[slot].first : 0;
    w->cell[slot].first_t = INFINITY;
    w->cell[slot].last_t = w->cell[slot].first_v = w->cell[slot].last_v = 0;
    w->cell[slot].drops = w->cell[slot].changes = w->cell[slot].nans = w->dropped[slot].n = 0;
    w->cell[slot].next_t = slot < s->n ? next_time(w, slot) : INFINITY;
    for (int k = 0; k < 2; k++)
        if (w->mono[k])
            w->mono[k][slot].n = 0;
    if (w->sorted)
        w->sorted[slot].n = 0;
}

static inline bool differ(double a, double b)
{
    return a != b && !(isnan(a) && isnan(b));
}

static void enter_states(struct sg__cursor *w, size_t slot, double t, double v)
{
    struct sg__catalog *c = w->selector->catalog;
    if (isnan(v)) {
        w->cell[slot].nans++;
        return;
    }
    for (int k = 0; k < 2; k++)
        if (w->mono[k])
            c->bytes += sg__mono_push(&w->mono[k][slot], t, v, k == SG__MAX);
    if (w->sorted)
        c->bytes += sg__sorted_insert(&w->sorted[slot], v);
}

static void leave_states(struct sg__cursor *w, size_t slot, double t, double v)
{
    if (isnan(v)) {
        w->cell[slot].nans--;
        return;
    }
    for (int k = 0; k < 2; k++)
        if (w->mono[k])
            sg__mono_pop(&w->mono[k][slot], t);
    if (w->sorted)
        sg__sorted_remove(&w->sorted[slot], v);
}

/* What the loop over all slots looks at; by value, since a store through any pointer would make the
 * compiler read all of it again. */
struct moving {
    const struct sg__tile *tile;
    const struct sg__ring *ring;
    uint32_t shift;
    size_t lanes;
    bool states;  /* somebody asks for extremes or order */
    bool changes; /* … for changes */
};

static inline const double *row_at(const struct moving *m, size_t slot, uint32_t ordinal)
{
    const struct sg__tile *tile = &m->tile[slot >> m->shift];
    return tile->row + (ordinal & (tile->rows - 1)) * (2 * m->lanes) + (slot & (m->lanes - 1));
}

static void enter_drop(struct sg__cursor *w, size_t slot, double t)
{
    w->cell[slot].drops++;
    w->selector->catalog->bytes += sg__queue_push(&w->dropped[slot], t, w->cell[slot].last_v);
}

static inline void enter(struct sg__cursor *w, const struct moving *m, struct sg__cell *c,
                         size_t slot)
{
    double t = c->next_t, v = row_at(m, slot, c->hi)[m->lanes];
    if (SG_UNLIKELY(c->lo == c->hi)) {
        c->first_t = t;
        c->first_v = v;
    } else {
        if (SG_UNLIKELY(v < c->last_v))
            enter_drop(w, slot, t);
        if (m->changes)
            c->changes += differ(v, c->last_v);
    }
    c->last_t = t;
    c->last_v = v;
    c->hi++;
    c->next_t = c->hi == m->ring[slot].head ? INFINITY : *row_at(m, slot, c->hi);
    if (SG_UNLIKELY(m->states))
        enter_states(w, slot, t, v);
}

static inline void leave(struct sg__cursor *w, const struct moving *m, struct sg__cell *c,
                         size_t slot)
{
    if (SG_UNLIKELY(m->states))
        leave_states(w, slot, c->first_t, c->first_v);
    if (SG_UNLIKELY(++c->lo == c->hi)) {
        c->first_t = INFINITY;
        return;
    }
    const double *at = row_at(m, slot, c->lo);
    double t = at[0], v = at[m->lanes];
    if (SG_UNLIKELY(v < c->first_v)) {
        c->drops--;
        sg__queue_pop(&w->dropped[slot]);
    }
    if (m->changes)
        c->changes -= differ(v, c->first_v);
    c->first_t = t;
    c->first_v = v;
}

/* The row that is first when the oldest sample of a slot goes out. */
static inline void fetch(const struct moving *m, const struct sg__cell *c, size_t slot)
{
    if (!m->tile[slot >> m->shift].rows)
        return;
    const double *at = row_at(m, slot, c->lo + 1);
    __builtin_prefetch(at);
    __builtin_prefetch(at + m->lanes);
}

/* Both ends of the deques of a slot that comes soon. */
static void fetch_states(const struct sg__cursor *w, size_t slot)
{
    for (int k = 0; k < 2; k++) {
        const struct sg__mono *m = w->mono[k] ? &w->mono[k][slot] : NULL;
        if (!m || !m->n)
            continue;
        __builtin_prefetch(m->entry + m->at, 1);
        __builtin_prefetch(m->entry + ((m->at + m->n - 1) & (m->cap - 1)), 1);
    }
}

void sg__cursor_move(struct sg__cursor *w, size_t from, size_t n)
{
    const double until = (double)w->until_ms, after = (double)(w->until_ms - w->range_ms);
    const struct sg__feed *s = w->selector;
    const struct moving m = {.tile = s->tile,
                             .ring = s->ring,
                             .shift = s->shift,
                             .lanes = (size_t)1 << s->shift,
                             .states = w->mono[0] || w->mono[1] || w->sorted,
                             .changes = w->wanted[SG__CHANGES] > 0};
    struct sg__cell *cell = w->cell;
    for (size_t i = from; i < from + n; i++) {
        if (i % SG__LANES == 0 && i + AHEAD < s->n)
            fetch(&m, cell + i + AHEAD, i + AHEAD);
        if (m.states && i + SOON < s->n)
            fetch_states(w, i + SOON);
        while (cell[i].next_t <= until)
            enter(w, &m, cell + i, i);
        while (cell[i].first_t <= after)
            leave(w, &m, cell + i, i);
    }
}

int sg__cursor_begin(struct sg__cursor *w, int64_t time_ms, bool *ret_move)
{
    struct sg__feed *s = w->selector;
    int64_t until = time_ms - w->offset_ms;
    *ret_move = w->session != s->catalog->session || w->until_ms != until || sg__feed_stale(s);
    if (until < w->until_ms) { /* it would have to go back */
        if (++w->behind > BEHIND_MAX)
            sg__feed_forget(s);
        return SG_EUNSUPPORTED;
    }
    w->behind = 0;
    w->until_ms = until;
    w->session = s->catalog->session;
    return 0;
}
