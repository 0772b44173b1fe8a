/* querier.h - the table by which an evaluator asks for series. The series store implements it, a
 * test may too.
 *
 * An open querier pins what it has seen: labels, handles and objects stay valid until close, also
 * while the writer goes on. It never blocks the writer. A querier is used by one thread at a time.
 *
 *     struct sg_querier q;  sg_store_querier_open(store, &q);
 *     q.ops->select(&q, matchers, n, &sel, &err);
 *     for (i…) q.ops->read(&q, sel.series[i].handle, from_ms, until_ms, &samples);
 *     sg_selection_deinit(&sel);  q.ops->close(&q);
 */
#ifndef STREAMGAUGE_QUERIER_H
#define STREAMGAUGE_QUERIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/labels.h>
#include <streamgauge/value.h>

struct sg_matcher;
struct sg_querier;

struct sg_selected {
    uint32_t id;                    /* dense series id */
    const struct sg_labels *labels; /* borrowed until close */
    const void *handle;             /* for read and last; borrowed until close */
};

struct sg_selection {
    struct sg_selected *series; /* in no particular order */
    size_t n, cap;
};

struct sg_querier_ops {
    /* Appends every live series that matches all n matchers. Nothing matching is not an error.
     * SG_ELIMIT when more than q->max_series match, or when a regex was given up on a value; or
     * what q->stop said, without a text. */
    int (*select)(struct sg_querier *q, const struct sg_matcher *const *matchers, size_t n,
                  struct sg_selection *ret, struct sg_error *reterr);
    /* Replaces the content of `ret` by the samples with after_ms < time <= until_ms, in time order,
     * staleness markers included. */
    void (*read)(struct sg_querier *q, const void *handle, int64_t after_ms, int64_t until_ms,
                 struct sg_samples *ret);
    /* The newest sample with after_ms < time <= until_ms (may be a staleness marker). False when
     * there is none. */
    bool (*last)(struct sg_querier *q, const void *handle, int64_t after_ms, int64_t until_ms,
                 struct sg_sample *ret);
    /* Changes whenever a series is born or expires: while it is equal, an earlier selection is
     * still complete. */
    uint64_t (*generation)(struct sg_querier *q);
    void (*close)(struct sg_querier *q);
};

struct sg_querier {
    const struct sg_querier_ops *ops;
    void *ctx;         /* the implementation's */
    uint64_t slot;     /* the implementation's */
    size_t max_series; /* per select; 0: no limit */
    /* Asked before each value that select tries a regex on, since that may take long for each of
     * many; negative ends it with that. NULL: never. Both are the opener's to set. */
    int (*stop)(void *ctx);
    void *stop_ctx;
};

static inline void sg_selection_init(struct sg_selection *s)
{
    *s = (struct sg_selection){0};
}
SG_API void sg_selection_deinit(struct sg_selection *s);
SG_API void sg_selection_add(struct sg_selection *s, struct sg_selected one);

#endif
