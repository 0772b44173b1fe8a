/* test_matcher.c - label matchers and the regexes behind them: RE2 syntax, full anchoring, shapes,
 * captures, bounded cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <string.h>

static struct sg_regex *regex(const char *pattern)
{
    struct sg_error err = {0};
    struct sg_regex *re = NULL;
    if (sg_regex_new(sg_str_from(pattern), &re, &err) < 0)
        fail_msg("%s: %s", pattern, err.text);
    return re;
}

static bool matches(const char *pattern, const char *value)
{
    struct sg_regex *re = regex(pattern);
    bool hit = sg_regex_match(re, sg_str_from(value));
    sg_regex_unref(re);
    return hit;
}

struct match_case {
    const char *pattern, *hit, *miss; /* NULL: nothing to try */
};

static void run_cases(const struct match_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (cases[i].hit && !matches(cases[i].pattern, cases[i].hit))
            fail_msg("'%s' should match '%s'", cases[i].pattern, cases[i].hit);
        if (cases[i].miss && matches(cases[i].pattern, cases[i].miss))
            fail_msg("'%s' should not match '%s'", cases[i].pattern, cases[i].miss);
    }
}

static void test_regex__matches_the_whole_value_only(void **state)
{
    static const struct match_case cases[] = {
        {"b", "b", "abc"},
        {"b|c", "c", "bc"},
        {"^b$", "b", "bb"},
        {"a.c", "abc", "abcd"},
        {"a.c", "a\nc", "ac"},
        {".*b", "ab", "ba"},
        {"b.*", "b\n\nx", "ab"},
        {"a$", "a", "a\n"},
        {"a|b.*", "bxx", "axx"},
        {"(a|b)c", "bc", "b"},
        {"", "", "a"},
        {"a||b", "", "ab"},
        {"(?:x|)y", "y", "xxy"},
        {"^a|b$", "b", "ab"},
        {"(^a|b)c", "bc", "abc"},
        {"\\Aa+\\z", "aaa", "ab"},
        {"a\\b.b", "a b", "a_b"},
        {"(?m)a$.^b", "a\nb", "ab"},
        {"(?-s)a.b", "a-b", "a\nb"},
        {"(?m)a\n^", "a\n", "a"},
    };
    (void)state;
    run_cases(cases, SG_ARRAY_LEN(cases));
}

static void test_regex__reads_what_only_re2_reads(void **state)
{
    static const struct match_case cases[] = {
        {"(?P<n>a)b", "ab", "b"},
        {"(?<n>a)b", "ab", "b"},
        {"(?i)aB", "Ab", "cb"},
        {"(?i:a)B", "AB", "Ab"},
        {"a(?i)b|c", "C", "Ab"},
        {"(?U)a+", "aaa", ""},
        {"(?i-s:A.)", "ab", "a\n"},
        {"\\pN+", "12\xd9\xa3", "a"},
        {"\\p{Greek}", "\xce\xb1", "a"},
        {"\\P{Greek}", "a", "\xce\xb1"},
        {"\\p{^Greek}", "a", "\xce\xb1"},
        {"[\\pL-]+", "a-b", "1"},
        {"[[:alpha:]]+", "abc", "a1"},
        {"[[:^alpha:]]", "1", "a"},
        {"[^[:space:]]", "a", "\v"},
        {"\\Qa.b\\E+", "a.bb", "axb"},
        {"\\Qa.b", "a.b", "axb"},
        {"\\s", " ", "\v"},
        {"\\S", "\v", " "},
        {"[\\S]", "\v", " "},
        {"[^\\s]", "\v", "\t"},
        {"\\v", "\v", "\n"},
        {"\\012", "\n", "0"},
        {"\\x41\\x{1F600}", "A\xf0\x9f\x98\x80", "A"},
        {"a{,2}", "a{,2}", "aa"},
        {"a{2}", "aa", "a"},
        {"a{2,}", "aaaa", "a"},
        {"a{1,2}?b", "aab", "aaab"},
        {"x{", "x{", "x"},
        {"[]a]", "]", "b"},
        {"[^]a]", "b", "]"},
        {"[a-]", "-", "b"},
        {"[\\d-z]", "-", "y"},
        {"[[.]", "[", "a"},
        {"[a&&b]", "&", "c"},
        {"^*a", "a", "b"},
        {"(?:\\b)+a", "a", "b"},
        {"\\_\\/\\#", "_/#", "a"},
        {"\xc3\xa4+", "\xc3\xa4\xc3\xa4", "\xc3\xa4\xa4"},
        {"()a(|b)", "ab", "b"},
        {"\\d\\D\\w\\W", "1a_-", "11_-"},
    };
    (void)state;
    run_cases(cases, SG_ARRAY_LEN(cases));
}

