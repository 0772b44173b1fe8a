/* Which offers of permessage-deflate are accepted, and how they are answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <streamgauge/deflate.h>
#include <streamgauge/error.h>
#include <string.h>

#include "guard.h"

#define BOTH "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
#define PMD "permessage-deflate"

static const struct sg_deflate_config defaults = {.server_bits = 0};

/* answer "" = declined, NULL = malformed */
static void expect(const char *value, const struct sg_deflate_config *config, const char *answer)
{
    struct guard g;
    struct sg_deflate_params params;
    char dst[160];
    size_t n = strlen(value);
    char *p = guard_put(&g, value, n);
    int r = sg_deflate_negotiate_value(sg_str_make(p, n), config, &params);
    guard_free(&g);
    if (!answer) {
        if (r != SG_ESYNTAX)
            fail_msg("'%s': got %d, expected a syntax error", value, r);
        return;
    }
    assert_int_equal(r, 0);
    assert_int_equal(sg_deflate_answer(&params, dst), strlen(answer));
    if (strcmp(dst, answer) != 0)
        fail_msg("'%s': got '%s', expected '%s'", value, dst, answer);
}

static void test_offer__single_offers(void **state)
{
    (void)state;
    static const struct {
        const char *value, *answer;
    } table[] = {
        {PMD, BOTH},
        {" permessage-deflate ;\tserver_no_context_takeover ", BOTH},
        {PMD "; client_no_context_takeover", BOTH},
        {PMD "; client_max_window_bits", BOTH},
        {PMD "; client_max_window_bits=8", BOTH},
        {PMD "; client_max_window_bits=\"12\"", BOTH},
        {PMD ";server_max_window_bits=15", BOTH "; server_max_window_bits=15"},
        {PMD ";server_max_window_bits = 10", BOTH "; server_max_window_bits=10"},
        {PMD ";server_max_window_bits=\"1\\0\"", BOTH "; server_max_window_bits=10"},
        {PMD ";server_max_window_bits=9", BOTH "; server_max_window_bits=9"},
        {PMD ";server_max_window_bits=8", ""},
        {PMD ";server_max_window_bits", ""},
        {PMD ";server_max_window_bits=7", ""},
        {PMD ";server_max_window_bits=16", ""},
        {PMD ";server_max_window_bits=09", ""},
        {PMD ";server_max_window_bits=08", ""},
        {PMD ";server_max_window_bits=+9", ""},
        {PMD ";server_max_window_bits=10x", ""},
        {PMD ";server_max_window_bits=1000000000000", ""},
        {PMD ";client_max_window_bits=7", ""},
        {PMD ";client_max_window_bits=16", ""},
        {PMD ";client_max_window_bits=08", ""},
        {PMD ";server_no_context_takeover=1", ""},
        {PMD ";client_no_context_takeover=x", ""},
        {PMD ";server_no_context_takeover;server_no_context_takeover", ""},
        {PMD ";client_max_window_bits;client_max_window_bits=10", ""},
        {PMD ";unknown", ""},
        {PMD ";Server_Max_Window_Bits=10", ""},
        {"x-webkit-deflate-frame", ""},
        {"permessage-deflatex", ""},
        {"Permessage-Deflate", ""},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(table); i++)
        expect(table[i].value, &defaults, table[i].answer);
}

static void test_offer__the_next_one_is_tried(void **state)
{
    (void)state;
    expect(PMD "; unknown, " PMD, &defaults, BOTH);
    expect("x-foo; a=b; c=\"d\", " PMD "; server_max_window_bits=8, " PMD
           "; server_max_window_bits=11, " PMD,
           &defaults, BOTH "; server_max_window_bits=11");
    expect(",, " PMD " ,,", &defaults, BOTH);
}

static void test_offer__what_breaks_the_grammar_fails(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ",",
        ";",
        "a b",
        "a;",
        "a; ;b",
        "a=b",
        "a; b=",
        "a; b=\"\"",
        "a; b=\"c",
        "a; b=\"c d\"",
        "a; b=\"c\"d",
        "a; =b",
        "a; b==c",
        "\"a\"",
        "a; b=c;",
        PMD ", ;",
        PMD "; b=\"c\\",
        "a\xc3",
        "a; b=\"\\\"\"",
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(bad); i++) {
        expect(bad[i], &defaults, NULL);
        expect(bad[i], NULL, NULL);
    }
}

static void test_offer__configured_windows(void **state)
{
    (void)state;
    const struct sg_deflate_config small = {.server_bits = 12, .min_server_bits = 11};
    expect(PMD, &small, BOTH);
    expect(PMD "; server_max_window_bits=15", &small, BOTH "; server_max_window_bits=12");
    expect(PMD "; server_max_window_bits=11", &small, BOTH "; server_max_window_bits=11");
    expect(PMD "; server_max_window_bits=10", &small, "");
    const struct sg_deflate_config client = {.client_bits = 10};
    expect(PMD, &client, BOTH);
    expect(PMD "; client_max_window_bits", &client, BOTH "; client_max_window_bits=10");
    expect(PMD "; client_max_window_bits=9", &client, BOTH "; client_max_window_bits=9");
    expect(PMD "; client_max_window_bits=15", &client, BOTH "; client_max_window_bits=10");
}

static void test_offer__context_takeover_of_the_client(void **state)
{
    (void)state;
    const struct sg_deflate_config lax = {.allow_client_takeover = true};
    expect(PMD, &lax, PMD "; server_no_context_takeover");
    expect(PMD "; client_no_context_takeover", &lax, BOTH);
}

static void test_offer__without_config_nothing_is_agreed(void **state)
{
    (void)state;
    expect(PMD, NULL, "");
}

static void test_offer__offers_may_be_spread_over_lines(void **state)
{
    (void)state;
    const char *text = "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Extensions: x\r\n"
                       "Sec-WebSocket-Extensions: " PMD "\r\n"
                       "Sec-WebSocket-Extensions: y\r\n\r\n";
    struct sg_http1_request rq;
    struct sg_deflate_params params;
    assert_true(sg_http1_parse_head(text, strlen(text), 0, &sg_http1_default_limits, &rq, NULL) >
                0);
    assert_int_equal(sg_deflate_negotiate(&rq.headers, &defaults, &params), 0);
    assert_true(params.agreed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offer__single_offers),
        cmocka_unit_test(test_offer__the_next_one_is_tried),
        cmocka_unit_test(test_offer__what_breaks_the_grammar_fails),
        cmocka_unit_test(test_offer__configured_windows),
        cmocka_unit_test(test_offer__context_takeover_of_the_client),
        cmocka_unit_test(test_offer__without_config_nothing_is_agreed),
        cmocka_unit_test(test_offer__offers_may_be_spread_over_lines),
    };
    return cmocka_run_group_tests_name("wire/deflate_offer", tests, NULL, NULL);
}
