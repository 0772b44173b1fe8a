/* alerts_view.h - alerts as /api/alerts tells them, asked for and shown as a table. */
#ifndef STREAMGAUGE_APP_ALERTS_VIEW_H
#define STREAMGAUGE_APP_ALERTS_VIEW_H

#include <jansson.h>
#include <stdio.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>

struct sg_alerts_query {
    const char *url, *token; /* token: NULL for none */
    const char *severity;    /* least one; NULL: all */
    bool all;                /* those that are silenced, inhibited or muted too */
    char **matchers;         /* as Alertmanager's filters */
    int n_matchers;
};

/* Returns the status, or an error; *ret has "time" and "alerts" when it is 200 (json_decref it). */
SG_NODISCARD int sg_alerts_ask(const struct sg_alerts_query *q, struct sg_buf *raw, json_t **ret,
                               struct sg_error *reterr);
/* One line per alert, the worst first; colours on a terminal. */
void sg_alerts_print(FILE *out, const json_t *answer);

#endif
