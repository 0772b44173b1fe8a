/* hash.c - XXH3 keyed with a random secret of this process. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <streamgauge/hash.h>
#include <streamgauge/rand.h>

/* A random secret instead of a seed: more entropy, and long inputs need no secret derived per call.
 */
static unsigned char secret[XXH3_SECRET_DEFAULT_SIZE];

__attribute__((constructor(110))) static void init_secret(void)
{
    sg_rand_bytes(secret, sizeof(secret));
}

uint64_t sg_hash64(const void *p, size_t n)
{
    return XXH3_64bits_withSecret(p, n, secret, sizeof(secret));
}

struct sg_hash128 sg_hash128(const void *p, size_t n)
{
    XXH128_hash_t h = XXH3_128bits_withSecret(p, n, secret, sizeof(secret));
    return (struct sg_hash128){h.low64, h.high64};
}

uint64_t sg_hash64_stable(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}
