/* kind.h - the kinds of integrations: a table of what each is called, takes, sends and makes of an
 * answer. */
#ifndef SG_NOTIFY_KIND_H
#define SG_NOTIFY_KIND_H

#include <curl/curl.h>
#include <streamgauge/notify.h>

#include "notify/note.h"
#include "notify/receivers.h"

/* What does not change from row to row. Borrowed. What a reload replaces lives on to the end. */
struct sg__site {
    const char *_Atomic external_url;
    const char *user_agent;
    struct sg_vapid vapid;
    const char *vapid_subject;
    int (*utc_offset)(void *ctx, struct sg_str zone, int64_t wall_ms, int32_t *ret_s);
    void *utc_offset_ctx;
};

/* One thing to be sent. */
struct sg__job {
    const struct sg__target *target;
    const struct sg__site *site;
    const struct sg_outbox_row *row;
    const struct sg__note *note; /* NULL for heartbeats */
    int64_t wall_ms;
    unsigned shrink; /* 0; 1, 2, 3 after "too large": smaller each time */
};

/* What a kind makes of a job. */
struct sg__request {
    const char *method; /* "POST"; static text */
    struct sg_buf url;
    struct curl_slist *headers;
    struct sg_buf body;
    struct sg_buf mail_from; /* of mail: addresses without brackets */
    struct curl_slist *mail_to;
    bool mail, mail_tls; /* mail_tls: STARTTLS is required */
    bool foreign;        /* the URL came from outside of the configuration: https only */
    const struct sg__http_config *http; /* default: the target's */
};
void sg__request_init(struct sg__request *r);
void sg__request_deinit(struct sg__request *r);
void sg__request_header(struct sg__request *r, const char *fmt, ...) SG_PRINTF(2, 3);

enum sg__verdict {
    SG__SENT,
    SG__RETRY,
    SG__REFUSED,  /* final: a dead letter */
    SG__UNWANTED, /* final, for one browser alone: no dead letter that is told */
    SG__GONE,     /* a browser that has unsubscribed: the row is done, the subscription goes */
    SG__SHRINK,   /* too large: again at once, smaller */
};

/* What came back. */
struct sg__reply {
    const struct sg__target *from; /* who was asked */
    long status;                   /* of HTTP or SMTP; 0: none */
    struct sg_str body;
    int64_t retry_after_ms; /* -1: not said */
};

struct sg__kind {
    const char *name; /* "slack", of slack_configs */
    const struct sg__opt *table;
    const char *list;        /* option that holds a list of URLs, one target each; NULL: none */
    bool alertmanagers;      /* Alertmanager 0.25 knows it */
    bool no_rows;            /* not for notifications: heartbeat */
    bool acknowledges, push; /* as sg_integration */
    bool silent_resolved;    /* send_resolved is false unless given */
    double rate;             /* default per second; 0: any */
    uint32_t concurrency;    /* default; 0: the configuration's */
    /* Of a kind that speaks no HTTP: sets t->http from its options. May be NULL. */
    int (*transport)(struct sg__target *t, struct sg_arena *arena, struct sg_error *reterr);
    /* Checks what the table cannot say. May be NULL. */
    int (*check)(const struct sg__target *t, const struct sg_yaml_node *node,
                 struct sg_error *reterr);
    /* As sg_integration. NULL: it is not. */
    bool (*every)(const struct sg__target *t);
    /* Fills request. SG_EINVALID: this can never be sent; the text says why. SG_ECANCELED: it is
     * not wanted, and counts as sent. SG_ENOTFOUND: as SG__UNWANTED. */
    int (*build)(const struct sg__job *job, struct sg__request *ret, struct sg_error *reterr);
    /* May change what the status alone says, and retry_after_ms. May be NULL. */
    enum sg__verdict (*judge)(enum sg__verdict by_status, struct sg__reply *reply);
};

extern const struct sg__kind sg__kind_webhook, sg__kind_slack, sg__kind_pagerduty, sg__kind_msteams,
    sg__kind_msteamsv2, sg__kind_discord, sg__kind_telegram, sg__kind_ntfy, sg__kind_email,
    sg__kind_webpush, sg__kind_alertmanager, sg__kind_heartbeat;
/* All of them, ended by NULL. */
extern const struct sg__kind *const sg__kinds[];

/* Options every kind has; for tables. */
#define SG__COMMON_OPTS                                                                            \
    {"send_resolved", SG__OPT_BOOL, 0, NULL, NULL},                                                \
        {"send_acknowledged", SG__OPT_BOOL, SG__OPT_OWN, NULL, NULL},                              \
        {"rate", SG__OPT_NUMBER, SG__OPT_OWN, NULL, NULL},                                         \
        {"concurrency", SG__OPT_NUMBER, SG__OPT_OWN, NULL, NULL},                                  \
    {                                                                                              \
        "timeout", SG__OPT_DURATION, SG__OPT_OWN | SG__OPT_ZERO, NULL, NULL                        \
    }
#define SG__HTTP_OPTS                                                                              \
    SG__COMMON_OPTS,                                                                               \
    {                                                                                              \
        "http_config", SG__OPT_NODE, 0, NULL, "http_config"                                        \
    }

/* By the status alone: 2xx sent; 408, 429, 5xx retried; else refused. For mail: 4yz retried. */
enum sg__verdict sg__verdict_of(long status, bool mail);

/* Appends a text, expanded when it is a template. SG_EINVALID with the reason. */
SG_NODISCARD int sg__put_text(const struct sg__job *job, const struct sg__text *text,
                              struct sg_buf *out, struct sg_error *reterr);
/* The same for a text that is HTML: what its template prints is escaped. */
SG_NODISCARD int sg__put_html_text(const struct sg__job *job, const struct sg__text *text,
                                   struct sg_buf *out, struct sg_error *reterr);
/* The option's text into b (emptied first), or fallback when it is not set. */
SG_NODISCARD int sg__put_option(const struct sg__job *job, const char *option,
                                struct sg_str fallback, struct sg_buf *b, struct sg_error *reterr);
/* ,"name":"…" of an option that is set and not empty. */
SG_NODISCARD int sg__put_json_option(const struct sg__job *job, const char *option,
                                     const char *name, struct sg_buf *out, struct sg_error *reterr);
/* {"a":"…","b":true}: texts of a map; true, false and numbers of `bare` names (NULL-terminated, may
 * be NULL) without quotes. */
SG_NODISCARD int sg__put_json_texts(const struct sg__job *job, const struct sg__texts *texts,
                                    const char *const *bare, struct sg_buf *out,
                                    struct sg_error *reterr);

#endif
