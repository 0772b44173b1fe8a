/* api_status.c - metadata, build and runtime information, cardinality, and the lists that are
 * empty here. */
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>
#include <string.h>
#include <unistd.h>

#include "net/api.h"

/* The version of Prometheus whose API this is: clients decide by it what they may ask for. */
#define API_VERSION "3.5.0"
#define TOP_DEFAULT 10
#define TOP_MAX 10000

static void answer_text(struct sg_net_exchange *x, const char *json)
{
    sg__api_begin(x);
    sg_buf_puts(&x->out, json);
    sg__api_end(x, NULL);
}

/* ---- metadata ---- */

static const char *const metric_types[] = {
    [SG_METRIC_UNKNOWN] = "unknown", [SG_METRIC_COUNTER] = "counter",
    [SG_METRIC_GAUGE] = "gauge",     [SG_METRIC_HISTOGRAM] = "histogram",
    [SG_METRIC_SUMMARY] = "summary", [SG_METRIC_GAUGE_HISTOGRAM] = "gaugehistogram",
    [SG_METRIC_INFO] = "info",       [SG_METRIC_STATESET] = "stateset",
};

struct families {
    struct sg_str only; /* empty: all */
    struct sg_metadata *items;
    size_t n, cap;
};

static char *copy(const char *text)
{
    return sg_strdup(text ? text : "");
}

static void add_family(void *ctx, const struct sg_metadata *m)
{
    struct families *f = ctx;
    if (f->only.n && !sg_str_eq_c(f->only, m->metric))
        return;
    f->items = sg_grow(f->items, &f->cap, f->n + 1, sizeof(*f->items));
    f->items[f->n++] = (struct sg_metadata){copy(m->metric), copy(m->help), copy(m->unit), m->type};
}

static int by_metric(const void *a, const void *b)
{
    return strcmp(((const struct sg_metadata *)a)->metric, ((const struct sg_metadata *)b)->metric);
}

static void families_deinit(struct families *f)
{
    for (size_t i = 0; i < f->n; i++) {
        sg_free(f->items[i].metric);
        sg_free(f->items[i].help);
        sg_free(f->items[i].unit);
    }
    sg_free(f->items);
}

static void put_family(struct sg_buf *b, const struct sg_metadata *m)
{
    sg_buf_put_json_str(b, sg_str_from(m->metric));
    sg_buf_printf(b, ":[{\"type\":\"%s\",\"unit\":", metric_types[m->type]);
    sg_buf_put_json_str(b, sg_str_from(m->unit));
    sg_buf_puts(b, ",\"help\":");
    sg_buf_put_json_str(b, sg_str_from(m->help));
    sg_buf_puts(b, "}]");
}

static void answer_metadata(struct sg_api *api, struct sg_net_exchange *x, struct sg_str only,
                            size_t limit, bool limited)
{
    struct families f = {.only = only};
    sg__api_settle(api);
    sg_store_metadata_each(api->cfg.store, add_family, &f);
    if (f.n)
        qsort(f.items, f.n, sizeof(*f.items), by_metric);
    sg__api_begin(x);
    sg_buf_putc(&x->out, '{');
    for (size_t i = 0; i < f.n && (!limited || i < limit); i++) {
        if (i)
            sg_buf_putc(&x->out, ',');
        put_family(&x->out, &f.items[i]);
        if (sg_net_exchange_flush(x) < 0)
            break;
    }
    sg_buf_putc(&x->out, '}');
    sg__api_end(x, NULL);
    families_deinit(&f);
}

void sg__api_metadata(void *ctx, struct sg_net_exchange *x)
{
    struct sg__form f;
    struct sg_error err = {0};
    size_t limit = 0, per_metric = 0; /* a metric has one entry here at most */
    if (sg__form_init(&f, x, &err) < 0 || sg__limit_parse(&f, "limit", &limit, &err) < 0 ||
        sg__limit_parse(&f, "limit_per_metric", &per_metric, &err) < 0)
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
    else
        answer_metadata(ctx, x, sg__form_get(&f, "metric"), limit, sg__form_get(&f, "limit").n > 0);
    sg__form_deinit(&f);
}

/* ---- build and runtime ---- */

void sg__api_buildinfo(void *ctx, struct sg_net_exchange *x)
{
    (void)ctx;
    answer_text(x, "{\"version\":\"" API_VERSION "\",\"revision\":\"streamgauge-" SG_VERSION
                   "\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\","
                   "\"application\":\"streamgauge\"}");
}

