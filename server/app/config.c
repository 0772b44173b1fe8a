/* config.c - the option table, defaults, setting one option, and checks over all of them. */
#include "config.h"

#include <arpa/inet.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>
#include <string.h>

#define AT(member) offsetof(struct sg_config, member)

/* clang-format off */
const struct sg_option sg_options[] = {
    {"listen", "listen", SG_OPT_STRINGS, AT(listen), NULL, 0, 0, "ADDR:PORT",
     "address to serve on; repeatable (default 127.0.0.1:8420 and [::1]:8420)"},
    {"data", "data", SG_OPT_STRING, AT(data), NULL, 0, 0, "DIR",
     "folder for what must survive a restart"},
    {"tick", "tick", SG_OPT_DURATION, AT(tick_ms), "100ms", 10, 1000, "DURATION",
     "base tick: the shortest interval of a stream"},
    {"retention", "retention", SG_OPT_DURATION, AT(retention_ms), "1h", 60000, 0, "DURATION",
     "how long samples stay in memory; 100y accepts any timestamp"},
    {"out_of_order", NULL, SG_OPT_DURATION, AT(out_of_order_ms), "5m", 0, 0, "DURATION",
     "how late a sample of a series may come"},
    {"idle_expiry", NULL, SG_OPT_DURATION, AT(idle_expiry_ms), "0s", 0, 0, "DURATION",
     "silence after which a series is forgotten; 0s: when its samples have left the retention"},
    {"edges", "edges", SG_OPT_UINT, AT(edges), "0", 0, 256, "N",
     "edge threads; 0: as many as cores"},
    {"anonymous", "anonymous", SG_OPT_BOOL, AT(anonymous), "false", 0, 0, NULL,
     "allow a public address without tokens, and requests without one"},
    {"deflate", "deflate", SG_OPT_BOOL, AT(deflate), "false", 0, 0, NULL,
     "offer permessage-deflate to WebSocket clients"},
    {"log_level", "log-level", SG_OPT_STRING, AT(log_level), "info", 0, 0, "LEVEL",
     "error, warn, info or debug"},
    {"tls.cert", "tls-cert", SG_OPT_STRING, AT(tls_cert), NULL, 0, 0, "FILE",
     "certificate chain, PEM; with --tls-key serves TLS"},
    {"tls.key", "tls-key", SG_OPT_STRING, AT(tls_key), NULL, 0, 0, "FILE", "private key, PEM"},
    {"tls.listen", "tls-listen", SG_OPT_STRING, AT(tls_listen), NULL, 0, 0, "ADDR:PORT",
     "a second address for TLS; without it TLS is on --listen"},
    {"auth.origins", NULL, SG_OPT_STRINGS, AT(origins), NULL, 0, 0, "ORIGIN",
     "further web origins that may connect, as https://ops.example"},
    {"auth.absent_origin", NULL, SG_OPT_BOOL, AT(absent_origin), "true", 0, 0, NULL,
     "allow WebSocket clients that send no Origin (everything but browsers)"},
    {"inputs.statsd.listen", "statsd", SG_OPT_STRING, AT(statsd_listen), "127.0.0.1:8125", 0, 0, "ADDR:PORT",
     "UDP address for StatsD and DogStatsD; off: none"},
    {"inputs.statsd.threads", NULL, SG_OPT_UINT, AT(statsd_threads), "1", 1, 64, "N",
     "threads that read it, each with its own socket"},
    {"inputs.statsd.stale_after", NULL, SG_OPT_DURATION, AT(statsd_stale_after_ms), "0s", 0, 0, "DURATION",
     "silence that makes a series stale; 0s: the lookback of 5m decides"},
    {"inputs.http.stale_after", NULL, SG_OPT_DURATION, AT(http_stale_after_ms), "0s", 0, 0, "DURATION",
     "the same for samples that come over HTTP"},
    {"inputs.host.enabled", "host", SG_OPT_BOOL, AT(host), "true", 0, 0, NULL,
     "metrics of this machine, under node_exporter's names"},
    {"inputs.host.interval", NULL, SG_OPT_DURATION, AT(host_interval_ms), "1s", 100, 3600000, "DURATION",
     "how often they are read"},
    {"query.timeout", "query-timeout", SG_OPT_DURATION, AT(query.timeout_ms), "2m", 1, 0, "DURATION",
     "a query that takes longer is given up with 503"},
    {"query.max_samples", "query-max-samples", SG_OPT_UINT, AT(query.max_samples), "50000000", 1, 1000000000000, "N",
     "samples and results one query may hold at a time; beyond: 422"},
    {"query.max_series", "query-max-series", SG_OPT_UINT, AT(query.max_series), "1000000", 1, 2000000000, "N",
     "series one selector or any part of a query may have; beyond: 422"},
    {"query.concurrency", "query-concurrency", SG_OPT_UINT, AT(query.concurrency), "20", 1, 1024, "N",
     "queries that run at a time; four times as many may wait per edge, beyond: 503"},
    {"query.result_bytes", "query-result-bytes", SG_OPT_UINT, AT(query.result_bytes), "1073741824", 1048576, 1099511627776, "BYTES",
     "memory of results that wait for slow clients, all together; beyond: 503"},
    {"query.lookback_delta", "query-lookback-delta", SG_OPT_DURATION, AT(query.lookback_ms), "5m", 1, 0, "DURATION",
     "how old a sample may be to count as the present one"},
    {"enable_features", "enable-feature", SG_OPT_STRINGS, AT(features), NULL, 0, 0, "NAME[,NAME]",
     "promql-delayed-name-removal, type-and-unit-labels: as Prometheus' flags of these names; repeatable"},
    {"limits.series", NULL, SG_OPT_UINT, AT(limits.series), "1000000", 1, 2000000000, "N",
     "series in total; new ones beyond are refused with 429"},
    {"limits.series_per_metric", NULL, SG_OPT_UINT, AT(limits.series_per_metric), "200000", 1, 2000000000, "N",
     "series of one metric name"},
    {"limits.labels_per_series", NULL, SG_OPT_UINT, AT(limits.labels_per_series), "40", 1, 1000, "N",
     "labels of one series, the name included"},
    {"limits.label_length", NULL, SG_OPT_UINT, AT(limits.label_length), "1024", 16, 65536, "BYTES",
     "length of a metric name, label name or label value"},
    {"limits.exemplars", NULL, SG_OPT_UINT, AT(limits.exemplars), "100000", 0, 10000000, "N",
     "exemplars kept, of all series together: a new one takes the place of the oldest; 0: none"},
    {"limits.line_bytes", NULL, SG_OPT_UINT, AT(limits.line_bytes), "65536", 256, 16777216, "BYTES",
     "length of one line of a text format"},
    {"limits.body_bytes", NULL, SG_OPT_UINT, AT(limits.body_bytes), "67108864", 1024, 4294967296, "BYTES",
     "request body after decompression; longer: 413"},
    {"limits.queue_bytes", NULL, SG_OPT_UINT, AT(limits.queue_bytes), "134217728", 1048576, 17179869184, "BYTES",
     "batches waiting for the engine; full: HTTP says 429, UDP counts a drop"},
    {"limits.sessions", NULL, SG_OPT_UINT, AT(limits.sessions), "20000", 1, 1000000, "N",
     "connections in total; beyond: 503 or close 1013"},
    {"limits.sessions_per_address", NULL, SG_OPT_UINT, AT(limits.sessions_per_address), "1000", 1, 1000000, "N",
     "connections of one address (IPv6: one /64); 127.0.0.1 and ::1 have no limit"},
    {"limits.subscriptions_per_session", NULL, SG_OPT_UINT, AT(limits.subscriptions_per_session), "200", 1, 10000, "N",
     "subscriptions of one session"},
    {"limits.message_bytes", NULL, SG_OPT_UINT, AT(limits.message_bytes), "65536", 1024, 16777216, "BYTES",
     "one WebSocket message of a client; longer: close 1009"},
    {"limits.streams", NULL, SG_OPT_UINT, AT(limits.streams), "10000", 1, 1000000, "N",
     "distinct streams that are evaluated"},
    {"limits.stream_bytes", NULL, SG_OPT_UINT, AT(limits.stream_bytes), "1073741824", 1048576, 1099511627776, "BYTES",
     "memory of expressions and intermediate results of all streams and rules; beyond: a stream is an error, and tries again after 1m"},
    {"limits.series_per_stream", NULL, SG_OPT_UINT, AT(limits.series_per_stream), "10000", 1, 1000000, "N",
     "series in one stream's result; further ones are left out and counted, but are in the simple form's sum"},
    {"limits.history_points", NULL, SG_OPT_UINT, AT(limits.history_points), "11000", 1, 1000000, "N",
     "points before now that one subscription may ask for"},
    {"limits.alerts", NULL, SG_OPT_UINT, AT(limits.alerts), "100000", 1, 10000000, "N",
     "alerts of all rules, and as many from the API"},
    {"limits.silences", NULL, SG_OPT_UINT, AT(limits.silences), "10000", 1, 1000000, "N",
     "silences, those that have expired within 5 days included"},
    {"limits.outbox_rows", NULL, SG_OPT_UINT, AT(limits.outbox_rows), "100000", 100, 100000000, "N",
     "notifications waiting to be sent; beyond: the oldest are given up, which is an alert"},
    {"limits.push_subscriptions", NULL, SG_OPT_UINT, AT(limits.push_subscriptions), "1000", 1, 100000, "N",
     "browsers that may subscribe to Web Push; beyond: 429"},
    {"limits.dashboards", NULL, SG_OPT_UINT, AT(limits.dashboards), "1000", 1, 100000, "N",
     "dashboards that may be stored, each at most 1 MiB"},
    {"rule_files", "rules", SG_OPT_STRINGS, AT(rule_files), NULL, 0, 0, "FILE",
     "Prometheus rule files; may have wildcards; repeatable"},
    {"evaluation_interval", NULL, SG_OPT_DURATION, AT(evaluation_ms), "1s", 10, 86400000, "DURATION",
     "how often rules are evaluated whose group does not say"},
    {"restart_grace", NULL, SG_OPT_DURATION, AT(restart_grace_ms), "1m", 0, 3600000, "DURATION",
     "after a start, how long an alert of before fires on though no sample says so"},
    {"external_url", "external-url", SG_OPT_STRING, AT(external_url), NULL, 0, 0, "URL",
     "how people reach this server, for links in notifications"},
};
/* clang-format on */
const size_t sg_n_options = SG_ARRAY_LEN(sg_options);

