/* index.c - see index.h. */
#include "index.h"

#include <streamgauge/mem.h>

enum { NAMES_MIN = 16, VALUES_MIN = 4 };

void sg__index_init(struct sg__index *x, struct sg__epoch *epoch, struct sg_store_stats *stats)
{
    *x = (struct sg__index){.epoch = epoch, .stats = stats};
    atomic_init(&x->names, sg__terms_new(NAMES_MIN));
}

static struct sg__terms *names_of(const struct sg__index *x)
{
    return atomic_load_explicit(&x->names, memory_order_acquire);
}

static struct sg__terms *values_of(const struct sg__term *name)
{
    return atomic_load_explicit(&name->values, memory_order_acquire);
}

static struct sg__ids *ids_of(const struct sg__term *value)
{
    return atomic_load_explicit(&value->ids, memory_order_acquire);
}

static uint32_t ids_count(const struct sg__ids *ids)
{
    return atomic_load_explicit(&ids->n, memory_order_acquire);
}

static void free_values(struct sg__terms *values)
{
    for (uint32_t i = 0; i <= values->mask; i++) {
        struct sg__term *value = sg__terms_at(values, i);
        if (!value)
            continue;
        if (ids_of(value) != sg__term_one(value))
            sg_free(ids_of(value));
        sg_free(value);
    }
    sg_free(values);
}

void sg__index_deinit(struct sg__index *x)
{
    struct sg__terms *names = names_of(x);
    for (uint32_t i = 0; names && i <= names->mask; i++) {
        struct sg__term *name = sg__terms_at(names, i);
        if (!name)
            continue;
        free_values(values_of(name));
        sg_free(name);
    }
    sg_free(names);
    atomic_store_explicit(&x->names, NULL, memory_order_relaxed);
}

static void account(struct sg__index *x, int64_t growth)
{
    sg__stat_add(&x->stats->bytes, (uint64_t)growth);
}

static size_t ids_size(uint32_t cap)
{
    return sizeof(struct sg__ids) + cap * sizeof(uint32_t);
}

/* ---- adding ---- */

static struct sg__ids *ids_new(uint32_t cap)
{
    struct sg__ids *ids = sg_alloc(ids_size(cap));
    atomic_init(&ids->n, 0);
    ids->cap = cap;
    return ids;
}

/* Puts another list in the place of a value's; the old one is retired unless it lies in the term.
 */
static void ids_replace(struct sg__index *x, struct sg__term *value, struct sg__ids *ids)
{
    struct sg__ids *before = ids_of(value);
    atomic_store_explicit(&value->ids, ids, memory_order_release);
    account(x, (int64_t)ids_size(ids->cap));
    if (before != sg__term_one(value)) {
        account(x, -(int64_t)ids_size(before->cap));
        sg__epoch_retire(x->epoch, before, sg_free);
    }
}

static void ids_append(struct sg__index *x, struct sg__term *value, uint32_t id)
{
    struct sg__ids *ids = ids_of(value);
    uint32_t n = ids_count(ids);
    if (n == ids->cap) {
        struct sg__ids *more = ids_new(n < 4 ? 4 : n < 1024 ? n * 2 : n + n / 2);
        memcpy(more->id, ids->id, n * sizeof(uint32_t));
        more->id[n] = id;
        atomic_store_explicit(&more->n, n + 1, memory_order_relaxed);
        ids_replace(x, value, more);
        return;
    }
    ids->id[n] = id;
    atomic_store_explicit(&ids->n, n + 1, memory_order_release);
}

static struct sg__term *name_term(struct sg__index *x, struct sg_str text)
{
    uint32_t hash = sg__term_hash(text);
    struct sg__term *name = sg__terms_find(names_of(x), text, hash);
    if (name)
        return name;
    name = sg__term_new(text, hash);
    atomic_init(&name->values, sg__terms_new(VALUES_MIN));
    account(x, (int64_t)sg__terms_size(values_of(name)));
    account(x, sg__terms_add(&x->names, name, x->epoch));
    return name;
}