struct refusal {
    const char *pattern;
    enum sg_errc code;
    uint32_t pos;
    const char *text; /* part of the message */
};

static void test_regex__refuses_what_re2_does_not_know(void **state)
{
    static const struct refusal cases[] = {
        {"a(?=b)", SG_EUNSUPPORTED, 1, "look-ahead"},
        {"a(?!b)", SG_EUNSUPPORTED, 1, "look-ahead"},
        {"(?<=a)b", SG_EUNSUPPORTED, 0, "look-behind"},
        {"(?<!a)b", SG_EUNSUPPORTED, 0, "look-behind"},
        {"(a)\\1", SG_EUNSUPPORTED, 3, "back-references"},
        {"(a)\\8", SG_EUNSUPPORTED, 3, "back-references"},
        {"(?P<a>.)(?P=a)", SG_EUNSUPPORTED, 8, "back-references"},
        {"(?P<a>.)\\k<a>", SG_EUNSUPPORTED, 8, "back-references"},
        {"a++", SG_EUNSUPPORTED, 1, "possessive"},
        {"a*+", SG_EUNSUPPORTED, 1, "possessive"},
        {"(?>a)", SG_EUNSUPPORTED, 0, "atomic"},
        {"(?R)", SG_EUNSUPPORTED, 0, "recursion"},
        {"(a)(?1)", SG_EUNSUPPORTED, 3, "recursion"},
        {"(?&a)", SG_EUNSUPPORTED, 0, "recursion"},
        {"(?(1)a)", SG_EUNSUPPORTED, 0, "conditions"},
        {"(?C1)", SG_EUNSUPPORTED, 0, "callouts"},
        {"(?#x)", SG_EUNSUPPORTED, 0, "comments"},
        {"(?|a|b)", SG_EUNSUPPORTED, 0, "branch reset"},
        {"(*UTF)a", SG_EUNSUPPORTED, 0, "verbs"},
        {"\\C", SG_EUNSUPPORTED, 0, "\\C"},
        {"a**", SG_ESYNTAX, 1, "invalid nested repetition operator: `**`"},
        {"a{2}{3}", SG_ESYNTAX, 1, "invalid nested repetition operator"},
        {"*a", SG_ESYNTAX, 0, "missing argument to repetition operator: `*`"},
        {"a|+", SG_ESYNTAX, 2, "missing argument to repetition operator"},
        {"(?i)*", SG_ESYNTAX, 4, "missing argument"},
        {"(a", SG_ESYNTAX, 0, "missing closing ): `(a`"},
        {"a)", SG_ESYNTAX, 1, "unexpected )"},
        {"[a", SG_ESYNTAX, 0, "missing closing ]"},
        {"[]", SG_ESYNTAX, 0, "missing closing ]"},
        {"[b-a]", SG_ESYNTAX, 1, "invalid character class range: `b-a`"},
        {"[a-\\d]", SG_ESYNTAX, 3, "invalid escape sequence"},
        {"[[:foo:]]", SG_ESYNTAX, 1, "invalid character class range: `[:foo:]`"},
        {"\\p{Nope}", SG_ESYNTAX, 0, "unknown property"},
        {"\\p{", SG_ESYNTAX, 0, "invalid character class range"},
        {"\\Z", SG_ESYNTAX, 0, "invalid escape sequence: `\\Z`"},
        {"\\G", SG_ESYNTAX, 0, "invalid escape sequence"},
        {"\\K", SG_ESYNTAX, 0, "invalid escape sequence"},
        {"\\h", SG_ESYNTAX, 0, "invalid escape sequence"},
        {"\\x{110000}", SG_ESYNTAX, 0, "invalid escape sequence"},
        {"\\xg", SG_ESYNTAX, 0, "invalid escape sequence"},
        {"a\\", SG_ESYNTAX, 1, "trailing backslash"},
        {"a{1001}", SG_ESYNTAX, 1, "invalid repeat count: `{1001}`"},
        {"a{2,1}", SG_ESYNTAX, 1, "invalid repeat count"},
        {"(a{100}){11}", SG_ESYNTAX, 8, "nested repeats multiply"},
        {"(?z)", SG_ESYNTAX, 0, "invalid or unsupported Perl syntax"},
        {"(?i-)", SG_ESYNTAX, 0, "invalid or unsupported Perl syntax"},
        {"(?P<a>.)(?P<a>.)", SG_ESYNTAX, 8, "duplicate"},
        {"(?P<>.)", SG_ESYNTAX, 0, "invalid named capture"},
        {"(?P<a-b>.)", SG_ESYNTAX, 0, "invalid named capture"},
        {"a\xff", SG_ESYNTAX, 1, "invalid UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_error err = {0};
        struct sg_regex *re = NULL;
        int rc = sg_regex_new(sg_str_from(cases[i].pattern), &re, &err);
        if (rc != (int)cases[i].code || !strstr(err.text, cases[i].text) ||
            (err.end && err.pos != cases[i].pos))
            fail_msg("'%s': %d at %u: %s", cases[i].pattern, rc, err.pos, err.text);
        assert_null(re);
    }
}

static void test_regex__bounds_its_size(void **state)
{
    struct sg_error err = {0};
    struct sg_regex *re = NULL;
    char *text = malloc(SG_REGEX_MAX_PATTERN + 2);
    (void)state;
    memset(text, '(', 201);
    memset(text + 201, ')', 201);
    assert_int_equal(sg_regex_new(sg_str_make(text, 402), &re, &err), SG_ELIMIT);
    memset(text, 'a', SG_REGEX_MAX_PATTERN + 1);
    err = (struct sg_error){0};
    assert_int_equal(sg_regex_new(sg_str_make(text, SG_REGEX_MAX_PATTERN + 1), &re, &err),
                     SG_ELIMIT);
    assert_int_equal(sg_regex_new(sg_str_make(text, SG_REGEX_MAX_PATTERN), &re, NULL), 0);
    sg_regex_unref(re);
    for (size_t i = 0; i + 4 <= SG_REGEX_MAX_PATTERN; i += 4)
        memcpy(text + i, "[ab]", 4);
    err = (struct sg_error){0};
    assert_int_equal(sg_regex_new(sg_str_make(text, SG_REGEX_MAX_PATTERN), &re, &err), SG_ELIMIT);
    free(text);
}

static void test_regex_shape__sees_what_needs_no_engine(void **state)
{
    static const struct {
        const char *pattern;
        enum sg_regex_shape shape;
        size_t literals;
        const char *prefix;
    } cases[] = {
        {"api", SG_REGEX_LITERALS, 1, "api"},
        {"web|api|web", SG_REGEX_LITERALS, 2, ""},
        {"^(?:a\\.b|c)$", SG_REGEX_LITERALS, 2, ""},
        {"(a|b|)", SG_REGEX_LITERALS, 3, ""},
        {"", SG_REGEX_LITERALS, 1, ""},
        {".*", SG_REGEX_ANY, 0, ""},
        {"^.*$", SG_REGEX_ANY, 0, ""},
        {"(.*)", SG_REGEX_ANY, 0, ""},
        {".+", SG_REGEX_NONEMPTY, 0, ""},
        {"api.*", SG_REGEX_PREFIX, 0, "api"},
        {"api\\..*", SG_REGEX_PREFIX, 0, "api."},
        {"api.+", SG_REGEX_GENERAL, 0, "api"},
        {"api(a|b)", SG_REGEX_GENERAL, 0, "api"},
        {"ap[ij]", SG_REGEX_GENERAL, 0, "ap"},
        {"api*", SG_REGEX_GENERAL, 0, "ap"},
        {"\xc3\xa4?b", SG_REGEX_GENERAL, 0, ""},
        {"x\xc3\xa4?b", SG_REGEX_GENERAL, 0, "x"},
        {"api|web.*", SG_REGEX_GENERAL, 0, ""},
        {"(api|web.*)", SG_REGEX_GENERAL, 0, ""},
        {"(?i)api", SG_REGEX_GENERAL, 0, ""},
        {"a$|b", SG_REGEX_GENERAL, 0, ""},
        {"a\\$", SG_REGEX_LITERALS, 1, "a$"},
        {"([(])a([)])", SG_REGEX_GENERAL, 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_regex *re = regex(cases[i].pattern);
        const struct sg_str *literals;
        if (sg_regex_shape(re) != cases[i].shape ||
            sg_regex_literals(re, &literals) != cases[i].literals ||
            !sg_str_eq_c(sg_regex_prefix(re), cases[i].prefix))
            fail_msg("'%s': shape %d, prefix '%.*s'", cases[i].pattern, (int)sg_regex_shape(re),
                     SG_STR_ARG(sg_regex_prefix(re)));
        sg_regex_unref(re);
    }
}

static void test_regex_literals__are_sorted_and_unique(void **state)
{
    struct sg_regex *re = regex("web|api|db|api");
    const struct sg_str *literals;
    (void)state;
    assert_int_equal(sg_regex_literals(re, &literals), 3);
    assert_true(sg_str_eq_c(literals[0], "api"));
    assert_true(sg_str_eq_c(literals[1], "db"));
    assert_true(sg_str_eq_c(literals[2], "web"));
    sg_regex_unref(re);
}

static void test_regex_capture__gives_the_groups(void **state)
{
    struct sg_str g[4];
    struct sg_regex *re = regex("(?P<host>[a-z]+)(:(\\d+))?");
    (void)state;
    assert_int_equal(sg_regex_group_count(re), 4);
    assert_int_equal(sg_regex_group_index(re, SG_STR("host")), 1);
    assert_int_equal(sg_regex_group_index(re, SG_STR("port")), SG_ENOTFOUND);
    assert_int_equal(sg_regex_capture(re, SG_STR("db:5432"), g, 4), 4);
    assert_true(sg_str_eq_c(g[0], "db:5432"));
    assert_true(sg_str_eq_c(g[1], "db"));
    assert_true(sg_str_eq_c(g[3], "5432"));
    assert_int_equal(sg_regex_capture(re, SG_STR("db"), g, 4), 4);
    assert_null(g[2].p);
    assert_null(g[3].p);
    assert_int_equal(sg_regex_capture(re, SG_STR("db"), g, 2), 2);
    assert_int_equal(sg_regex_capture(re, SG_STR("db:x"), g, 4), 0);
    sg_regex_unref(re);
}

static void test_regex_capture__works_without_an_engine(void **state)
{
    static const char *const patterns[] = {"(.*)", "(api|web)", "(.+)", "(ap.*)", "^(api)$"};
    struct sg_str g[2];
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(patterns); i++) {
        struct sg_regex *re = regex(patterns[i]);
        assert_int_not_equal(sg_regex_shape(re), SG_REGEX_GENERAL);
        assert_int_equal(sg_regex_capture(re, SG_STR("api"), g, 2), 2);
        assert_true(sg_str_eq_c(g[1], "api"));
        sg_regex_unref(re);
    }
    struct sg_regex *re = regex("(api|web)");
    assert_int_equal(sg_regex_capture(re, SG_STR("db"), g, 2), 0);
    sg_regex_unref(re);
}

static void test_regex__stays_right_where_backtracking_runs_away(void **state)
{
    static const char *const patterns[] = {"(a+)+$", "(a|aa)+", "(a*)*c?", "(.*a){12}",
                                           "(?:a|b|ab)*"};
    char *value = malloc(65536);
    (void)state;
    memset(value, 'a', 65536);
    for (size_t i = 0; i < SG_ARRAY_LEN(patterns); i++) {
        struct sg_regex *re = regex(patterns[i]);
        assert_true(sg_regex_match(re, sg_str_make(value, 65536)));
        value[65535] = '!';
        assert_false(sg_regex_match(re, sg_str_make(value, 65536)));
        value[65535] = 'a';
        assert_int_equal(sg_regex_errors(re), 0);
        sg_regex_unref(re);
    }
    free(value);
}

static void test_regex__gives_up_and_counts_it(void **state)
{
    struct sg_regex *re = regex("(.{0,90}[ab]){11}[c-d]");
    char *value = malloc(65536);
    (void)state;
    memset(value, 'a', 65536);
    assert_false(sg_regex_match(re, sg_str_make(value, 65536)));
    assert_int_equal(sg_regex_errors(re), 1);
    sg_regex_unref(re);
    re = regex("a[b]");
    assert_false(sg_regex_match(re, SG_STR("a\xff")));
    assert_int_equal(sg_regex_errors(re), 1);
    sg_regex_unref(re);
    free(value);
}

struct shared {
    const struct sg_regex *re;
    unsigned wrong;
};

static void *match_many(void *arg)
{
    struct shared *s = arg;
    struct sg_str g[3];
    for (int i = 0; i < 2000; i++) {
        s->wrong += !sg_regex_match(s->re, SG_STR("host-17"));
        s->wrong += sg_regex_match(s->re, SG_STR("host-"));
        s->wrong += sg_regex_capture(s->re, SG_STR("db-5"), g, 3) != 3 || !sg_str_eq_c(g[2], "5");
    }
    return NULL;
}

static void test_regex__matches_on_many_threads(void **state)
{
    struct sg_regex *re = regex("([a-z]+)-(\\d+)");
    struct shared shared[4] = {{0}};
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        shared[i].re = sg_regex_ref(re);
        assert_int_equal(pthread_create(&threads[i], NULL, match_many, &shared[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(shared[i].wrong, 0);
        sg_regex_unref(re);
    }
    sg_regex_unref(re);
}

static void test_matcher__applies_its_type(void **state)
{
    static const struct {
        enum sg_match_type type;
        const char *value;
        bool empty, api, web;
    } cases[] = {
        {SG_MATCH_EQ, "api", false, true, false},     {SG_MATCH_NE, "api", true, false, true},
        {SG_MATCH_RE, "a.i", false, true, false},     {SG_MATCH_NRE, "a.i", true, false, true},
        {SG_MATCH_EQ, "", true, false, false},        {SG_MATCH_NE, "", false, true, true},
        {SG_MATCH_RE, "api|", true, true, false},     {SG_MATCH_NRE, ".+", true, false, false},
        {SG_MATCH_RE, ".*", true, true, true},        {SG_MATCH_NRE, ".*", false, false, false},
        {SG_MATCH_RE, "(?i)API", false, true, false},
    };
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_matcher m, copy;
        assert_int_equal(
            sg_matcher_init(&m, cases[i].type, SG_STR("job"), sg_str_from(cases[i].value), NULL),
            0);
        assert_int_equal(sg_matcher_matches_empty(&m), cases[i].empty);
        assert_int_equal(sg_matcher_matches(&m, SG_STR("")), cases[i].empty);
        assert_int_equal(sg_matcher_matches(&m, SG_STR("api")), cases[i].api);
        assert_int_equal(sg_matcher_copy(&copy, &m), 0);
        assert_ptr_equal(copy.regex, m.regex);
        sg_matcher_deinit(&m);
        assert_int_equal(sg_matcher_matches(&copy, SG_STR("web")), cases[i].web);
        assert_true(sg_str_eq_c(copy.name, "job"));
        sg_matcher_deinit(&copy);
    }
}

static void test_matcher__is_empty_after_an_error(void **state)
{
    struct sg_matcher m;
    struct sg_error err = {0};
    (void)state;
    assert_int_equal(sg_matcher_init(&m, SG_MATCH_RE, SG_STR("a"), SG_STR("("), &err), SG_ESYNTAX);
    sg_matcher_deinit(&m);
    sg_mem_fail_after(1);
    assert_int_equal(sg_matcher_init(&m, SG_MATCH_EQ, SG_STR("a"), SG_STR("b"), NULL), SG_ENOMEM);
    sg_mem_fail_after(0);
    sg_matcher_deinit(&m);
    sg_matcher_deinit(NULL);
}

static void test_matcher_cmp__orders_by_name_type_value(void **state)
{
    struct sg_matcher m[4];
    (void)state;
    assert_int_equal(sg_matcher_init(&m[0], SG_MATCH_EQ, SG_STR("a"), SG_STR("z"), NULL), 0);
    assert_int_equal(sg_matcher_init(&m[1], SG_MATCH_NE, SG_STR("a"), SG_STR("b"), NULL), 0);
    assert_int_equal(sg_matcher_init(&m[2], SG_MATCH_NE, SG_STR("a"), SG_STR("c"), NULL), 0);
    assert_int_equal(sg_matcher_init(&m[3], SG_MATCH_EQ, SG_STR("b"), SG_STR("a"), NULL), 0);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            int c = sg_matcher_cmp(&m[i], &m[k]);
            assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
        }
    for (int i = 0; i < 4; i++)
        sg_matcher_deinit(&m[i]);
}

/* Machine code is made on the way. */
static void test_regex__says_the_same_however_often_it_is_asked(void **state)
{
    static const char *const patterns[] = {"x(a|b)+[0-9]?", "(?:a?b|[^c-z])*", "[aA]+.c"};
    static const char *const values[] = {"xab1", "xabc", "AaAzc", "ab\nb"};
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(patterns); i++) {
        struct sg_regex *re = regex(patterns[i]);
        bool first[SG_ARRAY_LEN(values)];
        for (size_t k = 0; k < SG_ARRAY_LEN(values); k++)
            first[k] = sg_regex_match(re, sg_str_from(values[k]));
        for (int round = 0; round < 300; round++)
            for (size_t k = 0; k < SG_ARRAY_LEN(values); k++)
                assert_int_equal(sg_regex_match(re, sg_str_from(values[k])), first[k]);
        struct sg_str groups[2];
        if (i == 0) {
            assert_int_equal(sg_regex_capture(re, SG_STR("xab1"), groups, 2), 2);
            assert_true(sg_str_eq_c(groups[1], "b"));
        }
        assert_int_equal(sg_regex_errors(re), 0);
        sg_regex_unref(re);
    }
}

