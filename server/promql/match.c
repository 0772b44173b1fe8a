/* match.c - arithmetic and comparison between two vectors: one-to-one, many-to-one, one-to-many.
 *
 * When rows are new, both sides get the number of their match group (labels in on(…), or all but
 * ignoring(…) and the name), and every possible output its row: one per row of the "many" side,
 * times the different values of group_left's labels on the "one" side of its group. When no group
 * can clash, evaluation is a loop over pairs of rows; otherwise every step is checked, since series
 * that never exist at the same time may share a group.
 */
#include "plan.h"
#include "stats.h"

struct state {
    uint64_t left_version, right_version;
    uint32_t *many_group, *one_group; /* per row */
    size_t cap_many, cap_one;
    size_t n_groups;
    uint32_t *one_class; /* per one-side row: which of its group's included label values */
    size_t cap_class;
    uint32_t *base; /* per many-side row: its first entry in `to` */
    size_t cap_base;
    uint32_t *to; /* output rows */
    size_t cap_to;
    bool simple;       /* at most one partner each, outputs all different */
    uint32_t *partner; /* simple: per many-side row */
    size_t cap_partner;
    uint32_t *seen; /* per group: the one-side row present at this step, or SG__NO_ROW */
    size_t cap_seen;
    uint8_t *matched; /* per group */
    size_t cap_matched;
    uint8_t *claimed; /* per output row: some pair of this step is allowed to have it */
    size_t cap_claimed;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg_free(st->many_group);
    sg_free(st->one_group);
    sg_free(st->one_class);
    sg_free(st->base);
    sg_free(st->to);
    sg_free(st->partner);
    sg_free(st->seen);
    sg_free(st->matched);
    sg_free(st->claimed);
}

static const struct sg_matching *matching_of(const struct sg__node *n)
{
    return &n->expr->u.binary.matching;
}
static bool swapped(const struct sg__node *n)
{
    return matching_of(n)->card == SG_CARD_ONE_TO_MANY;
}
static struct sg__node *many_side(const struct sg__node *n)
{
    return n->child[swapped(n) ? 1 : 0];
}
static struct sg__node *one_side(const struct sg__node *n)
{
    return n->child[swapped(n) ? 0 : 1];
}

/* ---- groups ---- */

/* Labels that must agree. Returns owned. */
static const struct sg_labels *signature(const struct sg_matching *m, const struct sg_labels *l)
{
    if (m->on)
        return sg_labels_project(l, m->labels, m->label_count, true);
    const struct sg_str name = SG_METRIC_NAME;
    const struct sg_labels *bare = sg_labels_project(l, &name, 1, false);
    if (!m->label_count)
        return bare;
    const struct sg_labels *rest = sg_labels_project(bare, m->labels, m->label_count, false);
    sg_labels_unref(bare);
    return rest;
}

size_t sg__match_groups(struct sg_promql_plan *p, const struct sg_matching *m,
                        const struct sg__rows *a, uint32_t *ret_a, const struct sg__rows *b,
                        uint32_t *ret_b)
{
    struct sg__rows groups = {0};
    struct sg__intern set;
    (void)p;
    sg__intern_init(&set, a->n);
    for (size_t i = 0; i < a->n; i++)
        ret_a[i] = sg__intern_row_take(&set, &groups, signature(m, a->labels[i]), false);
    for (size_t i = 0; i < b->n; i++)
        ret_b[i] = sg__intern_row_take(&set, &groups, signature(m, b->labels[i]), false);
    size_t n = groups.n;
    sg__intern_deinit(&set);
    sg__rows_deinit(&groups);
    return n;
}

/* ---- output labels ---- */

static const struct sg_labels *output_labels(struct sg_promql_plan *p, const struct sg__node *n,
                                             const struct sg_labels *many,
                                             const struct sg_labels *one)
{
    const struct sg_binary *b = &n->expr->u.binary;
    const struct sg_matching *m = &b->matching;
    bool drop =
        sg_binary_class(b->op) == SG_BINARY_ARITHMETIC || (b->return_bool && !p->opt.delayed_names);
    const struct sg_labels *l = drop ? sg__labels_drop_name(many) : sg_labels_ref(many), *next;
    if (m->card == SG_CARD_ONE_TO_ONE && (m->on || m->label_count)) {
        next = sg_labels_project(l, m->labels, m->label_count, m->on);
        sg_labels_unref(l);
        l = next;
    }
    if (!m->include_count)
        return l;
    struct sg_labels_builder lb;
    sg_labels_builder_init(&lb);
    sg_labels_builder_load(&lb, l);
    sg_labels_unref(l);
    for (uint32_t i = 0; i < m->include_count; i++) {
        struct sg_str v = sg_labels_get(one, m->include[i]);
        sg_labels_builder_set(&lb, m->include[i], v.p ? v : SG_STR(""));
    }
    l = sg_labels_builder_build(&lb);
    sg_labels_builder_deinit(&lb);
    return l;
}

