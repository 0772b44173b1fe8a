/* promql.h - evaluating a PromQL expression: plan once, evaluate often.
 *
 * A plan is made from a parsed expression and evaluated against any querier, for one instant or for
 * a grid of steps. It keeps what does not change between evaluations: per selector the selection
 * (while the querier's generation stays the same), per node the output label sets, groups and match
 * partners (while the series sets of its inputs stay the same), and all column memory. So a stream
 * that evaluates its plan on every tick does no label work while no series is born.
 *
 *     struct sg_promql_plan *plan;
 *     struct sg_promql_result r;
 *     sg_promql_prepare(q, NULL, &plan, &err);                       // borrows q
 *     sg_promql_eval(plan, &querier, SG_PROMQL_AT(now_ms), &r, &err);
 *     for (i…) r.series[i]…                                          // r owns what it holds
 *     sg_promql_result_deinit(&r);
 *     sg_promql_plan_free(plan);
 *
 * A plan belongs to one thread at a time. Evaluation reads no clock; deadlines come through `stop`.
 * Values are columns of doubles with a presence bitmap beside them: NaN is a value, never "absent".
 */
#ifndef STREAMGAUGE_PROMQL_H
#define STREAMGAUGE_PROMQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/histogram.h>
#include <streamgauge/labels.h>
#include <streamgauge/promql_ast.h>
#include <streamgauge/querier.h>

#define SG_PROMQL_LOOKBACK_MS (5 * 60 * 1000)
#define SG_PROMQL_RESOLUTION_MS (60 * 1000)
#define SG_PROMQL_MAX_SAMPLES UINT64_C(50000000)
#define SG_PROMQL_MAX_SERIES UINT64_C(1000000)
#define SG_PROMQL_MAX_STEPS UINT64_C(11000)
/* Annotations a result keeps; further ones are counted only. */
#define SG_PROMQL_MAX_NOTES 64

struct sg_promql_eval_options {
    int64_t lookback_ms; /* how old a sample an instant selector takes; 0: SG_PROMQL_LOOKBACK_MS */
    int64_t resolution_ms; /* step of subqueries that give none; 0: SG_PROMQL_RESOLUTION_MS */
    uint64_t max_samples;  /* cells and raw samples in memory at a time; 0: SG_PROMQL_MAX_SAMPLES */
    uint64_t max_series;   /* rows of any node; 0: SG_PROMQL_MAX_SERIES */
    uint64_t max_steps;    /* of the query and of each subquery; 0: SG_PROMQL_MAX_STEPS (subqueries:
                              times 100) */
    bool delayed_names;    /* metric names are dropped at the end of the query, not on the way */
    bool type_labels;      /* "is it a counter" is judged by __type__, not by the name */
    /* Asked regularly; SG_ETIMEOUT or SG_ECANCELED ends the evaluation with that error, 0 goes on.
     * NULL: never. */
    int (*stop)(void *ctx);
    void *stop_ctx;
};

/* The instants of an evaluation: start, start + step, … up to end, both included. */
struct sg_promql_grid {
    int64_t start_ms, end_ms; /* end >= start */
    int64_t step_ms;          /* > 0, except for a single instant */
};
/* One instant. */
#define SG_PROMQL_AT(t) ((struct sg_promql_grid){(t), (t), 0})

enum sg_promql_kind {
    SG_RESULT_SCALAR, /* series[0], no labels; always one value per step */
    SG_RESULT_STRING,
    SG_RESULT_VECTOR, /* instant query: every series has exactly one point; order as the expression
                         gives it */
    SG_RESULT_MATRIX, /* range query, sorted by labels; or a range selector evaluated at an instant
                       */
};

/* Warnings and infos, as Prometheus words them, with the place in the query at the end. */
struct sg_promql_note {
    bool warning; /* else info */
    char *text;
};

