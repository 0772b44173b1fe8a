/* arena.h - bump allocation with one lifetime and a byte cap; for parse trees and evaluations.
 *
 *     SG_AUTO(sg_arena_deinit) struct sg_arena a;
 *     sg_arena_init(&a, 1 << 20);
 *     struct node *n = sg_arena_alloc(&a, sizeof(*n));   // NULL when the cap is reached
 *
 * Not thread safe. Memory is 16-byte aligned and not zeroed (sg_arena_calloc zeroes). Allocation is
 * O(1).
 */
#ifndef STREAMGAUGE_ARENA_H
#define STREAMGAUGE_ARENA_H

#include <stddef.h>
#include <streamgauge/compiler.h>

struct sg_arena_block;

struct sg_arena {
    struct sg_arena_block *head; /* newest block */
    size_t used_bytes;           /* handed out */
    size_t max_bytes;            /* cap on used_bytes */
};

SG_API void sg_arena_init(struct sg_arena *a, size_t max_bytes);
SG_API void sg_arena_deinit(struct sg_arena *a);
/* NULL when max_bytes would be passed or memory is out. */
SG_API void *sg_arena_alloc(struct sg_arena *a, size_t size);
SG_API void *sg_arena_calloc(struct sg_arena *a, size_t count, size_t size);
/* A NUL-terminated copy of n bytes; NULL as sg_arena_alloc. */
SG_API char *sg_arena_strndup(struct sg_arena *a, const char *p, size_t n);
#endif
