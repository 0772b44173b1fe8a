/* test_template_set.c - definitions of templates: what Alertmanager's own answers are
 * (data/alert/template_files.json, recorded from `amtool template render`), within a text, in sets
 * of files, the built-in ones; what they see, where mistakes are, bounds. And the functions that
 * files in the wild use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/template.h>
#include <streamgauge/time.h>
#include <string.h>

#define NOW INT64_C(1795336245500) /* 2026-11-22 08:30:45.5 UTC */

static const char json[] =
    "{\"status\":\"firing\",\"receiver\":\"the team\",\"groupLabels\":{\"alertname\":\"Down\"},"
    "\"commonLabels\":{\"alertname\":\"Down\",\"job\":\"api\",\"zone\":\"<b>\"},"
    "\"commonAnnotations\":{},\"externalURL\":\"http://sg\",\"alerts\":["
    "{\"status\":\"firing\",\"labels\":{\"alertname\":\"Down\",\"i\":\"1\"},\"annotations\":"
    "{\"summary\":\"one\",\"runbook\":\"r\"},\"startsAt\":\"2026-11-22T08:00:00Z\",\"endsAt\":"
    "\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://g\",\"fingerprint\":\"abc\"},"
    "{\"status\":\"resolved\",\"labels\":{\"alertname\":\"Down\",\"i\":\"2\"},\"annotations\":{},"
    "\"startsAt\":\"2026-11-22T08:00:00Z\",\"endsAt\":\"2026-11-22T09:00:00Z\","
    "\"generatorURL\":\"\"}]}";

struct fixture {
    struct sg_template_set *set;
    struct sg_template_data data;
    struct sg_error err;
    struct sg_buf out;
};

static int utc_offset(void *ctx, struct sg_str zone, int64_t time_ms, int32_t *ret_s)
{
    (void)ctx;
    (void)time_ms;
    *ret_s = sg_str_eq_c(zone, "Asia/Kolkata") || sg_str_eq_c(zone, "Local") ? 19800 : -12600;
    return sg_str_eq_c(zone, "Mars") ? SG_ENOTFOUND : 0;
}

