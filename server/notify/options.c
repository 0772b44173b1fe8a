/* options.c - values of integrations by table. */
#include "notify/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>

#define MAX_FILE (64u << 10)
#define MAX_KEYS 96
#define MAX_TEXTS 256

size_t sg__opt_count(const struct sg__opt *table)
{
    size_t n = 0;
    while (table[n].name)
        n++;
    return n;
}

struct sg_str sg__notify_keep(struct sg_arena *arena, struct sg_str s)
{
    char *copy = sg_arena_strndup(arena, s.p, s.n);
    SG_ASSERT(copy); /* configurations are read whole, with a cap far below the arena's */
    return (struct sg_str){copy, s.n};
}

int sg__read_file(const struct sg_yaml_node *at, struct sg_str path, struct sg_arena *arena,
                  struct sg_str *ret, struct sg_error *reterr)
{
    struct sg_str name = sg__notify_keep(arena, path);
    FILE *f = fopen(name.p, "rbe");
    if (!f)
        return sg_yaml_error(at, reterr, "cannot read '%s': %s", name.p, strerror(errno));
    char *text = sg_alloc(MAX_FILE + 1);
    size_t n = fread(text, 1, MAX_FILE + 1, f);
    int failed = ferror(f);
    (void)fclose(f);
    while (n > 0 && n <= MAX_FILE && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (!failed && n <= MAX_FILE)
        *ret = sg__notify_keep(arena, (struct sg_str){text, n});
    sg_free(text);
    if (failed)
        return sg_yaml_error(at, reterr, "cannot read '%s'", name.p);
    if (n > MAX_FILE)
        return sg_yaml_error(at, reterr, "'%s' is larger than 64 KiB", name.p);
    return 0;
}

/* ---- one value ---- */

struct reading {
    const struct sg__opt *opt;
    const struct sg_yaml_node *node;
    struct sg_arena *arena;
    struct sg_template_set *templates;
    char what[160];
};

static int read_text(const struct reading *r, const struct sg_yaml_node *node, struct sg__text *ret,
                     struct sg_error *reterr)
{
    struct sg_str text = SG_STR("");
    struct sg_error err = {0};
    int rc = sg_yaml_read_str(node, r->what, &text, reterr);
    if (rc < 0)
        return rc;
    ret->text = sg__notify_keep(r->arena, text);
    if (r->opt->type == SG__OPT_STR || r->opt->type == SG__OPT_URL || r->opt->type == SG__OPT_STRS)
        return 0;
    rc = sg_template_parse_in(ret->text, r->templates, &ret->template, &err);
    if (rc < 0 && err.line)
        return sg_yaml_error(node, reterr, "%s: line %u, column %u of the text: %s", r->what,
                             err.line, err.column, err.text);
    if (rc < 0)
        return sg_yaml_error(node, reterr, "%s: %s", r->what, err.text);
    return 0;
}

/* Behind "http://", up to the path; "" : none that could be. */
static struct sg_str host_and_port(struct sg_str url)
{
    struct sg_str rest = url;
    struct sg_str scheme = sg_str_split(&rest, ':');
    if ((!sg_str_ieq(scheme, SG_STR("http")) && !sg_str_ieq(scheme, SG_STR("https"))) ||
        !sg_str_starts_with(rest, SG_STR("//")))
        return SG_STR("");
    struct sg_str host = {rest.p + 2, 0};
    while (host.n < rest.n - 2 && !strchr("/?#", host.p[host.n]))
        host.n++;
    const char *at = host.n ? memrchr(host.p, '@', host.n) : NULL;
    return at ? sg_str_make(at + 1, host.n - (size_t)(at + 1 - host.p)) : host;
}

bool sg__url_is_good(struct sg_str url)
{
    struct sg_str host = host_and_port(url);
    uint64_t port = 1;
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7f)
            return false;
    bool bracket = host.n && host.p[0] == '[';
    const char *end = bracket ? memchr(host.p, ']', host.n) : NULL;
    if (bracket && !end)
        return false;
    size_t n = end ? (size_t)(end + 1 - host.p) : 0;
    while (n < host.n && host.p[n] != ':' && !bracket)
        n++;
    if (n == 0 || n == 2 * (size_t)bracket || (n < host.n && host.p[n] != ':'))
        return false;
    size_t digits = n + 1 < host.n ? host.n - n - 1 : 0;
    return digits == 0 || (sg_u64_parse(host.p + n + 1, digits, &port) == 0 && port - 1 < 65535);
}

