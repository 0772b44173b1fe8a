/* watch.c - `streamgauge watch EXPR`: follows an expression live in the terminal, a sparkline per
 * series.
 *
 * Speaks streamgauge.v1 over a WebSocket like any other client. On a terminal the screen is redrawn
 * in place; into a pipe every change is a line `time labels value`. Reconnects with back-off; what
 * is shown then is marked as stale.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/rand.h>
#include <streamgauge/time.h>
#include <streamgauge/ws.h>

#include "client.h"
#include "commands.h"
#include "watch_view.h"

#define MAX_MESSAGE ((size_t)16 << 20)

struct watch {
    const char *expr, *interval, *token, *history;
    struct sg_client_url url;
    struct sg_client *client;
    struct sg_ws ws;
    struct sg_ws_config config;
    struct sg_buf message, rest, out;
    struct sg_watch_view view;
    bool fatal;  /* the server refused the expression: no use in trying again */
    int backoff; /* attempts since the last good connection */
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
    (void)signal;
    stopped = 1;
}

static int send_frame(struct watch *w, enum sg_ws_opcode opcode, struct sg_str payload,
                      struct sg_error *err)
{
    uint8_t key[4];
    sg_rand_bytes(key, sizeof(key));
    sg_buf_reset(&w->out);
    if (sg_ws_write_masked(&w->out, opcode, key, payload) < 0)
        return sg_error_set(err, SG_ELIMIT, "the message is too large");
    return sg_client_write(w->client, w->out.data, w->out.len, err);
}

static int subscribe(struct watch *w, struct sg_error *err)
{
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "action", "subscribe", "id", "watch", "query",
                          w->expr, "interval", w->interval, "history", w->history);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return sg_error_set(err, SG_EINVALID, "the expression is not valid UTF-8");
    int rc = send_frame(w, SG_WS_OP_TEXT, sg_str_from(text), err);
    free(text);
    return rc;
}

static int open_connection(struct watch *w, struct sg_error *err)
{
    struct sg_client_request rq = {.method = "GET", .path = "/stream", .token = w->token};
    sg_buf_reset(&w->rest);
    sg_buf_reset(&w->message);
    int rc = sg_client_open(&w->url, &w->client, err);
    if (rc == 0)
        rc = sg_client_upgrade(w->client, &w->url, &rq, "streamgauge.v1", &w->rest, err);
    sg_ws_init(&w->ws, &w->config, &w->message, NULL);
    w->fatal = rc == SG_EDENIED;
    return rc < 0 ? rc : subscribe(w, err);
}

/* One message of the server. */
static int handle_message(struct watch *w, struct sg_str text, struct sg_error *err)
{
    json_t *m = json_loadb(text.p, text.n, 0, NULL);
    const char *type = json_string_value(json_object_get(m, "type"));
    int rc = 0;
    if (type && strcmp(type, "full") == 0) {
        sg_watch_view_full(&w->view, m);
        w->backoff = 0;
    } else if (!type && json_object_get(m, "s")) {
        sg_watch_view_update(&w->view, m);
    } else if (type && strcmp(type, "error") == 0) {
        const char *message = json_string_value(json_object_get(m, "message"));
        json_t *position = json_object_get(m, "position");
        w->fatal = !json_is_true(json_object_get(m, "retryable"));
        rc = json_is_integer(position)
                 ? sg_error_set(err, SG_EINVALID, "%s (at %lld)", message ? message : "refused",
                                (long long)json_integer_value(position))
                 : sg_error_set(err, SG_EINVALID, "%s", message ? message : "refused");
    }
    json_decref(m);
    return rc;
}

static int handle_event(struct watch *w, const struct sg_ws_event *ev, struct sg_error *err)
{
    switch (ev->type) {
    case SG_WS_MESSAGE:
        return handle_message(w, ev->data, err);
    case SG_WS_PING:
        return send_frame(w, SG_WS_OP_PONG, ev->data, err);
    case SG_WS_CLOSE:
        w->fatal = ev->code == 4001 || ev->code == 4003;
        return sg_error_set(err, SG_EIO, "the server closed: %u %.*s", ev->code,
                            SG_STR_ARG(ev->data));
    case SG_WS_ERROR:
        return sg_error_set(err, SG_EIO, "the server broke the protocol: %.*s",
                            SG_STR_ARG(ev->data));
    case SG_WS_NONE:
    case SG_WS_PONG:
        break;
    }
    return 0;
}

static int feed(struct watch *w, char *p, size_t n, struct sg_error *err)
{
    while (n > 0) {
        struct sg_ws_event ev;
        size_t used = (size_t)sg_ws_feed(&w->ws, p, n, &ev);
        int rc = handle_event(w, &ev, err);
        if (rc < 0)
            return rc;
        p += used;
        n -= used;
    }
    return 0;
}

