/* rule_tests_expr.c - does an expression give exactly these samples? */
#include <math.h>
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/series_text.h>
#include <streamgauge/time.h>

#include "rule_tests_priv.h"

#define MAX_SHOWN ((size_t)4 << 20)

struct sample {
    const struct sg_labels *labels; /* owned */
    double v;
    const struct sg_histogram *h; /* owned; NULL: a number */
};

struct samples {
    struct sample *list;
    size_t n, cap;
};

static void add_take(struct samples *s, struct sample one)
{
    s->list = sg_grow(s->list, &s->cap, s->n + 1, sizeof(*s->list));
    s->list[s->n++] = one;
}

static void samples_deinit(struct samples *s)
{
    for (size_t i = 0; i < s->n; i++) {
        sg_labels_unref(s->list[i].labels);
        sg_histogram_unref(s->list[i].h);
    }
    sg_free(s->list);
}

static int by_labels(const void *a, const void *b)
{
    return sg_labels_cmp(((const struct sample *)a)->labels, ((const struct sample *)b)->labels);
}

static void sort(struct samples *s)
{
    if (s->n)
        qsort(s->list, s->n, sizeof(*s->list), by_labels);
}

/* ---- what should be ---- */

/* YAML's spellings of what is no number, and those of Prometheus. */
static int read_number(const struct sg_yaml_node *node, double *ret, struct sg_error *err)
{
    static const struct {
        const char *text;
        double v;
    } special[] = {{".nan", NAN}, {".inf", INFINITY}, {"+.inf", INFINITY}, {"-.inf", -INFINITY}};
    struct sg_str text = SG_STR("");
    int rc = sg_yaml_read_str(node, "value", &text, err);
    if (rc < 0 || !text.n)
        return rc;
    if (sg_double_parse_all(text.p, text.n, ret) == 0)
        return 0;
    for (size_t i = 0; i < SG_ARRAY_LEN(special); i++) {
        if (!sg_str_ieq(text, sg_str_from(special[i].text)))
            continue;
        *ret = special[i].v;
        return 0;
    }
    return sg_yaml_error(node, err, "value: expected a number, got '%.*s'", SG_STR_ARG(text));
}

static int read_histogram(const struct sg_yaml_node *node, struct sample *ret, struct sg_error *err)
{
    struct sg_series_text values = {.n = 0};
    struct sg_error why = {0};
    struct sg_str text = SG_STR("");
    int rc = sg_yaml_read_str(node, "histogram", &text, err);
    if (rc < 0 || !text.n)
        return rc;
    if (sg_series_text_values(text, &values, &why) < 0)
        rc = sg_yaml_error(node, err, "histogram: %s", why.text);
    else if (values.n != 1 || !values.values[0].h)
        rc = sg_yaml_error(node, err, "histogram: expected one histogram, got '%.*s'",
                           SG_STR_ARG(text));
    else
        ret->h = sg_histogram_ref(values.values[0].h);
    sg_series_text_deinit(&values);
    return rc;
}

static int read_labels(const struct sg_yaml_node *node, const struct sg_labels **ret,
                       struct sg_error *err)
{
    struct sg_series_text series = {.n = 0};
    struct sg_error why = {0};
    struct sg_str text = SG_STR("");
    int rc = sg_yaml_read_str(node, "labels", &text, err);
    if (rc < 0)
        return rc;
    if (sg_series_text_parse(text.n ? text : SG_STR("{}"), &series, &why) < 0)
        rc = sg_yaml_error(node, err, "labels \"%.*s\": %s", SG_STR_ARG(text), why.text);
    else if (series.n)
        rc = sg_yaml_error(node, err, "labels \"%.*s\": expected nothing behind the labels",
                           SG_STR_ARG(text));
    else
        *ret = sg_labels_ref(series.labels);
    sg_series_text_deinit(&series);
    return rc;
}

