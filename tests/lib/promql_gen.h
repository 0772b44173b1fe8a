/* promql_gen.h - random expressions over a known set of metrics, for tests that compare two ways of
 * evaluating: mostly what a live engine keeps up to date by itself, mixed with what it does not.
 *
 * Metrics: c_total, e_total, g and odd with labels job, i; b_bucket with job, le; h (native
 * histograms) with job; u (sets) and target_info with job, i.
 */
#ifndef TESTS_PROMQL_GEN_H
#define TESTS_PROMQL_GEN_H

#include <streamgauge/buf.h>
#include <streamgauge/rand.h>

struct promql_gen {
    struct sg_prng *g;
    struct sg_buf *out;
};

static inline void gen_put(struct promql_gen *g, const char *s)
{
    sg_buf_puts(g->out, s);
}

static inline uint64_t gen_pick(struct promql_gen *g, uint64_t n)
{
    return sg_prng_below(g->g, n);
}

static inline void gen_word(struct promql_gen *g, const char *const *words, size_t n)
{
    gen_put(g, words[gen_pick(g, n)]);
}
#define GEN_ONE_OF(g, ...)                                                                         \
    gen_word(g, (const char *const[]){__VA_ARGS__},                                                \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void gen_vector(struct promql_gen *g, int depth);

static inline void gen_selector(struct promql_gen *g)
{
    GEN_ONE_OF(g, "c_total", "c_total", "g", "g", "odd", "b_bucket", "h", "g{job=\"a\"}",
               "c_total{job!=\"a\"}", "{__name__=~\"g|c_total\"}", "{job=\"b\"}", "g{i=~\"1|2\"}",
               "odd{i=\"\"}", "missing", "{__name__=~\"g|odd\", job=\"a\"}", "target_info",
               "e_total", "u", "{job=~\".+\", i!=\"\"}", "{__name__=~\"g|h|u\"}", "h{job=~\"a|\"}",
               "c_total{i!~\"1|2\", job=~\"[a-b]\"}");
}

static inline void gen_modifiers(struct promql_gen *g)
{
    GEN_ONE_OF(g, "", "", "", "", "", "", "", " offset 3s", " offset 11s", " offset -2s",
               " @ 1764000010", " @ end()", " @ start()", " @ 1764000020 offset 2s",
               " offset 500ms", " offset (1s+1500ms)", " offset -1s @ 1764000030.25",
               " offset 30s @ end()");
}

static inline void gen_range(struct promql_gen *g, int depth)
{
    if (depth > 1 && gen_pick(g, 8) == 0) {
        gen_put(g, "(");
        gen_vector(g, depth - 1);
        GEN_ONE_OF(g, ")[10s:2s]", ")[7s:1s]", ")[5s:500ms]", ")[2m:]", ")[3s:700ms]", ")[20s:10s]",
                   ")[1s:3s]", ")[4s:(1s+500ms)]");
    } else {
        gen_selector(g);
        GEN_ONE_OF(g, "[2s]", "[5s]", "[10s]", "[10s]", "[30s]", "[1m]", "[3m]", "[100ms]", "[1s]",
                   "[12s]", "[13s]", "[5s+4s]", "[10m]");
    }
    gen_modifiers(g);
}

static inline void gen_scalar(struct promql_gen *g, int depth)
{
    if (depth > 1 && gen_pick(g, 6) == 0) {
        gen_put(g, "scalar(");
        gen_vector(g, depth - 1);
        gen_put(g, ")");
    } else {
        GEN_ONE_OF(g, "2", "0.5", "0.9", "-1", "time()", "0", "1e3", "NaN", "Inf", "step()",
                   "min_of(3, time() % 7)", "pi()", "max_of(0.2, time() % 3)", "-Inf",
                   "(end() - start())", "range()", "(time() % 5 > bool 2)", "1e-300");
    }
}

/* V, S and R in the pattern stand for a vector, a scalar and a range. */
static inline void gen_pattern(struct promql_gen *g, const char *pattern, int depth)
{
    for (const char *p = pattern; *p; p++) {
        if (*p == 'V')
            gen_vector(g, depth - 1);
        else if (*p == 'S')
            gen_scalar(g, depth);
        else if (*p == 'R')
            gen_range(g, depth);
        else
            sg_buf_putc(g->out, *p);
    }
}
#define GEN_PATTERN_OF(g, depth, ...)                                                              \
    do {                                                                                           \
        static const char *const patterns[] = {__VA_ARGS__};                                       \
        gen_pattern((g), patterns[gen_pick((g), SG_ARRAY_LEN(patterns))], (depth));                \
    } while (0)

static inline void gen_over_time(struct promql_gen *g, int depth)
{
    if (gen_pick(g, 6) == 0)
        GEN_PATTERN_OF(g, depth, "quantile_over_time(S, R)", "predict_linear(R, 10)",
                       "double_exponential_smoothing(R, 0.5, 0.1)", "predict_linear(R, S)",
                       "double_exponential_smoothing(R, S, S)");
    else
        GEN_PATTERN_OF(g, depth, "rate(R)", "rate(R)", "rate(R)", "increase(R)", "delta(R)",
                       "irate(R)", "idelta(R)", "changes(R)", "resets(R)", "sum_over_time(R)",
                       "avg_over_time(R)", "max_over_time(R)", "min_over_time(R)",
                       "count_over_time(R)", "last_over_time(R)", "first_over_time(R)",
                       "stddev_over_time(R)", "stdvar_over_time(R)", "mad_over_time(R)", "deriv(R)",
                       "present_over_time(R)", "absent_over_time(R)", "distinct_over_time(R)",
                       "ts_of_max_over_time(R)", "ts_of_min_over_time(R)",
                       "ts_of_last_over_time(R)", "ts_of_first_over_time(R)");
}

/* Functions of one value that no state hangs on. */
static inline void gen_mapped(struct promql_gen *g, int depth)
{
    GEN_PATTERN_OF(g, depth, "sqrt(V)", "log2(V)", "log10(V)", "sin(V)", "cos(V)", "tan(V)",
                   "asin(V)", "acos(V)", "atan(V)", "sinh(V)", "cosh(V)", "tanh(V)", "asinh(V)",
                   "acosh(V)", "atanh(V)", "deg(V)", "rad(V)", "minute(V)", "month(V)", "year(V)",
                   "day_of_month(V)", "day_of_week(V)", "day_of_year(V)", "days_in_month(V)",
                   "minute()", "hour()", "day_of_year()", "round(V, S)", "clamp_min(V, S)",
                   "histogram_stdvar(V)", "sort_by_label(V, \"i\")",
                   "sort_by_label_desc(V, \"job\", \"i\")", "vector(scalar(V))");
}

static inline void gen_call(struct promql_gen *g, int depth)
{
    if (gen_pick(g, 5) == 0)
        gen_mapped(g, depth);
    else if (gen_pick(g, 2) == 0)
        GEN_PATTERN_OF(g, depth, "abs(V)", "sgn(V)", "absent(V)", "timestamp(V)", "sort(V)",
                       "sort_desc(V)", "ceil(V)", "floor(V)", "exp(V)", "ln(V)", "round(V)",
                       "hour(V)", "histogram_count(V)", "histogram_sum(V)", "histogram_avg(V)",
                       "histogram_stddev(V)");
    else
        GEN_PATTERN_OF(g, depth, "histogram_quantile(S, sum by (le, job) (rate(b_bucket[10s])))",
                       "histogram_quantile(S, V)", "histogram_fraction(S, S, V)",
                       "histogram_quantiles(V, \"q\", 0.5, S)", "clamp_max(V, S)", "clamp(V, S, S)",
                       "vector(S)", "info(V)", "info(V, {job=\"a\"})",
                       "info(V, {__name__=\"target_info\", i=~\".+\"})",
                       "label_replace(V, \"x\", \"$1\", \"i\", \"(.*)\")",
                       "label_replace(V, \"job\", \"v\", \"i\", \"1|2\")",
                       "label_join(V, \"x\", \"-\", \"job\", \"i\")",
                       "label_join(V, \"i\", \"\", \"job\")",
                       "label_join(V, \"__name__\", \"_\", \"job\", \"i\")",
                       "label_replace(V, \"__name__\", \"n$1\", \"__name__\", \"(.).*\")",
                       "label_replace(V, \"i\", \"\", \"i\", \"1\")");
}

static inline void gen_aggregation(struct promql_gen *g, int depth)
{
    if (gen_pick(g, 9) == 0) {
        GEN_ONE_OF(g, "count_values (\"v\", ", "count_values by (job) (\"v\", ",
                   "count_values without (i) (\"job\", ");
    } else if (gen_pick(g, 5) == 0) {
        GEN_ONE_OF(g, "topk", "bottomk", "quantile", "limitk", "limit_ratio");
        GEN_ONE_OF(g, "", " by (job)", " without (i)");
        gen_put(g, " (");
        gen_scalar(g, depth);
        gen_put(g, ", ");
    } else {
        GEN_ONE_OF(g, "sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar");
        GEN_ONE_OF(g, "", " by (job)", " by (job)", " without (i)", " by (i, le)",
                   " without (job, le)", " by (__name__)", " without ()");
        gen_put(g, " (");
    }
    gen_vector(g, depth - 1);
    gen_put(g, ")");
}

static inline void gen_binary(struct promql_gen *g, int depth)
{
    gen_put(g, "(");
    gen_vector(g, depth - 1);
    switch (gen_pick(g, 3)) {
    case 0:
        GEN_ONE_OF(g, " and ", " or ", " unless ");
        GEN_ONE_OF(g, "", "on (i) ", "ignoring (job) ", "on () ", "on (__name__) ");
        gen_vector(g, depth - 1);
        break;
    case 1:
        GEN_ONE_OF(g, " + ", " - ", " * ", " / ", " > ", " == bool ", " <= ", " ^ ", " % ",
                   " atan2 ");
        GEN_ONE_OF(g, "", "", "on (job, i) ", "on (job) group_left () ", "on (job) group_right () ",
                   "on (job) group_left (i) ", "ignoring (le) ", "ignoring (i) group_right (i) ",
                   "on () group_left (job) ", "on (job) group_left (__name__) ", "on (i) ",
                   "ignoring (i, job, le) group_right () ");
        gen_vector(g, depth - 1);
        break;
    default:
        GEN_ONE_OF(g, " + ", " * ", " > ", " != bool ", " < ", " / ", " </ ", " >/ ", " - ", " ^ ",
                   " % ", " atan2 ", " == ", " >= bool ");
        gen_scalar(g, depth);
    }
    gen_put(g, ")");
}

static void gen_vector(struct promql_gen *g, int depth)
{
    uint64_t kind = depth <= 1 ? gen_pick(g, 4) : gen_pick(g, 12);
    if (kind == 0) {
        gen_selector(g);
        gen_modifiers(g);
    } else if (kind <= 4) {
        gen_over_time(g, depth);
    } else if (kind <= 6) {
        gen_call(g, depth);
    } else if (kind <= 8) {
        gen_aggregation(g, depth);
    } else if (kind <= 10) {
        gen_binary(g, depth);
    } else {
        gen_put(g, "-");
        gen_vector(g, depth - 1);
    }
}

/* One expression of type instant vector. */
static inline void gen_expression(struct sg_prng *prng, struct sg_buf *out)
{
    struct promql_gen g = {prng, out};
    gen_vector(&g, 1 + (int)gen_pick(&g, 4));
}

#endif
