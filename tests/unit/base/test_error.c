/* test_error.c - the error value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <streamgauge/error.h>

static void test_error_set__returns_code_and_writes_text(void **state)
{
    (void)state;
    struct sg_error err = {0};
    assert_int_equal(sg_error_set(&err, SG_EINVALID, "bad \"%s\"", "x"), SG_EINVALID);
    assert_int_equal(err.code, SG_EINVALID);
    assert_string_equal(err.text, "bad \"x\"");
}

static void test_error_set__accepts_null(void **state)
{
    (void)state;
    assert_int_equal(sg_error_set(NULL, SG_ELIMIT, "x"), SG_ELIMIT);
    assert_int_equal(sg_error_at(NULL, SG_ESYNTAX, 1, 2, "x"), SG_ESYNTAX);
    assert_int_equal(sg_error_wrap(NULL, "x"), SG_OK);
    sg_error_locate(NULL, "x", 1);
}

static void test_error_set__first_error_wins(void **state)
{
    (void)state;
    struct sg_error err = {0};
    sg_error_at(&err, SG_ESYNTAX, 3, 5, "first");
    assert_int_equal(sg_error_set(&err, SG_ELIMIT, "second"), SG_ELIMIT);
    sg_error_at(&err, SG_EIO, 7, 8, "third");
    assert_int_equal(err.code, SG_ESYNTAX);
    assert_string_equal(err.text, "first");
    assert_int_equal(err.pos, 3);
    assert_int_equal(err.end, 5);
}

static void test_error_set__marks_a_cut_text(void **state)
{
    (void)state;
    struct sg_error err = {0};
    char big[2 * sizeof(err.text)];
    memset(big, 'a', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    sg_error_set(&err, SG_EINVALID, "%s", big);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_string_equal(err.text + sizeof(err.text) - 4, "...");
}

static void test_error_set__cuts_between_utf8_sequences(void **state)
{
    (void)state;
    for (int pad = 0; pad < 4; pad++) {
        struct sg_error err = {0};
        char big[2 * sizeof(err.text)] = "";
        for (int i = 0; i < pad; i++)
            strcat(big, "a");
        for (int i = 0; i < 240; i++)
            strcat(big, "\xe2\x82\xac");
        sg_error_set(&err, SG_EINVALID, "%s", big);
        size_t n = strlen(err.text);
        assert_string_equal(err.text + n - 3, "...");
        assert_int_equal((n - 3 - (size_t)pad) % 3, 0);
    }
}

static void test_error_set__text_is_one_line(void **state)
{
    (void)state;
    struct sg_error err = {0};
    sg_error_set(&err, SG_EINVALID, "a\nb\rc\x1b[0m");
    assert_string_equal(err.text, "a?b?c?[0m");
}

static void test_error_wrap__puts_context_in_front(void **state)
{
    (void)state;
    struct sg_error err = {0};
    sg_error_set(&err, SG_ESYNTAX, "inner");
    assert_int_equal(sg_error_wrap(&err, "flag %s", "--tick"), SG_ESYNTAX);
    assert_string_equal(err.text, "flag --tick: inner");
}

static void test_error_wrap__leaves_success_alone(void **state)
{
    (void)state;
    struct sg_error err = {0};
    assert_int_equal(sg_error_wrap(&err, "context"), SG_OK);
    assert_string_equal(err.text, "");
}

static void test_error_wrap__marks_a_cut_text(void **state)
{
    (void)state;
    struct sg_error err = {0};
    sg_error_set(&err, SG_ESYNTAX, "%0400d", 0);
    sg_error_wrap(&err, "%0200d", 0);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_string_equal(err.text + sizeof(err.text) - 4, "...");
}

static void test_error_locate__counts_lines_and_columns(void **state)
{
    (void)state;
    static const char text[] = "one\ntwo\n\nfour";
    static const struct {
        uint32_t pos, line, column;
    } cases[] = {{0, 1, 1}, {3, 1, 4}, {4, 2, 1},  {6, 2, 3},
                 {8, 3, 1}, {9, 4, 1}, {13, 4, 5}, {99, 4, 5}};
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_error err = {0};
        sg_error_at(&err, SG_ESYNTAX, cases[i].pos, cases[i].pos, "x");
        sg_error_locate(&err, text, sizeof(text) - 1);
        assert_int_equal(err.line, cases[i].line);
        assert_int_equal(err.column, cases[i].column);
    }
}

static void test_error_format__prints_what_is_known(void **state)
{
    (void)state;
    char text[100];
    struct sg_error err = {.code = SG_ESYNTAX, .text = "bad"};
    assert_string_equal(sg_error_format(&err, text, sizeof(text)), "bad");
    strcpy(err.source, "a.yml");
    assert_string_equal(sg_error_format(&err, text, sizeof(text)), "a.yml: bad");
    err.line = 3;
    err.column = 7;
    assert_string_equal(sg_error_format(&err, text, sizeof(text)), "a.yml:3:7: bad");
    err.source[0] = '\0';
    assert_string_equal(sg_error_format(&err, text, sizeof(text)), "3:7: bad");
    assert_string_equal(sg_error_format(&err, text, 4), "3:7");
}

static void test_errc_name__names_every_code(void **state)
{
    (void)state;
    assert_string_equal(sg_errc_name(SG_OK), "ok");
    assert_string_equal(sg_errc_name(SG_ESYNTAX), "syntax");
    assert_string_equal(sg_errc_name(SG_EEXECUTION), "execution");
    assert_string_equal(sg_errc_name(-99), "unknown");
    assert_string_equal(sg_errc_name(1), "unknown");
}

static void test_assert__aborts_and_names_the_place(void **state)
{
    (void)state;
    int fds[2], status;
    char text[600] = "";
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        SG_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(fds[1]);
    assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "1 + 1 == 3"));
    assert_non_null(strstr(text, "test_error.c:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_set__returns_code_and_writes_text),
        cmocka_unit_test(test_error_set__accepts_null),
        cmocka_unit_test(test_error_set__first_error_wins),
        cmocka_unit_test(test_error_set__marks_a_cut_text),
        cmocka_unit_test(test_error_set__cuts_between_utf8_sequences),
        cmocka_unit_test(test_error_set__text_is_one_line),
        cmocka_unit_test(test_error_wrap__puts_context_in_front),
        cmocka_unit_test(test_error_wrap__leaves_success_alone),
        cmocka_unit_test(test_error_wrap__marks_a_cut_text),
        cmocka_unit_test(test_error_locate__counts_lines_and_columns),
        cmocka_unit_test(test_error_format__prints_what_is_known),
        cmocka_unit_test(test_errc_name__names_every_code),
        cmocka_unit_test(test_assert__aborts_and_names_the_place),
    };
    return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
