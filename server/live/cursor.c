/* cursor.c - moving windows over a selector's rings. */
#include "live/cursor.h"

/* Slots ahead of which ring rows are fetched. */
enum { AHEAD = 12 * SG__LANES, SOON = 12 };
/* A window that is asked for earlier times again and again is taken back there. */
enum { BEHIND_MAX = 4 };

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
    w->cell[slot].drops = w->cell[slot].changes = w->cell[slot].nans = 0;
    if (w->dropped)
        w->dropped[slot].n = 0;
    w->cell[slot].next_t = slot < s->n ? next_time(w, slot) : INFINITY;
    for (int k = 0; k < 2; k++)
        if (w->mono[k])
            w->mono[k][slot].n = 0;
    if (w->sorted)
        w->sorted[slot].n = 0;
    if (w->exact)
        w->exact[slot] = (struct sg__exact){0};
    if (w->trail)
        w->trail[slot].at = w->trail[slot].n = 0;
    w->cell[slot].due = w->is_long;
}

static inline bool differ(double a, double b)
{
    return a != b && !(isnan(a) && isnan(b));
}

static void enter_states(struct sg__cursor *w, size_t slot, double t, double v)
{
    struct sg__catalog *c = w->selector->catalog;
    if (w->exact)
        sg__exact_add(&w->exact[slot], v);
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
    if (w->exact)
        sg__exact_sub(&w->exact[slot], v);
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
    bool states;  /* somebody asks for extremes, order or sums */
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
    if (w->dropped)
        w->selector->catalog->bytes += sg__queue_push(&w->dropped[slot], t, w->cell[slot].last_v);
}

static inline void take_in(struct sg__cursor *w, const struct moving *m, struct sg__cell *c,
                           size_t slot, struct sg__mono_entry x)
{
    double t = x.t, v = x.v;
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
    if (SG_UNLIKELY(m->states))
        enter_states(w, slot, t, v);
}

static inline void enter(struct sg__cursor *w, const struct moving *m, struct sg__cell *c,
                         size_t slot)
{
    struct sg__mono_entry x = {c->next_t, row_at(m, slot, c->hi)[m->lanes]};
    take_in(w, m, c, slot, x);
    c->next_t = c->hi == m->ring[slot].head ? INFINITY : *row_at(m, slot, c->hi);
}

