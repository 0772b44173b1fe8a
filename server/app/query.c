/* query.c - `streamgauge query EXPR`: one evaluation from the shell, as text, as JSON, or
 * explained.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/promql_ast.h>
#include <streamgauge/time.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "commands.h"

#define MAX_ANSWER ((size_t)256 << 20)

struct options {
    const char *expr, *time, *range, *step, *url, *token;
    bool json, explain;
};

static int usage(FILE *out, int code)
{
    fputs(
        "usage: streamgauge query EXPR [--time T] [flag…]\n"
        "       streamgauge query EXPR --range DURATION [--step DURATION] [--time END] [flag…]\n\n"
        "Evaluates a PromQL expression now, at --time, or at every step of a range that ends "
        "then.\n"
        "T is in seconds since the epoch or as 2026-11-22T03:04:05Z.\n\n"
        "  --explain    what it means, what it cost, and whether it is evaluated continuously\n"
        "  --json       the answer as the server gave it\n"
        "  --url URL    default " SG_CLIENT_URL "\n"
        "  --token T    default STREAMGAUGE_TOKEN\n",
        out);
    return code;
}

/* ---- asking ---- */

/* POST with a form, GET without. Returns the status; answer is the decoded JSON or NULL. */
static int ask(const struct options *o, const char *path, struct sg_str form, struct sg_buf *raw,
               json_t **ret, struct sg_error *reterr)
{
    struct sg_cli_request rq = {.url = o->url,
                                .token = o->token,
                                .method = form.n ? "POST" : "GET",
                                .path = path,
                                .content_type = form.n ? "application/x-www-form-urlencoded" : NULL,
                                .body = form};
    return sg_cli_ask(&rq, raw, ret, reterr);
}

static int make_form(const struct options *o, struct sg_buf *b, struct sg_error *reterr)
{
    char start[48], end[48], step[48];
    int64_t range_ms = 0, end_ms = sg_wall_now_ms();
    sg_cli_add_argument(b, "query", o->expr);
    if (o->explain)
        sg_cli_add_argument(b, "stats", "all");
    if (!o->range) {
        if (o->time)
            sg_cli_add_argument(b, "time", o->time);
        return 0;
    }
    if (sg_duration_parse(sg_str_from(o->range), &range_ms, reterr) < 0)
        return sg_error_wrap(reterr, "--range");
    double seconds;
    if (o->time && sg_double_parse_all(o->time, strlen(o->time), &seconds) == 0 &&
        seconds > -1e12 && seconds < 1e12)
        end_ms = (int64_t)(seconds * 1000);
    else if (o->time && sg_rfc3339_parse(sg_str_from(o->time), &end_ms) < 0)
        return sg_error_set(reterr, SG_EINVALID, "--time: expected seconds or RFC 3339, got '%s'",
                            o->time);
    snprintf(start, sizeof(start), "%.3f", (double)(end_ms - range_ms) / 1000);
    snprintf(end, sizeof(end), "%.3f", (double)end_ms / 1000);
    /* As many points as a terminal has lines to scroll by; at least a second apart. */
    snprintf(step, sizeof(step), "%lld", (long long)(range_ms / 60000 < 1 ? 1 : range_ms / 60000));
    sg_cli_add_argument(b, "start", start);
    sg_cli_add_argument(b, "end", end);
    sg_cli_add_argument(b, "step", o->step ? o->step : step);
    return 0;
}

/* ---- printing ---- */

static void print_plain(const char *text)
{
    SG_AUTO(sg_free_ptr) char *plain = sg_cli_plain(text);
    fputs(plain, stdout);
}

static void print_json(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | flags);
    print_plain(text);
    free(text);
}

static void print_metric(const json_t *metric)
{
    const char *name = json_string_value(json_object_get(metric, "__name__")), *key;
    json_t *value;
    int n = 0;
    print_plain(name);
    json_object_foreach((json_t *)(uintptr_t)metric, key, value)
    {
        if (strcmp(key, "__name__") == 0)
            continue;
        fputs(n++ ? ", " : "{", stdout);
        print_plain(key);
        putchar('=');
        print_json(value, 0);
    }
    fputs(n ? "}" : name ? "" : "{}", stdout);
}

static void print_value(const json_t *value)
{
    if (json_is_string(value))
        print_plain(json_string_value(value));
    else
        print_json(value, JSON_COMPACT);
}

