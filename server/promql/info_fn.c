/* info_fn.c - info(v, {…}): data labels of info series (target_info by default) with the same
 * instance and job.
 *
 * Which info series is the current one may change from step to step, so rows hang on values: output
 * rows are found by labels as they come, in two passes like count_values.
 */
#include "plan.h"

struct state {
    struct sg__intern set;
    struct sg__selector sel;
    struct sg_selector desc;        /* matchers of the info series */
    struct sg_matcher *name;        /* owned: when no name, or only which not, is asked for */
    const struct sg_selector *data; /* second argument, or NULL */
    uint64_t in_version, info_version;
    size_t told; /* rows that the version stands for; SIZE_MAX: there is none yet */
    uint32_t *in_group, *info_group; /* by instance and job, per row */
    size_t cap_in, cap_info;
    uint32_t *head, *next; /* info rows of each group, in order; SG__NO_ROW at the end */
    size_t cap_head, cap_next;
    uint32_t *twin; /* per info row the next one of the same name and group, round and round */
    size_t cap_twin;
    bool *plain; /* input rows that are info series themselves */
    size_t cap_plain;
    bool fixed; /* when the info series are looked at, for the running query */
    int64_t at_ms, offset_ms;
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg__intern_deinit(&st->set);
    sg__selector_deinit(&st->sel);
    sg_free(st->in_group);
    sg_free(st->info_group);
    sg_free(st->head);
    sg_free(st->next);
    sg_free(st->twin);
    sg_free(st->plain);
    if (st->name)
        sg_matcher_deinit(st->name);
}

/* Whether l is one of the series that inform, by its name. */
static bool is_info(const struct state *st, const struct sg_labels *l)
{
    for (uint32_t i = 0; i < st->desc.matcher_count; i++) {
        const struct sg_matcher *m = st->desc.matchers[i];
        if (sg_str_eq(m->name, SG_METRIC_NAME) && !sg_matcher_matches(m, sg__metric_name(l)))
            return false;
    }
    return true;
}

static void update_groups(struct sg_promql_plan *p, struct state *st, const struct sg__rows *in,
                          const struct sg__rows *info)
{
    struct sg_str identifying[] = {SG_STR("instance"), SG_STR("job")};
    const struct sg_matching m = {.on = true, .labels = identifying, .label_count = 2};
    st->in_group = sg_grow(st->in_group, &st->cap_in, in->n + 1, sizeof(*st->in_group));
    st->info_group = sg_grow(st->info_group, &st->cap_info, info->n + 1, sizeof(*st->info_group));
    size_t groups = sg__match_groups(p, &m, in, st->in_group, info, st->info_group);
    st->head = sg_grow(st->head, &st->cap_head, groups + 1, sizeof(*st->head));
    st->next = sg_grow(st->next, &st->cap_next, info->n + 1, sizeof(*st->next));
    for (size_t g = 0; g < groups; g++)
        st->head[g] = SG__NO_ROW;
    for (size_t i = info->n; i-- > 0;) {
        st->next[i] = st->head[st->info_group[i]];
        st->head[st->info_group[i]] = (uint32_t)i;
    }
}

static void update_twins(struct sg_promql_plan *p, struct state *st, const struct sg__rows *info)
{
    struct sg_str identity[] = {SG_METRIC_NAME, SG_STR("instance"), SG_STR("job")};
    const struct sg_matching m = {.on = true, .labels = identity, .label_count = 3};
    const struct sg__rows none = {0};
    uint32_t *group = sg_alloc((info->n + 1) * sizeof(*group)), no_group;
    size_t groups = sg__match_groups(p, &m, info, group, &none, &no_group);
    uint32_t *last = sg_alloc((groups + 1) * sizeof(*last));
    st->twin = sg_grow(st->twin, &st->cap_twin, info->n + 1, sizeof(*st->twin));
    for (size_t g = 0; g < groups; g++)
        last[g] = SG__NO_ROW;
    for (uint32_t i = 0; i < info->n; i++) {
        uint32_t *before = &last[group[i]];
        st->twin[i] = *before == SG__NO_ROW ? i : st->twin[*before];
        if (*before != SG__NO_ROW)
            st->twin[*before] = i;
        *before = i;
    }
    sg_free(last);
    sg_free(group);
}

