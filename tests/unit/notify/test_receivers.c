/* test_receivers.c - receivers as configured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notify/kind.h"

static struct sg_error err;

static struct sg_receivers *parse_with(const char *yaml, struct sg_template_set *templates)
{
    struct sg_receivers *r = NULL;
    struct sg_yaml *y;
    err = (struct sg_error){0};
    assert_int_equal(sg_yaml_parse("c.yml", yaml, strlen(yaml), &y, NULL), 0);
    int rc = sg_receivers_parse(sg_yaml_root(y), templates, &r, &err);
    sg_yaml_free(y);
    assert_true((rc == 0) == (r != NULL));
    return r;
}

static struct sg_receivers *parse(const char *yaml)
{
    return parse_with(yaml, NULL);
}

static struct sg_receivers *must_parse(const char *yaml)
{
    struct sg_receivers *r = parse(yaml);
    if (!r)
        fail_msg("%u:%u: %s", err.line, err.column, err.text);
    return r;
}

static const struct sg_integration *integration(const struct sg_receivers *r, const char *target)
{
    size_t n;
    const struct sg_integration *list = sg_receivers_integrations(r, &n);
    for (size_t i = 0; i < n; i++)
        if (sg_str_eq_c(list[i].target, target))
            return &list[i];
    fail_msg("no integration %s", target);
    return NULL;
}

static void test_receivers__of_an_empty_configuration_are_none(void **state)
{
    (void)state;
    size_t n;
    static const char *const empty[] = {"", "{}", "receivers:", "receivers: []",
                                        "listen: 127.0.0.1:8420"};
    for (size_t i = 0; i < SG_ARRAY_LEN(empty); i++) {
        struct sg_receivers *r = must_parse(empty[i]);
        (void)sg_receivers_names(r, &n);
        assert_int_equal(n, 0);
        (void)sg_receivers_integrations(r, &n);
        assert_int_equal(n, 0);
        sg_receivers_free(r);
    }
}

static void test_receivers__targets_are_named_by_receiver_kind_and_index(void **state)
{
    (void)state;
    size_t n;
    struct sg_receivers *r =
        must_parse("receivers:\n"
                   "- name: team\n"
                   "  webhook_configs: [{url: 'http://a/'}, {url: 'http://b/'}]\n"
                   "  webpush_configs: [{}]\n"
                   "- name: nobody\n");
    const struct sg_str *names = sg_receivers_names(r, &n);
    assert_int_equal(n, 2);
    assert_true(sg_str_eq_c(names[1], "nobody"));
    assert_false(integration(r, "team/webhook/0")->push);
    assert_true(integration(r, "team/webhook/1")->send_resolved);
    assert_true(integration(r, "team/webpush/0")->push);
    assert_true(integration(r, "team/webpush/0")->acknowledges);
    assert_non_null(sg__receivers_find(r, SG_STR("push:team/webpush/0")));
    assert_null(sg__receivers_find(r, SG_STR("team/webhook/2")));
    sg_receivers_free(r);
}

static void test_receivers__resolved_and_acknowledged_as_alertmanager_has_them(void **state)
{
    (void)state;
    struct sg_receivers *r = must_parse(
        "global: {slack_api_url: 'https://hooks.slack.com/x', smtp_from: a@x, smtp_smarthost: "
        "'x:25'}\n"
        "receivers:\n"
        "- name: t\n"
        "  slack_configs: [{}, {send_resolved: true}]\n"
        "  email_configs: [{to: b@x}]\n"
        "  pagerduty_configs: [{routing_key: k}, {routing_key: k, send_acknowledged: false}]\n"
        "  webhook_configs: [{url: 'http://a', send_resolved: false, send_acknowledged: true}]\n");
    assert_false(integration(r, "t/slack/0")->send_resolved);
    assert_true(integration(r, "t/slack/1")->send_resolved);
    assert_false(integration(r, "t/email/0")->send_resolved);
    assert_true(integration(r, "t/pagerduty/0")->acknowledges);
    assert_false(integration(r, "t/pagerduty/1")->acknowledges);
    assert_false(integration(r, "t/webhook/0")->send_resolved);
    assert_true(integration(r, "t/webhook/0")->acknowledges);
    sg_receivers_free(r);
}

static void test_receivers__texts_call_definitions_of_files(void **state)
{
    static const char yaml[] = "receivers:\n- name: t\n  slack_configs:\n  - api_url: https://x/\n"
                               "    title: '{{ template \"mine\" . }}'\n"
                               "    fields: [{title: a, value: '{{ template \"mine\" . }}'}]\n";
    struct sg_template_set *set = sg_template_set_new();
    (void)state;
    assert_null(parse_with(yaml, set));
    assert_int_equal(err.line, 5);
    assert_int_equal(err.column, 12);
    assert_non_null(strstr(err.text, "slack_configs of 't': title: line 1, column 4 of the text: "
                                     "there is no definition of a template 'mine'"));
    assert_int_equal(sg_template_set_add(set, "a", SG_STR("{{ define \"mine\" }}x{{ end }}"), NULL),
                     0);
    struct sg_receivers *r = parse_with(yaml, set);
    sg_template_set_unref(set); /* the texts keep it */
    assert_non_null(r);
    assert_non_null(sg__opt(r->targets[0], "title")->one.template);
    sg_receivers_free(r);
}

