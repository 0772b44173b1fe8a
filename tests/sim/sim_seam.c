/* sim_seam.c - subscribing while updates flow: at every possible moment, the client ends with
 * exactly what the engine has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_rig.h"

static void check(struct rig *r, const struct client_model *c, const char *key, const char *id)
{
    const char *diff = rig_compare(r, rig_topic(r, key, 100), cm_find((void *)(uintptr_t)c, id));
    if (c->violations)
        fail_msg("%u broken rules, the first: %s", c->violations, c->violation);
    if (diff)
        fail_msg("%s", diff);
}

/* A client subscribes between any two of the steps engine tick, apply, flush; a hundred others
 * before it. */
static void subscribe_at(unsigned seed, unsigned moment)
{
    struct rig r;
    struct client_model *early = calloc(1, sizeof(*early)), *late = calloc(1, sizeof(*late));
    struct line a, b;
    struct sg_prng g = {seed};
    rig_init(&r);
    cm_init(early, CM_WS);
    cm_init(late, CM_WS);
    line_open(&r, &a, early, SG_WIRE_WS, SG_DIALECT_V1);
    line_open(&r, &b, late, SG_WIRE_WS, SG_DIALECT_V1);
    sg_session_start(a.session);
    sg_session_start(b.session);
    line_subscribe(&a, "a", "x");
    for (unsigned step = 0; step < 24; step++) {
        rig_shake(rig_topic(&r, "x", 100), &g, 5);
        if (moment == 3 * step)
            line_subscribe(&b, "b", "x");
        rig_tick(&r);
        if (moment == 3 * step + 1)
            line_subscribe(&b, "b", "x");
        if (step % 3)
            rig_flush(&r); /* now and then two ticks come before one flush */
        if (moment == 3 * step + 2)
            line_subscribe(&b, "b", "x");
        r.now_ms += 100;
    }
    rig_flush(&r);
    check(&r, early, "x", "a");
    check(&r, late, "x", "b");
    assert_int_equal(cm_find(late, "b")->fulls, 1);
    assert_int_equal(cm_find(late, "b")->dropped, 0);
    line_cut(&a);
    line_cut(&b);
    rig_deinit(&r);
    cm_deinit(early);
    cm_deinit(late);
    free(early);
    free(late);
}

static void test_seam__any_moment_ends_in_the_engines_state(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++)
        for (unsigned moment = 0; moment < 69; moment++)
            subscribe_at(seed, moment);
}

/* Many clients come, subscribe to one or more of three topics, leave some, go; all wires; nobody is
 * slow. */
static void churn(unsigned seed)
{
    enum { CLIENTS = 8 };
    static const char *const keys[] = {"x", "y", "z"};
    struct rig r;
    struct sg_prng g = {seed};
    struct client_model *c = calloc(CLIENTS, sizeof(*c));
    struct line l[CLIENTS];
    rig_init(&r);
    for (int i = 0; i < CLIENTS; i++) {
        cm_init(&c[i], (enum cm_wire)(i % 3));
        line_open(&r, &l[i], &c[i], (enum sg_wire)(i % 3), SG_DIALECT_V1);
        sg_session_start(l[i].session);
    }
    for (int step = 0; step < 200; step++) {
        int i = (int)sg_prng_below(&g, CLIENTS);
        const char *key = keys[sg_prng_below(&g, 3)];
        for (int k = 0; k < 3; k++)
            rig_shake(rig_topic(&r, keys[k], 100), &g, 3);
        if (!cm_find(&c[i], key)) {
            line_subscribe(&l[i], key, key);
        } else if (sg_prng_below(&g, 3) == 0) {
            char text[64];
            snprintf(text, sizeof(text), "{\"action\":\"unsubscribe\",\"id\":\"%s\"}", key);
            line_say(&l[i], text);
            cm_forget(&c[i], key);
        }
        rig_tick(&r);
        if (sg_prng_below(&g, 4))
            rig_flush(&r);
        r.now_ms += 100;
    }
    rig_flush(&r);
    for (int i = 0; i < CLIENTS; i++)
        for (size_t k = 0; k < c[i].n_subs; k++)
            check(&r, &c[i], c[i].subs[k].id, c[i].subs[k].id);
    for (int i = 0; i < CLIENTS; i++) {
        line_cut(&l[i]);
        cm_deinit(&c[i]);
    }
    free(c);
    rig_deinit(&r);
}

static void test_seam__coming_and_going_keeps_everybody_right(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++)
        churn(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seam__any_moment_ends_in_the_engines_state),
        cmocka_unit_test(test_seam__coming_and_going_keeps_everybody_right),
    };
    return cmocka_run_group_tests_name("sim_seam", tests, NULL, NULL);
}
