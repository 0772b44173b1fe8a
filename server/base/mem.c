/* mem.c - allocation that aborts (sizes we choose) or fails (sizes a peer influences). */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>

static _Thread_local uint64_t fail_countdown; /* 0: off; 1: the next try-allocation fails */

static void *must(void *p)
{
    if (SG_UNLIKELY(!p))
        sg_assert_failed("out of memory", __FILE__, __LINE__);
    return p;
}

static bool fails_now(void)
{
    return SG_UNLIKELY(fail_countdown) && --fail_countdown == 0;
}

void *sg_alloc(size_t size)
{
    return must(malloc(size ? size : 1));
}

void *sg_calloc(size_t count, size_t size)
{
    return must(count && size ? calloc(count, size) : calloc(1, 1));
}

void *sg_realloc(void *p, size_t size)
{
    return must(realloc(p, size ? size : 1));
}

char *sg_strdup(const char *s)
{
    return sg_memdup(s, strlen(s) + 1);
}

void *sg_memdup(const void *p, size_t size)
{
    void *copy = sg_alloc(size);
    if (size)
        memcpy(copy, p, size);
    return copy;
}

void *sg_try_alloc(size_t size)
{
    return fails_now() ? NULL : malloc(size ? size : 1);
}

void *sg_try_realloc(void *p, size_t size)
{
    return fails_now() ? NULL : realloc(p, size ? size : 1);
}

void sg_free(void *p)
{
    free(p);
}

void sg_mem_fail_after(uint64_t n)
{
    fail_countdown = n;
}

void *sg_grow(void *array, size_t *cap, size_t need, size_t size)
{
    if (array && need <= *cap)
        return array;
    size_t want = 8, bytes = 0;
    if (*cap > 4 && __builtin_mul_overflow(*cap, (size_t)2, &want))
        want = need;
    if (want < need)
        want = need;
    if (__builtin_mul_overflow(want, size, &bytes))
        sg_assert_failed("array size overflows", __FILE__, __LINE__);
    array = sg_realloc(array, bytes);
    *cap = want;
    return array;
}
