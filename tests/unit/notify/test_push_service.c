/* test_push_service.c - who stands behind a subscription, and whom it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "notify/push_service.h"

static const char *service(const char *endpoint)
{
    static char dst[SG__PUSH_SERVICE_SIZE];
    char json[1024];
    int n = snprintf(json, sizeof(json), "{\"endpoint\":\"%s\"}", endpoint);
    size_t len = sg__push_service((struct sg_str){json, (size_t)n}, dst);
    assert_int_equal(len, strlen(dst));
    return dst;
}

static void test_service__is_the_domain(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"https://fcm.googleapis.com/fcm/send/x:y@z", "googleapis.com"},
        {"https://WEB.push.Apple.com:443/q", "apple.com"},
        {"https://push.example", "push.example"},
        {"https://user:word@a.b.example./x", "b.example"},
        {"https://intranet/x", "intranet"},
        {"https://127.0.0.1:8443/x", "127.0.0.1"},
        {"https://[fe80::1]:8443/x", "[fe80::1"},
        {"https://h.example?x=/y.z", "h.example"},
        {"", ""},
        {"https://", ""},
        {"https://...", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(service(cases[i][0]), cases[i][1]);
}

static void test_service__knows_addresses(void **state)
{
    (void)state;
    assert_true(sg__push_service_is_address(service("https://10.0.0.1/x")));
    assert_true(sg__push_service_is_address(service("https://[::1]/x")));
    assert_true(sg__push_service_is_address(service("https://2130706433/x")));
    assert_false(sg__push_service_is_address(service("https://10.push.example/x")));
    assert_false(sg__push_service_is_address(""));
}

static void test_service__of_an_endless_name_fits(void **state)
{
    (void)state;
    char json[2048], dst[SG__PUSH_SERVICE_SIZE];
    int n = snprintf(json, sizeof(json), "{\"endpoint\":\"https://%01000d.example/\"}", 0);
    size_t len = sg__push_service((struct sg_str){json, (size_t)n}, dst);
    assert_int_equal(len, strlen(dst));
    assert_in_range(len, 1, sizeof(dst) - 1);
}

static void test_refusals__in_a_row_are_counted(void **state)
{
    (void)state;
    struct sg__refusals r = {0};
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i < SG__PUSH_REFUSALS; i++)
            assert_false(sg__refusals_add(&r, SG_STR("a")));
        assert_false(sg__refusals_add(&r, SG_STR("b")));
        assert_true(sg__refusals_add(&r, SG_STR("a")));
        sg__refusals_forget(&r, SG_STR("b"));
    }
    assert_null(r.all);
    sg__refusals_forget(&r, SG_STR("b"));
    assert_false(sg__refusals_add(&r, SG_STR("")));
    sg__refusals_deinit(&r);
}

static void test_refusals__are_bounded(void **state)
{
    (void)state;
    struct sg__refusals r = {0};
    char name[32];
    for (int i = 0; i < 30000; i++) {
        int n = snprintf(name, sizeof(name), "e%d", i);
        assert_false(sg__refusals_add(&r, (struct sg_str){name, (size_t)n}));
    }
    for (int i = 1; i < SG__PUSH_REFUSALS; i++) /* the first is forgotten */
        assert_false(sg__refusals_add(&r, SG_STR("e0")));
    assert_true(sg__refusals_add(&r, SG_STR("e0")));
    sg__refusals_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service__is_the_domain),
        cmocka_unit_test(test_service__knows_addresses),
        cmocka_unit_test(test_service__of_an_endless_name_fits),
        cmocka_unit_test(test_refusals__in_a_row_are_counted),
        cmocka_unit_test(test_refusals__are_bounded),
    };
    return cmocka_run_group_tests_name("notify/push_service", tests, NULL, NULL);
}
