/* ws_log.h - runs bytes through a WebSocket decoder in pieces and writes down the events as text,
 * so that two ways of cutting the same bytes can be compared. */
#ifndef TESTS_LIB_WS_LOG_H
#define TESTS_LIB_WS_LOG_H

#include <streamgauge/ws.h>

#include "guard.h"

static inline void ws_log_event(struct sg_buf *log, const struct sg_ws_event *ev)
{
    static const char *const names[] = {"none", "message", "ping", "pong", "close", "error"};
    sg_buf_printf(log, "%s", names[ev->type]);
    if (ev->type == SG_WS_MESSAGE)
        sg_buf_puts(log, ev->text ? " text" : " binary");
    if (ev->code)
        sg_buf_printf(log, " %u", ev->code);
    if (ev->type != SG_WS_ERROR) {
        sg_buf_puts(log, " ");
        sg_buf_put_json_str(log, ev->data);
    }
    sg_buf_puts(log, "\n");
}

/* All events of one piece, which is changed in place. */
static inline void ws_log_piece(struct sg_ws *ws, char *piece, size_t n, struct sg_buf *log)
{
    for (size_t i = 0; i < n;) {
        struct sg_ws_event ev;
        ssize_t used = sg_ws_feed(ws, piece + i, n - i, &ev);
        if (used <= 0 || (size_t)used > n - i)
            abort();
        if (ev.type != SG_WS_NONE)
            ws_log_event(log, &ev);
        i += (size_t)used;
    }
}

/* Feeds p..p+n in pieces of `step` bytes, each a fresh copy before a guard page. */
static inline void ws_log_run(struct sg_ws *ws, const char *p, size_t n, size_t step,
                              struct sg_buf *log)
{
    for (size_t at = 0; at < n; at += step) {
        struct guard g;
        size_t len = n - at < step ? n - at : step;
        ws_log_piece(ws, guard_put(&g, p + at, len), len, log);
        guard_free(&g);
    }
}

/* The same with copies on the heap, for fuzzing: quick, and AddressSanitizer watches their ends. */
static inline void ws_log_run_heap(struct sg_ws *ws, const char *p, size_t n, size_t step,
                                   struct sg_buf *log)
{
    for (size_t at = 0; at < n; at += step) {
        size_t len = n - at < step ? n - at : step;
        char *piece = malloc(len);
        memcpy(piece, p + at, len);
        ws_log_piece(ws, piece, len, log);
        free(piece);
    }
}

#endif
