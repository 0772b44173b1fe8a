/* api_series.c - what is there: series, label names, label values; selectors of match[]. */
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>
#include <string.h>

#include "net/api.h"

/* What is gathered before the repeated ones among it are dropped, the first time; then when it has
 * doubled. */
#define COMPACT_AT 65536

/* ---- selectors ---- */

static bool matches_everything(const struct sg_selector *s)
{
    for (uint32_t i = 0; i < s->matcher_count; i++)
        if (!sg_matcher_matches_empty(s->matchers[i]))
            return false;
    return true;
}

int sg__selectors_init(struct sg__selectors *s, const struct sg__form *f, struct sg_error *reterr)
{
    struct sg_str text;
    size_t at = 0;
    *s = (struct sg__selectors){0};
    s->q = sg_calloc(f->n + 1, sizeof(struct sg_promql *));
    while (sg__form_next(f, "match[]", &at, &text)) {
        struct sg_promql *q = NULL;
        struct sg_error err = {0};
        int rc = sg_promql_parse_selector(text, NULL, &q, &err);
        /* The parser may say so first, with other words than upstream has for an argument. */
        if (rc == 0 ? matches_everything(&q->root->u.selector)
                    : strstr(err.text, "at least one non-empty matcher") != NULL)
            rc = sg_error_set(reterr, SG_EINVALID,
                              "match[] must contain at least one non-empty matcher");
        else if (rc < 0 && reterr)
            *reterr = err;
        s->q[s->n++] = q;
        if (rc < 0)
            return rc;
    }
    return 0;
}

void sg__selectors_deinit(struct sg__selectors *s)
{
    for (size_t i = 0; i < s->n; i++)
        sg_promql_free(s->q[i]);
    sg_free(s->q);
    *s = (struct sg__selectors){0};
}

static int select_one(struct sg_querier *q, const struct sg_selector *s, struct sg_selection *ret,
                      struct sg_error *reterr)
{
    const struct sg_matcher **m = sg_calloc(s->matcher_count + 1, sizeof(*m));
    for (uint32_t i = 0; i < s->matcher_count; i++)
        m[i] = s->matchers[i];
    int rc = q->ops->select(q, m, s->matcher_count, ret, reterr);
    sg_free(m);
    return rc;
}

static int by_labels(const void *a, const void *b)
{
    return sg_labels_cmp(((const struct sg_selected *)a)->labels,
                         ((const struct sg_selected *)b)->labels);
}

static bool in_range(struct sg_querier *q, const struct sg_selected *one,
                     const struct sg__range *range)
{
    struct sg_sample s;
    return !range->given || q->ops->last(q, one->handle, range->start_ms - 1, range->end_ms, &s);
}

/* Sorts, and keeps each once. */
static void make_unique(struct sg_selection *s)
{
    size_t kept = 0;
    if (s->n)
        qsort(s->series, s->n, sizeof(*s->series), by_labels);
    for (size_t i = 0; i < s->n; i++)
        if (!i || s->series[i].labels != s->series[i - 1].labels)
            s->series[kept++] = s->series[i];
    s->n = kept;
}

int sg__series_select(struct sg_querier *q, const struct sg__selectors *s,
                      const struct sg__range *range, struct sg_selection *ret,
                      struct sg_error *reterr)
{
    size_t unique = 0, kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        int rc = q->stop ? q->stop(q->stop_ctx) : 0;
        if (rc == 0)
            rc = select_one(q, &s->q[i]->root->u.selector, ret, reterr);
        if (rc < 0)
            return sg__api_stopped(rc, reterr);
        if (i + 1 < s->n && ret->n <= COMPACT_AT + 2 * unique)
            continue;
        make_unique(ret); /* a thousand selectors may all want the same */
        unique = ret->n;
    }
    for (size_t i = 0; i < ret->n; i++)
        if (in_range(q, &ret->series[i], range))
            ret->series[kept++] = ret->series[i];
    ret->n = kept;
    return 0;
}

bool sg__api_open(struct sg_api *api, struct sg_net_exchange *x, struct sg_querier *ret)
{
    sg__api_settle(api);
    if (sg_store_querier_open(api->cfg.store, ret) < 0) {
        sg__api_error(x, SG__UNAVAILABLE, "too many queries at work, try again later");
        return false;
    }
    ret->max_series = (size_t)api->cfg.eval.max_series;
    return true;
}