static void test_receivers__heartbeats_take_no_rows(void **state)
{
    (void)state;
    size_t n;
    struct sg_receivers *r =
        must_parse("receivers: [{name: t, heartbeat_configs: [{url: 'https://hc.example/x'}]}]");
    (void)sg_receivers_integrations(r, &n);
    assert_int_equal(n, 0);
    assert_non_null(sg__receivers_find(r, SG_STR("t/heartbeat/0")));
    sg_receivers_free(r);
}

static void test_receivers__each_alertmanager_is_a_target(void **state)
{
    (void)state;
    struct sg_receivers *r =
        must_parse("receivers: [{name: t, alertmanager_configs: [{urls: ['http://a', "
                   "'http://b'], rate: 5}, {urls: ['http://c']}]}]");
    assert_true(sg_str_eq_c(sg__receivers_find(r, SG_STR("t/alertmanager/0"))->url, "http://a"));
    assert_true(sg_str_eq_c(sg__receivers_find(r, SG_STR("t/alertmanager/1"))->url, "http://b"));
    assert_true(sg_str_eq_c(sg__receivers_find(r, SG_STR("t/alertmanager/2"))->url, "http://c"));
    assert_true(sg__receivers_find(r, SG_STR("t/alertmanager/1"))->rate == 5);
    sg_receivers_free(r);
}

static void test_receivers__pace_is_theirs_then_the_kinds_then_everybodys(void **state)
{
    (void)state;
    struct sg_receivers *r =
        must_parse("notify: {concurrency: 7, rate: 9, timeout: 3s, give_up: 2h}\n"
                   "receivers:\n- name: t\n"
                   "  webhook_configs: [{url: 'http://a'}, {url: 'http://a', concurrency: 2, rate: "
                   "0.5, timeout: 1s}]\n"
                   "  discord_configs: [{webhook_url: 'https://d/x'}]\n");
    const struct sg__target *a = sg__receivers_find(r, SG_STR("t/webhook/0"));
    const struct sg__target *b = sg__receivers_find(r, SG_STR("t/webhook/1"));
    assert_true(a->concurrency == 7 && a->rate == 9 && a->timeout_ms == 3000);
    assert_true(b->concurrency == 2 && b->rate == 0.5 && b->timeout_ms == 1000);
    assert_true(sg__receivers_find(r, SG_STR("t/discord/0"))->rate == 2);
    assert_int_equal(r->give_up_ms, 7200000);
    sg_receivers_free(r);
}

