/* rule_tests.c - runs one group of rule tests: input, steps, and the checks in between. */
#include <stdio.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#include "cli.h"
#include "rule_tests_priv.h"

#define MAX_RULE_FILE ((size_t)64 << 20)

void sg__rule_test_error(const struct sg__rule_test *t, const struct sg_error *err)
{
    char text[1024];
    sg_rule_failure(t->failures, "%s", sg_error_format(err, text, sizeof(text)));
}

/* ---- reading ---- */

static int read_external_labels(const struct sg_yaml_node *map, const struct sg_labels **ret,
                                struct sg_error *err)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    if (map && sg_yaml_kind(map) != SG_YAML_MAP && sg_yaml_kind(map) != SG_YAML_NULL)
        return sg_yaml_error(map, err, "external_labels: expected a map");
    for (size_t i = 0; i < sg_yaml_count(map); i++) {
        struct sg_str value = SG_STR("");
        int rc = sg_yaml_read_str(sg_yaml_at(map, i), "external_labels", &value, err);
        if (rc < 0)
            return rc;
        sg_labels_builder_set(&b, sg_yaml_key(map, i), value);
    }
    *ret = sg_labels_builder_build(&b);
    return 0;
}

/* RFC 3339 or seconds since the epoch. */
static int read_start(const struct sg_yaml_node *node, int64_t *ret_ms, struct sg_error *err)
{
    struct sg_str text = SG_STR("");
    double seconds;
    int rc = sg_yaml_read_str(node, "start_timestamp", &text, err);
    if (rc < 0 || !text.n)
        return rc;
    if (sg_double_parse_all(text.p, text.n, &seconds) == 0 && seconds >= 0 && seconds < 1e11)
        *ret_ms = (int64_t)(seconds * 1000);
    else if (sg_rfc3339_parse(text, ret_ms) < 0)
        return sg_yaml_error(node, err, "start_timestamp: expected seconds or RFC 3339, got '%.*s'",
                             SG_STR_ARG(text));
    return 0;
}

static int read_options(struct sg__rule_test *t, struct sg_rule_rig_options *o,
                        struct sg_error *err)
{
    static const char *const known[] = {"interval",
                                        "input_series",
                                        "alert_rule_test",
                                        "promql_expr_test",
                                        "external_labels",
                                        "external_url",
                                        "name",
                                        "start_timestamp",
                                        NULL};
    int rc = sg_yaml_check_keys(t->node, "test", known, err);
    *o = (struct sg_rule_rig_options){.interval_ms = t->file->interval_ms,
                                      .external_url = SG_STR("")};
    if (rc == 0)
        rc = sg_yaml_read_duration(sg_yaml_get(t->node, "interval"), "interval", &o->step_ms, err);
    if (rc == 0)
        rc = sg_yaml_read_str(sg_yaml_get(t->node, "name"), "name", &t->name, err);
    if (rc == 0)
        rc = sg_yaml_read_str(sg_yaml_get(t->node, "external_url"), "external_url",
                              &o->external_url, err);
    if (rc == 0)
        rc = read_start(sg_yaml_get(t->node, "start_timestamp"), &o->start_ms, err);
    if (rc == 0)
        rc =
            read_external_labels(sg_yaml_get(t->node, "external_labels"), &o->external_labels, err);
    if (o->step_ms <= 0)
        o->step_ms = t->file->interval_ms;
    t->start_ms = o->start_ms;
    return rc;
}

/* The strings of an entry of input_series, which may be of values alone as numbers. */
static int add_series(const struct sg__rule_test *t, const struct sg_yaml_node *node,
                      struct sg_error *err)
{
    static const char *const known[] = {"series", "values", NULL};
    struct sg_str series = SG_STR(""), values = SG_STR("");
    int rc = sg_yaml_check_keys(node, "input series", known, err);
    if (rc == 0)
        rc = sg_yaml_read_str(sg_yaml_get(node, "series"), "series", &series, err);
    if (rc == 0)
        rc = sg_yaml_read_str(sg_yaml_get(node, "values"), "values", &values, err);
    if (rc < 0)
        return rc;
    struct sg_error why = {0};
    if (sg_rule_rig_add_series(t->rig, series, values, &why) < 0)
        return sg_yaml_error(node, err, "input series '%.*s': %s",
                             series.n < 200 ? (int)series.n : 200, series.p, why.text);
    return 0;
}

static int load_rules(const struct sg__rule_test *t, struct sg_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < t->file->n_rule_files && rc == 0; i++) {
        struct sg_buf text;
        sg_buf_init(&text, MAX_RULE_FILE);
        rc = sg_cli_read_file(t->file->rule_files[i], &text, err);
        if (rc == 0)
            rc = sg_rule_rig_load(t->rig, t->file->rule_files[i], sg_buf_str(&text), NULL, NULL,
                                  err);
        sg_buf_deinit(&text);
    }
    sg_rule_rig_order(t->rig, t->file->order, t->file->n_order);
    return rc;
}

/* ---- steps ---- */

struct alert_case {
    const struct sg_yaml_node *node;
    int64_t eval_ms; /* after the start */
};