static int add_expected(struct samples *to, const struct sg_yaml_node *list, struct sg_error *err)
{
    static const char *const known[] = {"labels", "value", "histogram", NULL};
    if (list && sg_yaml_kind(list) != SG_YAML_LIST && sg_yaml_kind(list) != SG_YAML_NULL)
        return sg_yaml_error(list, err, "exp_samples: expected a list");
    for (size_t i = 0; i < sg_yaml_count(list); i++) {
        const struct sg_yaml_node *one = sg_yaml_at(list, i);
        struct sample s = {.v = 0};
        int rc = sg_yaml_check_keys(one, "exp_samples", known, err);
        if (rc == 0)
            rc = read_labels(sg_yaml_get(one, "labels"), &s.labels, err);
        if (rc == 0)
            rc = read_number(sg_yaml_get(one, "value"), &s.v, err);
        if (rc == 0)
            rc = read_histogram(sg_yaml_get(one, "histogram"), &s, err);
        if (rc < 0) {
            sg_labels_unref(s.labels);
            return rc;
        }
        add_take(to, s);
    }
    return 0;
}

/* ---- what is ---- */

static int add_result(struct samples *to, const struct sg_promql_result *r, struct sg_error *err)
{
    if (r->kind != SG_RESULT_VECTOR && r->kind != SG_RESULT_SCALAR)
        return sg_error_set(err, SG_EINVALID, "rule result is not a vector or scalar");
    for (size_t i = 0; i < r->n; i++) {
        const struct sg_promql_series *s = &r->series[i];
        const struct sg_histogram *h = s->h ? s->h[0] : NULL;
        add_take(to,
                 (struct sample){.labels = sg_labels_ref(s->labels ? s->labels : sg_labels_empty()),
                                 .v = h ? 0 : s->v[0],
                                 .h = h ? sg_histogram_ref(h) : NULL});
    }
    return 0;
}

/* ---- comparing ---- */

static bool equal_numbers(double a, double b, bool fuzzy)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    return a == b || (fuzzy && (nextafter(a, INFINITY) == b || nextafter(a, -INFINITY) == b));
}

static double bucket_at(const struct sg_bucket *b, size_t n, int32_t index)
{
    for (size_t i = 0; i < n; i++)
        if (b[i].index == index)
            return b[i].count;
    return 0;
}

/* Empty buckets make no difference. */
static bool within(const struct sg_bucket *a, size_t n, const struct sg_bucket *b, size_t m,
                   bool fuzzy)
{
    for (size_t i = 0; i < n; i++)
        if (!equal_numbers(a[i].count, bucket_at(b, m, a[i].index), fuzzy))
            return false;
    return true;
}

static bool equal_histograms(const struct sg_histogram *a, const struct sg_histogram *b, bool fuzzy)
{
    const struct sg_bucket *ap = sg_histogram_positive(a), *an = sg_histogram_negative(a);
    const struct sg_bucket *bp = sg_histogram_positive(b), *bn = sg_histogram_negative(b);
    if (a->schema != b->schema || a->n_custom != b->n_custom ||
        !equal_numbers(a->count, b->count, fuzzy) || !equal_numbers(a->sum, b->sum, fuzzy) ||
        !equal_numbers(a->zero_count, b->zero_count, fuzzy) ||
        a->zero_threshold != b->zero_threshold)
        return false;
    for (uint32_t i = 0; i < a->n_custom; i++)
        if (sg_histogram_custom(a)[i] != sg_histogram_custom(b)[i])
            return false;
    return within(ap, a->n_positive, bp, b->n_positive, fuzzy) &&
           within(bp, b->n_positive, ap, a->n_positive, fuzzy) &&
           within(an, a->n_negative, bn, b->n_negative, fuzzy) &&
           within(bn, b->n_negative, an, a->n_negative, fuzzy);
}

static bool equal(const struct samples *a, const struct samples *b, bool fuzzy)
{
    bool same = a->n == b->n;
    for (size_t i = 0; i < a->n && same; i++) {
        const struct sample *x = &a->list[i], *y = &b->list[i];
        same = sg_labels_eq(x->labels, y->labels) && !x->h == !y->h &&
               (x->h ? equal_histograms(x->h, y->h, fuzzy) : equal_numbers(x->v, y->v, fuzzy));
    }
    return same;
}

