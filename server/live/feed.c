/* feed.c - slots come and go with their series; new samples are taken in; oddities are read
 * anew. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "live/cursor.h"

enum {
    ROWS_MIN = 8,
    LINE = 64,
    PAGE = 4096,
    HUGE_MIN = 4 << 20,
    AHEAD = 12 * SG__LANES,
    SHIFT_MIN = 3, /* SG__LANES */
    SHIFT_MAX = 10,
};

/* ---- slots by id ---- */

static uint32_t *id_place(const struct sg__feed *s, uint32_t id)
{
    size_t i = (id * UINT32_C(2654435761)) & s->mask;
    while (s->by_id[i] && s->id[s->by_id[i] - 1] != id)
        i = (i + 1) & s->mask;
    return &s->by_id[i];
}

static void remove_id(struct sg__feed *s, uint32_t id)
{
    size_t hole = (size_t)(id_place(s, id) - s->by_id), i = hole;
    s->used--;
    for (;;) { /* later ones of the run move up when that is not before their home */
        i = (i + 1) & s->mask;
        if (!s->by_id[i])
            break;
        size_t home = (s->id[s->by_id[i] - 1] * UINT32_C(2654435761)) & s->mask;
        if (((i - home) & s->mask) < ((i - hole) & s->mask))
            continue;
        s->by_id[hole] = s->by_id[i];
        hole = i;
    }
    s->by_id[hole] = 0;
}

static void make_ids(struct sg__feed *s, size_t places)
{
    sg_free(s->by_id);
    s->by_id = sg_calloc(places, sizeof(*s->by_id));
    s->mask = places - 1;
    s->used = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->labels[i])
            continue;
        *id_place(s, s->id[i]) = (uint32_t)i + 1;
        s->used++;
    }
}

static size_t find_slot(const struct sg__feed *s, uint32_t id)
{
    uint32_t found = s->by_id ? *id_place(s, id) : 0;
    return found ? found - 1 : SIZE_MAX;
}

/* ---- memory ---- */

#define PER_SLOT(X)                                                                                \
    X(handle)                                                                                      \
    X(labels)                                                                                      \
    X(id) X(row_of) X(since_ms) X(ring) X(cut_ms) X(odd_slot) X(free_slot)

static uint64_t slot_bytes(const struct sg__feed *s)
{
    uint64_t size = sizeof(*s->tile) / SG__LANES;
#define ADD(field) size += sizeof(*s->field);
    PER_SLOT(ADD)
#undef ADD
    return size;
}

static void grow_slots(struct sg__feed *s)
{
    size_t old = s->cap, cap = old ? old * 2 : 64;
#define MORE(field) s->field = sg_realloc(s->field, cap * sizeof(*s->field));
    PER_SLOT(MORE)
#undef MORE
    s->tile = sg_realloc(s->tile, cap / SG__LANES * sizeof(*s->tile));
    memset(s->tile + old / SG__LANES, 0, (cap - old) / SG__LANES * sizeof(*s->tile));
    memset(s->ring + old, 0, (cap - old) * sizeof(*s->ring));
    s->cap = cap;
    s->catalog->bytes += slot_bytes(s) * (cap - old);
}

static size_t row_bytes(const struct sg__feed *s)
{
    return (2 * sizeof(double)) << s->shift;
}

static void free_rings(struct sg__feed *s)
{
    for (size_t i = 0; i < s->cap / SG__LANES; i++) {
        s->catalog->bytes -= s->tile[i].rows * row_bytes(s);
        sg_free(s->tile[i].raw);
        s->tile[i] = (struct sg__tile){0};
    }
}

/* Ordinals stay, so that nothing new is taken for what was there. */
static void clear_slots(struct sg__feed *s)
{
    for (size_t i = 0; i < s->n; i++) {
        sg_labels_unref(s->labels[i]);
        s->ring[i].first = s->ring[i].head;
    }
    s->n = s->n_free = s->n_rows = s->odd = 0;
    s->only_births = false;
}

