/* serve.c - `streamgauge serve` and `streamgauge check-config`: configuration, signals, life of the
 * server. */
#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <streamgauge/live.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "alerts.h"
#include "commands.h"
#include "config.h"
#include "server.h"

#ifdef SG_HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#else
static int sd_notify(int unset, const char *state)
{
    (void)unset;
    (void)state;
    return 0;
}
#endif

/* SIGTERM promises an end within 10 s; stopping the threads afterwards takes a moment too. */
#define DRAIN_MS 8000

static int complain(const struct sg_error *err, int code)
{
    char text[512];
    fprintf(stderr, "streamgauge: %s\n", sg_error_format(err, text, sizeof(text)));
    return code;
}

/* The expressions of named streams, with the line of the file in front of the place in the
 * expression. */
static int check_streams(const struct sg_config *c, const char *file, struct sg_error *reterr)
{
    for (size_t i = 0; i < c->n_streams; i++) {
        struct sg_live_names *names;
        struct sg_live_name one = {sg_str_from(c->streams[i].name),
                                   sg_str_from(c->streams[i].expr)};
        struct sg_error err = {0};
        int rc = sg_live_names_new(&one, 1, &names, &err);
        if (rc == 0) {
            sg_live_names_unref(names);
            continue;
        }
        rc = sg_error_set(reterr, (enum sg_errc)rc, "%s", err.text);
        if (reterr && file) {
            reterr->line = c->streams[i].line;
            reterr->column = c->streams[i].column ? c->streams[i].column + err.pos : 1;
            snprintf(reterr->source, sizeof(reterr->source), "%s", file);
        }
        return rc;
    }
    return 0;
}

static int check_alerts(const struct sg_config *c, struct sg_error *reterr)
{
    struct sg_alert_config ac;
    int rc = sg_alert_config_load(c, &ac, reterr);
    if (rc == 0)
        sg_alert_config_deinit(&ac);
    return rc;
}

static int load(struct sg_config *c, const char *file, int argc, char **argv, struct sg_error *err)
{
    sg_config_init(c);
    int rc = file ? sg_config_load_file(c, file, err) : 0;
    if (rc == 0)
        rc = sg_config_parse_flags(c, argc, argv, err);
    if (rc == 0)
        rc = sg_config_check(c, err);
    if (rc == 0)
        rc = check_streams(c, file, err);
    return rc == 0 ? check_alerts(c, err) : rc;
}

struct arguments {
    int argc;
    char **argv;
};

/* A pipe, say of a shell's <(…), can be read once: opening it again would wait for ever. */
static int load_again(void *ctx, struct sg_config *ret, struct sg_error *reterr)
{
    const struct arguments *a = ctx;
    const char *file = sg_config_find_file_flag(a->argc, a->argv);
    struct stat st;
    if (file && stat(file, &st) == 0 && S_ISFIFO(st.st_mode))
        return sg_error_set(reterr, SG_EIO, "cannot read '%s' again: a pipe", file);
    return load(ret, file, a->argc, a->argv, reterr);
}

int sg_command_check_config(int argc, char **argv)
{
    struct sg_config c;
    struct sg_error err = {0};
    if (argc != 2 || strcmp(argv[1], "--help") == 0) {
        fprintf(argc == 2 ? stdout : stderr, "usage: streamgauge check-config FILE\n");
        return argc == 2 ? 0 : 2;
    }
    int rc = load(&c, argv[1], 1, argv, &err);
    sg_config_deinit(&c);
    if (rc < 0)
        return complain(&err, 1);
    printf("%s: good\n", argv[1]);
    return 0;
}

static void exit_at_once(int signal)
{
    _exit(128 + signal);
}

/* Results of big queries go back to the system when they are freed. glibc would move its threshold
 * up to 32 MB by itself, and every thread of the pool would keep its largest. */
static void return_big_blocks(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20); /* the blocks a big result is made of */
    (void)mallopt(M_TRIM_THRESHOLD, 2 << 20);
#endif
}