static int setup(void **state)
{
    struct fixture *f = sg_calloc(1, sizeof(*f));
    f->set = sg_template_set_new();
    f->data = (struct sg_template_data){
        .time_ms = NOW, .json = {json, sizeof(json) - 1}, .utc_offset = utc_offset};
    sg_buf_init(&f->out, 1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_template_set_unref(f->set);
    sg_buf_deinit(&f->out);
    sg_free(f);
    return 0;
}

static int expand(struct fixture *f, const char *text)
{
    struct sg_template *t;
    f->err = (struct sg_error){0};
    sg_buf_reset(&f->out);
    int rc = sg_template_parse_in(sg_str_from(text), f->set, &t, &f->err);
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

static void is_error(const struct fixture *f, const char *place, const char *part)
{
    char text[1024];
    sg_error_format(&f->err, text, sizeof(text));
    if (strncmp(text, place, strlen(place)) != 0 || !strstr(f->err.text, part))
        fail_msg("%s, expected %s %s", text, place, part);
}

static void fails(struct fixture *f, const char *text, int code, const char *place,
                  const char *part)
{
    if (expand(f, text) != code)
        fail_msg("%s gave %s", text, sg_buf_cstr(&f->out));
    is_error(f, place, part);
}

static int add(struct fixture *f, const char *source, const char *text)
{
    f->err = (struct sg_error){0};
    return sg_template_set_add(f->set, source, sg_str_from(text), &f->err);
}

static void must_add(struct fixture *f, const char *source, const char *text)
{
    if (add(f, source, text) < 0)
        fail_msg("%s: %s", text, f->err.text);
}

/* ---- as Alertmanager ---- */

static bool gives_as_recorded(struct fixture *f, const json_t *one)
{
    const char *text = json_string_value(json_object_get(one, "text"));
    const char *expected = json_string_value(json_object_get(one, "gives"));
    const json_t *files = json_object_get(one, "files");
    sg_template_set_unref(f->set);
    f->set = sg_template_set_new();
    for (size_t i = 0; i < json_array_size(files); i++)
        must_add(f, "file", json_string_value(json_array_get(files, i)));
    f->data.html = json_is_true(json_object_get(one, "html"));
    if (expand(f, text) == 0 && strcmp(sg_buf_cstr(&f->out), expected) == 0)
        return true;
    print_error("%s\n  gives    %s (%s)\n  expected %s\n", text, sg_buf_cstr(&f->out), f->err.text,
                expected);
    return false;
}

static void test_template__expands_as_alertmanager(void **state)
{
    struct fixture *f = *state;
    json_t *root = json_load_file(SG_TEST_DATA "/alert/template_files.json", 0, NULL);
    json_t *cases = json_object_get(root, "cases");
    char *data = json_dumps(json_object_get(root, "data"), JSON_COMPACT);
    unsigned wrong = 0;
    f->data.json = sg_str_from(data);
    f->data.utc_offset = NULL;
    assert_true(json_array_size(cases) > 30);
    for (size_t i = 0; i < json_array_size(cases); i++)
        wrong += !gives_as_recorded(f, json_array_get(cases, i));
    json_decref(root);
    free(data); /* jansson's own */
    assert_int_equal(wrong, 0);
}

/* ---- within one text ---- */

static void test_define__leaves_nothing_where_it_stands(void **state)
{
    gives(*state, "a{{ define \"x\" }}no{{ end }}b", "ab");
}

static void test_template__gives_the_definition_of_its_name(void **state)
{
    gives(*state, "{{ template \"x\" }}{{ define \"x\" }}yes{{ end }}!", "yes!");
    gives(*state, "{{ template `a b` }}{{ define \"a b\" }}yes{{ end }}", "yes");
}

static void test_template__dot_and_dollar_are_the_pipelines_value(void **state)
{
    gives(*state,
          "{{ define \"x\" }}{{ .job }} {{ with .zone }}{{ $.job }}{{ end }}{{ end }}"
          "{{ template \"x\" .CommonLabels }} {{ .Status }}",
          "api api firing");
    gives(*state, "{{ define \"x\" }}{{ . }}{{ end }}{{ template \"x\" 1 | printf \"%03d\" }}",
          "001");
}

static void test_template__without_a_pipeline_dot_is_nothing(void **state)
{
    gives(*state,
          "{{ define \"x\" }}{{ if . }}some{{ else }}none{{ end }}{{ end }}{{ template \"x\" }}",
          "none");
    fails(*state, "{{ define \"x\" }}{{ .Status }}{{ end }}{{ template \"x\" }}", SG_EEXECUTION,
          "1:20", "nil data");
}

static void test_define__does_not_see_variables_of_others(void **state)
{
    struct fixture *f = *state;
    fails(f, "{{ $y := 1 }}{{ define \"x\" }}{{ $y }}{{ end }}{{ template \"x\" }}", SG_ESYNTAX,
          "1:33", "undefined variable '$y'");
    fails(f, "{{ define \"x\" }}{{ $labels.job }}{{ end }}{{ template \"x\" . }}", SG_ESYNTAX,
          "1:20", "undefined variable '$labels'");
    gives(f,
          "{{ $y := 1 }}{{ define \"x\" }}{{ $y := 2 }}{{ $z := 3 }}{{ $y }}{{ $z }}{{ end }}"
          "{{ template \"x\" . }}{{ $y }}{{ $.Status }}",
          "231firing");
}

static void test_define__variables_are_new_in_each_call(void **state)
{
    gives(*state,
          "{{ define \"down\" }}{{ $n := . }}{{ if gt (len $n) 1 }}{{ template \"down\" slice $n 1 "
          "}}{{ end }}{{ $n }} {{ end }}{{ template \"down\" \"abc\" }}",
          "c bc abc ");
}

static void test_block__is_a_definition_and_its_call(void **state)
{
    gives(*state,
          "{{ $y := 1 }}{{ block \"x\" .Status }}<{{ . }}{{ $ }}>{{ end }}{{ $y }}"
          "{{ template \"x\" 2 }}",
          "<firingfiring>1<22>");
    gives(*state, "{{ range .Alerts }}{{ block \"s\" . }}{{ .Status }} {{ end }}{{ end }}",
          "firing resolved ");
}

static void test_define__twice_in_one_text_is_an_error_unless_one_is_empty(void **state)
{
    struct fixture *f = *state;
    fails(f, "{{ define \"x\" }}a{{ end }}\n{{ define \"x\" }}b{{ end }}", SG_ESYNTAX, "2:15",
          "'x' is defined twice");
    gives(f,
          "{{ define \"x\" }}a{{ end }}{{ define \"x\" }} {{/* b */}}\n{{ end }}"
          "{{ template \"x\" }}",
          "a");
    gives(f, "{{ define \"x\" }} {{ end }}{{ define \"x\" }}b{{ end }}{{ template \"x\" }}", "b");
}

static void test_define__mistakes_have_places(void **state)
{
    struct fixture *f = *state;
    fails(f, "{{ if true }}{{ define \"x\" }}{{ end }}{{ end }}", SG_ESYNTAX, "1:17",
          "at the top of a text");
    fails(f, "{{ define \"y\" }}{{ define \"x\" }}{{ end }}{{ end }}", SG_ESYNTAX, "1:20",
          "at the top of a text");
    fails(f, "{{ define x }}{{ end }}", SG_ESYNTAX, "1:11", "expected a name in quotes");
    fails(f, "{{ define \"x\" . }}{{ end }}", SG_ESYNTAX, "1:15", "unexpected '.' in define");
    fails(f, "a\n{{ define \"x\" }}b", SG_ESYNTAX, "2:15", "no {{end}} for this 'define'");
    fails(f, "{{ define \"x\" }}{{ else }}{{ end }}", SG_ESYNTAX, "1:20", "unexpected {{else}}");
    fails(f, "{{ template .Status . }}", SG_ESYNTAX, "1:13", "expected a name in quotes");
    fails(f, "{{ template }}", SG_ESYNTAX, "1:13", "expected a name in quotes");
    fails(f, "{{ template \"x\" | }}{{ define \"x\" }}{{ end }}", SG_ESYNTAX, "1:17",
          "unexpected '|'");
    fails(f, "{{ block \"x\" }}{{ end }}", SG_ESYNTAX, "1:14", "missing value");
    fails(f, "{{ block \"x\" . }}", SG_ESYNTAX, "1:16", "no {{end}} for this 'block'");
    fails(f, "{{ range .Alerts }}{{ block \"x\" . }}{{ break }}{{ end }}{{ end }}", SG_ESYNTAX,
          "1:40", "outside of range");
}

static void test_template__of_no_definition_is_an_error_of_parsing(void **state)
{
    struct fixture *f = *state;
    fails(f, "{{ define \"y\" }}{{ end }}\n {{ if false }}{{ template \"x\" }}{{ end }}",
          SG_ESYNTAX, "2:19", "no definition of a template 'x'");
    fails(f, "{{ define \"y\" }}{{ template \"x\" }}{{ end }}", SG_ESYNTAX, "1:20",
          "no definition of a template 'x'");
    fails(f, "{{ template \"a\" }}{{ template \"b\" }}", SG_ESYNTAX, "1:4", "'a'");
}

static void test_template__rules_have_no_definitions_but_their_own(void **state)
{
    struct fixture *f = *state;
    struct sg_template *t;
    assert_int_equal(sg_template_parse(SG_STR("{{ template \"__subject\" . }}"), &t, &f->err),
                     SG_ESYNTAX);
    assert_null(t);
    assert_int_equal(sg_template_parse(SG_STR("{{ define \"x\" }}{{ .Value }} {{ .Labels }}"
                                              "{{ end }}{{ template \"x\" . }}"),
                                       &t, NULL),
                     0);
    assert_true(sg_template_depends_on_value(t));
    f->data = (struct sg_template_data){.value = 2.5};
    assert_int_equal(sg_template_expand(t, &f->data, &f->out, NULL), 0);
    assert_string_equal(sg_buf_cstr(&f->out), "2.5 map[]");
    sg_template_free(t);
}

/* ---- bounds ---- */

static void test_template__recursion_is_bounded(void **state)
{
    struct fixture *f = *state;
    fails(f, "{{ define \"x\" }}.{{ template \"x\" }}{{ end }}\n{{ template \"x\" }}",
          SG_EEXECUTION, "1:21", "deeper than 100");
    fails(f,
          "{{ define \"x\" }}{{ if true }}{{ if true }}{{ if true }}{{ if true }}{{ if true }}"
          "{{ template \"x\" }}{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}"
          "{{ template \"x\" }}",
          SG_EEXECUTION, "1:", "nested deeper than 500");
    fails(f,
          "{{ define \"x\" }}{{ if gt (len .) 1 }}{{ template \"x\" slice . 1 }}"
          "{{ template \"x\" slice . 1 }}{{ end }}{{ end }}"
          "{{ template \"x\" \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }}",
          SG_EEXECUTION, "1:", "more than 100000 steps");
}

static void test_template__output_of_definitions_is_bounded(void **state)
{
    fails(*state,
          "{{ define \"x\" }}{{ printf \"%900s\" . }}{{ end }}"
          "{{ range 1000 }}{{ template \"x\" \"a\" }}{{ end }}",
          SG_EEXECUTION, "1:", "longer than 262144 bytes");
}

static void test_define__their_number_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct sg_buf text;
    sg_buf_init(&text, 1 << 20);
    for (int i = 0; i <= 1000; i++)
        sg_buf_printf(&text, "{{ define \"d%d\" }}x{{ end }}", i);
    assert_int_equal(add(f, "many.tmpl", sg_buf_cstr(&text)), SG_ESYNTAX);
    is_error(f, "many.tmpl:1:", "more than 1000 definitions");
    sg_buf_deinit(&text);
}

static void test_define__nesting_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct sg_buf text;
    sg_buf_init(&text, 1 << 20);
    for (int i = 0; i < 60; i++)
        sg_buf_printf(&text, "{{ block \"d%d\" . }}", i);
    assert_int_equal(expand(f, sg_buf_cstr(&text)), SG_ESYNTAX);
    is_error(f, "1:", "nested too deeply");
    sg_buf_deinit(&text);
}

