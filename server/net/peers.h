/* peers.h - how many connections each address has: IPv4 whole, IPv6 by /64. Shared by all edges,
 * under one lock that is taken once per accept and once per close. Entries exist only while they
 * count something. */
#ifndef SG_NET_PEERS_H
#define SG_NET_PEERS_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct sg__peer_key {
    uint64_t hi, lo; /* hi: the /64 or 0; lo: 0 or ::ffff:a.b.c.d */
};

struct sg__peer {
    struct sg__peer_key key;
    uint32_t count; /* 0: free slot */
};

struct sg__peers {
    pthread_mutex_t lock;
    struct sg__peer *slot; /* open addressing, linear; size is a power of two */
    size_t size, used;
    uint32_t max_each; /* 0: no limit */
};

void sg__peers_init(struct sg__peers *p, uint32_t max_each);
void sg__peers_deinit(struct sg__peers *p);
struct sg__peer_key sg__peer_key_of(const struct sockaddr *sa);
/* False when the address is at its limit, then nothing is counted. */
bool sg__peers_enter(struct sg__peers *p, struct sg__peer_key key);
void sg__peers_leave(struct sg__peers *p, struct sg__peer_key key);
/* Distinct addresses counted now. */
size_t sg__peers_addresses(struct sg__peers *p);

#endif
