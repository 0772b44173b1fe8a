/* digest_config.c - `digests` of the configuration. */
#include <streamgauge/digest.h>

#include <string.h>
#include <strings.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

#include "time_interval.h"

#define MAX_ARENA ((size_t)1 << 20)
#define MAX_NAME 64
#define MAX_TOP 100

static const char *const weekdays[] = {"sunday",   "monday", "tuesday", "wednesday",
                                       "thursday", "friday", "saturday"};

struct reading {
    struct sg_digests *d;
    const struct sg_integration *integrations;
    size_t n;
    struct sg_error *err;
};

static int keep(struct reading *rd, const struct sg_yaml_node *map, const char *key,
                const char *otherwise, struct sg_str *ret)
{
    *ret = sg_str_from(otherwise);
    int rc = sg_yaml_read_str(sg_yaml_get(map, key), key, ret, rd->err);
    if (rc < 0)
        return rc;
    char *copy = sg_arena_strndup(&rd->d->arena, ret->p, ret->n);
    if (!copy)
        return sg_yaml_error(map, rd->err, "digests: the configuration is too large");
    *ret = sg_str_make(copy, ret->n);
    return 0;
}

static int read_at(struct reading *rd, const struct sg_yaml_node *map, struct sg_digest *d)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, "at");
    struct sg_str t = SG_STR("08:00");
    int rc = sg_yaml_read_str(node, "at", &t, rd->err);
    bool good = t.n == 5 && t.p[2] == ':';
    for (size_t i = 0; good && i < t.n; i++)
        good = i == 2 || (t.p[i] >= '0' && t.p[i] <= '9');
    int hour = good ? (t.p[0] - '0') * 10 + t.p[1] - '0' : 24;
    int minute = good ? (t.p[3] - '0') * 10 + t.p[4] - '0' : 60;
    if (rc == 0 && (hour > 23 || minute > 59))
        return sg_yaml_error(node, rd->err, "at: expected a time of day as \"08:00\", got '%.*s'",
                             SG_STR_ARG(t));
    d->at_min = hour * 60 + minute;
    return rc;
}

static int read_weekday(struct reading *rd, const struct sg_yaml_node *map, struct sg_digest *d)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, "weekday");
    struct sg_str day = SG_STR("monday");
    int rc = sg_yaml_read_str(node, "weekday", &day, rd->err);
    if (rc < 0)
        return rc;
    if (node && !d->weekly)
        return sg_yaml_error(node, rd->err, "weekday: only a weekly digest has one");
    for (int i = 0; i < 7; i++)
        if (sg_str_ieq(day, sg_str_from(weekdays[i]))) {
            d->weekday = i;
            return 0;
        }
    return sg_yaml_error(node, rd->err, "weekday: expected a day as monday, got '%.*s'",
                         SG_STR_ARG(day));
}

static int read_schedule(struct reading *rd, const struct sg_yaml_node *map, struct sg_digest *d)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, "schedule");
    struct sg_str schedule = SG_STR("daily");
    struct sg__interval place = {0};
    int rc = sg_yaml_read_str(node, "schedule", &schedule, rd->err);
    if (rc < 0)
        return rc;
    d->weekly = sg_str_eq_c(schedule, "weekly");
    if (!d->weekly && !sg_str_eq_c(schedule, "daily"))
        return sg_yaml_error(node, rd->err, "schedule: expected daily or weekly, got '%.*s'",
                             SG_STR_ARG(schedule));
    rc = read_at(rd, map, d);
    if (rc == 0)
        rc = read_weekday(rd, map, d);
    if (rc == 0)
        rc = sg__location_read(map, &rd->d->arena, &place, rd->err);
    d->zone = place.zone.n ? place.zone : SG_STR("");
    d->offset_s = place.offset_s;
    return rc;
}

