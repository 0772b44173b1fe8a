/* ws_write.c - outgoing frames, masking, close codes. */
#include "utf8.h"
#include <streamgauge/ws.h>

typedef uint8_t block __attribute__((vector_size(16)));

#define MAX_REASON 123

void sg_ws_unmask(char *p, size_t n, uint8_t mask[4])
{
    uint8_t pattern[16];
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = mask[i & 3];
    size_t i = 0;
    block m;
    memcpy(&m, pattern, sizeof(m));
    for (; n - i >= 64; i += 64) {
        block b[4];
        memcpy(b, p + i, sizeof(b));
        b[0] ^= m;
        b[1] ^= m;
        b[2] ^= m;
        b[3] ^= m;
        memcpy(p + i, b, sizeof(b));
    }
    for (; n - i >= 8; i += 8) {
        uint64_t v, m8;
        memcpy(&v, p + i, 8);
        memcpy(&m8, pattern, 8);
        v ^= m8;
        memcpy(p + i, &v, 8);
    }
    /* i is a multiple of 4 here, so pattern still fits. */
    for (size_t k = 0; i < n; i++, k++)
        p[i] = (char)((uint8_t)p[i] ^ pattern[k]);
    memcpy(mask, pattern + (n & 3), 4);
}

bool sg_ws_close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

size_t sg_ws_frame_header(char *dst, enum sg_ws_opcode opcode, bool fin, bool rsv1, uint64_t len)
{
    uint8_t *h = (uint8_t *)dst;
    h[0] = (uint8_t)((fin ? 0x80u : 0) | (rsv1 ? 0x40u : 0) | (unsigned)opcode);
    size_t bytes = 0; /* of extended length */
    if (len < 126)
        h[1] = (uint8_t)len;
    else if (len < 65536)
        h[1] = 126, bytes = 2;
    else
        h[1] = 127, bytes = 8;
    for (size_t i = 0; i < bytes; i++)
        h[2 + i] = (uint8_t)(len >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

int sg_ws_write_frame(struct sg_buf *out, enum sg_ws_opcode opcode, bool rsv1,
                      struct sg_str payload)
{
    char header[14];
    size_t n = sg_ws_frame_header(header, opcode, true, rsv1, payload.n);
    if (sg_buf_reserve(out, n + payload.n) < 0)
        return SG_ELIMIT;
    (void)sg_buf_append(out, header, n);
    return sg_buf_put_str(out, payload);
}

int sg_ws_write_masked(struct sg_buf *out, enum sg_ws_opcode opcode, const uint8_t key[4],
                       struct sg_str payload)
{
    char header[14];
    uint8_t mask[4];
    size_t n = sg_ws_frame_header(header, opcode, true, false, payload.n);
    header[1] = (char)((uint8_t)header[1] | 0x80);
    memcpy(header + n, key, 4);
    memcpy(mask, key, 4);
    if (sg_buf_reserve(out, n + 4 + payload.n) < 0)
        return SG_ELIMIT;
    (void)sg_buf_append(out, header, n + 4);
    (void)sg_buf_put_str(out, payload);
    sg_ws_unmask(out->data + out->len - payload.n, payload.n, mask);
    return 0;
}

/* The longest prefix of at most MAX_REASON bytes that is whole UTF-8 characters. */
static size_t reason_len(struct sg_str s)
{
    return sg_utf8_valid_prefix(s.p, s.n < MAX_REASON ? s.n : MAX_REASON);
}

size_t sg_ws_close_frame(char *dst, uint16_t code, struct sg_str reason)
{
    if (code == 0 || code == 1005)
        return sg_ws_frame_header(dst, SG_WS_OP_CLOSE, true, false, 0);
    size_t len = reason_len(reason);
    size_t n = sg_ws_frame_header(dst, SG_WS_OP_CLOSE, true, false, len + 2);
    dst[n++] = (char)(code >> 8);
    dst[n++] = (char)(code & 0xff);
    memcpy(dst + n, reason.p, len);
    return n + len;
}

size_t sg_ws_close_reply(char *dst, const struct sg_ws_event *ev)
{
    return sg_ws_close_frame(dst, ev->code, ev->type == SG_WS_ERROR ? ev->data : SG_STR(""));
}
