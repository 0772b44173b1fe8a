/* mem_querier.c - series as sorted arrays, selection by trying every series. */
#include "mem_querier.h"
#include <math.h>
#include <streamgauge/histogram.h>
#include <streamgauge/hll.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

struct mem_series {
    const struct sg_labels *labels;
    struct sg_samples s; /* objects are references */
    uint32_t id;
};

struct sg_mem_store {
    struct mem_series **series;
    size_t n, cap;
    uint64_t generation;
    size_t selects;
};

struct sg_mem_store *sg_mem_store_new(void)
{
    return sg_calloc(1, sizeof(struct sg_mem_store));
}

static void unref_object(enum sg_value_kind kind, const void *obj)
{
    if (kind == SG_KIND_DISTINCT)
        sg_hll_free(obj);
    else
        sg_histogram_unref(obj);
}

void sg_mem_store_clear(struct sg_mem_store *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct mem_series *one = m->series[i];
        for (size_t j = 0; one->s.obj && j < one->s.n; j++)
            unref_object(one->s.kind, one->s.obj[j]);
        sg_labels_unref(one->labels);
        sg_samples_deinit(&one->s);
        sg_free(one);
    }
    m->n = 0;
    m->generation++;
}

void sg_mem_store_free(struct sg_mem_store *m)
{
    sg_mem_store_clear(m);
    sg_free(m->series);
    sg_free(m);
}

size_t sg_mem_series_take(struct sg_mem_store *m, const struct sg_labels *labels)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->series[i]->labels->hash == labels->hash &&
            sg_labels_eq(m->series[i]->labels, labels)) {
            sg_labels_unref(labels);
            return i;
        }
    }
    struct mem_series *one = sg_calloc(1, sizeof(*one));
    one->labels = labels;
    one->id = (uint32_t)m->n;
    sg_samples_init(&one->s);
    m->series = sg_grow(m->series, &m->cap, m->n + 1, sizeof(struct mem_series *));
    m->series[m->n] = one;
    m->generation++;
    return m->n++;
}

/* First sample whose time is past t. */
static size_t past(const struct sg_samples *s, int64_t t)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->time_ms[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void insert(struct sg_mem_store *m, size_t series, int64_t time_ms, double v,
                   const void *obj, enum sg_value_kind kind)
{
    struct sg_samples *s = &m->series[series]->s;
    size_t at = past(s, time_ms);
    if (obj)
        sg_samples_want_objects(s, kind);
    if (at > 0 && s->time_ms[at - 1] == time_ms) {
        at--;
        if (s->obj)
            unref_object(s->kind, s->obj[at]);
    } else {
        sg_samples_reserve(s, s->n + 1);
        size_t tail = s->n - at;
        memmove(s->time_ms + at + 1, s->time_ms + at, tail * sizeof(*s->time_ms));
        memmove(s->v + at + 1, s->v + at, tail * sizeof(*s->v));
        if (s->obj)
            memmove(s->obj + at + 1, s->obj + at, tail * sizeof(*s->obj));
        s->n++;
    }
    s->time_ms[at] = time_ms;
    s->v[at] = v;
    if (s->obj)
        s->obj[at] = obj;
}

void sg_mem_append(struct sg_mem_store *m, size_t series, int64_t time_ms, double v)
{
    insert(m, series, time_ms, v, NULL, SG_KIND_FLOAT);
}

void sg_mem_append_histogram_take(struct sg_mem_store *m, size_t series, int64_t time_ms,
                                  const struct sg_histogram *h)
{
    insert(m, series, time_ms, h->count, h, SG_KIND_HISTOGRAM);
}

void sg_mem_append_distinct_take(struct sg_mem_store *m, size_t series, int64_t time_ms,
                                 const struct sg_hll *h)
{
    insert(m, series, time_ms, sg_hll_estimate(h), h, SG_KIND_DISTINCT);
}

/* ---- the table ---- */

static bool matches_all(const struct sg_labels *l, const struct sg_matcher *const *matchers,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sg_str v = sg_labels_get(l, matchers[i]->name);
        if (!sg_matcher_matches(matchers[i], v.p ? v : SG_STR("")))
            return false;
    }
    return true;
}

