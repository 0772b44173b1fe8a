/* mirror.c - an edge's copy of a topic: applying frames, the ring of the last ones, fulls and
 * merged updates made from them.
 *
 * Happy path: FULL opens the mirror, each UPDATE names its predecessor and changes slots, every
 * frame goes into the ring. A frame whose predecessor is not the one we have means that one was
 * lost on the way here (the edge's queue was full): the mirror is *broken*, ignores updates, keeps
 * its last good state, and waits for the FULL the engine sends when there is room again. Its ring
 * starts anew there, so whoever stood before it gets a full, never a wrong delta.
 */
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

#include "hub/frame_alloc.h"
#include "hub/hub_priv.h"

static uint64_t key_hash(struct sg_str key, int64_t interval_ms)
{
    return sg_hash64(key.p, key.n) ^ sg_hash_mix((uint64_t)interval_ms);
}

struct sg__mirror *sg__mirror_find(struct sg_hub *hub, struct sg_str key, int64_t interval_ms)
{
    uint64_t hash = key_hash(key, interval_ms);
    for (struct sg_hashlink *l = sg_hashtab_first(&hub->mirrors_by_key, hash); l;
         l = sg_hashtab_next(l)) {
        struct sg__mirror *m = SG_CONTAINER_OF(l, struct sg__mirror, by_key);
        if (m->interval_ms == interval_ms && sg_str_eq(sg_str_make(m->key, m->key_len), key))
            return m;
    }
    return NULL;
}

static struct sg__mirror *find_number(struct sg_hub *hub, uint32_t number)
{
    struct sg_hashlink *l = sg_hashtab_first(&hub->mirrors_by_number, number);
    return l ? SG_CONTAINER_OF(l, struct sg__mirror, by_number) : NULL;
}

struct sg__mirror *sg__mirror_new(struct sg_hub *hub, struct sg_str key, int64_t interval_ms)
{
    struct sg__mirror *m = sg_calloc(1, sizeof(*m));
    m->hub = hub;
    m->key = sg_str_dup(key);
    m->key_len = (uint32_t)key.n;
    m->interval_ms = interval_ms;
    m->sum = sg_stale_nan();
    sg_list_init(&m->subs);
    sg_list_init(&m->flavours);
    sg_hashtab_add(&hub->mirrors_by_key, &m->by_key, key_hash(key, interval_ms));
    SG__STAT_SET(hub, topics, hub->mirrors_by_key.n);
    return m;
}

void sg__mirror_set_topic(struct sg__mirror *m, struct sg_topic *topic)
{
    if (m->topic) {
        sg_hashtab_remove(&m->hub->mirrors_by_number, &m->by_number);
        atomic_fetch_sub_explicit(&m->topic->viewers, m->n_subs, memory_order_relaxed);
        sg_topic_unref(m->topic);
    }
    m->topic = topic ? sg_topic_ref(topic) : NULL;
    if (topic) {
        sg_hashtab_add(&m->hub->mirrors_by_number, &m->by_number, topic->number);
        atomic_fetch_add_explicit(&topic->viewers, m->n_subs, memory_order_relaxed);
    }
}

/* ---- ring ---- */

static void ring_drop(struct sg__mirror *m)
{
    struct sg_frame *f = sg__ring_at(m, 0);
    const struct sg__entry *e = &m->ring[m->head];
    m->floor = (struct sg__place){e->seq, f->offset};
    m->ring_bytes -= e->bytes;
    m->hub->ring_bytes -= e->bytes;
    m->head = (m->head + 1) & (m->cap - 1);
    m->count--;
    sg_frame_unref(f);
}

static void ring_clear(struct sg__mirror *m, struct sg__place floor)
{
    while (m->count)
        ring_drop(m);
    m->floor = floor;
}

static void ring_grow(struct sg__mirror *m)
{
    uint32_t cap = m->cap ? m->cap * 2 : 8;
    struct sg__entry *ring = sg_calloc(cap, sizeof(*ring));
    for (uint32_t i = 0; i < m->count; i++)
        ring[i] = m->ring[(m->head + i) & (m->cap - 1)];
    sg_free(m->ring);
    m->ring = ring;
    m->cap = cap;
    m->head = 0;
}

/* Counts what the i-th frame weighs now. */
static void weigh(struct sg__mirror *m, uint32_t i)
{
    struct sg__entry *e = &m->ring[(m->head + i) & (m->cap - 1)];
    size_t bytes = sg_frame_weight(e->frame);
    m->ring_bytes += bytes - e->bytes;
    m->hub->ring_bytes += bytes - e->bytes;
    e->bytes = bytes;
}

