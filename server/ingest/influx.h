/* influx.h - inside the Influx parser. */
#ifndef SG_INGEST_INFLUX_H
#define SG_INGEST_INFLUX_H

#include "parser.h"

/* First unescaped a or b, or end. */
const char *sg__influx_find(const char *s, const char *end, char a, char b);
/* Reads measurement and tags without registering anything. 0 or a fault. */
int sg__influx_check(struct sg__feed *f, struct sg_str series);
/* Registers the series of one field. `series` and `field` are raw. */
int sg__influx_birth(struct sg__feed *f, struct sg_hash128 key, struct sg_str series,
                     struct sg_str field, uint32_t *ret_series);

#endif
