/* promql_script.c - reading test files line by line; a block ends at an empty line or a comment. */
#include "promql_script.h"
#include "mem_querier.h"
#include <math.h>
#include <stdarg.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/promql.h>
#include <streamgauge/time.h>

struct expect_note {
    char type; /* 'i'nfo, 'w'arning, 'f'ailure; upper case: none of them */
    struct sg_str msg, regex;
};

struct script {
    const struct sg_script_options *opt;
    const char *file;
    struct sg_str rest; /* lines to come */
    unsigned line_no;
    struct sg_mem_store *store;
    struct sg_script_totals *totals;
    /* of the eval at hand */
    unsigned eval_line;
    struct sg_str expr;
    bool range, ordered, scalar, is_string;
    double scalar_value;
    struct sg_str string;
    int64_t start_ms, end_ms, step_ms;
    int64_t out_start_ms, out_step_ms; /* of expected values */
    struct sg_series_text lines[256];
    size_t n_lines;
    struct expect_note notes[16];
    size_t n_notes;
    char why[600];
};

static bool next_line(struct script *s, struct sg_str *ret)
{
    if (!s->rest.p)
        return false;
    *ret = sg_str_trim(sg_str_split(&s->rest, '\n'));
    if (ret->n && ret->p[ret->n - 1] == '\r')
        ret->n--;
    s->line_no++;
    return true;
}

static bool eat(struct sg_str *s, const char *word)
{
    struct sg_str w = sg_str_from(word);
    if (!sg_str_starts_with(*s, w))
        return false;
    *s = sg_str_trim(sg_str_make(s->p + w.n, s->n - w.n));
    return true;
}

static struct sg_str token(struct sg_str *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != ' ' && s->p[n] != '\t')
        n++;
    struct sg_str t = sg_str_make(s->p, n);
    *s = sg_str_trim(sg_str_make(s->p + n, s->n - n));
    return t;
}

static int64_t when(struct sg_str t)
{
    bool minus = t.n && t.p[0] == '-';
    int64_t ms = 0;
    double seconds;
    if (minus)
        t.p++, t.n--;
    if (sg_double_parse_all(t.p, t.n, &seconds) == 0)
        ms = (int64_t)llround(seconds * 1000);
    else if (sg_duration_parse(t, &ms, NULL) < 0)
        ms = 0;
    return minus ? -ms : ms;
}

static bool differ(struct script *s, const char *fmt, ...) SG_PRINTF(2, 3);
static bool differ(struct script *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->why, sizeof(s->why), fmt, ap);
    va_end(ap);
    return false;
}

/* ---- load ---- */

/* le buckets of one histogram as a native one with custom bounds, for load_with_nhcb. */
struct nhcb {
    const struct sg_labels *labels; /* base name, no le */
    double bounds[64];
    const struct sg_series_text *lines[64];
    size_t n;
    const struct sg_series_text *sum;
};

static const struct sg_labels *nhcb_labels(const struct sg_labels *l, const char *suffix)
{
    struct sg_str name = sg_labels_get(l, SG_METRIC_NAME);
    size_t n = strlen(suffix);
    if (!name.p || name.n <= n || memcmp(name.p + name.n - n, suffix, n))
        return NULL;
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_load(&b, l);
    sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_make(name.p, name.n - n));
    sg_labels_builder_del(&b, SG_STR("le"));
    const struct sg_labels *r = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return r;
}

static struct nhcb *nhcb_find(struct nhcb *all, size_t *n, const struct sg_labels *labels)
{
    for (size_t i = 0; i < *n; i++) {
        if (sg_labels_eq(all[i].labels, labels)) {
            sg_labels_unref(labels);
            return &all[i];
        }
    }
    all[*n] = (struct nhcb){.labels = labels};
    return &all[(*n)++];
}

static void nhcb_add(struct nhcb *h, double bound, const struct sg_series_text *line)
{
    size_t at = h->n++;
    while (at && h->bounds[at - 1] > bound) {
        h->bounds[at] = h->bounds[at - 1];
        h->lines[at] = h->lines[at - 1];
        at--;
    }
    h->bounds[at] = bound;
    h->lines[at] = line;
}