static int check_url(const struct reading *r, struct sg_str url, struct sg_error *reterr)
{
    if (sg__url_is_good(url))
        return 0;
    if (r->opt->flags & SG__OPT_SECRET)
        return sg_yaml_error(r->node, reterr, "%s: expected a URL as https://host/path", r->what);
    return sg_yaml_error(r->node, reterr, "%s: expected a URL as https://host/path, got '%.*s'",
                         r->what, SG_STR_ARG(url));
}

static int read_number(const struct reading *r, struct sg__value *v, struct sg_error *reterr)
{
    struct sg_str text = SG_STR("");
    int rc = sg_yaml_read_str(r->node, r->what, &text, reterr);
    if (rc < 0)
        return rc;
    if (sg_double_parse_all(text.p, text.n, &v->number) < 0 || !(v->number >= 0) ||
        v->number > 1e12)
        return sg_yaml_error(r->node, reterr, "%s: expected a number, 0 or more, got '%.*s'",
                             r->what, SG_STR_ARG(text));
    return 0;
}

static int read_duration(const struct reading *r, struct sg__value *v, struct sg_error *reterr)
{
    int64_t ms = 0;
    int rc = sg_yaml_read_duration(r->node, r->what, &ms, reterr);
    if (rc == 0 && ms == 0 && r->opt->flags & SG__OPT_ZERO) {
        v->set = false;
        return 0;
    }
    if (rc == 0 && ms <= 0)
        rc = sg_yaml_error(r->node, reterr, "%s: expected a duration above 0", r->what);
    v->number = (double)ms;
    return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): nesting is bounded by yaml.h. */
static int read_texts(const struct reading *r, const struct sg_yaml_node *node,
                      struct sg__texts *ret, struct sg_error *reterr)
{
    size_t n = sg_yaml_count(node);
    bool list = r->opt->type == SG__OPT_STRS;
    if (sg_yaml_kind(node) != (list ? SG_YAML_LIST : SG_YAML_MAP))
        return sg_yaml_error(node, reterr, "%s: expected %s", r->what,
                             list ? "a list" : "keys and values");
    if (n > MAX_TEXTS)
        return sg_yaml_error(node, reterr, "%s: more than %d entries", r->what, MAX_TEXTS);
    ret->items = sg_arena_calloc(r->arena, n + 1, sizeof(*ret->items));
    SG_ASSERT(ret->items);
    for (size_t i = 0; i < n; i++) {
        struct sg__text *t = &ret->items[ret->n++];
        t->name = list ? SG_STR("") : sg__notify_keep(r->arena, sg_yaml_key(node, i));
        bool map = r->opt->flags & SG__OPT_DEEP && sg_yaml_kind(sg_yaml_at(node, i)) == SG_YAML_MAP;
        int rc = map ? read_texts(r, sg_yaml_at(node, i), &t->more, reterr)
                     : read_text(r, sg_yaml_at(node, i), t, reterr);
        if (rc < 0)
            return rc;
        if (!t->text.p)
            t->text = SG_STR("");
    }
    return 0;
}

