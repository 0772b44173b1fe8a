/* Persist: what is committed is there after a restart, rows are handed on in order and within a
 * window, a refusing disk is survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "persist/persist_priv.h"

#define WAIT_MS 60000 /* only so that a failure ends */
#define MAX_ROWS 4096

struct rig {
    char folder[64];
    struct sg_persist *p;
    struct sg_persist_config cfg;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct sg_outbox_row *rows[MAX_ROWS]; /* handed on, under lock, as the rest */
    size_t n_rows;
    char health[128]; /* the last text; "" when well */
    unsigned health_calls;
    uint64_t given_up;
};

static void on_rows(void *ctx, struct sg_outbox_row **rows, size_t n)
{
    struct rig *r = ctx;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < n; i++) {
        assert_true(r->n_rows < MAX_ROWS);
        r->rows[r->n_rows++] = rows[i];
    }
    pthread_cond_broadcast(&r->news);
    pthread_mutex_unlock(&r->lock);
}

static void on_health(void *ctx, const char *text)
{
    struct rig *r = ctx;
    pthread_mutex_lock(&r->lock);
    snprintf(r->health, sizeof(r->health), "%s", text ? text : "");
    r->health_calls++;
    pthread_cond_broadcast(&r->news);
    pthread_mutex_unlock(&r->lock);
}

static void on_given_up(void *ctx, uint64_t n)
{
    struct rig *r = ctx;
    pthread_mutex_lock(&r->lock);
    r->given_up += n;
    pthread_mutex_unlock(&r->lock);
}

static void start(struct rig *r)
{
    struct sg_error err = {0};
    r->cfg.hooks.rows = on_rows;
    r->cfg.hooks.health = on_health;
    r->cfg.hooks.given_up = on_given_up;
    r->cfg.hooks.ctx = r;
    if (sg_persist_open(&r->cfg, &r->p, &err) < 0 || sg_persist_start(r->p, &err) < 0)
        fail_msg("%s", err.text);
}

static void end(struct rig *r)
{
    sg_persist_stop(r->p, 1000);
    sg_persist_free(r->p);
    r->p = NULL;
    for (size_t i = 0; i < r->n_rows; i++)
        sg_free(r->rows[i]);
    r->n_rows = 0;
}

static int setup(void **state)
{
    struct rig *r = sg_calloc(1, sizeof(*r));
    snprintf(r->folder, sizeof(r->folder), "/tmp/sg-persist-XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->news, NULL);
    sg_persist_config_default(&r->cfg);
    r->cfg.folder = r->folder;
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    char command[96];
    if (r->p)
        end(r);
    snprintf(command, sizeof(command), "rm -rf %s", r->folder);
    assert_int_equal(system(command), 0);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->news);
    sg_free(r);
    return 0;
}

static void wait_rows(struct rig *r, size_t n)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    while (r->n_rows < n && rc == 0)
        rc = pthread_cond_timedwait(&r->news, &r->lock, &until);
    size_t have = r->n_rows;
    pthread_mutex_unlock(&r->lock);
    assert_int_equal(have, n);
}

static void wait_health(struct rig *r, bool failing)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS / 1000;
    int rc = 0;
    pthread_mutex_lock(&r->lock);
    while ((r->health[0] != 0) != failing && rc == 0)
        rc = pthread_cond_timedwait(&r->news, &r->lock, &until);
    assert_int_equal(r->health[0] != 0, failing);
    pthread_mutex_unlock(&r->lock);
}

static void write_now(struct rig *r, struct sg_journal *j)
{
    struct sg_error err = {0};
    if (sg_persist_submit_wait(r->p, j, WAIT_MS, &err) < 0)
        fail_msg("%s", err.text);
}

static void put(struct rig *r, enum sg_table table, const char *key, const char *body)
{
    struct sg_journal *j = sg_journal_new();
    sg_journal_put(j, table, sg_str_from(key), sg_str_from(body), 0);
    write_now(r, j);
}

static void add_send(struct sg_journal *j, const char *target, const char *key, const char *body)
{
    sg_journal_add(j, &(struct sg_journal_op){.kind = SG_JOURNAL_SEND,
                                              .key = sg_str_from(key),
                                              .target = sg_str_from(target),
                                              .order_key = SG_STR("g"),
                                              .body = sg_str_from(body),
                                              .time_ms = sg_wall_now_ms()});
}

