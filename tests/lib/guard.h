/* guard.h - puts test input right before a page that must not be touched: one byte of over-read is
 * a crash. */
#ifndef TESTS_LIB_GUARD_H
#define TESTS_LIB_GUARD_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
    char *base;  /* of the mapping */
    size_t size; /* with the guard page */
};

/* A writable copy of n bytes that ends where the guard page begins. Free with guard_free. */
static inline char *guard_put(struct guard *g, const void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (n + page) / page * page;
    g->size = room + page;
    g->base = mmap(NULL, g->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->base == MAP_FAILED || mprotect(g->base + room, page, PROT_NONE) != 0)
        abort();
    char *copy = g->base + room - n;
    if (n)
        memcpy(copy, p, n);
    return copy;
}

static inline void guard_free(struct guard *g)
{
    munmap(g->base, g->size);
}

#endif
