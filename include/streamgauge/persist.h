/* persist.h - the database under --data: one SQLite file, one writing thread.
 *
 * Writes come as journals (journal.h); what is queued is committed as one transaction with
 * synchronous=FULL, so hundreds of notifications cost one fsync. Outbox rows are handed to the
 * `rows` hook after their commit. When the disk refuses (full, read-only, I/O error), journals
 * wait in memory within queue_bytes, the failure is told by the `health` hook and counted, rows are
 * handed on all the same (sending late is better than not at all), and writing is tried again every
 * second until it works.
 *
 * Open and load before the other threads start; then start. File mode 0600, WAL, migrations
 * numbered by `PRAGMA user_version`. A database of a newer version is refused. A corrupt one is set
 * aside as *.corrupt-<time>, said aloud, and a new one begun.
 *
 * Of each target at most SG_PERSIST_WINDOW rows that are not marked (SENT, DEAD) are handed on, and
 * no further one once they have SG_PERSIST_WINDOW_BYTES; those wait in the database. */
#ifndef STREAMGAUGE_PERSIST_H
#define STREAMGAUGE_PERSIST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/journal.h>

/* Rows of one target that are handed on and not yet marked; what is more waits in the database, so
 * a dead receiver holds neither memory nor the rows of others. */
#define SG_PERSIST_WINDOW 1000u
#define SG_PERSIST_WINDOW_BYTES ((size_t)32 << 20)

struct sg_persist;

struct sg_persist_hooks {
    /* Rows that are durable (or cannot be made so now), ascending by id; takes them. Persist's
     * thread, or the caller's of sg_persist_start for those found at start. */
    void (*rows)(void *ctx, struct sg_outbox_row **rows, size_t n);
    /* Writing began to fail, or works again (text NULL). Persist's thread. */
    void (*health)(void *ctx, const char *text);
    /* More than max_rows were waiting: n of them, the oldest, are dead letters now. Persist's
     * thread. NULL: nobody asks. */
    void (*given_up)(void *ctx, uint64_t n);
    /* A digest is due: appends SG_JOURNAL_SEND ops for its mails. Persist's thread. NULL: none. */
    void (*digest)(void *ctx, struct sg_persist *p, const struct sg_journal_op *op,
                   struct sg_journal *out);
    void *ctx;
};

struct sg_persist_config {
    const char *folder; /* exists; NULL: in memory, nothing survives */
    size_t queue_bytes; /* 64 MiB: journals waiting */
    uint64_t max_rows;  /* 100000: outbox rows waiting; beyond, the oldest become dead letters */
    uint64_t max_dead;  /* 10000: dead letters and delivered rows kept for looking at */
    uint64_t max_feed;  /* 1000: notifications kept */
    int64_t keep_ms;    /* 7 d: how long delivered rows, dead letters and the feed are kept */
    struct sg_persist_hooks hooks;
};

/* Relaxed atomics; any thread may read. */
struct sg_persist_stats {
    atomic_ullong commits, ops, failures; /* transactions done; in them; refused by the disk */
    atomic_ullong waiting_bytes, refused; /* in memory now; journals that did not fit */
    atomic_ullong outbox, dead;           /* rows now */
    atomic_llong oldest_ms;               /* creation of the oldest row waiting; 0: none */
    atomic_bool failing;
};

SG_API void sg_persist_config_default(struct sg_persist_config *cfg);
/* Opens, checks, migrates and loads; folder and hooks are borrowed as long as *ret, owned. SG_EIO,
 * also when another process has it; SG_EUNSUPPORTED: a newer version's, or another program's. */
SG_API SG_NODISCARD int sg_persist_open(const struct sg_persist_config *cfg,
                                        struct sg_persist **ret, struct sg_error *reterr);
/* Takes the journal and writes it at once, on this thread; before sg_persist_start. It may hold no
 * rows to be sent. */
