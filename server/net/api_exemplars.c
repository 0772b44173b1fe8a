/* api_exemplars.c - /api/v1/query_exemplars: those of every series that a selector of the
 * expression would take. */
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>

#include "net/api.h"

/* What is asked for, and what was found: references. */
struct search {
    const struct sg_selector **selectors;
    size_t n_selectors, cap_selectors;
    int64_t start_ms, end_ms;
    struct sg__asker asker;
    int stopped; /* what sg__api_stop said */
    struct sg_exemplar *found;
    size_t n, cap;
};

static void add_selectors(struct search *s, const struct sg_expr *e)
{
    const struct sg_expr *child;
    if (e->kind == SG_EXPR_SELECTOR || e->kind == SG_EXPR_RANGE_SELECTOR) {
        s->selectors = sg_grow(s->selectors, &s->cap_selectors, s->n_selectors + 1,
                               sizeof(struct sg_selector *));
        s->selectors[s->n_selectors++] = &e->u.selector;
    }
    for (uint32_t i = 0; (child = sg_expr_child(e, i)) != NULL; i++)
        add_selectors(s, child);
}

static bool selects(const struct sg_selector *s, const struct sg_labels *l)
{
    for (uint32_t i = 0; i < s->matcher_count; i++) {
        struct sg_str value = sg_labels_get(l, s->matchers[i]->name);
        if (!sg_matcher_matches(s->matchers[i], value.p ? value : SG_STR("")))
            return false;
    }
    return true;
}

static void look_at(void *ctx, const struct sg_exemplar *e)
{
    struct search *s = ctx;
    bool hit = false;
    if (s->stopped < 0 || (s->stopped = sg__api_stop(&s->asker)) < 0)
        return;
    if (e->time_ms < s->start_ms || e->time_ms > s->end_ms)
        return;
    for (size_t i = 0; i < s->n_selectors && !hit; i++)
        hit = selects(s->selectors[i], e->series);
    if (!hit)
        return;
    s->found = sg_grow(s->found, &s->cap, s->n + 1, sizeof(*s->found));
    s->found[s->n] = *e;
    (void)sg_labels_ref(e->series);
    (void)sg_labels_ref(e->labels);
    s->n++;
}

static int by_series_and_time(const void *pa, const void *pb)
{
    const struct sg_exemplar *a = pa, *b = pb;
    int c = a->series == b->series ? 0 : sg_labels_cmp(a->series, b->series);
    return c ? c : (a->time_ms > b->time_ms) - (a->time_ms < b->time_ms);
}

static void put_exemplar(struct sg_buf *b, const struct sg_exemplar *e)
{
    sg_buf_puts(b, "{\"labels\":");
    sg_labels_print_json(e->labels, b);
    sg_buf_puts(b, ",\"value\":");
    sg__json_value(b, e->value);
    sg_buf_puts(b, ",\"timestamp\":");
    sg__json_time(b, e->time_ms);
    sg_buf_putc(b, '}');
}

static void put_found(struct sg_net_exchange *x, const struct search *s)
{
    struct sg_buf *b = &x->out;
    sg__api_begin(x);
    sg_buf_putc(b, '[');
    for (size_t i = 0; i < s->n; i++) {
        const struct sg_exemplar *e = &s->found[i];
        if (i && sg_labels_eq(e->series, s->found[i - 1].series)) {
            sg_buf_putc(b, ',');
        } else {
            sg_buf_puts(b, i ? "]},{\"seriesLabels\":" : "{\"seriesLabels\":");
            sg_labels_print_json(e->series, b);
            sg_buf_puts(b, ",\"exemplars\":[");
        }
        put_exemplar(b, e);
        if (sg_net_exchange_flush(x) < 0)
            return;
    }
    sg_buf_puts(b, s->n ? "]}]" : "]");
    sg__api_end(x, NULL);
}

/* Whether all that is wanted was found; else answered. */
static bool looked_at_all(struct sg_net_exchange *x, const struct search *s)
{
    struct sg_error err = {0};
    uint64_t given_up = 0;
    for (size_t i = 0; i < s->n_selectors; i++)
        given_up += sg_matchers_errors((const struct sg_matcher *const *)s->selectors[i]->matchers,
                                       s->selectors[i]->matcher_count);
    if (s->stopped == 0 && given_up == 0)
        return true;
    if (s->stopped < 0)
        (void)sg__api_stopped(s->stopped, &err);
    else
        sg_error_set(&err, SG_ELIMIT,
                     "a regular expression of the query costs too much on some label's value");
    sg__api_failed(x, &err);
    return false;
}

static void answer(struct sg_api *api, struct sg_net_exchange *x, struct search *s)
{
    struct sg__answer_size size = {0};
    s->asker = (struct sg__asker){api, x};
    sg__api_settle(api);
    sg_store_exemplars_each(api->cfg.store, look_at, s);
    if (!looked_at_all(x, s))
        return;
    if (s->n)
        qsort(s->found, s->n, sizeof(*s->found), by_series_and_time);
    for (size_t i = 0; i < s->n; i++) {
        size_t labels = sg_labels_size(s->found[i].series) + sg_labels_size(s->found[i].labels);
        size.held += sizeof(*s->found) + labels;
        size.text += labels + 64;
    }
    if (sg__api_hold(api, x, &size))
        put_found(x, s);
    sg__api_release(api, &size);
}

static void search_deinit(struct search *s)
{
    for (size_t i = 0; i < s->n; i++) {
        sg_labels_unref(s->found[i].series);
        sg_labels_unref(s->found[i].labels);
    }
    sg_free(s->found);
    sg_free(s->selectors);
}

void sg__api_exemplars(void *ctx, struct sg_net_exchange *x)
{
    struct sg__form f;
    struct sg_promql *q = NULL;
    struct sg_error err = {0};
    struct search s = {.start_ms = -SG__TIME_MAX_MS, .end_ms = SG__TIME_MAX_MS};
    if (sg__form_init(&f, x, &err) < 0) {
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
    } else if (sg__form_time(&f, "start", &s.start_ms, &err) < 0) {
        sg__api_bad_param(x, "start", &err);
    } else if (sg__form_time(&f, "end", &s.end_ms, &err) < 0) {
        sg__api_bad_param(x, "end", &err);
    } else if (s.end_ms < s.start_ms) {
        sg__api_error(x, SG__BAD_DATA, "end timestamp must not be before start timestamp");
    } else if (sg_promql_parse(sg__form_get(&f, "query"), NULL, &q, &err) < 0) {
        char text[512];
        sg__api_error(x, SG__BAD_DATA, "%s", sg_error_format(&err, text, sizeof(text)));
    } else {
        add_selectors(&s, q->root);
        answer(ctx, x, &s);
    }
    search_deinit(&s);
    sg_promql_free(q);
    sg__form_deinit(&f);
}