static void send_n(struct rig *r, const char *target, size_t n)
{
    struct sg_journal *j = sg_journal_new();
    for (size_t i = 0; i < n; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%zu", i);
        add_send(j, target, key, "{}");
    }
    write_now(r, j);
}

static void mark(struct rig *r, enum sg_journal_kind kind, uint64_t row, const char *why)
{
    struct sg_journal *j = sg_journal_new();
    sg_journal_add(
        j,
        &(struct sg_journal_op){
            .kind = kind, .number = row, .attempts = 3, .time_ms = 42, .body = sg_str_from(why)});
    write_now(r, j);
}

static void collect(void *ctx, struct sg_str key, struct sg_str body, int64_t expires_ms)
{
    char *out = ctx;
    (void)expires_ms;
    snprintf(out + strlen(out), 512 - strlen(out), "%.*s=%.*s ", SG_STR_ARG(key), SG_STR_ARG(body));
}

static const char *table_text(struct rig *r, enum sg_table table, const char *prefix)
{
    static char out[512];
    out[0] = 0;
    assert_int_equal(sg_persist_each_of(r->p, table, sg_str_from(prefix), collect, out, NULL), 0);
    return out;
}

static void print_row(void *ctx, const struct sg_persist_row *row)
{
    char *out = ctx;
    snprintf(out + strlen(out), 512 - strlen(out), "%llu:%.*s:%u:%.*s ",
             (unsigned long long)row->row.id, SG_STR_ARG(row->row.key), row->row.attempts,
             SG_STR_ARG(row->error));
}

static const char *rows_text(struct rig *r, enum sg_row_state state)
{
    static char out[512];
    out[0] = 0;
    assert_int_equal(sg_persist_rows(r->p, state, 8, print_row, out, NULL), 0);
    return out;
}

/* ---- tables ---- */

static void test_tables__survive_a_restart(void **state)
{
    struct rig *r = *state;
    start(r);
    put(r, SG_TABLE_SILENCES, "b", "2");
    put(r, SG_TABLE_SILENCES, "a", "1");
    put(r, SG_TABLE_SILENCES, "a", "3");
    put(r, SG_TABLE_ACKS, "x", "9");
    end(r);
    start(r);
    assert_string_equal(table_text(r, SG_TABLE_SILENCES, ""), "a=3 b=2 ");
    assert_string_equal(table_text(r, SG_TABLE_ACKS, ""), "x=9 ");
}

static void test_tables__are_read_by_prefix(void **state)
{
    struct rig *r = *state;
    start(r);
    put(r, SG_TABLE_DIGEST_POINTS, "day/1", "1");
    put(r, SG_TABLE_DIGEST_POINTS, "day/2", "2");
    put(r, SG_TABLE_DIGEST_POINTS, "week/1", "3");
    assert_string_equal(table_text(r, SG_TABLE_DIGEST_POINTS, "day/"), "day/1=1 day/2=2 ");
}

static void test_tables__forget_what_is_deleted_or_expired(void **state)
{
    struct rig *r = *state;
    struct sg_journal *j = sg_journal_new();
    start(r);
    put(r, SG_TABLE_ACKS, "gone", "1");
    sg_journal_delete(j, SG_TABLE_ACKS, SG_STR("gone"));
    sg_journal_put(j, SG_TABLE_ACKS, SG_STR("old"), SG_STR("1"), 1000);
    sg_journal_put(j, SG_TABLE_ACKS, SG_STR("new"), SG_STR("1"), sg_wall_now_ms() + 100000);
    write_now(r, j);
    end(r);
    start(r); /* what has expired goes at the start */
    assert_string_equal(table_text(r, SG_TABLE_ACKS, ""), "new=1 ");
}

static void test_get__appends_the_body_or_says_not_found(void **state)
{
    struct rig *r = *state;
    struct sg_buf b;
    sg_buf_init(&b, 100);
    start(r);
    put(r, SG_TABLE_META, "epoch", "77");
    assert_int_equal(sg_persist_get(r->p, SG_TABLE_META, SG_STR("epoch"), &b, NULL), 0);
    assert_string_equal(sg_buf_cstr(&b), "77");
    assert_int_equal(sg_persist_get(r->p, SG_TABLE_META, SG_STR("none"), &b, NULL), SG_ENOTFOUND);
    sg_buf_deinit(&b);
}

