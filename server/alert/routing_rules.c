/* routing_rules.c - inhibit_rules, maintenance, dead_mans_switches and flapping. */
#include "routing.h"

#include <stdio.h>

#include <streamgauge/hash.h>
#include <streamgauge/time.h>

#define MAX_RULES 1000

static int need_map(struct sg__reading *rd, const struct sg_yaml_node *node, const char *what,
                    const char *const *known)
{
    if (sg_yaml_kind(node) != SG_YAML_MAP)
        return sg_yaml_error(node, rd->err, "%s: expected keys and values", what);
    return sg_yaml_check_keys(node, what, known, rd->err);
}

/* ---- inhibit_rules ---- */

static int read_inhibit(struct sg__reading *rd, const struct sg_yaml_node *node,
                        struct sg__inhibit_rule *to)
{
    static const char *const known[] = {"name",
                                        "source_match",
                                        "source_match_re",
                                        "source_matchers",
                                        "target_match",
                                        "target_match_re",
                                        "target_matchers",
                                        "equal",
                                        NULL};
    static const char *const source[] = {"source_match", "source_match_re", "source_matchers"};
    static const char *const target[] = {"target_match", "target_match_re", "target_matchers"};
    int rc = need_map(rd, node, "inhibit_rules", known);
    if (rc == 0)
        rc = sg__routing_read_matchers(rd, node, source, &to->source);
    if (rc == 0)
        rc = sg__routing_read_matchers(rd, node, target, &to->target);
    return rc < 0 ? rc : sg__routing_read_strs(rd, node, "equal", &to->equal);
}

int sg__routing_read_inhibit(struct sg__reading *rd, const struct sg_yaml_node *root)
{
    const struct sg_yaml_node *list = sg_yaml_get(root, "inhibit_rules");
    struct sg_routing *r = rd->r;
    size_t n;
    int rc = sg__routing_list(rd, list, "inhibit_rules", MAX_RULES, &n);
    if (rc < 0)
        return rc;
    r->inhibit = sg__routing_alloc(rd, n, sizeof(*r->inhibit));
    if (!r->inhibit)
        return SG_ELIMIT;
    for (; rc == 0 && r->n_inhibit < n; r->n_inhibit++)
        rc = read_inhibit(rd, sg_yaml_at(list, r->n_inhibit), &r->inhibit[r->n_inhibit]);
    return rc;
}

/* ---- maintenance ---- */

static int read_time(struct sg__reading *rd, const struct sg_yaml_node *map, const char *key,
                     int64_t *ret_ms)
{
    struct sg_str text = {"", 0};
    const struct sg_yaml_node *node = sg_yaml_get(map, key);
    int rc = sg_yaml_read_str(node, key, &text, rd->err);
    if (rc == 0 && text.n && sg_rfc3339_parse(text, ret_ms) < 0)
        return sg_yaml_error(node, rd->err,
                             "%s: expected a time as 2026-11-22T20:00:00Z, got '%.*s'", key,
                             SG_STR_ARG(text));
    return rc;
}

static void make_id(struct sg__maintenance *m)
{
    uint64_t a = sg_hash64_stable(m->name.p, m->name.n), b = sg_hash_mix(a);
    snprintf(m->id, sizeof(m->id), "%08x-%04x-8%03x-8%03x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff, (unsigned)(b >> 48) & 0xfff,
             (unsigned long long)(b & 0xffffffffffff));
}

static int check_maintenance(struct sg__reading *rd, const struct sg_yaml_node *node,
                             const struct sg__maintenance *m)
{
    if (m->name.n == 0)
        return sg_yaml_error(node, rd->err, "maintenance: name is missing");
    for (size_t i = 0; i < rd->r->n_maintenance; i++)
        if (sg_str_eq(rd->r->maintenance[i].name, m->name))
            return sg_yaml_error(node, rd->err, "maintenance: the name '%.*s' comes twice",
                                 SG_STR_ARG(m->name));
    if (m->matchers.n == 0)
        return sg_yaml_error(node, rd->err, "maintenance '%.*s': matchers are missing",
                             SG_STR_ARG(m->name));
    if (!m->n_intervals && !m->starts_ms && !m->ends_ms)
        return sg_yaml_error(
            node, rd->err, "maintenance '%.*s': expected time_intervals, or starts_at and ends_at",
            SG_STR_ARG(m->name));
    if (m->starts_ms && m->ends_ms && m->ends_ms <= m->starts_ms)
        return sg_yaml_error(node, rd->err, "maintenance '%.*s': it ends before it starts",
                             SG_STR_ARG(m->name));
    return 0;
}

