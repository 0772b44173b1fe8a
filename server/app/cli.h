/* cli.h - what the commands that work on files or talk to a server have in common. */
#ifndef STREAMGAUGE_APP_CLI_H
#define STREAMGAUGE_APP_CLI_H

#include <jansson.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>

/* Prints "streamgauge: <error>" to stderr and returns 1. */
int sg_cli_complain(const struct sg_error *err);
/* The whole of a file ("-": standard input), appended; at most out->max bytes. SG_EIO, SG_ELIMIT.
 */
SG_NODISCARD int sg_cli_read_file(const char *path, struct sg_buf *out, struct sg_error *reterr);
/* name=value with & in front unless b is empty, percent-encoded. */
void sg_cli_add_argument(struct sg_buf *b, const char *name, const char *value);
/* filter=… of each matcher; as amtool has it, a first word without '=' is the alert's name. */
void sg_cli_add_matchers(struct sg_buf *b, char *const *matchers, int n);
bool sg_cli_is_name(const char *matcher);

/* A copy of what others wrote in which nothing moves the cursor or colours a terminal: control
 * characters, U+0080 to U+009F too, become spaces. Returns owned. NULL is as "". */
char *sg_cli_plain(const char *text);

struct sg_cli_request {
    const char *url, *token;                  /* token: NULL for none */
    const char *method, *path, *content_type; /* content_type: NULL without a body */
    struct sg_str body;
};
/* One exchange on a connection of its own. Returns the status, or an error before there was one.
 * raw: the answer as it came; *ret: as JSON, NULL when it is none (json_decref it). */
SG_NODISCARD int sg_cli_ask(const struct sg_cli_request *rq, struct sg_buf *raw, json_t **ret,
                            struct sg_error *reterr);
/* Tells what the server did not like, and returns 1. */
int sg_cli_refused(int status, const json_t *answer);

/* Flags with a value, for sg_cli_flags; and switches, whose value is a bool. */
struct sg_cli_flag {
    const char *name; /* "--url" */
    const char **value;
    bool *on; /* of a switch; NULL: it takes a value */
};
/* Reads flags from argv[i…] and moves the other arguments to its front, from argv[1] on. Returns
 * how many these are; -1: --help; -2: complained. "--" ends the flags. */
int sg_cli_flags(int argc, char **argv, const struct sg_cli_flag *flags, size_t n);

#endif
