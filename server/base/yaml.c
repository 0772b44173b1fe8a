/* yaml.c - a tree of nodes with places, built from libyaml's events.
 *
 * Events, not libyaml's documents: an alias there is the same node again, so a few lines could
 * stand for billions of nodes. Here an alias copies, and copies count against the limit. */
#include <streamgauge/yaml.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include <streamgauge/arena.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#define MAX_BYTES (16u << 20)
#define MAX_DEPTH 64
#define MAX_NODES 1000000u
#define MAX_ANCHORS 1000u

struct sg_yaml_node {
    enum sg_yaml_kind kind;
    bool quoted;
    uint32_t line, column;
    struct sg_str text;
    struct sg_yaml_node **keys, **items; /* keys: of a map */
    size_t n;
    struct sg_yaml *doc;
};

struct anchor {
    char *name;
    struct sg_yaml_node *node;
};

struct sg_yaml {
    struct sg_arena arena;
    char source[256];
    struct sg_yaml_node *root;
    size_t n_nodes;
    struct anchor *anchors; /* while parsing */
    size_t n_anchors, cap_anchors;
};

struct builder {
    struct sg_yaml *doc;
    yaml_parser_t parser;
    struct sg_error *reterr;
};

static int fail(const struct builder *b, enum sg_errc code, uint32_t line, uint32_t column,
                const char *text)
{
    if (b->reterr && b->reterr->code == SG_OK) {
        sg_error_set(b->reterr, code, "%s", text);
        b->reterr->line = line;
        b->reterr->column = column;
        snprintf(b->reterr->source, sizeof(b->reterr->source), "%s", b->doc->source);
    }
    return code;
}

static int fail_event(const struct builder *b, enum sg_errc code, const yaml_event_t *e,
                      const char *text)
{
    return fail(b, code, (uint32_t)e->start_mark.line + 1, (uint32_t)e->start_mark.column + 1,
                text);
}

static int next_event(struct builder *b, yaml_event_t *e)
{
    if (yaml_parser_parse(&b->parser, e))
        return 0;
    const yaml_mark_t *at = b->parser.problem_mark.line || b->parser.problem_mark.column
                                ? &b->parser.problem_mark
                                : &b->parser.context_mark;
    return fail(b, SG_ESYNTAX, (uint32_t)at->line + 1, (uint32_t)at->column + 1,
                b->parser.problem ? b->parser.problem : "this is no YAML");
}

static struct sg_yaml_node *new_node(struct builder *b, const yaml_event_t *e)
{
    if (b->doc->n_nodes++ >= MAX_NODES) {
        (void)fail_event(b, SG_ELIMIT, e, "more than 1000000 nodes");
        return NULL;
    }
    struct sg_yaml_node *node = sg_arena_calloc(&b->doc->arena, 1, sizeof(*node));
    node->doc = b->doc;
    node->line = (uint32_t)e->start_mark.line + 1;
    node->column = (uint32_t)e->start_mark.column + 1;
    return node;
}

static bool is_null(struct sg_str s)
{
    return s.n == 0 || sg_str_eq_c(s, "~") || sg_str_eq_c(s, "null") || sg_str_eq_c(s, "Null") ||
           sg_str_eq_c(s, "NULL");
}

static void set_scalar(struct sg_yaml_node *node, const yaml_event_t *e)
{
    size_t n = e->data.scalar.length;
    char *copy = sg_arena_alloc(&node->doc->arena, n + 1);
    memcpy(copy, e->data.scalar.value, n);
    copy[n] = 0;
    node->text = sg_str_make(copy, n);
    node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->kind = !node->quoted && is_null(node->text) ? SG_YAML_NULL : SG_YAML_SCALAR;
}

