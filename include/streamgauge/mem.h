/* mem.h - allocation.
 *
 * Sizes we choose: sg_alloc and friends abort when memory is out, so no caller has an untestable
 * branch. Sizes a peer influences: cap them first, then use the sg_try_ variants and return
 * SG_ENOMEM. Everything is freed with sg_free. Tests make the n-th try-allocation fail with
 * sg_mem_fail_after.
 */
#ifndef STREAMGAUGE_MEM_H
#define STREAMGAUGE_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>

SG_API void *sg_alloc(size_t size) __attribute__((malloc, returns_nonnull));
SG_API void *sg_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
SG_API void *sg_realloc(void *p, size_t size) __attribute__((returns_nonnull));
SG_API char *sg_strdup(const char *s) __attribute__((malloc, returns_nonnull));
SG_API void *sg_memdup(const void *p, size_t size) __attribute__((malloc, returns_nonnull));

SG_API SG_NODISCARD void *sg_try_alloc(size_t size);
SG_API SG_NODISCARD void *sg_try_realloc(void *p, size_t size);

SG_API void sg_free(void *p); /* accepts NULL */

/* For SG_AUTO on a `char *` or any other pointer: frees what it points to. */
static inline void sg_free_ptr(void *pp)
{
    sg_free(*(void **)pp);
}

/* Tests only: the n-th sg_try_ call from now on (1 = the next) fails, once. 0 switches it off. Per
 * thread. */
SG_API void sg_mem_fail_after(uint64_t n);

/* Grows an array in place: makes room for `need` elements of `size` bytes, doubling `*cap`. Aborts
 * without memory. */
SG_API void *sg_grow(void *array, size_t *cap, size_t need, size_t size)
    __attribute__((returns_nonnull));

#endif
