/* persist.c - the writing thread: takes journals from the queue, commits them together, hands rows
 * on, and goes on while the disk refuses.
 *
 * Happy path: a journal comes, is committed with whatever else has come meanwhile, its rows are
 * handed on, `done` is called. When a commit fails it is rolled back; the journals stay in order in
 * memory, their rows are handed on unwritten, `health` tells it once, and every second the whole is
 * tried again. Further journals queue up behind until queue_bytes are in use. */
#include <string.h>

#include <streamgauge/fault.h>
#include <streamgauge/log.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "persist_priv.h"

#define RETRY_US 1000000
#define CHORES_US 60000000
#define SAY_US 60000000 /* the log repeats a failure that often */
/* Beyond their maximum that many rows may gather before the next chores. */
#define SLACK 1000

#define STAT_ADD(p, field, n)                                                                      \
    atomic_fetch_add_explicit(&(p)->stats.field, (unsigned long long)(n), memory_order_relaxed)

void sg_persist_config_default(struct sg_persist_config *cfg)
{
    *cfg = (struct sg_persist_config){.queue_bytes = (size_t)64 << 20,
                                      .max_rows = 100000,
                                      .max_dead = 10000,
                                      .max_feed = 1000,
                                      .keep_ms = 7 * SG_MS_PER_DAY};
}

/* ---- counts ---- */

static void publish_counts(struct sg_persist *p, bool oldest)
{
    atomic_store_explicit(&p->stats.outbox, (unsigned long long)p->waiting, memory_order_relaxed);
    atomic_store_explicit(&p->stats.dead, (unsigned long long)p->dead, memory_order_relaxed);
    if (!oldest)
        return;
    sqlite3_stmt *s = p->stmt[SG__STMT_OLDEST];
    if (sqlite3_step(s) == SQLITE_ROW)
        atomic_store_explicit(&p->stats.oldest_ms, sqlite3_column_int64(s, 0),
                              memory_order_relaxed);
    sqlite3_reset(s);
}

static void publish_waiting(struct sg_persist *p)
{
    atomic_store_explicit(&p->stats.waiting_bytes,
                          atomic_load_explicit(&p->queue.weight, memory_order_relaxed),
                          memory_order_relaxed);
}

/* ---- failing and being well ---- */

static void fail(struct sg_persist *p, const struct sg_error *err)
{
    int64_t now = sg_mono_now_us();
    bool was = atomic_exchange(&p->stats.failing, true);
    STAT_ADD(p, failures, 1);
    p->retry_us = now + RETRY_US;
    if (!was || now >= p->said_us) {
        p->said_us = now + SAY_US;
        SG_LOG(ERROR, "persist", "cannot write; going on in memory and trying again",
               "reason=\"%s\" file=\"%s\"", err->text, p->path);
    }
    if (!was && p->cfg.hooks.health)
        p->cfg.hooks.health(p->cfg.hooks.ctx, err->text);
}

static void be_well(struct sg_persist *p)
{
    if (!atomic_exchange(&p->stats.failing, false))
        return;
    SG_LOG(INFO, "persist", "writing works again", "file=\"%s\"", p->path);
    if (p->cfg.hooks.health)
        p->cfg.hooks.health(p->cfg.hooks.ctx, NULL);
}

/* ---- a transaction ---- */

static int write_all(struct sg_persist *p, struct sg__change *change, struct sg_error *reterr)
{
    int rc = sg__sql(&p->w, "BEGIN IMMEDIATE", reterr);
    if (rc < 0)
        return rc;
    for (struct sg_journal *j = p->first; j && rc == 0;
         j = (struct sg_journal *)(void *)j->node.next)
        for (const struct sg_journal_op *op = j->first; op && rc == 0; op = op->next)
            rc = sg__apply(p, op, change, reterr);
    if (rc == 0)
        rc = sg__sql(&p->w, "COMMIT", reterr);
    if (rc < 0)
        (void)sg__sql(&p->w, "ROLLBACK", NULL);
    return rc;
}

