/* plan.h - inside the evaluator: plans, nodes, columns, rows.
 *
 * A plan is a tree of nodes, one per expression that yields scalars or instant vectors. Evaluation
 * is column-wise: a node computes, for a block of steps, n rows (series) times k steps of doubles
 * and a presence bitmap. Labels belong to rows, not to values: they are worked out when the rows of
 * an input change (their version is new) and then only looked at.
 *
 * - Leaves (selectors, and functions over range selectors and subqueries) compute the whole grid
 * when its first block is asked for, so that every series is decoded once; nodes above them work in
 * blocks of SG__BLOCK steps.
 * - Step-invariant subtrees (pinned by @, or constant) are wrapped into a node that computes them
 * once.
 * - Rows are a superset of what is present. Two input rows may lead to one output row
 * (`ceil({__name__=~"a|b"})`); that is an error only where both are present at one step.
 *
 * All functions return 0 or a negative enum sg_errc with p->err set. Names sg__ are private to this
 * folder.
 */
#ifndef SG_PROMQL_PLAN_H
#define SG_PROMQL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/arena.h>
#include <streamgauge/mem.h>
#include <streamgauge/promql.h>

/* Steps per block: a multiple of 64, so that bitmaps of blocks begin at words. */
#define SG__BLOCK 256
#define SG__NO_ROW UINT32_MAX

struct sg__node;
struct sg__source;
struct sg__unit;

/* n rows times k steps. Row i starts at v + i * stride, present + i * words, h + i * stride. */
struct sg__cols {
    size_t n, k;
    size_t stride, words;
    double *v;
    uint64_t *present;             /* bit s of a row: the step has a value */
    const struct sg_histogram **h; /* NULL: all values are floats; else NULL entries are floats */
};

/* Output series of a node. */
struct sg__rows {
    const struct sg_labels **labels; /* references */
    bool *drop; /* delayed_names: the metric name goes at the end of the query */
    size_t n, cap, drop_cap;
    uint64_t version; /* differs whenever labels or their order differ; unique within the plan */
    /* The first extends_n rows are those of the version `extends`; 0: nothing is known. So what
     * hangs on rows need only look at new ones after births. */
    uint64_t extends;
    size_t extends_n;
};

/* The steps a node is asked for: [first, first + k) of the `total` steps that start at start_ms. */
struct sg__span {
    int64_t start_ms, step_ms;
    size_t total, first, k;
};

struct sg__op {
    const char *name; /* for debugging */
    int (*compute)(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s);
    void (*deinit)(struct sg__node *n); /* what state owns outside the arena; may be NULL */
};

struct sg__node {
    const struct sg_expr *expr;
    const struct sg__op *op;
    struct sg__node **child;
    uint32_t n_child;
    const struct sg__rows *rows; /* own_rows or those of a child */
    struct sg__cols out;         /* valid after compute, until the next */
    /* Index of the rows in the order the value asks for (sort, topk); instants only. */
    const uint32_t *order;
    size_t n_order;
    void *state; /* of the op, in the plan's arena */

    struct sg__rows own_rows;
    struct sg__cols own; /* memory behind out, kept between evaluations */
    size_t cap_v, cap_present, cap_h;
    const struct sg_histogram **spare_h; /* memory of own.h, cap_h entries */
    uint64_t charged;                    /* cells of this node in p->cells */
    struct sg__unit *unit;               /* set on the top node of a graph's unit */
};

/* What a view shows with delayed_names. */
struct sg__final {
    uint64_t version; /* of the rows it was made of; 0: none */
    struct sg__rows rows;
    uint32_t *to; /* row of the root → row; the others only when rows became equal */
    double *v;
    uint64_t *present;
    const struct sg_histogram **h;
    size_t cap;
};

