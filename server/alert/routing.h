/* routing.h - what sg_routing_parse made of a configuration. Everything lives in its arena,
 * matchers excepted, which are deinitialised with it. Immutable. */
#ifndef SG_ALERT_ROUTING_H
#define SG_ALERT_ROUTING_H

#include "time_interval.h"

struct sg__matchers {
    struct sg_matcher *list;
    size_t n;
};

struct sg__strs {
    struct sg_str *list;
    size_t n;
};

struct sg__receiver {
    struct sg_str name;
    struct sg_integration *integrations;
    size_t n;
};

struct sg__route {
    struct sg_str key; /* "{}/{severity=\"critical\"}", Alertmanager's */
    struct sg__matchers matchers;
    const struct sg__receiver *receiver; /* NULL: nowhere */
    struct sg__strs group_by;            /* sorted */
    bool group_by_all, goes_on;
    int64_t group_wait_ms, group_interval_ms, repeat_ms;
    const struct sg__intervals **mute, **active; /* of this route only */
    size_t n_mute, n_active;
    struct sg__route *routes;
    size_t n_routes;
    uint32_t index; /* in the order of the file, the root is 0 */
};

struct sg__inhibit_rule {
    struct sg__matchers source, target;
    struct sg__strs equal;
};

struct sg__maintenance {
    struct sg_str name, comment;
    char id[37]; /* derived from the name: the same after a reload or restart */
    struct sg__matchers matchers;
    const struct sg__intervals **intervals; /* any of them; or */
    size_t n_intervals;
    int64_t starts_ms, ends_ms; /* wall clock; 0: open */
};

struct sg__deadman {
    struct sg_str name;
    struct sg__matchers matchers;
    int64_t within_ms;
    const struct sg_labels *labels, *annotations; /* of the alert; references */
};

struct sg__flapping {
    uint32_t transitions; /* 0: off */
    int64_t window_ms, stable_ms;
};

#define SG__MAX_DEADMEN 64
#define SG__MAX_TRANSITIONS 32

struct sg_routing {
    struct sg_arena arena;
    int64_t resolve_timeout_ms; /* 0: not given */
    struct sg__receiver *receivers;
    size_t n_receivers;
    struct sg__route root;
    uint32_t n_routes; /* all of them */
    struct sg__intervals *intervals;
    size_t n_intervals;
    struct sg__inhibit_rule *inhibit;
    size_t n_inhibit;
    struct sg__maintenance *maintenance;
    size_t n_maintenance;
    struct sg__deadman *deadmen;
    size_t n_deadmen;
    struct sg__flapping flapping;
    /* All matchers, to be deinitialised. */
    struct sg_matcher **made;
    size_t n_made, cap_made;
};

/* While it is being read. */
struct sg__reading {
    struct sg_routing *r;
    struct sg_error *err;
};

bool sg__matchers_match(const struct sg__matchers *m, const struct sg_labels *labels);

/* ---- between the files that parse; all return 0 or the error's code ---- */

void *sg__routing_alloc(struct sg__reading *rd, size_t count, size_t size);
int sg__routing_str(struct sg__reading *rd, struct sg_str s, struct sg_str *ret);
/* A scalar copied; absent nodes leave *ret as it is. */
int sg__routing_read_str(struct sg__reading *rd, const struct sg_yaml_node *map, const char *key,
                         struct sg_str *ret);
int sg__routing_read_strs(struct sg__reading *rd, const struct sg_yaml_node *map, const char *key,
                          struct sg__strs *ret);
/* Matchers of three keys of a map: old exact ones, old regexes, and the list of new ones. Each key
 * may be NULL. Sorted. */
int sg__routing_read_matchers(struct sg__reading *rd, const struct sg_yaml_node *map,
                              const char *const keys[3], struct sg__matchers *ret);
/* A list of names of time intervals. */
int sg__routing_read_intervals(struct sg__reading *rd, const struct sg_yaml_node *map,
                               const char *key, const struct sg__intervals ***ret, size_t *ret_n);
/* Checks that a node is a list (or absent) of at most max entries and gives their number. */
int sg__routing_list(struct sg__reading *rd, const struct sg_yaml_node *node, const char *key,
                     size_t max, size_t *ret_n);

int sg__routing_read_route(struct sg__reading *rd, const struct sg_yaml_node *root);
int sg__routing_read_inhibit(struct sg__reading *rd, const struct sg_yaml_node *root);
int sg__routing_read_maintenance(struct sg__reading *rd, const struct sg_yaml_node *root);
int sg__routing_read_deadmen(struct sg__reading *rd, const struct sg_yaml_node *root);
int sg__routing_read_flapping(struct sg__reading *rd, const struct sg_yaml_node *root);

/* ---- use ---- */

typedef void sg__route_each(void *ctx, const struct sg__route *route);
/* Calls each for the routes an alert ends in, in order. */
void sg__route_match(const struct sg__route *root, const struct sg_labels *labels,
                     sg__route_each *each, void *ctx);
/* The labels that make an alert's group under this route. Returns owned. */
const struct sg_labels *sg__route_group_labels(const struct sg__route *route,
                                               const struct sg_labels *labels);
/* Appends {a="b", c=~"d"} as Alertmanager prints it (without the space). */
void sg__matchers_print(const struct sg__matchers *m, struct sg_buf *out);

#endif
