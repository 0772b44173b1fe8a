/* bench_promql.c - ns per series of one evaluation at an instant, beside a bare loop over the same
 * samples.
 *
 * usage: bench_promql [SERIES]     10000 unless told; data lies in memory, so this is the evaluator
 * without a store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/promql.h>
#include <time.h>

#include "../lib/mem_querier.c"

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Series are appended directly: finding them by labels is quadratic here. */
static struct sg_mem_store *make(size_t series, int per_window)
{
    struct sg_mem_store *m = sg_mem_store_new();
    int64_t step_ms = 300000 / per_window;
    for (size_t i = 0; i < series; i++) {
        char text[128];
        struct sg_series_text l;
        snprintf(text, sizeof(text), "m_total{l=\"%zu\", i=\"%zu\", le=\"%zu\"}", i % 10, i,
                 i % 20);
        if (sg_series_text_parse(sg_str_from(text), &l, NULL) < 0)
            abort();
        struct mem_series *one = sg_calloc(1, sizeof(*one));
        one->labels = sg_labels_ref(l.labels);
        one->id = (uint32_t)m->n;
        sg_samples_init(&one->s);
        m->series = sg_grow(m->series, &m->cap, m->n + 1, sizeof(struct mem_series *));
        m->series[m->n++] = one;
        sg_series_text_deinit(&l);
        for (int j = 0; j < 2 * per_window; j++)
            sg_mem_append(m, i, j * step_ms, j * 1.5 + (double)i);
    }
    m->generation++;
    return m;
}

/* The same additions with nothing around them: last - first plus resets, summed over all series. */
static double bare(const struct sg_mem_store *m, int per_window)
{
    double best = 1e18, total = 0;
    for (int round = 0; round < 10; round++) {
        double t = now_ns();
        for (size_t i = 0; i < m->n; i++) {
            const double *v = m->series[i]->s.v + per_window;
            double diff = v[per_window - 1] - v[0];
            for (int j = 1; j < per_window; j++)
                if (v[j] < v[j - 1])
                    diff += v[j - 1];
            total += diff / 300;
        }
        t = now_ns() - t;
        best = t < best ? t : best;
    }
    return total == 0 ? 0 : best;
}

static double evaluate(struct sg_mem_store *m, const char *expr)
{
    struct sg_querier q = sg_mem_querier(m);
    struct sg_promql *query;
    struct sg_promql_plan *plan;
    struct sg_promql_view view;
    struct sg_error err = {0};
    double best = 1e18;
    if (sg_promql_parse(sg_str_from(expr), NULL, &query, &err) < 0 ||
        sg_promql_prepare(query, NULL, &plan, &err) < 0)
        abort();
    for (int round = 0; round < 20; round++) {
        double t = now_ns();
        if (sg_promql_eval_view(plan, &q, 590000 + round, &view, &err) < 0)
            abort();
        t = now_ns() - t;
        best = t < best ? t : best;
    }
    sg_promql_plan_free(plan);
    sg_promql_free(query);
    return best;
}

int main(int argc, char **argv)
{
    static const char *const exprs[] = {
        "m_total",
        "sum by (l) (m_total)",
        "rate(m_total[5m])",
        "sum by (l) (rate(m_total[5m]))",
        "max_over_time(m_total[5m])",
        "quantile_over_time(0.9, m_total[5m])",
        "histogram_quantile(0.99, sum by (le) (rate(m_total[5m])))",
        "m_total / on (l) group_left sum by (l) (m_total)",
    };
    static const int windows[] = {20, 300};
    size_t series = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 10000;
    for (size_t w = 0; w < SG_ARRAY_LEN(windows); w++) {
        struct sg_mem_store *m = make(series, windows[w]);
        printf("%zu series, %d samples per window, ns per series\n", series, windows[w]);
        printf("  %-60s %10.1f\n", "bare loop: differences and resets",
               bare(m, windows[w]) / (double)series);
        for (size_t i = 0; i < SG_ARRAY_LEN(exprs); i++)
            printf("  %-60s %10.1f\n", exprs[i], evaluate(m, exprs[i]) / (double)series);
        sg_mem_store_free(m);
    }
    return 0;
}