void sg_strings_add(struct sg_strings *s, const char *item)
{
    s->items = sg_grow(s->items, &s->cap, s->n + 1, sizeof(*s->items));
    s->items[s->n++] = sg_strdup(item);
}

void sg_config_init(struct sg_config *c)
{
    *c = (struct sg_config){0};
    for (size_t i = 0; i < sg_n_options; i++) {
        if (sg_options[i].value) {
            int rc = sg_config_set(c, &sg_options[i], sg_options[i].value, NULL);
            SG_ASSERT(rc == 0);
        }
    }
}

void sg_strings_clear(struct sg_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        sg_free(s->items[i]);
    sg_free(s->items);
    *s = (struct sg_strings){0};
}

void sg_config_deinit(struct sg_config *c)
{
    for (size_t i = 0; i < sg_n_options; i++) {
        char *at = (char *)c + sg_options[i].offset;
        if (sg_options[i].kind == SG_OPT_STRING)
            sg_free(*(char **)(void *)at);
        else if (sg_options[i].kind == SG_OPT_STRINGS)
            sg_strings_clear((struct sg_strings *)(void *)at);
    }
    for (size_t i = 0; i < c->n_tokens; i++) {
        sg_free(c->tokens[i].name);
        sg_free(c->tokens[i].hash);
    }
    for (size_t i = 0; i < c->n_streams; i++) {
        sg_free(c->streams[i].name);
        sg_free(c->streams[i].expr);
    }
    for (size_t i = 0; i < c->n_external_labels; i++) {
        sg_free(c->external_labels[i].name);
        sg_free(c->external_labels[i].value);
    }
    sg_free(c->external_labels);
    sg_free(c->tokens);
    sg_free(c->streams);
    sg_free(c->file);
    sg_yaml_free(c->yaml);
    *c = (struct sg_config){0};
}

