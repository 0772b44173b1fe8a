/* journal.h - what must survive a restart: changes collected into one atomic batch.
 *
 * Rows 0 to 3 fill a journal, persist (persist.h) writes it as one transaction and hands the outbox
 * rows in it on to be sent once it is durable. Bodies are JSON objects of whoever wrote them;
 * persist does not look inside.
 *
 *     struct sg_journal *j = sg_journal_new();
 *     sg_journal_put(j, SG_TABLE_SILENCES, id, json, expires_ms);
 *     sg_journal_add(j, &(struct sg_journal_op){.kind = SG_JOURNAL_SEND, .target = …, .body = …});
 *     sg_persist_submit_take(p, j);
 *
 * A journal belongs to one thread at a time. */
#ifndef STREAMGAUGE_JOURNAL_H
#define STREAMGAUGE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/queue.h>
#include <streamgauge/str.h>

/* Tables of key and body. The names are those in the database. */
#define SG_TABLE_MAP(X)                                                                            \
    X(ALERTS, "alerts")               /* by rule and fingerprint: state of alert instances */      \
    X(SILENCES, "silences")           /* by id */                                                  \
    X(ACKS, "acks")                   /* by fingerprint */                                         \
    X(NFLOG, "nflog")                 /* by receiver and group: what was told last */              \
    X(PUSH, "push_subscriptions")     /* by endpoint: of browsers */                               \
    X(DIGEST_POINTS, "digest_points") /* by digest, expression and time */                         \
    X(DIGESTS, "digests")             /* by digest: when it was sent last */                       \
    X(DASHBOARDS, "dashboards")       /* by uid */                                                 \
    X(META, "meta")                   /* epoch, number of starts, VAPID keys */

enum sg_table {
#define SG_TABLE_ENUM(name, text) SG_TABLE_##name,
    SG_TABLE_MAP(SG_TABLE_ENUM)
#undef SG_TABLE_ENUM
        SG_N_TABLES
};
SG_API const char *sg_table_name(enum sg_table table);

enum sg_journal_kind {
    SG_JOURNAL_PUT,    /* table, key, body, time_ms = when it may be forgotten (0: never) */
    SG_JOURNAL_DELETE, /* table, key */
    SG_JOURNAL_FEED,   /* a notification of topic 0: number = offset, time_ms, key = severity,
                          body = its JSON, extra = labels as JSON */
    SG_JOURNAL_SEND,   /* a new outbox row: key = idempotency key, target, order_key, body,
                          time_ms = created */
    SG_JOURNAL_SENT,   /* number = row: delivered */
    SG_JOURNAL_RETRY,  /* number = row, attempts, time_ms = next attempt, body = why */
    SG_JOURNAL_DEAD,   /* number = row, attempts, time_ms, body = why: given up */
    SG_JOURNAL_REVIVE, /* number = row that was given up, 0: all such; it is sent after all */
    SG_JOURNAL_DIGEST, /* a digest is due: key = its name, number = from ms, time_ms = until:
                          persist has it composed and adds the outbox rows in the same transaction
                        */
};

/* Targets that stand for many: one row for each browser that has subscribed. Its integration part
 * is what follows: "push:<receiver>/webpush/0". */
#define SG_OUTBOX_PUSH_PREFIX "push:"

struct sg_journal_op {
    struct sg_journal_op *next;
    enum sg_journal_kind kind;
    enum sg_table table;
    uint32_t attempts;
    int64_t time_ms;
    uint64_t number;
    struct sg_str key, target, order_key, body, extra; /* owned by the op, NUL-terminated */
};

struct sg_journal {
    struct sg_mpsc_node node; /* first */
    struct sg_journal_op *first, **last;
    size_t n, bytes;
    /* Called once, on persist's thread: 0 when it is durable, else a negative code (given up at
     * stop). May be NULL. */
    void (*done)(void *ctx, int rc);
    void *done_ctx;
};

SG_API struct sg_journal *sg_journal_new(void);
SG_API void sg_journal_free(struct sg_journal *j); /* accepts NULL; does not call done */
static inline bool sg_journal_empty(const struct sg_journal *j)
{
    return !j || j->n == 0;
}
/* Adds a copy of op (next is ignored). Returns what was added. */
SG_API struct sg_journal_op *sg_journal_add(struct sg_journal *j, const struct sg_journal_op *op);
SG_API void sg_journal_put(struct sg_journal *j, enum sg_table table, struct sg_str key,
                           struct sg_str body, int64_t expires_ms);
SG_API void sg_journal_delete(struct sg_journal *j, enum sg_table table, struct sg_str key);
/* Moves all ops of src behind those of dst, and frees src. */
SG_API void sg_journal_join_take(struct sg_journal *dst, struct sg_journal *src);

/* A row to be sent, as notify gets it. One block: free with sg_free. */
struct sg_outbox_row {
    uint64_t id; /* ascending in the order of SG_JOURNAL_SEND */
    int64_t created_ms, next_ms;
    uint32_t attempts;       /* made before */
    struct sg_str key;       /* idempotency key: the same for every attempt, also after a restart */
    struct sg_str target;    /* "<receiver>/<kind>/<index>" */
    struct sg_str order_key; /* rows of one target and order key are sent one after the other */
    struct sg_str body;      /* JSON, see alerting.h "what is sent" */
    struct sg_str push;      /* of a browser: its subscription as JSON; else empty */
};

#endif
