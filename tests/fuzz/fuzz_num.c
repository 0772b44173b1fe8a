/* fuzz_num.c - numbers: parsing agrees with the C library, printing reads back, integers and floats
 * agree. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/error.h>
#include <streamgauge/num.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof(a)) == 0;
}

/* strtod also takes leading space, hexadecimal and nan(...); those are not compared. */
static void against_strtod(const char *p, size_t n, ssize_t used, double v)
{
    char *text = malloc(n + 1), *end;
    SG_ASSERT(text);
    memcpy(text, p, n);
    text[n] = '\0';
    const char *first = text + (*text == '-' || *text == '+');
    bool foreign = strchr(" \t\n\v\f\r", *text) && *text;
    foreign = foreign || (first[0] == '0' && (first[1] | 0x20) == 'x');
    foreign = foreign || (first[0] | 0x20) == 'n';
    if (!foreign) {
        double expected = strtod(text, &end);
        SG_ASSERT(used < 0 ? end == text : end - text == used);
        SG_ASSERT(used < 0 || same(v, expected));
    }
    free(text);
}

static void round_trip(double v)
{
    char text[SG_DOUBLE_MAX], fixed[400];
    double back = 0;
    size_t n = sg_double_format(v, text);
    SG_ASSERT(n > 0 && n <= sizeof(text));
    SG_ASSERT(sg_double_parse_all(text, n, &back) == 0 && same(v, back));
    n = sg_double_format_g(v, text);
    SG_ASSERT(n > 0 && n <= sizeof(text));
    SG_ASSERT(sg_double_parse_all(text, n, &back) == 0 && same(v, back));
    n = sg_double_format_f(v, fixed);
    SG_ASSERT(n > 0 && n <= sizeof(fixed) && !memchr(fixed, 'e', n));
    SG_ASSERT(sg_double_parse_all(fixed, n, &back) == 0 && same(v, back));
}

static void integers(const char *p, size_t n)
{
    int64_t s, s_back;
    uint64_t u, u_back;
    double v;
    char text[20];
    if (sg_i64_parse(p, n, &s) == 0) {
        SG_ASSERT(sg_i64_parse(text, sg_i64_format(s, text), &s_back) == 0 && s == s_back);
        SG_ASSERT(sg_double_parse_all(p, n, &v) == 0 && v == (double)s);
    }
    if (sg_u64_parse(p, n, &u) == 0) {
        SG_ASSERT(sg_u64_parse(text, sg_u64_format(u, text), &u_back) == 0 && u == u_back);
        SG_ASSERT(sg_double_parse_all(p, n, &v) == 0 && v == (double)u);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    double v = 0;
    ssize_t used = sg_double_parse(p, size, &v);
    SG_ASSERT(used == SG_ESYNTAX || (used > 0 && (size_t)used <= size));
    against_strtod(p, size, used, v);
    if (used > 0)
        round_trip(v);
    if (size >= sizeof(v)) {
        memcpy(&v, data, sizeof(v));
        round_trip(v);
    }
    integers(p, size);
    return 0;
}
