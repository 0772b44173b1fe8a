/* labels_fn.c - label_replace and label_join: values pass, labels are rewritten when rows are new.
 */
#include "plan.h"

/* Nested joins double a value; these bound what comes of it, in bytes of one value and of one node.
 */
enum { MAX_VALUE = 64 * 1024, MAX_TOTAL = 64 << 20 };

struct state {
    struct sg__map map;
    struct sg_regex *re; /* label_replace */
};

static void deinit(struct sg__node *n)
{
    struct state *st = n->state;
    sg__map_deinit(&st->map);
    sg_regex_unref(st->re);
}

static struct sg_str arg(const struct sg__node *n, uint32_t i)
{
    return n->expr->u.call.args[i]->u.string;
}

static struct sg_str value_of(const struct sg_labels *l, struct sg_str name)
{
    struct sg_str v = sg_labels_get(l, name);
    return v.p ? v : SG_STR("");
}

/* ---- $1, ${1}, $name, ${name}, $$ as Go's regexp expands them ---- */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The name after a dollar sign at p; returns how many bytes it takes, 0 when it is none. */
static size_t template_name(const char *p, size_t n, struct sg_str *ret)
{
    bool brace = n > 0 && p[0] == '{';
    size_t i = brace, start = brace;
    while (i < n && is_word(p[i]))
        i++;
    if (i == start || (brace && (i == n || p[i] != '}')))
        return 0;
    *ret = sg_str_make(p + start, i - start);
    return i + brace;
}

static struct sg_str group_value(const struct sg_regex *re, struct sg_str name,
                                 const struct sg_str *groups, int n_groups)
{
    long index = name.n > 1 && name.p[0] == '0' ? -1 : 0; /* 01 is no number */
    for (size_t i = 0; i < name.n && index >= 0 && index < 100000; i++)
        index = name.p[i] >= '0' && name.p[i] <= '9' ? index * 10 + (name.p[i] - '0') : -1;
    if (index < 0)
        index = sg_regex_group_index(re, name);
    if (index < 0 || index >= n_groups || !groups[index].p)
        return SG_STR("");
    return groups[index];
}

static void expand(const struct sg_regex *re, struct sg_str template, const struct sg_str *groups,
                   int n_groups, struct sg_buf *out)
{
    for (size_t i = 0; i < template.n; i++) {
        struct sg_str name;
        if (template.p[i] != '$' || i + 1 == template.n) {
            sg_buf_putc(out, template.p[i]);
            continue;
        }
        if (template.p[i + 1] == '$') {
            sg_buf_putc(out, '$');
            i++;
            continue;
        }
        size_t used = template_name(template.p + i + 1, template.n - i - 1, &name);
        if (used)
            sg_buf_put_str(out, group_value(re, name, groups, n_groups));
        else
            sg_buf_putc(out, '$');
        i += used;
    }
}

/* ---- new values ---- */

struct rewriting {
    struct sg__intern set;
    struct sg_labels_builder b;
    struct sg_buf value;
    size_t total;
};

/* 1: the new value is in `out`; 0: the row stays as it is; or an error. */
static int replace(struct sg_promql_plan *p, const struct sg__node *n, const struct sg_labels *l,
                   struct sg_buf *out)
{
    const struct state *st = n->state;
    struct sg_str groups[SG_REGEX_MAX_GROUPS];
    int rc = sg__stop_now(p); /* each row may take long */
    if (rc < 0)
        return rc;
    int count = sg_regex_capture(st->re, value_of(l, arg(n, 3)), groups, SG_REGEX_MAX_GROUPS);
    if (count < 0)
        return sg__fail(p, n->expr->u.call.args[4], SG_ELIMIT,
                        "the regular expression costs too much on some label's value");
    if (count == 0)
        return 0;
    expand(st->re, arg(n, 2), groups, count, out);
    return 1;
}

static int join(const struct sg__node *n, const struct sg_labels *l, struct sg_buf *out)
{
    for (uint32_t i = 3; i < n->expr->u.call.arg_count; i++) {
        if (i > 3)
            sg_buf_put_str(out, arg(n, 2));
        sg_buf_put_str(out, value_of(l, arg(n, i)));
    }
    return 1;
}

