/* graph.c - equal subtrees of many expressions are one node, computed once per instant.
 *
 * One plan serves the whole graph as the context of building and evaluating. What it would own,
 * arena and nodes, is kept per unit instead: a unit is one distinct subexpression with all the
 * nodes made for it, and goes with its last user. While a unit is built, the plan's arena and node
 * list are the unit's. Subqueries evaluate their insides at steps of their own, so these are no
 * units, but belong to the unit of the call around them.
 *
 * Errors carry places in a text. A node may have been made for the text of another root, so the
 * place is looked up anew in the tree of the root that is being evaluated.
 */
#include <streamgauge/hashtab.h>

#include "plan.h"

/* A query that nodes still point into. */
struct text {
    struct sg_promql *query;
    uint32_t refs;
};

struct sg__unit {
    struct sg_hashlink link; /* first: in the graph's units, by its expression */
    bool linked;             /* not while it is being built */
    const struct sg_expr *expr;
    struct text *text;
    struct sg__node *node;
    bool invariant;
    uint32_t refs; /* parents and roots */
    struct sg_arena arena;
    struct sg__node **nodes;
    size_t n_nodes, cap_nodes;
    struct sg__unit **needs; /* a reference for each entry */
    size_t n_needs, cap_needs;
    size_t bytes;     /* as counted last, in the graph's */
    uint64_t counted; /* what tells whether that still holds */
    /* the last computation */
    uint64_t session; /* 0: none */
    int64_t at_ms;
    int rc;
    struct sg_error *err; /* NULL, or memory that stays */
    const struct sg_expr *failed_at;
    uint64_t visit; /* last walk that came by */
};

struct sg_promql_graph {
    struct sg_promql_plan plan;
    struct sg_promql_leaves leaves;
    struct sg_hashtab units;
    struct sg__unit *building; /* whose children are being built */
    struct text *text;         /* of the root being added */
    uint64_t session, visit;
    uint64_t max_bytes; /* 0: no limit */
    struct sg_promql_graph_stats stats;
};

struct sg_promql_root {
    struct sg_promql_graph *graph;
    struct text *text;
    struct sg__unit *unit;
    uint64_t samples;
    struct sg__final final;
};

/* ---- units ---- */

static void text_unref(struct text *t)
{
    if (--t->refs)
        return;
    sg_promql_free(t->query);
    sg_free(t);
}

static struct sg__unit *find(const struct sg_promql_graph *g, uint64_t hash,
                             const struct sg_expr *e)
{
    struct sg_hashlink *l = sg_hashtab_first(&g->units, hash);
    while (l && !sg_expr_equal(((struct sg__unit *)l)->expr, e))
        l = sg_hashtab_next(l);
    return (struct sg__unit *)l;
}

/* Recursion is as deep as the expression, which the parser limits. */
static void unit_unref(struct sg_promql_graph *g, struct sg__unit *u)
{
    if (--u->refs)
        return;
    if (u->linked)
        sg_hashtab_remove(&g->units, &u->link);
    g->stats.nodes = g->units.n;
    g->stats.bytes -= u->bytes;
    for (size_t i = 0; i < u->n_nodes; i++)
        sg__node_deinit(u->nodes[i]);
    for (size_t i = 0; i < u->n_needs; i++)
        unit_unref(g, u->needs[i]);
    sg_free(u->nodes);
    sg_free(u->needs);
    sg_free(u->err);
    sg_arena_deinit(&u->arena);
    text_unref(u->text);
    sg_free(u);
}

static void need(struct sg__unit *parent, struct sg__unit *u)
{
    parent->needs =
        sg_grow(parent->needs, &parent->cap_needs, parent->n_needs + 1, sizeof(struct sg__unit *));
    parent->needs[parent->n_needs++] = u;
}

/* ---- memory ---- */

