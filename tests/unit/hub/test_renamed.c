/* test_renamed.c - names of streams that stand for something else after a reload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_rig.h"

struct fixture {
    struct rig r;
    struct client_model c;
    struct line l;
};

static const char *meaning; /* of every name */

static int resolve(void *ctx, enum sg_resolve_kind kind, struct sg_str text, struct sg_buf *ret_key,
                   struct sg_error *reterr)
{
    (void)ctx;
    if (!meaning && kind == SG_RESOLVE_STREAM)
        return sg_error_set(reterr, SG_ENOTFOUND, "there is no such stream");
    return sg_buf_put_str(ret_key,
                          kind == SG_RESOLVE_QUERY || !meaning ? text : sg_str_from(meaning));
}

static struct fixture *start(enum sg_dialect dialect, const char *message)
{
    struct fixture *f = calloc(1, sizeof(*f));
    meaning = "a";
    rig_init(&f->r);
    f->r.hooks.resolve = resolve;
    cm_init(&f->c, CM_WS);
    line_open(&f->r, &f->l, &f->c, SG_WIRE_WS, dialect);
    sg_session_start(f->l.session);
    cm_expect(&f->c, "1");
    line_say(&f->l, message);
    rig_step(&f->r);
    rig_step(&f->r);
    return f;
}

static void finish(struct fixture *f)
{
    assert_int_equal(f->c.violations, 0);
    line_cut(&f->l);
    cm_deinit(&f->c);
    rig_deinit(&f->r);
    free(f);
}

/* What was never written is not zero by luck. */
__attribute__((noinline)) static void soil_stack(void)
{
    volatile unsigned char soil[16384];
    for (size_t i = 0; i < sizeof(soil); i++)
        soil[i] = 0xa5;
}

static void rename_to(struct fixture *f, const char *now)
{
    meaning = now;
    soil_stack();
    sg_hub_renamed(f->r.hub, 1000);
}

static void test_renamed__who_asked_by_expression_stays(void **state)
{
    (void)state;
    struct fixture *f =
        start(SG_DIALECT_V1, "{\"action\":\"subscribe\",\"id\":\"1\",\"query\":\"q\"}");
    rename_to(f, "b");
    assert_false(f->l.closed);
    assert_int_equal(sg_session_get_state(f->l.session), SG_SESSION_OPEN);
    finish(f);
}

static void test_renamed__who_hears_notifications_stays(void **state)
{
    (void)state;
    struct fixture *f = start(SG_DIALECT_NOTES, "{\"action\":\"ping\"}");
    rename_to(f, "b");
    assert_false(f->l.closed);
    finish(f);
}

static void test_renamed__who_asked_by_name_comes_again(void **state)
{
    (void)state;
    static const char message[] = "{\"action\":\"subscribe\",\"id\":\"1\",\"stream\":\"s\"}";
    struct fixture *f = start(SG_DIALECT_V1, message);
    rename_to(f, "a");
    assert_false(f->l.closed);
    rename_to(f, "b");
    assert_true(f->l.closed);
    assert_int_equal(f->l.close_code, 1001);
    finish(f);
    f = start(SG_DIALECT_V1, message);
    rename_to(f, NULL);
    assert_int_equal(f->l.close_code, 1001);
    finish(f);
}

static void test_renamed__a_metric_may_be_a_name(void **state)
{
    (void)state;
    struct fixture *f = start(SG_DIALECT_SIMPLE, "{\"action\":\"subscribe\",\"metric\":\"m\"}");
    rename_to(f, "a");
    assert_false(f->l.closed);
    rename_to(f, NULL);
    assert_int_equal(f->l.close_code, 1001);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renamed__who_asked_by_expression_stays),
        cmocka_unit_test(test_renamed__who_hears_notifications_stays),
        cmocka_unit_test(test_renamed__who_asked_by_name_comes_again),
        cmocka_unit_test(test_renamed__a_metric_may_be_a_name),
    };
    return cmocka_run_group_tests_name("renamed", tests, NULL, NULL);
}
