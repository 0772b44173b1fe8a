/* promql_script.h - runs files in Prometheus' test notation against the evaluator: load, clear,
 * eval, expect.
 *
 * An eval passes when its result, order, failure and notes are as the file says. Every instant eval
 * is also run as the middle step of a range query (floats only), which takes the other way through
 * the evaluator.
 */
#ifndef SG_TEST_PROMQL_SCRIPT_H
#define SG_TEST_PROMQL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sg_script_options {
    bool features; /* delayed names and type labels on */
    bool ranges;   /* instant evals also as ranges */
    FILE *log;     /* a line per failure; NULL: none */
};
struct sg_script_totals {
    size_t passed, failed;
};
/* Negative when the file cannot be read. */
int sg_script_run(const char *path, const struct sg_script_options *opt,
                  struct sg_script_totals *ret);

#endif
