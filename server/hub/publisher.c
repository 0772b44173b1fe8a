/* publisher.c - the engine's side of a topic: which series sits in which slot, and what changed
 * since the last frame. */
#include <string.h>

#include <streamgauge/mem.h>

#include "hub/frame_alloc.h"

#define NO_SLOT UINT32_MAX

enum { SLOT_CHANGED = 1, SLOT_ADDED = 2, SLOT_DELETED = 4 };

struct slot {
    const struct sg_labels *labels; /* NULL: free */
    double value;                   /* as last told; stale: absent */
    int64_t absent_since_ms;        /* while value is stale */
    uint32_t row;                   /* of the result, as of row_slot; NO_SLOT: none */
    uint32_t seen;                  /* generation that had it last */
    uint32_t flags;                 /* SLOT_… for the frame in the making */
};

struct sg_track {
    struct sg_publisher *pub; /* borrowed */
    struct sg_topic *topic;
    int64_t forget_ms;
    uint32_t max_slots;

    struct slot *slots;
    size_t cap_slots;
    uint32_t n_slots, used, generation;
    uint32_t *free_slots; /* stack */
    size_t n_free, cap_free;

    uint32_t *map; /* labels → slot, open addressing; NO_SLOT: empty */
    uint32_t map_mask;

    uint32_t *row_slot; /* row of the last result → slot, NO_SLOT: has none */
    size_t n_rows, cap_rows;
    uint64_t version;

    uint64_t offset; /* of the topic's newest frame */
    int64_t time_ms;
    double sum;
    double left_sum; /* of the values that no slot was left for; of left_out series */
    uint32_t left_out, told_left_out;
    bool started;
    bool full_due; /* the next frame is a FULL: first, or after an error */
    struct sg_error *error;
};

/* ---- publisher ---- */

void sg_publisher_init(struct sg_publisher *p, uint64_t epoch)
{
    *p = (struct sg_publisher){.epoch = epoch ? epoch : 1};
}

struct sg_topic *sg_publisher_topic(struct sg_publisher *p, struct sg_str key, int64_t interval_ms)
{
    SG_ASSERT(p->next_topic < UINT32_MAX);
    return sg_topic_new(p->next_topic++, key, interval_ms);
}

static struct sg_frame *stamp(struct sg_publisher *p, struct sg_frame *f, uint64_t prev,
                              int64_t time_ms)
{
    f->epoch = p->epoch;
    f->offset = ++p->offset;
    f->prev = prev;
    f->time_ms = time_ms;
    return f;
}

static struct sg_frame *plain_frame(enum sg_frame_kind kind, struct sg_topic *topic)
{
    struct sg_frame_columns unused;
    return sg__frame_new(&(struct sg_frame_shape){.kind = kind, .dense = true}, topic, &unused);
}

struct sg_frame *sg_publisher_refused(struct sg_publisher *p, struct sg_str key,
                                      int64_t interval_ms, int64_t time_ms,
                                      const struct sg_error *error)
{
    struct sg_topic *topic = sg_topic_new(UINT32_MAX, key, interval_ms);
    struct sg_frame *f = plain_frame(SG_FRAME_ERROR, topic);
    sg_topic_unref(topic);
    f->epoch = p->epoch;
    f->time_ms = time_ms;
    f->error = sg_memdup(error, sizeof(*error));
    return f;
}

struct sg_frame *sg_publisher_notification(struct sg_publisher *p, struct sg_topic *feed,
                                           uint64_t *prev, int64_t time_ms, struct sg_str json,
                                           struct sg_str severity, const struct sg_labels *labels)
{
    struct sg_frame *f = stamp(p, plain_frame(SG_FRAME_NOTIFICATION, feed), *prev, time_ms);
    *prev = f->offset;
    f->text = sg_str_make(sg_str_dup(json), json.n);
    f->severity = sg_str_make(sg_str_dup(severity), severity.n);
    f->labels = labels ? sg_labels_ref(labels) : NULL;
    f->bytes += json.n + severity.n;
    return f;
}

struct sg_frame *sg_publisher_heartbeat(struct sg_publisher *p, int64_t time_ms)
{
    struct sg_frame *f = plain_frame(SG_FRAME_HEARTBEAT, NULL);
    f->epoch = p->epoch;
    f->offset = p->offset;
    f->time_ms = time_ms;
    return f;
}

struct sg_frame *sg_publisher_resync(struct sg_publisher *p, bool end, int64_t time_ms)
{
    struct sg_frame *f = plain_frame(end ? SG_FRAME_RESYNC_END : SG_FRAME_RESYNC_BEGIN, NULL);
    f->epoch = p->epoch;
    f->offset = p->offset;
    f->time_ms = time_ms;
    return f;
}

