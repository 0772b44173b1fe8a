/* apply.c - one op of a journal as SQL. Within a transaction: what fails here is rolled back and
 * tried again later. */
#include "persist_priv.h"

#include <streamgauge/time.h>

static int step(struct sg_persist *p, sqlite3_stmt *s, struct sg_error *reterr)
{
    int rc = sqlite3_step(s);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sg__sql_error(p->w.db, "writing", reterr);
}

static int apply_put(struct sg_persist *p, const struct sg_journal_op *op, struct sg_error *reterr)
{
    sqlite3_stmt *s = p->put[op->table];
    sg__bind(s, 1, op->key);
    sg__bind(s, 2, op->body);
    sqlite3_bind_int64(s, 3, op->time_ms);
    return step(p, s, reterr);
}

static int apply_delete(struct sg_persist *p, const struct sg_journal_op *op,
                        struct sg_error *reterr)
{
    sg__bind(p->del[op->table], 1, op->key);
    return step(p, p->del[op->table], reterr);
}

static int apply_feed(struct sg_persist *p, const struct sg_journal_op *op,
                      struct sg__change *change, struct sg_error *reterr)
{
    sqlite3_stmt *s = p->stmt[SG__STMT_FEED];
    sqlite3_bind_int64(s, 1, (int64_t)op->number);
    sqlite3_bind_int64(s, 2, (int64_t)change->feed_last);
    sqlite3_bind_int64(s, 3, op->time_ms);
    sg__bind(s, 4, op->key);
    sg__bind(s, 5, op->body);
    sg__bind(s, 6, op->extra);
    change->feed_last = op->number;
    change->feed++;
    return step(p, s, reterr);
}

static int apply_send(struct sg_persist *p, const struct sg_journal_op *op,
                      struct sg__change *change, struct sg_error *reterr)
{
    sqlite3_stmt *s = p->stmt[SG__STMT_SEND];
    sqlite3_bind_int64(s, 1, (int64_t)op->number);
    sg__bind(s, 2, op->key);
    sg__bind(s, 3, op->target);
    sg__bind(s, 4, op->order_key);
    sg__bind(s, 5, op->body);
    sg__bind(s, 6, op->extra);
    sqlite3_bind_int64(s, 7, op->time_ms);
    sqlite3_bind_int64(s, 8, op->time_ms);
    change->waiting++;
    change->rows = true;
    sg__target(p, op->target)->touched = true;
    return step(p, s, reterr);
}

/* State of a row, -1: there is none (any more). */
static int look(struct sg_persist *p, uint64_t id, int *ret_state, struct sg__target **ret,
                struct sg_error *reterr)
{
    sqlite3_stmt *s = p->stmt[SG__STMT_LOOK];
    *ret_state = -1;
    sqlite3_bind_int64(s, 1, (int64_t)id);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *ret_state = sqlite3_column_int(s, 0);
        *ret = sg__target(p, sg__text(s, 1));
    }
    sqlite3_reset(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sg__sql_error(p->w.db, "reading", reterr);
}

static void recount(struct sg__change *c, int state, int by)
{
    switch (state) {
    case SG_ROW_WAITING:
        c->waiting += by;
        break;
    case SG_ROW_SENT:
        c->sent += by;
        break;
    default:
        c->dead += by;
    }
}

static int apply_mark(struct sg_persist *p, const struct sg_journal_op *op, int state,
                      struct sg__change *change, struct sg_error *reterr)
{
    struct sg__target *target;
    int was, rc = look(p, op->number, &was, &target, reterr);
    if (rc < 0)
        return rc;
    if (was < 0 || was == SG_ROW_SENT || (was == SG_ROW_DEAD && state != SG_ROW_SENT))
        return 0; /* forgotten, or told twice */
    sqlite3_stmt *s = p->stmt[SG__STMT_MARK];
    sqlite3_bind_int64(s, 1, (int64_t)op->number);
    sqlite3_bind_int(s, 2, state);
    sqlite3_bind_int64(s, 3, sg_wall_now_ms());
    sg__bind(s, 4, op->body);
    sqlite3_bind_int64(s, 5, op->attempts);
    sqlite3_bind_int64(s, 6, op->time_ms);
    recount(change, was, -1);
    recount(change, state, 1);
    change->marks = true;
    return step(p, s, reterr);
}

/* Dead rows get new ids, so that they come after what is waiting for the same target. */
static int revive_row(struct sg_persist *p, uint64_t id, struct sg__change *change,
                      struct sg_error *reterr)
{
    struct sg__target *target;
    int was, rc = look(p, id, &was, &target, reterr);
    if (rc < 0 || was != SG_ROW_DEAD)
        return rc;
    sqlite3_stmt *s = p->stmt[SG__STMT_REVIVE];
    sqlite3_bind_int64(s, 1, (int64_t)id);
    sqlite3_bind_int64(s, 2, (int64_t)p->next_row++);
    sqlite3_bind_int64(s, 3, sg_wall_now_ms());
    change->dead--;
    change->waiting++;
    target->touched = true;
    return step(p, s, reterr);
}

static int revive_all(struct sg_persist *p, struct sg__change *change, struct sg_error *reterr)
{
    sqlite3_stmt *s;
    uint64_t after = 0, last = p->next_row;
    int rc = sg__prepare(&p->w,
                         "SELECT id FROM outbox WHERE state = 2 AND id > ?1 AND id < ?2"
                         " ORDER BY id LIMIT 1",
                         &s, reterr);
    while (rc == 0) {
        sqlite3_bind_int64(s, 1, (int64_t)after);
        sqlite3_bind_int64(s, 2, (int64_t)last);
        int found = sqlite3_step(s);
        after = (uint64_t)sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
        if (found == SQLITE_DONE)
            break;
        rc = found != SQLITE_ROW ? sg__sql_error(p->w.db, "reading", reterr)
                                 : revive_row(p, after, change, reterr);
    }
    sqlite3_finalize(s);
    return rc;
}

int sg__apply(struct sg_persist *p, const struct sg_journal_op *op, struct sg__change *change,
              struct sg_error *reterr)
{
    change->ops++;
    switch (op->kind) {
    case SG_JOURNAL_PUT:
        return apply_put(p, op, reterr);
    case SG_JOURNAL_DELETE:
        return apply_delete(p, op, reterr);
    case SG_JOURNAL_FEED:
        return apply_feed(p, op, change, reterr);
    case SG_JOURNAL_SEND:
        return apply_send(p, op, change, reterr);
    case SG_JOURNAL_SENT:
        return apply_mark(p, op, SG_ROW_SENT, change, reterr);
    case SG_JOURNAL_RETRY:
        return apply_mark(p, op, SG_ROW_WAITING, change, reterr);
    case SG_JOURNAL_DEAD:
        return apply_mark(p, op, SG_ROW_DEAD, change, reterr);
    case SG_JOURNAL_REVIVE:
        return op->number ? revive_row(p, op->number, change, reterr)
                          : revive_all(p, change, reterr);
    case SG_JOURNAL_DIGEST:
        break; /* its rows follow */
    }
    return 0;
}
