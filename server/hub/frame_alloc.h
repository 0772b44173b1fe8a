/* frame_alloc.h - making frames: one allocation that holds all columns, filled by the maker, then
 * published as const. */
#ifndef SG_HUB_FRAME_ALLOC_H
#define SG_HUB_FRAME_ALLOC_H

#include <streamgauge/frame.h>

struct sg_frame_shape {
    enum sg_frame_kind kind;
    uint32_t n_values, n_add, n_del;
    bool dense; /* no index column: FULL */
};

/* The writable columns of a frame under construction; they lie inside it. */
struct sg_frame_columns {
    double *value;
    uint32_t *index; /* NULL when dense */
    uint32_t *del;
    struct sg_frame_add *add;
};

/* refs 1, sum stale, everything else 0. Shares topic (may be NULL). Columns are not initialised:
 * the maker fills them all, add entries with a reference each. */
struct sg_frame *sg__frame_new(const struct sg_frame_shape *shape, struct sg_topic *topic,
                               struct sg_frame_columns *ret);

#endif