static void test_template_set__sizes_are_bounded(void **state)
{
    struct fixture *f = *state;
    char *text = sg_alloc((1 << 20) + 2);
    memset(text, ' ', (1 << 20) + 1);
    text[(1 << 20) + 1] = 0;
    assert_int_equal(add(f, "big.tmpl", text), SG_ELIMIT);
    text[1 << 20] = 0;
    int rc = 0, n = 0;
    for (; rc == 0 && n < 100; n++)
        rc = add(f, "many.tmpl", text);
    assert_int_equal(rc, SG_ELIMIT);
    assert_non_null(strstr(f->err.text, "together"));
    assert_in_range(n, 15, 17);
    sg_free(text);
}

/* ---- sets ---- */

static void test_template_set__texts_call_its_definitions(void **state)
{
    struct fixture *f = *state;
    must_add(f, "a.tmpl",
             "dropped {{ .Nothing }}{{ define \"t\" }}{{ template \"u\" . }}!{{ end }}");
    must_add(f, "b.tmpl", "{{ define \"u\" }}{{ .Status }}{{ end }}");
    gives(f, "{{ template \"t\" . }}", "firing!");
}

static void test_template_set__templates_keep_it(void **state)
{
    struct fixture *f = *state;
    struct sg_template *t;
    must_add(f, "a.tmpl", "{{ define \"t\" }}{{ .Status }}{{ end }}");
    assert_int_equal(sg_template_parse_in(SG_STR("{{ template \"t\" . }}"), f->set, &t, NULL), 0);
    sg_template_set_unref(f->set);
    f->set = NULL;
    assert_int_equal(sg_template_expand(t, &f->data, &f->out, NULL), 0);
    assert_string_equal(sg_buf_cstr(&f->out), "firing");
    sg_template_free(t);
}

