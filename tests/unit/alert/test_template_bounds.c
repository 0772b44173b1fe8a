/* test_template_bounds.c - what templates can grow is bounded: values that print as very many, long
 * chains, trees of files. And the names in errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <streamgauge/mem.h>
#include <streamgauge/template.h>
#include <string.h>

static const char json[] = "{\"status\":\"firing\",\"alerts\":[{\"labels\":{\"a\":\"b\"}}]}";

/* 2^32 ones. */
#define DOUBLED "{{ $l := list 1 }}{{ range 32 }}{{ $l = list $l $l }}{{ end }}"
#define DEEP "{{ $l := list }}{{ range 150 }}{{ $l = list $l }}{{ end }}"

static int expand_in(struct sg_template_set *set, const char *text, struct sg_template_data data,
                     struct sg_error *err, struct sg_buf *out)
{
    struct sg_template *t;
    *err = (struct sg_error){0};
    sg_buf_init(out, 1 << 20);
    int rc = sg_template_parse_in(sg_str_from(text), set, &t, err);
    if (rc == 0)
        rc = sg_template_expand(t, &data, out, err);
    sg_template_free(t);
    return rc;
}

static void fails(const char *text, struct sg_template_data data, int code, const char *part)
{
    struct sg_error err;
    struct sg_buf out;
    if (expand_in(NULL, text, data, &err, &out) != code || !strstr(err.text, part))
        fail_msg("%.80s: %s, expected %s", text, err.text, part);
    sg_buf_deinit(&out);
}

static void gives(const char *text, const char *expected)
{
    struct sg_error err;
    struct sg_buf out;
    struct sg_template_data data = {.json = {json, sizeof(json) - 1}};
    if (expand_in(NULL, text, data, &err, &out) < 0)
        fail_msg("%.80s: %s", text, err.text);
    assert_string_equal(sg_buf_cstr(&out), expected);
    sg_buf_deinit(&out);
}

static void test_print__of_shared_lists_is_bounded(void **state)
{
    static const char *const uses[] = {"$l",
                                       "print $l",
                                       "println 1 $l",
                                       "toJson $l",
                                       "join \"\" $l",
                                       "printf \"%v\" $l",
                                       "printf \"%d\" $l",
                                       "printf \"x\" $l",
                                       "html $l",
                                       "html 1 $l",
                                       "js $l",
                                       "urlquery $l",
                                       "print (dict \"a\" $l)",
                                       "toJson (args $l)",
                                       "print (slice $l 0 1)",
                                       "append $l $l",
                                       "len (print $l)",
                                       "index $l 0",
                                       "first $l",
                                       "or (print $l) 1"};
    char text[512];
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(uses); i++) {
        snprintf(text, sizeof(text), DOUBLED "{{ %s }}", uses[i]);
        fails(text, (struct sg_template_data){0}, SG_EEXECUTION, "");
        fails(text, (struct sg_template_data){.json = {json, sizeof(json) - 1}}, SG_EEXECUTION, "");
        fails(text, (struct sg_template_data){.json = {json, sizeof(json) - 1}, .html = true},
              SG_EEXECUTION, "");
    }
}

static void test_print__values_are_steps(void **state)
{
    (void)state;
    fails(DOUBLED "{{ print $l }}", (struct sg_template_data){0}, SG_EEXECUTION,
          "more than 10000 steps");
    fails("{{ $l := list \"\" }}{{ range 32 }}{{ $l = list $l $l }}{{ end }}{{ join \"\" $l }}",
          (struct sg_template_data){0}, SG_EEXECUTION, "more than 10000 steps");
}

static void test_print__depth_is_bounded(void **state)
{
    (void)state;
    fails(DEEP "{{ $l }}", (struct sg_template_data){0}, SG_EEXECUTION, "deeper than 100");
    fails(DEEP "{{ toJson $l }}", (struct sg_template_data){0}, SG_EEXECUTION, "deeper than 100");
    gives("{{ $l := list }}{{ range 5 }}{{ $l = list $l }}{{ end }}{{ $l }}", "[[[[[[]]]]]]");
}

