/* db.c - the file: opening, its lock, migrations, and what happens to one that is broken.
 *
 * Two connections, one that writes and one that reads, so that looking never waits for a commit.
 * In memory there is only one, and its lock is shared. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "persist_priv.h"

#define APPLICATION_ID 0x73676175 /* "sgau" */
#define CHECK_MS 5000             /* a database that takes longer to check is trusted */
#define BUSY_MS 5000
#define BUSY_LOOK_MS 10

#define KEYED(name)                                                                                \
    "CREATE TABLE " name " (key TEXT PRIMARY KEY, body TEXT NOT NULL, expires_ms INTEGER NOT "     \
    "NULL);"

/* The i-th takes a database of version i to i + 1; what has been released is never changed. */
static const char *const migrations[] = {
/* clang-format off */
#define TABLE(name, text) KEYED(text)
    SG_TABLE_MAP(TABLE)
#undef TABLE
    /* clang-format on */
    "CREATE TABLE feed (position INTEGER PRIMARY KEY, prev INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL, severity TEXT NOT NULL, body TEXT NOT NULL, labels TEXT NOT NULL);"
    "CREATE INDEX feed_time ON feed (time_ms);"
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, idem TEXT NOT NULL,"
    " target TEXT NOT NULL, order_key TEXT NOT NULL, body TEXT NOT NULL, push TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " changed_ms INTEGER NOT NULL, error TEXT NOT NULL);"
    "CREATE INDEX outbox_waiting ON outbox (target, id) WHERE state = 0;"
    "CREATE INDEX outbox_oldest ON outbox (created_ms) WHERE state = 0;"
    "CREATE INDEX outbox_done ON outbox (state, changed_ms) WHERE state > 0;",
};
_Static_assert(SG_ARRAY_LEN(migrations) == SG__SCHEMA, "a migration for every version");

static const char *const statements[SG__N_STMTS] = {
    [SG__STMT_SEND] = "INSERT OR IGNORE INTO outbox VALUES (?1,0,?2,?3,?4,?5,?6,?7,?8,0,?7,'')",
    [SG__STMT_LOOK] = "SELECT state, target FROM outbox WHERE id = ?1",
    [SG__STMT_MARK] = "UPDATE outbox SET state = ?2, changed_ms = ?3, error = ?4, attempts = ?5,"
                      " next_ms = ?6 WHERE id = ?1",
    [SG__STMT_FEED] = "INSERT OR IGNORE INTO feed VALUES (?1,?2,?3,?4,?5,?6)",
    [SG__STMT_NEXT] = "SELECT " SG__ROW_COLUMNS " FROM outbox WHERE state = 0 AND target = ?1"
                      " AND id > ?2 ORDER BY id LIMIT ?3",
    [SG__STMT_OLDEST] = "SELECT min(created_ms) FROM outbox WHERE state = 0",
    [SG__STMT_REVIVE] = "UPDATE outbox SET id = ?2, state = 0, attempts = 0, next_ms = ?3,"
                        " changed_ms = ?3, error = '' WHERE id = ?1 AND state = 2",
};

/* ---- small helpers ---- */

int sg__sql_error(sqlite3 *db, const char *what, struct sg_error *reterr)
{
    return sg_error_set(reterr, SG_EIO, "%s: %s", what, sqlite3_errmsg(db));
}

int sg__sql(struct sg__conn *c, const char *sql, struct sg_error *reterr)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : sg__sql_error(c->db, "the database", reterr);
}

int sg__prepare(struct sg__conn *c, const char *sql, sqlite3_stmt **ret, struct sg_error *reterr)
{
    if (sqlite3_prepare_v2(c->db, sql, -1, ret, NULL) == SQLITE_OK)
        return 0;
    *ret = NULL;
    return sg__sql_error(c->db, "the database", reterr);
}

