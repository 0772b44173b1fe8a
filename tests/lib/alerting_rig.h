/* alerting_rig.h - an alerting core on a fake clock: alerts by name, feed and rows by text. */
#ifndef SG_TEST_ALERTING_RIG_H
#define SG_TEST_ALERTING_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/alerting.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>

#define RIG_START INT64_C(1764000000000) /* 2025-11-24T16:00:00Z, a monday */
#define RIG_MAX 4096

struct rig_row { /* of the tables */
    enum sg_table table;
    char *key, *body;
};

struct rig {
    struct sg_alerting *a;
    struct sg_alerting_options o;
    int64_t wall_ms, mono_ms;
    char *feed[RIG_MAX];             /* JSON of notifications */
    struct sg_journal *sends;        /* ops of outbox rows, as they came */
    struct sg_journal_op *last_send; /* newest that rig_sends has not counted */
    size_t n_feed, n_sends;
    struct rig_row rows[RIG_MAX];
    size_t n_rows;
    const char *config;
    const struct sg_integration *integrations;
    size_t n_integrations;
};

static inline void rig_must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "rig: %s\n", what);
    abort();
}

static inline void rig_notify(void *ctx, struct sg_str json, const char *severity,
                              const struct sg_labels *labels)
{
    struct rig *r = ctx;
    (void)severity;
    (void)labels;
    rig_must(r->n_feed < RIG_MAX, "too many notifications");
    r->feed[r->n_feed++] = sg_str_dup(json);
}

/* Receivers named after what is in front of the first slash. */
static inline struct sg_routing *rig_routing(const struct rig *r, const char *config,
                                             struct sg_error *err)
{
    struct sg_yaml *y = NULL;
    struct sg_routing *routing = NULL;
    struct sg_str names[16];
    size_t n = 0;
    for (size_t i = 0; i < r->n_integrations; i++) {
        struct sg_str t = r->integrations[i].target;
        const char *slash = memchr(t.p, '/', t.n);
        struct sg_str name = sg_str_make(t.p, (size_t)(slash - t.p));
        if (n == 0 || !sg_str_eq(names[n - 1], name))
            names[n++] = name;
    }
    if (sg_yaml_parse("test.yml", config, strlen(config), &y, err) == 0) {
        int rc = sg_routing_parse(sg_yaml_root(y), r->integrations, r->n_integrations, names, n,
                                  &routing, err);
        rig_must(rc == 0 || (err && err->code == rc), "an error without its code");
    }
    sg_yaml_free(y);
    return routing;
}

static inline void rig_load(struct rig *r, const char *config)
{
    struct sg_error err = {0};
    char text[1024];
    r->config = config;
    struct sg_routing *routing = rig_routing(r, config, &err);
    rig_must(routing != NULL, sg_error_format(&err, text, sizeof(text)));
    sg_alerting_load_take(r->a, routing);
}

static inline void rig_open(struct rig *r)
{
    sg_alerting_options_default(&r->o);
    r->o.hooks.notify = rig_notify;
    r->o.hooks.ctx = r;
    r->o.external_url = SG_STR("http://here");
    r->a = sg_alerting_new(&r->o);
}

/* One receiver "team" with one webhook that wants to hear of ends. */
static inline void rig_init_with(struct rig *r, const char *config,
                                 const struct sg_integration *integrations, size_t n)
{
    memset(r, 0, sizeof(*r));
    r->wall_ms = RIG_START;
    r->mono_ms = 1000;
    r->integrations = integrations;
    r->n_integrations = n;
    r->sends = sg_journal_new();
    rig_open(r);
    rig_load(r, config);
}

static inline void rig_init(struct rig *r, const char *config)
{
    static const struct sg_integration one[] = {
        {{"team/webhook/0", 14}, true, false, false, false}};
    rig_init_with(r, config, one, 1);
}

static inline struct rig_row *rig_row(struct rig *r, enum sg_table table, struct sg_str key)
{
    for (size_t i = 0; i < r->n_rows; i++)
        if (r->rows[i].table == table && sg_str_eq_c(key, r->rows[i].key))
            return &r->rows[i];
    return NULL;
}

static inline void rig_delete(struct rig *r, struct rig_row *row)
{
    sg_free(row->key);
    sg_free(row->body);
    *row = r->rows[--r->n_rows];
}

