/* runtime.h - the running notifier: one thread, one multi handle; its queues and transfers. */
#ifndef SG_NOTIFY_RUNTIME_H
#define SG_NOTIFY_RUNTIME_H

#include <pthread.h>

#include "notify/http.h"
#include "notify/push_service.h"
#include "notify/queue.h"

#define SG__MAX_TRANSFERS 256 /* beyond, targets that have none get one */

/* What a transfer is for. */
enum sg__purpose { SG__FOR_ROW, SG__FOR_BEAT, SG__FOR_REFRESH };

struct sg__transfer {
    struct sg__call call;
    enum sg__purpose purpose;
    struct sg__queue *queue; /* FOR_ROW */
    struct sg__item *item;
    struct sg__periodic *periodic;  /* the others */
    struct sg_receivers *receivers; /* a reference: they hold target */
    const struct sg__target *target;
    struct sg__note note;
    struct sg__transfer *next, **link; /* of all */
};

/* What is sent by the clock: heartbeats; firing alerts again to Alertmanagers. */
struct sg__alert_held {
    UT_hash_handle hh;
    int64_t until_ms; /* forgotten then */
    char *json;
    char key[];
};
struct sg__periodic {
    struct sg__periodic *next;
    struct sg_str name; /* of the target; owned */
    const struct sg__target *target;
    int64_t interval_ms, next_ms;
    bool in_flight, failing;
    struct sg__alert_held *alerts; /* of an Alertmanager */
    uint64_t sent, failed;
    int64_t last_ok_wall_ms, last_failure_wall_ms;
    char last_error[256];
};

struct sg_notify {
    struct sg_notify_config cfg;
    struct sg__site site;
    char *vapid_subject, *user_agent;
    char **external_urls; /* all there have been: others may be reading one */
    size_t n_external_urls, cap_external_urls;
    pthread_t thread;
    bool started;
    CURLM *multi;
    struct sg_prng prng;

    pthread_mutex_t lock;         /* for all below that other threads see */
    struct sg_outbox_row **inbox; /* handed over, not yet taken */
    size_t n_inbox, cap_inbox;
    struct sg_receivers *receivers; /* current; a reference */
    struct sg_receivers *incoming;  /* of a reload */
    struct sg__queue *queues;       /* uthash by name */
    struct sg__periodic *periodics;
    bool stopping, ended;
    int64_t stop_at_ms;
    atomic_bool no_tests; /* any thread: who tries a receiver stops waiting for it */

    /* the thread's own */
    struct sg__transfer *transfers;
    size_t n_transfers;
    CURL *spare[32]; /* handles for reuse */
    size_t n_spare;
    struct sg_journal *marks;
    struct sg__refusals refusals; /* by browsers' push services */
};

/* notify.c; a reference. */
struct sg_receivers *sg__notify_receivers(struct sg_notify *n);

/* transfer.c */
/* Starts an attempt; the item is in flight. False: it failed at once and has been dealt with. */
bool sg__start_row(struct sg_notify *n, struct sg__queue *q, struct sg__item *item);
/* Starts a transfer whose request is built. Takes it. */
bool sg__start(struct sg_notify *n, struct sg__transfer *x, struct sg_error *reterr);
struct sg__transfer *sg__transfer_new(struct sg_notify *n, const struct sg__target *t);
void sg__transfer_free(struct sg_notify *n, struct sg__transfer *x);
/* Handles what libcurl has finished; false: nothing. */
bool sg__collect(struct sg_notify *n);
/* Gives up every waiting row of q. */
void sg__give_up_all(struct sg_notify *n, struct sg__queue *q, const char *why);

/* periodic.c */
/* Follows the configuration: makes, keeps, drops. Under the lock. */
void sg__periodics_load(struct sg_notify *n);
/* Sends what is due; ms until the next, -1: none. */
int64_t sg__periodics_run(struct sg_notify *n);
void sg__periodic_finished(struct sg_notify *n, struct sg__transfer *x, bool ok, const char *why);
/* A row was delivered to an Alertmanager: what fires is held, what resolved is forgotten. */
void sg__periodic_learn(struct sg_notify *n, const struct sg__target *t,
                        const struct sg__note *note);
void sg__periodic_free(struct sg__periodic *p);

#endif
