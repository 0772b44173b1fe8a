/* The handlers against a store, without sockets: what stands in the answer's body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>

#include "net/api.h"

#define NOW INT64_C(1700000000000)

struct rig {
    struct sg_store *store;
    struct sg_source source;
    struct sg_api *api;
    struct sg_net_exchange x;
    char path[256];
};

static const struct sg_labels *labels(const char *name, const char *key, const char *value)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_from(name));
    if (key)
        sg_labels_builder_set(&b, sg_str_from(key), sg_str_from(value));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}

static void put(struct rig *r, const struct sg_labels *l, int64_t time_ms, double v)
{
    uint32_t id;
    assert_int_equal(sg_store_intern(r->store, l, &r->source, &id, NULL), 0);
    assert_int_equal(sg_store_append(r->store, id, time_ms, v, NOW, NULL), 0);
    sg_labels_unref(l);
}

static void each_stream(void *ctx, sg_api_each_stream *each, void *each_ctx)
{
    (void)ctx;
    struct sg_live_stream_info info = {.key = SG_STR("sum(m)"),
                                       .number = 3,
                                       .interval_ms = 1000,
                                       .series = 1,
                                       .edges = 2,
                                       .evaluations = 4,
                                       .eval_ns = 4000000,
                                       .last_ns = 2000000,
                                       .missed = 5,
                                       .lag_ms = 2000,
                                       .nodes = 3,
                                       .shared_nodes = 1,
                                       .samples = 7};
    each(each_ctx, &info);
}

static int setup(void **state)
{
    static struct rig rig;
    struct sg_store_options o;
    struct sg_api_config c;
    rig = (struct rig){.source = {.name = "test"}};
    sg_store_options_default(&o);
    o.retention_ms = 100 * SG_MS_PER_YEAR;
    assert_int_equal(sg_store_new(&o, &rig.store, NULL), 0);
    put(&rig, labels("m", "job", "a"), NOW - 1000, 1);
    put(&rig, labels("m", "job", "b"), NOW - 1000, 2);
    put(&rig, labels("old", "job", "c"), NOW - 3600000, 3);
    put(&rig, labels("odd.name", "a.b", "\"\n\\"), NOW, 4);
    sg_api_config_default(&c);
    c.store = rig.store;
    c.streams = each_stream;
    rig.api = sg_api_new(&c);
    sg_buf_init(&rig.x.out, 1 << 20);
    sg_buf_init(&rig.x.headers, 1024);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    sg_buf_deinit(&r->x.out);
    sg_buf_deinit(&r->x.headers);
    sg_api_free(r->api);
    sg_store_free(r->store);
    return 0;
}

/* Runs the route of `target` and returns the body, NUL-terminated. */
static const char *get(struct rig *r, const char *target)
{
    const char *mark = strchr(target, '?');
    size_t n, path_len = mark ? (size_t)(mark - target) : strlen(target);
    const struct sg_net_route *routes = sg_api_routes(r->api, &n), *route = NULL;
    size_t route_len = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(routes[i].path);
        bool prefix = routes[i].path[len - 1] == '*';
        len -= prefix;
        if (routes[i].methods & SG_NET_METHOD(GET) &&
            (prefix ? path_len >= len : path_len == len) &&
            memcmp(routes[i].path, target, len) == 0) {
            route = &routes[i];
            route_len = len;
        }
    }
    assert_non_null(route);
    sg_buf_reset(&r->x.out);
    r->x.path = sg_str_make(target, path_len);
    r->x.tail = sg_str_make(target + route_len, path_len - route_len);
    r->x.query = mark ? sg_str_from(mark + 1) : (struct sg_str){NULL, 0};
    r->x.content_type = r->x.body = SG_STR("");
    r->x.status = 200;
    r->x.type = "application/json";
    r->x.arrived_us = sg_mono_now_us();
    route->handle(route->ctx, &r->x);
    return sg_buf_cstr(&r->x.out);
}

static void test_query__vector_at_a_time(void **state)
{
    assert_string_equal(get(*state, "/api/v1/query?query=m{job=\"a\"}&time=1700000000"),
                        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
                        "{\"metric\":{\"__name__\":\"m\",\"job\":\"a\"},"
                        "\"value\":[1700000000,\"1\"]}]}}");
}

