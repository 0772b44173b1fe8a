/* hash.h - digests and MACs. */
#ifndef SG_NOTIFY_HASH_H
#define SG_NOTIFY_HASH_H

#include <stdint.h>
#include <streamgauge/str.h>

void sg__sha256(struct sg_str s, uint8_t ret[32]);
void sg__hmac_sha256(struct sg_str key, struct sg_str s, uint8_t ret[32]);

#endif
