/* test_template.c - templates: what Prometheus' own answers are (data/alert/templates.json,
 * recorded from promtool), where mistakes are, bounds, and Alertmanager's data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <streamgauge/mem.h>
#include <streamgauge/template.h>
#include <string.h>

#include "mem_querier.c"

struct fixture {
    struct sg_mem_store *store;
    const struct sg_labels *labels, *external;
    unsigned queries;
    struct sg_template_data data;
    struct sg_error err;
    struct sg_buf out;
};

static const struct sg_labels *make_labels(const char *const *pairs)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    for (; *pairs; pairs += 2)
        sg_labels_builder_set(&b, sg_str_from(pairs[0]), sg_str_from(pairs[1]));
    return sg_labels_builder_build(&b);
}

static int query(void *ctx, struct sg_str expr, int64_t time_ms, struct sg_promql_result *ret,
                 struct sg_error *reterr)
{
    struct fixture *f = ctx;
    struct sg_promql *q;
    struct sg_promql_plan *plan;
    f->queries++;
    int rc = sg_promql_parse(expr, NULL, &q, reterr);
    if (rc < 0)
        return rc;
    rc = sg_promql_prepare(q, NULL, &plan, reterr);
    if (rc == 0) {
        struct sg_querier querier = sg_mem_querier(f->store);
        rc = sg_promql_eval(plan, &querier, SG_PROMQL_AT(time_ms), ret, reterr);
        sg_promql_plan_free(plan);
    }
    sg_promql_free(q);
    return rc;
}

static int setup(void **state)
{
    struct fixture *f = sg_calloc(1, sizeof(*f));
    f->store = sg_mem_store_new();
    assert_int_equal(
        sg_mem_load(f->store, SG_STR("load 1m\n  n{i=\"b\"} 21\n  n{i=\"a\"} 11\n"), NULL), 0);
    f->labels = make_labels((const char *const[]){"__name__", "m", "instance",
                                                  "web-1.example.com:9100", "job", "api", NULL});
    f->external = make_labels((const char *const[]){"dc", "x", NULL});
    f->data = (struct sg_template_data){.labels = f->labels,
                                        .external_labels = f->external,
                                        .value = 1234567.5,
                                        .external_url = SG_STR("http://testhost:9090/path/prefix"),
                                        .query = query,
                                        .query_ctx = f};
    sg_buf_init(&f->out, 1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_mem_store_free(f->store);
    sg_labels_unref(f->labels);
    sg_labels_unref(f->external);
    sg_buf_deinit(&f->out);
    sg_free(f);
    return 0;
}

static int expand(struct fixture *f, const char *text)
{
    struct sg_template *t;
    f->err = (struct sg_error){0};
    sg_buf_reset(&f->out);
    int rc = sg_template_parse(sg_str_from(text), &t, &f->err);
    if (rc == 0 && !t)
        sg_buf_puts(&f->out, text);
    if (rc == 0 && t)
        rc = sg_template_expand(t, &f->data, &f->out, &f->err);
    sg_template_free(t);
    return rc;
}

static void gives(struct fixture *f, const char *text, const char *expected)
{
    if (expand(f, text) < 0)
        fail_msg("%s: %u:%u: %s", text, f->err.line, f->err.column, f->err.text);
    assert_string_equal(sg_buf_cstr(&f->out), expected);
}

static void fails(struct fixture *f, const char *text, int code, unsigned line, unsigned column,
                  const char *part)
{
    int rc = expand(f, text);
    if (rc == 0)
        fail_msg("%s gave %s", text, sg_buf_cstr(&f->out));
    if (rc != code || f->err.line != line || f->err.column != column || !strstr(f->err.text, part))
        fail_msg("%s: %d at %u:%u: %s", text, rc, f->err.line, f->err.column, f->err.text);
}

static void test_template__expands_as_prometheus(void **state)
{
    struct fixture *f = *state;
    json_t *cases = json_load_file(SG_TEST_DATA "/alert/templates.json", 0, NULL);
    assert_true(json_array_size(cases) > 40);
    unsigned wrong = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        json_t *one = json_array_get(cases, i);
        const char *text = json_string_value(json_array_get(one, 0));
        const char *expected = json_string_value(json_array_get(one, 1));
        if (expand(f, text) == 0 && strcmp(sg_buf_cstr(&f->out), expected) == 0)
            continue;
        print_error("%s\n  gives    %s (%s)\n  expected %s\n", text, sg_buf_cstr(&f->out),
                    f->err.text, expected);
        wrong++;
    }
    json_decref(cases);
    assert_int_equal(wrong, 0);
}

static void test_template__plain_text_is_no_template(void **state)
{
    struct sg_template *t = (struct sg_template *)state;
    assert_int_equal(sg_template_parse(SG_STR("{ no } template {"), &t, NULL), 0);
    assert_null(t);
}

static void test_template__external_url_and_labels(void **state)
{
    gives(*state, "{{ pathPrefix }} {{ externalURL }} {{ $externalURL }} {{ .ExternalURL }}",
          "/path/prefix http://testhost:9090/path/prefix http://testhost:9090/path/prefix "
          "http://testhost:9090/path/prefix");
    gives(*state, "{{ $externalLabels.dc }}{{ .ExternalLabels.dc }}{{ $externalLabels.none }}",
          "xx");
}

static void test_template__strips_domains(void **state)
{
    gives(*state,
          "{{ \"foo.example.com\" | stripDomain }} {{ \"foo.example.com:12345\" | stripDomain }} "
          "{{ \"192.0.2.1\" | stripDomain }} {{ \"192.0.2.1:12345\" | stripDomain }} "
          "{{ \"2001:0DB8::1\" | stripDomain }} {{ \"[2001:0DB8::1]:12345\" | stripDomain }} "
          "{{ \"[2001:0DB8::1]::12345\" | stripDomain }}",
          "foo foo:12345 192.0.2.1 192.0.2.1:12345 2001:0DB8::1 [2001:0DB8::1]:12345 "
          "[2001:0DB8::1]::12345");
}

static void test_template__numbers_of_both_kinds_compare(void **state)
{
    gives(*state, "{{ gt $value 1000 }} {{ eq 1 1.0 }} {{ lt 1 1.5 }}", "true true true");
}

static void test_template__later_functions(void **state)
{
    struct fixture *f = *state;
    f->data.time_ms = 1500;
    gives(f,
          "{{ now }} {{ urlQueryEscape \"a b\" }} {{ toJson $labels.job }} {{ trimSpace \" a \" }}",
          "1.5 a+b \"api\" a");
    gives(f, "{{ join \",\" (stringSlice \"a\" \"b\") }} {{ toJson 1.5 }} {{ toJson $labels }}",
          "a,b 1.5 {\"__name__\":\"m\",\"instance\":\"web-1.example.com:9100\",\"job\":\"api\"}");
}

static void test_template__mistakes_have_places(void **state)
{
    fails(*state, "{{", SG_ESYNTAX, 1, 1, "unclosed action");
    fails(*state, "a\nb {{ $x }}", SG_ESYNTAX, 2, 6, "undefined variable '$x'");
    fails(*state, "{{ foo 1 }}", SG_ESYNTAX, 1, 4, "function 'foo' is not defined");
    fails(*state, "{{ tmpl \"x\" . }}", SG_EUNSUPPORTED, 1, 4, "not supported");
    fails(*state, "{{ if }}x{{ end }}", SG_ESYNTAX, 1, 7, "missing value");
    fails(*state, "{{ if 1 }}x", SG_ESYNTAX, 1, 7, "no {{end}}");
    fails(*state, "x{{ end }}", SG_ESYNTAX, 1, 5, "unexpected {{end}}");
    fails(*state, "x{{ else }}", SG_ESYNTAX, 1, 5, "unexpected {{else}}");
    fails(*state, "{{ \"x }}", SG_ESYNTAX, 1, 4, "unterminated");
    fails(*state, "{{ /* x }}", SG_ESYNTAX, 1, 4, "unexpected '/'");
    fails(*state, "{{/* x }}", SG_ESYNTAX, 1, 1, "unclosed comment");
    fails(*state, "{{ (1 }}", SG_ESYNTAX, 1, 7, "unexpected '}}'");
    fails(*state, "{{ 1 ) }}", SG_ESYNTAX, 1, 6, "unexpected ')'");
    fails(*state, "{{ 1 | 2 }}", SG_ESYNTAX, 1, 8, "constant");
    fails(*state, "{{ nil }}", SG_ESYNTAX, 1, 4, "nil");
    fails(*state, "{{ toUpper }}", SG_ESYNTAX, 1, 4, "got 0, expected 1");
    fails(*state, "{{ toUpper 1 2 }}", SG_ESYNTAX, 1, 4, "got 2, expected 1");
    fails(*state, "{{ break }}", SG_ESYNTAX, 1, 4, "outside of range");
    fails(*state, "{{ \"a\"\"b\" }}", SG_ESYNTAX, 1, 7, "white space");
    fails(*state, "{{ \"\\q\" }}", SG_ESYNTAX, 1, 6, "escape");
    fails(*state, "{{ 1x }}", SG_ESYNTAX, 1, 4, "bad number");
    fails(*state, "{{\xc2\xa0}}", SG_ESYNTAX, 1, 3, "unrecognized character");
}

static void test_template__failures_have_places(void **state)
{
    fails(*state, "{{ query \"none\" | first }}", SG_EEXECUTION, 1, 19,
          "first() called on vector with no elements");
    fails(*state, "x\n{{ humanize \"one\" }}", SG_EEXECUTION, 2, 4, "error calling humanize");
    fails(*state, "{{ .Foo }}", SG_EEXECUTION, 1, 4, "can't evaluate field Foo");
    fails(*state, "{{ (query \"n\").banana }}", SG_EEXECUTION, 1, 4, "field banana");
    fails(*state, "{{ toUpper 5 }}", SG_EEXECUTION, 1, 4, "expected string; got int");
    fails(*state, "{{ lt \"a\" 1 }}", SG_EEXECUTION, 1, 4, "incompatible types");
    fails(*state, "{{ humanizeTimestamp 1e12 }}", SG_EEXECUTION, 1, 4, "overflows int64");
    fails(*state, "{{ query \"(\" }}", SG_EEXECUTION, 1, 4, "parse error");
    fails(*state, "{{ reReplaceAll \"a(\" \"x\" \"ab\" }}", SG_EEXECUTION, 1, 4,
          "missing closing )");
    fails(*state, "{{ index $labels 1 }}", SG_EEXECUTION, 1, 4, "cannot index");
    fails(*state, "{{ index \"abc\" 3 }}", SG_EEXECUTION, 1, 4, "out of range");
    fails(*state, "{{ slice \"abc\" 2 1 }}", SG_EEXECUTION, 1, 4, "out of range");
}

static void test_template__is_bounded(void **state)
{
    struct fixture *f = *state;
    fails(f, "{{ range 200 }}{{ range 200 }}x{{ end }}{{ end }}", SG_EEXECUTION, 1, 19,
          "more than 10000 steps");
    fails(f, "{{ $x := \"0123456789\" }}{{ range 9000 }}{{ printf \"%100s\" $x }}{{ end }}",
          SG_EEXECUTION, 1, 44, "longer than 65536");
    fails(f, "{{ range 100 }}{{ query \"n\" }}{{ end }}", SG_EEXECUTION, 1, 19,
          "more than 32 queries");
    assert_int_equal(f->queries, 32);
    char deep[400];
    memset(deep, '(', sizeof(deep));
    memcpy(deep, "{{ ", 3);
    deep[sizeof(deep) - 1] = 0;
    assert_int_equal(expand(f, deep), SG_ESYNTAX);
    assert_non_null(strstr(f->err.text, "nested deeper"));
}

static void test_template__knows_what_depends_on_the_value(void **state)
{
    static const struct {
        const char *text;
        bool varies;
    } cases[] = {
        {"{{ $labels.job }}", false},
        {"{{ .Labels.job | toUpper }}", false},
        {"{{ $value }}", true},
        {"{{ .Value }}", true},
        {"{{ if true }}{{ humanize $.Value }}{{ end }}", true},
        {"{{ . }}", true},
        {"{{ query \"n\" | first | value }}", true},
        {"{{ with $labels }}{{ .job }}{{ end }}", false},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_template *t;
        assert_int_equal(sg_template_parse(sg_str_from(cases[i].text), &t, NULL), 0);
        assert_int_equal(sg_template_depends_on_value(t), cases[i].varies);
        sg_template_free(t);
    }
}

static const char webhook[] =
    "{\"version\":\"4\",\"status\":\"firing\",\"receiver\":\"team\",\"groupLabels\":{\"alertname\":"
    "\"Down\"},\"commonLabels\":{\"alertname\":\"Down\",\"job\":\"api\",\"zone\":\"b\"},"
    "\"commonAnnotations\":{},\"externalURL\":\"http://sg\",\"alerts\":["
    "{\"status\":\"firing\",\"labels\":{\"alertname\":\"Down\",\"i\":\"1\"},\"annotations\":"
    "{\"summary\":\"one\"},\"startsAt\":\"2026-11-22T08:00:00.5Z\",\"endsAt\":"
    "\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://g\",\"fingerprint\":\"abc\",\"value\":1.5},"
    "{\"status\":\"resolved\",\"labels\":{\"i\":\"2\"},\"annotations\":{},\"startsAt\":"
    "\"2026-11-22T08:00:00Z\",\"endsAt\":\"2026-11-22T09:00:00Z\"}]}";

static void test_template__reads_alertmanagers_data(void **state)
{
    struct fixture *f = *state;
    f->data.json = sg_str_from(webhook);
    gives(f,
          "[{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end "
          "}}] "
          "{{ .GroupLabels.SortedPairs.Values | join \" \" }} {{ .Receiver }} {{ .ExternalURL }}",
          "[FIRING:1] Down team http://sg");
    gives(f,
          "{{ range .Alerts }}{{ .Labels.i }}={{ .Annotations.summary }}|{{ .Status }};{{ end }}",
          "1=one|firing;2=|resolved;");
    gives(f, "{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}",
          "alertname=Down job=api zone=b ");
    gives(f,
          "{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ range $k, $v := . }}{{ $k }}={{ "
          "$v }} {{ end }}{{ end }}",
          "job=api zone=b ");
    gives(f,
          "{{ (index .Alerts 0).StartsAt.Format \"15:04:05.0\" }} {{ (index .Alerts 0).StartsAt }} "
          "{{ (index .Alerts 0).GeneratorURL }} {{ (index .Alerts 0).Fingerprint }} {{ (index "
          ".Alerts 0).value }}",
          "08:00:00.5 2026-11-22 08:00:00.5 +0000 UTC http://g abc 1.5");
    gives(f,
          "{{ toJson .CommonLabels }} {{ .CommonLabels }} {{ .CommonLabels.none }}| {{ len "
          ".Alerts.Resolved }} {{ range .Alerts.Resolved }}{{ .Labels.i }}{{ end }}",
          "{\"alertname\":\"Down\",\"job\":\"api\",\"zone\":\"b\"} map[alertname:Down job:api "
          "zone:b] "
          "| 1 2");
    fails(f, "{{ .Nothing }}", SG_EEXECUTION, 1, 4, "can't evaluate field");
    fails(f, "{{ $labels.job }}", SG_EEXECUTION, 1, 4, "rules only");
    f->data.json = SG_STR("{");
    fails(f, "{{ .Status }}", SG_EEXECUTION, 0, 0, "no JSON");
}

static void test_template__lists_its_functions(void **state)
{
    (void)state;
    const char *const *pairs = sg_template_functions();
    size_t n = 0;
    for (; pairs[n]; n += 2) {
        char text[128];
        struct sg_template *t = NULL;
        struct sg_error err = {0};
        assert_non_null(pairs[n + 1]);
        if (n) /* the table is searched by name */
            assert_true(strcmp(pairs[n - 2], pairs[n]) < 0);
        snprintf(text, sizeof(text), "{{ %s }}", pairs[n]);
        if (sg_template_parse(sg_str_from(text), &t, &err) < 0)
            assert_non_null(strstr(err.text, "wrong number of arguments"));
        sg_template_free(t);
    }
    assert_true(n > 80);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_template__expands_as_prometheus),
        TEST(test_template__plain_text_is_no_template),
        TEST(test_template__external_url_and_labels),
        TEST(test_template__strips_domains),
        TEST(test_template__numbers_of_both_kinds_compare),
        TEST(test_template__later_functions),
        TEST(test_template__mistakes_have_places),
        TEST(test_template__failures_have_places),
        TEST(test_template__is_bounded),
        TEST(test_template__knows_what_depends_on_the_value),
        TEST(test_template__reads_alertmanagers_data),
        TEST(test_template__lists_its_functions),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
