/* template_fn.c - the table of functions, and those that work on values of any kind. */
#include "template_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#include "ruler_priv.h"

/* ---- arguments ---- */

int sg__arg_number(struct sg__exec *x, const struct sg__value *v, double *ret)
{
    if (v->kind == SG__V_FLOAT || v->kind == SG__V_INT) {
        *ret = v->kind == SG__V_INT ? (double)v->i : v->f;
        return 0;
    }
    if (v->kind == SG__V_DURATION) {
        *ret = (double)v->i / 1e9;
        return 0;
    }
    if (v->kind != SG__V_STRING)
        return sg__exec_fail(x, "can't convert %s to float", sg__value_type(v));
    if (sg_double_parse_all(v->text.p, v->text.n, ret) < 0)
        return sg__exec_fail(x, "parsing \"%.*s\": expected a number",
                             v->text.n < 80 ? (int)v->text.n : 80, v->text.p);
    return 0;
}

int sg__arg_text(struct sg__exec *x, const struct sg__value *v, struct sg_str *ret)
{
    bool named = v->kind == SG__V_INT && v->text.n; /* a month */
    if (v->kind != SG__V_STRING && !named)
        return sg__exec_fail(x, "wrong type for value; expected string; got %s", sg__value_type(v));
    *ret = v->text;
    return 0;
}

static int arg_sample(struct sg__exec *x, const struct sg__value *v)
{
    if (v->kind == SG__V_SAMPLE)
        return 0;
    return sg__exec_fail(x, "wrong type for value; expected a sample; got %s", sg__value_type(v));
}

static int arg_list(struct sg__exec *x, const struct sg__value *v)
{
    if (v->kind == SG__V_LIST)
        return 0;
    return sg__exec_fail(x, "wrong type for value; expected a list; got %s", sg__value_type(v));
}

static size_t list_count(const struct sg__value *v)
{
    return v->list ? v->list->n : 0;
}

/* ---- comparisons ---- */

/* As in Go, a duration is its number of nanoseconds. */
static bool is_int(const struct sg__value *v)
{
    return v->kind == SG__V_INT || v->kind == SG__V_DURATION;
}

static bool is_number(const struct sg__value *v)
{
    return is_int(v) || v->kind == SG__V_FLOAT;
}

static double number(const struct sg__value *v)
{
    return is_int(v) ? (double)v->i : v->f;
}

static int incomparable(struct sg__exec *x, const struct sg__value *a, const struct sg__value *b)
{
    return sg__exec_fail(x, "incompatible types for comparison: %s and %s", sg__value_type(a),
                         sg__value_type(b));
}

/* A month, a weekday, is a number with a name. */
static bool has_text(const struct sg__value *v)
{
    return v->kind == SG__V_STRING || (v->kind == SG__V_INT && v->text.n);
}

static int equal(struct sg__exec *x, const struct sg__value *a, const struct sg__value *b,
                 bool *ret)
{
    if (is_int(a) && is_int(b))
        *ret = a->i == b->i;
    else if (is_number(a) && is_number(b))
        *ret = number(a) == number(b);
    else if (has_text(a) && has_text(b))
        *ret = sg_str_eq(a->text, b->text);
    else if (a->kind == SG__V_TIME && b->kind == SG__V_TIME)
        *ret = a->i == b->i;
    else if (a->kind == SG__V_BOOL && b->kind == SG__V_BOOL)
        *ret = a->b == b->b;
    else if (a->kind == SG__V_NIL || b->kind == SG__V_NIL)
        *ret = a->kind == b->kind;
    else
        return incomparable(x, a, b);
    return 0;
}

static int less(struct sg__exec *x, const struct sg__value *a, const struct sg__value *b,
                bool *ret_less, bool *ret_equal)
{
    if (is_number(a) && is_number(b)) {
        double p = number(a), q = number(b);
        *ret_less = p < q;
        *ret_equal = p == q;
        return 0;
    }
    if (a->kind != SG__V_STRING || b->kind != SG__V_STRING)
        return incomparable(x, a, b);
    *ret_less = sg_str_cmp(a->text, b->text) < 0;
    *ret_equal = sg_str_eq(a->text, b->text);
    return 0;
}

