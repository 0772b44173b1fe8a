/* rule_tests_alerts.c - are exactly these alerts firing? */
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "rule_tests_priv.h"

#define MAX_SHOWN ((size_t)4 << 20)

struct pair {
    const struct sg_labels *labels, *annotations; /* owned */
};

struct pairs {
    struct pair *list;
    size_t n, cap;
};

static void add_take(struct pairs *p, const struct sg_labels *labels,
                     const struct sg_labels *annotations)
{
    p->list = sg_grow(p->list, &p->cap, p->n + 1, sizeof(*p->list));
    p->list[p->n++] = (struct pair){labels, annotations};
}

static int by_labels(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = sg_labels_cmp(x->labels, y->labels);
    return order ? order : sg_labels_cmp(x->annotations, y->annotations);
}

static void sort(struct pairs *p)
{
    if (p->n)
        qsort(p->list, p->n, sizeof(*p->list), by_labels);
}

static void pairs_deinit(struct pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        sg_labels_unref(p->list[i].labels);
        sg_labels_unref(p->list[i].annotations);
    }
    sg_free(p->list);
}

/* ---- what is, and what should be ---- */

static void add_firing(struct pairs *p, const struct sg_ruler_info *info, struct sg_str name)
{
    for (size_t g = 0; g < info->n_groups; g++) {
        for (size_t i = 0; i < info->groups[g].group->n_rules; i++) {
            const struct sg_rule_info *r = &info->groups[g].rules[i];
            if (r->rule->kind != SG_RULE_ALERT || !sg_str_eq(r->rule->name, name))
                continue;
            for (size_t a = 0; a < r->n_alerts; a++)
                if (r->alerts[a].state == SG_ALERT_FIRING)
                    add_take(p, sg_labels_ref(r->alerts[a].labels),
                             sg_labels_ref(r->alerts[a].annotations));
        }
    }
}

static int read_map(const struct sg_yaml_node *map, const char *what, struct sg_str alertname,
                    const struct sg_labels **ret, struct sg_error *err)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    if (map && sg_yaml_kind(map) != SG_YAML_MAP && sg_yaml_kind(map) != SG_YAML_NULL)
        return sg_yaml_error(map, err, "%s: expected a map", what);
    for (size_t i = 0; i < sg_yaml_count(map); i++) {
        struct sg_str value = SG_STR("");
        int rc = sg_yaml_read_str(sg_yaml_at(map, i), what, &value, err);
        if (rc < 0)
            return rc;
        sg_labels_builder_set(&b, sg_yaml_key(map, i), value);
    }
    if (alertname.n)
        sg_labels_builder_set(&b, SG_STR("alertname"), alertname);
    *ret = sg_labels_builder_build(&b);
    return 0;
}

static int add_expected(struct pairs *p, const struct sg_yaml_node *list, struct sg_str name,
                        struct sg_error *err)
{
    static const char *const known[] = {"exp_labels", "exp_annotations", NULL};
    if (list && sg_yaml_kind(list) != SG_YAML_LIST && sg_yaml_kind(list) != SG_YAML_NULL)
        return sg_yaml_error(list, err, "exp_alerts: expected a list");
    for (size_t i = 0; i < sg_yaml_count(list); i++) {
        const struct sg_yaml_node *one = sg_yaml_at(list, i);
        const struct sg_labels *labels = NULL, *annotations = NULL;
        int rc = sg_yaml_kind(one) == SG_YAML_NULL
                     ? 0
                     : sg_yaml_check_keys(one, "exp_alerts", known, err);
        if (rc == 0)
            rc = read_map(sg_yaml_get(one, "exp_labels"), "exp_labels", name, &labels, err);
        if (rc == 0)
            rc = read_map(sg_yaml_get(one, "exp_annotations"), "exp_annotations", SG_STR(""),
                          &annotations, err);
        if (rc < 0) {
            sg_labels_unref(labels);
            return rc;
        }
        add_take(p, labels, annotations);
    }
    return 0;
}

/* ---- comparing ---- */

static bool equal(const struct pairs *a, const struct pairs *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; i < a->n && same; i++)
        same = sg_labels_eq(a->list[i].labels, b->list[i].labels) &&
               sg_labels_eq(a->list[i].annotations, b->list[i].annotations);
    return same;
}

/* promtool's way of showing them, twelve blanks to the right. */
static void print(const struct pairs *p, struct sg_buf *out)
{
#define INDENT "            "
    if (p->n == 0) {
        sg_buf_puts(out, "[]");
        return;
    }
    sg_buf_puts(out, "[\n");
    for (size_t i = 0; i < p->n; i++) {
        sg_buf_printf(out, INDENT "%zu:\n" INDENT "  Labels:", i);
        sg_labels_print(p->list[i].labels, out);
        sg_buf_puts(out, "\n" INDENT "  Annotations:");
        sg_labels_print(p->list[i].annotations, out);
        sg_buf_puts(out, i + 1 < p->n ? ",\n" : "\n");
    }
    sg_buf_puts(out, INDENT "]");
#undef INDENT
}

static void differ(const struct sg__rule_test *t, struct sg_str name, int64_t eval_ms,
                   const struct pairs *want, const struct pairs *got)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf exp;
    SG_AUTO(sg_buf_deinit) struct sg_buf is;
    char when[48];
    sg_buf_init(&exp, MAX_SHOWN);
    sg_buf_init(&is, MAX_SHOWN);
    print(want, &exp);
    print(got, &is);
    sg_duration_format(eval_ms, when);
    sg_rule_failure(t->failures,
                    "%s%.*s%s    alertname: %.*s, time: %s, \n        exp:%s, \n        got:%s",
                    t->name.n ? "    name: " : "", SG_STR_ARG(t->name), t->name.n ? ",\n" : "",
                    SG_STR_ARG(name), when, sg_buf_cstr(&exp), sg_buf_cstr(&is));
}

void sg__rule_test_alerts(const struct sg__rule_test *t, const struct sg_yaml_node *node,
                          const struct sg_ruler_info *info)
{
    struct pairs want = {0}, got = {0};
    struct sg_error err = {0};
    struct sg_str name = sg_yaml_text(sg_yaml_get(node, "alertname"));
    int64_t eval_ms = 0;
    int rc = sg_yaml_read_duration(sg_yaml_get(node, "eval_time"), "eval_time", &eval_ms, &err);
    if (rc == 0)
        rc = add_expected(&want, sg_yaml_get(node, "exp_alerts"), name, &err);
    add_firing(&got, info, name);
    sort(&want);
    sort(&got);
    if (rc < 0)
        sg__rule_test_error(t, &err);
    else if (!equal(&want, &got))
        differ(t, name, eval_ms, &want, &got);
    pairs_deinit(&want);
    pairs_deinit(&got);
}