struct sg_promql_plan {
    const struct sg_promql *query;
    struct sg_promql_eval_options opt; /* defaults filled in */
    struct sg_arena arena;             /* nodes and their states */
    struct sg__node *root;             /* NULL: the expression is a string or a range vector */
    struct sg__source *source;         /* the expression is a range vector */
    struct sg__node **nodes;           /* all, for freeing */
    size_t n_nodes, cap_nodes;
    bool single_block; /* some node's rows depend on values */
    uint64_t next_version;
    /* of the running evaluation */
    struct sg_querier *q;
    struct sg_promql_grid grid;
    struct sg_error *err;
    struct sg_promql_result *result; /* takes the notes; NULL: notes are off */
    uint64_t cells, samples;
    size_t work;                      /* since `stop` was asked last */
    const struct sg_histogram **kept; /* references until the next evaluation */
    size_t n_kept, cap_kept;
    struct sg_samples raw; /* scratch of leaves */
    struct sg__final final;
    /* of a graph, else NULL */
    struct sg_promql_graph *graph;
    uint32_t alone; /* > 0: what is built belongs to a subquery, and to nobody else */
    const struct sg_expr *failed_at; /* of the error in err */
};

static inline double *sg__row_v(const struct sg__cols *c, size_t i)
{
    return c->v + i * c->stride;
}
static inline uint64_t *sg__row_present(const struct sg__cols *c, size_t i)
{
    return c->present + i * c->words;
}
/* NULL when there are no histograms at all. */
static inline const struct sg_histogram **sg__row_h(const struct sg__cols *c, size_t i)
{
    return c->h ? c->h + i * c->stride : NULL;
}
static inline bool sg__has(const uint64_t *present, size_t step)
{
    return present[step >> 6] >> (step & 63) & 1;
}
static inline void sg__put(uint64_t *present, size_t step)
{
    present[step >> 6] |= UINT64_C(1) << (step & 63);
}
static inline size_t sg__words(size_t k)
{
    return (k + 63) / 64;
}
/* All k bits set in word w of a row of k steps. */
static inline uint64_t sg__full_word(size_t k, size_t w)
{
    size_t left = k - w * 64;
    return left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
}
/* for (SG__EACH(present, k, s)) { … step s has a value … } */
static inline size_t sg__next_step(const uint64_t *present, size_t k, size_t from)
{
    while (from < k) {
        uint64_t w = present[from >> 6] >> (from & 63);
        if (w) {
            from += (size_t)__builtin_ctzll(w);
            return from < k ? from : k;
        }
        from = (from | 63) + 1;
    }
    return k;
}
#define SG__EACH(present, k, s)                                                                    \
    size_t s = sg__next_step(present, k, 0);                                                       \
    s < (k);                                                                                       \
    s = sg__next_step(present, k, s + 1)

static inline int64_t sg__time(const struct sg__span *s, size_t step)
{
    return s->start_ms + (int64_t)(s->first + step) * s->step_ms;
}

/* ---- plan.c ---- */

struct sg__node *sg__node_new(struct sg_promql_plan *p, const struct sg_expr *e,
                              const struct sg__op *op, size_t state_size);
/* Builds the node of a scalar or instant vector; *ret_invariant: its value is the same at every
 * step. */
int sg__build(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret,
              bool *ret_invariant);
/* The same without sharing the node itself (its children may be shared). */
int sg__build_own(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret,
                  bool *ret_invariant);
/* An empty plan, and the end of one. */
void sg__plan_init(struct sg_promql_plan *p, const struct sg_promql_eval_options *opt);
void sg__plan_deinit(struct sg_promql_plan *p);
/* As sg__build, for a tree whose parent asks for many steps: an invariant one is computed once. */
int sg__build_wrapped(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret);
/* Builds `arg` as the only child of n. */
int sg__build_one(struct sg_promql_plan *p, struct sg__node *n, const struct sg_expr *arg,
                  bool *ret_invariant);
/* Zeroed memory of the plan's arena; NULL and p->err set when the cap is reached. */
void *sg__plan_alloc(struct sg_promql_plan *p, size_t count, size_t size);

/* ---- eval.c ---- */

int sg__compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s);
/* The same for a node that is nobody else's. */
int sg__compute_own(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s);
/* Lets go of the histograms kept. */
void sg__drop_kept(struct sg_promql_plan *p);
/* The expression's place goes into the error. */
int sg__fail(struct sg_promql_plan *p, const struct sg_expr *e, enum sg_errc code, const char *fmt,
             ...) SG_PRINTF(4, 5);
