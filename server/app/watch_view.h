/* watch_view.h - what `watch` shows: series, their recent points, and the drawing of them. */
#ifndef STREAMGAUGE_APP_WATCH_VIEW_H
#define STREAMGAUGE_APP_WATCH_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>

#define SG_WATCH_POINTS 60

struct sg_watch_series {
    char *name;                     /* label set as text; NULL: slot is free */
    double points[SG_WATCH_POINTS]; /* newest last; NaN with `there` false is a gap */
    bool there[SG_WATCH_POINTS];
    bool is_new; /* changed since the last line output */
};

struct sg_watch_view {
    const char *expr;
    bool terminal, started;
    int64_t time_ms; /* of the newest frame */
    struct sg_watch_series *series;
    size_t n, cap;
    int drawn_lines; /* on the screen, to be gone over again */
    struct sg_buf out;
};

void sg_watch_view_init(struct sg_watch_view *v, const char *expr, bool terminal);
void sg_watch_view_deinit(struct sg_watch_view *v);
/* Messages of the protocol: `full`, and the update without type. Borrowed. */
void sg_watch_view_full(struct sg_watch_view *v, const json_t *message);
void sg_watch_view_update(struct sg_watch_view *v, const json_t *message);
/* Redraws, or prints the changed lines into a pipe. problem: NULL, or why the picture is stale. */
void sg_watch_view_draw(struct sg_watch_view *v, const char *problem);
bool sg_watch_view_started(const struct sg_watch_view *v);
/* Leaves the terminal as it was found. */
void sg_watch_view_end(struct sg_watch_view *v);

#endif
