/* test_lexer.c - PromQL text to tokens: kinds, byte positions, values of numbers, durations and
 * strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "near.h"
#include "promql/lexer.h"

#define MAX_TOKENS 16

struct kinds {
    const char *text;
    enum sg__tok types[MAX_TOKENS]; /* up to the end of input, which is 0 */
};

static void check_kinds(const struct kinds *c)
{
    struct sg__lexer l;
    struct sg__token t;
    struct sg_error err = {0};
    sg__lexer_init(&l, sg_str_from(c->text));
    for (size_t i = 0; i < MAX_TOKENS; i++) {
        if (sg__lexer_next(&l, &t, &err) < 0)
            fail_msg("'%s': %s", c->text, err.text);
        if (t.type != c->types[i])
            fail_msg("'%s': token %zu is %d, expected %d", c->text, i, (int)t.type,
                     (int)c->types[i]);
        if (t.type == TOK_EOF)
            return;
        assert_int_equal(t.end - t.pos, t.text.n);
        assert_memory_equal(t.text.p, c->text + t.pos, t.text.n);
    }
}

static void test_lexer__tells_kinds_by_context(void **state)
{
    static const struct kinds cases[] = {
        {"", {TOK_EOF}},
        {"  \t\r\n# only a comment", {TOK_EOF}},
        {"foo # x\n bar", {TOK_IDENT, TOK_IDENT}},
        {"foo:bar :x a:", {TOK_METRIC_IDENT, TOK_METRIC_IDENT, TOK_METRIC_IDENT}},
        {"SUM Avg count_values", {TOK_AGG, TOK_AGG, TOK_AGG}},
        {"BY Without ON ignoring", {TOK_BY, TOK_WITHOUT, TOK_ON, TOK_IGNORING}},
        {"group_left GROUP_RIGHT bool", {TOK_GROUP_LEFT, TOK_GROUP_RIGHT, TOK_BOOL}},
        {"{sum, by=\"a\"}",
         {TOK_LBRACE, TOK_IDENT, TOK_COMMA, TOK_IDENT, TOK_ASSIGN, TOK_STRING, TOK_RBRACE}},
        {"{a!=\"\" #c\n}", {TOK_LBRACE, TOK_IDENT, TOK_OP, TOK_STRING, TOK_RBRACE}},
        {"{a=~`x`,b!~'y'}",
         {TOK_LBRACE, TOK_IDENT, TOK_RE_MATCH, TOK_STRING, TOK_COMMA, TOK_IDENT, TOK_RE_NMATCH,
          TOK_STRING, TOK_RBRACE}},
        {"[5m:Step()]",
         {TOK_LBRACKET, TOK_DURATION, TOK_COLON, TOK_STEP, TOK_LPAREN, TOK_RPAREN, TOK_RBRACKET}},
        {"[min(1,2)]",
         {TOK_LBRACKET, TOK_MIN_OF, TOK_LPAREN, TOK_NUMBER, TOK_COMMA, TOK_NUMBER, TOK_RPAREN,
          TOK_RBRACKET}},
        {"start end step range min_of max_of",
         {TOK_START, TOK_END, TOK_STEP, TOK_RANGE, TOK_MIN_OF, TOK_MAX_OF}},
        {"min max", {TOK_AGG, TOK_AGG}},
        {"+-*/%^", {TOK_OP, TOK_OP, TOK_OP, TOK_OP, TOK_OP, TOK_OP}},
        {"== != <= >= < >", {TOK_OP, TOK_OP, TOK_OP, TOK_OP, TOK_OP, TOK_OP}},
        {"and OR unless ATAN2", {TOK_OP, TOK_OP, TOK_OP, TOK_OP}},
        {"</ >/", {TOK_OP, TOK_OP}},
        {"a@1 offset", {TOK_IDENT, TOK_AT, TOK_NUMBER, TOK_OFFSET}},
        {"inf NaN INF infx", {TOK_NUMBER, TOK_NUMBER, TOK_NUMBER, TOK_IDENT}},
        {"anchored smoothed", {TOK_ANCHORED, TOK_SMOOTHED}},
        {"1h30m 5 0x1f", {TOK_DURATION, TOK_NUMBER, TOK_NUMBER}},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++)
        check_kinds(&cases[i]);
}

static void test_lexer__treats_fill_as_a_name_without_parenthesis(void **state)
{
    struct sg__lexer l;
    struct sg__token t;
    (void)state;
    sg__lexer_init(&l, SG_STR("fill fill_left ()"));
    assert_int_equal(sg__lexer_next(&l, &t, NULL), 0);
    assert_int_equal(t.type, TOK_IDENT);
    assert_int_equal(sg__lexer_next(&l, &t, NULL), 0);
    assert_int_equal(t.type, TOK_FILL);
}

