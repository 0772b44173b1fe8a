/* fuzz_promql_eval.c - random expressions over random data: no crash, and a range query is its
 * instants.
 *
 * Input: 8 bytes seed the data, one byte chooses the grid, one whether the rest is the text of an
 * expression or the choices of a generator. Checked: what fails at an instant fails in the range,
 * what both yield is equal, a plan used again gives the same, and the view shows what the result
 * holds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/promql.h>
#include <streamgauge/rand.h>

#include "mem_querier.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- data ---- */

static void add_series(struct sg_mem_store *m, struct sg_prng *g, const char *labels, int kind)
{
    struct sg_series_text l;
    if (sg_series_text_parse(sg_str_from(labels), &l, NULL) < 0)
        abort();
    size_t id = sg_mem_series_take(m, sg_labels_ref(l.labels));
    sg_series_text_deinit(&l);
    int64_t t = (int64_t)sg_prng_below(g, 60000);
    double v = (double)sg_prng_below(g, 10);
    for (uint64_t i = 0, n = 5 + sg_prng_below(g, 40); i < n; i++) {
        uint64_t dice = sg_prng_below(g, 40);
        t += 1000 + (int64_t)sg_prng_below(g, dice ? 20000 : 400000);
        if (dice == 1) {
            sg_mem_append(m, id, t, sg_stale_nan());
            continue;
        }
        if (kind == 1) { /* native histogram */
            struct sg_histogram *h = sg_histogram_new(2, 0, 0);
            v = dice == 2 ? 1 : v + (double)dice;
            h->buckets[0] = (struct sg_bucket){(int32_t)(dice % 3), v};
            h->buckets[1] = (struct sg_bucket){4, 2 * v};
            h->count = 3 * v, h->sum = 10 * v;
            h->schema = dice % 7 == 3 ? 1 : 0;
            sg_mem_append_histogram_take(m, id, t, h);
            continue;
        }
        v = dice == 2     ? 0
            : dice == 3   ? NAN
            : dice == 4   ? INFINITY
            : isfinite(v) ? v + (double)dice
                          : 1;
        sg_mem_append(m, id, t, v);
    }
}

static struct sg_mem_store *make_data(uint64_t seed)
{
    static const struct {
        const char *labels;
        int kind;
    } all[] = {
        {"a{x=\"1\", y=\"p\"}", 0},
        {"a{x=\"2\", y=\"p\"}", 0},
        {"a{x=\"3\", y=\"q\"}", 0},
        {"b{x=\"1\", z=\"m\"}", 0},
        {"b{x=\"2\", z=\"n\"}", 0},
        {"b{x=\"2\", z=\"o\"}", 0},
        {"c_total{y=\"p\"}", 0},
        {"c_total{y=\"q\"}", 0},
        {"h_bucket{le=\"1\"}", 0},
        {"h_bucket{le=\"2\"}", 0},
        {"h_bucket{le=\"+Inf\"}", 0},
        {"n{x=\"1\"}", 1},
        {"n{x=\"2\"}", 1},
        {"n{x=\"3\"}", 0},
        {"a{x=\"1\", y=\"p\", w=\"9\"}", 0},
        {"target_info{x=\"1\"}", 0},
    };
    struct sg_prng g = {seed};
    struct sg_mem_store *m = sg_mem_store_new();
    for (size_t i = 0; i < SG_ARRAY_LEN(all); i++)
        if (sg_prng_below(&g, 6))
            add_series(m, &g, all[i].labels, all[i].kind);
    return m;
}

/* ---- expressions ---- */

struct gen {
    const uint8_t *p, *end;
    struct sg_buf out;
};

static unsigned pick(struct gen *g, unsigned n)
{
    return g->p == g->end ? 0 : *g->p++ % n;
}

