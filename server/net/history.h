/* history.h - evaluates what a subscriber wants from before now. Knows no edge: runs on the pool.
 */
#ifndef SG_NET_HISTORY_H
#define SG_NET_HISTORY_H

#include <streamgauge/hub.h>
#include <streamgauge/promql.h>
#include <streamgauge/querier.h>

struct sg__history;

/* Copies rq. */
struct sg__history *sg__history_new(const struct sg_history_request *rq);
void sg__history_free(struct sg__history *h);
/* Ends it before it ran. */
void sg__history_fail(struct sg__history *h, enum sg_errc code, const char *text);
/* Parses and evaluates; rc and error or result tell. stop: as in sg_promql_eval_options; there is a
 * deadline besides. eval: lookback and features; NULL: defaults. */
void sg__history_run(struct sg__history *h, struct sg_querier *querier,
                     const struct sg_promql_eval_options *eval, int (*stop)(void *ctx), void *ctx);
/* Tells the hub, on its thread. */
void sg__history_hand_over(const struct sg__history *h, struct sg_hub *hub);

#endif