static void add_label(struct sg__index *x, struct sg_label label, uint32_t id)
{
    struct sg__term *name = name_term(x, label.name);
    uint32_t hash = sg__term_hash(label.value);
    struct sg__term *value = sg__terms_find(values_of(name), label.value, hash);
    if (value) {
        ids_append(x, value, id);
    } else {
        value = sg__term_new(label.value, hash);
        struct sg__ids *one = sg__term_one(value);
        one->id[0] = id;
        atomic_init(&one->n, 1);
        atomic_init(&value->ids, one);
        account(x, sg__terms_add(&name->values, value, x->epoch));
    }
    uint32_t series = atomic_load_explicit(&name->series, memory_order_relaxed);
    atomic_store_explicit(&name->series, series + 1, memory_order_relaxed);
}

void sg__index_add(struct sg__index *x, uint32_t id, const struct sg_labels *labels)
{
    for (uint32_t i = 0; i < labels->count; i++)
        add_label(x, sg_labels_at(labels, i), id);
}

/* ---- removing ---- */

struct touched {
    struct sg__term *name, *value;
};

/* The list without its dead ids. */
static struct sg__ids *ids_without(const struct sg__ids *ids, uint32_t dead,
                                   const struct sg__removal *removal)
{
    uint32_t n = ids_count(ids), kept = 0;
    struct sg__ids *live = ids_new(n - dead + (n - dead) / 4 + 1);
    for (uint32_t i = 0; i < n; i++) {
        if (!removal->is_dead(removal->ctx, ids->id[i]))
            live->id[kept++] = ids->id[i];
    }
    SG_ASSERT(kept == n - dead);
    atomic_store_explicit(&live->n, kept, memory_order_relaxed);
    return live;
}

static void remove_name(struct sg__index *x, struct sg__term *name)
{
    struct sg__terms *values = values_of(name);
    account(x, -(int64_t)sg__terms_size(values) - (int64_t)sg__term_size(name));
    sg__terms_remove(names_of(x), name, x->epoch);
    sg__epoch_retire(x->epoch, values, sg_free);
}

static void remove_value(struct sg__index *x, struct touched t)
{
    struct sg__ids *ids = ids_of(t.value);
    account(x, -(int64_t)sg__term_size(t.value));
    if (ids != sg__term_one(t.value)) {
        account(x, -(int64_t)ids_size(ids->cap));
        sg__epoch_retire(x->epoch, ids, sg_free);
    }
    struct sg__terms *values = values_of(t.name);
    sg__terms_remove(values, t.value, x->epoch);
    if (values->used == values->gone)
        remove_name(x, t.name);
}

/* Counts the dead of every value they have, and lists each such value once. */
static struct touched *count_dead(struct sg__index *x, const struct sg__removal *removal,
                                  size_t *ret_n)
{
    struct touched *list = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < removal->n; i++) {
        const struct sg_labels *labels = removal->labels[i];
        for (uint32_t k = 0; k < labels->count; k++) {
            struct sg_label label = sg_labels_at(labels, k);
            struct sg__term *name =
                sg__terms_find(names_of(x), label.name, sg__term_hash(label.name));
            SG_ASSERT(name);
            struct sg__term *value =
                sg__terms_find(values_of(name), label.value, sg__term_hash(label.value));
            SG_ASSERT(value);
            uint32_t series = atomic_load_explicit(&name->series, memory_order_relaxed);
            atomic_store_explicit(&name->series, series - 1, memory_order_relaxed);
            if (value->dead++)
                continue;
            list = sg_grow(list, &cap, n + 1, sizeof(*list));
            list[n++] = (struct touched){name, value};
        }
    }
    *ret_n = n;
    return list;
}

void sg__index_remove(struct sg__index *x, const struct sg__removal *removal)
{
    size_t n = 0;
    struct touched *list = count_dead(x, removal, &n);
    for (size_t i = 0; i < n; i++) {
        struct sg__term *value = list[i].value;
        struct sg__ids *ids = ids_of(value);
        if (value->dead == ids_count(ids)) {
            remove_value(x, list[i]);
        } else {
            ids_replace(x, value, ids_without(ids, value->dead, removal));
            value->dead = 0;
        }
    }
    sg_free(list);
}

/* ---- reading ---- */

static const struct sg__term *find_name(const struct sg__index *x, struct sg_str name)
{
    return sg__terms_find(names_of(x), name, sg__term_hash(name));
}

static const struct sg__ids *find_ids(const struct sg__term *name, struct sg_str value)
{
    const struct sg__term *term = sg__terms_find(values_of(name), value, sg__term_hash(value));
    return term ? ids_of(term) : NULL;
}

