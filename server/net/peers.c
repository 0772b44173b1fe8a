/* peers.c - connections per address: open addressing, holes closed. */
#include "peers.h"

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>
#include <string.h>

#define FIRST_SIZE 64

void sg__peers_init(struct sg__peers *p, uint32_t max_each)
{
    *p = (struct sg__peers){.size = FIRST_SIZE, .max_each = max_each};
    p->slot = sg_calloc(FIRST_SIZE, sizeof(*p->slot));
    pthread_mutex_init(&p->lock, NULL);
}

void sg__peers_deinit(struct sg__peers *p)
{
    if (!p->slot)
        return;
    sg_free(p->slot);
    p->slot = NULL;
    pthread_mutex_destroy(&p->lock);
}

struct sg__peer_key sg__peer_key_of(const struct sockaddr *sa)
{
    struct sg__peer_key key = {0, 0};
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
        key.lo = UINT64_C(0xffff00000000) | ntohl(in->sin_addr.s_addr);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
        const uint8_t *a = in6->sin6_addr.s6_addr;
        uint64_t half[2];
        for (int i = 0; i < 2; i++) {
            half[i] = 0;
            for (int j = 0; j < 8; j++)
                half[i] = half[i] << 8 | a[8 * i + j];
        }
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            key.lo = half[1];
        else if (half[0] == 0) /* ::1 and its like are not one customer's /64 */
            key.lo = half[1];
        else
            key.hi = half[0];
    }
    return key;
}

static size_t home(const struct sg__peers *p, struct sg__peer_key key)
{
    return (size_t)sg_hash64(&key, sizeof(key)) & (p->size - 1);
}

/* The slot of the key, or the free one where it belongs. */
static struct sg__peer *find(struct sg__peers *p, struct sg__peer_key key)
{
    size_t i = home(p, key);
    while (p->slot[i].count && (p->slot[i].key.hi != key.hi || p->slot[i].key.lo != key.lo))
        i = (i + 1) & (p->size - 1);
    return &p->slot[i];
}

static void grow(struct sg__peers *p)
{
    struct sg__peer *old = p->slot;
    size_t n = p->size;
    p->size *= 2;
    p->slot = sg_calloc(p->size, sizeof(*p->slot));
    for (size_t i = 0; i < n; i++)
        if (old[i].count)
            *find(p, old[i].key) = old[i];
    sg_free(old);
}

bool sg__peers_enter(struct sg__peers *p, struct sg__peer_key key)
{
    pthread_mutex_lock(&p->lock);
    struct sg__peer *e = find(p, key);
    bool ok = !p->max_each || e->count < p->max_each;
    if (ok && e->count++ == 0) {
        e->key = key;
        if (++p->used * 2 > p->size)
            grow(p);
    }
    pthread_mutex_unlock(&p->lock);
    return ok;
}

/* Moves back what stands behind the hole and would not be found any more. */
static void close_hole(struct sg__peers *p, size_t hole)
{
    size_t mask = p->size - 1, i = hole;
    for (;;) {
        i = (i + 1) & mask;
        if (!p->slot[i].count)
            return;
        size_t want = home(p, p->slot[i].key);
        if (((i - want) & mask) < ((i - hole) & mask))
            continue; /* its home lies behind the hole */
        p->slot[hole] = p->slot[i];
        p->slot[i].count = 0;
        hole = i;
    }
}

void sg__peers_leave(struct sg__peers *p, struct sg__peer_key key)
{
    pthread_mutex_lock(&p->lock);
    struct sg__peer *e = find(p, key);
    if (e->count && --e->count == 0) {
        p->used--;
        close_hole(p, (size_t)(e - p->slot));
    }
    pthread_mutex_unlock(&p->lock);
}

size_t sg__peers_addresses(struct sg__peers *p)
{
    pthread_mutex_lock(&p->lock);
    size_t n = p->used;
    pthread_mutex_unlock(&p->lock);
    return n;
}
