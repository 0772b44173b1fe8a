/* tls.c - reading and checking certificates, and the contexts that serve. */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* pem: what is wrong may be that the file is of another kind. */
static int fail(struct sg_error *reterr, const char *what, const char *file, bool pem)
{
    unsigned long e = ERR_peek_error(); /* the first is the cause */
    const char *text = !e                    ? NULL
                       : ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e))
                                             : ERR_reason_error_string(e);
    sg_error_set(reterr, SG_EINVALID, "%s '%s': %s%s", what, file, text ? text : "not acceptable",
                 pem && !ERR_SYSTEM_ERROR(e) ? ", expected PEM" : "");
    ERR_clear_error();
    return SG_EINVALID;
}

int64_t sg__tls_expires_in_s(SSL_CTX *ctx)
{
    X509 *cert = SSL_CTX_get0_certificate(ctx);
    int days = 0, seconds = 0;
    if (!cert || !ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
        return -1;
    return (int64_t)days * 86400 + seconds;
}

/* A pipe can be read once: opening it again would wait for ever. */
static bool is_file(const char *path, struct sg_error *reterr)
{
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return true; /* what is not there is told when it is opened */
    sg_error_set(reterr, SG_EIO, "cannot read '%s' again: not a file", path);
    return false;
}

SSL_CTX *sg__tls_load(const char *cert, const char *key, bool again, struct sg_error *reterr)
{
    if (again && (!is_file(cert, reterr) || !is_file(key, reterr)))
        return NULL;
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx) {
        fail(reterr, "cannot make a TLS context for", cert, false);
        return NULL;
    }
    int rc = 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        rc = fail(reterr, "cannot read the certificate", cert, true);
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        rc = fail(reterr, "cannot read the private key", key, true);
    else if (SSL_CTX_check_private_key(ctx) != 1)
        rc = fail(reterr, "the private key does not belong to the certificate", cert, false);
    else if (again && sg__tls_expires_in_s(ctx) <= 0)
        rc = sg_error_set(reterr, SG_EINVALID, "the certificate '%s' has expired", cert);
    if (rc == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

int sg__tls_install(SSL_CTX *to, SSL_CTX *from)
{
    STACK_OF(X509) *chain = NULL;
    if (!SSL_CTX_get0_chain_certs(from, &chain))
        chain = NULL;
    if (SSL_CTX_use_cert_and_key(to, SSL_CTX_get0_certificate(from), SSL_CTX_get0_privatekey(from),
                                 chain, 1) == 1)
        return 0;
    ERR_clear_error();
    return SG_EINVALID;
}

void sg__tls_harden(SSL_CTX *ctx, const unsigned char keys[SG__TICKET_KEYS])
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_SSLv3 |
                                 SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 1);
    unsigned char copy[SG__TICKET_KEYS]; /* the macro wants it writable */
    for (int i = 0; i < SG__TICKET_KEYS; i++)
        copy[i] = keys[i];
    SSL_CTX_set_tlsext_ticket_keys(ctx, copy, sizeof(copy));
    ERR_clear_error();
}