uint32_t sg__index_count(const struct sg__index *x, struct sg_str name, struct sg_str value)
{
    const struct sg__term *term = find_name(x, name);
    const struct sg__ids *ids = term ? find_ids(term, value) : NULL;
    return ids ? ids_count(ids) : 0;
}

static void each_term(const struct sg__terms *t, void (*each)(void *ctx, struct sg_str text),
                      void *ctx)
{
    for (uint32_t i = 0; i <= t->mask; i++) {
        const struct sg__term *term = sg__terms_at(t, i);
        if (term)
            each(ctx, sg__term_text(term));
    }
}

void sg__index_each_name(const struct sg__index *x, void (*each)(void *ctx, struct sg_str text),
                         void *ctx)
{
    each_term(names_of(x), each, ctx);
}

void sg__index_each_value(const struct sg__index *x, struct sg_str name,
                          void (*each)(void *ctx, struct sg_str text), void *ctx)
{
    const struct sg__term *term = find_name(x, name);
    if (term)
        each_term(values_of(term), each, ctx);
}

/* The literals of a regex that is a list of them; else NULL. */
static const struct sg_str *literals_of(const struct sg_matcher *m, size_t *ret_n)
{
    const struct sg_str *literals = NULL;
    *ret_n = 0;
    if (m->type == SG_MATCH_RE && sg_regex_shape(m->regex) == SG_REGEX_LITERALS)
        *ret_n = sg_regex_literals(m->regex, &literals);
    return *ret_n ? literals : NULL;
}

/* Work a matcher's candidates make: ids to look at, and values to try. */
static uint64_t cost_of(const struct sg__index *x, const struct sg_matcher *m)
{
    const struct sg__term *name = find_name(x, m->name);
    if (!name)
        return 0;
    if (m->type == SG_MATCH_EQ) {
        const struct sg__ids *ids = find_ids(name, m->value);
        return ids ? ids_count(ids) : 0;
    }
    size_t n;
    const struct sg_str *literals = literals_of(m, &n);
    if (!literals)
        return (uint64_t)atomic_load_explicit(&name->series, memory_order_relaxed) +
               4 * (uint64_t)atomic_load_explicit(&values_of(name)->live, memory_order_relaxed);
    uint64_t cost = n;
    for (size_t i = 0; i < n; i++) {
        const struct sg__ids *ids = find_ids(name, literals[i]);
        cost += ids ? ids_count(ids) : 0;
    }
    return cost;
}

struct sg__source sg__index_plan(const struct sg__index *x,
                                 const struct sg_matcher *const *matchers, size_t n)
{
    struct sg__source best = {.everything = true};
    uint64_t best_cost = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        if (sg_matcher_matches_empty(matchers[i]))
            continue; /* it also matches series the index does not know under that name */
        uint64_t cost = cost_of(x, matchers[i]);
        if (cost < best_cost) {
            best = (struct sg__source){.by = matchers[i]};
            best_cost = cost;
        }
    }
    return best;
}

static bool each_id(const struct sg__ids *ids, const struct sg__walk *walk)
{
    uint32_t n = ids ? ids_count(ids) : 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!walk->each(walk->ctx, ids->id[i]))
            return false;
    }
    return true;
}

static void each_matching(const struct sg__terms *values, const struct sg_matcher *by,
                          const struct sg__walk *walk)
{
    for (uint32_t i = 0; i <= values->mask; i++) {
        const struct sg__term *value = sg__terms_at(values, i);
        if (!value)
            continue;
        if (by->regex && !walk->tries(walk->ctx))
            return;
        if (sg_matcher_matches(by, sg__term_text(value)) && !each_id(ids_of(value), walk))
            return;
    }
}

void sg__index_candidates(const struct sg__index *x, const struct sg_matcher *by,
                          const struct sg__walk *walk)
{
    const struct sg__term *name = find_name(x, by->name);
    if (!name)
        return;
    size_t n;
    const struct sg_str *literals = literals_of(by, &n);
    if (by->type == SG_MATCH_EQ) {
        each_id(find_ids(name, by->value), walk);
    } else if (literals) {
        for (size_t i = 0; i < n; i++) {
            if (!each_id(find_ids(name, literals[i]), walk))
                return;
        }
    } else {
        each_matching(values_of(name), by, walk);
    }
}
