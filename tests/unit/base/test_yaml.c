/* YAML: nodes, places, checked readings, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/yaml.h>

static struct sg_yaml *parse(const char *text)
{
    struct sg_yaml *y = NULL;
    struct sg_error err = {0};
    int rc = sg_yaml_parse("x.yml", text, strlen(text), &y, &err);
    if (rc < 0)
        print_error("%u:%u %s\n", err.line, err.column, err.text);
    assert_int_equal(rc, 0);
    return y;
}

static void refuse(const char *text, int code, unsigned line, unsigned column)
{
    struct sg_yaml *y = NULL;
    struct sg_error err = {0};
    assert_int_equal(sg_yaml_parse("x.yml", text, strlen(text), &y, &err), code);
    assert_null(y);
    assert_int_equal(err.line, line);
    assert_int_equal(err.column, column);
    assert_string_equal(err.source, "x.yml");
}

static void test_yaml__nodes_know_kind_text_and_place(void **state)
{
    (void)state;
    struct sg_yaml *y = parse("a: 1\nb:\n  - x\n  - \"null\"\n  - ~\nc: |\n  two\n  lines\n");
    const struct sg_yaml_node *root = sg_yaml_root(y), *b = sg_yaml_get(root, "b");
    assert_int_equal(sg_yaml_kind(root), SG_YAML_MAP);
    assert_int_equal(sg_yaml_count(root), 3);
    assert_int_equal(sg_yaml_kind(b), SG_YAML_LIST);
    assert_int_equal(sg_yaml_count(b), 3);
    assert_string_equal(sg_yaml_text(sg_yaml_at(b, 0)).p, "x");
    assert_int_equal(sg_yaml_kind(sg_yaml_at(b, 1)), SG_YAML_SCALAR);
    assert_int_equal(sg_yaml_kind(sg_yaml_at(b, 2)), SG_YAML_NULL);
    assert_string_equal(sg_yaml_text(sg_yaml_get(root, "c")).p, "two\nlines\n");
    assert_int_equal(sg_yaml_line(sg_yaml_at(b, 1)), 4);
    assert_int_equal(sg_yaml_column(sg_yaml_at(b, 1)), 5);
    assert_string_equal(sg_yaml_key(root, 2).p, "c");
    assert_null(sg_yaml_get(root, "d"));
    sg_yaml_free(y);
}

static void test_yaml__aliases_and_empty_documents(void **state)
{
    (void)state;
    struct sg_yaml *y = parse("a: &x {k: v}\nb: *x\n");
    assert_string_equal(sg_yaml_text(sg_yaml_get(sg_yaml_get(sg_yaml_root(y), "b"), "k")).p, "v");
    sg_yaml_free(y);
    y = parse("# nothing\n");
    assert_int_equal(sg_yaml_kind(sg_yaml_root(y)), SG_YAML_NULL);
    sg_yaml_free(y);
}

static void test_yaml__maps_are_merged_under_what_is_there(void **state)
{
    (void)state;
    struct sg_yaml *y = parse("x: &x {k: 1, l: 2}\ny: &y {l: 3, m: 4}\n"
                              "a: {<<: *x, l: own}\nb:\n  <<: [*y, *x]\nc: {'<<': text}\n");
    const struct sg_yaml_node *root = sg_yaml_root(y), *a = sg_yaml_get(root, "a"),
                              *b = sg_yaml_get(root, "b");
    assert_int_equal(sg_yaml_count(a), 2);
    assert_string_equal(sg_yaml_text(sg_yaml_get(a, "k")).p, "1");
    assert_string_equal(sg_yaml_text(sg_yaml_get(a, "l")).p, "own");
    assert_int_equal(sg_yaml_count(b), 3);
    assert_string_equal(sg_yaml_text(sg_yaml_get(b, "k")).p, "1");
    assert_string_equal(sg_yaml_text(sg_yaml_get(b, "l")).p, "3");
    assert_string_equal(sg_yaml_text(sg_yaml_get(b, "m")).p, "4");
    assert_string_equal(sg_yaml_text(sg_yaml_get(sg_yaml_get(root, "c"), "<<")).p, "text");
    sg_yaml_free(y);
}

static void test_yaml__what_is_refused_names_its_place(void **state)
{
    (void)state;
    refuse("a: [1, 2\nb: 3\n", SG_ESYNTAX, 2, 2);
    refuse("a: 1\na: 2\n", SG_ESYNTAX, 2, 1);
    refuse("a: *nope\n", SG_ESYNTAX, 1, 4);
    refuse("a: 1\n---\nb: 2\n", SG_ESYNTAX, 2, 1);
    refuse("a: {<<: text}\n", SG_ESYNTAX, 1, 9);
    refuse("a: {<<: [{b: 1}, text]}\n", SG_ESYNTAX, 1, 18);
}

static void test_yaml__a_bomb_of_aliases_is_a_limit(void **state)
{
    (void)state;
    char text[2048];
    size_t n = (size_t)snprintf(text, sizeof(text), "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 12; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                              i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    struct sg_yaml *y = NULL;
    assert_int_equal(sg_yaml_parse("x", text, n, &y, NULL), SG_ELIMIT);
    char deep[300];
    memset(deep, '[', sizeof(deep));
    assert_int_equal(sg_yaml_parse("x", deep, sizeof(deep), &y, NULL), SG_ELIMIT);
}

static void test_yaml__checked_readings(void **state)
{
    (void)state;
    struct sg_yaml *y = parse("d: 1m30s\nu: 12\nb: true\ns: text\nl: []\nq: \"true\"\n");
    const struct sg_yaml_node *r = sg_yaml_root(y);
    int64_t ms = 0;
    uint64_t u = 0;
    bool b = false;
    struct sg_str s = SG_STR("kept");
    struct sg_error err = {0};
    assert_int_equal(sg_yaml_read_duration(sg_yaml_get(r, "d"), "d", &ms, NULL), 0);
    assert_int_equal(ms, 90000);
    assert_int_equal(sg_yaml_read_u64(sg_yaml_get(r, "u"), "u", &u, NULL), 0);
    assert_int_equal(u, 12);
    assert_int_equal(sg_yaml_read_bool(sg_yaml_get(r, "b"), "b", &b, NULL), 0);
    assert_true(b);
    assert_int_equal(sg_yaml_read_str(sg_yaml_get(r, "none"), "none", &s, NULL), 0);
    assert_string_equal(s.p, "kept");
    assert_int_equal(sg_yaml_read_bool(sg_yaml_get(r, "q"), "q", &b, NULL), SG_EINVALID);
    assert_int_equal(sg_yaml_read_u64(sg_yaml_get(r, "s"), "s", &u, &err), SG_EINVALID);
    assert_int_equal(err.line, 4);
    assert_string_equal(err.text, "s: expected a whole number, got 'text'");
    assert_int_equal(sg_yaml_read_str(sg_yaml_get(r, "l"), "l", &s, NULL), SG_EINVALID);
    sg_yaml_free(y);
}

static void test_yaml__unknown_keys_come_with_a_hint(void **state)
{
    (void)state;
    struct sg_yaml *y = parse("group_wait: 1s\ngroup_intervall: 5m\n");
    static const char *const known[] = {"group_wait", "group_interval", NULL};
    struct sg_error err = {0};
    assert_int_equal(sg_yaml_check_keys(sg_yaml_root(y), "route", known, &err), SG_EINVALID);
    assert_int_equal(err.line, 2);
    assert_string_equal(err.text,
                        "route: unknown key 'group_intervall'; did you mean 'group_interval'?");
    sg_yaml_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml__nodes_know_kind_text_and_place),
        cmocka_unit_test(test_yaml__aliases_and_empty_documents),
        cmocka_unit_test(test_yaml__maps_are_merged_under_what_is_there),
        cmocka_unit_test(test_yaml__what_is_refused_names_its_place),
        cmocka_unit_test(test_yaml__a_bomb_of_aliases_is_a_limit),
        cmocka_unit_test(test_yaml__checked_readings),
        cmocka_unit_test(test_yaml__unknown_keys_come_with_a_hint),
    };
    return cmocka_run_group_tests_name("base/yaml", tests, NULL, NULL);
}
