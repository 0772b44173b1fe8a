/* hash.h - digests, MACs and their texts. */
#ifndef SG_NOTIFY_HASH_H
#define SG_NOTIFY_HASH_H

#include <stdint.h>
#include <streamgauge/buf.h>

void sg__sha256(struct sg_str s, uint8_t ret[32]);
void sg__hmac_sha256(struct sg_str key, struct sg_str s, uint8_t ret[32]);
/* 2n digits and a NUL. */
void sg__hex(const uint8_t *p, size_t n, char *dst);
/* base64url without padding. */
void sg__put_base64url(struct sg_buf *out, const uint8_t *p, size_t n);
/* Accepts base64url and base64, padded or not. Bytes, or -1. */
int sg__base64url_parse(struct sg_str s, uint8_t *dst, size_t max);

#endif