static void nhcb_store(struct script *s, const struct nhcb *h, int64_t step_ms)
{
    size_t series = sg_mem_series_take(s->store, sg_labels_ref(h->labels));
    for (size_t i = 0; h->n && i < h->lines[0]->n; i++) {
        uint32_t custom = (uint32_t)(isinf(h->bounds[h->n - 1]) ? h->n - 1 : h->n);
        struct sg_histogram *r = sg_histogram_new(custom + 1, 0, custom);
        double before = 0;
        bool missing = false;
        for (size_t b = 0; b < custom + 1u; b++) {
            const struct sg_series_text *l = b < h->n ? h->lines[b] : NULL;
            double v = !l ? before : i < l->n ? l->values[i].v : before;
            missing |= l && i < l->n && l->values[i].omitted;
            r->buckets[b] = (struct sg_bucket){(int32_t)b, v - before};
            before = v;
        }
        r->schema = SG_HISTOGRAM_SCHEMA_CUSTOM;
        r->count = before;
        r->sum = h->sum && i < h->sum->n ? h->sum->values[i].v : 0;
        memcpy(r->buckets + custom + 1, h->bounds, custom * sizeof(double));
        if (missing)
            sg_histogram_unref(r);
        else
            sg_mem_append_histogram_take(s->store, series, (int64_t)i * step_ms, r);
    }
}

static void load_nhcb(struct script *s, const struct sg_series_text *lines, size_t n,
                      int64_t step_ms)
{
    struct nhcb *all = sg_calloc(n + 1, sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        struct sg_str le = sg_labels_get(lines[i].labels, SG_STR("le"));
        double bound;
        const struct sg_labels *l = nhcb_labels(lines[i].labels, "_bucket");
        if (l && le.p && sg_double_parse_all(le.p, le.n, &bound) == 0)
            nhcb_add(nhcb_find(all, &count, l), bound, &lines[i]);
        else
            sg_labels_unref(l);
        if ((l = nhcb_labels(lines[i].labels, "_sum")))
            nhcb_find(all, &count, l)->sum = &lines[i];
    }
    for (size_t i = 0; i < count; i++) {
        nhcb_store(s, &all[i], step_ms);
        sg_labels_unref(all[i].labels);
    }
    sg_free(all);
}

static void load(struct script *s, struct sg_str head)
{
    bool nhcb = eat(&head, "load_with_nhcb");
    if (!nhcb)
        eat(&head, "load");
    int64_t step_ms = when(head);
    struct sg_str line;
    struct sg_series_text *lines = sg_calloc(512, sizeof(*lines));
    size_t n = 0;
    while (next_line(s, &line) && line.n && line.p[0] != '#' && n < 512) {
        struct sg_error err = {0};
        if (sg_series_text_parse(line, &lines[n], &err) < 0 && s->opt->log)
            fprintf(s->opt->log, "%s:%u: %s\n", s->file, s->line_no, err.text);
        else
            sg_mem_add_line(s->store, &lines[n], 0, step_ms);
        n++;
    }
    if (nhcb)
        load_nhcb(s, lines, n, step_ms);
    for (size_t i = 0; i < n; i++)
        sg_series_text_deinit(&lines[i]);
    sg_free(lines);
}

/* ---- reading an eval ---- */

static void add_note(struct script *s, char type, struct sg_str msg, struct sg_str regex)
{
    if (s->n_notes < SG_ARRAY_LEN(s->notes))
        s->notes[s->n_notes++] = (struct expect_note){type, msg, regex};
}

static struct sg_str unquote(struct sg_str t)
{
    t = sg_str_trim(t);
    if (t.n >= 2 && (t.p[0] == '"' || t.p[0] == '`') && t.p[t.n - 1] == t.p[0])
        return sg_str_make(t.p + 1, t.n - 2);
    return t;
}

