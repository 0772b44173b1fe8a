/* retry.c - back-off, Retry-After, rates. */
#include "notify/retry.h"

#include <curl/curl.h>
#include <math.h>
#include <string.h>

#include <streamgauge/num.h>

int64_t sg__backoff_ms(uint32_t attempts, struct sg_prng *g)
{
    uint32_t doublings = attempts > 0 ? attempts - 1 : 0;
    int64_t window = SG__RETRY_MAX_MS;
    if (doublings < 16 && ((int64_t)SG__RETRY_FIRST_MS << doublings) < window)
        window = (int64_t)SG__RETRY_FIRST_MS << doublings;
    const int64_t floor_ms = 100;
    return floor_ms + (int64_t)sg_prng_below(g, (uint64_t)(window - floor_ms + 1));
}

int64_t sg__retry_after_ms(struct sg_str value, int64_t wall_ms)
{
    char text[64];
    uint64_t seconds;
    int64_t ms;
    value = sg_str_trim(value);
    if (value.n == 0 || value.n >= sizeof(text))
        return -1;
    memcpy(text, value.p, value.n);
    text[value.n] = 0;
    if (strspn(text, "0123456789") == value.n) {
        /* More digits than a number holds is a very long time, too. */
        if (sg_u64_parse(value.p, value.n, &seconds) < 0 || seconds > SG__RETRY_AFTER_MAX_MS / 1000)
            return SG__RETRY_AFTER_MAX_MS;
        return (int64_t)seconds * 1000;
    }
    time_t at = curl_getdate(text, NULL);
    if (at == (time_t)-1)
        return -1;
    ms = (int64_t)at * 1000 - wall_ms;
    if (ms < 0)
        return 0;
    return ms < SG__RETRY_AFTER_MAX_MS ? ms : SG__RETRY_AFTER_MAX_MS;
}

void sg__bucket_init(struct sg__bucket *b, double rate, int64_t mono_ms)
{
    *b = (struct sg__bucket){.rate = rate, .burst = rate > 1 ? rate : 1, .at_ms = mono_ms};
    b->tokens = b->burst;
}

int64_t sg__bucket_take(struct sg__bucket *b, int64_t mono_ms)
{
    if (b->rate <= 0)
        return 0;
    if (mono_ms > b->at_ms) {
        b->tokens += (double)(mono_ms - b->at_ms) / 1000 * b->rate;
        if (b->tokens > b->burst)
            b->tokens = b->burst;
        b->at_ms = mono_ms;
    }
    if (b->tokens < 1) {
        double ms = ceil((1 - b->tokens) / b->rate * 1000);
        return ms < 1e9 ? (int64_t)ms : (int64_t)1e9;
    }
    b->tokens -= 1;
    return 0;
}