static const struct {
    const char *yaml, *text;
    uint32_t line;
} wrong[] = {
    {"receivers: 5", "expected a list", 1},
    {"receivers:\n- 5", "expected keys and values", 2},
    {"receivers:\n- {}", "expected a name", 2},
    {"receivers:\n- name: a\n- name: a", "the name 'a' comes twice", 3},
    {"receivers:\n- name: a\n  webhok_configs: []", "'webhok_configs' is not supported; there are",
     3},
    {"receivers:\n- name: a\n  opsgenie_configs: []", "'opsgenie_configs' is not supported", 3},
    {"receivers:\n- name: a\n  foo: 1", "unknown key 'foo'", 3},
    {"receivers:\n- name: a\n  webhook_configs:\n  - {}",
     "webhook_configs of 'a': 'url' is missing", 4},
    {"receivers:\n- name: a\n  webhook_configs:\n  - {url: 'http://x', max_alert: 1}",
     "unknown key 'max_alert'; did you mean 'max_alerts'?", 4},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: ftp://x",
     "expected a URL as https://host/path", 4},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x y'", "expected a URL", 4},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    max_alerts: -1",
     "expected a number, 0 or more, got '-1'", 5},
    {"notify:\n  give_up: 0s", "above 0", 2},
    {"receivers:\n- name: a\n  email_configs:\n  - {to: a@x, from: b@x, smarthost: 'x:25', "
     "headers: {A: {b: c}}}",
     "headers: expected a text, got a map", 4},
    {"receivers:\n- name: a\n  email_configs:\n  - {to: a@x, from: b@x, smarthost: 'x:25', "
     "threading: {enabled: perhaps}}",
     "threading: expected enabled: true or false", 4},
    {"receivers:\n- name: a\n  alertmanager_configs:\n  - urls: ['http://a:b']", "expected a URL",
     4},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    send_resolved: "
     "perhaps",
     "send_resolved", 5},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    url_file: /x",
     "only one of url and url_file may be given", 5},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url_file: /does/not/exist",
     "cannot read '/does/not/exist'", 4},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    body: '{{ .Status '",
     "body", 5},
    {"receivers:\n- name: a\n  slack_configs:\n  - {}",
     "'api_url' is missing, and so is 'slack_api_url' of global", 4},
    {"receivers:\n- name: a\n  slack_configs:\n  - api_url: 'http://x'\n    title: '{{ "
     "template \"x\" . }}'",
     "title", 5},
    {"receivers:\n- name: a\n  pagerduty_configs:\n  - {}", "'routing_key' is missing", 4},
    {"receivers:\n- name: a\n  pagerduty_configs:\n  - {service_key: x, routing_key: y}",
     "only one of routing_key and service_key", 4},
    {"receivers:\n- name: a\n  telegram_configs:\n  - {bot_token: a, chat_id: 1, parse_mode: "
     "Mark}",
     "parse_mode: expected HTML", 4},
    {"receivers:\n- name: a\n  ntfy_configs:\n  - {url: 'https://ntfy.sh'}", "expected 'topic'", 4},
    {"receivers:\n- name: a\n  email_configs:\n  - {to: a@x, from: b@x, smarthost: x}",
     "smarthost: expected host:port", 4},
    {"receivers:\n- name: a\n  email_configs:\n  - {to: 'a b', from: b@x, smarthost: 'x:25'}",
     "to: expected a mail address, got 'a b'", 4},
    {"receivers:\n- name: a\n  email_configs:\n  - {to: a@x, from: b@x, smarthost: 'x:25', "
     "headers: {'A B': x}}",
     "'A B' is no name of a header", 4},
    {"receivers:\n- name: a\n  alertmanager_configs:\n  - urls: []", "'urls' is empty", 4},
    {"receivers:\n- name: a\n  heartbeat_configs:\n  - {url: 'http://x', method: PUT}",
     "expected GET or POST", 4},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    http_config:\n      "
     "proxy_url: 'http://p'",
     "proxy_url is not supported", 6},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    http_config:\n      "
     "oauth2: {}",
     "oauth2 is not supported", 6},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    http_config: "
     "{bearer_token: a, "
     "basic_auth: {username: b}}",
     "only one of basic_auth", 5},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    http_config: "
     "{tls_config: {min_version: "
     "TLS9}}",
     "min_version", 5},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    http_config: "
     "{tls_config: {min_version: TLS13, max_version: TLS12}}",
     "max_version is below min_version", 5},
    {"receivers:\n- name: a\n  webhook_configs:\n  - url: 'http://x'\n    http_config: "
     "{headers: {'A:': b}}",
     "'A:' is no name of a header", 5},
    {"global:\n  slack_url: x", "unknown key 'slack_url'", 2},
    {"notify:\n  allow: [10.0.0.0/99]", "got '10.0.0.0/99'", 2},
    {"notify:\n  alloww: []", "did you mean 'allow'?", 2},
};

