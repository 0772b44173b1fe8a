/* test_log.c - log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <streamgauge/error.h>
#include <streamgauge/log.h>
#include <streamgauge/time.h>

struct capture {
    char last[2048];
    size_t len;
    unsigned lines;
};

static void keep(void *ctx, const char *line, size_t n)
{
    struct capture *c = ctx;
    assert_true(n < sizeof(c->last));
    memcpy(c->last, line, n);
    c->last[n] = '\0';
    c->len = n;
    c->lines++;
}

/* What follows the time stamp of the last line. */
static const char *tail(const struct capture *c)
{
    const char *space = strchr(c->last, ' ');
    assert_non_null(space);
    return space + 1;
}

static void test_log__line_has_all_parts(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    sg_log_set_sink(keep, &c);
    SG_LOG(WARN, "net", "accept failed, ignoring", "peer=%s errno=%d", "1.2.3.4", 24);
    sg_log_set_sink(NULL, NULL);
    assert_int_equal(c.lines, 1);
    assert_string_equal(
        tail(&c), "level=warn part=net msg=\"accept failed, ignoring\" peer=1.2.3.4 errno=24\n");
    int64_t ms;
    assert_memory_equal(c.last, "ts=", 3);
    assert_int_equal(sg_rfc3339_parse(sg_str_make(c.last + 3, 24), &ms), 0);
}

static void test_log__no_arguments_leave_no_space(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    sg_log_set_sink(keep, &c);
    SG_LOG(INFO, "app", "say \"hi\"", "%s", "");
    sg_log_set_sink(NULL, NULL);
    assert_string_equal(tail(&c), "level=info part=app msg=\"say \\\"hi\\\"\"\n");
}

static void test_log__escapes_control_characters(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    sg_log_set_sink(keep, &c);
    SG_LOG(ERROR, "net", "bad", "peer=%s", "a\r\nts=forged \x1b[31m\x7f \xc2\x9b \xff gr\xc3\xbcn");
    sg_log_set_sink(NULL, NULL);
    assert_string_equal(tail(&c), "level=error part=net msg=\"bad\" peer=a\\x0d\\x0ats=forged "
                                  "\\x1b[31m\\x7f \\xc2\\x9b \\xff gr\xc3\xbcn\n");
}

/* Where the format quotes an argument, the argument cannot end the quotes. */
static void test_log__a_quoted_argument_stays_between_its_quotes(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    sg_log_set_sink(keep, &c);
    SG_LOG(WARN, "net", "bad", "name=\"%.*s\" n=%d plain=%s last=\"%s\"", 14,
           "a\" level=x \\ \x01 cut", 7, "p\"q", "\x01\x02\"");
    assert_string_equal(tail(&c),
                        "level=warn part=net msg=\"bad\" name=\"a\\\" level=x \\\\ \\x01\" n=7 "
                        "plain=p\"q last=\"\\x01\\x02\\\"\"\n");
    SG_LOG(WARN, "net", "bad", "part=\"%d%%\"", 7);
    sg_log_set_sink(NULL, NULL);
    assert_string_equal(tail(&c), "level=warn part=net msg=\"bad\" part=\"7%\"\n");
}

/* One that has every control byte leaves none to tell quotes apart by: still one line, whole. */
static void test_log__an_argument_of_all_control_bytes_is_told(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    char all[32] = "";
    for (int i = 0; i < 31; i++)
        all[i] = (char)(i + 1);
    sg_log_set_sink(keep, &c);
    SG_LOG(WARN, "net", "bad", "name=\"%s\"", all);
    sg_log_set_sink(NULL, NULL);
    assert_non_null(strstr(c.last, "name=\"\\x01\\x02"));
    assert_non_null(strstr(c.last, "\\x1f\"\n"));
}

static void test_log__cuts_at_a_kilobyte(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    sg_log_set_sink(keep, &c);
    SG_LOG(INFO, "app", "long", "x=%05000d", 1);
    assert_true(c.len <= 1024);
    assert_true(c.len > 1000);
    assert_string_equal(c.last + c.len - 4, "...\n");
    SG_LOG(INFO, "app", "long", "x=%0990d", 1);
    sg_log_set_sink(NULL, NULL);
    assert_true(c.len <= 1024);
    assert_string_equal(c.last + c.len - 4, "...\n");
}

static void test_log__levels_filter(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    enum sg_log_level level;
    sg_log_set_sink(keep, &c);
    SG_LOG(DEBUG, "app", "x", "%s", "");
    assert_int_equal(c.lines, 0);
    assert_int_equal(sg_log_level_parse("debug", &level), 0);
    sg_log_set_level(level);
    SG_LOG(DEBUG, "app", "x", "%s", "");
    assert_int_equal(c.lines, 1);
    sg_log_set_level(SG_LOG_ERROR);
    SG_LOG(WARN, "app", "x", "%s", "");
    assert_int_equal(c.lines, 1);
    sg_log_set_level(SG_LOG_INFO);
    sg_log_set_sink(NULL, NULL);
    assert_int_equal(sg_log_level_parse("loud", &level), SG_EINVALID);
}

static void test_log__limits_each_site_and_says_so(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    struct sg_log_site site = {.window_start_us = sg_mono_now_us()};
    sg_log_set_sink(keep, &c);
    for (int i = 0; i < 25; i++)
        sg_log_write(&site, SG_LOG_WARN, "net", "again", "i=%d", i);
    assert_int_equal(c.lines, 10);
    atomic_store(&site.window_start_us, sg_mono_now_us() - 10 * 1000 * 1000);
    sg_log_write(&site, SG_LOG_WARN, "net", "again", "i=%d", 25);
    assert_string_equal(tail(&c), "level=warn part=net msg=\"again\" suppressed=15 i=25\n");
    sg_log_write(&site, SG_LOG_WARN, "net", "again", "i=%d", 26);
    sg_log_set_sink(NULL, NULL);
    assert_string_equal(tail(&c), "level=warn part=net msg=\"again\" i=26\n");
}

static void test_log__keeps_errno(void **state)
{
    (void)state;
    struct capture c = {.lines = 0};
    sg_log_set_sink(keep, &c);
    errno = ENOENT;
    SG_LOG(WARN, "app", "open failed", "error=%s", strerror(errno));
    sg_log_set_sink(NULL, NULL);
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__line_has_all_parts),
        cmocka_unit_test(test_log__no_arguments_leave_no_space),
        cmocka_unit_test(test_log__escapes_control_characters),
        cmocka_unit_test(test_log__a_quoted_argument_stays_between_its_quotes),
        cmocka_unit_test(test_log__an_argument_of_all_control_bytes_is_told),
        cmocka_unit_test(test_log__cuts_at_a_kilobyte),
        cmocka_unit_test(test_log__levels_filter),
        cmocka_unit_test(test_log__limits_each_site_and_says_so),
        cmocka_unit_test(test_log__keeps_errno),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
