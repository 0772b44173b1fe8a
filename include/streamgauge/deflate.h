/* deflate.h - permessage-deflate (RFC 7692): negotiation, outgoing compression, bounded incoming
 * inflate.
 *
 * Outgoing messages never use context takeover, so that one compressed payload serves every
 * receiver whose agreed window is at least that of the deflater. Incoming messages are inflated as
 * they arrive, under a size and a ratio cap that are checked before memory grows. One user at a
 * time per object; objects share nothing.
 */
#ifndef STREAMGAUGE_DEFLATE_H
#define STREAMGAUGE_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/compiler.h>
#include <streamgauge/http1.h>
#include <streamgauge/str.h>

struct z_stream_s;

/* What the server wants. {0} is valid: windows of 15 bits, client context takeover refused. */
struct sg_deflate_config {
    uint8_t server_bits;     /* window we compress with, 9..15; 0 = 15 */
    uint8_t min_server_bits; /* offers that demand a smaller window are declined, 9..15; 0 = 9 */
    uint8_t client_bits;     /* window we ask of clients that let us, 9..15; 0 = 15 (do not ask) */
    bool allow_client_takeover; /* false: always answer client_no_context_takeover */
};

/* What was agreed. */
struct sg_deflate_params {
    bool agreed;
    bool server_no_takeover; /* always true when agreed */
    bool client_no_takeover;
    bool answer_server_bits; /* the response names the parameter */
    bool answer_client_bits;
    uint8_t server_bits; /* 9..15: largest window our frames may use */
    uint8_t client_bits; /* 8..15: largest window the client uses */
};

/* Goes over the offers in all Sec-WebSocket-Extensions lines, in order, and accepts the first
 * acceptable one. config NULL: accept none, check the grammar only. Returns 0 (ret->agreed tells),
 * or SG_ESYNTAX when the header breaks the grammar of RFC 6455 9.1 (the handshake then fails with
 * 400). */
SG_API SG_NODISCARD int sg_deflate_negotiate(const struct sg_http1_headers *h,
                                             const struct sg_deflate_config *config,
                                             struct sg_deflate_params *ret);
/* As above for one header value. */
SG_API SG_NODISCARD int sg_deflate_negotiate_value(struct sg_str value,
                                                   const struct sg_deflate_config *config,
                                                   struct sg_deflate_params *ret);
/* The value of the response header; dst has 160 bytes, NUL-terminated. Returns the length, 0 when
 * nothing was agreed. */
SG_API size_t sg_deflate_answer(const struct sg_deflate_params *params, char *dst);

/* --- outgoing --- */

struct sg_deflater {
    struct z_stream_s *z; /* NULL until first use */
    uint8_t bits;
    int8_t level;
};

/* bits 9..15; level 1..9, -1 = zlib's default. Allocates nothing yet. */
SG_API void sg_deflater_init(struct sg_deflater *d, unsigned bits, int level);
SG_API void sg_deflater_deinit(struct sg_deflater *d);
/* Appends the message's compressed payload (for frames with RSV1) to out. Returns 0, or SG_ELIMIT
 * when out is full (out is then as before and not failed). ~256 KB stay allocated in d. */
SG_API SG_NODISCARD int sg_deflate_compress(struct sg_deflater *d, const void *p, size_t n,
                                            struct sg_buf *out);

/* --- incoming --- */

/* Output of a message beyond this many bytes must stay below the ratio cap. The message limit
 * bounds memory already; runs of one character, which compress a thousandfold, are honest messages
 * up to here. */
#define SG_DEFLATE_RATIO_FREE (1u << 20)

struct sg_inflater {
    struct z_stream_s *z; /* NULL between messages without context takeover */
    uint64_t in_bytes;    /* compressed bytes of this message */
    uint8_t bits;
    bool takeover;
    bool ended;         /* a block with BFINAL was seen: what follows starts anew */
    uint32_t max_ratio; /* output : input; 0 = 200 */
};

SG_API void sg_inflater_init(struct sg_inflater *s, const struct sg_deflate_params *params,
                             uint32_t max_ratio);
SG_API void sg_inflater_deinit(struct sg_inflater *s);
/* Appends what n bytes of a message's payload inflate to. out->len never passes max_bytes and grows
 * in steps only as data comes out. Returns 0, SG_ESYNTAX (close 1007), SG_ELIMIT (close 1009),
 * SG_ENOMEM. */
SG_API SG_NODISCARD int sg_inflater_feed(struct sg_inflater *s, const char *p, size_t n,
                                         struct sg_buf *out, size_t max_bytes);
/* End of the message: feeds the 00 00 ff ff tail and gets the stream ready for the next message.
 * Same errors. */
SG_API SG_NODISCARD int sg_inflater_finish(struct sg_inflater *s, struct sg_buf *out,
                                           size_t max_bytes);

#endif
