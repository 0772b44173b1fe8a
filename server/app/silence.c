/* silence.c - `streamgauge silence add|list|expire`: as amtool silence does. */
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "commands.h"

#define MAX_ANSWER ((size_t)64 << 20)
#define MAX_MATCHERS 64

struct options {
    const char *url, *token, *duration, *start, *end, *comment, *author;
    bool json, expired;
};

static int usage(FILE *out, int code)
{
    fputs(
        "usage: streamgauge silence add MATCHER… [--duration 1h] [--comment TEXT] [flag…]\n"
        "       streamgauge silence list [MATCHER…] [--expired] [--json] [flag…]\n"
        "       streamgauge silence expire ID… [flag…]\n\n"
        "A silence keeps notifications of alerts back whose labels match all of its matchers:\n"
        "'job=api', 'instance=~web.*', 'team!=db'. A first word without '=' is the alert's name.\n"
        "add prints the silence's id.\n\n"
        "  --duration D  how long from its start; default 1h\n"
        "  --start T     RFC 3339; default now\n"
        "  --end T       RFC 3339; instead of --duration\n"
        "  --comment C   why\n"
        "  --author A    who; default $USER\n"
        "  --expired     list: also those that have ended\n"
        "  --json        list: the answer as the server gave it\n"
        "  --url URL     default " SG_CLIENT_URL "\n"
        "  --token T     default STREAMGAUGE_TOKEN\n",
        out);
    return code;
}

/* ---- asking ---- */

static int ask(const struct options *o, const char *method, const char *path, struct sg_str body,
               struct sg_buf *raw, json_t **ret)
{
    struct sg_error err = {0};
    struct sg_cli_request rq = {.url = o->url,
                                .token = o->token,
                                .method = method,
                                .path = path,
                                .content_type = body.n ? "application/json" : NULL,
                                .body = body};
    int status = sg_cli_ask(&rq, raw, ret, &err);
    if (status < 0)
        return sg_cli_complain(&err);
    return status == 200 ? 0 : sg_cli_refused(status, *ret);
}

/* ---- add ---- */

static ssize_t read_matchers(char **argv, int n, struct sg_matcher *ret, struct sg_error *reterr)
{
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        struct sg_error err = {0};
        struct sg_str text = sg_str_from(argv[i]);
        ssize_t got = sg_matcher_parse_list(text, ret + count, MAX_MATCHERS - count, &err);
        if (got < 0 && i == 0 && sg_cli_is_name(argv[i])) {
            got = sg_matcher_init(ret, SG_MATCH_EQ, SG_STR("alertname"), text, reterr);
            got = got < 0 ? got : 1;
        } else if (got < 0) {
            *reterr = err;
        }
        if (got < 0) {
            for (size_t k = 0; k < count; k++)
                sg_matcher_deinit(&ret[k]);
            return got;
        }
        count += (size_t)got;
    }
    return (ssize_t)count;
}

static int read_times(const struct options *o, int64_t *ret_start, int64_t *ret_end,
                      struct sg_error *reterr)
{
    int64_t duration_ms = SG_MS_PER_HOUR;
    *ret_start = sg_wall_now_ms();
    if (o->start && sg_rfc3339_parse(sg_str_from(o->start), ret_start) < 0)
        return sg_error_set(reterr, SG_EINVALID, "--start: expected RFC 3339, got '%s'", o->start);
    if (o->duration && sg_duration_parse(sg_str_from(o->duration), &duration_ms, reterr) < 0)
        return sg_error_wrap(reterr, "--duration");
    *ret_end = *ret_start + duration_ms;
    if (o->end && sg_rfc3339_parse(sg_str_from(o->end), ret_end) < 0)
        return sg_error_set(reterr, SG_EINVALID, "--end: expected RFC 3339, got '%s'", o->end);
    if (*ret_end <= *ret_start)
        return sg_error_set(reterr, SG_EINVALID, "a silence must end after it has begun");
    return 0;
}

static void put_matchers(struct sg_buf *b, const struct sg_matcher *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool equal = m[i].type == SG_MATCH_EQ || m[i].type == SG_MATCH_RE;
        bool regex = m[i].type == SG_MATCH_RE || m[i].type == SG_MATCH_NRE;
        sg_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
        sg_buf_put_json_str(b, m[i].name);
        sg_buf_puts(b, ",\"value\":");
        sg_buf_put_json_str(b, m[i].value);
        sg_buf_printf(b, ",\"isRegex\":%s,\"isEqual\":%s}", regex ? "true" : "false",
                      equal ? "true" : "false");
    }
}

static void put_silence(struct sg_buf *b, const struct options *o, int64_t start_ms, int64_t end_ms)
{
    char start[40], end[40];
    const char *user = getenv("USER"), *author = o->author ? o->author : user ? user : "unknown";
    sg_rfc3339_format(start_ms, start);
    sg_rfc3339_format(end_ms, end);
    sg_buf_printf(b, "],\"startsAt\":\"%s\",\"endsAt\":\"%s\",\"createdBy\":", start, end);
    sg_buf_put_json_str(b, sg_str_from(author));
    sg_buf_puts(b, ",\"comment\":");
    sg_buf_put_json_str(b, sg_str_from(o->comment ? o->comment : ""));
    sg_buf_putc(b, '}');
}

