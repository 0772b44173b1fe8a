/* notes.c - warnings and infos of an evaluation, in Prometheus' words, each once. */
#include "plan.h"
#include <stdarg.h>
#include <stdio.h>
#include <streamgauge/num.h>

static void position(const struct sg_promql *q, uint32_t pos, unsigned *ret_line, unsigned *ret_col)
{
    *ret_line = 1, *ret_col = 1;
    for (uint32_t i = 0; i < pos && i < q->text.n; i++) {
        if (q->text.p[i] == '\n')
            ++*ret_line, *ret_col = 1;
        else
            ++*ret_col;
    }
}

static void add(struct sg_promql_plan *p, bool warning, const char *text, size_t n)
{
    struct sg_promql_result *r = p->result;
    for (size_t i = 0; i < r->n_notes; i++)
        if (r->notes[i].warning == warning && !strcmp(r->notes[i].text, text))
            return;
    if (r->n_notes == SG_PROMQL_MAX_NOTES)
        return;
    if (!r->notes)
        r->notes = sg_arena_calloc(&r->arena, SG_PROMQL_MAX_NOTES, sizeof(*r->notes));
    char *copy = r->notes ? sg_arena_strndup(&r->arena, text, n) : NULL;
    if (copy)
        r->notes[r->n_notes++] = (struct sg_promql_note){warning, copy};
}

static void note(struct sg_promql_plan *p, bool warning, const struct sg_expr *at, const char *fmt,
                 va_list ap) SG_PRINTF(4, 0);
static void note(struct sg_promql_plan *p, bool warning, const struct sg_expr *at, const char *fmt,
                 va_list ap)
{
    char text[512];
    if (!p->result)
        return;
    int n = snprintf(text, sizeof(text), "PromQL %s: ", warning ? "warning" : "info");
    int m = vsnprintf(text + n, sizeof(text) - 40 - (size_t)n, fmt, ap);
    size_t len = strnlen(text, sizeof(text));
    unsigned line, col;
    position(p->query, at->pos, &line, &col);
    if (m >= 0)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " (%u:%u)", line, col);
    add(p, warning, text, len);
}

void sg__warn(struct sg_promql_plan *p, const struct sg_expr *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    note(p, true, at, fmt, ap);
    va_end(ap);
}

void sg__info(struct sg_promql_plan *p, const struct sg_expr *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    note(p, false, at, fmt, ap);
    va_end(ap);
}

void sg__warn_mixed(struct sg_promql_plan *p, const struct sg_expr *at, struct sg_str name)
{
    sg__warn(p, at, "encountered a mix of histograms and floats for metric name \"%.*s\"",
             SG_STR_ARG(name));
}

void sg__warn_combine(struct sg_promql_plan *p, const struct sg_expr *at, struct sg_str name,
                      const struct sg_histogram *a, const struct sg_histogram *b)
{
    bool custom_a = a->schema == SG_HISTOGRAM_SCHEMA_CUSTOM;
    bool custom_b = b->schema == SG_HISTOGRAM_SCHEMA_CUSTOM;
    if (custom_a != custom_b)
        sg__warn(p, at,
                 "vector contains a mix of histograms with exponential and custom buckets schemas "
                 "for metric name \"%.*s\"",
                 SG_STR_ARG(name));
    else
        sg__warn(p, at,
                 "vector contains histograms with incompatible custom buckets for metric name "
                 "\"%.*s\"",
                 SG_STR_ARG(name));
}

void sg__info_ignored_range(struct sg_promql_plan *p, const struct sg_expr *at, struct sg_str name)
{
    sg__info(p, at,
             "ignored histograms in a range containing both floats and histograms for metric name "
             "\"%.*s\"",
             SG_STR_ARG(name));
}

void sg__warn_quantile(struct sg_promql_plan *p, const struct sg_expr *at, double q)
{
    if (q >= 0 && q <= 1)
        return;
    char text[SG_DOUBLE_MAX];
    size_t n = sg_double_format_g(q, text);
    sg__warn(p, at, "quantile value should be between 0 and 1, got %.*s", (int)n, text);
}
