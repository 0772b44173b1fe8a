/* querier.c - the store as a querier, and its listings; any thread. */
#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

#include "impl.h"

enum { MEMO_SIZE = 1024 };

/* What a regex said about label values lately: many series share few values. */
struct memo {
    struct sg_str value[MEMO_SIZE]; /* p NULL: unused; the bytes are those of pinned labels */
    bool matches[MEMO_SIZE];
};

struct selecting {
    struct sg_store *store;
    const struct sg_matcher *const *matchers;
    struct memo **memos; /* one per matcher, made on first use */
    size_t n;
    const struct sg_matcher *skip; /* holds already for all candidates */
    const struct sg_querier *q;
    size_t max_series;
    bool too_many;
    int stopped; /* what q->stop said */
    struct sg_selection *ret;
};

static bool go_on(void *ctx)
{
    struct selecting *sel = ctx;
    if (sel->q->stop && sel->stopped == 0)
        sel->stopped = sel->q->stop(sel->q->stop_ctx);
    return sel->stopped == 0;
}

static bool match_regex(struct selecting *sel, size_t i, struct sg_str value)
{
    if (!sel->memos[i])
        sel->memos[i] = sg_calloc(1, sizeof(**sel->memos));
    struct memo *memo = sel->memos[i];
    size_t at = sg_hash64(value.p, value.n) % MEMO_SIZE;
    if (!memo->value[at].p || !sg_str_eq(memo->value[at], value)) {
        if (!go_on(sel))
            return false;
        memo->value[at] = value;
        memo->matches[at] = sg_matcher_matches(sel->matchers[i], value);
    }
    return memo->matches[at];
}

static bool matches_all(struct selecting *sel, const struct sg_labels *labels)
{
    for (size_t i = 0; i < sel->n; i++) {
        const struct sg_matcher *m = sel->matchers[i];
        if (m == sel->skip)
            continue;
        struct sg_str value = sg_labels_get(labels, m->name);
        if (!value.p)
            value = SG_STR("");
        bool hit = m->regex ? match_regex(sel, i, value) : sg_matcher_matches(m, value);
        if (!hit)
            return false;
    }
    return true;
}

static bool consider(void *ctx, uint32_t id)
{
    struct selecting *sel = ctx;
    const struct sg__slot *slot = sg__slot_at(sel->store, id);
    if (sg__slot_state(slot) != SG__LIVE || !matches_all(sel, slot->labels))
        return sel->stopped == 0;
    if (sel->max_series && sel->ret->n >= sel->max_series) {
        sel->too_many = true;
        return false;
    }
    sg_selection_add(sel->ret, (struct sg_selected){id, slot->labels, slot});
    return true;
}

static int select_series(struct sg_querier *q, const struct sg_matcher *const *matchers, size_t n,
                         struct sg_selection *ret, struct sg_error *reterr)
{
    struct sg_store *s = q->ctx;
    struct selecting sel = {.store = s, .matchers = matchers, .n = n, .q = q, .ret = ret};
    uint64_t given_up = sg_matchers_errors(matchers, n);
    sel.max_series = q->max_series ? ret->n + q->max_series : 0;
    sel.memos = sg_calloc(n + 1, sizeof(struct memo *));
    struct sg__source source = sg__index_plan(&s->index, matchers, n);
    if (!source.everything) {
        sel.skip = source.by;
        sg__index_candidates(&s->index, source.by, &(struct sg__walk){consider, go_on, &sel});
    } else {
        uint32_t ids = atomic_load_explicit(&s->n_ids, memory_order_acquire);
        for (uint32_t id = 0; id < ids && consider(&sel, id); id++)
            continue;
    }
    for (size_t i = 0; i < n; i++)
        sg_free(sel.memos[i]);
    sg_free(sel.memos);
    if (sel.stopped < 0)
        return sel.stopped;
    if (sg_matchers_errors(matchers, n) != given_up)
        return sg_error_set(reterr, SG_ELIMIT,
                            "a regular expression of the selector costs too much on some label's "
                            "value");
    if (sel.too_many)
        return sg_error_set(reterr, SG_ELIMIT, "selector matches more than %zu series (max_series)",
                            q->max_series);
    return 0;
}

static void read_series(struct sg_querier *q, const void *handle, int64_t after_ms,
                        int64_t until_ms, struct sg_samples *ret)
{
    (void)q;
    sg__series_read(handle, after_ms, until_ms, ret);
}

static bool last_sample(struct sg_querier *q, const void *handle, int64_t after_ms,
                        int64_t until_ms, struct sg_sample *ret)
{
    (void)q;
    return sg__series_last(handle, after_ms, until_ms, ret);
}