int sg__api_stop(void *asker)
{
    const struct sg__asker *a = asker;
    if (atomic_load_explicit(&a->x->canceled, memory_order_relaxed))
        return SG_ECANCELED;
    int64_t waited_us = sg_mono_now_us() - a->x->arrived_us;
    return waited_us > a->api->cfg.timeout_ms * 1000 ? SG_ETIMEOUT : 0;
}

int sg__api_stopped(int rc, struct sg_error *reterr)
{
    if (rc == SG_ETIMEOUT)
        return sg_error_set(reterr, SG_ETIMEOUT,
                            "the request timed out in selection (query.timeout)");
    return rc < 0 ? sg_error_set(reterr, (enum sg_errc)rc, "the selection failed: %s",
                                 sg_errc_name((enum sg_errc)rc))
                  : rc;
}

/* ---- a set of texts ---- */

struct texts {
    struct sg_buf bytes;
    struct sg_str *items; /* p is an offset into bytes + 1 until sorted */
    size_t n, cap;
    size_t distinct; /* left by the last time the repeated ones were dropped */
};

static void texts_init(struct texts *t)
{
    *t = (struct texts){0};
    sg_buf_init(&t->bytes, (size_t)1 << 30);
}

static void texts_deinit(struct texts *t)
{
    sg_buf_deinit(&t->bytes);
    sg_free(t->items);
}

static void texts_add(void *ctx, struct sg_str s)
{
    struct texts *t = ctx;
    size_t at = t->bytes.len;
    if (s.n == 0 || sg_buf_put_str(&t->bytes, s) < 0)
        return;
    t->items = sg_grow(t->items, &t->cap, t->n + 1, sizeof(*t->items));
    t->items[t->n++] = (struct sg_str){(const char *)(at + 1), s.n};
}

static int by_bytes(const void *a, const void *b)
{
    return sg_str_cmp(*(const struct sg_str *)a, *(const struct sg_str *)b);
}

/* Sorted, each once. */
static void texts_sort(struct texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->items[i].p = t->bytes.data + ((uintptr_t)t->items[i].p - 1);
    if (t->n)
        qsort(t->items, t->n, sizeof(*t->items), by_bytes);
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!kept || !sg_str_eq(t->items[i], t->items[kept - 1]))
            t->items[kept++] = t->items[i];
    t->n = kept;
}

/* Many series share few names: drops the repeated ones. */
static void texts_compact(struct texts *t)
{
    struct texts compact;
    texts_sort(t);
    texts_init(&compact);
    for (size_t k = 0; k < t->n; k++)
        texts_add(&compact, t->items[k]);
    texts_deinit(t);
    compact.distinct = compact.n;
    *t = compact;
}

/* Before an answer goes out: a client that takes it slowly must not keep the store from freeing
 * what it has replaced meanwhile. */
static void close_querier(struct sg_querier *q)
{
    if (q->ops)
        q->ops->close(q);
    q->ops = NULL;
}

static void put_texts(struct sg_net_exchange *x, struct texts *t, size_t limit)
{
    struct sg__api_notes notes = {0};
    texts_sort(t);
    if (limit && t->n > limit) {
        t->n = limit;
        notes.further[notes.n_further++] = sg__truncated;
    }
    sg__api_begin(x);
    sg_buf_putc(&x->out, '[');
    for (size_t i = 0; i < t->n; i++) {
        if (i)
            sg_buf_putc(&x->out, ',');
        sg_buf_put_json_str(&x->out, t->items[i]);
        if (sg_net_exchange_flush(x) < 0)
            return;
    }
    sg_buf_putc(&x->out, ']');
    sg__api_end(x, &notes);
}

static void answer_texts(struct sg_api *api, struct sg_net_exchange *x, struct texts *t,
                         size_t limit)
{
    struct sg__answer_size size = {.held = t->bytes.len + t->n * sizeof(*t->items),
                                   .text = t->bytes.len + 4 * t->n};
    if (sg__api_hold(api, x, &size))
        put_texts(x, t, limit);
    sg__api_release(api, &size);
}

/* ---- the requests ---- */