/* What machine code finds out within its limit is not given up because it was not made yet. */
static void test_regex__many_words_in_a_long_value_are_found_at_the_first_time(void **state)
{
    char pattern[1024] = "(.*)(", value[801];
    struct sg_str groups[3];
    (void)state;
    for (int i = 0; i < 80; i++)
        snprintf(pattern + strlen(pattern), 16, "%sw%dx%d", i ? "|" : "", i * 7919 % 1000, i);
    memcpy(pattern + strlen(pattern), ").*", 4);
    for (size_t i = 0; i < 800; i++)
        value[i] = "abcw/-_"[i % 7];
    value[800] = 0;
    sg_regex_set_budget(1000);
    struct sg_regex *re = regex(pattern);
    assert_int_equal(sg_regex_try(re, sg_str_from(value)), 0);
    sg_regex_unref(re);
    re = regex(pattern);
    memcpy(value, "w0x0", 4);
    assert_int_equal(sg_regex_capture(re, sg_str_from(value), groups, 3), 3);
    assert_true(sg_str_eq_c(groups[2], "w0x0"));
    assert_int_equal(sg_regex_errors(re), 0);
    sg_regex_unref(re);
    sg_regex_set_budget(UINT64_MAX);
}

/* Thousands of streams have some each. Only in builds without a sanitizer the heap can be told. */
static void test_regex__keeps_little_when_it_was_run(void **state)
{
    enum { N = 100 };
    struct sg_regex *re[N];
    (void)state;
    for (size_t i = 0; i < N; i++)
        re[i] = regex("(a|aa|aaa)*(b|c)");
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < N; i++)
        assert_false(sg_regex_match(re[i], SG_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    assert_in_range(mallinfo2().uordblks, before, before + N * 4096);
    for (size_t i = 0; i < N; i++)
        sg_regex_unref(re[i]);
}

static void test_match_type_text__is_the_operator(void **state)
{
    (void)state;
    assert_string_equal(sg_match_type_text(SG_MATCH_EQ), "=");
    assert_string_equal(sg_match_type_text(SG_MATCH_NE), "!=");
    assert_string_equal(sg_match_type_text(SG_MATCH_RE), "=~");
    assert_string_equal(sg_match_type_text(SG_MATCH_NRE), "!~");
}

static void test_regex__a_small_budget_gives_up_early(void **state)
{
    struct sg_regex *re;
    (void)state;
    char *value = sg_alloc(16000);
    memset(value, 'a', 16000);
    value[15998] = 'c';
    value[15999] = 'X';
    assert_int_equal(sg_regex_new(SG_STR("(a|aa|aaa)*(b|c)"), &re, NULL), 0);
    assert_false(sg_regex_match(re, sg_str_make(value, 16000)));
    assert_int_equal(sg_regex_errors(re), 0); /* really none */
    sg_regex_set_budget(4000000);
    assert_false(sg_regex_match(re, sg_str_make(value, 16000)));
    assert_int_equal(sg_regex_errors(re), 1);
    assert_true(sg_regex_match(re, sg_str_make(value + 15800, 199)));
    assert_false(sg_regex_match(re, sg_str_make(value + 15800, 200)));
    assert_int_equal(sg_regex_errors(re), 1);
    struct sg_matcher m; /* what was not found out silences nothing */
    for (int not = 0; not < 2; not ++) {
        assert_int_equal(sg_matcher_init(&m, not ? SG_MATCH_NRE : SG_MATCH_RE, SG_STR("l"),
                                         SG_STR("(a|aa|aaa)*(b|c)"), NULL),
                         0);
        assert_false(sg_matcher_matches(&m, sg_str_make(value, 16000)));
        sg_matcher_deinit(&m);
    }
    assert_int_equal(sg_regex_try(re, sg_str_make(value, 16000)), SG_ELIMIT);
    sg_regex_set_budget(UINT64_MAX);
    sg_regex_unref(re);
    sg_free(value);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regex__matches_the_whole_value_only),
        cmocka_unit_test(test_regex__reads_what_only_re2_reads),
        cmocka_unit_test(test_regex__refuses_what_re2_does_not_know),
        cmocka_unit_test(test_regex__bounds_its_size),
        cmocka_unit_test(test_regex_shape__sees_what_needs_no_engine),
        cmocka_unit_test(test_regex_literals__are_sorted_and_unique),
        cmocka_unit_test(test_regex_capture__gives_the_groups),
        cmocka_unit_test(test_regex_capture__works_without_an_engine),
        cmocka_unit_test(test_regex__stays_right_where_backtracking_runs_away),
        cmocka_unit_test(test_regex__gives_up_and_counts_it),
        cmocka_unit_test(test_regex__matches_on_many_threads),
        cmocka_unit_test(test_matcher__applies_its_type),
        cmocka_unit_test(test_matcher__is_empty_after_an_error),
        cmocka_unit_test(test_matcher_cmp__orders_by_name_type_value),
        cmocka_unit_test(test_match_type_text__is_the_operator),
        cmocka_unit_test(test_regex__a_small_budget_gives_up_early),
        cmocka_unit_test(test_regex__says_the_same_however_often_it_is_asked),
        cmocka_unit_test(test_regex__many_words_in_a_long_value_are_found_at_the_first_time),
        cmocka_unit_test(test_regex__keeps_little_when_it_was_run),
    };
    return cmocka_run_group_tests_name("model/matcher", tests, NULL, NULL);
}