static void free_journals(struct sg_persist *p, int rc)
{
    for (struct sg_journal *j = p->first, *next; j; j = next) {
        next = (struct sg_journal *)(void *)j->node.next;
        sg_mpsc_done(&p->queue, j->node.weight);
        if (j->done)
            j->done(j->done_ctx, rc);
        sg_journal_free(j);
    }
    p->first = p->last = p->unhanded = NULL;
    publish_waiting(p);
}

/* What came after the end of the thread. */
static void free_late(struct sg_persist *p)
{
    for (struct sg_mpsc_node *n = sg_mpsc_take(&p->queue), *next; n; n = next) {
        next = n->next;
        n->next = p->first ? &p->first->node : NULL;
        p->first = SG_CONTAINER_OF(n, struct sg_journal, node);
    }
    free_journals(p, SG_EIO);
}

static void settle(struct sg_persist *p, const struct sg__change *c)
{
    p->waiting += c->waiting;
    p->sent += c->sent;
    p->dead += c->dead;
    p->feed += c->feed;
    p->feed_last = c->feed_last;
    STAT_ADD(p, commits, 1);
    STAT_ADD(p, ops, c->ops);
}

static bool overfull(const struct sg_persist *p)
{
    const struct sg_persist_config *c = &p->cfg;
    return p->waiting > (int64_t)c->max_rows || p->sent > (int64_t)c->max_dead + SLACK ||
           p->dead > (int64_t)c->max_dead + SLACK || p->feed > (int64_t)c->max_feed + SLACK;
}

/* What waits, as one transaction. */
static void commit(struct sg_persist *p)
{
    struct sg__change change = {.feed_last = p->feed_last};
    struct sg_error err = {0};
    pthread_mutex_lock(&p->w.lock);
    int rc = write_all(p, &change, &err);
    sg__outbox_settle(p, rc == 0);
    if (rc == 0) {
        if (change.marks)
            SG_FAULT("row-marked");
        if (change.rows)
            SG_FAULT("row-written");
        settle(p, &change);
        sg__outbox_load(p);
        if (overfull(p))
            (void)sg__prune(p, false, NULL);
        publish_counts(p, true);
    }
    pthread_mutex_unlock(&p->w.lock);
    if (rc < 0) {
        fail(p, &err);
        return;
    }
    free_journals(p, 0);
    sg__outbox_hand(p);
    be_well(p);
}

/* Rows go out though they are not written. */
static void hand_unwritten(struct sg_persist *p)
{
    for (; p->unhanded; p->unhanded = (struct sg_journal *)(void *)p->unhanded->node.next)
        sg__outbox_take(p, p->unhanded);
    sg__outbox_hand(p);
}

/* ---- the thread ---- */

static void take_queue(struct sg_persist *p)
{
    struct sg_mpsc_node *n = sg_mpsc_take(&p->queue);
    for (struct sg_mpsc_node *next; n; n = next) {
        struct sg_journal *j = SG_CONTAINER_OF(n, struct sg_journal, node);
        next = n->next;
        n->next = NULL;
        sg__outbox_prepare(p, j);
        if (p->last)
            p->last->node.next = n;
        else
            p->first = j;
        p->last = j;
        if (!p->unhanded)
            p->unhanded = j;
    }
    publish_waiting(p);
}

static void chores(struct sg_persist *p)
{
    struct sg_error err = {0};
    p->chores_us = sg_mono_now_us() + CHORES_US;
    if (atomic_load(&p->stats.failing))
        return;
    pthread_mutex_lock(&p->w.lock);
    if (sg__prune(p, true, &err) < 0)
        SG_LOG(WARN, "persist", "cannot tidy up, later again", "reason=\"%s\"", err.text);
    publish_counts(p, true);
    sg__outbox_load(p);
    pthread_mutex_unlock(&p->w.lock);
    sg__outbox_hand(p);
}

