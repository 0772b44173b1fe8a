/* test_cases.c - the evaluator against tests/promql/<feature>.test, with upstream's features off
 * and on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>

#include "mem_querier.c"
#include "promql_script.c"

static void run_file(const char *name, bool features)
{
    char path[4096];
    struct sg_script_options opt = {.features = features, .ranges = true, .log = stderr};
    struct sg_script_totals totals = {0};
    snprintf(path, sizeof(path), "%s/../promql/%s.test", SG_TEST_DATA, name);
    assert_int_equal(sg_script_run(path, &opt, &totals), 0);
    assert_int_equal(totals.failed, 0);
    assert_true(totals.passed >= 10);
}

static void test_cases__selectors(void **state)
{
    (void)state;
    run_file("selectors", false);
}
static void test_cases__ranges(void **state)
{
    (void)state;
    run_file("ranges", false);
}
static void test_cases__aggregations(void **state)
{
    (void)state;
    run_file("aggregations", false);
}
static void test_cases__operators(void **state)
{
    (void)state;
    run_file("operators", false);
}
static void test_cases__functions(void **state)
{
    (void)state;
    run_file("functions", false);
}
static void test_cases__histograms(void **state)
{
    (void)state;
    run_file("histograms", false);
}

/* Where names do not matter, dropping them at the end gives the same. */
static void test_cases__delayed_names_change_nothing_else(void **state)
{
    (void)state;
    run_file("aggregations", true);
    run_file("selectors", true);
    run_file("histograms", true);
    run_file("delayed_names", true);
}

/* The runner has to notice wrong expectations, or it proves nothing. */
static void test_cases__runner_fails_on_wrong_expectations(void **state)
{
    static const char text[] = "load 1m\n"
                               "  m{a=\"1\"} 1 2\n"
                               "  m{a=\"2\"} 3 4\n"
                               "\n"
                               "eval instant at 0 m{a=\"1\"}\n"
                               "  m{a=\"1\"} 2\n"
                               "\n"
                               "eval instant at 0 m\n"
                               "  m{a=\"1\"} 1\n"
                               "\n"
                               "eval instant at 0 m{a=\"1\"}\n"
                               "  m{a=\"1\"} 1\n"
                               "  m{a=\"3\"} 1\n"
                               "\n"
                               "eval instant at 0 sort(m)\n"
                               "  expect ordered\n"
                               "  m{a=\"2\"} 3\n"
                               "  m{a=\"1\"} 1\n"
                               "\n"
                               "eval instant at 0 m\n"
                               "  expect fail\n"
                               "\n"
                               "eval instant at 0 m{a=\"1\"}\n"
                               "  expect warn\n"
                               "  m{a=\"1\"} 1\n"
                               "\n"
                               "eval range from 0 to 1m step 1m m{a=\"1\"}\n"
                               "  m{a=\"1\"} 1\n"
                               "\n"
                               "eval instant at 0 nonsense(\n";
    char path[] = "/tmp/sg_cases_XXXXXX";
    struct sg_script_options opt = {.ranges = true};
    struct sg_script_totals totals = {0};
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fwrite(text, 1, sizeof(text) - 1, f);
    fclose(f);
    assert_int_equal(sg_script_run(path, &opt, &totals), 0);
    remove(path);
    assert_int_equal(totals.passed, 0);
    assert_int_equal(totals.failed, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases__selectors),
        cmocka_unit_test(test_cases__ranges),
        cmocka_unit_test(test_cases__aggregations),
        cmocka_unit_test(test_cases__operators),
        cmocka_unit_test(test_cases__functions),
        cmocka_unit_test(test_cases__histograms),
        cmocka_unit_test(test_cases__delayed_names_change_nothing_else),
        cmocka_unit_test(test_cases__runner_fails_on_wrong_expectations),
    };
    return cmocka_run_group_tests_name("promql cases", tests, NULL, NULL);
}
