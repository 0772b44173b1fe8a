/* alerts.h - rules, alerting, persistence and notification wired to the engine.
 *
 *     sg_alerts_open(&config, &alerts, &err);          // the database; epoch of the feed
 *     … engine with sg_alerts_epoch …
 *     sg_alerts_start(alerts, engine, &err);           // what was, is put back; threads run
 *     net: sg_alerts_routes, sg_alerts_call, sg_alerts_ack
 *     sg_alerts_reload(alerts, &new_config, &err);
 *     … engine and net have stopped: sg_alerts_stop(alerts, 3000); sg_alerts_free(alerts);
 *
 * Ruler and alerting belong to the engine's thread: the tick hook drives them, other threads reach
 * them by sg_alerts_call only. */
#ifndef STREAMGAUGE_APP_ALERTS_H
#define STREAMGAUGE_APP_ALERTS_H

#include <streamgauge/api.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>

#include "config.h"

struct sg_alerts;
struct sg_digests;
struct sg_engine_thread;
struct sg_receivers;
struct sg_routing;
struct sg_rules;
struct sg_template_set;

/* ---- the configuration's part ---- */

struct sg_alert_config {
    struct sg_receivers *receivers;
    struct sg_routing *routing;
    struct sg_rules *rules;
    struct sg_digests *digests;
    size_t n_receivers, n_rule_files;
};

/* A file's place: relative ones start at the folder of the configuration, or where we are when
 * there is none. */
void sg_alert_place(const struct sg_config *c, const char *path, char *dst, size_t size);
/* Appends a regular file; out->max is what it may have. SG_EIO, SG_ELIMIT: the text names the path.
 */
SG_NODISCARD int sg_alert_read_file(const char *path, struct sg_buf *out, struct sg_error *reterr);
/* Reads the files that `templates` of the configuration names; without any the built-in ones are
 * there. Errors name file, line and column. Unref what is returned. Any thread. */
SG_NODISCARD int sg_template_files_load(const struct sg_config *c, struct sg_template_set **ret,
                                        struct sg_error *reterr);

/* Reads template files, receivers, routing and rule files, all of them or none. Errors name file,
 * line and column. Any thread. */
SG_NODISCARD int sg_alert_config_load(const struct sg_config *c, struct sg_alert_config *ret,
                                      struct sg_error *reterr);
void sg_alert_config_deinit(struct sg_alert_config *ac);
/* The URL to write into links; dst has 256 bytes. */
void sg_alert_external_url(const struct sg_config *c, char *dst);
/* The configuration's external_labels, owned by the caller. */
const struct sg_labels *sg_alert_external_labels(const struct sg_config *c);

/* ---- life ---- */

/* Opens the database of config's data folder, or one in memory. config is borrowed until free. */
SG_NODISCARD int sg_alerts_open(const struct sg_config *config, struct sg_alerts **ret,
                                struct sg_error *reterr);
/* For the engine's options. *ret_resumed: the feed has a past. */
void sg_alerts_epoch(const struct sg_alerts *a, uint64_t *ret_epoch, uint64_t *ret_first_offset,
                     bool *ret_resumed);
/* Before the engine's thread and net start. */
SG_NODISCARD int sg_alerts_start(struct sg_alerts *a, struct sg_engine_thread *engine,
                                 struct sg_error *reterr);
/* Replaces rules, routing, receivers, digests, the external URL and labels, and the rules'
 * interval; nothing changes on errors. Any thread but the engine's and the edges'. */
SG_NODISCARD int sg_alerts_reload(struct sg_alerts *a, const struct sg_config *c,
                                  struct sg_error *reterr);
/* Requests that wait for others on our behalf end soon: the server is being stopped. */
void sg_alerts_hurry(struct sg_alerts *a);
/* Writes what is left and ends the threads. Engine and net must have stopped. */
void sg_alerts_stop(struct sg_alerts *a, int64_t timeout_ms);
void sg_alerts_free(struct sg_alerts *a); /* accepts NULL; before the engine is freed */

/* ---- for net ---- */

/* An sg_api_call (api.h): ctx is the alerts. */
int sg_alerts_call(void *ctx, sg_api_work *fn, void *arg);
/* net.h's ack hook; id: the notification's. Does not wait: what is not known to fire is refused at
 * once, else the acknowledged notification on the feed is the answer. */
int sg_alerts_ack(void *ctx, struct sg_str id, struct sg_str comment, struct sg_str by,
                  struct sg_error *reterr);
/* For /api/v2/status (api.h, alert_config). */
void sg_alerts_print_config(void *ctx, struct sg_buf *out);
/* Routes for outbox, receivers, push, dashboards and the feed's history; borrowed. */
const struct sg_net_route *sg_alerts_routes(const struct sg_alerts *a, size_t *ret_n);
/* Appends exposition text. Any thread. */
void sg_alerts_metrics(struct sg_alerts *a, struct sg_buf *out);

#endif
