/* history.h - evaluates what a subscriber wants from before now. Knows no edge: runs on the pool.
 */
#ifndef SG_NET_HISTORY_H
#define SG_NET_HISTORY_H

#include <streamgauge/hub.h>
#include <streamgauge/promql.h>
#include <streamgauge/querier.h>

struct sg__history {
    struct sg_history_request rq; /* key is ours */
    int rc;
    struct sg_error error;
    struct sg_promql_result result;
    bool has_result;
};

void sg__history_init(struct sg__history *h, const struct sg_history_request *rq);
void sg__history_deinit(struct sg__history *h);
/* Parses and evaluates; rc and error or result tell. stop: as in sg_promql_eval_options; there is a
 * deadline besides. */
void sg__history_run(struct sg__history *h, struct sg_querier *querier, int (*stop)(void *ctx),
                     void *ctx);
/* Tells the hub, on its thread. */
void sg__history_hand_over(const struct sg__history *h, struct sg_hub *hub);

#endif