static int rewrite(struct sg_promql_plan *p, struct sg__node *n, size_t i, struct rewriting *w)
{
    struct state *st = n->state;
    const struct sg__rows *in = n->child[0]->rows;
    const struct sg_labels *l = in->labels[i];
    bool drop = in->drop[i];
    sg_buf_reset(&w->value);
    int rc = st->re ? replace(p, n, l, &w->value) : join(n, l, &w->value);
    if (rc < 0)
        return rc;
    if (rc) {
        sg_labels_builder_load(&w->b, l);
        sg_labels_builder_set(&w->b, arg(n, 1), sg_buf_str(&w->value));
        l = sg_labels_builder_build(&w->b);
        w->total += sg_labels_size(l);
        drop &= !sg_str_eq(arg(n, 1), SG_METRIC_NAME);
    } else {
        sg_labels_ref(l);
    }
    st->map.to[i] = sg__intern_row_take(&w->set, &n->own_rows, l, drop);
    if (!w->value.failed && w->total < MAX_TOTAL)
        return 0;
    return sg__fail(p, n->expr, SG_ELIMIT,
                    "a label value is longer than %d bytes, or all together than %d",
                    (int)MAX_VALUE, (int)MAX_TOTAL);
}

static int update(struct sg_promql_plan *p, struct sg__node *n)
{
    struct state *st = n->state;
    const struct sg__rows *in = n->child[0]->rows;
    struct rewriting w = {.total = 0};
    int rc = 0;
    if (st->map.version == in->version && in->version)
        return 0;
    st->map.version = in->version;
    sg__intern_init(&w.set, in->n);
    w.set.by_drop = true;
    sg_labels_builder_init(&w.b);
    sg_buf_init(&w.value, MAX_VALUE);
    sg__map_begin(&st->map, in->n);
    sg__rows_clear(&n->own_rows);
    for (size_t i = 0; i < in->n && rc == 0; i++)
        rc = rewrite(p, n, i, &w);
    st->map.identity = n->own_rows.n == in->n;
    sg__intern_deinit(&w.set);
    sg_labels_builder_deinit(&w.b);
    sg_buf_deinit(&w.value);
    if (rc < 0) {
        st->map.version = 0;
        return rc;
    }
    return sg__rows_done(p, n);
}

static int copy_row(struct sg_promql_plan *p, struct sg__node *n, size_t i, size_t k)
{
    struct state *st = n->state;
    const struct sg__cols *in = &n->child[0]->out;
    const struct sg_histogram *const *h = sg__row_h(in, i);
    struct sg__target t;
    sg__map_target(n, &st->map, i, &t);
    for (SG__EACH(sg__row_present(in, i), k, s)) {
        t.v[s] = sg__row_v(in, i)[s];
        sg__put(t.present, s);
        if (!h || !h[s])
            continue;
        int rc = sg__map_target_h(p, n, &t);
        if (rc < 0)
            return rc;
        t.h[s] = h[s];
    }
    return sg__map_commit(p, n, &t);
}

static int compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct state *st = n->state;
    struct sg__node *c = n->child[0];
    int rc = sg__compute(p, c, s);
    if (rc == 0)
        rc = update(p, n);
    if (rc < 0)
        return rc;
    if (st->map.identity) { /* only labels differ */
        n->out = c->out;
        n->order = c->order;
        n->n_order = c->n_order;
        return 0;
    }
    rc = sg__map_start(p, n, &st->map, s, s->k);
    for (size_t i = 0; rc == 0 && i < c->out.n; i++)
        rc = copy_row(p, n, i, s->k);
    return rc;
}

static const struct sg__op op_labels = {"label function", compute, deinit};

static bool check_name(struct sg_promql_plan *p, const struct sg_expr *call, uint32_t i,
                       const char *what)
{
    const struct sg_expr *e = call->u.call.args[i];
    if (e->u.string.n && sg_utf8_valid(e->u.string.p, e->u.string.n))
        return true;
    sg__fail(p, e, SG_EEXECUTION, "invalid %s label name in %s(): %.*s", what,
             call->u.call.fn->name, SG_STR_ARG(e->u.string));
    return false;
}

struct sg__node *sg__label_node(struct sg_promql_plan *p, const struct sg_expr *e)
{
    const struct sg_call *call = &e->u.call;
    bool replaces = call->fn->id == SG_FN_LABEL_REPLACE;
    struct sg__node *n = sg__node_new(p, e, &op_labels, sizeof(struct state));
    if (!n)
        return NULL;
    struct state *st = n->state;
    if (replaces) {
        struct sg_str pattern = call->args[4]->u.string;
        if (sg_regex_new(pattern, &st->re, NULL) < 0) {
            sg__fail(p, call->args[4], SG_EEXECUTION,
                     "invalid regular expression in label_replace(): %.*s", SG_STR_ARG(pattern));
            return NULL;
        }
    }
    for (uint32_t i = 3; !replaces && i < call->arg_count; i++)
        if (!check_name(p, e, i, "source"))
            return NULL;
    return check_name(p, e, 1, "destination") ? n : NULL;
}
