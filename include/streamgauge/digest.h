/* digest.h - scheduled summaries: expressions recorded all the time, and what a mail says of them.
 *
 * A digester belongs to the engine's thread, reads no clock and does no I/O. Once a minute it
 * evaluates the expressions of all digests and folds their values into buckets, 48 a period, which
 * are rows of SG_TABLE_DIGEST_POINTS: so a whole day or week is there whatever the retention, also
 * after a restart. At the due time, by the wall clock, an SG_JOURNAL_DIGEST goes out together with
 * the note that it did (SG_TABLE_DIGESTS), so that it happens once a period whatever is restarted
 * and however the clock steps. Who writes the journal has a report composed from those rows and
 * from the feed, which becomes outbox rows in the same transaction.
 *
 *     sg_digests_parse(root, integrations, n, &digests, &err);
 *     d = sg_digester_new(&hooks);  sg_digester_load_take(d, digests, &err);
 *     sg_digester_restore(d, table, key, body, wall_ms);   // rows of an earlier process
 *     every base tick: sg_digester_tick(d, wall_ms, journal);
 *
 * Keys of SG_TABLE_DIGEST_POINTS: "<digest>/<expression's hash, or up>/<bucket's start>/<series>",
 * and SG_DIGEST_STARTS with the time of a start. */
#ifndef STREAMGAUGE_DIGEST_H
#define STREAMGAUGE_DIGEST_H

#include <stdatomic.h>
#include <streamgauge/alerting.h>
#include <streamgauge/arena.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/journal.h>
#include <streamgauge/ruler.h>
#include <streamgauge/time.h>
#include <streamgauge/yaml.h>

#define SG_DIGEST_MAX 16       /* digests */
#define SG_DIGEST_MAX_EXPRS 32 /* of a digest */
#define SG_DIGEST_MAX_SERIES 8 /* of an expression; further ones are left out */
#define SG_DIGEST_BUCKETS 48   /* a period */
#define SG_DIGEST_STARTS "!start/"
#define SG_DIGEST_ALERTS "api/"

struct sg_digest_expr {
    struct sg_str title, expr, unit;
    uint64_t hash; /* of expr: the same in every process */
};

struct sg_digest {
    struct sg_str name, receiver, title;
    struct sg_str *targets; /* the receiver's mails */
    size_t n_targets;
    bool weekly;
    int weekday;        /* 0 = Sunday; of a weekly one */
    int at_min;         /* minutes after midnight, there */
    struct sg_str zone; /* named; empty: offset_s counts */
    int32_t offset_s;
    struct sg_digest_expr *exprs;
    size_t n_exprs;
    uint32_t top; /* alerts that are listed */
};

/* Immutable and shared. */
struct sg_digests {
    struct sg_digest *list;
    size_t n;
    struct sg_arena arena;
    atomic_uint refs;
};

/* Reads `digests` of a configuration. The receivers they name must have mails among the
 * integrations. Errors with place. */
SG_API SG_NODISCARD int sg_digests_parse(const struct sg_yaml_node *root,
                                         const struct sg_integration *integrations, size_t n,
                                         struct sg_digests **ret, struct sg_error *reterr);
SG_API struct sg_digests *sg_digests_ref(struct sg_digests *d); /* any thread */
SG_API void sg_digests_unref(struct sg_digests *d);             /* accepts NULL; any thread */
/* NULL: there is none of that name. */
SG_API const struct sg_digest *sg_digests_find(const struct sg_digests *d, struct sg_str name);
static inline int64_t sg_digest_period_ms(const struct sg_digest *d)
{
    return (d->weekly ? 7 : 1) * SG_MS_PER_DAY;
}
static inline int64_t sg_digest_bucket_ms(const struct sg_digest *d)
{
    return sg_digest_period_ms(d) / SG_DIGEST_BUCKETS;
}

/* ---- recording ---- */

struct sg_digester;

struct sg_digester_hooks {
    struct sg_ruler_hooks graph; /* add, remove, begin, eval */
    /* As sg_alerting_hooks. */
    int (*utc_offset)(void *ctx, struct sg_str zone, int64_t wall_ms, int32_t *ret_s);
    void *ctx; /* of utc_offset */
};

SG_API struct sg_digester *sg_digester_new(const struct sg_digester_hooks *hooks);
SG_API void sg_digester_free(struct sg_digester *d); /* accepts NULL */
/* Replaces the digests; what is recorded of equal names and expressions goes on. On error nothing
 * changes and the digests are let go. */
SG_API SG_NODISCARD int sg_digester_load_take(struct sg_digester *d, struct sg_digests *digests,
                                              struct sg_error *reterr);
/* A row of SG_TABLE_DIGESTS or SG_TABLE_DIGEST_POINTS; after the first load, before the first tick.
 */
SG_API void sg_digester_restore(struct sg_digester *d, enum sg_table table, struct sg_str key,
                                struct sg_str body, int64_t wall_ms);
/* Evaluates what is due, within the session of the rules. A first sight of a digest sends nothing:
 * its first period ends at the next due time. */
SG_API void sg_digester_tick(struct sg_digester *d, int64_t wall_ms, struct sg_journal *journal);
/* One of the period that ends now, beside the schedule. SG_ENOTFOUND. */
SG_API SG_NODISCARD int sg_digester_send(struct sg_digester *d, struct sg_str name, int64_t wall_ms,
                                         struct sg_journal *journal);
/* When it is due next, ms of the wall clock. */
SG_API int64_t sg_digester_next(struct sg_digester *d, const struct sg_digest *digest,
                                int64_t wall_ms);

/* ---- composing; pure, any thread ---- */

struct sg_digest_report;

/* Of an op: from, until, and its body. Borrows the digest. */
SG_API struct sg_digest_report *sg_digest_report_new(const struct sg_digest *digest,
                                                     const struct sg_journal_op *op);
SG_API void sg_digest_report_free(struct sg_digest_report *r); /* accepts NULL */
/* A row of SG_TABLE_DIGEST_POINTS whose key begins with "<name>/" or SG_DIGEST_STARTS. */
SG_API void sg_digest_report_point(struct sg_digest_report *r, struct sg_str key,
                                   struct sg_str body);
/* A notification of the feed, oldest first; also from before the period, as it may fire on. */
SG_API void sg_digest_report_note(struct sg_digest_report *r, struct sg_str json);
/* A row of SG_TABLE_ALERTS whose key begins with SG_DIGEST_ALERTS, after the notes: what fires for
 * so long that its notification is not kept any more. */
SG_API void sg_digest_report_alert(struct sg_digest_report *r, struct sg_str key,
                                   struct sg_str body);
/* Notifications from before that are not kept. */
SG_API void sg_digest_report_since(struct sg_digest_report *r, int64_t time_ms);
/* Appends the body of the outbox row (alerting.h). */
SG_API void sg_digest_report_print(struct sg_digest_report *r, struct sg_str external_url,
                                   struct sg_buf *out);

#endif
