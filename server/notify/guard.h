/* guard.h - which addresses may be called.
 *
 * The check is made with the address a connection is about to be made to, after name resolution, so
 * neither a name that resolves to a private address nor one that changes its mind gets through.
 * Refused unless listed: everything that is not a global unicast address: loopback, private,
 * link-local, shared (100.64/10), documentation, benchmarking, multicast, reserved, and IPv6
 * addresses that carry such an IPv4 address (mapped, compatible, NAT64, 6to4).
 */
#ifndef SG_NOTIFY_GUARD_H
#define SG_NOTIFY_GUARD_H

#include <stdbool.h>
#include <streamgauge/arena.h>
#include <streamgauge/error.h>
#include <streamgauge/yaml.h>
#include <sys/socket.h>

struct sg__guard_net {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;       /* of 128 */
};
struct sg__guard_host {
    struct sg_str name; /* lower case, as written in URLs: "[::1]" in brackets */
    uint16_t port;      /* 0: any */
};
struct sg__guard {
    struct sg__guard_net *nets;
    struct sg__guard_host *hosts;
    size_t n_nets, n_hosts;
};

/* A list of "10.0.0.0/8", "::1", "mail.corp", "localhost:9093". NULL: empty. */
SG_NODISCARD int sg__guard_read(const struct sg_yaml_node *list, struct sg_arena *arena,
                                struct sg__guard *ret, struct sg_error *reterr);
/* Is a connection to that address allowed? */
bool sg__guard_allows(const struct sg__guard *g, const struct sockaddr *address);
/* Is this host of a URL listed by name, so that its address does not matter? */
bool sg__guard_lists_host(const struct sg__guard *g, struct sg_str host, uint16_t port);
/* A global unicast address? 16 bytes, IPv4 mapped. */
bool sg__address_is_public(const uint8_t address[16]);
/* For messages; dst has 64 bytes. */
void sg__address_print(const struct sockaddr *address, char *dst);

#endif
