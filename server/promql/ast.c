/* ast.c - walking, comparing and hashing trees. */
#include <math.h>
#include <streamgauge/hash.h>
#include <streamgauge/promql_ast.h>
#include <string.h>

struct sg_expr *sg_expr_child(const struct sg_expr *e, uint32_t i)
{
    switch (e->kind) {
    case SG_EXPR_SUBQUERY:
        return i == 0 ? e->u.subquery.expr : NULL;
    case SG_EXPR_CALL:
        return i < e->u.call.arg_count ? e->u.call.args[i] : NULL;
    case SG_EXPR_AGGREGATE:
        if (e->u.aggregate.param)
            return i == 0 ? e->u.aggregate.param : i == 1 ? e->u.aggregate.expr : NULL;
        return i == 0 ? e->u.aggregate.expr : NULL;
    case SG_EXPR_BINARY:
        return i == 0 ? e->u.binary.lhs : i == 1 ? e->u.binary.rhs : NULL;
    case SG_EXPR_NEGATE:
    case SG_EXPR_PLUS:
    case SG_EXPR_PAREN:
        return i == 0 ? e->u.negate : NULL;
    case SG_EXPR_NUMBER:
    case SG_EXPR_STRING:
    case SG_EXPR_SELECTOR:
    case SG_EXPR_RANGE_SELECTOR:
        break;
    }
    return NULL;
}