void sg__ring_push(struct sg__mirror *m, const struct sg_frame *f)
{
    const struct sg_hub_limits *l = &m->hub->limits;
    size_t bytes = sg_frame_weight(f);
    if (m->count) {
        /* Encodings are made when a frame is sent, here or on another edge: most when it is the
         * newest, some when somebody resumes. */
        weigh(m, m->count - 1);
        m->look = m->look + 1 < m->count ? m->look + 1 : 0;
        weigh(m, m->look);
    }
    while (m->count && (m->count >= l->ring_frames || m->ring_bytes + bytes > l->ring_bytes ||
                        m->hub->ring_bytes + bytes > l->total_ring_bytes))
        ring_drop(m);
    if (m->count == m->cap)
        ring_grow(m);
    m->ring[(m->head + m->count++) & (m->cap - 1)] =
        (struct sg__entry){sg_frame_ref(f), m->seq, bytes};
    m->ring_bytes += bytes;
    m->hub->ring_bytes += bytes;
    /* A frame that does not fit alone is kept all the same while it is new: groups send from the
     * ring. */
}

void sg__ring_expire(struct sg__mirror *m, int64_t now_ms)
{
    while (!m->is_feed && m->count &&
           sg__ring_at(m, 0)->time_ms < now_ms - m->hub->limits.ring_age_ms)
        ring_drop(m);
}

uint32_t sg__ring_after(const struct sg__mirror *m, uint64_t after)
{
    uint32_t lo = 0, hi = m->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (m->ring[(m->head + mid) & (m->cap - 1)].seq > after)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

struct sg__place sg__ring_place(const struct sg__mirror *m, uint64_t offset)
{
    uint32_t lo = 0, hi = m->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (sg__ring_at(m, mid)->offset > offset)
            hi = mid;
        else
            lo = mid + 1;
    }
    if (lo == 0)
        return (struct sg__place){m->count ? m->floor.seq : m->seq, offset};
    return (struct sg__place){m->ring[(m->head + lo - 1) & (m->cap - 1)].seq, offset};
}

/* ---- state ---- */

void sg__mirror_weigh_caches(struct sg__mirror *m)
{
    size_t bytes = m->full ? sg_frame_weight(m->full) : 0;
    for (int i = 0; i < SG__MERGED_CACHE; i++)
        bytes += m->merged[i] ? sg_frame_weight(m->merged[i]) : 0;
    m->hub->ring_bytes += bytes - m->cache_bytes;
    m->cache_bytes = bytes;
}

void sg__mirror_stale_caches(struct sg__mirror *m)
{
    m->hub->ring_bytes -= m->cache_bytes;
    m->cache_bytes = 0;
    sg_frame_unref(m->full);
    m->full = NULL;
    for (int i = 0; i < SG__MERGED_CACHE; i++) {
        sg_frame_unref(m->merged[i]);
        m->merged[i] = NULL;
    }
}

static void state_clear(struct sg__mirror *m)
{
    for (uint32_t i = 0; i < m->n_slots; i++)
        sg_labels_unref(m->labels[i]);
    m->n_slots = m->n_labels = 0;
}

static void state_grow(struct sg__mirror *m, uint32_t n_slots)
{
    size_t cap = m->cap_slots;
    m->labels = sg_grow(m->labels, &cap, n_slots, sizeof(*m->labels));
    if (cap != m->cap_slots)
        m->value = sg_realloc(m->value, cap * sizeof(*m->value));
    m->cap_slots = cap;
    for (; m->n_slots < n_slots; m->n_slots++) {
        m->labels[m->n_slots] = NULL;
        m->value[m->n_slots] = sg_stale_nan();
    }
}

static void state_del(struct sg__mirror *m, uint32_t slot)
{
    if (slot >= m->n_slots || !m->labels[slot])
        return;
    sg_labels_unref(m->labels[slot]);
    m->labels[slot] = NULL;
    m->value[slot] = sg_stale_nan();
    m->n_labels--;
}

static void state_add(struct sg__mirror *m, const struct sg_frame_add *add)
{
    if (add->index >= m->n_slots)
        state_grow(m, add->index + 1);
    state_del(m, add->index);
    m->labels[add->index] = sg_labels_ref(add->labels);
    m->n_labels++;
}

static void state_full(struct sg__mirror *m, const struct sg_frame *f)
{
    state_clear(m);
    if (f->n_slots)
        state_grow(m, f->n_slots);
    for (uint32_t i = 0; i < f->n_add; i++)
        state_add(m, &f->add[i]);
    for (uint32_t i = 0; i < f->n_slots; i++)
        m->value[i] = f->value[i];
}

static void state_update(struct sg__mirror *m, const struct sg_frame *f)
{
    for (uint32_t i = 0; i < f->n_del; i++)
        state_del(m, f->del[i]);
    for (uint32_t i = 0; i < f->n_add; i++)
        state_add(m, &f->add[i]);
    for (uint32_t i = 0; i < f->n_values; i++)
        if (f->index[i] < m->n_slots)
            m->value[f->index[i]] = f->value[i];
}

