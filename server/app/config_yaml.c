/* config_yaml.c - the YAML file, on libyaml's document tree, which keeps the place of every node.
 */
#include <errno.h>
#include <stdarg.h>
#include <streamgauge/mem.h>
#include <streamgauge/str.h>
#include <string.h>
#include <yaml.h>

#include "config.h"

#define MAX_FILE_BYTES (4u << 20)

struct reader {
    struct sg_config *c;
    const char *source;
    yaml_document_t *doc;
    struct sg_error *reterr;
};

SG_PRINTF(3, 4)
static int fail_at(const struct reader *r, const yaml_node_t *node, const char *fmt, ...)
{
    if (!r->reterr || r->reterr->code != SG_OK)
        return SG_EINVALID;
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->reterr->text, sizeof(r->reterr->text), fmt, args);
    va_end(args);
    r->reterr->code = SG_EINVALID;
    r->reterr->line = (uint32_t)node->start_mark.line + 1;
    r->reterr->column = (uint32_t)node->start_mark.column + 1;
    snprintf(r->reterr->source, sizeof(r->reterr->source), "%s", r->source);
    return SG_EINVALID;
}

static yaml_node_t *node_at(const struct reader *r, int index)
{
    return yaml_document_get_node(r->doc, index);
}

static const char *scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static const struct sg_option *find_key(const char *key)
{
    for (size_t i = 0; i < sg_n_options; i++)
        if (strcmp(sg_options[i].key, key) == 0)
            return &sg_options[i];
    return NULL;
}

/* True when some option's key starts with "prefix.". */
static bool is_section(const char *prefix)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < sg_n_options; i++)
        if (strncmp(sg_options[i].key, prefix, n) == 0 && sg_options[i].key[n] == '.')
            return true;
    return false;
}

static int unknown_key(const struct reader *r, const yaml_node_t *node, const char *key)
{
    const char *best = NULL;
    size_t best_distance = 4;
    for (size_t i = 0; i < sg_n_options; i++) {
        size_t d = sg_str_distance(sg_str_from(key), sg_str_from(sg_options[i].key), 3);
        if (d < best_distance) {
            best_distance = d;
            best = sg_options[i].key;
        }
    }
    return fail_at(r, node, "unknown key '%s'%s%s%s", key, best ? "; did you mean '" : "",
                   best ? best : "", best ? "'?" : "");
}

static int set_scalar(const struct reader *r, const struct sg_option *o, const yaml_node_t *node)
{
    struct sg_error err = {0};
    if (!scalar(node))
        return fail_at(r, node, "%s: expected one value", o->key);
    if (sg_config_set(r->c, o, scalar(node), &err) < 0)
        return fail_at(r, node, "%s: %s", o->key, err.text);
    return 0;
}

static int read_option(const struct reader *r, const struct sg_option *o, const yaml_node_t *node)
{
    if (o->kind != SG_OPT_STRINGS || node->type != YAML_SEQUENCE_NODE)
        return set_scalar(r, o, node);
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++)
        if (set_scalar(r, o, node_at(r, *i)) < 0)
            return SG_EINVALID;
    return 0;
}

static int read_rights(const struct reader *r, const yaml_node_t *node, unsigned *ret)
{
    static const char *const names[] = {"ingest", "read", "admin",
                                        "alert"} /* bits of enum sg_right */;
    if (node->type != YAML_SEQUENCE_NODE)
        return fail_at(r, node, "rights: expected a list of read, ingest, alert, admin");
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        const yaml_node_t *item = node_at(r, *i);
        size_t k = 0;
        while (k < SG_ARRAY_LEN(names) && (!scalar(item) || strcmp(scalar(item), names[k]) != 0))
            k++;
        if (k == SG_ARRAY_LEN(names))
            return fail_at(r, item, "expected read, ingest, alert or admin, got '%s'",
                           scalar(item) ? scalar(item) : "a list");
        *ret |= 1u << k;
    }
    return 0;
}

static bool hash_valid(const char *s)
{
    return strncmp(s, "sha256:", 7) == 0 && strlen(s) == 7 + 64 &&
           strspn(s + 7, "0123456789abcdef") == 64;
}

