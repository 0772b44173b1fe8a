/* auth.c - tokens and their rights, origins and hosts. */
#include "auth.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <streamgauge/mem.h>
#include <string.h>

static void sha256(struct sg_str s, uint8_t ret[32])
{
    SHA256((const unsigned char *)s.p, s.n, ret);
}

void sg_net_token_hash(struct sg_str token, char *dst)
{
    uint8_t h[32];
    sha256(token, h);
    memcpy(dst, "sha256:", 7);
    sg_hex_format(h, sizeof(h), dst + 7);
}

static bool parse_hash(const char *text, uint8_t ret[32])
{
    if (!text || strncmp(text, "sha256:", 7) != 0 || strlen(text) != 71)
        return false;
    for (int i = 0; i < 32; i++) {
        int a = sg_hex_digit(text[7 + 2 * i]), b = sg_hex_digit(text[8 + 2 * i]);
        if (a < 0 || b < 0)
            return false;
        ret[i] = (uint8_t)(a << 4 | b);
    }
    return true;
}

static struct sg__tokens *tokens_of(const struct sg__auth *a)
{
    return atomic_load_explicit(&((struct sg__auth *)(uintptr_t)a)->tokens, memory_order_acquire);
}

static void free_tokens(struct sg__tokens *t)
{
    for (size_t i = 0; i < t->n; i++)
        sg_free(t->token[i].name);
    OPENSSL_cleanse(t->token, t->n * sizeof(*t->token));
    sg_free(t);
}

/* The number it has had before, or a new one. */
static unsigned number_of(const struct sg__tokens *older, const struct sg__token *t, unsigned *last)
{
    for (; older; older = older->older)
        for (size_t i = 0; i < older->n; i++)
            if (strcmp(older->token[i].name, t->name) == 0 &&
                CRYPTO_memcmp(older->token[i].hash, t->hash, sizeof(t->hash)) == 0)
                return older->token[i].number;
    return *last < SG_RIGHT_TOKEN_MAX ? ++*last : 0;
}

static bool same_tokens(const struct sg__tokens *a, const struct sg__tokens *b)
{
    bool same = a && a->n == b->n;
    for (size_t i = 0; same && i < b->n; i++)
        same = a->token[i].number == b->token[i].number && b->token[i].number &&
               a->token[i].rights == b->token[i].rights;
    return same;
}

int sg__auth_set_tokens(struct sg__auth *a, const struct sg_net_token *tokens, size_t n,
                        struct sg_error *reterr)
{
    struct sg__tokens *old = tokens_of(a);
    struct sg__tokens *t = sg_calloc(1, sizeof(*t) + n * sizeof(*t->token));
    t->older = old;
    t->last_number = old ? old->last_number : 0;
    for (size_t i = 0; i < n; i++) {
        struct sg__token *to = &t->token[t->n++];
        to->name = sg_strdup(tokens[i].name);
        to->rights = tokens[i].rights | (tokens[i].rights & SG_RIGHT_ADMIN ? SG_RIGHT_ALERT : 0);
        if (!parse_hash(tokens[i].hash, to->hash)) {
            free_tokens(t);
            return sg_error_set(reterr, SG_EINVALID,
                                "hash of token '%s' must be 'sha256:' and 64 hex digits",
                                tokens[i].name);
        }
        to->number = number_of(old, to, &t->last_number);
    }
    if (same_tokens(old, t))
        free_tokens(t);
    else
        atomic_store_explicit(&a->tokens, t, memory_order_release);
    return 0;
}

int sg__auth_init(struct sg__auth *a, const struct sg_net_config *cfg, struct sg_error *reterr)
{
    *a = (struct sg__auth){.anonymous = cfg->anonymous,
                           .origins = cfg->origins,
                           .origin_count = cfg->origin_count,
                           .require_origin = cfg->require_origin};
    for (size_t i = 0; i < cfg->origin_count; i++)
        a->any_origin |= strcmp(cfg->origins[i], "*") == 0;
    return sg__auth_set_tokens(a, cfg->tokens, cfg->token_count, reterr);
}