void sg__mirror_clear(struct sg__mirror *m)
{
    sg__mirror_stale_caches(m);
    ring_clear(m, (struct sg__place){0, 0});
    state_clear(m);
    sg_free(m->error);
    m->error = NULL;
    m->sum = sg_stale_nan();
    m->offset = m->sum_offset = 0;
    m->seq = m->sum_seq = m->present_seq = 0;
    m->left_out = 0;
    m->broken = false;
    sg__mirror_set_topic(m, NULL);
}

void sg__mirror_free(struct sg__mirror *m)
{
    SG_ASSERT(m->n_subs == 0 && sg_list_empty(&m->flavours));
    struct sg_hub *hub = m->hub;
    for (size_t i = 0; m->in_news && i < hub->n_news; i++)
        if (hub->news[i] == m)
            hub->news[i--] = hub->news[--hub->n_news];
    sg__mirror_clear(m);
    sg_hashtab_remove(&hub->mirrors_by_key, &m->by_key);
    SG__STAT_SET(hub, topics, hub->mirrors_by_key.n);
    sg_free(m->labels);
    sg_free(m->value);
    sg_free(m->ring);
    sg_free(m->key);
    sg_free(m);
}

void sg__mirror_release(struct sg__mirror *m)
{
    struct sg_hub *hub = m->hub;
    if (m->is_feed || m->n_subs)
        return;
    if (m->opened) {
        if (hub->hooks->close_topic &&
            hub->hooks->close_topic(hub->hooks_ctx, sg_str_make(m->key, m->key_len),
                                    m->interval_ms) == SG_EBUSY) {
            hub->close_owed = true;
            return;
        }
        m->opened = false;
    }
    if (!m->topic)
        sg__mirror_free(m);
}

/* ---- frames ---- */

static void took(struct sg__mirror *m, const struct sg_frame *f)
{
    struct sg_hub *hub = m->hub;
    sg__mirror_stale_caches(m);
    m->offset = f->offset;
    m->seq = ++hub->newest.seq;
    m->time_ms = f->time_ms;
    m->fresh_ms = f->time_ms;
    m->fresh_round = 0;
    m->applied_ms = hub->now_ms;
    if (f->kind == SG_FRAME_FULL || f->kind == SG_FRAME_UPDATE) {
        m->left_out = f->left_out;
        m->ever_left_out |= f->left_out > 0;
    }
    if (f->sum_changed) {
        m->sum = f->sum;
        m->sum_offset = f->offset;
        m->sum_seq = m->seq;
        if (!sg_is_stale(f->sum))
            m->present_seq = m->seq;
    }
    if (!m->in_news) {
        hub->news = sg_grow(hub->news, &hub->cap_news, hub->n_news + 1, sizeof(*hub->news));
        hub->news[hub->n_news++] = m;
        m->in_news = true;
    }
}

static void set_error(struct sg__mirror *m, const struct sg_error *error)
{
    sg_free(m->error);
    m->error = error ? sg_memdup(error, sizeof(*error)) : NULL;
}

static void wake_subs(struct sg__mirror *m)
{
    SG_LIST_FOREACH(node, &m->subs)
    {
        struct sg__sub *sub = SG_CONTAINER_OF(node, struct sg__sub, of_mirror);
        if (sub->state == SG__SUB_WAITING)
            sg__session_attend(sub->session);
    }
}

static void apply_full(struct sg_hub *hub, const struct sg_frame *f)
{
    struct sg__mirror *m = find_number(hub, f->topic->number);
    if (!m) {
        m = sg__mirror_find(hub, sg_topic_key(f->topic), f->topic->interval_ms);
        if (!m)
            m = sg__mirror_new(hub, sg_topic_key(f->topic), f->topic->interval_ms);
        else if (m->topic)
            sg__mirror_clear(m); /* the end of the old topic was lost on the way */
        sg__mirror_set_topic(m, f->topic);
        /* Those who knew it under its old number are told the new one. */
        SG_LIST_FOREACH(node, &m->subs)
        sg__sub_to_waiting(SG_CONTAINER_OF(node, struct sg__sub, of_mirror));
    } else if (f->offset < m->offset || (f->offset == m->offset && !m->broken)) {
        return; /* a repair we do not need */
    }
    bool in_sequence = f->prev && f->prev == m->offset && !m->broken;
    state_full(m, f);
    set_error(m, f->error);
    m->broken = false;
    took(m, f);
    if (in_sequence)
        sg__ring_push(m, f);
    else
        ring_clear(m, (struct sg__place){m->seq, f->offset});
    wake_subs(m);
}

