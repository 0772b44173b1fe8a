/* log.h - key=value log lines on stderr, for rows 4 and 5 only (rows 0 to 3 return errors or bump
 * counters).
 *
 *     SG_LOG(WARN, "net", "accept failed", "peer=%s errno=%d", peer, errno);
 *     → ts=2026-11-22T03:04:05.678Z level=warn part=net msg="accept failed" peer=… errno=24
 *
 * error: the operator must act; warn: degraded and continuing; info: life cycle; debug. One event
 * is one line: control characters in the arguments are escaped, and so are quotes and backslashes
 * where fmt has quotes around an argument; a line is cut at 1 KiB. Each call
 * site prints at most 10 lines in 10 s and then says how many it left out. Any thread.
 */
#ifndef STREAMGAUGE_LOG_H
#define STREAMGAUGE_LOG_H

#include <stdatomic.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/str.h>

enum sg_log_level { SG_LOG_ERROR, SG_LOG_WARN, SG_LOG_INFO, SG_LOG_DEBUG };

struct sg_log_site {
    _Atomic int64_t window_start_us;
    atomic_uint count, suppressed;
};

SG_API void sg_log_set_level(enum sg_log_level level);
/* "error", "warn", "info", "debug". Returns 0 or SG_EINVALID. */
SG_API int sg_log_level_parse(const char *text, enum sg_log_level *ret);
SG_API void sg_log_write(struct sg_log_site *site, enum sg_log_level level, const char *part,
                         const char *msg, const char *fmt, ...) SG_PRINTF(5, 6);
/* Tests: where lines go instead of stderr; NULL restores. */
SG_API void sg_log_set_sink(void (*sink)(void *ctx, const char *line, size_t n), void *ctx);

#define SG_LOG(level, part, msg, ...)                                                              \
    do {                                                                                           \
        static struct sg_log_site sg_log_site_;                                                    \
        sg_log_write(&sg_log_site_, SG_LOG_##level, part, msg, __VA_ARGS__);                       \
    } while (0)

#endif
