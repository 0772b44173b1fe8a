/* Work that other threads hand to the engine's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "app/engine_thread.h"

static struct sg_engine_thread *make(void)
{
    struct sg_engine_options o;
    struct sg_engine_thread *t;
    struct sg_error err = {0};
    sg_engine_options_default(&o);
    if (sg_engine_thread_new(&o, &t, &err) < 0)
        fail_msg("%s", err.text);
    return t;
}

static void note(void *arg, int64_t wall_ms, int64_t mono_ms)
{
    char *done = arg;
    (void)wall_ms, (void)mono_ms;
    strcat(done, "x");
}

static void test_post__runs_at_the_end_at_the_latest(void **state)
{
    struct sg_engine_thread *t = make();
    char done[8] = "";
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sg_engine_thread_post(t, note, done), 0);
    assert_string_equal(done, "");
    sg_engine_thread_stop(t);
    assert_string_equal(done, "xxx");
    sg_engine_thread_free(t);
}

static void test_post__has_an_end(void **state)
{
    struct sg_engine_thread *t = make();
    static char done[8192];
    int rc = 0, n = 0;
    (void)state;
    done[0] = 0;
    while (rc == 0 && n < 8000) {
        rc = sg_engine_thread_post(t, note, done);
        n += rc == 0;
    }
    assert_int_equal(rc, SG_EBUSY);
    sg_engine_thread_stop(t);
    assert_int_equal(strlen(done), n);
    sg_engine_thread_free(t);
}

static void test_call__to_one_that_has_ended_does_not_run(void **state)
{
    struct sg_engine_thread *t = make();
    char done[8] = "";
    (void)state;
    sg_engine_thread_stop(t);
    assert_int_equal(sg_engine_thread_call(t, note, done), SG_ETIMEOUT);
    assert_int_equal(sg_engine_thread_post(t, note, done), SG_EBUSY);
    assert_string_equal(done, "");
    sg_engine_thread_free(t);
}

static void test_call__to_one_that_does_not_tick_is_given_up(void **state)
{
    struct sg_engine_thread *t = make();
    char done[8] = "";
    (void)state;
    assert_int_equal(sg_engine_thread_call(t, note, done), SG_ETIMEOUT);
    sg_engine_thread_stop(t);
    assert_string_equal(done, ""); /* it never runs any more */
    sg_engine_thread_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post__runs_at_the_end_at_the_latest),
        cmocka_unit_test(test_post__has_an_end),
        cmocka_unit_test(test_call__to_one_that_has_ended_does_not_run),
        cmocka_unit_test(test_call__to_one_that_does_not_tick_is_given_up),
    };
    return cmocka_run_group_tests_name("engine_thread", tests, NULL, NULL);
}
