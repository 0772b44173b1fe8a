/* compiler.h - the few compiler attributes and assertions every other file uses. */
#ifndef STREAMGAUGE_COMPILER_H
#define STREAMGAUGE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define SG_API __attribute__((visibility("default")))
#define SG_NODISCARD __attribute__((warn_unused_result))
#define SG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SG_LIKELY(x) __builtin_expect(!!(x), 1)
#define SG_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define SG_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Scope cleanup: `SG_AUTO(sg_buf_deinit) struct sg_buf b;` calls sg_buf_deinit(&b) at the end of
 * the scope. */
#define SG_AUTO(fn) __attribute__((cleanup(fn)))

/* The struct that holds `member` at `ptr`. */
#define SG_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Stays on in release builds: broken invariants and illegal state transitions, never input. */
#define SG_ASSERT(cond) (SG_LIKELY(cond) ? (void)0 : sg_assert_failed(#cond, __FILE__, __LINE__))

/* Costly checks, in debug, sanitizer and fuzz builds only. */
#ifdef NDEBUG
#define SG_DCHECK(cond) ((void)0)
#else
#define SG_DCHECK(cond) SG_ASSERT(cond)
#endif

/* Prints the broken condition and its place to stderr and aborts. */
SG_API void sg_assert_failed(const char *cond, const char *file, int line)
    __attribute__((noreturn, cold));

#endif