static void test_memory__works_without_a_folder(void **state)
{
    struct rig *r = *state;
    r->cfg.folder = NULL;
    start(r);
    put(r, SG_TABLE_META, "a", "1");
    send_n(r, "t/webhook/0", 2);
    wait_rows(r, 2);
    assert_string_equal(table_text(r, SG_TABLE_META, ""), "a=1 ");
}

/* ---- the file ---- */

static void test_file__is_private(void **state)
{
    struct rig *r = *state;
    static const char *const parts[] = {"", "-wal", "-shm"};
    start(r);
    put(r, SG_TABLE_META, "a", "1");
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        struct stat st;
        snprintf(path, sizeof(path), "%s/streamgauge.db%s", r->folder, parts[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void test_file__is_for_one_process(void **state)
{
    struct rig *r = *state;
    struct sg_persist *second;
    struct sg_error err = {0};
    start(r);
    assert_int_equal(sg_persist_open(&r->cfg, &second, &err), SG_EIO);
    assert_non_null(strstr(err.text, "in use by another process"));
}

static void test_file__of_a_newer_version_is_refused(void **state)
{
    struct rig *r = *state;
    struct sg_error err = {0};
    char path[128];
    sqlite3 *db;
    start(r);
    end(r);
    snprintf(path, sizeof(path), "%s/streamgauge.db", r->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sg_persist_open(&r->cfg, &r->p, &err), SG_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "newer version (schema 99"));
}

static void test_file__of_another_program_is_refused(void **state)
{
    struct rig *r = *state;
    struct sg_error err = {0};
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/streamgauge.db", r->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA application_id = 7", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sg_persist_open(&r->cfg, &r->p, &err), SG_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "another program's"));
}

static bool has_file(const char *folder, const char *prefix)
{
    DIR *d = opendir(folder);
    bool found = false;
    for (struct dirent *e; d && (e = readdir(d));)
        found = found || strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    closedir(d);
    return found;
}

static void spoil(const char *folder, long at, size_t n)
{
    char path[128], junk[512];
    snprintf(path, sizeof(path), "%s/streamgauge.db", folder);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    memset(junk, 0x5a, sizeof(junk));
    fseek(f, at, SEEK_SET);
    assert_int_equal(fwrite(junk, 1, n, f), n);
    fclose(f);
}

static void test_file__that_is_corrupt_is_set_aside(void **state)
{
    static const long places[] = {0, 100, 4096};
    struct rig *r = *state;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        start(r);
        put(r, SG_TABLE_META, "a", "1");
        end(r);
        spoil(r->folder, places[i], sizeof("x") * 200);
        start(r);
        assert_true(has_file(r->folder, "streamgauge.db.corrupt-"));
        assert_string_equal(table_text(r, SG_TABLE_META, ""), "");
        put(r, SG_TABLE_META, "b", "1");
        end(r);
        char command[128];
        snprintf(command, sizeof(command), "rm -f %s/*", r->folder);
        assert_int_equal(system(command), 0);
    }
}

/* What a power cut leaves: file and log as they are between two commits, the log cut anywhere. */
static void test_file__is_whole_whatever_of_the_log_is_there(void **state)
{
    struct rig *r = *state;
    char command[512], copy[80], path[128];
    struct stat st;
    start(r);
    for (int i = 0; i < 5; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%d", i);
        put(r, SG_TABLE_META, key, "1");
    }
    snprintf(copy, sizeof(copy), "%s-copy", r->folder);
    snprintf(command, sizeof(command), "cp -r %s %s", r->folder, copy);
    assert_int_equal(system(command), 0);
    end(r);
    snprintf(path, sizeof(path), "%s/streamgauge.db-wal", copy);
    assert_int_equal(stat(path, &st), 0);
    r->cfg.folder = copy;
    size_t before = SIZE_MAX;
    for (off_t n = st.st_size; n > 0; n -= 1031) {
        snprintf(command, sizeof(command), "rm -rf %s-cut && cp -r %s %s-cut && rm -f %s-cut/*-shm",
                 copy, copy, copy, copy);
        assert_int_equal(system(command), 0);
        snprintf(path, sizeof(path), "%s-cut/streamgauge.db-wal", copy);
        assert_int_equal(truncate(path, n), 0);
        snprintf(path, sizeof(path), "%s-cut", copy);
        r->cfg.folder = path;
        start(r);
        size_t have = strlen(table_text(r, SG_TABLE_META, ""));
        if (before == SIZE_MAX)
            assert_int_equal(have, strlen("k0=1 ") * 5);
        assert_true(have <= before); /* always a prefix of the commits */
        assert_true(have % strlen("k0=1 ") == 0);
        assert_false(has_file(path, "streamgauge.db.corrupt-"));
        before = have;
        end(r);
    }
    assert_int_equal(before, 0);
    snprintf(command, sizeof(command), "rm -rf %s %s-cut", copy, copy);
    assert_int_equal(system(command), 0);
    r->cfg.folder = r->folder;
}

