/* leaf.c - what functions make of windows that are kept up to date, for all series at once.
 *
 * The rate family, counts, ends, extremes and quantiles come from the window's dense arrays. The
 * others are computed from the decoded ring by the ordinary engine's own functions, and only for
 * series whose window changed. All values equal the ordinary engine's to the bit: the additions are
 * the same in the same order.
 */
#include "live/leaf.h"

#include <string.h>

#include "live/cursor.h"

struct leaf;
/* Values of slots [from, from + n) into v and present, n <= SG__BLOCK. */
typedef void (*block_fn)(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present);

struct leaf {
    struct sg__feed *selector;
    struct sg__cursor *window; /* NULL: the newest samples */
    enum sg_function_id fn;
    block_fn compute;
    int extra;  /* enum sg__extra or -1 */
    bool timed; /* the value hangs on the evaluation time, too */
    int64_t time_ms;
    struct sg_querier *q;
    double arg[2];
    double *v; /* in order of rows, cap entries */
    uint64_t *present;
    size_t cap;
    /* recomputed ones: the last value of each slot and what it was made of */
    uint32_t *seen_lo, *seen_hi;
    double *seen_v;
    uint8_t *seen_there;
    size_t cap_seen;
    int64_t *scratch_t;
    double *scratch_v;
    size_t cap_scratch, cap_scratch_t;
};

static inline uint32_t count(const struct sg__cursor *w, size_t i)
{
    return w->cell[i].hi - w->cell[i].lo;
}

/* ---- newest samples ---- */

static void newest_of(struct leaf *l, size_t slot, int64_t lookback_ms, double *v,
                      uint64_t *present)
{
    struct sg__feed *s = l->selector;
    struct sg_sample one = {.time_ms = s->since_ms[slot], .v = s->ring[slot].newest};
    bool there = one.time_ms > l->time_ms - lookback_ms;
    if (s->labels[slot] && one.time_ms > l->time_ms) /* from the future */
        there = l->q->ops->last(l->q, s->handle[slot], l->time_ms - lookback_ms, l->time_ms, &one);
    *present = s->labels[slot] && there && !sg_is_stale(one.v);
    *v = l->fn == SG_FN_TIMESTAMP ? (double)one.time_ms / 1000 : one.v;
}

static void fn_newest(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present)
{
    for (size_t i = 0; i < n; i++)
        newest_of(l, from + i, l->selector->catalog->lookback_ms, &v[i], &present[i]);
}

/* ---- rate, increase, delta ---- */

/* Every value before a drop is added, in order. */
static void add_drops(const struct sg__cursor *w, size_t slot, double *diff)
{
    const struct sg__mono *m = &w->dropped[slot];
    for (uint32_t k = 0; k < m->n; k++)
        *diff += m->entry[(m->at + k) & (m->cap - 1)].v;
}

struct edges {
    double from, until, range_s;
    bool counter, per_second;
};

/* Two series at a time; the width that every machine has. */
typedef double pair __attribute__((vector_size(16)));
typedef int64_t mask __attribute__((vector_size(16)));

static inline pair choose(mask which, pair yes, pair no)
{
    return (pair)((which & (mask)yes) | (~which & (mask)no));
}

/* The windows of a block, field by field. */
struct gathered {
    double first_t[SG__BLOCK], last_t[SG__BLOCK], first_v[SG__BLOCK], diff[SG__BLOCK],
        gaps[SG__BLOCK];
};

/* The same steps as the ordinary engine's, as selects. */
static inline pair extrapolate(const struct edges *e, const struct gathered *g, size_t i)
{
    pair first_t, last_t, first, diff, gaps;
    memcpy(&first_t, g->first_t + i, sizeof(pair));
    memcpy(&last_t, g->last_t + i, sizeof(pair));
    memcpy(&first, g->first_v + i, sizeof(pair));
    memcpy(&diff, g->diff + i, sizeof(pair));
    memcpy(&gaps, g->gaps + i, sizeof(pair));
    pair to_start = (first_t - e->from) / 1000.0, to_end = (e->until - last_t) / 1000.0;
    pair sampled = (last_t - first_t) / 1000.0, average = sampled / gaps;
    pair threshold = average * 1.1, half = average * 0.5;
    to_start = choose((mask)(to_start >= threshold), half, to_start);
    if (e->counter) {
        pair to_zero = sampled * (first / diff);
        mask floored = (mask)(diff > 0.0) & (mask)(first >= 0.0) & (mask)(to_zero < to_start);
        to_start = choose(floored, to_zero, to_start);
    }
    to_end = choose((mask)(to_end >= threshold), half, to_end);
    pair covered = sampled + to_start;
    covered += to_end;
    pair factor = covered / sampled;
    if (e->per_second)
        factor /= e->range_s;
    return diff * factor;
}

