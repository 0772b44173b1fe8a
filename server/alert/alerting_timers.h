/* alerting_timers.h - the timers of the alerting core: a binary heap of what the owner embeds. */
#ifndef SG_ALERT_ALERTING_TIMERS_H
#define SG_ALERT_ALERTING_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sg__timer {
    int64_t due_ms; /* monotonic */
    uint32_t pos;   /* place in the heap + 1; 0: not set */
    uint8_t kind;   /* the owner's */
};

struct sg__timers {
    struct sg__timer **heap;
    size_t n, cap;
};

void sg__timers_deinit(struct sg__timers *t);
/* Sets, or moves. O(log n). */
void sg__timers_set(struct sg__timers *t, struct sg__timer *timer, int64_t due_ms);
void sg__timers_clear(struct sg__timers *t, struct sg__timer *timer); /* also one that is not set */
/* Takes out the earliest that is due; NULL: none is. */
struct sg__timer *sg__timers_pop(struct sg__timers *t, int64_t mono_ms);

#endif