/* ---- outbox ---- */

static void test_outbox__rows_are_handed_on_after_their_commit_in_order(void **state)
{
    struct rig *r = *state;
    struct sg_journal *j = sg_journal_new();
    start(r);
    add_send(j, "b/webhook/0", "one", "{\"n\":1}");
    add_send(j, "a/webhook/0", "two", "{\"n\":2}");
    add_send(j, "b/webhook/0", "three", "{\"n\":3}");
    write_now(r, j);
    wait_rows(r, 3);
    assert_string_equal(r->rows[0]->key.p, "one");
    assert_string_equal(r->rows[0]->target.p, "b/webhook/0");
    assert_string_equal(r->rows[0]->order_key.p, "g");
    assert_string_equal(r->rows[0]->body.p, "{\"n\":1}");
    assert_int_equal(r->rows[0]->attempts, 0);
    assert_string_equal(r->rows[1]->key.p, "two");
    assert_string_equal(r->rows[2]->key.p, "three");
    assert_true(r->rows[0]->id < r->rows[1]->id && r->rows[1]->id < r->rows[2]->id);
    assert_int_equal(atomic_load(&sg_persist_get_stats(r->p)->outbox), 3);
}

static void test_outbox__what_was_not_marked_comes_again_after_a_restart(void **state)
{
    struct rig *r = *state;
    start(r);
    send_n(r, "t/webhook/0", 3);
    wait_rows(r, 3);
    uint64_t first = r->rows[0]->id;
    mark(r, SG_JOURNAL_SENT, first, "");
    mark(r, SG_JOURNAL_RETRY, first + 1, "HTTP 500");
    end(r);
    start(r);
    wait_rows(r, 2);
    assert_int_equal(r->rows[0]->id, first + 1);
    assert_string_equal(r->rows[0]->key.p, "k1");
    assert_int_equal(r->rows[0]->attempts, 3);
    assert_int_equal(r->rows[0]->next_ms, 42);
    assert_int_equal(r->rows[1]->attempts, 0);
}

static void test_outbox__tells_what_became_of_rows(void **state)
{
    struct rig *r = *state;
    start(r);
    send_n(r, "t/webhook/0", 3);
    mark(r, SG_JOURNAL_SENT, 1, "");
    mark(r, SG_JOURNAL_DEAD, 2, "HTTP 404");
    mark(r, SG_JOURNAL_DEAD, 1, "told too late");
    mark(r, SG_JOURNAL_SENT, 77, "unknown");
    assert_string_equal(rows_text(r, SG_ROW_SENT), "1:k0:3: ");
    assert_string_equal(rows_text(r, SG_ROW_DEAD), "2:k1:3:HTTP 404 ");
    assert_string_equal(rows_text(r, SG_ROW_WAITING), "3:k2:0: ");
    assert_int_equal(atomic_load(&sg_persist_get_stats(r->p)->outbox), 1);
    assert_int_equal(atomic_load(&sg_persist_get_stats(r->p)->dead), 1);
}

static void test_outbox__dead_letters_can_be_sent_after_all(void **state)
{
    struct rig *r = *state;
    start(r);
    send_n(r, "t/webhook/0", 3);
    mark(r, SG_JOURNAL_DEAD, 1, "HTTP 404");
    mark(r, SG_JOURNAL_DEAD, 2, "HTTP 404");
    mark(r, SG_JOURNAL_REVIVE, 2, "");
    wait_rows(r, 4);
    assert_string_equal(r->rows[3]->key.p, "k1");
    mark(r, SG_JOURNAL_REVIVE, 0, "");
    wait_rows(r, 5);
    assert_string_equal(r->rows[4]->key.p, "k0");
    assert_int_equal(r->rows[4]->attempts, 0);
    assert_string_equal(rows_text(r, SG_ROW_DEAD), "");
}