static int read_expr(struct reading *rd, const struct sg_yaml_node *node, struct sg_digest_expr *e)
{
    static const char *const known[] = {"title", "expr", "unit", NULL};
    struct sg_error err = {0};
    struct sg_promql *q;
    if (sg_yaml_kind(node) != SG_YAML_MAP)
        return sg_yaml_error(node, rd->err, "expressions: expected {title, expr, unit}");
    int rc = sg_yaml_check_keys(node, "expressions", known, rd->err);
    if (rc == 0)
        rc = keep(rd, node, "expr", "", &e->expr);
    if (rc == 0)
        rc = keep(rd, node, "title", e->expr.p, &e->title);
    if (rc == 0)
        rc = keep(rd, node, "unit", "", &e->unit);
    if (rc < 0)
        return rc;
    const struct sg_yaml_node *at = sg_yaml_get(node, "expr") ? sg_yaml_get(node, "expr") : node;
    if (sg_promql_parse(e->expr, NULL, &q, &err) < 0)
        return sg_yaml_error(at, rd->err, "expr: %u:%u: %s", err.line, err.column, err.text);
    enum sg_expr_type type = q->root->type;
    struct sg_promql_plan *plan = NULL;
    rc = sg_promql_prepare(q, NULL, &plan, &err);
    sg_promql_plan_free(plan);
    sg_promql_free(q);
    if (rc < 0)
        return sg_yaml_error(at, rd->err, "expr: %u:%u: %s", err.line, err.column, err.text);
    e->hash = sg_hash64_stable(e->expr.p, e->expr.n);
    if (type != SG_TYPE_SCALAR && type != SG_TYPE_VECTOR)
        return sg_yaml_error(at, rd->err,
                             "expr: it is a %s, expected an instant vector or a scalar",
                             sg_expr_type_text(type));
    return 0;
}

static int read_exprs(struct reading *rd, const struct sg_yaml_node *map, struct sg_digest *d)
{
    const struct sg_yaml_node *list = sg_yaml_get(map, "expressions");
    size_t n = sg_yaml_count(list);
    if (list && sg_yaml_kind(list) != SG_YAML_LIST && sg_yaml_kind(list) != SG_YAML_NULL)
        return sg_yaml_error(list, rd->err, "expressions: expected a list");
    if (n > SG_DIGEST_MAX_EXPRS)
        return sg_yaml_error(list, rd->err, "expressions: more than %d", SG_DIGEST_MAX_EXPRS);
    d->exprs = sg_arena_calloc(&rd->d->arena, n + 1, sizeof(*d->exprs));
    if (!d->exprs)
        return sg_yaml_error(map, rd->err, "digests: the configuration is too large");
    for (; d->n_exprs < n; d->n_exprs++) {
        const struct sg_yaml_node *node = sg_yaml_at(list, d->n_exprs);
        int rc = read_expr(rd, node, &d->exprs[d->n_exprs]);
        for (size_t i = 0; rc == 0 && i < d->n_exprs; i++)
            if (d->exprs[i].hash == d->exprs[d->n_exprs].hash)
                rc = sg_yaml_error(node, rd->err, "expressions: '%s' comes twice",
                                   d->exprs[i].expr.p);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Targets are "<receiver>/email/<index>". */
static int find_targets(struct reading *rd, const struct sg_yaml_node *map, struct sg_digest *d)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, "receiver");
    d->targets = sg_arena_calloc(&rd->d->arena, rd->n + 1, sizeof(*d->targets));
    if (!d->targets)
        return sg_yaml_error(map, rd->err, "digests: the configuration is too large");
    for (size_t i = 0; i < rd->n; i++) {
        struct sg_str target = rd->integrations[i].target, rest = target;
        if (!sg_str_starts_with(rest, d->receiver))
            continue;
        rest = sg_str_make(rest.p + d->receiver.n, rest.n - d->receiver.n);
        if (!sg_str_starts_with(rest, SG_STR("/email/")))
            continue;
        char *copy = sg_arena_strndup(&rd->d->arena, target.p, target.n);
        if (!copy)
            return sg_yaml_error(map, rd->err, "digests: the configuration is too large");
        d->targets[d->n_targets++] = sg_str_make(copy, target.n);
    }
    if (d->n_targets == 0)
        return sg_yaml_error(node ? node : map, rd->err,
                             "receiver: there is no receiver '%s' with email_configs",
                             d->receiver.p);
    return 0;
}