static SG__FN(fn_eq)
{
    bool same = false;
    for (size_t i = 1; i < n && !same; i++) {
        int rc = equal(x, &args[0], &args[i], &same);
        if (rc < 0)
            return rc;
    }
    *ret = sg__v_bool(same);
    return 0;
}

static SG__FN(fn_ne)
{
    int rc = fn_eq(x, args, n, ret);
    ret->b = !ret->b;
    return rc;
}

#define ORDER(name, condition)                                                                     \
    static SG__FN(name)                                                                            \
    {                                                                                              \
        bool is_less = false, is_equal = false;                                                    \
        (void)n;                                                                                   \
        int rc = less(x, &args[0], &args[1], &is_less, &is_equal);                                 \
        *ret = sg__v_bool(condition);                                                              \
        return rc;                                                                                 \
    }
ORDER(fn_lt, is_less)
ORDER(fn_le, is_less || is_equal)
/* As Go: not less and not equal; true with NaN. */
ORDER(fn_gt, !is_less && !is_equal)
ORDER(fn_ge, !is_less)

static SG__FN(fn_not)
{
    (void)x;
    (void)n;
    *ret = sg__v_bool(!sg__value_true(&args[0]));
    return 0;
}

/* Evaluated where their arguments are, see template_exec.c. */
static SG__FN(fn_and)
{
    (void)x;
    *ret = args[n - 1];
    return 0;
}
static SG__FN(fn_or)
{
    return fn_and(x, args, n, ret);
}

/* ---- of any kind ---- */

static SG__FN(fn_len)
{
    const struct sg__value *v = &args[0];
    const struct sg__list *entries = NULL;
    (void)n;
    if (v->kind == SG__V_STRING) {
        *ret = sg__v_int((int64_t)v->text.n);
        return 0;
    }
    if (v->kind == SG__V_NIL || v->kind == SG__V_INT)
        return sg__exec_fail(x, "len of type %s", sg__value_type(v));
    int rc = sg__value_entries(x, v, &entries);
    *ret = sg__v_int(entries ? (int64_t)entries->n / 2 : 0);
    return rc;
}

static SG__FN(fn_index)
{
    struct sg__value v = args[0];
    int rc = 0;
    for (size_t i = 1; rc == 0 && i < n; i++) {
        struct sg__value of = v;
        rc = sg__value_index(x, &of, &args[i], &v);
    }
    *ret = v;
    return rc;
}

static SG__FN(fn_slice)
{
    int64_t from = 0, until;
    const struct sg__value *v = &args[0];
    bool text = v->kind == SG__V_STRING;
    if (!text && arg_list(x, v) < 0)
        return SG_EEXECUTION;
    int64_t size = text ? (int64_t)v->text.n : (int64_t)list_count(v);
    until = size;
    for (size_t i = 1; i < n; i++)
        if (args[i].kind != SG__V_INT)
            return sg__exec_fail(x, "cannot slice with a %s, expected an int",
                                 sg__value_type(&args[i]));
    if (n > 1)
        from = args[1].i;
    if (n > 2)
        until = args[2].i;
    if (from < 0 || until > size || from > until)
        return sg__exec_fail(x, "slice out of range: %lld to %lld of %lld", (long long)from,
                             (long long)until, (long long)size);
    if (text) {
        *ret = sg__v_text(sg_str_make(v->text.p + from, (size_t)(until - from)));
        return 0;
    }
    struct sg__list *list = sg__exec_list(x, (size_t)(until - from));
    if (!list)
        return SG_EEXECUTION;
    for (size_t i = 0; i < list->n; i++)
        list->items[i] = v->list->items[(size_t)from + i];
    *ret = (struct sg__value){.kind = SG__V_LIST, .list = list};
    return 0;
}

void sg__print_all(struct sg__exec *x, const struct sg__value *args, size_t n, bool line,
                   struct sg_buf *out)
{
    for (size_t i = 0; i < n && !out->failed; i++) {
        bool texts = i && (args[i].kind == SG__V_STRING || args[i - 1].kind == SG__V_STRING);
        if (i && (line || !texts))
            sg_buf_putc(out, ' ');
        if (args[i].kind == SG__V_NIL)
            sg_buf_puts(out, "<nil>");
        else
            sg__value_print(x, &args[i], out);
    }
    if (line)
        sg_buf_putc(out, '\n');
}

