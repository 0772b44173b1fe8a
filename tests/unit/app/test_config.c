/* Configuration: defaults, YAML with places of errors, flags, and the rules over all keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <streamgauge/mem.h>
#include <string.h>

#include "app/config.h"

static int load(struct sg_config *c, const char *text, struct sg_error *err)
{
    sg_config_init(c);
    *err = (struct sg_error){0};
    return sg_config_load_text(c, "test.yml", text, strlen(text), err);
}

static void test_config__defaults_are_valid(void **state)
{
    (void)state;
    struct sg_config c;
    sg_config_init(&c);
    assert_int_equal(c.tick_ms, 100);
    assert_int_equal(c.retention_ms, 3600000);
    assert_true(c.host);
    assert_false(c.anonymous);
    assert_int_equal(c.limits.series, 1000000);
    assert_int_equal(c.limits.sessions_per_address, 1000);
    assert_true(c.limits.sessions_per_address < c.limits.sessions); /* else it limits nothing */
    assert_int_equal(sg_config_check(&c, NULL), 0);
    sg_config_deinit(&c);
}

static void test_config__the_file_of_the_design_loads(void **state)
{
    (void)state;
    struct sg_config c;
    struct sg_error err;
    const char *text =
        "listen: [127.0.0.1:9000, '[::1]:9000']\n"
        "tick: 250ms\n"
        "retention: 100y\n"
        "tls: {cert: server.pem, key: server.key}\n"
        "auth:\n"
        "  tokens:\n"
        "    - name: wall\n"
        "      hash: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
        "      rights: [read, admin]\n"
        "  origins: ['https://ops.example']\n"
        "inputs: {statsd: {listen: 127.0.0.1:9125}, host: {interval: 2s}}\n"
        "streams: {p99: 'max(x)', load: node_load1}\n"
        "limits: {series: 5}\n";
    assert_int_equal(load(&c, text, &err), 0);
    assert_int_equal(c.listen.n, 2);
    assert_string_equal(c.listen.items[1], "[::1]:9000");
    assert_int_equal(c.tick_ms, 250);
    assert_int_equal(c.n_tokens, 1);
    assert_int_equal(c.tokens[0].rights, SG_RIGHT_READ | SG_RIGHT_ADMIN);
    assert_int_equal(c.host_interval_ms, 2000);
    assert_int_equal(c.n_streams, 2);
    assert_string_equal(c.streams[0].expr, "max(x)");
    assert_int_equal(c.limits.series, 5);
    assert_int_equal(sg_config_check(&c, &err), 0);
    sg_config_deinit(&c);
}

static const struct {
    const char *text;
    uint32_t line, column;
    const char *part; /* of the message */
} bad[] = {
    {"tick: 1ms\n", 1, 7, "at least 10ms"},
    {"tick: soon\n", 1, 7, "expected a duration"},
    {"a: 1\n", 1, 1, "unknown key 'a'"},
    {"retension: 1h\n", 1, 1, "did you mean 'retention'"},
    {"auth:\n  tokens: 3\n", 2, 11, "expected a list"},
    {"auth:\n  tokens:\n  - {name: x, hash: 'sha256:12', rights: [read]}\n", 3, 21,
     "64 hex digits"},
    {"limits:\n  series: -1\n", 2, 11, "whole number"},
    {"listen: [\n", 2, 1, ""},
    {"tick: 100ms\ntick: 200ms\n", 2, 1, "given twice"},
    {"streams: {a: x, a: y}\n", 1, 17, "given twice"},
    {"inputs: {host: {interval: [1s]}}\n", 1, 27, "one value"},
    {"- a\n- b\n", 1, 1, "keys and values"},
    {"deflate: yes\n", 1, 10, "true or false"},
    {"listen: foo\n", 1, 9, "expected ADDRESS:PORT"},
    {"tick: 1s\nlisten:\n- 127.0.0.1:1\n- 127.0.0.1:99999\n", 4, 3, "got '127.0.0.1:99999'"},
    {"tls: {listen: '::1:80'}\n", 1, 15, "brackets"},
    {"inputs: {statsd: {listen: nowhere}}\n", 1, 27, "expected ADDRESS:PORT"},
    {"log_level: loud\n", 1, 12, "got 'loud'"},
    {"auth: {origins: [ops.example]}\n", 1, 18, "expected an origin"},
    {"auth: {origins: ['https://a', 'https://ops.example/']}\n", 1, 31, "without a path"},
};