int64_t sg__sql_number(struct sg__conn *c, const char *sql, int64_t otherwise)
{
    sqlite3_stmt *s;
    int64_t n = otherwise;
    if (sg__prepare(c, sql, &s, NULL) < 0)
        return n;
    if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

/* Borrows text until the statement is reset. */
void sg__bind(sqlite3_stmt *s, int i, struct sg_str text)
{
    sqlite3_bind_text64(s, i, text.n ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
}

struct sg_str sg__text(sqlite3_stmt *s, int column)
{
    const char *p = (const char *)sqlite3_column_text(s, column);
    return sg_str_make(p ? p : "", (size_t)sqlite3_column_bytes(s, column));
}

struct sg_outbox_row sg__row(sqlite3_stmt *s)
{
    return (struct sg_outbox_row){.id = (uint64_t)sqlite3_column_int64(s, 0),
                                  .created_ms = sqlite3_column_int64(s, 1),
                                  .next_ms = sqlite3_column_int64(s, 2),
                                  .attempts = (uint32_t)sqlite3_column_int64(s, 3),
                                  .key = sg__text(s, 4),
                                  .target = sg__text(s, 5),
                                  .order_key = sg__text(s, 6),
                                  .body = sg__text(s, 7),
                                  .push = sg__text(s, 8)};
}

/* ---- opening ---- */

static int lock_folder(struct sg_persist *p, struct sg_error *reterr)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/lock", p->cfg.folder);
    p->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->lock_fd < 0)
        return sg_error_set(reterr, SG_EIO, "cannot open '%s': %s", path, strerror(errno));
    if (flock(p->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return sg_error_set(reterr, SG_EIO, "'%s' is in use by another process", p->cfg.folder);
}

/* SQLite gives -wal and -shm the mode of the file, so it is made first. */
static int make_file(const char *path, struct sg_error *reterr)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0) {
        int rc = sg_error_set(reterr, SG_EIO, "cannot open '%s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    close(fd);
    return 0;
}

static int open_conn(struct sg__conn *c, const char *path, struct sg_error *reterr)
{
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(path, &c->db, flags, NULL) != SQLITE_OK)
        return sg__sql_error(c->db, path, reterr);
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, BUSY_MS);
    return 0;
}

int sg__db_busy(void *persist, int n)
{
    struct sg_persist *p = persist;
    int64_t now = sg_mono_now_us(), end = atomic_load_explicit(&p->end_us, memory_order_relaxed);
    if (n == 0)
        p->busy_us = now;
    if (now - p->busy_us >= BUSY_MS * INT64_C(1000) || (end && now >= end))
        return 0;
    (void)nanosleep(&(struct timespec){.tv_nsec = BUSY_LOOK_MS * 1000000L}, NULL);
    return 1;
}

static int past_deadline(void *deadline)
{
    return sg_mono_now_us() > *(const int64_t *)deadline;
}

static bool broken_code(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

/* 1: broken; 0: not, as far as time allowed to look; else an error. */
static int check(struct sg__conn *c, struct sg_error *reterr)
{
    int64_t deadline = sg_mono_now_us() + CHECK_MS * INT64_C(1000);
    sqlite3_stmt *s;
    int rc = sqlite3_prepare_v2(c->db, "PRAGMA quick_check(1)", -1, &s, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_progress_handler(c->db, 10000, past_deadline, &deadline);
        rc = sqlite3_step(s);
        bool good = rc == SQLITE_ROW && sg_str_eq_c(sg__text(s, 0), "ok");
        sqlite3_progress_handler(c->db, 0, NULL, NULL);
        sqlite3_finalize(s);
        if (rc == SQLITE_ROW)
            return good ? 0 : 1;
    }
    if (rc == SQLITE_INTERRUPT)
        return 0;
    return broken_code(rc) ? 1 : sg__sql_error(c->db, "the database", reterr);
}

static int migrate(struct sg__conn *c, const char *path, struct sg_error *reterr)
{
    int64_t version = sg__sql_number(c, "PRAGMA user_version", 0);
    int64_t owner = sg__sql_number(c, "PRAGMA application_id", 0);
    if (owner != 0 && owner != APPLICATION_ID)
        return sg_error_set(reterr, SG_EUNSUPPORTED, "'%s' is another program's database", path);
    if (version > SG__SCHEMA)
        return sg_error_set(reterr, SG_EUNSUPPORTED,
                            "'%s' was written by a newer version (schema %lld, this one knows %d)",
                            path, (long long)version, SG__SCHEMA);
    for (; version < SG__SCHEMA; version++) {
        char done[128];
        snprintf(done, sizeof(done), "PRAGMA application_id = %d; PRAGMA user_version = %lld;",
                 APPLICATION_ID, (long long)version + 1);
        int rc = version == 0 ? sg__sql(c, "PRAGMA auto_vacuum = INCREMENTAL", reterr) : 0;
        if (rc == 0)
            rc = sg__sql(c, "BEGIN IMMEDIATE", reterr);
        if (rc == 0)
            rc = sg__sql(c, migrations[version], reterr);
        if (rc == 0)
            rc = sg__sql(c, done, reterr);
        if (rc == 0)
            rc = sg__sql(c, "COMMIT", reterr);
        if (rc < 0) {
            (void)sg__sql(c, "ROLLBACK", NULL);
            return rc;
        }
    }
    return 0;
}

static void move_aside(const char *path)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char from[4096], to[4096];
    long long now = (long long)sg_wall_now_ms() / 1000;
    for (size_t i = 0; i < SG_ARRAY_LEN(parts); i++) {
        snprintf(from, sizeof(from), "%s%s", path, parts[i]);
        snprintf(to, sizeof(to), "%s.corrupt-%lld%s", path, now, parts[i]);
        if (rename(from, to) == 0 && i == 0)
            SG_LOG(ERROR, "persist", "the database is corrupt: set aside, a new one is begun",
                   "kept=\"%s\"", to);
    }
}

