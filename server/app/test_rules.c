/* test_rules.c - `streamgauge test-rules FILE…`: unit tests of rules, in promtool's format. */
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "rule_tests.h"

#define MAX_FILE ((size_t)64 << 20)
#define MAX_FAILURES ((size_t)16 << 20)

static int usage(FILE *out, int code)
{
    fputs("usage: streamgauge test-rules FILE…\n\n"
          "Runs unit tests of rules, in promtool's format: rule_files, evaluation_interval,\n"
          "group_eval_order, fuzzy_compare, and tests with input_series, alert_rule_test and\n"
          "promql_expr_test. Nothing is sent and no clock is waited for.\n"
          "Exit codes: 0 all passed, 1 failures or files that cannot be read, 2 wrong usage.\n",
          out);
    return code;
}

void sg_rule_failure(struct sg_rule_failures *f, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    f->n++;
    if (n >= 0)
        sg_buf_append(&f->text, text, (size_t)n + 1);
    free(text);
}

static void fail_with(struct sg_rule_failures *f, const struct sg_error *err)
{
    char text[1024];
    sg_rule_failure(f, "%s", sg_error_format(err, text, sizeof(text)));
}

/* ---- the head of a file ---- */

/* rule_files are relative to the file that names them. */
static void add_rule_files(struct sg_rule_test_file *to, struct sg_str pattern)
{
    glob_t found = {0};
    const char *slash = strrchr(to->path, '/');
    struct sg_buf b;
    sg_buf_init(&b, 8192);
    if (slash && pattern.n && pattern.p[0] != '/')
        sg_buf_append(&b, to->path, (size_t)(slash - to->path) + 1);
    sg_buf_put_str(&b, pattern);
    if (glob(sg_buf_cstr(&b), 0, NULL, &found) != 0)
        fprintf(stderr, "  WARNING: no file match pattern %s\n", sg_buf_cstr(&b));
    size_t cap = to->n_rule_files;
    to->rule_files =
        sg_grow(to->rule_files, &cap, to->n_rule_files + found.gl_pathc + 1, sizeof(char *));
    for (size_t i = 0; i < found.gl_pathc; i++)
        to->rule_files[to->n_rule_files++] = sg_strdup(found.gl_pathv[i]);
    globfree(&found);
    sg_buf_deinit(&b);
}

static int each_text(const struct sg_yaml_node *list, const char *what, struct sg_str *ret,
                     struct sg_error *err)
{
    if (list && sg_yaml_kind(list) != SG_YAML_LIST && sg_yaml_kind(list) != SG_YAML_NULL)
        return sg_yaml_error(list, err, "%s: expected a list", what);
    for (size_t i = 0; i < sg_yaml_count(list); i++) {
        int rc = sg_yaml_read_str(sg_yaml_at(list, i), what, &ret[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_order(const struct sg_rule_test_file *f, const struct sg_yaml_node *list,
                       struct sg_error *err)
{
    for (size_t i = 0; i < f->n_order; i++)
        for (size_t k = 0; k < i; k++)
            if (sg_str_eq(f->order[i], f->order[k]))
                return sg_yaml_error(sg_yaml_at(list, i), err,
                                     "group name repeated in evaluation order: %.*s",
                                     SG_STR_ARG(f->order[i]));
    return 0;
}

static int read_head(struct sg_rule_test_file *f, const struct sg_yaml_node *root,
                     struct sg_error *err)
{
    static const char *const known[] = {"rule_files", "evaluation_interval", "group_eval_order",
                                        "tests",      "fuzzy_compare",       NULL};
    const struct sg_yaml_node *files = sg_yaml_get(root, "rule_files"),
                              *order = sg_yaml_get(root, "group_eval_order");
    int rc = sg_yaml_check_keys(root, "rule tests", known, err);
    struct sg_str *patterns = sg_calloc(sg_yaml_count(files) + 1, sizeof(*patterns));
    f->order = sg_calloc(sg_yaml_count(order) + 1, sizeof(*f->order));
    f->n_order = sg_yaml_count(order);
    if (rc == 0)
        rc = each_text(files, "rule_files", patterns, err);
    if (rc == 0)
        rc = each_text(order, "group_eval_order", f->order, err);
    if (rc == 0)
        rc = check_order(f, order, err);
    if (rc == 0)
        rc = sg_yaml_read_duration(sg_yaml_get(root, "evaluation_interval"), "evaluation_interval",
                                   &f->interval_ms, err);
    if (rc == 0)
        rc = sg_yaml_read_bool(sg_yaml_get(root, "fuzzy_compare"), "fuzzy_compare", &f->fuzzy, err);
    if (f->interval_ms <= 0)
        f->interval_ms = SG_MS_PER_MIN;
    for (size_t i = 0; rc == 0 && i < sg_yaml_count(files); i++)
        add_rule_files(f, patterns[i]);
    sg_free(patterns);
    return rc;
}

/* ---- a file ---- */

static void run_tests(struct sg_rule_test_file *f, const struct sg_yaml_node *root,
                      struct sg_rule_failures *failures)
{
    const struct sg_yaml_node *tests = sg_yaml_get(root, "tests");
    struct sg_error err = {0};
    int rc = read_head(f, root, &err);
    if (rc == 0 && tests && sg_yaml_kind(tests) != SG_YAML_LIST &&
        sg_yaml_kind(tests) != SG_YAML_NULL)
        rc = sg_yaml_error(tests, &err, "tests: expected a list");
    if (rc < 0)
        fail_with(failures, &err);
    for (size_t i = 0; rc == 0 && i < sg_yaml_count(tests); i++)
        sg_rule_test(f, sg_yaml_at(tests, i), failures);
    for (size_t i = 0; i < f->n_rule_files; i++)
        sg_free(f->rule_files[i]);
    sg_free(f->rule_files);
    sg_free(f->order);
}

static bool test_file(const char *path)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    struct sg_rule_test_file f = {.path = path};
    struct sg_rule_failures failures = {.n = 0};
    struct sg_yaml *yaml = NULL;
    struct sg_error err = {0};
    sg_buf_init(&text, MAX_FILE);
    sg_buf_init(&failures.text, MAX_FAILURES);
    printf("Unit Testing:  %s\n", path);
    (void)fflush(stdout); /* in order with what goes to stderr */
    if (sg_cli_read_file(path, &text, &err) < 0 ||
        sg_yaml_parse(path, sg_buf_cstr(&text), text.len, &yaml, &err) < 0)
        fail_with(&failures, &err);
    else
        run_tests(&f, sg_yaml_root(yaml), &failures);
    if (failures.n)
        fprintf(stderr, "  FAILED:\n");
    for (size_t at = 0; at < failures.text.len; at += strlen(failures.text.data + at) + 1)
        fprintf(stderr, "%s\n\n", failures.text.data + at);
    puts(failures.n ? "" : "  SUCCESS\n");
    (void)fflush(stdout);
    sg_yaml_free(yaml);
    sg_buf_deinit(&failures.text);
    return failures.n == 0;
}

int sg_command_test_rules(int argc, char **argv)
{
    bool good = true;
    int n = sg_cli_flags(argc, argv, NULL, 0);
    if (n <= 0)
        return n == -1 ? usage(stdout, 0) : n == 0 ? usage(stderr, 2) : 2;
    for (int i = 1; i <= n; i++)
        good = test_file(argv[i]) && good;
    return good ? 0 : 1;
}
