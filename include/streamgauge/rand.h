/* rand.h - random bytes from the kernel, and a small seeded generator for jitter and tests. */
#ifndef STREAMGAUGE_RAND_H
#define STREAMGAUGE_RAND_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>

/* Unpredictable bytes (getrandom); aborts if the kernel has none. For tokens, session ids, epochs,
 * seeds. */
SG_API void sg_rand_bytes(void *dst, size_t n);
SG_API uint64_t sg_rand_u64(void);

/* xoshiro-like generator for jitter and reproducible tests; not for secrets. */
struct sg_prng {
    uint64_t state;
};
static inline uint64_t sg_prng_next(struct sg_prng *g)
{
    uint64_t x = (g->state += UINT64_C(0x9e3779b97f4a7c15));
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}
/* In [0, n), n > 0. */
static inline uint64_t sg_prng_below(struct sg_prng *g, uint64_t n)
{
    return sg_prng_next(g) % n;
}

#endif