static uint32_t gather(const struct sg__cursor *w, size_t from, size_t n, struct gathered *g)
{
    uint32_t drops = 0;
    for (size_t i = 0; i < n; i++) {
        const struct sg__cell *c = &w->cell[from + i];
        g->first_t[i] = c->first_t;
        g->last_t[i] = c->last_t;
        g->first_v[i] = c->first_v;
        g->diff[i] = c->last_v - c->first_v;
        g->gaps[i] = (double)(int32_t)(c->hi - c->lo - 1);
        drops |= c->drops;
    }
    if (n % 2) { /* nobody's neighbour */
        g->first_t[n] = g->last_t[n] = g->first_v[n] = g->diff[n] = 0;
        g->gaps[n] = 1;
    }
    return drops;
}

static void fn_rate(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present)
{
    const struct sg__cursor *w = l->window;
    struct edges e = {.until = (double)w->until_ms,
                      .from = (double)(w->until_ms - w->range_ms),
                      .range_s = (double)w->range_ms / 1000,
                      .counter = l->fn != SG_FN_DELTA,
                      .per_second = l->fn == SG_FN_RATE};
    struct gathered g;
    uint32_t drops = gather(w, from, n, &g);
    for (size_t i = 0; e.counter && drops && i < n; i++)
        if (w->cell[from + i].drops)
            add_drops(w, from + i, &g.diff[i]);
    for (size_t i = 0; i < n; i++)
        present[i] = g.gaps[i] >= 1;
    for (size_t i = 0; i + 1 < n; i += 2) {
        pair x = extrapolate(&e, &g, i);
        memcpy(v + i, &x, sizeof(x));
    }
    if (n % 2)
        v[n - 1] = extrapolate(&e, &g, n - 1)[0];
}

static inline struct sg__mono_entry before_last(const struct sg__cursor *w, size_t slot)
{
    uint32_t k = w->cell[slot].hi - 2;
    if (w->is_long)
        return (struct sg__mono_entry){w->trail[slot].before_t, w->trail[slot].before_v};
    return (struct sg__mono_entry){*sg__ring_t(w->selector, slot, k),
                                   *sg__ring_v(w->selector, slot, k)};
}

static void fn_last_two(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present)
{
    const struct sg__cursor *w = l->window;
    for (size_t i = 0; i < n; i++) {
        size_t slot = from + i;
        present[i] = count(w, slot) >= 2;
        if (!present[i])
            continue;
        struct sg__mono_entry x = before_last(w, slot);
        double last = w->cell[slot].last_v, before = x.v;
        double interval = w->cell[slot].last_t - x.t;
        v[i] = l->fn == SG_FN_IRATE && last < before ? last : last - before;
        if (l->fn == SG_FN_IRATE)
            v[i] /= interval / 1000;
    }
}

/* ---- what the window knows ---- */

static void fn_known(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present)
{
    const struct sg__cursor *w = l->window;
    for (size_t i = 0; i < n; i++)
        present[i] = count(w, from + i) > 0;
#define EACH(value)                                                                                \
    for (size_t i = 0; i < n; i++)                                                                 \
        v[i] = (value);                                                                            \
    break
    switch (l->fn) {
    case SG_FN_CHANGES:
        EACH((double)w->cell[from + i].changes);
    case SG_FN_RESETS:
        EACH((double)w->cell[from + i].drops);
    case SG_FN_COUNT_OVER_TIME:
        EACH((double)count(w, from + i));
    case SG_FN_FIRST_OVER_TIME:
        EACH(w->cell[from + i].first_v);
    case SG_FN_LAST_OVER_TIME:
        EACH(w->cell[from + i].last_v);
    case SG_FN_TS_OF_FIRST_OVER_TIME:
        EACH(w->cell[from + i].first_t / 1000);
    case SG_FN_TS_OF_LAST_OVER_TIME:
        EACH(w->cell[from + i].last_t / 1000);
    default: /* present_over_time */
        EACH(1);
    }
#undef EACH
}

