/* check.c - `streamgauge check`: a gate for scripts and pipelines. */
#include <stdlib.h>
#include <streamgauge/time.h>
#include <string.h>
#include <time.h>

#include "alerts_view.h"
#include "cli.h"
#include "client.h"
#include "commands.h"

#define MAX_ANSWER ((size_t)256 << 20)
#define POLL_MS 1000

enum { GOOD = 0, FIRING = 1, CANNOT_TELL = 2 }; /* exit codes */

static int usage(FILE *out, int code)
{
    fputs(
        "usage: streamgauge check [--fail-on warning|critical] [--for DURATION] [MATCHER…] "
        "[flag…]\n\n"
        "Exit code 0 when no alert of that severity or a worse one fires, 1 when one does, 2 when\n"
        "it cannot be told (no answer, no right, wrong usage). Alerts that are silenced, "
        "inhibited\n"
        "or muted do not count, pending ones neither; acknowledged ones do.\n\n"
        "  --fail-on S     info, warning or critical; default warning\n"
        "  --for DURATION  asks every second, and ends with 0 as soon as nothing fires; after "
        "that\n"
        "                  time the last answer counts. Default 0s: one answer\n"
        "  --quiet         prints nothing but errors\n"
        "  --url URL       default " SG_CLIENT_URL "\n"
        "  --token T       default STREAMGAUGE_TOKEN\n",
        out);
    return code;
}

struct check {
    struct sg_alerts_query query;
    const char *wait;
    int64_t wait_ms;
    bool quiet;
};

/* One answer; what to say about it is left in *ret and *err. */
static int ask(const struct check *c, struct sg_buf *raw, json_t **ret, int *ret_status,
               struct sg_error *err)
{
    *err = (struct sg_error){0};
    *ret_status = sg_alerts_ask(&c->query, raw, ret, err);
    if (*ret_status != 200)
        return CANNOT_TELL;
    return json_array_size(json_object_get(*ret, "alerts")) ? FIRING : GOOD;
}

static void tell(const struct check *c, int code, const json_t *answer, int status,
                 const struct sg_error *err)
{
    size_t n = json_array_size(json_object_get(answer, "alerts"));
    if (code == CANNOT_TELL && status < 0) {
        (void)sg_cli_complain(err);
    } else if (code == CANNOT_TELL) {
        (void)sg_cli_refused(status, answer);
    } else if (!c->quiet) {
        sg_alerts_print(stdout, answer);
        printf("%zu alert%s of severity %s%s\n", n, n == 1 ? "" : "s", c->query.severity,
               strcmp(c->query.severity, "critical") == 0 ? "" : " or worse");
    }
}

static int check(const struct check *c)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf raw;
    const struct timespec pause = sg_timespec_ms(POLL_MS);
    int64_t end_us = sg_mono_now_us() + c->wait_ms * 1000;
    json_t *answer = NULL;
    struct sg_error err;
    int status;
    sg_buf_init(&raw, MAX_ANSWER);
    int code = ask(c, &raw, &answer, &status, &err);
    while (code != GOOD && sg_mono_now_us() < end_us) {
        (void)nanosleep(&pause, NULL);
        json_decref(answer);
        code = ask(c, &raw, &answer, &status, &err);
    }
    tell(c, code, answer, status, &err);
    json_decref(answer);
    return code;
}

static bool is_severity(const char *text)
{
    return strcmp(text, "info") == 0 || strcmp(text, "warning") == 0 ||
           strcmp(text, "critical") == 0;
}

int sg_command_check(int argc, char **argv)
{
    struct check c = {.query = {.url = SG_CLIENT_URL,
                                .token = getenv("STREAMGAUGE_TOKEN"),
                                .severity = "warning"}};
    const struct sg_cli_flag flags[] = {
        {"--fail-on", &c.query.severity, NULL},
        {"--for", &c.wait, NULL},
        {"--quiet", NULL, &c.quiet},
        {"--url", &c.query.url, NULL},
        {"--token", &c.query.token, NULL},
    };
    struct sg_error err = {0};
    int n = sg_cli_flags(argc, argv, flags, SG_ARRAY_LEN(flags));
    if (n < 0)
        return n == -1 ? usage(stdout, 0) : CANNOT_TELL;
    c.query.matchers = argv + 1;
    c.query.n_matchers = n;
    if (!is_severity(c.query.severity))
        sg_error_set(&err, SG_EINVALID, "--fail-on: expected info, warning or critical, got '%s'",
                     c.query.severity);
    else if (c.wait && sg_duration_parse(sg_str_from(c.wait), &c.wait_ms, &err) < 0)
        sg_error_wrap(&err, "--for");
    if (err.code) {
        (void)sg_cli_complain(&err);
        return CANNOT_TELL;
    }
    return check(&c);
}
