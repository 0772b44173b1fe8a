/* webpush.h - what Web Push needs of cryptography: RFC 8291 (message encryption, on RFC 8188's
 * aes128gcm) and RFC 8292 (VAPID). Pure but for random numbers. */
#ifndef SG_NOTIFY_WEBPUSH_H
#define SG_NOTIFY_WEBPUSH_H

#include <streamgauge/notify.h>

#include "notify/note.h"

/* 4096 bytes that push services take, less the header (86), the padding's delimiter and the tag. */
#define SG__PUSH_MAX_PLAIN 3993

struct sg__push_keys { /* of a subscription */
    uint8_t p256dh[65], auth[16];
};
/* What is random, given: for the RFC's example. */
struct sg__push_secrets {
    uint8_t salt[16];
    uint8_t private_key[32], public_key[65]; /* of this one message */
};
SG_NODISCARD int sg__push_secrets_new(struct sg__push_secrets *ret, struct sg_error *reterr);
/* Appends header and ciphertext. SG_EINVALID: the subscription's key is no point of the curve;
 * SG_ELIMIT: too long. */
SG_NODISCARD int sg__push_encrypt(struct sg_str plain, const struct sg__push_keys *keys,
                                  const struct sg__push_secrets *secrets, struct sg_buf *out,
                                  struct sg_error *reterr);
/* Appends "vapid t=…, k=…". audience: origin of the endpoint; expires in s since the epoch. */
SG_NODISCARD int sg__vapid_header(const struct sg_vapid *keys, struct sg_str audience,
                                  int64_t expires_s, const char *subject, struct sg_buf *out,
                                  struct sg_error *reterr);

/* Does a subscription's filter, {"severity":["critical"],"matchers":["team=\"a\""]}, want any of
 * the alerts? Without one (NULL) it does. A filter that cannot be read lets everything through. */
bool sg__push_wanted(const json_t *filter, const struct sg__note *n);

#endif
