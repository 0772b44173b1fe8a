#!/usr/bin/env python3
"""Prints pow10.c: the first 128 bits, truncated, of the powers of ten. Usage: pow10_gen.py > pow10.c"""

MIN, MAX = -342, 324  # as in pow10.h


def first_128_bits(e):
    if e >= 0:
        v = 10**e
        shift = v.bit_length() - 128
        return v >> shift if shift > 0 else v << -shift
    v = 10**-e
    q = (1 << (v.bit_length() + 127)) // v
    return q if q >> 127 else ((1 << (v.bit_length() + 128)) // v)


print("/* pow10.c - the table of pow10.h. Made by pow10_gen.py, checked by tests/unit/base/test_pow10.c. */")
print('#include "pow10.h"\n')
print("/* clang-format off */")
print("const struct sg__pow10 sg__pow10_table[SG__POW10_MAX - SG__POW10_MIN + 1] = {")
for e in range(MIN, MAX + 1):
    v = first_128_bits(e)
    assert 1 << 127 <= v < 1 << 128
    print(f"    {{UINT64_C(0x{v >> 64:016x}), UINT64_C(0x{v & (1 << 64) - 1:016x})}}, /* 1e{e} */")
print("};")
print("/* clang-format on */")