static const char *one_of(struct gen *g, const char *const *words, size_t n)
{
    return words[pick(g, (unsigned)n)];
}
#define ONE_OF(g, ...)                                                                             \
    one_of(g, (const char *const[]){__VA_ARGS__},                                                  \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void put(struct gen *g, const char *s)
{
    sg_buf_puts(&g->out, s);
}

static void vector(struct gen *g, int depth);

static void modifiers(struct gen *g)
{
    put(g, ONE_OF(g, "", "", "", " offset 1m", " @ 300", " offset -90s", " @ 200 offset 30s",
                  " @ start()", " @ end()", " offset (30s+5s)"));
}

static void selector(struct gen *g)
{
    put(g, ONE_OF(g, "a", "b", "c_total", "n", "h_bucket", "{__name__=~\"a|b\"}", "a{y=\"p\"}",
                  "b{z!~\"n|o\"}", "missing"));
}

static void range(struct gen *g, int depth)
{
    if (depth > 1 && pick(g, 3) == 0) {
        put(g, "(");
        vector(g, depth - 1);
        put(g, ONE_OF(g, ")[3m:30s]", ")[90s:17s]", ")[5m:]", ")[10m:100s]", ")[20s:3s]"));
    } else {
        selector(g);
        put(g, ONE_OF(g, "[1m]", "[5m]", "[45s]", "[10m]", "[20s+10s]", "[2s]"));
    }
    modifiers(g);
}

static void scalar(struct gen *g, int depth)
{
    if (depth > 1 && pick(g, 4) == 0) {
        put(g, "scalar(");
        vector(g, depth - 1);
        put(g, ")");
    } else {
        put(g, ONE_OF(g, "2", "0.5", "-1", "time()", "0", "1e3", "NaN", "Inf", "pi()",
                      "min_of(2, time() % 5)", "max_of(time() / 100, 3)", "(time() > bool 300)"));
    }
}

/* V, S and R in the pattern stand for a vector, a scalar and a range. */
static void pattern(struct gen *g, const char *text, int depth)
{
    for (const char *p = text; *p; p++) {
        if (*p == 'V')
            vector(g, depth - 1);
        else if (*p == 'S')
            scalar(g, depth);
        else if (*p == 'R')
            range(g, depth);
        else
            sg_buf_putc(&g->out, *p);
    }
}

static void over_time(struct gen *g, int depth)
{
    pattern(g,
            ONE_OF(g, "rate(R)", "increase(R)", "delta(R)", "irate(R)", "idelta(R)", "changes(R)",
                   "resets(R)", "sum_over_time(R)", "avg_over_time(R)", "max_over_time(R)",
                   "min_over_time(R)", "count_over_time(R)", "last_over_time(R)",
                   "first_over_time(R)", "stddev_over_time(R)", "stdvar_over_time(R)",
                   "mad_over_time(R)", "deriv(R)", "present_over_time(R)", "absent_over_time(R)",
                   "distinct_over_time(R)", "ts_of_max_over_time(R)", "ts_of_min_over_time(R)",
                   "ts_of_first_over_time(R)", "ts_of_last_over_time(R)",
                   "quantile_over_time(S, R)", "predict_linear(R, S)",
                   "double_exponential_smoothing(R, 0.3, 0.6)"),
            depth);
}

static void call(struct gen *g, int depth)
{
    unsigned kind = pick(g, 3);
    if (kind == 0)
        over_time(g, depth);
    else if (kind == 1)
        pattern(g,
                ONE_OF(g, "abs(V)", "sgn(V)", "absent(V)", "timestamp(V)", "sort(V)",
                       "sort_desc(V)", "hour(V)", "exp(V)", "round(V)", "histogram_count(V)",
                       "histogram_sum(V)", "histogram_stddev(V)", "sort_by_label(V, \"x\")",
                       "histogram_avg(V)", "histogram_stdvar(V)", "sort_by_label_desc(V, \"y\")",
                       "clamp_min(V, S)", "ceil(V)", "floor(V)", "ln(V)", "sqrt(V)", "asinh(V)",
                       "day_of_year(V)", "days_in_month(V)", "minute()", "month(V)",
                       "vector(scalar(V))"),
                depth);
    else
        pattern(g,
                ONE_OF(g, "histogram_quantile(S, V)", "histogram_fraction(S, S, V)",
                       "histogram_quantiles(V, \"q\", 0.5, S)", "clamp_max(V, S)", "clamp(V, S, S)",
                       "round(V, S)", "vector(S)", "info(V)", "info(V, {x=\"1\"})",
                       "info(V, {__name__=~\"target_info|b\"})", "info(V, {z=~\".*\"})",
                       "label_join(V, \"n\", \"-\", \"x\", \"y\")", "label_join(V, \"x\", \"\")",
                       "label_join(V, \"__name__\", \"\", \"y\")",
                       "label_replace(V, \"x\", \"$1\", \"y\", \"(.*)\")",
                       "label_replace(V, \"n\", \"v\", \"x\", \"1|2\")",
                       "label_replace(V, \"y\", \"\", \"y\", \"p\")",
                       "label_replace(V, \"__name__\", \"a\", \"__name__\", \"b\")"),
                depth);
}

static void aggregation(struct gen *g, int depth)
{
    const char *by = ONE_OF(g, "", " by (x)", " without (x)", " by (y, z)", " without (le)",
                            " by (__name__)", " without (x, y, z)");
    switch (pick(g, 3)) {
    case 0:
        put(g, ONE_OF(g, "topk", "bottomk", "quantile", "limitk", "limit_ratio"));
        put(g, by);
        put(g, " (");
        scalar(g, depth);
        put(g, ", ");
        break;
    case 1:
        put(g, "count_values");
        put(g, by);
        put(g, " (\"v\", ");
        break;
    default:
        put(g, ONE_OF(g, "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"));
        put(g, by);
        put(g, " (");
        break;
    }
    vector(g, depth - 1);
    put(g, ")");
}

static void binary(struct gen *g, int depth)
{
    put(g, "(");
    vector(g, depth - 1);
    switch (pick(g, 3)) {
    case 0:
        put(g, ONE_OF(g, " and ", " or ", " unless "));
        put(g, ONE_OF(g, "", "on (x) ", "ignoring (y) ", "on () ", "on (__name__) "));
        vector(g, depth - 1);
        break;
    case 1:
        put(g, ONE_OF(g, " + ", " - ", " * ", " / ", " > ", " == bool ", " <= ", " ^ ", " % ",
                      " atan2 ", " >= bool "));
        put(g, ONE_OF(g, "", "on (x) ", "ignoring (y, z) ", "on (x) group_left () ",
                      "on (x) group_left (z) ", "on () group_right () ", "ignoring (x) ",
                      "on (y) group_left (x, w) ", "ignoring (x) group_right (z) ",
                      "on (x) group_left (__name__) ", "ignoring (x, y, w) group_left () "));
        vector(g, depth - 1);
        break;
    default:
        put(g, ONE_OF(g, " + ", " * ", " > ", " != bool ", " < ", " / ", " </ ", " >/ ", " - ",
                      " % ", " ^ ", " == "));
        scalar(g, depth);
        break;
    }
    put(g, ")");
}

static void vector(struct gen *g, int depth)
{
    unsigned kind = depth <= 1 ? 0 : pick(g, 8);
    if (kind <= 1) {
        selector(g);
        modifiers(g);
    } else if (kind <= 3) {
        call(g, depth);
    } else if (kind <= 5) {
        aggregation(g, depth);
    } else if (kind == 6) {
        binary(g, depth);
    } else {
        put(g, "-");
        vector(g, depth - 1);
    }
}

/* ---- checks ---- */

static bool holds(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}
#define HOLDS(text, ...)                                                                           \
    holds(text, (const char *const[]){__VA_ARGS__},                                                \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Rows of this come in the order of its arguments, which picks among equals. */
static bool order_matters(const char *text)
{
    return HOLDS(text, "histogram_quantiles") && HOLDS(text, "topk", "bottomk", "limitk");
}

static bool same(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b));
}

