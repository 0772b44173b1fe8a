/* receivers.h - receivers as configured: targets with their kind and options; who may be called. */
#ifndef SG_NOTIFY_RECEIVERS_H
#define SG_NOTIFY_RECEIVERS_H

#include <stdatomic.h>
#include <streamgauge/notify.h>

#include "notify/guard.h"
#include "notify/options.h"

struct sg__kind; /* kind.h */

/* http_config and tls_config. Strings are NUL-terminated, empty when absent. */
struct sg__http_config {
    struct sg_str username, password;     /* basic_auth */
    struct sg_str identity;               /* of mail: on whose behalf */
    struct sg_str auth_type, credentials; /* authorization; bearer_token */
    struct sg__texts headers;             /* http_headers, headers */
    bool insecure_skip_verify;
    struct sg_str server_name, ca_file, cert_file, key_file, ca, cert, key;
    unsigned min_tls, max_tls; /* 10, 11, 12, 13; 0: the library's */
};

struct sg__target {
    struct sg_str name;     /* "<receiver>/<kind>/<index>" */
    struct sg_str receiver; /* its name */
    const struct sg__kind *kind;
    const struct sg__opt *table; /* of kind */
    struct sg__value *values;
    struct sg__http_config http;
    struct sg_str url; /* of kinds with a list of them: this target's; else empty */
    double rate;       /* attempts per second; 0: any */
    uint32_t concurrency;
    int64_t timeout_ms; /* of one attempt */
};

struct sg_receivers {
    atomic_uint refs;
    struct sg_arena arena;
    struct sg__target **targets;
    size_t n_targets, cap_targets;
    struct sg_integration *integrations; /* those that take rows */
    size_t n_integrations, cap_integrations;
    struct sg_str *names;
    size_t n_names, cap_names;
    struct sg__guard guard;
    int64_t give_up_ms;
    struct sg_buf printed;
};

static inline const struct sg__value *sg__opt(const struct sg__target *t, const char *name)
{
    return sg__opt_find(t->table, t->values, name);
}

/* Does it stand for many receivers that have nothing to do with each other (browsers)? */
bool sg__target_is_many(const struct sg__target *t);
struct sg_receivers *sg__receivers_ref(struct sg_receivers *r);
const struct sg__target *sg__receivers_find(const struct sg_receivers *r, struct sg_str target);

/* http_config.c; node may be NULL: all empty. */
SG_NODISCARD int sg__http_read(const struct sg_yaml_node *node, struct sg_arena *arena,
                               struct sg__http_config *ret, struct sg_error *reterr);
void sg__http_clear(struct sg__http_config *h);
SG_NODISCARD int sg__tls_read(const struct sg_yaml_node *node, struct sg_arena *arena,
                              struct sg__http_config *ret, struct sg_error *reterr);

/* print.c: appends the part of a configuration that Alertmanager's tools read, without secrets. */
void sg__receivers_print_root(const struct sg_yaml_node *root, struct sg_buf *out);

#endif
