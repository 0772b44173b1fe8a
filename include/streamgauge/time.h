/* time.h - time as numbers: samples in ms since the epoch (int64_t), intervals in ms, monotonic
 * time in us.
 *
 * Rows 0 to 3 never read a clock; the *_now functions are for rows 4 and 5 and for benchmarks.
 */
#ifndef STREAMGAUGE_TIME_H
#define STREAMGAUGE_TIME_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/error.h>
#include <streamgauge/str.h>
#include <time.h>

#define SG_MS_PER_S INT64_C(1000)
#define SG_MS_PER_MIN INT64_C(60000)
#define SG_MS_PER_HOUR INT64_C(3600000)
#define SG_MS_PER_DAY INT64_C(86400000)
#define SG_MS_PER_YEAR (365 * SG_MS_PER_DAY)

/* Prometheus durations: "1h30m", "100ms", "5m", "1y" (365 d); units y w d h m s ms, descending,
 * each once; "0" alone is allowed. Result in ms, never negative. SG_ESYNTAX with the position,
 * SG_EINVALID when it does not fit. */
SG_API SG_NODISCARD int sg_duration_parse(struct sg_str text, int64_t *ret_ms,
                                          struct sg_error *reterr);
/* The canonical form: largest units first, "1h30m", "0s". dst has 48 bytes, NUL-terminated. Returns
 * the length. */
SG_API size_t sg_duration_format(int64_t ms, char *dst);
/* RFC 3339 with any number of fraction digits, to ms (rounded half up). SG_ESYNTAX or SG_EINVALID.
 */
SG_API SG_NODISCARD int sg_rfc3339_parse(struct sg_str text, int64_t *ret_ms);
/* "2026-11-22T03:04:05.678Z". dst has 40 bytes, NUL-terminated. Returns the length. */
SG_API size_t sg_rfc3339_format(int64_t ms, char *dst);
/* The civil fields of a UTC instant (proleptic Gregorian), for date functions. */
struct sg_civil {
    int64_t year;
    int month, day;           /* 1..12, 1..31 */
    int hour, minute, second; /* UTC */
    int ms;
    int weekday; /* 0 = Sunday */
    int yearday; /* 1..366 */
    int days_in_month;
};
SG_API struct sg_civil sg_civil_from_ms(int64_t ms);
SG_API int64_t sg_ms_from_civil(int64_t year, int month, int day, int hour, int minute, int second);

/* Largest multiple of interval_ms that is <= t_ms; interval_ms > 0; right for negative t_ms too. */
static inline int64_t sg_time_align(int64_t t_ms, int64_t interval_ms)
{
    int64_t r = t_ms % interval_ms;
    return r < 0 ? t_ms - r - interval_ms : t_ms - r;
}

SG_API int64_t sg_wall_now_ms(void);  /* CLOCK_REALTIME */
SG_API int64_t sg_mono_now_us(void);  /* CLOCK_MONOTONIC */
SG_API uint64_t sg_mono_now_ns(void); /* the same, for what work costs */
static inline int64_t sg_mono_now_ms(void)
{
    return sg_mono_now_us() / 1000;
}

/* A span, or a moment of a clock, >= 0, as the calls take it that sleep and wait. */
static inline struct timespec sg_timespec_ms(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}
static inline struct timespec sg_timespec_us(int64_t us)
{
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

#endif