static void update(struct sg_promql_plan *p, struct sg__node *n)
{
    struct state *st = n->state;
    const struct sg__rows *in = n->child[0]->rows, *info = &st->sel.rows;
    if (st->in_version == in->version && st->info_version == info->version && st->set.slot)
        return;
    st->in_version = in->version;
    st->info_version = info->version;
    update_groups(p, st, in, info);
    update_twins(p, st, info);
    st->plain = sg_grow(st->plain, &st->cap_plain, in->n + 1, sizeof(*st->plain));
    for (size_t i = 0; i < in->n; i++)
        st->plain[i] = is_info(st, in->labels[i]);
    sg__rows_clear(&n->own_rows);
    sg__intern_deinit(&st->set);
    sg__intern_init(&st->set, in->n);
    st->set.by_drop = true;
    st->told = SIZE_MAX;
}

/* ---- which info series are there ---- */

/* The time of the first selector in e holds for the info series too: its own @ and offset, and
 * those of subqueries around it as long as no @ has fixed it. Returns 1 when there is one. */
static int find_time(struct sg_promql_plan *p, struct state *st, const struct sg_expr *e)
{
    const struct sg_asof *asof = NULL;
    const struct sg_expr *child;
    int found = 0;
    if (e->kind == SG_EXPR_SELECTOR || e->kind == SG_EXPR_RANGE_SELECTOR) {
        found = 1;
        asof = &e->u.selector.asof;
    }
    for (uint32_t i = 0; !found && (child = sg_expr_child(e, i)) != NULL; i++)
        found = find_time(p, st, child);
    if (found > 0 && e->kind == SG_EXPR_SUBQUERY && !st->fixed)
        asof = &e->u.subquery.asof;
    if (!asof)
        return found;
    int64_t offset_ms;
    int rc = sg__asof_resolve(p, asof, &st->fixed, &st->at_ms, &offset_ms);
    if (rc < 0)
        return rc;
    st->offset_ms += offset_ms;
    return 1;
}

struct present {
    int64_t *time_ms; /* per info row and step: the sample's time, or INT64_MIN */
    size_t k;
};

static int64_t info_time(const struct state *st, const struct sg__span *s, size_t step)
{
    return (st->fixed ? st->at_ms : sg__time(s, step)) - st->offset_ms;
}

static int read_info(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s,
                     struct present *ret)
{
    struct state *st = n->state;
    size_t rows = st->sel.rows.n;
    int64_t first = info_time(st, s, 0), last = info_time(st, s, s->k - 1);
    int rc = sg__charge_samples(p, n->expr, rows * s->k);
    if (rc < 0)
        return rc;
    ret->k = s->k;
    ret->time_ms = sg_alloc((rows * s->k + 1) * sizeof(*ret->time_ms));
    for (size_t i = 0; rc == 0 && i < rows; i++) {
        size_t next = 0;
        p->q->ops->read(p->q, st->sel.found.series[i].handle, first - p->opt.lookback_ms, last,
                        &p->raw);
        rc = sg__check_stop(p, s->k + p->raw.n);
        for (size_t step = 0; step < s->k; step++) {
            int64_t ts = info_time(st, s, step), *at = &ret->time_ms[i * s->k + step];
            while (next < p->raw.n && p->raw.time_ms[next] <= ts)
                next++;
            bool ok = next && p->raw.time_ms[next - 1] > ts - p->opt.lookback_ms &&
                      !sg_is_stale(p->raw.v[next - 1]);
            *at = ok ? p->raw.time_ms[next - 1] : INT64_MIN;
            if (ok && p->raw.obj && p->raw.obj[next - 1] && p->raw.kind == SG_KIND_HISTOGRAM)
                return sg__fail(p, n->expr, SG_EEXECUTION, "info sample should be float");
        }
    }
    return rc;
}

/* ---- labels ---- */

