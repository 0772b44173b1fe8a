/* near.h - comparing doubles in tests: relative tolerance, NaN equal to NaN, infinities by sign. */
#ifndef TESTS_LIB_NEAR_H
#define TESTS_LIB_NEAR_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static inline bool near_rel(double a, double b, double rel)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return a == b;
    double scale = fmax(fabs(a), fabs(b));
    return fabs(a - b) <= rel * scale || a == b;
}

#define assert_near(a, b, rel)                                                                     \
    do {                                                                                           \
        double near_a_ = (a), near_b_ = (b);                                                       \
        if (!near_rel(near_a_, near_b_, (rel)))                                                    \
            fail_msg("%s = %.17g, expected %.17g within %g", #a, near_a_, near_b_, (double)(rel)); \
    } while (0)

#endif
