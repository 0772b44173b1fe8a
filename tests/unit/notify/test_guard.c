/* test_guard.c - which addresses may be called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "notify/guard.h"

static bool allows(const struct sg__guard *g, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return sg__guard_allows(g, (const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return sg__guard_allows(g, (const struct sockaddr *)&v6);
}

struct fixture {
    struct sg_yaml *yaml;
    struct sg_arena arena;
    struct sg__guard guard;
};

static int read_guard(struct fixture *f, const char *yaml, struct sg_error *err)
{
    sg_arena_init(&f->arena, 1 << 20);
    assert_int_equal(sg_yaml_parse("c.yml", yaml, strlen(yaml), &f->yaml, NULL), 0);
    return sg__guard_read(sg_yaml_root(f->yaml), &f->arena, &f->guard, err);
}

static void drop(struct fixture *f)
{
    sg_yaml_free(f->yaml);
    sg_arena_deinit(&f->arena);
}

static void test_guard__refuses_what_is_not_public(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:c0a8:1::1",
        "3fff::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
        "5f00::1",
    };
    struct sg__guard none = {0};
    for (size_t i = 0; i < SG_ARRAY_LEN(refused); i++)
        if (allows(&none, refused[i]))
            fail_msg("%s was allowed", refused[i]);
}

static void test_guard__allows_what_is_public(void **state)
{
    (void)state;
    static const char *const allowed[] = {
        "1.1.1.1",         "8.8.8.8",          "9.255.255.255",   "11.0.0.1",
        "100.63.255.255",  "100.128.0.1",      "126.255.255.255", "128.0.0.1",
        "169.253.255.255", "172.15.255.255",   "172.32.0.1",      "192.167.255.255",
        "192.169.0.1",     "198.17.255.255",   "198.20.0.1",      "223.255.255.254",
        "::ffff:8.8.8.8",  "64:ff9b::808:808", "2606:4700::1111", "2a00:1450:4001::1",
        "2002:808:808::1", "3ffe::1",
    };
    struct sg__guard none = {0};
    for (size_t i = 0; i < SG_ARRAY_LEN(allowed); i++)
        if (!allows(&none, allowed[i]))
            fail_msg("%s was refused", allowed[i]);
}

static void test_guard__allows_listed_networks(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(
        read_guard(&f, "['10.1.0.0/16', 127.0.0.1, 'fd00::/8', '::1', 192.168.4.0/23]", NULL), 0);
    assert_true(allows(&f.guard, "10.1.2.3"));
    assert_true(allows(&f.guard, "::ffff:10.1.2.3")); /* the same address in another form */
    assert_false(allows(&f.guard, "10.2.0.1"));
    assert_true(allows(&f.guard, "127.0.0.1"));
    assert_false(allows(&f.guard, "127.0.0.2"));
    assert_true(allows(&f.guard, "fdab::1"));
    assert_false(allows(&f.guard, "fc00::1"));
    assert_true(allows(&f.guard, "::1"));
    assert_true(allows(&f.guard, "192.168.5.255"));
    assert_false(allows(&f.guard, "192.168.6.0"));
    drop(&f);
}

static void test_guard__lists_hosts_with_and_without_port(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(
        read_guard(&f, "[mail.corp, 'localhost:9093', '127.0.0.1:5001', '[::1]:25']", NULL), 0);
    assert_true(sg__guard_lists_host(&f.guard, SG_STR("MAIL.corp"), 25));
    assert_true(sg__guard_lists_host(&f.guard, SG_STR("localhost"), 9093));
    assert_false(sg__guard_lists_host(&f.guard, SG_STR("localhost"), 9094));
    assert_true(sg__guard_lists_host(&f.guard, SG_STR("127.0.0.1"), 5001));
    assert_true(sg__guard_lists_host(&f.guard, SG_STR("[::1]"), 25));
    assert_false(sg__guard_lists_host(&f.guard, SG_STR("evil.mail.corp"), 25));
    assert_false(sg__guard_lists_host(&f.guard, SG_STR("mail.corp.evil"), 25));
    assert_false(allows(&f.guard, "127.0.0.1"));
    drop(&f);
}

static void test_guard__names_a_bad_entry(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "10.0.0.0/33", "::/129",    "http://x",      "a b",  "host:0", "host:70000",     "",
        "10.0.0.0/",   "300.1.1.1", "10.0.0.256:80", "10.1", "[::1",   "[mail.corp]:25", "[]"};
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        struct fixture f;
        struct sg_error err = {0};
        char yaml[64];
        snprintf(yaml, sizeof(yaml), "[mail.corp, '%s']", bad[i]);
        if (read_guard(&f, yaml, &err) != SG_EINVALID)
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(strstr(err.text, bad[i]));
        assert_int_equal(err.line, 1);
        drop(&f);
    }
}

static void test_guard__refuses_other_families(void **state)
{
    (void)state;
    struct sg__guard none = {0};
    struct sockaddr address = {.sa_family = AF_UNIX};
    assert_false(sg__guard_allows(&none, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard__refuses_what_is_not_public),
        cmocka_unit_test(test_guard__allows_what_is_public),
        cmocka_unit_test(test_guard__allows_listed_networks),
        cmocka_unit_test(test_guard__lists_hosts_with_and_without_port),
        cmocka_unit_test(test_guard__names_a_bad_entry),
        cmocka_unit_test(test_guard__refuses_other_families),
    };
    return cmocka_run_group_tests_name("notify/guard", tests, NULL, NULL);
}
