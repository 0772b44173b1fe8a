/* guard.c - which addresses may be called. */
#include "notify/guard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/num.h>

#include "notify/options.h"

#define MAX_ENTRIES 1024

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool in_net(const uint8_t *address, const uint8_t *net, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;
    if (memcmp(address, net, bytes) != 0)
        return false;
    unsigned mask = (0xffu << (8 - rest)) & 0xffu;
    return rest == 0 || (address[bytes] & mask) == (net[bytes] & mask);
}

/* ---- what is public ---- */

/* IANA's special-purpose registries; what is not globally reachable, and multicast and reserved. */
static bool v4_is_public(const uint8_t *a)
{
    static const struct {
        uint8_t net[4];
        unsigned bits;
    } special[] = {
        {{0, 0, 0, 0}, 8},       {{10, 0, 0, 0}, 8},      {{100, 64, 0, 0}, 10},
        {{127, 0, 0, 0}, 8},     {{169, 254, 0, 0}, 16},  {{172, 16, 0, 0}, 12},
        {{192, 0, 0, 0}, 24},    {{192, 0, 2, 0}, 24},    {{192, 31, 196, 0}, 24},
        {{192, 52, 193, 0}, 24}, {{192, 88, 99, 0}, 24},  {{192, 168, 0, 0}, 16},
        {{198, 18, 0, 0}, 15},   {{198, 51, 100, 0}, 24}, {{203, 0, 113, 0}, 24},
        {{224, 0, 0, 0}, 4},     {{240, 0, 0, 0}, 4},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(special); i++)
        if (in_net(a, special[i].net, special[i].bits))
            return false;
    return true;
}

static bool v6_is_public(const uint8_t *a)
{
    static const struct {
        uint8_t net[16];
        unsigned bits;
    } special[] = {
        {{0x20, 0x01}, 23},                         /* IETF protocols, Teredo, ORCHID */
        {{0x20, 0x01, 0x0d, 0xb8}, 32},             /* documentation */
        {{0x3f, 0xff}, 20},                         /* documentation */
        {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* AS112 */
    };
    static const uint8_t six_to_four[2] = {0x20, 0x02};
    if ((a[0] & 0xe0) != 0x20) /* only 2000::/3 is global unicast */
        return false;
    if (memcmp(a, six_to_four, 2) == 0)
        return v4_is_public(a + 2);
    for (size_t i = 0; i < SG_ARRAY_LEN(special); i++)
        if (in_net(a, special[i].net, special[i].bits))
            return false;
    return true;
}

bool sg__address_is_public(const uint8_t address[16])
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(address, v4_prefix, 12) == 0 || memcmp(address, nat64, 12) == 0)
        return v4_is_public(address + 12);
    return v6_is_public(address);
}