/* Tiles as wide as the selector deserves. */
static void choose_width(struct sg__feed *s, size_t series)
{
    uint32_t shift = SHIFT_MIN;
    while (shift < SHIFT_MAX && ((size_t)4 << shift) <= series)
        shift++;
    if (shift == s->shift)
        return;
    free_rings(s);
    s->shift = shift;
}

/* Memory of a ring. A tick touches a row here and a row there of many megabytes: with small pages,
 * finding them costs more than reading them. */
static void *alloc_ring(size_t size)
{
    void *p = sg_alloc(size);
#ifdef MADV_HUGEPAGE
    if (size >= HUGE_MIN) {
        uintptr_t from = ((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
        uintptr_t to = ((uintptr_t)p + size) & ~(uintptr_t)(PAGE - 1);
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE); /* a hint */
    }
#endif
    return p;
}

/* Twice the rows for a tile whose ring is full. */
static void grow_tile(struct sg__feed *s, size_t slot)
{
    struct sg__tile *tile = &s->tile[slot >> s->shift], old = *tile;
    size_t lanes = (size_t)1 << s->shift, base = slot & ~(lanes - 1);
    tile->rows = old.rows ? old.rows * 2 : ROWS_MIN;
    tile->raw = alloc_ring(tile->rows * row_bytes(s) + LINE - 1);
    tile->row = (void *)(((uintptr_t)tile->raw + LINE - 1) & ~(uintptr_t)(LINE - 1));
    s->catalog->bytes += (tile->rows - old.rows) * row_bytes(s);
    for (size_t lane = 0; old.rows && lane < lanes && base + lane < s->n; lane++) {
        for (uint32_t k = s->ring[base + lane].first; k != s->ring[base + lane].head; k++) {
            const double *from = old.row + (k & (old.rows - 1)) * 2 * lanes + lane;
            double *to = tile->row + (k & (tile->rows - 1)) * 2 * lanes + lane;
            to[0] = from[0];
            to[lanes] = from[lanes];
        }
    }
    sg_free(old.raw);
    s->stopped |= s->catalog->bytes > s->catalog->max_bytes;
}

/* ---- samples ---- */

/* Time up to which rings need no samples. */
static int64_t useless_until(const struct sg__feed *s)
{
    int64_t t = INT64_MAX;
    for (size_t i = 0; i < s->n_windows; i++) {
        int64_t needs = sg__cursor_needs_after(s->windows[i]);
        t = needs < t ? needs : t;
    }
    return t;
}

/* Time up to which samples are in no window any more. */
static int64_t left_until(const struct sg__feed *s)
{
    int64_t t = INT64_MAX;
    for (size_t i = 0; i < s->n_windows; i++) {
        int64_t starts = sg__cursor_starts_after(s->windows[i]);
        t = starts < t ? starts : t;
    }
    return t;
}

/* Samples that every window has left behind make room for new ones. */
static void make_room(struct sg__feed *s, size_t slot)
{
    struct sg__ring *ring = &s->ring[slot];
    uint32_t useless = ring->head - ring->first;
    for (size_t i = 0; i < s->n_windows; i++) {
        const struct sg__cell *c = &s->windows[i]->cell[slot];
        uint32_t left = (s->windows[i]->is_long ? c->hi : c->lo) - ring->first;
        useless = left < useless ? left : useless;
    }
    ring->first += useless;
    if (!useless)
        grow_tile(s, slot);
}

static inline void push(struct sg__feed *s, size_t slot, int64_t t, double v)
{
    struct sg__ring *ring = &s->ring[slot];
    struct sg__cursor **windows = s->windows;
    size_t n = s->n_windows, lanes = (size_t)1 << s->shift;
    s->since_ms[slot] = t;
    ring->newest = v;
    if (!n || SG_UNLIKELY(sg_is_stale(v)))
        return;
    const struct sg__tile *tile = &s->tile[slot >> s->shift];
    if (SG_UNLIKELY(ring->head - ring->first == tile->rows))
        make_room(s, slot);
    double *at = tile->row + (ring->head++ & (tile->rows - 1)) * (2 * lanes) + (slot & (lanes - 1));
    at[0] = (double)t;
    at[lanes] = v;
    for (size_t i = 0; i < n; i++) {
        struct sg__cell *c = &windows[i]->cell[slot];
        if (c->next_t == (double)INFINITY)
            c->next_t = (double)t;
    }
}

static void set_odd(struct sg__feed *s, size_t slot, bool odd)
{
    s->odd += (uint32_t)odd - s->odd_slot[slot];
    s->odd_slot[slot] = odd;
}

/* What a slot holds is forgotten. Ordinals go on, so that nothing old is taken for new. */
static void empty_slot(struct sg__feed *s, size_t slot)
{
    s->ring[slot].first = ++s->ring[slot].head;
    s->since_ms[slot] = s->cut_ms[slot] = INT64_MIN;
    s->any_empty = true;
    s->ring[slot].newest = sg_stale_nan();
    set_odd(s, slot, false);
    for (size_t i = 0; i < s->n_windows; i++)
        sg__cursor_reset(s->windows[i], slot);
}

struct intake {
    struct sg__feed *s;
    struct sg_querier *q;
};

const struct sg_samples *sg__feed_read(struct sg__feed *s, struct sg_querier *q, size_t slot,
                                       int64_t after_ms, int64_t until_ms)
{
    struct sg_samples *x = &s->samples;
    size_t n = 0;
    q->ops->read(q, s->handle[slot], after_ms, until_ms, x);
    if (x->obj)
        set_odd(s, slot, true);
    for (size_t i = 0; i < x->n; i++) {
        if (SG_UNLIKELY(sg_is_stale(x->v[i])))
            continue;
        x->time_ms[n] = x->time_ms[i];
        x->v[n++] = x->v[i];
    }
    if (n && x->time_ms[0] < -SG__TIME_MAX)
        set_odd(s, slot, true);
    x->n = n;
    return x;
}

/* Takes in all samples after `after_ms` that the slot does not have. */
static void read_slot(struct intake *in, size_t slot, int64_t after_ms)
{
    struct sg__feed *s = in->s;
    struct sg_samples *x = &s->samples;
    in->q->ops->read(in->q, s->handle[slot], after_ms, INT64_MAX, x);
    if (x->obj)
        set_odd(s, slot, true);
    for (size_t i = 0; i < x->n; i++) {
        if (x->time_ms[i] > SG__TIME_MAX || x->time_ms[i] < -SG__TIME_MAX)
            set_odd(s, slot, true);
        push(s, slot, x->time_ms[i], x->v[i]);
    }
}

static inline void take_tail(struct intake *in, size_t slot, const struct sg_tail *tail)
{
    struct sg__feed *s = in->s;
    if (!tail->newer)
        return;
    if (SG_UNLIKELY(tail->kind != SG_KIND_FLOAT || tail->time_ms > SG__TIME_MAX ||
                    tail->time_ms < -SG__TIME_MAX))
        set_odd(s, slot, true);
    if (SG_LIKELY(tail->newer == 1))
        push(s, slot, tail->time_ms, tail->v);
    else
        read_slot(in, slot, s->since_ms[slot]);
}

/* The row a new sample of these slots goes to. */
static inline void fetch_row(const struct sg__feed *s, size_t slot)
{
    if (slot >= s->n || !s->n_windows || !s->tile[slot >> s->shift].rows)
        return;
    __builtin_prefetch(sg__ring_t(s, slot, s->ring[slot].head), 1);
    __builtin_prefetch(sg__ring_v(s, slot, s->ring[slot].head), 1);
}

void sg__feed_take(struct sg__feed *s, struct sg_querier *q, size_t from, size_t n)
{
    struct intake in = {.s = s, .q = q};
    struct sg_tail tails[SG__BLOCK];
    const struct sg__cell *cell = s->n_windows ? s->windows[0]->cell : NULL;
    SG_DCHECK(n <= SG__BLOCK);
    for (size_t k = 0; cell && k < n; k++)
        __builtin_prefetch(cell + from + k, 1);
    sg_store_tails(s->handle + from, s->since_ms + from, n, tails);
    for (size_t k = 0; k < n; k++) {
        if (k % SG__LANES == 0)
            fetch_row(s, from + k + AHEAD);
        take_tail(&in, from + k, &tails[k]);
    }
}

/* ---- births and expiries ---- */

static size_t add_slot(struct sg__feed *s, const struct sg_selected *one)
{
    size_t slot;
    if (s->n_free) {
        slot = s->free_slot[--s->n_free];
    } else {
        if (s->n == s->cap)
            grow_slots(s);
        slot = s->n++;
        s->odd_slot[slot] = 0;
        for (size_t i = 0; i < s->n_windows; i++)
            sg__cursor_grow(s->windows[i], s->cap);
    }
    s->handle[slot] = one->handle;
    s->labels[slot] = sg_labels_ref(one->labels);
    s->id[slot] = one->id;
    s->row_of[slot] = SG__NO_ROW;
    empty_slot(s, slot);
    if (!s->by_id || (s->used + 1) * 2 > s->mask)
        make_ids(s, s->by_id ? (s->mask + 1) * 2 : 128);
    uint32_t *place = id_place(s, one->id);
    s->used += !*place;
    *place = (uint32_t)slot + 1;
    s->reorder = true;
    return slot;
}

static void give_up(struct sg__feed *s)
{
    free_rings(s);
    clear_slots(s);
    for (size_t i = 0; i < s->n_windows; i++)
        sg__cursor_release(s->windows[i]);
    s->loaded = false;
}

static uint64_t feed_errors(const struct sg__feed *s)
{
    return sg_matchers_errors((const struct sg_matcher *const *)s->sel->matchers,
                              s->sel->matcher_count);
}

static bool matches(const struct sg__feed *s, const struct sg_labels *labels)
{
    for (uint32_t i = 0; i < s->sel->matcher_count; i++) {
        const struct sg_matcher *m = s->sel->matchers[i];
        struct sg_str value = sg_labels_get(labels, m->name);
        if (!sg_matcher_matches(m, value.p ? value : SG_STR("")))
            return false;
    }
    return true;
}

/* A regex that was given up has not said whether the series belongs here, and may cost as much the
 * next time: select is asked from now on, which tells the error. */
void sg__feed_born(struct sg__feed *s, const struct sg_selected *one)
{
    if (!s->loaded)
        return;
    uint64_t given_up = feed_errors(s);
    s->catalog->label_work++;
    if (find_slot(s, one->id) == SIZE_MAX && matches(s, one->labels))
        add_slot(s, one);
    if (feed_errors(s) != given_up) {
        s->stopped = true;
        give_up(s);
    }
}

void sg__feed_expired(struct sg__feed *s, uint32_t id)
{
    size_t slot = s->loaded ? find_slot(s, id) : SIZE_MAX;
    if (slot == SIZE_MAX)
        return;
    empty_slot(s, slot);
    sg_labels_unref(s->labels[slot]);
    s->labels[slot] = NULL;
    s->since_ms[slot] = INT64_MAX; /* nothing is newer */
    s->free_slot[s->n_free++] = (uint32_t)slot;
    remove_id(s, id);
    s->reorder = true;
    s->only_births = false;
}

void sg__feed_past(struct sg__feed *s, uint32_t id, int64_t time_ms)
{
    size_t slot = s->loaded ? find_slot(s, id) : SIZE_MAX;
    if (slot == SIZE_MAX || s->since_ms[slot] == INT64_MIN)
        return;
    if (time_ms < s->since_ms[slot] && (!s->n_windows || time_ms <= left_until(s)))
        return;
    s->catalog->rebuilds++;
    empty_slot(s, slot);
}

/* What was dropped leaves the windows when they move, as what is too old does. */
void sg__feed_cut(struct sg__feed *s, uint32_t id, int64_t time_ms)
{
    size_t slot = s->loaded ? find_slot(s, id) : SIZE_MAX;
    if (slot == SIZE_MAX || s->since_ms[slot] == INT64_MIN)
        return;
    if (time_ms >= s->since_ms[slot]) {
        empty_slot(s, slot);
        return;
    }
    s->cut_ms[slot] = time_ms;
    s->cut_max_ms = time_ms > s->cut_max_ms ? time_ms : s->cut_max_ms;
    for (size_t i = 0; i < s->n_windows; i++)
        sg__cursor_cut(s->windows[i], slot, (double)time_ms);
}

/* ---- rows ---- */

static int by_id(const void *a, const void *b, void *ctx)
{
    const struct sg__feed *s = ctx;
    uint32_t x = s->id[*(const uint32_t *)a], y = s->id[*(const uint32_t *)b];
    return (x > y) - (x < y);
}

static void make_rows(struct sg__feed *s)
{
    bool sorted = true;
    if (s->n > s->cap_rows) {
        s->cap_rows = s->n + s->n / 2;
        s->slot_of = sg_realloc(s->slot_of, s->cap_rows * sizeof(*s->slot_of));
        s->row_labels = sg_realloc(s->row_labels, s->cap_rows * sizeof(*s->row_labels));
    }
    size_t before = s->n_rows;
    uint32_t last = before ? s->slot_of[before - 1] : 0;
    s->n_rows = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->labels[i])
            continue;
        sorted &= !s->n_rows || s->id[s->slot_of[s->n_rows - 1]] < s->id[i];
        s->slot_of[s->n_rows++] = (uint32_t)i;
    }
    if (!sorted)
        qsort_r(s->slot_of, s->n_rows, sizeof(*s->slot_of), by_id, s);
    s->identity = s->n_rows == s->n;
    for (size_t i = 0; i < s->n_rows; i++) {
        s->row_of[s->slot_of[i]] = (uint32_t)i;
        s->row_labels[i] = s->labels[s->slot_of[i]];
        s->identity &= s->slot_of[i] == i;
    }
    /* All rows from before are there, in order; when the last is where it was, new ones follow. */
    bool extended =
        s->only_births && before && before <= s->n_rows && s->slot_of[before - 1] == last;
    s->extends = extended ? s->version : 0;
    s->extends_n = before;
    s->version++;
    s->reorder = false;
    s->only_births = true;
}

