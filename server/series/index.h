/* index.h - label name -> value -> series ids. One writer, readers within an epoch.
 *
 * A select takes its candidates from the shortest list one of the matchers offers and checks the
 * others against the candidates' own labels. Lists are not sorted: ids are used again, and keeping
 * order would cost a copy of the longest list for every series that comes back under a low id.
 */
#ifndef SERIES_INDEX_H
#define SERIES_INDEX_H

#include <streamgauge/labels.h>
#include <streamgauge/matcher.h>

#include "series.h"
#include "table.h"

struct sg__index {
    _Atomic(struct sg__terms *) names;
    struct sg__epoch *epoch;      /* shared */
    struct sg_store_stats *stats; /* shared */
};

void sg__index_init(struct sg__index *x, struct sg__epoch *epoch, struct sg_store_stats *stats);
/* No reader may be left. */
void sg__index_deinit(struct sg__index *x);

/* Writer. Adds a series that is not in it. O(labels), amortised. */
void sg__index_add(struct sg__index *x, uint32_t id, const struct sg_labels *labels);

/* Removes many series at once: their lists are rebuilt once each. `labels[i]` belongs to a removed
 * id; `is_dead(ctx, id)` must hold for exactly the removed ids among those in the index. */
struct sg__removal {
    const struct sg_labels *const *labels;
    size_t n;
    bool (*is_dead)(void *ctx, uint32_t id);
    void *ctx;
};
void sg__index_remove(struct sg__index *x, const struct sg__removal *removal);

/* The rest: any thread within an epoch. */

/* Series that have this label value; 0 when nobody has. */
uint32_t sg__index_count(const struct sg__index *x, struct sg_str name, struct sg_str value);
/* Calls for every name, or every value of a name. */
void sg__index_each_name(const struct sg__index *x, void (*each)(void *ctx, struct sg_str text),
                         void *ctx);
void sg__index_each_value(const struct sg__index *x, struct sg_str name,
                          void (*each)(void *ctx, struct sg_str text), void *ctx);

/* Where a select's candidates come from. */
struct sg__source {
    bool everything;             /* no matcher narrows it down: all series */
    const struct sg_matcher *by; /* else: the ids of all values this one matches */
};
struct sg__source sg__index_plan(const struct sg__index *x,
                                 const struct sg_matcher *const *matchers, size_t n);
/* Calls `each` for every candidate of a plan with a matcher, each id once, and `tries` before each
 * value a regex is tried on; until one of them returns false. */
struct sg__walk {
    bool (*each)(void *ctx, uint32_t id);
    bool (*tries)(void *ctx);
    void *ctx;
};
void sg__index_candidates(const struct sg__index *x, const struct sg_matcher *by,
                          const struct sg__walk *walk);

#endif
