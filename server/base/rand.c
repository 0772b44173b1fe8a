/* rand.c - random bytes from the kernel. */
#include <errno.h>
#include <sys/random.h>

#include <streamgauge/rand.h>

void sg_rand_bytes(void *dst, size_t n)
{
    char *p = dst;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) {
            SG_ASSERT(errno == EINTR);
            continue;
        }
        p += got;
        n -= (size_t)got;
    }
}

uint64_t sg_rand_u64(void)
{
    uint64_t v;
    sg_rand_bytes(&v, sizeof(v));
    return v;
}