/* ---- update ---- */

static int by_selected_id(const void *pa, const void *pb)
{
    const struct sg_selected *a = pa, *b = pb;
    return (a->id > b->id) - (a->id < b->id);
}

static int load(struct sg__feed *s, struct sg_querier *q, int64_t time_ms)
{
    struct sg_selection found;
    sg_selection_init(&found);
    int rc = q->ops->select(q, (const struct sg_matcher *const *)s->sel->matchers,
                            s->sel->matcher_count, &found, NULL);
    if (rc == 0) {
        if (found.n)
            qsort(found.series, found.n, sizeof(*found.series), by_selected_id);
        clear_slots(s);
        choose_width(s, found.n);
        if (s->by_id)
            memset(s->by_id, 0, (s->mask + 1) * sizeof(*s->by_id));
        s->used = 0;
        for (size_t i = 0; i < s->n_windows; i++) {
            s->windows[i]->until_ms = time_ms - s->windows[i]->offset_ms;
            s->windows[i]->session = 0; /* it has to move */
        }
        for (size_t i = 0; i < found.n; i++)
            add_slot(s, &found.series[i]);
        s->loaded = true;
        s->session = 0; /* nothing has been taken in */
        s->reorder = true;
    }
    sg_selection_deinit(&found);
    return rc < 0 ? SG_EUNSUPPORTED : 0;
}

