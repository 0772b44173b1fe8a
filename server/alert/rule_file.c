/* rule_file.c - Prometheus rule files: read whole, checked whole, every mistake told with its
 * place. */
#include <streamgauge/ruler.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/arena.h>
#include <streamgauge/mem.h>
#include <streamgauge/template.h>
#include <streamgauge/yaml.h>

#include "rule_place.h"
#include "ruler_priv.h"

#define MAX_RULES 20000
#define MAX_TEXT_BYTES ((size_t)256 << 20)

struct priv {
    atomic_uint refs;
    struct sg_arena arena;
    size_t cap_groups;
};

/* One file being read. */
struct reader {
    struct sg_rules *rules;
    struct sg_arena *arena;
    struct sg_str file, text; /* its name, in the arena; what it holds */
    const struct sg_rule_group *group;
    size_t rule; /* number of the current one in its group, from 1; 0: the group itself */
    struct sg_str rule_name;
    void (*each)(void *ctx, const struct sg_error *err);
    void *ctx;
    struct sg_error *reterr;
    size_t n_errors;
};

/* ---- the set ---- */

struct sg_rules *sg_rules_new(void)
{
    struct sg_rules *r = sg_calloc(1, sizeof(*r));
    struct priv *p = sg_calloc(1, sizeof(*p));
    atomic_init(&p->refs, 1);
    sg_arena_init(&p->arena, MAX_TEXT_BYTES);
    r->priv = p;
    return r;
}

struct sg_rules *sg__rules_ref(struct sg_rules *r)
{
    struct priv *p = r->priv;
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return r;
}

static void free_texts(struct sg_rule_text *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sg_template_free(texts[i].template);
    sg_free(texts);
}

static void free_group(struct sg_rule_group *g)
{
    for (size_t i = 0; i < g->n_rules; i++) {
        sg_promql_free(g->rules[i].parsed);
        free_texts(g->rules[i].labels, g->rules[i].n_labels);
        free_texts(g->rules[i].annotations, g->rules[i].n_annotations);
    }
    free_texts(g->labels, g->n_labels);
    sg_free(g->rules);
}

void sg_rules_free(struct sg_rules *r)
{
    if (!r)
        return;
    struct priv *p = r->priv;
    if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < r->n_groups; i++)
        free_group(&r->groups[i]);
    sg_free(r->groups);
    sg_arena_deinit(&p->arena);
    sg_free(p);
    sg_free(r);
}

/* ---- mistakes ---- */

/* Tells of one: puts group and rule in front of its text. */
static void report(struct reader *rd, struct sg_error *err)
{
    if (rd->group && rd->rule)
        sg_error_wrap(err, "group '%.*s', rule %zu%s%.*s%s", SG_STR_ARG(rd->group->name), rd->rule,
                      rd->rule_name.n ? " '" : "", SG_STR_ARG(rd->rule_name),
                      rd->rule_name.n ? "'" : "");
    else if (rd->group && rd->group->name.n)
        sg_error_wrap(err, "group '%.*s'", SG_STR_ARG(rd->group->name));
    snprintf(err->source, sizeof(err->source), "%.*s", SG_STR_ARG(rd->file));
    rd->n_errors++;
    if (rd->each)
        rd->each(rd->ctx, err);
    if (rd->reterr && rd->reterr->code == SG_OK)
        *rd->reterr = *err;
}

/* True when it went well. */
static bool ok(struct reader *rd, int rc, struct sg_error *err)
{
    if (rc < 0)
        report(rd, err);
    *err = (struct sg_error){0};
    return rc == 0;
}

#define MISTAKE(rd, node, ...)                                                                     \
    do {                                                                                           \
        struct sg_error mistake_ = {0};                                                            \
        sg_yaml_error(node, &mistake_, __VA_ARGS__);                                               \
        report(rd, &mistake_);                                                                     \
    } while (0)

/* A mistake inside a scalar's text: its place there becomes one in the file. */
static void report_inside(struct reader *rd, const struct sg_yaml_node *node, struct sg_error *err)
{
    sg__rule_place(rd->text, node, err->pos, &err->line, &err->column);
    report(rd, err);
}

/* ---- pieces ---- */

static struct sg_str keep(struct reader *rd, struct sg_str s)
{
    char *copy = sg_arena_strndup(rd->arena, s.p, s.n);
    return copy ? sg_str_make(copy, s.n) : SG_STR("");
}

