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

/* Feeds p..p+n in pieces of `step` bytes, each a fresh copy before a guard page. */
static inline void ws_log_run(struct sg_ws *ws, const char *p, size_t n, size_t step,
                              struct sg_buf *log)
{
    for (size_t at = 0; at < n; at += step) {
        struct guard g;
        size_t len = n - at < step ? n - at : step;
        char *piece = guard_put(&g, p + at, len);
        for (size_t i = 0; i < len;) {
            struct sg_ws_event ev;
            ssize_t used = sg_ws_feed(ws, piece + i, len - i, &ev);
            if (used <= 0 || (size_t)used > len - i)
                abort();
            if (ev.type != SG_WS_NONE)
                ws_log_event(log, &ev);
            i += (size_t)used;
        }
        guard_free(&g);
    }
}

#endif