/* The bits of a double, with one NaN, so that equal means "the same number everywhere". */
static uint64_t number_bits(double v)
{
    uint64_t bits;
    if (isnan(v))
        return UINT64_C(0x7ff8000000000001);
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

/* ---- equality ---- */

static bool strings_equal(const struct sg_str *a, uint32_t na, const struct sg_str *b, uint32_t nb)
{
    if (na != nb)
        return false;
    for (uint32_t i = 0; i < na; i++)
        if (!sg_str_eq(a[i], b[i]))
            return false;
    return true;
}

static bool duration_expr_equal(const struct sg_duration_expr *a, const struct sg_duration_expr *b)
{
    if (!a || !b)
        return a == b;
    return a->op == b->op && number_bits(a->number) == number_bits(b->number) &&
           duration_expr_equal(a->lhs, b->lhs) && duration_expr_equal(a->rhs, b->rhs);
}

static bool duration_equal(const struct sg_duration *a, const struct sg_duration *b)
{
    return a->ms == b->ms && duration_expr_equal(a->expr, b->expr);
}

static bool asof_equal(const struct sg_asof *a, const struct sg_asof *b)
{
    return a->at == b->at && a->at_ms == b->at_ms && duration_equal(&a->offset, &b->offset);
}

static bool selector_equal(const struct sg_selector *a, const struct sg_selector *b)
{
    if (a->matcher_count != b->matcher_count || !asof_equal(&a->asof, &b->asof) ||
        !duration_equal(&a->range, &b->range))
        return false;
    for (uint32_t i = 0; i < a->matcher_count; i++)
        if (sg_matcher_cmp(a->matchers[i], b->matchers[i]) != 0)
            return false;
    return true;
}

static bool binary_equal(const struct sg_binary *a, const struct sg_binary *b)
{
    const struct sg_matching *m = &a->matching, *n = &b->matching;
    return a->op == b->op && a->return_bool == b->return_bool && m->card == n->card &&
           m->on == n->on && strings_equal(m->labels, m->label_count, n->labels, n->label_count) &&
           strings_equal(m->include, m->include_count, n->include, n->include_count);
}

/* Everything but the children. */
static bool node_equal(const struct sg_expr *a, const struct sg_expr *b)
{
    switch (a->kind) {
    case SG_EXPR_NUMBER:
        return number_bits(a->u.number) == number_bits(b->u.number);
    case SG_EXPR_STRING:
        return sg_str_eq(a->u.string, b->u.string);
    case SG_EXPR_SELECTOR:
    case SG_EXPR_RANGE_SELECTOR:
        return selector_equal(&a->u.selector, &b->u.selector);
    case SG_EXPR_SUBQUERY:
        return duration_equal(&a->u.subquery.range, &b->u.subquery.range) &&
               duration_equal(&a->u.subquery.step, &b->u.subquery.step) &&
               asof_equal(&a->u.subquery.asof, &b->u.subquery.asof);
    case SG_EXPR_CALL:
        return a->u.call.fn == b->u.call.fn;
    case SG_EXPR_AGGREGATE:
        return a->u.aggregate.op == b->u.aggregate.op &&
               a->u.aggregate.without == b->u.aggregate.without &&
               strings_equal(a->u.aggregate.labels, a->u.aggregate.label_count,
                             b->u.aggregate.labels, b->u.aggregate.label_count);
    case SG_EXPR_BINARY:
        return binary_equal(&a->u.binary, &b->u.binary);
    case SG_EXPR_NEGATE:
    case SG_EXPR_PLUS:
    case SG_EXPR_PAREN:
        break;
    }
    return true;
}

bool sg_expr_equal(const struct sg_expr *a, const struct sg_expr *b)
{
    if (a->kind != b->kind || a->type != b->type || a->height != b->height || !node_equal(a, b))
        return false;
    for (uint32_t i = 0;; i++) {
        const struct sg_expr *ca = sg_expr_child(a, i), *cb = sg_expr_child(b, i);
        if (!ca || !cb)
            return ca == cb;
        if (!sg_expr_equal(ca, cb))
            return false;
    }
}

/* ---- hash ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    return sg_hash_mix(h ^ (v + UINT64_C(0x9e3779b97f4a7c15)));
}

static uint64_t mix_str(uint64_t h, struct sg_str s)
{
    return mix(h, sg_hash64(s.p, s.n));
}

static uint64_t mix_strings(uint64_t h, const struct sg_str *s, uint32_t n)
{
    h = mix(h, n);
    for (uint32_t i = 0; i < n; i++)
        h = mix_str(h, s[i]);
    return h;
}

static uint64_t mix_duration_expr(uint64_t h, const struct sg_duration_expr *d)
{
    if (!d)
        return mix(h, 0);
    h = mix(mix(h, 1 + (uint64_t)d->op), number_bits(d->number));
    return mix_duration_expr(mix_duration_expr(h, d->lhs), d->rhs);
}

static uint64_t mix_duration(uint64_t h, const struct sg_duration *d)
{
    return mix_duration_expr(mix(h, (uint64_t)d->ms), d->expr);
}

static uint64_t mix_asof(uint64_t h, const struct sg_asof *a)
{
    return mix_duration(mix(mix(h, (uint64_t)a->at), (uint64_t)a->at_ms), &a->offset);
}

static uint64_t mix_selector(uint64_t h, const struct sg_selector *s)
{
    for (uint32_t i = 0; i < s->matcher_count; i++) {
        const struct sg_matcher *m = s->matchers[i];
        h = mix_str(mix_str(mix(h, (uint64_t)m->type), m->name), m->value);
    }
    return mix_duration(mix_asof(h, &s->asof), &s->range);
}

static uint64_t mix_binary(uint64_t h, const struct sg_binary *b)
{
    h = mix(h, (uint64_t)b->op << 8 | (uint64_t)b->matching.card << 2 |
                   (uint64_t)b->matching.on << 1 | (uint64_t)b->return_bool);
    h = mix_strings(h, b->matching.labels, b->matching.label_count);
    return mix_strings(h, b->matching.include, b->matching.include_count);
}

static uint64_t mix_node(uint64_t h, const struct sg_expr *e)
{
    switch (e->kind) {
    case SG_EXPR_NUMBER:
        return mix(h, number_bits(e->u.number));
    case SG_EXPR_STRING:
        return mix_str(h, e->u.string);
    case SG_EXPR_SELECTOR:
    case SG_EXPR_RANGE_SELECTOR:
        return mix_selector(h, &e->u.selector);
    case SG_EXPR_SUBQUERY:
        h = mix_duration(mix_duration(h, &e->u.subquery.range), &e->u.subquery.step);
        return mix_asof(h, &e->u.subquery.asof);
    case SG_EXPR_CALL:
        return mix(h, (uint64_t)e->u.call.fn->id);
    case SG_EXPR_AGGREGATE:
        h = mix(h, (uint64_t)e->u.aggregate.op << 1 | (uint64_t)e->u.aggregate.without);
        return mix_strings(h, e->u.aggregate.labels, e->u.aggregate.label_count);
    case SG_EXPR_BINARY:
        return mix_binary(h, &e->u.binary);
    case SG_EXPR_NEGATE:
    case SG_EXPR_PLUS:
    case SG_EXPR_PAREN:
        break;
    }
    return h;
}

uint64_t sg_expr_hash(const struct sg_expr *e)
{
    uint64_t h = mix_node(mix(0, (uint64_t)e->kind), e);
    const struct sg_expr *child;
    for (uint32_t i = 0; (child = sg_expr_child(e, i)); i++)
        h = mix(h, sg_expr_hash(child));
    return h;
}