static void test_template_set__later_definitions_replace_earlier_ones(void **state)
{
    struct fixture *f = *state;
    must_add(f, "a.tmpl",
             "{{ define \"t\" }}a{{ end }}{{ define \"u\" }}{{ template \"t\" }}{{ end }}");
    must_add(f, "b.tmpl",
             "{{ define \"t\" }}b{{ end }}{{ define \"slack.default.footer\" }}c{{ end }}");
    gives(f, "{{ template \"t\" }}{{ template \"u\" }}{{ template \"slack.default.footer\" . }}",
          "bbc");
}

static void test_template_set__empty_definitions_do_not_replace(void **state)
{
    struct fixture *f = *state;
    must_add(f, "a.tmpl", "{{ define \"t\" }}a{{ end }}");
    must_add(f, "b.tmpl", "{{ define \"t\" }} {{/* nothing */}}\n{{ end }}");
    gives(f, "{{ template \"t\" }}", "a");
    gives(f, "{{ define \"t\" }}\n{{ end }}{{ template \"t\" }}", "a");
    must_add(f, "c.tmpl", "{{ define \"t\" }}{{ \"\" }}{{ end }}");
    gives(f, "{{ template \"t\" }}", "");
}

static void test_template_set__a_texts_own_definitions_count_in_the_sets(void **state)
{
    struct fixture *f = *state;
    must_add(f, "a.tmpl",
             "{{ define \"t\" }}a{{ end }}{{ define \"u\" }}{{ template \"t\" }}{{ end }}");
    gives(f, "{{ define \"t\" }}own{{ end }}{{ template \"u\" }}", "own");
    gives(f, "{{ template \"u\" }}", "a");
}