/* A slot that is empty gets what windows need, or just the newest sample. */
static void fill_empty(struct sg__feed *s, struct sg_querier *q)
{
    struct intake in = {.s = s, .q = q};
    int64_t after = s->n_windows ? useless_until(s) : INT64_MIN;
    if (!s->any_empty)
        return;
    s->any_empty = false;
    for (size_t i = 0; i < s->n && !s->stopped; i++) {
        struct sg_tail tail;
        if (s->since_ms[i] != INT64_MIN)
            continue;
        sg_store_tails(&s->handle[i], &s->since_ms[i], 1, &tail);
        if (!tail.newer) {
            s->any_empty = true;
            continue;
        }
        if (!s->n_windows || tail.time_ms <= after) { /* only an instant selector could want it */
            struct sg_sample one;
            set_odd(s, i, tail.kind != SG_KIND_FLOAT || tail.time_ms > SG__TIME_MAX);
            if (q->ops->last(q, s->handle[i], INT64_MIN, INT64_MAX, &one)) {
                s->since_ms[i] = one.time_ms;
                s->ring[i].newest = one.v;
            }
            continue;
        }
        read_slot(&in, i, after);
    }
}

bool sg__feed_stale(const struct sg__feed *s)
{
    return s->session != s->catalog->session;
}