static void test_query__lookback_of_the_request(void **state)
{
    assert_non_null(strstr(get(*state, "/api/v1/query?query=old&time=1700000000"), "[]"));
    assert_null(
        strstr(get(*state, "/api/v1/query?query=old&time=1700000000&lookback_delta=2h"), "[]"));
}

static void test_query__limit_is_told(void **state)
{
    const char *out = get(*state, "/api/v1/query?query=m&time=1700000000&limit=1");
    assert_non_null(strstr(out, "\"warnings\":[\"results truncated due to limit\"]"));
    assert_null(strstr(out, "\"b\""));
}

static void test_query__stats_when_asked(void **state)
{
    const char *out = get(*state, "/api/v1/query?query=m&time=1700000000&stats=all");
    assert_non_null(strstr(out, "\"stats\":{\"timings\":{\"evalTotalTime\":"));
    assert_non_null(strstr(out, "\"totalQueryableSamples\":"));
}

static void test_query__timeout_that_has_passed(void **state)
{
    struct rig *r = *state;
    assert_non_null(strstr(get(r, "/api/v1/query?query=m&timeout=0"), "\"timeout\""));
    assert_int_equal(r->x.status, 503);
}

static void test_query__canceled(void **state)
{
    struct rig *r = *state;
    atomic_store(&r->x.canceled, true);
    assert_non_null(strstr(get(r, "/api/v1/query?query=m"), "\"canceled\""));
    assert_int_equal(r->x.status, 499);
    atomic_store(&r->x.canceled, false);
}

static void test_query_range__scalars_are_a_matrix(void **state)
{
    assert_string_equal(get(*state, "/api/v1/query_range?query=1&start=0&end=1&step=1"),
                        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":["
                        "{\"metric\":{},\"values\":[[0,\"1\"],[1,\"1\"]]}]}}");
}

static void test_query_range__as_many_points_as_prometheus_takes(void **state)
{
    struct rig *r = *state;
    get(r, "/api/v1/query_range?query=1&start=0&end=11000&step=1");
    assert_int_equal(r->x.status, 200);
    get(r, "/api/v1/query_range?query=1&start=0&end=11001&step=1");
    assert_int_equal(r->x.status, 400);
}

/* How many queriers are free while an answer goes out. */
static unsigned free_queriers;

static int look_meanwhile(struct sg_net_exchange *x)
{
    static struct sg_querier q[1024];
    struct rig *r = SG_CONTAINER_OF(x, struct rig, x);
    unsigned n = 0;
    while (n < SG_ARRAY_LEN(q) && sg_store_querier_open(r->store, &q[n]) == 0)
        n++;
    for (unsigned i = 0; i < n; i++)
        q[i].ops->close(&q[i]);
    free_queriers = n;
    sg_buf_reset(&x->out);
    return 0;
}

static void assert_nothing_is_held(struct rig *r, const char *target)
{
    (void)look_meanwhile(&r->x);
    unsigned all = free_queriers;
    free_queriers = 0;
    r->x.more = look_meanwhile;
    (void)get(r, target);
    r->x.more = NULL;
    assert_int_equal(free_queriers, all);
}

/* Whoever takes an answer slowly keeps nothing in the store from being freed. */
static void test_answers__hold_no_querier_while_they_go_out(void **state)
{
    struct rig *r = *state;
    static char value[300 * 1024];
    memset(value, 'v', sizeof(value) - 1);
    put(r, labels("large", "l", value), NOW, 1);
    value[0] = 'w';
    put(r, labels("large", "l", value), NOW, 1);
    assert_nothing_is_held(
        r, "/api/v1/query_range?query=m*1234567.25&start=1700000000&end=1700000011&step=0.001");
    assert_nothing_is_held(r, "/api/v1/series?match[]=large");
    assert_nothing_is_held(r, "/api/v1/label/l/values");
    assert_nothing_is_held(r, "/api/v1/label/l/values?match[]=large");
    for (char c = 'a'; c < 'd'; c++) { /* federation tells what is fresh by the wall clock */
        value[1] = c;
        put(r, labels("large", "l", value), sg_wall_now_ms() - 1000, 1);
    }
    assert_nothing_is_held(r, "/federate?match[]=large");
}