static int set_bool(bool *at, const char *text, struct sg_error *reterr)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        *at = text[0] == 't';
        return 0;
    }
    return sg_error_set(reterr, SG_EINVALID, "expected true or false, got '%s'", text);
}

static int set_uint(uint64_t *at, const struct sg_option *o, const char *text,
                    struct sg_error *reterr)
{
    uint64_t v;
    if (sg_u64_parse(text, strlen(text), &v) < 0 || v < o->min || v > o->max)
        return sg_error_set(reterr, SG_EINVALID,
                            "expected a whole number from %llu to %llu, got '%s'",
                            (unsigned long long)o->min, (unsigned long long)o->max, text);
    *at = v;
    return 0;
}

static int set_duration(int64_t *at, const struct sg_option *o, const char *text,
                        struct sg_error *reterr)
{
    int64_t ms;
    char low[48], high[48];
    if (sg_duration_parse(sg_str_from(text), &ms, NULL) < 0)
        return sg_error_set(reterr, SG_EINVALID, "expected a duration as 100ms or 1h30m, got '%s'",
                            text);
    if ((uint64_t)ms < o->min || (o->max && (uint64_t)ms > o->max)) {
        sg_duration_format((int64_t)o->min, low);
        sg_duration_format((int64_t)o->max, high);
        return sg_error_set(reterr, SG_EINVALID, "expected a duration of at least %s%s%s, got '%s'",
                            low, o->max ? " and at most " : "", o->max ? high : "", text);
    }
    *at = ms;
    return 0;
}