static void test_receivers__errors_have_a_place_and_say_what_is_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(wrong); i++) {
        struct sg_receivers *r = parse(wrong[i].yaml);
        if (r)
            fail_msg("taken: %s", wrong[i].yaml);
        if (!strstr(err.text, wrong[i].text) || err.line != wrong[i].line)
            fail_msg("'%s' at %u is not '%s' at %u", err.text, err.line, wrong[i].text,
                     wrong[i].line);
    }
}

static void test_receivers__urls_have_a_host_and_a_port_that_can_be(void **state)
{
    (void)state;
    static const char *const good[] = {"http://x",        "https://x/",       "http://x:80/y:z",
                                       "http://u:p@x:1/", "http://[::1]:80/", "http://[::1]",
                                       "HTTPS://x.y:/",   "http://x?a=b:c",   "http://x:65535"};
    static const char *const bad[] = {"",
                                      "http://",
                                      "http:///x",
                                      "http://:80/",
                                      "http://x:p",
                                      "http://x:0/",
                                      "http://x:65536",
                                      "http://[::1",
                                      "http://[]:80",
                                      "http://[::1]x",
                                      "http://u@/",
                                      "http//x",
                                      "ftp://x",
                                      "http://x y"};
    for (size_t i = 0; i < SG_ARRAY_LEN(good); i++)
        if (!sg__url_is_good(sg_str_from(good[i])))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++)
        if (sg__url_is_good(sg_str_from(bad[i])))
            fail_msg("%s is taken", bad[i]);
}

static void test_receivers__no_time_limit_is_as_if_none_were_given(void **state)
{
    (void)state;
    struct sg_receivers *r = must_parse("notify: {timeout: 3s}\nreceivers:\n- name: t\n"
                                        "  webhook_configs: [{url: 'http://a', timeout: 0s}]\n");
    assert_int_equal(sg__receivers_find(r, SG_STR("t/webhook/0"))->timeout_ms, 3000);
    sg_receivers_free(r);
}

static void test_receivers__some_are_told_of_every_alert(void **state)
{
    (void)state;
    struct sg_receivers *r = must_parse(
        "receivers:\n- name: t\n  alertmanager_configs: [{urls: ['http://a:9093', 'http://b']}]\n"
        "  webhook_configs: [{url: 'http://a'}, {url: 'http://a', max_alerts: 5}, "
        "{url: 'http://a', body: x}]\n  discord_configs: [{webhook_url: 'http://a'}]\n");
    assert_true(integration(r, "t/alertmanager/0")->every);
    assert_true(integration(r, "t/alertmanager/1")->every);
    assert_true(integration(r, "t/webhook/0")->every);
    assert_false(integration(r, "t/webhook/1")->every);
    assert_false(integration(r, "t/webhook/2")->every);
    assert_false(integration(r, "t/discord/0")->every);
    sg_receivers_free(r);
}