static uint64_t generation(struct sg_querier *q)
{
    struct sg_store *s = q->ctx;
    return atomic_load_explicit(&s->generation, memory_order_acquire);
}

static void close_querier(struct sg_querier *q)
{
    struct sg_store *s = q->ctx;
    sg__epoch_leave(&s->keeper.epoch, (int)q->slot);
    *q = (struct sg_querier){0};
}

static const struct sg_querier_ops store_ops = {
    .select = select_series,
    .read = read_series,
    .last = last_sample,
    .generation = generation,
    .close = close_querier,
};

/* The gate's `known`: a series with exactly these labels, looked up as any selector would. */
bool sg__store_knows(const struct sg_ingest_gate *gate, const struct sg_labels *labels)
{
    struct sg_store *s = SG_CONTAINER_OF(gate, struct sg_store, gate);
    struct sg_matcher *matchers = sg_calloc((size_t)labels->count + 1, sizeof(*matchers));
    const struct sg_matcher **list = sg_calloc((size_t)labels->count + 1, sizeof(*list));
    struct sg_selection found;
    struct sg_querier q;
    bool known = false;
    sg_selection_init(&found);
    int rc = 0;
    for (uint32_t i = 0; i < labels->count && rc == 0; i++) {
        struct sg_label l = sg_labels_at(labels, i);
        rc = sg_matcher_init(&matchers[i], SG_MATCH_EQ, l.name, l.value, NULL);
        list[i] = &matchers[i];
    }
    if (rc == 0 && sg_store_querier_open(s, &q) == 0) {
        (void)select_series(&q, list, labels->count, &found, NULL);
        for (size_t i = 0; i < found.n && !known; i++)
            known = sg_labels_eq(found.series[i].labels, labels);
        close_querier(&q);
    }
    sg_selection_deinit(&found);
    for (uint32_t i = 0; i < labels->count; i++)
        sg_matcher_deinit(&matchers[i]);
    sg_free(list);
    sg_free(matchers);
    return known;
}

int sg_store_querier_open(struct sg_store *s, struct sg_querier *ret)
{
    int slot = sg__epoch_enter(&s->keeper.epoch, 0, SG__EPOCH_QUERIERS);
    if (slot < 0)
        return SG_EBUSY;
    *ret = (struct sg_querier){.ops = &store_ops, .ctx = s, .slot = (uint64_t)slot};
    return 0;
}

/* ---- listings ---- */

/* The few slots kept for listings are held for moments only, so waiting for one ends. */
static int enter_listing(struct sg_store *s)
{
    int slot;
    do
        slot = sg__epoch_enter(&s->keeper.epoch, SG__EPOCH_QUERIERS, SG__EPOCH_SLOTS);
    while (slot < 0);
    return slot;
}

void sg_store_label_names(struct sg_store *s, void (*each)(void *ctx, struct sg_str name),
                          void *ctx)
{
    int slot = enter_listing(s);
    sg__index_each_name(&s->index, each, ctx);
    sg__epoch_leave(&s->keeper.epoch, slot);
}

void sg_store_label_values(struct sg_store *s, struct sg_str name,
                           void (*each)(void *ctx, struct sg_str value), void *ctx)
{
    int slot = enter_listing(s);
    sg__index_each_value(&s->index, name, each, ctx);
    sg__epoch_leave(&s->keeper.epoch, slot);
}

uint32_t sg_store_count(struct sg_store *s, struct sg_str name, struct sg_str value)
{
    int slot = enter_listing(s);
    uint32_t n = sg__index_count(&s->index, name, value);
    sg__epoch_leave(&s->keeper.epoch, slot);
    return n;
}

void sg_store_metadata_each(struct sg_store *s,
                            void (*each)(void *ctx, const struct sg_metadata *m), void *ctx)
{
    int slot = enter_listing(s);
    for (size_t i = 0; i < SG__META_BUCKETS; i++) {
        const struct sg__meta *m = atomic_load_explicit(&s->meta[i], memory_order_acquire);
        for (; m; m = atomic_load_explicit(&m->next, memory_order_acquire))
            each(ctx, &m->m);
    }
    sg__epoch_leave(&s->keeper.epoch, slot);
}

void sg_store_exemplars_each(struct sg_store *s,
                             void (*each)(void *ctx, const struct sg_exemplar *e), void *ctx)
{
    int slot = enter_listing(s);
    sg__store_exemplars_each(s, each, ctx);
    sg__epoch_leave(&s->keeper.epoch, slot);
}