static void test_compare__of_lists_is_refused(void **state)
{
    (void)state;
    fails(DOUBLED "{{ eq $l $l }}", (struct sg_template_data){0}, SG_EEXECUTION, "incompatible");
    gives(DOUBLED "{{ len $l }} {{ if $l }}yes{{ end }}{{ not $l }}", "2 yesfalse");
}

/* ---- chains ---- */

static void put_chain(struct sg_buf *b, const char *word, const char *cond, int n)
{
    sg_buf_printf(b, "{{ %s %s }}0", word, cond);
    for (int i = 1; i <= n; i++)
        sg_buf_printf(b, "{{ else %s %s }}%d", word, cond, i);
    sg_buf_puts(b, "{{ else }}none{{ end }}");
}

static void test_chain__is_not_nested(void **state)
{
    struct sg_buf text;
    (void)state;
    sg_buf_init(&text, 1 << 20);
    put_chain(&text, "if", "false", 1000);
    gives(sg_buf_cstr(&text), "none");
    sg_buf_reset(&text);
    put_chain(&text, "with", "\"\"", 60);
    gives(sg_buf_cstr(&text), "none");
    sg_buf_reset(&text);
    put_chain(&text, "if", "false", 1001);
    fails(sg_buf_cstr(&text), (struct sg_template_data){0}, SG_ESYNTAX,
          "more than 1000 'else if' in a row");
    sg_buf_deinit(&text);
}

static void test_chain__takes_the_first_that_is_true(void **state)
{
    (void)state;
    gives("{{ range list 1 2 3 4 }}{{ if eq . 1 }}a{{ else if eq . 2 }}b{{ else if eq . 3 }}c"
          "{{ else }}d{{ end }}{{ end }}",
          "abcd");
    gives("{{ with \"\" }}{{ . }}{{ else with .status }}{{ . }}{{ else }}no{{ end }}{{ .status }}",
          "firingfiring");
    gives("{{ if false }}a{{ else if false }}b{{ end }}c", "c");
}

/* ---- files ---- */

static void test_template_set__memory_is_bounded(void **state)
{
    struct sg_template_set *set = sg_template_set_new();
    struct sg_error err = {0};
    struct sg_buf text;
    int rc = 0, n = 0;
    (void)state;
    sg_buf_init(&text, 1 << 20);
    sg_buf_puts(&text, "{{ define \"x\" }}");
    while (text.len < 200000)
        sg_buf_puts(&text, "{{.}}");
    sg_buf_puts(&text, "{{ end }}");
    for (; rc == 0 && n < 60; n++)
        rc = sg_template_set_add(set, "dense.tmpl", sg_buf_str(&text), &err);
    assert_int_equal(rc, SG_ELIMIT);
    assert_string_equal(err.source, "dense.tmpl");
    assert_non_null(strstr(err.text, "more than 64 MiB of memory together"));
    assert_in_range(n, 3, 20);
    sg_buf_deinit(&text);
    sg_template_set_unref(set);
}

static void add(struct sg_template_set *set, const char *source, const char *text)
{
    struct sg_error err = {0};
    if (sg_template_set_add(set, source, sg_str_from(text), &err) < 0)
        fail_msg("%s: %s", text, err.text);
}