int sg_config_set(struct sg_config *c, const struct sg_option *o, const char *text,
                  struct sg_error *reterr)
{
    void *at = (char *)c + o->offset;
    switch (o->kind) {
    case SG_OPT_STRING:
        if (sg__config_check_text(o, text, reterr) < 0)
            return SG_EINVALID;
        sg_free(*(char **)at);
        *(char **)at = sg_strdup(text);
        return 0;
    case SG_OPT_STRINGS:
        if (sg__config_check_text(o, text, reterr) < 0)
            return SG_EINVALID;
        sg_strings_add(at, text);
        return 0;
    case SG_OPT_BOOL:
        return set_bool(at, text, reterr);
    case SG_OPT_UINT:
        return set_uint(at, o, text, reterr);
    case SG_OPT_DURATION:
        return set_duration(at, o, text, reterr);
    }
    return sg_error_set(reterr, SG_EINVALID, "unknown kind of option");
}

int sg_address_parse(const char *text, char *ret_host, uint16_t *ret_port, struct sg_error *reterr)
{
    const char *colon = strrchr(text, ':');
    const char *host = text, *host_end = colon;
    uint64_t port;
    if (!colon || sg_u64_parse(colon + 1, strlen(colon + 1), &port) < 0 || port > 65535)
        return sg_error_set(reterr, SG_EINVALID,
                            "expected ADDRESS:PORT as 127.0.0.1:8420 or [::1]:8420, got '%s'",
                            text);
    if (*host == '[' && host_end > host + 1 && host_end[-1] == ']') {
        host++;
        host_end--;
    } else if (memchr(host, ':', (size_t)(host_end - host))) {
        return sg_error_set(reterr, SG_EINVALID,
                            "an IPv6 address needs brackets, as [::1]:8420: '%s'", text);
    }
    size_t n = (size_t)(host_end - host);
    if (n >= 64)
        return sg_error_set(reterr, SG_EINVALID, "the address in '%s' is too long", text);
    memcpy(ret_host, host, n);
    ret_host[n] = '\0';
    *ret_port = (uint16_t)port;
    struct in_addr v4;
    struct in6_addr v6;
    if (n == 0 || strcmp(ret_host, "*") == 0)
        memcpy(ret_host, "0.0.0.0", sizeof("0.0.0.0"));
    else if (strcmp(ret_host, "localhost") == 0)
        memcpy(ret_host, "127.0.0.1", sizeof("127.0.0.1"));
    else if (inet_pton(AF_INET, ret_host, &v4) != 1 && inet_pton(AF_INET6, ret_host, &v6) != 1)
        return sg_error_set(reterr, SG_EINVALID, "expected an IP address before the port, got '%s'",
                            ret_host);
    return 0;
}

bool sg_address_is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(host, "::1") == 0;
}
