/* push_service.h - who stands behind a browser's subscription, and whom it refuses. Pure. */
#ifndef SG_NOTIFY_PUSH_SERVICE_H
#define SG_NOTIFY_PUSH_SERVICE_H

#include <stdbool.h>
#include <streamgauge/str.h>

#include "notify/map.h"

#define SG__PUSH_SERVICE_SIZE 254
/* A subscription is dropped when its service has refused that many messages in a row. */
#define SG__PUSH_REFUSALS 5

/* The domain a subscription (JSON) belongs to: the last two labels of its endpoint's host, in lower
 * case, as names below one domain are for its owner to make up; an address is whole. Empty when
 * there is none. Returns its length; dst has SG__PUSH_SERVICE_SIZE bytes, NUL-terminated. */
size_t sg__push_service(struct sg_str push, char *dst);
/* Is what that gave an address instead of a name? */
bool sg__push_service_is_address(const char *service);

/* Refusals in a row of endpoints. Bounded: the oldest are forgotten. */
struct sg__refusal;
struct sg__refusals {
    struct sg__refusal *all; /* uthash by endpoint, the oldest first */
};
/* True: it was the last one it may have, and is counted from none again. */
bool sg__refusals_add(struct sg__refusals *r, struct sg_str endpoint);
void sg__refusals_forget(struct sg__refusals *r, struct sg_str endpoint);
void sg__refusals_deinit(struct sg__refusals *r);

#endif
