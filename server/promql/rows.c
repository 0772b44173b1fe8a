/* rows.c - output series of nodes, and the way from input rows to output rows. */
#include "plan.h"
#include <stdlib.h>

void sg__rows_clear(struct sg__rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        sg_labels_unref(r->labels[i]);
    r->n = 0;
    r->extends = 0;
}

void sg__rows_deinit(struct sg__rows *r)
{
    sg__rows_clear(r);
    sg_free(r->labels);
    sg_free(r->drop);
    *r = (struct sg__rows){0};
}

void sg__rows_add_take(struct sg__rows *r, const struct sg_labels *labels, bool drop)
{
    r->labels = sg_grow(r->labels, &r->cap, r->n + 1, sizeof(*r->labels));
    r->drop = sg_grow(r->drop, &r->drop_cap, r->n + 1, sizeof(*r->drop));
    r->labels[r->n] = labels;
    r->drop[r->n++] = drop;
}

int sg__rows_done(struct sg_promql_plan *p, struct sg__node *n)
{
    n->own_rows.version = ++p->next_version;
    n->rows = &n->own_rows;
    if (n->own_rows.n > p->opt.max_series)
        return sg__fail(p, n->expr, SG_ELIMIT,
                        "expression yields more than %llu series (max_series)",
                        (unsigned long long)p->opt.max_series);
    return 0;
}

/* ---- order ---- */

struct placed {
    const struct sg_labels *labels;
    uint32_t at;
    bool drop;
};

static int by_labels(const void *pa, const void *pb)
{
    const struct placed *a = pa, *b = pb;
    int cmp = sg_labels_cmp(a->labels, b->labels);
    return cmp ? cmp : a->drop - b->drop;
}

/* ret_to: the new place of each. */
static void sort_rows(struct sg__rows *r, uint32_t *ret_to)
{
    struct placed *all = sg_alloc((r->n + 1) * sizeof(*all));
    for (size_t i = 0; i < r->n; i++)
        all[i] = (struct placed){r->labels[i], (uint32_t)i, r->drop[i]};
    qsort(all, r->n, sizeof(*all), by_labels);
    for (size_t i = 0; i < r->n; i++) {
        r->labels[i] = all[i].labels;
        r->drop[i] = all[i].drop;
        ret_to[all[i].at] = (uint32_t)i;
    }
    sg_free(all);
}

int sg__rows_settle(struct sg_promql_plan *p, struct sg__node *n, struct sg__intern *set,
                    uint32_t *of, size_t n_of)
{
    if (n->own_rows.n > p->opt.max_series) /* refused: no use in sorting them */
        return sg__rows_done(p, n);
    uint32_t *to = sg_alloc((n->own_rows.n + 1) * sizeof(*to));
    sort_rows(&n->own_rows, to);
    for (size_t i = 0; i < n_of; i++)
        if (of[i] != SG__NO_ROW)
            of[i] = to[of[i]];
    sg_free(to);
    bool by_drop = set->by_drop;
    sg__intern_deinit(set);
    sg__intern_init(set, n->own_rows.n);
    set->by_drop = by_drop;
    sg__intern_load(set, &n->own_rows);
    return sg__rows_done(p, n);
}

/* ---- interning ---- */

void sg__intern_init(struct sg__intern *in, size_t expected)
{
    size_t size = 16;
    while (size < expected * 2)
        size *= 2;
    in->slot = sg_calloc(size, sizeof(*in->slot));
    in->mask = size - 1;
    in->used = 0;
    in->by_drop = false;
}

void sg__intern_deinit(struct sg__intern *in)
{
    sg_free(in->slot);
    in->slot = NULL;
}

static uint32_t *intern_slot(const struct sg__intern *in, const struct sg__rows *r,
                             const struct sg_labels *labels, bool drop)
{
    for (size_t i = labels->hash & in->mask;; i = (i + 1) & in->mask) {
        uint32_t *slot = &in->slot[i];
        if (!*slot || (sg_labels_eq(r->labels[*slot - 1], labels) &&
                       (!in->by_drop || r->drop[*slot - 1] == drop)))
            return slot;
    }
}