/* One-side rows of each group, as lists. */
struct lists {
    uint32_t *head, *next; /* per group, per one-side row */
    uint32_t *classes;     /* per group: number of different included values */
    uint32_t *count;       /* per group: one-side rows */
};

static void lists_init(struct lists *ls, const struct state *st, size_t rows)
{
    ls->head = sg_alloc((st->n_groups + 1) * sizeof(*ls->head));
    ls->classes = sg_calloc(st->n_groups + 1, sizeof(*ls->classes));
    ls->count = sg_calloc(st->n_groups + 1, sizeof(*ls->count));
    ls->next = sg_alloc((rows + 1) * sizeof(*ls->next));
    for (size_t g = 0; g < st->n_groups; g++)
        ls->head[g] = SG__NO_ROW;
    for (size_t i = rows; i-- > 0;) {
        uint32_t g = st->one_group[i];
        ls->next[i] = ls->head[g];
        ls->head[g] = (uint32_t)i;
        ls->count[g]++;
    }
}

static void lists_deinit(struct lists *ls)
{
    sg_free(ls->head);
    sg_free(ls->next);
    sg_free(ls->classes);
    sg_free(ls->count);
}

static bool same_included(const struct sg_matching *m, const struct sg_labels *a,
                          const struct sg_labels *b)
{
    for (uint32_t i = 0; i < m->include_count; i++) {
        struct sg_str va = sg_labels_get(a, m->include[i]), vb = sg_labels_get(b, m->include[i]);
        if (va.n != vb.n || (va.n && memcmp(va.p, vb.p, va.n) != 0))
            return false;
    }
    return true;
}

/* Numbers the included values within each group. The first row of a class stands for it. */
static int classify(struct sg_promql_plan *p, struct sg__node *n, struct lists *ls)
{
    struct state *st = n->state;
    const struct sg_matching *m = matching_of(n);
    const struct sg__rows *one = one_side(n)->rows;
    uint64_t work = 0;
    for (size_t g = 0; g < st->n_groups; g++) {
        for (uint32_t i = ls->head[g]; i != SG__NO_ROW; i = ls->next[i]) {
            uint32_t j = ls->head[g];
            while (j != i && !same_included(m, one->labels[i], one->labels[j])) {
                j = ls->next[j];
                if (++work > 20 * p->opt.max_series + 1000000)
                    return sg__fail(p, n->expr, SG_ELIMIT,
                                    "too many different values of included labels in one match "
                                    "group (max_series)");
            }
            st->one_class[i] = j == i ? ls->classes[g]++ : st->one_class[j];
        }
    }
    return 0;
}

static int make_rows(struct sg_promql_plan *p, struct sg__node *n, struct lists *ls)
{
    struct state *st = n->state;
    const struct sg__rows *many = many_side(n)->rows, *one = one_side(n)->rows;
    bool drop = p->opt.delayed_names && n->expr->u.binary.return_bool;
    size_t total = 0;
    struct sg__intern set;
    for (size_t i = 0; i < many->n; i++)
        total += ls->classes[st->many_group[i]];
    if (total > p->opt.max_series * 4)
        return sg__fail(p, n->expr, SG_ELIMIT, "more than %llu possible matches (max_series)",
                        (unsigned long long)p->opt.max_series * 4);
    st->to = sg_grow(st->to, &st->cap_to, total + 1, sizeof(*st->to));
    sg__intern_init(&set, total);
    sg__rows_clear(&n->own_rows);
    total = 0;
    for (size_t i = 0; i < many->n; i++) {
        uint32_t g = st->many_group[i], next = 0;
        st->base[i] = (uint32_t)total;
        for (uint32_t j = ls->head[g]; next < ls->classes[g]; j = ls->next[j]) {
            if (st->one_class[j] != next)
                continue;
            next++;
            st->to[total++] = sg__intern_row_take(
                &set, &n->own_rows, output_labels(p, n, many->labels[i], one->labels[j]), drop);
        }
    }
    sg__intern_deinit(&set);
    st->simple = n->own_rows.n == total;
    return sg__rows_done(p, n);
}

/* Whether no step can have clashes; then partners are fixed. */
static void find_partners(struct sg__node *n, const struct lists *ls)
{
    struct state *st = n->state;
    const struct sg__rows *many = many_side(n)->rows;
    memset(st->matched, 0, st->n_groups);
    for (size_t g = 0; g < st->n_groups; g++)
        st->simple &= ls->count[g] <= 1;
    for (size_t i = 0; i < many->n; i++) {
        uint32_t g = st->many_group[i];
        st->partner[i] = ls->head[g];
        if (matching_of(n)->card == SG_CARD_ONE_TO_ONE && ls->count[g] && st->matched[g]++)
            st->simple = false;
    }
}