/* ---- map from labels to slots ---- */

static uint32_t map_home(const struct sg_track *t, const struct sg_labels *l)
{
    return (uint32_t)(l->hash >> 7) & t->map_mask;
}

static uint32_t map_find(const struct sg_track *t, const struct sg_labels *l)
{
    if (!t->map)
        return NO_SLOT;
    for (uint32_t i = map_home(t, l);; i = (i + 1) & t->map_mask) {
        uint32_t slot = t->map[i];
        if (slot == NO_SLOT)
            return NO_SLOT;
        const struct sg_labels *have = t->slots[slot].labels;
        if (have == l || (have->hash == l->hash && sg_labels_eq(have, l)))
            return slot;
    }
}

static void map_put(struct sg_track *t, uint32_t slot)
{
    uint32_t i = map_home(t, t->slots[slot].labels);
    while (t->map[i] != NO_SLOT)
        i = (i + 1) & t->map_mask;
    t->map[i] = slot;
}

static void map_reserve(struct sg_track *t)
{
    if (t->map && (size_t)t->used * 2 < t->map_mask)
        return;
    size_t size = t->map ? ((size_t)t->map_mask + 1) * 2 : 16;
    sg_free(t->map);
    t->map = sg_alloc(size * sizeof(*t->map));
    memset(t->map, 0xff, size * sizeof(*t->map));
    t->map_mask = (uint32_t)(size - 1);
    for (uint32_t i = 0; i < t->n_slots; i++)
        if (t->slots[i].labels)
            map_put(t, i);
}

/* Removes by moving later entries of the same run back, so there are no tombstones. */
static void map_del(struct sg_track *t, uint32_t slot)
{
    uint32_t hole = map_home(t, t->slots[slot].labels);
    while (t->map[hole] != slot)
        hole = (hole + 1) & t->map_mask;
    for (uint32_t i = hole;;) {
        i = (i + 1) & t->map_mask;
        if (t->map[i] == NO_SLOT)
            break;
        uint32_t home = map_home(t, t->slots[t->map[i]].labels);
        if (((i - home) & t->map_mask) >= ((i - hole) & t->map_mask)) {
            t->map[hole] = t->map[i];
            hole = i;
        }
    }
    t->map[hole] = NO_SLOT;
}

/* ---- slots ---- */

struct sg_track *sg_track_new(struct sg_publisher *p, struct sg_topic *topic, uint32_t max_slots,
                              int64_t forget_ms)
{
    struct sg_track *t = sg_calloc(1, sizeof(*t));
    t->pub = p;
    t->topic = sg_topic_ref(topic);
    t->max_slots = max_slots;
    t->forget_ms = forget_ms;
    t->full_due = true;
    t->sum = sg_stale_nan();
    return t;
}

void sg_track_free(struct sg_track *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->n_slots; i++)
        sg_labels_unref(t->slots[i].labels);
    sg_topic_unref(t->topic);
    sg_free(t->slots);
    sg_free(t->free_slots);
    sg_free(t->map);
    sg_free(t->row_slot);
    sg_free(t->error);
    sg_free(t);
}

static uint32_t slot_add(struct sg_track *t, const struct sg_labels *labels, uint32_t row)
{
    if (t->used >= t->max_slots)
        return NO_SLOT;
    map_reserve(t);
    uint32_t slot;
    if (t->n_free) {
        slot = t->free_slots[--t->n_free];
    } else {
        slot = t->n_slots++;
        t->slots = sg_grow(t->slots, &t->cap_slots, t->n_slots, sizeof(*t->slots));
    }
    t->slots[slot] = (struct slot){
        .labels = sg_labels_ref(labels), .value = sg_stale_nan(), .row = row, .flags = SLOT_ADDED};
    t->used++;
    map_put(t, slot);
    return slot;
}

/* Frees a slot. Its number is given away at the earliest in the next frame. */
static void slot_del(struct sg_track *t, uint32_t slot)
{
    struct slot *s = &t->slots[slot];
    map_del(t, slot);
    if (s->row != NO_SLOT && s->row < t->n_rows && t->row_slot[s->row] == slot)
        t->row_slot[s->row] = NO_SLOT;
    sg_labels_unref(s->labels);
    *s = (struct slot){.value = sg_stale_nan(), .row = NO_SLOT, .flags = SLOT_DELETED};
    t->used--;
    t->free_slots = sg_grow(t->free_slots, &t->cap_free, t->n_free + 1, sizeof(*t->free_slots));
    t->free_slots[t->n_free++] = slot;
}

static bool row_present(const struct sg_rows *rows, size_t i)
{
    return (!rows->present || (rows->present[i] & 1)) && !sg_is_stale(rows->value[i]);
}

