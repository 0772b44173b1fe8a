/* outbox.c - which rows are handed on, and when.
 *
 * Each target has a window: so many of its rows may be in the sender's hands; further ones wait in
 * the database until some are marked. Usually rows are read back after their commit. When the disk
 * refuses, they are built from the journal instead, and the later commit finds them handed on. */
#include "persist_priv.h"

#include <stdlib.h>
#include <string.h>

#include <streamgauge/buf.h>
#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

#define MAX_KEY 65536

struct sg__target *sg__target(struct sg_persist *p, struct sg_str name)
{
    for (size_t i = 0; i < p->n_targets; i++)
        if (sg_str_eq_c(name, p->targets[i].name))
            return &p->targets[i];
    p->targets = sg_grow(p->targets, &p->cap_targets, p->n_targets + 1, sizeof(*p->targets));
    p->targets[p->n_targets] = (struct sg__target){.name = sg_str_dup(name)};
    return &p->targets[p->n_targets++];
}

/* ---- rows as notify gets them ---- */

/* In one block. */
static size_t bytes_of(const struct sg_outbox_row *row)
{
    return sizeof(*row) + row->key.n + row->target.n + row->order_key.n + row->body.n +
           row->push.n + 5;
}

static struct sg_outbox_row *copy_row(const struct sg_outbox_row *row)
{
    struct sg_outbox_row *copy = sg_alloc(bytes_of(row));
    char *at = (char *)(copy + 1);
    *copy = *row;
    copy->key = sg_str_pack(&at, row->key);
    copy->target = sg_str_pack(&at, row->target);
    copy->order_key = sg_str_pack(&at, row->order_key);
    copy->body = sg_str_pack(&at, row->body);
    copy->push = sg_str_pack(&at, row->push);
    return copy;
}

static void collect(struct sg_persist *p, struct sg__target *t, const struct sg_outbox_row *row)
{
    p->rows = sg_grow(p->rows, &p->cap_rows, p->n_rows + 1, sizeof(struct sg_outbox_row *));
    p->rows[p->n_rows++] = copy_row(row);
    t->last = row->id;
    t->held = sg_grow(t->held, &t->cap_held, t->n_held + 1, sizeof(*t->held));
    t->held[t->n_held++] = (struct sg__held){row->id, bytes_of(row)};
    t->held_bytes += bytes_of(row);
}

static bool has_room(const struct sg__target *t)
{
    return t->n_held < SG__WINDOW && t->held_bytes < SG__WINDOW_BYTES;
}

static bool half_empty(const struct sg__target *t)
{
    return t->n_held <= SG__WINDOW / 2 && t->held_bytes <= SG__WINDOW_BYTES / 2;
}

/* False: the disk did not give all of them. */
static bool load_target(struct sg_persist *p, struct sg__target *t)
{
    int rc;
    sqlite3_stmt *s = p->stmt[SG__STMT_NEXT];
    sg__bind(s, 1, sg_str_from(t->name));
    sqlite3_bind_int64(s, 2, (int64_t)t->last);
    sqlite3_bind_int64(s, 3, SG__WINDOW + 1);
    t->more = false;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (!has_room(t)) {
            t->more = true;
            break;
        }
        struct sg_outbox_row row = sg__row(s);
        collect(p, t, &row);
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    t->more = t->more || (rc != SQLITE_DONE && rc != SQLITE_ROW);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

void sg__outbox_load(struct sg_persist *p)
{
    for (size_t i = 0; i < p->n_targets; i++) {
        struct sg__target *t = &p->targets[i];
        /* A half-empty window is filled at once: fewer, larger reads. */
        bool done = true;
        if (t->touched && (!t->more || half_empty(t)))
            done = load_target(p, t);
        t->touched = !done; /* the chores come back to it */
    }
}

void sg__outbox_take(struct sg_persist *p, const struct sg_journal *j)
{
    for (const struct sg_journal_op *op = j->first; op; op = op->next) {
        if (op->kind != SG_JOURNAL_SEND)
            continue;
        struct sg__target *t = sg__target(p, op->target);
        if (t->more || !has_room(t)) {
            t->more = true; /* in order: those before it come first */
            continue;
        }
        collect(p, t,
                &(struct sg_outbox_row){.id = op->number,
                                        .created_ms = op->time_ms,
                                        .next_ms = op->time_ms,
                                        .key = op->key,
                                        .target = op->target,
                                        .order_key = op->order_key,
                                        .body = op->body,
                                        .push = op->extra});
    }
}

/* Takes a row out of the hands it is in. */
static void release(struct sg_persist *p, uint64_t id)
{
    for (size_t i = 0; i < p->n_targets; i++) {
        struct sg__target *t = &p->targets[i];
        size_t lo = 0, hi = t->n_held;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (t->held[mid].id < id)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo == t->n_held || t->held[lo].id != id)
            continue;
        t->held_bytes -= t->held[lo].bytes;
        memmove(t->held + lo, t->held + lo + 1, (--t->n_held - lo) * sizeof(*t->held));
        t->touched = t->touched || t->more;
        return;
    }
}