static void test_query_range__types_without_a_value_per_step(void **state)
{
    struct rig *r = *state;
    assert_non_null(strstr(get(r, "/api/v1/query_range?query=m[5m]&start=0&end=1&step=1"),
                           "invalid expression type \\\"range vector\\\" for range query"));
    assert_int_equal(r->x.status, 400);
}

static void test_series__each_once_though_selected_twice(void **state)
{
    assert_string_equal(get(*state, "/api/v1/series?match[]=m&match[]={job=\"a\"}"),
                        "{\"status\":\"success\",\"data\":[{\"__name__\":\"m\",\"job\":\"a\"},"
                        "{\"__name__\":\"m\",\"job\":\"b\"}]}");
}

static void test_series__those_with_samples_in_the_range(void **state)
{
    assert_string_equal(
        get(*state, "/api/v1/series?match[]={job=~\".%2B\"}&start=1699990000&end=1699999000"),
        "{\"status\":\"success\",\"data\":[{\"__name__\":\"old\",\"job\":\"c\"}]}");
}

static void test_series__need_a_selector(void **state)
{
    assert_non_null(strstr(get(*state, "/api/v1/series"), "no match[] parameter provided"));
}

static void test_labels__of_all_and_of_some(void **state)
{
    assert_string_equal(get(*state, "/api/v1/labels"),
                        "{\"status\":\"success\",\"data\":[\"__name__\",\"a.b\",\"job\"]}");
    assert_string_equal(get(*state, "/api/v1/labels?match[]=m"),
                        "{\"status\":\"success\",\"data\":[\"__name__\",\"job\"]}");
    assert_string_equal(get(*state, "/api/v1/labels?limit=1"),
                        "{\"status\":\"success\",\"data\":[\"__name__\"],"
                        "\"warnings\":[\"results truncated due to limit\"]}");
}

static void test_label_values__sorted_once(void **state)
{
    assert_string_equal(get(*state, "/api/v1/label/job/values"),
                        "{\"status\":\"success\",\"data\":[\"a\",\"b\",\"c\"]}");
    assert_string_equal(get(*state, "/api/v1/label/job/values?match[]=m"),
                        "{\"status\":\"success\",\"data\":[\"a\",\"b\"]}");
    assert_string_equal(get(*state, "/api/v1/label/job/values?start=1699990000&end=1699999000"),
                        "{\"status\":\"success\",\"data\":[\"c\"]}");
    assert_string_equal(get(*state, "/api/v1/label/nothing/values"),
                        "{\"status\":\"success\",\"data\":[]}");
}

static void test_label_values__names_that_need_an_escape(void **state)
{
    struct rig *r = *state;
    assert_string_equal(get(r, "/api/v1/label/U__a_2e_b/values"),
                        "{\"status\":\"success\",\"data\":[\"\\\"\\n\\\\\"]}");
    assert_string_equal(get(r, "/api/v1/label/a.b/values"),
                        "{\"status\":\"success\",\"data\":[\"\\\"\\n\\\\\"]}");
    get(r, "/api/v1/label/a");
    assert_int_equal(r->x.status, 404);
}

static void test_runtimeinfo__where_it_runs_is_for_admins(void **state)
{
    struct rig *r = *state;
    r->x.rights = SG_RIGHT_READ;
    const char *text = get(r, "/api/v1/status/runtimeinfo");
    assert_non_null(strstr(text, "\"CWD\":\"\",\"hostname\":\"\","));
    r->x.rights = SG_RIGHT_READ | SG_RIGHT_ADMIN;
    text = get(r, "/api/v1/status/runtimeinfo");
    assert_non_null(strstr(text, "\"CWD\":\"/"));
    assert_null(strstr(text, "\"hostname\":\"\""));
}

static void test_federate__text_with_times(void **state)
{
    struct rig *r = *state;
    int64_t now = sg_wall_now_ms();
    char expected[256];
    put(r, labels("fresh", "instance", "i\"\n\\"), now - 1000, 1.5);
    snprintf(expected, sizeof(expected),
             "# TYPE fresh untyped\nfresh{instance=\"i\\\"\\n\\\\\"} 1.5 %lld\n",
             (long long)(now - 1000));
    assert_string_equal(get(r, "/federate?match[]=fresh&match[]=m"), expected);
    assert_string_equal(r->x.type, "text/plain; version=0.0.4; charset=utf-8");
    get(r, "/federate?match[]={}");
    assert_int_equal(r->x.status, 400);
}