static void test_template_set__mistakes_name_the_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add(f, "dir/a.tmpl", "\n{{ define \"x\" }}{{ .x | }}{{ end }}"), SG_ESYNTAX);
    is_error(f, "dir/a.tmpl:2:25", "missing value");
    must_add(f, "dir/b.tmpl", "{{ define \"x\" }}\n  {{ template \"none\" . }}{{ end }}");
    fails(f, "{{ .Status }}\n{{ template \"x\" . }}", SG_ESYNTAX,
          "2:4: dir/b.tmpl:2:6: ", "no definition of a template 'none'");
}

static void test_template_set__a_replaced_definition_may_be_wrong(void **state)
{
    struct fixture *f = *state;
    must_add(f, "a.tmpl", "{{ define \"x\" }}{{ template \"none\" . }}{{ end }}");
    must_add(f, "b.tmpl", "{{ define \"x\" }}fine{{ end }}");
    gives(f, "{{ template \"x\" }}", "fine");
}

static void test_template_set__failures_name_the_file(void **state)
{
    struct fixture *f = *state;
    must_add(f, "dir/a.tmpl", "{{ define \"x\" }}\n{{ .Nothing }}{{ end }}");
    fails(f, "{{ template \"x\" . }}", SG_EEXECUTION, "dir/a.tmpl:2:4", "can't evaluate field");
    must_add(f, "dir/b.tmpl", "{{ define \"y\" }}{{ .Status }}{{ end }}");
    fails(f, "\n{{ template \"y\" . }}{{ .Nothing }}", SG_EEXECUTION, "2:24",
          "can't evaluate field");
}

/* ---- the built-in ones ---- */

static void test_template_set__has_alertmanagers_names(void **state)
{
    static const char *const names[] = {"__alertmanager",
                                        "__alertmanagerURL",
                                        "__subject",
                                        "__description",
                                        "slack.default.title",
                                        "slack.default.username",
                                        "slack.default.fallback",
                                        "slack.default.callbackid",
                                        "slack.default.pretext",
                                        "slack.default.titlelink",
                                        "slack.default.iconemoji",
                                        "slack.default.iconurl",
                                        "slack.default.text",
                                        "slack.default.footer",
                                        "pagerduty.default.description",
                                        "pagerduty.default.client",
                                        "pagerduty.default.clientURL",
                                        "opsgenie.default.message",
                                        "opsgenie.default.description",
                                        "opsgenie.default.source",
                                        "wechat.default.message",
                                        "wechat.default.to_user",
                                        "wechat.default.to_party",
                                        "wechat.default.to_tag",
                                        "wechat.default.agent_id",
                                        "victorops.default.state_message",
                                        "victorops.default.entity_display_name",
                                        "victorops.default.monitoring_tool",
                                        "pushover.default.title",
                                        "pushover.default.message",
                                        "pushover.default.url",
                                        "sns.default.subject",
                                        "sns.default.message",
                                        "telegram.default.message",
                                        "discord.default.content",
                                        "discord.default.title",
                                        "discord.default.message",
                                        "webex.default.message",
                                        "msteams.default.summary",
                                        "msteams.default.title",
                                        "msteams.default.text",
                                        "msteamsv2.default.title",
                                        "msteamsv2.default.text",
                                        "email.default.subject",
                                        "email.default.html"};
    struct fixture *f = *state;
    char text[128];
    for (size_t i = 0; i < SG_ARRAY_LEN(names); i++) {
        snprintf(text, sizeof(text), "{{ template \"%s\" . }}", names[i]);
        if (expand(f, text) < 0)
            fail_msg("%s: %s", names[i], f->err.text);
    }
    gives(f, "{{ template \"__subject\" . }}", "[FIRING:1] Down (api <b>)");
    gives(f, "{{ template \"__alertmanagerURL\" . }}", "http://sg/#/alerts?receiver=the+team");
}

