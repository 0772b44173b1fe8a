/* notify.h - receivers: rows of the outbox become HTTP requests, mails and web pushes.
 *
 * One thread with one libcurl multi handle. Rows come in ascending order and are kept in queues per
 * target; each target has its own concurrency and rate, so a slow or dead one delays nobody else.
 * Rows of one target with the same order key go one after the other. What became of a row is told
 * by a journal op (SENT, RETRY, DEAD, DELETE of a push subscription) through the `marked` hook.
 *
 * Retries: full-jitter exponential back-off from 1 s to 5 min, Retry-After obeyed up to 1 h;
 * network errors, 408, 429 and 5xx (SMTP 4yz) are retried, other refusals are final; after
 * give_up_ms (default 24 h) the row is a dead letter.
 *
 * A browser that is gone (404, 410), or whose push service refuses five messages in a row (other
 * than 401, 403: that is our key), loses its subscription; the rows are dead letters that are not
 * told. One push service has at most a quarter of the transfers of its target.
 *
 * Addresses are checked when the connection is made, after name resolution: private, loopback,
 * link-local and multicast ones are refused unless `allow` lists them. No redirects are followed,
 * of a response at most 64 KiB are read, proxies of the environment are not used. */
#ifndef STREAMGAUGE_NOTIFY_H
#define STREAMGAUGE_NOTIFY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <streamgauge/alerting.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/journal.h>
#include <streamgauge/yaml.h>

/* ---- receivers of the configuration ---- */

struct sg_receivers;    /* immutable */
struct sg_template_set; /* template.h */

/* templates: definitions that texts may call; the receivers keep a reference; NULL: none.
 * Reads `receivers` and `global` (smtp_*, slack_api_url, pagerduty_url …: Alertmanager's names) and
 * `notify` (allow: list of networks or hosts, give_up, concurrency, rate) from the root of a
 * configuration; *_configs: webhook, slack, pagerduty, msteams, discord, telegram, ntfy, email,
 * webpush, alertmanager, heartbeat. Secrets may come from files (`…_file`). Errors with place. */
SG_API SG_NODISCARD int sg_receivers_parse(const struct sg_yaml_node *root,
                                           struct sg_template_set *templates,
                                           struct sg_receivers **ret, struct sg_error *reterr);
SG_API void sg_receivers_free(struct sg_receivers *r); /* accepts NULL */
/* For sg_routing_parse. Borrowed as long as r. */
SG_API const struct sg_integration *sg_receivers_integrations(const struct sg_receivers *r,
                                                              size_t *ret_n);
SG_API const struct sg_str *sg_receivers_names(const struct sg_receivers *r, size_t *ret_n);
/* The configured text without secrets, for /api/v2/status. */
SG_API void sg_receivers_print(const struct sg_receivers *r, struct sg_buf *out);

/* ---- sending ---- */

struct sg_notify;

struct sg_vapid {         /* RFC 8292; P-256 */
    char private_key[64]; /* base64url, 32 bytes */
    char public_key[128]; /* base64url, uncompressed point of 65 bytes */
};
/* Makes a key pair with OpenSSL. */
SG_API SG_NODISCARD int sg_vapid_new(struct sg_vapid *ret, struct sg_error *reterr);

struct sg_notify_hooks {
    /* Takes the journal; SG_EBUSY leaves it: notify tries again. notify's thread. */
    int (*marked)(void *ctx, struct sg_journal *j);
    /* Of a target: began to fail for good (a dead letter) or is well again. notify's thread. */
    void (*dead)(void *ctx, struct sg_str target, const char *text);
    /* True while the engine ticks and rules are evaluated: what heartbeats vouch for. Any thread.
     */
    bool (*alive)(void *ctx);
    /* Of a time zone, as sg_template_data's. Any thread. NULL: texts know UTC only. */
    int (*utc_offset)(void *ctx, struct sg_str zone, int64_t wall_ms, int32_t *ret_s);
    void *ctx;
};

struct sg_notify_config {
    struct sg_notify_hooks hooks;
    struct sg_vapid vapid;
    const char *vapid_subject; /* "mailto:…" or "https://…" */
    const char *user_agent;
    const char *external_url;
};

SG_API void sg_notify_config_default(struct sg_notify_config *cfg);
/* Starts the thread. Copies cfg; the hooks must stay until sg_notify_free. Takes the receivers in
 * any case. SG_EIO. */
SG_API SG_NODISCARD int sg_notify_start(const struct sg_notify_config *cfg,
                                        struct sg_receivers *receivers_take, struct sg_notify **ret,
                                        struct sg_error *reterr);
/* New receivers; rows of targets that are gone become dead letters. Any thread. */
SG_API void sg_notify_reload_take(struct sg_notify *n, struct sg_receivers *receivers);
/* For links in what is sent from then on. Copied. Any thread, one at a time. */
SG_API void sg_notify_set_external_url(struct sg_notify *n, const char *url);
/* Takes the rows; whoever hands them over bounds how many there are at a time. Any thread. */
SG_API void sg_notify_send_take(struct sg_notify *n, struct sg_outbox_row **rows, size_t n_rows);
/* Lets requests in flight finish within timeout_ms; rows not sent stay in the database. */
SG_API void sg_notify_stop(struct sg_notify *n, int64_t timeout_ms);
SG_API void sg_notify_free(struct sg_notify *n); /* accepts NULL */

/* One attempt now, outside the outbox: blocks up to timeout_ms. The texts of what was sent and
 * answered (≤ 64 KiB) are appended to report. SG_ENOTFOUND: no such target. Any thread but engine
 * and edges. */
SG_API SG_NODISCARD int sg_notify_test(struct sg_notify *n, struct sg_str target,
                                       struct sg_str body, int64_t timeout_ms,
                                       struct sg_buf *report, struct sg_error *reterr);
/* Those under way end within a second or so, later ones at once, not delivered: the server is
 * being stopped. Any thread; accepts NULL. */
SG_API void sg_notify_end_tests(struct sg_notify *n);

struct sg_target_info {
    struct sg_str target;
    const char *kind;
    uint64_t waiting, in_flight, sent, failed, dead; /* rows now; attempts; given up */
    uint64_t dropped;  /* subscriptions of browsers: gone, or refused several times in a row */
    int64_t oldest_ms; /* creation of the oldest waiting; 0: none */
    int64_t last_ok_ms, last_failure_ms, next_ms; /* wall clock; 0: never */
    char last_error[256];
    bool healthy;
};
/* Each borrowed for the call. Any thread. */
SG_API void sg_notify_each(struct sg_notify *n,
                           void (*each)(void *ctx, const struct sg_target_info *t), void *ctx);

#endif
