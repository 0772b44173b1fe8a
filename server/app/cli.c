/* cli.c - files, flags and single exchanges for the commands. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>

#include "client.h"

int sg_cli_complain(const struct sg_error *err)
{
    char text[1024];
    fprintf(stderr, "streamgauge: %s\n", sg_error_format(err, text, sizeof(text)));
    return 1;
}

static int read_all(FILE *f, const char *path, struct sg_buf *out, struct sg_error *reterr)
{
    char chunk[65536];
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        if (sg_buf_append(out, chunk, n) < 0)
            return sg_error_set(reterr, SG_ELIMIT, "%s is longer than %zu bytes", path, out->max);
    if (ferror(f))
        return sg_error_set(reterr, SG_EIO, "cannot read %s: %s", path, strerror(errno));
    return 0;
}

int sg_cli_read_file(const char *path, struct sg_buf *out, struct sg_error *reterr)
{
    if (strcmp(path, "-") == 0)
        return read_all(stdin, "standard input", out, reterr);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sg_error_set(reterr, SG_EIO, "cannot open %s: %s", path, strerror(errno));
    int rc = read_all(f, path, out, reterr);
    (void)fclose(f);
    return rc;
}

void sg_cli_add_argument(struct sg_buf *b, const char *name, const char *value)
{
    sg_buf_printf(b, "%s%s=", b->len ? "&" : "", name);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if ((*p | 32) >= 'a' && (*p | 32) <= 'z')
            sg_buf_putc(b, (char)*p);
        else
            sg_buf_printf(b, "%%%02X", *p);
    }
}

char *sg_cli_plain(const char *text)
{
    char *copy = sg_strdup(text ? text : "");
    for (unsigned char *p = (unsigned char *)copy; *p; p++) {
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
        if (*p < 0x20 || *p == 0x7f || c1)
            *p = ' ';
        if (c1)
            p[1] = ' ';
    }
    return copy;
}

bool sg_cli_is_name(const char *matcher)
{
    return *matcher && !strpbrk(matcher, "=~{");
}

void sg_cli_add_matchers(struct sg_buf *b, char *const *matchers, int n)
{
    for (int i = 0; i < n; i++) {
        struct sg_buf text;
        sg_buf_init(&text, 64u << 10);
        if (i == 0 && sg_cli_is_name(matchers[i])) {
            sg_buf_puts(&text, "alertname=");
            sg_buf_put_json_str(&text, sg_str_from(matchers[i]));
        } else {
            sg_buf_puts(&text, matchers[i]);
        }
        sg_cli_add_argument(b, "filter", sg_buf_cstr(&text));
        sg_buf_deinit(&text);
    }
}

int sg_cli_ask(const struct sg_cli_request *rq, struct sg_buf *raw, json_t **ret,
               struct sg_error *reterr)
{
    struct sg_client_url url = {0};
    struct sg_client *client = NULL;
    struct sg_client_request http = {.method = rq->method,
                                     .path = rq->path,
                                     .content_type = rq->content_type,
                                     .token = rq->token,
                                     .body = rq->body};
    *ret = NULL;
    sg_buf_reset(raw);
    int rc = sg_client_url_parse(rq->url, &url, reterr);
    if (rc == 0)
        rc = sg_client_open(&url, &client, reterr);
    if (rc < 0)
        return rc;
    rc = sg_client_exchange(client, &url, &http, raw, reterr);
    sg_client_close(client);
    if (rc >= 0 && !raw->failed)
        *ret = json_loadb(raw->data ? raw->data : "", raw->len, JSON_DECODE_ANY, NULL);
    return rc;
}

int sg_cli_refused(int status, const json_t *answer)
{
    /* Ours are {"error":…}, Alertmanager's a string or {"message":…}. */
    const char *text = json_string_value(answer);
    if (!text)
        text = json_string_value(json_object_get(answer, "error"));
    if (!text)
        text = json_string_value(json_object_get(answer, "message"));
    fprintf(stderr, "streamgauge: %s (the server answered %d)\n", text ? text : "no such answer",
            status);
    return 1;
}

int sg_cli_flags(int argc, char **argv, const struct sg_cli_flag *flags, size_t n)
{
    int rest = 1;
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        if (!ended && strcmp(argv[i], "--help") == 0)
            return -1;
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        }
        if (ended || argv[i][0] != '-' || !argv[i][1]) {
            argv[rest++] = argv[i];
            continue;
        }
        while (k < n && strcmp(flags[k].name, argv[i]) != 0)
            k++;
        if (k < n && flags[k].on) {
            *flags[k].on = true;
        } else if (k < n && i + 1 < argc) {
            *flags[k].value = argv[++i];
        } else {
            fprintf(stderr, "streamgauge: unknown flag or missing value: '%s'\n", argv[i]);
            return -2;
        }
    }
    return rest - 1;
}
