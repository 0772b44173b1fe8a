/* alerts_cli.c - `streamgauge alerts`: what fires now. */
#include <stdlib.h>

#include "alerts_view.h"
#include "cli.h"
#include "client.h"
#include "commands.h"

#define MAX_ANSWER ((size_t)256 << 20)

static int usage(FILE *out, int code)
{
    fputs("usage: streamgauge alerts [MATCHER…] [flag…]\n\n"
          "Lists the alerts that fire, the worst first: severity, status, for how long, name,\n"
          "summary and labels. A matcher is one of Alertmanager's: 'job=api', 'instance=~web.*';\n"
          "a first word without '=' is the alert's name.\n\n"
          "  --severity S  only those that are at least info, warning or critical\n"
          "  --all         also those that are silenced, inhibited or muted\n"
          "  --json        the answer as the server gave it\n"
          "  --url URL     default " SG_CLIENT_URL "\n"
          "  --token T     default STREAMGAUGE_TOKEN\n",
          out);
    return code;
}

static int list(const struct sg_alerts_query *q, bool json)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf raw;
    struct sg_error err = {0};
    json_t *answer = NULL;
    int code = 0;
    sg_buf_init(&raw, MAX_ANSWER);
    int status = sg_alerts_ask(q, &raw, &answer, &err);
    if (status < 0)
        code = sg_cli_complain(&err);
    else if (status != 200)
        code = sg_cli_refused(status, answer);
    else if (json)
        printf("%.*s", SG_STR_ARG(sg_buf_str(&raw)));
    else if (json_array_size(json_object_get(answer, "alerts")) == 0)
        puts("nothing fires");
    else
        sg_alerts_print(stdout, answer);
    json_decref(answer);
    return code;
}

int sg_command_alerts(int argc, char **argv)
{
    struct sg_alerts_query q = {.url = SG_CLIENT_URL, .token = getenv("STREAMGAUGE_TOKEN")};
    bool json = false;
    const struct sg_cli_flag flags[] = {
        {"--severity", &q.severity, NULL}, {"--all", NULL, &q.all},     {"--json", NULL, &json},
        {"--url", &q.url, NULL},           {"--token", &q.token, NULL},
    };
    int n = sg_cli_flags(argc, argv, flags, SG_ARRAY_LEN(flags));
    if (n < 0)
        return n == -1 ? usage(stdout, 0) : 2;
    q.matchers = argv + 1;
    q.n_matchers = n;
    return list(&q, json);
}
