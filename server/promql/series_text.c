/* series_text.c - labels and sequences of values in Prometheus' test notation. */
#include "promql/series_text.h"

#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/value.h>

#include "promql/lexer.h"

#define MAX_LABELS_TEXT ((size_t)1 << 20)

void sg__text_skip_space(struct sg__text *t)
{
    while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\r' || *t->p == '\n'))
        t->p++;
}

int sg__text_syntax(const struct sg__text *t, const char *expected, struct sg_error *reterr)
{
    int n = t->end - t->p > 20 ? 20 : (int)(t->end - t->p);
    if (n == 0)
        return sg_error_set(reterr, SG_ESYNTAX, "expected %s at the end", expected);
    return sg_error_set(reterr, SG_ESYNTAX, "expected %s at \"%.*s\"", expected, n, t->p);
}

bool sg__text_number(struct sg__text *t, double *ret)
{
    ssize_t n = sg_double_parse(t->p, (size_t)(t->end - t->p), ret);
    if (n <= 0)
        return false;
    t->p += n;
    return true;
}

/* ---- labels ---- */

struct reader {
    struct sg__lexer lexer;
    struct sg__token token;
    struct sg_arena arena; /* texts of string literals */
    struct sg_labels_builder *to;
    struct sg_error *err;
};

static int next(struct reader *r)
{
    return sg__lexer_next(&r->lexer, &r->token, r->err);
}

static int unexpected(const struct reader *r, const char *expected)
{
    char what[64];
    return sg_error_set(r->err, SG_ESYNTAX, "expected %s, got %s", expected,
                        sg__token_describe(&r->token, what));
}

/* name="value", or the metric's name in quotes alone; then the token behind it. */
static int read_label(struct reader *r)
{
    struct sg_str name = r->token.text, value = SG_STR("");
    bool quoted = r->token.type == TOK_STRING;
    int rc = 0;
    if (quoted)
        rc = sg__string_unquote(&r->arena, r->token.text, &name);
    else if (!sg_label_name_valid(name))
        rc = unexpected(r, "a label name");
    if (rc == 0)
        rc = next(r);
    if (rc < 0)
        return rc;
    if (r->token.type != TOK_ASSIGN) {
        if (!quoted)
            return unexpected(r, "\"=\"");
        sg_labels_builder_set(r->to, SG_METRIC_NAME, name);
        return 0;
    }
    rc = next(r);
    if (rc == 0 && r->token.type != TOK_STRING)
        rc = unexpected(r, "a label value in quotes");
    if (rc == 0)
        rc = sg__string_unquote(&r->arena, r->token.text, &value);
    if (rc < 0)
        return rc;
    sg_labels_builder_set(r->to, name, value);
    return next(r);
}

static int read_braces(struct reader *r)
{
    int rc = next(r);
    while (rc == 0 && r->token.type != TOK_RBRACE) {
        rc = read_label(r);
        if (rc == 0 && r->token.type == TOK_COMMA)
            rc = next(r);
        else if (rc == 0 && r->token.type != TOK_RBRACE)
            rc = unexpected(r, "\",\" or \"}\"");
    }
    return rc;
}

static int read_series(struct reader *r)
{
    int rc = next(r);
    if (rc < 0)
        return rc;
    if (r->token.type != TOK_LBRACE) {
        if (!sg_metric_name_valid(r->token.text))
            return unexpected(r, "a series");
        sg_labels_builder_set(r->to, SG_METRIC_NAME, r->token.text);
        size_t at = r->lexer.i;
        while (at < r->lexer.s.n && (r->lexer.s.p[at] == ' ' || r->lexer.s.p[at] == '\t'))
            at++;
        if (at == r->lexer.s.n || r->lexer.s.p[at] != '{' ||
            (at + 1 < r->lexer.s.n && r->lexer.s.p[at + 1] == '{'))
            return 0;
        rc = next(r);
    }
    return rc < 0 ? rc : read_braces(r);
}

static int read_labels(struct sg__text *t, const struct sg_labels **ret, struct sg_error *reterr)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    struct reader r = {.to = &b, .err = reterr};
    sg_labels_builder_init(&b);
    sg_arena_init(&r.arena, MAX_LABELS_TEXT);
    sg__lexer_init(&r.lexer, sg_str_make(t->p, (size_t)(t->end - t->p)));
    int rc = read_series(&r);
    if (rc == 0) {
        t->p += r.lexer.i;
        *ret = sg_labels_builder_build(&b);
    }
    sg_arena_deinit(&r.arena);
    return rc;
}

/* ---- values ---- */

static int add(struct sg_series_text *s, bool omitted, double v, struct sg_histogram *h,
               struct sg_error *reterr)
{
    if (s->n == SG_SERIES_TEXT_MAX) {
        sg_histogram_unref(h);
        return sg_error_set(reterr, SG_ELIMIT, "more than %zu values", SG_SERIES_TEXT_MAX);
    }
    s->values = sg_grow(s->values, &s->cap, s->n + 1, sizeof(*s->values));
    s->values[s->n++] = (struct sg_series_value){omitted, v, h};
    return 0;
}