static int check_alert_case(const struct sg__rule_test *t, const struct sg_yaml_node *node,
                            int64_t eval_ms, struct sg_error *err)
{
    static const char *const known[] = {"eval_time", "alertname", "exp_alerts", NULL};
    char when[48];
    int rc = sg_yaml_check_keys(node, "alert_rule_test", known, err);
    struct sg_str name = SG_STR("");
    if (rc == 0)
        rc = sg_yaml_read_str(sg_yaml_get(node, "alertname"), "alertname", &name, err);
    if (rc < 0 || name.n)
        return rc;
    sg_duration_format(eval_ms, when);
    return sg_yaml_error(node, err,
                         "an item under alert_rule_test misses required attribute alertname at "
                         "eval_time %s%s%.*s%s",
                         when, t->name.n ? " (in TestGroup " : "", SG_STR_ARG(t->name),
                         t->name.n ? ")" : "");
}

/* The cases, and in *max_ms the latest time of any check. */
static int read_cases(const struct sg__rule_test *t, struct alert_case *cases, int64_t *max_ms,
                      struct sg_error *err)
{
    const struct sg_yaml_node *alerts = sg_yaml_get(t->node, "alert_rule_test"),
                              *exprs = sg_yaml_get(t->node, "promql_expr_test");
    for (size_t i = 0; i < sg_yaml_count(alerts); i++) {
        cases[i] = (struct alert_case){.node = sg_yaml_at(alerts, i)};
        int rc = sg_yaml_read_duration(sg_yaml_get(cases[i].node, "eval_time"), "eval_time",
                                       &cases[i].eval_ms, err);
        if (rc == 0)
            rc = check_alert_case(t, cases[i].node, cases[i].eval_ms, err);
        if (rc < 0)
            return rc;
        *max_ms = cases[i].eval_ms > *max_ms ? cases[i].eval_ms : *max_ms;
    }
    for (size_t i = 0; i < sg_yaml_count(exprs); i++) {
        int64_t eval_ms = 0;
        int rc = sg_yaml_read_duration(sg_yaml_get(sg_yaml_at(exprs, i), "eval_time"), "eval_time",
                                       &eval_ms, err);
        if (rc < 0)
            return rc;
        *max_ms = eval_ms > *max_ms ? eval_ms : *max_ms;
    }
    return 0;
}

/* True when every rule could be evaluated. */
static bool rules_well(const struct sg__rule_test *t, const struct sg_ruler_info *info,
                       int64_t after_ms)
{
    bool well = true;
    char when[48];
    sg_duration_format(after_ms, when);
    for (size_t g = 0; g < info->n_groups; g++) {
        for (size_t i = 0; i < info->groups[g].group->n_rules; i++) {
            const struct sg_rule_info *r = &info->groups[g].rules[i];
            if (!r->error[0])
                continue;
            well = false;
            sg_rule_failure(t->failures, "    rule: %.*s, time: %s, err: %s",
                            SG_STR_ARG(r->rule->name), when, r->error);
        }
    }
    return well;
}

/* One step and the checks that are due until the next. False: the test ends here. */
static bool step(const struct sg__rule_test *t, const struct alert_case *cases, int64_t after_ms)
{
    struct sg_error err = {0};
    if (sg_rule_rig_step(t->rig, t->start_ms + after_ms, &err) < 0) {
        sg__rule_test_error(t, &err);
        return false;
    }
    struct sg_ruler_info *info = sg_rule_rig_look(t->rig);
    bool well = rules_well(t, info, after_ms);
    size_t n = sg_yaml_count(sg_yaml_get(t->node, "alert_rule_test"));
    for (size_t i = 0; well && i < n; i++)
        if (after_ms <= cases[i].eval_ms && cases[i].eval_ms < after_ms + t->file->interval_ms)
            sg__rule_test_alerts(t, cases[i].node, info);
    sg_ruler_info_free(info);
    return well;
}

static void run(const struct sg__rule_test *t, const struct alert_case *cases, int64_t max_ms)
{
    const struct sg_yaml_node *exprs = sg_yaml_get(t->node, "promql_expr_test");
    for (int64_t after_ms = 0; after_ms <= max_ms; after_ms += t->file->interval_ms)
        if (!step(t, cases, after_ms))
            return;
    for (size_t i = 0; i < sg_yaml_count(exprs); i++)
        sg__rule_test_expr(t, sg_yaml_at(exprs, i));
}

static int prepare(const struct sg__rule_test *t, struct sg_error *err)
{
    const struct sg_yaml_node *series = sg_yaml_get(t->node, "input_series");
    int rc = 0;
    for (size_t i = 0; i < sg_yaml_count(series) && rc == 0; i++)
        rc = add_series(t, sg_yaml_at(series, i), err);
    return rc < 0 ? rc : load_rules(t, err);
}

void sg_rule_test(const struct sg_rule_test_file *file, const struct sg_yaml_node *test,
                  struct sg_rule_failures *failures)
{
    struct sg__rule_test t = {.file = file, .node = test, .failures = failures, .name = SG_STR("")};
    struct sg_rule_rig_options options;
    struct sg_error err = {0};
    int64_t max_ms = 0;
    struct alert_case *cases =
        sg_calloc(sg_yaml_count(sg_yaml_get(test, "alert_rule_test")) + 1, sizeof(*cases));
    int rc = read_options(&t, &options, &err);
    if (rc == 0)
        rc = read_cases(&t, cases, &max_ms, &err);
    if (rc == 0) {
        t.rig = sg_rule_rig_new(&options);
        rc = prepare(&t, &err);
    }
    if (rc < 0)
        sg__rule_test_error(&t, &err);
    else
        run(&t, cases, max_ms);
    sg_rule_rig_free(t.rig);
    sg_labels_unref(options.external_labels);
    sg_free(cases);
}