static int remember(struct builder *b, const yaml_char_t *name, struct sg_yaml_node *node,
                    const yaml_event_t *e)
{
    struct sg_yaml *d = b->doc;
    if (!name)
        return 0;
    if (d->n_anchors >= MAX_ANCHORS)
        return fail_event(b, SG_ELIMIT, e, "more than 1000 anchors");
    d->anchors = sg_grow(d->anchors, &d->cap_anchors, d->n_anchors + 1, sizeof(*d->anchors));
    d->anchors[d->n_anchors++] = (struct anchor){sg_strdup((const char *)name), node};
    return 0;
}

static size_t weight(const struct sg_yaml_node *node)
{
    size_t n = 1;
    for (size_t i = 0; i < node->n; i++)
        n += weight(node->items[i]) + (node->keys ? 1 : 0);
    return n;
}

/* The node an alias stands for; what it holds counts once more. */
static int find_alias(struct builder *b, const yaml_event_t *e, struct sg_yaml_node **ret)
{
    const char *name = (const char *)e->data.alias.anchor;
    for (size_t i = b->doc->n_anchors; i-- > 0;) {
        const struct anchor *a = &b->doc->anchors[i];
        if (strcmp(a->name, name) != 0)
            continue;
        b->doc->n_nodes += weight(a->node);
        if (b->doc->n_nodes > MAX_NODES)
            return fail_event(b, SG_ELIMIT, e, "more than 1000000 nodes");
        *ret = a->node;
        return 0;
    }
    return fail_event(b, SG_ESYNTAX, e, "an alias without its anchor");
}

static bool has_key(const struct sg_yaml_node *map, struct sg_str key)
{
    for (size_t i = 0; i < map->n; i++)
        if (sg_str_eq(map->keys[i]->text, key))
            return true;
    return false;
}

static void append_entry(struct sg_yaml_node *node, struct sg_yaml_node *key,
                         struct sg_yaml_node *item, size_t *cap)
{
    if (node->n == *cap) { /* the old arrays stay in the arena until the end */
        struct sg_arena *arena = &node->doc->arena;
        size_t bigger = *cap ? 2 * *cap : 4;
        struct sg_yaml_node **items = sg_arena_calloc(arena, bigger, sizeof(*items));
        struct sg_yaml_node **keys = sg_arena_calloc(arena, bigger, sizeof(*keys));
        if (node->n) {
            memcpy(items, node->items, node->n * sizeof(*items));
            memcpy(keys, node->keys, node->n * sizeof(*keys));
        }
        node->items = items;
        node->keys = keys;
        *cap = bigger;
    }
    node->keys[node->n] = key;
    node->items[node->n++] = item;
}

static int merge_map(struct builder *b, struct sg_yaml_node *node, const struct sg_yaml_node *from,
                     size_t *cap)
{
    if (from->kind != SG_YAML_MAP)
        return fail(b, SG_ESYNTAX, from->line, from->column,
                    "what '<<' merges must be a map or a list of maps");
    for (size_t i = 0; i < from->n; i++) {
        if (has_key(node, from->keys[i]->text))
            continue;
        b->doc->n_nodes += 1 + weight(from->items[i]);
        if (b->doc->n_nodes > MAX_NODES)
            return fail(b, SG_ELIMIT, from->line, from->column, "more than 1000000 nodes");
        append_entry(node, from->keys[i], from->items[i], cap);
    }
    return 0;
}

/* "<<: *defaults", or a list of them: the keys of those maps that this one does not have itself. */
static int merge(struct builder *b, struct sg_yaml_node *node, size_t *cap)
{
    size_t at = 0;
    while (at < node->n && (node->keys[at]->quoted || !sg_str_eq_c(node->keys[at]->text, "<<")))
        at++;
    if (at == node->n)
        return 0;
    const struct sg_yaml_node *from = node->items[at];
    node->n--;
    memmove(&node->keys[at], &node->keys[at + 1], (node->n - at) * sizeof(struct sg_yaml_node *));
    memmove(&node->items[at], &node->items[at + 1], (node->n - at) * sizeof(struct sg_yaml_node *));
    if (from->kind != SG_YAML_LIST)
        return merge_map(b, node, from, cap);
    int rc = 0;
    for (size_t i = 0; i < from->n && rc == 0; i++)
        rc = merge_map(b, node, from->items[i], cap);
    return rc;
}

