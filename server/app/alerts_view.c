/* alerts_view.c - the table of alerts. */
#include "alerts_view.h"

#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

int sg_alerts_ask(const struct sg_alerts_query *q, struct sg_buf *raw, json_t **ret,
                  struct sg_error *reterr)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf arguments;
    SG_AUTO(sg_buf_deinit) struct sg_buf path;
    sg_buf_init(&arguments, 1u << 20);
    sg_buf_init(&path, 1u << 20);
    if (q->severity)
        sg_cli_add_argument(&arguments, "severity", q->severity);
    if (q->all)
        sg_cli_add_argument(&arguments, "all", "true");
    sg_cli_add_matchers(&arguments, q->matchers, q->n_matchers);
    sg_buf_printf(&path, "/api/alerts%s%s", arguments.len ? "?" : "", sg_buf_cstr(&arguments));
    struct sg_cli_request rq = {
        .url = q->url, .token = q->token, .method = "GET", .path = sg_buf_cstr(&path)};
    int status = sg_cli_ask(&rq, raw, ret, reterr);
    if (status == 200 && !json_is_array(json_object_get(*ret, "alerts"))) {
        json_decref(*ret);
        *ret = NULL;
        return sg_error_set(reterr, SG_EINVALID, "the server's answer is no list of alerts");
    }
    return status;
}

static const char *colour_of(const char *severity)
{
    return strcmp(severity, "critical") == 0  ? "\x1b[31m"
           : strcmp(severity, "warning") == 0 ? "\x1b[33m"
                                              : "\x1b[36m";
}

static const char *text_at(const json_t *alert, const char *key)
{
    const char *text = json_string_value(json_object_get(alert, key));
    return text ? text : "";
}

/* What is shown comes from others: nothing in it moves the cursor. */
static void print_plain(FILE *out, const char *text, int width)
{
    int n = 0;
    SG_AUTO(sg_free_ptr) char *plain = sg_cli_plain(text);
    for (const char *p = plain; *p; p++)
        n += (*p & 0xc0) != 0x80;
    fprintf(out, "%s%*s", plain, n < width ? width - n : 0, "");
}

static void print_labels(FILE *out, const json_t *labels)
{
    const char *key;
    json_t *value;
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)labels, key, value)
    {
        if (strcmp(key, "alertname") == 0 || strcmp(key, "severity") == 0)
            continue;
        fputs(n++ ? ", " : "", out);
        print_plain(out, key, 0);
        fputs("=", out);
        print_plain(out, json_string_value(value) ? json_string_value(value) : "", 0);
    }
}

/* Two units are enough: 3h12m. */
static void print_age(FILE *out, int64_t ms)
{
    int64_t unit = ms >= SG_MS_PER_DAY    ? SG_MS_PER_HOUR
                   : ms >= SG_MS_PER_HOUR ? SG_MS_PER_MIN
                                          : SG_MS_PER_S;
    char text[48];
    sg_duration_format(ms < 0 ? 0 : ms / unit * unit, text);
    fprintf(out, "%-8s ", text);
}

static void print_one(FILE *out, const json_t *alert, int64_t now_ms, bool colours)
{
    const char *severity = text_at(alert, "type");
    const char *name = text_at(alert, "name"), *title = text_at(alert, "title");
    int64_t since_ms = json_integer_value(json_object_get(alert, "timestamp"));
    fputs(colours ? colour_of(severity) : "", out);
    print_plain(out, severity, 9);
    fputs(colours ? "\x1b[0m" : "", out);
    print_plain(out, text_at(alert, "status"), 13);
    print_age(out, now_ms - since_ms);
    print_plain(out, name, 24);
    fputc(' ', out);
    if (strcmp(name, title) != 0) {
        print_plain(out, title, 0);
        fputs("  ", out);
    }
    print_labels(out, json_object_get(json_object_get(alert, "context"), "labels"));
    fputc('\n', out);
}

void sg_alerts_print(FILE *out, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "alerts");
    int64_t now_ms = json_integer_value(json_object_get(answer, "time"));
    const char *plain = getenv("NO_COLOR");
    bool colours = isatty(fileno(out)) && !(plain && *plain);
    for (size_t i = 0; i < json_array_size(list); i++)
        print_one(out, json_array_get(list, i), now_ms, colours);
}