/* The expression's place goes into an error that has none. Returns rc. */
int sg__placed(struct sg_promql_plan *p, const struct sg_expr *e, int rc);
/* Asks `stop` now. */
int sg__stop_now(struct sg_promql_plan *p);
/* The error of an evaluation that was stopped. Returns rc. */
int sg__stopped(struct sg_promql_plan *p, int rc);
/* Asks `stop` once so much work, counted in steps and samples, was announced that a millisecond or
 * so may have gone by; to be called wherever a series times a range of steps is worked off. */
static inline int sg__check_stop(struct sg_promql_plan *p, size_t work)
{
    enum { ENOUGH = 1 << 15 };
    p->work += work;
    return SG_LIKELY(p->work < ENOUGH) ? 0 : sg__stop_now(p);
}
/* Counts raw samples that are in memory for a moment. */
int sg__charge_samples(struct sg_promql_plan *p, const struct sg_expr *e, size_t n);
/* Keeps a histogram until the next evaluation. Takes the reference; NULL is allowed. Returns it. */
const struct sg_histogram *sg__keep_take(struct sg_promql_plan *p, const struct sg_histogram *h);
const struct sg_histogram *sg__keep(struct sg_promql_plan *p, const struct sg_histogram *h);
/* Steps of a grid. */
size_t sg__grid_steps(const struct sg_promql_grid *g);

/* ---- notes.c ---- */

/* Adds "PromQL warning: …text… (line:column)" once. No-op while notes are off. */
void sg__warn(struct sg_promql_plan *p, const struct sg_expr *at, const char *fmt, ...)
    SG_PRINTF(3, 4);
void sg__info(struct sg_promql_plan *p, const struct sg_expr *at, const char *fmt, ...)
    SG_PRINTF(3, 4);
/* The notes that several functions share; name is the metric's name. */
void sg__warn_mixed(struct sg_promql_plan *p, const struct sg_expr *at, struct sg_str name);
void sg__warn_combine(struct sg_promql_plan *p, const struct sg_expr *at, struct sg_str name,
                      const struct sg_histogram *a, const struct sg_histogram *b);
void sg__info_ignored_range(struct sg_promql_plan *p, const struct sg_expr *at, struct sg_str name);
void sg__warn_quantile(struct sg_promql_plan *p, const struct sg_expr *at, double q);

/* ---- graph.c ---- */

/* As sg__build: the unit of an equal expression if there is one. */
int sg__graph_build(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret,
                    bool *ret_invariant);
int sg__graph_compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s);

/* ---- leaf.c ---- */

/* Puts a node in front of a leaf's that asks the graph's provider first. SG_ELIMIT. */
int sg__leaf_wrap(struct sg_promql_plan *p, const struct sg_promql_leaves *leaves,
                  struct sg_promql_graph_stats *stats, struct sg__node **n);

/* ---- result.c ---- */

/* Copies the root's rows of all blocks into the result. */
struct sg__collect {
    double *v;
    uint64_t *present;
    const struct sg_histogram **h;
    size_t n, total;
    bool direct; /* one block: the root's own columns */
};
int sg__collect_block(struct sg_promql_plan *p, struct sg__collect *c, const struct sg__span *s);
int sg__collect_finish(struct sg_promql_plan *p, struct sg__collect *c,
                       struct sg_promql_result *ret);
void sg__collect_deinit(struct sg__collect *c);
/* Room for n series of a matrix. */
int sg__result_reserve(struct sg_promql_plan *p, struct sg_promql_result *ret, size_t n);
/* The loaded row's samples in (after, until] as one series. */
int sg__result_add_raw(struct sg_promql_plan *p, struct sg_promql_result *ret,
                       const struct sg__source *src, size_t row, int64_t after, int64_t until);
void sg__result_sort(struct sg_promql_result *ret);

/* ---- final.c ---- */

