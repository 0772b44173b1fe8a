/* api_federate.c - /federate: the newest sample of each selected series as exposition text, with
 * its time, for another server to scrape. */
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>
#include <string.h>

#include "net/api.h"

struct exposition {
    struct sg_net_exchange *x;
    struct sg_buf *out;
    struct sg_metadata *families; /* sorted by name */
    size_t n_families, cap_families;
    struct sg_str family;             /* the last one told */
    const struct sg_labels *external; /* a reference; never NULL */
};

/* A series' newest sample, held by itself. */
struct newest {
    const struct sg_labels *labels;
    struct sg_sample s;
    enum sg_value_kind kind;
};

/* ---- families ---- */

static void add_family(void *ctx, const struct sg_metadata *m)
{
    struct exposition *e = ctx;
    e->families = sg_grow(e->families, &e->cap_families, e->n_families + 1, sizeof(*e->families));
    e->families[e->n_families++] = (struct sg_metadata){.metric = sg_strdup(m->metric),
                                                        .help = m->help ? sg_strdup(m->help) : NULL,
                                                        .type = m->type};
}

static int by_metric(const void *a, const void *b)
{
    return strcmp(((const struct sg_metadata *)a)->metric, ((const struct sg_metadata *)b)->metric);
}

static int find_cmp(const void *key, const void *m)
{
    return sg_str_cmp(*(const struct sg_str *)key,
                      sg_str_from(((const struct sg_metadata *)m)->metric));
}

static const struct sg_metadata *find_family(const struct exposition *e, struct sg_str name)
{
    return e->n_families
               ? bsearch(&name, e->families, e->n_families, sizeof(*e->families), find_cmp)
               : NULL;
}

/* The family of a metric: its own, or that of the histogram or summary it is a part of. */
static const struct sg_metadata *family_of(const struct exposition *e, struct sg_str name)
{
    static const char *const suffixes[] = {"_bucket", "_count", "_sum"};
    const struct sg_metadata *m = find_family(e, name);
    for (size_t i = 0; !m && i < SG_ARRAY_LEN(suffixes); i++) {
        size_t n = strlen(suffixes[i]);
        if (name.n <= n || memcmp(name.p + name.n - n, suffixes[i], n) != 0)
            continue;
        m = find_family(e, sg_str_make(name.p, name.n - n));
        if (m && m->type != SG_METRIC_HISTOGRAM && m->type != SG_METRIC_SUMMARY)
            m = NULL;
    }
    return m;
}

/* Help texts escape backslash and newline, label values the quote too. */
static void put_escaped(struct sg_buf *b, struct sg_str s, bool quote)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\n')
            sg_buf_puts(b, "\\n");
        else if (c == '\\' || (quote && c == '"'))
            sg_buf_printf(b, "\\%c", c);
        else
            sg_buf_putc(b, c);
    }
}

static void tell_family(struct exposition *e, struct sg_str name)
{
    static const char *const types[] = {[SG_METRIC_COUNTER] = "counter",
                                        [SG_METRIC_GAUGE] = "gauge",
                                        [SG_METRIC_HISTOGRAM] = "histogram",
                                        [SG_METRIC_SUMMARY] = "summary"};
    const struct sg_metadata *m = family_of(e, name);
    struct sg_str family = m ? sg_str_from(m->metric) : name;
    const char *type =
        m && (size_t)m->type < SG_ARRAY_LEN(types) && types[m->type] ? types[m->type] : "untyped";
    if (e->family.p && sg_str_eq(family, e->family))
        return;
    e->family = family;
    if (!sg_metric_name_valid(family)) /* the text form has no such comment lines */
        return;
    if (m && m->help) {
        sg_buf_printf(e->out, "# HELP %s ", m->metric);
        put_escaped(e->out, sg_str_from(m->help), false);
        sg_buf_putc(e->out, '\n');
    }
    sg_buf_printf(e->out, "# TYPE %.*s %s\n", SG_STR_ARG(family), type);
}

/* ---- samples ---- */

static void put_quoted(struct sg_buf *b, struct sg_str s)
{
    sg_buf_putc(b, '"');
    put_escaped(b, s, true);
    sg_buf_putc(b, '"');
}

static void put_label(struct sg_buf *b, struct sg_str name, struct sg_str value, bool *first)
{
    if (!*first)
        sg_buf_putc(b, ',');
    *first = false;
    if (sg_label_name_valid(name))
        sg_buf_put_str(b, name);
    else
        put_quoted(b, name);
    sg_buf_putc(b, '=');
    put_quoted(b, value);
}

