/* test_webpush.c - RFC 8291 and RFC 8292. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/base64.h>
#include <streamgauge/matcher.h>

#include "notify/hash.h"
#include "notify/webpush.h"

/* RFC 8291, appendix A. */
#define PLAIN "When I grow up, I want to be a watermelon"
#define AS_PUBLIC                                                                                  \
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
#define AS_PRIVATE "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
#define UA_PUBLIC                                                                                  \
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define UA_PRIVATE "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
#define SALT "DGv6ra1nlYgDCS1FRnbzlw"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define MESSAGE                                                                                    \
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS" \
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu" \
    "lcy4a-fN"

static void decode(const char *text, uint8_t *dst, size_t n)
{
    assert_int_equal(sg_base64_parse(sg_str_from(text), dst, n), (int)n);
}

static void example_keys(struct sg__push_keys *k)
{
    decode(UA_PUBLIC, k->p256dh, 65);
    decode(AUTH, k->auth, 16);
}

/* ---- what a browser does ---- */

static EVP_PKEY *pkey(const uint8_t *private_key, const uint8_t *public_key)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *d = private_key ? BN_bin2bn(private_key, 32, NULL) : NULL;
    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, public_key, 65);
    if (d)
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(
        EVP_PKEY_fromdata(ctx, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(d);
    return key;
}

/* HKDF of RFC 5869 by hand: one block is enough. */
static void hkdf(const uint8_t *salt, const uint8_t *ikm, struct sg_str info, uint8_t *dst,
                 size_t n)
{
    uint8_t prk[32], block[256], okm[32];
    sg__hmac_sha256((struct sg_str){(const char *)salt, 16}, (struct sg_str){(const char *)ikm, 32},
                    prk);
    memcpy(block, info.p, info.n);
    block[info.n] = 1;
    sg__hmac_sha256((struct sg_str){(const char *)prk, 32},
                    (struct sg_str){(const char *)block, info.n + 1}, okm);
    memcpy(dst, okm, n);
}

/* Returns the length of the plaintext in dst, or -1 when the tag is wrong. */
static int decrypt(const uint8_t *message, size_t n, const uint8_t *ua_private,
                   const struct sg__push_keys *keys, uint8_t *dst)
{
    uint8_t shared[32], ikm[32], key[16], nonce[12], info[144];
    const uint8_t *salt = message, *as_public = message + 21, *cipher = message + 86;
    size_t shared_n = 32, cipher_n = n - 86 - 16;
    int len = 0, rest = 0;
    assert_int_equal(message[20], 65);
    EVP_PKEY *own = pkey(ua_private, keys->p256dh), *peer = pkey(NULL, as_public);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, shared, &shared_n), 1);
    memcpy(info, "WebPush: info", 14);
    memcpy(info + 14, keys->p256dh, 65);
    memcpy(info + 79, as_public, 65);
    hkdf(keys->auth, shared, (struct sg_str){(const char *)info, 144}, ikm, 32);
    hkdf(salt, ikm, (struct sg_str){"Content-Encoding: aes128gcm", 28}, key, 16);
    hkdf(salt, ikm, (struct sg_str){"Content-Encoding: nonce", 24}, nonce, 12);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_DecryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, nonce), 1);
    assert_int_equal(EVP_DecryptUpdate(c, dst, &len, cipher, (int)cipher_n), 1);
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, (void *)(uintptr_t)(cipher + cipher_n));
    bool ok = EVP_DecryptFinal_ex(c, dst + len, &rest) == 1;
    EVP_CIPHER_CTX_free(c);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    if (!ok)
        return -1;
    while (len > 0 && dst[len - 1] == 0)
        len--;
    assert_int_equal(dst[len - 1], 2); /* delimiter of the last record */
    return len - 1;
}

/* ---- tests ---- */

static void test_encrypt__gives_the_example_of_the_rfc(void **state)
{
    (void)state;
    struct sg__push_keys keys;
    struct sg__push_secrets secrets;
    struct sg_buf out, text;
    example_keys(&keys);
    decode(SALT, secrets.salt, 16);
    decode(AS_PRIVATE, secrets.private_key, 32);
    decode(AS_PUBLIC, secrets.public_key, 65);
    sg_buf_init(&out, 8192);
    sg_buf_init(&text, 8192);
    assert_int_equal(sg__push_encrypt(SG_STR(PLAIN), &keys, &secrets, &out, NULL), 0);
    sg_base64url_put(&text, out.data, out.len);
    assert_string_equal(sg_buf_cstr(&text), MESSAGE);
    sg_buf_deinit(&out);
    sg_buf_deinit(&text);
}