static bool wanted(const struct state *st, struct sg_str name)
{
    bool any = false;
    for (uint32_t i = 0; st->data && i < st->data->matcher_count; i++) {
        if (sg_str_eq(st->data->matchers[i]->name, SG_METRIC_NAME))
            continue;
        any = true;
        if (sg_str_eq(st->data->matchers[i]->name, name))
            return true;
    }
    return !any;
}

static int add_labels(struct sg_promql_plan *p, struct sg__node *n, size_t row,
                      const struct sg_labels *info, struct sg_labels_builder *b)
{
    struct state *st = n->state;
    const struct sg_labels *base = n->child[0]->rows->labels[row];
    for (uint32_t i = 0; i < info->count; i++) {
        struct sg_label l = sg_labels_at(info, i);
        if (sg_str_eq(l.name, SG_METRIC_NAME) || !wanted(st, l.name) ||
            sg_labels_get(base, l.name).p)
            continue;
        struct sg_str old = sg_labels_builder_get(b, l.name);
        if (old.p && !sg_str_eq(old, l.value))
            return sg__fail(p, n->expr, SG_EEXECUTION, "conflicting label: %.*s",
                            SG_STR_ARG(l.name));
        sg_labels_builder_set(b, l.name, l.value);
    }
    return 0;
}

/* Newest info row of the same name and signature as row j at this step: j itself if it is the one
 * to use. */
static int is_newest(struct sg_promql_plan *p, struct sg__node *n, const struct present *t,
                     size_t j, size_t step, bool *ret)
{
    struct state *st = n->state;
    int64_t mine = t->time_ms[j * t->k + step];
    int rc = 0;
    *ret = true;
    for (uint32_t i = st->twin[j]; rc == 0 && i != j; i = st->twin[i]) {
        int64_t other = t->time_ms[i * t->k + step];
        rc = sg__check_stop(p, 1);
        if (rc == 0 && other == mine)
            return sg__fail(p, n->expr, SG_EEXECUTION,
                            "found duplicate series for info metric %.*s",
                            SG_STR_ARG(sg__metric_name(st->sel.rows.labels[j])));
        *ret &= other < mine;
    }
    return rc;
}

static bool must_match(const struct state *st)
{
    for (uint32_t i = 0; st->data && i < st->data->matcher_count; i++)
        if (!sg_str_eq(st->data->matchers[i]->name, SG_METRIC_NAME) &&
            !st->data->matchers[i]->matches_empty)
            return true;
    return false;
}

/* Output row of one input row at one step; SG__NO_ROW: none. */
static int find_row(struct sg_promql_plan *p, struct sg__node *n, const struct present *t,
                    size_t row, size_t step, uint32_t *ret)
{
    struct state *st = n->state;
    const struct sg__rows *in = n->child[0]->rows;
    bool joined = false;
    int rc = 0;
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_load(&b, in->labels[row]);
    uint32_t j = st->plain[row] ? SG__NO_ROW : st->head[st->in_group[row]];
    for (; rc == 0 && j != SG__NO_ROW; j = st->next[j]) {
        bool newest;
        rc = sg__check_stop(p, 1);
        if (rc < 0 || t->time_ms[j * t->k + step] == INT64_MIN)
            continue;
        rc = is_newest(p, n, t, j, step, &newest);
        if (rc == 0 && newest)
            rc = add_labels(p, n, row, st->sel.rows.labels[j], &b);
        joined |= rc == 0 && newest;
    }
    *ret = SG__NO_ROW;
    if (rc == 0 && (st->plain[row] || joined || !must_match(st)))
        *ret =
            sg__intern_row_take(&st->set, &n->own_rows, sg_labels_builder_build(&b), in->drop[row]);
    sg_labels_builder_deinit(&b);
    return rc;
}

/* ---- ---- */

