/* labels.h - immutable, sorted, reference-counted label sets, and the builder that makes them.
 *
 * One block of memory holds a whole set: offsets, then the bytes of name, value, name, value, …
 * Sorted by name in byte order, names unique, no empty values (an empty value means "no such
 * label", as in Prometheus). The metric name is the label "__name__". Reading is safe from any
 * thread; ref and unref are atomic.
 *
 *     SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
 *     sg_labels_builder_init(&b);
 *     sg_labels_builder_set(&b, SG_STR("__name__"), SG_STR("up"));
 *     const struct sg_labels *l = sg_labels_builder_build(&b);   // returns owned; sg_labels_unref
 */
#ifndef STREAMGAUGE_LABELS_H
#define STREAMGAUGE_LABELS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/str.h>

#define SG_METRIC_NAME SG_STR("__name__")

struct sg_label {
    struct sg_str name, value;
};

struct sg_labels {
    _Atomic uint32_t refs;
    uint32_t count;  /* labels */
    uint64_t hash;   /* of the bytes and their boundaries; equal sets have equal hashes within one
                        process */
    uint32_t bytes;  /* of all names and values */
    uint32_t ends[]; /* 2 * count end offsets: name, value, name, …; the bytes follow */
};

static inline const char *sg_labels_bytes(const struct sg_labels *l)
{
    return (const char *)(l->ends + 2 * (size_t)l->count);
}

/* The i-th label, i < count. Borrowed while the set lives. O(1). */
static inline struct sg_label sg_labels_at(const struct sg_labels *l, uint32_t i)
{
    const char *bytes = sg_labels_bytes(l);
    uint32_t start = i ? l->ends[2 * i - 1] : 0, mid = l->ends[2 * i], end = l->ends[2 * i + 1];
    return (struct sg_label){{bytes + start, mid - start}, {bytes + mid, end - mid}};
}

/* The empty set; a shared constant, ref and unref are allowed. */
SG_API const struct sg_labels *sg_labels_empty(void);
SG_API const struct sg_labels *sg_labels_ref(const struct sg_labels *l);
SG_API void sg_labels_unref(const struct sg_labels *l); /* accepts NULL */
/* Value of a label; {NULL, 0} when the set does not have it. O(log count). */
SG_API struct sg_str sg_labels_get(const struct sg_labels *l, struct sg_str name);
SG_API bool sg_labels_eq(const struct sg_labels *a, const struct sg_labels *b);
/* Order of Prometheus: label by label, name then value, shorter set first. */
SG_API int sg_labels_cmp(const struct sg_labels *a, const struct sg_labels *b);
/* Heap bytes one set takes. */
SG_API size_t sg_labels_size(const struct sg_labels *l);

/* `up{a="b", c="d"}`: values escaped as Go's %q does; `up` when there is only a metric name, `{}`
 * for the empty set; names that are not [a-zA-Z_][a-zA-Z0-9_]* are quoted as in PromQL 3.x:
 * `{"my.metric", "a.b"="c"}`. */
SG_API void sg_labels_print(const struct sg_labels *l, struct sg_buf *out);
/* {"__name__":"up","job":"x"}: a JSON object. */
SG_API void sg_labels_print_json(const struct sg_labels *l, struct sg_buf *out);

/* Legacy names: [a-zA-Z_:][a-zA-Z0-9_:]* for metrics, without ':' for labels. */
SG_API bool sg_metric_name_valid(struct sg_str s);
SG_API bool sg_label_name_valid(struct sg_str s);

/* ---- builder: collects, then sorts and copies once. Strings given to it are copied. Not thread
 * safe. ---- */
struct sg_labels_builder {
    struct sg_label *labels; /* name.p and value.p are offsets into bytes until build */
    size_t count, cap;
    struct sg_buf bytes;
};

SG_API void sg_labels_builder_init(struct sg_labels_builder *b);
SG_API void sg_labels_builder_deinit(struct sg_labels_builder *b);
SG_API void sg_labels_builder_reset(struct sg_labels_builder *b);
/* Empties the builder and adds every label of l. */
SG_API void sg_labels_builder_load(struct sg_labels_builder *b, const struct sg_labels *l);
/* Adds or replaces; an empty value removes. O(count). */
SG_API void sg_labels_builder_set(struct sg_labels_builder *b, struct sg_str name,
                                  struct sg_str value);
/* Adds without looking for an earlier one of that name (fast path; duplicates are found by
 * build_checked). */
SG_API void sg_labels_builder_add(struct sg_labels_builder *b, struct sg_str name,
                                  struct sg_str value);
SG_API void sg_labels_builder_del(struct sg_labels_builder *b, struct sg_str name);
/* {NULL, 0} when absent. Borrowed until the next change. */
SG_API struct sg_str sg_labels_builder_get(const struct sg_labels_builder *b, struct sg_str name);
/* Returns owned. Drops empty values. A name added twice: the last one counts. The builder keeps its
 * content. */
SG_API const struct sg_labels *sg_labels_builder_build(struct sg_labels_builder *b);
/* As build, but a name added twice gives NULL and SG_EINVALID naming it. */
SG_API const struct sg_labels *sg_labels_builder_build_checked(struct sg_labels_builder *b,
                                                               struct sg_error *reterr);

/* The labels of l whose names are (keep: true) or are not (keep: false) among the n sorted names.
 * Returns owned. */
SG_API const struct sg_labels *sg_labels_project(const struct sg_labels *l,
                                                 const struct sg_str *names, size_t n, bool keep);
#endif
