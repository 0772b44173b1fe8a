/* routing.c - reading the part of the configuration that has Alertmanager's shape: the whole, and
 * what its parts share. */
#include "routing.h"

#include <stdlib.h>

#include <streamgauge/mem.h>

#define MAX_BYTES (64u << 20)
#define MAX_MATCHERS 100
#define MAX_NAMED_INTERVALS 10000
#define MAX_STRINGS 1000

void *sg__routing_alloc(struct sg__reading *rd, size_t count, size_t size)
{
    void *p = sg_arena_calloc(&rd->r->arena, count ? count : 1, size);
    if (!p)
        sg_error_set(rd->err, SG_ELIMIT, "the routing takes more than %u bytes", MAX_BYTES);
    return p;
}

int sg__routing_str(struct sg__reading *rd, struct sg_str s, struct sg_str *ret)
{
    char *copy = sg_arena_strndup(&rd->r->arena, s.p, s.n);
    if (!copy)
        return sg_error_set(rd->err, SG_ELIMIT, "the routing takes more than %u bytes", MAX_BYTES);
    *ret = sg_str_make(copy, s.n);
    return 0;
}

int sg__routing_read_str(struct sg__reading *rd, const struct sg_yaml_node *map, const char *key,
                         struct sg_str *ret)
{
    struct sg_str s = {NULL, 0};
    int rc = sg_yaml_read_str(sg_yaml_get(map, key), key, &s, rd->err);
    return rc < 0 || !s.p ? rc : sg__routing_str(rd, s, ret);
}

int sg__routing_list(struct sg__reading *rd, const struct sg_yaml_node *node, const char *key,
                     size_t max, size_t *ret_n)
{
    *ret_n = 0;
    if (!node || sg_yaml_kind(node) == SG_YAML_NULL)
        return 0;
    if (sg_yaml_kind(node) != SG_YAML_LIST)
        return sg_yaml_error(node, rd->err, "%s: expected a list", key);
    if (sg_yaml_count(node) > max)
        return sg_yaml_error(node, rd->err, "%s: more than %zu entries", key, max);
    *ret_n = sg_yaml_count(node);
    return 0;
}

int sg__routing_read_strs(struct sg__reading *rd, const struct sg_yaml_node *map, const char *key,
                          struct sg__strs *ret)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, key);
    size_t n;
    int rc = sg__routing_list(rd, node, key, MAX_STRINGS, &n);
    if (rc < 0 || n == 0)
        return rc;
    ret->list = sg__routing_alloc(rd, n, sizeof(*ret->list));
    if (!ret->list)
        return SG_ELIMIT;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sg_str s = {"", 0};
        rc = sg_yaml_read_str(sg_yaml_at(node, i), key, &s, rd->err);
        if (rc == 0)
            rc = sg__routing_str(rd, s, &ret->list[ret->n++]);
    }
    return rc;
}

/* ---- matchers ---- */

/* Places with what went wrong inside of a text. */
static int misread(struct sg__reading *rd, const struct sg_yaml_node *node, const char *key,
                   const struct sg_error *err)
{
    return sg_yaml_error(node, rd->err, "%s: %s", key, err->text);
}

static int made(struct sg__reading *rd, struct sg__matchers *ret, struct sg_matcher *m)
{
    struct sg_routing *r = rd->r;
    if (ret->n == MAX_MATCHERS) {
        sg_matcher_deinit(m);
        return sg_error_set(rd->err, SG_ELIMIT, "more than %d matchers in one place", MAX_MATCHERS);
    }
    r->made = sg_grow(r->made, &r->cap_made, r->n_made + 1, sizeof(struct sg_matcher *));
    ret->list[ret->n] = *m;
    r->made[r->n_made++] = &ret->list[ret->n++];
    return 0;
}

static int read_legacy(struct sg__reading *rd, const struct sg_yaml_node *map, const char *key,
                       enum sg_match_type type, struct sg__matchers *ret)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, key);
    if (!node || sg_yaml_kind(node) == SG_YAML_NULL)
        return 0;
    if (sg_yaml_kind(node) != SG_YAML_MAP)
        return sg_yaml_error(node, rd->err, "%s: expected labels and values", key);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sg_yaml_count(node); i++) {
        struct sg_str value = {"", 0};
        struct sg_error err = {0};
        struct sg_matcher m;
        const struct sg_yaml_node *at = sg_yaml_at(node, i);
        /* One that was not finished would match who has no such label. */
        if (type == SG_MATCH_RE && sg_yaml_kind(at) == SG_YAML_NULL)
            return sg_yaml_error(at, rd->err, "%s: expected a regular expression for '%.*s'", key,
                                 SG_STR_ARG(sg_yaml_key(node, i)));
        rc = sg_yaml_read_str(at, key, &value, rd->err);
        if (rc == 0 && sg_matcher_init(&m, type, sg_yaml_key(node, i), value, &err) < 0)
            rc = misread(rd, at, key, &err);
        else if (rc == 0)
            rc = made(rd, ret, &m);
    }
    return rc;
}

