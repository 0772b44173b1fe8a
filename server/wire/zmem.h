/* zmem.h - zlib streams whose memory comes from sg_try_alloc, so that tests can make it run out. */
#ifndef SG_WIRE_ZMEM_H
#define SG_WIRE_ZMEM_H

#include <zlib.h>

/* A zeroed stream with our allocator, not yet initialised; NULL when memory is out. Free with
 * sg_free after *End. */
z_stream *sg__z_new(void);

/* Largest piece handed to zlib at once: its counters are 32 bits wide. */
#define SG__Z_PIECE (1u << 30)

static inline uInt sg__z_piece(size_t n)
{
    return n < SG__Z_PIECE ? (uInt)n : SG__Z_PIECE;
}

#endif
