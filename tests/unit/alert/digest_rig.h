/* digest_rig.h - a digester on a small store, a real graph and a fake clock, and a table that holds
 * what it writes, as the database would. */
#ifndef TESTS_UNIT_ALERT_DIGEST_RIG_H
#define TESTS_UNIT_ALERT_DIGEST_RIG_H

#include <stdio.h>
#include <streamgauge/digest.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <string.h>

#include "mem_querier.c"

#define MINUTE SG_MS_PER_MIN
#define HOUR SG_MS_PER_HOUR
#define DAY SG_MS_PER_DAY
#define MAX_ROWS 4096
#define DAILY "digests: [{name: ops, receiver: team, expressions: [{title: Load, expr: load}]}]"

struct rig_row {
    enum sg_table table;
    char *key, *body;
    int64_t expires_ms;
};

struct rig {
    struct sg_mem_store *store;
    struct sg_promql_graph *graph;
    struct sg_digester *digester;
    struct sg_digests *digests;
    struct rig_row rows[MAX_ROWS];
    size_t n_rows;
    struct sg_journal *due; /* digests that were due */
    int64_t wall_ms;
    unsigned writes;
    int32_t summer_s; /* east of UTC in Europe/Test, from summer_ms on; an hour before */
    int64_t summer_ms;
};

static inline int rig_add(void *ctx, struct sg_promql *q, struct sg_promql_root **ret,
                          struct sg_error *reterr)
{
    struct rig *rig = ctx;
    return sg_promql_graph_add_take(rig->graph, q, ret, reterr);
}

static inline void rig_remove(void *ctx, struct sg_promql_root *root)
{
    (void)ctx;
    sg_promql_graph_remove(root);
}

static inline void rig_begin(void *ctx)
{
    struct rig *rig = ctx;
    sg_promql_graph_begin(rig->graph);
}

static inline int rig_eval(void *ctx, struct sg_promql_root *root, int64_t time_ms,
                           struct sg_promql_view *ret, struct sg_error *reterr)
{
    struct rig *rig = ctx;
    struct sg_querier q = sg_mem_querier(rig->store);
    return sg_promql_graph_eval(root, &q, time_ms, ret, reterr);
}

static inline int rig_zone(void *ctx, struct sg_str zone, int64_t wall_ms, int32_t *ret_s)
{
    struct rig *rig = ctx;
    if (!sg_str_eq_c(zone, "Europe/Test"))
        return SG_ENOTFOUND;
    *ret_s = rig->summer_ms && wall_ms >= rig->summer_ms ? rig->summer_s : 3600;
    return 0;
}

static inline struct sg_digester *rig_digester(struct rig *rig)
{
    return sg_digester_new(&(struct sg_digester_hooks){.graph = {.add = rig_add,
                                                                 .remove = rig_remove,
                                                                 .begin = rig_begin,
                                                                 .eval = rig_eval,
                                                                 .ctx = rig},
                                                       .utc_offset = rig_zone,
                                                       .ctx = rig});
}

static inline int rig_setup(void **state)
{
    struct rig *rig = sg_calloc(1, sizeof(*rig));
    rig->store = sg_mem_store_new();
    rig->graph = sg_promql_graph_new(NULL, NULL);
    rig->digester = rig_digester(rig);
    rig->due = sg_journal_new();
    *state = rig;
    return 0;
}

static inline int rig_teardown(void **state)
{
    struct rig *rig = *state;
    sg_digester_free(rig->digester);
    sg_digests_unref(rig->digests);
    sg_promql_graph_free(rig->graph);
    sg_mem_store_free(rig->store);
    sg_journal_free(rig->due);
    for (size_t i = 0; i < rig->n_rows; i++) {
        sg_free(rig->rows[i].key);
        sg_free(rig->rows[i].body);
    }
    sg_free(rig);
    return 0;
}

/* "2026-03-02T08:00:00Z" */
static inline int64_t rig_time(const char *text)
{
    int64_t ms = 0;
    if (sg_rfc3339_parse(sg_str_from(text), &ms) < 0)
        fail_msg("%s is no time", text);
    return ms;
}

static inline int rig_parse(const char *yaml, struct sg_digests **ret, struct sg_error *err)
{
    const struct sg_integration known[] = {{.target = SG_STR("team/webhook/0")},
                                           {.target = SG_STR("team/email/0")},
                                           {.target = SG_STR("team/email/1")},
                                           {.target = SG_STR("teams/email/0")},
                                           {.target = SG_STR("chat/slack/0")}};
    struct sg_yaml *y = NULL;
    if (sg_yaml_parse("t.yml", yaml, strlen(yaml), &y, err) < 0)
        fail_msg("%s", err->text);
    int rc = sg_digests_parse(sg_yaml_root(y), known, sizeof(known) / sizeof(*known), ret, err);
    sg_yaml_free(y);
    return rc;
}

