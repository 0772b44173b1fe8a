/* webpush.c - message encryption and VAPID with OpenSSL. */
#include "notify/webpush.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <streamgauge/base64.h>
#include <streamgauge/rand.h>

#define RECORD_SIZE 4096u

static int failed(struct sg_error *reterr, const char *what)
{
    return sg_error_set(reterr, SG_EINVALID, "web push: %s failed", what);
}

/* ---- keys ---- */

/* A key of P-256 from its parts; private_key may be NULL. NULL: they do not make one. */
static EVP_PKEY *key_from(const uint8_t *private_key, const uint8_t public_key[65])
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BIGNUM *number = private_key ? BN_bin2bn(private_key, 32, NULL) : NULL;
    OSSL_PARAM *params = NULL;
    bool ok = build && ctx &&
              OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
              OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, public_key, 65) &&
              (!private_key ||
               (number && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number)));
    if (ok)
        params = OSSL_PARAM_BLD_to_param(build);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, private_key ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(number);
    return key;
}

static int new_pair(uint8_t private_key[32], uint8_t public_key[65], struct sg_error *reterr)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIGNUM *number = NULL;
    size_t n = 0;
    bool ok = key &&
              EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, public_key, 65, &n) &&
              n == 65 && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) &&
              BN_bn2binpad(number, private_key, 32) == 32;
    BN_clear_free(number);
    EVP_PKEY_free(key);
    return ok ? 0 : failed(reterr, "making a key");
}

int sg__push_secrets_new(struct sg__push_secrets *ret, struct sg_error *reterr)
{
    sg_rand_bytes(ret->salt, sizeof(ret->salt));
    return new_pair(ret->private_key, ret->public_key, reterr);
}

int sg_vapid_new(struct sg_vapid *ret, struct sg_error *reterr)
{
    uint8_t private_key[32], public_key[65];
    int rc = new_pair(private_key, public_key, reterr);
    if (rc < 0)
        return rc;
    struct sg_buf text;
    memset(ret, 0, sizeof(*ret));
    sg_buf_init(&text, 256);
    sg_base64url_put(&text, private_key, sizeof(private_key));
    memcpy(ret->private_key, text.data, text.len);
    sg_buf_reset(&text);
    sg_base64url_put(&text, public_key, sizeof(public_key));
    memcpy(ret->public_key, text.data, text.len);
    OPENSSL_cleanse(private_key, sizeof(private_key));
    sg_buf_deinit(&text);
    return 0;
}

/* ---- RFC 8291 ---- */

/* HKDF-SHA-256, extract and expand. */
static bool hkdf(const uint8_t salt[16], struct sg_str secret, struct sg_str info, uint8_t *dst,
                 size_t n)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1 &&
              EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt, 16) == 1 &&
              EVP_PKEY_CTX_set1_hkdf_key(ctx, (const uint8_t *)secret.p, (int)secret.n) == 1 &&
              EVP_PKEY_CTX_add1_hkdf_info(ctx, (const uint8_t *)info.p, (int)info.n) == 1 &&
              EVP_PKEY_derive(ctx, dst, &n) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int ecdh(const struct sg__push_keys *keys, const struct sg__push_secrets *s, uint8_t ret[32],
                struct sg_error *reterr)
{
    EVP_PKEY *own = key_from(s->private_key, s->public_key), *peer = key_from(NULL, keys->p256dh);
    EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t n = 32;
    int rc = 0;
    if (!peer)
        rc = sg_error_set(reterr, SG_ENOTFOUND, "web push: p256dh is no point of P-256");
    else if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
             EVP_PKEY_derive(ctx, ret, &n) != 1 || n != 32)
        rc = failed(reterr, "key agreement");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    return rc;
}

struct content_keys {
    uint8_t key[16], nonce[12];
};

/* Section 3.4: the shared secret and `auth` give the content key and the nonce. */
static int derive(const struct sg__push_keys *keys, const struct sg__push_secrets *s,
                  struct content_keys *ret, struct sg_error *reterr)
{
    uint8_t shared[32], ikm[32], info[14 + 65 + 65];
    int rc = ecdh(keys, s, shared, reterr);
    if (rc < 0)
        return rc;
    memcpy(info, "WebPush: info", 14); /* with its NUL */
    memcpy(info + 14, keys->p256dh, 65);
    memcpy(info + 14 + 65, s->public_key, 65);
    struct sg_str secret = {(const char *)shared, sizeof(shared)};
    struct sg_str material = {(const char *)ikm, sizeof(ikm)};
    bool ok = hkdf(keys->auth, secret, (struct sg_str){(const char *)info, sizeof(info)}, ikm,
                   sizeof(ikm)) &&
              hkdf(s->salt, material, (struct sg_str){"Content-Encoding: aes128gcm", 28}, ret->key,
                   sizeof(ret->key)) &&
              hkdf(s->salt, material, (struct sg_str){"Content-Encoding: nonce", 24}, ret->nonce,
                   sizeof(ret->nonce));
    OPENSSL_cleanse(shared, sizeof(shared));
    OPENSSL_cleanse(ikm, sizeof(ikm));
    return ok ? 0 : failed(reterr, "key derivation");
}