/* The view of a computed root; names go that had to wait. */
int sg__final_view(struct sg_promql_plan *p, struct sg__final *f, const struct sg__node *n,
                   struct sg_promql_view *ret);
void sg__final_deinit(struct sg__final *f);

/* ---- columns.c ---- */

/* The node's own columns become n rows of k steps, all absent, and its output. */
int sg__cols_reset(struct sg_promql_plan *p, struct sg__node *n, size_t rows, size_t k);
/* Own columns get a histogram column if they have none. */
int sg__cols_want_h(struct sg_promql_plan *p, struct sg__node *n);
/* Output becomes the block s of own columns that hold the whole grid. */
void sg__cols_window(struct sg__node *n, const struct sg__span *s);
void sg__node_deinit(struct sg__node *n);

/* ---- rows.c ---- */

void sg__rows_clear(struct sg__rows *r);
void sg__rows_deinit(struct sg__rows *r);
/* Takes the reference. */
void sg__rows_add_take(struct sg__rows *r, const struct sg_labels *labels, bool drop);
/* A new version for rows that were changed; SG_ELIMIT when there are too many. */
int sg__rows_done(struct sg_promql_plan *p, struct sg__node *n);

/* Finds rows by labels while they are built. */
struct sg__intern {
    uint32_t *slot; /* row + 1; 0 free */
    size_t mask, used;
    bool by_drop; /* rows are different if the name of only one has to go, too */
};
void sg__intern_init(struct sg__intern *in, size_t expected);
void sg__intern_deinit(struct sg__intern *in);
/* All rows that are there already. */
void sg__intern_load(struct sg__intern *in, const struct sg__rows *r);
/* Index of the row with these labels, added if there was none. Takes the reference. */
uint32_t sg__intern_row_take(struct sg__intern *in, struct sg__rows *r,
                             const struct sg_labels *labels, bool drop);
/* Index of the row with these labels or SG__NO_ROW. */
uint32_t sg__intern_find(const struct sg__intern *in, const struct sg__rows *r,
                         const struct sg_labels *labels);
/* A new version for rows that were found value by value, in the order of their labels: which of
 * them came first must not matter, as a stream has seen others than a query that comes now. `set`
 * finds them; `of` are rows, to become the new places of the same ones (SG__NO_ROW stays). */
int sg__rows_settle(struct sg_promql_plan *p, struct sg__node *n, struct sg__intern *set,
                    uint32_t *of, size_t n_of);

/* Labels without __name__, __type__ and __unit__. Returns owned. */
const struct sg_labels *sg__labels_drop_name(const struct sg_labels *l);
struct sg_str sg__metric_name(const struct sg_labels *l);

/* From input rows to output rows. */
struct sg__map {
    uint32_t *to;
    size_t n, cap;
    bool identity;
    bool strict;     /* two input rows of one output row are an error even at different steps */
    uint32_t *owner; /* strict: first input row seen per output row in this query */
    size_t owner_cap;
    uint64_t version; /* of the input rows it was made from */
    double *v;        /* scratch for one row */
    uint64_t *present;
    const struct sg_histogram **h;
    size_t cap_k;
};
enum sg__names { SG__NAMES_KEEP, SG__NAMES_DROP };
void sg__map_deinit(struct sg__map *m);
/* Rebuilds the node's rows from `in` when its version is new. Call once per block. */
int sg__map_update(struct sg_promql_plan *p, struct sg__node *n, struct sg__map *m,
                   const struct sg__rows *in, enum sg__names names);
/* As the first half of it, for maps with other label rules: m->to has room for in->n. */
void sg__map_begin(struct sg__map *m, size_t in_rows);
/* Starts a block of output: columns of the right size, owners forgotten at the query's first block.
 */
int sg__map_start(struct sg_promql_plan *p, struct sg__node *n, struct sg__map *m,
                  const struct sg__span *s, size_t k);