static inline void rig_load(struct rig *rig, const char *yaml)
{
    struct sg_digests *digests = NULL;
    struct sg_error err = {0};
    if (rig_parse(yaml, &digests, &err) < 0)
        fail_msg("%s: %s", yaml, err.text);
    sg_digests_unref(rig->digests);
    rig->digests = sg_digests_ref(digests);
    assert_int_equal(sg_digester_load_take(rig->digester, digests, &err), 0);
}

static inline void rig_keep(struct rig *rig, const struct sg_journal_op *op)
{
    size_t i = 0;
    while (i < rig->n_rows &&
           (rig->rows[i].table != op->table || strcmp(rig->rows[i].key, op->key.p) != 0))
        i++;
    assert_true(i < MAX_ROWS);
    rig->n_rows += i == rig->n_rows;
    sg_free(rig->rows[i].key);
    sg_free(rig->rows[i].body);
    rig->rows[i] =
        (struct rig_row){op->table, sg_strdup(op->key.p), sg_strdup(op->body.p), op->time_ms};
    rig->writes++;
}

/* Rows into the table, what is due into `due`. */
static inline void rig_write(struct rig *rig, struct sg_journal *j)
{
    for (const struct sg_journal_op *op = j->first; op; op = op->next)
        if (op->kind == SG_JOURNAL_DIGEST)
            sg_journal_add(rig->due, op);
        else
            rig_keep(rig, op);
    sg_journal_free(j);
}

static inline void rig_tick(struct rig *rig)
{
    struct sg_journal *j = sg_journal_new();
    sg_digester_tick(rig->digester, rig->wall_ms, j);
    rig_write(rig, j);
}

/* Stores a sample now of a series written as in PromQL. */
static inline void rig_put(struct rig *rig, const char *series, double v)
{
    struct sg_series_text line;
    assert_int_equal(sg_series_text_parse(sg_str_from(series), &line, NULL), 0);
    sg_mem_append(rig->store, sg_mem_series_take(rig->store, sg_labels_ref(line.labels)),
                  rig->wall_ms, v);
    sg_series_text_deinit(&line);
}

/* One tick a minute until then, the last one then. */
static inline void rig_run(struct rig *rig, const char *until)
{
    int64_t end_ms = rig_time(until);
    for (; rig->wall_ms < end_ms; rig->wall_ms += MINUTE)
        rig_tick(rig);
    rig->wall_ms = end_ms;
    rig_tick(rig);
}

/* The process is another one, with the same configuration and what the table holds. */
static inline void rig_restart(struct rig *rig)
{
    struct sg_error err = {0};
    sg_digester_free(rig->digester);
    rig->digester = rig_digester(rig);
    assert_int_equal(sg_digester_load_take(rig->digester, sg_digests_ref(rig->digests), &err), 0);
    for (size_t i = 0; i < rig->n_rows; i++)
        sg_digester_restore(rig->digester, rig->rows[i].table, sg_str_from(rig->rows[i].key),
                            sg_str_from(rig->rows[i].body), rig->wall_ms);
}

/* What was due since the last time, as "<name> <from> <until>\n". */
static inline void rig_expect_due(struct rig *rig, const char *expected)
{
    char text[2048] = "", from[40], until[40];
    for (const struct sg_journal_op *op = rig->due->first; op; op = op->next) {
        size_t used = strlen(text);
        sg_rfc3339_format((int64_t)op->number, from);
        sg_rfc3339_format(op->time_ms, until);
        from[19] = until[19] = 0; /* full seconds, UTC */
        snprintf(text + used, sizeof(text) - used, "%s %sZ %sZ\n", op->key.p, from, until);
    }
    if (strcmp(text, expected) != 0)
        fail_msg("due:\n%s\nexpected:\n%s", text, expected);
    sg_journal_free(rig->due);
    rig->due = sg_journal_new();
}

static inline size_t rig_count(const struct rig *rig, enum sg_table table, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < rig->n_rows; i++)
        n += rig->rows[i].table == table && strncmp(rig->rows[i].key, prefix, strlen(prefix)) == 0;
    return n;
}

/* The report of the first digest over that period, from the table. */
static inline struct sg_digest_report *rig_report(struct rig *rig, const char *from,
                                                  const char *until)
{
    struct sg_digest_report *r = sg_digest_report_new(
        &rig->digests->list[0], &(struct sg_journal_op){.number = (uint64_t)rig_time(from),
                                                        .time_ms = rig_time(until),
                                                        .body = SG_STR("{\"offset\":0}")});
    for (size_t i = 0; i < rig->n_rows; i++)
        if (rig->rows[i].table == SG_TABLE_DIGEST_POINTS)
            sg_digest_report_point(r, sg_str_from(rig->rows[i].key),
                                   sg_str_from(rig->rows[i].body));
    return r;
}

#endif