/* A new first sample, after the one before has left. */
static inline void begin_at(struct sg__cursor *w, const struct moving *m, struct sg__cell *c,
                            size_t slot, struct sg__mono_entry x)
{
    if (SG_UNLIKELY(x.v < c->first_v)) {
        c->drops--;
        if (w->dropped)
            sg__queue_pop(&w->dropped[slot]);
    }
    if (m->changes)
        c->changes -= differ(x.v, c->first_v);
    c->first_t = x.t;
    c->first_v = x.v;
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
    begin_at(w, m, c, slot, (struct sg__mono_entry){at[0], at[m->lanes]});
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

/* ---- long windows ----
 *
 * What comes in comes from the ring, what goes out from the store, SG__TRAIL samples at a time: so
 * a window of an hour takes no more memory than one of a minute. The store is what it was when the
 * samples came in, else the journal would have told. */

/* The samples that follow the first one; at least one, when the store has what the window counts.
 */
static bool refill(struct sg__cursor *w, struct sg_querier *q, size_t slot, uint32_t max)
{
    const struct sg__cell *c = &w->cell[slot];
    struct sg__trail *trail = &w->trail[slot];
    double span = c->last_t - c->first_t, step = span;
    const struct sg_samples *x;
    if (c->hi - c->lo > max) /* evenly spaced ones would be that far */
        step = ceil(span / (double)(c->hi - c->lo) * max);
    do {
        step = step < span ? step : span;
        x = sg__feed_read(w->selector, q, slot, (int64_t)c->first_t, (int64_t)(c->first_t + step));
        step *= 4;
    } while (!x->n && step < 4 * span);
    if (!trail->entry) {
        trail->entry = sg_alloc(SG__TRAIL_BYTES);
        w->selector->catalog->bytes += SG__TRAIL_BYTES;
    }
    trail->at = 0;
    trail->n = x->n < max ? (uint32_t)x->n : max;
    for (uint32_t i = 0; i < trail->n; i++)
        trail->entry[i] = (struct sg__mono_entry){(double)x->time_ms[i], x->v[i]};
    return trail->n > 0;
}

/* Reads the whole window. */
static void fill(struct sg__cursor *w, const struct moving *m, struct sg_querier *q, size_t slot)
{
    struct sg__feed *s = w->selector;
    struct sg__cell *c = &w->cell[slot];
    if (!s->labels[slot] || s->since_ms[slot] == INT64_MIN)
        return; /* there is nothing yet */
    sg__cursor_reset(w, slot);
    c->due = false;
    const struct sg_samples *x = sg__feed_read(s, q, slot, w->until_ms - w->range_ms, w->until_ms);
    for (size_t i = 0; i < x->n; i++) {
        w->trail[slot].before_t = c->last_t;
        w->trail[slot].before_v = c->last_v;
        take_in(w, m, c, slot, (struct sg__mono_entry){(double)x->time_ms[i], x->v[i]});
    }
    /* Behind it goes on with the ring. */
    uint32_t n = c->hi - c->lo, hi = s->ring[slot].first;
    while (hi != s->ring[slot].head && *row_at(m, slot, hi) <= (double)w->until_ms)
        hi++;
    c->hi = hi;
    c->lo = hi - n;
    c->next_t = next_time(w, slot);
    /* Not all slots are to read again at the same tick. */
    if (n > 1)
        (void)refill(w, q, slot, 1 + (uint32_t)(slot * 37 % SG__TRAIL));
}

static void leave_long(struct sg__cursor *w, const struct moving *m, struct sg_querier *q,
                       size_t slot)
{
    struct sg__cell *c = &w->cell[slot];
    struct sg__trail *trail = &w->trail[slot];
    if (SG_UNLIKELY(m->states))
        leave_states(w, slot, c->first_t, c->first_v);
    if (SG_UNLIKELY(++c->lo == c->hi)) {
        c->first_t = INFINITY;
        trail->at = trail->n = 0;
        return;
    }
    if (SG_UNLIKELY(trail->at == trail->n) && !refill(w, q, slot, SG__TRAIL)) {
        fill(w, m, q, slot);
        return;
    }
    begin_at(w, m, c, slot, trail->entry[trail->at++]);
    /* At once, since the store may drop what is just outside. */
    if (SG_UNLIKELY(trail->at == trail->n) && c->hi - c->lo > 1)
        (void)refill(w, q, slot, SG__TRAIL);
}

static void move_long(struct sg__cursor *w, const struct moving *m, struct sg_querier *q,
                      size_t slot)
{
    const double until = (double)w->until_ms, after = (double)(w->until_ms - w->range_ms);
    const double cut = (double)w->selector->cut_ms[slot];
    struct sg__cell *c = &w->cell[slot];
    if (SG_UNLIKELY(c->due))
        fill(w, m, q, slot);
    while (c->next_t <= until) {
        w->trail[slot].before_t = c->last_t;
        w->trail[slot].before_v = c->last_v;
        enter(w, m, c, slot);
    }
    while (c->first_t <= after || c->first_t <= cut)
        leave_long(w, m, q, slot);
}

/* The place that a slot's next first sample comes from. */
static inline void fetch_trail(const struct sg__cursor *w, size_t slot)
{
    const struct sg__trail *trail = &w->trail[slot];
    if (trail->entry)
        __builtin_prefetch(trail->entry + trail->at);
}

static void move_all_long(struct sg__cursor *w, const struct moving *m, struct sg_querier *q,
                          size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        if (i + AHEAD < w->selector->n)
            fetch_trail(w, i + AHEAD);
        if (m->states && i + SOON < w->selector->n)
            fetch_states(w, i + SOON);
        move_long(w, m, q, i);
    }
}

void sg__cursor_cut(struct sg__cursor *w, size_t slot, double t)
{
    struct sg__trail *trail = w->trail ? &w->trail[slot] : NULL;
    struct sg__cell *c = &w->cell[slot];
    if (!trail || c->first_t > t || c->lo == c->hi)
        return;
    if (trail->at == trail->n ? c->hi - c->lo > 1 : trail->entry[trail->n - 1].t < t)
        c->due = true; /* what is to leave cannot be read any more */
}

/* What the store has dropped is in no window any more. */
static void leave_cut(struct sg__cursor *w, const struct moving *m, size_t from, size_t n)
{
    const int64_t *cut = w->selector->cut_ms;
    for (size_t i = from; i < from + n; i++)
        while (w->cell[i].first_t <= (double)cut[i])
            leave(w, m, w->cell + i, i);
}

void sg__cursor_move(struct sg__cursor *w, struct sg_querier *q, size_t from, size_t n)
{
    const double until = (double)w->until_ms, after = (double)(w->until_ms - w->range_ms);
    const struct sg__feed *s = w->selector;
    const struct moving m = {.tile = s->tile,
                             .ring = s->ring,
                             .shift = s->shift,
                             .lanes = (size_t)1 << s->shift,
                             .states = w->mono[0] || w->mono[1] || w->sorted || w->exact,
                             .changes = w->wanted[SG__CHANGES] > 0};
    struct sg__cell *cell = w->cell;
    if (w->is_long) {
        move_all_long(w, &m, q, from, n);
        return;
    }
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
    if (SG_UNLIKELY(after < (double)s->cut_max_ms))
        leave_cut(w, &m, from, n);
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