struct sg_promql_series {
    const struct sg_labels *labels; /* a reference of the result */
    size_t n;                       /* points */
    const int64_t *time_ms;
    const double *v;
    /* NULL while all points are floats; else an entry per point, NULL for floats. References of the
     * result. */
    const struct sg_histogram *const *h;
};

struct sg_promql_result {
    enum sg_promql_kind kind;
    bool range;                      /* made by a grid of steps */
    struct sg_promql_series *series; /* no series without points */
    size_t n;
    struct sg_str string; /* SG_RESULT_STRING */
    int64_t time_ms;      /* the instant; of a grid the last one */
    struct sg_promql_note *notes;
    size_t n_notes;
    uint64_t samples;      /* cells and raw samples that were looked at, for statistics */
    struct sg_arena arena; /* private: holds arrays and texts */
};

struct sg_promql_plan;

/* Plans a parsed expression, borrowing q until the plan is freed. opt NULL: defaults. SG_EEXECUTION
 * for what can be refused before any data is seen (bad label names, regexes), with position. */
SG_API SG_NODISCARD int sg_promql_prepare(const struct sg_promql *q,
                                          const struct sg_promql_eval_options *opt,
                                          struct sg_promql_plan **ret, struct sg_error *reterr);
SG_API void sg_promql_plan_free(struct sg_promql_plan *p); /* accepts NULL */

/* Evaluates. The querier is used until return, and may be another one each time as long as they are
 * of the same store. Returns 0 and a result to be deinitialised; or SG_EEXECUTION (with place),
 * SG_ELIMIT (the text names the limit), SG_ETIMEOUT, SG_ECANCELED, SG_ENOMEM, or what the querier
 * said. *ret is valid (empty, notes kept) on errors too. */
SG_API SG_NODISCARD int sg_promql_eval(struct sg_promql_plan *p, struct sg_querier *q,
                                       struct sg_promql_grid grid, struct sg_promql_result *ret,
                                       struct sg_error *reterr);
SG_API void sg_promql_result_deinit(struct sg_promql_result *r);

/* ---- for live streams: the newest instant without copies ---- */

/* Rows of the last sg_promql_eval_view, borrowed from the plan until it is used again. A row keeps
 * its index as long as rows_version stays the same, so a receiver can keep dense slots. Scalars are
 * one row with empty labels. */
struct sg_promql_view {
    size_t n;
    uint64_t rows_version;
    const struct sg_labels *const *labels;
    const double *v;
    const uint64_t *present;             /* bit 0 of present[i]: row i has a value */
    const struct sg_histogram *const *h; /* NULL: all floats; else NULL entries are floats */
};

/* As sg_promql_eval at one instant, for expressions of type scalar or instant vector (else
 * SG_EINVALID). Notes are not collected. Row order is not value order, also for topk and sort. */
SG_API SG_NODISCARD int sg_promql_eval_view(struct sg_promql_plan *p, struct sg_querier *q,
                                            int64_t time_ms, struct sg_promql_view *ret,
                                            struct sg_error *reterr);

/* ---- many expressions as one graph ----
 *
 * Live streams share what they have in common: equal subtrees of all added expressions are one
 * node, computed at most once per instant and session. The views are those of sg_promql_eval_view.
 *
 *     sg_promql_graph_begin(g);                      // new samples may have come: forget results
 *     for (each root)  sg_promql_graph_eval(root, &querier, now_ms, &view, &err);
 *
 * A graph and its roots belong to one thread. */

struct sg_promql_graph;
struct sg_promql_root;

/* What a provider of leaves gave for one instant: borrowed until the leaf's next eval or close. */
struct sg_promql_leaf_view {
    size_t n;
    uint64_t version; /* of the rows; never 0; unique within the leaf */
    /* The version whose rows, extends_n of them, come first here; 0: nothing is known. */
    uint64_t extends;
    size_t extends_n;
    const struct sg_labels *const *labels; /* of the series, metric names included, in order of
                                              their ids */
    double *v;                             /* n values, at least one even when n is 0 */
    uint64_t *present;                     /* as in sg_promql_view; likewise */
};

