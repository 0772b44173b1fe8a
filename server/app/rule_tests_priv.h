/* rule_tests_priv.h - what the checks of one group of rule tests share. */
#ifndef STREAMGAUGE_APP_RULE_TESTS_PRIV_H
#define STREAMGAUGE_APP_RULE_TESTS_PRIV_H

#include "rule_rig.h"
#include "rule_tests.h"

struct sg__rule_test {
    const struct sg_rule_test_file *file;
    const struct sg_yaml_node *node;
    struct sg_rule_failures *failures;
    struct sg_rule_rig *rig;
    struct sg_str name;
    int64_t start_ms;
};

/* A mistake in the file, or one that stops the test. */
void sg__rule_test_error(const struct sg__rule_test *t, const struct sg_error *err);
/* An entry of promql_expr_test. */
void sg__rule_test_expr(const struct sg__rule_test *t, const struct sg_yaml_node *node);
/* An entry of alert_rule_test, against the alerts as they are. */
void sg__rule_test_alerts(const struct sg__rule_test *t, const struct sg_yaml_node *node,
                          const struct sg_ruler_info *info);

#endif
