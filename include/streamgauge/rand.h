/* rand.h - random bytes from the kernel, and a small seeded generator for jitter and tests. */
#ifndef STREAMGAUGE_RAND_H
#define STREAMGAUGE_RAND_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/hash.h>

/* Unpredictable bytes (getrandom); aborts if the kernel has none. For tokens, session ids, epochs,
 * seeds. */
SG_API void sg_rand_bytes(void *dst, size_t n);
SG_API uint64_t sg_rand_u64(void);

/* splitmix64, for jitter and reproducible tests; not for secrets. */
struct sg_prng {
    uint64_t state;
};
static inline uint64_t sg_prng_next(struct sg_prng *g)
{
    uint64_t x = sg_hash_mix(g->state);
    g->state += SG_HASH_MIX_STEP;
    return x;
}
/* In [0, n), n > 0. */
static inline uint64_t sg_prng_below(struct sg_prng *g, uint64_t n)
{
    return sg_prng_next(g) % n;
}

#endif
