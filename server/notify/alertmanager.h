/* alertmanager.h - the body of POST /api/v2/alerts, in pieces. */
#ifndef SG_NOTIFY_ALERTMANAGER_H
#define SG_NOTIFY_ALERTMANAGER_H

#include "notify/kind.h"

void sg__alertmanager_begin(const struct sg__target *t, struct sg__request *r);
/* json: an alert as in a notification. ends_ms: endsAt of one that fires. */
void sg__alertmanager_put(struct sg_buf *body, const char *json, int64_t ends_ms);
void sg__alertmanager_end(struct sg__request *r);

#endif
