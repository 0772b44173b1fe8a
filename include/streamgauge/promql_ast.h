/* promql_ast.h - PromQL as a checked tree: parse, check, compare, print.
 *
 * sg_promql_parse gives a tree that is syntactically right, type-checked and *canonical*:
 * parentheses, unary plus and comments are gone, matchers and label lists are sorted (label lists
 * without duplicates), `{__name__="x"}` and `x` are the same tree, constant durations are folded,
 * and matching clauses that say nothing (`ignoring()`, anything beside a scalar) are dropped.
 * Operands keep their order, since float arithmetic is not associative. So two expressions share a
 * stream exactly when sg_expr_equal says so, and sg_expr_print is the text form of that identity:
 * parse(print(e)) equals e, and print(parse(print(e))) is print(e).
 *
 *     struct sg_promql *q;
 *     if (sg_promql_parse(text, NULL, &q, &err) < 0)
 *         return err.code;                          // "1:5: parse error: …" by sg_error_format
 *     sg_expr_print(q->root, &buf);
 *     sg_promql_free(q);
 *
 * Language: Prometheus 3.x with the experimental functions, duration expressions and the operators
 * that trim histograms on. Trees are immutable after parsing and may be read by any number of
 * threads. Durations and times are int64_t milliseconds. Byte ranges [pos, end) refer to
 * sg_promql.text.
 */
#ifndef STREAMGAUGE_PROMQL_AST_H
#define STREAMGAUGE_PROMQL_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/arena.h>
#include <streamgauge/buf.h>
#include <streamgauge/compiler.h>
#include <streamgauge/error.h>
#include <streamgauge/matcher.h>
#include <streamgauge/str.h>

/* Limits, each an error with its place. Recursion over a tree is at most SG_PROMQL_MAX_HEIGHT deep.
 */
#define SG_PROMQL_MAX_BYTES 65536 /* default length of an expression */
#define SG_PROMQL_MAX_NESTING 256 /* default nesting of parentheses, calls, unary operators */
#define SG_PROMQL_MAX_HEIGHT 1024 /* of the tree; a chain a+b+c+… grows it by one per operator */
#define SG_PROMQL_MAX_REGEXES 128 /* compiling one may take 0.5 ms and 100 KB */

enum sg_expr_type {
    SG_TYPE_NONE,
    SG_TYPE_SCALAR,
    SG_TYPE_STRING,
    SG_TYPE_VECTOR, /* instant vector */
    SG_TYPE_RANGE,  /* range vector */
};
/* "scalar", "string", "instant vector", "range vector", "none". Static text. */
SG_API const char *sg_expr_type_text(enum sg_expr_type type);

enum sg_expr_kind {
    SG_EXPR_NUMBER,         /* u.number: 1, 0x1f, Inf, 5m (300); negative literals are folded */
    SG_EXPR_STRING,         /* u.string */
    SG_EXPR_SELECTOR,       /* u.selector: an instant vector selector; range is 0 */
    SG_EXPR_RANGE_SELECTOR, /* u.selector with its range: m[5m] */
    SG_EXPR_SUBQUERY,       /* u.subquery: expr[1h:5m] */
    SG_EXPR_CALL,           /* u.call */
    SG_EXPR_AGGREGATE,      /* u.aggregate */
    SG_EXPR_BINARY,         /* u.binary */
    SG_EXPR_NEGATE,         /* u.negate: -expr; unary plus leaves no node */
    /* only in trees as written, which are for showing: */
    SG_EXPR_PLUS,  /* u.negate: +expr */
    SG_EXPR_PAREN, /* u.negate: (expr) */
};

/* ---- durations ---- */

