/* hash.h - XXH3 with a process-wide random seed, so peers cannot choose collisions.
 *
 * The 128-bit form identifies: two inputs that give the same 128 bits are taken as equal (seeded,
 * so a peer cannot search for a collision; by chance it needs about 2^64 distinct series).
 */
#ifndef STREAMGAUGE_HASH_H
#define STREAMGAUGE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>

struct sg_hash128 {
    uint64_t lo, hi;
};

SG_API uint64_t sg_hash64(const void *p, size_t n);
SG_API struct sg_hash128 sg_hash128(const void *p, size_t n);
/* Fixed (unseeded) 64-bit hash, for sketches whose state is kept or merged between processes. */
SG_API uint64_t sg_hash64_stable(const void *p, size_t n);

/* A finaliser that spreads an integer key: the number that splitmix64 gives in the state x. */
#define SG_HASH_MIX_STEP UINT64_C(0x9e3779b97f4a7c15)
static inline uint64_t sg_hash_mix(uint64_t x)
{
    x += SG_HASH_MIX_STEP;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#endif