static int print(struct sg__exec *x, const struct sg__value *args, size_t n, bool line,
                 struct sg__value *ret)
{
    struct sg_buf b;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    sg__print_all(x, args, n, line, &b);
    return sg__exec_text(x, &b, ret);
}

static SG__FN(fn_print)
{
    return print(x, args, n, false, ret);
}

static SG__FN(fn_println)
{
    return print(x, args, n, true, ret);
}

static SG__FN(fn_args)
{
    struct sg__list *list = sg__exec_list(x, 2 * n);
    if (!list)
        return SG_EEXECUTION;
    for (size_t i = 0; i < n; i++) {
        char *name = sg__exec_alloc(x, 16);
        if (!name)
            return SG_EEXECUTION;
        snprintf(name, 16, "arg%u", (unsigned)i);
        list->items[2 * i] = sg__v_text(sg_str_from(name));
        list->items[2 * i + 1] = args[i];
    }
    *ret = (struct sg__value){.kind = SG__V_MAP, .list = list};
    return 0;
}

static SG__FN(fn_string_slice)
{
    struct sg__list *list = sg__exec_list(x, n);
    if (!list)
        return SG_EEXECUTION;
    for (size_t i = 0; i < n; i++) {
        struct sg_str s;
        if (sg__arg_text(x, &args[i], &s) < 0)
            return SG_EEXECUTION;
        list->items[i] = args[i];
    }
    *ret = (struct sg__value){.kind = SG__V_LIST, .list = list};
    return 0;
}

static SG__FN(fn_join)
{
    struct sg_str separator = SG_STR("");
    struct sg_buf b;
    (void)n;
    if (sg__arg_text(x, &args[0], &separator) < 0 || arg_list(x, &args[1]) < 0)
        return SG_EEXECUTION;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    for (size_t i = 0; i < list_count(&args[1]) && !b.failed; i++) {
        if (i)
            sg_buf_put_str(&b, separator);
        sg__value_print(x, &args[1].list->items[i], &b);
    }
    return sg__exec_text(x, &b, ret);
}

static SG__FN(fn_to_json)
{
    struct sg_buf b;
    (void)n;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    sg__value_to_json(x, &args[0], &b);
    return sg__exec_text(x, &b, ret);
}

static SG__FN(fn_safe_html)
{
    struct sg_str s;
    (void)n;
    *ret = args[0];
    ret->safe = SG__SAFE_HTML;
    return sg__arg_text(x, &args[0], &s);
}

static SG__FN(fn_safe_url)
{
    struct sg_str s;
    (void)n;
    *ret = args[0];
    ret->safe = SG__SAFE_URL;
    return sg__arg_text(x, &args[0], &s);
}

/* ---- queries ---- */

static int keep_labels(struct sg__exec *x, const struct sg_labels *l)
{
    x->labels = sg_grow(x->labels, &x->cap_labels, x->n_labels + 1, sizeof(struct sg_labels *));
    x->labels[x->n_labels++] = sg_labels_ref(l);
    return 0;
}

static int take_result(struct sg__exec *x, const struct sg_promql_result *r, struct sg__value *ret)
{
    if (r->kind != SG_RESULT_VECTOR && r->kind != SG_RESULT_SCALAR)
        return sg__exec_fail(x, "query result is not a vector or scalar");
    struct sg__list *list = sg__exec_list(x, r->n);
    if (!list)
        return SG_EEXECUTION;
    for (size_t i = 0; i < r->n; i++) {
        const struct sg_promql_series *s = &r->series[i];
        const struct sg_labels *labels = s->labels ? s->labels : sg_labels_empty();
        keep_labels(x, labels);
        list->items[i] = (struct sg__value){
            .kind = SG__V_SAMPLE, .labels = labels, .f = s->n ? s->v[s->n - 1] : 0};
    }
    *ret = (struct sg__value){.kind = SG__V_LIST, .list = list};
    return 0;
}

static SG__FN(fn_query)
{
    struct sg_str expr;
    struct sg_promql_result result = {0};
    struct sg_error err = {0};
    (void)n;
    if (sg__arg_text(x, &args[0], &expr) < 0)
        return SG_EEXECUTION;
    if (!x->data->query)
        return sg__exec_fail(x, "queries are not possible here");
    if (++x->queries > SG__TEMPLATE_MAX_QUERIES)
        return sg__exec_fail(x, "more than %d queries", SG__TEMPLATE_MAX_QUERIES);
    int rc = x->data->query(x->data->query_ctx, expr, x->data->time_ms, &result, &err);
    if (rc < 0)
        return sg__exec_fail(x, "%.300s", err.text);
    rc = take_result(x, &result, ret);
    sg_promql_result_deinit(&result);
    return rc;
}