/* What ops keep for a row beside its columns: where it goes, what it was made of. */
#define ROW_BYTES 32
/* What a unit takes beside what it uses of its arena: blocks, lists, a live selector. */
#define UNIT_BYTES 2048

/* Label sets are shared by rows, nodes and the store; each owner counts its part. */
static size_t rows_bytes(const struct sg__rows *r)
{
    size_t bytes = r->cap * sizeof(*r->labels) + r->drop_cap + r->n * ROW_BYTES;
    for (size_t i = 0; i < r->n; i++)
        bytes += sg_labels_size(r->labels[i]) /
                 (atomic_load_explicit(&r->labels[i]->refs, memory_order_relaxed) | 1);
    return bytes;
}

static size_t column_cells(const struct sg__node *n)
{
    return n->cap_v + n->cap_present + n->cap_h;
}

/* True when it has grown, and now the graph is too large. */
static bool outgrows(struct sg_promql_graph *g, struct sg__unit *u)
{
    uint64_t counted = 1;
    for (size_t i = 0; i < u->n_nodes; i++)
        counted += u->nodes[i]->own_rows.version * 31 + column_cells(u->nodes[i]);
    if (counted == u->counted)
        return false;
    size_t before = u->bytes;
    u->counted = counted;
    u->bytes = UNIT_BYTES + u->arena.used_bytes;
    for (size_t i = 0; i < u->n_nodes; i++)
        u->bytes += column_cells(u->nodes[i]) * sizeof(double) + rows_bytes(&u->nodes[i]->own_rows);
    g->stats.bytes += u->bytes - before;
    return u->bytes > before && sg_promql_graph_full(g);
}

void sg_promql_graph_limit(struct sg_promql_graph *g, uint64_t max_bytes)
{
    g->max_bytes = max_bytes;
}

bool sg_promql_graph_full(const struct sg_promql_graph *g)
{
    return g->max_bytes && g->stats.bytes > g->max_bytes;
}

static int too_large(struct sg_promql_plan *p, const struct sg_expr *e)
{
    return sg__fail(p, e, SG_ELIMIT,
                    "all streams and rules together hold more than %llu bytes of intermediate "
                    "results (limits.stream_bytes)",
                    (unsigned long long)p->graph->max_bytes);
}

/* ---- building ---- */

/* Exchanges arena and node list of the plan and the unit. */
static void swap_memory(struct sg_promql_plan *p, struct sg__unit *u)
{
    struct sg_arena arena = p->arena;
    struct sg__node **nodes = p->nodes;
    size_t n = p->n_nodes, cap = p->cap_nodes;
    p->arena = u->arena;
    p->nodes = u->nodes;
    p->n_nodes = u->n_nodes;
    p->cap_nodes = u->cap_nodes;
    u->arena = arena;
    u->nodes = nodes;
    u->n_nodes = n;
    u->cap_nodes = cap;
}

static int build_unit(struct sg_promql_plan *p, struct sg__unit *u)
{
    struct sg_promql_graph *g = p->graph;
    struct sg__unit *parent = g->building;
    g->building = u;
    swap_memory(p, u);
    int rc = sg__build_own(p, u->expr, &u->node, &u->invariant);
    if (rc == 0 && g->leaves.open)
        rc = sg__leaf_wrap(p, &g->leaves, &g->stats, &u->node);
    swap_memory(p, u);
    g->building = parent;
    return rc;
}

/* The unit of an expression with one reference more. */
static int get_unit(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__unit **ret)
{
    struct sg_promql_graph *g = p->graph;
    uint64_t hash = sg_expr_hash(e);
    struct sg__unit *u = find(g, hash, e);
    if (u) {
        u->refs++;
        *ret = u;
        return 0;
    }
    u = sg_calloc(1, sizeof(*u));
    *u = (struct sg__unit){.expr = e, .text = g->text, .refs = 1};
    sg_arena_init(&u->arena, (size_t)64 << 20);
    u->text->refs++;
    int rc = build_unit(p, u);
    if (rc == 0 && outgrows(g, u))
        rc = too_large(p, e);
    if (rc < 0) {
        unit_unref(g, u);
        return rc;
    }
    u->node->unit = u;
    sg_hashtab_add(&g->units, &u->link, hash);
    u->linked = true;
    g->stats.nodes = g->units.n;
    *ret = u;
    return 0;
}

