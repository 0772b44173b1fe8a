/* auth.h - who may do what: static bearer tokens, the loopback default, origins and hosts.
 * Any thread; only tokens change after init, as a whole. */
#ifndef SG_NET_AUTH_H
#define SG_NET_AUTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/http1.h>
#include <streamgauge/net.h>

#define SG__TOKEN_MAX 512 /* bytes of a presented token; longer ones are wrong */

struct sg__token {
    char *name;
    uint8_t hash[32];
    unsigned rights, number; /* number: the same after a reload that keeps name and hash */
};

/* Replaced ones stay until the end: somebody may be reading, and sessions are known by numbers. */
struct sg__tokens {
    struct sg__tokens *older;
    unsigned last_number;
    size_t n;
    struct sg__token token[];
};

struct sg__auth {
    _Atomic(struct sg__tokens *) tokens;
    bool anonymous;
    const char *const *origins; /* borrowed */
    size_t origin_count;
    bool any_origin, require_origin;
};

int sg__auth_init(struct sg__auth *a, const struct sg_net_config *cfg, struct sg_error *reterr);
void sg__auth_deinit(struct sg__auth *a);
/* Replaces all tokens, or none. One thread at a time. */
int sg__auth_set_tokens(struct sg__auth *a, const struct sg_net_token *tokens, size_t n,
                        struct sg_error *reterr);
/* Whether there are tokens at all. */
bool sg__auth_guarded(const struct sg__auth *a);

/* Rights of a presented token. False when it is unknown. Compares with every token, in constant
 * time each. */
bool sg__auth_token(const struct sg__auth *a, struct sg_str token, unsigned *ret_rights);
/* What rights given earlier are worth now; false: they came from a token that is gone, or from
 * there being none. Who waits for his token has no rights, and goes on to. */
bool sg__auth_again(const struct sg__auth *a, unsigned rights, unsigned *ret_rights);
/* Name of the token that gave these rights; empty: none did. */
struct sg_str sg__auth_name(const struct sg__auth *a, unsigned rights);
/* Rights of someone without a token. */
unsigned sg__auth_default(const struct sg__auth *a, bool from_loopback);

enum sg__credential { SG__CRED_NONE, SG__CRED_OK, SG__CRED_BAD };
/* Looks at Authorization (Bearer), then at the cookie "streamgauge_token". */
enum sg__credential sg__auth_request(const struct sg__auth *a, const struct sg_http1_headers *h,
                                     unsigned *ret_rights);

/* Same as the host the request was for, or listed by name. */
bool sg__origin_known(const struct sg__auth *a, struct sg_str origin, struct sg_str authority,
                      bool tls);
/* Known, or "*" is listed. An absent Origin is allowed unless `require`. */
bool sg__origin_allowed(const struct sg__auth *a, struct sg_str origin, struct sg_str authority,
                        bool tls, bool require);
/* A name in Host that a foreign page could have made point here (DNS rebinding): everything but
 * localhost, numeric addresses, and the hosts of allowed origins. Matters only where being on
 * loopback is the credential. */
bool sg__host_trusted(const struct sg__auth *a, struct sg_str authority);

#endif
