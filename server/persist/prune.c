/* prune.c - bounds: of age, and of number. */
#include "persist_priv.h"

#include <stdio.h>

#include <streamgauge/time.h>

/* Deleted in one go, so that no commit takes long. */
#define PIECE 10000

static int64_t above(int64_t n, uint64_t max)
{
    return n > (int64_t)max ? n - (int64_t)max : 0;
}

/* Runs sql with two numbers; *count goes down by what it deleted. */
static int delete (struct sg_persist *p, const char *sql, const int64_t args[2], int64_t *count,
                   struct sg_error *reterr)
{
    sqlite3_stmt *s;
    int rc = sg__prepare(&p->w, sql, &s, reterr);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(s, 1, args[0]);
    sqlite3_bind_int64(s, 2, args[1]);
    rc = sqlite3_step(s) == SQLITE_DONE ? 0 : sg__sql_error(p->w.db, "pruning", reterr);
    if (rc == 0)
        *count -= sqlite3_changes(p->w.db);
    sqlite3_finalize(s);
    return rc;
}

static int prune_done(struct sg_persist *p, int state, int64_t *count, struct sg_error *reterr)
{
    char sql[160];
    int64_t old_ms = sg_wall_now_ms() - p->cfg.keep_ms;
    snprintf(sql, sizeof(sql),
             "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state = %d AND"
             " changed_ms < ?1 LIMIT ?2)",
             state);
    int rc = delete (p, sql, (const int64_t[]){old_ms, PIECE}, count, reterr);
    int64_t most = above(*count, p->cfg.max_dead);
    if (rc < 0 || !most)
        return rc;
    snprintf(sql, sizeof(sql),
             "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state = %d"
             " ORDER BY changed_ms LIMIT min(?1, ?2))",
             state);
    return delete (p, sql, (const int64_t[]){most, PIECE}, count, reterr);
}

/* The newest one stays: it tells what came before the next one. */
static int prune_feed(struct sg_persist *p, struct sg_error *reterr)
{
    int64_t old_ms = sg_wall_now_ms() - p->cfg.keep_ms;
    int rc = delete (p,
                     "DELETE FROM feed WHERE time_ms < ?1 AND position < (SELECT max(position) FROM"
                     " feed) AND ?2",
                     (const int64_t[]){old_ms, 1}, &p->feed, reterr);
    int64_t most = above(p->feed, p->cfg.max_feed);
    if (rc < 0 || !most)
        return rc;
    return delete (p,
                   "DELETE FROM feed WHERE position IN (SELECT position FROM feed ORDER BY position"
                   " LIMIT min(?1, ?2))",
                   (const int64_t[]){most, PIECE}, &p->feed, reterr);
}

static int prune_waiting(struct sg_persist *p, struct sg_error *reterr)
{
    int64_t most = above(p->waiting, p->cfg.max_rows), n = 0;
    if (!most)
        return 0;
    int rc = delete (p,
                     "UPDATE outbox SET state = 2, error = 'too many were waiting', changed_ms = ?2"
                     " WHERE id IN (SELECT id FROM outbox WHERE state = 0 ORDER BY id LIMIT ?1)",
                     (const int64_t[]){most, sg_wall_now_ms()}, &n, reterr);
    p->waiting += n;
    p->dead -= n;
    if (n && p->cfg.hooks.given_up)
        p->cfg.hooks.given_up(p->cfg.hooks.ctx, (uint64_t)-n);
    return rc;
}

static int prune_tables(struct sg_persist *p, struct sg_error *reterr)
{
    int rc = 0;
    for (int i = 0; i < SG_N_TABLES && rc == 0; i++) {
        char sql[128];
        int64_t ignored = 0;
        snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE expires_ms > 0 AND expires_ms < ?1 AND ?2",
                 sg_table_name((enum sg_table)i));
        rc = delete (p, sql, (const int64_t[]){sg_wall_now_ms(), 1}, &ignored, reterr);
    }
    return rc;
}

void sg__count_rows(struct sg_persist *p)
{
    p->waiting = sg__sql_number(&p->w, "SELECT count(*) FROM outbox WHERE state = 0", 0);
    p->sent = sg__sql_number(&p->w, "SELECT count(*) FROM outbox WHERE state = 1", 0);
    p->dead = sg__sql_number(&p->w, "SELECT count(*) FROM outbox WHERE state = 2", 0);
    p->feed = sg__sql_number(&p->w, "SELECT count(*) FROM feed", 0);
}

int sg__prune(struct sg_persist *p, bool all, struct sg_error *reterr)
{
    int rc = sg__sql(&p->w, "BEGIN IMMEDIATE", reterr);
    if (rc < 0)
        return rc;
    rc = prune_waiting(p, reterr);
    if (rc == 0)
        rc = prune_done(p, SG_ROW_SENT, &p->sent, reterr);
    if (rc == 0)
        rc = prune_done(p, SG_ROW_DEAD, &p->dead, reterr);
    if (rc == 0)
        rc = prune_feed(p, reterr);
    if (rc == 0 && all)
        rc = prune_tables(p, reterr);
    if (rc == 0)
        rc = sg__sql(&p->w, "COMMIT", reterr);
    if (rc < 0) {
        (void)sg__sql(&p->w, "ROLLBACK", NULL);
        sg__count_rows(p);
        return rc;
    }
    return all ? sg__sql(&p->w, "PRAGMA incremental_vacuum(1000)", reterr) : 0;
}