static int update(struct sg_promql_plan *p, struct sg__node *n)
{
    struct state *st = n->state;
    const struct sg__rows *many = many_side(n)->rows, *one = one_side(n)->rows;
    if (st->left_version == many->version && st->right_version == one->version && many->version &&
        one->version)
        return 0;
    st->left_version = many->version;
    st->right_version = one->version;
    st->many_group = sg_grow(st->many_group, &st->cap_many, many->n + 1, sizeof(uint32_t));
    st->base = sg_grow(st->base, &st->cap_base, many->n + 1, sizeof(uint32_t));
    st->partner = sg_grow(st->partner, &st->cap_partner, many->n + 1, sizeof(uint32_t));
    st->one_group = sg_grow(st->one_group, &st->cap_one, one->n + 1, sizeof(uint32_t));
    st->one_class = sg_grow(st->one_class, &st->cap_class, one->n + 1, sizeof(uint32_t));
    st->n_groups = sg__match_groups(p, matching_of(n), many, st->many_group, one, st->one_group);
    st->seen = sg_grow(st->seen, &st->cap_seen, st->n_groups + 1, sizeof(uint32_t));
    st->matched = sg_grow(st->matched, &st->cap_matched, st->n_groups + 1, 1);
    struct lists ls;
    lists_init(&ls, st, one->n);
    int rc = classify(p, n, &ls);
    if (rc == 0)
        rc = make_rows(p, n, &ls);
    st->claimed = sg_grow(st->claimed, &st->cap_claimed, n->own_rows.n + 1, 1);
    if (rc == 0)
        find_partners(n, &ls);
    else
        st->left_version = 0;
    lists_deinit(&ls);
    return rc;
}

/* ---- values ---- */

static struct sg__point point_at(const struct sg__cols *c, size_t row, size_t step)
{
    return (struct sg__point){sg__row_v(c, row)[step], c->h ? sg__row_h(c, row)[step] : NULL};
}

enum outcome {
    MISFIT, /* the operator does not take such a pair; there was a note */
    FILTERED,
    KEPT,
};

/* What becomes of a pair; *ret is the value of one that is kept. */
static enum outcome value(struct sg_promql_plan *p, struct sg__node *n, struct sg__point many,
                          struct sg__point one, struct sg__point *ret)
{
    const struct sg_binary *b = &n->expr->u.binary;
    struct sg__point left = swapped(n) ? one : many, right = swapped(n) ? many : one;
    bool equality = b->op == SG_OP_EQ || b->op == SG_OP_NE;
    bool keep = sg__operate(p, n->expr, left, right, ret);
    if (!keep && (sg_binary_class(b->op) != SG_BINARY_COMPARE || !left.h != !right.h ||
                  (left.h && !equality)))
        return MISFIT;
    if (b->return_bool)
        *ret = (struct sg__point){keep ? 1 : 0, NULL};
    return keep || b->return_bool ? KEPT : FILTERED;
}

static int put(struct sg_promql_plan *p, struct sg__node *n, uint32_t row, size_t step,
               const struct sg__point *pt)
{
    sg__row_v(&n->own, row)[step] = pt->v;
    sg__put(sg__row_present(&n->own, row), step);
    if (!pt->h)
        return 0;
    int rc = sg__cols_want_h(p, n);
    if (rc < 0)
        return rc;
    sg__row_h(&n->own, row)[step] = pt->h;
    return sg__charge_samples(p, n->expr, 0);
}