/* Where an input row may be computed to: the output row itself or scratch; presence is all zero. */
struct sg__target {
    struct sg__map *map;
    size_t row; /* of the input */
    double *v;
    uint64_t *present;
    const struct sg_histogram **h; /* NULL until sg__map_target_h */
};
void sg__map_target(struct sg__node *n, struct sg__map *m, size_t row, struct sg__target *t);
/* Makes t->h usable. */
int sg__map_target_h(struct sg_promql_plan *p, struct sg__node *n, struct sg__target *t);
struct sg__point {
    double v;
    const struct sg_histogram *h; /* kept; NULL: a float */
};
/* The value of a step. */
int sg__map_put_h(struct sg_promql_plan *p, struct sg__node *n, struct sg__target *t, size_t step,
                  const struct sg_histogram *h);
static inline int sg__map_put(struct sg_promql_plan *p, struct sg__node *n, struct sg__target *t,
                              size_t step, const struct sg__point *pt)
{
    t->v[step] = pt->v;
    sg__put(t->present, step);
    return pt->h ? sg__map_put_h(p, n, t, step, pt->h) : 0;
}
/* Done with the row: scratch is merged into its output row. SG_EEXECUTION on duplicates. */
int sg__map_commit(struct sg_promql_plan *p, struct sg__node *n, const struct sg__target *t);

/* ---- selector.c ---- */

struct sg__selector {
    const struct sg_selector *sel;
    struct sg_selection found; /* sorted by id; handles of the current querier's store */
    uint64_t generation;
    bool valid;
    struct sg__rows rows;
    /* resolved for the running query */
    bool fixed;
    int64_t at_ms, offset_ms;
};
void sg__selector_init(struct sg__selector *s, const struct sg_selector *sel);
void sg__selector_deinit(struct sg__selector *s);
/* Selects anew if series were born or expired. */
int sg__selector_update(struct sg_promql_plan *p, struct sg__selector *s, const struct sg_expr *e);
/* @ and offset for the running query. */
int sg__asof_resolve(struct sg_promql_plan *p, const struct sg_asof *a, bool *ret_fixed,
                     int64_t *ret_at_ms, int64_t *ret_offset_ms);
struct sg__node *sg__selector_node(struct sg_promql_plan *p, const struct sg_expr *e);
/* timestamp(selector) */
struct sg__node *sg__timestamp_node(struct sg_promql_plan *p, const struct sg_expr *call,
                                    const struct sg_expr *selector);

/* ---- range.c: windows over range selectors and subqueries ---- */

struct sg__window {
    const int64_t *t;
    const double *v;
    const void *const *obj; /* distinct sketches beside v; NULL: none */
    size_t n;
    const int64_t *ht;
    const struct sg_histogram *const *h;
    size_t hn;
};
/* All samples of one row, floats and histograms apart, staleness markers taken out. */
struct sg__series {
    struct sg__window all;
    struct sg_samples floats;
    int64_t *ht;
    const struct sg_histogram **h;
    size_t cap_h;
};
struct sg__source {
    const struct sg_expr *expr;
    struct sg__selector sel;
    struct sg__node *inner; /* subquery */
    const struct sg__rows *rows;
    /* resolved for the running query */
    bool fixed, empty;
    int64_t at_ms, offset_ms, range_ms;
    struct sg__span inner_span;
    struct sg__series series;
};
struct sg__source *sg__source_new(struct sg_promql_plan *p, const struct sg_expr *e,
                                  bool *ret_invariant);
void sg__source_deinit(struct sg__source *src);
/* Selects, or evaluates the subquery, for the whole grid of s. */
int sg__source_open(struct sg_promql_plan *p, struct sg__source *src, const struct sg__span *s);
/* Loads row i into src->series. */
int sg__source_load(struct sg_promql_plan *p, struct sg__source *src, size_t i,
                    const struct sg__span *s);
/* End of the window of evaluation time ts. */
static inline int64_t sg__source_end(const struct sg__source *src, int64_t ts_ms)
{
    return (src->fixed ? src->at_ms : ts_ms) - src->offset_ms;
}