static void test_encrypt__is_read_by_the_browser(void **state)
{
    (void)state;
    struct sg__push_keys keys;
    uint8_t ua_private[32], plain[4096];
    struct sg_buf out, text;
    example_keys(&keys);
    decode(UA_PRIVATE, ua_private, 32);
    sg_buf_init(&out, 8192);
    sg_buf_init(&text, 8192);
    for (size_t n = 0; n <= SG__PUSH_MAX_PLAIN; n += n < 40 ? 1 : 193) {
        struct sg__push_secrets secrets;
        assert_int_equal(sg__push_secrets_new(&secrets, NULL), 0);
        sg_buf_reset(&out);
        sg_buf_reset(&text);
        for (size_t i = 0; i < n; i++)
            sg_buf_putc(&text, (char)(i * 7 + n));
        assert_int_equal(sg__push_encrypt(sg_buf_str(&text), &keys, &secrets, &out, NULL), 0);
        assert_int_equal(out.len, 86 + n + 17);
        assert_int_equal(decrypt((const uint8_t *)out.data, out.len, ua_private, &keys, plain),
                         (int)n);
        if (n)
            assert_memory_equal(plain, text.data, n);
        out.data[out.len - 1] ^= 1;
        assert_int_equal(decrypt((const uint8_t *)out.data, out.len, ua_private, &keys, plain), -1);
    }
    sg_buf_deinit(&out);
    sg_buf_deinit(&text);
}

static void test_encrypt__fills_4096_bytes_at_most(void **state)
{
    (void)state;
    struct sg__push_keys keys;
    struct sg__push_secrets secrets;
    struct sg_buf out;
    static char text[SG__PUSH_MAX_PLAIN + 1];
    example_keys(&keys);
    assert_int_equal(sg__push_secrets_new(&secrets, NULL), 0);
    sg_buf_init(&out, 8192);
    assert_int_equal(
        sg__push_encrypt((struct sg_str){text, SG__PUSH_MAX_PLAIN}, &keys, &secrets, &out, NULL),
        0);
    assert_int_equal(out.len, 4096);
    assert_int_equal(sg__push_encrypt((struct sg_str){text, SG__PUSH_MAX_PLAIN + 1}, &keys,
                                      &secrets, &out, NULL),
                     SG_ELIMIT);
    sg_buf_deinit(&out);
}

static void test_encrypt__refuses_what_is_no_point(void **state)
{
    (void)state;
    struct sg__push_keys keys;
    struct sg__push_secrets secrets;
    struct sg_error err = {0};
    struct sg_buf out;
    example_keys(&keys);
    keys.p256dh[40] ^= 1;
    assert_int_equal(sg__push_secrets_new(&secrets, NULL), 0);
    sg_buf_init(&out, 8192);
    assert_int_equal(sg__push_encrypt(SG_STR("x"), &keys, &secrets, &out, &err), SG_ENOTFOUND);
    assert_non_null(strstr(err.text, "p256dh"));
    sg_buf_deinit(&out);
}

static void test_secrets__differ_each_time(void **state)
{
    (void)state;
    struct sg__push_secrets a, b;
    assert_int_equal(sg__push_secrets_new(&a, NULL), 0);
    assert_int_equal(sg__push_secrets_new(&b, NULL), 0);
    assert_memory_not_equal(a.salt, b.salt, 16);
    assert_memory_not_equal(a.private_key, b.private_key, 32);
}

/* Verifies "a.b.sig" of ES256. */
static bool verifies(const char *token, const uint8_t *public_key)
{
    uint8_t raw[64], *der = NULL;
    const char *dot = strrchr(token, '.');
    if (sg_base64_parse(sg_str_from(dot + 1), raw, 64) != 64)
        return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    int n = i2d_ECDSA_SIG(sig, &der);
    EVP_PKEY *key = pkey(NULL, public_key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key);
    bool ok =
        EVP_DigestVerify(ctx, der, (size_t)n, (const uint8_t *)token, (size_t)(dot - token)) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    ECDSA_SIG_free(sig);
    OPENSSL_free(der);
    return ok;
}