static void print_points(const json_t *points)
{
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        char time[40];
        sg_rfc3339_format((int64_t)(json_number_value(json_array_get(point, 0)) * 1000 + 0.5),
                          time);
        printf("  %s  ", time);
        print_value(json_array_get(point, 1));
        putchar('\n');
    }
}

static void print_series(const json_t *series)
{
    const json_t *one = json_object_get(series, "value");
    if (!one)
        one = json_object_get(series, "histogram");
    print_metric(json_object_get(series, "metric"));
    if (one) {
        fputs("  ", stdout);
        print_value(json_array_get(one, 1));
        putchar('\n');
        return;
    }
    putchar('\n');
    print_points(json_object_get(series, "values"));
    print_points(json_object_get(series, "histograms"));
}

static void print_notes(const json_t *answer, const char *key)
{
    const json_t *notes = json_object_get(answer, key);
    for (size_t i = 0; i < json_array_size(notes); i++) {
        SG_AUTO(sg_free_ptr) char *note = sg_cli_plain(json_string_value(json_array_get(notes, i)));
        fprintf(stderr, "streamgauge: %s\n", note);
    }
}

static void print_answer(const json_t *answer)
{
    const json_t *data = json_object_get(answer, "data"), *result = json_object_get(data, "result");
    const char *type = json_string_value(json_object_get(data, "resultType"));
    print_notes(answer, "warnings");
    print_notes(answer, "infos");
    if (type && (strcmp(type, "scalar") == 0 || strcmp(type, "string") == 0)) {
        print_value(json_array_get(result, 1));
        putchar('\n');
        return;
    }
    for (size_t i = 0; i < json_array_size(result); i++)
        print_series(json_array_get(result, i));
}

/* ---- explaining ---- */

static void print_node(const struct sg_expr *e, int level)
{
    static const char *const kinds[] = {
        [SG_EXPR_NUMBER] = "number",     [SG_EXPR_STRING] = "string",
        [SG_EXPR_SELECTOR] = "selector", [SG_EXPR_RANGE_SELECTOR] = "window",
        [SG_EXPR_SUBQUERY] = "subquery", [SG_EXPR_CALL] = "function",
        [SG_EXPR_AGGREGATE] = "group",   [SG_EXPR_BINARY] = "operator",
        [SG_EXPR_NEGATE] = "negate",     [SG_EXPR_PLUS] = "plus",
        [SG_EXPR_PAREN] = "parentheses",
    };
    struct sg_buf text;
    sg_buf_init(&text, 1u << 20);
    sg_expr_print(e, &text);
    printf("  %*s%-*s %s\n", 2 * level, "", level < 12 ? 32 - 2 * level : 8, kinds[e->kind],
           sg_buf_cstr(&text));
    sg_buf_deinit(&text);
    for (uint32_t i = 0; sg_expr_child(e, i); i++)
        print_node(sg_expr_child(e, i), level + 1);
}

static double number_at(const json_t *object, const char *a, const char *b)
{
    return json_number_value(json_object_get(json_object_get(object, a), b));
}

static void print_cost(const json_t *answer)
{
    const json_t *data = json_object_get(answer, "data"), *stats = json_object_get(data, "stats");
    const json_t *result = json_object_get(data, "result");
    const char *type = json_string_value(json_object_get(data, "resultType"));
    bool single = type && (strcmp(type, "scalar") == 0 || strcmp(type, "string") == 0);
    printf("cost\n  series in the result  %zu\n  samples looked at     %.0f\n",
           single ? (size_t)1 : json_array_size(result),
           number_at(stats, "samples", "totalQueryableSamples"));
    printf("  waited                %.3f ms\n  prepared in           %.3f ms\n"
           "  evaluated in          %.3f ms\n",
           1e3 * number_at(stats, "timings", "execQueueTime"),
           1e3 * number_at(stats, "timings", "queryPreparationTime"),
           1e3 * number_at(stats, "timings", "innerEvalTime"));
}