/* The slot of row i. Without a trusted version the slot of the same row last time is only a guess.
 */
static uint32_t row_find(struct sg_track *t, const struct sg_rows *rows, size_t i, bool trusted)
{
    uint32_t slot = t->row_slot[i];
    if (slot != NO_SLOT) {
        if (trusted)
            return slot;
        const struct sg_labels *have = t->slots[slot].labels, *want = rows->labels[i];
        if (have == want || (have && have->hash == want->hash && sg_labels_eq(have, want))) {
            t->slots[slot].row = (uint32_t)i;
            return slot;
        }
    }
    slot = map_find(t, rows->labels[i]);
    if (slot == NO_SLOT)
        slot = slot_add(t, rows->labels[i], (uint32_t)i);
    if (slot != NO_SLOT)
        t->slots[slot].row = (uint32_t)i;
    t->row_slot[i] = slot;
    return slot;
}

static void rows_prepare(struct sg_track *t, size_t n)
{
    t->row_slot = sg_grow(t->row_slot, &t->cap_rows, n, sizeof(*t->row_slot));
    for (size_t i = t->n_rows; i < n; i++)
        t->row_slot[i] = NO_SLOT;
    t->n_rows = n;
}

static void take_rows(struct sg_track *t, const struct sg_rows *rows)
{
    bool trusted = rows->version && rows->version == t->version && rows->n == t->n_rows;
    t->left_out = 0;
    t->left_sum = 0;
    rows_prepare(t, rows->n);
    for (size_t i = 0; i < rows->n; i++) {
        if (!row_present(rows, i)) {
            if (!trusted)
                t->row_slot[i] = NO_SLOT; /* what it says belongs to other labels */
            continue;
        }
        uint32_t slot = row_find(t, rows, i, trusted);
        if (slot == NO_SLOT) {
            t->left_out++;
            t->left_sum += rows->value[i];
            continue;
        }
        struct slot *s = &t->slots[slot];
        s->seen = t->generation;
        if (sg_double_bits(s->value) != sg_double_bits(rows->value[i])) {
            s->value = rows->value[i];
            s->flags |= SLOT_CHANGED;
        }
    }
    t->version = rows->version;
}

/* What the result did not have goes stale, and after a while away. */
static void drop_missing(struct sg_track *t, int64_t time_ms)
{
    /* With every slot in use, those that are stale make room at once. */
    int64_t forget_ms = t->used >= t->max_slots ? 0 : t->forget_ms;
    for (uint32_t i = 0; i < t->n_slots; i++) {
        struct slot *s = &t->slots[i];
        if (!s->labels || s->seen == t->generation)
            continue;
        if (!sg_is_stale(s->value)) {
            s->value = sg_stale_nan();
            s->absent_since_ms = time_ms;
            s->flags |= SLOT_CHANGED;
        } else if (time_ms < s->absent_since_ms) {
            s->absent_since_ms = time_ms; /* the clock stepped back */
        } else if (time_ms - s->absent_since_ms >= forget_ms && !(s->flags & SLOT_ADDED)) {
            slot_del(t, i);
        }
    }
}

/* Of all series, also of those that are not told one by one: it must not be a part of the truth. */
static double sum_of(const struct sg_track *t)
{
    double sum = t->left_sum;
    bool any = t->left_out > 0;
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (t->slots[i].labels && !sg_is_stale(t->slots[i].value)) {
            sum += t->slots[i].value;
            any = true;
        }
    }
    /* Inf - Inf gives a NaN whose sign and payload the processor chooses. */
    return !any ? sg_stale_nan() : sum != sum ? sg_nan() : sum;
}

/* ---- frames ---- */

static struct sg_frame *full_frame(const struct sg_track *t)
{
    struct sg_frame_columns col;
    struct sg_frame *f = sg__frame_new(
        &(struct sg_frame_shape){
            .kind = SG_FRAME_FULL, .n_values = t->n_slots, .n_add = t->used, .dense = true},
        t->topic, &col);
    f->n_slots = t->n_slots;
    for (uint32_t i = 0, k = 0; i < t->n_slots; i++) {
        col.value[i] = t->slots[i].value;
        if (t->slots[i].labels)
            col.add[k++] = (struct sg_frame_add){i, sg_labels_ref(t->slots[i].labels)};
    }
    f->epoch = t->pub->epoch;
    f->offset = t->offset;
    f->time_ms = sg_topic_confirmed(t->topic, t->offset, t->time_ms);
    f->sum = t->error ? sg_stale_nan() : t->sum;
    f->sum_changed = true;
    f->left_out = t->left_out;
    f->error = t->error ? sg_memdup(t->error, sizeof(*t->error)) : NULL;
    return f;
}

