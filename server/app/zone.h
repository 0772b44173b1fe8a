/* zone.h - offsets of named time zones, from the system's zone files (TZif).
 *
 * The C library knows one zone per process; time intervals name many. A table belongs to one
 * thread. */
#ifndef STREAMGAUGE_APP_ZONE_H
#define STREAMGAUGE_APP_ZONE_H

#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/str.h>

struct sg_zones;

/* folder: NULL: /usr/share/zoneinfo. */
struct sg_zones *sg_zones_new(const char *folder);
void sg_zones_free(struct sg_zones *z); /* accepts NULL */
/* Seconds east of UTC at that time. Zones are read once. "Local" is /etc/localtime. SG_ENOTFOUND,
 * SG_ELIMIT (more than 1000 zones). */
SG_NODISCARD int sg_zones_offset(struct sg_zones *z, struct sg_str name, int64_t wall_ms,
                                 int32_t *ret_s);

#endif
