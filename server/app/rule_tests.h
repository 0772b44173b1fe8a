/* rule_tests.h - one group of tests of a rule-test file, in promtool's format. */
#ifndef STREAMGAUGE_APP_RULE_TESTS_H
#define STREAMGAUGE_APP_RULE_TESTS_H

#include <streamgauge/buf.h>
#include <streamgauge/yaml.h>

/* What all tests of a file share. */
struct sg_rule_test_file {
    const char *path;
    char **rule_files; /* after globbing */
    size_t n_rule_files;
    int64_t interval_ms;
    struct sg_str *order; /* group_eval_order */
    size_t n_order;
    bool fuzzy; /* neighbouring doubles are equal */
};

/* Failures as text, one after the other with a NUL behind each. */
struct sg_rule_failures {
    struct sg_buf text;
    size_t n;
};

void sg_rule_failure(struct sg_rule_failures *f, const char *fmt, ...) SG_PRINTF(2, 3);
/* Runs an entry of `tests`. Failures are added; mistakes in the file too. */
void sg_rule_test(const struct sg_rule_test_file *file, const struct sg_yaml_node *test,
                  struct sg_rule_failures *failures);

#endif
