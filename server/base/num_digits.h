/* num_digits.h - digits of fixed width, for printing fractions. Private to server/base. */
#ifndef SERVER_BASE_NUM_DIGITS_H
#define SERVER_BASE_NUM_DIGITS_H

#include <stddef.h>
#include <stdint.h>

/* Writes the digits of v / 10^8 behind the point, without trailing zeros; 0 < v < 10^8. Returns
 * their number, but has written eight bytes. */
size_t sg__put_fraction(uint64_t v, char *dst);

/* Writes exactly eight digits, with leading zeros; v < 10^8. */
void sg__put_8_digits(uint64_t v, char *dst);

#endif