/* name{a="b",instance=""} with an extra label if `le` is given, and external labels that it has not
 * itself. A series without instance says so: else the one who scrapes us would put ours there. */
static void put_series(const struct exposition *e, const struct sg_labels *l, const char *suffix,
                       const double *le)
{
    struct sg_buf *b = e->out;
    struct sg_str name = sg_labels_get(l, SG_METRIC_NAME);
    const struct sg_str instance = SG_STR("instance");
    bool legacy = sg_metric_name_valid(name), first = legacy;
    if (legacy) {
        sg_buf_put_str(b, name);
        sg_buf_puts(b, suffix);
        sg_buf_putc(b, '{');
    } else {
        sg_buf_putc(b, '{');
        put_quoted(b, name);
    }
    for (uint32_t i = 0; i < l->count; i++) {
        struct sg_label label = sg_labels_at(l, i);
        if (!sg_str_eq(label.name, SG_METRIC_NAME))
            put_label(b, label.name, label.value, &first);
    }
    if (le) {
        sg_buf_puts(b, first ? "le=\"" : ",le=\"");
        sg_buf_put_double(b, *le);
        sg_buf_putc(b, '"');
        first = false;
    }
    for (uint32_t i = 0; i < e->external->count; i++) {
        struct sg_label label = sg_labels_at(e->external, i);
        if (!sg_labels_get(l, label.name).p)
            put_label(b, label.name, label.value, &first);
    }
    if (!sg_labels_get(l, instance).p && !sg_labels_get(e->external, instance).p)
        put_label(b, instance, SG_STR(""), &first);
    sg_buf_puts(b, "} ");
}

static void put_value(struct sg_buf *b, double v, int64_t time_ms)
{
    sg_buf_put_double(b, v);
    sg_buf_putc(b, ' ');
    sg_buf_put_i64(b, time_ms);
    sg_buf_putc(b, '\n');
}

/* A native histogram with own bounds is a classic one in other clothes. */
static void put_classic(const struct exposition *e, const struct sg_labels *l,
                        const struct sg_histogram *h, int64_t time_ms)
{
    struct sg_buf *b = e->out;
    double sum = 0, infinite = 1.0 / 0.0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < h->n_custom; i++) {
        for (; at < h->n_positive && sg_histogram_positive(h)[at].index <= (int32_t)i; at++)
            sum += sg_histogram_positive(h)[at].count;
        put_series(e, l, "_bucket", &sg_histogram_custom(h)[i]);
        put_value(b, sum, time_ms);
    }
    put_series(e, l, "_bucket", &infinite);
    put_value(b, h->count, time_ms);
    put_series(e, l, "_sum", NULL);
    put_value(b, h->sum, time_ms);
    put_series(e, l, "_count", NULL);
    put_value(b, h->count, time_ms);
}

static void put_sample(struct exposition *e, const struct sg_labels *l, const struct sg_sample *s,
                       enum sg_value_kind kind)
{
    struct sg_str name = sg_labels_get(l, SG_METRIC_NAME);
    const struct sg_histogram *h = kind == SG_KIND_HISTOGRAM ? s->obj : NULL;
    if (!name.p || (!s->obj && sg_is_stale(s->v)))
        return;
    if (h && (h->schema != SG_HISTOGRAM_SCHEMA_CUSTOM || !sg_metric_name_valid(name)))
        return; /* has no form in this text */
    tell_family(e, name);
    if (h) {
        put_classic(e, l, h, s->time_ms);
        return;
    }
    put_series(e, l, "", NULL);
    put_value(e->out, s->v, s->time_ms);
}

static int by_name(const void *a, const void *b)
{
    const struct newest *l = a, *r = b;
    struct sg_str ln = sg_labels_get(l->labels, SG_METRIC_NAME),
                  rn = sg_labels_get(r->labels, SG_METRIC_NAME);
    int c = sg_str_cmp(ln.p ? ln : SG_STR(""), rn.p ? rn : SG_STR(""));
    return c ? c : sg_labels_cmp(l->labels, r->labels);
}

/* What has to be told, into sel->n entries at `dst`; returns how many. They stand by themselves: a
 * client that takes its answer slowly must not keep the store from freeing what it has replaced
 * meanwhile. */