static int read_maintenance(struct sg__reading *rd, const struct sg_yaml_node *node,
                            struct sg__maintenance *m)
{
    static const char *const known[] = {
        "name", "matchers", "time_intervals", "starts_at", "ends_at", "comment", NULL};
    static const char *const keys[] = {NULL, NULL, "matchers"};
    m->name = m->comment = SG_STR("");
    int rc = need_map(rd, node, "maintenance", known);
    if (rc == 0)
        rc = sg__routing_read_str(rd, node, "name", &m->name);
    if (rc == 0)
        rc = sg__routing_read_str(rd, node, "comment", &m->comment);
    if (rc == 0)
        rc = sg__routing_read_matchers(rd, node, keys, &m->matchers);
    if (rc == 0)
        rc = sg__routing_read_intervals(rd, node, "time_intervals", &m->intervals, &m->n_intervals);
    if (rc == 0)
        rc = read_time(rd, node, "starts_at", &m->starts_ms);
    if (rc == 0)
        rc = read_time(rd, node, "ends_at", &m->ends_ms);
    make_id(m);
    return rc < 0 ? rc : check_maintenance(rd, node, m);
}

int sg__routing_read_maintenance(struct sg__reading *rd, const struct sg_yaml_node *root)
{
    const struct sg_yaml_node *list = sg_yaml_get(root, "maintenance");
    struct sg_routing *r = rd->r;
    size_t n;
    int rc = sg__routing_list(rd, list, "maintenance", MAX_RULES, &n);
    if (rc < 0)
        return rc;
    r->maintenance = sg__routing_alloc(rd, n, sizeof(*r->maintenance));
    if (!r->maintenance)
        return SG_ELIMIT;
    for (; rc == 0 && r->n_maintenance < n; r->n_maintenance++)
        rc = read_maintenance(rd, sg_yaml_at(list, r->n_maintenance),
                              &r->maintenance[r->n_maintenance]);
    return rc;
}

/* ---- dead man's switches ---- */

/* Labels of a map, with one that is there unless the map has it. Returns owned. */
static int read_labels(struct sg__reading *rd, const struct sg_yaml_node *map, const char *key,
                       const struct sg_label *more, size_t n_more, const struct sg_labels **ret)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, key);
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    int rc = 0;
    sg_labels_builder_init(&b);
    if (node && sg_yaml_kind(node) != SG_YAML_NULL && sg_yaml_kind(node) != SG_YAML_MAP)
        return sg_yaml_error(node, rd->err, "%s: expected names and values", key);
    for (size_t i = 0; i < n_more; i++)
        sg_labels_builder_set(&b, more[i].name, more[i].value);
    for (size_t i = 0; rc == 0 && i < sg_yaml_count(node); i++) {
        struct sg_str value = {"", 0};
        if (!sg_label_name_valid(sg_yaml_key(node, i)))
            return sg_yaml_error(sg_yaml_key_node(node, i), rd->err, "%s: '%.*s' is no name", key,
                                 SG_STR_ARG(sg_yaml_key(node, i)));
        rc = sg_yaml_read_str(sg_yaml_at(node, i), key, &value, rd->err);
        if (rc == 0)
            sg_labels_builder_set(&b, sg_yaml_key(node, i), value);
    }
    if (rc == 0)
        *ret = sg_labels_builder_build(&b);
    return rc;
}