/* Whether f follows directly on what the mirror has. */
static bool follows(struct sg__mirror *m, const struct sg_frame *f)
{
    if (!m || m->broken || f->offset <= m->offset)
        return false;
    if (f->prev == m->offset)
        return true;
    m->broken = true;
    SG__STAT_ADD(m->hub, broken_mirrors, 1);
    return false;
}

/* After a loss the feed waits for the engine to repeat what was lost. What the engine has no more
 * is gone: then the floor rises and receivers are told a gap. */
static void apply_notification(struct sg_hub *hub, const struct sg_frame *f)
{
    struct sg__mirror *m = hub->feed;
    if (f->offset <= m->offset)
        return;
    if (f->prev != m->offset) {
        if (!hub->resyncing) {
            SG__STAT_ADD(hub, broken_mirrors, m->broken ? 0 : 1);
            m->broken = true;
            return;
        }
        ring_clear(m, (struct sg__place){hub->newest.seq + 1, f->prev});
        hub->newest.seq++;
    }
    m->broken = false;
    took(m, f);
    sg__ring_push(m, f);
}

/* Frames of all topics have consecutive offsets, so a hole shows at once. */
static void watch_offsets(struct sg_hub *hub, const struct sg_frame *f)
{
    if (f->offset <= hub->newest.offset)
        return;
    if (f->kind != SG_FRAME_RESYNC_END && hub->newest.offset && f->offset > hub->newest.offset + 1)
        hub->holed = true, hub->healed = false;
    hub->newest.offset = f->offset;
}

bool sg__mirror_ready(const struct sg__mirror *m)
{
    return m->topic && !(m->is_feed && m->hub->feed_awaited);
}

static void apply_resync(struct sg_hub *hub, const struct sg_frame *f)
{
    hub->resyncing = f->kind == SG_FRAME_RESYNC_BEGIN;
    hub->healed = !hub->resyncing;
    if (!hub->resyncing && hub->feed_awaited) {
        hub->feed_awaited = false;
        wake_subs(hub->feed);
    }
}

static void apply_refused(struct sg_hub *hub, const struct sg_frame *f)
{
    struct sg__mirror *m = sg__mirror_find(hub, sg_topic_key(f->topic), f->topic->interval_ms);
    if (!m || m->topic)
        return;
    m->opened = false; /* the engine does not count us */
    while (!sg_list_empty(&m->subs)) {
        struct sg__sub *sub = SG_CONTAINER_OF(m->subs.next, struct sg__sub, of_mirror);
        struct sg_session *s = sub->session;
        sg__put_error(s, sg_str_from(sub->id), f->error);
        bool last = m->n_subs == 1;
        for (uint32_t i = 0; i < s->n_subs; i++)
            if (s->subs[i] == sub) {
                sg__session_drop_sub(s, i);
                break;
            }
        sg__session_attend(s);
        if (last)
            return; /* the mirror went with its last subscriber */
    }
}

static void apply_closed(struct sg__mirror *m)
{
    if (!m)
        return;
    SG_LIST_FOREACH(node, &m->subs)
    sg__sub_to_waiting(SG_CONTAINER_OF(node, struct sg__sub, of_mirror));
    sg__mirror_clear(m);
    m->opened_ms = m->hub->now_ms; /* our request to open it again is under way */
    sg__mirror_release(m);
}

void sg_hub_apply(struct sg_hub *hub, const struct sg_frame *f)
{
    SG__STAT_ADD(hub, frames_in, 1);
    if (f->kind == SG_FRAME_HEARTBEAT) {
        sg_frame_unref(hub->heartbeat);
        hub->heartbeat = sg_frame_ref(f);
        return;
    }
    if (f->kind != SG_FRAME_RESYNC_BEGIN)
        watch_offsets(hub, f);
    if (f->kind == SG_FRAME_RESYNC_BEGIN || f->kind == SG_FRAME_RESYNC_END) {
        apply_resync(hub, f);
        return;
    }
    if (f->kind == SG_FRAME_NOTIFICATION) {
        apply_notification(hub, f);
        return;
    }
    if (f->topic->number == UINT32_MAX) {
        apply_refused(hub, f);
        return;
    }
    if (f->kind == SG_FRAME_FULL) {
        apply_full(hub, f);
        return;
    }
    struct sg__mirror *m = find_number(hub, f->topic->number);
    if (f->kind == SG_FRAME_CLOSED) {
        apply_closed(m);
        return;
    }
    if (!follows(m, f))
        return;
    if (f->kind == SG_FRAME_ERROR)
        set_error(m, f->error);
    else
        state_update(m, f);
    took(m, f);
    sg__ring_push(m, f);
}

void sg_hub_apply_batch_take(struct sg_hub *hub, struct sg_frame_batch *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        sg_hub_apply(hub, b->frames[i]);
    sg_frame_batch_free(b);
}
