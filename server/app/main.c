/* main.c - the streamgauge command: finds the subcommand and runs it.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 stopped by ctrl-c (watch).
 */
#include <stdio.h>
#include <streamgauge/compiler.h>
#include <string.h>

#include "commands.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *help;
};

static int run_help(int argc, char **argv);

static int run_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("streamgauge " SG_VERSION);
    return 0;
}

static const struct command commands[] = {
    {"serve", sg_command_serve, "[--config FILE] [flag…]", "run the server"},
    {"check-config", sg_command_check_config, "FILE",
     "read a configuration file and say what is wrong"},
    {"watch", sg_command_watch, "EXPR [--url URL] [--interval 1s]",
     "follow an expression live in the terminal"},
    {"query", sg_command_query, "EXPR [--time T | --range 1h [--step 15s]] [--explain] [--url URL]",
     "evaluate an expression once, or say what it costs"},
    {"send", sg_command_send, "'name{l=\"v\"} 3'… [--url URL]", "send samples"},
    {"token", sg_command_token, "[--hash-of -]",
     "make an access token and its hash for auth.tokens"},
    {"alerts", sg_command_alerts, "[MATCHER…] [--severity S] [--json] [--url URL]",
     "list what fires"},
    {"silence", sg_command_silence, "add|list|expire … [--url URL]", "keep notifications back"},
    {"check", sg_command_check, "[--fail-on warning|critical] [--for 5m] [--url URL]",
     "exit code 0 when nothing fires, 1 when something does: a gate for pipelines"},
    {"check-rules", sg_command_check_rules, "FILE…", "read rule files and say what is wrong"},
    {"test-rules", sg_command_test_rules, "FILE…", "run unit tests of rules, in promtool's format"},
    {"version", run_version, "", "print the version"},
    {"help", run_help, "[COMMAND]", "print this, or a command's flags"},
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_usage(FILE *out)
{
    fputs("streamgauge: a push server for live metrics and alerts\n\nusage:\n", out);
    for (size_t i = 0; i < SG_ARRAY_LEN(commands); i++)
        fprintf(out, "  streamgauge %s %s\n        %s\n", commands[i].name, commands[i].usage,
                commands[i].help);
}

static int run_help(int argc, char **argv)
{
    const struct command *c = argc > 1 ? find(argv[1]) : NULL;
    if (argc > 1 && !c) {
        fprintf(stderr, "streamgauge: no command '%s'\n", argv[1]);
        return 2;
    }
    if (!c) {
        print_usage(stdout);
        return 0;
    }
    char help[] = "--help";
    char *args[] = {argv[1], help, NULL};
    return c->run == run_help || c->run == run_version ? (print_usage(stdout), 0) : c->run(2, args);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return run_help(1, argv);
    if (strcmp(argv[1], "--version") == 0)
        return run_version(argc, argv);
    const struct command *c = find(argv[1]);
    if (!c) {
        fprintf(stderr, "streamgauge: no command '%s'; 'streamgauge help' lists them\n", argv[1]);
        return 2;
    }
    return c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    int rc = run(argc, argv);
    /* Output that could not be written (a full disk, a closed pipe) is a failure too. */
    if (fflush(stdout) != 0 && rc == 0)
        rc = 1;
    return rc;
}