static inline void rig_put(struct rig *r, const struct sg_journal_op *op)
{
    struct rig_row *row = rig_row(r, op->table, op->key);
    if (row)
        rig_delete(r, row);
    rig_must(r->n_rows < RIG_MAX, "too many rows");
    r->rows[r->n_rows++] = (struct rig_row){op->table, sg_str_dup(op->key), sg_str_dup(op->body)};
}

/* Commits a journal: tables and outbox. */
static inline void rig_commit(struct rig *r, struct sg_journal *j)
{
    for (const struct sg_journal_op *op = j->first; op; op = op->next) {
        struct rig_row *row = rig_row(r, op->table, op->key);
        if (op->kind == SG_JOURNAL_PUT) {
            rig_put(r, op);
        } else if (op->kind == SG_JOURNAL_DELETE && row) {
            rig_delete(r, row);
        } else if (op->kind == SG_JOURNAL_SEND) {
            r->last_send = sg_journal_add(r->sends, op);
            r->n_sends++;
        }
    }
    sg_journal_free(j);
}

static inline void rig_tick(struct rig *r)
{
    struct sg_journal *j = sg_journal_new();
    sg_alerting_tick(r->a, r->wall_ms, r->mono_ms, j);
    rig_commit(r, j);
}

/* Time goes on in steps of 100 ms up to a second, with a tick at each. */
static inline void rig_run(struct rig *r, int64_t ms)
{
    int64_t step_ms = ms > 60000 ? 1000 : 100;
    for (int64_t done = 0; done < ms; done += step_ms) {
        r->wall_ms += step_ms;
        r->mono_ms += step_ms;
        rig_tick(r);
    }
}

/* "a=1,b=2" as labels. */
static inline const struct sg_labels *rig_labels(const char *text)
{
    struct sg_labels_builder b;
    struct sg_str rest = sg_str_from(text);
    sg_labels_builder_init(&b);
    while (rest.p && rest.n) {
        struct sg_str value = sg_str_split(&rest, ',');
        struct sg_str name = sg_str_split(&value, '=');
        sg_labels_builder_set(&b, name, value);
    }
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}

static inline int rig_alert_at(struct rig *r, const char *labels, int64_t starts_ms,
                               int64_t ends_ms, bool external)
{
    const struct sg_labels *l = rig_labels(labels);
    struct sg_alert alert = {.labels = l,
                             .annotations = sg_labels_empty(),
                             .starts_ms = starts_ms,
                             .ends_ms = ends_ms,
                             .value = 1.5,
                             .generator_url = SG_STR(""),
                             .rule = external ? SG_STR("") : SG_STR("f;g;r"),
                             .external = external};
    int rc = sg_alerting_alert(r->a, &alert, r->wall_ms, r->mono_ms, NULL);
    sg_labels_unref(l);
    return rc;
}

static inline int rig_fire(struct rig *r, const char *labels)
{
    return rig_alert_at(r, labels, r->wall_ms, 0, false);
}

static inline int rig_resolve(struct rig *r, const char *labels)
{
    return rig_alert_at(r, labels, r->wall_ms, r->wall_ms, false);
}

/* The notification log, alerts, silences and acks of the rows go into a new core. */
static inline void rig_restart(struct rig *r, int64_t pause_ms)
{
    sg_alerting_free(r->a);
    r->wall_ms += pause_ms;
    r->mono_ms = 5000; /* another machine's */
    rig_open(r);
    rig_load(r, r->config);
    for (size_t i = 0; i < r->n_rows; i++)
        sg_alerting_restore(r->a, r->rows[i].table, sg_str_from(r->rows[i].key),
                            sg_str_from(r->rows[i].body), r->wall_ms, r->mono_ms);
}

/* The newest outbox row. */
static inline const struct sg_journal_op *rig_sent(const struct rig *r)
{
    rig_must(r->last_send != NULL, "nothing was sent");
    return r->last_send;
}

static inline bool rig_sent_has(const struct rig *r, const char *text)
{
    return strstr(rig_sent(r)->body.p, text) != NULL;
}

static inline bool rig_fed_has(const struct rig *r, const char *text)
{
    return r->n_feed && strstr(r->feed[r->n_feed - 1], text) != NULL;
}

static inline void rig_deinit(struct rig *r)
{
    sg_alerting_free(r->a);
    sg_journal_free(r->sends);
    for (size_t i = 0; i < r->n_feed; i++)
        sg_free(r->feed[i]);
    while (r->n_rows)
        rig_delete(r, &r->rows[r->n_rows - 1]);
}

#endif
