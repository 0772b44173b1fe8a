#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/auth.h"

struct fixture {
    struct sg__auth auth;
    char hash[2][72];
    struct sg_net_token tokens[2];
    struct sg_net_config cfg;
};

static int set_up(void **state)
{
    static const char *const origins[] = {"https://ops.example"};
    static struct fixture f;
    memset(&f, 0, sizeof(f));
    sg_net_token_hash(SG_STR("wall-secret"), f.hash[0]);
    sg_net_token_hash(SG_STR("agent-secret"), f.hash[1]);
    f.tokens[0] = (struct sg_net_token){"wall", f.hash[0], SG_RIGHT_READ};
    f.tokens[1] = (struct sg_net_token){"agent", f.hash[1], SG_RIGHT_INGEST};
    f.cfg.tokens = f.tokens;
    f.cfg.token_count = 2;
    f.cfg.origins = origins;
    f.cfg.origin_count = 1;
    assert_int_equal(sg__auth_init(&f.auth, &f.cfg, NULL), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    sg__auth_deinit(&f->auth);
    return 0;
}

static enum sg__credential judge(struct fixture *f, const char *lines, unsigned *rights)
{
    char head[1024];
    static struct sg_http1_request rq;
    int n = snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", lines);
    assert_true(sg_http1_parse_head(head, (size_t)n, 0, &sg_http1_default_limits, &rq, NULL) > 0);
    *rights = 0;
    return sg__auth_request(&f->auth, &rq.headers, rights);
}

static void test_auth__hash_is_sha256_in_hex(void **state)
{
    (void)state;
    char h[72];
    sg_net_token_hash(SG_STR("abc"), h);
    assert_string_equal(h,
                        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_auth__admins_may_also_acknowledge(void **state)
{
    struct fixture *f = *state;
    unsigned rights = 0;
    sg__auth_deinit(&f->auth);
    f->tokens[1].rights = SG_RIGHT_ADMIN;
    assert_int_equal(sg__auth_init(&f->auth, &f->cfg, NULL), 0);
    assert_true(sg__auth_token(&f->auth, SG_STR("agent-secret"), &rights));
    assert_int_equal(rights & SG_RIGHT_ALL, SG_RIGHT_ADMIN | SG_RIGHT_ALERT);
}

static void test_auth__token_gives_its_rights(void **state)
{
    struct fixture *f = *state;
    unsigned rights = 0;
    assert_true(sg__auth_token(&f->auth, SG_STR("wall-secret"), &rights));
    assert_int_equal(rights & SG_RIGHT_ALL, SG_RIGHT_READ);
    assert_false(sg__auth_token(&f->auth, SG_STR("wall-secreT"), &rights));
    assert_false(sg__auth_token(&f->auth, SG_STR(""), &rights));
    assert_false(sg__auth_token(&f->auth, SG_STR("wall-secret "), &rights));
}

static void test_auth__rights_tell_whose_they_are(void **state)
{
    struct fixture *f = *state;
    unsigned rights = 0;
    assert_true(sg__auth_token(&f->auth, SG_STR("agent-secret"), &rights));
    assert_true(sg_str_eq_c(sg__auth_name(&f->auth, rights), "agent"));
    assert_true(sg_str_eq_c(sg__auth_name(&f->auth, SG_RIGHT_ALL), ""));
}

/* Another token in the first place, the second one as it was. */
static void test_auth__new_tokens_replace_the_old_ones(void **state)
{
    struct fixture *f = *state;
    unsigned wall = 0, agent = 0, again = 0, desk = 0;
    char hash[72];
    assert_true(sg__auth_token(&f->auth, SG_STR("wall-secret"), &wall));
    assert_true(sg__auth_token(&f->auth, SG_STR("agent-secret"), &agent));
    sg_net_token_hash(SG_STR("desk-secret"), hash);
    f->tokens[0] = (struct sg_net_token){"desk", hash, SG_RIGHT_READ};
    assert_int_equal(sg__auth_set_tokens(&f->auth, f->tokens, 2, NULL), 0);
    assert_false(sg__auth_token(&f->auth, SG_STR("wall-secret"), &again));
    assert_true(sg__auth_token(&f->auth, SG_STR("agent-secret"), &again));
    assert_int_equal(again, agent);
    assert_true(sg__auth_token(&f->auth, SG_STR("desk-secret"), &desk));
    assert_true(sg_str_eq_c(sg__auth_name(&f->auth, desk), "desk"));
    assert_true(sg_str_eq_c(sg__auth_name(&f->auth, wall), "wall")); /* of a session that lives */
}

static void test_auth__bad_new_tokens_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct sg_error err = {0};
    unsigned rights;
    f->tokens[1].hash = "sha256:short";
    assert_int_equal(sg__auth_set_tokens(&f->auth, f->tokens, 2, &err), SG_EINVALID);
    assert_non_null(strstr(err.text, "agent"));
    assert_true(sg__auth_token(&f->auth, SG_STR("agent-secret"), &rights));
}

static void test_auth__overlong_token_is_wrong(void **state)
{
    struct fixture *f = *state;
    char big[SG__TOKEN_MAX + 2];
    unsigned rights = 0;
    memset(big, 'a', sizeof(big));
    assert_false(sg__auth_token(&f->auth, sg_str_make(big, sizeof(big)), &rights));
}

static void test_auth__header_and_cookie_are_read(void **state)
{
    struct fixture *f = *state;
    unsigned rights;
    assert_int_equal(judge(f, "Authorization: Bearer wall-secret\r\n", &rights), SG__CRED_OK);
    assert_int_equal(rights & SG_RIGHT_ALL, SG_RIGHT_READ);
    assert_int_equal(judge(f, "Authorization: bearer agent-secret\r\n", &rights), SG__CRED_OK);
    assert_int_equal(rights & SG_RIGHT_ALL, SG_RIGHT_INGEST);
    assert_int_equal(judge(f, "Authorization: Token agent-secret\r\n", &rights), SG__CRED_OK);
    assert_int_equal(judge(f, "Cookie: a=b; streamgauge_token=wall-secret\r\n", &rights),
                     SG__CRED_OK);
    assert_int_equal(judge(f, "", &rights), SG__CRED_NONE);
}

static void test_auth__wrong_credentials_are_not_none(void **state)
{
    struct fixture *f = *state;
    unsigned rights;
    assert_int_equal(judge(f, "Authorization: Bearer nope\r\n", &rights), SG__CRED_BAD);
    assert_int_equal(judge(f, "Authorization: Basic dXNlcjpwYXNz\r\n", &rights), SG__CRED_BAD);
    assert_int_equal(judge(f, "Authorization: Bearer\r\n", &rights), SG__CRED_BAD);
    assert_int_equal(judge(f, "Cookie: streamgauge_token=nope\r\n", &rights), SG__CRED_BAD);
    assert_int_equal(rights, 0);
}

static void test_auth__without_tokens_credentials_do_no_harm(void **state)
{
    (void)state;
    struct fixture open;
    struct sg_net_config none = {0};
    unsigned rights;
    assert_int_equal(sg__auth_init(&open.auth, &none, NULL), 0);
    assert_int_equal(judge(&open, "Authorization: Bearer old\r\n", &rights), SG__CRED_NONE);
    assert_int_equal(judge(&open, "Authorization: Basic cm9vdDpyb290\r\n", &rights), SG__CRED_NONE);
    assert_int_equal(judge(&open, "Cookie: streamgauge_token=old\r\n", &rights), SG__CRED_NONE);
    assert_int_equal(rights, 0);
    sg__auth_deinit(&open.auth);
}

static void test_auth__loopback_counts_only_without_tokens(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sg__auth_default(&f->auth, true), SG_RIGHT_NONE);
    struct sg__auth open;
    struct sg_net_config none = {0};
    assert_int_equal(sg__auth_init(&open, &none, NULL), 0);
    assert_int_equal(sg__auth_default(&open, true), SG_RIGHT_ALL);
    assert_int_equal(sg__auth_default(&open, false), SG_RIGHT_NONE);
    open.anonymous = true;
    assert_int_equal(sg__auth_default(&open, false), SG_RIGHT_READ | SG_RIGHT_INGEST);
    sg__auth_deinit(&open);
}

static void test_auth__bad_hash_is_refused_by_name(void **state)
{
    (void)state;
    struct sg__auth a;
    struct sg_error err = {0};
    struct sg_net_token t = {"wall", "sha256:zz", SG_RIGHT_READ};
    struct sg_net_config cfg = {.tokens = &t, .token_count = 1};
    assert_int_equal(sg__auth_init(&a, &cfg, &err), SG_EINVALID);
    assert_non_null(strstr(err.text, "'wall'"));
}

static bool origin(struct fixture *f, const char *o, const char *host, bool tls)
{
    return sg__origin_allowed(&f->auth, o ? sg_str_from(o) : (struct sg_str){NULL, 0},
                              sg_str_from(host), tls, false);
}

static void test_origin__same_and_listed_are_allowed(void **state)
{
    struct fixture *f = *state;
    assert_true(origin(f, NULL, "a.example", false));
    assert_true(origin(f, "http://a.example", "a.example", false));
    assert_true(origin(f, "http://a.example:8420", "a.example:8420", false));
    assert_true(origin(f, "https://a.example", "a.example:443", true));
    assert_true(origin(f, "https://a.example", "a.example", false)); /* proxy ends TLS */
    assert_true(origin(f, "https://ops.example", "a.example", false));
    assert_true(origin(f, "http://[::1]:8420", "[::1]:8420", false));
}

static void test_origin__foreign_null_and_similar_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_false(origin(f, "http://b.example", "a.example", false));
    assert_false(origin(f, "null", "a.example", false));
    assert_false(origin(f, "", "a.example", false));
    assert_false(origin(f, "http://a.example.evil", "a.example", false));
    assert_false(origin(f, "http://evil-a.example", "a.example", false));
    assert_false(origin(f, "https://ops.example.evil", "a.example", false));
    assert_false(origin(f, "http://ops.example", "a.example", false));
    assert_false(origin(f, "http://a.example:81", "a.example", false));
    assert_false(origin(f, "http://a.example", "a.example", true));
    assert_false(origin(f, "http://x@a.example", "x@a.example", false));
    assert_false(origin(f, "http://", "", false));
    assert_false(origin(f, "file://a.example", "a.example", false));
}