uint32_t sg__intern_find(const struct sg__intern *in, const struct sg__rows *r,
                         const struct sg_labels *labels)
{
    uint32_t found = *intern_slot(in, r, labels, false);
    return found ? found - 1 : SG__NO_ROW;
}

static void intern_grow(struct sg__intern *in, const struct sg__rows *r)
{
    uint32_t *old = in->slot;
    size_t size = in->mask + 1;
    in->slot = sg_calloc(size * 2, sizeof(*in->slot));
    in->mask = size * 2 - 1;
    for (size_t i = 0; i < size; i++)
        if (old[i])
            *intern_slot(in, r, r->labels[old[i] - 1], r->drop[old[i] - 1]) = old[i];
    sg_free(old);
}

uint32_t sg__intern_row_take(struct sg__intern *in, struct sg__rows *r,
                             const struct sg_labels *labels, bool drop)
{
    uint32_t *slot = intern_slot(in, r, labels, drop);
    if (*slot) {
        sg_labels_unref(labels);
        return *slot - 1;
    }
    sg__rows_add_take(r, labels, drop);
    *slot = (uint32_t)r->n;
    if (++in->used * 2 > in->mask)
        intern_grow(in, r);
    return (uint32_t)r->n - 1;
}

void sg__intern_load(struct sg__intern *in, const struct sg__rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        *intern_slot(in, r, r->labels[i], r->drop[i]) = (uint32_t)i + 1;
        if (++in->used * 2 > in->mask)
            intern_grow(in, r);
    }
}

/* ---- names ---- */

const struct sg_labels *sg__labels_drop_name(const struct sg_labels *l)
{
    static const struct sg_str names[] = {{"__name__", 8}, {"__type__", 8}, {"__unit__", 8}};
    if (l->count == 0 || sg_labels_at(l, 0).name.n == 0)
        return sg_labels_ref(l);
    return sg_labels_project(l, names, SG_ARRAY_LEN(names), false);
}

struct sg_str sg__metric_name(const struct sg_labels *l)
{
    struct sg_str name = sg_labels_get(l, SG_METRIC_NAME);
    return name.p ? name : SG_STR("");
}

/* ---- maps ---- */

void sg__map_deinit(struct sg__map *m)
{
    sg_free(m->to);
    sg_free(m->owner);
    sg_free(m->v);
    sg_free(m->present);
    sg_free(m->h);
    *m = (struct sg__map){0};
}

void sg__map_begin(struct sg__map *m, size_t in_rows)
{
    m->to = sg_grow(m->to, &m->cap, in_rows ? in_rows : 1, sizeof(*m->to));
    m->n = in_rows;
}

/* Rows of `in` from m->n on; those before are as they were. */
static int map_extend(struct sg_promql_plan *p, struct sg__node *n, struct sg__map *m,
                      const struct sg__rows *in)
{
    struct sg__rows *own = &n->own_rows;
    uint64_t before = own->version;
    size_t from = m->n, before_n = own->n;
    sg__map_begin(m, in->n);
    struct sg__intern set;
    sg__intern_init(&set, in->n);
    sg__intern_load(&set, own);
    for (size_t i = from; i < in->n; i++)
        m->to[i] = sg__intern_row_take(&set, own, sg__labels_drop_name(in->labels[i]), false);
    sg__intern_deinit(&set);
    m->identity = own->n == in->n;
    if (own->n == before_n)
        return 0;
    own->extends = before;
    own->extends_n = before_n;
    return sg__rows_done(p, n);
}

int sg__map_update(struct sg_promql_plan *p, struct sg__node *n, struct sg__map *m,
                   const struct sg__rows *in, enum sg__names names)
{
    if (m->version == in->version && m->version)
        return 0;
    bool extends = m->version && in->extends == m->version && in->extends_n == m->n &&
                   n->own_rows.version && names == SG__NAMES_DROP && !p->opt.delayed_names;
    m->version = in->version;
    if (extends) {
        int rc = map_extend(p, n, m, in);
        if (rc < 0)
            m->version = 0;
        return rc;
    }
    m->n = in->n;
    if (names == SG__NAMES_KEEP) {
        m->identity = true;
        n->rows = in;
        return 0;
    }
    sg__map_begin(m, in->n);
    sg__rows_clear(&n->own_rows);
    struct sg__intern set;
    sg__intern_init(&set, in->n);
    for (size_t i = 0; i < in->n; i++) {
        const struct sg_labels *l = p->opt.delayed_names ? sg_labels_ref(in->labels[i])
                                                         : sg__labels_drop_name(in->labels[i]);
        m->to[i] = sg__intern_row_take(&set, &n->own_rows, l, p->opt.delayed_names);
    }
    sg__intern_deinit(&set);
    m->identity = n->own_rows.n == in->n;
    int rc = sg__rows_done(p, n);
    if (rc < 0)
        m->version = 0;
    return rc;
}