void sg__api_runtimeinfo(void *ctx, struct sg_net_exchange *x)
{
    const struct sg_api *api = ctx;
    char started[40], now[40], retention[48], host[256] = "", cwd[1024] = "";
    sg_rfc3339_format(api->cfg.started_ms, started);
    sg_rfc3339_format(sg_wall_now_ms(), now);
    sg_duration_format(api->cfg.retention_ms, retention);
    /* Where it runs is nothing for every reader. */
    bool admin = x->rights & SG_RIGHT_ADMIN;
    if (admin)
        (void)gethostname(host, sizeof(host) - 1);
    if (admin && !getcwd(cwd, sizeof(cwd)))
        cwd[0] = '\0';
    sg__api_begin(x);
    sg_buf_printf(&x->out, "{\"startTime\":\"%s\",\"CWD\":", started);
    sg_buf_put_json_str(&x->out, sg_str_from(cwd));
    sg_buf_puts(&x->out, ",\"hostname\":");
    sg_buf_put_json_str(&x->out, sg_str_from(host));
    sg_buf_printf(&x->out,
                  ",\"serverTime\":\"%s\",\"reloadConfigSuccess\":true,\"lastConfigTime\":\"%s\","
                  "\"corruptionCount\":0,\"goroutineCount\":0,\"GOMAXPROCS\":%ld,\"GOMEMLIMIT\":0,"
                  "\"GOGC\":\"\",\"GODEBUG\":\"\",\"storageRetention\":\"%s\"}",
                  now, started, sysconf(_SC_NPROCESSORS_ONLN), retention);
    sg__api_end(x, NULL);
}

/* ---- cardinality ---- */

struct count {
    char *name;
    uint64_t value;
};

/* The largest counts so far, sorted. */
struct top {
    struct count *items;
    size_t n, max;
};

static void top_add(struct top *t, struct sg_str name, struct sg_str value, uint64_t count)
{
    size_t at = t->n;
    while (at > 0 && t->items[at - 1].value < count)
        at--;
    if (at >= t->max)
        return;
    if (t->n == t->max)
        sg_free(t->items[--t->n].name);
    memmove(t->items + at + 1, t->items + at, (t->n - at) * sizeof(*t->items));
    char *text = sg_alloc(name.n + value.n + 2);
    memcpy(text, name.p, name.n);
    size_t n = name.n;
    if (value.p) {
        text[n++] = '=';
        memcpy(text + n, value.p, value.n);
        n += value.n;
    }
    text[n] = '\0';
    t->items[at] = (struct count){text, count};
    t->n++;
}

static void top_put(struct top *t, struct sg_buf *b, const char *key)
{
    sg_buf_printf(b, ",\"%s\":[", key);
    for (size_t i = 0; i < t->n; i++) {
        sg_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
        sg_buf_put_json_str(b, sg_str_from(t->items[i].name));
        sg_buf_printf(b, ",\"value\":%llu}", (unsigned long long)t->items[i].value);
        sg_free(t->items[i].name);
    }
    sg_buf_putc(b, ']');
    sg_free(t->items);
}

/* Names and values are copied first: the listings' callbacks must not list in turn. */
struct names {
    struct sg_buf bytes; /* each with a NUL behind it */
    size_t n, total;     /* total: bytes without the NULs */
};

static void add_name(void *ctx, struct sg_str s)
{
    struct names *names = ctx;
    if (memchr(s.p, '\0', s.n))
        return;
    sg_buf_put_str(&names->bytes, s);
    sg_buf_putc(&names->bytes, '\0');
    names->n++;
    names->total += s.n;
}

struct cardinality {
    struct sg_store *store;
    struct top by_metric, by_label, bytes_by_label, by_pair;
    uint64_t pairs;
};

static void count_label(struct cardinality *c, struct sg_str label)
{
    struct names values = {0};
    sg_buf_init(&values.bytes, (size_t)1 << 30);
    sg_store_label_values(c->store, label, add_name, &values);
    bool is_name = sg_str_eq(label, SG_METRIC_NAME);
    uint64_t bytes = 0;
    const char *p = values.bytes.data;
    for (size_t i = 0; i < values.n && !values.bytes.failed; i++) {
        struct sg_str value = sg_str_from(p);
        uint32_t series = sg_store_count(c->store, label, value);
        bytes += (uint64_t)series * value.n;
        top_add(&c->by_pair, label, value, series);
        if (is_name)
            top_add(&c->by_metric, value, (struct sg_str){NULL, 0}, series);
        p += value.n + 1;
    }
    c->pairs += values.n;
    top_add(&c->by_label, label, (struct sg_str){NULL, 0}, values.n);
    top_add(&c->bytes_by_label, label, (struct sg_str){NULL, 0}, bytes);
    sg_buf_deinit(&values.bytes);
}