int sg__graph_build(struct sg_promql_plan *p, const struct sg_expr *e, struct sg__node **ret,
                    bool *ret_invariant)
{
    struct sg__unit *u;
    if (e->kind == SG_EXPR_NUMBER)
        return sg__build_own(p, e, ret, ret_invariant);
    int rc = get_unit(p, e, &u);
    if (rc < 0)
        return rc;
    need(p->graph->building, u);
    *ret = u->node;
    *ret_invariant = u->invariant;
    return 0;
}

/* ---- evaluation ---- */

static int remember_error(struct sg_promql_plan *p, struct sg__unit *u, int rc)
{
    u->rc = rc;
    if (!u->err)
        u->err = sg_alloc(sizeof(*u->err));
    *u->err = *p->err;
    u->failed_at = p->failed_at ? p->failed_at : u->expr;
    p->failed_at = u->failed_at;
    return rc;
}

int sg__graph_compute(struct sg_promql_plan *p, struct sg__node *n, const struct sg__span *s)
{
    struct sg__unit *u = n->unit;
    struct sg_promql_graph *g = p->graph;
    SG_DCHECK(s->total == 1 && s->first == 0);
    if (u->session == g->session && u->at_ms == s->start_ms) {
        g->stats.shared++;
        if (u->rc < 0 && p->err->code == SG_OK) {
            *p->err = *u->err;
            p->failed_at = u->failed_at;
        }
        return u->rc;
    }
    g->stats.evaluations++;
    for (size_t i = 0; i < u->n_nodes; i++)
        u->nodes[i]->charged = 0;
    int rc = sg__compute_own(p, n, s);
    if (outgrows(g, u) && rc == 0)
        rc = too_large(p, u->expr);
    /* What is too large for a stream is not for a rule that shares it, which computes it again. */
    u->session = rc == SG_ELIMIT && sg_promql_graph_full(g) ? 0 : g->session;
    u->at_ms = s->start_ms;
    u->rc = 0;
    return rc < 0 ? remember_error(p, u, rc) : 0;
}

/* The subtree of `in` that equals e, or NULL. */
static const struct sg_expr *find_equal(const struct sg_expr *in, const struct sg_expr *e)
{
    if (in->kind == e->kind && in->height == e->height && sg_expr_equal(in, e))
        return in;
    const struct sg_expr *c, *found;
    for (uint32_t i = 0; in->height > e->height && (c = sg_expr_child(in, i)); i++)
        if ((found = find_equal(c, e)))
            return found;
    return NULL;
}

static void place_error(const struct sg_promql_root *r, const struct sg_expr *failed_at,
                        struct sg_error *err)
{
    const struct sg_promql *q = r->text->query;
    const struct sg_expr *at = err->end && failed_at ? find_equal(q->root, failed_at) : NULL;
    if (!at)
        return;
    err->pos = at->pos;
    err->end = at->end;
    sg_error_locate(err, q->text.p, q->text.n);
}

void sg_promql_graph_begin(struct sg_promql_graph *g)
{
    sg__drop_kept(&g->plan);
    g->session++;
}