static int read_deadman(struct sg__reading *rd, const struct sg_yaml_node *node,
                        struct sg__deadman *d)
{
    static const char *const known[] = {"name",   "matchers",    "within",
                                        "labels", "annotations", NULL};
    static const char *const keys[] = {NULL, NULL, "matchers"};
    d->name = SG_STR("");
    d->within_ms = 5 * SG_MS_PER_MIN;
    int rc = need_map(rd, node, "dead_mans_switches", known);
    if (rc == 0)
        rc = sg__routing_read_str(rd, node, "name", &d->name);
    if (rc == 0)
        rc = sg__routing_read_matchers(rd, node, keys, &d->matchers);
    if (rc == 0)
        rc = sg_yaml_read_duration(sg_yaml_get(node, "within"), "within", &d->within_ms, rd->err);
    if (rc < 0)
        return rc;
    if (d->name.n == 0 || d->matchers.n == 0)
        return sg_yaml_error(node, rd->err, "dead_mans_switches: %s missing",
                             d->name.n ? "matchers are" : "name is");
    if (d->within_ms < SG_MS_PER_S)
        return sg_yaml_error(node, rd->err, "within: must be at least 1s");
    const struct sg_label labels[] = {{SG_STR("alertname"), d->name},
                                      {SG_STR("severity"), SG_STR("critical")}};
    const struct sg_label notes[] = {
        {SG_STR("summary"), SG_STR("a dead man's switch was not held any more: what should have "
                                   "told us that it lives is silent")}};
    rc = read_labels(rd, node, "labels", labels, 2, &d->labels);
    return rc < 0 ? rc : read_labels(rd, node, "annotations", notes, 1, &d->annotations);
}

int sg__routing_read_deadmen(struct sg__reading *rd, const struct sg_yaml_node *root)
{
    const struct sg_yaml_node *list = sg_yaml_get(root, "dead_mans_switches");
    struct sg_routing *r = rd->r;
    size_t n;
    int rc = sg__routing_list(rd, list, "dead_mans_switches", SG__MAX_DEADMEN, &n);
    if (rc < 0)
        return rc;
    r->deadmen = sg__routing_alloc(rd, n, sizeof(*r->deadmen));
    if (!r->deadmen)
        return SG_ELIMIT;
    while (rc == 0 && r->n_deadmen < n) {
        struct sg__deadman *d = &r->deadmen[r->n_deadmen];
        rc = read_deadman(rd, sg_yaml_at(list, r->n_deadmen++), d);
        for (size_t i = 0; rc == 0 && i + 1 < r->n_deadmen; i++)
            if (sg_labels_eq(r->deadmen[i].labels, d->labels))
                rc = sg_yaml_error(sg_yaml_at(list, r->n_deadmen - 1), rd->err,
                                   "dead_mans_switches: two of them have the same name and labels");
        if (rc == 0 && sg__matchers_match(&d->matchers, d->labels))
            rc = sg_yaml_error(sg_yaml_at(list, r->n_deadmen - 1), rd->err,
                               "dead_mans_switches: the matchers of '%.*s' match its own alert",
                               SG_STR_ARG(d->name));
    }
    return rc;
}

/* ---- flapping ---- */

int sg__routing_read_flapping(struct sg__reading *rd, const struct sg_yaml_node *root)
{
    static const char *const known[] = {"transitions", "window", "stable", NULL};
    const struct sg_yaml_node *node = sg_yaml_get(root, "flapping");
    struct sg__flapping *f = &rd->r->flapping;
    uint64_t transitions = 6;
    bool on = true;
    f->window_ms = 10 * SG_MS_PER_MIN;
    f->stable_ms = 5 * SG_MS_PER_MIN;
    int rc = 0;
    if (node && sg_yaml_kind(node) == SG_YAML_SCALAR) {
        rc = sg_yaml_read_bool(node, "flapping", &on, rd->err);
    } else if (node) {
        rc = sg_yaml_check_keys(node, "flapping", known, rd->err);
        if (rc == 0)
            rc = sg_yaml_read_u64(sg_yaml_get(node, "transitions"), "transitions", &transitions,
                                  rd->err);
        if (rc == 0)
            rc = sg_yaml_read_duration(sg_yaml_get(node, "window"), "window", &f->window_ms,
                                       rd->err);
        if (rc == 0)
            rc = sg_yaml_read_duration(sg_yaml_get(node, "stable"), "stable", &f->stable_ms,
                                       rd->err);
    }
    if (rc == 0 && (transitions > SG__MAX_TRANSITIONS || transitions == 1))
        rc = sg_yaml_error(sg_yaml_get(node, "transitions"), rd->err,
                           "transitions: expected 0 (off) or 2 to %d", SG__MAX_TRANSITIONS);
    f->transitions = on ? (uint32_t)transitions : 0;
    return rc;
}