static void gives_in(struct sg_template_set *set, const char *text, const char *expected)
{
    struct sg_error err;
    struct sg_buf out;
    struct sg_template_data data = {.json = {json, sizeof(json) - 1}};
    if (expand_in(set, text, data, &err, &out) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(sg_buf_cstr(&out), expected);
    sg_buf_deinit(&out);
}

static void test_template_set__a_files_own_text_has_its_name(void **state)
{
    struct sg_template_set *set = sg_template_set_new();
    struct sg_error err = {0};
    struct sg_buf out;
    struct sg_template_data data = {.json = {json, sizeof(json) - 1}};
    (void)state;
    add(set, "dir/wild.tmpl", "{{ $s := .status }}{{ define \"x\" }}x{{ end }}is {{ $s }}");
    add(set, "dir/empty.tmpl", "\n{{ define \"y\" }}y{{ end }}\n");
    gives_in(set, "{{ template \"wild.tmpl\" . }} {{ template \"x\" }}", "is firing x");
    assert_int_equal(expand_in(set, "{{ template \"empty.tmpl\" }}", data, &err, &out), SG_ESYNTAX);
    sg_buf_deinit(&out);
    assert_int_equal(sg_template_set_add(set, "z", SG_STR("{{ $labels }}"), NULL), SG_ESYNTAX);
    err = (struct sg_error){0};
    assert_int_equal(
        sg_template_set_add(set, "d/b.t", SG_STR("a{{ define \"b.t\" }}b{{ end }}"), &err),
        SG_ESYNTAX);
    assert_string_equal(err.source, "d/b.t");
    assert_non_null(strstr(err.text, "'b.t' is defined in the text"));
    sg_template_set_unref(set);
}

static void test_template_set__calls_are_checked_where_they_are_reached(void **state)
{
    struct sg_template_set *set = sg_template_set_new();
    struct sg_error err = {0};
    struct sg_buf out;
    struct sg_template_data data = {.json = {json, sizeof(json) - 1}};
    (void)state;
    add(set, "dir/l.tmpl",
        "{{ define \"layout\" }}<{{ template \"content\" . }}>{{ end }}\n"
        "{{ define \"outer\" }}{{ template \"layout\" . }}{{ template \"outer\" . }}{{ end }}");
    gives_in(set, "{{ define \"content\" }}{{ .status }}{{ end }}{{ template \"layout\" . }}",
             "<firing>");
    gives_in(set, "{{ .status }}", "firing");
    assert_int_equal(expand_in(set, "{{ .status }}\n{{ template \"outer\" . }}", data, &err, &out),
                     SG_ESYNTAX);
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 4);
    assert_string_equal(err.text,
                        "dir/l.tmpl:1:26: there is no definition of a template 'content'");
    sg_buf_deinit(&out);
    sg_template_set_unref(set);
}

static void test_template_set__errors_keep_the_end_of_a_long_path(void **state)
{
    struct sg_template_set *set = sg_template_set_new();
    struct sg_error err = {0};
    char path[600];
    (void)state;
    memset(path, 'd', sizeof(path));
    strcpy(path + 500, "/the.tmpl");
    assert_int_equal(sg_template_set_add(set, path, SG_STR("{{ | }}"), &err), SG_ESYNTAX);
    assert_int_equal(strlen(err.source), sizeof(err.source) - 1);
    assert_string_equal(err.source + strlen(err.source) - 10, "d/the.tmpl");
    assert_memory_equal(err.source, "...dd", 5);
    sg_template_set_unref(set);
}

static void test_field__is_named_as_written(void **state)
{
    struct sg_template_data data = {.json = {json, sizeof(json) - 1}};
    (void)state;
    fails("{{ .Foo }}", data, SG_EEXECUTION, "can't evaluate field Foo in");
    fails("{{ .foo }}", data, SG_EEXECUTION, "can't evaluate field foo in");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print__of_shared_lists_is_bounded),
        cmocka_unit_test(test_print__values_are_steps),
        cmocka_unit_test(test_print__depth_is_bounded),
        cmocka_unit_test(test_compare__of_lists_is_refused),
        cmocka_unit_test(test_chain__is_not_nested),
        cmocka_unit_test(test_chain__takes_the_first_that_is_true),
        cmocka_unit_test(test_template_set__memory_is_bounded),
        cmocka_unit_test(test_template_set__a_files_own_text_has_its_name),
        cmocka_unit_test(test_template_set__calls_are_checked_where_they_are_reached),
        cmocka_unit_test(test_template_set__errors_keep_the_end_of_a_long_path),
        cmocka_unit_test(test_field__is_named_as_written),
    };
    return cmocka_run_group_tests_name("template_bounds", tests, NULL, NULL);
}
