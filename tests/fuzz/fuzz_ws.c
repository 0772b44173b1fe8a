/* Frames: the events must not depend on how the bytes are cut; what we encode must be read back.
 * The first byte chooses. */
#include <stdint.h>
#include <stdlib.h>
#include <streamgauge/ws.h>
#include <string.h>

#include "ws_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_MESSAGE 1000

static const struct sg_ws_config sides[2] = {
    {.max_message = MAX_MESSAGE, .max_fragments = 10},
    {.max_message = MAX_MESSAGE, .max_fragments = 10, .client = true},
};

static void run(const struct sg_ws_config *config, const char *p, size_t n, size_t step,
                struct sg_buf *log)
{
    struct sg_ws ws;
    SG_AUTO(sg_buf_deinit) struct sg_buf msg;
    sg_buf_init(&msg, MAX_MESSAGE);
    sg_ws_init(&ws, config, &msg, NULL);
    ws_log_run_heap(&ws, p, n, step, log);
    SG_ASSERT(msg.cap <= MAX_MESSAGE);
}

static void check_cuts(const struct sg_ws_config *config, const char *p, size_t n)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf whole;
    SG_AUTO(sg_buf_deinit) struct sg_buf cut;
    sg_buf_init(&whole, 1 << 24);
    sg_buf_init(&cut, 1 << 24);
    run(config, p, n, n, &whole);
    for (size_t step = 1; step < n && step < 40; step = step * 2 + 1) {
        sg_buf_reset(&cut);
        run(config, p, n, step, &cut);
        SG_ASSERT(sg_str_eq(sg_buf_str(&whole), sg_buf_str(&cut)));
    }
}

/* The input as payload of one message, in both directions. */
static void check_round_trip(const uint8_t *data, size_t n)
{
    struct sg_str payload = {(const char *)data, n};
    SG_AUTO(sg_buf_deinit) struct sg_buf frame;
    SG_AUTO(sg_buf_deinit) struct sg_buf msg;
    sg_buf_init(&frame, 1 << 20);
    sg_buf_init(&msg, MAX_MESSAGE);
    for (int side = 0; side < 2; side++) {
        struct sg_ws ws;
        struct sg_ws_event ev;
        sg_buf_reset(&frame);
        if (side)
            sg_ws_write_frame(&frame, SG_WS_OP_BINARY, false, payload);
        else
            sg_ws_write_masked(&frame, SG_WS_OP_BINARY, (const uint8_t *)"\xa5\x01\xff\x80",
                               payload);
        sg_ws_init(&ws, &sides[side], &msg, NULL);
        ssize_t used = sg_ws_feed(&ws, frame.data, frame.len, &ev);
        SG_ASSERT(used == (ssize_t)frame.len);
        if (n > MAX_MESSAGE)
            SG_ASSERT(ev.type == SG_WS_ERROR && ev.code == 1009);
        else
            SG_ASSERT(ev.type == SG_WS_MESSAGE && !ev.text && sg_str_eq(ev.data, payload));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *p = (const char *)data + 1;
    check_cuts(&sides[data[0] & 1], p, size - 1);
    check_round_trip(data + 1, size - 1);
    char close[127];
    size_t n = sg_ws_close_frame(close, (uint16_t)(1000 + data[0] % 4), sg_str_make(p, size - 1));
    SG_ASSERT(n >= 4 && n <= sizeof(close) && sg_utf8_valid(close + 4, n - 4));
    return 0;
}