static int check_name(struct reading *rd, const struct sg_yaml_node *map, const struct sg_digest *d)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, "name");
    bool good = d->name.n > 0 && d->name.n <= MAX_NAME;
    for (size_t i = 0; good && i < d->name.n; i++) {
        char c = d->name.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    }
    if (!good)
        return sg_yaml_error(node ? node : map, rd->err,
                             "name: expected 1 to %d letters, digits, - and _, got '%s'", MAX_NAME,
                             d->name.p);
    if (sg_digests_find(rd->d, d->name))
        return sg_yaml_error(node, rd->err, "digests: the name '%s' comes twice", d->name.p);
    return 0;
}

static int read_digest(struct reading *rd, const struct sg_yaml_node *map, struct sg_digest *d)
{
    static const char *const known[] = {"name",    "receiver", "title", "schedule",    "at",
                                        "weekday", "location", "top",   "expressions", NULL};
    uint64_t top = 10;
    if (sg_yaml_kind(map) != SG_YAML_MAP)
        return sg_yaml_error(map, rd->err, "digests: expected keys and values");
    int rc = sg_yaml_check_keys(map, "digests", known, rd->err);
    if (rc == 0)
        rc = keep(rd, map, "name", "", &d->name);
    if (rc == 0)
        rc = check_name(rd, map, d);
    if (rc == 0)
        rc = keep(rd, map, "receiver", "", &d->receiver);
    if (rc == 0)
        rc = keep(rd, map, "title", d->name.p, &d->title);
    if (rc == 0)
        rc = find_targets(rd, map, d);
    if (rc == 0)
        rc = read_schedule(rd, map, d);
    if (rc == 0)
        rc = sg_yaml_read_u64(sg_yaml_get(map, "top"), "top", &top, rd->err);
    if (rc == 0 && top > MAX_TOP)
        rc = sg_yaml_error(sg_yaml_get(map, "top"), rd->err, "top: expected 0 to %d", MAX_TOP);
    d->top = (uint32_t)top;
    return rc < 0 ? rc : read_exprs(rd, map, d);
}

int sg_digests_parse(const struct sg_yaml_node *root, const struct sg_integration *integrations,
                     size_t n, struct sg_digests **ret, struct sg_error *reterr)
{
    const struct sg_yaml_node *list = sg_yaml_get(root, "digests");
    struct sg_digests *d = sg_calloc(1, sizeof(*d));
    struct reading rd = {.d = d, .integrations = integrations, .n = n, .err = reterr};
    size_t count = sg_yaml_count(list);
    int rc = 0;
    atomic_init(&d->refs, 1);
    sg_arena_init(&d->arena, MAX_ARENA);
    d->list = sg_arena_calloc(&d->arena, SG_DIGEST_MAX, sizeof(*d->list));
    if (list && sg_yaml_kind(list) != SG_YAML_LIST && sg_yaml_kind(list) != SG_YAML_NULL)
        rc = sg_yaml_error(list, reterr, "digests: expected a list");
    else if (count > SG_DIGEST_MAX)
        rc = sg_yaml_error(list, reterr, "digests: more than %d", SG_DIGEST_MAX);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = read_digest(&rd, sg_yaml_at(list, i), &d->list[i]);
        d->n = i + 1;
    }
    if (rc < 0) {
        sg_digests_unref(d);
        return rc;
    }
    *ret = d;
    return 0;
}

struct sg_digests *sg_digests_ref(struct sg_digests *d)
{
    atomic_fetch_add(&d->refs, 1);
    return d;
}

void sg_digests_unref(struct sg_digests *d)
{
    if (!d || atomic_fetch_sub(&d->refs, 1) != 1)
        return;
    sg_arena_deinit(&d->arena);
    sg_free(d);
}

const struct sg_digest *sg_digests_find(const struct sg_digests *d, struct sg_str name)
{
    for (size_t i = 0; i < d->n; i++)
        if (sg_str_eq(d->list[i].name, name))
            return &d->list[i];
    return NULL;
}