static int build(struct builder *b, yaml_event_t *e, unsigned depth, struct sg_yaml_node **ret);

/* Adds what begins with e to the items of node; for maps e is the key. */
static int add_entry(struct builder *b, struct sg_yaml_node *node, yaml_event_t *e, unsigned depth,
                     size_t *cap)
{
    struct sg_yaml_node *key = NULL, *item = NULL;
    int rc = build(b, e, depth, node->kind == SG_YAML_MAP ? &key : &item);
    if (rc < 0)
        return rc;
    if (key) {
        if (key->kind != SG_YAML_SCALAR && key->kind != SG_YAML_NULL)
            return fail(b, SG_ESYNTAX, key->line, key->column, "a key that is no text");
        if (has_key(node, key->text))
            return fail(b, SG_ESYNTAX, key->line, key->column, "this key was given before");
        yaml_event_t value;
        rc = next_event(b, &value);
        if (rc < 0 || (rc = build(b, &value, depth, &item)) < 0)
            return rc;
    }
    append_entry(node, key, item, cap);
    return 0;
}

static int build_entries(struct builder *b, struct sg_yaml_node *node, yaml_event_type_t end,
                         unsigned depth)
{
    size_t cap = 0;
    for (;;) {
        yaml_event_t e;
        int rc = next_event(b, &e);
        if (rc < 0)
            return rc;
        if (e.type == end) {
            yaml_event_delete(&e);
            return node->kind == SG_YAML_MAP ? merge(b, node, &cap) : 0;
        }
        rc = add_entry(b, node, &e, depth + 1, &cap);
        if (rc < 0)
            return rc;
    }
}

/* The node that begins with e, which is used up. */
static int build(struct builder *b, yaml_event_t *e, unsigned depth, struct sg_yaml_node **ret)
{
    int rc = depth > MAX_DEPTH ? fail_event(b, SG_ELIMIT, e, "nested deeper than 64") : 0;
    yaml_event_type_t type = e->type;
    const yaml_char_t *anchor = NULL;
    if (rc == 0 && type == YAML_ALIAS_EVENT) {
        rc = find_alias(b, e, ret);
    } else if (rc == 0) {
        *ret = new_node(b, e);
        rc = *ret ? 0 : SG_ELIMIT;
    }
    if (rc == 0 && type == YAML_SCALAR_EVENT) {
        set_scalar(*ret, e);
        anchor = e->data.scalar.anchor;
    } else if (rc == 0 && type == YAML_SEQUENCE_START_EVENT) {
        (*ret)->kind = SG_YAML_LIST;
        anchor = e->data.sequence_start.anchor;
        rc = build_entries(b, *ret, YAML_SEQUENCE_END_EVENT, depth);
    } else if (rc == 0 && type == YAML_MAPPING_START_EVENT) {
        (*ret)->kind = SG_YAML_MAP;
        anchor = e->data.mapping_start.anchor;
        rc = build_entries(b, *ret, YAML_MAPPING_END_EVENT, depth);
    }
    if (rc == 0)
        rc = remember(b, anchor, *ret, e);
    yaml_event_delete(e);
    return rc;
}

/* Up to the first node of the first document. */
static int parse_stream(struct builder *b)
{
    for (;;) {
        yaml_event_t e;
        int rc = next_event(b, &e);
        if (rc < 0)
            return rc;
        switch (e.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
            yaml_event_delete(&e);
            break;
        case YAML_STREAM_END_EVENT:
            b->doc->root = new_node(b, &e);
            yaml_event_delete(&e);
            return 0;
        default:
            return build(b, &e, 0, &b->doc->root);
        }
    }
}