int sg__feed_begin(struct sg__feed *s, struct sg_querier *q, int64_t time_ms)
{
    struct sg__catalog *c = s->catalog;
    sg__catalog_sync(c);
    if (s->stopped || (!s->loaded && load(s, q, time_ms) < 0))
        return SG_EUNSUPPORTED;
    if (s->session != c->session)
        fill_empty(s, q);
    if (s->reorder)
        make_rows(s);
    return s->stopped ? sg__feed_end(s) : 0;
}

int sg__feed_end(struct sg__feed *s)
{
    s->session = s->catalog->session;
    s->stopped |= s->catalog->bytes > s->catalog->max_bytes;
    if (s->stopped && s->loaded)
        give_up(s);
    return s->stopped || s->odd ? SG_EUNSUPPORTED : 0;
}

/* ---- life ---- */

/* The expression without range, @ and offset. */
static struct sg_expr bare_selector(const struct sg_expr *e)
{
    struct sg_expr bare = *e;
    bare.kind = SG_EXPR_SELECTOR;
    bare.type = SG_TYPE_VECTOR;
    bare.u.selector.range = (struct sg_duration){0, NULL};
    bare.u.selector.asof = (struct sg_asof){0};
    return bare;
}

/* As a query of its own; NULL: cannot be. */
static struct sg_promql *own_query(const struct sg_expr *bare)
{
    struct sg_promql *q = NULL;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, (size_t)1 << 20);
    if (sg_expr_print(bare, &text) < 0 ||
        sg_promql_parse(sg_str_make(text.data, text.len), NULL, &q, NULL) < 0)
        return NULL;
    if (sg_expr_equal(q->root, bare))
        return q;
    sg_promql_free(q);
    return NULL;
}

