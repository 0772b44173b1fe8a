/* alerting_timers.c - binary heap of timers. */
#include "alerting_timers.h"

#include <streamgauge/mem.h>

void sg__timers_deinit(struct sg__timers *t)
{
    sg_free(t->heap);
    *t = (struct sg__timers){0};
}

static void place(struct sg__timers *t, size_t i, struct sg__timer *timer)
{
    t->heap[i] = timer;
    timer->pos = (uint32_t)i + 1;
}

static void sift_up(struct sg__timers *t, size_t i, struct sg__timer *timer)
{
    while (i > 0 && t->heap[(i - 1) / 2]->due_ms > timer->due_ms) {
        place(t, i, t->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(t, i, timer);
}

static void sift_down(struct sg__timers *t, size_t i, struct sg__timer *timer)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < t->n && t->heap[child + 1]->due_ms < t->heap[child]->due_ms)
            child++;
        if (child >= t->n || t->heap[child]->due_ms >= timer->due_ms)
            break;
        place(t, i, t->heap[child]);
        i = child;
    }
    place(t, i, timer);
}

void sg__timers_set(struct sg__timers *t, struct sg__timer *timer, int64_t due_ms)
{
    if (timer->pos && timer->due_ms == due_ms)
        return;
    sg__timers_clear(t, timer);
    timer->due_ms = due_ms;
    t->heap = sg_grow(t->heap, &t->cap, t->n + 1, sizeof(struct sg__timer *));
    t->n++;
    sift_up(t, t->n - 1, timer);
}

void sg__timers_clear(struct sg__timers *t, struct sg__timer *timer)
{
    if (!timer->pos)
        return;
    size_t i = timer->pos - 1;
    timer->pos = 0;
    struct sg__timer *last = t->heap[--t->n];
    if (last == timer)
        return;
    if (last->due_ms < timer->due_ms)
        sift_up(t, i, last);
    else
        sift_down(t, i, last);
}

struct sg__timer *sg__timers_pop(struct sg__timers *t, int64_t mono_ms)
{
    if (!t->n || t->heap[0]->due_ms > mono_ms)
        return NULL;
    struct sg__timer *timer = t->heap[0];
    sg__timers_clear(t, timer);
    return timer;
}