struct listing {
    struct sg_api *api;
    struct sg_net_exchange *x;
    struct sg__form form;
    struct sg__selectors selectors;
    struct sg__range range;
    size_t limit;
};

static bool read_listing(struct listing *l)
{
    struct sg_error err = {0};
    const char *at_fault = "limit";
    int rc = sg__limit_parse(&l->form, "limit", &l->limit, &err);
    l->range = (struct sg__range){.start_ms = -SG__TIME_MAX_MS,
                                  .end_ms = SG__TIME_MAX_MS,
                                  .given = sg__form_get(&l->form, "start").n ||
                                           sg__form_get(&l->form, "end").n};
    if (rc == 0) {
        at_fault = "start";
        rc = sg__form_time(&l->form, "start", &l->range.start_ms, &err);
    }
    if (rc == 0) {
        at_fault = "end";
        rc = sg__form_time(&l->form, "end", &l->range.end_ms, &err);
    }
    if (rc == 0) {
        at_fault = "match[]";
        rc = sg__selectors_init(&l->selectors, &l->form, &err);
    }
    if (rc < 0)
        sg__api_bad_param(l->x, at_fault, &err);
    return rc == 0;
}

/* Runs `answer` with the parameters read and, when something is to be selected, the series. */
static void list(struct sg_api *api, struct sg_net_exchange *x,
                 void (*answer)(struct listing *l, struct sg_querier *q, struct sg_selection *sel))
{
    struct listing l = {.api = api, .x = x};
    struct sg__asker asker = {api, x};
    struct sg_querier q;
    struct sg_selection sel;
    struct sg_error err = {0};
    sg_selection_init(&sel);
    if (sg__form_init(&l.form, x, &err) < 0)
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
    else if (read_listing(&l) && sg__api_open(api, x, &q)) {
        q.stop = sg__api_stop;
        q.stop_ctx = &asker;
        if (l.selectors.n && sg__series_select(&q, &l.selectors, &l.range, &sel, &err) < 0)
            sg__api_failed(x, &err);
        else
            answer(&l, &q, &sel);
        close_querier(&q);
    }
    sg_selection_deinit(&sel);
    sg__selectors_deinit(&l.selectors);
    sg__form_deinit(&l.form);
}

/* False: the client is gone. */
static bool put_label_sets(struct sg_net_exchange *x, const struct sg_selection *sel)
{
    for (size_t i = 0; i < sel->n; i++) {
        if (i)
            sg_buf_putc(&x->out, ',');
        sg_labels_print_json(sel->series[i].labels, &x->out);
        if (sg_net_exchange_flush(x) < 0)
            return false;
    }
    return true;
}

static struct sg__answer_size label_sets_size(const struct sg_selection *sel)
{
    struct sg__answer_size size = {0};
    for (size_t i = 0; i < sel->n; i++) {
        size_t labels = sel->series[i].labels->bytes + sizeof(struct sg_labels);
        size.held += sizeof(*sel->series) + labels;
        size.text += 2 * labels;
    }
    return size;
}

static void answer_series(struct listing *l, struct sg_querier *q, struct sg_selection *sel)
{
    struct sg__api_notes notes = {0};
    if (!l->selectors.n) {
        sg__api_error(l->x, SG__BAD_DATA, "no match[] parameter provided");
        return;
    }
    if (l->limit && sel->n > l->limit) {
        sel->n = l->limit;
        notes.further[notes.n_further++] = sg__truncated;
    }
    for (size_t i = 0; i < sel->n; i++)
        (void)sg_labels_ref(sel->series[i].labels);
    close_querier(q);
    struct sg__answer_size size = label_sets_size(sel);
    if (sg__api_hold(l->api, l->x, &size)) {
        sg__api_begin(l->x);
        sg_buf_putc(&l->x->out, '[');
        if (put_label_sets(l->x, sel)) {
            sg_buf_putc(&l->x->out, ']');
            sg__api_end(l->x, &notes);
        }
    }
    sg__api_release(l->api, &size);
    for (size_t i = 0; i < sel->n; i++)
        sg_labels_unref(sel->series[i].labels);
}

void sg__api_series(void *ctx, struct sg_net_exchange *x)
{
    list(ctx, x, answer_series);
}

