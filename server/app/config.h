/* config.h - the configuration: one table from which defaults, YAML keys, flags, --help and the
 * README's limits come.
 *
 * struct sg_config is plain data. Order of precedence: default, file, flag. Every key has a
 * default; a flag exists where one makes sense. Errors name file, line and column, or the flag.
 *
 *     struct sg_config c;
 *     sg_config_init(&c);
 *     if (sg_config_load_file(&c, "streamgauge.yml", &err) < 0 ||
 *         sg_config_parse_flags(&c, argc, argv, &err) < 0 || sg_config_check(&c, &err) < 0) …
 *     sg_config_deinit(&c);
 */
#ifndef STREAMGAUGE_APP_CONFIG_H
#define STREAMGAUGE_APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <streamgauge/error.h>
#include <streamgauge/log.h>
#include <streamgauge/net.h>
#include <streamgauge/yaml.h>

struct sg_strings {
    char **items;
    size_t n, cap;
};

struct sg_config_token {
    char *name;
    char *hash;      /* "sha256:<64 hex digits>" */
    unsigned rights; /* mask of enum sg_right */
};

struct sg_config_stream {
    char *name, *expr;
    uint32_t line, column; /* of the expression in the file, for its errors; column 0: it spans
                              lines, so places in it do not tell columns */
};

struct sg_config_label {
    char *name, *value;
};

/* Limits, each with its reason in the option table (config.c). */
struct sg_config_limits {
    uint64_t series, series_per_metric, labels_per_series, label_length;
    uint64_t body_bytes, line_bytes, queue_bytes, exemplars;
    uint64_t sessions, sessions_per_address, subscriptions_per_session, message_bytes;
    uint64_t streams, stream_bytes, series_per_stream, history_points;
    uint64_t alerts, silences, outbox_rows, push_subscriptions, dashboards;
};

struct sg_config_query {
    int64_t timeout_ms, lookback_ms;
    uint64_t max_samples, max_series, concurrency, result_bytes;
};

struct sg_config {
    struct sg_strings listen; /* "127.0.0.1:8420", "[::1]:8420"; empty: the default pair */
    char *data;               /* folder; created with mode 0700 */
    int64_t tick_ms, retention_ms, out_of_order_ms, idle_expiry_ms;
    uint64_t edges; /* 0: as many as cores */
    bool anonymous, deflate;
    char *log_level;
    char *tls_cert, *tls_key, *tls_listen; /* PEM files; tls_listen NULL: TLS on `listen` */
    struct sg_config_token *tokens;
    size_t n_tokens;
    struct sg_strings origins;
    bool absent_origin;  /* requests without Origin are allowed (no browser) */
    char *statsd_listen; /* "127.0.0.1:8125"; "off": no StatsD */
    int64_t statsd_stale_after_ms, http_stale_after_ms;
    uint64_t statsd_threads;
    bool host;
    int64_t host_interval_ms;
    struct sg_config_stream *streams;
    size_t n_streams;
    struct sg_config_limits limits;
    struct sg_config_query query;
    struct sg_strings features;   /* each may be a comma list */
    struct sg_strings rule_files; /* globs, relative to the configuration's folder */
    int64_t evaluation_ms;        /* of rule groups that give no interval */
    int64_t restart_grace_ms;     /* alerts of before a restart fire on for want of samples */
    char *external_url;           /* how people reach this server; NULL: not told */
    struct sg_config_label *external_labels;
    size_t n_external_labels;
    char *file;           /* that was read; NULL: none */
    struct sg_yaml *yaml; /* the same as it stands there, for the parts of alerting; NULL: none */
};

enum sg_option_kind {
    SG_OPT_STRING,
    SG_OPT_STRINGS, /* a list, or one value; a flag may be given several times */
    SG_OPT_BOOL,    /* flag form: --x or --no-x */
    SG_OPT_UINT,
    SG_OPT_DURATION, /* int64_t ms */
};

struct sg_option {
    const char *key;  /* dotted path in the YAML file */
    const char *flag; /* without "--"; NULL: file only */
    enum sg_option_kind kind;
    size_t offset;          /* in struct sg_config */
    const char *value;      /* default, as text */
    uint64_t min, max;      /* for UINT, and for DURATION in ms; 0 max: no bound */
    const char *arg, *help; /* arg: placeholder in --help */
};

extern const struct sg_option sg_options[];
extern const size_t sg_n_options;

/* All defaults. */
void sg_config_init(struct sg_config *c);
void sg_config_deinit(struct sg_config *c);
/* Sets one option from text. SG_EINVALID says what was expected. */
SG_NODISCARD int sg_config_set(struct sg_config *c, const struct sg_option *o, const char *text,
                               struct sg_error *reterr);
/* Reads a YAML file. Unknown keys, wrong kinds and bad values are errors with file, line and
 * column. */
SG_NODISCARD int sg_config_load_file(struct sg_config *c, const char *path,
                                     struct sg_error *reterr);
SG_NODISCARD int sg_config_load_text(struct sg_config *c, const char *source, const char *text,
                                     size_t n, struct sg_error *reterr);
/* The `--config FILE` among the arguments, or NULL. */
const char *sg_config_find_file_flag(int argc, char **argv);
/* argv[0] is skipped. "--help" is left to the caller. */
SG_NODISCARD int sg_config_parse_flags(struct sg_config *c, int argc, char **argv,
                                       struct sg_error *reterr);
/* What the text of an option must look like: addresses, levels, origins. */
SG_NODISCARD int sg__config_check_text(const struct sg_option *o, const char *text,
                                       struct sg_error *reterr);
/* What must hold over all keys: cert with key, a public address needs tokens or anonymous. Names
 * the place in the file where what is wrong stands in it. */
SG_NODISCARD int sg_config_check(const struct sg_config *c, struct sg_error *reterr);
/* Keys whose values differ and that no reload puts to use; static texts. */
size_t sg_config_needs_restart(const struct sg_config *running, const struct sg_config *now,
                               const char **ret, size_t max);
/* The flags part of `streamgauge serve --help`. */
void sg_config_print_flags(FILE *out);
/* "host:port" or "[v6]:port" into its parts; host gets 64 bytes. */
SG_NODISCARD int sg_address_parse(const char *text, char *ret_host, uint16_t *ret_port,
                                  struct sg_error *reterr);
/* True for 127.0.0.0/8, ::1 and "localhost". */
bool sg_address_is_loopback(const char *host);
void sg_strings_add(struct sg_strings *s, const char *item);
void sg_strings_clear(struct sg_strings *s);

#endif