enum sg_duration_op {
    SG_DUR_NUMBER, /* number, in seconds */
    SG_DUR_STEP,   /* step(): the query's step (0 for an instant query) */
    SG_DUR_RANGE,  /* range(): end - start of the query */
    SG_DUR_NEG,    /* -rhs */
    SG_DUR_ADD,
    SG_DUR_SUB,
    SG_DUR_MUL,
    SG_DUR_DIV,
    SG_DUR_MOD,
    SG_DUR_POW,
    SG_DUR_MIN, /* min_of(lhs, rhs) */
    SG_DUR_MAX, /* max_of(lhs, rhs) */
};

struct sg_duration_expr {
    enum sg_duration_op op;
    uint32_t pos, end;
    double number; /* SG_DUR_NUMBER: seconds */
    const struct sg_duration_expr *lhs, *rhs;
};

/* A range, step or offset. Constant: expr is NULL and ms holds. Otherwise it hangs on step() or
 * range() and is resolved per query with sg_duration_resolve. */
struct sg_duration {
    int64_t ms;
    const struct sg_duration_expr *expr;
};

/* The duration in ms for a query with this step and range (end - start). Ranges and steps must be >
 * 0 (`may_be_negative` false), offsets may be anything. SG_EEXECUTION with the place for division
 * by zero, non-positive or overflowing results. */
SG_API SG_NODISCARD int sg_duration_resolve(const struct sg_duration *d, int64_t step_ms,
                                            int64_t range_ms, bool may_be_negative, int64_t *ret_ms,
                                            struct sg_error *reterr);

/* ---- selectors and subqueries ---- */

enum sg_at_kind {
    SG_AT_NONE,
    SG_AT_TIME,  /* @ 1609746000, at_ms */
    SG_AT_START, /* @ start() */
    SG_AT_END,   /* @ end() */
};

/* "as of": reference time first, then the offset is subtracted, however they were written. */
struct sg_asof {
    enum sg_at_kind at;
    int64_t at_ms;
    struct sg_duration offset; /* 0 when not written */
};

struct sg_selector {
    struct sg_str
        name; /* metric name when the only matcher on __name__ is an equality; else n == 0 */
    struct sg_matcher *
        *matchers; /* sorted with sg_matcher_cmp; the one on __name__ is among them */
    uint32_t matcher_count;
    struct sg_asof asof;
    struct sg_duration range; /* SG_EXPR_RANGE_SELECTOR: length of the left-open window, > 0 */
};

struct sg_subquery {
    struct sg_expr *expr; /* an instant vector, evaluated at every step of the window */
    struct sg_duration range;
    struct sg_duration step; /* ms 0 without expr: not written, use the default resolution */
    struct sg_asof asof;
};

/* ---- functions ---- */

/* id, name, return type, number of typed arguments, variadic, argument types (the last is that of
 * the surplus ones). Variadic v: 0 = exactly the typed arguments; v > 0 = from count-1 to
 * count-1+v; -1 = count-1 or more. */
