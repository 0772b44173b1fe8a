/* tls.h - certificates: checked in a scratch SSL_CTX first, then put into the contexts that serve.
 */
#ifndef SG_NET_TLS_H
#define SG_NET_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/error.h>

/* Session ticket keys shared by all edges, so that a ticket of one resumes at another. */
#define SG__TICKET_KEYS 80

/* Loads a PEM pair. Returns a new SSL_CTX that holds it (SSL_CTX_free), or NULL: unreadable, not
 * PEM, key and certificate do not fit; again: or expired, or no files. */
SSL_CTX *sg__tls_load(const char *cert, const char *key, bool again, struct sg_error *reterr);
/* Puts the pair of `from` into a serving context. On the context's own thread. */
int sg__tls_install(SSL_CTX *to, SSL_CTX *from);
/* TLS 1.2 and later, no renegotiation, server's choice of nothing old, tickets by these keys. */
void sg__tls_harden(SSL_CTX *ctx, const unsigned char keys[SG__TICKET_KEYS]);
/* Seconds until the certificate expires, negative when it has. */
int64_t sg__tls_expires_in_s(SSL_CTX *ctx);

#endif