static void test_origin__absent_is_a_policy(void **state)
{
    struct fixture *f = *state;
    assert_false(sg__origin_allowed(&f->auth, (struct sg_str){NULL, 0}, SG_STR("a"), false, true));
}

static void test_host__only_names_nobody_else_can_claim_are_trusted(void **state)
{
    struct fixture *f = *state;
    assert_true(sg__host_trusted(&f->auth, SG_STR("localhost:8420")));
    assert_true(sg__host_trusted(&f->auth, SG_STR("127.0.0.1")));
    assert_true(sg__host_trusted(&f->auth, SG_STR("[::1]:8420")));
    assert_true(sg__host_trusted(&f->auth, SG_STR("sg.localhost")));
    assert_true(sg__host_trusted(&f->auth, SG_STR("ops.example")));
    assert_false(sg__host_trusted(&f->auth, SG_STR("evil.example:8420")));
    assert_false(sg__host_trusted(&f->auth, SG_STR("127.0.0.1.evil.example")));
    assert_false(sg__host_trusted(&f->auth, SG_STR("notlocalhost")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auth__hash_is_sha256_in_hex),
        cmocka_unit_test_setup_teardown(test_auth__token_gives_its_rights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auth__admins_may_also_acknowledge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auth__rights_tell_whose_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auth__new_tokens_replace_the_old_ones, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_auth__bad_new_tokens_change_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_auth__overlong_token_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auth__header_and_cookie_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auth__wrong_credentials_are_not_none, set_up,
                                        tear_down),
        cmocka_unit_test(test_auth__without_tokens_credentials_do_no_harm),
        cmocka_unit_test_setup_teardown(test_auth__loopback_counts_only_without_tokens, set_up,
                                        tear_down),
        cmocka_unit_test(test_auth__bad_hash_is_refused_by_name),
        cmocka_unit_test_setup_teardown(test_origin__same_and_listed_are_allowed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_origin__foreign_null_and_similar_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_origin__absent_is_a_policy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_host__only_names_nobody_else_can_claim_are_trusted,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests_name("net/auth", tests, NULL, NULL);
}
