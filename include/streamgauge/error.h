/* error.h - the one error value: a code, a place and a message.
 *
 * Functions return 0 or a negative enum sg_errc and take an optional `struct sg_error *reterr`
 * last: NULL is allowed, it is untouched on success, and the first error wins (a set error is never
 * overwritten), so callers may go on and report once. Texts are lower case, without full stop,
 * quote the offending token and say what was expected.
 *
 *     struct sg_error err = {0};
 *     if (sg_duration_parse(text, &ms, &err) < 0)
 *         return sg_error_wrap(&err, "flag --tick");
 */
#ifndef STREAMGAUGE_ERROR_H
#define STREAMGAUGE_ERROR_H

#include <stdint.h>
#include <streamgauge/compiler.h>

/* code, value, name. The value is what functions return. SG_EMORE is "valid so far, give me more
 * bytes". */
#define SG_ERRC_MAP(X)                                                                             \
    X(OK, 0, "ok")                                                                                 \
    X(EMORE, -1, "incomplete")                                                                     \
    X(ESYNTAX, -2, "syntax")   /* malformed input */                                               \
    X(EINVALID, -3, "invalid") /* well formed, but not acceptable here */                          \
    X(ELIMIT, -4, "limit")     /* a configured limit is reached; the text names it */              \
    X(ENOTFOUND, -5, "not_found")                                                                  \
    X(EEXISTS, -6, "exists")                                                                       \
    X(ENOMEM, -7, "no_memory") /* a peer-influenced allocation failed */                           \
    X(EUNSUPPORTED, -8, "unsupported")                                                             \
    X(EDENIED, -9, "denied") /* missing or wrong credentials or rights */                          \
    X(ETIMEOUT, -10, "timeout")                                                                    \
    X(ECANCELED, -11, "canceled")                                                                  \
    X(EBUSY, -12, "busy")           /* a bounded queue is full; try again */                       \
    X(EIO, -13, "io")               /* the operating system said no; the text has strerror */      \
    X(EEXECUTION, -14, "execution") /* an expression failed while it was evaluated */

enum sg_errc {
#define SG_ERRC_ENUM(name, value, text) SG_##name = (value),
    SG_ERRC_MAP(SG_ERRC_ENUM)
#undef SG_ERRC_ENUM
};

struct sg_error {
    enum sg_errc code;     /* SG_OK: nothing went wrong */
    uint32_t line, column; /* 1-based; line 0: no position */
    uint32_t pos, end;     /* byte range of the offending text, [pos, end) */
    char source[256];      /* "<query>", a file or a peer; may be empty */
    char text[512];        /* message, no newline, truncated with "..." when too long */
};

/* Name of a code: "syntax", "limit", … ; "unknown" for others. Returns borrowed static text. */
SG_API const char *sg_errc_name(int code);

/* Sets code and text unless an error is already set. Returns `code`, so `return sg_error_set(…)`
 * works. */
SG_API int sg_error_set(struct sg_error *reterr, enum sg_errc code, const char *fmt, ...)
    SG_PRINTF(3, 4);

/* As sg_error_set, with the byte range [pos, end) of the offending text. */
SG_API int sg_error_at(struct sg_error *reterr, enum sg_errc code, uint32_t pos, uint32_t end,
                       const char *fmt, ...) SG_PRINTF(5, 6);

/* The analyzer does not see that these return their code, and would follow paths on which a failure
 * looks like success. */
#if defined(__clang_analyzer__) && !defined(SG_ERROR_IMPLEMENTATION)
#define sg_error_set(err, code, ...) ((void)sg_error_set(err, code, __VA_ARGS__), (int)(code))
#define sg_error_at(err, code, pos, end, ...)                                                      \
    ((void)sg_error_at(err, code, pos, end, __VA_ARGS__), (int)(code))
#endif

/* Puts "context: " in front of a set error's text. Returns its code. */
SG_API int sg_error_wrap(struct sg_error *reterr, const char *fmt, ...) SG_PRINTF(2, 3);

/* Fills line and column from pos, counting in the n bytes at `text`. Columns count bytes. */
SG_API void sg_error_locate(struct sg_error *reterr, const char *text, size_t n);

/* "source:line:column: text", as much of it as is known, NUL-terminated. Returns dst. */
SG_API const char *sg_error_format(const struct sg_error *err, char *dst, size_t size);

#endif