static bool name_valid(struct sg_str name)
{
    return name.n > 0 && sg_utf8_valid(name.p, name.n);
}

static void read_text(struct reader *rd, const char *what, const struct sg_yaml_node *key,
                      const struct sg_yaml_node *node, struct sg_rule_text *to)
{
    struct sg_error err = {0};
    struct sg_str text = SG_STR("");
    if (!ok(rd, sg_yaml_read_str(node, what, &text, &err), &err))
        return;
    to->name = keep(rd, sg_yaml_text(key));
    to->text = keep(rd, text);
    if (!sg_utf8_valid(text.p, text.n)) {
        MISTAKE(rd, node, "%s '%.*s' is not valid UTF-8", what, SG_STR_ARG(to->name));
        return;
    }
    if (sg_template_parse(text, &to->template, &err) < 0) {
        sg_error_wrap(&err, "%s '%.*s'", what, SG_STR_ARG(to->name));
        report_inside(rd, node, &err);
    }
}

/* labels or annotations. */
static struct sg_rule_text *read_texts(struct reader *rd, const struct sg_yaml_node *map,
                                       const char *what, size_t *ret_n)
{
    *ret_n = 0;
    if (!map || sg_yaml_kind(map) == SG_YAML_NULL)
        return NULL;
    if (sg_yaml_kind(map) != SG_YAML_MAP) {
        MISTAKE(rd, map, "%ss: expected a map of names and texts", what);
        return NULL;
    }
    bool label = strcmp(what, "label") == 0;
    struct sg_rule_text *texts = sg_calloc(sg_yaml_count(map) + 1, sizeof(*texts));
    for (size_t i = 0; i < sg_yaml_count(map); i++) {
        const struct sg_yaml_node *key = sg_yaml_key_node(map, i);
        struct sg_str name = sg_yaml_text(key);
        if (!name_valid(name) || (label && sg_str_eq(name, SG_METRIC_NAME)))
            MISTAKE(rd, key, "invalid %s name '%.*s'", what, SG_STR_ARG(name));
        else
            read_text(rd, what, key, sg_yaml_at(map, i), &texts[(*ret_n)++]);
    }
    return texts;
}

static void read_expr(struct reader *rd, const struct sg_yaml_node *rule_node,
                      const struct sg_yaml_node *node, struct sg_rule *rule)
{
    struct sg_error err = {0};
    struct sg_str text = SG_STR("");
    if (!ok(rd, sg_yaml_read_str(node, "expr", &text, &err), &err))
        return;
    if (sg_str_trim(text).n == 0) {
        MISTAKE(rd, node ? node : rule_node, "field 'expr' must be set in rule");
        return;
    }
    rule->expr = keep(rd, text);
    if (sg_promql_parse(text, NULL, &rule->parsed, &err) < 0) {
        sg_error_wrap(&err, "could not parse expression: %u:%u", err.line, err.column);
        report_inside(rd, node, &err);
        return;
    }
    enum sg_expr_type type = rule->parsed->root->type;
    if (type != SG_TYPE_SCALAR && type != SG_TYPE_VECTOR)
        MISTAKE(rd, node, "the expression is a %s, expected an instant vector or a scalar",
                sg_expr_type_text(type));
}

/* ---- rules ---- */

static void check_record(struct reader *rd, const struct sg_yaml_node *map,
                         const struct sg_rule *rule)
{
    static const char *const alert_only[] = {"annotations", "for", "keep_firing_for"};
    for (size_t i = 0; i < SG_ARRAY_LEN(alert_only); i++) {
        const struct sg_yaml_node *node = sg_yaml_get(map, alert_only[i]);
        if (node && sg_yaml_kind(node) != SG_YAML_NULL)
            MISTAKE(rd, node, "invalid field '%s' in recording rule", alert_only[i]);
    }
    const struct sg_yaml_node *node = sg_yaml_get(map, "record");
    if (!name_valid(rule->name))
        MISTAKE(rd, node, "invalid recording rule name '%.*s'", SG_STR_ARG(rule->name));
    else if (memchr(rule->name.p, '{', rule->name.n) || memchr(rule->name.p, '}', rule->name.n))
        MISTAKE(rd, node, "braces present in the recording rule name '%.*s'; should it be in expr?",
                SG_STR_ARG(rule->name));
}

