/* names.c - named streams of the configuration, and the way from a client's words to a canonical
 * expression. */
#include <stdlib.h>
#include <string.h>

#include <streamgauge/live.h>
#include <streamgauge/mem.h>
#include <streamgauge/promql_ast.h>

struct entry {
    char *name, *key;
    struct sg_str name_s, key_s;
};

struct sg_live_names {
    atomic_uint refs;
    size_t n;
    struct entry entries[]; /* sorted by name */
};

/* ---- expressions ---- */

/* Parses, wants a scalar or an instant vector, and appends the canonical text. */
static int canonical(struct sg_str text, struct sg_buf *ret_key, struct sg_error *reterr)
{
    struct sg_promql *q = NULL;
    int rc = sg_promql_parse(text, NULL, &q, reterr);
    if (rc < 0)
        return rc;
    if (q->root->type != SG_TYPE_SCALAR && q->root->type != SG_TYPE_VECTOR)
        rc = sg_error_at(reterr, SG_EINVALID, 0, (uint32_t)text.n,
                         "the expression gives a %s, expected an instant vector or a scalar",
                         sg_expr_type_text(q->root->type));
    else if (sg_expr_print(q->root, ret_key) < 0)
        rc = sg_error_set(reterr, SG_ELIMIT, "the expression is too long");
    sg_promql_free(q);
    return rc;
}

/* A name that PromQL writes in quotes only: http.requests, or with letters beyond ASCII. Without
 * any sign of PromQL's it can be nothing else. */
static bool is_quoted_name(struct sg_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
                      ((unsigned char)c & 0x80);
        if (!letter && !(i && ((c >= '0' && c <= '9') || c == '.')))
            return false;
    }
    return sg_utf8_valid(s.p, s.n);
}

/* What the simple form calls a metric: an expression, or a bare name. */
static int canonical_metric(struct sg_str text, struct sg_buf *ret_key, struct sg_error *reterr)
{
    bool name = is_quoted_name(text);
    int rc = canonical(text, ret_key, name ? NULL : reterr);
    if (rc == 0 || !name)
        return rc;
    SG_AUTO(sg_buf_deinit) struct sg_buf selector;
    sg_buf_init(&selector, text.n + 8);
    sg_buf_puts(&selector, "{\"");
    sg_buf_put_str(&selector, text);
    sg_buf_puts(&selector, "\"}");
    return canonical(sg_buf_str(&selector), ret_key, reterr);
}

/* ---- the table ---- */

static bool name_ok(struct sg_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool later = (c >= '0' && c <= '9') || c == ':' || c == '.' || c == '-';
        if (!letter && !(later && i))
            return false;
    }
    return s.n > 0 && s.n <= 256;
}

static int fill(struct entry *e, const struct sg_live_name *from, struct sg_error *reterr)
{
    int cut = (int)(from->name.n < 80 ? from->name.n : 80);
    if (!name_ok(from->name))
        return sg_error_set(reterr, SG_EINVALID,
                            "stream '%.*s': a name starts with a letter or '_' and goes on with "
                            "letters, digits and '_:.-'",
                            cut, from->name.p);
    SG_AUTO(sg_buf_deinit) struct sg_buf key;
    sg_buf_init(&key, (size_t)1 << 20);
    if (canonical(from->expr, &key, reterr) < 0)
        return sg_error_wrap(reterr, "stream '%.*s'", cut, from->name.p);
    *e = (struct entry){.name = sg_str_dup(from->name), .key = sg_str_dup(sg_buf_str(&key))};
    e->name_s = sg_str_make(e->name, from->name.n);
    e->key_s = sg_str_make(e->key, key.len);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return sg_str_cmp(((const struct entry *)a)->name_s, ((const struct entry *)b)->name_s);
}

int sg_live_names_new(const struct sg_live_name *names, size_t n, struct sg_live_names **ret,
                      struct sg_error *reterr)
{
    struct sg_live_names *t = sg_calloc(1, sizeof(*t) + n * sizeof(t->entries[0]));
    atomic_init(&t->refs, 1);
    int rc = 0;
    for (; t->n < n && rc == 0; t->n++)
        rc = fill(&t->entries[t->n], &names[t->n], reterr);
    if (rc == 0 && n > 1)
        qsort(t->entries, n, sizeof(t->entries[0]), by_name);
    for (size_t i = 1; i < n && rc == 0; i++)
        if (by_name(&t->entries[i - 1], &t->entries[i]) == 0)
            rc = sg_error_set(reterr, SG_EEXISTS, "stream '%s' is there twice", t->entries[i].name);
    if (rc < 0) {
        sg_live_names_unref(t);
        return rc;
    }
    *ret = t;
    return 0;
}

struct sg_live_names *sg_live_names_ref(struct sg_live_names *names)
{
    atomic_fetch_add_explicit(&names->refs, 1, memory_order_relaxed);
    return names;
}

void sg_live_names_unref(struct sg_live_names *names)
{
    if (!names || atomic_fetch_sub_explicit(&names->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < names->n; i++) {
        sg_free(names->entries[i].name);
        sg_free(names->entries[i].key);
    }
    sg_free(names);
}

size_t sg_live_names_count(const struct sg_live_names *names)
{
    return names->n;
}

struct sg_live_name sg_live_names_at(const struct sg_live_names *names, size_t i)
{
    SG_ASSERT(i < names->n);
    return (struct sg_live_name){names->entries[i].name_s, names->entries[i].key_s};
}

static const struct entry *find(const struct sg_live_names *names, struct sg_str name)
{
    size_t lo = 0, hi = names ? names->n : 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int cmp = sg_str_cmp(names->entries[mid].name_s, name);
        if (cmp == 0)
            return &names->entries[mid];
        if (cmp < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

int sg_live_names_resolve(void *ctx, enum sg_resolve_kind kind, struct sg_str text,
                          struct sg_buf *ret_key, struct sg_error *reterr)
{
    const struct sg_live_names *names = ctx;
    const struct entry *e = kind == SG_RESOLVE_QUERY ? NULL : find(names, text);
    if (e)
        return sg_buf_put_str(ret_key, e->key_s);
    if (kind == SG_RESOLVE_STREAM)
        return sg_error_set(reterr, SG_ENOTFOUND, "there is no stream named '%.*s'",
                            (int)(text.n < 80 ? text.n : 80), text.p);
    return kind == SG_RESOLVE_METRIC ? canonical_metric(text, ret_key, reterr)
                                     : canonical(text, ret_key, reterr);
}