static int read_text(struct sg__reading *rd, const struct sg_yaml_node *node, const char *key,
                     struct sg__matchers *ret)
{
    struct sg_str text = {"", 0};
    struct sg_matcher list[MAX_MATCHERS];
    struct sg_error err = {0};
    int rc = sg_yaml_read_str(node, key, &text, rd->err);
    if (rc < 0)
        return rc;
    ssize_t n = sg_matcher_parse_list(text, list, MAX_MATCHERS, &err);
    if (n < 0)
        return misread(rd, node, key, &err);
    for (ssize_t i = 0; i < n; i++) {
        if (rc < 0)
            sg_matcher_deinit(&list[i]);
        else
            rc = made(rd, ret, &list[i]);
    }
    return rc;
}

static int read_new(struct sg__reading *rd, const struct sg_yaml_node *map, const char *key,
                    struct sg__matchers *ret)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, key);
    size_t n;
    if (node && sg_yaml_kind(node) == SG_YAML_SCALAR)
        return read_text(rd, node, key, ret);
    int rc = sg__routing_list(rd, node, key, MAX_MATCHERS, &n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_text(rd, sg_yaml_at(node, i), key, ret);
    return rc;
}

static int by_order(const void *a, const void *b)
{
    return sg_matcher_cmp(a, b);
}

int sg__routing_read_matchers(struct sg__reading *rd, const struct sg_yaml_node *map,
                              const char *const keys[3], struct sg__matchers *ret)
{
    ret->list = sg__routing_alloc(rd, MAX_MATCHERS, sizeof(*ret->list));
    int rc = ret->list ? 0 : SG_ELIMIT;
    if (rc == 0 && keys[0])
        rc = read_legacy(rd, map, keys[0], SG_MATCH_EQ, ret);
    if (rc == 0 && keys[1])
        rc = read_legacy(rd, map, keys[1], SG_MATCH_RE, ret);
    if (rc == 0 && keys[2])
        rc = read_new(rd, map, keys[2], ret);
    if (ret->n > 1)
        qsort(ret->list, ret->n, sizeof(*ret->list), by_order);
    return rc;
}

bool sg__matchers_match(const struct sg__matchers *m, const struct sg_labels *labels)
{
    for (size_t i = 0; i < m->n; i++) {
        struct sg_str value = sg_labels_get(labels, m->list[i].name);
        if (!sg_matcher_matches(&m->list[i], value.p ? value : SG_STR("")))
            return false;
    }
    return true;
}

/* ---- time intervals ---- */

static const struct sg__intervals *find_intervals(const struct sg_routing *r, struct sg_str name)
{
    for (size_t i = 0; i < r->n_intervals; i++)
        if (sg_str_eq(r->intervals[i].name, name))
            return &r->intervals[i];
    return NULL;
}

int sg__routing_read_intervals(struct sg__reading *rd, const struct sg_yaml_node *map,
                               const char *key, const struct sg__intervals ***ret, size_t *ret_n)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, key);
    size_t n;
    int rc = sg__routing_list(rd, node, key, MAX_STRINGS, &n);
    if (rc < 0 || n == 0)
        return rc;
    *ret = sg__routing_alloc(rd, n, sizeof(struct sg__intervals *));
    if (!*ret)
        return SG_ELIMIT;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sg_str name = {"", 0};
        rc = sg_yaml_read_str(sg_yaml_at(node, i), key, &name, rd->err);
        if (rc == 0)
            (*ret)[(*ret_n)++] = find_intervals(rd->r, name);
        if (rc == 0 && !(*ret)[i])
            rc = sg_yaml_error(sg_yaml_at(node, i), rd->err, "%s: there is no time interval '%.*s'",
                               key, SG_STR_ARG(name));
    }
    return rc;
}

static int read_named(struct sg__reading *rd, const struct sg_yaml_node *node, const char *key)
{
    static const char *const known[] = {"name", "time_intervals", NULL};
    struct sg__intervals *into = &rd->r->intervals[rd->r->n_intervals];
    int rc = sg_yaml_check_keys(node, key, known, rd->err);
    into->name = SG_STR("");
    if (rc == 0)
        rc = sg__routing_read_str(rd, node, "name", &into->name);
    if (rc < 0)
        return rc;
    if (into->name.n == 0)
        return sg_yaml_error(node, rd->err, "%s: name is missing", key);
    if (find_intervals(rd->r, into->name))
        return sg_yaml_error(node, rd->err, "%s: the name '%.*s' comes twice", key,
                             SG_STR_ARG(into->name));
    rd->r->n_intervals++;
    return sg__intervals_parse(sg_yaml_get(node, "time_intervals"), &rd->r->arena, into, rd->err);
}