static void read_name(struct reader *rd, const struct sg_yaml_node *map, struct sg_rule *rule)
{
    const struct sg_yaml_node *record = sg_yaml_get(map, "record");
    const struct sg_yaml_node *alert = sg_yaml_get(map, "alert");
    struct sg_str record_name = SG_STR(""), alert_name = SG_STR("");
    struct sg_error err = {0};
    if (!ok(rd, sg_yaml_read_str(record, "record", &record_name, &err), &err) ||
        !ok(rd, sg_yaml_read_str(alert, "alert", &alert_name, &err), &err))
        return;
    if (record_name.n && alert_name.n)
        MISTAKE(rd, alert, "only one of 'record' and 'alert' must be set");
    else if (!record_name.n && !alert_name.n)
        MISTAKE(rd, map, "one of 'record' or 'alert' must be set");
    rule->kind = record_name.n ? SG_RULE_RECORD : SG_RULE_ALERT;
    rule->name = keep(rd, record_name.n ? record_name : alert_name);
    rd->rule_name = rule->name;
    if (alert_name.n && !sg_utf8_valid(alert_name.p, alert_name.n))
        MISTAKE(rd, alert, "the name of the alert is not valid UTF-8");
}

static void read_rule(struct reader *rd, const struct sg_yaml_node *map, struct sg_rule *rule)
{
    static const char *const known[] = {"record",          "alert",  "expr",        "for",
                                        "keep_firing_for", "labels", "annotations", NULL};
    struct sg_error err = {0};
    rd->rule_name = SG_STR("");
    if (sg_yaml_kind(map) != SG_YAML_MAP) {
        MISTAKE(rd, map, "expected a rule with 'record' or 'alert', and 'expr'");
        return;
    }
    rule->line = sg_yaml_line(map);
    read_name(rd, map, rule);
    (void)ok(rd, sg_yaml_check_keys(map, "rule", known, &err), &err);
    read_expr(rd, map, sg_yaml_get(map, "expr"), rule);
    (void)ok(rd, sg_yaml_read_duration(sg_yaml_get(map, "for"), "for", &rule->for_ms, &err), &err);
    (void)ok(rd,
             sg_yaml_read_duration(sg_yaml_get(map, "keep_firing_for"), "keep_firing_for",
                                   &rule->keep_ms, &err),
             &err);
    rule->labels = read_texts(rd, sg_yaml_get(map, "labels"), "label", &rule->n_labels);
    rule->annotations =
        read_texts(rd, sg_yaml_get(map, "annotations"), "annotation", &rule->n_annotations);
    if (rule->kind == SG_RULE_RECORD && rule->name.n) /* without: told, and the kind unknown */
        check_record(rd, map, rule);
}

/* ---- groups ---- */

static void read_rules(struct reader *rd, const struct sg_yaml_node *list, struct sg_rule_group *g)
{
    if (!list || sg_yaml_kind(list) == SG_YAML_NULL)
        return;
    if (sg_yaml_kind(list) != SG_YAML_LIST) {
        MISTAKE(rd, list, "rules: expected a list");
        return;
    }
    if (rd->rules->n_rules + sg_yaml_count(list) > MAX_RULES) {
        MISTAKE(rd, list, "more than %d rules", MAX_RULES);
        return;
    }
    g->rules = sg_calloc(sg_yaml_count(list) + 1, sizeof(*g->rules));
    for (size_t i = 0; i < sg_yaml_count(list); i++) {
        rd->rule = i + 1;
        read_rule(rd, sg_yaml_at(list, i), &g->rules[g->n_rules++]);
    }
    rd->rule = 0;
}