static void fn_extreme(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present)
{
    const struct sg__cursor *w = l->window;
    bool times = l->fn == SG_FN_TS_OF_MAX_OVER_TIME || l->fn == SG_FN_TS_OF_MIN_OVER_TIME;
    for (size_t i = 0; i < n; i++) {
        const struct sg__mono *m = &w->mono[l->extra][from + i];
        present[i] = count(w, from + i) > 0;
        if (m->n)
            v[i] = times ? sg__mono_last(m) / 1000 : m->entry[m->at].v;
        else /* all are NaN; the last one is taken */
            v[i] = times ? w->cell[from + i].last_t / 1000 : w->cell[from + i].last_v;
    }
}

static void fn_quantile(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present)
{
    const struct sg__cursor *w = l->window;
    for (size_t i = 0; i < n; i++) {
        present[i] = count(w, from + i) > 0;
        v[i] = sg__sorted_quantile(&w->sorted[from + i], w->cell[from + i].nans, l->arg[0]);
    }
}

/* ---- recomputed from the ring ---- */

/* Copies a window out of the ring. */
static void unwind(struct leaf *l, size_t slot, struct sg_promql_window *ret)
{
    const struct sg__cursor *w = l->window;
    uint32_t n = count(w, slot);
    l->scratch_t = sg_grow(l->scratch_t, &l->cap_scratch_t, n, sizeof(*l->scratch_t));
    l->scratch_v = sg_grow(l->scratch_v, &l->cap_scratch, n, sizeof(*l->scratch_v));
    for (uint32_t k = 0; k < n; k++) {
        l->scratch_t[k] = (int64_t)*sg__ring_t(w->selector, slot, w->cell[slot].lo + k);
        l->scratch_v[k] = *sg__ring_v(w->selector, slot, w->cell[slot].lo + k);
    }
    ret->t = l->scratch_t;
    ret->v = l->scratch_v;
    ret->n = n;
}

static bool recompute(struct leaf *l, size_t slot, double *ret)
{
    const struct sg__cursor *w = l->window;
    struct sg_promql_window x = {.from_ms = w->until_ms - w->range_ms,
                                 .until_ms = w->until_ms,
                                 .time_ms = l->time_ms,
                                 .arg = {l->arg[0], l->arg[1]}};
    if (w->is_long) {
        const struct sg_samples *s = sg__feed_read(w->selector, l->q, slot, x.from_ms, x.until_ms);
        x.t = s->time_ms;
        x.v = s->v;
        x.n = (uint32_t)s->n;
    } else {
        unwind(l, slot, &x);
    }
    return x.n && sg_promql_over_window(l->fn, &x, ret);
}

static void recomputed_one(struct leaf *l, size_t slot, double *v, uint64_t *present)
{
    const struct sg__cell *c = &l->window->cell[slot];
    bool same = !l->timed && l->seen_lo[slot] == c->lo && l->seen_hi[slot] == c->hi;
    if (!same) {
        l->seen_v[slot] = 0;
        l->seen_there[slot] = c->hi != c->lo && recompute(l, slot, &l->seen_v[slot]);
        l->seen_lo[slot] = c->lo;
        l->seen_hi[slot] = c->hi;
    }
    *v = l->seen_v[slot];
    *present = l->seen_there[slot];
}

static void fn_recomputed(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present)
{
    for (size_t i = 0; i < n; i++)
        recomputed_one(l, from + i, &v[i], &present[i]);
}

/* Where no order of adding could round, the running sum is the sum. */
static void fn_sum(struct leaf *l, size_t from, size_t n, double *v, uint64_t *present)
{
    const struct sg__cursor *w = l->window;
    for (size_t i = 0; i < n; i++) {
        uint32_t k = count(w, from + i);
        present[i] = k > 0;
        if (!sg__exact_sum(&w->exact[from + i], k, &v[i]))
            recomputed_one(l, from + i, &v[i], &present[i]);
        else if (l->fn == SG_FN_AVG_OVER_TIME && k)
            v[i] /= k;
    }
}

/* ---- the provider ---- */