void sg__outbox_settle(struct sg_persist *p, bool done)
{
    for (size_t i = 0; !done && i < p->n_targets; i++)
        p->targets[i].touched = false;
    for (const struct sg_journal *j = p->first; done && j;
         j = (const struct sg_journal *)(const void *)j->node.next)
        for (const struct sg_journal_op *op = j->first; op; op = op->next)
            if (op->kind == SG_JOURNAL_SENT || op->kind == SG_JOURNAL_DEAD)
                release(p, op->number);
}

static int by_id(const void *a, const void *b)
{
    const struct sg_outbox_row *x = *(struct sg_outbox_row *const *)a;
    const struct sg_outbox_row *y = *(struct sg_outbox_row *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

void sg__outbox_hand(struct sg_persist *p)
{
    if (p->n_rows > 1) /* collected target by target */
        qsort(p->rows, p->n_rows, sizeof(struct sg_outbox_row *), by_id);
    if (p->n_rows && p->cfg.hooks.rows)
        p->cfg.hooks.rows(p->cfg.hooks.ctx, p->rows, p->n_rows);
    for (size_t i = 0; !p->cfg.hooks.rows && i < p->n_rows; i++)
        sg_free(p->rows[i]);
    p->n_rows = 0;
}

/* ---- before writing ---- */

void sg__outbox_sub(struct sg_persist *p, struct sg_str key, struct sg_str body)
{
    size_t i = 0;
    while (i < p->n_subs && !sg_str_eq_c(key, p->subs[i].key))
        i++;
    if (i < p->n_subs) {
        sg_free(p->subs[i].key);
        sg_free(p->subs[i].body);
        p->subs[i] = p->subs[--p->n_subs];
    }
    if (!body.p)
        return;
    p->subs = sg_grow(p->subs, &p->cap_subs, p->n_subs + 1, sizeof(*p->subs));
    p->subs[p->n_subs++] = (struct sg__sub){sg_str_dup(key), sg_str_dup(body)};
}

/* A new op after `at`. */
static struct sg_journal_op *insert_after(struct sg_journal *j, struct sg_journal_op *at,
                                          const struct sg_journal_op *op)
{
    struct sg_journal_op **link = j->last; /* where it is put first: at the end */
    struct sg_journal_op *added = sg_journal_add(j, op);
    if (at->next == added)
        return added;
    *link = NULL;
    j->last = link;
    added->next = at->next;
    at->next = added;
    return added;
}

/* One row for each browser: keys and order are per browser. The op itself becomes a note without
 * effect. Returns the last row. */
static struct sg_journal_op *expand_push(struct sg_persist *p, struct sg_journal *j,
                                         struct sg_journal_op *op)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf key, order;
    struct sg_journal_op *at = op;
    struct sg_str target = op->target;
    sg_buf_init(&key, MAX_KEY);
    sg_buf_init(&order, MAX_KEY);
    target.p += sizeof(SG_OUTBOX_PUSH_PREFIX) - 1;
    target.n -= sizeof(SG_OUTBOX_PUSH_PREFIX) - 1;
    for (size_t i = 0; i < p->n_subs; i++) {
        unsigned long long sub = sg_hash64_stable(p->subs[i].key, strlen(p->subs[i].key));
        sg_buf_reset(&key);
        sg_buf_reset(&order);
        sg_buf_printf(&key, "%.*s-%016llx", SG_STR_ARG(op->key), sub);
        sg_buf_printf(&order, "%.*s %016llx", SG_STR_ARG(op->order_key), sub);
        at = insert_after(j, at,
                          &(struct sg_journal_op){.kind = SG_JOURNAL_SEND,
                                                  .number = p->next_row++,
                                                  .time_ms = op->time_ms,
                                                  .key = sg_buf_str(&key),
                                                  .target = target,
                                                  .order_key = sg_buf_str(&order),
                                                  .body = op->body,
                                                  .extra = sg_str_from(p->subs[i].body)});
    }
    op->kind = SG_JOURNAL_DIGEST;
    return at;
}

static void compose(struct sg_persist *p, struct sg_journal *j, struct sg_journal_op *op)
{
    if (!p->cfg.hooks.digest)
        return;
    struct sg_journal *mails = sg_journal_new();
    p->cfg.hooks.digest(p->cfg.hooks.ctx, p, op, mails);
    sg_journal_join_take(j, mails);
}

void sg__outbox_prepare(struct sg_persist *p, struct sg_journal *j)
{
    for (struct sg_journal_op *op = j->first; op; op = op->next) {
        if (op->kind == SG_JOURNAL_DIGEST)
            compose(p, j, op); /* at the end, where this loop will come to */
        else if (op->kind == SG_JOURNAL_SEND &&
                 sg_str_starts_with(op->target, SG_STR(SG_OUTBOX_PUSH_PREFIX)))
            op = expand_push(p, j, op);
        else if (op->kind == SG_JOURNAL_SEND)
            op->number = p->next_row++;
        else if (op->kind == SG_JOURNAL_PUT && op->table == SG_TABLE_PUSH)
            sg__outbox_sub(p, op->key, op->body);
        else if (op->kind == SG_JOURNAL_DELETE && op->table == SG_TABLE_PUSH)
            sg__outbox_sub(p, op->key, (struct sg_str){NULL, 0});
    }
}
