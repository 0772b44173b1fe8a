/* sim_late.c - the whole pure core on a fake clock: samples, also late ones, into the real store;
 * streams; frames; a hub; clients.
 *
 * The property: after every tick, what a client shows is what an instant query at that tick says
 * with the samples that are there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/live.h>
#include <streamgauge/promql.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>

#include "hub_rig.h"

enum { SERIES = 12, QUERIES = 6, EDGES = 2 };

static const char *const queries[QUERIES] = {
    "m",
    "sum by (g) (rate(m[10s]))",
    "max_over_time(m[5s]) > 40",
    "count(m) + 0",
    "avg_over_time(m{g=\"1\"}[3s])",
    "time()",
};

struct world {
    struct sg_store *store;
    struct sg_source source;
    struct sg_publisher pub;
    struct sg_live *live;
    struct sg_hub *hub[EDGES];
    struct sg_hub_hooks hooks;
    struct hook_ctx {
        struct world *w;
        uint32_t edge;
    } ctx[EDGES];
    struct sg_control *controls[256];
    size_t n_controls;
    uint32_t id[SERIES];
    int64_t last_ms[SERIES];
    int64_t now_ms;
    struct client_model c[EDGES];
    struct line l[EDGES];
    struct sg_prng g;
};

static int hook_open(void *ctx, struct sg_str key, int64_t interval_ms, struct sg_error *reterr)
{
    struct hook_ctx *h = ctx;
    (void)reterr;
    h->w->controls[h->w->n_controls++] = sg_control_new(SG_CONTROL_OPEN, h->edge, key, interval_ms);
    return 0;
}

static int hook_close(void *ctx, struct sg_str key, int64_t interval_ms)
{
    struct hook_ctx *h = ctx;
    h->w->controls[h->w->n_controls++] =
        sg_control_new(SG_CONTROL_CLOSE, h->edge, key, interval_ms);
    return 0;
}

static int hook_resolve(void *ctx, enum sg_resolve_kind kind, struct sg_str text,
                        struct sg_buf *ret_key, struct sg_error *reterr)
{
    (void)ctx;
    return sg_live_names_resolve(NULL, kind, text, ret_key, reterr);
}

static void publish(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct world *w = ctx;
    for (uint32_t e = 0; e < EDGES; e++)
        if (edge == SG_ALL_EDGES || edge == e)
            sg_hub_apply(w->hub[e], f);
}

static int open_querier(void *ctx, struct sg_querier *ret)
{
    return sg_store_querier_open(((struct world *)ctx)->store, ret);
}

static void make_series(struct world *w)
{
    for (int i = 0; i < SERIES; i++) {
        char group[16], index[16];
        struct sg_error err = {0};
        SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
        snprintf(group, sizeof(group), "%d", i % 3);
        snprintf(index, sizeof(index), "%d", i);
        sg_labels_builder_init(&b);
        sg_labels_builder_set(&b, SG_STR("__name__"), SG_STR("m"));
        sg_labels_builder_set(&b, SG_STR("g"), sg_str_from(group));
        sg_labels_builder_set(&b, SG_STR("i"), sg_str_from(index));
        const struct sg_labels *l = sg_labels_builder_build(&b);
        if (sg_store_intern(w->store, l, &w->source, &w->id[i], &err) < 0)
            fail_msg("%s", err.text);
        sg_labels_unref(l);
        w->last_ms[i] = w->now_ms;
    }
}

static void make_clients(struct world *w)
{
    for (uint32_t e = 0; e < EDGES; e++) {
        struct rig r = {.hub = w->hub[e]}; /* line_open wants no more of it */
        cm_init(&w->c[e], CM_WS);
        line_open(&r, &w->l[e], &w->c[e], SG_WIRE_WS, SG_DIALECT_V1);
        sg_session_start(w->l[e].session);
        for (int q = 0; q < QUERIES; q++) {
            char id[16];
            snprintf(id, sizeof(id), "%d", q);
            json_t *m = json_pack("{ss ss ss ss}", "action", "subscribe", "id", id, "query",
                                  queries[q], "interval", q % 2 ? "200ms" : "100ms");
            char *text = json_dumps(m, JSON_COMPACT);
            cm_expect(&w->c[e], id);
            line_say(&w->l[e], text);
            free(text);
            json_decref(m);
        }
    }
}

static struct world *world_new(unsigned seed)
{
    struct world *w = calloc(1, sizeof(*w));
    struct sg_store_options so;
    struct sg_live_options lo;
    struct sg_hub_options ho = {
        .hooks = &w->hooks, .epoch = 77, .server = "streamgauge/test", .random_bytes = rig_random};
    w->g.state = seed;
    w->now_ms = ho.now_ms = INT64_C(1764000000000);
    w->hooks = (struct sg_hub_hooks){
        .resolve = hook_resolve, .open_topic = hook_open, .close_topic = hook_close};
    w->source.name = "test";
    sg_store_options_default(&so);
    assert_int_equal(sg_store_new(&so, &w->store, NULL), 0);
    sg_publisher_init(&w->pub, 77);
    sg_live_options_default(&lo);
    lo.hooks = (struct sg_live_hooks){.publish = publish, .open_querier = open_querier, .ctx = w};
    lo.forget_min_ms = 2000;
    assert_int_equal(sg_live_new(&lo, &w->pub, &w->live, NULL), 0);
    sg_hub_limits_default(&ho.limits);
    for (uint32_t e = 0; e < EDGES; e++) {
        w->ctx[e] = (struct hook_ctx){w, e};
        ho.hooks_ctx = &w->ctx[e];
        ho.edge = e;
        assert_int_equal(sg_hub_new(&ho, &w->hub[e], NULL), 0);
    }
    make_series(w);
    make_clients(w);
    w->l[1].slow_percent = 30;
    return w;
}