static void die(const char *what, const char *text, int64_t t)
{
    fprintf(stderr, "%s at %lld: %s\n", what, (long long)t, text);
    abort();
}

static const struct sg_promql_series *find(const struct sg_promql_result *r,
                                           const struct sg_labels *l)
{
    for (size_t i = 0; i < r->n; i++)
        if (sg_labels_eq(r->series[i].labels, l))
            return &r->series[i];
    return NULL;
}

static size_t points_at(const struct sg_promql_result *r, int64_t t)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        for (size_t j = 0; j < r->series[i].n; j++)
            n += r->series[i].time_ms[j] == t;
    return n;
}

static void compare(const struct sg_promql_result *range, const struct sg_promql_result *one,
                    int64_t t, const char *text)
{
    if (points_at(range, t) != one->n)
        die("the range has another number of series", text, t);
    for (size_t i = 0; i < one->n; i++) {
        const struct sg_promql_series *s = find(range, one->series[i].labels);
        size_t at = 0;
        while (s && at < s->n && s->time_ms[at] != t)
            at++;
        if (!s || at == s->n)
            die("the range lacks a series", text, t);
        const struct sg_histogram *h = one->series[i].h ? one->series[i].h[0] : NULL;
        if (!h != !(s->h && s->h[at]) || (!h && !same(s->v[at], one->series[i].v[0])) ||
            (h && !same(h->sum, s->h[at]->sum)))
            die("the range has another value", text, t);
    }
}