static void test_outbox__a_target_has_a_window(void **state)
{
    struct rig *r = *state;
    start(r);
    send_n(r, "slow/webhook/0", SG__WINDOW + 10);
    wait_rows(r, SG__WINDOW);
    send_n(r, "slow/webhook/0", 5);
    send_n(r, "fast/webhook/0", 1);
    wait_rows(r, SG__WINDOW + 1); /* others are not held up */
    assert_string_equal(r->rows[SG__WINDOW]->target.p, "fast/webhook/0");
    struct sg_journal *j = sg_journal_new();
    for (size_t i = 0; i < SG__WINDOW / 2; i++)
        sg_journal_add(j,
                       &(struct sg_journal_op){.kind = SG_JOURNAL_SENT, .number = r->rows[i]->id});
    write_now(r, j);
    wait_rows(r, SG__WINDOW + 16);
    uint64_t before = r->rows[SG__WINDOW - 1]->id;
    for (size_t i = SG__WINDOW + 1; i < SG__WINDOW + 16; i++) {
        assert_true(r->rows[i]->id > before);
        before = r->rows[i]->id;
    }
}

/* Rows of large groups are large. */
static void test_outbox__a_window_is_of_bytes_too(void **state)
{
    struct rig *r = *state;
    enum { ROW = 1 << 20, ROWS = 40, FIT = 32 };
    char *body = calloc(1, ROW + 1);
    memset(body, 'x', ROW);
    start(r);
    for (int i = 0; i < ROWS; i++) {
        struct sg_journal *j = sg_journal_new();
        add_send(j, "slow/webhook/0", "key", body);
        write_now(r, j);
    }
    wait_rows(r, FIT);
    send_n(r, "fast/webhook/0", 1);
    wait_rows(r, FIT + 1);
    assert_string_equal(r->rows[FIT]->target.p, "fast/webhook/0");
    struct sg_journal *j = sg_journal_new();
    for (size_t i = 0; i < FIT / 2 + 1; i++)
        sg_journal_add(j,
                       &(struct sg_journal_op){.kind = SG_JOURNAL_SENT, .number = r->rows[i]->id});
    write_now(r, j);
    wait_rows(r, ROWS + 1);
    free(body);
}

static void test_outbox__beyond_the_maximum_the_oldest_are_given_up(void **state)
{
    struct rig *r = *state;
    r->cfg.max_rows = 4;
    start(r);
    send_n(r, "t/webhook/0", 7);
    assert_string_equal(rows_text(r, SG_ROW_DEAD),
                        "3:k2:0:too many were waiting 2:k1:0:too many were waiting "
                        "1:k0:0:too many were waiting ");
    uint64_t waiting = 0;
    enum sg_row_state now = SG_ROW_SENT;
    assert_int_equal(r->given_up, 3);
    assert_int_equal(atomic_load(&sg_persist_get_stats(r->p)->outbox), 4);
    assert_int_equal(sg_persist_waiting(r->p, SG_STR("t/webhook/0"), &waiting, NULL), 0);
    assert_int_equal(waiting, 4);
    assert_int_equal(sg_persist_waiting(r->p, SG_STR("t/webhook/1"), &waiting, NULL), 0);
    assert_int_equal(waiting, 0);
    assert_int_equal(sg_persist_row_state(r->p, 3, &now, NULL), 0);
    assert_int_equal(now, SG_ROW_DEAD);
    assert_int_equal(sg_persist_row_state(r->p, 8, &now, NULL), SG_ENOTFOUND);
    mark(r, SG_JOURNAL_SENT, 7, "");
    assert_int_equal(atomic_load(&sg_persist_get_stats(r->p)->outbox), 3);
}

static void test_outbox__each_browser_gets_a_row(void **state)
{
    struct rig *r = *state;
    struct sg_journal *j = sg_journal_new();
    start(r);
    put(r, SG_TABLE_PUSH, "https://one", "{\"e\":1}");
    put(r, SG_TABLE_PUSH, "https://two", "{\"e\":2}");
    add_send(j, "push:team/webpush/0", "key", "{}");
    add_send(j, "team/webhook/0", "last", "{}");
    write_now(r, j);
    wait_rows(r, 3);
    assert_string_equal(r->rows[0]->target.p, "team/webpush/0");
    assert_string_equal(r->rows[0]->push.p, "{\"e\":1}");
    assert_string_equal(r->rows[1]->push.p, "{\"e\":2}");
    assert_string_not_equal(r->rows[0]->key.p, r->rows[1]->key.p);
    assert_string_not_equal(r->rows[0]->order_key.p, r->rows[1]->order_key.p);
    assert_string_equal(r->rows[2]->key.p, "last");
    j = sg_journal_new();
    sg_journal_delete(j, SG_TABLE_PUSH, SG_STR("https://one"));
    add_send(j, "push:team/webpush/0", "next", "{}");
    write_now(r, j);
    wait_rows(r, 4);
    assert_string_equal(r->rows[3]->push.p, "{\"e\":2}");
    end(r);
    start(r); /* subscriptions are known again */
    wait_rows(r, 4);
    j = sg_journal_new();
    add_send(j, "push:team/webpush/0", "third", "{}");
    write_now(r, j);
    wait_rows(r, 5);
}