static void print_buckets(const char *name, const struct sg_bucket *b, size_t n, struct sg_buf *out)
{
    if (!n)
        return;
    sg_buf_printf(out, " %s:[", name);
    for (size_t i = 0; i < n; i++) {
        sg_buf_puts(out, i ? " " : "");
        sg_buf_put_double(out, b[i].count);
    }
    sg_buf_putc(out, ']');
    if (b[0].index)
        sg_buf_printf(out, " %s:%d", name[0] == 'n' ? "n_offset" : "offset", b[0].index);
}

static void print_histogram(const struct sg_histogram *h, struct sg_buf *out)
{
    sg_buf_printf(out, "{{schema:%d count:", h->schema);
    sg_buf_put_double(out, h->count);
    sg_buf_puts(out, " sum:");
    sg_buf_put_double(out, h->sum);
    if (h->zero_count != 0) {
        sg_buf_puts(out, " z_bucket:");
        sg_buf_put_double(out, h->zero_count);
    }
    print_buckets("buckets", sg_histogram_positive(h), h->n_positive, out);
    print_buckets("n_buckets", sg_histogram_negative(h), h->n_negative, out);
    sg_buf_puts(out, "}}");
}

static void print(const struct samples *s, struct sg_buf *out)
{
    if (s->n == 0)
        sg_buf_puts(out, "nil");
    for (size_t i = 0; i < s->n; i++) {
        sg_buf_puts(out, i ? ", " : "");
        sg_labels_print(s->list[i].labels, out);
        sg_buf_putc(out, ' ');
        if (s->list[i].h)
            print_histogram(s->list[i].h, out);
        else
            sg_buf_put_double(out, s->list[i].v);
    }
}

struct check {
    struct sg_str expr;
    int64_t eval_ms;
    struct samples want, got;
};

static void differ(const struct sg__rule_test *t, const struct check *c)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    char when[48];
    sg_buf_init(&text, MAX_SHOWN);
    sg_duration_format(c->eval_ms, when);
    if (t->name.n)
        sg_buf_printf(&text, "    name: %.*s,\n", SG_STR_ARG(t->name));
    sg_buf_puts(&text, "    expr: ");
    sg_buf_put_json_str(&text, c->expr);
    sg_buf_printf(&text, ", time: %s,\n        exp: ", when);
    print(&c->want, &text);
    sg_buf_puts(&text, "\n        got: ");
    print(&c->got, &text);
    sg_rule_failure(t->failures, "%s", sg_buf_cstr(&text));
}

static int read_check(struct check *c, const struct sg_yaml_node *node, struct sg_error *err)
{
    static const char *const known[] = {"expr", "eval_time", "exp_samples", NULL};
    int rc = sg_yaml_check_keys(node, "promql_expr_test", known, err);
    c->expr = SG_STR("");
    if (rc == 0)
        rc = sg_yaml_read_str(sg_yaml_get(node, "expr"), "expr", &c->expr, err);
    if (rc == 0)
        rc = sg_yaml_read_duration(sg_yaml_get(node, "eval_time"), "eval_time", &c->eval_ms, err);
    return rc < 0 ? rc : add_expected(&c->want, sg_yaml_get(node, "exp_samples"), err);
}

static void evaluate(const struct sg__rule_test *t, struct check *c)
{
    struct sg_promql_result result;
    struct sg_error err = {0};
    char when[48], why[1024];
    int rc = sg_rule_rig_query(t->rig, c->expr, t->start_ms + c->eval_ms, &result, &err);
    if (rc == 0)
        rc = add_result(&c->got, &result, &err);
    sg_promql_result_deinit(&result);
    sg_duration_format(c->eval_ms, when);
    sort(&c->want);
    sort(&c->got);
    if (rc < 0)
        sg_rule_failure(t->failures, "    expr: \"%.*s\", time: %s, err: %s", SG_STR_ARG(c->expr),
                        when, sg_error_format(&err, why, sizeof(why)));
    else if (!equal(&c->want, &c->got, t->file->fuzzy))
        differ(t, c);
}

void sg__rule_test_expr(const struct sg__rule_test *t, const struct sg_yaml_node *node)
{
    struct check c = {.eval_ms = 0};
    struct sg_error err = {0};
    if (read_check(&c, node, &err) < 0)
        sg__rule_test_error(t, &err);
    else
        evaluate(t, &c);
    samples_deinit(&c.want);
    samples_deinit(&c.got);
}