static void read_group(struct reader *rd, const struct sg_yaml_node *map, struct sg_rule_group *g)
{
    static const char *const known[] = {"name",  "interval", "query_offset", "limit", "labels",
                                        "rules", NULL};
    struct sg_error err = {0};
    struct sg_str name = SG_STR("");
    g->file = rd->file;
    g->name = SG_STR("");
    rd->group = g;
    if (sg_yaml_kind(map) != SG_YAML_MAP) {
        MISTAKE(rd, map, "expected a group with 'name' and 'rules'");
        return;
    }
    if (ok(rd, sg_yaml_read_str(sg_yaml_get(map, "name"), "name", &name, &err), &err))
        g->name = keep(rd, name);
    if (!name.n)
        MISTAKE(rd, map, "group name must not be empty");
    (void)ok(rd, sg_yaml_check_keys(map, "group", known, &err), &err);
    (void)ok(rd,
             sg_yaml_read_duration(sg_yaml_get(map, "interval"), "interval", &g->interval_ms, &err),
             &err);
    (void)ok(rd,
             sg_yaml_read_duration(sg_yaml_get(map, "query_offset"), "query_offset", &g->offset_ms,
                                   &err),
             &err);
    (void)ok(rd, sg_yaml_read_u64(sg_yaml_get(map, "limit"), "limit", &g->limit, &err), &err);
    g->labels = read_texts(rd, sg_yaml_get(map, "labels"), "label", &g->n_labels);
    read_rules(rd, sg_yaml_get(map, "rules"), g);
}

static void check_group_name(struct reader *rd, const struct sg_yaml_node *map,
                             const struct sg_rule_group *groups, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (groups[n].name.n == 0 || !sg_str_eq(groups[i].name, groups[n].name))
            continue;
        rd->group = NULL;
        MISTAKE(rd, map, "groupname '%.*s' is repeated in the same file",
                SG_STR_ARG(groups[n].name));
        return;
    }
}

static bool name_added(const struct sg_rules *r, struct sg_str file)
{
    for (size_t i = 0; i < r->n_groups; i++)
        if (sg_str_eq(r->groups[i].file, file))
            return true;
    return false;
}

static void read_groups(struct reader *rd, const struct sg_yaml_node *root,
                        struct sg_rule_group **ret, size_t *ret_n)
{
    static const char *const known[] = {"groups", NULL};
    struct sg_error err = {0};
    const struct sg_yaml_node *list = sg_yaml_get(root, "groups");
    if (!ok(rd, sg_yaml_check_keys(root, "rule file", known, &err), &err) || !list ||
        sg_yaml_kind(list) == SG_YAML_NULL)
        return;
    if (sg_yaml_kind(list) != SG_YAML_LIST) {
        MISTAKE(rd, list, "groups: expected a list");
        return;
    }
    *ret = sg_calloc(sg_yaml_count(list) + 1, sizeof(**ret));
    for (size_t i = 0; i < sg_yaml_count(list); i++) {
        const struct sg_yaml_node *map = sg_yaml_at(list, i);
        read_group(rd, map, &(*ret)[i]);
        check_group_name(rd, map, *ret, i);
        *ret_n = i + 1;
    }
    rd->group = NULL;
}

static void add_groups(struct sg_rules *r, const struct sg_rule_group *groups, size_t n)
{
    struct priv *p = r->priv;
    r->groups = sg_grow(r->groups, &p->cap_groups, r->n_groups + n + 1, sizeof(*r->groups));
    for (size_t i = 0; i < n; i++) {
        r->groups[r->n_groups++] = groups[i];
        r->n_rules += groups[i].n_rules;
    }
}

int sg_rules_add(struct sg_rules *r, const char *file, struct sg_str text,
                 void (*each)(void *ctx, const struct sg_error *err), void *ctx,
                 struct sg_error *reterr)
{
    struct priv *p = r->priv;
    struct reader rd = {.rules = r,
                        .arena = &p->arena,
                        .text = text,
                        .rule_name = SG_STR(""),
                        .each = each,
                        .ctx = ctx,
                        .reterr = reterr};
    struct sg_error err = {0};
    struct sg_yaml *yaml = NULL;
    struct sg_rule_group *groups = NULL;
    size_t n = 0;
    rd.file = keep(&rd, sg_str_from(file));
    int rc = sg_yaml_parse(file, text.p, text.n, &yaml, &err);
    if (rc < 0) {
        report(&rd, &err);
        return rc;
    }
    if (name_added(r, rd.file))
        MISTAKE(&rd, sg_yaml_root(yaml), "this file was added before");
    else
        read_groups(&rd, sg_yaml_root(yaml), &groups, &n);
    sg_yaml_free(yaml);
    if (rd.n_errors == 0)
        add_groups(r, groups, n);
    for (size_t i = 0; rd.n_errors && i < n; i++)
        free_group(&groups[i]);
    sg_free(groups);
    return rd.n_errors ? SG_EINVALID : 0;
}
