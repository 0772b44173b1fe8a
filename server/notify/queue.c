/* queue.c - what waits for one target. */
#include "notify/queue.h"

#include <string.h>

#include <streamgauge/mem.h>

#include "notify/push_service.h"

#define FAILURES_TO_PAUSE 3
#define MAX_PAUSE_MS 30000
#define NOT_IN_HEAP SIZE_MAX
#define SERVICE_SHARE 4u /* a service has at most this part of the concurrency */

/* A push service, by its domain. */
struct sg__service {
    UT_hash_handle hh;
    struct sg__lane *parked, **last_parked;
    uint32_t in_flight, failures; /* failures in a row */
    size_t lanes;
    char name[SG__PUSH_SERVICE_SIZE];
};

struct sg__lane {
    UT_hash_handle hh;
    struct sg__item *first, **last;
    struct sg__service *service; /* of a browser; else NULL */
    struct sg__lane *next_parked;
    size_t at; /* in the heap */
    size_t n_key;
    char key[];
};

/* ---- the heap ---- */

static bool before(const struct sg__lane *a, const struct sg__lane *b)
{
    if (a->first->due_ms != b->first->due_ms)
        return a->first->due_ms < b->first->due_ms;
    return a->first->row->id < b->first->row->id;
}

static void place(struct sg__queue *q, struct sg__lane *lane, size_t at)
{
    q->heap[at] = lane;
    lane->at = at;
}

