/* send.c - `streamgauge send 'name{l="v"} 3' …`: samples from the shell, as Prometheus text. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "commands.h"

#define MAX_BODY ((size_t)64 << 20)

static int usage(FILE *out, int code)
{
    fputs("usage: streamgauge send 'name{label=\"value\"} 3' … [--url URL] [--token TOKEN]\n"
          "       streamgauge send - [--url URL] [--token TOKEN]\n\n"
          "Sends samples in Prometheus text; '-' reads them from standard input.\n"
          "The address defaults to " SG_CLIENT_URL ", the token to STREAMGAUGE_TOKEN.\n",
          out);
    return code;
}

static int complain(const struct sg_error *err)
{
    char text[512];
    fprintf(stderr, "streamgauge: %s\n", sg_error_format(err, text, sizeof(text)));
    return 1;
}

static void read_stdin(struct sg_buf *b)
{
    char chunk[65536];
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
        sg_buf_append(b, chunk, n);
}

/* {"error":…,"line":…}: says it the way a compiler would. */
static void print_refusal(int status, struct sg_buf *body)
{
    json_t *answer = json_loadb(body->data ? body->data : "", body->len, 0, NULL);
    const char *text = json_string_value(json_object_get(answer, "error"));
    json_int_t line = json_integer_value(json_object_get(answer, "line"));
    json_int_t column = json_integer_value(json_object_get(answer, "column"));
    if (text && line)
        fprintf(stderr, "streamgauge: %lld:%lld: %s\n", (long long)line, (long long)column, text);
    else
        fprintf(stderr, "streamgauge: the server answered %d%s%s\n", status, text ? ": " : "",
                text ? text : "");
    json_decref(answer);
}

static int send_body(const char *url_text, const char *token, struct sg_buf *body)
{
    struct sg_client_url url;
    struct sg_client *client;
    struct sg_error err = {0};
    SG_AUTO(sg_buf_deinit) struct sg_buf answer;
    sg_buf_init(&answer, (size_t)1 << 20);
    if (body->failed) {
        fprintf(stderr, "streamgauge: more than %zu bytes, send them in parts\n", MAX_BODY);
        return 1;
    }
    if (sg_client_url_parse(url_text, &url, &err) < 0 || sg_client_open(&url, &client, &err) < 0)
        return complain(&err);
    struct sg_client_request rq = {.method = "POST",
                                   .path = "/api/v1/import/prometheus",
                                   .content_type = "text/plain; version=0.0.4",
                                   .token = token,
                                   .body = sg_buf_str(body)};
    int status = sg_client_exchange(client, &url, &rq, &answer, &err);
    sg_client_close(client);
    if (status < 0)
        return complain(&err);
    if (status / 100 == 2)
        return 0;
    print_refusal(status, &answer);
    return 1;
}

int sg_command_send(int argc, char **argv)
{
    const char *url = SG_CLIENT_URL, *token = getenv("STREAMGAUGE_TOKEN");
    SG_AUTO(sg_buf_deinit) struct sg_buf body;
    int samples = 0;
    sg_buf_init(&body, MAX_BODY);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, 0);
        if (strcmp(argv[i], "--url") == 0 && i + 1 < argc) {
            url = argv[++i];
        } else if (strcmp(argv[i], "--token") == 0 && i + 1 < argc) {
            token = argv[++i];
        } else if (strcmp(argv[i], "-") == 0) {
            read_stdin(&body);
            samples++;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            fprintf(stderr, "streamgauge: unknown flag or missing value: '%s'\n", argv[i]);
            return 2;
        } else {
            sg_buf_puts(&body, argv[i]);
            sg_buf_putc(&body, '\n');
            samples++;
        }
    }
    return samples ? send_body(url, token, &body) : usage(stderr, 2);
}