/* What follows the first document must be its end: half a file is not taken for a whole one. */
static int parse_end(struct builder *b)
{
    for (;;) {
        yaml_event_t e;
        int rc = next_event(b, &e);
        if (rc < 0)
            return rc;
        yaml_event_type_t type = e.type;
        if (type == YAML_DOCUMENT_START_EVENT)
            rc = fail_event(b, SG_ESYNTAX, &e, "expected one document, got a second one");
        yaml_event_delete(&e);
        if (rc < 0 || type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT)
            return rc;
    }
}

int sg_yaml_parse(const char *source, const char *text, size_t n, struct sg_yaml **ret,
                  struct sg_error *reterr)
{
    struct sg_yaml *doc = sg_calloc(1, sizeof(*doc));
    struct builder b = {.doc = doc, .reterr = reterr};
    sg_arena_init(&doc->arena, SIZE_MAX);
    snprintf(doc->source, sizeof(doc->source), "%s", source);
    if (n > MAX_BYTES) {
        sg_yaml_free(doc);
        return sg_error_set(reterr, SG_ELIMIT, "%s: longer than %u bytes", source, MAX_BYTES);
    }
    if (!yaml_parser_initialize(&b.parser)) {
        sg_yaml_free(doc);
        return sg_error_set(reterr, SG_ENOMEM, "%s: no memory to read it", source);
    }
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, n);
    int rc = parse_stream(&b);
    if (rc == 0 && sg_yaml_kind(doc->root) != SG_YAML_NULL)
        rc = parse_end(&b);
    yaml_parser_delete(&b.parser);
    for (size_t i = 0; i < doc->n_anchors; i++)
        sg_free(doc->anchors[i].name);
    sg_free(doc->anchors);
    doc->anchors = NULL;
    if (rc < 0) {
        sg_yaml_free(doc);
        return rc;
    }
    *ret = doc;
    return 0;
}

void sg_yaml_free(struct sg_yaml *y)
{
    if (!y)
        return;
    sg_arena_deinit(&y->arena);
    sg_free(y);
}

/* ---- looking at nodes ---- */

const struct sg_yaml_node *sg_yaml_root(const struct sg_yaml *y)
{
    return y->root;
}

enum sg_yaml_kind sg_yaml_kind(const struct sg_yaml_node *node)
{
    return node->kind;
}

struct sg_str sg_yaml_text(const struct sg_yaml_node *node)
{
    return node && node->kind == SG_YAML_SCALAR ? node->text : SG_STR("");
}

bool sg_yaml_quoted(const struct sg_yaml_node *node)
{
    return node->quoted;
}

size_t sg_yaml_count(const struct sg_yaml_node *node)
{
    return node ? node->n : 0;
}

const struct sg_yaml_node *sg_yaml_at(const struct sg_yaml_node *node, size_t i)
{
    SG_ASSERT(i < node->n);
    return node->items[i];
}

const struct sg_yaml_node *sg_yaml_key_node(const struct sg_yaml_node *node, size_t i)
{
    SG_ASSERT(i < node->n && node->kind == SG_YAML_MAP);
    return node->keys[i];
}

struct sg_str sg_yaml_key(const struct sg_yaml_node *node, size_t i)
{
    return sg_yaml_key_node(node, i)->text;
}

const struct sg_yaml_node *sg_yaml_get(const struct sg_yaml_node *node, const char *key)
{
    if (!node || node->kind != SG_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < node->n; i++)
        if (sg_str_eq_c(node->keys[i]->text, key))
            return node->items[i];
    return NULL;
}

uint32_t sg_yaml_line(const struct sg_yaml_node *node)
{
    return node->line;
}

uint32_t sg_yaml_column(const struct sg_yaml_node *node)
{
    return node->column;
}

/* ---- checked readings ---- */

