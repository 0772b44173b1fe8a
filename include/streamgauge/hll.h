/* hll.h - HyperLogLog: distinct counts that merge, for StatsD sets.
 *
 * Precision 12: 4096 registers, standard error 1.6 %. Sparse (sorted register list) while small,
 * dense (one byte a register) beyond, so a set of ten members costs tens of bytes. Registers merge
 * by maximum, so a window is the merge of its panes. Hashes must come from sg_hash64_stable, so
 * that panes of different processes merge. Source: Flajolet et al. 2007; Ertl, arXiv 1702.01284
 * (the improved raw estimator, no bias tables).
 */
#ifndef STREAMGAUGE_HLL_H
#define STREAMGAUGE_HLL_H

#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>

#define SG_HLL_PRECISION 12
#define SG_HLL_REGISTERS (1u << SG_HLL_PRECISION)

struct sg_hll; /* a growing set; immutable once it is a sample */

SG_API struct sg_hll *sg_hll_new(void);
SG_API void sg_hll_free(const struct sg_hll *h); /* accepts NULL */
/* Aborts without memory, as does merge. */
SG_API void sg_hll_add(struct sg_hll *h, uint64_t hash);
SG_API void sg_hll_merge(struct sg_hll *into, const struct sg_hll *from);
SG_API double sg_hll_estimate(const struct sg_hll *h);
SG_API size_t sg_hll_size(const struct sg_hll *h); /* heap bytes */

#endif