static void test_streams__cost_of_each(void **state)
{
    assert_string_equal(
        get(*state, "/api/v1/streams"),
        "{\"status\":\"success\",\"data\":{\"streams\":[{\"stream\":3,\"query\":\"sum(m)\","
        "\"interval\":1000,\"viewers\":0,\"edges\":2,\"series\":1,\"samples\":7,"
        "\"evaluations\":4,\"missed\":5,\"lag\":2000,\"nodes\":3,\"sharedNodes\":1,\"errors\":0,"
        "\"failing\":false,\"evaluationTime\":0."
        "002000000,"
        "\"evaluationTimeMean\":0.001000000,\"evaluationTimeTotal\":0.004000000,"
        "\"load\":0.001000}]}}");
}

static void test_format_query__short_ones_stay_on_a_line(void **state)
{
    assert_string_equal(get(*state, "/api/v1/format_query?query=sum(a)by(b)"),
                        "{\"status\":\"success\",\"data\":\"sum by (b) (a)\"}");
}

static void test_format_query__brackets_survive_the_split(void **state)
{
    assert_string_equal(
        get(*state,
            "/api/v1/format_query?query=(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%2Bb)*on(x)"
            "(cccccccccccccccccccccccccccccccccccccccccccccccccccccccc%2Bd)"),
        "{\"status\":\"success\",\"data\":\"  (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa + "
        "b)\\n* on (x)\\n  "
        "(cccccccccccccccccccccccccccccccccccccccccccccccccccccccc + d)\"}");
    assert_string_equal(
        get(*state,
            "/api/v1/"
            "format_query?query=((llllllllllllllllllllllllllllllllllllllllllllllllllllllllllll%2B"
            "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm))"),
        "{\"status\":\"success\",\"data\":\"(\\n  (\\n      "
        "llllllllllllllllllllllllllllllllllllllllllllllllllllllllllll\\n    +\\n      "
        "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\\n  )\\n)\"}");
}

static void test_tsdb__counts(void **state)
{
    const char *out = get(*state, "/api/v1/status/tsdb?limit=1");
    assert_non_null(strstr(out, "\"numSeries\":4"));
    assert_non_null(strstr(out, "\"maxTime\":1700000000000"));
    assert_non_null(strstr(out, "\"seriesCountByMetricName\":[{\"name\":\"m\",\"value\":2}]"));
    assert_non_null(strstr(out, "\"labelValueCountByLabelName\":[{\"name\":\""));
    assert_non_null(strstr(out, "\"seriesCountByLabelValuePair\":[{\"name\":\"__name__=m\""));
}

static void test_busy__names_the_limit(void **state)
{
    struct rig *r = *state;
    size_t n;
    const struct sg_net_route *routes = sg_api_routes(r->api, &n);
    routes[0].busy(routes[0].ctx, &r->x);
    assert_int_equal(r->x.status, 503);
    assert_non_null(strstr(sg_buf_cstr(&r->x.out), "query.concurrency 20"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_query__vector_at_a_time),
        TEST(test_query__lookback_of_the_request),
        TEST(test_query__limit_is_told),
        TEST(test_query__stats_when_asked),
        TEST(test_query__timeout_that_has_passed),
        TEST(test_query__canceled),
        TEST(test_query_range__scalars_are_a_matrix),
        TEST(test_query_range__as_many_points_as_prometheus_takes),
        TEST(test_query_range__types_without_a_value_per_step),
        TEST(test_answers__hold_no_querier_while_they_go_out),
        TEST(test_series__each_once_though_selected_twice),
        TEST(test_series__those_with_samples_in_the_range),
        TEST(test_series__need_a_selector),
        TEST(test_labels__of_all_and_of_some),
        TEST(test_label_values__sorted_once),
        TEST(test_label_values__names_that_need_an_escape),
        TEST(test_runtimeinfo__where_it_runs_is_for_admins),
        TEST(test_federate__text_with_times),
        TEST(test_streams__cost_of_each),
        TEST(test_format_query__short_ones_stay_on_a_line),
        TEST(test_format_query__brackets_survive_the_split),
        TEST(test_tsdb__counts),
        TEST(test_busy__names_the_limit),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
