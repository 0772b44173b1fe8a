/* map.h - uthash with our seeded hash: keys are made of what peers say. */
#ifndef SG_NOTIFY_MAP_H
#define SG_NOTIFY_MAP_H

#include <streamgauge/hash.h>

#define HASH_FUNCTION(key, n, ret) ((ret) = (unsigned)sg_hash64(key, n))
#include <uthash.h>

#endif