/* "x10" behind a value: true and how often; false and 0 without. */
static bool times(struct sg__text *t, size_t *ret)
{
    const char *start = t->p;
    size_t n = 0;
    *ret = 0;
    if (t->p == t->end || *t->p != 'x')
        return false;
    for (t->p++; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++)
        if (n <= SG_SERIES_TEXT_MAX)
            n = n * 10 + (size_t)(*t->p - '0');
    if (t->p == start + 1) {
        t->p = start;
        return false;
    }
    *ret = n;
    return true;
}

static int next_histogram(const struct sg_histogram *last, const struct sg_histogram *step,
                          double sign, struct sg_histogram **ret)
{
    if (step && sg_histogram_combine(last, step, sign, ret) < 0)
        return SG_ESYNTAX;
    if (!step)
        *ret = sg_histogram_scale(last, 1);
    (*ret)->reset_hint = step ? step->reset_hint : last->reset_hint;
    return 0;
}

static int read_histograms(struct sg__text *t, struct sg_series_text *s, struct sg_error *reterr)
{
    struct sg_histogram *last, *step = NULL;
    size_t n = 0;
    double sign = 1;
    int rc = sg__text_histogram(t, &last, reterr);
    if (rc < 0)
        return rc;
    if (t->end - t->p > 2 && (*t->p == '+' || *t->p == '-') && t->p[1] == '{') {
        sign = *t->p++ == '+' ? 1 : -1;
        rc = sg__text_histogram(t, &step, reterr);
    }
    int added = add(s, false, last->count, last, reterr);
    rc = rc < 0 ? rc : added;
    if (rc == 0)
        (void)times(t, &n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct sg_histogram *h;
        rc = next_histogram(last, step, sign, &h);
        if (rc < 0)
            rc = sg__text_syntax(t, "histograms that add up", reterr);
        else
            rc = add(s, false, h->count, last = h, reterr);
    }
    sg_histogram_unref(step);
    return rc;
}

static int read_omitted(struct sg__text *t, struct sg_series_text *s, struct sg_error *reterr)
{
    size_t n;
    int rc = 0;
    t->p++;
    if (!times(t, &n))
        n = 1;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add(s, true, 0, NULL, reterr);
    return rc;
}

static int read_numbers(struct sg__text *t, struct sg_series_text *s, struct sg_error *reterr)
{
    double v, step = 0;
    size_t n;
    if (!sg__text_number(t, &v))
        return sg__text_syntax(t, "a value", reterr);
    if (t->p < t->end && (*t->p == '+' || *t->p == '-')) {
        double sign = *t->p++ == '-' ? -1 : 1;
        if (!sg__text_number(t, &step))
            return sg__text_syntax(t, "a step", reterr);
        step *= sign;
        if (t->p == t->end || *t->p != 'x')
            return sg__text_syntax(t, "\"x\" and how often", reterr);
    }
    (void)times(t, &n);
    int rc = 0;
    for (size_t i = 0; i <= n && rc == 0; i++, v += step)
        rc = add(s, false, v, NULL, reterr);
    return rc;
}

static int read_value(struct sg__text *t, struct sg_series_text *s, struct sg_error *reterr)
{
    int rc;
    if (t->end - t->p > 2 && t->p[0] == '{' && t->p[1] == '{') {
        rc = read_histograms(t, s, reterr);
    } else if (*t->p == '_') {
        rc = read_omitted(t, s, reterr);
    } else if (t->end - t->p >= 5 && !memcmp(t->p, "stale", 5)) {
        t->p += 5;
        rc = add(s, false, sg_stale_nan(), NULL, reterr);
    } else {
        rc = read_numbers(t, s, reterr);
    }
    if (rc == 0 && t->p < t->end && *t->p != ' ' && *t->p != '\t' && *t->p != '\n' && *t->p != '\r')
        rc = sg__text_syntax(t, "a blank behind the value", reterr);
    return rc;
}

static int read_values(struct sg__text *t, struct sg_series_text *s, struct sg_error *reterr)
{
    int rc = 0;
    for (sg__text_skip_space(t); rc == 0 && t->p < t->end; sg__text_skip_space(t))
        rc = read_value(t, s, reterr);
    return rc;
}

int sg_series_text_parse(struct sg_str text, struct sg_series_text *ret, struct sg_error *reterr)
{
    struct sg__text t = {text.p, text.p + text.n};
    *ret = (struct sg_series_text){0};
    int rc = read_labels(&t, &ret->labels, reterr);
    return rc < 0 ? rc : read_values(&t, ret, reterr);
}

int sg_series_text_values(struct sg_str text, struct sg_series_text *ret, struct sg_error *reterr)
{
    struct sg__text t = {text.p, text.p + text.n};
    *ret = (struct sg_series_text){0};
    return read_values(&t, ret, reterr);
}

void sg_series_text_deinit(struct sg_series_text *t)
{
    for (size_t i = 0; i < t->n; i++)
        sg_histogram_unref(t->values[i].h);
    sg_free(t->values);
    sg_labels_unref(t->labels);
    *t = (struct sg_series_text){0};
}
