/* routing_route.c - the tree of routes: read, matched, printed. */
#include "routing.h"

#include <stdlib.h>

#include <streamgauge/time.h>

#define MAX_ROUTES 10000
#define MAX_GROUP_BY 256

void sg__matchers_print(const struct sg__matchers *m, struct sg_buf *out)
{
    sg_buf_putc(out, '{');
    for (size_t i = 0; i < m->n; i++) {
        if (i)
            sg_buf_putc(out, ',');
        if (sg_label_name_valid(m->list[i].name))
            sg_buf_put_str(out, m->list[i].name);
        else
            sg_buf_put_json_str(out, m->list[i].name);
        sg_buf_puts(out, sg_match_type_text(m->list[i].type));
        sg_buf_put_json_str(out, m->list[i].value);
    }
    sg_buf_putc(out, '}');
}

static const struct sg__receiver *find_receiver(const struct sg_routing *r, struct sg_str name)
{
    for (size_t i = 0; i < r->n_receivers; i++)
        if (sg_str_eq(r->receivers[i].name, name))
            return &r->receivers[i];
    return NULL;
}

static int read_receiver(struct sg__reading *rd, const struct sg_yaml_node *node,
                         struct sg__route *to)
{
    struct sg_str name = {"", 0};
    const struct sg_yaml_node *value = sg_yaml_get(node, "receiver");
    int rc = sg_yaml_read_str(value, "receiver", &name, rd->err);
    if (rc < 0 || name.n == 0)
        return rc;
    to->receiver = find_receiver(rd->r, name);
    if (!to->receiver)
        return sg_yaml_error(value, rd->err, "receiver: there is none of the name '%.*s'",
                             SG_STR_ARG(name));
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return sg_str_cmp(*(const struct sg_str *)a, *(const struct sg_str *)b);
}

/* [...] alone is "by everything"; an empty list says nothing, as no list. */
static int read_group_by(struct sg__reading *rd, const struct sg_yaml_node *node,
                         struct sg__route *to)
{
    struct sg__strs by = {0};
    const struct sg_yaml_node *value = sg_yaml_get(node, "group_by");
    int rc = sg__routing_read_strs(rd, node, "group_by", &by);
    if (rc < 0 || by.n == 0)
        return rc;
    if (by.n > MAX_GROUP_BY)
        return sg_yaml_error(value, rd->err, "group_by: more than %d labels", MAX_GROUP_BY);
    qsort(by.list, by.n, sizeof(*by.list), by_bytes);
    to->group_by_all = false;
    for (size_t i = 0; i < by.n; i++) {
        if (i && sg_str_eq(by.list[i], by.list[i - 1]))
            return sg_yaml_error(value, rd->err, "group_by: '%.*s' comes twice",
                                 SG_STR_ARG(by.list[i]));
        if (by.list[i].n == 0 || !sg_utf8_valid(by.list[i].p, by.list[i].n))
            return sg_yaml_error(value, rd->err, "group_by: '%.*s' is no name of a label",
                                 SG_STR_ARG(by.list[i]));
        if (sg_str_eq_c(by.list[i], "..."))
            to->group_by_all = true;
    }
    if (to->group_by_all && by.n > 1)
        return sg_yaml_error(value, rd->err, "group_by: '...' must stand alone");
    to->group_by = to->group_by_all ? (struct sg__strs){0} : by;
    return 0;
}

static int read_positive(struct sg__reading *rd, const struct sg_yaml_node *node, const char *key,
                         int64_t *ret)
{
    const struct sg_yaml_node *value = sg_yaml_get(node, key);
    int rc = sg_yaml_read_duration(value, key, ret, rd->err);
    if (rc == 0 && *ret <= 0)
        return sg_yaml_error(value, rd->err, "%s: cannot be zero", key);
    return rc;
}

static int read_times(struct sg__reading *rd, const struct sg_yaml_node *node, struct sg__route *to)
{
    int rc = sg_yaml_read_duration(sg_yaml_get(node, "group_wait"), "group_wait",
                                   &to->group_wait_ms, rd->err);
    if (rc == 0)
        rc = read_positive(rd, node, "group_interval", &to->group_interval_ms);
    if (rc == 0)
        rc = read_positive(rd, node, "repeat_interval", &to->repeat_ms);
    if (rc == 0)
        rc = sg__routing_read_intervals(rd, node, "mute_time_intervals", &to->mute, &to->n_mute);
    if (rc == 0)
        rc = sg__routing_read_intervals(rd, node, "active_time_intervals", &to->active,
                                        &to->n_active);
    return rc;
}

static int make_key(struct sg__reading *rd, const struct sg__route *parent, struct sg__route *to)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf b;
    sg_buf_init(&b, 1 << 20);
    if (parent) {
        sg_buf_put_str(&b, parent->key);
        sg_buf_putc(&b, '/');
    }
    sg__matchers_print(&to->matchers, &b);
    if (b.failed)
        return sg_error_set(rd->err, SG_ELIMIT, "a route's matchers are too long");
    return sg__routing_str(rd, sg_buf_str(&b), &to->key);
}

static int read_route(struct sg__reading *rd, const struct sg_yaml_node *node,
                      const struct sg__route *parent, struct sg__route *to);

static int read_children(struct sg__reading *rd, const struct sg_yaml_node *node,
                         struct sg__route *to)
{
    const struct sg_yaml_node *list = sg_yaml_get(node, "routes");
    size_t n;
    int rc = sg__routing_list(rd, list, "routes", MAX_ROUTES, &n);
    if (rc < 0)
        return rc;
    to->routes = sg__routing_alloc(rd, n, sizeof(*to->routes));
    if (!to->routes)
        return SG_ELIMIT;
    for (; rc == 0 && to->n_routes < n; to->n_routes++)
        rc = read_route(rd, sg_yaml_at(list, to->n_routes), to, &to->routes[to->n_routes]);
    return rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): nesting is bounded by yaml.h. */
