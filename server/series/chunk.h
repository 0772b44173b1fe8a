/* chunk.h - sealed chunks: making, unpacking, freeing. */
#ifndef SERIES_CHUNK_H
#define SERIES_CHUNK_H

#include "series.h"

/* A column of samples to seal, or unpacked: obj is NULL for floats. */
struct sg__column {
    int64_t *time_ms;
    double *v;
    const void **obj;
    size_t n;
};

/* n <= SG__CODEC_MAX samples. Takes the objects' references. Counted in the statistics. */
struct sg__chunk *sg__chunk_new(struct sg__keeper *k, struct sg__column col, uint8_t kind,
                                struct sg__chunk *older);
/* Unpacks everything; obj is filled when the chunk holds objects (and col.obj is not NULL). Any
 * thread. */
void sg__chunk_unpack(const struct sg__chunk *c, struct sg__column col);
/* Retires a chunk that is unlinked; `with_objects` when nothing has taken its references over. */
void sg__chunk_retire(struct sg__keeper *k, struct sg__chunk *c, bool with_objects);
size_t sg__chunk_size(const struct sg__chunk *c); /* heap bytes, objects not included */

#endif
