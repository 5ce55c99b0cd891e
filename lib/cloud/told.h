/*
 * told - what a connector tells of a device and of itself, as JSON.  Pure; the
 * caller frees.
 */
#ifndef MICROCA_TOLD_H
#define MICROCA_TOLD_H

#include "lib/cloud/hub.h"

/* GET /v1/devices/ID. */
char *told_device(const struct hub_device *device);
/* GET /v1/health: `why` (FAIL_NONE: nothing) is why there is no token, `until`
 * its end, Unix s, 0: it has none. */
char *told_health(
    const char *edge, const char *hub, int64_t until, const struct fail *why);
/* POST /v1/audit-heads: a head that was taken. */
char *told_head(const char *edge, bool added, bool verified);

#endif