static size_t take_newest(struct sg_querier *q, const struct sg_selection *sel,
                          const struct sg__range *range, struct newest *dst)
{
    size_t n = 0;
    struct sg_samples samples;
    sg_samples_init(&samples);
    for (size_t i = 0; i < sel->n; i++) {
        const struct sg_selected *one = &sel->series[i];
        struct newest *e = &dst[n];
        if (!q->ops->last(q, one->handle, range->start_ms, range->end_ms, &e->s))
            continue;
        e->kind = SG_KIND_FLOAT;
        if (e->s.obj) { /* `last` does not say what it is */
            q->ops->read(q, one->handle, e->s.time_ms - 1, e->s.time_ms, &samples);
            e->kind = samples.kind;
        }
        if (e->kind == SG_KIND_HISTOGRAM && e->s.obj)
            (void)sg_histogram_ref(e->s.obj);
        e->labels = sg_labels_ref(one->labels);
        n++;
    }
    sg_samples_deinit(&samples);
    return n;
}

static struct sg__answer_size newest_size(const struct newest *all, size_t n, size_t external)
{
    struct sg__answer_size size = {0};
    for (size_t i = 0; i < n; i++) {
        const struct sg_histogram *h = all[i].kind == SG_KIND_HISTOGRAM ? all[i].s.obj : NULL;
        size_t labels = all[i].labels->bytes + sizeof(struct sg_labels), lines = 1;
        size.held += sizeof(*all) + labels + (h ? sg_histogram_size(h) : 0);
        if (h)
            lines += h->n_custom + 2;
        size.text += lines * (labels + external + 64);
    }
    return size;
}

static void tell(struct exposition *e, struct newest *all, size_t n)
{
    if (n)
        qsort(all, n, sizeof(*all), by_name);
    for (size_t i = 0; i < n && sg_net_exchange_flush(e->x) == 0; i++)
        put_sample(e, all[i].labels, &all[i].s, all[i].kind);
}

static void release_newest(struct newest *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sg_labels_unref(all[i].labels);
        if (all[i].kind == SG_KIND_HISTOGRAM)
            sg_histogram_unref(all[i].s.obj);
    }
}

static const struct sg_labels *external_labels(struct sg_api *api)
{
    pthread_mutex_lock(&api->gate);
    const struct sg_labels *l = sg_labels_ref(api->external ? api->external : sg_labels_empty());
    pthread_mutex_unlock(&api->gate);
    return l;
}

static void answer(struct sg_api *api, struct sg_net_exchange *x, const struct sg__selectors *s)
{
    int64_t now = sg_wall_now_ms(), lookback = api->cfg.eval.lookback_ms;
    struct sg__range any = {0},
                     range = {now - (lookback ? lookback : SG_PROMQL_LOOKBACK_MS), now, true};
    struct exposition e = {.x = x, .out = &x->out, .external = external_labels(api)};
    struct sg__asker asker = {api, x};
    struct sg_querier q;
    struct sg_selection sel;
    struct sg_error err = {0};
    struct newest *all = NULL;
    size_t n = 0;
    if (!sg__api_open(api, x, &q)) {
        sg_labels_unref(e.external);
        return;
    }
    q.stop = sg__api_stop;
    q.stop_ctx = &asker;
    sg_selection_init(&sel);
    int rc = sg__series_select(&q, s, &any, &sel, &err);
    if (rc == 0) {
        all = sg_calloc(sel.n ? sel.n : 1, sizeof(*all));
        n = take_newest(&q, &sel, &range, all);
    }
    sg_selection_deinit(&sel);
    q.ops->close(&q);
    x->type = "text/plain; version=0.0.4; charset=utf-8";
    if (rc < 0) {
        sg__api_failed(x, &err);
    } else {
        sg_store_metadata_each(api->cfg.store, add_family, &e);
        if (e.n_families)
            qsort(e.families, e.n_families, sizeof(*e.families), by_metric);
        struct sg__answer_size size = newest_size(all, n, e.external->bytes);
        if (sg__api_hold(api, x, &size))
            tell(&e, all, n);
        sg__api_release(api, &size);
    }
    release_newest(all, n);
    sg_free(all);
    sg_labels_unref(e.external);
    for (size_t i = 0; i < e.n_families; i++) {
        sg_free(e.families[i].metric);
        sg_free(e.families[i].help);
    }
    sg_free(e.families);
}

void sg__api_federate(void *ctx, struct sg_net_exchange *x)
{
    struct sg__form f;
    struct sg__selectors s = {0};
    struct sg_error err = {0};
    if (sg__form_init(&f, x, &err) < 0)
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
    else if (sg__selectors_init(&s, &f, &err) < 0)
        sg__api_bad_param(x, "match[]", &err);
    else
        answer(ctx, x, &s);
    sg__selectors_deinit(&s);
    sg__form_deinit(&f);
}