static void test_template_set__lists_alerts(void **state)
{
    struct fixture *f = *state;
    gives(f, "{{ template \"slack.default.text\" . }}",
          "Firing:\n- one\n  alertname: Down, i: 1\n  runbook: r\n  http://g\n"
          "Resolved:\n- Down\n  alertname: Down, i: 2\n");
    gives(f, "{{ template \"pagerduty.default.instances\" .Alerts.Resolved }}",
          "- Down\n  alertname: Down, i: 2\n");
    gives(f, "{{ template \"__text_alert_list_markdown\" .Alerts.Firing }}",
          "**one**\n\n- alertname: Down\n- i: 1\n\n[Expression](http://g)\n\n");
}

/* ---- HTML ---- */

static void test_template__escapes_in_html(void **state)
{
    struct fixture *f = *state;
    f->data.html = true;
    must_add(f, "a.tmpl", "{{ define \"z\" }}<p>{{ .CommonLabels.zone }}</p>{{ end }}");
    gives(f, "{{ template \"z\" . }}", "<p>&lt;b&gt;</p>");
    gives(f, "{{ .CommonLabels.zone | html }} {{ .CommonLabels.zone | safeHtml }}",
          "&lt;b&gt; <b>");
    gives(f, "{{ $z := .CommonLabels.zone | safeHtml }}{{ $z }}{{ printf \"%s\" $z }}",
          "<b>&lt;b&gt;");
}

/* ---- functions and methods ---- */

static void test_template__maps_without_some_names_are_maps(void **state)
{
    struct fixture *f = *state;
    gives(f,
          "{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join \" \" }} "
          "{{ .Names | join \",\" }} {{ .SortedPairs.Values | join \"-\" }} {{ .job }}{{ .none }} "
          "{{ index . \"job\" }} {{ len . }} {{ . }} {{ toJson . }}{{ end }}",
          "api <b> job,zone api-<b> api api 2 map[job:api zone:<b>] "
          "{\"job\":\"api\",\"zone\":\"<b>\"}");
    gives(f, "{{ range (.CommonLabels.Remove (stringSlice \"job\" \"zone\")) }}{{ . }}{{ end }}",
          "Down");
    gives(f, "{{ with .CommonLabels.Remove .CommonLabels.Names }}some{{ else }}none{{ end }}",
          "none");
    gives(f, "{{ ((.CommonLabels.Remove (list \"job\")).Remove (list \"zone\")).SortedPairs }}",
          "[{alertname Down}]");
}

static void test_template__makes_lists_and_maps(void **state)
{
    struct fixture *f = *state;
    gives(f, "{{ list 1 \"a\" }} {{ append (list 1) 2 3 | len }} {{ list | len }}", "[1 a] 3 0");
    gives(f,
          "{{ $d := dict \"b\" 1 \"a\" .Status \"b\" 2 }}{{ $d.b }} {{ $d.a }} {{ len $d }}"
          "{{ range $k, $v := $d }} {{ $k }}={{ $v }}{{ end }} {{ $d.none }}",
          "2 firing 2 a=firing b=2 <no value>");
    gives(f,
          "{{ define \"x\" }}{{ .who }}: {{ len .alerts }}{{ end }}"
          "{{ template \"x\" dict \"who\" \"me\" \"alerts\" .Alerts }}",
          "me: 2");
    fails(f, "{{ dict \"a\" }}", SG_EEXECUTION, "1:4", "a name without a value");
    fails(f, "{{ dict 1 2 }}", SG_EEXECUTION, "1:4", "expected string");
    fails(f, "{{ append 1 2 }}", SG_EEXECUTION, "1:4", "expected a list");
}

static void test_template__unescapes_urls(void **state)
{
    gives(*state, "{{ urlUnescape \"a%20b+%41%c3%a4\" }}{{ \"x?y\" | safeUrl }}",
          "a b A\xc3\xa4x?y");
    fails(*state, "{{ urlUnescape \"a%2\" }}", SG_EEXECUTION, "1:4", "invalid URL escape");
    fails(*state, "{{ urlUnescape \"%zz\" }}", SG_EEXECUTION, "1:4", "invalid URL escape");
}