static void sift_up(struct sg__queue *q, size_t at)
{
    struct sg__lane *lane = q->heap[at];
    while (at > 0 && before(lane, q->heap[(at - 1) / 2])) {
        place(q, q->heap[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    place(q, lane, at);
}

static void sift_down(struct sg__queue *q, size_t at)
{
    struct sg__lane *lane = q->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < q->n_heap && before(q->heap[child + 1], q->heap[child]))
            child++;
        if (child >= q->n_heap || !before(q->heap[child], lane))
            break;
        place(q, q->heap[child], at);
        at = child;
    }
    place(q, lane, at);
}

static void heap_add(struct sg__queue *q, struct sg__lane *lane)
{
    q->heap = sg_grow(q->heap, &q->cap_heap, q->n_heap + 1, sizeof(struct sg__lane *));
    place(q, lane, q->n_heap++);
    sift_up(q, lane->at);
}

static struct sg__lane *heap_pop(struct sg__queue *q)
{
    struct sg__lane *lane = q->heap[0], *last = q->heap[--q->n_heap];
    lane->at = NOT_IN_HEAP;
    if (q->n_heap > 0) {
        place(q, last, 0);
        sift_down(q, 0);
    }
    return lane;
}

/* ---- push services ---- */

static struct sg__service *service_of(struct sg__queue *q, struct sg_str push)
{
    struct sg__service *s = NULL;
    char name[SG__PUSH_SERVICE_SIZE];
    if (!push.n)
        return NULL;
    size_t n = sg__push_service(push, name);
    HASH_FIND(hh, q->services, name, n, s);
    if (!s) {
        s = sg_calloc(1, sizeof(*s));
        s->last_parked = &s->parked;
        memcpy(s->name, name, n);
        HASH_ADD(hh, q->services, name, n, s);
    }
    s->lanes++;
    return s;
}

static void leave(struct sg__queue *q, struct sg__service *s)
{
    if (!s || --s->lanes > 0)
        return;
    HASH_DEL(q->services, s);
    sg_free(s);
}

/* How many transfers it may have. */
static uint32_t share(const struct sg__queue *q, const struct sg__service *s)
{
    uint32_t all = q->target ? q->target->concurrency : UINT32_MAX;
    return s->failures >= FAILURES_TO_PAUSE || all < SERVICE_SHARE ? 1 : all / SERVICE_SHARE;
}

static void park(struct sg__lane *lane)
{
    struct sg__service *s = lane->service;
    lane->next_parked = NULL;
    *s->last_parked = lane;
    s->last_parked = &lane->next_parked;
}

static void unpark(struct sg__queue *q, struct sg__service *s, uint32_t n)
{
    for (; n > 0 && s->parked; n--) {
        struct sg__lane *lane = s->parked;
        s->parked = lane->next_parked;
        if (!s->parked)
            s->last_parked = &s->parked;
        heap_add(q, lane);
    }
}

/* One of its transfers has ended. */
static void release(struct sg__queue *q, struct sg__service *s)
{
    if (!s)
        return;
    s->in_flight--;
    uint32_t most = share(q, s);
    unpark(q, s, most > s->in_flight ? most - s->in_flight : 0);
}

/* The next lane whose service has room. NULL: none. */
static struct sg__lane *top(struct sg__queue *q)
{
    while (q->n_heap > 0) {
        struct sg__lane *lane = q->heap[0];
        if (!lane->service || lane->service->in_flight < share(q, lane->service))
            return lane;
        park(heap_pop(q));
    }
    return NULL;
}

/* Its first row is in flight from now on. */
static struct sg__item *take(struct sg__queue *q)
{
    struct sg__lane *lane = heap_pop(q);
    q->waiting--;
    q->in_flight++;
    if (lane->service)
        lane->service->in_flight++;
    return lane->first;
}

/* ---- lanes ---- */

static struct sg__lane *lane_of(struct sg__queue *q, const struct sg_outbox_row *row)
{
    struct sg__lane *lane = NULL;
    size_t n = row->order_key.n + 1 + row->push.n;
    char *key = sg_alloc(n);
    memcpy(key, row->order_key.p, row->order_key.n);
    key[row->order_key.n] = 0;
    if (row->push.n)
        memcpy(key + row->order_key.n + 1, row->push.p, row->push.n);
    HASH_FIND(hh, q->lanes, key, n, lane);
    if (!lane) {
        lane = sg_calloc(1, sizeof(*lane) + n);
        lane->last = &lane->first;
        lane->at = NOT_IN_HEAP;
        lane->n_key = n;
        lane->service = service_of(q, row->push);
        memcpy(lane->key, key, n);
        HASH_ADD(hh, q->lanes, key, n, lane);
    }
    sg_free(key);
    return lane;
}

static void free_item(struct sg__item *item)
{
    sg_free(item->row);
    sg_free(item);
}

struct sg__queue *sg__queue_new(struct sg_str name)
{
    struct sg__queue *q = sg_calloc(1, sizeof(*q));
    q->name = (struct sg_str){sg_str_dup(name), name.n};
    return q;
}

void sg__queue_free(struct sg__queue *q)
{
    struct sg__lane *lane, *next;
    if (!q)
        return;
    HASH_ITER(hh, q->lanes, lane, next)
    {
        HASH_DEL(q->lanes, lane);
        for (struct sg__item *item = lane->first, *after; item; item = after) {
            after = item->next;
            free_item(item);
        }
        leave(q, lane->service);
        sg_free(lane);
    }
    sg_free(q->heap);
    sg_free((char *)(uintptr_t)q->name.p);
    sg_free(q);
}

void sg__queue_aim(struct sg__queue *q, const struct sg__target *target, int64_t mono_ms)
{
    q->target = target;
    if (target && q->bucket.rate != target->rate)
        sg__bucket_init(&q->bucket, target->rate, mono_ms);
}

void sg__queue_push_take(struct sg__queue *q, struct sg_outbox_row *row, int64_t wall_ms,
                         int64_t mono_ms)
{
    struct sg__lane *lane = lane_of(q, row);
    struct sg__item *item = sg_calloc(1, sizeof(*item));
    /* The wall clock may have been set meanwhile: a wait is never longer than any we ask for. */
    int64_t wait = row->next_ms - wall_ms, age = wall_ms - row->created_ms;
    if (wait > SG__RETRY_AFTER_MAX_MS)
        wait = SG__RETRY_AFTER_MAX_MS;
    item->row = row;
    item->lane = lane;
    item->due_ms = mono_ms + (wait > 0 ? wait : 0);
    item->born_ms = mono_ms - (age > 0 ? age : 0);
    bool first = !lane->first;
    *lane->last = item;
    lane->last = &item->next;
    q->waiting++;
    if (first)
        heap_add(q, lane);
}

struct sg__item *sg__queue_next(struct sg__queue *q, int64_t mono_ms, int64_t *ret_wait_ms)
{
    *ret_wait_ms = -1;
    if (!q->target || q->in_flight >= q->target->concurrency)
        return NULL;
    /* While it fails, one attempt at a time finds out whether it is back. */
    if (q->failures >= FAILURES_TO_PAUSE && q->in_flight > 0)
        return NULL;
    const struct sg__lane *lane = top(q);
    if (!lane)
        return NULL;
    int64_t due = lane->first->due_ms;
    if (due < q->paused_until_ms)
        due = q->paused_until_ms;
    int64_t wait = due > mono_ms ? due - mono_ms : sg__bucket_take(&q->bucket, mono_ms);
    if (wait > 0) {
        *ret_wait_ms = wait;
        return NULL;
    }
    return take(q);
}

struct sg__item *sg__queue_any(struct sg__queue *q)
{
    for (struct sg__service *s = q->services; s && q->n_heap == 0; s = s->hh.next)
        unpark(q, s, UINT32_MAX);
    return q->n_heap > 0 ? take(q) : NULL;
}

void sg__queue_answered(struct sg__queue *q, struct sg__item *item, bool answered)
{
    struct sg__service *s = item->lane->service;
    (void)q;
    if (s)
        s->failures = answered ? 0 : s->failures + 1;
}

void sg__queue_done(struct sg__queue *q, struct sg__item *item)
{
    struct sg__lane *lane = item->lane;
    SG_ASSERT(lane->first == item && lane->at == NOT_IN_HEAP);
    q->in_flight--;
    release(q, lane->service);
    lane->first = item->next;
    free_item(item);
    if (lane->first) {
        heap_add(q, lane);
    } else {
        HASH_DEL(q->lanes, lane);
        leave(q, lane->service);
        sg_free(lane);
    }
}

void sg__queue_again(struct sg__queue *q, struct sg__item *item, int64_t due_ms)
{
    q->in_flight--;
    q->waiting++;
    release(q, item->lane->service);
    item->due_ms = due_ms;
    heap_add(q, item->lane);
}

void sg__queue_failed(struct sg__queue *q, int64_t mono_ms, int64_t pause_ms, struct sg_prng *g)
{
    /* Browsers' push services are many behind one target: they say nothing of each other. */
    if (q->target && sg__target_is_many(q->target))
        return;
    q->failures++;
    if (q->failures >= FAILURES_TO_PAUSE) {
        int64_t wait = sg__backoff_ms(q->failures - FAILURES_TO_PAUSE + 1, g);
        if (wait > MAX_PAUSE_MS)
            wait = MAX_PAUSE_MS;
        if (wait > pause_ms)
            pause_ms = wait;
    }
    if (mono_ms + pause_ms > q->paused_until_ms)
        q->paused_until_ms = mono_ms + pause_ms;
}

void sg__queue_succeeded(struct sg__queue *q, int64_t mono_ms)
{
    if (q->failures >= FAILURES_TO_PAUSE) {
        for (size_t i = 0; i < q->n_heap; i++)
            if (q->heap[i]->first->due_ms > mono_ms)
                q->heap[i]->first->due_ms = mono_ms;
        for (size_t i = q->n_heap / 2; i-- > 0;)
            sift_down(q, i);
        q->paused_until_ms = mono_ms;
    }
    q->failures = 0;
}

int64_t sg__queue_oldest(const struct sg__queue *q)
{
    int64_t oldest = 0;
    for (const struct sg__lane *lane = q->lanes; lane; lane = lane->hh.next)
        if (lane->first && (oldest == 0 || lane->first->row->created_ms < oldest))
            oldest = lane->first->row->created_ms;
    return oldest;
}

int64_t sg__queue_due(const struct sg__queue *q)
{
    if (q->n_heap == 0)
        return -1;
    int64_t due = q->heap[0]->first->due_ms;
    return due > q->paused_until_ms ? due : q->paused_until_ms;
}
