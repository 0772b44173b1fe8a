/* Routing: the tree, what it inherits, its keys, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alert/routing.h"
#include "alerting_rig.h"

static const struct sg_integration three[] = {{{"team/webhook/0", 14}, true, false, false, false},
                                              {{"db/slack/0", 10}, true, false, false, false},
                                              {{"boss/email/0", 12}, true, false, false, false}};

static struct sg_routing *parse(const char *config, struct sg_error *err)
{
    const struct rig r = {.integrations = three, .n_integrations = 3};
    return rig_routing(&r, config, err);
}

/* Receivers of labels, with commas. */
static void goes_to(const char *config, const char *labels, const char *expected)
{
    struct sg_error err = {0};
    struct sg_routing *routing = parse(config, &err);
    const struct sg_labels *l = rig_labels(labels);
    struct sg_str names[16];
    char text[256] = "";
    if (!routing)
        fail_msg("%s: %s", config, err.text);
    size_t n = sg_routing_receivers(routing, l, names, 16);
    for (size_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s", i ? "," : "",
                 SG_STR_ARG(names[i]));
    assert_string_equal(text, expected);
    sg_labels_unref(l);
    sg_routing_free(routing);
}

static void refused(const char *config, const char *why)
{
    struct sg_error err = {0};
    struct sg_routing *routing = parse(config, &err);
    if (routing || !strstr(err.text, why))
        fail_msg("%s: expected '%s', got '%s'", config, why, err.text);
    assert_true(err.line > 0);
}

static void test_routing__goes_to_the_first_child_that_matches(void **state)
{
    (void)state;
    const char *c = "route: {receiver: team, routes: [{receiver: db, matchers: ['job=db']}, "
                    "{receiver: boss, matchers: ['severity=~\"page|critical\"']}]}";
    goes_to(c, "job=db,severity=page", "db");
    goes_to(c, "job=web,severity=page", "boss");
    goes_to(c, "job=web", "team");
}

static void test_routing__continue_goes_on_to_later_siblings(void **state)
{
    (void)state;
    const char *c = "route: {receiver: team, routes: [{receiver: db, matchers: ['job=db'], "
                    "continue: true}, {receiver: boss, match_re: {severity: page|critical}}]}";
    goes_to(c, "job=db,severity=page", "db,boss");
    goes_to(c, "job=db", "db");
}

static void test_routing__deeper_routes_inherit_the_receiver(void **state)
{
    (void)state;
    const char *c =
        "route: {receiver: team, routes: [{receiver: db, match: {job: db}, routes: "
        "[{matchers: [severity=page]}, {receiver: boss, matchers: [severity=fatal]}]}]}";
    goes_to(c, "job=db,severity=page", "db");
    goes_to(c, "job=db,severity=fatal", "boss");
    goes_to(c, "severity=fatal", "team");
}

static void test_routing__matchers_may_be_quoted_and_many_in_one_text(void **state)
{
    (void)state;
    goes_to(
        "route: {receiver: team, routes: [{receiver: db, matchers: ['{\"a.ü\"=\"x y\",b!=c}']}]}",
        "a.ü=x y,b=d", "db");
    goes_to("route: {receiver: team, routes: [{receiver: db, matchers: ['a=b, c=~d.*', 'e!~f']}]}",
            "a=b,c=dd", "db");
}

static void test_routing__without_a_route_all_goes_to_the_first_receiver(void **state)
{
    (void)state;
    goes_to("x: y", "alertname=A", "team");
    struct sg_routing *r = NULL;
    struct sg_error err = {0};
    struct sg_yaml *y = NULL;
    assert_int_equal(sg_yaml_parse("t", "", 0, &y, &err), 0);
    assert_int_equal(sg_routing_parse(sg_yaml_root(y), NULL, 0, NULL, 0, &r, &err), 0);
    struct sg_str name;
    assert_int_equal(sg_routing_receivers(r, sg_labels_empty(), &name, 1), 0);
    sg_routing_free(r);
    sg_yaml_free(y);
}

static void test_routing__inherits_and_keys_as_alertmanager(void **state)
{
    (void)state;
    struct sg_error err = {0};
    struct sg_routing *r =
        parse("route: {receiver: team, group_by: [b, a], group_wait: 1s, "
              "group_interval: 2m, routes: [{match: {x: 'y\"'}, match_re: {s: a|b}, "
              "repeat_interval: 5h, group_by: []}, {group_by: ['...']}]}",
              &err);
    assert_non_null(r);
    assert_int_equal(r->n_routes, 3);
    assert_int_equal(r->root.repeat_ms, 4 * 3600000);
    const struct sg__route *child = &r->root.routes[0];
    assert_true(sg_str_eq_c(child->key, "{}/{s=~\"a|b\",x=\"y\\\"\"}"));
    assert_int_equal(child->group_by.n, 2);
    assert_int_equal(child->group_wait_ms, 1000);
    assert_int_equal(child->group_interval_ms, 120000);
    assert_int_equal(child->repeat_ms, 5 * 3600000);
    assert_true(r->root.routes[1].group_by_all);
    sg_routing_free(r);
}

