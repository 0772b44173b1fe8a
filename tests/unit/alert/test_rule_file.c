/* test_rule_file.c - rule files: what is in them, and every mistake with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <streamgauge/ruler.h>
#include <streamgauge/template.h>
#include <string.h>

static const char whole[] = "groups:\n"
                            "  - name: first\n"
                            "    interval: 30s\n"
                            "    query_offset: 5s\n"
                            "    limit: 10\n"
                            "    labels: {team: ops}\n"
                            "    rules:\n"
                            "      - record: job:up:sum\n"
                            "        expr: sum by (job) (up)\n"
                            "        labels:\n"
                            "          source: 7\n"
                            "      - alert: Down\n"
                            "        expr: |\n"
                            "          up == 0\n"
                            "            and on (job) x\n"
                            "        for: 5m\n"
                            "        keep_firing_for: 1m\n"
                            "        labels:\n"
                            "          severity: page\n"
                            "          who: '{{ $labels.job }}'\n"
                            "        annotations:\n"
                            "          summary: \"{{ $labels.instance }} is down\"\n"
                            "  - name: second\n"
                            "    rules:\n";

static void test_rule_file__holds_everything(void **state)
{
    struct sg_error err = {0};
    struct sg_rules *r = sg_rules_new();
    (void)state;
    assert_int_equal(sg_rules_add(r, "a.yml", sg_str_from(whole), NULL, NULL, &err), 0);
    assert_int_equal(r->n_groups, 2);
    assert_int_equal(r->n_rules, 2);
    const struct sg_rule_group *g = &r->groups[0];
    assert_true(sg_str_eq_c(g->file, "a.yml"));
    assert_true(sg_str_eq_c(g->name, "first"));
    assert_int_equal(g->interval_ms, 30000);
    assert_int_equal(g->offset_ms, 5000);
    assert_int_equal(g->limit, 10);
    assert_int_equal(g->n_labels, 1);
    const struct sg_rule *record = &g->rules[0], *alert = &g->rules[1];
    assert_int_equal(record->kind, SG_RULE_RECORD);
    assert_true(sg_str_eq_c(record->name, "job:up:sum"));
    assert_true(sg_str_eq_c(record->labels[0].text, "7"));
    assert_int_equal(alert->kind, SG_RULE_ALERT);
    assert_true(sg_str_eq_c(alert->expr, "up == 0\n  and on (job) x\n"));
    assert_int_equal(alert->for_ms, 300000);
    assert_int_equal(alert->keep_ms, 60000);
    assert_int_equal(alert->line, 12);
    assert_null(alert->labels[0].template);
    assert_non_null(alert->labels[1].template);
    assert_non_null(alert->annotations[0].template);
    assert_non_null(alert->parsed);
    assert_int_equal(r->groups[1].interval_ms, 0);
    assert_int_equal(sg_rules_add(r, "b.yml", SG_STR(""), NULL, NULL, &err), 0);
    assert_int_equal(sg_rules_add(r, "c.yml", SG_STR("groups:\n"), NULL, NULL, &err), 0);
    assert_int_equal(r->n_groups, 2);
    sg_rules_free(r);
}

struct seen {
    unsigned n;
    char text[4096];
};

static void collect(void *ctx, const struct sg_error *err)
{
    struct seen *s = ctx;
    char line[1024];
    size_t used = strlen(s->text);
    s->n++;
    snprintf(s->text + used, sizeof(s->text) - used, "%s\n",
             sg_error_format(err, line, sizeof(line)));
}

static void check(const char *text, const char *expected)
{
    struct seen seen = {0};
    struct sg_error err = {0};
    struct sg_rules *r = sg_rules_new();
    char first[1024];
    int rc = sg_rules_add(r, "r.yml", sg_str_from(text), collect, &seen, &err);
    if (strcmp(seen.text, expected) != 0)
        fail_msg("%s\ngives\n%s\nexpected\n%s", text, seen.text, expected);
    assert_true(rc < 0);
    assert_int_equal(r->n_groups, 0);
    sg_error_format(&err, first, sizeof(first));
    assert_memory_equal(first, expected, strlen(first));
    sg_rules_free(r);
}

#define GROUP "groups:\n- name: g\n  rules:\n" /* rules begin in line 4 */

static void test_rule_file__mistakes_of_groups(void **state)
{
    (void)state;
    check("group: []\n", "r.yml:1:1: rule file: unknown key 'group'; did you mean 'groups'?\n");
    check("groups: 5\n", "r.yml:1:9: groups: expected a list\n");
    check("- a\n", "r.yml:1:1: rule file: expected keys and values\n");
    check("groups:\n- {}\n", "r.yml:2:3: group name must not be empty\n");
    check("groups:\n- name: a\n- name: a\n",
          "r.yml:3:3: groupname 'a' is repeated in the same file\n");
    check("groups:\n- name: a\n  intervals: 5s\n",
          "r.yml:3:3: group 'a': group: unknown key 'intervals'; did you mean 'interval'?\n");
    check("groups:\n- name: a\n  interval: 5 s\n  limit: -1\n",
          "r.yml:3:13: group 'a': interval: expected a duration as 30s or 5m, got '5 s'\n"
          "r.yml:4:10: group 'a': limit: expected a whole number, got '-1'\n");
    check("groups:\n- name: a\n  labels: {__name__: x}\n",
          "r.yml:3:12: group 'a': invalid label name '__name__'\n");
    check("groups: [\n", "r.yml:2:1: did not find expected node content\n");
}