static void test_vapid__is_signed_by_the_key_it_names(void **state)
{
    (void)state;
    struct sg_vapid keys, other;
    struct sg_buf out;
    char token[2048] = "", key[256] = "";
    uint8_t public_key[65], claims[512] = {0}, wrong[65];
    assert_int_equal(sg_vapid_new(&keys, NULL), 0);
    assert_int_equal(sg_vapid_new(&other, NULL), 0);
    sg_buf_init(&out, 8192);
    assert_int_equal(sg__vapid_header(&keys, SG_STR("https://push.example"), 1795316645,
                                      "mailto:ops@example.org", &out, NULL),
                     0);
    assert_int_equal(sscanf(sg_buf_cstr(&out), "vapid t=%2047[^,], k=%255s", token, key), 2);
    assert_string_equal(key, keys.public_key);
    decode(key, public_key, 65);
    decode(other.public_key, wrong, 65);
    assert_true(verifies(token, public_key));
    assert_false(verifies(token, wrong));
    const char *first = strchr(token, '.') + 1;
    struct sg_str middle = {first, (size_t)(strrchr(token, '.') - first)};
    assert_true(sg_base64_parse(middle, claims, sizeof(claims) - 1) > 0);
    assert_string_equal((char *)claims, "{\"aud\":\"https://push.example\",\"exp\":1795316645,"
                                        "\"sub\":\"mailto:ops@example.org\"}");
    sg_buf_deinit(&out);
}

static void test_vapid__needs_keys(void **state)
{
    (void)state;
    struct sg_vapid none = {"", ""};
    struct sg_buf out;
    sg_buf_init(&out, 8192);
    assert_int_equal(sg__vapid_header(&none, SG_STR("https://x"), 1, "mailto:a@b", &out, NULL),
                     SG_EINVALID);
    sg_buf_deinit(&out);
}

/* ---- filters ---- */

static bool wanted(const char *matcher, const char *team)
{
    char body[1024];
    struct sg__note note;
    json_t *filter = json_pack("{s:[s]}", "matchers", matcher);
    snprintf(
        body, sizeof(body),
        "{\"status\":\"firing\",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"A\","
        "\"team\":\"%s\"},\"annotations\":{}}]}",
        team);
    assert_int_equal(sg__note_read(sg_str_from(body), &note, NULL), 0);
    bool yes = sg__push_wanted(filter, &note);
    sg__note_deinit(&note);
    json_decref(filter);
    return yes;
}

static void test_push_wanted__matchers_choose(void **state)
{
    (void)state;
    assert_true(wanted("team=~\"a|b.*\"", "bc"));
    assert_false(wanted("team=~\"a|b.*\"", "c"));
    assert_false(wanted("team!=\"c\"", "c"));
}

/* Better one too many than one too few. */
static void test_push_wanted__a_regex_that_costs_too_much_lets_pass(void **state)
{
    char team[401];
    (void)state;
    memset(team, 'a', 400);
    team[400] = 0;
    assert_false(wanted("team=~\"(a|aa|aaa)*(b|c)\"", team));
    sg_regex_set_budget(1000);
    assert_true(wanted("team=~\"(a|aa|aaa)*(b|c)\"", team));
    assert_true(wanted("team!~\"(a|aa|aaa)*b|a*\"", team));
    sg_regex_set_budget(UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encrypt__gives_the_example_of_the_rfc),
        cmocka_unit_test(test_push_wanted__matchers_choose),
        cmocka_unit_test(test_push_wanted__a_regex_that_costs_too_much_lets_pass),
        cmocka_unit_test(test_encrypt__is_read_by_the_browser),
        cmocka_unit_test(test_encrypt__fills_4096_bytes_at_most),
        cmocka_unit_test(test_encrypt__refuses_what_is_no_point),
        cmocka_unit_test(test_secrets__differ_each_time),
        cmocka_unit_test(test_vapid__is_signed_by_the_key_it_names),
        cmocka_unit_test(test_vapid__needs_keys),
    };
    return cmocka_run_group_tests_name("notify/webpush", tests, NULL, NULL);
}