static void expect_line(struct script *s, struct sg_str line)
{
    static const struct {
        const char *word;
        char type;
    } types[] = {{"fail", 'f'}, {"info", 'i'}, {"warn", 'w'}, {"no_info", 'I'}, {"no_warn", 'W'}};
    if (eat(&line, "ordered")) {
        s->ordered = true;
        return;
    }
    if (eat(&line, "string")) {
        s->is_string = true;
        s->string = unquote(line);
        return;
    }
    if (eat(&line, "range vector from")) {
        s->out_start_ms = when(token(&line));
        eat(&line, "to");
        token(&line);
        eat(&line, "step");
        s->out_step_ms = when(token(&line));
        return;
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(types); i++) {
        if (!eat(&line, types[i].word))
            continue;
        struct sg_str none = {"", 0};
        if (eat(&line, "msg:"))
            add_note(s, types[i].type, unquote(line), none);
        else if (eat(&line, "regex:"))
            add_note(s, types[i].type, none, unquote(line));
        else
            add_note(s, types[i].type, none, none);
        return;
    }
}

static void read_head(struct script *s, struct sg_str head)
{
    struct sg_str none = {"", 0};
    s->n_lines = s->n_notes = 0;
    s->ordered = s->scalar = s->is_string = false;
    s->eval_line = s->line_no;
    if (eat(&head, "eval_fail"))
        add_note(s, 'f', none, none);
    else if (eat(&head, "eval_warn"))
        add_note(s, 'w', none, none);
    else if (eat(&head, "eval_info"))
        add_note(s, 'i', none, none);
    else if (eat(&head, "eval_ordered"))
        s->ordered = true;
    else
        eat(&head, "eval");
    s->range = eat(&head, "range from");
    if (!s->range)
        eat(&head, "instant at");
    s->start_ms = s->end_ms = when(token(&head));
    s->step_ms = 0;
    if (s->range) {
        eat(&head, "to");
        s->end_ms = when(token(&head));
        eat(&head, "step");
        s->step_ms = when(token(&head));
    }
    s->out_start_ms = s->start_ms;
    s->out_step_ms = s->step_ms;
    s->expr = head;
}

static void read_body(struct script *s)
{
    struct sg_str line;
    while (next_line(s, &line) && line.n && line.p[0] != '#') {
        struct sg_error err = {0};
        struct sg_str none = {"", 0};
        if (eat(&line, "expected_fail_message"))
            s->notes[0] = (struct expect_note){'f', line, none};
        else if (eat(&line, "expected_fail_regexp"))
            s->notes[0] = (struct expect_note){'f', none, line};
        else if (eat(&line, "expect "))
            expect_line(s, line);
        else if (sg_double_parse_all(line.p, line.n, &s->scalar_value) == 0)
            s->scalar = true;
        else if (s->n_lines < SG_ARRAY_LEN(s->lines) &&
                 sg_series_text_parse(line, &s->lines[s->n_lines++], &err) < 0 && s->opt->log)
            fprintf(s->opt->log, "%s:%u: %s\n", s->file, s->line_no, err.text);
    }
}

/* ---- comparing ---- */

static bool near_double(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (a == b)
        return true;
    if (isinf(a) || isinf(b))
        return false;
    return fabs(a - b) <= 1e-6 * (fabs(a) + fabs(b)) || fabs(a - b) < 1e-300;
}

/* Count of a bucket, 0 when it is not there. */
static double bucket_at(const struct sg_bucket *b, size_t n, int32_t index)
{
    for (size_t i = 0; i < n; i++)
        if (b[i].index == index)
            return b[i].count;
    return 0;
}

static bool near_buckets(const struct sg_bucket *a, size_t n, const struct sg_bucket *b, size_t m)
{
    for (size_t i = 0; i < n; i++)
        if (!near_double(a[i].count, bucket_at(b, m, a[i].index)))
            return false;
    for (size_t i = 0; i < m; i++)
        if (!near_double(b[i].count, bucket_at(a, n, b[i].index)))
            return false;
    return true;
}