static SG__FN(fn_first)
{
    (void)n;
    if (arg_list(x, &args[0]) < 0)
        return SG_EEXECUTION;
    if (list_count(&args[0]) == 0)
        return sg__exec_fail(x, "first() called on vector with no elements");
    *ret = args[0].list->items[0];
    return 0;
}

static SG__FN(fn_label)
{
    struct sg_str name;
    (void)n;
    if (sg__arg_text(x, &args[0], &name) < 0 || arg_sample(x, &args[1]) < 0)
        return SG_EEXECUTION;
    struct sg_str s = sg_labels_get(args[1].labels, name);
    *ret = sg__v_text(s.p ? s : SG_STR(""));
    return 0;
}

static SG__FN(fn_value)
{
    (void)n;
    *ret = sg__v_float(args[0].f);
    return arg_sample(x, &args[0]);
}

static SG__FN(fn_strvalue)
{
    struct sg__value of[2] = {sg__v_text(SG_STR("__value__")), args[0]};
    (void)n;
    return fn_label(x, of, 2, ret);
}

struct sorted {
    struct sg_str label;
    size_t i; /* equal ones stay in order */
};

static int by_label(const void *a, const void *b)
{
    const struct sorted *p = a, *q = b;
    int order = sg_str_cmp(p->label, q->label);
    return order ? order : p->i < q->i ? -1 : p->i > q->i;
}

static SG__FN(fn_sort_by_label)
{
    struct sg_str name;
    (void)n;
    if (sg__arg_text(x, &args[0], &name) < 0 || arg_list(x, &args[1]) < 0)
        return SG_EEXECUTION;
    size_t count = list_count(&args[1]);
    if (count > 1000)
        return sg__exec_fail(x, "sortByLabel of %zu samples, expected at most 1000", count);
    struct sg__list *list = sg__exec_list(x, count);
    if (!list)
        return SG_EEXECUTION;
    struct sorted sorted[1000];
    for (size_t i = 0; i < count; i++) {
        if (arg_sample(x, &args[1].list->items[i]) < 0)
            return SG_EEXECUTION;
        struct sg_str s = sg_labels_get(args[1].list->items[i].labels, name);
        sorted[i] = (struct sorted){s.p ? s : SG_STR(""), i};
    }
    qsort(sorted, count, sizeof(sorted[0]), by_label);
    for (size_t i = 0; i < count; i++)
        list->items[i] = args[1].list->items[sorted[i].i];
    *ret = (struct sg__value){.kind = SG__V_LIST, .list = list};
    return 0;
}

/* ---- links and times ---- */

static int link_to(struct sg__exec *x, const struct sg__value *v, int tab, struct sg__value *ret)
{
    struct sg_str expr;
    struct sg_buf b;
    if (sg__arg_text(x, v, &expr) < 0)
        return SG_EEXECUTION;
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    sg_buf_puts(&b, "/graph?g0.expr=");
    sg__query_escape(expr, &b);
    sg_buf_printf(&b, "&g0.tab=%d", tab);
    return sg__exec_text(x, &b, ret);
}

static SG__FN(fn_graph_link)
{
    (void)n;
    return link_to(x, &args[0], 0, ret);
}

static SG__FN(fn_table_link)
{
    (void)n;
    return link_to(x, &args[0], 1, ret);
}

static SG__FN(fn_external_url)
{
    (void)args;
    (void)n;
    *ret = sg__v_text(x->data->external_url.p ? x->data->external_url : SG_STR(""));
    return 0;
}

/* What stands behind the host of the external URL. */
static SG__FN(fn_path_prefix)
{
    fn_external_url(x, args, n, ret);
    struct sg_str s = ret->text;
    for (size_t i = 0; i + 2 < s.n; i++) {
        if (memcmp(s.p + i, "://", 3) != 0)
            continue;
        s.p += i + 3;
        s.n -= i + 3;
        break;
    }
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    *ret = sg__v_text(slash ? sg_str_make(slash, (size_t)(s.p + s.n - slash)) : SG_STR(""));
    return 0;
}