static bool seal(const struct content_keys *keys, struct sg_str plain, uint8_t *dst)
{
    static const uint8_t last_record = 2;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, more = 0, end = 0;
    bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, keys->key, keys->nonce) &&
              EVP_EncryptUpdate(ctx, dst, &n, (const uint8_t *)plain.p, (int)plain.n) &&
              EVP_EncryptUpdate(ctx, dst + n, &more, &last_record, 1) &&
              EVP_EncryptFinal_ex(ctx, dst + n + more, &end) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, dst + n + more + end);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

int sg__push_encrypt(struct sg_str plain, const struct sg__push_keys *keys,
                     const struct sg__push_secrets *secrets, struct sg_buf *out,
                     struct sg_error *reterr)
{
    static const uint8_t sizes[5] = {RECORD_SIZE >> 24, RECORD_SIZE >> 16 & 0xff,
                                     RECORD_SIZE >> 8 & 0xff, RECORD_SIZE & 0xff, 65};
    struct content_keys content;
    if (plain.n > SG__PUSH_MAX_PLAIN)
        return sg_error_set(reterr, SG_ELIMIT, "web push: %zu bytes are more than %d", plain.n,
                            SG__PUSH_MAX_PLAIN);
    int rc = derive(keys, secrets, &content, reterr);
    if (rc < 0)
        return rc;
    sg_buf_append(out, secrets->salt, sizeof(secrets->salt));
    sg_buf_append(out, sizes, sizeof(sizes));
    sg_buf_append(out, secrets->public_key, sizeof(secrets->public_key));
    if (sg_buf_reserve(out, plain.n + 17) < 0 ||
        !seal(&content, plain, (uint8_t *)out->data + out->len))
        rc = failed(reterr, "encryption");
    else
        out->len += plain.n + 17;
    OPENSSL_cleanse(&content, sizeof(content));
    return rc;
}

/* ---- RFC 8292 ---- */

/* r and s of an ECDSA signature with SHA-256, 32 bytes each, as JWS wants them. */
static bool sign_es256(EVP_PKEY *key, struct sg_str text, uint8_t ret[64])
{
    uint8_t der[80];
    size_t n = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(ctx, der, &n, (const uint8_t *)text.p, text.n) == 1;
    const uint8_t *at = der;
    ECDSA_SIG *sig = ok ? d2i_ECDSA_SIG(NULL, &at, (long)n) : NULL;
    ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + 32, 32) == 32;
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    return ok;
}

int sg__vapid_header(const struct sg_vapid *keys, struct sg_str audience, int64_t expires_s,
                     const char *subject, struct sg_buf *out, struct sg_error *reterr)
{
    static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";
    uint8_t private_key[32], public_key[65], signature[64];
    struct sg_buf claims, token;
    if (sg_base64_parse(sg_str_from(keys->private_key), private_key, 32) != 32 ||
        sg_base64_parse(sg_str_from(keys->public_key), public_key, 65) != 65)
        return sg_error_set(reterr, SG_EINVALID, "web push: there are no VAPID keys");
    sg_buf_init(&claims, 8192);
    sg_buf_init(&token, 16384);
    sg_buf_puts(&claims, "{\"aud\":");
    sg_buf_put_json_str(&claims, audience);
    sg_buf_printf(&claims, ",\"exp\":%lld,\"sub\":", (long long)expires_s);
    sg_buf_put_json_str(&claims, sg_str_from(subject));
    sg_buf_putc(&claims, '}');
    sg_base64url_put(&token, head, sizeof(head) - 1);
    sg_buf_putc(&token, '.');
    sg_base64url_put(&token, claims.data, claims.len);
    EVP_PKEY *key = key_from(private_key, public_key);
    int rc = key && sign_es256(key, sg_buf_str(&token), signature) ? 0 : failed(reterr, "signing");
    if (rc == 0) {
        sg_buf_putc(&token, '.');
        sg_base64url_put(&token, signature, sizeof(signature));
        sg_buf_printf(out, "vapid t=%s, k=%s", sg_buf_cstr(&token), keys->public_key);
    }
    OPENSSL_cleanse(private_key, sizeof(private_key));
    EVP_PKEY_free(key);
    sg_buf_deinit(&claims);
    sg_buf_deinit(&token);
    return rc;
}
