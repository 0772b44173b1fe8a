/* permessage-deflate: offers, what we compress, and hostile compressed frames under their limits.
 * The first byte chooses the window. */
#include <stdint.h>
#include <stdlib.h>
#include <streamgauge/ws.h>
#include <string.h>

#include "ws_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_MESSAGE 20000
/* Above anything deflate can do: the ratio check looks at running totals, which depend on the cuts.
 */
#define NO_RATIO 5000

static const struct sg_ws_config config = {.max_message = MAX_MESSAGE, .max_fragments = 50};

static void check_offer(struct sg_str value, unsigned bits)
{
    const struct sg_deflate_config c = {.server_bits = (uint8_t)bits, .client_bits = 10};
    struct sg_deflate_params params, again, none;
    char answer[160];
    int r = sg_deflate_negotiate_value(value, &c, &params);
    SG_ASSERT(r == sg_deflate_negotiate_value(value, NULL, &none) && !none.agreed);
    size_t n = sg_deflate_answer(&params, answer);
    SG_ASSERT((n > 0) == params.agreed && strlen(answer) == n);
    if (!params.agreed || r < 0)
        return;
    SG_ASSERT(params.server_bits >= 9 && params.server_bits <= 15);
    SG_ASSERT(params.client_bits >= 8 && params.client_bits <= 15);
    /* Our answer is in the same grammar, and asking for it gives it. */
    SG_ASSERT(sg_deflate_negotiate_value(sg_str_make(answer, n), &c, &again) == 0);
    SG_ASSERT(again.agreed && again.server_bits == params.server_bits);
}

static void check_compress(struct sg_str text, unsigned bits)
{
    struct sg_deflater d;
    struct sg_inflater s;
    const struct sg_deflate_params params = {.client_no_takeover = true,
                                             .client_bits = (uint8_t)bits};
    SG_AUTO(sg_buf_deinit) struct sg_buf packed;
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&packed, 1 << 22);
    sg_buf_init(&out, 1 << 22);
    sg_deflater_init(&d, bits, 6);
    sg_inflater_init(&s, &params, NO_RATIO);
    for (int i = 0; i < 2; i++) {
        sg_buf_reset(&packed);
        sg_buf_reset(&out);
        SG_ASSERT(sg_deflate_compress(&d, text.p, text.n, &packed) == 0 && packed.len > 0);
        SG_ASSERT(sg_inflater_feed(&s, packed.data, packed.len, &out, text.n) == 0);
        SG_ASSERT(sg_inflater_finish(&s, &out, text.n) == 0);
        SG_ASSERT(sg_str_eq(sg_buf_str(&out), text) && !s.z);
    }
    sg_inflater_deinit(&s);
    sg_deflater_deinit(&d);
}

static void run(const struct sg_deflate_params *params, struct sg_str in, size_t step,
                struct sg_buf *log)
{
    struct sg_ws ws;
    struct sg_inflater s;
    SG_AUTO(sg_buf_deinit) struct sg_buf msg;
    sg_buf_init(&msg, MAX_MESSAGE);
    sg_inflater_init(&s, params, NO_RATIO);
    sg_ws_init(&ws, &config, &msg, &s);
    sg_buf_reset(log);
    ws_log_run_heap(&ws, in.p, in.n, step, log);
    SG_ASSERT(msg.cap <= MAX_MESSAGE);
    sg_inflater_deinit(&s);
}

static void check_cuts(struct sg_str in, bool takeover)
{
    const struct sg_deflate_params params = {.client_no_takeover = !takeover, .client_bits = 15};
    SG_AUTO(sg_buf_deinit) struct sg_buf whole;
    SG_AUTO(sg_buf_deinit) struct sg_buf cut;
    sg_buf_init(&whole, 1 << 24);
    sg_buf_init(&cut, 1 << 24);
    run(&params, in, in.n, &whole);
    for (size_t step = 1; step < in.n && step < 40; step = step * 3 + 1) {
        run(&params, in, step, &cut);
        SG_ASSERT(sg_str_eq(sg_buf_str(&whole), sg_buf_str(&cut)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct sg_str in = {(const char *)data + 1, size - 1};
    unsigned bits = 9 + data[0] % 7;
    check_offer(in, bits);
    check_compress(in, bits);
    /* As frames, and as the payload of one compressed frame, so that the fuzzer need not find the
     * framing. */
    check_cuts(in, data[0] & 0x80);
    SG_AUTO(sg_buf_deinit) struct sg_buf frame;
    sg_buf_init(&frame, 1 << 22);
    sg_ws_write_masked(&frame, SG_WS_OP_TEXT, (const uint8_t *)"\0\0\0\0", in);
    frame.data[0] = (char)0xc1;
    check_cuts(sg_buf_str(&frame), data[0] & 0x80);
    return 0;
}