#define START "(index .Alerts 0).StartsAt"

static void test_template__durations(void **state)
{
    struct fixture *f = *state;
    gives(f, "{{ since " START " }} {{ " START " | since | humanizeDuration }}",
          "30m45.5s 30m 45s");
    gives(f, "{{ (since " START ").Seconds }} {{ (since " START ").Round 60000000000 }}",
          "1845.5 31m0s");
    gives(f, "{{ ((index .Alerts 1).EndsAt.Sub " START ").Hours }} {{ " START ".Sub " START " }}",
          "1 0s");
    gives(f, "{{ gt (since " START ").Minutes 30.0 }} {{ gt (since " START ") 1 }}", "true true");
    gives(f, "{{ printf \"%s %v\" (since " START ") (since " START ") }}", "30m45.5s 30m45.5s");
    gives(f, "{{ " START ".Sub ((" START ").Add 90061001000000) }}", "-25h1m1.001s");
    fails(f, "{{ since 1 }}", SG_EEXECUTION, "1:4", "expected time.Time");
    fails(f, "{{ (since " START ").Foo }}", SG_EEXECUTION, "1:4", "can't evaluate field Foo");
}

static void test_template__times(void **state)
{
    struct fixture *f = *state;
    gives(f, "{{ (" START ".Add 28800e9).Format \"2006-01-02 15:04:05\" }}", "2026-11-22 16:00:00");
    gives(f, "{{ " START ".Local.Format \"15:04 MST -0700 Z07:00\" }}", "13:30 +0530 +0530 +05:30");
    gives(f, "{{ " START ".UTC.Format \"15:04 MST -0700 Z07:00\" }}", "08:00 UTC +0000 Z");
    gives(f, "{{ (index .Alerts 0).EndsAt.IsZero }} {{ " START ".IsZero }}", "true false");
    gives(f, "{{ " START ".Year }}-{{ " START ".Day }} {{ " START ".Weekday }}", "2026-22 Sunday");
    gives(f, "{{ " START ".Before (index .Alerts 1).EndsAt }} {{ " START ".After " START " }}",
          "true false");
    fails(f, "{{ " START ".Add \"1h\" }}", SG_EEXECUTION, "1:4", "expected a duration");
}

static void test_template__parts_of_times(void **state)
{
    struct fixture *f = *state;
    gives(f,
          "{{ " START ".Month }} {{ printf \"%d %s %v\" " START ".Month " START ".Month " START
          ".Weekday }} {{ eq " START ".Month 11 }} {{ " START ".Weekday | toUpper }} {{ " START
          ".Month.String }}",
          "November 11 November Sunday true SUNDAY November");
    gives(f,
          "{{ (" START ".Add 7000000).Nanosecond }} {{ " START ".UnixNano }} {{ " START
          ".UnixMicro }} {{ " START ".UnixMilli }}",
          "7000000 1795334400000000000 1795334400000000 1795334400000");
    gives(f,
          "{{ " START ".Location }} {{ (tz \"Asia/Kolkata\" " START ").Location }} {{ " START
          ".Local.Location }}",
          "UTC Asia/Kolkata Local");
    gives(f,
          "{{ eq " START " (index .Alerts 1).StartsAt }} {{ eq " START
          " (index .Alerts 1).EndsAt }} {{ eq " START " " START ".Local }}",
          "true false true");
}