static const struct known {
    enum sg_function_id fn;
    block_fn compute;
    int extra;
    bool timed;
} known[] = {
    {SG_FN_RATE, fn_rate, SG__DROPPED, false},
    {SG_FN_INCREASE, fn_rate, SG__DROPPED, false},
    {SG_FN_DELTA, fn_rate, -1, false},
    {SG_FN_IRATE, fn_last_two, -1, false},
    {SG_FN_IDELTA, fn_last_two, -1, false},
    {SG_FN_CHANGES, fn_known, SG__CHANGES, false},
    {SG_FN_RESETS, fn_known, -1, false},
    {SG_FN_COUNT_OVER_TIME, fn_known, -1, false},
    {SG_FN_PRESENT_OVER_TIME, fn_known, -1, false},
    {SG_FN_FIRST_OVER_TIME, fn_known, -1, false},
    {SG_FN_LAST_OVER_TIME, fn_known, -1, false},
    {SG_FN_TS_OF_FIRST_OVER_TIME, fn_known, -1, false},
    {SG_FN_TS_OF_LAST_OVER_TIME, fn_known, -1, false},
    {SG_FN_MAX_OVER_TIME, fn_extreme, SG__MAX, false},
    {SG_FN_MIN_OVER_TIME, fn_extreme, SG__MIN, false},
    {SG_FN_TS_OF_MAX_OVER_TIME, fn_extreme, SG__MAX, false},
    {SG_FN_TS_OF_MIN_OVER_TIME, fn_extreme, SG__MIN, false},
    {SG_FN_QUANTILE_OVER_TIME, fn_quantile, SG__SORTED, false},
    {SG_FN_SUM_OVER_TIME, fn_sum, SG__SUM, false},
    {SG_FN_AVG_OVER_TIME, fn_sum, SG__SUM, false},
    {SG_FN_STDDEV_OVER_TIME, fn_recomputed, -1, false},
    {SG_FN_STDVAR_OVER_TIME, fn_recomputed, -1, false},
    {SG_FN_MAD_OVER_TIME, fn_recomputed, -1, false},
    {SG_FN_DERIV, fn_recomputed, -1, false},
    {SG_FN_PREDICT_LINEAR, fn_recomputed, -1, true},
};

static const struct sg_expr *selector_of(const struct sg_expr *e)
{
    if (e->kind == SG_EXPR_SELECTOR)
        return e;
    if (e->u.call.fn->id == SG_FN_TIMESTAMP)
        return e->u.call.args[0];
    for (uint32_t i = 0; i < e->u.call.arg_count; i++)
        if (e->u.call.args[i]->kind == SG_EXPR_RANGE_SELECTOR)
            return e->u.call.args[i];
    return NULL;
}

static const struct known *find_known(const struct sg_expr *e)
{
    static const struct known newest = {SG_FN_COUNT, fn_newest, -1, true};
    static const struct known timestamp = {SG_FN_TIMESTAMP, fn_newest, -1, true};
    if (e->kind == SG_EXPR_SELECTOR)
        return &newest;
    enum sg_function_id id = e->u.call.fn->id;
    for (size_t i = 0; i < SG_ARRAY_LEN(known); i++)
        if (known[i].fn == id)
            return &known[i];
    return id == SG_FN_TIMESTAMP ? &timestamp : NULL;
}

static void *open_leaf(void *ctx, const struct sg_expr *e)
{
    const struct known *k = find_known(e);
    const struct sg_expr *x = selector_of(e);
    if (!k || !x)
        return NULL;
    const struct sg_selector *sel = &x->u.selector;
    bool newest = x->kind == SG_EXPR_SELECTOR;
    if (sel->asof.at != SG_AT_NONE || sel->asof.offset.expr || sel->range.expr ||
        (newest && sel->asof.offset.ms))
        return NULL;
    if (sel->asof.offset.ms > SG__TIME_MAX || sel->asof.offset.ms < -SG__TIME_MAX ||
        sel->range.ms > SG__TIME_MAX)
        return NULL;
    struct sg__feed *s = sg__feed_get(ctx, x);
    if (!s)
        return NULL;
    struct sg__cursor *window =
        newest ? NULL : sg__cursor_get(s, sel->range.ms, sel->asof.offset.ms);
    if (!newest && !window) {
        sg__feed_unref(s);
        return NULL;
    }
    struct leaf *l = sg_calloc(1, sizeof(*l));
    *l = (struct leaf){.selector = s,
                       .window = window,
                       .fn = k->fn,
                       .compute = k->compute,
                       .extra = k->extra,
                       .timed = k->timed};
    if (k->extra >= 0)
        sg__cursor_want(l->window, (enum sg__extra)k->extra);
    return l;
}

