/* alerts_priv.h - what the files of alerts share. */
#ifndef SG_APP_ALERTS_PRIV_H
#define SG_APP_ALERTS_PRIV_H

#include <pthread.h>
#include <streamgauge/alerting.h>
#include <streamgauge/batch.h>
#include <streamgauge/digest.h>
#include <streamgauge/notify.h>
#include <streamgauge/persist.h>
#include <streamgauge/ruler.h>
#include <streamgauge/store.h>

#include "alerts.h"
#include "engine_thread.h"
#include "zone.h"

#define SG__N_ALERT_ROUTES 32
#define SG__FEED_KEPT 10000 /* notifications in the database: what a digest looks back on */

/* Notifications that may be acknowledged: fingerprints of what fires, by hash. */
struct sg__firing {
    uint64_t *fingerprint; /* 0: free */
    size_t n, mask;        /* mask + 1 places; 0: no table yet */
};

struct sg_alerts {
    const struct sg_config *config;
    struct sg_persist *persist;
    struct sg_notify *notify;
    struct sg_engine_thread *thread;
    struct sg_engine *engine;
    struct sg_live *live;
    struct sg_store *store;
    struct sg_source source; /* of the series of rules */

    /* engine's thread */
    struct sg_ruler *ruler;
    struct sg_alerting *alerting;
    struct sg_digester *digester;
    struct sg_journal *journal; /* of this tick, and of earlier ones that were not taken */
    int64_t wall_ms, mono_ms;   /* of what runs there now */
    int64_t offset_due_ms;      /* when the feed's place is written down again; monotonic */
    struct sg_zones *zones;
    struct sg_zones *text_zones; /* under text_zones_lock */
    pthread_mutex_t text_zones_lock;

    int64_t overflow_ms; /* persist's thread: when it was last told that rows were given up */

    atomic_llong alive_ms; /* monotonic time of the last tick */
    atomic_ullong lost;    /* ops given up since the queue was full for too long */
    bool kept;             /* there is a data folder */
    bool resumed;
    uint64_t epoch, first_offset;
    const char *_Atomic external_url; /* one of those, which live on to the end */
    char **external_urls;
    size_t n_external_urls, cap_external_urls; /* while reloading, or before threads run */
    struct sg_vapid vapid;

    pthread_mutex_t lock;
    char *config_text;          /* under lock: receivers without secrets */
    struct sg_digests *digests; /* under lock: those that are composed */
    struct sg__firing firing;   /* under lock */
    pthread_mutex_t editing;    /* one change of subscriptions or dashboards at a time */
    pthread_mutex_t reloading;  /* one reload at a time */

    struct sg_net_route routes[SG__N_ALERT_ROUTES];
    size_t n_routes;
};

/* alerts_hooks.c */
struct sg_ruler_hooks sg__ruler_hooks(struct sg_alerts *a);
struct sg_alerting_hooks sg__alerting_hooks(struct sg_alerts *a);
struct sg_persist_hooks sg__persist_hooks(struct sg_alerts *a);
struct sg_notify_hooks sg__notify_hooks(struct sg_alerts *a);
/* Puts the feed's past back. */
int sg__alerts_restore_feed(struct sg_alerts *a, struct sg_error *reterr);
/* Tells again who was given up on before the last stop. */
int sg__alerts_restore_dead(struct sg_alerts *a, struct sg_error *reterr);
void sg__firing_set(struct sg__firing *f, uint64_t fingerprint, bool firing);
bool sg__firing_has(const struct sg__firing *f, uint64_t fingerprint);

/* digests.c */
struct sg_digester *sg__digester_new(struct sg_alerts *a);
/* Takes the digests: the digester's from now on, and those that are composed. Engine's thread, or
 * before it runs. */
SG_NODISCARD int sg__digests_load_take(struct sg_alerts *a, struct sg_digests *digests,
                                       struct sg_error *reterr);
/* As sg_persist_hooks.digest. */
void sg__digest_compose(void *ctx, struct sg_persist *p, const struct sg_journal_op *op,
                        struct sg_journal *out);
void sg__routes_digests(struct sg_alerts *a);

/* routes_*.c: each adds its own. */
void sg__alerts_route(struct sg_alerts *a, const char *path, unsigned methods, unsigned right,
                      sg_net_handler *handle);
void sg__routes_outbox(struct sg_alerts *a);
void sg__routes_push(struct sg_alerts *a);
void sg__routes_dashboards(struct sg_alerts *a);
void sg__routes_feed(struct sg_alerts *a);

/* A number among the arguments of a query: 0 and *ret as it was when it is not given; SG_EINVALID
 * has answered 400. */
SG_NODISCARD int sg__query_number(struct sg_net_exchange *x, const char *name, int64_t min,
                                  int64_t max, int64_t *ret);
/* Text of an argument, decoded; NULL when it is not given. Free with sg_free. */
char *sg__query_text(const struct sg_net_exchange *x, const char *name);
/* Writes a journal and answers 5xx when that fails; takes it. */
SG_NODISCARD int sg__alerts_write(struct sg_alerts *a, struct sg_net_exchange *x,
                                  struct sg_journal *j);

#endif
