/* persist_priv.h - what the files of this folder share. */
#ifndef SG_PERSIST_PRIV_H
#define SG_PERSIST_PRIV_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <streamgauge/persist.h>

#define SG__WINDOW SG_PERSIST_WINDOW
#define SG__WINDOW_BYTES SG_PERSIST_WINDOW_BYTES

struct sg__conn {
    sqlite3 *db;
    pthread_mutex_t lock;
};

enum sg__stmt {
    SG__STMT_SEND,
    SG__STMT_LOOK, /* state and target of a row */
    SG__STMT_MARK, /* state, time, error, attempts, next time of a row */
    SG__STMT_FEED,
    SG__STMT_NEXT, /* waiting rows of a target after an id */
    SG__STMT_OLDEST,
    SG__STMT_REVIVE,
    SG__N_STMTS
};

struct sg__held {
    uint64_t id;
    size_t bytes;
};

struct sg__target {
    char *name;
    uint64_t last;         /* id of the newest row handed on */
    struct sg__held *held; /* handed on and not marked, ascending */
    size_t n_held, cap_held, held_bytes;
    bool more;    /* rows after `last` wait in the database */
    bool touched; /* look for more after the commit */
};

struct sg__sub { /* of a browser */
    char *key, *body;
};

/* What a transaction changes; counts once it is committed. */
struct sg__change {
    int64_t waiting, sent, dead, feed;
    uint64_t feed_last, ops;
    bool rows, marks; /* some were added; some were marked */
};

struct sg_persist {
    struct sg_persist_config cfg;
    struct sg_persist_stats stats;
    char *path; /* ":memory:" or the file */
    int lock_fd;
    struct sg__conn w, file_reader, *r; /* r: file_reader, or w when in memory */
    sqlite3_stmt *stmt[SG__N_STMTS];
    sqlite3_stmt *put[SG_N_TABLES], *del[SG_N_TABLES];

    /* persist's thread only, once it runs */
    struct sg__target *targets;
    size_t n_targets, cap_targets;
    struct sg__sub *subs;
    size_t n_subs, cap_subs;
    struct sg_outbox_row **rows; /* to be handed on */
    size_t n_rows, cap_rows;
    uint64_t next_row;
    uint64_t feed_last;
    int64_t waiting, sent, dead, feed;          /* rows there are */
    struct sg_journal *first, *last, *unhanded; /* taken from the queue; rows not handed on */
    int64_t retry_us, chores_us, said_us;       /* monotonic */

    struct sg_mpsc queue;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, running;  /* under lock, as the next */
    int64_t deadline_us; /* of the stop */
    atomic_llong end_us; /* the same for who waits in SQLite; 0: not stopping */
    int64_t busy_us;     /* under w.lock: since when another process has been waited for */
    pthread_t thread;
};

/* db.c */
int sg__db_open(struct sg_persist *p, struct sg_error *reterr);
void sg__db_close(struct sg_persist *p);
/* SQLite's busy handler of the writer: 0 when another process has had the file for too long, or we
 * are to end. */
int sg__db_busy(void *persist, int n);
int sg__sql(struct sg__conn *c, const char *sql, struct sg_error *reterr);
int sg__sql_error(sqlite3 *db, const char *what, struct sg_error *reterr);
int sg__prepare(struct sg__conn *c, const char *sql, sqlite3_stmt **ret, struct sg_error *reterr);
int64_t sg__sql_number(struct sg__conn *c, const char *sql, int64_t otherwise);
void sg__bind(sqlite3_stmt *s, int i, struct sg_str text);
struct sg_str sg__text(sqlite3_stmt *s, int column);
/* The first columns of a SELECT of outbox rows, and the row they make: its texts are borrowed until
 * the statement moves on. */
#define SG__ROW_COLUMNS "id, created_ms, next_ms, attempts, idem, target, order_key, body, push"
struct sg_outbox_row sg__row(sqlite3_stmt *s);
/* Newest schema this program knows. */
#define SG__SCHEMA 1
/* Tests: as if the disk had no more than that many pages. */
void sg__db_limit_pages(struct sg_persist *p, int64_t pages);

/* apply.c, under w.lock */
int sg__apply(struct sg_persist *p, const struct sg_journal_op *op, struct sg__change *change,
              struct sg_error *reterr);

/* outbox.c */
struct sg__target *sg__target(struct sg_persist *p, struct sg_str name);
/* Ids for new rows, one row per browser, digests composed. Before the first attempt to write. */
void sg__outbox_prepare(struct sg_persist *p, struct sg_journal *j);
/* Counts what a browser subscribed. */
void sg__outbox_sub(struct sg_persist *p, struct sg_str key, struct sg_str body);
/* Collects rows: of the database, for targets with room; of a journal that cannot be written. */
void sg__outbox_load(struct sg_persist *p);
void sg__outbox_take(struct sg_persist *p, const struct sg_journal *j);
/* The transaction of all journals is done, or given up. */
void sg__outbox_settle(struct sg_persist *p, bool done);
/* Gives what is collected to the hook. */
void sg__outbox_hand(struct sg_persist *p);

/* prune.c: keeps everything within its bounds. Persist's thread, or before it starts. */
int sg__prune(struct sg_persist *p, bool all, struct sg_error *reterr);
void sg__count_rows(struct sg_persist *p);

#endif