static void test_lexer__reads_numbers(void **state)
{
    static const struct {
        const char *text;
        double value;
        enum sg__tok type;
    } cases[] = {
        {"0", 0, TOK_NUMBER},
        {"42", 42, TOK_NUMBER},
        {".5", 0.5, TOK_NUMBER},
        {"5.", 5, TOK_NUMBER},
        {"1.25e3", 1250, TOK_NUMBER},
        {"1E-2", 0.01, TOK_NUMBER},
        {"5.e1", 50, TOK_NUMBER},
        {"0x1F", 31, TOK_NUMBER},
        {"0XaB_cD", 43981, TOK_NUMBER},
        {"0755", 493, TOK_NUMBER},
        {"0789", 789, TOK_NUMBER},
        {"010.5", 10.5, TOK_NUMBER},
        {"1_000_000", 1e6, TOK_NUMBER},
        {"1_0.2_5", 10.25, TOK_NUMBER},
        {"9223372036854775808", 9223372036854775808.0, TOK_NUMBER},
        {"Inf", INFINITY, TOK_NUMBER},
        {"nAn", NAN, TOK_NUMBER},
        {"5m", 300, TOK_DURATION},
        {"1h30m", 5400, TOK_DURATION},
        {"100ms", 0.1, TOK_DURATION},
        {"1y2w3d4h5m6s7ms", 33019506.007, TOK_DURATION},
        {"0s", 0, TOK_DURATION},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg__lexer l;
        struct sg__token t;
        struct sg_error err = {0};
        sg__lexer_init(&l, sg_str_from(cases[i].text));
        if (sg__lexer_next(&l, &t, &err) < 0)
            fail_msg("'%s': %s", cases[i].text, err.text);
        assert_int_equal(t.type, cases[i].type);
        assert_near(t.number, cases[i].value, 1e-15);
        assert_int_equal(sg__lexer_next(&l, &t, &err), 0);
        assert_int_equal(t.type, TOK_EOF);
    }
}

static void test_lexer__unquotes_strings(void **state)
{
    static const struct {
        const char *text, *value;
        size_t n;
    } cases[] = {
        {"\"\"", "", 0},
        {"'a\"b'", "a\"b", 3},
        {"\"a'b\"", "a'b", 3},
        {"`a\\n\nb`", "a\\n\nb", 5},
        {"\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\"", "\a\b\f\n\r\t\v\\\"", 9},
        {"'\\''", "'", 1},
        {"\"\\x41\\101\\u00e4\\U0001F600\"", "AA\xc3\xa4\xf0\x9f\x98\x80", 8},
        {"\"\\xff\\377\"", "\xff\xff", 2},
        {"\"\\000\"", "\0", 1},
        {"\"\\u0041\\u07ff\\u0800\"", "A\xdf\xbf\xe0\xa0\x80", 6},
        {"\"\xc3\xa4\"", "\xc3\xa4", 2},
    };
    struct sg_arena arena;
    (void)state;
    sg_arena_init(&arena, 65536);
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg__lexer l;
        struct sg__token t;
        struct sg_str s;
        struct sg_error err = {0};
        sg__lexer_init(&l, sg_str_from(cases[i].text));
        if (sg__lexer_next(&l, &t, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_int_equal(t.type, TOK_STRING);
        assert_int_equal(sg__string_unquote(&arena, t.text, &s), 0);
        assert_int_equal(s.n, cases[i].n);
        assert_memory_equal(s.p, cases[i].value, s.n);
    }
    sg_arena_deinit(&arena);
}

static void test_lexer__refuses_invalid_utf8(void **state)
{
    struct sg__lexer l;
    struct sg__token t;
    struct sg_error err = {0};
    (void)state;
    sg__lexer_init(&l, SG_STR("\"a\xff\""));
    assert_int_equal(sg__lexer_next(&l, &t, &err), SG_ESYNTAX);
    assert_int_equal(err.pos, 2);
    assert_string_equal(err.text, "invalid UTF-8 in string");
    err = (struct sg_error){0};
    sg__lexer_init(&l, SG_STR("\xff"));
    assert_int_equal(sg__lexer_next(&l, &t, &err), SG_ESYNTAX);
    assert_string_equal(err.text, "unexpected character: '\\xff'");
}

static void test_lexer__does_not_need_a_terminator(void **state)
{
    struct sg__lexer l;
    struct sg__token t;
    (void)state;
    sg__lexer_init(&l, sg_str_make("12345", 3));
    assert_int_equal(sg__lexer_next(&l, &t, NULL), 0);
    assert_near(t.number, 123, 0);
    sg__lexer_init(&l, sg_str_make("a\0b", 3));
    assert_int_equal(sg__lexer_next(&l, &t, NULL), 0);
    assert_int_equal(sg__lexer_next(&l, &t, NULL), SG_ESYNTAX);
}

static void test_token_describe__names_what_people_typed(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"foo", "identifier \"foo\""},
        {"a:b", "metric identifier \"a:b\""},
        {"5", "number \"5\""},
        {"5m", "duration \"5m\""},
        {"'x'", "string 'x'"},
        {"(", "\"(\""},
        {"+", "<op:+>"},
        {"and", "<op:and>"},
        {"sum", "<aggr:sum>"},
        {"by", "<by>"},
        {"start", "\"start\""},
        {"", "end of input"},
        {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee",
         "identifier \"aaaaaaaaaabbbbbbbbbbccccccccccddddddd...\""},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg__lexer l;
        struct sg__token t;
        char shown[64];
        sg__lexer_init(&l, sg_str_from(cases[i].text));
        assert_int_equal(sg__lexer_next(&l, &t, NULL), 0);
        assert_string_equal(sg__token_describe(&t, shown), cases[i].shown);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lexer__tells_kinds_by_context),
        cmocka_unit_test(test_lexer__treats_fill_as_a_name_without_parenthesis),
        cmocka_unit_test(test_lexer__reads_numbers),
        cmocka_unit_test(test_lexer__unquotes_strings),
        cmocka_unit_test(test_lexer__refuses_invalid_utf8),
        cmocka_unit_test(test_lexer__does_not_need_a_terminator),
        cmocka_unit_test(test_token_describe__names_what_people_typed),
    };
    return cmocka_run_group_tests_name("promql/lexer", tests, NULL, NULL);
}
