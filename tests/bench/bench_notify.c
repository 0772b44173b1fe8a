/* bench_notify.c - the notifier alone: rows from standard input, one JSON object per line, go to
 * the receivers of a configuration; what becomes of them comes out, one line each.
 *
 *     bench_notify CONFIG [SECONDS] < rows      ends when all rows are sent or dead, or after
 * SECONDS bench_notify CONFIG --count N TARGET      N rows of one body: prints rows per second
 *
 * A row: {"target":"team/webhook/0","order":"g1","key":"k1","body":{…},"push":{…},"attempts":0,
 * "age_ms":0}. */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <streamgauge/mem.h>
#include <streamgauge/notify.h>
#include <streamgauge/time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long long finished;
static bool quiet;

static const char *kind_name(enum sg_journal_kind kind)
{
    switch (kind) {
    case SG_JOURNAL_SENT:
        return "sent";
    case SG_JOURNAL_RETRY:
        return "retry";
    case SG_JOURNAL_DEAD:
        return "dead";
    case SG_JOURNAL_DELETE:
        return "delete";
    default:
        return "?";
    }
}

static int marked(void *ctx, struct sg_journal *j)
{
    (void)ctx;
    pthread_mutex_lock(&lock);
    for (const struct sg_journal_op *op = j->first; op; op = op->next) {
        finished += op->kind == SG_JOURNAL_SENT || op->kind == SG_JOURNAL_DEAD;
        if (quiet && op->kind == SG_JOURNAL_SENT)
            continue;
        json_t *line = json_pack("{s:s,s:I,s:i,s:I,s:s%,s:s%}", "mark", kind_name(op->kind), "row",
                                 (json_int_t)op->number, "attempts", (int)op->attempts, "time",
                                 (json_int_t)op->time_ms, "why", op->body.p, op->body.n, "key",
                                 op->key.p, op->key.n);
        json_dumpf(line, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(line);
    }
    fflush(stdout);
    pthread_mutex_unlock(&lock);
    sg_journal_free(j);
    return 0;
}

/* Of a dead letter, or that all is well again. */
static void dead(void *ctx, struct sg_str target, const char *text)
{
    (void)ctx;
    fprintf(stderr, "alarm %.*s: %s\n", SG_STR_ARG(target), text ? text : "well again");
}

static unsigned long long count_finished(void)
{
    pthread_mutex_lock(&lock);
    unsigned long long n = finished;
    pthread_mutex_unlock(&lock);
    return n;
}

static struct sg_str put(char **at, const char *text)
{
    size_t n = strlen(text);
    struct sg_str s = {memcpy(*at, text, n + 1), n};
    *at += n + 1;
    return s;
}

static struct sg_outbox_row *make_row(unsigned long long id, const json_t *json)
{
    char *body = json_dumps(json_object_get(json, "body"), JSON_COMPACT);
    char *push = json_dumps(json_object_get(json, "push"), JSON_COMPACT);
    const char *target = json_string_value(json_object_get(json, "target"));
    const char *order = json_string_value(json_object_get(json, "order"));
    const char *key = json_string_value(json_object_get(json, "key"));
    size_t texts = strlen(body ? body : "{}") + strlen(push ? push : "") + strlen(target) +
                   strlen(order ? order : "") + strlen(key ? key : "k") + 5;
    struct sg_outbox_row *row = sg_calloc(1, sizeof(*row) + texts);
    char *at = (char *)(row + 1);
    row->id = id;
    row->created_ms = sg_wall_now_ms() - json_integer_value(json_object_get(json, "age_ms"));
    row->attempts = (uint32_t)json_integer_value(json_object_get(json, "attempts"));
    row->body = put(&at, body ? body : "{}");
    row->push = put(&at, push ? push : "");
    row->target = put(&at, target);
    row->order_key = put(&at, order ? order : "");
    row->key = put(&at, key ? key : "k");
    free(body);
    free(push);
    return row;
}

static int load(const char *path, struct sg_receivers **ret)
{
    struct sg_error err = {0};
    struct sg_yaml *yaml;
    char text[65536], place[1024];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(text, 1, sizeof(text), f) : 0;
    if (f)
        (void)fclose(f);
    int rc = sg_yaml_parse(path, text, n, &yaml, &err);
    if (rc == 0) {
        rc = sg_receivers_parse(sg_yaml_root(yaml), NULL, ret, &err);
        sg_yaml_free(yaml);
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", sg_error_format(&err, place, sizeof(place)));
    return rc;
}

static unsigned long long send_lines(struct sg_notify *n)
{
    char *line = NULL;
    size_t cap = 0;
    unsigned long long rows = 0;
    while (getline(&line, &cap, stdin) > 0) {
        json_t *json = json_loads(line, 0, NULL);
        if (!json)
            continue;
        struct sg_outbox_row *row = make_row(++rows, json);
        sg_notify_send_take(n, &row, 1);
        json_decref(json);
    }
    free(line);
    return rows;
}

static unsigned long long send_many(struct sg_notify *n, unsigned long long count,
                                    const char *target)
{
    for (unsigned long long i = 1; i <= count; i++) {
        char order[32];
        snprintf(order, sizeof(order), "g%llu", i % 64);
        json_t *json = json_pack(
            "{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:{},s:{s:s},s:{},s:[{s:s,s:{s:s,s:s},s:{s:s},s:s,s:s}]}}",
            "target", target, "order", order, "key", order, "body", "version", "4", "status",
            "firing", "groupKey", "{}:{}", "groupLabels", "commonLabels", "alertname", "Load",
            "commonAnnotations", "alerts", "status", "firing", "labels", "alertname", "Load",
            "instance", order, "annotations", "summary", "a benchmark", "startsAt",
            "2026-11-22T00:00:00Z", "fingerprint", "0123456789abcdef");
        struct sg_outbox_row *row = make_row(i, json);
        sg_notify_send_take(n, &row, 1);
        json_decref(json);
    }
    return count;
}

int main(int argc, char **argv)
{
    struct sg_notify_config cfg;
    struct sg_receivers *receivers;
    struct sg_notify *n;
    struct sg_error err = {0};
    if (argc < 2 || load(argv[1], &receivers) < 0)
        return 2;
    sg_notify_config_default(&cfg);
    cfg.hooks.marked = marked;
    cfg.hooks.dead = dead;
    cfg.external_url = "https://sg.example";
    cfg.vapid_subject = "mailto:ops@example.org";
    if (sg_vapid_new(&cfg.vapid, &err) < 0 || sg_notify_start(&cfg, receivers, &n, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    bool many = argc == 5 && strcmp(argv[2], "--count") == 0;
    quiet = many;
    int64_t start = sg_mono_now_us();
    unsigned long long rows =
        many ? send_many(n, strtoull(argv[3], NULL, 10), argv[4]) : send_lines(n);
    int64_t limit_us = (argc == 3 ? atoll(argv[2]) : 60) * 1000000;
    while (count_finished() < rows && sg_mono_now_us() - start < limit_us)
        usleep(2000);
    double seconds = (double)(sg_mono_now_us() - start) / 1e6;
    sg_notify_stop(n, 1000);
    sg_notify_free(n);
    if (many)
        printf("%.0f notifications/s\n", (double)count_finished() / seconds);
    return count_finished() == rows ? 0 : 1;
}