static bool near_histogram(const struct sg_histogram *a, const struct sg_histogram *b)
{
    bool gauge = a->reset_hint == SG_RESET_GAUGE;
    if (a->schema != b->schema || !near_double(a->count, b->count) || !near_double(a->sum, b->sum))
        return false;
    if (!near_double(a->zero_count, b->zero_count) ||
        !near_double(a->zero_threshold, b->zero_threshold) || a->n_custom != b->n_custom)
        return false;
    if (gauge && b->reset_hint != SG_RESET_GAUGE)
        return false;
    for (uint32_t i = 0; i < a->n_custom; i++)
        if (!near_double(sg_histogram_custom(a)[i], sg_histogram_custom(b)[i]))
            return false;
    return near_buckets(sg_histogram_positive(a), a->n_positive, sg_histogram_positive(b),
                        b->n_positive) &&
           near_buckets(sg_histogram_negative(a), a->n_negative, sg_histogram_negative(b),
                        b->n_negative);
}

static bool near_point(const struct sg_series_value *want, double v, const struct sg_histogram *h)
{
    if (!want->h || !h)
        return !want->h && !h && near_double(want->v, v);
    return near_histogram(want->h, h);
}

static const char *text_of(const struct sg_labels *l, struct sg_buf *b)
{
    sg_buf_init(b, 1000);
    sg_labels_print(l, b);
    return sg_buf_cstr(b);
}

static bool fail_series(struct script *s, const struct sg_labels *l, const char *what, double want,
                        double got)
{
    struct sg_buf b;
    differ(s, "%s %s (want %.17g, got %.17g)", text_of(l, &b), what, want, got);
    sg_buf_deinit(&b);
    return false;
}

static bool compare_series(struct script *s, const struct sg_series_text *want,
                           const struct sg_promql_series *got)
{
    size_t j = 0;
    for (size_t i = 0; i < want->n; i++) {
        int64_t t = s->out_start_ms + (int64_t)i * s->out_step_ms;
        if (want->values[i].omitted)
            continue;
        if (s->out_step_ms > 0 && t > s->end_ms)
            break;
        if (j == got->n || got->time_ms[j] != t)
            return fail_series(s, want->labels, "has no point at", (double)t,
                               j < got->n ? (double)got->time_ms[j] : -1);
        const struct sg_histogram *h = got->h ? got->h[j] : NULL;
        if (!near_point(&want->values[i], got->v[j], h))
            return fail_series(s, want->labels,
                               want->values[i].h && h ? "histogram sum differs" : "differs",
                               want->values[i].h && h ? want->values[i].h->sum : want->values[i].v,
                               want->values[i].h && h ? h->sum : got->v[j]);
        j++;
    }
    return j == got->n || fail_series(s, want->labels, "has too many points, from",
                                      (double)got->time_ms[j], got->v[j]);
}

static const struct sg_promql_series *find(const struct sg_promql_result *r,
                                           const struct sg_labels *l)
{
    for (size_t i = 0; i < r->n; i++)
        if (sg_labels_eq(r->series[i].labels, l))
            return &r->series[i];
    return NULL;
}

static bool has_points(const struct script *s, const struct sg_series_text *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (!l->values[i].omitted &&
            (!s->out_step_ms || s->out_start_ms + (int64_t)i * s->out_step_ms <= s->end_ms))
            return true;
    return false;
}

static bool compare_all(struct script *s, const struct sg_promql_result *r)
{
    size_t expected = 0;
    struct sg_buf b;
    for (size_t i = 0; i < s->n_lines; i++) {
        const struct sg_series_text *want = &s->lines[i];
        if (!has_points(s, want))
            continue;
        const struct sg_promql_series *got = find(r, want->labels);
        expected++;
        if (got && s->ordered && got != &r->series[i])
            return fail_series(s, want->labels, "is at another place", (double)i,
                               (double)(got - r->series));
        if (!got) {
            differ(s, "%s is missing (%zu series)", text_of(want->labels, &b), r->n);
            sg_buf_deinit(&b);
            return false;
        }
        if (!compare_series(s, want, got))
            return false;
    }
    if (r->n <= expected)
        return true;
    for (size_t i = 0; i < r->n; i++) {
        bool known = false;
        for (size_t j = 0; j < s->n_lines; j++)
            known |= sg_labels_eq(s->lines[j].labels, r->series[i].labels);
        if (!known)
            return fail_series(s, r->series[i].labels, "is not expected", 0, r->series[i].v[0]);
    }
    return differ(s, "too many series");
}