static int read_maps(const struct reading *r, struct sg__value *v, struct sg_error *reterr)
{
    size_t n = sg_yaml_count(r->node);
    if (sg_yaml_kind(r->node) != SG_YAML_LIST)
        return sg_yaml_error(r->node, reterr, "%s: expected a list", r->what);
    if (n > MAX_TEXTS)
        return sg_yaml_error(r->node, reterr, "%s: more than %d entries", r->what, MAX_TEXTS);
    v->maps = sg_arena_calloc(r->arena, n + 1, sizeof(*v->maps));
    SG_ASSERT(v->maps);
    for (size_t i = 0; i < n; i++) {
        v->n_maps = i + 1;
        int rc = read_texts(r, sg_yaml_at(r->node, i), &v->maps[i], reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_value(const struct reading *r, struct sg__value *v, struct sg_error *reterr)
{
    bool yes = false;
    int rc;
    v->set = true;
    switch (r->opt->type) {
    case SG__OPT_STR:
    case SG__OPT_TEXT:
        return read_text(r, r->node, &v->one, reterr);
    case SG__OPT_URL:
        rc = read_text(r, r->node, &v->one, reterr);
        return rc < 0 ? rc : check_url(r, v->one.text, reterr);
    case SG__OPT_BOOL:
        rc = sg_yaml_read_bool(r->node, r->what, &yes, reterr);
        v->number = yes;
        return rc;
    case SG__OPT_NUMBER:
        return read_number(r, v, reterr);
    case SG__OPT_DURATION:
        return read_duration(r, v, reterr);
    case SG__OPT_TEXTS:
    case SG__OPT_STRS:
        return read_texts(r, r->node, &v->texts, reterr);
    case SG__OPT_MAPS:
        return read_maps(r, v, reterr);
    case SG__OPT_NODE:
        v->node = r->node;
        break;
    }
    return 0;
}

/* ---- tables ---- */

static int check_keys(const struct sg__opt *table, const struct sg__opt_source *from,
                      struct sg_arena *arena, struct sg_error *reterr)
{
    const char *known[MAX_KEYS + 1];
    size_t n = 0;
    for (const struct sg__opt *o = table; o->name; o++) {
        SG_ASSERT(n + 2 <= MAX_KEYS);
        known[n++] = o->name;
        if (o->flags & SG__OPT_FILE) {
            char name[80];
            int len = snprintf(name, sizeof(name), "%s_file", o->name);
            known[n++] = sg__notify_keep(arena, (struct sg_str){name, (size_t)len}).p;
        }
    }
    known[n] = NULL;
    return sg_yaml_check_keys(from->node, from->what, known, reterr);
}

/* A node that is there and not null. */
static const struct sg_yaml_node *present(const struct sg_yaml_node *map, const char *key)
{
    const struct sg_yaml_node *node = map ? sg_yaml_get(map, key) : NULL;
    return node && sg_yaml_kind(node) != SG_YAML_NULL ? node : NULL;
}

/* From `map`, under that key or from the file its `_file` names. 1: found. */
static int read_from(struct reading *r, const struct sg_yaml_node *map, const char *key,
                     struct sg__value *v, struct sg_error *reterr)
{
    char file_key[80];
    snprintf(file_key, sizeof(file_key), "%s_file", key);
    const struct sg_yaml_node *node = present(map, key);
    const struct sg_yaml_node *file = r->opt->flags & SG__OPT_FILE ? present(map, file_key) : NULL;
    if (node && file)
        return sg_yaml_error(file, reterr, "%s: only one of %s and %s may be given", r->what, key,
                             file_key);
    r->node = node;
    if (node) {
        int rc = read_value(r, v, reterr);
        return rc < 0 ? rc : 1;
    }
    if (!file)
        return 0;
    struct sg_str path = SG_STR("");
    r->node = file;
    v->set = true;
    int rc = sg_yaml_read_str(file, r->what, &path, reterr);
    if (rc == 0)
        rc = sg__read_file(file, path, r->arena, &v->one.text, reterr);
    if (rc == 0 && r->opt->type == SG__OPT_URL)
        rc = check_url(r, v->one.text, reterr);
    return rc < 0 ? rc : 1;
}

static void set_preset(const struct sg__opt *opt, struct sg__value *v)
{
    if (!opt->preset)
        return;
    v->set = true;
    v->one.text = sg_str_from(opt->preset);
    if (opt->type == SG__OPT_BOOL)
        v->number = strcmp(opt->preset, "true") == 0;
    else if (opt->type == SG__OPT_DURATION || opt->type == SG__OPT_NUMBER)
        (void)!sg_double_parse_all(v->one.text.p, v->one.text.n, &v->number);
}

/* Alertmanager's default texts are calls of well-known templates, which files may define anew. */
static int read_well_known(struct reading *r, const char *kind, struct sg__value *v,
                           struct sg_error *reterr)
{
    char name[128], *end = name;
    struct sg_error err = {0};
    if (!kind || !r->templates || r->opt->type != SG__OPT_TEXT)
        return 0;
    end += snprintf(name, sizeof(name), "%s.default.", kind);
    for (const char *c = r->opt->name; *c; c++)
        if (*c != '_' && end < name + sizeof(name) - 1)
            *end++ = *c;
    *end = '\0';
    struct sg_str given = sg_template_set_given(r->templates, sg_str_from(name));
    if (!given.p)
        return 0;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 1024);
    sg_buf_printf(&text, "{{ template \"%.*s\" . }}", SG_STR_ARG(given));
    v->one.text = sg__notify_keep(r->arena, sg_buf_str(&text));
    v->set = true;
    if (sg_template_parse_in(v->one.text, r->templates, &v->one.template, &err) < 0)
        return sg_yaml_error(r->node, reterr, "%s: %s", r->what, err.text);
    return 1;
}

static int read_option(const struct sg__opt *opt, const struct sg__opt_source *from,
                       struct sg_arena *arena, struct sg__value *v, struct sg_error *reterr)
{
    struct reading r = {.opt = opt, .arena = arena, .templates = from->templates};
    snprintf(r.what, sizeof(r.what), "%s: %s", from->what, opt->name);
    v->one.text = SG_STR("");
    int rc = read_from(&r, from->node, opt->name, v, reterr);
    if (rc == 0 && opt->global) {
        snprintf(r.what, sizeof(r.what), "global: %s", opt->global);
        rc = read_from(&r, from->global, opt->global, v, reterr);
    }
    r.node = from->node;
    if (rc == 0)
        rc = read_well_known(&r, from->kind, v, reterr);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    set_preset(opt, v);
    if (!v->set && opt->flags & SG__OPT_REQUIRED)
        return sg_yaml_error(from->node, reterr, "%s: '%s' is missing%s%s%s", from->what, opt->name,
                             opt->global ? ", and so is '" : "", opt->global ? opt->global : "",
                             opt->global ? "' of global" : "");
    return 0;
}

int sg__opts_read(const struct sg__opt *table, const struct sg__opt_source *from,
                  struct sg_arena *arena, struct sg__value *values, struct sg_error *reterr)
{
    int rc = from->node ? check_keys(table, from, arena, reterr) : 0;
    for (size_t i = 0; rc == 0 && table[i].name; i++)
        rc = read_option(&table[i], from, arena, &values[i], reterr);
    return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the configuration. */
static void free_texts(struct sg__texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        sg_template_free(t->items[i].template);
        free_texts(&t->items[i].more);
    }
}

void sg__opts_free(const struct sg__opt *table, struct sg__value *values)
{
    for (size_t i = 0; values && table[i].name; i++) {
        sg_template_free(values[i].one.template);
        free_texts(&values[i].texts);
        for (size_t k = 0; k < values[i].n_maps; k++)
            free_texts(&values[i].maps[k]);
    }
}

const struct sg__value *sg__opt_find(const struct sg__opt *table, const struct sg__value *values,
                                     const char *name)
{
    size_t i = 0;
    while (table[i].name && strcmp(table[i].name, name) != 0)
        i++;
    SG_ASSERT(table[i].name);
    return &values[i];
}
