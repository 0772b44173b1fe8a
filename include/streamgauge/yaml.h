/* yaml.h - reading YAML: a tree of nodes that know their place, over libyaml.
 *
 * A document is read whole (at most max bytes, nesting at most 64, no aliases that multiply it).
 * Nodes are borrowed from it. Every failure names source, line and column.
 *
 *     struct sg_yaml *y;
 *     if (sg_yaml_parse(source, text, n, &y, &err) < 0) …
 *     for (size_t i = 0; i < sg_yaml_count(root); i++) { key = sg_yaml_key(root, i); … }
 *     sg_yaml_free(y);
 *
 * Immutable after parsing: any thread may read. */
#ifndef STREAMGAUGE_YAML_H
#define STREAMGAUGE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/str.h>

struct sg_yaml;
struct sg_yaml_node;

enum sg_yaml_kind {
    SG_YAML_NULL, /* empty, ~ or null, plain style */
    SG_YAML_SCALAR,
    SG_YAML_LIST,
    SG_YAML_MAP,
};

/* Copies what it needs of text. source: a file's name for errors. The first document only; an empty
 * text is a NULL root. SG_ESYNTAX; SG_ELIMIT. A key that comes twice in a map is SG_ESYNTAX. */
SG_API SG_NODISCARD int sg_yaml_parse(const char *source, const char *text, size_t n,
                                      struct sg_yaml **ret, struct sg_error *reterr);
SG_API void sg_yaml_free(struct sg_yaml *y); /* accepts NULL */
SG_API const struct sg_yaml_node *sg_yaml_root(const struct sg_yaml *y);

SG_API enum sg_yaml_kind sg_yaml_kind(const struct sg_yaml_node *node);
/* Text of a scalar, NUL-terminated behind its end; "" for others and NULL. */
SG_API struct sg_str sg_yaml_text(const struct sg_yaml_node *node);
/* True for a scalar in quotes or a block: always a string, never a number or bool. */
SG_API bool sg_yaml_quoted(const struct sg_yaml_node *node);
/* Entries of a list or map; 0 for others and NULL. */
SG_API size_t sg_yaml_count(const struct sg_yaml_node *node);
/* The i-th item of a list, or value of a map. */
SG_API const struct sg_yaml_node *sg_yaml_at(const struct sg_yaml_node *node, size_t i);
/* The i-th key of a map (keys are scalars). */
SG_API struct sg_str sg_yaml_key(const struct sg_yaml_node *node, size_t i);
SG_API const struct sg_yaml_node *sg_yaml_key_node(const struct sg_yaml_node *node, size_t i);
/* The value of a key; NULL when absent or no map. */
SG_API const struct sg_yaml_node *sg_yaml_get(const struct sg_yaml_node *node, const char *key);
SG_API uint32_t sg_yaml_line(const struct sg_yaml_node *node);   /* from 1 */
SG_API uint32_t sg_yaml_column(const struct sg_yaml_node *node); /* from 1 */

/* Sets code SG_EINVALID, source, line, column and text. Returns SG_EINVALID. */
SG_API int sg_yaml_error(const struct sg_yaml_node *node, struct sg_error *reterr, const char *fmt,
                         ...) SG_PRINTF(3, 4);

/* Checked readings: the node must be of that kind, else an error with its place. `what` names it:
 * "group_wait". NULL nodes and node == NULL leave *ret as it is and return 0. */
SG_API SG_NODISCARD int sg_yaml_read_str(const struct sg_yaml_node *node, const char *what,
                                         struct sg_str *ret, struct sg_error *reterr);
SG_API SG_NODISCARD int sg_yaml_read_bool(const struct sg_yaml_node *node, const char *what,
                                          bool *ret, struct sg_error *reterr);
SG_API SG_NODISCARD int sg_yaml_read_u64(const struct sg_yaml_node *node, const char *what,
                                         uint64_t *ret, struct sg_error *reterr);
/* A Prometheus duration, in ms. */
SG_API SG_NODISCARD int sg_yaml_read_duration(const struct sg_yaml_node *node, const char *what,
                                              int64_t *ret_ms, struct sg_error *reterr);
/* A map whose keys all are among `known` (NULL-terminated), else an error with a "did you mean". */
SG_API SG_NODISCARD int sg_yaml_check_keys(const struct sg_yaml_node *node, const char *what,
                                           const char *const *known, struct sg_error *reterr);

#endif