static void test_rule_file__mistakes_of_rules(void **state)
{
    (void)state;
    check(GROUP "  - {}\n", "r.yml:4:5: group 'g', rule 1: one of 'record' or 'alert' must be set\n"
                            "r.yml:4:5: group 'g', rule 1: field 'expr' must be set in rule\n");
    check(GROUP "  - alert: A\n    record: B\n    expr: up\n",
          "r.yml:4:12: group 'g', rule 1: only one of 'record' and 'alert' must be set\n");
    check(GROUP "  - alert: {c: d}\n    expr: up\n    for: 5m\n",
          "r.yml:4:12: group 'g', rule 1: alert: expected a text, got a map\n");
    check(GROUP "  - record: a{b}\n    expr: up\n    for: 5m\n    annotations: {a: b}\n",
          "r.yml:7:18: group 'g', rule 1 'a{b}': invalid field 'annotations' in recording rule\n"
          "r.yml:6:10: group 'g', rule 1 'a{b}': invalid field 'for' in recording rule\n"
          "r.yml:4:13: group 'g', rule 1 'a{b}': braces present in the recording rule name "
          "'a{b}'; should it be in expr?\n");
    check(GROUP "  - alert: A\n    expr: up\n    exprs: up\n",
          "r.yml:6:5: group 'g', rule 1 'A': rule: unknown key 'exprs'; did you mean 'expr'?\n");
    check(GROUP "  - alert: A\n    expr: up[5m]\n",
          "r.yml:5:11: group 'g', rule 1 'A': the expression is a range vector, expected an "
          "instant vector or a scalar\n");
    check(GROUP "  - alert: A\n    expr: up\n    labels: {'': x}\n",
          "r.yml:6:14: group 'g', rule 1 'A': invalid label name ''\n");
}

static void test_rule_file__rules_may_say_the_same_as_in_prometheus(void **state)
{
    (void)state;
    struct sg_error err = {0};
    struct sg_rules *r = sg_rules_new();
    const char *text = GROUP "  - alert: A\n    expr: up\n    for: 5m\n"
                             "  - alert: A\n    expr: (up)\n    for: 10m\n"
                             "  - record: a\n    expr: up\n  - record: a\n    expr: up\n";
    assert_int_equal(sg_rules_add(r, "r.yml", sg_str_from(text), NULL, NULL, &err), 0);
    assert_int_equal(r->n_rules, 4);
    sg_rules_free(r);
}

static void test_rule_file__expressions_are_placed_in_the_file(void **state)
{
    (void)state;
    check(GROUP "  - alert: A\n    expr: sum(up\n",
          "r.yml:5:17: group 'g', rule 1 'A': could not parse expression: 1:7: parse error: "
          "unclosed left parenthesis\n");
    struct seen seen = {0};
    struct sg_rules *r = sg_rules_new();
    static const struct {
        const char *text;
        const char *place;
    } cases[] = {
        {GROUP "  - alert: A\n    expr: up == == 1\n", "r.yml:5:17:"},
        {GROUP "  - alert: A\n    expr: 'up == == 1'\n", "r.yml:5:18:"},
        {GROUP "  - alert: A\n    expr: \"up{a=\\\"b\\\"} == == 1\"\n", "r.yml:5:27:"},
        {GROUP "  - alert: A\n    expr: |\n      up\n        == == 1\n", "r.yml:7:12:"},
        {GROUP "  - alert: A\n    expr: >-\n      up\n      == == 1\n", "r.yml:7:10:"},
        {GROUP "  - alert: A\n    expr: up\n      == == 1\n", "r.yml:6:10:"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        seen = (struct seen){0};
        assert_true(sg_rules_add(r, "r.yml", sg_str_from(cases[i].text), collect, &seen, NULL) < 0);
        if (strncmp(seen.text, cases[i].place, strlen(cases[i].place)) != 0)
            fail_msg("%s: %s", cases[i].place, seen.text);
    }
    sg_rules_free(r);
}

static void test_rule_file__templates_are_placed_in_the_file(void **state)
{
    (void)state;
    check(
        GROUP "  - alert: A\n    expr: up\n    annotations:\n      summary: \"x {{ $foo }}\"\n"
              "      other: |\n        a\n        b {{ bar }}\n",
        "r.yml:7:22: group 'g', rule 1 'A': annotation 'summary': undefined variable '$foo'\n"
        "r.yml:10:14: group 'g', rule 1 'A': annotation 'other': function 'bar' is not defined\n");
}

static void test_rule_file__a_file_comes_once(void **state)
{
    struct sg_error err = {0};
    struct sg_rules *r = sg_rules_new();
    (void)state;
    assert_int_equal(sg_rules_add(r, "a.yml", SG_STR("groups: [{name: a}]"), NULL, NULL, &err), 0);
    assert_true(sg_rules_add(r, "a.yml", SG_STR("groups: [{name: b}]"), NULL, NULL, &err) < 0);
    assert_string_equal(err.text, "this file was added before");
    sg_rules_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_file__holds_everything),
        cmocka_unit_test(test_rule_file__mistakes_of_groups),
        cmocka_unit_test(test_rule_file__mistakes_of_rules),
        cmocka_unit_test(test_rule_file__rules_may_say_the_same_as_in_prometheus),
        cmocka_unit_test(test_rule_file__expressions_are_placed_in_the_file),
        cmocka_unit_test(test_rule_file__templates_are_placed_in_the_file),
        cmocka_unit_test(test_rule_file__a_file_comes_once),
    };
    return cmocka_run_group_tests_name("rule_file", tests, NULL, NULL);
}