static bool text_fits(const struct expect_note *want, struct sg_str got)
{
    if (want->msg.n)
        return sg_str_eq(want->msg, got);
    if (!want->regex.n)
        return true;
    struct sg_regex *re;
    char pattern[1024];
    int n = snprintf(pattern, sizeof(pattern), ".*(%.*s).*", SG_STR_ARG(want->regex));
    if (sg_regex_new(sg_str_make(pattern, (size_t)n), &re, NULL) < 0)
        return false;
    bool ok = sg_regex_match(re, got);
    sg_regex_unref(re);
    return ok;
}

static bool compare_notes(struct script *s, const struct sg_promql_result *r)
{
    for (size_t i = 0; i < s->n_notes; i++) {
        char type = s->notes[i].type;
        bool none = type == 'I' || type == 'W', found = false;
        for (size_t j = 0; j < r->n_notes; j++) {
            bool warning = type == 'w' || type == 'W';
            if (r->notes[j].warning != warning || (!none && found))
                continue;
            /* the place at the end is not part of what the files say */
            struct sg_str text = sg_str_from(r->notes[j].text);
            const char *at = memrchr(text.p, '(', text.n);
            struct sg_str bare = at ? sg_str_make(text.p, (size_t)(at - text.p) - 1) : text;
            found |= none || text_fits(&s->notes[i], bare) || text_fits(&s->notes[i], text);
        }
        if (none && found)
            return differ(s, "unexpected %s", type == 'I' ? "info" : "warning");
        if (!none && !found && type != 'f')
            return differ(s, "no %s as expected (%zu notes%s%s)", type == 'i' ? "info" : "warning",
                          r->n_notes, r->n_notes ? ": " : "", r->n_notes ? r->notes[0].text : "");
    }
    return true;
}

/* ---- running ---- */

static const struct expect_note *wants_failure(const struct script *s)
{
    for (size_t i = 0; i < s->n_notes; i++)
        if (s->notes[i].type == 'f')
            return &s->notes[i];
    return NULL;
}

static int evaluate(struct script *s, struct sg_promql_grid grid, struct sg_promql_result *ret,
                    struct sg_promql **ret_q, struct sg_promql_plan **ret_plan,
                    struct sg_error *err)
{
    struct sg_promql_eval_options opt = {.delayed_names = s->opt->features,
                                         .type_labels = s->opt->features};
    struct sg_querier q = sg_mem_querier(s->store);
    *ret_plan = NULL;
    *ret_q = NULL;
    int rc = sg_promql_parse(s->expr, NULL, ret_q, err);
    if (rc == 0)
        rc = sg_promql_prepare(*ret_q, &opt, ret_plan, err);
    if (rc == 0)
        rc = sg_promql_eval(*ret_plan, &q, grid, ret, err);
    return rc;
}

static bool check_failure(struct script *s, int rc, const struct sg_error *err)
{
    const struct expect_note *want = wants_failure(s);
    if (rc < 0 && !want)
        return differ(s, "failed: %s", err->text);
    if (rc == 0 && want)
        return differ(s, "did not fail");
    if (rc < 0 && !text_fits(want, sg_str_from(err->text)))
        return differ(s, "failed with \"%s\"", err->text);
    return true;
}

static bool check_result(struct script *s, const struct sg_promql_result *r)
{
    if (s->is_string)
        return (r->kind == SG_RESULT_STRING && sg_str_eq(r->string, s->string)) ||
               differ(s, "the string is \"%.*s\"", SG_STR_ARG(r->string));
    if (s->scalar)
        return (r->kind == SG_RESULT_SCALAR && r->n == 1 &&
                near_double(s->scalar_value, r->series[0].v[0])) ||
               differ(s, "scalar is %.17g, want %.17g", r->n ? r->series[0].v[0] : NAN,
                      s->scalar_value);
    return compare_all(s, r) && compare_notes(s, r);
}