/* With a time range but no selector: every series that has a sample then. */
static void every_series(struct listing *l, struct sg_querier *q, struct sg_selection *sel)
{
    if (l->selectors.n || !l->range.given)
        return;
    (void)q->ops->select(q, NULL, 0, sel, NULL);
    size_t kept = 0;
    for (size_t i = 0; i < sel->n; i++)
        if (in_range(q, &sel->series[i], &l->range))
            sel->series[kept++] = sel->series[i];
    sel->n = kept;
}

static void answer_names(struct listing *l, struct sg_querier *q, struct sg_selection *sel)
{
    struct texts t;
    texts_init(&t);
    every_series(l, q, sel);
    if (!l->selectors.n && !l->range.given)
        sg_store_label_names(l->api->cfg.store, texts_add, &t);
    for (size_t i = 0; i < sel->n; i++) {
        const struct sg_labels *labels = sel->series[i].labels;
        for (uint32_t k = 0; k < labels->count; k++)
            texts_add(&t, sg_labels_at(labels, k).name);
        if (t.n > COMPACT_AT + 2 * t.distinct)
            texts_compact(&t);
    }
    close_querier(q);
    answer_texts(l->api, l->x, &t, l->limit);
    texts_deinit(&t);
}

void sg__api_labels(void *ctx, struct sg_net_exchange *x)
{
    list(ctx, x, answer_names);
}

/* ---- label values ---- */

/* "U__a_2e_b" stands for "a.b": names with other than word characters, as they come in a path.
 * `dst` holds text.n bytes. Text that is not of that form stays as it is. */
static struct sg_str unescape(struct sg_str text, char *dst)
{
    size_t n = 0;
    if (!sg_str_starts_with(text, SG_STR("U__")))
        return text;
    for (size_t i = 3; i < text.n; i++) {
        if (text.p[i] != '_') {
            dst[n++] = text.p[i];
            continue;
        }
        if (i + 1 < text.n && text.p[i + 1] == '_') {
            dst[n++] = '_';
            i++;
            continue;
        }
        unsigned code = 0;
        size_t k = i + 1;
        for (; k < text.n && k - i <= 6 && sg_hex_digit(text.p[k]) >= 0; k++)
            code = code * 16 + (unsigned)sg_hex_digit(text.p[k]);
        if (k == i + 1 || k >= text.n || text.p[k] != '_' || code > 0x10ffff)
            return text;
        n += sg_utf8_put(dst + n, code); /* never longer than its escape */
        i = k;
    }
    return sg_str_make(dst, n);
}

static void collect_values(struct listing *l, struct sg_querier *q, struct sg_selection *sel,
                           struct sg_str name)
{
    struct texts t;
    texts_init(&t);
    every_series(l, q, sel);
    if (!l->selectors.n && !l->range.given)
        sg_store_label_values(l->api->cfg.store, name, texts_add, &t);
    for (size_t i = 0; i < sel->n; i++) {
        struct sg_str value = sg_labels_get(sel->series[i].labels, name);
        bool again = t.n && value.p && value.n == t.items[t.n - 1].n &&
                     memcmp(t.bytes.data + t.bytes.len - value.n, value.p, value.n) == 0;
        if (value.p && !again)
            texts_add(&t, value);
    }
    close_querier(q);
    answer_texts(l->api, l->x, &t, l->limit);
    texts_deinit(&t);
}

static void answer_values(struct listing *l, struct sg_querier *q, struct sg_selection *sel)
{
    struct sg_str tail = l->x->tail;
    size_t n = tail.n < 7 ? 0 : tail.n - 7;
    if (!n || memcmp(tail.p + n, "/values", 7) != 0) {
        sg__api_error(l->x, SG__NOT_FOUND, "no such path, expected /api/v1/label/NAME/values");
        return;
    }
    char *dst = sg_alloc(n);
    struct sg_str name = unescape(sg_str_make(tail.p, n), dst);
    if (sg_utf8_valid(name.p, name.n))
        collect_values(l, q, sel, name);
    else
        sg__api_error(l->x, SG__BAD_DATA, "invalid label name: not UTF-8");
    sg_free(dst);
}

void sg__api_label_values(void *ctx, struct sg_net_exchange *x)
{
    list(ctx, x, answer_values);
}