static void count_all(struct cardinality *c, size_t top, const struct sg_net_exchange *x)
{
    struct names labels = {0};
    struct top *const all[] = {&c->by_metric, &c->by_label, &c->bytes_by_label, &c->by_pair};
    for (size_t i = 0; i < SG_ARRAY_LEN(all); i++)
        *all[i] = (struct top){.items = sg_calloc(top + 1, sizeof(struct count)), .max = top};
    sg_buf_init(&labels.bytes, (size_t)1 << 30);
    sg_store_label_names(c->store, add_name, &labels);
    const char *p = labels.bytes.data;
    for (size_t i = 0; i < labels.n; i++) {
        if (atomic_load_explicit(&x->canceled, memory_order_relaxed))
            break;
        count_label(c, sg_str_from(p));
        p += strlen(p) + 1;
    }
    sg_buf_deinit(&labels.bytes);
}

static int64_t newest_sample_ms(struct sg_store *s)
{
    struct sg_querier q;
    struct sg_selection sel;
    struct sg_sample last;
    int64_t newest = INT64_MIN;
    if (sg_store_querier_open(s, &q) < 0)
        return newest;
    sg_selection_init(&sel);
    (void)q.ops->select(&q, NULL, 0, &sel, NULL);
    for (size_t i = 0; i < sel.n; i++)
        if (q.ops->last(&q, sel.series[i].handle, -SG__TIME_MAX_MS, SG__TIME_MAX_MS, &last) &&
            last.time_ms > newest)
            newest = last.time_ms;
    sg_selection_deinit(&sel);
    q.ops->close(&q);
    return newest;
}

static void answer_tsdb(struct sg_api *api, struct sg_net_exchange *x, size_t top)
{
    struct cardinality c = {.store = api->cfg.store};
    const struct sg_store_stats *stats = sg_store_get_stats(api->cfg.store);
    sg__api_settle(api);
    count_all(&c, top, x);
    int64_t max_ms = newest_sample_ms(api->cfg.store);
    /* The window may reach back that far; what is older is gone for certain. */
    int64_t min_ms = max_ms == INT64_MIN ? INT64_MAX : max_ms - api->cfg.retention_ms;
    sg__api_begin(x);
    sg_buf_printf(&x->out,
                  "{\"headStats\":{\"numSeries\":%llu,\"numLabelPairs\":%llu,\"chunkCount\":%llu,"
                  "\"minTime\":%lld,\"maxTime\":%lld}",
                  atomic_load(&stats->series), (unsigned long long)c.pairs,
                  atomic_load(&stats->chunks), (long long)min_ms, (long long)max_ms);
    top_put(&c.by_metric, &x->out, "seriesCountByMetricName");
    top_put(&c.by_label, &x->out, "labelValueCountByLabelName");
    top_put(&c.bytes_by_label, &x->out, "memoryInBytesByLabelName");
    top_put(&c.by_pair, &x->out, "seriesCountByLabelValuePair");
    sg_buf_putc(&x->out, '}');
    sg__api_end(x, NULL);
}

void sg__api_tsdb(void *ctx, struct sg_net_exchange *x)
{
    struct sg__form f;
    struct sg_error err = {0};
    size_t top = 0;
    bool good = sg__form_init(&f, x, &err) == 0 && sg__limit_parse(&f, "limit", &top, &err) == 0;
    bool given = good && sg__form_get(&f, "limit").n > 0;
    if (!good || (given && top == 0))
        sg__api_error(x, SG__BAD_DATA, "limit must be a positive number");
    else if (top > TOP_MAX)
        sg__api_error(x, SG__BAD_DATA, "limit must not exceed %d", TOP_MAX);
    else
        answer_tsdb(ctx, x, given ? top : TOP_DEFAULT);
    sg__form_deinit(&f);
}

/* ---- empty ones: nothing is scraped ---- */

void sg__api_targets(void *ctx, struct sg_net_exchange *x)
{
    (void)ctx;
    answer_text(x, "{\"activeTargets\":[],\"droppedTargets\":[],\"droppedTargetCounts\":{}}");
}