struct counts {
    uint32_t values, add, del;
};

static struct counts count_changes(const struct sg_track *t)
{
    struct counts c = {0};
    for (uint32_t i = 0; i < t->n_slots; i++) {
        uint32_t flags = t->slots[i].flags;
        c.values += flags & SLOT_CHANGED ? 1 : 0;
        c.add += flags & SLOT_ADDED ? 1 : 0;
        c.del += flags & SLOT_DELETED ? 1 : 0;
    }
    return c;
}

static void clear_flags(struct sg_track *t)
{
    for (uint32_t i = 0; i < t->n_slots; i++)
        t->slots[i].flags = 0;
    if (t->used == 0)
        t->n_slots = 0, t->n_free = 0;
}

static struct sg_frame *update_frame(struct sg_track *t, struct counts c)
{
    struct sg_frame_columns col;
    struct sg_frame *f = sg__frame_new(
        &(struct sg_frame_shape){
            .kind = SG_FRAME_UPDATE, .n_values = c.values, .n_add = c.add, .n_del = c.del},
        t->topic, &col);
    uint32_t v = 0, a = 0, d = 0;
    for (uint32_t i = 0; i < t->n_slots; i++) {
        const struct slot *s = &t->slots[i];
        if (s->flags & SLOT_DELETED)
            col.del[d++] = i;
        if (s->flags & SLOT_ADDED)
            col.add[a++] = (struct sg_frame_add){i, sg_labels_ref(s->labels)};
        if (s->flags & SLOT_CHANGED) {
            col.index[v] = i;
            col.value[v++] = s->value;
        }
    }
    return f;
}

/* The state as told holds at that tick, too. */
static void confirm(struct sg_track *t, int64_t time_ms)
{
    atomic_store_explicit(&t->topic->confirmed_ms, time_ms, memory_order_release);
}

static struct sg_frame *publish(struct sg_track *t, struct sg_frame *f, int64_t time_ms, double sum)
{
    stamp(t->pub, f, t->offset, time_ms);
    f->sum = sum;
    f->sum_changed = f->kind == SG_FRAME_FULL || sg_double_bits(sum) != sg_double_bits(t->sum);
    t->sum = sum;
    f->left_out = t->left_out;
    f->left_out_told = t->left_out || t->told_left_out;
    t->told_left_out = t->left_out;
    t->offset = f->offset;
    t->time_ms = time_ms;
    atomic_store_explicit(&t->topic->told, t->offset, memory_order_release);
    confirm(t, time_ms);
    return f;
}

struct sg_frame *sg_track_update(struct sg_track *t, int64_t time_ms, const struct sg_rows *rows,
                                 uint32_t *ret_left_out)
{
    SG_ASSERT(rows->n < NO_SLOT);
    t->generation++;
    take_rows(t, rows);
    if (ret_left_out)
        *ret_left_out = t->left_out;
    drop_missing(t, time_ms);
    double sum = sum_of(t);
    struct sg_frame *f = NULL;
    if (t->full_due) {
        sg_free(t->error);
        t->error = NULL;
        t->full_due = false;
        t->started = true;
        f = publish(t, full_frame(t), time_ms, sum);
    } else {
        struct counts c = count_changes(t);
        /* Of series that have slots the values say the rest. */
        bool beyond = t->left_out != t->told_left_out ||
                      (t->left_out && sg_double_bits(sum) != sg_double_bits(t->sum));
        if (c.values || c.add || c.del || beyond)
            f = publish(t, update_frame(t, c), time_ms, sum);
        else
            confirm(t, time_ms);
    }
    clear_flags(t);
    return f;
}

struct sg_frame *sg_track_full(const struct sg_track *t)
{
    return t->started ? full_frame(t) : NULL;
}

struct sg_frame *sg_track_error(struct sg_track *t, int64_t time_ms, const struct sg_error *error)
{
    sg_free(t->error);
    t->error = sg_memdup(error, sizeof(*error));
    t->full_due = true;
    struct sg_frame *f;
    if (t->started) {
        f = plain_frame(SG_FRAME_ERROR, t->topic);
        f->error = sg_memdup(error, sizeof(*error));
    } else {
        t->started = true;
        f = full_frame(t); /* opens the topic: nothing in it but the error */
    }
    return publish(t, f, time_ms, sg_stale_nan());
}

struct sg_frame *sg_track_closed(struct sg_track *t, int64_t time_ms)
{
    return publish(t, plain_frame(SG_FRAME_CLOSED, t->topic), time_ms, sg_stale_nan());
}

struct sg_topic *sg_track_topic(const struct sg_track *t)
{
    return t->topic;
}

uint32_t sg_track_series(const struct sg_track *t)
{
    return t->used;
}