static void test_receivers__what_newer_alertmanagers_know_of_global(void **state)
{
    (void)state;
    struct sg_buf out;
    struct sg_receivers *r = must_parse(
        "global: {telegram_bot_token: bot-secret, smtp_force_implicit_tls: true,\n"
        "  smtp_smarthost: 'm:2465', smtp_from: a@x, mattermost_webhook_url: 'http://m/m-secret'}\n"
        "receivers:\n- name: t\n  telegram_configs: [{chat_id: 1}]\n"
        "  email_configs: [{to: b@x}, {to: b@x, force_implicit_tls: false}]\n");
    const struct sg__target *t = sg__receivers_find(r, SG_STR("t/telegram/0"));
    assert_string_equal(sg__opt(t, "bot_token")->one.text.p, "bot-secret");
    const struct sg__target *a = sg__receivers_find(r, SG_STR("t/email/0"));
    const struct sg__target *b = sg__receivers_find(r, SG_STR("t/email/1"));
    assert_true(sg__opt(a, "force_implicit_tls")->number == 1);
    assert_true(sg__opt(b, "force_implicit_tls")->number == 0);
    sg_buf_init(&out, 1 << 20);
    sg_receivers_print(r, &out);
    if (strstr(sg_buf_cstr(&out), "-secret"))
        fail_msg("%s", sg_buf_cstr(&out));
    assert_non_null(strstr(sg_buf_cstr(&out), "#   telegram_bot_token: \"<secret>\""));
    sg_buf_deinit(&out);
    sg_receivers_free(r);
}

static void test_receivers__errors_do_not_tell_secrets(void **state)
{
    (void)state;
    assert_null(parse("receivers: [{name: a, slack_configs: [{api_url: 'hook-secret-1'}]}]"));
    assert_null(strstr(err.text, "hook-secret-1"));
}

static void test_receivers__secrets_come_from_files(void **state)
{
    (void)state;
    char path[] = "/tmp/sg-secret-XXXXXX", yaml[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "https://hooks.slack.com/services/T/B/C\n", 39), 39);
    close(fd);
    snprintf(yaml, sizeof(yaml),
             "global: {slack_api_url_file: %s}\nreceivers: [{name: a, slack_configs: [{}]}]", path);
    struct sg_receivers *r = must_parse(yaml);
    const struct sg__target *t = sg__receivers_find(r, SG_STR("a/slack/0"));
    assert_string_equal(sg__opt(t, "api_url")->one.text.p,
                        "https://hooks.slack.com/services/T/B/C");
    sg_receivers_free(r);
    unlink(path);
}

static const char full[] =
    "listen: 127.0.0.1:1\n"
    "auth: {tokens: [{hash: hash-secret}]}\n"
    "global:\n"
    "  slack_api_url: https://hooks.slack.com/services/slack-secret\n"
    "  smtp_auth_password: smtp-secret\n"
    "  smtp_from: a@x\n"
    "  smtp_smarthost: 'mail.x:25'\n"
    "  http_config: {basic_auth: {username: u, password: basic-secret}}\n"
    "route: {receiver: team, group_by: ['...'], group_wait: 30s}\n"
    "receivers:\n"
    "- name: team\n"
    "  webhook_configs:\n"
    "  - url: https://user:url-secret@hooks.example/path-secret?x=1\n"
    "    secret: hmac-secret\n"
    "    max_alerts: 5\n"
    "    http_config: {authorization: {credentials: cred-secret}, headers: {X-A: header-secret}}\n"
    "  pagerduty_configs: [{routing_key: routing-secret}]\n"
    "  telegram_configs: [{bot_token: bot-secret, chat_id: -42}]\n"
    "  discord_configs: [{webhook_url: 'https://discord.com/api/discord-secret'}]\n"
    "  email_configs: [{to: b@x, auth_password: 'mail-secret'}]\n"
    "  ntfy_configs: [{topic: topic-secret, token: ntfy-secret}]\n"
    "  msteams_configs: [{webhook_url: 'https://x.office.com/teams-secret'}]\n"
    "  heartbeat_configs: [{url: 'https://hc.example/beat-secret'}]\n"
    "  alertmanager_configs: [{urls: ['http://am:9093/am-secret']}]\n"
    "- name: 'quo\"ted: #x'\n"
    "inhibit_rules: []\n"
    "time_intervals: [{name: n, time_intervals: [{weekdays: ['saturday']}]}]\n";