/* The same instant as the middle of three steps; only what is the same there is compared. */
static bool check_as_range(struct script *s)
{
    struct sg_promql_result r = {0};
    struct sg_promql *q;
    struct sg_promql_plan *plan;
    struct sg_error err = {0};
    struct sg_promql_grid grid = {s->start_ms - 60000, s->start_ms + 60000, 60000};
    int rc = evaluate(s, grid, &r, &q, &plan, &err);
    bool ok = true;
    size_t found = 0;
    struct sg_buf b;
    for (size_t i = 0; rc == 0 && ok && i < s->n_lines; i++) {
        const struct sg_promql_series *got = find(&r, s->lines[i].labels);
        size_t at = 0;
        while (got && at < got->n && got->time_ms[at] != s->start_ms)
            at++;
        if (!s->lines[i].n || s->lines[i].values[0].omitted)
            continue;
        if (!got || at == got->n) {
            ok = differ(s, "as range: %s is missing", text_of(s->lines[i].labels, &b));
            sg_buf_deinit(&b);
        } else if (!near_point(&s->lines[i].values[0], got->v[at], got->h ? got->h[at] : NULL)) {
            ok = fail_series(s, s->lines[i].labels, "differs as range", s->lines[i].values[0].v,
                             got->v[at]);
        }
        found++;
    }
    for (size_t i = 0; ok && i < r.n; i++)
        for (size_t j = 0; j < r.series[i].n; j++)
            if (r.series[i].time_ms[j] == s->start_ms && found-- == 0)
                ok = differ(s, "as range: too many series");
    if (plan)
        sg_promql_result_deinit(&r);
    sg_promql_plan_free(plan);
    sg_promql_free(q);
    return ok; /* neighbouring steps may fail where this one does not */
}

static bool depends_on_grid(struct sg_str expr)
{
    const char *const words[] = {"start()", "end()", "range()", "step()"};
    for (size_t i = 0; i < SG_ARRAY_LEN(words); i++)
        if (memmem(expr.p, expr.n, words[i], strlen(words[i])))
            return true;
    return false;
}

static void run_eval(struct script *s)
{
    struct sg_promql_result r = {0};
    struct sg_promql *q;
    struct sg_promql_plan *plan;
    struct sg_error err = {0};
    struct sg_promql_grid grid = {s->start_ms, s->end_ms, s->step_ms};
    int rc = evaluate(s, grid, &r, &q, &plan, &err);
    bool ok = check_failure(s, rc, &err) && (rc < 0 || check_result(s, &r));
    bool vector = rc == 0 && r.kind == SG_RESULT_VECTOR;
    if (plan)
        sg_promql_result_deinit(&r);
    sg_promql_plan_free(plan);
    sg_promql_free(q);
    if (ok && rc == 0 && vector && s->opt->ranges && !s->range && !depends_on_grid(s->expr))
        ok = check_as_range(s);
    if (ok)
        s->totals->passed++;
    else
        s->totals->failed++;
    if (!ok && s->opt->log)
        fprintf(s->opt->log, "%s:%u: %.*s\n    %s\n", s->file, s->eval_line, SG_STR_ARG(s->expr),
                s->why);
    for (size_t i = 0; i < s->n_lines; i++)
        sg_series_text_deinit(&s->lines[i]);
}

static char *read_file(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t cap = 4u << 20;
    char *text = sg_alloc(cap);
    *ret_n = fread(text, 1, cap, f);
    fclose(f);
    return text;
}

int sg_script_run(const char *path, const struct sg_script_options *opt,
                  struct sg_script_totals *ret)
{
    size_t n;
    char *text = read_file(path, &n);
    if (!text)
        return SG_EIO;
    const char *slash = strrchr(path, '/');
    struct script *s = sg_calloc(1, sizeof(*s));
    s->opt = opt;
    s->file = slash ? slash + 1 : path;
    s->rest = sg_str_make(text, n);
    s->store = sg_mem_store_new();
    s->totals = ret;
    struct sg_str line;
    while (next_line(s, &line)) {
        if (!line.n || line.p[0] == '#')
            continue;
        if (sg_str_starts_with(line, SG_STR("load"))) {
            load(s, line);
        } else if (sg_str_starts_with(line, SG_STR("clear"))) {
            sg_mem_store_clear(s->store);
        } else if (sg_str_starts_with(line, SG_STR("eval"))) {
            read_head(s, line);
            read_body(s);
            run_eval(s);
        }
    }
    sg_mem_store_free(s->store);
    sg_free(s);
    sg_free(text);
    return 0;
}