static void test_config__errors_name_line_and_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        struct sg_config c;
        struct sg_error err;
        assert_true(load(&c, bad[i].text, &err) < 0);
        if (err.line != bad[i].line || err.column != bad[i].column ||
            !strstr(err.text, bad[i].part))
            fail_msg("%s → %u:%u %s", bad[i].text, err.line, err.column, err.text);
        assert_string_equal(err.source, "test.yml");
        sg_config_deinit(&c);
    }
}

static int parse(struct sg_config *c, struct sg_error *err, const char *const *args)
{
    char *argv[16];
    int argc = 1;
    argv[0] = (char *)(uintptr_t) "serve";
    for (; *args; args++)
        argv[argc++] = (char *)(uintptr_t)*args;
    *err = (struct sg_error){0};
    return sg_config_parse_flags(c, argc, argv, err);
}

static void test_config__flags_override_the_file(void **state)
{
    (void)state;
    struct sg_config c;
    struct sg_error err;
    assert_int_equal(load(&c, "listen: 127.0.0.1:1\ntick: 1s\n", &err), 0);
    const char *args[] = {"--listen",    "127.0.0.1:2", "--listen=127.0.0.1:3",
                          "--tick=20ms", "--no-host",   "--anonymous",
                          NULL};
    assert_int_equal(parse(&c, &err, args), 0);
    assert_int_equal(c.listen.n, 2);
    assert_string_equal(c.listen.items[0], "127.0.0.1:2");
    assert_int_equal(c.tick_ms, 20);
    assert_false(c.host);
    assert_true(c.anonymous);
    sg_config_deinit(&c);
}

static void test_config__wrong_flags_are_named(void **state)
{
    (void)state;
    static const char *const wrong[][3] = {
        {"--retentoin", "1h", "did you mean '--retention'"},
        {"--tick", NULL, "needs a value"},
        {"--edges=x", NULL, "whole number"},
        {"host", NULL, "unexpected argument 'host'"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(wrong); i++) {
        struct sg_config c;
        struct sg_error err;
        sg_config_init(&c);
        const char *args[] = {wrong[i][0], wrong[i][1], NULL};
        assert_true(parse(&c, &err, args) < 0);
        if (!strstr(err.text, wrong[i][2]))
            fail_msg("%s → %s", wrong[i][0], err.text);
        sg_config_deinit(&c);
    }
}

static void test_config__a_public_address_needs_tokens_or_anonymous(void **state)
{
    (void)state;
    struct sg_config c;
    struct sg_error err;
    assert_int_equal(load(&c, "listen: 0.0.0.0:8420\n", &err), 0);
    assert_true(sg_config_check(&c, &err) < 0);
    assert_non_null(strstr(err.text, "public address"));
    c.anonymous = true;
    assert_int_equal(sg_config_check(&c, NULL), 0);
    sg_config_deinit(&c);
}

static const struct {
    const char *text;
    uint32_t line, column;
    const char *part;
} unfit[] = {
    {"tick: 1s\nlisten: 0.0.0.0:8420\n", 2, 9, "public address"},
    {"listen: [127.0.0.1:1, '*:2']\n", 1, 23, "'*:2' is a public address"},
    {"tls: {cert: a, key: b, listen: '[::]:1'}\n", 1, 32, "tls.listen: '[::]:1' is a public"},
    {"inputs:\n  statsd: {listen: 0.0.0.0:8125}\n", 2, 20, "inputs.statsd.listen: '0.0.0.0:8125'"},
    {"tls: {cert: a}\n", 1, 13, "tls.key is missing"},
    {"tls: {key: a}\n", 1, 12, "tls.cert is missing"},
    {"tls: {listen: 127.0.0.1:1}\n", 1, 15, "needs tls.cert"},
};

static void test_config__what_does_not_fit_together_has_a_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(unfit); i++) {
        struct sg_config c;
        struct sg_error err;
        assert_int_equal(load(&c, unfit[i].text, &err), 0);
        assert_true(sg_config_check(&c, &err) < 0);
        if (err.line != unfit[i].line || err.column != unfit[i].column ||
            !strstr(err.text, unfit[i].part))
            fail_msg("%s → %u:%u %s", unfit[i].text, err.line, err.column, err.text);
        sg_config_deinit(&c);
    }
}

