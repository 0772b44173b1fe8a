/* retry.h - when to try again; how fast. Pure. */
#ifndef SG_NOTIFY_RETRY_H
#define SG_NOTIFY_RETRY_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/rand.h>
#include <streamgauge/str.h>

#define SG__RETRY_FIRST_MS 1000
#define SG__RETRY_MAX_MS 300000
#define SG__RETRY_AFTER_MAX_MS 3600000

/* Full jitter: evenly from [100 ms, min(5 min, 1 s * 2^(attempts - 1))]; attempts >= 1, those made.
 */
int64_t sg__backoff_ms(uint32_t attempts, struct sg_prng *g);
/* Value of a Retry-After field: seconds, or an HTTP date. ms from now, 0 to 1 h; -1: none or
 * nonsense. */
int64_t sg__retry_after_ms(struct sg_str value, int64_t wall_ms);

/* Token bucket. rate 0: always. */
struct sg__bucket {
    double rate, burst, tokens; /* per s */
    int64_t at_ms;              /* monotonic */
};
void sg__bucket_init(struct sg__bucket *b, double rate, int64_t mono_ms);
/* 0 and a token is taken, or ms until there is one. */
int64_t sg__bucket_take(struct sg__bucket *b, int64_t mono_ms);

#endif