int sg__map_start(struct sg_promql_plan *p, struct sg__node *n, struct sg__map *m,
                  const struct sg__span *s, size_t k)
{
    int rc = sg__cols_reset(p, n, n->rows->n, k);
    if (rc < 0 || m->identity)
        return rc;
    if (m->strict && s->first == 0) {
        m->owner = sg_grow(m->owner, &m->owner_cap, n->rows->n, sizeof(*m->owner));
        for (size_t i = 0; i < n->rows->n; i++)
            m->owner[i] = SG__NO_ROW;
    }
    if (k > m->cap_k) {
        sg_free(m->v);
        sg_free(m->present);
        sg_free(m->h);
        m->h = NULL;
        m->cap_k = k;
        m->v = sg_alloc(k * sizeof(*m->v));
        m->present = sg_alloc(sg__words(k) * sizeof(*m->present));
    }
    return 0;
}

void sg__map_target(struct sg__node *n, struct sg__map *m, size_t row, struct sg__target *t)
{
    *t = (struct sg__target){.map = m, .row = row};
    if (m->identity) {
        t->v = sg__row_v(&n->own, row);
        t->present = sg__row_present(&n->own, row);
        t->h = sg__row_h(&n->own, row);
        return;
    }
    t->v = m->v;
    t->present = m->present;
    memset(t->present, 0, n->own.words * sizeof(*t->present));
}

int sg__map_target_h(struct sg_promql_plan *p, struct sg__node *n, struct sg__target *t)
{
    struct sg__map *m = t->map;
    if (t->h)
        return 0;
    int rc = sg__cols_want_h(p, n);
    if (rc < 0)
        return rc;
    if (m->identity) {
        t->h = sg__row_h(&n->own, t->row);
        return 0;
    }
    if (!m->h)
        m->h = sg_alloc(m->cap_k * sizeof(*m->h));
    memset(m->h, 0, n->own.k * sizeof(*m->h));
    t->h = m->h;
    return 0;
}

int sg__map_put_h(struct sg_promql_plan *p, struct sg__node *n, struct sg__target *t, size_t step,
                  const struct sg_histogram *h)
{
    int rc = sg__map_target_h(p, n, t);
    if (rc < 0)
        return rc;
    t->h[step] = h;
    return sg__charge_samples(p, n->expr, 0);
}

static int duplicate(struct sg_promql_plan *p, struct sg__node *n)
{
    return sg__fail(p, n->expr, SG_EEXECUTION,
                    "vector cannot contain metrics with the same labelset");
}

int sg__map_commit(struct sg_promql_plan *p, struct sg__node *n, const struct sg__target *t)
{
    struct sg__map *m = t->map;
    if (m->identity)
        return 0;
    uint32_t row = m->to[t->row];
    uint64_t *present = sg__row_present(&n->own, row), any = 0;
    for (size_t w = 0; w < n->own.words; w++) {
        if (present[w] & t->present[w])
            return duplicate(p, n);
        any |= t->present[w];
        present[w] |= t->present[w];
    }
    if (!any)
        return 0;
    if (m->strict) {
        if (m->owner[row] != SG__NO_ROW && m->owner[row] != t->row)
            return duplicate(p, n);
        m->owner[row] = (uint32_t)t->row;
    }
    double *v = sg__row_v(&n->own, row);
    const struct sg_histogram **h = sg__row_h(&n->own, row);
    for (SG__EACH(t->present, n->own.k, s)) {
        v[s] = t->v[s];
        if (h)
            h[s] = t->h ? t->h[s] : NULL;
    }
    return 0;
}
