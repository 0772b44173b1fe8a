/* read.c - looking into the database, on a connection of its own. */
#include "persist_priv.h"

#include <stdio.h>

static int finish(struct sg_persist *p, sqlite3_stmt *s, int step, struct sg_error *reterr)
{
    int rc =
        step == SQLITE_DONE || step == SQLITE_ROW ? 0 : sg__sql_error(p->r->db, "reading", reterr);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&p->r->lock);
    return rc;
}

/* Locked until finish, if it succeeds. */
static int start(struct sg_persist *p, const char *sql, sqlite3_stmt **ret, struct sg_error *reterr)
{
    pthread_mutex_lock(&p->r->lock);
    int rc = sg__prepare(p->r, sql, ret, reterr);
    if (rc < 0)
        pthread_mutex_unlock(&p->r->lock);
    return rc;
}

int sg_persist_each_of(struct sg_persist *p, enum sg_table table, struct sg_str key_prefix,
                       sg_persist_each *each, void *ctx, struct sg_error *reterr)
{
    char sql[128];
    sqlite3_stmt *s;
    snprintf(sql, sizeof(sql), "SELECT key, body, expires_ms FROM %s WHERE key >= ?1 ORDER BY key",
             sg_table_name(table));
    int rc = start(p, sql, &s, reterr);
    if (rc < 0)
        return rc;
    sg__bind(s, 1, key_prefix);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct sg_str key = sg__text(s, 0);
        if (!sg_str_starts_with(key, key_prefix))
            break;
        each(ctx, key, sg__text(s, 1), sqlite3_column_int64(s, 2));
    }
    return finish(p, s, rc, reterr);
}

int sg_persist_get(struct sg_persist *p, enum sg_table table, struct sg_str key, struct sg_buf *out,
                   struct sg_error *reterr)
{
    char sql[128];
    sqlite3_stmt *s;
    snprintf(sql, sizeof(sql), "SELECT body FROM %s WHERE key = ?1", sg_table_name(table));
    int rc = start(p, sql, &s, reterr);
    if (rc < 0)
        return rc;
    sg__bind(s, 1, key);
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW)
        sg_buf_put_str(out, sg__text(s, 0));
    rc = finish(p, s, step, reterr);
    if (rc == 0 && step != SQLITE_ROW)
        return sg_error_set(reterr, SG_ENOTFOUND, "there is no '%.*s'", SG_STR_ARG(key));
    return rc == 0 && out->failed ? sg_error_set(reterr, SG_ELIMIT, "it does not fit") : rc;
}

int sg_persist_feed(struct sg_persist *p, int64_t from_ms, int64_t until_ms, size_t max,
                    void (*each)(void *ctx, const struct sg_persist_note *n), void *ctx,
                    struct sg_error *reterr)
{
    sqlite3_stmt *s;
    int rc = start(p,
                   "SELECT * FROM (SELECT position, prev, time_ms, severity, body, labels FROM"
                   " feed WHERE time_ms >= ?1 AND time_ms < ?2 ORDER BY position DESC LIMIT ?3)"
                   " ORDER BY position",
                   &s, reterr);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(s, 1, from_ms);
    sqlite3_bind_int64(s, 2, until_ms);
    sqlite3_bind_int64(s, 3, max < INT32_MAX ? (int64_t)max : INT32_MAX);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        each(ctx, &(struct sg_persist_note){.offset = (uint64_t)sqlite3_column_int64(s, 0),
                                            .prev = (uint64_t)sqlite3_column_int64(s, 1),
                                            .time_ms = sqlite3_column_int64(s, 2),
                                            .severity = sg__text(s, 3),
                                            .json = sg__text(s, 4),
                                            .labels = sg__text(s, 5)});
    return finish(p, s, rc, reterr);
}

int sg_persist_row_state(struct sg_persist *p, uint64_t row, enum sg_row_state *ret,
                         struct sg_error *reterr)
{
    sqlite3_stmt *s;
    int rc = start(p, "SELECT state FROM outbox WHERE id = ?1", &s, reterr);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(s, 1, row <= INT64_MAX ? (int64_t)row : -1);
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW)
        *ret = (enum sg_row_state)sqlite3_column_int(s, 0);
    rc = finish(p, s, step, reterr);
    return rc == 0 && step != SQLITE_ROW
               ? sg_error_set(reterr, SG_ENOTFOUND, "there is no row %llu in the outbox",
                              (unsigned long long)row)
               : rc;
}

int sg_persist_waiting(struct sg_persist *p, struct sg_str target, uint64_t *ret,
                       struct sg_error *reterr)
{
    sqlite3_stmt *s;
    int rc = start(p, "SELECT count(*) FROM outbox WHERE state = 0 AND target = ?1", &s, reterr);
    if (rc < 0)
        return rc;
    sg__bind(s, 1, target);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *ret = (uint64_t)sqlite3_column_int64(s, 0);
    return finish(p, s, rc, reterr);
}

int sg_persist_rows(struct sg_persist *p, enum sg_row_state state, size_t max,
                    void (*each)(void *ctx, const struct sg_persist_row *r), void *ctx,
                    struct sg_error *reterr)
{
    sqlite3_stmt *s;
    int rc = start(p,
                   "SELECT " SG__ROW_COLUMNS
                   ", changed_ms, error FROM outbox WHERE state = ?1 ORDER BY id DESC LIMIT ?2",
                   &s, reterr);
    if (rc < 0)
        return rc;
    sqlite3_bind_int(s, 1, (int)state);
    sqlite3_bind_int64(s, 2, max < INT32_MAX ? (int64_t)max : INT32_MAX);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        each(ctx, &(struct sg_persist_row){.row = sg__row(s),
                                           .state = state,
                                           .changed_ms = sqlite3_column_int64(s, 9),
                                           .error = sg__text(s, 10)});
    return finish(p, s, rc, reterr);
}