static int read_token(const struct reader *r, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE)
        return fail_at(r, node, "expected a token as {name: …, hash: …, rights: […]}");
    struct sg_config *c = r->c;
    c->tokens = sg_realloc(c->tokens, (c->n_tokens + 1) * sizeof(*c->tokens));
    struct sg_config_token *t = &c->tokens[c->n_tokens++];
    *t = (struct sg_config_token){0};
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = node_at(r, p->key), *value = node_at(r, p->value);
        const char *name = scalar(key), *text = scalar(value);
        if (name && strcmp(name, "rights") == 0) {
            if (read_rights(r, value, &t->rights) < 0)
                return SG_EINVALID;
        } else if (name && strcmp(name, "name") == 0 && text && !t->name) {
            t->name = sg_strdup(text);
        } else if (name && strcmp(name, "hash") == 0 && text && !t->hash) {
            if (!hash_valid(text))
                return fail_at(r, value,
                               "expected sha256: and 64 hex digits, as 'streamgauge token' prints");
            t->hash = sg_strdup(text);
        } else {
            return fail_at(r, key, "expected name, hash or rights once each, got '%s'",
                           name ? name : "a list");
        }
    }
    if (!t->name || !t->hash || !t->rights)
        return fail_at(r, node, "a token needs %s",
                       !t->name   ? "a name"
                       : !t->hash ? "a hash"
                                  : "rights");
    return 0;
}

static int read_tokens(const struct reader *r, const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return fail_at(r, node, "auth.tokens: expected a list");
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++)
        if (read_token(r, node_at(r, *i)) < 0)
            return SG_EINVALID;
    return 0;
}

/* Where a scalar's text starts in its line; 0: it has more than one. */
static uint32_t text_column(const yaml_node_t *node)
{
    yaml_scalar_style_t style = node->data.scalar.style;
    if (node->start_mark.line != node->end_mark.line || style == YAML_LITERAL_SCALAR_STYLE ||
        style == YAML_FOLDED_SCALAR_STYLE)
        return 0;
    return (uint32_t)node->start_mark.column + (style == YAML_PLAIN_SCALAR_STYLE ? 1 : 2);
}

static int read_streams(const struct reader *r, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE)
        return fail_at(r, node, "streams: expected name: expression pairs");
    struct sg_config *c = r->c;
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = node_at(r, p->key), *value = node_at(r, p->value);
        if (!scalar(key) || !*scalar(key) || !scalar(value))
            return fail_at(r, key, "expected name: expression");
        for (size_t i = 0; i < c->n_streams; i++)
            if (strcmp(c->streams[i].name, scalar(key)) == 0)
                return fail_at(r, key, "stream '%s' is given twice", scalar(key));
        c->streams = sg_realloc(c->streams, (c->n_streams + 1) * sizeof(*c->streams));
        c->streams[c->n_streams++] =
            (struct sg_config_stream){sg_strdup(scalar(key)), sg_strdup(scalar(value)),
                                      (uint32_t)value->start_mark.line + 1, text_column(value)};
    }
    return 0;
}

static int read_external_labels(const struct reader *r, const yaml_node_t *node)
{
    struct sg_config *c = r->c;
    if (node->type != YAML_MAPPING_NODE)
        return fail_at(r, node, "external_labels: expected name: value pairs");
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = node_at(r, p->key), *value = node_at(r, p->value);
        if (!scalar(key) || !*scalar(key) || !scalar(value))
            return fail_at(r, key, "expected a label as name: value");
        c->external_labels = sg_realloc(c->external_labels,
                                        (c->n_external_labels + 1) * sizeof(*c->external_labels));
        c->external_labels[c->n_external_labels++] =
            (struct sg_config_label){sg_strdup(scalar(key)), sg_strdup(scalar(value))};
    }
    return 0;
}

/* Keys that alerting and receivers read themselves, from the document; and what an Alertmanager
 * is told of its own insides, which says nothing here. */
static bool is_alerting(const char *path)
{
    static const char *const keys[] = {
        "route",    "receivers",     "inhibit_rules",       "time_intervals",
        "global",   "notify",        "maintenance",         "dead_mans_switches",
        "flapping", "digests",       "mute_time_intervals", "templates",
        "tracing",  "event_recorder"};
    for (size_t i = 0; i < SG_ARRAY_LEN(keys); i++)
        if (strcmp(path, keys[i]) == 0)
            return true;
    return false;
}