static void test_routing__knows_its_zones(void **state)
{
    (void)state;
    struct sg_error err = {0};
    struct sg_str zones[4];
    struct sg_routing *r = parse("mute_time_intervals: [{name: a, time_intervals: [{location: "
                                 "Europe/Berlin}, {location: UTC}, {location: '+01:00'}]}]",
                                 &err);
    assert_non_null(r);
    assert_int_equal(sg_routing_zones(r, zones, 4), 1);
    assert_true(sg_str_eq_c(zones[0], "Europe/Berlin"));
    sg_routing_free(r);
}

static void test_routing__integrations_belong_to_their_receiver(void **state)
{
    (void)state;
    static const struct sg_integration odd[] = {{{"a/b/webhook/0", 13}, true, false, false, false},
                                                {{"a/webhook/0", 11}, true, false, false, false}};
    const struct sg_str names[] = {{"a", 1}, {"a/b", 3}};
    struct sg_routing *r = NULL;
    assert_int_equal(sg_routing_parse(NULL, odd, 2, names, 2, &r, NULL), 0);
    assert_int_equal(r->receivers[0].n, 1);
    assert_true(sg_str_eq_c(r->receivers[0].integrations[0].target, "a/webhook/0"));
    assert_int_equal(r->receivers[1].n, 1);
    sg_routing_free(r);
}

static void test_routing__nonsense_is_refused_with_its_place(void **state)
{
    (void)state;
    refused("route: {}", "must have a receiver");
    refused("route: {receiver: nobody}", "there is none of the name 'nobody'");
    refused("route: {receiver: team, matchers: [a=b]}", "no matchers");
    refused("route: {receiver: team, continue: true}", "continue");
    refused("route: {receiver: team, group_by: [a, a]}", "comes twice");
    refused("route: {receiver: team, group_by: ['...', a]}", "stand alone");
    refused("route: {receiver: team, group_interval: 0s}", "zero");
    refused("route: {receiver: team, repeat_interval: x}", "duration");
    refused("route: {receiver: team, group_wat: 1s}", "did you mean 'group_wait'");
    refused("route: {receiver: team, routes: [{matchers: [a]}]}", "bad matcher format");
    refused("route: {receiver: team, routes: [{matchers: ['a=~\"(\"']}]}", "matchers");
    refused("route: {receiver: team, routes: [{match_re: {owner: }}]}", "regular expression");
    refused("inhibit_rules: [{source_match_re: {a: ~}, target_match: {b: c}}]", "for 'a'");
    refused("inhibit_rules: [{source_match: {b: c}, target_match_re: {a: null}}]", "for 'a'");
    refused("route: {receiver: team, routes: [{mute_time_intervals: [x]}]}",
            "no time interval 'x'");
    refused("route: {receiver: team, routes: [7]}", "keys and values");
    refused("route: 7", "keys and values");
    refused("time_intervals: [{name: a}]\nmute_time_intervals: [{name: a}]", "comes twice");
    refused("time_intervals: [{time_intervals: []}]", "name is missing");
    refused("inhibit_rules: [{source: 1}]", "unknown key");
    refused("maintenance: [{name: a, matchers: [b=c]}]", "time_intervals, or starts_at");
    refused("maintenance: [{name: a, starts_at: 2026-01-01T00:00:00Z}]", "matchers are missing");
    refused("maintenance: [{name: a, matchers: [b=c], starts_at: tomorrow}]", "expected a time");
    refused("dead_mans_switches: [{name: a}]", "matchers are missing");
    refused("dead_mans_switches: [{name: a, matchers: ['alertname=~\".*\"']}]", "its own alert");
    refused("dead_mans_switches: [{name: a, matchers: [b=c], within: 1ms}]", "at least 1s");
    refused("flapping: {transitions: 1}", "expected 0 (off) or 2");
    refused("flapping: {transitions: 99}", "expected 0 (off) or 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routing__goes_to_the_first_child_that_matches),
        cmocka_unit_test(test_routing__continue_goes_on_to_later_siblings),
        cmocka_unit_test(test_routing__deeper_routes_inherit_the_receiver),
        cmocka_unit_test(test_routing__matchers_may_be_quoted_and_many_in_one_text),
        cmocka_unit_test(test_routing__without_a_route_all_goes_to_the_first_receiver),
        cmocka_unit_test(test_routing__inherits_and_keys_as_alertmanager),
        cmocka_unit_test(test_routing__knows_its_zones),
        cmocka_unit_test(test_routing__integrations_belong_to_their_receiver),
        cmocka_unit_test(test_routing__nonsense_is_refused_with_its_place),
    };
    return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