/* Reads and shows until the connection or the user ends it. */
static int follow(struct watch *w, struct sg_error *err)
{
    char chunk[65536];
    int rc = feed(w, w->rest.data, w->rest.len, err);
    while (rc == 0 && !stopped) {
        struct pollfd p = {.fd = sg_client_fd(w->client), .events = POLLIN};
        sg_watch_view_draw(&w->view, NULL);
        if (!sg_client_pending(w->client) && poll(&p, 1, 1000) <= 0)
            continue;
        ssize_t n = sg_client_read(w->client, chunk, sizeof(chunk), err);
        if (n == 0)
            return sg_error_set(err, SG_EIO, "the server closed the connection");
        rc = n < 0 ? (int)n : feed(w, chunk, (size_t)n, err);
    }
    return rc;
}

/* Full jitter up to 10 s, shown meanwhile. */
static void back_off(struct watch *w, const struct sg_error *err)
{
    int64_t top = INT64_C(500) << (w->backoff < 5 ? w->backoff : 5);
    int64_t wait = (int64_t)(sg_rand_u64() % (uint64_t)(top < 10000 ? top : 10000));
    w->backoff++;
    sg_watch_view_draw(&w->view, err->text);
    struct timespec pause = sg_timespec_ms(wait);
    nanosleep(&pause, NULL);
}

static int run(struct watch *w)
{
    struct sg_error err = {0};
    while (!stopped) {
        err = (struct sg_error){0};
        int rc = open_connection(w, &err);
        if (rc == 0)
            rc = follow(w, &err);
        sg_client_close(w->client);
        w->client = NULL;
        /* A server that never answered is a wrong address, not a lost connection. */
        if (rc < 0 && (w->fatal || !sg_watch_view_started(&w->view)) && !stopped)
            break;
        if (!stopped)
            back_off(w, &err);
    }
    sg_watch_view_end(&w->view);
    if (stopped)
        return 130;
    fprintf(stderr, "streamgauge: %s\n", err.text);
    return 1;
}

static int usage(FILE *out, int code)
{
    fputs("usage: streamgauge watch EXPR [--url URL] [--interval 1s] [--history 1m] [--token "
          "TOKEN]\n\n"
          "Follows a PromQL expression live: one line and sparkline per series; into a pipe one "
          "line per change.\n"
          "ctrl-c ends it. The address defaults to " SG_CLIENT_URL
          ", the token to STREAMGAUGE_TOKEN.\n",
          out);
    return code;
}

static int parse(struct watch *w, int argc, char **argv, const char **url)
{
    for (int i = 1; i < argc; i++) {
        const char *const names[] = {"--url", "--interval", "--history", "--token"};
        const char **targets[] = {url, &w->interval, &w->history, &w->token};
        size_t k = 0;
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, -1);
        while (k < SG_ARRAY_LEN(names) && strcmp(argv[i], names[k]) != 0)
            k++;
        if (k < SG_ARRAY_LEN(names) && i + 1 < argc)
            *targets[k] = argv[++i];
        else if (strncmp(argv[i], "--", 2) != 0 && !w->expr)
            w->expr = argv[i];
        else {
            fprintf(stderr, "streamgauge: unexpected argument '%s'\n", argv[i]);
            return 2;
        }
    }
    return w->expr ? 0 : usage(stderr, 2);
}

int sg_command_watch(int argc, char **argv)
{
    const char *url = SG_CLIENT_URL;
    struct sg_error err = {0};
    struct watch w = {
        .interval = "1s",
        .history = "1m",
        .token = getenv("STREAMGAUGE_TOKEN"),
        .config = {.max_message = MAX_MESSAGE, .max_fragments = 1024, .client = true}};
    int rc = parse(&w, argc, argv, &url);
    if (rc != 0)
        return rc < 0 ? 0 : rc;
    if (sg_client_url_parse(url, &w.url, &err) < 0) {
        fprintf(stderr, "streamgauge: %s\n", err.text);
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: poll and read return */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    sg_buf_init(&w.message, MAX_MESSAGE);
    sg_buf_init(&w.rest, (size_t)1 << 20);
    sg_buf_init(&w.out, (size_t)1 << 20);
    sg_watch_view_init(&w.view, w.expr, isatty(STDOUT_FILENO));
    rc = run(&w);
    sg_watch_view_deinit(&w.view);
    sg_buf_deinit(&w.message);
    sg_buf_deinit(&w.rest);
    sg_buf_deinit(&w.out);
    return rc;
}