static void world_free(struct world *w)
{
    for (int e = 0; e < EDGES; e++) {
        line_cut(&w->l[e]);
        cm_deinit(&w->c[e]);
        sg_hub_free(w->hub[e]);
    }
    for (size_t i = 0; i < w->n_controls; i++)
        sg_control_free(w->controls[i]);
    sg_live_free(w->live);
    sg_store_free(w->store);
    free(w);
}

/* A few samples: most of now, some late by up to ten seconds, some series silent for long. */
static void feed(struct world *w)
{
    for (int k = 0; k < 4; k++) {
        size_t i = sg_prng_below(&w->g, SERIES);
        int64_t late_ms = sg_prng_below(&w->g, 4) ? 0 : (int64_t)sg_prng_below(&w->g, 10000);
        if (i < 3 && (w->now_ms / 20000) % 2)
            continue;
        (void)sg_store_append(w->store, w->id[i], w->now_ms - late_ms,
                              (double)sg_prng_below(&w->g, 100), w->now_ms, NULL);
    }
}

static void step(struct world *w)
{
    feed(w);
    sg_store_tick(w->store, w->now_ms);
    for (size_t i = 0; i < w->n_controls; i++)
        sg_live_control_take(w->live, w->controls[i], w->now_ms);
    w->n_controls = 0;
    sg_live_tick(w->live, w->now_ms);
    for (int e = 0; e < EDGES; e++)
        sg_hub_flush(w->hub[e], w->now_ms);
}

/* How many series of the query the client shows with another value than an instant query gives; all
 * of them are looked at. */
static void check_query(struct world *w, const struct cm_sub *s, int q, int64_t tick_ms)
{
    struct sg_promql *parsed = NULL;
    struct sg_promql_plan *plan = NULL;
    struct sg_promql_result r;
    struct sg_querier querier;
    struct sg_error err = {0};
    assert_int_equal(sg_promql_parse(sg_str_from(queries[q]), NULL, &parsed, &err), 0);
    assert_int_equal(sg_promql_prepare(parsed, NULL, &plan, &err), 0);
    assert_int_equal(sg_store_querier_open(w->store, &querier), 0);
    if (sg_promql_eval(plan, &querier, SG_PROMQL_AT(tick_ms), &r, &err) < 0)
        fail_msg("%s: %s", queries[q], err.text);
    size_t shown = 0;
    for (size_t i = 0; i < s->n_slots; i++)
        shown += s->slots[i].labels && strcmp(s->slots[i].value, "null") != 0;
    if (shown != r.n)
        fail_msg("%s at %lld: the client shows %zu series, the query gives %zu", queries[q],
                 (long long)tick_ms, shown, r.n);
    for (size_t i = 0; i < r.n; i++) {
        SG_AUTO(sg_buf_deinit) struct sg_buf labels;
        sg_buf_init(&labels, 10000);
        sg_labels_print_json(r.series[i].labels, &labels);
        json_t *sorted = json_loads(sg_buf_cstr(&labels), 0, NULL);
        char *text = json_dumps(sorted, JSON_SORT_KEYS | JSON_COMPACT);
        const char *have = cm_value(s, text);
        if (!have || strtod(have, NULL) != r.series[i].v[0])
            fail_msg("%s at %lld: %s is %s, the query gives %.17g", queries[q], (long long)tick_ms,
                     text, have ? have : "missing", r.series[i].v[0]);
        free(text);
        json_decref(sorted);
    }
    sg_promql_result_deinit(&r);
    querier.ops->close(&querier);
    sg_promql_plan_free(plan);
    sg_promql_free(parsed);
}

static void check(struct world *w, int e)
{
    if (w->c[e].violations)
        fail_msg("%s", w->c[e].violation);
    for (int q = 0; q < QUERIES; q++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", q);
        int64_t interval_ms = q % 2 ? 200 : 100;
        if (w->now_ms % interval_ms == 0) /* else late samples may have come since its tick */
            check_query(w, cm_find(&w->c[e], id), q, w->now_ms);
    }
}

static void test_late__clients_show_what_an_instant_query_says(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        struct world *w = world_new(seed);
        for (int i = 0; i < 600; i++) {
            step(w);
            if (i % 7 == 0) {
                check(w, 0);
                line_drain(&w->l[1]);
                if (!w->l[1].behind)
                    check(w, 1); /* the slow one, as soon as it has caught up */
            }
            w->now_ms += 100;
        }
        const struct sg_store_stats *st = sg_store_get_stats(w->store);
        assert_true(atomic_load(&st->out_of_order) > 100);
        assert_true(atomic_load(&sg_hub_get_stats(w->hub[1])->conflated) > 10);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late__clients_show_what_an_instant_query_says),
    };
    return cmocka_run_group_tests_name("sim_late", tests, NULL, NULL);
}