/* Until there is something to do. True: it is to stop. */
static bool wait_for_work(struct sg_persist *p)
{
    bool retrying = p->first && atomic_load(&p->stats.failing);
    int64_t until = retrying && p->retry_us < p->chores_us ? p->retry_us : p->chores_us;
    struct timespec t = sg_timespec_us(until);
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->stop && sg_mpsc_empty(&p->queue) && rc == 0)
        rc = pthread_cond_timedwait(&p->wake, &p->lock, &t);
    bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

static void *run(void *arg)
{
    struct sg_persist *p = arg;
    for (;;) {
        bool stop = wait_for_work(p);
        take_queue(p);
        int64_t now = sg_mono_now_us();
        if (p->first && (stop || !atomic_load(&p->stats.failing) || now >= p->retry_us))
            commit(p);
        if (p->unhanded)
            hand_unwritten(p);
        if (now >= p->chores_us)
            chores(p);
        if (stop && sg_mpsc_empty(&p->queue) && (!p->first || now >= p->deadline_us))
            break;
        if (stop && p->first)
            (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return NULL;
}

/* ---- life ---- */

static void load_sub(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    (void)expires_ms;
    sg__outbox_sub(ctx, key, body);
}

static int load(struct sg_persist *p, struct sg_error *reterr)
{
    sg__count_rows(p);
    p->next_row = (uint64_t)sg__sql_number(&p->w, "SELECT max(id) FROM outbox", 0) + 1;
    p->feed_last = (uint64_t)sg__sql_number(&p->w, "SELECT max(position) FROM feed", 0);
    publish_counts(p, true);
    return sg_persist_each_of(p, SG_TABLE_PUSH, SG_STR(""), load_sub, p, reterr);
}

int sg_persist_open(const struct sg_persist_config *cfg, struct sg_persist **ret,
                    struct sg_error *reterr)
{
    struct sg_persist *p = sg_calloc(1, sizeof(*p));
    pthread_condattr_t monotonic;
    p->cfg = *cfg;
    p->lock_fd = -1;
    p->chores_us = sg_mono_now_us() + CHORES_US;
    sg_mpsc_init(&p->queue, cfg->queue_bytes);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = sg__db_open(p, reterr);
    if (rc == 0)
        rc = sg__prune(p, true, reterr);
    if (rc == 0)
        rc = load(p, reterr);
    if (rc < 0) {
        sg_persist_free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

int sg_persist_write_take(struct sg_persist *p, struct sg_journal *j, struct sg_error *reterr)
{
    struct sg__change change = {.feed_last = p->feed_last};
    SG_ASSERT(!p->running && !p->first);
    j->node.next = NULL;
    p->first = j;
    int rc = write_all(p, &change, reterr);
    p->first = NULL;
    if (rc == 0) {
        settle(p, &change);
        publish_counts(p, true);
    }
    sg_journal_free(j);
    return rc;
}

/* Rows an earlier process left. */
static void hand_left(struct sg_persist *p)
{
    sqlite3_stmt *s;
    if (sg__prepare(&p->w, "SELECT DISTINCT target FROM outbox WHERE state = 0", &s, NULL) < 0)
        return;
    while (sqlite3_step(s) == SQLITE_ROW)
        sg__target(p, sg__text(s, 0))->touched = true;
    sqlite3_finalize(s);
    sg__outbox_load(p);
    sg__outbox_hand(p);
}

int sg_persist_start(struct sg_persist *p, struct sg_error *reterr)
{
    hand_left(p);
    int rc = pthread_create(&p->thread, NULL, run, p);
    if (rc != 0)
        return sg_error_set(reterr, SG_EIO, "cannot start the persist thread: %s", strerror(rc));
    pthread_setname_np(p->thread, "persist");
    p->running = true;
    return 0;
}

void sg_persist_stop(struct sg_persist *p, int64_t timeout_ms)
{
    if (!p->running)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    p->deadline_us = sg_mono_now_us() + timeout_ms * 1000;
    atomic_store_explicit(&p->end_us, p->deadline_us, memory_order_relaxed);
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    p->running = false;
    if (p->first)
        SG_LOG(ERROR, "persist", "what was not written is lost", "bytes=%zu",
               atomic_load(&p->queue.weight));
    free_journals(p, SG_EIO);
}

void sg_persist_free(struct sg_persist *p)
{
    if (!p)
        return;
    sg_persist_stop(p, 0);
    free_late(p);
    sg__db_close(p);
    for (size_t i = 0; i < p->n_targets; i++) {
        sg_free(p->targets[i].name);
        sg_free(p->targets[i].held);
    }
    for (size_t i = 0; i < p->n_subs; i++) {
        sg_free(p->subs[i].key);
        sg_free(p->subs[i].body);
    }
    for (size_t i = 0; i < p->n_rows; i++)
        sg_free(p->rows[i]);
    sg_free(p->targets);
    sg_free(p->subs);
    sg_free(p->rows);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    sg_free(p);
}

/* ---- handing in ---- */

int sg_persist_submit_take(struct sg_persist *p, struct sg_journal *j)
{
    bool was_empty;
    /* One that is larger than the queue has it for itself: a hundred thousand alerts of one tick
     * must not be lost on a disk that is well. */
    size_t weight = j->bytes < p->cfg.queue_bytes ? j->bytes : p->cfg.queue_bytes;
    if (sg_mpsc_push(&p->queue, &j->node, weight, &was_empty) < 0) {
        STAT_ADD(p, refused, 1);
        return SG_EBUSY;
    }
    if (was_empty) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_signal(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
    return 0;
}

/* Shared by the journal and who waits for it. */
struct sg_persist_waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    int refs, rc;
    bool is_done;
};

/* Gives the lock back too. */
static void waiter_unref(struct sg_persist_waiter *w)
{
    bool last = --w->refs == 0;
    pthread_mutex_unlock(&w->lock);
    if (!last)
        return;
    pthread_cond_destroy(&w->done);
    pthread_mutex_destroy(&w->lock);
    sg_free(w);
}

static void on_done(void *ctx, int rc)
{
    struct sg_persist_waiter *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->rc = rc;
    w->is_done = true;
    pthread_cond_signal(&w->done);
    waiter_unref(w);
}

struct sg_persist_waiter *sg_persist_waiter_new(struct sg_journal *j)
{
    struct sg_persist_waiter *w = sg_calloc(1, sizeof(*w));
    pthread_condattr_t monotonic;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    w->refs = 2;
    SG_ASSERT(!j->done);
    j->done = on_done;
    j->done_ctx = w;
    return w;
}

int sg_persist_waiter_wait_free(struct sg_persist_waiter *w, int64_t timeout_ms)
{
    struct timespec t = sg_timespec_us(sg_mono_now_us() + timeout_ms * 1000);
    int rc = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->is_done && rc == 0)
        rc = pthread_cond_timedwait(&w->done, &w->lock, &t);
    rc = w->is_done ? w->rc : SG_ETIMEOUT;
    waiter_unref(w);
    return rc;
}

int sg_persist_submit_wait(struct sg_persist *p, struct sg_journal *j, int64_t timeout_ms,
                           struct sg_error *reterr)
{
    struct sg_persist_waiter *w = sg_persist_waiter_new(j);
    if (sg_persist_submit_take(p, j) < 0) {
        sg_journal_free(j);
        on_done(w, SG_EBUSY);
    }
    int rc = sg_persist_waiter_wait_free(w, timeout_ms);
    return rc == 0          ? 0
           : rc == SG_EBUSY ? sg_error_set(reterr, SG_EBUSY, "too much waits to be written")
           : rc == SG_EIO   ? sg_error_set(reterr, SG_EIO, "it could not be written")
                            : sg_error_set(reterr, (enum sg_errc)rc,
                                           "it is not written yet, and will be when the disk takes "
                                             "it");
}

const struct sg_persist_stats *sg_persist_get_stats(const struct sg_persist *p)
{
    return &p->stats;
}