static SG__FN(fn_parse_duration)
{
    struct sg_str s;
    int64_t ms;
    struct sg_error err = {0};
    (void)n;
    if (sg__arg_text(x, &args[0], &s) < 0)
        return SG_EEXECUTION;
    if (sg_duration_parse(s, &ms, &err) < 0)
        return sg__exec_fail(x, "%.300s", err.text);
    *ret = sg__v_float((double)ms / 1000);
    return 0;
}

static SG__FN(fn_now)
{
    (void)args;
    (void)n;
    *ret = sg__v_float((double)x->data->time_ms / 1000);
    return 0;
}

static SG__FN(fn_date)
{
    struct sg_str layout;
    struct sg_buf b;
    (void)n;
    if (sg__arg_text(x, &args[0], &layout) < 0)
        return SG_EEXECUTION;
    if (args[1].kind != SG__V_TIME)
        return sg__exec_fail(x, "wrong type for value; expected time.Time; got %s",
                             sg__value_type(&args[1]));
    sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
    sg__format_layout(&args[1], layout, &b);
    return sg__exec_text(x, &b, ret);
}

/* ---- the table, by name ---- */

static const struct sg__fn table[] = {
    {"and", 1, -1, false, fn_and, "the first argument that is false or empty, else the last"},
    {"append", 1, -1, false, sg__fn_append, "LIST ITEMS…: the list with more items"},
    {"args", 0, -1, false, fn_args, "the arguments as a map with keys arg0, arg1 …"},
    {"date", 2, 2, false, fn_date, "LAYOUT TIME: a time in Go's layout; UTC but for tz"},
    {"dict", 0, -1, false, sg__fn_dict, "NAME VALUE…: a map"},
    {"eq", 2, -1, false, fn_eq, "A B…: A equals one of B…"},
    {"externalURL", 0, 0, false, fn_external_url, "the URL under which this server is reached"},
    {"first", 1, 1, false, fn_first, "SAMPLES: the first one; an error when there is none"},
    {"ge", 2, 2, false, fn_ge, "A B: A >= B"},
    {"graphLink", 1, 1, false, fn_graph_link, "EXPR: path of its graph"},
    {"gt", 2, 2, false, fn_gt, "A B: A > B"},
    {"html", 1, -1, false, sg__fn_html, "escapes for HTML"},
    {"humanize", 1, 1, false, sg__fn_humanize, "NUMBER: with metric prefix, as 1.235M"},
    {"humanize1024", 1, 1, false, sg__fn_humanize1024, "NUMBER: with binary prefix, as 1.177Mi"},
    {"humanizeDuration", 1, 1, false, sg__fn_humanize_duration, "SECONDS: as 1h 2m 3s"},
    {"humanizePercentage", 1, 1, false, sg__fn_humanize_percentage, "RATIO: as 12.35%"},
    {"humanizeTimestamp", 1, 1, false, sg__fn_humanize_timestamp,
     "SECONDS: as 2015-06-23 13:19:44 +0000 UTC"},
    {"index", 1, -1, false, fn_index, "A KEY…: A[KEY]…, of lists, maps and texts"},
    {"join", 2, 2, false, fn_join, "SEPARATOR LIST: its items as one text"},
    {"js", 1, -1, false, sg__fn_js, "escapes for JavaScript"},
    {"label", 2, 2, false, fn_label, "NAME SAMPLE: the value of its label"},
    {"le", 2, 2, false, fn_le, "A B: A <= B"},
    {"len", 1, 1, false, fn_len, "number of items, or of bytes of a text"},
    {"list", 0, -1, false, sg__fn_list, "the arguments as a list"},
    {"lt", 2, 2, false, fn_lt, "A B: A < B"},
    {"match", 2, 2, false, sg__fn_match, "REGEX TEXT: is there a match in it"},
    {"ne", 2, 2, false, fn_ne, "A B: A is not B"},
    {"not", 1, 1, false, fn_not, "true for what is false or empty"},
    {"now", 0, 0, true, fn_now, "seconds since the epoch at this evaluation"},
    {"or", 1, -1, false, fn_or, "the first argument that is true and not empty, else the last"},
    {"parseDuration", 1, 1, false, fn_parse_duration, "TEXT: 1h30m as seconds"},
    {"pathPrefix", 0, 0, false, fn_path_prefix, "the path in externalURL"},
    {"print", 0, -1, false, fn_print, "the arguments as text"},
    {"printf", 1, -1, false, sg__fn_printf, "FORMAT ARGS…: as Go's, %v %s %q %d %f %g %e %x %t …"},
    {"println", 0, -1, false, fn_println, "the arguments as a line"},
    {"query", 1, 1, true, fn_query, "EXPR: the samples of an instant query"},
    {"reReplaceAll", 3, 3, false, sg__fn_replace,
     "REGEX REPLACEMENT TEXT: every match replaced; $1 and ${name} are groups"},
    {"safeHtml", 1, 1, false, fn_safe_html, "TEXT: as it is, being HTML"},
    {"safeUrl", 1, 1, false, fn_safe_url, "TEXT: a URL of any scheme; in HTML still escaped"},
    {"since", 1, 1, true, sg__fn_since, "TIME: how long ago it was, as 1h2m3s"},
    {"slice", 1, 3, false, fn_slice, "A FROM UNTIL: part of a text or list"},
    {"sortByLabel", 2, 2, false, fn_sort_by_label, "NAME SAMPLES: sorted by that label"},
    {"stringSlice", 0, -1, false, fn_string_slice, "the arguments as a list"},
    {"stripDomain", 1, 1, false, sg__fn_strip_domain, "HOST: without its domain, with its port"},
    {"stripPort", 1, 1, false, sg__fn_strip_port, "HOST:PORT: without the port"},
    {"strvalue", 1, 1, false, fn_strvalue, "SAMPLE: its label __value__"},
    {"tableLink", 1, 1, false, fn_table_link, "EXPR: path of its table"},
    {"title", 1, 1, false, sg__fn_title, "TEXT: words with a capital first letter"},
    {"toJson", 1, 1, false, fn_to_json, "the argument as JSON"},
    {"toLower", 1, 1, false, sg__fn_to_lower, "TEXT: in small letters"},
    {"toTime", 1, 1, false, sg__fn_to_time, "SECONDS: a time with .Format LAYOUT and .Unix"},
    {"toUpper", 1, 1, false, sg__fn_to_upper, "TEXT: in capital letters"},
    {"trimSpace", 1, 1, false, sg__fn_trim_space, "TEXT: without white space at its ends"},
    {"tz", 2, 2, false, sg__fn_tz, "ZONE TIME: the time in Europe/Berlin …; for receivers"},
    {"urlQueryEscape", 1, 1, false, sg__fn_urlquery, "TEXT: escaped for a URL's query"},
    {"urlUnescape", 1, 1, false, sg__fn_url_unescape,
     "TEXT: what stands in a URL's query, unescaped"},
    {"urlquery", 1, -1, false, sg__fn_urlquery, "escapes for a URL's query"},
    {"value", 1, 1, false, fn_value, "SAMPLE: its value"},
};