/* ---- the feed ---- */

static void add_feed(struct rig *r, uint64_t offset, int64_t time_ms, const char *json)
{
    struct sg_journal *j = sg_journal_new();
    sg_journal_add(j, &(struct sg_journal_op){.kind = SG_JOURNAL_FEED,
                                              .number = offset,
                                              .time_ms = time_ms,
                                              .key = SG_STR("warning"),
                                              .body = sg_str_from(json),
                                              .extra = SG_STR("{}")});
    write_now(r, j);
}

static void print_note(void *ctx, const struct sg_persist_note *n)
{
    char *out = ctx;
    snprintf(out + strlen(out), 512 - strlen(out), "%llu<%llu:%.*s ", (unsigned long long)n->offset,
             (unsigned long long)n->prev, SG_STR_ARG(n->json));
}

static const char *feed_text(struct rig *r, int64_t from, int64_t until, size_t max)
{
    static char out[512];
    out[0] = 0;
    assert_int_equal(sg_persist_feed(r->p, from, until, max, print_note, out, NULL), 0);
    return out;
}

static void test_feed__is_read_newest_and_in_order(void **state)
{
    struct rig *r = *state;
    int64_t now = sg_wall_now_ms();
    start(r);
    add_feed(r, 5, now - 300, "a");
    add_feed(r, 9, now - 200, "b");
    add_feed(r, 12, now - 100, "c");
    assert_string_equal(feed_text(r, 0, INT64_MAX, 2), "9<5:b 12<9:c ");
    assert_string_equal(feed_text(r, now - 300, now - 100, 9), "5<0:a 9<5:b ");
}

static void test_feed__knows_what_came_before_across_restarts_and_pruning(void **state)
{
    struct rig *r = *state;
    start(r);
    add_feed(r, 5, 1000, "old");
    add_feed(r, 9, 2000, "old too");
    end(r);
    start(r); /* both are too old; the newest stays */
    assert_string_equal(feed_text(r, 0, INT64_MAX, 9), "9<5:old too ");
    add_feed(r, 14, sg_wall_now_ms(), "new");
    end(r);
    start(r);
    assert_string_equal(feed_text(r, 0, INT64_MAX, 9), "14<9:new ");
}

/* ---- a disk that refuses ---- */

static char big[100000];

static void test_full_disk__rows_go_out_and_all_is_written_later(void **state)
{
    struct rig *r = *state;
    struct sg_journal *j = sg_journal_new();
    start(r);
    memset(big, 'x', sizeof(big) - 1);
    sg__db_limit_pages(r->p, -1);
    add_send(j, "t/webhook/0", "one", big);
    assert_int_equal(sg_persist_submit_take(r->p, j), 0);
    wait_rows(r, 1);
    wait_health(r, true);
    assert_true(atomic_load(&sg_persist_get_stats(r->p)->failing));
    j = sg_journal_new();
    add_send(j, "t/webhook/0", "two", "{}");
    sg_journal_put(j, SG_TABLE_META, SG_STR("a"), SG_STR("1"), 0);
    assert_int_equal(sg_persist_submit_take(r->p, j), 0);
    wait_rows(r, 2);
    assert_string_equal(rows_text(r, SG_ROW_WAITING), "");
    j = sg_journal_new(); /* sent before it was ever written */
    sg_journal_add(j, &(struct sg_journal_op){.kind = SG_JOURNAL_SENT, .number = r->rows[0]->id});
    assert_int_equal(sg_persist_submit_take(r->p, j), 0);
    sg__db_limit_pages(r->p, 1 << 20);
    wait_health(r, false);
    put(r, SG_TABLE_META, "b", "1");
    assert_string_equal(rows_text(r, SG_ROW_SENT), "1:one:0: ");
    assert_string_equal(rows_text(r, SG_ROW_WAITING), "2:two:0: ");
    assert_string_equal(table_text(r, SG_TABLE_META, ""), "a=1 b=1 ");
    assert_int_equal(r->n_rows, 2); /* nothing is handed on twice */
    assert_int_equal(r->health_calls, 2);
}