static struct sg__feed *find_feed(const struct sg__catalog *c, uint64_t hash,
                                  const struct sg_expr *bare)
{
    struct sg_hashlink *l = sg_hashtab_first(&c->feeds, hash);
    for (; l; l = sg_hashtab_next(l)) {
        struct sg__feed *s = SG_CONTAINER_OF(l, struct sg__feed, link);
        if (sg_expr_equal(s->query->root, bare))
            return s;
    }
    return NULL;
}

struct sg__feed *sg__feed_get(struct sg__catalog *c, const struct sg_expr *e)
{
    struct sg_expr bare = bare_selector(e);
    uint64_t hash = sg_expr_hash(&bare);
    struct sg__feed *s = find_feed(c, hash, &bare);
    if (s) {
        s->refs++;
        return s;
    }
    struct sg_promql *q = own_query(&bare);
    if (!q)
        return NULL;
    s = sg_calloc(1, sizeof(*s));
    s->catalog = c;
    s->query = q;
    s->sel = &q->root->u.selector;
    s->refs = 1;
    s->shift = SHIFT_MIN;
    sg_samples_init(&s->samples);
    sg_hashtab_add(&c->feeds, &s->link, hash);
    s->from = sg__catalog_list(c, s->sel->name);
    s->next = *s->from;
    if (s->next)
        s->next->from = &s->next;
    *s->from = s;
    return s;
}

void sg__feed_unref(struct sg__feed *s)
{
    if (!s || --s->refs)
        return;
    sg_hashtab_remove(&s->catalog->feeds, &s->link);
    *s->from = s->next;
    if (s->next)
        s->next->from = s->from;
    clear_slots(s);
    free_rings(s);
    s->catalog->bytes -= slot_bytes(s) * s->cap;
#define FREE(field) sg_free(s->field);
    PER_SLOT(FREE)
#undef FREE
    sg_samples_deinit(&s->samples);
    sg_free(s->tile);
    sg_free(s->by_id);
    sg_free(s->slot_of);
    sg_free(s->row_labels);
    sg_free(s->windows);
    sg_promql_free(s->query);
    sg_free(s);
}