static int read_route(struct sg__reading *rd, const struct sg_yaml_node *node,
                      const struct sg__route *parent, struct sg__route *to)
{
    static const char *const known[] = {"receiver",
                                        "group_by",
                                        "continue",
                                        "match",
                                        "match_re",
                                        "matchers",
                                        "group_wait",
                                        "group_interval",
                                        "repeat_interval",
                                        "routes",
                                        "mute_time_intervals",
                                        "active_time_intervals",
                                        NULL};
    static const char *const keys[] = {"match", "match_re", "matchers"};
    if (rd->r->n_routes >= MAX_ROUTES)
        return sg_yaml_error(node, rd->err, "routes: more than %d", MAX_ROUTES);
    if (parent) { /* what is inherited; not its own matchers, times and children */
        to->receiver = parent->receiver;
        to->group_by = parent->group_by;
        to->group_by_all = parent->group_by_all;
        to->group_wait_ms = parent->group_wait_ms;
        to->group_interval_ms = parent->group_interval_ms;
        to->repeat_ms = parent->repeat_ms;
    }
    to->index = rd->r->n_routes++;
    int rc = sg_yaml_kind(node) == SG_YAML_MAP
                 ? sg_yaml_check_keys(node, "route", known, rd->err)
                 : sg_yaml_error(node, rd->err, "route: expected keys and values");
    if (rc == 0)
        rc = read_receiver(rd, node, to);
    if (rc == 0)
        rc = read_group_by(rd, node, to);
    if (rc == 0)
        rc = sg_yaml_read_bool(sg_yaml_get(node, "continue"), "continue", &to->goes_on, rd->err);
    if (rc == 0)
        rc = sg__routing_read_matchers(rd, node, keys, &to->matchers);
    if (rc == 0)
        rc = read_times(rd, node, to);
    if (rc == 0)
        rc = make_key(rd, parent, to);
    return rc < 0 ? rc : read_children(rd, node, to);
}

/* No route given: everything goes to the first receiver, one group per alert name. */
static int implicit_route(struct sg__reading *rd)
{
    struct sg__route *root = &rd->r->root;
    root->receiver = rd->r->n_receivers ? &rd->r->receivers[0] : NULL;
    root->key = SG_STR("{}");
    root->group_by.list = sg__routing_alloc(rd, 1, sizeof(struct sg_str));
    if (!root->group_by.list)
        return SG_ELIMIT;
    root->group_by.list[0] = SG_STR("alertname");
    root->group_by.n = 1;
    rd->r->n_routes = 1;
    return 0;
}

int sg__routing_read_route(struct sg__reading *rd, const struct sg_yaml_node *root)
{
    const struct sg_yaml_node *node = sg_yaml_get(root, "route");
    struct sg__route *to = &rd->r->root;
    to->group_wait_ms = 30 * SG_MS_PER_S;
    to->group_interval_ms = 5 * SG_MS_PER_MIN;
    to->repeat_ms = 4 * SG_MS_PER_HOUR;
    if (!node || sg_yaml_kind(node) == SG_YAML_NULL)
        return implicit_route(rd);
    int rc = read_route(rd, node, NULL, to);
    if (rc < 0)
        return rc;
    if (!to->receiver)
        return sg_yaml_error(node, rd->err, "route: the root must have a receiver");
    if (to->matchers.n)
        return sg_yaml_error(node, rd->err, "route: the root must have no matchers");
    if (to->n_mute || to->n_active)
        return sg_yaml_error(node, rd->err, "route: the root must have no time intervals");
    if (to->goes_on)
        return sg_yaml_error(node, rd->err, "route: the root cannot have 'continue'");
    return 0;
}

/* ---- use ---- */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the configuration. */
static bool match(const struct sg__route *route, const struct sg_labels *labels,
                  sg__route_each *each, void *ctx)
{
    bool inside = false;
    if (!sg__matchers_match(&route->matchers, labels))
        return false;
    for (size_t i = 0; i < route->n_routes; i++) {
        if (!match(&route->routes[i], labels, each, ctx))
            continue;
        inside = true;
        if (!route->routes[i].goes_on)
            break;
    }
    if (!inside)
        each(ctx, route);
    return true;
}

void sg__route_match(const struct sg__route *root, const struct sg_labels *labels,
                     sg__route_each *each, void *ctx)
{
    match(root, labels, each, ctx);
}

const struct sg_labels *sg__route_group_labels(const struct sg__route *route,
                                               const struct sg_labels *labels)
{
    if (route->group_by_all)
        return sg_labels_ref(labels);
    if (route->group_by.n == 0)
        return sg_labels_ref(sg_labels_empty());
    return sg_labels_project(labels, route->group_by.list, route->group_by.n, true);
}

struct collect {
    struct sg_str *ret;
    size_t n, max;
};

static void collect_receiver(void *ctx, const struct sg__route *route)
{
    struct collect *c = ctx;
    if (!route->receiver)
        return;
    if (c->n < c->max)
        c->ret[c->n] = route->receiver->name;
    c->n++;
}

size_t sg_routing_receivers(const struct sg_routing *r, const struct sg_labels *labels,
                            struct sg_str *ret, size_t max)
{
    struct collect c = {ret, 0, max};
    sg__route_match(&r->root, labels, collect_receiver, &c);
    return c.n < max ? c.n : max;
}
