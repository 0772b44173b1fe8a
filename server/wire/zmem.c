/* zmem.c - zlib's allocations through sg_try_alloc. */
#include "zmem.h"
#include <streamgauge/mem.h>
#include <string.h>

static void *z_alloc(void *opaque, uInt items, uInt size)
{
    size_t bytes;
    (void)opaque;
    if (__builtin_mul_overflow((size_t)items, (size_t)size, &bytes))
        return NULL;
    return sg_try_alloc(bytes);
}

static void z_free(void *opaque, void *p)
{
    (void)opaque;
    sg_free(p);
}

z_stream *sg__z_new(void)
{
    z_stream *z = sg_try_alloc(sizeof(*z));
    if (!z)
        return NULL;
    memset(z, 0, sizeof(*z));
    z->zalloc = z_alloc;
    z->zfree = z_free;
    return z;
}