/* 16 bytes of an address; false for other families. */
static bool address_bytes(const struct sockaddr *address, uint8_t ret[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        memcpy(ret, v4_prefix, 12);
        memcpy(ret + 12, &v4.sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        memcpy(ret, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

bool sg__guard_allows(const struct sg__guard *g, const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (!address_bytes(address, bytes))
        return false;
    for (size_t i = 0; i < g->n_nets; i++)
        if (in_net(bytes, g->nets[i].address, g->nets[i].bits))
            return true;
    return sg__address_is_public(bytes);
}

bool sg__guard_lists_host(const struct sg__guard *g, struct sg_str host, uint16_t port)
{
    for (size_t i = 0; i < g->n_hosts; i++)
        if (sg_str_ieq(g->hosts[i].name, host) &&
            (g->hosts[i].port == 0 || g->hosts[i].port == port))
            return true;
    return false;
}

void sg__address_print(const struct sockaddr *address, char *dst)
{
    char text[INET6_ADDRSTRLEN] = "?";
    uint8_t bytes[16];
    if (address_bytes(address, bytes)) {
        bool v4 = address->sa_family == AF_INET;
        (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, text, sizeof(text));
    }
    snprintf(dst, 64, "%s", text);
}

/* ---- the list ---- */

/* "10.0.0.0/8", "::1". False when it is none. */
static bool parse_net(struct sg_str text, struct sg__guard_net *ret)
{
    char address[64];
    struct sg_str rest = text, host = sg_str_split(&rest, '/');
    uint64_t bits = 0;
    if (host.n == 0 || host.n >= sizeof(address))
        return false;
    memcpy(address, host.p, host.n);
    address[host.n] = 0;
    bool v4 = inet_pton(AF_INET, address, ret->address + 12) == 1;
    if (v4)
        memcpy(ret->address, v4_prefix, 12);
    else if (inet_pton(AF_INET6, address, ret->address) != 1)
        return false;
    unsigned max = v4 ? 32 : 128;
    if (!rest.p)
        bits = max;
    else if (rest.n == 0 || sg_u64_parse(rest.p, rest.n, &bits) < 0 || bits > max)
        return false;
    ret->bits = (unsigned)bits + (v4 ? 96 : 0);
    return true;
}

/* What looks like an address has to be one: "300.1.1.1" is no name of a host. */
static bool good_host(struct sg_str host)
{
    char text[64];
    uint8_t address[16];
    bool bracket = host.p[0] == '[';
    size_t label = host.n;
    while (label > 0 && host.p[label - 1] != '.')
        label--;
    bool numeric = label < host.n;
    for (size_t i = label; i < host.n; i++)
        numeric = numeric && isdigit((unsigned char)host.p[i]);
    if (!numeric && !bracket)
        return true;
    if (host.n >= sizeof(text) || (bracket && (host.n < 3 || host.p[host.n - 1] != ']')))
        return false;
    size_t n = host.n - (bracket ? 2 : 0);
    memcpy(text, host.p + bracket, n);
    text[n] = 0;
    return inet_pton(bracket ? AF_INET6 : AF_INET, text, address) == 1;
}

/* "mail.corp", "localhost:9093", "[::1]:25". */
static bool parse_host(struct sg_str text, struct sg_arena *arena, struct sg__guard_host *ret)
{
    size_t n = text.n;
    uint64_t port = 0;
    const char *colon = memrchr(text.p, ':', text.n);
    bool bracket = text.n > 0 && text.p[0] == '[';
    if (colon && (!bracket || (colon > text.p && colon[-1] == ']'))) {
        n = (size_t)(colon - text.p);
        if (sg_u64_parse(colon + 1, text.n - n - 1, &port) < 0 || port == 0 || port > 65535)
            return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text.p[i]) && !strchr(bracket ? "[]:." : "-_.", text.p[i]))
            return false;
    if (n == 0 || !good_host((struct sg_str){text.p, n}))
        return false;
    ret->name = sg__notify_keep(arena, (struct sg_str){text.p, n});
    ret->port = (uint16_t)port;
    return true;
}

int sg__guard_read(const struct sg_yaml_node *list, struct sg_arena *arena, struct sg__guard *ret,
                   struct sg_error *reterr)
{
    size_t n = list ? sg_yaml_count(list) : 0;
    *ret = (struct sg__guard){0};
    if (list && sg_yaml_kind(list) != SG_YAML_LIST && sg_yaml_kind(list) != SG_YAML_NULL)
        return sg_yaml_error(list, reterr, "notify: allow: expected a list");
    if (n > MAX_ENTRIES)
        return sg_yaml_error(list, reterr, "notify: allow: more than %d entries", MAX_ENTRIES);
    ret->nets = sg_arena_calloc(arena, n + 1, sizeof(*ret->nets));
    ret->hosts = sg_arena_calloc(arena, n + 1, sizeof(*ret->hosts));
    SG_ASSERT(ret->nets && ret->hosts);
    for (size_t i = 0; i < n; i++) {
        struct sg_str text = SG_STR("");
        int rc = sg_yaml_read_str(sg_yaml_at(list, i), "notify: allow", &text, reterr);
        if (rc < 0)
            return rc;
        if (parse_net(text, &ret->nets[ret->n_nets]))
            ret->n_nets++;
        else if (parse_host(text, arena, &ret->hosts[ret->n_hosts]))
            ret->n_hosts++;
        else
            return sg_yaml_error(sg_yaml_at(list, i), reterr,
                                 "notify: allow: expected a network as 10.0.0.0/8, an "
                                 "address, a host or host:port, got '%.*s'",
                                 SG_STR_ARG(text));
    }
    return 0;
}
