/* utf8.h - incremental UTF-8 check: fails at the first byte that can no longer become valid (RFC
 * 3629). */
#ifndef SG_WIRE_UTF8_H
#define SG_WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 = between characters; else bytes to come | lowest | highest value of the next one << 8 and
 * << 16. */
typedef uint32_t sg__utf8_state;

/* Goes on from *state over n bytes. False at the first wrong byte. The text may end only when
 * *state is 0. */
bool sg__utf8_feed(sg__utf8_state *state, const char *p, size_t n);

#endif