static int add(const struct options *o, char **argv, int n)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf body;
    SG_AUTO(sg_buf_deinit) struct sg_buf raw;
    struct sg_matcher matchers[MAX_MATCHERS];
    struct sg_error err = {0};
    json_t *answer = NULL;
    int64_t start_ms = 0, end_ms = 0;
    sg_buf_init(&body, 1u << 20);
    sg_buf_init(&raw, MAX_ANSWER);
    if (n == 0)
        return usage(stderr, 2);
    if (read_times(o, &start_ms, &end_ms, &err) < 0)
        return sg_cli_complain(&err) + 1;
    ssize_t count = read_matchers(argv, n, matchers, &err);
    if (count < 0)
        return sg_cli_complain(&err) + 1;
    sg_buf_puts(&body, "{\"matchers\":[");
    put_matchers(&body, matchers, (size_t)count);
    put_silence(&body, o, start_ms, end_ms);
    int code = ask(o, "POST", "/api/v2/silences", sg_buf_str(&body), &raw, &answer);
    if (code == 0)
        printf("%s\n", json_string_value(json_object_get(answer, "silenceID")));
    for (ssize_t i = 0; i < count; i++)
        sg_matcher_deinit(&matchers[i]);
    json_decref(answer);
    return code;
}

/* ---- list ---- */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static char *plain_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY), *plain = sg_cli_plain(text);
    free(text);
    return plain;
}

static void print_matchers(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        bool regex = json_is_true(json_object_get(m, "isRegex"));
        bool equal = !json_is_false(json_object_get(m, "isEqual"));
        SG_AUTO(sg_free_ptr) char *name = sg_cli_plain(text_at(m, "name"));
        SG_AUTO(sg_free_ptr) char *value = plain_json(json_object_get(m, "value"));
        printf("%s%s%s%s%s", i ? "," : "", name, equal ? "=" : "!",
               regex   ? "~"
               : equal ? ""
                       : "=",
               value);
    }
}

static void print_silence(const json_t *s)
{
    SG_AUTO(sg_free_ptr) char *comment = plain_json(json_object_get(s, "comment"));
    SG_AUTO(sg_free_ptr) char *by = sg_cli_plain(text_at(s, "createdBy"));
    printf("%s  %-8s until %s  by %s  ", text_at(s, "id"),
           text_at(json_object_get(s, "status"), "state"), text_at(s, "endsAt"), by);
    print_matchers(json_object_get(s, "matchers"));
    printf("  %s\n", comment);
}

static int list(const struct options *o, char **argv, int n)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf arguments;
    SG_AUTO(sg_buf_deinit) struct sg_buf path;
    SG_AUTO(sg_buf_deinit) struct sg_buf raw;
    json_t *answer = NULL;
    sg_buf_init(&arguments, 1u << 20);
    sg_buf_init(&path, 1u << 20);
    sg_buf_init(&raw, MAX_ANSWER);
    sg_cli_add_argument(&arguments, "expired", o->expired ? "true" : "false");
    sg_cli_add_matchers(&arguments, argv, n);
    sg_buf_printf(&path, "/api/v2/silences?%s", sg_buf_cstr(&arguments));
    int code = ask(o, "GET", sg_buf_cstr(&path), SG_STR(""), &raw, &answer);
    if (code == 0 && o->json)
        printf("%.*s", SG_STR_ARG(sg_buf_str(&raw)));
    for (size_t i = 0; code == 0 && !o->json && i < json_array_size(answer); i++)
        print_silence(json_array_get(answer, i));
    json_decref(answer);
    return code;
}

/* ---- expire ---- */

static bool is_id(const char *text)
{
    return strlen(text) <= 64 &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") ==
               strlen(text);
}

static int expire(const struct options *o, char **argv, int n)
{
    int code = n ? 0 : usage(stderr, 2);
    for (int i = 0; i < n && code == 0; i++) {
        SG_AUTO(sg_buf_deinit) struct sg_buf raw;
        char path[128];
        json_t *answer = NULL;
        sg_buf_init(&raw, MAX_ANSWER);
        if (!is_id(argv[i])) {
            fprintf(stderr, "streamgauge: '%s' is no silence's id\n", argv[i]);
            return 2;
        }
        snprintf(path, sizeof(path), "/api/v2/silence/%s", argv[i]);
        code = ask(o, "DELETE", path, SG_STR(""), &raw, &answer);
        json_decref(answer);
    }
    return code;
}

int sg_command_silence(int argc, char **argv)
{
    struct options o = {.url = SG_CLIENT_URL, .token = getenv("STREAMGAUGE_TOKEN")};
    const struct sg_cli_flag flags[] = {
        {"--duration", &o.duration, NULL}, {"--start", &o.start, NULL},
        {"--end", &o.end, NULL},           {"--comment", &o.comment, NULL},
        {"--author", &o.author, NULL},     {"--url", &o.url, NULL},
        {"--token", &o.token, NULL},       {"--json", NULL, &o.json},
        {"--expired", NULL, &o.expired},
    };
    int n = sg_cli_flags(argc, argv, flags, SG_ARRAY_LEN(flags));
    if (n < 0)
        return n == -1 ? usage(stdout, 0) : 2;
    const char *what = n ? argv[1] : "";
    if (strcmp(what, "add") == 0)
        return add(&o, argv + 2, n - 1);
    if (strcmp(what, "list") == 0 || strcmp(what, "query") == 0)
        return list(&o, argv + 2, n - 1);
    if (strcmp(what, "expire") == 0)
        return expire(&o, argv + 2, n - 1);
    return usage(stderr, 2);
}
