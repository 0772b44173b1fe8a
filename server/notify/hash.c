/* hash.c - digests and MACs. */
#include "notify/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

void sg__sha256(struct sg_str s, uint8_t ret[32])
{
    SG_ASSERT(EVP_Digest(s.p, s.n, ret, NULL, EVP_sha256(), NULL) == 1);
}

void sg__hmac_sha256(struct sg_str key, struct sg_str s, uint8_t ret[32])
{
    unsigned n = 32;
    SG_ASSERT(HMAC(EVP_sha256(), key.p, (int)key.n, (const uint8_t *)s.p, s.n, ret, &n) != NULL);
}