static int compute_pairs(struct sg_promql_plan *p, struct sg__node *n, size_t k)
{
    struct state *st = n->state;
    const struct sg__cols *many = &many_side(n)->out, *one = &one_side(n)->out;
    for (size_t i = 0; i < many->n; i++) {
        uint32_t partner = st->partner[i];
        if (partner == SG__NO_ROW)
            continue;
        const uint64_t *other = sg__row_present(one, partner);
        for (SG__EACH(sg__row_present(many, i), k, step)) {
            struct sg__point pt;
            if (!sg__has(other, step) ||
                value(p, n, point_at(many, i, step), point_at(one, partner, step), &pt) != KEPT)
                continue;
            int rc = put(p, n, st->to[st->base[i]], step, &pt);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* Labels for an error's text: long ones end after a whole label. */
static void print_short(const struct sg_labels *l, char *ret, size_t size)
{
    struct sg_buf b;
    sg_buf_init(&b, 1 << 16);
    sg_labels_print(l, &b);
    const char *text = sg_buf_cstr(&b);
    size_t n = strlen(text);
    if (n < size) {
        memcpy(ret, text, n + 1);
    } else {
        static const char rest[] = ", ...}";
        n = size - sizeof(rest);
        while (n > 0 && !(text[n] == ',' && text[n + 1] == ' ' && text[n - 1] == '"'))
            n--;
        if (n == 0) /* one label is too long by itself */
            n = sg_utf8_valid_prefix(text, size - sizeof(rest));
        memcpy(ret, text, n);
        memcpy(ret + n, rest, sizeof(rest));
    }
    sg_buf_deinit(&b);
}

static int fail_duplicate(struct sg_promql_plan *p, struct sg__node *n, uint32_t a, uint32_t b)
{
    const struct sg__rows *one = one_side(n)->rows;
    const struct sg_labels *sig = signature(matching_of(n), one->labels[a]);
    char text[3][112];
    const struct sg_labels *l[3] = {sig, one->labels[a], one->labels[b]};
    for (int i = 0; i < 3; i++)
        print_short(l[i], text[i], sizeof(text[i]));
    int rc = sg__fail(p, n->expr, SG_EEXECUTION,
                      "found duplicate series for the match group %s on the %s hand-side of the "
                      "operation: [%s, %s];many-to-many matching not allowed: matching labels "
                      "must be unique on one side",
                      text[0], swapped(n) ? "left" : "right", text[1], text[2]);
    sg_labels_unref(sig);
    return rc;
}

static bool any_at(const struct sg__cols *c, size_t step)
{
    for (size_t i = 0; i < c->n; i++)
        if (sg__has(sg__row_present(c, i), step))
            return true;
    return false;
}

/* The one-side row of every group at this step. */
static int find_ones(struct sg_promql_plan *p, struct sg__node *n, size_t step)
{
    struct state *st = n->state;
    const struct sg__cols *one = &one_side(n)->out;
    for (size_t g = 0; g < st->n_groups; g++)
        st->seen[g] = SG__NO_ROW;
    memset(st->matched, 0, st->n_groups);
    for (size_t i = 0; i < one->n; i++) {
        uint32_t g = st->one_group[i];
        if (!sg__has(sg__row_present(one, i), step))
            continue;
        if (st->seen[g] != SG__NO_ROW)
            return fail_duplicate(p, n, (uint32_t)i, st->seen[g]);
        st->seen[g] = (uint32_t)i;
    }
    return 0;
}

static int compute_step(struct sg_promql_plan *p, struct sg__node *n, size_t step)
{
    struct state *st = n->state;
    const struct sg__cols *many = &many_side(n)->out, *one = &one_side(n)->out;
    bool one_to_one = matching_of(n)->card == SG_CARD_ONE_TO_ONE;
    if (!any_at(many, step)) /* nothing can match, so nothing can clash */
        return 0;
    int rc = find_ones(p, n, step);
    memset(st->claimed, 0, n->own_rows.n);
    for (size_t i = 0; rc == 0 && i < many->n; i++) {
        uint32_t g = st->many_group[i], partner = st->seen[g];
        struct sg__point pt;
        if (partner == SG__NO_ROW || !sg__has(sg__row_present(many, i), step))
            continue;
        enum outcome o = value(p, n, point_at(many, i, step), point_at(one, partner, step), &pt);
        if (o == MISFIT)
            continue;
        /* Whether a comparison holds must not decide if it was allowed. */
        if (one_to_one && st->matched[g]++)
            return sg__fail(p, n->expr, SG_EEXECUTION,
                            "multiple matches for labels: many-to-one matching must be explicit "
                            "(group_left/group_right)");
        uint32_t row = st->to[st->base[i] + st->one_class[partner]];
        if (st->claimed[row]++)
            return sg__fail(p, n->expr, SG_EEXECUTION,
                            one_to_one ? "vector cannot contain metrics with the same labelset"
                                       : "multiple matches for labels: grouping labels must ensure "
                                         "unique matches");
        if (o == FILTERED)
            continue;
        rc = put(p, n, row, step, &pt);
    }
    return rc;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    int rc = sg__compute(p, n->child[0], s);
    if (rc == 0)
        rc = sg__compute(p, n->child[1], s);
    if (rc == 0)
        rc = update(p, n);
    if (rc == 0)
        rc = sg__cols_reset(p, n, n->rows->n, s->k);
    if (rc == 0 && st->simple)
        return compute_pairs(p, n, s->k);
    for (size_t step = 0; rc == 0 && step < s->k; step++)
        rc = compute_step(p, n, step);
    return rc;
}

static const struct sg__op op_match = {"vector matching", compute, deinit};

struct sg__node *sg__match_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    return sg__node_new(p, e, &op_match, sizeof(struct state));
}
