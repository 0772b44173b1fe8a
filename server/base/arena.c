/* arena.c - bump allocation out of a chain of blocks, newest first. */
#include <stdint.h>
#include <string.h>

#include <streamgauge/arena.h>
#include <streamgauge/mem.h>

enum { ARENA_ALIGN = 16, BLOCK_MIN_BYTES = 1024, BLOCK_MAX_BYTES = 1024 * 1024 };

struct sg_arena_block {
    struct sg_arena_block *prev; /* older */
    size_t size, fill;           /* bytes in data, bytes of them handed out */
    _Alignas(ARENA_ALIGN) char data[];
};

void sg_arena_init(struct sg_arena *a, size_t max_bytes)
{
    *a = (struct sg_arena){.max_bytes = max_bytes};
}

void sg_arena_deinit(struct sg_arena *a)
{
    if (!a)
        return;
    while (a->head) {
        struct sg_arena_block *prev = a->head->prev;
        sg_free(a->head);
        a->head = prev;
    }
    a->used_bytes = 0;
}

/* Blocks double, so a big arena has few; the cap bounds the last one too. */
static struct sg_arena_block *add_block(struct sg_arena *a, size_t need)
{
    size_t size = BLOCK_MIN_BYTES, left = a->max_bytes - a->used_bytes;
    if (a->head && a->head->size >= BLOCK_MAX_BYTES / 2)
        size = BLOCK_MAX_BYTES;
    else if (a->head && a->head->size * 2 > size)
        size = a->head->size * 2;
    if (size > left)
        size = left;
    if (size < need)
        size = need;
    if (size > SIZE_MAX / 2)
        return NULL;
    struct sg_arena_block *block = sg_try_alloc(sizeof(*block) + size);
    if (!block)
        return NULL;
    block->prev = a->head;
    block->size = size;
    block->fill = 0;
    a->head = block;
    return block;
}

void *sg_arena_alloc(struct sg_arena *a, size_t size)
{
    if (SG_UNLIKELY(size > SIZE_MAX / 2))
        return NULL;
    size_t need = size ? (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1) : ARENA_ALIGN;
    if (SG_UNLIKELY(need > a->max_bytes - a->used_bytes))
        return NULL;
    struct sg_arena_block *block = a->head;
    if (SG_UNLIKELY(!block || block->size - block->fill < need)) {
        block = add_block(a, need);
        if (!block)
            return NULL;
    }
    void *p = block->data + block->fill;
    block->fill += need;
    a->used_bytes += need;
    return p;
}

void *sg_arena_calloc(struct sg_arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *p = sg_arena_alloc(a, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

char *sg_arena_strndup(struct sg_arena *a, const char *p, size_t n)
{
    char *copy = n < SIZE_MAX ? sg_arena_alloc(a, n + 1) : NULL;
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}