static void test_template__times_are_calculated(void **state)
{
    struct fixture *f = *state;
    gives(f,
          "{{ " START ".AddDate 0 0 10 }} {{ " START ".AddDate 1 -11 0 }} {{ (" START
          ".AddDate 0 0 9).AddDate 0 3 0 }}",
          "2026-12-02 08:00:00 +0000 UTC 2026-12-22 08:00:00 +0000 UTC "
          "2027-03-01 08:00:00 +0000 UTC");
    gives(f, "{{ (" START ".AddDate 0 0 9).AddDate 0 3 -1 }} {{ " START ".AddDate -3000 0 0 }}",
          "2027-02-28 08:00:00 +0000 UTC -974-11-22 08:00:00 +0000 UTC");
    gives(f,
          "{{ (" START ".Add 1234567890000).Truncate 60000000000 }} {{ (" START
          ".Add 1234567890000).Round 60000000000 }} {{ " START ".Truncate 0 }} {{ (" START
          ".Add 1800e9).Round 3600e9 }}",
          "2026-11-22 08:20:00 +0000 UTC 2026-11-22 08:21:00 +0000 UTC "
          "2026-11-22 08:00:00 +0000 UTC 2026-11-22 09:00:00 +0000 UTC");
    fails(f, "{{ " START ".AddDate 1 2 }}", SG_EEXECUTION, "1:4", "no method with 2 arguments");
    fails(f, "{{ " START ".AddDate 1 2 9999999 }}", SG_EEXECUTION, "1:4", "AddDate expected");
    fails(f, "{{ ((" START ".AddDate 99999 0 0).AddDate 99999 0 0).AddDate 99999 0 0 }}",
          SG_EEXECUTION, "1:4", "out of range");
}

static void test_template__time_zones(void **state)
{
    struct fixture *f = *state;
    gives(f, "{{ (" START " | tz \"Asia/Kolkata\").Format \"15:04 -07:00 Z0700 MST\" }}",
          "13:30 +05:30 +0530 +0530");
    gives(f, "{{ " START " | tz \"America/Somewhere\" | date \"15:04 -0700\" }}", "04:30 -0330");
    gives(f, "{{ " START " | tz \"UTC\" }}", "2026-11-22 08:00:00 +0000 UTC");
    gives(f, "{{ tz \"Asia/Kolkata\" " START " }} {{ (tz \"Asia/Kolkata\" " START ").UTC.Hour }}",
          "2026-11-22 13:30:00 +0530 +0530 8");
    fails(f, "{{ tz \"Mars\" " START " }}", SG_EEXECUTION, "1:4", "unknown time zone Mars");
    f->data.utc_offset = NULL;
    gives(f, "{{ " START ".Local }}", "2026-11-22 08:00:00 +0000 UTC");
    fails(f, "{{ tz \"Asia/Kolkata\" " START " }}", SG_EEXECUTION, "1:4", "not known here");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_template__expands_as_alertmanager),
        TEST(test_define__leaves_nothing_where_it_stands),
        TEST(test_template__gives_the_definition_of_its_name),
        TEST(test_template__dot_and_dollar_are_the_pipelines_value),
        TEST(test_template__without_a_pipeline_dot_is_nothing),
        TEST(test_define__does_not_see_variables_of_others),
        TEST(test_define__variables_are_new_in_each_call),
        TEST(test_block__is_a_definition_and_its_call),
        TEST(test_define__twice_in_one_text_is_an_error_unless_one_is_empty),
        TEST(test_define__mistakes_have_places),
        TEST(test_template__of_no_definition_is_an_error_of_parsing),
        TEST(test_template__rules_have_no_definitions_but_their_own),
        TEST(test_template__recursion_is_bounded),
        TEST(test_template__output_of_definitions_is_bounded),
        TEST(test_define__their_number_is_bounded),
        TEST(test_define__nesting_is_bounded),
        TEST(test_template_set__sizes_are_bounded),
        TEST(test_template_set__texts_call_its_definitions),
        TEST(test_template_set__templates_keep_it),
        TEST(test_template_set__later_definitions_replace_earlier_ones),
        TEST(test_template_set__empty_definitions_do_not_replace),
        TEST(test_template_set__a_texts_own_definitions_count_in_the_sets),
        TEST(test_template_set__mistakes_name_the_file),
        TEST(test_template_set__a_replaced_definition_may_be_wrong),
        TEST(test_template_set__failures_name_the_file),
        TEST(test_template_set__has_alertmanagers_names),
        TEST(test_template_set__lists_alerts),
        TEST(test_template__escapes_in_html),
        TEST(test_template__maps_without_some_names_are_maps),
        TEST(test_template__makes_lists_and_maps),
        TEST(test_template__unescapes_urls),
        TEST(test_template__durations),
        TEST(test_template__times),
        TEST(test_template__parts_of_times),
        TEST(test_template__times_are_calculated),
        TEST(test_template__time_zones),
    };
    return cmocka_run_group_tests_name("template_set", tests, NULL, NULL);
}
