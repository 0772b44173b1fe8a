/* leaf.h - the live engine as the graph's provider of leaves. */
#ifndef SG_LIVE_LEAF_H
#define SG_LIVE_LEAF_H

#include "live/feed.h"

/* Functions whose ctx is the catalog. */
struct sg_promql_leaves sg__leaves(struct sg__catalog *c);

#endif
