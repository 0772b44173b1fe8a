/* promql_gen.h - random expressions over a known set of metrics, for tests that compare two ways of
 * evaluating: mostly what a live engine keeps up to date by itself, mixed with what it does not.
 *
 * Metrics: c_total, g and odd with labels job, i; b_bucket with job, le; h (native histograms) with
 * job; target_info with job, i.
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
               "odd{i=\"\"}", "missing", "{__name__=~\"g|odd\", job=\"a\"}", "target_info");
}

static inline void gen_modifiers(struct promql_gen *g)
{
    GEN_ONE_OF(g, "", "", "", "", "", "", "", " offset 3s", " offset 11s", " offset -2s",
               " @ 1764000010", " @ end()");
}

static inline void gen_range(struct promql_gen *g, int depth)
{
    if (depth > 1 && gen_pick(g, 8) == 0) {
        gen_put(g, "(");
        gen_vector(g, depth - 1);
        GEN_ONE_OF(g, ")[10s:2s]", ")[7s:1s]", ")[5s:500ms]");
    } else {
        gen_selector(g);
        GEN_ONE_OF(g, "[2s]", "[5s]", "[10s]", "[10s]", "[30s]", "[1m]", "[3m]");
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
        GEN_ONE_OF(g, "2", "0.5", "0.9", "-1", "time()", "0", "1e3", "NaN", "Inf");
    }
}

static inline void gen_over_time(struct promql_gen *g, int depth)
{
    switch (gen_pick(g, 12)) {
    case 0:
        gen_put(g, "quantile_over_time(");
        gen_scalar(g, depth);
        gen_put(g, ", ");
        gen_range(g, depth);
        break;
    case 1:
        gen_put(g, "predict_linear(");
        gen_range(g, depth);
        gen_put(g, ", 10");
        break;
    default:
        GEN_ONE_OF(g, "rate(", "rate(", "rate(", "increase(", "delta(", "irate(", "idelta(",
                   "changes(", "resets(", "sum_over_time(", "avg_over_time(", "max_over_time(",
                   "min_over_time(", "count_over_time(", "last_over_time(", "first_over_time(",
                   "stddev_over_time(", "stdvar_over_time(", "mad_over_time(", "deriv(",
                   "present_over_time(", "absent_over_time(", "ts_of_max_over_time(",
                   "ts_of_min_over_time(", "ts_of_last_over_time(", "ts_of_first_over_time(");
        gen_range(g, depth);
    }
    gen_put(g, ")");
}

static inline void gen_call(struct promql_gen *g, int depth)
{
    switch (gen_pick(g, 5)) {
    case 0:
        gen_put(g, "histogram_quantile(");
        gen_scalar(g, depth);
        gen_put(g, ", sum by (le, job) (rate(b_bucket[10s])))");
        return;
    case 1:
        gen_put(g, "clamp_max(");
        gen_vector(g, depth - 1);
        gen_put(g, ", ");
        gen_scalar(g, depth);
        break;
    case 2:
        gen_put(g, "label_replace(");
        gen_vector(g, depth - 1);
        GEN_ONE_OF(g, ", \"x\", \"$1\", \"i\", \"(.*)\"", ", \"job\", \"v\", \"i\", \"1|2\"");
        break;
    default:
        GEN_ONE_OF(g, "abs(", "sgn(", "absent(", "timestamp(", "sort(", "ceil(", "exp(", "round(",
                   "histogram_count(", "histogram_sum(", "histogram_avg(");
        gen_vector(g, depth - 1);
    }
    gen_put(g, ")");
}

static inline void gen_aggregation(struct promql_gen *g, int depth)
{
    if (gen_pick(g, 5) == 0) {
        GEN_ONE_OF(g, "topk", "bottomk", "quantile", "limitk");
        GEN_ONE_OF(g, "", " by (job)", " without (i)");
        gen_put(g, " (");
        gen_scalar(g, depth);
        gen_put(g, ", ");
    } else {
        GEN_ONE_OF(g, "sum", "sum", "avg", "min", "max", "count", "group", "stddev");
        GEN_ONE_OF(g, "", " by (job)", " by (job)", " without (i)", " by (i, le)");
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
        GEN_ONE_OF(g, "", "on (i) ", "ignoring (job) ");
        gen_vector(g, depth - 1);
        break;
    case 1:
        GEN_ONE_OF(g, " + ", " - ", " * ", " / ", " > ", " == bool ", " <= ");
        GEN_ONE_OF(g, "", "", "on (job, i) ", "on (job) group_left () ",
                   "on (job) group_right () ");
        gen_vector(g, depth - 1);
        break;
    default:
        GEN_ONE_OF(g, " + ", " * ", " > ", " != bool ", " < ", " / ", " </ ", " >/ ");
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