static void test_print__tells_no_secrets(void **state)
{
    (void)state;
    struct sg_buf out;
    struct sg_receivers *r = must_parse(full);
    sg_buf_init(&out, 1 << 20);
    sg_receivers_print(r, &out);
    if (strstr(sg_buf_cstr(&out), "-secret"))
        fail_msg("%s", sg_buf_cstr(&out));
    assert_non_null(strstr(sg_buf_cstr(&out), "url: \"https://hooks.example/<secret>\""));
    sg_receivers_free(r);
    sg_buf_deinit(&out);
}

static void test_print__is_yaml_that_says_the_same(void **state)
{
    (void)state;
    struct sg_buf out;
    struct sg_receivers *r = must_parse(full);
    struct sg_yaml *y;
    sg_buf_init(&out, 1 << 20);
    sg_receivers_print(r, &out);
    if (sg_yaml_parse("printed", sg_buf_cstr(&out), out.len, &y, &err) < 0)
        fail_msg("%u: %s\n%s", err.line, err.text, sg_buf_cstr(&out));
    const struct sg_yaml_node *root = sg_yaml_root(y), *list = sg_yaml_get(root, "receivers");
    assert_null(sg_yaml_get(root, "listen"));
    assert_null(sg_yaml_get(root, "auth"));
    assert_int_equal(sg_yaml_count(list), 2);
    assert_true(
        sg_str_eq_c(sg_yaml_text(sg_yaml_get(sg_yaml_at(list, 1), "name")), "quo\"ted: #x"));
    const struct sg_yaml_node *team = sg_yaml_at(list, 0);
    assert_non_null(sg_yaml_get(team, "webhook_configs"));
    assert_non_null(strstr(sg_buf_cstr(&out), "chat_id: -42\n")); /* a number, as amtool reads it */
    assert_null(sg_yaml_get(team, "ntfy_configs")); /* a comment: Alertmanager has none */
    assert_non_null(strstr(sg_buf_cstr(&out), "#     ntfy_configs:"));
    assert_null(sg_yaml_get(sg_yaml_at(sg_yaml_get(team, "webhook_configs"), 0), "secret"));
    assert_true(
        sg_str_eq_c(sg_yaml_text(sg_yaml_get(sg_yaml_get(root, "route"), "group_wait")), "30s"));
    sg_yaml_free(y);
    sg_receivers_free(r);
    sg_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receivers__of_an_empty_configuration_are_none),
        cmocka_unit_test(test_receivers__targets_are_named_by_receiver_kind_and_index),
        cmocka_unit_test(test_receivers__resolved_and_acknowledged_as_alertmanager_has_them),
        cmocka_unit_test(test_receivers__texts_call_definitions_of_files),
        cmocka_unit_test(test_receivers__heartbeats_take_no_rows),
        cmocka_unit_test(test_receivers__each_alertmanager_is_a_target),
        cmocka_unit_test(test_receivers__pace_is_theirs_then_the_kinds_then_everybodys),
        cmocka_unit_test(test_receivers__errors_have_a_place_and_say_what_is_expected),
        cmocka_unit_test(test_receivers__urls_have_a_host_and_a_port_that_can_be),
        cmocka_unit_test(test_receivers__no_time_limit_is_as_if_none_were_given),
        cmocka_unit_test(test_receivers__some_are_told_of_every_alert),
        cmocka_unit_test(test_receivers__what_newer_alertmanagers_know_of_global),
        cmocka_unit_test(test_receivers__errors_do_not_tell_secrets),
        cmocka_unit_test(test_receivers__secrets_come_from_files),
        cmocka_unit_test(test_print__tells_no_secrets),
        cmocka_unit_test(test_print__is_yaml_that_says_the_same),
    };
    return cmocka_run_group_tests_name("notify/receivers", tests, NULL, NULL);
}