void sg__auth_deinit(struct sg__auth *a)
{
    for (struct sg__tokens *t = tokens_of(a), *older; t; t = older) {
        older = t->older;
        free_tokens(t);
    }
    atomic_store(&a->tokens, NULL);
}

bool sg__auth_guarded(const struct sg__auth *a)
{
    const struct sg__tokens *t = tokens_of(a);
    return t && t->n > 0;
}

bool sg__auth_token(const struct sg__auth *a, struct sg_str token, unsigned *ret_rights)
{
    if (token.n == 0 || token.n > SG__TOKEN_MAX)
        return false;
    const struct sg__tokens *t = tokens_of(a);
    uint8_t h[32];
    sha256(token, h);
    bool found = false;
    unsigned rights = 0;
    for (size_t i = 0; t && i < t->n; i++) {
        bool same = CRYPTO_memcmp(h, t->token[i].hash, sizeof(h)) == 0;
        found |= same;
        rights |= same ? t->token[i].rights : 0;
        if (same && !(rights >> SG_RIGHT_TOKEN_SHIFT))
            rights |= t->token[i].number << SG_RIGHT_TOKEN_SHIFT;
    }
    if (found)
        *ret_rights = rights;
    return found;
}

bool sg__auth_again(const struct sg__auth *a, unsigned rights, unsigned *ret_rights)
{
    const struct sg__tokens *t = tokens_of(a);
    unsigned number = rights >> SG_RIGHT_TOKEN_SHIFT;
    const struct sg__token *own = NULL;
    if (!number) {
        *ret_rights = sg__auth_guarded(a) ? rights & sg__auth_default(a, false) : rights;
        return !(rights & ~*ret_rights & SG_RIGHT_READ);
    }
    for (size_t i = 0; t && i < t->n && !own; i++)
        if (t->token[i].number == number)
            own = &t->token[i];
    if (!own)
        return false;
    *ret_rights = sg__auth_default(a, false) | number << SG_RIGHT_TOKEN_SHIFT;
    for (size_t i = 0; i < t->n; i++) /* one token may be listed under several names */
        if (CRYPTO_memcmp(t->token[i].hash, own->hash, sizeof(own->hash)) == 0)
            *ret_rights |= t->token[i].rights;
    return true;
}

struct sg_str sg__auth_name(const struct sg__auth *a, unsigned rights)
{
    unsigned number = rights >> SG_RIGHT_TOKEN_SHIFT;
    for (const struct sg__tokens *t = tokens_of(a); t && number; t = t->older)
        for (size_t i = 0; i < t->n; i++)
            if (t->token[i].number == number)
                return sg_str_from(t->token[i].name);
    return SG_STR("");
}

unsigned sg__auth_default(const struct sg__auth *a, bool from_loopback)
{
    if (!sg__auth_guarded(a) && from_loopback)
        return SG_RIGHT_ALL;
    return a->anonymous ? SG_RIGHT_READ | SG_RIGHT_INGEST : SG_RIGHT_NONE;
}

enum sg__credential sg__auth_request(const struct sg__auth *a, const struct sg_http1_headers *h,
                                     unsigned *ret_rights)
{
    struct sg_str token = {NULL, 0};
    struct sg_str value = sg_http1_header(h, SG_HTTP1_H_AUTHORIZATION);
    if (h->lines[SG_HTTP1_H_AUTHORIZATION] > 1)
        return SG__CRED_BAD;
    if (!sg__auth_guarded(a)) /* nothing to check against: a client's left-over setting, or InfluxDB
                                 clients' root:root, does no harm */
        return SG__CRED_NONE;
    if (value.p) {
        struct sg_str rest = value, scheme = sg_str_split(&rest, ' ');
        /* Influx clients say "Token"; other schemes are not ours to judge and count as wrong. */
        bool known = sg_str_ieq(scheme, SG_STR("bearer")) || sg_str_ieq(scheme, SG_STR("token"));
        if (!known || !rest.p)
            return SG__CRED_BAD;
        token = sg_str_trim(rest);
    } else {
        token = sg_http1_cookie(h, SG_STR("streamgauge_token"));
    }
    if (!token.p)
        return SG__CRED_NONE;
    return sg__auth_token(a, token, ret_rights) ? SG__CRED_OK : SG__CRED_BAD;
}