static void close_leaf(void *ctx, void *leaf)
{
    struct leaf *l = leaf;
    (void)ctx;
    if (l->extra >= 0)
        sg__cursor_unwant(l->window, (enum sg__extra)l->extra);
    if (l->window)
        sg__cursor_unref(l->window);
    sg__feed_unref(l->selector);
    sg_free(l->v);
    sg_free(l->present);
    sg_free(l->seen_lo);
    sg_free(l->seen_hi);
    sg_free(l->seen_v);
    sg_free(l->seen_there);
    sg_free(l->scratch_t);
    sg_free(l->scratch_v);
    sg_free(l);
}

static void grow_seen(struct leaf *l)
{
    size_t cap = l->selector->cap, old = l->cap_seen;
    if ((l->compute != fn_recomputed && l->compute != fn_sum) || cap <= old)
        return;
    l->seen_lo = sg_realloc(l->seen_lo, cap * sizeof(*l->seen_lo));
    l->seen_hi = sg_realloc(l->seen_hi, cap * sizeof(*l->seen_hi));
    l->seen_v = sg_realloc(l->seen_v, cap * sizeof(*l->seen_v));
    l->seen_there = sg_realloc(l->seen_there, cap * sizeof(*l->seen_there));
    memset(l->seen_lo + old, 0, (cap - old) * sizeof(*l->seen_lo));
    memset(l->seen_hi + old, 0, (cap - old) * sizeof(*l->seen_hi));
    memset(l->seen_v + old, 0, (cap - old) * sizeof(*l->seen_v));
    memset(l->seen_there + old, 0, cap - old);
    l->cap_seen = cap;
}

static void grow_output(struct leaf *l)
{
    size_t cap = l->selector->cap ? l->selector->cap : 1;
    if (cap <= l->cap)
        return;
    sg_free(l->v);
    sg_free(l->present);
    l->v = sg_alloc(cap * sizeof(*l->v));
    l->present = sg_alloc(cap * sizeof(*l->present));
    l->cap = cap;
}

static void compute_block(struct leaf *l, size_t from, size_t n)
{
    const struct sg__feed *s = l->selector;
    double v[SG__BLOCK];
    uint64_t present[SG__BLOCK];
    if (s->identity) {
        l->compute(l, from, n, l->v + from, l->present + from);
        return;
    }
    l->compute(l, from, n, v, present);
    for (size_t i = 0; i < n; i++) {
        if (!s->labels[from + i])
            continue;
        l->v[s->row_of[from + i]] = v[i];
        l->present[s->row_of[from + i]] = present[i];
    }
}

/* News, window and values block by block: every slot is fetched once. */
static void compute_all(struct leaf *l, bool move)
{
    struct sg__feed *s = l->selector;
    bool take = sg__feed_stale(s);
    for (size_t from = 0; from < s->n; from += SG__BLOCK) {
        size_t n = s->n - from < SG__BLOCK ? s->n - from : SG__BLOCK;
        if (take)
            sg__feed_take(s, l->q, from, n);
        if (move)
            sg__cursor_move(l->window, l->q, from, n);
        compute_block(l, from, n);
    }
}

static int eval_leaf(void *ctx, void *leaf, struct sg_querier *q, int64_t time_ms,
                     const double *arg, struct sg_promql_leaf_view *ret)
{
    struct leaf *l = leaf;
    struct sg__feed *s = l->selector;
    (void)ctx;
    if (time_ms > SG__TIME_MAX || time_ms < -SG__TIME_MAX)
        return SG_EUNSUPPORTED;
    bool move = false;
    int rc = sg__feed_begin(s, q, time_ms);
    if (rc == 0 && l->window)
        rc = sg__cursor_begin(l->window, time_ms, &move);
    if (rc < 0)
        return rc;
    grow_output(l);
    grow_seen(l);
    l->time_ms = time_ms;
    l->q = q;
    l->arg[0] = arg[0];
    l->arg[1] = arg[1];
    compute_all(l, move);
    rc = sg__feed_end(s);
    if (rc < 0)
        return rc;
    *ret = (struct sg_promql_leaf_view){.n = s->n_rows,
                                        .version = s->version,
                                        .extends = s->extends,
                                        .extends_n = s->extends_n,
                                        .labels = s->row_labels,
                                        .v = l->v,
                                        .present = l->present};
    return 0;
}

struct sg_promql_leaves sg__leaves(struct sg__catalog *c)
{
    return (struct sg_promql_leaves){
        .open = open_leaf, .close = close_leaf, .eval = eval_leaf, .ctx = c};
}
