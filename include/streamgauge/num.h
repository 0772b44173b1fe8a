/* num.h - numbers and text, free of locale.
 *
 * Parsing is exact (correctly rounded, as strtod); printing gives the shortest decimal that reads
 * back to the same double. Both take and give pointer + length, touch no globals, and allocate
 * nothing. The format functions may write anything into dst behind the returned length, up to the
 * stated size.
 */
#ifndef STREAMGAUGE_NUM_H
#define STREAMGAUGE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <sys/types.h>

/* Longest text sg_double_format writes: "-2.2250738585072014e-308" and a margin. */
#define SG_DOUBLE_MAX 32

/* Reads a decimal float at p: [+-] digits [. digits] [e [+-] digits], or Inf/+Inf/-Inf/Infinity/NaN
 * in any case. Returns the bytes consumed, or SG_ESYNTAX. Overflow gives ±Inf, underflow 0 (as
 * strtod). No leading space, no hex. Fast path (Clinger): at most 19 digits and a small exponent;
 * the rest is exact but slower. */
SG_API ssize_t sg_double_parse(const char *p, size_t n, double *ret);
/* The whole of p..p+n must be one number. Returns 0 or SG_ESYNTAX. */
SG_API SG_NODISCARD int sg_double_parse_all(const char *p, size_t n, double *ret);
/* Decimal integers with optional sign, the whole text. SG_ESYNTAX, or SG_EINVALID on overflow. */
SG_API SG_NODISCARD int sg_i64_parse(const char *p, size_t n, int64_t *ret);
SG_API SG_NODISCARD int sg_u64_parse(const char *p, size_t n, uint64_t *ret);

/* Shortest round trip. Exponent form only if |x| < 1e-6 or |x| >= 1e21 ("1e-07", "1e+21": Go's
 * strconv 'g' with Prometheus' thresholds); "NaN", "+Inf", "-Inf", "-0". Writes no NUL. dst has
 * SG_DOUBLE_MAX bytes. Returns the length. */
SG_API size_t sg_double_format(double v, char *dst);
/* As sg_double_format, but never in exponent form ('f'), for count_values and scalars; dst has 400
 * bytes. */
SG_API size_t sg_double_format_f(double v, char *dst);
/* As sg_double_format, in exponent form from 1e6 on and below 1e-4 already: Go's %g, for the text
 * of a histogram. */
SG_API size_t sg_double_format_g(double v, char *dst);
/* dst has 20 bytes. Returns the length. */
SG_API size_t sg_i64_format(int64_t v, char *dst);
SG_API size_t sg_u64_format(uint64_t v, char *dst);

#endif