#define SG_FUNCTION_MAP(X)                                                                         \
    X(ABS, "abs", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                    \
    X(ABSENT, "absent", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                              \
    X(ABSENT_OVER_TIME, "absent_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)           \
    X(ACOS, "acos", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(ACOSH, "acosh", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                \
    X(ASIN, "asin", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(ASINH, "asinh", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                \
    X(ATAN, "atan", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(ATANH, "atanh", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                \
    X(AVG_OVER_TIME, "avg_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                 \
    X(CEIL, "ceil", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(CHANGES, "changes", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                             \
    X(CLAMP, "clamp", VECTOR, 3, 0, VECTOR, SCALAR, SCALAR, NONE, NONE)                            \
    X(CLAMP_MAX, "clamp_max", VECTOR, 2, 0, VECTOR, SCALAR, NONE, NONE, NONE)                      \
    X(CLAMP_MIN, "clamp_min", VECTOR, 2, 0, VECTOR, SCALAR, NONE, NONE, NONE)                      \
    X(COS, "cos", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                    \
    X(COSH, "cosh", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(COUNT_OVER_TIME, "count_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)             \
    X(DAY_OF_MONTH, "day_of_month", VECTOR, 1, 1, VECTOR, NONE, NONE, NONE, NONE)                  \
    X(DAY_OF_WEEK, "day_of_week", VECTOR, 1, 1, VECTOR, NONE, NONE, NONE, NONE)                    \
    X(DAY_OF_YEAR, "day_of_year", VECTOR, 1, 1, VECTOR, NONE, NONE, NONE, NONE)                    \
    X(DAYS_IN_MONTH, "days_in_month", VECTOR, 1, 1, VECTOR, NONE, NONE, NONE, NONE)                \
    X(DEG, "deg", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                    \
    X(DELTA, "delta", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                                 \
    X(DERIV, "deriv", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                                 \
    X(DISTINCT_OVER_TIME, "distinct_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)       \
    X(DOUBLE_EXPONENTIAL_SMOOTHING, "double_exponential_smoothing", VECTOR, 3, 0, RANGE, SCALAR,   \
      SCALAR, NONE, NONE)                                                                          \
    X(END, "end", SCALAR, 0, 0, NONE, NONE, NONE, NONE, NONE)                                      \
    X(EXP, "exp", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                    \
    X(FIRST_OVER_TIME, "first_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)             \
    X(FLOOR, "floor", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                \
    X(HISTOGRAM_AVG, "histogram_avg", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                \
    X(HISTOGRAM_COUNT, "histogram_count", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)            \
    X(HISTOGRAM_FRACTION, "histogram_fraction", VECTOR, 3, 0, SCALAR, SCALAR, VECTOR, NONE, NONE)  \
    X(HISTOGRAM_QUANTILE, "histogram_quantile", VECTOR, 2, 0, SCALAR, VECTOR, NONE, NONE, NONE)    \
    X(HISTOGRAM_QUANTILES, "histogram_quantiles", VECTOR, 4, 9, VECTOR, STRING, SCALAR, SCALAR,    \
      NONE)                                                                                        \
    X(HISTOGRAM_STDDEV, "histogram_stddev", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)          \
    X(HISTOGRAM_STDVAR, "histogram_stdvar", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)          \
    X(HISTOGRAM_SUM, "histogram_sum", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                \
    X(HOUR, "hour", VECTOR, 1, 1, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(IDELTA, "idelta", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                               \
    X(INCREASE, "increase", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                           \
    X(INFO, "info", VECTOR, 2, 1, VECTOR, VECTOR, NONE, NONE, NONE)                                \
    X(IRATE, "irate", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                                 \
    X(LABEL_JOIN, "label_join", VECTOR, 4, -1, VECTOR, STRING, STRING, STRING, NONE)               \
    X(LABEL_REPLACE, "label_replace", VECTOR, 5, 0, VECTOR, STRING, STRING, STRING, STRING)        \
    X(LAST_OVER_TIME, "last_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)               \
    X(LN, "ln", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                      \
    X(LOG10, "log10", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                \
    X(LOG2, "log2", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(MAD_OVER_TIME, "mad_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                 \
    X(MAX_OF, "max_of", SCALAR, 2, 0, SCALAR, SCALAR, NONE, NONE, NONE)                            \
    X(MAX_OVER_TIME, "max_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                 \
    X(MIN_OF, "min_of", SCALAR, 2, 0, SCALAR, SCALAR, NONE, NONE, NONE)                            \
    X(MIN_OVER_TIME, "min_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                 \
    X(MINUTE, "minute", VECTOR, 1, 1, VECTOR, NONE, NONE, NONE, NONE)                              \
    X(MONTH, "month", VECTOR, 1, 1, VECTOR, NONE, NONE, NONE, NONE)                                \
    X(PI, "pi", SCALAR, 0, 0, NONE, NONE, NONE, NONE, NONE)                                        \
    X(PREDICT_LINEAR, "predict_linear", VECTOR, 2, 0, RANGE, SCALAR, NONE, NONE, NONE)             \
    X(PRESENT_OVER_TIME, "present_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)         \
    X(QUANTILE_OVER_TIME, "quantile_over_time", VECTOR, 2, 0, SCALAR, RANGE, NONE, NONE, NONE)     \
    X(RAD, "rad", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                    \
    X(RANGE, "range", SCALAR, 0, 0, NONE, NONE, NONE, NONE, NONE)                                  \
    X(RATE, "rate", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                                   \
    X(RESETS, "resets", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                               \
    X(ROUND, "round", VECTOR, 2, 1, VECTOR, SCALAR, NONE, NONE, NONE)                              \
    X(SCALAR, "scalar", SCALAR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                              \
    X(SGN, "sgn", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                    \
    X(SIN, "sin", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                    \
    X(SINH, "sinh", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(SORT, "sort", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(SORT_BY_LABEL, "sort_by_label", VECTOR, 2, -1, VECTOR, STRING, NONE, NONE, NONE)             \
    X(SORT_BY_LABEL_DESC, "sort_by_label_desc", VECTOR, 2, -1, VECTOR, STRING, NONE, NONE, NONE)   \
    X(SORT_DESC, "sort_desc", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                        \
    X(SQRT, "sqrt", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(START, "start", SCALAR, 0, 0, NONE, NONE, NONE, NONE, NONE)                                  \
    X(START_TIMESTAMP, "start_timestamp", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)            \
    X(STDDEV_OVER_TIME, "stddev_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)           \
    X(STDVAR_OVER_TIME, "stdvar_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)           \
    X(STEP, "step", SCALAR, 0, 0, NONE, NONE, NONE, NONE, NONE)                                    \
    X(SUM_OVER_TIME, "sum_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)                 \
    X(TAN, "tan", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                    \
    X(TANH, "tanh", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                                  \
    X(TIME, "time", SCALAR, 0, 0, NONE, NONE, NONE, NONE, NONE)                                    \
    X(TIMESTAMP, "timestamp", VECTOR, 1, 0, VECTOR, NONE, NONE, NONE, NONE)                        \
    X(TS_OF_FIRST_OVER_TIME, "ts_of_first_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE) \
    X(TS_OF_LAST_OVER_TIME, "ts_of_last_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)   \
    X(TS_OF_MAX_OVER_TIME, "ts_of_max_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)     \
    X(TS_OF_MIN_OVER_TIME, "ts_of_min_over_time", VECTOR, 1, 0, RANGE, NONE, NONE, NONE, NONE)     \
    X(VECTOR, "vector", VECTOR, 1, 0, SCALAR, NONE, NONE, NONE, NONE)                              \
    X(YEAR, "year", VECTOR, 1, 1, VECTOR, NONE, NONE, NONE, NONE)

enum sg_function_id {
#define SG_FUNCTION_ENUM(id, name, ret, count, variadic, a, b, c, d, e) SG_FN_##id,
    SG_FUNCTION_MAP(SG_FUNCTION_ENUM)
#undef SG_FUNCTION_ENUM
        SG_FN_COUNT
};

struct sg_function {
    enum sg_function_id id;
    const char *name;
    enum sg_expr_type args[5]; /* types of the typed arguments */
    enum sg_expr_type ret;
    uint8_t arg_count; /* typed arguments */
    int8_t variadic;   /* see SG_FUNCTION_MAP */
};

/* By exact name; NULL when there is none. Returns borrowed static data. O(log n). */
SG_API const struct sg_function *sg_function_find(struct sg_str name);
SG_API const struct sg_function *sg_function_get(enum sg_function_id id);

struct sg_call {
    const struct sg_function *fn;
    struct sg_expr **args; /* as written: optional arguments that were left out are not there */
    uint32_t arg_count;
};

/* ---- aggregations ---- */

/* id, name, type of the parameter (NONE: takes none) */
#define SG_AGGREGATION_MAP(X)                                                                      \
    X(SUM, "sum", NONE)                                                                            \
    X(AVG, "avg", NONE)                                                                            \
    X(MIN, "min", NONE)                                                                            \
    X(MAX, "max", NONE)                                                                            \
    X(COUNT, "count", NONE)                                                                        \
    X(GROUP, "group", NONE)                                                                        \
    X(STDDEV, "stddev", NONE)                                                                      \
    X(STDVAR, "stdvar", NONE)                                                                      \
    X(TOPK, "topk", SCALAR)                                                                        \
    X(BOTTOMK, "bottomk", SCALAR)                                                                  \
    X(QUANTILE, "quantile", SCALAR)                                                                \
    X(COUNT_VALUES, "count_values", STRING)                                                        \
    X(LIMITK, "limitk", SCALAR)                                                                    \
    X(LIMIT_RATIO, "limit_ratio", SCALAR)

enum sg_aggregation_op {
#define SG_AGGREGATION_ENUM(id, name, param) SG_AGG_##id,
    SG_AGGREGATION_MAP(SG_AGGREGATION_ENUM)
#undef SG_AGGREGATION_ENUM
        SG_AGG_COUNT_OF_OPS
};
/* "sum", … Static text. */
SG_API const char *sg_aggregation_text(enum sg_aggregation_op op);
/* SG_TYPE_NONE when it takes no parameter. */
SG_API enum sg_expr_type sg_aggregation_param_type(enum sg_aggregation_op op);

struct sg_aggregate {
    enum sg_aggregation_op op;
    bool without;          /* labels are those to drop, else those to keep */
    struct sg_str *labels; /* sorted, no duplicates; none and !without: one group */
    uint32_t label_count;
    struct sg_expr *param; /* NULL when the operation takes none */
    struct sg_expr *expr;
};

/* ---- binary operators ---- */

/* id, text, priority (higher binds tighter), class */
#define SG_BINARY_MAP(X)                                                                           \
    X(OR, "or", 1, SET)                                                                            \
    X(AND, "and", 2, SET)                                                                          \
    X(UNLESS, "unless", 2, SET)                                                                    \
    X(EQ, "==", 3, COMPARE)                                                                        \
    X(NE, "!=", 3, COMPARE)                                                                        \
    X(GT, ">", 3, COMPARE)                                                                         \
    X(LT, "<", 3, COMPARE)                                                                         \
    X(GE, ">=", 3, COMPARE)                                                                        \
    X(LE, "<=", 3, COMPARE)                                                                        \
    X(TRIM_UPPER, "</", 3, TRIM) /* observations of a histogram up to a number */                  \
    X(TRIM_LOWER, ">/", 3, TRIM) /* those above it */                                              \
    X(ADD, "+", 4, ARITHMETIC)                                                                     \
    X(SUB, "-", 4, ARITHMETIC)                                                                     \
    X(MUL, "*", 5, ARITHMETIC)                                                                     \
    X(DIV, "/", 5, ARITHMETIC)                                                                     \
    X(MOD, "%", 5, ARITHMETIC)                                                                     \
    X(ATAN2, "atan2", 5, ARITHMETIC)                                                               \
    X(POW, "^", 6, ARITHMETIC) /* the only right-associative one */

enum sg_binary_op {
#define SG_BINARY_ENUM(id, text, priority, class) SG_OP_##id,
    SG_BINARY_MAP(SG_BINARY_ENUM)
#undef SG_BINARY_ENUM
        SG_BINARY_OP_COUNT
};
enum sg_binary_class {
    SG_BINARY_SET,
    SG_BINARY_COMPARE,
    SG_BINARY_TRIM,
    SG_BINARY_ARITHMETIC,
};
SG_API const char *sg_binary_text(enum sg_binary_op op);
SG_API enum sg_binary_class sg_binary_class(enum sg_binary_op op);
SG_API int sg_binary_priority(enum sg_binary_op op);

enum sg_cardinality {
    SG_CARD_ONE_TO_ONE,
    SG_CARD_MANY_TO_ONE,  /* group_left: the left side has many */
    SG_CARD_ONE_TO_MANY,  /* group_right */
    SG_CARD_MANY_TO_MANY, /* set operators */
};

struct sg_matching {
    enum sg_cardinality card;
    bool on;               /* labels are those that must agree, else those that are ignored */
    struct sg_str *labels; /* sorted, no duplicates */
    uint32_t label_count;
    struct sg_str *include; /* labels in group_left(…) or group_right(…); sorted, no duplicates */
    uint32_t include_count;
};

struct sg_binary {
    enum sg_binary_op op;
    bool return_bool;            /* `bool`: 0 or 1 instead of filtering */
    uint32_t op_pos, op_end;     /* bytes of the operator and its modifiers in the text */
    struct sg_expr *lhs, *rhs;   /* scalars or instant vectors */
    struct sg_matching matching; /* means something only when both sides are vectors; else zero */
};

/* ---- the node ---- */

struct sg_expr {
    enum sg_expr_kind kind;
    enum sg_expr_type type;
    uint32_t pos, end;  /* bytes [pos, end) in the text; parentheses around it are not included */
    uint32_t height;    /* 1 for a leaf */
    bool from_duration; /* as written: a number that is shown as a duration */
    union {
        double number;
        struct sg_str string; /* may hold any byte, also invalid UTF-8 from \x escapes */
        struct sg_selector selector;
        struct sg_subquery subquery;
        struct sg_call call;
        struct sg_aggregate aggregate;
        struct sg_binary binary;
        struct sg_expr *negate;
    } u;
};

/* Children in evaluation order: call arguments; parameter then expression of an aggregation; left
 * then right; a subquery's expression. NULL when i is past the last. */
SG_API struct sg_expr *sg_expr_child(const struct sg_expr *e, uint32_t i);

/* Structural equality: everything but positions and from_duration. NaN equals NaN, 0 and -0 differ.
 * O(size). */
SG_API bool sg_expr_equal(const struct sg_expr *a, const struct sg_expr *b);
/* Equal trees hash equally within this process. O(size). */
SG_API uint64_t sg_expr_hash(const struct sg_expr *e);

/* Appends the canonical text. Returns 0 or SG_ELIMIT when the buffer is full. */
SG_API int sg_expr_print(const struct sg_expr *e, struct sg_buf *b);

/* ---- parsing ---- */

struct sg_promql_options {
    uint32_t max_bytes;   /* 0: SG_PROMQL_MAX_BYTES */
    uint32_t max_nesting; /* 0: SG_PROMQL_MAX_NESTING, which is also the most there can be */
    /* Keeps parentheses, unary plus, the order of labels, and shows durations as such. Such a tree
     * is for showing, not for evaluating. What parses without may be refused with it: it is higher.
     */
    bool as_written;
};

struct sg_promql {
    struct sg_expr *root;
    struct sg_str text;           /* copy of what was parsed, NUL-terminated */
    struct sg_arena arena;        /* holds the tree */
    struct sg_matcher **matchers; /* private: every matcher of the tree, for freeing */
    size_t matcher_count, matcher_cap;
};

/* Parses and checks one expression of any type. `opt` may be NULL. SG_ESYNTAX for what the grammar
 * or the type rules do not allow, SG_ELIMIT, SG_EUNSUPPORTED for syntax we know and do not
 * evaluate, SG_ENOMEM; always with line, column, pos and end, and a text that starts with "parse
 * error: ". Returns owned through *ret_q: free with sg_promql_free. O(length). */
SG_API SG_NODISCARD int sg_promql_parse(struct sg_str text, const struct sg_promql_options *opt,
                                        struct sg_promql **ret_q, struct sg_error *reterr);
/* The same for what is given as match[] and the like: an instant selector without modifiers. */
SG_API SG_NODISCARD int sg_promql_parse_selector(struct sg_str text,
                                                 const struct sg_promql_options *opt,
                                                 struct sg_promql **ret_q, struct sg_error *reterr);
SG_API void sg_promql_free(struct sg_promql *q); /* accepts NULL */

#endif