/* Host part of host[:port]; brackets of IPv6 kept out. */
static struct sg_str host_of(struct sg_str authority)
{
    if (authority.n && authority.p[0] == '[') {
        const char *end = memchr(authority.p, ']', authority.n);
        return end ? sg_str_make(authority.p + 1, (size_t)(end - authority.p) - 1) : SG_STR("");
    }
    const char *colon = memchr(authority.p, ':', authority.n);
    return colon ? sg_str_make(authority.p, (size_t)(colon - authority.p)) : authority;
}

static bool ends_with(struct sg_str s, struct sg_str tail)
{
    return s.n >= tail.n && sg_str_ieq(sg_str_make(s.p + s.n - tail.n, tail.n), tail);
}

static bool is_numeric(struct sg_str host)
{
    char text[64];
    unsigned char addr[16];
    if (host.n == 0 || host.n >= sizeof(text))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
}

/* "https://host:port" → scheme and authority. */
static bool split_origin(struct sg_str origin, struct sg_str *ret_scheme, struct sg_str *ret_auth)
{
    for (size_t i = 0; i + 2 < origin.n; i++) {
        if (memcmp(origin.p + i, "://", 3) != 0)
            continue;
        *ret_scheme = sg_str_make(origin.p, i);
        *ret_auth = sg_str_make(origin.p + i + 3, origin.n - i - 3);
        return i > 0 && ret_auth->n > 0 && !memchr(ret_auth->p, '/', ret_auth->n) &&
               !memchr(ret_auth->p, '@', ret_auth->n);
    }
    return false;
}

bool sg__host_trusted(const struct sg__auth *a, struct sg_str authority)
{
    if (authority.n == 0) /* HTTP/1.0 without a Host */
        return true;
    struct sg_str host = host_of(authority);
    if (sg_str_ieq(host, SG_STR("localhost")) || ends_with(host, SG_STR(".localhost")) ||
        is_numeric(host))
        return true;
    for (size_t i = 0; i < a->origin_count; i++) {
        struct sg_str scheme, auth;
        if (split_origin(sg_str_from(a->origins[i]), &scheme, &auth) &&
            sg_str_ieq(host_of(auth), host))
            return true;
    }
    return false;
}

static struct sg_str without_port(struct sg_str authority, const char *port)
{
    size_t n = strlen(port);
    if (authority.n > n && memcmp(authority.p + authority.n - n, port, n) == 0)
        authority.n -= n;
    return authority;
}

bool sg__origin_known(const struct sg__auth *a, struct sg_str origin, struct sg_str authority,
                      bool tls)
{
    for (size_t i = 0; i < a->origin_count; i++)
        if (sg_str_ieq(origin, sg_str_from(a->origins[i])))
            return true;
    struct sg_str scheme, auth;
    if (!split_origin(origin, &scheme, &auth)) /* "null" and nonsense */
        return false;
    bool https = sg_str_ieq(scheme, SG_STR("https"));
    if (!https && !sg_str_ieq(scheme, SG_STR("http")))
        return false;
    /* Behind a proxy that ends TLS the page is https while we speak plain: the name decides. The
     * other way round (plain page, TLS here) would be another origin. */
    if (tls && !https)
        return false;
    const char *port = https ? ":443" : ":80";
    return authority.n && sg_str_ieq(without_port(auth, port), without_port(authority, port));
}

bool sg__origin_allowed(const struct sg__auth *a, struct sg_str origin, struct sg_str authority,
                        bool tls, bool require)
{
    if (!origin.p)
        return !require;
    return a->any_origin || sg__origin_known(a, origin, authority, tls);
}