int sg_promql_graph_eval(struct sg_promql_root *r, struct sg_querier *q, int64_t time_ms,
                         struct sg_promql_view *ret, struct sg_error *reterr)
{
    struct sg_promql_graph *g = r->graph;
    struct sg_promql_plan *p = &g->plan;
    struct sg_error local = {0};
    struct sg__span s = {time_ms, 0, 1, 0, 1};
    p->err = reterr ? reterr : &local;
    p->query = r->text->query;
    p->q = q;
    p->grid = SG_PROMQL_AT(time_ms);
    p->cells = p->samples = 0;
    p->failed_at = NULL;
    int rc = sg__compute(p, r->unit->node, &s);
    if (rc == 0)
        rc = sg__final_view(p, &r->final, r->unit->node, ret);
    if (rc < 0)
        place_error(r, p->failed_at, p->err);
    r->samples = p->samples;
    p->err = NULL;
    p->q = NULL;
    return rc;
}

/* ---- life ---- */

struct sg_promql_graph *sg_promql_graph_new(const struct sg_promql_eval_options *opt,
                                            const struct sg_promql_leaves *leaves)
{
    struct sg_promql_graph *g = sg_calloc(1, sizeof(*g));
    sg__plan_init(&g->plan, opt);
    g->plan.graph = g;
    if (leaves)
        g->leaves = *leaves;
    g->session = 1;
    return g;
}

void sg_promql_graph_free(struct sg_promql_graph *g)
{
    if (!g)
        return;
    SG_ASSERT(g->units.n == 0);
    sg__plan_deinit(&g->plan);
    sg_hashtab_deinit(&g->units);
    sg_free(g);
}

static int add_root(struct sg_promql_graph *g, struct text *t, struct sg__unit **ret)
{
    struct sg_promql_plan *p = &g->plan;
    const struct sg_expr *e = t->query->root;
    if (e->type != SG_TYPE_SCALAR && e->type != SG_TYPE_VECTOR)
        return sg__fail(p, e, SG_EINVALID,
                        "expression is a %s, expected a scalar or an instant vector",
                        sg_expr_type_text(e->type));
    return get_unit(p, e, ret);
}

int sg_promql_graph_add_take(struct sg_promql_graph *g, struct sg_promql *q,
                             struct sg_promql_root **ret, struct sg_error *reterr)
{
    struct sg_error local = {0};
    struct sg_promql_plan *p = &g->plan;
    struct text *t = sg_calloc(1, sizeof(*t));
    struct sg__unit *u = NULL;
    *t = (struct text){q, 1};
    g->text = t;
    p->query = q;
    p->err = reterr ? reterr : &local;
    p->grid = SG_PROMQL_AT(0);
    int rc = add_root(g, t, &u);
    g->text = NULL;
    p->err = NULL;
    p->query = NULL;
    if (rc < 0) {
        text_unref(t);
        return rc;
    }
    *ret = sg_calloc(1, sizeof(**ret));
    **ret = (struct sg_promql_root){.graph = g, .text = t, .unit = u};
    return 0;
}

void sg_promql_graph_remove(struct sg_promql_root *r)
{
    if (!r)
        return;
    unit_unref(r->graph, r->unit);
    text_unref(r->text);
    sg__final_deinit(&r->final);
    sg_free(r);
}

/* ---- figures ---- */

uint64_t sg_promql_root_samples(const struct sg_promql_root *r)
{
    return r->samples;
}

static void count(struct sg__unit *u, uint64_t visit, uint32_t *nodes, uint32_t *shared, bool above)
{
    if (u->visit == visit)
        return;
    u->visit = visit;
    above |= u->refs > 1; /* what hangs under a shared node is shared too */
    ++*nodes;
    *shared += above;
    for (size_t i = 0; i < u->n_needs; i++)
        count(u->needs[i], visit, nodes, shared, above);
}

void sg_promql_root_nodes(const struct sg_promql_root *r, uint32_t *ret_nodes, uint32_t *ret_shared)
{
    *ret_nodes = *ret_shared = 0;
    count(r->unit, ++r->graph->visit, ret_nodes, ret_shared, false);
}

const struct sg_promql_graph_stats *sg_promql_graph_get_stats(const struct sg_promql_graph *g)
{
    return &g->stats;
}
