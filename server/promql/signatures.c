/* signatures.c - the tables of functions, aggregations and operators, and finding a name in them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/promql_ast.h>
#include <string.h>

#include "check.h"

/* In the order of the ids, which is nearly but not quite the order of the names ("day_of_…" and
 * "days_…" differ). */
static const struct sg_function functions[] = {
#define FUNCTION(id, name, ret, count, variadic, a, b, c, d, e)                                    \
    {SG_FN_##id,    name,  {SG_TYPE_##a, SG_TYPE_##b, SG_TYPE_##c, SG_TYPE_##d, SG_TYPE_##e},      \
     SG_TYPE_##ret, count, variadic},
    SG_FUNCTION_MAP(FUNCTION)
#undef FUNCTION
};

static const struct {
    const char *name;
    enum sg_expr_type param;
} aggregations[] = {
#define AGGREGATION(id, name, param) {name, SG_TYPE_##param},
    SG_AGGREGATION_MAP(AGGREGATION)
#undef AGGREGATION
};

static const struct {
    const char *text;
    int priority;
    enum sg_binary_class class;
} operators[] = {
#define OPERATOR(id, text, priority, class) {text, priority, SG_BINARY_##class},
    SG_BINARY_MAP(OPERATOR)
#undef OPERATOR
};

static int cmp_function(const void *key, const void *entry)
{
    const struct sg_function *f = entry;
    return sg_str_cmp(*(const struct sg_str *)key, sg_str_from(f->name));
}

const struct sg_function *sg_function_find(struct sg_str name)
{
    return bsearch(&name, functions, SG_ARRAY_LEN(functions), sizeof(functions[0]), cmp_function);
}

const struct sg_function *sg_function_get(enum sg_function_id id)
{
    SG_ASSERT((size_t)id < SG_ARRAY_LEN(functions));
    return &functions[id];
}

const char *sg_aggregation_text(enum sg_aggregation_op op)
{
    return aggregations[op].name;
}

enum sg_expr_type sg_aggregation_param_type(enum sg_aggregation_op op)
{
    return aggregations[op].param;
}

const char *sg_binary_text(enum sg_binary_op op)
{
    return operators[op].text;
}

enum sg_binary_class sg_binary_class(enum sg_binary_op op)
{
    return operators[op].class;
}

int sg_binary_priority(enum sg_binary_op op)
{
    return operators[op].priority;
}

const char *sg_expr_type_text(enum sg_expr_type type)
{
    static const char *const text[] = {"none", "scalar", "string", "instant vector",
                                       "range vector"};
    return text[type];
}

/* ---- did you mean ---- */

struct best {
    const char *name;
    size_t distance;
    size_t prefix; /* letters in common at the start */
};

static size_t common_prefix(struct sg_str a, struct sg_str b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

/* Two neighbouring letters swapped: one slip for who types, two for Levenshtein. */
static bool is_swapped(struct sg_str a, struct sg_str b)
{
    size_t i = common_prefix(a, b);
    return a.n == b.n && i + 1 < a.n && a.p[i] == b.p[i + 1] && a.p[i + 1] == b.p[i] &&
           memcmp(a.p + i + 2, b.p + i + 2, a.n - i - 2) == 0;
}

/* A name that differs only in case is as close as can be. Among equals the one that begins alike is
 * meant: "rat" is rate rather than rad. */
static void consider(struct best *b, struct sg_str name, const char *candidate)
{
    struct sg_str c = sg_str_from(candidate);
    size_t d = sg_str_ieq(name, c) ? 0 : sg_str_distance(name, c, b->distance) + (c.n < 3);
    size_t prefix = common_prefix(name, c);
    if (d > 1 && is_swapped(name, c))
        d = 1;
    if (d < b->distance || (d == b->distance && b->name && prefix > b->prefix))
        *b = (struct best){candidate, d, prefix};
}

void sg__suggest(struct sg_str name, char *dst, size_t size)
{
    /* One slip in a short word, two in a longer one, three in a long one: what is further away is
     * another word. */
    size_t slips = name.n <= 4 ? 1 : name.n <= 8 ? 2 : 3;
    struct best b = {NULL, slips + 1, 0};
    for (size_t i = 0; i < SG_ARRAY_LEN(functions); i++)
        consider(&b, name, functions[i].name);
    for (size_t i = 0; i < SG_ARRAY_LEN(aggregations); i++)
        consider(&b, name, aggregations[i].name);
    if (b.name)
        snprintf(dst, size, ", did you mean '%s'?", b.name);
}
