#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/route.h"

static struct sg_net_asset assets[] = {{.path = "/"}, {.path = "/app.js"}};
static struct sg_net_route user[] = {
    {.path = "/api/v1/query",
     .methods = SG_NET_METHOD(GET) | SG_NET_METHOD(POST),
     .right = SG_RIGHT_READ,
     .max_body = 100},
    {.path = "/api/v1/label/*", .methods = SG_NET_METHOD(GET), .right = SG_RIGHT_READ},
    {.path = "/api/v1/*", .methods = SG_NET_METHOD(GET), .right = SG_RIGHT_READ},
};

static int set_up(void **state)
{
    static struct sg__routes r;
    struct sg_net_config cfg = {
        .assets = assets, .asset_count = 2, .routes = user, .route_count = 3};
    assert_int_equal(sg__routes_init(&r, &cfg, NULL), 0);
    *state = &r;
    return 0;
}

static int tear_down(void **state)
{
    sg__routes_deinit(*state);
    return 0;
}

static const struct sg__route *find(struct sg__routes *r, const char *path, unsigned method,
                                    unsigned *allow)
{
    return sg__routes_find(r, sg_str_from(path), method, allow);
}

static void test_route__built_in_and_own_are_found(void **state)
{
    unsigned allow;
    assert_int_equal(find(*state, "/stream", SG_NET_METHOD(GET), &allow)->kind, SG__ROUTE_STREAM);
    assert_int_equal(find(*state, "/", SG_NET_METHOD(HEAD), &allow)->kind, SG__ROUTE_ASSET);
    assert_ptr_equal(find(*state, "/api/v1/query", SG_NET_METHOD(POST), &allow)->user, &user[0]);
    assert_ptr_equal(find(*state, "/api/v1/query", SG_NET_METHOD(HEAD), &allow)->user, &user[0]);
}

static void test_route__longest_match_wins(void **state)
{
    unsigned allow;
    assert_ptr_equal(find(*state, "/api/v1/label/x/values", SG_NET_METHOD(GET), &allow)->user,
                     &user[1]);
    assert_ptr_equal(find(*state, "/api/v1/series", SG_NET_METHOD(GET), &allow)->user, &user[2]);
    assert_int_equal(find(*state, "/api/v1/samples", SG_NET_METHOD(POST), &allow)->kind,
                     SG__ROUTE_INGEST);
}

static void test_route__other_method_tells_what_is_allowed(void **state)
{
    unsigned allow;
    char text[96];
    assert_null(find(*state, "/api/v1/samples", SG_NET_METHOD(GET), &allow));
    assert_string_equal(sg__methods_text(allow, text), "POST");
    assert_null(find(*state, "/events", SG_NET_METHOD(DELETE), &allow));
    assert_string_equal(sg__methods_text(allow, text), "GET, HEAD");
}

static void test_route__unknown_path_allows_nothing(void **state)
{
    unsigned allow = 7;
    assert_null(find(*state, "/nope", SG_NET_METHOD(GET), &allow));
    assert_int_equal(allow, 0);
    assert_null(find(*state, "/api/v1/label/", SG_NET_METHOD(POST), &allow));
    assert_null(find(*state, "/appXjs", SG_NET_METHOD(GET), &allow));
    assert_null(find(*state, "/app.js/", SG_NET_METHOD(GET), &allow));
}

static void test_route__same_path_and_method_twice_is_refused(void **state)
{
    (void)state;
    struct sg__routes r;
    struct sg_net_route twice = {.path = "/metrics", .methods = SG_NET_METHOD(GET)};
    struct sg_net_config cfg = {.routes = &twice, .route_count = 1};
    assert_int_equal(sg__routes_init(&r, &cfg, NULL), SG_EEXISTS);
    twice.path = "metrics2";
    assert_int_equal(sg__routes_init(&r, &cfg, NULL), SG_EINVALID);
}

/* Every endpoint that shows or takes data asks for a right; logging out only drops the asker's
 * cookie. */
static void test_route__only_health_ping_assets_and_logging_out_are_open(void **state)
{
    struct sg__routes *r = *state;
    for (size_t i = 0; i < r->count; i++) {
        enum sg__route_kind k = r->route[i].kind;
        bool logout =
            k == SG__ROUTE_LOGIN && r->route[i].methods == (unsigned)SG_NET_METHOD(DELETE);
        bool open = k == SG__ROUTE_ASSET || k == SG__ROUTE_HEALTHY || k == SG__ROUTE_READY ||
                    k == SG__ROUTE_PING || logout;
        assert_int_equal(open, r->route[i].right == SG_RIGHT_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_route__built_in_and_own_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_route__longest_match_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_route__other_method_tells_what_is_allowed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_route__unknown_path_allows_nothing, set_up, tear_down),
        cmocka_unit_test(test_route__same_path_and_method_twice_is_refused),
        cmocka_unit_test_setup_teardown(
            test_route__only_health_ping_assets_and_logging_out_are_open, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("net/route", tests, NULL, NULL);
}