static int read_all_intervals(struct sg__reading *rd, const struct sg_yaml_node *root)
{
    static const char *const keys[] = {"time_intervals", "mute_time_intervals"};
    size_t n[2];
    for (size_t k = 0; k < 2; k++) {
        int rc =
            sg__routing_list(rd, sg_yaml_get(root, keys[k]), keys[k], MAX_NAMED_INTERVALS, &n[k]);
        if (rc < 0)
            return rc;
    }
    rd->r->intervals = sg__routing_alloc(rd, n[0] + n[1], sizeof(*rd->r->intervals));
    int rc = rd->r->intervals ? 0 : SG_ELIMIT;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; rc == 0 && i < n[k]; i++)
            rc = read_named(rd, sg_yaml_at(sg_yaml_get(root, keys[k]), i), keys[k]);
    return rc;
}

size_t sg_routing_zones(const struct sg_routing *r, struct sg_str *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_intervals; i++) {
        for (size_t k = 0; k < r->intervals[i].n; k++) {
            struct sg_str zone = r->intervals[i].list[k].zone;
            if (!zone.n)
                continue;
            if (n < max)
                ret[n] = zone;
            n++;
        }
    }
    return n;
}

/* ---- receivers ---- */

/* The name in "<name>/<kind>/<index>"; a name may hold slashes itself. */
static struct sg_str receiver_of(struct sg_str target)
{
    for (int parts = 0; target.n && parts < 2; target.n--)
        parts += target.p[target.n - 1] == '/';
    return target;
}

static int read_receivers(struct sg__reading *rd, const struct sg_integration *integrations,
                          size_t n, const struct sg_str *receivers, size_t n_receivers)
{
    struct sg_routing *r = rd->r;
    r->receivers = sg__routing_alloc(rd, n_receivers, sizeof(*r->receivers));
    int rc = r->receivers ? 0 : SG_ELIMIT;
    for (size_t i = 0; rc == 0 && i < n_receivers; i++) {
        struct sg__receiver *to = &r->receivers[r->n_receivers++];
        to->integrations = sg__routing_alloc(rd, n, sizeof(*to->integrations));
        rc = to->integrations ? sg__routing_str(rd, receivers[i], &to->name) : SG_ELIMIT;
        for (size_t k = 0; rc == 0 && k < n; k++) {
            if (!sg_str_eq(receiver_of(integrations[k].target), receivers[i]))
                continue;
            to->integrations[to->n] = integrations[k];
            rc = sg__routing_str(rd, integrations[k].target, &to->integrations[to->n++].target);
        }
    }
    return rc;
}

/* ---- the whole ---- */

/* Of `global` only this is the core's. */
static int read_resolve_timeout(struct sg__reading *rd, const struct sg_yaml_node *root)
{
    static const char key[] = "resolve_timeout";
    const struct sg_yaml_node *node = sg_yaml_get(sg_yaml_get(root, "global"), key);
    int rc = sg_yaml_read_duration(node, key, &rd->r->resolve_timeout_ms, rd->err);
    if (rc == 0 && node && sg_yaml_kind(node) != SG_YAML_NULL && rd->r->resolve_timeout_ms <= 0)
        return sg_yaml_error(node, rd->err, "%s: cannot be zero", key);
    return rc;
}

int sg_routing_parse(const struct sg_yaml_node *root, const struct sg_integration *integrations,
                     size_t n, const struct sg_str *receivers, size_t n_receivers,
                     struct sg_routing **ret, struct sg_error *reterr)
{
    struct sg_error err = {0};
    struct sg_routing *r = sg_calloc(1, sizeof(*r));
    struct sg__reading rd = {r, &err};
    sg_arena_init(&r->arena, MAX_BYTES);
    int rc = read_receivers(&rd, integrations, n, receivers, n_receivers);
    if (rc == 0)
        rc = read_resolve_timeout(&rd, root);
    if (rc == 0)
        rc = read_all_intervals(&rd, root);
    if (rc == 0)
        rc = sg__routing_read_route(&rd, root);
    if (rc == 0)
        rc = sg__routing_read_inhibit(&rd, root);
    if (rc == 0)
        rc = sg__routing_read_maintenance(&rd, root);
    if (rc == 0)
        rc = sg__routing_read_deadmen(&rd, root);
    if (rc == 0)
        rc = sg__routing_read_flapping(&rd, root);
    if (rc < 0) {
        sg_routing_free(r);
        if (reterr && reterr->code == SG_OK)
            *reterr = err;
        return rc;
    }
    *ret = r;
    return 0;
}

void sg_routing_free(struct sg_routing *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_made; i++)
        sg_matcher_deinit(r->made[i]);
    for (size_t i = 0; i < r->n_deadmen; i++) {
        sg_labels_unref(r->deadmen[i].labels);
        sg_labels_unref(r->deadmen[i].annotations);
    }
    sg_free(r->made);
    sg_arena_deinit(&r->arena);
    sg_free(r);
}