int sg_yaml_error(const struct sg_yaml_node *node, struct sg_error *reterr, const char *fmt, ...)
{
    if (!reterr || reterr->code != SG_OK)
        return SG_EINVALID;
    va_list args;
    va_start(args, fmt);
    vsnprintf(reterr->text, sizeof(reterr->text), fmt, args);
    va_end(args);
    reterr->code = SG_EINVALID;
    reterr->line = node->line;
    reterr->column = node->column;
    snprintf(reterr->source, sizeof(reterr->source), "%s", node->doc->source);
    return SG_EINVALID;
}

static bool absent(const struct sg_yaml_node *node)
{
    return !node || node->kind == SG_YAML_NULL;
}

static int need_scalar(const struct sg_yaml_node *node, const char *what, const char *expected,
                       struct sg_error *reterr)
{
    static const char *const got[] = {"nothing", "a text", "a list", "a map"};
    if (node->kind == SG_YAML_SCALAR)
        return 0;
    return sg_yaml_error(node, reterr, "%s: expected %s, got %s", what, expected, got[node->kind]);
}

int sg_yaml_read_str(const struct sg_yaml_node *node, const char *what, struct sg_str *ret,
                     struct sg_error *reterr)
{
    if (absent(node))
        return 0;
    int rc = need_scalar(node, what, "a text", reterr);
    if (rc == 0)
        *ret = node->text;
    return rc;
}

int sg_yaml_read_bool(const struct sg_yaml_node *node, const char *what, bool *ret,
                      struct sg_error *reterr)
{
    if (absent(node))
        return 0;
    int rc = need_scalar(node, what, "true or false", reterr);
    if (rc < 0)
        return rc;
    bool yes = sg_str_ieq(node->text, SG_STR("true"));
    if (node->quoted || (!yes && !sg_str_ieq(node->text, SG_STR("false"))))
        return sg_yaml_error(node, reterr, "%s: expected true or false, got '%.*s'", what,
                             SG_STR_ARG(node->text));
    *ret = yes;
    return 0;
}

int sg_yaml_read_u64(const struct sg_yaml_node *node, const char *what, uint64_t *ret,
                     struct sg_error *reterr)
{
    if (absent(node))
        return 0;
    int rc = need_scalar(node, what, "a whole number", reterr);
    if (rc < 0)
        return rc;
    if (sg_u64_parse(node->text.p, node->text.n, ret) < 0)
        return sg_yaml_error(node, reterr, "%s: expected a whole number, got '%.*s'", what,
                             SG_STR_ARG(node->text));
    return 0;
}

int sg_yaml_read_duration(const struct sg_yaml_node *node, const char *what, int64_t *ret_ms,
                          struct sg_error *reterr)
{
    if (absent(node))
        return 0;
    int rc = need_scalar(node, what, "a duration as 30s or 5m", reterr);
    if (rc < 0)
        return rc;
    if (sg_duration_parse(node->text, ret_ms, NULL) < 0)
        return sg_yaml_error(node, reterr, "%s: expected a duration as 30s or 5m, got '%.*s'", what,
                             SG_STR_ARG(node->text));
    return 0;
}

int sg_yaml_check_keys(const struct sg_yaml_node *node, const char *what, const char *const *known,
                       struct sg_error *reterr)
{
    if (absent(node))
        return 0;
    if (node->kind != SG_YAML_MAP)
        return sg_yaml_error(node, reterr, "%s: expected keys and values", what);
    for (size_t i = 0; i < node->n; i++) {
        struct sg_str key = node->keys[i]->text;
        const char *best = NULL;
        size_t best_distance = 3;
        bool found = false;
        for (const char *const *k = known; *k && !found; k++) {
            size_t d = sg_str_distance(key, sg_str_from(*k), 2);
            found = sg_str_eq_c(key, *k);
            if (d < best_distance) {
                best_distance = d;
                best = *k;
            }
        }
        if (!found)
            return sg_yaml_error(node->keys[i], reterr, "%s: unknown key '%.*s'%s%s%s", what,
                                 SG_STR_ARG(key), best ? "; did you mean '" : "", best ? best : "",
                                 best ? "'?" : "");
    }
    return 0;
}