/* Streams of the same canonical text, at whatever interval. Needs the right 'admin'. */
static void print_streams(const struct options *o, const char *canonical, struct sg_buf *raw)
{
    json_t *answer = NULL;
    int n = 0, status = ask(o, "/api/v1/streams", SG_STR(""), raw, &answer, NULL);
    const json_t *streams = json_object_get(json_object_get(answer, "data"), "streams");
    puts("continuously");
    for (size_t i = 0; i < json_array_size(streams); i++) {
        const json_t *s = json_array_get(streams, i);
        const char *query = json_string_value(json_object_get(s, "query"));
        if (!query || strcmp(query, canonical) != 0)
            continue;
        n++;
        printf(
            "  every %lld ms: %lld viewers, %lld series, %.3f ms per tick on average, %lld ticks "
            "missed, %lld ms behind, %lld of %lld nodes shared\n",
            (long long)json_integer_value(json_object_get(s, "interval")),
            (long long)json_integer_value(json_object_get(s, "viewers")),
            (long long)json_integer_value(json_object_get(s, "series")),
            1e3 * json_real_value(json_object_get(s, "evaluationTimeMean")),
            (long long)json_integer_value(json_object_get(s, "missed")),
            (long long)json_integer_value(json_object_get(s, "lag")),
            (long long)json_integer_value(json_object_get(s, "sharedNodes")),
            (long long)json_integer_value(json_object_get(s, "nodes")));
    }
    if (status / 100 != 2)
        puts("  (the server tells that only to those with the right 'admin')");
    else if (!n)
        puts("  nobody subscribes to it now");
    json_decref(answer);
}

static int explain(const struct options *o, const json_t *answer, struct sg_buf *raw)
{
    struct sg_promql *q;
    struct sg_error err = {0};
    struct sg_buf text;
    if (sg_promql_parse(sg_str_from(o->expr), NULL, &q, &err) < 0)
        return sg_cli_complain(&err);
    sg_buf_init(&text, 1u << 20);
    sg_expr_print(q->root, &text);
    printf("canonical\n  %s\ntree\n", sg_buf_cstr(&text));
    print_node(q->root, 0);
    print_cost(answer);
    print_streams(o, sg_buf_cstr(&text), raw);
    sg_buf_deinit(&text);
    sg_promql_free(q);
    return 0;
}

/* ---- the command ---- */

static int query(const struct options *o)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf form;
    SG_AUTO(sg_buf_deinit) struct sg_buf raw;
    struct sg_error err = {0};
    json_t *answer = NULL;
    sg_buf_init(&form, 1u << 20);
    sg_buf_init(&raw, MAX_ANSWER);
    if (make_form(o, &form, &err) < 0) {
        (void)sg_cli_complain(&err);
        return 2;
    }
    int status = ask(o, o->range ? "/api/v1/query_range" : "/api/v1/query", sg_buf_str(&form), &raw,
                     &answer, &err);
    int code = 0;
    if (status < 0)
        code = sg_cli_complain(&err);
    else if (status / 100 != 2 || !answer)
        code = sg_cli_refused(status, answer);
    else if (o->json)
        printf("%.*s\n", SG_STR_ARG(sg_buf_str(&raw)));
    else if (o->explain)
        code = explain(o, answer, &raw);
    else
        print_answer(answer);
    json_decref(answer);
    return code;
}

/* The option that takes the next argument, or NULL. */
static const char **value_of(struct options *o, const char *flag)
{
    const struct {
        const char *flag;
        const char **at;
    } known[] = {{"--time", &o->time},
                 {"--range", &o->range},
                 {"--step", &o->step},
                 {"--url", &o->url},
                 {"--token", &o->token}};
    for (size_t i = 0; i < SG_ARRAY_LEN(known); i++)
        if (strcmp(flag, known[i].flag) == 0)
            return known[i].at;
    return NULL;
}

int sg_command_query(int argc, char **argv)
{
    struct options o = {.url = SG_CLIENT_URL, .token = getenv("STREAMGAUGE_TOKEN")};
    for (int i = 1; i < argc; i++) {
        const char **value = value_of(&o, argv[i]);
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, 0);
        if (strcmp(argv[i], "--json") == 0) {
            o.json = true;
        } else if (strcmp(argv[i], "--explain") == 0) {
            o.explain = true;
        } else if (value && i + 1 < argc) {
            *value = argv[++i];
        } else if (strncmp(argv[i], "--", 2) == 0 || o.expr) {
            fprintf(stderr, "streamgauge: unknown flag or missing value: '%s'\n", argv[i]);
            return 2;
        } else {
            o.expr = argv[i];
        }
    }
    if (o.step && !o.range) {
        fputs("streamgauge: --step without --range, an instant has none\n", stderr);
        return 2;
    }
    return o.expr ? query(&o) : usage(stderr, 2);
}