static int read_mapping(const struct reader *r, const yaml_node_t *node, const char *prefix);

static int read_pair(const struct reader *r, const yaml_node_t *key, const yaml_node_t *value,
                     const char *prefix)
{
    char path[128];
    if (!scalar(key))
        return fail_at(r, key, "expected a key");
    snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", scalar(key));
    const struct sg_option *o = find_key(path);
    if (o)
        return read_option(r, o, value);
    if (strcmp(path, "auth.tokens") == 0)
        return read_tokens(r, value);
    if (strcmp(path, "streams") == 0)
        return read_streams(r, value);
    if (strcmp(path, "external_labels") == 0)
        return read_external_labels(r, value);
    if (is_alerting(path))
        return 0;
    if (!is_section(path))
        return unknown_key(r, key, path);
    if (strcmp(path, "inputs.host") == 0 && scalar(value) && strcmp(scalar(value), "off") == 0) {
        r->c->host = false;
        return 0;
    }
    return read_mapping(r, value, path);
}

static int read_mapping(const struct reader *r, const yaml_node_t *node, const char *prefix)
{
    if (node->type == YAML_SCALAR_NODE && !*scalar(node)) /* "auth:" with nothing below */
        return 0;
    if (node->type != YAML_MAPPING_NODE)
        return fail_at(r, node, "%s: expected keys and values", *prefix ? prefix : "file");
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = node_at(r, p->key);
        for (yaml_node_pair_t *q = node->data.mapping.pairs.start; q < p; q++)
            if (scalar(key) && scalar(node_at(r, q->key)) &&
                strcmp(scalar(key), scalar(node_at(r, q->key))) == 0)
                return fail_at(r, key, "key '%s' is given twice", scalar(key));
        if (read_pair(r, key, node_at(r, p->value), prefix) < 0)
            return SG_EINVALID;
    }
    return 0;
}

int sg_config_load_text(struct sg_config *c, const char *source, const char *text, size_t n,
                        struct sg_error *reterr)
{
    yaml_parser_t parser;
    yaml_document_t doc;
    if (!yaml_parser_initialize(&parser))
        return sg_error_set(reterr, SG_ENOMEM, "no memory for the YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    int rc = 0;
    if (!yaml_parser_load(&parser, &doc)) {
        rc = sg_error_set(reterr, SG_ESYNTAX, "%s", parser.problem ? parser.problem : "not YAML");
        if (reterr && reterr->line == 0) {
            reterr->line = (uint32_t)parser.problem_mark.line + 1;
            reterr->column = (uint32_t)parser.problem_mark.column + 1;
            snprintf(reterr->source, sizeof(reterr->source), "%s", source);
        }
    } else {
        struct reader r = {c, source, &doc, reterr};
        const yaml_node_t *root = yaml_document_get_root_node(&doc);
        if (root)
            rc = read_mapping(&r, root, "");
        yaml_document_delete(&doc);
    }
    yaml_parser_delete(&parser);
    if (rc == 0) {
        sg_yaml_free(c->yaml);
        c->yaml = NULL;
        rc = sg_yaml_parse(source, text, n, &c->yaml, reterr);
    }
    return rc;
}

int sg_config_load_file(struct sg_config *c, const char *path, struct sg_error *reterr)
{
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sg_error_set(reterr, SG_EIO, "cannot read '%s': %s", path, strerror(errno));
    char *text = sg_alloc(MAX_FILE_BYTES + 1);
    size_t n = fread(text, 1, MAX_FILE_BYTES + 1, f);
    int failed = ferror(f) ? errno : 0, rc;
    if (fclose(f) != 0 && !failed)
        failed = errno;
    if (failed)
        rc = sg_error_set(reterr, SG_EIO, "cannot read '%s': %s", path, strerror(failed));
    else if (n > MAX_FILE_BYTES)
        rc = sg_error_set(reterr, SG_ELIMIT, "'%s' is larger than %u bytes", path, MAX_FILE_BYTES);
    else
        rc = sg_config_load_text(c, path, text, n, reterr);
    sg_free(c->file);
    c->file = sg_strdup(path);
    sg_free(text);
    return rc;
}