/* Somebody who evaluates instant selectors, timestamp(selector) and functions over range selectors
 * faster than by reading every series anew, with equal results. */
struct sg_promql_leaves {
    /* NULL: not this one. The expression is borrowed until close. */
    void *(*open)(void *ctx, const struct sg_expr *e);
    void (*close)(void *ctx, void *leaf);
    /* arg: the call's scalar arguments in order. Returns SG_EUNSUPPORTED when this instant is
     * better computed by reading. */
    int (*eval)(void *ctx, void *leaf, struct sg_querier *q, int64_t time_ms, const double *arg,
                struct sg_promql_leaf_view *ret);
    void *ctx;
};

struct sg_promql_graph_stats {
    uint64_t nodes;       /* now */
    uint64_t incremental; /* of them given to the provider of leaves */
    uint64_t evaluations; /* nodes computed */
    uint64_t shared;      /* asked for again within a session: nothing to compute */
    uint64_t fallbacks;   /* leaves the provider would not evaluate this time */
    uint64_t bytes;       /* memory of nodes and what they keep, about */
};

/* leaves may be NULL; copied. opt as for sg_promql_prepare. */
SG_API struct sg_promql_graph *sg_promql_graph_new(const struct sg_promql_eval_options *opt,
                                                   const struct sg_promql_leaves *leaves);
/* All roots must have been removed. Accepts NULL. */
SG_API void sg_promql_graph_free(struct sg_promql_graph *g);
/* Takes the query in any case: it lives as long as a node that came of it. Errors as
 * sg_promql_prepare. */
SG_API SG_NODISCARD int sg_promql_graph_add_take(struct sg_promql_graph *g, struct sg_promql *q,
                                                 struct sg_promql_root **ret,
                                                 struct sg_error *reterr);
SG_API void sg_promql_graph_remove(struct sg_promql_root *r); /* accepts NULL */
/* From now on an expression that would make the graph larger than that is refused, and one that
 * does so by its evaluation fails, with SG_ELIMIT; 0: no limit. */
SG_API void sg_promql_graph_limit(struct sg_promql_graph *g, uint64_t max_bytes);
SG_API bool sg_promql_graph_full(const struct sg_promql_graph *g);
/* Results computed so far are not used again. */
SG_API void sg_promql_graph_begin(struct sg_promql_graph *g);
SG_API SG_NODISCARD int sg_promql_graph_eval(struct sg_promql_root *r, struct sg_querier *q,
                                             int64_t time_ms, struct sg_promql_view *ret,
                                             struct sg_error *reterr);
/* Samples and cells looked at by the root's last evaluation, what was shared not included. */
SG_API uint64_t sg_promql_root_samples(const struct sg_promql_root *r);
/* Nodes under the root, and how many of them other roots use too. */
SG_API void sg_promql_root_nodes(const struct sg_promql_root *r, uint32_t *ret_nodes,
                                 uint32_t *ret_shared);
SG_API const struct sg_promql_graph_stats *
sg_promql_graph_get_stats(const struct sg_promql_graph *g);

/* ---- single windows, for providers of leaves ---- */

struct sg_promql_window {
    const int64_t *t; /* after from_ms, until until_ms; ascending */
    const double *v;  /* without staleness markers */
    size_t n;         /* at least 1 */
    int64_t from_ms, until_ms;
    int64_t time_ms; /* of the evaluation */
    double arg[2];
};
/* The value of a function over one window of floats, as an expression would have it. False: none.
 * Any function over ranges but absent_over_time, distinct_over_time and
 * double_exponential_smoothing. Any thread. */
SG_API bool sg_promql_over_window(enum sg_function_id fn, const struct sg_promql_window *w,
                                  double *ret);

#endif