/* From now on a signal waits for sigtimedwait, in every thread that starts later. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigprocmask(SIG_BLOCK, set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is a disk that is full */
}

/* While draining a second TERM or INT ends the process without waiting. */
static void arm_second_signal(void)
{
    sigset_t set;
    (void)signal(SIGTERM, exit_at_once);
    (void)signal(SIGINT, exit_at_once);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void reload(struct sg_server *s)
{
    struct sg_error err = {0};
    char text[sizeof(err.source) + sizeof(err.text) + 32];
    sd_notify(0, "RELOADING=1");
    if (sg_server_reload(s, NULL, &err) < 0)
        SG_LOG(ERROR, "app", "reload refused, going on as before", "reason=\"%s\"",
               sg_error_format(&err, text, sizeof(text)));
    else
        SG_LOG(INFO, "app", "reloaded", "what=%s", "alerts,streams,tokens,certificates");
    sd_notify(0, "READY=1");
}

/* Returns on SIGTERM or SIGINT. In between: own metrics once a second, reload on SIGHUP. */
static void run_until_told(struct sg_server *s, const sigset_t *set)
{
    for (;;) {
        struct timespec timeout = sg_timespec_ms(1000 - sg_wall_now_ms() % 1000);
        int signal = sigtimedwait(set, NULL, &timeout);
        if (signal == SIGTERM || signal == SIGINT)
            return;
        if (signal == SIGHUP)
            reload(s);
        else if (signal < 0 && errno == EAGAIN) {
            sg_server_second(s, sg_wall_now_ms());
            sd_notify(0, "WATCHDOG=1");
        }
    }
}

static void announce(const struct sg_config *c, const struct sg_server *s)
{
    for (size_t i = 0; i < sg_server_listeners(s); i++)
        SG_LOG(INFO, "app", "serving", "address=%s port=%u",
               c->listen.n > i                                    ? c->listen.items[i]
               : i + 1 == sg_server_listeners(s) && c->tls_listen ? c->tls_listen
               : i == 0                                           ? "127.0.0.1:8420"
                                                                  : "[::1]:8420",
               sg_server_port(s, i));
    if (sg_server_statsd_port(s))
        SG_LOG(INFO, "app", "reading StatsD", "address=%s port=%u", c->statsd_listen,
               sg_server_statsd_port(s));
}

static void print_serve_help(void)
{
    puts("usage: streamgauge serve [--config FILE] [flag…]\n\n"
         "Takes in samples over HTTP and UDP and pushes live results over WebSocket and SSE.\n"
         "SIGHUP reads the configuration, rules and certificates again, SIGTERM ends politely "
         "within 10 s.\n\nflags:");
    sg_config_print_flags(stdout);
}

int sg_command_serve(int argc, char **argv)
{
    struct sg_config c;
    struct sg_error err = {0};
    struct sg_server *server;
    enum sg_log_level level = SG_LOG_INFO;
    sigset_t set;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_serve_help();
            return 0;
        }
    }
    int rc = load(&c, sg_config_find_file_flag(argc, argv), argc, argv, &err);
    if (rc < 0) {
        sg_config_deinit(&c);
        return complain(&err, 2);
    }
    (void)sg_log_level_parse(c.log_level, &level); /* checked by load */
    sg_log_set_level(level);
    return_big_blocks();
    block_signals(&set);
    struct arguments arguments = {argc, argv};
    struct sg_config_source source = {load_again, &arguments};
    rc = sg_server_start(&c, &source, &server, &err);
    if (rc < 0) {
        sg_config_deinit(&c);
        return complain(&err, 1);
    }
    announce(&c, server);
    sd_notify(0, "READY=1");
    run_until_told(server, &set);
    SG_LOG(INFO, "app", "stopping", "drain_ms=%d", DRAIN_MS);
    sd_notify(0, "STOPPING=1");
    arm_second_signal();
    sg_server_stop(server, DRAIN_MS);
    sg_config_deinit(&c);
    return 0;
}