static void check_view(struct sg_promql_plan *p, struct sg_querier *q,
                       const struct sg_promql_result *one, int64_t t, const char *text)
{
    struct sg_promql_view v;
    struct sg_error err = {0};
    if (sg_promql_eval_view(p, q, t, &v, &err) < 0)
        die("the view fails", text, t);
    size_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (!(v.present[i] & 1))
            continue;
        const struct sg_promql_series *s = find(one, v.labels[i]);
        n++;
        if (!s || (!(v.h && v.h[i]) && !same(s->v[0], v.v[i])))
            die("the view differs", text, t);
    }
    if (n != one->n)
        die("the view has another number of rows", text, t);
}

static void check_instant(struct sg_promql_plan *p, struct sg_querier *q,
                          const struct sg_promql_result *range, int range_rc, int64_t t,
                          const char *text)
{
    struct sg_promql_result one;
    struct sg_error err = {0};
    int rc = sg_promql_eval(p, q, SG_PROMQL_AT(t), &one, &err);
    if (rc == SG_EEXECUTION && range_rc == 0)
        die("an instant fails and the range does not", text, t);
    if (rc == 0 && range_rc == 0 && one.kind != SG_RESULT_MATRIX && one.kind != SG_RESULT_STRING)
        compare(range, &one, t, text);
    if (rc == 0 && (one.kind == SG_RESULT_VECTOR || one.kind == SG_RESULT_SCALAR))
        check_view(p, q, &one, t, text);
    sg_promql_result_deinit(&one);
}

static void check(struct sg_mem_store *m, const char *text, size_t n, uint8_t shape)
{
    struct sg_promql_eval_options opt = {
        .max_samples = 300000, .max_series = 2000, .max_steps = 400};
    struct sg_querier q = sg_mem_querier(m);
    struct sg_promql *query;
    struct sg_promql_plan *p, *again;
    struct sg_error err = {0};
    if (sg_promql_parse(sg_str_make(text, n), NULL, &query, &err) < 0)
        return;
    if (sg_promql_prepare(query, &opt, &p, &err) < 0) {
        sg_promql_free(query);
        return;
    }
    if (sg_promql_prepare(query, &opt, &again, &err) < 0)
        abort();
    int64_t step = shape & 1 ? 2000 : 61000, steps = shape & 1 ? 300 : 6;
    struct sg_promql_grid grid = {60000, 60000 + (steps - 1) * step, step};
    struct sg_promql_result r;
    int rc = sg_promql_eval(p, &q, grid, &r, &err);
    bool comparable = !HOLDS(text, "start", "end", "step", "range", "@") && !order_matters(text);
    if (HOLDS(text, "@") && !HOLDS(text, "start", "end", "step", "range") && !order_matters(text))
        comparable = true;
    for (int64_t i = 0; comparable && i < steps; i += i < 4 || i > 250 ? 1 : 31) {
        if (i > 260 && i < steps - 2)
            continue;
        check_instant(again, &q, &r, rc, grid.start_ms + i * step, text);
    }
    sg_promql_result_deinit(&r);
    sg_promql_plan_free(p);
    sg_promql_plan_free(again);
    sg_promql_free(query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t seed;
    if (size < 11 || size > 2000)
        return 0;
    memcpy(&seed, data, sizeof(seed));
    struct sg_mem_store *m = make_data(seed);
    struct gen g = {data + 10, data + size, {0}};
    sg_buf_init(&g.out, 1 << 16);
    if (data[9] & 1)
        sg_buf_append(&g.out, data + 10, size - 10);
    else
        vector(&g, 2 + (data[9] >> 1) % 4);
    const char *text = sg_buf_cstr(&g.out);
    check(m, text, strlen(text), data[8]);
    sg_buf_deinit(&g.out);
    sg_mem_store_free(m);
    return 0;
}