static void test_full_disk__the_queue_has_an_end(void **state)
{
    struct rig *r = *state;
    struct sg_error err = {0};
    r->cfg.queue_bytes = 150000;
    start(r);
    memset(big, 'x', sizeof(big) - 1);
    sg__db_limit_pages(r->p, -1);
    struct sg_journal *j = sg_journal_new(), *second = sg_journal_new();
    sg_journal_put(j, SG_TABLE_META, SG_STR("a"), sg_str_from(big), 0);
    sg_journal_put(second, SG_TABLE_META, SG_STR("b"), sg_str_from(big), 0);
    assert_int_equal(sg_persist_submit_take(r->p, j), 0);
    wait_health(r, true);
    assert_int_equal(sg_persist_submit_take(r->p, second), SG_EBUSY);
    assert_int_equal(atomic_load(&sg_persist_get_stats(r->p)->refused), 1);
    assert_int_equal(sg_persist_submit_wait(r->p, second, 10, &err), SG_EBUSY);
    err = (struct sg_error){0};
    j = sg_journal_new();
    sg_journal_put(j, SG_TABLE_META, SG_STR("c"), SG_STR("1"), 0);
    assert_int_equal(sg_persist_submit_wait(r->p, j, 10, &err), SG_ETIMEOUT);
}

static void test_queue__a_journal_larger_than_it_is_taken_alone(void **state)
{
    struct rig *r = *state;
    struct sg_error err = {0};
    r->cfg.queue_bytes = 1000;
    start(r);
    memset(big, 'x', sizeof(big) - 1);
    struct sg_journal *j = sg_journal_new();
    sg_journal_put(j, SG_TABLE_META, SG_STR("a"), sg_str_from(big), 0);
    assert_int_equal(sg_persist_submit_wait(r->p, j, WAIT_MS, &err), 0);
}

static void test_stop__waits_for_no_other_process(void **state)
{
    struct rig *r = *state;
    sqlite3 *other;
    char path[96];
    start(r);
    assert_int_equal(sg__db_busy(r->p, 0), 1);
    sg_persist_stop(r->p, 0);
    r->p->busy_us = 0;
    snprintf(path, sizeof(path), "%s/streamgauge.db", r->folder);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(r->p->w.db, "BEGIN IMMEDIATE", NULL, NULL, NULL) & 0xff,
                     SQLITE_BUSY);
    assert_int_not_equal(r->p->busy_us, 0); /* the handler was asked */
    assert_int_equal(sg__db_busy(r->p, 0), 0);
    sqlite3_close(other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_tables__survive_a_restart),
        T(test_queue__a_journal_larger_than_it_is_taken_alone),
        T(test_tables__are_read_by_prefix),
        T(test_tables__forget_what_is_deleted_or_expired),
        T(test_get__appends_the_body_or_says_not_found),
        T(test_memory__works_without_a_folder),
        T(test_file__is_private),
        T(test_file__is_for_one_process),
        T(test_file__of_a_newer_version_is_refused),
        T(test_file__of_another_program_is_refused),
        T(test_file__that_is_corrupt_is_set_aside),
        T(test_file__is_whole_whatever_of_the_log_is_there),
        T(test_outbox__rows_are_handed_on_after_their_commit_in_order),
        T(test_outbox__what_was_not_marked_comes_again_after_a_restart),
        T(test_outbox__tells_what_became_of_rows),
        T(test_outbox__dead_letters_can_be_sent_after_all),
        T(test_outbox__a_target_has_a_window),
        T(test_outbox__a_window_is_of_bytes_too),
        T(test_outbox__beyond_the_maximum_the_oldest_are_given_up),
        T(test_outbox__each_browser_gets_a_row),
        T(test_feed__is_read_newest_and_in_order),
        T(test_feed__knows_what_came_before_across_restarts_and_pruning),
        T(test_full_disk__rows_go_out_and_all_is_written_later),
        T(test_full_disk__the_queue_has_an_end),
        T(test_stop__waits_for_no_other_process),
    };
    return cmocka_run_group_tests_name("persist", tests, NULL, NULL);
}