static int open_writer(struct sg_persist *p, struct sg_error *reterr)
{
    static const char *const settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                        "PRAGMA journal_size_limit = 16777216;"
                                        "PRAGMA trusted_schema = OFF;";
    bool file = p->cfg.folder;
    for (int attempt = 0;; attempt++) {
        int rc = file ? make_file(p->path, reterr) : 0;
        if (rc == 0)
            rc = open_conn(&p->w, p->path, reterr);
        if (rc == 0)
            sqlite3_busy_handler(p->w.db, sg__db_busy, p);
        int bad = rc == 0 && file ? check(&p->w, reterr) : rc;
        if (bad <= 0)
            rc = bad;
        if (bad == 1 && attempt == 0) {
            sqlite3_close(p->w.db);
            p->w.db = NULL;
            move_aside(p->path);
            continue;
        }
        if (bad == 1)
            rc = sg_error_set(reterr, SG_EIO, "'%s' is corrupt and cannot be set aside", p->path);
        if (rc == 0)
            rc = migrate(&p->w, p->path, reterr);
        return rc < 0 ? rc : sg__sql(&p->w, settings, reterr);
    }
}

static int prepare_all(struct sg_persist *p, struct sg_error *reterr)
{
    int rc = 0;
    for (int i = 0; i < SG__N_STMTS && rc == 0; i++)
        rc = sg__prepare(&p->w, statements[i], &p->stmt[i], reterr);
    for (int i = 0; i < SG_N_TABLES && rc == 0; i++) {
        char sql[128];
        const char *table = sg_table_name((enum sg_table)i);
        snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO %s VALUES (?1,?2,?3)", table);
        rc = sg__prepare(&p->w, sql, &p->put[i], reterr);
        snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE key = ?1", table);
        if (rc == 0)
            rc = sg__prepare(&p->w, sql, &p->del[i], reterr);
    }
    return rc;
}

int sg__db_open(struct sg_persist *p, struct sg_error *reterr)
{
    char path[4096] = ":memory:";
    pthread_mutex_init(&p->w.lock, NULL);
    pthread_mutex_init(&p->file_reader.lock, NULL);
    p->r = p->cfg.folder ? &p->file_reader : &p->w;
    if (p->cfg.folder &&
        snprintf(path, sizeof(path), "%s/streamgauge.db", p->cfg.folder) >= (int)sizeof(path) - 32)
        return sg_error_set(reterr, SG_EINVALID, "the data folder's path is too long");
    p->path = sg_strdup(path);
    int rc = p->cfg.folder ? lock_folder(p, reterr) : 0;
    if (rc == 0)
        rc = open_writer(p, reterr);
    if (rc == 0)
        rc = prepare_all(p, reterr);
    if (rc == 0 && p->r == &p->file_reader)
        rc = open_conn(p->r, p->path, reterr);
    if (rc == 0 && p->r == &p->file_reader)
        rc = sg__sql(p->r, "PRAGMA query_only = ON", reterr);
    return rc;
}

void sg__db_close(struct sg_persist *p)
{
    for (int i = 0; i < SG__N_STMTS; i++)
        sqlite3_finalize(p->stmt[i]);
    for (int i = 0; i < SG_N_TABLES; i++) {
        sqlite3_finalize(p->put[i]);
        sqlite3_finalize(p->del[i]);
    }
    sqlite3_close(p->file_reader.db);
    sqlite3_close(p->w.db); /* the last one takes -wal and -shm away */
    pthread_mutex_destroy(&p->w.lock);
    pthread_mutex_destroy(&p->file_reader.lock);
    if (p->lock_fd >= 0)
        close(p->lock_fd);
    sg_free(p->path);
}

void sg__db_limit_pages(struct sg_persist *p, int64_t pages)
{
    char sql[64];
    pthread_mutex_lock(&p->w.lock);
    if (pages < 0)
        pages = sg__sql_number(&p->w, "PRAGMA page_count", 1);
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld", (long long)pages);
    (void)sg__sql(&p->w, sql, NULL);
    pthread_mutex_unlock(&p->w.lock);
}