static void test_config__what_a_flag_says_has_no_place_in_the_file(void **state)
{
    (void)state;
    struct sg_config c;
    struct sg_error err;
    const char *args[] = {"--listen", "0.0.0.0:2", NULL};
    assert_int_equal(load(&c, "listen: 127.0.0.1:1\n", &err), 0);
    assert_int_equal(parse(&c, &err, args), 0);
    assert_true(sg_config_check(&c, &err) < 0);
    assert_int_equal(err.line, 0);
    assert_non_null(strstr(err.text, "'0.0.0.0:2' is a public address"));
    sg_config_deinit(&c);
}

static void test_config__a_public_statsd_address_needs_tokens_or_anonymous(void **state)
{
    (void)state;
    struct sg_config c;
    struct sg_error err;
    assert_int_equal(load(&c, "anonymous: true\ninputs: {statsd: {listen: ':8125'}}\n", &err), 0);
    assert_int_equal(sg_config_check(&c, NULL), 0);
    c.anonymous = false;
    assert_true(sg_config_check(&c, NULL) < 0);
    sg_config_deinit(&c);
}

static void test_config__addresses_parse_strictly(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:1", "[::1]:65535", ":8420", "*:1",
                                       "localhost:80"};
    static const char *const wrong[] = {"127.0.0.1", "::1:80", "127.0.0.1:70000", "a.b:1", "[::1:5",
                                        "1.2.3.4:",  ""};
    char host[64];
    uint16_t port;
    for (size_t i = 0; i < SG_ARRAY_LEN(good); i++)
        assert_int_equal(sg_address_parse(good[i], host, &port, NULL), 0);
    for (size_t i = 0; i < SG_ARRAY_LEN(wrong); i++)
        assert_true(sg_address_parse(wrong[i], host, &port, NULL) < 0);
}

/* ---- what a reload cannot apply ---- */

static size_t needs_restart(const char *running, const char *now, const char **ret)
{
    struct sg_config a, b;
    sg_config_init(&a);
    sg_config_init(&b);
    assert_int_equal(sg_config_load_text(&a, "a.yml", running, strlen(running), NULL), 0);
    assert_int_equal(sg_config_load_text(&b, "b.yml", now, strlen(now), NULL), 0);
    size_t n = sg_config_needs_restart(&a, &b, ret, 8);
    sg_config_deinit(&a);
    sg_config_deinit(&b);
    return n;
}

static void test_config__what_a_reload_cannot_apply_is_named(void **state)
{
    const char *keys[8];
    (void)state;
    assert_int_equal(needs_restart("listen: 127.0.0.1:1\nretention: 1h\ndeflate: true\n",
                                   "listen: [127.0.0.1:1, 127.0.0.1:2]\nretention: 60m\n"
                                   "data: /tmp/x\nlimits: {sessions: 7}\n",
                                   keys),
                     4);
    assert_string_equal(keys[0], "listen");
    assert_string_equal(keys[1], "data");
    assert_string_equal(keys[2], "deflate");
    assert_string_equal(keys[3], "limits.sessions");
}

static void test_config__what_a_reload_applies_is_not_named(void **state)
{
    const char *keys[8];
    (void)state;
    assert_int_equal(needs_restart("log_level: info\n",
                                   "log_level: debug\nevaluation_interval: 5s\n"
                                   "external_url: http://x\nrule_files: [a.yml]\n"
                                   "streams: {a: b}\n",
                                   keys),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__defaults_are_valid),
        cmocka_unit_test(test_config__the_file_of_the_design_loads),
        cmocka_unit_test(test_config__errors_name_line_and_column),
        cmocka_unit_test(test_config__flags_override_the_file),
        cmocka_unit_test(test_config__wrong_flags_are_named),
        cmocka_unit_test(test_config__a_public_address_needs_tokens_or_anonymous),
        cmocka_unit_test(test_config__what_does_not_fit_together_has_a_place),
        cmocka_unit_test(test_config__what_a_flag_says_has_no_place_in_the_file),
        cmocka_unit_test(test_config__a_public_statsd_address_needs_tokens_or_anonymous),
        cmocka_unit_test(test_config__addresses_parse_strictly),
        cmocka_unit_test(test_config__what_a_reload_cannot_apply_is_named),
        cmocka_unit_test(test_config__what_a_reload_applies_is_not_named),
    };
    return cmocka_run_group_tests_name("app/config", tests, NULL, NULL);
}
