/* am.h - the insides of what HTTP tells and takes about alerts: Alertmanager's API v2, Prometheus'
 * rules and alerts, acknowledgements, and the summaries for scripts.
 *
 * Handlers run on the pool as those of api.h. They copy what they need on the engine's thread
 * (sg__am_look), then write JSON at leisure; changes go there as one call too.
 */
#ifndef SG_NET_AM_H
#define SG_NET_AM_H

#include <jansson.h>
#include <streamgauge/alerting.h>
#include <streamgauge/matcher.h>
#include <streamgauge/ruler.h>

#include "net/api.h"

/* Body of a request; the matchers and labels in it. */
#define SG__AM_MAX_BODY ((size_t)4 << 20)
#define SG__AM_MAX_MATCHERS 64
#define SG__AM_MAX_LABELS 128

/* ---- state ---- */

enum { SG__AM_ALERTS = 1, SG__AM_RULES = 2 };

struct sg__am_view {
    const struct sg_alerting_info *alerts; /* never NULL; likewise rules */
    const struct sg_ruler_info *rules;
    int64_t now_ms; /* wall clock of the copy */
    struct sg_alerting_info *own_alerts;
    struct sg_ruler_info *own_rules;
};

/* Copies what is asked for (a mask of SG__AM_…); nothing is there without alerts. False: answered
 * with 503. */
SG_NODISCARD bool sg__am_look(struct sg_api *api, struct sg_net_exchange *x, unsigned what,
                              struct sg__am_view *ret);
void sg__am_view_deinit(struct sg__am_view *v);
/* Runs fn on the engine's thread. False: it did not run, answered with 503. */
SG_NODISCARD bool sg__am_call(struct sg_api *api, struct sg_net_exchange *x, sg_api_work *fn,
                              void *arg);

/* ---- answers ---- */

/* A JSON string with that status, as Alertmanager answers. */
void sg__am_error(struct sg_net_exchange *x, uint16_t status, const char *fmt, ...) SG_PRINTF(3, 4);
/* 422 {"code":…,"message":…}: a body that is not of the API's shape. */
void sg__am_invalid(struct sg_net_exchange *x, const char *fmt, ...) SG_PRINTF(2, 3);

/* "key":"2026-…Z", with a comma in front when `comma`; 0 is the year 1, Go's zero. */
void sg__am_time(struct sg_buf *b, const char *key, int64_t ms, bool comma);
/* ,"key":"text" likewise. */
void sg__am_text(struct sg_buf *b, const char *key, struct sg_str text, bool comma);

/* ---- what is asked ---- */

struct sg__am_filter {
    struct sg_matcher matchers[SG__AM_MAX_MATCHERS];
    size_t n;
    struct sg_regex *receiver; /* NULL: any */
    bool active, silenced, inhibited, unprocessed, muted, expired, pending;
};
/* From filter, receiver and the flags of the arguments. False: answered with 400. Deinit in any
 * case. */
SG_NODISCARD bool sg__am_filter_init(struct sg__am_filter *f, struct sg_net_exchange *x);
void sg__am_filter_deinit(struct sg__am_filter *f);
bool sg__am_filter_labels(const struct sg__am_filter *f, const struct sg_labels *labels);
bool sg__am_filter_receiver(const struct sg__am_filter *f, struct sg_str receiver);

/* An alert that has not ended. */
bool sg__am_is_live(const struct sg_alert_info *a, int64_t now_ms);
/* The body as JSON, or answers 400. */
json_t *sg__am_body(struct sg_net_exchange *x);
/* The string under a key; {NULL, 0} when there is none. */
struct sg_str sg__am_member(const json_t *object, const char *key);
/* RFC 3339 under a key. Absent, null, and years up to 1970 (Go's zero time): *ret_ms is 0. False:
 * it is no time. */
bool sg__am_member_time(const json_t *object, const char *key, int64_t *ret_ms);

/* ---- handlers ---- */

sg_net_handler sg__am_get_alerts, sg__am_get_groups, sg__am_post_alerts, sg__am_post_alerts_v1;
sg_net_handler sg__am_post_webhook, sg__am_get_silences, sg__am_post_silences, sg__am_get_silence;
sg_net_handler sg__am_delete_silence, sg__am_get_receivers, sg__am_get_status;
sg_net_handler sg__am_get_rules, sg__am_get_rule_alerts;
sg_net_handler sg__am_get_acks, sg__am_post_acks, sg__am_delete_ack;
sg_net_handler sg__am_health, sg__am_summary, sg__am_list;

#endif