struct sg__call {
    struct sg_promql_plan *p;
    const struct sg_expr *expr;     /* the call */
    const struct sg_expr *range_at; /* its range argument, for notes */
    const struct sg_labels *labels; /* of the series */
    int64_t ts_ms;                  /* evaluation time */
    int64_t from_ms, until_ms;      /* the window is (from, until] */
    double range_s;
    double arg[2]; /* scalar arguments in order */
    int rc;        /* an error to end the evaluation with */
};
/* False: no output. The window has at least one sample. */
typedef bool (*sg__range_fn)(struct sg__call *c, const struct sg__window *w, struct sg__point *ret);
/* NULL when the function is none over ranges. */
sg__range_fn sg__range_function(enum sg_function_id id);
struct sg__node *sg__range_node(struct sg_promql_plan *p, const struct sg_expr *e,
                                bool *ret_invariant);
/* range_hist.c */
/* Growth over the window, not extrapolated; NULL with a note. Returns owned. */
struct sg_histogram *sg__rate_histograms(struct sg__call *c, const struct sg__window *w,
                                         bool counter);
bool sg__instant_delta(struct sg__call *c, const struct sg__window *w, bool rate,
                       struct sg__point *ret);
bool sg__sum_histograms(struct sg__call *c, const struct sg__window *w, struct sg__point *ret);
bool sg__avg_histograms(struct sg__call *c, const struct sg__window *w, struct sg__point *ret);
double sg__count_mixed(const struct sg__window *w, bool resets);

/* ---- functions.c and friends: sg__build of calls ---- */

/* Builds a call to any function; *ret NULL with 0 never happens. */
int sg__call_build(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret,
                   bool *ret_invariant);
struct sg__node *sg__element_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__label_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__histogram_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__info_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__scalar_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__sort_node(struct sg_promql_plan *p, const struct sg_expr *e);
/* Variance of a native histogram, every bucket standing for its middle. */
double sg__histogram_variance(const struct sg_histogram *h);
/* Labels that an absent() over this argument gives. Returns owned. */
const struct sg_labels *sg__absent_labels(const struct sg_expr *arg);

/* ---- aggregation, operators ---- */

struct sg__node *sg__agg_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__agg_select_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__count_values_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__binary_node(struct sg_promql_plan *p, const struct sg_expr *e);
struct sg__node *sg__match_node(struct sg_promql_plan *p, const struct sg_expr *e);
/* Numbers the match groups of two sides. Returns how many there are. */
size_t sg__match_groups(struct sg_promql_plan *p, const struct sg_matching *m,
                        const struct sg__rows *a, uint32_t *ret_a, const struct sg__rows *b,
                        uint32_t *ret_b);
struct sg__node *sg__set_node(struct sg_promql_plan *p, const struct sg_expr *e);
/* The value of a binary expression for two points. False: no output (filtered out, or types that do
 * not fit, with a note). */
bool sg__operate(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__point a,
                 struct sg__point b, struct sg__point *ret);
struct sg_histogram *sg__histogram_divide(const struct sg_histogram *h, double divisor);
struct sg__node *sg__negate_node(struct sg_promql_plan *p, const struct sg_expr *e);

/* Group of every input row, for aggregations. */
struct sg__groups {
    struct sg_str *names; /* sorted; in the plan's arena */
    size_t n_names;
    bool keep;    /* names are those to keep */
    uint32_t *of; /* per input row */
    size_t cap;
    uint64_t version;
};
/* Prepares the label names of an aggregation; `extra` (n > 0) is kept beside them. */
int sg__groups_init(struct sg_promql_plan *p, struct sg__groups *g, const struct sg_aggregate *a,
                    struct sg_str extra);
/* Rebuilds groups and their labels (into rows) when the input rows are new: true then. */
bool sg__groups_update(struct sg__groups *g, const struct sg__rows *in, struct sg__rows *rows);
/* When the input only has rows more: finds the groups of those. False: it does not, update.
 * *ret_new: there are new groups. */
bool sg__groups_extend(struct sg__groups *g, const struct sg__rows *in, struct sg__rows *rows,
                       bool *ret_new);
/* Labels of the group that a set of labels belongs to. Returns owned. */
const struct sg_labels *sg__group_labels(const struct sg__groups *g, const struct sg_labels *l);
void sg__groups_deinit(struct sg__groups *g);

#endif