static int mem_select(struct sg_querier *q, const struct sg_matcher *const *matchers, size_t n,
                      struct sg_selection *ret, struct sg_error *reterr)
{
    struct sg_mem_store *m = q->ctx;
    m->selects++;
    for (size_t i = 0; i < m->n; i++) {
        if (!matches_all(m->series[i]->labels, matchers, n))
            continue;
        if (q->max_series && ret->n == q->max_series)
            return sg_error_set(reterr, SG_ELIMIT, "more than %zu series match (max_series)",
                                q->max_series);
        sg_selection_add(
            ret, (struct sg_selected){m->series[i]->id, m->series[i]->labels, m->series[i]});
    }
    return 0;
}

static void mem_read(struct sg_querier *q, const void *handle, int64_t after_ms, int64_t until_ms,
                     struct sg_samples *ret)
{
    const struct sg_samples *s = &((const struct mem_series *)handle)->s;
    (void)q;
    size_t lo = past(s, after_ms), hi = past(s, until_ms), n = hi > lo ? hi - lo : 0;
    sg_samples_reset(ret);
    sg_samples_reserve(ret, n);
    if (s->obj)
        sg_samples_want_objects(ret, s->kind);
    if (n == 0)
        return;
    memcpy(ret->time_ms, s->time_ms + lo, n * sizeof(*s->time_ms));
    memcpy(ret->v, s->v + lo, n * sizeof(*s->v));
    if (s->obj)
        memcpy(ret->obj, s->obj + lo, n * sizeof(*s->obj));
    ret->n = n;
}

static bool mem_last(struct sg_querier *q, const void *handle, int64_t after_ms, int64_t until_ms,
                     struct sg_sample *ret)
{
    const struct sg_samples *s = &((const struct mem_series *)handle)->s;
    (void)q;
    size_t at = past(s, until_ms);
    if (at == 0 || s->time_ms[at - 1] <= after_ms)
        return false;
    *ret = (struct sg_sample){s->time_ms[at - 1], s->v[at - 1], s->obj ? s->obj[at - 1] : NULL};
    return true;
}

static uint64_t mem_generation(struct sg_querier *q)
{
    return ((struct sg_mem_store *)q->ctx)->generation + 1;
}

static void mem_close(struct sg_querier *q)
{
    (void)q;
}

struct sg_querier sg_mem_querier(struct sg_mem_store *m)
{
    static const struct sg_querier_ops ops = {mem_select, mem_read, mem_last, mem_generation,
                                              mem_close};
    return (struct sg_querier){.ops = &ops, .ctx = m};
}

size_t sg_mem_selects(const struct sg_mem_store *m)
{
    return m->selects;
}

/* ---- text ---- */

void sg_mem_add_line(struct sg_mem_store *m, const struct sg_series_text *l, int64_t start_ms,
                     int64_t step_ms)
{
    size_t series = sg_mem_series_take(m, sg_labels_ref(l->labels));
    for (size_t i = 0; i < l->n; i++) {
        int64_t t = start_ms + (int64_t)i * step_ms;
        if (l->values[i].omitted)
            continue;
        if (l->values[i].h)
            sg_mem_append_histogram_take(m, series, t, sg_histogram_ref(l->values[i].h));
        else
            sg_mem_append(m, series, t, l->values[i].v);
    }
}

int sg_mem_load(struct sg_mem_store *m, struct sg_str text, struct sg_error *reterr)
{
    int64_t step_ms = 60000;
    uint32_t line_no = 0;
    while (text.p) {
        struct sg_str line = sg_str_trim(sg_str_split(&text, '\n'));
        struct sg_series_text l;
        line_no++;
        if (!line.n || line.p[0] == '#')
            continue;
        int rc = 0;
        if (sg_str_starts_with(line, SG_STR("load "))) {
            rc = sg_duration_parse(sg_str_trim(sg_str_make(line.p + 5, line.n - 5)), &step_ms,
                                   reterr);
        } else {
            rc = sg_series_text_parse(line, &l, reterr);
            if (rc == 0)
                sg_mem_add_line(m, &l, 0, step_ms);
            sg_series_text_deinit(&l);
        }
        if (rc < 0)
            return sg_error_wrap(reterr, "line %u", line_no);
    }
    return 0;
}