static int put(struct sg_promql_plan *p, struct sg__node *n, size_t from, uint32_t to, size_t step)
{
    const struct sg__cols *in = &n->child[0]->out;
    if (to == SG__NO_ROW)
        return 0;
    if (sg__has(sg__row_present(&n->own, to), step))
        return sg__fail(p, n->expr, SG_EEXECUTION,
                        "vector cannot contain metrics with the same labelset");
    sg__row_v(&n->own, to)[step] = sg__row_v(in, from)[step];
    sg__put(sg__row_present(&n->own, to), step);
    if (!in->h || !sg__row_h(in, from)[step])
        return 0;
    int rc = sg__cols_want_h(p, n);
    if (rc == 0)
        sg__row_h(&n->own, to)[step] = sg__row_h(in, from)[step];
    return rc;
}

static int fill(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s,
                const struct present *t)
{
    struct state *st = n->state;
    const struct sg__cols *in = &n->child[0]->out;
    size_t cells = 0, at = 0;
    int rc = 0;
    for (size_t i = 0; i < in->n; i++)
        for (SG__EACH(sg__row_present(in, i), s->k, step))
            cells++;
    uint32_t *to = sg_alloc((cells + 1) * sizeof(*to));
    for (size_t i = 0; rc == 0 && i < in->n; i++)
        for (size_t step = sg__next_step(sg__row_present(in, i), s->k, 0); rc == 0 && step < s->k;
             step = sg__next_step(sg__row_present(in, i), s->k, step + 1))
            rc = find_row(p, n, t, i, step, &to[at++]);
    if (rc == 0 && n->own_rows.n != st->told) {
        rc = sg__rows_settle(p, n, &st->set, to, at);
        st->told = rc == 0 ? n->own_rows.n : SIZE_MAX;
    }
    if (rc == 0)
        rc = sg__cols_reset(p, n, n->own_rows.n, s->k);
    at = 0;
    for (size_t i = 0; rc == 0 && i < in->n; i++)
        for (size_t step = sg__next_step(sg__row_present(in, i), s->k, 0); rc == 0 && step < s->k;
             step = sg__next_step(sg__row_present(in, i), s->k, step + 1))
            rc = put(p, n, i, to[at++], step);
    sg_free(to);
    return rc;
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    struct present t = {0};
    int rc = sg__compute(p, n->child[0], s);
    if (rc == 0)
        rc = sg__selector_update(p, &st->sel, n->expr);
    st->fixed = false;
    st->offset_ms = 0;
    if (rc == 0)
        rc = find_time(p, st, n->expr->u.call.args[0]);
    if (rc < 0)
        return rc;
    update(p, n);
    rc = read_info(p, n, s, &t);
    if (rc == 0)
        rc = fill(p, n, s, &t);
    sg_free(t.time_ms);
    return rc;
}

static const struct sg__op op_info = {"info", compute, deinit};

struct sg__node *sg__info_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    const struct sg_call *call = &e->u.call;
    struct sg__node *n = sg__node_new(p, e, &op_info, sizeof(struct state));
    if (!n)
        return NULL;
    struct state *st = n->state;
    p->single_block = true;
    st->data = call->arg_count > 1 ? &call->args[1]->u.selector : NULL;
    uint32_t count = st->data ? st->data->matcher_count : 0;
    st->desc.matchers = sg__plan_alloc(p, count + 1, sizeof(struct sg_matcher *));
    struct sg_matcher *name = sg__plan_alloc(p, 1, sizeof(*name));
    if (!st->desc.matchers || !name)
        return NULL;
    bool named = false, excluded = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct sg_matcher *m = st->data->matchers[i];
        bool positive = m->type == SG_MATCH_EQ || m->type == SG_MATCH_RE;
        if (sg_str_eq(m->name, SG_METRIC_NAME))
            *(positive ? &named : &excluded) = true;
        st->desc.matchers[st->desc.matcher_count++] = st->data->matchers[i];
    }
    if (!named) {
        int rc =
            excluded
                ? sg_matcher_init(name, SG_MATCH_RE, SG_METRIC_NAME, SG_STR(".+_info"), p->err)
                : sg_matcher_init(name, SG_MATCH_EQ, SG_METRIC_NAME, SG_STR("target_info"), p->err);
        if (rc < 0)
            return NULL;
        st->name = name;
        st->desc.matchers[st->desc.matcher_count++] = name;
    }
    sg__selector_init(&st->sel, &st->desc);
    return n;
}
