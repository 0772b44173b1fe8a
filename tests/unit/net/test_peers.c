#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/peers.h"

static struct sg__peer_key key_of(const char *text)
{
    struct sockaddr_storage sa;
    memset(&sa, 0, sizeof(sa));
    if (strchr(text, ':')) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&sa;
        in6->sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)&sa;
        in->sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
    }
    return sg__peer_key_of((struct sockaddr *)&sa);
}

static int same(const char *a, const char *b)
{
    struct sg__peer_key x = key_of(a), y = key_of(b);
    return x.hi == y.hi && x.lo == y.lo;
}

static void test_peers__v6_counts_by_64(void **state)
{
    (void)state;
    assert_true(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
    assert_false(same("2001:db8:1:2::1", "2001:db8:1:3::1"));
}

static void test_peers__v4_counts_by_address_mapped_or_not(void **state)
{
    (void)state;
    assert_false(same("10.0.0.1", "10.0.0.2"));
    assert_true(same("10.0.0.1", "::ffff:10.0.0.1"));
}

static void test_peers__limit_refuses_and_leave_makes_room(void **state)
{
    (void)state;
    struct sg__peers p;
    sg__peers_init(&p, 2);
    struct sg__peer_key a = key_of("10.0.0.1"), b = key_of("10.0.0.2");
    assert_true(sg__peers_enter(&p, a));
    assert_true(sg__peers_enter(&p, a));
    assert_false(sg__peers_enter(&p, a));
    assert_true(sg__peers_enter(&p, b));
    sg__peers_leave(&p, a);
    assert_true(sg__peers_enter(&p, a));
    assert_int_equal(sg__peers_addresses(&p), 2);
    sg__peers_deinit(&p);
}

static void test_peers__leaving_an_unknown_address_is_harmless(void **state)
{
    (void)state;
    struct sg__peers p;
    sg__peers_init(&p, 2);
    sg__peers_leave(&p, key_of("10.0.0.1"));
    assert_int_equal(sg__peers_addresses(&p), 0);
    sg__peers_deinit(&p);
}

/* Enter and leave thousands in mixed order: every entry must stay reachable while holes are closed.
 */
static void test_peers__table_stays_right_under_churn(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct sg__peers p;
    sg__peers_init(&p, 1);
    for (uint64_t i = 0; i < N; i++)
        assert_true(sg__peers_enter(&p, (struct sg__peer_key){i + 1, 0}));
    assert_int_equal(sg__peers_addresses(&p), N);
    for (uint64_t i = 0; i < N; i += 2)
        sg__peers_leave(&p, (struct sg__peer_key){(i * 7919) % N + 1, 0});
    for (uint64_t i = 0; i < N; i++) {
        struct sg__peer_key key = {i + 1, 0};
        int there = !sg__peers_enter(&p, key);
        if (there)
            sg__peers_leave(&p, key); /* was counted once */
        else
            sg__peers_leave(&p, key);
    }
    assert_int_equal(sg__peers_addresses(&p), 0);
    sg__peers_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peers__v6_counts_by_64),
        cmocka_unit_test(test_peers__v4_counts_by_address_mapped_or_not),
        cmocka_unit_test(test_peers__limit_refuses_and_leave_makes_room),
        cmocka_unit_test(test_peers__leaving_an_unknown_address_is_harmless),
        cmocka_unit_test(test_peers__table_stays_right_under_churn),
    };
    return cmocka_run_group_tests_name("net/peers", tests, NULL, NULL);
}