SG_API SG_NODISCARD int sg_persist_write_take(struct sg_persist *p, struct sg_journal *j,
                                              struct sg_error *reterr);
/* Starts the thread and hands on the rows that were not sent when the last process ended. */
SG_API SG_NODISCARD int sg_persist_start(struct sg_persist *p, struct sg_error *reterr);
/* Writes what is queued, within timeout_ms, and ends the thread. */
SG_API void sg_persist_stop(struct sg_persist *p, int64_t timeout_ms);
SG_API void sg_persist_free(struct sg_persist *p); /* accepts NULL */

/* Takes the journal (0), or leaves it (SG_EBUSY: the queue is full; one larger than the queue fits
 * when it is empty). Any thread. */
SG_API SG_NODISCARD int sg_persist_submit_take(struct sg_persist *p, struct sg_journal *j);
/* Takes it in any case and waits until it is durable: 0, SG_EBUSY, SG_EIO, SG_ETIMEOUT. Not on the
 * engine's thread or an edge's. */
SG_API SG_NODISCARD int sg_persist_submit_wait(struct sg_persist *p, struct sg_journal *j,
                                               int64_t timeout_ms, struct sg_error *reterr);

/* To wait for a journal that another thread submits: made before that, by setting its `done`. Wait
 * once; 0, or the code of `done`, or SG_ETIMEOUT. It frees the waiter. */
struct sg_persist_waiter;
SG_API struct sg_persist_waiter *sg_persist_waiter_new(struct sg_journal *j);
SG_API int sg_persist_waiter_wait_free(struct sg_persist_waiter *w, int64_t timeout_ms);

/* Reading; any thread but engine and edges, one at a time inside. Arguments are borrowed; callbacks
 * must not come back here. */
typedef void sg_persist_each(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms);
SG_API SG_NODISCARD int sg_persist_each_of(struct sg_persist *p, enum sg_table table,
                                           struct sg_str key_prefix, sg_persist_each *each,
                                           void *ctx, struct sg_error *reterr);
/* Appends the body. SG_ENOTFOUND. */
SG_API SG_NODISCARD int sg_persist_get(struct sg_persist *p, enum sg_table table, struct sg_str key,
                                       struct sg_buf *out, struct sg_error *reterr);

struct sg_persist_note {
    uint64_t offset, prev; /* prev: of the one before it, even if that is forgotten; 0: none */
    int64_t time_ms;
    struct sg_str severity, json, labels; /* labels: JSON object; may be empty */
};
/* The newest `max` notifications with from <= time < until, oldest first. */
SG_API SG_NODISCARD int sg_persist_feed(struct sg_persist *p, int64_t from_ms, int64_t until_ms,
                                        size_t max,
                                        void (*each)(void *ctx, const struct sg_persist_note *n),
                                        void *ctx, struct sg_error *reterr);

enum sg_row_state { SG_ROW_WAITING, SG_ROW_SENT, SG_ROW_DEAD };
struct sg_persist_row {
    struct sg_outbox_row row;
    enum sg_row_state state;
    int64_t changed_ms;
    struct sg_str error; /* of the last attempt */
};
/* SG_ENOTFOUND. */
SG_API SG_NODISCARD int sg_persist_row_state(struct sg_persist *p, uint64_t row,
                                             enum sg_row_state *ret, struct sg_error *reterr);
/* Rows waiting for a target, handed on or not. */
SG_API SG_NODISCARD int sg_persist_waiting(struct sg_persist *p, struct sg_str target,
                                           uint64_t *ret, struct sg_error *reterr);
/* Rows of that state, newest first, at most max. */
SG_API SG_NODISCARD int sg_persist_rows(struct sg_persist *p, enum sg_row_state state, size_t max,
                                        void (*each)(void *ctx, const struct sg_persist_row *r),
                                        void *ctx, struct sg_error *reterr);
SG_API const struct sg_persist_stats *sg_persist_get_stats(const struct sg_persist *p);

#endif
