/* test_pow10.c - the table of powers of ten, recomputed with long integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/pow10.h"

/* An integer of 1280 bits, least significant word first. 10^342 has 1137 bits. */
enum { WORDS = 40 };
struct big {
    uint32_t w[WORDS];
};

static void times(struct big *b, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < WORDS; i++) {
        carry += (uint64_t)b->w[i] * factor;
        b->w[i] = (uint32_t)carry;
        carry >>= 32;
    }
    assert_true(carry == 0);
}

static void shift_left(struct big *b, int n)
{
    for (; n > 0; n--)
        times(b, 2);
}

static int compare(const struct big *a, const struct big *b)
{
    for (int i = WORDS - 1; i >= 0; i--) {
        if (a->w[i] != b->w[i])
            return a->w[i] < b->w[i] ? -1 : 1;
    }
    return 0;
}

static struct big from_entry(struct sg__pow10 g)
{
    return (struct big){
        {(uint32_t)g.lo, (uint32_t)(g.lo >> 32), (uint32_t)g.hi, (uint32_t)(g.hi >> 32)}};
}

static struct big power_of_ten(int e)
{
    struct big b = {{1}};
    for (; e > 0; e--)
        times(&b, 10);
    return b;
}

static void add_one(struct big *b)
{
    for (int i = 0; i < WORDS && ++b->w[i] == 0; i++) {
    }
}

/* a <= b < a + unit, where both sides are scaled: entry * 2^up_entry against power * 2^up_power. */
static void check_floor(struct sg__pow10 g, int e)
{
    int shift = sg__pow10_log2(e) - 127; /* 10^e / 2^shift is the exact value of the entry */
    struct big low = from_entry(g), high = low;
    add_one(&high);
    assert_true(g.hi >> 63);
    if (e >= 0) {
        struct big power = power_of_ten(e);
        shift_left(&power, shift < 0 ? -shift : 0);
        shift_left(&low, shift > 0 ? shift : 0);
        shift_left(&high, shift > 0 ? shift : 0);
        assert_true(compare(&low, &power) <= 0 && compare(&power, &high) < 0);
        assert_int_equal(compare(&low, &power) == 0, e <= SG__POW10_EXACT_MAX);
        return;
    }
    /* entry <= 2^-shift / 10^-e < entry + 1, times 10^-e. */
    struct big one = {{1}};
    shift_left(&one, -shift);
    for (int i = 0; i < -e; i++) {
        times(&low, 10);
        times(&high, 10);
    }
    assert_true(compare(&low, &one) < 0 && compare(&one, &high) < 0);
}

static void test_pow10__every_entry_is_the_truncated_power(void **state)
{
    (void)state;
    for (int e = SG__POW10_MIN; e <= SG__POW10_MAX; e++)
        check_floor(sg__pow10_get(e), e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pow10__every_entry_is_the_truncated_power),
    };
    return cmocka_run_group_tests_name("base/pow10", tests, NULL, NULL);
}