static int by_name(const void *key, const void *fn)
{
    return sg_str_cmp(*(const struct sg_str *)key, sg_str_from(((const struct sg__fn *)fn)->name));
}

const struct sg__fn *sg__fn_find(struct sg_str name)
{
    return bsearch(&name, table, SG_ARRAY_LEN(table), sizeof(table[0]), by_name);
}

const char *sg__fn_refused(struct sg_str name)
{
    static const struct {
        const char *name, *why;
    } refused[] = {
        {"tmpl", "call a template by its name: {{ template \"name\" . }}"},
        {"call", "there are no values that can be called"},
        {"toDuration", "use humanizeDuration"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(refused); i++)
        if (sg_str_eq_c(name, refused[i].name))
            return refused[i].why;
    return NULL;
}

bool sg__fn_is_and(const struct sg__fn *fn)
{
    return fn->call == fn_and;
}

bool sg__fn_is_or(const struct sg__fn *fn)
{
    return fn->call == fn_or;
}

static const char *pairs[2 * SG_ARRAY_LEN(table) + 1];

/* Before main, so that no thread finds it half done. */
__attribute__((constructor)) static void fill_pairs(void)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++) {
        pairs[2 * i] = table[i].name;
        pairs[2 * i + 1] = table[i].help;
    }
}

const char *const *sg_template_functions(void)
{
    return pairs;
}
